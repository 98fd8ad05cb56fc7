"""Real zeros and poles of an analytic expression in an interval: by algebra, else isolated by ranges."""

from __future__ import annotations

import math
from collections.abc import Callable

import sympy as sp

from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.functions.intervals import excludes_zero, range_of
from meanbits.theory.functions.isolation import Isolation
from meanbits.theory.functions.points import DIGITS, distinct, is_between, place
from meanbits.theory.gaussian.tidy import tidy_rational

MAX_DEGREE = 64
LOW_POWER = 8
INVERSES: dict[type[sp.Expr], tuple[Callable[[sp.Expr], sp.Expr], float, float]] = {
    sp.exp: (sp.log, 0, math.inf), sp.log: (sp.exp, -700, 700), sp.tanh: (sp.atanh, -1, 1),
    sp.sinh: (sp.asinh, -math.inf, math.inf), sp.atan: (sp.tan, -math.pi / 2, math.pi / 2),
    sp.erf: (sp.erfinv, -1, 1), sp.erfc: (sp.erfcinv, 0, 2),
}  # fmt: skip


def roots_in(expression: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    """Where an expression can change its sign in the open interval (low, high): zeros and poles, none of them twice.

    The expression is analytic in the interval but for poles, and not 0 throughout. Zeros of polynomials with radicals,
    and of what inverse functions reduce to them, are exact; others are Floats.

    Raises:
        FormulaError: if there are infinitely many or too many, or it cannot be told where they are.
    """
    return distinct(root for root in _zeros(expression, symbol, low, high) if is_between(low, root, high))


def _zeros(expression: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    if not expression.has(symbol) or excludes_zero(range_of(expression, symbol)(place(low), place(high))):
        return []
    if isinstance(expression, sp.Mul):
        return [root for factor in expression.args for root in _zeros(factor, symbol, low, high)]
    if isinstance(expression, sp.Pow):
        return _zeros(expression.base, symbol, low, high)
    if expression.is_rational_function(symbol):
        parts = sp.fraction(sp.together(expression))
        return [root for part in parts if part.has(symbol) for root in _of_polynomial(part, symbol, low, high)]
    inverted = _inverted(expression, symbol)
    if inverted is not None:
        return [root for argument in inverted for root in _zeros(argument, symbol, low, high)]
    if expression.free_symbols != {symbol}:
        raise FormulaError(f"the zeros of {shown(expression)} depend on its open symbols; give them numbers")
    try:
        return Isolation(expression, symbol).roots(place(low), place(high))
    except FormulaError:
        factored = sp.factor(expression) if _has_low_powers(expression) else tidy_rational(expression)
        if not (factored.is_Mul or factored.is_Pow):
            raise
    return _zeros(factored, symbol, low, high)


def _has_low_powers(expression: sp.Expr) -> bool:
    """Whether its exponentials are low powers of each other: factors of a polynomial of degree 100 take for ever."""
    exponents = [term for each in expression.atoms(sp.exp) for term in sp.Add.make_args(each.args[0])]
    shares = [term.as_coeff_Mul()[0] for term in exponents]
    return all(share.is_Rational and max(abs(share.p), share.q) <= LOW_POWER for share in shares)


def _inverted(expression: sp.Expr, symbol: sp.Symbol) -> list[sp.Expr] | None:
    """What vanishes where offset + factor function(argument) does, or None if it is not of that form."""
    offset, dependent = expression.as_independent(symbol, as_Add=True)
    factor, function = dependent.as_independent(symbol, as_Add=False)
    target = -offset / factor
    if function.is_Pow and function.exp.is_Rational and not function.exp.is_Integer:
        return [function.base - target ** (1 / function.exp)] if target.is_positive else []
    if function.func not in INVERSES:
        return None
    inverse, least, greatest = INVERSES[function.func]
    if target.free_symbols:
        return None
    if not least < float(target) < greatest:
        return []
    value = inverse(target)
    return [function.args[0] - value] if value.is_comparable else None


def _of_polynomial(numerator: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    polynomial = sp.Poly(numerator, symbol)
    if polynomial.degree() < 1:
        return []
    if polynomial.degree() == 1:
        slope, offset = polynomial.all_coeffs()
        root = sp.simplify(-offset / slope) if (offset / slope).free_symbols else -offset / slope
        if root.free_symbols:
            raise FormulaError(f"the break {shown(root)} depends on open symbols; give them numbers")
        return [root]
    if polynomial.free_symbols_in_domain:
        raise FormulaError(f"the zeros of {shown(numerator)} depend on its open symbols; give them numbers")
    if polynomial.degree() > MAX_DEGREE:
        raise FormulaError(f"a polynomial of degree {polynomial.degree()} in {symbol}: at most {MAX_DEGREE}")
    lead, *middle, last = polynomial.all_coeffs()
    if not any(middle):
        size = abs(last / lead) ** sp.Rational(1, polynomial.degree())
        negative = bool(last / lead > 0)
        if polynomial.degree() % 2:
            return [-size if negative else size]
        return [] if negative and last != 0 else [-size, size]
    if not all(coefficient.is_Rational for coefficient in polynomial.all_coeffs()):
        return Isolation(numerator, symbol).roots(place(low), place(high))
    return [root for factor, _ in polynomial.factor_list()[1] for root in _of_irreducible(factor)]


def _of_irreducible(polynomial: sp.Poly) -> list[sp.Expr]:
    if polynomial.degree() <= 2:
        return [root for root in sp.roots(polynomial) if root.is_real]
    from flint import ctx, fmpz_poly  # by ball arithmetic: real zeros come out with no imaginary part

    integers = polynomial.clear_denoms(convert=True)[1].all_coeffs()
    with ctx.workdps(DIGITS + 5):
        found = fmpz_poly([int(each) for each in reversed(integers)]).complex_roots()
        zeros = [zero for zero, _ in found]  # pyright: ignore[reportGeneralTypeIssues] (its stub forgets the pair)
        return [sp.Float(zero.real.str(DIGITS, radius=False), DIGITS) for zero in zeros if zero.imag == 0]
