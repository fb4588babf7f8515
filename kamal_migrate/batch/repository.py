"""Where a repository is: a working tree, a bare one, a copy of one at a URL."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kamal_migrate.batch.calling import NETWORK, Answer, GitError, call
from kamal_migrate.batch.forges import SCP

_POINTER_BYTES = 4096
_URL = re.compile(r"(https?|ssh|git\+ssh|ssh\+git|git|file)://\S+", re.IGNORECASE)
_HELPER = re.compile(r"[A-Za-z0-9]+::")
_NO_BRANCH = re.compile(
    r"[-/.]|.*[\x00-\x20\x7f~^:?*\[\\]|.*(?:\.\.|//|/\.|@\{|\.lock/)|.*(?:[/.]|\.lock)$|@$|HEAD$|$", re.DOTALL
)


@dataclass(frozen=True)
class Repository:
    """A repository of git: ``git_dir`` is what git keeps of it, ``folder`` what its user calls it.

    ``url`` is where it was fetched from and is pushed to, and may hold a password; `None` where it is the
    user's own, with remotes of its own.
    """

    git_dir: Path
    folder: Path
    name: str
    url: str | None = field(default=None, repr=False)

    def call(self, *arguments: str, given: bytes = b"") -> Answer:
        """Run git on it; it talks to nobody."""
        return call(self.git_dir, *arguments, given=given, folder=self.folder)

    def talk(
        self,
        *arguments: str,
        seconds: float,
        given: bytes = b"",
        settings: tuple[str, ...] = (),
        most: int = 0,
    ) -> Answer:
        """Run git on it; it may talk to its remotes as the user set them up, or to the URL that was named.

        For ``most`` see `calling.call`.
        """
        protocols = None
        if self.url is not None:
            protocols = "file" if is_file_url(self.url) else NETWORK
            settings += (f"remote.origin.url={self.url}",)
        return call(
            self.git_dir,
            *arguments,
            given=given,
            folder=self.folder,
            protocols=protocols,
            settings=settings,
            seconds=seconds,
            most=most,
        )


def is_url(source: str) -> bool:
    """Whether git would fetch from it: https, http, ssh, git and file URLs, and ``user@host:path``."""
    return bool(_URL.fullmatch(source) or (SCP.fullmatch(source) and not Path(source).exists()))


def is_file_url(url: str) -> bool:
    """Whether a URL names a folder of this machine."""
    return url.lower().startswith("file://")


def local(url: str, beside: Path) -> Path | None:
    """The folder of this machine that a remote is, from another one; `None` where it is none."""
    if is_file_url(url):
        return Path("/", unquote(urlsplit(url).path).lstrip("/"))
    if is_url(url) or _HELPER.match(url):
        return None
    return beside / (f"/{url.lstrip('/')}" if url.startswith("/") else url)


def opened(folder: Path) -> Repository:
    """The repository in a folder: with a working tree or bare. Raises `GitError` with what to do."""
    try:
        return _opened(folder.absolute(), folder)
    except OSError as error:
        raise GitError(f"{folder}: {error.strerror}") from None


def _opened(folder: Path, named: Path) -> Repository:
    if not folder.is_dir():
        raise GitError(f"{named}: no such folder")
    git_dir = folder / ".git"
    if git_dir.is_file():
        git_dir = _pointed(git_dir)
    for candidate in (git_dir, folder):
        if is_git_dir(candidate):
            return Repository(candidate, folder, folder.name.removesuffix(".git") or str(folder))
    above = next((above for above in folder.parents if (above / ".git").exists()), None)
    if above:
        raise GitError(f"{named}: this is inside of the repository {above}; name that folder")
    raise GitError(f"{named}: this is no git repository")


def _pointed(file: Path) -> Path:
    """Where a file ``.git`` of a linked working tree or a submodule points to."""
    with file.open("rb") as stream:
        said = os.fsdecode(stream.read(_POINTER_BYTES)).removesuffix("\n")
    return Path(os.path.normpath(file.parent / said.removeprefix("gitdir: "))) if "\0" not in said else file


def is_git_dir(folder: Path) -> bool:
    """Whether it is what git keeps of a repository."""
    common = shared(folder)
    return (folder / "HEAD").is_file() and (common / "objects").is_dir() and (common / "refs").is_dir()


def shared(git_dir: Path) -> Path:
    """What git keeps for all working trees of a repository."""
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return git_dir
    with pointer.open("rb") as stream:
        said = os.fsdecode(stream.read(_POINTER_BYTES)).strip()
    return git_dir / said if "\0" not in said else git_dir


def ref(branch: str) -> str:
    """The full name of a branch. Raises `GitError` for what git would not call a branch."""
    if _NO_BRANCH.match(branch) or any(char in branch for char in ("\n", "\0")):
        raise GitError(f"`{branch}` cannot be the name of a branch")
    return f"refs/heads/{branch}"


def pointed_branch(head: Path, below: str = "refs/heads/") -> str | None:
    """The branch that a file such as ``HEAD`` names; `None` for a commit, and where there is no such file."""
    try:
        if not head.is_file():
            return None
        with head.open("rb") as stream:
            said = os.fsdecode(stream.read(_POINTER_BYTES)).strip()
    except OSError:
        return None
    start = f"ref: {below}"
    return said.removeprefix(start) if said.startswith(start) else None
