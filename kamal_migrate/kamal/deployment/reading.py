"""A view as one version of Kamal reads it: plain, without the keys that this version does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from kamal_migrate.kamal.keys import Key, table
from kamal_migrate.kamal.loading import Opaque, View, plain
from kamal_migrate.kamal.versions import Version

Table = dict[str, Any]
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def settings(view: View, version: Version) -> Table:
    """The merged config without what the version ignores; ERB is its source text."""
    found = _known(_readable(plain(view.data)), [_rows()], version)
    return found if isinstance(found, dict) else {}


def _readable(value: object) -> object:
    if isinstance(value, Opaque):
        return value.source
    if isinstance(value, dict):
        return {str(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


class _Step:
    """A step of the key table: the rows of its path, and the steps below."""

    __slots__ = ("below", "rows")

    def __init__(self) -> None:
        self.rows: list[Key] = []
        self.below: dict[str, _Step] = {}


@lru_cache(maxsize=1)
def _rows() -> _Step:
    root = _Step()
    for key in table():
        step = root
        for name in key.path:
            step = step.below.setdefault(name, _Step())
        step.rows.append(key)
    return root


def _known(value: object, steps: list[_Step], version: Version) -> object:
    """The value without the keys that have rows in the table, none of them of this version."""
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        found = [step.below[key] for key in (name, "*") for step in steps if key in step.below]
        rows = [row for step in found for row in step.rows]
        if not rows or any(row.known_to(version) for row in rows):
            kept[name] = _known(item, found, version)
    return kept


def mapping(value: object) -> Table:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def pairs(value: object) -> Table:
    """A mapping, also one that is written as a list of ``name=value`` or of small mappings."""
    if not isinstance(value, list):
        return mapping(value)
    found: Table = {}
    for item in value:
        if isinstance(item, dict):
            found.update(item)
        else:
            name, equals, said = text(item).partition("=")
            found[name] = said if equals else None
    return found


def items(value: object) -> list[Any]:
    """A list; a single value is a list of one, null an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text(value: object) -> str:
    """A scalar as Ruby writes it into a command; what should be one and is not, as JSON."""
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def texts(value: object) -> list[str]:
    """The members of a list as text."""
    return [text(item) for item in items(value)]


def or_none(value: object) -> str | None:
    """A scalar as text; None where it is null or blank."""
    found = text(value)
    return found if found.strip() else None


def present(value: object) -> bool:
    """Whether Rails calls a value present: false, null, blank text and empty collections are not."""
    if isinstance(value, str):
        return bool(value.strip())
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or bool(value)


def merged(base: Table, over: Table) -> Table:
    """Two mappings merged recursively; what the second says wins."""
    result = dict(base)
    for name, value in over.items():
        had = result.get(name)
        result[name] = merged(had, value) if isinstance(had, dict) and isinstance(value, dict) else value
    return result


def passed(value: object, version: Version) -> str | None:
    """What docker is given behind ``NAME=``; None for a bare name, which takes the shell's value, if any.

    Empty values are bare names in every version, an unquoted ``false`` before 2.3.0.
    """
    if value is False:
        return "false" if version >= Version(2, 3) else None
    return text(value) if present(value) else None


def seconds(value: object) -> int | float | str | None:
    """A duration in seconds: ``10``, ``10s``, ``1m30s``; what is none of these as its text."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _whole(float(value))
    said = text(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", said):
        return _whole(float(said))
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", said)
    if not parts or "".join(number + unit for number, unit in parts) != said:
        return said or None
    return _whole(round(sum(float(number) * _UNITS[unit] for number, unit in parts), 9))


def _whole(number: float) -> int | float:
    return int(number) if number == number // 1 else number


def number(value: object) -> int | str | None:
    """A whole number, also one in quotes; other text as it is, None where nothing is said."""
    said = or_none(value)
    return int(said) if said is not None and re.fullmatch(r"\d{1,18}", said) else said


def unique(values: Iterable[str]) -> list[str]:
    """The values in order, each once."""
    return list(dict.fromkeys(values))
