"""What is run rather than solved: checks of a theory, random networks, trainings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from meanbits.experiments.verification.verify import CheckResult
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory
    from meanbits.theory.stages.layer_theory import LayerTheory

    Subject = Surrogate | Layer | Theory | LayerTheory | str

GIVEN = "given in Python"


def verify(*subjects: Subject) -> tuple[CheckResult, ...]:
    """Every check of each: symbols, arbitrary precision, exact chain, random networks; each shown a wrong formula.

    Takes a minute for each.
    """
    from meanbits.experiments.verification.verify import verify as check

    return check([declaration(each) for each in subjects])


def simulate(
    surrogate: Subject,
    depth: int,
    sigma_m2: float | None = None,
    sigma_b2: float = 0.001,
    *,
    width: int = 1000,
    realisations: int = 20,
    overlap: float = 0.5,
    seed: int = 0,
    kind: str = "surrogate",
    means: str = "two-point",
    batch: int = 256,
) -> xr.Dataset:
    """Random networks beside their theory: mean, standard_error, theory and z, (quantity, layer).

    Of a surrogate q, c and T of two inputs of this overlap, layers from 1; kind "network" is the stochastic network it
    stands for, "replicas" two runs of that. Of a chain of blocks T, c, mean square and overlap of gradients relative to
    the last layer, layers from 0, the first fields; batch is what batch norm is of. sigma_m2: None where weights settle
    it.

    Raises:
        ValueError: variances or sizes out of range, or what has no forward equations.

    >>> found = simulate("deterministic", 3, 0.5, width=100, realisations=4)
    >>> bool(abs(found.z).max() < 4)
    True
    """
    from meanbits.experiments.random_networks.chain_simulation import chain_simulation
    from meanbits.experiments.random_networks.simulation import (
        Expected,
        Simulation,
        even,
        overlapping_inputs,
        result,
    )
    from meanbits.point import variance_of_means
    from meanbits.theory.declarations.layer import Layer

    found = declaration(surrogate)
    variance = variance_of_means(found, sigma_m2)
    if isinstance(found, Layer):
        return chain_simulation(found, depth, variance, sigma_b2, width=width, networks=realisations, batch=batch,
                                c0=overlap, seed=seed)  # fmt: skip
    pair = overlapping_inputs(overlap, even(width))
    simulation = Simulation(found, width, depth, variance, sigma_b2, pair, "overlap", kind, means, seed,
                            overlapping=overlap)  # fmt: skip
    *_, moments = simulation.stream(realisations)
    return result(simulation, moments, Expected(simulation.theory))


def train(
    surrogate: Subject = "deterministic",
    dataset: Any = "digits",
    *,
    data_dir: str | Path | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train a deep surrogate as `meanbits train` does, and measure what the binary networks behind it are worth.

    dataset: what --dataset takes, arrays (x, y) or (x, y, x_test, y_test), a mapping of these names, or a Torch dataset
    of (image, label), or two, for training and testing. checkpoint: a file to write after each epoch. settings: those
    of `experiments.training.settings.Settings`, as depth, width, sigma_m2, sigma_b2, epochs, lr. The record is that of
    `experiments.training.cells.train_cell`.

    Raises:
        ValueError: a setting out of its domain, or a checkpoint of a declaration, which files name as FILE.py:NAME.
        DataError: images or labels that are refused.

    >>> x, y = [[0.0, 0.9], [0.8, 0.1]] * 10, [0, 1] * 10
    >>> record = train("deterministic", (x, y), phi="tanh", width=8, depth=1, epochs=1, sigma_m2=0.9, samples=1)
    >>> record["train_size"], sorted(record["sign"])
    (16, ['test_accuracy', 'train_accuracy'])
    """
    from meanbits.experiments.data import load
    from meanbits.experiments.images.given import of_object
    from meanbits.experiments.training.cells import train_cell
    from meanbits.experiments.training.checkpoint import save
    from meanbits.experiments.training.settings import DeclaredSettings, Settings

    if checkpoint is not None and not isinstance(surrogate, str):
        raise ValueError("checkpoint: a file names its surrogate; give a name, or FILE.py:NAME, in place of an object")
    named = isinstance(dataset, str)
    settings["dataset"] = dataset if named else GIVEN
    if isinstance(surrogate, str):
        chosen = Settings(surrogate, **settings)
    else:
        chosen = DeclaredSettings(**settings, declaration=declaration(surrogate))
    images = load(dataset, data_dir) if named else of_object(dataset)
    path = None if checkpoint is None else Path(checkpoint)
    on_epoch = None if path is None else lambda training: save(training, chosen, path)
    return train_cell(chosen, data_dir, device, on_epoch=on_epoch, dataset=images)


def declaration(subject: Subject) -> Surrogate | Layer:
    """The surrogate or chain of blocks that a name, a theory or a declaration is about."""
    from meanbits.theory.declarations.compose_layer import compose
    from meanbits.theory.derive import Theory
    from meanbits.theory.stages.layer_theory import LayerTheory

    if isinstance(subject, str):
        return compose(subject)
    if isinstance(subject, Theory):
        return subject.surrogate
    return subject.layer if isinstance(subject, LayerTheory) else subject
