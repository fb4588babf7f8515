"""Reads a `Project` from a folder, and writes new texts as one transaction: all files or none."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kamal_migrate.project import (
    DEFAULT_CONFIG,
    InputError,
    Project,
    destinations_of,
    is_ci,
    looks_like_config,
)
from kamal_migrate.transaction import NotReplaced, NotRestored, replace_all

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 4
_SKIPPED = {
    *(".bundle", ".git", ".hg", ".svn", ".venv", "__pycache__", "build", "coverage", "db", "dist", "locales"),
    *("log", "logs", "node_modules", "public", "spec", "storage", "target", "test", "tests", "tmp", "vendor"),
    "venv",
}


class WriteError(Exception):
    """The files could not be written; nothing is changed, or what was is put back."""


@dataclass(frozen=True)
class Folder:
    """An app on disk: where it is, its project, and the bytes that its configs were read from."""

    root: Path
    project: Project
    originals: Mapping[str, bytes]

    def target(self, path: str) -> Path:
        """The file that is written for a path: what a symbolic link points to."""
        return (self.root / path).resolve()

    def name(self, path: str) -> str:
        """The path of that file, relative to the app's folder."""
        return Path(os.path.relpath(self.target(path), self.root.resolve())).as_posix()

    def uncommitted(self, paths: Iterable[str]) -> list[str]:
        """The files that git says hold changes, but for those that this tool wrote."""
        from kamal_migrate.git import uncommitted
        from kamal_migrate.memory import wrote

        files = {path: self.target(path) for path in paths}
        dirty = uncommitted({target: self.originals[path] for path, target in files.items()})
        return [
            path
            for path, target in files.items()
            if target in dirty and not wrote(target, self.originals[path])
        ]


def read(root: Path, configs: tuple[str, ...] = ()) -> Folder:
    """The app in a folder; ``configs`` as Kamal's ``-c``, relative to it. Raises `InputError`."""
    _check_folder(root)
    asked = tuple(dict.fromkeys(_relative(root, config) for config in configs))
    names = asked or ((DEFAULT_CONFIG,) if _is_there(root, DEFAULT_CONFIG) else ())
    for path in asked:
        _check_main(root, path)
    found = {path: _bytes(root, path) for path in names}
    targets = {(root / path).resolve() for path in names}
    guests: dict[str, bytes] = {}
    for path in _walk(root):
        own = path.endswith((".yml", ".yaml")) and not is_ci(path)
        data = None if path in found or (own and asked) else _guest(root, path)
        if data is None:
            continue
        if not own:
            guests[path] = data
        elif (root / path).resolve() not in targets and looks_like_config(data.decode("utf-8", "replace")):
            found[path] = data
            targets.add((root / path).resolve())
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
    texts |= {path: data.decode("utf-8", "replace") for path, data in guests.items() if path not in texts}
    return Folder(root, Project(root.resolve().name or "/", texts, asked), found)


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
        for name in sorted(files):
            wanted = name.endswith((".yml", ".yaml")) or "Dockerfile" in name or name == "Gemfile.lock"
            if wanted or _is_secrets(prefix + name):
                yield prefix + name


def _is_secrets(path: str) -> bool:
    """Whether Kamal 2 reads its secrets there; only that the file is there matters."""
    return re.search(r"(?:^|/)\.kamal/secrets[^/]*$", path) is not None


def _destinations(root: Path, main: str) -> list[str]:
    """The destinations beside a config, wherever that is."""
    folder = Path(main).parent
    beside = [(folder / file.name).as_posix() for file in (root / folder).iterdir()]
    return list(destinations_of(main, beside).values())


def _guest(root: Path, path: str) -> bytes | None:
    """The bytes of a file that nobody asked for; None where it cannot be read. Secrets are never read."""
    if _is_secrets(path):
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


def check_unchanged(folder: Folder, paths: Iterable[str]) -> None:
    """Refuse files whose bytes are not those that were read. Raises `WriteError`."""
    for path in paths:
        if _guest(folder.root, path) != folder.originals[path]:
            raise WriteError(f"{path}: changed on disk since it was read; nothing written, run again")


def write(folder: Folder, files: Mapping[str, str]) -> None:
    """Write texts, all or none: each beside its target, synced, then renamed over it. Raises `WriteError`.

    Mode and owner are kept, and a symbolic link goes on pointing to its target. A file that changed since it
    was read is refused.
    """
    wanted: dict[Path, bytes] = {}
    names = {folder.target(path): path for path in files}
    for path, text in files.items():
        data = text.encode("utf-8")
        if wanted.setdefault(folder.target(path), data) != data:
            raise WriteError(
                f"{path}: the same file as {names[folder.target(path)]}, but both want it otherwise"
            )
    check_unchanged(folder, files)
    try:
        replace_all(wanted)
    except NotReplaced as error:
        raise WriteError(f"{names[error.target]}: {error.reason}; nothing is changed") from error
    except NotRestored as error:
        raise WriteError(str(error)) from error
    from kamal_migrate.memory import remember

    remember(wanted)
