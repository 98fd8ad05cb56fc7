"""C as a backend: headers that stand alone, and maps compiled for this machine, which take arrays of NumPy."""

from __future__ import annotations

import ctypes
import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanbits.numerics.blocks import on_all_cores
from meanbits.numerics.emission.backend import Backend, Function
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.c_library import NoLibraryError, library
from meanbits.numerics.emission.c_printer import IN_C
from meanbits.numerics.emission.c_writer import CWriter, symbol_prefix
from meanbits.numerics.emission.runtime.elementwise_numpy import as_arrays
from meanbits.numerics.emission.writer import EmittedFunction, Heading

BLOCK = 2**14  # points of a thread
SINGLE = ctypes.c_double
Pointers = Callable[..., int]


class CFallbackWarning(UserWarning):
    """Maps that NumPy computes, since they could not be compiled."""


class CBackend(Backend):
    """C, by the compiler at hand; where there is none, maps are those of NumPy, and a warning says so."""

    def write(self, heading: Heading, functions: Sequence[EmittedFunction]) -> str:
        """The text of a header that needs a C compiler and libm alone."""
        return CWriter(heading).module(functions)

    def load(self, heading: Heading, functions: Sequence[EmittedFunction]) -> SimpleNamespace:
        """The functions, compiled; points that C has no number for are left to NumPy, which refuses them by name."""
        source = self.write(heading, functions)
        in_numpy = cache(lambda: NUMPY.load(heading, functions))
        try:
            compiled = library(source)
        except NoLibraryError as error:
            warnings.warn(f"backend c: {error}. The maps of {heading.name} are those of NumPy", CFallbackWarning, 2)
            return in_numpy()
        prefix = symbol_prefix(heading.name)
        return SimpleNamespace(**{each.name: _callable(compiled, prefix, each, in_numpy) for each in functions})


C = CBackend(**vars(IN_C), gives_arrays=True)


def _callable(
    compiled: ctypes.CDLL, prefix: str, function: EmittedFunction, in_numpy: Callable[[], SimpleNamespace]
) -> Function:
    """A function of numbers and of arrays that broadcast, in the floating-point type of the arrays among them."""
    names = [symbol.name for symbol in function.arguments]
    single, many = (getattr(compiled, f"{prefix}_{function.name}{suffix}") for suffix in ("", "_array"))
    single.argtypes, single.restype = [SINGLE] * len(names), SINGLE
    many.argtypes, many.restype = [ctypes.c_size_t, *[ctypes.c_void_p] * 3], ctypes.c_size_t
    signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])

    def called(*arguments: Any, **named: Any) -> Any:
        if named or len(arguments) != len(names):
            arguments = signature.bind(*arguments, **named).args
        if all(isinstance(argument, float | int) for argument in arguments):
            value = single(*arguments)
            return np.float64(value) if value == value else getattr(in_numpy(), function.name)(*arguments)
        arrays = as_arrays(*arguments)
        value, lost = over_points(many, arrays)
        return _refused(value, getattr(in_numpy(), function.name), arrays) if lost else value

    called.__name__ = called.__qualname__ = function.name
    called.__doc__ = f"{function.title[0].upper()}{function.title[1:]}."
    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


def over_points(many: Pointers, arguments: Sequence[Any]) -> tuple[NDArray[Any], int]:
    """A compiled map at arrays that broadcast, on all cores, whatever their number; and how many values are none."""
    dtype, shape = np.result_type(*arguments), np.broadcast_shapes(*map(np.shape, arguments))
    value = np.empty(shape, np.float64)
    columns = [_column(np.asarray(argument, np.float64), shape) for argument in arguments]
    strides = (ctypes.c_size_t * len(columns))(*(int(column.size > 1) for column in columns))

    def block(points: slice) -> int:
        start = points.start
        places = [column.ctypes.data + 8 * start * stride for column, stride in zip(columns, strides, strict=True)]
        pointers = (ctypes.c_void_p * len(columns))(*places)
        return many(min(points.stop, value.size) - start, pointers, strides, value.ctypes.data + 8 * start)

    if value.size <= 2 * BLOCK:
        lost = block(slice(0, value.size))
    else:
        lost = sum(on_all_cores(block, value.size, max(BLOCK, value.size // 8)))
    return value.astype(dtype, copy=False)[()], lost


def _column(argument: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The numbers of an argument one after another: one for all points, or one a point."""
    whole = argument if argument.size == 1 or argument.shape == shape else np.broadcast_to(argument, shape)
    return np.ascontiguousarray(whole).ravel()


def _refused(value: Any, function: Function, arguments: Sequence[Any]) -> Any:
    """Values, those that are no numbers as NumPy has them: it raises the error that says why, or gives none either."""
    lost = np.isnan(value)
    given = [np.asarray(each)[lost] for each in np.broadcast_arrays(*arguments)]
    value = np.array(value)
    value[lost] = function(*given)
    return value[()]
