"""The phase diagram over (sigma_m^2, gain): depth scale xi_c, and the line chi_1 = 1."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, provenance, save, tag

SHALLOWEST, DEEPEST = 0.3, 100.0  # layers: beyond is the first or the last colour


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.gain_phase`'s dataset as gain_phase.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.4) as drawn:
        panels = drawn.subplots(1, dataset.sizes["sigma_b2"], sharex=True, sharey=True, squeeze=False)[0]
        for letter, axes, biases in zip("abcdef", panels, dataset.sigma_b2.values, strict=False):
            mesh = _panel(axes, dataset.sel(sigma_b2=biases))
            axes.set(xlabel=r"$\sigma_m^2$", xticks=(0, 0.5, 1))
            tag(axes, letter, rf"$\sigma_b^2 = {biases:g}$")
        panels[0].set(ylabel=r"gain $\kappa$")
        bar = drawn.colorbar(mesh, ax=list(panels), extend="both", pad=0.02)
        bar.set_label(r"$\xi_c$ (layers)")
        bar.set_ticks([1, 10, 100], labels=["1", "10", "100"])
        return save(drawn, folder, "gain_phase")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    return (
        f"Phase diagram of the {dataset.attrs['surrogate'].split(' (')[0]} surrogate in paper form, "
        f"$\\varphi = {dataset.attrs['phi']}$, over the variance of the weight means and the gain: depth scale "
        f"$\\xi_c$, from {SHALLOWEST:g} layers (dark) to {DEEPEST:g} and more (bright). Black line: $\\chi_1 = 1$, "
        "where $\\xi_c$ is infinite; above it equal inputs part (chaotic), below it all inputs become one (ordered). "
        f"Dotted: where that line runs without biases. Grid of {dataset.sizes['sigma_m2']} x "
        f"{dataset.sizes['gain']} points{provenance(dataset)}"
    )


def _panel(axes: Axes, one: xr.Dataset) -> QuadMesh:
    plane = ("gain", "sigma_m2")
    scale = one.xi_c.transpose(*plane).clip(SHALLOWEST, DEEPEST)
    norm = mpl.colors.LogNorm(SHALLOWEST, DEEPEST)
    mesh = axes.pcolormesh(one.sigma_m2, one.gain, scale, norm=norm, cmap="cividis", shading="nearest", rasterized=True)
    chi_1 = one.chi_1.transpose(*plane)
    if float(chi_1.min()) < 1 < float(chi_1.max()):
        axes.contour(one.sigma_m2, one.gain, chi_1, levels=[1.0], colors="black", linewidths=1.0)
    axes.plot(one.start.where(one.start <= 1), one.gain, color="white", linestyle=(0, (1, 1.5)), linewidth=0.9)
    axes.text(0.18, 0.75, "ordered", color="white")
    axes.text(0.62, 2.2, "chaotic", color="white")
    return mesh
