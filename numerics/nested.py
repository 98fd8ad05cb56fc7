"""Gaussian expectations within Gaussian expectations: of neurons that are themselves integrals over their noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import sympy as sp
from scipy import special

from numerics.newton import Array
from numerics.runtime.gaussian_numpy import gaussian_mean
from theory.gaussian import GaussianExpectation

FUNCTIONS = {"erf": special.erf, "erfc": special.erfc}


def nested_value(expression: sp.Expr, values: Mapping[sp.Symbol, Array]) -> Array:
    """The expression at arrays for its symbols, every expectation of one field in it by quadrature; NaN for others."""
    stand_ins = {node: sp.Dummy() for node in set(_outermost(expression))}
    given = dict(values) | {symbol: _mean(node, values) for node, symbol in stand_ins.items()}
    function = sp.lambdify(list(given), expression.xreplace(stand_ins), modules=[FUNCTIONS, "numpy"])
    return np.asarray(function(*given.values()), np.float64)


def _outermost(expression: sp.Basic) -> Iterator[GaussianExpectation]:
    if isinstance(expression, GaussianExpectation):
        yield expression
        return
    for part in expression.args:
        yield from _outermost(part)


def _mean(node: GaussianExpectation, values: Mapping[sp.Symbol, Array]) -> Array:
    if node.is_pair:
        return np.array(np.nan)
    symbols = [symbol for symbol in values if node.free_symbols & {symbol}]
    mean, variance = (nested_value(entry, values) for entry in (node.mean[0], node.covariance[0]))

    def integrand(u: Array, *parameters: Array) -> Array:
        inside = {**dict(zip(symbols, parameters, strict=True)), node.variables[0]: u}
        return np.broadcast_to(nested_value(node.integrand, inside), u.shape)

    return gaussian_mean(integrand, mean, variance, *(values[symbol] for symbol in symbols))
