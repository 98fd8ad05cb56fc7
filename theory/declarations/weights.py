"""Laws of weights given their means."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import sympy as sp

from meanbits.theory.declarations.brief import Brief
from meanbits.theory.declarations.given import expression, settle
from meanbits.theory.declarations.law import Law, law_moment
from meanbits.theory.errors import SurrogateError
from meanbits.theory.symbols import mean_weight, rho, sigma_m2


@dataclass(frozen=True, repr=False)
class Weights(Brief):
    """A weight law by its moments given the mean M: E S = M and E S^2 = `second`, an expression in M.

    law: pairs (value, probability) where it has finitely many values. mean_limit: bounds |M| (None: any).
    largest_square: bounds E M^2 where weights of one M may differ in E S^2, of which `second` is then the average.
    mean_square: fixes E M^2 where the law itself does, and `means`, pairs (value, probability) of M, how it does.

    Raises:
        SurrogateError: probabilities that do not sum to 1 or fall below 0, E S != M, E S^2 below M^2 or odd in M.
    """

    name: str
    second: sp.Expr
    mean_limit: sp.Expr | None
    mean_square: sp.Expr | None = None
    largest_square: sp.Expr | None = None
    law: Law = field(default=(), repr=False)
    means: Law = field(default=(), repr=False)

    def __post_init__(self) -> None:
        settle(self, f"weights {self.name}", "second", "mean_limit", "mean_square", "largest_square")
        reason = _weights_objection(self)
        if reason is not None:
            raise SurrogateError(f"weights {self.name}: {reason}")

    @classmethod
    def of_values(cls, name: str, law: Law, mean_limit: sp.Expr | None, mean_square: sp.Expr | None = None) -> Weights:
        """Weights of finitely many values, pairs (value, probability) given M."""
        return cls(name, law_moment(law, 2), mean_limit, mean_square, law=law)

    @classmethod
    def of_latent(cls, name: str, means: Law) -> Weights:
        """Weights that are functions of latent ones: of these values, pairs (value, probability), and no others."""
        limit = sp.Max(*(value for value, _ in means))
        return cls(name, mean_weight**2, limit, law_moment(means, 2), law=((mean_weight, sp.S.One),), means=means)

    @property
    def is_random(self) -> bool:
        """Whether the weights fluctuate given their means."""
        return sp.expand(self.second - mean_weight**2) != 0

    @property
    def variance_of_means(self) -> sp.Expr:
        """E M^2: sigma_m2 unless the law fixes it."""
        return sigma_m2 if self.mean_square is None else self.mean_square

    @property
    def needs_equal_means(self) -> bool:
        """Whether E S^2 is not a + b M^2, so that its average is known for means +-sigma_m alone."""
        return not self.second.is_polynomial(mean_weight) or sp.degree(self.second, mean_weight) > 2

    @property
    def average_second(self) -> sp.Expr:
        """rho = E S^2 averaged over the means, which are +-sigma_m where that matters (`needs_equal_means`)."""
        if self.needs_equal_means:
            return self.second.subs(mean_weight, sp.sqrt(self.variance_of_means))
        return sp.expand(self.second).subs(mean_weight**2, self.variance_of_means)

    def square_given_mean(self, variance: float) -> tuple[float, float]:
        """(a, b) with E S^2 = a + b M^2 for means of this variance.

        Raises:
            SurrogateError: an open symbol in E S^2.
        """
        spread = sp.sqrt(sp.Float(variance, 17))
        second = self.second.subs(mean_weight, spread) if self.needs_equal_means else self.second
        if second.free_symbols - {mean_weight}:
            raise SurrogateError(f"weights {self.name}: E S^2 = {second} is open; give its symbols values")
        square = sp.expand(second).coeff(mean_weight, 2)
        return float(sp.expand(second).subs(mean_weight, 0)), float(square)

    @property
    def largest_sigma_m2(self) -> sp.Expr | None:
        """The largest E M^2; None where there is none."""
        if self.largest_square is not None or self.mean_limit is None:
            return self.largest_square
        return self.mean_limit**2


def _weights_objection(weights: Weights) -> str | None:
    second, limit = weights.second, weights.mean_limit
    if weights.law and sp.simplify(law_moment(weights.law, 0) - 1) != 0:
        return f"the probabilities sum to {law_moment(weights.law, 0)}, not to 1"
    if weights.law and sp.simplify(law_moment(weights.law, 1) - mean_weight) != 0:
        return f"E S = {law_moment(weights.law, 1)}, and it must be the mean M"
    if weights.means and [sp.simplify(law_moment(weights.means, order)) for order in (0, 1)] != [1, 0]:
        return "its values must have probabilities that sum to 1, and mean 0"
    if sp.simplify(second - second.subs(mean_weight, -mean_weight)) != 0:
        return f"E S^2 = {second} is odd in M, and the mean field averages it over symmetric means; make it even in M"
    for part in range(17):
        at = sp.Rational(part, 16) * (1 if limit is None else limit)
        if weights.largest_square is None and (second - mean_weight**2).subs(mean_weight, at).is_negative:
            return f"E S^2 = {second} is below M^2 at M = {at}; bound the means further, or correct it"
        for value, probability in weights.law:
            if limit is not None and any(probability.subs(mean_weight, side * at).is_negative for side in (1, -1)):
                return f"P(S = {value}) = {probability} is negative at |M| = {at}; bound the means further"
    return None


BINARY = Weights.of_values(
    "binary", ((sp.S.One, (1 + mean_weight) / 2), (sp.S.NegativeOne, (1 - mean_weight) / 2)), sp.S.One
)
FIXED = Weights.of_values("fixed", ((mean_weight, sp.S.One),), None)
FIXED_SIGNS = Weights.of_latent("fixed signs", ((sp.S.One, sp.S.Half), (sp.S.NegativeOne, sp.S.Half)))


def ternary(density: sp.Expr = rho) -> Weights:
    """Weights in {-1, 0, +1} with one P(S != 0) = density for all of them, so that |M| <= density."""
    density = _density(density)
    up, down = (density + mean_weight) / 2, (density - mean_weight) / 2
    law = ((sp.S.One, up), (sp.S.NegativeOne, down), (sp.S.Zero, 1 - density))
    return Weights.of_values(f"ternary:{density}", law, density)


def ternary_free(density: sp.Expr = rho) -> Weights:
    """Weights in {-1, 0, +1}, each with a P(S != 0) of its own in [|M|, 1] and `density` their average.

    E M^2 reaches the density itself, where M = +-P(S != 0) and that is 0 or 1 (Shayer, Levi, Fetaya 2017).
    """
    density = _density(density)
    return Weights(f"ternary-free:{density}", density, sp.S.One, largest_square=density)


def gaussian_weights(variance: sp.Expr) -> Weights:
    """Weights N(M, variance), M any real number."""
    variance = expression("weights gaussian: the variance", variance)
    if not variance.is_positive:
        raise SurrogateError(f"weights gaussian:{variance}: the variance must be positive; for none use fixed weights")
    return Weights(f"gaussian:{variance}", mean_weight**2 + variance, None)


def levels(values: tuple[sp.Expr, ...]) -> Weights:
    """Weights of symmetric levels, rounded at random to one of the two next to M (stochastic rounding).

    Then E S^2 is the chord of S^2 between these two, the largest of all chords. Between more than two levels it depends
    on more than M^2, and its average is that of means +-sigma_m.
    """
    values = tuple(expression("weights levels: a level", each) for each in values)
    ordered = tuple(sorted(set(values)))
    name = f"levels:{','.join(map(str, values))}"
    if len(ordered) < 2 or any(a != -b for a, b in zip(ordered, reversed(ordered), strict=True)):
        raise SurrogateError(f"weights {name}: give at least two levels, symmetric about 0 as in levels:-1,0,1")
    size = sp.Abs(mean_weight)
    chords = {(a + b) * size - a * b for a, b in pairwise(ordered) if a + b >= 0}
    return Weights(name, sp.Max(*chords), ordered[-1])


def _density(given: object) -> sp.Expr:
    density = expression("ternary weights: P(S != 0)", given)
    if density.is_number and not 0 < density <= 1:
        raise SurrogateError(f"ternary weights with P(S != 0) = {density}: it must lie in (0, 1]")
    return density
