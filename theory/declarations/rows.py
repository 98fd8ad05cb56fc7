"""Layers that have a name: chains of blocks that people train. To add one, add its row to `CHAINS`."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.theory.declarations.blocks import Dropout, Normalise, Scale, Skip
from meanbits.theory.declarations.latent_weights import ABSMEAN, MEAN_SIZE
from meanbits.theory.declarations.layer import Layer, layer_of
from meanbits.theory.declarations.named_neurons import neurons_named
from meanbits.theory.declarations.neurons import SIGN, Neurons, bits, quantiser
from meanbits.theory.declarations.straight_through import SLOPES, straight_through
from meanbits.theory.declarations.surrogates import NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED, FIXED_SIGNS, Weights
from meanbits.theory.errors import SurrogateError


@dataclass(frozen=True)
class Row:
    """A surrogate and the blocks beside its neurons and weights, as `declarations.layer.layer_of` takes them."""

    surrogate: Surrogate
    normalise: str | None = None
    behind: bool = False
    dropout: sp.Expr = sp.S.Zero
    scale: sp.Expr = sp.S.One
    skip: tuple[sp.Expr, sp.Expr] | None = None

    @property
    def name(self) -> str:
        """That of the surrogate."""
        return self.surrogate.name

    @property
    def layer(self) -> Layer:
        """The chain.

        Raises:
            SurrogateError: parts that do not fit together.
        """
        return layer_of(**vars(self))


def row_of_layer(layer: Layer) -> Row:
    """The row of a chain of the form that `declarations.layer.layer_of` gives.

    Raises:
        SurrogateError: a chain of another form.
    """
    around = layer.blocks[0] if isinstance(layer.blocks[0], Skip) else None
    inside = layer.blocks if around is None else around.blocks
    norm = next((each for each in inside if isinstance(each, Normalise)), None)
    drop = next((each for each in inside if isinstance(each, Dropout)), None)
    scale = next((each for each in inside if isinstance(each, Scale)), None)
    row = Row(
        Surrogate(layer.name, layer.dense[0].weights, layer.units[0].neurons, layer.treatment, ""),
        normalise=None if norm is None else norm.kind,
        behind=norm is not None and inside[-1] is norm,
        dropout=sp.S.Zero if drop is None else 1 - drop.keep,
        scale=sp.S.One if scale is None else scale.factor,
        skip=None if around is None else (around.carry, around.add),
    )
    if row.layer != layer:
        raise SurrogateError(f"{layer.name}: give (norm,) neurons (, dropout), weights (, scale) (, norm), or a skip "
                             "around these; a chain of another form has a profile, and networks beside it")  # fmt: skip
    return row


def _row(name: str, weights: Weights, neurons: Neurons, reference: str, **blocks: object) -> Row:
    return Row(Surrogate(name, weights, neurons, NONE, reference), **blocks)  # pyright: ignore[reportArgumentType]


def _seen(neurons: Neurons, slope: str) -> Neurons:
    return straight_through(neurons, SLOPES[slope], slope)


WHOLE = (sp.S.One, sp.S.One)
# Scales are E|w| of latent weights N(0, 1), constant as at initialisation; activations of 8 bits count as exact.
CHAINS: tuple[Row, ...] = (
    _row("binaryconnect-ste", FIXED_SIGNS, _seen(SIGN, "clip"),
         "Courbariaux, Bengio, David 2015, arXiv 1511.00363; Hubara et al. 2016, arXiv 1602.02830"),
    _row("xnor", FIXED_SIGNS, _seen(SIGN, "clip"), "Rastegari et al. 2016, arXiv 1603.05279",
         normalise="batch", scale=MEAN_SIZE),
    _row("bi-real", FIXED_SIGNS, _seen(SIGN, "approxsign"), "Liu et al. 2018, arXiv 1808.00278",
         normalise="batch", behind=True, skip=WHOLE),
    _row("bitlinear", ABSMEAN, neurons_named("expr:max(0, h)**2"),
         "Ma et al. 2024, arXiv 2402.17764; squared relu of Ma et al. 2025, arXiv 2504.12285",
         normalise="rms", scale=MEAN_SIZE, skip=WHOLE),
    _row("quantised-k", FIXED, _seen(quantiser(4), "clip"), "Blumenfeld, Gilboa, Soudry 2019, arXiv 1906.00771"),
    _row("dorefa-like", FIXED_SIGNS, _seen(bits(2), "unit"), "Zhou et al. 2016, arXiv 1606.06160",
         normalise="batch", scale=MEAN_SIZE),
)  # fmt: skip
