"""q, c and gradients over the layers of a model: measured as dots, the theory of each layer as a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from meanbits.experiments.check.rows import Row

MOST_LABELS, LABEL = 24, 18
PANELS = (("q", "mean square q"), ("c", "correlation c"), ("gradient", "squared gradient"))
MEASURED, THEORY = "#1f4e79", "#c55a11"


def draw(rows: Sequence[Row]) -> Figure:
    """Three panels over the layers in the order in which they ran."""
    figure = Figure(figsize=(max(6.4, min(0.22 * len(rows) + 2, 14)), 7.2), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    places = np.arange(len(rows))
    for axis, (name, label) in zip(axes, PANELS, strict=True):
        found = np.array([getattr(row, name) for row in rows])
        known = np.array([getattr(row, f"{name}_theory") for row in rows])
        axis.plot(
            places, known, "_", color=THEORY, markersize=11, markeredgewidth=2, label="theory, from one layer before"
        )
        axis.plot(places, found, "o", color=MEASURED, markersize=4, label="measured")
        if name != "c":
            _logarithmic(axis, np.concatenate([found, known]))
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[0].legend(loc="best", fontsize="small")
    _label(axes[-1], rows)
    return figure


def _logarithmic(axis: object, values: np.ndarray) -> None:
    if np.any(values > 0):
        axis.set_yscale("log", nonpositive="mask")  # type: ignore[attr-defined]


def _label(axis: object, rows: Sequence[Row]) -> None:
    every = -(-len(rows) // MOST_LABELS)
    names = [f"{row.layer[-LABEL:]} {row.kind[:LABEL]}".strip() for row in rows]
    axis.set_xticks(range(0, len(rows), every), names[::every], rotation=90, fontsize="x-small")  # type: ignore[attr-defined]
