"""What is checked of a chain of blocks: its emitted maps, as derived or spoiled, and what they are by its blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from meanbits.experiments.verification.plain_moments import PlainMoments
from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.numerics.emission.backends import NUMPY, TORCH
from meanbits.numerics.emission.emit_layer import compile_layer
from meanbits.theory.declarations.blocks import Flow
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.blocks.flow import Expectations
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.stages.layer_theory import LayerTheory, derive_layer

MEANS, BIASES = 0.6, 0.05  # sigma_m2, of chains with a limit as a part of it, and sigma_b2
PLAIN, NUMBERS = PlainMoments(), NeuronMoments()
STATES = ((0.6, 0.3, 0.2, 0.9), (2.5, 0.9, -0.1, 3.5), (1.3, -0.3, 0.1, 1.7))  # q, c, that of a typical pair, T


@dataclass(frozen=True)
class State:
    """Two inputs at correlation c, and a typical pair of the batch; T where the field is integrated out."""

    q: float
    c: float
    typical: float
    T: float


@dataclass(frozen=True, eq=False)
class ChainSubject:
    """A chain at some sigma_m2 and sigma_b2, its formulas and the functions emitted from them."""

    theory: LayerTheory
    numpy: SimpleNamespace
    sigma_m2: float
    sigma_b2: float = BIASES

    @classmethod
    def of(cls, layer: Layer) -> ChainSubject:
        """The subject of a chain as derived."""
        theory = derive_layer(layer)
        return cls(theory, compile_layer(theory, NUMPY), means_for(layer))

    @property
    def torch(self) -> SimpleNamespace:
        """The emitted Torch functions, never spoiled."""
        return _torch(self.theory)

    @property
    def names(self) -> tuple[str, ...]:
        """The maps that are derived."""
        return tuple(name for name in (*self.theory.formulas, *self.theory.gap_formulas) if hasattr(self.numpy, name))

    def arguments(self, name: str, state: State) -> tuple[float, ...]:
        """What an emitted map takes at a state, in order."""
        layer, T = self.theory.layer, state.T
        if name == "total_map":
            first: tuple[float, ...] = (T if layer.is_relative else state.q,)
        elif name in ("gap_map", "chi_at_gap"):
            first = (1 - state.c, state.q)
        else:
            first = (state.q,) if name in ("variance_map", "gradient_growth") else (state.c, state.q)
        total = (T,) if layer.is_relative and name != "total_map" else ()
        return (*first, self.sigma_m2, self.sigma_b2, *total, *((state.typical,) if layer.has_batch_norm else ()))

    def emitted(self, name: str, state: State) -> float:
        """An emitted map at a state."""
        return float(getattr(self.numpy, name)(*self.arguments(name, state)))

    @property
    def expected(self) -> tuple[tuple[State, dict[str, float]], ...]:
        """The maps at a few states, block by block, by plain quadrature of the neurons as declared."""
        return _by_blocks(self.theory.layer, self.sigma_m2, self.sigma_b2, PLAIN)

    @property
    def numbers(self) -> tuple[tuple[State, dict[str, float]], ...]:
        """The same of the blocks as numbers, which profiles, fixed points and phases are made of."""
        return _by_blocks(self.theory.layer, self.sigma_m2, self.sigma_b2, NUMBERS)


@lru_cache(maxsize=16)
def _torch(theory: LayerTheory) -> SimpleNamespace:
    return compile_layer(theory, TORCH)


@lru_cache(maxsize=16)
def _by_blocks(
    layer: Layer, means: float, biases: float, of: Expectations
) -> tuple[tuple[State, dict[str, float]], ...]:
    numbers = layer.at(means, biases)
    return tuple((state, by_blocks(numbers, of, state)) for state in (State(*each) for each in STATES))


def by_blocks(numbers: Layer, of: Expectations, state: State) -> dict[str, float]:
    """The maps of a chain with numbers in it at a state, block by block, from expectations of its neurons."""
    blocks = numbers.blocks
    T = np.float64(state.T if numbers.is_relative else state.q)
    own = T * state.q / (1 + state.q) if numbers.is_relative else T  # what two runs of an input have in common
    pair, alike = (Flow(T, T - shared, T - state.typical * own) for shared in (state.c * own, own))
    after, same = forward(blocks, pair, of), forward(blocks, alike, of)
    norm = after.total - same.fall if numbers.is_relative else after.total
    two, one = backward(blocks, pair, of), backward(blocks, alike, of)
    chi = float(slope(blocks, pair, of) * own / norm)
    return {
        "total_map": float(after.total),
        "variance_map": float(norm / same.fall if numbers.is_relative else norm),
        "correlation_map": float((after.total - after.fall) / norm),
        "gap_map": float((after.fall - (same.fall if numbers.is_relative else 0)) / norm),
        "chi": chi,
        "chi_at_gap": chi,
        "gradient_growth": float(one.overlap if numbers.is_relative else two.square),
        "gradient_overlap": float(two.overlap),
    }  # fmt: skip


def means_for(layer: Layer) -> float:
    """A sigma_m2 that the weights of a chain allow."""
    dense = layer.dense[0].weights
    if not layer.open_weights:
        return 1.0 if dense.mean_square is None else float(dense.mean_square)
    limits = [float(each.mean_limit) ** 2 for each in layer.open_weights if each.mean_limit is not None]
    return MEANS * min(limits) if limits else 1.0


def spoiled(subject: ChainSubject, relative: float) -> ChainSubject:
    """The subject with every emitted NumPy map wrong by a relative amount, which varies with its first argument."""

    def wrong(function: Callable[..., float]) -> Callable[..., float]:
        return lambda first, *rest: function(first, *rest) * (1 + relative * (2 + first))

    functions = {name: wrong(getattr(subject.numpy, name)) for name in subject.names}
    return replace(subject, numpy=SimpleNamespace(**functions))
