"""What claims about networks of real Gaussian weights share: their theory, their edge of chaos, a neuron left open."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from meanbits.experiments.claims.evidence import REAL, theory_in_phi, theory_of
from meanbits.numerics.solvers.critical import CriticalPoint, critical_curve
from meanbits.theory.declarations.surrogates import NONE
from meanbits.theory.declarations.weights import FIXED
from meanbits.theory.derive import Theory

TANH = {"name": "continuous", "neurons": "tanh"}
RELU = {"name": "continuous", "neurons": "relu"}


@lru_cache(maxsize=1)
def any_phi() -> Theory:
    """The theory of real weights and neurons x = phi(h), phi left open."""
    return theory_in_phi(REAL, NONE, FIXED)


@lru_cache(maxsize=32)
def edge_at(neurons: str, q: float) -> CriticalPoint:
    """The point of the edge of chaos whose fields have this variance."""
    (point,) = critical_curve(theory_of({"name": "continuous", "neurons": neurons}), [q])
    return point


def real(neurons: str) -> dict[str, Any]:
    """The options of real weights with these neurons."""
    return {"name": "continuous", "neurons": neurons}
