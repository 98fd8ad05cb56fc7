"""`meanbits report` and `mb.report`: one file, refused inputs, nothing written then."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import pytest

import meanbits as mb
from meanbits.cli import main
from meanbits.experiments.page.concerned import claims_about
from meanbits.theory.gaussian.closing import rules_used
from meanbits.theory.gaussian.node import GaussianNode
from meanbits.theory.gaussian.rules import delta, signs

SECTIONS = ("equations", "live", "pictures", "critical", "derivation", "cite")
NAMES = ("lrt", "shayer", "random-binary")
OUTSIDE = re.compile(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""")


@pytest.fixture
def unchecked(monkeypatch):
    """Pages without checks and claims, which take long and have tests of their own."""
    fake = SimpleNamespace(verify=lambda subjects: (), CheckResult=object)
    monkeypatch.setitem(sys.modules, "meanbits.experiments.verification.verify", fake)
    monkeypatch.setattr("meanbits.experiments.claims.catalogue.settle", lambda claims: ())


def test_a_report_is_one_file_with_everything(unchecked, tmp_path, capsys):
    path = tmp_path / "page.html"
    assert main(["report", "deterministic", "--gain", "1.5", "--sigma-m2", "0.7", "-o", str(path), "--json"]) == 0
    assert f'"file": "{path}"' in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 1_000_000
    assert not OUTSIDE.search(text)
    order = [
        text.index(f'<h2 id="{name}">') for name in ("equations", "live", "pictures", "critical", "derivation", "cite")
    ]
    assert order == sorted(order)
    theory = mb.derive("deterministic", gain=1.5)
    assert text.count("<li><h3>") == len(theory.trace)
    assert all(str(step.assumption) in text for step in theory.trace)
    assert text.count("<figure") == 5
    assert '"name": "sigma_m2", "title": "variance of the weight means", "value": 0.7' in text
    assert "Rule: tanh, its slope" in text
    assert "@misc{stamatescu-2020" in text
    assert "NaN" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def test_a_chain_has_its_derivation_and_pictures(unchecked, tmp_path):
    layer = mb.compose("xnor")
    text = mb.report(layer, tmp_path / "chain.html").read_text(encoding="utf-8")
    assert '<h2 id="live">' not in text
    assert text.count("<svg ") == 2
    theory = mb.derive(layer)
    assert text.count("<li><h3>") == len(theory.trace) + len(theory.forward)


def test_what_has_no_script_says_so_and_keeps_the_rest(unchecked, tmp_path):
    text = mb.report("lrt", tmp_path / "still.html", noise="laplace:0.7").read_text(encoding="utf-8")
    assert "Nothing moves on this page: javascript has no quadrature" in text
    assert '<h2 id="derivation">' in text


@pytest.mark.parametrize(
    ("words", "message"),
    [("deterministic -o page.txt", "the name must end in .html"),
     ("deterministic -o missing/page.html", "the folder missing does not exist"),
     ("deterministic -o mine.html", "it exists and is no page of meanbits"),
     ("deterministic --sigma-m2 2 -o page.html", "sigma_m2 must be in [0, 1]"),
     ("nothing -o page.html", "unknown surrogate 'nothing'"),
     ("deterministic", "Missing option '-o'")],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    assert main(["report", *words.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["mine.html"]
    assert (tmp_path / "mine.html").read_text() == "<p>mine</p>"


def test_claims_are_about_what_a_surrogate_is():
    about = {
        name: {claim.id for claim in claims_about(mb.compose(name))} for name in ("lrt", "shayer", "random-binary")
    }
    assert "crit.lrt-binary" in about["lrt"]
    assert "crit.lrt-continuous" in about["shayer"]
    assert "crit.lrt-binary" not in about["shayer"]
    assert "crit.random-binary" in about["random-binary"]
    assert "crit.smallest-gain" in {claim.id for claim in claims_about(mb.compose("deterministic", gain=2))}


def test_rules_are_those_that_close_a_step():
    steps = {step.name: step for step in mb.derive("deterministic").trace}
    assert rules_used(steps["overlap C'"].before) == (signs,)
    assert set(rules_used(steps["chi = dc'/dc"].before)) == {signs, delta}
    assert rules_used(steps["overlap C'"].after) == ()
    left_open = mb.derive("lrt", noise="laplace:0.7").correlation_map
    assert left_open.has(GaussianNode)
    assert rules_used(left_open) == ()
