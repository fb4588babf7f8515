"""The codemods `hooks`, `mrsk` and `kamal-version`, on apps that are only in memory."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kamal_migrate.api import Finding, Options, Rename, Reword, Safety
from kamal_migrate.catalog import builtin_folder, load_folder
from kamal_migrate.kamal.app import App, apps
from kamal_migrate.kamal.hooks import unfed_hooks
from kamal_migrate.kamal.pins import installing, pin_text, program, version_pins
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import Project

CONFIG = """service: shop
image: acme/shop
servers: [192.0.2.1]
registry: {username: acme, password: [REGISTRY_TOKEN]}
env: {secret: [DATABASE_URL]}
builder: {arch: amd64}
"""
CODEMODS = {codemod.id: codemod for codemod in load_folder(builtin_folder())}
WORKFLOW = ".github/workflows/deploy.yml"


def app(files: Mapping[str, str], config: str = CONFIG) -> App:
    return next(apps(Project("shop", {"config/deploy.yml": config, **files})))


def findings(
    id: str, files: Mapping[str, str], options: Options | None = None, config: str = CONFIG
) -> list[Finding]:
    return list(CODEMODS[id].decide_app(app(files, config), options or Options()))


def said(found: list[Finding]) -> list[tuple[str, str, int, Safety]]:
    return [(one.id, one.file, one.line, one.safety) for one in found]


def test_the_old_hooks_get_their_new_names() -> None:
    names = ("pre", "post")
    found = findings("hooks", {f".kamal/hooks/{name}-traefik-reboot": "#!/bin/sh\n" for name in names})
    changes = [change for one in found if one.fix for change in one.fix.files]
    assert changes == [
        Rename(f".kamal/hooks/{name}-traefik-reboot", f".kamal/hooks/{name}-proxy-reboot") for name in names
    ]
    assert {one.safety for one in found} == {Safety.REVIEW}


def test_kamal_1_keeps_them() -> None:
    files = {".kamal/hooks/pre-traefik-reboot": "#!/bin/sh\n"}
    assert findings("hooks", files, Options(to=Version(1, 9, 3))) == []


@pytest.mark.parametrize("path", [".kamal/hooks/pre-traefik-reboot.sample", "hooks/pre-traefik-reboot"])
def test_only_hooks_are_renamed(path: str) -> None:
    assert findings("hooks", {path: "#!/bin/sh\n"}) == []


def test_two_hooks_of_one_meaning_are_for_hands() -> None:
    files = {".kamal/hooks/pre-traefik-reboot": "", ".kamal/hooks/pre-proxy-reboot": ""}
    (found,) = findings("hooks", files)
    assert said([found]) == [("hooks/renamed", ".kamal/hooks/pre-traefik-reboot", 1, Safety.MANUAL)]
    assert found.fix is None


def test_one_finding_a_line() -> None:
    text = "run: |\n  kamal envify && kamal env push\n  docker restart traefik; kamal traefik logs\n"
    found = findings("hooks", {WORKFLOW: text})
    assert said(found) == [
        ("hooks/command", WORKFLOW, 2, Safety.MANUAL),
        ("hooks/command", WORKFLOW, 3, Safety.MANUAL),
    ]
    assert "`kamal envify` nor `kamal env push`" in found[0].message


def test_a_silent_version_is_named() -> None:
    files = {WORKFLOW: "run: kamal env push\n"}
    messages = [findings("hooks", files, Options(to=Version(2, minor)))[0].message for minor in (4, 5)]
    assert "end with 0" in messages[0]
    assert "end with 0" not in messages[1]


def test_a_workflow_above_the_app_is_read_once() -> None:
    configs = {f"{name}/config/deploy.yml": CONFIG for name in ("one", "two")}
    project = Project("shop", {**configs, WORKFLOW: "run: kamal envify\n"})
    found = [one for each in apps(project) for one in CODEMODS["hooks"].decide_app(each, Options())]
    assert [one.file for one in found] == [f"../{WORKFLOW}"]


ENV = {".env": "DATABASE_URL=x\nCHAT_URL=y\n"}
SECRETS = {".kamal/secrets": "DATABASE_URL=$DATABASE_URL\nREGISTRY_TOKEN=$REGISTRY_TOKEN\n"}


def names(hook: str, text: str, to: Version = NEWEST, files: Mapping[str, str] = ENV) -> list[str]:
    found = list(unfed_hooks(app({**files, f".kamal/hooks/{hook}": text}), to))
    return [name for one in found for name in one.names]


def test_which_hooks_get_secrets() -> None:
    text = 'echo "$DATABASE_URL"\n'
    assert names("pre-build", text) == ["DATABASE_URL"]
    assert names("post-deploy", text) == []
    assert names("docker-setup", text) == ["DATABASE_URL"]
    assert names("pre-connect", text, Version(2, 10)) == ["DATABASE_URL"]
    assert names("pre-connect", text, Version(2, 11)) == []
    assert names("pre-build", text, Version(1, 9, 3)) == []


def test_a_hook_with_secrets_gets_only_those_of_the_files() -> None:
    text = 'curl "$CHAT_URL"\n'
    assert names("post-deploy", text) == ["CHAT_URL"]
    declared = {".kamal/secrets": "CHAT_URL=$CHAT_URL\n"}
    assert names("post-deploy", text, files={**ENV, **declared}) == []
    assert names("pre-build", text, files={**ENV, **declared}) == ["CHAT_URL"]


def test_without_env_files_the_environment_gave_it_and_still_does() -> None:
    assert names("pre-build", 'echo "$DATABASE_URL"\n', files=SECRETS) == []


@pytest.mark.parametrize(
    "text",
    [
        '. ./.env\necho "$CHAT_URL"\n',
        "source .env\necho $CHAT_URL\n",
        'require "dotenv"\nDotenv.load\nputs ENV["CHAT_URL"]\n',
        'CHAT_URL=https://chat.example.com\ncurl "$CHAT_URL"\n',
        'export CHAT_URL="$(op read chat)"\ncurl "$CHAT_URL"\n',
        "# $CHAT_URL\n",
        'echo "$CHAT_URLS"\n',
    ],
)
def test_hooks_that_provide_for_themselves(text: str) -> None:
    assert names("pre-build", text) == []


def test_an_app_of_kamal_2_lost_nothing() -> None:
    files = {**ENV, ".kamal/hooks/pre-build": 'echo "$CHAT_URL"\n'}
    assert findings("hooks", files, Options(source=Version(2, 3))) == []
    assert said(findings("hooks", files)) == [("hooks/secrets", ".kamal/hooks/pre-build", 1, Safety.MANUAL)]


def test_no_value_of_env_is_said() -> None:
    files = {".env": "CHAT_URL=hush-hush\n", ".kamal/hooks/pre-build": 'echo "$CHAT_URL"\n'}
    assert "hush" not in repr(findings("hooks", files))


def words(text: str, path: str = ".mrsk/hooks/pre-build") -> tuple[tuple[str, str], ...]:
    found = findings("mrsk", {path: text})
    changes = [change for one in found if one.fix for change in one.fix.files if isinstance(change, Reword)]
    return changes[0].words if changes else ()


def test_only_variables_of_mrsk_itself_are_renamed() -> None:
    text = "$MRSK_VERSION $MRSK_REGISTRY_PASSWORD ${MRSK_SERVICE_VERSION}\n"
    assert words(text) == (
        ("MRSK_VERSION", "KAMAL_VERSION"),
        ("MRSK_SERVICE_VERSION", "KAMAL_SERVICE_VERSION"),
    )
    assert words("$MRSK_REGISTRY_PASSWORD\n") == ()
    assert words("$MRSK_HOSTS\n", ".kamal/hooks/pre-build") == (("MRSK_HOSTS", "KAMAL_HOSTS"),)


@pytest.mark.parametrize(
    ("text", "reworded"),
    [
        ("mrsk details\n", True),
        ("# mrsk does it\nbin/mrsk details && bundle exec mrsk audit\n", True),
        ("mrsk details\nls /srv/mrsk\n", False),
        ('echo "mrsk is done"; mrsk details\n', False),
        ("docker run ghcr.io/mrsked/mrsk:v0.15.1 details\n", False),
        ("kamal details\n", False),
    ],
)
def test_the_command_is_reworded_where_it_is_nothing_else(text: str, reworded: bool) -> None:
    assert (("mrsk", "kamal") in words(text)) is reworded


def test_a_folder_that_hooks_path_names_stays() -> None:
    files = {".mrsk/hooks/pre-build": "echo $MRSK_HOSTS\n"}
    (found,) = findings("mrsk", files, config=f"{CONFIG}hooks_path: .mrsk/hooks\n")
    assert found.fix
    assert found.fix.files == (Reword(".mrsk/hooks/pre-build", (("MRSK_HOSTS", "KAMAL_HOSTS"),)),)


def test_no_move_brings_back_what_kamal_2_refuses() -> None:
    files = {".mrsk/hooks/pre-traefik-reboot": "#!/bin/sh\n"}
    for version, name in ((NEWEST, "pre-proxy-reboot"), (Version(1, 9, 3), "pre-traefik-reboot")):
        (found,) = findings("mrsk", files, Options(to=version))
        assert found.fix
        assert found.fix.files == (Rename(".mrsk/hooks/pre-traefik-reboot", f".kamal/hooks/{name}"),)


def test_another_bin_mrsk_is_for_hands() -> None:
    (found,) = findings("mrsk", {"bin/mrsk": "#!/bin/sh\nexec bundle exec mrsk\n"})
    assert said([found]) == [("mrsk/binstub", "bin/mrsk", 1, Safety.MANUAL)]


LOCK = "GEM\n  specs:\n    kamal (1.8.3)\n"


def test_pins_say_what_they_say() -> None:
    files = {
        "Gemfile": 'gem "rails"\ngem "kamal", "~> 1.8", require: false # deploys\n# gem "kamal", "2.0.0"\n',
        "Gemfile.lock": LOCK,
        WORKFLOW: "- run: gem install kamal -v 2.1.0\n- run: gem install kamal:1.9.2\n"
        "- run: docker pull ghcr.io/basecamp/kamal:v1.9.0\n- run: gem install kamal\n"
        '- run: gem install kamal -v "$X"\n- run: docker pull ghcr.io/basecamp/kamal:latest\n'
        "- run: docker pull ghcr.io/basecamp/kamal@sha256:abc\n",
    }
    found = [(pin.path, pin.line, str(pin.version)) for pin in version_pins(app(files))]
    assert found == [
        ("Gemfile", 2, "1.8.3"),
        ("Gemfile.lock", 3, "1.8.3"),
        (WORKFLOW, 1, "2.1.0"),
        (WORKFLOW, 2, "1.9.2"),
        (WORKFLOW, 3, "1.9.0"),
        (WORKFLOW, 4, "None"),
        (WORKFLOW, 6, "None"),
    ]


def test_pins_in_steps_that_are_one_line() -> None:
    text = (
        "- {run: gem install kamal}\n- {run: gem install kamal -v 2.1.0, name: Kamal}\n"
        "- {run: gem install kamal -v ${{ env.V }}}\n- {run: gem install rails -v ${{ env.V }} kamal}\n"
        "- {uses: docker://ghcr.io/basecamp/kamal:v1.9.0}\n"
    )
    found = [(pin.line, pin.said, str(pin.version)) for pin in version_pins(app({WORKFLOW: text}))]
    assert found == [
        (1, "gem install kamal", "None"),
        (2, "gem install kamal -v 2.1.0", "2.1.0"),
        (5, "ghcr.io/basecamp/kamal:v1.9.0", "1.9.0"),
    ]


def test_what_a_pin_has_to_say() -> None:
    files = {
        "Gemfile": 'gem "kamal"\n',
        WORKFLOW: "gem install kamal; docker pull ghcr.io/basecamp/kamal:edge\n",
    }
    assert [pin_text(pin, Version(2, 12)) for pin in version_pins(app(files))] == [
        'gem "kamal", "~> 2.12", require: false',
        "gem install kamal -v 2.12.0",
        "ghcr.io/basecamp/kamal:v2.12.0",
    ]
    (gem, *_) = version_pins(app(files))
    assert pin_text(gem, Version(1, 9, 2)) == 'gem "kamal", "1.9.2", require: false'


@pytest.mark.parametrize(
    ("files", "command", "install"),
    [
        ({}, "kamal", "gem install kamal -v 2.12.0"),
        ({"Gemfile.lock": LOCK}, "bundle exec kamal", "bundle update kamal --conservative"),
        ({"Gemfile.lock": LOCK, "bin/kamal": ""}, "bin/kamal", "bundle update kamal --conservative"),
        ({"Gemfile": 'gem "mrsk"\n'}, "bundle exec kamal", "bundle remove mrsk"),
        ({"bin/kamal": "docker run ghcr.io/basecamp/kamal:v1.8.3 $@"}, "bin/kamal", None),
    ],
)
def test_how_kamal_is_run(files: Mapping[str, str], command: str, install: str | None) -> None:
    assert program(app(files)).command == command
    assert next(iter(installing(app(files), NEWEST)), None) == install


def test_versions_that_contradict_each_other() -> None:
    files = {
        "Gemfile.lock": LOCK,
        WORKFLOW: "- run: gem install kamal -v 1.9.2\n- run: gem install kamal -v 2.0.0\n",
    }
    (found,) = findings("kamal-version", files)
    assert said([found]) == [("kamal-version/contradiction", WORKFLOW, 2, Safety.MANUAL)]


def test_that_all_have_to_move_is_no_finding() -> None:
    files = {
        "Gemfile.lock": LOCK,
        "Gemfile": 'gem "kamal", "~> 1.8"\n',
        WORKFLOW: "gem install kamal -v 1.8.3\n",
    }
    assert findings("kamal-version", files) == []
    assert findings("hooks", files) == []


@pytest.mark.parametrize(("minimum", "count"), [("2.12.0", 1), ("2.6.1", 0), ("1.0.0", 0), ("<%= x %>", 0)])
def test_a_minimum_above_the_target(minimum: str, count: int) -> None:
    (view, *_) = app({}, f"{CONFIG}minimum_version: {minimum}\n").views
    found = list(CODEMODS["kamal-version"].decide(view, Options(to=Version(2, 6, 1))))
    assert len(found) == count
