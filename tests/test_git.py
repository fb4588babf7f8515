"""What git is asked, and that asking runs nothing of the repository's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kamal_migrate.git import ignored, prefix, uncommitted
from kamal_migrate.memory import remember, wrote
from tests.commanding import ARM, CONFIG, FALSE, HEAD, ONLY, command, commit, git, make_app, on_terminal

REFUSED = f"{CONFIG}: not all of it is committed; nothing written. Commit it, or add --allow-dirty\n"
DIRTY = FALSE + "# mine\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A repository with everything committed."""
    return commit(make_app(tmp_path / "shop", FALSE, ARM))


def dirty(app: Path, path: str = CONFIG) -> bool:
    file = (app / path).resolve()
    return bool(uncommitted({file: file.read_bytes()}))


def test_committed_and_changed(app: Path) -> None:
    assert not dirty(app)
    (app / CONFIG).write_text(DIRTY)
    assert dirty(app)
    git(app, "add", "-A")
    assert dirty(app)
    git(app, "commit", "-qm", "mine")
    assert not dirty(app)


def test_untracked_without_a_commit_and_without_git_are_fine(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    assert not dirty(app)
    git(app, "init", "-q")
    assert not dirty(app)
    git(app, "add", "-A")
    assert not dirty(app)
    git(app, "commit", "-qm", "all")
    (app / "config/deploy.other.yml").write_text("a: 1\n")
    assert not dirty(app, "config/deploy.other.yml")


def test_no_git_at_all(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / CONFIG).write_text(DIRTY)
    monkeypatch.setenv("PATH", "")
    assert not dirty(app)


def test_what_no_git_can_tell_is_said(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    refused = command("-C", app, "--yes", *ONLY)
    assert refused.code == 2
    assert "there is no git to tell what is committed; nothing written. Install it, or" in refused.err
    asked = on_terminal("n\n", "-C", app, *ONLY, "--color", "never")
    assert "\nThere is no git to tell what is committed\n\n1 file" in asked.out
    assert "multiarch" in (app / CONFIG).read_text()
    assert command("-C", app, "--yes", "--allow-dirty", *ONLY).code == 0


def test_outside_of_a_repository_no_git_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert command("-C", make_app(tmp_path), "--yes", "--arch", "amd64", *ONLY).code == 0


def test_a_subfolder_of_a_repository(tmp_path: Path) -> None:
    app = make_app(tmp_path / "apps" / "shop")
    commit(tmp_path)
    assert not dirty(app)
    (app / CONFIG).write_text(DIRTY)
    assert dirty(app)


def test_names_that_git_could_misread(tmp_path: Path) -> None:
    names = ["-rf.yml", ":(top)x.yml", "a b.yml", "né.yml", 'q".yml', "tab\t.yml", "new\nline.yml", "*.yml"]
    for name in names:
        (tmp_path / name).write_text("a: 1\n")
    commit(tmp_path)
    files = {(tmp_path / name).resolve(): b"a: 1\n" for name in names}
    assert uncommitted(files) == set()
    assert uncommitted(dict.fromkeys(files, b"a: 2\n")) == set(files)


NAMES = ["-rf", ":(top)x", ":!x", "a b", "né", 'q"', "tab\t", "new\nline", "*", "caf\udce9"]


@pytest.mark.parametrize("name", NAMES)
def test_ignored_names_that_git_could_misread(name: str, tmp_path: Path) -> None:
    commit(make_app(tmp_path))
    (tmp_path / ".gitignore").write_text("secret\n")
    assert ignored(tmp_path, [f"{name}/secret", f"{name}/public", name]) == {f"{name}/secret"}
    assert ignored(tmp_path, [name]) == set()
    assert ignored(tmp_path, []) == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_path_of_a_folder_in_its_repository(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name / "shop"
    folder.mkdir(parents=True)
    assert prefix(folder) == ""
    git(tmp_path, "init", "-q")
    assert prefix(folder) == f"{name}/shop/"
    assert prefix(tmp_path) == ""
    (tmp_path / "link").symlink_to(folder)
    assert prefix(tmp_path / "link") == f"{name}/shop/"


def test_sha256_repositories(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    git(app, "init", "-q", "--object-format=sha256")
    git(app, "add", "-A")
    git(app, "commit", "-qm", "all")
    assert not dirty(app)
    (app / CONFIG).write_text(DIRTY)
    assert dirty(app)


def test_line_endings_that_git_turns(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE.replace("\n", "\r\n"))
    git(app, "init", "-q")
    git(app, "config", "core.autocrlf", "true")
    git(app, "add", "-A")
    git(app, "commit", "-qm", "all")
    assert "\r" not in git(app, "show", f"HEAD:{CONFIG}")
    assert not dirty(app)
    (app / CONFIG).write_bytes(DIRTY.replace("\n", "\r\n").encode())
    assert dirty(app)


def test_through_a_link_the_file_itself_counts(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE, {"shared/deploy.yml": FALSE})
    (app / CONFIG).unlink()
    (app / CONFIG).symlink_to("../shared/deploy.yml")
    commit(app)
    assert command("-C", app, "--yes", "--arch", "amd64", *ONLY).code == 0
    git(app, "checkout", "-q", ".")
    (app / "shared/deploy.yml").write_text(DIRTY)
    assert command("-C", app, "--yes").err == REFUSED
    assert (app / "shared/deploy.yml").read_text() == DIRTY


def test_a_linked_config_folder(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE, {**ARM, "config/deploy.staging.yml": "labels: {a: b}\n"})
    (app / "config").rename(app / "real")
    (app / "config").symlink_to("real")
    commit(app)
    assert "with staging" in command("-C", app, "--dry-run").out
    (app / "real/deploy.yml").write_text(DIRTY)
    assert command("-C", app, "--yes").err == REFUSED


def test_a_repository_of_another_owner(app: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    (app / CONFIG).write_text(DIRTY)
    for path in (app, *app.rglob("*")):
        os.lchown(path, 12345, 12345)
    assert dirty(app)


def test_with_yes_changes_are_refused(app: Path) -> None:
    (app / CONFIG).write_text(DIRTY)
    result = command("-C", app, "--yes")
    assert (result.code, result.err) == (2, REFUSED)
    assert (app / CONFIG).read_text() == DIRTY
    assert command("-C", app, "--dry-run", "--yes").code == 2
    assert command("-C", app, "--dry-run", *ONLY).code == 0
    assert command("-C", app, "--yes", "--allow-dirty", *ONLY).code == 0


def test_on_a_terminal_one_line_says_so(app: Path) -> None:
    (app / CONFIG).write_text(DIRTY)
    result = on_terminal("y\n", "-C", app, "--color", "never", *ONLY)
    assert result.code == 0
    assert f"\nUncommitted changes in {CONFIG}\n" in result.out
    assert "# mine" in (app / CONFIG).read_text()
    assert "multiarch" not in (app / CONFIG).read_text()


def test_what_this_tool_wrote_last_is_no_change_of_yours(tmp_path: Path) -> None:
    app = commit(make_app(tmp_path, HEAD + "builder: {multiarch: true}\n"))
    (app / CONFIG).write_text(HEAD + "builder: {multiarch: false}\n")
    mine = app.resolve() / CONFIG
    assert command("-C", app, "--yes").err == REFUSED
    remember({mine: mine.read_bytes()})
    assert command("-C", app, "--yes", "--arch", "amd64", *ONLY).code == 0
    assert dirty(app)
    (app / CONFIG).write_text(HEAD + "builder: {multiarch: false}\n")
    assert command("-C", app, "--yes").err == REFUSED


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', None])
def test_a_memory_that_is_broken_remembers_nothing(
    content: str | None, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = tmp_path / "state/kamal-migrate/written.json"
    file.parent.mkdir(parents=True)
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    assert command("-C", app, "--yes", *ONLY).code == 0
    assert wrote((app / CONFIG).resolve(), (app / CONFIG).read_bytes()) == (content is not None)


def test_a_relative_state_folder_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    remember({tmp_path / "a": b"a"})
    assert wrote(tmp_path / "a", b"a")
    assert not wrote(tmp_path / "a", b"b")
    assert not (tmp_path / "here").exists()
    assert (tmp_path / "home/.local/state/kamal-migrate/written.json").is_file()


def touching(app: Path) -> tuple[Path, str]:
    """A program of the repository's that leaves a mark, and the mark."""
    marker, program = app.parent / "marker", app / "evil"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    program.chmod(0o755)
    return marker, str(program)


def configured(key: str, before: str = "") -> Callable[[Path, str], None]:
    def configure(app: Path, program: str) -> None:
        git(app, "config", key, before + program)

    return configure


def hooked(app: Path, program: str) -> None:
    for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction"):
        shutil.copy(program, app / ".git/hooks" / name)


def filtered(app: Path, program: str) -> None:
    (app / ".gitattributes").write_text("*.yml filter=evil diff=evil\n")
    for key in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv"):
        git(app, "config", key, program)


def partial(app: Path, program: str) -> None:
    """A partial clone that lacks the tree of the last commit, and would have to fetch it."""
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": f"ext::{program}",
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": program,
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
        "core.sshCommand": program,
    }.items():
        git(app, "config", key, value)
    tree = git(app, "rev-parse", "HEAD:config").strip()
    (app / ".git/objects" / tree[:2] / tree[2:]).unlink()


TRAPS: dict[str, Callable[[Path, str], None]] = {
    **{
        key: configured(key)
        for key in (
            *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass"),
            *("pager.ls-tree", "pager.check-ignore", "pager.rev-parse"),
        )
    },
    **{
        f"alias {name}": configured(f"alias.{name}", "!") for name in ("ls-tree", "check-ignore", "rev-parse")
    },
    "hooks": hooked,
    "filters": filtered,
    "partial clone": partial,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_nothing_of_the_repository_is_executed(trap: str, app: Path) -> None:
    marker, program = touching(app)
    (app / ".env").write_text("A=1\n")
    TRAPS[trap](app, program)
    (app / CONFIG).write_text(DIRTY)
    command("-C", app, "--yes", "--arch", "amd64")
    ignored(app, [".env"])
    prefix(app / "config")
    assert not marker.exists()


def test_a_git_beside_the_config_is_not_the_git(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker, program = touching(app)
    Path(program).rename(app / "git")
    monkeypatch.chdir(app)
    monkeypatch.setenv("PATH", f".:{os.pathsep}" + os.environ["PATH"])
    command("--yes")
    assert not marker.exists()


def test_the_environment_of_git_does_not_mislead(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker, program = touching(app)
    (app / CONFIG).write_text(DIRTY)
    other = commit(make_app(app.parent / "other", DIRTY))
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_PAGER": program,
        "GIT_EXTERNAL_DIFF": program,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": program,
        "GIT_TRACE2": str(app.parent / "trace"),
    }.items():
        monkeypatch.setenv(name, value)
    assert command("-C", app, "--yes").err == REFUSED
    assert not marker.exists()
    assert not (app.parent / "trace").exists()
