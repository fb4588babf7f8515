"""Kamal's key table: which keys a version knows. The facts were checked by running every release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path as FilePath
from typing import NamedTuple

from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed


class Key(NamedTuple):
    """A row: a key path with ``*`` for any name, its types, the versions that mean something by it.

    ``default`` is the value, or words for it; from ``refused_from`` on the key is an error.
    """

    path: tuple[str, ...]
    types: tuple[str, ...]
    since: Version
    until: Version | None
    replaced_by: str | None
    refused_from: Version | None
    default: object

    def known_to(self, version: Version) -> bool:
        """Whether this version knows the key."""
        return self.since <= version and (self.until is None or version <= self.until)


@lru_cache(maxsize=1)
def table() -> tuple[Key, ...]:
    """Every row of the key table."""
    text = FilePath(__file__).with_name("keys.json").read_text(encoding="utf-8")
    return tuple(
        Key(
            tuple(row["path"].replace("[]", ".*").split(".")),
            tuple(row["types"]),
            parse(row["since"]) or Version(0),
            _until(row),
            row.get("replaced_by"),
            parse(row["strict_error_from"] or ""),
            row.get("default"),
        )
        for row in json.loads(text)
    )


def _until(row: dict[str, str | None]) -> Version | None:
    """The last version in which the key does something."""
    if row["until"]:
        return parse(row["until"])
    ineffective = row.get("ineffective_from")
    return Version(1, 9, 3) if ineffective == "2.0.0" else None


class Branch:
    """The rows of one key path, and the branches of the keys below it.

    ``clean`` is true where a version knows every row here and below, whatever the types.
    """

    __slots__ = ("below", "clean", "rows")

    def __init__(self) -> None:
        self.rows: list[Key] = []
        self.below: dict[str, Branch] = {}
        self.clean = True


@lru_cache(maxsize=8)
def _root(version: Version) -> Branch:
    """The table as a tree by the steps of the paths, seen by a version."""
    root = Branch()
    for key in table():
        branch, way = root, [root]
        for step in key.path:
            branch = branch.below.setdefault(step, Branch())
            way.append(branch)
        branch.rows.append(key)
        if len(branch.rows) > 1 or not key.known_to(version):
            for passed in way:
                passed.clean = False
    return root


class Refused(NamedTuple):
    """A key of a config that the version does not know, though another one does, and what replaced it.

    ``retyped`` means that the version knows the key, with a value of another type.
    """

    path: Path
    replaced_by: str | None
    newer: bool
    retyped: bool


def refused(data: Data, version: Version) -> Iterator[Refused]:
    """The keys that another version of Kamal knows and this one does not; nothing below them."""
    yield from _refused(data, (), [_root(version)], version)


def _refused(data: Data, path: Path, branches: list[Branch], version: Version) -> Iterator[Refused]:
    for name, value in _children(data):
        found = [branch.below[step] for step in (name, "*") for branch in branches if step in branch.below]
        if all(branch.clean for branch in found):
            continue
        rows = next((branch.rows for branch in found if branch.rows), [])
        below = (*path, name)
        if rows and not any(key.known_to(version) and _accepts(key, value, rows) for key in rows):
            newer = all(key.since > version for key in rows)
            retyped = any(key.known_to(version) for key in rows)
            yield Refused(below, rows[0].replaced_by, newer, retyped)
        elif value.kind in ("map", "list"):
            yield from _refused(value, below, found, version)


def first_versions(data: Data, version: Version) -> Iterator[tuple[Path, Version]]:
    """The keys of a config that a version knows, and the first version that knew each."""
    yield from _first(data, (), [_root(version)], version)


def _first(
    data: Data, path: Path, branches: list[Branch], version: Version
) -> Iterator[tuple[Path, Version]]:
    for name, value in _children(data):
        found = [branch.below[step] for step in (name, "*") for branch in branches if step in branch.below]
        rows = next((branch.rows for branch in found if branch.rows), [])
        known = [key.since for key in rows if key.known_to(version) and _accepts(key, value, rows)]
        if known:
            yield (*path, name), min(known)
        if value.kind in ("map", "list"):
            yield from _first(value, (*path, name), found, version)


def _children(data: Data) -> Iterator[tuple[typed.Step, Data]]:
    if data.kind == "map":
        return ((typed.name(key), value) for key, value in data.value)
    return enumerate(data.value) if data.kind == "list" else iter(())


_KINDS = {"map": "map", "bool": "bool", "string": "str"}


def _accepts(key: Key, value: Data, rows: list[Key]) -> bool:
    """Whether the type fits; it is looked at only where two versions gave one key different types."""
    return (
        len(rows) == 1 or value.kind == "erb" or value.kind in {_KINDS.get(kind, kind) for kind in key.types}
    )
