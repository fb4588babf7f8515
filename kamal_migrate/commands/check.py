"""``kamal-migrate check``: what would go wrong with a deploy. It reads, and runs and writes nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kamal_migrate.checking import REFUSED, UNKNOWN, Checked, Wanted
from kamal_migrate.commands.options import Color, Configs, Folder, Inventory, Printer, word
from kamal_migrate.kamal.evidence import named_architecture
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.request import Request, UsageError, options_of
from kamal_migrate.rules import RULES, Severity
from kamal_migrate.settings import choice

OLDEST = Version(0, 16, 1)
FORMS = ("text", "json", "sarif", "github")
HOSTED = ("sarif", "github")
SEVERITIES = tuple(severity.value for severity in Severity)


def command(printer: Callable[[str], Printer], verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print lines (by a word for when to use colours) and a text as it is."""

    def check(
        version: Annotated[
            str | None, word("--for", "VERSION", "The Kamal to check for: 0.16.1 or newer.")
        ] = None,
        folder: Folder = ".",
        configs: Configs = None,
        inventory: Inventory = None,
        select: Annotated[list[str] | None, word("--select", "RULE", "Only these; may be repeated.")] = None,
        ignore: Annotated[
            list[str] | None, word("--ignore", "RULE", "All but these; may be repeated.")
        ] = None,
        fail_on: Annotated[
            str, word("--fail-on", "SEVERITY", "Exit with 1 from here on: error, warning or note.")
        ] = "error",
        form: Annotated[
            str, word("--format", "FORM", "text, json, sarif or github; secrets are masked.")
        ] = "text",
        color: Color = "auto",
    ) -> None:
        """What Kamal refuses in the configs, and what deploys wrongly."""
        wanted, worst = choice("--format", form, FORMS), Severity(choice("--fail-on", fail_on, SEVERITIES))
        output = printer(color)
        request = Request(
            Path(folder),
            tuple(configs or ()),
            to=_version(version),
            select=_rules(select),
            ignore=_rules(ignore),
            inventory=Path(inventory) if inventory is not None else None,
        )
        found = checked(request)
        _print(_seen_from_above(found, request) if wanted in HOSTED else found, wanted, output, verbatim)
        raise typer.Exit(1 if found.at_least(worst) else 0)

    return check


def _print(found: Checked, form: str, output: Printer, verbatim: Callable[[str], None]) -> None:
    from kamal_migrate.report.check import as_annotations, as_json, lines

    if form == "text":
        output(lines(found))
    elif form == "github":
        verbatim("".join(as_annotations(found)))
    elif form == "sarif":
        from kamal_migrate.report.sarif import as_sarif

        verbatim(as_sarif(found) + "\n")
    else:
        verbatim(as_json(found) + "\n")


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


def _version(text: str | None) -> Version | None:
    version = parse(text) if text is not None else None
    if text is not None and (version is None or version < OLDEST):
        raise UsageError(f"--for: cannot check for `{text}`; say a version from {OLDEST} on")
    return version


def _rules(names: list[str] | None) -> tuple[str, ...]:
    known = {REFUSED, UNKNOWN, *(rule.id for rule in RULES)}
    for name in names or ():
        if name not in known:
            raise UsageError(f"there is no rule `{name}`; see: kamal-migrate list --rules")
    return tuple(names or ())


def checked(request: Request) -> Checked:
    """The problems of an app, for the version that a migration would pick if none is asked for.

    Raises `InputError` for files that cannot be read, `SettingsError` for settings that cannot be.
    """
    from kamal_migrate.checking import check
    from kamal_migrate.disk import read
    from kamal_migrate.inventories import inventory_of
    from kamal_migrate.kamal.evidence import pinned
    from kamal_migrate.settings import find_settings

    project = read(request.folder, request.configs).project
    settings = find_settings(request.folder)
    version = options_of(request, settings, pinned(project)).to
    return check(
        project,
        Wanted(
            version,
            inventory_of(request, settings),
            named_architecture(platform.machine().lower()),
            request.select,
            (*request.ignore, *settings.ignore),
        ),
    )
