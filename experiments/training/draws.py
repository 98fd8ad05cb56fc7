"""Random numbers of training: a stream for each use of each cell, so that cells in a batch are as cells alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from meanbits.experiments.training.network import Draw, Draws
from meanbits.experiments.training.settings import Settings
from meanbits.numerics.layers.dropout import is_averaged
from meanbits.numerics.layers.layer_rule import LayerRule

STREAMS = ("initial", "order", "noise", "binary")


@dataclass(frozen=True, eq=False)
class Streams:
    """A generator for each cell and use: initial parameters and order of images (on the processor); noise of training,
    and the binary networks drawn afterwards (on the device)."""

    initial: tuple[torch.Generator, ...]
    order: tuple[torch.Generator, ...]
    noise: tuple[torch.Generator, ...]
    binary: tuple[torch.Generator, ...]


def streams(cells: Sequence[Settings], device: torch.device | str = "cpu") -> Streams:
    """The generators of cells, which depend on each cell's seed alone."""
    seeds = [np.random.SeedSequence(cell.seed).generate_state(len(STREAMS)) for cell in cells]
    places = ("cpu", "cpu", device, device)
    return Streams(
        *(
            tuple(torch.Generator(place).manual_seed(int(seed[use])) for seed in seeds)
            for use, place in enumerate(places)
        )
    )


def layer_draws(
    rule: LayerRule,
    generators: Sequence[torch.Generator],
    depth: int,
    batch: int,
    width: int,
    dtype: torch.dtype,
    dropout: float = 0.0,
) -> Draws | None:
    """What the neurons of `depth` layers need to be drawn, and the masks of dropout; None where nothing is."""
    shape = (depth, batch, width)
    noise = _stacked(torch.randn, shape, generators, dtype) if rule.field == "sampled" else None
    uniform = _stacked(torch.rand, shape, generators, dtype) if rule.draws_neurons else None
    kept = _stacked(torch.rand, shape, generators, dtype) if dropout and not is_averaged(rule) else None
    if noise is None and uniform is None and kept is None:
        return None
    return [Draw(*(None if each is None else each[layer] for each in (noise, uniform, kept))) for layer in range(depth)]


def _stacked(draw: object, shape: tuple[int, ...], generators: Sequence[torch.Generator], dtype: torch.dtype) -> Tensor:
    """Draws of each cell, (depth, cells, batch, width)."""
    drawn = [draw(shape, generator=each, dtype=dtype, device=each.device) for each in generators]  # type: ignore
    return torch.stack(drawn, 1)


def orders(generators: Sequence[torch.Generator], images: int) -> Tensor:
    """A permutation of the images for each cell, (cells, images)."""
    return torch.stack([torch.randperm(images, generator=each) for each in generators])
