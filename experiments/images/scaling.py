"""How images become numbers in [-1, 1], by what they are: bytes, numbers in [0, 1], or in [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
ROUNDING = 1e-6  # beyond the ends, of numbers in single precision


@dataclass(frozen=True)
class Scaling:
    """x -> x / half - 1, or x itself where half is None; `note` says so in words."""

    half: float | None
    note: str

    def apply(self, images: NDArray[Any]) -> Images:
        """Of any shape, as float64 in [-1, 1]."""
        if self.half is None:
            return np.clip(images.astype(np.float64), -1, 1)
        scaled: Images = images / self.half
        scaled -= 1
        return np.clip(scaled, -1, 1, out=scaled)


GREY = Scaling(127.5, "images of bytes, 0 to 255, scaled to [-1, 1]")
TWO = Scaling(0.5, "images of True and False, taken as 1 and -1")
UNIT = Scaling(0.5, "images of numbers in [0, 1], scaled to [-1, 1]")
PLAIN = Scaling(None, "images of numbers in [-1, 1], taken as they are")


def scaling_of(parts: Sequence[NDArray[Any]]) -> Scaling:
    """The one scaling of training and test images.

    Raises:
        ValueError: types that differ, or numbers that are in neither range, with the remedy.
    """
    types = {part.dtype for part in parts}
    if len(types) > 1:
        raise ValueError(f"training images are of type {parts[0].dtype} and test images of type {parts[1].dtype}; give "
                         "both one type")  # fmt: skip
    (kind,) = types
    if kind == np.uint8:
        return GREY
    if kind == np.bool_:
        return TWO
    if not np.issubdtype(kind, np.floating):
        raise ValueError(f"images are of type {kind}; give grey levels 0 to 255 as bytes, x.astype('uint8'), or "
                         "numbers in [-1, 1]")  # fmt: skip
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError("images hold nan or infinite numbers; remove or replace them")
    low, high = min(part.min() for part in parts), max(part.max() for part in parts)
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        linear = "" if low == high else f", or give (2 * x - ({low + high:.6g})) / {high - low:.6g}"
        raise ValueError(f"images reach from {low:.6g} to {high:.6g}; give bytes 0 to 255, or numbers in [0, 1] or "
                         f"[-1, 1]: leave out a normalisation by mean and deviation{linear}")  # fmt: skip
    return PLAIN if low < -ROUNDING else UNIT
