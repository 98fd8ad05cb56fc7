"""How deep signals reach with N levels: claims about L_max and what it depends on."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from meanbits.experiments.claims.blumenfeld_2019.evidence import (
    BEYOND,
    exponent,
    fitted,
    passing,
    power_of,
    stated,
)
from meanbits.experiments.claims.claim import Check, Claim, Evidence, either, formula
from meanbits.experiments.claims.evidence import compared
from meanbits.numerics.quantisers.law import exponent_of_many, loss_of_many
from meanbits.numerics.quantisers.lloyd_max import PANTER_DITE, lloyd_max
from meanbits.numerics.quantisers.uniform import best_uniform

CLAIMED = 1.82
MANY = (1_000, 10_000, 100_000)
WITHIN = 0.005  # what two decimals leave open


def _constant(levels: tuple[int, ...] | None) -> Evidence:
    """Whether the local exponent is 1.82, to its two decimals, at all these numbers of levels, or where it passes."""
    found = {f"at {each}": exponent(each) for each in levels or (passing(CLAIMED),)}
    holds = all(abs(each - CLAIMED) <= WITHIN for each in found.values())
    return Evidence("maps", "local exponent d ln xi/d ln N at the best step", found, holds)


def _fit(factor: Any, shift: int = 1) -> Evidence:
    """The power of N + 1 that is fitted to 1 - chi over the paper's numbers of levels."""
    slope, intercept = power_of([best.loss for best in fitted()], shift)
    claimed = -CLAIMED * float(factor)
    numbers = {"power": slope, "claimed": claimed, "intercept": intercept, "over ln N": power_of(
        [best.loss for best in fitted()], 0)[0]}  # fmt: skip
    what = "line of ln(1 - chi) over ln(N + 1), N = 3 to 63, 125, 128, 255, 256, 512, 515, 1024, 1025"
    return Evidence("maps", what, numbers, abs(slope - claimed) <= WITHIN)


def _passes(factor: Any) -> Evidence:
    """Where the local exponent is 1.82."""
    return compared("maps", "levels about which the local exponent in N passes 1.82", passing(CLAIMED),
                    float(factor) * 436, 0.05)  # fmt: skip


def _rising(order: tuple[int, ...]) -> Evidence:
    """Local exponents in this order, each above the last, and the last above 1.82 by more than it is rounded by."""
    found = [exponent(levels) for levels in order]
    rises = all(low < high for low, high in pairwise(found))
    numbers = {f"at {levels}": each for levels, each in zip(order, found, strict=True)}
    return Evidence("maps", "local exponent d ln xi/d ln N, rising beyond 1.82", numbers,
                    rises and found[-1] > CLAIMED + 10 * WITHIN)  # fmt: skip


def _law(factor: Any) -> Evidence:
    """The loss of many levels, 4 ln N/(3 N^2) at last, within what is left of its expansion."""
    levels = MANY[-1]
    found = best_uniform(levels).loss
    return compared("maps", f"1 - chi at {levels} levels against (L^2 + 2)/(3 N^2), L^3 = 6 N^2 p(L), p normal", found,
                    float(factor) * loss_of_many(levels), 0.01, exponent=exponent(levels),
                    law=exponent_of_many(levels))  # fmt: skip


def _two_at_last(power: float) -> Evidence:
    """The exponent of the law at ever larger N, beyond any that is computed: 2 - 1/ln N to leading order."""
    numbers = {f"at 1e{decade}": exponent_of_many(10.0**decade) for decade in (5, 20, 80, 300)}
    return Evidence("algebra", f"exponent of the law, 2 - 4 L^2/((L^2 + 2)(L^2 + 3)), tends to {power:g}", numbers,
                    abs(list(numbers.values())[-1] - power) < WITHIN)  # fmt: skip


def _panter_dite(factor: Any) -> Evidence:
    """N^2 times the loss of the best levels, from two numbers of levels, its error being of order 1/N."""
    half, whole = (levels**2 * lloyd_max(levels).loss for levels in (1024, 2048))
    return compared("maps", "N^2 (1 - chi) of the best levels at 1024 and 2048, continued in 1/N, against pi sqrt(3)/2",
                    2 * whole - half, float(factor) * PANTER_DITE, 1e-4)  # fmt: skip


def _deeper(names: tuple[str, str]) -> Evidence:
    """The depth scale of one kind of levels above that of the other, with few levels and with many."""
    losses = {"equal": lambda levels: best_uniform(levels).loss, "best": lambda levels: lloyd_max(levels).loss}
    low, high = (losses[name] for name in names)
    ratios = {f"ratio at {levels}": low(levels) / high(levels) for levels in (4, 16, 64, 1024)}
    return Evidence("maps", f"1 - chi of {names[0]} steps over that of {names[1]} levels", ratios,
                    all(each > 1 for each in ratios.values()))  # fmt: skip


DEPTH_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "blumenfeld.depth",
        stated("abstract"),
        "The maximal trainable depth, solved for numerically from an implicit equation in the number N of levels, "
        "grows asymptotically as N^1.82 (L_max read as a multiple of xi = -1/ln chi at the best weights, with which "
        "the paper's figure of trained depths is drawn).",
        (Check(partial(_constant, MANY), partial(_constant, None)),),
        "1.82 is the power of N + 1 fitted over N = 3 to 1025. The local exponent in N is least, 1.716, near 10 "
        "levels, passes 1.82 near 436 and tends to 2: 1 - chi is 4 ln N/(3 N^2) at last, the least distortion of a "
        "uniform quantiser of a Gaussian (Hui and Neuhoff 2001), and xi 3 N^2/(4 ln N).",
        (
            formula(_fit),
            formula(_passes),
            either(_rising, (16, 100, *MANY), (*MANY, 100)),
            formula(_law),
            either(_two_at_last, 2.0, CLAIMED),
        ),
    ),
    Claim(
        "blumenfeld.levels",
        BEYOND,
        "With levels and thresholds where a Gaussian is read best (Lloyd, Max) rather than equally spaced, signals "
        "reach deeper at every N > 3, and 1 - chi is pi sqrt(3)/(2 N^2) at last (Panter and Dite): N^2 without the "
        "logarithm.",
        (formula(_panter_dite), either(_deeper, ("equal", "best"), ("best", "equal"))),
    ),
)
