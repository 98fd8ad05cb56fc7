"""Figure 4: critical curves in the (sigma_m^2, sigma_b^2) plane, one panel a form, and the part that is feasible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from meanbits.paper_figures.style import (
    COLOURS,
    COLUMN,
    DOUBLE_COLUMN,
    FEASIBLE,
    figure,
    noise_name,
    provenance,
    save,
    tag,
)

TITLES = {
    "paper": "paper form",
    "matched": "matched",
    "exact": "exact",
}
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (2, 1)))
TALLEST = 1.25


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.critical_curves`'s dataset as critical_curves.pdf and .png in `folder`; their paths.

    A dot marks where a curve starts, q -> 0, a circle where it ends; the shaded part of the plane is what
    binary weights allow.
    """
    forms = [str(form) for form in dataset.form.values]
    with figure(DOUBLE_COLUMN if len(forms) > 1 else COLUMN, 2.75) as drawn:
        panels = drawn.subplots(1, len(forms), sharex=True, sharey=True, squeeze=False)[0]
        for letter, axes, form in zip("abc", panels, forms, strict=False):
            _panel(axes, dataset.sel(form=form))
            axes.set(xlabel=r"$\sigma_m^2$")
            several = form == "paper" and len(forms) > 1
            tag(axes, letter, f"{TITLES[form]}, unit slope at 0" if several else TITLES[form])
        panels[0].set(ylabel=r"$\sigma_b^2$", ylim=(-0.03, TALLEST), xlim=_limits(dataset))
        _legend(drawn, dataset)
        return save(drawn, folder, "critical_curves")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    starts = {form: dataset.sigma_m2.sel(form=form).isel(point=0) for form in dataset.form.values}
    least = {form: float(dataset.sigma_m2.sel(form=form).min()) for form in dataset.form.values}
    seen = "; ".join(
        f"{form}: the curves start at $\\sigma_m^2$ = {_range(starts[form])} and come down to {least[form]:.4g}"
        for form in dataset.form.values
    )
    return (
        f"Critical curves of the deterministic surrogate ({dataset.attrs['surrogate']}): along them c = 1 is a fixed "
        "point of slope 1. Dots: q -> 0; circles: q -> infinity. Shaded: what binary weights allow, "
        f"$0 \\leq \\sigma_m^2 \\leq 1$; nothing else can be used. By form, {seen}. Noise of scale "
        f"{dataset.attrs['noise_scale']:g} in the exact and the matched form; q from {float(dataset.q.min()):g} to "
        f"{float(dataset.q.max()):g} in {dataset.sizes['point']} steps{provenance(dataset)}"
    )


def _panel(axes: Axes, one: xr.Dataset) -> None:
    axes.axvspan(0, 1, color=FEASIBLE, linewidth=0, zorder=0)
    for colour, dash, noise in zip(COLOURS, DASHES, one.noise.values, strict=False):
        curve = one.sel(noise=noise)
        if not np.all(np.isnan(curve.sigma_m2)):
            axes.plot(curve.sigma_m2, curve.sigma_b2, color=colour, linestyle=dash)
            axes.plot(curve.sigma_m2[0], curve.sigma_b2[0], "o", color=colour, clip_on=False, zorder=3)
            axes.plot(curve.sigma_m2[-1], curve.sigma_b2[-1], "o", color=colour, markerfacecolor="white", zorder=3)


def _limits(dataset: xr.Dataset) -> tuple[float, float]:
    seen = dataset.sigma_m2.where(dataset.sigma_b2 < TALLEST)
    return min(0.5, float(seen.min()) - 0.05), max(1.0, float(seen.max())) + 0.1


def _range(values: xr.DataArray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.3g}" if high - low < 0.005 else f"{low:.3g} to {high:.3g}"


def _legend(drawn: Figure, dataset: xr.Dataset) -> None:
    handles = [
        Line2D(
            [], [], color=colour, linestyle=dash, label="sign (no noise)" if noise == "none" else noise_name(str(noise))
        )
        for colour, dash, noise in zip(COLOURS, DASHES, dataset.noise.values, strict=False)
    ]
    handles.append(Patch(color=FEASIBLE, label="feasible"))
    drawn.legend(handles=handles, loc="outside upper center", ncols=len(handles) if dataset.sizes["form"] > 1 else 2)
