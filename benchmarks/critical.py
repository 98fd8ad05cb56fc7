"""Critical curves, how well they solve chi_1 = 1, and certificates."""

from __future__ import annotations

from functools import partial

from benchmarks.timing import SECONDS, Row, interleaved, progress, timed_row
from meanbits.numerics.certificates.certify import certify
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.solvers.critical import critical_curve
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory, derive

ROUNDS, ERROR_LIMIT, CERTIFICATE_LIMIT = 3, 1e-14, 10.0
CURVES = {
    "tanh neurons": ("continuous", {}),
    "tanh, paper form, gain 3/2": ("deterministic", {"phi": "tanh", "gain": "1.5"}),
    "erf, paper form, gain 3/2": ("deterministic", {"phi": "erf", "gain": "1.5"}),
}
BEYOND = tuple(compose("deterministic", phi=phi, gain=gain) for phi in ("tanh", "erf") for gain in ("1", "1.5"))


def critical_rows() -> list[Row]:
    """The curve along q from 1e-12 to 1e6, and the emitted chi_1 at each of its points."""
    progress("critical curves")
    theories = {name: derive(compose(base, **parts)) for name, (base, parts) in CURVES.items()}
    timings = interleaved({name: partial(critical_curve, theory) for name, theory in theories.items()}, ROUNDS)
    rows = []
    for name, theory in theories.items():
        error, points = largest_error(theory)
        group = f"critical curve, {points} points"
        rows += [
            timed_row(group, name, timings[name], SECONDS),
            Row(group, f"{name}: greatest error of chi_1", error, "absolute", limit=ERROR_LIMIT),
        ]
    return rows


def largest_error(theory: Theory) -> tuple[float, int]:
    """max |chi_1 - 1| over the points of the curve, by the emitted chi, and how many points there are."""
    points, chi = critical_curve(theory), compile_theory(theory).chi_at_gap
    errors = [abs(float(chi(0.0, point.q, point.sigma_m2, point.sigma_b2)) - 1) for point in points]
    return max(errors), len(errors)


def certificate_rows() -> list[Row]:
    """One proof each, of the catalogue and of the paper form: the slowest, and all together."""
    progress("certificates")
    theories = {surrogate.name: derive(surrogate) for surrogate in (*CATALOGUE, *BEYOND)}
    timings = interleaved({name: partial(certify, theory) for name, theory in theories.items()}, 1, warm=False)
    unproven = [name for name, theory in theories.items() if not certify(theory).certified]
    if unproven:
        raise SystemExit(f"not proven: {', '.join(unproven)}")
    slowest = max(timings, key=lambda name: timings[name].seconds)
    everything = sum(timing.seconds for timing in timings.values())
    return [
        timed_row("certificate", f"the slowest, {slowest}", timings[slowest], SECONDS, limit=CERTIFICATE_LIMIT),
        Row("certificate", f"all {len(timings)}: the catalogue, and paper forms", everything, "s"),
    ]
