"""The backends by name: those of the package, and those that installed packages add."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from meanbits.numerics.emission.backend import Backend
from meanbits.theory.declarations.options import nearest
from meanbits.theory.errors import shown

GROUP = "meanbits.backends"
OWN = {  # each loaded when it is asked for
    "numpy": "meanbits.numerics.emission.backends:NUMPY",
    "torch": "meanbits.numerics.emission.backends:TORCH",
    "c": "meanbits.numerics.emission.c_backend:C",
    "jax": "meanbits.numerics.emission.jax_backend:JAX",
    "javascript": "meanbits.numerics.emission.script:JAVASCRIPT",
}


def backend_of(given: str | Backend) -> Backend:
    """A backend, or the one of that name: of the package, or of the entry points `meanbits.backends`.

    Raises:
        ValueError: an unknown name, or a plug-in that cannot be loaded or is no backend.
        TypeError: neither a name nor a backend.
    """
    if isinstance(given, Backend):
        return given
    if not isinstance(given, str):  # pyright: ignore[reportUnnecessaryIsInstance] (of users without types)
        raise TypeError(f"backend {shown(repr(given))}: give a name or a Backend")
    if given in OWN:
        module, name = OWN[given].split(":")
        return getattr(import_module(module), name)
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if given not in installed:
        raise ValueError(f"unknown backend '{shown(given)}'{nearest(given, [*OWN, *installed])}")
    return _of_package(installed[given])


def _of_package(point: EntryPoint) -> Backend:
    try:
        found = point.load()
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}")
        raise ValueError(f"backend '{point.name}' of {point.value} cannot be loaded: {reason}") from error
    if not isinstance(found, Backend):
        raise ValueError(f"backend '{point.name}': {point.value} is no Backend; name one in the entry point")
    return found
