"""Forward equations of a chain of blocks: what each does to means and variances of fields, and to states.

Blocks are shown a unit by its moments (`declarations.blocks.noisy`) in place of tensors; what they make of it follows
from what they compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from meanbits.theory.declarations.blocks import Dense, Skip
from meanbits.theory.declarations.blocks.flow import Block
from meanbits.theory.declarations.blocks.noisy import Noisy
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.neurons import Neurons
from meanbits.theory.gaussian.closing import evaluate_all
from meanbits.theory.gaussian.expectation import expectation
from meanbits.theory.stages.kernel import indexed
from meanbits.theory.symbols import (
    N,
    Sigma,
    Sigma_added,
    b,
    epsilon,
    h,
    hbar,
    hbar_added,
    i,
    j,
    mean_state,
    mean_weight,
    second_moment_state,
    u,
)
from meanbits.theory.trace import Assumption, Step

FIELD, STATE = (hbar, Sigma), (mean_state, second_moment_state)
ADDED = hbar_added, Sigma_added


class Average(sp.Function):
    """<.>: the mean over the units of a layer, or over a batch."""

    nargs = 1

    def _sympystr(self, printer: Any) -> str:
        return f"<{printer.doprint(self.args[0])}>"

    def _latex(self, printer: Any) -> str:
        return rf"\left\langle {printer.doprint(self.args[0])} \right\rangle"


@dataclass(frozen=True)
class Drawn:
    """What a pass draws, averaged; `sampled`: but for the field, whose noise epsilon is kept."""

    sampled: bool

    def dense(self, block: Dense, x: Noisy) -> Noisy:
        """The field of units i: sums over j, the states of a layer independent."""
        second = sp.expand(x.expectation**2 + x.variance)
        mean = indexed(mean_weight * x.expectation)
        variance = indexed(sp.expand(block.weights.second * second - (mean_weight * x.expectation) ** 2))
        spread = sp.Sum(variance, (j, 1, N)) / N if variance != 0 else sp.S.Zero
        return Noisy(sp.Sum(mean, (j, 1, N)) / sp.sqrt(N) + b[i], spread, x.averaging)

    convolution = dense

    def neuron(self, neurons: Neurons, x: Noisy) -> Noisy:
        """Over the field and over the neurons' own noise."""
        if self.sampled:
            field = x.expectation + sp.sqrt(x.variance) * epsilon
            mean, second = neurons.mean.subs(h, field), neurons.second_moment.subs(h, field)
        else:
            mean, second = (evaluate_all(expectation(each.subs(h, u), x.expectation, x.variance))
                            for each in (neurons.mean, neurons.second_moment))  # fmt: skip
        return Noisy(mean, second - mean**2, x.averaging)

    def kept(self, keep: sp.Expr, x: Noisy) -> Noisy:
        """x / keep with probability keep, else 0."""
        second = x.expectation**2 + x.variance
        return Noisy(x.expectation, second / keep - x.expectation**2, x.averaging)


def forward_steps(layer: Layer) -> tuple[Step, ...]:
    """Mean and variance of fields, mean and second moment of states, before and behind each block.

    None where the field has no variance, or states are drawn: blocks then act on numbers.

    >>> from meanbits.theory.declarations.compose_layer import compose
    >>> forward_steps(compose("deterministic", normalise="rms"))[0].after
    (hbar/sqrt(<Sigma + hbar**2>), Sigma/<Sigma + hbar**2>)
    """
    if layer.treatment.field == "sharp" or layer.treatment.propagates == "sample":
        return ()
    return tuple(_steps(layer.blocks, Drawn(layer.treatment.field == "sampled"), True))


def _steps(blocks: tuple[Block, ...], drawn: Drawn, field: bool) -> Iterator[Step]:
    for block in blocks:
        if isinstance(block, Skip):
            yield from _steps(block.blocks, drawn, field)
        before, gives = FIELD if field else STATE, getattr(block, "gives_field", False)
        unit = _unit(before, field)
        found = (
            block.carry * unit + block.add * _unit(ADDED, True) if isinstance(block, Skip) else block.apply(unit, drawn)
        )
        field = field if gives is None else gives
        yield Step(block.name, _assumed(block), sp.Tuple(*before), sp.Tuple(*_shown(found, field)))


def _unit(moments: tuple[sp.Expr, sp.Expr], field: bool) -> Noisy:
    mean, second = moments
    return Noisy(mean, second if field else second - mean**2, lambda value, axis: Average(value))


def _shown(found: Noisy, field: bool) -> tuple[sp.Expr, sp.Expr]:
    second = found.variance if field else found.variance + found.expectation**2
    return _rational(found.expectation), _rational(second)


def _rational(expression: sp.Expr) -> sp.Expr:
    """With fractions for the powers that blocks write as floats."""
    return expression.replace(lambda e: e.is_Pow and e.exp.is_Float, lambda e: e.base ** sp.nsimplify(e.exp))


def _assumed(block: Block) -> Assumption:
    """Sums over a layer take its states as independent; a skip, what it adds and what it adds it to."""
    return Assumption.FACTORISED if isinstance(block, Dense | Skip) else getattr(block, "assumes", Assumption.DECLARED)
