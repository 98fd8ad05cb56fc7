"""The local exponent of the depth scale over the number of levels."""

from __future__ import annotations

import math
from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import COLOURS, FAINT, figure, provenance, save

DASHED, DOTTED = (0, (5, 1.5)), (0, (1, 1))


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.blumenfeld_2019.exponent`'s dataset as exponent.pdf and .png in `folder`; their paths."""
    with figure(height=2.5) as drawn:
        axes = drawn.subplots()
        axes.axhline(2, color=FAINT, linewidth=0.6)
        axes.axhline(dataset.attrs["fitted"], color="black", linewidth=0.7, linestyle=(0, (3, 1, 1, 1)))
        axes.annotate(f"{dataset.attrs['fitted']:g}, fitted by the paper", (0.99, dataset.attrs["fitted"]), (0, -2),
                      xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", va="top",
                      fontsize=8)  # fmt: skip
        axes.semilogx(dataset.levels, dataset.free, color=COLOURS[1], linestyle=DOTTED, linewidth=1.4,
                      label="best levels")  # fmt: skip
        axes.semilogx(dataset.levels, dataset.law, color=COLOURS[2], linestyle=DASHED, label="law of many equal steps")
        axes.semilogx(dataset.levels, dataset.uniform, "-o", color=COLOURS[0], label="equal steps", markersize=2)
        axes.set(xlabel="levels $N$", ylabel=r"$d \ln \xi \,/\, d \ln N$", ylim=(1.55, 2.05))
        axes.legend(loc="lower right")
        return save(drawn, folder, "exponent")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    passes = dataset.attrs["passes"]
    where = f"It stays above from $N$ = {passes:.0f} on" if math.isfinite(passes) else "It is not yet above to stay"
    return (
        "Local exponent of the depth scale $\\xi = -1/\\ln \\chi$ of neurons of $N$ levels at the best weights, "
        f"without biases. The paper's {dataset.attrs['fitted']:g} is fitted over $N + 1$ from 3 to 1025. {where}, at "
        f"{dataset.levels[-1]:.0f} levels it is {float(dataset.uniform[-1]):.3f}, and it tends to 2 as $2 - 1/\\ln N$; "
        f"with levels placed best it comes to 2 within {abs(2 - _last(dataset.free)):.0e}{provenance(dataset)}"
    )


def _last(values: xr.DataArray) -> float:
    return float(values.dropna("levels")[-1])
