"""Ratios of an overlap by their tables: polynomials on cells of log2 q and of the gap."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from meanbits.numerics.solvers.panels import Array, Chosen, Function, polynomials, share


@dataclass(frozen=True)
class Tables:
    """Ratios as polynomials on cells: `per_octave` rows of q from 2^first to 2^last, each of `counts` cells of the gap.

    `direct` holds the ratios themselves. The tables of q are (powers, rows); those of both are lists, by power in log
    q, of (powers in t, cells), row after row, each from `starts` on (`solvers.panels`).
    """

    direct: SimpleNamespace
    is_odd: bool
    first: int
    last: int
    per_octave: int
    scale: float
    counts: Array
    starts: Chosen
    of_q: dict[str, Array]
    of_both: dict[str, list[Array]]
    bound: float = np.inf

    def ratio(self, name: str, *state: Array) -> Array:
        """`alike`, `unlike` or `growth`, (1 + q) d alike / dq, at q; `fall` or `slope` at gap and q."""
        *gaps, q = state
        inside = (q >= 2.0**self.first) & (q < 2.0**self.last)
        for each in gaps:
            inside = inside & (each >= 0) & (each <= (2 if self.is_odd else 1))
        table = {"fall": self._fall, "slope": self._slope}.get(name, lambda q: self._of_q(name, q))
        return _where(inside, table, getattr(self.direct, name), state)

    def _of_q(self, name: str, q: Array) -> Array:
        return polynomials(self.of_q[name], *self._row(q))

    def _slope(self, gap: Array, q: Array) -> Array:
        return self._of_both("slope", np.minimum(gap, 2 - gap), q)

    def _fall(self, gap: Array, q: Array) -> Array:
        near = np.minimum(gap, 2 - gap)
        value = near * self._of_both("mean_slope", near, q)
        return np.where(gap > 1, 2 - value, value)

    def _of_both(self, name: str, gap: Array, q: Array) -> Array:
        row, x = self._row(q)
        count = self.counts.take(row)
        t = share(gap, 1 + q / self.scale) * count
        part = np.minimum(np.floor(t), count - 1)
        y, cell = 2 * (t - part) - 1, self.starts.take(row) + part.astype(np.intp)
        *lower, value = (polynomials(powers, cell, y) for powers in self.of_both[name])
        for each in reversed(lower):
            value = value * x + each
        return value

    def _row(self, q: Array) -> tuple[Chosen, Array]:
        """The row of q and the place in it, from -1 to 1; the exponent of q costs no digits."""
        mantissa, exponent = np.frexp(q)
        position = self.per_octave * (1 + np.log2(mantissa))
        part = np.minimum(np.floor(position), self.per_octave - 1)
        return (exponent - 1 - self.first) * self.per_octave + part.astype(np.intp), 2 * (position - part) - 1


def _where(inside: NDArray[np.bool_], table: Function, direct: Function, arguments: tuple[Array, ...]) -> Array:
    """The table where it reaches, the function itself elsewhere."""
    if np.all(inside):
        return table(*arguments)
    if not np.any(inside):
        return direct(*arguments)
    arrays, value = np.broadcast_arrays(*arguments), np.empty(inside.shape)
    for chosen, function in ((inside, table), (~inside, direct)):
        value[chosen] = function(*(each[chosen] for each in arrays))
    return value
