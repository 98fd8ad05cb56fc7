"""The layer that a model repeats, and what many of it would do: depth scales (theory sheet, sections 3 and 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.network import Network
from meanbits.experiments.check.parts import Part, flow_at
from meanbits.numerics.solvers.scales import depth_scale, gradient_scale
from meanbits.theory.declarations.blocks import Dense, Flow, Skip
from meanbits.theory.declarations.blocks.chain import backward, forward, slope
from meanbits.theory.declarations.blocks.flow import Block

LEAST, LONGEST = 3, 16  # repeats, parts in one
MOST, SETTLED = 2000, 1e-10


@dataclass(frozen=True)
class Repeated:
    """A layer that is repeated: the modules of its first parts, how often, and where many of it would lead.

    chi_g: by what a layer multiplies squared gradients, chi: a small difference of correlations, at the fixed point (q,
    c); where layers come to none, as with skips, chi_g is that of the layer in the middle, and the rest NaN.
    """

    layers: tuple[str, ...]
    kinds: tuple[str, ...]
    count: int
    q: float
    c: float
    chi: float
    chi_g: float

    @property
    def xi_c(self) -> float:
        """-1/ln chi in layers."""
        return math.nan if math.isnan(self.chi) else float(depth_scale(self.chi))

    @property
    def xi_g(self) -> float:
        """1/ln chi_g in layers, below 0 where gradients vanish."""
        return math.nan if math.isnan(self.chi_g) else float(gradient_scale(self.chi_g))


def repeated(network: Network) -> Repeated | None:
    """The longest run of equal layers, LEAST or more of them with weights; None where there is none."""
    parts = network.parts
    keys = [(part.kind, part.record.cut.units if part.record.cut else 0) for part in parts]
    runs = [(size * count, -size, start, count) for size in range(1, LONGEST + 1)
            for start, count in _runs(keys, size) if count >= LEAST]  # fmt: skip
    runs = [each for each in runs if any(part.is_dense for part in parts[each[2] : each[2] - each[1]])]
    if not runs:
        return None
    _, size, start, count = max(runs)
    groups = [parts[start + k * -size : start + (k + 1) * -size] for k in range(count)]
    middle = groups[count // 2]
    q, c, chi, growth = _led_to(groups, middle)
    return Repeated(tuple(part.record.path for part in middle), tuple(part.kind for part in middle), count, q, c, chi,
                    growth)  # fmt: skip


def _runs(keys: list[tuple[str, int]], size: int) -> list[tuple[int, int]]:
    """Where runs of period `size` start, and how often they repeat."""
    found, start = [], 0
    while start + size <= len(keys):
        count = 1
        while keys[start : start + size] == keys[start + count * size : start + (count + 1) * size]:
            count += 1
        found.append((start, count))
        start += size * count - size + 1 if count > 1 else 1
    return found


def _led_to(groups: list[tuple[Part, ...]], middle: tuple[Part, ...]) -> tuple[float, float, float, float]:
    """q, c, chi and chi_g of the layer with variances averaged over its repeats."""
    nothing = (math.nan,) * 4
    blocks = _blocks(groups, middle)
    cut = middle[0].sources[0].cut if middle[0].sources else None
    if blocks is None or cut is None or not cut.q > 0 or not math.isfinite(cut.c):
        return nothing
    of, back = Moments(), math.prod(part.back for part in middle)
    start = flow_at(cut)
    flow = Flow(start.total, np.float64(cut.q * (1 - cut.c)), start.typical)
    settled = None if any(isinstance(each, Skip) for each in blocks) else _settled(blocks, flow, of)
    growth = float(np.asarray(backward(blocks, settled or flow, of).square)) * back
    if settled is None:
        return (*nothing[:3], growth)
    c = float(1 - settled.fall / settled.total)
    return float(settled.total), c, float(slope(blocks, settled, of)), growth


def _blocks(groups: list[tuple[Part, ...]], middle: tuple[Part, ...]) -> tuple[Block, ...] | None:
    """The blocks of a layer, in turn or around a branch; None where a part has none."""
    if any(part.blocks is None or type(part) is not Part for part in middle):
        return None
    averaged = [tuple(_averaged([group[k].blocks[j] for group in groups]) for j in range(len(part.blocks)))
                for k, part in enumerate(middle)]  # fmt: skip
    chain = tuple(block for each in averaged for block in each)
    sums = [part for part in middle if len(part.sources) == 2]
    if not sums:
        return chain
    inside = {part.record for part in middle[:-1]}
    outside = [each for each in sums[0].sources if each not in inside]
    whole = len(sums) == 1 and sums[0] is middle[-1] and outside and outside[0] is middle[0].sources[0]
    return (Skip(1.0, 1.0, chain),) if whole and any(part.is_dense for part in middle) else None


def _averaged(same: list[Block]) -> Block:
    first = same[0]
    if not isinstance(first, Dense):
        return first
    means, biases = (float(np.mean([getattr(each, name) for each in same])) for name in ("means", "biases"))
    return replace(first, means=means, second=means, biases=biases)


def _settled(blocks: tuple[Block, ...], flow: Flow, of: Moments) -> Flow | None:
    """Where layers lead; None where they come to no fixed point of positive variance."""
    for _ in range(MOST):
        after = forward(blocks, flow, of)
        if not 1e-12 < float(after.total) < 1e12:
            return None
        moved = max(abs(float(b - a)) for a, b in ((flow.total, after.total), (flow.fall, after.fall)))
        flow = after
        if moved <= SETTLED * float(flow.total):
            return flow
    return None
