"""Laws of finitely many values."""

from __future__ import annotations

import sympy as sp

Law = tuple[tuple[sp.Expr, sp.Expr], ...]


def law_moment(law: Law, order: int) -> sp.Expr:
    """E value^order by summing over the support."""
    return sp.expand(sum(value**order * probability for value, probability in law))
