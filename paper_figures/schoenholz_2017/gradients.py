"""Squared gradients over the layers in the ordered phase, at the edge and in the chaotic phase."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import entry, figure, marks, provenance, save, stroke


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.schoenholz_2017.gradients`'s dataset as gradients.pdf and .png in `folder`; their paths."""
    every = max(1, dataset.sizes["layer"] // 10)
    with figure(height=2.7) as drawn:
        axes = drawn.subplots()
        for k, factor in enumerate(dataset.weights.values):
            one = dataset.sel(weights=factor)
            shown = one.isel(layer=slice(None, None, every))
            axes.semilogy(one.layer, one.theory, **stroke(k))
            marks(axes, k, shown.layer, shown["mean"], shown.error)
            entry(axes, k, rf"$\sigma_w^2 = {float(one.sigma_w2):.2f}$")
        axes.set(xlabel="layer", ylabel="squared gradients / last")
        drawn.legend(loc="outside upper center", ncols=3)
        return save(drawn, folder, "gradients")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    growth = ", ".join(f"{float(each):.3f}" for each in dataset.chi_1)
    given = dataset.attrs
    return (
        "Mean squared gradients over the layers of tanh networks, relative to the last, at 0.7, 1 and 1.4 times the "
        f"weights of the edge of chaos, $\\sigma_b^2$ = {given['sigma_b2']:g}. Lines: $\\chi_1$ = {growth} a layer on "
        f"their way back; marks: {given['networks']} random networks of width {given['width']}, with standard errors"
        f"{provenance(dataset)}"
    )
