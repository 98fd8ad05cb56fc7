"""The network behind a theory, in the few quantities a critical point depends on, and the checks on its laws."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from meanbits.numerics.certificates.balls import UnprovedError, ball
from meanbits.numerics.certificates.branches import Branches, branches, is_continuous, x
from meanbits.numerics.certificates.proof import ProofStep, check
from meanbits.numerics.certificates.signs import Margin, negative_almost_everywhere
from meanbits.theory.declarations.law import law_moment
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.declarations.weights import Weights
from meanbits.theory.derive import Theory
from meanbits.theory.symbols import h, mean_weight


@dataclass(frozen=True)
class NetworkLaw:
    """phi = E[x|h] and second = E[x^2|h], in h; rho = E S^2; spread = E M^2, between 0 and limit (None: unbounded)."""

    phi: sp.Expr
    second: sp.Expr
    rho: sp.Expr
    spread: sp.Expr
    limit: sp.Expr | None

    @property
    def domain(self) -> str:
        """The values of sigma_m2, with the assumption that bounds them below rho."""
        if self.limit is None:
            return "sigma_m2"
        bound = f"sigma_m2 <= {self.limit}"
        if not (self.rho.is_number and self.rho > self.limit):
            return bound
        return (f"{bound} (assuming one law of E S^2 = {self.rho} for all weights, so |M| <= {self.rho}; weights with "
                f"laws of their own may reach sigma_m2 = {self.rho})")  # fmt: skip

    @property
    def branches(self) -> Branches:
        """phi, branch by branch."""
        return branches(self.phi)


def network_law(theory: Theory) -> NetworkLaw:
    """The quantities of a theory's network, from the laws of its weights and neurons.

    Raises:
        ValueError: if the law holds a parameter without a value, or a function without a definition.
    """
    weights, neurons = theory.surrogate.weights, theory.surrogate.neurons
    spread = weights.variance_of_means
    rho = sp.expand(law_moment(weights.law, 2)).subs(mean_weight**2, spread)
    limit = weights.mean_limit**2 if weights.mean_limit is not None else None
    law = NetworkLaw(neurons.mean, neurons.second_moment, rho, spread, limit if spread.has(sp.Symbol) else spread)
    free = (law.phi.free_symbols - {h}) | (rho.free_symbols - spread.free_symbols)
    if free or law.phi.atoms(sp.core.function.AppliedUndef):
        raise ValueError(f"{theory.surrogate.name}: a certificate needs numbers, and {free or law.phi} is open")
    return law


def law_steps(theory: Theory) -> tuple[ProofStep, ...]:
    """Weights and neurons have probabilities; so E[S]^2 <= E[S^2], |M| <= its limit, and E[x|h]^2 <= E[x^2|h]."""
    weights, neurons = theory.surrogate.weights, theory.surrogate.neurons
    return (
        check("weights", "P(S | M) >= 0 for |M| <= its limit, so M^2 <= E S^2",
              "linear in M and >= 0 at both ends; E S^2 - M^2 = sum_S P(S) (S - M)^2",
              lambda: _weights_are_laws(weights)),
        check("neurons", "P(x | h) >= 0 for every h, so E[x|h]^2 <= E[x^2|h] (Jensen)",
              "balls and monotone tails on all h; E[x^2|h] - E[x|h]^2 = sum_x P(x|h) (x - E[x|h])^2",
              lambda: _neurons_are_laws(neurons)),
    )  # fmt: skip


def _weights_are_laws(weights: Weights) -> bool:
    variance = sum(p * (value - mean_weight) ** 2 for value, p in weights.law)
    square = law_moment(weights.law, 2) - mean_weight**2
    if sp.expand(variance - square) != 0:
        return False
    if weights.mean_limit is None:
        return len(weights.law) == 1
    ends = (weights.mean_limit, -weights.mean_limit)
    return all(
        sp.degree(p, mean_weight) <= 1 and all(bool(p.subs(mean_weight, end) >= 0) for end in ends)
        for _, p in weights.law
    )


def _neurons_are_laws(neurons: Neurons) -> bool:
    mean = neurons.mean
    variance = sum(p * (value - mean) ** 2 for value, p in neurons.law)
    if sp.simplify(sp.expand(variance - neurons.second_moment + mean**2)) != 0:
        return False
    for _, probability in neurons.law:
        parts = [part.map(lambda value: -value) for part in branches(probability)]
        negative_almost_everywhere(tuple(Margin(part, (part.value.diff(x),)) for part in parts))
    return True


def is_odd(phi: sp.Expr) -> bool:
    """phi(-h) = -phi(h), by algebra on its branches."""
    parts = branches(phi)
    sides = ([part for part in parts if part.side == side] for side in (1, -1))
    return all(
        (first.left, first.right) == (second.left, second.right) and sp.simplify(first.value + second.value) == 0
        for first, second in zip(*sides, strict=True)
    )


def is_affine(phi: sp.Expr) -> bool:
    """phi = a + b h, by algebra."""
    parts = branches(phi)
    slopes = {sp.simplify(part.side * part.value.diff(x)) for part in parts}
    return len(slopes) == 1 and not slopes.pop().has(x) and is_continuous(parts)


def bends(phi: sp.Expr) -> bool:
    """phi is provably not affine: some three points near which it is continuous do not lie on a line."""
    parts = branches(phi)
    for step in (sp.Rational(1, 3), sp.Rational(5, 4), sp.Integer(3)):
        left, middle, right = (_value(parts, place * step) for place in (-1, sp.Rational(1, 2), 2))
        if not ball(left - 2 * middle + right).contains(0):
            return True
    return False


def _value(parts: Branches, point: sp.Expr) -> sp.Expr:
    """phi at a point inside a branch."""
    side = 1 if point > 0 else -1
    for part in parts:
        if part.side == side and part.left < abs(point) < part.right:
            return part.value.subs(x, abs(point))
    raise UnprovedError("%s lies on a kink", point)
