"""The training loop: cross-entropy by an optimiser, means projected after each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import groupby

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from meanbits.experiments.training.draws import Streams, layer_draws, orders
from meanbits.experiments.training.network import Network
from meanbits.experiments.training.settings import Settings

MOMENTUM = 0.9


class NonFiniteLossError(RuntimeError):
    """A loss that is no number, with the step and the layer where that begins."""


@dataclass(eq=False)
class Training:
    """Networks in training: epochs done, mean loss (cells,) of each, and the cells that came to nothing.

    rates: learning rates, each with the neighbouring cells that share it, which are a parameter group of the optimiser.
    data: images and labels that they are trained on.
    """

    network: Network
    optimiser: torch.optim.Optimizer
    rates: tuple[tuple[float, slice], ...]
    streams: Streams
    data: tuple[Tensor, ...] = ()
    steps: int = 0
    losses: list[Tensor] = field(default_factory=list)
    failures: dict[int, NonFiniteLossError] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.losses)

    @cached_property
    def fingerprint(self) -> str:
        """Of the data, the same for the same numbers in the same order."""
        found = sha256()
        for each in self.data:
            found.update(each.detach().cpu().contiguous().numpy().data)
        return found.hexdigest()

    def descend(self, loss: Tensor) -> None:
        """One step down the gradient of a loss, a number."""
        parameters = self.network.parameters
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        for (_, cells), group in zip(self.rates, self.optimiser.param_groups, strict=True):
            for part, parameter in zip(group["params"], parameters, strict=True):
                part.grad = None if parameter.grad is None else parameter.grad[cells]
        self.optimiser.step()
        self.network.project_()


def started(cells: Sequence[Settings], network: Network, streams: Streams, data: tuple[Tensor, ...] = ()) -> Training:
    """Training of these cells before its first step."""
    for parameter in network.parameters:
        parameter.requires_grad_()
    rates = _rates(cells)
    return Training(network, optimiser(network.settings, network.parameters, rates), rates, streams, data)


def _rates(cells: Sequence[Settings]) -> tuple[tuple[float, slice], ...]:
    runs = [(rate, list(run)) for rate, run in groupby(range(len(cells)), lambda cell: cells[cell].lr)]
    return tuple((rate, slice(run[0], run[-1] + 1)) for rate, run in runs)


def optimiser(
    settings: Settings, parameters: list[Tensor], rates: Sequence[tuple[float, slice]]
) -> torch.optim.Optimizer:
    """The optimiser of some settings, elementwise and so independent for each cell.

    It moves slices of the parameters (cells, ...), which are their memory: those of each rate as a group.
    """
    groups = [{"params": [each.detach()[cells] for each in parameters], "lr": rate} for rate, cells in rates]
    kinds: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(groups, fused=True),
        "sgd": lambda: torch.optim.SGD(groups),
        "momentum": lambda: torch.optim.SGD(groups, momentum=MOMENTUM),
        "rmsprop": lambda: torch.optim.RMSprop(groups),
    }
    return kinds[settings.optimiser]()


def epochs(training: Training, images: Tensor, labels: Tensor) -> Iterator[Tensor]:
    """Train to the end, yielding the mean loss of each epoch, (cells,); images (n, features), labels (n,).

    A cell whose loss is not finite is put among the failures, and its numbers mean nothing from there on; it leaves the
    others alone.
    """
    while training.epochs < training.network.settings.epochs:
        training.losses.append(_epoch(training, images, labels))
        yield training.losses[-1]


def _epoch(training: Training, images: Tensor, labels: Tensor) -> Tensor:
    network, streams = training.network, training.streams
    settings, total = network.settings, torch.zeros(len(network.weights[0]), device=images.device)
    order = orders(streams.order, len(images)).to(images.device)
    for chosen in order.split(settings.batch_size, 1):
        if chosen.shape[1] == 1 and network.between.by_batch:
            continue  # an image alone has no variance
        shape = settings.depth, chosen.shape[1], settings.width
        draws = layer_draws(network.rule, streams.noise, *shape, images.dtype, network.between.dropout)
        logits = network.logits(images[chosen], draws)
        of_each = cross_entropy(logits.flatten(0, 1), labels[chosen].flatten(), reduction="none")
        loss = of_each.view(chosen.shape).mean(1)
        training.steps += 1
        if not bool(torch.isfinite(loss).all()):
            _note_failures(training, loss, images[chosen])
        _schedule(training, -(-len(images) // settings.batch_size))
        training.descend(loss.sum())
        total += loss.detach() * (chosen.shape[1] / len(images))
    return total


def _schedule(training: Training, steps: int) -> None:
    """Set the learning rate of this step, an epoch having so many: lr (1 + cos(pi t)) / 2 at the fraction t done."""
    settings = training.network.settings
    if settings.schedule == "cosine":
        done = (training.steps - 1) / (steps * settings.epochs)
        for (rate, _), group in zip(training.rates, training.optimiser.param_groups, strict=True):
            group["lr"] = rate * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def _note_failures(training: Training, loss: Tensor, images: Tensor) -> None:
    for cell in torch.nonzero(~torch.isfinite(loss)).flatten().tolist():
        if cell not in training.failures:
            where = _first_layer(training.network, images, cell)
            training.failures[cell] = NonFiniteLossError(
                f"the loss is {float(loss[cell])} at step {training.steps}, {where}; lower lr or change sigma_m2"
            )


def _first_layer(network: Network, images: Tensor, cell: int) -> str:
    """Where a cell's numbers cease to be finite."""
    names = [*(f"layer {layer + 1}" for layer in range(len(network.weights) - 1)), "the readout"]
    for name, *parameters in zip(names, network.weights, network.biases, strict=True):
        if not all(bool(torch.isfinite(parameter[cell]).all()) for parameter in parameters):
            return f"the parameters of {name} not being finite after the step before"
    for name, (hbar, variance) in zip(names, network.fields(images), strict=True):
        if not all(bool(torch.isfinite(each[cell]).all()) for each in (hbar, variance) if each is not None):
            return f"where the field of {name} is not finite"
    return "where the cross-entropy overflows"
