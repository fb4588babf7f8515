"""A campaign for programs: one JSON object in ASCII, written repository by repository."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import indent

from kamal_migrate import __version__
from kamal_migrate.batch.report import MADE_BY
from kamal_migrate.batch.report.repository import Reports
from kamal_migrate.batch.row import SAID, Row
from kamal_migrate.masking import mask, mask_message

SCHEMA_VERSION = 1


def parts(campaign: str, rows: Sequence[Row], reports: Reports) -> Iterator[str]:
    """The report in parts, two spaces deep, secrets masked; only one repository's is in memory at a time."""
    counted = Counter(row.said for row in rows)
    head = {
        "schema_version": SCHEMA_VERSION,
        "made_by": f"{MADE_BY} {__version__}",
        "campaign": campaign,
        "totals": {outcome: counted[outcome] for outcome in SAID},
    }
    yield json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "repositories": ['
    for number, row in enumerate(rows):
        text = json.dumps(_repository(row, reports), indent=2)
        yield f"{',' if number else ''}\n{indent(text, '    ')}"
    yield "\n  ]\n}\n" if rows else "]\n}\n"


def _repository(row: Row, reports: Reports) -> dict[str, object]:
    return {
        "name": mask(row.name),
        "source": mask(row.source),
        "outcome": row.said,
        "reason": mask_message(row.reason) or None,
        "stage": row.stage.value,
        "base": row.base or None,
        "trunk": row.trunk or None,
        "branch": row.branch or None,
        "commit": row.made or None,
        "pushed": row.pushed or None,
        "link": mask(row.link) or None,
        "report": dict(reports(row)) or None,
    }
