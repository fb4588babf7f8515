"""The rules of `check` about secrets and versions, where a table says more than a case of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kamal_migrate.checking import Problem, Wanted, check
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import Project
from kamal_migrate.rules import Severity
from tests.commanding import CONFIG, command, make_app

TOP = "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nbuilder: {arch: amd64}\n"
REGISTRY = "registry: {username: acme, password: [TOKEN]}\n"
SECRETS, COMMON = ".kamal/secrets", ".kamal/secrets-common"


def problems(
    rule: str, files: Mapping[str, str], version: Version = NEWEST, ignored: tuple[str, ...] = ()
) -> list[Problem]:
    project = Project("shop", files, ignored=frozenset(ignored))
    return list(check(project, Wanted(version, rules=(rule,))).problems)


def severities(found: list[Problem]) -> list[str]:
    return [problem.severity.value for problem in found]


@pytest.mark.parametrize(
    ("files", "ignored", "expected"),
    [
        ({SECRETS: ""}, (), ["error"]),
        ({SECRETS: "TOKEN=$TOKEN"}, (), []),
        ({SECRETS: "# TOKEN=$TOKEN"}, (), ["error"]),
        ({SECRETS: "TOKEN-A=1"}, (), ["error"]),
        ({SECRETS: ""}, (SECRETS,), ["error"]),
        ({SECRETS: ""}, (COMMON,), []),
        ({COMMON: "OTHER=1"}, (), ["error"]),
        ({COMMON: "OTHER=1"}, (SECRETS,), []),
        ({}, (), ["note"]),
        ({}, (SECRETS,), []),
        ({".env": "TOKEN=1"}, (), ["note"]),
    ],
)
def test_an_undefined_secret_is_an_error_only_where_all_files_are_here(
    files: dict[str, str], ignored: tuple[str, ...], expected: list[str]
) -> None:
    found = problems("undefined-secret", {CONFIG: TOP + REGISTRY, **files}, ignored=ignored)
    assert severities(found) == expected
    assert problems("undefined-secret", {CONFIG: TOP + REGISTRY, **files}, Version(1, 9, 3)) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("env: {secret: [A]}\n", "error"),
        ("builder: {arch: amd64, secrets: [A]}\n", "error"),
        ("proxy: {host: a.example.com, ssl: {certificate_pem: A, private_key_pem: TOKEN}}\n", "error"),
        ("ssh: {key_data: [A]}\n", "warning"),
        ("env: {tags: {blue: {secret: [A]}}}\n", "warning"),
        ("servers: [192.0.2.1: blue]\nenv: {tags: {blue: {secret: [A]}}}\n", "error"),
        ("servers: {web: {hosts: [192.0.2.1], env: {secret: [A]}}}\n", "error"),
        ("servers: {web: [192.0.2.1], jobs: {hosts: [], env: {secret: [A]}}}\n", "warning"),
        ("accessories: {db: {image: postgres, host: 192.0.2.1, env: {secret: [A]}}}\n", "warning"),
        ("env: {secret: [A]}\naccessories: {db: {image: x, host: y, env: {secret: [A]}}}\n", "error"),
        ("registry: {server: 'localhost:5555', password: [A]}\n", "note"),
    ],
)
def test_it_is_as_bad_as_what_stops_without_it(config: str, expected: str) -> None:
    started = {line.split(":")[0] for line in config.splitlines()}
    rows = [row for row in (TOP + REGISTRY).splitlines(keepends=True) if row.split(":")[0] not in started]
    found = problems("undefined-secret", {CONFIG: "".join(rows) + config, SECRETS: "TOKEN=$TOKEN\n"})
    assert severities(found) == [expected]


def test_a_destination_alone_is_no_deploy() -> None:
    files = {
        CONFIG: TOP + REGISTRY,
        "config/deploy.demo.yml": TOP + "registry: {username: acme, password: [DEMO]}\n",
        SECRETS: "TOKEN=$TOKEN",
        f"{SECRETS}.demo": "DEMO=$DEMO",
    }
    assert problems("undefined-secret", files) == []
    assert problems("unused-secret", files) == []


def test_a_base_with_destinations_of_their_own_files_is_hardly_loaded_alone() -> None:
    files = {CONFIG: TOP + REGISTRY, "config/deploy.demo.yml": "{}\n", f"{SECRETS}.demo": "TOKEN=$TOKEN"}
    assert problems("undefined-secret", files) == []
    (found,) = problems("undefined-secret", {**files, "config/deploy.live.yml": "{}\n"})
    assert found.severity is Severity.NOTE
    assert found.message.startswith(f"{SECRETS}.live is not here")


@pytest.mark.parametrize(
    ("line", "files", "expected"),
    [
        ("A=$A", {}, True),
        ("A=$B", {}, True),
        ("A=x\nTOKEN=$A", {}, False),
        ("A=x\nTOKEN=$(cat ${A})", {}, False),
        ("A=x\nTOKEN=$AB", {}, True),
        ("A=x", {".kamal/hooks/pre-deploy": "echo ${A:-none}"}, False),
        ("A=x", {".kamal/hooks/pre-deploy.sample": "echo $A"}, True),
        ("A=x", {COMMON: "OTHER=$A\nTOKEN=$OTHER"}, False),
    ],
)
def test_a_secret_is_used_by_configs_hooks_and_other_lines(
    line: str, files: dict[str, str], expected: bool
) -> None:
    found = problems("unused-secret", {CONFIG: TOP + REGISTRY, SECRETS: f"{line}\n", **files})
    assert [problem.location.path for problem in found] == [SECRETS] * expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sourdough", True),
        ("1234567", True),
        ("'${A}'", False),
        ("$A", False),
        ("60", False),
        ("true", False),
        ("'off'", False),
        ("''", False),
        ("/run/secrets/a", False),
        ("YOUR_PASSWORD", False),
        ("<%= ENV['A'] %>", False),
        ("a<%= ENV['A'] %>", False),
    ],
)
def test_what_is_a_literal_secret(value: str, expected: bool) -> None:
    config = f"{TOP}{REGISTRY}env:\n  clear:\n    DB_PASSWORD: {value}\n    GREETING: {value}\n"
    found = problems("literal-secret", {CONFIG: config})
    assert [problem.key for problem in found] == [("env", "clear", "DB_PASSWORD")] * expected


@pytest.mark.parametrize("path", [SECRETS, COMMON, f"{SECRETS}.demo"])
def test_values_in_files_that_git_ignores_are_where_they_belong(path: str) -> None:
    files = {CONFIG: TOP + REGISTRY, "config/deploy.demo.yml": "{}\n", path: "GREETING=hello\nTOKEN=sour\n"}
    (found,) = problems("literal-secret", files)
    assert (found.location.path, found.location.line) == (path, 2)
    assert problems("literal-secret", files, ignored=(path,)) == []


@pytest.mark.parametrize(
    ("minimum", "key", "version", "expected"),
    [
        ("2.1", "proxy: {hosts: [a.example.com]}\n", NEWEST, None),
        ("2.10", "proxy: {run: {debug: true}}\n", NEWEST, "2.10.0"),
        ('"2.10"', "proxy: {run: {debug: true}}\n", NEWEST, None),
        ("2", "stop_timeout: 5\n", NEWEST, "2.12.0"),
        ("2.0.0", "stop_timeout: 5\n", Version(2, 3), None),
        ("1.0.0", "", NEWEST, "2.0.0"),
        ("<%= version %>", "stop_timeout: 5\n", NEWEST, None),
        ("latest", "stop_timeout: 5\n", NEWEST, None),
    ],
)
def test_the_version_that_the_keys_need(
    minimum: str, key: str, version: Version, expected: str | None
) -> None:
    found = problems(
        "minimum-version", {CONFIG: f"{TOP}{REGISTRY}minimum_version: {minimum}\n{key}"}, version
    )
    ways = [f"write `minimum_version: {expected}`"] if expected else []
    assert [way for problem in found for way in problem.ways] == ways


VALUE, PLAIN = "zqPlanted-7qz", "zqPlanted7qz"
PLACES = {
    CONFIG: f"""{TOP}registry: {{username: acme, password: ["{VALUE}"]}}
