"""What linear and convolutional layers share: rule, parameters, norm, and how the means keep their range."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.weak import WeakTensorKeyDictionary

from meanbits.numerics.layers.activation import activate
from meanbits.numerics.layers.batch_norm import BatchStatistics
from meanbits.numerics.layers.chain import Declared, declared_row, number
from meanbits.numerics.layers.dropout import dropped
from meanbits.numerics.layers.field import Field
from meanbits.numerics.layers.latent import Rounded, draw_latent_, rounded
from meanbits.numerics.layers.layer_rule import LayerRule, largest_mean, layer_rule
from meanbits.numerics.layers.norm import over_batch, over_units, scaled
from meanbits.numerics.layers.ranges import consistent, within
from meanbits.numerics.layers.state import State

INPUTS = ("means", "real")
KEPT = ("project", "tanh")
INITIAL_SIGMA_M2 = 0.8
SEEN: MutableMapping[Tensor, int] = WeakTensorKeyDictionary()  # versions of parameters found within their limits
BEYOND_BITS = (
    "{layer}: inputs reach |m| = {{found}}, and means of bits lie in [-1, 1]; scale them into it, norm and drop by "
    "normalise and dropout of the layers, which know variances, or give the layer inputs='real', which takes inputs as "
    "known numbers"
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
    """(Dropout,) weights (, scale, norm) and neurons, of mean and variance where the surrogate has these.

    surrogate, options: a Surrogate, a Layer, or a name and the options of `meanbits.compose`, but for skip. inputs:
    what a bare tensor holds, "means" of bits (m = x in [-1, 1], E x^2 = 1, the default) or "real" numbers (known:
    m = x, E x^2 = x^2). keep: what keeps the means in range, "project" after each step (`project_`), or "tanh",
    M = tanh(theta). mean: (out, ...) means of weights, rounded from `latent` where their law says so; bias: (out,).

    Dropout is averaged over, in training and evaluation alike, where the field is integrated out; else masks are drawn
    in training. Batch norm (no gain, no shift) has running moments as torch.nn.BatchNorm1d has.
    """

    units = -1  # the dimension of the neurons

    def __init__(
        self,
        shape: tuple[int, ...],
        surrogate: Declared,
        inputs: str | None,
        keep: str,
        bias: bool,
        factory: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        if min(shape) < 1:
            raise ValueError(f"layer of shape {shape}: every size must be at least 1")
        row = declared_row(surrogate, options)
        self.rule: LayerRule = layer_rule(row.surrogate)
        self.normalise = row.normalise
        self.dropout, self.scale = number("dropout", row.dropout), number("scale", row.scale)
        self.inputs = inputs or ("real" if row.surrogate.real_input else "means")
        self.keep, self.gain = keep, self.rule.gain
        _one_of("inputs", self.inputs, INPUTS)
        _one_of("keep", keep, KEPT)
        self.mean = nn.Parameter(torch.empty(shape, **factory))
        self.bias = nn.Parameter(torch.empty(shape[0], **factory)) if bias else None
        self.batch = BatchStatistics(shape[0], factory) if row.normalise == "batch" else None
        self._keep_means()

    def _keep_means(self) -> None:
        weights, limit = self.rule.surrogate.weights, self.rule.limit
        self.limit = limit if limit is not None and not weights.is_random else largest_mean(limit, self.mean.dtype)
        if self.keep == "tanh" and (math.isinf(self.limit) or self.is_latent):
            why = "are rounded from latent ones" if self.is_latent else "have no bound on their means"
            raise ValueError(f"keep = tanh: {weights.name} weights {why}; use project")
        self.reset_parameters()
        if self.keep == "tanh":
            parametrize.register_parametrization(self, "mean", BoundedMean(self.limit))
        if self.is_latent:
            rounded(weights, self.mean.detach())  # refuses a law without rounding
            parametrize.register_parametrization(self, "mean", Rounded(weights))

    @property
    def is_latent(self) -> bool:
        """Whether the weights are rounded from latent ones."""
        return bool(self.rule.surrogate.weights.means)

    @property
    def latent(self) -> Tensor:
        """The parameter that an optimiser moves: latent weights, theta of keep = tanh, or the means themselves."""
        held = parametrize.is_parametrized(self, "mean")
        return self.parametrizations.mean.original if held else self.mean  # pyright: ignore

    def reset_parameters(self, sigma_m2: float = INITIAL_SIGMA_M2, sigma_b2: float = 0.0) -> None:
        """Means +-sigma_m of equal odds, or latent weights as trainings draw them; biases N(0, sigma_b2)."""
        scale = min(math.sqrt(sigma_m2) * (self.rule.limit or 1.0), self.limit)
        with torch.no_grad():
            drawn = torch.empty_like(self.latent)
            if self.is_latent:
                draw_latent_(drawn, self.rule.surrogate.weights)
            else:
                drawn = torch.where(torch.rand_like(drawn) < 0.5, scale, -scale).to(drawn)
            self.mean = drawn if parametrize.is_parametrized(self, "mean") else nn.Parameter(drawn)
            if self.bias is not None:
                self.bias.normal_(0, math.sqrt(sigma_b2)) if sigma_b2 else self.bias.zero_()
        if self.batch is not None:
            self.batch.reset()

    @torch.no_grad()
    def project_(self) -> None:
        """Bring the means back into the range that bits have, and latent weights; after each step of an optimiser."""
        if self.keep == "project" and math.isfinite(self.limit):
            held = self.latent.clamp_(-self.limit, self.limit)
            if not held.is_inference():
                SEEN[held] = held._version

    def forward(self, state: Tensor | State, noise: Tensor | None = None) -> Tensor | State:
        """Means of the neurons; with their second moments where the next layer needs those."""
        return self.neurons(self.field(state), noise)

    def field(self, state: Tensor | State) -> Field:
        """Mean and variance of the field that the neurons see, which is what a second-order readout takes."""
        given = self.incoming(state)
        draws = self.training and self.dropout
        uniform = torch.rand(given.mean.shape, device=given.mean.device) if draws else None
        field = scaled(self.dense(dropped(self.rule, given, self.dropout, uniform)), self.scale)
        if self.normalise is None:
            return field
        last = _moved(field, self.units, -1)
        over = over_units(last, self.normalise) if self.batch is None else over_batch(last, self.batch(last))
        return _moved(over, -1, self.units)

    def dense(self, state: State) -> Field:
        """Mean and variance of what the weights make of states."""
        raise NotImplementedError

    def neurons(self, field: Field | Tensor, noise: Tensor | None = None) -> Tensor | State:
        """States of the neurons at a field, a bare tensor being one without variance; the sign of a known 0 is +1."""
        out = activate(self.rule, field if isinstance(field, Field) else Field(field, None), self.gain, noise)
        mean = out.mean.to(self.mean.dtype)
        if not self.rule.passes_second_moments or out.second_moment is None:
            return mean
        return State(mean, out.second_moment.to(mean.dtype))

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
        if self.keep == "tanh" or self.is_latent or math.isinf(self.limit) or rule.field == "sharp":
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
        blocks = {"normalise": self.normalise, "dropout": self.dropout or None,
                  "scale": None if self.scale == 1 else self.scale}  # fmt: skip
        shown = "".join(f", {name}={value!r}" for name, value in blocks.items() if value is not None)
        return (
            f"{self.shape_repr()}, bias={self.bias is not None}, surrogate={surrogate.name!r}, "
            f"treatment={surrogate.treatment.name!r}{shown}, inputs={self.inputs!r}, keep={self.keep!r}"
        )

    def shape_repr(self) -> str:
        """The shape as the twin in torch.nn prints it."""
        raise NotImplementedError


def _moved(field: Field, source: int, target: int) -> Field:
    mean, variance = field
    axes = source % mean.dim(), target % mean.dim()  # to ONNX, which takes no negative ones
    return Field(mean.movedim(*axes), None if variance is None else variance.movedim(*axes))


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{option} = {value!r}: use {' or '.join(known)}")
