"""The bias of straight-through gradients in two layers of random signs, exactly at widths that are not enumerated."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from meanbits.experiments.chain.networks import FloatArray
from meanbits.numerics.chain.field_law import lattice, lattice_law


def two_layer_gradients(
    signs: FloatArray, biases: FloatArray, inputs: FloatArray, readout: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The exact gradient of the first layer's biases, and the mean straight-through one by the slope of E[x|h], (N,).

    signs: fixed weights +-1, (2, N, N); biases (2, N); inputs +-1. Neurons have Gaussian noise of scale 1, E[x|h] =
    erf(h/sqrt 2). Given the input the states of the first layer are independent, so the field of a neuron behind them
    without one of them has a law by exact convolution; O(N^4).
    """
    size = len(inputs)
    first = signs[0] @ inputs / math.sqrt(size) + biases[0]
    terms = signs[1] * special.erf(first / math.sqrt(2))
    others = np.array([np.delete(np.arange(size), i) for i in range(size)])
    law = lattice_law(terms[:, others], 1.0)  # (neuron behind, state left out, points)
    fields = lattice(size - 1) * math.sqrt((size - 1) / size) + biases[1][:, None]

    def averaged(values: FloatArray) -> FloatArray:
        return np.einsum("kip,kp->ki", law, values)

    up, down = (fields + step / math.sqrt(size) for step in (1, -1))
    jump = averaged(special.erf(up / math.sqrt(2)) - special.erf(down / math.sqrt(2))) / 2
    slope = ((1 + terms) * averaged(_slope(up)) + (1 - terms) * averaged(_slope(down))) / 2 / math.sqrt(size)
    exact, through = (_slope(first) * (readout @ (signs[1] * each)) for each in (jump, slope))
    return exact, through


def two_layer_bias(width: int, networks: int, sigma_b2: float, seed: int = 0) -> float:
    """Norm of their difference over that of the exact gradient, squares averaged over random networks."""
    rng, squares = np.random.default_rng((seed, width)), np.zeros(2)
    for _ in range(networks):
        signs, inputs = rng.choice((-1.0, 1.0), (2, width, width)), rng.choice((-1.0, 1.0), width)
        biases = math.sqrt(sigma_b2) * rng.standard_normal((2, width))
        exact, through = two_layer_gradients(signs, biases, inputs, rng.standard_normal(width))
        squares += ((exact - through) ** 2).sum(), (exact**2).sum()
    return float(np.sqrt(squares[0] / squares[1]))


def _slope(field: FloatArray) -> FloatArray:
    return np.exp(-(field**2) / 2) * math.sqrt(2 / math.pi)
