"""What the static pictures of a page show, as labelled data: correlation maps, layers, and the plane of variances."""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.numerics.depth.layer_phase import layer_phase_diagram
from meanbits.numerics.depth.profile import profile
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.phase import phase_diagram
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.derive import Theory

STARTS = (0.0, 0.5, 0.99)
DEPTH, CURVE = 20, 101
MEANS, BIASES = 31, 25
LOW_BIAS = 1e-4


def correlation_maps(theory: Theory, sigma_m2: float, sigma_b2: float) -> xr.Dataset:
    """c' over c at the fixed point of q, and that of c.

    Raises:
        ValueError: as `fixed_point`.
    """
    found, c = fixed_point(theory, sigma_m2, sigma_b2), np.linspace(0, 1, CURVE)
    extra = (found.T,) if theory.maps.takes_total else ()
    after = 1 - compile_theory(theory).gap_map(1 - c, found.q, np.float64(sigma_m2), np.float64(sigma_b2), *extra)
    given = {"surrogate": theory.surrogate.name, "sigma_m2": sigma_m2, "sigma_b2": sigma_b2}
    values = {"after": ("c", np.broadcast_to(after, c.shape)), "fixed": ((), float(found.c))}
    return xr.Dataset(values, {"c": c}, given | {"xi_c": float(found.xi_c)})


def layers(subject: Theory | Layer, sigma_m2: float, sigma_b2: float) -> xr.Dataset:
    """Correlations layer by layer, from a few of the first fields; of a surrogate at the fixed point of q.

    Raises:
        ValueError: as `fixed_point`, or `profile`.
    """
    if isinstance(subject, Layer):
        followed = np.array([profile(subject, DEPTH, sigma_m2, sigma_b2, c0=start).c for start in STARTS])
        name = subject.name
    else:
        followed, name = _orbits(subject, sigma_m2, sigma_b2), subject.surrogate.name
    given = {"surrogate": name, "sigma_m2": sigma_m2, "sigma_b2": sigma_b2}
    axes = {"start": list(STARTS), "layer": np.arange(followed.shape[1])}
    return xr.Dataset({"c": (("start", "layer"), followed)}, axes, given)


def _orbits(theory: Theory, sigma_m2: float, sigma_b2: float) -> np.ndarray:
    found, gap_map = fixed_point(theory, sigma_m2, sigma_b2), compile_theory(theory).gap_map
    rest = (found.q, np.float64(sigma_m2), np.float64(sigma_b2), *((found.T,) if theory.maps.takes_total else ()))
    gaps = [1 - np.array(STARTS)]
    for _ in range(DEPTH):
        gaps.append(np.broadcast_to(gap_map(gaps[-1], *rest), gaps[0].shape))
    return 1 - np.array(gaps).T


def plane(subject: Theory | Layer, largest_means: float | None, fixed_means: float, most_biases: float) -> xr.Dataset:
    """Depth scales over the variances of means, up to the largest, and of biases; None: of biases alone.

    Raises:
        ValueError: as `fixed_point`, or for a chain that comes to a fixed point nowhere.
    """
    means, biases = np.array([fixed_means]), np.linspace(LOW_BIAS, most_biases, BIASES)
    if largest_means is not None:
        means = np.linspace(largest_means / MEANS, largest_means, MEANS)
    if not isinstance(subject, Layer):
        return phase_diagram(subject, means, biases)
    diagram = layer_phase_diagram(subject, means, biases)
    if not bool(diagram["found"].any()):
        raise ValueError(f"{subject.name} comes to a fixed point nowhere")
    return diagram
