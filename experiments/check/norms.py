"""Norms that people write themselves, known by what they do: what a module gives does not change with the scale."""

from __future__ import annotations

from collections.abc import Container, Sequence

import torch
from torch import Tensor

from meanbits.experiments.check.pointwise import again
from meanbits.experiments.check.records import Record

FACTOR, SHIFT, SAME = 3.0, 1.0, 1e-2
MANY = 3  # calls in a module, from which on it may be a norm


def own_norms(
    records: Sequence[Record], pointwise: Container[Record]
) -> dict[Record, tuple[Record, bool, tuple[Record, ...]]]:
    """By its last call: what a norm is of, whether it takes the mean over units away, and its calls.

    pointwise: calls that are functions of one number, as a sign is, which no scale changes either.
    """
    found = {}
    by_path: dict[str, list[Record]] = {}
    for record in records:
        by_path.setdefault(record.path, []).append(record)
    for path, calls in by_path.items():
        given = {parent for each in calls for parent in each.followed if parent.path != path}
        last = calls[-1]
        if not path or last in pointwise or len(calls) < MANY or len(given) != 1 or not _is_closed(calls, path):
            continue
        (source,) = given
        if last.output.shape == source.output.shape and (centred := _is_norm(last, source)) is not None:
            found[last] = source, centred, tuple(calls)
    return found


def _is_closed(calls: Sequence[Record], path: str) -> bool:
    """Whether nothing but the last call's output is used outside."""
    return all(taker.path == path for each in calls[:-1] for taker in each.consumers)


def _is_norm(last: Record, source: Record) -> bool | None:
    """Whether it takes the mean away; None where the scale or the sign of its argument matters."""
    x = source.output.detach()
    try:
        with torch.no_grad():
            plain, scaled, mirrored, shifted = (again(last, {source: each})
                                                for each in (x, FACTOR * x, -x, x + SHIFT))  # fmt: skip
    except Exception:
        return None
    if not _alike(plain, scaled) or _alike(plain, mirrored):
        return None
    return _alike(plain, shifted)


def _alike(first: Tensor, second: Tensor) -> bool:
    return bool((first - second).square().mean() <= SAME**2 * first.square().mean())
