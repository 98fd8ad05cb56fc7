"""Special functions the theory needs and SymPy lacks: each states its derivative and its definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp
from sympy.core.evalf import prec_to_dps
from sympy.core.function import ArgumentIndexError


class HardTanh(sp.Function):
    """Hard tanh: x clipped to [-1, 1]."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\mathrm{{hardtanh}}{power}\left({printer.doprint(self.args[0])}\right)"

    @classmethod
    def eval(cls, arg: sp.Expr) -> sp.Expr | None:
        if arg.is_number and arg.is_comparable:
            return sp.Max(-1, sp.Min(1, arg))
        return -cls(-arg) if arg.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return Box(self.args[0])

    def _eval_rewrite_as_sign(self, arg: sp.Expr, **hints: Any) -> sp.Expr:
        return ((arg + 1) * sp.sign(arg + 1) - (arg - 1) * sp.sign(arg - 1)) / 2


class Softplus(sp.Function):
    """log(1 + exp(x)), finite for every x."""

    nargs = 1

    @classmethod
    def eval(cls, arg: sp.Expr) -> sp.Expr | None:
        return sp.log(2) if arg.is_zero else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return (1 + sp.tanh(self.args[0] / 2)) / 2

    def _eval_rewrite_as_log(self, arg: sp.Expr, **hints: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(arg))

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return sp.log(1 + sp.exp(self.args[0])).evalf(prec_to_dps(prec)) if self.args[0].is_number else None


def softplus(x: float) -> float:
    """`Softplus` in floating point."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


class Box(sp.Function):
    """Indicator of (-1, 1): the slope of `HardTanh`."""

    nargs = 1

    @classmethod
    def eval(cls, arg: sp.Expr) -> sp.Expr | None:
        if arg.is_number and arg.is_comparable:
            return sp.S.One if abs(arg) < 1 else sp.S.Zero
        return cls(-arg) if arg.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.DiracDelta(self.args[0] + 1) - sp.DiracDelta(self.args[0] - 1)

    def _eval_rewrite_as_sign(self, arg: sp.Expr, **hints: Any) -> sp.Expr:
        return (sp.sign(arg + 1) - sp.sign(arg - 1)) / 2


def density_difference(a: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    """2 [n2(a, a; rho) - n2(a, -a; rho)], n2 the standard bivariate normal density."""

    def density(sign: int) -> sp.Expr:
        return sp.exp(-(a**2) / (1 + sign * correlation)) / (2 * sp.pi * sp.sqrt(1 - correlation**2))

    return 2 * (density(1) - density(-1))


class BoxProbability(sp.Function):
    """P(|x| < a, |y| < a) for standard normal x, y of the given correlation (Plackett, Biometrika 41 (1954) 351)."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, correlation = self.args
        if argindex == 2:
            return density_difference(a, correlation)
        step = sp.sqrt(2 * (1 - correlation**2))
        inside = sp.erf(a * (1 - correlation) / step) + sp.erf(a * (1 + correlation) / step)
        return sp.sqrt(2 / sp.pi) * sp.exp(-(a**2) / 2) * inside

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _evaluate(box_probability, self.args, prec)


class BoxApart(sp.Function):
    """`BoxProbability` in terms of apart = 1 - correlation^2, which keeps its digits as the correlation tends to 1."""

    nargs = 2

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        def probability(a: mpmath.mpf, apart: mpmath.mpf) -> mpmath.mpf:
            return box_probability(a, mpmath.sqrt(1 - apart))

        if not all(argument.is_number for argument in self.args):
            return None
        with mpmath.workprec(2 * prec + 20):
            return _evaluate(probability, self.args, 2 * prec)


