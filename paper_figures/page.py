"""The static pictures of a page, as SVG that stands inside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup, escape

from meanbits.paper_figures.phase import draw as draw_plane
from meanbits.paper_figures.style import COLOURS, FAINT, figure, write

PROLOG = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def maps_picture(dataset: xr.Dataset, path: Path) -> Path:
    """The correlation map with its fixed point."""
    with figure() as drawn:
        axes = drawn.subplots()
        axes.plot(dataset.c, dataset.c, "--", color=FAINT)
        axes.plot(dataset.c, dataset.after, color=COLOURS[0])
        axes.plot(dataset.fixed, dataset.fixed, "o", color=COLOURS[2], markersize=5)
        axes.set(xlabel="$c$", ylabel="$c'$", title=_at(dataset))
        return write(drawn, path)


def layers_picture(dataset: xr.Dataset, path: Path) -> Path:
    """Correlations layer by layer."""
    with figure() as drawn:
        axes = drawn.subplots()
        for start, colour in zip(dataset.start.values, COLOURS, strict=False):
            axes.plot(dataset.layer, dataset.c.sel(start=start), color=colour, marker="o", label=f"from {start:g}")
        axes.set(xlabel="layer", ylabel="$c$", title=_at(dataset))
        axes.legend()
        return write(drawn, path)


def plane_picture(dataset: xr.Dataset, path: Path) -> Path:
    """Depth scales over the variances."""
    return draw_plane(dataset, path)


def _at(dataset: xr.Dataset) -> str:
    values = [rf"$\sigma_b^2 = {dataset.attrs['sigma_b2']:.4g}$"]
    if not np.isnan(dataset.attrs["sigma_m2"]):
        values.insert(0, rf"$\sigma_m^2 = {dataset.attrs['sigma_m2']:.4g}$")
    return ", ".join(values)


def inline_svg(draw: Callable[[Any, Path], Path], dataset: xr.Dataset, label: str) -> Markup:
    """A picture as an svg element that says what it shows."""
    with TemporaryDirectory() as folder:
        text = draw(dataset, Path(folder) / "picture.svg").read_text(encoding="utf-8")
    element = METADATA.sub("", PROLOG.sub("", text, count=1))
    return Markup(element.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))
