"""Layers of surrogates as Torch modules: parameters are the means of weights, outputs those of neurons.

>>> layer = BinaryLinear(784, 300, treatment="marginalise")
>>> layer(torch.zeros(64, 784)).shape
torch.Size([64, 300])
>>> layer.field(torch.zeros(64, 784)).variance.shape
torch.Size([64, 300])
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.weak import WeakTensorKeyDictionary

from meanbits.numerics.layers.activation import activate, layer_field
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.layer_rule import LayerRule, largest_mean, layer_rule
from meanbits.numerics.layers.mean_draws import drawn_values
from meanbits.numerics.layers.ranges import consistent, within
from meanbits.numerics.layers.state import State
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import Surrogate

INPUTS = ("means", "real")
KEPT = ("project", "tanh")
INITIAL_SIGMA_M2 = 0.8
SEEN: MutableMapping[Tensor, int] = WeakTensorKeyDictionary()  # versions of parameters found within their limits
BEYOND_BITS = (
    "{layer}: inputs reach |m| = {{found}}, and means of bits lie in [-1, 1]; scale them into it, or give the layer "
    "inputs='real', which takes them as the known numbers they are"
)
BEYOND_NUMBERS = "{layer}: inputs reach |x| = {{found}}, whose squares leave {dtype}; scale them"
BEYOND_WEIGHTS = (
    "{layer}: means of weights reach |M| = {{found}}, and those of {weights} weights end at {limit:g}; call "
    "project_ after each step of the optimiser, or give the layer keep='tanh'"
)


class BoundedMean(nn.Module):
    """M = limit tanh(theta): means that no step takes out of their range."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, theta: Tensor) -> Tensor:
        """M of theta."""
        return self.limit * torch.tanh(theta)

    def right_inverse(self, mean: Tensor) -> Tensor:
        """theta of M, finite for every |M| a layer may hold."""
        return torch.atanh(torch.clamp(mean / self.limit, -self.limit, self.limit))


