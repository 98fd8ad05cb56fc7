"""Parts of the checker of certificates by themselves: enclosures hold what they enclose, to the last term."""

from __future__ import annotations

import contextlib
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from flint import arb, ctx, fmpq

from meanbits.numerics.certificates import checker
from meanbits.numerics.certificates.checker import INFINITY, Neuron, RefusedError, Span, ball, derivative, parsed

x = sp.Symbol("x", positive=True)
LINE, X = Neuron({"up": [[0, "x"]], "down": None}), ("x",)
TREES: dict[str, tuple[Any, sp.Expr]] = {
    "exp": (["exp", ["*", -1, "x", "x"]], sp.exp(-(x**2))),
    "tanh": (["tanh", ["*", "3/2", "x"]], sp.tanh(3 * x / 2)),
    "erf": (["erf", ["+", "x", "-1/3"]], sp.erf(x - sp.Rational(1, 3))),
    "log": (["log", ["+", 1, ["^", "x", 2]]], sp.log(1 + x**2)),
    "sqrt": (["sqrt", ["+", "pi", "x"]], sp.sqrt(sp.pi + x)),
    "sin": (["*", "x", ["sin", "x"]], x * sp.sin(x)),
    "cos": (["cos", ["^", "x", -1]], sp.cos(1 / x)),
    "powers": (["*", ["^", ["+", 1, "x"], -3], ["^", "x", 5], ["^", "x", 1]], x**6 / (1 + x) ** 3),
    "quotient": (["*", ["sin", "x"], ["^", ["+", 2, ["cos", "x"]], -1]], sp.sin(x) / (2 + sp.cos(x))),
}


@pytest.fixture(autouse=True)
def _precision():
    checker.work["left"] = checker.MOST_WORK
    with ctx.workprec(checker.PRECISION):
        yield


@pytest.mark.parametrize("name", TREES)
def test_values_and_derivatives_are_those_of_sympy(name: str) -> None:
    value, expression = TREES[name]
    tree = parsed(value)
    for _ in range(3):
        for place in (sp.Rational(1, 7), sp.Rational(9, 4)):
            exact = arb(str(sp.N(expression.subs(x, place), 50)))
            assert abs(ball(tree, arb(fmpq(int(place.p), int(place.q)))) - exact) < 1e-30
        tree, expression = derivative(tree), expression.diff(x)


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(("low", "high"), [(0.25, 0.5), (1.0, 8.0), (3.0, None)])
def test_bounds_on_a_range_hold_its_values(name: str, low: float, high: float | None) -> None:
    tree = parsed(TREES[name][0])
    bounds = ball(tree, Span(arb(low), INFINITY if high is None else arb(high)))
    assert high is None or (bounds.low.is_finite() and bounds.high.is_finite())
    for place in (low, low + 0.01, low + 0.2, *([low + 1, 2 * low, 20.0, 1e6] if high is None else [high])):
        value = ball(tree, arb(place))
        assert not value < bounds.low
        assert not value > bounds.high


DECAYING = [["*", "x", ["exp", ["*", -1, "x"]]], ["*", ["sin", "x"], "x", "x", ["exp", ["*", "-1/2", "x", "x"]]],
            ["*", "x", ["exp", ["*", "-1/4", "x"]], ["exp", ["*", "-1/4", "x"]]]]  # fmt: skip


@pytest.mark.parametrize("value", DECAYING, ids=json.dumps)
@pytest.mark.parametrize("low", [0.25, 1.0, 2.0, 5.0])
def test_bounds_of_what_decays_hold_its_values_where_it_decays_and_are_none_before(value: Any, low: float) -> None:
    """x^n exp(a) has its maximum beyond the lower end, or falls from there."""
    tree = parsed(value)
    bounds = ball(tree, Span(arb(low), INFINITY))
    values = [ball(tree, arb(low + step / 16)) for step in range(400)]
    if bounds.low.is_finite():
        assert not any(value < bounds.low or value > bounds.high for value in values)
        assert bounds.high < 1.01 * max(abs(float(each)) for each in values) or "sin" in json.dumps(value)
    else:
        assert max(float(each) for each in values[1:]) > float(values[0])


