"""Gaussian expectations within Gaussian expectations: of neurons that are themselves integrals over their noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.copying import loaded
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.runtime.gaussian_numpy import gaussian_mean, gaussian_pair
from meanbits.numerics.solvers.newton import Array
from meanbits.theory.gaussian.expectation import GaussianExpectation
from meanbits.theory.symbols import u, v


def nested_value(expression: sp.Expr, values: Mapping[sp.Symbol, Array]) -> Array:
    """The expression at arrays for its symbols, every expectation of one field in it by quadrature; NaN for others."""
    stand_ins = {node: sp.Dummy() for node in set(_outermost(expression))}
    given = dict(values) | {symbol: _mean(node, values) for node, symbol in stand_ins.items()}
    try:
        function = _compiled(expression.xreplace(stand_ins), tuple(given))
    except ValueError:  # a function without code
        return np.array(np.nan)
    return np.asarray(function(*given.values()), np.float64)


@lru_cache(maxsize=256)
def _compiled(expression: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., Array]:
    names = [sp.Symbol(f"x_{k}", real=True) for k in range(len(symbols))]
    value = ArrayPrinter(NUMPY).source(expression.xreplace(dict(zip(symbols, names, strict=True))))
    body = f"def function({', '.join(map(str, names))}):\n    return {value}"
    return loaded(NUMPY.runtime, NUMPY.imports, body)


def _outermost(expression: sp.Basic) -> Iterator[GaussianExpectation]:
    if isinstance(expression, GaussianExpectation):
        yield expression
        return
    for part in expression.args:
        yield from _outermost(part)


def _mean(node: GaussianExpectation, values: Mapping[sp.Symbol, Array]) -> Array:
    symbols = [symbol for symbol in values if node.free_symbols & {symbol}]
    given = [values[symbol] for symbol in symbols]
    if node.is_pair:
        return _pair_mean(node, symbols, values)
    mean, variance = (nested_value(entry, values) for entry in (node.mean[0], node.covariance[0]))
    return gaussian_mean(_function(node.integrand, node.variables[0], symbols), mean, variance, *given)


def _pair_mean(node: GaussianExpectation, symbols: list[sp.Symbol], values: Mapping[sp.Symbol, Array]) -> Array:
    """E f(u) g(v) of centred fields of one variance; NaN for others."""
    variance, covariance, other = node.covariance
    first, second = node.integrand.as_independent(v, as_Add=False)
    if node.mean != sp.Tuple(0, 0) or variance != other or second.has(u):
        return np.array(np.nan)
    size, shared = (nested_value(entry, values) for entry in (variance, covariance))
    f, g = _function(first, u, symbols), _function(second, v, symbols)
    return gaussian_pair(f, g, size, shared / size, *(values[symbol] for symbol in symbols))


def _function(integrand: sp.Expr, variable: sp.Symbol, symbols: list[sp.Symbol]) -> Callable[..., Array]:
    def function(x: Array, *parameters: Array) -> Array:
        inside = {**dict(zip(symbols, parameters, strict=True)), variable: x}
        return np.broadcast_to(nested_value(integrand, inside), x.shape)

    return function
