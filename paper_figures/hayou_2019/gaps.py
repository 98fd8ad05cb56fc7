"""1 - c over depth on the edge of chaos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from meanbits.paper_figures.style import DOUBLE_COLUMN, FAINT, entry, figure, marks, provenance, save, stroke

SHOWN = 9  # marks along a curve
NEAR = 1.7  # of theory: a law is drawn from where it is no farther


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.hayou_2019.gaps`'s dataset as gaps.pdf and .png in `folder`; their paths."""
    shown_layers = np.unique(np.geomspace(1, dataset.sizes["layer"], SHOWN).round().astype(int)) - 1
    with figure(DOUBLE_COLUMN, 2.8) as drawn:
        axes = drawn.subplots()
        for k, name in enumerate(dataset.networks.values):
            one = dataset.sel(networks=name)
            axes.loglog(one.layer, one.law.where(one.law < NEAR * one.theory), color=FAINT, linewidth=1.8, zorder=0)
            axes.loglog(one.layer, one.theory, **stroke(k))
            shown = one.isel(layer=shown_layers)
            marks(axes, k, shown.layer, shown["mean"], shown.error)
            entry(axes, k, str(name))
        axes.set(xlabel="layer", ylabel="$1 - c$")
        drawn.legend(loc="outside upper center", ncols=4)
        return save(drawn, folder, "gaps")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    rows = zip(dataset.networks.values, dataset.amplitude.values, dataset.exponent.values, strict=True)
    laws = "; ".join(f"{name}: {amplitude:.4g} $l^{{-{exponent:g}}}$" for name, amplitude, exponent in rows)
    given = dataset.attrs
    return (
        "Distance of two inputs over the layers of networks on the edge of chaos, by activation and the variance $q$ "
        f"of the fields. Lines: theory; grey: its laws of many layers ({laws}); marks: {given['count']} random "
        f"networks of width {given['width']}, with standard errors{provenance(dataset)}"
    )
