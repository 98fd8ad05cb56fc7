"""Training accuracy over depth and gain of the paper form, with 6 xi_c and the gain where chi_1 = 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from meanbits.paper_figures.accuracy_maps import (
    DOTTED,
    FACTOR,
    accuracy_map,
    bound_words,
    crossings,
    fit_words,
    frame,
    legend,
    over_seeds,
    scale_line,
    training_words,
)
from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, figure, provenance, save

BLUE, DASHED = COLOURS[0], (0, (4, 1.5))


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.depth_gain`'s dataset as depth_gain.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        axes = drawn.subplots()
        mesh = accuracy_map(axes, over_seeds(dataset.surrogate_train_accuracy), "gain")
        scale_line(axes, dataset.curve_gain, dataset.curve_xi_c, FACTOR, "-")
        critical = float(dataset.critical_gain)
        if np.isfinite(dataset.k):
            ordered = dataset.curve_xi_c.where(~(dataset.curve_gain > critical))
            scale_line(axes, dataset.curve_gain, ordered, float(dataset.k), DOTTED)
        gradient = dataset.curve_gradient.where(dataset.curve_gain > critical)
        scale_line(axes, dataset.curve_gain, gradient, FACTOR, DASHED, BLUE)
        crossings(axes, dataset, "gain")
        if np.isfinite(critical):
            axes.axvline(critical, color="black", linestyle=(0, (5, 2)), linewidth=1.2)
            axes.annotate(r"$\chi_1 = 1$", (critical, 0), xycoords=("data", "axes fraction"), xytext=(3, 4),
                          textcoords="offset points", va="bottom", color="black")  # fmt: skip
        frame(axes, dataset.surrogate_train_accuracy, "gain")
        axes.set(xlabel=r"gain $\kappa$", ylabel=r"depth $L$")
        drawn.colorbar(mesh, ax=axes, pad=0.02, label="training accuracy")
        gradients = Line2D([], [], color=BLUE, linewidth=1.4, linestyle=DASHED, label=rf"${FACTOR}/\ln\chi_1$")
        legend(drawn, bool(np.isfinite(dataset.k)), [gradients] if np.isfinite(critical) else [])
        return save(drawn, folder, "depth_gain")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    critical = float(dataset.critical_gain)
    chaotic = (
        f" Vertical: $\\chi_1 = 1$, at $\\kappa$ = {critical:.3f}; chaotic to its right, where squared gradients grow "
        f"by e in $1/\\ln\\chi_1$ layers (blue: {FACTOR} times that)."
    )
    where = chaotic if np.isfinite(critical) else ""
    return (
        "Training accuracy of the deterministic surrogate, paper form $\\varphi(\\kappa\\,\\bar h/\\sqrt{\\Sigma})$, "
        f"over depth $L$ and gain $\\kappa$, at $\\sigma_m^2$ = {float(dataset.attrs['sigma_m2']):g}. Line: "
        f"${FACTOR}\\xi_c$ by theory, infinite where $\\chi_1 = 1$; dotted: $k\\xi_c$ with $k$ fitted, in the ordered "
        f"phase, to the depths at which accuracy falls to {float(dataset.half):.2f}, half way from chance to the best "
        f"(dots; triangles: all depths or none train).{where} "
        f"{fit_words(dataset).capitalize()}; {bound_words(dataset)}. {training_words(dataset)}{provenance(dataset)}"
    )
