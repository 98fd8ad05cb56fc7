"""Figure 4: critical curves (sigma_m2, sigma_b2) of the marginalised surrogate, by neuron noise and by form.

Source: Stamatescu et al. 2020, figure 4; theory sheet, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.emission.emit import compile_theory
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import SIGN, Neurons, stochastic
from meanbits.theory.declarations.noise import NOISES, NeuronNoise
from meanbits.theory.declarations.surrogates import EXACT, MATCHED, Form, Surrogate, paper_form
from meanbits.theory.derive import Theory, derive
from meanbits.theory.symbols import h

Array = NDArray[np.float64]

POINTS = {"smoke": 15, "quick": 60, "paper": 120}
FEW = ("logistic", "uniform")  # noises at preset smoke
RANGE = (-6, 4)  # decades of q
SCALE = sp.Rational(1, 2)  # of the noises, where the form has one
FORMS = ("paper", "matched", "exact")
PATIENCE, ROUNDING = 500, 1e-14
CURVE = ("form", "noise", "point")


@dataclass(frozen=True)
class Curve:
    """One curve of the figure."""

    form: str
    noise: str
    surrogate: Surrogate


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """q, sigma_m2 and sigma_b2 along each critical curve, (form, noise, point); NaN where a form lacks the noise.

    Without a surrogate: every noise of the catalogue and none, of scale 1/2, in each form (few at preset smoke). In
    paper form phi is the mean of a bit with that noise, at the gain that makes its slope at 0 one.

    Raises:
        ValueError: an unknown preset, or a surrogate that is not marginalised or without emitted maps.
    """
    count = sized(preset, POINTS)
    noises = tuple(noise for noise in NOISES if preset != "smoke" or noise.name in FEW)
    curves = (
        tuple(_curves(noises)) if surrogate is None else (Curve(surrogate.form.name, _noise(surrogate), surrogate),)
    )
    forms = [form for form in FORMS if form in {curve.form for curve in curves}]
    names = list(dict.fromkeys(curve.noise for curve in curves))
    table = np.full((2, len(forms), len(names), count), np.nan)
    variances = np.logspace(*RANGE, count)
    for done, curve in enumerate(curves, 1):
        found = critical_points(derive(curve.surrogate), variances)
        table[:, forms.index(curve.form), names.index(curve.noise)] = found
        tick(done, len(curves))
    named = {name: (CURVE, values) for name, values in zip(("sigma_m2", "sigma_b2"), table, strict=True)}
    dataset = xr.Dataset(named, {"form": forms, "noise": names, "q": ("point", variances)})
    shown = f"noise: {', '.join(names)}" if surrogate is None else surrogate.name
    return labelled(dataset, preset, seed, surrogate=shown, noise_scale=float(SCALE))


def critical_points(theory: Theory, variances: ArrayLike, gain: ArrayLike = 1.0) -> tuple[Array, Array]:
    """sigma_m2 and sigma_b2 at which q is the fixed point and c = 1 one of slope 1, of q's shape; feasible or not.

    gain: of a surrogate in paper form, times its own; broadcasts. With A = E m^2 and S its slope in c at c = 1, both at
    gain^2 q and T = 1 + sigma_b2, sigma_m2 S and sigma_m2 A + sigma_b2 are both q T / (1 + q), the quenched variance.
    So z = sigma_b2/T solves z = q/(1 + q) (1 - A/S), which is iterated; only exact and matched forms depend on T.

    Raises:
        ValueError: a treatment other than marginalising binary neurons, or an iteration that does not settle.
    """
    surrogate = theory.surrogate
    if surrogate.treatment.name != "marginalise" or not surrogate.neurons.is_binary or surrogate.real_input:
        raise ValueError(f"{surrogate.name}: critical curves are those of marginalised binary neurons; "
                         "use --treatment marginalise")  # fmt: skip
    q, gain = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (variances, gain)))
    fraction, z = q / (1 + q), np.zeros(q.shape)
    for _ in range(PATIENCE):
        square, slope = _moments(theory, gain**2 * q, z / (1 - z))
        before, z = z, fraction * (1 - square / slope)
        if np.all(np.abs(z - before) <= ROUNDING):
            return fraction / (1 - z) / slope, z / (1 - z)
    raise ValueError(f"{surrogate.name}: its critical curve did not settle in {PATIENCE} iterations")


def _moments(theory: Theory, q: Array, biases: Array) -> tuple[Array, Array]:
    """A and S, from the maps at sigma_m2 = 1, where A + sigma_b2 is q' T / (1 + q')."""
    maps = compile_theory(theory)
    after = maps.variance_map(q, 1.0, biases)
    quenched = after / (1 + after) * (1 + biases)
    return quenched - biases, maps.chi(1.0, q, 1.0, biases) * quenched


def _curves(noises: Iterable[NeuronNoise]) -> Iterator[Curve]:
    base = compose("deterministic")
    bits: dict[str, Neurons] = {"none": SIGN} | {noise.name: stochastic(noise, SCALE) for noise in noises}
    for name, neurons in bits.items():
        yield Curve("exact", name, replace(base, neurons=neurons, name=f"exact, {name}"))
        if neurons.is_random:
            yield Curve("matched", name, replace(base, neurons=neurons, form=MATCHED, name=f"matched, {name}"))
            yield Curve("paper", name, replace(base, form=_unit_slope(neurons), name=f"paper form, {name}"))


def _unit_slope(neurons: Neurons) -> Form:
    """phi(gain hbar/sqrt(Sigma)) with the neuron's mean as phi, and slope 1 at 0."""
    return paper_form(neurons.mean.subs(h, h * SCALE), 1 / (SCALE * neurons.slope_at_zero))


def _noise(surrogate: Surrogate) -> str:
    """What a curve of its own is called."""
    return surrogate.name if surrogate.form not in (EXACT, MATCHED) else surrogate.neurons.name
