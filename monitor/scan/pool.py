"""Processes that work for a scan: what kills one of them costs one try of one job."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic

from monitor.jobs import Function, Key, Outcome, attempt
from monitor.names import how_many

log = logging.getLogger(__name__)

_END_S = 2.0  # that a process has to end


@dataclass
class _Worker(Generic[Key]):
    process: SpawnProcess
    link: Connection
    key: Key | None = None  # of the job that it is at


class Pool(Generic[Key]):
    """Runs functions in processes of their own, one job in each at a time.

    A process that dies is replaced when the next job comes. Processes end with the pool, and also
    if this one is killed.
    """

    def __init__(self, workers: int, common: object) -> None:
        """So many at most; `common` is what all jobs have in common."""
        self._size = workers
        self._common = common
        self._workers: list[_Worker[Key]] = []
        self._context = multiprocessing.get_context("spawn")  # for ONNX Runtime has threads

    @property
    def has_room(self) -> bool:
        """Whether a process is free."""
        return self.busy < self._size

    @property
    def busy(self) -> int:
        """How many jobs are under way."""
        return sum(worker.key is not None for worker in self._workers)

    @property
    def described(self) -> str:
        """Who works, in words."""
        return how_many(self._size, "process")

    def start(self, key: Key, function: Function, job: object) -> None:
        """Begin a job in a free process; `function` is one of a module, and can be pickled."""
        worker = next((one for one in self._workers if one.key is None), None)
        if worker is None:
            worker = self._begin()
        worker.key = key
        with suppress(OSError):  # it died while it was free: `outcomes` tells of it
            worker.link.send((function, job))

    def outcomes(self, timeout_s: float) -> Iterator[Outcome[Key]]:
        """What has become of jobs, once one has ended or some time has passed."""
        links = {worker.link: worker for worker in self._workers if worker.key is not None}
        for link in wait(list(links), timeout_s):
            assert isinstance(link, Connection)
            yield self._outcome(links[link])

    def close(self) -> None:
        """End every process, whatever it is at; twice is fine."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_END_S)
            worker.process.kill()
            worker.process.join()
            worker.link.close()
        self._workers.clear()

    def _begin(self) -> _Worker[Key]:
        ours, its = self._context.Pipe()
        process = self._context.Process(target=_work, args=(its, self._common), daemon=True)
        with _no_interrupt():
            process.start()
        its.close()
        worker: _Worker[Key] = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _outcome(self, worker: _Worker[Key]) -> Outcome[Key]:
        key, worker.key = worker.key, None
        assert key is not None
        try:
            value, failure, trace = worker.link.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            worker.link.close()
            worker.process.join()
            return Outcome(key, failure=_death(worker.process.exitcode), crashed=True)
        if trace:
            log.error("%s", trace)
        return Outcome(key, value, failure)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        memory = ", as where memory runs out" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{memory}"
    return f"its process ended with code {code}"


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes that begin within the block never hear Ctrl-C; we do, behind it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _work(link: Connection, common: object) -> None:
    """The life of a process: a job after another, until nobody gives any."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    # What is said of a file comes with its result.
    logging.getLogger().addHandler(logging.NullHandler())
    while True:
        try:
            function, job = link.recv()
        except EOFError:
            return
        link.send(attempt(function, job, common))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
