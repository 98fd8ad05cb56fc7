"""A backend is a printer, its conventions and its runtime; it writes functions and loads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

from meanbits.numerics.emission.conventions import Conventions
from meanbits.numerics.emission.printer import ArrayPrinter
from meanbits.numerics.emission.writer import EmittedFunction, Heading, ModuleWriter
from meanbits.theory.errors import shown

Function = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Backend(Conventions, ABC):
    """A language or library that theories are emitted for.

    A subclass says how functions are written; and how they are loaded, unless its code runs elsewhere. gives_arrays:
    whether what it loads gives arrays of NumPy, in which a value that is no number can be found and refused.
    """

    gives_arrays: bool = False

    @abstractmethod
    def write(self, heading: Heading, functions: Sequence[EmittedFunction]) -> str:
        """The text of a standalone module with these functions.

        Raises:
            ValueError: a function that the language lacks.
        """

    def has(self, heading: Heading, function: EmittedFunction) -> bool:
        """Whether the language has what a function needs."""
        try:
            self.write(heading, [function])
        except ValueError:
            return False
        return True

    def load(self, heading: Heading, functions: Sequence[EmittedFunction]) -> SimpleNamespace:
        """The functions as attributes; they take arrays that broadcast, and the keywords of their signatures.

        Raises:
            ValueError: code that runs elsewhere.
        """
        raise ValueError(f"backend '{self.name}' cannot be compiled here: emit it, and run it where it is at home")


def unchanged(function: Function) -> Function:
    """The function itself."""
    return function


@dataclass(frozen=True, eq=False)
class ArrayBackend(Backend):
    """A library of arrays in Python. wrap: what is made of each function of a module that is loaded."""

    printer: type[ArrayPrinter] = ArrayPrinter
    writer: type[ModuleWriter] = ModuleWriter
    wrap: Callable[[Function], Function] = unchanged

    def write(self, heading: Heading, functions: Sequence[EmittedFunction]) -> str:
        """The text of a Python module that needs the library alone."""
        return self.writer(self, heading, self.printer(self)).module(functions)

    def load(self, heading: Heading, functions: Sequence[EmittedFunction]) -> SimpleNamespace:
        """The functions of the module that is written, as attributes."""
        module = ModuleType(f"meanbits_{self.name}")
        exec(compile(self.write(heading, functions), f"<{shown(heading.name)}, {self.name}>", "exec"), module.__dict__)
        return SimpleNamespace(**{each.name: self.wrap(getattr(module, each.name)) for each in functions})
