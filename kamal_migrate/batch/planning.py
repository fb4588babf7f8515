"""Plans every repository of a campaign: threads read, processes plan, the state keeps what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from kamal_migrate.batch.calling import GitError, NoCommit
from kamal_migrate.batch.ending import Ended
from kamal_migrate.batch.inputs import Input, read_input
from kamal_migrate.batch.orders import Orders
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.running import AHEAD, Interrupted, done, in_process, processes
from kamal_migrate.batch.sources import URL
from kamal_migrate.batch.state import State
from kamal_migrate.batch.work import Outcome, Work, work
from kamal_migrate.masking import mask
from kamal_migrate.project import InputError
from kamal_migrate.reading import NoConfig
from kamal_migrate.request import UsageError
from kamal_migrate.settings import SettingsError

# What holds as long as the input is the same.
PLANNED = (Outcome.MIGRATED, Outcome.HANDS, Outcome.NOTHING)


def plan_all(
    state: State, rows: Iterable[Row], orders: Orders, stop: Interrupted, jobs: int
) -> Iterator[Row]:
    """Plan repositories; each as it is planned, and kept in the state by then."""
    with ThreadPoolExecutor(jobs * 2) as threads, processes(jobs) as pool:
        for row, future in done(
            rows, lambda row: threads.submit(planned, row, orders, pool), stop, jobs * AHEAD
        ):
            yield _kept(state, row, future)


def planned(row: Row, orders: Orders, pool: Executor) -> tuple[Row, Work]:
    """One repository with what is to be done in it; whatever is wrong with it is the outcome."""
    try:
        found = read_input(row, orders)
    except NoConfig:
        return _row(row, None, Work(Outcome.NO_KAMAL)), Work(Outcome.NO_KAMAL)
    except NoCommit as error:
        made = Work(Outcome.FAILED, row.why(error)) if _had_app(row) else Work(Outcome.NO_KAMAL)
        return _row(row, None, made), made
    except (InputError, GitError, SettingsError, UsageError, OSError) as error:
        made = Work(Outcome.FAILED, row.why(error))
        return _row(row, None, made), made
    if found.fingerprint == row.input and row.outcome and row.outcome in PLANNED:
        made = Work(row.outcome, row.reason, arch=row.arch)
        stage = Stage.PLANNED if row.stage is Stage.WAITING else row.stage
        return replace(row, stage=stage, base=found.base, trunk=found.trunk, remote=found.remote), made
    codemods = Path(orders.codemods) if orders.codemods else None
    try:
        made = in_process(pool, work, found.project, found.options, codemods)
    except BrokenProcessPool:
        made = Work(Outcome.FAILED, "the process that planned it died; is the machine short of memory?")
    made = _through_links(made, found.links)
    return _row(row, found, made), made


def _had_app(row: Row) -> bool:
    """Whether there was an app before the repository had no commit, or is one that nobody committed."""
    return bool(row.base) or (row.kind != URL and (Path(row.source) / "config/deploy.yml").exists())


def _through_links(made: Work, links: Mapping[str, str]) -> Work:
    """The same with the files that links lead to; a link itself is not renamed, as from elsewhere it may lead
    elsewhere.
    """
    moved = next((old for old in made.renamed.values() if old in links), None)
    if moved:
        return Work(Outcome.FAILED, f"{moved}: is a symbolic link; move it yourself")
    files: dict[str, bytes] = {}
    for path, data in made.files.items():
        if files.setdefault(links.get(path, path), data) != data:
            return Work(Outcome.FAILED, f"{path}: a link to a file that another path wants otherwise")
    return replace(made, files=files, secret=frozenset(links.get(path, path) for path in made.secret))


def _row(row: Row, found: Input | None, made: Work) -> Row:
    return replace(
        row,
        stage=Stage.PLANNED,
        outcome=made.outcome,
        reason=made.reason,
        arch=made.arch,
        only_hands=made.outcome is Outcome.HANDS and not made.files,
        input=found.fingerprint if found else "",
        base=found.base if found else "",
        trunk=found.trunk if found else "",
        remote=found.remote if found else "",
    )


def _kept(state: State, row: Row, future: Future[tuple[Row, Work]]) -> Row:
    try:
        after, made = future.result()
    except Ended:
        raise
    except Exception as error:
        made = Work(Outcome.FAILED, mask(f"{type(error).__name__}: {error}"))
        after = _row(row, None, made)
    if after.input and after.input == row.input and not made.report:
        state.update(after)
    else:
        state.planned(after, made)
    return after
