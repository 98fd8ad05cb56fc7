"""Does theory say before training which depths train? Norms, skips, slopes and optimisers of sign networks.

A depth should train where a small difference of two inputs changes by at most 6 e-foldings on its way through, and
squared gradients by as much on their way back; Adam rescales gradients, so that under it the former should be enough.

Source: theory sheet, sections 8 and 10; Schoenholz et al. 2017, section 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick
from meanbits.experiments.figures.trained_grid import ACCURACY, CHANCE, refuse, trained
from meanbits.experiments.sweep.grid import Grid
from meanbits.experiments.training.settings import Settings, row_of_settings
from meanbits.numerics.depth.advise import SCALES
from meanbits.numerics.depth.foldings import foldings
from meanbits.theory.declarations.surrogates import Surrogate

KEPT = ("surrogate_", "loss")
CHAIN = ("normalise", "skip", "backward", "depth")  # what the theory depends on
RESCALING = "adam"


def measure(
    surrogate: Surrogate | None, preset: str, seed: int, tick: Tick, images: str | None = None,
    data_dir: Path | None = None,
) -> xr.Dataset:  # fmt: skip
    """The results of the grid depth_blocks of the preset, with what theory says of its chains.

    surrogate_train_accuracy: (optimiser, normalise, skip, backward, depth, lr, [seed]); the variables of `predicted`;
    best: (optimiser, normalise, skip, backward, depth), the accuracy at the best learning rate, mean of the seeds;
    half: (), half way from chance to the best of all; trains: where best reaches it.

    Raises:
        ValueError: an unknown preset, a surrogate, or a ledger in use.
    """
    refuse(surrogate, "depth-blocks")
    grid, data = trained("depth_blocks", preset, seed, tick, KEPT, images, data_dir)
    accuracy = data[ACCURACY]
    best = (accuracy.mean("seed") if "seed" in accuracy.dims else accuracy).max("lr")
    half = (CHANCE + best.max()) / 2
    return data.merge(predicted(grid)).assign(best=best, half=half, trains=best >= half)


def predicted(grid: Grid) -> xr.Dataset:
    """What theory says of the chains of a grid of axes optimiser, `CHAIN` and more, before any is trained.

    forward, backward_growth: `CHAIN`, the e-foldings of `depth.foldings`; expected: (optimiser, *CHAIN), whether it
    should train.
    """
    axes = {name: list(grid.axes[name]) for name in CHAIN}
    shape = tuple(map(len, axes.values()))
    of_chain = {tuple(place[name] for name in CHAIN): cell.settings
                for place, cell in zip(grid.places, grid.cells, strict=True)}  # fmt: skip
    both = [_foldings(settings) for settings in of_chain.values()]
    forward, backward = np.reshape(both, (*shape, 2)).transpose(-1, *range(len(shape)))
    data = xr.Dataset({"forward": (CHAIN, forward), "backward_growth": (CHAIN, backward)}, axes)
    through = np.abs(data.forward) <= SCALES
    back = np.abs(data.backward_growth) <= SCALES
    optimisers = list(grid.axes["optimiser"])
    sees = xr.concat([through if name == RESCALING else through & back for name in optimisers], "optimiser")
    return data.assign(expected=sees.assign_coords(optimiser=optimisers))


def _foldings(settings: Settings) -> tuple[float, float]:
    layer, means = row_of_settings(settings).layer, np.array([settings.sigma_m2])
    through, back = foldings(layer, settings.depth, means, settings.sigma_b2)
    return float(through[0]), float(back[0])
