"""Maps that refuse where they lose their digits: a result that is no number, of arguments that are, is an error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from types import SimpleNamespace
from typing import Any

import numpy as np

from meanbits.numerics.emission.emit import CompiledTheory

LOST = "move q or T nearer to 1"
UNDEFINED = ("fields need q > 0, behind a norm a variance left (typical < 1), and a c that two inputs can have beside "
             "typical (2 typical - 1 < c)")  # fmt: skip


def without_nan(maps: CompiledTheory, name: str) -> CompiledTheory:
    """The maps of a surrogate, each raising ValueError in place of NaN."""
    later = {key: partial(_made, maps, key, name) for key in maps.later}
    return CompiledTheory(**{**vars(maps), **_functions(maps, name, LOST), "later": later})


def where_defined(maps: SimpleNamespace, name: str) -> SimpleNamespace:
    """The maps of a chain of blocks, each raising ValueError in place of NaN."""
    return SimpleNamespace(**{**vars(maps), **_functions(maps, name, UNDEFINED)})


def _functions(maps: SimpleNamespace, name: str, remedy: str) -> dict[str, Callable[..., Any]]:
    return {key: _checked(value, f"{key} of {name}", remedy) for key, value in vars(maps).items() if callable(value)}


def _made(maps: CompiledTheory, key: str, name: str) -> Any:
    value = getattr(maps, key)
    return _checked(value, f"{key} of {name}", LOST) if callable(value) else value


def _checked(function: Callable[..., Any], name: str, remedy: str) -> Callable[..., Any]:
    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):  # said by the error, of infinities by the value
            value = function(*arguments, **named)
        lost = np.isnan(value)
        if np.any(lost):
            given = [np.isnan(np.asarray(each, np.float64)) for each in (*arguments, *named.values())]
            if np.any(lost & ~np.any(np.broadcast_arrays(*given, lost)[:-1], 0)):
                raise ValueError(f"{name} cannot be computed at some of these arguments; {remedy}")
        return value

    return checked
