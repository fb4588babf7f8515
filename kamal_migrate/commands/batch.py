"""``kamal-migrate batch``: plan, apply, status, resume, undo and report over many repositories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kamal_migrate.asking import Terminal
from kamal_migrate.batch import campaign
from kamal_migrate.batch.campaign import Portion
from kamal_migrate.batch.orders import BRANCH, MESSAGE, Orders
from kamal_migrate.batch.places import CampaignError, names, user
from kamal_migrate.batch.report import text
from kamal_migrate.batch.sources import found
from kamal_migrate.batch.state import looked_at, opened
from kamal_migrate.commands import batch_options as said
from kamal_migrate.commands import batch_report, campaigns, options
from kamal_migrate.commands.campaigns import APPLY, DEFAULT, PLAN, carry_out, take_back
from kamal_migrate.commands.options import Color, word
from kamal_migrate.report.lines import Line

HELP = "Upgrade many repositories: plan, look, apply, go on tomorrow."
EXIT_CODES = """\b
Exit codes:
  0    nothing failed, and nothing is left for hands
  2    wrong usage, or a campaign that is not there or in use
  3    something is left for hands in some
  5    some failed or were refused; each is named with its reason
  130  stopped by Ctrl-C; go on with: batch resume
"""
MAX_JOBS = 64


def group(terminal: Callable[[str], Terminal], styles: type[TyperCommand]) -> typer.Typer:
    """The commands, given how to print and ask, by a word for when to use colours."""
    app = typer.Typer(
        cls=_Group,
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
        context: typer.Context,
        sources: said.Sources = None,
        name: said.Campaign = DEFAULT,
        include: said.Include = None,
        exclude: said.Exclude = None,
        in_place: said.PlanInPlace = False,
        configs: options.Configs = None,
        codemods: options.Codemods = "",
        to: options.To = "",
        source: options.From = "",
        arch: options.Arch = "",
        cache: options.Cache = "",
        inventory: options.Inventory = "",
        preserve: options.Preserve = False,
        keep_comments: options.KeepComments = False,
        safe_only: options.SafeOnly = False,
        select: options.Select = None,
        ignore: options.Ignore = None,
        timeout: said.Timeout = "",
        reset: said.Reset = False,
        only: said.Only = "",
        limit: said.Limit = "",
        stop_after: said.StopAfter = "",
        jobs: said.Jobs = "",
        quiet: said.Quiet = False,
        color: Color = "auto",
        dry_run: Annotated[bool, typer.Option("--dry-run", hidden=True)] = False,
    ) -> None:
        """Find out what is to be done in each; only that is kept."""
        portion = Portion(
            said.only(only), said.number("--limit", limit), said.number("--stop-after", stop_after)
        )
        before = Orders(name) if reset else campaign.orders_of(name)
        orders = said.ordered(context, before)
        orders.check()
        sought = found(sources or (), tuple(include or ()), tuple(exclude or ()))
        show = terminal(color)
        with opened(name, new=bool(sought)) as state:
            show.lines(() if quiet else said.held(context, orders))
            campaigns.record(state, orders, PLAN, portion)
            if sought:
                state.add(sought)
                state.keep_only([one.place for one in sought])
            rows = campaign.to_plan(state, portion)
            raise typer.Exit(campaigns.plan(state, rows, portion, show, quiet=quiet, jobs=_jobs(jobs)))

    return plan


def _apply(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def apply(
        context: typer.Context,
        name: said.Campaign = DEFAULT,
        yes: said.Yes = False,
        in_place: said.InPlace = False,
        allow_dirty: said.AllowDirty = False,
        branch: said.Branch = BRANCH,
        message: said.Message = MESSAGE,
        push: said.Push = False,
        directly: said.Direct = False,
        bodies: said.Bodies = "",
        reset: said.Reset = False,
        only: said.Only = "",
        limit: said.Limit = "",
        wave: said.Wave = "",
        stop_after: said.StopAfter = "",
        jobs: said.Jobs = "",
        quiet: said.Quiet = False,
        color: Color = "auto",
    ) -> None:
        """Carry out the plan, after one question: a commit in each."""
        portion = Portion(
            said.only(only),
            said.number("--limit", limit),
            said.number("--stop-after", stop_after),
            said.number("--wave", wave),
        )
        show = terminal(color)
        with opened(name) as state:
            before = campaign.orders(state)
            orders = said.ordered(context, before.to_plan() if reset else before)
            show.lines(() if quiet else said.held(context, orders))
            raise typer.Exit(carry_out(state, orders, portion, show, yes=yes, quiet=quiet, jobs=_jobs(jobs)))

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
        unreadable = None
        for one in known:
            try:
                show.lines(_how_far(one, with_table=len(known) == 1))
            except CampaignError as error:
                unreadable = error
        if unreadable:
            raise unreadable

    return status


def _how_far(name: str, *, with_table: bool) -> Iterator[Line]:
    """A campaign in a few lines. Raises `CampaignError`."""
    at_it = user(name)
    with looked_at(name) as state:
        rows = state.rows()
    yield Line(name, "head")
    yield from text.table(rows) if with_table else ()
    yield from text.problems(rows)
    yield from text.totals(rows)
    if at_it:
        yield Line(f"{at_it} is at it now; this is how far it is")


def _resume(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def resume(
        name: said.Campaign = DEFAULT,
        yes: said.Yes = False,
        jobs: said.Jobs = "",
        quiet: said.Quiet = False,
        color: Color = "auto",
    ) -> None:
        """Go on where the last plan or apply stopped."""
        show = terminal(color)
        with opened(name) as state:
            if state.settings.get("doing") == APPLY:
                orders = campaign.orders(state)
                portion = campaigns.next_portion(state)
                code = carry_out(state, orders, portion, show, yes=yes, quiet=quiet, jobs=_jobs(jobs))
            else:
                rows = campaign.unplanned(state)
                show.lines([] if rows else [Line("The plan is complete; no apply has begun since.")])
                code = campaigns.plan(state, rows, Portion(), show, quiet=quiet, jobs=_jobs(jobs))
            raise typer.Exit(code)

    return resume


def _undo(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    def undo(
        name: said.Campaign = DEFAULT,
        yes: said.TakeBack = False,
        quiet: said.Quiet = False,
        color: Color = "auto",
    ) -> None:
        """Delete the branches again, or put working trees back."""
        with opened(name) as state:
            raise typer.Exit(take_back(state, terminal(color), yes=yes, quiet=quiet, jobs=_jobs("")))

    return undo


def _jobs(count: str) -> int:
    """So many processes; one for each core where nobody said it. Raises `UsageError`."""
    return min(said.number("--jobs", count) or os.cpu_count() or 1, MAX_JOBS)


class _Group(TyperGroup):
    """A group in which `batch --dry-run SOURCES` is `batch plan SOURCES`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            args = ["--help"]
        if "--dry-run" in args and not set(args) & set(self.commands):
            args = ["plan", *args]
        return super().parse_args(ctx, args)
