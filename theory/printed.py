"""Theories as Python and notebooks print them: a heading and the maps, cut to fit a screen."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

LONGEST = 160  # characters of a map


def as_text(heading: str, maps: Mapping[str, sp.Expr]) -> str:
    """A heading, and a line for each map."""
    return "\n    ".join([heading, *(f"{name} = {shortened(map_, LONGEST)}" for name, map_ in maps.items())])


def as_latex(maps: Mapping[str, sp.Expr]) -> str:
    """The maps as aligned equations."""
    lines = r" \\ ".join(f"{name} &= {sp.latex(expression)}" for name, expression in maps.items())
    return rf"$$\begin{{aligned}} {lines} \end{{aligned}}$$"


def shortened(value: object, longest: int) -> str:
    """A value as text of so many characters at most, and dots where it goes on."""
    text = str(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
