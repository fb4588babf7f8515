"""`check`: every problem with its place, and an exit code that tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kamal_migrate.checking import REFUSED, UNKNOWN, Wanted, check
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import Project
from tests.commanding import CONFIG, FALSE, KAMAL_2, command, make_app, read_app

LEGACY = KAMAL_2.replace("arch: amd64", "multiarch: false") + "traefik:\n  args:\n    accesslog: true\n"
ONLY_KAMAL = Wanted(NEWEST, rules=(REFUSED, UNKNOWN))
STAGING = {"config/deploy.staging.yml": "proxy:\n  app_port: many\n"}


def test_every_problem_has_its_place_and_they_are_counted(tmp_path: Path) -> None:
    done = command("check", "--select", "refused", "-C", make_app(tmp_path, LEGACY, STAGING))
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        "config/deploy.staging.yml:2:3  error[refused] proxy/app_port: should be an",
        "  integer (staging)",
        "config/deploy.yml:9:1  error[refused] builder: Builder arch not set",
        "config/deploy.yml:10:3  error[refused] builder: unknown key: multiarch",
        "config/deploy.yml:11:1  error[refused] unknown key: traefik",
        "4 errors for Kamal 2.12 in config/deploy.yml with staging; kamal-migrate",
        "  --dry-run shows what it would rewrite",
    ]


def test_views_are_named_where_others_are_right(tmp_path: Path) -> None:
    label = "{traefik.http.routers.shop.rule: Host(`a.example`)}"
    host = f"\nservers:\n  web:\n    hosts: [192.0.2.1]\n    labels: {label}\n"
    text = KAMAL_2.replace("\nservers:\n  - 192.0.2.1\n", host)
    assert host in text
    over = {"config/deploy.eu.yml": "servers: [192.0.2.7]\n", "config/deploy.us.yml": "env: {A: b}\n"}
    said = command("check", "--select", "dead-traefik-label", "-C", make_app(tmp_path, text, over)).out
    assert "labels for it do nothing (without a destination, us)\n" in said
    over["config/deploy.eu.yml"] = "env: {A: b}\n"
    said = command("check", "--select", "dead-traefik-label", "-C", make_app(tmp_path, text, over)).out
    assert "labels for it do nothing\n" in said


def test_a_hook_is_the_place_of_what_is_wrong_with_it(tmp_path: Path) -> None:
    hook = {".kamal/hooks/pre-traefik-reboot": "#!/bin/sh\n"}
    app = make_app(tmp_path, KAMAL_2, hook)
    said = command("check", "--select", "refused", "-C", app).out
    assert said.startswith(".kamal/hooks/pre-traefik-reboot:1:1  error[refused] Found pre-traefik-reboot")
    held = command("-C", app, "--dry-run", "--safe-only").out
    assert "held back by --safe-only" in held
    assert "Kamal 2.12 refuses it" not in held
    ignored = command("-C", app, "--dry-run", "--ignore", "hooks").out
    assert ".kamal/hooks/pre-traefik-reboot:1\n      Kamal 2.12 refuses it" in ignored


def test_nothing_to_say_is_one_calm_line(tmp_path: Path) -> None:
    secrets = {".kamal/secrets": "KAMAL_REGISTRY_PASSWORD=$KAMAL_REGISTRY_PASSWORD\n"}
    done = command("check", "-C", make_app(tmp_path, KAMAL_2, secrets))
    assert (done.code, done.out) == (0, "config/deploy.yml: nothing wrong for Kamal 2.12\n")


@pytest.mark.parametrize(
    ("wanted", "code", "said"),
    [
        ("1.6", 0, "nothing wrong for Kamal 1.6"),
        ("1.9", 0, "nothing wrong for Kamal 1.9.3"),
        ("2", 1, "unknown key: traefik"),
        ("0.16.1", 0, "nothing wrong for Kamal 0.16.1"),
    ],
)
def test_the_version_decides(tmp_path: Path, wanted: str, code: int, said: str) -> None:
    done = command("check", "--for", wanted, "--select", "refused", "-C", make_app(tmp_path, LEGACY))
    assert done.code == code
    assert said in done.out


def test_without_a_version_it_is_the_one_that_a_migration_would_pick(tmp_path: Path) -> None:
    lock = {"Gemfile.lock": "GEM\n  specs:\n    kamal (2.3.0)\n"}
    done = command("check", "-C", make_app(tmp_path, KAMAL_2 + "secrets_path: x\n", lock))
    assert "1 error" in done.out
    assert " for Kamal 2.3 in config/deploy.yml" in done.out


@pytest.mark.parametrize("wanted", ["0.15.1", "new", "", "99.0", "3", "1.99", "0.17"])
def test_a_version_that_cannot_be_checked_is_wrong_usage(tmp_path: Path, wanted: str) -> None:
    done = command("check", "--for", wanted, "-C", make_app(tmp_path, KAMAL_2))
    assert (done.code, done.out) == (2, "")
    assert f"no Kamal `{wanted}`; say a version from 0.16.1 to {NEWEST.short}, the newest" in done.err


def test_unusable_input_is_two(tmp_path: Path) -> None:
    assert command("check", "-C", tmp_path).code == 2
    done = command("check", "-C", make_app(tmp_path, KAMAL_2 + "\tproxy: 1\n"))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{CONFIG}:")


def test_json_has_the_same_in_it(tmp_path: Path) -> None:
    done = command(
        "check", "--format", "json", "--select", "refused", "-C", make_app(tmp_path, LEGACY, STAGING)
    )
    report = json.loads(done.out)
    assert (done.code, report["schema_version"], report["for"]) == (1, 2, "2.12.0")
    assert report["problems"][0] == {
        "rule": "refused",
        "severity": "error",
        "path": "config/deploy.staging.yml",
        "line": 2,
        "column": 3,
        "key": ["proxy", "app_port"],
        "message": "proxy/app_port: should be an integer",
        "views": ["staging"],
        "ways": [],
        "fixed_by": "",
    }
    assert len(report["problems"]) == 4


def test_nothing_is_written_and_no_erb_is_run(tmp_path: Path) -> None:
    app = make_app(tmp_path, KAMAL_2 + f"labels:\n  a: <%= File.write('{tmp_path}/ran', 'x') %>\n")
    before = read_app(app)
    assert command("check", "-C", app).code == 0
    assert read_app(app) == before


def test_secrets_are_masked(tmp_path: Path) -> None:
    text = KAMAL_2 + "hooks_output: password=hunter2hunter2\n"
    for form in ("text", "json", "sarif", "github"):
        done = command("check", "--format", form, "-C", make_app(tmp_path, text))
        assert done.code == 1
        assert "hunter2" not in done.out


def test_a_problem_of_several_destinations_is_one_that_names_them() -> None:
    over = {f"config/deploy.{name}.yml": "env: {A: b}\n" for name in ("demo", "live", "staging")}
    over["config/deploy.live.yml"] = "builder: {arch: arm64}\n"
    text = KAMAL_2.replace("builder:\n  arch: amd64\n", "require_destination: true\n")
    found = check(Project("shop", {CONFIG: text, **over}), ONLY_KAMAL)
    assert [(problem.message, problem.views) for problem in found.problems] == [
        ("builder: Builder arch not set", ("demo", "staging"))
    ]


def test_branches_of_erb_are_all_looked_at() -> None:
    text = KAMAL_2 + "<% if old %>\ntraefik:\n  args: {}\n<% else %>\nproxy: {app_port: a}\n<% end %>\n"
    found = check(Project("shop", {CONFIG: text}), ONLY_KAMAL)
    assert [problem.message for problem in found.problems] == [
        "unknown key: traefik",
        "proxy/app_port: should be an integer",
    ]


def test_a_newer_kamal_than_the_table_gives_notes(tmp_path: Path) -> None:
    found = check(
        Project("shop", {CONFIG: KAMAL_2 + "horizon: 1\n"}), ONLY_KAMAL._replace(version=Version(2, 99))
    )
    assert [(problem.rule, problem.key) for problem in found.problems] == [(UNKNOWN, ("horizon",))]
    done = command("check", "--for", "2.99", "-C", make_app(tmp_path, KAMAL_2 + "horizon: 1\n"))
    assert done.code == 0
    assert "config/deploy.yml:11:1  note[unknown-key] unknown key: horizon" in done.out


@pytest.mark.parametrize(
    ("text", "arguments", "hint"),
    [
        (LEGACY, [], "kamal-migrate --dry-run shows what it would rewrite"),
        (LEGACY, ["--for", "2.3"], "kamal-migrate --to 2.3 --dry-run shows what it would rewrite"),
        (FALSE, ["--for", "1.8"], "kamal-migrate --to 1.9 --dry-run shows what it would rewrite"),
        (KAMAL_2 + "frobnicate: true\n", [], ""),
        (KAMAL_2 + "proxy: {app_port: many}\n", [], ""),
        (KAMAL_2 + "secrets_path: x\n", ["--for", "2.8"], ""),
    ],
)
def test_a_migration_is_named_where_it_rewrites_something(
    tmp_path: Path, text: str, arguments: list[str], hint: str
) -> None:
    done = command("check", "-C", make_app(tmp_path, text), *arguments)
    _, _, closing = " ".join(done.out.split()).rpartition(f" in {CONFIG}")
    assert closing == (f"; {hint}" if hint else "")
