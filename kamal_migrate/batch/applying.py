"""Carries out what is planned: one commit on a branch of each repository, or new files in a working tree.

Every step looks at the repository first, so that a run that was killed anywhere can be gone on with.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from kamal_migrate.batch.branches import commit_at, default_branches, is_ours, with_trailer
from kamal_migrate.batch.calling import GitError
from kamal_migrate.batch.ending import Ended
from kamal_migrate.batch.fetching import fetch_branch
from kamal_migrate.batch.forges import pull_request_link
from kamal_migrate.batch.inputs import may_be_as_planned, repository_of, working_tree
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.orders import Orders
from kamal_migrate.batch.original import Original, original
from kamal_migrate.batch.places import CampaignError
from kamal_migrate.batch.planning import planned
from kamal_migrate.batch.pushing import PushOutcome, push, remote_branch, target
from kamal_migrate.batch.repository import Repository
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.running import Interrupted, done, processes
from kamal_migrate.batch.state import State
from kamal_migrate.batch.undoing import clear, on_disk, put_back
from kamal_migrate.batch.work import Outcome
from kamal_migrate.batch.writing import commit
from kamal_migrate.disk import WriteError, check_renamed, check_unchanged, write
from kamal_migrate.folder import Folder, read
from kamal_migrate.kamal.versions import parse
from kamal_migrate.masking import mask
from kamal_migrate.project import InputError
from kamal_migrate.reading import encoded
from kamal_migrate.settings import SettingsError

CHANGES = (Outcome.MIGRATED, Outcome.HANDS)


def apply_all(
    state: State, rows: Iterable[Row], orders: Orders, stop: Interrupted, jobs: int
) -> Iterator[Row]:
    """Carry out repositories; each as it is done, and kept in the state by then."""
    with ThreadPoolExecutor(jobs * 2) as threads, processes(jobs) as pool:
        for row, future in done(
            rows, lambda row: threads.submit(_applied, state, row, orders, pool), stop, jobs * 2
        ):
            error = future.exception()
            yield future.result() if error is None else _failed(state, row, error)


def _failed(state: State, row: Row, error: BaseException) -> Row:
    if isinstance(error, (CampaignError, Ended)):
        raise error
    known = (InputError, GitError, SettingsError, WriteError, Refused, OSError)
    reason = row.why(error) if isinstance(error, known) else mask(f"{type(error).__name__}: {error}")
    outcome = Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED
    after = replace(state.row(row.source), outcome=outcome, reason=reason)
    state.update(after)
    return after


def _applied(state: State, row: Row, orders: Orders, pool: Executor) -> Row:
    """One repository. Raises what reading, git and writing raise."""
    if orders.in_place and not row.written and _is_written(state, row):
        after = replace(row, stage=Stage.WRITTEN, written=True)
        state.update(after)
        return after
    if orders.directly and row.branch and (direct := _direct(state, row, orders)):
        return direct
    whole = state.is_whole(row.source)
    if whole and row.outcome in CHANGES and may_be_as_planned(row, orders):
        with Objects(repository_of(row, orders)) as objects:
            if objects.head().commit == row.base:
                return _committed(state, row, orders, New(*state.files(row.source)), objects)
    after, made = planned(row if whole else replace(row, input=""), orders, pool)
    if made.report or after.outcome is not row.outcome:
        state.planned(after, made)
    elif after != row:
        state.update(after)
    new = New(made.files, made.renamed) if made.report else New(*state.files(row.source))
    if after.outcome not in CHANGES or not new.files:
        return after
    if orders.in_place:
        return _written(state, after, orders, new)
    with Objects(repository_of(row, orders, update=False)) as objects:
        return _committed(state, after, orders, new, objects)


class Refused(Exception):
    """What is there is a person's, and left alone."""


class New(NamedTuple):
    """The files that come to a repository; and the old paths of those that are renamed, by the new."""

    files: Mapping[str, bytes]
    renamed: Mapping[str, str]


def _committed(state: State, row: Row, orders: Orders, new: New, objects: Objects) -> Row:
    """One commit on a branch, and where it is wanted the branch on the remote.

    The name of the branch is kept before it is made, so that `undo` knows where to look after a kill.
    """
    name = _branch(state, row, orders)
    if row.made and row.branch not in ("", name):
        branch = f"this campaign made branch `{row.branch}` here before"
        raise Refused(f"{branch}; take that back with `batch undo`, or name another campaign")
    ours = [commit for commit in (row.made, row.pushed) if commit]
    there = _remote(objects, name, ours, orders) if orders.push else None
    before = objects.branch(name)
    if orders.directly:
        ours.append(row.base)
    elif before and before not in ours:
        _check_ours(objects, name, row, orders, ours)
        ours.append(before)
    if row.branch != name:
        row = replace(row, branch=name)
        state.update(row)
    made = commit(objects, row.base, new.files, new.renamed, _message(state, row, orders), name, before)
    row = replace(row, stage=Stage.COMMITTED, made=made)
    state.update(row)
    expected = there if there in ours else None
    return _pushed(state, row, orders, objects.repository, expected) if orders.push else row


def _direct(state: State, row: Row, orders: Orders) -> Row | None:
    """The same for the default branch that a run that was killed committed to; None where none did."""
    repository = repository_of(row, orders)
    with Objects(repository) as objects:
        head = commit_at(objects, objects.head().commit)
    if not head or head.parents != (row.base,) or orders.campaign not in head.campaigns or not head.untouched:
        return None
    row = replace(row, stage=Stage.COMMITTED, made=head.id)
    state.update(row)
    return _pushed(state, row, orders, repository, row.base) if orders.push else row


