"""Which Kamal deploys an app now, where no file names its version: dated by the keys of its config.

A key that a later version dropped, and `minimum_version`, bound the version (history M). A bound counts only
where every version within it reads a builder alike. Newer keys are no sign: up to 1.6.0 Kamal ignored what it
did not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from kamal_migrate.kamal.evidence import Pin, pinned
from kamal_migrate.kamal.keys import Key, table
from kamal_migrate.kamal.versions import NEWEST_1, Version, parse
from kamal_migrate.project import Config, Project
from kamal_migrate.yamldoc import data as typed

# Where the meaning of a builder changed: `local.arch`, the context, `local` with `remote`.
TURNS = (Version(1, 4), Version(1, 5), Version(1, 8, 3))


class _Sign(NamedTuple):
    low: Version
    high: Version
    source: str


def dated(project: Project, config: Config) -> Pin | None:
    """The version that a lock file or CI names for a config's app, else one that its keys tell.

    Raises `InputError`.
    """
    named = pinned(project, config.base)
    if named:
        return named
    signs = list(_signs(project, config))
    low = max((sign.low for sign in signs), default=Version(0))
    high = min((sign.high for sign in signs), default=NEWEST_1)
    if not signs or low > high or any(low < turn <= high for turn in TURNS):
        return None
    newest = min(signs, key=lambda sign: sign.high)
    if newest.high < NEWEST_1:
        return Pin(high, newest.source, "at most ")
    return Pin(low, max(signs, key=lambda sign: sign.low).source, "at least ")


@lru_cache(maxsize=1)
def _dropped() -> tuple[Key, ...]:
    """The root keys that a Kamal 1 or MRSK dropped."""
    return tuple(row for row in table() if len(row.path) == 1 and row.until and row.until < NEWEST_1)


def _signs(project: Project, config: Config) -> Iterator[_Sign]:
    for path in config.paths:
        for doc in project.document(path).docs:
            for row in _dropped():
                if row.until and typed.get(doc.effective, row.path) is not None:
                    yield _Sign(row.since, row.until, f"`{row.path[0]}` in {path}")
            minimum = typed.get(doc.effective, ("minimum_version",))
            version = (
                parse(str(minimum.value)) if minimum and minimum.kind in ("str", "float", "int") else None
            )
            if version and version <= NEWEST_1:
                yield _Sign(version, NEWEST_1, f"minimum_version in {path}")
