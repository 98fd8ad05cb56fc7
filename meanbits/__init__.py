"""Mean-field theory of binary neural networks: the public names, each loaded when first used.

>>> import meanbits as mb
>>> theory = mb.derive("deterministic")
>>> maps = mb.compile(theory, backend="numpy")
>>> float(maps.variance_map(1.0, sigma_m2=0.5, sigma_b2=0.001))
0.20120119...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import SimpleNamespace

    from numerics.backends import Backend
    from theory.compose import compose
    from theory.derive import Theory
    from theory.noise import NeuronNoise
    from theory.surrogates import Surrogate

__version__ = "0.1.0"
__all__ = ["NeuronNoise", "Surrogate", "catalogue", "compile", "compose", "derive", "emit"]

HOMES = {
    "NeuronNoise": "theory.noise",
    "Surrogate": "theory.surrogates",
    "compose": "theory.compose",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'meanbits' has no attribute '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def catalogue() -> tuple[Surrogate, ...]:
    """The surrogates that have a name."""
    from theory.surrogates import CATALOGUE

    return CATALOGUE


def derive(surrogate: Surrogate | str | None = None, **options: Any) -> Theory:
    """Derive the theory of a surrogate, a catalogue name, or the options of `compose` with or without a name.

    Raises:
        SurrogateError: an unknown name, or parts that do not fit together.
        TypeError: options beside a Surrogate, whose parts are settled.
    """
    from theory.compose import compose
    from theory.derive import derive as derive_theory

    if surrogate is None or isinstance(surrogate, str):
        return derive_theory(compose(surrogate, **options))
    if options:
        raise TypeError(f"{', '.join(options)} beside a Surrogate: give a catalogue name, or use dataclasses.replace")
    return derive_theory(surrogate)


def emit(theory: Theory, backend: str = "numpy") -> str:
    """The source of a standalone module, for the backend "numpy" or "torch".

    Raises:
        ValueError: an unknown backend, or one that lacks a function of the theory.
    """
    from numerics.emit import emit as emit_source

    return emit_source(theory, _backend(backend))


def compile(theory: Theory, backend: str = "numpy") -> SimpleNamespace:
    """The maps of a theory as functions that broadcast: `variance_map`, `correlation_map`, `chi` and more.

    Raises:
        ValueError: an unknown backend, or one that lacks a function of the theory.
    """
    from numerics.emit import compile_theory

    return compile_theory(theory, _backend(backend))


def _backend(name: str) -> Backend:
    from numerics.backends import BACKENDS
    from theory.compose import nearest

    known = {backend.name: backend for backend in BACKENDS}
    if name not in known:
        raise ValueError(f"unknown backend '{name}'{nearest(name, known)}")
    return known[name]
