"""The files of one commit as a source: read without a working tree, links followed inside the tree only."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from kamal_migrate.batch.ignoring import ignored_by
from kamal_migrate.project import InputError
from kamal_migrate.reading import guest

LINK, SUBMODULE, EXECUTABLE, REGULAR = "120000", "160000", "100755", "100644"
MAX_LINKS = 10
Bytes = bytes  # Not the method of that name.
_POINTER = b"version https://git-lfs.github.com/spec/"
_STRANGE = {"", ".", "..", ".git"}


class Entry(NamedTuple):
    """A file of a tree: its mode as git writes it, and the name of its object."""

    mode: str
    object: str


class Snapshot:
    """A `kamal_migrate.reading.Source` over the tree of a commit.

    ``entries`` are its files by path; ``load`` gives the bytes of an object, is asked only for files that
    matter, and raises `InputError` for what is too big. Paths that no working tree could have are not seen.
    """

    def __init__(self, name: str, entries: Mapping[str, Entry], load: Callable[[str], bytes]) -> None:
        self.name = self.title = name
        self._entries = {path: entry for path, entry in entries.items() if _is_plain(path)}
        self._load = cache(load)
        self._folders = _folders(self._entries)

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the folders, and of the files, in a folder."""
        return self._folders.get(folder, ([], []))

    def has(self, path: str) -> bool:
        """Whether there is anything of that name."""
        return path in self._entries or path in self._folders

    def identity(self, path: str) -> str:
        """The path of the file that a path leads to; of one that leads nowhere, its own."""
        try:
            return self._target(path)
        except InputError:
            return path

    def bytes(self, path: str) -> bytes:
        """The bytes of a file. Raises `InputError`."""
        target = self._target(path)
        if target in self._folders:
            raise InputError(path, "this is a folder; name the config in it with -c")
        if target not in self._entries:
            raise InputError(path, "no such file" if target == path else "this link points to nothing")
        entry = self._entries[target]
        if entry.mode == SUBMODULE:
            raise InputError(path, "this is a submodule, another repository")
        try:
            data = self._load(entry.object)
        except InputError as error:
            raise InputError(path, error.message) from None
        if data.startswith(_POINTER):
            raise InputError(path, "this is a pointer of Git LFS; the file itself is not in the repository")
        return data

    def ignored(self, root: str, paths: Iterable[str]) -> set[str]:
        """Those of the paths that the `.gitignore` files of the tree ignore; a file of the tree is none."""
        del root  # A tree is one repository, whatever folders its apps are in.
        asked = [path for path in paths if path not in self._entries]
        above = {posixpath.join(folder, ".gitignore") for path in asked for folder in _above(path)}
        files = {path: data for path in above if (data := self._ignore_file(path))}
        return ignored_by(files, asked) if files else set()

    def _ignore_file(self, path: str) -> Bytes | None:
        """Git follows no link here."""
        entry = self._entries.get(path)
        return guest(self, path) if entry and entry.mode in (REGULAR, EXECUTABLE) else None

    def _target(self, path: str) -> str:
        """The path that a path leads to over links. Raises `InputError` for one out of the tree."""
        for _ in range(MAX_LINKS):
            link = next((above for above in _upwards(path) if self._is_link(above)), None)
            if link is None:
                return path
            aim = self._load(self._entries[link].object).decode("utf-8", "surrogateescape")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(link), aim, path[len(link) + 1 :]))
            if aim.startswith("/") or path == ".." or path.startswith("../"):
                raise InputError(path if path == link else link, "this link leads out of the repository")
        raise InputError(path, "these links go round in circles")

    def _is_link(self, path: str) -> bool:
        return path in self._entries and self._entries[path].mode == LINK


def _is_plain(path: str) -> bool:
    return not _STRANGE & set(path.lower().split("/"))


def _above(folder: str) -> Iterator[str]:
    """The folders from the root down to this one."""
    yield ""
    parts = folder.split("/") if folder else []
    yield from ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _upwards(path: str) -> Iterator[str]:
    """The path, from its first folder down to itself."""
    yield from list(_above(path))[1:]


def _folders(entries: Mapping[str, Entry]) -> dict[str, tuple[list[str], list[str]]]:
    """What is in each folder: the names of folders and of files. Links to folders count as neither."""
    found: dict[str, tuple[dict[str, None], list[str]]] = {"": ({}, [])}
    for path, entry in entries.items():
        for above in _upwards(posixpath.dirname(path)):
            parent, name = posixpath.split(above)
            found.setdefault(parent, ({}, []))[0][name] = None
            found.setdefault(above, ({}, []))
        parent, name = posixpath.split(path)
        if entry.mode != SUBMODULE:
            found.setdefault(parent, ({}, []))[1].append(name)
    return {folder: (list(folders), files) for folder, (folders, files) in found.items()}
