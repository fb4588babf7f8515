"""``kamal-migrate hosts``: who gets which image, and why. It writes an inventory, where asked to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from kamal_migrate.commands.options import (
    Color,
    Configs,
    Destination,
    Folder,
    Inventory,
    Printer,
    flag,
    refuse,
    word,
)
from kamal_migrate.commands.versions import asked_version
from kamal_migrate.request import Request, UsageError
from kamal_migrate.settings import choice

LONGEST = 3600
For = Annotated[
    str | None, word("--for", "VERSION", "The Kamal to look at; else the one in use, or the target.")
]
Command = Annotated[
    str | None, word("--command", "CMD", "What this does where: setup, deploy, build pull, …")
]
Roles = Annotated[str | None, word("-r --roles", "ROLES", "As for Kamal, with --command.")]
ChosenHosts = Annotated[str | None, word("-h --hosts", "HOSTS", "As for Kamal, with --command.")]
Probing = Annotated[
    bool,
    flag(
        "--probe",
        "Ask the hosts for `uname -m`, by ssh with the config's own settings; a"
        " proxy_command and a config of ssh there are used, and shown before.",
    ),
]
Timeout = Annotated[str, word("--timeout", "SECONDS", "How long each host may take to answer; 10.")]
Write = Annotated[str | None, word("--write-inventory", "FILE", "Keep the answers of --probe there.")]
Form = Annotated[str, word("--format", "FORM", "text or json.")]


def command(printer: Callable[[str], Printer], verbatim: Callable[[str], None]) -> Callable[..., None]:
    """The command, given how to print lines (by a word for when to use colours) and a text as it is."""

    def hosts(
        version: For = None,
        run: Command = None,
        roles: Roles = None,
        hosts: ChosenHosts = None,
        folder: Folder = ".",
        configs: Configs = None,
        destination: Destination = None,
        inventory: Inventory = None,
        probing: Probing = False,
        timeout: Timeout = "10",
        write: Write = None,
        form: Form = "text",
        color: Color = "auto",
    ) -> None:
        """Which host gets which image, and where that does not fit."""
        from kamal_migrate.commands.finding_hosts import Asked, found_hosts
        from kamal_migrate.report.hosts import as_json, lines

        refuse(destination)
        wanted, output = choice("--format", form, ("text", "json")), printer(color)
        request = Request(
            Path(folder), tuple(configs or ()), to=asked_version(version), inventory=_path(inventory)
        )
        asked = Asked(request, _run(run, roles, hosts), probing, _seconds(timeout), _path(write))
        found = found_hosts(asked)
        if wanted == "json":
            verbatim(as_json(found) + "\n")
        else:
            output(lines(found))

    return hosts


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _run(run: str | None, roles: str | None, hosts: str | None) -> Any:
    from kamal_migrate.kamal.hosting import Run
    from kamal_migrate.kamal.reach import Chosen, words

    if run is None and (roles is not None or hosts is not None):
        raise UsageError("-r and -h choose for a command; add --command, such as --command deploy")
    typed = " ".join((run or "").split()).removeprefix("kamal ")
    return Run(typed, Chosen(words(roles), words(hosts)))


def _seconds(timeout: str) -> float:
    if not re.fullmatch(r"\d{1,4}(?:\.\d+)?", timeout) or not 0 < float(timeout) <= LONGEST:
        raise UsageError(f"--timeout is a number of seconds above 0, at most {LONGEST}")
    return float(timeout)
