"""A lock that one process holds, and that is gone with it however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class Busy(Exception):
    """Another process holds the lock: which."""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock of a file. Raises `Busy` at once where another process does, and `OSError`."""
    with file.open("a+b", buffering=0) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(_named(lock)) from None
        # The number is for people only; on a full disk it is not there.
        with suppress(OSError):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n".encode())
        yield


def holder(file: Path) -> str:
    """Which process holds the lock of a file, as ``process 123``; empty where none does."""
    try:
        with file.open("rb", buffering=0) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _named(lock)
    except OSError:
        pass
    return ""


def _named(lock: IO[bytes]) -> str:
    lock.seek(0)
    return f"process {lock.read().decode('ascii', 'replace').strip() or '?'}"
