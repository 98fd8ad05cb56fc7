"""The command train: one training, and what the binary networks behind it are worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.layer_options import BLOCKS
from meanbits.options import FOLDER, PARTS, Command, Number, fail, json_option, surrogate_names
from meanbits.present import json_text, notice, notices, number, progress, table

if TYPE_CHECKING:
    from meanbits.experiments.training.loop import Training
    from meanbits.experiments.training.settings import Settings

Function = Callable[..., Any]
WHOLE = click.IntRange(min=1)
TRAIN_OPTIONS = (
    click.option("--dataset", metavar="D", default="digits", 
                 help="digits (default), mnist, fashion-mnist, or yours: F.npz (x, y), a folder of idx files or of "
                      "CIFAR's batches, FILE.py:NAME."),
    click.option("--data-dir", metavar="P", type=FOLDER, help="Folder of the idx.gz files."),
    click.option("--train-size", metavar="K", type=WHOLE, help="Images to train on, default all."),
    click.option("--depth", metavar="L", type=WHOLE, help="Hidden layers, default 3."),
    click.option("--width", metavar="N", type=WHOLE, help="Neurons of a hidden layer, default 300."),
    click.option("--epochs", metavar="E", type=WHOLE, help="Passes through the images, default 10."),
    click.option("--lr", metavar="R", type=Number(), help="Learning rate, default 2e-4."),
    click.option("--batch-size", metavar="B", type=WHOLE, help="Images of a step, default 64."),
    click.option("--optimiser", metavar="O", help="adam (default), sgd, momentum or rmsprop."),
    click.option("--schedule", metavar="NAME", help="Of the learning rate: constant (default), or cosine, to 0."),
    click.option("--seed", metavar="I", type=click.IntRange(min=0), help="Seed, default 0."),
    click.option("--sigma-m2", metavar="X", type=Number(low=0),
                 help="Variance of the weight means, unless the weights settle it."),
    click.option("--sigma-b2", metavar="Y", type=Number(low=0), required=True, help="Variance of the biases."),
    click.option("--law", metavar="LAW", help="Of the means: two-point (default), clipped-gaussian, uniform or beta."),
    click.option("--inputs", metavar="KIND", help="Images as means of bits, means (default), or as numbers, real."),
    click.option("--readout", metavar="KIND", help="field (default): logits are the mean field of a last binary layer; "
                                                   "moments: narrowed by its variance; real: of real weights."),
    click.option("--keep", metavar="HOW", help="Means in range by project (default) after each step, or by tanh."),
    click.option("--samples", metavar="K", type=WHOLE, help="Stochastic networks to average, default 100."),
    click.option("--device", metavar="D", default="cpu", help="cpu (default), cuda or cuda:I."),
    click.option("--threads", metavar="K", type=WHOLE, help="Threads of a cpu; default 1, or all for wide networks."),
    click.option("--checkpoint", metavar="FILE", type=click.Path(path_type=Path),
                 help="Write the training to FILE after each epoch."),
    click.option("--resume", is_flag=True, help="Go on from the checkpoint."),
    click.option("--log-dir", metavar="FOLDER", type=FOLDER, help="Write TensorBoard logs."),
)  # fmt: skip
EPILOG = """\b
Images of your own, bytes 0 to 255 or numbers in [0, 1] or [-1, 1], with labels 0 to K - 1:
  numpy.savez("mine.npz", x=images, y=labels)    (x_test, y_test, if you have them)
  meanbits train --dataset mine.npz --sigma-m2 0.8 --sigma-b2 0.001
  def cifar(): return CIFAR10(P, True, ToTensor()), CIFAR10(P, False, ToTensor())    in data.py
  meanbits train --dataset data.py:cifar --sigma-m2 0.8 --sigma-b2 0.001