class SurrogateLayer(nn.Module):
    """What linear and convolutional layers share: the rule, the parameters, and how the means keep their range.

    surrogate, options: a Surrogate, or a name and the options of `meanbits.compose`. inputs: what a bare tensor holds,
    "means" of bits (m = x in [-1, 1], E x^2 = 1, the default) or "real" numbers (known: m = x, E x^2 = x^2). keep: what
    keeps the means in range, "project" after each step (`project_`), or "tanh", M = tanh(theta). mean: (out, ...) means
    of weights; bias: (out,).
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        surrogate: Surrogate | str | None,
        inputs: str | None,
        keep: str,
        bias: bool,
        factory: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        if min(shape) < 1:
            raise ValueError(f"layer of shape {shape}: every size must be at least 1")
        if isinstance(surrogate, Surrogate) and options:
            raise TypeError(f"{', '.join(options)} beside a Surrogate, whose parts are settled: give a catalogue name")
        found = surrogate if isinstance(surrogate, Surrogate) else compose(surrogate, **options)
        self.rule: LayerRule = layer_rule(found)
        self.inputs = inputs or ("real" if found.real_input else "means")
        self.keep, self.gain = keep, self.rule.gain
        _one_of("inputs", self.inputs, INPUTS)
        _one_of("keep", keep, KEPT)
        self.mean = nn.Parameter(torch.empty(shape, **factory))
        self.bias = nn.Parameter(torch.empty(shape[0], **factory)) if bias else None
        random, limit = self.rule.surrogate.weights.is_random, self.rule.limit
        self.limit = limit if limit is not None and not random else largest_mean(limit, self.mean.dtype)
        if keep == "tanh" and math.isinf(self.limit):
            raise ValueError(f"keep = tanh: {found.weights.name} weights have no bound on their means; use project")
        self.reset_parameters()
        if keep == "tanh":
            parametrize.register_parametrization(self, "mean", BoundedMean(self.limit))

    def reset_parameters(self, sigma_m2: float = INITIAL_SIGMA_M2, sigma_b2: float = 0.0) -> None:
        """Means +-sigma_m of equal odds, or what the law of the weights leaves to them; biases N(0, sigma_b2)."""
        settled = self.rule.surrogate.weights.mean_square
        scale = math.sqrt(sigma_m2 if settled is None else float(settled)) * (self.rule.limit or 1.0)
        scale = min(scale, self.limit)
        drawn = torch.where(torch.rand_like(self.mean) < 0.5, scale, -scale)
        if len(self.rule.surrogate.weights.means) > 2:
            drawn = drawn_values(self.rule.surrogate.weights.means, self.mean.shape)
        with torch.no_grad():
            self.mean = self._as_mean(drawn.to(self.mean))
            if self.bias is not None:
                self.bias.normal_(0, math.sqrt(sigma_b2)) if sigma_b2 else self.bias.zero_()

    def _as_mean(self, mean: Tensor) -> Any:
        return mean if parametrize.is_parametrized(self, "mean") else nn.Parameter(mean)

    @torch.no_grad()
    def project_(self) -> None:
        """Bring the means back into the range that bits have; to be called after each step of an optimiser."""
        if self.keep == "project" and math.isfinite(self.limit):
            self.mean.clamp_(-self.limit, self.limit)
            if not self.mean.is_inference():
                SEEN[self.mean] = self.mean._version

    def forward(self, state: Tensor | State, noise: Tensor | None = None) -> Tensor | State:
        """Means of the neurons; with their second moments where the next layer needs those."""
        out = activate(self.rule, self.field(state), self.gain, noise)
        mean = out.mean.to(self.mean.dtype)
        if not self.rule.passes_second_moments or out.second_moment is None:
            return mean
        return State(mean, out.second_moment.to(mean.dtype))

    def field(self, state: Tensor | State) -> Field:
        """Mean and variance of the field: what a second-order readout takes."""
        raise NotImplementedError

    def incoming(self, state: Tensor | State) -> State:
        """A State, or a bare tensor as this layer reads it.

        Raises:
            ValueError: means of bits outside [-1, 1], real numbers whose squares overflow, E x^2 below its least.
        """
        given = state if isinstance(state, State) else State(state)
        if self.rule.field == "sharp":
            return given
        if given.second_moment is not None:
            return consistent(given)
        if self.inputs == "real" and not isinstance(state, State):
            most = math.sqrt(torch.finfo(self.mean.dtype).max / self.mean[0].numel())
            refusal = BEYOND_NUMBERS.format(layer=type(self).__name__, dtype=self.mean.dtype)
            x = within(given.mean, most, refusal)
            return State(x, x * x)
        return State(within(given.mean, 1.0, BEYOND_BITS.format(layer=type(self).__name__)))

    def weights(self) -> Tensor:
        """The means of the weights, looked at when they have changed.

        Raises:
            ValueError: means that no law of the weights has.
        """
        mean, rule = self.mean, self.rule
        if self.keep == "tanh" or math.isinf(self.limit) or rule.field == "sharp":
            return mean
        tracked = not torch.compiler.is_compiling() and isinstance(mean, nn.Parameter) and not mean.is_inference()
        if tracked and SEEN.get(mean) == mean._version:
            return mean
        refusal = BEYOND_WEIGHTS.format(
            layer=type(self).__name__, weights=rule.surrogate.weights.name, limit=rule.limit
        )
        checked = within(mean, self.limit, refusal)
        if tracked and checked is mean:
            SEEN[mean] = mean._version
        return checked

    def extra_repr(self) -> str:
        """Shape, surrogate and options."""
        surrogate = self.rule.surrogate
        return (
            f"{self.shape_repr()}, bias={self.bias is not None}, surrogate={surrogate.name!r}, "
            f"treatment={surrogate.treatment.name!r}, inputs={self.inputs!r}, keep={self.keep!r}"
        )

    def shape_repr(self) -> str:
        """The shape as the twin in torch.nn prints it."""
        raise NotImplementedError


class BinaryLinear(SurrogateLayer):
    """A fully connected layer: h = S x / sqrt(in_features) + b, S of means `mean` (out, in), b = `bias` (out,).

    It takes and gives tensors (..., features) of means, or a State where second moments matter. Options as in
    `meanbits.compose`; the others as in `SurrogateLayer`.

    >>> layer = BinaryLinear(3, 2, phi="tanh", gain=1.2, dtype=torch.float64)
    >>> hbar, Sigma = layer.field(torch.ones(1, 3, dtype=torch.float64))
    >>> torch.equal(layer(torch.ones(1, 3, dtype=torch.float64)), torch.tanh(1.2 * hbar / torch.sqrt(Sigma)))
    True
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        surrogate: Surrogate | str | None = None,
        *,
        inputs: str | None = None,
        keep: str = "project",
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        factory = {"device": device, "dtype": dtype}
        super().__init__((out_features, in_features), surrogate, inputs, keep, bias, factory, options)
        self.in_features, self.out_features = in_features, out_features

    def field(self, state: Tensor | State) -> Field:
        """Mean and variance of the field, each (..., out)."""
        if state.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"inputs of shape {tuple(state.shape)}: in_features is {self.in_features}, the last of them"
            )
        given, mean = self.incoming(state), self.weights()
        bias = mean.new_zeros(self.out_features) if self.bias is None else self.bias
        second = None if given.second_moment is None else given.second_moment.reshape(-1, self.in_features)
        rows = State(given.mean.reshape(-1, self.in_features), second)
        shape = (*given.mean.shape[:-1], self.out_features)
        hbar, variance = layer_field(self.rule, rows, mean, bias)
        return Field(hbar.reshape(shape), None if variance is None else variance.reshape(shape))

    def shape_repr(self) -> str:
        """As torch.nn.Linear."""
        return f"in_features={self.in_features}, out_features={self.out_features}"


def project_(module: nn.Module) -> None:
    """Bring the means of all layers of a module back into range; to be called after each step of an optimiser."""
    for layer in module.modules():
        if isinstance(layer, SurrogateLayer):
            layer.project_()


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{option} = {value!r}: use {' or '.join(known)}")
