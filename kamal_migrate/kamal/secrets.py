"""Secrets in Kamal 2: the names that a config looks up, the files they are looked up in, and adapters.

Source: `Kamal::Secrets` and `Kamal::Configuration` of 2.0.0 to 2.12.0 (history E.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.yamldoc import Path

SECRETS_PATH = ".kamal/secrets"
ALIASES, PEM_NAMES, CUSTOM_PATH = Version(2, 6), Version(2, 7), Version(2, 9)
ACCESSORY_REGISTRIES, KEY_NAMES = Version(2, 5), Version(2, 10)
# What dotenv takes for a name.
NAME = re.compile(r"[\w.]+", re.ASCII)


class Lookup(NamedTuple):
    """One place where a config names a secret; ``name`` is None where only Ruby knows it."""

    name: str | None
    path: Path


def secret_names(view: View, to: Version = NEWEST) -> dict[str, tuple[Path, ...]]:
    """Every name that the merged config looks up as a secret, and where it says so.

    A name that no file can have (`NAME` does not match) is among them, for Kamal looks it up all the same.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for name, path in _lookups(view, to):
        if name is not None:
            found[name] = (*found.get(name, ()), path)
    return found


def unknown_names(view: View, to: Version = NEWEST) -> tuple[Path, ...]:
    """Where ERB says names of secrets, so that nobody knows them before Ruby has run."""
    return tuple(dict.fromkeys(lookup.path for lookup in _lookups(view, to) if lookup.name is None))


def is_name(name: str) -> bool:
    """Whether a file of secrets can have this name."""
    return bool(NAME.fullmatch(name))


def files_for(view: View, to: Version = NEWEST) -> tuple[str, str] | None:
    """The files that Kamal 2 reads secrets from for a view, the one that wins last; None where ERB says.

    With a destination the file without one is not read. `secrets_path` counts from 2.9.0 on. Lines that ERB
    writes somewhere else are not taken for one that says it.
    """
    path = view.get("secrets_path") if to >= CUSTOM_PATH else None
    if isinstance(path, Opaque):
        return None
    base = path if isinstance(path, str) and path else SECRETS_PATH
    return f"{base}-common", f"{base}.{view.destination}" if view.destination else base


def _lookups(view: View, to: Version) -> Iterator[Lookup]:
    """Every place that names a secret, in the order of the table in history E.2."""
    roles, accessories = _maps(view, ("servers",)), _maps(view, ("accessories",))
    env: Path = ("env",)
    if view.is_open(env) and not view.has(*env):
        yield Lookup(None, env)  # Lines that ERB writes at the root may be it.
    for path in (env, *((*role, "env") for role in roles), *_maps(view, ("env", "tags"))):
        yield from _list(view, (*path, "secret"), aliases=to >= ALIASES)
    for path in accessories:
        yield from _list(view, (*path, "env", "secret"), aliases=to >= ALIASES)
    registries = [(*path, "registry") for path in accessories] if to >= ACCESSORY_REGISTRIES else []
    for path in (("registry",), *registries):
        yield from _first(view, (*path, "username"))
        yield from _first(view, (*path, "password"))
    yield from _list(view, ("builder", "secrets"), aliases=False)
    if to >= PEM_NAMES:
        for path in (("proxy",), *((*holder, "proxy") for holder in (*roles, *accessories))):
            yield from _one(view, (*path, "ssl", "certificate_pem"))
            yield from _one(view, (*path, "ssl", "private_key_pem"))
    if to >= KEY_NAMES:
        # What is no name is a key as it stands, which Kamal 2 still takes.
        keys = _list(view, ("ssh", "key_data"), aliases=False)
        yield from (key for key in keys if key.name is None or NAME.fullmatch(key.name))


def _maps(view: View, path: Path) -> list[Path]:
    """The paths of the maps below a path, such as the roles."""
    found = view.get(*path)
    children = found.items() if isinstance(found, dict) else ()
    return [(*path, name) for name, value in children if isinstance(value, dict)]


def _list(view: View, path: Path, *, aliases: bool) -> Iterator[Lookup]:
    """The names in a list; with ``aliases`` `A:B` looks up B (before 2.6.0 it was taken as it stands)."""
    found = view.get(*path)
    if isinstance(found, Opaque) or (view.has(*path) and _is_written_into(view, path)):
        yield Lookup(None, path)
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Opaque):
            yield Lookup(None, (*path, index))
        elif item is not None and not isinstance(item, (dict, list)):
            _, colon, after = str(item).partition(":")
            yield Lookup(after if aliases and colon else str(item), (*path, index))


