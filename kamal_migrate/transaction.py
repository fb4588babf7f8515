"""Writes, makes and renames files: all or none, each whole at any moment, and nothing left lying about."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import FrameType

PREFIX, SUFFIX = ".kamal-migrate-", ".tmp"
STALE_SECONDS = 3600
_LITTER = re.compile(re.escape(PREFIX) + r"[0-9a-f]{12}" + re.escape(SUFFIX))
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Change:
    """A file to write: where, its bytes, and the file whose mode and owner it has.

    ``source`` is the file itself where it changes, another one where it is renamed (which then goes), and
    None where it comes. A ``private`` file is for its owner alone.
    """

    target: Path
    data: bytes = field(repr=False)
    source: Path | None
    private: bool = False

    @property
    def gone(self) -> Path | None:
        """The file that goes."""
        return None if self.source == self.target else self.source


class NotCarriedOut(Exception):
    """Nothing is changed: the file that could not be written, and why."""

    def __init__(self, target: Path, reason: str) -> None:
        super().__init__(f"{target}: {reason}")
        self.target, self.reason = target, reason


class NotRestored(Exception):
    """Something is changed: files that could not be put back, and where their old bytes are, if any."""

    def __init__(self, files: Mapping[Path, Path | None]) -> None:
        rows = (f"{target} ({_as_it_was(backup)})" for target, backup in files.items())
        super().__init__("could not be put back: " + ", ".join(rows))


def _as_it_was(backup: Path | None) -> str:
    return f"as it was: {backup}" if backup else "it was not there"


class Stopped(Exception):
    """A signal came, and nothing is changed."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; nothing is changed")
        self.number = number


def carry_out(changes: Sequence[Change]) -> None:
    """Write, make and rename files. Raises `NotCarriedOut`, `Stopped` and `NotRestored`.

    Each is written and synced beside its target, then all are renamed, then what was renamed goes; folders
    are made as needed, and go where nothing is left in them. What a killed run left behind earlier is taken
    away.
    """
    litter: list[Path] = []
    made: list[Path] = []
    with _deferred() as check:
        try:
            staged = []
            for change in changes:
                check()
                _make_folders(change.target, made)
                clear(change.target.parent, STALE_SECONDS)
                staged.append(_staged(change, litter))
            _swap(changes, staged, litter, check)
        except NotRestored:
            litter.clear()
            raise
        finally:
            for file in litter:
                with suppress(OSError):
                    file.unlink()
            for folder in reversed(made):
                with suppress(OSError):
                    folder.rmdir()
    for folder in {change.gone.parent for change in changes if change.gone}:
        _remove_empty(folder)
    for folder in {path.parent for change in changes for path in (change.target, change.gone) if path}:
        _sync(folder)
    for folder in made:
        _sync(folder.parent)


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


def fresh(folder: Path, mode: int = 0o600) -> tuple[Path, int]:
    """A new file, open for writing; only its owner may read it, unless the mode and the umask let others."""
    name = _name(folder)
    return name, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def _make_folders(target: Path, made: list[Path]) -> None:
    """Make the folders that a file is to be in, those above first."""
    try:
        missing = list(takewhile(lambda folder: not folder.exists(), target.parents))
        for folder in reversed(missing):
            folder.mkdir()
            made.append(folder)
    except OSError as error:
        raise NotCarriedOut(target, _reason(target, error)) from error


def _remove_empty(folder: Path) -> None:
    """Remove a folder that nothing is in, and those above that then are empty too."""
    with suppress(OSError):
        while True:
            folder.rmdir()
            folder = folder.parent


def clear(folder: Path, older: float = 0) -> None:
    """Take away what a killed run left behind, once it is so many seconds old and so nobody's."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _LITTER.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    if not older or time.time() - entry.stat().st_mtime > older:
                        Path(entry.path).unlink()


def _staged(change: Change, litter: list[Path]) -> Path:
    """A synced temporary file beside the target, with the mode and the owner that it is to have."""
    target, source = change.target, change.source
    if source == target and target.exists() and not os.access(target, os.W_OK):
        raise NotCarriedOut(target, "no permission to write it")
    try:
        about = source.stat() if source else None
        temporary, descriptor = fresh(target.parent, 0o600 if about or change.private else 0o666)
        litter.append(temporary)
        with os.fdopen(descriptor, "wb") as file:
            file.write(change.data)
            file.flush()
            if about:
                _inherit(target, descriptor, about, private=change.private)
            os.fsync(descriptor)
    except OSError as error:
        raise NotCarriedOut(target, _reason(target, error)) from error
    return temporary


def _inherit(target: Path, descriptor: int, about: os.stat_result, *, private: bool) -> None:
    """Give a file the owner and the mode of another; a private one grants nothing to others."""
    made = os.fstat(descriptor)
    if (about.st_uid, about.st_gid) != (made.st_uid, made.st_gid):
        try:
            os.fchown(descriptor, about.st_uid, about.st_gid)
        except PermissionError as error:
            raise NotCarriedOut(target, "no permission to keep its owner and group") from error
    os.fchmod(descriptor, stat.S_IMODE(about.st_mode) & (0o700 if private else 0o7777))


def _reason(target: Path, error: OSError) -> str:
    if isinstance(error, PermissionError) and not os.access(target.parent, os.W_OK):
        return "no permission to write into its folder"
    return f"cannot be written: {error.strerror}"


def _swap(
    changes: Sequence[Change], staged: Sequence[Path], litter: list[Path], check: Callable[[], None]
) -> None:
    """Rename every staged file to its target, then take away what goes; or put back what was there before."""
    gone = [change.gone for change in changes if change.gone]
    final = changes[-1].target if changes and not gone else None
    backups: dict[Path, Path | None] = {}
    target = Path()
    try:
        for change, temporary in zip(changes, staged, strict=True):
            target = change.target
            check()
            if change.source != target and os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, "something is there by now")
            backup = _backup(target, litter) if change.source == target != final else None
            os.replace(temporary, target)  # noqa: PTH105 - looked up late on every Python
            if target != final:
                backups[target] = backup
        for target in gone:
            check()
            backup = _name(target.parent)
            os.replace(target, backup)  # noqa: PTH105
            litter.append(backup)
            backups[target] = backup
    except BaseException as error:
        _restore(backups)
        if isinstance(error, OSError):
            raise NotCarriedOut(target, _reason(target, error)) from error
        raise


def _backup(target: Path, litter: list[Path]) -> Path:
    """A second name for the file as it is, so that putting it back is a rename; else a copy."""
    name = _name(target.parent)
    try:
        os.link(target, name)
    except OSError:
        about = target.stat()
        copy = _staged(Change(target, target.read_bytes(), target), litter)
        os.utime(copy, ns=(about.st_atime_ns, about.st_mtime_ns))
        return copy
    litter.append(name)
    return name


def _restore(backups: Mapping[Path, Path | None]) -> None:
    """Put files back, the last one first; those that were not there go."""
    lost = {}
    for target, backup in reversed(list(backups.items())):
        try:
            if backup:
                os.replace(backup, target)  # noqa: PTH105
            else:
                target.unlink()
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
