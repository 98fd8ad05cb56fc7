"""Distance of surrogates from the stochastic network: divergence by width, sigma_m^2 and layer, error of the means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from meanbits.paper_figures.style import COLOURS, DOUBLE_COLUMN, FAINT, MARKERS, figure, provenance, save, tag

ROW_HEIGHT, LEGEND_HEIGHT = 1.75, 0.55  # inches
AXES = (("width", "width $N$"), ("sigma_m2", r"$\sigma_m^2$"), ("layer", r"layer $\ell$"))
HIDDEN = 2.0  # standard errors below which a sampled error is shown as a bound
WIDE = 30.0  # a larger range is drawn on a logarithmic scale
ROUNDING = 1e-12  # nats a neuron; less is zero
POWERS = {-0.5: (r"$N^{-1/2}$", 0, 6, "left"), -1.0: (r"$N^{-1}$", -1, -6, "right")}  # label, end, offset, side
FloatArray = NDArray[np.float64]


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw `figures.chain_distance`'s dataset as chain_distance.pdf and .png in `folder`; their paths.

    A row of panels for each stochastic network, a colour for what is done with it. Lines: divergence a neuron, dashed
    its part from the marginals. Errors of the means: arrows are bounds where sampling noise hides the error.
    """
    networks = list(dict.fromkeys(dataset.stands_for.values.tolist()))
    names = list(dict.fromkeys(dataset.surrogate.values.tolist()))
    styles = {name: (colour, marker) for name, colour, marker in zip(names, COLOURS, MARKERS, strict=False)}
    with figure(DOUBLE_COLUMN, ROW_HEIGHT * len(networks) + LEGEND_HEIGHT) as drawn:
        grid = drawn.subplots(len(networks), 4, squeeze=False)
        letters = iter("abcdefghijkl")
        for row, network in zip(grid, networks, strict=True):
            members = dataset.isel(surrogate=dataset.stands_for.values == network)
            for axes, (axis, label) in zip(row, AXES, strict=False):
                _divergence(axes, members, axis, label, styles)
                tag(axes, next(letters), "")
            row[0].set_ylabel("divergence / $N$ (nats)")
            row[0].set_title(f"{row[0].get_title(loc='left')} {_short(network)}", loc="left")
            _errors(row[3], members, styles)
            tag(row[3], next(letters), "")
        _legend(drawn, styles)
        return save(drawn, folder, "chain_distance")


def caption(dataset: xr.Dataset) -> str:
    """What is seen, and of which settings."""
    given = dataset.attrs
    rows = " and ".join(dict.fromkeys(dataset.stands_for.values.tolist()))
    coincide = ("Marginalised with and without matching differ in their marginals, and their solid lines coincide. "
                if "marginalised, matched" in dataset.surrogate.values else "")  # fmt: skip
    return ("Distance of surrogates from the stochastic network that they stand for, a row of panels each: "
            f"{rows}. First three columns: Kullback-Leibler divergence of the surrogate's joint law of a layer from "
            "that of the network, by enumeration of states, in nats a neuron (solid), and its part from the marginals "
            "alone (dashed; not shown below its standard error); the rest is dependence between neurons. Last column: "
            "root-mean-square error of the means E x of the neurons, by enumeration up to N = 12 and sampled above; "
            "arrows are upper bounds (2 standard errors) where sampling noise hides the error; grey: powers of N. "
            f"{coincide}Where not on the axis, N = {given['chain_width']}, layer {given['chain_layer']}, "
            f"$\\sigma_m^2 = {given['chain_sigma_m2']:g}$; "
            f"$\\sigma_b^2 = {given['sigma_b2']:g}$, two-point weight means, "
            f"known inputs. Means and standard errors over {given['networks']} random networks "
            f"({given['sampled_networks']}, of {given['runs']} runs, where sampled){provenance(dataset)}")  # fmt: skip


