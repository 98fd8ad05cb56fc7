"""Where cells are trained: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Protocol


class PoolError(ValueError):
    """A pool that cannot be had, or was lost; one line with the remedy."""


class Pool(Protocol):
    """Runs functions elsewhere."""

    @property
    def room(self) -> int:
        """How many functions to hand over at a time."""
        ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a function of picklable arguments; BrokenProcessPool where a process died."""
        ...

    def renew(self) -> None:
        """Begin again with fresh processes."""
        ...


class LocalPool:
    """`workers` processes of this machine, which end when this one does, however it ends."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._begin()

    @property
    def room(self) -> int:
        """One function a process, so that those at work when a process dies are known."""
        return self._workers

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a function in a process that is free."""
        with _interrupts_held():
            return self._executor.submit(function, *arguments)

    def renew(self) -> None:
        """Replace the processes, one of which died."""
        self.stop()
        self._begin()

    def stop(self) -> None:
        """End the processes, and with them what they are at."""
        self._lifeline.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _begin(self) -> None:
        spawn = multiprocessing.get_context("spawn")  # forks of a process with threads may deadlock
        resource_tracker.ensure_running()  # the first process would start it, with interrupts let through
        watched, self._lifeline = spawn.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(self._workers, spawn, _prepare, (watched,))


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, and never reaches processes started meanwhile, which inherit the mask."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _prepare(lifeline: Connection) -> None:
    """In a worker: one thread, Ctrl-C left to the parent, and an end when the lifeline's other end closes.

    The matrices of a training are small: threads that wait for each other on a busy machine cost tenfold. A number of
    threads in the environment is heeded.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


class ClusterPool:
    """The workers of a Dask cluster; a function whose worker is lost is started again on another."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor: Executor = client.get_executor(pure=False)

    @property
    def room(self) -> int:
        """Two functions a thread of the workers now connected, so that none waits."""
        try:
            return max(1, 2 * sum(self._client.nthreads().values()))
        except OSError as error:
            raise PoolError(f"the scheduler was lost ({_first_line(error)}); start it again and use --resume") from None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a function on a worker."""
        return self._executor.submit(function, *arguments)

    def renew(self) -> None:
        """Nothing: the scheduler replaces workers."""


@contextmanager
def local_pool(workers: int) -> Iterator[LocalPool]:
    """Processes of this machine, ended on leaving.

    Raises:
        PoolError: processes do not start.
    """
    pool = LocalPool(workers)
    try:
        try:
            pool.submit(os.getpid).result()
        except BrokenProcessPool:
            raise PoolError("worker processes do not start here; see above") from None
        yield pool
    finally:
        pool.stop()


@contextmanager
def cluster_pool(address: str, timeout: float) -> Iterator[ClusterPool]:
    """The cluster of the Dask scheduler at `address`; it has `timeout` seconds to answer and to have a worker.

    Raises:
        PoolError: no Dask here, a scheduler that does not answer, or one without workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise PoolError("dask.distributed is not installed; install meanbits[dask], or leave --scheduler out") from None
    try:
        kind = asyncio.run(_kind(address, timeout))
    except (OSError, ValueError) as error:
        raise PoolError(f"{address} does not answer within {timeout:g} s ({_first_line(error)}); "
                        "start it with `dask scheduler`, or correct the address") from None  # fmt: skip
    if kind != "Scheduler":
        raise PoolError(f"{address} is a {kind} and no scheduler; give the address that `dask scheduler` prints")
    with Client(address, timeout=timeout, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError:
            raise PoolError(f"{address} has no worker; start one with `dask worker {address}`") from None
        yield ClusterPool(client)


async def _kind(address: str, timeout: float) -> str:
    """What answers at an address; a client would wait for ever where something accepts it and keeps silent."""
    from distributed.core import rpc

    async with asyncio.timeout(timeout), rpc(address, timeout=timeout) as remote:
        return (await remote.identity())["type"]


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
