"""How rules say several things in one line."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """Names as people say them: ``a``, ``a and b``, ``a, b and c``; ERB as code."""
    *others, last = [f"`{name}`" if "<%" in name else name for name in names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def verb(names: Iterable[object], one: str, several: str) -> str:
    """The form of a verb that goes with so many names."""
    return one if len(list(names)) == 1 else several
