"""A phase diagram: depth scales over the parameters, with the lines where they are infinite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr

from meanbits.paper_figures.style import COLOURS, figure, write

LABELS = {"sigma_m2": r"$\sigma_m^2$", "sigma_b2": r"$\sigma_b^2$", "gain": r"gain $\kappa$"}
DEEPEST = 100.0  # layers; deeper is the last colour
DECADE = 10
MANY_POINTS = 30  # from here on a line needs no markers
PANELS = {"xi_c": ("chi_1", r"depth scale $\xi_c$ (layers)"), "xi_g": ("chi_g", r"depth scale $|\xi_g|$ (layers)")}


def draw(diagram: xr.Dataset, path: str | Path) -> Path:
    """xi_c, and xi_g where it is there, in layers on a logarithmic scale, with the line where chi_1, or chi_g, is 1.

    A diagram of one column or row is drawn as lines. .png or .pdf by the file's name.
    """
    along = [each for each in diagram.dims if diagram.sizes[each] > 1]
    if len(along) < 2:
        return _lines(diagram, str(along[0] if along else next(iter(diagram.dims))), path)
    shown = [name for name in PANELS if name in diagram]
    with figure(height=2.7 * len(shown)) as drawn:
        panels = np.atleast_1d(drawn.subplots(len(shown), 1))
        for axes, name in zip(panels, shown, strict=True):
            _panel(drawn, axes, diagram, name)
        panels[0].set_title(_title(diagram, len(shown) > 1), loc="left", fontsize=8)
        return write(drawn, path)


def _panel(drawn: Any, axes: Any, diagram: xr.Dataset, name: str) -> None:
    horizontal, vertical = "sigma_m2", next(each for each in diagram.dims if each != "sigma_m2")
    slope, label = PANELS[name]
    scale = np.abs(diagram[name].transpose(vertical, horizontal))
    filled = scale if "found" in diagram else scale.fillna(0)  # points without a fixed point stay empty
    norm = mpl.colors.LogNorm(0.3, DEEPEST)
    mesh = axes.pcolormesh(diagram[horizontal], diagram[vertical], filled.clip(0.3, DEEPEST), norm=norm, cmap="cividis",
                           shading="nearest", rasterized=True)  # fmt: skip
    steep = diagram[slope].transpose(vertical, horizontal)
    if min(steep.shape) > 1 and float(steep.min()) < 1 < float(steep.max()):
        steep = steep.where(np.isfinite(steep))
        axes.contour(diagram[horizontal], diagram[vertical], steep, levels=[1.0], colors="k", linewidths=1.0)
    axes.set(xlabel=LABELS[horizontal], ylabel=LABELS[vertical])
    drawn.colorbar(mesh, ax=axes, extend="both").set_label(label)


def _lines(diagram: xr.Dataset, axis: str, path: str | Path) -> Path:
    """Depth scales over the one parameter that varies."""
    one = diagram.squeeze([each for each in diagram.dims if each != axis])
    with figure() as drawn:
        axes = drawn.subplots()
        for (name, label), colour, dash in zip(LINES.items(), COLOURS, ("-", "--", ":"), strict=False):
            if name not in one:
                continue
            scale = one[name].where(np.isfinite(one[name]))
            marker = "o" if one.sizes[axis] < MANY_POINTS else ""
            axes.plot(one[axis], np.abs(scale), dash, color=colour, marker=marker, label=label(scale))
        axes.set(xlabel=LABELS[axis], ylabel="depth scale (layers)")
        low, high = axes.dataLim.intervaly
        if low > 0 and high > DECADE * low:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.15 * high if 0 < high < np.inf else 1)
        axes.legend()
        known = [name for name in diagram.dims if name != axis and not np.isnan(float(one[name]))]
        others = [f"{LABELS[str(name)]} $= {float(one[name]):.4g}$" for name in known]
        fixed = [rf"$\sigma_b^2 = {diagram.attrs['sigma_b2']:g}$"] if "sigma_b2" in diagram.attrs else []
        axes.set_title(", ".join([str(diagram.attrs["surrogate"]), *others, *fixed]), loc="left", fontsize=8)
        return write(drawn, path)


def _gradient_label(scale: xr.DataArray) -> str:
    ends = {bool(each) for each in (scale > 0).values[scale.notnull().values]}
    grows = {(True,): "gradients grow", (False,): "gradients vanish"}.get(tuple(ends), "gradients grow or vanish")
    return rf"$|\xi_g|$, {grows}"


LINES = {"xi_c": lambda _: r"$\xi_c$, inputs are forgotten", "xi_g": _gradient_label}


def _title(diagram: xr.Dataset, both: bool) -> str:
    fixed = rf", $\sigma_b^2 = {diagram.attrs['sigma_b2']:g}$" if "sigma_b2" in diagram.attrs else ""
    lines = r"lines: $\chi_1 = 1$, $\chi_g = 1$" if both else r"line: $\chi_1 = 1$"
    return rf"{diagram.attrs['surrogate']}{fixed}; {lines}"
