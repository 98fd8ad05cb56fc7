"""Surrogates from names and options; what makes no sense is refused with the reason before anything is derived."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from meanbits.theory.declarations.compose import compose, neurons_named
from meanbits.theory.declarations.grammar import FormulaError, parse
from meanbits.theory.declarations.noise import NOISES, NeuronNoise
from meanbits.theory.declarations.options import number
from meanbits.theory.declarations.surrogates import CATALOGUE, SurrogateError
from meanbits.theory.declarations.weights import BINARY, FIXED, ternary
from meanbits.theory.symbols import h


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda surrogate: surrogate.name)
def test_catalogue_names(surrogate: object) -> None:
    assert compose(surrogate.name) is surrogate


def test_options_override_parts() -> None:
    surrogate = compose("deterministic", weights="ternary:0.5", noise="gaussian:0.2", form="matched")
    assert surrogate.weights == ternary(sp.Rational(1, 2))
    assert surrogate.neurons.noise is NOISES[0]
    assert surrogate.form.name == "matched"
    assert compose("moment-matching", neurons="tanh").weights is BINARY
    assert compose(weights="fixed", neurons="tanh", treatment="none").weights is FIXED


def test_phi_or_gain_imply_the_paper_form() -> None:
    assert compose(gain=2).form.phi == sp.tanh(h)
    assert compose(phi="erf").form.phi == sp.erf(h / sp.sqrt(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "determinstic"}, "did you mean deterministic"),
        ({"noise": "gausian:1"}, "did you mean gaussian"),
        ({"neurons": "reluu"}, "did you mean relu"),
        ({"treatment": "marginalize"}, "did you mean marginalise"),
        ({"weights": "trinary"}, "unknown weights"),
        ({"weights": "ternary:1.5"}, r"\(0, 1\]"),
        ({"weights": "ternary:0"}, r"\(0, 1\]"),
        ({"weights": "binary:0.5"}, "take no value"),
        ({"noise": "gaussian:0"}, "must be positive"),
        ({"noise": "gaussian:nan"}, "not a number"),
        ({"noise": "gaussian:one"}, "not a number"),
        ({"neurons": "sign", "noise": "gaussian:1"}, "needs stochastic neurons"),
        ({"form": "exact", "gain": 2}, "takes no --phi or --gain"),
        ({"gain": -1}, "must be positive"),
        ({"gain": "1e-99999999"}, "must be positive"),
        ({"gain": "1e99999999"}, "size must lie"),
        ({"phi": "0*h"}, "does not depend"),
        ({"phi": "2*h"}, "mean of a bit"),
        ({"weights": "levels:0,1"}, "symmetric about 0"),
        ({"neurons": "expr:1/(h - 0.3)"}, "not finite at h = 0.3"),
        ({"neurons": "expr:exp(h**2)"}, "mean square is infinite"),
        ({"neurons": "quantiser:x"}, "quantiser:4"),
        ({"noise": "student:0"}, "whole number"),
        ({"gain": True}, "not a number"),
        ({"phi": 3}, "no text"),
        ({"form": "matched"}, "have none"),
        ({"name": "lrt", "form": "matched"}, "integrates none"),
        ({"name": "lrt", "phi": "tanh"}, "integrates none"),
        ({"name": "moment-matching", "form": "paper"}, "second moment"),
        ({"name": "continuous", "treatment": "marginalise"}, "nothing random"),
        ({"treatment": "none"}, "without randomness"),
        ({"name": "peters-welling", "phi": "tanh"}, "exact probabilities"),
        ({"name": "peters-welling", "neurons": "tanh"}, "whole law"),
    ],
    ids=str,
)
def test_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(SurrogateError, match=message):
        compose(**options)


@pytest.mark.parametrize(
    ("cdf", "message"),
    [
        ("h.__class__", "not allowed"),
        ("__import__('os')", "not allowed"),
        ("open(1)", "unknown name"),
        ("(lambda: 1)()", "not allowed"),
        ("[h for h in h]", "not allowed"),
        ("'a'", "not allowed"),
        ("True", "not allowed"),
        ("h if h else 1", "not allowed"),
        ("tanh(h, h)", "not allowed"),
        ("9**9**9**9", "exponent"),
        ("h**h", "exponent"),
        ("(10**60)**60", "too large"),
        ("exp(exp(exp(exp(h))))", "no probability"),
        ("1/0", "not a finite"),
        ("(1 + tanh(h)", "not a formula"),
        ("", "not a formula"),
        ("h" * 300, "at most"),
        ("tahn(h)", "did you mean tanh"),
        ("(1 - tanh(h))/2", "must not decrease"),
        ("1/2", "tends to 0.5"),
        ("(1 + tanh(h))/3", "not to 1"),
        ("h", "no probability"),
        ("sqrt(h)", "complex"),
        ("(1 + sin(h)/2)/2", "must not decrease"),
    ],
)
def test_a_cdf_that_is_none_is_refused(cdf: str, message: str) -> None:
    with pytest.raises(SurrogateError, match=message):
        compose(noise=f"cdf:{cdf}")


def test_formulas_are_parsed_to_sympy() -> None:
    assert parse("(1 + h/sqrt(1 + h**2))/2") == (1 + h / sp.sqrt(1 + h**2)) / 2
    assert parse("0.1") == sp.Rational(1, 10)
    with pytest.raises(FormulaError):
        parse("x + h")


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.name)
def test_noises_are_symmetric_distributions(noise: NeuronNoise) -> None:
    assert sp.simplify(noise.cdf + noise.cdf.subs(h, -h) - 1) == 0
    assert noise.cdf.subs(h, 0) == sp.Rational(1, 2)


@pytest.mark.parametrize(("inside", "outside"), [("1e9", "1000000000.5"), ("1e-9", "0.9999e-9")])
def test_sizes_end_where_their_refusal_says(inside: str, outside: str) -> None:
    assert number("--gain", inside) == sp.Rational(inside)
    with pytest.raises(SurrogateError, match=r"between 1e-09 and 1e\+09"):
        number("--gain", outside)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_neurons_of_bits_round_what_is_left_of_the_field_in_the_unit_interval(count: int) -> None:
    """Zhou et al. 2016, eqs. (5), (11): round((2^K - 1) clip(h, 0, 1)) / (2^K - 1)."""
    last, fields = 2**count - 1, np.linspace(-0.5, 1.5, 401) + 1e-4
    mean = sp.lambdify(h, neurons_named(f"bits:{count}").mean, "numpy")
    np.testing.assert_allclose(mean(fields), np.round(last * np.clip(fields, 0, 1)) / last, atol=1e-15)
