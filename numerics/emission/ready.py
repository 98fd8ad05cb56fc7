"""Theories that are ready, which answer without being derived: rows of the catalogue as they were generated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from meanbits.numerics.blocks import in_blocks
from meanbits.numerics.emission.generated.rows import ROWS
from meanbits.numerics.emission.traits import MeansTraits, Traits, module_name

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory

PACKAGE = "meanbits.numerics.emission.generated"


@dataclass(frozen=True, eq=False)
class ReadyTheory(ABC):
    """A theory whose functions lie ready: what solvers ask of it, the functions of its modules, and those left out.

    words: the arguments of `declarations.compose.compose` that give the surrogate.
    """

    words: Mapping[str, str]
    traits: Traits
    functions: tuple[str, ...]
    omitted: tuple[str, ...]

    @abstractmethod
    def source(self, backend: str) -> str | None:
        """The module that was emitted for a backend; None where none was."""

    @abstractmethod
    def module(self) -> Mapping[str, Any]:
        """What the NumPy module defines."""

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
        module = self.module()
        return SimpleNamespace(**{name: in_blocks(module[name]) for name in self.functions})

    @cached_property
    def derived(self) -> Theory:
        """The theory itself, for what is not ready."""
        from meanbits.theory.declarations.compose import compose
        from meanbits.theory.derive import derive

        return derive(compose(**self.words))


GENERATED = ("numpy", "torch")  # backends whose modules are generated


class Row(ReadyTheory):
    """A row of the catalogue, whose modules are in `generated`."""

    def source(self, backend: str) -> str | None:
        path = Path(__file__).parent / "generated" / f"{module_name(self.name, backend)}.py"
        return path.read_text(encoding="utf-8") if backend in GENERATED else None

    def module(self) -> Mapping[str, Any]:
        return vars(import_module(f"{PACKAGE}.{module_name(self.name, 'numpy')}"))


@lru_cache(maxsize=64)
def ready(name: str) -> ReadyTheory | None:
    """The row of the catalogue of this name; None for any other name."""
    return Row({"name": name}, *ROWS[name]) if name in ROWS else None


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
