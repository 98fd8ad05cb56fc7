"""Theory to source text: standalone, readable NumPy or Torch modules."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType, SimpleNamespace

import sympy as sp

from numerics.backends import NUMPY, ArrayPrinter, Backend
from theory.derive import Theory
from theory.gaussian import GaussianExpectation
from theory.symbols import Sigma, T, c, epsilon, hbar, mu_4, overlap, q, sigma_b2, sigma_m2, u, v
from theory.tidy import tidy_rational

field_symbol = sp.Symbol("h", real=True)

MEANING = {
    hbar: "mean of the field, any real", Sigma: "variance of the field, >= 0", field_symbol: "field, any real",
    q: "field variance, > 0 (relative to its annealed part where the field is marginalised)",
    c: "correlation of two inputs, in [-1, 1]", sigma_m2: "variance of the weight means",
    sigma_b2: "variance of the biases, >= 0", T: "total field variance, > 0", overlap: "replica overlap, in [-1, 1]",
    mu_4: "fourth moment of the weight means",
}  # fmt: skip


@dataclass(frozen=True)
class EmittedFunction:
    """A function to emit: name, arguments in order, expression, and what it is."""

    name: str
    arguments: tuple[sp.Symbol, ...]
    expression: sp.Expr
    title: str


def emitted_functions(theory: Theory) -> tuple[EmittedFunction, ...]:
    """What a theory offers as functions; those whose integrands carry parameters are left to `theory`."""
    maps, forward = theory.maps, theory.forward
    means, extra = (sigma_m2, sigma_b2), () if maps.is_constant_total else (T,)
    field = {Sigma: 0, epsilon: 0, hbar: field_symbol} if forward.field is not None else {}
    inputs = (hbar, Sigma) if forward.field is None else (field_symbol,)
    offered = [
        EmittedFunction("mean", inputs, forward.mean.closed.subs(field, simultaneous=True), "mean of a neuron, E x"),
        EmittedFunction("second_moment", inputs, forward.second_moment.closed.subs(field, simultaneous=True), "second moment, E x^2"),
        EmittedFunction("total_map", (T, *means), theory.total_map, "total field variance of the next layer, T'"),
        EmittedFunction("variance_map", (q, *means, *extra), theory.variance_map, "variance map, q'"),
        EmittedFunction("variance_slope", (q, *means, *extra), maps.variance_slope.closed, "slope of it, dq'/dq"),
        EmittedFunction("correlation_map", (c, q, *means, *extra), theory.correlation_map, "correlation map, c'"),
        EmittedFunction("chi", (c, q, *means, *extra), theory.chi, "slope of the correlation map, chi = dc'/dc"),
    ]
    if maps.replica_map is not None:
        offered.append(EmittedFunction("replica_map", (overlap, T, *means), maps.replica_map.closed, "replica map, g(r)"))
    if theory.jacobian is not None:
        leading, extra_term = theory.jacobian.leading.closed, theory.jacobian.sigma_derivative.closed
        title = "mean squared singular value of the layer Jacobian"
        offered.append(EmittedFunction("jacobian", (q, *means, *extra), leading, title))
        title = "what the derivative of Sigma adds to it, times 1/N"
        offered.append(EmittedFunction("jacobian_sigma_derivative", (q, *means, mu_4, *extra), extra_term, title))
    if theory.critical_curve is not None and theory.criticality.curve_constraint == 0:
        for name, value in zip(("critical_sigma_m2", "critical_sigma_b2"), theory.critical_curve, strict=True):
            offered.append(EmittedFunction(name, (q,), value, f"{name[9:]} along the critical curve"))
    return tuple(function for function in offered if _is_emittable(function, maps.is_constant_total))


def emit(theory: Theory, backend: Backend = NUMPY) -> str:
    """The source of a standalone module with the functions of `emitted_functions`.

    Raises:
        ValueError: if the backend lacks a function of the theory.
    """
    writer = ModuleWriter(backend, theory)
    bodies = [writer.function(function) for function in emitted_functions(theory)]
    written = [*writer.integrands.values(), *bodies]
    copied = [block for runtime in backend.runtime for block in copied_sources(runtime, "\n".join(written))]
    body = "\n\n\n".join(part.strip() for part in [*copied, *written])
    return f"{writer.header(body)}\n\n\n{body}\n"


@lru_cache(maxsize=128)
def compile_theory(theory: Theory, backend: Backend = NUMPY) -> SimpleNamespace:
    """The emitted functions of a theory as attributes; `source` holds their text."""
    source = emit(theory, backend)
    module = ModuleType(f"meanbits_{backend.name}")
    exec(compile(source, f"<{theory.surrogate.name}, {backend.name}>", "exec"), module.__dict__)
    functions = {function.name: getattr(module, function.name) for function in emitted_functions(theory)}
    return SimpleNamespace(**functions, source=source)


class ModuleWriter:
    """Writes the functions of one module, collecting the integrands they need."""

    def __init__(self, backend: Backend, theory: Theory) -> None:
        self.backend, self.theory = backend, theory
        self.printer = ArrayPrinter(backend)
        self.integrands: dict[sp.Expr, str] = {}

    def header(self, body: str) -> str:
        """The module docstring and the imports the body uses."""
        surrogate, used = self.theory.surrogate, _names(ast.parse(body))
        imports = [line for line in self.backend.imports if not line or used & _names_bound(line)]
        return "\n".join([
            f'"""{surrogate.name}: derived, not written. {surrogate.reference}.', "",
            f"Weights {surrogate.weights.name}; neurons {surrogate.neurons.name}; treatment {surrogate.treatment.name}; "
            f"form {surrogate.form.name}.", '"""', "", "from __future__ import annotations", "", *imports,
        ]).replace("\n\n\n", "\n\n")  # fmt: skip

    def function(self, function: EmittedFunction) -> str:
        """One function: signature, docstring, statements."""
        names = [symbol.name for symbol in function.arguments]
        argument = self.backend.argument_type
        arguments = ", ".join(f"{name}: {argument}" for name in names)
        lines = [f"def {function.name}({arguments}) -> {self.backend.array_type}:",
                 f'    """{function.title[0].upper()}{function.title[1:]}.', "", "    All arguments broadcast.", ""]  # fmt: skip
        lines += [f"    {symbol.name}: {MEANING[symbol]}." for symbol in function.arguments]
        lines += ['    """', f"    {', '.join(names)}{',' * (len(names) == 1)} = as_arrays({', '.join(names)})"]
        if function.expression.has(T) and T not in function.arguments:
            lines.append(f"    T = {self.printer.source(self.theory.total_map)}")
        return "\n".join([*lines, *self._statements(function.expression, names)])

    def _statements(self, expression: sp.Expr, names: list[str]) -> list[str]:
        statements: list[str] = []
        named: dict[GaussianExpectation, sp.Symbol] = {}
        for node in sorted(expression.atoms(GaussianExpectation), key=str):
            named[node] = sp.Symbol(f"expectation_{len(named) + 1}", positive=True)
            statements.append(f"    {named[node].name} = {self._expectation(node)}")
        common, (result,) = sp.cse(expression.xreplace(named), symbols=sp.numbered_symbols("x"), order="none")
        statements += [f"    {symbol.name} = {self.printer.source(value)}" for symbol, value in common]
        used = {symbol.name for symbol in expression.free_symbols}
        text = self.printer.source(result)
        if not set(names) <= used:
            text = f"broadcast({text}, {', '.join(names)})"
        if self.backend is NUMPY and expression.subs(c, 1).has(sp.zoo):
            statements.append("    with np.errstate(divide=\"ignore\"):  # infinite at |c| = 1: the sign jumps")
            return [*statements, f"        return {text}"]
        return [*statements, f"    return {text}"]

    def _expectation(self, node: GaussianExpectation) -> str:
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

    def _integrand(self, function: sp.Expr) -> str:
        name = f"integrand_{list(self.integrands).index(function) + 1 if function in self.integrands else len(self.integrands) + 1}"
        body = self.printer.source(function)
        body = f"torch.ones_like(u) * {body}" if not function.has(u) else body
        kind = self.backend.array_type
        self.integrands[function] = f"def {name}(u: {kind}) -> {kind}:\n    return {body}"
        return name


