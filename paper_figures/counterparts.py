"""Figure 3: accuracy of a trained surrogate, of its sign network and of 5 and 100 sampled networks, as four maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import xarray as xr

from meanbits.paper_figures.accuracy_maps import (
    FACTOR,
    accuracy_map,
    frame,
    line_handles,
    over_seeds,
    scale_line,
    surrogate_title,
    training_words,
    undone_words,
)
from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, provenance, save, tag

NETWORKS = {"surrogate": "surrogate", "sign": "sign network", "sampled_5": "5 sampled", "sampled_100": "100 sampled"}


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.counterparts`'s dataset as counterparts.pdf and .png in `folder`; their paths."""
    rows = dataset.sizes["surrogate"]
    with figure(DOUBLE_COLUMN, 0.6 + 1.7 * rows) as drawn:
        panels = drawn.subplots(rows, len(NETWORKS), sharex=True, sharey=True, squeeze=False)
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        for row, name in zip(panels, dataset.surrogate.values, strict=True):
            one = dataset.sel(surrogate=name)
            for axes, (network, label) in zip(row, NETWORKS.items(), strict=True):
                mesh = accuracy_map(axes, over_seeds(one[f"{network}_train_accuracy"]), "sigma_m2")
                scale_line(axes, one.curve_m2, one.curve_xi_c, FACTOR, "-")
                tag(axes, next(letters), label)
            row[0].set_ylabel(surrogate_title(str(name)) + "\ndepth $L$" if rows > 1 else "depth $L$")
        frame(panels[0, 0], dataset.surrogate_train_accuracy, "sigma_m2")
        panels[0, 0].set(xlim=(0, 1), xticks=(0, 0.5, 1))
        for axes in panels[-1]:
            axes.set_xlabel(r"$\sigma_m^2$")
        panels[0, -1].legend(handles=line_handles(), loc="lower right", frameon=True, edgecolor="none")
        drawn.colorbar(mesh, ax=list(panels.flat), pad=0.02, label="training accuracy")
        return save(drawn, folder, "counterparts")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    return (
        "Training accuracy over depth $L$ and the variance $\\sigma_m^2$ of the weight means at initialisation: of the "
        "trained surrogate, of the network of signs of its means with sign neurons, and of stochastic networks, the "
        f"class probabilities of 5 and of 100 averaged. Line: ${FACTOR}\\xi_c$ by theory. Where the surrogate trains "
        f"best: {'; '.join(_best(dataset))}. {undone_words(dataset)}{training_words(dataset)}{provenance(dataset)}"
    )


def _best(dataset: xr.Dataset) -> Iterator[str]:
    """The accuracies of each surrogate where it trains best, of those that were trained."""
    for name in dataset.surrogate.values:
        one = dataset.sel(surrogate=name)
        accuracy = over_seeds(one.surrogate_train_accuracy)
        if not accuracy.notnull().any():
            continue
        best = one.isel(accuracy.argmax(["depth", "sigma_m2"]))
        networks = NETWORKS | {"sampled_1": "1 sampled"}
        found = ", ".join(
            f"{label} {float(best[f'{network}_train_accuracy'].mean()):.2f}" for network, label in networks.items()
        )
        yield (
            f"{surrogate_title(str(name))}, $L = {int(best.depth)}$, $\\sigma_m^2 = {float(best.sigma_m2):g}$: {found} "
            f"(of its means {100 * float(best.polarised_after.mean()):.0f} % are beyond 0.9 in size)"
        )
