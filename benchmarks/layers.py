"""The marginalised layer against torch.nn.Linear + tanh, and a batch of trainings against one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.timing import MILLISECONDS, SECONDS, Row, Timing, interleaved, progress, timed_row
from meanbits.experiments.data import load
from meanbits.experiments.sweep.pools import LocalPool, available_cores, local_pool
from meanbits.experiments.sweep.trainings import batch_limit
from meanbits.experiments.training.cells import images_of
from meanbits.experiments.training.draws import streams
from meanbits.experiments.training.loop import epochs, started
from meanbits.experiments.training.network import initialised
from meanbits.experiments.training.settings import Settings
from meanbits.numerics.layers.linear import BinaryLinear

BATCH, SIZE, ROUNDS = 64, 1024, 51
TIME_LIMIT, MEMORY_LIMIT, BATCH_LEAST = 2.3, 2.5, 3.0
LAYER, LINEAR, FLOOR = "marginalised", "Linear + tanh", "floor: its six matrix products"
TOGETHER, ALONE, ALONE_1 = "in batches, a process a core", "one after another, a thread a core", "on one thread"
CELLS, CELL_ROUNDS = 16, 5
CELL = Settings(phi="tanh", depth=20, width=128, train_size=640, epochs=4, lr=1e-3)


def layer_rows() -> list[Row]:
    """Forward and backward at 64 x 1024 x 1024: time and greatest memory; and trainings in batches."""
    progress("layers")
    x = torch.rand(BATCH, SIZE).mul_(2).sub_(1).requires_grad_()
    layer, linear = BinaryLinear(SIZE, SIZE), nn.Sequential(nn.Linear(SIZE, SIZE), nn.Tanh())
    cases = {LAYER: partial(_step, layer, x), LINEAR: partial(_step, linear, x), FLOOR: _products()}
    group = f"layer, forward + backward, {BATCH} x {SIZE} x {SIZE}"
    timings = interleaved(cases, ROUNDS)
    below = LINEAR, timings[LINEAR]
    rows = [
        timed_row(group, LAYER, timings[LAYER], MILLISECONDS, below, TIME_LIMIT),
        timed_row(group, LINEAR, timings[LINEAR], MILLISECONDS),
        timed_row(group, FLOOR, timings[FLOOR], MILLISECONDS, below),
    ]
    kept = {name: _greatest_memory(cases[name]) / 2**20 for name in (LAYER, LINEAR)}
    ratio = kept[LAYER] / kept[LINEAR]
    rows += [
        Row("its memory, beside the parameters", LAYER, kept[LAYER], "MB", ratio, LINEAR, MEMORY_LIMIT),
        Row("its memory, beside the parameters", LINEAR, kept[LINEAR], "MB"),
    ]
    return [*rows, *_batch_rows()]


def _step(layer: nn.Module, x: Tensor) -> None:
    layer.zero_grad()
    x.grad = None
    layer(x).sum().backward()


def _products() -> Callable[[], object]:
    """Two products forward, two for the gradient in the inputs, two for that in the weights."""
    left, right = torch.rand(BATCH, SIZE), torch.rand(SIZE, SIZE)
    out, square = torch.empty(BATCH, SIZE), torch.empty(SIZE, SIZE)

    def multiply() -> None:
        for _ in range(2):
            torch.mm(left, right.mT, out=out)
            torch.mm(left, right, out=out)
            torch.mm(left.mT, left, out=square)

    return multiply


def _greatest_memory(case: Callable[[], object]) -> float:
    """Bytes allocated at most beside what was before, by Torch's own count."""
    case()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        case()
    events = profiler.profiler.kineto_results.events()  # pyright: ignore
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    allocated = greatest = 0
    for _, change in sorted(changes, key=lambda each: each[0]):
        allocated += change
        greatest = max(greatest, allocated)
    return float(greatest)


def _batch_rows() -> list[Row]:
    """16 cells in batches, a process and a thread each core, as a sweep trains them; and one after another."""
    progress("batched training")
    cells = [replace(CELL, seed=seed, sigma_m2=0.5 + 0.02 * seed) for seed in range(CELLS)]
    size = batch_limit("cpu")
    with local_pool(available_cores()) as pool, local_pool(1) as one:
        cases = {
            TOGETHER: partial(_trained, pool, [cells[start : start + size] for start in range(0, CELLS, size)], 1),
            ALONE: partial(_trained, one, [[cell] for cell in cells], available_cores()),
            ALONE_1: partial(_trained, one, [[cell] for cell in cells], 1),
        }
        timings = {name: Timing(each.wall, each.wall) for name, each in interleaved(cases, CELL_ROUNDS).items()}
    group = f"{CELLS} cells, {CELL.depth} layers of {CELL.width}, 40 steps, {available_cores()} cores"
    together = timings[TOGETHER]
    return [
        timed_row(group, TOGETHER, together, SECONDS),
        timed_row(group, ALONE, timings[ALONE], SECONDS, (TOGETHER, together), least=BATCH_LEAST),
        timed_row(group, ALONE_1, timings[ALONE_1], SECONDS, (TOGETHER, together)),
    ]


def _trained(pool: LocalPool, batches: Sequence[Sequence[Settings]], threads: int) -> None:
    for future in [pool.submit(_train, batch, threads) for batch in batches]:
        future.result()


def _train(cells: Sequence[Settings], threads: int) -> None:
    """In a worker: initialise and train, without measuring what comes out."""
    torch.set_num_threads(threads)
    train, found = images_of(cells[0], load("digits"), "cpu").train, streams(cells)
    training = started(cells, initialised(cells, train.images.shape[1], found.initial), found)
    for _ in epochs(training, train.images, train.labels):
        pass
