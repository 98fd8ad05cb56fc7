"""Evaluate Gaussian expectations: flatten by the tower property, close term by term by rules, or normalise.

What no rule closes stays an expectation, with constants pulled out and scales moved to its covariance, and is left to
quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import sympy as sp

from meanbits.theory.gaussian.node import BOUND, GaussianNode, substituted
from meanbits.theory.gaussian.rules import RULES, WHOLE, Rule
from meanbits.theory.gaussian.tidy import MOST_OPERATIONS, simplified_almost_everywhere, tidy, tidy_rational
from meanbits.theory.symbols import Q, Q_ab, T, c, q, u, v

MOST_TERMS = 40  # of an integrand that rules are tried on one by one


@lru_cache(maxsize=4096)
def evaluate(node: GaussianNode) -> sp.Expr:
    """The closed form of an expectation, or the simplest expectation equal to it that no rule closes."""
    node = _marginal(flatten(node))
    closed = close(node)
    if closed is not None and closed.has(sp.I):  # sines by exponentials, of a real integrand
        closed = _real_part(closed) if closed.count_ops() <= MOST_OPERATIONS else None
    return normalise(node) if closed is None or _cancels(node, closed) else tidy(closed)


def _real_part(closed: sp.Expr) -> sp.Expr | None:
    """That of a sum of exponentials, each term in one exponent: apart they overflow, and count as powers."""
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(closed, power_exp=False)):
        if not term.has(sp.I):
            total += term
            continue
        rest, tail = sp.powsimp(term, combine="exp").as_independent(sp.exp, as_Add=False)
        if tail.func != sp.exp and tail != 1:
            return None
        exponent = sp.S.Zero if tail == 1 else sp.expand(tail.args[0])
        (size, phase), (along, across) = exponent.as_real_imag(), rest.as_real_imag()
        total += sp.exp(size) * (along * sp.cos(phase) - across * sp.sin(phase))
    if total.has(sp.I, sp.re, sp.im):  # a function of complex fields, as in E sin(u) sign(u)
        return None
    return sp.collect(total, sorted(total.atoms(sp.exp), key=sp.default_sort_key))


def evaluate_all(expression: sp.Expr) -> sp.Expr:
    """Every outermost expectation of an expression by its closed form where a rule gives one."""
    if isinstance(expression, GaussianNode):
        return evaluate(expression)
    if not expression.has(GaussianNode):
        return expression
    return expression.func(*map(evaluate_all, expression.args))


def flatten_all(expression: sp.Expr) -> sp.Expr:
    """Every outermost expectation of an expression flattened and normalised, closed by no rule."""
    if isinstance(expression, GaussianNode):
        return normalise(flatten(expression))
    if not expression.has(GaussianNode):
        return expression
    return expression.func(*map(flatten_all, expression.args))


def flatten(node: GaussianNode) -> GaussianNode:
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
    inner = [replica for replica in replicas if isinstance(replica, GaussianNode) and not replica.is_pair]
    if not inner or len(inner) > 2 or sp.Mul(*inner) != node.integrand:
        return node
    slopes = sp.Matrix([[replica.mean[0].diff(variable) for variable in node.variables] for replica in inner])
    if slopes.has(*BOUND):
        return node
    outer_mean = dict(zip(node.variables, node.mean, strict=True))
    mean = [substituted(replica.mean[0], outer_mean) for replica in inner]
    noise = sp.diag(*(replica.covariance[0] for replica in inner))
    total = (slopes * node.matrix * slopes.T + noise).applyfunc(tidy_rational)
    integrand = sp.Mul(*(replica.integrand.subs(u, variable) for replica, variable in zip(inner, BOUND, strict=False)))
    entries = (total[0, 0],) if len(inner) == 1 else (total[0, 0], total[0, 1], total[1, 1])
    return node.func(integrand, mean, entries)


@lru_cache(maxsize=4096)
def normalise(node: GaussianNode) -> sp.Expr:
    """Constants pulled out of an open expectation and scales of u, v moved from the integrand to the covariance."""
    integrand = simplified_almost_everywhere(evaluate_all(node.integrand))
    coefficient, integrand = sp.factor_terms(integrand).as_independent(*BOUND, as_Add=False)
    scale = _common_scale(integrand)
    factor, integrand = _rescaled(integrand, scale)
    mean = [scale * entry for entry in node.mean]
    covariance = [tidy_rational(scale**2 * entry) for entry in node.covariance]
    return tidy_rational(coefficient * factor) * _marginal(node.func(integrand, mean, covariance))


def close(node: GaussianNode) -> sp.Expr | None:
    """The closed form, term by term, or None if any term has none."""
    constant, integrand = node.integrand.as_independent(*BOUND, as_Add=False)
    node = node.func(integrand, node.mean, node.covariance)
    whole = next((value for rule in WHOLE if (value := rule(node, close)) is not None), None)
    if whole is not None:
        return constant * whole
    if _terms(integrand) > MOST_TERMS:
        return None
    waves = sp.Add.make_args(sp.expand(integrand)) if node.is_pair and integrand.has(sp.sin, sp.cos) else ()
    apart = len(waves) > 1  # products of two variables each, which a rule of their own closes in one exponent
    total = sp.S.Zero
    for term in waves if apart else sp.Add.make_args(_as_sum_of_products(integrand)):
        coefficient, rest = term.as_independent(*BOUND, as_Add=False)
        value = (close if apart else _close_product)(_marginal(node.func(rest, node.mean, node.covariance)))
        if value is None:
            return None
        total += coefficient * value
    return constant * total


def rules_used(expression: sp.Expr) -> tuple[Rule, ...]:
    """The rules that close the outermost expectations of an expression, each once; of those left open, none."""
    if isinstance(expression, GaussianNode):
        return _rules_of(_marginal(flatten(expression))) if not evaluate(expression).has(GaussianNode) else ()
    return tuple(dict.fromkeys(rule for part in expression.args for rule in rules_used(part)))


def _rules_of(node: GaussianNode) -> tuple[Rule, ...]:
    """The rule that takes an expectation as a whole, or those that close its terms."""
    integrand = node.integrand.as_independent(*BOUND, as_Add=False)[1]
    bare = node.func(integrand, node.mean, node.covariance)
    whole = next((rule for rule in WHOLE if rule(bare, close) is not None), None)
    if whole is not None:
        return (whole,)
    terms = (term.as_independent(*BOUND, as_Add=False)[1] for term in sp.Add.make_args(_as_sum_of_products(integrand)))
    nodes = [_marginal(node.func(term, node.mean, node.covariance)) for term in terms if not term.is_number]
    found = (next((rule for rule in RULES if rule(each, close) is not None), None) for each in nodes)
    return tuple(dict.fromkeys(rule for rule in found if rule is not None))


def _terms(integrand: sp.Expr) -> int:
    """How many products an integrand expands to."""
    factors = (factor.as_base_exp() for factor in sp.Mul.make_args(integrand))
    sums = ((len(base.args), power) for base, power in factors if base.is_Add and power.is_Integer and power > 0)
    return math.prod(count ** int(power) for count, power in sums)


def _close_product(node: GaussianNode) -> sp.Expr | None:
    if node.integrand.is_number:
        return node.integrand
    return next((value for rule in RULES if (value := rule(node, close)) is not None), None)


def _cancels(node: GaussianNode, closed: sp.Expr) -> bool:
    """Whether the terms of a closed form nearly cancel as q -> 0 or q -> infinity: quadrature keeps its digits there.

    E (1 - exp(-|u|))^2 is of the order of the variance, and its three terms are of order 1.
    """
    sums = [factor for factor in sp.Mul.make_args(closed) if factor.is_Add and factor.has(sp.Function)]
    if not sums or node.integrand.has(sp.DiracDelta) or any(mean != 0 for mean in node.mean):
        return False
    ones = dict.fromkeys(closed.free_symbols, 1)
    extremes = [ones | {q: value, Q: value, Q_ab: value / 2, c: 0.5} for value in (1e-6, 1e6)]
    if closed.has(Q_ab) and not closed.has(Q):  # the covariance of a sampled field, of variance T
        extremes = [point | {T: 2 * point[Q_ab]} for point in extremes]
    return any(_loses_digits(total, point) for total in sums for point in extremes)


def _loses_digits(total: sp.Expr, point: dict[sp.Symbol, float]) -> bool:
    try:
        terms = [complex(substituted(term, point).evalf()) for term in total.args]
        return abs(sum(terms)) < max(map(abs, terms)) / 1000
    except OverflowError:
        return True


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


def _marginal(node: GaussianNode) -> GaussianNode:
    """A pair expectation of one variable alone, or of two that are equal, as an expectation over one."""
    if node.is_pair and len(set(node.covariance)) == 1 and node.mean[0] == node.mean[1]:
        return node.func(node.integrand.subs(v, u), (node.mean[0],), (node.covariance[0],))
    if not node.is_pair or (node.integrand.has(u) and node.integrand.has(v)):
        return node
    row = 1 if node.integrand.has(v) else 0
    return node.func(node.integrand.subs(v, u), (node.mean[row],), (node.matrix[row, row],))


def _common_scale(integrand: sp.Expr) -> sp.Expr:
    """The factor s by which u and v enter everywhere, f(s u, s v), or 1."""
    for scale in _scales(integrand):
        if scale not in (0, 1) and not scale.has(*BOUND) and scale.is_positive:
            left = _rescaled(integrand, scale)[1].free_symbols & scale.free_symbols
            if not left:
                return scale
    return sp.S.One


def _rescaled(integrand: sp.Expr, scale: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The integrand in s u and s v: what does not depend on them, and the rest.

    Powers of s that all terms share, as those of homogeneous neurons do, are in front.
    """
    plain = sp.powdenest(substituted(integrand, {w: w / scale for w in BOUND}))
    constant, rest = plain.as_independent(*BOUND, as_Add=False)
    if rest.free_symbols & scale.free_symbols:
        return sp.factor_terms(plain).as_independent(*BOUND, as_Add=False)
    return constant, rest


def _scales(integrand: sp.Expr) -> Iterator[sp.Expr]:
    """Candidates: s of f(s u), of exp(-s |u|) and exp(-s^2 u^2), and of sums 1 + s^2 u^2 and 1 + s |u|."""
    size = sp.Dummy(positive=True)
    functions, values, totals = (_ordered(integrand.atoms(kind)) for kind in (sp.Function, sp.Subs, sp.Add))
    arguments = [each for f in functions for each in f.args if isinstance(each, sp.Expr)]
    arguments += [value.point[0] for value in values]
    sums = [(total, total.subs(dict.fromkeys(BOUND, 0))) for total in totals]
    forms = arguments + [total / offset for total, offset in sums if offset != 0 and total.has(*BOUND)]
    for form in forms:
        for w in BOUND:
            if form.has(w):
                yield sp.Abs(form.subs(sp.Abs(w), size).diff(size))
                yield sp.Abs(form.diff(w))
                yield sp.sqrt(sp.Abs(form.diff(w, 2)) / 2)


def _ordered(expressions: set[sp.Expr]) -> list[sp.Expr]:
    """A set in an order that does not depend on the process."""
    return sorted(expressions, key=sp.default_sort_key)
