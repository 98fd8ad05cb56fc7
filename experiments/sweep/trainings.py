"""Sweeps of the trainings in `experiments.training`: what their grids may say, and how their cells are trained."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from meanbits.experiments.sweep.grid import Grid, read_grid
from meanbits.experiments.sweep.run import Failure, Record, Trainer
from meanbits.experiments.training.settings import PARTS, Settings
from meanbits.theory.declarations.options import nearest

if TYPE_CHECKING:
    from meanbits.experiments.data import Dataset

GRIDS = Path(__file__).parents[1] / "grids"
# Of the lists in a record, by the first part of its name. `weight_layer` counts the readout, as the last.
DIMENSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "loss": ("epoch",), "q": ("pair", "layer"), "c": ("pair", "layer"), "pair_overlap": ("pair",),
    "polarised": ("weight_layer",), "sigma_m2": ("weight_layer",), "sigma_b2": ("weight_layer",),
})  # fmt: skip


def training_grid(text: str) -> Grid:
    """The grid of a TOML text whose keys are those of `Settings`; a surrogate may have options, as in a command line.

    Raises:
        GridError: as `read_grid`.
    """
    return read_grid(text, Settings, _settings)


def _settings(**values: Any) -> Settings:
    """Settings whose surrogate reads as on the command line: `deterministic --form paper --gain 1.5`."""
    given = values.pop("surrogate", Settings.surrogate)
    try:
        words = shlex.split(given) or [""]
    except ValueError as error:
        raise ValueError(f"surrogate = {given!r}: {error}") from None
    name, options = (Settings.surrogate, words) if words[0].startswith("--") else (words[0], words[1:])
    parts: dict[str, Any] = {}
    for option, value in _pairs(options):
        if option not in PARTS:
            raise ValueError(f"surrogate: unknown option --{option}{nearest(option, PARTS)}")
        if option in values or option in parts:
            raise ValueError(f"surrogate: --{option} {value} is given twice; leave one of the two out")
        parts[option] = _gain(value) if option == "gain" else value
    return Settings(surrogate=name, **parts, **values)


def _pairs(options: Sequence[str]) -> list[tuple[str, str]]:
    words = [word for option in options for word in (option.split("=", 1) if option.startswith("--") else [option])]
    names, given = words[::2], words[1::2]
    if len(names) != len(given) or not all(option.startswith("--") for option in names):
        raise ValueError(f"surrogate: '{' '.join(options)}' are no options; write them as in '--form paper --gain 1.5'")
    return [(option[2:], value) for option, value in zip(names, given, strict=True)]


def _gain(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"surrogate: --gain {text} is not a number; write for example 1.5") from None


def check_data(grid: Grid, data_dir: Path | None) -> tuple[str, ...]:
    """Load each data set of a grid once; what was done to data of one's own, a line each.

    Raises:
        DataError: it is unknown, missing or damaged, or smaller than a train_size.
    """
    from meanbits.experiments.data import PUBLISHED_SHA256, DataError, check_folder, load

    largest: dict[str, int] = {}
    for cell in grid.cells:
        name = cell.settings.dataset
        largest[name] = max(largest.get(name, 0), cell.settings.train_size or 0)
    if not any(name in PUBLISHED_SHA256 for name in largest):
        check_folder(min(largest), data_dir)
    notes: tuple[str, ...] = ()
    for name, size in largest.items():
        dataset = load(name, _folder(name, data_dir))
        images, notes = len(dataset.train_images), notes + dataset.notes
        if size > images:
            raise DataError(f"train_size = {size}: {name} has {images} training images; give {images} or less")
    return notes


def trainer(data_dir: Path | None, device: str) -> Trainer:
    """Trains cells of one shape as one computation."""
    return Trainer(partial(_train, data_dir, device), shape=lambda settings: settings.shape,
                   cost=lambda settings: settings.cost)  # fmt: skip


def batch_limit(device: str) -> int:
    """Cells trained as one computation at most: more use the caches of a processor no better, but fill a GPU."""
    return 8 if device == "cpu" else 64


def _train(data_dir: Path | None, device: str, cells: Sequence[Settings]) -> list[Record | Failure]:
    """In a worker, which alone needs Torch."""
    from meanbits.experiments.training.cells import train_cells_batched

    name = cells[0].dataset
    found = train_cells_batched(cells, device=device, dataset=_loaded(name, _folder(name, data_dir)))
    return [Failure(str(record)) if isinstance(record, Exception) else record for record in found]


@lru_cache(maxsize=1)
def _loaded(name: str, data_dir: Path | None) -> Dataset:
    """The data of the batch before, as a rule: unpacking MNIST costs as much as training a small network."""
    from meanbits.experiments.data import load

    return load(name, data_dir)


def _folder(name: str, data_dir: Path | None) -> Path | None:
    """The folder of published data, of a grid that may have others beside them."""
    from meanbits.experiments.data import PUBLISHED_SHA256

    return data_dir if name in PUBLISHED_SHA256 else None


def shipped(name: str) -> Path | None:
    """The grid of that name that comes with the program."""
    path = GRIDS / f"{name.removesuffix('.toml')}.toml"
    return path if path.is_file() else None


def shipped_names() -> list[str]:
    """Names of the grids that come with the program."""
    return sorted(path.stem for path in GRIDS.glob("*.toml"))
