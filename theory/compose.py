"""A surrogate from names: a catalogue name, options that override its parts, or options alone."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import sympy as sp

from theory.grammar import FormulaError, evaluator, parse
from theory.network import BINARY, CONTINUOUS, FIXED, SIGN, Neurons, Weights, stochastic, ternary
from theory.noise import LOGISTIC, NOISES, ROUNDING, NeuronNoise, noise_from_formula
from theory.surrogates import CATALOGUE, EXACT, MATCHED, TREATMENTS, Form, Surrogate, SurrogateError, paper_form
from theory.symbols import h

Choice = TypeVar("Choice")

PAPER_PHI = {"tanh": sp.tanh(h), "erf": sp.erf(h / sp.sqrt(2))}
DEFAULT = "deterministic"
LARGEST = 1e9


def compose(
    name: str | None = None,
    *,
    weights: str | None = None,
    neurons: str | None = None,
    noise: str | None = None,
    treatment: str | None = None,
    form: str | None = None,
    phi: str | None = None,
    gain: str | float | None = None,
) -> Surrogate:
    """The surrogate of a catalogue name, each part given replacing the catalogue's; without a name, of the parts alone.

    weights: binary, ternary:RHO, fixed. neurons: sign, stochastic, tanh, erf, relu, hardtanh, linear. noise:
    NAME:SCALE or cdf:EXPR, and stochastic neurons with it. treatment: marginalise, sample, network, none. form: exact,
    matched, paper. phi (tanh, erf or a formula in h) and gain: of form paper, which they imply.

    Raises:
        SurrogateError: an unknown name (with the nearest), or parts that do not fit together (with the reason).

    >>> compose("deterministic", phi="tanh", gain=1.5).name
    'deterministic (form paper, phi tanh, gain 3/2)'
    """
    base = _pick("surrogate", DEFAULT if name is None else name, {item.name: item for item in CATALOGUE})
    parts: dict[str, object] = {}
    if weights is not None:
        parts["weights"] = _weights(weights)
    if neurons is not None or noise is not None:
        parts["neurons"] = _neurons(neurons, noise)
    if treatment is not None:
        parts["treatment"] = _pick("treatment", treatment, {item.name: item for item in TREATMENTS})
    if form is not None or phi is not None or gain is not None:
        parts["form"] = _form(form, phi, gain)
    if not parts:
        return base if name is not None else replace(base, name="composed")
    given = {"weights": weights, "neurons": neurons, "noise": noise, "treatment": treatment, "form": form or
             ("paper" if phi is not None or gain is not None else None), "phi": phi,
             "gain": None if gain is None else _number("--gain", gain)}  # fmt: skip
    label = ", ".join(f"{option} {value}" for option, value in given.items() if value is not None)
    return replace(base, name=f"{'composed' if name is None else name} ({label})", **parts)


def _weights(text: str) -> Weights:
    kind, _, density = text.partition(":")
    builders: dict[str, Callable[[], Weights]] = {
        "binary": lambda: BINARY,
        "fixed": lambda: FIXED,
        "ternary": lambda: ternary(_number("--weights ternary:RHO, RHO", density or "2/3")),
    }
    builder = _pick("weights", kind, builders)
    if density and kind != "ternary":
        raise SurrogateError(f"--weights {text}: only ternary weights take a value, as in ternary:0.5")
    try:
        return builder()
    except ValueError as error:
        raise SurrogateError(f"--weights {text}: {error}") from None


def _neurons(name: str | None, noise: str | None) -> Neurons:
    choices = {"sign": SIGN, **{item.name: item for item in CONTINUOUS}}
    if name not in (None, "stochastic"):
        if noise is not None:
            raise SurrogateError(f"--noise {noise} needs stochastic neurons, not {name}; drop one of the two")
        return _pick("neurons", name, {**choices, "stochastic": SIGN})
    law, scale = _noise(noise) if noise is not None else (LOGISTIC, sp.S.One)
    try:
        return stochastic(law, scale)
    except ValueError as error:
        raise SurrogateError(f"--noise {noise}: {error}") from None


def _noise(text: str) -> tuple[NeuronNoise, sp.Expr]:
    kind, _, value = text.partition(":")
    if kind == "cdf":
        try:
            return noise_from_formula(value), sp.S.One
        except FormulaError as error:
            raise SurrogateError(f"--noise {text}: {error}") from None
    law = _pick("noise", kind, {**{item.name: item for item in NOISES}, "cdf": LOGISTIC})
    return law, _number(f"--noise {kind}:A, A", value or "1")


def _form(name: str | None, phi: str | None, gain: str | float | None) -> Form:
    chosen = "paper" if name is None else name
    if _pick("form", chosen, {"exact": EXACT, "matched": MATCHED, "paper": None}) is not None:
        if phi is not None or gain is not None:
            raise SurrogateError(f"--form {chosen} takes no --phi or --gain; use --form paper")
        return MATCHED if chosen == "matched" else EXACT
    phi = "tanh" if phi is None else phi
    try:
        function = PAPER_PHI[phi] if phi in PAPER_PHI else parse(phi)
        _check_bounded(function)
    except FormulaError as error:
        raise SurrogateError(f"--phi {phi}: {error}") from None
    scale = _number("--gain", 1 if gain is None else gain)
    if not scale > 0:
        raise SurrogateError(f"--gain {gain}: it must be positive")
    return paper_form(function, scale)


def _check_bounded(function: sp.Expr) -> None:
    """A mean of binary neurons lies in [-1, 1] and has its kinks, if any, at 0."""
    if not function.has(h):
        raise FormulaError(f"{function} does not depend on h")
    if any(kink.args[0].subs(h, 0) != 0 for kink in function.atoms(sp.Abs, sp.sign)):
        raise FormulaError(f"{function} has a kink off h = 0, where quadrature cannot follow it")
    value = evaluator(function)
    for point in (sign * 10.0**exponent for exponent in range(-6, 7) for sign in (-1, 1)):
        if not abs(value(point)) <= 1 + ROUNDING:
            raise FormulaError(f"{function} leaves [-1, 1] at h = {point:.3g}, and it is the mean of a bit")


def _number(option: str, value: str | float) -> sp.Expr:
    try:
        size = abs(float(value))
    except (TypeError, ValueError):
        size = math.nan
    if math.isnan(size):
        raise SurrogateError(f"{option} = {value!r} is not a number; write for example 0.5")
    if size > LARGEST or 0 < size < 1 / LARGEST:
        raise SurrogateError(f"{option} = {value}: its size must lie between {1 / LARGEST:g} and {LARGEST:g}")
    return sp.Rational(str(value).strip()) if size else sp.S.Zero


def _pick(kind: str, name: str, choices: dict[str, Choice]) -> Choice:
    if name in choices:
        return choices[name]
    raise SurrogateError(f"unknown {kind} '{name}'{nearest(name, choices)}")


def nearest(name: str, choices: Iterable[str]) -> str:
    """A hint that ends an error about an unknown name."""
    known = list(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
