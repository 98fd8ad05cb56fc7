"""The page about a surrogate, in a real browser: it computes what Python does, and everyone can read it."""

from __future__ import annotations

import base64
import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import meanbits as mb
from meanbits.experiments.claims.catalogue import chosen, settle
from meanbits.experiments.page.live import NotLiveError, live
from meanbits.experiments.page.live_chain import live_chain
from meanbits.experiments.page.page import Findings, page
from meanbits.experiments.report import Derivation, Figure, report
from meanbits.experiments.verification.verify import CheckResult
from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.emission.emit_layer import compile_layer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 375, "height": 720}
scale = sp.Symbol("scale", positive=True)
SCALED = mb.NeuronNoise("scaled logistic", mb.logistic.cdf.subs(mb.symbols.h, mb.symbols.h / scale))


def declared(name):
    if name == "open":
        return dataclasses.replace(mb.compose("lrt"), name="lrt, noise open", neurons=mb.stochastic(SCALED))
    surrogate, options = OPTIONS.get(name, (name, {}))
    return mb.compose(surrogate, **options)


SUBJECTS = ("deterministic", "gain", "lrt", "shayer", "open", "laplace", "levels")
OPTIONS = {"gain": ("deterministic", {"gain": 1.5}), "laplace": ("lrt", {"noise": "laplace:0.7"}),
           "levels": ("continuous", {"neurons": "deadzone:0.5"})}  # fmt: skip
