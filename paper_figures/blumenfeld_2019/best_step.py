"""The best uniform quantiser over the number of levels: what it loses, its step, and the fitted powers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, figure, provenance, save, tag

DASHED, DOTTED = (0, (5, 1.5)), (0, (1, 1))


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.blumenfeld_2019.best_step`'s dataset as best_step.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        left, right = drawn.subplots(1, 2)
        levels = dataset.levels
        left.loglog(levels, dataset.loss, "o", color=COLOURS[0], label="equal steps")
        _line(left, dataset, "loss")
        left.loglog(levels, dataset.law, color=COLOURS[2], linestyle=DASHED, label=r"law, $\sim 4 \ln N / 3 N^2$")
        left.loglog(levels, dataset.best_loss, color=COLOURS[1], linestyle=DOTTED, label="best levels")
        left.set(xlabel="levels $N$", ylabel=r"$1 - \chi$")
        tag(left, "a", "loss of the best quantiser")
        right.loglog(levels, dataset.step, "o", color=COLOURS[0], label="equal steps")
        _line(right, dataset, "step")
        right.set(xlabel="levels $N$", ylabel=r"step / $\sqrt{q}$")
        tag(right, "b", "its step")
        for axes in (left, right):
            axes.legend(loc="lower left")
        return save(drawn, folder, "best_step")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    loss, step = (float(dataset.power.sel(quantity=name)) for name in ("loss", "step"))
    return (
        "Neurons of $N$ equally spaced levels at the step that keeps a Gaussian field best. (a) $1 - \\chi$, the "
        f"slope of the correlation map at $c = 0$, with the power fitted over $N + 1$, {loss:.4f} (the paper: -1.82), "
        "the law of many levels, and what levels placed best would lose. (b) The step in standard deviations of the "
        f"field, and the power fitted over $N + 1$, {step:.4f} (the paper's supplement: -0.88). {_range(dataset)}"
        f"{provenance(dataset)}"
    )


def _line(axes: Axes, dataset: xr.Dataset, quantity: str) -> None:
    power, intercept = (float(dataset[name].sel(quantity=quantity)) for name in ("power", "intercept"))
    fitted = np.exp(intercept) * (dataset.levels + 1.0) ** power
    axes.loglog(dataset.levels, fitted, color="black", linewidth=0.7, label=f"$(N + 1)^{{{power:.2f}}}$, fitted")


def _range(dataset: xr.Dataset) -> str:
    return f"{dataset.sizes['levels']} numbers of levels from {int(dataset.levels[0])} to {int(dataset.levels[-1])}"
