"""A ledger as labelled arrays over the axes of its grid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from meanbits.experiments.sweep.grid import Grid, Scalar
from meanbits.experiments.sweep.ledger import DONE, FAILED, Row

STATUS = {None: 0, DONE: 1, FAILED: 2}
Numbers = NDArray[np.float64]
Names = tuple[str, ...]
Columns = dict[Names, "list[Numbers | None]"]
NO_NAMES: Mapping[str, Names] = MappingProxyType({})


def results(grid: Grid, rows: Mapping[str, Row], dimensions: Mapping[str, Names] = NO_NAMES) -> xr.Dataset:
    """Every number of the records over the axes of the grid, nan where a cell is not done.

    A number nested in a record is named by its path, as surrogate_train_accuracy. A list adds dimensions: those that
    `dimensions` names for the first part of the path, else its index, named after it; it is filled up with nan.
    status is 0 (not done yet), 1 (done) or 2 (failed); reason says why, seconds how long a cell took. Settings that do
    not vary are attributes.

    Raises:
        ValueError: a record that holds something else than numbers, texts, lists of numbers, and these by name.
    """
    axes, shape = tuple(grid.axes), tuple(map(len, grid.axes.values()))
    found = [rows.get(cell.id) for cell in grid.cells]
    columns = _columns([row.record if row and row.status == DONE else {} for row in found], axes)
    lists = {path: _lists(path, column, dimensions) for path, column in columns.items()}
    sizes = _sizes(columns, lists)
    variables: dict[str, tuple[Names, Any]] = {}
    for path, column in columns.items():
        table = _filled(column, tuple(sizes[name] for name in lists[path]))
        variables["_".join(path)] = (axes + lists[path], table.reshape(shape + table.shape[1:]))
    own = {
        "status": [STATUS[row and row.status] for row in found],
        "reason": [row.record["reason"] if row and row.status == FAILED else "" for row in found],
        "seconds": [row.made["seconds"] if row else np.nan for row in found],
    }
    variables |= {name: (axes, np.reshape(values, shape)) for name, values in own.items()}
    return xr.Dataset(variables, {name: list(values) for name, values in grid.axes.items()}, _attributes(grid, rows))


def _attributes(grid: Grid, rows: Mapping[str, Row]) -> dict[str, Scalar]:
    first, *others = (asdict(cell.settings) for cell in grid.cells)
    same = [name for name in first if name not in grid.axes and all(other[name] == first[name] for other in others)]
    made = {name: ", ".join(sorted({row.made[name] for row in rows.values()})) for name in ("meanbits", "torch")}
    origin = {"grid": grid.text, "grid_id": grid.id, "version": made["meanbits"], "torch": made["torch"]}
    return {name: _attribute(first[name]) for name in same} | origin


def _attribute(value: Any) -> Scalar:
    """What netCDF keeps: a text or a number."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _numbers(path: Names, value: Any) -> Iterator[tuple[Names, Numbers]]:
    """Path and numbers, of no dimension or more, of each leaf; texts are left out."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _numbers((*path, key), entry)
    elif value is not None and (not isinstance(value, str) or value in ("inf", "-inf")):
        try:
            yield path, np.array(value, dtype=float)  # null becomes nan, "inf" becomes inf
        except (TypeError, ValueError):
            raise ValueError(f"{'.'.join(path)} of a record is {value!r}, neither a number nor a table") from None


def _columns(records: Sequence[Mapping[str, Any]], axes: Names) -> Columns:
    """The numbers of records by their path, None where a record has none; an axis repeated in them is left out."""
    flat = [dict(_numbers((), record)) for record in records]
    paths = sorted({path for numbers in flat for path in numbers} - {(axis,) for axis in axes})
    return {path: [numbers.get(path) for numbers in flat] for path in paths}


def _sizes(columns: Columns, lists: Mapping[Names, Names]) -> dict[str, int]:
    """The longest list along each dimension."""
    sizes: dict[str, int] = {}
    for path, column in columns.items():
        for value in column:
            if value is not None:
                for name, size in zip(lists[path], value.shape, strict=True):
                    sizes[name] = max(size, sizes.get(name, 0))
    return sizes


def _lists(path: Names, column: Sequence[Numbers | None], dimensions: Mapping[str, Names]) -> Names:
    """Names of the dimensions of the lists in a column."""
    depths = {value.ndim for value in column if value is not None}
    if len(depths) > 1:
        raise ValueError(f"{'.'.join(path)} is a number in one record and a list in another")
    (depth,) = depths
    named = dimensions.get(path[0], ())
    return named if len(named) == depth else tuple(f"{'_'.join(path)}_index{k or ''}" for k in range(depth))


def _filled(column: Sequence[Numbers | None], sizes: tuple[int, ...]) -> Numbers:
    """The column as one table, (cells, *sizes)."""
    table = np.full((len(column), *sizes), np.nan)
    for index, value in enumerate(column):
        if value is not None:
            table[(index, *map(slice, value.shape))] = value
    return table
