"""What spectra of the catalogue rest on, as text for `numerics.generate`: they need no derivation."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.emit import emit
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.spectra.derived import kinks_of_slope, slope_functions, term_functions
from meanbits.theory.declarations.mean_law import MEAN_LAWS, MeanLaw
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory, derive
from meanbits.theory.stages.free_probability import (
    WEIGHT_MATRICES,
    WeightMatrix,
    depth,
    depth_moments,
    mu_1,
    mu_2,
    slope,
    spectral_equation,
    t,
    v,
    w,
)
from meanbits.theory.stages.jacobian import has_jacobian
from meanbits.theory.symbols import sigma_m2

SOURCE = '''"""What `numerics.spectra` reads, by `python -m meanbits.numerics.generate`."""

from collections.abc import Callable

import numpy as np

# Of rows of the catalogue with a Jacobian: where the slope of their neurons bends or jumps.
KINKS: dict[str, tuple[float, ...]] = {{
{kinks}
}}

# Of products of free matrices, by the kind of the weights: s_1; what a layer adds to the relative variance of squared
# singular values, of the spread of squared slopes; log z and d log z / d log t.
FIRST_COEFFICIENTS: dict[str, int] = {{
{coefficients}
}}
GROWTHS: dict[str, Callable[[float], float]] = {{
{growths}
}}
EQUATIONS: dict[str, Callable[..., tuple[complex, complex]]] = {{
{equations}
}}

# Of laws of the means on [-1, 1], whose scale is a function of sigma_m2: the largest sigma_m2, and E M^4.
LARGEST_VARIANCES: dict[str, float] = {{
{variances}
}}
FOURTH_MOMENTS: dict[str, Callable[[float], float]] = {{
{moments}
}}
'''


def theories_with_jacobian() -> Iterator[Theory]:
    """Those of the catalogue."""
    return (theory for theory in map(derive, CATALOGUE) if has_jacobian(theory.maps))


def slopes_module(theory: Theory) -> str:
    """The module of a theory's slopes and 1/N terms."""
    return emit(theory, NUMPY, [*slope_functions(theory), *term_functions(theory)])


def spectra_module() -> str:
    """The module that belongs to no one surrogate."""
    laws = [law for law in MEAN_LAWS if law.fourth_moment_formula is not None]
    tables = {
        "kinks": {theory.surrogate.name: repr(kinks_of_slope(theory)) for theory in theories_with_jacobian()},
        "coefficients": {each.name: str(each.first_coefficient) for each in WEIGHT_MATRICES},
        "growths": {each.name: _growth(each) for each in WEIGHT_MATRICES},
        "equations": {each.name: _equation(each) for each in WEIGHT_MATRICES},
        "variances": {law.name: repr(law.largest_sigma_m2) for law in laws},
        "moments": {law.name: _fourth_moment(law) for law in laws},
    }
    return SOURCE.format(**{table: _rows(values) for table, values in tables.items()})


def _rows(values: dict[str, str]) -> str:
    return "\n".join(f"    {name!r}: {value}," for name, value in values.items())


def _growth(weights: WeightMatrix) -> str:
    """What a layer adds where squared slopes have mean 1."""
    per_layer = depth_moments(weights).relative_variance.subs({mu_1: 1, depth: 1})
    return _function((mu_2,), sp.expand(per_layer))


def _equation(weights: WeightMatrix) -> str:
    """`spectral_equation`, of (log t, log w, w, v, slope, log sigma_m2, L), 0 < -arg w < pi."""
    names = sp.symbols("log_t log_w log_sigma_m2")
    logarithm, rate = spectral_equation(weights)
    logs = dict(zip((sp.log(t), sp.log(w), sp.log(sigma_m2)), names, strict=True))
    return _function((names[0], names[1], w, v, slope, names[2], depth), logarithm.subs(logs), rate)


def _fourth_moment(law: MeanLaw) -> str:
    assert law.fourth_moment_formula is not None
    return _function((sigma_m2,), law.fourth_moment_formula)


def _function(arguments: tuple[sp.Symbol, ...], *values: sp.Expr) -> str:
    text = ", ".join(map(ArrayPrinter(NUMPY).source, values))
    return f"lambda {', '.join(map(str, arguments))}: {text if len(values) == 1 else f'({text})'}"
