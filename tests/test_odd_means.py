"""Means of noisy sign neurons over all magnitudes of field and variance, beside their elementary forms in mpmath."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from functools import cache

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
import torch

import meanbits as mb
from meanbits.numerics.emission.backends import TORCH
from meanbits.numerics.emission.c_backend import C
from meanbits.numerics.emission.emit import compile_functions, emitted_functions, neuron_section
from meanbits.numerics.emission.script import JAVASCRIPT
from meanbits.numerics.emission.writer import Heading
from meanbits.theory.gaussian.expectation import expectation
from meanbits.theory.gaussian.odd_means import ClipMean, ErfPair, LaplaceMean, odd_mean
from meanbits.theory.gaussian.special import HardTanh
from meanbits.theory.symbols import Sigma, hbar, u

CLOSE = 1e-13
CLOSED, OPEN = ("laplace:1", "uniform:1", "twopoint:1", "gaussian:1"), ("logistic:1", "cauchy:1", "student:3")
FIELDS = (1e-300, 1e-100, 1e-9, 1e-3, 0.5, 0.999, 1.0, 3.0, 20.0, 1e3, 1e9, 1e300)
VARIANCES = (1e-12, 1e-4, 0.1, 1.0, 40.0, 1e4, 1e12)
POINTS = [(h, v) for h in FIELDS for v in VARIANCES]


def elementary(noise, h, v):
    """The mean, digits enough for what cancels."""
    h, v = mp.mpf(h), mp.mpf(v)
    s = mp.sqrt(2 * v)
    if noise == "gaussian:1":
        return mp.erf(h / mp.sqrt(2 * (v + 1)))
    if noise == "twopoint:1":
        return (mp.erf((h + 1) / s) + mp.erf((h - 1) / s)) / 2
    if noise == "uniform:1":
        x, y = (h + 1) / s, (h - 1) / s
        return s / 2 * (x * mp.erf(x) - y * mp.erf(y) + (mp.exp(-x * x) - mp.exp(-y * y)) / mp.sqrt(mp.pi))
    if h > 12 * s + v:
        return -mp.expm1(v / 2 - h)
    rise, fall = (mp.exp(v / 2 + k * h) * mp.erfc((v + k * h) / s) for k in (1, -1))
    return mp.erf(h / s) + (rise - fall) / 2


@cache
def expected(noise):
    """Far out every mean is 1, which the elementary forms take long to say."""
    with mp.workdps(720):
        return np.array([1.0 if h >= 1e9 and v <= 1e12 and noise != "gaussian:1" and h > 1e3 * math.sqrt(v)
                         else float(elementary(noise, h, v)) for h, v in POINTS])  # fmt: skip


def the_mean(theory):
    return [each for each in emitted_functions(theory, (neuron_section,)) if each.name == "mean"]


def by_torch(theory, points):
    return compile_functions(theory, the_mean(theory), TORCH).mean(*torch.tensor(points, dtype=torch.float64).T).numpy()


def in_script(theory, points):
    text = f"{JAVASCRIPT.write(Heading.of(theory), the_mean(theory))}\nconst points = {json.dumps(points)};\n"
    text += "console.log(JSON.stringify(points.map(([h, v]) => mean(h, v))));"
    command = ["node", "--input-type=module", "-"]
    return np.array(json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout))


def in_c(theory, points):
    return compile_functions(theory, the_mean(theory), C).mean(*np.array(points).T)


def by_numpy(theory, points):
    return mb.compile(theory).mean(*np.array(points).T)


NEEDS = {in_script: "node", in_c: "cc"}
ROUTES = [pytest.param(route, id=route.__name__, marks=pytest.mark.skipif(
    route in NEEDS and shutil.which(NEEDS[route]) is None, reason="not installed"))
    for route in (by_numpy, by_torch, in_script, in_c)]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("noise", CLOSED)
def test_means_keep_their_digits_near_0_and_far_out(route, noise):
    theory, values = mb.derive("deterministic", noise=noise), expected(noise)
    got = route(theory, POINTS)
    assert got == pytest.approx(values, rel=CLOSE, abs=0)
    opposite = route(theory, [(-h, v) for h, v in POINTS])
    assert np.array_equal(opposite, -got)


@pytest.mark.parametrize("noise", [*CLOSED, *OPEN])
def test_means_are_linear_in_small_fields_and_1_far_out(noise):
    maps = mb.compile(mb.derive("deterministic", noise=noise))
    v = np.array([1.0, 1e4, 1e12])
    assert maps.mean(1e-300, v) / 1e-300 == pytest.approx(maps.mean(1e-9, v) / 1e-9, rel=CLOSE)
    assert maps.mean(1e300, v) == pytest.approx(1.0, rel=CLOSE)


@pytest.mark.parametrize("integrand", [
    HardTanh(u / 2), sp.sign(u) * (1 - sp.exp(-3 * sp.Abs(u))), 
    sp.sign(u - 2) / 4 + sp.sign(u) / 2 + sp.sign(u + 2) / 4,
])  # fmt: skip
def test_forms_are_the_expectations_they_are_read_from(integrand):
    node = expectation(integrand, hbar, Sigma)
    found = odd_mean(node)
    assert found.has(ErfPair, ClipMean, LaplaceMean)
    at = {hbar: sp.Rational(3, 7), Sigma: sp.Rational(5, 3)}
    assert float(found.subs(at).evalf(20)) == pytest.approx(float(node.subs(at).evalf(20)), rel=1e-15)
    slopes = [found.diff(each).subs(at).evalf(20) for each in (hbar, Sigma)]
    step = sp.Rational(1, 10**8)
    for slope, each in zip(slopes, (hbar, Sigma), strict=True):
        ends = [found.subs(at | {each: at[each] + k * step}).evalf(40) for k in (1, -1)]
        assert float(slope) == pytest.approx(float((ends[0] - ends[1]) / (2 * step)), rel=1e-12)


@pytest.mark.parametrize("integrand", [sp.sign(u - 1), sp.tanh(u), sp.sign(u) * (2 - sp.exp(-sp.Abs(u)))])
def test_other_functions_have_no_such_form(integrand):
    assert odd_mean(expectation(integrand, hbar, Sigma)) is None


@pytest.mark.parametrize("noise", ["laplace:1", "uniform:1", "twopoint:1"])
def test_torch_follows_its_slopes(noise):
    maps = mb.compile(mb.derive("deterministic", noise=noise), backend="torch")
    field = torch.tensor([0.0, 0.3, 2.0, -1.0], dtype=torch.float64, requires_grad=True)
    variance = torch.tensor([0.5, 2.0, 0.1, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(maps.mean, (field, variance))
