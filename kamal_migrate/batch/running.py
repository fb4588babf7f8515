"""Runs many things at once, a bounded number at a time, and stops when it is told to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from types import FrameType
from typing import ParamSpec, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
P = ParamSpec("P")
AHEAD = 4


class Interrupted:
    """Whether to stop: what is begun is finished, nothing more is begun. ``by_user`` after a Ctrl-C."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.by_user = False

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Begin nothing more."""
        self._event.set()


@contextmanager
def interruptible() -> Iterator[Interrupted]:
    """Take the first Ctrl-C as a wish to stop; the second one only waits for calls of git under way."""
    stop = Interrupted()

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop:
            raise KeyboardInterrupt
        stop.by_user = True
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def done(
    items: Iterable[Item],
    start: Callable[[Item], Future[Result]],
    stop: Interrupted,
    at_once: int,
) -> Iterator[tuple[Item, Future[Result]]]:
    """Each item with its finished future, as they finish; at most ``at_once`` are under way."""
    waiting, running = iter(items), dict[Future[Result], Item]()
    more = True
    while True:
        while more and not stop and len(running) < at_once:
            item = next(waiting, None)
            if item is None:
                more = False
            else:
                running[start(item)] = item
        if not running:
            return
        # A Ctrl-C has to be noticed on every platform, so nothing waits for ever.
        finished, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
        for future in finished:
            yield running.pop(future), future


class Workers(Executor):
    """Worker processes; in place of those that one of them took along when it died, others come."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["kamal_migrate.batch.work"])
        return ProcessPoolExecutor(self._count, context, initializer=_begin)

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        """Have a process do something."""
        with self._lock:
            try:
                return self._pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
                self._pool = self._new()
                return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Worker processes that are gone when the block ends; Ctrl-C is for the one that started them."""
    pool = Workers(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_process(pool: Executor, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
    """What a function returns in another process.

    Where one dies, nobody knows whose fault that is; so each is tried once more in a process by itself.
    Raises `BrokenProcessPool` where that one dies too.
    """
    try:
        return pool.submit(function, *args, **kwargs).result()
    except BrokenProcessPool:
        with processes(1) as alone:
            return alone.submit(function, *args, **kwargs).result()


def _begin() -> None:
    """A worker leaves Ctrl-C to the process that started it, and ends with that, even when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
