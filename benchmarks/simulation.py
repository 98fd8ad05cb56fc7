"""Random networks: one setting of figure 1 against the same in plain Torch, and against the work that must be done."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch

from benchmarks.timing import SECONDS, Row, Timing, interleaved, progress, timed_row
from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.field_sums import groups_of, random_bytes
from meanbits.experiments.random_networks.measurements import in_order
from meanbits.experiments.random_networks.networks import generator, simulate
from meanbits.experiments.random_networks.simulation import overlapping_inputs
from meanbits.numerics.blocks import CORES
from meanbits.theory.declarations.compose import compose

WIDTH, DEPTH, NETWORKS = 1000, 20, 50
ROUNDS, PART = 3, 10
SHALLOW, MANY = 3, 100
SETTING = {"sigma_m2": 0.5, "sigma_b2": 0.001}
SECONDS_LIMIT, SHALLOW_LIMIT, SPEED_UP = 4.0, 0.5, 8.0
GROUP = f"random networks, width {WIDTH}, two inputs"
OURS = f"{NETWORKS} networks, depth {DEPTH}"
ALONE, TORCH = f"{OURS}, one thread", f"{OURS}, plain Torch ({NETWORKS // PART}, times {PART})"
TORCH_ALONE = f"{TORCH}, one thread"
BITS, BYTES = "floor: draw a random bit a weight", "floor: read 16 bytes for eight weights (sum an array)"
SMALL = f"{MANY} networks, depth {SHALLOW}"


def plain_torch(networks: int, depth: int, pair: ImagePair, sigma_m2: float, sigma_b2: float) -> torch.Tensor:
    """q and c of each network's layers as one would write it in Torch, float32, (networks, depth, 2)."""
    inputs = torch.tensor(np.stack([pair.first, pair.second], axis=1), dtype=torch.float32)
    measured = torch.empty(networks, depth, 2)
    for network in range(networks):
        m = inputs
        for layer in range(depth):
            means = math.sqrt(sigma_m2) * (2 * torch.randint(0, 2, (WIDTH, len(m)), dtype=torch.float32) - 1)
            hbar = means @ m / math.sqrt(len(m)) + math.sqrt(sigma_b2) * torch.randn(WIDTH, 1)
            sigma = 1 - sigma_m2 * (m**2).mean(0)
            square = (hbar**2).mean(0)
            measured[network, layer, 0] = (square / sigma).mean()
            measured[network, layer, 1] = hbar.prod(1).mean() / square.prod().sqrt()
            m = torch.erf(hbar / torch.sqrt(2 * sigma))
    return measured


def simulation_rows() -> list[Row]:
    """One setting of figure 1, its floors and its twin in Torch, all on every core; and many shallow networks."""
    progress("random networks")
    pair = overlapping_inputs(0.5, WIDTH)
    ours = partial(simulate, compose("deterministic"), width=WIDTH, **SETTING, pair=pair, seed=0)
    _agree(ours, pair)
    whole = partial(ours, realisations=NETWORKS, depth=DEPTH)
    by_torch = partial(plain_torch, NETWORKS // PART, DEPTH, pair, **SETTING)
    cases = {
        OURS: whole,
        BITS: lambda: list(in_order(_draw_bits, range(NETWORKS), CORES)),
        BYTES: lambda: list(in_order(_read_sums, range(NETWORKS), CORES)),
        TORCH: lambda: _on_threads(CORES, by_torch),
        ALONE: partial(whole, workers=1),
        TORCH_ALONE: lambda: _on_threads(1, by_torch),
        SMALL: partial(ours, realisations=MANY, depth=SHALLOW),
    }
    found = interleaved(cases, ROUNDS)
    found |= {name: _times(PART, found[name]) for name in (TORCH, TORCH_ALONE)}
    base, alone = ((name, found[name]) for name in (OURS, ALONE))
    return [
        timed_row(GROUP, OURS, found[OURS], SECONDS, limit=SECONDS_LIMIT),
        *(timed_row(GROUP, name, found[name], SECONDS, base) for name in (BITS, BYTES)),
        timed_row(GROUP, TORCH, found[TORCH], SECONDS, base, least=SPEED_UP),
        timed_row(GROUP, ALONE, found[ALONE], SECONDS),
        timed_row(GROUP, TORCH_ALONE, found[TORCH_ALONE], SECONDS, alone, least=SPEED_UP),
        timed_row(GROUP, SMALL, found[SMALL], SECONDS, limit=SHALLOW_LIMIT),
    ]


def _times(factor: int, timing: Timing) -> Timing:
    return Timing(*(tuple(factor * seconds for seconds in each) for each in (timing.wall, timing.cpu)))


def _agree(ours: partial, pair: ImagePair) -> None:
    """The two simulate the same: their means are within six standard errors of each other."""
    measured, plain = ours(realisations=10, depth=5), plain_torch(10, 5, pair, **SETTING).numpy()
    for each, theirs in ((measured.q, plain[..., 0]), (measured.c, plain[..., 1])):
        error = np.hypot(each.error, theirs.std(axis=0, ddof=1) / np.sqrt(len(theirs)))
        assert (np.abs(each.mean - theirs.mean(axis=0)) < 6 * error).all()


def _draw_bits(index: int) -> None:
    rng = generator(0, index)
    for _ in range(DEPTH):
        random_bytes(WIDTH * groups_of(WIDTH), rng)


PARTIAL_SUMS = np.zeros((groups_of(WIDTH), WIDTH), complex)


def _read_sums(_: int) -> None:
    for _ in range(DEPTH):
        PARTIAL_SUMS.sum(axis=0)


def _on_threads(count: int, case: partial) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        case()
    finally:
        torch.set_num_threads(before)
