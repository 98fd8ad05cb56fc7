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

    from meanbits.conversion import from_torch, to_torch
    from meanbits.experiments.check.check import check
    from meanbits.experiments.export.export import export
    from meanbits.numerics.emission.backend import Backend
    from meanbits.numerics.layers.convolution import BinaryConv2d
    from meanbits.numerics.layers.linear import BinaryLinear
    from meanbits.numerics.layers.sign import Sign
    from meanbits.reporting import report
    from meanbits.running import simulate, train, verify
    from meanbits.solving import advise, certify, fixed_point, phase_diagram, profile
    from meanbits.theory.declarations.compose_layer import compose
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.neurons import Neurons, continuous
    from meanbits.theory.declarations.noise import NeuronNoise
    from meanbits.theory.declarations.surrogates import Form, Surrogate, Treatment, paper_form
    from meanbits.theory.declarations.weights import Weights, ternary
    from meanbits.theory.derive import Theory
    from meanbits.theory.errors import SurrogateError
    from meanbits.theory.stages.layer_theory import LayerTheory

__version__ = "0.1.0"
__all__ = [
    "BinaryConv2d", "BinaryLinear", "Form", "Layer", "NeuronNoise", "Neurons", "Sign", "Surrogate", "SurrogateError",
    "Treatment", "Weights", "advise", "catalogue", "certify", "check", "compile", "compose", "continuous", "derive",
    "emit", "export", "fixed_point", "from_torch", "init", "paper_form", "phase_diagram", "profile", "report",
    "simulate", "symbols", "ternary", "to_torch", "train", "verify",
]  # fmt: skip

HOMES = {
    "advise": "meanbits.solving",
    "certify": "meanbits.solving",
    "fixed_point": "meanbits.solving",
    "phase_diagram": "meanbits.solving",
    "profile": "meanbits.solving",
    "check": "meanbits.experiments.check.check",
    "Backend": "meanbits.numerics.emission.backend",
    "BinaryConv2d": "meanbits.numerics.layers.convolution",
    "BinaryLinear": "meanbits.numerics.layers.linear",
    "Form": "meanbits.theory.declarations.surrogates",
    "NeuronNoise": "meanbits.theory.declarations.noise",
    "Neurons": "meanbits.theory.declarations.neurons",
    "Surrogate": "meanbits.theory.declarations.surrogates",
    "Sign": "meanbits.numerics.layers.sign",
    "SurrogateError": "meanbits.theory.errors",
    "Treatment": "meanbits.theory.declarations.surrogates",
    "Weights": "meanbits.theory.declarations.weights",
    "simulate": "meanbits.running",
    "train": "meanbits.running",
    "verify": "meanbits.running",
    "compose": "meanbits.theory.declarations.compose_layer",
    "continuous": "meanbits.theory.declarations.neurons",
    "dead_zone": "meanbits.theory.declarations.neurons",
    "export": "meanbits.experiments.export.export",
    "load_network": "meanbits.experiments.export.files",
    "pack": "meanbits.numerics.binary.packed",
    "from_torch": "meanbits.conversion",
    "to_torch": "meanbits.conversion",
    "gaussian_weights": "meanbits.theory.declarations.weights",
    "Layer": "meanbits.theory.declarations.layer",
    "latent": "meanbits.theory.declarations.latent",
    "layer_of": "meanbits.theory.declarations.layer",
    "convolved": "meanbits.solving",
    "modes": "meanbits.numerics.depth.positions",
    "Convolution": "meanbits.theory.declarations.blocks",
    "Dense": "meanbits.theory.declarations.blocks",
    "Dropout": "meanbits.theory.declarations.blocks",
    "Factors": "meanbits.theory.declarations.blocks",
    "Neuron": "meanbits.theory.declarations.blocks",
    "Normalise": "meanbits.theory.declarations.blocks",
    "Scale": "meanbits.theory.declarations.blocks",
    "Skip": "meanbits.theory.declarations.blocks",
    "leaky_relu": "meanbits.theory.declarations.neurons",
    "levels": "meanbits.theory.declarations.weights",
    "paper_form": "meanbits.theory.declarations.surrogates",
    "report": "meanbits.reporting",
    "quantiser": "meanbits.theory.declarations.neurons",
    "simulate_layers": "meanbits.experiments.random_networks.layer_networks",
    "step": "meanbits.theory.declarations.neurons",
    "stochastic": "meanbits.theory.declarations.neurons",
    "straight_through": "meanbits.theory.declarations.straight_through",
    "student": "meanbits.theory.declarations.noise",
    "ternary": "meanbits.theory.declarations.weights",
    "ternary_free": "meanbits.theory.declarations.weights",
}
PARTS = {  # ready parts of a declaration: the module that has one, and its name there
    "binary": "weights.BINARY", "fixed": "weights.FIXED", "fixed_signs": "weights.FIXED_SIGNS", "sign": "neurons.SIGN",
    "marginalise": "surrogates.MARGINALISE", "sample": "surrogates.SAMPLE", "network": "surrogates.NETWORK",
    "sample_neurons": "surrogates.SAMPLE_NEURONS", "sharp": "surrogates.NONE", "exact": "surrogates.EXACT",
    "matched": "surrogates.MATCHED", "gaussian": "noise.GAUSSIAN", "logistic": "noise.LOGISTIC",
    "uniform": "noise.UNIFORM", "laplace": "noise.LAPLACE", "cauchy": "noise.CAUCHY",
}  # fmt: skip
NEURONS = ("tanh", "erf", "relu", "hardtanh", "linear", "gelu", "silu", "softplus", "hardsigmoid", "sin")


