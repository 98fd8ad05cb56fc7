"""The command that writes a page about a surrogate or a chain of blocks: report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meanbits.layer_options import block_options
from meanbits.options import Command, Number, fail, fail_about, json_option
from meanbits.present import json_text, notice, progress

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

MADE = 'content="meanbits '


@click.command(cls=Command, epilog="\b\nExample: meanbits report deterministic --gain 1.5 -o report.html")
@block_options
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), required=True,
              help="FILE.html, one file that needs no network.")  # fmt: skip
@click.option(
    "--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means, where the page starts."
)
@click.option("--sigma-b2", type=Number(low=0), metavar="Y", help="Variance of the biases, where the page starts.")
@click.option("--force", is_flag=True, help="Replace FILE even if it is no page of meanbits.")
@json_option
def report(subject: Surrogate | Layer, output: Path, sigma_m2: float | None, sigma_b2: float | None, force: bool,
           as_json: bool) -> None:  # fmt: skip
    """Write one page about a surrogate: equations, pictures, proofs.

    The derivation step by step with its assumptions and rules; the correlation map, fixed point, phase and depth scales
    as you move sliders (variances, a gain, open symbols); whether a critical initialisation exists, and why; checks;
    claims; what to cite. One file, for screens, phones and paper. Chains of blocks have what they pass back, too.
    """
    from meanbits.numerics.whole_files import write_text
    from meanbits.reporting import STAGES, page_of

    _check_output(output, force)
    with progress("report") as tick:
        done: list[str] = []

        def on_stage(name: str) -> None:
            tick(len(done), len(STAGES))
            done.append(name)

        try:
            text = page_of(subject, sigma_m2, sigma_b2, on_stage, _words())
        except ValueError as error:
            fail_about(subject, error)
    try:
        write_text(output, text)
    except OSError as error:
        fail(f"--output {output}: {error.strerror}; name another file")
    notice(f"wrote {output}, {len(text.encode()) / 1000:.0f} kB")
    if as_json:
        click.echo(json_text({"surrogate": subject.name, "file": str(output)}))


def _words() -> dict[str, object]:
    """The words that gave the subject, as they were typed; none for one that was declared in a file."""
    from meanbits.layer_options import BLOCKS
    from meanbits.options import PARTS
    from meanbits.theory.declarations.compose import DEFAULT

    given = click.get_current_context().params
    names = ["name", *(option.lstrip("-") for option, *_ in (*PARTS, *BLOCKS))]
    words: dict[str, object] = {name: given[name] for name in names if given.get(name) is not None}
    return {} if ":" in str(words.get("name", "")) else words or {"name": DEFAULT}


def _check_output(path: Path, force: bool) -> None:
    from meanbits.files import unwritable_file

    if path.suffix not in (".html", ".htm"):
        fail(f"--output {path}: the name must end in .html")
    reason = unwritable_file(path)
    if reason is not None:
        fail(f"--output {path}: {reason}")
    if path.exists() and not force and MADE not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
        fail(f"--output {path}: it exists and is no page of meanbits; add --force or name another file")
