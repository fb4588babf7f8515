"""Which findings want which hunk of a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from kamal_migrate.engine import Plan, Planned
from kamal_migrate.report.hunks import Hunk, lines_of, masked_hunks


def of_file(plan: Plan, path: str) -> list[Planned]:
    """The findings that want a file of the result as a whole."""
    return [item for item in plan.findings if item.applied and path in item.files]


def of_hunks(plan: Plan, path: str) -> Iterator[tuple[Hunk, list[Planned]]]:
    """The hunks of a file of the result, secrets masked, each with the findings that want it."""
    starts = [0, *accumulate(map(len, lines_of(plan.before(path))))]
    applied = [item for item in plan.findings if item.applied]
    for hunk in masked_hunks(plan, path):
        yield hunk, [item for item in applied if _touches(item, path, hunk, starts)]


def _touches(item: Planned, path: str, hunk: Hunk, starts: list[int]) -> bool:
    first = starts[min(hunk.old_start - 1, len(starts) - 1)]
    last = starts[min(hunk.old_start - 1 + hunk.old_length, len(starts) - 1)]
    return any(first <= edit.start <= last for edit in item.edits.get(path, ()))
