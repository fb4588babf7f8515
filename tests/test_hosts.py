"""`kamal-migrate hosts`: who gets which image, from inventories, settings and options, as text and JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamal_migrate.inventories import parse_inventory, with_rows
from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.hosts import hosts
from kamal_migrate.kamal.inventory import Inventory, together
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import InputError, Project
from kamal_migrate.report.lines import WIDTH
from kamal_migrate.settings import FILE, SettingsError, parse_settings
from tests.commanding import FALSE, KAMAL_2, ONLY, command, make_app
from tests.support import FIXTURES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES = [
    (folder, name, arguments)
    for folder in sorted((FIXTURES / "hosts").iterdir())
    for name, arguments in tomllib.loads((folder / "runs.toml").read_text(encoding="utf-8")).items()
]


@pytest.mark.parametrize(
    ("folder", "name", "arguments"), CASES, ids=[f"{folder.name}/{name}" for folder, name, _ in CASES]
)
def test_golden(
    folder: Path,
    name: str,
    arguments: list[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder / "before")
    result = command("hosts", *arguments)
    assert (result.code, result.err) == (0, "")
    golden = folder / f"{name}.txt"
    if request.config.getoption("update"):
        golden.write_text(result.out, encoding="utf-8")
    assert result.out == golden.read_text(encoding="utf-8"), (
        "If this is right: pytest --update, and review it."
    )
    long = [line for line in result.out.splitlines() if len(line) > WIDTH]
    assert not long


def test_every_golden_file_is_of_a_run() -> None:
    known = {folder / f"{name}.txt" for folder, name, _ in CASES}
    assert known == set((FIXTURES / "hosts").glob("*/*.txt"))


REDIS = FIXTURES / "hosts" / "redis-on-amd64" / "before"


@pytest.mark.parametrize(
    ("version", "marked"),
    [
        ("2.1.0", False),
        ("2.1.1", True),
        ("2.3.0", True),
        ("2.5.3", True),
        ("2.6.0", False),
        ("2.12.0", False),
    ],
)
def test_an_accessory_on_another_architecture(version: str, marked: bool) -> None:
    """basecamp/kamal#1148."""
    found = as_json("-C", REDIS, "--inventory", REDIS / "inventory.yml", "--for", version)
    (deployed,) = found["deployed"]
    rows = {row["host"]: (row["pulls_app_image"], row["fits"]) for row in deployed["hosts"]}
    app = {f"10.0.0.{number}": (True, True) for number in (1, 2, 3)}
    assert rows == {**app, "10.0.0.4": (True, False) if marked else (False, None)}
    assert deployed["platforms"] == ["linux/arm64"]
    assert deployed["for"] == version


def as_json(*arguments: str | Path) -> dict[str, Any]:
    result = command("hosts", "--format", "json", *arguments)
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out)
    return found


def test_what_a_command_does_as_json() -> None:
    found = as_json("-C", REDIS, "--command", "deploy", "-r", "web")
    assert found["command"] == "kamal deploy -r web"
    (deployed,) = found["deployed"]
    steps = {step["does"]: (step["on"], step["left_out"]) for step in deployed["steps"]}
    assert steps["pull the app's image"] == (["10.0.0.1", "10.0.0.2"], ["10.0.0.3", "10.0.0.4"])
    assert steps["boot jobs"] == ([], ["10.0.0.3"])
    assert [row["pulls_app_image"] for row in deployed["hosts"]] == [False, True, True, False]


@pytest.mark.parametrize("run", ["build push", "accessory details"])
def test_a_command_that_does_nothing_on_any_host(run: str, tmp_path: Path) -> None:
    result = command("hosts", "-C", make_app(tmp_path, KAMAL_2), "--command", run)
    assert (result.code, result.err) == (0, "")
    assert f"  kamal {run}\n  this does nothing on any host\n" in result.out


