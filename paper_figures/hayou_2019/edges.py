"""Edges of chaos in the plane."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import COLOURS, DASHES, figure, provenance, save


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.hayou_2019.edges`'s dataset as edges.pdf and .png in `folder`; their paths."""
    with figure(height=2.6) as drawn:
        axes = drawn.subplots()
        for colour, dash, name in zip(COLOURS, DASHES, dataset.neurons.values, strict=False):
            one = dataset.sel(neurons=name)
            if float(one.sigma_b.max()) > 0:
                axes.plot(one.sigma_b, one.sigma_w, color=colour, linestyle=dash, label=str(name))
            else:
                axes.plot(one.sigma_b, one.sigma_w, "o", color=colour, label=str(name), clip_on=False, zorder=4)
        axes.set(xlabel=r"$\sigma_b$", ylabel=r"$\sigma_w$", xlim=(0, 2), ylim=(0.8, 3))
        axes.legend(loc="upper left")
        return save(drawn, folder, "edges")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    relu = dataset.sel(neurons="relu")
    return (
        "Edges of chaos, $\\chi_1 = 1$ at a stable fixed point, of networks with real weights: ordered below, chaotic "
        f"above. That of relu is one point, $\\sigma_b$ = 0, $\\sigma_w$ = {float(relu.sigma_w.max()):.4f}"
        f"{provenance(dataset)}"
    )