CHAIN = "quantised-k"


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with sync_api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of what a page needs a browser for; the checks, which `verify` tests, are left out."""
    folder = tmp_path_factory.mktemp("pages")
    paths = {}
    for name in SUBJECTS:
        theory = mb.derive(declared(name))
        text = page(theory, "A lead.", theory.surrogate.reference, Findings(live(theory)), "0")
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(text, encoding="utf-8")
    chain = mb.derive(CHAIN)
    paths["chain"], paths["paper"] = folder / "chain.html", folder / "paper.html"
    paths["chain"].write_text(page(chain, "A lead.", "", Findings(live_chain(chain)), "0"), encoding="utf-8")
    paths["paper"].write_text(whole_report(folder / "dot.png"), encoding="utf-8")
    return paths


def whole_report(picture: Path) -> str:
    """The page that `meanbits paper` writes, of one surrogate."""
    picture.write_bytes(base64.b64decode(DOT))
    check = CheckResult("lrt", "chi by two routes", "equal to 1e-13", "0.0 apart", 0.0, None, 1e-13, 1e-9, True)
    figure = Figure("Figure 1", r"At $\sigma_b^2$ = 0.1.", (picture,))
    derivations = [Derivation(mb.derive("lrt"), 0.1)]
    return report({"meanbits": "0", "preset": "smoke"}, derivations, [check], settle(chosen(["eq.chi"])), [figure])


class Shown:
    """A page in a browser, with what it said and asked for."""

    def __init__(self, browser, path: Path, viewport=DESKTOP) -> None:
        self.page = browser.new_page(viewport=viewport)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        if self.page.locator("#live-data").count():
            self.page.wait_for_function("document.documentElement.dataset.ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.close()

    def set(self, **values):
        """Type numbers beside the sliders, and wait for the frame that shows them."""
        for name, value in values.items():
            self.page.fill(f"#at-{name}", repr(value))
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def found(self):
        """The numbers of the fixed point, and the columns of the first chart."""
        text = """() => { const { found, columns } = window.meanbits; const shown = (v) => typeof v === "number" &&
            !Number.isFinite(v) ? String(v) : v; return [found && Object.fromEntries(Object.entries(found).filter(
            ([name]) => name !== "at").map(([name, v]) => [name, shown(v)])), columns.slice(0, 3)]; }"""
        numbers, columns = self.page.evaluate(text)
        return numbers, [np.array(column, np.float64) for column in columns]


@pytest.mark.parametrize("name", [*SUBJECTS, "chain"])
def test_a_page_says_nothing_on_the_console_and_asks_for_nothing(chromium, pages, name):
    with Shown(chromium, pages[name]) as shown:
        shown.set(sigma_m2=0.3)
        assert shown.said == []
        assert shown.asked == [pages[name].as_uri()]
    assert pages[name].stat().st_size < 1_000_000


POINTS = [{"sigma_m2": 0.5, "sigma_b2": 0.001}, {"sigma_m2": 0.93, "sigma_b2": 0.0}, {"sigma_m2": 0.2, "sigma_b2": 0.7},
          {"sigma_m2": 1.0, "sigma_b2": 1e-5}]  # fmt: skip


@pytest.mark.parametrize("name", SUBJECTS)
def test_numbers_beside_sliders_put_the_curve_where_python_says(chromium, pages, name):
    subject, extra = declared(name), {"open": {"scale": 0.7}, "gain": {"gain": 2.25}}.get(name, {})
    subject = subject.at(**extra) if name == "open" else mb.compose("deterministic", **extra) if extra else subject
    theory = mb.derive(subject)
    with Shown(chromium, pages[name]) as shown:
        for point in POINTS:
            shown.set(**point, **extra)
            numbers, (c, same, curve) = shown.found()
            expected = mb.fixed_point(theory, **point)
            assert float(numbers["c"]) == 1 - float(numbers["gap"])
            for key in ("q", "gap", "chi", "chi_1", "xi_c", "xi_q"):
                assert float(numbers[key]) == pytest.approx(float(getattr(expected, key)), rel=1e-9, abs=1e-15), key
            assert numbers["phase"] == str(expected.phase)
            assert np.array_equal(c, same)
            gap = compile_theory(theory).gap_map(1 - c, expected.q, *map(np.float64, point.values()))
            assert curve == pytest.approx(np.broadcast_to(1 - gap, c.shape), rel=1e-12, abs=1e-12)


def test_the_page_of_a_chain_shows_what_python_finds(chromium, pages):
    layer = mb.compose(CHAIN)
    with Shown(chromium, pages["chain"]) as shown:
        shown.set(sigma_m2=1.5, sigma_b2=0.2, depth=17)
        numbers, (c, same, curve) = shown.found()
        followed = shown.page.evaluate("window.meanbits.followed.gradient")
    expected, settled = mb.profile(layer, 17, 1.5, 0.2), layer_fixed_points(layer, 1.5, 0.2)
    assert np.array(followed) == pytest.approx(expected.gradient, rel=1e-9)
    assert float(numbers["chi_g"]) == pytest.approx(float(settled.chi_g), rel=1e-9)
    assert np.array_equal(c, same)
    gap = compile_layer(mb.derive(layer)).gap_map(1 - c, settled.q, 1.5, 0.2)
    assert curve == pytest.approx(1 - gap, rel=1e-9)


def test_the_scheme_of_the_reader_is_followed(chromium, pages):
    shown = chromium.new_page(color_scheme="dark")
    shown.goto(pages["gain"].as_uri())
    assert shown.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 24, 29)"
    shown.close()


def test_sliders_are_operable_by_keyboard(chromium, pages):
    with Shown(chromium, pages["gain"]) as shown:
        stops = []
        for _ in range(200):
            shown.page.keyboard.press("Tab")
            stops.append(shown.page.evaluate("document.activeElement.id"))
            if stops[-1] == "at-gain":
                break
        assert [stop for stop in stops if stop.startswith(("slide-", "at-"))] == [
            f"{kind}-{name}" for name in ("sigma_m2", "sigma_b2", "gain") for kind in ("slide", "at")
        ]
        shown.page.focus("#slide-sigma_m2")
        before = float(shown.page.input_value("#at-sigma_m2"))
        shown.page.keyboard.press("ArrowRight")
        after = float(shown.page.input_value("#at-sigma_m2"))
        shown.set()
        numbers, _ = shown.found()
        assert before < after <= 1
        assert float(numbers["q"]) == pytest.approx(
            float(mb.fixed_point(mb.derive(declared("gain")), after, 0.01).q), rel=1e-9
        )


def test_numbers_out_of_range_change_nothing(chromium, pages):
    with Shown(chromium, pages["deterministic"]) as shown:
        before, _ = shown.found()
        for text in ("1.5", "-1", ""):
            shown.page.fill("#at-sigma_m2", text)
        shown.set()
        assert shown.found()[0] == before
        assert shown.page.evaluate("document.body.innerText.includes('NaN')") is False


@pytest.mark.parametrize("name", ["deterministic", "gain", "chain", "paper"])
def test_a_phone_scrolls_down_only(chromium, pages, name):
    with Shown(chromium, pages[name], PHONE) as shown:
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize(
    ("name", "viewport"),
    [
        ("gain", DESKTOP),
        ("chain", PHONE),
        pytest.param("paper", DESKTOP, marks=pytest.mark.slow),
        pytest.param("gain", PHONE, marks=pytest.mark.slow),
    ],
    ids=lambda each: each if isinstance(each, str) else each["width"],
)
def test_axe_finds_nothing_to_mend(chromium, pages, name, viewport):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with Shown(chromium, pages[name], viewport) as shown:
        found = axe.Axe().run(shown.page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []


def test_it_prints_with_every_formula_whole(chromium, pages):
    width = """() => [...document.querySelectorAll(".formula")].filter((each) =>
        each.scrollWidth > each.clientWidth + 1 || each.getBoundingClientRect().height === 0).length"""
    with Shown(chromium, pages["gain"], {"width": 718, "height": 1000}) as shown:  # A4 less its margins
        shown.page.emulate_media(media="print")
        assert shown.page.evaluate(width) == 0
        assert shown.page.locator("nav").is_hidden()
        printed = shown.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") > 2


def test_without_scripts_the_equations_stand(chromium, pages):
    context = chromium.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(pages["deterministic"].as_uri())
    assert shown.locator("math").count() > 40
    assert shown.locator("noscript").count() == 1
    context.close()


@pytest.mark.slow
def test_time_to_use_and_to_redraw(chromium, pages, record_property):
    """Measured, not asserted: 1 s until a page answers, 20 ms a redraw."""
    for name in SUBJECTS:
        with Shown(chromium, pages[name]) as shown:
            ready = float(shown.page.evaluate("document.documentElement.dataset.ready"))
            times = []
            for value in np.linspace(0.1, 0.9, 15):
                shown.set(sigma_m2=float(value))
                times.append(float(shown.page.evaluate("document.documentElement.dataset.redraw")))
        record_property(name, f"ready {ready:.0f} ms, redraw {np.median(times):.1f} ms")
        print(f"{name}: ready after {ready:.0f} ms, redraw in {np.median(times):.1f} ms (slowest {max(times):.1f})")
        assert math.isfinite(ready)
        assert all(each > 0 for each in times)


def test_what_cannot_move_says_why():
    with pytest.raises(NotLiveError, match="single layer"):
        live(mb.derive("baldassi"))
    with pytest.raises(ValueError, match=r"sigma_m2 must be in \[0, 1\]"):
        live(mb.derive("deterministic"), sigma_m2=2.0)
