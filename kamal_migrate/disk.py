"""Writes new texts as one transaction: all files or none; and reads the `Project` that they belong to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from kamal_migrate.folder import Folder, bytes_of_guest, read
from kamal_migrate.reading import MAX_BYTES, encoded
from kamal_migrate.transaction import Change, NotCarriedOut, NotRestored, carry_out

__all__ = ["MAX_BYTES", "Folder", "WriteError", "check_renamed", "check_unchanged", "read", "write"]

_NONE: Mapping[str, str] = MappingProxyType({})


class WriteError(Exception):
    """The files could not be written; nothing is changed, or what was is put back."""


def check_unchanged(folder: Folder, paths: Iterable[str]) -> None:
    """Refuse files that are not as they were read, or are there though they were not. Raises `WriteError`."""
    for path in paths:
        if path not in folder.project.files:
            if os.path.lexists(folder.place(path)):
                raise WriteError(
                    f"{path}: is there, but was not read; nothing written. Look at it, then run again"
                )
        elif bytes_of_guest(folder.root, path) != folder.bytes_of(path):
            raise WriteError(f"{path}: changed on disk since it was read; nothing written, run again")


def check_renamed(folder: Folder, renamed: Mapping[str, str]) -> None:
    """Refuse to rename symbolic links: from elsewhere they may point elsewhere. Raises `WriteError`."""
    for new, old in renamed.items():
        if folder.place(old).is_symlink():
            raise WriteError(f"{old}: is a symbolic link; move it to {new} yourself, then run again")


def write(
    folder: Folder,
    files: Mapping[str, str],
    *,
    renamed: Mapping[str, str] = _NONE,
    private: Collection[str] = (),
) -> None:
    """Write texts, all or none: each beside its target, synced, then renamed over it. Raises `WriteError`.

    Mode and owner are kept, and a symbolic link goes on pointing to its target. ``renamed`` are the old paths
    of files by their new ones; the old ones go. ``private`` files are for their owner alone. A file that
    changed since it was read, or came, is refused.
    """
    changes: dict[str, Change] = {}
    targets: dict[object, str] = {}
    for path, text in files.items():
        change = _change(folder, path, text, renamed.get(path), private=path in private)
        first = targets.setdefault(change.target, path)
        if first == path:
            changes[path] = change
        elif changes[first] != change:
            raise WriteError(f"{path}: the same file as {first}, but both want it otherwise")
    check_renamed(folder, renamed)
    check_unchanged(folder, [*files, *renamed.values()])
    try:
        carry_out(list(changes.values()))
    except NotCarriedOut as error:
        raise WriteError(f"{_path(folder, changes, error)}: {error.reason}; nothing is changed") from error
    except NotRestored as error:
        raise WriteError(str(error)) from error
    from kamal_migrate.memory import remember

    remember({change.target: change.data for path, change in changes.items() if path not in private})


def _change(folder: Folder, path: str, text: str, old: str | None, *, private: bool) -> Change:
    target = folder.target(path)
    known = target if path in folder.project.files else None
    return Change(target, encoded(text), folder.place(old) if old else known, private=private)


def _path(folder: Folder, changes: Mapping[str, Change], error: NotCarriedOut) -> str:
    """How the app calls the file of an error."""
    names = {change.target: path for path, change in changes.items()}
    return names.get(error.target) or folder.name(error.target.as_posix())
