"""Initialisations in the manner of torch.nn.init: in place, without gradients, the tensor returned.

>>> import torch
>>> layer_mean = mean_variance_(torch.empty(300, 784), sigma_m2=0.25)
>>> sorted(set(layer_mean.flatten().tolist()))
[-0.5, 0.5]
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from meanbits.numerics.layers.latent import draw_latent_
from meanbits.numerics.layers.mean_draws import draw_means_

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.declarations.weights import Weights

CHAIN_DEPTH = 30  # layers that the initialisation of a chain is chosen for


def mean_variance_(
    mean: Tensor,
    sigma_m2: float,
    law: str = "two-point",
    limit: float | None = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Independent entries of variance sigma_m2, whatever the fan, from a law of `mean_law` on (-limit, limit).

    A law that reaches the limit stops at the number before it: the field of certain bits has no variance.

    Raises:
        ValueError: an unknown law, or a variance that it cannot have within the limit.
    """
    return draw_means_(mean, sigma_m2, law, limit, generator)


def critical_(
    mean: Tensor,
    surrogate: Surrogate | Layer | str | None = None,
    law: str = "two-point",
    sigma_b2: float = 0.0,
    generator: torch.Generator | None = None,
    parametrisation: str | None = None,
    fan: int | None = None,
    **options: Any,
) -> Tensor:
    """Means whose variance is critical for the surrogate (default deterministic), or as near to that as there is.

    Of a chain of blocks, the variance at which the larger of the changes of correlations forward and of squared
    gradients backward over `CHAIN_DEPTH` layers is smallest. Where weights are rounded from latent ones, which settles
    their variance, these are drawn, for `layer.latent`. Where no critical initialisation exists, the variance of
    largest depth scale is taken, with a warning that says how deep it reaches.

    options: parts as `meanbits.compose` takes them. sigma_b2: variance that the biases are to have.
    parametrisation: "ntk", of the layers here, h = W x / sqrt(fan) + b, the default where the law of the weights bounds
    their means; "standard", of torch.nn.Linear and Conv2d, h = W x + b, draws variances sigma_m2 / fan. Real weights
    may be either, and it must be said. fan: inputs of a neuron, by default those of weights (out, in, *kernel).

    Raises:
        ValueError: a surrogate without initialisation to choose, a law that cannot have the variance, real weights
            without parametrisation, or standard weights whose values are fixed, such as bits.

    >>> weight = critical_(torch.empty(64, 3, 5, 5), "continuous", neurons="linear", parametrisation="standard")
    >>> float(weight.var() * 75)  # doctest: +ELLIPSIS
    1.0...
    """
    from meanbits.theory.declarations.compose_layer import compose
    from meanbits.theory.declarations.layer import Layer

    found = compose(surrogate, **options) if surrogate is None or isinstance(surrogate, str) else surrogate
    weights = found.dense[0].weights if isinstance(found, Layer) else found.weights
    share = _share(mean, weights, parametrisation, fan)
    sigma_m2, shortfall = _chain_choice(found, sigma_b2) if isinstance(found, Layer) else _choice(found, sigma_b2)
    if shortfall:
        warnings.warn(f"{found.name} at sigma_b2 = {sigma_b2:g}: {shortfall}", stacklevel=2)
    if weights.means:
        return draw_latent_(mean, weights, generator)
    limit = weights.mean_limit
    return draw_means_(mean, share * sigma_m2, law, None if limit is None else float(limit), generator)


def _choice(surrogate: Surrogate, sigma_b2: float) -> tuple[float, str]:
    """sigma_m2, and what to say where it is not critical."""
    from meanbits.numerics.depth.advise import advise
    from meanbits.theory.derive import derive

    chosen = advise(derive(surrogate), 1, sigma_b2)
    if math.isinf(chosen.xi_c):
        return chosen.sigma_m2, ""
    return chosen.sigma_m2, (f"no initialisation is critical; sigma_m2 = {chosen.sigma_m2:.4g} reaches deepest, "
                             f"6 xi_c = {chosen.reach:.3g} layers")  # fmt: skip


def _chain_choice(layer: Layer, sigma_b2: float) -> tuple[float, str]:
    """As `_choice`; NaN where weights settle sigma_m2."""
    from meanbits.numerics.depth.layer_advise import as_it_is
    from meanbits.theory.declarations.rows import row_of_layer

    found = as_it_is(row_of_layer(layer), CHAIN_DEPTH, sigma_b2)
    sigma_m2 = math.nan if found.sigma_m2 is None else found.sigma_m2
    return sigma_m2, "" if found.trains else (
        f"{CHAIN_DEPTH} layers change correlations by {found.forward:.3g} and squared gradients by "
        f"{found.backward:.3g} e-foldings; meanbits advise says which norm, skip or slope trains deeper"
    )


def _share(mean: Tensor, weights: Weights, parametrisation: str | None, fan: int | None) -> float:
    """What of sigma_m2 is the variance of the weights as the caller has them: 1, or 1 / fan."""
    if parametrisation is None and weights.mean_limit is None:
        raise ValueError(f"weights {weights.name}: say parametrisation='standard' for those of torch.nn.Linear or "
                         "Conv2d (h = W x), 'ntk' for those of BinaryLinear (h = W x / sqrt(fan))")  # fmt: skip
    if parametrisation not in (None, "ntk", "standard"):
        raise ValueError(f"parametrisation = {parametrisation!r}: use ntk or standard")
    if parametrisation != "standard":
        return 1.0
    if weights.mean_limit is not None:
        raise ValueError(f"parametrisation = 'standard': {weights.name} weights have their values whatever the fan; "
                         "use ntk, and divide their field by sqrt(fan) as BinaryLinear does")  # fmt: skip
    inputs = mean[0].numel() if fan is None and mean.dim() > 1 else fan
    if inputs is None or inputs < 1:
        raise ValueError(f"fan = {fan} of weights {tuple(mean.shape)}: give the inputs of a neuron, at least 1")
    return 1 / inputs