def test_a_command_may_be_given_as_one_types_it() -> None:
    assert as_json("-C", REDIS, "--command", " kamal  setup") == as_json("-C", REDIS, "--command", "setup")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-r", "web"], "-r and -h choose for a command; add --command, such as --command deploy\n"),
        *(
            (
                ["--for", version],
                f"--for: there is no Kamal `{version}`; say a version from 0.16.1 to {NEWEST.short}, the"
                " newest that is known here\n",
            )
            for version in ("0.15", "new", "99.0")
        ),
        (["--command", "deploy", "-r", "x"], "config/deploy.yml: Kamal says: No --roles match for x\n"),
        (["--command", "deploy", "-h", "x,y"], "config/deploy.yml: Kamal says: No --hosts match for x,y\n"),
        (["--command", "traefik boot"], "--command: Kamal 2.3 has no command `traefik boot`\n"),
        (["--write-inventory", "x"], "--write-inventory keeps what --probe finds; add --probe\n"),
        (["--inventory", "no.yml"], "--inventory: no.yml: No such file or directory\n"),
        (["--timeout", "0"], "--timeout is a number of seconds above 0, at most 3600\n"),
        (["--timeout", "nan"], "--timeout is a number of seconds above 0, at most 3600\n"),
        (["--format", "xml"], "--format cannot be `xml`; it is one of text, json\n"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    assert command("hosts", "-C", REDIS, *arguments) == (2, "", message)


def test_help_says_what_is_run() -> None:
    text = " ".join(command("hosts", "--help").out.split())
    assert "a proxy_command and a config of ssh there are used, and shown before" in text
    assert "-h, --hosts HOSTS" in text


def test_hosts_and_settings_that_only_ruby_knows_are_not_asked(tmp_path: Path) -> None:
    text = 'service: a\nimage: b/a\nservers: ["<%= host %>", -oProxyCommand=id]\nssh: {user: me}\n'
    result = command("hosts", "-C", make_app(tmp_path / "a", text), "--probe", "--format", "json")
    silent = {row["host"]: row["why"] for row in json.loads(result.out)["silent"]}
    assert silent == {
        "<%= host %>": "its name is ERB, which is not evaluated",
        "-oProxyCommand=id": "its name is none that ssh could be given",
    }
    text = 'service: a\nimage: b/a\nservers: [192.0.2.1]\nssh: {user: "<%= me %>"}\n'
    shown = command("hosts", "-C", make_app(tmp_path / "b", text), "--probe")
    assert "192.0.2.1: ssh.user is ERB, which is not evaluated\n" in shown.out
    assert not shown.err


def test_secrets_are_masked(tmp_path: Path) -> None:
    text = "service: a\nimage: b/a\nservers: [192.0.2.1]\nssh: {proxy_command: 'nc --password hunter22 %h', "
    app = make_app(tmp_path, f"{text}user: '<%= u %>'}}\n")
    assert "hunter22" not in "".join(map(str, command("hosts", "-C", app, "--probe")))


def view_of(servers: str, more: str = "") -> View:
    text = f"service: a\nimage: b/a\nservers: {servers}\n{more}"
    project = Project("a", {"config/deploy.yml": text})
    return views(project, project.configs[0])[0]


AMD, ARM = Evidence("amd64", "i:1"), Evidence("arm64", "i:2")
APART = "accessories: {db: {image: x, host: z}}\n"


@pytest.mark.parametrize(
    ("servers", "rows", "version", "expected"),
    [
        ("[a, b]", {"a": AMD, "b": AMD}, NEWEST, Evidence("amd64", "i:1")),
        ("[a, b]", {"a": AMD, "b": ARM}, NEWEST, Evidence("both", "i:1-2")),
        ("[a, b]", {"a": AMD}, NEWEST, None),
        ("[a, b]", {}, NEWEST, None),
        ("[a, b]", {"?": ARM}, NEWEST, Evidence("arm64", "i:2")),
        ("{web: [a], jobs: [b]}", {"web": AMD, "jobs": ARM}, NEWEST, Evidence("both", "i:2,1")),
        ("[a]", {"a": AMD, "z": ARM}, NEWEST, Evidence("amd64", "i:1")),
        ("[a]", {"a": AMD, "z": ARM}, Version(2, 3), Evidence("both", "i:1-2")),
        ("[a]", {"a": AMD}, Version(2, 3), Evidence("amd64", "i:1")),
    ],
)
def test_what_the_hosts_of_an_app_run(
    servers: str, rows: dict[str, Evidence], version: Version, expected: Evidence | None
) -> None:
    found = Inventory(tuple(rows.items())).of_app(view_of(servers, APART), version)
    assert found == (expected and expected._replace(source=expected.source.replace("2,1", "1-2")))


def test_platform_options_count_last() -> None:
    view = view_of("{web: {hosts: [a, b], options: {platform: linux/arm64}}}")
    known = Inventory((("a", AMD),)).of_view(view)
    assert [evidence.value for _, evidence in known.rows] == ["amd64", "arm64"]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["a:1", "a:2", "a:3", "a:7", "b:1"], ["a:1-3,7", "b:1"]),
        (["uname -m on x", "uname -m on y"], ["uname -m"]),
        ([FILE, FILE], [FILE]),
        ([], []),
    ],
)
def test_sources_together(sources: list[str], expected: list[str]) -> None:
    assert together(sources) == expected


