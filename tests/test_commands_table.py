"""Kamal's commands by version, and where scripts call them."""

from __future__ import annotations

import pytest

from kamal_migrate.kamal.commands import COMMANDS, command_fate, passes_over_unknown
from kamal_migrate.kamal.scripts import called, reads, script_lines
from kamal_migrate.kamal.versions import Version, parse

NONE: frozenset[str] = frozenset()


def gone(call: str, version: str) -> str:
    target = parse(version)
    assert target
    found = command_fate(tuple(call.split()), NONE, target)
    return found.instead if found else ""


@pytest.mark.parametrize(
    ("call", "last", "first"),
    [
        ("install", "0.5.1", "0.6.0"),
        ("app bash", "0.4.0", "0.5.0"),
        ("app current", "0.5.1", "0.6.0"),
        ("app current_version", "0.7.2", "0.8.0"),
        ("healthcheck perform", "1.5.2", "1.6.0"),
        ("envify", "1.9.3", "2.0.0"),
        ("env push", "1.9.3", "2.0.0"),
        ("env delete", "1.9.3", "2.0.0"),
        ("traefik reboot", "1.9.3", "2.0.0"),
        ("downgrade", "1.9.3", "2.0.0"),
        ("app remove_app_directory", "2.5.3", "2.6.0"),
    ],
)
def test_a_command_is_gone_after_its_last_version(call: str, last: str, first: str) -> None:
    assert not gone(call, last)
    assert gone(call, first)
    found = command_fate(tuple(call.split()), NONE, Version(2, 12))
    assert found
    assert found.since == parse(first)


@pytest.mark.parametrize(
    "call",
    ["deploy", "env", "app exec bin/rails c", "rollback abc", "app logs", "lock release", "server exec date",
     "accessory boot all", "app remove_app_directories", "proxy reboot", "upgrade", "config", "prune all"],
)  # fmt: skip
def test_what_is_there_is_not_gone(call: str) -> None:
    assert not gone(call, "2.12.0")


def test_the_replacement_is_that_of_the_very_command() -> None:
    assert gone("traefik reboot", "2.12.0") == "`kamal proxy reboot`"
    assert gone("traefik logs", "2.12.0") == "`kamal proxy logs`"
    assert gone("traefik", "2.12.0") == "`kamal proxy`"


def test_registry_login_was_missing_in_two_versions() -> None:
    missing = [v for v in ("2.7.0", "2.8.0", "2.8.1", "2.8.2", "2.12.0") if gone("registry login", v)]
    assert missing == ["2.8.0", "2.8.1"]


def test_boot_config_is_deprecated_and_works() -> None:
    assert command_fate(("proxy", "boot_config", "set"), NONE, Version(2, 9)) is None
    found = command_fate(("proxy", "boot_config", "set"), NONE, Version(2, 10))
    assert found
    assert found.deprecated


def test_flags_that_went() -> None:
    grep = frozenset({"--grep-options"})
    assert command_fate(("proxy", "logs"), grep, Version(2)) is not None
    assert command_fate(("app", "logs"), grep, Version(2)) is None
    assert command_fate(("deploy",), frozenset({"-B"}), Version(0, 12, 1)) is None
    assert command_fate(("deploy",), frozenset({"-B"}), Version(0, 13)) is not None


def test_which_versions_end_well_on_unknown_commands() -> None:
    versions = (Version(1, 9, 3), Version(2), Version(2, 3), Version(2, 4), Version(2, 5), Version(2, 12))
    assert [passes_over_unknown(version) for version in versions] == [False, True, True, True, False, False]


def test_every_row_has_a_way_out_and_an_order() -> None:
    for command in COMMANDS:
        assert command.instead
        assert command.since <= command.until, command.name


