"""The maps of a theory at one point: closed forms in arbitrary precision, the others by their emitted quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from theory.derive import Theory
from theory.gaussian import GaussianExpectation
from theory.surrogates import Surrogate
from theory.symbols import T, c, q, sigma_b2, sigma_m2

DIGITS = 30
MAPS = ("variance_map", "correlation_map", "chi")
COARSE_GAP = "no closed form: gap_out is 1 - c_out in floating point, good to about 1e-12 absolute"

Values = dict[sp.Symbol, sp.Expr]


class InputError(ValueError):
    """A value outside the domain of the maps, with the remedy."""


@dataclass(frozen=True)
class Point:
    """What comes out of a layer; undefined values are None. `total` is T where the maps need it."""

    q_out: float | None
    c_out: float | None
    gap_out: float | None
    chi: float | None
    total: float | None
    notices: tuple[str, ...]


def variance_of_means(surrogate: Surrogate, given: float | None) -> float:
    """sigma_m2 checked against the weights, which may fix it or bound it."""
    weights = surrogate.weights
    if weights.mean_square is not None:
        fixed = float(weights.mean_square)
        if given not in (None, fixed):
            raise InputError(f"--sigma-m2 {given:g}: {weights.name} have E M^2 = {fixed:g}; leave the option out")
        return fixed
    if given is None:
        raise InputError(f"--sigma-m2 is missing; give the variance of the weight means, {_range(surrogate)}")
    if weights.mean_limit is not None and given > float(weights.mean_limit) ** 2:
        raise InputError(f"--sigma-m2 {given:g}: it must be {_range(surrogate)}, since {weights.name} weights have "
                         f"|M| <= {float(weights.mean_limit):g}")  # fmt: skip
    return given


def _range(surrogate: Surrogate) -> str:
    limit = surrogate.weights.mean_limit
    return ">= 0" if limit is None else f"in [0, {float(limit) ** 2:g}]"


def evaluate(
    theory: Theory,
    means: float,
    biases: float,
    q_in: float,
    c_in: float | None,
    gap_in: float | None,
    total: float | None,
) -> Point:
    """The maps at (sigma_m2, sigma_b2, q) and at c, or at the gap 1 - c, taken as the exact numbers they are."""
    gap = 1 - sp.Rational(c_in) if gap_in is None else sp.Rational(gap_in)
    values = {sigma_m2: sp.Rational(means), sigma_b2: sp.Rational(biases), q: sp.Rational(q_in), c: 1 - gap}
    values[T] = _total(theory, values, total)
    q_out, c_out, chi = (_value(theory, name, values) for name in MAPS)
    if theory.correlation_map.has(GaussianExpectation):
        gap_out, notices = (None if c_out is None else 1 - c_out), (COARSE_GAP,)
    else:
        digits = 2 * DIGITS + (0 if gap == 0 else math.ceil(-math.log10(gap)))
        gap_out, notices = _exact(1 - theory.correlation_map, values, digits), ()
    solved = float(values[T]) if _needs_total(theory) else None
    return Point(q_out, c_out, gap_out, chi, solved, notices)


def _needs_total(theory: Theory) -> bool:
    return theory.maps.takes_total and any(getattr(theory, name).has(T) for name in MAPS)


def _total(theory: Theory, values: Values, given: float | None) -> sp.Expr:
    """T: settled by the theory, given, or the stable fixed point of the total map."""
    if _needs_total(theory):
        if given == 0:
            raise InputError("--total 0: it must be positive")
        return sp.Rational(_fixed_total(theory, values) if given is None else given)
    if given is not None:
        raise InputError(f"--total {given:g}: the maps of {theory.surrogate.name} do not depend on T; leave it out")
    return values[q] if theory.total_map.has(T) else theory.total_map.xreplace(values)


def _fixed_total(theory: Theory, values: Values) -> float:
    from scipy.optimize import brentq

    def excess(total: float) -> float:
        after = _value(theory, "total_map", values | {T: sp.Rational(total)})
        return math.nan if after is None else after - total

    grows = excess(1.0) > 0
    powers = [10.0**power if grows else 10.0**-power for power in range(13)]
    for near, far in pairwise(powers):
        if (excess(far) > 0) != grows:
            return brentq(excess, near, far, xtol=1e-300, rtol=4 * math.ulp(1.0))
    raise InputError("--total is missing, and T' has no stable positive fixed point at these variances; give it")


def _value(theory: Theory, name: str, values: Values) -> float | None:
    expression = getattr(theory, name)
    return _emitted(theory, name, values) if expression.has(GaussianExpectation) else _exact(expression, values, DIGITS)


def _exact(expression: sp.Expr, values: Values, digits: int) -> float | None:
    """The expression rounded once; zoo is a positive quantity over 0, since slopes and variances are."""
    value = expression.xreplace(values).evalf(DIGITS, maxn=max(100, digits))
    if value.has(sp.nan):
        return None
    return math.inf if value.is_infinite else float(value)


def _emitted(theory: Theory, name: str, values: Values) -> float | None:
    import numpy as np

    from meanbits import compile as compile_maps

    try:
        function: Callable[..., float] = getattr(compile_maps(theory), name)
    except (ValueError, AttributeError):
        phi = theory.surrogate.form.phi
        raise InputError(
            f"{name} of {theory.surrogate.name} has no closed form and cannot be emitted for quadrature; "
            f"choose another {'--noise or --neurons' if phi is None else '--phi'}"
        ) from None
    state = {"total_map": (T,), "variance_map": (q,)}.get(name, (c, q))
    extra = (T,) if theory.maps.takes_total and name != "total_map" else ()
    with np.errstate(all="ignore"):
        value = float(function(*(float(values[symbol]) for symbol in (*state, sigma_m2, sigma_b2, *extra))))
    return None if math.isnan(value) else value
