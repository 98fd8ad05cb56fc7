"""Mean-field theory of binary neural networks: the public names, each loaded when first used.

>>> import meanbits as mb
>>> theory = mb.derive("deterministic")
>>> maps = mb.compile(theory, backend="numpy")
>>> float(maps.variance_map(1.0, sigma_m2=0.5, sigma_b2=0.001))
0.2012
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import SimpleNamespace

    from meanbits.solving import advise, certify, fixed_point, phase_diagram, profile
    from numerics.backends import Backend
    from numerics.convolution import BinaryConv2d
    from numerics.layers import BinaryLinear
    from numerics.sign import Sign
    from theory.compose_layer import compose
    from theory.derive import Theory
    from theory.errors import SurrogateError
    from theory.layer import Layer
    from theory.layer_theory import LayerTheory
    from theory.neurons import Neurons, continuous
    from theory.noise import NeuronNoise
    from theory.surrogates import Form, Surrogate, Treatment, paper_form
    from theory.weights import Weights, ternary

__version__ = "0.1.0"
__all__ = [
    "BinaryConv2d", "BinaryLinear", "Form", "Layer", "NeuronNoise", "Neurons", "Sign", "Surrogate", "SurrogateError",
    "Treatment", "Weights", "advise", "catalogue", "certify", "compile", "compose", "continuous", "derive", "emit",
    "fixed_point", "init", "paper_form", "phase_diagram", "profile", "symbols", "ternary",
]  # fmt: skip

HOMES = {
    "advise": "meanbits.solving",
    "certify": "meanbits.solving",
    "fixed_point": "meanbits.solving",
    "phase_diagram": "meanbits.solving",
    "profile": "meanbits.solving",
    "BinaryConv2d": "numerics.convolution",
    "BinaryLinear": "numerics.layers",
    "Form": "theory.surrogates",
    "NeuronNoise": "theory.noise",
    "Neurons": "theory.neurons",
    "Surrogate": "theory.surrogates",
    "Sign": "numerics.sign",
    "SurrogateError": "theory.errors",
    "Treatment": "theory.surrogates",
    "Weights": "theory.weights",
    "compose": "theory.compose_layer",
    "continuous": "theory.neurons",
    "dead_zone": "theory.neurons",
    "gaussian_weights": "theory.weights",
    "Layer": "theory.layer",
    "latent": "theory.latent",
    "layer_of": "theory.layer",
    "Dense": "theory.blocks",
    "Dropout": "theory.blocks",
    "Neuron": "theory.blocks",
    "Normalise": "theory.blocks",
    "Scale": "theory.blocks",
    "Skip": "theory.blocks",
    "leaky_relu": "theory.neurons",
    "levels": "theory.weights",
    "paper_form": "theory.surrogates",
    "quantiser": "theory.neurons",
    "step": "theory.neurons",
    "stochastic": "theory.neurons",
    "straight_through": "theory.straight_through",
    "student": "theory.noise",
    "ternary": "theory.weights",
    "ternary_free": "theory.weights",
}
PARTS = {  # ready parts of a declaration, by the name they have in a module
    "binary": ("theory.weights", "BINARY"), "fixed": ("theory.weights", "FIXED"),
    "fixed_signs": ("theory.weights", "FIXED_SIGNS"), "sign": ("theory.neurons", "SIGN"),
    "marginalise": ("theory.surrogates", "MARGINALISE"), "sample": ("theory.surrogates", "SAMPLE"),
    "network": ("theory.surrogates", "NETWORK"), "sample_neurons": ("theory.surrogates", "SAMPLE_NEURONS"),
    "sharp": ("theory.surrogates", "NONE"), "exact": ("theory.surrogates", "EXACT"),
    "matched": ("theory.surrogates", "MATCHED"), "gaussian": ("theory.noise", "GAUSSIAN"),
    "logistic": ("theory.noise", "LOGISTIC"), "uniform": ("theory.noise", "UNIFORM"),
    "laplace": ("theory.noise", "LAPLACE"), "cauchy": ("theory.noise", "CAUCHY"),
}  # fmt: skip
NEURONS = ("tanh", "erf", "relu", "hardtanh", "linear", "gelu", "silu", "softplus", "hardsigmoid", "sin")


def __getattr__(name: str) -> Any:
    if name == "init":
        return import_module("meanbits.init")
    if name == "symbols":
        return import_module("theory.symbols")
    if name in PARTS:
        module, part = PARTS[name]
        return getattr(import_module(module), part)
    if name in NEURONS:
        return import_module("theory.named_neurons").PLAIN[name]
    if name not in HOMES:
        raise AttributeError(f"module 'meanbits' has no attribute '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *HOMES, *PARTS, *NEURONS})


def catalogue() -> tuple[Surrogate, ...]:
    """The surrogates that have a name."""
    from theory.surrogates import CATALOGUE

    return CATALOGUE


def derive(surrogate: Surrogate | Layer | str | None = None, **options: Any) -> Any:
    """Derive the theory of a surrogate, a catalogue name, or the options of `compose` with or without a name.

    A `theory.derive.Theory`, or a `theory.layer_theory.LayerTheory` of a chain of blocks.

    Raises:
        SurrogateError: an unknown name, or parts that do not fit together.
        TypeError: options beside a Surrogate or Layer, whose parts are settled.
    """
    from theory.compose_layer import compose
    from theory.derive import derive as derive_theory
    from theory.layer import Layer
    from theory.layer_theory import derive_layer

    if surrogate is None or isinstance(surrogate, str):
        surrogate = compose(surrogate, **options)
    elif options:
        raise TypeError(f"{', '.join(options)} beside a Surrogate: give a catalogue name, or use dataclasses.replace")
    return derive_layer(surrogate) if isinstance(surrogate, Layer) else derive_theory(surrogate)


def emit(theory: Theory | LayerTheory, backend: str = "numpy") -> str:
    """The source of a standalone module, for the backend "numpy" or "torch".

    Raises:
        ValueError: an unknown backend, or one that lacks a function of the theory.
    """
    from numerics.emit import emit as emit_source
    from numerics.emit_layer import emit_layer
    from theory.derive import Theory

    return (emit_source if isinstance(theory, Theory) else emit_layer)(theory, _backend(backend))  # type: ignore[arg-type]


def compile(theory: Theory | LayerTheory, backend: str = "numpy") -> SimpleNamespace:
    """The maps of a theory as functions that broadcast: `variance_map`, `correlation_map`, `chi` and more.

    Raises:
        ValueError: an unknown backend, or one that lacks a function of the theory.
    """
    from numerics.emit import compile_theory
    from numerics.emit_layer import compile_layer
    from numerics.refusal import without_nan
    from theory.derive import Theory
    from theory.surrogates import CATALOGUE

    if not isinstance(theory, Theory):
        return compile_layer(theory, _backend(backend))
    maps = compile_theory(theory, _backend(backend))
    return maps if theory.surrogate in CATALOGUE or backend != "numpy" else without_nan(maps, theory.surrogate.name)


def _backend(name: str) -> Backend:
    from numerics.backends import BACKENDS
    from theory.options import nearest

    known = {backend.name: backend for backend in BACKENDS}
    if name not in known:
        raise ValueError(f"unknown backend '{name}'{nearest(name, known)}")
    return known[name]
