"""Calls of the public names as Hypothesis draws them, by the annotations of their parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from random_command_lines import HOSTILE, NAMES, TEXTS, formulas

import meanbits as mb
from meanbits.theory.declarations.grammar import FormulaError, parse

NUMBERS = (0.5, 1, 0.1, 2, 0, -0.0, 5e-324, 1e-300, 1e-12, 1e12, 1e308, -1, float("inf"), float("nan"), 10**400, True,
           None, "0.5", "x", np.float32(0.5), np.float64("nan"), sp.nan, sp.zoo, sp.oo, sp.I, sp.Rational(1, 3), [],
           [0.5, 0.1], [float("nan")], {})  # fmt: skip
WORDS = (*TEXTS, "backward", "forward", "batch", "layer", "clip", "tanh", "identity", "gaussian", None, 3)


@st.composite
def expressions(draw: st.DrawFn) -> Any:
    """A number, or a formula as SymPy has it."""
    text = draw(st.one_of(formulas(depth=2), st.sampled_from(HOSTILE)))
    if draw(st.booleans()):
        return draw(numbers)
    try:
        return parse(text)
    except FormulaError:
        return text


numbers = st.one_of(st.sampled_from(NUMBERS[:4]), st.sampled_from(NUMBERS), st.floats())
names = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(WORDS))
BY_ANNOTATION: dict[str, st.SearchStrategy[Any]] = {
    "int": st.one_of(st.sampled_from((1, 2, 3, 5)), numbers), "float": numbers, "ArrayLike": numbers, "Value": numbers,
    "float | None": numbers, "ArrayLike | None": numbers, "sp.Expr": expressions(), "sp.Expr | None": expressions(),
    "str": st.sampled_from(WORDS), "str | None": st.sampled_from(WORDS), "bool": st.sampled_from((True, False, 3)),
    "Subject": names, "Layer | Surrogate | str": names, "Surrogate | Layer | str": names,
    "tuple[sp.Expr, ...]": st.lists(expressions(), max_size=4).map(tuple),
    "NeuronNoise": st.sampled_from((mb.gaussian, mb.logistic, mb.laplace, None, "gaussian")),
    "Neurons": st.sampled_from((mb.sign, mb.tanh, mb.relu, None, "tanh")),
    "Weights": st.sampled_from((mb.binary, mb.fixed, None, "binary")),
    "Surrogate": st.sampled_from(mb.catalogue()), "Treatment": st.sampled_from((mb.marginalise, mb.sharp, None)),
    "Form": st.sampled_from((mb.exact, mb.matched, None)), "Size": numbers, "tuple[int, ...]": st.just((3, 3)),
    "tuple[sp.Expr, sp.Expr] | None": st.tuples(expressions(), expressions()), "Law": st.just(()),
}  # fmt: skip
LASTING = {"train", "verify", "report", "simulate", "simulate_layers", "check", "export"}  # tried on the command line


def required(name: str) -> list[inspect.Parameter]:
    """Parameters that a call of a public name must have; a class's, those that it is built from."""
    known = inspect.signature(getattr(mb, name)).parameters.values()
    return [each for each in known if each.default is each.empty and each.kind is not each.VAR_KEYWORD]


def is_callable(name: str) -> bool:
    """Whether numbers, words and parts are all that it takes."""
    if not callable(getattr(mb, name)) or name in LASTING or (inspect.isclass(getattr(mb, name)) and issubclass(
            getattr(mb, name), Exception)):  # fmt: skip
        return False
    return all(str(each.annotation) in BY_ANNOTATION for each in required(name))


CALLED = tuple(name for name in (*mb.HOMES, "derive") if is_callable(name))


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Callable[[], Any]]:
    """A call, as text and to be made."""
    name = draw(st.sampled_from(CALLED))
    function = getattr(mb, name)
    given = {each.name: draw(BY_ANNOTATION[str(each.annotation)]) for each in required(name)}
    others = [each for each in inspect.signature(function).parameters.values()
              if each.default is not each.empty and str(each.annotation) in BY_ANNOTATION]  # fmt: skip
    for each in draw(st.lists(st.sampled_from(others), max_size=2)) if others else []:
        given[each.name] = draw(BY_ANNOTATION[str(each.annotation)])
    if name == "compose":
        given[draw(st.sampled_from(("weights", "neurons", "phi", "gain", "noise", "bogus")))] = draw(numbers | names)
    text = f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})"
    return text, lambda: function(**given)
