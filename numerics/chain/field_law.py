"""The law of one neuron's field in the stochastic binary network, exactly.

A layer maps states x in {-1, +1}^N_in to states in {-1, +1}^N_out,

    h_i = sum_j S_ij x_j / sqrt(N_in) + b_i,    P(x'|x) = prod_i P(x'_i|x),    E[x'_i|x] = E_S phi(h_i),

with independent weights S_ij (theory sheet, section 1). Given x the field is a sum of independent terms on a lattice,
so its law is an exact convolution, for any N_in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
WeightKind = Literal["binary", "ternary", "fixed"]

MAX_POINTS = 3**12
LARGEST = float(np.finfo(np.float64).max)


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
            check_bound(f"Layer.{name}", value, "give finite numbers", LARGEST)
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if means.ndim != 2 or means.size == 0 or bias.shape != means.shape[:1]:
            raise ValueError(f"Layer.means {means.shape} and bias {bias.shape}: give shapes (N_out, N_in) and (N_out,)")
        if self.weights not in ("binary", "ternary", "fixed"):
            raise ValueError(f"Layer.weights is {self.weights!r}; choose 'binary', 'ternary' or 'fixed'")
        if self.weights != "fixed":
            check_bound("Layer.means", means, "scale them down, or use weights='fixed'")
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

    def neuron_mean(self, field: FloatArray) -> FloatArray:
        """phi(h), checked: of the field's shape and in [-1, 1]. Raises ValueError otherwise."""
        phi = np.asarray(self.mean_given_field(field), dtype=np.float64)
        if phi.shape != field.shape:
            raise ValueError(f"mean_given_field maps shape {field.shape} to {phi.shape}; make it act entry by entry")
        check_bound("mean_given_field", phi, "E[x|h] of a binary neuron cannot leave it: pass 2 F(h/alpha) - 1")
        return phi


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


def lattice(n: int) -> FloatArray:
    """Values k / sqrt(n), k = -n, ..., n, that the sum of n lattice terms takes in the field, (2 n + 1,)."""
    return np.arange(-n, n + 1, dtype=np.float64) / np.sqrt(n)


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
    check_bound("input_means", means, "rescale the inputs, or use real_field_law for real inputs")
    if layer.weights == "fixed":
        return _enumerated_law(layer, neuron, layer.means[neuron], means, np.ones_like(means))
    law = lattice_law(layer.means[neuron] * means, layer.second_moments[neuron])
    reached = law > 0
    return FieldLaw(lattice(means.size)[reached] + layer.bias[neuron], law[reached])


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
    return field_law(layer, neuron, input_means).expect(layer.neuron_mean)


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


def _input_vector(layer: Layer, inputs: ArrayLike) -> FloatArray:
    values = np.asarray(inputs, dtype=np.float64)
    if values.shape != layer.means.shape[1:]:
        raise ValueError(f"inputs have shape {values.shape}; this layer takes {layer.means.shape[1:]}")
    check_bound("inputs", values, "give finite numbers", LARGEST)
    return values


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


def check_bound(name: str, values: FloatArray, remedy: str, bound: float = 1.0) -> None:
    """Raise ValueError, with the remedy, unless all values lie in [-bound, bound]."""
    outside = ~(np.abs(values) <= bound)  # nan is outside too
    if outside.any():
        raise ValueError(f"{name} holds {values[outside][0]}, outside [{-bound:g}, {bound:g}]; {remedy}")
