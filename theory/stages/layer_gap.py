"""The maps of a chain of blocks in the gap 1 - c, free of cancellation: what two inputs differ by, carried as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from meanbits.theory.declarations.blocks import Factors, Flow
from meanbits.theory.declarations.blocks.chain import forward, slope
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.neuron_moments import SymbolicMoments
from meanbits.theory.stages.overlap import Overlap, overlap_difference, slope_at
from meanbits.theory.symbols import T, gap, h, q, typical, u


@dataclass(frozen=True)
class Split:
    """What two inputs fall short of the total by, as a sum: two runs of one input fall short by `alike`, they by
    `apart` more. Blocks add and multiply it as one number; neurons take its parts.
    """

    alike: Any
    apart: Any

    def __add__(self, other: Any) -> Split:
        if isinstance(other, Split):
            return Split(self.alike + other.alike, self.apart + other.apart)
        return Split(self.alike + other, self.apart)

    def __mul__(self, factor: Any) -> Split:
        return Split(self.alike * factor, self.apart * factor)

    def __truediv__(self, norm: Any) -> Split:
        return Split(self.alike / norm, self.apart / norm)

    __radd__, __rmul__ = __add__, __mul__


class GapMoments(SymbolicMoments):
    """`declarations.blocks.Expectations` of expressions, whose `fall` is a sum of positive terms."""

    def fall(self, neurons: Neurons, total: sp.Expr, fall: Any) -> Any:
        found, varies = _overlap(neurons, total), _fluctuation(neurons, total)
        if not isinstance(fall, Split):
            return varies + overlap_difference(found, sp.S.Zero, _part(fall, total))
        alike, apart = (_part(each, total) for each in (fall.alike, fall.apart))
        return Split(varies + overlap_difference(found, sp.S.Zero, alike), overlap_difference(found, alike, apart))

    def slope(self, neurons: Neurons, total: sp.Expr, fall: Any) -> sp.Expr:
        whole = fall.alike + fall.apart if isinstance(fall, Split) else fall
        return slope_at(_overlap(neurons, total), gap).subs(gap, _part(whole, total)) / total

    def gradients(self, neurons: Neurons, total: sp.Expr, fall: Any) -> Factors:
        """Not asked for: gradients are maps in c."""
        raise NotImplementedError("gradients in the gap")


def layer_gap(layer: Layer, norm: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """1 - c' and chi = dc'/dc in terms of the gap 1 - c in [0, 2], q > 0 and `typical`, T beside q where the field is
    integrated out.

    norm: what c' is relative to, E h_a'^2 of the fields that two runs of an input have in common.

    Raises:
        TypeError: a block that does more to what inputs differ by than to add and multiply, where fields are
            integrated out.

    >>> from meanbits.theory.declarations.compose_layer import compose
    >>> layer_gap(compose("xnor", scale=1), sp.Integer(1))[0].subs({gap: 2, typical: 0})
    2
    """
    of, total = GapMoments(), T if layer.is_relative else q
    quenched = T * q / (1 + q) if layer.is_relative else q
    common = T * (1 + q * (1 - typical)) / (1 + q) if layer.is_relative else q * (1 - typical)
    fall = Split(T / (1 + q), gap * quenched) if layer.is_relative else gap * quenched
    flow = Flow(total, fall, common)
    after, steep = forward(layer.blocks, flow, of), slope(layer.blocks, flow, of)
    apart = after.fall.apart if layer.is_relative else after.fall
    return apart / norm, steep * tidy_rational(quenched / norm)


def _overlap(neurons: Neurons, total: sp.Expr) -> Overlap:
    return Overlap(neurons.mean.subs(h, u), total, sp.S.One)


def _fluctuation(neurons: Neurons, total: sp.Expr) -> sp.Expr:
    """E Var(x | h)."""
    varies = neurons.fluctuation if neurons.is_random else sp.S.Zero
    return evaluate_all(expectation(varies.subs(h, u), 0, total)) if varies != 0 else sp.S.Zero


def _part(fall: sp.Expr, total: sp.Expr) -> sp.Expr:
    return tidy_rational(fall / total)
