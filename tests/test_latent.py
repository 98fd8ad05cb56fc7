"""Neurons with a latent noise behind a function, against integrals over the density of the noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, stats

import meanbits as mb
from meanbits.theory.declarations.latent import latent
from meanbits.theory.declarations.neurons import stochastic
from meanbits.theory.declarations.noise import GAUSSIAN, LAPLACE, LOGISTIC, NeuronNoise
from meanbits.theory.declarations.surrogates import SAMPLE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import h

DENSITIES = {GAUSSIAN: stats.norm.pdf, LOGISTIC: stats.logistic.pdf, LAPLACE: stats.laplace.pdf}
STAIRS = sp.sign(h - 1) / 2 + (1 + sp.sign(h + sp.Rational(1, 2))) / 2


def stairs(x: float) -> float:
    return (np.sign(x - 1) + 1 + np.sign(x + 0.5)) / 2


CASES = {
    "stairs, logistic": (STAIRS, stairs, [-0.5, 1.0], LOGISTIC, sp.S.Half),
    "stairs, laplace": (STAIRS, stairs, [-0.5, 1.0], LAPLACE, sp.Integer(2)),
    "relu, gaussian": (sp.Max(0, h), lambda x: max(0.0, x), [0.0], GAUSSIAN, sp.Integer(2)),
    "clip, gaussian": (HardTanh(h), lambda x: np.clip(x, -1, 1), [-1.0, 1.0], GAUSSIAN, sp.S.Half),
    "sine, gaussian": (sp.sin(3 * h), lambda x: np.sin(3 * x), [], GAUSSIAN, sp.S.One),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("field", [-1.3, 0.2, 2.5])
def test_moments_are_integrals_over_the_noise(name, field):
    function, plain, breaks, noise, scale = CASES[name]
    neurons, size = latent("x", function, noise, scale), float(scale)
    cuts = sorted({0.0, *((at - field) / size for at in breaks)})
    ends = [-np.inf, *cuts, np.inf]
    for moment, power in ((neurons.mean, 1), (neurons.second_moment, 2)):

        def density(z: float, power: int = power) -> float:
            return plain(field + size * z) ** power * DENSITIES[noise](z)

        parts = [integrate.quad(density, *pair, epsabs=1e-13)[0] for pair in pairwise(ends)]
        assert float(moment.subs(h, field)) == pytest.approx(sum(parts), abs=2e-9)


def test_a_sign_behind_a_noise_is_the_stochastic_neuron():
    skew = NeuronNoise("gumbel", sp.exp(-sp.exp(-h)))
    for noise in (LOGISTIC, skew):
        assert (
            sp.simplify(latent("x", sp.sign(h), noise, sp.Integer(3)).mean - stochastic(noise, sp.Integer(3)).mean) == 0
        )


def test_maps_of_a_noisy_relu():
    """T' = E relu(u + z)^2 and C' of independent noises, each at the variance with the noise in it."""
    noisy = Surrogate("noisy", FIXED, latent("x", sp.Max(0, h), GAUSSIAN, sp.S.One), SAMPLE, "none")
    maps, q, c = mb.compile(mb.derive(noisy)), 1.3, 0.4
    total = 0.5 * (q + 1) / 2 + 0.1
    assert maps.variance_map(q, 0.5, 0.1) == pytest.approx(total, rel=1e-13)
    angle = np.arccos(c * q / (q + 1))
    overlap = (q + 1) / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * np.cos(angle))
    assert maps.correlation_map(c, q, 0.5, 0.1) == pytest.approx((0.5 * overlap + 0.1) / total, rel=1e-12)
    found = mb.fixed_point(noisy, 0.5, 0.1)
    assert found.q == pytest.approx(0.35 / 0.75, rel=1e-12)


@pytest.mark.parametrize(
    ("function", "noise", "scale", "reason"),
    [(sp.tanh(h), LOGISTIC, 1, "no closed form for logistic noise"), (sp.tanh(h), GAUSSIAN, 1, "has no closed form"),
     (sp.sign(h), GAUSSIAN, -1, "must be positive")],
)  # fmt: skip
def test_what_has_no_moments_is_refused(function, noise, scale, reason):
    with pytest.raises(SurrogateError, match=reason):
        latent("x", function, noise, sp.Integer(scale))
