"""A rule about secrets that are written out where many can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.dating import speaks_kamal_2
from kamal_migrate.kamal.secrets import SECRETS_PATH
from kamal_migrate.kamal.versions import Version
from kamal_migrate.masking import is_secret, mask
from kamal_migrate.rules.names import listed_names
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed

KAMAL_2 = Version(2)
# Switches, small numbers, names, references and paths.
_NO_SECRET = re.compile(r"|true|false|yes|no|on|off|\d{1,5}|[A-Z][A-Z0-9]*_[A-Z0-9_]*|\$\{?\w+\}?|\.{0,2}/.*")
# A secret by its form: the name of an option or the scheme of a URL belongs to it.
_SHORTEST = 10
# Sentry's public key, which browsers get to see.
_PUBLIC = re.compile(r"https?://[^:@/\s]+@\S+")


@rule("literal-secret", Severity.WARNING)
def literal_secret(subject: Subject) -> Iterator[Remark]:
    """A secret stands in a file that git keeps.

    What stands in `deploy.yml`, or in a file of secrets that git does not ignore,
    is read by all who can read the repository, now and in all of its history. It
    is known by the name of its key (`DB_PASSWORD`), or by its form, such as a
    password in a URL. Values under `env.clear` are also seen by `docker inspect`
    and in the output of a deploy; a text as `registry.password` is the password
    itself.

    What to do: let the config name it (`env.secret`, `registry.password: [NAME]`),
    let the file of secrets say where it comes from (`NAME=$NAME`,
    `NAME=$(command)`), and change it, for what was committed stays known.
    """
    for view in subject.views:
        for path, value in typed.walk(view.data):
            if _is_literal_secret(path, value):
                message = (
                    f"`{'.'.join(map(str, path))}` holds a secret as text, for all who can read this file"
                )
                yield Remark(message, view, path, ways=(_way(path, subject.version),))
    yield from _in_files(subject)


def _is_literal_secret(path: Path, value: Data) -> bool:
    if value.kind not in ("str", "int", "float") or not path:
        return False
    last = path[-1]
    if path == ("registry", "password"):
        return str(value.value) != ""
    return _looks_secret(last if isinstance(last, str) else "", str(value.value))


def _looks_secret(name: str, value: str) -> bool:
    """Whether a value is secret by its form, or by its name while it is no switch, reference or path."""
    if len(value) >= _SHORTEST and mask(value) != value:
        return not (_PUBLIC.fullmatch(value) and name.lower().endswith("dsn"))
    return is_secret(name) and not _NO_SECRET.fullmatch(value)


def _way(path: Path, version: Version) -> str:
    file = f"{SECRETS_PATH}" if version >= KAMAL_2 else ".env"
    if path[-2:] == ("registry", "password"):
        return f"write `password: [KAMAL_REGISTRY_PASSWORD]`, and let {file} say what that is"
    if "env" in path[:-1]:
        return f"list the name under `secret` of that env, and let {file} say what it is"
    return 'take it from where it is kept, by ERB such as `<%= ENV.fetch("NAME") %>`'


def _in_files(subject: Subject) -> Iterator[Remark]:
    """The files that Kamal reads secrets from, as far as they hold some and git does not ignore them."""
    app = subject.app
    destinations = sorted({view.destination for view in app.views if view.destination})
    paths = [SECRETS_PATH, f"{SECRETS_PATH}-common", *(f"{SECRETS_PATH}.{name}" for name in destinations)]
    if subject.version < KAMAL_2 or not all(speaks_kamal_2(view, subject.source) for view in app.views):
        paths += [".env", *(f".env.{name}" for name in destinations)]
    for path in paths:
        doc = EnvDoc(app.text(path))
        found = [line for line in doc.lines if _looks_secret(line.name, doc.literal(line) or "")]
        if found and not app.ignored(path):
            names = listed_names(line.name for line in found)
            message = f"git does not ignore this file, which holds the value of {names}"
            ways: tuple[str, ...] = (
                f"add {app.inside(path)} to .gitignore; if git has it: `git rm --cached {path}`",
            )
            if path.startswith(SECRETS_PATH):
                ways += ("let its lines say where the values come from: `NAME=$NAME`, `NAME=$(command)`",)
            yield Remark(message, file=path, line=found[0].line, ways=ways)
