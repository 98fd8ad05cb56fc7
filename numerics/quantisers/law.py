"""What the best uniform quantiser comes to with many levels: N^2/ln N, and how slowly.

With levels up to L standard deviations, step 2L/N, cells lose step^2/12 = L^2/(3 N^2), and the field beyond them
2 E ((u - L)_+)^2 = 4 p(L)/L^3, p the normal density. The sum is least where L^3 = 6 N^2 p(L): there the second is
2/(3 N^2), the loss (L^2 + 2)/(3 N^2), and L^2 = 4 ln N + O(ln ln N), so that the loss is 4 ln N/(3 N^2) at last.
D. Hui and D. L. Neuhoff, IEEE Trans. Inf. Theory 47 (2001) 957.
"""

from __future__ import annotations

import math

from scipy import optimize

LARGEST = 60.0  # of L, at N = e^900


def support(levels: float) -> float:
    """L, up to which levels reach, in standard deviations of the field: L^3 = 6 N^2 p(L).

    Raises:
        ValueError: fewer than 2 levels.

    >>> round(support(1e5), 3)
    6.08
    """
    if not 2 <= levels < math.inf:
        raise ValueError(f"levels = {levels:g}: give at least 2")
    target = math.log(6 / math.sqrt(2 * math.pi)) + 2 * math.log(levels)
    return float(optimize.brentq(lambda edge: 3 * math.log(edge) + edge**2 / 2 - target, 0.1, LARGEST))


def loss_of_many(levels: float) -> float:
    """1 - chi(0) of the best uniform quantiser of many levels, up to terms of relative order 1/L^4."""
    return (support(levels) ** 2 + 2) / (3 * levels**2)


def exponent_of_many(levels: float) -> float:
    """d ln(1/loss)/d ln N of `loss_of_many`: 2 - 4 L^2/((L^2 + 2)(L^2 + 3)), which tends to 2 as 2 - 1/ln N."""
    square = support(levels) ** 2
    return 2 - 4 * square / ((square + 2) * (square + 3))
