"""Closed forms of Gaussian expectations: one rule, one reference; `WHOLE`, then `RULES` give their order.

A rule sees one product of functions of the bound symbols u, v (before expansion for `WHOLE`) and returns its closed form (possibly through simpler
expectations, themselves closed by the rules), or None where it does not apply.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from theory.gaussian import BOUND, GaussianExpectation, Rule, evaluate_all
from theory.special import ArcCosineKernel, Box, BoxProbability, ClipCovariance, ExpErfc, HardTanh, VoigtProfile
from theory.symbols import Q, Q_ab, c, q, u, v
from theory.tidy import simplified_almost_everywhere, tidy, tidy_rational


ENDING = (sp.sign, sp.erf, sp.DiracDelta, HardTanh, Box)


@lru_cache(maxsize=4096)
def evaluate(node: GaussianExpectation) -> sp.Expr:
    """The closed form of an expectation, or the simplest expectation equal to it that no rule closes."""
    node = _marginal(flatten(node))
    closed = close(node)
    return normalise(node) if closed is None or _cancels(node, closed) else tidy(closed)


def close(node: GaussianExpectation) -> sp.Expr | None:
    """The closed form, term by term, or None if any term has none."""
    constant, integrand = node.integrand.as_independent(*BOUND, as_Add=False)
    node = node.func(integrand, node.mean, node.covariance)
    whole = next((value for rule in WHOLE if (value := rule(node)) is not None), None)
    if whole is not None:
        return constant * whole
    total = sp.S.Zero
    for term in sp.Add.make_args(_as_sum_of_products(integrand)):
        coefficient, rest = term.as_independent(*BOUND, as_Add=False)
        value = _close_product(_marginal(node.func(rest, node.mean, node.covariance)))
        if value is None:
            return None
        total += coefficient * value
    return constant * total


def flatten(node: GaussianExpectation) -> GaussianExpectation:
    """The tower property: independent inner expectations become variables of their own.

    E_u prod_k E f_k(mean_k(u) + sqrt(D_k) z_k) is one expectation with covariance D_k added on the diagonal. This is
    where the replica form comes from: E psi(u_a) psi(u_b) = E phi(h) phi(h'), h and h' with independent noise.
    """
    factors = [
        (base, int(power))
        for base, power in (factor.as_base_exp() for factor in sp.Mul.make_args(node.integrand))
        if power.is_Integer and power > 0
    ]
    replicas = [base for base, power in factors for _ in range(power)]
    node = node.func(simplified_almost_everywhere(node.integrand), node.mean, node.covariance)
    inner = [replica for replica in replicas if isinstance(replica, GaussianExpectation) and not replica.is_pair]
    if not inner or len(inner) > 2 or sp.Mul(*inner) != node.integrand:
        return node
    slopes = sp.Matrix([[replica.mean[0].diff(variable) for variable in node.variables] for replica in inner])
    if slopes.has(*BOUND):
        return node
    outer_mean = dict(zip(node.variables, node.mean, strict=True))
    mean = [replica.mean[0].subs(outer_mean, simultaneous=True) for replica in inner]
    noise = sp.diag(*(replica.covariance[0] for replica in inner))
    total = (slopes * node.matrix * slopes.T + noise).applyfunc(tidy_rational)
    integrand = sp.Mul(*(replica.integrand.subs(u, variable) for replica, variable in zip(inner, BOUND, strict=False)))
    entries = (total[0, 0],) if len(inner) == 1 else (total[0, 0], total[0, 1], total[1, 1])
    return node.func(integrand, mean, entries)


def flatten_all(expression: sp.Expr) -> sp.Expr:
    """Every outermost expectation of an expression flattened and normalised, closed by no rule."""
    if isinstance(expression, GaussianExpectation):
        return normalise(flatten(expression))
    if not expression.has(GaussianExpectation):
        return expression
    return expression.func(*map(flatten_all, expression.args))


def normalise(node: GaussianExpectation) -> sp.Expr:
    """Constants pulled out of an open expectation and scales of u, v moved from the integrand to the covariance."""
    integrand = simplified_almost_everywhere(evaluate_all(node.integrand))
    coefficient, integrand = sp.factor_terms(integrand).as_independent(*BOUND, as_Add=False)
    scale = _common_scale(integrand)
    integrand = sp.powdenest(integrand.subs({w: w / scale for w in BOUND}, simultaneous=True))
    factor, integrand = integrand.as_independent(*BOUND, as_Add=False)
    mean = [scale * entry for entry in node.mean]
    covariance = [tidy_rational(scale**2 * entry) for entry in node.covariance]
    return tidy_rational(coefficient * factor) * _marginal(node.func(integrand, mean, covariance))


def stein(node: GaussianExpectation) -> sp.Expr | None:
    """Stein's lemma, E u f = E[u] E f + sum_j Cov(u, w_j) E d_j f; polynomials alone are Isserlis' theorem.

    Only where f is made of functions whose derivatives the other rules close, so that the recursion ends.
    """
    factors = sp.Mul.make_args(node.integrand)
    bases = [factor.as_base_exp() for factor in factors]
    if not all((base in BOUND or isinstance(base, ENDING)) and power.is_Integer and power > 0 for base, power in bases):
        return None
    for factor in factors:
        base, power = factor.as_base_exp()
        if base in node.variables and power.is_Integer and power > 0:
            rest = node.integrand / base
            row = node.variables.index(base)
            pieces = [(node.mean[row], rest)]
            pieces += [(node.matrix[row, col], rest.diff(w)) for col, w in enumerate(node.variables)]
            return _combine(node, pieces)
    return None


def tilt(node: GaussianExpectation) -> sp.Expr | None:
    """exp of a quadratic form shifts and shrinks the Gaussian (complete the square)."""
    for factor in sp.Mul.make_args(node.integrand):
        if isinstance(factor, sp.exp) and factor.args[0].is_polynomial(*node.variables):
            form = sp.Poly(factor.args[0], *node.variables)
            if form.total_degree() <= 2:
                return _tilted(node, form, _without(node.integrand, factor))
    return None


def delta(node: GaussianExpectation) -> sp.Expr | None:
    """A delta function conditions the Gaussian on its root."""
    for factor in sp.Mul.make_args(node.integrand):
        if isinstance(factor, sp.DiracDelta):
            variable = next(w for w in node.variables if factor.has(w))
            row = node.variables.index(variable)
            root = sp.solve(factor.args[0], variable)[0]
            mean, variance = node.mean[row], node.matrix[row, row]
            jacobian = sp.Abs(factor.args[0].diff(variable))
            density = sp.exp(-((root - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance) / jacobian
            rest = _without(node.integrand, factor).subs(variable, root)
            return _times(density, close(_conditional(node, row, root, rest)))
    return None


def signs(node: GaussianExpectation) -> sp.Expr | None:
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
    product = tidy_rational(variances[0] * variances[1])
    return 2 / sp.pi * sp.asin(tidy_rational(covariance / sp.sqrt(product)))


def clipped(node: GaussianExpectation) -> sp.Expr | None:
    """Hard tanh and its slope: products of two by the bivariate normal law of a square (Plackett 1954), one by signs."""
    factors = [factor.as_base_exp() for factor in sp.Mul.make_args(node.integrand)]
    kinds = {type(base) for base, _ in factors}
    if len(kinds) != 1 or not kinds <= {HardTanh, Box} or sum(power for _, power in factors) > 2:
        return None
    arguments = [base.args[0] for base, power in factors for _ in range(int(power))]
    square = _square_probability(node, arguments, kinds.pop()) if len(arguments) == 2 else None
    if square is not None or len(set(arguments)) == 2:
        return square
    argument, inside = arguments[0], Box(arguments[0]).rewrite(sp.sign)
    by_signs = node.integrand.subs({HardTanh(argument) ** 2: 1 + (argument**2 - 1) * inside, Box(argument) ** 2: inside})
    return close(node.func(by_signs.rewrite(sp.sign), node.mean, node.covariance))


def _square_probability(node: GaussianExpectation, arguments: list[sp.Expr], kind: type) -> sp.Expr | None:
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


def exponential_tails(node: GaussianExpectation) -> sp.Expr | None:
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


def voigt(node: GaussianExpectation) -> sp.Expr | None:
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


def arc_cosine(node: GaussianExpectation) -> sp.Expr | None:
    """relu(u) relu(v), both of mean 0: the arc-cosine kernel of degree 1 (Cho & Saul, NeurIPS 22 (2009), eq. 6)."""
    if not node.is_pair or node.integrand != sp.Max(0, u) * sp.Max(0, v) or any(mean != 0 for mean in node.mean):
        return None
    variance, covariance, other = node.covariance
    if variance != other:
        return None
    return variance * ArcCosineKernel(tidy_rational(1 + covariance / variance))


def sines(node: GaussianExpectation) -> sp.Expr | None:
    """sin(a u) sin(b v), both of mean 0: exp(-variances/2) sinh(covariance), where exponentials would cancel."""
    factors = [factor.as_base_exp() for factor in sp.Mul.make_args(node.integrand)]
    arguments = [base.args[0] for base, power in factors if isinstance(base, sp.sin) for _ in range(int(power))]
    if len(arguments) != 2 or sum(power for _, power in factors) != 2 or any(mean != 0 for mean in node.mean):
        return None
    slopes = sp.Matrix([[argument.diff(w) for w in node.variables] for argument in arguments])
    if slopes.has(*BOUND) or any(argument.subs(dict.fromkeys(BOUND, 0)) != 0 for argument in arguments):
        return None
    law = slopes * node.matrix * slopes.T
    return sp.exp(-tidy_rational(law.trace() / 2)) * sp.sinh(law[0, 1])


WHOLE: tuple[Rule, ...] = (arc_cosine, sines)
RULES: tuple[Rule, ...] = (tilt, delta, stein, signs, clipped, exponential_tails, voigt)


def _cancels(node: GaussianExpectation, closed: sp.Expr) -> bool:
    """Whether the terms of a closed form nearly cancel as q -> 0 or q -> infinity: quadrature keeps its digits there.

    E (1 - exp(-|u|))^2 is of the order of the variance, and its three terms are of order 1.
    """
    if not closed.is_Add or node.integrand.has(sp.DiracDelta) or any(mean != 0 for mean in node.mean):
        return False
    ones = dict.fromkeys(closed.free_symbols, 1)
    for q_value in (1e-6, 1e6):
        point = ones | {q: q_value, Q: q_value, Q_ab: q_value / 2, c: 0.5}
        terms = [complex(term.subs(point).evalf()) for term in closed.args]
        if abs(sum(terms)) < max(map(abs, terms)) / 1000:
            return True
    return False


def _close_product(node: GaussianExpectation) -> sp.Expr | None:
    if node.integrand.is_number:
        return node.integrand
    return next((value for rule in RULES if (value := rule(node)) is not None), None)


def _as_sum_of_products(integrand: sp.Expr) -> sp.Expr:
    """Kinked and trigonometric functions in terms of sign and exp, expanded."""
    integrand = evaluate_all(integrand)
    integrand = integrand.replace(
        lambda e: isinstance(e, sp.Max) and len(e.args) == 2,
        lambda e: (e.args[0] + e.args[1] + (e.args[0] - e.args[1]) * sp.sign(e.args[0] - e.args[1])) / 2,
    )
    integrand = integrand.replace(sp.Heaviside, lambda argument, *_: (1 + sp.sign(argument)) / 2)
    if not any(tail.has(sp.Abs) for tail in integrand.atoms(sp.exp)):
        integrand = integrand.replace(sp.Abs, lambda argument: argument * sp.sign(argument))
    if integrand.has(sp.sin, sp.cos, sp.sinh, sp.cosh):
        integrand = integrand.rewrite([sp.sin, sp.cos, sp.sinh, sp.cosh], sp.exp)
    return simplified_almost_everywhere(sp.expand(integrand, power_base=False, power_exp=False, log=False))


def _marginal(node: GaussianExpectation) -> GaussianExpectation:
    """A pair expectation of one variable alone, or of two that are equal, as an expectation over one."""
    if node.is_pair and len(set(node.covariance)) == 1 and node.mean[0] == node.mean[1]:
        return node.func(node.integrand.subs(v, u), (node.mean[0],), (node.covariance[0],))
    if not node.is_pair or (node.integrand.has(u) and node.integrand.has(v)):
        return node
    row = 1 if node.integrand.has(v) else 0
    return node.func(node.integrand.subs(v, u), (node.mean[row],), (node.matrix[row, row],))


def _combine(node: GaussianExpectation, pieces: list[tuple[sp.Expr, sp.Expr]]) -> sp.Expr | None:
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


def _tilted(node: GaussianExpectation, form: sp.Poly, rest: sp.Expr) -> sp.Expr | None:
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


def _conditional(node: GaussianExpectation, row: int, root: sp.Expr, rest: sp.Expr) -> GaussianExpectation:
    """The law of the remaining variable, renamed u, given that variable `row` equals `root`."""
    if not node.is_pair:
        return node.func(rest, node.mean, node.covariance)
    other = 1 - row
    covariance, variance = node.matrix[0, 1], node.matrix[row, row]
    mean = node.mean[other] + covariance / variance * (root - node.mean[row])
    spread = tidy_rational(node.matrix[other, other] - covariance**2 / variance)
    return node.func(rest.subs(v, u), (mean,), (spread,))


def _common_scale(integrand: sp.Expr) -> sp.Expr:
    """The factor s by which u and v enter everywhere, f(s u, s v), or 1."""
    arguments = [f.args[0] for f in integrand.atoms(sp.Function)] + [f.point[0] for f in integrand.atoms(sp.Subs)]
    arguments = [argument for argument in arguments if argument.has(*BOUND)]
    squares = [e / e.subs(dict.fromkeys(BOUND, 0)) for e in integrand.atoms(sp.Add) if e.is_polynomial(*BOUND)]
    linear = [argument.replace(sp.Abs, lambda w: -w) for argument in arguments]
    candidates = [argument.diff(w) for argument in linear for w in BOUND if argument.has(w)]
    candidates += [sp.sqrt(square.coeff(w, 2)) for square in squares for w in BOUND if square.coeff(w, 2) != 0]
    for scale in candidates:
        if scale not in (0, 1) and not scale.has(*BOUND) and scale.is_positive:
            rescaled = sp.powdenest(integrand.subs({w: w / scale for w in BOUND}, simultaneous=True))
            if not rescaled.as_independent(*BOUND, as_Add=False)[1].free_symbols & scale.free_symbols:
                return scale
    return sp.S.One
