"""``kamal-migrate batch``: plan, apply, status, resume, undo and report over many repositories."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kamal_migrate.asking import Terminal
from kamal_migrate.batch import campaign
from kamal_migrate.batch.campaign import ONLY, Portion
from kamal_migrate.batch.orders import BRANCH, MESSAGE, Orders
from kamal_migrate.batch.report import text
from kamal_migrate.batch.sources import found
from kamal_migrate.batch.state import names, opened
from kamal_migrate.commands import batch_report, campaigns
from kamal_migrate.commands.campaigns import APPLY, DEFAULT, PLAN, carry_out, record, take_back
from kamal_migrate.commands.options import Color, flag, word
from kamal_migrate.report.lines import Line
from kamal_migrate.request import UsageError
from kamal_migrate.settings import ARCHITECTURES, CACHES, choice, target

HELP = "Upgrade many repositories: plan, look, apply, go on tomorrow."
EXIT_CODES = """\b
Exit codes:
  0    nothing failed, and nothing is left for hands
  2    wrong usage, or a campaign that is not there or in use
  3    something is left for hands in some
  5    some failed or were refused; each is named with its reason
  130  stopped by Ctrl-C; go on with: batch resume
"""
SOURCES = "Folders, globs, files of paths or URLs, URLs of git."
MAX_JOBS = 64


Words = list[str] | None
Campaign = Annotated[str, word("--campaign", "NAME", f"The campaign's name, if not {DEFAULT}.")]
Jobs = Annotated[str, word("--jobs -j", "N", "Processes to plan with; one for each core if not said.")]
Quiet = Annotated[bool, flag("--quiet -q", "Print the totals and what failed, nothing else.")]
Only = Annotated[str, word("--only", "WHICH", "Only those: failed, pending or needs-hands.")]
Limit = Annotated[str, word("--limit", "N", "At most so many repositories.")]
StopAfter = Annotated[str, word("--stop-after", "N", "Begin nothing more after so many failures.")]


def group(terminal: Callable[[str], Terminal], styles: type[TyperCommand]) -> typer.Typer:
    """The commands, given how to print and ask, by a word for when to use colours."""
    app = typer.Typer(
        cls=_group(styles),
        help=HELP,
        epilog=EXIT_CODES,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    )
    for name, command in (
        ("plan", _plan(terminal)),
        ("apply", _apply(terminal)),
        ("status", _status(terminal)),
        ("resume", _resume(terminal)),
        ("undo", _undo(terminal)),
        ("report", batch_report.command(terminal)),
    ):
        app.command(name, cls=styles)(command)
    return app


def _plan(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def plan(
        sources: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="SOURCES",
                show_default=False,
                help="Folders, globs, files of paths or URLs, URLs of git.",
            ),
        ] = None,
        name: Campaign = DEFAULT,
        include: Annotated[
            list[str] | None, word("--include", "GLOB", "Only these; may be repeated.")
        ] = None,
        exclude: Annotated[
            list[str] | None, word("--exclude", "GLOB", "But for these; may be repeated.")
        ] = None,
        in_place: Annotated[bool, flag("--in-place", "For working trees as they are on disk.")] = False,
        configs: Annotated[
            list[str] | None, word("-c --config-file", "FILE", "A main config, as for Kamal.")
        ] = None,
        codemods: Annotated[str, word("--codemods", "DIR", "A folder with codemods of your own.")] = "",
        to: Annotated[str, word("--to", "VERSION", "The Kamal to migrate to: 1.9, or a 2.x.")] = "",
        source: Annotated[str, word("--from", "VERSION", "The Kamal that deploys them now.")] = "",
        arch: Annotated[str, word("--arch", "ARCH", "What all servers run: amd64, arm64 or both.")] = "",
        cache: Annotated[str, word("--cache", "KIND", "The cache to add: registry, plain, gha, none.")] = "",
        inventory: Annotated[str, word("--inventory", "FILE", "What the hosts run.")] = "",
        preserve: Annotated[bool, flag("--preserve", "Keep what Kamal 1 really did.")] = False,
        keep_comments: Annotated[bool, flag("--keep-comments", "Keep comments of what goes.")] = False,
        safe_only: Annotated[bool, flag("--safe-only", "Only what Kamal does the same as before.")] = False,
        select: Annotated[Words, word("--select", "ID", "Only these; may be repeated.")] = None,
        ignore: Annotated[list[str] | None, word("--ignore", "ID", "All but these; may be repeated.")] = None,
        timeout: Annotated[str, word("--timeout", "SECONDS", "For each repository's git; 120.")] = "120",
        only: Only = "",
        limit: Limit = "",
        stop_after: StopAfter = "",
        jobs: Jobs = "",
        quiet: Quiet = False,
        color: Color = "auto",
        dry_run: Annotated[bool, typer.Option("--dry-run", hidden=True)] = False,
    ) -> None:
        """Find out what is to be done in each; only that is kept."""
        del dry_run
        orders = Orders(
            name,
            tuple(configs or ()),
            _absolute(codemods),
            str(target(to)) if to else "",
            source,
            _choice("--arch", arch, ARCHITECTURES),
            _choice("--cache", cache, CACHES),
            _absolute(inventory),
            preserve,
            keep_comments,
            safe_only,
            tuple(select or ()),
            tuple(ignore or ()),
            in_place,
            timeout=_number("--timeout", timeout) or 120,
        )
        portion = Portion(_only(only), _number("--limit", limit), _number("--stop-after", stop_after))
        orders.check()
        sought = found(sources or (), tuple(include or ()), tuple(exclude or ()))
        with opened(name, new=bool(sought)) as state:
            if sought:
                state.add(sought)
                state.keep_only([one.place for one in sought])
            record(state, orders, PLAN)
            rows = campaign.to_plan(state, portion)
            raise typer.Exit(
                campaigns.plan(state, rows, portion, terminal(color), quiet=quiet, jobs=_jobs(jobs))
            )

    return plan


def _apply(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def apply(
        name: Campaign = DEFAULT,
        yes: Annotated[bool, flag("--yes -y", "Write without asking.")] = False,
        in_place: Annotated[bool, flag("--in-place", "Write into working trees; commit nothing.")] = False,
        branch: Annotated[str, word("--branch", "NAME", f"The branch, if not {BRANCH}.")] = BRANCH,
        message: Annotated[str, word("--message", "TEXT", "The commit's first line.")] = MESSAGE,
        push: Annotated[bool, flag("--push", "Push, and say where to open pull requests.")] = False,
        direct: Annotated[bool, flag("--direct", "Commit to the default branch itself.")] = False,
        bodies: Annotated[str, word("--bodies", "DIR", "Where the pull requests' texts go.")] = "",
        only: Only = "",
        limit: Limit = "",
        wave: Annotated[str, word("--wave", "N", "So many now; say how to go on with the others.")] = "",
        stop_after: StopAfter = "",
        jobs: Jobs = "",
        quiet: Quiet = False,
        color: Color = "auto",
    ) -> None:
        """Carry out the plan, after one question: a commit in each."""
        if in_place and (push or direct):
            raise UsageError("--in-place commits nothing; it does not go with --push or --direct")
        with opened(name) as state:
            orders = replace(
                campaign.orders(state),
                in_place=in_place,
                branch=branch,
                message=message,
                push=push,
                directly=direct,
                bodies=_absolute(bodies),
            )
            portion = Portion(
                _only(only),
                _number("--wave", wave) or _number("--limit", limit),
                _number("--stop-after", stop_after),
            )
            raise typer.Exit(
                carry_out(
                    state,
                    orders,
                    portion,
                    terminal(color),
                    yes=yes,
                    quiet=quiet,
                    jobs=_jobs(jobs),
                )
            )

    return apply


def _status(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def status(
        name: Annotated[str, word("--campaign", "NAME", "One campaign; all of them if not said.")] = "",
        color: Color = "auto",
    ) -> None:
        """How far a campaign is, or all of them."""
        show = terminal(color)
        known = [name] if name else names()
        if not known:
            show.lines([Line("no campaign yet; begin one: kamal-migrate batch plan SOURCES")])
        for one in known:
            with opened(one) as state:
                rows = state.rows()
                show.lines([Line(one, "head"), *(text.table(rows) if name or len(known) == 1 else ())])
                show.lines([*text.problems(rows), *text.totals(rows)])

    return status


def _resume(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def resume(
        name: Campaign = DEFAULT,
        yes: Annotated[bool, flag("--yes -y", "Write without asking.")] = False,
        jobs: Jobs = "",
        quiet: Quiet = False,
        color: Color = "auto",
    ) -> None:
        """Go on where the last plan or apply stopped."""
        show = terminal(color)
        with opened(name) as state:
            if state.settings.get("doing") == APPLY:
                orders = campaign.orders(state)
                code = carry_out(state, orders, Portion(), show, yes=yes, quiet=quiet, jobs=_jobs(jobs))
            else:
                rows = campaign.unplanned(state)
                code = campaigns.plan(state, rows, Portion(), show, quiet=quiet, jobs=_jobs(jobs))
            raise typer.Exit(code)

    return resume


def _undo(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def undo(
        name: Campaign = DEFAULT,
        yes: Annotated[bool, flag("--yes -y", "Take back without asking.")] = False,
        quiet: Quiet = False,
        color: Color = "auto",
    ) -> None:
        """Delete the branches again, or put working trees back."""
        with opened(name) as state:
            raise typer.Exit(take_back(state, terminal(color), yes=yes, quiet=quiet, jobs=_jobs("")))

    return undo


def _jobs(count: str) -> int:
    """So many processes; one for each core where nobody said it. Raises `UsageError`."""
    return min(_number("--jobs", count) or os.cpu_count() or 1, MAX_JOBS)


def _number(name: str, value: str) -> int:
    """A number from 1 on; 0 where nobody said it. Raises `UsageError`."""
    if value and (not re.fullmatch(r"[0-9]{1,6}", value) or int(value) == 0):
        raise UsageError(f"{name}: `{value}` is no number from 1 on")
    return int(value or 0)


def _only(which: str) -> str:
    return choice("--only", which, tuple(ONLY)) if which else ""


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    return choice(name, value, allowed) if value else ""


def _absolute(name: str) -> str:
    """A path that means the same when the campaign is gone on with from another folder."""
    return str(Path(name).absolute()) if name else ""


def _group(command: type[TyperCommand]) -> type[TyperGroup]:
    """A group in which `batch --dry-run SOURCES` is `batch plan SOURCES`."""

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if not args:
                args = ["--help"]
            if "--dry-run" in args and not set(args) & set(self.commands):
                args = ["plan", *args]
            return super().parse_args(ctx, args)

    del command
    return Group
