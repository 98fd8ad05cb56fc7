"""What a neuron is: its moments given its field, by a law of values or as functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import combinations

import sympy as sp

from meanbits.theory.declarations.brief import Brief
from meanbits.theory.declarations.given import expression, require, settle
from meanbits.theory.declarations.law import Law, law_moment
from meanbits.theory.declarations.noise import NeuronNoise
from meanbits.theory.errors import SurrogateError
from meanbits.theory.functions.pieces import pieces
from meanbits.theory.functions.probes import probe
from meanbits.theory.gaussian.special import HardTanh, Softplus
from meanbits.theory.gaussian.tidy import simplified_almost_everywhere
from meanbits.theory.symbols import h, u

ROUNDING = 1e-12
MOST_LEVELS, MOST_BITS, FEW_VALUES = 64, 6, 3


@dataclass(frozen=True, repr=False)
class Neurons(Brief):
    """A neuron by its moments given the field: m(h) = `mean` and s(h) = E[x^2 | h], expressions in h.

    second: s, or None where the state is m(h) itself. law: pairs (value, probability) where it has finitely many
    values. noise: the latent noise behind it, where there is one. backward: the slope that gradients see in place of
    dm/dh (`declarations.straight_through`). Forward the theory uses m and s and nothing else.

    Raises:
        SurrogateError: a mean without a finite real value somewhere, s below m^2, or probabilities that are none.
    """

    name: str
    mean: sp.Expr
    second: sp.Expr | None = None
    noise: NeuronNoise | None = None
    law: Law = field(default=(), repr=False)
    backward: sp.Expr | None = None

    def __post_init__(self) -> None:
        settle(self, f"neurons {self.name}", "mean", "second", "backward")
        reason = _objection(self.mean, self.second_moment, tuple(map(tuple, self.law)))
        if reason is not None:
            raise SurrogateError(f"neurons {self.name}: {reason}")

    @classmethod
    def of_values(cls, name: str, law: Law, noise: NeuronNoise | None = None) -> Neurons:
        """A neuron of finitely many values, pairs (value, probability) given h."""
        return cls(name, law_moment(law, 1), law_moment(law, 2), noise, law)

    @property
    def second_moment(self) -> sp.Expr:
        """E[x^2 | h], an expression in h."""
        return self.mean**2 if self.second is None else self.second

    @property
    def values(self) -> Law:
        """Pairs (value, probability); of the mean alone where that is the state, or where only moments are known."""
        return self.law or ((self.mean, sp.S.One),)

    @property
    def is_binary(self) -> bool:
        """Whether E[x^2 | h] = 1: the state is -1 or +1, or no theory can tell."""
        return self.second == 1

    @cached_property
    def is_random(self) -> bool:
        """Whether the state fluctuates given the field."""
        return self.second is not None and _differ(self.second, self.mean**2)

    @cached_property
    def jumps(self) -> bool:
        """Whether E[x | h] jumps somewhere."""
        return bool(pieces(self.mean.subs(h, u)).jumps)

    @cached_property
    def is_flat(self) -> bool:
        """Whether E[x | h] only jumps, so that it passes no gradient."""
        return pieces(self.mean.subs(h, u)).is_flat

    @property
    def fluctuation(self) -> sp.Expr:
        """Var(x | h); of a few values or of equal chances without cancellation, as sum_i<j p_i p_j (x_i - x_j)^2."""
        plain = all(probability.is_number for _, probability in self.law)
        if not self.law or (len(self.law) > FEW_VALUES and not plain):
            return self.second_moment - self.mean**2
        return sp.Add(*(first * second * sp.expand(x - y) ** 2
                        for (x, first), (y, second) in combinations(self.law, 2)))  # fmt: skip

    @property
    def slope_at_zero(self) -> sp.Expr:
        """dE[x | h]/dh at h = 0; infinite for a sign."""
        slope = simplified_almost_everywhere(self.mean.subs(h, u).diff(u))
        return sp.oo if slope.has(sp.DiracDelta) else slope.subs(u, 0).doit()


def _differ(first: sp.Expr, second: sp.Expr) -> bool:
    """Whether two functions of h differ by more than rounding somewhere."""
    apart = sp.expand(simplified_almost_everywhere(sp.expand((first - second).subs(h, u))))
    if apart == 0 or apart.atoms(sp.core.function.AppliedUndef):
        return apart != 0
    return any(abs(a - b) > ROUNDING * max(1, abs(a)) for _, (a, b) in probe((first, second), h))


@lru_cache(maxsize=256)  # neurons of other names and slopes that gradients see are the same
def _objection(mean: sp.Expr, second: sp.Expr, law: Law) -> str | None:
    """What is wrong with these moments and this law."""
    functions = [mean, second, *(probability for _, probability in law)]
    if any(function.atoms(sp.core.function.AppliedUndef) for function in functions):
        return None  # an undefined function stands for any that would pass
    total = law_moment(law, 0) if law else sp.S.One
    if sp.simplify(total - 1) != 0 and _differ(total, sp.S.One):
        return f"the probabilities sum to {total}, not to 1"
    cut = pieces(mean.subs(h, u))
    if not cut.breaks and not cut.parts[0].has(u):
        return f"E[x|h] = {cut.parts[0]} does not depend on the field h, so nothing is passed on"
    for point, (first, square, *probabilities) in probe(functions, h):
        for (value, _), probability in zip(law, probabilities, strict=True):
            if not -ROUNDING <= probability <= 1 + ROUNDING:
                return f"P(x = {value} | h) is {probability:.4g} at h = {point:.4g}, and no probability"
        if square < first**2 * (1 - ROUNDING) - ROUNDING:
            return f"E[x^2|h] = {square:.4g} is below E[x|h]^2 = {first**2:.4g} at h = {point:.4g}"
    return None


def _binary_neuron(name: str, probability_up: sp.Expr, noise: NeuronNoise | None = None) -> Neurons:
    return Neurons.of_values(name, ((sp.S.One, probability_up), (sp.S.NegativeOne, 1 - probability_up)), noise)


def stochastic(noise: NeuronNoise, scale: sp.Expr = sp.S.One) -> Neurons:
    """x = sign(h + scale Lambda): P(x = 1 | h) = F(h/scale), or 1 - F(-h/scale) where the noise is skew."""
    require("stochastic neurons: the noise", noise, NeuronNoise)
    scale = expression("stochastic neurons: the scale", scale)
    if scale.is_positive is False:
        raise SurrogateError(
            f"noise {noise.name} of scale {scale}: the scale must be positive; for none use sign neurons"
        )
    label = "stochastic" if scale == 1 else f"stochastic:{scale}"
    return _binary_neuron(f"{label} ({noise.name})", noise.probability_up(scale), noise)


def continuous(name: str, function: sp.Expr) -> Neurons:
    """x = function(h), an expression in h."""
    return Neurons(name, function)


def step(threshold: sp.Expr = sp.S.Zero) -> Neurons:
    """A neuron in {0, 1}: 1 where h > threshold."""
    threshold = expression("step neurons: the threshold", threshold)
    return continuous(f"step:{threshold}" if threshold != 0 else "step", (1 + sp.sign(h - threshold)) / 2)


def dead_zone(width: sp.Expr) -> Neurons:
    """A neuron in {-1, 0, 1}: the sign of h where |h| > width."""
    width = expression("deadzone neurons: the width", width)
    if not width.is_positive:
        raise SurrogateError(f"deadzone:{width}: the width must be positive; for none use sign neurons")
    return continuous(f"deadzone:{width}", (sp.sign(h - width) + sp.sign(h + width)) / 2)


def quantiser(count: int, width: sp.Expr | None = None) -> Neurons:
    """`count` equally spaced levels from -1 to 1, thresholds `width` apart about 0 (default 2/(count - 1), midway).

    Raises:
        SurrogateError: fewer than 2 levels or more than 64, or a width that is not positive.
    """
    if expression("quantiser: the number of levels", count) not in range(2, MOST_LEVELS + 1):
        raise SurrogateError(f"quantiser:{count}: give from 2 to {MOST_LEVELS} levels")
    apart = sp.Rational(2, count - 1) if width is None else expression("quantiser: the distance", width)
    if not apart.is_positive:
        raise SurrogateError(f"quantiser:{count}:{apart}: the thresholds' distance must be positive")
    thresholds = [(sp.Rational(2 - count, 2) + k) * apart for k in range(count - 1)]
    name = f"quantiser:{count}" if width is None else f"quantiser:{count}:{width}"
    return continuous(name, sp.Add(*(sp.sign(h - each) for each in thresholds)) / (count - 1))


def bits(count: int) -> Neurons:
    """A neuron of so many bits: h clipped to [0, 1] and rounded to multiples of 1/(2^count - 1).

    Zhou et al. 2016, arXiv 1606.06160, eqs. (5), (11).

    Raises:
        SurrogateError: fewer than 1 bit or more than 6.
    """
    if not 1 <= count <= MOST_BITS:
        raise SurrogateError(f"bits:{count}: give from 1 to {MOST_BITS} bits")
    last = 2**count - 1
    thresholds = [sp.Rational(2 * k + 1, 2 * last) for k in range(last)]
    return continuous(f"bits:{count}", sp.Add(*((1 + sp.sign(h - each)) / 2 for each in thresholds)) / last)


SIGN = _binary_neuron("sign", (1 + sp.sign(h)) / 2)
CONTINUOUS: tuple[Neurons, ...] = (
    continuous("tanh", sp.tanh(h)),
    continuous("erf", sp.erf(h)),
    continuous("relu", sp.Max(0, h)),
    continuous("hardtanh", HardTanh(h)),
    continuous("linear", h),
    continuous("gelu", h * (1 + sp.erf(h / sp.sqrt(2))) / 2),
    continuous("silu", h * (1 + sp.tanh(h / 2)) / 2),
    continuous("softplus", Softplus(h)),
    continuous("hardsigmoid", (1 + HardTanh(h)) / 2),  # of BinaryConnect, clip((h + 1)/2, 0, 1)
    continuous("sin", sp.sin(h)),
)


def leaky_relu(slope: sp.Expr) -> Neurons:
    """x = h where h > 0, slope h elsewhere."""
    slope = expression("leaky neurons: the slope", slope)
    return continuous(f"leaky:{slope}", (1 + slope) / 2 * h + (1 - slope) / 2 * sp.Abs(h))