HOSTS_FILE = "# all of them\n192.0.2.1: arm64\n"


@pytest.mark.parametrize(
    ("text", "files", "said"),
    [
        (KAMAL_2, {}, f"Kamal {NEWEST.short} (the newest)"),
        (KAMAL_2, {FILE: 'to = "2.4"\n'}, f"Kamal 2.4 ({FILE})"),
        (KAMAL_2, {"Gemfile.lock": "GEM\n  specs:\n    kamal (2.3.0)\n"}, "Kamal 2.3 (Gemfile.lock)"),
        (FALSE, {}, "Kamal 1.9.3 (the newest for a config of Kamal 1)"),
        (FALSE, {FILE: 'to = "2.4"\n'}, "Kamal 1.9.3 (the newest for a config of Kamal 1)"),
        (FALSE + "minimum_version: 1.9.0\n", {}, "Kamal at least 1.9 (minimum_version in config/deploy.yml)"),
        (FALSE, {"Gemfile.lock": "GEM\n  specs:\n    mrsk (0.15.1)\n"}, "MRSK 0.15.1 (Gemfile.lock)"),
    ],
)
def test_it_is_about_the_kamal_in_use(tmp_path: Path, text: str, files: dict[str, str], said: str) -> None:
    result = command("hosts", "-C", make_app(tmp_path, text, files))
    first, _, _ = result.out.partition("\n  host ")
    assert " ".join(first.split()).startswith(f"config/deploy.yml · {said} · ")


def test_kamal_config_is_run_where_the_app_is(tmp_path: Path) -> None:
    over = {"shop app/config/deploy.live.yml": "labels: {a: b}\n", "shop app/config/deploy.yml": KAMAL_2}
    app = make_app(tmp_path, KAMAL_2, over)
    shown = command("hosts", "-C", app, "-c", "config/deploy.yml", "-c", "shop app/config/deploy.yml").out
    _, _, compare = shown.partition("Compare with\n")
    inside = "  cd 'shop app' && kamal config"
    assert compare.splitlines() == ["  kamal config", inside, f"{inside} -d live"]


def test_the_word_on_kamal_config_is_for_hosts_of_accessories_alone(tmp_path: Path) -> None:
    apart = "accessories: {db: {image: postgres, host: 192.0.2.2}}\n"
    assert "is normal" not in command("hosts", "-C", make_app(tmp_path / "one", KAMAL_2)).out
    assert "is normal" in command("hosts", "-C", make_app(tmp_path / "two", KAMAL_2 + apart)).out


def test_an_inventory_is_evidence_for_the_builder(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {"hosts.yml": HOSTS_FILE})
    assert "amd64: nothing says what the servers run" in command("-C", app, "--dry-run", *ONLY).out
    known = ("--inventory", app / "hosts.yml")
    shown = command("-C", app, "--dry-run", *ONLY, *known).out
    assert "+  arch: arm64 # never both\n" in shown
    assert f"arm64: {app / 'hosts.yml'}:2" in " ".join(shown.split())
    assert "amd64: --arch\n" in command("-C", app, "--dry-run", *ONLY, *known, "--arch", "amd64").out


def test_so_is_one_in_the_settings(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {FILE: '[inventory]\n"192.0.2.*" = "arm64"\n'})
    shown = command("-C", app, "--dry-run", *ONLY).out
    assert f"arm64: {FILE}\n" in shown


