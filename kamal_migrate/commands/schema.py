"""``kamal-migrate schema``: a JSON Schema of ``deploy.yml`` for editors. It reads and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from kamal_migrate.commands.options import word
from kamal_migrate.commands.versions import OLDEST
from kamal_migrate.kamal.versions import NEWEST, Version, parse
from kamal_migrate.request import UsageError


def command(verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print a text as it is."""

    def schema(
        version: Annotated[
            str | None, word("--for", "VERSION", f"The Kamal, up to {NEWEST.short}; the default.")
        ] = None,
        destination: Annotated[
            bool, typer.Option("--destination", help="For the files of destinations: nothing is required.")
        ] = False,
    ) -> None:
        """A JSON Schema of deploy.yml, for editors."""
        import json

        from kamal_migrate.kamal.schema import schema

        found = schema(_version(version), destination=destination)
        verbatim(json.dumps(found, indent=2, ensure_ascii=False) + "\n")

    return schema


def _version(text: str | None) -> Version:
    version = NEWEST if text is None else parse(text)
    if version is None or not OLDEST <= version <= NEWEST:
        known = f"{OLDEST} to {NEWEST.short}"
        raise UsageError(f"--for: there is no schema for `{text}`; say a version from {known}")
    return version
