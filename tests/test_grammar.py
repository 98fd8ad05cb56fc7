"""Formulas of users: what is in the grammar is read exactly, what is not is refused in one line before any work."""

from __future__ import annotations

import math
import random
import tracemalloc

import mpmath
import pytest
import sympy as sp

from meanbits.theory.declarations.bounds import MAX_SIZE
from meanbits.theory.declarations.grammar import FUNCTIONS, HELPERS, canonical, evaluator, parse
from meanbits.theory.errors import FormulaError, quoted, shown
from meanbits.theory.functions.evaluate import RULES
from meanbits.theory.gaussian.special import ExpErfc, HardTanh
from meanbits.theory.symbols import h

REFERENCE = {
    "abs": mpmath.fabs, "atan": mpmath.atan, "cos": mpmath.cos, "cosh": mpmath.cosh, "erf": mpmath.erf,
    "erfc": mpmath.erfc, "exp": mpmath.exp, "floor": mpmath.floor, "hardtanh": lambda x: max(-1, min(1, x)),
    "log": mpmath.log, "sign": mpmath.sign, "sin": mpmath.sin, "sinh": mpmath.sinh, "sqrt": mpmath.sqrt,
    "tanh": mpmath.tanh, "expm1": mpmath.expm1, "log1p": mpmath.log1p, "relu": lambda x: max(0, x),
    "gelu": lambda x: x * mpmath.ncdf(x), "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)), "step": lambda x: (1 + mpmath.sign(x)) / 2,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *HELPERS} - {"max", "min"}))
def test_functions_have_their_usual_values(name: str) -> None:
    value = evaluator(parse(f"{name}(h)"))
    for point in (-2.75, -0.5, 0.0, 0.3, 1.0, 3.25):
        expected = mpmath.mpmathify(REFERENCE[name](point)) if (name, point) != ("log", 0.0) else mpmath.nan
        if isinstance(expected, mpmath.mpc) or not mpmath.isfinite(expected):
            assert math.isnan(value(point))
        else:
            assert value(point) == pytest.approx(float(expected), rel=1e-14, abs=1e-16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1 + h/sqrt(1 + h**2))/2", (1 + h / sp.sqrt(1 + h**2)) / 2),
        ("0.1", sp.Rational(1, 10)),
        ("1.5e-3*h", sp.Rational(3, 2000) * h),
        ("0.12345678901234567890123", sp.Rational("0.12345678901234567890123")),
        ("-h**2", -(h**2)),
        ("2**-2 + h**(1/2)", sp.Rational(1, 4) + sp.sqrt(h)),
        ("Max(h/10, h)", sp.Max(h / 10, h)),
        ("Min(3, max(-3, h), 2)", sp.Min(2, sp.Max(-3, h))),
        ("Abs(h - pi)", sp.Abs(h - sp.pi)),
        ("step(h - 1)", (1 + sp.sign(h - 1)) / 2),
        ("where(h < 0, 0, sqrt(h))", sp.Piecewise((0, h < 0), (sp.sqrt(h), True))),
        ("where(h >= 2*h - 1, h, 1)", sp.Piecewise((h, h <= 1), (1, True))),
        ("max(-3, min(3, floor(h)))", sp.Max(-3, sp.Min(3, sp.floor(h)))),
        ("hardtanh(2*h)", HardTanh(2 * h)),
    ],
)
def test_formulas_are_parsed_to_sympy(text: str, expected: sp.Expr) -> None:
    found = parse(text)
    difference = found - expected
    assert found == expected or all(difference.subs(h, x) == 0 for x in (-2, sp.Rational(1, 3), 5))


