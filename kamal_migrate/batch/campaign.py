"""What a campaign goes over, and what became of it: the parts that its commands are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from kamal_migrate.batch.applying import CHANGES, apply_all
from kamal_migrate.batch.orders import Orders, kept
from kamal_migrate.batch.places import names
from kamal_migrate.batch.planning import plan_all
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.running import Interrupted
from kamal_migrate.batch.state import State, looked_at
from kamal_migrate.batch.work import DONE, NEEDS_HANDS, Outcome

SOME_FAILED = 5
BAD = (Outcome.FAILED, Outcome.REFUSED)
ONLY: dict[str, Callable[[Row], bool]] = {
    "failed": lambda row: row.outcome in BAD,
    "pending": lambda row: row.stage in (Stage.WAITING, Stage.PLANNED, Stage.UNDONE),
    "needs-hands": lambda row: row.outcome is Outcome.HANDS,
}


class Portion(NamedTuple):
    """Which repositories of a campaign are gone over: ``only`` is a key of `ONLY`, or empty.

    At most ``limit`` of them; ``stop_after`` so many failures nothing more is begun; in a ``wave`` so many at
    a time. 0 is no limit.
    """

    only: str = ""
    limit: int = 0
    stop_after: int = 0
    wave: int = 0

    @property
    def next(self) -> Portion:
        """What is gone over after it: another wave, else all that is left."""
        return Portion(self.only, wave=self.wave) if self.wave else Portion()

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """The rows of the portion."""
        found = [row for row in rows if not self.only or ONLY[self.only](row)]
        return found[: min(self.limit or len(found), self.wave or len(found))]

    def watched(self, rows: Iterator[Row], stop: Interrupted) -> Iterator[Row]:
        """The rows as they come; after too many failures nothing more is begun."""
        failures = 0
        for row in rows:
            yield row
            failures += row.outcome in BAD
            if self.stop_after and failures >= self.stop_after:
                stop.set()


def orders(state: State) -> Orders:
    """What the campaign was asked for."""
    return kept(state.name, state.settings)


def orders_of(name: str) -> Orders:
    """The same of a campaign that may not be there yet. Raises `CampaignError`."""
    if name not in names():
        return Orders(name)
    with looked_at(name) as state:
        return orders(state)


def unplanned(state: State) -> list[Row]:
    """The repositories that nobody looked at yet, or that failed."""
    return [row for row in state.rows() if row.stage is Stage.WAITING or row.outcome in BAD]


def to_plan(state: State, portion: Portion) -> list[Row]:
    """The repositories that are to be planned."""
    return portion.of(state.rows())


def to_apply(state: State, portion: Portion, orders: Orders) -> list[Row]:
    """The repositories in which something is to be done that is not done yet; those that failed come last.

    Of those that are pushed to one place it is only the first.
    """
    again = {row.source for row, _ in twice(state.rows())} if orders.push and not orders.in_place else set()
    due = [row for row in state.rows() if _is_due(row, orders) and row.source not in again]
    return portion.of(sorted(due, key=lambda row: row.outcome in BAD))


def twice(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """The repositories that are pushed where another one of the campaign is, each with that one."""
    first: dict[str, Row] = {}
    changing = [row for row in rows if row.remote and row.outcome in (*CHANGES, *BAD) and not row.only_hands]
    for row in sorted(changing, key=lambda row: not row.pushed):
        first.setdefault(row.remote, row)
    return [(row, first[row.remote]) for row in changing if first[row.remote] is not row]


def leave_out(state: State, orders: Orders) -> None:
    """Have nothing to do for those that are pushed where another one is, until they are planned again."""
    for row, other in twice(state.rows()) if orders.push and not orders.in_place else ():
        reason = f"the same repository as {other.name}, pushed to {other.remote}"
        state.update(replace(row, outcome=Outcome.NOTHING, reason=reason, input=""))


def _is_due(row: Row, orders: Orders) -> bool:
    if row.stage is Stage.WAITING or row.outcome in BAD:
        return True
    if row.outcome not in CHANGES or row.only_hands or row.stage is Stage.WRITTEN:
        return False
    return row.stage in (Stage.PLANNED, Stage.UNDONE) or (row.stage is Stage.COMMITTED and orders.push)


def planning(
    state: State, rows: Sequence[Row], orders: Orders, portion: Portion, stop: Interrupted, jobs: int
) -> Iterator[Row]:
    """Plan repositories, and yield each when it is planned."""
    return portion.watched(plan_all(state, rows, orders, stop, jobs), stop)


def applying(
    state: State, rows: Sequence[Row], orders: Orders, portion: Portion, stop: Interrupted, jobs: int
) -> Iterator[Row]:
    """Carry out repositories, and yield each when it is done."""
    return portion.watched(apply_all(state, rows, orders, stop, jobs), stop)


def exit_code(rows: Iterable[Row]) -> int:
    """0 if nothing failed and nothing is left for hands, 3 if something is left, 5 if something failed."""
    outcomes = {row.outcome for row in rows}
    if outcomes & set(BAD):
        return SOME_FAILED
    return NEEDS_HANDS if Outcome.HANDS in outcomes else DONE
