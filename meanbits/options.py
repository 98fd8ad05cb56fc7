"""Options that commands share. Nothing heavy is imported before a command runs, so that --help answers at once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from meanbits.numerics.emission.ready import ReadyTheory
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

Function = Callable[..., Any]
DEFAULT = "deterministic"  # the surrogate of no words

PARTS = (
    ("--weights", "LAW", "binary, ternary:RHO (RHO = P(S != 0), one for all), ternary-free:RHO (one per weight, RHO on "
                         "average), levels:V1,V2,.. (symmetric), gaussian:V, signs, absmean (latent weights over their "
                         "mean size, rounded to -1, 0, 1) or fixed."),
    ("--neurons", "KIND", "sign, stochastic, tanh, erf, relu, leaky:A, hardtanh, hardsigmoid, gelu, silu, softplus, "
                          "sin, linear, step[:THETA] (0 or 1), deadzone:DELTA (-1, 0, 1), quantiser:K[:STEP] (K levels "
                          "from -1 to 1), bits:K (2^K levels from 0 to 1) or expr:EXPR, for example "
                          "'expr:max(0, min(1, h))'."),
    ("--noise", "LAW", "gaussian:A, logistic:A, uniform:A, laplace:A, cauchy:A, twopoint:A (scale A, default 1), "
                       "student:NU or cdf:EXPR, EXPR a CDF in h: skew, kinks and jumps allowed."),
    ("--backward", "SLOPE", "the slope that gradients see: exact (default), clip, tanh, triangle, approxsign, unit, "
                            "identity or expr:EXPR, a function of h."),
    ("--treatment", "NAME", "marginalise, sample, network or none."),
    ("--form", "NAME", "exact, matched or paper: phi(K hbar/sqrt(Sigma))."),
    ("--phi", "PHI", "phi of form paper: tanh (default), erf or a formula in h."),
    ("--gain", "K", "K of form paper, default 1."),
)  # fmt: skip


def fail(message: str) -> NoReturn:
    """Refuse the input in one line, which is to name the option, its value and the remedy."""
    raise click.UsageError(message, click.get_current_context())


def fail_about(surrogate: ReadyTheory | Surrogate | Layer, error: ValueError) -> NoReturn:
    """Refuse with an error's text, the surrogate in front where it is not named."""
    text = str(error)
    fail(text if surrogate.name in text else f"{surrogate.name}: {text}")


def surrogate_names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names that a shell completes to."""
    from meanbits.experiments.declared import installed
    from meanbits.theory.declarations.rows import CHAINS
    from meanbits.theory.declarations.surrogates import CATALOGUE

    known = [*(row.name for row in (*CATALOGUE, *CHAINS)), *installed()]
    return [name for name in known if name.startswith(incomplete)]


def surrogate_options(command: Function) -> Function:
    """S and the options that compose one; the command is called with `surrogate`."""

    @click.argument("name", metavar="[S]", required=False, shell_complete=surrogate_names)
    @part_options
    @functools.wraps(command)
    def wrapped(name: str | None, parts: dict[str, str | None], **others: Any) -> Any:
        return command(surrogate=composed(name, parts), **others)

    return wrapped


def surrogates_options(command: Function) -> Function:
    """Any number of S, and the options that compose each; the command is called with `surrogates`."""

    @click.argument("names", metavar="[S]...", nargs=-1, shell_complete=surrogate_names)
    @part_options
    @functools.wraps(command)
    def wrapped(names: tuple[str, ...], parts: dict[str, str | None], **others: Any) -> Any:
        chosen = names or ((None,) if any(parts.values()) else ())
        return command(surrogates=tuple(composed(name, parts) for name in chosen), **others)

    return wrapped


def composed(name: str | None, parts: dict[str, str | None]) -> Surrogate:
    """The surrogate, or a refusal that says what does not fit."""
    from meanbits.theory.declarations.surrogates import Surrogate

    found = composed_with_blocks(name, parts)
    if not isinstance(found, Surrogate):
        command = click.get_current_context().info_name
        fail(f"{found.name} is a chain of blocks, and {command} takes surrogates of two, neurons and weights; every "
             "other command takes it, see meanbits --help")  # fmt: skip
    return found


def composed_with_blocks(name: str | None, parts: dict[str, str | None]) -> Surrogate | Layer:
    """The surrogate or the chain of blocks of these words, or a refusal that says what does not fit."""
    from meanbits.experiments.declared import DeclarationError, declared
    from meanbits.numerics.emission.generated.rows import ROWS
    from meanbits.theory.declarations.compose_layer import compose
    from meanbits.theory.errors import SurrogateError

    given = [f"--{option}" for option, value in parts.items() if value is not None]
    try:
        found = None if name is None or name in ROWS else declared(name)
        if found is None:
            return compose(**words_given(name, parts))
    except (DeclarationError, SurrogateError) as error:
        fail(str(error))
    if given:
        fail(f"{', '.join(given)} beside {name}: its parts are settled; drop the option, or change them where it is "
             "declared")  # fmt: skip
    return found


def words_given(name: str | None, parts: dict[str, str | None]) -> dict[str, str]:
    """The arguments of `declarations.compose_layer.compose` that these options are."""
    given = {part: value for part, value in parts.items() if value is not None}
    return {**({} if name is None else {"name": name}), **given} or {"name": DEFAULT}


def are_kept(words: dict[str, str]) -> bool:
    """Whether what these words give follows from them alone, as what a file or a package declares does not."""
    from meanbits.numerics.emission.generated.rows import ROWS

    return words.get("name", DEFAULT) in ROWS


def row_or_composed(name: str | None, parts: dict[str, str | None]) -> ReadyTheory | Surrogate | Layer:
    """A row of the catalogue as it was generated; else as `composed_with_blocks`."""
    from meanbits.numerics.emission.ready import ready

    words = words_given(name, parts)
    found = ready(words["name"]) if words.keys() == {"name"} else None
    return composed_with_blocks(name, parts) if found is None else found


def ready_or_composed(name: str | None, parts: dict[str, str | None]) -> ReadyTheory | Surrogate | Layer:
    """As `row_or_composed`, or what was kept of these words.

    SymPy, which takes a second to import, is left alone by both.
    """
    from meanbits.numerics.emission.kept import kept_theory
    from meanbits.numerics.user_cache import CacheError

    words, found = words_given(name, parts), None
    if words.keys() != {"name"} and are_kept(words):
        with suppress(CacheError):  # what keeps says so
            found = kept_theory(words)
    return row_or_composed(name, parts) if found is None else found


def part_options(command: Function) -> Function:
    """The options of a surrogate's parts; the command is called with `parts`."""
    names = [option.lstrip("-") for option, *_ in PARTS]

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        return command(parts={name: values.pop(name) for name in names}, **values)

    for option, metavar, text in reversed(PARTS):
        wrapped = click.option(option, metavar=metavar, help=text)(wrapped)
    return wrapped


