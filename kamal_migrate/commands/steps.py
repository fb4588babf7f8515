"""``kamal-migrate steps``: the runbook of an app. Reads files only; runs nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from kamal_migrate.commands.options import (
    Color,
    Configs,
    Destination,
    Folder,
    From,
    Printer,
    To,
    refuse,
    word,
)
from kamal_migrate.kamal.steps import Runbook
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.request import Request, UsageError, options_of
from kamal_migrate.settings import choice, target

FORMS = ("text", "json", "markdown")


def command(printer: Callable[[str], Printer], verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print lines (by a word for when to use colours) and a text as it is."""

    def steps(
        folder: Folder = ".",
        configs: Configs = None,
        destination: Destination = None,
        to: To = None,
        source: From = None,
        form: Annotated[str, word("--format", "FORM", "text, json or markdown.")] = "text",
        color: Color = "auto",
    ) -> None:
        """What to do on the servers, in order, as commands of this app."""
        from kamal_migrate.report.steps import as_json, markdown, text

        refuse(destination)
        wanted, output = choice("--format", form, FORMS), printer(color)
        found = runbooks_of(
            Request(Path(folder), tuple(configs or ()), to=_target(to), source=_source(source))
        )
        if wanted == "text":
            output(text(found))
        else:
            verbatim((as_json(found) if wanted == "json" else markdown(found).rstrip("\n")) + "\n")

    return steps


def _target(to: str | None) -> Version | None:
    return target(to) if to is not None else None


def _source(source: str | None) -> Version | None:
    version = parse(source) if source is not None else None
    if source is not None and version is None:
        raise UsageError(f"--from: `{source}` is no version")
    return version


def runbooks_of(request: Request) -> list[Runbook]:
    """The runbooks of an app as a migration would leave it, be that written or not.

    Raises `InputError` for files that cannot be read.
    """
    from kamal_migrate.catalog import catalog
    from kamal_migrate.disk import read
    from kamal_migrate.engine import plan
    from kamal_migrate.engine.proofs import ProofError
    from kamal_migrate.kamal.evidence import pinned
    from kamal_migrate.kamal.steps import runbooks
    from kamal_migrate.report.steps import tasks
    from kamal_migrate.settings import find_settings

    project = read(request.folder, request.configs).project
    options = options_of(request, find_settings(request.folder), pinned(project))
    try:
        made = plan(project, catalog(), options)
    except ProofError:
        return runbooks(project, options.to, request.source)
    return runbooks(made.after, options.to, request.source, project, tasks=tasks(made))
