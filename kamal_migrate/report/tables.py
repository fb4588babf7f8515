"""The tables of the report for people: what changes for the deployment, what is left, what is not done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kamal_migrate.api import Safety
from kamal_migrate.engine import Location, Plan, Planned
from kamal_migrate.masking import mask
from kamal_migrate.report.deployment import DeploymentChange, changes, compared
from kamal_migrate.report.lines import WIDTH, Line, columns, folded, listed, printable, wrapped

PLACES = 30
LABELS = 40
PASTE = 6


def deployment(plan: Plan) -> Iterator[Line]:
    """A table of what changes; what does not fit beside its label stands below it."""
    rows = same_for_several(changes(plan))
    if not rows:
        return
    yield Line()
    yield Line("What changes for the deployment", "title")
    everywhere = set(compared(plan))
    column = max((len(row.what) for row in rows if len(row.what) <= LABELS), default=0) + 2
    for row in rows:
        where = "" if set(row.views) == everywhere else f" ({', '.join(row.views)})"
        text = f"{mask(row.before)} → {mask(row.after)}{where}"
        if len(row.what) <= LABELS and max(map(len, text.split())) <= WIDTH - 2 - column:
            yield from columns([row.what], text, column)
        elif len(row.what) + len(text) + 4 <= WIDTH:
            yield from wrapped(f"{row.what}  {text}", 2)
        else:
            yield from (Line(f"  {line}") for line in folded(row.what, WIDTH - 2, 2, cut=True))
            yield from (Line(f"      {line}") for line in folded(text, WIDTH - 6, cut=True))


def same_for_several(rows: Iterable[DeploymentChange]) -> list[DeploymentChange]:
    """The rows, with one for all the roles, or accessories, for which the same changes."""
    found: dict[tuple[object, ...], tuple[DeploymentChange, list[str]]] = {}
    for row in rows:
        subject, _, thing = row.what.partition(": ")
        kind, _, name = subject.partition(" ")
        known = kind in ("role", "accessory") and bool(thing)
        key = (kind, thing, row.before, row.after, row.views) if known else (row.what, row)
        found.setdefault(key, (row, []))[1].append(name)
    return [_named(row, names) for row, names in found.values()]


def _named(row: DeploymentChange, names: list[str]) -> DeploymentChange:
    """A row that speaks of several roles or accessories."""
    if len(names) == 1:
        return row
    kind, _, rest = row.what.partition(" ")
    several = {"role": "roles", "accessory": "accessories"}[kind]
    return row._replace(what=f"{several} {listed(names)}: {rest.partition(': ')[2]}")


class _Row(NamedTuple):
    """A text and the places that it is about; without any it goes on with the row above.

    ``paste`` are lines that are shown as they are, below it.
    """

    places: tuple[str, ...]
    text: str
    paste: tuple[str, ...] = ()


def left(plan: Plan) -> Iterator[Line]:
    """What has to be done by hand; what several places have in common is said once."""
    manual = [item for item in plan.findings if item.finding.safety is Safety.MANUAL]
    if manual:
        yield Line()
        yield Line("Left for you", "title")
        yield from _by_place(list(_tasks(manual)))


def _tasks(manual: Iterable[Planned]) -> Iterator[_Row]:
    """What is wrong where, and below it what to do: once for all that call for the same."""
    by_todo: dict[tuple[str, tuple[str, ...]], dict[str, list[Location]]] = {}
    for item in manual:
        finding = item.finding
        same = by_todo.setdefault((finding.todo, finding.notes), {})
        same.setdefault(mask(finding.message), []).extend(item.locations)
    for (todo, notes), messages in by_todo.items():
        do, *paste = mask(todo).split("\n")
        then = "; ".join(filter(None, (*map(mask, notes), do) if paste else (do, *map(mask, notes))))
        if len(messages) == 1 or not then:
            for message, places in messages.items():
                yield _Row(_places(places), f"{message}; {then}" if then else message, tuple(paste))
        else:
            yield from (_Row(_places(places), message) for message, places in messages.items())
            yield _Row((), f"for each of these: {then}", tuple(paste))


def _places(places: Iterable[Location]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(printable(str(place)) for place in places))


def held(plan: Plan) -> Iterator[Line]:
    """What the user did not want."""
    found: dict[str, list[Location]] = {}
    for item in plan.findings:
        if item.held:
            text = f"{item.finding.id} · {item.finding.safety.value}: {item.held}"
            found.setdefault(text, []).extend(item.locations)
    if found:
        yield Line()
        yield Line("Not done", "title")
        yield from _by_place([_Row(_places(places), text) for text, places in found.items()])


def _by_place(rows: list[_Row]) -> Iterator[Line]:
    """Texts in the order of their places, beside them; below them where a path is long."""
    short = [len(place) for row in rows for place in row.places if len(place) <= PLACES]
    column = max(short, default=4) + 2
    below = False
    for row in rows:
        below = any(len(place) > PLACES for place in row.places) if row.places else below
        if below:
            yield from (Line(f"  {place}") for place in row.places)
            yield from wrapped(row.text, 6)
        else:
            yield from columns(row.places, row.text, column)
        yield from (Line(f"{'':{PASTE}}{printable(line)}") for line in row.paste)
