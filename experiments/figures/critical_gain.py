"""The critical gain: the smallest gain of the paper form with a critical initialisation, and its curve above it.

Source: theory sheet, section 4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
import xarray as xr
from numpy.typing import NDArray
from scipy import optimize

from meanbits.experiments.figures.critical_curves import ROUNDING, critical_points
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.certificates.balls import UnprovedError
from meanbits.numerics.certificates.certify import SmallestGain, smallest_gain
from meanbits.theory.declarations.compose import PAPER_PHI, compose
from meanbits.theory.declarations.grammar import parse
from meanbits.theory.declarations.neurons import CONTINUOUS
from meanbits.theory.declarations.surrogates import Surrogate, paper_form
from meanbits.theory.derive import Theory, derive

Array = NDArray[np.float64]

POINTS = {"smoke": (8, 60), "quick": (61, 160), "paper": (121, 320)}  # gains, and points of a curve
GAINS = (0.75, 2.25)
DRAWN_GAINS = (1.0, 1.1, 1.25, 1.5, 2.0)
RANGE = (-3, 6)  # decades of q
FEW = ("tanh", "hard tanh")  # at preset smoke
NEVER = 100.0  # a gain at which every curve would be feasible to the end, if it ever is
FUNCTIONS: dict[str, sp.Expr] = {
    "tanh": PAPER_PHI["tanh"],
    "erf": PAPER_PHI["erf"],
    "algebraic": parse("h/sqrt(1 + h**2)"),
    "arctangent": parse("2*atan(pi*h/2)/pi"),
    "hard tanh": next(neurons.mean for neurons in CONTINUOUS if neurons.name == "hardtanh"),
    "flattened tanh": parse("(tanh(h) + tanh(h)**3)/2"),
}


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """Gains of interest by phi, the end of its curve by gain, and critical curves of the first phi at some gains.

    lower, upper: (phi,), no critical initialisation at gains below the one, one next to the other; `proven` where both
    sides are. start: (phi,), the gain above which the start of the curve, at sigma_b2 = 0, is feasible; endless:
    (phi,), that above which its end is, q = `largest_q`, NaN if none up to 100 is. largest_b2: (phi, gain), the
    largest feasible sigma_b2, infinite above `endless`, NaN where no part of the curve is feasible. curve_m2, curve_b2:
    (curve_gain, point). Without a surrogate: six phi, two at preset smoke.

    Raises:
        ValueError: an unknown preset, or a surrogate that is not in paper form.
    """
    gains, points = sized(preset, POINTS)
    if surrogate is not None and surrogate.form.name != "paper":
        raise ValueError(f"{surrogate.name}: form {surrogate.form.name} has no gain; use --form paper")
    shown = FUNCTIONS if preset != "smoke" else {name: FUNCTIONS[name] for name in FEW}
    functions = shown if surrogate is None else {surrogate.name: surrogate.form.phi}
    axis, variances = np.linspace(*GAINS, gains), np.logspace(*RANGE, points)
    found, limits, largest = [], [], []
    for done, phi in enumerate(functions.values(), 1):
        theory = _paper_form(phi)
        found.append(_smallest(phi))
        limits.append([_feasible_from(theory, variances[0]), _feasible_from(theory, variances[-1])])
        largest.append(_largest(theory, variances, axis))
        tick(done, len(functions))
    first = _paper_form(next(iter(functions.values())))
    curves = critical_points(first, variances, np.array(DRAWN_GAINS)[:, None])
    by_phi = {name: ("phi", [getattr(each, name) for each in found]) for name in ("lower", "upper")}
    by_phi |= {"proven": ("phi", [int(each.certified) for each in found])}
    by_phi |= {name: ("phi", values) for name, values in zip(("start", "endless"), np.array(limits).T, strict=True)}
    drawn = {name: (("curve_gain", "point"), each) for name, each in zip(("curve_m2", "curve_b2"), curves, strict=True)}
    formulas = [sp.latex(phi, fold_short_frac=True, inv_trig_style="full") for phi in functions.values()]
    coordinates = {"phi": list(functions), "formula": ("phi", formulas), "gain": axis, "curve_gain": list(DRAWN_GAINS)}
    dataset = xr.Dataset(by_phi | drawn | {"largest_b2": (("phi", "gain"), np.array(largest))}, coordinates)
    return labelled(dataset, preset, seed, largest_q=float(variances[-1]))


def _smallest(phi: sp.Expr) -> SmallestGain:
    try:
        return smallest_gain(phi)
    except UnprovedError as error:
        raise ValueError(f"--phi {phi}: {error}") from None


def _paper_form(phi: sp.Expr) -> Theory:
    """Of gain 1."""
    return derive(replace(compose("deterministic"), form=paper_form(phi), name=f"paper form, {phi}"))


def _feasible_from(theory: Theory, variance: float) -> float:
    """The gain at which sigma_m2 on the curve falls to 1 at q, NaN if above 100."""

    def excess(gain: float) -> float:
        return float(critical_points(theory, variance, gain)[0]) - 1

    return optimize.brentq(excess, 1 / NEVER, NEVER, xtol=ROUNDING) if excess(NEVER) < 0 else np.nan


def _largest(theory: Theory, variances: Array, gains: Array) -> Array:
    """The largest sigma_b2 at which each curve is feasible, (gain,), between points along the logarithms."""
    means, biases = critical_points(theory, variances, gains[:, None])
    largest = np.full(gains.size, np.nan)
    for k, (m2, b2) in enumerate(zip(means, biases, strict=True)):
        inside = np.flatnonzero((m2 <= 1) & (b2 > 0))
        if inside.size:
            last, after = inside[-1], min(inside[-1] + 1, m2.size - 1)
            part = 1.0 if last == after else (1 - m2[last]) / (m2[after] - m2[last])
            largest[k] = np.inf if last == after else b2[last] * (b2[after] / b2[last]) ** part
    return largest