LONGEST = 60  # of a value in a message
MAX_DIGITS = 12  # of a number of points
FOLDER = click.Path(path_type=Path)
RUN_OPTIONS = (
    click.option("--preset", type=click.Choice(["smoke", "quick", "paper"]), default="quick",
                 help="Size of the run, default quick."),
    click.option("--dataset", metavar="D",
                 help="digits, mnist, fashion-mnist, or yours: F.npz (x, y), a folder of idx files, FILE.py:NAME; "
                      "default digits, or mnist with --data-dir."),
    click.option("--data-dir", metavar="FOLDER", type=FOLDER, help="Folder of the idx.gz files."),
    click.option("--seed", metavar="I", type=click.IntRange(min=0), default=0,
                 help="Seed of the random networks, default 0."),
    click.option("-o", "--output", "folder", metavar="FOLDER", type=FOLDER, default=Path("output"),
                 help="Folder to write to, default output."),
)  # fmt: skip


def run_options(command: Function) -> Function:
    """What a run computes on and where it writes: preset, dataset, data_dir, seed, folder."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(RUN_OPTIONS), command)


def json_option(command: Function) -> Function:
    """--json, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


class Command(click.Command):
    """A command whose every usage error knows which command it came from."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class Number(click.ParamType):
    """A finite floating-point number in [low, high]."""

    name = "number"

    def __init__(self, low: float = -math.inf, high: float = math.inf) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{str(value)[:LONGEST]} is not a finite number; write for example 0.5", param, ctx)
        if not self.low <= number <= self.high:
            self.fail(f"{str(value)[:LONGEST]} is out of range; it must be {self._domain()}", param, ctx)
        return number

    def _domain(self) -> str:
        return f">= {self.low:g}" if math.isinf(self.high) else f"in [{self.low:g}, {self.high:g}]"


@dataclass(frozen=True)
class Axis:
    """`points` evenly spaced numbers from start to stop."""

    start: float
    stop: float
    points: int

    def values(self) -> Any:
        """The numbers, as an array."""
        import numpy as np

        return np.linspace(self.start, self.stop, self.points)


class Grid(Number):
    """A:B:N, N evenly spaced numbers from A to B, or one number; an `Axis`."""

    name = "grid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        first, *rest = str(value).split(":")
        start = super().convert(first, param, ctx)
        if not rest:
            return Axis(start, start, 1)
        if len(rest) != 2 or not rest[1].isdecimal():
            self.fail(f"{str(value)[:LONGEST]} is no grid; write A:B:N, for example 0:1:100", param, ctx)
        if len(rest[1]) > MAX_DIGITS:
            self.fail(
                f"{rest[1][:MAX_DIGITS]}... is too large a number of points; give at most 10^{MAX_DIGITS}", param, ctx
            )
        if int(rest[1]) == 0:
            self.fail(f"{str(value)[:LONGEST]} has no points; give N >= 1", param, ctx)
        return Axis(start, super().convert(rest[0], param, ctx), int(rest[1]))
