"""Whether a surrogate has a critical initialisation, in writing: of rows of the catalogue it lies ready.

What lies ready is not trusted: the certificate that stands alone is checked anew, in milliseconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_suffix(".json")  # by `python -m meanbits.experiments.written`


@dataclass(frozen=True)
class Criticality:
    """The verdict, its proof in words, and the feasible points of the critical curve.

    The verdict is that of `certificates.certify`; but "attained", not certified, where nothing was proven and the curve
    has points. steps: name, claim, how and holds of each. box: ends of what is enclosed. curve: q, sigma_m2, sigma_b2
    and stable of each point. standalone: the file of the certificate that `certificates.checker` accepts, None where
    there is none, or it was not looked for.
    """

    surrogate: str
    feasible: str
    certified: bool
    statement: str
    method: str
    steps: tuple[dict[str, Any], ...]
    box: dict[str, tuple[float, float]] | None
    curve: tuple[dict[str, Any], ...]
    standalone: str | None = None


def criticality_of_row(name: str) -> Criticality | None:
    """That of a row of the catalogue, its certificate checked anew; None of a row without one.

    Raises:
        RefusedError: a certificate that the checker does not accept, or of another verdict.
    """
    from meanbits.numerics.certificates.checker import RefusedError, check

    found: dict[str, Any] | None = json.loads(PATH.read_text(encoding="utf-8")).get(name)
    if found is None:
        return None
    row = Criticality(**found)
    statement = check(row.standalone or "")
    if (statement["surrogate"], statement["verdict"]) != (row.surrogate, row.feasible):
        raise RefusedError(f"the certificate of {name} is of another statement")
    return row
