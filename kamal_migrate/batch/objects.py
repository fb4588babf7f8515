"""The objects of a repository, read by one process of git: commits, trees, files."""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, NamedTuple, NoReturn

from kamal_migrate.batch import ending
from kamal_migrate.batch.calling import (
    LOCAL_SECONDS,
    GitError,
    GitTimeout,
    NoCommit,
    checked,
    read_said,
    rounded,
    said_aside,
    said_of,
    start,
)
from kamal_migrate.batch.repository import Repository, pointed_branch, ref
from kamal_migrate.batch.snapshot import Entry
from kamal_migrate.batch.trees import Row, is_folder, rows_of, text
from kamal_migrate.project import InputError
from kamal_migrate.reading import MAX_BYTES

MAX_ENTRIES = 500_000
MAX_PATH = 4096
MAX_TREE = 16 * 1024 * 1024
# Git answers when it has all of a page. That fits into a pipe, so writing never waits, and a git that hangs
# is noticed where its answer is read.
_PAGE = 16_000
_PIECE = 1 << 16
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Head(NamedTuple):
    """What a repository shows: its branch, `None` where a commit itself is checked out, and that commit."""

    branch: str | None
    commit: str


class Info(NamedTuple):
    """What git knows of an object without reading it."""

    id: str
    kind: str
    size: int


