"""The figures that exist, by number, and the settings of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from experiments.report import Figure
from meanbits.files import unwritable_folder
from meanbits.options import fail
from theory.surrogates import Surrogate

Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Settings:
    """What a run was asked for; the data set is chosen by `data_dir` where none is named."""

    preset: str
    dataset: str
    data_dir: Path | None
    seed: int
    folder: Path

    @classmethod
    def checked(cls, preset: str, dataset: str | None, data_dir: Path | None, seed: int, folder: Path) -> Settings:
        """The settings, refused in one line where a file or folder does not serve."""
        from experiments.data import DataError, load

        reason = unwritable_folder(folder)
        if reason is not None:
            fail(f"--output {folder}: {reason}")
        chosen = dataset or ("digits" if data_dir is None else "mnist")
        if chosen == "digits" and data_dir is not None:
            fail(f"--data-dir {data_dir}: digits come with scikit-learn; leave it out, or name another --dataset")
        try:
            load(chosen, data_dir)
        except DataError as error:
            fail(f"--dataset {chosen}: {error}")
        return cls(preset, chosen, data_dir, seed, folder)

    def shown(self) -> dict[str, str | int]:
        """The settings, paths as text."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value if isinstance(value, int) else str(value) for name, value in given.items()}


def figure_1(surrogate: Surrogate, settings: Settings, tick: Tick) -> Figure:
    """Figure 1: q and c per layer, and the correlation map, theory against random networks."""
    from experiments.propagation import PRESETS, figure_1
    from numerics.datasets import save
    from paper_figures.figure_1 import draw

    preset = next(preset for preset in PRESETS if preset.name == settings.preset)
    measured = figure_1(surrogate, preset, settings.dataset, settings.data_dir, settings.seed, tick)
    settings.folder.mkdir(parents=True, exist_ok=True)
    data = settings.folder / "figure_1.nc"
    save(measured, data)
    caption = (f"{surrogate.name}: theory (lines) against random networks (mean and one standard deviation). Width "
               f"{preset.width}, {preset.realisations} realisations, depth {preset.depth}, image pairs of "
               f"{settings.dataset}, seed {settings.seed}, preset {preset.name}.")  # fmt: skip
    return Figure("Figure 1", caption, (*draw(measured, settings.folder), data))


FIGURES: MappingProxyType[str, Callable[[Surrogate, Settings, Tick], Figure]] = MappingProxyType({"1": figure_1})
