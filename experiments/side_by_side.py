"""Independent pieces of work in processes side by side, their results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from meanbits.numerics.blocks import CORES

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """function of each item, in their order, as many at once as there are cores, a thread each."""
    work = list(items)
    if min(CORES, len(work)) < 2:
        yield from map(function, work)
        return
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=min(CORES, len(work)), return_as="generator")(map(delayed(function), work))
