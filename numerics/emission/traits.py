"""What solvers ask of a theory beside its functions, as plain data that can be written down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeansTraits:
    """The law of the weights as far as it bounds their means: E M^2 where it is settled, max |M| where there is one."""

    name: str
    mean_square: float | None
    mean_limit: float | None


@dataclass(frozen=True)
class Traits:
    """A theory answered for.

    gain: of the form, where it is a number. is_relative: correlations are relative to Q, the field being marginalised.
    takes_total: the maps take T. follows_replicas: q/(1 + q) follows the replica map. missing: maps that no quadrature
    evaluates. by_quadrature: the ratios of the gap map hold quadratures. is_costly: tables of them pay
    (`solvers.tables`). jumps: of the neurons. slope_declared: for gradients. passes_gradient: as `Surrogate` says.
    has_paper_form: `advise` may replace it by one. aligned: equal inputs stay equal. gradients: what they see, "own"
    for the neurons' own slope, "declared", or "none"; through_sigma: and whether training differentiates Sigma.
    """

    name: str
    weights: MeansTraits
    form: str
    gain: float | None
    has_phi: bool
    real_input: bool
    is_relative: bool
    takes_total: bool
    follows_replicas: bool
    has_gap_map: bool
    missing: tuple[str, ...]
    by_quadrature: bool
    is_costly: bool
    neurons: str
    jumps: bool
    slope_declared: bool
    passes_gradient: bool
    has_paper_form: bool
    aligned: bool
    gradients: str
    through_sigma: bool


TERMS = ("fluctuation", "sigma_derivative")  # of order 1/N, of a Jacobian, by their functions
PHI_OF_SIGNS = "erf(h/sqrt(2))"  # phi of the paper form of signs, as `theory.declarations.surrogates.in_paper_form`


def paper_file(name: str) -> str:
    """What `module_name` calls the paper form of a surrogate."""
    return f"{name}_paper"


def slopes_file(name: str) -> str:
    """What `module_name` calls the slopes of a surrogate's neurons and the 1/N terms of its Jacobian."""
    return f"{name}_slopes"


def module_name(name: str, backend: str) -> str:
    """The generated module of a surrogate for a backend."""
    return f"{name.replace('-', '_')}_{backend}"
