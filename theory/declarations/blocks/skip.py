"""A skip around a chain of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.blocks.dense import Dense
from meanbits.theory.declarations.blocks.flow import Block, Expectations, Factors, Flow, Value
from meanbits.theory.declarations.blocks.neuron import Neuron
from meanbits.theory.errors import SurrogateError
from meanbits.theory.trace import Assumption


@dataclass(frozen=True)
class Skip:
    """x -> carry x + add F(x), F a chain that ends in independent weights of mean 0: what it adds is independent of x.

    Raises:
        SurrogateError: a chain with neurons behind its last weights, or without weights.
    """

    carry: Value
    add: Value
    blocks: tuple[Block, ...]
    assumes = Assumption.SELF_AVERAGING
    gives_field = None

    def __post_init__(self) -> None:
        last = next((each for each in reversed(self.blocks) if isinstance(each, Dense | Neuron)), None)
        if not isinstance(last, Dense):
            raise SurrogateError("skip: its chain must end in weights of mean 0, so that what it adds is independent "
                                 "of what it is added to; put the dense block behind the neurons")  # fmt: skip

    @property
    def name(self) -> str:
        inside = ", ".join(each.name for each in self.blocks)
        return f"skip {self.carry} x + {self.add} ({inside})"

    def forward(self, flow: Flow, of: Expectations) -> Flow:
        """T' = a^2 T + b^2 T_F, Q' likewise."""
        return flow.scaled(self.carry**2).plus(forward(self.blocks, flow, of).scaled(self.add**2))

    def slope(self, flow: Flow, of: Expectations) -> Value:
        return self.carry**2 + self.add**2 * slope(self.blocks, flow, of)

    def backward(self, flow: Flow, of: Expectations) -> Factors:
        """a^2 + b^2 chi_F."""
        inside = backward(self.blocks, flow, of)
        return Factors(*(self.carry**2 + self.add**2 * each for each in (inside.square, inside.overlap)))

    def apply(self, x: Any, draw: Any) -> Any:
        inside = x
        for block in self.blocks:
            inside = block.apply(inside, draw)
        return self.carry * x + self.add * inside