\b
Example: meanbits train deterministic --phi tanh --depth 5 --sigma-m2 0.9 --sigma-b2 0.001"""
RUNNING = ("data_dir", "device", "threads", "checkpoint", "resume", "log_dir", "as_json")
WIDE = 2**22  # multiplications of a layer and step from which threads pay


def train_options(command: Function) -> Function:
    """The options of one training."""
    for option in reversed(TRAIN_OPTIONS):
        command = option(command)
    for option, metavar, text in reversed([*PARTS, *BLOCKS]):
        kind = Number() if option in ("--gain", "--scale", "--dropout") else str
        command = click.option(option, metavar=metavar, help=text, type=kind)(command)
    return click.argument("surrogate", metavar="[S]", default="deterministic", shell_complete=surrogate_names)(command)


@click.command(
    cls=Command,
    epilog=EPILOG,
)
@train_options
@json_option
@click.pass_context
def train(ctx: click.Context, **given: Any) -> None:
    """Train a deep surrogate on images, and measure what the binary networks behind it are worth.

    Reported: the accuracy of the surrogate, of the network of its signs, and of the stochastic network averaged over 1,
    5 and 100 samples; the loss; and per layer q and c beside the theory, before and after. Only the surrogate, depth,
    and the variances are the theory's: the other defaults are the paper's recipe, Adam at 2e-4 with batches of 64.
    """
    running = {name: given.pop(name) for name in RUNNING}
    settings = _settings({name: value for name, value in given.items() if value is not None})
    _check_files(running)
    start = time.perf_counter()
    try:
        record = _trained(settings, **{name: running[name] for name in RUNNING if name != "as_json"})
    except ValueError as error:
        fail(str(error))
    except RuntimeError as error:
        if type(error).__name__ != "NonFiniteLossError":
            raise
        notice(f"meanbits train: {error}")
        ctx.exit(1)
    seconds = time.perf_counter() - start
    document = {"settings": asdict(settings), **record, "seconds": seconds, "version": _version()}
    click.echo(json_text(document) if running["as_json"] else _shown(document))


def _settings(given: dict[str, Any]) -> Settings:
    from meanbits.experiments.training.settings import Settings, composed

    try:
        settings = Settings(**given)
        if "sigma_m2" not in given and composed(settings).weights.mean_square is None:
            fail("--sigma-m2 is missing; give the variance of the weight means")
        return settings
    except ValueError as error:
        name, _, rest = str(error).partition(" = ")
        fail(f"--{name.replace('_', '-')} {rest}" if name in Settings.__dataclass_fields__ else str(error))


def _check_files(running: dict[str, Any]) -> None:
    from meanbits.experiments.random_networks.devices import device_of
    from meanbits.files import unwritable_file, unwritable_folder

    checkpoint, logs = running["checkpoint"], running["log_dir"]
    if running["resume"] and checkpoint is None:
        fail("--resume goes on from a checkpoint; name it with --checkpoint FILE")
    if running["resume"] and not checkpoint.is_file():
        fail(f"--checkpoint {checkpoint} does not exist, so there is nothing to resume; leave out --resume")
    if checkpoint is not None and (reason := unwritable_file(checkpoint)):
        fail(f"--checkpoint {checkpoint}: {reason}")
    if checkpoint is not None and checkpoint.exists() and not running["resume"]:
        fail(f"--checkpoint {checkpoint} exists; go on with --resume, or name another file")
    if logs is not None and (reason := unwritable_folder(logs)):
        fail(f"--log-dir {logs}: {reason}")
    try:
        device_of(running["device"])
    except ValueError as error:
        fail(str(error))


def _trained(
    settings: Settings,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    checkpoint: Path | None,
    resume: bool,
    log_dir: Path | None,
) -> dict[str, Any]:
    from meanbits.experiments.data import load
    from meanbits.experiments.training.cells import train_cell
    from meanbits.experiments.training.checkpoint import restore, save

    _use_threads(settings, threads)
    dataset = load(settings.dataset, data_dir)
    notices(dataset.notes)
    with ExitStack() as stack:
        after = [stack.enter_context(_shown_progress(settings))]
        if checkpoint is not None:
            after.append(lambda training: save(training, settings, checkpoint))
        if log_dir is not None:
            from meanbits.experiments.training.logs import tensorboard

            after.append(stack.enter_context(tensorboard(log_dir)))
        on_start = (lambda training: restore(training, settings, checkpoint)) if resume and checkpoint else None
        on_epoch = lambda training: [each(training) for each in after]  # noqa: E731
        return train_cell(settings, data_dir, device, on_start, on_epoch, dataset)


@contextmanager
def _shown_progress(settings: Settings) -> Iterator[Callable[[Training], None]]:
    with progress(f"training, {settings.epochs} epochs") as tick:
        yield lambda training: tick(training.epochs, settings.epochs)


def _use_threads(settings: Settings, threads: int | None) -> None:
    """Many threads slow small products down, the more so beside other work."""
    import torch

    if threads is None:
        threads = torch.get_num_threads() if settings.batch_size * settings.width**2 >= WIDE else 1
    torch.set_num_threads(threads)


def _version() -> str:
    from meanbits import __version__

    return __version__


def _shown(document: dict[str, Any]) -> str:
    """Accuracies, loss, and what the layers look like, for people."""
    networks = {"surrogate": document["surrogate"], "sign network": document["sign"]}
    networks |= {f"stochastic, {count} averaged": value for count, value in document["sampled"].items()}
    rows = [(name, *(f"{100 * value:.2f} %" for value in found.values())) for name, found in networks.items()]
    losses = "loss per epoch  " + "  ".join(f"{loss:.4g}" for loss in document["loss"])
    return "\n\n".join([losses, table(("accuracy", "training set", "test set"), rows), _layers(document)])


def _layers(document: dict[str, Any]) -> str:
    """q and c of the first image pair per layer, and the means."""
    moments = ("theory", "before", "after")
    header = ("layer", *(f"{name} {when}" for name in ("q", "c") for when in moments), "polarised before", "after")
    columns = [document[name][when] for name in ("q", "c") for when in moments]
    polarised = [document["polarised"][when] for when in moments[1:]]
    rows = []
    for layer in range(document["settings"]["depth"] + 1):
        inside = ["-" if column is None or layer >= len(column[0]) else f"{column[0][layer]:.4g}" for column in columns]
        share = ["-" if values[layer] != values[layer] else f"{100 * values[layer]:.1f} %" for values in polarised]
        rows.append((str(layer + 1) if layer < document["settings"]["depth"] else "readout", *inside, *share))
    overlap = number(document["pair_overlap"][0])
    return f"{table(header, rows)}\nq and c of two images of overlap {overlap}; polarised: |M| > 0.9 of its limit"
