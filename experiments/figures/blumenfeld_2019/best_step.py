"""The best uniform quantiser of N levels: what it loses, and its step; with the powers of N + 1 fitted to them.

Source: Blumenfeld, Gilboa, Soudry 2019, figure 2, of which the supplement gives the numbers; theory sheet, section 9.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from meanbits.experiments.figures.labels import Tick, labelled, sized
from meanbits.numerics.quantisers.law import loss_of_many
from meanbits.numerics.quantisers.lloyd_max import lloyd_max
from meanbits.numerics.quantisers.uniform import best_uniform
from meanbits.theory.declarations.surrogates import Surrogate

MOST = {"smoke": 64, "quick": 1024, "paper": 1024}  # levels
DENSE = 64  # numbers of levels up to here are all there


def measure(surrogate: Surrogate | None, preset: str, seed: int, tick: Tick) -> xr.Dataset:
    """loss = 1 - chi(0) and step of the best uniform quantiser, best_loss with free levels and law, (levels,).

    power, intercept: (quantity,), the least-squares line of ln loss and ln step over ln(levels + 1).

    Raises:
        ValueError: an unknown preset, or a surrogate.
    """
    no_surrogate(surrogate, "blumenfeld-2019-2")
    most = sized(preset, MOST)
    levels = np.array([*range(3, min(DENSE, most) + 1), *(2**k for k in range(7, 11) if 2**k <= most)])
    rows = []
    for done, count in enumerate(levels.tolist(), 1):
        best = best_uniform(count)
        rows.append((best.loss, best.step, lloyd_max(count).loss, loss_of_many(count)))
        tick(done, len(levels))
    loss, step, free, law = np.array(rows).T
    lines = [np.polyfit(np.log(levels + 1), np.log(each), 1) for each in (loss, step)]
    power, intercept = np.array(lines).T
    named = {"loss": loss, "step": step, "best_loss": free, "law": law}
    data = xr.Dataset({name: ("levels", values) for name, values in named.items()}, {"levels": levels})
    fits = {"power": ("quantity", power), "intercept": ("quantity", intercept)}
    return labelled(data.assign(fits).assign_coords(quantity=["loss", "step"]), preset, seed)


def no_surrogate(surrogate: Surrogate | None, figure_id: str) -> None:
    """ValueError for a surrogate: the figure shows quantisers of its own."""
    if surrogate is not None:
        raise ValueError(f"{surrogate.name}: figure {figure_id} shows quantisers of its own; leave S out")
