"""Training accuracy over depth, a curve a number of levels, and over depth in units of xi."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, MARKERS, figure, provenance, save, tag

DASHES = ((0, (1, 1)), (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), "-", (0, (3, 1, 1, 1, 1, 1)))
MULTIPLES = (4, 6, 9)  # of xi, which the paper draws
ACCURACY = "surrogate_train_accuracy"


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.blumenfeld_2019.trained_depth`'s dataset as trained_depth.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.5) as drawn:
        left, right = drawn.subplots(1, 2, sharey=True)
        for style, name in zip(zip(COLOURS, DASHES, MARKERS, strict=False), dataset.neurons.values, strict=False):
            colour, dash, marker = style
            one = dataset.sel(neurons=name)
            drawn_as = {"color": colour, "linestyle": dash, "marker": marker, "markerfacecolor": "white"}
            left.semilogx(one.depth, one[ACCURACY], label=f"$N = {int(one['count'])}$", **drawn_as)
            right.semilogx(one.depth / one.xi_c, one[ACCURACY], **drawn_as)
        for multiple in MULTIPLES:
            right.axvline(multiple, color=FAINT, linewidth=0.6, zorder=0)
            right.annotate(f"{multiple}", (multiple, 1), (1, -1), xycoords=("data", "axes fraction"),
                           textcoords="offset points", va="top", fontsize=7)  # fmt: skip
        for axes in (left, right):
            axes.axhline(float(dataset.half), color=FAINT, linewidth=0.6, linestyle=(0, (1, 2)), zorder=0)
        left.set(xlabel="depth $L$", ylabel="training accuracy", ylim=(0, 1))
        left.legend(loc="lower left")
        right.set(xlabel=r"$L / \xi$")
        tag(left, "a", "over depth")
        tag(right, "b", r"over depth in $\xi$")
        return save(drawn, folder, "trained_depth")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    scales = ", ".join(f"{xi:.1f}" for xi in dataset.xi_c.values)
    k = float(dataset.k)
    fit = (f"Half-way depth is {k:.1f} (95 %: {_bound(dataset.k_low)} to {_bound(dataset.k_high)}) $\\xi$. "
           if np.isfinite(k) else "")  # fmt: skip
    counts = ", ".join(str(count) for count in dataset["count"].values)
    return (
        f"Training accuracy of networks of $N$ = {counts} levels, slope 1 where $|h| < 1$, real weights without "
        "biases, each at the step that keeps its field best. (a) Over depth. (b) Over depth in depth scales, $\\xi$ = "
        f"{scales} layers; lines: 4, 6 and 9 $\\xi$, which the paper draws; dotted: half way from chance to the best. "
        f"{fit}{dataset.sizes['depth'] * dataset.sizes['neurons']} networks{provenance(dataset)}"
    )


def _bound(value: xr.DataArray) -> str:
    return f"{float(value):.1f}" if np.isfinite(float(value)) else "unbounded"
