"""All claims of the paper, and of what goes on from it."""

from __future__ import annotations

from meanbits.experiments.claims.blumenfeld_2019.depth import DEPTH_CLAIMS
from meanbits.experiments.claims.blumenfeld_2019.slope import SLOPE_CLAIMS
from meanbits.experiments.claims.claim import Claim

BLUMENFELD_CLAIMS: tuple[Claim, ...] = (*SLOPE_CLAIMS, *DEPTH_CLAIMS)
