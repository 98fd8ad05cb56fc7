"""Initialisations in the manner of torch.nn.init: in place, without gradients, the tensor returned.

>>> import torch
>>> layer_mean = mean_variance_(torch.empty(300, 784), sigma_m2=0.25)
>>> sorted(set(layer_mean.flatten().tolist()))
[-0.5, 0.5]
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from numerics.mean_draws import draw_means_
from theory.surrogates import Surrogate


def mean_variance_(
    mean: Tensor,
    sigma_m2: float,
    law: str = "two-point",
    limit: float | None = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Independent means of variance sigma_m2 from a law of `theory.mean_law`, inside (-limit, limit).

    A law that reaches the limit stops at the number before it: the field of certain bits has no variance.

    Raises:
        ValueError: an unknown law, or a variance that it cannot have within the limit.
    """
    return draw_means_(mean, sigma_m2, law, limit, generator)


def critical_(
    mean: Tensor,
    surrogate: Surrogate | str | None = None,
    law: str = "two-point",
    sigma_b2: float = 0.0,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Tensor:
    """Means whose variance is critical for the surrogate (default deterministic), or as near to that as there is.

    options: parts as `meanbits.compose` takes them. sigma_b2: variance that the biases are to have. Where no critical
    initialisation exists, the variance of largest depth scale is taken, with a warning that says how deep it reaches.

    Raises:
        ValueError: a surrogate without initialisation to choose, or a law that cannot have the variance.
    """
    from numerics.advise import advise
    from theory.compose import compose
    from theory.derive import derive

    found = surrogate if isinstance(surrogate, Surrogate) else compose(surrogate, **options)
    chosen = advise(derive(found), 1, sigma_b2)
    if math.isfinite(chosen.xi_c):
        warnings.warn(f"{found.name} has no critical initialisation at sigma_b2 = {sigma_b2:g}; sigma_m2 = "
                      f"{chosen.sigma_m2:.4g} reaches deepest, 6 xi_c = {chosen.reach:.3g} layers",
                      stacklevel=2)  # fmt: skip
    limit = found.weights.mean_limit
    return draw_means_(mean, chosen.sigma_m2, law, None if limit is None else float(limit), generator)
