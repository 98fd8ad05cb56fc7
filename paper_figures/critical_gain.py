"""The critical gain: critical curves by gain, the smallest gain by phi, and how far a curve is feasible."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FEASIBLE, figure, provenance, save, stroke, tag

TALLEST = 1.25
LOWEST, HIGHEST = 1e-3, 1e3  # sigma_b2
LEAST, MOST = 0.7, 2.3  # gains


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.critical_gain`'s dataset as critical_gain.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        curves, gains, ends = drawn.subplots(1, 3, width_ratios=(1, 1.1, 1))
        _curves(curves, dataset)
        _gains(gains, dataset)
        _ends(ends, dataset)
        return save(drawn, folder, "critical_gain")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    gains = "; ".join(
        f"${formula}$: {lower:.5g}{'' if proven else ' (not proven)'}"
        for formula, lower, proven in zip(
            dataset.formula.values, dataset.lower.values, dataset.proven.values, strict=True
        )
    )
    return (
        "Paper form $\\varphi(\\kappa\\,\\bar h/\\sqrt{\\Sigma})$. (a) Critical curves of $\\varphi$ = "
        f"${dataset.formula.values[0]}$ by gain $\\kappa$; shaded: what binary weights allow; dots: q -> 0. "
        "(b) By $\\varphi$, the gains at which a critical initialisation exists (line), from the smallest one "
        f"(dot; certified: {gains}). Circle: from here on the start of the curve, at $\\sigma_b^2 = 0$, is feasible. "
        "Thick: the curve is feasible to its end. (c) The largest feasible $\\sigma_b^2$ by gain, lines as in (b); "
        f"triangles at the upper edge: from here on without bound (to q = {dataset.attrs['largest_q']:g}, the largest "
        f"tried){provenance(dataset)}"
    )


def _curves(axes: Axes, dataset: xr.Dataset) -> None:
    axes.axvspan(0, 1, color=FEASIBLE, linewidth=0, zorder=0)
    colours = mpl.colormaps["cividis"](np.linspace(0, 0.85, dataset.sizes["curve_gain"]))
    for k, (colour, gain) in enumerate(zip(colours, dataset.curve_gain.values, strict=True)):
        curve = dataset.sel(curve_gain=gain)
        axes.plot(curve.curve_m2, curve.curve_b2, **stroke(k) | {"color": colour}, label=f"{gain:g}")
        axes.plot(curve.curve_m2[0], curve.curve_b2[0], "o", color=colour, clip_on=False, zorder=3)
    axes.legend(title=r"gain $\kappa$", loc="upper left", bbox_to_anchor=(0.05, 1))
    seen = dataset.curve_m2.where(dataset.curve_b2 < TALLEST)
    edges = (float(seen.min()) - 0.1, max(1.0, float(seen.max())) + 0.05)
    axes.set(xlabel=r"$\sigma_m^2$", ylabel=r"$\sigma_b^2$", xlim=edges, ylim=(-0.03, TALLEST))
    tag(axes, "a", rf"${dataset.formula.values[0]}$")


def _gains(axes: Axes, dataset: xr.Dataset) -> None:
    rows = range(dataset.sizes["phi"])
    for row, colour in zip(rows, COLOURS, strict=False):
        one = dataset.isel(phi=row)
        axes.plot([float(one.lower), MOST], [row, row], **stroke(row), linewidth=1.0)
        if one.endless < MOST:
            axes.plot([float(one.endless), MOST], [row, row], color=colour, linewidth=4.0, solid_capstyle="butt")
        axes.plot(one.lower, row, "o", color=colour, markersize=4.5, zorder=3)
        axes.plot(one.start, row, "o", color=colour, markerfacecolor="none", markersize=7.0, zorder=3)
        label = rf"${one.formula.values}$"
        axes.text(MOST, row - 0.22, label, ha="right", va="bottom", fontsize=8)
    axes.set(xlabel=r"gain $\kappa$", xlim=(LEAST, MOST), ylim=(rows[-1] + 0.5, -0.8), yticks=[])
    axes.spines["left"].set_visible(False)
    tag(axes, "b", r"feasible gains, by $\varphi$")


def _ends(axes: Axes, dataset: xr.Dataset) -> None:
    for row in range(dataset.sizes["phi"]):
        one, look = dataset.isel(phi=row), stroke(row)
        axes.plot(dataset.gain, one.largest_b2.where(np.isfinite(one.largest_b2)), **look)
        if one.endless < MOST:
            axes.plot(one.endless, HIGHEST, "^", color=look["color"], clip_on=False, zorder=3)
    axes.set(xlabel=r"gain $\kappa$", ylabel=r"largest feasible $\sigma_b^2$", yscale="log", ylim=(LOWEST, HIGHEST))
    axes.set(xlim=(LEAST, MOST))
    endless = Line2D([], [], color="black", linestyle="", marker="^", label="unbounded")
    axes.legend(handles=[endless], loc="upper right", bbox_to_anchor=(1, 0.95))
    tag(axes, "c", "end of the curve")
