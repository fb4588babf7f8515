"""Continuous deployment: what of CI deploys by itself when something is pushed, or merged, to a branch."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.hooks import scripts, workflows
from kamal_migrate.kamal.loading import plain
from kamal_migrate.kamal.scripts import called, script_lines
from kamal_migrate.project import InputError, document

DEPLOYS = {"deploy", "redeploy", "setup"}
GITHUB = ".github/workflows/"
_ALL = ("**",)
# A workflow begins with a push, or when another that began with one is done.
_EVENTS = ("push", "workflow_run")


class Push(NamedTuple):
    """A file of CI that deploys on a push, and to which branches: globs, `!` before those that are left out.

    Of several that match a branch the last counts. ``path`` is seen from the project.
    """

    path: str
    branches: tuple[str, ...] = _ALL

    def is_for(self, branch: str) -> bool:
        """Whether a push to this branch deploys; where nobody knows the branch, whether one to any does."""
        said = [pattern for pattern in self.branches if _matches(branch, pattern.removeprefix("!"))]
        return not said[-1].startswith("!") if said else not branch


def _matches(branch: str, pattern: str) -> bool:
    return bool(branch) and (fnmatchcase(branch, pattern) or pattern == "**")


def pushes(app: App) -> Iterator[Push]:
    """The files of CI that deploy the app by themselves."""
    for path in deploying(app):
        branches = _branches(app.inside(path), app.text(path))
        if branches:
            yield Push(app.inside(path), branches)


def deploying(app: App) -> list[str]:
    """The files of CI that deploy the app: by Kamal, by a script that does, or by calling one of these."""
    texts = {path: app.text(path) for path in workflows(app)}
    run = [re.escape(path) for path in scripts(app) if "/" in path and deploys(app.text(path))]
    by_script = re.compile(rf"(?<![\w-])(?:{'|'.join(run)})(?![\w/.-])" if run else r"(?!)")
    found = [
        path
        for path, text in texts.items()
        if deploys(text) or any(by_script.search(line.text) for line in script_lines(text))
    ]
    callers = [
        path
        for path, text in texts.items()
        if path not in found and any(f"./{GITHUB}{posixpath.basename(one)}" in text for one in found)
    ]
    return found + callers


def deploys(text: str) -> bool:
    """Whether a script or a file of CI calls Kamal to deploy."""
    return any(call.words[:1] and call.words[0] in DEPLOYS for call in called(text))


def _branches(path: str, text: str) -> tuple[str, ...]:
    """The branches a push to which begins it; none where it takes somebody to begin it."""
    try:
        said = plain(document(path, text).docs[0].effective)
    except InputError:
        return ()
    if not isinstance(said, dict):
        return ()
    if path.startswith(GITHUB):
        return _of_github(said)
    if posixpath.basename(path) == "bitbucket-pipelines.yml":
        return _of_bitbucket(said.get("pipelines"))
    return _of_jobs(said)


def _of_github(workflow: dict[str, object]) -> tuple[str, ...]:
    # YAML 1.1 reads a plain `on` as true.
    events = workflow.get("on", workflow.get("true"))
    if not isinstance(events, dict):
        return _ALL if set(_words(events)) & set(_EVENTS) else ()
    return tuple(glob for event in _EVENTS if event in events for glob in _filter(events[event]))


def _filter(event: object) -> tuple[str, ...]:
    """The branches of an event; one for tags alone has none."""
    said = event if isinstance(event, dict) else {}
    if "branches" in said:
        return tuple(_words(said["branches"]))
    if "branches-ignore" in said:
        return (*_ALL, *(f"!{glob}" for glob in _words(said["branches-ignore"])))
    return () if {"tags", "tags-ignore"} & set(said) else _ALL


def _of_bitbucket(pipelines: object) -> tuple[str, ...]:
    """Bitbucket: a pipeline for all branches, or for some; those called `custom` are begun by hand."""
    said = pipelines if isinstance(pipelines, dict) else {}
    some = said.get("branches")
    named = [name for name, steps in some.items() if _begins(steps)] if isinstance(some, dict) else []
    return (*(_ALL if _begins(said.get("default")) else ()), *named)


def _of_jobs(said: dict[str, object]) -> tuple[str, ...]:
    """GitLab and CircleCI run every job on a push, but for those that wait for someone or something else."""
    jobs = said.get("jobs")
    found = (jobs if isinstance(jobs, dict) else said).values()
    return tuple(dict.fromkeys(branch for job in found if _begins(job) for branch in _only(job)))


def _begins(value: object) -> bool:
    """Whether something in here deploys, and waits for nobody."""
    if isinstance(value, dict):
        waits = "manual" in [str(value.get(key)) for key in ("when", "trigger")]
        return not waits and any(map(_begins, value.values()))
    if isinstance(value, list):
        return any(map(_begins, value))
    return isinstance(value, str) and deploys(value)


_NOT_PUSHED = {
    "tags",
    "merge_requests",
    "external_pull_requests",
    "schedules",
    "web",
    "api",
    "triggers",
    "chat",
}


def _only(job: object) -> list[str]:
    """The branches of GitLab's `only`; regular expressions stand for all."""
    only = job.get("only") if isinstance(job, dict) else None
    refs = only.get("refs") if isinstance(only, dict) else only
    if refs is None:
        return [*_ALL]
    names = [name for name in _words(refs) if name not in _NOT_PUSHED]
    return [*_ALL] if any(name in ("branches", "pushes") or name.startswith("/") for name in names) else names


def _words(value: object) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]