REFUSED = {
    "": "not a formula", "(1 + tanh(h)": "not a formula", "1_000": "not a formula", "0x10": "not a formula",
    "1j": "not a formula", "007": "not a formula", "h h": "not a formula",
    "h.__class__": r"'h.__class__' is not allowed", "'a'": "not allowed", '"""': "not allowed",
    'h #"""': "'#\"\"\"' is not allowed", "h # comment": "'#' is not allowed", "h\n": r"'h\\n' is not allowed",
    "h\nimport os": "not allowed", "h\\": "not allowed", "h;h": "not allowed", "h\x00": r"\\x00",
    "\u03b7": "not allowed",
    "h\u202e": "not allowed", "[h for h in h]": "not allowed", "(lambda: 1)()": "not allowed",
    "True": "not allowed",
    "h if h else 1": "not allowed", "h and h": "not allowed", "(yield h)": "not allowed", "max(*h)": "not allowed",
    "tanh(h, h)": "tanh of 2 arguments is not allowed", "max(h)": "it takes 2 to 16", "h(h)": "takes no argument",
    "__import__('os')": "not allowed", "__import__(1)": "unknown name", "tahn(h)": "did you mean tanh",
    "x + h": "unknown name 'x'", "h" * 300: "of 300 characters: at most 20", "tanh": "is a function; write tanh",
    "h < 1": "stands only in where", "1 + (h < 1)": "stands only in where", "where(h, 1, 2)": "as in where",
    "where(0 < h < 1, 1, 2)": "as in where", "where(h < 1, 1)": "as in where", 
    "where(h < (h < 1), 1, 2)": "only in where",
    "where(where(h < 1, h, 1) < 1, h, 1)": "write it outside",
    "h**h": "exponent", "2**h": "exponent", "h**pi": "exponent", "h**65": "exponent", "h**(1/17)": "exponent",
    "9**9**9**9": "exponent", "(10**60)**60": "too large", "1/0": "not a finite", "log(-1)": "not a finite",
    "2**sqrt(-1)": "not a finite", "(0/0)**2": "not a finite", "h**(0/0)": "not a finite", "0**0": "no such power",
    "h**exp(exp(exp(exp(9))))": "too large", "exp(1e9)": "too large", "1e400": "exponent 400", "1e10*h": "too large",
    "tanh(1e300*h)": "exponent 300", "tanh(h)+1e-300": "exponent -300", "1e-300*tanh(h)": "exponent -300",
    "1/2+atan(h*(1+(1e-300)**2))/pi": "exponent", "(1e-300*1e-300)**64*h": "exponent", "1e-10*h": "too small",
    "((((((1/2)**64)**64)**64)**64)**64)*h": "too small", "(1.000000001)**64*h": "digits",
    "((h**64)**64)**64": "multiply to 4096", "h**40*h**40": "multiply to 80", "(h + exp(h) + sin(h))**64": "too long",
    "gelu(" * 10 + "h" + ")" * 10: "too long", "(" * 3000 + "h" + ")" * 3000: "6001 characters: at most 500",
    "(" * 100 + "h" + ")" * 100: "nested 24 deep", "-" * 240 + "h": "nested too deep", "h" + "+h" * 240: "too long",
    "1e99999*h": "not a formula", "exp(-30)*h": "too small", "0.1" * 90: "not a formula",
    "0." + "1" * 40: "42 characters: at most 30",
    "(1e9*(1e9*(1e9*h)))": "too large", "sin(1)**2 + cos(1)**2 - 1": "too small",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:40]))
