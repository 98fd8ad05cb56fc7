"""Certificates as files of Rocq (Coq) with coq-interval: what is proven for a surrogate, from templates of `rocq`.

A file opens with its statement, in which the surrogate is named: from that alone the same file is made again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from flint import arb, ctx

from meanbits.numerics.certificates import checker
from meanbits.numerics.certificates.balls import UnprovedError, outward
from meanbits.numerics.certificates.declared_models import model_of, neuron_of, subject_of, words
from meanbits.numerics.certificates.expressions import text_of
from meanbits.numerics.certificates.proof import Certificate
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.named_neurons import PLAIN
from meanbits.theory.declarations.surrogates import Surrogate

OPENING = "(* meanbits certificate, Rocq: "
IMPORTS = """From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
Open Scope R_scope.
"""
DIGITS, ROOM = 6, 2  # of enclosures of integrals, and units of the last one around them
SIGN, TANH = {"up": [[0, 1]], "down": None}, {"up": [[0, ["tanh", "x"]]], "down": None}
BINARY = {"values": [[1, "1/2", "1/2"], [-1, "1/2", "-1/2"]], "largest": 1}
SIGNS = {"values": None, "largest": 1}
NORMED = ("tanh", "sin", "silu", "softplus")  # neurons with a template norm_*


def rocq(subject: Surrogate | Layer, proof: Certificate) -> str:
    """The file of what is proven of a subject.

    Raises:
        UnprovedError: nothing is proven, or by an argument that has no template.
    """
    if not proof.certified:
        raise UnprovedError("there is nothing to certify: %s", proof.statement)
    q = [Fraction(end) for end in (proof.box or {}).get("q", ())][:1]
    return _file(words(subject), model_of(subject), proof.feasible, str(q[0]) if q else None)


def made_again(text: str) -> tuple[dict[str, Any], str]:
    """The statement of a file, and the file that is made for it.

    Raises:
        RefusedError, SurrogateError or UnprovedError: a file without a statement, or one that gives no file.
    """
    first, *_ = text.split("\n", 1)
    checker.need(text.startswith(OPENING) and first.endswith(" *)"), "it does not start as a file of meanbits does")
    try:
        statement = json.loads(first.removeprefix(OPENING).removesuffix(" *)"))
        name, verdict, q = (statement[key] for key in ("surrogate", "verdict", "q"))
        subject = subject_of(name)
        number = None if q is None else checker.number(q)
    except (*checker.REFUSALS,) as error:
        raise checker.RefusedError("its statement is not of the form of a certificate") from error
    checker.need(subject is not None, "its surrogate was declared in Python; compile the file with coqc yourself")
    assert subject is not None
    model = model_of(subject)
    return {**statement, "kind": model["kind"]}, _file(name, model, verdict, None if number is None else str(q))


def _file(name: str, model: dict[str, Any], verdict: str, q: str | None) -> str:
    parts = _parts(model, verdict, q)
    opening = json.dumps({"surrogate": name, "verdict": verdict, "q": q})
    return f"{OPENING}{opening} *)\n{IMPORTS}\n" + "\n".join(_filled(part, values) for part, values in parts)


def _parts(model: dict[str, Any], verdict: str, q: str | None) -> list[tuple[str, Mapping[str, str]]]:
    """Templates in order, each with what is put into it."""
    kind, neuron, weights = model["kind"], model["neuron"], model["weights"]
    half, tanh = [("overlaps", {})], [("means", {}), ("tanh", {})]
    if kind == "overlap" and model["bits"] and verdict == "none" and weights in (BINARY, SIGNS):
        if neuron == SIGN:
            return [("sign_none", {})]
        scale = _scale_of_tanh(neuron)
        if scale is not None and weights == BINARY:
            return [*half, *tanh, ("bits_none", {"c": scale})]
    if kind == "form" and neuron == TANH and weights == BINARY and verdict == "attained" and q is not None:
        return [*tanh, ("form_attained", _form_numbers(model, q))]
    name = next((name for name in NORMED if neuron == _model_of_neuron(name)), None)
    if kind == "norm" and verdict == "none" and name is not None:
        return [*half, *tanh, (f"norm_{name}", {}), ("norm_none", _norm_numbers(model))]
    raise UnprovedError("there is no Rocq file for this argument: there is for sign and tanh bits without a critical "
                        "point, tanh in form paper with one, and %s behind batch norm; write F.json",
                        ", ".join(NORMED))  # fmt: skip


def _scale_of_tanh(neuron: dict[str, Any]) -> str | None:
    """c of tanh(c x)."""
    if neuron == TANH:
        return "1"
    match neuron:
        case {"up": [[0, ["tanh", ["*", str() | int() as scale, "x"]]]], "down": None}:
            return str(scale)
        case _:
            return None


def _form_numbers(model: dict[str, Any], q: str) -> dict[str, str]:
    """Enclosures of the three Gaussian means and of the point."""
    with ctx.workprec(checker.PRECISION):
        made, variance = checker.Model(model), arb(checker.number(q))
        slopes, sizes, growth = made.neuron.moments(made.top * variance)
        point = made.point(variance)
    found = {"slopes": slopes, "sizes": sizes, "growth": growth, "s": point["sigma_m2"], "b": point["sigma_b2"]}
    room = {"s": 20, "b": 20 * (1 + math.ceil(float(variance)))}
    ends = [_ends(name, value, room.get(name, ROOM)) for name, value in found.items()]
    return {"gain2": model["gain^2"] if isinstance(model["gain^2"], str) else str(model["gain^2"]), "q": q,
            **{name: value for each in ends for name, value in each.items()}}  # fmt: skip


@cache
def _model_of_neuron(name: str) -> dict[str, Any]:
    return neuron_of(PLAIN[name].mean)


def _norm_numbers(model: dict[str, Any]) -> dict[str, str]:
    """Enclosures of E f'^2, of E (f - c)^2 with c near E f, and of their quotient."""
    with ctx.workprec(checker.PRECISION):
        neuron = checker.Model(model).neuron
        slopes, sizes, _ = neuron.moments(arb(1))
        centre = arb(0) if neuron.odd else neuron.mean(lambda tree: tree, arb(1))
        offset = Fraction(round(float(centre) * 10**DIGITS), 10**DIGITS)
        apart = arb(checker.number(text_of(offset)))
        squares = sizes - 2 * apart * centre + apart * apart
        ratio = slopes / squares
    return {"offset": str(offset), **_ends("slopes", slopes, ROOM), **_ends("squares", squares, ROOM),
            **_ends("ratio", ratio, 20)}  # fmt: skip


def _ends(name: str, value: arb, room: int) -> dict[str, str]:
    low, high = outward(value * 10**DIGITS)
    return {f"{name}_low": f"({math.floor(low) - room} / 10 ^ {DIGITS})",
            f"{name}_high": f"({math.ceil(high) + room} / 10 ^ {DIGITS})"}  # fmt: skip


def _filled(part: str, values: Mapping[str, str]) -> str:
    return Template(_template(part)).substitute(values)


@cache
def _template(part: str) -> str:
    return files("meanbits.numerics.certificates").joinpath("rocq", f"{part}.v").read_text(encoding="utf-8")
