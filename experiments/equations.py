"""The equations of a theory by name, in text and LaTeX, with what they lack and what their symbols mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from meanbits.theory import symbols
from meanbits.theory.derive import Theory
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.stages.criticality import Criticality
from meanbits.theory.stages.jacobian import eta, rest, slope_mean, slope_second, small
from meanbits.theory.symbols import MEANING

# Braces keep powers apart from the square that is part of the name.
LATEX_NAMES = {
    symbols.sigma_m2: r"{\sigma_m^2}",
    symbols.sigma_b2: r"{\sigma_b^2}",
    symbols.hbar: r"\bar{h}",
    symbols.epsilon: r"\epsilon",
    symbols.hbar_added: r"\bar{h}_F",
    symbols.Sigma_added: r"\Sigma_F",
    symbols.typical: r"c_\mathrm{typical}",
    sp.Symbol("N(hbar, Sigma)"): r"\mathcal{N}(\bar{h}, \Sigma)",
    sp.Symbol("chi_1"): r"\chi_1",
    **{sp.Symbol(name): name for name in ("E[S]", "E[S^2]", "E[x|h]", "E[x^2|h]", "P(x = 1)", "1 - c'(1)")},
}
SINGLE_LAYER = "a single layer on real inputs has no depth"

SENTENCE_END = re.compile(r"\.\s| \(|\.$")
INDEXED = {
    "S": "weight", "M": "weight mean, E S", "R": "weight second moment, E S^2", "x": "state of a neuron",
    "m": "mean of a neuron, E x", "r": "second moment of a neuron, E x^2", "b": "bias",
}  # fmt: skip
OTHERS = {
    symbols.N: "width of the layer",
    symbols.h: "field of a neuron",
    symbols.epsilon: "standard normal, drawn for every neuron and input",
    symbols.mean_weight: "weight mean, E S",
    symbols.mean_state: "mean of a neuron, E x",
    symbols.second_moment_state: "second moment of a neuron, E x^2",
    small: "1/sqrt(N)",
    rest: "mean of the field without neuron j",
    eta: "standard normal that draws the field",
    slope_mean: "dm/dh",
    slope_second: "dr/dh",
}


@dataclass(frozen=True)
class Equation:
    """left = expression, by name; `left` and `left_latex` write the left-hand side."""

    name: str
    title: str
    left: str
    left_latex: str
    expression: sp.Expr


def equations(theory: Theory) -> tuple[Equation, ...]:
    """Every result of a derivation, in its order; what a surrogate has not is left out, `notes` says why."""
    maps, jacobian = theory.maps, theory.jacobian
    found = [
        *_forward(theory),
        Equation("covariance_map", "covariance map", "C'", "C'", theory.covariance_map),
        Equation("total_map", "total map", "T'", "T'", theory.total_map),
        Equation("variance_map", "variance map", "q'", "q'", theory.variance_map),
        Equation("correlation_map", "correlation map", "c'", "c'", theory.correlation_map),
        Equation("chi", "slope of the correlation map", "chi = dc'/dc", r"\chi = \partial c'/\partial c", theory.chi),
    ]
    if maps.replica_map is not None:
        found.append(Equation("replica_map", "replica map", "g(r)", "g(r)", maps.replica_map.closed))
    if jacobian is not None:
        found += [
            Equation("jacobian", "mean squared singular value of the layer Jacobian", "N E J_ij^2",
                     r"N\,\mathbb{E} J_{ij}^2", jacobian.leading.closed),
            Equation("jacobian_sigma_derivative", "what the derivative of Sigma adds to it, times 1/N",
                     "N (N E J_ij^2 - leading)", r"N\,(N\,\mathbb{E} J_{ij}^2 - \mathrm{leading})",
                     jacobian.sigma_derivative.closed),
        ]  # fmt: skip
    return (*found, *_backward(theory), *_critical(theory))


def _backward(theory: Theory) -> list[Equation]:
    if theory.backward is None:
        return []
    overlap = r"\mathbb{E}\,\delta_a\delta_b / \mathbb{E}\,\delta'_a\delta'_b"
    return [
        Equation("gradient_growth", "growth of squared gradients", "chi_g", r"\chi_g", theory.backward.growth.closed),
        Equation("gradient_overlap", "overlap of two gradients, a layer", "E d_a d_b / E d'_a d'_b", overlap,
                 theory.backward.overlap.closed),
    ]  # fmt: skip


def _forward(theory: Theory) -> list[Equation]:
    field, forward = theory.field, theory.forward
    found = [
        Equation("field_mean", "mean of the field", "hbar_i", r"\bar{h}_i", field.mean),
        Equation("field_variance", "variance of the field", "Sigma_ii", r"\Sigma_{ii}", field.variance),
    ]
    if forward.field is not None:
        found.append(Equation("field", "field", "h", "h", forward.field))
    return [
        *found,
        Equation("mean", "mean of a neuron", "m'", "m'", forward.mean.closed),
        Equation("second_moment", "second moment of a neuron", "r'", "r'", forward.second_moment.closed),
    ]


def _critical(theory: Theory) -> list[Equation]:
    critical = theory.criticality
    if critical is None:
        return []
    found = [
        Equation("fixed_point", "fixed point of q", "0 = q' - q", "0 = q' - q", critical.fixed_point),
        Equation("marginal", "marginal slope at c = 1", "0 = chi_1 - 1", r"0 = \chi_1 - 1", critical.marginal),
        Equation("alignment", "equal inputs stay equal", "0 = 1 - c'(1)", "0 = 1 - c'(1)", critical.alignment),
    ]
    if critical.curve is not None:
        means, biases = critical.curve
        found += [
            Equation("critical_sigma_m2", "critical curve, weight means", "sigma_m2", r"\sigma_m^2", means),
            Equation("critical_sigma_b2", "critical curve, biases", "sigma_b2", r"\sigma_b^2", biases),
        ]
        if critical.curve_constraint != 0:
            title, left = "critical curve, T left to solve", "0 = T' - T"
            found.append(Equation("curve_constraint", title, left, left, critical.curve_constraint))
    return found


def notes(theory: Theory) -> dict[str, str]:
    """What a surrogate has not, and why; what its training leaves out."""
    surrogate, critical, said = theory.surrogate, theory.criticality, {}
    if theory.forward.sampled and surrogate.neurons.is_binary:
        said["mean"] = "the neurons are drawn, x' = 1 with probability (1 + m')/2 and -1 otherwise"
    if theory.maps.replica_map is None:
        reason = SINGLE_LAYER if surrogate.real_input else "this form only approximates the integral over the field"
        said["replica_map"] = f"no replica map: {reason}"
    if theory.jacobian is None:
        said["jacobian"] = "no Jacobian: " + _no_jacobian(theory)
    elif not surrogate.gradient_through_sigma:
        said["jacobian"] = "training leaves the derivative of Sigma out (gradient_through_sigma is False)"
    if critical is None:
        said["critical_conditions"] = f"no critical conditions: {SINGLE_LAYER}"
    elif critical.curve is None:
        said["critical_curve"] = "no curve: " + _no_curve(theory, critical)
    elif critical.curve_constraint != 0:
        said["critical_curve"] = "T is left to solve from 0 = T' - T"
    return said


def _no_jacobian(theory: Theory) -> str:
    if theory.surrogate.real_input:
        return SINGLE_LAYER
    if theory.forward.sampled:
        return "the neurons are sampled, and a sample has no derivative"
    return "the neurons jump, so they have no derivative"


def _no_curve(theory: Theory, critical: Criticality) -> str:
    weights = theory.surrogate.weights
    if critical.alignment != 0:
        return "two equal inputs stay equal only where 1 - c'(1) above vanishes"
    if critical.marginal.is_infinite:
        return "the slope at c = 1 is infinite, since the neurons jump"
    return f"{weights.name} have sigma_m2 = {weights.mean_square}, so there is no sigma_m2 to choose"


def notices(theory: Theory) -> tuple[str, ...]:
    """What to know before the formulas are used as numbers."""
    names = [item.title for item in equations(theory) if item.expression.has(GaussianExpectation)]
    if not names:
        return ()
    listed = ", ".join(dict.fromkeys(names))
    return (f"no closed form, evaluated by quadrature: {listed}",)


def legend(expressions: Iterable[sp.Basic]) -> dict[str, str]:
    """The meaning of every symbol and special function in the expressions."""
    parts = list(expressions)
    found = set().union(*(part.free_symbols for part in parts))
    bases = {indexed.base.label.name for part in parts for indexed in part.atoms(sp.Indexed)}
    said = {symbol.name: text for symbol, text in (MEANING | OTHERS).items() if symbol in found}
    said |= {f"{name}[...]": text for name, text in INDEXED.items() if name in bases}
    nodes = set().union(*(part.atoms(GaussianExpectation, sp.Function) for part in parts))
    if any(isinstance(node, GaussianExpectation) and not node.is_pair for node in nodes):
        said["E[f; u ~ N([m], [s])]"] = "expectation of f over a Gaussian u of mean m and variance s"
    if any(isinstance(node, GaussianExpectation) and node.is_pair for node in nodes):
        said["E[f; u, v ~ N([m, n], [s, k, t])]"] = "the same over a Gaussian pair, k its covariance"
    special = {type(node) for node in nodes if type(node).__module__.startswith("meanbits.theory") and node.is_Function}
    return said | {
        node.__name__: SENTENCE_END.split(node.__doc__ or node.__name__)[0] for node in sorted(special, key=str)
    }


def latex(expression: sp.Basic) -> str:
    """LaTeX in the notation of the paper."""
    return sp.latex(expression, symbol_names=LATEX_NAMES, inv_trig_style="full")
