"""Stage 5, as c -> 1: the maps in terms of the gap 1 - c, free of cancellation, and their limits in q."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from functools import cached_property

import sympy as sp
from sympy.core.evalf import prec_to_dps

from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.gaussian.node import substituted
from meanbits.theory.stages.correlation import Maps, is_relative
from meanbits.theory.stages.growth import far_growth, growth_of, steepest
from meanbits.theory.stages.limits import Ratios, closed_limit, infinite_mean, spread_beside, vanishing_mean
from meanbits.theory.stages.overlap import Overlap, joined, kept_whole, overlap_of, overlap_ratios, parted
from meanbits.theory.symbols import C, T, c, gap, h, q, sigma_b2, sigma_m2, u

alike, unlike, fall, slope, growth = sp.symbols("alike unlike fall slope growth", nonnegative=True)


class Portion(sp.Function):
    """x / (x + y) for x, y >= 0: 1 where y = 0 even if x is 0, or where x is infinite."""

    nargs = 2

    def _eval_evalf(self, prec: int) -> sp.Expr:
        part, rest = self.args
        if not (part.is_number and rest.is_number):
            return self
        return sp.S.One if rest == 0 or part == sp.oo else (part / (part + rest)).evalf(prec_to_dps(prec))


class Scaled(sp.Function):
    """The product of a share and a value, 0 where the share is 0 even if the value is infinite."""

    nargs = 2

    def _eval_evalf(self, prec: int) -> sp.Expr:
        share, value = self.args
        return sp.S.Zero if share == 0 else (share * value).evalf(prec_to_dps(prec))


@dataclass(frozen=True)
class Formulas:
    """Maps in terms of the ratios of the overlap."""

    variance_map: sp.Expr
    variance_slope: sp.Expr
    gap_map: sp.Expr
    chi: sp.Expr


@dataclass(frozen=True)
class GapMaps:
    """The maps in terms of (gap, q), exact to rounding at any gap in [0, 2] and q in [0, infinity].

    `ratios` is what they take of the overlap, `growth` (1 + q) times the slope in q of that of equal inputs; `formulas`
    holds each map in terms of the symbols `alike`, `unlike`, `fall`, `slope` and `growth` for these, and `ends` their
    limits at q = 0 and infinity, where E x^2 and E m^2 may vanish or diverge together. `gap_map` is
    1 - c', `chi` dc'/dc, `variance_map` q', `variance_slope` dq'/dq, `slope_at_infinity` its limit; `total_map` T' and
    `total_slope` dT'/dT, at T in [0, infinity].
    """

    ratios: Ratios
    growth: sp.Expr
    formulas: Formulas
    ends: tuple[Formulas, Formulas]
    slope_at_infinity: sp.Expr
    total_map: sp.Expr
    total_slope: sp.Expr

    @property
    def variance_map(self) -> sp.Expr:
        """q' with its limits at q = 0 and infinity."""
        return joined(*self._parts("variance_map"))

    @property
    def variance_slope(self) -> sp.Expr:
        """dq'/dq with its limits at q = 0 and infinity."""
        if self.growth == 0:
            return sp.S.Zero
        inside, zero, _ = self._parts("variance_slope")
        inside = sp.cancel(inside) if inside.is_rational_function() else inside
        return joined(inside, zero.subs(q, 0), self.slope_at_infinity)

    @property
    def gap_map(self) -> sp.Expr:
        """1 - c'."""
        return joined(*self._parts("gap_map"))

    @cached_property
    def chi(self) -> sp.Expr:
        """dc'/dc."""
        return joined(*self._parts("chi"))

    def _parts(self, name: str) -> tuple[sp.Expr, ...]:
        """A map at q between 0 and infinity, at 0, and at infinity."""
        formulas = (self.formulas, *self.ends)
        return tuple(_substituted(getattr(each, name), values)
                     for each, values in zip(formulas, self._limits, strict=True))  # fmt: skip

    @cached_property
    def _limits(self) -> tuple[dict[sp.Symbol, sp.Expr], ...]:
        """What the ratios and `growth` are between 0 and infinity, at 0, and at infinity."""
        names = (alike, unlike, fall, slope, growth)
        parts = zip(*map(parted, (*astuple(self.ratios), self.growth)), strict=True)
        return tuple(dict(zip(names, values, strict=True)) for values in parts)


