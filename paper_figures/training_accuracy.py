"""Figure 2: training accuracy over depth and sigma_m^2, with 6 xi_c and the fitted k xi_c."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

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
    surrogate_title,
    training_words,
    undone_words,
)
from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, provenance, save, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.training_accuracy`'s dataset as training_accuracy.pdf and .png; their paths."""
    with figure(DOUBLE_COLUMN, 2.8) as drawn:
        panels = drawn.subplots(1, dataset.sizes["surrogate"], sharex=True, sharey=True, squeeze=False)[0]
        meshes = []
        for letter, axes, name in zip("abcdefgh", panels, dataset.surrogate.values, strict=False):
            one = dataset.sel(surrogate=name)
            meshes.append(accuracy_map(axes, over_seeds(one.surrogate_train_accuracy), "sigma_m2"))
            scale_line(axes, one.curve_m2, one.curve_xi_c, FACTOR, "-")
            if np.isfinite(one.k):
                scale_line(axes, one.curve_m2, one.curve_xi_c, float(one.k), DOTTED)
            crossings(axes, one, "sigma_m2")
            axes.set_xlabel(r"$\sigma_m^2$")
            tag(axes, letter, surrogate_title(str(name)).replace(", ", ",\n"))
        frame(panels[0], dataset.surrogate_train_accuracy, "sigma_m2")
        panels[0].set(ylabel=r"depth $L$", xlim=(0, 1), xticks=(0, 0.5, 1))
        drawn.colorbar(meshes[0], ax=list(panels), pad=0.02, label="training accuracy")
        legend(drawn, fitted=bool(np.isfinite(dataset.k).any()))
        return save(drawn, folder, "training_accuracy")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    found = "; ".join(
        f"{surrogate_title(str(name))} {_found_words(dataset.sel(surrogate=name))}" for name in dataset.surrogate.values
    )
    return (
        "Training accuracy over depth $L$ and the variance $\\sigma_m^2$ of the weight means at initialisation, by "
        f"surrogate. Line: ${FACTOR}\\xi_c$ by theory; dotted: $k\\xi_c$ with $k$ fitted to the depths at which "
        f"accuracy falls to half way from chance to the best of a surrogate{_to_one(dataset)} (dots; triangles: all "
        f"depths or none train, bounds to the fit). {found}. "
        f"{undone_words(dataset)}{training_words(dataset)}{provenance(dataset)}"
    )


def _found_words(one: xr.Dataset) -> str:
    """What was found about a surrogate, of which a network was trained or none yet."""
    if not one.surrogate_train_accuracy.notnull().any():
        return "(no network trained yet)"
    return f"(half: {float(one.half):.2f}): {fit_words(one)}, {bound_words(one)}"


def _to_one(dataset: xr.Dataset) -> str:
    return ", to 1 where networks are not trained yet" if (dataset.status == 0).any() else ""
