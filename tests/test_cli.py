"""The command line and the public names: what they print, and how they refuse bad input."""

import json
import math
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import xarray as xr

import meanbits
from meanbits.cli import EXIT_BAD_INPUT, cli, main
from meanbits.experiments.claims.catalogue import chosen, settle
from meanbits.experiments.data import IDX_FILES
from meanbits.experiments.report import Figure
from meanbits.figures import Settings, Tick
from meanbits.numerics import datasets
from meanbits.present import wrapped
from meanbits.theory.declarations.rows import CHAINS
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate

ROOT = Path(__file__).parents[1]
NAMES = [surrogate.name for surrogate in CATALOGUE]
COMMANDS = list(cli.commands)
POINT = "--sigma-b2 0.1 --q 1 --c 0.5"

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command line in an empty folder; `written` are the files it leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEANBITS_DATA", raising=False)

    def run_line(line: str) -> SimpleNamespace:
        before = set(tmp_path.rglob("*"))
        code = main(shlex.split(line))
        captured = capsys.readouterr()
        written = set(tmp_path.rglob("*")) - before
        return SimpleNamespace(code=code, out=captured.out, err=captured.err, written=written)

    return run_line


def parsed(text: str) -> dict:
    """The one JSON document of an output, which may not hold NaN or bare infinities."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def interpreter(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


BAD = {
    f"map --sigma-m2 1.5 {POINT}": r"--sigma-m2 1.5: it must be in \[0, 1\]",
    f"map --sigma-m2 -0.1 {POINT}": r"'--sigma-m2': -0.1 is out of range; it must be >= 0",
    f"map --weights ternary:0.5 --sigma-m2 0.3 {POINT}": r"--sigma-m2 0.3: it must be in \[0, 0.25\]",
    f"map random-binary --sigma-m2 0.5 {POINT}": r"--sigma-m2 0.5: .* E M\^2 = 1; leave",
    f"map {POINT}": r"--sigma-m2 is missing; give .* in \[0, 1\]",
    "map --sigma-m2 0.5 --sigma-b2 -1 --q 1 --c 0": r"'--sigma-b2': -1 is out of range",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q -1 --c 0": r"'--q': -1 is out of range",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q nan --c 0": r"'--q': nan is not a finite number; write",
    "map --sigma-m2 inf --sigma-b2 0.1 --q 1 --c 0": r"'--sigma-m2': inf is not a finite number; write",
    "map --sigma-m2 half --sigma-b2 0.1 --q 1 --c 0": r"'--sigma-m2': half is not a finite number; write",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --c 1.01": r"'--c': 1.01 is out of range; it must be in \[-1, 1\]",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --c -2": r"'--c': -2 is out of range",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --gap 2.1": r"'--gap': 2.1 is out of range; it must be in \[0, 2\]",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q 1": r"--c and --gap are both missing; give one",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --c 0 --gap 1.5": r"--gap 1.5 disagrees with --c 0, whose gap is 1;",
    "map --sigma-m2 0.5 --sigma-b2 0.1 --c 0": r"[Mm]issing option '--q'; see meanbits map --help",
    f"map --sigma-m2 0.5 --total 2 {POINT}": r"--total 2: .* do not depend on T; leave",
    f"map --neurons relu --sigma-m2 0.5 --total 0 {POINT}": r"--total 0: it must be positive",
    "map --neurons relu --sigma-m2 0.5 --sigma-b2 0 --q 1 --c 0": r"--total is missing, .* no stable positive",
    "map --sigma-m2": r"'--sigma-m2' requires an argument",
    "derive determinstic": r"unknown surrogate 'determinstic'; did you mean deterministic\?",
    "derive zzz": r"unknown surrogate 'zzz'; known: continuous, ",
    "derive --weights binry": r"unknown weights 'binry'; did you mean binary\?",
    "derive --weights ternary:2": r"--weights ternary:2: .* must lie in \(0, 1\]",
    "derive --neurons sgn": r"unknown neurons 'sgn'; did you mean sign\?",
    "derive --noise gausian:1": r"unknown noise 'gausian'; did you mean gaussian\?",
    "derive --noise gaussian:-1": r"--noise gaussian:-1: .* must be positive",
    "derive --noise gaussian:much": r"--noise gaussian:A, A = 'much' is not a number",
    "derive --neurons relu --noise gaussian": r"--noise gaussian needs stochastic neurons, not relu",
    "derive --treatment marginalize": r"unknown treatment 'marginalize'; did you mean marginalise\?",
    "verify --weights signs baldassi": r"nothing to integrate; use treatment none",
    "derive --weights signs baldassi --neurons stochastic": r"nothing to integrate; use treatment sample",
    "derive continuous --treatment marginalise": r"nothing random to treat .*; use treatment none",
    "derive lrt --form paper": r"and sample integrates none; use",
    "derive --treatment none": r"treatment none needs a network without randomness .*; use",
    "derive --neurons tanh --form matched": r"form matched gives the mean of a binary neuron",
    "derive --form exact --gain 2": r"--form exact takes no --phi or --gain; use --form paper",
    "derive --gain nan": r"--gain = 'nan' is not a number",
    "derive --gain -1": r"--gain -1: it must be positive",
    "derive --phi 'h'": r"--phi h: .* leaves \[-1, 1\]",
    "derive --noise 'cdf:(1-tanh(h))/2'": r"must not decrease",
    "derive --noise 'cdf:(2+tanh(h-1))/4'": r"tends to 0.25, not to 0",
    "derive --noise 'cdf:h.real'": r"'h.real' is not allowed in a formula; use h, numbers",
    "derive --noise 'cdf:open(1)'": r"unknown name 'open' in a formula",
    "derive --noise 'cdf:__import__(1)'": r"unknown name '__import__' in a formula",
    "derive --noise 'cdf:tanh('": r"'tanh\(' is not a formula; write",
    "derive --format html": r"'--format': 'html' is not one of",
    "derive --format latex --json": r"--format latex and --json exclude each other",
    "derive --stps": r"unknown option '--stps'; did you mean --steps\?",
    "derive lrt soudry": r"unexpected extra argument \(soudry\); see meanbits derive --help",
    f"map --phi 0*h --sigma-m2 0.5 {POINT}": r"--phi 0\*h: 0 does not depend on h",
    "emit --backend fortran": r"--backend fortran: unknown backend 'fortran'; known: numpy, torch, c, jax",
    "emit --backend tourch": r"--backend tourch: unknown backend 'tourch'; did you mean torch\?",
    "emit -o missing/maps.py": r"--output missing/maps.py: the folder missing does not exist; create it",
    "emit -o .": r"--output \.: \. is not a file; name a file",
    "verify nope": r"unknown surrogate 'nope'",
    "verify --all lrt": r"--all and a surrogate exclude each other",
    "figure phse": r"unknown figure 'phse'; did you mean phase\?",
    "figure 7": r"unknown figure '7'; known: 1, 1-lrt, ",
    "figure 5 lrt soudry": r"2 surrogates; a figure shows one",
    "figure 5 --dataset digits": r"--dataset digits: figure 5 shows no images; leave it out",
    "figure 5 baldassi": r"figure 5: baldassi is a single layer on real inputs",
    "figure phase lrt": r"figure phase: lrt: form exact has no gain; use --form paper",
    "figure gain lrt": r"figure gain: lrt: form exact has no gain; use --form paper",
    "figure 4 lrt": r"figure 4: lrt: critical curves are those of marginalised binary neurons; use --treatment",
    "figure": r"[Mm]issing argument 'ID'; see meanbits figure --help",
    "figure 1 --preset huge": r"'--preset': 'huge' is not one of 'smoke', 'quick', 'paper'",
    "figure 1 --seed -1": r"'--seed': -1 is not in the range",
    "figure 1 --dataset ~nosuchuser/x": "--dataset ~nosuchuser/x: unknown data set",
    "train --dataset mnist --data-dir ~nosuchuser --sigma-m2 0.5 --sigma-b2 0.1": "not found in ~nosuchuser",
    "figure 1 --dataset mnst": r"--dataset mnst: unknown data set 'mnst': did you mean 'mnist'",
    "figure 1 --dataset mnist": r"--dataset mnist: .* not found in",
    "figure 1 --data-dir nowhere": r"--dataset mnist: .* not found in nowhere, .* --data-dir",
    "figure 1 --dataset digits --data-dir nowhere": r"--data-dir nowhere: digits come with scikit-learn",
    "paper --data-dir nowhere": r"--dataset mnist: .* not found in nowhere",
    "paper deterministic": r"unexpected extra argument",
    "derve": r"unknown command 'derve'; did you mean derive\?",
    "xyzzy": r"unknown command 'xyzzy'; known: catalogue, ",
    "--verzion": r"unknown option '--verzion'; did you mean --version\?",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_refused_in_one_line(run: Run, line: str) -> None:
    result = run(line)
    assert (result.code, result.out, result.written) == (2, "", set())
    assert result.err.count("\n") == 1
    assert re.search(BAD[line], result.err)
    command = line.split()[0]
    assert result.err.startswith(f"meanbits {command}: " if command in COMMANDS else "meanbits: ")


def test_a_formula_is_never_evaluated(run: Run) -> None:
    attacks = ("__import__('os').mkdir('pwned')", "().__class__", "[h for h in (1,)]", "(lambda: h)()", "h if h else h")
    for attack in attacks:
        for option in ("--phi", "--noise cdf:"):
            joined = f"derive {option}{'' if option.endswith(':') else ' '}{shlex.quote(attack)}"
            result = run(joined)
            assert (result.code, result.out, result.written) == (2, "", set())


@pytest.mark.parametrize("content", [b"", b"not gzip", None])
def test_damaged_data_is_refused_before_work(run: Run, tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name in IDX_FILES.values():
        path = folder / name
        path.write_bytes(content) if content is not None else path.mkdir()
    result = run(f"figure 1 --data-dir {tmp_path}")
    assert (result.code, result.out, result.written) == (2, "", set())
    assert result.err.startswith("meanbits figure: --dataset mnist: ")
    assert result.err.count("\n") == 1


def test_a_file_in_place_of_the_output_folder_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "output").write_text("mine")
    for line in ("figure 1", "paper", "figure 1 -o output/deeper"):
        result = run(line)
        assert (result.code, result.out, result.written) == (2, "", set())
        assert re.search(r"--output output\S*: \S*output is not a folder; name another", result.err)
    assert (tmp_path / "output").read_text() == "mine"


def test_catalogue_lists_every_surrogate(run: Run) -> None:
    rows = parsed(run("catalogue --json").out)["surrogates"]
    assert [row["name"] for row in rows] == NAMES
    assert set(rows[0]) == {"name", "weights", "neurons", "treatment", "form", "reference"}
    assert all(name in run("catalogue").out for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_derive_as_json(run: Run, name: str) -> None:
    result = run(f"derive {name} --steps --json")
    document = parsed(result.out)
    assert result.code == 0
    assert document["surrogate"]["name"] == name
    for key in ("variance_map", "covariance_map", "correlation_map", "chi", "total_map"):
        assert isinstance(document[key], str)
        assert document["latex"][key]
    assert [step["number"] for step in document["steps"]] == list(range(1, len(document["steps"]) + 1))
    assert set(document["steps"][0]) == {"number", "name", "assumption", "before", "after", "latex"}
    assert (document["jacobian"] is None) == document["notes"].get("jacobian", "").startswith("no Jacobian: ")
    assert result.err.splitlines() == document["notices"]


@pytest.mark.parametrize("name", NAMES)
def test_derive_as_text_fits_the_page(run: Run, name: str) -> None:
    lines = run(f"derive {name} --steps").out.splitlines()
    assert lines[0].startswith(name)
    assert max(map(len, lines)) <= 100


def test_derived_expressions_can_be_read_back(run: Run) -> None:
    import sympy as sp

    theory = meanbits.derive("deterministic")
    known = {symbol.name: symbol for symbol in theory.chi.free_symbols}
    document = parsed(run("derive deterministic --json").out)
    assert sp.sympify(document["chi"], locals=known) == theory.chi


def test_an_infinite_slope_is_a_string(run: Run) -> None:
    assert parsed(run("derive random-binary --json").out)["critical_conditions"]["marginal"] == "inf"


def test_soudry_says_that_training_leaves_a_term_out(run: Run) -> None:
    assert parsed(run("derive soudry --json").out)["jacobian"]["gradient_through_sigma"] is False
    assert "training leaves the derivative of Sigma out" in run("derive soudry").out


def test_quadrature_is_announced(run: Run) -> None:
    assert "evaluated by quadrature" in run("derive lrt --noise cauchy --json").err
    assert "evaluated by quadrature" in run("derive lrt --noise cauchy").out
    assert run("derive deterministic --json").err == ""


@pytest.mark.parametrize("name", NAMES)
def test_latex_is_balanced(run: Run, name: str) -> None:
    text = run(f"derive {name} --steps --format latex").out
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right")
    for environment in ("align*", "enumerate", "matrix"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}")
    assert not re.search(r"\^\{?[^{}\s\\]+\}?\^", plain), "a double superscript"


@pytest.mark.parametrize("name", NAMES)
def test_map_as_json(run: Run, name: str) -> None:
    means = "" if name == "random-binary" else "--sigma-m2 0.5"
    result = run(f"map {name} {means} --sigma-b2 0.1 --q 1.1 --c 0.5 --json")
    document = parsed(result.out)
    assert result.code == 0
    assert all(isinstance(document[key], float) for key in ("q_out", "c_out", "gap_out", "chi"))
    assert document["gap_out"] == pytest.approx(1 - document["c_out"], rel=1e-12)


def test_map_agrees_with_the_emitted_code(run: Run) -> None:
    maps = meanbits.compile(meanbits.derive("deterministic"))
    document = parsed(run("map deterministic --sigma-m2 0.5 --sigma-b2 0.1 --q 1.5 --c 0.3 --json").out)
    assert document["q_out"] == pytest.approx(float(maps.variance_map(1.5, 0.5, 0.1)), rel=1e-14)
    assert document["c_out"] == pytest.approx(float(maps.correlation_map(0.3, 1.5, 0.5, 0.1)), rel=1e-14)
    assert document["chi"] == pytest.approx(float(maps.chi(0.3, 1.5, 0.5, 0.1)), rel=1e-14)


@pytest.mark.parametrize("gap", [1e-3, 1e-12, 1e-20, 1e-200])
def test_a_tiny_gap_keeps_its_digits(run: Run, gap: float) -> None:
    """1 - asin(1 - g) / asin(1) = (2/pi) acos(1 - g), here by arcsin(sqrt(g/2)), which does not cancel."""
    document = parsed(run(f"map random-binary --sigma-b2 0 --q 1 --gap {gap} --json").out)
    assert document["gap_out"] == pytest.approx(4 / math.pi * math.asin(math.sqrt(gap / 2)), rel=1e-14)
    smooth = parsed(run(f"map --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --gap {gap} --json").out)
    if gap < 1e-12:
        assert smooth["gap_out"] == pytest.approx(smooth["chi"] * gap, rel=1e-10)


def test_singular_values_are_written_as_agreed(run: Run) -> None:
    assert parsed(run("map random-binary --sigma-b2 0 --q 1 --c 1 --json").out)["chi"] == "inf"
    vanished = parsed(run("map --sigma-m2 0.5 --sigma-b2 0 --q 0 --c 0.5 --json").out)
    assert (vanished["q_out"], vanished["c_out"], vanished["chi"]) == (0, 0.5, 1)


def test_the_total_variance_defaults_to_its_fixed_point(run: Run) -> None:
    line = "map moment-matching --sigma-m2 0.5 --sigma-b2 0.1 --q 1 --c 0.5 --json"
    solved, given = parsed(run(line).out), parsed(run(f"{line} --total 0.2").out)
    assert solved["total"] == pytest.approx(0.2, rel=1e-14)  # relu: T = T/2 + sigma_b2
    assert solved["chi"] == pytest.approx(given["chi"], rel=1e-13)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_emitted_modules_stand_alone(run: Run, tmp_path: Path, backend: str) -> None:
    result = run(f"emit deterministic --backend {backend} -o maps.py")
    assert (result.code, result.out, result.written) == (0, "", {tmp_path / "maps.py"})
    check = "import maps, sys; print(float(maps.chi(0.5, 1.0, 0.5, 0.1))); assert 'theory' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    maps = meanbits.compile(meanbits.derive("deterministic"))
    assert float(done.stdout) == pytest.approx(float(maps.chi(0.5, 1.0, 0.5, 0.1)), rel=1e-6)


def test_emit_says_what_it_leaves_out(run: Run) -> None:
    for line, left in (
        ("--noise logistic:0.5", "jacobian_sigma_derivative"),
        ("moment-matching --backend c", "jacobian_sigma_derivative"),
        ("moment-matching", None),
    ):
        result = run(f"emit {line}")
        assert result.code == 0
        assert (result.err == "") if left is None else result.err.endswith(f"has no way to evaluate them: {left}\n")
    assert run("emit").err == ""


def test_emit_replaces_only_its_own_files(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "maps.py"
    assert run("emit -o maps.py").code == 0
    assert run("emit lrt -o maps.py").code == 0
    assert target.read_text().startswith('"""lrt: derived, not written.')
    target.write_text("mine")
    result = run("emit -o maps.py")
    assert (result.code, result.out) == (2, "")
    assert "--output maps.py: it exists and is not an emitted module; add --force" in result.err
    assert target.read_text() == "mine"
    assert run("emit -o maps.py --force").code == 0
    assert target.read_text() == run("emit").out


