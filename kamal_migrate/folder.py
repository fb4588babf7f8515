"""An app's folder on disk: reads the `Project` in it, and knows where its files are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kamal_migrate.project import InputError, Project
from kamal_migrate.reading import MAX_BYTES, encoded, guest, read_project


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


def read(root: Path, configs: tuple[str, ...] = (), *, inside: bool = False) -> Folder:
    """The app in a folder; ``configs`` as Kamal's ``-c``, relative to it. Raises `InputError`.

    Only what is ``inside`` of the folder is read, if that is wanted: no link leads out of it.
    """
    _check_folder(root)
    asked = tuple(dict.fromkeys(_relative(root, config) for config in configs))
    found = read_project(_Disk(root, inside=inside), asked)
    whole = root.resolve()
    if not asked and whole.name in ("config", ".kamal") and all("/" not in path for path in found.originals):
        raise InputError(str(root), f"this is the folder of an app's config; run it in {whole.parent}")
    return Folder(root, *found)


def bytes_of_guest(root: Path, path: str) -> bytes | None:
    """The bytes of a file that was read for an app, as it is now; None where it cannot be read."""
    return guest(_Disk(root), path)


class _Disk:
    """A folder as a source."""

    def __init__(self, root: Path, *, inside: bool = False) -> None:
        self._root = root
        self._top = root.resolve() if inside else None
        self.name = root.resolve().name or "/"
        self.title = str(root)

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """Links to folders are no folders: they may lead anywhere, in circles too."""
        folders, files = [], []
        try:
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif not entry.is_dir():
                        files.append(entry.name)
        except OSError:
            return [], []
        return folders, files

    def has(self, path: str) -> bool:
        try:
            os.lstat(self._root / path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise InputError(path, _why(error)) from None
        return True

    def identity(self, path: str) -> str:
        return os.path.realpath(self._root / path)

    def bytes(self, path: str) -> bytes:
        if self._top and not Path(os.path.realpath(self._root / path)).is_relative_to(self._top):
            raise InputError(path, "this link leads out of the repository")
        return _bytes(self._root, path)

    def ignored(self, root: str, paths: Iterable[str]) -> set[str]:
        """The app's folder may be a repository by itself."""
        from kamal_migrate.git import ignored

        place = os.path.realpath(self._root / root)
        targets = {path: os.path.relpath(self._target(path), place) for path in sorted(paths)}
        found = ignored(Path(place), [target for target in targets.values() if not target.startswith("../")])
        return {path for path, target in targets.items() if target in found}

    def _target(self, path: str) -> Path:
        """What a link leads to; where there is nothing, the place itself."""
        file = self._root / path
        if file.is_file():
            return Path(os.path.realpath(file))
        return Path(os.path.realpath(file.parent)) / file.name


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