def test_what_is_outside_is_refused_in_one_bounded_line(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(FormulaError, match=REFUSED[text]) as raised:
        parse(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(raised.value)
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 400
    assert peak < 5e6


@pytest.mark.parametrize("given", [3, None, ["h"], b"h"])
def test_what_is_no_text_is_no_formula(given: object) -> None:
    with pytest.raises(FormulaError, match="is not text"):
        parse(given)


def formulas(draw: random.Random, depth: int) -> str:
    if depth == 0:
        return draw.choice(["h", "h", "2", "0.5", "1e-3", "pi", "-h", "(h - 1)"])
    one, other, third = (formulas(draw, depth - 1) for _ in range(3))
    name = draw.choice([*FUNCTIONS, *HELPERS])
    call = f"{name}({one}, {other})" if name in ("max", "min") else f"{name}({one})"
    return draw.choice([call, call, f"({one}){draw.choice('+-*/')}({other})", f"({one})**{draw.choice('234')}",
                        f"where({one} {draw.choice(['<', '>=', '<=', '>'])} {other}, {third}, {one})"])  # fmt: skip


def exact(expression: sp.Expr, point: sp.Rational) -> complex:
    """The value by SymPy; NaN where a part of the expression is not real, as Max of a complex number."""
    try:
        parts = [part.subs(h, point).doit().evalf(20) for part in expression.atoms(sp.Function, sp.Pow)]
        value = complex(expression.subs(h, point).doit().evalf(20))
    except (TypeError, ValueError):
        return complex(math.nan)
    return value if all(part.is_extended_real for part in parts) else complex(math.nan)


@pytest.mark.parametrize("seed", range(40))
def test_random_formulas_are_read_or_refused_and_their_text_reads_the_same(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(5):
        text = formulas(draw, 3)
        try:
            expression = parse(text)
        except FormulaError:
            continue
        assert parse(canonical(text)) == expression
        assert canonical(canonical(text)) == canonical(text)
        assert "\n" not in canonical(text)
        assert expression.count_ops() <= 4 * MAX_SIZE
        value = evaluator(expression)
        for point in (-1.7, 0.6, 2.1):
            expected = exact(expression, sp.Rational(point))
            if expected.imag == 0 and math.isfinite(expected.real):
                assert value(point) == pytest.approx(expected.real, rel=1e-9, abs=1e-12)


def test_values_overflow_to_infinity_and_are_nan_where_undefined() -> None:
    for text, point, expected in [
        ("exp(h)", 1e4, math.inf), ("sinh(h)", -1e4, -math.inf), ("cosh(h)", -1e4, math.inf),
        ("h**3", -1e200, -math.inf), ("1/h**3", -1e-200, -math.inf), ("1/h**2", -1e-200, math.inf),
        ("floor(-1e9*h)", 1e308, -math.inf),
        ("tanh(sinh(h))", -1e9, -1), ("1/(1 + exp(-h))", -1e5, 0), ("floor(exp(h))", 1e4, math.inf),
        ("log(h)", -1, math.nan), ("1/h", 0, math.nan), ("sqrt(h)", -1, math.nan), ("h**(1/3)", -8, math.nan),
        ("max(0, sqrt(h))", -1, math.nan), ("sign(log(h))", -1, math.nan), ("where(h < 0, 0, sqrt(h))", -1, 0),
    ]:  # fmt: skip
        assert evaluator(parse(text))(point) == pytest.approx(expected, nan_ok=True)
    assert evaluator(sp.Heaviside(h, 0))(-2) == 0


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_values_are_those_of_sympy_beside_every_kink(kind: type[sp.Expr]) -> None:
    half = sp.Rational(1, 2)
    expression = kind(h, half) if kind in (sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min, ExpErfc) else kind(h)
    found = evaluator(expression)
    for point in map(sp.Rational, (-3, -1.5, -0.75, -0.25, 0.25, 0.75, 1.5, 3)):
        expected = complex(sp.N(expression.subs(h, point), 20))
        assert found(float(point)) == pytest.approx(expected.real if expected.imag == 0 else math.nan, nan_ok=True)


def test_the_evaluator_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="no floating-point value of gamma"):
        evaluator(sp.gamma(h))
    with pytest.raises(ValueError, match="no floating-point value of x"):
        evaluator(sp.Symbol("x") * h)


def test_text_is_shown_in_one_line_and_cannot_end_a_string() -> None:
    assert shown("a\nb\x1b[31m\u202e") == r"a\nb\x1b[31m\u202e"
    assert len(shown("x" * 1000)) == 60
    draw = random.Random(1)
    for _ in range(300):
        text = "".join(draw.choice("\\\"'\n\r#{}\u2028\x00a") for _ in range(draw.randint(0, 12)))
        assert eval(f'"{quoted(text)}"') == text
        assert eval(f'"""{quoted(text)}"""') == text
