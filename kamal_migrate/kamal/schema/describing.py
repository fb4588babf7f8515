"""What an editor shows of a key: what it does, its default, since when it is known, and what replaces it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kamal_migrate.kamal.keys import Key, table
from kamal_migrate.kamal.schema.words import WORDS, WORDS_1
from kamal_migrate.kamal.validation.shapes import Pattern
from kamal_migrate.kamal.versions import Version

# The places where a section stands that is described once.
_ALIKE = (("servers", "*"), ("accessories", "*"))
_SHARED = frozenset({"env", "logging", "proxy", "registry", "healthcheck", "labels", "options"})


def described(path: Pattern, version: Version) -> dict[str, Any]:
    """The annotations of a key, as JSON Schema and the YAML language server name them."""
    rows = [key for key in table() if key.path == path]
    key = next((key for key in rows if key.known_to(version)), rows[-1] if rows else None)
    if key is None:
        return {}
    found: dict[str, Any] = {}
    if text := " ".join(_sentences(key, version)):
        found["description"] = text
    if isinstance(key.default, bool | int):
        found["default"] = key.default
    if key.until is not None:
        found |= {"deprecated": True, "deprecationMessage": _deprecation(key, version)}
    return found


def _sentences(key: Key, version: Version) -> Iterator[str]:
    name = ".".join(_described_at(key.path))
    if words := (version.major < 2 and WORDS_1.get(name)) or WORDS.get(name):
        yield words
    if key.default is not None:
        yield f"Default: {_printed(key.default)}."
    if key.since > Version(version.major):
        yield f"Kamal {key.since.short}+."


def _described_at(path: Pattern) -> Pattern:
    """The place of the words: a role's or an accessory's `proxy` is what the root's is."""
    is_shared = path[:2] in _ALIKE and len(path) > 2 and path[2] in _SHARED
    return path[2:] if is_shared and ".".join(path) not in WORDS else path


def _printed(default: object) -> str:
    if isinstance(default, dict):
        return ", ".join(f"{name}: {value}" for name, value in default.items())
    if isinstance(default, list):
        return ", ".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


def _deprecation(key: Key, version: Version) -> str:
    instead = key.replaced_by if key.replaced_by and not key.replaced_by.startswith("none") else ""
    if key.refused_from:
        says = f"Kamal {key.refused_from.short} refuses it."
    else:
        says = "Does nothing." if key.until and version > key.until else "Kamal 2 ignores it."
    return f"{says} Instead: {instead}." if instead else says
