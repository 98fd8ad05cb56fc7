"""The maps of a chain of blocks as a standalone module."""

from __future__ import annotations

from types import SimpleNamespace

import sympy as sp

from meanbits.numerics.emission.backend import Backend
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import VARIANCES, is_emittable
from meanbits.numerics.emission.writer import EmittedFunction, Heading
from meanbits.theory.gaussian.difference import as_angles
from meanbits.theory.stages.layer_theory import LayerTheory
from meanbits.theory.symbols import T, c, gap, q, sigma_b2, sigma_m2, typical

TITLES = {
    "total_map": "total field variance of the next layer, T'",
    "variance_map": "variance map, q'",
    "correlation_map": "correlation map, c'",
    "chi": "slope of the correlation map, chi = dc'/dc",
    "gap_map": "correlation map in the gap, 1 - c', exact to rounding as gap -> 0",
    "chi_at_gap": "slope of the correlation map, chi = dc'/dc, in terms of the gap",
    "gradient_growth": "growth of squared gradients, chi_g",
    "gradient_overlap": "factor a layer of the overlap of the gradients of two inputs",
}
DIGITS = 17
STATE = {"total_map": (T,), "variance_map": (q,), "gradient_growth": (q,), "gap_map": (gap, q), "chi_at_gap": (gap, q)}


def layer_functions(theory: LayerTheory) -> tuple[EmittedFunction, ...]:
    """The maps of a chain: of q or c and q, sigma_m2, sigma_b2, T where the field is integrated out, and `typical`.

    Those in the gap too, where quadrature evaluates them.

    Raises:
        ValueError: a map that quadrature cannot evaluate.
    """
    found = tuple(_function(theory, name, expression) for name, expression in theory.formulas.items())
    lost = [each.name for each in found if not is_emittable(each, True)]
    if lost:
        raise ValueError(f"{', '.join(lost)} of {theory.layer.name}: no closed form, and quadrature does not apply; "
                         "choose other neurons")  # fmt: skip
    in_gap = (_function(theory, name, expression) for name, expression in theory.gap_formulas.items())
    return (*found, *(each for each in in_gap if is_emittable(each, True)))


def _function(theory: LayerTheory, name: str, expression: sp.Expr) -> EmittedFunction:
    layer, state = theory.layer, STATE.get(name, (c, q))
    total = (T,) if layer.is_relative and T not in state else ()
    common = (typical,) if layer.has_batch_norm else ()
    known = {*state, *VARIANCES, *total, *common}
    free = set().union(*(each.free_symbols for each in theory.formulas.values())) - {T, c, gap, q, typical}
    others = sorted(free - {sigma_m2, sigma_b2} - known, key=str)
    numbers = expression.replace(_is_constant, lambda part: part.evalf(DIGITS))  # behind a norm, at variance 1
    return EmittedFunction(name, (*state, *VARIANCES, *total, *common, *others), as_angles(numbers), TITLES[name])


def _is_constant(part: sp.Basic) -> bool:
    """Whether it is a function of numbers: Torch has those of tensors alone."""
    return isinstance(part, sp.Function) and type(part).__module__.startswith("sympy.") and not part.free_symbols


def emit_layer(theory: LayerTheory, backend: Backend = NUMPY) -> str:
    """The source of a standalone module with the maps of a chain.

    Raises:
        ValueError: a map that has no code.
    """
    return backend.write(heading_of_chain(theory), layer_functions(theory))


def compile_layer(theory: LayerTheory, backend: Backend = NUMPY) -> SimpleNamespace:
    """The emitted functions of a chain as attributes.

    Raises:
        ValueError: as `emit_layer`.
    """
    return backend.load(heading_of_chain(theory), layer_functions(theory))


def heading_of_chain(theory: LayerTheory) -> Heading:
    """What a module says of a chain."""
    layer = theory.layer
    blocks = ", ".join(layer.block_names)
    return Heading(layer.name, "", f"Blocks {blocks}; treatment {layer.treatment.name}.", theory.total_map)
