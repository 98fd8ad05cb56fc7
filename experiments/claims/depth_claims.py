"""Claims about depth (theory sheet, sections 3 and 4): depth scales, and how deep each surrogate reaches."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Claim, Evidence, either, formula
from meanbits.experiments.claims.critical_claims import LRT_TANH, NOISES, SIGN, paper_form
from meanbits.experiments.claims.evidence import Options, by_z, compared, derived, networks, printed, sheet, theory_of
from meanbits.experiments.claims.map_claims import LRT_BITS
from meanbits.experiments.random_networks.networks import Measurement
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.numerics.solvers.solve import fixed_point
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import Theory
from meanbits.theory.stages.decay import gap_decay
from meanbits.theory.symbols import T, overlap, q, sigma_b2, sigma_m2

BOUND = float(1 / np.log(np.pi / 2))
BIASES = np.array([0.0, 1e-6, 1e-3, 0.05, 0.5, 5.0, 500.0])
NUDGE, NUDGE_ERROR = 1e-5, 1e-4  # of iterated maps: what their curvature changes is of the order of the nudge
LAYERS, DEPTH = 8, 8
GAINS = (1.5, 2.0)
NEAREST = 1e-4  # of two inputs that are sent through networks
t = sp.Symbol("t", positive=True)


def _iterated(options: Options, means: float, biases: float, factor: Any) -> Evidence:
    """q and the gap nudged off their fixed point and followed through the emitted maps."""
    theory = theory_of(options)
    maps, found = compile_theory(theory), fixed_point(theory, means, biases)
    at, rest = float(found.q), float(found.gap)

    def gap_after(gap: float) -> float:
        return float(maps.gap_map(gap, at, means, biases))

    scales = {"xi_c": _scale(gap_after, rest, NUDGE * (rest or 1))}
    if found.dq > 0:
        scales["xi_q"] = _scale(lambda x: float(maps.variance_map(x, means, biases)), at, NUDGE * at)
    errors = [abs(scale / (float(factor) * float(getattr(found, name))) - 1) for name, scale in scales.items()]
    what = f"decay over {LAYERS} layers of the emitted maps of {theory.surrogate.name}, against -1/ln of the slopes"
    return Evidence(
        "iteration", what, {**scales, "error": max(errors), "tolerance": NUDGE_ERROR}, max(errors) <= NUDGE_ERROR
    )


def _scale(after: Any, at: float, nudge: float) -> float:
    """The depth over which a nudge decays by e."""
    x = at + nudge
    for _ in range(LAYERS):
        x = after(x)
    return float(-LAYERS / np.log((x - at) / nudge))


def _in_networks(factor: Any, means: float = 0.8, biases: float = 0.05) -> Evidence:
    """The gap of two nearly equal inputs, whose q is at its fixed point from the first layer on."""
    surrogate = compose(**paper_form())
    found = fixed_point(theory_of(paper_form()), means, biases)
    mean_square = float((found.q - biases) / (means * (1 + found.q)))
    gaps = 1 - networks(surrogate, means, biases, NEAREST, mean_square, DEPTH).c.values
    rates = Measurement(np.log(gaps[:, :1] / gaps[:, -1:]) / (DEPTH - 1))
    claimed = float(factor) / float(found.xi_c)
    z = float(np.abs(rates.z(np.array([claimed])))[0])
    evidence = by_z(f"rate of decay of the gap over {DEPTH} layers of {surrogate.name}", {"1/xi_c": z})
    scale = {"xi_c of the networks": float(1 / rates.mean[0]), "xi_c": 1 / claimed}
    return Evidence(evidence.by, evidence.what, {**evidence.numbers, **scale}, evidence.holds)


def _bound_by_algebra(factor: Any) -> Evidence:
    """chi at the fixed point r of sign neurons, sigma_b2 eliminated; r = (1 - t^2)/(1 + t^2), 0 < t <= 1."""
    maps = theory_of(SIGN).maps
    assert maps.replica_map is not None
    g, f = maps.replica_map.closed, 2 * sp.asin(overlap) / sp.pi
    bias = (overlap - sigma_m2 * f) / (1 - overlap)
    chi = sp.simplify(g.diff(overlap).subs(sigma_b2, bias))
    at_one = chi.subs(sigma_m2, 1).subs(sp.asin(overlap), sp.pi / 2 - 2 * sp.atan(t))
    at_one = at_one.subs(overlap, (1 - t**2) / (1 + t**2))
    claims = [
        (g.subs(sigma_b2, bias), overlap * factor),
        (chi.diff(sigma_m2) * (1 - sigma_m2 * f) ** 2, factor * f.diff(overlap) * (1 - overlap)),
        (at_one, factor * t / (2 * sp.atan(t))),
        ((sp.atan(t) - t / (1 + t**2)).diff(t), factor * 2 * t**2 / (1 + t**2) ** 2),
        ((t / (2 * sp.atan(t))).subs(t, 1), factor * 2 / sp.pi),
    ]
    what = "chi rises with sigma_m2 at fixed r; at sigma_m2 = 1 it is t/(2 atan t), which rises to 2/pi at t = 1, r = 0"
    return derived(what, claims)


def _reaches(options: tuple[Options, ...], bound: float) -> Evidence:
    """xi_c on a grid of sigma_m2 up to 1 and of sigma_b2 from 0 to 500."""
    means, biases = np.meshgrid(np.linspace(0.25, 1, 4), BIASES)
    deepest = [float(fixed_point(theory_of(each), means, biases).xi_c.max()) for each in options]
    names = ", ".join(theory_of(each).surrogate.name for each in options)
    rounding = 1 + 4 * float(np.finfo(np.float64).eps) * BOUND  # of a slope of a few operations, through its logarithm
    numbers = {"largest xi_c": max(deepest), "bound": bound}
    what = f"xi_c over {means.size} initialisations each of {names}"
    return Evidence("solver", what, numbers, max(deepest) <= bound * rounding)


def _tends_to_bound(factor: Any) -> Evidence:
    found = fixed_point(theory_of(SIGN), 1.0, 1e-9)
    what = "xi_c of sign neurons at sigma_m2 = 1, sigma_b2 = 1e-9"
    return compared("solver", what, float(found.xi_c), float(factor) * BOUND, 1e-6)  # linear in sigma_b


def _rises(options: Options) -> Evidence:
    """Whether xi_c rises with sigma_m2 at every sigma_b2, to its largest value at sigma_m2 = 1.

    For bits treated exactly it must: g rises with sigma_m2 at every r, and with it the fixed point and the slope there.
    """
    means, biases = np.linspace(0.02, 1, 50), np.array([1e-3, 0.05, 0.5])
    found = fixed_point(theory_of(options), *np.meshgrid(means, biases, indexing="ij"))
    numbers = {f"xi_c({means[k]:g})": float(found.xi_c[k, 0]) for k in (9, 39, 49)}
    what = f"xi_c(sigma_m2) at three sigma_b2 (shown: 0.001), {theory_of(options).surrogate.name}"
    return Evidence("solver", what, numbers, bool(np.all(np.diff(found.xi_c, axis=0) > 0)))


def _falls_again(options: Options) -> Evidence:
    found = _rises(options)
    return Evidence(found.by, f"not rising throughout: {found.what}", found.numbers, not found.holds)


def _peak(gain: float, factor: Any) -> Evidence:
    """Without biases the deepest start is where the critical curve begins."""
    means = np.linspace(0.002, 1, 500)
    found = fixed_point(theory_of(paper_form(gain)), means, 1e-9)
    at = float(means[np.argmax(found.xi_c)])
    numbers = {"deepest at sigma_m2": at, "1/gain^2": float(factor) / gain**2, "spacing": 0.002}
    what = f"where xi_c is largest at sigma_b2 = 1e-9, tanh of gain {gain}"
    return Evidence("solver", what, numbers, bool(abs(at - float(factor) / gain**2) <= 0.004))


def _critical_point() -> tuple[Theory, float, float]:
    theory = theory_of(paper_form(1.5, "erf"))
    point = critical_curve(theory, [0.1])[0]
    return theory, point.sigma_m2, point.sigma_b2


def _reaches_any_depth(off: float) -> Evidence:
    """Whether xi_c is infinite at a sigma_m2 that is off a critical point by this fraction."""
    theory, means, biases = _critical_point()
    found = fixed_point(theory, means * (1 + off), biases)
    numbers = {"sigma_m2": means * (1 + off), "sigma_b2": biases, "chi_1": float(found.chi_1)}
    numbers |= {"c*": float(found.c), "xi_c": "infinite" if np.isposinf(found.xi_c) else float(found.xi_c)}
    what = "xi_c where c* = 1 and chi_1 = 1, on the critical curve of erf of gain 1.5"
    return Evidence("solver", what, numbers, bool(found.phase == "critical" and np.isposinf(found.xi_c)))


def _power_law(factor: Any, layers: int = 4000) -> Evidence:
    """The gap of inputs that start unrelated, followed through the emitted map at a critical point."""
    theory, means, biases = _critical_point()
    law, gap_map, gap = gap_decay(theory.maps), compile_theory(theory).gap_map, 1.0
    assert law is not None
    for _ in range(layers):
        gap = float(gap_map(gap, 0.1, means, biases))
    values = {q: 0.1, T: 1 + biases, sigma_m2: means, sigma_b2: biases}
    claimed = float(law.amplitude.subs(values)) * layers ** -float(law.exponent)
    return compared("iteration", f"gap after {layers} layers at a critical point, erf of gain 1.5, against amplitude/l",
                    gap, float(factor) * claimed, 0.02)  # fmt: skip


def _diverges(power: float) -> Evidence:
    """xi_c grows as the distance of sigma_m2 from the critical point to this power, on either side."""
    theory, means, biases = _critical_point()
    off = np.array([1e-3, 1e-4, 1e-5, 1e-6])
    sides = [fixed_point(theory, means * (1 + side * off), biases).xi_c for side in (-1, 1)]
    orders = [float(np.diff(np.log(xi))[-1] / np.diff(np.log(off))[-1]) for xi in sides]
    numbers = {"xi_c at 1e-6": float(sides[0][-1]), "order below": orders[0], "order above": orders[1]}
    what = "xi_c at relative distances 1e-3 .. 1e-6 of sigma_m2 from the same critical point"
    return Evidence("solver", what, numbers, bool(max(abs(order - power) for order in orders) <= 1e-3))


PAPER_SURROGATES = (SIGN, {"name": "lrt"}, LRT_BITS, LRT_TANH, paper_form(1))
DEPTH_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "eq.depth-scales",
        printed("eqs. 18, 19", 3),
        "Perturbations of q and c decay over the depths xi_q = -1/ln|dq'/dq| and xi_c = -1/ln chi(c*).",
        (
            formula(partial(_iterated, SIGN, 0.6, 0.05)),
            formula(partial(_iterated, paper_form(), 0.8, 0.05)),
            formula(partial(_iterated, LRT_TANH, 0.6, 0.3)),
            formula(_in_networks),
        ),
    ),
    Claim(
        "crit.depth-bound",
        sheet(4),
        "For exactly marginalised sign neurons xi_c <= 1/ln(pi/2) = 2.2 layers at every sigma_m2 <= 1 and "
        "sigma_b2 >= 0, approached at sigma_m2 = 1 as sigma_b -> 0; every noise tried makes it shorter, with LRT too.",
        (
            formula(_bound_by_algebra),
            formula(_tends_to_bound),
            either(partial(_reaches, (SIGN,)), BOUND, BOUND * 0.99),
            either(partial(_reaches, ({"name": "lrt"}, LRT_BITS)), BOUND, 1.0),
            either(partial(_reaches, tuple({"name": "deterministic", "noise": noise} for noise in NOISES)), BOUND, 1.0),
        ),
    ),
    Claim(
        "crit.means",
        printed("abstract", 4),
        "For deep networks the means of the weights should start close to +-1: the depth scale xi_c of each of "
        "its surrogates grows with sigma_m2 up to sigma_m2 = 1.",
        tuple(either(_rises, options, paper_form(1.5)) for options in PAPER_SURROGATES),
    ),
    Claim(
        "crit.means-gain",
        "this workbench, beyond theory sheet 4",
        "In paper form with a gain kappa > 1 xi_c does not grow up to sigma_m2 = 1: without biases it is largest where "
        "the critical curve starts, at sigma_m2 = 1/kappa^2.",
        (
            *(either(_falls_again, paper_form(gain), paper_form(1)) for gain in GAINS),
            *(formula(partial(_peak, gain)) for gain in GAINS),
        ),
    ),
    Claim(
        "crit.arbitrary-depth",
        printed("abstract and section 3", 4),
        "At a critical initialisation, where c* = 1 with chi_1 = 1, the depth scale xi_c diverges: signals reach "
        "arbitrary depth.",
        (either(_reaches_any_depth, 0.0, 0.01), either(_diverges, -1.0, -0.5)),
    ),
    Claim(
        "crit.power-law",
        "this workbench, beyond theory sheet 4",
        "There inputs are told apart as a power of depth: their gap 1 - c falls as amplitude/l.",
        (formula(_power_law),),
    ),
)
