"""Ramps far narrower than where they stand: right by quadrature, or refused."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
import sympy as sp
import torch

from meanbits.numerics.emission.backends import TORCH
from meanbits.numerics.emission.emit import compile_theory
from meanbits.numerics.emission.script import emit_script
from meanbits.theory.declarations.neurons import continuous
from meanbits.theory.declarations.surrogates import NONE, Surrogate
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.derive import derive
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.piecewise_overlap import PiecewiseOverlap, PiecewiseSlope, loses_digits
from meanbits.theory.symbols import h

NODE = shutil.which("node")
VARIANCES, C = [sp.Integer(10) ** k for k in (5, 6, 10, 20)], sp.Rational(3, 10)


def ramp(width, end):
    """From 0 at 1000 to 1 as far on as its width, then the end."""
    pieces = sp.Piecewise((0, h < 1000), ((h - 1000) / width, h < 1000 + width), (end, True))
    return derive(Surrogate("ramp", FIXED, continuous("ramp", pieces), NONE, "none"))


def shape(width, end):
    return sp.Tuple(sp.Tuple(1000, 1000 + width), sp.Tuple(0, end - 1), sp.Tuple(1 / width, -1 / width), sp.Tuple(0, 0))


def in_script(theory, directory):
    (directory / "maps.mjs").write_text(emit_script(theory))
    calls = ", ".join(f"{name}({float(C)}, {v}, 1, 0)" for name in ("correlation_map", "chi") for v in VARIANCES)
    (directory / "run.mjs").write_text(
        f'import {{ correlation_map, chi }} from "./maps.mjs";\nconsole.log(JSON.stringify([{calls}]));'
    )
    found = subprocess.run([NODE, "run.mjs"], cwd=directory, capture_output=True, text=True, check=True)
    return np.reshape(json.loads(found.stdout), (2, -1))


@pytest.mark.parametrize("end", [sp.S.One, sp.S.Half])
def test_a_ramp_as_wide_as_a_ten_thousandth_of_its_place(end, tmp_path):
    """Maps in NumPy, Torch and JavaScript beside sums over breaks in as many digits as they lose."""
    width = sp.Rational(1, 10)
    law, theory = shape(width, end), ramp(width, end)
    assert loses_digits(law)
    laws = [
        (PiecewiseOverlap(law, v, C), PiecewiseSlope(law, v, 1 - C), PiecewiseOverlap(law, v, 1)) for v in VARIANCES
    ]
    expected = [[float(value[k].n(20) / value[2].n(20)) for value in laws] for k in (0, 1)]
    in_numpy, in_torch = compile_theory(theory), compile_theory(theory, TORCH)
    v = np.array(VARIANCES, np.float64)
    found = [[in_numpy.correlation_map(float(C), v, 1.0, 0.0), in_numpy.chi(float(C), v, 1.0, 0.0)]]
    c, wide, one = (torch.as_tensor(each, dtype=torch.float64) for each in (float(C), v, 1.0))
    found.append([each.numpy() for each in (in_torch.correlation_map(c, wide, one, 0 * one),
                                            in_torch.chi(c, wide, one, 0 * one))])  # fmt: skip
    found += [in_script(theory, tmp_path)] if NODE else []
    for each in found:
        assert np.array(each) == pytest.approx(np.array(expected), rel=1e-12)


def test_a_ramp_whose_width_floating_point_loses_is_refused():
    with pytest.raises(
        SurrogateError, match=r"distance of the breaks \d+/\d+ and 1 by 5e-11 of it, .* use one jump there"
    ):
        compile_theory(ramp(sp.Rational(1, 1000), sp.S.One))


@pytest.mark.parametrize(
    ("places", "jumps", "bends", "loses"),
    [
        ((-1, 1), (0, 0), (1, -1), False),
        ((-1, 0, 1), (0, 0, 0), (1, -2, 1), False),
        (tuple(range(1, 100)), (1,) * 99, (0,) * 99, False),
        ((99, 100), (0, 0), (1, 1), False),
        ((99, 100), (0, 0), (1, -1), True),
        ((99, 100), (1, -1), (0, 0), True),
        ((9, 10, 11), (0, 0, 0), (1, -2, 1), True),
        ((9, 10), (1, -1), (0, 0), False),
        ((-10, -9), (1, -1), (0, 0), False),
    ],
)
@pytest.mark.parametrize(("unit", "length"), [(1, 1), (10**6, 1), (1, 10**6), (1, sp.Rational(1, 10**6))])
def test_sums_lose_digits_where_parts_of_a_cluster_cancel(places, jumps, bends, loses, unit, length):
    """Not where they add up, as levels do, nor where breaks are as far apart as from 0; the same in any unit."""
    scaled = [t * length for t in places], [a * unit for a in jumps], [b * unit / length for b in bends]
    assert loses_digits(sp.Tuple(*(sp.Tuple(*part) for part in scaled), sp.Tuple(0, 0))) is loses
