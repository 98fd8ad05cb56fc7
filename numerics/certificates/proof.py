"""What a proof leaves: its steps, each the outcome of a check, and the certificate they add up to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flint import arb

from meanbits.numerics.certificates.balls import UnprovedError, outward

Box = dict[str, tuple[float, float]]
Enclosures = dict[str, arb]


@dataclass(frozen=True)
class ProofStep:
    """One step: what it claims, how that was checked, and whether the check succeeded."""

    name: str
    claim: str
    how: str
    holds: bool


@dataclass(frozen=True, repr=False)
class Certificate:
    """Whether a critical initialisation exists, and the proof.

    feasible: "attained"; "limit" (only as q -> 0, or as q -> infinity); "none"; "undecided", where that no critical
    initialisation exists was not proven and none was found. certified: every step holds; where it is False, the
    statement says so. box: enclosures, rounded
    outwards, of the q, sigma_m2 and sigma_b2 of a critical point; of T in place of an infinite q.
    """

    feasible: str
    certified: bool
    statement: str
    method: str
    steps: tuple[ProofStep, ...]
    box: Box | None

    def __repr__(self) -> str:
        how = f"{'proven' if self.certified else 'not proven'}: {self.method}, {len(self.steps)} steps"
        return f"{self.feasible}: {self.statement}\n{how}"


@dataclass(frozen=True)
class Verdict:
    """The end of a proof: the certificate without what the steps decide."""

    feasible: str
    statement: str
    method: str
    steps: tuple[ProofStep, ...] = ()
    box: Enclosures | None = None


def check(name: str, claim: str, how: str, test: Callable[[], bool]) -> ProofStep:
    """Run a check; one that cannot be settled counts as failed, with the reason."""
    try:
        return ProofStep(name, claim, how, bool(test()))
    except UnprovedError as error:
        return ProofStep(name, claim, f"{how}: not settled, {error}", False)


def conclude(steps: tuple[ProofStep, ...], verdict: Verdict) -> Certificate:
    """The certificate of a proof; its statement is no more than a suggestion if any step failed."""
    every = (*steps, *verdict.steps)
    failed = [step.name for step in every if not step.holds]
    certified = bool(every) and not failed
    statement = verdict.statement if certified else f"not proven (failed: {', '.join(failed)}): {verdict.statement}"
    box = None if verdict.box is None else {name: outward(value) for name, value in verdict.box.items()}
    feasible = verdict.feasible if certified or verdict.feasible == "attained" else "undecided"
    return Certificate(feasible, certified, statement, verdict.method, every, box)
