"""Claims are settled by their checks: each check can come out either way, and the verdict follows from the evidence."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.stats import norm

from meanbits.cli import main
from meanbits.experiments.claims import curve_claims, edge_claims
from meanbits.experiments.claims.catalogue import CLAIMS, LITERATURE_CLAIMS, chosen, settle
from meanbits.experiments.claims.claim import (
    CORRECTED,
    FAILS,
    HOLDS,
    Check,
    Claim,
    Evidence,
    Settled,
    either,
    formula,
    settled,
)
from meanbits.experiments.claims.evidence import PAPER, derived, theory_of
from meanbits.experiments.claims.papers import KEYS
from meanbits.theory.symbols import q

# What differs from "holds". The verdicts themselves come from the checks; this notices when one changes.
NOT_AS_STATED = {
    "eq.continuous-neurons": FAILS,
    "eq.paper-neuron": CORRECTED,
    "eq.lrt-field": CORRECTED,
    "eq.noise-rescaling": CORRECTED,
    "eq.variance-slope": CORRECTED,
    "eq.lrt-correlation": CORRECTED,
    "eq.lrt-equal-inputs-sharp": CORRECTED,
    "eq.lrt-slope": CORRECTED,
    "crit.deterministic": CORRECTED,
    "crit.lrt-continuous": CORRECTED,
    "crit.exceptions": CORRECTED,
    "crit.near-corner": CORRECTED,
    "block.depth": CORRECTED,
    "train.depth": CORRECTED,
    "train.sign": CORRECTED,
    "train.samples": CORRECTED,
    "train.optimisers": CORRECTED,
    "blumenfeld.depth": CORRECTED,
    "blumenfeld.fit": CORRECTED,
    "poole.rapid": CORRECTED,
    "schoenholz.trains": CORRECTED,
    "sari.fails": CORRECTED,
}
SLOW = {"eq.lrt-binary", "eq.lrt-continuous", "eq.random-binary", "eq.replica", "crit.lrt-binary", "crit.random-binary",
        "eq.continuous-neurons", "eq.convex", "crit.curve-feasible", "crit.lrt-erf", "eq.paper-neuron",
        "crit.near-corner", "crit.stochastic-binary", "crit.depth-bound", "crit.convexity",
        "crit.smallest-gain", "block.batch-norm", "block.batch-norm-explodes", "slope.mismatch", "slope.own",
        "block.depth", "train.depth", "train.sampled", "train.sign", "train.samples", "train.optimisers",
        "blumenfeld.best-step", "blumenfeld.depth", "blumenfeld.backward",
        "yang.relu", "yang.neurons", "poole.length", "poole.correlation", "poole.stretch",
        "schoenholz.gradients", "schoenholz.edge", "schoenholz.dropout", "schoenholz.trains", "schoenholz.phases",
        "hayou.relu-rate", "hayou.smooth-rate", "hayou.residual", "residual.plain", "residual.tanh-length",
        "residual.relu-growth", "residual.relu-correlation", "residual.depth", "pennington.moments",
        "pennington.sigmoid", "pennington.relu", "pennington.universal", "xiao.modes", "xiao.lost", "sari.explodes",
        "sari.fails"}  # fmt: skip
SHEET = Path(__file__).parents[1] / "docs" / "theory.md"
ALL = (*CLAIMS, *LITERATURE_CLAIMS)
EVERY = [pytest.param(claim, id=claim.id, marks=[pytest.mark.slow] * (claim.id in SLOW)) for claim in ALL]


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


def numbers_of(claim_id: str) -> list[dict[str, float | int | str]]:
    """The numbers of the evidence of a claim as stated, and of its correction."""
    (claim,) = chosen([claim_id])
    return [item.numbers for item in settled(claim).evidence]


def test_equation_17_as_printed_is_off_by_the_square_of_one_plus_q() -> None:
    """Against the slope of the variance map by adaptive quadrature and a difference of five points."""
    _, as_printed, _, corrected = numbers_of("eq.variance-slope")

    def after(q: float) -> float:
        square = integrate.quad(lambda z: np.tanh(np.sqrt(q) * z) ** 2 * norm.pdf(z), -12, 12, epsabs=1e-14)[0]
        return (0.8 * square + 0.1) / (1 - 0.8 * square)

    q = optimize.brentq(lambda q: after(q) - q, 0.01, 10, xtol=1e-13)
    slope = sum(weight * after(q + k * 1e-2) for k, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1))) / 0.12
    assert slope == pytest.approx(0.553049, abs=5e-7)
    assert corrected["found"] == pytest.approx(slope, rel=1e-6)
    assert corrected["claimed"] == pytest.approx(slope, rel=1e-6)
    assert as_printed["claimed"] == pytest.approx(slope / (1 + q) ** 2, rel=1e-6)
    assert as_printed["claimed"] == pytest.approx(0.320403, abs=5e-7)


def test_bounded_neurons_reach_a_slope_of_one_where_inputs_part() -> None:
    _, found, digits, point, _ = numbers_of("eq.lrt-slope")
    means = np.pi * 0.01 * np.sqrt(201) / 2  # 1/E phi'^2 of phi = erf(h/(0.1 sqrt 2)) at variance 1
    for value in (found["sigma_m2 where chi_1 = 1"], digits["found"], point["sigma_m2"]):
        assert value == pytest.approx(means, rel=1e-12)
    assert point["chi_1"] == pytest.approx(1, rel=1e-12)
    assert (point["c*"], point["chi(c*)"]) == (0, pytest.approx(means * 2 / np.pi / 1.01, rel=1e-12))


def test_sharp_neurons_keep_equal_inputs_equal_at_full_means_alone() -> None:
    (as_stated, _) = numbers_of("eq.lrt-equal-inputs-sharp")
    assert as_stated["at (0.5, 0.1)"] == pytest.approx(0.6 / 1.1, rel=1e-15)


@pytest.mark.parametrize(
    ("module", "claim_id"), [(edge_claims, "eq.critical-curve"), (curve_claims, "crit.curve-start")]
)
def test_claims_about_a_curve_fail_where_none_is_derived(
    module: ModuleType, claim_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = theory_of({"name": "lrt"})
    assert without.critical_curve is None
    (claim,) = chosen([claim_id])
    monkeypatch.setattr(module, "in_paper_form", lambda: without)
    outcome = settled(claim)
    assert outcome.verdict == FAILS
    assert not outcome.evidence[0].holds


def test_no_equation_is_no_evidence() -> None:
    assert not derived("nothing", []).holds
    assert derived("something", [(q, q)]).holds


def test_theory_sheet_says_what_the_claims_say() -> None:
    table = SHEET.read_text("utf-8").partition("### The paper, equation by equation")[2].partition("## 5.")[0]
    rows = re.findall(r"^\|[^|]*\|[^|]*\| ([a-z ]+) \|[^|]*\| (?:`([a-z0-9.-]+)` )?\|$", table, re.M)
    assert len(rows) == table.count("\n|") - 2  # all but the header and the rule below it
    settled_rows = {claim_id: verdict for verdict, claim_id in rows if claim_id}
    assert settled_rows == {claim_id: NOT_AS_STATED.get(claim_id, HOLDS) for claim_id in settled_rows}
    assert {claim.id for claim in CLAIMS if claim.source.startswith(f"{PAPER}, ")} <= set(settled_rows)
    assert set(settled_rows) <= {claim.id for claim in CLAIMS}
    assert {verdict for verdict, claim_id in rows if not claim_id} == {"not settled"}


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
    assert len({claim.id for claim in ALL}) == len(ALL)
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


def test_claims_are_chosen_by_paper() -> None:
    """Every claim has one paper; without one asked for, those settled are the first paper's and the theory's."""
    by_paper = {key: chosen(paper=key) for key in KEYS}
    assert sorted(claim.id for claims in by_paper.values() for claim in claims) == sorted(claim.id for claim in ALL)
    assert {claim.paper for claim in CLAIMS} == {"stamatescu-2020", "theory"}
    for key, claims in by_paper.items():
        assert claims, key
    assert by_paper["blumenfeld-2019"] == tuple(c for c in LITERATURE_CLAIMS if c.id.startswith("blumenfeld."))
    assert chosen(["blumenfeld.depth"], "blumenfeld-2019") == chosen(["blumenfeld.depth"])
    with pytest.raises(ValueError, match=r"--paper blumenfeld: unknown paper; did you mean blumenfeld-2019\?"):
        chosen(paper="blumenfeld")
    with pytest.raises(ValueError, match=r"claim eq.chi is of stamatescu-2020, not of --paper blumenfeld-2019; leave"):
        chosen(["eq.chi"], "blumenfeld-2019")


def test_command_prints_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "eq.chi", "crit.deterministic", "--json"]) == 0
    captured = capsys.readouterr()
    first, second = json.loads(captured.out)["claims"]
    assert captured.err == ""
    assert set(first) == {"id", "paper", "statement", "source", "verdict", "settled_by", "evidence", "correction"}
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
    assert main(["claims", "--paper", "yang-2091"]) == 2
    assert "--paper yang-2091: unknown paper; did you mean yang-2019?" in capsys.readouterr().err
