"""What changes for the deployment, in words; what several views have in common is said once."""

from __future__ import annotations

from typing import NamedTuple

from kamal_migrate.engine import Plan
from kamal_migrate.report.masking import MASK, is_secret


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
    for view, difference, findings in plan.deployment:
        hidden = any(map(is_secret, difference.path))
        row = difference.words, _shown(difference.before, hidden), _shown(difference.after, hidden)
        titles, told = found.setdefault(row, ({}, {}))
        titles[view] = None
        told.update(dict.fromkeys(findings))
    return [DeploymentChange(tuple(titles), *row, tuple(told)) for row, (titles, told) in found.items()]


def _shown(value: object, hidden: bool) -> str:
    """A part in words; what a name says is a secret is hidden, but that it is there."""
    return MASK if hidden and isinstance(value, str) and value != "set" else said(value)


def said(value: object) -> str:
    """A part of a deployment in words."""
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(said(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {said(item)}" for name, item in value.items() if item is not None)
    return str(value)
