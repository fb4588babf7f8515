"""What changes for the deployment, in words: the build before and after, compared with deepdiff."""

from __future__ import annotations

from typing import NamedTuple

from kamal_migrate.api import source_of
from kamal_migrate.engine import Plan, options_for
from kamal_migrate.kamal.builds import build_plan, words


class DeploymentChange(NamedTuple):
    """One thing that changes: for which views, what it is, before and after."""

    views: tuple[str, ...]
    what: str
    before: str
    after: str


def changes(plan: Plan) -> list[DeploymentChange]:
    """The differences of the builds, those that several views share said once."""
    if not plan.changed:
        return []
    from deepdiff import DeepDiff

    found: dict[tuple[str, str, str], list[str]] = {}
    order: list[str] = []
    for before, after in plan.views():
        source = source_of(options_for(before.config, plan.project, plan.options))
        then = build_plan(after, plan.options.to)
        if then.refusal:
            continue
        old, new = words(build_plan(before, source)), words(then)
        order = order or list(old)
        for path in DeepDiff(old, new).get("values_changed", {}) if old != new else ():
            what = path.removeprefix("root['").removesuffix("']")
            titles = found.setdefault((what, old[what], new[what]), [])
            if before.title not in titles:
                titles.append(before.title)
    rows = sorted(found.items(), key=lambda row: order.index(row[0][0]))
    return [DeploymentChange(tuple(titles), what, old, new) for (what, old, new), titles in rows]
