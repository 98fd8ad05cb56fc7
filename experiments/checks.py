"""The checks of a derived theory. Each takes a `Subject` and measures one error; each can be shown a wrong formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace

import mpmath
import numpy as np
import sympy as sp

from experiments.points import random_points
from numerics.backends import NUMPY, TORCH
from numerics.emit import compile_theory
from theory.arbitrary_precision import FUNCTIONS
from theory.correlation import is_relative
from theory.derive import Theory, derive
from theory.gaussian import GaussianExpectation, evaluate_all
from theory.surrogates import Surrogate
from theory.symbols import A, B, D, T, c, overlap, q, sigma_b2, sigma_m2
from theory.trace import Formula

DIGITS = 13
NODE_DIGITS = 16  # of expectations that may cancel against each other
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
        name: (lambda *arguments, function=function: function(*arguments) * (1 + relative))
        if name in MAPS
        else function
        for name, function in vars(subject.numpy).items()
    }
    return replace(subject, closed=closed, numpy=SimpleNamespace(**functions))


def two_routes(subject: Subject) -> float:
    """chi by Price's theorem against the derivative of the correlation map; 0 where SymPy shows them equal."""
    derivative = subject.formula("correlation_map").closed.diff(c)
    difference = evaluate_all(derivative) - subject.closed["chi"]
    return _distance(difference, subject.closed["chi"], subject)


def definition(subject: Subject) -> float:
    """Closed forms of the two maps against their defining expectations, integrated panel by panel at 13 digits."""
    (point,) = _few_points(subject, moderate=True)
    return max(_definition_error(subject, name, point) for name in MAPS[:2])


def emitted(subject: Subject) -> float:
    """Emitted NumPy against mpmath at 30 digits over q in [1e-8, 1e4] and |c| <= 1 (closed forms)."""
    return max(_emitted_error(subject, name) for name in MAPS)


def quadrature(subject: Subject) -> float:
    """Emitted quadrature against nested Gauss-Legendre panels in mpmath (maps without closed forms)."""
    worst = 0.0
    for point in _few_points(subject, moderate=True):
        for name in MAPS:
            expected = _value(subject.formula(name).closed, point, subject.theory, DIGITS)
            got = getattr(subject.numpy, name)(*(float(point[s]) for s in subject.arguments(name)))
            worst = max(worst, float(abs(float(got) - expected) / abs(expected)))
    return worst


def torch_equals_numpy(subject: Subject) -> float:
    """Emitted Torch against emitted NumPy in float64, relative."""
    import torch

    worst = 0.0
    for name in MAPS:
        values = random_points(
            subject.theory.surrogate, subject.arguments(name), 400 if subject.is_closed else 40, seed=2
        )
        reference = getattr(subject.numpy, name)(*values)
        got = getattr(subject.torch, name)(*(torch.as_tensor(value) for value in values)).numpy()
        worst = max(worst, _relative(got, reference))
    return worst


def autograd(subject: Subject) -> float:
    """Torch's derivative of the emitted correlation map against the emitted chi, relative to its scale."""
    import torch

    values = random_points(subject.theory.surrogate, subject.arguments("chi"), 100 if subject.is_closed else 20, seed=3)
    values[0] = values[0] * 0.99
    tensors = [torch.as_tensor(value) for value in values]
    tensors[0].requires_grad_()
    subject.torch.correlation_map(*tensors).sum().backward()
    return _relative(tensors[0].grad.numpy(), subject.numpy.chi(*values))


def replica_collapse(subject: Subject) -> float:
    """The general recursion against the replica map: 0 where SymPy shows r' = g(r) for r = q/(1+q) or r = c."""
    maps = subject.theory.maps
    g = subject.closed["replica_map"]
    if is_relative(subject.theory.mean_field):
        general = maps.variance_map.closed / (1 + maps.variance_map.closed)
        difference = general - g.subs(overlap, q / (1 + q))
    else:
        difference = maps.correlation_map.closed - g.subs({overlap: c, T: q}, simultaneous=True)
    return _distance(evaluate_all(difference), g.subs(overlap, q / (1 + q)), subject)


