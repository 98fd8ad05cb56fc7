"""Signs of numbers that have one sign."""

from __future__ import annotations

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network
from meanbits.experiments.check.parts import Part


def one_sign(network: Network) -> Finding | None:
    """A sign that is given nothing below 0, as behind relu squared: all inputs look alike behind it."""
    for part, row in zip(network.parts, network.rows, strict=True):
        cut = part.sources[0].cut if part.sources else None
        if part.scalar is None or not part.scalar.is_sign or cut is None or not (cut.least >= 0 or cut.most <= 0):
            continue
        given = _origin(network, part)
        side = "never negative" if cut.least >= 0 else "never positive"
        return Finding(
            "sign of one-signed numbers", row.layer,
            f"{row.kind} is given {given}, which is {side} ({cut.least:.3g} to {cut.most:.3g}): the entropy of its "
            f"signs is {row.sign_entropy:.3g} bits, and the correlation of two inputs goes from {cut.c:.4g} to "
            f"{row.c:.4g} in one layer",
            "take the sign of the field itself, or take the mean of each unit away before the sign",
            "x = sign(h)  # in place of sign(relu(h) ** 2)\n"
            f"norm = torch.nn.BatchNorm1d({cut.units}, affine=False); x = sign(norm(relu(h) ** 2))",
        )  # fmt: skip
    return None


def _origin(network: Network, part: Part) -> str:
    """What a part is given, through norms and multiples, by the neurons behind it."""
    before = network.before(part)
    while before and before[0].scalar is None and len(before) == 1 and not before[0].is_dense:
        before = network.before(before[0])
    return f"what {before[0].kind} in {before[0].record.path or 'the model'} gives" if before else "the inputs"
