"""The trainings of a grid that are not in its ledger yet: handed to a pool in batches, each cell written when done."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from meanbits.experiments.sweep.grid import Cell, Grid
from meanbits.experiments.sweep.ledger import DONE, FAILED, Ledger, Outcome
from meanbits.experiments.sweep.pools import Pool, PoolError

Record = dict[str, Any]
Train = Callable[[Sequence[Any]], "Sequence[Record | Failure]"]
Tick = Callable[[int, int], object]  # (cells done, cells to do)


@dataclass(frozen=True)
class Failure:
    """A training that came to nothing, with the reason."""

    reason: str


@dataclass(frozen=True)
class Trainer:
    """How cells are trained.

    train: settings that share a shape -> a record or Failure each, in their order; it runs in another process.
    shape: what settings must share to be trained as one computation.
    cost: expected time of a cell, in any unit.
    """

    train: Train
    shape: Callable[[Any], Any] = lambda settings: settings
    cost: Callable[[Any], float] = lambda settings: 1.0


@dataclass(frozen=True)
class Batch:
    """Cells trained as one computation; `alone`: while nothing else runs, for it may have killed a process."""

    cells: tuple[Cell, ...]
    alone: bool = False

    def halves(self) -> tuple[Batch, ...]:
        """Two batches of half the size."""
        middle = len(self.cells) // 2
        return Batch(self.cells[:middle], self.alone), Batch(self.cells[middle:], self.alone)


class TooLargeError(Exception):
    """A batch that does not fit into memory."""


def batches(grid: Grid, trainer: Trainer, limit: int) -> tuple[Batch, ...]:
    """All cells of a grid in batches of one shape and at most `limit` cells, the costliest first.

    They depend on the grid alone, not on what is done already: a sweep cut short and resumed computes what one in a
    single go does, to the last digit.
    """
    shapes: dict[Any, list[Cell]] = {}
    for cell in grid.cells:
        shapes.setdefault(trainer.shape(cell.settings), []).append(cell)
    made = [Batch(tuple(cells[start : start + limit])) for cells in shapes.values()
            for start in range(0, len(cells), limit)]  # fmt: skip
    return tuple(sorted(made, key=lambda batch: -sum(trainer.cost(cell.settings) for cell in batch.cells)))


def run(
    grid: Grid,
    ledger: Ledger,
    trainer: Trainer,
    pool: Pool,
    *,
    limit: int,
    again: bool = False,
    tick: Tick = lambda done, total: None,
) -> None:
    """Train every cell of the grid that is not in the ledger; `again`: those that failed as well.

    Whatever stops it, Ctrl-C included, the cells finished before are in the ledger.

    Raises:
        PoolError: the pool was lost.
    """
    finished = ledger.finished(again)
    waiting = deque(batch for batch in batches(grid, trainer, limit) if any(c.id not in finished for c in batch.cells))
    if pool.room == 1:  # nothing is gained by costly ones first, and cheap ones soon show something
        waiting.reverse()
    Sweep(ledger, trainer, pool, waiting, set(finished), len(grid.cells) - len(finished), tick).run()


@dataclass
class Sweep:
    """What is waiting, running and finished."""

    ledger: Ledger
    trainer: Trainer
    pool: Pool
    waiting: deque[Batch]
    finished: set[str]
    total: int
    tick: Tick

    def __post_init__(self) -> None:
        self.running: dict[Future[tuple[Outcome, ...]], Batch] = {}
        self.done = 0
        self.tick(0, self.total)

    def run(self) -> None:
        """Until nothing is waiting or running."""
        try:
            while self.waiting or self.running:
                self._start()
                wait(self.running, return_when=FIRST_COMPLETED)
                self._collect()
        finally:  # what was interrupted between finishing and being written
            self.finished |= self.ledger.finished(again=True)
            for future in [future for future in self.running if _succeeded(future)]:
                self._write(future.result())

    def _start(self) -> None:
        room = self.pool.room
        while self.waiting and len(self.running) < room and not any(batch.alone for batch in self.running.values()):
            if self.waiting[0].alone and self.running:
                return
            batch = self.waiting[0]
            try:
                future = self.pool.submit(attempt, self.trainer.train, batch.cells)
            except BrokenProcessPool:
                self._renew()
                return
            self.running[future] = self.waiting.popleft()

    def _collect(self) -> None:
        broken = False
        for future in [future for future in self.running if future.done()]:
            try:
                self._write(future.result())
            except TooLargeError as error:
                self._split(self.running[future], str(error))
            except BrokenProcessPool:
                broken = True
                continue
            except CancelledError:
                raise PoolError("the scheduler was lost; start it again and go on with --resume") from None
            except Exception as error:
                if type(error).__name__ != "KilledWorker":
                    raise
                self._split(self.running[future], f"its worker died each time it was tried ({error})")
            del self.running[future]
        if broken:
            self._renew()

    def _renew(self) -> None:
        """A process died: those that ran are tried again, one at a time, and one that kills again has failed."""
        wait(self.running)
        suspects = [self.running.pop(future) for future in list(self.running) if not _succeeded(future)]
        self.pool.renew()
        for batch in suspects:
            if batch.alone:
                self._split(batch, "the process that trained it died; was memory short?")
            else:
                self.waiting.appendleft(Batch(batch.cells, alone=True))

    def _split(self, batch: Batch, reason: str) -> None:
        """Try both halves of a batch, or give up on a single cell."""
        if len(batch.cells) > 1:
            self.waiting.extendleft(batch.halves())
        else:
            self._write((Outcome(batch.cells[0], FAILED, {"reason": reason}, _made(0.0)),))

    def _write(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.cell.id not in self.finished:
                self.ledger.add(outcome)
                self.finished.add(outcome.cell.id)
                self.done += 1
                self.tick(self.done, self.total)


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def attempt(train: Train, cells: tuple[Cell, ...]) -> tuple[Outcome, ...]:
    """In a worker: train cells of one shape.

    Raises:
        TooLargeError: they do not fit into memory.
    """
    start = time.perf_counter()
    try:
        results = train([cell.settings for cell in cells])
    except MemoryError as error:
        raise TooLargeError(f"out of memory: {error}") from None
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported for its name
            raise
        raise TooLargeError(f"out of memory: {error}") from None
    made = _made((time.perf_counter() - start) / len(cells))
    return tuple(_outcome(cell, result, made) for cell, result in zip(cells, results, strict=True))


def _outcome(cell: Cell, result: Record | Failure, made: Record) -> Outcome:
    if isinstance(result, Failure):
        return Outcome(cell, FAILED, {"reason": result.reason}, made)
    return Outcome(cell, DONE, dict(result), made)


def _made(seconds: float) -> Record:
    return {"seconds": seconds, "host": platform.node(), "process": os.getpid()} | {
        name: _version(name) for name in ("meanbits", "torch")
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
