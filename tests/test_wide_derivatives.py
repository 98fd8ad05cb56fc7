"""Overlaps of piecewise linear neurons and their derivatives, in fields of every width, by Arb's integrals."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise, product

import pytest
import torch
from flint import acb, arb, ctx

from meanbits.numerics.emission.runtime import piecewise_numpy as on_numpy
from meanbits.numerics.emission.runtime import piecewise_torch as on_torch

EXACT = 1e-12
LINE = (0.0, 0.0)
SHAPES = {
    "box": ((-1.0, 1.0), (1.0, -1.0), (0.0, 0.0), LINE),
    "triangle": ((-1.0, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, -2.0, 1.0), LINE),
    "ramp that drops": ((0.0, 1.5), (0.0, -1.5), (1.0, -1.0), LINE),
    "hard tanh": ((-1.0, 1.0), (0.0, 0.0), (1.0, -1.0), (-1.0, 0.0)),
    "clipped relu": ((0.0, 1.0), (0.0, 0.0), (1.0, -1.0), LINE),
    "shifted relu": ((0.5,), (0.0,), (1.0,), LINE),
    "leaky": ((-0.5,), (0.3,), (0.875,), (0.2, 0.125)),
}
VARIANCES = (30.0, 1e12)
MORE = tuple(pytest.param(name, v, marks=pytest.mark.slow) for name in SHAPES for v in (0.3, 1e4, 1e20))
QUICK = tuple((name, v) for name in ("triangle", "ramp that drops", "hard tanh") for v in VARIANCES)
PLACES = ((0.1, -1), (0.7, 1), (1e-12, 1))  # distances from correlations -1 or 1


def exact(value):
    fraction = Fraction(value)
    return arb(fraction.numerator) / arb(fraction.denominator)


class Pair:
    """Two fields, and expectations by integrals over the first, of what is on average there in the second."""

    def __init__(self, shape, v, r):
        ctx.prec = int(160 + 14 * abs(math.log10(v)))
        self.shape = [[exact(each) for each in part] for part in shape]
        self.v, self.r = exact(v), exact(r)
        self.rest = 1 - self.r * self.r
        self.spread = (self.v * self.rest).sqrt()

    def density(self, t):
        return (-t * t / (2 * self.v)).exp() / (2 * arb.pi() * self.v).sqrt()

    def pair_density(self, x, y):
        square = (x * x - 2 * self.r * x * y + y * y) / (2 * self.v * self.rest)
        return (-square).exp() / (2 * arb.pi() * self.v * self.rest.sqrt()), square

    def line(self, at):
        (a, b), passed = self.shape[3], [each for each in zip(*self.shape[:3], strict=True) if each[0] < at]
        return a + sum((j - k * t for t, j, k in passed), arb(0)), b + sum((k for _, _, k in passed), arb(0))

    def given(self, at):
        """f(v) and f'(v), without delta functions."""
        value, slope = self.shape[3][0] + self.shape[3][1] * self.r * at, self.shape[3][1]
        for t, jump, bend in zip(*self.shape[:3], strict=True):
            z = (t - self.r * at) / self.spread
            tail, bell = (z / arb(2).sqrt()).erfc() / 2, (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
            value, slope = value + jump * tail + bend * self.spread * (bell - z * tail), slope + bend * tail
        return value, slope

    def over(self, law):
        cuts = [self.v.sqrt() * k for k in (-40, -8, -3, -1, 0, 1, 3, 8, 40)] + self.shape[0]
        if self.r != 0:
            cuts += [(t + k * self.spread) / self.r for t in self.shape[0] for k in (-30, -8, -3, 0, 3, 8, 30)]
        cuts.sort(key=cmp_to_key(lambda a, b: int(a > b) - int(a < b)))
        inside = [(a, b) for a, b in pairwise(cuts) if a < b and a >= cuts[0] and abs(a + b) <= 80 * self.v.sqrt()]
        total = arb(0)
        for low, high in inside:
            line = self.line((low + high) / 2)
            inner = lambda x, _, line=line: law(x, *line) * (-x * x / (2 * self.v)).exp()  # noqa: E731
            small = arb(2) ** (40 - ctx.prec)
            total += acb.integral(inner, low, high, rel_tol=small, abs_tol=small**2, eval_limit=10**5).real
        return total / (2 * arb.pi() * self.v).sqrt()

    def overlap(self):
        return self.over(lambda u, a, b: (a + b * u) * self.given(u)[0])

    def growth(self):
        kinks = sum((t * j * self.density(t) * self.given(t)[0] for t, j in self.steps()), arb(0))
        return (self.over(lambda u, a, b: b * u * self.given(u)[0]) + kinks) / self.v

    def steps(self):
        return list(zip(*self.shape[:2], strict=True))

    def slope(self):
        total = self.v * self.over(lambda u, a, b: b * self.given(u)[1])
        total += sum((2 * self.v * j * self.density(t) * self.given(t)[1] for t, j in self.steps()), arb(0))
        return total + sum((self.v * i * j * self.pair_density(x, y)[0]
                            for (x, i), (y, j) in product(self.steps(), repeat=2)), arb(0))  # fmt: skip

    def curvature(self):
        total = arb(0)
        for (x, i, k), (y, j, m) in product(list(zip(*self.shape[:3], strict=True)), repeat=2):
            width = self.v * self.rest
            left, right = -(x - self.r * y) / width, -(y - self.r * x) / width
            rate = k * m - k * j * right - i * m * left + i * j * (left * right + self.r / width)
            total += self.v**2 * self.pair_density(x, y)[0] * rate
        return total

    def slope_growth(self):
        total = self.over(lambda u, a, b: b * self.given(u)[1])
        for t, jump, bend in zip(*self.shape[:3], strict=True):
            here, mean = self.density(t), self.given(t)[1]
            total += t * bend * here * mean + jump * here * mean * (1 + t * t / self.v)
            for x, other, steep in zip(*self.shape[:3], strict=True):
                z = (x - self.r * t) / self.spread
                total += jump * here * steep * (-z * z / 2).exp() / (2 * arb.pi()).sqrt() * z
                mass, square = self.pair_density(t, x)
                total += jump * other * mass * square
        return total


def agrees(found, expected, point):
    assert float(found) == pytest.approx(float(expected.mid()), rel=EXACT, abs=1e-300), point


@pytest.mark.parametrize(("name", "v"), [*QUICK, *MORE])
def test_values_and_derivatives_are_those_of_the_law(name, v):
    """In NumPy; in Torch slopes of overlaps and of slopes, which are the derivatives."""
    shape, old = SHAPES[name], ctx.prec
    for near, side in PLACES:
        r, pair = side * (1 - near), Pair(shape, v, side * (1 - near))
        distance, point = 1 - r, (name, v, near, side)
        expected = {each: getattr(pair, each)() for each in ("overlap", "slope", "growth", "curvature", "slope_growth")}
        for each, value in expected.items():
            at = r if each in ("overlap", "growth") else distance
            agrees(getattr(on_numpy, f"piecewise_{each}")(shape, v, at), value, (*point, each))
        width, c = (torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (v, r))
        value = on_torch.piecewise_overlap(shape, width, c)
        agrees(value.detach(), expected["overlap"], point)
        slopes = torch.autograd.grad(value, (width, c), create_graph=True)
        agrees(slopes[0].detach(), expected["growth"], point)
        agrees(slopes[1].detach(), expected["slope"], point)
        for found, each in zip(torch.autograd.grad(slopes[1], (width, c)), ("slope_growth", "curvature"), strict=True):
            agrees(found, expected[each], point)
    ctx.prec = old


@pytest.mark.parametrize("library", [on_numpy, on_torch])
def test_opposite_and_equal_fields(library):
    """Of hard tanh 1 - C is far out 4 / 3 densities at 0, and dC/dV that over 2 V; ramps on one side never meet."""
    for v in (1e12, 1e20, 1e100):
        density = (2 * torch.pi * v) ** -0.5
        assert float(library.piecewise_growth(SHAPES["hard tanh"], v, 1.0)) == pytest.approx(density / v * 2 / 3, EXACT)
        assert float(library.piecewise_overlap(SHAPES["ramp that drops"], v, 1.0)) == pytest.approx(
            1.125 * density, EXACT
        )
        assert float(library.piecewise_overlap(SHAPES["ramp that drops"], v, -1.0)) == 0
