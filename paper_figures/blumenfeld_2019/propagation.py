"""Correlations over depth about the best weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.paper_figures.style import COLOURS, MARKERS, figure, marks, provenance, save

DASHES = ((0, (1, 1)), "-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)))
SHOWN = 13  # marks along a curve


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.blumenfeld_2019.propagation`'s dataset as propagation.pdf and .png in `folder`; their paths."""
    every = max(1, dataset.sizes["layer"] // SHOWN)
    with figure(height=2.8) as drawn:
        axes = drawn.subplots()
        for k, (dash, factor) in enumerate(zip(DASHES, dataset.factor.values, strict=False)):
            one = dataset.sel(factor=factor)
            name = rf"$\sigma_w = {factor:g}\,\sigma_w^*$" if factor != 1 else r"$\sigma_w = \sigma_w^*$"
            axes.plot(one.layer, one.theory, color=COLOURS[k], linestyle=dash)
            marks(axes, k, one.layer[::every], one["mean"][::every], one.error[::every])
            axes.plot([], [], color=COLOURS[k], linestyle=dash, marker=MARKERS[k], markerfacecolor="white", label=name)
        axes.set(xlabel="layer $l$", ylabel="correlation $c$", ylim=(-0.03, 1))
        drawn.legend(loc="outside upper center", ncols=2)
        return save(drawn, folder, "propagation")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    z = float(np.abs((dataset["mean"] - dataset.theory) / dataset.error).max())
    given = dataset.attrs
    return (
        f"Correlation of two inputs, {given['overlap']:g} at first, over the layers of networks of {given['levels']} "
        "levels, without biases, about the weights $\\sigma_w^*$ that keep it longest. Lines: theory; marks: "
        f"{given['networks']} random networks of width {given['width']}, standard errors below the marks' size or "
        f"drawn; the farthest mean lies {z:.1f} of them off. $\\xi$ = {float(given['xi']):.1f} layers at "
        f"best{provenance(dataset)}"
    )
