"""A shipped grid trained for a figure, with the depth scales that theory gives its networks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from meanbits.experiments.data import DATASETS, load
from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.experiments.random_networks.propagation import VERSION
from meanbits.experiments.sweep.grid import Cell, Grid
from meanbits.experiments.sweep.ledger import opened
from meanbits.experiments.sweep.pools import Pool, available_cores, local_pool
from meanbits.experiments.sweep.results import results
from meanbits.experiments.sweep.run import run
from meanbits.experiments.sweep.trainings import DIMENSIONS, batch_limit, shipped, trainer, training_grid
from meanbits.experiments.training.settings import Settings, composed
from meanbits.experiments.training.trainable_depth import constant, trainable_depth
from meanbits.numerics.solvers.solve import FixedPoint, fixed_point
from meanbits.numerics.user_cache import cache_root
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import derive

CHANCE = 0.1  # of ten classes, which the data sets of figures have
FACTOR = 6  # of xi_c, in the paper's figure 2
AXES, FAILED = {"surrogate", "depth", "sigma_m2", "seed"}, 2
CURVE = np.linspace(0.02, 1, 197)
ACCURACY = "surrogate_train_accuracy"
PRESETS = {preset: preset for preset in ("smoke", "quick", "paper")}
SMOKE = "smoke"


class Here:
    """A pool that is this process, on one thread: small products gain nothing from more, and wait for each other's."""

    room = 1

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run the function at once."""
        import torch

        done, threads = Future[Any](), torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            done.set_result(function(*arguments))
        finally:
            torch.set_num_threads(threads)
        return done

    def renew(self) -> None:
        """Nothing: this process is alive."""


def chosen_grid(name: str, preset: str, seed: int, images: str | None = None) -> Grid:
    """The shipped grid `name`_`preset`, `seed` added to its seeds, on another data set if `images` names one.

    train_size is at most what the data set has.
    """
    path = shipped(f"{name}_{sized(preset, PRESETS)}")
    if path is None:
        raise ValueError(f"--preset {preset}: there is no grid {name}_{preset}")
    grid = training_grid(path.read_text(encoding="utf-8"))
    changes: dict[str, Any] = {}
    if images is not None and preset != SMOKE:
        changes["dataset"] = images
    if changes.get("dataset") == "digits":
        changes["train_size"] = len(load("digits").train_images)
    cells = (Cell(replace(cell.settings, seed=cell.settings.seed + seed, **changes)) for cell in grid.cells)
    axes = {name: tuple(int(value) + seed for value in values) if name == "seed" else values
            for name, values in grid.axes.items()}  # fmt: skip
    return Grid(grid.text, axes, tuple(cells))


def trained(
    name: str, preset: str, seed: int, tick: Tick, kept: Sequence[str], images: str | None, data_dir: Path | None
) -> tuple[Grid, xr.Dataset]:
    """A shipped grid and its results, of which the variables whose names begin with one of `kept`.

    Finished cells are kept in a ledger in the user's cache, so that a run cut short goes on; those of preset smoke are
    not. Preset paper trains on a GPU where there is one.

    Raises:
        ValueError: an unknown preset, or a ledger in use.
    """
    grid = chosen_grid(name, preset, seed, images)
    device = _device(preset)
    folder = None if data_dir is None else data_dir.absolute()
    with _ledger(grid, preset) as path, _pool(preset, device) as pool, opened(path, grid, resume=True) as book:
        run(grid, book, trainer(folder, device), pool, limit=batch_limit(device), tick=_from_one(tick))
        found = results(grid, book.rows(), DIMENSIONS)
    return grid, labelled(_kept(found, kept), preset, seed, device=device)


def trained_here(text: str) -> xr.Dataset:
    """The results of a grid given by its text, whose cells are trained in this process and kept nowhere."""
    grid = training_grid(text)
    with _ledger(grid, SMOKE) as path, opened(path, grid, resume=False) as book:
        run(grid, book, trainer(None, "cpu"), Here(), limit=batch_limit("cpu"))
        return results(grid, book.rows(), DIMENSIONS)


def swept(found: xr.Dataset, kept: Sequence[str]) -> tuple[Grid, xr.Dataset]:
    """The grid and the results of a sweep as far as it has come, as `trained`; nan where a cell is not done.

    Raises:
        ValueError: no results over depth and sigma_m2 (and surrogates, and seeds) of a data set of ten classes.
    """
    if "grid" not in found.attrs or "status" not in found:
        raise ValueError("--results: no results of a sweep; name a file that meanbits sweep or collect has written")
    axes, data = found.status.sizes, found.attrs.get("dataset")
    if not {"depth", "sigma_m2"} <= set(axes) <= AXES or min(axes["depth"], axes["sigma_m2"]) < 2:
        raise ValueError(f"--results: a sweep over {', '.join(map(str, axes)) or 'nothing'}; sweep several depth and "
                         "sigma_m2, besides them surrogate and seed alone")  # fmt: skip
    if data not in DATASETS or ACCURACY not in found:
        raise ValueError(f"--results: no accuracy on a data set of ten classes; sweep {', '.join(DATASETS)}")
    grid = training_grid(str(found.attrs["grid"]))
    return grid, _kept(found, kept)


def _kept(found: xr.Dataset, kept: Sequence[str]) -> xr.Dataset:
    """The variables whose names begin with one of `kept`; what fails to train is at chance and not left out."""
    shown = [each for each in found if str(each).startswith((*kept, "status", "seconds"))]
    return found[shown].assign({ACCURACY: found[ACCURACY].where(found.status != FAILED, CHANCE)})


def with_scales(grid: Grid, data: xr.Dataset) -> xr.Dataset:
    """The data, over surrogates, with xi_c: (surrogate, sigma_m2), layers; curve_xi_c: (surrogate, curve_m2)."""
    if "surrogate" not in grid.axes:
        data = data.expand_dims(surrogate=[str(tomllib.loads(grid.text).get("surrogate", Settings.surrogate))])
    along = {"sigma_m2": data.sigma_m2.values, "curve_m2": CURVE}
    found = {name: [scales(grid, _place(grid, str(each)), sigma_m2=means).xi_c for each in data.surrogate.values]
             for name, means in along.items()}  # fmt: skip
    named = {"xi_c": (("surrogate", "sigma_m2"), found["sigma_m2"]),
             "curve_xi_c": (("surrogate", "curve_m2"), found["curve_m2"])}  # fmt: skip
    return data.assign(named).assign_coords(curve_m2=CURVE)


def _place(grid: Grid, surrogate: str) -> dict[str, object]:
    return {"surrogate": surrogate} if "surrogate" in grid.axes else {}


def refuse(surrogate: Surrogate | None, figure_id: str) -> None:
    """ValueError for a surrogate: the grid names its own."""
    if surrogate is not None:
        raise ValueError(f"{surrogate.name}: figure {figure_id} trains the surrogates of its grid; leave S out, or "
                         "train a grid of your own with `meanbits sweep`")  # fmt: skip


def scales(grid: Grid, place: Mapping[str, object], **parameters: ArrayLike) -> FixedPoint:
    """The fixed point of the first cell at `place` on the axes of a grid, with other sigma_m2, sigma_b2 or gain."""
    cells = zip(grid.places, grid.cells, strict=True)
    settings = next(cell.settings for there, cell in cells if place.items() <= there.items())
    given = {"sigma_m2": settings.sigma_m2, "sigma_b2": settings.sigma_b2, "gain": settings.gain} | parameters
    return fixed_point(derive(composed(settings)), **given)


def fitted(data: xr.Dataset, axis: str, seed: int, told: xr.DataArray | None = None) -> xr.Dataset:
    """The dataset with trainable depths beside xi_c along `axis`, and the fit of k in depth = k xi_c.

    told: (axis,), where the fit takes its depths from; everywhere, if not given.

    With ... the dimensions other than depth, axis and seed, and [seed] the seeds where there are several: half: (...),
    the accuracy half way from chance to the best, to 1 where a cell is not done; trainable_depth and its kind: (...,
    axis, [seed]); k, k_low, k_high, k_scatter: (...), as `constant`; trains_beyond, beyond, trains_within, within:
    (...), how many of the networks done that are deeper than 6 xi_c there are and train, and of those that are not.
    """
    accuracy = data[ACCURACY] if "seed" in data.dims else data[ACCURACY].expand_dims("seed", -1)
    core = ["depth", axis, "seed"]
    half = (CHANCE + accuracy.max(core).where(accuracy.notnull().all(core), 1.0)) / 2
    depth, kind = xr.apply_ufunc(
        lambda line, level: trainable_depth(data.depth.values, line, float(level)), accuracy, half,
        input_core_dims=[["depth"], []], output_core_dims=[[], []], vectorize=True, output_dtypes=[float, int],
    )  # fmt: skip
    names, scale = ("k", "k_low", "k_high", "k_scatter"), data.xi_c if told is None else data.xi_c.where(told, np.inf)
    fits = xr.apply_ufunc(
        lambda *table: _parts(constant(table[0], table[1], table[2], seed)), depth, kind, scale,
        input_core_dims=[[axis, "seed"], [axis, "seed"], [axis]], output_core_dims=[[]] * len(names), vectorize=True,
        output_dtypes=[float] * len(names),
    )  # fmt: skip
    deep, done, trains = data.depth > FACTOR * data.xi_c, accuracy.notnull(), accuracy >= half
    beyond, within = done & deep, done & ~deep
    counts = {"trains_beyond": beyond & trains, "beyond": beyond, "trains_within": within & trains, "within": within}
    found = {"half": half, "trainable_depth": depth, "trainable_kind": kind, **dict(zip(names, fits, strict=True))}
    found |= {name: where.sum(core) for name, where in counts.items()}
    single = "seed" not in data.dims
    return data.assign({name: values.squeeze("seed") if single and "seed" in values.dims else values
                        for name, values in found.items()})  # fmt: skip


def _parts(found: Any) -> tuple[float, ...]:
    return found.k, found.low, found.high, found.scatter


def _from_one(tick: Tick) -> Callable[[int, int], None]:
    """Without the call before the first cell is done."""

    def told(done: int, total: int) -> None:
        if done:
            tick(done, total)

    return told


def _device(preset: str) -> str:
    if preset != "paper":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _pool(preset: str, device: str) -> AbstractContextManager[Pool]:
    if preset == SMOKE:
        return nullcontext(Here())
    return local_pool(1 if device == "cuda" else available_cores())


@contextmanager
def _ledger(grid: Grid, preset: str) -> Iterator[Path]:
    if preset == SMOKE:
        with TemporaryDirectory() as folder:
            yield Path(folder) / "ledger.sqlite"
        return
    cache = cache_root() / "sweeps" / VERSION
    cache.mkdir(parents=True, exist_ok=True)
    yield cache / f"{grid.id}.sqlite"
