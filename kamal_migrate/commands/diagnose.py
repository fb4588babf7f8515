"""``kamal-migrate diagnose``: why a run failed, by its log. It reads, and runs and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from kamal_migrate.commands.options import Color, Configs, Destination, Folder, Form, Printer, refuse
from kamal_migrate.project import InputError, Project
from kamal_migrate.request import UsageError
from kamal_migrate.settings import choice

if TYPE_CHECKING:
    from kamal_migrate.report.diagnosis import Report

FORMS = ("text", "json")
CHUNK = 1 << 18
NOTHING_KNOWN = 1
STANDARD_INPUT = "-"
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def command(printer: Callable[[str], Printer], verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print lines (by a word for when to use colours) and a text as it is."""

    def diagnose(
        log: Annotated[
            str | None,
            typer.Argument(metavar="LOG", help="What a run printed; - or nothing is a pipe."),
        ] = None,
        folder: Folder = ".",
        configs: Configs = None,
        destination: Destination = None,
        form: Form = "text",
        color: Color = "auto",
    ) -> None:
        """Why a run of Kamal failed, by its output; exits 1 if unknown."""
        from kamal_migrate.report.diagnosis import as_json, lines

        refuse(destination)
        wanted, output = choice("--format", form, FORMS), printer(color)
        report = diagnosed(log, Path(folder), tuple(configs or ()))
        if wanted == "json":
            verbatim(as_json(report) + "\n")
        else:
            output(lines(report))
        raise typer.Exit(0 if report.diagnosis.found else NOTHING_KNOWN)

    return diagnose


def diagnosed(log: str | None, folder: Path, configs: tuple[str, ...] = ()) -> Report:
    """The diagnosis of a log, compared with the app in a folder, if there is one.

    Raises `InputError` for a log that cannot be read, and for a folder or config that was named and cannot
    be; `UsageError` where there is no log.
    """
    from kamal_migrate.diagnosing import diagnose
    from kamal_migrate.diagnosing.checks import remarks
    from kamal_migrate.diagnosing.hiding import secret_values
    from kamal_migrate.diagnosing.subject import subjects
    from kamal_migrate.report.diagnosis import Report

    project, note = _app(folder, configs)
    secrets = list(dict.fromkeys(secret_values(project))) if project else []
    with _opened(log) as stream:
        found = diagnose(_chunks(stream, log), secrets)
    try:
        known = subjects(project) if project and found.found else []
    except InputError as error:
        known, note = [], f"{error}; so only the log was looked at"
    said = tuple(tuple(remarks(row, known)) for row in found.found)
    name = "standard input" if log in (None, STANDARD_INPUT) else str(log)
    return Report(name, found, said, note)


def _app(folder: Path, configs: tuple[str, ...]) -> tuple[Project | None, str]:
    """The app in a folder; None where there is none, with the reason if it is there and cannot be read."""
    from kamal_migrate.disk import read

    try:
        return read(folder, configs).project, ""
    except InputError as error:
        if configs or not folder.is_dir():
            raise
        none = error.path == str(folder)
        return None, "" if none else f"{error}; so only the log was looked at"


def _opened(log: str | None) -> AbstractContextManager[IO[bytes]]:
    if log not in (None, STANDARD_INPUT):
        try:
            return Path(str(log)).open("rb")
        except OSError as error:
            raise InputError(str(log), _why(error)) from None
    if sys.stdin is None or sys.stdin.closed or (log is None and sys.stdin.isatty()):
        raise UsageError("diagnose wants a log: name the file, or pipe the output of the run")
    return nullcontext(sys.stdin.buffer)


def _chunks(stream: IO[bytes], log: str | None) -> Iterator[bytes]:
    """What a stream holds, a piece at a time. Raises `InputError`."""
    first = True
    while True:
        try:
            chunk = stream.read(CHUNK)
        except OSError as error:
            raise InputError(log or STANDARD_INPUT, _why(error)) from None
        if first and chunk.startswith(_PACKED):
            raise InputError(log or STANDARD_INPUT, "this is compressed; unpack it first")
        if not chunk:
            return
        first = False
        yield chunk


def _why(error: OSError) -> str:
    known = {
        FileNotFoundError: "no such file",
        IsADirectoryError: "this is a folder; name the log in it",
        PermissionError: "no permission to read it",
    }
    return known.get(type(error), f"cannot be read: {error.strerror}")
