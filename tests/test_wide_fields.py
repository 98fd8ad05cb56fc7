"""Piecewise linear functions that vanish far out, of wide fields: sums that cancel keep their digits."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from functools import cache

import mpmath as mp
import numpy as np
import pytest
import torch

import meanbits as mb
from meanbits.numerics.emission.runtime import piecewise_numpy as on_numpy
from meanbits.numerics.emission.runtime import piecewise_torch as on_torch
from meanbits.numerics.emission.script import runtime_definitions

EXACT = 1e-14  # the widest of fields whose sums are not by moments lose a factor of 16
NODE = shutil.which("node")
LINE = (0.0, 0.0)
SHAPES = {
    "box": ((-1.0, 1.0), (1.0, -1.0), (0.0, 0.0), LINE),
    "steps": ((-1.0, 1.0, 2.0), (1.0, -0.5, -0.5), (0.0, 0.0, 0.0), LINE),
    "odd steps": ((-1.0, 0.0, 1.0), (1.0, -2.0, 1.0), (0.0, 0.0, 0.0), LINE),
    "triangle": ((-1.0, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, -2.0, 1.0), LINE),
}
VARIANCES, CORRELATIONS = (30.0, 1e8, 1e20), (-0.9, 0.3)
POINTS = [(name, v, r) for name in SHAPES for v in VARIANCES for r in CORRELATIONS]


DIGITS = 70


@cache
def nodes():
    """Of 12 points, which the density of so wide a field needs no more of."""
    with mp.workdps(DIGITS):
        return mp.calculus.quadrature.GaussLegendre(mp.mp).calc_nodes(3, mp.mp.prec)


def overlap(name, variance, correlation):
    """E f(u) f(v) and its slope in the correlation: integrals over the plane, piece by piece."""
    places, jumps, bends, _ = SHAPES[name]
    points = []
    for low, high in itertools.pairwise(places):
        for node, weight in nodes():
            x = (low + high) / mp.mpf(2) + node * (high - low) / 2
            value = sum(j * (x > t) + k * max(x - t, 0) for t, j, k in zip(places, jumps, bends, strict=True))
            points.append((x, value * weight * (high - low) / 2))
    v, r = mp.mpf(variance), mp.mpf(correlation)
    rest, value, slope = 1 - r * r, mp.mpf(0), mp.mpf(0)
    for (x, f), (y, g) in itertools.product(points, points):
        square = (x * x - 2 * r * x * y + y * y) / (v * rest)
        mass = f * g * mp.exp(-square / 2)
        value, slope = value + mass, slope + mass * (r / rest * (1 - square) + x * y / (v * rest))
    return [each / (2 * mp.pi * v * mp.sqrt(rest)) for each in (value, slope)]


@pytest.fixture(scope="module")
def expected():
    """Overlaps and their slopes in the correlation."""
    with mp.workdps(DIGITS):
        return np.array([overlap(*point) for point in POINTS], np.float64).T


def by_numpy(name, v, r):
    return on_numpy.piecewise_overlap(SHAPES[name], v, r), on_numpy.piecewise_slope(SHAPES[name], v, 1 - r)


def by_torch(name, v, r):
    v, r = (torch.tensor(each, dtype=torch.float64) for each in (v, r))
    return on_torch.piecewise_overlap(SHAPES[name], v, r), on_torch.piecewise_slope(SHAPES[name], v, 1 - r)


def in_script(points):
    calls = [f"[piecewise_overlap({json.dumps(SHAPES[n])}, {v!r}, {r!r}), piecewise_slope({json.dumps(SHAPES[n])}, "
             f"{v!r}, {1 - r!r})]" for n, v, r in points]  # fmt: skip
    text = "\n".join([*runtime_definitions().values(), f"console.log(JSON.stringify([{', '.join(calls)}]))"])
    return json.loads(subprocess.run([NODE, "-"], input=text, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("found", ["numpy", "torch", pytest.param("script", marks=pytest.mark.skipif(NODE is None,
                         reason="node is not installed"))])  # fmt: skip
def test_overlaps_and_slopes_are_those_of_the_plane(expected, found):
    got = {"numpy": lambda: [by_numpy(*point) for point in POINTS], "script": lambda: in_script(POINTS),
           "torch": lambda: [by_torch(*point) for point in POINTS]}[found]()  # fmt: skip
    for point, value, slope, (c, chi) in zip(POINTS, *expected, got, strict=True):
        assert float(c) == pytest.approx(value, rel=EXACT, abs=1e-300), point
        assert float(chi) == pytest.approx(slope, rel=EXACT, abs=1e-300), point


@pytest.mark.parametrize("q", [1e4, 1e12, 1e30])
def test_gradients_of_clipped_neurons_see_the_box(q):
    """Two routes: the overlap of the slopes of a clip, and the slope of the overlap of clips."""
    for theory in (mb.derive("lrt", noise="uniform:1"), mb.derive("continuous", neurons="hardtanh")):
        maps = mb.compile(theory)
        c = np.array([-0.9, 0.0, 0.3, 0.999])
        slopes = maps.gradient_overlap(c, q, 0.7, 0.0)
        chi = maps.chi(c, q, 0.7, 0.0)
        assert slopes / slopes[1] == pytest.approx(chi / chi[1], rel=1e-13)
