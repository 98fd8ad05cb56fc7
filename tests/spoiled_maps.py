"""Maps with a wrong one among them, for tests of what is to see it."""

from __future__ import annotations

from copy import copy

from meanbits.theory.stages.correlation import Maps
from meanbits.theory.trace import Formula

DERIVED = ("total_map", "total_slope", "variance_map", "variance_slope", "correlation_map", "chi", "replica_map")


def with_wrong(maps: Maps, **wrong: Formula) -> Maps:
    """The maps with these in place of their own, and the others as they are derived."""
    assert wrong.keys() <= set(DERIVED)
    found = copy(maps)
    vars(found).update({name: getattr(maps, name) for name in DERIVED} | wrong)
    return found
