"""The branches of a repository: which are not to be written to, and whose commits are on them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from kamal_migrate.batch.calling import GitError, checked
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.repository import Repository, pointed_branch, ref, shared

TRAILER = "Kamal-Migrate-Campaign"
MAX_COMMITS = 200


class Commit(NamedTuple):
    """A commit: the campaigns that its message names, and whether nobody amended it since it was made."""

    id: str
    tree: str
    parents: tuple[str, ...]
    message: str
    untouched: bool

    @property
    def campaigns(self) -> tuple[str, ...]:
        """The campaigns that the last paragraph of its message names."""
        lines = self.message.rstrip().rsplit("\n\n", 1)[-1].split("\n")
        return tuple(
            line.partition(":")[2].strip() for line in lines if line.lower().startswith(f"{TRAILER}:".lower())
        )


def default_branches(repository: Repository) -> set[str]:
    """The branches that are not written to unasked: that of ``HEAD``, and those of the remotes' ``HEAD``."""
    common = shared(repository.git_dir)
    found = {pointed_branch(repository.git_dir / "HEAD"), pointed_branch(common / "HEAD")}
    for file in (common / "refs" / "remotes").glob("*/HEAD"):
        found.add(pointed_branch(file, f"refs/remotes/{file.parent.name}/"))
    return {branch for branch in found if branch}


def checked_out(repository: Repository) -> set[str]:
    """The branches that a working tree shows: a commit on one would look like changes undone there."""
    common = shared(repository.git_dir)
    heads = list((common / "worktrees").glob("*/HEAD"))
    if repository.git_dir != repository.folder:
        heads += [common / "HEAD", repository.git_dir / "HEAD"]
    return {branch for branch in map(pointed_branch, heads) if branch}


def commit_at(objects: Objects, name: str) -> Commit | None:
    """A commit by its name or that of a branch; `None` where it is not here."""
    [info] = objects.infos([f"{name}^{{commit}}"])
    [data] = objects.contents([info.id]) if info else [None]
    return _parsed(info.id, data) if info and data is not None else None


def commits_since(objects: Objects, base: Collection[str], branch: str) -> list[Commit]:
    """The commits on a branch that none of the base commits has, newest first, at most `MAX_COMMITS`.

    Raises `GitError` where there is no such branch.
    """
    tip = objects.branch(branch)
    if not tip:
        raise GitError(f"{objects.repository.name}: there is no branch {branch}")
    gone = objects.missing(base)
    known = [f"^{name}" for name in base if name not in gone]
    answer = objects.repository.call("rev-list", f"--max-count={MAX_COMMITS}", tip, *known)
    names = checked(answer, f"{objects.repository.name}: the commits of {branch}").decode().split()
    found = zip(names, objects.contents(names), strict=True)
    return [_parsed(name, data) for name, data in found if data is not None]


def is_ours(
    objects: Objects, branch: str, base: Collection[str], campaign: str, recorded: Collection[str] = ()
) -> bool:
    """Whether every commit that a branch has beyond the base commits was made by a campaign, and left so.

    The campaign knows its commits by what it ``recorded``. What it had no time to record is known by its
    message, as long as it was not amended: then it would have been committed later than it was authored.
    Where a shallow copy ends before a base is reached, nobody knows, and the answer is no.
    """
    commits = commits_since(objects, base, branch)
    parents = {parent for commit in commits for parent in commit.parents} - set(base)
    return not objects.missing(parents) and all(
        commit.id in recorded or (campaign in commit.campaigns and commit.untouched) for commit in commits
    )


def with_trailer(message: str, campaign: str) -> str:
    """A commit message that names its campaign, so that `is_ours` knows it."""
    body = message.rstrip()
    paragraphs = body.split("\n\n")
    last = paragraphs[-1].split("\n")
    has_trailers = len(paragraphs) > 1 and all(re.match(r"[A-Za-z0-9-]+: ", line) for line in last)
    return body + ("\n" if has_trailers else "\n\n") + f"{TRAILER}: {' '.join(campaign.split())}\n"


def delete_branch(repository: Repository, branch: str, expected: str) -> None:
    """Delete a branch that is still at a commit. Raises `GitError`, also where it is somewhere else."""
    if branch in checked_out(repository):
        raise GitError(f"{repository.name}: {branch} is checked out; switch to another branch there")
    answer = repository.call("update-ref", "--no-deref", "-d", ref(branch), expected)
    checked(answer, f"{repository.name}: {branch} is not deleted")


def _parsed(name: str, data: bytes) -> Commit:
    head, _, message = data.decode("utf-8", "replace").partition("\n\n")
    headers = [line.split(" ", 1) for line in head.split("\n") if " " in line]
    said = dict(reversed(headers))
    committed = said.get("committer", "").rsplit(" ", 2)[1:]
    return Commit(
        name,
        said.get("tree", ""),
        tuple(value for key, value in headers if key == "parent"),
        message,
        bool(committed) and committed == said.get("author", "").rsplit(" ", 2)[1:],
    )
