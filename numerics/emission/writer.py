"""The text of one emitted module: signatures, docstrings, statements, and the integrands that quadratures call."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy as sp

from meanbits.numerics.emission.conventions import Conventions
from meanbits.numerics.emission.copying import copied_sources, used_imports
from meanbits.numerics.emission.digits import like_terms_joined
from meanbits.numerics.emission.piecewise_source import piecewise_lines
from meanbits.numerics.emission.printer import ArrayPrinter, fold_constants
from meanbits.numerics.emission.routes import edges_of, joint_edges
from meanbits.theory.derive import Theory
from meanbits.theory.errors import quoted, shown
from meanbits.theory.functions.far_out import finite
from meanbits.theory.functions.pieces import pieces, slope_between_breaks, switches_branches
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.gaussian.odd_means import ClipMean, ErfPair, LaplaceMean
from meanbits.theory.gaussian.open_nodes import GaussianDifference, GaussianSlope
from meanbits.theory.gaussian.special import BoxApart, BoxProbability, ClipCovariance, ClipDifference, ExpErfc
from meanbits.theory.gaussian.tidy import tidy_rational
from meanbits.theory.stages.gap import Portion, Scaled, alike, fall, growth, slope, unlike
from meanbits.theory.stages.overlap import AtExtremes
from meanbits.theory.symbols import Sigma, T, c, gap, hbar, mu_4, overlap, q, sigma_b2, sigma_m2, typical, u, v

FUTURE = "from __future__ import annotations"
OVERFLOW = 600  # of an exponent, safely
field_symbol = sp.Symbol("h", real=True)

MEANING = {
    hbar: "mean of the field, any real", Sigma: "variance of the field, >= 0", field_symbol: "field, any real",
    q: "field variance, > 0 (relative to its annealed part where the field is marginalised)",
    c: "correlation of two inputs, in [-1, 1]", gap: "1 - c, in [0, 2]", sigma_m2: "variance of the weight means",
    sigma_b2: "variance of the biases, >= 0", T: "total field variance, > 0", overlap: "replica overlap, in [-1, 1]",
    typical: "correlation of a typical pair of the batch, in [-1, 1)",
    mu_4: "fourth moment of the weight means", alike: "overlap of equal inputs", unlike: "E x^2 less it",
    fall: "1 less the overlap, relative to that of equal inputs", slope: "slope of the overlap, relative to it too",
    growth: "(1 + q) times the slope in q of the overlap of equal inputs",
}  # fmt: skip


PARAMETER = "a parameter of the declaration"
DOUBLE = (
    BoxApart,
    BoxProbability,
    ClipCovariance,
    ClipDifference,
    ClipMean,
    ErfPair,
    ExpErfc,
    LaplaceMean,
)  # in float64 whatever the arguments
ENDS = ((c, 1), (gap, 0), (sigma_m2, 1))


@dataclass(frozen=True)
class EmittedFunction:
    """A function to emit: name, arguments in order, expression, and what it is."""

    name: str
    arguments: tuple[sp.Symbol, ...]
    expression: sp.Expr
    title: str


Quadrature = GaussianExpectation | GaussianDifference | GaussianSlope


@dataclass(frozen=True)
class Heading:
    """What a module says of its subject, and T' where its functions take T from the other arguments."""

    name: str
    reference: str
    parts: str
    total_map: sp.Expr

    @classmethod
    def of(cls, theory: Theory) -> Heading:
        """That of a surrogate's theory."""
        surrogate = theory.surrogate
        parts = f"Weights {surrogate.weights.name}; neurons {surrogate.neurons.name}; "
        parts += f"treatment {surrogate.treatment.name}; form {surrogate.form.name}."
        return cls(surrogate.name, f"{surrogate.reference}.", parts, theory.total_map)


@dataclass(frozen=True)
class Body:
    """What a function computes, as source: names and what they are assigned, and the result of them.

    expression: the whole, quadratures by name; source: what is left of it beside the assignments.
    """

    assignments: tuple[tuple[str, str], ...]
    expression: sp.Expr
    source: str
    quadratures: tuple[Quadrature, ...]


