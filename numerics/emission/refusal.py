"""Maps that refuse where they lose their digits: a result that is no number, of arguments that are, is an error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

from meanbits.numerics.emission.emit import CompiledTheory


def without_nan(maps: CompiledTheory, name: str) -> CompiledTheory:
    """The maps of a surrogate, each raising ValueError in place of NaN."""
    functions = {key: _checked(value, f"{key} of {name}") for key, value in vars(maps).items() if callable(value)}
    later = {key: partial(_made, maps, key, name) for key in maps.later}
    return CompiledTheory(**{**vars(maps), **functions, "later": later})


def _made(maps: CompiledTheory, key: str, name: str) -> Any:
    value = getattr(maps, key)
    return _checked(value, f"{key} of {name}") if callable(value) else value


def _checked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        value = function(*arguments, **named)
        lost = np.isnan(value)
        if np.any(lost):
            given = [np.isnan(np.asarray(each, np.float64)) for each in (*arguments, *named.values())]
            if np.any(lost & ~np.any(np.broadcast_arrays(*given, lost)[:-1], 0)):
                raise ValueError(f"{name} cannot be computed at some of these arguments; move q or T nearer to 1")
        return value

    return checked
