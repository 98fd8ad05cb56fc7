"""Branches that are multiplied by 0."""

from __future__ import annotations

from torch import Tensor

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network
from meanbits.experiments.check.parts import Part

STARTS = 0.1


def silent_branch(network: Network) -> Finding | None:
    """A sum to which one side adds nothing, since a parameter behind it is 0."""
    silent = [found for part in network.parts if len(part.sources) == 2 if (found := _zero(network, part))]
    if not silent:
        return None
    zero, name = silent[0]
    of = f", and so {len(silent) - 1} more" if len(silent) > 1 else ""
    return Finding(
        "skip scale of 0", zero.record.path,
        f"{name or zero.kind} is 0 everywhere, so that its branch adds nothing to the skip{of}: the weights inside get "
        "no gradient before it has moved, and latent weights of signs not even a sign of one",
        f"start it at a small number, such as {STARTS}, or at 1/sqrt(number of blocks)",
        f'torch.nn.init.constant_(model.get_parameter("{name}"), {STARTS})' if name
        else f"branch = {STARTS} * branch",
    )  # fmt: skip


def _zero(network: Network, part: Part) -> tuple[Part, str | None] | None:
    """The part with a parameter of 0 on the side that is 0, and the parameter's name."""
    sides = [network.made_by.get(each) for each in part.sources]
    squares = [each.cut.q if each.cut else 0.0 for each in part.sources]
    for side, square, other in zip(sides, squares, reversed(squares), strict=True):
        while side is not None and square == 0 < other:
            held = next((each for each in side.weights if isinstance(each, Tensor) and not each.detach().any()), None)
            if side.weights and held is side.weights[0]:
                return side, network.name_of(held)
            before = network.before(side)
            side = before[0] if before and before[0].record.cut and before[0].record.cut.q == 0 else None
    return None
