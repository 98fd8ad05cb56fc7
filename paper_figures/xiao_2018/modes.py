"""Depth scales of modes over the weights, and modes over the layers."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, marks, provenance, save, stroke, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.xiao_2018.modes`'s dataset as modes.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        left, right = drawn.subplots(1, 2)
        for k, mode in enumerate(dataset.mode.values):
            one = dataset.sel(mode=mode)
            style = stroke(k)
            left.semilogy(one.sigma_w2, one.xi_c, label=f"mode {mode}", **style)
            right.semilogy(one.layer, one.theory, **style)
            marks(right, k, one.layer, one["mean"], one.error)
        left.set(xlabel=r"$\sigma_w^2$", ylabel=r"$\xi_c$  (layers)", ylim=(0.3, 300))
        right.set(xlabel="layer", ylabel="size of the mode of $1 - c$", ylim=(1e-3, None))
        tag(left, "a", "depth scales")
        tag(right, "b", rf"over layers, $\sigma_w^2 = {dataset.attrs['weights']:g}$")
        drawn.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
        return save(drawn, folder, "modes")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    longest = ", ".join(f"{float(dataset.xi_c.sel(mode=mode).max()):.1f}" for mode in dataset.mode.values if mode)
    given = dataset.attrs
    return (
        f"Tanh networks of convolutions, window {given['window']}, on a circle of {given['positions']} positions, "
        f"$\\sigma_b^2$ = {given['sigma_b2']:g}. (a) Depth scales of waves over the positions: that of the uniform "
        f"mode diverges at the edge of chaos, those of the others end at {longest} layers. (b) Modes of $1 - c$ of two "
        f"inputs that differ most at one position. Lines: theory; marks: {given['networks']} random networks of width "
        f"{given['width']}, with standard errors{provenance(dataset)}"
    )
