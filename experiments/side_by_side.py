"""Independent pieces of work in processes side by side, their results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from meanbits.numerics.blocks import CORES

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], is_long: Callable[[Item], bool] = lambda _: False
) -> Iterator[Result]:
    """function of each item, in their order, as many at once as there are cores, a thread each; long ones begin first.

    A long one that began last would keep one core busy and leave the others idle.
    """
    work = list(items)
    if min(CORES, len(work)) < 2:
        yield from map(function, work)
        return
    from joblib import Parallel, delayed, parallel_config

    begun = sorted(enumerate(work), key=lambda numbered: not is_long(numbered[1]))
    found: dict[int, Result] = {}
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=min(CORES, len(work)), return_as="generator_unordered", batch_size=1)
        given = 0
        for place, result in parallel(delayed(_placed)(function, *each) for each in begun):
            found[place] = result
            while given in found:
                yield found.pop(given)
                given += 1


def _placed(function: Callable[[Item], Result], place: int, item: Item) -> tuple[int, Result]:
    return place, function(item)