class ModuleWriter:
    """Writes the functions of one module, collecting the integrands they need."""

    def __init__(self, backend: Conventions, heading: Heading, printer: ArrayPrinter | None = None) -> None:
        self.backend, self.heading = backend, heading
        self.printer = printer or ArrayPrinter(backend)
        self.integrands: dict[sp.Expr, str] = {}
        self.constants: dict[tuple[object, ...], str] = {}

    def module(self, functions: Sequence[EmittedFunction]) -> str:
        """The source of a standalone module with these functions."""
        bodies = [self.function(function) for function in functions]
        written = [*self.integrand_sources(), *bodies]
        parts = [*copied_sources(self.backend.runtime, *written), *written]
        return "\n\n\n".join([self.header(parts), *parts]) + "\n"

    def header(self, parts: Sequence[str]) -> str:
        """The module docstring and the imports that the parts use."""
        heading, imports = self.heading, used_imports(self.backend.imports, *parts)
        title = f"{quoted(heading.name)}: derived, not written. {quoted(heading.reference)}".rstrip()
        docstring = [f'"""{title}', "", quoted(heading.parts), '"""']
        return "\n".join([*docstring, "", FUTURE, "", *imports]).replace("\n\n\n", "\n\n")

    def function(self, function: EmittedFunction) -> str:
        """One function: signature, docstring, statements."""
        names = [identifier(symbol.name) for symbol in function.arguments]
        arguments = ", ".join(f"{name}: {self.backend.argument_type}" for name in names)
        title = f"{function.title[0].upper()}{function.title[1:]}."
        lines = [f"def {function.name}({arguments}) -> {self.backend.array_type}:"]
        lines += [f'    """{title}', "", "    All arguments broadcast.", ""]
        lines += [f"    {symbol.name}: {MEANING.get(symbol, PARAMETER)}." for symbol in function.arguments]
        lines += ['    """', *self.body(function, names)]
        return "\n".join(lines)

    def body(self, function: EmittedFunction, names: list[str]) -> list[str]:
        """The statements of a function."""
        return [f"    {self.taken(names)}", *self.total(function), *self.statements(function.expression, names)]

    def taken(self, names: list[str]) -> str:
        """The statement that makes arrays of the arguments."""
        return f"{', '.join(names)}{',' * (len(names) == 1)} = as_arrays({', '.join(names)})"

    def total(self, function: EmittedFunction) -> list[str]:
        """The line that gives T, where a function takes it from its other arguments."""
        needed = function.expression.has(T) and T not in function.arguments
        return [f"    T = {self.printer.source(self.heading.total_map)}"] if needed else []

    def integrand_sources(self) -> list[str]:
        """The integrands that the functions written so far call."""
        constants = [f"{name} = {numbers!r}" for numbers, name in self.constants.items()]
        functions = [self._integrand_source(integrand, name) for integrand, name in self.integrands.items()]
        return [*(["\n".join(constants)] if constants else []), *functions]

    def _integrand_source(self, integrand: sp.Expr, name: str) -> str:
        cut = finite(pieces(integrand))
        if switches_branches(integrand) or cut != pieces(integrand):
            return "\n".join(piecewise_lines(cut, name, self.printer))
        kind, body = self.backend.array_type, self.printer.source(integrand)
        body = body if integrand.has(u) else f"{self.backend.module}.ones_like(u) * {body}"
        return f"def {name}(u: {kind}) -> {kind}:\n    return {body}"

    def statements(self, expression: sp.Expr, names: list[str]) -> list[str]:
        """The body of a function of these names, its result last."""
        body = self.assigned(expression)
        statements = [f"    {name} = {source}" for name, source in body.assignments]
        text = body.source
        if not set(names) <= {symbol.name for symbol in body.expression.free_symbols}:
            text = f"broadcast({text}, {', '.join(names)})"
        if body.quadratures or body.expression.atoms(*DOUBLE):
            text = self.backend.cast.format(text, ", ".join(names))
        statements.append(f"    return {text}")
        return self._guarded(statements, body) if self.backend.guard else statements

    def _guarded(self, statements: list[str], body: Body) -> list[str]:
        guard = self.backend.guard
        if body.expression.has(AtExtremes, Portion, Scaled):
            within = f"    {guard.format('all')}  # the limits in q replace what is undefined there"
            return [within, *(f"    {statement}" for statement in statements)]
        if _diverges(body.expression, body.quadratures):
            within = f"    {guard.format('divide')}  # infinite at an end of the range"
            return [*statements[:-1], within, f"    {statements[-1]}"]
        return statements

    def assigned(self, expression: sp.Expr) -> Body:
        """An expression as source: its quadratures and its common parts by name, and what is made of them."""
        named: dict[Quadrature, sp.Symbol] = {}
        assignments: list[tuple[str, str]] = []
        for node in sorted(expression.atoms(GaussianExpectation, GaussianDifference, GaussianSlope), key=str):
            named[node] = sp.Symbol(f"expectation_{len(named) + 1}", positive=True)
            assignments.append((named[node].name, self._expectation(node)))
        expression = self.prepared(expression.xreplace(named))
        common, (result,) = self.shared([expression])
        assignments += [(symbol.name, self.printer.source(value)) for symbol, value in common]
        return Body(tuple(assignments), expression, self.printer.source(result), tuple(named))

    def prepared(self, expression: sp.Expr) -> sp.Expr:
        """An expression whose parts keep their digits on lines of their own."""
        expression = like_terms_joined(expression)
        if any(abs(part.args[0]) > OVERFLOW for part in expression.atoms(sp.exp) if part.is_number):
            return fold_constants(expression)  # before a factor beyond floats is one of its own
        return expression

    def shared(self, expressions: list[sp.Expr]) -> tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]:
        """The parts that expressions have in common, by names that they do not have, and what is left of them."""
        taken = {symbol.name for each in expressions for symbol in each.free_symbols}
        names = (symbol for symbol in sp.numbered_symbols("x") if symbol.name not in taken)
        return sp.cse(expressions, symbols=names, order="none")

    def _expectation(self, node: Quadrature) -> str:
        if isinstance(node, GaussianDifference | GaussianSlope):
            return self._of_overlap(node)
        if not node.is_pair:
            law = ", ".join(map(self.printer.source, (node.mean[0], node.covariance[0])))
            edges = edges_of(node.integrand)
            name, rest = ("gaussian_mean", "") if edges is None else ("broken_mean", f", {self._constant(edges)}")
            return f"{name}({self._integrand(node.integrand)}, {law}{rest})"
        variance, covariance, _ = node.covariance
        law = f"{self.printer.source(variance)}, {self.printer.source(tidy_rational(covariance / variance))}"
        terms = []
        for coefficient, first, second in separated(node.integrand):
            edges = joint_edges(first, second)
            name, rest = ("gaussian_pair", "") if edges is None else ("broken_pair", f", {self._constant(edges)}")
            call = f"{name}({self._integrand(first)}, {self._integrand(second)}, {law}{rest})"
            terms.append(call if coefficient == 1 else f"{self.printer.source(coefficient)} * {call}")
        return " + ".join(terms)

    def _of_overlap(self, node: GaussianDifference | GaussianSlope) -> str:
        integrand, *law = node.args
        name, edges = ("difference" if isinstance(node, GaussianDifference) else "slope"), edges_of(integrand)
        values = ", ".join(map(self.printer.source, law))
        if edges is None:
            slope = self._integrand(slope_between_breaks(integrand))
            return f"gaussian_{name}({self._integrand(integrand)}, {values}, slope={slope})"
        cut = pieces(integrand)
        jumps = tuple((float(at), float(rise)) for at, rise in cut.jumps)
        slope = self._integrand(cut.slope.expression)
        return f"broken_{name}({slope}, {self._constant(jumps)}, {values}, {self._constant(edges)})"

    def _integrand(self, integrand: sp.Expr) -> str:
        return self.integrands.setdefault(integrand, f"integrand_{len(self.integrands) + 1}")

    def _constant(self, numbers: tuple[object, ...]) -> str:
        return self.constants.setdefault(numbers, f"NUMBERS_{len(self.constants) + 1}")


def identifier(name: str) -> str:
    """A name of a symbol, which is to be one word of source."""
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise ValueError(f"'{shown(name)}' is no name for an argument: use letters, digits and underscores")
    return name


def _diverges(outside: sp.Expr, quadratures: Iterable[Quadrature]) -> bool:
    """Whether a formula, or the law of one of its quadratures, divides by 0 at an end of a range."""
    parts = [outside, *(sp.Tuple(*node.args[1:]) for node in quadratures)]
    return any(part.subs(at, end).doit().has(sp.zoo) for part in parts for at, end in ENDS if part.has(at))


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
