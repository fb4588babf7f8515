"""The scripts around Kamal: the hooks it runs, the workflows that run it, the secrets that hooks read.

Kamal 1 loaded `.env` into its own environment, so that every hook had all of it. Kamal 2 gives the secrets of
`.kamal/secrets*` to pre-deploy and post-deploy, from 2.11.0 on to pre-connect too (``run_hook`` with
``secrets: true`` in ``cli/main.rb`` and ``cli/base.rb``), and to no other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.envfiles import EnvFiles
from kamal_migrate.kamal.scripts import reads, script_lines
from kamal_migrate.kamal.secrets import files_for, secret_names
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import is_ci

HOOKS, OLD_HOOKS = ".kamal/hooks", ".mrsk/hooks"
_SECRETS_FOR = {"pre-deploy": Version(2), "post-deploy": Version(2), "pre-connect": Version(2, 11)}
# What Kamal itself tells a hook, without its prefix (``tags.rb``, ``run_hook``): `MRSK_` up to 0.15.1.
HOOK_VARIABLES = (
    "RECORDED_AT", "PERFORMER", "DESTINATION", "VERSION", "SERVICE_VERSION", "HOSTS", "COMMAND", "SUBCOMMAND",
    "RUNTIME",
)  # fmt: skip


def hooks_paths(app: App) -> list[str]:
    """The folders that ``hooks_path`` names, as far as they are in the app."""
    found = [posixpath.normpath(str(path)) for path in app.setting("hooks_path")]
    return [path for path in found if not path.startswith(("/", ".."))]


def hook_folders(app: App) -> list[str]:
    """The folders that hooks are in: those that ``hooks_path`` names, Kamal's own, and MRSK's."""
    return list(dict.fromkeys([*hooks_paths(app), HOOKS, OLD_HOOKS]))


def hooks(app: App) -> list[str]:
    """The files in those folders. A sample is none, for Kamal looks for the exact name."""
    found = [path for folder in hook_folders(app) for path in app.find(rf"{re.escape(folder)}/[^/]+")]
    return [path for path in found if not path.endswith(".sample")]


def workflows(app: App) -> list[str]:
    """The files that configure CI: those of the app, and those of the repository that it is a part of."""
    inside = [path for path in app.find(r".*") if is_ci(path)]
    above = [posixpath.relpath(path, app.root) for path in app.project.files if app.root and is_ci(path)]
    return list(dict.fromkeys([*inside, *above]))


def declared(app: App, target: Version) -> set[str]:
    """The names that the secrets files of Kamal 2 set, as far as they are there."""
    files = {path for view in app.views for path in files_for(view, target) or ()}
    return {name for path in files if app.has(path) for name in EnvDoc(app.text(path)).names()}


class Unfed(NamedTuple):
    """A hook that reads secrets which Kamal 2 does not give it: the first line that does, and the names.

    ``given`` says that the hook gets secrets, but only those that `.kamal/secrets*` names.
    """

    path: str
    line: int
    names: tuple[str, ...]
    given: bool


def unfed_hooks(app: App, target: Version) -> Iterator[Unfed]:
    """The hooks that read what `.env` gave them, and no longer get it.

    Without a `.env` the environment gave it, and does so in any version. A hook that loads `.env` itself, or
    sets the name, needs nothing.
    """
    env = EnvFiles(app)
    if target < Version(2) or not env.paths:
        return
    from_env = set(env.provided)
    referred = {name for view in app.views for name in secret_names(view, target)}
    known = referred | declared(app, target)
    for path in hooks(app):
        since = _SECRETS_FOR.get(posixpath.basename(path))
        given = since is not None and target >= since
        wanted = from_env - known if given else from_env | referred
        found = _read(app.text(path), wanted)
        if found:
            yield Unfed(path, min(found.values()), tuple(sorted(found)), given)


_LOADS = re.compile(r"(?:\bsource|(?:^|[\s;&])\.)\s+\S*\.env\b|\bDotenv\b|\bdotenv\b|\bload_dotenv\b")


def _read(text: str, names: set[str]) -> dict[str, int]:
    """The first line on which a script reads each of these names; none if it provides for itself."""
    found: dict[str, int] = {}
    script = script_lines(text)
    if any(_LOADS.search(line.text) for line in script):
        return found
    for name in names:
        sets = re.compile(rf"(?:^|[\s;&]){re.escape(name)}=")
        first = next((line for line in script if reads(line, name) or sets.search(line.text)), None)
        if first and not sets.search(first.text):
            found[name] = first.number
    return found
