"""The replica collapse: overlaps per layer, and one layer's overlap against the next, for three treatments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from meanbits.paper_figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    FAINT,
    figure,
    noise_name,
    provenance,
    save,
    stroke,
    tag,
)

# The treatments coincide, so their markers are nested: each is seen inside the one before.
NESTED = (("o", 2.2, True), ("D", 4.0, False), ("o", 7.5, False))

SMALLER = 0.7  # in the last panel, where they are dense


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.replica_collapse`'s dataset as replica_collapse.pdf and .png; their paths."""
    networks = [str(name) for name in dataset.network.values]
    with figure(DOUBLE_COLUMN, 2.7) as drawn:
        panels = drawn.subplots(1, len(networks) + 1)
        for letter, axes, name in zip("abc", panels, networks, strict=False):
            _layers(axes, dataset.sel(network=name))
            tag(axes, letter, _title(name))
        panels[0].set(ylabel="overlap $r$")
        _collapse(panels[-1], dataset)
        tag(panels[-1], "abcd"[len(networks)], "layer by layer")
        _legend(drawn, dataset)
        return save(drawn, folder, "replica_collapse")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    attributes, z = dataset.attrs, float(np.abs(dataset.z).max())
    return (
        "Overlaps of two noise-independent runs of one input, $r_{aa}$, and of two inputs, $r_{ab}$, in the "
        "deterministic surrogate (where $r_{aa} = q/(1 + q)$ and $r_{ab} = c\\,r_{aa}$), in LRT and in the stochastic "
        f"network itself, weights and neurons drawn. Neurons: {' and '.join(map(str, dataset.network.values))}; "
        f"$\\sigma_m^2$ = {attributes['sigma_m2']:g}, $\\sigma_b^2$ = {attributes['sigma_b2']:g}, width "
        f"{attributes['width']}, {attributes['realisations']} networks each; bars are standard errors of the mean, "
        "mostly smaller than the markers. Lines: the orbits of $r' = g(r)$, and g itself on the right, where all "
        f"treatments and both overlaps of a network fall on one curve. Largest |z| against theory: {z:.1f} over "
        f"{dataset.z.size} comparisons{provenance(dataset)}"
    )


def _layers(axes: Axes, one: xr.Dataset) -> None:
    for k, (colour, overlap) in enumerate(zip(COLOURS, one.overlap.values, strict=False)):
        values = one.sel(overlap=overlap)
        axes.plot(one.layer, values.theory, **stroke(k))
        for style, treatment in zip(NESTED, one.treatment.values, strict=True):
            each = values.sel(treatment=treatment)
            axes.errorbar(one.layer, each["mean"], each.error, color=colour, elinewidth=0.7, **_marker(style, colour))
    axes.set(xlabel=r"layer $\ell$", ylim=(-0.03, 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def _collapse(axes: Axes, dataset: xr.Dataset) -> None:
    axes.axline((0, 0), (1, 1), color=FAINT, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    for network in dataset.network.values:
        one = dataset.sel(network=network)
        axes.plot(one.curve_in, one.curve_out, color="black", linewidth=0.8)
        for colour, overlap in zip(COLOURS, one.overlap.values, strict=False):
            for style, treatment in zip(NESTED, one.treatment.values, strict=True):
                r = one["mean"].sel(overlap=overlap, treatment=treatment)
                axes.plot(r[:-1], r[1:], **_marker(style, colour, SMALLER), color=colour)
        if dataset.sizes["network"] > 1:
            axes.annotate(_short(str(network)), (1, float(one.curve_out[-1])), xytext=(2, 0), fontsize=8,
                          textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
    axes.set(xlabel=r"$r^{\ell}$", ylabel=r"$r^{\ell + 1}$", xlim=(0, 1), ylim=(0, 1.0))


def _marker(style: tuple[str, float, bool], colour: str, scale: float = 1.0) -> dict[str, object]:
    marker, size, filled = style
    return {"linestyle": "", "marker": marker, "markersize": scale * size, "markeredgewidth": 0.7,
            "markerfacecolor": colour if filled else "none"}  # fmt: skip


def _title(network: str) -> str:
    kind, _, scale = network.partition(":")
    return network if "(" in network or not scale else rf"{noise_name(kind)} noise, $\alpha = {scale}$"


def _short(network: str) -> str:
    scale = network.partition(":")[2]
    return rf"$\alpha = {scale}$" if scale else network


def _legend(drawn: Figure, dataset: xr.Dataset) -> None:
    names = {"r_aa": r"$r_{aa}$", "r_ab": r"$r_{ab}$"}
    handles = [
        Line2D([], [], **stroke(k), label=names[str(overlap)]) for k, overlap in enumerate(dataset.overlap.values)
    ]
    handles += [
        Line2D([], [], color="black", label=str(treatment), **_marker(style, "black"))
        for style, treatment in zip(NESTED, dataset.treatment.values, strict=True)
    ]
    drawn.legend(handles=handles, loc="outside upper center", ncols=len(handles))
