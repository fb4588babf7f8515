"""What the files tell of the servers' architecture and of Kamal's version: every source, and their order."""

from __future__ import annotations

import pytest

from kamal_migrate.kamal.dating import dated
from kamal_migrate.kamal.evidence import Evidence, architecture, pinned, root_of
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Project

BASE = "service: app\nimage: acme/app\nservers:\n  - 192.0.2.1\n"
CONFIG = "config/deploy.yml"
WORKFLOW = ".github/workflows/deploy.yml"
ASSUMED = "nothing says what the servers run; most run amd64"


def view_of(files: dict[str, str], destination: str = "") -> View:
    """The view of a destination, in its first branch."""
    project = Project("app", {CONFIG: BASE, **files})
    return next(view for view in views(project, project.configs[0]) if view.destination == destination)


def said(files: dict[str, str]) -> str | None:
    """The architecture that the files tell, or None."""
    found = architecture(view_of(files))
    return None if found.assumed else found.value


def platform(value: str) -> dict[str, str]:
    options = f"    options:\n      platform: {value}\n"
    return {CONFIG: f"service: app\nimage: a/b\nservers:\n  web:\n    hosts: [h]\n{options}"}


def workflow(runner: str, step: str = "run: kamal deploy") -> dict[str, str]:
    job = f"jobs:\n  ship:\n    runs-on: {runner}\n    steps:\n      - {step}\n"
    return {WORKFLOW: f"on: push\n{job}"}


COMMENTED = {CONFIG: f"{BASE}# builder:\n#   remote:\n#     arch: arm64\n"}
DOCKERFILE = {"Dockerfile": "FROM --platform=linux/arm64 ruby:3.3\n"}
IN_ORDER = [
    (platform("linux/arm64"), f"platform option of role web, {CONFIG}:7"),
    (DOCKERFILE, "FROM --platform=linux/arm64, Dockerfile:1"),
    (workflow("ubuntu-24.04-arm"), f"the runner of job ship, {WORKFLOW}"),
    (COMMENTED, f"a commented-out builder, {CONFIG}:7"),
]


@pytest.mark.parametrize("first", range(4))
def test_the_first_source_that_speaks_is_named(first: int) -> None:
    files: dict[str, str] = {}
    for more, _ in reversed(IN_ORDER[first:]):
        files |= more
    assert architecture(view_of(files)) == Evidence("arm64", IN_ORDER[first][1])


def test_what_is_given_wins() -> None:
    given = Evidence("both", "--arch")
    assert architecture(view_of(DOCKERFILE), given) is given


def test_what_is_known_of_the_hosts_counts_before_what_files_hint() -> None:
    known, given = Evidence("both", "hosts.yml:1-2"), Evidence("amd64", "--arch")
    assert architecture(view_of({**DOCKERFILE, **COMMENTED}), known=known) is known
    assert architecture(view_of({}), answer=Evidence("arm64", "your answer"), known=known) is known
    assert architecture(view_of({}), given, known=known) is given


def test_without_a_word_it_is_assumed() -> None:
    assert architecture(view_of({})) == Evidence("amd64", ASSUMED, assumed=True)


def test_sources_that_disagree_are_named_and_none_is_believed() -> None:
    found = architecture(view_of({**DOCKERFILE, **workflow("ubuntu-latest")}))
    assert found.assumed
    assert found.value == "amd64"
    assert found.source == (
        "the files disagree (arm64: FROM --platform=linux/arm64, Dockerfile:1; "
        f"amd64: the runner of job ship, {WORKFLOW})"
    )


def test_each_side_of_a_disagreement_is_named_once() -> None:
    mixed = {CONFIG: platform("linux/arm64")[CONFIG] + "# builder:\n#   arch: amd64\n"}
    source = architecture(view_of({**mixed, **DOCKERFILE})).source
    assert source.count("arm64: ") == 1
    assert "platform option of role web" in source
    assert "amd64: a commented-out builder" in source


@pytest.mark.parametrize(
    ("value", "arch"),
    [
        ("linux/amd64", "amd64"),
        ("linux/arm64", "arm64"),
        ("linux/arm64/v8", "arm64"),
        ("arm64", "arm64"),
        ("linux/x86_64", "amd64"),
        ("linux/aarch64", "arm64"),
        ('"linux/amd64"', "amd64"),
        ("linux/s390x", None),
        ("windows/amd64", None),
        ("<%= ENV['PLATFORM'] %>", None),
        ("", None),
        ("64", None),
    ],
)
def test_platform_options(value: str, arch: str | None) -> None:
    assert said(platform(value)) == arch


def test_a_platform_option_counts_for_the_destination_that_has_it() -> None:
    files = {
        CONFIG: f"require_destination: true\n{BASE}",
        "config/deploy.big.yml": "servers:\n  web:\n    hosts: [h]\n    options: {platform: linux/arm64}\n",
        "config/deploy.small.yml": "servers: [h]\n",
    }
    source = "platform option of role web, config/deploy.big.yml:4"
    assert architecture(view_of(files, "big")) == Evidence("arm64", source)
    assert architecture(view_of(files, "small")).assumed


