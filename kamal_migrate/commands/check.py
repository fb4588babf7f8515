"""``kamal-migrate check``: what would go wrong with a deploy. It reads, and runs and writes nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from kamal_migrate.checking import REFUSED, UNKNOWN, Checked, Wanted
from kamal_migrate.commands.options import (
    Color,
    Configs,
    Destination,
    Folder,
    Inventory,
    Printer,
    refuse,
    word,
)
from kamal_migrate.commands.versions import asked_version
from kamal_migrate.kamal.evidence import named_architecture
from kamal_migrate.kamal.versions import NEWEST_1
from kamal_migrate.request import Request, UsageError, options_of
from kamal_migrate.rules import RULES, Severity
from kamal_migrate.settings import choice

if TYPE_CHECKING:
    from kamal_migrate.kamal.inventory import Inventory as Hosts
    from kamal_migrate.project import Project
    from kamal_migrate.settings import Settings

FORMS = ("text", "json", "sarif", "github")
HOSTED = ("sarif", "github")
SEVERITIES = tuple(severity.value for severity in Severity)


For = Annotated[str | None, word("--for", "VERSION", "The Kamal to check for: 0.16.1 or newer.")]
Select = Annotated[list[str] | None, word("--select", "RULE", "Only these; may be repeated.")]
Ignore = Annotated[list[str] | None, word("--ignore", "RULE", "All but these; may be repeated.")]
FailOn = Annotated[str, word("--fail-on", "SEVERITY", "Exit with 1 from here on: error, warning or note.")]
Form = Annotated[str, word("--format", "FORM", "text, json, sarif or github; secrets are masked.")]


def command(printer: Callable[[str], Printer], verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print lines (by a word for when to use colours) and a text as it is."""

    def check(
        version: For = None,
        folder: Folder = ".",
        configs: Configs = None,
        destination: Destination = None,
        inventory: Inventory = None,
        select: Select = None,
        ignore: Ignore = None,
        fail_on: FailOn = "error",
        form: Form = "text",
        color: Color = "auto",
    ) -> None:
        """What Kamal refuses in the configs, and what deploys wrongly."""
        refuse(destination)
        wanted, worst = choice("--format", form, FORMS), Severity(choice("--fail-on", fail_on, SEVERITIES))
        output = printer(color)
        request = Request(
            Path(folder),
            tuple(configs or ()),
            to=asked_version(version),
            select=_rules(select),
            ignore=_rules(ignore),
            inventory=Path(inventory) if inventory is not None else None,
        )
        app = _read(request)
        found = checked(app, request)
        if wanted == "text":
            from kamal_migrate.report.check import lines

            output(lines(found, rewriting(app, request, found)))
        else:
            verbatim(_as_text(_seen_from_above(found, request) if wanted in HOSTED else found, wanted))
        raise typer.Exit(1 if found.at_least(worst) else 0)

    return check


def _as_text(found: Checked, form: str) -> str:
    """The problems for a program, in one of the forms."""
    from kamal_migrate.report.check import as_annotations, as_json

    if form == "github":
        return "".join(as_annotations(found))
    if form == "json":
        return as_json(found) + "\n"
    from kamal_migrate.report.sarif import as_sarif

    return as_sarif(found) + "\n"


def _seen_from_above(found: Checked, request: Request) -> Checked:
    """The same with paths from the top of the repository, as a code host wants them."""
    from kamal_migrate.git import prefix

    above = prefix(request.folder)
    return found._replace(
        problems=tuple(
            one._replace(location=one.location._replace(path=above + one.location.path))
            for one in found.problems
        )
    )


def _rules(names: list[str] | None) -> tuple[str, ...]:
    known = {REFUSED, UNKNOWN, *(rule.id for rule in RULES)}
    for name in names or ():
        if name not in known:
            raise UsageError(f"there is no rule `{name}`; see: kamal-migrate list --rules")
    return tuple(names or ())


class _App(NamedTuple):
    """The files of an app, its settings, and what is known of its hosts."""

    project: Project
    settings: Settings
    inventory: Hosts


def _read(request: Request) -> _App:
    """Raises `InputError` for files that cannot be read, `SettingsError` for settings that cannot be."""
    from kamal_migrate.disk import read
    from kamal_migrate.inventories import inventory_of
    from kamal_migrate.settings import find_settings

    project, settings = read(request.folder, request.configs).project, find_settings(request.folder)
    return _App(project, settings, inventory_of(request, settings))


def checked(app: _App, request: Request) -> Checked:
    """The problems of an app, for the version that a migration would pick if none is asked for."""
    from kamal_migrate.checking import check
    from kamal_migrate.kamal.evidence import pinned

    version = options_of(request, app.settings, pinned(app.project)).to
    machine = named_architecture(platform.machine().lower())
    ignored = (*request.ignore, *app.settings.ignore)
    return check(app.project, Wanted(version, app.inventory, machine, request.select, ignored))


def rewriting(app: _App, request: Request, found: Checked) -> str:
    """The command that shows what a migration rewrites; empty where it leaves all as it is."""
    if not any(problem.fixed_by or problem.rule == REFUSED for problem in found.problems):
        return ""
    from kamal_migrate.catalog import catalog
    from kamal_migrate.engine import plan
    from kamal_migrate.engine.proofs import ProofError
    from kamal_migrate.kamal.evidence import pinned

    to = max(found.version, NEWEST_1)
    asked = Request(to=to if request.to else None)
    options = options_of(asked, app.settings, pinned(app.project), app.inventory)
    try:
        made = plan(app.project, catalog(), options)
    except ProofError:
        return ""
    named = f" --to {to.short if to > NEWEST_1 else '1.9'}" if request.to else ""
    return f"kamal-migrate{named} --dry-run" if made.changed else ""
