"""Declarations by their parts, as the catalogue lists them."""

from __future__ import annotations

from meanbits.theory.declarations.rows import Row
from meanbits.theory.declarations.surrogates import Surrogate


def parts(surrogate: Surrogate) -> dict[str, str]:
    """A surrogate by its parts."""
    form = surrogate.form
    return {
        "name": surrogate.name,
        "weights": surrogate.weights.name,
        "neurons": surrogate.neurons.name,
        "treatment": surrogate.treatment.name,
        "form": form.name if form.phi is None else f"paper: phi = {form.phi}, gain {form.gain}",
        "reference": surrogate.reference,
    }


def row_parts(row: Row) -> dict[str, str]:
    """A row of chains by its parts."""
    surrogate = row.surrogate
    return {
        "name": row.name,
        "weights": surrogate.weights.name,
        "neurons": surrogate.neurons.name,
        "treatment": surrogate.treatment.name,
        "blocks": ", ".join(each.name for each in row.layer.blocks),
        "reference": surrogate.reference,
    }
