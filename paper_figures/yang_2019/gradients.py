"""Squared gradients over the layers of networks with batch norm."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from matplotlib.ticker import MaxNLocator

from meanbits.paper_figures.style import entry, figure, marks, provenance, save, stroke


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.yang_2019.gradients`'s dataset as gradients.pdf and .png in `folder`; their paths."""
    with figure(height=2.8) as drawn:
        axes = drawn.subplots()
        for k, name in enumerate(dataset.neurons.values):
            one = dataset.sel(neurons=name)
            axes.semilogy(one.layer, one.theory, **stroke(k))
            marks(axes, k, one.layer, one["mean"], one.error)
            entry(axes, k, str(name))
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
