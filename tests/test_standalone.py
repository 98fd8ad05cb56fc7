"""Certificates that stand alone: all true ones accepted, all spoiled ones refused, and a checker that needs nothing."""

from __future__ import annotations

import ast
import contextlib
import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import flint
import pytest
import sympy as sp
from flint import ctx

from meanbits.cli import main
from meanbits.numerics.certificates import checker, coqc
from meanbits.numerics.certificates.balls import UnprovedError
from meanbits.numerics.certificates.chain_backward import backward_certificate
from meanbits.numerics.certificates.checker import RefusedError, check
from meanbits.numerics.certificates.coqc import compiled
from meanbits.numerics.certificates.declared_models import model_of, subject_of, words
from meanbits.numerics.certificates.expressions import listed
from meanbits.numerics.certificates.proof import Certificate
from meanbits.numerics.certificates.rocq_files import made_again, rocq
from meanbits.numerics.certificates.standalone import checked, standalone
from meanbits.theory.declarations.compose_layer import compose
from meanbits.theory.declarations.neurons import CONTINUOUS
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import derive
from meanbits.theory.errors import SurrogateError
from meanbits.theory.stages.correlation import is_relative
from meanbits.theory.symbols import h

FILE = Path(checker.__file__)
MOST_LINES, MOST_SECONDS, FEWEST_SPOILED = 400, 10, 200
REFUSED = (RefusedError, SurrogateError, UnprovedError)

# Words, the verdict, and the box that a search found; the searches themselves are in test_certify.
TRUE: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "continuous": ("attained", {"q": (1.0, 1.0)}),
    "deterministic": ("none", {}),
    "lrt": ("none", {}),
    "shayer": ("limit", {}),
    "moment-matching": ("none", {}),
    "random-binary": ("none", {}),
    "shayer --neurons erf": ("attained", {"q": (0.15528, 0.15529)}),
    "moment-matching --neurons erf": ("limit", {"T": (0.15528, 0.15529)}),
    "shayer --weights ternary:0.5": ("none", {}),
    "deterministic --phi tanh --gain 1": ("limit", {}),
    "deterministic --phi tanh --gain 1.5": ("attained", {"q": (1.0, 1.0)}),
    "deterministic --phi tanh --gain 0.9": ("none", {}),
    "deterministic --phi tanh(h)**3 --gain 1": ("none", {}),
    "deterministic --phi erf --gain 1.253314": ("none", {}),
    "continuous --normalise batch": ("none", {}),
    "continuous --neurons softplus --normalise batch": ("none", {}),
    "continuous --neurons linear --normalise batch": ("attained", {}),
}


def proof(feasible: str, box: dict[str, tuple[float, float]]) -> Certificate:
    return Certificate(feasible, True, "found", "search", (), box or None)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {name: standalone(subject_of(name), proof(*found)) for name, found in TRUE.items()}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_accepted_quickly(texts: dict[str, str], name: str) -> None:
    start = time.perf_counter()
    statement, compared = checked(texts[name])
    assert compared
    assert time.perf_counter() - start < MOST_SECONDS
    assert statement["verdict"] == TRUE[name][0]
    assert model_of(subject_of(statement["surrogate"])) == model_of(subject_of(name))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TRUE)
def test_no_step_is_idle(texts: dict[str, str], name: str) -> None:
    whole = json.loads(texts[name])
    for k in range(len(whole["steps"])):
        with pytest.raises(RefusedError):
            check(json.dumps(whole | {"steps": whole["steps"][:k] + whole["steps"][k + 1 :]}))


def test_the_point_is_where_theory_has_it(texts: dict[str, str]) -> None:
    """Tanh at q = 1: sigma_m2 = 1 / E phi'^2, by quadrature in mpmath."""
    import mpmath

    point = check(texts["continuous"])["point"]
    slope = mpmath.quad(lambda w: mpmath.sech(w) ** 4 * mpmath.npdf(w), [-9, 0, 9])
    low, high = (Fraction(end) for end in point["sigma_m2"])
    assert low - Fraction(1, 10**12) < Fraction(str(1 / slope)) < high + Fraction(1, 10**12)
    assert high - low < Fraction(1, 10**9)


# Spoiled: for each document changes that make its statement false or unproven, or break its form.

