"""Functions of (gap, q) sampled on Chebyshev panels, and the polynomials on parts of these panels.

A panel spans an interval of x = log2 q and a share of the reach of t = asinh sqrt(K tau), from gap 0 to gap 1, where
tau = gap / (2 - gap) is tan^2 of half the angle of two fields and K = 1 + q / scale. In x and t the ratios of overlaps
are analytic near the real axis whatever q is, and where neurons have kinks at 0, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Array = NDArray[np.float64]
Chosen = NDArray[np.intp]
Function = Callable[..., Array]

NODES = 16  # of a panel, in each direction
PARTS = 4  # of a panel, in each direction
DEGREE_OF_Q = 10
DEGREE = 9  # in both variables together


def reach(sharpness: Array) -> Array:
    """t at gap 1, for K."""
    return np.arcsinh(np.sqrt(sharpness))


def share(gap: Array, sharpness: Array) -> Array:
    """t at a gap in [0, 1], relative to its reach."""
    return np.arcsinh(np.sqrt(sharpness * (gap / (2 - gap)))) / reach(sharpness)


def gap_at(share: Array, sharpness: Array) -> tuple[Array, Array]:
    """The gap at a share of the reach of t, and its derivative in it."""
    t = share * reach(sharpness)
    tau = np.sinh(t) ** 2 / sharpness
    return 2 * tau / (1 + tau), 2 * reach(sharpness) * np.sinh(2 * t) / sharpness / (1 + tau) ** 2


def octaves(first: int, width: float, panels: int) -> Array:
    """q at the nodes of panels of log2 q from `first` on: (panels, NODES)."""
    return np.exp2(first + width * np.arange(panels)[:, None]) * np.exp2(width * (1 + _nodes()) / 2)


def sampled(slope: Function, q: Array, sharpness: Array, spans: int) -> tuple[Array, Array]:
    """A slope and its mean over [0, gap] at the nodes of a row of panels, each (NODES of q, spans, NODES of t).

    Integrals of what has one sign: no digit is lost as the gap vanishes.
    """
    y, weights = np.polynomial.legendre.leggauss(NODES)
    ends, start, sharp = np.append((1 + _nodes()) / 2, 1.0), np.arange(spans)[:, None], sharpness[:, None, None]
    inner = ends[:, None] * (1 + y) / 2
    gaps, _ = gap_at((start + ends[:-1]) / spans, sharp)
    slopes = slope(gaps, q[:, None, None])
    _, rate = gap_at((start[..., None] + inner) / spans, sharp[..., None])
    between = chebyshev.chebvander(2 * inner - 1, NODES - 1) @ _analysis()
    parts = (np.einsum("kgj,xsj->xskg", between, slopes) * rate) @ weights * ends / (2 * spans)
    below = np.cumsum(parts[..., -1:], 1)
    below = np.concatenate([np.zeros_like(below[:, :1]), below[:, :-1]], 1)
    return slopes, (below + parts[..., :-1]) / gaps


def rows(values: Array) -> Array:
    """Polynomials of DEGREE_OF_Q on the parts of panels (panels, NODES): (powers, parts)."""
    parts = np.einsum("akj,pj->kpa", _divided(DEGREE_OF_Q), values)
    return _monomials(DEGREE_OF_Q) @ parts.reshape(DEGREE_OF_Q + 1, -1)


def cells(samples: Sequence[Array]) -> list[Array]:
    """Polynomials of DEGREE on the parts of rows of panels, each (NODES, spans, NODES).

    By power in x, (powers in t, cells), the cells of one part in x after those of the one before.
    """
    divided, to_powers, power = _divided(DEGREE), _monomials(DEGREE), np.arange(DEGREE + 1)
    kept, found = (power[:, None] + power <= DEGREE)[..., None, None, None], []
    for values in samples:
        parts = np.einsum("aki,isj,blj->klasb", divided, values, divided, optimize=True) * kept
        powers = np.einsum("mk,nl,klasb->mnasb", to_powers, to_powers, parts, optimize=True)
        found.append(powers.reshape(DEGREE + 1, DEGREE + 1, -1))
    joined = np.concatenate(found, -1)
    return [np.ascontiguousarray(joined[k, : DEGREE + 1 - k]) for k in power]


def polynomials(coefficients: Array, cell: Chosen, y: Array) -> Array:
    """The polynomials of some cells, each at its y in [-1, 1]."""
    value = coefficients[-1].take(cell)
    for each in coefficients[-2::-1]:
        value = value * y + each.take(cell)
    return value


def _nodes() -> Array:
    return chebyshev.chebpts1(NODES)


def _analysis() -> Array:
    """Chebyshev coefficients from values at the nodes, (NODES, NODES)."""
    return np.asarray(np.linalg.inv(chebyshev.chebvander(_nodes(), NODES - 1)), np.float64)


def _divided(degree: int) -> Array:
    """Chebyshev coefficients up to a degree on each part, from values at the nodes: (PARTS, degree + 1, NODES)."""
    inside = (2 * np.arange(PARTS)[:, None] + 1 + _nodes()) / PARTS - 1
    return (_analysis() @ chebyshev.chebvander(inside, NODES - 1) @ _analysis())[:, : degree + 1]


def _monomials(degree: int) -> Array:
    """Coefficients of powers from those of Chebyshev polynomials, (degree + 1, degree + 1)."""
    columns = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        columns[: k + 1, k] = chebyshev.cheb2poly(np.eye(degree + 1)[k, : k + 1])
    return columns
