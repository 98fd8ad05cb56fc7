"""What is measured at a cut of a network: mean square, correlation of pairs, signs, dead units, bad numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

INPUTS = 24  # whose pairs are looked at: 276 of them
MOST = 2**24  # numbers that are looked at; of wider cuts, fewer inputs
SAMPLE = 4096  # values kept of a cut
ALIKE = 1e-12  # relative square of the range over the batch below which a unit is constant


@dataclass(frozen=True, eq=False)
class Cut:
    """At one cut, over a batch: q the mean of x^2 over inputs and units, c the mean correlation of pairs of inputs.

    The correlation of inputs a and b is <x_a x_b>/sqrt(<x_a^2><x_b^2>), <.> over units and positions, nothing
    subtracted; `pairs` holds it for all pairs of the first `INPUTS` inputs. Errors are standard errors over units,
    which have weights of their own. spread: the variance of a unit over inputs and positions, mean over units. level:
    the square of the mean over units, mean over inputs. sign_entropy: of x > 0 over the batch, in bits, mean over
    units. dead: share of units that are the same for all inputs. beyond: share of |x| > 1. least, most: extremes of the
    finite values. bad: share of values that are NaN or infinite; all else is over the others. sample: some values.
    """

    shape: tuple[int, ...]
    units: int
    q: float
    q_error: float
    c: float
    c_error: float
    pairs: np.ndarray
    spread: float
    level: float
    sign_entropy: float
    dead: float
    beyond: float
    least: float
    most: float
    bad: float
    sample: np.ndarray


def measured(x: Tensor, batch: int, axis: int) -> Cut | None:
    """The cut of a tensor whose units lie along `axis`; None where no dimension runs over the batch."""
    arranged = by_unit(x, batch, axis)
    if arranged is None:
        return None
    most = max(MOST * len(arranged) // max(arranged.numel(), 1), INPUTS)
    values, bad = _finite(arranged[:most].cpu().double())
    square, spread = values.square().mean((0, 2)), (values - values.mean((0, 2), keepdim=True)).square().mean((0, 2))
    still = (values.amax(0) - values.amin(0)).square().mean(1)
    c, c_error, pairs = _correlations(values)
    up = (values > 0).double().mean((0, 2))
    return Cut(
        shape=tuple(x.shape), units=values.shape[1], q=float(square.mean()), q_error=_error(square),
        c=c, c_error=c_error, pairs=pairs, spread=float(spread.mean()),
        level=float(values.mean((1, 2)).square().mean()), sign_entropy=float(_entropy(up).mean()),
        dead=float((still <= ALIKE * square).double().mean()), beyond=float((values.abs() > 1).double().mean()),
        least=float(values.min()), most=float(values.max()), bad=bad,
        sample=values.flatten()[:: -(-values.numel() // SAMPLE)].numpy().copy(),
    )  # fmt: skip


def _finite(values: Tensor) -> tuple[Tensor, float]:
    """The values, 0 in place of NaN and infinity, and the share of these; a finite sum has none."""
    if math.isfinite(float(values.sum())):
        return values, 0.0
    finite = torch.isfinite(values)
    return torch.where(finite, values, 0.0), 1 - float(finite.double().mean())


def by_unit(x: Tensor, batch: int, axis: int) -> Tensor | None:
    """As (batch, units, positions)."""
    if x.dim() == 0 or x.numel() == 0:
        return None
    if x.shape[0] != batch:
        x, axis = _batch_first(x, batch, axis)
        if x is None:
            return None
    if x.dim() == 1:
        return x.reshape(batch, 1, 1)
    return x.movedim(axis, 1).reshape(batch, x.shape[axis], -1)


def _batch_first(x: Tensor, batch: int, axis: int) -> tuple[Tensor | None, int]:
    """A batch that is another dimension, or folded into the first one."""
    if x.shape[0] % batch == 0 and x.dim() > 1:
        return x.reshape(batch, x.shape[0] // batch, *x.shape[1:]), axis + 1 if axis > 0 else axis
    where = [k for k, size in enumerate(x.shape) if size == batch]
    if not where or where[0] == axis % x.dim():
        return None, axis
    return x.movedim(where[0], 0), axis if axis < 0 or axis > where[0] else axis + 1


def _correlations(values: Tensor) -> tuple[float, float, np.ndarray]:
    """The mean over pairs, its standard error over units, and those of the pairs; NaN where an input is all 0."""
    chosen = values[:INPUTS].flatten(2)
    flat = chosen.flatten(1)
    gram = flat @ flat.T / flat.shape[1]
    first, second = np.triu_indices(len(flat), k=1)
    norms = gram.diagonal().sqrt()
    pairs = (gram[first, second] / (norms[first] * norms[second])).numpy()
    unit = chosen / torch.where(norms > 0, norms, 1)[:, None, None]
    together = (unit.sum(0).square() - unit.square().sum(0)).mean(1) / (len(flat) * (len(flat) - 1))
    known = pairs[np.isfinite(pairs)].clip(-1, 1)
    return float(known.mean()) if len(known) else math.nan, _error(together), known


def _error(each: Tensor) -> float:
    """The standard error of a mean over units."""
    return float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.inf


def _entropy(share: Tensor) -> Tensor:
    return (torch.special.entr(share) + torch.special.entr(1 - share)) / math.log(2)


@dataclass(frozen=True)
class Gradient:
    """The mean square of a gradient over inputs and units, its standard error over units, whether all is finite."""

    square: float
    error: float
    finite: bool


def gradient_at(arranged: Tensor) -> Gradient:
    """Of a gradient (batch, units, positions)."""
    each = arranged.cpu().double().square().mean((0, 2))
    return Gradient(float(each.mean()), _error(each), bool(torch.isfinite(each).all()))
