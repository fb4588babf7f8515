"""The runbook: what it says for which app, in text, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kamal_migrate.cli import app as command
from kamal_migrate.kamal.evidence import Pin
from kamal_migrate.kamal.steps import Runbook, Step, Task, runbooks
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import Project
from kamal_migrate.report.steps import as_json, markdown, short, text

CONFIG = """service: shop
image: acme/shop
servers: [192.0.2.1]
registry: {username: acme, password: [REGISTRY_TOKEN]}
builder: {arch: amd64}
proxy: {app_port: 3000}
"""
OLD = """service: shop
image: acme/shop
servers: [192.0.2.1]
registry: {username: acme, password: [REGISTRY_TOKEN]}
"""
LOCK = "GEM\n  specs:\n    kamal ({})\n"
V1, V2 = Version(1, 8, 3), Version(2, 4)


def book(
    files: Mapping[str, str] | None = None,
    config: str = CONFIG,
    *,
    to: Version = NEWEST,
    source: Version | None = V1,
    before: str | None = None,
) -> Runbook:
    project = Project("shop", {"config/deploy.yml": config, **(files or {})})
    original = project.with_files({"config/deploy.yml": before}) if before else None
    return runbooks(project, to, source, original)[0]


def ids(runbook: Runbook) -> list[str]:
    return [step.id for step in runbook.steps]


def step(runbook: Runbook, id: str, destination: str | None = None) -> Step:
    found = [one for one in runbook.steps if one.id == id and destination in (None, one.destination)]
    assert len(found) == 1, ids(runbook)
    return found[0]


def test_from_1_to_2_in_order() -> None:
    assert ids(book()) == [
        *("deploy-1.9", "version", "config", "environment", "build", "upgrade", "deploy", "builders", "back")
    ]


def test_each_destination_by_itself_and_production_last() -> None:
    files = {f"config/deploy.{name}.yml": "servers: [192.0.2.7]\n" for name in ("production", "staging")}
    config = CONFIG.replace("servers: [192.0.2.1]\n", "")
    found = book(files, config)
    rows = [(one.destination, one.commands) for one in found.steps if one.id in ("config", "upgrade")]
    assert rows == [
        ("staging", ("kamal config -d staging",)),
        ("staging", ("kamal upgrade -d staging",)),
        ("production", ("kamal config -d production",)),
        ("production", ("kamal upgrade -d production",)),
    ]


def test_another_config_is_named_in_every_command() -> None:
    project = Project("shop", {"config/other.yml": CONFIG})
    (found,) = runbooks(project, NEWEST, V1)
    assert step(found, "upgrade").commands == ("kamal upgrade -c config/other.yml",)
    assert step(found, "back").commands == ("kamal _1.9.2_ downgrade -c config/other.yml",)


@pytest.mark.parametrize(
    ("servers", "command", "warning"),
    [
        ("[192.0.2.1]", "kamal upgrade", "--rolling does not help"),
        ("[192.0.2.1, 192.0.2.2]", "kamal upgrade --rolling", "one after the other"),
        ("{web: [192.0.2.1], jobs: {hosts: [192.0.2.2]}}", "kamal upgrade --rolling", "one after the other"),
        ('["<%= host %>"]', "kamal upgrade", "with several hosts add --rolling"),
    ],
)
def test_what_goes_down(servers: str, command: str, warning: str) -> None:
    found = step(book(config=CONFIG.replace("[192.0.2.1]", servers)), "upgrade")
    assert found.commands == (command,)
    assert warning in found.warnings[0]


def test_accessories_restart_and_are_named() -> None:
    config = CONFIG + 'accessories:\n  db: {image: "postgres:16", host: 192.0.2.1}\n'
    found = book(config=config)
    assert any("db (postgres:16)" in warning for warning in step(found, "upgrade").warnings)
    assert "db" in step(found, "upgrade").brief
    assert not any("passes over" in warning for warning in step(found, "back").warnings)


def test_accessories_on_hosts_of_their_own_are_not_taken_back() -> None:
    config = CONFIG + 'accessories:\n  db: {image: "postgres:16", host: 192.0.2.9}\n'
    (warning,) = [one for one in step(book(config=config), "back").warnings if "passes over" in one]
    assert "192.0.2.9" in warning
    assert "kamal accessory reboot db" in warning


def test_who_else_is_on_the_host() -> None:
    files = {"config/deploy.staging.yml": "image: acme/other\n"}
    found = book(files)
    assert any(one.startswith("staging is on 192.0.2.1") for one in step(found, "upgrade", "").warnings)
    other = {"config/deploy.staging.yml": "servers: [192.0.2.2]\n"}
    assert not any(" too" in one for one in step(book(other), "upgrade", "").warnings)


def test_certificates_before_the_servers_change() -> None:
    tls = "proxy: {app_port: 3000, ssl: true, hosts: [shop.example.com]}\n"
    found = book(config=CONFIG.replace("proxy: {app_port: 3000}\n", tls))
    assert step(found, "certificates").commands == ("dig +short shop.example.com",)
    assert ids(found).index("certificates") < ids(found).index("upgrade")
    own = tls.replace("true", "{certificate_pem: PEM, private_key_pem: KEY}")
    assert "certificates" not in ids(book(config=CONFIG.replace("proxy: {app_port: 3000}\n", own)))


def test_which_names_must_be_in_the_environment() -> None:
    assert "REGISTRY_TOKEN" in step(book(), "environment").notes[0]
    said = {".kamal/secrets": "REGISTRY_TOKEN=$(op read vault)\nA=x\nB=$A-$OTHER\nC='$QUOTED'\n"}
    (note,) = step(book(said), "environment").notes
    assert note.endswith(": OTHER")
    assert "environment" not in ids(book({".kamal/secrets": "REGISTRY_TOKEN=$(op read vault)\n"}))


def test_how_to_see_them() -> None:
    assert step(book(), "environment").commands == ("kamal secrets print",)
    assert step(book({".env": "A=1\n"}), "environment").commands == ("dotenv kamal secrets print",)
    assert "begin each command below with `dotenv`" in step(book({".env": "A=1\n"}), "environment").notes[-1]
    assert step(book(to=Version(2)), "environment").commands == ()


def test_a_destination_is_shown_with_the_files_that_kamal_1_loaded_for_it() -> None:
    files = {
        **{f"config/deploy.{name}.yml": "servers: [192.0.2.7]\n" for name in ("live", "staging", "trial")},
        **dict.fromkeys((".env", ".env.staging", ".env.live.erb"), "REGISTRY_TOKEN=x\n"),
    }
    found = book(files, CONFIG.replace("servers: [192.0.2.1]\n", ""))
    said = [step(found, "environment", name).commands[0] for name in ("live", "staging", "trial")]
    assert said == [
        "dotenv -f .env.live,.env kamal secrets print -d live",
        "dotenv -f .env.staging,.env kamal secrets print -d staging",
        "dotenv kamal secrets print -d trial",
    ]
    assert step(found, "environment", "staging").notes[-1].endswith("with `dotenv -f .env.staging,.env`")


def test_workflows_that_deploy_are_paused() -> None:
    path = ".github/workflows/ship.yml"
    found = book({path: "- run: bin/kamal deploy\n", ".github/workflows/test.yml": "- run: kamal config\n"})
    assert step(found, "pause").commands == ("gh workflow disable ship.yml",)
    assert step(found, "resume").commands == ("gh workflow enable ship.yml",)
    assert ids(found).index("pause") < ids(found).index("upgrade") < ids(found).index("resume")
    script = book({path: "- run: bin/ship staging\n", "bin/ship": "kamal deploy -d $1\n"})
    assert step(script, "pause").commands == ("gh workflow disable ship.yml",)
    gitlab = book({".gitlab-ci.yml": "- kamal deploy\n"})
    assert step(gitlab, "pause").commands == ()
    assert ".gitlab-ci.yml" in step(gitlab, "pause").why
    assert "pause" not in ids(book({path: "# kamal deploy\n"}))


def test_the_version_moves_where_it_is_pinned() -> None:
    workflow = ".github/workflows/ship.yml"
    files = {"Gemfile": 'gem "kamal", "~> 1.8"\n', "Gemfile.lock": LOCK.format("1.8.3")}
    found = step(book({**files, workflow: "- run: gem install kamal -v 1.8.3\n"}), "version")
    assert found.commands == ("bundle update kamal --conservative",)
    assert found.notes == (
        'Gemfile:1: write `gem "kamal", "~> 2.12", require: false`',
        f"{workflow}:1: write `gem install kamal -v 2.12.0`",
    )
    assert step(book(), "version").commands == ("gem install kamal -v 2.12.0",)


@pytest.mark.parametrize(
    ("source", "version", "installs"),
    [
        (V1, "1.9.2", True),
        (Version(1, 9, 3), "1.9.3", False),
        (None, "1.9.2", True),
        (Version(0, 15, 1), "1.9.2", True),
    ],
)
def test_the_kamal_that_can_go_back(source: Version | None, version: str, installs: bool) -> None:
    found = step(book(source=source), "deploy-1.9")
    assert version in found.title
    assert (f"gem install kamal -v {version}" in found.commands) is installs
    assert f"kamal _{version}_ deploy" in found.commands


def test_mrsk_leaves_its_gem_once() -> None:
    files = {"Gemfile": 'gem "mrsk"\n', "Gemfile.lock": "GEM\n  specs:\n    mrsk (0.15.1)\n"}
    found = book(files, source=None)
    assert step(found, "deploy-1.9").commands[0] == "bundle remove mrsk"
    assert step(found, "deploy-1.9").notes == ()
    assert step(found, "version").commands == ("bundle update kamal --conservative",)
    assert any("--to 1.9" in warning for warning in step(found, "deploy-1.9").warnings)


def test_a_script_that_runs_the_image_says_the_version() -> None:
    script = '#!/bin/sh\nexec docker run -it ghcr.io/basecamp/kamal:v1.8.3 "$@"\n'
    found = book({"bin/kamal": script}, source=None)
    assert found.source == Pin(V1, "bin/kamal")
    bridge, version = step(found, "deploy-1.9"), step(found, "version")
    assert bridge.notes == ("bin/kamal:2: write `ghcr.io/basecamp/kamal:v1.9.2`",)
    assert bridge.commands == ("bin/kamal env push", "bin/kamal deploy")
    assert version.notes == ("bin/kamal:2: write `ghcr.io/basecamp/kamal:v2.12.0`",)
    assert (version.commands, version.brief) == ((), "Move to Kamal 2.12")
    assert step(found, "back").commands == ("bin/kamal downgrade",)


def test_mrsk_goes_to_1_9_first() -> None:
    files = {"Gemfile": 'gem "mrsk"\n', "bin/kamal": "#!/usr/bin/env ruby\n"}
    old = {"config/deploy.yml": OLD, "Gemfile": 'gem "mrsk"\n', "bin/mrsk": "#!/usr/bin/env ruby\n"}
    project = Project("shop", {**files, "config/deploy.yml": CONFIG})
    (found,) = runbooks(project, NEWEST, Version(0, 15, 1), Project("shop", old))
    bridge = step(found, "deploy-1.9").commands
    assert bridge[0] == "kamal-migrate --to 1.9"
    assert bridge[-2:] == ("bundle exec kamal env push", "bundle exec kamal deploy")
    assert step(found, "upgrade").commands == ("bin/kamal upgrade",)


def test_a_migration_to_come_is_a_step_and_one_that_was_is_a_warning() -> None:
    pending = book(before=OLD)
    assert ids(pending)[:2] == ["deploy-1.9", "migrate"]
    assert not any("before the migration" in one for one in step(pending, "deploy-1.9").warnings)
    done = book()
    files = {"config/deploy.yml": OLD, "Gemfile.lock": LOCK.format("1.8.3")}
    project = Project("shop", files)
    (just,) = runbooks(project.with_files({"config/deploy.yml": CONFIG}), NEWEST, None, project, written=True)
    assert ids(just) == ids(done)
    assert "docker buildx rm kamal-shop-multiarch" in step(just, "builders").commands
    assert "migrate" not in ids(done)
    assert any("before the migration" in one for one in step(done, "deploy-1.9").warnings)


def test_what_is_left_comes_before_kamal_moves() -> None:
    project = Project("shop", {"config/deploy.yml": CONFIG})
    tasks = [Task("bin/deploy", 3, "no `envify`"), Task(".ci", 9, "no `envify`"), Task("x", 1, "TCP")]
    (found,) = runbooks(project, V2, V1, tasks=tasks)
    assert ids(found)[:3] == ["deploy-1.9", "by-hand", "version"]
    left = step(found, "by-hand")
    assert left.notes == ("bin/deploy:3, .ci:9: no `envify`", "x:1: TCP")
    assert left.commands == ("kamal-migrate --to 2.4 --dry-run",)
    (newer,) = runbooks(project, NEWEST, V2, tasks=tasks)
    assert ids(newer)[0] == "by-hand"
    assert "2. do what is left for you" in "\n".join(line.text for line in short([found]))


def test_what_is_left_belongs_to_its_own_config() -> None:
    one, two, other = "one/config/deploy.yml", "two/config/deploy.yml", "two/config/other.yml"
    project = Project("shop", dict.fromkeys((one, two, other), CONFIG))
    tasks = [Task(path, 1, path) for path in (one, two, other, "two/.kamal/hooks/pre-deploy", ".github/ci")]
    found = runbooks(project, NEWEST, V1, tasks=tasks)
    assert {book.config: [note.split(": ")[1] for note in step(book, "by-hand").notes] for book in found} == {
        one: [one, ".github/ci"],
        two: [two, "two/.kamal/hooks/pre-deploy", ".github/ci"],
        other: [other, "two/.kamal/hooks/pre-deploy", ".github/ci"],
    }


@pytest.mark.parametrize(
    ("builder", "removed"),
    [
        ("", ["docker buildx rm kamal-shop-multiarch"]),
        ("builder: {multiarch: false}\n", []),
        ("builder: {multiarch: false, cache: {type: gha}}\n", ["docker buildx rm kamal-shop-native-cached"]),
        (
            "builder: {remote: {arch: arm64, host: ssh://b}}\n",
            ["docker buildx rm kamal-shop-native-remote", "docker context rm kamal-shop-native-remote-arm64"],
        ),
        (
            "builder: {local: {arch: amd64}, remote: {arch: arm64, host: ssh://b}}\n",
            [
                "docker buildx rm kamal-shop-multiarch-remote",
                "docker context rm kamal-shop-multiarch-remote-amd64",
                "docker context rm kamal-shop-multiarch-remote-arm64",
            ],
        ),
    ],
)
def test_old_builders_by_name(builder: str, removed: list[str]) -> None:
    commands = step(book(before=OLD + builder), "builders").commands
    assert commands == ("docker buildx use default", "docker buildx ls", *removed)


def test_within_kamal_2_only_what_applies() -> None:
    lock = {"Gemfile.lock": LOCK.format("2.4.0")}
    found = book(lock, source=V2)
    assert ids(found) == ["version", "config", "proxy-reboot", "deploy"]
    assert "0.9.2" in step(found, "proxy-reboot").why
    assert ids(book(lock, source=Version(2, 11))) == ["version", "config", "deploy"]
    assert ids(book({"Gemfile.lock": LOCK.format("2.12.0")}, source=NEWEST)) == []


def test_options_of_the_proxy_that_are_new_want_a_reboot() -> None:
    run = CONFIG.replace("app_port: 3000", "app_port: 3000, run: {http_port: 8080}")
    assert "proxy-reboot" in ids(book(config=run, source=NEWEST, before=CONFIG))
    assert "proxy-reboot" not in ids(book(config=CONFIG, source=NEWEST, before=OLD))


def test_to_1_9() -> None:
    assert ids(book(config=OLD, to=Version(1, 9, 2))) == ["version", "config", "deploy"]
    assert ids(book(config=OLD, to=Version(1, 9, 2), source=Version(0, 15, 1))) == [
        *("version", "config", "env", "deploy")
    ]


def test_each_config_has_its_own() -> None:
    files = {f"{name}/config/deploy.yml": CONFIG.replace("shop", name) for name in ("one", "two")}
    found = runbooks(Project("all", files), NEWEST, V1)
    assert [(one.config, one.service) for one in found] == [
        ("one/config/deploy.yml", "one"),
        ("two/config/deploy.yml", "two"),
    ]
    upgrade = step(found[0], "upgrade")
    assert any(one.startswith("two/config/deploy.yml is on 192.0.2.1 too") for one in upgrade.warnings)


LONG = {
    "config/deploy.staging.yml": "servers: [192.0.2.2, 192.0.2.3]\n",
    ".github/workflows/deploy-everything-to-all-places.yml": "- run: kamal deploy -d staging\n",
    ".env": "A=1\n",
}


def test_text_fits_the_terminal_but_for_commands() -> None:
    lines = list(text([book(LONG, CONFIG + "accessories: {db: {image: postgres, host: 192.0.2.9}}\n")]))
    for line in lines:
        assert len(line.text) <= 80 or line.style == "hunk", line.text
    assert any(line.text == " 1. Deploy once with Kamal 1.9.2" for line in lines)
    assert any(line.text == "staging" and line.style == "head" for line in lines)


def test_where_nothing_is_to_do() -> None:
    found = book({"Gemfile.lock": LOCK.format("2.12.0")}, source=NEWEST)
    assert [line.text.strip() for line in text([found])][1:] == ["nothing to do for Kamal 2.12"]
    assert list(short([found])) == []


def test_short_is_eight_lines_at_most() -> None:
    accessories = "".join(f"  accessory-number-{n}: {{image: redis, host: 192.0.2.9}}\n" for n in range(9))
    found = book(LONG, f"{CONFIG}accessories:\n{accessories}", before=OLD)
    lines = list(short([found]))
    assert 4 <= len(lines) <= 8
    assert all(len(line.text) <= 80 for line in lines)
    assert sum("kamal upgrade" in line.text for line in lines) == 1


def test_json() -> None:
    report = json.loads(as_json([book()]))
    assert report["schema_version"] == 1
    (found,) = report["runbooks"]
    assert (found["config"], found["from"], found["to"]) == ("config/deploy.yml", "1.8.3", "2.12.0")
    assert found["steps"][2]["commands"] == ["kamal config"]
    assert [one["destination"] for one in found["steps"][:3]] == [None, None, ""]


def test_markdown_is_a_checklist() -> None:
    found = book(LONG)
    said = markdown([found])
    assert said.count("- [ ] ") == len(found.steps)
    assert "- [ ] **Upgrade the servers** (staging): " in said
    assert said.count("```") == 2 * sum(bool(one.commands) for one in found.steps)


def folder(tmp_path: Path, config: str = OLD) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "deploy.yml").write_text(config, encoding="utf-8")
    (tmp_path / "Gemfile.lock").write_text(LOCK.format("1.8.3"), encoding="utf-8")
    return tmp_path


def test_the_command_writes_nothing(tmp_path: Path) -> None:
    app = folder(tmp_path)
    before = {path: path.read_bytes() for path in app.rglob("*") if path.is_file()}
    done = CliRunner().invoke(command, ["steps", "-C", str(app)])
    assert done.exit_code == 0
    assert "Kamal 1.8.3 (Gemfile.lock) → 2.12" in done.stdout
    assert "kamal-migrate --to 2.12" in done.stdout
    assert {path: path.read_bytes() for path in app.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_the_forms_of_the_command(tmp_path: Path, form: str) -> None:
    done = CliRunner().invoke(command, ["steps", "-C", str(folder(tmp_path)), "--format", form])
    assert done.exit_code == 0
    assert json.loads(done.stdout) if form == "json" else done.stdout.startswith("## shop: ")


def test_the_command_takes_versions(tmp_path: Path) -> None:
    arguments = ["steps", "-C", str(folder(tmp_path, CONFIG)), "--from", "2.11", "--to", "2.12"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0
    assert "Traefik" not in done.stdout
    assert "Kamal 2.11 (--from)" in done.stdout


def test_what_a_plan_leaves_is_in_the_steps(tmp_path: Path) -> None:
    app = folder(tmp_path, OLD + "audit_broadcast_cmd: bin/notify\n")
    done = CliRunner().invoke(command, ["steps", "-C", str(app)])
    assert " 3. Do what is left for you\n" in done.stdout
    assert "    config/deploy.yml:5: hooks took the place of" in done.stdout
    (app / "config" / "deploy.yml").write_text(OLD, encoding="utf-8")
    assert "left for you" not in CliRunner().invoke(command, ["steps", "-C", str(app)]).stdout


def test_unknown_versions_are_said_to_be(tmp_path: Path) -> None:
    app = folder(tmp_path, CONFIG)
    (app / "Gemfile.lock").unlink()
    done = CliRunner().invoke(command, ["steps", "-C", str(app)])
    assert "No file says which Kamal deploys this app" in done.stdout


def test_no_name_steers_a_terminal(tmp_path: Path) -> None:
    """A name from the config is shown as escapes in a checklist too."""
    config = OLD + 'accessories:\n  "d\\e[31m\\nb": {image: "r\\u202E", host: 192.0.2.9}\n'
    done = CliRunner().invoke(command, ["steps", "-C", str(folder(tmp_path, config)), "--format", "markdown"])
    assert "d\\x1b[31m\\nb" in done.stdout
    assert not set("\x1b\u202e") & set(done.stdout)
