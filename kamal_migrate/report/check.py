"""What `check` found: a line for each problem, or JSON; secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kamal_migrate.checking import Checked, Problem
from kamal_migrate.project import Config
from kamal_migrate.report.masking import mask
from kamal_migrate.report.terminal import Line, wrapped

SCHEMA_VERSION = 1


def lines(checked: Checked) -> Iterator[Line]:
    """Every problem with its place, and how many there are; one calm line where there is none."""
    for problem in checked.problems:
        yield from wrapped(_problem(problem), 0, hang=2)
    for problem in checked.unknown:
        yield from wrapped(f"note: {_problem(problem)}", 0, "dim", hang=2)
    yield from wrapped(_closing(checked), 0, "head", hang=2)


def _problem(problem: Problem) -> str:
    place = problem.location
    names = [name for name in problem.views if name != place.path]
    seen = f" ({', '.join(names)})" if names else ""
    return f"{place.path}:{place.line}:{place.column}  {mask(problem.message)}{seen}"


def _closing(checked: Checked) -> str:
    where, version = "; ".join(map(_named, checked.configs)), checked.version.short
    count = len(checked.problems)
    if not count:
        return f"{where}: nothing that Kamal {version} refuses"
    return f"{count} problem{'s' if count > 1 else ''} for Kamal {version} in {where}"


def _named(config: Config) -> str:
    """A config with its destinations, as people say it."""
    *others, last = [*config.destinations] or [""]
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{config.base} with {listed}" if listed else config.base


def as_json(checked: Checked) -> str:
    """The problems for programs, two spaces deep."""
    report = {
        "schema_version": SCHEMA_VERSION,
        "for": str(checked.version),
        "configs": [{"base": c.base, "destinations": dict(c.destinations)} for c in checked.configs],
        "problems": [_row(problem) for problem in checked.problems],
        "unknown_keys": [_row(problem) for problem in checked.unknown],
    }
    return json.dumps(report, indent=2)


def _row(problem: Problem) -> dict[str, object]:
    place = problem.location
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "key": list(problem.key),
        "message": mask(problem.message),
        "views": list(problem.views),
    }
