"""Blocks in turn."""

from __future__ import annotations

from meanbits.theory.declarations.blocks.flow import Block, Expectations, Factors, Flow, Value


def forward(blocks: tuple[Block, ...], flow: Flow, of: Expectations) -> Flow:
    """The flow behind a chain of blocks."""
    for block in blocks:
        flow = block.forward(flow, of)
    return flow


def slope(blocks: tuple[Block, ...], flow: Flow, of: Expectations) -> Value:
    """The derivative of the overlap behind a chain with respect to that before it."""
    steep: Value = 1
    for block in blocks:
        steep, flow = steep * block.slope(flow, of), block.forward(flow, of)
    return steep


def backward(blocks: tuple[Block, ...], flow: Flow, of: Expectations) -> Factors:
    """The factors of gradients on their way back through a chain."""
    factors = Factors(1, 1)
    for block in blocks:
        factors, flow = factors.times(block.backward(flow, of)), block.forward(flow, of)
    return factors
