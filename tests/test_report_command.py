"""`meanbits report` and `mb.report`: one file, refused inputs, nothing written then."""

from __future__ import annotations

import html
import re

import pytest

import meanbits as mb
from meanbits.cli import main
from meanbits.experiments.page.concerned import claims_about
from meanbits.reporting import _checked
from meanbits.theory.gaussian.closing import rules_used
from meanbits.theory.gaussian.node import GaussianNode
from meanbits.theory.gaussian.rules import delta, signs

SECTIONS = ("equations", "live", "pictures", "critical", "derivation", "cite")
NAMES = ("lrt", "shayer", "random-binary")
OUTSIDE = re.compile(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""")


@pytest.fixture
def unchecked(monkeypatch):
    """Pages without checks and claims, which take long and have tests of their own."""
    monkeypatch.setattr("meanbits.reporting._checked", lambda subject: ((), ()))


def test_a_report_is_one_file_with_everything(unchecked, tmp_path, capsys):
    path = tmp_path / "page.html"
    assert main(["report", "deterministic", "--gain", "1.5", "--sigma-m2", "0.7", "-o", str(path), "--json"]) == 0
    assert f'"file": "{path}"' in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 1_000_000
    assert not OUTSIDE.search(text)
    order = [text.index(f'<h2 id="{name}">') for name in ("glance", *SECTIONS)]
    assert order == sorted(order)
    theory = mb.derive("deterministic", gain=1.5)
    assert text.count("<li><h3>") == len(theory.trace)
    assert all(str(step.assumption) in text for step in theory.trace)
    assert text.count("<figure") == 5
    assert '"name": "sigma_m2", "title": "variance of the weight means", "value": 0.7' in text
    assert "Rule: tanh, its slope" in text
    assert "@misc{stamatescu-2020" in text
    assert "NaN" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def test_a_page_says_first_what_a_surrogate_is_and_how_to_use_it(unchecked, tmp_path):
    path = tmp_path / "page.html"
    assert main(["report", "deterministic", "--gain", "1.5", "--sigma-m2", "0.7", "-o", str(path)]) == 0
    glance = path.read_text(encoding="utf-8").partition('<h2 id="glance">')[2].partition("</section>")[0]
    code = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", glance, re.DOTALL)[1])
    scope = {}
    exec(code, scope)
    assert scope["subject"] == mb.compose("deterministic", gain=1.5)
    scale = float(mb.fixed_point(scope["subject"], 0.7, 0.01).xi_c)
    assert scope["found"].xi_c == scale
    assert f"About {float(f'{6 * scale:.2g}'):,g} layers" in glance
    assert "(proven): " in glance


@pytest.mark.parametrize("name", ["xnor", "quantised-k"])
def test_a_chain_moves_and_has_its_derivation_pictures_and_gradients(unchecked, tmp_path, name):
    layer = mb.compose(name)
    text = mb.report(name, tmp_path / "chain.html").read_text(encoding="utf-8")
    assert '<h2 id="live">' in text
    assert 'id="gradient-chart"' in text
    assert text.count("<svg ") == 2
    assert f"mb.compose(&#39;{name}&#39;)" in text
    theory = mb.derive(layer)
    assert text.count("<li><h3>") == len(theory.trace) + len(theory.forward)


def test_what_cannot_move_says_so_and_keeps_the_rest(unchecked, tmp_path):
    text = mb.report("baldassi", tmp_path / "still.html").read_text(encoding="utf-8")
    assert "Nothing moves on this page: " in text
    assert '<h2 id="derivation">' in text


def test_a_declaration_of_ones_own_has_a_page(unchecked, tmp_path):
    (tmp_path / "mine.py").write_text("import meanbits as mb\nown = mb.compose('lrt', noise='gaussian:0.7')\n")
    path = tmp_path / "page.html"
    assert main(["report", f"{tmp_path / 'mine.py'}:own", "-o", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert '<h2 id="live">' in text
    assert "the declaration that this page is about" in text


def test_checks_and_claims_are_those_of_the_subject(monkeypatch):
    """The work that a page shares out, without doing it."""
    work = []
    monkeypatch.setattr("meanbits.experiments.side_by_side.side_by_side", lambda _, items: work.extend(items) or ())
    assert _checked(mb.compose("lrt")) == ((), ())
    assert work[0].args == (mb.compose("lrt"),)
    assert [claim for each in work[1:] for claim in each.args[0]] == list(claims_about(mb.compose("lrt")))


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
    chains = {name: {claim.id for claim in claims_about(mb.compose(name))} for name in ("xnor", "quantised-k")}
    assert "yang.straight-through" in chains["xnor"]
    assert "yang.relu" not in chains["xnor"]
    assert all(name.startswith("blumenfeld.") for name in chains["quantised-k"])
    assert "crit.smallest-gain" in {claim.id for claim in claims_about(mb.compose("deterministic", gain=2))}


def test_rules_are_those_that_close_a_step():
    steps = {step.name: step for step in mb.derive("deterministic").trace}
    assert rules_used(steps["overlap C'"].before) == (signs,)
    assert set(rules_used(steps["chi = dc'/dc"].before)) == {signs, delta}
    assert rules_used(steps["overlap C'"].after) == ()
    left_open = mb.derive("lrt", noise="laplace:0.7").correlation_map
    assert left_open.has(GaussianNode)
    assert rules_used(left_open) == ()
