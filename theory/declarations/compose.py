"""A surrogate from names: a catalogue name, options that override its parts, or options alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import sympy as sp

from meanbits.theory.declarations.grammar import canonical, parse
from meanbits.theory.declarations.named_neurons import neurons_named
from meanbits.theory.declarations.named_weights import weights_named
from meanbits.theory.declarations.neurons import Neurons, stochastic
from meanbits.theory.declarations.noise import LOGISTIC, NOISES, TWO_POINT, NeuronNoise, noise_from_formula, student
from meanbits.theory.declarations.options import number, pick
from meanbits.theory.declarations.straight_through import SEPARATOR, slope_named, straight_through, with_own_slope
from meanbits.theory.declarations.surrogates import CATALOGUE, EXACT, MATCHED, TREATMENTS, Form, Surrogate, paper_form
from meanbits.theory.errors import FormulaError, SurrogateError, shown
from meanbits.theory.symbols import h

Choice = TypeVar("Choice")

PAPER_PHI = {"tanh": sp.tanh(h), "erf": sp.erf(h / sp.sqrt(2))}
DEFAULT = "deterministic"


def compose(
    name: str | Surrogate | None = None,
    *,
    weights: str | None = None,
    neurons: str | None = None,
    noise: str | None = None,
    backward: str | None = None,
    treatment: str | None = None,
    form: str | None = None,
    phi: str | None = None,
    gain: str | float | None = None,
) -> Surrogate:
    """The surrogate of a catalogue name, each part given replacing its own; without a name, of the parts alone.

    weights: binary, ternary:RHO, ternary-free:RHO, levels:V1,V2,.., gaussian:V, signs, absmean, fixed. neurons: sign,
    stochastic, tanh, erf, relu, leaky:A, hardtanh, hardsigmoid, gelu, silu, softplus, sin, linear, step[:THETA],
    deadzone:DELTA, quantiser:K[:STEP], bits:K, expr:EXPR. noise: NAME:SCALE, student:NU, twopoint:A or cdf:EXPR, and
    stochastic neurons with it. backward: the slope that gradients see, exact, clip, tanh, triangle, approxsign, unit,
    identity or expr:EXPR; neurons in place of others keep theirs. treatment: marginalise, sample, network, none. form:
    exact, matched, paper. phi (tanh, erf or a formula in h) and gain: of form paper, which they imply.

    Raises:
        SurrogateError: an unknown name (with the nearest), or parts that do not fit together (with the reason).

    >>> compose("deterministic", phi="tanh", gain=1.5).name
    'deterministic (form paper, phi tanh, gain 3/2)'
    >>> compose("continuous", neurons="quantiser:4").neurons.mean
    sign(h)/3 + sign(h - 2/3)/3 + sign(h + 2/3)/3
    """
    base = name if isinstance(name, Surrogate) else _of_catalogue(DEFAULT if name is None else _text("name", name))
    options = {"weights": weights, "neurons": neurons, "noise": noise, "backward": backward, "treatment": treatment,
               "form": form, "phi": phi}  # fmt: skip
    given = {option: _text(option, value) for option, value in options.items() if value is not None}
    parts: dict[str, object] = {}
    if "weights" in given:
        parts["weights"] = _declared("--weights", given["weights"], weights_named)
    if {"neurons", "noise", "backward"} & set(given):
        parts["neurons"] = _units(base.neurons, given)
    if "treatment" in given:
        parts["treatment"] = pick("treatment", given["treatment"], {item.name: item for item in TREATMENTS})
    if "form" in given or "phi" in given or gain is not None:
        parts["form"] = _form(given.get("form"), given.get("phi"), gain)
        given = {**{key: given[key] for key in given if key != "phi"}, "form": given.get("form", "paper"),
                 **{key: given[key] for key in given if key == "phi"}}  # fmt: skip
    if not parts:
        return base if name is not None else replace(base, name="composed")
    label = [f"{option} {_plain(value)}" for option, value in given.items()]
    label += [] if gain is None else [f"gain {number('--gain', gain)}"]
    return replace(base, name=f"{'composed' if name is None else base.name} ({', '.join(label)})", **parts)


def _of_catalogue(name: str) -> Surrogate:
    return pick("surrogate", name, {item.name: item for item in CATALOGUE})


def _text(option: str, value: object) -> str:
    if not isinstance(value, str):
        raise SurrogateError(f"{option} = {shown(value)} is no text; write for example {option}='tanh'")
    return value


def _plain(value: str) -> str:
    """An option as a surrogate is named by it: a formula by its syntax tree."""
    kind, colon, formula = value.partition(":")
    if kind in ("expr", "cdf"):
        return f"{kind}{colon}{canonical(formula)}"
    return canonical(value) if set(value) & set("()*/+ ") else value


def _declared(option: str, text: str, build: Callable[[str], Choice]) -> Choice:
    """What an option declares, its errors with the option in front."""
    try:
        return build(text)
    except SurrogateError as error:
        message = str(error)
        named, kind = message.startswith(("--", "unknown")), option.removeprefix("--")
        prefix = "" if named else "--" if message.startswith(f"{kind} {_plain(text)}:") else f"{option} {shown(text)}: "
        raise SurrogateError(prefix + message) from None


def _units(base: Neurons, given: dict[str, str]) -> Neurons:
    """The neurons of these options, those of others in their place with the slope that gradients see in these."""
    replaced = {"neurons", "noise"} & set(given)
    units = _neurons(given.get("neurons"), given.get("noise")) if replaced else base
    if "backward" in given:
        return _declared("--backward", given["backward"], lambda text: _with_slope(units, text))
    if base.backward is None:
        return units
    return straight_through(units, base.backward, base.name.partition(SEPARATOR)[2])


def _neurons(name: str | None, noise: str | None) -> Neurons:
    if name in (None, "stochastic"):
        law, scale = _declared("--noise", noise, _noise) if noise is not None else (LOGISTIC, sp.S.One)
        return _declared("--noise", str(noise), lambda _: stochastic(law, scale))
    if noise is not None:
        raise SurrogateError(f"--noise {shown(noise)} needs stochastic neurons, not {shown(name)}; drop one of the two")
    return _declared("--neurons", name, neurons_named)


def _with_slope(neurons: Neurons, text: str) -> Neurons:
    name, slope = slope_named(text)
    neurons = with_own_slope(neurons)
    return neurons if slope is None else straight_through(neurons, slope, name)


def _noise(text: str) -> tuple[NeuronNoise, sp.Expr]:
    kind, _, value = text.partition(":")
    if kind == "cdf":
        return noise_from_formula(value), sp.S.One
    if kind == "student":
        if not (value.isascii() and value.isdecimal() and len(value) <= 4):
            raise SurrogateError(f"--noise {shown(text)}: give a whole number of degrees of freedom, as in student:3")
        return student(int(value)), sp.S.One
    laws = {**{item.name: item for item in (*NOISES, TWO_POINT)}, "cdf": LOGISTIC, "student": LOGISTIC}
    return pick("noise", kind, laws), number(f"--noise {kind}:A, A", value or "1")


def _form(name: str | None, phi: str | None, gain: str | float | None) -> Form:
    chosen = "paper" if name is None else name
    if pick("form", chosen, {"exact": EXACT, "matched": MATCHED, "paper": None}) is not None:
        if phi is not None or gain is not None:
            raise SurrogateError(f"--form {chosen} takes no --phi or --gain; use --form paper")
        return MATCHED if chosen == "matched" else EXACT
    phi = "tanh" if phi is None else phi
    function = PAPER_PHI[phi] if phi in PAPER_PHI else _declared("--phi", phi, _phi)
    scale = number("--gain", 1 if gain is None else gain)
    if not scale > 0:
        raise SurrogateError(f"--gain {gain}: it must be positive")
    return _declared("--phi", phi, lambda _: paper_form(function, scale))


def _phi(text: str) -> sp.Expr:
    function = parse(text)
    if not function.has(h):
        raise FormulaError(f"{function} does not depend on h")
    return function
