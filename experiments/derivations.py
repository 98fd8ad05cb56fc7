"""A derivation in writing: what commands print of one, and those of the catalogue, which lie ready."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_suffix(".json")  # by `python -m meanbits.experiments.written`
FORWARD = ("field_mean", "field_variance", "field", "mean", "second_moment")
JACOBIAN = {"jacobian": "leading", "jacobian_sigma_derivative": "sigma_derivative"}
CONDITIONS = ("fixed_point", "marginal", "alignment")
CURVE = {"critical_sigma_m2": "sigma_m2", "critical_sigma_b2": "sigma_b2", "curve_constraint": "constraint"}
MAPS = ("variance_map", "covariance_map", "correlation_map", "chi", "total_map", "replica_map")
BACKWARD = ("gradient_growth", "gradient_overlap")
SECTIONS = (
    ("Forward equations", FORWARD),
    ("Maps of a layer", MAPS),
    ("Jacobian", tuple(JACOBIAN)),
    ("Gradients", BACKWARD),
    ("Critical conditions", (*CONDITIONS, *CURVE, "critical_conditions", "critical_curve")),
)


@dataclass(frozen=True)
class Side:
    """An expression: in SymPy's notation, None where it is undefined, as people read it, and in LaTeX."""

    plain: str | None
    readable: str
    latex: str


@dataclass(frozen=True)
class WrittenEquation:
    """left = right, by name, with a title."""

    name: str
    title: str
    left: str
    left_latex: str
    right: Side


@dataclass(frozen=True)
class WrittenStep:
    """A step of a derivation, what it assumes, and what it makes of what."""

    name: str
    assumption: str
    before: Side
    after: Side


@dataclass(frozen=True)
class Derivation:
    """The derivation of a surrogate of these parts.

    sampled: whether its field is drawn. gradient_through_sigma: None where there is no Jacobian. notes: what it has
    not, and why. legend: the symbols of the equations; full_legend: those of the steps too.
    """

    parts: dict[str, str]
    sampled: bool
    gradient_through_sigma: bool | None
    equations: tuple[WrittenEquation, ...]
    steps: tuple[WrittenStep, ...]
    notes: dict[str, str]
    notices: tuple[str, ...]
    legend: dict[str, str]
    full_legend: dict[str, str]


def derivation_of_row(name: str) -> Derivation:
    """That of a row of the catalogue, as it was written."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))[name]
    equations = tuple(WrittenEquation(right=Side(**each.pop("right")), **each) for each in found.pop("equations"))
    steps = tuple(WrittenStep(before=Side(**each.pop("before")), after=Side(**each.pop("after")), **each)
                  for each in found.pop("steps"))  # fmt: skip
    return Derivation(equations=equations, steps=steps, notices=tuple(found.pop("notices")), **found)
