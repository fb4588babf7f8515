"""What changes for the deployment, in words; what several views have in common is said once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.engine import Plan
from kamal_migrate.kamal.deployment import part_words, unsaid
from kamal_migrate.masking import MASK, is_secret

_NOTHING: tuple[object, ...] = (None, False, [], {})


class DeploymentChange(NamedTuple):
    """One thing that changes: for which views, what, before and after, and the findings that announce it.

    Without any finding it is what Kamal 2 does otherwise by itself.
    """

    views: tuple[str, ...]
    what: str
    before: str
    after: str
    findings: tuple[str, ...] = ()


def changes(plan: Plan) -> list[DeploymentChange]:
    """The differences of the deployment, in its order."""
    found: dict[tuple[str, str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for config, view, rows in plan.deployment:
        for difference, findings, _ in rows:
            path = difference.path
            row = difference.words, _shown(difference.before, path), _shown(difference.after, path)
            if row[1] == row[2] != MASK:
                continue  # Another notation, such as a list of one.
            titles, told = found.setdefault(row, ({}, {}))
            titles[_named(plan, config, view)] = None
            told.update(dict.fromkeys(findings))
    return [DeploymentChange(tuple(titles), *row, tuple(told)) for row, (titles, told) in found.items()]


def compared(plan: Plan) -> tuple[str, ...]:
    """Every view whose deployment is compared, named as in `changes`."""
    return tuple(dict.fromkeys(_named(plan, config, view) for config, view, _ in plan.deployment))


def _named(plan: Plan, config: str, view: str) -> str:
    """A view's title, with its config where several have a destination of that name."""
    several = sum(view in config.destinations for config in plan.project.configs) > 1
    return f"{view} of {config}" if several else view


def _shown(value: object, path: tuple[str, ...]) -> str:
    """A part in words; what a name says is a secret is hidden, but that it is there."""
    hidden = any(map(is_secret, path)) and isinstance(value, str) and value != "set"
    return MASK if hidden else said(value, path)


def said(value: object, path: tuple[str, ...] = ()) -> str:
    """A part of a deployment in words; of a whole role, accessory or proxy what it says."""
    if value is None or value in ("", [], {}):
        return unsaid(path)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(said(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(_parts(value, path))
    return str(value)


def _parts(value: dict[str, object], path: tuple[str, ...]) -> Iterator[str]:
    """What a mapping says, each part with its name."""
    for name, item in value.items():
        if item not in _NOTHING:
            below = (*path, name)
            words = part_words(below).removeprefix(f"{part_words(path)} ")
            yield f"{words} {_shown(item, below)}"
