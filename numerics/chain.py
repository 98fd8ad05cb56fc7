"""Exact enumeration of the stochastic binary network: the ground truth for every surrogate.

A layer maps states x in {-1, +1}^N_in to states in {-1, +1}^N_out,

    h_i = sum_j S_ij x_j / sqrt(N_in) + b_i,    P(x'|x) = prod_i P(x'_i|x),    E[x'_i|x] = E_S phi(h_i),

with independent weights S_ij (theory sheet, section 1). Given x the field is a sum of independent terms on a lattice,
so its law is an exact convolution, and the forward pass is p'(x') = sum_x p(x) P(x'|x) over at most 2^12 states.

Order of states: bit j of a state's index is neuron j, bit 1 meaning x_j = +1 and bit 0 meaning x_j = -1. So index 0 is
all -1, the last index all +1, and p[::-1] is the law of -x.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
WeightKind = Literal["binary", "ternary", "fixed"]

MAX_NEURONS = 12
MAX_POINTS = 3**MAX_NEURONS
LARGEST = float(np.finfo(np.float64).max)
DISTRIBUTION_TOLERANCE = 1e-9  # far above rounding (1e-14), far below a forgotten state


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of the stochastic binary network.

    means: E S_ij, shape (N_out, N_in); in [-1, 1] unless the weights are fixed, then any real number.
    bias: b_i, shape (N_out,).
    mean_given_field: phi(h) = E[x|h], entry by entry, in [-1, 1]; np.sign (a tie h = 0 is a fair coin), np.tanh, ...
    weights: "binary" {-1, +1}, "ternary" {-1, 0, +1}, or "fixed" (S = means).
    rho: P(S_ij != 0) of ternary weights, a number or an array of the shape of means, in [|M_ij|, 1]; else None.

    Raises ValueError on shapes, values out of their domain, or rho where it has no meaning. The width is bounded only
    where states are enumerated; the law of one neuron's field takes any N_in. Source: theory sheet, section 1.
    """

    means: FloatArray
    bias: FloatArray
    mean_given_field: Callable[[FloatArray], FloatArray]
    weights: WeightKind = "binary"
    rho: FloatArray | float | None = None

    def __post_init__(self) -> None:
        means, bias = np.array(self.means, dtype=np.float64), np.array(self.bias, dtype=np.float64)
        for name, value in (("means", means), ("bias", bias)):
            _check_bound(f"Layer.{name}", value, "give finite numbers", LARGEST)
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if means.ndim != 2 or means.size == 0 or bias.shape != means.shape[:1]:
            raise ValueError(f"Layer.means {means.shape} and bias {bias.shape}: give shapes (N_out, N_in) and (N_out,)")
        if self.weights not in ("binary", "ternary", "fixed"):
            raise ValueError(f"Layer.weights is {self.weights!r}; choose 'binary', 'ternary' or 'fixed'")
        if self.weights != "fixed":
            _check_bound("Layer.means", means, "scale them down, or use weights='fixed'")
        if (self.weights == "ternary") != (self.rho is not None):
            raise ValueError(f"Layer.rho is {self.rho} for {self.weights} weights; ternary weights need it, others not")
        if self.rho is not None:
            object.__setattr__(self, "rho", _checked_rho(self.rho, means))

    @property
    def second_moments(self) -> FloatArray:
        """R_ij = E S_ij^2, shape (N_out, N_in): 1 for binary, rho for ternary, M^2 for fixed weights."""
        if self.weights == "fixed":
            return self.means**2
        return np.ones(self.means.shape) * (1.0 if self.rho is None else self.rho)


@dataclass(frozen=True, eq=False)
class FieldLaw:
    """Law of one field: probabilities[k] at points[k], both of shape (K,). Points need not be sorted or distinct."""

    points: FloatArray
    probabilities: FloatArray

    def expect(self, function: Callable[[FloatArray], FloatArray]) -> float:
        """E f(h) for a vectorised f."""
        return float(self.probabilities @ function(self.points))

    @property
    def mean(self) -> float:
        """E h."""
        return float(self.probabilities @ self.points)

    @property
    def variance(self) -> float:
        """E (h - E h)^2."""
        return float(self.probabilities @ (self.points - self.mean) ** 2)


