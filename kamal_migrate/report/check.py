"""What `check` found: a line for each problem, or JSON, or GitHub's annotations; secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from kamal_migrate.checking import Checked, Problem
from kamal_migrate.masking import mask
from kamal_migrate.project import Config
from kamal_migrate.report.terminal import Line, printable, wrapped
from kamal_migrate.rules import Severity

SCHEMA_VERSION = 2
_STYLES = {Severity.ERROR: "", Severity.WARNING: "", Severity.NOTE: "dim"}


def lines(checked: Checked, rewriting: str = "") -> Iterator[Line]:
    """Every problem with its place, and how many there are; one calm line where there is none.

    ``rewriting`` is a command that shows what of it is rewritten, empty where nothing is.
    """
    for problem in checked.problems:
        style = _STYLES[problem.severity]
        yield from wrapped(_problem(problem, checked.configs), 0, style, hang=2)
        for way in problem.ways:
            yield from wrapped(f"- {mask(way)}", 4, style, hang=2)
    yield from wrapped(_closing(checked, rewriting), 0, "head", hang=2)


def _problem(problem: Problem, configs: Sequence[Config]) -> str:
    place = problem.location
    said, where = f"{problem.severity.value}[{problem.rule}]", _where(problem, configs)
    return f"{place.path}:{place.line}:{place.column}  {said} {mask(problem.message)}{where}"


def _where(problem: Problem, configs: Sequence[Config]) -> str:
    """The views that a problem is in, where it is not in all of them."""
    if set(problem.views) == set(problem.looked_at):
        return ""
    bases = {config.base for config in configs}
    names = ["without a destination" if name in bases else name for name in problem.views]
    return f" ({', '.join(names)})" if names else ""


def _closing(checked: Checked, rewriting: str) -> str:
    where, version = "; ".join(map(_named, checked.configs)), checked.version.short
    if not checked.problems:
        return f"{where}: nothing wrong for Kamal {version}"
    counts = [(severity, len(_of(checked, severity))) for severity in Severity]
    told = [f"{count} {severity.value}{'s' if count > 1 else ''}" for severity, count in counts if count]
    more = f"; {rewriting} shows what it would rewrite" if rewriting else ""
    return f"{', '.join(told)} for Kamal {version} in {where}{more}"


def _of(checked: Checked, severity: Severity) -> list[Problem]:
    return [problem for problem in checked.problems if problem.severity is severity]


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
    }
    return json.dumps(report, indent=2)


def _row(problem: Problem) -> dict[str, object]:
    place = problem.location
    return {
        "rule": problem.rule,
        "severity": problem.severity.value,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "key": list(problem.key),
        "message": mask(problem.message),
        "views": list(problem.views),
        "ways": [mask(way) for way in problem.ways],
        "fixed_by": problem.fixed_by,
    }


_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_annotations(checked: Checked) -> Iterator[str]:
    """The problems as workflow commands of GitHub Actions, which shows them at their lines."""
    for problem in checked.problems:
        place = problem.location
        rows = (mask(problem.message), *(f"- {mask(way)}" for way in problem.ways))
        text = "\n".join(map(printable, rows))
        about = {"file": place.path, "line": place.line, "col": place.column, "title": problem.rule}
        told = ",".join(f"{name}={_property(printable(str(value)))}" for name, value in about.items())
        yield f"::{_COMMANDS[problem.severity]} {told}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