def fake_verify(passed: bool) -> ModuleType:
    """meanbits.experiments.verification.verify with one check that passes and one that does as told."""
    module = ModuleType("meanbits.experiments.verification.verify")
    same = {"check": "same", "expected": "0", "got": "0", "error": 0.0, "z": None, "tolerance": 1e-14}
    told = same | {"check": "told", "error": math.inf, "z": math.nan}

    def verify(surrogates, on_result=None):
        checks = (same | {"passed": True, "wrong_error": 1.0}, told | {"passed": passed, "wrong_error": 1.0})
        results = [SimpleNamespace(surrogate=item.name, **check) for item in surrogates for check in checks]
        for result in results if on_result is not None else ():
            on_result(result)
        return tuple(results)

    module.verify = verify
    return module


@pytest.mark.parametrize("passed", [True, False])
def test_verify_exits_by_its_checks(run: Run, monkeypatch: pytest.MonkeyPatch, passed: bool) -> None:
    monkeypatch.setitem(sys.modules, "meanbits.experiments.verification.verify", fake_verify(passed))
    result = run("verify lrt soudry --json")
    document = parsed(result.out)
    assert (result.code, document["passed"]) == (0 if passed else 1, passed)
    assert [check["surrogate"] for check in document["checks"]] == ["lrt", "lrt", "soudry", "soudry"]
    told = {"name": "told", "expected": "0", "got": "0", "error": "inf", "z": None, "tolerance": 1e-14}
    assert document["checks"][1] == {"surrogate": "lrt", **told, "wrong_error": 1, "pass": passed}
    lines = run("verify --all").out.splitlines()
    named = [*NAMES, *(row.name for row in CHAINS)]
    assert set(named) <= set(lines)
    assert sum(line.endswith(" ok") for line in lines) == len(named) * (1 + passed)
    assert sum(line.endswith(" FAIL") for line in lines) == len(named) * (not passed)
    assert "\ndeterministic\n" in run("verify").out
    assert "\ncomposed (form paper, gain 2)\n" in run("verify --gain 2").out


