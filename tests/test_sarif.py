"""`check --format sarif` and `github`: valid, at the right lines, and steady under edits elsewhere."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.commanding import HEAD, KAMAL_2, command, git, make_app

# The schema of OASIS: github.com/oasis-tcs/sarif-spec, sarif-2.1/schema.
SCHEMA = Path(__file__).parent / "data" / "sarif-schema-2.1.0.json"
LEGACY = HEAD + "builder:\n  multiarch: false\nhealthcheck:\n  path: /up\n"
ODD = KAMAL_2 + 'labels:\n  "100%, a:b": {}\n'


@cache
def schema() -> Any:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def sarif(folder: Path, text: str, *more: str) -> Any:
    return json.loads(command("check", "--format", "sarif", "-C", make_app(folder, text), *more).out)


@pytest.mark.parametrize("text", [KAMAL_2, LEGACY, ODD, LEGACY + "# é 💎\nx: y\n"])
def test_it_is_valid(tmp_path: Path, text: str) -> None:
    report = sarif(tmp_path, text)
    jsonschema.validate(report, schema())
    run = report["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_the_places_are_those_of_the_text_form(tmp_path: Path) -> None:
    places = [
        (place["artifactLocation"]["uri"], place["region"]["startLine"], place["region"]["startColumn"])
        for result in sarif(tmp_path, LEGACY)["runs"][0]["results"]
        for place in (result["locations"][0]["physicalLocation"],)
    ]
    rows = json.loads(command("check", "--format", "json", "-C", tmp_path).out)["problems"]
    assert places == [(row["path"], row["line"], row["column"]) for row in rows]


def fingerprints(report: Any) -> list[str]:
    results = report["runs"][0]["results"]
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]


def test_edits_above_leave_the_fingerprints_alone(tmp_path: Path) -> None:
    before = fingerprints(sarif(tmp_path, LEGACY))
    after = fingerprints(sarif(tmp_path, "# one\n\n# two\n" + LEGACY.replace("192.0.2.1", "192.0.2.99")))
    assert before == after
    assert len(set(before)) == len(before) > 2


def test_items_above_in_a_list_leave_the_fingerprints_alone(tmp_path: Path) -> None:
    secrets = {".kamal/secrets": "KNOWN=$KNOWN\nREGISTRY_TOKEN=$REGISTRY_TOKEN\n"}

    def found(*names: str) -> list[str]:
        app = make_app(tmp_path, KAMAL_2 + f"env: {{secret: [{', '.join(names)}]}}\n", secrets)
        options = ("--format", "sarif", "--select", "undefined-secret")
        return fingerprints(json.loads(command("check", *options, "-C", app).out))

    one, both = found("LOST", "GONE"), found("KNOWN", "LOST", "GONE")
    assert one == both
    assert len(set(one)) == len(one) >= 2


def test_another_value_is_another_problem(tmp_path: Path) -> None:
    one, other = (
        fingerprints(sarif(tmp_path, KAMAL_2 + f"proxy:\n  app_port: {value}\n", "--select", "refused"))
        for value in ("one", "two")
    )
    assert len(one) == len(other) == 1
    assert one != other


def test_a_secret_value_is_not_in_the_fingerprint(tmp_path: Path) -> None:
    one, other = (
        fingerprints(sarif(tmp_path, KAMAL_2 + f"api_token: {value}\n", "--select", "refused"))
        for value in ("hunter2hunter2", "letmeinletmein")
    )
    assert one == other != []


def test_annotations_are_escaped(tmp_path: Path) -> None:
    done = command("check", "--format", "github", "--select", "refused", "-C", make_app(tmp_path, ODD))
    assert done.code == 1
    assert done.out == (
        "::error file=config/deploy.yml,line=12,col=3,title=refused::labels/100%25, a:b: should be a string\n"
    )
    folder = tmp_path / "more"
    done = command("check", "--for", "1.9", "--format", "github", "-C", make_app(folder, LEGACY))
    assert "%0A- kamal-migrate --select builder --to 1.9%0A" in done.out
    assert (
        command("check", "--format", "github", "--select", "refused", "-C", make_app(folder, KAMAL_2)).out
        == ""
    )


def test_an_annotation_steers_no_terminal(tmp_path: Path) -> None:
    text = KAMAL_2 + '"ev\\e[31m\\nil\\u202E": 1\n'
    done = command("check", "--format", "github", "--select", "refused", "-C", make_app(tmp_path, text))
    assert "unknown key: ev\\x1b[31m\\nil\\u202e" in done.out
    assert not set("\x1b\u202e") & set(done.out)


@pytest.mark.parametrize(("worst", "code"), [("error", 0), ("warning", 0), ("note", 1)])
def test_the_exit_code_is_by_severity(tmp_path: Path, worst: str, code: int) -> None:
    app = make_app(tmp_path, KAMAL_2 + "horizon: 1\n")
    done = command("check", "--for", "2.99", "--select", "unknown-key", "--fail-on", worst, "-C", app)
    assert done.code == code


def test_a_comment_silences_a_rule(tmp_path: Path) -> None:
    text = LEGACY.replace("multiarch: false", "multiarch: false # kamal-migrate: ignore[multiarch-false]")
    app = make_app(tmp_path, text)
    assert "multiarch-false]" not in command("check", "--for", "1.9", "-C", app).out
    assert "unknown key: multiarch" in command("check", "-C", app).out


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_a_rule_that_is_none(tmp_path: Path, option: str) -> None:
    done = command("check", option, "multiarch", "-C", make_app(tmp_path, KAMAL_2))
    assert (done.code, done.out) == (2, "")
    assert done.err == "there is no rule `multiarch`; see: kamal-migrate list --rules\n"


def test_the_settings_ignore_rules(tmp_path: Path) -> None:
    settings = {"kamal-migrate.toml": 'ignore = ["multiarch-false"]\n'}
    app = make_app(tmp_path, LEGACY, settings)
    assert "multiarch-false" not in command("check", "--for", "1.9", "-C", app).out
    assert command("-C", app, "--dry-run").code in (0, 3)


def test_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shops" / "one", LEGACY)
    git(tmp_path, "init", "-q")
    report = json.loads(command("check", "--format", "sarif", "-C", app).out)
    place = report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "shops/one/config/deploy.yml"
    assert "file=shops/one/config/deploy.yml," in command("check", "--format", "github", "-C", app).out
    assert command("check", "-C", app).out.startswith("config/deploy.yml:")