def __getattr__(name: str) -> Any:
    if name == "init":
        return import_module("meanbits.init")
    if name == "symbols":
        return import_module("meanbits.theory.symbols")
    if name in PARTS:
        module, part = PARTS[name].split(".")
        return getattr(import_module(f"meanbits.theory.declarations.{module}"), part)
    if name in NEURONS:
        return import_module("meanbits.theory.declarations.named_neurons").PLAIN[name]
    if name not in HOMES:
        raise AttributeError(f"module 'meanbits' has no attribute '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *HOMES, *PARTS, *NEURONS})


def catalogue() -> tuple[Surrogate, ...]:
    """The surrogates that have a name."""
    from meanbits.theory.declarations.surrogates import CATALOGUE

    return CATALOGUE


def derive(surrogate: Surrogate | Layer | str | None = None, **options: Any) -> Any:
    """Derive the theory of a surrogate, a catalogue name, or the options of `compose` with or without a name.

    A `theory.derive.Theory`, or a `stages.layer_theory.LayerTheory` of a chain of blocks.

    Raises:
        SurrogateError: an unknown name, or parts that do not fit together.
        TypeError: options beside a Surrogate or Layer, whose parts are settled.
    """
    from meanbits.theory.declarations.compose_layer import compose
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import derive as derive_theory
    from meanbits.theory.stages.layer_theory import derive_layer

    if surrogate is None or isinstance(surrogate, str):
        surrogate = compose(surrogate, **options)
    elif not isinstance(surrogate, Surrogate | Layer):
        raise TypeError(f"{surrogate!r:.60} is no declaration: give a Surrogate, a Layer or a name")
    elif options:
        raise TypeError(f"{', '.join(options)} beside a Surrogate: give a catalogue name, or use dataclasses.replace")
    return derive_layer(surrogate) if isinstance(surrogate, Layer) else derive_theory(surrogate)


def emit(theory: Theory | LayerTheory, backend: str | Backend = "numpy") -> str:
    """The source of a standalone module.

    backend: "numpy", "torch", "c" (a header), "jax", "javascript" (functions of numbers), one of an installed package,
    or a `Backend`.

    Raises:
        ValueError: an unknown backend, or one that lacks a function of the theory.
    """
    from meanbits.numerics.emission.emit import emit as emit_source
    from meanbits.numerics.emission.emit_layer import emit_layer
    from meanbits.numerics.emission.registry import backend_of
    from meanbits.theory.derive import Theory

    chosen = backend_of(backend)
    return emit_source(theory, chosen) if isinstance(theory, Theory) else emit_layer(theory, chosen)


def compile(theory: Theory | LayerTheory, backend: str | Backend = "numpy") -> SimpleNamespace:
    """The maps of a theory as functions that broadcast: `variance_map`, `correlation_map`, `chi` and more.

    backend: "numpy", "torch", "c" (by the compiler at hand, kept in the user's cache; those of NumPy, with a warning,
    where there is none), "jax" (in float64), one of an installed package, or a `Backend`.

    Raises:
        ValueError: an unknown backend, one that lacks a function of the theory, or one whose code runs elsewhere.
    """
    from meanbits.numerics.emission.emit import compile_theory
    from meanbits.numerics.emission.emit_layer import compile_layer
    from meanbits.numerics.emission.refusal import where_defined, without_nan
    from meanbits.numerics.emission.registry import backend_of
    from meanbits.theory.declarations.surrogates import CATALOGUE
    from meanbits.theory.derive import Theory

    chosen = backend_of(backend)
    if not isinstance(theory, Theory):
        chain = compile_layer(theory, chosen)
        return where_defined(chain, theory.layer.name) if chosen.gives_arrays else chain
    maps = compile_theory(theory, chosen)
    named = theory.surrogate in CATALOGUE
    return without_nan(maps, theory.surrogate.name) if chosen.gives_arrays and not named else maps
