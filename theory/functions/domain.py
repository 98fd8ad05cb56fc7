"""What a declared function must be: finite and real on the whole line, and square integrable under every Gaussian."""

from __future__ import annotations

from itertools import pairwise

import sympy as sp

from meanbits.theory.errors import FormulaError, shown
from meanbits.theory.functions.breaks import branches, cut
from meanbits.theory.functions.magnitude import magnitude
from meanbits.theory.functions.points import inside, sign_between, value_at
from meanbits.theory.functions.roots import roots_in
from meanbits.theory.symbols import h

POLES = (sp.tan, sp.cot, sp.sec, sp.csc, sp.coth, sp.csch, sp.gamma, sp.zeta)
SCALES = (1e60, 1e70)  # where the growth of a function is read off
SPREAD = [1 + k / 7 for k in range(12)]
SLOWER = 0.95  # of log|f|/x^2 between the scales, where f grows more slowly than any exp(x^2/s)
VANISHING = 1e-60  # of log|f|/x^2
ROUNDING = 1e-18  # of a break that is a Float


def check_real(expression: sp.Expr, symbol: sp.Symbol = h) -> None:
    """Refuse poles and complex values.

    Raises:
        FormulaError: naming the place; also where breaks or zeros cannot be located.
    """
    pieces, compared = cut(expression, symbol)
    for low, high, part in pieces:
        if part.has(*POLES):
            raise FormulaError(f"{shown(part)} has poles without end")
        for power in part.atoms(sp.Pow):
            _check_power(power, symbol, low, high)
        for logarithm in part.atoms(sp.log):
            _check_positive(logarithm, logarithm.args[0], symbol, low, high)
    for whole, part, low, high in {(whole, *_positive(whole), low, high) for low, high, compare in compared
                                   for whole in compare.atoms(sp.Pow, sp.log)}:  # fmt: skip
        if part.has(symbol):
            _check_sign(whole, part, symbol, low, high)


def _positive(whole: sp.Expr) -> tuple[sp.Expr]:
    """What must not be negative for a power or logarithm to be real."""
    return (sp.S.One if whole.is_Pow and whole.exp.is_Integer else whole.args[0],)


def check_growth(expression: sp.Expr, symbol: sp.Symbol = h) -> None:
    """Refuse functions whose mean square is infinite under Gaussians of large variance.

    Raises:
        FormulaError: for growth like exp(h**2) or faster.
    """
    _, parts = branches(expression, symbol)
    for part, side in ((parts[0], -1), (parts[-1], 1)):
        size = magnitude(part, symbol)
        near, far = (max(size(side * scale * factor).logarithm / (scale * factor) ** 2 for factor in SPREAD)
                     for scale in SCALES)  # fmt: skip
        if not (far <= VANISHING or far < SLOWER * near):
            end = "infinity" if side > 0 else "-infinity"
            raise FormulaError(f"{shown(expression)} grows like exp(h**2) or faster as h -> {end}: its mean square is "
                               "infinite")  # fmt: skip


def _check_power(power: sp.Pow, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> None:
    base, exponent = power.args
    if not base.has(symbol) or (exponent.is_Integer and exponent.is_positive):
        return
    if exponent.is_Integer:
        _check_nonzero(power, base, symbol, low, high)
    elif exponent.is_positive and not exponent.has(symbol):
        _check_sign(power, base, symbol, low, high)
    else:
        _check_positive(power, base, symbol, low, high)


def _check_positive(whole: sp.Expr, part: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> None:
    if part.has(symbol):
        _check_sign(whole, part, symbol, low, high)
        _check_nonzero(whole, part, symbol, low, high)


def _check_sign(whole: sp.Expr, part: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> None:
    for a, b in pairwise([low, *roots_in(part, symbol, low, high), high]):
        if sign_between(part, symbol, a, b) < 0:
            raise FormulaError(f"{shown(whole)} is complex at {symbol} = {float(inside(a, b)):.6g}")


def _check_nonzero(whole: sp.Expr, part: sp.Expr, symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> None:
    ends = [end for end in (low, high) if end.is_finite and abs(value_at(part, symbol, end)) < ROUNDING]
    zeros = [*roots_in(part, symbol, low, high), *ends]
    if zeros:
        raise FormulaError(f"{shown(whole)} is not finite at {symbol} = {float(zeros[0]):.6g}")
