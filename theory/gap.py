"""Stage 5, as c -> 1: the maps in terms of the gap 1 - c, free of cancellation, and their limits in q."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import sympy as sp

from theory.correlation import Maps, is_relative
from theory.limits import Ratios
from theory.overlap import overlap_of, overlap_ratios
from theory.symbols import A, B, C, c, gap, sigma_b2
from theory.tidy import tidy_rational

alike, unlike, fall, slope = sp.symbols("alike unlike fall slope", nonnegative=True)


class Portion(sp.Function):
    """x / (x + y) for x, y >= 0: 1 where y = 0 even if x is 0, or where x is infinite."""

    nargs = 2

    def _eval_evalf(self, prec: int) -> sp.Expr:
        part, rest = self.args
        if not (part.is_number and rest.is_number):
            return self
        return sp.S.One if rest == 0 or part == sp.oo else (part / (part + rest)).evalf(sp.core.evalf.prec_to_dps(prec))


@dataclass(frozen=True)
class GapMaps:
    """The maps in terms of (gap, q), exact to rounding at any gap in [0, 2] and q in [0, infinity].

    `ratios` is what they take of the overlap; `formulas` holds each map in terms of the symbols `alike`, `unlike`,
    `fall` and `slope` for these ratios. `gap_map` is 1 - c', `chi` dc'/dc, `variance_map` q'.
    """

    ratios: Ratios
    formulas: Formulas

    @property
    def variance_map(self) -> sp.Expr:
        """q' with its limits at q = 0 and infinity."""
        return self._of_q(self.formulas.variance_map)

    @property
    def gap_map(self) -> sp.Expr:
        """1 - c'."""
        return self._of_q(self.formulas.gap_map)

    @property
    def chi(self) -> sp.Expr:
        """dc'/dc."""
        return self._of_q(self.formulas.chi)

    def _of_q(self, formula: sp.Expr) -> sp.Expr:
        return formula.subs(dict(zip((alike, unlike, fall, slope), astuple(self.ratios), strict=True)))


@dataclass(frozen=True)
class Formulas:
    """Maps in terms of the ratios of the overlap."""

    variance_map: sp.Expr
    gap_map: sp.Expr
    chi: sp.Expr


def gap_maps(maps: Maps) -> GapMaps | None:
    """The correlation map of `maps` in the gap; None where the overlap is no expectation of a product f(u) f(v)."""
    ratios = _ratios(maps)
    return None if ratios is None else GapMaps(ratios, _formulas(maps))


def _formulas(maps: Maps) -> Formulas:
    covariance = maps.mean_field.covariance.subs(C, alike)
    norm = covariance if is_relative(maps.mean_field) else _total(maps)
    weight, apart = covariance.coeff(alike), sp.expand(norm - covariance)
    if norm.subs({alike: 0, sigma_b2: 0}) == 0:  # signal and norm vanish, and diverge, together
        share = Portion(norm.coeff(alike) * alike, sigma_b2) / norm.coeff(alike)
        offset = sp.cancel(apart / alike) * share
    else:
        share, offset = alike / norm, (_whole(apart.subs(alike, 1)) + weight * unlike) / norm
    return Formulas(variance_map(maps), offset + weight * share * fall, weight * share * slope)


def _ratios(maps: Maps) -> Ratios | None:
    if maps.overlap.definition == c:  # a single layer on real inputs
        return Ratios(sp.S.One, sp.S.Zero, gap, sp.S.One)
    found = overlap_of(maps)
    return None if found is None else overlap_ratios(found)


def variance_map(maps: Maps) -> sp.Expr:
    """q' in terms of `alike`, C at c = 1, and `unlike`, 1 less it: sums of positive terms where neurons are binary."""
    if not is_relative(maps.mean_field):
        return _total(maps)
    norm = maps.mean_field.covariance.subs(C, alike)
    second_moment = tidy_rational(maps.mean_field.second_moment.closed.subs(maps.state))
    annealed = maps.mean_field.annealed.subs({A: alike, B: second_moment})
    if second_moment.is_number:
        annealed = _whole(annealed.subs(alike, 1)) - annealed.coeff(alike) * unlike
    return norm / annealed


def _whole(part: sp.Expr) -> sp.Expr:
    """A difference such as 1 - sigma_m2 kept from merging with the sum it stands in, where it would cancel later."""
    return part if part.is_number else sp.UnevaluatedExpr(part)


def _total(maps: Maps) -> sp.Expr:
    """T' in terms of the overlap of equal inputs, which is E m^2, or is 1 + sigma_b2 for binary neurons."""
    mean_field = maps.mean_field
    parts = {A: mean_field.mean_square.closed, B: mean_field.second_moment.closed}
    return mean_field.total.subs({symbol: part if part.is_number else alike for symbol, part in parts.items()})
