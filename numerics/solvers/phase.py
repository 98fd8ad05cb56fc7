"""Phase diagrams: the fixed point over a grid of (sigma_m2, sigma_b2), or of (sigma_m2, gain)."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from meanbits.numerics.emission.ready import ReadyTheory, traits_of
from meanbits.numerics.labelled import Labelled
from meanbits.numerics.solvers.domain import floats
from meanbits.numerics.solvers.solve import FixedPoint, fixed_point

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.theory.derive import Theory

MEANING = {
    "q": "field variance at the fixed point, relative to its annealed part where the field is marginalised",
    "T": "total field variance",
    "r": "overlap of noise-independent replicas where the field is marginalised, of two inputs where it is sampled",
    "c": "correlation of two inputs, the stable fixed point",
    "gap": "1 - c",
    "chi": "slope of the correlation map at c",
    "chi_1": "slope of the correlation map at c = 1",
    "dq": "slope of the variance map",
    "xi_q": "depth scale of the variance, layers",
    "xi_c": "depth scale of the correlation, layers",
}
AXES = {
    "sigma_m2": "variance of the weight means",
    "sigma_b2": "variance of the biases",
    "gain": "gain of the neuron, paper form",
}
BYTES_PER_POINT = 8 * 3 * len(fields(FixedPoint))  # results, and as much again twice over while they are joined


def available_memory() -> int:
    """Bytes of memory that are free."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def phase_diagram(
    theory: Theory | ReadyTheory,
    sigma_m2: ArrayLike,
    sigma_b2: ArrayLike,
    gain: ArrayLike | None = None,
    backend: str = "numpy",
) -> xr.Dataset:
    """`labelled_phases` as a dataset."""
    return labelled_phases(theory, sigma_m2, sigma_b2, gain, backend).dataset()


def labelled_phases(
    theory: Theory | ReadyTheory,
    sigma_m2: ArrayLike,
    sigma_b2: ArrayLike,
    gain: ArrayLike | None = None,
    backend: str = "numpy",
) -> Labelled:
    """Every quantity of `FixedPoint` on a grid: (sigma_m2, sigma_b2), or (sigma_m2, gain) if gains are given.

    sigma_m2, and sigma_b2 or gain, are vectors; beside gains sigma_b2 is one number. The attributes hold the surrogate
    and the parameters that are not axes. Raises ValueError as `fixed_point` does, and for axes without points.
    """
    means, biases = np.atleast_1d(floats("sigma_m2", sigma_m2)), floats("sigma_b2", sigma_b2)
    name, along = ("sigma_b2", biases) if gain is None else ("gain", floats("gain", gain))
    along = np.atleast_1d(along)
    if means.size == 0 or along.size == 0:
        raise ValueError("a grid without points; give each axis at least one")
    if gain is not None and biases.ndim:
        raise ValueError("beside gains, sigma_b2 is one number")
    grid = (along, None) if gain is None else (biases, along)
    found = fixed_point(theory, means[:, None], *grid, backend=backend)
    axes = {"sigma_m2": means, name: along}
    variables = {key: (tuple(axes), getattr(found, key), {"long_name": text}) for key, text in MEANING.items()}
    coordinates = {key: ((key,), values, {"long_name": AXES[key]}) for key, values in axes.items()}
    fixed = {} if gain is None else {"sigma_b2": float(biases)}
    return Labelled(variables, coordinates, {"surrogate": traits_of(theory).name, **fixed})
