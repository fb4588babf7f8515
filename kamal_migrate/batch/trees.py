"""The trees of git: what is in a folder, as git stores it."""

from __future__ import annotations

import re
from typing import NamedTuple

from kamal_migrate.batch.calling import GitError

FOLDER = b"040000"


class Row(NamedTuple):
    """A row of a tree: its mode and its name as git has them, and the object."""

    mode: bytes
    name: bytes
    id: str


def rows_of(tree: bytes, width: int) -> list[Row]:
    """The rows of a tree; ``width`` is how many bytes the names of objects have. Raises `GitError`."""
    pattern = rb"([0-7]{5,6}) ([^\0]+)\0(.{%d})" % width
    found = [Row(match[1], match[2], match[3].hex()) for match in re.finditer(pattern, tree, re.DOTALL)]
    if sum(len(row.mode) + len(row.name) + 2 + width for row in found) != len(tree):
        raise GitError("a tree is broken")
    return found


def is_folder(row: Row) -> bool:
    """Whether a row of a tree is another tree."""
    return row.mode.zfill(6) == FOLDER


def text(name: bytes) -> str:
    """A name in a tree as a part of a path; what is no UTF-8 stays as it is."""
    return name.decode("utf-8", "surrogateescape")