@pytest.mark.parametrize("variance", ["1/16", "1", "9"])
@pytest.mark.parametrize("order", [2, 4, 16, 40, 60])
def test_means_of_powers_are_double_factorials_tails_included(order: int, variance: str) -> None:
    """E w^n = V^(n/2) (n - 1)!!: of w^60 what lies beyond the cut shows in the digits."""
    at = sp.Rational(variance)
    exact = at ** (order // 2) * sp.factorial2(order - 1)
    exact = arb(fmpq(int(exact.p), int(exact.q)))
    found = LINE.mean(lambda tree: ("^", tree, order), arb(fmpq(int(at.p), int(at.q))))
    assert found.contains(exact)
    assert found.rad() < exact * 1e-15


GROWING = [("x", 1), (["+", ["^", "x", 3], "x", -7], 3), (["*", "x", ["tanh", "x"], ["+", "x", 4]], 2), ("pi", 0)]


@pytest.mark.parametrize(("value", "degree"), GROWING, ids=str)
def test_growth_bounds_what_grows(value: Any, degree: int) -> None:
    tree = parsed(value)
    for cut in (arb(1), arb(5)):
        size, order = checker.growth(tree, cut)
        for far in (1, 1.5, 4, 1e3, 1e9):
            assert abs(ball(tree, cut * far)) <= (size * (cut * far) ** order) * (1 + arb(2) ** -100)
        assert order == degree


def test_what_grows_faster_than_powers_has_no_bound() -> None:
    for value in (["exp", "x"], ["^", ["+", "x", ["exp", "x"]], 2], ["^", ["+", "x", -9], -1]):
        with pytest.raises(RefusedError, match="no bound by a power"):
            checker.growth(parsed(value), arb(1))


def test_spans_multiply_and_divide_as_their_members() -> None:
    for one in (Span(arb(-2), arb(3)), Span(arb(1), arb(2)), Span(arb(-4), arb(-1))):
        for two in (Span(arb(-1), arb(5)), Span(arb(2), arb(3))):
            product = one * two
            corners = [float(a * b) for a in (one.low, one.high) for b in (two.low, two.high)]
            assert (float(product.low), float(product.high)) == (min(corners), max(corners))
            total = one + two
            assert (float(total.low), float(total.high)) == (float(one.low + two.low), float(one.high + two.high))
    inverse = 1 / Span(arb(-4), arb(-2))
    assert (float(inverse.low), float(inverse.high)) == (-0.5, -0.25)
    for around in (Span(arb(-1), arb(1)), Span(arb(0), arb(1)), Span(arb(-1), arb(0))):
        assert (1 / around).low.is_nan()


def certificate(**changes: Any) -> str:
    """Tanh neurons of free means are critical at any q; what is changed is changed beside its statement too."""
    model = {"kind": "overlap", "neuron": {"up": [[0, ["tanh", "x"]]], "down": None}, "bits": False,
             "weights": {"values": None, "largest": None}, "integrated": False, "gain^2": None}  # fmt: skip
    statement = {"surrogate": "continuous", "verdict": "attained", "largest sigma_m2": None,
                 "point": {"q": [1, 1], "sigma_m2": [2, 3], "sigma_b2": [0, 1]}}  # fmt: skip
    whole = {"format": checker.FORMAT, "statement": statement, "model": model, "steps": [["point", 1]]}
    return json.dumps({**whole, **changes, "statement": {**statement, **changes.get("statement", {})}})


def test_a_certificate_is_of_its_format_alone() -> None:
    assert checker.check(certificate())["verdict"] == "attained"
    for changes in ({"format": "meanbits certificate 2"}, {"statement": {"remark": "and no bound on sigma_m2"}}):
        with pytest.raises(RefusedError, match="it is no meanbits certificate 1"):
            checker.check(certificate(**changes))


@pytest.mark.parametrize(
    ("text", "status", "shown"),
    [(certificate(), 0, "proven: "), (certificate(format=""), 2, "refused: it is no"), (None, 2, "refused: [Errno")],
)
def test_the_file_is_a_program(
    text: str | None,
    status: int,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if text is not None:
        (tmp_path / "given.json").write_text(text)
    monkeypatch.setattr("sys.argv", ["checker.py", str(tmp_path / "given.json")])
    with contextlib.suppress(SystemExit) if status == 0 else pytest.raises(SystemExit, match=str(status)):
        runpy.run_path(checker.__file__, run_name="__main__")
    out, err = capsys.readouterr()
    assert (err if status else out).startswith(shown)
    assert (out if status else err) == ""


def test_work_is_counted_and_ends() -> None:
    checker.work["left"] = 3
    assert ball(parsed(["+", "x", 1]), arb(1)).is_nan()
    checker.work["left"] = 4
    assert ball(parsed(["+", "x", 1]), arb(1)) == 2
