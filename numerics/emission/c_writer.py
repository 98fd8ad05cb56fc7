"""Theory to C: a header whose functions take numbers, and arrays in loops that compilers turn into vector code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import sympy as sp

from meanbits.numerics.emission.c_printer import IN_C, PREFIX, CPrinter, no_quadrature
from meanbits.numerics.emission.copying import code_of, commented_parts, copied_parts
from meanbits.numerics.emission.runtime.mixture_numpy import mixture_pairs, mixture_rule
from meanbits.numerics.emission.writer import (
    MEANING,
    PARAMETER,
    EmittedFunction,
    Heading,
    ModuleWriter,
    Quadrature,
    identifier,
)
from meanbits.theory.errors import shown
from meanbits.theory.gaussian.logistic import (
    TanhCurvatureOverlap,
    TanhDifference,
    TanhMean,
    TanhOverlap,
    TanhOverlapGrowth,
    TanhSlopeGrowth,
    TanhSlopeOverlap,
)
from meanbits.theory.stages.overlap import AtExtremes
from meanbits.theory.symbols import T

SUMS = (TanhCurvatureOverlap, TanhDifference, TanhMean, TanhOverlap, TanhOverlapGrowth, TanhSlopeGrowth,
        TanhSlopeOverlap)  # fmt: skip
MOST_ARGUMENTS = 16  # MB_MOST of the runtime
RESERVED = frozenset({
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "asm", "typeof",
    "arguments", "n", "i", "out", "memcpy", "size_t",
})  # fmt: skip
SHADOWS = frozenset({*IN_C.functions.values(), "sqrt", "pow", "expm1", "INFINITY", "NAN"})
NAMED = re.compile(r"(\bmb_\w+)(?:\(|\[| =)|^\} (mb_\w+);", re.MULTILINE)
HEAD = """\
/* {title}
 * {parts}
 *
 * Needs a C99 compiler and its mathematics library. `{name}_MAP(...)` takes numbers. `{name}_MAP_array(n, arguments,
 * strides, out)` takes n points: of each argument, in the order of MAP, where its numbers are, and stride 1, or 0 for
 * one number that serves all points; `out` overlaps none. What is outside the domain gives NAN, and how many such
 * values there are is returned. Fast with
 *     cc -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off ... -lm
 */"""


@lru_cache(maxsize=1)
def runtime_definitions() -> dict[str, str]:
    """Name to source of every definition at the top of a runtime file, and of the tables that they sum over."""
    nodes, weights = mixture_rule(1 / 9)
    tables = {
        "mb_pairs": _table("mb_pairs", "a + b, a b and weight of the pairs.", np.column_stack(mixture_pairs())),
        "mb_rule": _table("mb_rule", "s^2 and weight of the scales.", np.column_stack([np.exp(2 * nodes), weights])),
    }
    legendre = np.column_stack(np.polynomial.legendre.leggauss(16))
    tables["mb_legendre"] = _table("mb_legendre", "Nodes on (-1, 1) and weights of Gauss and Legendre.", legendre)
    found = {next(filter(None, NAMED.search(code_of(part)).groups())): part  # type: ignore[union-attr]
             for file in IN_C.runtime for part in commented_parts(f"{file}.c")}  # fmt: skip
    return tables | found


def _table(name: str, title: str, rows: np.ndarray) -> str:
    lines = [f"    {{{', '.join(map(repr, row))}}}," for row in rows.tolist()]
    return "\n".join([f"/** {title} */", f"static const double {name}[][{rows.shape[1]}] = {{", *lines, "};"])


class CWriter(ModuleWriter):
    """Writes the functions of one header."""

    def __init__(self, heading: Heading) -> None:
        super().__init__(IN_C, heading, CPrinter(IN_C))
        self.prefix = symbol_prefix(heading.name)

    def module(self, functions: Sequence[EmittedFunction]) -> str:
        """The text of a header with these functions."""
        written = [self.function(function) for function in functions]
        guard = f"MEANBITS_{self.prefix.upper()}_H"
        includes = "\n".join(self.backend.imports)
        prelude = _guarded("mb_prelude", "\n\n".join(commented_parts("prelude.c")))
        parts = [self.header(written), f"#ifndef {guard}\n#define {guard}", includes, prelude]
        return "\n\n".join([*parts, *copied("\n".join(written)), *written, "#endif"]) + "\n"

    def header(self, parts: Sequence[str]) -> str:
        """What the header is, as a comment."""
        title = f"{_comment(self.heading.name)}: derived, not written. {_comment(self.heading.reference)}".rstrip()
        return HEAD.format(title=title, parts=_comment(self.heading.parts), name=self.prefix)

    def function(self, function: EmittedFunction) -> str:
        """The kernels of one function, and the function of numbers and that of arrays."""
        names = [c_identifier(symbol.name) for symbol in function.arguments]
        if len(names) > MOST_ARGUMENTS:
            raise ValueError(f"{function.name} takes {len(names)} arguments; c takes up to {MOST_ARGUMENTS}")
        whole = function.expression
        if T not in function.arguments:
            whole = whole.xreplace({T: self.heading.total_map})
        name, kernels, at = f"{self.prefix}_{function.name}", {"value": whole}, -1
        if isinstance(whole, AtExtremes) and whole.args[1] in function.arguments:
            kernels = dict(zip(("value", "zero", "infinity"), (whole.args[0], *whole.args[2:]), strict=True))
            at = function.arguments.index(whole.args[1])
        texts = [self.kernel(f"{name}_{kind}", part, names) for kind, part in kernels.items()]
        limits = ", ".join(f"{name}_{kind}" for kind in kernels)
        array = [f"/** {name} at n points; how many of the values are no numbers. */",
                 f"MB_ARRAYS size_t {name}_array(size_t n, const double *const *arguments, const size_t *strides, "
                 "double *out) {",
                 f"  static const mb_map map = {{{len(names)}, {at}, {limits}{', 0, 0' if at < 0 else ''}}};",
                 "  return mb_run(&map, n, arguments, strides, out);", "}"]  # fmt: skip
        return "\n\n".join([*texts, "\n".join(array), self._of_numbers(function, name, names)])

    def _of_numbers(self, function: EmittedFunction, name: str, names: list[str]) -> str:
        title = f"{function.title[0].upper()}{function.title[1:]}."
        lines = ["/**", f" * {_comment(title)}", " *"]
        lines += [f" * {symbol.name}: {_comment(MEANING.get(symbol, PARAMETER))}." for symbol in function.arguments]
        lines += [" */", f"MB_EXPORT double {name}({', '.join(f'double {each}' for each in names)}) {{",
                  f"  const double *const arguments[] = {{{', '.join(f'&{each}' for each in names)}}};",
                  f"  const size_t strides[{len(names)}] = {{0}};", "  double value;",
                  f"  {name}_array(1, arguments, strides, &value);", "  return value;", "}"]  # fmt: skip
        return "\n".join(lines)

    def kernel(self, name: str, expression: sp.Expr, names: list[str]) -> str:
        """The values of an expression in a loop over points; sums over mixtures are made before, for all points."""
        if nodes := expression.atoms(*_quadratures()):
            raise no_quadrature(min(nodes, key=str))
        rest, lines, sums = expression, list[str](), list[str]()
        while found := sorted(rest.atoms(*SUMS), key=lambda node: (sp.count_ops(node), str(node))):
            node, place, number = found[0], sp.Symbol(f"sum_{len(sums) + 1}", positive=True), len(sums) + 1
            parts = [f"part_{number}_{k + 1}" for k in range(len(node.args))]
            lines += [f"  double {', '.join(f'{part}[MB_BLOCK] = {{0}}' for part in (*parts, f'sums_{number}'))};"]
            lines += self._loop(dict(zip(parts, node.args, strict=True)), names, sums)
            lines += [f"  {self.backend.functions[type(node).__name__]}(n, {', '.join((*parts, f'sums_{number}'))});"]
            sums.append(place.name)
            rest = rest.xreplace({node: place})
        lines += self._loop({"out": rest}, names, sums)
        top = f"MB_KERNEL void {name}(size_t n, const double *const *arguments, double *restrict out) {{"
        unused = [] if "arguments[" in "\n".join(lines) else ["  (void)arguments;"]
        return "\n".join([top, *unused, *lines, "}"])

    def _loop(self, results: dict[str, sp.Expr], names: list[str], sums: list[str]) -> list[str]:
        """A loop that gives arrays the values of expressions of the arguments and of the sums before."""
        common, values = self.shared([self.prepared(each) for each in results.values()])
        used = {symbol.name for part in (*values, *(each for _, each in common)) for symbol in part.free_symbols}
        given = [f"{each} = arguments[{k}][i]" for k, each in enumerate(names) if each in used]
        given += [f"{each} = {each.replace('sum', 'sums')}[i]" for each in sums if each in used]
        given += [f"{symbol.name} = {self.printer.source(part)}" for symbol, part in common]
        lines = [f"    const double {each};" for each in given]
        lines += [f"    {name}[i] = {self.printer.source(value)};" for name, value in zip(results, values, strict=True)]
        return ["  for (size_t i = 0; i < n; i++) {", *lines, "  }"]


def _quadratures() -> tuple[type[sp.Basic], ...]:
    return Quadrature.__args__


def copied(text: str) -> list[str]:
    """The definitions of the runtime that a text uses, and those that they use, in the order of the runtime."""
    return [_guarded(name, source) for name, source in copied_parts(runtime_definitions(), text).items()]


def _guarded(name: str, source: str) -> str:
    """A definition that several headers of one program may have."""
    return f"#ifndef HAS_{name}\n#define HAS_{name}\n{source}\n#endif"


def _comment(text: str) -> str:
    return shown(text, 300).replace("*/", "* /").replace("/*", "/ *")


def symbol_prefix(name: str) -> str:
    """What the names of a surrogate's functions begin with."""
    words = "_".join(re.findall(r"[A-Za-z0-9]+", name))[:60].lower()
    return words if words[:1].isalpha() else f"maps_{words}".rstrip("_")


def c_identifier(name: str) -> str:
    """A name of a symbol, which is to be one word of C too."""
    taken = name in RESERVED | SHADOWS or name.startswith((PREFIX, "sum_", "sums_", "part_", "__"))
    if taken:
        raise ValueError(
            f"'{shown(name)}' is a word of C or of its runtime and no name for an argument; choose another"
        )
    return identifier(name)
