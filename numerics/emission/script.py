"""Theory to JavaScript: the maps as functions of numbers, in a module that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import sympy as sp

from meanbits.numerics.emission.backend import Backend
from meanbits.numerics.emission.conventions import COMMON
from meanbits.numerics.emission.copying import RUNTIME
from meanbits.numerics.emission.emit import emitted_functions
from meanbits.numerics.emission.emit_layer import heading_of_chain, layer_functions
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.writer import (
    MEANING,
    PARAMETER,
    EmittedFunction,
    Heading,
    ModuleWriter,
    Quadrature,
    identifier,
)
from meanbits.theory.derive import Theory
from meanbits.theory.errors import shown
from meanbits.theory.stages.layer_theory import LayerTheory
from meanbits.theory.symbols import T

DEFINITION = re.compile(r"^(?:function|const) (\w+)", re.MULTILINE)
WORD = re.compile(r"\w+")
RESERVED = frozenset({
    "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default",
    "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for", "function", "if",
    "implements", "import", "in", "instanceof", "interface", "let", "new", "null", "package", "private",
    "protected", "public", "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof",
    "var", "void", "while", "with", "yield", "Infinity", "Math", "NaN", "Number", "Object", "RangeError", "Map",
    "undefined",
})  # fmt: skip
RUNTIME_FILES = ("elementwise", "errors", "logistic", "clipped")


@lru_cache(maxsize=1)
def runtime_definitions() -> dict[str, str]:
    """Name to source of every definition at the top of a runtime file: each begins with its comment /**."""
    found: dict[str, str] = {}
    for module in RUNTIME_FILES:
        text = (RUNTIME / f"{module}.js").read_text(encoding="utf-8")
        parts = [part.rstrip() for part in re.split(r"^(?=/\*\*)", text, flags=re.MULTILINE)[1:]]
        found |= {DEFINITION.findall(part)[0]: part for part in parts}
    return found


PLAIN = ("Abs", "asin", "atan", "atan2", "cos", "cosh", "exp", "log", "sign", "sin", "sinh", "tanh", "Max", "Min")
OWN = COMMON | {"erf": "erf", "erfc": "erfc", "HardTanh": "hard_tanh", "Box": "box", "Softplus": "softplus"}


class ScriptBackend(Backend):
    """JavaScript, whose code runs in browsers and in node."""

    def write(self, heading: Heading, functions: Sequence[EmittedFunction]) -> str:
        """The text of a module that exports these functions, of numbers."""
        names = ", ".join(function.name for function in functions)
        return f"{script_source(heading, functions)}\nexport {{ {names} }};\n"


JAVASCRIPT = ScriptBackend(
    name="javascript",
    functions={name: f"Math.{name.lower()}" for name in PLAIN}
    | {name: source for name, source in OWN.items() if source in runtime_definitions()},
    module="Math",
    imports=(),
    array_type="number",
    argument_type="number",
    runtime=RUNTIME_FILES,
)


class ScriptPrinter(ArrayPrinter):
    """SymPy to JavaScript source."""

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "Infinity"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "-Infinity"

    def _print_AtExtremes(self, expr: sp.Function) -> str:
        value, at, zero, infinity = map(self._print, expr.args)
        return f"at_extremes({value}, {at}, () => {zero}, () => {infinity})"

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        return f"Math.pow({self._print(base)}, {self._print(exponent)})"


class ScriptWriter(ModuleWriter):
    """Writes the functions of one script."""

    def __init__(self, heading: Heading) -> None:
        super().__init__(JAVASCRIPT, heading, ScriptPrinter(JAVASCRIPT))

    def header(self, body: str) -> str:
        """What the script is, as a comment."""
        parts = [f"{_comment(self.heading.name)}: derived, not written. {_comment(self.heading.reference)}".rstrip(),
                 _comment(self.heading.parts)]  # fmt: skip
        return "\n".join(f"// {part}" for part in parts)

    def function(self, function: EmittedFunction) -> str:
        """One function: what it is, signature, statements."""
        names = [script_identifier(symbol.name) for symbol in function.arguments]
        title = f"{function.title[0].upper()}{function.title[1:]}."
        lines = ["/**", f" * {title}", " *"]
        lines += [f" * {symbol.name}: {MEANING.get(symbol, PARAMETER)}." for symbol in function.arguments]
        lines += [" */", f"function {function.name}({', '.join(names)}) {{"]
        if function.expression.has(T) and T not in function.arguments:
            lines.append(f"  const T = {self.printer.source(self.heading.total_map)};")
        body = self.assigned(function.expression)
        lines += [f"  const {name} = {source};" for name, source in body.assignments]
        return "\n".join([*lines, f"  return {body.source};", "}"])

    def _expectation(self, node: Quadrature) -> str:
        raise ValueError(f"javascript has no quadrature for {shown(node)}; emit numpy or torch, or choose neurons and "
                         "noise whose maps have a closed form")  # fmt: skip


def _comment(text: str) -> str:
    return shown(text, 300)


def script_identifier(name: str) -> str:
    """A name of a symbol, which is to be one word of JavaScript too."""
    if name in RESERVED or name in runtime_definitions():
        raise ValueError(f"'{name}' is a word of JavaScript and no name for an argument; choose another")
    return identifier(name)


def emit_script(theory: Theory | LayerTheory) -> str:
    """The source of a JavaScript module that exports the maps of a theory, as functions of numbers.

    Raises:
        ValueError: a function that JavaScript lacks, or a parameter whose name is a word of it.
    """
    return JAVASCRIPT.write(*_subject(theory))


def _subject(theory: Theory | LayerTheory) -> tuple[Heading, Sequence[EmittedFunction]]:
    if isinstance(theory, Theory):
        return Heading.of(theory), emitted_functions(theory)
    return heading_of_chain(theory), layer_functions(theory)


def script_source(heading: Heading, offered: Sequence[EmittedFunction]) -> str:
    """The source of these functions and of what they call, without exports."""
    writer = ScriptWriter(heading)
    written = [writer.function(function) for function in offered]
    body = "\n\n".join([*_copied("\n".join(written)), *written])
    return f"{writer.header(body)}\n\n{body}\n"


def _copied(text: str) -> list[str]:
    """The definitions of the runtime that a text uses, and those that they use, in the order of the runtime."""
    known = runtime_definitions()
    wanted: set[str] = set()
    pending = set(WORD.findall(text)) & known.keys()
    while pending:
        wanted |= pending
        pending = {name for user in pending for name in WORD.findall(_code(known[user])) if name in known} - wanted
    return [source for name, source in known.items() if name in wanted]


def _code(source: str) -> str:
    return source[source.index("*/") :]
