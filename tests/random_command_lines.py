"""Command lines as Hypothesis draws them, from the commands themselves: what is added to those is drawn too.

Words come from each option's own help text and from the grammar of formulas; numbers, names and files are chosen to do
harm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import click
from hypothesis import strategies as st

from meanbits.cli import cli
from meanbits.figures import FIGURES
from meanbits.options import Grid, Number
from meanbits.theory.declarations.grammar import COMPARISONS, CONSTANTS, FUNCTIONS, HELPERS
from meanbits.theory.declarations.rows import CHAINS
from meanbits.theory.declarations.surrogates import CATALOGUE

COMMANDS = tuple(cli.commands)
LONG = dict.fromkeys(
    (
        "verify",
        "claims",
        "figure",
        "paper",
        "papers",
        "train",
        "sweep",
        "simulate",
        "distance",
        "mismatch",
        "check",
        "report",
        "export",
    ),
    2.0,
)  # seconds until they are interrupted
OFTEN = (*COMMANDS, *(6 * [each for each in COMMANDS if each not in LONG]))
NAMES = (*(each.name for each in CATALOGUE), *(row.name for row in CHAINS))
SANE = ("0.5", "0.1", "1", "0.9", "0.01", "0.3", "2")
EXTREME = ("0", "-0.0", "5e-324", "1e-300", "1e-12", "1e12", "1e100", "1e308", "-1", "-1e308", "1e400", "inf", "-inf",
           "nan", "9" * 400, "1" + "0" * 5000, "0." + "3" * 5000, "\u0663", "1_000", "0x10", "1e", "", " ", "1,5", "--",
           "1j", "0.9999999999999999", "1.0000000000000002")  # fmt: skip
WHOLE = ("1", "2", "3", "8", "10")
NO_WHOLE = ("0", "-1", "1.5", "1e3", "10" * 40, "2147483648", "9223372036854775808", "\u0663", "", "nan")
HOSTILE = (
    "((((((1/2)**64)**64)**64)**64)**64)*h", "tanh(1e300*h)", "h**(0/0)", "9**9**9**9**9", 'h #"""', "h.__class__",
    "__import__('os')", "(" * 3000 + "h" + ")" * 3000, "\u03b7", "h\u202e", "lambda: 1", "1e-300*tanh(h)",
    "abs(tanh(h))", "sign(h)*(1-exp(-abs(h)))", "tanh(h-1)", "h/abs(h)*abs(tanh(sin(h)))", "tanh(sinh(h))",
    "tanh(h**3)", "floor(3*h)", "(1+tanh(h))/2", "(1+sign(h))/2", "(1+tanh(h**3))/2", "1/(h-0.3)", "log(h)", "sqrt(h)",
    "h**2", "-h", "0", "h",
)  # fmt: skip
TEXTS = ("", " ", "\x1b[2J", "n" * 300, "'", '"; rm', "{}", "%s", "\ud800", "../..", "None", "~nosuchuser/x", "-", "*",
         "os:system", "os:path", "missing.py:x", "foreign.py:x", "a:b:c:d", "\u0661:\u0662", "${HOME}",
         "=", ":")  # fmt: skip
FILES = (
    "new.nc", "new.py", "new.html", "new.pt", "new.onnx", "new.npz", "new.png", "new.pdf", "new.sqlite", "new",
    "folder", "folder.nc", "missing/new.nc", "~nosuchuser/new.nc", "n" * 300 + ".nc", "n" * 255, "\u00e9" * 130,
    "", ".", "..", "foreign.nc", "foreign.pt", "foreign.npz", "foreign.toml", "foreign.py", "foreign.html", "empty.nc",
    "empty.pt", "empty.sqlite", "empty.toml", "run.nc", "cut.nc", "flipped.nc", "run.nc/below", "/dev/null",
    "/dev/full", "/proc/new.nc", "/nowhere/new.html", "loop.nc", "dangling.nc", "good.toml", "cut.pt", "flipped.pt",
)  # fmt: skip
GOOD_FILES = ("new.nc", "new.html", "new.py", "new.pt", "new.npz", "new.png", "new", "run.nc", "run.pt", "good.toml")
WORD = re.compile(r"(?:^|(?<=, )|(?<=or )|(?<=: ))[a-z][a-z0-9-]*(?::[A-Z][A-Z0-9,:\[\]]*)?(?=,|\.| or | \(|$)")
NUMERIC = r"[A-Z](LPHA)?(\[:B\])?"  # metavars of numbers that are words to Click

