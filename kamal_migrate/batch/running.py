"""Runs many things at once, a bounded number at a time, and stops when it is told to."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import connection, forkserver
from types import FrameType
from typing import ParamSpec, TypeVar

from kamal_migrate.batch.ending import begin_again, check, end_all

Item = TypeVar("Item")
Result = TypeVar("Result")
P = ParamSpec("P")
AHEAD = 4
ENDING = (signal.SIGTERM, signal.SIGHUP)
STOPPING = "Stopping when what is in hand is done; Ctrl-C again stops at once."


class Interrupted:
    """Whether to stop: what is begun is finished, nothing more is begun. ``signal`` is the one that came."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal = 0

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Begin nothing more."""
        self._event.set()


@contextmanager
def interruptible() -> Iterator[Interrupted]:
    """Take the first Ctrl-C as a wish to stop; the second one, and other signals, end all that is under way.

    They raise `KeyboardInterrupt`.
    """
    stop = Interrupted()

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        first = number == signal.SIGINT and not stop.signal
        stop.signal = number
        stop.set()
        if not first:
            end_all()
            raise KeyboardInterrupt
        with suppress(RuntimeError, OSError):
            print(STOPPING, file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    begin_again()
    others = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, *others)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        with _in_folder("/"):
            forkserver.ensure_running()
        return ProcessPoolExecutor(self._count, context, initializer=_begin)

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        """Have a process do something."""
        with self._lock:
            try:
                return self._pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool:
                check()
                self._pool.shutdown(wait=False)
                self._pool = self._new()
                return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


@contextmanager
def _in_folder(folder: str) -> Iterator[None]:
    """Start Python elsewhere: with ``-c`` it takes modules from the current folder, which may be anyone's."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(here)
        os.close(here)


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
    Raises `BrokenProcessPool` where that one dies too, and `Ended` where the run is being ended.
    """
    try:
        return pool.submit(function, *args, **kwargs).result()
    except BrokenProcessPool:
        check()
        with processes(1) as alone:
            return alone.submit(function, *args, **kwargs).result()


def _begin() -> None:
    """A worker leaves Ctrl-C to the process that started it, and ends with that, even when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # What is loaded stays; and one plan makes no garbage worth the search.
    gc.set_threshold(50_000)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
