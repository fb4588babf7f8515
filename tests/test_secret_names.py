"""Which names a config looks up as secrets in Kamal 2, and in which files."""

from __future__ import annotations

import pytest

from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.secrets import adapter_of, files_for, is_name, secret_names, unknown_names
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Project

HEAD = "service: shop\nimage: acme/shop\n"
SERVERS = "servers: [192.0.2.1]\n"


def view_of(text: str, destination: str | None = None) -> View:
    """The last view of a config, or of a destination over it."""
    files = {"config/deploy.yml": HEAD + text}
    if destination is not None:
        files["config/deploy.staging.yml"] = destination
    project = Project("shop", files)
    return views(project, project.configs[0])[-1]


EVERYWHERE = """
servers:
  web:
    hosts: [192.0.2.1]
    env: {secret: [ROLE, SHARED]}
    proxy: {ssl: {certificate_pem: ROLE_CERT, private_key_pem: ROLE_KEY}}
  jobs: [192.0.2.2]
env:
  clear: {A: b}
  secret: [ROOT, SHARED]
  tags:
    eu: {secret: [TAGGED]}
    us: {PLAIN: x}
registry:
  username: [USER]
  password: [PASSWORD]
builder:
  arch: amd64
  secrets: [BUILD]
proxy: {ssl: {certificate_pem: CERT, private_key_pem: KEY}}
ssh:
  key_data: [SSH_KEY, "-----BEGIN OPENSSH PRIVATE KEY-----"]
accessories:
  db:
    image: postgres
    host: 192.0.2.3
    env: {secret: [DB]}
    registry: {username: acme, password: [DB_REGISTRY]}
    proxy: {ssl: {certificate_pem: DB_CERT, private_key_pem: DB_KEY}}
"""


def test_every_place_that_names_a_secret() -> None:
    names = secret_names(view_of(EVERYWHERE))
    assert list(names) == [
        *("ROOT", "SHARED", "ROLE", "TAGGED", "DB", "USER", "PASSWORD", "DB_REGISTRY", "BUILD"),
        *("CERT", "KEY", "ROLE_CERT", "ROLE_KEY", "DB_CERT", "DB_KEY", "SSH_KEY"),
    ]
    assert names["SHARED"] == (("env", "secret", 1), ("servers", "web", "env", "secret", 1))
    assert names["PASSWORD"] == (("registry", "password", 0),)


@pytest.mark.parametrize(
    ("version", "newer"),
    [
        (Version(2, 12), set()),
        (Version(2, 9), {"SSH_KEY"}),
        (Version(2, 6), {"SSH_KEY", "CERT", "KEY", "ROLE_CERT", "ROLE_KEY", "DB_CERT", "DB_KEY"}),
        (
            Version(2, 4),
            {"SSH_KEY", "CERT", "KEY", "ROLE_CERT", "ROLE_KEY", "DB_CERT", "DB_KEY", "DB_REGISTRY"},
        ),
    ],
)
def test_an_older_kamal_looks_up_less(version: Version, newer: set[str]) -> None:
    view = view_of(EVERYWHERE)
    assert set(secret_names(view)) - set(secret_names(view, version)) == newer


@pytest.mark.parametrize(("version", "name"), [(Version(2, 6), "DB_URL"), (Version(2, 5, 3), "URL:DB_URL")])
def test_an_alias_looks_up_the_other_name(version: Version, name: str) -> None:
    view = view_of(SERVERS + "env: {secret: ['URL:DB_URL']}\n")
    assert list(secret_names(view, version)) == [name]


def test_what_is_no_secret() -> None:
    text = (
        SERVERS + "env: {secret_word: x, A: b}\nregistry: {username: acme, password: plain}\nssh: {user: x}\n"
    )
    assert secret_names(view_of(text)) == {}


def test_a_destination_replaces_the_list_of_its_base() -> None:
    view = view_of(SERVERS + "env: {secret: [A, B]}\n", "env: {secret: [C]}\n")
    assert list(secret_names(view)) == ["C"]


@pytest.mark.parametrize(
    ("text", "paths", "names"),
    [
        ("env: {secret: [A, <%= name %>]}\n", (("env", "secret", 1),), ["A"]),
        ("env:\n  secret: <%= names %>\n", (("env", "secret"),), []),
        ("registry:\n  password:\n    - <%= name %>\n", (("registry", "password", 0),), []),
        ("env:\n  secret:\n    - A\n<%= more %>\n", (("env", "secret"),), ["A"]),
        ("env: {secret: [A]}\n", (), ["A"]),
    ],
)
def test_what_only_erb_knows(text: str, paths: tuple[object, ...], names: list[str]) -> None:
    view = view_of(SERVERS + text)
    assert unknown_names(view) == paths
    assert list(secret_names(view)) == names


def test_a_destination_reads_its_own_file_instead() -> None:
    assert files_for(view_of(SERVERS)) == (".kamal/secrets-common", ".kamal/secrets")
    assert files_for(view_of(SERVERS, "{}\n")) == (".kamal/secrets-common", ".kamal/secrets.staging")


def test_the_path_of_the_files_can_be_said() -> None:
    view = view_of(SERVERS + "secrets_path: ops/keys\n", "{}\n")
    assert files_for(view) == ("ops/keys-common", "ops/keys.staging")
    assert files_for(view, Version(2, 8, 2)) == (".kamal/secrets-common", ".kamal/secrets.staging")
    assert files_for(view_of(SERVERS + "secrets_path: <%= path %>\n")) is None


@pytest.mark.parametrize(
    ("name", "fits"),
    [("A", True), ("a.b_1", True), ("1A", True), ("A-B", False), ("A:B", False), ("", False), ("É", False)],
)
def test_what_a_name_may_be(name: str, fits: bool) -> None:
    assert is_name(name) == fits


@pytest.mark.parametrize(
    ("command", "vault", "adapter"),
    [
        ("op read op://v/i", "1Password", "1password"),
        ('$(op read "op://v/i" -n)', "1Password", "1password"),
        ("bw get password x", "Bitwarden", "bitwarden"),
        ("bws secret get x", "Bitwarden Secrets Manager", "bitwarden-sm"),
        ("lpass show -p x", "LastPass", "lastpass"),
        ("aws secretsmanager get-secret-value --secret-id x", "AWS Secrets Manager", "aws_secrets_manager"),
        ("aws --profile p secretsmanager get-secret-value", "AWS Secrets Manager", "aws_secrets_manager"),
        ("doppler secrets get X --plain", "Doppler", "doppler"),
        ("gcloud secrets versions access latest", "Google Secret Manager", "gcp"),
        ("bin/rails credentials:fetch a.b", "Rails credentials", ""),
        ("bundle exec rails runner 'puts Rails.application.credentials.x'", "Rails credentials", ""),
    ],
)
def test_vaults_are_recognised(command: str, vault: str, adapter: str) -> None:
    found = adapter_of(command)
    assert found
    assert found.vault == vault
    assert found.instead.partition("--adapter ")[2].split(" ")[0] == adapter


@pytest.mark.parametrize(
    "command", ["cat x", "open x", "aws ssm get-parameter", "rails runner 'puts 1'", "opx y"]
)
def test_other_commands_are_no_vault(command: str) -> None:
    assert adapter_of(command) is None
