"""Reads what a repository is planned from: the tree of its default branch, or a folder as it is on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from kamal_migrate import __version__
from kamal_migrate.api import Options
from kamal_migrate.batch.calling import GitError
from kamal_migrate.batch.fetching import copied, copy_name, fetch_files, fetched
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.orders import Orders
from kamal_migrate.batch.places import cache_folder
from kamal_migrate.batch.pushing import pushed_to
from kamal_migrate.batch.repository import Repository, opened
from kamal_migrate.batch.row import Row
from kamal_migrate.batch.snapshot import LINK, Entry, Snapshot
from kamal_migrate.batch.sources import FOLDER, URL
from kamal_migrate.folder import Folder, read
from kamal_migrate.project import InputError, Project
from kamal_migrate.reading import read_project, wanted
from kamal_migrate.settings import FILE, Settings, find_settings, parse_settings


@dataclass(frozen=True)
class Input:
    """What a repository is planned from: its project, with the options for it.

    ``fingerprint`` tells it from any other input; ``base`` is the commit and ``trunk`` the branch that it is
    the tree of, both empty for a folder on disk; ``remote`` is where it is pushed to, see `pushed_to`;
    ``links`` are the paths in it that are links, and where these lead.
    """

    project: Project
    options: Options
    fingerprint: str
    base: str = ""
    trunk: str = ""
    remote: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def read_input(row: Row, orders: Orders) -> Input:
    """The input of a repository. Raises `InputError`, `GitError` and `SettingsError`."""
    if orders.in_place:
        return _of_folder(row, read(working_tree(row), orders.configs, inside=True), orders)
    if row.kind == FOLDER:
        raise GitError("this folder is no repository; add --in-place to write into it")
    with Objects(repository_of(row, orders)) as objects:
        top = objects.head()
        source = _snapshot(row, objects, top.commit, orders)
        project = read_project(source, orders.configs).project
        settings = _settings(source) or find_settings(_beside(row))
        remote = pushed_to(objects.repository)
    links = {path: source.identity(path) for path in project.files if source.identity(path) != path}
    made = _input(row, project, settings, orders)
    return replace(made, base=top.commit, trunk=top.branch or "", remote=remote, links=links)


def _snapshot(row: Row, objects: Objects, commit: str, orders: Orders) -> Snapshot:
    """The tree of a commit; of a copy without files those that matter are fetched, all at once."""
    entries = objects.entries(commit)
    found: dict[str, bytes] = {}
    asked = set(_links(entries))

    def load(name: str) -> bytes:
        if name not in found:
            if name not in asked:
                asked.add(name)
                fetch_files(objects, [name], orders.timeout)
            found[name] = objects.blob(name)
        return found[name]

    source = Snapshot(row.name, entries, load)
    matters = [entries[path].object for path in wanted(source)]
    asked.update(matters)
    fetch_files(objects, asked, orders.timeout)
    found.update(objects.blobs(matters))
    return source


def _links(entries: Mapping[str, Entry]) -> list[str]:
    """What links lead to is in them, and one may be a config."""
    return [entry.object for entry in entries.values() if entry.mode == LINK]


def working_tree(row: Row) -> Path:
    """The folder that is written into. Raises `GitError` where there is none."""
    if row.kind == URL or (Path(row.source) / "objects").is_dir():
        raise GitError("there is no working tree to write into; leave out --in-place")
    return Path(row.source)


def repository_of(row: Row, orders: Orders, *, update: bool = True) -> Repository:
    """The repository of a row; the copy of one at a URL is made, or brought up to date. Raises `GitError`."""
    if row.kind != URL:
        return opened(Path(row.source))
    copy = cache_folder(orders.campaign) / copy_name(row.source)
    return fetched(row.source, copy, orders.timeout) if update else copied(row.source, copy)


def _beside(row: Row) -> Path:
    return Path() if row.kind == URL else Path(row.source)


def _settings(source: Snapshot) -> Settings | None:
    """The settings in the repository itself. Raises `SettingsError`."""
    try:
        return parse_settings(source.bytes(FILE).decode("utf-8", "replace")) if source.has(FILE) else None
    except InputError:
        return None


def _of_folder(row: Row, folder: Folder, orders: Orders) -> Input:
    return _input(row, folder.project, find_settings(folder.root), orders)


def _input(row: Row, project: Project, settings: Settings, orders: Orders) -> Input:
    options = orders.options(project, settings, _beside(row))
    return Input(project, options, f"{_around(row, orders)}:{_fingerprint(project, options)}")


def _fingerprint(project: Project, options: Options) -> str:
    """Of the files, and of what is asked for."""
    found = hashlib.sha256(repr((options, sorted(project.ignored))).encode("utf-8", "backslashreplace"))
    for path, text in sorted(project.files.items()):
        for part in (path, text):
            data = part.encode("utf-8", "surrogateescape")
            found.update(b"%d:" % len(data) + data)
    return found.hexdigest()


def _around(row: Row, orders: Orders) -> str:
    """A fingerprint of this tool, of the user's own codemods, and of the settings beside a repository."""
    given = (orders.codemods, _codemods(orders.codemods), orders.inventory, _text(orders.inventory))
    asked = (__version__, given, find_settings(_beside(row)))
    return hashlib.sha256(repr(asked).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def may_be_as_planned(row: Row, orders: Orders) -> bool:
    """Whether all around is as it was, so that a repository with the same commit needs no other plan."""
    if orders.in_place or row.kind == FOLDER:
        return False
    return row.input.startswith(f"{_around(row, orders)}:")


def _text(file: str) -> bytes:
    try:
        return Path(file).read_bytes() if file else b""
    except OSError:
        return b""


@cache
def _codemods(folder: str) -> str:
    """Tells the user's own codemods from what they were when something was planned with them."""
    found = hashlib.sha256()
    for file in sorted(Path(folder).glob("*.py")) if folder else ():
        found.update(file.read_bytes())
    return found.hexdigest()
