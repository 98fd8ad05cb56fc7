"""The marginalised layer against torch.nn.Linear + tanh, and a batch of trainings against one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.timing import MILLISECONDS, SECONDS, Row, interleaved, progress, timed_row
from experiments.data import load
from experiments.training.cells import images_of
from experiments.training.counterparts import Labelled
from experiments.training.draws import streams
from experiments.training.loop import epochs, started
from experiments.training.network import initialised
from experiments.training.settings import Settings
from numerics.layers import BinaryLinear

BATCH, SIZE, ROUNDS = 64, 1024, 51
TIME_LIMIT, MEMORY_LIMIT, BATCH_LIMIT = 2.3, 2.5, 1 / 3
LAYER, LINEAR, FLOOR = "marginalised", "Linear + tanh", "floor: its six matrix products"
TOGETHER, ALONE, ALONE_1 = "one batch, 2 threads", "one after another, 2 threads", "one after another, 1 thread"
CELLS, CELL_ROUNDS = 16, 3
CELL = Settings(phi="tanh", depth=20, width=128, train_size=640, epochs=1, lr=1e-3)


def layer_rows() -> list[Row]:
    """Forward and backward at 64 x 1024 x 1024: time and greatest memory; and a batch of trainings of two threads."""
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
    """An epoch of ten steps of 16 cells on two threads, against the same alone, on as many threads as serve best."""
    progress("batched training")
    cells = [replace(CELL, seed=seed, sigma_m2=0.5 + 0.02 * seed) for seed in range(CELLS)]
    train = images_of(CELL, load("digits"), "cpu").train
    threads = torch.get_num_threads()
    cases = {
        TOGETHER: lambda: _epoch(cells, train, 2),
        ALONE: lambda: [_epoch([cell], train, 2) for cell in cells],
        ALONE_1: lambda: [_epoch([cell], train, 1) for cell in cells],
    }
    timings = interleaved(cases, CELL_ROUNDS)
    torch.set_num_threads(threads)
    group = f"{CELLS} cells, {CELL.depth} layers of {CELL.width}, 10 steps"
    best = min(ALONE, ALONE_1, key=lambda name: timings[name].seconds)
    return [
        timed_row(group, TOGETHER, timings[TOGETHER], SECONDS, (best, timings[best]), BATCH_LIMIT),
        *(timed_row(group, name, timings[name], SECONDS) for name in (ALONE, ALONE_1)),
    ]


def _epoch(cells: Sequence[Settings], train: Labelled, threads: int) -> Tensor:
    torch.set_num_threads(threads)
    found = streams(cells)
    training = started(initialised(cells, train.images.shape[1], found.initial), found)
    return next(epochs(training, train.images, train.labels))
