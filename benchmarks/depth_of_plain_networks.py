"""How much gradients may change over depth: the trainings behind the criterion of `meanbits check` (docs/check.md).

    python benchmarks/depth_of_plain_networks.py gelu:batch:30 tanh:none:20:0.85

NEURON:NORM:DEPTH[:STD], weights N(0, STD^2/N), or as Torch draws them. Each takes minutes on one core.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import cross_entropy, hardtanh

from meanbits.experiments.check.network import Network
from meanbits.experiments.check.running import run
from meanbits.experiments.data import load

WIDTH, EPOCHS, BATCH, SEED = 96, 25, 128, 0
RATES = {"SGD": (0.003, 0.03, 0.3), "Adam": (5e-4, 3e-3)}


class ClippedSign(nn.Module):
    """A sign with the slope of a clip."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """-1 or 1."""
        clipped = hardtanh(x)
        return clipped + (torch.where(x >= 0, 1.0, -1.0) - clipped).detach()


NEURONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh, "hardtanh": nn.Hardtanh, "sign": ClippedSign,
}  # fmt: skip


def built(neuron: str, norm: str, depth: int, std: float | None) -> nn.Sequential:
    """Weights, and depth times norm, neuron, weights; and a readout."""
    torch.manual_seed(SEED)
    norms = {"batch": lambda: [nn.BatchNorm1d(WIDTH)], "none": list}
    first = nn.Linear(64, WIDTH)
    hidden = [part for _ in range(depth) for part in (*norms[norm](), NEURONS[neuron](), nn.Linear(WIDTH, WIDTH))]
    model = nn.Sequential(first, *hidden, nn.Linear(WIDTH, 10))
    for layer in model if std is not None else ():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=std / layer.in_features**0.5)
            nn.init.zeros_(layer.bias)
    return model


def change(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Log of squared gradients in the first hidden layer over those in the last."""
    network = Network.of(run(model, (x,), y), True, None)
    logs = [math.log(network.total_gradient(part)) for part in network.deep[:-1]]
    return logs[0] - logs[-1]


def learnt(model: nn.Module, name: str, rate: float, x: torch.Tensor, y: torch.Tensor) -> float:
    """The share of training images that are right in the last epoch; chance where the loss is no number."""
    more = {"momentum": 0.9} if name == "SGD" else {}
    optimiser = getattr(torch.optim, name)(model.parameters(), rate, **more)
    order, right = torch.Generator().manual_seed(SEED + 1), 0.0
    for _ in range(EPOCHS):
        shares = []
        for chosen in torch.randperm(len(x), generator=order).split(BATCH):
            optimiser.zero_grad()
            out = model(x[chosen])
            loss = cross_entropy(out, y[chosen])
            if not torch.isfinite(loss):
                return 0.1
            loss.backward()
            optimiser.step()
            shares.append(float((out.argmax(1) == y[chosen]).double().mean()))
        right = sum(shares) / len(shares)
    return right


def main() -> None:
    """A line a network."""
    data = load("digits")
    x, y = torch.tensor(data.train_images).float(), torch.tensor(data.train_labels)
    for text in sys.argv[1:]:
        neuron, norm, depth, *std = text.split(":")
        network = neuron, norm, int(depth), float(std[0]) if std else None
        best = {name: max(learnt(built(*network), name, rate, x, y) for rate in rates) for name, rates in RATES.items()}
        shares = ", ".join(f"{name} {share:.2f}" for name, share in best.items())
        print(f"{text}: change e^{change(built(*network), x[:BATCH], y[:BATCH]):.1f}, {shares}", flush=True)


if __name__ == "__main__":
    main()
