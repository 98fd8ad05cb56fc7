"""Results of solvers as Python prints them: a quantity a line, long arrays by their ends."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

MOST, DIGITS = 8, 6  # entries of an array, and digits of a number


class Shown:
    """A result whose repr is a table of the quantities in `shown`, to six digits, without those that have no value."""

    shown: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        known = {name: np.asarray(getattr(self, name)) for name in self.shown}
        known = {name: value for name, value in known.items() if value.dtype.kind != "f" or not np.isnan(value).all()}
        width = max(map(len, known))
        lines = (f"  {name:<{width}}  {_told(value)}" for name, value in known.items())
        return "\n".join([type(self).__name__, *lines])


def _told(array: np.ndarray) -> str:
    if array.ndim:
        return np.array2string(array, precision=DIGITS, threshold=MOST, edgeitems=3).replace("\n", "")
    return f"{float(array):.{DIGITS}g}" if array.dtype.kind == "f" else str(array)
