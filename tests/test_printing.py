"""What Python prints of declarations, theories and results fits a screen and shows no types of NumPy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy as sp

import meanbits as mb

LINES, COLUMNS = 24, 200


PRINTED: dict[str, Callable[[], object]] = {
    "weights": lambda: mb.ternary(sp.Rational(1, 2)),
    "neurons": lambda: mb.quantiser(32),
    "noise": lambda: mb.laplace,
    "surrogate": lambda: mb.compose("deterministic", form="paper", gain=1.5),
    "layer": lambda: mb.compose("bi-real"),
    "theory": lambda: mb.derive("continuous", neurons="gelu"),
    "theory of a chain": lambda: mb.derive("xnor"),
    "fixed point": lambda: mb.fixed_point("deterministic", 0.5, 0.1),
    "fixed points": lambda: mb.fixed_point("deterministic", [k / 50 for k in range(50)], 0.1),
    "fixed point of a chain": lambda: mb.fixed_point("xnor", 1.0, 0.1),
    "profile": lambda: mb.profile("bi-real", 100, 1.0, 0.0),
    "modes": lambda: mb.modes(mb.convolved("xnor", (3,)), 1.0, 0.1, (32,)),
    "advice": lambda: mb.advise("deterministic", depth=30),
    "advice on a chain": lambda: mb.advise("xnor", depth=40),
    "certificate": lambda: mb.certify("deterministic"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_fits_a_screen(name: str) -> None:
    lines = repr(PRINTED[name]()).splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert not any("np." in line or " object at " in line for line in lines)


def test_parts_are_named_and_defaults_are_not_told() -> None:
    assert repr(mb.binary) == "Weights('binary', second=1, mean_limit=1)"
    assert repr(mb.compose("shayer")) == "Surrogate('shayer', weights=binary, neurons=tanh, treatment=sample)"


def test_numbers_are_those_of_the_result() -> None:
    found = mb.fixed_point("deterministic", 0.5, 0.1)
    told = dict(line.split() for line in repr(found).splitlines()[1:])
    assert float(told["q"]) == pytest.approx(float(found.q), rel=1e-5)
    assert told["phase"] == found.phase


def test_one_point_without_a_fixed_point_is_refused_and_of_several_told() -> None:
    with pytest.raises(ValueError, match="comes to no fixed point; see with profile"):
        mb.fixed_point("bitlinear", 1.0, 0.0)
    found = mb.fixed_point("bitlinear", [1.0, 1.0], 0.0)
    assert not found.found.any()


def test_advice_names_a_row_of_the_catalogue_by_its_name() -> None:
    assert mb.advise("deterministic", depth=30).options == "deterministic"
    assert mb.advise("lrt", depth=3).options == "lrt"
