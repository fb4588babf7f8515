"""Takes back what a campaign did: its branches go, working trees are as they were, byte for byte.

What a person has changed since is left alone, and said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from kamal_migrate.batch.branches import default_branches, delete_branch, is_ours
from kamal_migrate.batch.calling import GitError
from kamal_migrate.batch.inputs import repository_of, working_tree
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.orders import Orders
from kamal_migrate.batch.original import Original
from kamal_migrate.batch.pushing import PushOutcome, Target, delete_remote_branch, remote_branch, target
from kamal_migrate.batch.repository import Repository
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.running import Interrupted, done
from kamal_migrate.batch.sources import URL
from kamal_migrate.batch.state import State
from kamal_migrate.batch.work import Outcome
from kamal_migrate.transaction import Change, NotCarriedOut, NotRestored, carry_out
from kamal_migrate.transaction import clear as clear_folder


def to_undo(state: State) -> list[Row]:
    """The repositories where something was done, or begun."""
    return [row for row in state.rows() if row.has_branch or state.originals(row.source)]


def undo_all(
    state: State, rows: Iterable[Row], orders: Orders, stop: Interrupted, jobs: int
) -> Iterator[Row]:
    """Take back repositories; each as it is done, and kept in the state by then."""
    with ThreadPoolExecutor(jobs * 2) as threads:
        for row, future in done(
            rows, lambda row: threads.submit(_undone, state, row, orders), stop, jobs * 2
        ):
            try:
                after = future.result()
            except (GitError, NotCarriedOut, NotRestored, OSError) as error:
                after = replace(row, outcome=Outcome.FAILED, reason=row.why(error))
            state.update(after)
            yield after


def _undone(state: State, row: Row, orders: Orders) -> Row:
    originals = state.originals(row.source)
    if originals:
        root = working_tree(row)
        put_back(root, originals)
        clear(root, originals)
        state.forget_originals(row.source)
    if row.has_branch:
        _delete_branch(row, orders)
    row = replace(row, stage=Stage.UNDONE, branch="", made="", pushed="", link="", written=False)
    failed = row.outcome in (Outcome.FAILED, Outcome.REFUSED)
    return replace(row, stage=Stage.WAITING, outcome=None, reason="", input="") if failed else row


def on_disk(root: Path, path: str) -> bytes | None:
    """The bytes of a file as it is now; None where there is none."""
    target = Path(os.path.realpath(root / path))
    return target.read_bytes() if target.is_file() else None


def put_back(root: Path, originals: list[Original]) -> None:
    """Put files back, all or none. Raises `GitError` where somebody changed one since."""
    changes, gone = [], []
    for original in originals:
        target, now = Path(os.path.realpath(root / original.path)), on_disk(root, original.path)
        if not (original.is_written(now) or original.is_back(now)):
            raise GitError(f"{original.path}: changed since it was written; nothing is put back")
        if original.data is None:
            gone.append(target)
        elif not original.is_back(now):
            changes.append(Change(target, original.before(now or b""), target if target.exists() else None))
    carry_out(changes)
    for original in originals:
        if original.mode is not None:
            Path(os.path.realpath(root / original.path)).chmod(original.mode)
    for target in gone:
        target.unlink(missing_ok=True)
        _remove_empty(target.parent, root)


def clear(root: Path, originals: list[Original]) -> None:
    """Take away what a killed run left beside files: nobody else is at it."""
    for folder in {Path(os.path.realpath(root / one.path)).parent for one in originals}:
        clear_folder(folder)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _delete_branch(row: Row, orders: Orders) -> None:
    """Raises `GitError` for a branch that somebody added to, and for one that was not there before."""
    try:
        repository = repository_of(row, orders)
    except GitError:
        if row.kind == URL and _is_refused(row):
            return  # Only the copy has the branch.
        raise
    if row.branch == row.trunk or row.branch in default_branches(repository):
        raise GitError("committed to the default branch; revert that commit there")
    at, there = _pushed_to(row, repository, orders)
    with Objects(repository) as objects:
        here = objects.branch(row.branch)
        known = {row.made, row.pushed}
        if here and not row.made and is_ours(objects, row.branch, [row.base], orders.campaign):
            known.add(here)  # Made by a run that was killed before it could keep that.
    for commit, where in ((there, " of the remote"), (here, "")):
        if commit and commit not in known:
            raise GitError(f"branch `{row.branch}`{where} has commits of somebody else; it is left alone")
    if at and there:
        said = delete_remote_branch(repository, row.branch, there, orders.timeout, at)
        if said.outcome is not PushOutcome.PUSHED:
            raise GitError(f"the remote keeps the branch: {said.outcome.value} {said.reason}".rstrip())
    if here:
        delete_branch(repository, row.branch, here)


def _is_refused(row: Row) -> bool:
    """Whether nothing was pushed, for the remote or this machine did not let it."""
    return row.outcome is Outcome.FAILED and not row.pushed


def _pushed_to(row: Row, repository: Repository, orders: Orders) -> tuple[Target | None, str | None]:
    """Where the branch was pushed, or may have been by a run that was killed, and the commit it is at there.

    What is there of that name where our push was refused is somebody else's.
    """
    if not (row.pushed or orders.push):
        return None, None
    at = None
    try:
        at = target(repository)
        there = remote_branch(repository, row.branch, orders.timeout, at)
    except GitError:
        if row.pushed or (at and not _is_refused(row)):
            raise
        return None, None
    return (None, None) if _is_refused(row) and there != row.made else (at, there)
