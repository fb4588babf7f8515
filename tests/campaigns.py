"""Repositories of small apps for campaigns, made once and copied; and what is in them afterwards."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from kamal_migrate.batch.row import Row
from kamal_migrate.batch.state import State, opened
from tests.commanding import Result, command, git
from tests.repositories import user as user
from tests.support import APPS, FIXTURES, tree

BRANCH = "kamal-migrate/upgrade"
# What becomes of them: migrated, left for hands in part, nothing to do, migrated twice in one repository.
SHOP, LEDGER, EXPLICIT, HARVEST, VELLUM = "shop", "ledger", "explicit", "harvest", "vellum"
WHEN = "2024-05-06T07:08:09Z"


MADE = Path()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the repositories are that others are copied from."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def place(user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> Path:
    """A folder of sources, with everything that is kept beside it, and commits that are always the same."""
    del user
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_DATE", WHEN)
    monkeypatch.setattr("tests.campaigns.MADE", made)
    folder = tmp_path / "sources"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def before(app: str) -> Path:
    """The files of a fixture as they were."""
    return FIXTURES / APPS / app / "before"


def after(app: str) -> dict[str, bytes]:
    """The files of a fixture as they are to be."""
    folder = FIXTURES / APPS / app / "after"
    return tree(folder if folder.is_dir() else before(app))


def working(folder: Path, app: str = SHOP, files: Mapping[str, bytes] | None = None) -> Path:
    """A repository with a working tree: that of an app, with some files of its own."""
    made = MADE / f"{app}-working"
    if not made.exists():
        shutil.copytree(before(app), made)
        git(made, "init", "-q", "-b", "main")
        git(made, "add", "-A", "-f")
        git(made, "commit", "-q", "-m", "all")
    shutil.copytree(made, folder)
    if files:
        add(folder, files)
    return folder


def bare(folder: Path, app: str = SHOP, files: Mapping[str, bytes] | None = None) -> Path:
    """The same without a working tree."""
    if files:
        work = working(folder.with_name(f".{folder.name}"), app, files)
        git(work.parent, "clone", "-q", "--bare", work, folder)
        shutil.rmtree(work)
        return folder
    made = MADE / f"{app}-bare"
    if not made.exists():
        git(MADE, "clone", "-q", "--bare", working(MADE / f"{app}-once", app), made)
        git(made, "remote", "remove", "origin")
    shutil.copytree(made, folder)
    return folder


def add(folder: Path, files: Mapping[str, bytes], message: str = "more") -> str:
    """Commit files in a working tree; the commit."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


def commit_to(repository: Path, branch: str, files: Mapping[str, bytes], message: str = "by hand") -> str:
    """A person's commit on a branch of a bare repository; the commit."""
    work = repository.with_name(f".{repository.name}-clone")
    git(repository.parent, "clone", "-q", "-b", branch, repository, work)
    made = add(work, files, message)
    git(work, "push", "-q", "origin", branch)
    shutil.rmtree(work)
    return made


def refs(repository: Path) -> dict[str, str]:
    """The branches of a repository, and the commits that they are at."""
    rows = git(repository, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    return dict(row.split(" ") for row in rows.splitlines())


def files_of(repository: Path, branch: str) -> dict[str, bytes]:
    """The files of a branch."""
    names = git(repository, "ls-tree", "-r", "-z", "--full-tree", "--name-only", branch).split("\0")
    return {
        name: subprocess.check_output(["git", "-C", repository, "show", f"{branch}:{name}"])
        for name in names
        if name
    }


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with its mode."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes()) for path in files}


def batch(*arguments: str | Path) -> Result:
    """Run a command of a batch without a terminal."""
    return command("batch", *arguments)


def rows(campaign: str = "upgrade") -> dict[str, Row]:
    """The repositories of a campaign by the last part of their source."""
    with opened(campaign) as state:
        return {row.source.rstrip("/").rsplit("/", 1)[-1]: row for row in state.rows()}


@contextmanager
def state(campaign: str = "upgrade") -> Iterator[State]:
    """The state of a campaign."""
    with opened(campaign) as found:
        yield found
