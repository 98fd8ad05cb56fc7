"""Batch, RMS and layer norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meanbits.theory.declarations.blocks.flow import Expectations, Factors, Flow, FourthMoments, Value
from meanbits.theory.errors import SurrogateError
from meanbits.theory.trace import Assumption

KINDS = ("batch", "rms", "layer")


@dataclass(frozen=True)
class Normalise:
    """A norm to a root mean square of 1: of a unit over a large batch, its mean removed, or over the units of a layer.

    Units of a convolution are its channels: batch norm is over all positions too, the others are at each position.

    Weights of mean 0 leave the units of a wide layer no mean of their own, so layer norm is RMS norm there; of states,
    which have one, only RMS norm is derived. That a
    batch is large, and its typical pair alike for all pairs, is assumed: statistics then neither fluctuate nor pass
    gradients.
    """

    kind: str
    gives_field = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SurrogateError(f"normalise {self.kind!r}: choose {', '.join(KINDS)}")

    @property
    def assumes(self) -> Assumption:
        """That statistics are those of the whole batch, or of a wide layer."""
        return Assumption.LARGE_BATCH if self.kind == "batch" else Assumption.SELF_AVERAGING

    @property
    def needs_field(self) -> bool:
        """Whether it takes means away, which states have and fields have not."""
        return self.kind != "rms"

    @property
    def name(self) -> str:
        return f"{self.kind} norm"

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        """T -> 1, Q -> (Q - Qbar)/(T - Qbar), Qbar the overlap of a typical pair, 0 but for batch norm."""
        norm = self._norm(flow)
        return flow.of(flow.total / flow.total, flow.fall / norm, flow.typical / norm)

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return 1 / self._norm(flow)

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        return Factors(1 / self._norm(flow), 1 / self._norm(flow))

    def kurtosis(self, flow: Flow, of: FourthMoments) -> Value:
        """1: what statistics pass is of low rank."""
        return 1

    def _norm(self, flow: Flow) -> Value:
        return flow.typical if self.kind == "batch" else flow.total

    def apply(self, x: Any, draw: Any) -> Any:
        axis = tuple(range(x.ndim - 1)) if self.kind == "batch" else -1
        centred = x if self.kind == "rms" else x - x.mean(axis, keepdims=True)
        return centred / (centred**2).mean(axis, keepdims=True) ** 0.5
