"""Numbers that are none, and inputs of another scale."""

from __future__ import annotations

from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network

LARGE, WIDE = 3.0, 10.0  # root mean square of inputs, and the largest, of data that nobody scaled


def undefined(network: Network) -> Finding | None:
    """NaN or infinity, where it begins: forward, else on the way back."""
    for part, row in zip(network.parts, network.rows, strict=True):
        if row.bad:
            sizes = [each.record.cut.most for each in network.before(part) if each.record.cut]
            before = f"; what comes in is at most {max(sizes):.3g}" if sizes else ""
            return Finding("undefined numbers", row.layer, f"{row.bad:.1%} of what {row.kind} gives is NaN or infinite"
                           f"{before}", "keep what a root, a logarithm, a quotient or an exponential is given in its "
                           "range, and the scale of weights near 1/sqrt(fan)",
                           "x = x.clamp(min=1e-6)  # before sqrt, log and /")  # fmt: skip
    for part in reversed(network.parts):
        if part.record.gradient is not None and not part.record.gradient.finite:
            return Finding("undefined gradients", part.record.path, f"gradients behind {part.kind} are NaN or infinite",
                           "give the function a finite slope everywhere, as at 0 of a root or a norm",
                           "norm = (x.square().sum(-1) + 1e-12).sqrt()")  # fmt: skip
    return None


def unscaled(network: Network) -> Finding | None:
    """Inputs as they are stored, such as 0 to 255, where no norm comes before the first neurons."""
    for record in network.inputs:
        cut = record.cut
        if cut is None or cut.q**0.5 < LARGE or max(-cut.least, cut.most) < WIDE:
            continue
        first = next((part for part in network.parts if record in part.sources), None)
        if first is None or _is_normed(network, first):
            continue
        return Finding(
            "unscaled inputs", first.record.path,
            f"inputs run from {cut.least:.4g} to {cut.most:.4g}, with a root mean square of {cut.q**0.5:.4g}, and no "
            "norm comes before the first neurons: fields are as much too large",
            "scale the data to [-1, 1], or put a norm first",
            f"x = 2 * (x - {cut.least:.4g}) / {cut.most - cut.least:.4g} - 1",
        )  # fmt: skip
    return None


def _is_normed(network: Network, part: object) -> bool:
    """Whether a norm is met before a function of one number."""
    while part is not None and part.scalar is None:
        if part.is_norm:
            return True
        part = next((each for each in network.parts if part.record in each.sources), None)
    return False
