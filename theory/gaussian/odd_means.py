"""Means of odd functions of a Gaussian field, without the differences by which closed forms lose digits near 0."""

from __future__ import annotations

import mpmath
import sympy as sp

from meanbits.theory.gaussian.node import GaussianNode
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import u


class _OfClosedForm(sp.Function):
    """A function with an elementary closed form, which cancels."""

    nargs = 2

    def closed(self) -> sp.Expr:
        """That form."""
        raise NotImplementedError

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        first, second = sp.symbols("first second", positive=True)
        form = type(self)(first, second).closed().diff((first, second)[argindex - 1])
        return form.subs({first: self.args[0], second: self.args[1]}, simultaneous=True)

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        if not all(argument.is_number for argument in self.args):
            return None
        lost = sum(abs(int(mpmath.mag(mpmath.mpf(str(sp.N(each, 20))) or 1))) for each in self.args)
        with mpmath.workprec(prec + 20):
            return sp.Float(self.closed().evalf(int((prec + 4 * lost) / 3) + 20, maxn=100_000), precision=prec)


class ErfPair(_OfClosedForm):
    """(erf(x + y) + erf(x - y)) / 2: the mean of two signs, an offset apart from either side."""

    def closed(self) -> sp.Expr:
        x, y = self.args
        return (sp.erf(x + y) + sp.erf(x - y)) / 2


class ClipMean(_OfClosedForm):
    """E clip(u, -1, 1), u ~ N(mean, variance)."""

    def closed(self) -> sp.Expr:
        mean, variance = self.args
        spread = sp.sqrt(2 * variance)
        low, high = (mean - 1) / spread, (mean + 1) / spread
        return (
            spread
            / 2
            * sum(sign * (x * sp.erf(x) + sp.exp(-(x**2)) / sp.sqrt(sp.pi)) for sign, x in ((1, high), (-1, low)))
        )


class LaplaceMean(_OfClosedForm):
    """E sign(u) (1 - exp(-|u|)), u ~ N(mean, variance)."""

    def closed(self) -> sp.Expr:
        mean, variance = self.args
        spread = sp.sqrt(2 * variance)
        fall, rise = (sp.exp(variance / 2 + s * mean) * sp.erfc((variance + s * mean) / spread) for s in (-1, 1))
        return sp.erf(mean / spread) + (rise - fall) / 2


def odd_mean(definition: sp.Expr) -> sp.Expr | None:
    """The mean of signs in pairs, a clip or Laplace's law, by its definition; None for any other."""
    if not isinstance(definition, GaussianNode) or definition.is_pair:
        return None
    integrand, mean, variance = definition.integrand, definition.mean[0], definition.covariance[0]
    for form in (_of_signs, _of_clip, _of_laplace):
        found = form(sp.expand(integrand), mean, variance)
        if found is not None:
            return found
    return None


def _of_signs(integrand: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr | None:
    weights = dict[sp.Expr, sp.Expr]()
    for weight, sign in (term.as_independent(u) for term in sp.Add.make_args(integrand)):
        slope, offset = _affine(sign.args[0]) if isinstance(sign, sp.sign) else (None, None)
        if slope is None or offset is None or not (slope.is_positive and weight.is_positive and offset.is_number):
            return None
        weights[offset / slope] = weight
    if not weights or any(weights.get(-offset) != weight for offset, weight in weights.items()):
        return None
    spread, total = sp.sqrt(2 * variance), weights.get(sp.S.Zero, sp.S.Zero) * sp.erf(mean / sp.sqrt(2 * variance))
    return total + sum(2 * w * ErfPair(mean / spread, at / spread) for at, w in weights.items() if at.is_positive)


def _of_clip(integrand: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr | None:
    weight, clip = integrand.as_independent(u)
    slope, offset = _affine(clip.args[0]) if isinstance(clip, HardTanh) else (None, None)
    if slope is None or not slope.is_positive or offset != 0:
        return None
    return weight * ClipMean(slope * mean, slope**2 * variance)


def _of_laplace(integrand: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr | None:
    rates = {-tail.args[0] / sp.Abs(u) for tail in integrand.atoms(sp.exp)}
    if len(rates) != 1:
        return None
    rate = rates.pop()
    if rate.has(u) or not rate.is_positive or sp.expand(integrand - sp.sign(u) * (1 - sp.exp(-rate * sp.Abs(u)))) != 0:
        return None
    return LaplaceMean(rate * mean, rate**2 * variance)


def _affine(argument: sp.Expr) -> tuple[sp.Expr, sp.Expr] | tuple[None, None]:
    slope = argument.diff(u)
    return (None, None) if slope.has(u) or slope == 0 else (slope, sp.expand(argument - slope * u))
