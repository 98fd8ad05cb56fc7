"""Laws of finitely many values."""

from __future__ import annotations

import sympy as sp

from meanbits.theory.gaussian.tidy import multiplied_out

Law = tuple[tuple[sp.Expr, sp.Expr], ...]


def law_moment(law: Law, order: int) -> sp.Expr:
    """E value^order by summing over the support."""
    return multiplied_out(sp.sympify(sum(value**order * probability for value, probability in law)))
