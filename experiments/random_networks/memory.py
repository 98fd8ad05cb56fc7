"""The memory that random networks take, and the largest that fit."""

from __future__ import annotations

# Bytes at most, by what Python traces of every surrogate, law of the means and kind of network.
A_NEURON = 1500  # of a network under way: states, fields, and the 32 partial sums an input
A_NETWORK = 40_000_000  # of the blocks that a network under way is made of
A_LAYER = 1000  # results, of both moments and of networks that wait for their turn, and theory


def bytes_needed(width: int, depth: int, workers: int) -> int:
    """Bytes for so many networks under way."""
    return workers * (A_NEURON * width + A_NETWORK) + (1 + workers) * A_LAYER * depth


def require_memory(width: int, depth: int, workers: int, free: int) -> None:
    """Refuse networks that do not fit.

    Raises:
        ValueError: the bytes needed, and the largest width that fits, or depth where none does.
    """
    needed = bytes_needed(width, depth, workers)
    if needed <= free:
        return
    at_once = f"{workers} networks at once" if workers > 1 else "networks"
    told = f"width = {width}, depth = {depth}: {at_once} need {needed:,} bytes, and {free:,} are free"
    largest = (free - bytes_needed(0, depth, workers)) // (workers * A_NEURON)
    if largest >= 1:
        raise ValueError(f"{told}; use a width of at most {largest}")
    deepest = (free - bytes_needed(width, 0, workers)) // ((1 + workers) * A_LAYER)
    if deepest >= 1:
        raise ValueError(f"{told}; no width fits, use a depth of at most {deepest}")
    raise ValueError(f"{told}; use a smaller width and depth, or fewer workers")


def fitting_workers(width: int, depth: int, most: int, free: int, given: int | None) -> int:
    """As many networks at once as given, or as fit, at most `most`.

    Raises:
        ValueError: as `require_memory`.
    """
    fitting = [k for k in range(1, most + 1) if bytes_needed(width, depth, k) <= free]
    workers = max(fitting, default=1) if given is None else given
    require_memory(width, depth, workers, free)
    return workers
