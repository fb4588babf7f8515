"""A commit without a working tree: files, trees, commit and branch, by git's plumbing."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Union

from kamal_migrate.batch.branches import Commit, checked_out, commit_at
from kamal_migrate.batch.calling import GitError, checked
from kamal_migrate.batch.distrust import SIGNING, check, settings
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.repository import Repository, ref
from kamal_migrate.batch.snapshot import EXECUTABLE, LINK, REGULAR, SUBMODULE
from kamal_migrate.batch.trees import FOLDER, Row, is_folder

_KINDS = {"tree": 2, "blob": 3}
_STRANGE = {b"", b".", b"..", b".git"}
_WHAT = {LINK: "a link", SUBMODULE: "a submodule, another repository"}
_TRUE = {"true", "yes", "on", "1"}
_UNKNOWN_USER = re.compile(r"tell me who you are|empty ident|auto-detect", re.IGNORECASE)


class _Object(NamedTuple):
    kind: str
    data: bytes


# What is wanted in a folder: files, what goes (`None`), and folders that are wanted so themselves.
_Wanted = dict[bytes, Union["_Wanted", Row, None]]


def commit(
    objects: Objects,
    base: str,
    changes: Mapping[str, bytes],
    renamed: Mapping[str, str],
    message: str,
    branch: str,
    expected: str | None,
    executable: Collection[str] = (),
) -> str:
    """Commit files on top of a commit, and set a branch to that; the name of the new commit.

    ``changes`` are the bytes of new and changed files, ``renamed`` the old paths of files by their new ones.
    Files keep their modes; new ones are ``executable`` where they are named so. The branch is to be at
    ``expected``, `None` where it is not to be there yet. Where it already holds this very commit, nothing is
    written. Raises `GitError`: also where the branch is somewhere else, where a path is a link or leads over
    one, and where git does not know who the user is.
    """
    repository = objects.repository
    if branch in checked_out(repository):
        raise GitError(f"{repository.name}: {branch} is checked out; name another branch, or write in place")
    made = _Trees(objects, base)
    tree = made.rewritten(changes, renamed, executable)
    wanted = (tree, (base,), message.strip())
    done = commit_at(objects, ref(branch))
    if done and _what(done) == wanted:
        return done.id
    if (done.id if done else None) != expected:
        is_at = f"is at {done.id[:10]}" if done else "is gone"
        raise GitError(f"{repository.name}: {branch} {is_at}; somebody else changed it")
    pack = _pack(made.written.values(), made.hash_name)
    checked(repository.call("unpack-objects", "-q", given=pack), f"{repository.name}: nothing is written")
    name = _commit(repository, tree, base, message)
    try:
        _set_branch(repository, branch, name, expected or "0" * len(base), message)
    except GitError:
        # It may have been named by another of its working trees too, and been done at the same time.
        done = commit_at(objects, ref(branch))
        if not done or _what(done) != wanted:
            raise
        return done.id
    return name


def _what(commit: Commit) -> tuple[str, tuple[str, ...], str]:
    return commit.tree, commit.parents, commit.message.strip()


def _set_branch(repository: Repository, branch: str, commit: str, expected: str, message: str) -> None:
    """Set a branch that is at ``expected``, all zeros for one that is not there. Raises `GitError`."""
    why = f"commit: {message.partition(chr(10))[0]}"
    answer = repository.call("update-ref", "--no-deref", "-m", why, ref(branch), commit, expected)
    checked(answer, f"{repository.name}: {branch} is left as it was")


class _Trees:
    """The trees of a commit, and those that take their place."""

    def __init__(self, objects: Objects, base: str) -> None:
        self.written: dict[str, _Object] = {}
        self.hash_name = "sha1" if len(base) == 40 else "sha256"
        self._objects = objects
        self._top = f"{base}^{{tree}}"
        self._read: dict[str, dict[bytes, Row]] = {}

    def rewritten(
        self, changes: Mapping[str, bytes], renamed: Mapping[str, str], executable: Collection[str]
    ) -> str:
        """The tree with files changed, renamed and added; what is new is in ``written``."""
        wanted: _Wanted = {}
        for old in renamed.values():
            _set(wanted, old, None)
        for path in {**changes, **renamed}:
            before = self._file(renamed.get(path, path))
            if path in renamed and (before is None or (path not in renamed.values() and self._file(path))):
                raise GitError(f"{renamed[path]} cannot be renamed to {path}")
            name = self._write("blob", changes[path]) if path in changes else before.id if before else ""
            new_mode = (EXECUTABLE if path in executable else REGULAR).encode()
            _set(wanted, path, Row(before.mode if before else new_mode, _parts(path)[-1], name))
        tree = self._tree(self._top, wanted, "")
        if tree is None or tree == self._base_tree():
            raise GitError("there is nothing to commit")
        return tree

    def _base_tree(self) -> str:
        [found] = self._objects.infos([self._top])
        return found.id if found else ""

    def _tree(self, name: str | None, wanted: _Wanted, folder: str) -> str | None:
        """A tree with what is wanted in it; `None` where nothing is left."""
        rows = dict(self._rows(name)) if name else {}
        for part, want in wanted.items():
            if isinstance(want, dict):
                inside = rows.get(part)
                path = folder + part.decode("utf-8", "surrogateescape")
                if inside and not is_folder(inside):
                    raise GitError(f"{path}: this is {_WHAT.get(inside.mode.decode(), 'a file')}, no folder")
                deeper = self._tree(inside.id if inside else None, want, f"{path}/")
                want = Row(inside.mode if inside else FOLDER.lstrip(b"0"), part, deeper) if deeper else None
            if want:
                rows[part] = want
            else:
                rows.pop(part, None)
        ordered = sorted(rows.values(), key=lambda row: row.name + (b"/" if is_folder(row) else b""))
        data = b"".join(b"%b %b\0%b" % (row.mode, row.name, bytes.fromhex(row.id)) for row in ordered)
        return self._write("tree", data) if rows else None

    def _file(self, path: str) -> Row | None:
        """The file at a path. Raises `GitError` where that is no file, or leads over something else."""
        name = self._top
        *folders, last = _parts(path)
        for folder in folders:
            inside = self._rows(name).get(folder)
            if not inside or not is_folder(inside):
                return None
            name = inside.id
        found = self._rows(name).get(last)
        if found and (is_folder(found) or found.mode.decode() in _WHAT):
            raise GitError(f"{path}: this is {_WHAT.get(found.mode.decode(), 'a folder')}, no file")
        return found

    def _rows(self, name: str) -> dict[bytes, Row]:
        if name not in self._read:
            [rows] = self._objects.trees([name])
            self._read[name] = {row.name: row for row in rows}
            if len(self._read[name]) != len(rows):
                raise GitError("a folder has two files of one name")
        return self._read[name]

    def _write(self, kind: str, data: bytes) -> str:
        name = hashlib.new(self.hash_name, b"%b %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
        name.update(data)
        self.written[name.hexdigest()] = _Object(kind, data)
        return name.hexdigest()


def _set(wanted: _Wanted, path: str, want: Row | None) -> None:
    *folders, last = _parts(path)
    for folder in folders:
        inside = wanted.setdefault(folder, {})
        if not isinstance(inside, dict):
            raise GitError(f"{path}: this cannot be a file and a folder")
        wanted = inside
    wanted[last] = want


def _parts(path: str) -> list[bytes]:
    parts = path.encode("utf-8", "surrogateescape").split(b"/")
    if any(part.lower() in _STRANGE or b"\0" in part for part in parts):
        raise GitError(f"{path}: no file can be there")
    return parts


def _pack(objects: Iterable[_Object], hash_name: str) -> bytes:
    """The objects as git sends them: gitformat-pack(5), version 2, every object whole."""
    packed = [_size(_KINDS[one.kind], len(one.data)) + zlib.compress(one.data, 1) for one in objects]
    pack = struct.pack(">4sII", b"PACK", 2, len(packed)) + b"".join(packed)
    return pack + hashlib.new(hash_name, pack, usedforsecurity=False).digest()


def _size(kind: int, size: int) -> bytes:
    """The head of an object in a pack: its kind, and its size in four bits and then seven at a time."""
    found = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        found[-1] |= 128
        found.append(size & 127)
        size >>= 7
    return bytes(found)


def _commit(repository: Repository, tree: str, base: str, message: str) -> str:
    """Write a commit: in the user's name, and signed where the user's commits are."""
    sign = ["-S"] if _signs(repository) else []
    text = message.encode("utf-8", "surrogateescape")
    answer = repository.call("commit-tree", tree, "-p", base, *sign, "-F", "-", given=text)
    if answer.code and _UNKNOWN_USER.search(answer.said):
        raise GitError(
            f"{repository.name}: git does not know who you are; tell it with git config --global user.name"
            " and git config --global user.email"
        )
    return checked(answer, f"{repository.name}: no commit is made").decode().strip()


def _signs(repository: Repository) -> bool:
    """Whether commits are to be signed there. Raises `GitError` where the repository chooses the program."""
    found = {one.key: one for one in settings(repository, rf"commit\.gpgsign|{SIGNING}")}
    signs = found.pop("commit.gpgsign", None)
    if not signs or (signs.value is not None and signs.value.lower() not in _TRUE):
        return False
    check(repository, found.values())
    return True
