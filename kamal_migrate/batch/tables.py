"""The tables of a campaign's file, and how repositories and paths are put into them."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any

from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.work import Outcome

SCHEMA_VERSION = 3
TABLES = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE repository (
  source TEXT PRIMARY KEY, position INTEGER NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL,
  outcome TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', arch INTEGER NOT NULL DEFAULT 0,
  input TEXT NOT NULL DEFAULT '', base TEXT NOT NULL DEFAULT '', trunk TEXT NOT NULL DEFAULT '',
  branch TEXT NOT NULL DEFAULT '', made TEXT NOT NULL DEFAULT '', pushed TEXT NOT NULL DEFAULT '',
  link TEXT NOT NULL DEFAULT '', written INTEGER NOT NULL DEFAULT 0,
  only_hands INTEGER NOT NULL DEFAULT 0, remote TEXT NOT NULL DEFAULT '', report BLOB NOT NULL DEFAULT x''
);
CREATE TABLE file (
  source TEXT NOT NULL, path TEXT NOT NULL, data BLOB, renamed_from TEXT,
  PRIMARY KEY (source, path)
);
CREATE TABLE original (
  source TEXT NOT NULL, path TEXT NOT NULL, data BLOB, mode INTEGER, written BLOB, around TEXT NOT NULL,
  PRIMARY KEY (source, path)
);
"""
COLUMNS = (
    "source", "kind", "stage", "outcome", "reason", "arch", "input", "base", "trunk", "branch", "made",
    "pushed", "link", "written", "only_hands", "remote",
)  # fmt: skip


def bound(text: str | None) -> str | bytes | None:
    """A text as SQLite takes it: a path that is no UTF-8, as its bytes."""
    try:
        if text is not None:
            text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text or "")
    return text


def text_of(value: Any) -> Any:
    """The text that was `bound`."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def values_of(row: Row) -> tuple[object, ...]:
    """A repository as its row holds it, but for what it is known by: the values of all `COLUMNS` but one."""
    return tuple(_value(getattr(row, name)) for name in COLUMNS[1:])


def _value(field: object) -> object:
    if isinstance(field, Enum):
        return field.value
    return "" if field is None else bound(field) if isinstance(field, str) else field


def row_of(values: tuple[Any, ...]) -> Row:
    """The repository of a row with all `COLUMNS`."""
    found = dict(zip(COLUMNS, map(text_of, values), strict=True))
    outcome = Outcome(found["outcome"]) if found["outcome"] else None
    flags = {name: bool(found[name]) for name in ("arch", "written", "only_hands")}
    return Row(**{**found, **flags, "stage": Stage(found["stage"]), "outcome": outcome})
