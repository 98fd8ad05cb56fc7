"""Whatever public names are called with, they give numbers or say in one line why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from counted import count
from hypothesis import HealthCheck, given, note, settings
from random_calls import CALLED, calls
from test_random_command_lines import EXAMPLES

SOLVERS = ("advise(", "certify(", "fixed_point(", "profile(")
SEARCH = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def numbers_or_a_reason(text: str, call: Callable[[], Any]) -> None:
    """Make a call."""
    note(text)
    try:
        found = call()
    except (ValueError, TypeError) as error:
        said = str(error)
        assert said
        assert "\n" not in said
        assert len(said) < 1500
        count("calls of public names drawn at random", "refused in one line")
        return
    count("calls of public names drawn at random", "answered")
    if text.startswith(SOLVERS):
        assert "nan" not in repr(found).split()


def test_most_names_are_called() -> None:
    assert len(CALLED) > 25


@settings(max_examples=100, derandomize=True, **SEARCH)
@given(calls())
def test_a_few_random_calls(call: tuple[str, Callable[[], Any]]) -> None:
    numbers_or_a_reason(*call)


@pytest.mark.slow
@settings(max_examples=EXAMPLES // 4, **SEARCH)
@given(calls())
def test_thousands_of_random_calls(call: tuple[str, Callable[[], Any]]) -> None:
    numbers_or_a_reason(*call)
