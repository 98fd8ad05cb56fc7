"""What a page computes by itself: the maps of a theory in JavaScript, what its solver has to know, and the sliders."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from meanbits.numerics.emission.derived_traits import derived_traits
from meanbits.numerics.emission.emit import compile_theory, emitted_functions, maps_section
from meanbits.numerics.emission.script import script_source
from meanbits.numerics.emission.writer import Heading
from meanbits.numerics.solvers.domain import check_domain
from meanbits.numerics.solvers.faint import faint_slopes
from meanbits.theory.derive import Theory
from meanbits.theory.functions.probes import at_some_value
from meanbits.theory.stages.correlation import is_relative

MOST_MEANS, MOST_BIASES, MOST_GAIN, MOST_PARAMETER = 4.0, 1.0, 4.0, 4.0
MEANS, BIASES, GAIN = "sigma_m2", "sigma_b2", "gain"
WITHIN = 0.5  # of the largest sigma_m2, where a page starts
FEW_BIASES = 0.01
NODES = np.exp(np.arange(-20, 20, 0.5))
FALL = 1e-9


class NotLiveError(ValueError):
    """A theory whose maps a page cannot compute, with the reason."""


@dataclass(frozen=True)
class Slider:
    """A number that a reader moves: its name, what it is, where it starts, and its range."""

    name: str
    title: str
    value: float
    low: float
    high: float
    limit: float | None = None  # beyond which there is none; None where the slider's end is only for the eye
    step: float | None = None  # between values; None where any number will do


@dataclass(frozen=True)
class Kind:
    """What the solver of a page has to know of a theory."""

    takesTotal: bool  # noqa: N815 (read by JavaScript)
    followsReplicas: bool  # noqa: N815
    faint: tuple[float, float]
    ownGain: float | None  # noqa: N815
    parameters: tuple[str, ...]
    fixedMeans: float | None  # noqa: N815
    isChain: bool = False  # noqa: N815


@dataclass(frozen=True)
class ChainKind:
    """What the page of a chain has to know of it."""

    takesTotal: bool  # noqa: N815 (read by JavaScript)
    takesTypical: bool  # noqa: N815
    hasGradients: bool  # noqa: N815
    fixedMeans: float | None  # noqa: N815
    isChain: bool = True  # noqa: N815


@dataclass(frozen=True)
class Live:
    """The part of a page that computes: its script, the kind of theory, and the sliders."""

    maps: str
    kind: Kind | ChainKind
    sliders: tuple[Slider, ...]

    @property
    def start(self) -> tuple[float, float]:
        """sigma_m2, or what the weights fix it to, and sigma_b2."""
        at = {each.name: each.value for each in self.sliders}
        means = at.get(MEANS, self.kind.fixedMeans)
        assert means is not None
        return means, at[BIASES]

    @property
    def largest_means(self) -> float | None:
        """Where the slider of sigma_m2 ends; None where the weights fix it."""
        return next((each.high for each in self.sliders if each.name == MEANS), None)

    @property
    def data(self) -> dict[str, Any]:
        """What the script of the page reads."""
        return {"kind": asdict(self.kind), "sliders": [asdict(each) for each in self.sliders]}


def live(theory: Theory, sigma_m2: float | None = None, sigma_b2: float | None = None) -> Live:
    """The part of a surrogate's page that computes, starting at these variances.

    Raises:
        NotLiveError: maps that JavaScript lacks, that have no fixed points, or whose orbit is not monotone.
        ValueError: variances out of the domain.
    """
    sliders = _sliders(theory, sigma_m2, sigma_b2)
    offered = emitted_functions(theory, (maps_section,))
    try:
        check_domain(theory, np.zeros(()), np.zeros(()))
        source = script_source(Heading.of(theory), offered)
    except ValueError as error:
        raise NotLiveError(str(error)) from None
    names = ", ".join(each.name for each in offered)
    found = Live(f"{source}\nreturn {{ {names} }};", kind_of(theory), sliders)
    check_domain(theory, *map(np.asarray, found.start))
    _require_rising(theory, *found.start)
    return found


def kind_of(theory: Theory) -> Kind:
    """What a page has to know of a theory."""
    form, fixed = theory.surrogate.form, theory.surrogate.weights.mean_square
    follows = is_relative(theory.mean_field) and theory.maps.replica_map is not None
    gain = float(form.gain) if form.name == "paper" else None
    faint = tuple(min(each, 1e308) for each in faint_slopes(derived_traits(theory)))
    names = tuple(symbol.name for symbol in theory.surrogate.parameters)
    return Kind(theory.maps.takes_total, follows, faint, gain, names, None if fixed is None else float(fixed))  # type: ignore[arg-type]


def _sliders(theory: Theory, sigma_m2: float | None, sigma_b2: float | None) -> tuple[Slider, ...]:
    surrogate = theory.surrogate
    found: list[Slider] = []
    if surrogate.weights.mean_square is None:
        limit = surrogate.weights.mean_limit
        top = MOST_MEANS if limit is None else float(limit) ** 2
        start = WITHIN * top if sigma_m2 is None else sigma_m2
        found.append(Slider(MEANS, "variance of the weight means", start, 0.0, max(top, start),
                            None if limit is None else top))  # fmt: skip
    start = FEW_BIASES if sigma_b2 is None else sigma_b2
    found.append(Slider(BIASES, "variance of the biases", start, 0.0, max(MOST_BIASES, start)))
    if surrogate.form.name == "paper":
        gain = float(surrogate.form.gain)
        found.append(Slider(GAIN, "gain of the form", gain, 0.05, max(MOST_GAIN, gain)))
    for symbol in surrogate.parameters:
        start = float(at_some_value(symbol))
        low = 0.05 if symbol.is_positive else 0.0 if symbol.is_nonnegative else -MOST_PARAMETER
        found.append(Slider(symbol.name, "a parameter of the declaration", start, low, MOST_PARAMETER))
    return tuple(found)


def _require_rising(theory: Theory, sigma_m2: float, sigma_b2: float) -> None:
    """Refuse maps of q or T that fall somewhere: the solver of a page follows monotone orbits."""
    maps, given = compile_theory(theory), (sigma_m2, sigma_b2)
    open_values = [float(at_some_value(symbol)) for symbol in theory.surrogate.parameters]
    total = [1.0] if theory.maps.takes_total else []
    with np.errstate(all="ignore"):
        values = [maps.total_map(NODES, *given, *open_values), maps.variance_map(NODES, *given, *total, *open_values)]
    for name, each in zip(("T", "q"), values, strict=True):
        if np.any(np.diff(each) < -FALL * np.abs(each[1:])):
            raise NotLiveError(f"the map of {name} of {theory.surrogate.name} falls somewhere, and a page follows "
                               "monotone orbits only")  # fmt: skip
