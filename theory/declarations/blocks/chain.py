"""Blocks in turn."""

from __future__ import annotations

from meanbits.theory.declarations.blocks.flow import Block, Expectations, Factors, Flow, Value, in_turn
from meanbits.theory.errors import SurrogateError


def forward(blocks: tuple[Block, ...], flow: Flow, of: Expectations) -> Flow:
    """The flow behind a chain of blocks."""
    for block in blocks:
        flow = block.forward(flow, of)
    return flow


def has_field(blocks: tuple[Block, ...], field: bool) -> bool:
    """Whether what is behind a chain is a Gaussian field, given whether what is before it is one.

    Raises:
        SurrogateError: a block that needs a field and is given states.
    """
    for block in blocks:
        if getattr(block, "needs_field", False) and not field:
            raise SurrogateError(f"{block.name}: here states of neurons come in, or inputs, and no Gaussian field; put "
                                 "a dense block before, or declare two neurons in turn as one function")  # fmt: skip
        inside, gives = getattr(block, "blocks", None), getattr(block, "gives_field", False)
        if inside is not None:
            has_field(inside, field)
        field = field if gives is None else gives
    return field


def slope(blocks: tuple[Block, ...], flow: Flow, of: Expectations) -> Value:
    """The derivative of the overlap behind a chain with respect to that before it."""
    steep: Value = 1
    for block in blocks:
        steep, flow = in_turn(steep, block.slope(flow, of)), block.forward(flow, of)
    return steep


def backward(blocks: tuple[Block, ...], flow: Flow, of: Expectations) -> Factors:
    """The factors of gradients on their way back through a chain."""
    factors = Factors(1, 1)
    for block in blocks:
        factors, flow = factors.times(block.backward(flow, of)), block.forward(flow, of)
    return factors
