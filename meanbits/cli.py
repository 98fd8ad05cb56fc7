"""The command line: the group of commands, and what becomes of an error."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Iterable, Sequence

import click
from click.shell_completion import shell_complete

from meanbits import __version__
from meanbits.advise_command import advise
from meanbits.certificate_command import check_certificate
from meanbits.check_command import check
from meanbits.claims_command import claims
from meanbits.collect_command import collect
from meanbits.distance_command import distance
from meanbits.export_command import export
from meanbits.jacobian_command import jacobian
from meanbits.mismatch_command import mismatch
from meanbits.papers_command import papers
from meanbits.process import (
    StoppedError,
    interrupt_behind,
    open_streams,
    refused_by_system,
    require_folder,
    silence_output,
    stopped_in_order,
    write_error,
)
from meanbits.profile_command import profile
from meanbits.report_command import report
from meanbits.run_commands import figure, paper, verify
from meanbits.simulate_command import simulate
from meanbits.solve_commands import critical, fixed_point, phase
from meanbits.sweep_command import sweep
from meanbits.theory_commands import catalogue, derive, emit, map_command
from meanbits.train_command import train

EXIT_BAD_INPUT = 2
EXTRA = {**dict.fromkeys(("joblib", "matplotlib", "pooch", "sklearn", "torch", "xarray"), "experiments"),
         "dask": "dask", "distributed": "dask", "tensorboard": "tensorboard"}  # fmt: skip
EXIT_UNEXPECTED = 3
LONGEST = 1000  # of an error line
DEBUG = "MEANBITS_DEBUG"
COMPLETE = "_MEANBITS_COMPLETE"  # set by a shell that asks for completions, as Click names it
EXIT_INTERRUPTED = 130  # as a shell reports SIGINT
EXIT_BROKEN_PIPE = 141  # as a shell reports SIGPIPE


class Commands(click.Group):
    """A group that names the command nearest to an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.commands:
            raise click.UsageError(f"unknown command '{name}'{_nearest(name, self.commands)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog="\b\nExample: meanbits derive deterministic --steps",
)
@click.version_option(__version__, prog_name="meanbits")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A workbench for the mean-field theory of binary neural networks.

    It derives the theory of a surrogate from its definition, emits it as code, solves and checks it, simulates and
    trains the networks it is about, and draws the figures of Stamatescu et al. 2020 (arXiv 1902.00177) and of other
    papers. A surrogate S is a name of `meanbits catalogue`, or composed by options, or one that you declare in Python:
    FILE.py:NAME, MODULE:NAME, or a name of the entry-point group meanbits.surrogates. Only those run code of yours;
    formulas are parsed, never evaluated.

    Exit status: 0 done, 1 a check failed, 2 bad input, 3 meanbits failed unexpectedly (MEANBITS_DEBUG=1 shows where).
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for command in (
    catalogue,
    derive,
    emit,
    map_command,
    fixed_point,
    critical,
    distance,
    jacobian,
    mismatch,
    phase,
    profile,
    advise,
    check,
    check_certificate,
    simulate,
    train,
    sweep,
    collect,
    export,
    verify,
    claims,
    figure,
    report,
    paper,
    papers,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 a check failed, 2 bad input, 3 a fault of meanbits."""
    if instruction := os.environ.get(COMPLETE):
        return shell_complete(cli, {}, "meanbits", COMPLETE, instruction)
    open_streams()
    try:
        with stopped_in_order():
            _run(list(sys.argv[1:] if arguments is None else arguments))
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        write_error(_error_line(error))
        return EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort) as stop:
        return _interrupted(stop)
    except BrokenPipeError:
        silence_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        write_error(_one_line(f"meanbits: {refused_by_system(error)}"))
        if error.filename is None:
            silence_output()
        return EXIT_BAD_INPUT
    except Exception as error:
        stop = interrupt_behind(error)
        return _unexpected(error) if stop is None else _interrupted(stop)
    return 0


def _interrupted(stop: BaseException) -> int:
    return stop.exit_code if isinstance(stop, StoppedError) else EXIT_INTERRUPTED


def _run(arguments: list[str]) -> None:
    require_folder()
    _require_text(arguments)
    try:
        with cli.make_context("meanbits", arguments) as ctx:
            cli.invoke(ctx)
    except click.exceptions.Exit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _require_text(arguments: list[str]) -> None:
    """Refuse halves of characters, which no file is named by and no stream prints."""
    for argument in arguments:
        try:
            os.fsencode(argument)
        except UnicodeEncodeError:
            raise click.UsageError(f"{argument} holds half a character; give text") from None


def _unexpected(error: Exception) -> int:
    """The exit code of what no command expects, which is a defect unless a package is missing."""
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRA:
        write_error(f"meanbits: this needs {error.name}; pip install 'meanbits[{EXTRA[error.name]}]'")
        return EXIT_BAD_INPUT
    if os.environ.get(DEBUG):
        traceback.print_exc()
    reason = next(iter(str(error).splitlines()), "")
    write_error(_one_line(f"meanbits failed on this input: {type(error).__name__}: {reason}; please report it with the "
                          "command"))  # fmt: skip
    return EXIT_UNEXPECTED


def _error_line(error: click.ClickException) -> str:
    """One line: the command, and what was wrong with which option."""
    ctx = getattr(error, "ctx", None)
    command = "meanbits" if ctx is None else ctx.command_path
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        known = [option for parameter in ctx.command.params for option in parameter.opts] if ctx else []
        message = f"unknown option '{error.option_name}'{_nearest(error.option_name, [*known, '--help'])}"
    elif isinstance(error, click.UsageError) and type(error) is not click.BadParameter and "; " not in message:
        message = f"{message.rstrip('.')}; see {command} --help"
    return _one_line(f"{command}: {message}")


def _one_line(message: str) -> str:
    """At most `LONGEST` printable characters."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(message.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def _nearest(name: str, known: Iterable[str]) -> str:
    choices = list(known)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(choices)}"
