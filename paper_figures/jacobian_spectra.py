"""Jacobian spectra: densities of the singular values by depth, and what depth adds to their variance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, MARKERS, figure, provenance, save, tag

SHOWN = (-4.0, 1.0)  # log10 s
GROWTH = (0.05, 300.0)  # relative variance


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw the dataset of `figures.jacobian_spectra` as jacobian_spectra.pdf and .png; their paths."""
    with figure(DOUBLE_COLUMN, 2.5) as drawn:
        *densities, growth = drawn.subplots(1, 3, width_ratios=(1.15, 1.15, 1))
        top = 1.08 * max(float(dataset.theory.max()), float(dataset.simulated.max()))
        for letter, axes, setting in zip("ab", densities, range(dataset.sizes["setting"]), strict=True):
            _density(axes, dataset.isel(setting=setting), top)
            tag(axes, letter, ("critical" if dataset.attrs["critical"] else "surrogate", "exact sign")[setting])
        _legend(densities[0], dataset)
        _growth(growth, dataset)
        tag(growth, "c", "no dynamical isometry")
        return save(drawn, folder, "jacobian_spectra")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    first, second = dataset.setting.values
    chi = ", ".join(f"{value:.4g}" for value in dataset.chi_1.values)
    settings = dataset.attrs
    orthogonal = float(dataset.variance_orthogonal[1, 0])
    return ("Singular values s of the Jacobian of L layers: density of log10 s, from free probability (lines) and in "
            f"{settings['realisations']} random networks of width {settings['width']} (markers; left out where "
            f"floating point does not resolve s). (a) {first}, (b) {second}, both at $\\sigma_m^2 = "
            f"{settings['sigma_m2']:.4g}$, $\\sigma_b^2 = {settings['sigma_b2']:.4g}$, {settings['means']} means; mean "
            f"of $s^2$ a layer: {chi}. Largest Kolmogorov distance: {float(dataset.distance.max()):.2g}. (c) Variance "
            "of $s^2$ over its squared mean: it grows by at least 1 a layer with independent weight means (solid), so "
            "singular values spread even where their mean square is 1; orthogonal means would leave the dashed line "
            f"in (a), and in (b) {orthogonal:.2g} a layer{provenance(dataset)}")  # fmt: skip


def _density(axes: Axes, one: xr.Dataset, top: float) -> None:
    for colour, marker, depth in zip(COLOURS, MARKERS, one.depth.values, strict=False):
        at = one.sel(depth=depth)
        axes.plot(10.0**at.point, at.theory, color=colour)
        seen = at.simulated.where(at.simulated > 0).dropna("bin")
        axes.plot(10.0**seen.bin, seen, color=colour, linestyle="", marker=marker, markersize=2.2, alpha=0.8)
    axes.set(xscale="log", xlabel=r"singular value $s$", ylabel=r"density of $\log_{10} s$")
    axes.set(xlim=10.0 ** np.array(SHOWN), ylim=(0, top), xticks=10.0 ** np.arange(SHOWN[0], SHOWN[1] + 1))


def _legend(axes: Axes, dataset: xr.Dataset) -> None:
    handles = [Line2D([], [], color=colour, marker=marker, label=f"{depth}")
               for colour, marker, depth in zip(COLOURS, MARKERS, dataset.depth.values, strict=False)]  # fmt: skip
    axes.legend(handles=handles, title=r"depth $L$", loc="upper left")


def _growth(axes: Axes, dataset: xr.Dataset) -> None:
    for colour, marker, row in zip(("#000000", FAINT), ("o", "s"), range(dataset.sizes["setting"]), strict=False):
        one = dataset.isel(setting=row)
        axes.plot(one.depth, one.variance_theory, color=colour, label=f"({'ab'[row]})")
        axes.plot(one.depth, one.variance, color=colour, linestyle="", marker=marker, markerfacecolor="white")
    first = dataset.isel(setting=0)
    axes.plot(first.depth, first.variance_orthogonal, color="#000000", linestyle="--", label="(a), orthogonal")
    axes.set(xscale="log", yscale="log", xlabel=r"depth $L$", ylim=GROWTH)
    axes.set_ylabel(r"variance of $s^2$ / (mean)$^2$")
    axes.legend(loc="upper left")
