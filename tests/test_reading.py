"""What is read beside the configs: files of secrets, hooks, what pins a version; and what git ignores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kamal_migrate.disk import read
from tests.commanding import CONFIG, FALSE, HEAD, command, commit, git, make_app
from tests.planned import carry_out

GUESTS = [
    ".env",
    ".env.erb",
    ".env.staging",
    ".envrc",
    ".kamal/secrets",
    ".kamal/secrets-common",
    ".kamal/secrets.staging",
    ".kamal/hooks/pre-deploy",
    ".mrsk/hooks/post-deploy.rb",
    "Gemfile",
    "Gemfile.lock",
    "bin/kamal",
    "bin/mrsk",
    "bin/deploy",
    "script/ship",
    "scripts/ship.sh",
    "lib/tasks/ship.rake",
    "Makefile",
    "Rakefile",
    "Procfile",
    "justfile",
    "package.json",
    ".gitignore",
    ".dockerignore",
    "Dockerfile",
    "apps/shop/.env",
    "apps/shop/.mrsk/hooks/pre-build",
]
STRANGERS = [
    "README.md",
    "bin/old/deploy",
    "lib/ship.rb",
    "scripts/ship.yml",
    "hooks/pre-deploy",
    ".kamal/hooks/old/pre-deploy",
    "node_modules/.env",
]


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has git ignore everywhere does not count here."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/config"))


def files(app: Path) -> dict[str, str]:
    return dict(read(app).project.files)


def test_guests_are_read_and_others_are_not(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {path: f"# {path}\n" for path in (*GUESTS, *STRANGERS)})
    assert files(app) == {CONFIG: FALSE, **{path: f"# {path}\n" for path in GUESTS}}


def test_keys_are_known_to_be_there_and_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        "config/master.key",
        "config/credentials.yml.enc",
        "config/credentials/production.key",
        "config/credentials/production.yml.enc",
    ]
    app = make_app(tmp_path, FALSE, dict.fromkeys(paths, "hunter2hunter2"))
    opened: list[str] = []
    real = os.open

    def noted(path: str | Path, *arguments: int) -> int:
        opened.append(str(path))
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", noted)
    assert files(app) == {CONFIG: FALSE, **dict.fromkeys(paths, "")}
    assert str(app / CONFIG) in opened
    assert not [path for path in opened if path.endswith((".key", ".enc"))]


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("hooks_path: ops/hooks", "ops/hooks"),
        ('hooks_path: "ops/my hooks/" # ours\r', "ops/my hooks"),
        ("hooks_path: 'ops/hooks'", "ops/hooks"),
        ("hooks_path: ./ops/../tmp/hooks", "tmp/hooks"),
        ("hooks_path: a/b/c/d/e/f/hooks", "a/b/c/d/e/f/hooks"),
    ],
)
def test_a_folder_of_hooks_that_a_config_names(line: str, folder: str, tmp_path: Path) -> None:
    app = make_app(tmp_path, f"{FALSE}{line}\n", {f"{folder}/pre-deploy": "#!/bin/sh\n"})
    (app / folder / "old").mkdir()
    assert files(app).keys() == {CONFIG, f"{folder}/pre-deploy"}


def test_a_folder_of_hooks_that_a_destination_or_another_app_names(tmp_path: Path) -> None:
    more = {
        "config/deploy.live.yml": "hooks_path: live\n",
        "live/pre-deploy": "",
        "apps/blog/config/deploy.yml": f"{FALSE}hooks_path: own\n",
        "apps/blog/own/pre-deploy": "",
        "own/pre-deploy": "",
    }
    assert files(make_app(tmp_path, FALSE, more)).keys() == {CONFIG, *more} - {"own/pre-deploy"}


@pytest.mark.parametrize("value", ["<%= dir %>", "../elsewhere", "/etc", "*hooks", "nowhere", CONFIG, ""])
def test_a_folder_of_hooks_that_nobody_knows_or_that_lies_elsewhere(value: str, tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", f"{HEAD}hooks_path: {value}\n", {"../elsewhere/pre-deploy": "x"})
    assert files(app).keys() == {CONFIG}


def test_what_cannot_be_read_is_no_guest(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {".kamal/secrets": "A=$A\n", ".env.big": b"#" * 1_048_577})
    os.mkfifo(app / ".env")
    (app / ".env.local").symlink_to("/dev/zero")
    (app / ".env.test").symlink_to("nothing")
    (app / "Gemfile").mkdir()
    assert files(app).keys() == {CONFIG, ".kamal/secrets"}


def test_what_is_not_utf_8_is_written_back_byte_for_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) + b"\xff\xed\xa0\x80"
    app = make_app(tmp_path, FALSE, {".env": data, ".mrsk/hooks/pre-build": data})
    text = read(app).project.files[".env"]
    carry_out(app, {".env": f"{text}\nA=1\n"}, {".kamal/hooks/pre-build": ".mrsk/hooks/pre-build"})
    assert (app / ".env").read_bytes() == data + b"\nA=1\n"
    assert (app / ".kamal/hooks/pre-build").read_bytes() == data


# What git ignores.

SECRETS = {".env", ".kamal/secrets", ".kamal/secrets-common"}


def ignoring(folder: Path, patterns: str, more: dict[str, str] | None = None) -> Path:
    return commit(make_app(folder, FALSE, {".gitignore": patterns, ".env.example": "", **(more or {})}))


def test_paths_that_git_ignores_be_there_a_file_or_not(tmp_path: Path) -> None:
    app = ignoring(tmp_path, ".env\n.kamal/secrets*\n")
    assert read(app).project.ignored == SECRETS
    (app / ".gitignore").write_text("/.env*\n!.env\n")
    assert read(app).project.ignored == frozenset()


def test_destinations_count_even_without_any_file_of_secrets(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {"config/deploy.live.yml": "labels: {a: b}\n", ".gitignore": "*\n"})
    git(app, "init", "-q")
    assert read(app).project.ignored == SECRETS | {".env.live", ".kamal/secrets.live"}
    (app / "config/deploy.live.yml").unlink()
    assert read(app).project.ignored == frozenset()


def test_each_app_has_its_own(tmp_path: Path) -> None:
    more = {"apps/blog/config/deploy.yml": FALSE, "apps/blog/.gitignore": "secrets\n", "apps/blog/.env": ""}
    app = ignoring(tmp_path, "/.env\n", more)
    assert read(app).project.ignored == {".env", "apps/blog/.kamal/secrets"}
    assert read(app / "apps/blog").project.ignored == {".kamal/secrets"}


def test_an_app_that_is_a_repository_by_itself(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {"apps/*/config/deploy.yml": FALSE, ".gitignore": ".env\n"})
    ignoring(app / "apps/*", ".kamal/*\n")
    assert read(app).project.ignored == {"apps/*/.kamal/secrets", "apps/*/.kamal/secrets-common"}


def test_a_tracked_file_is_not_ignored(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {".gitignore": "", ".env": "A=1\n"})
    commit(app)
    (app / ".gitignore").write_text(".env\n.kamal/secrets\n")
    assert read(app).project.ignored == {".kamal/secrets"}


def test_through_a_link_the_file_itself_counts(tmp_path: Path) -> None:
    app = ignoring(tmp_path / "shop", ".env\n.kamal\n/hidden\n", {"hidden/env": "A=1\n"})
    (app / ".env").symlink_to("shared")
    (app / "shared").write_text("A=1\n")
    (app / ".kamal").symlink_to(tmp_path)
    assert read(app).project.ignored == frozenset()
    (app / ".env").unlink()
    (app / ".env").symlink_to("hidden/env")
    assert read(app).project.ignored == {".env"}


def test_without_a_repository_and_without_git_nothing_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(tmp_path, FALSE, {".gitignore": "*\n", ".env": ""})
    assert read(app).project.ignored == frozenset()
    git(app, "init", "-q")
    assert read(app).project.ignored == SECRETS
    monkeypatch.setenv("PATH", "")
    assert read(app).project.ignored == frozenset()


def test_of_an_app_without_secrets_git_is_asked_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = commit(make_app(tmp_path, FALSE, {".gitignore": ".env\n"}))
    monkeypatch.setattr("kamal_migrate.git.subprocess", None)
    assert read(app).project.ignored == frozenset()
    assert command("-C", app, "--dry-run").out
