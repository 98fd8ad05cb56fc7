"""Formulas as presentation MathML, which browsers typeset without scripts or fonts.

SymPy's printer, but for what it gets wrong or cannot know: signs of unevaluated sums, the project's symbols and nodes.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any
from xml.dom.minidom import Element, Text

import sympy as sp
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.precedence import PRECEDENCE, precedence_traditional

from meanbits.theory import symbols
from meanbits.theory.gaussian.node import GaussianNode

SQUARES = {symbols.sigma_m2: ("σ", "m"), symbols.sigma_b2: ("σ", "b")}
FIELD_LAW = sp.Symbol("N(hbar, Sigma)")
BARRED = {symbols.hbar: None, symbols.hbar_added: "F"}
FUNCTIONS = {"sign": "sgn", "asin": "arcsin", "atan": "arctan", "acos": "arccos", "atan2": "arctan2", "log": "ln"}
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
OWN = {"d": "δ", "E": "𝔼"}
SIGNS = {"-": "−"}
TOKEN = re.compile(
    r"(?P<name>sigma_m2|sigma_b2|[A-Za-z]+)(?P<prime>')?(?:_(?P<below>\w+))?(?:\^(?P<power>\d))?|[^\sA-Za-z]"
)
POWER = re.compile(r"\^(\d+)")
TIMES, DOT, MINUS = "&#x2062;", "·", "−"
WIDE = {"+", MINUS, "=", "∼", "→", ","}
LETTER, OPERATOR, SCRIPT, ROOT, GAP = 0.56, 1.15, 0.72, 0.9, 0.2  # widths in em


@dataclass(frozen=True)
class Formula:
    """MathML of a formula, and about how wide it is, in em of its font."""

    source: str
    width: float


def formula(*sides: sp.Basic | str, between: str = "=") -> Formula:
    """The sides of an equation, or a single expression; text stands as it is."""
    printer = Printer()
    row = printer.element("mrow")
    for number, side in enumerate(sides):
        if number:
            row.appendChild(printer.element("mo", between))
        row.appendChild(printer.words(side) if isinstance(side, str) else printer._print(side))
    return Formula(f'<math display="block">{_markup(row)}</math>', _width(row))


def inline(expression: sp.Basic) -> str:
    """MathML for the middle of a line."""
    return f"<math>{_markup(Printer()._print(expression))}</math>"


def inline_words(text: str) -> str:
    """MathML for the middle of a line, of a name as the project writes it in text."""
    return f"<math>{_markup(Printer().words(text))}</math>"


def _markup(node: Element) -> str:
    return node.toxml().encode("ascii", "xmlcharrefreplace").decode()


class Printer(MathMLPresentationPrinter):
    """SymPy to MathML in the notation of the paper."""

    def __init__(self) -> None:
        super().__init__({"inv_trig_style": "full"})

    def element(self, tag: str, *children: Element | str) -> Element:
        """A node with these children, text escaped."""
        made = self.dom.createElement(tag)
        for child in children:
            made.appendChild(self.dom.createTextNode(html.escape(child)) if isinstance(child, str) else child)
        return made

    def text(self, name: str) -> Element:
        """Words, with powers raised."""
        return self.element("mtext", POWER.sub(lambda found: found[1].translate(RAISED), name))

    def words(self, text: str) -> Element:
        """The left side of an equation as the project writes it in text: names, primes, indices, squares, operators."""
        row = self.element("mrow")
        for found in TOKEN.finditer(text):
            if found["name"]:
                row.appendChild(self._named(found))
            else:
                row.appendChild(self.element("mn" if found[0].isdigit() else "mo", SIGNS.get(found[0], found[0])))
        return row

    def _named(self, found: re.Match[str]) -> Element:
        base = self._base(found["name"])
        if found["prime"]:
            base = self.element("mrow", base, self._tight("′"))
        below = [self.element("mi", found["below"])] if found["below"] else []
        above = [self.element("mn", found["power"])] if found["power"] else []
        if below and above:
            return self.element("msubsup", base, *below, *above)
        return self.element("msub" if below else "msup", base, *(below or above)) if below or above else base

    def _tight(self, sign: str) -> Element:
        made = self.element("mo", sign)
        made.setAttribute("lspace", "0")
        made.setAttribute("rspace", "0")
        return made

    def _base(self, name: str) -> Element:
        symbol = next((each for each in (*SQUARES, *BARRED) if each.name == name), None)
        if symbol is None and name in OWN:
            return self.element("mi", OWN[name])
        return self._print(symbol or sp.Symbol(name))

    def bracketed(self, inside: Element, left: str = "(", right: str = ")") -> Element:
        """Something in brackets."""
        return self.element("mrow", self.element("mo", left), inside, self.element("mo", right))

    def _print_Symbol(self, sym: sp.Symbol, style: str = "plain") -> Element:
        if sym in SQUARES:
            return self.element("msubsup", *(self.element("mi", part) for part in SQUARES[sym]),
                                self.element("mn", "2"))  # fmt: skip
        if sym in BARRED:
            bar = self.element("mover", self.element("mi", "h"), self.element("mo", "¯"))
            return self.element("msub", bar, self.element("mi", BARRED[sym])) if BARRED[sym] else bar
        if sym == FIELD_LAW:
            law = self.bracketed(self._listed((symbols.hbar, symbols.Sigma)))
            return self.element("mrow", self.element("mi", "𝒩"), law)
        return super()._print_Symbol(sym) if sym.name.isidentifier() else self.text(sym.name)

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> Element:
        row = self.element("mrow")
        for number, term in enumerate(self._as_ordered_terms(expr, order=order)):
            negative = term.could_extract_minus_sign() and not term.is_Add
            if number or negative:
                row.appendChild(self.element("mo", MINUS if negative else "+"))
            row.appendChild(self._positive(-term if negative else term, number > 0 or negative))
        return row

    def _positive(self, term: sp.Expr, follows: bool) -> Element:
        """A term, in brackets where it is a sum, or begins with a sign behind one."""
        signed = follows and not term.is_Add and term.could_extract_minus_sign()
        inside = self._print(term)
        return self.bracketed(inside) if term.is_Add or signed else inside

    def _print_Mul(self, expr: sp.Mul) -> Element:
        if expr.could_extract_minus_sign():
            rest = -expr
            inside = self._print(rest)
            grouped = self.bracketed(inside) if rest.is_Add or rest.could_extract_minus_sign() else inside
            return self.element("mrow", self.element("mo", MINUS), grouped)
        numerator, denominator = sp.fraction(expr, exact=True)
        above = self._product(numerator)
        return above if denominator == 1 else self.element("mfrac", above, self._product(denominator))

    def _product(self, side: sp.Expr) -> Element:
        if not side.is_Mul:
            return self._print(side)
        row = self.element("mrow")
        for number, factor in enumerate(side.as_ordered_factors()):
            if number:
                row.appendChild(self.element("mo", DOT) if factor.is_number else self._times())
            row.appendChild(self._factor(factor))
        return row

    def _times(self) -> Element:
        made = self.dom.createElement("mo")
        made.appendChild(self.dom.createTextNode(TIMES))
        return made

    def _factor(self, factor: sp.Expr) -> Element:
        loose = precedence_traditional(factor) < PRECEDENCE["Mul"] or factor.could_extract_minus_sign()
        return self.bracketed(self._print(factor)) if loose else self._print(factor)

    def _print_Pow(self, e: sp.Pow) -> Element:
        if e.base in SQUARES and not e.exp.is_negative and e.exp != sp.Rational(1, 2):
            return self.element("msup", self.bracketed(self._print(e.base)), self._print(e.exp))
        return super()._print_Pow(e)

    def _print_Integer(self, expr: sp.Integer) -> Element:
        number = self.element("mn", str(abs(expr.p)))
        return self.element("mrow", self.element("mo", MINUS), number) if expr.p < 0 else number

    def _print_Rational(self, expr: sp.Rational) -> Element:
        fraction = self.element("mfrac", *(self.element("mn", str(part)) for part in (abs(expr.p), expr.q)))
        return self.element("mrow", self.element("mo", MINUS), fraction) if expr.p < 0 else fraction

    def _print_Function(self, e: sp.Function) -> Element:
        name = type(e).__name__
        return self.element("mrow", self.element("mi", FUNCTIONS.get(name, name)), self._print_Tuple(e.args))

    _print_sign = _print_log = _print_Max = _print_Min = _print_Function  # noqa: N815 (the names SymPy looks up)

    def _print_exp(self, expr: sp.Expr) -> Element:
        return self.element("msup", self.element("mi", "e"), self._print(expr.args[0]))

    def _print_DiracDelta(self, expr: sp.Expr) -> Element:
        return self.element("mrow", self.element("mi", "δ"), self._print_Tuple(expr.args))

    def _print_Average(self, expr: sp.Function) -> Element:
        return self.bracketed(self._print(expr.args[0]), "⟨", "⟩")

    def _print_UnevaluatedExpr(self, expr: sp.Expr) -> Element:
        return self._print(expr.args[0])

    def _print_Tuple(self, e: Any) -> Element:
        return self.bracketed(self._listed(e))

    def _listed(self, entries: Any) -> Element:
        row = self.element("mrow")
        for number, entry in enumerate(entries):
            if number:
                row.appendChild(self.element("mo", ","))
            row.appendChild(self._print(entry))
        return row

    def _print_Indexed(self, e: sp.Indexed) -> Element:
        row = self.element("mrow", *map(self._print, e.indices))
        return self.element("msub", self._print(e.base), row)

    def _print_Sum(self, e: sp.Sum) -> Element:
        (index, low, high), *_ = e.limits
        below = self.element("mrow", self._print(index), self.element("mo", "="), self._print(low))
        total = self.element("munderover", self.element("mo", "∑"), below, self._print(high))
        inside = self._print(e.function)
        return self.element("mrow", total, self.bracketed(inside) if e.function.is_Add else inside)

    def _print_GaussianNode(self, e: GaussianNode) -> Element:
        moments = e.mean if e.is_pair else (e.mean[0], e.covariance[0])
        law = self._listed(moments)
        if e.is_pair:
            law = self.element("mrow", self.bracketed(law), self.element("mo", ","), self._print(e.matrix))
        variables = self._listed(e.variables)
        below = self.element("mrow", variables, self.element("mo", "∼"), self.element("mi", "𝒩"), self.bracketed(law))
        inside = self.bracketed(self._print(e.integrand), "[", "]")
        return self.element("mrow", self.element("msub", self.element("mi", "𝔼"), below), inside)


def _width(node: Element | Text) -> float:
    if isinstance(node, Text):
        return _text_width(html.unescape(node.data))
    parts = [_width(child) for child in node.childNodes]
    match node.tagName:
        case "mo" if not node.hasAttribute("lspace"):
            return OPERATOR if html.unescape(node.firstChild.data) in WIDE else sum(parts)
        case "mfrac" | "munderover" | "mover":
            return max(parts) + GAP
        case "msub" | "msup" | "msubsup":
            return parts[0] + SCRIPT * max(parts[1:])
        case "msqrt":
            return sum(parts) + ROOT
        case "mtable":
            rows = [[_width(cell) + GAP for cell in row.childNodes] for row in node.childNodes]
            return sum(map(max, zip(*rows, strict=True))) + ROOT
        case _:
            return sum(parts)


def _text_width(text: str) -> float:
    return LETTER * len(text.replace("\u2062", ""))
