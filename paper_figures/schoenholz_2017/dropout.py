"""Correlation and depth scale over the weights, a curve a rate of dropout."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import DOUBLE_COLUMN, entry, figure, marks, provenance, save, stroke, tag


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.schoenholz_2017.dropout`'s dataset as dropout.pdf and .png in `folder`; their paths."""
    with figure(DOUBLE_COLUMN, 2.6) as drawn:
        left, right = drawn.subplots(1, 2)
        for k, dropped in enumerate(dataset.dropped.values):
            one = dataset.sel(dropped=dropped)
            style = stroke(k)
            left.plot(one.sigma_w2, one.c, **style)
            marks(left, k, one.weights, one.c_seen, one.c_error)
            right.semilogy(one.sigma_w2, one.xi_c, **style)
            entry(left, k, f"{dropped:.0%} dropped")
        left.set(xlabel=r"$\sigma_w^2$", ylabel="$c^*$", ylim=(0, 1.03))
        right.set(xlabel=r"$\sigma_w^2$", ylabel=r"$\xi_c$  (layers)", ylim=(0.5, 300))
        tag(left, "a", "where correlations come to")
        tag(right, "b", "in how many layers")
        drawn.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
        return save(drawn, folder, "dropout")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    given = dataset.attrs
    dropped = [each for each in dataset.dropped.values if each > 0]
    longest = ", ".join(f"{float(dataset.xi_c.sel(dropped=each).max()):.1f} ({each:.0%})" for each in dropped)
    return (
        f"Tanh networks with dropout, $\\sigma_b^2$ = {given['sigma_b2']:g}. (a) The correlation that two inputs come "
        f"to, or two runs of one. Lines: theory; marks: behind {given['depth']} layers from there, "
        f"{given['networks']} random networks of width {given['width']}, with standard errors. (b) Depth scale: with "
        f"dropout it has no singularity; its largest value is {longest} layers{provenance(dataset)}"
    )
