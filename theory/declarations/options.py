"""What the options of a surrogate share: a choice by name, and numbers of bounded size."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import TypeVar

import sympy as sp

from meanbits.theory.errors import SurrogateError, shown
from meanbits.theory.sizes import LARGEST

Choice = TypeVar("Choice")

LONGEST = 40  # characters of a number


def pick(kind: str, name: str, choices: dict[str, Choice]) -> Choice:
    """The choice of that name.

    Raises:
        SurrogateError: if there is none, with the nearest.
    """
    if name in choices:
        return choices[name]
    raise SurrogateError(f"unknown {kind} '{shown(name)}'{nearest(name, choices)}")


def nearest(name: str, choices: Iterable[str]) -> str:
    """A hint that ends an error about an unknown name."""
    known = list(choices)
    close = difflib.get_close_matches(name[:LONGEST], known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"


def number(option: str, value: str | float) -> sp.Expr:
    """The rational number of an option, exact as written.

    Raises:
        SurrogateError: no number, or one of a size beyond `LARGEST` or, but for 0, below its inverse.
    """
    text = str(value).strip()
    try:
        size = math.nan if isinstance(value, bool) or len(text) > LONGEST or "_" in text else abs(float(text))
    except ValueError:
        size = math.nan
    if math.isnan(size):
        raise SurrogateError(f"{option} = {shown(repr(value))} is not a number; write for example 0.5")
    if size > LARGEST or 0 < size < 1 / LARGEST:
        raise SurrogateError(f"{option} = {text}: its size must lie between {1 / LARGEST:g} and {LARGEST:g}")
    return sp.Rational(text) if size else sp.S.Zero
