"""Theory to JavaScript: the maps as functions of numbers, in a module that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import sympy as sp

from meanbits.numerics.emission.backend import Backend
from meanbits.numerics.emission.conventions import COMMON
from meanbits.numerics.emission.copying import commented_parts, copied_parts
from meanbits.numerics.emission.digits import roots_apart
from meanbits.numerics.emission.emit import emitted_functions
from meanbits.numerics.emission.emit_layer import heading_of_chain, layer_functions
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.routes import edges_of, joint_edges
from meanbits.numerics.emission.writer import (
    MEANING,
    PARAMETER,
    EmittedFunction,
    Heading,
    ModuleWriter,
    Quadrature,
    identifier,
    separated,
)
from meanbits.theory.derive import Theory
from meanbits.theory.errors import shown
from meanbits.theory.functions.far_out import finite
from meanbits.theory.functions.pieces import Pieces, pieces, slope_between_breaks, switches_branches
from meanbits.theory.gaussian.open_nodes import GaussianDifference, GaussianSlope
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.layer_theory import LayerTheory
from meanbits.theory.symbols import T

DEFINITION = re.compile(r"^(?:function|const) (\w+)", re.MULTILINE)
RESERVED = frozenset({
    "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default",
    "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for", "function", "if",
    "implements", "import", "in", "instanceof", "interface", "let", "new", "null", "package", "private",
    "protected", "public", "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof",
    "var", "void", "while", "with", "yield", "Infinity", "Math", "NaN", "Number", "Object", "RangeError", "Map",
    "undefined",
})  # fmt: skip
RUNTIME_FILES = ("elementwise", "errors", "gauss", "logistic", "clipped", "shapes", "strips", "wide", "piecewise",
                 "widening", "odd_means", "quadrature", "price", "smoothing", "broken")  # fmt: skip


@lru_cache(maxsize=1)
def runtime_definitions() -> dict[str, str]:
    """Name to source of every definition at the top of a runtime file."""
    found: dict[str, str] = {}
    for module in RUNTIME_FILES:
        found |= {DEFINITION.findall(part)[0]: part for part in commented_parts(f"{module}.js")}
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

    def _print_Tuple(self, expr: sp.Tuple) -> str:
        return f"[{', '.join(map(self._print, expr.args))}]"

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        return f"Math.pow({self._print(base)}, {self._print(exponent)})"


class ScriptWriter(ModuleWriter):
    """Writes the functions of one script."""

    def __init__(self, heading: Heading) -> None:
        super().__init__(JAVASCRIPT, heading, ScriptPrinter(JAVASCRIPT))

    def header(self, parts: Sequence[str]) -> str:
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
        if isinstance(node, GaussianDifference | GaussianSlope):
            return self._of_overlap(node)
        if not node.is_pair:
            return self._call("mean", (node.integrand,), (node.mean[0], node.covariance[0]), edges_of(node.integrand))
        variance, covariance, _ = node.covariance
        law = variance, tidy_rational(covariance / variance)
        terms = [self._product(coefficient, self._pair(first, second, law))
                 for coefficient, first, second in separated(node.integrand)]  # fmt: skip
        return " + ".join(terms)

    def _product(self, coefficient: sp.Expr, call: str) -> str:
        return call if coefficient == 1 else f"{self.printer.source(coefficient)} * {call}"

    def _pair(self, first: sp.Expr, second: sp.Expr, law: Sequence[sp.Expr]) -> str:
        edges = joint_edges(first, second)
        if edges is not None or first != second:
            return self._call("pair", (first, second), law, edges)
        return f"{self._call('pair', (first, second), law, None)[:-1]}, {self._integrand(slope_between_breaks(first))})"

    def _of_overlap(self, node: GaussianDifference | GaussianSlope) -> str:
        integrand, *law = node.args
        name, edges = ("difference" if isinstance(node, GaussianDifference) else "slope"), edges_of(integrand)
        if edges is None:
            slope = self._integrand(slope_between_breaks(integrand))
            return f"{self._call(name, (integrand,), law, None)[:-1]}, {slope})"
        cut = pieces(integrand)
        jumps = tuple((float(at), float(rise)) for at, rise in cut.jumps)
        first, last = (self._integrand(cut.slope.expression), self._constant(jumps)), self._constant(edges)
        return f"broken_{name}({', '.join([*first, *map(self.printer.source, law), last])})"

    def _call(
        self, name: str, functions: Sequence[sp.Expr], law: Sequence[sp.Expr], edges: tuple[float, ...] | None
    ) -> str:
        arguments = [*map(self._integrand, functions), *map(self.printer.source, law)]
        if edges is None:
            return f"gaussian_{name}({', '.join(arguments)})"
        return f"broken_{name}({', '.join([*arguments, self._constant(edges)])})"

    def integrand_sources(self) -> list[str]:
        """The integrands that the functions written so far call, and the numbers of their meshes."""
        numbers = [f"const {name} = {script_array(each)};" for each, name in self.constants.items()]
        return [*numbers, *(self._integrand_source(each, name) for each, name in self.integrands.items())]

    def _integrand_source(self, integrand: sp.Expr, name: str) -> str:
        cut = finite(pieces(integrand))
        whole = not switches_branches(integrand) and cut == pieces(integrand)
        body = self.printer.source(integrand) if whole else self._choice(cut)
        every = f"for (let k = 0; k < u.length; k++) out[k] = {name}(u[k]);"  # an engine puts it inside the loop
        return f"function {name}(u) {{\n  return {body};\n}}\n\n{name}.all = (u, out) => {{\n  {every}\n}};"

    def _choice(self, cut: Pieces) -> str:
        """The branches of a function cut at its breaks, each evaluated on its own interval only."""
        branches = [self.printer.source(roots_apart(part)) for part in cut.parts]
        chosen = [f"u < {float(at)!r} ? {branch} : " for at, branch in zip(cut.breaks, branches, strict=False)]
        return "".join([*chosen, branches[-1]])


def script_array(numbers: object) -> str:
    """Nested tuples of numbers as an array of JavaScript."""
    if isinstance(numbers, tuple):
        return f"[{', '.join(map(script_array, numbers))}]"
    return repr(numbers).replace("inf", "Infinity")


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
        for parameter in theory.surrogate.parameters:  # a word is refused before what takes long
            script_identifier(parameter.name)
        return Heading.of(theory), emitted_functions(theory)
    return heading_of_chain(theory), layer_functions(theory)


def script_source(heading: Heading, offered: Sequence[EmittedFunction]) -> str:
    """The source of these functions and of what they call, without exports."""
    writer = ScriptWriter(heading)
    bodies = [writer.function(function) for function in offered]
    written = [*writer.integrand_sources(), *bodies]
    body = "\n\n".join([*copied_parts(runtime_definitions(), "\n".join(written)).values(), *written])
    return f"{writer.header(written)}\n\n{body}\n"
