"""What a network followed layer by layer gives, and from where it may be followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meanbits.numerics.shown import Shown

MOST_LAYERS = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Shown):
    """Arrays (depth + 1,): row l after l layers, row 0 the first field; where the network has a first layer of its own,
    row 0 is the inputs and row l + 1 after l layers, and one row more for a last layer of its own.

    q: field variance, relative to its annealed part where the field is integrated out; c: correlation of the fields of
    two inputs; T: total field variance; gradient: mean square of the gradient with respect to the field, and overlap
    that of two inputs' gradients, relative to the last row; NaN where gradients see no slope.
    """

    q: np.ndarray
    c: np.ndarray
    T: np.ndarray
    gradient: np.ndarray
    overlap: np.ndarray

    shown = ("q", "c", "T", "gradient", "overlap")


def cumulated(factors: list[float]) -> np.ndarray:
    """Products from each row to the last; what overflows is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.append(np.cumprod(factors[::-1])[::-1], 1.0)


def refuse_lost(profile: Profile) -> Profile:
    """The profile, or a ValueError that names the first row without number, but for c where fields vanish."""
    lost = np.flatnonzero(np.isnan(profile.q) | np.isnan(profile.T) | (np.isnan(profile.c) & (profile.q > 0)))
    if lost.size:
        raise ValueError(f"q, c or T is no number after {lost[0]} layers; choose other variances, or fewer layers")
    return profile


def check_start(depth: int, q0: float, c0: float) -> None:
    """Raise ValueError for a depth or first fields out of range."""
    if not 1 <= depth <= MOST_LAYERS:
        raise ValueError(f"depth {depth}: give from 1 to {MOST_LAYERS} layers")
    if not 0 < q0 < np.inf:
        raise ValueError(f"q0 {q0:g}: give a positive number")
    if not -1 <= c0 <= 1:
        raise ValueError(f"c0 {c0:g}: a correlation lies in [-1, 1]")