sane_numbers, extremes = st.sampled_from(SANE), st.sampled_from(EXTREME)
any_numbers = st.one_of(sane_numbers, extremes, st.floats().map(repr))


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> str:
    """A formula of the project's grammar, in h."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(("h", "h", "h", "-h", "2*h", "0.5", "1e-3", "3", *CONSTANTS)))
    inside = formulas(depth=depth - 1)
    name = draw(st.sampled_from((*FUNCTIONS, *HELPERS, "+", "*", "-", "/", "**", "where")))
    one, other = draw(inside), draw(inside)
    if name in FUNCTIONS or name in HELPERS:
        return f"{name}({one}, {other})" if name in ("max", "min") else f"{name}({one})"
    if name == "where":
        sign = draw(st.sampled_from(("<", "<=", ">", ">=")[: len(COMPARISONS)]))
        return f"where({one} {sign} {draw(inside)}, {other}, {one})"
    return (
        f"({one})**{draw(st.sampled_from(('2', '3', '-1', '(1/2)', '64')))}"
        if name == "**"
        else f"({one}) {name} ({other})"
    )


any_formulas = st.one_of(formulas(), formulas(), st.sampled_from(HOSTILE))


@st.composite
def words(draw: st.DrawFn, parameter: click.Parameter, wild: bool) -> str:
    """A word that the option's help names, capitals in it replaced by numbers or formulas; or what has no business."""
    if wild and draw(st.booleans()):
        return draw(st.one_of(st.sampled_from(TEXTS), any_formulas, st.text(max_size=8)))
    numbers = any_numbers if wild else sane_numbers
    if re.fullmatch(NUMERIC, parameter.metavar or ""):
        return ":".join(draw(st.lists(numbers, min_size=1, max_size=1 + ("[" in str(parameter.metavar)))))
    if parameter.name == "phi":
        return draw(st.one_of(st.sampled_from(("tanh", "erf")), any_formulas))
    known = WORD.findall(getattr(parameter, "help", None) or "") or TEXTS
    word, mark, arguments = draw(st.sampled_from(known)).partition(":")
    if not mark:
        return word
    places = re.findall("[A-Z]+[0-9]?", arguments)
    return f"{word}:" + ",".join(draw(any_formulas if place == "EXPR" else numbers) for place in places)


@st.composite
def grids(draw: st.DrawFn, wild: bool) -> str:
    """A grid, or what looks like one."""
    numbers = any_numbers if wild else sane_numbers
    points = draw(st.sampled_from(("0", "-1", "9" * 5000, "x", "10000000000", "\u0663") if wild else ("1", "2", "3")))
    return draw(st.one_of(numbers, st.builds(lambda a, b: f"{a}:{b}:{points}", numbers, numbers)))


def values(parameter: click.Parameter, wild: bool) -> st.SearchStrategy[str]:
    """Values of an option or argument, by its type."""
    kind = parameter.type
    if isinstance(kind, Grid):
        return grids(wild)
    if isinstance(kind, Number):
        return any_numbers if wild else sane_numbers
    if isinstance(kind, click.types.IntParamType | click.IntRange):
        return st.sampled_from(NO_WHOLE if wild else WHOLE)
    if isinstance(kind, click.Choice):
        return st.sampled_from(TEXTS if wild else tuple(map(str, kind.choices)))
    if isinstance(kind, click.Path):
        return st.sampled_from(FILES if wild else fitting_files(parameter))
    if isinstance(parameter, click.Argument):
        return st.sampled_from(TEXTS if wild else {"figure_id": tuple(FIGURES)}.get(str(parameter.name), NAMES))
    return words(parameter, wild)


def fitting_files(parameter: click.Parameter) -> tuple[str, ...]:
    """Those with a suffix that the option names, or all."""
    said = f"{parameter.metavar} {getattr(parameter, 'help', '')}"
    return tuple(each for each in GOOD_FILES if "." in each and each[each.index(".") :] in said) or GOOD_FILES


def is_usual(parameter: click.Parameter) -> bool:
    """Whether most lines have it."""
    return parameter.required or parameter.name in ("sigma_m2", "c")


@st.composite
def command_lines(draw: st.DrawFn, commands: Sequence[str] = OFTEN) -> list[str]:
    """A command with what it requires and some of its options, none, some or all of their values wild."""
    command = cli.commands[draw(st.sampled_from(commands))]
    chosen = [each for each in command.params if is_usual(each) and draw(st.integers(0, 19))]
    others = [each for each in command.params if not is_usual(each)]
    chosen += draw(st.lists(st.sampled_from(others), max_size=draw(st.sampled_from((1, 3, 6))), unique=True))
    count = draw(st.sampled_from((0, 0, 1, 1, 2, len(chosen))))
    wild = draw(st.lists(st.sampled_from(chosen), min_size=min(count, len(chosen)), max_size=count)) if chosen else []
    line = [str(command.name)]
    for parameter in chosen:
        line += words_of(parameter, "" if is_flag(parameter) else draw(values(parameter, parameter in wild)))
    odd = draw(st.integers(0, 40))
    return {0: [*line, "--bogus"], 1: [*line, draw(st.sampled_from(TEXTS))], 2: [*line, *line[-2:]]}.get(odd, line)


def is_flag(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.is_flag


def words_of(parameter: click.Parameter, value: str) -> list[str]:
    """What is typed to give a parameter a value."""
    if isinstance(parameter, click.Argument):
        return [value]
    option = parameter.opts[-1]
    return [option] if parameter.is_flag else [f"{option}={value}"] if value.startswith("-") else [option, value]
