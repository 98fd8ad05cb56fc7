"""The command that picks an initialisation: advise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meanbits.advise_chain import advise_chain
from meanbits.layer_options import BLOCKS, chain_of, kept_options, theory_of
from meanbits.options import DEFAULT, PARTS, Command, Number, fail, json_option
from meanbits.present import json_text

if TYPE_CHECKING:
    from meanbits.layer_options import Subject
    from meanbits.numerics.depth.advise import Advice


@click.command(cls=Command, epilog="\b\nExample: meanbits advise deterministic --depth 30")
@kept_options
@click.option("--depth", metavar="L", type=click.IntRange(1, 10**9), required=True, help="Layers to train.")
@click.option("--sigma-b2", type=Number(low=0), metavar="Y", default=0.001, help="Bias variance, default 0.001.")
@json_option
def advise(subject: Subject, depth: int, sigma_b2: float, as_json: bool) -> None:
    """Whether a depth is trainable, and the initialisation to use.

    Two inputs can be told apart down to about six depth scales xi_c. The sigma_m2 of largest xi_c is given, a critical
    one where there is one; where that does not reach the depth, the gain of the paper form that does. The options name
    the surrogate on any command line. Of a chain of blocks other norms, skips, slopes and scales are tried too.
    """
    chain = chain_of(subject)
    if chain is not None:
        advise_chain(chain, depth, sigma_b2, _words(BLOCKS), as_json)
        return
    _advise_surrogate(subject, depth, sigma_b2, as_json)


def _advise_surrogate(subject: Subject, depth: int, sigma_b2: float, as_json: bool) -> None:
    from meanbits.numerics.depth.advise import advise as advise_initialisation

    try:
        advice = advise_initialisation(theory_of(subject), depth, sigma_b2, _words())
    except ValueError as error:
        fail(f"{subject.name}: {error}; choose another surrogate")
    if as_json:
        click.echo(json_text(_document(advice)))
        return
    click.echo(repr(advice))


def _words(more: tuple[tuple[str, str, str], ...] = ()) -> dict[str, str]:
    """The words that gave the surrogate, as they were typed."""
    given = click.get_current_context().params
    names = ["name", *(option.lstrip("-") for option, *_ in (*PARTS, *more))]
    return {name: given[name] for name in names if given.get(name) is not None} or {"name": DEFAULT}


def _document(advice: Advice) -> dict[str, Any]:
    instead = None if advice.instead is None else _document(advice.instead)
    return {"surrogate": advice.subject.name, "options": advice.options, "depth": advice.depth,
            "trainable": advice.trainable, "reason": advice.reason, "sigma_m2": advice.sigma_m2,
            "sigma_b2": advice.sigma_b2, "gain": advice.gain, "chi_1": advice.chi_1, "xi_c": advice.xi_c,
            "xi_g": advice.xi_g, "reach": advice.reach, "instead": instead}  # fmt: skip