@pytest.mark.parametrize("passed", [True, False])
def test_paper_writes_one_report(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, passed: bool) -> None:
    def made(surrogate: Surrogate | None, settings: Settings, tick: Tick) -> Figure:
        settings.folder.mkdir()
        tick(1, 1)
        (settings.folder / "figure_1.png").write_bytes(b"picture")
        return Figure("Figure 1", f"{surrogate}, {settings.dataset}.", (settings.folder / "figure_1.png",))

    monkeypatch.setitem(sys.modules, "meanbits.experiments.verification.verify", fake_verify(passed))
    few = chosen(["eq.chi", "crit.deterministic"])
    monkeypatch.setattr("meanbits.experiments.claims.catalogue.settle", lambda on_result: settle(few, on_result))
    monkeypatch.setattr(
        "meanbits.run_commands.FIGURES",
        {"1": SimpleNamespace(id="1", trains=False, paper=None, made=made, check_target=lambda _: None)},
    )
    result = run("paper --preset smoke -o results --json")
    verdict = "all 20 checks passed" if passed else "10 of 20 checks failed"
    assert result.code == (0 if passed else 1)
    assert parsed(result.out) == {"report": "results/report.html", "passed": passed, "verdict": verdict}
    text = (tmp_path / "results" / "report.html").read_text()
    assert verdict.capitalize() in text
    picture = '<img alt="Figure 1" src="data:image/png;base64,cGljdHVyZQ==">'
    assert f"{picture}<figcaption>None, digits.</figcaption>" in text
    assert all(f"<h3>{name}</h3>" in text and f"<tr><td>{name}</td>" in text for name in NAMES)
    assert text.count("<math") == text.count("</math>") > 100
    assert "<td>eq.chi</td>" in text
    assert "Corrected: " in text
    assert run("paper --preset smoke -o results/again").out == f"results/again/report.html: {verdict}\n"


