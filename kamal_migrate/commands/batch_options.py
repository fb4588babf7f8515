"""The options of `batch plan` and `batch apply`, and the orders that they make. What is said once holds until
something else is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kamal_migrate.batch.campaign import ONLY
from kamal_migrate.batch.orders import BRANCH, TIMEOUT, Orders
from kamal_migrate.commands.campaigns import DEFAULT
from kamal_migrate.commands.options import flag, word
from kamal_migrate.report.lines import Line, wrapped
from kamal_migrate.request import UsageError
from kamal_migrate.settings import ARCHITECTURES, CACHES, choice, target

Words = list[str] | None
Sources = Annotated[
    Words,
    typer.Argument(
        metavar="SOURCES", show_default=False, help="Folders, globs, files of paths or URLs, URLs of git."
    ),
]
Campaign = Annotated[str, word("--campaign", "NAME", f"The campaign's name, if not {DEFAULT}.")]
Include = Annotated[Words, word("--include", "GLOB", "Only these; may be repeated.")]
Exclude = Annotated[Words, word("--exclude", "GLOB", "But for these; may be repeated.")]
Reset = Annotated[bool, flag("--reset", "Forget the options that were given before.")]

Timeout = Annotated[str, word("--timeout", "SECONDS", f"For each call of git; {TIMEOUT}.")]

PlanInPlace = Annotated[bool, flag("--in-place", "For working trees as they are on disk.")]
InPlace = Annotated[bool, flag("--in-place", "Write into working trees; commit nothing.")]
AllowDirty = Annotated[bool, flag("--allow-dirty", "In place: write over uncommitted changes.")]
Branch = Annotated[str, word("--branch", "NAME", f"The branch, if not {BRANCH}.")]
Message = Annotated[str, word("--message", "TEXT", "The commit's first line.")]
Push = Annotated[bool, flag("--push", "Push, and say where to open pull requests.")]
Direct = Annotated[bool, flag("--direct", "Commit to the default branch itself.")]
Bodies = Annotated[str, word("--bodies", "DIR", "Where the pull requests' texts go.")]

Yes = Annotated[bool, flag("--yes -y", "Write without asking.")]
TakeBack = Annotated[bool, flag("--yes -y", "Take back without asking.")]
Only = Annotated[str, word("--only", "WHICH", "Only those: failed, pending or needs-hands.")]
Limit = Annotated[str, word("--limit", "N", "At most so many repositories.")]
Wave = Annotated[str, word("--wave", "N", "So many now, and so many with each resume.")]
StopAfter = Annotated[str, word("--stop-after", "N", "Begin nothing more after so many failures.")]
Jobs = Annotated[str, word("--jobs -j", "N", "Processes to plan with; one for each core if not said.")]
Quiet = Annotated[bool, flag("--quiet -q", "Print the totals and what failed, nothing else.")]


def number(name: str, value: str) -> int:
    """A number from 1 on; 0 where nobody said it. Raises `UsageError`."""
    if value and (not re.fullmatch(r"[0-9]{1,6}", value) or int(value) == 0):
        raise UsageError(f"{name}: `{value}` is no number from 1 on")
    return int(value or 0)


def only(which: str) -> str:
    """A key of `ONLY`; empty where nobody said it. Raises `UsageError`."""
    return choice("--only", which, tuple(ONLY)) if which else ""


def _absolute(name: str) -> str:
    """A path that means the same when the campaign is gone on with from another folder."""
    return str(Path(name).absolute()) if name else ""


def _same(value: Any) -> Any:
    return value


# How the fields of `Orders` are made from the parameters of those names.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "configs": tuple,
    "codemods": _absolute,
    "to": lambda version: str(target(version)),
    "source": _same,
    "arch": lambda arch: choice("--arch", arch, ARCHITECTURES),
    "cache": lambda cache: choice("--cache", cache, CACHES),
    "inventory": _absolute,
    "preserve": _same,
    "keep_comments": _same,
    "safe_only": _same,
    "select": tuple,
    "ignore": tuple,
    "timeout": lambda seconds: number("--timeout", seconds) or TIMEOUT,
    "in_place": _same,
    "allow_dirty": _same,
    "branch": _same,
    "message": _same,
    "push": _same,
    "directly": _same,
    "bodies": _absolute,
}
# What is about commits; files in working trees are not committed.
_COMMITTING = {"branch", "message", "push", "directly"}


def ordered(context: typer.Context, before: Orders) -> Orders:
    """The orders of before with what is said on the command line. Raises `UsageError`."""
    said = {name: _READ[name](context.params[name]) for name in _said(context)}
    if said.get("in_place"):
        if said.get("push") or said.get("directly"):
            raise UsageError("--in-place commits nothing; it does not go with --push or --direct")
        said |= {"push": False, "directly": False}
    elif said.keys() & _COMMITTING:
        said["in_place"] = False
    return replace(before, **said)


def _said(context: typer.Context) -> list[str]:
    """The parameters that stand on the command line, of those that make orders."""
    sources = {name: context.get_parameter_source(name) for name in context.params if name in _READ}
    return [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]


def held(context: typer.Context, orders: Orders) -> Iterator[Line]:
    """Which options hold because they were said before."""
    usual, said = Orders(orders.campaign), _said(context)
    words = []
    for param in context.command.params:
        name = param.name or ""
        value = getattr(orders, name, None) if name in _READ else None
        if name not in said and value is not None and value != getattr(usual, name):
            values = value if isinstance(value, tuple) else (value,)
            words += [param.opts[0] if one is True else f"{param.opts[0]} {one}" for one in values]
    if words:
        yield from wrapped(f"As said before: {' '.join(words)}; --reset forgets that.", 0, hang=2)
