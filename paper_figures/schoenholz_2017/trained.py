"""Training accuracy over depth and weights, with 6 xi_c."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.accuracy_maps import (
    FACTOR,
    accuracy_map,
    bound_words,
    crossings,
    fit_words,
    frame,
    over_seeds,
    scale_line,
    training_words,
)
from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, provenance, save


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.schoenholz_2017.trained`'s dataset as trained.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        axes = drawn.subplots()
        mesh = accuracy_map(axes, over_seeds(dataset.surrogate_train_accuracy), "sigma_m2")
        scale_line(axes, dataset.weights, dataset.curve_xi_c, FACTOR, "-")
        crossings(axes, dataset, "sigma_m2")
        frame(axes, dataset.surrogate_train_accuracy, "sigma_m2")
        axes.set(xlabel=r"$\sigma_w^2$", ylabel=r"depth $L$")
        drawn.colorbar(mesh, ax=axes, pad=0.02, label="training accuracy")
        return save(drawn, folder, "trained")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    return (
        "Training accuracy of tanh networks with real weights over depth $L$ and the variance of the weights at the "
        f"start. Line: ${FACTOR}\\xi_c$ by theory, infinite at the edge of chaos. Dots: where accuracy falls to "
        f"{float(dataset.half):.2f}, half way from chance to the best (triangles: all depths or none train). In the "
        f"ordered phase {fit_words(dataset)}; {bound_words(dataset)}. {training_words(dataset)}{provenance(dataset)}"
    )
