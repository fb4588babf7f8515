"""A campaign as one page that needs nothing else: no network, no other file. It is written part by part."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from kamal_migrate import __version__
from kamal_migrate.batch.report import MADE_BY
from kamal_migrate.batch.report import repository as about
from kamal_migrate.batch.report.sides import sides
from kamal_migrate.batch.row import SAID, Row
from kamal_migrate.masking import mask
from kamal_migrate.report.deployment import DeploymentChange
from kamal_migrate.report.lines import printable


class Opened(NamedTuple):
    """A repository with all that is shown when it is opened."""

    entry: about.Entry
    report: about.Report
    trunk: str
    changes: list[DeploymentChange]
    everywhere: frozenset[str]
    tasks: list[about.Task]
    runbooks: list[about.Report]
    automatic: about.Automatic | None


def parts(campaign: str, rows: Sequence[Row], reports: about.Reports) -> Iterator[str]:
    """The page in parts; the report of only one repository is in memory at a time."""
    counted = Counter(row.said for row in rows)
    style, script = _text("page.css"), _text("page.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .generate(
            campaign=campaign,
            made_by=f"{MADE_BY} {__version__}",
            totals=[(outcome, counted[outcome]) for outcome in SAID if counted[outcome]],
            entries=list(about.entries(rows, reports)),
            opened=_opened(rows, reports),
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )


def _opened(rows: Sequence[Row], reports: about.Reports) -> Iterator[Opened]:
    for row, entry in zip(rows, about.entries(rows, reports), strict=True):
        report = reports(row)
        if report:
            found = (about.changes(report), about.views(report), about.tasks(report), about.runbooks(report))
            yield Opened(entry, report, row.trunk, *found, about.automatic(report, row.trunk))


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: this style and this script, and nothing else from anywhere."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(name: str) -> str:
    return files("kamal_migrate.batch.report").joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("kamal_migrate.batch", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters.update(
        pieces=about.pieces, reasons=about.reasons, run_in=about.run_in, sides=sides, mask=mask
    )
    return made


def _shown(value: Any) -> Any:
    """What is put into the page: nothing in it reorders what is read, or cannot be seen."""
    return printable(value) if type(value) is str else value
