"""Depth scales over the weights, a curve a variance of the biases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, MARKERS, entry, figure, provenance, save, stroke, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.schoenholz_2017.scales`'s dataset as scales.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        panels = drawn.subplots(1, 2)
        for axes, letter, name in zip(panels, "ab", ("xi_c", "xi_q"), strict=True):
            for k, biases in enumerate(dataset.sigma_b2.values):
                one = dataset.sel(sigma_b2=biases)
                axes.plot(one.sigma_w2, one[name], **stroke(k))
                axes.plot(one.weights, one[f"{name}_seen"], MARKERS[k], color=COLOURS[k], markerfacecolor="white")
                entry(axes, k, rf"$\sigma_b^2 = {biases:g}$")
            axes.set(xlabel=r"$\sigma_w^2$", ylabel=rf"$\{name}$  (layers)", yscale="log")
            tag(axes, letter, "correlations" if name == "xi_c" else "lengths")
        panels[0].set(ylim=(0.5, 300))
        panels[1].set(ylim=(0.3, 30))
        drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return save(drawn, folder, "scales")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    given = dataset.attrs
    near = np.array(dataset.xi_q.max("sigma_w2"))
    longest = ", ".join(f"{float(each):.1f}" for each in near)
    return (
        "Depth scales of tanh networks over the variance of the weights. (a) Of correlations: infinite at the edge of "
        f"chaos. (b) Of lengths: finite there, with biases; at most {longest} layers for the three variances of the "
        "biases. Lines: theory; marks: the rates at which random layers bring two lengths, or two correlations "
        f"about the fixed point, together; means of {given['networks']} networks of width {given['width']}"
        f"{provenance(dataset)}"
    )
