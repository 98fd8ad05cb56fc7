"""What is measured in random networks: values of every realisation, or their moments alone as they stream by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
Item = TypeVar("Item")
Result = TypeVar("Result")

ROUNDING = 1e-13  # bounds the relative rounding of a mean over a layer, a sum of a few thousand terms in float64
UNKNOWN = np.errstate(invalid="ignore")  # what is infinite stays so, and its spread and distance are NaN


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean over `count` realisations, and the sum of squares about it; arrays of one shape.

    Source: Welford 1962, Technometrics 4, 419.
    """

    count: int
    mean: Array
    squares: Array

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Moments:
        """Before the first realisation."""
        return cls(0, np.zeros(shape), np.zeros(shape))

    @UNKNOWN
    def with_next(self, values: Array) -> Moments:
        """One more realisation; the order of realisations fixes the result to the bit."""
        count, away = self.count + 1, apart(values, self.mean)
        mean = np.where(np.isinf(self.mean), self.mean, self.mean + away / count)
        return Moments(count, mean, self.squares + away * (values - mean))

    @property
    def std(self) -> Array:
        """Standard deviation over realisations; NaN for a single one."""
        return np.sqrt(self.squares / (self.count - 1)) if self.count > 1 else np.full(self.mean.shape, np.nan)

    @property
    def error(self) -> Array:
        """Standard error of the mean."""
        return self.std / np.sqrt(self.count)

    def z(self, expected: Array, expected_error: Array | float = 0.0) -> Array:
        """`student_z` of mean - expected."""
        return student_z(self.mean, self.error, self.count, expected, expected_error)


@dataclass(frozen=True, eq=False)
class Measurement:
    """A quantity measured in independent realisations; values has shape (realisations, depth)."""

    values: Array

    @property
    def mean(self) -> Array:
        """Mean over realisations, (depth,)."""
        return self.values.mean(axis=0)

    @property
    @UNKNOWN
    def std(self) -> Array:
        """Standard deviation over realisations, (depth,); NaN for a single one."""
        return self.values.std(axis=0, ddof=1) if len(self.values) > 1 else np.full(self.values.shape[1], np.nan)

    @property
    def error(self) -> Array:
        """Standard error of the mean, (depth,)."""
        return self.std / np.sqrt(len(self.values))

    def z(self, expected: Array) -> Array:
        """`student_z` of mean - expected, (depth,)."""
        return student_z(self.mean, self.error, len(self.values), expected)


@UNKNOWN
def apart(one: Array, other: Array) -> Array:
    """one - other, 0 where both are infinite alike."""
    return np.where(one == other, 0.0, one - other)


@UNKNOWN
def student_z(mean: Array, error: Array, count: int, expected: Array, expected_error: Array | float = 0.0) -> Array:
    """Student's t of mean - expected, rounding included, as the normal quantile of equal probability.

    expected_error: the standard error of what is expected, where that was estimated too; t keeps count - 1 degrees of
    freedom, the fewer.
    """
    combined = np.sqrt(error**2 + np.square(expected_error) + (ROUNDING * expected) ** 2)
    t = apart(mean, expected) / combined
    return -np.sign(t) * special.ndtri(special.stdtr(count - 1, -np.abs(t)))


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """function(item) for every item, in order, on so many threads; no more than twice as many are under way."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="meanbits-networks") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) == 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