class Objects:
    """Reads objects until it is closed. What a partial clone lacks is missing here, and never fetched.

    Every method raises `GitError` where the repository is broken, and `GitTimeout` where git says nothing for
    ``seconds``.
    """

    def __init__(self, repository: Repository, seconds: float = LOCAL_SECONDS) -> None:
        self.repository = repository
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._answer = bytearray()

    def __enter__(self) -> Objects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; reading starts another one, which also sees what was fetched since."""
        process, self._process = self._process, None
        if process:
            with process:
                process.kill()
        if self._said:
            self._said.close()
        self._said = None
        self._answer.clear()

    def head(self) -> Head:
        """The branch and the commit that the repository shows. Raises `NoCommit` where nothing is there."""
        branch = pointed_branch(self.repository.git_dir / "HEAD")
        [found] = self.infos(["HEAD^{commit}"])
        if not found:
            what = f"{self.repository.name}: there is no commit"
            others = self.repository.call("for-each-ref", "--count=1")
            if checked(others, what):
                raise GitError(f"{what} on its default branch{f' {branch}' if branch else ''}")
            raise NoCommit(f"{what} yet")
        return Head(branch, found.id)

    def branch(self, name: str) -> str | None:
        """The commit of a branch; `None` where there is no such branch."""
        [found] = self.infos([f"{ref(name)}^{{commit}}"])
        return found.id if found else None

    def infos(self, names: Iterable[str]) -> list[Info | None]:
        """What is known of objects; `None` for what is not here."""
        return [found for found, _ in self._ask("info", names)]

    def contents(self, names: Iterable[str]) -> list[bytes | None]:
        """The bytes of objects, however many those are; `None` for what is not here."""
        return [data for _, data in self._ask("contents", names)]

    def entries(self, commit: str) -> dict[str, Entry]:
        """The files of a commit by their paths."""
        found = {
            path: Entry(row.mode.decode().zfill(6), row.id)
            for path, row in self._walk(commit)
            if not is_folder(row)
        }
        return dict(sorted(found.items()))

    def trees(self, names: Iterable[str]) -> Iterator[list[Row]]:
        """The rows of trees. Raises `GitError` where one is not here, or is none."""
        for name, (info, data) in zip(names, self._ask("contents", names, MAX_TREE), strict=True):
            if info is None or data is None or info.kind != "tree":
                raise GitError(f"{self.repository.name}: the tree {name} is not there")
            yield rows_of(data, len(info.id) // 2)

    def blobs(self, names: Iterable[str], limit: int = MAX_BYTES) -> dict[str, bytes]:
        """The bytes of those objects that are here and have at most so many; the others are left out."""
        asked = list(dict.fromkeys(names))
        small = [
            name for name, info in zip(asked, self.infos(asked), strict=True) if info and info.size <= limit
        ]
        found = zip(small, self.contents(small), strict=True)
        return {name: data for name, data in found if data is not None}

    def blob(self, name: str) -> bytes:
        """The bytes of a file, for a `Snapshot`. Raises `InputError` for one that is too big or not here."""
        data = self.blobs([name]).get(name)
        if data is None:
            raise InputError(name, self._why_not(name))
        return data

    def _why_not(self, name: str) -> str:
        [info] = self.infos([name])
        if info:
            return f"{info.size:,} bytes are too many for a Kamal config"
        fetched = self.repository.url is not None
        return "this is too big for a Kamal config" if fetched else "this was not fetched"

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the objects that are not here, as in a partial clone."""
        asked = list(dict.fromkeys(names))
        return [name for name, info in zip(asked, self.infos(asked), strict=True) if not info]

    def _walk(self, commit: str) -> Iterator[tuple[str, Row]]:
        """All that is in a commit, folders before what is in them; those of one depth are read at once."""
        level = [("", f"{commit}^{{tree}}")]
        count = 0
        while level:
            trees = self._plain_trees({name: None for _, name in level})
            deeper = []
            for folder, name in level:
                count += len(trees[name])
                self._check_count(count)
                inside = [(folder + text(row.name), row) for row in trees[name]]
                yield from inside
                deeper += [(f"{path}/", row.id) for path, row in inside if is_folder(row)]
            level = [(path, name) for path, name in deeper if len(path) < MAX_PATH]

    def _plain_trees(self, names: Iterable[str]) -> dict[str, list[Row]]:
        """Trees by their names, without what no working tree could hold."""
        found: dict[str, list[Row]] = {}
        count = 0
        for name, rows in zip(names, self.trees(names), strict=True):
            count += len(rows)
            self._check_count(count)
            found[name] = [row for row in rows if b"/" not in row.name and len(row.name) < MAX_PATH]
        return found

    def _check_count(self, count: int) -> None:
        """Many folders may be one in the repository; what they would be on disk is what counts."""
        if count > MAX_ENTRIES:
            raise GitError(f"{self.repository.name}: more than {MAX_ENTRIES:,} files and folders")

    def _ask(
        self, what: str, names: Iterable[str], most: int | None = None
    ) -> Iterator[tuple[Info | None, bytes | None]]:
        """Ask about objects, a page at a time; one of more than so many bytes is not read, but an error."""
        for page in _pages([f"{what} {name}\n".encode("utf-8", "surrogateescape") for name in names]):
            self._send(b"".join(page) + b"flush\n")
            try:
                for _ in page:
                    yield self._received(what, most)
            except GeneratorExit:
                self.close()  # What nobody wants any more would be taken for the next answer.
                raise

    def _received(self, what: str, most: int | None) -> tuple[Info | None, bytes | None]:
        words = self._line().split(" ")
        if len(words) != 3 or not _NAME.fullmatch(words[0]):
            return None, None
        info = Info(words[0], words[1], int(words[2]))
        if what == "info":
            return info, None
        if most is not None and info.size > most:
            self.close()
            raise GitError(f"{self.repository.name}: the {info.kind} {info.id} has {info.size:,} bytes")
        return info, self._bytes(info.size + 1)[:-1]

    def _send(self, data: bytes) -> None:
        if not self._process:
            self._said = said_aside()
            repository = self.repository
            self._process = start(
                repository.git_dir,
                *("cat-file", "--batch-command", "--buffer"),
                said=self._said,
                folder=repository.folder,
            )
        assert self._process.stdin
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self._fail()

    def _line(self) -> str:
        while (stop := self._answer.find(b"\n")) < 0:
            self._receive()
        return self._bytes(stop + 1)[:-1].decode("utf-8", "replace")

    def _bytes(self, count: int) -> bytes:
        while len(self._answer) < count:
            self._receive()
        taken = bytes(self._answer[:count])
        del self._answer[:count]
        return taken

    def _receive(self) -> None:
        assert self._process
        assert self._process.stdout
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        if not poll.poll(self._seconds * 1000):
            self.close()
            raise GitTimeout(f"{self.repository.name}: git did not answer in {rounded(self._seconds)}")
        piece = os.read(self._process.stdout.fileno(), _PIECE)
        if not piece:
            self._fail()
        self._answer += piece

    def _fail(self) -> NoReturn:
        assert self._said
        said = read_said(self._said).strip()
        self.close()
        ending.check()
        if "batch-command" in said:
            raise GitError("this git is too old; install git 2.36 or later")
        if "promisor" in said:
            what = "this is a partial clone that lacks some of its files; name its URL instead"
            raise GitError(f"{self.repository.name}: {what}")
        reason = said_of(said.splitlines()[-1]) if said else "git ended early"
        raise GitError(f"{self.repository.name}: {reason}")


def _pages(lines: list[bytes]) -> Iterator[list[bytes]]:
    page: list[bytes] = []
    length = 0
    for line in lines:
        if page and length + len(line) > _PAGE:
            yield page
            page, length = [], 0
        page.append(line)
        length += len(line)
    if page:
        yield page
