"""Convolutional networks: overlaps at positions, the modes in which they decay, and what survives at the edge."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import Z_LIMIT, compared, theory_of
from meanbits.experiments.claims.papers import XIAO
from meanbits.experiments.claims.real_networks import TANH, edge_at
from meanbits.numerics.depth.positions import Modes, correlation_at_positions, modes
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.layer import Layer, convolved

KNOWN = "from knowledge of the paper; the abstract was read"
WEIGHTS, BIASES, POSITIONS, WINDOW = 1.5, 0.1, 6, 3
DEPTH, WIDTH, NETWORKS = 4, 150, 12
REACH = 50.0  # layers: at the edge all modes but one are lost within these


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{XIAO.citation}, {where}; {KNOWN}"


@lru_cache(maxsize=4)
def circle(window: int) -> Layer:
    """Tanh networks of convolutions of this window on a circle."""
    return convolved(compose(**TANH), (window,))


@lru_cache(maxsize=8)
def _modes(window: int, weights: float = WEIGHTS, biases: float = BIASES) -> Modes:
    return modes(circle(window), weights, biases, (POSITIONS,))


def _window(factor: Any) -> Evidence:
    """The modes over the first against the transform of a uniform window of three."""
    found = _modes(WINDOW)
    angles = 2 * np.pi * np.fft.fftfreq(POSITIONS)
    claimed = np.abs(1 + 2 * np.cos(angles)) / WINDOW * float(factor) ** (np.abs(angles) > 0)
    error = float(np.abs(found.chi / found.chi[0] - claimed).max())
    return Evidence("maps", f"rates of the modes of {POSITIONS} positions, window {WINDOW}",
                    {"modes": POSITIONS, "largest error": error}, error < 1e-12)  # fmt: skip


def _uniform(factor: Any) -> Evidence:
    dense = fixed_point(theory_of(TANH), WEIGHTS, BIASES)
    return compared("maps", "chi of the uniform mode against that of a fully connected network",
                    float(_modes(WINDOW).chi[0]), float(factor) * float(dense.chi), 1e-9)  # fmt: skip


@lru_cache(maxsize=1)
def _networks() -> tuple[Any, np.ndarray]:
    from meanbits.experiments.random_networks.layer_networks import simulate_layers

    q = float(fixed_point(theory_of(TANH), WEIGHTS, BIASES).q)
    start = 0.7 + 0.2 * np.cos(2 * np.pi * np.arange(POSITIONS) / POSITIONS)
    seen = simulate_layers(
        circle(WINDOW), DEPTH, WEIGHTS, BIASES, width=WIDTH, networks=NETWORKS, q0=q, c0=start, seed=2
    )
    return seen, correlation_at_positions(circle(WINDOW), DEPTH, WEIGHTS, BIASES, start, q)[1]


def _simulated(factor: Any) -> Evidence:
    """Distances from 1 at each position, times a factor behind each layer."""
    seen, told = _networks()
    expected = 1 - (1 - told) * (float(factor) ** np.arange(DEPTH + 1))[:, None]
    z = float(np.abs(seen.z("pair", expected)[1:]).max())
    return Evidence("simulation", f"correlations at {POSITIONS} positions over {DEPTH} layers of convolutions",
                    {"networks": NETWORKS, "width": WIDTH, "|z|": z}, z < Z_LIMIT)  # fmt: skip


def _lost(window: int) -> Evidence:
    """Whether, at the edge of chaos, the uniform mode alone is kept."""
    point = edge_at("tanh", 0.3)
    dense = fixed_point(theory_of(TANH), point.sigma_m2, point.sigma_b2)
    near = _modes(window, point.sigma_m2 * (1 - 1e-3), point.sigma_b2)  # at the edge itself layers come to 1 - c ~ 1/l
    others = float(near.xi_c[1:].max())
    numbers = {"chi of the uniform mode at the edge": float(dense.chi_1), "its xi, 0.1 % below": float(near.xi_c[0]),
               "longest of the others": others}  # fmt: skip
    return Evidence("maps", f"modes at the edge of chaos, window {window}", numbers,
                    abs(float(dense.chi_1) - 1) < 1e-9 and near.xi_c[0] > REACH > others)  # fmt: skip


XIAO_CLAIMS: tuple[Claim, ...] = (
    Claim("xiao.modes", stated("the modes of correlations"),
          "Near the fixed point waves over the positions decay on their own, by chi times the Fourier transform of the "
          "window's variances (uniform, three wide: (1 + 2 cos theta)/3).",
          (formula(_window), formula(_simulated))),
    Claim("xiao.uniform", stated("the phase diagram"),
          "The uniform mode decays as correlations of a fully connected network of the same variances do, so that the "
          "edge of chaos is the same.",
          (formula(_uniform),)),
    Claim("xiao.lost", stated("what survives in deep networks"),
          "At the edge of chaos a deep network with a spread window keeps the uniform mode alone: other waves are lost "
          "within a few tens of layers.",
          (either(_lost, WINDOW, 1),)),
)  # fmt: skip
