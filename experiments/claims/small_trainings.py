"""What claims about training rest on: small trainings on digits, and the coarse grid of figures 2 and 3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.experiments.training.loop import Training

PAPER_FORM, LRT_TANH = "deterministic --form paper", "shayer"
COARSE = "figures_2_3_coarse"
MEANS = (0.2, 0.5, 0.8, 0.95)  # sigma_m2
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)  # networks averaged
WITHIN = 0.05  # of accuracy, what two networks that are alike may differ by
SEED, ANOTHER = 5, 6  # of the samples
RECIPE = {"dataset": "digits", "train_size": 1024, "width": 64, "samples": 1, "evaluated": 512, "lr": 2e-3}
BOTH = (PAPER_FORM, LRT_TANH)
GRID = """
depth = [3, 5, 9, 16]
sigma_m2 = [0.2, 0.35, 0.5, 0.65, 0.8]
dataset = "digits"
train_size = 1024
width = 64
samples = 1
"""
ADAM = 'optimiser = "adam"\nlr = 2e-3'


@lru_cache(maxsize=8)
def over_depth(epochs: int, surrogates: tuple[str, ...] = BOTH, optimiser: str = ADAM) -> xr.Dataset:
    """Accuracy over depth and sigma_m2 of small networks, with xi_c and the fit of k as in figure 2."""
    from meanbits.experiments.figures.trained_grid import trained_here
    from meanbits.experiments.figures.training_accuracy import of_sweep

    named = f"surrogate = {json.dumps(surrogates)}\nepochs = {epochs}\n{optimiser}\n"
    return of_sweep(trained_here(GRID + named), 0)


@lru_cache(maxsize=1)
def coarse() -> xr.Dataset | None:
    """The same of the coarse grid of figures 2 and 3, as far as it is trained; None before its first network is."""
    import xarray as xr

    from meanbits.experiments.figures.trained_grid import fitted, swept, with_scales
    from meanbits.experiments.sweep.trainings import GRIDS

    path = GRIDS / f"{COARSE}.nc"
    if not path.is_file():
        return None
    return fitted(with_scales(*swept(xr.load_dataset(path, engine="scipy"), ("surrogate_", "sign_", "sampled_"))),
                  "sigma_m2", 0)  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """A network some way into its training: accuracies of the surrogate, the sign network, and samples by their number.

    another: of a single sample drawn anew; polarised: the share of means beyond 0.9 in size.
    """

    surrogate: float
    sign: float
    sampled: dict[int, float]
    another: float
    polarised: float

    @property
    def needed(self) -> float:
        """How many samples come near to the surrogate, ln-interpolated; infinite where all of `COUNTS` are too few."""
        near, logs = self.surrogate - WITHIN, np.log(COUNTS)
        found = np.maximum.accumulate([self.sampled[count] for count in COUNTS])
        return float(np.exp(np.interp(near, found, logs))) if found[-1] >= near else float("inf")


@lru_cache(maxsize=8)
def followed(depth: int, marks: tuple[int, ...]) -> dict[tuple[float, int], Moment]:
    """Networks in paper form of this depth, by sigma_m2 and epochs done."""
    from meanbits.experiments.figures.trained_grid import Here
    from meanbits.experiments.training.cells import train_cells_batched
    from meanbits.experiments.training.settings import Settings

    cells = [Settings("deterministic", form="paper", depth=depth, sigma_m2=each, epochs=marks[-1], **RECIPE)
             for each in MEANS]  # fmt: skip
    found: dict[tuple[float, int], Moment] = {}

    def on_epoch(training: Training) -> None:
        if training.epochs in marks:
            moments = _moments(training)
            found.update({(each, training.epochs): moment for each, moment in zip(MEANS, moments, strict=True)})

    Here().submit(train_cells_batched, cells, None, "cpu", None, on_epoch).result()
    return found


def _moments(training: Training) -> list[Moment]:
    """What the networks in training are worth, on images that they are trained on."""
    import torch

    from meanbits.experiments.training.counterparts import (
        Labelled,
        accuracy,
        sampled_outputs,
        sign_outputs,
        surrogate_outputs,
    )

    network, (images, labels) = training.network, training.data
    seen = Labelled(images[: network.settings.evaluated], labels[: network.settings.evaluated])

    def generators(seed: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for _ in MEANS]

    def samples(seed: int, counts: tuple[int, ...]) -> dict[int, list[float]]:
        drawn = sampled_outputs(network, [seen], generators(seed), counts[-1], counts)
        return {count: accuracy(outputs, seen.labels) for count, (outputs,) in drawn}

    own = accuracy(surrogate_outputs(network, seen, generators(SEED)), seen.labels)
    signs = accuracy(sign_outputs(network, seen), seen.labels)
    sampled, another = samples(SEED, COUNTS), samples(ANOTHER, (1,))
    with torch.no_grad():
        near = torch.cat([each.flatten(1).abs() > 0.9 for each in network.weights], 1).double().mean(1).tolist()
    return [Moment(own[k], signs[k], {n: each[k] for n, each in sampled.items()}, another[1][k], near[k])
            for k in range(len(MEANS))]  # fmt: skip
