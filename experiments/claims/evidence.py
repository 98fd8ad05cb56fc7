"""Ways to settle a claim: algebra on what the engine derives, certificates, random networks, comparisons of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from meanbits.experiments.claims.claim import Evidence
from meanbits.experiments.claims.papers import STAMATESCU
from meanbits.experiments.data import ImagePair
from meanbits.experiments.random_networks.measurements import Array
from meanbits.experiments.random_networks.networks import LayerStatistics, simulate
from meanbits.experiments.random_networks.propagation import theory_orbit
from meanbits.theory.declarations.compose import compose
from meanbits.theory.declarations.neurons import Neurons, continuous
from meanbits.theory.declarations.surrogates import EXACT, Form, Surrogate, Treatment
from meanbits.theory.declarations.weights import BINARY, Weights
from meanbits.theory.derive import Theory, derive
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import GaussianExpectation, expectation, pair_expectation
from meanbits.theory.symbols import h, u

Options = dict[str, Any]

PAPER = STAMATESCU.citation
PHI = sp.Function("phi", real=True)(h)  # any neuron: a real one x = phi(h), or a bit with E[x|h] = phi(h)
REAL = continuous("phi", PHI)
BIT = Neurons.of_values("phi", ((sp.S.One, (1 + PHI) / 2), (sp.S.NegativeOne, (1 - PHI) / 2)))

WIDTH, DEPTH, REALISATIONS, SEED = 600, 6, 24, 11
Z_LIMIT = 4.0  # one false alarm in 16,000 independent comparisons, and a run makes about 300 that depend on each other


def printed(where: str, section: int) -> str:
    """The source of a statement of the paper: where it stands there, and in the theory sheet."""
    return f"{PAPER}, {where}; {sheet(section)}"


def sheet(section: int) -> str:
    """The source of a claim in the theory sheet."""
    return f"theory sheet, section {section}"


def theory_of(options: Options) -> Theory:
    """The theory of a surrogate given by the options of `compose`."""
    return derive(compose(**options))


def theory_in_phi(neurons: Neurons, treatment: Treatment, weights: Weights = BINARY, form: Form = EXACT) -> Theory:
    """The theory of a surrogate whose phi is left open."""
    return derive(Surrogate("any phi", weights, neurons, treatment, "", form=form))


def neuron_mean(neurons: Neurons) -> Callable[..., Array]:
    """E[x | h] as a function of an array, straight from the declaration."""
    return sp.lambdify(h, neurons.mean, [{"HardTanh": lambda x: np.clip(x, -1, 1)}, "scipy"])


def normal_nodes() -> tuple[Array, Array]:
    """Points and weights of E f(z), z ~ N(0, 1): the midpoint rule, kinks at multiples of 1/200 between its points."""
    z = (np.arange(-2400, 2400) + 0.5) / 200
    weights = np.exp(-(z**2) / 2)
    return z, weights / weights.sum()


def moment(f: sp.Expr, variance: Any) -> sp.Expr:
    """E f(u), u ~ N(0, variance); f in h."""
    return expectation(f.subs(h, u), 0, variance)


def pair(f: sp.Expr, variance: Any, correlation: Any) -> sp.Expr:
    """E f(u) f(v), both of this variance; f in h."""
    return pair_expectation(f.subs(h, u), f.subs(h, u), variance, variance * correlation)


def equal(first: sp.Expr, second: sp.Expr) -> bool:
    """Whether the difference simplifies to 0; expectations that no rule closes are taken term by term."""
    return first == second or sp.simplify(_linear(evaluate_all(first)) - _linear(evaluate_all(second))) == 0


def _linear(expression: sp.Expr) -> sp.Expr:
    """E (f + g) as E f + E g."""

    def split(node: GaussianExpectation) -> sp.Expr:
        terms = (term.as_independent(*node.variables, as_Add=False) for term in sp.Add.make_args(node.integrand))
        return sp.Add(*(factor * node.func(rest, node.mean, node.covariance) for factor, rest in terms))

    return expression.replace(lambda node: isinstance(node, GaussianExpectation), split)


def derived(what: str, pairs: Iterable[tuple[sp.Expr, sp.Expr]]) -> Evidence:
    """Expressions of the engine against those claimed; without any, nothing is shown."""
    outcomes = [equal(*each) for each in pairs]
    numbers = {"equations": len(outcomes), "differing": outcomes.count(False)}
    return Evidence("derivation", what, numbers, bool(outcomes) and all(outcomes))


def certified(feasible: str, surrogates: Iterable[Options]) -> Evidence:
    """Certificates that all say whether a critical initialisation exists: attained, limit or none."""
    from meanbits.numerics.certificates.certify import certify

    theories = [theory_of(options) for options in surrogates]
    found = [certify(theory) for theory in theories]
    agreeing = sum(each.certified and each.feasible == feasible for each in found)
    numbers: dict[str, float | int | str] = {"surrogates": len(found), f"proven {feasible}": agreeing}
    numbers |= {"steps of proof": sum(len(each.steps) for each in found)}
    if len(found) == 1 and found[0].box is not None:
        numbers |= {name: low for name, (low, _) in found[0].box.items()}
    names = ", ".join(theory.surrogate.name for theory in theories)
    said = found[0].statement if len(found) == 1 else f"critical initialisation: {feasible}"
    return Evidence("certificate", f"{names}: {said}", numbers, agreeing == len(found))


def compared(by: str, what: str, got: float, claimed: float, tolerance: float, **more: float) -> Evidence:
    """A number against the one claimed, relative to it."""
    error = abs(got / claimed - 1)
    numbers = {"found": float(got), "claimed": float(claimed), "error": float(error), "tolerance": tolerance, **more}
    return Evidence(by, what, numbers, bool(error <= tolerance))


def two_inputs(gap: float, mean_square: float, size: int = WIDTH) -> ImagePair:
    """Two inputs of this mean square and of correlation 1 - gap, exactly: sums of two orthogonal patterns of signs."""
    index, c = np.arange(size), 1 - gap
    even, odd = np.where(index % 2, 1.0, -1.0), np.where(index // 2 % 2, 1.0, -1.0)
    first, second = (np.sqrt(mean_square) * each for each in (even, c * even + np.sqrt(gap * (1 + c)) * odd))
    return ImagePair(first, second, c, mean_square)


@lru_cache(maxsize=64)
def networks(
    surrogate: Surrogate,
    sigma_m2: float,
    sigma_b2: float,
    gap: float = 0.5,
    mean_square: float = 0.5,
    depth: int = DEPTH,
) -> LayerStatistics:
    """Random networks that two inputs pass through."""
    return simulate(surrogate, width=WIDTH, depth=depth, realisations=REALISATIONS, sigma_m2=sigma_m2,
                    sigma_b2=sigma_b2, pair=two_inputs(gap, mean_square), seed=SEED)  # fmt: skip


def simulated(
    options: Options, sigma_m2: float, sigma_b2: float, factor: Any, like: Options | None = None, gap: float = 0.5
) -> Evidence:
    """q and c of random networks against the derived orbit of the same surrogate, or of another, times a factor."""
    surrogate, other = compose(**options), compose(**(options if like is None else like))
    measured = networks(surrogate, sigma_m2, sigma_b2, gap)
    inputs = two_inputs(gap, 0.5)
    expected = theory_orbit(derive(other), sigma_m2=sigma_m2, sigma_b2=sigma_b2, pair=inputs, depth=DEPTH)
    q, c = (
        np.abs(each.z(float(factor) * values)).max()
        for each, values in zip((measured.q, measured.c), expected, strict=True)
    )
    what = f"{DEPTH} layers of {surrogate.name} at sigma_m2 = {sigma_m2:g}, sigma_b2 = {sigma_b2:g}"
    return by_z(what if like is None else f"{what}, against the maps of {other.name}", {"q": float(q), "c": float(c)})


def by_z(what: str, z: dict[str, float]) -> Evidence:
    """Random networks agree with the theory where every |z| is below the limit."""
    numbers = {"networks": REALISATIONS, "width": WIDTH, **{f"|z| of {name}": value for name, value in z.items()}}
    return Evidence("simulation", what, numbers, max(z.values()) < Z_LIMIT)
