"""Curvature, stretching and turning of a circle over depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.paper_figures.style import DOUBLE_COLUMN, figure, marks, provenance, save, stroke, tag

PANELS = (("curvature", r"$N q^* \kappa^2$", "curvature"), ("expansion", r"squared speed / first", "stretching"),
          ("turning", "turning / first", "turning"))  # fmt: skip


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.poole_2016.curves`'s dataset as curves.pdf and .png in `folder`; their paths."""
    every = max(1, dataset.sizes["layer"] // 10)
    with figure(DOUBLE_COLUMN, 2.4) as drawn:
        panels = drawn.subplots(1, 3)
        for axes, letter, (name, shown, title) in zip(panels, "abc", PANELS, strict=True):
            for k, sigma_w in enumerate(dataset.sigma_w.values):
                one = dataset.sel(sigma_w=sigma_w)
                seen = one.isel(layer=slice(None, None, every))
                axes.semilogy(one.layer, one[name], **stroke(k),
                              label=rf"$\sigma_w = {sigma_w:g}$")  # fmt: skip
                marks(axes, k, seen.layer, seen[f"{name}_mean"], seen[f"{name}_error"])
            axes.set(xlabel="layer", ylabel=shown)
            tag(axes, letter, title)
        drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return save(drawn, folder, "curves")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    slopes = ", ".join(f"{float(each):.3f}" for each in dataset.chi_1)
    off = {name: float(np.abs(dataset[f"{name}_mean"] / dataset[name] - 1).max()) for name, _, _ in PANELS}
    given = dataset.attrs
    return (
        f"A great circle of inputs through tanh networks, $\\sigma_b$ = {given['sigma_b']:g}, from fields at the fixed "
        "point. (a) Squared curvature. (b) Squared speed by the angle, which grows by $\\chi_1$ a layer, "
        f"{slopes}. (c) By how much the tangent turns, over the circle's: it grows for ever in the chaotic phase "
        f"alone. Lines: theory; marks: {given['networks']} random networks of width {given['width']}; the farthest "
        f"means are {off['curvature']:.0%}, {off['expansion']:.0%} and {off['turning']:.0%} off{provenance(dataset)}"
    )
