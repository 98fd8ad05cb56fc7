"""Expressions as their source keeps digits: SymPy shares parts between lines, and floats replace exact numbers."""

from __future__ import annotations

import sympy as sp

from meanbits.theory.symbols import u

CANCELLED = 0.02  # what is left of the terms of a sum that loses digits


def like_terms_joined(expression: sp.Expr) -> sp.Expr:
    """Like terms whose irrational coefficients cancel, as one: a root among them would be a line of its own."""
    if expression.is_Atom:
        return expression
    expression = expression.func(*map(like_terms_joined, expression.args))
    if not expression.is_Add:
        return expression
    alike: dict[sp.Expr, list[sp.Expr]] = {}
    for term in expression.args:
        number, rest = term.as_independent(*term.free_symbols, as_Add=False)
        alike.setdefault(rest, []).append(number)
    lost = {rest: sp.Add(*numbers) for rest, numbers in alike.items() if len(numbers) > 1 and _cancels(numbers)}
    kept = (number * rest for rest, numbers in alike.items() if rest not in lost for number in numbers)
    return (
        sp.Add(*kept, *(sp.Float(total.evalf(30), 17) * rest for rest, total in lost.items())) if lost else expression
    )


def _cancels(numbers: list[sp.Expr]) -> bool:
    return abs(sp.Add(*numbers).evalf(15)) < CANCELLED * max(abs(number.evalf(15)) for number in numbers)


def roots_apart(part: sp.Expr) -> sp.Expr:
    """A polynomial by its factors if roots repeat: u^2 - 2 u + 1 has no digits near 1."""
    if not (part.is_polynomial(u) and part.is_Add):
        return part
    repeats = any(power > 1 for factor, power in sp.factor_list(part)[1] if factor.has(u))
    return sp.factor(part) if repeats else part
