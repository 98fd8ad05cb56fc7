"""Exact enumeration of the stochastic binary network: the ground truth for every surrogate.

The forward pass of a `Layer` is p'(x') = sum_x p(x) P(x'|x) over at most 2^12 states, where P(x'|x) is a product over
neurons of what `field_law` gives.

Order of states: bit j of a state's index is neuron j, bit 1 meaning x_j = +1 and bit 0 meaning x_j = -1. So index 0 is
all -1, the last index all +1, and p[::-1] is the law of -x.
"""

import itertools

import numpy as np
from numpy.typing import ArrayLike

from meanbits.numerics.chain.field_law import FloatArray, Layer, check_bound, lattice, lattice_law, real_field_law

MAX_NEURONS = 12
DISTRIBUTION_TOLERANCE = 1e-9  # far above rounding (1e-14), far below a forgotten state


def states(n: int) -> FloatArray:
    """All states, shape (2^n, n), entries +-1, row = state index (order: module docstring). ValueError if n > 12."""
    _check_width("states", n)
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))[:, ::-1]


def initial(means: ArrayLike) -> FloatArray:
    """Product measure of independent binary inputs with these means, (n,) -> (2^n,). Means +-1: a point mass.

    Raises ValueError if n > 12 or a mean is outside [-1, 1].
    """
    values = np.asarray(means, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"initial: means has shape {values.shape}; give a vector")
    _check_width("initial", values.size)
    check_bound("initial: means", values, "rescale the inputs, or use first_layer for real inputs")
    return _product((1 - values) / 2, (1 + values) / 2)


def first_layer(layer: Layer, inputs: ArrayLike) -> FloatArray:
    """Law of the first hidden layer for known real inputs, (N_in,) -> (2^N_out,). Errors as in real_field_law."""
    _check_width("first_layer: N_out", layer.bias.size)
    laws = [real_field_law(layer, i, inputs) for i in range(layer.bias.size)]
    up = [law.expect(lambda field: (1 + layer.neuron_mean(field)) / 2) for law in laws]
    down = [law.expect(lambda field: (1 - layer.neuron_mean(field)) / 2) for law in laws]
    return _product(np.array(down), np.array(up))


def state_means(p: ArrayLike) -> FloatArray:
    """E x_j under p, (2^n,) -> (n,). Raises ValueError if p is no distribution over 2^n states, n <= 12."""
    law = _distribution(p)
    return law @ states(law.size.bit_length() - 1)


def propagate(p: ArrayLike, layer: Layer) -> FloatArray:
    """Exact forward pass, p'(x') = sum_x p(x) prod_i P(x'_i|x), (2^N_in,) -> (2^N_out,).

    The output neurons are split in two halves, so the sum over x is one product of 2^N_in x 2^(N_out/2) matrices.
    Raises ValueError if a width exceeds 12 or p does not fit the layer.
    """
    law = _distribution(p, layer.means.shape[1])
    down, up = _neuron_probabilities(layer)
    half = layer.bias.size // 2
    low, high = _product(down[:, :half], up[:, :half]), _product(down[:, half:], up[:, half:])
    return ((high * law[:, None]).T @ low).ravel()


def transition(layer: Layer) -> FloatArray:
    """Markov matrix P(x'|x), shape (2^N_in, 2^N_out), rows sum to 1; 128 MiB at 12 x 12. ValueError if a width > 12."""
    return _product(*_neuron_probabilities(layer))


def field_moments(p: ArrayLike, layer: Layer) -> tuple[FloatArray, FloatArray]:
    """Exact mean and variance of every field of the layer when its inputs have law p, (2^N_in,) -> (N_out,), (N_out,).

    Computed from the laws of the fields, so correlations between inputs count. For a product measure they equal
    sum_j M_j m_j / sqrt(N) + b and (1/N) sum_j (R_j - M_j^2 m_j^2). Errors as in propagate.
    """
    law = _distribution(p, layer.means.shape[1])
    points, probabilities = _conditional_laws(layer)
    weighted = law[:, None, None] * probabilities
    mean = np.sum(weighted * points, axis=(0, 2))
    return mean, np.sum(weighted * (points - mean[:, None]) ** 2, axis=(0, 2))


def _conditional_laws(layer: Layer) -> tuple[FloatArray, FloatArray]:
    """Laws of all fields given every input state: points (2^N_in or 1, N_out, K), probabilities (2^N_in, N_out, K)."""
    n_out, n_in = layer.means.shape
    _check_width("Layer: N_in", n_in)
    _check_width("Layer: N_out", n_out)
    x = states(n_in)
    if layer.weights == "fixed":
        points = (x @ layer.means.T) / np.sqrt(n_in) + layer.bias
        return points[:, :, None], np.ones((*points.shape, 1))
    points = lattice(n_in) + layer.bias[:, None]
    return points[None], lattice_law(x[:, None, :] * layer.means, layer.second_moments)


def _neuron_probabilities(layer: Layer) -> tuple[FloatArray, FloatArray]:
    """P(x'_i = -1|x) and P(x'_i = +1|x), both (2^N_in, N_out)."""
    points, probabilities = _conditional_laws(layer)
    phi = layer.neuron_mean(points)
    return np.sum(probabilities * ((1 - phi) / 2), axis=-1), np.sum(probabilities * ((1 + phi) / 2), axis=-1)


def _product(down: FloatArray, up: FloatArray) -> FloatArray:
    """Product measure over n neurons by doubling, (..., n), (..., n) -> (..., 2^n)."""
    law = np.ones((*up.shape[:-1], 1))
    for j in range(up.shape[-1]):
        law = np.concatenate((law * down[..., j, None], law * up[..., j, None]), axis=-1)
    return law


def _distribution(p: ArrayLike, n: int | None = None) -> FloatArray:
    law = np.asarray(p, dtype=np.float64)
    width = law.size.bit_length() - 1 if n is None else n
    _check_width("state distribution", width)
    if law.shape != (2**width,):
        raise ValueError(f"p has shape {law.shape}; a distribution over {width} neurons has shape ({2**width},)")
    if not (law >= 0).all() or abs(law.sum() - 1) > DISTRIBUTION_TOLERANCE:
        raise ValueError(f"p has minimum {law.min()} and sum {law.sum()}; give probabilities that sum to 1")
    return law


def _check_width(name: str, n: int) -> None:
    if not 1 <= n <= MAX_NEURONS:
        raise ValueError(f"{name}: {n} neurons; states are enumerated for 1 to {MAX_NEURONS}, sample wider networks")