env:
  clear: {{DB_PASSWORD: {VALUE}, URL: "redis://:{VALUE}@redis"}}
  secret: ["{VALUE}", "A:{VALUE}", "{PLAIN}"]
accessories:
  db: {{image: postgres, host: 192.0.2.1, cmd: "serve --password {VALUE}", env: {{secret: ["{VALUE}"]}}}}
""",
    "config/deploy.demo.yml": f"registry: {{username: acme, password: {VALUE}}}\n",
    SECRETS: f"TOKEN={VALUE}\n{VALUE}\n{VALUE.replace('-', '_')}=x\nURL=https://a:{VALUE}@example.com\n",
    f"{SECRETS}.demo": f"export DEMO_KEY='{VALUE}'\nA={VALUE}\n",
    ".env": f"CHAT_TOKEN={VALUE}\n{VALUE.replace('-', '_')}=1\n",
    ".kamal/hooks/pre-build": f'curl "https://$CHAT_TOKEN:{VALUE}@example.com" ${VALUE.replace("-", "_")}\n',
    ".github/workflows/deploy.yml": f"run: gem install kamal && kamal deploy # {VALUE}\n",
}


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize("version", ["1.9", "2.3", "2.12"])
def test_no_form_shows_a_secret_in_whatever_place(form: str, version: str, tmp_path: Path) -> None:
    rest = {path: text for path, text in PLACES.items() if path != CONFIG}
    done = command(
        "check", "--for", version, "--format", form, "-C", make_app(tmp_path, PLACES[CONFIG], rest)
    )
    assert done.code in (0, 1), done.err
    assert "literal-secret" in done.out
    assert not any(word in (done.out + done.err).lower() for word in ("zqplanted", "7qz"))
