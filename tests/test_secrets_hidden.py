"""Secrets are planted everywhere, and all that is printed, written and remembered is searched for them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from kamal_migrate.disk import read
from kamal_migrate.transaction import NotRestored
from tests.commanding import CONFIG, command, commit, git, make_app, on_terminal, read_app

# A value that is like no other, for every file that it is planted in.
FILES_OF_SECRETS = [
    ".env",
    ".env.erb",
    ".env.staging",
    ".env.staging.erb",
    ".env.example",
    ".kamal/secrets",
    ".kamal/secrets-common",
    ".kamal/secrets.staging",
]
HOOKS = [".mrsk/hooks/pre-deploy", ".kamal/hooks/pre-traefik-reboot"]
VALUES = {
    path: f"zq{number}Planted{number}qz"
    for number, path in enumerate([*FILES_OF_SECRETS, *HOOKS, CONFIG, "config/deploy.staging.yml"])
}
NAMES = ["DATABASE_URL", "GREETING", "KAMAL_REGISTRY_PASSWORD", "PEM", "RAILS_MASTER_KEY"]


def env_file(value: str) -> str:
    """Values that are secret by their name, by their form, and by nothing but the file they are in."""
    return (
        f"# was {value} until May\nDATABASE_URL=postgres://app:{value}@db/shop\nGREETING={value}\n"
        f"export KAMAL_REGISTRY_PASSWORD='{value}' # {value}\nPEM=\"{value}\n{value}==\n{value}\"\n"
        f"UNUSED=$(echo {value})\nRAILS_MASTER_KEY={value}\n{value}\n"
    )


def template(value: str) -> str:
    """The same in ERB, with Ruby that nobody can turn into a line, and a shell command."""
    return (
        f"<%# {value} %>\n<% token = '{value}' %>\nDATABASE_URL=<%= '{value}'.reverse %>\nGREETING={value}\n"
        f"KAMAL_REGISTRY_PASSWORD=<%= token %>\nPEM=<%= ENV['PEM'] || '{value}' %>\n"
        f"RAILS_MASTER_KEY=<%= `op read op://shop/key`.strip %>\n"
    )


def hook(value: str) -> str:
    curl = f"curl https://app:{value}@example.com/$MRSK_VERSION"
    return f"#!/bin/sh\nexport API_TOKEN={value}\n{curl}\nkamal envify\n"


def config(value: str) -> str:
    return f"""\
service: shop
image: acme/shop
servers:
  web:
    hosts: [192.0.2.1]
    labels:
      traefik.http.middlewares.auth.basicauth.users: acme:{value}
registry:
  username: acme # password: {value}
  password: [KAMAL_REGISTRY_PASSWORD]
env:
  clear:
    SMTP_PASSWORD: {value}
    HOST: <%= ENV["GREETING"] %>
    REDIS_URL: redis://:{value}@redis:6379/0
  secret: {NAMES}
builder:
  multiarch: false
accessories:
  redis:
    image: redis:7
    host: 192.0.2.1
    cmd: redis-server --requirepass {value}
traefik:
  args:
    certificatesResolvers.le.acme.token: {value}
