"""Emitted maps against the same formulas written by hand, and quadrature maps by points a second."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.timing import Row, interleaved, median_ratio, progress
from numerics.backends import NUMPY, TORCH, Backend
from numerics.emit import compile_theory
from theory.compose import compose
from theory.derive import derive

FloatArray = NDArray[np.float64]

POINTS = 10**6
ROUNDS = 41
QUADRATURE_POINTS = 2000
QUADRATURE_ROUNDS = 5
SIGMA_M2, SIGMA_B2 = 0.5, 0.001
EMITTED, HAND = "emitted", "by hand"
ARCSINES, BYTES = "floor: two arcsines a point, into an array", "floor: 24 bytes a point (add c and q into an array)"
RATIO_LIMIT = 1.2


def correlation_map_numpy(c: FloatArray, q: FloatArray, sigma_m2: float, sigma_b2: float) -> FloatArray:
    """c' of the deterministic surrogate as one would write it in NumPy."""
    slope, ratio = 2 / np.pi * sigma_m2, q / (1 + q)
    return (sigma_b2 + slope * np.arcsin(c * ratio)) / (sigma_b2 + slope * np.arcsin(ratio))


def chi_numpy(c: FloatArray, q: FloatArray, sigma_m2: float, sigma_b2: float) -> FloatArray:
    """chi of the deterministic surrogate as one would write it in NumPy; its 1 - x^2 loses digits as x -> 1."""
    slope, ratio = 2 / np.pi * sigma_m2, q / (1 + q)
    return slope * ratio / (np.sqrt(1 - (c * ratio) ** 2) * (sigma_b2 + slope * np.arcsin(ratio)))


def correlation_map_torch(c: torch.Tensor, q: torch.Tensor, sigma_m2: float, sigma_b2: float) -> torch.Tensor:
    """c' of the deterministic surrogate as one would write it in Torch."""
    slope, ratio = 2 / torch.pi * sigma_m2, q / (1 + q)
    return (sigma_b2 + slope * torch.asin(c * ratio)) / (sigma_b2 + slope * torch.asin(ratio))


def chi_torch(c: torch.Tensor, q: torch.Tensor, sigma_m2: float, sigma_b2: float) -> torch.Tensor:
    """chi of the deterministic surrogate as one would write it in Torch."""
    slope, ratio = 2 / torch.pi * sigma_m2, q / (1 + q)
    return slope * ratio / (torch.sqrt(1 - (c * ratio) ** 2) * (sigma_b2 + slope * torch.asin(ratio)))


def closed_form_rows() -> list[Row]:
    """The correlation map and chi of the deterministic surrogate, NumPy and Torch, against hand-written code."""
    c, q = _points(POINTS)
    tensors = torch.as_tensor(c), torch.as_tensor(q)
    numpy_maps, torch_maps = _maps("deterministic", NUMPY), _maps("deterministic", TORCH)
    return [
        *_numpy_rows(numpy_maps.correlation_map, c, q),
        *_pair_rows("chi, NumPy", numpy_maps.chi, chi_numpy, (c, q)),
        *_pair_rows("correlation map, Torch", torch_maps.correlation_map, correlation_map_torch, tensors),
        *_pair_rows("chi, Torch", torch_maps.chi, chi_torch, tensors),
    ]


def _numpy_rows(emitted: Callable[..., FloatArray], c: FloatArray, q: FloatArray) -> list[Row]:
    out, ratio = np.empty_like(c), q / (1 + q)
    product = c * ratio
    floors = {
        ARCSINES: lambda: (np.arcsin(product, out=out), np.arcsin(ratio, out=out)),
        BYTES: partial(np.add, c, q, out=out),
    }
    return _pair_rows("correlation map, NumPy", emitted, correlation_map_numpy, (c, q), floors, RATIO_LIMIT)


def _pair_rows(
    group: str,
    emitted: Callable[..., object],
    by_hand: Callable[..., object],
    points: tuple[object, object],
    floors: dict[str, Callable[[], object]] | None = None,
    limit: float | None = None,
) -> list[Row]:
    """Rows of an emitted function, of its hand-written twin and of floors below both, timed in the same rounds."""
    progress(group)
    means = SIGMA_M2, SIGMA_B2
    got, expected = emitted(*points, *means), by_hand(*points, *means)
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-9, atol=1e-12)
    cases = {EMITTED: partial(emitted, *points, *means), HAND: partial(by_hand, *points, *means), **(floors or {})}
    seconds = interleaved(cases, ROUNDS)
    bases = {EMITTED: HAND} | dict.fromkeys(floors or {}, HAND)
    return [
        Row(group, name, statistics.median(times) / POINTS * 1e9, "ns a point",
            median_ratio(times, seconds[bases[name]]) if name in bases else None, bases.get(name),
            limit if name == EMITTED else None)
        for name, times in seconds.items()
    ]  # fmt: skip


def quadrature_rows() -> list[Row]:
    """Maps without closed forms: those of lrt, logistic noise, one two-dimensional expectation a point."""
    progress("quadrature")
    c, q = _points(QUADRATURE_POINTS)
    points = {NUMPY: (c, q), TORCH: (torch.as_tensor(c), torch.as_tensor(q))}
    cases = {}
    for backend, point in points.items():
        maps = _maps("lrt", backend)
        cases[f"correlation map, {backend.name}"] = partial(maps.correlation_map, *point, SIGMA_M2, SIGMA_B2)
        cases[f"chi, {backend.name}"] = partial(maps.chi, *point, SIGMA_M2, SIGMA_B2)
    seconds = interleaved(cases, QUADRATURE_ROUNDS)
    return [
        Row("quadrature, lrt", name, QUADRATURE_POINTS / statistics.median(times), "points a second")
        for name, times in seconds.items()
    ]


def _points(count: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, count), rng.exponential(1, count) + 0.1


def _maps(name: str, backend: Backend) -> SimpleNamespace:
    return compile_theory(derive(compose(name)), backend)