def lattice_law(term_means: ArrayLike, activity: ArrayLike) -> FloatArray:
    """Law of sum_j t_j for independent t_j in {-1, 0, +1} with E t_j = term_means and P(t_j != 0) = activity.

    Shapes (..., N) -> (..., 2 N + 1), entry k at the value k - N; batched over the leading axes. O(N^2) per law by the
    trinomial recursion, which adds nonnegative terms only, so it loses no more than O(N eps) relative.
    Domain: |term_means| <= activity <= 1, not checked. Source: the recursion of the Poisson-binomial law.
    """
    mean, active = np.broadcast_arrays(np.asarray(term_means, np.float64), np.asarray(activity, np.float64))
    down, stay, up = (active - mean) / 2, 1 - active, (active + mean) / 2
    law = np.ones((*mean.shape[:-1], 1))
    for j in range(mean.shape[-1]):
        wider = np.zeros((*mean.shape[:-1], 2 * j + 3))
        wider[..., :-2] = law * down[..., j, None]
        wider[..., 1:-1] += law * stay[..., j, None]
        wider[..., 2:] += law * up[..., j, None]
        law = wider
    return law


def field_law(layer: Layer, neuron: int, input_means: ArrayLike) -> FieldLaw:
    """Exact law of h_i when the inputs are independent binary x_j with the given means (+-1: the input is known).

    input_means: shape (N_in,), in [-1, 1]. Binary and ternary weights: any N_in, since S_j x_j is again a lattice term,
    of mean M_j m_j. Fixed weights: enumerates the uncertain inputs, at most 3^12 points (ValueError beyond).
    """
    means = _input_vector(layer, input_means)
    _check_bound("input_means", means, "rescale the inputs, or use real_field_law for real inputs")
    if layer.weights == "fixed":
        return _enumerated_law(layer, neuron, layer.means[neuron], means, np.ones_like(means))
    law = lattice_law(layer.means[neuron] * means, layer.second_moments[neuron])
    reached = law > 0
    return FieldLaw(_lattice(means.size)[reached] + layer.bias[neuron], law[reached])


def real_field_law(layer: Layer, neuron: int, inputs: ArrayLike) -> FieldLaw:
    """Exact law of h_i for known real inputs, shape (N_in,), by enumeration of the weights.

    At most 3^12 points: N_in <= 12 for ternary weights, <= 19 for binary ones, any for fixed ones (ValueError beyond).
    """
    values = _input_vector(layer, inputs)
    if layer.weights == "fixed":
        return _enumerated_law(layer, neuron, layer.means[neuron] * values, np.ones_like(values), np.ones_like(values))
    return _enumerated_law(layer, neuron, values, layer.means[neuron], layer.second_moments[neuron])


def marginal(layer: Layer, neuron: int, input_means: ArrayLike) -> float:
    """Exact mean of a neuron, E x_i = E phi(h_i) = 2 P(x_i = +1) - 1. Arguments and errors as in field_law."""
    return field_law(layer, neuron, input_means).expect(lambda field: _phi(layer, field))


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
    _check_bound("initial: means", values, "rescale the inputs, or use first_layer for real inputs")
    return _product((1 - values) / 2, (1 + values) / 2)


def first_layer(layer: Layer, inputs: ArrayLike) -> FloatArray:
    """Law of the first hidden layer for known real inputs, (N_in,) -> (2^N_out,). Errors as in real_field_law."""
    _check_width("first_layer: N_out", layer.bias.size)
    laws = [real_field_law(layer, i, inputs) for i in range(layer.bias.size)]
    up = [law.expect(lambda field: (1 + _phi(layer, field)) / 2) for law in laws]
    down = [law.expect(lambda field: (1 - _phi(layer, field)) / 2) for law in laws]
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
    points = _lattice(n_in) + layer.bias[:, None]
    return points[None], lattice_law(x[:, None, :] * layer.means, layer.second_moments)


def _lattice(n: int) -> FloatArray:
    return np.arange(-n, n + 1, dtype=np.float64) / np.sqrt(n)


def _neuron_probabilities(layer: Layer) -> tuple[FloatArray, FloatArray]:
    """P(x'_i = -1|x) and P(x'_i = +1|x), both (2^N_in, N_out)."""
    points, probabilities = _conditional_laws(layer)
    phi = _phi(layer, points)
    return np.sum(probabilities * ((1 - phi) / 2), axis=-1), np.sum(probabilities * ((1 + phi) / 2), axis=-1)


