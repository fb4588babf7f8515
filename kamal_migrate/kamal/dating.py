"""Which Kamal deploys an app now, where no file names its version: dated by the keys of its config.

A key that a later version dropped, and `minimum_version`, bound the version (history M). A bound counts only
where every version within it reads a builder alike. Newer keys are no sign: up to 1.6.0 Kamal ignored what it
did not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from kamal_migrate.kamal.evidence import Pin, pinned
from kamal_migrate.kamal.keys import Key, table
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import NEWEST_1, Version, parse
from kamal_migrate.project import Config, Project
from kamal_migrate.yamldoc import Data
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


KAMAL_2 = Version(2)
_ONLY_2 = (
    ("proxy",), ("aliases",), ("deploy_timeout",), ("drain_timeout",), ("builder", "arch"),
    ("builder", "driver"), ("servers", "*", "proxy"), ("accessories", "*", "proxy"),
)  # fmt: skip
_ONLY_1 = (
    ("traefik",), ("healthcheck",), ("stop_wait_time",), ("builder", "multiarch"),
    ("servers", "*", "traefik"), ("servers", "*", "healthcheck"),
)  # fmt: skip


def speaks_kamal_2(view: View, source: Version | None = None) -> bool:
    """Whether a config is for Kamal 2: the version that deploys it is, where that is known.

    Else it has keys that only Kamal 2 knows, and none that only Kamal 1 knew.
    """
    if source is not None:
        return source >= KAMAL_2
    return has_keys_of_2(view) and not any(_has(view.data, path) for path in _ONLY_1)


def newest_for(seen: Iterable[View], target: Version) -> Version:
    """The newest Kamal that takes a config, by its views: ``target`` for one of Kamal 2."""
    return max((read_by(view, None, target) for view in seen), default=target)


def keys_of_2(view: View) -> list[str]:
    """The keys of a config that only Kamal 2 knows, such as ``builder.arch``."""
    return [".".join(path) for path in _ONLY_2 if _has(view.data, path)]


def has_keys_of_2(view: View) -> bool:
    """Whether a config has keys that only Kamal 2 knows, be it for Kamal 2 or on its way there."""
    return bool(keys_of_2(view))


def _has(data: Data, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    every = path[0] == "*" and data.kind == "map"
    names = [typed.name(key) for key, _ in data.value] if every else path[:1]
    found = (typed.get(data, (name,)) for name in names)
    return any(value is not None and _has(value, path[1:]) for value in found)


def read_by(view: View, source: Version | None, target: Version) -> Version:
    """The version that reads a view: the one that deploys it, else one of the major that it speaks."""
    if source and (source >= KAMAL_2 or not speaks_kamal_2(view)):
        return source
    return target if target >= KAMAL_2 and speaks_kamal_2(view) else NEWEST_1
