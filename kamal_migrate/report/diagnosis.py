"""What `diagnose` found: for each cause its lines, why, where the app states it and what to do; or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.diagnosing import CAUSES, Cause, Diagnosis, Evidence, Found
from kamal_migrate.diagnosing.causes.refusal import NAMED, RAISED
from kamal_migrate.diagnosing.subject import Remark
from kamal_migrate.report.lines import WIDTH, Line, folded, listed, printable, wrapped

SCHEMA_VERSION = 1
# Characters of a line of the log that are shown; three lines of a terminal.
SHOWN = 200
_HEADINGS = 10


class Report(NamedTuple):
    """A diagnosis of a log, and what the app says of each cause; ``note`` is why no app was looked at."""

    log: str
    diagnosis: Diagnosis
    remarks: tuple[tuple[Remark, ...], ...]
    note: str = ""


def lines(report: Report) -> Iterator[Line]:
    """All of it for people; where nothing is known, what was looked for."""
    found = report.diagnosis.found
    if report.note:
        yield from wrapped(f"note: {report.note}", 0, "dim", hang=2)
    yield from wrapped(_headline(report), 0, "head", hang=2)
    if not found:
        yield from _nothing()
    for row, remarks in zip(found, report.remarks, strict=True):
        yield Line()
        yield from _cause(row, remarks)


def _headline(report: Report) -> str:
    count, number = report.diagnosis.lines, len(report.diagnosis.found)
    read = f"{report.log}: {count:,} line{'s' if count != 1 else ''}"
    if not number:
        return f"{read}, and no cause that is known"
    if number == 1:
        return f"{read}, 1 known cause"
    return f"{read}, {number} known causes; the first is most likely why the others happen"


def _nothing() -> Iterator[Line]:
    kinds = dict.fromkeys(cause.kind for cause in CAUSES)
    yield Line()
    yield from wrapped(f"Looked for: {', '.join(kinds)}.", 2, hang=2)
    yield from wrapped(
        "Is it the whole output, to its end? `kamal deploy --verbose` says more. kamal-migrate check says"
        " what Kamal refuses in a config.",
        2,
        hang=2,
    )


def _cause(found: Found, remarks: tuple[Remark, ...]) -> Iterator[Line]:
    cause = found.cause
    yield from wrapped(f"{cause.title} · {cause.id}", 0, "title", hang=2)
    yield from _evidence(found)
    yield Line()
    yield from _beside("why", cause.why)
    yield from _beside("versions", cause.versions)
    yield from _beside("here", *map(_placed, remarks))
    yield from _beside("that is", *_hints(found, remarks))
    yield from _ways(cause)


def _hints(found: Found, remarks: tuple[Remark, ...]) -> list[str]:
    """What else the lines of a cause tell, or the app."""
    texts = [*(row.text for row in found.lines), *(remark.text for remark in remarks)]
    return [hint.text for hint in found.cause.hints if any(re.search(hint.pattern, text) for text in texts)]


def _evidence(found: Found) -> Iterator[Line]:
    """The lines of the log by their numbers; those that only say more are dim."""
    width = max(len(f"{row.line}") for row in found.lines)
    for row in found.lines:
        style = "old" if row in found.evidence else "dim"
        text = _quoted(row)
        for number, part in enumerate(folded(text, WIDTH - width - 4, 2, cut=True)):
            yield Line(f"  {row.line if not number else '':>{width}}  {part}", style)
    if found.more:
        yield Line(f"  {'':>{width}}  and {found.more:,} more like these", "dim")


def _quoted(row: Evidence) -> str:
    text = row.text if len(row.text) <= SHOWN else f"{row.text[:SHOWN]} …"
    return f"{text} (on {row.host})" if row.host and row.host not in text else text


def _placed(remark: Remark) -> str:
    return f"{remark.location}  {remark.text}" if remark.location else remark.text


def _beside(heading: str, *texts: str) -> Iterator[Line]:
    """Texts beside a heading, each on lines of its own."""
    for text in texts:
        for part in folded(text, WIDTH - 2 - _HEADINGS, 2 if len(texts) > 1 or heading == "here" else 0):
            yield Line(f"  {heading:<{_HEADINGS}}{part}")
            heading = ""


def _ways(cause: Cause) -> Iterator[Line]:
    """What to do, each thing with its command below it; the first is what a codemod does, if one does."""
    rows = [(way.text, way.command) for way in cause.ways]
    if cause.command and cause.command not in dict(rows).values():
        rows[0] = (rows[0][0], cause.command)
    heading = "to do"
    for text, command in rows:
        for number, part in enumerate(folded(text, WIDTH - 4 - _HEADINGS)):
            yield Line(f"  {heading:<{_HEADINGS}}{'  ' if number else '- '}{part}")
            heading = ""
        if command:
            yield Line(f"  {'':<{_HEADINGS}}    {printable(command)}", "new")


def as_json(report: Report) -> str:
    """The same for programs, two spaces deep."""
    rows = zip(report.diagnosis.found, report.remarks, strict=True)
    found = [_row(row, remarks) for row, remarks in rows]
    told: dict[str, object] = {"schema_version": SCHEMA_VERSION, "log": report.log}
    told |= {"lines": report.diagnosis.lines, "causes": found, "note": report.note}
    return json.dumps(told, indent=2, ensure_ascii=False)


def _row(found: Found, remarks: tuple[Remark, ...]) -> dict[str, object]:
    cause = found.cause
    return {
        "id": cause.id,
        "title": cause.title,
        "evidence": [{"line": row.line, "text": row.text, "host": row.host} for row in found.lines],
        "more": found.more,
        "why": cause.why,
        "hints": _hints(found, remarks),
        "versions": cause.versions,
        "here": [
            {
                "text": remark.text,
                "path": remark.location.path if remark.location else None,
                "line": remark.location.line if remark.location else None,
            }
            for remark in remarks
        ],
        "ways": [{"text": way.text, "command": way.command} for way in cause.ways],
        "codemod": cause.codemod,
        "command": cause.command,
    }


def explanation(name: str) -> list[Line]:
    """What is known of a cause, or of all of a kind; nothing where there is none of that name."""
    rows = [cause for cause in CAUSES if name in (cause.id, cause.kind)]
    found: list[Line] = []
    for cause in rows:
        found += [Line()] if found else []
        found += wrapped(f"{cause.title} · {cause.id}", 0, "title", hang=2)
        words = dict.fromkeys(sign.words for sign in cause.signs if sign.words not in (NAMED, RAISED))
        found += _beside("the log", listed([f"`{word.strip()}`" for word in words])) if words else []
        found += [*_beside("why", cause.why), *_beside("versions", cause.versions)]
        found += [*_beside("also", *(hint.text for hint in cause.hints)), *_ways(cause)]
    return found
