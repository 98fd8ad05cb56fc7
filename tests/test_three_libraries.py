"""Overlaps of piecewise linear neurons and their derivatives: NumPy, Torch and JavaScript, in fields of every width."""

from __future__ import annotations

import itertools
import json
import subprocess

import numpy as np
import pytest
import torch
from test_wide_derivatives import SHAPES
from test_wide_fields import NODE

from meanbits.numerics.emission.runtime import piecewise_numpy, piecewise_torch
from meanbits.numerics.emission.script import runtime_definitions

NAMES = ("overlap", "slope", "growth", "curvature", "slope_growth")
VARIANCES = (1e-300, 1e-20, 1.0, 1e20, 1e300)
DISTANCES = (0.0, 1e-12, 0.1, 1.0, 1.3, 1.9, 2 - 1e-12, 2.0)
POINTS = [(v, distance) for v, distance in itertools.product(VARIANCES, DISTANCES)]
AGREEMENT = 3e-13


def arguments(name, points):
    return [(v, 1 - distance if name in ("overlap", "growth") else distance) for v, distance in points]


def in_script(shape):
    calls = [
        f"piecewise_{name}({json.dumps(shape)}, {v!r}, {at!r})" for name in NAMES for v, at in arguments(name, POINTS)
    ]
    text = "\n".join(
        [*runtime_definitions().values(), f"console.log(JSON.stringify([{', '.join(calls)}].map(String)))"]
    )
    found = json.loads(subprocess.run([NODE, "-"], input=text, capture_output=True, text=True, check=True).stdout)
    return np.reshape([float(each.replace("Infinity", "inf")) for each in found], (len(NAMES), -1))


@pytest.mark.parametrize("name", SHAPES)
def test_libraries_agree(name):
    """At variance 1e-300 and 1e300, correlation 0 and both ends too."""
    shape, found = SHAPES[name], in_script(SHAPES[name]) if NODE else None
    for k, each in enumerate(NAMES):
        v, at = np.array(arguments(each, POINTS)).T
        expected = getattr(piecewise_numpy, f"piecewise_{each}")(shape, v, at)
        values = getattr(piecewise_torch, f"piecewise_{each}")(shape, torch.tensor(v), torch.tensor(at)).numpy()
        assert not np.any(np.isnan(expected))
        assert values == pytest.approx(expected, rel=AGREEMENT, abs=1e-305)
        assert found is None or found[k] == pytest.approx(expected, rel=AGREEMENT, abs=1e-305)


@pytest.mark.parametrize("library", [piecewise_numpy, piecewise_torch])
def test_a_sloping_line_near_correlation_minus_one(library):
    """Where the fields see no break, C is a^2 + r b^2 V."""
    for v in (1e-300, 1e-20, 1e-6):
        assert float(library.piecewise_growth(SHAPES["leaky"], v, -1.0)) == pytest.approx(-1, rel=1e-14)