def _substituted(formula: sp.Expr, values: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    """A map in terms of q; those parts of the overlap itself are at hand: nothing to divide and multiply by."""
    if not values[slope].subs(gap, 0).has(sp.zoo, sp.oo):
        formula = formula.replace(lambda e: isinstance(e, Scaled) and e.args[1] != alike, lambda e: sp.Mul(*e.args))
    for relative in (fall, slope):
        formula = formula.subs(alike * relative, values[alike] * values[relative])
    quotients = {each: kept_whole(values[each]) for each in (fall, slope) if values[each].has(q)}
    return substituted(formula, values | quotients).xreplace({sp.zoo: sp.oo})


def gap_maps(maps: Maps) -> GapMaps | None:
    """The correlation map of `maps` in the gap; None where the overlap is no expectation of a product f(u) f(v)."""
    found = overlap_of(maps)
    if maps.overlap.definition == c:  # a single layer on real inputs
        ratios, rate = Ratios(sp.S.One, sp.S.Zero, gap, sp.S.One), sp.S.Zero
    elif found is None:
        return None
    else:
        ratios, rate = overlap_ratios(found), growth_of(found, _square(maps, found))
    formulas = _formulas(maps, ratios, _norm(maps))
    ends = [formulas if found is None else _at_end(maps, found, ratios, formulas, far) for far in (False, True)]
    if parted(ratios.alike)[2] == sp.oo:
        formulas, *ends = (Formulas(*map(_kept_finite, astuple(each))) for each in (formulas, *ends))
    return GapMaps(ratios, rate, formulas, (ends[0], ends[1]), _slope_at_infinity(maps, ratios, found),
                   *_totals(maps, found))  # fmt: skip


def _square(maps: Maps, found: Overlap) -> sp.Expr:
    """What q grows by: f^2 where q is relative, E[x^2|u] where it is the field variance itself."""
    return found.function**2 if is_relative(maps.mean_field) else found.second


def _at_end(maps: Maps, found: Overlap, ratios: Ratios, formulas: Formulas, far: bool) -> Formulas:
    """The maps at q = 0 or infinity, by the quotient of E x^2 and E m^2 if both vanish or diverge there and differ."""
    total = parted(ratios.alike + ratios.unlike)[2 if far else 1]
    if is_relative(maps.mean_field) or found.spread == 0 or found.second.is_number or total not in (0, sp.oo, sp.nan):
        return formulas
    beside, norm = spread_beside(found.function, found.spread, far), _total(maps)
    if beside == sp.oo:  # nothing is left that two inputs share but biases
        apart, chi = Portion(norm.coeff(unlike) * unlike, sigma_b2), sp.nan if _diverges(ratios) else sp.S.Zero
        return Formulas(norm.subs(alike, 0), formulas.variance_slope, apart, chi)
    if beside == sp.nan:
        return Formulas(norm.subs(unlike, alike), formulas.variance_slope, sp.nan, sp.nan)
    norm = sp.expand(norm.subs(unlike, beside * alike))
    return replace(_formulas(maps, ratios, norm), variance_map=norm)


def _norm(maps: Maps) -> sp.Expr:
    """What the correlation map is relative to."""
    return maps.mean_field.covariance.subs(C, alike) if is_relative(maps.mean_field) else _total(maps)


def _formulas(maps: Maps, ratios: Ratios, norm: sp.Expr) -> Formulas:
    covariance = maps.mean_field.covariance.subs(C, alike)
    weight, apart = covariance.coeff(alike), sp.expand(norm - covariance)
    if norm.subs({alike: 0, sigma_b2: 0}) == 0:  # signal and norm vanish, and diverge, together
        share = Portion(norm.coeff(alike) * alike, sigma_b2) / norm.coeff(alike)
        offset, part = sp.cancel(apart / alike) * share, weight * share
        chi = Scaled(part, slope) if _diverges(ratios) else part * slope
        return Formulas(variance_map(maps), _variance_slope(maps), offset + part * fall, chi)
    offset = sp.S.Zero if is_relative(maps.mean_field) else _annealed(maps) / norm
    steep = weight / norm * (alike * slope)
    chi = Scaled(weight / norm, alike * slope) if _diverges(ratios) and not weight.is_number else steep
    return Formulas(variance_map(maps), _variance_slope(maps), offset + weight * (alike * fall) / norm, chi)


def _kept_finite(formula: sp.Expr) -> sp.Expr:
    """0 times an overlap that diverges as 0."""
    return formula.subs(sigma_m2 * alike, Scaled(sigma_m2, alike))


def _diverges(ratios: Ratios) -> bool:
    """Whether the slope at equal inputs is infinite for some q."""
    return any(part.subs(gap, 0).has(sp.zoo, sp.oo) for part in parted(ratios.slope))


def variance_map(maps: Maps) -> sp.Expr:
    """q' in terms of `alike`, C at c = 1, and `unlike`, E x^2 less it: quotients of sums of positive terms."""
    if not is_relative(maps.mean_field):
        return _total(maps)
    return maps.mean_field.covariance.subs(C, alike) / _annealed(maps)


def _annealed(maps: Maps) -> sp.Expr:
    """D = rho B - E M^2 A in terms of `unlike` = B - A and, where it is a number as for binary neurons, of B."""
    density, weight = _densities(maps)
    second = maps.mean_field.second_moment.closed
    if second.is_number:
        return kept_whole((density - weight) * second) + weight * unlike
    return density * unlike + kept_whole(density - weight) * alike


def _densities(maps: Maps) -> tuple[sp.Expr, sp.Expr]:
    """E S^2 and E M^2."""
    weights = maps.mean_field.forward.moments.kernel.surrogate.weights
    return weights.average_second, weights.variance_of_means


def _variance_slope(maps: Maps) -> sp.Expr:
    """dq'/dq: (Q/D)' = Q'/D (1 + Q/D), for T = Q + D depends on T alone."""
    if not is_relative(maps.mean_field):
        is_number = maps.mean_field.second_moment.closed.is_number
        return sp.S.Zero if is_number else _densities(maps)[0] * growth / (1 + q)
    norm, annealed = maps.mean_field.covariance.subs(C, alike), _annealed(maps)
    return norm.diff(alike) * kept_whole(growth / annealed) * kept_whole((1 + norm / annealed) / (1 + q))


def _slope_at_infinity(maps: Maps, ratios: Ratios, found: Overlap | None) -> sp.Expr:
    """The limit of dq'/dq: 0 if D stays positive or C is infinitely steep, else T'/(rho dC/dc) where E M^2 = rho.

    Where q scales the field alone, as in a form, D falls no faster than q^(-1/2), and q' grows no faster than q^(1/2).
    """
    if not is_relative(maps.mean_field):
        return sp.S.Zero if found is None else _densities(maps)[0] * far_growth(found, found.second)
    if found is not None and found.correlation == 1:
        return sp.S.Zero
    steep, (density, weight) = steepest(ratios), _densities(maps)
    total = maps.mean_field.covariance.subs(C, parted(ratios.alike)[2])
    return sp.S.Zero if steep == sp.oo else Portion(0, density - weight) * total / (density * steep)


def _totals(maps: Maps, found: Overlap | None) -> tuple[sp.Expr, sp.Expr]:
    """T' = rho E x^2 + sigma_b2 and dT'/dT with their limits at T = 0 and infinity."""
    if found is None or not maps.total_map.closed.has(T):
        return maps.total_map.closed, maps.total_slope.closed
    second = maps.mean_field.forward.moments.kernel.neuron_second_moment.subs(h, u)
    density, alone = _densities(maps)[0], Overlap(second, q, sp.S.One)
    closed = evaluate_all(expectation(second, 0, q))
    zero, infinity = vanishing_mean(second), infinite_mean(second)
    if infinity == sp.nan and not closed.has(GaussianExpectation):
        infinity = closed_limit(closed, q)
    square = joined(closed, zero, infinity)
    diverges = parted(square)[2] == sp.oo and not density.is_number
    total = (Scaled(density, square) if diverges else density * square) + sigma_b2
    inside, zero, _ = parted(growth_of(alone, second))
    inside = inside / (1 + q)
    inside = sp.cancel(inside) if inside.is_rational_function() else inside
    slope = joined(inside, zero, far_growth(alone, second))
    return total.subs(q, T), density * slope.subs(q, T)


def _total(maps: Maps) -> sp.Expr:
    """T' in terms of `alike` and `unlike`, or of E x^2 where it is a number."""
    second = maps.mean_field.second_moment.closed
    is_random = maps.mean_field.forward.moments.kernel.surrogate.neurons.is_random
    of_state = second if second.is_number else alike + unlike if is_random else alike
    return sp.expand(_densities(maps)[0] * of_state) + sigma_b2
