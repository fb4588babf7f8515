"""The report for programs: one JSON object in ASCII; ``schema.json`` beside this file is its schema."""

from __future__ import annotations

import json

from kamal_migrate.engine import Plan, Planned, options_for
from kamal_migrate.masking import mask, shown_name
from kamal_migrate.report.deployment import changes
from kamal_migrate.report.hunks import masked_hunks

SCHEMA_VERSION = 1


def as_json(
    plan: Plan, *, written: bool, exit_code: int, verified: list[dict[str, object]] | None = None
) -> str:
    """The report of a plan as JSON, two spaces deep, secrets masked; ``verified`` is what Kamal says."""
    return json.dumps(as_dict(plan, written=written, exit_code=exit_code, verified=verified), indent=2)


def as_dict(
    plan: Plan, *, written: bool, exit_code: int, verified: list[dict[str, object]] | None = None
) -> dict[str, object]:
    """The same as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "app": plan.project.name,
        "from": _source(plan),
        "to": str(plan.options.to),
        "configs": [{"base": c.base, "destinations": dict(c.destinations)} for c in plan.project.configs],
        "findings": [_finding(item) for item in plan.findings],
        "files": [_file(plan, path) for path in plan.changed],
        "deployment": [
            {
                "views": list(change.views),
                "what": change.what,
                "before": mask(change.before),
                "after": mask(change.after),
                "findings": list(change.findings),
            }
            for change in changes(plan)
        ],
        "environment": [*map(shown_name, plan.environment)],
        "notes": [mask(note) for note in plan.notes],
        "verified": verified,
        "written": written,
        "exit_code": exit_code,
    }


def _source(plan: Plan) -> str | None:
    """The version that deploys the app now: the one given, else that of the first config."""
    first = plan.project.configs[0]
    source = options_for(first, plan.project, plan.options).source
    return str(source) if source else None


def _finding(item: Planned) -> dict[str, object]:
    finding = item.finding
    return {
        "id": finding.id,
        "safety": finding.safety.value,
        "key": list(finding.key),
        "message": mask(finding.message),
        "evidence": mask(finding.evidence) or None,
        "todo": mask(finding.todo) or None,
        "notes": [mask(note) for note in finding.notes],
        "views": list(item.views),
        "locations": [
            {"path": place.path, "line": place.line, "column": place.column} for place in item.locations
        ],
        "applied": item.applied,
        "held": item.held or None,
        "comments_removed": [{"path": path, "comment": mask(comment)} for path, comment in item.lost],
    }


def _file(plan: Plan, path: str) -> dict[str, object]:
    return {
        "path": path,
        "created": plan.renamed.get(path, path) not in plan.project.files,
        "renamed_from": plan.renamed.get(path),
        "hunks": [
            {
                "header": hunk.header,
                "lines": [sign + line.rstrip("\r\n") for sign, line in hunk.lines],
            }
            for hunk in masked_hunks(plan, path)
        ],
    }
