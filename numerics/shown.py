"""Results of solvers as Python prints them: a quantity a line, long arrays by their ends."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

MOST, DIGITS = 8, 6  # entries of an array, and digits of a number


class Shown:
    """A result whose repr is a table of the quantities in `shown`, to six digits."""

    shown: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        width = max(map(len, self.shown))
        lines = (f"  {name:<{width}}  {_told(getattr(self, name))}" for name in self.shown)
        return "\n".join([type(self).__name__, *lines])


def _told(value: Any) -> str:
    array = np.asarray(value)
    if array.ndim:
        return np.array2string(array, precision=DIGITS, threshold=MOST, edgeitems=3).replace("\n", "")
    return f"{float(array):.{DIGITS}g}" if array.dtype.kind == "f" else str(array)
