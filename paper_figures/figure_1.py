"""Figure 1: variance and correlation layer by layer, and the correlation map; theory against random networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from meanbits.paper_figures.style import DOUBLE_COLUMN, FAINT, MARKERS, figure, provenance, save, stroke, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `random_networks.propagation.figure_1`'s dataset as figure_1.pdf and figure_1.png in `folder`; their paths.

    Lines are theory; markers are means over random networks with one standard deviation. Colour and dashes are
    sigma_m^2. In (a) the marker is sigma_b^2, for one image pair; (b) and (c) have the smallest sigma_b^2, (b) with one
    line a pair.
    """
    with figure(DOUBLE_COLUMN, 2.55) as drawn:
        variance, correlation, mapping = drawn.subplots(1, 3)
        _variance(variance, dataset)
        _correlation(correlation, dataset)
        _mapping(mapping, dataset)
        _legend(drawn, dataset)
        return save(drawn, folder, "figure_1")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    at = dataset.attrs
    z = max(float(np.abs(dataset[name]).max()) for name in ("q_z", "c_z", "map_z"))
    overlaps = ", ".join(f"{value:.2f}" for value in dataset.overlap.values)
    return (
        f"{at['surrogate']}: theory (lines) against random networks (mean and one standard deviation of "
        f"{at['realisations']}). (a) Field variance by layer; markers: $\\sigma_b^2$. (b) Correlation of two inputs by "
        f"layer at $\\sigma_b^2$ = {float(dataset.sigma_b2[0]):g}, one line an image pair (overlaps {overlaps}). (c) "
        f"Correlation map at the fixed point of the variance, $\\sigma_b^2$ = {at['map_sigma_b2']:g}. Width "
        f"{at['width']}, depth {dataset.sizes['layer']}, image pairs of {at['dataset']}. Largest |z| against theory: "
        f"{z:.1f}{provenance(dataset)}"
    )


def _variance(axes: Axes, dataset: xr.Dataset) -> None:
    first = dataset.isel(pair=0)
    for k, m2 in enumerate(dataset.sigma_m2.values):
        for marker, b2 in zip(MARKERS, dataset.sigma_b2.values, strict=False):
            _layers(axes, first.sel(sigma_m2=m2, sigma_b2=b2), "q", k, marker)
    if dataset.q_theory.max() > 10 * dataset.q_theory.min():
        axes.set_yscale("log")
    axes.set(xlabel=r"layer $\ell$", ylabel=r"$q^{\ell}$")
    handles = [
        Line2D([], [], color="black", linestyle="", marker=marker, markerfacecolor="white", label=f"{b2:g}")
        for marker, b2 in zip(MARKERS, dataset.sigma_b2.values, strict=False)
    ]
    beside_tag = {"loc": "lower left", "bbox_to_anchor": (0.2, 1.01), "borderpad": 0, "fontsize": 9}
    legend = axes.legend(handles=handles, ncols=len(handles), columnspacing=0.6, handlelength=0.8, **beside_tag)
    legend.set_in_layout(False)
    tag(axes, "a", r"$\sigma_b^2 =$")


def _correlation(axes: Axes, dataset: xr.Dataset) -> None:
    lowest = dataset.isel(sigma_b2=0)
    for k, m2 in enumerate(dataset.sigma_m2.values):
        for pair in range(dataset.sizes["pair"]):
            _layers(axes, lowest.sel(sigma_m2=m2).isel(pair=pair), "c", k, "o")
    axes.set(xlabel=r"layer $\ell$", ylabel=r"$c^{\ell}$")
    tag(axes, "b", rf"$\sigma_b^2 = {float(lowest.sigma_b2):g}$")


def _mapping(axes: Axes, dataset: xr.Dataset) -> None:
    axes.axline((0, 0), (1, 1), color=FAINT, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    for k, m2 in enumerate(dataset.sigma_m2.values):
        one = dataset.sel(sigma_m2=m2)
        axes.plot(one.curve_c_in, one.curve_c_out, **stroke(k))
        _simulated(axes, one.map_c_in, one.map_mean, one.map_std, k, "o")
    ticks = np.linspace(0, 1, 6)
    axes.set(xlabel=r"$c_{\rm in}$", ylabel=r"$c_{\rm out}$", xlim=(-0.03, 1.03), xticks=ticks, yticks=ticks)
    tag(axes, "c", rf"$\sigma_b^2 = {dataset.attrs['map_sigma_b2']:g}$")


def _layers(axes: Axes, one: xr.Dataset, quantity: str, k: int, marker: str) -> None:
    """One orbit, (layer,): the theory's line, the simulation's markers."""
    mean, std, theory = (one[f"{quantity}_{kind}"] for kind in ("mean", "std", "theory"))
    axes.plot(one.layer, theory, **stroke(k))
    _simulated(axes, one.layer, mean, std, k, marker)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def _simulated(axes: Axes, x: xr.DataArray, mean: xr.DataArray, std: xr.DataArray, k: int, marker: str) -> None:
    look = {"color": stroke(k)["color"], "linestyle": "", "marker": marker, "markerfacecolor": "white"}
    axes.errorbar(x, mean, std, elinewidth=0.7, **look)


def _legend(drawn: Figure, dataset: xr.Dataset) -> None:
    handles = [
        Line2D([], [], **stroke(k), label=rf"$\sigma_m^2 = {m2:g}$") for k, m2 in enumerate(dataset.sigma_m2.values)
    ]
    simulated = (
        rf"lines: theory; marks: random networks, mean $\pm$ standard deviation of {dataset.attrs['realisations']}"
    )
    handles.append(Line2D([], [], color="black", linestyle="", marker="o", markerfacecolor="white", label=simulated))
    drawn.legend(handles=handles, loc="outside upper center", ncols=len(handles))
