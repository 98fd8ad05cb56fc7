"""A grid of trainings from a TOML file: every combination of the values of its keys.

A key is a field of the settings of one training, its value a scalar, a list, or an evenly spaced range:

    depth = { start = 5, stop = 70, count = 14 }
    sigma_m2 = [0.2, 0.5, 0.9]
    lr = 2e-4
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any, Union, get_args, get_origin, get_type_hints

Scalar = str | bool | int | float
Make = Callable[..., Any]

LARGEST = 1_000_000  # cells
RANGE = ("start", "stop", "count")


class GridError(ValueError):
    """A grid that names no trainings, or not clearly; one line that names the key, its value and the remedy."""


@dataclass(frozen=True)
class Cell:
    """One training of a grid, by its settings, a frozen dataclass of plain values."""

    settings: Any

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits that depend on every setting and on nothing else."""
        return _digest(self.canonical)

    @property
    def canonical(self) -> str:
        """Every setting, defaults included, as JSON in one fixed spelling."""
        return json.dumps(asdict(self.settings), sort_keys=True)


@dataclass(frozen=True)
class Grid:
    """The cells of a grid, in the order of its text; the last axis varies fastest.

    axes: key and values of what was given as a list or range; the cells are their product.
    """

    text: str
    axes: Mapping[str, tuple[Scalar, ...]]
    cells: tuple[Cell, ...]

    @property
    def places(self) -> Iterator[dict[str, Scalar]]:
        """Where each cell lies on the axes."""
        return (dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values()))

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits, the same for grids of the same cells."""
        return _digest(*sorted(cell.id for cell in self.cells))


def read_grid(text: str, kind: type, make: Make | None = None) -> Grid:
    """The grid of a TOML text; its keys are the fields of the dataclass `kind`, which refuses what it cannot train.

    make: builds the settings from the keys given; `kind` itself unless another is.

    Raises:
        GridError: no TOML, an unknown key (with the nearest), a value of the wrong kind or outside its domain, a value
            given twice, or an empty grid.
    """
    try:
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise GridError(f"it is not TOML: {error}") from None
    if not given:
        raise GridError("the grid is empty; give at least one key, for example depth = [5, 10]")
    known, make = get_type_hints(kind), make or kind
    choices = {key: _choices(key, value, known) for key, value in given.items()}
    size = math.prod(map(len, choices.values()))
    if size > LARGEST:
        raise GridError(f"{size:,} cells are more than {LARGEST:,}; shorten its lists, or split it")
    cells = tuple(_cell(make, dict(zip(choices, values, strict=True))) for values in product(*choices.values()))
    axes = {key: values for key, values in choices.items() if isinstance(given[key], list | dict)}
    return Grid(text, axes, _distinct(cells))


def _cell(make: Make, values: dict[str, Scalar]) -> Cell:
    try:
        return Cell(make(**values))
    except ValueError as error:
        raise GridError(str(error)) from None


def _distinct(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    if len({cell.id for cell in cells}) < len(cells):
        raise GridError("two of its cells are the same training; remove the values that make no difference")
    return cells


def _choices(key: str, value: Any, known: Mapping[str, Any]) -> tuple[Scalar, ...]:
    if key not in known:
        from meanbits.theory.declarations.options import nearest  # here: SymPy is slow to import, workers do without it

        raise GridError(f"{key} is no setting of a training{nearest(key, known)}")
    values = _spaced(key, value) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if not values:
        raise GridError(f"{key} has no values, so the grid is empty; give at least one")
    typed = tuple(_typed(key, entry, known[key]) for entry in values)
    for index, entry in enumerate(typed):
        if entry in typed[:index]:
            raise GridError(f"{key} has the value {entry!r} twice; give it once")
    return typed


def _spaced(key: str, table: dict[str, Any]) -> list[Fraction]:
    """The values of a range, exact: { start = 0, stop = 0.9, count = 10 } holds 0.3 and not 0.30000000000000004."""
    if sorted(table) != sorted(RANGE):
        raise GridError(f"{key}: a range is {{ start, stop, count }}, this one has {', '.join(table) or 'nothing'}")
    start, stop, count = (table[name] for name in RANGE)
    if not _is_number(start) or not _is_number(stop):
        raise GridError(f"{key}: start and stop of a range are finite numbers, not {start!s} and {stop!s}")
    if not _is_number(count) or count != int(count) or count < 0:
        raise GridError(f"{key}: count = {count!s} of a range must be a whole number, 1 or more")
    first, step = Fraction(start), (Fraction(stop) - Fraction(start)) / max(int(count) - 1, 1)
    if count > LARGEST:
        raise GridError(f"{key}: count = {count!s} of a range must be at most {LARGEST:,}")
    return [first + step * index for index in range(int(count))]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal | Fraction) and not isinstance(value, bool) and math.isfinite(value)


def _typed(key: str, value: Any, hint: Any) -> Scalar:
    """The value as the first kind that the setting admits and that keeps it whole."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for kind in kinds:
        if kind in (str, bool) and isinstance(value, kind):
            return value
        if kind is int and _is_number(value) and value == int(value):
            return int(value)
        if kind is float and _is_number(value):
            return float(value)
    wanted = " or ".join(WANTED[kind] for kind in kinds if kind in WANTED)
    shown = f"{float(value):g}" if isinstance(value, Fraction) else f"{value!s}"
    raise GridError(f"{key} = {shown} is not {wanted}")


WANTED = {str: "a text in quotes", bool: "true or false", int: "a whole number", float: "a finite number"}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
