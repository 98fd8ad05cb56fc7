"""Figure 5: depth scales xi_c and xi_q against sigma_m, a column a surrogate, a line a sigma_b^2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meanbits.paper_figures.style import COLOURS, COLUMN, DOUBLE_COLUMN, figure, provenance, save, tag

ROWS = {"xi_c": r"$\xi_c$ (layers)", "xi_q": r"$\xi_q$ (layers)"}
LOWEST, HIGHEST = 0.08, 300.0  # layers
DASHES = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1)))


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.depth_scales`'s dataset as depth_scales.pdf and .png in `folder`; their paths.

    Infinite depth scales are triangles at the upper edge.
    """
    columns = dataset.sizes["surrogate"]
    with figure(DOUBLE_COLUMN if columns > 1 else COLUMN, 3.6) as drawn:
        panels = drawn.subplots(len(ROWS), columns, sharex=True, sharey=True, squeeze=False)
        letters = iter("abcdefgh")
        for (name, label), row in zip(ROWS.items(), panels, strict=True):
            for axes, surrogate in zip(row, dataset.surrogate.values, strict=True):
                one = dataset.sel(surrogate=surrogate)
                _panel(axes, one, name)
                tag(axes, next(letters), _title(str(surrogate)) if name == "xi_c" else "")
                axes.label_outer()
            row[0].set_ylabel(label)
        for axes, surrogate in zip(panels[0], dataset.surrogate.values, strict=True):
            _bound(axes, dataset.sel(surrogate=surrogate))
        for axes in panels[-1]:
            axes.set_xlabel(r"$\sigma_m$")
        panels[0, 0].set(yscale="log", xlim=(0, 1.02), ylim=(LOWEST, HIGHEST), xticks=(0, 0.5, 1))
        panels[0, 0].set_yticks((0.1, 1, 10, 100), labels=("0.1", "1", "10", "100"))
        _legend(drawn, dataset)
        return save(drawn, folder, "depth_scales")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    corner = "; ".join(
        f"{name}: {f'{value:.2f} layers' if np.isfinite(value) else 'infinite'}"
        for name, value in zip(dataset.surrogate.values, dataset.deepest.values, strict=True)
    )
    constant = [str(name) for name in dataset.surrogate.values if float(dataset.xi_q.sel(surrogate=name).max()) == 0]
    settled = f" Where q is constant from the first layer on, $\\xi_q = 0$ ({', '.join(constant)})." if constant else ""
    return (
        "Depth scales of the correlation, $\\xi_c$, and of the variance, $\\xi_q$, against $\\sigma_m$, for "
        f"$\\sigma_b^2$ = {', '.join(f'{value:g}' for value in dataset.sigma_b2.values)}. Triangles at the upper edge: "
        f"infinite. $\\xi_c$ at $\\sigma_m = 1$, $\\sigma_b = 0$, dashed where finite: {corner}.{settled} "
        f"{dataset.sizes['sigma_m']} values of $\\sigma_m${provenance(dataset)}"
    )


def _panel(axes: Axes, one: xr.Dataset, name: str) -> None:
    for colour, dash, biases in zip(COLOURS, DASHES, one.sigma_b2.values, strict=False):
        scale = one[name].sel(sigma_b2=biases)
        axes.plot(scale.sigma_m, scale.where(np.isfinite(scale)), color=colour, linestyle=dash)
        infinite = scale.sigma_m[np.isinf(scale)]
        if infinite.size:
            few = infinite[np.linspace(0, infinite.size - 1, min(infinite.size, 6)).round().astype(int)]
            axes.plot(few, np.full(few.size, HIGHEST), "^", color=colour, clip_on=False, zorder=3)
    if float(one[name].max()) == 0:
        axes.text(0.5, 0.5, r"$\xi_q = 0$", transform=axes.transAxes, ha="center", va="center")


def _bound(axes: Axes, one: xr.Dataset) -> None:
    deepest, formula = float(one.deepest), str(one.deepest_formula.values)
    if np.isfinite(deepest):
        axes.axhline(deepest, color="#707070", linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        shown = rf"${formula} = {deepest:.2f}$" if formula else f"${deepest:.2f}$"
        axes.annotate(shown, (0.06, deepest), xytext=(0, 2), textcoords="offset points", va="bottom", fontsize=8)


def _title(surrogate: str) -> str:
    return ",\n".join(surrogate.split(", ", 1))


def _legend(drawn: Figure, dataset: xr.Dataset) -> None:
    handles = [
        Line2D([], [], color=colour, linestyle=dash, label=rf"$\sigma_b^2 = {biases:g}$")
        for colour, dash, biases in zip(COLOURS, DASHES, dataset.sigma_b2.values, strict=False)
    ]
    handles.append(Line2D([], [], color="black", linestyle="", marker="^", label="infinite"))
    drawn.legend(
        handles=handles, loc="outside upper center", ncols=len(handles) if dataset.sizes["surrogate"] > 1 else 3
    )
