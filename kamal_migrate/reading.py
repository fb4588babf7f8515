"""Reads a `Project` from a folder."""

from __future__ import annotations

import codecs
import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kamal_migrate.kamal.evidence import root_of
from kamal_migrate.project import (
    DEFAULT_CONFIG,
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
    r"(?:.*/)?(?:[^/]*\.ya?ml|[^/]*Dockerfile[^/]*|Gemfile(?:\.lock)?|\.gitignore|\.dockerignore|\.env[^/]*"
    r"|\.kamal/secrets[^/]*|\.(?:kamal|mrsk)/hooks/[^/]+|bin/(?:kamal|mrsk))",
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


@dataclass(frozen=True)
class Folder:
    """An app on disk: where it is, its project, and the bytes that its configs were read from."""

    root: Path
    project: Project
    originals: Mapping[str, bytes] = field(repr=False)

    def bytes_of(self, path: str) -> bytes:
        """The bytes that a file of the project was read from."""
        return encoded(self.project.files[path])

    def place(self, path: str) -> Path:
        """Where a path is on disk; if that is a symbolic link, the link itself."""
        file = self.root / path
        return Path(os.path.realpath(file.parent)) / file.name

    def target(self, path: str) -> Path:
        """The file that is written for a path: what a symbolic link points to."""
        return Path(os.path.realpath(self.root / path)) if path in self.project.files else self.place(path)

    def name(self, path: str) -> str:
        """The path of that file, relative to the app's folder."""
        return Path(os.path.relpath(self.target(path), self.root.resolve())).as_posix()

    def uncommitted(self, paths: Iterable[str]) -> list[str]:
        """The files that git says hold changes, but for those that this tool wrote, and those that come."""
        from kamal_migrate.git import uncommitted
        from kamal_migrate.memory import wrote

        files = {path: self.target(path) for path in paths if path in self.project.files}
        dirty = uncommitted({target: self.bytes_of(path) for path, target in files.items()})
        return [
            path
            for path, target in files.items()
            if target in dirty and not wrote(target, self.bytes_of(path))
        ]


def encoded(text: str) -> bytes:
    """The bytes of a text that was read here; what was not UTF-8 is itself again."""
    return text.encode("utf-8", "surrogateescape")


def read(root: Path, configs: tuple[str, ...] = ()) -> Folder:
    """The app in a folder; ``configs`` as Kamal's ``-c``, relative to it. Raises `InputError`.

    What is read beside the configs are its *guests*: nobody asked for them, and what cannot be read is none.
    """
    _check_folder(root)
    asked = tuple(dict.fromkeys(_relative(root, config) for config in configs))
    names = asked or ((DEFAULT_CONFIG,) if _is_there(root, DEFAULT_CONFIG) else ())
    for path in asked:
        _check_main(root, path)
    found = {path: _bytes(root, path) for path in names}
    guests = _search(root, found, searched=not asked)
    if not found:
        hint = "name the app's folder with -C or the config with -c"
        raise InputError(str(root), f"no Kamal config here; {hint}")
    if not asked and root.resolve().name in ("config", ".kamal") and all("/" not in path for path in found):
        raise InputError(
            str(root), f"this is the folder of an app's config; run it in {root.resolve().parent}"
        )
    for path in [path for main in found for path in _destinations(root, main)]:
        found[path] = found[path] if path in found else _bytes(root, path)
    texts = {path: _text(path, data) for path, data in found.items()}
    guests |= _hooks(root, texts, guests)
    texts |= {
        path: data.decode("utf-8", "surrogateescape") for path, data in guests.items() if path not in texts
    }
    folder = Folder(root, Project(root.resolve().name or "/", texts, asked), found)
    return replace(folder, project=replace(folder.project, ignored=_ignored(folder)))


def _search(root: Path, found: dict[str, bytes], *, searched: bool) -> dict[str, bytes]:
    """The guests of an app; other main configs are added to those that are found, where they are searched."""
    targets = {(root / path).resolve() for path in found}
    guests: dict[str, bytes] = {}
    for path in _walk(root):
        own = path.endswith((".yml", ".yaml")) and not is_ci(path)
        data = None if path in found or (own and not searched) else guest(root, path)
        if data is None:
            continue
        if not own:
            guests[path] = data
        elif (root / path).resolve() not in targets and looks_like_config(data.decode("utf-8", "replace")):
            found[path] = data
            targets.add((root / path).resolve())
    return guests


def _hooks(root: Path, configs: Mapping[str, str], known: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the folders that configs name for hooks, as far as these lie in the app."""
    folders = {
        posixpath.normpath(posixpath.join(root_of(path), match[2]))
        for path, text in configs.items()
        for match in _HOOKS_PATH.finditer(text)
    }
    inside = sorted(folder for folder in folders if not folder.startswith(("/", "..")))
    paths = (path for folder in inside for path in _files_in(root, folder))
    read_from = ((path, guest(root, path)) for path in paths if path not in known and path not in configs)
    return {path: data for path, data in read_from if data is not None}


def _files_in(root: Path, folder: str) -> list[str]:
    try:
        return sorted(posixpath.join(folder, file.name) for file in (root / folder).iterdir())
    except OSError:
        return []


def _ignored(folder: Folder) -> frozenset[str]:
    """The paths of secrets, of files or not, that git ignores; asked only of who may have any to keep."""
    configs = folder.project.configs
    kept = any(map(may_hold_secrets, folder.project.files)) or any(config.destinations for config in configs)
    if not kept:
        return frozenset()
    roots: dict[str, set[str]] = {}
    for config in configs:
        roots.setdefault(root_of(config.base), set()).update(_secret_files(config.destinations))
    return frozenset(path for root, names in roots.items() for path in _ignored_in(folder, root, names))


def _ignored_in(folder: Folder, root: str, names: Iterable[str]) -> Iterator[str]:
    """Those that git ignores in the folder of an app, which may be a repository by itself."""
    from kamal_migrate.git import ignored

    place = Path(os.path.realpath(folder.root / root))
    paths = [posixpath.normpath(posixpath.join(root, name)) for name in sorted(names)]
    targets = {path: os.path.relpath(folder.target(path), place) for path in paths}
    found = ignored(place, [target for target in targets.values() if not target.startswith("../")])
    yield from (path for path, target in targets.items() if target in found)


def _secret_files(destinations: Iterable[str]) -> Iterator[str]:
    yield from (".env", ".kamal/secrets", ".kamal/secrets-common")
    for destination in destinations:
        yield from (f".env.{destination}", f".kamal/secrets.{destination}")


def _check_folder(root: Path) -> None:
    try:
        if not stat.S_ISDIR(root.stat().st_mode):
            raise InputError(str(root), "this is no folder; name the app's folder with -C")
        os.scandir(root).close()
    except FileNotFoundError:
        raise InputError(str(root), "no such folder") from None
    except OSError as error:
        raise InputError(str(root), f"cannot be read: {error.strerror}") from None


def _relative(root: Path, config: str) -> str:
    """A config's path as seen from the app's folder, where it lies in there."""
    path = Path(os.path.normpath(config))
    inside = path.is_absolute() and path.is_relative_to(root.absolute())
    return (path.relative_to(root.absolute()) if inside else path).as_posix()


def _check_main(root: Path, path: str) -> None:
    """Refuse a destination that was asked for as if it were a config by itself."""
    match = re.fullmatch(r"(.+)\.([^./]+)\.yml", path)
    bases = [f"{match[1]}{ending}" for ending in (".yml", ".yaml")] if match else []
    base = next((base for base in bases if (root / base).is_file()), None)
    if match and base and not looks_like_config(_bytes(root, path).decode("utf-8", "replace")):
        raise InputError(
            path, f"this is the destination {match[2]} of {base}; every destination is always included"
        )


def _is_there(root: Path, path: str) -> bool:
    """Whether there is anything of that name, be it a link to nothing. Raises `InputError`."""
    try:
        os.lstat(root / path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InputError(path, _why(error)) from None
    return True


def _walk(root: Path) -> Iterator[str]:
    """The paths of the files that could matter, from the root down, in order."""
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        prefix = "" if inside == os.curdir else f"{inside}/"
        deeper = prefix.count("/") < MAX_DEPTH
        folders[:] = sorted(name for name in folders if name not in _SKIPPED) if deeper else []
        paths = (prefix + name for name in sorted(files))
        yield from (path for path in paths if _WANTED.fullmatch(path) or _NEVER_OPENED.fullmatch(path))


def _destinations(root: Path, main: str) -> list[str]:
    """The destinations beside a config, wherever that is."""
    folder = Path(main).parent
    beside = [(folder / file.name).as_posix() for file in (root / folder).iterdir()]
    return list(destinations_of(main, beside).values())


def guest(root: Path, path: str) -> bytes | None:
    """The bytes of a file that nobody asked for; None where it cannot be read, empty where nobody should."""
    if _NEVER_OPENED.fullmatch(path):
        return b""
    try:
        return _bytes(root, path)
    except InputError:
        return None


def _bytes(root: Path, path: str) -> bytes:
    """The bytes of a file. Raises `InputError` with what to do."""
    file = root / path
    try:
        _check_kind(path, file.stat().st_mode)
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            about = os.fstat(descriptor)
            _check_kind(path, about.st_mode)
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        link = isinstance(error, FileNotFoundError) and file.is_symlink()
        raise InputError(path, "this link points to nothing" if link else _why(error)) from None
    if len(data) > MAX_BYTES:
        raise InputError(
            path,
            f"{about.st_size:,} bytes are too many for a Kamal config ({MAX_BYTES:,} at most)",
        )
    return data


def _check_kind(path: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise InputError(path, "this is a folder; name the config in it with -c")
    if not stat.S_ISREG(mode):
        raise InputError(path, "this is no regular file; name another config with -c")


def _why(error: OSError) -> str:
    known = {FileNotFoundError: "no such file", PermissionError: "no permission to read it"}
    return known.get(type(error), f"cannot be read: {error.strerror}")


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
