"""A campaign for people: the outcome of each repository, the totals, and every failure with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kamal_migrate.batch.row import Row
from kamal_migrate.batch.work import Outcome
from kamal_migrate.masking import mask, mask_message
from kamal_migrate.report.lines import Line, listed, printable, wrapped

NAME_WIDTH = 36
# So many names in one sentence.
MOST = 5


def table(rows: Sequence[Row]) -> Iterator[Line]:
    """A line for each repository: its name, its outcome, how far it is."""
    width = min(NAME_WIDTH, max((len(shown(row)) for row in rows), default=0))
    for row in rows:
        name = shown(row)
        cut = name if len(name) <= width else f"…{name[1 - width :]}"
        yield Line(f"{cut:<{width}}  {row.said:<13}  {row.became}".rstrip(), _STYLES.get(row.said, ""))


_STYLES = {
    "failed": "manual",
    "refused": "manual",
    "needs hands": "assumed",
    "nothing to do": "dim",
    "no Kamal": "dim",
}


def shown(row: Row) -> str:
    """The name of a repository, with nothing in it that steers a terminal."""
    return printable(mask(row.name))


def problems(rows: Iterable[Row]) -> Iterator[Line]:
    """Every repository that failed or was refused, with the reason."""
    for row in rows:
        if row.reason:
            yield from wrapped(
                f"{shown(row)}: {row.said}: {printable(mask_message(row.reason))}", 0, "manual", hang=2
            )


def twice(found: Sequence[tuple[Row, Row]]) -> Iterator[Line]:
    """The repositories that are the same as others, by where they are pushed to."""
    for first in dict.fromkeys(other for _, other in found):
        same = [_told_from(row, first) for row, other in found if other == first]
        names = listed([*same[:MOST], *([f"{len(same) - MOST} more"] if len(same) > MOST else [])])
        are = "is the same repository" if len(same) == 1 else "are the same repository"
        said = f"{names} {are} as {shown(first)}, pushed to {printable(mask(first.remote))}"
        yield from wrapped(f"{said}; --push upgrades only {shown(first)}", 0, "assumed", hang=2)


def _told_from(row: Row, other: Row) -> str:
    """The name of a repository, or all of its source where another one has that name too."""
    return shown(row) if row.name != other.name else printable(mask(row.source))


def totals(rows: Sequence[Row]) -> Iterator[Line]:
    """How many repositories there are of each outcome, in one line."""
    counted = Counter(row.said for row in rows)
    parts = [
        *_changing([row for row in rows if not row.is_done], "to migrate"),
        *_changing([row for row in rows if row.is_done], "migrated"),
    ]
    only_hands = sum(row.only_hands for row in rows)
    parts += [f"{_need(only_hands)} hands only"] if only_hands else []
    parts += [f"{counted[name]} {name}" for name in _ORDER if counted[name]]
    yield from wrapped(
        f"{repositories(len(rows))}: {', '.join(parts) or 'nothing known yet'}", 0, "head", hang=2
    )


_ORDER = ("nothing to do", "no Kamal", "refused", "failed", "waiting")


def _changing(rows: Sequence[Row], done: str) -> Iterator[str]:
    hands = sum(row.outcome is Outcome.HANDS and not row.only_hands for row in rows)
    count = hands + sum(row.outcome is Outcome.MIGRATED for row in rows)
    if count:
        yield f"{count} {done}{f' ({_need(hands)} hands)' if hands else ''}"


def _need(count: int) -> str:
    return f"{count} need{'s' if count == 1 else ''}"


def repositories(count: int) -> str:
    """So many repositories."""
    return f"{count:,} repositor{'y' if count == 1 else 'ies'}"


def links(rows: Iterable[Row]) -> Iterator[Line]:
    """Where pull requests are opened. They are never broken."""
    for row in rows:
        if row.link:
            yield Line(f"  {printable(row.link)}")
