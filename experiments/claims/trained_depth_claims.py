"""Claims of Stamatescu et al. 2020 about which depths train (section 5.2, figure 2), settled by small trainings on
digits and, as far as it is trained, by the coarse grid of figures 2 and 3."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

from meanbits.experiments.claims.claim import Check, Claim, Evidence, either
from meanbits.experiments.claims.evidence import printed
from meanbits.experiments.claims.small_trainings import (
    ACCURACY,
    LRT_TANH,
    PAPER_FORM,
    coarse,
    coarse_tells,
    over_depth,
)

FACTOR = 6.0  # of xi_c
SOON, LATER = 8, 16  # epochs
LIKE = 1.5  # times k and one over it
ANY = 1e6
Trained = Callable[[], "xr.Dataset"]


def _found(trained: Trained, surrogate: str) -> xr.Dataset:
    return trained().sel(surrogate=surrogate)


def _where(one: xr.Dataset) -> str:
    return f"{one.attrs['train_size']} images of {one.attrs['dataset']}, width {one.attrs['width']}"


def _fit(one: xr.Dataset, name: str = "k") -> dict[str, float]:
    """k with the ends of its interval, or the bounds that there are."""
    found = {name: float(one.k), f"{name} from": float(one.k_low), f"{name} to": float(one.k_high)}
    return {key: value for key, value in found.items() if np.isfinite(value)}


def _parted(trained: Trained, surrogate: str, within: float, beyond: float) -> Evidence:
    """Whether all networks train up to so many xi_c and none does beyond so many."""
    one = _found(trained, surrogate)
    scales, trains = (one.depth / one.xi_c).broadcast_like(one[ACCURACY]), one[ACCURACY] >= one.half
    done = one[ACCURACY].notnull()
    shallow, deep = done & (scales <= within), done & (scales > beyond)
    numbers = {"up to it": int(shallow.sum()), "of these train": int((shallow & trains).sum()),
               "beyond": int(deep.sum()), "of those train": int((deep & trains).sum())} | _fit(one)  # fmt: skip
    what = f"networks up to {within:g} xi_c, and beyond {beyond:g}: {surrogate}, {_where(one)}"
    return Evidence("training", what, numbers, bool((trains | ~shallow).all() and not (deep & trains).any()))


def _proportional(surrogate: str, axis: str) -> Evidence:
    """Whether trainable depths over xi_c scatter less than half as much as depths do: the contrary is the reverse."""
    from meanbits.experiments.training.trainable_depth import constant

    one = _found(partial(over_depth, SOON), surrogate)
    plain = constant(one.trainable_depth.values[:, None], one.trainable_kind.values[:, None], np.ones(one.xi_c.size), 0)
    scatter = {"of depth / xi_c": float(one.k_scatter), "of depth": plain.scatter}
    least, most = scatter.pop(axis), next(iter(scatter.values()))
    numbers = {f"scatter of ln, {axis}": least, "the other": most}
    return Evidence("training", f"trainable depths at {one.xi_c.size} sigma_m2: {surrogate}", numbers, least < most / 2)


def _ordered(trained: Trained, surrogates: tuple[str, str]) -> Evidence:
    """Whether the k of one surrogate is above that of another."""
    high, low = (_found(trained, each) for each in surrogates)
    numbers = _fit(high, f"k of {surrogates[0]}") | _fit(low, f"k of {surrogates[1]}")
    return Evidence("training", f"k of trainable depth = k xi_c, {_where(high)}", numbers, bool(high.k > low.k))


def _grows(epochs: tuple[int, int]) -> Evidence:
    """Whether k is larger after the latter number of epochs than after the former, beyond its 95 % interval."""
    first, last = (_found(partial(over_depth, each, (PAPER_FORM,)), PAPER_FORM) for each in epochs)
    numbers = _fit(first, f"k at {epochs[0]} epochs") | _fit(last, f"k at {epochs[1]} epochs")
    return Evidence("training", f"k of trainable depth = k xi_c, {_where(first)}", numbers,
                    bool(last.k > first.k_high))  # fmt: skip


def _by_optimiser(name: str) -> xr.Dataset:
    return _found(partial(over_depth, LATER, (PAPER_FORM,), name), PAPER_FORM)


def _like_adam(names: tuple[str, ...], low: float, high: float) -> Evidence:
    """Whether the k of each optimiser is between so many times that of Adam."""
    found = {name: _by_optimiser(name) for name in ("adam", *names)}
    numbers: dict[str, float] = {}
    for name, one in found.items():
        numbers |= _fit(one, f"k of {name}") | {f"best of {name}": float(one[ACCURACY].max())}
    ratios = [float(found[name].k / found["adam"].k) for name in names]
    what = f"trainable depth = k xi_c after {LATER} epochs, {_where(found['adam'])}"
    return Evidence("training", what, numbers, all(low <= ratio <= high for ratio in ratios))


def _coarse(*checks: Check) -> tuple[Check, ...]:
    """Checks on the coarse grid, where what is trained of it tells."""
    return checks if coarse_tells() else ()


SOON_TRAINED, ORDER = partial(over_depth, SOON), (PAPER_FORM, LRT_TANH)
TRAINED_DEPTH_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "train.depth",
        printed("section 5.2 and figure 2", 6),
        "Networks train up to a depth of about 6 xi_c and at no greater, as standard networks do (later: those of the "
        "deterministic surrogate).",
        (
            Check(partial(_parted, SOON_TRAINED, PAPER_FORM, FACTOR, FACTOR),
                  partial(_parted, SOON_TRAINED, PAPER_FORM, FACTOR, ANY)),
            *_coarse(Check(partial(_parted, coarse, PAPER_FORM, FACTOR, FACTOR),
                           partial(_parted, coarse, PAPER_FORM, FACTOR, ANY))),
        ),
        "Trainable depth is a multiple of xi_c, but of no constant one: it is larger for the deterministic surrogate "
        "than for LRT with tanh, and grows with the epochs.",
        (
            either(partial(_proportional, PAPER_FORM), "of depth / xi_c", "of depth"),
            either(partial(_ordered, SOON_TRAINED), ORDER, ORDER[::-1]),
            either(_grows, (SOON, LATER), (LATER, SOON)),
            *_coarse(either(partial(_ordered, coarse), ORDER, ORDER[::-1])),
        ),
    ),
    Claim(
        "train.optimisers",
        printed("section 5.2", 6),
        "Results are alike for SGD, momentum and RMSprop: the depths that train are those of Adam, within a half.",
        (Check(partial(_like_adam, ("sgd", "momentum", "rmsprop"), 1 / LIKE, LIKE),
               partial(_like_adam, ("rmsprop",), 1 / LIKE, LIKE)),),
        "RMSprop is like Adam; SGD, with momentum or without, trains to about half the depth in as many epochs.",
        (
            Check(partial(_like_adam, ("rmsprop",), 1 / LIKE, LIKE),
                  partial(_like_adam, ("sgd", "momentum"), 1 / LIKE, LIKE)),
            Check(partial(_like_adam, ("sgd", "momentum"), 0, 1 / LIKE),
                  partial(_like_adam, ("rmsprop",), 0, 1 / LIKE)),
        ),
    ),
)  # fmt: skip