WRONG = [None, [], {}, "NaN", "1/0", "inf", "x" * 500, 10**70, True, [[]], -3, "attain", float("nan"), 1e999, 0.5]


def spoiled(document: dict[str, Any], others: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Changed copies, and what was changed."""
    for path in paths(document):
        yield f"no {path}", changed(document, path, None, drop=True)
        for value in WRONG:
            wider = path[:2] == ("statement", "point") and path[-1] == 0 and value == -3  # and as true
            if value != at(document, path) and path[0] != "steps" and not wider:
                yield f"{path} = {value!r}", changed(document, path, value)
    for verdict in {"none", "limit", "attained"} - {document["statement"]["verdict"]}:
        yield verdict, changed(document, ("statement", "verdict"), verdict)
    for name, (low, high) in document["statement"]["point"].items():
        width = max(abs(Fraction(high)), Fraction(1)) / 100
        for shift in (width, -width):
            moved = [str(Fraction(end) + shift) for end in (low, high)]
            yield f"{name} moved", changed(document, ("statement", "point", name), moved)
        yield f"{name} turned", changed(document, ("statement", "point", name), [str(Fraction(high) + 1), low])
    yield "a point", changed(document, ("statement", "point", "c"), [0, 1])
    if document["steps"]:
        yield "no steps", changed(document, ("steps",), [])
    yield "unknown step", changed(document, ("steps",), [["trust me"]])
    for other in others:
        if other["model"] != document["model"]:
            yield "another model", changed(document, ("model",), other["model"])
            yield "another surrogate", changed(document, ("statement", "surrogate"), other["statement"]["surrogate"])


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a document are; of numbers in steps none, for others may do as well."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        path = (*above, key)
        if path[0] != "steps" or len(path) <= 2:
            yield path
            yield from paths(inner, path)


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def changed(document: dict[str, Any], path: tuple[Any, ...], value: Any, drop: bool = False) -> dict[str, Any]:
    result = copy.deepcopy(document)
    above = at(result, path[:-1])
    if drop:
        del above[path[-1]]
    else:
        above[path[-1]] = value
    return result


@pytest.fixture(scope="module")
def lies(texts: dict[str, str]) -> list[tuple[str, str]]:
    """What was changed, and the text."""
    documents = {name: json.loads(text) for name, text in texts.items()}
    return [(f"{name}, {what}", json.dumps(each)) for name, document in documents.items()
            for what, each in spoiled(document, list(documents.values()))]  # fmt: skip


def accepted(lies: list[tuple[str, str]]) -> list[str]:
    found: list[str] = []
    for what, text in lies:
        with contextlib.suppress(*REFUSED):
            checked(text)
            found.append(what)
    return found


def test_spoiled_certificates_are_refused(lies: list[tuple[str, str]]) -> None:
    chosen = random.Random(0).sample(lies, FEWEST_SPOILED)
    assert accepted(chosen) == []


@pytest.mark.slow
def test_all_spoiled_certificates_are_refused(lies: list[tuple[str, str]]) -> None:
    assert len(lies) > 40 * FEWEST_SPOILED
    assert accepted(lies) == []


def test_the_command_refuses_in_one_line(lies: list[tuple[str, str]], tmp_path: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    path = tmp_path / "spoiled.json"
    for _, text in random.Random(1).sample(lies, 20):
        path.write_text(text)
        assert main(["check-certificate", str(path)]) == 2
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1)


# Lies that are well formed: what the checker alone has to see through, whatever the words say.

BITS = {"values": [[1, "1/2", "1/2"], [-1, "1/2", "-1/2"]], "largest": 1}
TERNARY = {"values": [[1, "1/4", "1/2"], [-1, "1/4", "-1/2"], [0, "1/2", 0]], "largest": "1/4"}
FREE, SIGNS = {"values": None, "largest": None}, {"values": None, "largest": 1}


def odd(*parts: list[Any]) -> dict[str, Any]:
    return {"up": list(parts), "down": None}


TANH, SIGN, ERF, LINE = odd([0, ["tanh", "x"]]), odd([0, 1]), odd([0, ["erf", "x"]]), odd([0, "x"])
CLIP, TWICE = odd([0, "x"], [1, 1]), odd([0, ["tanh", ["*", 2, "x"]]])
HALF, CUBE = odd([0, ["*", "1/2", ["tanh", "x"]]]), odd([0, ["^", ["tanh", "x"], 3]])
NORM = {"kind": "norm", "weights": FREE}
FORM = {"kind": "form", "neuron": TANH, "bits": True, "integrated": True}
KNOTS, ANYWHERE = ["1/8", "1/4", "1/2", 1], {"q": [0, 9], "sigma_m2": [0, 9], "sigma_b2": [0, 9]}
Lie = tuple[str, dict[str, Any], list[list[Any]], dict[str, Any]]
LIES: dict[str, Lie] = {
    "means that stay below E S^2 leave c = 1 no fixed point":
        ("attained", {"neuron": TWICE, "weights": TERNARY}, [["crossing", "1/100", 3]], ANYWHERE),
    "the same in the limit":
        ("limit", {"neuron": TWICE, "weights": TERNARY}, [["bend", 1, "1/3"], ["below", KNOTS]], {}),
    "a clipped line is no line": ("attained", NORM | {"neuron": CLIP}, [], {"chi_g": [1, 1]}),
    "lines do not explode": ("none", NORM | {"neuron": LINE}, [["ratio"]], {"chi_g": [0, 2]}),
    "nothing grows by 1": ("attained", NORM | {"neuron": odd([0, ["+", "x", ["*", -1, "x"]]])}, [], {"chi_g": [1, 1]}),
    "a sine of what is no number":
        ("none", {"neuron": odd([0, ["sin", ["log", ["+", "x", -9]]]]), "bits": True}, [["bend", 10, 11]], {}),
    "a jump inside a part":
        ("none", {"neuron": odd([0, ["*", ["+", "x", -1], ["^", ["sqrt", ["^", ["+", "x", -1], 2]], -1]]])},
         [["bend", "1/2", 2], ["below", [2]]], {}),
    "a pole inside a part":
        ("attained", {"neuron": odd([0, ["*", "x", ["^", ["+", "x", -1], -1]]]), "weights": FREE},
         [["point", 1]], ANYWHERE),
    "jumps have no finite chi_g": ("none", NORM | {"neuron": SIGN}, [["ratio"]], {"chi_g": [0, 9]}),
    "a bit has no mean above 1":
        ("none", {"neuron": odd([0, ["*", "101/100", ["tanh", "x"]]]), "bits": True}, [["bend", 1, 2]], {}),
    "a sure bit is not random": ("none", {"neuron": SIGN, "bits": True}, [["bend", 1, 2]], {}),
    "nor one that is sure of two values":
        ("none", {"neuron": odd([0, 1], [1, -1]), "bits": True, "weights": BITS}, [["bend", "1/2", 2]], {}),
    "continuous neurons are not random": ("none", {"neuron": TANH}, [["bend", 1, 2]], {}),
    "tanh does not jump": ("none", {"neuron": TANH}, [["jump", 0]], {}),
    "a line does not bend": ("none", {"neuron": LINE}, [["bend", 1, 2], ["below", [[]]]], {}),
    "erf of slope 2/sqrt(pi) reaches 1": ("none", {"neuron": ERF}, [["bend", 1, 2], ["below", KNOTS]], {}),
    "tanh reaches 1 in the limit": ("none", {"neuron": TANH}, [["bend", 1, 2], ["below", KNOTS]], {}),
    "bits have no T near 0": ("limit", {"bits": True}, [["bend", 1, 2], ["below", KNOTS]], {}),
    "a single layer has no limit of depth": ("limit", {"kind": "single layer"}, [["bend", 1, 2], ["below", KNOTS]], {}),
    "half a tanh does not": ("limit", {"neuron": HALF}, [["bend", 1, 2], ["below", KNOTS]], {}),
    "chances below 0":
        ("none", {"neuron": TANH, "bits": True, "weights": BITS | {"largest": 2}}, [["bend", 1, 2]], {}),
    "weights of another mean":
        ("none", {"neuron": TANH, "bits": True, "weights": BITS | {"values": [[1, "1/2", "1/3"], [-1, "1/2", "-1/3"]]}},
         [["bend", 1, 2]], {}),
    "an integrated field has q = oo there":
        ("attained", {"neuron": ERF, "integrated": True}, [["crossing", "155/1000", "156/1000"]],
         {"T": [0, 1], "sigma_m2": [1, 1], "sigma_b2": [0, 1]}),
    "no sign change": ("attained", {"neuron": ERF}, [["crossing", "156/1000", "157/1000"]], ANYWHERE),
    "bits have another T": ("attained", {"bits": True, "weights": FREE}, [["point", 1]], ANYWHERE),
    "gain 0.9 attains nothing": ("attained", FORM | {"gain^2": "81/100"}, [["point", 1]], ANYWHERE),
    "gain 1.5 is not below": ("none", FORM | {"gain^2": "9/4"}, [["below", KNOTS]], {}),
    "an unstable q": ("attained", FORM | {"neuron": CUBE, "gain^2": 9}, [["point", "158489/10000000"]], ANYWHERE),
    "no critical points beyond a jump":
        ("attained", {"neuron": odd([0, "x"], [1, 2]), "weights": FREE}, [["point", 1]], ANYWHERE),
}  # fmt: skip


def document(verdict: str, model: dict[str, Any], steps: list[Any], point: dict[str, Any]) -> str:
    whole = {
        "kind": "overlap",
        "neuron": TANH,
        "bits": False,
        "weights": BITS,
        "integrated": False,
        "gain^2": None,
    } | model
    statement = {
        "surrogate": "lrt",
        "verdict": verdict,
        "largest sigma_m2": whole["weights"]["largest"],
        "point": point,
    }
    return json.dumps({"format": checker.FORMAT, "statement": statement, "model": whole, "steps": steps})


@pytest.mark.parametrize("lie", LIES)
def test_the_checker_sees_through_lies(lie: str) -> None:
    with pytest.raises(RefusedError):
        check(document(*LIES[lie]))


def test_the_truths_next_to_lies_are_accepted() -> None:
    """So that the lies above are refused for what they say and not for how."""
    for verdict, model, steps, point in (
        ("none", {"neuron": TANH, "bits": True, "weights": TERNARY}, [["bend", 1, 2]], {}),
        ("none", {"neuron": SIGN, "bits": True}, [["jump", 0]], {}),
        ("limit", {"neuron": TANH}, [["bend", 1, 2], ["below", KNOTS]], {}),
        ("attained", {"neuron": ERF}, [["crossing", "155/1000", "156/1000"]],
         {"q": [0, 1], "sigma_m2": [1, 1], "sigma_b2": [0, 1]}),
        ("attained", {"kind": "norm", "neuron": LINE, "weights": FREE}, [], {"chi_g": [1, 1]}),
        ("none", {"kind": "norm", "neuron": CLIP, "weights": FREE}, [["ratio"]], {"chi_g": [1, 2]}),
    ):  # fmt: skip
        assert check(document(verdict, model, steps, point))["verdict"] == verdict


TALL: Any = "x"
for _ in range(200):
    TALL = ["sin", TALL]
WIDE = ["*", *(["+", 1, ["sin", ["*", k, "x"]]] for k in range(1, 64))]
POWERS: Any = "x"
for _ in range(25):
    POWERS = ["^", POWERS, 64]
HOSTILE = {
    "nested": "[" * 100_000,
    "long": " " * 10_000_000,
    "digits": document("none", {}, [["jump", "9" * 100_000]], {}),
    "number": document("none", {}, [], {}).replace('"largest": 1', '"largest": 1' + "0" * 50_000),
    "tall": document("none", {"neuron": odd([0, TALL])}, [["bend", 1, 2]], {}),
    "wide": document("none", {"neuron": odd([0, WIDE])}, [["bend", 1, 2], ["below", [1, 2]]], {}),
    "powers": document("attained", {"neuron": odd([0, POWERS]), "weights": FREE}, [["point", 2]], {}),
    "integrals":
        document("attained", {"neuron": odd([0, ["sin", ["*", 10**40, "x"]]]), "weights": FREE}, [["point", 2]], {}),
    "steps": document("none", {}, [["crossing", 1, 2]] * 5_000, {}),
    "parts": document("none", {"neuron": odd(*([k, "x"] for k in range(5_000)))}, [["ratio"]], {}),
    "far": document("attained", {"weights": FREE}, [["point", "1/" + "9" * 60]], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_certificates_cost_little(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(RefusedError):
        check(HOSTILE[name])
    assert time.perf_counter() - start < MOST_SECONDS


# The checker by itself.


def test_the_checker_is_one_short_file_of_its_own() -> None:
    source = FILE.read_text()
    assert len(source.splitlines()) <= MOST_LINES
    imported = {name.split(".")[0] for node in ast.walk(ast.parse(source)) for name in
                ([each.name for each in node.names] if isinstance(node, ast.Import)
                 else [node.module or "."] if isinstance(node, ast.ImportFrom) else [])}  # fmt: skip
    assert imported <= {"flint", *sys.stdlib_module_names}


def test_the_checker_runs_alone(texts: dict[str, str], tmp_path: Path) -> None:
    """With a copy of the file and python-flint, and no other package to be found."""
    (tmp_path / "flint").symlink_to(Path(flint.__file__).parent)
    for library in Path(flint.__file__).parents[1].glob("python_flint.libs"):
        (tmp_path / library.name).symlink_to(library)
    (tmp_path / "checker.py").write_text(FILE.read_text())
    (tmp_path / "true.json").write_text(texts["lrt"])
    (tmp_path / "false.json").write_text(texts["lrt"].replace('"none"', '"attained"'))
    run = [subprocess.run([sys.executable, "-S", "checker.py", f"{name}.json"], cwd=tmp_path, capture_output=True,
                          text=True, check=False, env={}) for name in ("true", "false", "absent")]  # fmt: skip
    assert [each.returncode for each in run] == [0, 2, 2]
    assert json.loads(run[0].stdout.partition("proven: ")[2]) == check(texts["lrt"])
    assert all((each.stdout, each.stderr.count("\n")) == ("", 1) for each in run[1:])


# Models say what declarations do.

DECLARED = ["lrt", "shayer", "moment-matching", "continuous --neurons gelu", "continuous --neurons softplus",
            "continuous --neurons hardsigmoid", "continuous --neurons silu", "continuous --neurons leaky:0.2",
            "lrt --noise laplace:1", "lrt --noise uniform:0.5", "shayer --neurons sin"]  # fmt: skip


@pytest.mark.parametrize("name", DECLARED)
def test_models_have_the_values_of_declarations(name: str) -> None:
    subject = subject_of(name)
    model = checker.Model(model_of(subject))  # type: ignore[arg-type]
    for place in (-7, -2, sp.Rational(-9, 8), sp.Rational(-1, 3), sp.Rational(1, 7), sp.Rational(5, 4), 3):
        sign = -1 if model.neuron.odd and place < 0 else 1
        exact = sp.N(subject.neurons.mean.subs(h, place), 30)  # type: ignore[union-attr]
        with ctx.workprec(128):
            found = model.neuron.at(flint.fmpq(int(sp.Rational(place).p), int(sp.Rational(place).q)))
            assert abs(sign * found - flint.arb(str(exact))) < 1e-25


@pytest.mark.parametrize("surrogate", CATALOGUE, ids=lambda each: each.name)
def test_fields_are_integrated_as_derived(surrogate: Any) -> None:
    model = model_of(surrogate)
    assert subject_of(words(surrogate)) is not None
    assert model_of(subject_of(words(surrogate))) == model  # type: ignore[arg-type]
    if model["kind"] == "overlap":
        assert model["integrated"] == is_relative(derive(surrogate).mean_field)


@pytest.mark.parametrize("neurons", [each.name for each in CONTINUOUS])
def test_batch_norm_explodes_with_a_certificate(neurons: str) -> None:
    layer = compose("continuous", neurons=neurons, normalise="batch")
    found = backward_certificate(layer)  # type: ignore[arg-type]
    statement, _ = checked(standalone(layer, found))  # type: ignore[arg-type]
    low = Fraction(statement["point"]["chi_g"][0])
    assert (statement["verdict"], low > 1) == (("attained", False) if neurons == "linear" else ("none", True))


UNWRITTEN = {
    "deterministic --noise logistic:1 --form matched": "form matched",
    "continuous --normalise batch --scale 2 --skip 1": "of chains of blocks|E f'\\^2 / Var f",
    "xnor": "E f'\\^2 / Var f",
    "lrt --neurons expr:atan(h)": "atan",
}


@pytest.mark.parametrize("name", UNWRITTEN)
def test_what_has_no_certificate_is_named(name: str) -> None:
    with pytest.raises(UnprovedError, match=UNWRITTEN[name]):
        standalone(subject_of(name), proof("none", {}))  # type: ignore[arg-type]


def test_false_proofs_give_no_certificate() -> None:
    with pytest.raises(UnprovedError, match="no certificate that stands alone was found"):
        standalone(subject_of("deterministic --phi tanh --gain 1.5"), proof("none", {}))  # type: ignore[arg-type]
    with pytest.raises(UnprovedError, match="nothing to certify"):
        standalone(subject_of("lrt"), Certificate("none", False, "not proven: x", "", (), None))  # type: ignore[arg-type]


def test_expressions_without_a_name_are_refused() -> None:
    with pytest.raises(UnprovedError, match="besselj"):
        listed(sp.besselj(0, sp.Symbol("x", positive=True)))
    with pytest.raises(UnprovedError, match="order 3"):
        listed(sp.Symbol("x", positive=True) ** sp.Rational(1, 3))


def test_decimal_numbers_are_written_as_they_are_stored() -> None:
    assert listed(sp.Float(0.25)) == "1/4"
    assert Fraction(listed(sp.Float(0.1))) == Fraction(0.1) != Fraction(1, 10)


def test_the_commands_write_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lrt.json"
    assert main(["critical", "lrt", "--certificate", str(path)]) == 0
    assert "wrote" in capsys.readouterr().err
    assert main(["check-certificate", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["proven"], found["compared"], found["verdict"]) == (True, True, "none")
    for line in (
        ["critical", "lrt", "--certificate", str(tmp_path / "lrt.txt")],
        ["critical", "lrt", "--certificate", str(tmp_path / "absent" / "lrt.json")],
        ["check-certificate", str(tmp_path / "absent.json")],
        ["check-certificate", str(tmp_path)],
    ):
        assert main(line) == 2
        assert capsys.readouterr().err.count("\n") == 1


# Rocq.

PROOFS = Path(__file__).parents[1] / "proofs"
COMMITTED = {
    "deterministic": "deterministic",
    "lrt": "lrt",
    "paper_form_tanh_1_5": "deterministic --phi tanh --gain 1.5",
    "batch_norm_tanh": "continuous --normalise batch",
    "batch_norm_sin": "continuous --neurons sin --normalise batch",
    "batch_norm_silu": "continuous --neurons silu --normalise batch",
    "batch_norm_softplus": "continuous --neurons softplus --normalise batch",
}
FOUND = {name: TRUE.get(name, ("none", {})) for name in COMMITTED.values()}
HOLES = r"\b(Admitted|Axiom|Parameter|Conjecture|admit|Abort)\b"
NEEDS_COQ = pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coqc, coquelicot and coq-interval")


def rocq_of(file: str) -> str:
    name = COMMITTED[file]
    return rocq(subject_of(name), proof(*FOUND[name]))  # type: ignore[arg-type]


@pytest.mark.parametrize("file", COMMITTED)
def test_the_committed_proofs_are_those_that_are_exported(file: str) -> None:
    text = (PROOFS / f"{file}.v").read_text()
    assert rocq_of(file) == text
    assert made_again(text)[1] == text
    assert not re.search(HOLES, text)
    assert sorted(COMMITTED) == sorted(each.stem for each in PROOFS.glob("*.v"))


@pytest.mark.slow
@NEEDS_COQ
@pytest.mark.parametrize("file", COMMITTED)
def test_the_committed_proofs_compile(file: str) -> None:
    assert compiled((PROOFS / f"{file}.v").read_text())[1]


FALSE = {
    "deterministic": (r"0 < s <= 1 ->", "0 < s <= 2 ->"),
    "lrt": (r"0 < s <= 1 ->", "0 < s <= 2 ->"),
    "paper_form_tanh_1_5": (r"q \* m1\)\) < 1\.", "q * m1)) < 1 / 10."),
    "batch_norm_tanh": (r"\(\d+ / 10 \^ 6\) \* m2 < m1", "2 * m2 < m1"),
}


@pytest.mark.slow
@NEEDS_COQ
@pytest.mark.parametrize("file", FALSE)
def test_rocq_refuses_what_is_false(file: str, tmp_path: Path) -> None:
    """A bound beyond what holds, or a wider domain, under the same proof."""
    true, false = FALSE[file]
    text, count = re.subn(true, false, (PROOFS / f"{file}.v").read_text())
    assert count == 1
    (tmp_path / "false.v").write_text(text)
    done = subprocess.run(["coqc", "-q", "false.v"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Error" in done.stderr


@pytest.mark.parametrize("change", [
    ("Qed.", "Admitted."), ("Theorem none", "Theorem nothing"), ('"verdict": "none"', '"verdict": "attained"'),
    ('"surrogate": "lrt"', '"surrogate": "shayer"'), ("Rocq: ", "Rocq: ["), ('"q": null', '"q": "x"'),
    ("(* meanbits", "(* "), ('"lrt"', '"declared in Python: x"'), (" *)\n", " *) Axiom false : False.\n"),
])  # fmt: skip
def test_spoiled_files_never_reach_rocq(change: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("given to coqc")

    monkeypatch.setattr(subprocess, "run", fail)
    text = (PROOFS / "lrt.v").read_text()
    with pytest.raises(REFUSED):
        compiled(text.replace(*change, 1))


def test_rocq_is_asked_for_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["check-certificate", str(PROOFS / "lrt.v")]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "there is no coqc to check it; install Coq" in shown.err


@pytest.mark.parametrize(
    ("ends", "refusal"),
    [("exit 0", None), ("echo no such lemma >&2; exit 1", "does not accept it: no such lemma;"), ("sleep 9", "within")],
)
def test_a_file_is_proven_where_coqc_accepts_that_very_file(
    ends: str, refusal: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of coqc a program that ends in each way."""
    program = tmp_path / "coqc"
    program.write_text(f"#!/bin/sh\n[ $1 = -q ] && cmp -s $2 {PROOFS / 'lrt.v'} || exit 3\n{ends}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(coqc, "MOST_SECONDS", 0.5 if ends.startswith("sleep") else 60)
    text = (PROOFS / "lrt.v").read_text()
    if refusal is None:
        statement, compared = compiled(text)
        assert (statement["surrogate"], statement["verdict"], compared) == ("lrt", "none", True)
    else:
        with pytest.raises(RefusedError, match=refusal):
            compiled(text)


@pytest.mark.slow
@NEEDS_COQ
def test_the_command_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-certificate", str(PROOFS / "lrt.v"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["proven"], found["compared"], found["surrogate"]) == (True, True, "lrt")


@pytest.mark.parametrize("name", ["shayer", "moment-matching", "lrt --noise laplace:1", "lrt --weights ternary:0.5"])
def test_arguments_without_a_template_are_named(name: str) -> None:
    with pytest.raises(UnprovedError, match="no Rocq file"):
        rocq(subject_of(name), proof("none", {}))  # type: ignore[arg-type]


# Any bytes.


def test_edited_bytes_give_a_refusal_or_the_same_truth(texts: dict[str, str]) -> None:
    """Each text with characters changed, cut out or doubled; what is still accepted has the same verdict and words."""
    draw = random.Random(2)
    letters = '0123456789/-+*^x"[]{}:, \n\\ntrueflsé\x00\ud800'
    for _ in range(200):
        name = draw.choice(list(texts))
        text = list(texts[name])
        for _ in range(draw.choice((1, 1, 2, 5))):
            place, length = draw.randrange(len(text)), draw.choice((0, 1, 1, 3, 30))
            text[place : place + length] = draw.choices(letters, k=draw.choice((0, 1, 1, 4)))
        with contextlib.suppress(*REFUSED):
            statement, _ = checked("".join(text))
            assert (statement["verdict"], statement["surrogate"]) == (
                TRUE[name][0],
                json.loads(texts[name])["statement"]["surrogate"],
            )


def test_a_surrogate_declared_in_python_is_certified_but_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = tmp_path / "mine.py"
    declared.write_text(
        "import meanbits as mb\nimport sympy as sp\nh = mb.symbols.h\n"
        "net = mb.Surrogate('net', mb.binary, mb.continuous('mine', sp.tanh(h) / 2 + h / 5), mb.sample, '')\n"
    )
    path = tmp_path / "mine.json"
    assert main(["critical", f"{declared}:net", "--certificate", str(path)]) == 0
    assert main(["check-certificate", str(path)]) == 0
    shown = capsys.readouterr()
    assert "was not compared" in shown.err
    assert "declared in Python: Surrogate('net'" in shown.out


# The arithmetic of the checker, against mpmath.

EXPRESSIONS: list[Any] = [
    ["tanh", "x"], ["erf", ["*", "1/2", "x"]], ["*", "x", ["exp", ["*", -1, ["^", "x", 2]]]],
    ["*", ["^", "x", 2], ["^", ["+", 1, ["exp", "x"]], -1]], ["+", "x", ["log", ["+", 1, ["exp", ["*", -1, "x"]]]]],
    ["*", "1/2", "x", ["+", 1, ["erf", ["*", "x", ["^", ["sqrt", 2], -1]]]]], ["sin", ["*", 3, "x"]],
    ["sqrt", ["+", 1, ["^", "x", 2]]], ["^", ["+", "pi", ["cos", "x"]], -3], ["*", "x", ["sin", "x"]],
]  # fmt: skip
VALUES: dict[str, Any] = {"exp": sp.exp, "tanh": sp.tanh, "erf": sp.erf, "log": sp.log, "sqrt": sp.sqrt,
                          "sin": sp.sin, "cos": sp.cos}  # fmt: skip
X = sp.Symbol("x", positive=True)


def symbolic(value: Any) -> sp.Expr:
    """The expression of a list in SymPy, by rules of its own."""
    if not isinstance(value, list):
        return {"x": X, "pi": sp.pi}.get(value) or sp.Rational(value)
    name, *rest = value
    if name == "^":
        return symbolic(rest[0]) ** rest[1]
    if name in VALUES:
        return VALUES[name](symbolic(rest[0]))
    return (sp.Add if name == "+" else sp.Mul)(*map(symbolic, rest))


@pytest.mark.parametrize("value", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_values_slopes_and_bounds_far_out_are_true(value: Any, order: int) -> None:
    tree, exact = checker.parsed(value), symbolic(value)
    for _ in range(order):
        tree, exact = checker.derivative(tree), exact.diff(X)
    for cut in (1, 4):
        bounds = checker.ball(tree, checker.Span(flint.arb(cut), checker.INFINITY))
        for place in (cut, cut + sp.Rational(1, 3), 2 * cut, 11):
            with ctx.workprec(100):
                true = flint.arb(str(sp.N(exact.subs(X, place), 35)))
                place = flint.arb(flint.fmpq(int(sp.Rational(place).p), int(sp.Rational(place).q)))
                found = checker.ball(tree, place)
                assert found.overlaps(true)
                assert not true < bounds.low
                assert not true > bounds.high
            size = largest_growth(tree, cut)
            assert size is None or not abs(true) > size[0] * place ** size[1]


def largest_growth(tree: Any, cut: int) -> tuple[Any, int] | None:
    try:
        return checker.growth(tree, flint.arb(cut))
    except RefusedError:
        return None


@pytest.mark.parametrize("value", EXPRESSIONS[:7], ids=str)
@pytest.mark.parametrize("variance", ["1/100", 1, 20])
def test_gaussian_means_are_true(value: Any, variance: Any) -> None:
    import mpmath

    neuron = checker.Neuron({"up": [[0, value]], "down": None})
    function = sp.lambdify(X, symbolic(value) ** 2, "mpmath")
    scale = mpmath.sqrt(mpmath.mpf(Fraction(variance).numerator) / Fraction(variance).denominator)
    with mpmath.workdps(20):
        true = 2 * mpmath.quad(lambda z: function(scale * z) * mpmath.npdf(z), [0, 1, 2, 4, 8, 14])
    with ctx.workprec(128):
        found = neuron.mean(lambda tree: ("^", tree, 2), flint.arb(checker.number(variance)))
        assert abs(found - flint.arb(str(true))) < 1e-12 * max(1, abs(float(true)))
        assert found.rad() < 1e-12 * max(1, abs(float(true)))
