"""Theories that are ready, which answer without being derived: rows of the catalogue as they were generated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from meanbits.numerics.blocks import in_blocks
from meanbits.numerics.emission.generated.rows import PAPER_ROWS, ROWS
from meanbits.numerics.emission.generated_modules import generated_module, generated_source
from meanbits.numerics.emission.traits import PHI_OF_SIGNS, MeansTraits, Traits, paper_file

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory


@dataclass(frozen=True, eq=False)
class Worded:
    """A surrogate by its words: arguments of `declarations.compose.compose`."""

    words: Mapping[str, str]

    @cached_property
    def derived(self) -> Theory:
        """Its theory, for what is not ready."""
        from meanbits.theory.declarations.compose import compose
        from meanbits.theory.derive import derive

        return derive(compose(**self.words))


@dataclass(frozen=True, eq=False)
class AtGain(Worded):
    """A paper form at a gain."""

    name: str
    gain: float


@dataclass(frozen=True, eq=False)
class ReadyTheory(Worded, ABC):
    """A theory whose functions lie ready: what solvers ask of it, the functions of its modules, and those left out."""

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


@dataclass(frozen=True, eq=False)
class Row(ReadyTheory):
    """A row of the catalogue, or the paper form of one, whose modules are in `generated` under a name of theirs."""

    file: str

    def source(self, backend: str) -> str | None:
        return generated_source(self.file, backend)

    def module(self) -> Mapping[str, Any]:
        return generated_module(self.file, "numpy")

    def at_gain(self, gain: float) -> AtGain:
        """The paper form at another gain."""
        return AtGain({**self.words, "gain": repr(gain)}, f"{self.name.rpartition(' ')[0]} {gain:g})", gain)


@lru_cache(maxsize=64)
def ready(name: str) -> ReadyTheory | None:
    """The row of the catalogue of this name; None for any other name."""
    return Row({"name": name}, *ROWS[name], name) if name in ROWS else None


def paper_row(theory: Theory | ReadyTheory) -> Row | None:
    """The paper form, of gain 1, of a row of the catalogue; None for what is none."""
    if not isinstance(theory, Row) or theory.name not in PAPER_ROWS:
        return None
    words = {"name": theory.name, "form": "paper", "phi": PHI_OF_SIGNS}
    return Row(words, *PAPER_ROWS[theory.name], paper_file(theory.name))


def traits_of(theory: Theory | ReadyTheory) -> Traits:
    """What solvers ask of a theory."""
    if isinstance(theory, ReadyTheory):
        return theory.traits
    from meanbits.numerics.emission.emit import is_row

    if is_row(theory) and theory.surrogate.name in ROWS:
        return ROWS[theory.surrogate.name][0]
    from meanbits.numerics.emission.derived_traits import derived_traits

    return derived_traits(theory)


def maps_of(theory: Theory | ReadyTheory, backend: str = "numpy") -> SimpleNamespace:
    """The functions of a theory on arrays of NumPy, as attributes.

    Raises:
        ValueError: a backend that gives no such arrays.
    """
    if isinstance(theory, ReadyTheory) and backend == "numpy":
        return theory.maps
    from meanbits.numerics.emission.emit import compile_theory
    from meanbits.numerics.emission.registry import backend_of

    chosen = backend_of(backend)
    if not chosen.gives_arrays:
        raise ValueError(f"backend {chosen.name} gives no arrays of NumPy to solve with; use numpy or c")
    return compile_theory(derived(theory), chosen)


def derived(theory: Theory | ReadyTheory) -> Theory:
    """The theory with its stages."""
    return theory.derived if isinstance(theory, ReadyTheory) else theory
