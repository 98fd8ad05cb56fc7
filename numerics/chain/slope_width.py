"""How wide a straight-through slope is best: nearest to the smoothed slope, or such that gradients keep their size."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy import optimize

from meanbits.numerics.depth.neuron_moments import NeuronMoments
from meanbits.theory.declarations.neurons import SIGN, continuous
from meanbits.theory.declarations.straight_through import straight_through
from meanbits.theory.gaussian.special import Box
from meanbits.theory.stages.mismatch import Mismatch, mismatch
from meanbits.theory.symbols import T, h

SCALE, WIDTH = sp.symbols("alpha w", positive=True)
WIDEST = 100.0  # A^2/T: beyond, every slope that is wide is nearly parallel, and the best width is lost to rounding
JUMP = 2  # of a sign, the area under its smoothed slope
FARTHEST = 1e12  # of T over the squared width


def clip_against_gaussian() -> Mismatch:
    """Slope 1[|h| < w] against a sign smoothed by Gaussian noise of scale A, in T, w and A, nothing drawn."""
    smoothed = continuous("smoothed sign", sp.erf(h / (sp.sqrt(2) * SCALE)))
    return mismatch(straight_through(smoothed, Box(h / WIDTH), "clip"), sp.S.One)


def best_clip_width(total: float, scale: float) -> float:
    """The w at which 1[|h| < w] is nearest in angle to the slope of a sign smoothed by Gaussian noise A = scale.

    total: field variance T. It is the only stationary point of the cosine (claim slope.best-clip).

    Raises:
        ValueError: numbers that are not positive, or A^2 above 100 T.
    """
    if not (total > 0 and 0 < scale**2 <= WIDEST * total):
        raise ValueError(f"T = {total:g}, A = {scale:g}: give positive numbers with A^2 <= {WIDEST:g} T")
    turn, root = _turn(), math.sqrt(total)
    return optimize.brentq(lambda w: float(turn(w, scale / root)), scale / root / 2, 2 * scale / root) * root


@lru_cache(maxsize=1)
def _turn() -> Callable[..., float]:
    """d log cosine / d log w of `clip_against_gaussian` at T = 1, a function of w and A."""
    logarithm = sp.expand_log(sp.log(clip_against_gaussian().cosine.subs(T, 1)), force=True)
    return sp.lambdify((WIDTH, SCALE), WIDTH * logarithm.diff(WIDTH), "scipy")


def critical_width(shape: sp.Expr, total: float, weight: float = 1.0) -> float:
    """The w at which the slope g(h) = a G(h/w)/w, of the area of a sign's jump, keeps the size of gradients: chi_g = 1.

    shape: G in h, of finite area. weight: second moment of the weights. chi_g = weight a^2/T v E_v G^2 at v = T/w^2,
    E over N(0, v), rises with v whatever G is, from 0 to infinity: v E_v G^2 is the integral of G^2 sqrt(v/(2 pi))
    exp(-h^2/(2 v)). So there is one such width (claim slope.critical-width).

    Raises:
        ValueError: numbers that are not positive, or a shape without a finite area.
    """
    if not (total > 0 and weight > 0):
        raise ValueError(f"T = {total:g}, weight {weight:g}: give positive numbers")
    height = JUMP / shape_area(shape)
    neurons, of = straight_through(SIGN, shape), NeuronMoments()

    def excess(log_v: float) -> float:
        v = np.float64(math.exp(log_v))
        return math.log(weight * height**2 * float(v * of.gradients(neurons, v, np.float64(0)).square) / total)

    edge = math.log(FARTHEST)
    return math.sqrt(total / math.exp(optimize.brentq(excess, -edge / 2, edge, xtol=1e-14)))


def shape_area(shape: sp.Expr) -> float:
    """The integral of a slope.

    Raises:
        ValueError: one that is infinite or unknown.
    """
    drawn = shape.replace(Box, lambda argument: sp.Heaviside(1 - sp.Abs(argument)))
    found = sp.integrate(drawn.rewrite(sp.Piecewise) if drawn.has(sp.Max, sp.Abs) else drawn, (h, -sp.oo, sp.oo))
    if not (found.is_number and found.is_finite and found > 0):
        raise ValueError(f"slope {shape}: its area is {found}; give one of finite area, such as clip")
    return float(found)
