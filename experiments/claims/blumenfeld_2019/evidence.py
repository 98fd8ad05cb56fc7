"""What the claims about quantised activations share: the paper's settings, and where its statements stand."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from meanbits.experiments.claims.papers import BLUMENFELD
from meanbits.numerics.quantisers.uniform import Best, best_uniform

SUPPLEMENT = "notebook Optimal_Spacing_Analysis of the paper's supplement (github.com/yanivbl6/quantized_meanfield)"
BEYOND = f"{BLUMENFELD.citation}, beyond it; theory sheet, section 9"
FITTED = (*range(3, 64), 125, 128, 255, 256, 512, 515, 1024, 1025)  # numbers of levels that the paper's fits are of
RATIO = 1.25  # of numbers of levels between which a local exponent is taken


def stated(where: str) -> str:
    """The source of a statement of the paper."""
    return f"{BLUMENFELD.citation}, {where}"


@lru_cache(maxsize=1)
def fitted() -> tuple[Best, ...]:
    """The best quantisers of the numbers of levels that the paper's fits are of."""
    return tuple(best_uniform(levels) for levels in FITTED)


def power_of(values: list[float], shift: int) -> tuple[float, float]:
    """Slope and intercept of the least-squares line of ln values over ln(levels + shift), at `FITTED`."""
    slope, intercept = np.polyfit(np.log(np.array(FITTED) + shift), np.log(values), 1)
    return float(slope), float(intercept)


def exponent(levels: int) -> float:
    """d ln xi/d ln N about a number of levels, between two of equal parity."""
    low, high = 2 * math.floor(levels / RATIO / 2), 2 * math.ceil(levels * RATIO / 2)
    return math.log(best_uniform(high).xi / best_uniform(low).xi) / math.log(high / low)


@lru_cache(maxsize=4)
def passing(power: float, low: int = 16, high: int = 4096) -> int:
    """The even number of levels about which the local exponent first reaches a power, by halving."""
    while high - low > 2:
        middle = 2 * ((low + high) // 4)
        low, high = (middle, high) if exponent(middle) < power else (low, middle)
    return high
