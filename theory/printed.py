"""Theories as Python and notebooks print them: a heading and the maps, cut to fit a screen."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

LONGEST = 160  # characters of an expression


def as_text(heading: str, maps: Mapping[str, sp.Expr]) -> str:
    """A heading, and a line for each map."""
    return "\n    ".join([heading, *(f"{name} = {_short(str(map_))}" for name, map_ in maps.items())])


def as_latex(maps: Mapping[str, sp.Expr]) -> str:
    """The maps as aligned equations."""
    lines = r" \\ ".join(f"{name} &= {sp.latex(expression)}" for name, expression in maps.items())
    return rf"$$\begin{{aligned}} {lines} \end{{aligned}}$$"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
