"""The ledger of a sweep: an SQLite file with one row a finished cell, written by one process.

A row is one transaction, so whatever is killed, and when, a cell is in the ledger whole and once, or not at all.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from meanbits.experiments.sweep.grid import Cell, Grid
from meanbits.numerics.user_cache import digest
from meanbits.theory.errors import shown

APPLICATION_ID = 0x6D656269  # "mebi", which marks an SQLite file as ours
MAGIC = b"SQLite format 3\0"  # how such files begin
DONE, FAILED = "done", "failed"
LOGS, ATTEMPTS = ("-wal", "-journal"), 10  # what SQLite calls the logs of a file; how often a copy is tried
TABLES = (
    "CREATE TABLE grid (id TEXT NOT NULL, text TEXT NOT NULL)",
    f"""CREATE TABLE cells (
        id TEXT PRIMARY KEY,
        settings TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('{DONE}', '{FAILED}')),
        record TEXT NOT NULL,
        made TEXT NOT NULL,
        digest TEXT NOT NULL
    ) WITHOUT ROWID""",
)
# A cell that failed may be tried again; a finished one is never written over.
COLUMNS = "id, settings, status, record, made"
INSERT = f"""INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, record = excluded.record, made = excluded.made,
        digest = excluded.digest
    WHERE cells.status = '{FAILED}'"""


class LedgerError(ValueError):
    """A ledger that cannot serve this sweep; one line that names the file and the remedy."""


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its record, or {"reason": ...} where it failed; and what made it."""

    cell: Cell
    status: str
    record: dict[str, Any]
    made: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """An outcome as it stands in a ledger."""

    status: str
    record: dict[str, Any]
    made: dict[str, Any]


class Ledger:
    """An open ledger; no other process can open it meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection

    def add(self, outcome: Outcome) -> None:
        """Write a finished cell, in one transaction that survives the power going off.

        Raises:
            LedgerError: the cell is done already, or the file cannot be written.
        """
        texts = (_text(outcome.record), _text(outcome.made))
        row = (outcome.cell.id, outcome.cell.canonical, outcome.status, *texts)
        try:
            with self._connection:
                if self._connection.execute(INSERT, (*row, digest(row))).rowcount != 1:
                    raise LedgerError(f"{self.path} holds cell {outcome.cell.id} already; report this defect")
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path} cannot be written ({error}); mend that, then go on with --resume") from None

    def rows(self) -> dict[str, Row]:
        """Every finished cell by its id.

        Raises:
            LedgerError: the file is damaged.
        """
        try:
            found = self._connection.execute(f"SELECT {COLUMNS}, digest FROM cells ORDER BY id").fetchall()
        except (sqlite3.Error, UnicodeError) as error:
            raise LedgerError(_reason(self.path, error)) from None
        for *row, written in found:
            if digest(map(str, row)) != written:
                raise LedgerError(f"{self.path} is damaged at cell {shown(row[0])}; name another file with --ledger")
        return {name: Row(status, json.loads(record), json.loads(made)) for name, _, status, record, made, _ in found}

    def finished(self, again: bool = False) -> frozenset[str]:
        """Ids of the cells not to be trained any more; `again`: failed ones are to be."""
        wanted = (DONE,) if again else (DONE, FAILED)
        return frozenset(name for name, row in self.rows().items() if row.status in wanted)


@contextmanager
def opened(path: Path, grid: Grid, resume: bool) -> Iterator[Ledger]:
    """The ledger of a grid at `path`, made if there is none.

    Raises:
        LedgerError: it exists and `resume` is not given, belongs to another grid, is no ledger, or is in use; whatever
            stands there is left as it was.
    """
    check(path, grid, resume)
    connection = sqlite3.connect(path, timeout=0)
    try:
        try:
            _begin(connection, grid)
        except sqlite3.Error as error:
            raise LedgerError(_reason(path, error)) from None
        try:
            yield Ledger(path, connection)
        finally:
            connection.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it
    finally:
        connection.close()


def stored(path: Path) -> tuple[str, dict[str, Row]]:
    """Text of the grid and the rows of the ledger at `path`, as far as its sweep has come, which is left alone.

    Raises:
        LedgerError: there is no ledger at `path`.
    """
    with _snapshot(path) as copy:
        connection = sqlite3.connect(copy)
        try:
            header = connection.execute("SELECT text FROM grid").fetchone()
            if connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,) and header is not None:
                return header[0], Ledger(path, connection).rows()
        except (sqlite3.Error, UnicodeError):
            pass
        finally:
            connection.close()
    raise LedgerError(f"{path} is no ledger of meanbits; name the file a sweep has written")


@contextmanager
def _snapshot(path: Path) -> Iterator[Path]:
    """A copy of a ledger and of the logs beside it, taken while none changes."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "ledger.sqlite"
        for _ in range(ATTEMPTS):
            before = _stamps(path)
            for part in before:
                copyfile(f"{path}{part}", f"{copy}{part}")
            if _stamps(path) == before:
                yield copy
                return
        raise LedgerError(f"{path} is written to all the time; try again")


def _stamps(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the last change of a ledger and of the logs beside it, by what follows their name."""
    found = {part: Path(f"{path}{part}") for part in ("", *LOGS)}
    stats = {part: file.stat() for part, file in found.items() if file.is_file()}
    return {part: (each.st_size, each.st_mtime_ns) for part, each in stats.items()}


def _begin(connection: sqlite3.Connection, grid: Grid) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.isolation_level = None
    connection.execute("BEGIN EXCLUSIVE")
    if not _tables(connection):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for table in TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO grid VALUES (?, ?)", (grid.id, grid.text))
    connection.execute("COMMIT")
    connection.isolation_level = "IMMEDIATE"


def check(path: Path, grid: Grid, resume: bool) -> None:
    """Refuse a ledger that cannot serve the sweep of a grid; only reads it.

    Raises:
        LedgerError: as `opened`.
    """
    header = _header(path)
    if header is None:
        return
    if header[0] != grid.id:
        raise LedgerError(f"{path} is the ledger of another grid; name another file with --ledger")
    if not resume:
        raise LedgerError(f"{path} exists; go on with --resume, or name another file with --ledger")


def _header(path: Path) -> tuple[str, str] | None:
    """Id and text of the grid of a ledger; None where there is none yet, or its making was cut short."""
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:  # SQLite would take a file of a few bytes for an empty one
                raise LedgerError(_reason(path, None))
        with _snapshot(path) as copy, closing(sqlite3.connect(copy)) as connection:  # SQLite mends what a kill left
            if not _tables(connection):
                return None
            if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                raise LedgerError(_reason(path, None))
            found = connection.execute("SELECT id, text FROM grid").fetchone()
            if found is None:
                raise LedgerError(_reason(path, None))
            return found
    except (sqlite3.Error, UnicodeError) as error:
        raise LedgerError(_reason(path, error)) from None


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _reason(path: Path, error: Exception | None) -> str:
    if error is not None and "locked" in str(error):
        return f"{path} is in use by another sweep; wait for it, or name another file with --ledger"
    if error is None or "not a database" in str(error):
        return f"{path} is no ledger of meanbits; name another file with --ledger"
    return f"{path} cannot be opened ({error}); name another file with --ledger"


def _text(document: dict[str, Any]) -> str:
    return json.dumps(_plain(document), allow_nan=False)


def _plain(value: Any) -> Any:
    """The value for JSON: infinities as "inf" and "-inf", undefined as null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
