"""Theory to source text: standalone, readable NumPy or Torch modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

import sympy as sp

from meanbits.numerics.emission.backend import ArrayBackend, Backend
from meanbits.numerics.emission.backends import BACKENDS, NUMPY
from meanbits.numerics.emission.belief import check_against_definitions, check_neurons
from meanbits.numerics.emission.generated_modules import generated_functions, generated_module, generated_source
from meanbits.numerics.emission.writer import EmittedFunction, Heading, field_symbol
from meanbits.theory.declarations.surrogates import CATALOGUE
from meanbits.theory.derive import Theory, derive
from meanbits.theory.functions.pieces import cut_at_breaks
from meanbits.theory.gaussian.difference import as_angles
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.node import substituted
from meanbits.theory.gaussian.odd_means import odd_mean
from meanbits.theory.gaussian.open_nodes import OverlapNode
from meanbits.theory.stages.jacobian import has_jacobian
from meanbits.theory.symbols import Sigma, T, c, epsilon, gap, h, hbar, mu_4, overlap, q, sigma_b2, sigma_m2, u, v

VARIANCES = (sigma_m2, sigma_b2)
JACOBIAN = ("jacobian", "jacobian_sigma_derivative")
CHI = "slope of the correlation map, chi = dc'/dc"


def neuron_section(theory: Theory) -> Iterator[EmittedFunction]:
    forward = theory.forward
    sharp = {Sigma: 0, epsilon: 0, hbar: field_symbol} if forward.field is not None else {}
    inputs = (hbar, Sigma) if forward.field is None else (field_symbol,)
    mean = odd_mean(forward.mean.definition) or forward.mean.closed
    mean, square = (substituted(moment, sharp) for moment in (mean, forward.second_moment.closed))
    yield EmittedFunction("mean", inputs, mean, "mean of a neuron, E x")
    yield EmittedFunction("second_moment", inputs, square, "second moment, E x^2")
    declared = theory.surrogate.neurons.backward
    if declared is not None:
        slope = cut_at_breaks(declared).subs(h, field_symbol)
        yield EmittedFunction("slope", (field_symbol,), slope, "slope that gradients see, g")


def total_section(theory: Theory) -> Iterator[EmittedFunction]:
    title = "total field variance of the next layer, T'"
    yield EmittedFunction("total_map", (T, *VARIANCES), _closest(theory, "total_map"), title)


def gap_section(theory: Theory) -> Iterator[EmittedFunction]:
    if theory.gap is not None:
        rest = (*VARIANCES, *_total(theory))
        title = "correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite"
        yield EmittedFunction("gap_map", (gap, q, *rest), theory.gap.gap_map, title)
        yield EmittedFunction("chi_at_gap", (gap, q, *rest), theory.gap.chi, f"{CHI}, in terms of the gap")


def maps_section(theory: Theory) -> Iterator[EmittedFunction]:
    maps, rest = theory.maps, (*VARIANCES, *_total(theory))
    yield from total_section(theory)
    yield EmittedFunction("total_slope", (T, *VARIANCES), _closest(theory, "total_slope"), "slope of it, dT'/dT")
    yield EmittedFunction("variance_map", (q, *rest), _closest(theory, "variance_map"), "variance map, q'")
    yield EmittedFunction("variance_slope", (q, *rest), _closest(theory, "variance_slope"), "slope of it, dq'/dq")
    yield EmittedFunction("correlation_map", (c, q, *rest), theory.correlation_map, "correlation map, c'")
    chi = theory.gap.chi.subs(gap, 1 - c) if theory.gap and theory.chi.has(GaussianExpectation) else theory.chi
    yield EmittedFunction("chi", (c, q, *rest), chi, CHI)
    yield from gap_section(theory)
    if maps.replica_map is not None:
        yield EmittedFunction("replica_map", (overlap, T, *VARIANCES), maps.replica_map.closed, "replica map, g(r)")


def _closest(theory: Theory, name: str) -> sp.Expr:
    """A map of the variances with its limits and without cancellation, where the gap maps have it."""
    return getattr(theory.maps, name).closed if theory.gap is None else getattr(theory.gap, name)


def jacobian_section(theory: Theory) -> Iterator[EmittedFunction]:
    if theory.jacobian is not None:
        leading, derivative = theory.jacobian.leading.closed, theory.jacobian.sigma_derivative.closed
        title = "mean squared singular value of the layer Jacobian"
        yield EmittedFunction(JACOBIAN[0], (q, *VARIANCES, *_total(theory)), leading, title)
        title, arguments = "what the derivative of Sigma adds to it, times 1/N", (q, *VARIANCES, mu_4, *_total(theory))
        yield EmittedFunction(JACOBIAN[1], arguments, derivative, title)


def backward_section(theory: Theory) -> Iterator[EmittedFunction]:
    found = theory.backward
    if found is None:
        return
    title = "factor a layer of the overlap of the gradients of two inputs"
    yield EmittedFunction("gradient_growth", (q, *VARIANCES), found.growth.closed, "growth of squared gradients, chi_g")
    yield EmittedFunction("gradient_overlap", (c, q, *VARIANCES), found.overlap.closed, title)


def _total(theory: Theory) -> tuple[sp.Symbol, ...]:
    """T, where it does not follow from the other arguments."""
    return (T,) if theory.maps.takes_total else ()


def curve_section(theory: Theory) -> Iterator[EmittedFunction]:
    critical = theory.criticality
    if critical is not None and critical.curve is not None and critical.curve_constraint == 0:
        for name, value in zip(("sigma_m2", "sigma_b2"), critical.curve, strict=True):
            yield EmittedFunction(f"critical_{name}", (q,), value, f"{name} along the critical curve")


Section = Callable[[Theory], Iterator[EmittedFunction]]
SECTIONS: tuple[Section, ...] = (neuron_section, maps_section, jacobian_section, backward_section, curve_section)
AT_ONCE = tuple(section for section in SECTIONS if section is not jacobian_section)


@lru_cache(maxsize=256)
def emitted_functions(theory: Theory, sections: tuple[Section, ...] = SECTIONS) -> tuple[EmittedFunction, ...]:
    """What a theory offers as functions, or some sections of that, but for those of `omitted_functions`."""
    return tuple(each for each in _offered(theory, sections) if is_emittable(each, theory.maps.takes_total))


@lru_cache(maxsize=256)
def omitted_functions(theory: Theory, sections: tuple[Section, ...] = SECTIONS) -> tuple[str, ...]:
    """The names of functions that quadrature cannot evaluate: expectations nested, or with parameters in them."""
    return tuple(each.name for each in _offered(theory, sections) if not is_emittable(each, theory.maps.takes_total))


def _offered(theory: Theory, sections: tuple[Section, ...]) -> Iterator[EmittedFunction]:
    return (function for section in sections for function in _functions(theory, section))


@lru_cache(maxsize=1024)
def _functions(theory: Theory, section: Section) -> tuple[EmittedFunction, ...]:
    parameters = theory.surrogate.parameters
    return tuple(replace(each, arguments=(*each.arguments, *parameters), expression=as_angles(each.expression))
                 for each in section(theory))  # fmt: skip


def emit(theory: Theory, backend: Backend = NUMPY, functions: Sequence[EmittedFunction] | None = None) -> str:
    """The source of a standalone module with functions of a theory, by default those of `emitted_functions`, but for
    terms of the Jacobian that the backend lacks.

    Raises:
        ValueError: if the backend lacks a function that they need.
    """
    heading = Heading.of(theory)
    if functions is None:
        functions = [each for each in emitted_functions(theory)
                     if each.name not in JACOBIAN or backend.has(heading, each)]  # fmt: skip
    return backend.write(heading, functions)


class CompiledTheory(SimpleNamespace):
    """The emitted functions of a theory as attributes; those that `later` holds are made when first asked for."""

    later: Mapping[str, Callable[[], Any]]

    def __getattr__(self, name: str) -> Any:
        make = vars(self).get("later", {}).get(name)
        if make is None:
            raise AttributeError(f"no emitted {name}")
        vars(self)[name] = make()
        return vars(self)[name]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.later})


@lru_cache(maxsize=128)
def compile_theory(theory: Theory, backend: Backend = NUMPY) -> CompiledTheory:
    """The emitted functions of a theory as attributes; `source` holds their text.

    Those of a row of the catalogue are as they were generated. Outside it they are compared with their definitions
    first (`emission.belief`); the Jacobian, which takes longest to derive, and the text are left until asked for.

    Raises:
        SurrogateError: a function that no quadrature resolves, or one that is not what its definition says.
    """
    if (generated := _generated(theory, backend)) is not None:
        return generated
    at_once = compile_functions(theory, emitted_functions(theory, AT_ONCE), backend)
    jacobian = cache(lambda: compile_functions(theory, emitted_functions(theory, (jacobian_section,)), backend))
    names = JACOBIAN if has_jacobian(theory.maps) else ()
    later: dict[str, Callable[[], Any]] = {name: lambda name=name: getattr(jacobian(), name) for name in names}
    later["source"] = lambda: emit(theory, backend)
    maps = CompiledTheory(**vars(at_once), later=later)
    if theory.surrogate not in CATALOGUE:
        check_against_definitions(theory, maps)
    return maps


def _generated(theory: Theory, backend: Backend) -> CompiledTheory | None:
    """The functions of a row of the catalogue, as it is derived, by its generated module; None where there is none."""
    name = theory.surrogate.name
    functions = generated_functions(name) if is_row(theory) else ()
    if not functions or backend not in BACKENDS or not isinstance(backend, ArrayBackend):
        return None
    module = generated_module(name, backend.name)
    later = {"source": lambda: generated_source(name, backend.name)}
    return CompiledTheory(**{each: backend.wrap(module[each]) for each in functions}, later=later)


def is_row(theory: Theory) -> bool:
    """Whether it is that of a row of the catalogue, as it is derived."""
    return theory.surrogate in CATALOGUE and theory is derive(theory.surrogate)


@lru_cache(maxsize=128)
def compile_neurons(theory: Theory, backend: Backend = NUMPY) -> SimpleNamespace:
    """`mean` and `second_moment` alone, where they are emitted: the maps, which take longest, are not derived for them.

    Raises:
        SurrogateError: as `compile_theory`.
    """
    neurons = compile_functions(theory, emitted_functions(theory, (neuron_section,)), backend)
    if theory.surrogate not in CATALOGUE and not theory.surrogate.real_input:
        check_neurons(theory, neurons)
    return neurons


def compile_functions(theory: Theory, functions: Sequence[EmittedFunction], backend: Backend) -> SimpleNamespace:
    """Functions of a theory, or of its ratios, as attributes."""
    return backend.load(Heading.of(theory), functions)


def is_emittable(function: EmittedFunction, takes_total: bool) -> bool:
    """Whether quadrature, or a formula, evaluates a function of its arguments."""
    known = {*function.arguments, *(set() if takes_total else {T})}
    integrands = [node.args[0] for node in function.expression.atoms(GaussianExpectation, OverlapNode)]
    inside = {symbol for integrand in integrands for symbol in integrand.free_symbols}
    nested = any(integrand.has(GaussianExpectation, sp.DiracDelta) for integrand in integrands)
    closed = not function.expression.has(sp.DiracDelta) and function.expression != sp.nan
    return closed and function.expression.free_symbols <= known and inside <= {u, v} and not nested
