"""Formulas as MathML: read back as a browser shows them, they are the formulas; sentences keep their words."""

from __future__ import annotations

import html
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import sympy as sp

import meanbits as mb
from meanbits.experiments.equations import equations
from meanbits.experiments.page.caption import caption_markup, prose
from meanbits.experiments.page.mathml import FUNCTIONS, formula
from meanbits.theory.declarations.rows import CHAINS
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.gaussian.node import GaussianNode

TOTAL = {"asin": lambda x: math.atan(x) + x, "sqrt": lambda x: math.sqrt(abs(x))}  # drawn numbers leave their domains
KNOWN = {"arcsin": TOTAL["asin"], "arctan": math.atan, "erf": math.erf, "tanh": math.tanh, "e": math.e, "π": math.pi,
         "sgn": np.sign, "exp": math.exp, "sqrt": TOTAL["sqrt"], "Max": max, "Abs": abs, "erfc": math.erfc}  # fmt: skip
OPERATORS = {"+": "+", "−": "-", "\u2062": "*", "·": "*", "(": "(", ")": ")", ",": ","}
BARS = re.compile(r"\|([^|]*)\|")


def source(node: ET.Element) -> str:
    """Python for what a reader sees: letters, brackets, fractions and powers, and nothing of how SymPy held them."""
    if node.tag in ("msub", "msubsup", "mover"):
        return name(node)
    if node.tag == "mo":
        return OPERATORS[node.text]
    parts = [source(child) for child in node]
    match node.tag:
        case "mfrac":
            return f"(({parts[0]})/({parts[1]}))"
        case "msqrt":
            return f"sqrt({''.join(parts)})"
        case "msup":
            return f"(({parts[0]})**({parts[1]}))"
        case "mi" | "mn":
            return node.text
        case _:
            return "".join(parts)


def name(node: ET.Element) -> str:
    """One word of everything inside, as a name."""
    return "n_" + "_".join(f"{ord(letter):x}" for letter in "".join(node.itertext()))


def shown(expression: sp.Expr) -> str:
    return source(ET.fromstring(html.unescape(formula(expression).source).replace("&", "&amp;")))


def values(expression: sp.Expr) -> tuple[dict[str, float], dict[sp.Symbol, float]]:
    """Numbers for the symbols, by the names that `shown` gives them and by symbol."""
    draw = np.random.default_rng(3)
    by_symbol = {each: float(draw.uniform(0.1, 0.5)) for each in sorted(expression.free_symbols, key=str)}
    return {shown(symbol): value for symbol, value in by_symbol.items()}, by_symbol


def stub(*numbers: float) -> float:
    return sum((index + 1) * math.sin(number) for index, number in enumerate(numbers))


def closed_formulas():
    for subject in (*CATALOGUE, *(row.layer for row in CHAINS), mb.compose("deterministic", gain=1.5)):
        theory = mb.derive(subject)
        found = theory.formulas if hasattr(theory, "formulas") else {e.name: e.expression for e in equations(theory)}
        for key, expression in found.items():
            if not expression.has(GaussianNode, sp.Sum, sp.zoo, sp.oo, sp.Tuple, sp.Indexed):
                yield f"{subject.name} {key}", expression


def is_special(node: sp.Basic) -> bool:
    """Whether it is a function that neither Python nor a reader knows."""
    return isinstance(node, sp.Function) and FUNCTIONS.get(type(node).__name__, type(node).__name__) not in KNOWN


def evaluated(expression: sp.Expr) -> tuple[float, float]:
    """What is shown, and the formula itself, at the same numbers; special functions stand for any others."""
    names, numbers = values(expression)
    stubs = {type(node).__name__: stub for node in expression.atoms(sp.Function) if is_special(node)}
    plain = expression.replace(is_special, lambda node: sp.Function(type(node).__name__)(*node.args))
    got = eval(BARS.sub(r"Abs(\1)", shown(expression)), {}, {**KNOWN, **stubs, **names})
    return got, float(sp.lambdify(list(numbers), plain, modules=[TOTAL | stubs, "math"])(*numbers.values()))


def test_what_is_shown_is_the_formula():
    compared = [(title, *evaluated(expression)) for title, expression in closed_formulas()]
    assert len(compared) > 100
    for title, got, expected in compared:
        assert got == pytest.approx(expected, rel=1e-10, abs=1e-13), title


M = sp.Symbol("M")
HALF = sp.Rational(1, 2)


@pytest.mark.parametrize(
    "expression",
    [sp.Add(-(HALF - M / 2), 1 + M, evaluate=False), sp.Mul(-1, sp.Add(HALF, -M), evaluate=False),
     sp.Mul(2, sp.Mul(-3, M), evaluate=False), sp.Pow(-M, 2), -(M**2), sp.Mul(M - 1, M + 1), 1 / (1 - M) ** 2,
     sp.Add(M, sp.Integer(-2), evaluate=False), sp.Pow(sp.Rational(-2, 3), 3, evaluate=False),
     mb.symbols.sigma_m2**2, sp.exp(-M) / (1 - sp.exp(-M))],
    ids=str,
)  # fmt: skip
def test_signs_and_brackets(expression):
    names, numbers = values(expression)
    expected = float(expression.subs(numbers))
    assert eval(shown(expression), {}, KNOWN | names) == pytest.approx(expected, rel=1e-12)


def test_names_from_outside_are_no_markup():
    assert "<script>" not in formula(sp.Symbol("<script>alert(1)</script>")).source
    assert prose("<b>sigma_m2 <= 1</b>") == "&lt;b&gt;σ<sub>m</sub>² ≤ 1&lt;/b&gt;"
    assert prose("T^k r^(k-1) -> 0") == "T<sup>k</sup> r<sup>k-1</sup> → 0"
    assert "<script>" not in caption_markup("$<script>$ <script>")


def test_captions_read_as_mathematics():
    assert caption_markup(r"at $\sigma_b^2$ = 0.1, $\chi_1 = 1$") == (
        "at σ<sub>b</sub><sup>2</sup> = 0.1, χ<sub>1</sub> = 1"
    )
    assert caption_markup(r"$\varphi(\kappa\,\bar h/\sqrt{\Sigma})$") == "φ(κ\u2009h\u0304/√Σ)"
