"""What a network is like inside: field variance q and correlation c of image pairs per layer, and its means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.propagation import theory_orbit
from meanbits.experiments.training.draws import layer_draws
from meanbits.experiments.training.network import Network
from meanbits.experiments.training.settings import Settings, row_of_settings
from meanbits.numerics.depth.profile import profile
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.rows import Row
from meanbits.theory.derive import derive

POLARISED = 0.9  # of the limit of the means
Numbers = list[float]
Table = list[Numbers]


@torch.no_grad()
def field_orbits(
    network: Network, pairs: Sequence[ImagePair], generators: Sequence[torch.Generator]
) -> list[dict[str, Table]]:
    """q and c of each image pair and hidden layer, (pairs, depth), for each cell; defined as the theory's are.

    With <.> the mean over a layer and T = <hbar^2> + <Sigma>: q = <hbar^2>/<Sigma> and c = <hbar_a hbar_b> /
    sqrt(<hbar_a^2><hbar_b^2>) where the field is marginalised and means are passed on, else q = T and
    c = <hbar_a hbar_b>/sqrt(T_a T_b).
    """
    cells, settings = len(generators), network.settings
    like = network.weights[0]
    images = np.stack([image for pair in pairs for image in (pair.first, pair.second)])
    given = torch.as_tensor(images, dtype=like.dtype, device=like.device).expand(cells, *images.shape)
    draws = layer_draws(network.rule, generators, settings.depth, len(images), settings.width, like.dtype)
    relative = network.rule.field == "integrated" and network.rule.surrogate.treatment.propagates == "mean"
    layers = [_statistics(field.mean, field.variance, relative) for field in network.fields(given, draws)][:-1]
    q, c = (torch.stack([layer[k] for layer in layers], -1) for k in (0, 1))
    return [{"q": q[cell].tolist(), "c": c[cell].tolist()} for cell in range(cells)]


def _statistics(hbar: Tensor, variance: Tensor | None, relative: bool) -> tuple[Tensor, Tensor]:
    """q and c, each (cells, pairs), of hbar and Sigma (cells, 2 pairs, width)."""
    hbar = hbar.double().unflatten(1, (-1, 2))
    square, spread = hbar.square().mean(-1), torch.zeros((), dtype=hbar.dtype, device=hbar.device)
    if variance is not None:
        spread = variance.double().unflatten(1, (-1, 2)).mean(-1)
    norm = square if relative else square + spread
    q = square / spread if relative else norm
    return q.mean(-1), hbar.prod(2).mean(-1) / norm.prod(-1).sqrt()


def typical_overlap(images: Tensor) -> float:
    """The overlap of a typical pair of images (n, features), relative to their mean square."""
    return float(images.double().mean(0).square().mean() / images.double().square().mean())


def theory_orbits(settings: Settings, pairs: Sequence[ImagePair], typical: float = 0.0) -> dict[str, Table | None]:
    """q and c by the theory at initialisation, (pairs, depth); None for real inputs, or where no maps were emitted.

    typical: overlap of a typical pair of images, which batch norm removes.
    """
    row = row_of_settings(settings)
    if row.surrogate.treatment.field != "integrated":
        row = replace(row, dropout=sp.S.Zero)  # its masks are for training, and not drawn here
    theory = derive(row.surrogate)
    if settings.inputs == "real" or theory.surrogate.real_input:
        return {"q": None, "c": None}
    law = {"sigma_m2": settings.sigma_m2, "sigma_b2": settings.sigma_b2}
    try:
        if row == Row(row.surrogate):
            orbits = [theory_orbit(theory, pair=pair, **law, depth=settings.depth) for pair in pairs]
        else:
            orbits = [
                _through_blocks(row.layer, settings, typical, pair, theory_orbit(theory, pair=pair, **law, depth=1))
                for pair in pairs
            ]
    except ValueError:
        return {"q": None, "c": None}
    return {name: [orbit[k].tolist() for orbit in orbits] for k, name in enumerate(("q", "c"))}


def _through_blocks(
    layer: Layer, settings: Settings, typical: float, pair: ImagePair, first: Sequence[NDArray[np.float64]]
) -> tuple[Any, Any]:
    """q and c of a pair from its first fields on, images of a typical pair of this overlap."""
    q, c = (float(each[0]) for each in first)
    if settings.depth == 1:
        return first[0], first[1]
    means, biases = settings.sigma_m2, settings.sigma_b2
    square = q if layer.treatment.field == "sharp" else means * pair.mean_square + biases  # of hbar
    alike = 1 - (1 - typical) * (1 - biases / square)  # biases are shared by all inputs
    alike *= 1.0 if layer.is_relative else square / q
    found = profile(layer, settings.depth - 1, means, biases, q0=q, c0=c, typical=alike)
    return found.q, found.c


@torch.no_grad()
def mean_statistics(network: Network) -> list[dict[str, Numbers]]:
    """For each cell and layer, readout last: the fraction of polarised means (|M| > 0.9 of the limit), E M^2, E b^2."""
    limit = network.rule.limit
    rows: list[NDArray[np.float64]] = []
    for layer, biases in enumerate(network.biases):
        means = network.means(layer).flatten(1).double()
        polarised = torch.full_like(means[:, 0], float("nan"))
        if limit is not None and not network.is_real(layer):
            polarised = (means.abs() > POLARISED * limit).double().mean(1)
        columns = (polarised, means.square().mean(1), biases.double().square().mean(1))
        rows.append(torch.stack(columns).cpu().numpy())
    table = np.stack(rows, -1)  # (3, cells, layers)
    names = ("polarised", "sigma_m2", "sigma_b2")
    return [{name: table[k, cell].tolist() for k, name in enumerate(names)} for cell in range(table.shape[1])]
