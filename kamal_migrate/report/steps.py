"""The runbook for people, for programs, and as a checklist in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from kamal_migrate.api import Safety
from kamal_migrate.engine import Plan
from kamal_migrate.kamal.evidence import Pin
from kamal_migrate.kamal.steps import Runbook, Step, Task
from kamal_migrate.kamal.versions import Version
from kamal_migrate.masking import mask
from kamal_migrate.report.terminal import WIDTH, Line, printable, wrapped

SCHEMA_VERSION = 1
SHORT = 8


def tasks(plan: Plan) -> list[Task]:
    """What a plan leaves for hands, and what it does not do because the user did not want it."""
    return [
        Task(place.path, place.line, item.finding.message)
        for item in plan.findings
        if item.finding.safety is Safety.MANUAL or item.held
        for place in item.locations
    ]


def text(runbooks: Sequence[Runbook]) -> Iterator[Line]:
    """The steps, numbered, those of each destination under its name; commands are never broken."""
    for number, runbook in enumerate(runbooks):
        yield from [Line()] if number else []
        yield from wrapped(_headline(runbook), 0, "head", hang=2)
        if not runbook.steps:
            yield from wrapped(f"nothing to do for Kamal {runbook.target.short}", 2)
        yield from _unknown(runbook)
        several = len({step.destination for step in runbook.steps if step.destination is not None}) > 1
        above: str | None = None
        for count, step in enumerate(runbook.steps, 1):
            if several and step.destination is not None and step.destination != above:
                yield Line()
                yield Line(printable(_destination(step)), "head")
            above = step.destination
            yield Line()
            yield from _step(count, step)


def _headline(runbook: Runbook) -> str:
    return f"{runbook.service}: {runbook.config} · {_came_from(runbook.source)} → {runbook.target.short}"


def _came_from(pin: Pin | None) -> str:
    if pin is None:
        return "Kamal of unknown version"
    name = "MRSK" if pin.version < Version(0, 16) else "Kamal"
    return f"{name} {pin.bound}{pin.version.short} ({pin.source})"


def _unknown(runbook: Runbook) -> Iterator[Line]:
    if runbook.source is None and runbook.target >= Version(2):
        hint = "No file says which Kamal deploys this app, so this is for Kamal 1; else add --from 2.x."
        yield from wrapped(hint, 0, "dim")


def _destination(step: Step) -> str:
    return step.destination or "without a destination"


def _step(count: int, step: Step) -> Iterator[Line]:
    yield from wrapped(f"{count:>2}. {step.title}", 0, "title", hang=4)
    yield from wrapped(step.why, 4)
    for note in step.notes:
        yield from wrapped(mask(note), 4, "dim", hang=2)
    for warning in step.warnings:
        yield from wrapped(f"! {mask(warning)}", 4, "assumed", hang=2)
    for command in step.commands:
        yield Line(printable(f"      {command}"), "hunk")


def short(runbooks: Sequence[Runbook]) -> Iterator[Line]:
    """What comes next, in at most eight lines; nothing where there is nothing to do."""
    briefs: dict[str, str] = {}
    where: dict[str, set[str | None]] = {}
    for step in (step for runbook in runbooks for step in runbook.steps if step.brief):
        briefs[step.id] = step.brief
        where.setdefault(step.id, set()).add(step.destination)
    lines = [f"{brief} (each destination)" if len(where[id]) > 1 else brief for id, brief in briefs.items()]
    if lines:
        yield Line("Then, for the servers (all of it: kamal-migrate steps)", "title")
    for count, line in enumerate(lines[: SHORT - 1], 1):
        yield Line(_cut(printable(f"  {count}. {line}")))


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def as_json(runbooks: Sequence[Runbook]) -> str:
    """The steps as JSON, two spaces deep, secrets masked."""
    return json.dumps(as_dict(runbooks), indent=2)


def as_dict(runbooks: Sequence[Runbook]) -> dict[str, object]:
    """The same as plain data."""
    return {"schema_version": SCHEMA_VERSION, "runbooks": [_object(runbook) for runbook in runbooks]}


def _object(runbook: Runbook) -> dict[str, object]:
    return {
        "config": runbook.config,
        "service": runbook.service,
        "from": str(runbook.source.version) if runbook.source else None,
        "to": str(runbook.target),
        "steps": [
            {
                "id": step.id,
                "title": step.title,
                "why": step.why,
                "destination": step.destination,
                "commands": list(step.commands),
                "notes": [mask(note) for note in step.notes],
                "warnings": [mask(warning) for warning in step.warnings],
            }
            for step in runbook.steps
        ],
    }


def markdown(runbooks: Sequence[Runbook]) -> str:
    """The steps as a checklist, to be pasted into an issue or a pull request."""
    return "\n".join(printable(line) for runbook in runbooks for line in _checklist(runbook))


def _checklist(runbook: Runbook) -> Iterator[str]:
    yield f"## {_headline(runbook)}"
    yield ""
    yield from [] if runbook.steps else ["Nothing to do.", ""]
    for step in runbook.steps:
        where = f" ({_destination(step)})" if step.destination is not None else ""
        yield f"- [ ] **{step.title}**{where}: {step.why}"
        yield from (f"  - {mask(note)}" for note in step.notes)
        yield from (f"  - **Mind:** {mask(warning)}" for warning in step.warnings)
        if step.commands:
            yield from ("", "  ```sh", *(f"  {command}" for command in step.commands), "  ```", "")
    yield ""
