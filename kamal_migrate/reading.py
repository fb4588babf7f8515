"""Reads a `Project` from wherever an app's files are: a folder on disk, a commit of a repository."""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from kamal_migrate.kamal.evidence import root_of
from kamal_migrate.project import (
    DEFAULT_CONFIG,
    SCRIPTS,
    InputError,
    Project,
    destinations_of,
    is_ci,
    looks_like_config,
    may_hold_secrets,
)

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 4
_SKIPPED = {
    *(".bundle", ".git", ".hg", ".svn", ".venv", "__pycache__", "build", "coverage", "db", "dist", "locales"),
    *("log", "logs", "node_modules", "public", "spec", "storage", "target", "test", "tests", "tmp", "vendor"),
    "venv",
}
_WANTED = re.compile(
    rf"(?:.*/)?(?:{SCRIPTS}|[^/]*\.ya?ml|[^/]*Dockerfile[^/]*|Gemfile(?:\.lock)?|\.gitignore|\.dockerignore|\.env[^/]*"
    r"|\.kamal/secrets[^/]*|\.(?:kamal|mrsk)/hooks/[^/]+)",
    re.DOTALL,
)
# Keys of Rails and what they encrypt: that they are there is enough to know.
_NEVER_OPENED = re.compile(
    r"(?:.*/)?config/(?:master\.key|credentials[^/]*\.(?:key|enc)|credentials/[^/]+\.(?:key|enc))", re.DOTALL
)
# A plain value; what ERB, an alias or the like says is known to nobody.
_HOOKS_PATH = re.compile(
    r"""^hooks_path[ \t]*:[ \t]+(["']?)([^\s"'#<>&*!|{\[][^"'#<>\r\n]*?)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE
)


class Source(Protocol):
    """Where an app's files are. Every path is relative to the app's folder, with ``/``."""

    @property
    def name(self) -> str:
        """What the folder is called."""

    @property
    def title(self) -> str:
        """What messages call the folder."""

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the folders, and of the files, in a folder; none where it cannot be read."""

    def has(self, path: str) -> bool:
        """Whether there is anything of that name, be it a link to nothing. Raises `InputError`."""

    def identity(self, path: str) -> str:
        """What tells a file from others, whatever links lead to it."""

    def bytes(self, path: str) -> bytes:
        """The bytes of a file, at most `MAX_BYTES`. Raises `InputError` with what to do."""

    def ignored(self, root: str, paths: Iterable[str]) -> set[str]:
        """Those of the paths below an app's own folder, of files or not, that git ignores."""


class Texts(NamedTuple):
    """A project, and the bytes that its configs were read from."""

    project: Project
    originals: Mapping[str, bytes]


def encoded(text: str) -> bytes:
    """The bytes of a text that was read here; what was not UTF-8 is itself again."""
    return text.encode("utf-8", "surrogateescape")


def read_project(source: Source, asked: tuple[str, ...] = ()) -> Texts:
    """The app of a source; ``asked`` are its main configs, where they are named. Raises `InputError`.

    What is read beside the configs are its *guests*: nobody asked for them, and what cannot be read is none.
    """
    for path in asked:
        _check_main(source, path)
    names = asked or ((DEFAULT_CONFIG,) if source.has(DEFAULT_CONFIG) else ())
    found = {path: source.bytes(path) for path in names}
    guests = _search(source, found, searched=not asked)
    if not found:
        hint = "name the app's folder with -C or the config with -c"
        raise NoConfig(source.title, f"no Kamal config here; {hint}")
    for path in [path for main in found for path in _destinations(source, main)]:
        found[path] = found[path] if path in found else source.bytes(path)
    texts = {path: _text(path, data) for path, data in found.items()}
    guests |= _hooks(source, texts, guests)
    texts |= {
        path: data.decode("utf-8", "surrogateescape") for path, data in guests.items() if path not in texts
    }
    project = Project(source.name, texts, asked)
    return Texts(replace(project, ignored=_ignored(source, project)), found)


class NoConfig(InputError):
    """There is nothing of Kamal's."""


def guest(source: Source, path: str) -> bytes | None:
    """The bytes of a file that nobody asked for; None where it cannot be read, empty where nobody should."""
    if _NEVER_OPENED.fullmatch(path):
        return b""
    try:
        return source.bytes(path)
    except InputError:
        return None


def _search(source: Source, found: dict[str, bytes], *, searched: bool) -> dict[str, bytes]:
    """The guests of an app; other main configs are added to those that are found, where they are searched."""
    targets = {source.identity(path) for path in found}
    guests: dict[str, bytes] = {}
    for path in wanted(source):
        own = path.endswith((".yml", ".yaml")) and not is_ci(path)
        data = None if path in found or (own and not searched) else guest(source, path)
        if data is None:
            continue
        if not own:
            guests[path] = data
        elif source.identity(path) not in targets and looks_like_config(data.decode("utf-8", "replace")):
            found[path] = data
            targets.add(source.identity(path))
    return guests


def _hooks(source: Source, configs: Mapping[str, str], known: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the folders that configs name for hooks, as far as these lie in the app."""
    folders = {
        posixpath.normpath(posixpath.join(root_of(path), match[2]))
        for path, text in configs.items()
        for match in _HOOKS_PATH.finditer(text)
    }
    inside = sorted(folder for folder in folders if not folder.startswith(("/", "..")))
    paths = (path for folder in inside for path in _files_in(source, folder))
    read_from = ((path, guest(source, path)) for path in paths if path not in known and path not in configs)
    return {path: data for path, data in read_from if data is not None}


def _files_in(source: Source, folder: str) -> list[str]:
    return sorted(posixpath.join(folder, name) for name in source.listing(folder)[1])


def _ignored(source: Source, project: Project) -> frozenset[str]:
    """The paths of secrets, of files or not, that git ignores; asked only of who may have any to keep."""
    configs = project.configs
    kept = any(map(may_hold_secrets, project.files)) or any(config.destinations for config in configs)
    if not kept:
        return frozenset()
    roots: dict[str, set[str]] = {}
    for config in configs:
        roots.setdefault(root_of(config.base), set()).update(_secret_files(config.destinations))
    return frozenset(
        path
        for root, names in roots.items()
        for path in source.ignored(root, [posixpath.normpath(posixpath.join(root, name)) for name in names])
    )


def _secret_files(destinations: Iterable[str]) -> Iterator[str]:
    yield from (".env", ".kamal/secrets", ".kamal/secrets-common")
    for destination in destinations:
        yield from (f".env.{destination}", f".kamal/secrets.{destination}")


def _check_main(source: Source, path: str) -> None:
    """Refuse a destination that was asked for as if it were a config by itself."""
    match = re.fullmatch(r"(.+)\.([^./]+)\.yml", path)
    bases = [f"{match[1]}{ending}" for ending in (".yml", ".yaml")] if match else []
    base = next((base for base in bases if source.has(base)), None)
    if match and base and not looks_like_config(source.bytes(path).decode("utf-8", "replace")):
        raise InputError(
            path, f"this is the destination {match[2]} of {base}; every destination is always included"
        )


def wanted(source: Source, folder: str = "") -> Iterator[str]:
    """The paths of the files that could matter, from the root down, in order."""
    folders, files = source.listing(folder)
    prefix = f"{folder}/" if folder else ""
    paths = (prefix + name for name in sorted(files))
    yield from (path for path in paths if _WANTED.fullmatch(path) or _NEVER_OPENED.fullmatch(path))
    if prefix.count("/") < MAX_DEPTH:
        for name in sorted(name for name in folders if name not in _SKIPPED):
            yield from wanted(source, prefix + name)


def _destinations(source: Source, main: str) -> list[str]:
    """The destinations beside a config, wherever that is."""
    folder = posixpath.dirname(main)
    beside = [posixpath.join(folder, name) for names in source.listing(folder) for name in names]
    return list(destinations_of(main, beside).values())


def _text(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputError(path, "this is UTF-16; save it as UTF-8", 1, 1) from None
        line = data.count(b"\n", 0, error.start) + 1
        begin = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[begin : error.start].decode("utf-8")) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError(path, message, line, column) from None
