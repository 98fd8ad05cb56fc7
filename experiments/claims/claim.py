"""What a claim is: a statement, the checks of it, and the verdict that their evidence gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp

from meanbits.experiments.claims.papers import paper_of

HOLDS, CORRECTED, FAILS = "holds", "holds with a correction", "fails"
AS_CLAIMED, TENTH_MORE = sp.S.One, sp.Rational(11, 10)


@dataclass(frozen=True)
class Evidence:
    """The outcome of one check: how it was made, what it compared, the numbers it found, and whether they agree."""

    by: str
    what: str
    numbers: Mapping[str, float | int | str]
    holds: bool

    @property
    def line(self) -> str:
        """All of it but the outcome, for people."""
        shown = (
            f"{name} {f'{value:.6g}' if isinstance(value, float) else value}" for name, value in self.numbers.items()
        )
        return f"{self.by}: {self.what}; {', '.join(shown)}"


@dataclass(frozen=True)
class Check:
    """A check, and the same one shown the contrary, where it has to come out the other way."""

    run: Callable[[], Evidence]
    contrary: Callable[[], Evidence]


@dataclass(frozen=True)
class Claim:
    """A statement with the checks of it as stated, and what is true instead with the checks of that.

    Raises:
        ValueError: if nothing checks the statement, or a correction lacks its words or its checks.
    """

    id: str
    source: str
    statement: str
    as_stated: tuple[Check, ...]
    corrected: str | None = None
    correction: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if not self.as_stated:
            raise ValueError(f"claim {self.id}: no check of the statement; give at least one")
        if (self.corrected is None) != (not self.correction):
            raise ValueError(f"claim {self.id}: a correction needs both its words and its checks")

    @property
    def paper(self) -> str:
        """The key of the paper whose statement it is, or that it goes on from: the one that its source begins with."""
        return paper_of(self.source)


@dataclass(frozen=True)
class Settled:
    """A claim and its evidence; the checks of the correction ran only where the statement failed."""

    claim: Claim
    as_stated: tuple[Evidence, ...]
    correction: tuple[Evidence, ...]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All of it, that of the statement first."""
        return self.as_stated + self.correction

    @property
    def verdict(self) -> str:
        """holds, holds with a correction, or fails."""
        if all(item.holds for item in self.as_stated):
            return HOLDS
        return CORRECTED if self.correction and all(item.holds for item in self.correction) else FAILS

    @property
    def settled_by(self) -> tuple[str, ...]:
        """How, each way once, in order."""
        return tuple(dict.fromkeys(item.by for item in self.evidence))


def settled(claim: Claim) -> Settled:
    """Run the checks of a claim."""
    as_stated = tuple(check.run() for check in claim.as_stated)
    stands = all(item.holds for item in as_stated)
    return Settled(claim, as_stated, () if stands else tuple(check.run() for check in claim.correction))


def formula(measure: Callable[[Any], Evidence]) -> Check:
    """A check of what is claimed times a factor; the contrary is a tenth more."""
    return Check(partial(measure, AS_CLAIMED), partial(measure, TENTH_MORE))


def either(measure: Callable[..., Evidence], shown: object, contrary: object) -> Check:
    """A check of one object, and of another where it comes out the other way."""
    return Check(partial(measure, shown), partial(measure, contrary))
