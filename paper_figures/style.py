"""The look that all figures share, and writing them whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from meanbits.numerics.whole_files import write_bytes

COLUMN, DOUBLE_COLUMN = 3.3, 6.9  # inches
# Okabe & Ito 2008, "Color universal design": distinct with every kind of colour vision, dark enough for thin lines.
COLOURS = ("#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))
FAINT = "#9A9A9A"
EPONYMS = ("gaussian", "laplace", "cauchy")
FEASIBLE = "#E4EEF6"  # a part of the plane that is allowed

UNDATED = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}

STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.labelspacing": 0.2,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "lines.markeredgewidth": 0.8,
    "errorbar.capsize": 0.0,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}


@contextmanager
def figure(width: float = COLUMN, height: float = 2.4) -> Iterator[Figure]:
    """A figure in the shared style, sizes in inches, free of pyplot's global state; draw inside the `with`."""
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn


def tag(axes: Axes, letter: str, title: str) -> None:
    """Panel letter and title above the axes, flush left."""
    axes.set_title(rf"$\bf{{{letter}}}$  {title}", loc="left", pad=6)


def stroke(k: int) -> dict[str, object]:
    """Colour and dashes of the k-th line: told apart in print without colours too."""
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}


def marks(axes: Axes, k: int, x: ArrayLike, mean: ArrayLike, error: ArrayLike) -> None:
    """What random networks give, with standard errors, as marks of the k-th kind; its line is drawn beside them."""
    axes.errorbar(x, mean, error, color=COLOURS[k], marker=MARKERS[k], linestyle="none", markerfacecolor="white")


def entry(axes: Axes, k: int, label: str) -> None:
    """The line and marks of the k-th kind in the legend."""
    axes.plot([], [], **stroke(k), marker=MARKERS[k], markerfacecolor="white", label=label)


def provenance(dataset: xr.Dataset) -> str:
    """How a caption ends: the run a dataset comes from."""
    run = {name: dataset.attrs[name] for name in ("preset", "seed", "version") if name in dataset.attrs}
    return f". Run: {', '.join(f'{name} {value}' for name, value in run.items())}."


def noise_name(noise: str) -> str:
    """The name of a neuron noise in print."""
    return noise.capitalize() if noise in EPONYMS else noise


def save(drawn: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write name.pdf and name.png (300 dpi) to a folder, which is made; each file appears whole or not at all.

    Both are laid out alike: once, which takes half the time of drawing.
    """
    first = write(drawn, Path(folder) / f"{name}.pdf")
    drawn.set_layout_engine("none")
    return [first, write(drawn, Path(folder) / f"{name}.png")]


def write(drawn: Figure, path: str | Path) -> Path:
    """Write a .pdf, a .svg or a .png (300 dpi), whole or not at all; its folder is made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    drawn.savefig(content, format=path.suffix.lstrip("."), metadata=UNDATED.get(path.suffix, {}))
    write_bytes(path, content.getvalue())
    return path
