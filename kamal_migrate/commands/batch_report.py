"""``kamal-migrate batch report``: a campaign as text, JSON, Markdown or a page."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated

from kamal_migrate.asking import Terminal
from kamal_migrate.batch.report import MADE_BY, text
from kamal_migrate.batch.state import State, looked_at
from kamal_migrate.commands.campaigns import DEFAULT
from kamal_migrate.commands.options import Color, word
from kamal_migrate.report.lines import Line, printable
from kamal_migrate.request import UsageError
from kamal_migrate.settings import choice

FORMATS = ("text", "json", "markdown", "html")
# A report of ours names itself within so many bytes.
_HEAD = 1000


def command(terminal: Callable[[str], Terminal]) -> Callable[..., None]:
    """The command, given how to print by a word for when to use colours."""

    def report(
        name: Annotated[str, word("--campaign", "NAME", f"The campaign's name, if not {DEFAULT}.")] = DEFAULT,
        form: Annotated[str, word("--format", "FORM", "text, json, markdown or html.")] = "text",
        output: Annotated[
            str, word("--output", "FILE", "Write it there; html else goes to kamal-migrate-NAME.html.")
        ] = "",
        color: Color = "auto",
    ) -> None:
        """What is to be done, or was, in one report; secrets are masked."""
        wanted, show = choice("--format", form, FORMATS), terminal(color)
        file = Path(output) if output else Path(f"kamal-migrate-{name}.html") if wanted == "html" else None
        with looked_at(name) as state:
            if file is not None:
                write(file, _parts(state, name, wanted))
                show.lines([Line(printable(str(file)))])
            elif wanted == "text":
                show.lines(_lines(state))
            else:
                for part in _parts(state, name, wanted):
                    show.verbatim(part)

    return report


def _lines(state: State) -> Iterator[Line]:
    rows = state.rows()
    yield from text.table(rows)
    yield Line()
    yield from text.problems(rows)
    yield from text.links(rows)
    yield from text.totals(rows)


def _parts(state: State, name: str, form: str) -> Iterator[str]:
    """The report in parts; no more than one repository's is read at a time."""
    if form == "text":
        yield f"{MADE_BY}\n"
        yield from (f"{printable(line.text)}\n" for line in _lines(state))
        return
    # Each form loads what it needs, and only that.
    module = import_module(f"kamal_migrate.batch.report.{form}")
    yield from module.parts(name, state.rows(), lambda row: state.report(row.source))


def write(file: Path, parts: Iterator[str]) -> None:
    """Write a report as a whole, in place of an older report only. Raises `UsageError`."""
    made = None
    try:
        if file.exists() and not _is_report(file):
            raise UsageError(f"{file}: this is no report of kamal-migrate; name another with --output")
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", newline="\n", dir=file.parent, delete=False
        ) as stream:
            made = Path(stream.name)
            for part in parts:
                stream.write(part)
        os.chmod(made, 0o644 & ~_umask())  # noqa: PTH101 - what is shown is for others to read
        made.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}; name another with --output") from None
    finally:
        if made is not None:
            made.unlink(missing_ok=True)


def _is_report(file: Path) -> bool:
    """Whether a file is one that `write` wrote."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return MADE_BY.encode() in stream.read(_HEAD)


def _umask() -> int:
    known = os.umask(0o077)
    os.umask(known)
    return known
