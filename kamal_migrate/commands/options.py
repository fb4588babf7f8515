"""Options that several commands have, each written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from kamal_migrate.report.lines import Line
from kamal_migrate.request import UsageError

Printer = Callable[[Iterable[Line]], None]


def word(names: str, stands_for: str, text: str) -> Any:
    """An option with a value; its names are parted by spaces."""
    return typer.Option(*names.split(), metavar=stands_for, show_default=False, help=text)


def flag(names: str, text: str) -> Any:
    """An option without a value."""
    return typer.Option(*names.split(), help=text)


Folder = Annotated[str, word("-C", "DIR", "The app's folder, if not this one.")]
Configs = Annotated[
    list[str] | None, word("-c --config-file", "FILE", "A main config, as for Kamal; may be repeated.")
]
Inventory = Annotated[
    str | None, word("--inventory", "FILE", "What the hosts run: a line for each, 10.0.0.4: amd64.")
]
Codemods = Annotated[str | None, word("--codemods", "DIR", "A folder with codemods of your own.")]
To = Annotated[str | None, word("--to", "VERSION", "The Kamal to migrate to: 1.9, or a 2.x.")]
From = Annotated[str | None, word("--from", "VERSION", "The Kamal that deploys now.")]
Arch = Annotated[str | None, word("--arch", "ARCH", "What the servers run: amd64, arm64 or both.")]
Cache = Annotated[str | None, word("--cache", "KIND", "The cache to add: registry, plain, gha or none.")]
Preserve = Annotated[bool, flag("--preserve", "Keep what Kamal 1 really did.")]
KeepComments = Annotated[bool, flag("--keep-comments", "Keep comments of what goes.")]
SafeOnly = Annotated[bool, flag("--safe-only", "Only what Kamal does the same as before.")]
Select = Annotated[list[str] | None, word("--select", "ID", "Only these; may be repeated.")]
Ignore = Annotated[list[str] | None, word("--ignore", "ID", "All but these; may be repeated.")]
Form = Annotated[str, word("--format", "FORM", "text, or json with secrets masked.")]
Color = Annotated[str, word("--color", "WHEN", "auto, always or never.")]
# Kamal's own -d, which people type; it is taken to be told that it is not needed.
Destination = Annotated[str | None, typer.Option("-d", "--destination", hidden=True)]


def refuse(destination: str | None) -> None:
    """Raise `UsageError` for a destination: all are looked at."""
    if destination is not None:
        raise UsageError("there is no -d: every destination is always included")