def _product(down: FloatArray, up: FloatArray) -> FloatArray:
    """Product measure over n neurons by doubling, (..., n), (..., n) -> (..., 2^n)."""
    law = np.ones((*up.shape[:-1], 1))
    for j in range(up.shape[-1]):
        law = np.concatenate((law * down[..., j, None], law * up[..., j, None]), axis=-1)
    return law


def _enumerated_law(
    layer: Layer, neuron: int, amplitudes: FloatArray, term_means: FloatArray, activity: FloatArray
) -> FieldLaw:
    """Law of sum_j amplitudes_j t_j / sqrt(N) + b_i, t_j as in lattice_law, one point per combination."""
    values = np.array([-1.0, 0.0, 1.0])
    branches = np.stack(((activity - term_means) / 2, 1 - activity, (activity + term_means) / 2), axis=-1)
    count = np.prod(np.count_nonzero(branches, axis=-1), dtype=np.float64)
    if count > MAX_POINTS:
        raise ValueError(
            f"the law of this field has {count:.3g} points, above 3^12 (N = {amplitudes.size}); use fewer uncertain "
            "terms, or binary inputs with binary or ternary weights, whose law is a convolution for any N"
        )
    points, law = np.zeros(1), np.ones(1)
    for amplitude, branch in zip(amplitudes, branches, strict=True):
        used = branch > 0
        points = np.add.outer(points, amplitude * values[used]).ravel()
        law = np.multiply.outer(law, branch[used]).ravel()
    return FieldLaw(points / np.sqrt(amplitudes.size) + layer.bias[neuron], law)


def _phi(layer: Layer, field: FloatArray) -> FloatArray:
    phi = np.asarray(layer.mean_given_field(field), dtype=np.float64)
    if phi.shape != field.shape:
        raise ValueError(f"mean_given_field maps shape {field.shape} to {phi.shape}; make it act entry by entry")
    _check_bound("mean_given_field", phi, "E[x|h] of a binary neuron cannot leave it: pass 2 F(h/alpha) - 1")
    return phi


def _input_vector(layer: Layer, inputs: ArrayLike) -> FloatArray:
    values = np.asarray(inputs, dtype=np.float64)
    if values.shape != layer.means.shape[1:]:
        raise ValueError(f"inputs have shape {values.shape}; this layer takes {layer.means.shape[1:]}")
    _check_bound("inputs", values, "give finite numbers", LARGEST)
    return values


def _distribution(p: ArrayLike, n: int | None = None) -> FloatArray:
    law = np.asarray(p, dtype=np.float64)
    width = law.size.bit_length() - 1 if n is None else n
    _check_width("state distribution", width)
    if law.shape != (2**width,):
        raise ValueError(f"p has shape {law.shape}; a distribution over {width} neurons has shape ({2**width},)")
    if not (law >= 0).all() or abs(law.sum() - 1) > DISTRIBUTION_TOLERANCE:
        raise ValueError(f"p has minimum {law.min()} and sum {law.sum()}; give probabilities that sum to 1")
    return law


def _checked_rho(rho: ArrayLike, means: FloatArray) -> FloatArray:
    values = np.array(rho, dtype=np.float64)
    if values.shape not in ((), means.shape):
        raise ValueError(f"Layer.rho has shape {values.shape}; give a number or an array of shape {means.shape}")
    outside = ~((values >= np.abs(means)) & (values <= 1))
    if outside.any():
        value, mean = np.broadcast_to(values, means.shape)[outside][0], means[outside][0]
        raise ValueError(f"Layer.rho holds {value} at mean {mean}; P(S != 0) must lie in [|M|, 1] = [{abs(mean)}, 1]")
    values.setflags(write=False)
    return values


def _check_width(name: str, n: int) -> None:
    if not 1 <= n <= MAX_NEURONS:
        raise ValueError(f"{name}: {n} neurons; states are enumerated for 1 to {MAX_NEURONS}, sample wider networks")


def _check_bound(name: str, values: FloatArray, remedy: str, bound: float = 1.0) -> None:
    outside = ~(np.abs(values) <= bound)  # nan is outside too
    if outside.any():
        raise ValueError(f"{name} holds {values[outside][0]}, outside [{-bound:g}, {bound:g}]; {remedy}")
