"""Campaigns over the whole apps of the fixtures, as reports see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from kamal_migrate.api import Options
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.work import Outcome, Work, work
from kamal_migrate.folder import read
from kamal_migrate.project import Project
from tests.support import APPS, FIXTURES


@cache
def work_of(app: str) -> Work:
    """What is to be done in one of the apps."""
    return work(read(FIXTURES / APPS / app / "before", ()).project, Options())


class Campaign:
    """Rows, and the report of each."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._reports: dict[str, Mapping[str, Any]] = {}

    def report(self, row: Row) -> Mapping[str, Any]:
        """As the state of a campaign gives it."""
        return self._reports.get(row.source, {})

    def add(self, source: str, made: Work, **settings: Any) -> Row:
        """Take up a repository that was planned."""
        row = Row(source, "url", Stage.PLANNED, made.outcome, made.reason, trunk="main", **settings)
        self.rows.append(row)
        self._reports[source] = made.report
        return row

    def add_files(self, source: str, files: Mapping[str, str], options: Options | None = None) -> Row:
        """Take up a repository with these files."""
        return self.add(source, work(Project("app", dict(files)), options or Options()))


def of_apps(names: Iterable[str]) -> Campaign:
    """A campaign over some of the apps."""
    made = Campaign()
    for name in names:
        made.add(f"https://git.example.com/acme/{name}.git", work_of(name))
    return made


def with_all_outcomes() -> Campaign:
    """A campaign with a repository of each outcome."""
    made = of_apps(["abacus", "explicit", "harvest", "shop", "tidepool"])
    base = "https://git.example.com/acme"
    made.add(f"{base}/broken.git", Work(Outcome.FAILED, "config/deploy.yml:12:3: a tab indents this line"))
    made.add(
        f"{base}/humans.git", Work(Outcome.REFUSED, "branch `x` has commits that are not this campaign's")
    )
    made.add(f"{base}/website.git", Work(Outcome.NO_KAMAL))
    made.rows.append(Row(f"{base}/later.git", "url"))
    return made
