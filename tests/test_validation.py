"""Validation says what real Kamals say: every row of ``data/config_cases.txt`` was found by running them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kamal_migrate.kamal.keys import table
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.validation import Fault, faults, first_error, unknown_keys
from kamal_migrate.kamal.validation.shapes import ACCESSORY, ROLE, ROOT, shapes
from kamal_migrate.kamal.versions import LAST_RELEASES, NEWEST, Version, parse
from kamal_migrate.project import Project

CASES = Path(__file__).parent / "data" / "config_cases.txt"
CONFIG = "config/deploy.yml"
HEAD = {
    "service": "service: shop\n",
    "image": "image: acme/shop\n",
    "servers": "servers: [192.0.2.1]\n",
    "registry": "registry: {username: acme, password: [REGISTRY_PASSWORD]}\n",
}
ARCH = {"builder": "builder: {arch: amd64}\n"}
LATER = Version(2, 99)


class Row(NamedTuple):
    """A config, and what the versions of a range print; nothing where they take it."""

    name: str
    body: str
    first: Version
    last: Version
    message: str


def rows() -> Iterator[Row]:
    """Every row of the table."""
    name, body = "", ""
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            name, body = line[3:], ""
        elif line.startswith("=> "):
            first, last, *message = line[3:].split(" ", 2)
            yield Row(name, body, version(first), version(last), message[0] if message else "")
        elif line and not line.startswith("# "):
            body += f"{line}\n"


def version(text: str) -> Version:
    found = parse(text)
    assert found
    return found


def config(body: str, for_version: Version) -> str:
    """The text of a config whose other keys are the usual ones."""
    is_2 = for_version.major == 2
    without = set(re.findall(r"^without (\S+)$", body, re.MULTILINE))
    body = re.sub(r"^without \S+\n", "", body, flags=re.MULTILINE)
    said = without | set(re.findall(r"^([\w-]+):", body, re.MULTILINE))
    usual = {**HEAD, **(ARCH if is_2 else {})}
    head = "".join(line for key, line in usual.items() if key not in said)
    return head + body.replace("{ARCH, ", "{arch: amd64, " if is_2 else "{")


def view(text: str, files: dict[str, str] | None = None) -> View:
    """The one view of a config."""
    project = Project("shop", {CONFIG: text, **(files or {})}, (CONFIG,))
    return views(project, project.configs[0])[0]


def found(body: str, for_version: Version = NEWEST, files: dict[str, str] | None = None) -> list[Fault]:
    """The faults of a config whose other keys are the usual ones."""
    return faults(view(config(body, for_version), files), for_version)


def messages(body: str, for_version: Version = NEWEST) -> list[str]:
    return [fault.message for fault in found(body, for_version)]


def released(row: Row) -> set[Version]:
    """The ends of a row's range, and the last releases of the minor versions in it."""
    return {row.first, row.last, *(release for release in LAST_RELEASES if row.first <= release <= row.last)}


@pytest.mark.parametrize("row", [*rows()], ids=lambda row: f"{row.name} {row.first}")
def test_the_first_error_is_that_of_the_real_kamal(row: Row) -> None:
    for release in sorted(released(row)):
        message = row.message.replace("VERSION", str(release)) or None
        assert first_error(found(row.body, release)) == message, str(release)


def test_the_table_is_whole() -> None:
    names = {row.name for row in rows()}
    assert len(names) > 180
    assert {row.last for row in rows()} >= {NEWEST}


def test_every_problem_is_one_fault_in_order() -> None:
    body = (
        "traefik: {a: 1}\nstop_wait_time: 5\nservers: {web: {hosts: [192.0.2.1], traefik: true, cmd: }}\n"
        "builder: {multiarch: false}\nhealthcheck: {path: /up}\n"
    )
    assert messages(body) == [
        "unknown key: traefik",
        "unknown key: stop_wait_time",
        "unknown key: healthcheck",
        "servers/web: unknown key: traefik",
        "servers/web/cmd: should be a string",
        "builder: unknown key: multiarch",
        "builder: Builder arch not set",
    ]
    assert first_error(found(body)) == "unknown keys: traefik, stop_wait_time, healthcheck"


