"""Interleaved timing, and the rows that results are reported in."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

APART = 0.2  # wall and processor time that differ by more are both reported


@dataclass(frozen=True)
class Timing:
    """Seconds of one case, round by round: on the wall, and of the processor, all threads together."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """The median on the wall."""
        return statistics.median(self.wall)

    @property
    def spread(self) -> float | None:
        """Half the distance between the quartiles on the wall, relative to the median; None of fewer than 4 rounds."""
        if len(self.wall) < 4:
            return None
        low, middle, high = statistics.quantiles(self.wall, n=4, method="inclusive")
        return (high - low) / (2 * middle)

    @property
    def processor_seconds(self) -> float | None:
        """The median of the processor, where it is not that on the wall: several threads, or a busy machine."""
        seconds = statistics.median(self.cpu)
        return seconds if abs(seconds / self.seconds - 1) > APART else None


@dataclass(frozen=True)
class Unit:
    """What seconds are reported in: so many of these for one second, or for one over it."""

    name: str
    factor: float
    is_rate: bool = False

    def of(self, seconds: float) -> float:
        """Seconds in this unit."""
        return self.factor / seconds if self.is_rate else self.factor * seconds


SECONDS, MILLISECONDS, MICROSECONDS = Unit("s", 1), Unit("ms", 1e3), Unit("us", 1e6)


def nanoseconds_a_point(points: int) -> Unit:
    """Of one call on so many points."""
    return Unit("ns a point", 1e9 / points)


def points_a_second(points: int) -> Unit:
    """Of one call on so many points."""
    return Unit("points/s", points, is_rate=True)


def millions_a_second(points: int) -> Unit:
    """Of one call on so many points."""
    return Unit("million points/s", points / 1e6, is_rate=True)


@dataclass(frozen=True)
class Row:
    """One measurement, most often a median; where it is compared, the ratio to a base of the same rounds.

    spread: half the middle half of the rounds, relative to the median. cpu and cpu_ratio: value and ratio by processor
    time, where that differs. limit is the greatest ratio allowed, or the greatest value where there is no base; least,
    the smallest value. A row without value says in `unit` why.
    """

    group: str
    what: str
    value: float | None
    unit: str
    ratio: float | None = None
    base: str | None = None
    limit: float | None = None
    least: float | None = None
    cpu: float | None = None
    cpu_ratio: float | None = None
    spread: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether limit and least are kept; None where there is neither."""
        measured = self.value if self.ratio is None else self.ratio
        if measured is None or (self.limit is None and self.least is None):
            return None
        return (self.limit is None or measured <= self.limit) and (self.least is None or measured >= self.least)


def timed_row(
    group: str,
    what: str,
    timing: Timing,
    unit: Unit,
    base: tuple[str, Timing] | None = None,
    limit: float | None = None,
    least: float | None = None,
) -> Row:
    """The row of a case; base is the name and the timing of what it is compared with."""
    seconds = timing.processor_seconds
    cpu = None if seconds is None else unit.of(seconds)
    row = Row(group, what, unit.of(timing.seconds), unit.name, limit=limit, least=least, cpu=cpu,
              spread=timing.spread)  # fmt: skip
    if base is None:
        return row
    name, below = base
    ratio, cpu_ratio = median_ratio(timing.wall, below.wall), median_ratio(timing.cpu, below.cpu)
    differs = abs(cpu_ratio / ratio - 1) > APART
    return replace(row, ratio=ratio, base=name, cpu_ratio=cpu_ratio if differs else None)


def interleaved(cases: dict[str, Callable[[], object]], rounds: int, warm: bool = True) -> dict[str, Timing]:
    """Timings of every case, processor time of this process; each round runs all cases once, in an order of its own.

    warm runs every case once before, untimed.
    """
    order, shuffle = list(cases), random.Random(0).shuffle
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    if warm:
        for case in cases.values():
            case()
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            wall, cpu = time.perf_counter(), time.process_time()
            cases[name]()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: Timing(*zip(*each, strict=True)) for name, each in seconds.items()}


def median_ratio(above: Iterable[float], below: Iterable[float]) -> float:
    """Median over the rounds of the ratio within a round, which a slow spell of the machine leaves alone."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def progress(text: str) -> None:
    """One line on stderr."""
    print(f"{text} ...", file=sys.stderr, flush=True)
