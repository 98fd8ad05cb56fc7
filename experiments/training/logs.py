"""TensorBoard logs of a training."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from meanbits.experiments.training.loop import Training
from meanbits.experiments.training.measures import mean_statistics

VERSION = "brain.Event:2"  # of the format of files of events


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[Training], None]]:
    """A function to call after each epoch: it logs the loss, and per layer the polarised means, E M^2 and E b^2.

    Events are written when they are logged: the threads of TensorBoard's own writer print a traceback where a disk is
    full.

    Raises:
        ValueError: TensorBoard is not installed. OSError: the folder or a file in it cannot be written.
    """
    event, record_writer = _formats()
    path = folder / f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
    files = []

    def write(**content: Any) -> None:
        try:
            files[0].write(event(wall_time=time.time(), **content).SerializeToString())
            files[0].flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None

    def log(training: Training) -> None:
        if not files:  # the folder is made when there is something to write
            folder.mkdir(parents=True, exist_ok=True)
            files.append(record_writer(path.open("wb")))
            write(file_version=VERSION)
        values = [{"tag": tag, "simple_value": value} for tag, value in _values(training).items()]
        write(step=training.epochs, summary={"value": values})

    try:
        yield log
    finally:
        for each in files:
            with suppress(OSError):  # of what could not be written, which was said
                each.close()


def _formats() -> tuple[Any, Any]:
    """TensorBoard's event, and what writes records of them."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise ValueError(
            "logs need TensorBoard, which is not installed: pip install tensorboard, or log nothing"
        ) from None
    return Event, RecordWriter


def _values(training: Training) -> Mapping[str, float]:
    layers = {f"{name}/layer {layer}": value for name, values in mean_statistics(training.network)[0].items()
              for layer, value in enumerate(values, 1)}  # fmt: skip
    return {"loss": float(training.losses[-1][0]), **layers}
