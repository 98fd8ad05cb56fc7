"""The claims that the workbench settles: of Stamatescu et al. 2020 and the theory beyond it, and of other papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby

from meanbits.experiments.claims.block_claims import BLOCK_CLAIMS
from meanbits.experiments.claims.blumenfeld_2019.claims import BLUMENFELD_CLAIMS
from meanbits.experiments.claims.claim import Claim, Settled, settled
from meanbits.experiments.claims.critical_claims import CRITICAL_CLAIMS
from meanbits.experiments.claims.curve_claims import CURVE_CLAIMS
from meanbits.experiments.claims.depth_claims import DEPTH_CLAIMS
from meanbits.experiments.claims.edge_claims import EDGE_CLAIMS
from meanbits.experiments.claims.field_claims import FIELD_CLAIMS
from meanbits.experiments.claims.hayou_2019.claims import HAYOU_CLAIMS
from meanbits.experiments.claims.lrt_claims import LRT_CLAIMS
from meanbits.experiments.claims.map_claims import MAP_CLAIMS
from meanbits.experiments.claims.neuron_claims import NEURON_CLAIMS
from meanbits.experiments.claims.papers import KEYS
from meanbits.experiments.claims.pennington_2017.claims import PENNINGTON_CLAIMS
from meanbits.experiments.claims.poole_2016.claims import POOLE_CLAIMS
from meanbits.experiments.claims.replica_claims import REPLICA_CLAIMS
from meanbits.experiments.claims.sampled_network_claims import SAMPLED_NETWORK_CLAIMS
from meanbits.experiments.claims.sari_2019.claims import SARI_CLAIMS
from meanbits.experiments.claims.schoenholz_2017.claims import SCHOENHOLZ_CLAIMS
from meanbits.experiments.claims.slope_claims import SLOPE_CLAIMS
from meanbits.experiments.claims.trained_depth_claims import TRAINED_DEPTH_CLAIMS
from meanbits.experiments.claims.training_claims import TRAINING_CLAIMS
from meanbits.experiments.claims.xiao_2018.claims import XIAO_CLAIMS
from meanbits.experiments.claims.yang_2019.claims import YANG_CLAIMS
from meanbits.experiments.claims.yang_schoenholz_2017.claims import RESIDUAL_CLAIMS
from meanbits.experiments.side_by_side import side_by_side
from meanbits.theory.declarations.options import nearest

CLAIMS: tuple[Claim, ...] = (
    *FIELD_CLAIMS,
    *NEURON_CLAIMS,
    *MAP_CLAIMS,
    *EDGE_CLAIMS,
    *LRT_CLAIMS,
    *REPLICA_CLAIMS,
    *CRITICAL_CLAIMS,
    *CURVE_CLAIMS,
    *DEPTH_CLAIMS,
    *BLOCK_CLAIMS,
    *TRAINING_CLAIMS,
    *TRAINED_DEPTH_CLAIMS,
    *SAMPLED_NETWORK_CLAIMS,
    *SLOPE_CLAIMS,
)


LITERATURE_CLAIMS: tuple[Claim, ...] = (
    *BLUMENFELD_CLAIMS,
    *YANG_CLAIMS,
    *POOLE_CLAIMS,
    *SCHOENHOLZ_CLAIMS,
    *HAYOU_CLAIMS,
    *RESIDUAL_CLAIMS,
    *PENNINGTON_CLAIMS,
    *XIAO_CLAIMS,
    *SARI_CLAIMS,
)


def settle(claims: Sequence[Claim] = CLAIMS, on_result: Callable[[Settled], None] | None = None) -> tuple[Settled, ...]:
    """Run the checks of each claim; `on_result` sees each outcome as it comes.

    Claims of one subject, the first word of their id, share what they measure; subjects are settled side by side.
    """
    outcomes = []
    subjects = [tuple(group) for _, group in groupby(claims, key=lambda claim: claim.id.partition(".")[0])]
    for outcome in chain.from_iterable(side_by_side(_settled_all, subjects, _trains)):
        outcomes.append(outcome)
        if on_result is not None:
            on_result(outcome)
    return tuple(outcomes)


def _trains(claims: tuple[Claim, ...]) -> bool:
    """Whether a subject is settled by training networks, which takes as long as most others together."""
    return claims[0].id.startswith("train.")


def _settled_all(claims: tuple[Claim, ...]) -> tuple[Settled, ...]:
    return tuple(map(settled, claims))


def chosen(ids: Iterable[str] = (), paper: str | None = None) -> tuple[Claim, ...]:
    """The claims of these ids, in their order, of this paper if one is named. Without ids all of that paper, or
    `CLAIMS`, which those of other papers are not among.

    Raises:
        ValueError: for an id or a key that is not known, with the nearest one, or an id of another paper.
    """
    if paper is not None and paper not in KEYS:
        raise ValueError(f"--paper {paper}: unknown paper{nearest(paper, KEYS)}")
    known = {claim.id: claim for claim in (*CLAIMS, *LITERATURE_CLAIMS)}
    asked = tuple(ids)
    for name in asked:
        if name not in known:
            raise ValueError(f"unknown claim '{name}'{nearest(name, known)}")
        if paper not in (None, known[name].paper):
            raise ValueError(
                f"claim {name} is of {known[name].paper}, not of --paper {paper}; leave one of the two out"
            )
    if asked:
        return tuple(known[name] for name in asked)
    return CLAIMS if paper is None else tuple(claim for claim in known.values() if claim.paper == paper)
