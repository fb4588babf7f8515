"""Pushing a branch: what the remote has, what became of it, and what to do where it was refused."""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import NamedTuple

from kamal_migrate.batch import forges
from kamal_migrate.batch.calling import Answer, GitError, GitTimeout, checked, shown
from kamal_migrate.batch.distrust import SIGNING, TALKING, check, check_outside, settings
from kamal_migrate.batch.repository import Repository, local, ref, shared


class PushOutcome(Enum):
    """What became of a push."""

    PUSHED = "pushed"
    UP_TO_DATE = "up to date"
    MOVED = "somebody else wrote to the branch"
    DECLINED = "the server's rules declined it"
    DENIED = "no permission"
    UNREACHABLE = "the server is not reached"
    TIMEOUT = "timeout"
    FAILED = "failed"


class Pushed(NamedTuple):
    """What became of a push, why, and the link for a pull request that the server printed."""

    outcome: PushOutcome
    reason: str = ""
    link: str | None = None


class Target(NamedTuple):
    """Where a repository is pushed to: the name that git is given, and the address."""

    name: str
    url: str


# Nothing but the one branch, whatever else the user's settings push. Not thin: a pack that leans on nothing
# needs none of the files that a copy lacks.
_PUSH = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-thin", "--recurse-submodules=no")
_REASONS = (
    (PushOutcome.MOVED, r"stale info|non-fast-forward|fetch first|cannot lock ref|reference already exists"),
    (PushOutcome.DECLINED, r"hook declined|protected branch|\bGH\d{3}\b|push declined|pre-receive"),
    (
        PushOutcome.DENIED,
        r"authentication failed|could not read (?:username|password)|permission .*denied|permission denied"
        r"|host key verification failed|error: 40[13]|access denied|not allowed to push|repository not found"
        r"|error: 404|not authorized|unauthorized|insufficient permission|terminal prompts disabled",
    ),
    (
        PushOutcome.UNREACHABLE,
        r"could not resolve|unable to access|connection (?:refused|reset|timed out|closed)|failed to connect"
        r"|no route to host|network is unreachable|could not read from remote|does not appear to be a git",
    ),
)
_LINK = re.compile(r"^remote:.*?(https?://\S+)", re.MULTILINE)
_OPENS = re.compile(r"pull|merge_request|compare", re.IGNORECASE)


def target(repository: Repository) -> Target:
    """Where it is pushed to: its URL, else the remote that ``git push`` would take.

    Raises `GitError`, also where the repository itself chooses a program that would be run for that, or is
    its own remote.
    """
    if repository.url is not None:
        return Target("origin", repository.url)
    found = settings(repository, rf"remote\.(.*\.url|pushdefault)|{TALKING}|{SIGNING}")
    said = {one.key: one.value for one in found if one.key.endswith(("url", "pushdefault"))}
    check(repository, (one for one in found if one.key not in said))
    names = [key.removeprefix("remote.").removesuffix(".url") for key in said if key.endswith(".url")]
    usual = [said.get("remote.pushdefault"), "origin", names[0] if len(names) == 1 else None]
    name = next((name for name in usual if name in names), None)
    if name is None:
        what = "none of its remotes is `origin`; set remote.pushDefault" if names else "it has no remote"
        raise GitError(f"{repository.name}: {what}")
    answer = repository.call("remote", "get-url", "--push", "--all", "--", name)
    urls = checked(answer, f"{repository.name}: {name}").decode("utf-8", "surrogateescape").splitlines()
    for url in urls:
        check_outside(repository, url)
    return Target(name, urls[0])


def pushed_to(repository: Repository) -> str:
    """Where it is pushed to, in words that are the same for all that are pushed there, and tell no password.

    A repository without a remote is what others may be pushed to. Empty where nobody knows.
    """
    try:
        url = target(repository).url if repository.url is not None or _has_remote(repository) else ""
    except (GitError, OSError):
        return ""
    place = local(url, repository.folder) if url else shared(repository.git_dir)
    if place is None:
        found = forges.remote(url)
        return f"{found.host}/{found.path}" if found else ""
    bare = place.with_name(f"{place.name}.git")
    real = os.path.realpath(bare if bare.is_dir() and not place.exists() else place)
    return shown(real.removesuffix("/.git"))


