"""Interleaved timing, and the rows that results are reported in."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement: a median, and where it is compared the ratio to a base of the same rounds.

    limit is the greatest ratio allowed, or the greatest value where there is no base.
    """

    group: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    base: str | None = None
    limit: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        return None if self.limit is None else (self.value if self.ratio is None else self.ratio) <= self.limit


def interleaved(cases: dict[str, Callable[[], object]], rounds: int, warm: bool = True) -> dict[str, list[float]]:
    """Seconds of every case in every round; each round runs all cases once, in an order of its own.

    warm runs every case once before, untimed.
    """
    order, shuffle = list(cases), random.Random(0).shuffle
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    if warm:
        for case in cases.values():
            case()
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            start = time.perf_counter()
            cases[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(above: list[float], below: list[float]) -> float:
    """Median over the rounds of the ratio within a round, which a slow spell of the machine leaves alone."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def progress(text: str) -> None:
    """One line on stderr."""
    print(f"{text} ...", file=sys.stderr, flush=True)