def _distance(difference: sp.Expr, scale: sp.Expr, subject: Subject) -> float:
    """0 if the difference simplifies to 0, else its size relative to the scale at a few points, at 30 digits.

    An expectation left open is one number wherever it stands: a symbol, or its value at `NODE_DIGITS`. Evaluated as it
    stands, a difference that cancels would be integrated at ever more digits.
    """
    nodes = {node: sp.Dummy(real=True) for node in difference.atoms(GaussianExpectation)}
    masked = difference.xreplace(nodes)
    if masked == 0 or sp.simplify(masked) == 0:
        return 0.0
    worst = 0.0
    for point in _few_points(subject, moderate=bool(nodes)):
        numbers = {symbol: _value(node, point, subject.theory, NODE_DIGITS) for node, symbol in nodes.items()}
        size = _value(masked.xreplace(numbers), point, subject.theory, 30)
        worst = max(worst, float(abs(size / _value(scale, point, subject.theory, DIGITS if nodes else 30))))
    return worst


def _definition_error(subject: Subject, name: str, point: dict[sp.Symbol, sp.Expr]) -> float:
    reference = _value(subject.formula(name).definition, point, subject.theory, DIGITS)
    return float(abs(_value(subject.closed[name], point, subject.theory, DIGITS) / reference - 1))


def _emitted_error(subject: Subject, name: str) -> float:
    arguments = subject.arguments(name)
    values = random_points(subject.theory.surrogate, arguments, 200, seed=1)
    got = getattr(subject.numpy, name)(*values)
    total = {} if subject.theory.maps.takes_total else {T: subject.theory.total_map}
    exact = sp.lambdify(arguments, subject.formula(name).closed.subs(total), modules=[FUNCTIONS, "mpmath"])
    with mpmath.workdps(30):
        expected = [exact(*(mpmath.mpf(float(value)) for value in row)) for row in zip(*values, strict=True)]
        errors = [_relative_to(float(a), b) for a, b in zip(got, expected, strict=True)]
    return max(errors)


def _relative_to(got: float, expected: mpmath.mpf) -> float:
    if got == expected or (np.isinf(got) and mpmath.isinf(expected)):
        return 0.0
    return float(abs((mpmath.mpf(got) - expected) / expected))


def _relative(got: np.ndarray, expected: np.ndarray) -> float:
    same = got == expected
    return float(np.max(np.where(same, 0.0, np.abs(got - expected) / np.where(same, 1.0, np.abs(expected)))))


def _few_points(subject: Subject, moderate: bool = False) -> list[dict[sp.Symbol, sp.Expr]]:
    arguments = subject.arguments("chi")
    values = random_points(subject.theory.surrogate, arguments, 1 if moderate else 2, seed=4, moderate=moderate)
    points = [{symbol: sp.Float(float(value), 30) for symbol, value in zip(arguments, row, strict=True)}
              for row in zip(*values, strict=True)]  # fmt: skip
    variance_map = subject.theory.variance_map
    return points if variance_map.has(q) else [point | {q: variance_map.subs(point)} for point in points]


def _value(expression: sp.Expr, point: dict[sp.Symbol, sp.Expr], theory: Theory, digits: int) -> sp.Float:
    settled = q if theory.total_map.has(T) else theory.total_map
    total = T if theory.maps.takes_total else settled
    annealed = theory.mean_field.annealed.subs({A: 1, B: 1})  # left over where binary neurons are sampled
    return expression.subs({T: total, D: annealed}).subs(point).evalf(digits)


@dataclass(frozen=True)
class Check:
    """A check by name: its measure, the error it tolerates, how wrong a formula it must reject, where it applies."""

    name: str
    measure: Callable[[Subject], float]
    tolerance: float
    spoil: float
    applies: Callable[[Subject], bool]


CHECKS: tuple[Check, ...] = (
    Check("chi by two routes", two_routes, 1e-13, 1e-9, lambda subject: True),
    Check("closed form = definition", definition, 1e-12, 1e-9, lambda subject: subject.is_closed),
    Check("NumPy = mpmath, closed forms", emitted, 1e-13, 1e-11, lambda subject: subject.is_closed),
    Check("NumPy = mpmath, quadrature", quadrature, 1e-11, 1e-9, lambda subject: not subject.is_closed),
    Check("Torch = NumPy", torch_equals_numpy, 1e-12, 1e-10, lambda subject: True),
    Check("autograd = chi", autograd, 1e-10, 1e-8, lambda subject: True),
    Check("replica collapse", replica_collapse, 1e-13, 1e-9, lambda subject: "replica_map" in subject.closed),
)
