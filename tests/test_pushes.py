"""Which files of CI deploy by themselves, and for which branches."""

from __future__ import annotations

import pytest

from kamal_migrate.kamal.app import apps
from kamal_migrate.kamal.pushes import Push, pushes
from kamal_migrate.project import Project

CONFIG = "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\n"
JOB = "jobs:\n  go:\n    runs-on: ubuntu-latest\n    steps:\n      - run: bin/kamal deploy\n"
WORKFLOW, LAB, CIRCLE, BUCKET = (
    ".github/workflows/ship.yml", ".gitlab-ci.yml", ".circleci/config.yml", "bitbucket-pipelines.yml",
)  # fmt: skip


def found(files: dict[str, str], root: str = "") -> list[Push]:
    (app,) = apps(Project("shop", {f"{root}config/deploy.yml": CONFIG, **files}))
    return list(pushes(app))


@pytest.mark.parametrize(
    ("events", "branches"),
    [
        ("on: push\n", ("**",)),
        ("on: [pull_request, push]\n", ("**",)),
        ("'on': {push: }\n", ("**",)),
        ("on: {push: {branches: [main, 'release/*']}}\n", ("main", "release/*")),
        ("on: {push: {branches: main}}\n", ("main",)),
        ("on: {push: {branches-ignore: [docs]}}\n", ("**", "!docs")),
        ("on: {push: {branches: [main], tags: ['v*']}}\n", ("main",)),
        ("on: {workflow_run: {workflows: [CI], types: [completed], branches: [main]}}\n", ("main",)),
        ("on: {push: {tags: ['v*']}}\n", None),
        ("on: workflow_dispatch\n", None),
        ("on: {schedule: [{cron: '0 0 * * *'}]}\n", None),
        ("on: {pull_request: }\n", None),
        ("name: nothing begins it\n", None),
        ("on: [push\n", None),
    ],
)
def test_github(events: str, branches: tuple[str, ...] | None) -> None:
    expected = [Push(WORKFLOW, branches)] if branches else []
    assert found({WORKFLOW: events + JOB}) == expected


@pytest.mark.parametrize(
    ("path", "text", "branches"),
    [
        (LAB, "ship: {script: [kamal deploy]}\n", ("**",)),
        (LAB, "ship: {script: [kamal deploy], only: [main]}\n", ("main",)),
        (LAB, "ship: {script: [kamal deploy], only: {refs: [main, tags]}}\n", ("main",)),
        (LAB, "ship: {script: [kamal deploy], only: [/^release/]}\n", ("**",)),
        (LAB, "ship: {script: [kamal deploy], only: [tags]}\n", None),
        (LAB, "ship: {script: [kamal deploy], when: manual}\n", None),
        (LAB, "a: {script: [!reference [.x, y]]}\nz: {script: [kamal deploy], when: !x y}\n", ("**",)),
        (LAB, "test: {script: [kamal version]}\n", None),
        (CIRCLE, "version: 2.1\njobs: {ship: {steps: [checkout, run: kamal deploy]}}\n", ("**",)),
        (BUCKET, "pipelines: {default: [{step: {script: [kamal deploy]}}]}\n", ("**",)),
        (BUCKET, "pipelines: {branches: {main: [{step: {script: [kamal deploy]}}], x: []}}\n", ("main",)),
        (BUCKET, "pipelines: {default: [{step: {trigger: manual, script: [kamal deploy]}}]}\n", None),
        (BUCKET, "pipelines: {custom: {ship: [{step: {script: [kamal deploy]}}]}}\n", None),
    ],
)  # fmt: skip
def test_others(path: str, text: str, branches: tuple[str, ...] | None) -> None:
    assert found({path: text}) == ([Push(path, branches)] if branches else [])


def test_a_workflow_that_calls_the_one_that_deploys() -> None:
    calls = "on: {push: {branches: [main]}}\njobs: {ship: {uses: ./.github/workflows/ship.yml}}\n"
    files = {WORKFLOW: f"on: workflow_call\n{JOB}", ".github/workflows/main.yml": calls}
    assert found(files) == [Push(".github/workflows/main.yml", ("main",))]


@pytest.mark.parametrize(
    ("run", "script", "deploys"),
    [
        ("bin/ship", "bin/kamal deploy\n", True),
        ("./bin/ship staging", "bin/kamal deploy\n", True),
        ("bin/ship", "bin/kamal details\n", False),
        ("bin/shipping", "bin/kamal deploy\n", False),
        ("rubocop # not bin/ship", "bin/kamal deploy\n", False),
    ],
)
def test_a_workflow_that_runs_a_script_that_deploys(run: str, script: str, deploys: bool) -> None:
    text = "on: push\njobs:\n  go:\n    steps:\n      - run: "
    files = {WORKFLOW: f"{text}{run}\n", "bin/ship": script}
    assert found(files) == ([Push(WORKFLOW)] if deploys else [])


def test_paths_are_those_of_the_project() -> None:
    assert [push.path for push in found({WORKFLOW: f"on: push\n{JOB}"}, "apps/shop/")] == [WORKFLOW]


@pytest.mark.parametrize(
    ("branches", "branch", "expected"),
    [
        (("**",), "main", True),
        (("**",), "", True),
        (("main",), "", True),
        (("main",), "main", True),
        (("main",), "master", False),
        (("ma*",), "master", True),
        (("**", "!main"), "main", False),
        (("**", "!docs"), "main", True),
        (("!main", "m*"), "main", True),
    ],
)
def test_the_branch_that_is_merged_into(branches: tuple[str, ...], branch: str, expected: bool) -> None:
    assert Push("x", branches).is_for(branch) is expected