def test_figure_1_with_its_data(run: Run, tmp_path: Path) -> None:
    result = run("figure 1 --preset smoke --json")
    document = parsed(result.out)
    assert (result.code, document["dataset"], document["seed"]) == (0, "digits", 0)
    assert document["files"] == [f"output/figure_1.{kind}" for kind in ("pdf", "png", "nc")]
    assert {path.name for path in (tmp_path / "output").iterdir()} == {"figure_1.pdf", "figure_1.png", "figure_1.nc"}


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*command.split(), "-h"]) == 0
    short = capsys.readouterr().out
    assert main([*command.split(), "--help"]) == 0
    assert capsys.readouterr().out == short
    return short


def example_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    return re.search(r"Example: meanbits (.*)", help_of(command, capsys)).group(1)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_a_description_and_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    text = help_of(command, capsys)
    assert re.search(rf"^  Example: meanbits {command or 'derive'}\b", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("command", ["", "catalogue", "derive", "emit", "map"])
def test_help_examples_run(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(example_of(command, capsys)).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["verify", "figure", "paper"])
def test_long_help_examples_run(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(example_of(command, capsys)).code == 0


def test_help_and_import_load_nothing_heavy() -> None:
    loaded = "[name for name in ('sympy', 'numpy', 'torch') if name in sys.modules]"
    assert interpreter("-c", f"import sys, meanbits; print({loaded})").stdout == "[]\n"
    lines = [[], ["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)]
    heavy = f"[line for line in {lines} if main(line) or {loaded}]"
    done = interpreter("-c", f"import sys; from meanbits.cli import main; print({heavy})")
    assert done.stdout.endswith("\n[]\n"), done.stdout


LOADS = {
    "derive continuous --json": "torch sympy xarray",
    "derive continuous --neurons relu --json": "torch xarray",
    "critical continuous": "torch sympy xarray scipy",
}


@pytest.mark.parametrize("line", LOADS)
def test_commands_load_nothing_that_they_do_not_use(line: str) -> None:
    """Of a row, whose derivation and proof lie ready, no computer algebra either."""
    run = f"import sys; from meanbits.cli import main; main({line.split()})"
    loaded = f"sys.modules.keys() & {set(LOADS[line].split())}"
    assert interpreter("-c", f"{run}; sys.exit(bool({loaded}))").returncode == 0


@pytest.mark.parametrize("line", [["sweep", "\ud800"], ["derive", "\ud800"], ["emit", "lrt", "-o", "a\udfff"]])
def test_half_a_character_is_said_in_one_line(capsys: pytest.CaptureFixture[str], line: list[str]) -> None:
    assert main(line) == EXIT_BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_python_m_meanbits() -> None:
    done = interpreter("-m", "meanbits", "--version")
    assert (done.returncode, done.stdout) == (0, f"meanbits, version {meanbits.__version__}\n")
    refused = interpreter("-m", "meanbits", "map")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("line", ["deterministic --gain 1.5", "lrt", "continuous --neurons relu", "bi-real", "shayer"])
def test_every_function_that_is_printed_is_explained(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", *line.split()]) == 0
    formulas, _, symbols = capsys.readouterr().out.partition("\nSymbols\n")
    assert set(re.findall(r"\b([A-Z][A-Za-z]+)\(", formulas)) - {"Sum", "Max"} <= set(
        re.findall(r"^  (\S+)", symbols, re.M)
    )


@pytest.mark.parametrize(("words", "expected"), [
    ("meanbits fix", ["fixed-point"]), ("meanbits map ran", ["random-binary"]),
    ("meanbits train b", ["baldassi", "binaryconnect-ste", "bi-real", "bitlinear"]),
    ("meanbits map --sigma", ["--sigma-m2", "--sigma-b2"]),
])  # fmt: skip
def test_a_shell_completes(
    words: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_MEANBITS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert main([]) == 0
    assert capsys.readouterr().out.split() == [f"plain,{each}" for each in expected]


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{shlex.quote(sys.executable)} -m meanbits derive --steps | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.stdout.startswith("deterministic: ")
    assert done.stderr == ""


def test_ctrl_c_is_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("meanbits.theory.derive.derive", interrupted)
    result = run("derive continuous --neurons relu")
    assert (result.code, result.out, result.err) == (130, "", "")


def test_unexpected_errors_are_one_line_and_not_swallowed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect\nof two lines")

    monkeypatch.setattr("meanbits.theory.derive.derive", broken)
    result = run("derive continuous --neurons relu")
    assert (result.code, result.out) == (3, "")
    assert result.err == ("meanbits failed on this input: RuntimeError: a defect; please report it with the command\n")
    monkeypatch.setenv("MEANBITS_DEBUG", "1")
    assert "Traceback" in run("derive continuous --neurons relu").err


def test_public_names() -> None:
    theory = meanbits.derive("deterministic")
    maps = meanbits.compile(theory, backend="numpy")
    assert maps.variance_map(1.0, 0.5, 0.001) == pytest.approx(0.2012, rel=1e-12)
    assert meanbits.emit(theory) == maps.source
    assert meanbits.derive(theory.surrogate) is theory
    assert meanbits.derive(neurons="relu").surrogate.neurons.name == "relu"
    assert meanbits.catalogue() is CATALOGUE
    assert isinstance(meanbits.compose("lrt"), meanbits.Surrogate)
    assert set(meanbits.__all__) <= set(dir(meanbits))
    with pytest.raises(ValueError, match="did you mean torch"):
        meanbits.compile(theory, backend="torhc")
    with pytest.raises(ValueError, match="did you mean deterministic"):
        meanbits.derive("determinisic")
    with pytest.raises(TypeError, match="phi beside a Surrogate"):
        meanbits.derive(theory.surrogate, phi="tanh")
    with pytest.raises(AttributeError, match="no attribute 'fixt'"):
        _ = meanbits.fixt


def test_the_version_is_the_project_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == meanbits.__version__


@pytest.mark.parametrize(
    ("command", "name"), [("paper", "figure_1.nc"), ("papers poole-2016", "figure_poole-2016-1.nc")]
)
def test_a_foreign_file_in_the_place_of_a_figure_is_refused_before_work(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meanbits.figures.FigureKind.measure", lambda *_: pytest.fail("measured"))
    (tmp_path / name).write_text("mine")
    assert main([*command.split(), "--preset", "smoke", "-o", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert f"{name} exists there and is no dataset of meanbits" in captured.err
    assert len(captured.err.splitlines()) == 1
    assert (tmp_path / name).read_text() == "mine"


def test_a_dataset_of_ours_without_a_digest_may_be_replaced_and_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "old.nc"
    xr.Dataset(attrs={"producer": "meanbits"}).to_netcdf(path, engine="scipy")
    assert datasets.is_ours(path)
    assert datasets.read(path) is None
    datasets.save(xr.Dataset({"x": 1.0}), path)
    assert float(datasets.read(path).x) == 1.0


def test_long_formulas_are_broken_in_one_pass() -> None:
    """Where a line ends depends on what fits in it, not on all that follows."""
    text = " + ".join(f"{k}*h**{k}" for k in range(20_000))
    lines = wrapped(text, first="f = ", indent="    ").splitlines()
    assert "".join(line.strip() for line in lines).replace("f = ", "").replace(" ", "") == text.replace(" ", "")
    assert max(map(len, lines)) <= 100
