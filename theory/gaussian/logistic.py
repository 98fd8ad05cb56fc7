"""Gaussian expectations of tanh neurons, in closed form up to one fixed mixture: tanh is a scale mixture of erfs.

A logistic variable is 2 s times a standard normal one, s of Kolmogorov's law (D. F. Andrews, C. L. Mallows, J. R.
Statist. Soc. B 36 (1974) 99), so tanh(x) = E_s erf(x / (s sqrt 2)), and every expectation of tanh is the mean over s of
what it is for erf: the arcsine law, for a pair. Its terms have one sign, so nothing cancels.
"""

from __future__ import annotations

import mpmath
import sympy as sp
from sympy.core.function import ArgumentIndexError

from meanbits.theory.gaussian.logistic_mixture import FUNCTIONS


class _Mixture(sp.Function):
    """A function of this module, evaluated by the mpmath function of its name."""

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        if not all(argument.is_number for argument in self.args):
            return None
        with mpmath.workprec(2 * prec + 20):  # where 1 - correlation and 1 / variance keep their digits
            arguments = [mpmath.mpf(str(sp.N(argument.doit(), mpmath.mp.dps))) for argument in self.args]
        with mpmath.workprec(prec + 10):
            return sp.Float(FUNCTIONS[type(self).__name__](*arguments), precision=prec)


class TanhMean(_Mixture):
    """E tanh(u), u ~ N(mean, variance), variance >= 0; with a third argument n, its n-th derivative in the mean.

    TanhMean(mean, variance, 1) is E (1 - tanh(u)^2).
    """

    nargs = (2, 3)

    @classmethod
    def eval(cls, mean: sp.Expr, variance: sp.Expr, order: sp.Expr = sp.S.Zero) -> sp.Expr | None:
        if mean.is_zero and order.is_even:
            return sp.S.Zero
        if variance == sp.oo:
            return sp.S.Zero
        if mean.could_extract_minus_sign():
            return (-1) ** (order + 1) * cls(-mean, variance, *([order] if order else []))
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        mean, variance, order = (*self.args, sp.S.Zero)[:3]
        if argindex == 3:
            raise ArgumentIndexError(self, argindex)
        return TanhMean(mean, variance, order + argindex) / argindex


class TanhOverlap(_Mixture):
    """E tanh(u) tanh(v), u and v of mean 0, the given variance >= 0 and correlation.

    It keeps its digits as the correlation vanishes; as it tends to 1, those of the distance are in `TanhDifference`.
    """

    nargs = 2

    @classmethod
    def eval(cls, variance: sp.Expr, correlation: sp.Expr) -> sp.Expr | None:
        if variance == 0 or correlation == 0:
            return sp.S.Zero
        if variance == sp.oo:
            return 2 / sp.pi * sp.asin(correlation)
        return -cls(variance, -correlation) if correlation.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        variance, correlation = self.args
        if argindex == 1:
            return TanhOverlapGrowth(variance, correlation)
        return variance * TanhSlopeOverlap(variance, (1 - correlation) * (1 + correlation))


class TanhSlopeOverlap(_Mixture):
    """E tanh'(u) tanh'(v), u and v of mean 0, the given variance >= 0 and correlation r, in terms of apart = 1 - r^2.

    As (1 - r)(1 + r) or gap (2 - gap), `apart` keeps its digits at both ends of the correlations.
    """

    nargs = 2

    @classmethod
    def eval(cls, variance: sp.Expr, apart: sp.Expr) -> sp.Expr | None:
        return {sp.S.Zero: sp.S.One, sp.oo: sp.S.Zero}.get(variance)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        variance, apart = self.args
        if argindex == 1:
            return TanhSlopeGrowth(variance, apart)
        return -variance * TanhCurvatureOverlap(variance, apart) / 2


class TanhCurvatureOverlap(_Mixture):
    """E tanh''(u) tanh''(v) / r, the variance, the correlation r and apart = 1 - r^2 as in `TanhSlopeOverlap`."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        raise ArgumentIndexError(self, argindex)


class TanhOverlapGrowth(_Mixture):
    """d/dvariance of `TanhOverlap` at fixed correlation; E (1 - tanh(u)^2) (1 - 3 tanh(u)^2) at correlation 1."""

    nargs = 2

    @classmethod
    def eval(cls, variance: sp.Expr, correlation: sp.Expr) -> sp.Expr | None:
        if variance in (0, sp.oo) or correlation == 0:
            return sp.S.Zero if variance == sp.oo else correlation
        return -cls(variance, -correlation) if correlation.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        variance, correlation = self.args
        if argindex == 1:
            raise ArgumentIndexError(self, argindex)
        apart = (1 - correlation) * (1 + correlation)
        return TanhSlopeOverlap(variance, apart) + variance * TanhSlopeGrowth(variance, apart)


class TanhSlopeGrowth(_Mixture):
    """d/dvariance of `TanhSlopeOverlap` at fixed correlation; it is negative."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        raise ArgumentIndexError(self, argindex)


class TanhDifference(_Mixture):
    """`TanhOverlap` at correlation 1 - rest less that at 1 - rest - drop; rest, drop >= 0, rest + drop <= 2.

    It keeps its digits as rest and drop vanish, which the difference of the two does not.
    """

    nargs = 3

    @classmethod
    def eval(cls, variance: sp.Expr, rest: sp.Expr, drop: sp.Expr) -> sp.Expr | None:
        return sp.S.Zero if variance == 0 or drop == 0 else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        variance, rest, drop = self.args
        if argindex == 1:
            return TanhOverlapGrowth(variance, 1 - rest) - TanhOverlapGrowth(variance, 1 - rest - drop)
        near = TanhSlopeOverlap(variance, rest * (2 - rest)) if argindex == 2 else 0
        return variance * (TanhSlopeOverlap(variance, (rest + drop) * (2 - rest - drop)) - near)
