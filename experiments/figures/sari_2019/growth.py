"""Growth of gradients of sign networks a layer over their width, with weights +-1, scaled ones, and batch norm.

Source: Sari, Belbahri, Partovi Nia 2019, abstract.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.figures.real_networks import alone
from meanbits.experiments.random_networks.layer_networks import simulate_layers
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import layer_named
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.surrogates import Surrogate

SIZES = {
    "smoke": (20, (16, 64), 6, 64),
    "quick": (60, (16, 64, 256), 16, 256),
    "paper": (60, (16, 64, 256, 1024), 40, 512),
}
KINDS = {
    "weights ±1": (True, {}),
    "weights ±1/√N": (False, {}),
    "weights ±1, batch norm": (True, {"normalise": "batch"}),
}
WIDTHS, DEPTH = (10, 3000), 3


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """Growth of squared gradients a layer, at the last but one: theory, (kind, width); mean, error: (kind, seen_width)
    of random networks. The presets set widths, networks and batch.

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    alone(surrogate, "sari-2019-1")
    points, seen_widths, networks, batch = sized(preset, SIZES)
    widths, rows = np.geomspace(*WIDTHS, points), []
    for done, (bare, blocks) in enumerate(KINDS.values(), 1):
        told = [_told(bare, blocks, width) for width in widths]
        seen = [_seen(bare, blocks, width, networks, batch, seed) for width in seen_widths]
        rows.append((told, *zip(*seen, strict=True)))
        tick(done, len(KINDS))
    dims = ("kind", "width"), ("kind", "seen_width"), ("kind", "seen_width")
    tables = (np.array(values) for values in zip(*rows, strict=True))
    data = {name: (each, table) for name, each, table in zip(("theory", "mean", "error"), dims, tables, strict=True)}
    data = xr.Dataset(data, {"kind": list(KINDS), "width": widths, "seen_width": list(seen_widths)})
    return labelled(data, preset, seed, networks=networks)


def _layer(bare: bool, blocks: dict[str, str], width: float) -> Layer:
    return layer_named(
        compose("random-binary", backward="clip"), scale=float(np.sqrt(width)) if bare else None, **blocks
    )


def _told(bare: bool, blocks: dict[str, str], width: float) -> float:
    gradient = profile(_layer(bare, blocks, width), DEPTH, 1.0, 0.0, q0=width if bare else 1.0).gradient
    return float(gradient[-3] / gradient[-2])


def _seen(bare: bool, blocks: dict[str, str], width: int, networks: int, batch: int, seed: int) -> tuple[float, float]:
    """Mean and error of the growth, of networks whose last gradients are drawn."""
    found = simulate_layers(_layer(bare, blocks, width), DEPTH, 1.0, 0.0, width=width, networks=networks, batch=batch,
                            q0=width if bare else 1.0, seed=seed)  # fmt: skip
    mean, error = found.mean["gradient"], found.error["gradient"]
    ratio = mean[-3] / mean[-2]
    return float(ratio), float(ratio * np.hypot(error[-3] / mean[-3], error[-2] / mean[-2]))
