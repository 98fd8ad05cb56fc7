"""The theory of a chain of blocks as formulas, block by block: its maps forward, and what it does to gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import sympy as sp

from meanbits.theory.declarations.blocks import Flow, Skip
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.blocks.flow import Block
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.printed import as_latex, as_text
from meanbits.theory.stages.layer_forward import forward_steps
from meanbits.theory.stages.layer_gap import layer_gap
from meanbits.theory.stages.neuron_moments import SymbolicMoments
from meanbits.theory.symbols import T, c, q, typical
from meanbits.theory.trace import Assumption, Step

OF = SymbolicMoments()


@dataclass(frozen=True, eq=False)
class LayerTheory:
    """Maps of a chain in q and c, as `stages.correlation.Maps` has them, sigma_m2 and sigma_b2.

    typical: correlation of a typical pair of the batch, where batch norm takes that away. T beside q where the field is
    integrated out. gradient_growth: chi_g, the factor of squared gradients; gradient_overlap: that of the overlap of
    two inputs' gradients; both None where gradients see no slope.
    """

    layer: Layer
    total_map: sp.Expr
    variance_map: sp.Expr
    correlation_map: sp.Expr
    chi: sp.Expr
    gradient_growth: sp.Expr | None
    gradient_overlap: sp.Expr | None

    def __repr__(self) -> str:
        return as_text(f"Theory of {self.layer.name}: {', '.join(self.layer.block_names)}", self._named("chi", "chi_g"))

    def _repr_latex_(self) -> str:
        return as_latex(self._named(r"\chi", r"\chi_g"))

    def _named(self, slope: str, growth: str) -> dict[str, sp.Expr]:
        maps = {"T'": self.total_map, "q'": self.variance_map, "c'": self.correlation_map, slope: self.chi}
        return maps if self.gradient_growth is None else maps | {growth: self.gradient_growth}

    @cached_property
    def trace(self) -> tuple[Step, ...]:
        """What each block does to a total T, an overlap c T and, for batch norm, that of a typical pair."""
        shown = (T, c * T, typical * T) if self.layer.has_batch_norm else (T, c * T)
        return tuple(_steps(self.layer.blocks, shown))

    @cached_property
    def forward(self) -> tuple[Step, ...]:
        """What each block does to mean and variance of a field, or mean and second moment of a state."""
        return forward_steps(self.layer)

    @cached_property
    def gap_formulas(self) -> dict[str, sp.Expr]:
        """1 - c' and chi by name in terms of the gap 1 - c, free of cancellation; none where a block keeps no gap."""
        try:
            return dict(zip(("gap_map", "chi_at_gap"), layer_gap(self.layer, _norm(self.layer)), strict=True))
        except TypeError:
            return {}

    @property
    def formulas(self) -> dict[str, sp.Expr]:
        """The maps by name."""
        names = ("total_map", "variance_map", "correlation_map", "chi", "gradient_growth", "gradient_overlap")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@lru_cache(maxsize=64)
def derive_layer(layer: Layer) -> LayerTheory:
    """Derive the theory of a chain from the maps of its blocks.

    >>> from meanbits.theory.declarations.compose_layer import compose
    >>> derive_layer(compose("xnor")).gradient_growth
    2*erf(sqrt(2)/2)/(pi*q*(1 - typical))
    """
    total = T if layer.is_relative else q
    quenched = T * q / (1 + q) if layer.is_relative else q
    pair, alike = (_flow(total, quenched, overlap) for overlap in (c * quenched, quenched))
    after, same = forward(layer.blocks, pair, OF), forward(layer.blocks, alike, OF)
    norm = _overlap(same) if layer.is_relative else after.total
    variance = norm / (same.total - norm) if layer.is_relative else after.total
    steep = slope(layer.blocks, pair, OF) * quenched / norm
    growth, overlap = _gradients(layer, pair, alike)
    total_map = tidy_rational(after.total.subs(q, T) if not layer.is_relative else after.total)
    return LayerTheory(layer, total_map, tidy_rational(variance), tidy_rational(_overlap(after) / norm),
                       tidy_rational(steep), growth, overlap)  # fmt: skip


def _norm(layer: Layer) -> sp.Expr:
    """What c' is relative to."""
    total = T if layer.is_relative else q
    quenched = T * q / (1 + q) if layer.is_relative else q
    same = forward(layer.blocks, _flow(total, quenched, quenched), OF)
    return _overlap(same) if layer.is_relative else same.total


def _flow(total: sp.Expr, quenched: sp.Expr, overlap: sp.Expr) -> Flow:
    return Flow(total, total - overlap, total - typical * quenched)


def _overlap(flow: Flow) -> sp.Expr:
    return sp.expand(flow.total - flow.fall)


def _gradients(layer: Layer, pair: Flow, alike: Flow) -> tuple[sp.Expr | None, sp.Expr | None]:
    """The factors of squared gradients and of the overlap of two; averaged over the noise of an integrated field."""
    if not layer.passes_gradient:
        return None, None
    two, one = backward(layer.blocks, pair, OF), backward(layer.blocks, alike, OF)
    return tidy_rational(one.overlap if layer.is_relative else two.square), tidy_rational(two.overlap)


def _steps(blocks: tuple[Block, ...], before: tuple[sp.Expr, ...]) -> Iterator[Step]:
    """What each block does to the total and the overlaps, those inside a skip first."""
    flow = Flow(T, T - c * T, T - typical * T)
    for block in blocks:
        if isinstance(block, Skip):
            yield from _steps(block.blocks, before)
        after = block.forward(flow, OF)
        values = (after.total, after.total - after.fall, after.total - after.typical)[: len(before)]
        tidied = sp.Tuple(*(tidy_rational(sp.expand(each)) for each in values))
        yield Step(block.name, getattr(block, "assumes", Assumption.DECLARED), sp.Tuple(*before), tidied)
