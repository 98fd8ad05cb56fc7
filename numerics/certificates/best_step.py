"""Proof in balls that the best uniform quantiser of a Gaussian is where the optimiser finds it.

With thresholds t_i a step d apart, S = sum p(t_i) and Q = E f^2 (levels 1 apart), chi(0) = S^2/Q. Both fall in d, so
that their values at the ends of an interval enclose them. An interval of steps holds no maximum if chi is below a value
that is attained, or if dchi/dd, by its Taylor polynomial with remainder, has one sign on it; what remains encloses the
best step. Steps beyond the last are bounded by their tails.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_series, ctx

from meanbits.numerics.certificates.balls import Ball, UnprovedError, exact, hull
from meanbits.numerics.quantisers.uniform import best_uniform

MOST = 64
FIRST, LAST = arb(2) ** -20, arb(4)
NARROWEST, SPREAD = arb(2) ** -24, 2**6  # of an interval, relative to the best step, and how many of those may remain
TERMS = 8  # of Taylor polynomials
BITS = 128


@dataclass(frozen=True)
class CertifiedStep:
    """Enclosures of the best step and of its chi(0), and how many intervals the proof took."""

    levels: int
    step: Ball
    chi: Ball
    intervals: int


def certify_best_step(levels: int) -> CertifiedStep:
    """The best uniform quantiser of 3 to 64 levels, proved.

    Raises:
        ValueError: a number of levels out of range; of 2 levels chi(0) is 2/pi at every step.
        UnprovedError: where the intervals that remain are not narrow.

    >>> proved = certify_best_step(3)
    >>> proved.chi.str(8, radius=False)
    '0.80982596'
    """
    if not 3 <= levels <= MOST:
        raise ValueError(f"levels = {levels}: give from 3 to {MOST}; of 2 levels chi(0) is 2/pi at every step")
    before = ctx.prec
    ctx.prec = BITS
    try:
        return _proved(levels, arb(best_uniform(levels).step))
    finally:
        ctx.prec = before


def _proved(levels: int, near: Ball) -> CertifiedStep:
    attained = _chi_between(levels, near, near)
    if not (_chi_between(levels, arb(0), FIRST) < attained and _chi_beyond(levels) < attained):
        raise UnprovedError("%s levels: a step near 0 or beyond %s may be better", levels, LAST)
    kept, looked = _remaining(levels, attained, near * NARROWEST)
    step = hull(kept[0][0], kept[-1][1])
    if not step.rad() < near * SPREAD * NARROWEST:
        raise UnprovedError("%s levels: the best step lies in %s", levels, step)
    slope = _taylor(levels, hull(step, near))[1]
    return CertifiedStep(levels, step, hull(attained, attained + slope * (step - near)), looked)


def _remaining(levels: int, attained: Ball, narrowest: Ball) -> tuple[list[tuple[Ball, Ball]], int]:
    """The intervals that may hold the best step, in order, and how many were looked at."""
    waiting, kept, looked = [(FIRST, LAST)], [], 0
    while waiting:
        low, high = waiting.pop()
        looked += 1
        if _chi_between(levels, low, high) < attained or not _slope(levels, low, high).contains(0):
            continue
        if high - low < narrowest:
            kept.append((low, high))
            continue
        middle = exact((low * high).sqrt())
        waiting += [(middle, high), (low, middle)]
    return kept, looked


def _slope(levels: int, low: Ball, high: Ball) -> Ball:
    """dchi/dd on an interval, from the coefficients at its middle, and the last one anywhere on it."""
    whole, middle = hull(low, high), exact((low + high) / 2)
    around, last = _taylor(levels, middle), _taylor(levels, whole)[TERMS - 1]
    value, away = arb(0), whole - middle
    for order, coefficient in reversed(list(enumerate((*around[: TERMS - 1], last)))[1:]):
        value = value * away + order * coefficient
    return value


def _taylor(levels: int, step: Ball) -> list[Ball]:
    """Coefficients of chi in the step, unbounded where a wide ball for Q holds 0."""
    before = ctx.cap
    ctx.cap = TERMS
    try:
        slope, square = _sums(levels, arb_series([step, 1]))
        return [arb(0, arb.pos_inf())] * TERMS if square[0].contains(0) else (slope * slope / square).coeffs()
    finally:
        ctx.cap = before


def _chi_between(levels: int, low: Ball, high: Ball) -> Ball:
    (most, largest), (least, smallest) = _sums(levels, low), _sums(levels, high)
    return hull(least, most) ** 2 / hull(smallest, largest)


def _sums(levels: int, step: Ball) -> tuple[Ball, Ball]:
    """S and Q: at the threshold t steps above 0, f^2 grows by 2 t."""
    points = _offsets(levels)
    slope = 2 * sum((_density(t * step) for t in points), arb(0))
    square = sum((2 * t * (t * step / arb(2).sqrt()).erfc() for t in points), arb(0))
    return (slope, square) if levels % 2 else (slope + _density(arb(0)), square + arb(0.25))


def _offsets(levels: int) -> list[Ball]:
    """Thresholds above 0 in steps."""
    start = arb(0.5) if levels % 2 else arb(1)
    return [start + k for k in range((levels - 1) // 2)]


def _density(x: Ball) -> Ball:
    return (-(x * x) / 2).exp() / (2 * arb.pi()).sqrt()


def _chi_beyond(levels: int) -> Ball:
    """A bound on chi at every step from `LAST` on.

    The sums of p(t d) beyond the first threshold are at most geometric. For even counts Q >= 1/4; for odd ones
    Q >= P(|u| > x), x = d/2, at least 2 p(x) x/(1 + x^2), so that p(x)^2/Q falls in x.
    """
    first = _offsets(levels)[0] * LAST
    rest = 1 / (1 - (-(LAST**2) / 2).exp())
    density = _density(first)
    if levels % 2 == 0:
        return 4 * (_density(arb(0)) + 2 * density * rest) ** 2
    return (2 * rest) ** 2 * density * (1 + first**2) / (2 * first)
