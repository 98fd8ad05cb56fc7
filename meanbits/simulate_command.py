"""The command that simulates random networks beside their theory: simulate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from meanbits.layer_options import block_options
from meanbits.options import Command, fail, json_option
from meanbits.present import cell, filled, json_text, notice, notices, progress, table
from meanbits.simulate_blocks import COLUMNS, FORMS, simulate_blocks
from meanbits.simulation_options import simulation_options

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.experiments.data import ImagePair
    from meanbits.experiments.random_networks.measurements import Moments
    from meanbits.experiments.random_networks.simulation import Expected, Simulation
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

Z_LIMIT = 4.0
OVERLAP, DEPTH = 0.5, 10
SAVED = {"width": int, "depth": int, "sigma_m2": float, "sigma_b2": float, "means": str, "seed": int}


@click.command(
    cls=Command,
    epilog="\b\nExample: meanbits simulate deterministic --width 1000 --depth 20 --realisations 50 --sigma-m2 0.5",
)
@block_options
@simulation_options
@json_option
@click.pass_context
def simulate(ctx: click.Context, subject: Surrogate | Layer, as_json: bool, **options: Any) -> None:
    """Random networks against theory, layer by layer.

    Mean over networks and its standard error, theory, and z, of the field variance q, the correlation c of two inputs
    and the total field variance T. A seed gives the same networks whatever the number of workers and the device. With a
    norm, dropout, scale or skip the network itself is simulated, from Gaussian first fields, and its gradients with it.
    """
    from meanbits.theory.declarations.layer import Layer

    if isinstance(subject, Layer):
        simulate_blocks(ctx, subject, options, as_json)
        return
    if options.pop("batch") is not None:
        fail(f"--batch: {subject.name} has no batch norm; leave it out")
    from meanbits.experiments.random_networks.simulation import at_width, finished

    names = ("output", "extend", "realisations", "workers", "finite_width")
    output, extended, realisations, workers, finite_width = (options.pop(name) for name in names)
    target = output or extended
    if target is not None:
        _check_output(target)
    try:
        if extended is not None:
            options |= _saved_options(ctx, extended)
        simulation = _simulation(subject, **options)
        before = None if extended is None else finished(simulation, extended)
        workers = _workers(simulation, realisations, workers)
        expected = _expected(simulation)
        moments = _run(simulation, realisations, before, workers, expected, target)
        if finite_width and expected is not None:
            with progress("networks of half the width") as tick:
                expected = at_width(simulation, moments.count, workers, tick)
            _save(simulation, moments, expected, target)
    except ValueError as error:
        fail(str(error))
    _report(simulation, moments, expected, target, as_json, finite_width)


def _check_output(path: Path) -> None:
    from meanbits.files import unwritable_file
    from meanbits.numerics.datasets import is_ours

    reason = unwritable_file(path) if path.suffix == ".nc" else "the name must end in .nc"
    if reason is None and path.exists() and not is_ours(path):
        reason = "it exists and is no dataset of meanbits; name another file"
    if reason is not None:
        fail(f"--output {path}: {reason}")


def _saved_options(ctx: click.Context, path: Path) -> dict[str, Any]:
    """The options of a saved run that the command line does not give."""
    from meanbits.experiments.random_networks.simulation import saved_run

    saved = saved_run(path).attrs
    inputs = {"overlap": float(saved["overlap"])} if saved["inputs"] == "overlap" else {"dataset": saved["inputs"]}
    kinds = {name: saved["kind"] == name for name in ("network", "replicas")}
    stored = {name: kind(saved[name]) for name, kind in SAVED.items()} | inputs | kinds
    typed = ParameterSource.COMMANDLINE
    return {name: value for name, value in stored.items() if ctx.get_parameter_source(name) is not typed}


def _simulation(
    surrogate: Surrogate,
    *,
    width: int,
    depth: int | None,
    sigma_m2: float | None,
    sigma_b2: float,
    means: str,
    overlap: float | None,
    dataset: str | None,
    data_dir: Path | None,
    network: bool,
    replicas: bool,
    device: str,
    seed: int,
) -> Simulation:
    from meanbits.experiments.random_networks.devices import device_of
    from meanbits.experiments.random_networks.memory import require_memory
    from meanbits.experiments.random_networks.simulation import Simulation
    from meanbits.numerics.solvers.phase import available_memory
    from meanbits.point import require_field

    if network and replicas:
        fail("--network beside --replicas, which are those of the network; give one of the two")
    if dataset is not None and overlap is not None:
        fail(
            f"--overlap {overlap:g} beside --dataset {dataset}, whose images have one of their own; give one of the two"
        )
    if dataset is None and data_dir is not None:
        fail(f"--data-dir {data_dir} without --dataset; name the data set there")
    depth = (1 if surrogate.real_input else DEPTH) if depth is None else depth
    variance, place = _variance_of_means(surrogate, sigma_m2, means), device_of(device)
    require_field(variance, sigma_b2)
    require_memory(width, depth, 1, available_memory())
    kind = "replicas" if replicas else "network" if network else "surrogate"
    pair, inputs, given = _inputs(width, overlap, dataset, data_dir)
    return Simulation(surrogate, width, depth, variance, sigma_b2, pair, inputs, kind, means, seed, place, given)


def _variance_of_means(surrogate: Surrogate, given: float | None, law: str) -> float:
    from meanbits.point import variance_of_means
    from meanbits.theory.declarations.mean_law import mean_law

    if surrogate.weights.mean_square is not None or given is not None:
        return variance_of_means(surrogate, given)
    limit = surrogate.weights.mean_limit
    return 0.5 if limit is None else mean_law(law).largest_sigma_m2 * float(limit) ** 2 / 2


def _inputs(
    width: int, overlap: float | None, dataset: str | None, data_dir: Path | None
) -> tuple[ImagePair, str, float | None]:
    """The pair of inputs, what it is called, and the overlap that it was made of."""
    from meanbits.experiments.data import image_pairs, load
    from meanbits.experiments.random_networks.simulation import even, overlapping_inputs

    if dataset is not None:
        found = load(dataset, data_dir)
        notices(found.notes)
        return image_pairs(found)[1], dataset, None
    overlap = OVERLAP if overlap is None else overlap
    return overlapping_inputs(overlap, even(width)), "overlap", overlap


def _workers(simulation: Simulation, realisations: int, given: int | None) -> int:
    """As many as given, or as there are cores and memory for."""
    from meanbits.experiments.random_networks.memory import fitting_workers
    from meanbits.numerics.blocks import CORES
    from meanbits.numerics.solvers.phase import available_memory

    most = min(CORES, realisations)
    return fitting_workers(simulation.width, simulation.depth, most, available_memory(), given)


def _expected(simulation: Simulation) -> Expected | None:
    """The theory; where it has no maps, a notice says so."""
    from meanbits.experiments.random_networks.simulation import Expected

    try:
        return Expected(simulation.theory)
    except ValueError as error:
        notice(f"no theory to compare with: {error}")
        return None


def _run(
    simulation: Simulation, realisations: int, before: Moments | None, workers: int, expected: Expected | None,
    target: Path | None,
) -> Moments:  # fmt: skip
    """Simulate and save; what Ctrl-C leaves is saved too."""
    moments = before
    try:
        with progress("networks") as tick:
            for done, each in enumerate(simulation.stream(realisations, before, workers), start=1):
                moments = each
                tick(done, realisations)
    finally:
        if moments is not None and moments is not before:
            _save(simulation, moments, expected, target)
    return moments


def _save(simulation: Simulation, moments: Moments, expected: Expected | None, path: Path | None) -> None:
    from meanbits.experiments.random_networks.simulation import result
    from meanbits.numerics.datasets import save

    if path is None:
        return
    save(result(simulation, moments, expected), path)
    notice(f"wrote {path}: {moments.count} networks")


def _report(
    simulation: Simulation, moments: Moments, expected: Expected | None, target: Path | None, as_json: bool,
    finite_width: bool,
) -> None:  # fmt: skip
    import numpy as np

    from meanbits.experiments.random_networks.simulation import result

    found = result(simulation, moments, expected)
    largest = float(np.nanmax(np.abs(found.z), initial=0))
    if largest >= Z_LIMIT and not finite_width:
        notice(f"|z| reaches {largest:.1f}; see with --finite-width whether that is the 1/N term of the theory")
    document = _document(found, finite_width, target)
    if as_json:
        click.echo(json_text(document))
        return
    click.echo(filled(", ".join(f"{name} {value}" for name, value in found.attrs.items()), "") + "\n")
    click.echo(_table(document))


def _document(found: xr.Dataset, finite_width: bool, target: Path | None) -> dict[str, Any]:
    names = [str(quantity) for quantity in found["quantity"].values]
    cells = {name: found[name].values.tolist() for name in COLUMNS}
    layers = [
        {"layer": layer + 1} | {name: {column: cells[column][k][layer] for column in COLUMNS}
                                for k, name in enumerate(names)}
        for layer in range(found.sizes["layer"])
    ]  # fmt: skip
    saved = {"seed": int(found.attrs["seed"]), "finite_width": finite_width, "file": target and str(target)}
    return {**found.attrs, **saved, "layers": layers}


def _table(document: dict[str, Any]) -> str:
    theory = "theory + 1/N" if document["finite_width"] else "theory"
    names = [name for name in document["layers"][0] if name != "layer"]
    rows = [
        [str(layer["layer"])]
        + [cell(layer[name][column], form) for name in names for column, form in zip(COLUMNS, FORMS, strict=True)]
        for layer in document["layers"]
    ]
    return table(["layer", *(part for name in names for part in (name, "+-", theory, "z"))], rows)
