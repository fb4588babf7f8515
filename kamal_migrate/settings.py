"""``kamal-migrate.toml``: settings of an app, or of all apps below a folder. It names no codemods to load."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kamal_migrate.kamal.versions import Version, parse

FILE = "kamal-migrate.toml"
ARCHITECTURES = ("amd64", "arm64", "both")
CACHES = ("registry", "plain", "gha", "none")
MAX_BYTES = 64 * 1024


class SettingsError(ValueError):
    """A setting that cannot be, and why."""


@dataclass(frozen=True)
class Settings:
    """What the file says, and where it is; None and empty where it is silent."""

    arch: str | None = None
    to: Version | None = None
    cache: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    inventory: tuple[tuple[str, str], ...] = ()
    file: str = ""


def find_settings(folder: Path) -> Settings:
    """The settings of the nearest ``kamal-migrate.toml``, in a folder or above it. Raises `SettingsError`."""
    start = folder.resolve()
    for parent in (start, *start.parents):
        file = parent / FILE
        if not _is_file(file):
            continue
        name = os.path.relpath(file, start)
        try:
            with file.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise SettingsError(f"{name}: more than {MAX_BYTES:,} bytes are no settings")
            return replace(parse_settings(data.decode("utf-8"), name), file=name)
        except UnicodeDecodeError:
            raise SettingsError(f"{name}: not UTF-8; save the file as UTF-8") from None
        except OSError as error:
            raise SettingsError(f"{name}: cannot be read: {error.strerror}") from None
    return Settings()


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:
        return False


def target(text: str) -> Version:
    """A version that can be migrated to: 1.9, or any 2.x. Raises `SettingsError`."""
    version = parse(text)
    if version is None or not (version[:2] == (1, 9) or version.major == 2):
        raise SettingsError(f"cannot migrate to `{text}`; say 1.9, or a version from 2.0 on")
    return version


def choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """A value that is one of a few words. Raises `SettingsError`."""
    if value not in allowed:
        raise SettingsError(f"{name} cannot be `{value}`; it is one of {', '.join(allowed)}")
    return value


def parse_settings(text: str, file: str = FILE) -> Settings:
    """The settings of a text. Raises `SettingsError` for what is not TOML or not a setting."""
    table = _table(text, file)
    try:
        unknown = sorted(set(table) - {"arch", "to", "cache", "select", "ignore", "inventory"})
        if unknown:
            known = "there are arch, to, cache, select, ignore and inventory"
            raise SettingsError(f"`{unknown[0]}` is no setting; {known}")
        return Settings(
            arch=_choice(table, "arch", ARCHITECTURES),
            to=target(_word(table, "to", "2.1")) if "to" in table else None,
            cache=_choice(table, "cache", CACHES),
            select=_names(table, "select"),
            ignore=_names(table, "ignore"),
            inventory=_inventory(table),
        )
    except SettingsError as error:
        raise SettingsError(f"{file}: {error}") from None


def _table(text: str, file: str) -> Mapping[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = re.fullmatch(
            r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL
        )
        last = (text.count("\n") + 1, len(text) - text.rfind("\n"))
        line, column = (said[2], said[3]) if said and said[2] else last
        message = said[1] if said else str(error)
        raise SettingsError(f"{file}:{line}:{column}: not TOML: {message[:1].lower()}{message[1:]}") from None
    except RecursionError:
        raise SettingsError(f"{file}: not TOML that anybody wrote: nested too deep") from None


def _word(table: Mapping[str, object], name: str, example: str) -> str:
    value = table[name]
    if not isinstance(value, str):
        raise SettingsError(f'{name} is a word in quotes, such as {name} = "{example}"')
    return value


def _choice(table: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str | None:
    return choice(name, _word(table, name, allowed[0]), allowed) if name in table else None


def _names(table: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f'{name} is a list of ids, such as {name} = ["builder"]')
    return tuple(value)


def _inventory(table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    rows = table.get("inventory", {})
    if not isinstance(rows, dict) or not all(value in ("amd64", "arm64") for value in rows.values()):
        raise SettingsError('inventory is a table of hosts, globs or roles, such as "10.0.0.4" = "amd64"')
    return tuple(rows.items())
