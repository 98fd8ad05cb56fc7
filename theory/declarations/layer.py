"""A layer as a chain of blocks, from fields to fields, and what is done with its randomness."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import sympy as sp

from meanbits.theory.declarations.blocks import (
    Block,
    Convolution,
    Dense,
    Dropout,
    Neuron,
    Normalise,
    Scale,
    Skip,
    Value,
)
from meanbits.theory.declarations.blocks.chain import has_field
from meanbits.theory.declarations.given import require
from meanbits.theory.declarations.surrogates import Surrogate, Treatment
from meanbits.theory.declarations.weights import Weights
from meanbits.theory.errors import SurrogateError
from meanbits.theory.symbols import sigma_b2, sigma_m2


@dataclass(frozen=True, repr=False)
class Layer:
    """Blocks in turn, from the field of one layer to that of the next; a network repeats them.

    first: blocks from inputs to the first field, where these are not the fields themselves, as weights of their own.
    last: blocks from the last field to outputs, where these are not that field.

    Raises:
        SurrogateError: no weights or no neurons, a norm of what a norm has normalised, or a slope that none would see.
    """

    name: str
    blocks: tuple[Block, ...]
    treatment: Treatment
    first: tuple[Block, ...] = ()
    last: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        inside = tuple(flattened(self.blocks))
        if self.first and not any(isinstance(each, Dense) for each in flattened(self.first)):
            raise SurrogateError(
                f"{self.name}: a first layer without weights; add a dense block, from inputs to fields"
            )
        if not any(isinstance(each, Dense) for each in inside):
            raise SurrogateError(f"{self.name}: a chain without weights; add a dense block")
        if not any(isinstance(each, Neuron) for each in inside):
            raise SurrogateError(f"{self.name}: a chain without neurons; add a neuron block")
        if self.treatment.field == "integrated" and any(each.neurons.backward is not None for each in self.units):
            raise SurrogateError(f"{self.name}: treatment {self.treatment.name} integrates the field out, so that a "
                                 "backward slope would be ignored; use treatment none, sample or network")  # fmt: skip
        self._check_fields()
        for first, second in itertools.chain(*map(itertools.pairwise, map(tuple, map(flattened, self.parts)))):
            if isinstance(first, Normalise) and isinstance(second, Normalise):
                raise SurrogateError(f"{self.name}: {second.name} behind {first.name} has no field to act on; drop one")

    def _check_fields(self) -> None:
        entering = not self.first or has_field(self.first, False)
        if not entering or not has_field(self.blocks, True):
            raise SurrogateError(f"{self.name}: behind its last weights stand neurons or noise, and a layer goes from "
                                 "field to field; put the dense block behind them (a block of your own that leaves "
                                 "fields Gaussian says gives_field = None)")  # fmt: skip
        has_field(self.last, True)

    def __repr__(self) -> str:
        return f"Layer({self.name!r}: {', '.join(self.block_names)}; treatment {self.treatment.name})"

    @property
    def is_relative(self) -> bool:
        """Whether the field is integrated out, so that q is Q/D and gradients run through what noise leaves alike."""
        return (self.treatment.field, self.treatment.propagates) == ("integrated", "mean")

    @property
    def passes_gradient(self) -> bool:
        """Whether gradients see a slope of the neurons, or of their average over the field."""
        seen = all(each.neurons.backward is not None or not each.neurons.jumps for each in self.units)
        return self.is_relative or (seen and self.treatment.field != "integrated")

    @property
    def parts(self) -> tuple[tuple[Block, ...], ...]:
        """Its chains: the first layer, what is repeated, the last."""
        return self.first, self.blocks, self.last

    def chains(self, depth: int) -> list[tuple[Block, ...]]:
        """Those of a network that repeats it so often, in turn."""
        return [each for each in (self.first, *[self.blocks] * depth, self.last) if each]

    @property
    def units(self) -> tuple[Neuron, ...]:
        """Its blocks of neurons, those inside skips too."""
        return tuple(each for each in self._all if isinstance(each, Neuron))

    @property
    def dense(self) -> tuple[Dense, ...]:
        """Its blocks of weights, those inside skips too."""
        return tuple(each for each in self._all if isinstance(each, Dense))

    @property
    def _all(self) -> tuple[Block, ...]:
        return tuple(flattened((*self.first, *self.blocks, *self.last)))

    @property
    def block_names(self) -> list[str]:
        """Its blocks in turn, as people read them."""
        return [block.name for block in self.blocks]

    @property
    def open_weights(self) -> tuple[Weights, ...]:
        """The laws of weights whose means have the variance sigma_m2, to be chosen."""
        return tuple(dict.fromkeys(each.weights for each in self.dense if sp.sympify(each.means).has(sigma_m2)))

    @property
    def has_batch_norm(self) -> bool:
        """Whether it depends on what a typical pair of the batch has in common."""
        return any(isinstance(each, Normalise) and each.kind == "batch" for each in self._all)

    @property
    def keeps_alike(self) -> bool:
        """Whether two equal inputs stay equal: nothing is drawn for each pass."""
        drawn = any(isinstance(each, Dropout) for each in self._all)
        return self.is_relative or (self.treatment.field == "sharp" and not drawn)

    def at(self, means: Value, biases: Value) -> Layer:
        """The layer with numbers, or arrays of them, in place of sigma_m2 and sigma_b2.

        Raises:
            SurrogateError: an open symbol that is left.
        """
        values = {sigma_m2: means, sigma_b2: biases}
        return self.converted(lambda part: _number(part, values))

    def converted(self, value: Callable[[sp.Expr], Value]) -> Layer:
        """The layer with what `value` makes of each expression of its blocks; neurons and weights stay as they are."""
        first, blocks, last = (_converted(each, value) for each in self.parts)
        return replace(self, first=first, blocks=blocks, last=last)


def layer_of(
    surrogate: Surrogate,
    *,
    normalise: str | None = None,
    behind: bool = False,
    dropout: sp.Expr = sp.S.Zero,
    scale: sp.Expr = sp.S.One,
    skip: tuple[sp.Expr, sp.Expr] | None = None,
) -> Layer:
    """A surrogate's layer from field to field: (norm,) neurons (, dropout), weights (, scale), and a skip around them.

    behind: whether the norm is of what the weights give, scaled, instead. skip: (a, b), for h -> a h + b F(h).

    Raises:
        SurrogateError: a surrogate without layers, or whose form approximates them; parts that do not fit together.

    >>> from meanbits.theory.declarations.compose import compose
    >>> [block.name for block in layer_of(compose("random-binary"), normalise="batch").blocks]
    ['batch norm', 'sign neurons', 'dense (fixed signs weights)']
    """
    require("layer", surrogate, Surrogate)
    if surrogate.real_input:
        raise SurrogateError(f"{surrogate.name} is a single layer on real inputs, and no chain of layers")
    if surrogate.form.name != "exact":
        raise SurrogateError(f"{surrogate.name}: form {surrogate.form.name} approximates one layer as a whole, and "
                             "chains are derived block by block; use form exact")  # fmt: skip
    weights, treatment = surrogate.weights, surrogate.treatment
    drawn = treatment.propagates == "sample" and weights.is_random
    dense = Dense(weights, weights.variance_of_means, weights.average_second, sigma_b2, drawn)
    norm = () if normalise is None else (Normalise(normalise),)
    blocks: tuple[Block, ...] = (
        *(() if behind else norm),
        Neuron(surrogate.neurons),
        *(() if dropout == 0 else (Dropout(1 - dropout),)),
        dense,
        *(() if scale == 1 else (Scale(scale),)),
        *(norm if behind else ()),
    )
    return Layer(surrogate.name, blocks if skip is None else (Skip(*skip, blocks),), treatment)


def convolved(layer: Surrogate | Layer, window: tuple[int, ...]) -> Layer:
    """A chain with convolutions of this window in place of its dense blocks.

    >>> from meanbits.theory.declarations.compose import compose
    >>> convolved(compose("random-binary"), (3, 3)).block_names
    ['sign neurons', 'convolution 3x3 (fixed signs weights)']
    """

    def placed(block: Block) -> Block:
        if isinstance(block, Skip):
            return replace(block, blocks=tuple(map(placed, block.blocks)))
        return Convolution(**vars(block), window=window) if type(block) is Dense else block

    found = as_layer(layer)
    return replace(found, blocks=tuple(map(placed, found.blocks)))


def as_layer(subject: Surrogate | Layer) -> Layer:
    """A chain as it is, and a surrogate's layer."""
    return subject if isinstance(subject, Layer) else layer_of(subject)


def flattened(blocks: tuple[Block, ...]) -> Any:
    for block in blocks:
        yield from flattened(block.blocks) if isinstance(block, Skip) else (block,)


def _converted(part: Any, value: Callable[[sp.Expr], Value]) -> Any:
    if isinstance(part, tuple):
        return tuple(_converted(each, value) for each in part)
    if isinstance(part, sp.Expr):
        return value(part)
    if is_dataclass(part) and type(part).__module__.startswith("meanbits.theory.declarations.blocks"):
        inside = {each.name: _converted(getattr(part, each.name), value) for each in fields(part)}
        return replace(part, **inside)  # type: ignore[type-var]
    return part


def _number(part: sp.Expr, values: dict[sp.Symbol, Value]) -> Value:
    """An expression as a number, or as an array where a symbol is one."""
    if part.free_symbols - set(values):
        raise SurrogateError(f"{part} is open; give its symbols values")
    taken = {symbol: value for symbol, value in values.items() if part.has(symbol)}
    if any(getattr(value, "shape", ()) for value in taken.values()):
        return sp.lambdify(list(taken), part, "numpy")(*taken.values())
    return float(part.subs(taken))
