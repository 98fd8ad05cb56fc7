"""Whatever is declared at random is right, or refused with a reason: no wrong number, no traceback."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from meanbits.numerics.emission.belief import UnbelievedError
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import derive
from meanbits.theory.errors import SurrogateError
from tests.random_declarations import POINTS, Reference, surrogates

ROUGH = 30 / math.sqrt(POINTS)  # of sums over quasi-random points of functions that jump, relative to their sizes
SEARCH = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
STATES = st.tuples(st.sampled_from((0.05, 0.7, 4.0)), st.sampled_from((-0.6, 0.3, 0.9)), st.sampled_from((0.4, 2.5)))
refused: list[str] = []
Declared = Surrogate | SurrogateError
State = tuple[float, float, float]


def refuse(error: ValueError) -> None:
    """A refusal is one line."""
    refused.append(str(error))
    assert "\n" not in refused[-1]


def close(name: str, got: float, expected: float, scale: float) -> None:
    """Fail unless they agree as far as the reference goes."""
    assert abs(float(got) - expected) <= ROUGH * max(abs(expected), scale), f"{name}: {float(got)} for {expected}"


def right_or_refused(surrogate: Declared, state: State) -> None:
    """Every map against sums, slopes against differences of the maps, the fixed point put back into its map."""
    if isinstance(surrogate, SurrogateError):
        refuse(surrogate)
        return
    note(f"{surrogate.weights.name}, {surrogate.treatment.name}, {surrogate.neurons.mean}")
    q, c, free = state
    try:
        maps = compile_theory(derive(surrogate))
    except UnbelievedError:
        raise
    except SurrogateError as error:
        refuse(error)
        return
    largest = surrogate.weights.largest_sigma_m2
    means, biases = 0.5 * (1.0 if largest is None else float(largest)), 0.1
    layer = Reference(surrogate, means, biases)
    takes_total = derive(surrogate).maps.takes_total
    T = free if takes_total or surrogate.treatment.field != "integrated" else layer.total(1.0)
    rest, extra = (means, biases), (T,) if takes_total else ()
    close("total_map", maps.total_map(free, *rest), layer.total(free), biases)
    after, correlation, norm = layer.maps(q, c, T)
    close("variance_map", maps.variance_map(q, *rest, *extra), after, after * layer.total(T) / norm)
    close("correlation_map", maps.correlation_map(c, q, *rest, *extra), correlation, layer.total(T) / norm)
    if hasattr(maps, "gap_map") and hasattr(maps, "total_slope"):
        assert float(maps.gap_map(1 - c, q, *rest, *extra)) == pytest.approx(
            1 - float(maps.correlation_map(c, q, *rest, *extra)), abs=1e-9)  # fmt: skip
        cases = ("variance_map", "variance_slope", (q, *rest)), ("total_map", "total_slope", (free, *rest))
        for name, slope, at in cases:
            given_extra = extra if name == "variance_map" else ()
            step = 1e-4 * at[0]
            ends = [float(getattr(maps, name)(at[0] + side * step, *at[1:], *given_extra)) for side in (-1, 1)]
            found = float(getattr(maps, slope)(*at, *given_extra))
            size = max(map(abs, ends))
            assert found == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-3, abs=1e-6 * size / q)
    put_back(surrogate, maps, means, biases)


def put_back(surrogate: Surrogate, maps: object, means: float, biases: float) -> None:
    """A fixed point solves its map, or there is a reason why there is none."""
    try:
        found = fixed_point(derive(surrogate), means, biases)
    except ValueError as error:
        refuse(error)
        return
    q, T = float(found.q), float(found.T)
    assert not math.isnan(q + float(found.c) + float(found.chi_1))
    if 0 < q < np.inf and 0 < T < np.inf:
        extra = (T,) if derive(surrogate).maps.takes_total else ()
        assert float(maps.variance_map(q, means, biases, *extra)) == pytest.approx(q, rel=1e-9)


@settings(max_examples=4, **SEARCH)
@given(surrogates(depth=2), STATES)
def test_a_few_random_declarations(surrogate: Declared, state: State) -> None:
    right_or_refused(surrogate, state)


@pytest.mark.slow
@settings(max_examples=2000, **SEARCH)
@given(surrogates(), STATES)
def test_two_thousand_random_declarations(
    surrogate: Surrogate | SurrogateError, state: tuple[float, float, float]
) -> None:
    right_or_refused(surrogate, state)
