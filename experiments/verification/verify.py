"""Verify a theory: symbols, arbitrary precision, exact chain, random networks; each check is shown a wrong formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from meanbits.experiments.chain.checks import ChainSubject as ExactChain
from meanbits.experiments.chain.checks import applies, field_moment_error, marginal_order, rate_noises
from meanbits.experiments.data import ImagePair, image_pairs, load
from meanbits.experiments.random_networks.networks import LayerStatistics, simulate
from meanbits.experiments.random_networks.propagation import theory_orbit
from meanbits.experiments.side_by_side import side_by_side
from meanbits.experiments.verification.chain_checks import CHAIN_CHECKS, network_distances
from meanbits.experiments.verification.chain_checks import DEPTH as CHAIN_DEPTH
from meanbits.experiments.verification.chain_subject import ChainSubject
from meanbits.experiments.verification.chain_subject import spoiled as spoiled_chain
from meanbits.experiments.verification.checks import CHECKS
from meanbits.experiments.verification.subject import Subject, spoiled
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.noise import NeuronNoise
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.derive import derive

ROUNDING = 1e-13  # sums of ten terms of order one, and probabilities over 2^10 states
ORDER_TOLERANCE = 0.01  # second order of the Edgeworth expansion over N = 129 .. 513
Z_LIMIT = 4.0
WIDTH, DEPTH, REALISATIONS, SEED = 600, 5, 48, 7
MEAN_SPREAD, SIGMA_B2 = 0.6, 0.05  # sigma_m2 as a part of what the weights allow, sigma_b2
WRONG_FACTOR = 1.1


@dataclass(frozen=True)
class CheckResult:
    """One check of one surrogate, or of a chain of blocks.

    error is the measured distance between expected and got (None where z measures it instead, in standard errors).
    wrong_error is the same measure of a deliberately wrong formula: the check passes only if it rejects that.
    """

    surrogate: str
    check: str
    expected: str
    got: str
    error: float | None
    z: float | None
    tolerance: float
    wrong_error: float
    passed: bool


def verify(
    subjects: Sequence[Surrogate | Layer], on_result: Callable[[CheckResult], None] | None = None
) -> tuple[CheckResult, ...]:
    """Run every check that applies to each surrogate or chain of blocks; `on_result` sees each result as it comes.

    Several subjects are checked side by side, a process a core.
    """
    results = []
    for result in checks_of(subjects[0]) if len(subjects) == 1 else chain.from_iterable(
        side_by_side(results_of, subjects)):  # fmt: skip
        results.append(result)
        if on_result is not None:
            on_result(result)
    return tuple(results)


def results_of(subject: Surrogate | Layer) -> tuple[CheckResult, ...]:
    """The results of every check that applies."""
    return tuple(checks_of(subject))


def checks_of(subject: Surrogate | Layer) -> Iterator[CheckResult]:
    """The results of every check that applies, as they come."""
    return _checks_of_chain(subject) if isinstance(subject, Layer) else _checks(subject)


def _checks(surrogate: Surrogate) -> Iterator[CheckResult]:
    subject = Subject.of(surrogate)
    for check in CHECKS:
        if check.applies(subject):
            error, wrong = check.measure(subject), check.measure(spoiled(subject, check.spoil))
            got = f"{error:.1e} apart"
            yield _result(surrogate, check.name, f"equal to {check.tolerance:.0e}", got, error, wrong, check.tolerance)
    if applies(surrogate):
        yield from _chain_checks(surrogate)
    yield from _network_checks(surrogate)


def _checks_of_chain(layer: Layer) -> Iterator[CheckResult]:
    subject = ChainSubject.of(layer)
    for check in CHAIN_CHECKS:
        error, wrong = check.measure(subject), check.measure(spoiled_chain(subject, check.spoil))
        yield _result(layer, check.name, f"equal to {check.tolerance:.0e}", f"{error:.1e} apart", error, wrong,
                      check.tolerance)  # fmt: skip
    for each in network_distances(layer, subject.sigma_m2, subject.sigma_b2):
        passed = each.z < Z_LIMIT < each.wrong
        yield CheckResult(layer.name, f"random networks: {each.name} of {CHAIN_DEPTH} layers", "theory",
                          f"|z| <= {each.z:.2f}", None, each.z, Z_LIMIT, each.wrong, passed)  # fmt: skip


def _chain_checks(surrogate: Surrogate) -> Iterator[CheckResult]:
    subject = ExactChain.of(surrogate)
    error, wrong = field_moment_error(subject), field_moment_error(subject.wrong())
    yield _result(surrogate, "exact chain: field mean and variance", "equal to rounding", f"{error:.1e} apart", error,
                  wrong, ROUNDING)  # fmt: skip
    for noise in rate_noises(surrogate):
        yield _rate_check(surrogate, noise)


def _rate_check(surrogate: Surrogate, noise: NeuronNoise | None) -> CheckResult:
    subject = ExactChain.of(surrogate, noise)
    error, wrong = marginal_order(subject), marginal_order(subject.wrong())
    neurons = surrogate.neurons.name if noise is None else f"{noise.name} noise"
    name = f"exact chain: marginals' error falls as 1/N, {neurons}"
    return _result(surrogate, name, "order -1", f"{error:.1e} off", error, wrong, ORDER_TOLERANCE)


def _network_checks(surrogate: Surrogate) -> Iterator[CheckResult]:
    theory, depth = derive(surrogate), 1 if surrogate.real_input else DEPTH
    weights = surrogate.weights
    sigma_m2 = MEAN_SPREAD * float(weights.mean_limit or 1) ** 2 if weights.mean_square is None else 1.0
    measured = _networks(surrogate, depth, sigma_m2)
    expected = theory_orbit(theory, pair=_pair(), depth=depth, sigma_m2=sigma_m2, sigma_b2=SIGMA_B2)
    for name, statistic, orbit in zip("qc", (measured.q, measured.c), expected, strict=True):
        z, wrong = (float(np.abs(statistic.z(values)).max()) for values in (orbit, orbit * WRONG_FACTOR))
        check, got = f"random networks: {name} of {depth} layers", f"|z| <= {z:.2f}"
        yield CheckResult(surrogate.name, check, "theory", got, None, z, Z_LIMIT, wrong, z < Z_LIMIT < wrong)


@lru_cache(maxsize=64)
def _networks(surrogate: Surrogate, depth: int, sigma_m2: float) -> LayerStatistics:
    return simulate(surrogate, width=WIDTH, depth=depth, realisations=REALISATIONS, sigma_m2=sigma_m2,
                    sigma_b2=SIGMA_B2, pair=_pair(), seed=SEED)  # fmt: skip


@lru_cache(maxsize=1)
def _pair() -> ImagePair:
    return image_pairs(load("digits"), count=3, seed=0)[1]


def _result(
    subject: Surrogate | Layer, name: str, expected: str, got: str, error: float, wrong: float, tolerance: float
) -> CheckResult:
    passed = error <= tolerance < wrong
    return CheckResult(subject.name, name, expected, got, error, None, tolerance, wrong, passed)
