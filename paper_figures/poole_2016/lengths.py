"""The length map, and lengths and correlations over the layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, figure, marks, provenance, save, stroke, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.poole_2016.lengths`'s dataset as lengths.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.4) as drawn:
        first, middle, last = drawn.subplots(1, 3)
        first.plot([0, 15], [0, 15], color=FAINT, linewidth=0.6)
        for k, sigma_w in enumerate(dataset.sigma_w.values):
            one = dataset.sel(sigma_w=sigma_w)
            style = stroke(k)
            first.plot(one.q, one["map"], label=rf"$\sigma_w = {sigma_w:g}$", **style)
            marks(first, k, one.q_in, one.map_mean, one.map_error)
            first.plot(one.q_star, one.q_star, "*", color=COLOURS[k], markersize=6, zorder=4)
            for start in one.start.values:
                _over(middle, one.sel(start=start), "length", "step", k)
            for overlap in one.overlap.values:
                _over(last, one.sel(overlap=overlap), "correlation", "layer", k)
        first.set(xlabel="$q$ in", ylabel="$q$ out", xlim=(0, 15), ylim=(0, 15))
        middle.set(xlabel="layer", ylabel="$q$", ylim=(0, 15))
        last.set(xlabel="layer", ylabel="$c$", ylim=(-0.05, 1.02))
        for axes, letter, title in ((first, "a", "length map"), (middle, "b", "lengths"), (last, "c", "correlations")):
            tag(axes, letter, title)
        drawn.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return save(drawn, folder, "lengths")


def _over(axes: Axes, one: xr.Dataset, name: str, along: str, k: int) -> None:
    axes.plot(one[along], one[name], **stroke(k))
    every = max(1, one.sizes[along] // 8)
    shown = one.isel({along: slice(None, None, every)})
    marks(axes, k, shown[along], shown[f"{name}_mean"], shown[f"{name}_error"])


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    stars = ", ".join(f"{float(each):.2f}" for each in dataset.q_star)
    overlaps = ", ".join(f"{float(each):.3f}" for each in dataset.c_star)
    z = [float(np.abs((dataset[f"{name}_mean"] - dataset[name]) / dataset[f"{name}_error"])
               .where(dataset[f"{name}_error"] > 0).max()) for name in ("length", "correlation")]  # fmt: skip
    given = dataset.attrs
    return (
        f"Tanh networks, $\\sigma_b$ = {given['sigma_b']:g}. (a) The length map; stars: fixed points, $q^*$ = {stars}. "
        f"(b) Lengths from three starts. (c) Correlations from three starts at $q^*$; they come to $c^*$ = {overlaps}. "
        f"Lines: theory; marks: {given['networks']} random networks of width {given['width']}, with standard errors; "
        f"the farthest means lie {z[0]:.1f} and {z[1]:.1f} of them off{provenance(dataset)}"
    )
