"""What the stochastic network is: laws of its weights given their means, and of its neurons given their fields."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.noise import NeuronNoise
from theory.special import HardTanh
from theory.symbols import h, mean_weight, rho, sigma_m2, u
from theory.tidy import simplified_almost_everywhere

Law = tuple[tuple[sp.Expr, sp.Expr], ...]


def law_moment(law: Law, order: int) -> sp.Expr:
    """E value^order by summing over the support."""
    return sp.expand(sum(value**order * probability for value, probability in law))


@dataclass(frozen=True)
class Weights:
    """A weight law: pairs (value, probability) given the mean M, and the range of M.

    `mean_limit` bounds |M| (None: any); `mean_square` fixes E M^2 where the law itself does (None: sigma_m2 is free).
    """

    name: str
    law: Law
    mean_limit: sp.Expr | None
    mean_square: sp.Expr | None = None

    def __post_init__(self) -> None:
        if sp.simplify(law_moment(self.law, 0) - 1) != 0 or sp.simplify(law_moment(self.law, 1) - mean_weight) != 0:
            raise ValueError(f"weights {self.name}: probabilities must sum to 1 and the mean must be M")

    @property
    def is_random(self) -> bool:
        """Whether the weights fluctuate given their means."""
        return len(self.law) > 1

    @property
    def variance_of_means(self) -> sp.Expr:
        """E M^2: sigma_m2 unless the law fixes it."""
        return sigma_m2 if self.mean_square is None else self.mean_square


@dataclass(frozen=True)
class Neurons:
    """A neuron: pairs (value, probability) given the field h."""

    name: str
    law: Law
    noise: NeuronNoise | None = None

    def __post_init__(self) -> None:
        if sp.simplify(law_moment(self.law, 0) - 1) != 0:
            raise ValueError(f"neurons {self.name}: probabilities must sum to 1")

    @property
    def is_binary(self) -> bool:
        """Whether the states are -1 and +1."""
        return len(self.law) == 2

    @property
    def is_random(self) -> bool:
        """Whether the state fluctuates given the field."""
        return self.noise is not None

    @property
    def mean(self) -> sp.Expr:
        """E[x | h], an expression in h."""
        return law_moment(self.law, 1)

    @property
    def slope_at_zero(self) -> sp.Expr:
        """dE[x | h]/dh at h = 0; infinite for a sign."""
        slope = simplified_almost_everywhere(self.mean.subs(h, u).diff(u))
        return sp.oo if slope.has(sp.DiracDelta) else slope.subs(u, 0).doit()

    @property
    def second_moment(self) -> sp.Expr:
        """E[x^2 | h], an expression in h."""
        return law_moment(self.law, 2)


BINARY = Weights("binary", ((sp.S.One, (1 + mean_weight) / 2), (sp.S.NegativeOne, (1 - mean_weight) / 2)), sp.S.One)
FIXED = Weights("fixed", ((mean_weight, sp.S.One),), None)
FIXED_SIGNS = Weights("fixed signs", ((mean_weight, sp.S.One),), sp.S.One, mean_square=sp.S.One)


def ternary(density: sp.Expr = rho) -> Weights:
    """Weights in {-1, 0, +1} with P(S != 0) = density."""
    if density.is_number and not 0 < density <= 1:
        raise ValueError(f"ternary weights with P(S != 0) = {density}: it must lie in (0, 1]")
    up, down = (density + mean_weight) / 2, (density - mean_weight) / 2
    law = ((sp.S.One, up), (sp.S.NegativeOne, down), (sp.S.Zero, 1 - density))
    return Weights(f"ternary:{density}", law, density)


def _binary_neuron(name: str, probability_up: sp.Expr, noise: NeuronNoise | None = None) -> Neurons:
    return Neurons(name, ((sp.S.One, probability_up), (sp.S.NegativeOne, 1 - probability_up)), noise)


def stochastic(noise: NeuronNoise, scale: sp.Expr = sp.S.One) -> Neurons:
    """x = sign(h + scale Lambda): P(x = 1 | h) = F(h/scale)."""
    if scale.is_positive is False:
        raise ValueError(f"noise {noise.name} of scale {scale}: the scale must be positive; for none use sign neurons")
    label = "stochastic" if scale == 1 else f"stochastic:{scale}"
    return _binary_neuron(f"{label} ({noise.name})", noise.cdf.subs(h, h / scale), noise)


def continuous(name: str, function: sp.Expr) -> Neurons:
    """x = function(h), an expression in h."""
    return Neurons(name, ((function, sp.S.One),))


SIGN = _binary_neuron("sign", (1 + sp.sign(h)) / 2)
CONTINUOUS: tuple[Neurons, ...] = (
    continuous("tanh", sp.tanh(h)),
    continuous("erf", sp.erf(h)),
    continuous("relu", sp.Max(0, h)),
    continuous("hardtanh", HardTanh(h)),
    continuous("linear", h),
)
