"""SymPy expressions as C: numbers are doubles, and functions those of libm or of the runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import sympy as sp

from meanbits.numerics.emission.conventions import COMMON, Conventions
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.theory.errors import shown

PREFIX = "mb_"
LIBM = ("asin", "atan", "atan2", "cos", "cosh", "erf", "erfc", "exp", "log", "sin", "sinh", "tanh")
OWN = {"HardTanh": "hard_tanh", "Box": "box", "Softplus": "softplus", "sign": "sign", "Max": "larger"}
SERVED = frozenset({
    "ArcCosineDifference", "ArcCosineKernel", "BoxApart", "BoxProbability", "ClipCovariance", "ClipDifference",
    "ClipMean", "DampedSinh", "ErfPair", "ExpErfc", "LaplaceMean", "Portion", "Quotient", "Scaled",
    "Spike", "TanhCurvatureOverlap", "TanhDifference",
    "TanhMean", "TanhOverlap", "TanhOverlapGrowth", "TanhSlopeGrowth", "TanhSlopeOverlap",
})  # fmt: skip
IN_C = Conventions(
    name="c",
    functions={name: name for name in LIBM}
    | {"Abs": "fabs"}
    | {name: f"{PREFIX}{own}" for name, own in (COMMON | OWN).items() if name in SERVED | OWN.keys()},
    module="",
    imports=("#include <float.h>", "#include <math.h>", "#include <stddef.h>", "#include <string.h>"),
    array_type="double",
    argument_type="double",
    runtime=("elementwise", "logistic", "clipped", "odd_means"),
)


class CPrinter(ArrayPrinter):
    """SymPy to C source."""

    def library(self, name: str) -> str:
        """A function of libm."""
        return name

    def runtime(self, name: str) -> str:
        """A function of the runtime."""
        return f"{PREFIX}{name}"

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "INFINITY"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "-INFINITY"

    def _print_NaN(self, expr: sp.Expr) -> str:
        return "NAN"

    def _print_Integer(self, expr: sp.Integer) -> str:
        return repr(float(expr))

    def _print_Max(self, expr: sp.Max) -> str:
        nested: Callable[[str, str], str] = "mb_larger({}, {})".format
        return reduce(nested, map(self._print, expr.args))

    def _print_AtExtremes(self, expr: sp.Function) -> str:
        value, at, zero, infinity = map(self._print, expr.args)
        return f"({at} == 0 ? {zero} : {at} == INFINITY ? {infinity} : {value})"

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        return f"pow({self._print(base)}, {self._print(exponent)})"


def no_quadrature(node: sp.Expr) -> ValueError:
    """What is said of an expectation that only quadrature gives."""
    return ValueError(f"c has no quadrature for {shown(node)}; use numpy or torch, or choose neurons and noise whose "
                      "maps have a closed form")  # fmt: skip
