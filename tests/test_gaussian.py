"""Gaussian expectations: every rule against arbitrary precision, derivatives by two routes, nesting and limits."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from meanbits.theory.gaussian.closing import evaluate_all, flatten
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.gaussian.node import substituted
from meanbits.theory.gaussian.special import Box, HardTanh
from meanbits.theory.symbols import D, Q, Q_ab, Sigma, c, hbar, q, u, v

RELU = sp.Max(0, u)
LEAKY = sp.Max(u / 10, u)
LAPLACE = sp.sign(u) * (1 - sp.exp(-sp.Abs(u)))
SINGLE = {
    "polynomial": u**4 - 3 * u + 1,
    "exp": sp.exp(u / 2) * u,
    "quadratic exp": sp.exp(-(u**2) + u) * u**2,
    "sin": sp.sin(u) * sp.cos(u / 3),
    "erf": sp.erf(2 * u + sp.Rational(1, 2)),
    "sign": sp.sign(u + sp.Rational(1, 3)),
    "step": sp.Heaviside(u),
    "relu": RELU,
    "leaky relu": LEAKY,
    "abs": sp.Abs(u),
    "relu squared": RELU**2,
    "erf times polynomial": u * sp.erf(u),
    "hard tanh": HardTanh(u),
    "hard tanh squared": HardTanh(u) ** 2,
    "box": Box(u),
    "laplace": LAPLACE,
    "laplace slope": sp.exp(-sp.Abs(u)),
    "cauchy slope": 1 / (1 + u**2),
    "tanh": sp.tanh(2 * u - sp.Rational(1, 2)),
    "tanh slope": 1 - sp.tanh(u) ** 2,
}
PAIRS = {
    "polynomials": u**3,
    "exp": sp.exp(u / 2),
    "sin": sp.sin(u),
    "cos": sp.cos(u),
    "erf": sp.erf(u),
    "erf slope": sp.exp(-(u**2)),
    "sign": sp.sign(u),
    "step": sp.Heaviside(u),
    "relu": RELU,
    "leaky relu": LEAKY,
    "abs": sp.Abs(u),
    "hard tanh": HardTanh(u),
    "box": Box(u),
    "tanh": sp.tanh(u / 2),
    "tanh slope": 1 - sp.tanh(u) ** 2,
}
STATE = {hbar: sp.Rational(3, 10), Sigma: sp.Rational(7, 10), q: sp.Rational(6, 5)}


def close_to(first: sp.Expr, second: sp.Expr, digits: int = 14) -> bool:
    """Equal to one unit in the digit before the last of the `digits` that were asked for."""
    return abs(sp.N(first, 20) - sp.N(second, 20)) <= 10 ** (1 - digits) * (1 + abs(sp.N(second, 20)))


@pytest.mark.parametrize("integrand", SINGLE.values(), ids=SINGLE)
def test_closed_form_of_one_variable(integrand: sp.Expr) -> None:
    node = expectation(integrand, hbar, Sigma)
    closed = node.doit()
    assert not closed.has(GaussianExpectation)
    assert close_to(closed.subs(STATE), node.subs(STATE).evalf(15))


@pytest.mark.parametrize("mean", [-1, 0, 1])
@pytest.mark.parametrize("integrand", SINGLE.values(), ids=SINGLE)
def test_closed_form_at_whole_means(integrand: sp.Expr, mean: int) -> None:
    node = expectation(integrand, mean, sp.Rational(7, 10))
    assert close_to(node.doit(), node.evalf(15))


@pytest.mark.parametrize("correlation", [sp.Rational(-4, 5), sp.Rational(1, 2)])
@pytest.mark.parametrize("integrand", PAIRS.values(), ids=PAIRS)
def test_closed_form_of_a_pair(integrand: sp.Expr, correlation: sp.Expr) -> None:
    node = pair_expectation(integrand, integrand, q, c * q)
    closed = node.doit()
    state = {q: sp.Rational(6, 5), c: correlation}
    assert not closed.has(GaussianExpectation)
    assert close_to(closed.subs(state), node.subs(state).evalf(10), digits=10)


@pytest.mark.parametrize("integrand", PAIRS.values(), ids=PAIRS)
def test_price_equals_the_derivative_of_the_closed_form(integrand: sp.Expr) -> None:
    node = pair_expectation(integrand, integrand, q, c * q)
    state = {q: sp.Rational(6, 5), c: sp.Rational(1, 3)}
    by_price = evaluate_all(node.diff(c))
    assert not by_price.has(GaussianExpectation)
    assert close_to(by_price.subs(state), node.doit().diff(c).subs(state))


@pytest.mark.parametrize("symbol", [hbar, Sigma])
@pytest.mark.parametrize("name", ["erf", "relu", "hard tanh", "laplace", "exp", "polynomial", "tanh"])
def test_stein_equals_the_derivative_of_the_closed_form(name: str, symbol: sp.Symbol) -> None:
    node = expectation(SINGLE[name], hbar, Sigma)
    by_stein, by_closed = evaluate_all(node.diff(symbol)), node.doit().diff(symbol)
    assert close_to(by_stein.subs(STATE), by_closed.subs(STATE))


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("argument", [u - 1, 2 * u + sp.Rational(1, 2), 1 - 3 * u], ids=str)
@pytest.mark.parametrize("beside", [sp.S.One, u**2, sp.tanh(u), u * sp.exp(-(u**2)), sp.Abs(u) * sp.erf(u)], ids=str)
def test_derivatives_of_deltas_are_moved_by_parts(beside: sp.Expr, argument: sp.Expr, order: int) -> None:
    """E g delta^(n)(a u + b) = (-1)^n (g p)^(n) / (|a| a^n) at the root, p the density; kinks of g are elsewhere."""
    node = expectation(beside * sp.DiracDelta(argument, order), hbar, Sigma)
    slope, at = argument.diff(u), STATE
    density = sp.exp(-((u - at[hbar]) ** 2) / (2 * at[Sigma])) / sp.sqrt(2 * sp.pi * at[Sigma])
    (root,) = sp.solve(argument, u)
    smooth = (beside.subs(sp.Abs(u), u * sp.sign(root)) * density).diff(u, order).subs(u, root)
    assert close_to(node.doit().subs(at), (-1) ** order * smooth / (sp.Abs(slope) * slope**order))


UP = (1 + sp.sign(u)) / 2
JUMPS = [UP**2 * sp.exp(-2 * sp.Abs(u)), UP**3 * sp.exp(-sp.Abs(u)), UP * (2 + sp.sign(u)) * sp.exp(u / 4),
         (UP + sp.sign(u - 1)) ** 2 * sp.exp(-u), (Box(u) + sp.sign(u - 1)) ** 2 * u**2,
         (Box(u) * u + 1) ** 3]  # fmt: skip


@pytest.mark.parametrize("function", JUMPS, ids=str)
@pytest.mark.parametrize("symbol", [hbar, Sigma])
def test_products_of_jumps_have_their_derivatives(function: sp.Expr, symbol: sp.Symbol) -> None:
    """Against quotients of differences of integrals between the jumps."""
    value, step = (
        sp.lambdify(u, function.subs(sp.Abs(u), u * sp.sign(u)), [{"Box": lambda x: abs(x) < 1}, "mpmath"]),
        1e-6,
    )

    def mean(state: dict[sp.Symbol, sp.Expr]) -> mpmath.mpf:
        centre, deviation = mpmath.mpf(str(state[hbar])), mpmath.sqrt(mpmath.mpf(str(state[Sigma])))
        ends = [centre - 9 * deviation, -1, 0, 1, centre + 9 * deviation]
        return mpmath.quad(lambda w: value(w) * mpmath.npdf(w, centre, deviation), ends)

    numbers = {key: sp.N(number) for key, number in STATE.items()}
    ends = [mean(numbers | {symbol: numbers[symbol] + side * step}) for side in (-1, 1)]
    found = evaluate_all(expectation(function, hbar, Sigma).diff(symbol)).subs(STATE)
    assert float(found.evalf(15)) == pytest.approx(float(ends[1] - ends[0]) / (2 * step), rel=1e-7, abs=1e-8)


def test_tower_property_gives_the_replica_form() -> None:
    phi = sp.Function("phi")
    psi = expectation(phi(u), u, D)
    two_inputs = pair_expectation(psi, psi, Q, Q_ab)
    assert flatten(two_inputs) == GaussianExpectation(phi(u) * phi(v), (0, 0), (D + Q, Q_ab, D + Q))
    assert flatten(expectation(psi**2, 0, Q)) == GaussianExpectation(phi(u) * phi(v), (0, 0), (D + Q, Q, D + Q))


def test_bound_variables_stay_bound() -> None:
    node = expectation(sp.tanh(u), u, D)
    assert node.free_symbols == {u, D}
    assert node.subs(u, hbar) == expectation(sp.tanh(u), hbar, D)


def test_equal_variables_merge() -> None:
    node = pair_expectation(sp.tanh(u), sp.tanh(u), q, q)
    assert node.doit() == expectation(sp.tanh(u) ** 2, 0, q).doit()


def test_fields_that_do_not_vary_are_known() -> None:
    """The value at the mean; of two fields that are one, or opposite, or one of them known, the mean over the other."""
    assert close_to(expectation(sp.exp(u), 0, 0), sp.S.One)
    assert close_to(GaussianExpectation(sp.atan(u * v), (3, 1), (0, 0, Sigma)).subs(STATE),
                    expectation(sp.atan(3 * u), 1, Sigma).subs(STATE))  # fmt: skip
    square = expectation(sp.atan(u) ** 2, 0, q).subs(STATE)
    for side in (1, -1):
        assert close_to(pair_expectation(sp.atan(u), sp.atan(u), q, side * q).subs(STATE), side * square)


def test_an_open_expectation_keeps_scales_out_of_the_integrand() -> None:
    node = pair_expectation(sp.atan(3 * u), sp.atan(3 * u), q, c * q)
    assert node.doit() == pair_expectation(sp.atan(u), sp.atan(u), 9 * q, 9 * c * q)


def test_a_wrong_closed_form_is_noticed() -> None:
    node = pair_expectation(sp.erf(u), sp.erf(u), q, c * q)
    state = {q: sp.Rational(6, 5), c: sp.Rational(1, 2)}
    assert not close_to(node.doit().subs(state) * (1 + sp.Float("1e-12")), node.subs(state).evalf(15))


def test_latex_and_text_name_the_law() -> None:
    node = expectation(sp.tanh(u), hbar, Sigma)
    assert str(node) == "E[tanh(u); u ~ N([hbar], [Sigma])]"
    assert r"\mathbb{E}" in sp.latex(node)


@pytest.mark.parametrize("entries", [((0,), (1, 1)), ((0, 0), (1,)), ((), ())])
def test_a_law_of_the_wrong_size_is_refused(entries: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="Gaussian expectation"):
        GaussianExpectation(u, *entries)


@pytest.mark.parametrize("values", [{u: hbar}, {hbar: u, Sigma: D}, {u: v, v: u}, {Sigma: 0, hbar: 2}], ids=str)
def test_symbols_are_substituted_in_one_pass_as_by_subs(values):
    """What is bound in an expectation stays, and values are not substituted in each other."""
    node = expectation(sp.tanh(u) * sp.exp(-(u**2)), u + hbar, Sigma + v**2)
    for expression in (sp.sqrt(u * hbar) + Sigma * v, sp.sqrt(hbar) * node, sp.Subs(sp.tanh(u * hbar), u, v)):
        assert substituted(expression, values) == expression.subs(values, simultaneous=True)
