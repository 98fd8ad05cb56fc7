"""The checks of a derived theory. Each takes a `Subject` and measures one error; each can be shown a wrong formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from os import environ
from shutil import which

import mpmath
import numpy as np
import sympy as sp

from meanbits.experiments.verification.points import random_points
from meanbits.experiments.verification.subject import MAPS, Subject, few_points, relative_error, value_at
from meanbits.numerics.emission.belief import SLOPES, VALUES, comparisons
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.arbitrary_precision import FUNCTIONS
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import T, c, overlap, q

DIGITS = 13
EXACT_DIGITS = 30
NODE_DIGITS = 16  # of expectations that may cancel against each other


def two_routes(subject: Subject) -> float:
    """chi by Price's theorem against the derivative of the correlation map; 0 where SymPy shows them equal."""
    derivative = subject.formula("correlation_map").closed.diff(c)
    difference = evaluate_all(derivative) - subject.closed["chi"]
    return _distance(difference, subject.closed["chi"], subject)


def definition(subject: Subject) -> float:
    """Closed forms of the two maps against their defining expectations, integrated panel by panel at 13 digits."""
    (point,) = few_points(subject, moderate=True)
    return max(_definition_error(subject, name, point) for name in MAPS[:2])


def emitted(subject: Subject) -> float:
    """Emitted NumPy against mpmath at 30 digits over q in [1e-8, 1e4] and |c| <= 1 (closed forms)."""
    return max(_emitted_error(subject, name) for name in MAPS)


def quadrature(subject: Subject) -> float:
    """Emitted quadrature against nested Gauss-Legendre panels in mpmath (maps without closed forms)."""
    worst = 0.0
    for point in few_points(subject, moderate=True):
        for name in MAPS:
            expected = value_at(subject.formula(name).closed, point, subject.theory, DIGITS)
            got = getattr(subject.numpy, name)(*(float(point[s]) for s in subject.arguments(name)))
            worst = max(worst, float(abs(float(got) - expected) / abs(expected)))
    return worst


def every_value(subject: Subject) -> float:
    """Every emitted function against its definition by adaptive panels, at two points, relative."""
    return max(each.error for each in comparisons(subject.theory, subject.numpy) if each.tolerance == VALUES)


def every_slope(subject: Subject) -> float:
    """Every emitted slope against differences of those definitions, relative."""
    return max(each.error for each in comparisons(subject.theory, subject.numpy) if each.tolerance == SLOPES)


def ends(subject: Subject) -> float:
    """Maps at c = 1 and c = -1 against those in the gap at 0 and 2; infinite slopes agree with infinite ones."""
    arguments = subject.arguments("chi")[1:]
    rest = random_points(subject.theory.surrogate, arguments, 20, seed=5, moderate=True)
    worst = 0.0
    for c_end, gap_end in ((1.0, 0.0), (-1.0, 2.0)):
        worst = max(
            worst,
            relative_error(1 - subject.numpy.gap_map(gap_end, *rest), subject.numpy.correlation_map(c_end, *rest)),
        )
        worst = max(worst, relative_error(subject.numpy.chi_at_gap(gap_end, *rest), subject.numpy.chi(c_end, *rest)))
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
        worst = max(worst, relative_error(got, reference))
    return worst


def compiled(subject: Subject) -> float:
    """The emitted mean of a neuron under torch.compile in float32 against float64, for fields down to 1e-12."""
    import torch

    fields = np.array([sign * 10.0**k for sign in (-1, 1) for k in (-12, -8, -6, -5, -3, -1, 0)], np.float32)
    given = [fields, np.ones_like(fields)][: 1 if subject.theory.forward.field is not None else 2]
    single = torch.compile(subject.torch.mean)(*map(torch.as_tensor, given))
    return relative_error(
        single.numpy().astype(np.float64), subject.numpy.mean(*(each.astype(float) for each in given))
    )


def autograd(subject: Subject) -> float:
    """Torch's derivative of the emitted correlation map against the emitted chi, relative to its scale."""
    import torch

    values = random_points(subject.theory.surrogate, subject.arguments("chi"), 100 if subject.is_closed else 20, seed=3)
    values[0] = values[0] * 0.99
    tensors = [torch.as_tensor(value) for value in values]
    tensors[0].requires_grad_()
    subject.torch.correlation_map(*tensors).sum().backward()
    return relative_error(tensors[0].grad.numpy(), subject.numpy.chi(*values))


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
    for point in few_points(subject, moderate=bool(nodes)):
        numbers = {symbol: value_at(node, point, subject.theory, NODE_DIGITS) for node, symbol in nodes.items()}
        size = value_at(masked.xreplace(numbers), point, subject.theory, 30)
        worst = max(worst, float(abs(size / value_at(scale, point, subject.theory, DIGITS if nodes else 30))))
    return worst


def _definition_error(subject: Subject, name: str, point: dict[sp.Symbol, sp.Expr]) -> float:
    reference = value_at(subject.formula(name).definition, point, subject.theory, DIGITS)
    return float(abs(value_at(subject.closed[name], point, subject.theory, DIGITS) / reference - 1))


def _emitted_error(subject: Subject, name: str) -> float:
    arguments = subject.arguments(name)
    values, expected = _exact_values(subject.theory, name, arguments)
    got = getattr(subject.numpy, name)(*values)
    with mpmath.workdps(EXACT_DIGITS):
        errors = [_relative_to(float(a), b) for a, b in zip(got, expected, strict=True)]
    return max(errors)


@lru_cache(maxsize=64)
def _exact_values(
    theory: Theory, name: str, arguments: tuple[sp.Symbol, ...]
) -> tuple[list[np.ndarray], list[mpmath.mpf]]:
    """A closed form at random points: the same numbers for what is emitted and for what is spoiled."""
    values = random_points(theory.surrogate, arguments, 200, seed=1)
    total = {} if theory.maps.takes_total else {T: theory.total_map}
    exact = sp.lambdify(arguments, getattr(theory.maps, name).closed.subs(total), modules=[FUNCTIONS, "mpmath"])
    with mpmath.workdps(EXACT_DIGITS):
        return values, [exact(*(mpmath.mpf(float(value)) for value in row)) for row in zip(*values, strict=True)]


def _relative_to(got: float, expected: mpmath.mpf) -> float:
    if got == expected or (np.isinf(got) and mpmath.isinf(expected)):
        return 0.0
    return float(abs((mpmath.mpf(got) - expected) / expected))


def has_layers(subject: Subject) -> bool:
    """Whether it is a deep network: a single layer has other maps, compared at their closed forms."""
    return not subject.theory.surrogate.real_input


def has_compiler() -> bool:
    """Whether torch.compile can build here: it needs a C++ compiler."""
    return which(environ.get("CXX", "g++")) is not None


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
    Check("every function = definition, panels", every_value, VALUES, 1e-8, has_layers),
    Check("every slope = its differences", every_slope, SLOPES, 1e-5, has_layers),
    Check("maps at c = 1, -1 = maps in the gap", ends, 1e-12, 1e-9, lambda subject: hasattr(subject.numpy, "gap_map")),
    Check("Torch = NumPy", torch_equals_numpy, 1e-12, 1e-10, lambda subject: True),
    Check("torch.compile in float32 = float64, mean", compiled, 1e-5, 1e-3, lambda subject: has_compiler()),
    Check("autograd = chi", autograd, 1e-10, 1e-8, lambda subject: True),
    Check("replica collapse", replica_collapse, 1e-13, 1e-9, lambda subject: "replica_map" in subject.closed),
)
