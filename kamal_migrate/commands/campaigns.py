"""What the commands of a batch have in common: going over repositories, asking once, saying how to go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import typer

from kamal_migrate.asking import Terminal
from kamal_migrate.batch import campaign
from kamal_migrate.batch.applying import CHANGES
from kamal_migrate.batch.bodies import write_bodies
from kamal_migrate.batch.campaign import Portion
from kamal_migrate.batch.ending import Ended
from kamal_migrate.batch.orders import Orders
from kamal_migrate.batch.progress import progress
from kamal_migrate.batch.report import text
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.running import Interrupted, interruptible
from kamal_migrate.batch.state import State
from kamal_migrate.batch.undoing import to_undo, undo_all
from kamal_migrate.batch.work import DONE
from kamal_migrate.report.lines import Line, printable, wrapped
from kamal_migrate.request import UsageError

DEFAULT = "upgrade"
PLAN, APPLY = "plan", "apply"


def record(state: State, orders: Orders, doing: str, portion: Portion) -> None:
    """Keep what is asked for, so that `resume` can go on with it."""
    state.set({**orders.as_settings(), "doing": doing, "next": json.dumps(portion.next)})


def next_portion(state: State) -> Portion:
    """What `resume` goes over."""
    return Portion(*json.loads(state.settings.get("next", "[]")))


def plan(
    state: State, rows: Sequence[Row], portion: Portion, terminal: Terminal, *, quiet: bool, jobs: int
) -> int:
    """Plan repositories, and say what came of it; the exit code."""
    orders = campaign.orders(state)
    state.wait(rows)
    _go_over(
        rows,
        terminal,
        lambda stop: campaign.planning(state, rows, orders, portion, stop, jobs),
        quiet=quiet,
        again=f"resume{_named(orders)}",
    )
    terminal.lines(_after_plan(state, orders, quiet=quiet))
    return campaign.exit_code(state.rows())


def carry_out(
    state: State,
    orders: Orders,
    portion: Portion,
    terminal: Terminal,
    *,
    yes: bool,
    quiet: bool,
    jobs: int,
) -> int:
    """Carry out what is planned, after one question, and say what came of it; the exit code."""
    rows = campaign.to_apply(state, portion, orders)
    if not rows:
        terminal.lines([*text.totals(state.rows()), Line("nothing to do that is not done")])
        _write_bodies(state, orders, terminal)
        return campaign.exit_code(state.rows())
    if not yes and not _agreed(terminal, _question(rows, orders)):
        terminal.lines([Line("Nothing written.")])
        return DONE
    record(state, orders, APPLY, portion)
    campaign.leave_out(state, orders)
    _go_over(
        rows,
        terminal,
        lambda stop: campaign.applying(state, rows, orders, portion, stop, jobs),
        quiet=quiet,
        again=f"resume{_named(orders)}",
    )
    now = [state.row(row.source) for row in rows]
    terminal.lines(_after_apply(state, now, quiet=quiet))
    _write_bodies(state, orders, terminal)
    terminal.lines(_go_on(state, orders, portion.next))
    return campaign.exit_code(state.rows())


def _write_bodies(state: State, orders: Orders, terminal: Terminal) -> None:
    """The texts for all pull requests, also those whose branches a run made that was stopped."""
    folder = Path(orders.bodies) if orders.bodies else None
    place = None if orders.directly else write_bodies(state, state.rows(), orders.campaign, folder)
    if place:
        terminal.lines([Line(f"Texts for the pull requests: {printable(str(place))}")])


def take_back(state: State, terminal: Terminal, *, yes: bool, quiet: bool, jobs: int) -> int:
    """Undo what was done, after one question; the exit code."""
    rows = to_undo(state)
    if not rows:
        terminal.lines([Line("Nothing to take back.")])
        return DONE
    if not yes and not _agreed(
        terminal, f"Take back what was done in {text.repositories(len(rows))}? [y/N] "
    ):
        terminal.lines([Line("Nothing taken back.")])
        return DONE
    orders = campaign.orders(state)
    _go_over(
        rows,
        terminal,
        lambda stop: undo_all(state, rows, orders, stop, jobs),
        quiet=quiet,
        again=f"undo{_named(orders)}",
    )
    now = [state.row(row.source) for row in rows]
    kept = [row for row in now if row.stage not in (Stage.UNDONE, Stage.WAITING)]
    terminal.lines([*text.problems(now), *text.totals(state.rows())])
    return campaign.SOME_FAILED if kept else DONE


def _go_over(
    rows: Sequence[Row],
    terminal: Terminal,
    start: Callable[[Interrupted], Iterator[Row]],
    *,
    quiet: bool,
    again: str,
) -> None:
    """Go over repositories, and show how far it is. After a signal it ends with 128 and its number."""
    with (
        interruptible() as stop,
        suppress(KeyboardInterrupt, Ended),
        progress(len(rows), terminal, quiet=quiet) as tick,
    ):
        for row in start(stop):
            tick(row)
    if stop.signal:
        done = Line("Stopped; what was done is kept.", "head")
        terminal.lines([done, Line(f"Go on: kamal-migrate batch {again}")])
        raise typer.Exit(128 + stop.signal)


def _named(orders: Orders) -> str:
    """How a command is told that it is about this campaign."""
    return "" if orders.campaign == DEFAULT else f" --campaign {orders.campaign}"


def _agreed(terminal: Terminal, question: str) -> bool:
    if terminal.ask is None:
        raise UsageError("nothing written; add --yes")
    return (terminal.ask(question) or "").strip().lower() in ("y", "yes")


def _question(rows: Sequence[Row], orders: Orders) -> str:
    """What is going to happen, as one question."""
    where = text.repositories(len(rows))
    if orders.in_place:
        return f"Write into the working trees of {where}? [y/N] "
    branch = (
        "their default branch" if orders.directly else orders.filled(orders.branch, name="NAME", to="VERSION")
    )
    return f"Commit on {branch} in {where}{', and push' if orders.push else ''}? [y/N] "


def _after_plan(state: State, orders: Orders, *, quiet: bool) -> Iterator[Line]:
    """The table, what failed, the totals, and the commands that come next."""
    rows = state.rows()
    named = _named(orders)
    if not quiet:
        yield from text.table(rows)
        yield Line()
    yield from text.problems(rows)
    yield from text.twice(campaign.twice(rows))
    yield from text.totals(rows)
    if not orders.arch and any(row.arch for row in rows):
        hint = f"Nobody said what some servers run; the answer for all: batch plan{named} --arch amd64"
        yield from wrapped(hint, 0, "assumed", hang=2)
    if any(row.stage is Stage.WAITING for row in rows):
        yield Line(f"Go on: kamal-migrate batch resume{named}")
    if any(row.outcome in CHANGES for row in rows):
        yield Line(f"Look at it: kamal-migrate batch report{named} --format html")
    if any(row.outcome in CHANGES and not row.only_hands for row in rows):
        yield Line(f"Do it: kamal-migrate batch apply{named}{' --in-place' * orders.in_place}")


def _after_apply(state: State, now: Sequence[Row], *, quiet: bool) -> Iterator[Line]:
    """The same after it is carried out, with where pull requests are opened."""
    if not quiet:
        yield from text.table(now)
        yield Line()
    yield from text.problems(now)
    yield from text.links(now)
    yield from text.totals(state.rows())


def _go_on(state: State, orders: Orders, following: Portion) -> Iterator[Line]:
    """The command for what is left, if anything is: `resume`, or `apply` where that would do nothing."""
    left = len(campaign.to_apply(state, Portion(), orders))
    come = len(campaign.to_apply(state, following, orders))
    if left:
        how = f"{'resume' if come else 'apply'}{_named(orders)}"
        next_wave = f" with the next {come}" if 0 < come < left else ""
        yield from wrapped(
            f"{text.repositories(left)} left. Go on{next_wave}: kamal-migrate batch {how}", 0, hang=2
        )