def test_a_fault_names_its_key() -> None:
    body = "proxy: {ssl: true, healthcheck: {port: 3000}}\nenv: {secret: [A, {b: c}]}\n"
    assert [fault.path for fault in found(body)] == [
        ("env", "secret", 1),
        ("proxy", "healthcheck", "port"),
        ("proxy", "ssl"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "proxy: {app_port: <%= ENV['PORT'] %>, host: a.example.com, ssl: <%= ssl? %>}\n",
        "servers: <%= hosts %>\n",
        "servers: {web: <%= hosts %>, jobs: {hosts: <%= hosts %>, proxy: <%= proxied? %>}}\n",
        "builder: {arch: <%= arch %>, local: <%= local? %>}\n",
        "registry: {username: <%= user %>, password: <%= password %>}\n",
        "accessories: {db: {image: postgres, <%= kind %>: 192.0.2.2}}\n",
        "env: <%= variables %>\nservice: <%= name %>\n",
        "builder:\n  <%= arch %>\nproxy:\n  ssl: true\n  <%= hosts %>\n",
        "minimum_version: <%= newest %>\nretain_containers: <%= some %>\n",
    ],
)
def test_erb_is_never_a_fault(body: str) -> None:
    assert messages(body) == []


def test_what_depends_on_the_machine_is_no_fault() -> None:
    """A remote that builds for one architecture is not used on a machine that has it."""
    registry = 'registry: {server: "localhost:5000"}\n'
    for arch in ("amd64", "[amd64]"):
        assert messages(f'{registry}builder: {{arch: {arch}, remote: "tcp://192.0.2.9"}}\n') == []


def test_what_erb_hides_is_not_missing_but_what_is_there_counts() -> None:
    assert messages("builder:\n  <%= arch %>\n  multiarch: false\n") == ["builder: unknown key: multiarch"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (".kamal/hooks/pre-traefik-reboot", "", "Found pre-traefik-reboot"),
        ("ops/hooks/post-traefik-reboot", "hooks_path: ops/hooks\n", "Found post-traefik-reboot"),
        ("ops/hooks/post-traefik-reboot", "", None),
        (".kamal/hooks/pre-deploy", "", None),
    ],
)
def test_hooks_of_traefik_are_found(path: str, body: str, message: str | None) -> None:
    renamed = ", these should be renamed to (pre|post)-proxy-reboot"
    assert first_error(found(body, files={path: ""})) == (message and message + renamed)
    assert found(body, Version(1, 9, 3), {path: ""}) == []


def test_hooks_lie_in_the_folder_of_the_app() -> None:
    path = "backend/config/deploy.yml"
    files = {path: config("", NEWEST), "backend/.kamal/hooks/pre-traefik-reboot": ""}
    project = Project("shop", files, (path,))
    assert [fault.path for fault in faults(views(project, project.configs[0])[0], NEWEST)] == [
        ("hooks_path",)
    ]


def test_a_destination_is_checked_with_its_base() -> None:
    text = config("require_destination: true\nproxy: {host: a.example.com}\n", NEWEST)
    files = {CONFIG: text, "config/deploy.staging.yml": "proxy: {hosts: [b.example.com]}\nservers:\n"}
    project = Project("shop", files, (CONFIG,))
    [staging] = views(project, project.configs[0])
    assert [fault.message for fault in faults(staging, NEWEST)] == [
        "servers: should be an array or a hash",
        "proxy: Specify one of 'host' or 'hosts', not both",
        "No servers or accessories specified",
    ]


def test_keys_that_a_newer_kamal_may_know_are_no_faults() -> None:
    body = "horizon: 1\nproxy: {app_port: a, warp: 1}\n"
    assert messages(body, LATER) == ["proxy/app_port: should be an integer"]
    unknown = unknown_keys(view(config(body, LATER)), LATER)
    assert [fault.message for fault in unknown] == ["unknown key: horizon", "proxy: unknown key: warp"]
    assert unknown_keys(view(config(body, NEWEST)), NEWEST) == []


@pytest.mark.parametrize("release", [Version(1, 7), Version(1, 9, 3), Version(2), NEWEST], ids=str)
def test_the_key_table_gives_the_keys_of_every_section(release: Version) -> None:
    for section in (ROOT, ROLE, ACCESSORY, ("builder",), ("ssh",), ("registry",)):
        known = {key.path[-1] for key in table() if key.path[:-1] == section and key.known_to(release)} - {
            "*",
            "x-*",
        }
        assert known <= set(shapes(release, section)) <= known | {"run_directory"}