def words(text: str) -> list[tuple[int, str]]:
    return [(call.line, " ".join(call.words)) for call in called(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kamal envify", "envify"),
        ("bundle exec kamal -d staging env push", "env push"),
        ("dotenv kamal env push -d staging", "env push"),
        ("./bin/kamal traefik reboot --rolling", "traefik reboot"),
        ("$HOME/app/bin/kamal envify", "envify"),
        ("sudo kamal -c config/other.yml --destination=production envify -P", "envify"),
        ("docker run --rm -v $PWD:/workdir ghcr.io/basecamp/kamal:v1.8.3 envify", "envify"),
        ("docker run --network web ghcr.io/basecamp/kamal envify", "envify"),
        ("docker run ghcr.io/mrsked/mrsk:latest envify", "envify"),
        ('system("kamal", "env", "push")', "env push"),
        ('system("kamal", "env", "push", exception: true)', "env push"),
        ("x=$(kamal -d $(cat destination) env push)", "env push"),
        ("kamal -d ${{ inputs.destination }} env push", "env push"),
        ("gem install kamal && kamal envify", "envify"),
        ("echo starting; kamal envify", "envify"),
        ("if kamal healthcheck perform; then", "healthcheck perform"),
        ("- run: kamal envify # as ever", "envify"),
        ("mrsk envify", "envify"),
        ("- {run: kamal env push}", "env push"),
        ("- { name: Deploy, run: kamal env push, if: always() }", "env push"),
        ('- {"run": "kamal env push", "name": "Push"}', "env push"),
        ("{ kamal envify; } 2>&1", "envify"),
        ("\t@$(KAMAL) env push", "env push"),
        ("$KAMAL -d staging env push", "env push"),
        ('"${KAMAL}" env push', "env push"),
        ('  "push": "kamal env push && yarn ship",', "env push"),
    ],
)
def test_a_call_counts_however_it_is_made(text: str, expected: str) -> None:
    assert words(text) == [(1, expected)]


@pytest.mark.parametrize(
    "text",
    [
        "# kamal envify",
        ".PHONY: kamal envify",
        "$KAMAL_HOME envify",
        "true # kamal envify",
        "don't # kamal envify",
        "echo 'kamal envify'",
        "  - name: kamal envify",
        "  - {name: kamal envify, run: bin/push}",
        '  - {"name": "kamal envify", "run": "bin/push"}',
        "  - {run: bin/push, name: kamal envify}",
        '      - run: echo "kamal envify"',
        "gem install kamal",
        "bundle add kamal",
        "cd kamal",
        "docker network create kamal",
        "docker run --network kamal acme/shop",
        "docker logs kamal-proxy",
        "ls .kamal/hooks config/kamal.yml kamal.gemspec",
        "KAMAL=kamal.example.com",
        "https://github.com/basecamp/kamal/envify",
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert words(text) == []


def test_lines_that_go_on_are_one_and_know_their_numbers() -> None:
    assert words("true\ndocker run \\\n  ghcr.io/basecamp/kamal \\\n  env push\n") == [(3, "env push")]
    folded = "steps:\n  - run: >-\n      kamal\n      envify\n    env: {}\n  - run: kamal deploy\n"
    assert words(folded) == [(3, "envify"), (6, "deploy")]
    assert words("- >\n  kamal env\n  push\n- kamal details\r\n") == [(2, "env push"), (4, "details")]


@pytest.mark.parametrize(
    "text",
    ["echo $TOKEN", "echo ${TOKEN:-none}", 'ENV["TOKEN"]', "ENV.fetch('TOKEN')", 'os.environ["TOKEN"]',
     "process.env.TOKEN", 'os.getenv("TOKEN")'],
)  # fmt: skip
def test_reading_a_variable(text: str) -> None:
    (line,) = script_lines(text)
    assert reads(line, "TOKEN")
    assert not reads(line, "TOKE")


def test_what_reads_no_variable() -> None:
    for text in ("echo TOKEN", "echo $TOKENS", "# $TOKEN", 'ENV["MY_TOKEN"]'):
        assert not any(reads(line, "TOKEN") for line in script_lines(text))
