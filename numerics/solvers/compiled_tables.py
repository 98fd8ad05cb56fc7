"""Tables that compiled code looks up, several times as fast as NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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

    @cached_property
    def by_row(self) -> dict[str, Array]:
        """Coefficients of ratios of q, (rows, powers)."""
        return {name: np.ascontiguousarray(powers[::-1].T) for name, powers in self.of_q.items()}

    @cached_property
    def by_cell(self) -> dict[str, Array]:
        """Coefficients of ratios of gap and q, (cells, powers), by power in log q and in t."""
        joined = {name: np.concatenate([each[::-1] for each in reversed(powers)])
                  for name, powers in self.of_both.items()}  # fmt: skip
        return {name: np.ascontiguousarray(powers.T) for name, powers in joined.items()}

    @cached_property
    def first_cells(self) -> NDArray[np.int32]:
        """`starts` as the source has them; the grid points to it."""
        return self.starts.astype(np.int32)

    @cached_property
    def grid(self) -> _Grid:
        """Rows and cells for the source."""
        return _Grid(self.first, self.per_octave, self.scale, self.counts.ctypes.data, self.first_cells.ctypes.data)

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
