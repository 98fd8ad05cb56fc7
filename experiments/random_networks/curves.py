"""A circle of inputs on its way through random networks: its length, its curvature, and how much it turns.

Fields are followed with their first two derivatives by the angle, which pass through a layer exactly.
Source: Poole et al. 2016, arXiv 1606.05340, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp

from meanbits.experiments.random_networks.measurements import Array
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.symbols import h


@dataclass(frozen=True, eq=False)
class Curves:
    """Of each network and layer, arrays (networks, depth + 1), row 0 the circle itself, means over its points.

    expansion: the squared speed by the angle, over that of the circle; curvature: the squared curvature times N q, 1 of
    the circle; turning: the angle that the tangent turns by, over that of the circle.
    """

    expansion: Array
    curvature: Array
    turning: Array


def circle_through(
    neurons: Neurons, depth: int, sigma_m2: float, sigma_b2: float, q: float, *, width: int, networks: int,
    points: int = 16, seed: int | tuple[int, ...] = 0, tick: Callable[[int, int], object] = lambda done, total: None,
) -> Curves:  # fmt: skip
    """A great circle of fields of variance q through networks of real Gaussian weights.

    Raises:
        ValueError: neurons that jump or are random, whose states have no derivatives.
    """
    if neurons.jumps or neurons.is_random:
        raise ValueError(f"{neurons.name} neurons have no derivatives along a curve; use continuous ones")
    functions = [_numeric(neurons.mean.diff(h, order)) for order in range(3)]
    rows = []
    for index in range(networks):
        rng = np.random.default_rng((*np.atleast_1d(seed).tolist(), index))
        curve = _circle(rng, width, points, q)
        found = [_shape(curve)]
        for _ in range(depth):
            curve = _through(curve, functions, rng, sigma_m2, sigma_b2)
            found.append(_shape(curve))
        rows.append(found)
        tick(index + 1, networks)
    speed, curvature, turning = np.array(rows).transpose(2, 0, 1)
    return Curves(speed / q, curvature * width * q, turning)


def _numeric(expression: sp.Expr) -> Callable[[Array], Array]:
    return sp.lambdify(h, expression, "numpy")


def _circle(rng: np.random.Generator, width: int, points: int, q: float) -> Array:
    """Fields, first and second derivatives along the circle, (3, points, width), of mean square exactly q."""
    angle = 2 * np.pi * np.arange(points)[:, None] / points
    first, other = np.sqrt(width * q) * np.linalg.qr(rng.standard_normal((width, 2)))[0].T
    cosine, sine = np.cos(angle), np.sin(angle)
    field = cosine * first + sine * other
    return np.stack([field, cosine * other - sine * first, -field])


def _through(
    curve: Array, functions: list[Callable[[Array], Array]], rng: np.random.Generator, means: float, biases: float
) -> Array:
    """The curve behind neurons and a layer of weights: f, f' v and f'' v^2 + f' a."""
    field, speed, bend = curve
    f, slope, second = (function(field) for function in functions)
    width = field.shape[-1]
    weights = np.sqrt(means / width) * rng.standard_normal((width, width))
    after = np.stack([f, slope * speed, second * speed**2 + slope * bend]) @ weights.T
    after[0] += np.sqrt(biases) * rng.standard_normal(width)
    return after


def _shape(curve: Array) -> tuple[float, float, float]:
    """Mean squared speed a unit, squared curvature, and turning by the angle."""
    _, speed, bend = curve
    fast, slow, cross = (np.einsum("pn,pn->p", a, b) for a, b in ((speed, speed), (bend, bend), (speed, bend)))
    curvature = (fast * slow - cross**2) / fast**3
    return float(fast.mean() / curve.shape[-1]), float(curvature.mean()), float(np.sqrt(curvature * fast).mean())
