"""Random piecewise linear neurons, beside Arb's integrals: overlaps and their derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from flint import ctx
from test_wide_derivatives import Pair

from meanbits.numerics.emission.runtime import piecewise_numpy
from meanbits.theory.gaussian.piecewise_overlap import loses_digits

EXACT, ROUNDING = 1e-11, 2e-15  # of a value; of E f^2, where a value is far less
NAMES = ("overlap", "slope", "growth", "curvature", "slope_growth")


def drawn(rng):
    """Up to six breaks within 0.1 to 1000, jumps and bends, in binary fractions; half of them vanish far out."""
    while True:
        count, span, kind = rng.integers(2, 7), 10 ** rng.uniform(-1, 3), rng.integers(3)
        places = np.unique(np.round(rng.uniform(-span, span, count) * 1024) / 1024)
        jumps = np.round(rng.normal(size=places.size) * 64) / 64 * (kind != 1)
        bends = np.round(rng.normal(size=places.size) * 64) / 64 * (kind != 0)
        line = np.round(rng.normal(size=2) * 64) / 64
        if rng.random() < 0.5:
            line *= 0
            bends[-1] = -np.sum(bends[:-1])
            jumps[-1] = np.sum(bends * places) - np.sum(jumps[:-1])
        shape = tuple(tuple(map(float, part)) for part in (places, jumps, bends, line))
        if np.all((jumps != 0) | (bends != 0)) and not loses_digits(sp.nsimplify(sp.sympify(shape), rational=True)):
            return shape


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(k, marks=pytest.mark.slow) for k in range(3, 60))])
def test_random_shapes(seed):
    rng, old = np.random.default_rng(seed), ctx.prec
    shape = drawn(rng)
    v = float(max(map(abs, shape[0])) ** 2 * 10 ** rng.uniform(-1, 3))
    r = float(rng.choice([-0.9, 0.0, 0.3, 0.7]))
    pair = Pair(shape, v, r)
    ctx.prec = int(110 + 8 * abs(math.log10(v)))
    size = float(piecewise_numpy.piecewise_overlap(shape, v, 1.0))
    for name in NAMES:
        at = r if name in ("overlap", "growth") else 1 - r
        found = float(getattr(piecewise_numpy, f"piecewise_{name}")(shape, v, at))
        small = ROUNDING * size / (v if name in ("growth", "slope_growth") else 1)
        assert found == pytest.approx(float(getattr(pair, name)().mid()), rel=EXACT, abs=small), (name, shape, v, r)
    ctx.prec = old
