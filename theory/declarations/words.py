"""The words that name a surrogate: arguments of `declarations.compose.compose` that give just its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.compose_layer import BEHIND
from meanbits.theory.declarations.rows import Row
from meanbits.theory.declarations.straight_through import SEPARATOR, with_own_slope
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate, SurrogateError

Words = Mapping[str, str | None]


def words_of(surrogate: Surrogate) -> Words | None:
    """The fewest words that compose gives these parts for; None where some part has no name there."""
    alike = (base for base in CATALOGUE
             if (base.gradient_through_sigma, base.real_input)
             == (surrogate.gradient_through_sigma, surrogate.real_input))  # fmt: skip
    found = sorted(({"name": base.name, **dict(_changes(base, surrogate))} for base in alike), key=len)
    return next((words for words in found if names(words, surrogate)), None)


def words_of_row(row: Row) -> dict[str, str] | None:
    """Words that compose these parts and blocks; None where some part has no name."""
    words = words_of(row.surrogate)
    if words is None:
        return None
    given = {name: value for name, value in words.items() if value is not None}
    if row.normalise is not None:
        given["normalise"] = row.normalise + (f":{BEHIND}" if row.behind else "")
    numbers = {"dropout": (row.dropout, 0), "scale": (row.scale, 1)}
    given |= {name: repr(float(value)) for name, (value, usual) in numbers.items() if value != usual}
    return given | ({} if row.skip is None else {"skip": ":".join(repr(float(each)) for each in row.skip)})


def names(words: Words, surrogate: Surrogate) -> bool:
    """Whether the words compose a surrogate of the same parts."""
    try:
        composed = compose(**words)  # pyright: ignore[reportArgumentType]
    except SurrogateError:
        return False
    return replace(composed, name=surrogate.name, reference=surrogate.reference) == surrogate


def _changes(base: Surrogate, surrogate: Surrogate) -> Iterator[tuple[str, str]]:
    """An option for each part that is not the base's."""
    weights, neurons, form = surrogate.weights, surrogate.neurons, surrogate.form
    if weights != base.weights:
        kind, _, density = weights.name.partition(":")
        yield "weights", f"{kind}:{_decimal(density)}" if density else kind
    slope = neurons.name.partition(SEPARATOR)[2]
    if slope:
        yield "backward", slope
        neurons = with_own_slope(neurons)
    if neurons != base.neurons:
        if neurons.noise is None:
            yield "neurons", neurons.name
        else:
            _, _, scale = neurons.name.split(" ")[0].partition(":")
            yield "noise", f"{neurons.noise.name}:{_decimal(scale or '1')}"
    if surrogate.treatment != base.treatment:
        yield "treatment", surrogate.treatment.name
    if form != base.form:
        yield "form", form.name
        if form.phi is not None:
            yield "phi", str(form.phi).replace("Abs", "abs")
            yield "gain", _decimal(str(form.gain))


def _decimal(text: str) -> str:
    """A rational number written without a fraction."""
    upper, _, lower = text.partition("/")
    return repr(int(upper) / int(lower)) if lower else text
