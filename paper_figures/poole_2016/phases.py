"""Length and correlation at the fixed point over the plane, with the edge of chaos."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import DOUBLE_COLUMN, MARKERS, figure, provenance, save, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.poole_2016.phases`'s dataset as phases.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.4) as drawn:
        panels = drawn.subplots(1, 3, sharey=True)
        names = (("q", "$q^*$"), ("c", "$c^*$"), ("chi_1", r"$\chi_1$"))
        for axes, letter, (name, shown) in zip(panels, "abc", names, strict=True):
            plane = axes.pcolormesh(dataset.sigma_b, dataset.sigma_w, dataset[name], shading="nearest", cmap="viridis",
                                    rasterized=True)  # fmt: skip
            drawn.colorbar(plane, ax=axes, pad=0.02)
            axes.plot(dataset.edge_b, dataset.edge_w, color="white", linewidth=1.6)
            axes.plot(dataset.edge_b, dataset.edge_w, color="black", linewidth=1.0, linestyle=(0, (3, 1.5)))
            for marker, sigma_w in zip(MARKERS, dataset.marked.values, strict=False):
                axes.plot(dataset.attrs["marked_b"], sigma_w, marker, color="white", markeredgecolor="black")
            axes.set(xlabel=r"$\sigma_b$", xlim=(0, 4), ylim=(1, 5))
            tag(axes, letter, shown)
        panels[0].set(ylabel=r"$\sigma_w$")
        return save(drawn, folder, "phases")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    return (
        "Fixed points of tanh networks. (a) Squared length a unit. (b) Correlation that two inputs come to. (c) Slope "
        "of the correlation map at $c = 1$. Dashed: the edge of chaos, $\\chi_1 = 1$; above it $c^* < 1$. Marks: the "
        f"networks of the other figures. The scales end at $q^*$ = {float(dataset.q.max()):.1f} and $\\chi_1$ = "
        f"{float(dataset.chi_1.max()):.2f} (the paper's: 38 and 3){provenance(dataset)}"
    )
