"""Growth of squared gradients a layer over the width."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import FAINT, entry, figure, marks, provenance, save, stroke


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.sari_2019.growth`'s dataset as growth.pdf and .png in `folder`; their paths."""
    with figure(height=2.9) as drawn:
        axes = drawn.subplots()
        axes.axhline(1, color=FAINT, linewidth=0.6)
        for k, kind in enumerate(dataset.kind.values):
            one = dataset.sel(kind=kind)
            axes.loglog(one.width, one.theory, **stroke(k))
            marks(axes, k, one.seen_width, one["mean"], one.error)
            entry(axes, k, str(kind))
        axes.set(xlabel="width $N$", ylabel="growth of squared gradients")
        drawn.legend(loc="outside upper center", ncols=1)
        return save(drawn, folder, "growth")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    return (
        "What a layer of sign neurons with slope clip and fixed signs as weights multiplies squared gradients by, over "
        "its width. Without a norm, weights $\\pm 1$ make gradients explode, as $\\sqrt{2N/\\pi}$, and weights $\\pm "
        "1/\\sqrt N$ let them vanish as behind batch norm, whatever the weights there. Lines: theory of large widths; "
        f"marks: {dataset.attrs['networks']} random networks each, with standard errors{provenance(dataset)}"
    )
