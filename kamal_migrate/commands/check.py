"""``kamal-migrate check``: what Kamal refuses, all of it. It reads, and runs and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from kamal_migrate.checking import Checked
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.report.terminal import Line
from kamal_migrate.request import Request, UsageError, options_of
from kamal_migrate.settings import choice

OLDEST = Version(0, 16, 1)
FORMS = ("text", "json")
Printer = Callable[[Iterable[Line]], None]


def _word(names: str, stands_for: str, text: str) -> Any:
    return typer.Option(*names.split(), metavar=stands_for, show_default=False, help=text)


def command(printer: Callable[[str], Printer], verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print lines (by a word for when to use colours) and a text as it is."""

    def check(
        version: Annotated[
            str | None, _word("--for", "VERSION", "The Kamal to check for: 0.16.1 or newer.")
        ] = None,
        folder: Annotated[str, _word("-C", "DIR", "The app's folder, if not this one.")] = ".",
        configs: Annotated[
            list[str] | None,
            _word("-c --config-file", "FILE", "A main config, as for Kamal; may be repeated."),
        ] = None,
        form: Annotated[str, _word("--format", "FORM", "text, or json with secrets masked.")] = "text",
        color: Annotated[str, _word("--color", "WHEN", "auto, always or never.")] = "auto",
    ) -> None:
        """All that Kamal refuses in the configs, with places; exit code 1 if there is anything."""
        from kamal_migrate.report.check import as_json, lines

        wanted, output = choice("--format", form, FORMS), printer(color)
        found = checked(Request(Path(folder), tuple(configs or ()), to=_version(version)))
        if wanted == "json":
            verbatim(as_json(found) + "\n")
        else:
            output(lines(found))
        raise typer.Exit(1 if found.problems else 0)

    return check


def _version(text: str | None) -> Version | None:
    version = parse(text) if text is not None else None
    if text is not None and (version is None or version < OLDEST):
        raise UsageError(f"--for: cannot check for `{text}`; say a version from {OLDEST} on")
    return version


def checked(request: Request) -> Checked:
    """The problems of an app, for the version that a migration would pick if none is asked for.

    Raises `InputError` for files that cannot be read, `SettingsError` for settings that cannot be.
    """
    from kamal_migrate.checking import check
    from kamal_migrate.disk import read
    from kamal_migrate.kamal.evidence import pinned
    from kamal_migrate.settings import find_settings

    project = read(request.folder, request.configs).project
    options = options_of(request, find_settings(request.folder), pinned(project))
    return check(project, options.to)