def test_a_row_for_the_host_counts_before_a_glob_and_that_before_a_role() -> None:
    rows = (("web", ARM), ("a*", AMD), ("a1", ARM))
    (host, other) = hosts(view_of("{web: [a1, b1]}"), NEWEST)
    assert Inventory(rows).architecture(host) is rows[2][1]
    assert Inventory(rows[:2]).architecture(host) is rows[1][1]
    assert Inventory(rows).architecture(other) is rows[0][1]
    assert Inventory(rows[1:]).architecture(other) is None


@pytest.mark.parametrize("value", ['"x86"', "true", '["amd64"]', '"both"'])
def test_settings_that_are_no_inventory(value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{FILE}: inventory is a table of hosts, globs or roles"):
        parse_settings(f"[inventory]\na = {value}\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: amd64 # \xff\n", "not UTF-8; save the file as UTF-8"),
        (b"#" * (1024 * 1024 + 1), "more than 1,048,576 bytes are no inventory"),
        (b"a: [\n", "2:1: "),
    ],
)
def test_inventories_that_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "i.yml"
    file.write_bytes(content)
    result = command("hosts", "-C", REDIS, "--inventory", file)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"{file}:")
    assert message in result.err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- 10.0.0.1\n", "i.yml:1:1: an inventory has a line for each host, such as `10.0.0.4: amd64`"),
        ("# a\n10.0.0.1: x86\n", "i.yml:2:1: a host runs amd64 or arm64"),
        ("a: [amd64]\n", "i.yml:1:1: a host runs amd64 or arm64"),
        (
            "10.*: amd64\n\nweb: arm64\n'10.*': aarch64\n",
            "i.yml:4:1: `10.*` is arm64 here and amd64 in line 1; leave one of both lines",
        ),
        (
            "{a: amd64, a: no}\n",
            "i.yml:1:12: `a` is something else here and amd64 in line 1; leave one of both lines",
        ),
    ],
)
def test_what_is_no_inventory(text: str, place: str) -> None:
    with pytest.raises(InputError) as error:
        parse_inventory(text, "i.yml")
    assert str(error.value) == place


def test_the_same_may_be_said_twice() -> None:
    rows = parse_inventory("a: amd64\nb: arm64\na: x86_64\n", "i.yml")
    assert {name: evidence.value for name, evidence in rows} == {"a": "amd64", "b": "arm64"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "b: amd64\n10.0.0.4: arm64\n"),
        ("# mine\nb: arm64 # old\n", "# mine\nb: amd64 # old\n10.0.0.4: arm64\n"),
        ("'10.0.0.4': amd64\n'b': 'amd64'\n", "'10.0.0.4': arm64\n'b': 'amd64'\n"),
        ("{b: arm64}\n", "{b: amd64, 10.0.0.4: arm64}\n"),
        ("b: x86_64\n10.*: amd64\n10.0.0.4: arm64\n", "b: amd64\n10.*: amd64\n10.0.0.4: arm64\n"),
        ("b: amd64\r\n", "b: amd64\r\n10.0.0.4: arm64\r\n"),
        ("b: amd64", "b: amd64\n10.0.0.4: arm64"),
    ],
)
def test_answers_come_into_an_inventory(before: str, after: str) -> None:
    assert with_rows(before, "i.yml", [("b", "amd64"), ("10.0.0.4", "arm64")]) == after


NAMES = st.from_regex(r"[a-z0-9][a-z0-9.:-]{0,12}[a-z0-9]", fullmatch=True)
ROWS = st.dictionaries(NAMES, st.sampled_from(["amd64", "arm64"]), max_size=6)


@given(ROWS, ROWS)
def test_what_is_kept_is_read_again(first: dict[str, str], second: dict[str, str]) -> None:
    text = with_rows(with_rows("# kept\n", "i.yml", first.items()), "i.yml", second.items())
    rows = {name: evidence.value for name, evidence in parse_inventory(text, "i.yml")}
    assert rows == {**first, **second}
    assert text.startswith("# kept\n")
    assert with_rows(text, "i.yml", second.items()) == text
