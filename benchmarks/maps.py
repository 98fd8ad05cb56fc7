"""Emitted maps against the same formulas written by hand, and quadrature maps by points a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch

from benchmarks.points import SIGMA_B2, SIGMA_M2, FloatArray, arbitrary
from benchmarks.timing import Row, interleaved, nanoseconds_a_point, points_a_second, progress, timed_row
from meanbits.numerics.emission.backends import NUMPY, TORCH, Backend
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive

POINTS = 10**6
ROUNDS = 41
QUADRATURE_POINTS = 2000
QUADRATURE_ROUNDS = 5
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


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch on one thread, like NumPy by hand."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def closed_form_rows() -> list[Row]:
    """The correlation map and chi of the deterministic surrogate, NumPy and Torch, against hand-written code."""
    c, q = arbitrary(POINTS)
    tensors = torch.as_tensor(c), torch.as_tensor(q)
    numpy_maps, torch_maps = _maps("deterministic", NUMPY), _maps("deterministic", TORCH)
    with one_torch_thread():
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
    timings, unit = interleaved(cases, ROUNDS), nanoseconds_a_point(POINTS)
    base = HAND, timings[HAND]
    return [
        timed_row(group, name, timing, unit, None if name == HAND else base, limit if name == EMITTED else None)
        for name, timing in timings.items()
    ]


def quadrature_rows() -> list[Row]:
    """Maps without closed forms: those of lrt with Cauchy noise, two two-dimensional expectations a point."""
    progress("quadrature")
    c, q = arbitrary(QUADRATURE_POINTS)
    points = {NUMPY: (c, q), TORCH: (torch.as_tensor(c), torch.as_tensor(q))}
    cases = {}
    for backend, point in points.items():
        maps = _maps("lrt", backend, noise="cauchy")
        cases[f"correlation map, {backend.name}"] = partial(maps.correlation_map, *point, SIGMA_M2, SIGMA_B2)
        cases[f"chi, {backend.name}"] = partial(maps.chi, *point, SIGMA_M2, SIGMA_B2)
    with one_torch_thread():
        timings = interleaved(cases, QUADRATURE_ROUNDS)
    unit = points_a_second(QUADRATURE_POINTS)
    return [timed_row("quadrature, lrt with Cauchy noise", name, timing, unit) for name, timing in timings.items()]


def _maps(name: str, backend: Backend, **options: str) -> SimpleNamespace:
    return compile_theory(derive(compose(name, **options)), backend)
