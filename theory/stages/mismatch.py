"""Stage 6, backwards: how far the gradient that a slope g gives is from the exact one (theory.md, section 8).

The exact gradient of the mean of a wide stochastic network is that of the network with its fields integrated out: a
neuron passes E_z m'(hbar + sqrt(D) z), m(h) = E[x|h], and in the straight-through gradient, averaged over runs,
E_z g(hbar + sqrt(D) z). By the tower property their overlaps are expectations over two noise-independent runs of one
input, fields of variance T and correlation r (the replica form, theory.md, section 3); r = 1 where nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.errors import SurrogateError
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation, pair_expectation
from meanbits.theory.gaussian.tidy import simplified_almost_everywhere
from meanbits.theory.stages.backward import mean_square, seen_slope
from meanbits.theory.symbols import T, h, overlap, u
from meanbits.theory.trace import Assumption, Formula, Step


@dataclass(frozen=True)
class Mismatch:
    """What neurons do to gradients, in T and r; each factor is to be multiplied by the weights' (`Dense.backward`).

    exact: E m'(u) m'(v), of squared exact gradients. mixed: E g(u) m'(v), of their overlap with the straight-through
    gradient. own: E g(u) g(v), of the squared mean of that one over runs. square: E g(u)^2, of its mean square.
    cosine: mixed/sqrt(exact own), of the angle between the two. size: sqrt(own/exact), of their ratio.
    """

    exact: Formula
    mixed: Formula
    own: Formula
    square: Formula
    steps: tuple[Step, ...]

    @property
    def cosine(self) -> sp.Expr:
        """By what a layer multiplies the cosine of the mean straight-through gradient and the exact one, in [-1, 1]."""
        return self.mixed.closed / sp.sqrt(self.exact.closed * self.own.closed)

    @property
    def size(self) -> sp.Expr:
        """By what a layer multiplies the ratio of their norms."""
        return sp.sqrt(self.own.closed / self.exact.closed)

    @property
    def factors(self) -> dict[str, sp.Expr]:
        """The closed factors by name."""
        return {name: getattr(self, name).closed for name in ("exact", "mixed", "own", "square")}


def mismatch(neurons: Neurons, correlation: sp.Expr = overlap) -> Mismatch:
    """The factors of neurons whose gradients see g: their declared slope, or m' itself.

    correlation: r in [0, 1] of the fields of two runs, 1 where nothing is random.

    Raises:
        SurrogateError: neurons that jump, whose m' has no square, at r = 1; or that jump without a declared slope.

    >>> from meanbits.theory.declarations.neurons import SIGN
    >>> from meanbits.theory.declarations.straight_through import SLOPES, straight_through
    >>> mismatch(straight_through(SIGN, SLOPES["clip"])).mixed.closed
    sqrt(2)*erf(sqrt(2)/(2*sqrt(T)*sqrt(1 - r)*sqrt(r + 1)))/(sqrt(pi)*sqrt(T))
    """
    if neurons.jumps and correlation == 1:
        raise SurrogateError(f"{neurons.name} neurons jump, and without noise their exact gradient is 0 almost "
                             "everywhere; smooth them, as stochastic neurons of some noise are")  # fmt: skip
    if neurons.jumps and neurons.backward is None:
        raise SurrogateError(f"{neurons.name} neurons jump, and no gradient passes; declare a slope, as in "
                             "--backward clip")  # fmt: skip
    seen, exact = seen_slope(neurons), exact_slope(neurons)
    parts = [_overlap(*pair, correlation) for pair in ((exact, exact), (seen, exact), (seen, seen))]
    names = ("squared exact gradients", "overlap of exact and straight-through gradients",
             "squared mean of straight-through gradients")  # fmt: skip
    square = Formula(mean_square(seen, T), evaluate_all(mean_square(seen, T)))
    steps = [step for name, (nested, found) in zip(names, parts, strict=True) for step in _steps(name, nested, found)]
    steps.append(Step("mean square of straight-through gradients", Assumption.INDEPENDENT, square.definition,
                      square.closed))  # fmt: skip
    formulas = [found for _, found in parts]
    return Mismatch(formulas[0], formulas[1], formulas[2], square, tuple(steps))


def exact_slope(neurons: Neurons) -> sp.Expr:
    """m'(u), a delta function where the neurons jump."""
    if neurons.jumps:
        return simplified_almost_everywhere(neurons.mean.subs(h, u).diff(u))
    return seen_slope(replace(neurons, backward=None))


def _overlap(first: sp.Expr, second: sp.Expr, correlation: sp.Expr) -> tuple[sp.Expr, Formula]:
    """E over the quenched field of both slopes averaged over the annealed one, and what the tower property makes it."""
    if correlation == 1:
        nested = expectation(first * second, 0, T) if first != second else mean_square(first, T)
        return nested, Formula(nested, evaluate_all(nested))
    quenched, annealed = T * correlation, T * (1 - correlation)
    averaged = expectation(first, u, annealed) * expectation(second, u, annealed)
    pair = pair_expectation(first, second, T, quenched)
    return expectation(averaged, 0, quenched), Formula(pair, evaluate_all(pair))


def _steps(name: str, nested: sp.Expr, found: Formula) -> tuple[Step, ...]:
    closing = Step(name, Assumption.INDEPENDENT, found.definition, found.closed)
    if nested == found.definition:
        return (closing,)
    return Step(f"{name}: two runs", Assumption.EXACT, nested, found.definition), closing
