"""Commands about the theory of one surrogate: catalogue, derive, emit, map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meanbits.layer_options import chain_of, kept_options, ready_options, row_options, theory_of
from meanbits.options import Command, Number, fail, fail_about, json_option
from meanbits.present import json_text, notice, number, table

if TYPE_CHECKING:
    from meanbits.experiments.derivations import Derivation
    from meanbits.layer_options import Subject
    from meanbits.numerics.emission.ready import ReadyTheory
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory
    from meanbits.theory.stages.layer_theory import LayerTheory

MARKER = ": derived, not written."


@click.command(cls=Command, epilog="\b\nExample: meanbits catalogue --json")
@json_option
def catalogue(as_json: bool) -> None:
    """List the surrogates that have a name, and the chains of blocks."""
    from meanbits.numerics.emission.generated.listing import CHAINS, SURROGATES

    if as_json:
        click.echo(json_text({"surrogates": SURROGATES, "chains": CHAINS}))
        return
    click.echo(_listed(SURROGATES, tuple(SURROGATES[0])))
    click.echo("\nchains of blocks, whose parts the options change as those of surrogates:\n")
    click.echo(_listed(CHAINS, ("name", "blocks", "reference")))


def _listed(rows: list[dict[str, str]], named: tuple[str, ...]) -> str:
    return table(named, [[row[name] for name in named] for row in rows])


@click.command(cls=Command, epilog="\b\nExample: meanbits derive lrt --noise gaussian:0.5 --steps")
@row_options
@click.option("--steps", is_flag=True, help="Every step: its assumption, what was before and after.")
@click.option("--format", "output_format", type=click.Choice(["text", "latex", "json"]), help="Default: text.")
@json_option
def derive(subject: Subject, steps: bool, output_format: str | None, as_json: bool) -> None:
    """Derive the theory of a surrogate, or of a chain of blocks.

    Forward equations, the maps of a layer, their slope chi, the Jacobian and the critical conditions; of a chain its
    maps and what it does to gradients, with --steps block by block.
    """
    if as_json and output_format not in (None, "json"):
        fail(f"--format {output_format} and --json exclude each other; drop one of the two")
    shape = "json" if as_json else output_format or "text"
    chain = chain_of(subject)
    click.echo(_surrogate_shown(subject, shape, steps) if chain is None else _chain_shown(chain, shape, steps))  # type: ignore[arg-type]


def _theory_of_chain(layer: Layer) -> LayerTheory:
    from meanbits.theory.stages.layer_theory import derive_layer

    return derive_layer(layer)


def _surrogate_shown(surrogate: ReadyTheory | Surrogate, shape: str, steps: bool) -> str:
    from meanbits.derivation import as_latex, as_text, document

    found = _derivation(surrogate, steps)
    if shape != "json":
        return as_latex(found, steps) if shape == "latex" else as_text(found, steps)
    for text in found.notices:
        notice(text)
    return json_text(document(found, steps))


def _derivation(surrogate: ReadyTheory | Surrogate, steps: bool) -> Derivation:
    """In writing, as it lies ready of a row of the catalogue."""
    from meanbits.experiments.derivations import derivation_of_row
    from meanbits.numerics.emission.ready import ReadyTheory

    if isinstance(surrogate, ReadyTheory):
        return derivation_of_row(surrogate.name)
    from meanbits.experiments.written import written
    from meanbits.theory.derive import derive as derive_theory

    return written(derive_theory(surrogate), steps)


def _chain_shown(layer: Layer, shape: str, steps: bool) -> str:
    from meanbits.layer_derivation import as_latex, as_text, document

    theory = _theory_of_chain(layer)
    if shape != "json":
        return as_latex(theory, steps) if shape == "latex" else as_text(theory, steps)
    return json_text(document(theory, steps))


@click.command(cls=Command, epilog="\b\nExample: meanbits emit deterministic --backend torch -o deterministic.py")
@ready_options
@click.option(
    "--backend",
    metavar="NAME",
    default="numpy",
    help="numpy (default), torch, c, jax, javascript, or one of an installed package.",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE, not to stdout.")
@click.option("--force", is_flag=True, help="Replace FILE even if it is not an emitted module.")
@json_option
def emit(subject: Subject, backend: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Write the maps as a standalone module.

    It is readable, and needs only NumPy and SciPy, or Torch, JAX, a C compiler, or a browser or node.
    """
    if output is not None:
        _check_output(output, force)
    chain = chain_of(subject)
    theory = theory_of(subject) if chain is None else _theory_of_chain(chain)
    try:
        source = _emitted(theory, backend)
    except ValueError as error:
        fail(f"--backend {backend}: {error}")
    missing = [name for name in _offered(theory) if f"{name}(" not in source]
    if missing:
        notice(f"left out, since {backend} has no way to evaluate them: {', '.join(missing)}")
    if output is not None:
        from meanbits.numerics.whole_files import write_text

        try:
            write_text(output, source)
        except OSError as error:
            fail(f"--output {output}: {error.strerror}; name another file")
        notice(f"wrote {output}")
    if as_json:
        written = {"source": source} if output is None else {"file": str(output)}
        click.echo(json_text({"surrogate": subject.name, "backend": backend, **written}))
    elif output is None:
        click.echo(source, nl=False)


