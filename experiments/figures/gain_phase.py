"""The phase diagram over (sigma_m2, gain) of the paper form: xi_c, and the line chi_1 = 1.

Source: theory sheet, sections 3 and 4.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
import xarray as xr

from meanbits.experiments.figures.critical_curves import critical_points
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.solvers.phase import phase_diagram
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import derive

POINTS = {"smoke": 25, "quick": 121, "paper": 401}  # along each axis
BIASES = (1e-4, 1e-2, 1e-1)
LOWEST, HIGHEST = 0.5, 2.5  # gains
VANISHING = 1e-6  # q at the start of the critical curve


def measure(surrogate: Surrogate, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """xi_c (layers, infinite at criticality), chi_1, c and q, (sigma_b2, sigma_m2, gain); start, (gain,): sigma_m2
    on the critical curve as q -> 0.

    Raises:
        ValueError: an unknown preset, or a surrogate that is not in paper form.
    """
    count = sized(preset, POINTS)
    means, gains = np.linspace(0, 1, count + 1)[1:], np.linspace(LOWEST, HIGHEST, count)
    if surrogate.form.name != "paper":
        raise ValueError(f"{surrogate.name}: form {surrogate.form.name} has no gain; use --form paper")
    theory, diagrams = derive(surrogate), []
    for done, biases in enumerate(BIASES, 1):
        diagrams.append(phase_diagram(theory, means, biases, gains)[["xi_c", "chi_1", "c", "q"]].drop_attrs())
        tick(done, len(BIASES))
    joined = xr.concat(diagrams, xr.Variable("sigma_b2", list(BIASES), {"long_name": "variance of the biases"}))
    start, _ = critical_points(theory, VANISHING, gains / float(surrogate.form.gain))
    joined = joined.assign(start=("gain", start, {"long_name": "sigma_m2 on the critical curve as q -> 0"}))
    return labelled(joined, preset, seed, surrogate=surrogate.name, phi=sp.latex(surrogate.form.phi))
