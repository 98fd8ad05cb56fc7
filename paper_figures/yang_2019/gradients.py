"""Squared gradients over the layers of networks with batch norm."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from matplotlib.ticker import MaxNLocator

from meanbits.paper_figures.style import COLOURS, MARKERS, figure, provenance, save

DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.yang_2019.gradients`'s dataset as gradients.pdf and .png in `folder`; their paths."""
    with figure(height=2.8) as drawn:
        axes = drawn.subplots()
        for colour, dash, marker, name in zip(COLOURS, DASHES, MARKERS, dataset.neurons.values, strict=False):
            one = dataset.sel(neurons=name)
            axes.semilogy(one.layer, one.theory, color=colour, linestyle=dash)
            axes.errorbar(one.layer, one["mean"], one.error, color=colour, marker=marker, linestyle="none",
                          markerfacecolor="white")  # fmt: skip
            axes.plot([], [], color=colour, linestyle=dash, marker=marker, markerfacecolor="white", label=str(name))
        axes.set(xlabel="layer", ylabel="squared gradients / last")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.legend(loc="outside upper center", ncols=2)
        return save(drawn, folder, "gradients")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    growth = ", ".join(f"{name} {float(dataset.growth.sel(neurons=name)):.4f}" for name in dataset.neurons.values)
    given = dataset.attrs
    return (
        "Mean squared gradients over the layers of networks with batch norm, relative to the last. Lines: theory of "
        f"large batches, by which they grow a layer on their way back by {growth}; marks: {given['networks']} random "
        f"networks of width {given['width']}, batches of {given['batch']}, with standard errors{provenance(dataset)}"
    )
