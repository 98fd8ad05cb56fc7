"""What the figures of trained grids share: maps of accuracy over depth, lines of k xi_c, and words for a fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from meanbits.paper_figures.style import FAINT

FACTOR = 6
CHANCE = 0.1
RED, DOTTED = "#D55E00", (0, (1, 1))
DOT: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "markersize": 4.0}
DATA = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "digits": "scikit-learn's digits"}
SURROGATES = {
    "deterministic --form paper": "deterministic, paper form",
    "deterministic": "deterministic, exact",
    "shayer": "LRT, tanh neurons",
    "lrt": "LRT, stochastic bits",
}


def surrogate_title(name: str) -> str:
    """A surrogate of a grid in print."""
    return SURROGATES.get(name, name)


def accuracy_map(axes: Axes, accuracy: xr.DataArray, axis: str) -> QuadMesh:
    """Accuracy (depth, axis) in colours from chance to 1, each as far as half way to the next; depth is logarithmic.

    Cells that are not done, whose accuracy is nan, are hatched.
    """
    across, depths = accuracy[axis].values, accuracy.depth.values
    values = accuracy.transpose("depth", axis).values
    norm = Normalize(CHANCE, 1)
    mesh = axes.pcolormesh(
        edges(across), np.exp(edges(np.log(depths))), values, norm=norm, cmap="cividis", rasterized=True
    )
    x, y = edges(across), _levels(depths)
    for row, column in np.argwhere(np.isnan(values)):
        size = x[column + 1] - x[column], y[row + 1] - y[row]
        axes.add_patch(Rectangle((x[column], y[row]), *size, fill=False, linewidth=0, hatch="//////", edgecolor=FAINT))
    axes.set(yscale="log")
    axes.yaxis.set_major_locator(FixedLocator(_few(depths)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    return mesh


def frame(axes: Axes, accuracy: xr.DataArray, axis: str) -> None:
    """Limits of a map, and of all that share them; to be called when all is drawn."""
    axes.set(xlim=edges(accuracy[axis].values)[[0, -1]], ylim=_levels(accuracy.depth.values)[[0, -1]])


def edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells around increasing centres: half way between them, the outer ones as far out as in."""
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def scale_line(
    axes: Axes, across: xr.DataArray, xi_c: xr.DataArray, factor: float, dash: Any, colour: str = RED
) -> None:
    """factor xi_c, in colour on a white edge so that it shows on every colour."""
    line = (factor * xi_c).where(np.isfinite(xi_c))
    axes.plot(across, line, color="white", linewidth=2.6)
    axes.plot(across, line, color=colour, linewidth=1.4, linestyle=dash)


def crossings(axes: Axes, one: xr.Dataset, axis: str) -> None:
    """Trainable depths of each seed: dots where accuracy crosses half, triangles where all depths or none train."""
    depths, kinds, across = xr.broadcast(one.trainable_depth, one.trainable_kind, one[axis])
    for kind, marker in ((0, "o"), (1, "^"), (-1, "v")):
        where = kinds.values == kind
        axes.plot(across.values[where], depths.values[where], marker, zorder=4, **DOT)


def over_seeds(accuracy: xr.DataArray) -> xr.DataArray:
    """The mean over the seeds, where there are several."""
    return accuracy.mean("seed") if "seed" in accuracy.dims else accuracy


def legend(drawn: Figure, fitted: bool, more: Sequence[Line2D] = ()) -> None:
    """Lines and markers above the panels."""
    dots = {"half accuracy": "o", "all depths train": "^", "none trains": "v"}
    handles = [*line_handles(fitted), *more]
    handles += [Line2D([], [], marker=marker, linestyle="", label=text, **DOT) for text, marker in dots.items()]
    drawn.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def line_handles(fitted: bool = False) -> list[Line2D]:
    """What stands in a legend for lines of k xi_c."""
    lines: dict[str, Any] = {rf"${FACTOR}\,\xi_c$": "-"} | ({r"fitted $k\,\xi_c$": DOTTED} if fitted else {})
    return [Line2D([], [], color=RED, linewidth=1.4, linestyle=dash, label=text) for text, dash in lines.items()]


def fit_words(one: xr.Dataset) -> str:
    """What was found about k."""
    k, low, high = (float(one[name]) for name in ("k", "k_low", "k_high"))
    if np.isfinite(k):
        return f"$k = {k:.3g}$ (95 %: {low:.3g} to {high:.3g}, scatter ${float(one.k_scatter):.2f}$)"
    few = "too few depths cross to fit $k$"
    if low >= high:
        return few
    bounds = [f"{words} {value:.2g}" for words, value in (("above", low), ("below", high)) if np.isfinite(value)]
    return f"{few} ({', '.join(bounds)})" if bounds else few


def bound_words(one: xr.Dataset) -> str:
    """How well 6 xi_c parts those that train from those that do not."""
    counts = {name: int(one[name]) for name in ("trains_beyond", "beyond", "trains_within", "within")}
    return (f"{counts['trains_within']} of {counts['within']} up to ${FACTOR}\\xi_c$ train and "
            f"{counts['trains_beyond']} of {counts['beyond']} beyond")  # fmt: skip


def undone_words(dataset: xr.Dataset) -> str:
    """How many cells are not done, where there are such."""
    undone = int((dataset.status == 0).sum())
    return f"Hatched: the {undone} of {dataset.status.size} networks not trained yet. " if undone else ""


def training_words(dataset: xr.Dataset) -> str:
    """Data, width and recipe."""
    recipe = dataset.attrs
    seeds = f", mean of {dataset.sizes['seed']} seeds" if "seed" in dataset.dims else ""
    return (
        f"{recipe['train_size']} images of {DATA[str(recipe['dataset'])]}, width {recipe['width']}, "
        f"{str(recipe['optimiser']).capitalize()} {float(recipe['lr']):g}, batches of {recipe['batch_size']}, "
        f"{recipe['epochs']} epochs, $\\sigma_b^2$ = {float(recipe['sigma_b2']):g}{seeds}"
    )


def _levels(depths: np.ndarray) -> np.ndarray:
    return np.exp(edges(np.log(depths)))


def _few(depths: np.ndarray) -> list[float]:
    """At most seven of the depths, for labels."""
    return [float(depth) for depth in depths[:: -(-len(depths) // 7)]]
