"""Copies of repositories at URLs: of one commit, without its files, which come when they are asked for."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from kamal_migrate.batch import forges
from kamal_migrate.batch.calling import GitError, NoCommit, checked, is_too_much
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.repository import Repository, is_git_dir, is_url, pointed_branch, ref
from kamal_migrate.reading import MAX_BYTES

# Only what is named comes: no tags, no submodules, nothing is pruned. `transfer.fsckObjects` is left to the
# user's own settings: many old repositories would fail, and nothing is ever checked out.
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-prune")
_WITHOUT_FILES = "--filter=blob:none"
# That it is a partial clone is said only when something is fetched, and not kept: in one, git fails on
# whatever it finds missing, instead of telling that.
_PARTIAL = ("remote.origin.promisor=true", "remote.origin.partialCloneFilter=blob:none")
_PART = ".part-"
# A pack with the few files of an app has much less.
MAX_FETCHED = 8 * 1024 * 1024


class Tip(NamedTuple):
    """A branch of a remote, and the commit that it is at."""

    branch: str
    commit: str


class Clock:
    """The time that is left for all that is to be done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; never less than a moment, so that what is due fails by its own."""
        return max(self._end - time.monotonic(), 0.01)


def copy_name(url: str) -> str:
    """A name for the folder of a copy: the same for the same URL, whoever's password is in it."""
    found = forges.remote(url)
    known = "/".join(found[1:]) if found else url
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", forges.name(url)).strip("-.")
    return f"{readable[:60]}-{hashlib.sha256(known.encode()).hexdigest()[:12]}.git"


def fetched(url: str, folder: Path, timeout: float, branch: str | None = None) -> Repository:
    """The repository at a URL, copied to a folder, or brought up to date there.

    The copy is bare and holds the newest commit of its default branch, or of the one that is named; without
    files where the server allows it. No other process may be at it: locks that are found there are those of
    one that was killed. Raises `GitError`, and `GitTimeout` after so many seconds.
    """
    if not is_url(url):
        raise GitError(f"{url}: this is no https, ssh or file URL")
    clock = Clock(timeout)
    copy = copied(url, folder)
    if folder.exists():
        _update(copy, clock, branch)
        return copy
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in folder.parent.glob(f"{folder.name}{_PART}*"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=folder.name + _PART, dir=folder.parent))
    try:
        _create(Repository(part, part, copy.name, url), clock, branch)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return copy


def copied(url: str, folder: Path) -> Repository:
    """The copy in a folder as it is, without talking to anybody."""
    return Repository(folder, folder, forges.name(url), url)


def fetch_files(objects: Objects, names: Iterable[str], timeout: float) -> None:
    """Bring those objects of a copy that are not here, all at once. Raises `GitError`.

    A repository of the user's own is only read: what is missing there stays missing. So does what is much too
    big for a config; how big a file is, nobody tells before it comes.
    """
    repository = objects.repository
    missing = objects.missing(names) if repository.url is not None else []
    if missing:
        _fetch_objects(repository, missing, Clock(timeout))
        objects.close()


def _fetch_objects(repository: Repository, names: list[str], clock: Clock) -> None:
    """Bring objects; where they are too much, those that are not: half of them at a time."""
    given = "".join(f"{name}\n" for name in names).encode()
    how = (*_FETCH, _WITHOUT_FILES, "--stdin", "origin")
    settings = (*_PARTIAL, "fetch.negotiationAlgorithm=noop", f"core.bigFileThreshold={MAX_BYTES}")
    answer = repository.talk(*how, seconds=clock.left, given=given, settings=settings, most=MAX_FETCHED)
    if not is_too_much(answer):
        checked(answer, f"{repository.name}: {len(names)} files")
        return
    for left in (repository.git_dir / "objects").rglob("tmp_*"):
        left.unlink(missing_ok=True)
    half = len(names) // 2
    for part in (names[:half], names[half:]) if half else ():
        _fetch_objects(repository, part, clock)


def fetch_branch(repository: Repository, branch: str, timeout: float) -> None:
    """Bring the newest commit of another branch of the remote of a copy. Raises `GitError`."""
    _fetch(repository, branch, Clock(timeout))


def _create(copy: Repository, clock: Clock, branch: str | None) -> None:
    tip = _remote_tip(copy, clock, branch)
    kind = ["--object-format=sha256"] if len(tip.commit) == 64 else []
    made = copy.call("init", "--quiet", "--bare", "--template=", f"--initial-branch={tip.branch}", *kind)
    checked(made, f"{copy.name}: no copy is made")
    _fetch(copy, tip.branch, clock)


def _update(copy: Repository, clock: Clock, branch: str | None) -> None:
    if not is_git_dir(copy.git_dir):
        raise GitError(f"{copy.git_dir}: this is no copy of a repository; delete it, and run again")
    for left in (*copy.git_dir.rglob("*.lock"), *(copy.git_dir / "objects").rglob("tmp_*")):
        left.unlink(missing_ok=True)
    tip = _remote_tip(copy, clock, branch)
    with Objects(copy) as objects:
        is_new = objects.branch(tip.branch) != tip.commit
    if is_new:
        _fetch(copy, tip.branch, clock)
    if pointed_branch(copy.git_dir / "HEAD") != tip.branch:
        checked(copy.call("symbolic-ref", "HEAD", ref(tip.branch)), f"{copy.name}: its default branch")


def _remote_tip(copy: Repository, clock: Clock, branch: str | None) -> Tip:
    """The default branch of the remote, or the one that is named."""
    wanted = ref(branch) if branch else "HEAD"
    answer = copy.talk("ls-remote", "--quiet", "--symref", "origin", wanted, seconds=clock.left)
    rows = [row.split("\t") for row in checked(answer, copy.name).decode("utf-8", "replace").split("\n")]
    found = {row[1]: row[0] for row in rows if len(row) == 2 and not row[0].startswith("ref: ")}
    start = "ref: refs/heads/"
    default = next((row[0].removeprefix(start) for row in rows if row[0].startswith(start)), None)
    name = branch or default
    if wanted not in found or not name:
        everything = copy.talk("ls-remote", "--quiet", "origin", seconds=clock.left)
        if not checked(everything, copy.name):
            raise NoCommit(f"{copy.name}: there is no commit yet")
        missing = f"no branch {branch}" if branch else "no commit on its default branch"
        raise GitError(f"{copy.name}: the repository has {missing}")
    ref(name)
    return Tip(name, found[wanted])


def _fetch(copy: Repository, branch: str, clock: Clock) -> None:
    """Bring the newest commit of a branch; with its files where the server filters nothing."""
    how = (*_FETCH, "--depth=1")
    what = ("origin", f"+{ref(branch)}:{ref(branch)}")
    answer = copy.talk(*how, _WITHOUT_FILES, *what, seconds=clock.left, settings=_PARTIAL)
    if answer.code and "filter" in answer.said:
        answer = copy.talk(*how, "--no-filter", *what, seconds=clock.left, settings=_PARTIAL)
    checked(answer, copy.name)
