"""Standalone modules take along what they use of the runtime modules, and nothing else."""

import ast

import pytest

from meanbits.numerics.emission.backends import BACKENDS, NUMPY, TORCH, Backend
from meanbits.numerics.emission.copying import copied_sources, used_imports


def defined(sources: list[str]) -> list[str]:
    nodes = [ast.parse(source).body[0] for source in sources]
    return [node.targets[0].id if isinstance(node, ast.Assign) else node.name for node in nodes]


@pytest.mark.parametrize(
    ("backend", "text", "names"),
    [
        (NUMPY, "box(u)", "box"),
        (NUMPY, "exp_erfc(a, b)", "exp_erfc"),
        (TORCH, "exp_erfc(a, b)", "exp_erfc Real WithSlopes with_slopes"),
        (
            NUMPY,
            "box(clip_covariance(a, r))",
            "box Real unit_interval_rule flat_points batches correlations FARTHEST strip_integrals corner_integrals "
            "clip_covariance",
        ),
    ],
)
def test_definitions_are_found_across_the_modules(backend: Backend, text: str, names: str) -> None:
    assert defined(copied_sources(backend.runtime, text)) == names.split()


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_everything_copied_together_imports_nothing_of_the_package(backend: Backend) -> None:
    text = "gaussian_mean, gaussian_pair, box_probability, clip_covariance, exp_erfc, arc_cosine_kernel, "
    text += "tanh_mean, tanh_overlap, tanh_difference, tanh_slope_overlap, tanh_curvature_overlap, tanh_overlap_growth"
    sources = copied_sources(backend.runtime, text)
    namespace: dict[str, object] = {}
    exec("\n".join(["from __future__ import annotations", *backend.imports, *sources]), namespace)
    assert set(defined(sources)) | set(text.split(", ")) <= namespace.keys()
    assert "numerics" not in "\n".join(sources)


def test_two_definitions_of_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"elementwise_torch defines as_arrays.*rename"):
        copied_sources(("elementwise_numpy", "elementwise_torch"), "")


def test_imports_are_cut_to_what_is_used() -> None:
    lines = ("import math", "from typing import Any, Self", "", "import numpy as np")
    assert used_imports(lines, "x: Any = np.pi") == ["from typing import Any", "", "import numpy as np"]
