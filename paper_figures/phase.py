"""A phase diagram: depth scale xi_c over the parameters, with the line chi_1 = 1."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr

from meanbits.paper_figures.style import figure, write

LABELS = {"sigma_m2": r"$\sigma_m^2$", "sigma_b2": r"$\sigma_b^2$", "gain": r"gain $\kappa$"}
DEEPEST = 100.0  # layers; deeper is the last colour


def draw(diagram: xr.Dataset, path: str | Path) -> Path:
    """xi_c in layers on a logarithmic scale, the line chi_1 = 1 where there is one; .png or .pdf by the file's name."""
    horizontal, vertical = "sigma_m2", next(name for name in diagram.dims if name != "sigma_m2")
    scale = np.abs(diagram["xi_c"].transpose(vertical, horizontal))
    with figure(height=2.7) as drawn:
        axes = drawn.subplots()
        norm = mpl.colors.LogNorm(0.3, DEEPEST)
        shown = scale.fillna(0).clip(0.3, DEEPEST)
        mesh = axes.pcolormesh(
            diagram[horizontal], diagram[vertical], shown, norm=norm, cmap="cividis", shading="nearest", rasterized=True
        )
        chi_1 = diagram["chi_1"].transpose(vertical, horizontal)
        if min(chi_1.shape) > 1 and float(chi_1.min()) < 1 < float(chi_1.max()):
            axes.contour(diagram[horizontal], diagram[vertical], chi_1, levels=[1.0], colors="k", linewidths=1.0)
        axes.set(xlabel=LABELS[horizontal], ylabel=LABELS[vertical])
        axes.set_title(_title(diagram), loc="left", fontsize=8)
        bar = drawn.colorbar(mesh, ax=axes, extend="both")
        bar.set_label(r"depth scale $\xi_c$ (layers)")
        return write(drawn, path)


def _title(diagram: xr.Dataset) -> str:
    fixed = rf", $\sigma_b^2 = {diagram.attrs['sigma_b2']:g}$" if "sigma_b2" in diagram.attrs else ""
    return rf"{diagram.attrs['surrogate']}{fixed}; line: $\chi_1 = 1$"
