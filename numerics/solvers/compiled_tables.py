"""Tables that compiled code looks up, several times as fast as NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

import numpy as np

from meanbits.numerics.emission.c_library import library
from meanbits.numerics.emission.c_printer import IN_C
from meanbits.numerics.emission.copying import commented_parts
from meanbits.numerics.solvers.panels import Array
from meanbits.numerics.solvers.ratios import Tables

SOURCE = Path(__file__).with_name("tables.c")
POINTER = ctypes.c_void_p


class _Grid(ctypes.Structure):
    """`mb_grid` of the source."""

    _fields_ = (("first", ctypes.c_int32), ("per_octave", ctypes.c_int32), ("scale", ctypes.c_double),
                ("counts", POINTER), ("starts", POINTER))  # fmt: skip


@dataclass(frozen=True, eq=False)
class CompiledTables(Tables):
    """Tables whose polynomials are compiled; their coefficients point by point, the highest power first."""

    by_row: dict[str, Array] = field(init=False)
    by_cell: dict[str, Array] = field(init=False)
    grid: _Grid = field(init=False)
    kept: Array = field(init=False)  # what the grid points to

    def __post_init__(self) -> None:
        starts = self.starts.astype(np.int32)
        of_both = {name: np.concatenate([each[::-1] for each in reversed(powers)])
                   for name, powers in self.of_both.items()}  # fmt: skip
        found = {"by_row": {name: np.ascontiguousarray(powers[::-1].T) for name, powers in self.of_q.items()},
                 "by_cell": {name: np.ascontiguousarray(powers.T) for name, powers in of_both.items()},
                 "grid": _Grid(self.first, self.per_octave, self.scale, self.counts.ctypes.data, starts.ctypes.data),
                 "kept": starts}  # fmt: skip
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def _of_q(self, name: str, q: Array) -> Array:
        return self._called(_library().mb_of_q, self.by_row[name], [q])

    def _of_both(self, name: str, gap: Array, q: Array) -> Array:
        return self._called(_library().mb_of_both, self.by_cell[name], [gap, q])

    def _called(self, function: Callable[..., None], coefficients: Array, state: Sequence[Array]) -> Array:
        shape = np.broadcast_shapes(*(np.shape(each) for each in state))
        given = [np.ascontiguousarray(np.broadcast_to(each, shape)) for each in state]
        value = np.empty(shape)
        pointers = (each.ctypes.data for each in (*given, value))
        function(ctypes.byref(self.grid), coefficients.ctypes.data, value.size, *pointers)
        return value


def compiled(tables: Tables) -> CompiledTables:
    """Tables looked up by compiled code.

    Raises:
        NoLibraryError: where nothing can be compiled.
    """
    _library()
    return CompiledTables(**{each.name: getattr(tables, each.name) for each in fields(Tables)})


@cache
def _library() -> ctypes.CDLL:
    source = SOURCE.read_text(encoding="utf-8")
    found = library("\n".join([*IN_C.imports, *commented_parts("prelude.c"), source]))
    for function, columns in ((found.mb_of_q, 1), (found.mb_of_both, 2)):
        function.argtypes, function.restype = [POINTER, POINTER, ctypes.c_size_t, *[POINTER] * (columns + 1)], None
    return found