def _has_remote(repository: Repository) -> bool:
    """Whether it may have a remote; without one there is nothing to ask git for."""
    data = (shared(repository.git_dir) / "config").read_bytes().lower()
    return b"[remote" in data or b"[include" in data


def remote_branch(
    repository: Repository, branch: str, timeout: float, at: Target | None = None
) -> str | None:
    """The commit that a branch of the remote is at; `None` where it has none. Raises `GitError`.

    It is asked where it is pushed to, which may be another place than the one that is fetched from.
    """
    found = at or target(repository)
    where = found.name if repository.url is not None else found.url
    answer = repository.talk("ls-remote", "--quiet", "--", where, ref(branch), seconds=timeout)
    rows = [
        row.split("\t") for row in checked(answer, repository.name).decode("utf-8", "replace").split("\n")
    ]
    return next((row[0] for row in rows if row[1:] == [ref(branch)]), None)


def push(
    repository: Repository,
    branch: str,
    commit: str,
    expected: str | None,
    timeout: float,
    at: Target | None = None,
) -> Pushed:
    """Push a commit to a branch of the remote.

    ``expected`` is the commit of ours that the branch is at there, and is replaced, if it is still that;
    `None` where there is to be no such branch, and what somebody else made there meanwhile stays.
    """
    return _push(repository, f"{commit}:{ref(branch)}", branch, expected, timeout, at)


def delete_remote_branch(
    repository: Repository, branch: str, expected: str, timeout: float, at: Target | None = None
) -> Pushed:
    """Delete a branch of the remote that is still at a commit of ours; one that is gone is up to date."""
    done = _push(repository, f":{ref(branch)}", branch, expected, timeout, at)
    if done.outcome is PushOutcome.MOVED and remote_branch(repository, branch, timeout, at) is None:
        return Pushed(PushOutcome.UP_TO_DATE)
    return done


def _push(
    repository: Repository, what: str, branch: str, expected: str | None, timeout: float, at: Target | None
) -> Pushed:
    try:
        name, url = at or target(repository)
        # The lease of a branch that is not there yet is that it stays so.
        lease = f"--force-with-lease={ref(branch)}:{expected or ''}"
        mirror = (f"remote.{name}.mirror=false",)
        answer = repository.talk(*_PUSH, lease, "--", name, what, seconds=timeout, settings=mirror)
    except GitTimeout as error:
        return Pushed(PushOutcome.TIMEOUT, str(error))
    except GitError as error:
        return Pushed(PushOutcome.FAILED, str(error))
    return _outcome(answer, url)


def _outcome(answer: Answer, url: str) -> Pushed:
    """What the lines say that `git push --porcelain` prints: a flag, the refs, a summary."""
    rows = [row.split("\t") for row in answer.out.decode("utf-8", "replace").split("\n")]
    flags = {row[0]: row[2] for row in rows if len(row) == 3}
    if answer.code == 0 and flags:
        done = PushOutcome.UP_TO_DATE if "=" in flags else PushOutcome.PUSHED
        return Pushed(done, link=_link(answer.said, url))
    refused = re.search(r"\((.+)\)$", flags.get("!", ""))
    reason = refused[1] if refused else flags.get("!", answer.reason)
    told = [line for line in answer.said.splitlines() if line.startswith("remote:")] if refused else []
    why = " ".join(line.removeprefix("remote:").strip() for line in told).strip()
    everything = f"{reason}\n{answer.said}"
    known = (one for one, words in _REASONS if re.search(words, everything, re.IGNORECASE))
    return Pushed(next(known, PushOutcome.FAILED), shown(f"{reason}: {why}" if why else reason))


def _link(said: str, url: str) -> str | None:
    """The link that the server printed for opening a pull request, if it leads to the server itself."""
    home = forges.remote(url)
    for found in _LINK.findall(said):
        leads = forges.remote(found)
        if home and leads and leads.host.split(":")[0] == home.host.split(":")[0] and _OPENS.search(found):
            return shown(found)
    return None
