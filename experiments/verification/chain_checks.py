"""The checks of a chain of blocks. Each takes a `ChainSubject` and measures one error; each is shown a wrong map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from meanbits.experiments.random_networks.layer_networks import Measured, simulate_layers
from meanbits.experiments.verification.chain_subject import ChainSubject, State
from meanbits.numerics.depth.profile import Profile, profile
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.surrogates import NETWORK

STEP = 2.0**-7  # of differences in c, fourth order
WIDTH, DEPTH, NETWORKS, BATCH, SEED = 400, 3, 48, 256, 7
FEWER = (128, 24)  # width and networks, of weights drawn for every image of a batch
WRONG_FACTOR = 1.25
MEASURED = {"T": "T", "pair": "c", "gradient": "gradient", "overlap": "overlap"}  # as networks and profiles name them


def quadrature(subject: ChainSubject) -> float:
    """Every emitted map against the blocks by plain quadrature, relative to it, or to 1 for what may vanish."""
    return _farthest(subject, subject.expected)


def numbers(subject: ChainSubject) -> float:
    """The same against the blocks as numbers."""
    return _farthest(subject, subject.numbers)


def _farthest(subject: ChainSubject, expected: tuple[tuple[State, dict[str, float]], ...]) -> float:
    return max(_apart(subject.emitted(name, state), values[name], name)
               for state, values in expected for name in subject.names)  # fmt: skip


def differences(subject: ChainSubject) -> float:
    """The emitted chi against differences of the emitted correlation map."""
    worst = 0.0
    for state, _ in subject.expected:
        step = STEP * (1 - abs(state.c))  # the slope may diverge at |c| = 1
        at = {k: subject.emitted("correlation_map", replace(state, c=state.c + k * step)) for k in (-2, -1, 1, 2)}
        slope = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * step)
        worst = max(worst, _apart(subject.emitted("chi", state), slope, "chi"))
    return worst


def torch_equals_numpy(subject: ChainSubject) -> float:
    """Every map emitted for Torch against that for NumPy, in float64."""
    import torch

    worst = 0.0
    for state, _ in subject.expected:
        for name in subject.names:
            given = [torch.tensor(each, dtype=torch.float64) for each in subject.arguments(name, state)]
            got = float(getattr(subject.torch, name)(*given))
            worst = max(worst, _apart(got, subject.emitted(name, state), name))
    return worst


def _apart(got: float, expected: float, name: str) -> float:
    if got == expected:
        return 0.0
    scale = 1.0 if name in ("correlation_map", "gradient_overlap") else abs(expected)
    return abs(got - expected) / scale


@dataclass(frozen=True)
class ChainCheck:
    """A check by name: its measure, the error it tolerates, and how wrong a map it must reject."""

    name: str
    measure: Callable[[ChainSubject], float]
    tolerance: float
    spoil: float


CHAIN_CHECKS: tuple[ChainCheck, ...] = (
    ChainCheck("NumPy = blocks by plain quadrature", quadrature, 1e-11, 1e-9),
    ChainCheck("NumPy = blocks as numbers", numbers, 1e-11, 1e-9),
    ChainCheck("chi = differences of the correlation map", differences, 1e-6, 1e-4),
    ChainCheck("Torch = NumPy", torch_equals_numpy, 1e-12, 1e-10),
)


@dataclass(frozen=True)
class Distance:
    """The largest |z| of random networks over layers, and that of a theory wrong by `WRONG_FACTOR`."""

    name: str
    z: float
    wrong: float


def network_distances(layer: Layer, sigma_m2: float, sigma_b2: float) -> tuple[Distance, ...]:
    """Random networks of a chain beside its profile: T and c forward, squared gradients and their overlap backward.

    Of fields that are integrated out the network itself, forward: the averages of its gradients over noise are not
    measured by one run.
    """
    runs = replace(layer, treatment=NETWORK) if layer.is_relative else layer
    expected, found = profile(runs, DEPTH, sigma_m2, sigma_b2), _networks(runs, sigma_m2, sigma_b2)
    backward = layer.passes_gradient and not layer.is_relative
    names = [name for name in MEASURED if backward or name in ("T", "pair")]
    return tuple(Distance(MEASURED[name], *_distance(found, expected, name)) for name in names)


def _distance(found: Measured, expected: Profile, name: str) -> tuple[float, float]:
    """Rows that are exact by what a network is given say nothing of a theory: the first forward, the last backward."""
    values = getattr(expected, MEASURED[name])
    rows = slice(1, None) if name in ("T", "pair") else slice(None, -1)
    right, wrong = (float(np.abs(found.z(name, each)[rows]).max()) for each in (values, values * WRONG_FACTOR))
    return right, wrong


@lru_cache(maxsize=16)
def _networks(layer: Layer, sigma_m2: float, sigma_b2: float) -> Measured:
    costly = layer.has_batch_norm and any(each.weights.is_random for each in layer.dense)
    width, networks = FEWER if costly else (WIDTH, NETWORKS)
    return simulate_layers(layer, DEPTH, sigma_m2, sigma_b2, width=width, networks=networks, batch=BATCH, seed=SEED)
