"""What a layer of a surrogate computes: the emitted neuron, and what the theory says of weights, field and gradient."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from meanbits.numerics.emission.backends import TORCH
from meanbits.numerics.emission.emit import emit, emitted_functions, neuron_section
from meanbits.numerics.layers.straight_through import with_slope
from meanbits.theory.declarations.surrogates import Surrogate, paper_form
from meanbits.theory.derive import Theory, derive
from meanbits.theory.errors import SurrogateError
from meanbits.theory.symbols import mean_weight

NEURON, SLOPE = ("mean", "second_moment"), "slope"
STEEP = 1e100  # of 1e154, the slope of a jump in a field of least deviation
Moment = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class LayerRule:
    """A surrogate as its layers use it.

    weight_second_moment: E S^2 where it does not depend on M, None for fixed weights (M^2). limit: of |M|, None for
    any. mean, second_moment: the emitted neuron in (hbar, Sigma), or in the field h where that is drawn or sharp; the
    latter None where it is 1; gradients of the mean see the declared slope, if there is one. gain: K of
    phi(K hbar / sqrt(Sigma)), outside the emitted function so that it may vary.
    jumps: whether the mean is infinitely steep at hbar = 0 as Sigma vanishes.
    """

    surrogate: Surrogate
    weight_second_moment: float | None
    limit: float | None
    mean: Moment
    second_moment: Moment | None
    gain: float
    jumps: bool

    @property
    def field(self) -> str:
        """integrated, sampled or sharp."""
        return self.surrogate.treatment.field

    @property
    def draws_neurons(self) -> bool:
        """Whether the states passed on are drawn from their means."""
        return self.surrogate.treatment.propagates == "sample" and self.surrogate.neurons.is_binary

    @property
    def gives_bits(self) -> bool:
        """Whether the states passed on are bits, functions of a field that is known."""
        return self.knows_states and self.surrogate.neurons.is_binary

    @property
    def knows_states(self) -> bool:
        """Whether states are functions of a field that is known, so that E x^2 is x^2."""
        return self.field == "sharp" and not self.surrogate.neurons.is_random

    @property
    def passes_second_moments(self) -> bool:
        """Whether the next layer needs E x^2: neurons that are not binary, and a field with a variance."""
        return self.second_moment is not None and self.field != "sharp"

    @property
    def gradient_through_sigma(self) -> bool:
        """Whether training differentiates Sigma."""
        return self.surrogate.gradient_through_sigma


@lru_cache(maxsize=64)
def layer_rule(surrogate: Surrogate) -> LayerRule:
    """The rule of a surrogate's layers, its neuron derived and emitted for Torch.

    Raises:
        ValueError: weights with a free parameter, or a neuron that was not emitted.
    """
    form, gain = surrogate.form, 1.0
    if form.name == "paper" and form.phi is not None:
        gain = float(form.gain)
        surrogate = replace(surrogate, form=paper_form(form.phi))
    weights = surrogate.weights
    second = weights.second
    if not second.is_number and second != mean_weight**2:
        raise ValueError(f"weights {weights.name}: E S^2 = {second} is free; give P(S != 0) a value, as in ternary:0.5")
    neuron = _neuron(derive(surrogate))
    return LayerRule(
        surrogate=surrogate,
        weight_second_moment=float(second) if second.is_number else None,
        limit=None if weights.mean_limit is None else float(weights.mean_limit),
        mean=with_slope(neuron["mean"], neuron[SLOPE]) if SLOPE in neuron else neuron["mean"],
        second_moment=None if surrogate.neurons.is_binary else neuron["second_moment"],
        gain=gain,
        jumps=surrogate.treatment.field == "integrated" and _jumps(neuron["mean"]),
    )


def slope_of(surrogate: Surrogate) -> Moment:
    """The declared slope of a surrogate's neurons, for Torch.

    Raises:
        SurrogateError: neurons without one.
    """
    if surrogate.neurons.backward is None:
        raise SurrogateError(f"{surrogate.name}: gradients see no declared slope; give one, as in backward='clip'")
    return _neuron(derive(surrogate))[SLOPE]


def _neuron(theory: Theory) -> dict[str, Any]:
    functions = emitted_functions(theory, (neuron_section,))
    missing = set(NEURON) - {function.name for function in functions}
    if missing:
        raise ValueError(f"{theory.surrogate.name}: its neurons have no emitted {' or '.join(sorted(missing))}")
    return vars(_module(emit(theory, TORCH, functions)))


def _jumps(mean: Moment) -> bool:
    with torch.inference_mode(False), torch.enable_grad():
        hbar = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        mean(hbar, torch.full_like(hbar, torch.finfo(hbar.dtype).tiny)).sum().backward()
    return hbar.grad is None or not float(hbar.grad) < STEEP


def _module(source: str) -> ModuleType:
    """The emitted source as a module that can be imported by its name, as torch.compile does with what it traces."""
    name = f"meanbits_neuron_{sha256(source.encode()).hexdigest()[:16]}"
    if name not in sys.modules:
        module = ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
        sys.modules[name] = module
    return sys.modules[name]


def largest_mean(limit: float | None, dtype: torch.dtype) -> float:
    """The largest |M| a layer may hold, the number before the limit of the weights: a bit of mean +-1 is certain.

    The field of certain bits has variance 0, where the marginalised neuron jumps; before it, Sigma > 0 whatever the
    state. Infinite where the weights have no limit.

    >>> largest_mean(1.0, torch.float64)
    0.9999999999999999
    """
    if limit is None:
        return float("inf")
    return float(torch.nextafter(torch.tensor(limit, dtype=dtype), torch.tensor(0.0, dtype=dtype)))
