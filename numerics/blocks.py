"""Large arrays in blocks that stay in the processor's cache, on every core."""

from __future__ import annotations

import functools
import inspect
import math
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**16
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
Elementwise = Callable[..., NDArray[Any]]


def on_all_cores(function: Callable[[slice], Any], points: int, largest: int) -> list[Any]:
    """The values of a function of slices that together cover `points`, none larger than `largest`."""
    size = min(largest, -(-points // CORES)) or 1
    return _shared_out(function, [slice(start, start + size) for start in range(0, points, size)])


_THREAD = threading.local()


def _shared_out(function: Callable[[Any], Any], parts: Iterable[Any]) -> list[Any]:
    """The values of a function of each part, by the workers.

    A worker does all of them itself: if it waited for others, so would they, and none would be left to work.
    """
    if getattr(_THREAD, "works", False):
        return [function(part) for part in parts]
    return list(_workers().map(function, parts))


@functools.cache
def _workers() -> ThreadPoolExecutor:
    np.empty(2**21)  # freed at once: glibc then keeps up to 32 MB between the blocks instead of asking for fresh pages
    return ThreadPoolExecutor(CORES, "meanbits", lambda: setattr(_THREAD, "works", True))


def in_blocks(function: Elementwise) -> Elementwise:
    """An elementwise function of broadcasting arrays that takes more than a few blocks' worth of points block by block.

    A temporary array of a million points goes through memory; one of a block stays in cache. NumPy releases the lock of
    the interpreter within each, so blocks run on all cores. Results are those of `function`, to the bit.
    """

    signature = inspect.signature(function)

    @functools.wraps(function)
    def blocked(*arguments: Any, **named: Any) -> NDArray[Any]:
        if named:
            arguments = signature.bind(*arguments, **named).args
        if math.prod(math.prod(getattr(argument, "shape", ())) for argument in arguments) < 2 * BLOCK:
            return function(*arguments)  # however they broadcast
        shape = np.broadcast_shapes(*(np.shape(argument) for argument in arguments))
        points = int(np.prod(shape))
        if points < 2 * BLOCK:
            return function(*arguments)
        rows, whole = max(1, BLOCK * shape[0] // points), len(shape)

        def block(start: int) -> NDArray[Any]:
            chosen = slice(start, start + rows)
            along = (np.ndim(argument) == whole and len(argument) > 1 for argument in arguments)
            return function(*(each[chosen] if part else each for each, part in zip(arguments, along, strict=True)))

        return np.concatenate(_shared_out(block, range(0, shape[0], rows)))

    return blocked