class ClipCovariance(sp.Function):
    """E clip(x, -a, a) clip(y, -a, a) for standard normal x, y of the given correlation."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, correlation = self.args
        if argindex == 2:
            return BoxProbability(a, correlation)
        if correlation == 1:
            return 2 * a * sp.erfc(a / sp.sqrt(2))
        raise ArgumentIndexError(self, argindex)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _evaluate(clip_covariance, self.args, prec)


def _evaluate(function: Callable[..., mpmath.mpf], arguments: tuple[sp.Expr, ...], prec: int) -> sp.Expr:
    with mpmath.workprec(prec + 10):
        numbers = (mpmath.mpf(str(sp.N(argument.doit(), mpmath.mp.dps))) for argument in arguments)
        return sp.Float(function(*numbers), precision=prec)


def box_probability(a: mpmath.mpf, rho: mpmath.mpf) -> mpmath.mpf:
    """`BoxProbability` in mpmath."""
    return _plackett(a, rho, order=1)


def clip_covariance(a: mpmath.mpf, rho: mpmath.mpf) -> mpmath.mpf:
    """`ClipCovariance` in mpmath."""
    return _plackett(a, rho, order=2)


def _plackett(a: mpmath.mpf, rho: mpmath.mpf, order: int) -> mpmath.mpf:
    """The integral of `density_difference` over the correlation s = sin(theta), once (order 1) or twice (order 2)."""

    def integrand(theta: mpmath.mpf) -> mpmath.mpf:
        s = mpmath.sin(theta)
        near = mpmath.exp(-(a**2) / (1 + s)) if s > -1 else mpmath.mpf(0)
        far = mpmath.exp(-(a**2) / (1 - s)) if s < 1 else mpmath.mpf(0)
        return (rho - s) ** (order - 1) * (near - far) / mpmath.pi

    start = rho ** (order - 1) * mpmath.erf(a / mpmath.sqrt(2)) ** 2
    knots = [mpmath.asin(rho) * (1 - mpmath.mpf(4) ** -k) for k in range(12)] + [mpmath.asin(rho)]
    return start + mpmath.quad(integrand, knots)


class ArcCosineKernel(sp.Function):
    """E relu(x) relu(y) for standard normal x, y of correlation delta - 1 (Cho & Saul, NeurIPS 22 (2009), eq. 6).

    (sin t - t cos t) / (2 pi) with t = arccos(1 - delta); the argument 1 + correlation keeps its digits as it vanishes.
    """

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Rational(1, 4) + sp.asin(self.args[0] - 1) / (2 * sp.pi)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        with mpmath.workprec(2 * prec + 20):
            return sp.Float(arc_cosine_kernel(mpmath.mpf(str(sp.N(self.args[0], mpmath.mp.dps)))), precision=prec)


def arc_cosine_kernel(delta: mpmath.mpf) -> mpmath.mpf:
    """`ArcCosineKernel` in mpmath."""
    angle = mpmath.acos(1 - delta)
    return (mpmath.sin(angle) - angle * mpmath.cos(angle)) / (2 * mpmath.pi)


class ArcCosineDifference(sp.Function):
    """`ArcCosineKernel` at correlation 1 - rest less that at 1 - rest - drop, in `rest` and `drop`."""

    nargs = 2

    def _eval_evalf(self, prec: int) -> sp.Expr:
        def difference(rest: mpmath.mpf, drop: mpmath.mpf) -> mpmath.mpf:
            return arc_cosine_kernel(2 - rest) - arc_cosine_kernel(2 - rest - drop)

        return _evaluate_difference(difference, self.args, prec)


class ClipDifference(sp.Function):
    """`ClipCovariance` at correlation 1 - rest less that at 1 - rest - drop, in `a`, `rest` and `drop`."""

    nargs = 3

    def _eval_evalf(self, prec: int) -> sp.Expr:
        def difference(a: mpmath.mpf, rest: mpmath.mpf, drop: mpmath.mpf) -> mpmath.mpf:
            return clip_covariance(a, 1 - rest) - clip_covariance(a, 1 - rest - drop)

        return _evaluate_difference(difference, self.args, prec)


def _evaluate_difference(
    function: Callable[..., mpmath.mpf], arguments: tuple[sp.Expr, ...], prec: int
) -> sp.Expr | None:
    """A difference at a working precision that leaves `prec` bits after the cancellation."""
    if not all(argument.is_number for argument in arguments):
        return None
    drop = abs(arguments[-1].evalf(5))
    lost = 0 if drop == 0 else 2 * max(0, -math.floor(math.log2(drop))) if drop > 1e-300 else 2200
    with mpmath.workprec(prec + lost + 20):
        exact = (mpmath.mpf(str(sp.N(argument, mpmath.mp.dps))) for argument in arguments)
        return sp.Float(function(*exact), precision=prec)


class DampedSinh(sp.Function):
    """exp(-a) sinh(b), finite for |b| <= a however large they are."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return -self if argindex == 1 else (sp.exp(b - a) + sp.exp(-a - b)) / 2

    def _eval_rewrite_as_exp(self, a: sp.Expr, b: sp.Expr, **hints: Any) -> sp.Expr:
        return (sp.exp(b - a) - sp.exp(-a - b)) / 2

    def _eval_evalf(self, prec: int) -> sp.Expr:
        a, b = self.args
        return (sp.exp(-a) * sp.sinh(b)).evalf(prec_to_dps(prec))


class ExpErfc(sp.Function):
    """exp(a) erfc(b), finite where either factor alone overflows or underflows."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return self if argindex == 1 else -2 / sp.sqrt(sp.pi) * sp.exp(a - b**2)

    def _eval_rewrite_as_erfc(self, a: sp.Expr, b: sp.Expr, **hints: Any) -> sp.Expr:
        return sp.exp(a) * sp.erfc(b)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        a, b = self.args
        return (sp.exp(a) * sp.erfc(b)).evalf(prec_to_dps(prec))


class VoigtProfile(sp.Function):
    """Density at x of the sum of N(0, sigma^2) and a Cauchy variable of scale gamma."""

    nargs = 3

    def _eval_evalf(self, prec: int) -> sp.Expr:
        with mpmath.workprec(prec + 10):
            x, sigma, gamma = (mpmath.mpf(sp.N(arg, mpmath.mp.dps)) for arg in self.args)
            z = mpmath.mpc(x, gamma) / (sigma * mpmath.sqrt(2))
            faddeeva = mpmath.exp(-(z**2)) * mpmath.erfc(mpmath.mpc(0, -1) * z)
            return sp.Float(faddeeva.real / (sigma * mpmath.sqrt(2 * mpmath.pi)), precision=prec)
