"""An app's folder as a plan would leave it, in a temporary folder; the app itself is not touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Union

from kamal_migrate.engine import Plan
from kamal_migrate.folder import Folder
from kamal_migrate.reading import encoded


class CannotLayOut(Exception):
    """The files could not be laid out, and why."""


class _File(NamedTuple):
    """A file that comes: its bytes and its mode."""

    data: bytes
    mode: int


# By name: a folder, a file that comes, or None for one that goes.
_Tree = dict[str, Union["_Tree", _File, None]]


@contextmanager
def laid_out(folder: Folder, made: Plan, entered: Iterable[str]) -> Iterator[Path]:
    """The app's folder as it would be, with links to whatever stays. It goes at the end, whatever happens.

    What is beside it up to the top of its repository is there too, for Ruby in a config may read files there
    and ask git. The folders ``entered``, paths as of the app, are real, so that ``..`` does not lead out of
    it. Raises `CannotLayOut`.
    """
    app = folder.root.resolve()
    files = _files(folder, made, app)
    inside = [_lexical(app, path) for path in entered]
    above = Path(os.path.commonpath([_top(app), *(path.parent for path in files), *inside]))
    with _temporary() as place:
        try:
            _lay_out(above, place / "files", _tree(above, files, inside))
        except OSError as error:
            raise CannotLayOut(f"{error.filename or place}: {error.strerror}") from None
        yield place / "files" / app.relative_to(above)


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder of the user's alone. A signal cannot keep it from being removed; links are not followed."""
    import signal
    from shutil import rmtree
    from tempfile import mkdtemp

    try:
        place = Path(mkdtemp(prefix="kamal-migrate-")).resolve()
    except OSError as error:
        raise CannotLayOut(f"there is no temporary folder: {error.strerror}") from None
    try:
        yield place
    finally:
        watched = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        rmtree(place, ignore_errors=True)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _top(app: Path) -> Path:
    """The top of the app's repository, else its folder."""
    from kamal_migrate.git import prefix

    below = prefix(app)
    return app.parents[len(Path(below).parts) - 1] if below else app


def _lexical(app: Path, path: str) -> Path:
    """Where a path of the app seems to be: a folder on the way that is a link is not followed."""
    return Path(os.path.normpath(app / path))


def _files(folder: Folder, made: Plan, app: Path) -> dict[Path, _File | None]:
    """What goes and what comes, by its place."""
    gone = made.project.files.keys() - made.after.files.keys()
    files: dict[Path, _File | None] = {_lexical(app, path): None for path in gone}
    for path in made.changed:
        source = folder.root / made.renamed.get(path, path)
        mode = source.stat().st_mode & 0o700 if source.is_file() else 0o600
        files[_lexical(app, path)] = _File(encoded(made.after.files[path]), mode)
    return files


def _tree(above: Path, files: Mapping[Path, _File | None], folders: Iterable[Path]) -> _Tree:
    """The folders on the way to these files and these folders."""
    root: _Tree = {}
    for path, file in files.items():
        _node(root, path.parent.relative_to(above))[path.name] = file
    for path in folders:
        _node(root, path.relative_to(above))
    return root


def _node(tree: _Tree, path: Path) -> _Tree:
    for name in path.parts:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    return tree


def _lay_out(source: Path, copy: Path, tree: _Tree) -> None:
    """Make a folder: real folders and files by the tree, links to everything else."""
    copy.mkdir(mode=0o700)
    for entry in source.iterdir() if source.is_dir() else ():
        if entry.name not in tree:
            (copy / entry.name).symlink_to(entry)
    for name, planned in tree.items():
        if isinstance(planned, dict):
            _lay_out(source / name, copy / name, planned)
        elif planned is not None:
            _write(copy / name, planned)


def _write(path: Path, file: _File) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file.mode | 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(file.data)
