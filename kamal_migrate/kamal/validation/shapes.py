"""What each key wants to hold, by version: the key table, and the few things that its types do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from kamal_migrate.kamal.keys import Key, table
from kamal_migrate.kamal.versions import Version


class Shape(NamedTuple):
    """What a key wants: a row of `types.CHECKS`, and for ``keys`` the shapes of the keys below."""

    kind: str
    keys: Mapping[str, Shape] = MappingProxyType({})


Pattern = tuple[str, ...]
ROOT: Pattern = ()
ROLE: Pattern = ("servers", "*")
ACCESSORY: Pattern = ("accessories", "*")

# These check what is in their sections themselves, later; at first only the sections' own types count.
_HOLDERS = frozenset({ROOT, ROLE, ACCESSORY, ("traefik",)})
_SECTIONS = frozenset({
    "accessories", "aliases", "boot", "builder", "env", "healthcheck", "logging", "output", "proxy",
    "registry", "servers", "ssh", "sshkit", "traefik",
})  # fmt: skip
_BY_NAME = {("options", "keys"): "map", ("labels", "keys"): "strings", ("hosts", "list"): "servers"}
_BY_TYPE = (("string", "string"), ("array", "list"), ("int", "integer"), ("bool", "boolean"), ("map", "keys"))

# What the validator of a version says of a key by name (lib/kamal/configuration/validator.rb of each tag).
_BY_VERSION: dict[Pattern, tuple[tuple[Version, str], ...]] = {
    ("servers",): ((Version(1, 7), "list or map"),),
    ("builder", "args"): ((Version(1, 7), "strings"), (Version(1, 7, 3), "map")),
    ("traefik", "args"): ((Version(1, 7), "strings"), (Version(1, 7, 3), "map")),
    ("builder", "arch"): ((Version(2), "strings or string"),),
    ("proxy", "ssl"): (
        (Version(2), "boolean"),
        (Version(2, 7), "boolean or boolean or map"),
        (Version(2, 9), "boolean or map"),
    ),
    ("ssh", "config"): ((Version(2, 1), "boolean"), (Version(2, 9), "ssh config")),
    (*ACCESSORY, "files"): ((Version(1, 7), "list"), (Version(2, 10), "paths")),
    (*ACCESSORY, "directories"): ((Version(1, 7), "list"), (Version(2, 10), "paths")),
    ("hooks_output",): ((Version(2, 11), "levels"),),
}
# Still validated, though it does nothing from 2.0.0 on (issue #1725).
_STILL_TAKEN = frozenset({("run_directory",)})


@lru_cache(maxsize=64)
def shapes(version: Version, section: Pattern) -> Mapping[str, Shape]:
    """The keys that a version knows in a section, by name."""
    rows = (key for key in table() if key.path[:-1] == section and key.path[-1] not in ("*", "x-*"))
    return {key.path[-1]: _shape(key, version) for key in rows if _is_taken(key, version)}


def _is_taken(key: Key, version: Version) -> bool:
    return key.known_to(version) or (key.path in _STILL_TAKEN and key.since <= version)


def _shape(key: Key, version: Version) -> Shape:
    name, holder = key.path[-1], key.path[:-1]
    changes = [kind for since, kind in _BY_VERSION.get(key.path, ()) if since <= version]
    if changes:
        return Shape(changes[-1])
    if name in _SECTIONS and holder in _HOLDERS and "map" in key.types:
        return Shape("map or boolean" if name == "proxy" else "map")
    kind = next(kind for word, kind in _BY_TYPE if any(given.startswith(word) for given in key.types))
    kind = _BY_NAME.get((name, kind), kind)
    return Shape(kind, shapes(version, key.path)) if kind == "keys" else Shape(kind)
