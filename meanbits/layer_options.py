"""The options that make a layer a chain of blocks: norm, dropout, scale and skip."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import (
    Function,
    Number,
    are_kept,
    composed_with_blocks,
    part_options,
    ready_or_composed,
    row_or_composed,
    surrogate_names,
    words_given,
)
from meanbits.present import notice

if TYPE_CHECKING:
    from meanbits.numerics.emission.ready import ReadyTheory
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory

    Subject = ReadyTheory | Surrogate | Layer

BLOCKS = (
    ("--normalise", "KIND", "batch, rms or layer norm of the field, before the neurons, or KIND:behind, of what the "
                            "weights give; none for none."),
    ("--dropout", "P", "share of the neurons that is dropped, default 0."),
    ("--scale", "ALPHA", "weights times ALPHA, default 1."),
    ("--skip", "A[:B]", "x' = A x + B F(x) around the layer F, B default 1; none for none."),
)  # fmt: skip


def block_options(command: Function) -> Function:
    """S and the options of its layer; the command is called with `subject`, a surrogate or a chain of blocks."""
    return _subject_options(command, composed_with_blocks)


def row_options(command: Function) -> Function:
    """As `ready_options`, of a command that keeps nothing and takes nothing kept: what is ready is a row."""
    return _subject_options(command, row_or_composed)


def ready_options(command: Function) -> Function:
    """As `block_options`, but `subject` is a `ReadyTheory` where S is a row of the catalogue and nothing else is given.

    See `chain_of` and `theory_of`.
    """
    return _subject_options(command, ready_or_composed)


def kept_options(command: Function) -> Function:
    """As `ready_options`, of a command that evaluates maps: what it derived for them is kept for the next one."""
    return _subject_options(command, ready_or_composed, _keep)


def chain_of(subject: Subject) -> Layer | None:
    """The chain of blocks, if that is what it is."""
    from meanbits.numerics.emission.ready import ReadyTheory

    if isinstance(subject, ReadyTheory):
        return None
    from meanbits.theory.declarations.layer import Layer

    return subject if isinstance(subject, Layer) else None


def theory_of(subject: Subject) -> Theory | ReadyTheory:
    """The theory of a surrogate, derived unless it is ready."""
    from meanbits.numerics.emission.ready import ReadyTheory

    if isinstance(subject, ReadyTheory):
        return subject
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import derive

    assert isinstance(subject, Surrogate)
    return derive(subject)


def _subject_options(
    command: Function, composed: Callable[..., Any], after: Callable[..., None] = lambda *_: None
) -> Function:
    @click.argument("name", metavar="[S]", required=False, shell_complete=surrogate_names)
    @_layer_options
    @functools.wraps(command)
    def wrapped(name: str | None, parts: dict[str, str | None], **others: Any) -> None:
        subject = composed(name, parts)
        command(subject=subject, **others)
        after(words_given(name, parts), subject)

    return wrapped


def _keep(words: dict[str, str], subject: Subject) -> None:
    from meanbits.numerics.emission.ready import ReadyTheory

    if isinstance(subject, ReadyTheory) or chain_of(subject) is not None or not are_kept(words):
        return
    from meanbits.numerics.emission.kept import keep_theory
    from meanbits.numerics.user_cache import CacheError
    from meanbits.theory.derive import Theory

    theory = theory_of(subject)
    assert isinstance(theory, Theory)
    try:
        keep_theory(words, theory)
    except CacheError as error:
        notice(f"derived, and not kept for the next time: {error}")


def subjects_options(command: Function) -> Function:
    """Any number of S, and the options of each one's layer; the command is called with `subjects`."""

    @click.argument("names", metavar="[S]...", nargs=-1, shell_complete=surrogate_names)
    @_layer_options
    @functools.wraps(command)
    def wrapped(names: tuple[str, ...], parts: dict[str, str | None], **others: Any) -> Any:
        chosen = names or ((None,) if any(parts.values()) else ())
        return command(subjects=tuple(composed_with_blocks(name, parts) for name in chosen), **others)

    return wrapped


def _layer_options(command: Function) -> Function:
    """The options of a layer's parts and blocks; the command is called with `parts`."""

    @part_options
    @functools.wraps(command)
    def wrapped(parts: dict[str, str | None], **others: Any) -> Any:
        blocks = {option.lstrip("-"): others.pop(option.lstrip("-")) for option, *_ in BLOCKS}
        return command(parts=parts | blocks, **others)

    for option, metavar, text in reversed(BLOCKS):
        wrapped = click.option(option, metavar=metavar, help=text)(wrapped)
    return wrapped


def point_options(command: Function) -> Function:
    """--sigma-m2, --sigma-b2, --q0 and --c0."""
    for option in reversed((
        click.option("--sigma-m2", type=Number(low=0), metavar="X", help="Variance of the weight means."),
        click.option("--sigma-b2", type=Number(low=0, high=1e100), metavar="Y", required=True,
                     help="Variance of the biases."),
        click.option("--q0", type=Number(low=0), metavar="Q", default=1.0,
                     help="Variance of the first field, default 1."),
        click.option("--c0", type=Number(low=-1, high=1), metavar="C", default=0.5,
                     help="Correlation of the first fields of two inputs, default 0.5."),
    )):  # fmt: skip
        command = option(command)
    return command
