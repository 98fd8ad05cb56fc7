"""Neurons with a latent noise behind a function: x = f(h + scale Lambda) (theory.md, section 7)."""

from __future__ import annotations

import sympy as sp

from meanbits.theory.declarations.given import expression, require
from meanbits.theory.declarations.law import Law
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.noise import GAUSSIAN, NeuronNoise
from meanbits.theory.errors import SurrogateError
from meanbits.theory.functions.pieces import Pieces, pieces
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation
from meanbits.theory.symbols import h, u


def latent(name: str, function: sp.Expr, noise: NeuronNoise, scale: sp.Expr = sp.S.One) -> Neurons:
    """x = function(h + scale Lambda), function an expression in h: E[x | h] and E[x^2 | h] in closed form.

    Functions of steps take any noise, and have a law: their values, with the probabilities that the noise gives them.
    Others take Gaussian noise.

    Raises:
        SurrogateError: a scale that is not positive, or moments without a closed form.

    >>> from meanbits.theory.declarations.noise import LOGISTIC
    >>> latent("noisy step", (1 + sp.sign(h)) / 2, LOGISTIC).mean
    tanh(h/2)/2 + 1/2
    """
    size, inner = (expression(f"neurons {name}: {what}", each)
                   for what, each in (("the scale", scale), ("the function", function)))  # fmt: skip
    require(f"neurons {name}: the noise", noise, NeuronNoise)
    inner = inner.subs(h, u)
    cut = pieces(inner)
    if size.is_positive is False:
        raise SurrogateError(f"neurons {name}: the scale {scale} of the noise must be positive")
    if cut.is_flat:
        return Neurons.of_values(name, _law(cut, noise, size), noise)
    if noise != GAUSSIAN:
        raise SurrogateError(f"neurons {name}: E f(h + Lambda) is no closed form for {noise.name} noise, unless f is "
                             "made of steps; use Gaussian noise, or declare E[x|h] and E[x^2|h]")  # fmt: skip
    mean, second = (evaluate_all(expectation(power, h, size**2)) for power in (inner, inner**2))
    if mean.has(GaussianExpectation) or second.has(GaussianExpectation):
        raise SurrogateError(f"neurons {name}: E f(h + Lambda)^2 of {function} has no closed form; use a piecewise "
                             "linear function, or declare E[x|h] and E[x^2|h]")  # fmt: skip
    return Neurons(name, mean, second, noise)


def _law(cut: Pieces, noise: NeuronNoise, scale: sp.Expr) -> Law:
    """The levels of a function of steps, each between its thresholds, and how likely they are given h."""
    above = [sp.S.One, *(noise.probability_up(scale).subs(h, h - at) for at in cut.breaks), sp.S.Zero]
    return tuple((level, above[k] - above[k + 1]) for k, level in enumerate(cut.parts))
