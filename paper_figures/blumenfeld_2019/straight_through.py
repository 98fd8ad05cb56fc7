"""Signals forward and gradients backward over the variance of the weights."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, figure, provenance, save, tag

DASHES = ((0, (1, 1)), (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), "-")
WIDEST = 1.8


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.blumenfeld_2019.straight_through`'s dataset as straight_through.pdf and .png; their paths."""
    with figure(DOUBLE_COLUMN, 2.5) as drawn:
        left, right = drawn.subplots(1, 2, sharex=True)
        for colour, dash, levels in zip(COLOURS, DASHES, dataset.levels.values, strict=False):
            one = dataset.sel(levels=levels)
            left.plot(one.sigma_m2, one.chi, color=colour, linestyle=dash, label=f"$N = {levels}$")
            left.plot(one.best, one.chi.max(), "o", color=colour)
            right.plot(one.sigma_m2, one.growth, color=colour, linestyle=dash, label=f"$N = {levels}$")
            right.plot(one.balanced, 1, "s", color=colour, markerfacecolor="white", zorder=3)
            right.plot(one.best, one.growth_at_best, "o", color=colour)
        right.axhline(1, color=FAINT, linewidth=0.6, zorder=0)
        left.set(xlabel=r"$\sigma_w^2$", ylabel=r"$\chi$", xlim=(0.85, WIDEST), ylim=(0.6, 1.01))
        right.set(xlabel=r"$\sigma_w^2$", ylabel=r"$\chi_g$", ylim=(0.75, 1.3))
        tag(left, "a", "forward: correlations, a layer")
        tag(right, "b", "backward: squared gradients, a layer")
        right.legend(loc="lower right")
        return save(drawn, folder, "straight_through")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    ratios = zip(dataset.levels.values, (dataset.balanced / dataset.best).values, strict=True)
    apart = ", ".join(f"{ratio:.3f} at $N$ = {levels}" for levels, ratio in ratios)
    return (
        "Neurons of $N$ levels from -1 to 1, thresholds as far apart, without biases; gradients see slope 1 where "
        "$|h| < 1$. (a) $\\chi$, what correlations are multiplied by a layer near $c = 0$; dots: the largest. (b) "
        "$\\chi_g$, what squared gradients are multiplied by; dots: at the weights of the largest $\\chi$, squares: "
        f"where they keep their size. The latter weights have a $\\sigma_w^2$ larger by the factor {apart}"
        f"{provenance(dataset)}"
    )
