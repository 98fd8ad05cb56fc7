"""What is checked: a theory and the functions emitted from it, as derived or spoiled, and points to check it at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace

import numpy as np
import sympy as sp

from meanbits.experiments.verification.points import random_points
from meanbits.numerics.emission.backends import NUMPY, TORCH
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.symbols import A, B, D, T, c, q, sigma_b2, sigma_m2
from meanbits.theory.trace import Formula

MAPS = ("variance_map", "correlation_map", "chi")


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked: the theory (definitions and closed forms) and the functions emitted from it."""

    theory: Theory
    closed: dict[str, sp.Expr]
    numpy: SimpleNamespace

    @classmethod
    def of(cls, surrogate: Surrogate) -> Subject:
        """The subject of a surrogate as derived."""
        theory = derive(surrogate)
        names = (*MAPS, "replica_map")
        formulas = {name: getattr(theory.maps, name) for name in names}
        closed = {name: formula.closed for name, formula in formulas.items() if formula is not None}
        return cls(theory, closed, compile_theory(theory, NUMPY))

    @cached_property
    def torch(self) -> SimpleNamespace:
        """The emitted Torch functions."""
        return compile_theory(self.theory, TORCH)

    def formula(self, name: str) -> Formula:
        """A map of the theory by name."""
        return getattr(self.theory.maps, name)

    def arguments(self, name: str) -> tuple[sp.Symbol, ...]:
        """The arguments of an emitted map, in order."""
        state = (q,) if name == "variance_map" else (c, q)
        return (*state, sigma_m2, sigma_b2, *((T,) if self.theory.maps.takes_total else ()))

    @property
    def is_closed(self) -> bool:
        """Whether every map has a closed form."""
        return not any(self.closed[name].has(GaussianExpectation) for name in MAPS)


def spoiled(subject: Subject, relative: float) -> Subject:
    """The subject with every closed form and emitted map wrong by a relative amount (its definitions untouched)."""
    factor = sp.Rational(str(1 + relative))
    closed = {name: expression * factor for name, expression in subject.closed.items()}
    functions = {
        name: lambda *arguments, function=function: function(*arguments) * (1 + relative)
        for name, function in vars(subject.numpy).items()
        if callable(function)
    }
    return replace(subject, closed=closed, numpy=SimpleNamespace(**functions))


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest, 0 where both are infinite alike."""
    same = got == expected
    got, expected = np.where(same, 1.0, got), np.where(same, 1.0, expected)
    return float(np.max(np.abs(got - expected) / np.abs(expected)))


def few_points(subject: Subject, moderate: bool = False) -> list[dict[sp.Symbol, sp.Expr]]:
    """One point of moderate q and c, or two anywhere, q of the map itself where that does not depend on it."""
    arguments = subject.arguments("chi")
    values = random_points(subject.theory.surrogate, arguments, 1 if moderate else 2, seed=4, moderate=moderate)
    points = [{symbol: sp.Float(float(value), 30) for symbol, value in zip(arguments, row, strict=True)}
              for row in zip(*values, strict=True)]  # fmt: skip
    variance_map = subject.theory.variance_map
    return points if variance_map.has(q) else [point | {q: variance_map.subs(point)} for point in points]


def value_at(expression: sp.Expr, point: dict[sp.Symbol, sp.Expr], theory: Theory, digits: int) -> sp.Float:
    """An expression of a theory's maps at a point."""
    settled = q if theory.total_map.has(T) else theory.total_map
    total = T if theory.maps.takes_total else settled
    annealed = theory.mean_field.annealed.subs({A: 1, B: 1})  # left over where binary neurons are sampled
    return expression.subs({T: total, D: annealed}).subs(point).evalf(digits)
