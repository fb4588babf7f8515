"""The report for people: lines with a style each, at most 80 columns but for the lines of a file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from kamal_migrate.api import Finding, Safety
from kamal_migrate.engine import Location, Plan, Planned
from kamal_migrate.report.deployment import changes
from kamal_migrate.report.hunks import Hunk, lines_of, masked_hunks
from kamal_migrate.report.masking import mask

WIDTH = 80
PLACES = 30
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


class Line(NamedTuple):
    """A line to print, without its line break, and its style.

    Styles: `head`, `title`, `old`, `new`, `hunk`, `dim`, a safety, or plain.
    """

    text: str = ""
    style: str = ""


def printable(text: str) -> str:
    """A line without what would steer a terminal or reorder what is read: that is shown as an escape."""
    return _UNPRINTABLE.sub(lambda sign: _escaped(ord(sign[0])), text)


def _escaped(number: int) -> str:
    known = {10: "\\n", 13: "\\r"}
    return known.get(number) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def wrapped(text: str, indent: int, style: str = "", hang: int = 0) -> Iterator[Line]:
    """A text as lines of at most 80 columns; words are never cut."""
    yield from (Line(" " * indent + line, style) for line in _folded(text, WIDTH - indent, hang))


def _folded(text: str, width: int, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        printable(text), width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
    )


def headline(plan: Plan, came_from: str, settings: str = "") -> Iterator[Line]:
    """What is migrated, from where and to where; and the settings that count."""
    parts = []
    for config in plan.project.configs:
        names = [*config.destinations]
        listed = ", ".join(names[:-1]) + (" and " if names[:-1] else "") + names[-1] if names else ""
        parts.append(config.base + (f" with {listed}" if listed else ""))
    text = f"{_app(plan)}: {'; '.join(parts)} · {came_from} → {plan.options.to.short}"
    yield from wrapped(text, 0, "head", hang=2)
    if settings:
        yield from wrapped(f"settings: {settings}", 0, "dim", hang=2)


def _app(plan: Plan) -> str:
    """What the app is called: its service, where there is one app and it says so plainly; else its folder."""
    one = len(plan.project.configs) == 1
    found = [service for view, _ in plan.views() if one and isinstance(service := view.get("service"), str)]
    return found[0] if len(set(found)) == 1 and found[0] else plan.project.name


def nothing_to_do(plan: Plan) -> Iterator[Line]:
    """One calm line, and what it does not cover."""
    options, files = plan.options, plan.project.files
    silenced = any("kamal-migrate: ignore[" in files[path] for c in plan.project.configs for path in c.paths)
    done = f"already explicit for Kamal {options.to.short}"
    if options.select or options.ignore:
        done = f"nothing to do for Kamal {options.to.short} in what is selected"
    elif silenced:
        done = f"nothing to do for Kamal {options.to.short} but what the files say to ignore"
    yield from wrapped(f"{_app(plan)}: {done}", 0, hang=2)
    yield from _notes(plan)


def preview(plan: Plan) -> Iterator[Line]:
    """What changes and why, what that means for the deployment, what is left."""
    told: set[tuple[str, ...]] = set()
    for path in plan.changed:
        yield Line()
        yield Line(path, "title")
        yield from _file(plan, path, told)
    yield from _comments(plan)
    yield from _deployment(plan)
    yield from _left(plan)
    yield from _held(plan)
    yield from _notes(plan)


def _notes(plan: Plan) -> Iterator[Line]:
    if plan.notes:
        yield Line()
    for note in plan.notes:
        yield from wrapped(f"note: {mask(note)}", 0, "dim", hang=2)


def _file(plan: Plan, path: str, told: set[tuple[str, ...]]) -> Iterator[Line]:
    """The hunks of a file, each under the findings that want it; a reason is given once."""
    starts = _line_starts(plan.project.files[path])
    for hunk in masked_hunks(plan.project, plan.after, path):
        for item in plan.findings:
            if item.applied and _touches(item, path, hunk, starts):
                yield from _reason(item.in_file(path), item.finding.safety, told)
        yield Line(f"    {hunk.header}", "hunk")
        for sign, line in hunk.lines:
            style = {"-": "old", "+": "new"}.get(sign, "")
            yield Line(f"    {sign}{line.rstrip(chr(10)).removesuffix(chr(13))}", style)


def _line_starts(text: str) -> list[int]:
    starts, offset = [], 0
    for line in lines_of(text):
        starts.append(offset)
        offset += len(line)
    return [*starts, offset]


def _touches(item: Planned, path: str, hunk: Hunk, starts: list[int]) -> bool:
    first = starts[min(hunk.old_start - 1, len(starts) - 1)]
    last = starts[min(hunk.old_start - 1 + hunk.old_length, len(starts) - 1)]
    return any(first <= edit.start <= last for edit in item.edits.get(path, ()))


def _reason(finding: Finding, safety: Safety, told: set[tuple[str, ...]]) -> Iterator[Line]:
    texts = (finding.message, finding.evidence, *finding.notes)
    above = " (as above)" if texts in told else ""
    yield Line(f"  {finding.id} · {safety.value}{above}", safety.value)
    for text in () if above else texts:
        yield from wrapped(mask(text), 4)
    told.add(texts)


def _comments(plan: Plan) -> Iterator[Line]:
    gone = [row for item in plan.findings if item.applied for row in item.lost]
    if gone:
        yield Line()
        yield Line("Comments that go with what they describe (--keep-comments keeps them)", "title")
    for path, comment in gone:
        yield from wrapped(f"{path}: {mask(comment)}", 2, hang=2)


def _deployment(plan: Plan) -> Iterator[Line]:
    rows = changes(plan)
    if not rows:
        return
    yield Line()
    yield Line("What changes for the deployment", "title")
    everywhere = {view.title for view, _ in plan.views()}
    column = max(len(row.what) for row in rows) + 2
    for row in rows:
        where = "" if set(row.views) == everywhere else f" ({', '.join(row.views)})"
        text = f"{mask(row.before)} → {mask(row.after)}{where}"
        yield from _columns([row.what], text, column)


def _columns(left: Iterable[str], text: str, column: int) -> Iterator[Line]:
    """Rows of a label and a text beside it."""
    for label, line in zip_longest(left, _folded(text, WIDTH - 2 - column), fillvalue=""):
        yield Line(f"  {label:<{column}}{line}".rstrip())


def _left(plan: Plan) -> Iterator[Line]:
    """What has to be done by hand; what several places have in common is said once."""
    found: dict[str, list[Location]] = {}
    for item in plan.findings:
        if item.finding.safety is Safety.MANUAL:
            todo = f"; {item.finding.todo}" if item.finding.todo else ""
            notes = "".join(f"; {note}" for note in item.finding.notes)
            found.setdefault(mask(f"{item.finding.message}{todo}{notes}"), []).extend(item.locations)
    if found:
        yield Line()
        yield Line("Left for you", "title")
        yield from _by_place(found)


def _held(plan: Plan) -> Iterator[Line]:
    found: dict[str, list[Location]] = {}
    for item in plan.findings:
        if item.held:
            text = f"{item.finding.id} · {item.finding.safety.value}: {item.held}"
            found.setdefault(text, []).extend(item.locations)
    if found:
        yield Line()
        yield Line("Not done", "title")
        yield from _by_place(found)


def _by_place(found: dict[str, list[Location]]) -> Iterator[Line]:
    """Texts in the order of their places, beside them; above them where a path is long."""
    rows = {
        text: list(dict.fromkeys(printable(str(place)) for place in places)) for text, places in found.items()
    }
    short = [len(place) for places in rows.values() for place in places if len(place) <= PLACES]
    column = max(short, default=4) + 2
    for text, places in rows.items():
        if max(map(len, places)) > PLACES:
            yield from (Line(f"  {place}") for place in places)
            yield from wrapped(text, 6)
        else:
            yield from _columns(places, text, column)


def question(plan: Plan) -> str:
    """What is asked before writing."""
    return f"{summary(plan)}. Write?"


def summary(plan: Plan) -> str:
    """One line that counts: files, changes by safety, what is left."""
    applied = [item.finding.safety for item in plan.findings if item.applied]
    words = {Safety.SAFE: "safe", Safety.REVIEW: "to review", Safety.ASSUMED: "assumed"}
    kinds = [f"{applied.count(safety)} {word}" for safety, word in words.items() if safety in applied]
    parts = ["Nothing to write"]
    if applied:
        parts = [_count(len(plan.changed), "file"), f"{_count(len(applied), 'change')} ({', '.join(kinds)})"]
    held = sum(bool(item.held) for item in plan.findings)
    left = sum(item.finding.safety is Safety.MANUAL for item in plan.findings)
    return ", ".join(
        [*parts, *([f"{held} not done"] if held else []), *([f"{left} left for you"] if left else [])]
    )


def closing(plan: Plan, *, written: bool, counted: bool, dry_run: bool) -> Iterator[Line]:
    """What was done, and what can be done next; ``counted`` repeats the numbers, for no question did."""
    done = f"Written: {_count(len(plan.changed), 'file')}." if written else "Nothing written."
    if counted or not plan.changed:
        yield Line()
        ended = done if plan.changed else ""
        yield from wrapped(f"{summary(plan)}. {ended}".rstrip(), 0, "head")
    else:
        yield Line(done, "head")
    if dry_run and plan.changed:
        why = next(item.finding.id for item in plan.findings if item.applied).split("/")[0]
        yield Line(f"To write it, leave out --dry-run. The whole story: kamal-migrate explain {why}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
