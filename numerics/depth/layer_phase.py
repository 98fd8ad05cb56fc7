"""Phase diagrams of chains of blocks: where signals and gradients go on a grid of (sigma_m2, sigma_b2)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from meanbits.numerics.depth.layer_fixed_points import MANY, layer_fixed_points
from meanbits.numerics.solvers.domain import floats
from meanbits.numerics.solvers.phase import AXES, MEANING
from meanbits.theory.declarations.layer import Layer

QUANTITIES = {
    **{name: MEANING[name] for name in ("q", "T", "c", "chi", "chi_1", "xi_c")},
    "typical": "correlation of a typical pair of the batch",
    "chi_g": "growth of squared gradients a layer",
    "xi_g": "depth scale of squared gradients, layers, negative where they vanish",
    "found": f"whether layers come to a fixed point, within {MANY} of them",
}


def layer_phase_diagram(layer: Layer, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> xr.Dataset:
    """Every quantity of `LayerPoints` on a grid of (sigma_m2, sigma_b2); NaN where layers come to no fixed point.

    Raises:
        ValueError: axes without points, or open symbols.
    """
    means, biases = np.atleast_1d(floats("sigma_m2", sigma_m2)), np.atleast_1d(floats("sigma_b2", sigma_b2))
    if means.size == 0 or biases.size == 0:
        raise ValueError("a grid without points; give each axis at least one")
    found = layer_fixed_points(layer, means[:, None], biases, most=MANY)
    axes = {"sigma_m2": means, "sigma_b2": biases}
    variables = {name: (tuple(axes), np.asarray(getattr(found, name)), {"long_name": text})
                 for name, text in QUANTITIES.items()}  # fmt: skip
    coordinates = {name: (name, values, {"long_name": AXES[name]}) for name, values in axes.items()}
    blocks = ", ".join(layer.block_names)
    return xr.Dataset(variables, coordinates, {"surrogate": layer.name, "blocks": blocks})
