"""Theory to source text: standalone, readable NumPy or Torch modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import ModuleType, SimpleNamespace

import sympy as sp

from numerics.backends import NUMPY, ArrayPrinter, Backend
from numerics.blocks import in_blocks
from numerics.copying import copied_sources, used_imports
from theory.derive import Theory
from theory.difference import as_angles
from theory.gap import Portion, alike, fall, slope, unlike
from theory.gaussian import GaussianExpectation
from theory.overlap import AtExtremes, GaussianDifference
from theory.special import BoxProbability, ClipCovariance, ClipDifference, ExpErfc
from theory.symbols import Sigma, T, c, epsilon, gap, hbar, mu_4, overlap, q, sigma_b2, sigma_m2, u, v
from theory.tidy import tidy_rational, tidy_slope

FUTURE = "from __future__ import annotations"
VARIANCES = (sigma_m2, sigma_b2)
field_symbol = sp.Symbol("h", real=True)

MEANING = {
    hbar: "mean of the field, any real", Sigma: "variance of the field, >= 0", field_symbol: "field, any real",
    q: "field variance, > 0 (relative to its annealed part where the field is marginalised)",
    c: "correlation of two inputs, in [-1, 1]", gap: "1 - c, in [0, 2]", sigma_m2: "variance of the weight means",
    sigma_b2: "variance of the biases, >= 0", T: "total field variance, > 0", overlap: "replica overlap, in [-1, 1]",
    mu_4: "fourth moment of the weight means", alike: "overlap of equal inputs", unlike: "1 less it",
    fall: "1 less the overlap, relative to that of equal inputs", slope: "slope of the overlap, relative to it too",
}  # fmt: skip


DOUBLE = (BoxProbability, ClipCovariance, ClipDifference, ExpErfc)  # evaluated in float64 whatever the arguments


@dataclass(frozen=True)
class EmittedFunction:
    """A function to emit: name, arguments in order, expression, and what it is."""

    name: str
    arguments: tuple[sp.Symbol, ...]
    expression: sp.Expr
    title: str


def emitted_functions(theory: Theory) -> tuple[EmittedFunction, ...]:
    """What a theory offers as functions, but for those of `omitted_functions`."""
    return tuple(function for function in _offered(theory) if _is_emittable(function, theory.maps.takes_total))


def omitted_functions(theory: Theory) -> tuple[str, ...]:
    """The names of functions that quadrature cannot evaluate: expectations nested, or with parameters in them."""
    emitted = {function.name for function in emitted_functions(theory)}
    return tuple(function.name for function in _offered(theory) if function.name not in emitted)


def _offered(theory: Theory) -> list[EmittedFunction]:
    functions = (*_neuron(theory), *_maps(theory), *_jacobian(theory), *_critical_curve(theory))
    return [replace(function, expression=as_angles(function.expression)) for function in functions]


def _neuron(theory: Theory) -> Iterator[EmittedFunction]:
    forward = theory.forward
    sharp = {Sigma: 0, epsilon: 0, hbar: field_symbol} if forward.field is not None else {}
    inputs = (hbar, Sigma) if forward.field is None else (field_symbol,)
    mean, square = (moment.closed.subs(sharp, simultaneous=True) for moment in (forward.mean, forward.second_moment))
    yield EmittedFunction("mean", inputs, mean, "mean of a neuron, E x")
    yield EmittedFunction("second_moment", inputs, square, "second moment, E x^2")


def _maps(theory: Theory) -> Iterator[EmittedFunction]:
    maps, rest = theory.maps, (*VARIANCES, *_total(theory))
    total, slope = "total field variance of the next layer, T'", "slope of the correlation map, chi = dc'/dc"
    yield EmittedFunction("total_map", (T, *VARIANCES), theory.total_map, total)
    yield EmittedFunction("total_slope", (T, *VARIANCES), maps.total_slope.closed, "slope of it, dT'/dT")
    variance_map = theory.variance_map if theory.gap is None else theory.gap.variance_map
    yield EmittedFunction("variance_map", (q, *rest), variance_map, "variance map, q'")
    yield EmittedFunction("variance_slope", (q, *rest), maps.variance_slope.closed, "slope of it, dq'/dq")
    yield EmittedFunction("correlation_map", (c, q, *rest), theory.correlation_map, "correlation map, c'")
    yield EmittedFunction("chi", (c, q, *rest), theory.chi, slope)
    if theory.gap is not None:
        title = "correlation map in the gap, 1 - c', exact to rounding as gap -> 0; q may be 0 or infinite"
        yield EmittedFunction("gap_map", (gap, q, *rest), theory.gap.gap_map, title)
        yield EmittedFunction("chi_at_gap", (gap, q, *rest), theory.gap.chi, f"{slope}, in terms of the gap")
    if maps.replica_map is not None:
        yield EmittedFunction("replica_map", (overlap, T, *VARIANCES), maps.replica_map.closed, "replica map, g(r)")


def _jacobian(theory: Theory) -> Iterator[EmittedFunction]:
    if theory.jacobian is not None:
        leading, derivative = theory.jacobian.leading.closed, theory.jacobian.sigma_derivative.closed
        title = "mean squared singular value of the layer Jacobian"
        yield EmittedFunction("jacobian", (q, *VARIANCES, *_total(theory)), leading, title)
        title, arguments = "what the derivative of Sigma adds to it, times 1/N", (q, *VARIANCES, mu_4, *_total(theory))
        yield EmittedFunction("jacobian_sigma_derivative", arguments, derivative, title)


def _total(theory: Theory) -> tuple[sp.Symbol, ...]:
    """T, where it does not follow from the other arguments."""
    return (T,) if theory.maps.takes_total else ()


def _critical_curve(theory: Theory) -> Iterator[EmittedFunction]:
    critical = theory.criticality
    if critical is not None and critical.curve is not None and critical.curve_constraint == 0:
        for name, value in zip(("sigma_m2", "sigma_b2"), critical.curve, strict=True):
            yield EmittedFunction(f"critical_{name}", (q,), value, f"{name} along the critical curve")


def emit(theory: Theory, backend: Backend = NUMPY, functions: Sequence[EmittedFunction] | None = None) -> str:
    """The source of a standalone module with functions of a theory, by default those of `emitted_functions`.

    Raises:
        ValueError: if the backend lacks a function that they need.
    """
    writer = ModuleWriter(backend, theory)
    bodies = [writer.function(function) for function in functions or emitted_functions(theory)]
    written = [*writer.integrand_sources(), *bodies]
    body = "\n\n\n".join([*copied_sources(backend.runtime, "\n".join(written)), *written])
    return f"{writer.header(body)}\n\n\n{body}\n"


@lru_cache(maxsize=128)
def compile_theory(theory: Theory, backend: Backend = NUMPY) -> SimpleNamespace:
    """The emitted functions of a theory as attributes; `source` holds their text."""
    return compile_functions(theory, emitted_functions(theory), backend)


def compile_functions(theory: Theory, functions: Sequence[EmittedFunction], backend: Backend) -> SimpleNamespace:
    """Functions of a theory, or of its ratios, as attributes; `source` holds their text."""
    source = emit(theory, backend, functions)
    module = ModuleType(f"meanbits_{backend.name}")
    exec(compile(source, f"<{theory.surrogate.name}, {backend.name}>", "exec"), module.__dict__)
    wrap = in_blocks if backend is NUMPY else lambda function: function
    return SimpleNamespace(**{each.name: wrap(getattr(module, each.name)) for each in functions}, source=source)


class ModuleWriter:
    """Writes the functions of one module, collecting the integrands they need."""

    def __init__(self, backend: Backend, theory: Theory) -> None:
        self.backend, self.theory = backend, theory
        self.printer = ArrayPrinter(backend)
        self.integrands: dict[sp.Expr, str] = {}

    def header(self, body: str) -> str:
        """The module docstring and the imports the body uses."""
        surrogate, imports = self.theory.surrogate, used_imports(self.backend.imports, body)
        parts = f"Weights {surrogate.weights.name}; neurons {surrogate.neurons.name}; "
        parts += f"treatment {surrogate.treatment.name}; form {surrogate.form.name}."
        docstring = [f'"""{surrogate.name}: derived, not written. {surrogate.reference}.', "", parts, '"""']
        return "\n".join([*docstring, "", FUTURE, "", *imports]).replace("\n\n\n", "\n\n")

    def function(self, function: EmittedFunction) -> str:
        """One function: signature, docstring, statements."""
        names = [symbol.name for symbol in function.arguments]
        arguments = ", ".join(f"{name}: {self.backend.argument_type}" for name in names)
        title = f"{function.title[0].upper()}{function.title[1:]}."
        lines = [f"def {function.name}({arguments}) -> {self.backend.array_type}:"]
        lines += [f'    """{title}', "", "    All arguments broadcast.", ""]
        lines += [f"    {symbol.name}: {MEANING[symbol]}." for symbol in function.arguments]
        lines += ['    """', f"    {', '.join(names)}{',' * (len(names) == 1)} = as_arrays({', '.join(names)})"]
        if function.expression.has(T) and T not in function.arguments:
            lines.append(f"    T = {self.printer.source(self.theory.total_map)}")
        return "\n".join([*lines, *self._statements(function.expression, names)])

    def integrand_sources(self) -> list[str]:
        """The integrands that the functions written so far call."""
        kind = self.backend.array_type
        return [
            f"def {name}(u: {kind}) -> {kind}:\n    return {self._integrand_body(integrand)}"
            for integrand, name in self.integrands.items()
        ]

    def _integrand_body(self, integrand: sp.Expr) -> str:
        body = self.printer.source(integrand)
        return body if integrand.has(u) else f"{self.backend.module}.ones_like(u) * {body}"

    def _statements(self, expression: sp.Expr, names: list[str]) -> list[str]:
        statements: list[str] = []
        named: dict[GaussianExpectation | GaussianDifference, sp.Symbol] = {}
        for node in sorted(expression.atoms(GaussianExpectation, GaussianDifference), key=str):
            named[node] = sp.Symbol(f"expectation_{len(named) + 1}", positive=True)
            statements.append(f"    {named[node].name} = {self._expectation(node)}")
        common, (result,) = sp.cse(expression.xreplace(named), symbols=sp.numbered_symbols("x"), order="none")
        statements += [f"    {symbol.name} = {self.printer.source(value)}" for symbol, value in common]
        used = {symbol.name for symbol in expression.free_symbols}
        text = self.printer.source(result)
        if not set(names) <= used:
            text = f"broadcast({text}, {', '.join(names)})"
        if self.backend is NUMPY and (named or expression.atoms(*DOUBLE)):
            text = f"np.asarray({text}, dtype=np.result_type({', '.join(names)}))[()]"
        statements.append(f"    return {text}")
        if self.backend is NUMPY and expression.has(AtExtremes, Portion):
            guard = '    with np.errstate(all="ignore"):  # the limits in q replace what is undefined there'
            return [guard, *(f"    {statement}" for statement in statements)]
        if self.backend is NUMPY and any(expression.subs(at_equal).has(sp.zoo) for at_equal in ({c: 1}, {gap: 0})):
            guard = '    with np.errstate(divide="ignore"):  # infinite at |c| = 1: the sign jumps'
            return [*statements[:-1], guard, f"    {statements[-1]}"]
        return statements

    def _expectation(self, node: GaussianExpectation | GaussianDifference) -> str:
        if isinstance(node, GaussianDifference):
            integrand, *law = node.args
            names = self._integrand(integrand), self._integrand(tidy_slope(integrand.diff(u), u))
            return f"gaussian_difference({names[0]}, {', '.join(map(self.printer.source, law))}, slope={names[1]})"
        if not node.is_pair:
            mean, variance = map(self.printer.source, (node.mean[0], node.covariance[0]))
            return f"gaussian_mean({self._integrand(node.integrand)}, {mean}, {variance})"
        variance, covariance, _ = node.covariance
        law = f"{self.printer.source(variance)}, {self.printer.source(tidy_rational(covariance / variance))}"
        terms = []
        for coefficient, first, second in separated(node.integrand):
            call = f"gaussian_pair({self._integrand(first)}, {self._integrand(second)}, {law})"
            terms.append(call if coefficient == 1 else f"{self.printer.source(coefficient)} * {call}")
        return " + ".join(terms)

    def _integrand(self, integrand: sp.Expr) -> str:
        return self.integrands.setdefault(integrand, f"integrand_{len(self.integrands) + 1}")


def separated(integrand: sp.Expr) -> list[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """A pair integrand as a sum of coefficient * f(u) * g(v), f and g both written in u."""
    integrand = sp.expand_power_exp(integrand)
    is_product = not any(part.has(u) and part.has(v) for part in sp.Mul.make_args(integrand))
    terms = (
        [integrand] if is_product else sp.Add.make_args(sp.expand_mul(sp.expand_mul(integrand, deep=False), deep=False))
    )
    result = []
    for term in terms:
        coefficient, rest = term.as_independent(u, v, as_Add=False)
        first, second = rest.as_independent(v, as_Add=False)
        if second.has(u):
            raise ValueError(f"the pair integrand {term} is no product of a function of u and one of v")
        result.append((coefficient, first, second.subs(v, u)))
    return result


def _is_emittable(function: EmittedFunction, takes_total: bool) -> bool:
    known = {*function.arguments, *(set() if takes_total else {T})}
    inside = {s for node in function.expression.atoms(GaussianExpectation) for s in node.integrand.free_symbols}
    nested = any(node.integrand.has(GaussianExpectation) for node in function.expression.atoms(GaussianExpectation))
    return function.expression.free_symbols <= known and inside <= {u, v} and not nested
