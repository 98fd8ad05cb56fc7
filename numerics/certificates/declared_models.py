"""The model of a declaration: what a certificate that stands alone says about it, in numbers, names and lists."""

from __future__ import annotations

import shlex
from typing import Any

import sympy as sp

from meanbits.numerics.certificates.balls import UnprovedError
from meanbits.numerics.certificates.branches import branches
from meanbits.numerics.certificates.chain_backward import behind_norm
from meanbits.numerics.certificates.expressions import listed, rational_of
from meanbits.numerics.certificates.network_law import is_odd
from meanbits.theory.declarations.compose_layer import compose
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.rows import row_of_layer
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.declarations.weights import Weights
from meanbits.theory.declarations.words import words_of, words_of_row
from meanbits.theory.errors import SurrogateError
from meanbits.theory.symbols import mean_weight

UNNAMED = "declared in Python: "


def words(subject: Surrogate | Layer) -> str:
    """What follows `meanbits critical` on a command line that names the subject; of other ones what they are."""
    try:
        found = words_of(subject) if isinstance(subject, Surrogate) else words_of_row(row_of_layer(subject))
    except SurrogateError:
        found = None
    if found is None:
        return UNNAMED + repr(subject)
    name, *options = (value for value in (found.get("name"), *_options(found)) if value is not None)
    return shlex.join([name, *options])


def _options(found: Any) -> list[str]:
    return [word for option, value in found.items() if option != "name" and value is not None
            for word in (f"--{option}", value)]  # fmt: skip


def subject_of(text: str) -> Surrogate | Layer | None:
    """The subject of these words; None of one declared in Python.

    Raises:
        SurrogateError: words that name none.
    """
    if text.startswith(UNNAMED):
        return None
    try:
        name, *rest = shlex.split(text)
        options = dict(zip(rest[::2], rest[1::2], strict=True))
        return compose(name, **{option.removeprefix("--"): value for option, value in options.items()})
    except (ValueError, TypeError) as error:
        raise SurrogateError("the words of the statement name no surrogate") from error


def model_of(subject: Surrogate | Layer) -> dict[str, Any]:
    """The model, from the declaration alone.

    Raises:
        UnprovedError: parts that certificates have no words for.
    """
    if isinstance(subject, Layer):
        return _behind_norm(subject)
    if subject.real_input:
        return _model("single layer", subject.neurons.mean, subject, False, None)
    if subject.form.name == "paper":
        gain = rational_of(subject.form.gain**2, "the square of the gain")
        return _model("form", subject.form.phi, subject, True, gain)
    if subject.form.name != "exact":
        raise UnprovedError("form %s has no certificate that stands alone; form paper has one", subject.form.name)
    integrated = (subject.treatment.field, subject.treatment.propagates) == ("integrated", "mean")
    return _model("overlap", subject.neurons.mean, subject, integrated, None)


def _model(kind: str, phi: sp.Expr, surrogate: Surrogate, integrated: bool, gain: Any) -> dict[str, Any]:
    neurons = surrogate.neurons
    _require_state(neurons)
    return {"kind": kind, "neuron": neuron_of(phi), "bits": neurons.is_binary,
            "weights": _weights(surrogate.weights), "integrated": integrated, "gain^2": gain}  # fmt: skip


def _require_state(neurons: Neurons) -> None:
    if not neurons.is_binary and neurons.is_random:
        raise UnprovedError("%s neurons draw values other than -1 and 1, and have no certificate that stands alone",
                            neurons.name)  # fmt: skip


def neuron_of(phi: sp.Expr) -> dict[str, Any]:
    """A function of h on its parts of h = x > 0, and unless it is odd of h = -x < 0."""
    sides: dict[int, list[list[Any]]] = {1: [], -1: []}
    for part in branches(phi):
        sides[part.side].append([listed(part.left), listed(part.value)])
    return {"up": sides[1], "down": None if is_odd(phi) else sides[-1]}


def _weights(weights: Weights) -> dict[str, Any]:
    largest = weights.largest_sigma_m2 if weights.mean_square is None else weights.mean_square
    values = None
    if weights.is_random:
        if not weights.law:
            raise UnprovedError("weights %s have no law of few values, which certificates need", weights.name)
        values = [[rational_of(value, "a weight"), *_line(sp.expand(chance))] for value, chance in weights.law]
    return {"values": values, "largest": None if largest is None else rational_of(largest, "the largest sigma_m2")}


def _line(probability: sp.Expr) -> list[int | str]:
    """(a, b) of a + b M."""
    slope = probability.diff(mean_weight)
    return [rational_of(each, "a probability of weights") for each in (probability.subs(mean_weight, 0), slope)]


def _behind_norm(layer: Layer) -> dict[str, Any]:
    """Of a chain whose gradients grow by E f'^2 / Var f a layer, by algebra."""
    if not layer.has_batch_norm or len(layer.units) != 1 or layer.is_relative:
        raise UnprovedError("%s: of chains of blocks those with batch norm alone have a certificate that stands alone",
                            layer.name)  # fmt: skip
    growth, of = behind_norm(layer)
    names = {kind: node for node, (kind, _) in of.found.items() if node.args == (1,)}
    neurons = layer.units[0].neurons
    _require_state(neurons)
    if {"slope", "second", "mean"} - names.keys() or neurons.backward is not None:
        growth = sp.S.Zero
    if growth == 0 or sp.simplify(growth * (names["second"] - names["mean"] ** 2) / names["slope"]) != 1:
        raise UnprovedError("%s: a certificate that stands alone has chi_g = E f'^2 / Var f, and this chain another",
                            layer.name)  # fmt: skip
    return {"kind": "norm", "neuron": neuron_of(neurons.mean), "bits": False,
            "weights": {"values": None, "largest": None}, "integrated": False, "gain^2": None}  # fmt: skip
