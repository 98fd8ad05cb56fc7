"""How far gradients reach: the backward depth scale beside the forward one."""

from __future__ import annotations

from dataclasses import dataclass

from numerics.newton import Array
from numerics.solve import FixedPoint, depth_scale
from theory.derive import Theory


@dataclass(frozen=True)
class GradientScales:
    """Depth scales in layers at fixed points; arrays of the fixed point's shape.

    mean_squared: factor by which a layer multiplies the mean square of a gradient, the mean squared singular value of
    its Jacobian at the state the network is in. backward: -1/ln of it. forward: xi_c = -1/ln chi(c*).

    They are the same number where equal inputs stay equal (c* = 1). Where the field is sampled they do not, c* < 1: the
    noise that one gradient sees is the noise of its own forward pass, at c = 1, and chi(c*) < chi_1 by convexity. There
    chi(c*) is the factor of the gradient averaged over the noise, so gradients reach deeper than what they mean.
    """

    mean_squared: Array
    backward: Array
    forward: Array


def gradient_scales(theory: Theory, found: FixedPoint) -> GradientScales | None:
    """The scales at fixed points of a theory; None where it has no Jacobian.

    The mean squared singular value is chi_1 there: both are sigma_m2 E slope^2, by Price's theorem.
    """
    if theory.jacobian is None:
        return None
    return GradientScales(found.chi_1, depth_scale(found.chi_1), found.xi_c)


def gradient_depth_scale(theory: Theory, found: FixedPoint) -> Array | None:
    """-1/ln of the factor of gradients' mean square a layer; None where the theory has no Jacobian."""
    scales = gradient_scales(theory, found)
    return None if scales is None else scales.backward