def _check_ours(objects: Objects, name: str, row: Row, orders: Orders, ours: list[str]) -> None:
    """Raises `GitError` and `Refused` for a branch that is not the campaign's."""
    if name in default_branches(objects.repository):
        raise GitError(f"`{name}` is the default branch; add --direct, or name another branch")
    if not is_ours(objects, name, [row.base], orders.campaign, ours):
        raise Refused(f"branch `{name}` has commits that are not this campaign's; it is left alone")


def _branch(state: State, row: Row, orders: Orders) -> str:
    if orders.directly:
        if not row.trunk:
            raise GitError("no branch is checked out here, so there is none to commit to directly")
        return row.trunk
    return orders.filled(orders.branch, name=row.name.replace("/", "-"), to=_version(state, row))


def _remote(objects: Objects, name: str, ours: list[str], orders: Orders) -> str | None:
    """The commit that the remote's branch is at; one that is not ours comes here: whose is it?"""
    repository = objects.repository
    tip = remote_branch(repository, name, orders.timeout)
    if tip and tip not in ours and repository.url is not None and not orders.directly:
        fetch_branch(repository, name, orders.timeout)
        objects.close()
    return tip


def _pushed(state: State, row: Row, orders: Orders, repository: Repository, expected: str | None) -> Row:
    """The branch on the remote, in place of a commit of ours. Raises `GitError` where it was not pushed."""
    at = target(repository)
    said = push(repository, row.branch, row.made, expected, orders.timeout, at)
    if said.outcome not in (PushOutcome.PUSHED, PushOutcome.UP_TO_DATE):
        raise GitError(f"not pushed: {said.outcome.value}{said.reason and f': {said.reason}'}")
    link = said.link or pull_request_link(at.url, row.branch, row.trunk) or ""
    row = replace(row, stage=Stage.PUSHED, pushed=row.made, link="" if orders.directly else link)
    state.update(row)
    return row


def _version(state: State, row: Row) -> str:
    """The version that it is migrated to, as people say it."""
    version = parse(str(state.report(row.source).get("to", "")))
    return version.short if version else ""


def _message(state: State, row: Row, orders: Orders) -> str:
    """The message of the commit: the template, each finding in a line, and whose it is."""
    report = state.report(row.source)
    title = orders.filled(orders.message, name=row.name, to=f"Kamal {_version(state, row)}")
    said = [f"{one['id']}: {one['message']}" for one in report.get("findings", []) if one["applied"]]
    lines = "\n".join(f"* {line}" for line in dict.fromkeys(said))
    return with_trailer(f"{title}\n\n{lines}\n", orders.campaign)


def _written(state: State, row: Row, orders: Orders, new: New) -> Row:
    """New files in a working tree, under the rules of a single app; what was there is kept before."""
    if row.written:
        raise Refused("this campaign wrote here before; take that back with `batch undo`, or name another")
    folder = read(working_tree(row), orders.configs, inside=True)
    _check_inside(folder, [*new.files, *new.renamed.values()])
    changed = [path for path in new.files if path not in new.renamed]
    dirty = folder.uncommitted([*changed, *new.renamed.values()])
    if dirty and not orders.allow_dirty:
        raise Refused(f"{dirty[0]}: not all of it is committed; nothing written. Commit it, or --allow-dirty")
    check_unchanged(folder, folder.originals)
    check_renamed(folder, new.renamed)
    state.keep_originals(row.source, _originals(folder, new))
    texts = {path: data.decode("utf-8", "surrogateescape") for path, data in new.files.items()}
    write(folder, texts, renamed=new.renamed)
    row = replace(row, stage=Stage.WRITTEN, written=True)
    state.update(row)
    return row


def _check_inside(folder: Folder, paths: Iterable[str]) -> None:
    """Raises `Refused` for what is elsewhere: links of a repository do not choose what is written."""
    root = folder.root.resolve()
    for path in paths:
        if not folder.target(path).is_relative_to(root):
            raise Refused(f"{path}: this link leads out of the repository; nothing written")


def _is_written(state: State, row: Row) -> bool:
    """Whether a run that was killed wrote all files; where it wrote only some, these are put back."""
    originals = state.originals(row.source)
    if not originals:
        return False
    root = working_tree(row)
    if all(one.is_written(on_disk(root, one.path)) for one in originals):
        clear(root, originals)
        return True
    if any(_is_begun(one, on_disk(root, one.path)) for one in originals):
        put_back(root, originals)
    clear(root, originals)
    state.forget_originals(row.source)
    return False


def _is_begun(original: Original, now: bytes | None) -> bool:
    return original.is_written(now) and not original.is_back(now)


def _originals(folder: Folder, new: New) -> Iterator[Original]:
    """The files as they are: those that change, those that come, and those that go."""
    for path, data in new.files.items():
        known = path in folder.project.files
        yield _original(folder, path, data) if known else original(path, None, None, data)
    for old in new.renamed.values():
        if old not in new.files:
            yield _original(folder, old, None)


def _original(folder: Folder, path: str, written: bytes | None) -> Original:
    mode = stat.S_IMODE(os.stat(folder.target(path)).st_mode)  # noqa: PTH116 - links are followed
    return original(path, encoded(folder.project.files[path]), mode, written)
