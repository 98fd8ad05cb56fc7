"""Signals and gradients that depth makes vanish or explode."""

from __future__ import annotations

import math

from meanbits.experiments.check.expectations import Moments
from meanbits.experiments.check.finding import Finding
from meanbits.experiments.check.network import Network
from meanbits.experiments.check.parts import Part
from meanbits.experiments.check.surrogate_part import SurrogatePart
from meanbits.theory.declarations.blocks import Neuron

LEAST = 8  # layers with weights that make a network deep
STOPS = 10.0  # e-folds of squared gradients over the depth, from which on trainings slow down or stop: docs/check.md
FOLLOWED = 60  # layers after which a field is taken to have settled
ALIKE, APART = 0.999, 0.99  # correlations of pairs before the last weights, and before the first
FEW_UNITS = 8  # whose correlation says little


def depth(network: Network) -> Finding | None:
    """Squared gradients change, from the last hidden layer to the first, by more than trainings survive."""
    deep = [part for part in network.deep if 0 < network.total_gradient(part) < math.inf][:-1]
    if len(deep) < LEAST:
        return None
    logs = [math.log(network.total_gradient(part)) for part in deep]
    change, layers = logs[0] - logs[-1], len(deep) - 1
    if abs(change) <= STOPS:
        return None
    where = next(part for part, log in zip(reversed(deep), reversed(logs), strict=True)
                 if (log - logs[-1]) / change * abs(change) > STOPS)  # fmt: skip
    rate = math.exp(change / layers)
    said = (f"squared gradients {'grow' if change > 0 else 'fall'} by {rate:.3g} a layer on their way back"
            f"{_told(network, deep, rate)}, over {layers} layers by {math.exp(change):.2g}")  # fmt: skip
    return _named(network, deep, where, said, change)


def _told(network: Network, deep: list[Part], rate: float) -> str:
    """What the theory says of the same layers."""
    apart = [math.log(row.gradient_theory / row.gradient) for part, row in zip(network.parts, network.rows, strict=True)
             if part in deep and row.gradient > 0 and row.gradient_theory > 0]  # fmt: skip
    return f" (by theory {rate * math.exp(sum(apart) / len(apart)):.3g})" if len(apart) > len(deep) / 2 else ""


def _named(network: Network, deep: list[Part], where: Part, said: str, change: float) -> Finding:
    inside = [part for part in network.parts if deep[0].record.index < part.record.index < deep[-1].record.index]
    skips, path = any(len(part.sources) == 2 for part in inside), where.record.path
    name = "exploding gradients" if change > 0 else "vanishing gradients"
    if any(isinstance(part, SurrogatePart) for part in deep):
        return Finding(name, path, said, "start the means where the layers are critical, or as near to that as can be",
                       "for module in model.modules():\n    if isinstance(module, mb.BinaryLinear | mb.BinaryConv2d):\n"
                       "        mb.init.critical_(module.latent, module.rule.surrogate)")  # fmt: skip
    if not any(part.is_norm for part in inside):
        return _without_norm(network, deep, path, said)
    if not skips and any(part.scalar is not None and part.scalar.is_clip for part in inside):
        return _clipped(path, said, change)
    return Finding(name, path, said, "add skips with a norm inside, or scale the weights by the root of the factor",
                   "x = x + block(norm(x))")  # fmt: skip


def _without_norm(network: Network, deep: list[Part], path: str, said: str) -> Finding:
    squares = [part.record.cut.q for part in (deep[0], deep[-1]) if part.record.cut]
    inside = [part for part in network.parts if part.scalar is not None and part.record.index > deep[0].record.index]
    return Finding("no norm", path, f"{said}; no norm stands between them, and q goes from {squares[0]:.3g} to "
                   f"{squares[-1]:.3g}", "put a norm behind each layer's weights, or give these the variance that "
                   "keeps gradients", _initialised(deep, inside))  # fmt: skip


def _clipped(path: str, said: str, change: float) -> Finding:
    """A norm keeps fields at variance 1, so that the factor is what the slope makes of that, at every depth."""
    name = "clip behind norm without skips"
    if change > 0:
        return Finding(
            name,
            path,
            f"{said}: behind a norm a clipped neuron has less variance than its slope lets "
            "gradients pass, and no skip leads around it",
            "add a skip around each layer",
            "x = x + block(x)",
        )
    from scipy import optimize, special  # slow to import, and seldom needed

    width = float(optimize.brentq(lambda w: special.erf(w / math.sqrt(2)) / w**2 - 1, 0.1, 5))
    return Finding(name, path, f"{said}: behind a norm fields have variance 1, of which a clip lets only |h| < 1 pass, "
                   "and no skip leads around it", "add a skip around each layer, or narrow the slope to the width that "
                   "keeps squared gradients", f"x = x + block(x)\nslope = (h.abs() < {width:.4g}) / {width:.4g}  # in "
                   "the backward of the sign")  # fmt: skip


def _initialised(deep: list[Part], neurons: list[Part]) -> str:
    """Code for a norm, and for the weights' variance."""
    cut = deep[0].record.cut
    lines = [] if cut is None else [f"norm = torch.nn.BatchNorm1d({cut.units})  # behind {deep[0].record.path}"]
    square = _keeping(neurons[0]) if neurons else None
    if square is not None:
        lines += ["for module in model.modules():", "    if isinstance(module, torch.nn.Linear):",
                  f"        torch.nn.init.normal_(module.weight, std=({square:.4g} / module.in_features) ** 0.5)",
                  "        torch.nn.init.zeros_(module.bias)"]  # fmt: skip
    return "\n".join(lines)


def _keeping(part: Part) -> float | None:
    """The variance of weights, times fan, at which gradients keep their size in the fields that these weights give."""
    from scipy import optimize

    of, neuron = Moments(), part.blocks[0] if part.blocks else None
    if not isinstance(neuron, Neuron):
        return None

    def excess(log_square: float) -> float:
        square, q = math.exp(log_square), 1.0
        for _ in range(FOLLOWED):
            q = min(max(square * float(of.square(neuron.neurons, q)), 1e-6), 1e6)
        return math.log(max(square * float(of.gradients(neuron.neurons, q, 0.0).square), 1e-300))

    low, high = math.log(0.2), math.log(20.0)
    if not excess(low) < 0 < excess(high):
        return None
    return math.exp(float(optimize.brentq(excess, low, high, xtol=1e-3)))


def alike(network: Network) -> Finding | None:
    """Inputs that were told apart have become one."""
    first = next((each.cut for each in network.inputs if each.cut is not None), None)
    last = network.deep[-1].sources[0].cut if len(network.deep) > 1 else None
    if first is None or last is None or not (first.c < APART and last.c > ALIKE) or last.units < FEW_UNITS:
        return None
    where, row = next((part, row) for part, row in zip(network.parts, network.rows, strict=True) if row.c > ALIKE)
    return Finding(
        "inputs become alike", row.layer,
        f"the correlation of two inputs goes from {first.c:.4g} to {last.c:.5g} before the last "
        f"weights; behind {where.kind} it "
        f"first exceeds {ALIKE}",
        "take away what inputs have in common: a batch norm, or biases of 0, and weights nearer to critical",
        "torch.nn.BatchNorm1d(n)  # behind the weights",
    )  # fmt: skip
