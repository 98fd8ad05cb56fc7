"""The law of the singular values of the depth-L Jacobian, from free probability.

J = prod_l W_l D_l with W of independent entries of variance sigma_m2/N and D the slopes of the neurons at the fixed
point. Its squared singular values z follow from `stages.free_probability.spectral_equation`, one equation in t: where w
= psi_D(t), the density of log z is -Im w / pi. On the support z is real; it is followed there from its upper edge, the
largest z, along phi = -arg w, which runs from 0 to pi.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.generated.spectra import EQUATIONS
from meanbits.numerics.solvers.newton import Array
from meanbits.numerics.spectra.slope_law import SlopeLaw

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

EQUATION = EQUATIONS["independent"]
STEP, FIRST, LAST = 0.1, -12.0, 22.0  # of logit(phi/pi); beyond, less than 1e-9 (L + 1) of the mass
ROUNDING = 1e-13
MOST_STEPS = 40
LOST = 1e-6  # of the probability: more means that the nodes do not resolve the law of the slopes


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The law of the squared singular values at depth L.

    log_z: descending from the upper edge, (n,); density: of log z there, (n,); measure: its probability to each of the
    n steps of a trapezoidal rule; zeros: the probability of z = 0.
    """

    depth: int
    log_z: Array
    density: Array
    measure: Array
    zeros: float

    @property
    def mass(self) -> float:
        """The probability found, zeros included: 1 to rounding."""
        return float(self.measure.sum()) + self.zeros

    @property
    def largest(self) -> float:
        """The largest singular value: the upper edge."""
        return float(np.exp(self.log_z[0] / 2))

    def moment(self, order: int) -> float:
        """E z^order."""
        return float(self.measure @ np.exp(order * self.log_z))

    def cdf(self, z: Array) -> Array:
        """P(squared singular value <= z), z > 0."""
        position = np.clip(np.log(z), self.log_z[-1], self.log_z[0])
        return self.zeros + (1 - self.zeros) * self._interpolated(position)

    @cached_property
    def _interpolated(self) -> PchipInterpolator:
        from scipy.interpolate import CubicSpline, PchipInterpolator  # late, since they take a quarter of a second

        steps = np.arange(self.measure.size, dtype=np.float64)
        above = CubicSpline(steps, self.measure).antiderivative()(steps)
        points, which = np.unique(self.log_z, return_index=True)  # at a lower edge they come to equal numbers
        return PchipInterpolator(points, 1 - above[which] / above[-1])


def spectrum(law: SlopeLaw, sigma_m2: float, depth: int) -> Spectrum:
    """The spectrum at one depth >= 1 and sigma_m2 > 0.

    Raises:
        ValueError: if every slope vanishes, or the support is not one interval that the nodes of the law resolve.
    """
    if depth < 1 or not sigma_m2 > 0 or law.squares[-1] == 0:
        raise ValueError(f"depth = {depth}, sigma_m2 = {sigma_m2:g}, largest slope {np.sqrt(law.squares[-1]):g}: "
                         "each must be positive for a spectrum")  # fmt: skip
    with np.errstate(all="ignore"):  # what is lost shows in the probability found
        found = _followed(_Curve(law, sigma_m2, depth), law.flat)
    if not np.all(np.diff(found.log_z) < ROUNDING) or not abs(found.mass - 1) < LOST:
        raise ValueError(f"depth {depth}: the probability found is {found.mass:.8f}, not 1; the law of the slopes is "
                         "not resolved")  # fmt: skip
    return found


def _followed(curve: _Curve, zeros: float) -> Spectrum:
    """The spectrum along its curve, from the upper edge on."""
    logits = np.arange(FIRST, LAST, STEP)
    angles = np.pi / (1 + np.exp(-logits))
    rows, before, at = [], None, curve.upper_edge() + 0j
    at -= 1j * angles[0] / curve.values(at)[1]
    for angle in angles:
        after = curve.solved(at if before is None else 2 * at - before, angle)
        before, at = (None if not rows else at), after
        rows.append(curve.read(at))
    log_z, density, rate = np.array(rows).T
    measure = -density * rate * angles / (1 + np.exp(logits)) * STEP
    return Spectrum(curve.depth, log_z, density, measure, zeros)


class _Curve:
    """The curve of z real in log t, with arg w = -phi given."""

    def __init__(self, law: SlopeLaw, sigma_m2: float, depth: int) -> None:
        self.squares, self.weights, self.depth = law.squares, law.weights, depth
        self.log_sigma_m2 = float(np.log(sigma_m2))

    def values(self, log_t: complex) -> tuple[complex, complex, complex, complex]:
        """log w and its derivative by log t, log z and its."""
        inverse = 1 / (1 - np.exp(log_t) * self.squares)
        v = self.weights @ inverse
        part = self.weights * (np.exp(log_t) * self.squares * inverse)
        w, slope = part.sum(), part @ inverse
        log_w = np.log(w)
        log_z, rate = EQUATION(log_t, log_w, w, v, slope, self.log_sigma_m2, self.depth)
        return log_w, slope / w, log_z, rate

    def upper_edge(self) -> float:
        """log t, real, where z is least above the support."""

        def rate(log_t: float) -> float:
            return float(np.real(self.values(log_t)[3]))

        high = -float(np.log(self.squares[-1]))
        low, gap = high - 1, 1.0
        while rate(low) > 0:
            low -= 1
        while rate(high - gap) < 0:
            gap /= 2
        high -= gap
        while low < (middle := (low + high) / 2) < high:  # scipy.optimize would take a quarter of a second to import
            low, high = (middle, high) if rate(middle) < 0 else (low, middle)
        return middle

    def solved(self, log_t: complex, angle: float) -> complex:
        """log t with arg w = -angle and arg z = 0, by Newton's method."""
        for _ in range(MOST_STEPS):
            log_w, turn, log_z, rate = self.values(log_t)
            step = _crossing(turn, rate, -angle - log_w.imag, -log_z.imag)
            log_t = log_t + step
            if abs(step) <= ROUNDING * (1 + abs(log_t)):
                return log_t
        return log_t

    def read(self, log_t: complex) -> tuple[float, float, float]:
        """log z, the density of log z, and d log z / d angle."""
        log_w, turn, log_z, rate = self.values(log_t)
        along = _crossing(turn, rate, -1.0, 0.0)
        return log_z.real, -np.exp(log_w).imag / np.pi, (rate * along).real


def _crossing(first: complex, second: complex, a: float, b: float) -> complex:
    """The complex number x with Im(first x) = a and Im(second x) = b."""
    determinant = (np.conj(first) * second).imag
    return complex(b * np.conj(first) - a * np.conj(second)) / determinant
