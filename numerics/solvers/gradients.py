"""How far gradients reach: the growth of their squares a layer, and the backward depth scale beside the forward one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meanbits.numerics.emission.ready import ReadyTheory, traits_of
from meanbits.numerics.solvers.newton import Array
from meanbits.numerics.solvers.scales import depth_scale
from meanbits.numerics.solvers.solve import FixedPoint

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory


@dataclass(frozen=True)
class GradientScales:
    """Depth scales in layers at fixed points; arrays of the fixed point's shape.

    mean_squared: chi_g, the factor by which a layer multiplies the mean square of a gradient: the mean squared singular
    value of its Jacobian at the state the network is in, or with a declared slope what that gives. backward: -1/ln of
    it. forward: xi_c = -1/ln chi(c*).

    They are the same number where equal inputs stay equal (c* = 1). Where the field is sampled they do not, c* < 1: the
    noise that one gradient sees is the noise of its own forward pass, at c = 1, and chi(c*) < chi_1 by convexity. There
    chi(c*) is the factor of the gradient averaged over the noise, so gradients reach deeper than what they mean.
    """

    mean_squared: Array
    backward: Array
    forward: Array

    @property
    def xi_g(self) -> Array:
        """1/ln chi_g in layers: above 0 where gradients grow on their way back, below where they vanish, inf at 1."""
        return np.where(np.isinf(self.backward), np.inf, -self.backward)[()]


def gradient_scales(theory: Theory | ReadyTheory, found: FixedPoint) -> GradientScales | None:
    """The scales at fixed points of a theory; None where it has neither a Jacobian nor a slope for gradients."""
    if traits_of(theory).gradients == "none":
        return None
    return GradientScales(found.chi_g, depth_scale(found.chi_g), found.xi_c)


def gradient_depth_scale(theory: Theory | ReadyTheory, found: FixedPoint) -> Array | None:
    """-1/ln of the factor of gradients' mean square a layer; None where the theory has no Jacobian."""
    scales = gradient_scales(theory, found)
    return None if scales is None else scales.backward