def _emitted(theory: ReadyTheory | Theory | LayerTheory, backend: str) -> str:
    """The module, as it was generated where that is what is asked for."""
    from meanbits.numerics.emission.ready import ReadyTheory

    written = theory.source(backend) if isinstance(theory, ReadyTheory) else None
    if written is not None:
        return written
    from meanbits import emit as emit_source

    return emit_source(theory.derived if isinstance(theory, ReadyTheory) else theory, backend)


def _offered(theory: ReadyTheory | Theory | LayerTheory) -> tuple[str, ...]:
    """Functions of a theory, those that not every module has too."""
    from meanbits.numerics.emission.ready import ReadyTheory

    if isinstance(theory, ReadyTheory):
        return (*theory.functions, *theory.omitted)
    from meanbits.numerics.emission.emit import emitted_functions, omitted_functions
    from meanbits.theory.derive import Theory

    if not isinstance(theory, Theory):
        return ()
    return (*(each.name for each in emitted_functions(theory)), *omitted_functions(theory))


@click.command(
    "map", cls=Command, epilog="\b\nExample: meanbits map deterministic --sigma-m2 0.5 --sigma-b2 0 --q 1 --gap 1e-20"
)
@kept_options
@click.option("--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means.")
@click.option("--sigma-b2", type=Number(low=0), metavar="Y", required=True, help="Variance of the biases.")
@click.option(
    "--q",
    type=Number(low=0),
    metavar="Q",
    required=True,
    help="Field variance; relative to its annealed part where the field is marginalised.",
)
@click.option("--c", type=Number(-1, 1), metavar="C", help="Correlation of two inputs.")
@click.option("--gap", type=Number(0, 2), metavar="G", help="1 - C, which may be tiny.")
@click.option(
    "--total",
    type=Number(low=0),
    metavar="T",
    help="Total field variance of continuous marginalised neurons; default: its fixed point.",
)
@click.option("--typical", type=Number(-1, 1), metavar="C",
              help="Correlation of a typical pair of the batch, for batch norm; default: of deep layers.")  # fmt: skip
@json_option
def map_command(subject: Subject, sigma_m2: float | None, sigma_b2: float, q: float, c: float | None,
                gap: float | None, total: float | None, typical: float | None, as_json: bool) -> None:  # fmt: skip
    """Evaluate the maps of one layer.

    q, c and the gap 1 - c that come out, the slope chi, and chi_g, what squared gradients grow by. A gap that goes in
    may be tiny: 1 - c keeps its digits.
    """
    if c is None and gap is None:
        fail("--c and --gap are both missing; give one of the two, for example --c 0.5")
    from meanbits.chain_commands import map_of_chain
    from meanbits.point import InputError, evaluate, variance_of_means

    chain = chain_of(subject)
    if chain is not None:
        map_of_chain(chain, sigma_m2, sigma_b2, q, c, gap, total, typical, as_json)
        return
    if typical is not None:
        fail(f"--typical {typical:g}: without batch norm a layer does not depend on it; leave it out")
    try:
        means = variance_of_means(subject, sigma_m2)
        point = evaluate(theory_of(subject), means, sigma_b2, q, c, gap, total)
    except InputError as error:
        fail(str(error))
    except ValueError as error:
        fail_about(subject, error)
    results = {"q_out": point.q_out, "c_out": point.c_out, "gap_out": point.gap_out, "chi": point.chi,
               "chi_g": point.chi_g}  # fmt: skip
    inputs = {"sigma_m2": means, "sigma_b2": sigma_b2, "q": q, "total": point.total}
    if as_json:
        click.echo(json_text({"surrogate": subject.name, **inputs, **results}))
    else:
        click.echo("\n".join(f"{name:<8} {number(value)}" for name, value in results.items()))


def _check_output(path: Path, force: bool) -> None:
    from meanbits.files import unwritable_file

    reason = unwritable_file(path)
    if reason is not None:
        fail(f"--output {path}: {reason}")
    if path.exists() and not force and not _is_emitted(path):
        fail(f"--output {path}: it exists and is not an emitted module; add --force or name another file")


def _is_emitted(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return first.startswith(('"""', "// ", "/* ")) and MARKER in first
