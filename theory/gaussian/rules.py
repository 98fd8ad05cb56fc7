"""Closed forms of Gaussian expectations: one rule, one reference. `WHOLE`, then `RULES` give their order.

A rule sees one product of functions of the bound symbols u, v (`WHOLE`: before it is expanded) and returns its closed
form, or None where it does not apply. It may pass simpler expectations to `close`.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from meanbits.theory.gaussian.logistic_rules import tanhs
from meanbits.theory.gaussian.node import BOUND, GaussianNode
from meanbits.theory.gaussian.piecewise_rules import piecewise_linear
from meanbits.theory.gaussian.special import (
    ArcCosineKernel,
    Box,
    BoxProbability,
    ClipCovariance,
    DampedSinh,
    ExpErfc,
    HardTanh,
    VoigtProfile,
)
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.symbols import u, v

Close = Callable[[GaussianNode], "sp.Expr | None"]
Rule = Callable[[GaussianNode, Close], "sp.Expr | None"]

ENDING = (sp.sign, sp.erf, sp.DiracDelta, HardTanh, Box)


def stein(node: GaussianNode, close: Close) -> sp.Expr | None:
    """Stein's lemma, E u f = E[u] E f + sum_j Cov(u, w_j) E d_j f; polynomials alone are Isserlis' theorem.

    Only where f is made of functions whose derivatives the other rules close, so that the recursion ends. Two erfs
    beside a power are left to quadrature: their closed forms, of a page, cancel where variances are small.
    """
    factors = sp.Mul.make_args(node.integrand)
    bases = [factor.as_base_exp() for factor in factors]
    if not all((base in BOUND or isinstance(base, ENDING)) and power.is_Integer and power > 0 for base, power in bases):
        return None
    if sum(int(power) for base, power in bases if isinstance(base, sp.erf)) > 1:
        return None
    for factor in factors:
        base, power = factor.as_base_exp()
        if base in node.variables and power.is_Integer and power > 0:
            rest = node.integrand / base
            row = node.variables.index(base)
            pieces = [(node.mean[row], rest)]
            pieces += [(node.matrix[row, col], rest.diff(w)) for col, w in enumerate(node.variables)]
            return _combine(node, pieces, close)
    return None


def tilt(node: GaussianNode, close: Close) -> sp.Expr | None:
    """exp of a quadratic form shifts and shrinks the Gaussian (complete the square)."""
    for factor in sp.Mul.make_args(node.integrand):
        if isinstance(factor, sp.exp) and factor.args[0].is_polynomial(*node.variables):
            form = sp.Poly(factor.args[0], *node.variables)
            if form.total_degree() <= 2:
                return _tilted(node, form, _without(node.integrand, factor), close)
    return None


def delta(node: GaussianNode, close: Close) -> sp.Expr | None:
    """A delta function conditions the Gaussian on its root."""
    for factor in sp.Mul.make_args(node.integrand):
        if isinstance(factor, sp.DiracDelta):
            variable = next(w for w in node.variables if factor.has(w))
            if len(factor.args) > 1:
                return _by_parts(node, factor, variable, close)
            row = node.variables.index(variable)
            root = sp.solve(factor.args[0], variable)[0]
            mean, variance = node.mean[row], node.matrix[row, row]
            jacobian = sp.Abs(factor.args[0].diff(variable))
            density = sp.exp(-((root - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance) / jacobian
            rest = _without(node.integrand, factor).subs(variable, root)
            return _times(density, close(_conditional(node, row, root, rest)))
    return None


def _by_parts(node: GaussianNode, factor: sp.Expr, variable: sp.Symbol, close: Close) -> sp.Expr | None:
    """A derivative of a delta function of one variable: E f' g = E f (g (u - mean)/variance - g')."""
    if node.is_pair:
        return None
    argument, order = factor.args
    rest, lower = _without(node.integrand, factor), sp.DiracDelta(argument, order - 1)
    turned = rest * (variable - node.mean[0]) / node.covariance[0] - rest.diff(variable)
    value = close(node.func(sp.expand(lower * turned), node.mean, node.covariance))
    return _times(1 / argument.diff(variable), value)


def signs(node: GaussianNode, _: Close) -> sp.Expr | None:
    """sign and erf of affine arguments: erf(mean/sqrt(2 variance)), or the arcsine law for a pair of mean 0.

    erf(w) is the mean of sign(sqrt(2) w + z), so an erf is a sign with one more unit of independent variance (Sheppard,
    Phil. Trans. A 192 (1899) 101; Williams, Neural Comput. 10 (1998) 1203, eq. 11).
    """
    fields = []
    for factor in sp.Mul.make_args(node.integrand):
        base, power = factor.as_base_exp()
        if not isinstance(base, sp.sign | sp.erf) or power not in (1, 2):
            return None
        gain, noise = (sp.S.One, sp.S.Zero) if isinstance(base, sp.sign) else (sp.sqrt(2), sp.S.One)
        slopes = sp.Matrix([[gain * base.args[0].diff(w) for w in node.variables]])
        if slopes.has(*BOUND):
            return None
        at_mean = base.args[0].subs(dict(zip(node.variables, node.mean, strict=True)), simultaneous=True)
        fields += [(slopes, noise, gain * at_mean)] * int(power)
    if len(fields) > 2 or (len(fields) == 2 and any(mean != 0 for _, _, mean in fields)):
        return None
    variances = [(slopes * node.matrix * slopes.T)[0] + noise for slopes, noise, _ in fields]
    if len(fields) == 1:
        return sp.erf(fields[0][2] / sp.sqrt(tidy_rational(2 * variances[0])))
    covariance = (fields[0][0] * node.matrix * fields[1][0].T)[0]
    first, second = map(tidy_rational, variances)  # equal ones need no root, which would be |x| of what may have a sign
    spread = first if first == second else sp.sqrt(tidy_rational(first * second))
    return 2 / sp.pi * sp.asin(tidy_rational(covariance / spread))


def clipped(node: GaussianNode, close: Close) -> sp.Expr | None:
    """Hard tanh and its slope: two by the bivariate normal law of a square (Plackett 1954), one by signs."""
    factors = [factor.as_base_exp() for factor in sp.Mul.make_args(node.integrand)]
    kinds = {type(base) for base, _ in factors}
    if len(kinds) != 1 or not kinds <= {HardTanh, Box} or sum(power for _, power in factors) > 2:
        return None
    arguments = [base.args[0] for base, power in factors for _ in range(int(power))]
    square = _square_probability(node, arguments, kinds.pop()) if len(arguments) == 2 else None
    if square is not None or len(set(arguments)) == 2:
        return square
    argument, inside = arguments[0], Box(arguments[0]).rewrite(sp.sign)
    by_signs = node.integrand.subs(
        {HardTanh(argument) ** 2: 1 + (argument**2 - 1) * inside, Box(argument) ** 2: inside}
    )
    return close(node.func(by_signs.rewrite(sp.sign), node.mean, node.covariance))


def _square_probability(node: GaussianNode, arguments: list[sp.Expr], kind: type) -> sp.Expr | None:
    slopes = sp.Matrix([[argument.diff(w) for w in node.variables] for argument in arguments])
    offsets = [argument.subs(dict.fromkeys(BOUND, 0)) for argument in arguments]
    if slopes.has(*BOUND) or any(entry != 0 for entry in (*node.mean, *offsets)):
        return None
    law = (slopes * node.matrix * slopes.T).applyfunc(tidy_rational)
    if law[0, 0] != law[1, 1]:
        return None
    threshold, correlation = 1 / sp.sqrt(law[0, 0]), tidy_rational(law[0, 1] / law[0, 0])
    if kind is Box:
        return BoxProbability(threshold, correlation)
    return law[0, 0] * ClipCovariance(threshold, correlation)


def exponential_tails(node: GaussianNode, _: Close) -> sp.Expr | None:
    """exp(-|w|) and sign(w) exp(-|w|): complete the square on each half line."""
    tails = [f for f in sp.Mul.make_args(node.integrand) if isinstance(f, sp.exp) and f.has(sp.Abs)]
    if node.is_pair or len(tails) != 1:
        return None
    rest = node.integrand / tails[0]
    rate = -tails[0].args[0].coeff(sp.Abs(u))
    if rest not in (1, sp.sign(u)) or sp.expand(tails[0].args[0] + rate * sp.Abs(u)) != 0 or rate.has(u):
        return None
    mean, variance = node.mean[0], node.covariance[0]

    def half_line(side: int) -> sp.Expr:
        exponent = rate**2 * variance / 2 - side * rate * mean
        return ExpErfc(exponent, (rate * variance - side * mean) / sp.sqrt(2 * variance)) / 2

    return half_line(1) + half_line(-1) if rest == 1 else half_line(1) - half_line(-1)


def voigt(node: GaussianNode, _: Close) -> sp.Expr | None:
    """1/(1 + w^2): the Voigt profile, an erfc at mean 0 (Abramowitz & Stegun 7.4.13)."""
    base, power = node.integrand.as_base_exp()
    if node.is_pair or power != -1 or not base.is_polynomial(u):
        return None
    curvature, slope, offset = (sp.Poly(base, u).coeff_monomial(u**degree) for degree in (2, 1, 0))
    if slope != 0 or sp.degree(base, u) != 2 or not (curvature / offset).is_positive:
        return None
    variance = node.covariance[0] * curvature / offset
    if node.mean[0] == 0:
        return sp.sqrt(sp.pi / (2 * variance)) * ExpErfc(1 / (2 * variance), 1 / sp.sqrt(2 * variance)) / offset
    return sp.pi * VoigtProfile(node.mean[0] * sp.sqrt(curvature / offset), sp.sqrt(variance), 1) / offset


def arc_cosine(node: GaussianNode, _: Close) -> sp.Expr | None:
    """relu(u) relu(v), both of mean 0: the arc-cosine kernel of degree 1 (Cho & Saul, NeurIPS 22 (2009), eq. 6)."""
    if not node.is_pair or node.integrand != sp.Max(0, u) * sp.Max(0, v) or any(mean != 0 for mean in node.mean):
        return None
    variance, covariance, other = node.covariance
    if variance != other:
        return None
    return variance * ArcCosineKernel(tidy_rational(1 + covariance / variance))


def sines(node: GaussianNode, _: Close) -> sp.Expr | None:
    """sin(a u) sin(b v), or cosines, both of mean 0: exp(-variances/2) sinh(covariance), or cosh, in one exponent."""
    factors = [factor.as_base_exp() for factor in sp.Mul.make_args(node.integrand)]
    kind = sp.sin if node.integrand.has(sp.sin) else sp.cos
    if sum(power for _, power in factors) != 2 or not all(
        isinstance(base, kind) and power > 0 for base, power in factors
    ):
        return None
    arguments = [base.args[0] for base, power in factors for _ in range(int(power))]
    if len(arguments) != 2 or any(mean != 0 for mean in node.mean):
        return None
    slopes = sp.Matrix([[argument.diff(w) for w in node.variables] for argument in arguments])
    if slopes.has(*BOUND) or any(argument.subs(dict.fromkeys(BOUND, 0)) != 0 for argument in arguments):
        return None
    law = slopes * node.matrix * slopes.T
    if kind is sp.sin:
        return DampedSinh(tidy_rational(law.trace() / 2), law[0, 1])
    return sp.Add(*(sp.exp(tidy_rational(sign * law[0, 1] - law.trace() / 2)) for sign in (1, -1))) / 2


WHOLE: tuple[Rule, ...] = (arc_cosine, sines, tanhs, piecewise_linear)
RULES: tuple[Rule, ...] = (tilt, delta, stein, signs, clipped, exponential_tails, voigt, tanhs)


def _combine(node: GaussianNode, pieces: list[tuple[sp.Expr, sp.Expr]], close: Close) -> sp.Expr | None:
    total = sp.S.Zero
    for coefficient, integrand in pieces:
        if coefficient != 0 and integrand != 0:
            value = _times(coefficient, close(node.func(integrand, node.mean, node.covariance)))
            if value is None:
                return None
            total += value
    return total


def _without(product: sp.Expr, factor: sp.Expr) -> sp.Expr:
    return sp.Mul(*(other for other in sp.Mul.make_args(product) if other is not factor))


def _times(coefficient: sp.Expr, value: sp.Expr | None) -> sp.Expr | None:
    return None if value is None else coefficient * value


def _tilted(node: GaussianNode, form: sp.Poly, rest: sp.Expr, close: Close) -> sp.Expr | None:
    variables, mean, covariance = node.variables, sp.Matrix(node.mean), sp.Matrix(node.matrix)
    origin = dict.fromkeys(variables, 0)
    curvature = -sp.hessian(form.as_expr(), variables)
    slope = sp.Matrix([form.as_expr().diff(w).subs(origin) for w in variables])
    shrink = sp.eye(len(variables)) + covariance * curvature
    inverse = shrink.inv()
    new_covariance = (inverse * covariance).applyfunc(tidy_rational)
    new_mean = (inverse * (mean + covariance * slope)).applyfunc(tidy_rational)
    exponent = form.as_expr().subs(origin) + (slope.T * new_covariance * slope)[0] / 2
    exponent += (slope.T * inverse * mean)[0] - (mean.T * curvature * inverse * mean)[0] / 2
    entries = (new_covariance[0],) if len(variables) == 1 else (new_covariance[0], new_covariance[1], new_covariance[3])
    factor = sp.exp(tidy_rational(exponent)) / sp.sqrt(tidy_rational(shrink.det()))
    return _times(factor, close(node.func(rest, list(new_mean), entries)))


def _conditional(node: GaussianNode, row: int, root: sp.Expr, rest: sp.Expr) -> GaussianNode:
    """The law of the remaining variable, renamed u, given that variable `row` equals `root`."""
    if not node.is_pair:
        return node.func(rest, node.mean, node.covariance)
    other = 1 - row
    covariance, variance = node.matrix[0, 1], node.matrix[row, row]
    mean = node.mean[other] + covariance / variance * (root - node.mean[row])
    spread = tidy_rational(node.matrix[other, other] - covariance**2 / variance)
    return node.func(rest.subs(v, u), (mean,), (spread,))
