"""What claims about training rest on: small trainings on digits, and the coarse grid of figures 2 and 3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.experiments.training.loop import Training

PAPER_FORM, LRT_TANH = "deterministic --form paper", "shayer"
COARSE = Path(__file__).parents[1] / "grids" / "figures_2_3_coarse.nc"  # what `meanbits collect` has written
ACCURACY, HALF = "surrogate_train_accuracy", 0.55  # half way from chance to 1
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
# Of 0.1 and 1 with momentum, and 1, 3 and 10 without, those with which shallow networks come as far as with Adam.
RATES = {"adam": 2e-3, "rmsprop": 2e-3, "momentum": 1.0, "sgd": 3.0}


@lru_cache(maxsize=8)
def over_depth(epochs: int, surrogates: tuple[str, ...] = BOTH, optimiser: str = "adam") -> xr.Dataset:
    """Accuracy over depth and sigma_m2 of small networks, with xi_c and the fit of k as in figure 2."""
    from meanbits.experiments.figures.trained_grid import trained_here
    from meanbits.experiments.figures.training_accuracy import of_sweep

    rest = {"surrogate": surrogates, "epochs": epochs, "optimiser": optimiser, "lr": RATES[optimiser]}
    text = GRID + "\n".join(f"{name} = {json.dumps(value)}" for name, value in rest.items())
    return of_sweep(trained_here(text), 0)


@lru_cache(maxsize=1)
def coarse_tells() -> bool:
    """Whether enough of the coarse grid of figures 2 and 3 is trained to fit k: of each surrogate, deep networks that
    do not train beside shallow ones that do, at two sigma_m2 or more."""
    from scipy.io import netcdf_file

    if not COARSE.is_file():
        return False
    with netcdf_file(COARSE, mmap=False) as found:
        accuracy, depth = (found.variables[ACCURACY].data, found.variables[ACCURACY].dimensions.index("depth"))
    crossing = (accuracy >= HALF).any(depth) & (accuracy < HALF).any(depth)
    return bool((crossing.sum(-1) >= 2).all())


@lru_cache(maxsize=1)
def coarse() -> xr.Dataset:
    """The same as `over_depth` of the coarse grid, as far as it is trained."""
    import xarray as xr

    from meanbits.experiments.figures.training_accuracy import of_sweep

    return of_sweep(xr.load_dataset(COARSE, engine="scipy"), 0)


@lru_cache(maxsize=1)
def coarse_networks() -> xr.Dataset:
    """The accuracies of the binary networks of the coarse grid, nan where the surrogate does not train."""
    import xarray as xr

    from meanbits.experiments.figures.counterparts import of_sweep

    found = of_sweep(xr.load_dataset(COARSE, engine="scipy"), 0)
    kept = found[[name for name in found if str(name).endswith("_train_accuracy")]]
    return kept.where(found[ACCURACY] >= HALF)


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
