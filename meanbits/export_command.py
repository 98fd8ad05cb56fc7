"""The command export: a trained network as a network of signs, or as it is, for Torch, ONNX and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import FOLDER, Command, fail, json_option
from meanbits.present import json_text, notice, table

if TYPE_CHECKING:
    from meanbits.experiments.export.export import Exported

EPILOG = """\b
In Python: mb.export("run.pt") is a torch.nn.Module, mb.pack of it multiplies packed bits,
mb.load_network("bits.npz") reads it back, and mb.export(model, "signs.pt") takes a model of
mb.BinaryLinear and mb.BinaryConv2d.

\b
Example: meanbits export run.pt -o bits.npz --store bits
  run.pt by meanbits train --sigma-m2 0.8 --sigma-b2 0.001 --checkpoint run.pt"""


@click.command(cls=Command, epilog=EPILOG)
@click.argument("checkpoint", metavar="CHECKPOINT", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="F", type=FOLDER, required=True, help="F.pt, F.onnx or F.npz.")
@click.option("--network", metavar="KIND", default="signs",
              help="signs (default): weights -1, 1 and sign neurons; or surrogate: means, as trained.")  # fmt: skip
@click.option("--store", metavar="HOW", default="int8", help="Weights in F.pt and F.npz: int8 (default) or bits.")
@click.option("--exporter", metavar="NAME", default="dynamo", help="Of Torch, to F.onnx: dynamo (default) or script.")
@click.option("--dataset", metavar="D", help="Images to check on, in place of those that the checkpoint names.")
@click.option("--data-dir", metavar="P", type=FOLDER, help="Folder of the idx.gz files.")
@click.option("--surrogate", metavar="FILE.py:NAME", help="The surrogate, where it is declared in Python.")
@json_option
@click.pass_context
def export(ctx: click.Context, checkpoint: Path, output: Path, as_json: bool, **options: Any) -> None:
    """Write the binary network of a trained surrogate, and check its accuracy.

    CHECKPOINT is a file of `meanbits train --checkpoint`. The network of signs has the signs of the means as weights
    (rounded weights as they are, a real readout too) and sign neurons; norm, scale and skip are kept, by moments of the
    training images. What was written is read back, .onnx by ONNX Runtime, and both networks classify the images: the
    exit code is 1 if one is classified differently. Latent weights rounded to -1, 0, 1 stay so; weights that are real
    numbers have no network of signs, and are refused.
    """
    from meanbits.experiments.export.export import exported, is_drawn
    from meanbits.files import unwritable_file

    if reason := unwritable_file(output):
        fail(f"--output {output}: {reason}")
    try:
        found = exported(checkpoint, output, options.pop("network"), **options)
    except ValueError as error:
        fail(str(error))
    drawn = is_drawn(found.module)
    if found.accuracy is None:
        notice(f"not checked: {found.why}; give --dataset D")
    elif drawn:
        notice("its fields or neurons are drawn anew each time, so that accuracies agree within their chance alone")
    document = _document(found, checkpoint)
    click.echo(json_text(document) if as_json else _shown(document, found))
    if found.accuracy is not None and not found.accuracy.equal and not drawn:
        ctx.exit(1)


def _document(found: Exported, checkpoint: Path) -> dict[str, Any]:
    from meanbits.experiments.export.networks import SignNetwork

    accuracy = found.accuracy
    checked = {} if accuracy is None else {"images": accuracy.images, "differ": accuracy.differ, "by": found.by}
    return {
        "checkpoint": str(checkpoint), "network": "signs" if isinstance(found.module, SignNetwork) else "surrogate",
        "file": str(found.path), "bytes": None if found.path is None else found.path.stat().st_size,
        "sizes": _sizes(found), "weights": _weights(found),
        "accuracy": None if accuracy is None else {"before": accuracy.before, "after": accuracy.after},
        **checked,
    }  # fmt: skip


def _sizes(found: Exported) -> list[int]:
    """Features, hidden neurons and classes."""
    shapes = [value.shape for value in found.module.state_dict().values() if value.dim() == 2]
    return [int(shapes[0][1]), *(int(shape[0]) for shape in shapes)]


def _weights(found: Exported) -> list[str]:
    """What the weights of each layer are."""
    held = [value for value in found.module.state_dict().values() if value.dim() == 2]
    return ["real" if value.is_floating_point() else "-1, 1" if bool(value.all()) else "-1, 0, 1" for value in held]


def _shown(document: dict[str, Any], found: Exported) -> str:
    kinds = document["weights"]
    which = kinds[0] if len({*kinds}) == 1 else f"{kinds[0]}, of the readout {kinds[-1]}"
    sizes = "-".join(map(str, document["sizes"]))
    lines = [f"network of {document['network']}, {sizes}, weights {which}"]
    if found.accuracy is not None:
        rows = [(when, *(f"{100 * value:.2f} %" for value in values.values()))
                for when, values in document["accuracy"].items()]  # fmt: skip
        same = found.accuracy.images - found.accuracy.differ
        lines += ["", table(("accuracy", "training set", "test set"), rows), "",
                  f"{same} of {found.accuracy.images} images are classified as before, by {found.by}"]  # fmt: skip
    return "\n".join([*lines, f"{document['file']}: {document['bytes']:,} bytes"])
