"""Profiles by a surrogate's own maps: those of the chain for exact forms, and paper forms, which have no chain."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest

import meanbits as mb
from meanbits.cli import main
from meanbits.numerics.depth.map_profile import profile_of_maps
from meanbits.theory.declarations.surrogates import CATALOGUE

ROWS = [row for row in CATALOGUE if not row.real_input]
QUICK = ("deterministic", "lrt", "random-binary")
COLUMNS = ("q", "c", "T", "gradient", "overlap")


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.name, marks=() if row.name in QUICK else pytest.mark.slow) for row in ROWS]
)
def test_exact_forms_have_the_profile_of_their_chain(row):
    means = 1.0 if row.weights.mean_square is not None else 0.5
    by_maps = profile_of_maps(mb.derive(row), 5, means, 0.1, q0=1.5, c0=0.4)
    by_chain = mb.profile(row, 5, means, 0.1, q0=1.5, c0=0.4)
    for name in COLUMNS:
        assert getattr(by_maps, name) == pytest.approx(getattr(by_chain, name), rel=1e-12, nan_ok=True), name


@pytest.mark.parametrize(
    "options",
    [
        {"gain": 1.7},
        {"form": "paper", "phi": "erf"},
    ],
)
def test_paper_forms_come_to_their_fixed_point(options):
    subject = mb.compose("deterministic", **options)
    found, settled = mb.profile(subject, 400, 0.5, 0.1), mb.fixed_point(subject, 0.5, 0.1)
    assert found.q.shape == (401,)
    assert found.q[-1] == pytest.approx(float(settled.q), rel=1e-9)
    assert found.c[-1] == pytest.approx(float(settled.c), rel=1e-9)
    assert np.all(np.isfinite(found.gradient))


def test_the_erf_of_a_paper_form_is_the_sign_neuron():
    paper, exact = (
        mb.profile(mb.compose("deterministic", form="paper", phi="erf"), 6, 0.5, 0.1),
        mb.profile("deterministic", 6, 0.5, 0.1),
    )
    for name in COLUMNS:
        assert getattr(paper, name) == pytest.approx(getattr(exact, name), rel=1e-12), name


def test_what_maps_cannot_follow_is_refused():
    paper = mb.compose("deterministic", gain=1.7)
    with pytest.raises(ValueError, match="typical: form paper has no batch norm; leave it out"):
        mb.profile(paper, 3, 0.5, 0.1, typical=0.1)
    with pytest.raises(ValueError, match="q0 -1: give a positive number"):
        mb.profile(paper, 3, 0.5, 0.1, q0=-1.0)
    with pytest.raises(ValueError, match="single layer on real inputs"):
        profile_of_maps(mb.derive("baldassi"), 3, 0.5, 0.1)
    assert math.isfinite(mb.profile(paper, 1, 0.5, 0.1).gradient[0])


def test_the_command_takes_paper_forms(capfd):
    line = "profile deterministic --gain 1.7 --depth 3 --sigma-m2 0.5 --sigma-b2 0.1"
    assert main([*line.split(), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    subject = mb.compose("deterministic", gain=1.7)
    found, end = mb.profile(subject, 3, 0.5, 0.1), mb.fixed_point(subject, 0.5, 0.1)
    assert [row["q"] for row in document["layers"]] == found.q.tolist()
    assert document["fixed_point"]["xi_c"] == float(end.xi_c)
    assert main(line.split()) == 0
    assert "phi = tanh(h), gain 17/10, as a whole" in capfd.readouterr().out


@pytest.mark.parametrize("c0", [1, -1])
def test_the_command_says_where_no_end_is_told(c0, capfd):
    code = main(f"profile deterministic --gain 1.7 --depth 3 --sigma-m2 0.5 --sigma-b2 0.1 --c0 {c0}".split())
    assert code == 0
    assert "equal or opposite: see meanbits fixed-point" in capfd.readouterr().out


@pytest.mark.parametrize(("means", "biases", "said"), [
    (math.nan, 0.1, "sigma_m2 must be"), (-1, 0.1, "sigma_m2 must be"), (math.inf, 0.1, "sigma_m2 must be"),
    (0.5, math.nan, "sigma_b2 must be"), (0.5, -1, "sigma_b2 must be"), (0.5, math.inf, "sigma_b2 must be"),
    ("x", 0.1, "is no finite number"),
])  # fmt: skip
def test_variances_out_of_the_domain_are_refused(means, biases, said):
    """By maps, block by block, and at the fixed points of a chain."""
    chain = mb.layer_of(mb.compose("deterministic"))
    for asked in (partial(mb.profile, "deterministic", 2), partial(mb.profile, chain, 2),
                  partial(mb.fixed_point, chain), partial(mb.profile, "quantised-k", 2)):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            asked(means, biases)


def test_fields_beyond_all_numbers_are_refused():
    with pytest.raises(ValueError, match=r"is no number after 2 layers; choose other variances"):
        mb.profile("deterministic", 2, 0.5, 1e308)


def test_gradients_beyond_all_numbers_are_infinite():
    found = mb.profile("continuous", 2, 1e308, 0.5)
    assert found.gradient[0] == math.inf
    assert np.all(np.isfinite(found.q))


@pytest.mark.parametrize("name", ["deterministic", "lrt", "continuous"])
def test_gradients_of_vanishing_fields_overlap_whole(name):
    """Slopes do not vary within a field that vanishes, also where the slope of c underflows beside the biases."""
    found = mb.profile(name, depth=2, sigma_m2=5e-275, sigma_b2=5e-275)
    assert np.all(np.isfinite(found.overlap))
    assert name == "lrt" or np.array_equal(found.overlap, found.gradient)  # whose field is as large as it was
