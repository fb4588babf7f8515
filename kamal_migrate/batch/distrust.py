"""What a repository's own configuration may not choose: programs that git runs, and files that it writes.

Hooks, filters and the file system monitor are off for every call, see `calling`. Other programs are the
user's own choice, which git shall run: an ssh command, a helper for credentials, what signs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from kamal_migrate.batch.calling import GitError
from kamal_migrate.batch.repository import Repository, local, shared

SIGNING = r"gpg\.(.*\.)?(program|defaultkeycommand)"
# What git would run to talk to a remote, by git-config(1); and the file that it would keep cookies in.
TALKING = (
    r"core\.(sshcommand|gitproxy|askpass|alternaterefscommand)|credential\.(.*\.)?helper"
    r"|remote\..*\.(uploadpack|receivepack)|http\.(.*\.)?savecookies"
)


class Setting(NamedTuple):
    """A setting of git: whose it is (`local` and `worktree` are the repository's), its name and value.

    The value is `None` for a name that stands alone, which git takes for true.
    """

    scope: str
    key: str
    value: str | None


def settings(repository: Repository, names: str) -> list[Setting]:
    """The settings whose whole names a pattern matches; of several for one name the last one counts.

    Raises `GitError`.
    """
    answer = repository.call("config", "-z", "--show-scope", "--get-regexp", f"^({names})$")
    if answer.code > 1:  # 1 tells that there is none.
        raise GitError(f"{repository.name}: {answer.reason}")
    words = answer.out.decode("utf-8", "surrogateescape").split("\0")
    return [_setting(scope, row) for scope, row in zip(words[:-1:2], words[1::2], strict=True)]


def _setting(scope: str, row: str) -> Setting:
    key, equals, value = row.partition("\n")
    return Setting(scope, key, value if equals else None)


def check(repository: Repository, found: Iterable[Setting]) -> None:
    """Raises `GitError` for a setting that is the repository's own."""
    for scope, key, _ in found:
        if scope in ("local", "worktree"):
            raise GitError(
                f"{repository.name}: {key} is set in the repository's own configuration, which is not"
                " trusted with that; take it out there, and set it in yours with git config --global"
            )


def check_outside(repository: Repository, url: str) -> None:
    """Raises `GitError` for a remote in the repository itself: git runs the hooks of where it pushes to.

    Neither links of the repository help, nor the names that a process has for its own folders.
    """
    place = local(url, repository.folder)
    if place is None:
        return
    own = [repository.folder, repository.git_dir, shared(repository.git_dir)]
    inside = [form(folder) for folder in own for form in (os.path.normpath, os.path.realpath)]
    for form in (os.path.normpath, os.path.realpath):
        if any(Path(form(place)).is_relative_to(folder) for folder in (*inside, "/proc", "/dev")):
            raise GitError(
                f"{repository.name}: its remote {url} is in the repository itself, whose hooks are not"
                " trusted; name another with git remote set-url --push"
            )
