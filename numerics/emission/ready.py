"""Theories that are ready: rows of the catalogue as they were generated, which answer without being derived."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from meanbits.numerics.blocks import in_blocks
from meanbits.numerics.emission.generated.rows import ROWS
from meanbits.numerics.emission.traits import MeansTraits, Traits, module_name

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory

PACKAGE = "meanbits.numerics.emission.generated"


@dataclass(frozen=True, eq=False)
class ReadyTheory:
    """A theory whose functions lie ready: what solvers ask of it, the functions of its modules, and those left out."""

    traits: Traits
    functions: tuple[str, ...]
    omitted: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the surrogate."""
        return self.traits.name

    @property
    def weights(self) -> MeansTraits:
        """What they allow their means."""
        return self.traits.weights

    @cached_property
    def maps(self) -> SimpleNamespace:
        """The functions of the NumPy module as attributes, as `emit.compile_theory` gives them."""
        module = import_module(f"{PACKAGE}.{module_name(self.name, 'numpy')}")
        return SimpleNamespace(**{name: in_blocks(getattr(module, name)) for name in self.functions})

    def source(self, backend: str) -> str | None:
        """The module that was emitted for a backend; None where none was."""
        path = Path(__file__).parent / "generated" / f"{module_name(self.name, backend)}.py"
        return path.read_text(encoding="utf-8") if backend in GENERATED else None

    @cached_property
    def derived(self) -> Theory:
        """The theory itself, for what is not ready."""
        from meanbits.theory.declarations.compose import compose
        from meanbits.theory.derive import derive

        return derive(compose(self.name))


GENERATED = ("numpy", "torch")  # backends whose modules are generated


@lru_cache(maxsize=64)
def ready(name: str) -> ReadyTheory | None:
    """The row of the catalogue of this name; None for any other name."""
    return ReadyTheory(*ROWS[name]) if name in ROWS else None


def traits_of(theory: Theory | ReadyTheory) -> Traits:
    """What solvers ask of a theory."""
    if isinstance(theory, ReadyTheory):
        return theory.traits
    from meanbits.numerics.emission.derived_traits import derived_traits

    return derived_traits(theory)


def maps_of(theory: Theory | ReadyTheory) -> SimpleNamespace:
    """The functions of a theory on arrays of NumPy, as attributes."""
    if isinstance(theory, ReadyTheory):
        return theory.maps
    from meanbits.numerics.emission.emit import compile_theory

    return compile_theory(theory)


def derived(theory: Theory | ReadyTheory) -> Theory:
    """The theory with its stages."""
    return theory.derived if isinstance(theory, ReadyTheory) else theory
