"""What a batch is to look at: folders, globs, files of paths and URLs, bare repositories, URLs of git."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import NamedTuple

from kamal_migrate.batch.repository import is_url

URL, REPOSITORY, FOLDER = "url", "repository", "folder"
MAX_BYTES = 4 * 1024 * 1024


class SourceError(Exception):
    """A source that is none, and what to do."""


class Found(NamedTuple):
    """A source: an absolute path or a URL, and what it is, by a constant of this module."""

    place: str
    kind: str


def found(names: Iterable[str], include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[Found]:
    """What some names stand for, each once and in order. Raises `SourceError` for one that is nothing.

    ``include`` and ``exclude`` are globs over the whole path or URL, or over its last part; something has to
    be left by them.
    """
    everything = dict.fromkeys(one for name in names for one in _of(name, Path()))
    left = [
        one
        for one in everything
        if (not include or _matches(one.place, include)) and not _matches(one.place, exclude)
    ]
    if everything and not left:
        raise SourceError(f"--include and --exclude leave none of the {len(everything)} sources")
    return left


def _matches(place: str, patterns: tuple[str, ...]) -> bool:
    last = place.rstrip("/").rpartition("/")[2]
    names = (place, last, last.removesuffix(".git"))
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _of(name: str, beside: Path, *, listed: bool = False) -> Iterator[Found]:
    path = beside / Path(os.path.expanduser(name))  # noqa: PTH111 - a user that is not there is no error
    if os.path.isdir(path):  # noqa: PTH112 - a name that no file can have is none
        yield from _of_folder(path)
    elif os.path.isfile(path) and not listed:  # noqa: PTH113
        yield from _of_list(path)
    elif is_url(name) and not name.startswith("-"):
        yield Found(name, URL)
    elif glob.has_magic(name):
        hits = [one for hit in sorted(glob.glob(str(path))) for one in _in_folder(Path(hit))]  # noqa: PTH207
        if not hits:
            raise SourceError(f"{name}: no folder with a repository or an app of Kamal's matches")
        yield from hits
    else:
        raise SourceError(f"{name}: no folder, no file of sources, and no URL of git")


def _of_folder(path: Path) -> Iterator[Found]:
    found = _in_folder(path)
    if not found:
        raise SourceError(f"{path}: no repository, no app of Kamal's, and none in the folders in it")
    yield from found


def _in_folder(path: Path) -> list[Found]:
    """A repository, a folder with an app, or all of these that are directly in a folder."""
    whole = Path(os.path.realpath(path))
    kind = _kind(whole)
    if kind:
        return [Found(str(whole), kind)]
    try:
        children = sorted(whole.iterdir()) if whole.is_dir() else []
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    return [Found(str(child), kind) for child in children if (kind := _kind(child))]


def _kind(path: Path) -> str:
    """What a folder is; empty where it is nothing for a batch."""
    there = partial(_is_there, path)
    if not there("."):
        return ""
    if there(".git") or all(map(there, ("HEAD", "objects", "refs"))):
        return REPOSITORY
    return FOLDER if there("config/deploy.yml") else ""


def _is_there(folder: Path, name: str) -> bool:
    """Whether a folder has that; one that nobody may look into has nothing."""
    return os.path.exists(folder / name)  # noqa: PTH110


def _of_list(path: Path) -> Iterator[Found]:
    """A file with one path or URL a line; `#` begins a comment."""
    data = path.read_bytes()
    if len(data) > MAX_BYTES or b"\0" in data:
        raise SourceError(f"{path}: this is no list of paths and URLs")
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").splitlines(), 1):
        name = line.partition(" #")[0].strip()
        if name and not name.startswith("#"):
            try:
                yield from _of(name, path.parent, listed=True)
            except SourceError as error:
                raise SourceError(f"{path}:{number}: {error}") from None
