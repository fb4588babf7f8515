"""Durations as people write them: Kamal 1 passed text on to Docker, Kamal 2 wants whole seconds."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NUMBER = re.compile(r"\d{1,9}(?:\.\d*)?")
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)")
_LONGEST = 32


def seconds(value: object) -> float | None:
    """The seconds that a number, or a Docker duration such as ``1m30s``, says; None where it is neither."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or len(text) > _LONGEST or "".join(number + unit for number, unit in parts) != text:
        return None
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts), 6)


def whole_seconds(value: object) -> int | None:
    """The same where these are whole ones; None where they are not."""
    found = seconds(value)
    return int(found) if found is not None and found == int(found) else None


def at_least_one(value: object) -> int | None:
    """The same in the nearest whole seconds, at least one."""
    found = seconds(value)
    return None if found is None else max(1, round(found))
