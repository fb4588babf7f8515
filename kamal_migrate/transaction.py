"""Replaces files: all of them or none, each of them whole at any moment, and nothing left lying about."""

from __future__ import annotations

import os
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

PREFIX, SUFFIX = ".kamal-migrate-", ".tmp"
STALE_SECONDS = 3600
_LITTER = re.compile(re.escape(PREFIX) + r"[0-9a-f]{12}" + re.escape(SUFFIX))
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotReplaced(Exception):
    """Nothing is changed: the file that could not be replaced, and why."""

    def __init__(self, target: Path, reason: str) -> None:
        super().__init__(f"{target}: {reason}")
        self.target, self.reason = target, reason


class NotRestored(Exception):
    """Something is changed: files that could not be put back, and where their old bytes are."""

    def __init__(self, files: Mapping[Path, Path]) -> None:
        rows = (f"{target} (as it was: {backup})" for target, backup in files.items())
        super().__init__("could not be put back: " + ", ".join(rows))


class Stopped(Exception):
    """A signal came, and nothing is changed."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; nothing is changed")
        self.number = number


def replace_all(files: Mapping[Path, bytes]) -> None:
    """Give files new bytes; mode and owner stay. Raises `NotReplaced`, `Stopped` and `NotRestored`.

    Each is written and synced beside its target, then all are renamed. What a killed run left behind earlier
    is taken away.
    """
    litter: list[Path] = []
    with _deferred() as check:
        try:
            staged = {}
            for target, data in files.items():
                check()
                _clear(target.parent)
                staged[target] = _staged(target, data, litter)
            _swap(staged, litter, check)
        except NotRestored:
            litter.clear()
            raise
        finally:
            for file in litter:
                with suppress(OSError):
                    file.unlink()
    for folder in {target.parent for target in files}:
        _sync(folder)


@contextmanager
def _deferred() -> Iterator[Callable[[], None]]:
    """Hold signals back; the function given raises `Stopped` if one came."""
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    def check() -> None:
        if came:
            raise Stopped(came[0])

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    old = {number: signal.getsignal(number) for number in _SIGNALS}
    watched = [n for n, handler in old.items() if handler not in (signal.SIG_IGN, None)]
    for number in watched:
        signal.signal(number, note)
    try:
        yield check
    finally:
        for number in watched:
            signal.signal(number, old[number])


def _name(folder: Path) -> Path:
    return folder / f"{PREFIX}{os.urandom(6).hex()}{SUFFIX}"


def fresh(folder: Path) -> tuple[Path, int]:
    """A new file that only its owner may read, open for writing."""
    name = _name(folder)
    return name, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _clear(folder: Path) -> None:
    """Take away what a killed run left behind, once it is old enough to be nobody's."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _LITTER.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > STALE_SECONDS:
                        Path(entry.path).unlink()


def _staged(target: Path, data: bytes, litter: list[Path]) -> Path:
    """A synced temporary file beside the target, with its mode and owner."""
    if target.exists() and not os.access(target, os.W_OK):
        raise NotReplaced(target, "no permission to write it")
    try:
        about = target.stat()
        temporary, descriptor = fresh(target.parent)
        litter.append(temporary)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            made = os.fstat(descriptor)
            if (about.st_uid, about.st_gid) != (made.st_uid, made.st_gid):
                os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(about.st_mode))
            os.fsync(descriptor)
    except OSError as error:
        raise NotReplaced(target, _reason(target, error)) from error
    return temporary


def _reason(target: Path, error: OSError) -> str:
    if isinstance(error, PermissionError) and not os.access(target.parent, os.W_OK):
        return "no permission to write into its folder"
    return f"cannot be written: {error.strerror}"


def _swap(staged: Mapping[Path, Path], litter: list[Path], check: Callable[[], None]) -> None:
    """Rename every staged file over its target; where that fails, put back what was there before."""
    backups: dict[Path, Path] = {}
    target = next(iter(staged), Path())
    try:
        for number, (target, temporary) in enumerate(staged.items(), 1):
            check()
            if number < len(staged):
                backups[target] = _backup(target, litter)
            os.replace(temporary, target)  # noqa: PTH105 - looked up late on every Python
    except BaseException as error:
        _restore(backups)
        if isinstance(error, OSError):
            raise NotReplaced(target, _reason(target, error)) from error
        raise


def _backup(target: Path, litter: list[Path]) -> Path:
    """A second name for the file as it is, so that putting it back is a rename; else a copy."""
    name = _name(target.parent)
    try:
        os.link(target, name)
    except OSError:
        about = target.stat()
        copy = _staged(target, target.read_bytes(), litter)
        os.utime(copy, ns=(about.st_atime_ns, about.st_mtime_ns))
        return copy
    litter.append(name)
    return name


def _restore(backups: Mapping[Path, Path]) -> None:
    lost = {}
    for target, backup in backups.items():
        try:
            os.replace(backup, target)  # noqa: PTH105
        except OSError:
            lost[target] = backup
    if lost:
        raise NotRestored(lost)


def _sync(folder: Path) -> None:
    """Have the renames reach the disk; not every file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
