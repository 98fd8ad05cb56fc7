"""A phase diagram: depth scales over the parameters, with the lines where they are infinite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr

from meanbits.paper_figures.style import figure, write

LABELS = {"sigma_m2": r"$\sigma_m^2$", "sigma_b2": r"$\sigma_b^2$", "gain": r"gain $\kappa$"}
DEEPEST = 100.0  # layers; deeper is the last colour
PANELS = {"xi_c": ("chi_1", r"depth scale $\xi_c$ (layers)"), "xi_g": ("chi_g", r"depth scale $|\xi_g|$ (layers)")}


def draw(diagram: xr.Dataset, path: str | Path) -> Path:
    """xi_c, and xi_g where it is there, in layers on a logarithmic scale, with the line where chi_1, or chi_g, is 1.

    .png or .pdf by the file's name.
    """
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


def _title(diagram: xr.Dataset, both: bool) -> str:
    fixed = rf", $\sigma_b^2 = {diagram.attrs['sigma_b2']:g}$" if "sigma_b2" in diagram.attrs else ""
    lines = r"lines: $\chi_1 = 1$, $\chi_g = 1$" if both else r"line: $\chi_1 = 1$"
    return rf"{diagram.attrs['surrogate']}{fixed}; {lines}"
