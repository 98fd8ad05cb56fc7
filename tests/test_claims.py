"""Claims are settled by their checks: each check can come out either way, and the verdict follows from the evidence."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from experiments.claims.catalogue import CLAIMS, chosen, settle
from experiments.claims.claim import CORRECTED, FAILS, HOLDS, Check, Claim, Evidence, Settled, either, formula, settled
from meanbits.cli import main

# What differs from "holds". The verdicts themselves come from the checks; this notices when one changes.
NOT_AS_STATED = {
    "eq.continuous-neurons": FAILS,
    "crit.deterministic": CORRECTED,
    "crit.lrt-continuous": CORRECTED,
    "crit.exceptions": CORRECTED,
    "crit.means": CORRECTED,
}
SLOW = {"eq.lrt-binary", "eq.lrt-continuous", "eq.random-binary", "eq.replica", "crit.lrt-binary", "crit.random-binary",
        "eq.continuous-neurons", "eq.convex", "crit.curve-feasible", "crit.lrt-continuous",
        "crit.stochastic-binary", "crit.depth-bound", "crit.convexity", "crit.smallest-gain"}  # fmt: skip
EVERY = [pytest.param(claim, id=claim.id, marks=[pytest.mark.slow] * (claim.id in SLOW)) for claim in CLAIMS]


def fake(holds: bool, by: str = "derivation") -> Check:
    """A check that comes out as told, and its contrary the other way."""

    def measure(outcome: bool) -> Evidence:
        return Evidence(by, "as told", {"number": 1.5}, outcome)

    return either(measure, holds, not holds)


def made(*as_stated: Check, correction: tuple[Check, ...] = ()) -> Claim:
    return Claim("made", "here", "So it is.", as_stated, "Not quite." if correction else None, correction)


@pytest.mark.parametrize("claim", EVERY)
def test_claims_are_settled_by_checks_that_can_come_out_either_way(claim: Claim) -> None:
    outcome = settled(claim)
    assert outcome.verdict == NOT_AS_STATED.get(claim.id, HOLDS)
    assert len(outcome.as_stated) == len(claim.as_stated) > 0
    assert (outcome.verdict == HOLDS) == all(item.holds for item in outcome.as_stated)
    for item in outcome.evidence:
        assert item.by
        assert item.numbers
        assert not any(isinstance(value, float) and math.isnan(value) for value in item.numbers.values())
        assert isinstance(item.holds, bool)
        json.dumps(item.numbers)
    checks = (*claim.as_stated, *(claim.correction if outcome.correction else ()))
    for check, item in zip(checks, outcome.evidence, strict=True):
        assert check.contrary().holds != item.holds, item.what


def test_spoiled_claims_lose_their_verdict() -> None:
    for claim in chosen(["eq.chi", "eq.variance-map", "crit.sign-infeasible", "crit.curve-end"]):
        spoiled = tuple(Check(check.contrary, check.run) for check in claim.as_stated)
        assert settled(replace(claim, as_stated=spoiled)).verdict == FAILS
    (corrected,) = chosen(["crit.deterministic"])
    spoiled = (*corrected.correction[1:], Check(corrected.correction[0].contrary, corrected.correction[0].run))
    assert settled(replace(corrected, correction=spoiled)).verdict == FAILS


def test_the_verdict_follows_from_the_evidence() -> None:
    assert settled(made(fake(True), fake(True))).verdict == HOLDS
    assert settled(made(fake(True), fake(False))).verdict == FAILS
    assert settled(made(fake(False), correction=(fake(True), fake(False)))).verdict == FAILS
    found = settled(made(fake(False, "simulation"), correction=(fake(True), fake(True, "simulation"))))
    assert found.verdict == CORRECTED
    assert found.settled_by == ("simulation", "derivation")
    assert [item.holds for item in found.evidence] == [False, True, True]
    assert settled(made(fake(True), correction=(fake(True),))).correction == ()


def test_claims_are_well_formed() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    with pytest.raises(ValueError, match="no check"):
        made()
    with pytest.raises(ValueError, match="both its words and its checks"):
        Claim("made", "here", "So it is.", (fake(True),), "Not quite.")


def test_a_formula_is_shown_a_tenth_more() -> None:
    check = formula(lambda factor: Evidence("derivation", "a number", {"factor": str(factor)}, factor == 1))
    assert (check.run().holds, check.contrary().holds) == (True, False)
    assert check.contrary().numbers == {"factor": "11/10"}


def test_outcomes_come_one_by_one() -> None:
    seen: list[Settled] = []
    outcomes = settle((made(fake(True)), made(fake(False))), seen.append)
    assert tuple(seen) == outcomes


def test_claims_are_chosen_by_id() -> None:
    assert chosen([]) == CLAIMS
    assert [claim.id for claim in chosen(["eq.chi", "eq.fields"])] == ["eq.chi", "eq.fields"]
    with pytest.raises(ValueError, match=r"unknown claim 'crit.determinstic'; did you mean crit\.deterministic\?"):
        chosen(["crit.determinstic"])


def test_command_prints_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "eq.chi", "crit.deterministic", "--json"]) == 0
    captured = capsys.readouterr()
    first, second = json.loads(captured.out)["claims"]
    assert captured.err == ""
    assert set(first) == {"id", "statement", "source", "verdict", "settled_by", "evidence", "correction"}
    assert (first["id"], first["verdict"], first["correction"]) == ("eq.chi", HOLDS, None)
    assert (second["verdict"], second["settled_by"]) == (CORRECTED, ["certificate"])
    assert second["correction"].startswith("The exactly marginalised sign neuron has none.")
    assert [item["of"] for item in second["evidence"]] == ["statement"] + ["correction"] * 4
    assert set(second["evidence"][0]) == {"of", "by", "what", "numbers", "holds"}


def test_command_prints_the_evidence_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "crit.deterministic", "eq.chi"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("crit.deterministic: holds with a correction\n  The deterministic surrogate")
    assert "\n    - certificate: " in out
    assert "\n  Correction: " in out
    assert "\n\neq.chi: holds\n" in out
    assert out.endswith("2 claims; holds: 1, holds with a correction: 1, fails: 0\n")
    assert max(map(len, out.splitlines())) <= 100


def test_command_refuses_an_unknown_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "eq.chy"]) == 2
    assert "unknown claim 'eq.chy'; did you mean eq.chi?" in capsys.readouterr().err
