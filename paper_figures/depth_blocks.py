"""Accuracy over depth of sign networks with batch norm, skips and two slopes, beside what theory said of each."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

from meanbits.paper_figures.accuracy_maps import CHANCE, DATA
from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, figure, provenance, save, tag

TITLES = {("none", "none"): "plain", ("batch", "none"): "batch norm", ("none", "1"): "skip",
          ("batch", "1"): "batch norm and skip"}  # fmt: skip
OPTIMISERS = {"sgd": "SGD", "adam": "Adam"}
LINES = (("-", "o"), ("--", "s"))


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.depth_blocks`'s dataset as depth_blocks.pdf and .png in `folder`; their paths."""
    optimisers = [str(each) for each in dataset.optimiser.values]
    with figure(DOUBLE_COLUMN, 1.65 * len(optimisers) + 0.5) as drawn:
        panels = drawn.subplots(len(optimisers), len(TITLES), sharex=True, sharey=True, squeeze=False)
        for (row, optimiser), (column, (chain, title)) in product(enumerate(optimisers), enumerate(TITLES.items())):
            normalise, skip = chain
            axes = panels[row, column]
            _panel(axes, dataset.sel(optimiser=optimiser, normalise=normalise, skip=skip), float(dataset.half))
            tag(axes, "abcdefgh"[row * len(TITLES) + column], title)
        for axes, optimiser in zip(panels[:, 0], optimisers, strict=True):
            axes.set(ylabel=f"accuracy, {OPTIMISERS.get(optimiser, optimiser)}")
        for axes in panels[-1]:
            axes.set(xlabel="depth $L$")
        drawn.legend(handles=_handles(dataset), loc="outside upper center", ncols=4)
        return save(drawn, folder, "depth_blocks")


def _panel(axes: Axes, one: xr.Dataset, half: float) -> None:
    axes.axhline(half, color=FAINT, linewidth=0.6, linestyle=":")
    for slope, colour, (dash, marker) in zip(one.backward.values, COLOURS, LINES, strict=False):
        line = one.sel(backward=slope)
        axes.plot(line.depth, line.best, dash, color=colour)
        for told in (True, False):
            where = line.expected.values == told
            axes.plot(line.depth.values[where], line.best.values[where], marker, **_filled(colour, told))
    axes.set(xscale="log", ylim=(0, 1.02))
    axes.xaxis.set_major_locator(FixedLocator(list(one.depth.values)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _filled(colour: str, told: bool) -> dict[str, Any]:
    return {"markerfacecolor": colour if told else "white", "markeredgecolor": colour, "linestyle": "", "zorder": 3}


def _handles(dataset: xr.Dataset) -> list[Line2D]:
    lines = zip(dataset.backward.values, COLOURS, LINES, strict=False)
    handles = [
        Line2D([], [], color=colour, linestyle=dash, label=f"slope {slope}") for slope, colour, (dash, _) in lines
    ]
    words = {True: "theory: trains", False: "theory: does not"}
    return handles + [Line2D([], [], marker="o", label=text, **_filled("black", told)) for told, text in words.items()]


def caption(dataset: xr.Dataset) -> str:
    """What is seen, of which settings, and how often theory was right."""
    hits = int((dataset.trains == dataset.expected).sum())
    recipe = dataset.attrs
    seeds = f", mean of {dataset.sizes['seed']} seeds" if "seed" in dataset.dims else ""
    rates = ", ".join(f"{float(each):g}" for each in dataset.lr.values)
    return (
        "Training accuracy of sign networks with signs of latent weights over depth $L$, at the best of learning rates "
        f"{rates}. Filled: by theory, before training, the depth trains, since a small difference of two inputs (and "
        "with SGD squared gradients too) changes by at most 6 e-foldings; open: it does not. Dotted: half way from "
        f"chance ({CHANCE:g}) to the best, {float(dataset.half):.2f}; theory is right about {hits} of "
        f"{dataset.trains.size}. {recipe['train_size']} images of {DATA[str(recipe['dataset'])]}, width "
        f"{recipe['width']}, batches of {recipe['batch_size']}, {recipe['epochs']} epochs{seeds}{provenance(dataset)}"
    )
