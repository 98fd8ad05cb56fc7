"""Which depths train, told before training: claims of the theory sheet, section 10, settled by small trainings."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import product

import numpy as np

from meanbits.experiments.claims.claim import Check, Claim, Evidence, either
from meanbits.experiments.claims.evidence import sheet
from meanbits.numerics.depth.advise import SCALES
from meanbits.numerics.depth.foldings import foldings
from meanbits.theory.declarations.compose_layer import compose
from meanbits.theory.declarations.layer import as_layer

CHANCE = 0.1
CHAINS = {"plain": {}, "batch norm": {"normalise": "batch"}, "skip": {"skip": "1"},
          "batch norm, skip": {"normalise": "batch", "skip": "1"}}  # fmt: skip
NORMED_OR_PLAIN = tuple(name for name in CHAINS if name != "skip")
DEPTHS, RATES = (3, 24), {"adam": 0.02, "sgd": 3.0}
RECIPE = {"surrogate": "binaryconnect-ste", "dataset": "digits", "train_size": 512, "width": 32, "sigma_b2": 0.0,
          "samples": 1}  # fmt: skip
EPOCHS, LONGER = 8, 5
PLACES = tuple(product(CHAINS, DEPTHS, RATES))


@lru_cache(maxsize=64)
def _accuracy(chain: str, depth: int, optimiser: str, longer: int = 1) -> float:
    """Training accuracy, after so many times the epochs."""
    from meanbits.experiments.figures.trained_grid import Here
    from meanbits.experiments.training.cells import train_cell
    from meanbits.experiments.training.settings import Settings

    settings = Settings(**RECIPE, **CHAINS[chain], epochs=EPOCHS * longer, depth=depth, optimiser=optimiser,
                        lr=RATES[optimiser])  # fmt: skip
    return Here().submit(train_cell, settings).result()["surrogate"]["train_accuracy"]


def _half() -> float:
    """Half way from chance to the best."""
    return (CHANCE + max(_accuracy(*place) for place in PLACES)) / 2


def _expected(chain: str, depth: int, optimiser: str, most: float) -> bool:
    """Whether a small difference, and under SGD squared gradients, change by at most so many e-foldings."""
    layer = as_layer(compose("binaryconnect-ste", **CHAINS[chain]))
    through, back = foldings(layer, depth, np.ones(1), 0.0)
    seen = (through,) if optimiser == "adam" else (through, back)
    return all(abs(float(each[0])) <= most for each in seen)


def _agree(chains: tuple[str, ...], most: float) -> Evidence:
    """What trains, half way from chance to the best or better, against what theory says of it."""
    half, places = _half(), [place for place in PLACES if place[0] in chains]
    right = [(_accuracy(*place) >= half) == _expected(*place, most) for place in places]
    missed = {f"{chain}, depth {depth}, {optimiser}": _accuracy(chain, depth, optimiser)
              for (chain, depth, optimiser), hit in zip(places, right, strict=True) if not hit}  # fmt: skip
    numbers = {"trainings": len(right), "as told": right.count(True), "half": half, **missed}
    return Evidence("training", f"sign networks of depth {DEPTHS[0]} and {DEPTHS[1]}, {'; '.join(chains)}", numbers,
                    all(right))  # fmt: skip


def _skip_trains(longer: int) -> Evidence:
    """A deep network with a skip alone, after more epochs."""
    found, half = _accuracy("skip", DEPTHS[1], "adam", longer), _half()
    return Evidence("training", f"a skip alone, depth {DEPTHS[1]}, Adam", {"epochs": EPOCHS * longer, "accuracy": found,
                    "half": half}, found >= half)  # fmt: skip


TRAINING_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "block.depth",
        sheet(10),
        "A sign network (slope clip) trains at a depth over which a small difference of two inputs and, with SGD, "
        "squared gradients change by at most 6 e-foldings, and at no other.",
        (Check(partial(_agree, tuple(CHAINS), SCALES), partial(_agree, NORMED_OR_PLAIN, SCALES)),),
        "So it is without a skip, and with one around a batch norm; with a skip alone it takes more steps.",
        (
            Check(partial(_agree, NORMED_OR_PLAIN, SCALES), partial(_agree, NORMED_OR_PLAIN, 10 * SCALES)),
            either(_skip_trains, LONGER, 1),
        ),
    ),
)
