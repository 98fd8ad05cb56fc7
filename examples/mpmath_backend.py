"""
Maps to any number of digits: a backend of one's own
=====================================================

A backend is a printer, its conventions and its runtime. This one writes modules for mpmath, from outside the package.
"""

from __future__ import annotations

from pathlib import Path

import mpmath as mp
import numpy as np
import sympy as sp

import meanbits as mb
from meanbits.numerics.emission.agreement import differences
from meanbits.numerics.emission.backend import ArrayBackend
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.writer import ModuleWriter
from meanbits.theory.stages.overlap import AtExtremes

# %%
# 1. The names of functions.

FUNCTIONS = {name: f"mp.{name}" for name in ("asin", "atan", "atan2", "erf", "erfc", "exp", "tanh")}
FUNCTIONS |= {"Portion": "portion", "Scaled": "scaled"}

# %%
# 2. The printer: what is written in another way than for NumPy. Constants keep all their digits, and quotients are
# calls, since mpmath raises ZeroDivisionError where other libraries give infinity.


class MpmathPrinter(ArrayPrinter):
    """SymPy to mpmath source."""

    def source(self, expression: sp.Expr) -> str:
        return self.doprint(expression)

    def divided(self, above: str, below: str) -> str:
        return f"over({above}, {below})"

    def _print_Pi(self, expr: sp.Expr) -> str:
        return "mp.pi"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"over({expr.p}, {expr.q})"


# %%
# 3. The writer: a limit at 0 or infinity is returned before anything is divided by it.


class MpmathWriter(ModuleWriter):
    """Writes functions of numbers."""

    def statements(self, expression: sp.Expr, names: list[str]) -> list[str]:
        if not isinstance(expression, AtExtremes):
            return super().statements(expression, names)
        value, at, *limits = expression.args
        lines: list[str] = []
        for end, limit in zip(("0", "mp.inf"), limits, strict=True):
            lines += [f"    if {at} == {end}:", *(f"    {line}" for line in super().statements(limit, names))]
        return [*lines, *super().statements(value, names)]


# %%
# 4. The runtime: definitions that emitted modules copy, from any file; here from this one.


def as_arrays(*arguments: object) -> list[mp.mpf]:
    """The arguments as numbers of the working precision."""
    return [mp.mpf(argument) for argument in arguments]


def broadcast(value: mp.mpf, *arguments: mp.mpf) -> mp.mpf:
    """A value that does not depend on all of its arguments."""
    return mp.mpf(value)


def over(above: mp.mpf, below: mp.mpf) -> mp.mpf:
    """above / below, as IEEE 754 has it where below is 0."""
    if below != 0:
        return mp.mpf(above) / below
    return mp.sign(above) * mp.inf if above != 0 else mp.nan


def portion(part: mp.mpf, rest: mp.mpf) -> mp.mpf:
    """part / (part + rest) for part, rest >= 0: 1 where rest is 0."""
    return mp.mpf(1) if rest == 0 else over(1, 1 + over(rest, part))


def scaled(share: mp.mpf, value: mp.mpf) -> mp.mpf:
    """share * value, 0 where share is 0."""
    return mp.mpf(0) if share == 0 else share * value


# %%
# 5. The backend: its conventions, and how its functions take arrays.

MPMATH = ArrayBackend(
    name="mpmath",
    functions=FUNCTIONS,
    module="mp",
    imports=("import mpmath as mp",),
    array_type="mp.mpf",
    argument_type="mp.mpf",
    runtime=(Path(__file__),),
    printer=MpmathPrinter,
    writer=MpmathWriter,
    wrap=lambda function: np.vectorize(function, otypes=[object]),
)

# %%
# 6. Use it by the object, or by its name where an installed package declares the entry point
# ``[project.entry-points."meanbits.backends"] mpmath = "my_package:MPMATH"``; and see that it agrees with NumPy, at
# points that include the ends of every range.

if __name__ == "__main__":
    theory = mb.derive("deterministic")
    maps = mb.compile(theory, backend=MPMATH)
    with mp.workdps(40):
        print(maps.correlation_map(mp.mpf("0.3"), 2, sigma_m2=mp.mpf("0.5"), sigma_b2=0))
    print(f"{len(list(differences(theory, MPMATH)))} points where NumPy differs by more than rounding")