@pytest.mark.parametrize(
    ("dockerfile", "builder", "arch"),
    [
        ("FROM --platform=linux/arm64 ruby", "", "arm64"),
        ("from --platform=linux/arm64 ruby as app", "", "arm64"),
        ('FROM --platform="linux/amd64" ruby', "", "amd64"),
        ("FROM ruby", "", None),
        ("# FROM --platform=linux/arm64 ruby\nFROM ruby", "", None),
        ("FROM --platform=$BUILDPLATFORM ruby", "", None),
        ("FROM --platform=${TARGETPLATFORM} ruby", "", None),
        ("FROM --platform=linux/arm64 node AS assets\nFROM ruby", "", None),
        ("FROM --platform=$BUILDPLATFORM node AS js\nFROM --platform=linux/amd64 ruby", "", "amd64"),
        ("FROM --platform=linux/arm64 ruby AS base\nFROM base", "", "arm64"),
        ("FROM --platform=linux/arm64 ruby AS Base\nFROM base AS b\nFROM B", "", "arm64"),
        ("FROM --platform=linux/arm64 ruby AS base\nFROM --platform=linux/amd64 base", "", "amd64"),
        ("FROM --platform=linux/arm64 go AS web\nFROM --platform=linux/amd64 go", "target: web", "arm64"),
        ("FROM --platform=linux/arm64 go AS web\nFROM --platform=linux/amd64 go", "target: WEB", "arm64"),
        ("FROM --platform=linux/arm64 go AS web", "target: gone", None),
        ("FROM --platform=linux/arm64 go AS web", "target: <%= stage %>", None),
        ("FROM --platform=linux/arm64 go", "dockerfile: <%= file %>", None),
        ("FROM --platform=linux/arm64 go", "dockerfile: other/Dockerfile", None),
        ("FROM --platform=linux/arm64 go", "dockerfile: ./Dockerfile", "arm64"),
    ],
)
def test_the_final_stage_of_the_dockerfile(dockerfile: str, builder: str, arch: str | None) -> None:
    config = f"{BASE}builder:\n  {builder}\n" if builder else BASE
    assert said({CONFIG: config, "Dockerfile": dockerfile}) == arch


@pytest.mark.parametrize(
    ("config", "root"),
    [
        ("config/deploy.yml", ""),
        (".kamal/deploy.yml", ""),
        ("deploy.yml", ""),
        ("deploy/config/deploy.yml", "deploy"),
        ("ops/deploy.yml", "ops"),
    ],
)
def test_kamal_is_run_above_the_config_folder(config: str, root: str) -> None:
    assert root_of(config) == root


@pytest.mark.parametrize(
    ("runner", "arch"),
    [
        ("ubuntu-latest", "amd64"),
        ("ubuntu-22.04", "amd64"),
        ("ubuntu-24.04-arm", "arm64"),
        ("ubuntu-latest-arm64", "arm64"),
        ("[self-hosted, linux, ARM64]", "arm64"),
        ("[self-hosted, X64]", "amd64"),
        ("self-hosted", None),
        ("macos-latest", None),
        ("ubuntu-latest-8-cores", None),
        ("${{ matrix.os }}", None),
        ("[self-hosted, '${{ matrix.arch }}']", None),
        ("{group: big, labels: ubuntu-latest}", None),
    ],
)
def test_runners(runner: str, arch: str | None) -> None:
    assert said(workflow(runner)) == arch


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ("run: kamal deploy", True),
        ("run: bundle exec kamal redeploy -d staging", True),
        ("run: bin/kamal setup", True),
        ("run: kamal build push", True),
        ("run: mrsk deploy", True),
        ("run: docker run ghcr.io/basecamp/kamal:v1.9.0 deploy", True),
        ("{name: x, run: 'echo hi; kamal deploy'}", True),
        ("run: kamal config", False),
        ("run: gem install kamal", False),
        ("name: kamal deploy", False),
        ("uses: acme/kamal-deploy@v1", False),
    ],
)
def test_the_job_itself_runs_kamal(step: str, counts: bool) -> None:
    assert said(workflow("ubuntu-24.04-arm", step)) == ("arm64" if counts else None)


@pytest.mark.parametrize(
    "text",
    [
        "jobs: {ship: {runs-on: ubuntu-latest}} # kamal deploy",
        "jobs: [kamal deploy]",
        "jobs: {ship: kamal deploy}",
        "jobs:\n\tkamal deploy",
        "- kamal deploy",
        "jobs: {ship: {runs-on: ubuntu-latest, steps: kamal deploy}}",
    ],
)
def test_a_strange_workflow_says_nothing(text: str) -> None:
    assert said({WORKFLOW: text}) is None


@pytest.mark.parametrize(
    ("lines", "arch"),
    [
        ("# builder:\n#   arch: arm64\n", "arm64"),
        ("#builder:\n#  arch: 'arm64'\n", "arm64"),
        ("# builder:\n#   args:\n#     A: 1\n#   local:\n#     arch: amd64\n", "amd64"),
        ("builder:\n  # arch: arm64\n  args: {A: b}\n", "arm64"),
        ("# arch: arm64\n", None),
        ("# builder:\n#   args: {A: b}\n# servers:\n#   arch: arm64\n", None),
        ("# builder:\n#   arch: <%= ARCH %>\n", None),
    ],
)
def test_a_commented_out_builder(lines: str, arch: str | None) -> None:
    assert said({CONFIG: BASE + lines}) == arch