"""


def staging(value: str) -> str:
    return f"env:\n  clear:\n    DB_PASSWORD: {value}\n  secret: {NAMES}\nbuilder:\n  multiarch: false\n"


def texts() -> dict[str, str]:
    makers = {CONFIG: config, "config/deploy.staging.yml": staging, **dict.fromkeys(HOOKS, hook)}
    for path in FILES_OF_SECRETS:
        makers[path] = template if path.endswith(".erb") else env_file
    return {path: maker(VALUES[path]) for path, maker in makers.items()}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app with every value in its place; git ignores the files of secrets."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ignored = "".join(f"/{path}\n" for path in FILES_OF_SECRETS)
    return commit(make_app(tmp_path / "shop", texts()[CONFIG], {**texts(), ".gitignore": ignored}))


def found(text: str, *, verbatim: bool = False) -> list[str]:
    """Where the values come from that a text holds; one that is verbatim may hold those of other files."""
    origins = FILES_OF_SECRETS if verbatim else list(VALUES)
    return [path for path in origins if VALUES[path].lower() in text.lower()]


def without(app: Path, *paths: str) -> Path:
    for path in paths:
        (app / path).unlink()
    return app


# The app before Kamal 2, in between, and after; each takes another way through what is done to its secrets.
KINDS = {
    "only .env": [path for path in FILES_OF_SECRETS if path.startswith(".kamal") or path.endswith(".erb")],
    "templates": [path for path in FILES_OF_SECRETS if not path.endswith((".erb", ".example"))],
    "everything": [],
    "only secrets": [path for path in FILES_OF_SECRETS if path.startswith(".env")],
}
WAYS = [
    ("--dry-run",),
    ("--dry-run", "--color", "always"),
    ("--dry-run", "--format", "json"),
    ("--dry-run", "--safe-only"),
    ("--dry-run", "--preserve", "--keep-comments"),
    ("--dry-run", "--to", "1.9"),
    ("--dry-run", "--to", "2.0", "--from", "0.8"),
    ("--dry-run", "--secrets-from-env-file"),
    ("--dry-run", "--secrets-from-env-file", "--format", "json"),
    ("--diff", "--secrets-from-env-file"),
    ("--yes", "--allow-dirty"),
    ("--yes", "--allow-dirty", "--format", "json"),
    ("--yes", "--allow-dirty", "--secrets-from-env-file"),
]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_is_printed_or_remembered_holds_one(
    kind: str, way: tuple[str, ...], app: Path, tmp_path: Path
) -> None:
    result = command("-C", without(app, *KINDS[kind]), *way)
    assert result.code in (0, 2, 3), result.err
    assert not found(result.out + result.err)
    assert result.out or result.err
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or not found(path.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_holds_none_of_files_of_secrets(kind: str, app: Path) -> None:
    result = command("-C", without(app, *KINDS[kind]), "--diff")
    assert result.code in (0, 2, 3), result.err
    assert not found(result.out, verbatim=True)
    assert not found(result.err)


FORMS = {"check": ("text", "json", "sarif", "github"), "steps": ("text", "json")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORMS)
def test_other_commands_show_none(name: str, kind: str, app: Path) -> None:
    without(app, *KINDS[kind])
    for form in FORMS[name]:
        result = command(name, "-C", app, "--format", form)
        assert result.code in (0, 1, 2, 3), result.err
        assert not found(result.out + result.err)


@pytest.mark.parametrize("arguments", [(), ("--interactive",), ("--secrets-from-env-file",)])
def test_questions_show_none(arguments: tuple[str, ...], app: Path) -> None:
    result = on_terminal("y\n" * 40 + "\x04", "-C", app, "--arch", "amd64", *arguments)
    assert result.code in (0, 2, 3), result.err
    assert not found(result.out + result.err)


def files_with(app: Path) -> dict[str, set[str]]:
    """The files that hold each value, by where it comes from."""
    rows: dict[str, set[str]] = {}
    for path, data in read_app(app).items():
        for origin in found(data.decode("utf-8", "replace")):
            rows.setdefault(origin, set()).add(path)
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_gets_into_another_file(kind: str, app: Path) -> None:
    without(app, *KINDS[kind])
    before = files_with(app)
    assert command("-C", app, "--yes", "--allow-dirty").code in (0, 3)
    for origin, paths in files_with(app).items():
        strangers = {path for path in paths - before[origin] if not path.startswith(".kamal/hooks/")}
        assert not strangers, f"the value of {origin}"


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_asked_for_get_into_ignored_files_for_their_owner_alone(kind: str, app: Path) -> None:
    without(app, *KINDS[kind])
    before = files_with(app)
    result = command("-C", app, "--yes", "--allow-dirty", "--secrets-from-env-file")
    assert result.code in (0, 3), result.err
    after = files_with(app)
    copied = {
        path for origin in FILES_OF_SECRETS for path in after.get(origin, set()) - before.get(origin, set())
    }
    assert all(re.fullmatch(r"\.kamal/secrets[^/]*", path) for path in copied)
    assert all(stat.S_IMODE((app / path).stat().st_mode) == 0o600 for path in copied)
    assert sorted(copied) == sorted(git(app, "check-ignore", *copied).split()) if copied else True
    assert bool(copied) == (kind == "only .env")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (CONFIG, config(VALUES[CONFIG]) + "broken: [\n"),
        (CONFIG, config(VALUES[CONFIG]) + f"<% if {VALUES[CONFIG]}\n"),
        (CONFIG, f"a: &{VALUES[CONFIG]} *{VALUES[CONFIG]}\nservice: x\n"),
        ("config/deploy.staging.yml", f"- {VALUES['config/deploy.staging.yml']}\n"),
        (".env", f"A='{VALUES['.env']}\n"),
        (".env.erb", f"A=<%= {VALUES['.env.erb']}\n"),
        (".env.erb", f"<% if {VALUES['.env.erb']} %>A={VALUES['.env.erb']}"),
        (".kamal/secrets", f'A="{VALUES[".kamal/secrets"]}\n'),
        (".kamal/secrets", f"A={VALUES['.kamal/secrets']}"),
        (".kamal/secrets.staging", f"\x00{VALUES['.kamal/secrets.staging']}\x1b[31m"),
    ],
)
@pytest.mark.parametrize("way", [("--dry-run",), ("--diff",), ("--yes", "--allow-dirty")], ids=" ".join)
def test_errors_show_none(way: tuple[str, ...], path: str, text: str, app: Path) -> None:
    (app / path).write_text(text)
    result = command("-C", app, *way)
    assert result.code in (0, 2, 3), result.err
    assert not found(result.out, verbatim="--diff" in way)
    assert not found(result.err, verbatim=path not in FILES_OF_SECRETS)


def test_a_failure_shows_none(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        result = command("-C", app, "--yes", "--allow-dirty")
    assert result.code == 2
    assert not found(result.out + result.err)
    for error in (NotRestored({app / ".env": None}), ValueError(read(app)), ValueError(read(app).project)):
        assert not found(repr(error) + str(error))
