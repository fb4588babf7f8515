"""All that a report of a campaign says of one repository, as plain data with its secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamal_migrate.engine import Plan, Planned
from kamal_migrate.kamal.app import apps
from kamal_migrate.kamal.hosting import hostings
from kamal_migrate.kamal.pushes import pushes
from kamal_migrate.kamal.steps import runbooks
from kamal_migrate.masking import mask
from kamal_migrate.report.hosts import deployed
from kamal_migrate.report.json import as_dict
from kamal_migrate.report.reasons import of_file, of_hunks
from kamal_migrate.report.steps import as_dict as steps_as_dict


def detail(made: Plan) -> dict[str, Any]:
    """The report of one app, as ``--format json`` has it, and what goes beyond.

    ``reasons`` come to each file and hunk, ``hosts`` are those of the result with what they pull,
    ``deploys_on_push`` the files of CI that deploy by themselves, with the branches; where files change,
    ``steps`` are the runbook from then on. ``exit_code`` is 0: what is left for hands the caller knows.
    """
    report: dict[str, Any] = as_dict(made, written=False, exit_code=0)
    numbers = {id(item): number for number, item in enumerate(made.findings)}
    for file in report["files"]:
        path = file["path"]
        file["reasons"] = [_reason(item, path, numbers) for item in of_file(made, path)]
        for hunk, (_, items) in zip(file["hunks"], of_hunks(made, path), strict=True):
            hunk["reasons"] = [_reason(item, path, numbers) for item in items]
    report["hosts"] = list(_hosts(made))
    report["deploys_on_push"] = [
        {"path": mask(push.path), "branches": list(push.branches)}
        for push in dict.fromkeys(push for app in apps(made.project) for push in pushes(app))
    ]
    if made.changed or made.renamed:
        after = runbooks(made.after, made.options.to, made.options.source, made.project, written=True)
        report["steps"] = steps_as_dict(after)
    return report


def misfits(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The hosts of such a report that pull an image which has nothing for them."""
    return [host for one in report.get("hosts", ()) for host in one["hosts"] if host["fits"] is False]


def _reason(item: Planned, path: str, numbers: dict[int, int]) -> dict[str, object]:
    """Why a file or hunk changes: the number of the finding, and what it says there."""
    finding = item.in_file(path)
    return {
        "finding": numbers[id(item)],
        "message": mask(finding.message),
        "evidence": mask(finding.evidence) or None,
        "notes": [mask(note) for note in finding.notes],
    }


def _hosts(made: Plan) -> Iterator[dict[str, object]]:
    for app in apps(made.after):
        for config in app.configs:
            for hosting in hostings(app, config, made.options.to, made.options.inventory):
                yield deployed(hosting)
