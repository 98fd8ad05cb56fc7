"""Figure 5: depth scales xi_c and xi_q against sigma_m, one curve per sigma_b2.

Source: Stamatescu et al. 2020, figure 5; theory sheet, sections 3 and 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from numpy.typing import NDArray

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.symbols import T, overlap, sigma_b2, sigma_m2

POINTS = {"smoke": 26, "quick": 201, "paper": 801}
BIASES = (0.0, 1e-3, 1e-2, 1e-1)
DEFAULTS: dict[str, dict[str, Any]] = {
    "deterministic, paper form, tanh": {"name": "deterministic", "phi": "tanh", "gain": 1},
    "deterministic, exact, sign": {"name": "deterministic"},
    "LRT, stochastic bits": {"name": "lrt"},
    "LRT, tanh neurons": {"name": "shayer"},
}
ROUNDING = 1e-12  # of the solver
SHOWN = ("xi_c", "xi_q", "q")


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """xi_c, xi_q (layers; infinite at criticality) and q, (surrogate, sigma_b2, sigma_m), and `deepest`, (surrogate,).

    `deepest` is xi_c at sigma_m = 1 without biases, `deepest_formula` it in LaTeX where it is -1/ln of the slope of a
    closed replica map at r = 0, else empty. Without a surrogate: those of the paper.

    Raises:
        ValueError: an unknown preset, or a surrogate without fixed points.
    """
    means = np.linspace(0, 1, sized(preset, POINTS))[1:]
    if surrogate is None:
        theories = {label: derive(compose(**options)) for label, options in DEFAULTS.items()}
    else:
        theories = {surrogate.name: derive(surrogate)}
    table, deepest, formulas = [], [], []
    for done, theory in enumerate(theories.values(), 1):
        table.append(_scales(theory, means))
        deepest.append(float(fixed_point(theory, 1.0, 0.0).xi_c))
        formulas.append(_formula(theory, deepest[-1]))
        tick(done, len(theories))
    axes = ("surrogate", "sigma_b2", "sigma_m")
    variables = {name: (axes, np.array(values)) for name, values in zip(SHOWN, zip(*table, strict=True), strict=True)}
    bounds = {"deepest": ("surrogate", deepest), "deepest_formula": ("surrogate", formulas)}
    coordinates = {"surrogate": list(theories), "sigma_b2": list(BIASES), "sigma_m": means}
    return labelled(xr.Dataset(variables | bounds, coordinates), preset, seed)


def _scales(theory: Theory, means: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """xi_c, xi_q and q, each (sigma_b2, sigma_m)."""
    found = fixed_point(theory, means**2, np.array(BIASES)[:, None])
    return tuple(getattr(found, name) for name in SHOWN)


def _formula(theory: Theory, deepest: float) -> str:
    replica_map = theory.maps.replica_map
    if replica_map is None or replica_map.closed.has(GaussianExpectation):
        return ""
    without_biases = {sigma_m2: 1, sigma_b2: 0}
    total = theory.total_map.subs(without_biases)
    slope = sp.simplify(replica_map.closed.diff(overlap).subs({**without_biases, overlap: 0, T: total}))
    if slope.atoms(sp.Function):
        return ""
    if not (slope.is_number and 0 < slope < 1 and np.isclose(float(1 / sp.log(1 / slope)), deepest, rtol=ROUNDING)):
        return ""
    return f"1/{sp.latex(sp.log(1 / slope), ln_notation=True, fold_short_frac=True, inv_trig_style='full')}"
