"""Maps that refuse where they lose their digits: a result that is no number, of arguments that are, is an error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


def without_nan(maps: SimpleNamespace, name: str) -> SimpleNamespace:
    """The maps of a surrogate, each raising ValueError in place of NaN."""
    functions = {key: _checked(value, f"{key} of {name}") for key, value in vars(maps).items() if callable(value)}
    return SimpleNamespace(**{**vars(maps), **functions})


def _checked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        value = function(*arguments, **named)
        lost = np.isnan(value)
        if np.any(lost):
            given = [np.isnan(np.asarray(each, np.float64)) for each in (*arguments, *named.values())]
            if np.any(lost & ~np.any(np.broadcast_arrays(*given, lost)[:-1], 0)):
                raise ValueError(f"{name} cannot be computed at some of these arguments; move q or T nearer to 1")
        return value

    return checked
