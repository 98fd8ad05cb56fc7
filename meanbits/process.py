"""What a command finds in its process: open streams, a folder to work in, and signals that let it save its work."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

STOPPING = ("SIGTERM", "SIGHUP")  # sent by what ends processes in good order, and by a terminal that closes
UNPRINTED = {errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG}  # what files we write get says their name


class StoppedError(KeyboardInterrupt):
    """The process was asked to end, as by Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number  # as a shell reports it


def open_streams() -> None:
    """Where a standard stream was closed stands nothing: the next file would take its place, and what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """Within, a request to end is an exception, so that what is done is saved; one that is ignored stays so."""
    known = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        known = []
    taken = [number for number in known if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, _: FrameType | None) -> None:
    for name in STOPPING:  # once: what saves must not be stopped as well
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise StoppedError(number)


def interrupt_behind(error: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that compiled code, called back from Python, passed on as an error of its own."""
    behind = error.__cause__ or error.__context__
    return behind if behind is None or isinstance(behind, KeyboardInterrupt) else interrupt_behind(behind)


def refused_by_system(error: OSError) -> str:
    """What the operating system refused, and the remedy."""
    if error.errno is None:
        return str(error) or type(error).__name__
    reason = error.strerror or os.strerror(error.errno)
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {reason}; mend that, or name another file or folder"
    if error.errno in UNPRINTED:
        return f"standard output: {reason}; mend that, or send it elsewhere"
    return f"the system refuses: {reason}; mend that, then try again"


def require_folder() -> None:
    """Refuse to run in a folder that was removed, in which libraries break down.

    Raises:
        click.ClickException: the remedy is to change to another.
    """
    try:
        os.getcwd()
    except OSError as error:
        raise click.ClickException(f"the working directory: {error.strerror}; change to one that exists") from None


def silence_output() -> None:
    """What standard output could not take is dropped: the interpreter flushes it once more when it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_error(line: str) -> None:
    """A line on standard error, where that takes any."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
