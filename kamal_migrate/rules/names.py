"""Names of secrets in a message: a few of them, and none that may be a value in its place."""

from __future__ import annotations

from collections.abc import Iterable

from kamal_migrate.masking import shown_name

MANY = 6


def listed_names(names: Iterable[str]) -> str:
    """The names, each once and in their order: all of them, or the first and how many more there are."""
    shown = [shown_name(name) for name in dict.fromkeys(names)]
    if len(shown) > MANY:
        shown[MANY - 1 :] = [f"{len(shown) - MANY + 1} more"]
    *others, last = shown
    return f"{', '.join(others)} and {last}" if others else last
