"""Algebra that keeps closed forms readable and free of cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import sympy as sp

from meanbits.theory.symbols import C, D, Q, Q_ab, Sigma, T, c, gap, overlap, q, sigma_b2, sigma_m2, u, v

NESTING = (q, T, Q, Sigma, D, sigma_m2, sigma_b2)
MOST_SYMBOLS, MOST_OPERATIONS = 10, 120
NOTHING = 1e-14  # of the value at a root that is no exact number
SIGNED = (c, C, Q_ab, overlap, gap)


def tidy(expression: sp.Expr) -> sp.Expr:
    """Factor what stands under roots, each factor nested in q and T and written with a positive sign.

    1 - (c q/(1+q))^2 becomes (1 + q (1-c)) (1 + q (1+c)) / (1+q)^2: no digits are lost as c -> 1 or q -> infinity.
    The factors are those of variances and determinants, so each is positive for |c| < 1 and its root real.
    """
    expression = expression.replace(_is_root, lambda root: _root_of_factors(root.base, root.exp))
    return expression.replace(_is_mixed_product, lambda product: sp.Mul(*_signed(product.args)))


@lru_cache(maxsize=4096)
def tidy_rational(expression: sp.Expr) -> sp.Expr:
    """One fraction, numerator and denominator factored and nested; functions, roots, expectations left as they are.

    So are long expressions: the cost of a factor grows fast with the number of symbols.
    """
    masked, opaque = _masked(expression)
    if _is_long(masked):
        return expression
    return _factored(masked).xreplace(opaque)


def multiplied_out(expression: sp.Expr) -> sp.Expr:
    """Products of sums as sums of products, what stands inside functions, roots and denominators as it is.

    exp(-(h - 9)^2) stays: of exp(-h^2) exp(18 h) exp(-81) a factor overflows first.
    """
    whole: dict[sp.Expr, sp.Symbol] = {}
    masked = _replace_outermost(expression, _is_whole, lambda part: whole.setdefault(part, sp.Dummy(real=True)))
    return sp.expand(masked).xreplace({symbol: part for part, symbol in whole.items()})


def root_of_linear(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr | None:
    """Where an expression linear in a symbol vanishes; None if it is not linear or vanishes only at 0."""
    masked, opaque = _masked(expression)
    numerator = sp.together(masked).as_numer_denom()[0]
    if any(part.has(symbol) for part in opaque.values()) or sp.degree(numerator, symbol) != 1:
        return None
    offset = numerator.subs(symbol, 0)
    return None if offset.expand() == 0 else _factored(-offset / numerator.diff(symbol)).xreplace(opaque)


@lru_cache(maxsize=4096)
def tidy_slope(slope: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """A derivative almost everywhere, over one denominator: 1/(1+|u|) - |u|/(1+|u|)^2 would cancel far out.

    Long ones are left as they are, and branches that steps switch on apart: what cancels in one is no other's.
    """
    slope = simplified_almost_everywhere(slope)
    if _is_long(_masked(slope, _is_opaque_in_slopes)[0]):
        return slope
    slope = slope.subs(variable * sp.sign(variable), sp.Abs(variable))
    masked, opaque = _masked(slope, _is_opaque_in_slopes)
    if any(step.args[0] != variable for step in slope.atoms(sp.sign)):
        return slope
    sums = (each for each in sp.Mul.make_args(masked) if each.is_Add)
    cancels = any(sp.fraction(sp.together(each))[1].xreplace(opaque).has(variable) for each in sums)
    return sp.factor(masked).xreplace(opaque) if cancels else slope


def _is_opaque_in_slopes(expression: sp.Expr) -> bool:
    """Also sums of 1 - tanh^2, which are exact far out, where their terms times powers of u would cancel."""
    return _is_opaque(expression) or bool(bells(expression))


def bells(total: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """(c, x) for every term of a sum of c (1 - tanh(x)^2), none where a sum is another.

    >>> bells(3 - sp.tanh(u) ** 2 - 2 * sp.tanh(v) ** 2)
    ((1, u), (2, v))
    """
    constant, rest = total.as_coeff_Add()
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for term in sp.Add.make_args(rest):
        coefficient, power = term.as_coeff_Mul()
        if not (total.is_Add and power.is_Pow and power.exp == 2 and isinstance(power.base, sp.tanh)):
            return ()
        found.append((-coefficient, power.base.args[0]))
    return tuple(found) if sum(coefficient for coefficient, _ in found) == constant else ()


def _adds_fractions(expression: sp.Expr, symbol: sp.Symbol) -> bool:
    """Whether fractions stand in a sum; 1/(1 + (1000 u - 333)^2) alone keeps its digits as it is."""
    sums = expression.atoms(sp.Add)
    return any(not term.is_polynomial(symbol) for total in sums for term in total.args)


def in_one(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """Sums and products of quotients of polynomials as one, whose range is close where those of its terms cancel."""
    if not expression.has(symbol) or expression.is_polynomial(symbol):
        return expression
    if expression.is_rational_function(symbol):
        return sp.factor(expression) if _adds_fractions(expression, symbol) else expression
    if not (expression.is_Add or expression.is_Mul):
        return expression.func(*(in_one(part, symbol) for part in expression.args))
    rational = [part for part in expression.args if part.has(symbol) and part.is_rational_function(symbol)]
    others = [part for part in expression.args if part not in rational]
    whole = [in_one(expression.func(*rational), symbol)] if rational else []
    return expression.func(*whole, *(in_one(part, symbol) for part in others))


def simplified_almost_everywhere(expression: sp.Expr) -> sp.Expr:
    """sign(x)^2 = 1 and f(x) delta(x - a) = f(a) delta(x - a), with its derivatives: equal inside expectations."""
    expression = expression.replace(
        lambda e: e.is_Pow and isinstance(e.base, sp.sign) and e.exp.is_Integer,
        lambda e: e.base ** (e.exp % 2),
    )
    deltas = expression.atoms(sp.DiracDelta)
    if not deltas:
        return expression
    smooth, spikes = expression.as_independent(sp.DiracDelta, as_Add=True)
    spikes = sp.expand(spikes)
    for delta in sorted(deltas, key=sp.default_sort_key):
        coefficient = spikes.coeff(delta)
        spikes = sp.expand(spikes - delta * coefficient + _localised(coefficient, delta))
    return smooth + spikes


def _localised(coefficient: sp.Expr, delta: sp.DiracDelta) -> sp.Expr:
    """f delta^(n) by the values of f at the root: the sum over k of C(n, k) (-1)^k f^(k) delta^(n - k), by parts."""
    argument, order = delta.args[0], int(delta.args[1]) if len(delta.args) > 1 else 0
    variable = u if delta.has(u) else v
    slope, root = argument.diff(variable), sp.solve(argument, variable)[0]
    rates = [coefficient.diff(variable, k) for k in range(order + 1)]
    if any(inner.has(variable) for rate in rates for inner in rate.atoms(sp.DiracDelta)):
        return delta * coefficient  # f jumps: where the root is, it has no slope
    return sp.Add(*(sp.binomial(order, k) * _at(rate, variable, root) / (-slope) ** k
                    * sp.DiracDelta(argument, order - k) for k, rate in enumerate(rates)))  # fmt: skip


def _at(coefficient: sp.Expr, variable: sp.Symbol, root: sp.Expr) -> sp.Expr:
    """The value at a root; that of a sum of numbers that cancel is 0."""
    value = coefficient.subs(variable, root)
    vanishes = value.is_number and value.is_finite and abs(value.evalf(25)) < NOTHING
    return sp.S.Zero if vanishes else value


def _is_opaque(expression: sp.Expr) -> bool:
    atomic = expression.is_Atom or expression.is_Add or expression.is_Mul
    return not atomic and not (expression.is_Pow and expression.exp.is_Integer)


def _masked(
    expression: sp.Expr, is_opaque: Callable[[sp.Expr], bool] = _is_opaque
) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]]:
    symbols: dict[sp.Expr, sp.Symbol] = {}

    def mask(part: sp.Expr) -> sp.Expr:
        if part not in symbols:  # named by its place, so that like expressions are factored once
            place = len(symbols)
            symbols[part] = sp.Dummy(f"part{place}", dummy_index=place, positive=part.is_positive or None, real=True)
        return symbols[part]

    masked = _replace_outermost(expression, is_opaque, mask)
    return masked, {symbol: part for part, symbol in symbols.items()}


def _is_long(masked: sp.Expr) -> bool:
    return len(masked.free_symbols) > MOST_SYMBOLS or masked.count_ops() > MOST_OPERATIONS


def _is_whole(expression: sp.Expr) -> bool:
    is_power = expression.is_Pow and expression.exp.is_Integer and expression.exp.is_positive
    return not (expression.is_Atom or expression.is_Add or expression.is_Mul or is_power)


def _replace_outermost(
    expression: sp.Expr, matches: Callable[[sp.Expr], bool], change: Callable[[sp.Expr], sp.Expr]
) -> sp.Expr:
    if matches(expression):
        return change(expression)
    if expression.is_Atom:
        return expression
    return expression.func(*(_replace_outermost(part, matches, change) for part in expression.args))


def _is_root(expression: sp.Basic) -> bool:
    return bool(expression.is_Pow and expression.exp.is_Rational and not expression.exp.is_Integer)


def _is_mixed_product(expression: sp.Basic) -> bool:
    return bool(expression.is_Mul and expression.has(sp.Pow) and expression.has(*SIGNED))


def _root_of_factors(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    return sp.Mul(*(factor**exponent for factor in _factors(base)))


def _factored(base: sp.Expr) -> sp.Expr:
    return sp.Mul(*_factors(base))


@lru_cache(maxsize=4096)
def _factors(base: sp.Expr) -> tuple[sp.Expr, ...]:
    return tuple(_signed(_nested(factor) for factor in sp.Mul.make_args(sp.factor(base))))


def _signed(factors: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The factors with positive bases at a point of |c| < 1, after the sign that is left over."""
    sign, positive = sp.S.One, []
    for factor in factors:
        base, exponent = factor.as_base_exp()
        if exponent.is_Integer and _is_negative(base):
            sign, base = sign * (-1) ** exponent, _nested(sp.expand(-base))
        positive.append(base**exponent)
    numbers = [factor for factor in positive if factor.is_number]
    return [sp.Mul(sign, *numbers), *(factor for factor in positive if not factor.is_number)]


@lru_cache(maxsize=4096)
def _is_negative(base: sp.Expr) -> bool:
    if not base.is_Add or base.has(sp.Function):
        return False
    inside = {symbol: sp.Rational(1, 2 if symbol in SIGNED else 10) for symbol in base.free_symbols}
    return base.xreplace(inside).is_negative is True


@lru_cache(maxsize=4096)
def _nested(factor: sp.Expr) -> sp.Expr:
    base, exponent = factor.as_base_exp()
    generators = [symbol for symbol in NESTING if base.has(symbol)]
    if not base.is_Add or not generators or not base.is_polynomial(*generators):
        return factor
    return sp.Pow(_horner(base, generators), exponent)


def _horner(polynomial: sp.Expr, generators: list[sp.Symbol]) -> sp.Expr:
    if not generators:
        return sp.factor_terms(polynomial)
    generator, *rest = generators
    nested = sp.S.Zero
    for coefficient in sp.Poly(polynomial, generator).all_coeffs():
        nested = nested * generator + _horner(coefficient, rest)
    return nested
