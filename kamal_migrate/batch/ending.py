"""Ends at once whatever a run has started: every git, and every process that plans. Nothing more is begun."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakSet

_GRACE = 2.0
_LOCK = threading.RLock()  # A signal may come while its own thread has it.
_GITS: WeakSet[subprocess.Popen[bytes]] = WeakSet()
_ending = threading.Event()


class Ended(Exception):
    """The run is being ended; what was under way is nobody's fault."""


def check() -> None:
    """Raises `Ended` when the run is being ended: what a killed process answered is no answer."""
    if _ending.is_set():
        raise Ended


def noted(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a git in a session of its own, which `end_all` ends. Raises `Ended`."""
    check()
    process = start()
    with _LOCK:
        _GITS.add(process)
    if _ending.is_set():
        end([process])
    check()
    return process


def end_all() -> None:
    """End everything; git may tidy up before. Nothing is begun from now on, until `begin_again`."""
    with _LOCK:
        _ending.set()
        gits = [process for process in _GITS if process.poll() is None]
    for process in multiprocessing.active_children():
        process.kill()
    end(gits)


def begin_again() -> None:
    """Another run begins."""
    _ending.clear()


def end(gits: list[subprocess.Popen[bytes]]) -> None:
    """End some gits and all that they started; they may tidy up before."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        for process in gits:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, how)
        until = time.monotonic() + _GRACE
        while any(process.poll() is None for process in gits) and time.monotonic() < until:
            time.sleep(0.005)