def _short(network: str) -> str:
    """The neurons of a network."""
    _, _, neurons = network.partition(" weights, ")
    return neurons.replace("stochastic (", "").replace(")", "")


def _divergence(axes: Axes, members: xr.Dataset, axis: str, label: str, styles: dict[str, tuple[str, str]]) -> None:
    for index, name in enumerate(members.surrogate.values.tolist()):
        colour, marker = styles[name]
        one = members.isel(surrogate=index)
        values, error = (one[f"kl_by_{axis}{suffix}"] for suffix in ("", "_error"))
        shown = values.where(values > ROUNDING)
        axes.errorbar(one[axis], shown, np.minimum(error, 0.9 * values), color=colour, marker=marker,
                      markerfacecolor="white", elinewidth=0.7)  # fmt: skip
        part, uncertain = (one[f"marginals_by_{axis}{suffix}"] for suffix in ("", "_error"))
        axes.plot(
            one[axis],
            part.where(part > np.maximum(uncertain, ROUNDING)),
            color=colour,
            linestyle=(0, (3, 2)),
            linewidth=0.8,
            zorder=1,
        )
    found = members[f"kl_by_{axis}"]
    if found.max() > WIDE * found.min():
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, None)
    axes.set_xlabel(label)
    if axis != "sigma_m2":
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _errors(axes: Axes, members: xr.Dataset, styles: dict[str, tuple[str, str]]) -> None:
    widths = members.any_width.values
    for index, name in enumerate(members.surrogate.values.tolist()):
        colour, marker = styles[name]
        square, error = (members[f"mean_square_error{suffix}"].values[index] for suffix in ("", "_error"))
        is_hidden = square < HIDDEN * error
        root = np.sqrt(np.where(is_hidden, np.nan, square))
        bar = np.where(is_hidden, np.nan, error) / (2 * root)
        axes.errorbar(widths, root, bar, color=colour, marker=marker, markerfacecolor="white", elinewidth=0.7)
        bound = np.sqrt(np.maximum(square, 0) + HIDDEN * error)[is_hidden]
        axes.plot(widths[is_hidden], bound, linestyle="", marker=r"$\downarrow$", markersize=4.5, color=colour)
    axes.set(xlabel="width $N$", ylabel=r"rms error of ${\rm E}\,x$", xscale="log", yscale="log")
    axes.set_xticks(shown := _apart(widths), [f"{width:g}" for width in shown])
    axes.xaxis.set_minor_formatter(NullFormatter())
    for power in POWERS:
        _power(axes, members, power)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _apart(widths: FloatArray) -> list[float]:
    """Those of increasing widths that leave room for their labels on a logarithmic axis."""
    shown = [widths[0]]
    for width in widths:
        if width >= 3 * shown[-1]:
            shown.append(width)
    return shown


def _power(axes: Axes, members: xr.Dataset, power: float) -> None:
    """A grey guide line from above the largest error at the smallest width; its label where the panel is empty."""
    widths = members.any_width.values
    start, lowest = 1.3 * np.sqrt(members.mean_square_error.values[:, 0].max()), axes.get_ylim()[0]
    widths = widths[start * (widths / widths[0]) ** power > lowest]
    heights = start * (widths / widths[0]) ** power
    axes.plot(widths, heights, color=FAINT, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    label, at, offset, side = POWERS[power]
    axes.annotate(label, (widths[at], heights[at]), xytext=(offset, 0), textcoords="offset points", ha=side, fontsize=7,
                  color="0.4")  # fmt: skip


def _legend(drawn: Figure, styles: dict[str, tuple[str, str]]) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, markerfacecolor="white", label=name)
        for name, (colour, marker) in styles.items()
    ]
    handles.append(Line2D([], [], color="black", linestyle=(0, (3, 2)), linewidth=0.8, label="by marginals"))
    drawn.legend(handles=handles, loc="outside upper center", ncols=3)
