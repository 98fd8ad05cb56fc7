"""Emitted functions that automatic differentiation goes through: at the ends of a range their slopes are stated."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from meanbits.numerics.emission.conventions import Conventions
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.writer import EmittedFunction, Heading, ModuleWriter
from meanbits.theory.stages.overlap import AtExtremes
from meanbits.theory.symbols import T, c, gap, q

SLOPES = {
    "total_map": "total_slope", "variance_map": "variance_slope", "correlation_map": "chi", "gap_map": "chi_at_gap",
}  # fmt: skip
RANGES = {c: "-1, 1", gap: "0, 2", q: "0, {}.inf", T: "0, {}.inf"}
UNKNOWN = "unknown"


class SlopesWriter(ModuleWriter):
    """Writes functions that hold their arguments inside their ranges, and state their slopes at the ends."""

    def __init__(self, backend: Conventions, heading: Heading, printer: ArrayPrinter | None = None) -> None:
        super().__init__(backend, heading, printer)
        self.names: frozenset[str] = frozenset()

    def module(self, functions: Sequence[EmittedFunction]) -> str:
        """The source of a standalone module with these functions, which are one another's slopes."""
        self.names = frozenset(function.name for function in functions)
        return super().module(functions)

    def body(self, function: EmittedFunction, names: list[str]) -> list[str]:
        """The statements of a function; `given` is what it was called with."""
        slopes = self._slopes(function)
        if not slopes:
            return super().body(function, names)
        lines = [f"    given = {self.taken(names)}", *self.total(function)]
        for symbol, (name, ends) in zip(function.arguments, slopes, strict=False):
            lines += [f"    {symbol.name} = held({symbol.name}, {ends})"] if name != UNKNOWN else []
            lines += [f"    {symbol.name}_inside = inside({symbol.name})"] if _has_limits(function, symbol) else []
        *statements, result = self.statements(function.expression.replace(AtExtremes, _kept_inside), names)
        text = f"[{', '.join(f'({name}, {ends})' for name, ends in slopes)}], given"
        return [*lines, *statements, f"    return with_ends({result.removeprefix('    return ')}, {text})"]

    def _slopes(self, function: EmittedFunction) -> list[tuple[str, str]]:
        """Of each argument that needs it, the function that is the slope at the ends of its range, and these ends."""
        found: list[tuple[str, str]] = []
        for symbol in function.arguments:
            name = SLOPES.get(function.name, UNKNOWN) if symbol == function.arguments[0] else UNKNOWN
            known = name in self.names and symbol in RANGES and function.expression.has(symbol)
            ends = RANGES[symbol].format(self.backend.module) if known or _has_limits(function, symbol) else ""
            found.append((name if known else UNKNOWN, ends))
        while found and not found[-1][1]:
            found.pop()
        return found


def _has_limits(function: EmittedFunction, symbol: sp.Symbol) -> bool:
    return any(node.args[1] == symbol for node in function.expression.atoms(AtExtremes))


def _kept_inside(value: sp.Expr, at: sp.Symbol, zero: sp.Expr, infinity: sp.Expr) -> sp.Expr:
    """Limits beside a value at another point, whose gradient is a number where the limits replace it."""
    return AtExtremes(value.xreplace({at: sp.Symbol(f"{at.name}_inside", positive=True)}), at, zero, infinity)