def _is_written_into(view: View, path: Path) -> bool:
    """Whether ERB writes lines that could be items of this list; those of a map around it are not."""
    for layer in view.layers:
        template = layer.document.template
        choice = layer.document.choices[layer.branch]
        seen = (at for at in template.emitting() if template.sees(choice, template.region(at)))
        if any(path in layer.doc.containers_at(at) for at in seen):
            return True
    return False


def _first(view: View, path: Path) -> Iterator[Lookup]:
    """The first name of a list, to which ERB may add; a text stands for itself, and is no secret to Kamal."""
    found = view.get(*path)
    if isinstance(found, list) and found:
        yield from (row for row in _list(view, path, aliases=False) if row.path == (*path, 0))


def _one(view: View, path: Path) -> Iterator[Lookup]:
    found = view.get(*path)
    if isinstance(found, (str, Opaque)):
        yield Lookup(None if isinstance(found, Opaque) else found, path)


class Adapter(NamedTuple):
    """A vault that a command asks: its name, and what Kamal 2 has for it (empty where it has nothing).

    ``since`` is the first version whose `kamal secrets fetch` knows it.
    """

    vault: str
    instead: str
    since: Version = Version(2)


_ACCOUNT = "--account ACCOUNT"
_ADAPTERS = (
    (r"op\s", Adapter("1Password", f"kamal secrets fetch --adapter 1password {_ACCOUNT} --from VAULT/ITEM")),
    (
        r"bws\s",
        Adapter("Bitwarden Secrets Manager", "kamal secrets fetch --adapter bitwarden-sm", Version(2, 5)),
    ),
    (r"bw\s", Adapter("Bitwarden", f"kamal secrets fetch --adapter bitwarden {_ACCOUNT}")),
    (r"lpass\s", Adapter("LastPass", f"kamal secrets fetch --adapter lastpass {_ACCOUNT}")),
    (
        r"aws\s.*\bsecretsmanager\b",
        Adapter("AWS Secrets Manager", "kamal secrets fetch --adapter aws_secrets_manager", Version(2, 4)),
    ),
    (r"doppler\s", Adapter("Doppler", "kamal secrets fetch --adapter doppler", Version(2, 4))),
    (
        r"gcloud\s.*\bsecrets\b",
        Adapter("Google Secret Manager", f"kamal secrets fetch --adapter gcp {_ACCOUNT}", Version(2, 5)),
    ),
    (r"enpass-cli\s", Adapter("Enpass", "kamal secrets fetch --adapter enpass --from VAULT", Version(2, 5))),
    (r"passbolt\s", Adapter("Passbolt", "kamal secrets fetch --adapter passbolt", Version(2, 9))),
    (r"(?:bundle\s+exec\s+)?(?:\S*/)?rails\s.*\bcredentials\b", Adapter("Rails credentials", "")),
)


def adapter_of(command: str) -> Adapter | None:
    """The vault that a shell command asks, if it is one that people keep Kamal's secrets in."""
    start = command.strip().removeprefix("$(").lstrip()
    return next((adapter for pattern, adapter in _ADAPTERS if re.match(pattern, start, re.DOTALL)), None)


_SHELL_OUT = re.compile(r"(?:`|%x[({\[])([^`]*)")
_CREDENTIALS = re.compile(r"Rails\.application\.credentials(?:\.(?:dig|fetch)\([:\w, ]+\)|\.\w+!?|\[:\w+\])+")


def lines_for_ruby(name: str, ruby: str, to: Version) -> str:
    """The lines of a file of secrets that could take the place of Ruby; empty where none are known.

    A command that Ruby takes apart, or that wants a session, asks a vault that has an adapter; and what Rails
    decrypts any Rails can print.
    """
    credentials = _CREDENTIALS.fullmatch(ruby.strip())
    if credentials:
        return f'`{name}=$(bin/rails runner "puts {credentials[0]}")`'
    command = _SHELL_OUT.search(ruby)
    adapter = adapter_of(command[1]) if command else None
    if adapter is None or not adapter.instead or adapter.since > to:
        return ""
    return f"`SECRETS=$({adapter.instead} FIELD)` and `NAME=$(kamal secrets extract FIELD $SECRETS)`"
