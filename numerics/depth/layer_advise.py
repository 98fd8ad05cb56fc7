"""Which skip, norm, slope or scale lets a chain of blocks train at a depth: alternatives are tried."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import sympy as sp

from meanbits.numerics.depth.advise import BORDER, MEANS, SCALES
from meanbits.numerics.depth.foldings import foldings
from meanbits.numerics.solvers.domain import floats
from meanbits.theory.declarations.compose_layer import with_blocks
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.rows import Row
from meanbits.theory.declarations.straight_through import SLOPES, straight_through, with_own_slope
from meanbits.theory.symbols import sigma_m2

DEEPEST = 1000  # layers that a chain is followed through
LOW, HIGH, POINTS, PASSES = 0.1, 10.0, 33, 3
Change = dict[str, str]
UNKNOWN = (
    "what training does to weights and fields after its first step: this is the theory of the initialisation",
    "how Adam, which rescales gradients, copes with ones that grow or vanish evenly",
    "whether a layer that a small skip or scale reduces to little still computes enough",
    "what a finite width, or under batch norm a small batch, adds: the theory is that of large ones",
)


@dataclass(frozen=True)
class Alternative:
    """A chain and what `depth` layers of it do: by how many e-foldings a small difference in the correlation of two
    inputs changes on its way through (forward), and squared gradients on their way back (backward).

    change: the options that differ from the chain asked about. sigma_m2: None where the weights settle it.
    """

    change: Change
    layer: Layer
    sigma_m2: float | None
    forward: float
    backward: float

    @property
    def farthest(self) -> float:
        """The larger of the two, inf where gradients see no slope."""
        sizes = abs(self.forward), abs(self.backward)
        return math.inf if any(map(math.isnan, sizes)) else max(sizes)

    @property
    def trains(self) -> bool:
        """Whether both stay within the e-foldings that trainings survive (`depth.advise.SCALES`)."""
        return self.farthest <= SCALES


@dataclass(frozen=True, repr=False)
class LayerAdvice:
    """The chain as it is, the alternatives tried, best first, and the words that name a chain on a command line."""

    depth: int
    sigma_b2: float
    given: Alternative
    tried: tuple[Alternative, ...]
    words: Change | None

    def __repr__(self) -> str:
        return f"{self.given.layer.name}: {self.verdict}"

    @property
    def verdict(self) -> str:
        """Whether the depth trains, and what to change where it does not, in words."""
        found = self.advised
        if found is None:
            return f"depth {self.depth} does not train, and nothing tried makes it"
        at = "" if found.sigma_m2 is None else f", at sigma_m2 = {found.sigma_m2:.6g}"
        if found is self.given:
            return f"depth {self.depth} trains as it is{at}"
        named = self.options(found)
        how = " ".join(f"--{option} {value}" for option, value in found.change.items()) if named is None else named
        return f"depth {self.depth} does not train as it is; it does with: {how}{at}"

    @property
    def advised(self) -> Alternative | None:
        """What trains with the fewest changes; None where nothing tried does."""
        return next((each for each in (self.given, *self.tried) if each.trains), None)

    def options(self, alternative: Alternative) -> str | None:
        """The words of an alternative, quoted where a shell needs it; None for a declaration of its own."""
        if self.words is None:
            return None
        words = {**self.words, **alternative.change}
        name = [words.pop("name")] if "name" in words else []
        return shlex.join([*name, *(word for option, value in words.items() for word in (f"--{option}", value))])


def layer_advise(row: Row, depth: int, sigma_b2: float, words: Change | None = None) -> LayerAdvice:
    """Whether depth trains as the row is, and with one change of skip, norm, slope or scale, or two, if not.

    Raises:
        ValueError: a depth that is not followed, or open symbols.
    """
    if not 1 <= depth <= DEEPEST:
        raise ValueError(f"--depth {depth}: chains are followed layer by layer; give from 1 to {DEEPEST}")
    sigma_b2 = float(floats("sigma_b2", sigma_b2))
    given = as_it_is(row, depth, sigma_b2)
    tried: tuple[Alternative, ...] = ()
    if not given.trains:
        for count in (1, 2):
            means = _usual(row) if given.sigma_m2 is None else given.sigma_m2
            found = (_tried(row, change, depth, sigma_b2, means) for change in _changes(row, depth, count))
            tried = tuple(sorted((*tried, *found), key=lambda each: (not each.trains, len(each.change), each.farthest)))
            if tried and tried[0].trains:
                break
    return LayerAdvice(depth, sigma_b2, given, tried, words)


def as_it_is(row: Row, depth: int, sigma_b2: float) -> Alternative:
    """What depth layers of the row do, at the sigma_m2 that reaches deepest where weights and skip leave it open."""
    return _tried(row, {}, depth, sigma_b2, _usual(row))


def _changes(row: Row, depth: int, count: int) -> Iterator[Change]:
    """So many options changed at once."""
    neurons = row.surrogate.neurons
    sees = row.surrogate.treatment.field != "integrated" and (neurons.jumps or neurons.backward is not None)
    kinds = {
        "normalise": [kind for kind in ("none", "batch", "rms") if kind != (row.normalise or "none")],
        "skip": ["none"] if row.skip else ["1", f"1:{depth**-0.5:.3g}"],
        "backward": [name for name, slope in SLOPES.items() if sees and slope != neurons.backward],
        "scale": ["free"] if _is_settled(row) and row.skip is None else [],
    }
    for chosen in combinations(kinds, count):
        changes: list[Change] = [{}]
        for option in chosen:
            changes = [{**change, option: value} for change in changes for value in kinds[option]]
        yield from changes


def _is_settled(row: Row) -> bool:
    return not row.surrogate.weights.variance_of_means.has(sigma_m2)


def _usual(row: Row) -> float:
    """A sigma_m2 that weights are drawn with."""
    limit = row.surrogate.weights.mean_limit
    return 1.0 if limit is None else MEANS * float(limit) ** 2


def _tried(row: Row, change: Change, depth: int, sigma_b2: float, usual: float) -> Alternative:
    """An alternative at the sigma_m2, or the scale if that is free, at which it reaches deepest.

    Around a skip that would be 0: there sigma_m2 is the usual one.
    """
    free = change.get("scale") == "free"
    blocks = {option: value for option, value in change.items() if option in ("normalise", "skip")}
    changed = with_blocks(_with_slope(row, change.get("backward")), **blocks)
    if _is_settled(row) and not free:
        out, back = foldings(changed.layer, depth, np.ones(1), sigma_b2)
        return Alternative(change, changed.layer, None, float(out[0]), float(back[0]))
    if free:
        value, *_ = _best(row, replace(changed, scale=sp.sqrt(sigma_m2)).layer, depth, sigma_b2)
        scale = f"{math.sqrt(value):.4g}"  # as it is written, and so as it is tried
        return _tried(with_blocks(row, scale=scale), {**change, "scale": scale}, depth, sigma_b2, usual)
    if changed.skip is None:
        return Alternative(change, changed.layer, *_best(row, changed.layer, depth, sigma_b2))
    out, back = foldings(changed.layer, depth, np.array([usual]), sigma_b2)
    return Alternative(change, changed.layer, usual, float(out[0]), float(back[0]))


def _with_slope(row: Row, name: str | None) -> Row:
    if name is None:
        return row
    plain = with_own_slope(row.surrogate.neurons)
    return replace(row, surrogate=replace(row.surrogate, neurons=straight_through(plain, SLOPES[name], name)))


def _best(row: Row, layer: Layer, depth: int, sigma_b2: float) -> tuple[float, float, float]:
    """The value of sigma_m2 at which the larger e-folding is least, and both there."""
    limit = row.surrogate.weights.mean_limit if not _is_settled(row) else None
    top = HIGH if limit is None else BORDER * float(limit) ** 2
    values = np.geomspace(min(LOW, top / 10), top, POINTS)
    chosen = math.nan, math.nan, math.nan
    for _ in range(PASSES):
        out, back = foldings(layer, depth, values, sigma_b2)
        worst = np.fmax(np.abs(out), np.abs(back))
        best = int(np.argmin(np.where(np.isnan(out + back), np.inf, worst)))
        low, high = values[max(best - 1, 0)], values[min(best + 1, values.size - 1)]
        chosen = float(values[best]), float(out[best]), float(back[best])
        values = np.geomspace(low, high, POINTS)
    return chosen
