"""What an expression does for all x beyond a point: its range and sign, by monotone functions and decaying terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import sympy as sp
from flint import arb

from meanbits.numerics.certificates.balls import UnprovedError, ball, hull

Range = tuple[arb, arb]

INFINITY = arb.pos_inf()
LIMITS: dict[type[sp.Function], tuple[Callable[[arb], arb], sp.Expr, sp.Expr]] = {
    sp.exp: (arb.exp, sp.S.Zero, sp.oo),
    sp.log: (arb.log, -sp.oo, sp.oo),
    sp.tanh: (arb.tanh, sp.S.NegativeOne, sp.S.One),
    sp.erf: (arb.erf, sp.S.NegativeOne, sp.S.One),
    sp.atan: (arb.atan, -sp.pi / 2, sp.pi / 2),
    sp.sinh: (arb.sinh, -sp.oo, sp.oo),
}


def tail_range(expression: sp.Expr, x: sp.Symbol, cut: float) -> Range:
    """Bounds (low, high) of an expression over x > cut >= 0: exact numbers, perhaps infinite.

    Raises:
        UnprovedError: where no rule bounds some part.
    """
    low, high = _range(expression, x, cut)
    if low.is_nan() or high.is_nan():
        raise UnprovedError("the terms of %s are unbounded both ways beyond x = %s", expression, cut)
    return arb(low.lower()), arb(high.upper())


def _range(expression: sp.Expr, x: sp.Symbol, cut: float) -> Range:
    if not expression.has(x):
        return ball(expression), ball(expression)
    if expression == x:
        return arb(cut), INFINITY
    if expression.is_Add:
        ranges = [tail_range(part, x, cut) for part in expression.args]
        return sum((low for low, _ in ranges), arb(0)), sum((high for _, high in ranges), arb(0))
    if expression.is_Mul or expression.is_Pow:
        return _decaying(expression, x, cut) or _algebraic(expression, x, cut) or _plain(expression, x, cut)
    if expression.func in (sp.sin, sp.cos):
        return arb(-1), arb(1)
    if expression.func is sp.erfc:
        low, high = tail_range(sp.erf(expression.args[0]), x, cut)
        return 1 - high, 1 - low
    if expression.func in LIMITS:
        return _monotone(expression, x, cut)
    raise UnprovedError("no bound of %s beyond x = %s", expression.func, cut)


def tail_sign(expression: sp.Expr, x: sp.Symbol, cut: float) -> int:
    """+1 or -1 where the expression has that strict sign for all x > cut.

    Raises:
        UnprovedError: where no form of the expression shows its sign.
    """
    for form in _forms(expression):
        try:
            return _sign(form, x, cut)
        except UnprovedError:
            continue
    raise UnprovedError("the sign of %s beyond x = %s was not found", expression, cut)


def tail_bound(expression: sp.Expr, x: sp.Symbol, cut: float) -> arb:
    """An upper bound of |f| over x > cut.

    Raises:
        UnprovedError: where no form of the expression shows one.
    """
    for form in _forms(expression):
        try:
            low, high = tail_range(form, x, cut)
        except UnprovedError:
            continue
        if low.is_finite() and high.is_finite():
            return abs(low).max(abs(high))
    raise UnprovedError("%s has no proven bound beyond x = %s", expression, cut)


def _forms(expression: sp.Expr) -> Iterator[sp.Expr]:
    """Equal expressions, in the order of their cost: factored, then tanh(a) in powers of exp(-2a)."""
    yield expression
    yield _factored(expression)
    if expression.has(sp.tanh):
        yield from _exponential(expression)


@lru_cache(maxsize=1024)
def _factored(expression: sp.Expr) -> sp.Expr:
    return sp.factor(expression)


@lru_cache(maxsize=1024)
def _exponential(expression: sp.Expr) -> tuple[sp.Expr, ...]:
    decays = {part: sp.Dummy(positive=True) for part in expression.atoms(sp.tanh)}
    rational = expression.xreplace({part: (1 - decay) / (1 + decay) for part, decay in decays.items()})
    numerator, denominator = sp.fraction(sp.together(rational))
    back = {decay: sp.exp(-2 * sp.expand(part.args[0])) for part, decay in decays.items()}
    expanded = sp.expand(numerator) / sp.factor(denominator)
    return sp.factor(numerator / denominator).subs(back), expanded.subs(back)


def _sign(expression: sp.Expr, x: sp.Symbol, cut: float) -> int:
    if expression.is_Mul:
        return math.prod(_sign(part, x, cut) for part in expression.args)
    if isinstance(expression, sp.exp):
        return 1
    if expression.is_Pow and expression.exp.is_rational:
        sign = _sign(expression.base, x, cut)
        if expression.exp.is_Integer:
            return sign ** int(expression.exp)
        if sign > 0:
            return 1
    if expression.is_Add:
        signs = {_try(part, x, cut) for part in expression.args}
        if len(signs) == 1 and 0 not in signs:
            return signs.pop()
    low, high = tail_range(expression, x, cut)
    if low > 0 or high < 0:
        return 1 if low > 0 else -1
    raise UnprovedError("%s lies in [%s, %s] beyond x = %s", expression, low, high, cut)


def _try(expression: sp.Expr, x: sp.Symbol, cut: float) -> int:
    try:
        return _sign(expression, x, cut)
    except UnprovedError:
        return 0


def _plain(expression: sp.Expr, x: sp.Symbol, cut: float) -> Range:
    if expression.is_Mul:
        first, rest = expression.as_two_terms()
        return _product(tail_range(first, x, cut), tail_range(rest, x, cut))
    base, exponent = expression.as_base_exp()
    low, high = tail_range(base, x, cut)
    if not exponent.is_Rational:
        raise UnprovedError("no bound of the power %s beyond x = %s", expression, cut)
    if exponent.is_Integer and exponent % 2 == 0 and exponent > 0:
        sizes = abs(low), abs(high)
        low, high = arb(0) if low <= 0 and high >= 0 else sizes[0].min(sizes[1]), sizes[0].max(sizes[1])
    if not low >= 0 or (exponent < 0 and not low > 0):
        raise UnprovedError(
            "no bound of the power %s: its base is in [%s, %s] beyond x = %s", expression, low, high, cut
        )
    ends = [_raised(end, exponent) for end in (low, high)]
    return (ends[0], ends[1]) if exponent > 0 else (ends[1], ends[0])


def _raised(end: arb, exponent: sp.Expr) -> arb:
    if end.is_finite():
        return end ** ball(exponent) if end > 0 else arb(0)
    return INFINITY if exponent > 0 else arb(0)


def _product(first: Range, second: Range) -> Range:
    """Endpoint products, 0 times infinity counted 0: the range is that of finite values."""
    ends = [arb(0) if a.is_zero() or b.is_zero() else _times(a, b) for a in first for b in second]
    return min(ends, key=lambda end: end.lower()), max(ends, key=lambda end: end.upper())


def _times(a: arb, b: arb) -> arb:
    if a.is_finite() and b.is_finite():
        return a * b
    if a.contains(0) or b.contains(0):
        raise UnprovedError("the product of %s and %s has no sign", a, b)
    return INFINITY if (a > 0) == (b > 0) else -INFINITY


def _monotone(expression: sp.Expr, x: sp.Symbol, cut: float) -> Range:
    function, below, above = LIMITS[expression.func]

    def at(end: arb) -> arb:
        if end.is_finite():
            return function(end)
        limit = above if end > 0 else below
        return ball(limit) if limit.is_finite else (INFINITY if limit > 0 else -INFINITY)

    low, high = tail_range(expression.args[0], x, cut)
    return at(low), at(high)


def _decaying(expression: sp.Expr, x: sp.Symbol, cut: float) -> Range | None:
    """x^n exp(p(x)) times the rest: it decreases to 0 where n + x p'(x) < 0, p a polynomial of negative lead."""
    factors = sp.Mul.make_args(expression)
    exponent = sp.Add(*(part.args[0] for part in factors if isinstance(part, sp.exp)))
    powers = [part for part in factors if part.as_base_exp()[0] == x]
    power = sp.Add(*(part.as_base_exp()[1] for part in powers))
    rest = sp.Mul(*(part for part in factors if not isinstance(part, sp.exp) and part not in powers))
    if not exponent.is_polynomial(x) or not power.is_number or not exponent.has(x):
        return None
    shifted = sp.Poly((power + x * exponent.diff(x)).subs(x, x + sp.Rational(cut)), x)
    if any(coefficient.is_positive is not False for coefficient in shifted.all_coeffs()):
        return None
    largest = ball(x**power * sp.exp(exponent), {x: arb(cut)})
    return _product((arb(0), largest), tail_range(rest, x, cut))


def _algebraic(expression: sp.Expr, x: sp.Symbol, cut: float) -> Range | None:
    """Roots and powers only: a ball over 1/x in (0, 1/cut], where that is smooth at 0."""
    if expression.atoms(sp.Function):
        return None
    try:
        value = ball(_inverted(expression, x), {x: hull(arb(0), 1 / arb(cut))})
    except UnprovedError:
        return None
    return arb(value.lower()), arb(value.upper())


@lru_cache(maxsize=1024)
def _inverted(expression: sp.Expr, x: sp.Symbol) -> sp.Expr:
    return sp.simplify(expression.subs(x, 1 / x))