LOCK = "GEM\n  remote: https://rubygems.org/\n  specs:\n"


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({"Gemfile.lock": f"{LOCK}    kamal (1.8.3)\n"}, Version(1, 8, 3), "Gemfile.lock"),
        ({"Gemfile.lock": f"{LOCK}    mrsk (0.8.4)\n"}, Version(0, 8, 4), "Gemfile.lock"),
        ({"Gemfile.lock": f"{LOCK}    kamal (2.3.0)\r\n"}, Version(2, 3, 0), "Gemfile.lock"),
        ({"api/Gemfile.lock": f"{LOCK}    kamal (2.3.0)\n"}, Version(2, 3, 0), "api/Gemfile.lock"),
        ({WORKFLOW: "run: gem install kamal -v 1.8.1"}, Version(1, 8, 1), WORKFLOW),
        ({"Makefile": "\tdocker run ghcr.io/basecamp/kamal:v1.3.1\n"}, Version(1, 3, 1), "Makefile"),
        (
            {"bin/setup": "gem install kamal -v 1.8.1", WORKFLOW: "run: gem install kamal -v 2.0.0"},
            Version(2),
            WORKFLOW,
        ),
        ({WORKFLOW: "run: gem install kamal:2.1.2"}, Version(2, 1, 2), WORKFLOW),
        ({WORKFLOW: "run: gem install kamal --version=2.1"}, Version(2, 1, 2), WORKFLOW),
        ({WORKFLOW: "run: gem install --no-document kamal -v '1.9.3'"}, Version(1, 9, 3), WORKFLOW),
        ({".gitlab-ci.yml": "image: ghcr.io/basecamp/kamal:v1.9.0"}, Version(1, 9, 0), ".gitlab-ci.yml"),
        ({WORKFLOW: "image: ghcr.io/mrsked/mrsk:v0.15.1"}, Version(0, 15, 1), WORKFLOW),
        (
            {WORKFLOW: "run: gem install kamal -v 2.0.0", "Gemfile.lock": f"{LOCK}    kamal (1.8.3)\n"},
            Version(1, 8, 3),
            "Gemfile.lock",
        ),
        (
            {"Gemfile.lock": f"{LOCK}    rails (7.1.3)\n", WORKFLOW: "run: gem install kamal -v 2.0.0"},
            Version(2, 0, 0),
            WORKFLOW,
        ),
    ],
)
def test_pinned(files: dict[str, str], version: Version, source: str) -> None:
    assert pinned(Project("app", files)) == (version, source, "")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"Gemfile.lock": f"{LOCK}    kamal (2.0.0.beta1)\n"},
        {"Gemfile.lock": f"{LOCK}    rails (7.1.3)\n      kamal (1.8.3)\n"},
        {"Gemfile.lock": "DEPENDENCIES\n  kamal (~> 1.8)\n"},
        {WORKFLOW: "run: gem install kamal"},
        {"notes.yml": "gem install kamal -v 1.8.1"},
        {"lib/setup.sh": "gem install kamal -v 1.8.1"},
        {WORKFLOW: "image: ghcr.io/basecamp/kamal:latest"},
    ],
)
def test_not_pinned(files: dict[str, str]) -> None:
    assert pinned(Project("app", files)) is None


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("ssh_user: app\n", ("0.5.1", "at most ", "`ssh_user` in config/deploy.yml")),
        (
            "audit_broadcast_cmd: bin/say\n",
            ("0.12.1", "at most ", "`audit_broadcast_cmd` in config/deploy.yml"),
        ),
        ("primary_web_role: web\n", ("1.2.0", "at most ", "`primary_web_role` in config/deploy.yml")),
        ("minimum_version: 1.8.3\n", ("1.8.3", "at least ", "minimum_version in config/deploy.yml")),
        ("minimum_version: 1.4.0\n", None),
        ("minimum_version: 1.6\nssh_user: app\n", None),
        ("minimum_version: 2.1.0\n", None),
        ("retain_containers: 3\n", None),
        ("labels: {a: b}\n", None),
    ],
)
def test_dated_by_keys(text: str, pin: tuple[str, str, str] | None) -> None:
    project = Project("app", {"config/deploy.yml": f"service: a\nimage: a/a\nservers: [192.0.2.1]\n{text}"})
    found = dated(project, project.configs[0])
    assert (found and (str(found.version), found.bound, found.source)) == pin


def test_a_lock_file_is_stronger_than_keys() -> None:
    lock = "GEM\n  specs:\n    kamal (1.6.0)\n"
    project = Project("app", {"config/deploy.yml": "service: a\nssh_user: b\n", "Gemfile.lock": lock})
    assert dated(project, project.configs[0]) == (Version(1, 6), "Gemfile.lock", "")