def separated(integrand: sp.Expr) -> list[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """A pair integrand as a sum of coefficient * f(u) * g(v), f and g both written in u."""
    factors = sp.factor_terms(sp.expand_power_exp(integrand))
    if not any(part.has(u) and part.has(v) for part in sp.Mul.make_args(factors)):
        terms = [factors]
    else:
        terms = sp.Add.make_args(sp.expand(integrand))
    result = []
    for term in terms:
        coefficient, rest = term.as_independent(u, v, as_Add=False)
        first, second = rest.as_independent(v, as_Add=False)
        if second.has(u):
            raise ValueError(f"the pair integrand {term} is no product of a function of u and one of v")
        result.append((coefficient, first, second.subs(v, u)))
    return result


def copied_sources(runtime: ModuleType, text: str) -> list[str]:
    """The source of what `text` uses of a runtime module, and of what that uses, in the module's order."""
    tree = ast.parse(inspect.getsource(runtime))
    lines = inspect.getsource(runtime).splitlines()
    blocks = {name: node for node in tree.body for name in _defined(node)}
    wanted: set[str] = set()
    pending = _names(ast.parse(text)) & set(blocks)
    while pending:
        wanted |= pending
        pending = {used for name in pending for used in _names(blocks[name]) & set(blocks)} - wanted
    chosen = [node for node in tree.body if wanted & set(_defined(node))]
    return ["\n".join(lines[_first_line(node) - 1 : node.end_lineno]) for node in chosen]


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _defined(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Assign):
        return tuple(name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))
    return (node.target.id,) if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else ()


def _names_bound(line: str) -> set[str]:
    return {alias.asname or alias.name for node in ast.parse(line).body for alias in node.names}


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _is_emittable(function: EmittedFunction, is_constant_total: bool) -> bool:
    known = {*function.arguments, *({T} if is_constant_total else set())}
    inside = {s for node in function.expression.atoms(GaussianExpectation) for s in node.integrand.free_symbols}
    nested = any(node.integrand.has(GaussianExpectation) for node in function.expression.atoms(GaussianExpectation))
    return function.expression.free_symbols <= known and inside <= {u, v} and not nested
