"""Declarations outside the catalogue: their maps against integrals written apart, and refusals with their reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

import meanbits as mb
from meanbits.numerics.emission.belief import UnbelievedError, check_against_definitions, check_neurons
from meanbits.numerics.emission.emit import compile_neurons, compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import CONTINUOUS, Neurons, continuous, step
from meanbits.theory.declarations.noise import NeuronNoise, student
from meanbits.theory.declarations.surrogates import MARGINALISE, NONE, SAMPLE, Form, Surrogate, Treatment, paper_form
from meanbits.theory.declarations.weights import BINARY, FIXED, Weights, levels, ternary_free
from meanbits.theory.derive import derive
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import h, mean_weight

NAMED = {neurons.name: neurons for neurons in CONTINUOUS}
QUARTER = sp.Rational(1, 4)
Real = Callable[[np.ndarray], np.ndarray]


def marginalised(neurons: Neurons) -> Surrogate:
    return Surrogate("declared", BINARY, neurons, MARGINALISE, "none")


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def elu(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)


def up(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, 1.0, 0.0)


# neurons, E[x|h], E[x^2|h], breaks
DECLARED: dict[str, tuple[Neurons, Real, Real, list[float]]] = {
    "tanh(2h)": (continuous("x", sp.tanh(2 * h)), lambda x: np.tanh(2 * x), lambda x: np.tanh(2 * x) ** 2, []),
    "erf(h/sqrt 2)": (continuous("x", sp.erf(h / sp.sqrt(2))), lambda x: special.erf(x / 2**0.5),
                      lambda x: special.erf(x / 2**0.5) ** 2, []),
    "clip(2h)": (continuous("x", HardTanh(2 * h)), lambda x: np.clip(2 * x, -1, 1),
                 lambda x: np.clip(2 * x, -1, 1) ** 2, [-0.5, 0.5]),
    "gelu": (NAMED["gelu"], lambda x: x * special.ndtr(x), lambda x: (x * special.ndtr(x)) ** 2, []),
    "silu": (NAMED["silu"], lambda x: x * special.expit(x), lambda x: (x * special.expit(x)) ** 2, []),
    "softplus": (NAMED["softplus"], softplus, lambda x: softplus(x) ** 2, []),
    "step": (step(), up, up, [0]),
    "step law": (Neurons.of_values("x", ((sp.S.One, (1 + sp.sign(h)) / 2), (sp.S.Zero, (1 - sp.sign(h)) / 2))),
                 up, up, [0]),
    "two values": (Neurons.of_values("x", ((sp.tanh(h) + QUARTER, sp.S.Half), (sp.tanh(h) - QUARTER, sp.S.Half))),
                   np.tanh, lambda x: np.tanh(x) ** 2 + 1 / 16, []),
    "three values": (
        Neurons.of_values("x", tuple((sp.tanh(h) + k * QUARTER, sp.Rational(1, 3)) for k in (-1, 0, 1))),
        np.tanh, lambda x: np.tanh(x) ** 2 + 1 / 24, []),
    "clip to [0, 1]": (continuous("x", sp.Max(0, sp.Min(1, h))), lambda x: np.clip(x, 0, 1),
                       lambda x: np.clip(x, 0, 1) ** 2, [0, 1]),
    "leaky": (continuous("x", sp.Max(h / 10, h)), lambda x: np.maximum(x / 10, x),
              lambda x: np.maximum(x / 10, x) ** 2, [0]),
    "piecewise": (continuous("x", sp.Piecewise((sp.exp(h) - 1, h < 0), (h, True))),
                  elu, lambda x: elu(x) ** 2, [0]),
    "hard sigmoid": (continuous("x", (1 + HardTanh(h)) / 2), lambda x: np.clip((1 + x) / 2, 0, 1),
                     lambda x: np.clip((1 + x) / 2, 0, 1) ** 2, [-1, 1]),
    "dead zone": (continuous("x", (sp.sign(h - QUARTER) + sp.sign(h + QUARTER)) / 2),
                  lambda x: 1.0 * (x > 0.25) - 1.0 * (x < -0.25), lambda x: 1.0 * (abs(x) > 0.25), [-0.25, 0.25]),
    "sin": (NAMED["sin"], np.sin, lambda x: np.sin(x) ** 2, []),
    "tanh cubed": (continuous("x", sp.tanh(h) ** 3), lambda x: np.tanh(x) ** 3, lambda x: np.tanh(x) ** 6, []),
}  # fmt: skip


NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
CUTS = np.array([-12, -9, -7, -5.5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5.5, 7, 9, 12])


def mean(function: Real, variance: float, breaks: list[float], shift: ArrayLike = 0.0) -> np.ndarray:
    """E function(shift + u), u ~ N(0, variance), for each shift, by panels that end at the breaks."""
    sigma, shifts = np.sqrt(variance), np.asarray(shift)[..., None]
    ends = np.clip((np.array(breaks) - shifts) / sigma, CUTS[0], CUTS[-1])
    edges = np.sort(np.concatenate([np.broadcast_to(CUTS, (*shifts.shape[:-1], len(CUTS))), ends], axis=-1))
    half, middle = np.diff(edges)[..., None] / 2, (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    z = middle + half * NODES
    values = function(shifts[..., None] + sigma * z)
    return np.sum(half * WEIGHTS * values * np.exp(-z * z / 2), axis=(-2, -1)) / np.sqrt(2 * np.pi)


def product(function: Real, variance: float, correlation: float, breaks: list[float]) -> np.ndarray:
    """E function(u) function(v), of one variance and that correlation: E of the mean given u, which is smooth."""
    spread = variance * (1 - correlation**2)
    points = [edge / side for edge in breaks for side in (1, correlation) if side]
    return mean(lambda u: function(u) * mean(function, spread, breaks, correlation * u), variance, points)


LIKE_OTHERS = ("silu", "three values", "hard sigmoid", "tanh cubed")  # like gelu, two values, clip and tanh(2h)
EACH = [pytest.param(name, marks=[pytest.mark.slow] * (name in LIKE_OTHERS)) for name in DECLARED]


@pytest.mark.parametrize("name", EACH)
def test_marginalised_maps_are_their_definitions(name: str) -> None:
    neurons, first, second, breaks = DECLARED[name]
    maps = compile_theory(derive(marginalised(neurons)))
    total = mean(second, 1.3, breaks) + 0.05
    assert maps.total_map(1.3, 0.5, 0.05) == pytest.approx(total, rel=1e-9)
    rise = [mean(second, 1.3 + side * 1e-3, breaks) for side in (-1, 1)]
    assert maps.total_slope(1.3, 0.5, 0.05) == pytest.approx((rise[1] - rise[0]) / 2e-3, rel=1e-5, abs=1e-7)
    alike = product(first, 1.3, 0.5, breaks)  # q = 1: half of T is quenched
    quenched = 0.5 * alike + 0.05
    extra = (1.3,) if derive(marginalised(neurons)).maps.takes_total else ()
    if not extra:
        total, alike = maps.total_map(1.0, 0.5, 0.05), product(first, maps.total_map(1.0, 0.5, 0.05), 0.5, breaks)
        quenched = 0.5 * alike + 0.05
    assert maps.variance_map(1.0, 0.5, 0.05, *extra) == pytest.approx(quenched / (total - quenched), rel=1e-7)
    overlap = product(first, 1.3 if extra else total, 0.2, breaks)  # c = 0.4
    after = (0.5 * overlap + 0.05) / quenched
    assert maps.correlation_map(0.4, 1.0, 0.5, 0.05, *extra) == pytest.approx(after, rel=1e-7)
    assert maps.gap_map(0.6, 1.0, 0.5, 0.05, *extra) == pytest.approx(1 - after, rel=1e-7)


@pytest.mark.parametrize("name", ["tanh(2h)", "erf(h/sqrt 2)", "clip(2h)", "step", "softplus", "gelu", "dead zone"])
def test_fixed_points_are_where_the_definitions_meet(name: str) -> None:
    neurons, first, second, breaks = DECLARED[name]
    found = fixed_point(derive(marginalised(neurons)), 0.5, 0.05)
    total = optimize.brentq(lambda T: mean(second, T, breaks) + 0.05 - T, 1e-3, 10)
    assert float(found.T) == pytest.approx(total, rel=1e-8)

    def excess(r: float) -> float:
        return float(0.5 * product(first, total, r, breaks) + 0.05) / total - r

    r = optimize.brentq(excess, 0, 0.999, xtol=1e-10)
    assert float(found.q) == pytest.approx(r / (1 - r), rel=1e-6)


def test_three_levels_without_a_treatment() -> None:
    neurons = DECLARED["dead zone"][0]
    surrogate = Surrogate("levels", FIXED, compose("continuous", neurons="deadzone:0.5").neurons, NONE, "none")
    maps = compile_theory(derive(surrogate))
    q, c, means, biases = 1.3, 0.4, 1.7, 0.05
    edge = 0.5 / np.sqrt(q)
    square = 2 * stats.norm.sf(edge)
    law = stats.multivariate_normal(cov=[[1, c], [c, 1]])
    same = law.cdf([-edge, -edge])
    other = stats.multivariate_normal(cov=[[1, -c], [-c, 1]]).cdf([-edge, -edge])
    after = means * square + biases
    assert maps.variance_map(q, means, biases) == pytest.approx(after, rel=1e-12)
    assert maps.correlation_map(c, q, means, biases) == pytest.approx(
        (means * 2 * (same - other) + biases) / after, rel=1e-6
    )
    assert neurons.is_random is False


def test_noise_with_skew_atoms_and_bounded_support() -> None:
    gumbel = compose(noise="cdf:exp(-exp(-h))", treatment="sample")
    field = np.linspace(-3, 3, 7)
    assert compile_theory(derive(gumbel)).mean(field) == pytest.approx(2 * (1 - np.exp(-np.exp(field))) - 1, abs=1e-14)
    two = compose(noise="twopoint:0.5", treatment="sample")
    maps = compile_theory(derive(two))
    square = 2 * stats.norm.sf(0.5 / np.sqrt(1.05))
    assert maps.replica_map(1.0, 1.05, 0.5, 0.05) == pytest.approx((0.5 * square + 0.05) / 1.05, rel=1e-12)
    triangular = "cdf:where(h < 0, max(0, 1 + h)**2/2, 1 - max(0, 1 - h)**2/2)"
    tent = compile_theory(derive(compose(noise=triangular)))

    overlap = product(lambda x: 2 * stats.triang.cdf(x, 0.5, -1, 2) - 1, 1.05, 0.5, [-1, 0, 1])
    quenched = 0.5 * overlap + 0.05
    assert tent.variance_map(1.0, 0.5, 0.05) == pytest.approx(quenched / (1.05 - quenched), rel=1e-9)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30])
def test_student_noise_is_students(degrees: int) -> None:
    for point in (-3.0, -0.2, 0.7, 12.0):
        assert float(student(degrees).cdf.subs(h, point)) == pytest.approx(stats.t.cdf(point, degrees), abs=1e-14)


def test_weights_by_their_second_moment() -> None:
    theory = derive(
        replace(
            marginalised(continuous("tanh", sp.tanh(h))),
            weights=Weights("wide", mean_weight**2 + sp.Rational(1, 5), None),
        )
    )
    total = (0.4 + 0.2) * mean(lambda x: np.tanh(x) ** 2, 1.3, []) + 0.05
    assert compile_theory(theory).total_map(1.3, 0.4, 0.05) == pytest.approx(total, rel=1e-12)
    free = compose("shayer", weights="ternary-free:0.9", neurons="erf")
    assert free.weights.largest_sigma_m2 == sp.Rational(9, 10)
    rounding = levels((-sp.S.One, -sp.Rational(1, 3), sp.Rational(1, 3), sp.S.One))
    m = 0.62  # between 1/3 and 1: each with the probability that gives this mean
    p = (m - 1 / 3) / (2 / 3)
    assert rounding.square_given_mean(m**2)[0] == pytest.approx(p + (1 - p) / 9, rel=1e-14)


def test_shayer_at_the_top_of_a_density_of_its_own() -> None:
    doubled = Weights.of_values(
        "double",
        ((sp.Integer(2), (1 + mean_weight / 2) / 2), (sp.Integer(-2), (1 - mean_weight / 2) / 2)),
        sp.Integer(2),
    )
    found = fixed_point(derive(replace(compose("shayer"), weights=doubled)), 0.5, 0.001)
    total = optimize.brentq(lambda T: 4 * mean(lambda x: np.tanh(x) ** 2, T, []) + 0.001 - T, 0.5, 10)
    assert total == pytest.approx(2.12297, abs=1e-5)
    assert float(found.T) == pytest.approx(total, rel=1e-10)


def test_open_symbols_are_keywords() -> None:
    beta = sp.Symbol("beta", positive=True)
    surrogate = Surrogate("open", BINARY, continuous("x", sp.tanh(beta * h)), SAMPLE, "none")
    maps, settled = compile_theory(derive(surrogate)), compile_theory(derive(surrogate.at(beta=2)))
    assert [symbol.name for symbol in surrogate.parameters] == ["beta"]
    assert maps.total_map(1.3, 0.5, 0.05, beta=2.0) == pytest.approx(settled.total_map(1.3, 0.5, 0.05), rel=1e-13)
    assert maps.chi(0.4, 1.3, 0.5, 0.05, beta=2.0) == pytest.approx(settled.chi(0.4, 1.3, 0.5, 0.05), rel=1e-13)
    with pytest.raises(SurrogateError, match="has no parameter gamma"):
        surrogate.at(gamma=1)


@pytest.mark.parametrize("name", ["x): import os", "class", "q", "two words"])
def test_a_symbol_that_is_no_keyword_is_refused(name: str) -> None:
    symbol = sp.Symbol(name, positive=True, integer=True)
    with pytest.raises(SurrogateError, match="symbol"):
        continuous("x", sp.tanh(symbol * h))


@pytest.mark.parametrize(
    ("declare", "reason"),
    [
        (lambda: Weights.of_values("w", ((sp.S.One, mean_weight), (sp.S.Zero, 1 - mean_weight)), sp.S.One), "odd in M"),
        (lambda: Weights.of_values("w", ((sp.S.One, sp.S.Half),), None), "sum to 1/2"),
        (lambda: Weights.of_values("w", BINARY.law, sp.Integer(2)), "below M"),
        (lambda: Weights("w", mean_weight**2 / 2, sp.S.One), "below M"),
        (lambda: Neurons("n", sp.tanh(h), sp.tanh(h) ** 2 / 2), "below E"),
        (lambda: Neurons.of_values("n", ((sp.S.One, sp.tanh(h)), (sp.S.Zero, 1 - sp.tanh(h)))), "no probability"),
        (lambda: Neurons.of_values("n", ((sp.S.One, sp.S.Half), (sp.S.Zero, sp.Rational(1, 3)))), "sum to 5/6"),
        (lambda: continuous("n", 1 / (h - 2)), "not finite"),
        (lambda: continuous("n", sp.exp(h**2)), "infinite"),
        (lambda: continuous("n", sp.sqrt(h)), "complex"),
        (lambda: continuous("n", sp.floor(h)), "infinitely many"),
        (lambda: NeuronNoise("n", h), "no probability"),
        (lambda: NeuronNoise("n", (1 - sp.tanh(h)) / 2), "decrease"),
        (lambda: Treatment("ste", "foo", "bar"), "field"),
        (lambda: Form("bogus"), "choose"),
        (lambda: paper_form(2 * sp.tanh(h)), "leaves"),
        (lambda: paper_form(sp.tanh(h), sp.Integer(-1)), "positive"),
        (lambda: ternary_free(sp.Integer(2)), "must lie in"),
    ],
)  # fmt: skip
def test_what_is_no_declaration_is_refused(declare: Callable[[], object], reason: str) -> None:
    with pytest.raises(SurrogateError, match=reason) as caught:
        declare()
    assert "\n" not in str(caught.value)


def test_a_wrong_map_is_not_believed() -> None:
    theory = derive(marginalised(continuous("x", sp.tanh(2 * h))))
    maps = compile_theory(theory)
    check_against_definitions(theory, maps)
    for name in (
        "total_map",
        "total_slope",
        "variance_map",
        "variance_slope",
        "correlation_map",
        "chi",
        "gap_map",
        "chi_at_gap",
        "replica_map",
    ):
        right = getattr(maps, name)
        wrong = type(maps)(**{**vars(maps), name: lambda *arguments, right=right: right(*arguments) * (1 + 1e-4)})
        with pytest.raises(UnbelievedError, match=name):
            check_against_definitions(theory, wrong)


def test_neurons_alone_are_those_of_the_maps_and_checked_as_they_are() -> None:
    theory = replace(derive(marginalised(continuous("x", sp.tanh(2 * h)))))
    neurons, maps = compile_neurons(theory), compile_theory(derive(theory.surrogate))
    assert "gap" not in vars(theory)  # which the maps need
    for name in ("mean", "second_moment"):
        right = getattr(neurons, name)
        assert float(right(0.3, 0.7)) == float(getattr(maps, name)(0.3, 0.7))
        wrong = SimpleNamespace(**{**vars(neurons), name: lambda *given, right=right: right(*given) * (1 + 1e-4)})
        with pytest.raises(UnbelievedError, match=name):
            check_neurons(theory, wrong)


def test_parts_are_reached_from_the_front_door() -> None:
    surrogate = mb.Surrogate("mine", mb.binary, mb.continuous("f", sp.tanh(2 * mb.symbols.h)), mb.marginalise, "none")
    assert float(mb.fixed_point(surrogate, sigma_m2=0.5, sigma_b2=0.05).T) == pytest.approx(0.60255, abs=1e-5)
    assert mb.gelu.name == "gelu"
    assert mb.sign.is_binary


@pytest.mark.parametrize("function", [
    sp.atan(sp.sign(h)) + h / 9, (1 + sp.sign(h)) ** 3 / 8,
    pytest.param(sp.sign(h) * sp.exp(-((sp.sign(h) + h) ** 2)), marks=pytest.mark.slow),
])  # fmt: skip
def test_functions_of_jumps_are_derived_by_what_they_jump(function: sp.Expr) -> None:
    maps = compile_theory(derive(marginalised(continuous("x", function))))
    extra = (1.3,) if derive(marginalised(continuous("x", function))).maps.takes_total else ()
    ends = [float(maps.correlation_map(0.3 + side * 1e-4, 0.4, 0.41, 0.07, *extra)) for side in (-1, 1)]
    assert float(maps.chi(0.3, 0.4, 0.41, 0.07, *extra)) == pytest.approx((ends[1] - ends[0]) / 2e-4, rel=1e-6)
