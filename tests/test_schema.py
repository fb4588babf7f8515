"""The JSON Schema of every version: what it says of small configs and real ones, and what it cannot say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.constructor import DuplicateKeyError

from kamal_migrate.disk import read
from kamal_migrate.kamal.keys import table
from kamal_migrate.kamal.loading import Opaque, View, plain, views
from kamal_migrate.kamal.schema import schema
from kamal_migrate.kamal.schema.words import WORDS, WORDS_1
from kamal_migrate.kamal.validation import STRICT_SINCE, faults
from kamal_migrate.kamal.versions import LAST_RELEASES, NEWEST, NEWEST_1, Version
from kamal_migrate.project import InputError
from tests.commanding import KAMAL_2, command
from tests.test_validation import config, released, rows, view

SCHEMAS = [version for version in LAST_RELEASES if version >= Version(0, 16, 1)]
CORPUS = Path(os.environ.get("KAMAL_MIGRATE_CORPUS", ""))
MODERN = sorted(CORPUS.glob("kamal2/*"))
LEGACY = sorted(CORPUS.glob("kamal1/*/*"))
real = pytest.mark.skipif(not MODERN, reason="KAMAL_MIGRATE_CORPUS names no folder of real configs")

# What Kamal refuses and a schema of one file cannot, by why, with words of Kamal's messages.
NOT_SAID = {
    "versions are not ordered": ("minimum required is",),
    "a version of RubyGems is no pattern of Kamal's": ("Malformed version number",),
    "names of roles are not compared": ("nknown role", "undefined method `hosts'"),
    "hosts are not counted or compared, each once and over roles": (
        "SSL is only supported on a single server",
        "Different roles can't share",
        "Conflicting proxy run",
    ),
    "a role's settings are not merged with the root's": ("proxy: Specify one of 'host' or 'hosts'",),
    "the architecture decides whether the remote is used": ("Local registry with remote builder",),
    "it depends on -d, so such a base may leave everything to its destinations": (
        "You must specify a destination",
    ),
}
# By row: what one kind of value is to JSON, and another to Kamal.
OTHERWISE = {
    "YAML date value env": "JSON has no dates",
    "traefik.publish str": "no is a boolean in Kamal's YAML 1.1, and a text in an editor's 1.2",
}


@cache
def validator(version: Version, destination: bool = False) -> Draft7Validator:
    return Draft7Validator(schema(version, destination=destination))


def as_json(value: object) -> Any:
    """What an editor would see; ERB is a text."""
    if isinstance(value, Opaque):
        return "<%= erb %>"
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def accepts(found: View, version: Version = NEWEST) -> bool:
    return validator(version).is_valid(as_json(plain(found.data)))


def takes(body: str, version: Version = NEWEST) -> bool:
    """Whether the schema takes a config whose other keys are the usual ones."""
    return accepts(view(config(body, version)), version)


@pytest.mark.parametrize("version", SCHEMAS, ids=str)
@pytest.mark.parametrize("destination", [False, True], ids=["base", "destination"])
def test_it_is_a_schema(version: Version, destination: bool) -> None:
    found = schema(version, destination=destination)
    Draft7Validator.check_schema(found)
    assert json.loads(json.dumps(found)) == found
    used = set(re.findall(r'"#/definitions/(\w+)"', json.dumps(found)))
    assert used == set(found.get("definitions", {}))


def test_it_takes_what_kamal_takes_and_refuses_what_it_refuses() -> None:
    wrong, unsaid = [], set()
    for row in rows():
        for version in sorted(released(row)):
            taken = takes(row.body, version)
            if not row.message and not taken:
                wrong.append(f"{row.name} {version}: refused")
            elif row.message and taken and version >= STRICT_SINCE:
                reasons = {
                    why for why, words in NOT_SAID.items() if any(word in row.message for word in words)
                }
                if row.name in OTHERWISE:
                    reasons = {row.name}
                unsaid |= reasons
                wrong += [] if reasons else [f"{row.name} {version}: {row.message}"]
    assert not wrong
    assert unsaid == {*NOT_SAID, *OTHERWISE}


def test_of_old_versions_it_asks_for_what_is_required() -> None:
    """Up to 1.6.0 Kamal looks at no types and ignores unknown keys; of its other checks few are here."""
    found: Counter[bool] = Counter()
    for row in rows():
        for version in [release for release in released(row) if release < STRICT_SINCE and row.message]:
            taken = takes(row.body, version)
            found[taken] += 1
            assert not (taken and row.message.startswith(("Missing required", "You must specify a user")))
    assert found[False] > 100


@pytest.mark.parametrize(
    "body",
    [
        "service: <%= name %>\nimage: <%= image %>\nservers: <%= hosts %>\n",
        "servers: {web: <%= hosts %>, jobs: {hosts: <%= hosts %>, proxy: <%= proxied %>, options: <%= o %>}}",
        "proxy: {app_port: <%= port %>, ssl: <%= ssl %>, run: <%= run %>, hosts: <%= hosts %>}\n",
        "env: <%= env %>\nproxy: <%= proxy %>\nbuilder: <%= builder %>\nregistry: <%= registry %>\n",
        "accessories: {db: <%= db %>}\nservers: {web: {hosts: [192.0.2.1], proxy: <%= proxy %>}}\n",
        "env: {clear: <%= clear %>, secret: [<%= secret %>], tags: <%= tags %>}\n",
        "builder: {arch: <%= arch %>, local: <%= local %>, cache: {type: <%= type %>}}\n",
        "registry: {server: <%= server %>, username: <%= user %>, password: <%= password %>}\n",
        "retain_containers: <%= kept %>\nhooks_output: <%= level %>\naliases: {a: <%= command %>}\n",
        "accessories: <%= others %>\nboot: <%= boot %>\nlabels: <%= labels %>\nssh: {port: <%= port %>}\n",
    ],
)
def test_erb_is_taken_wherever_a_value_stands(body: str) -> None:
    assert takes(re.sub(r"<%= \w+ %>", '"<%= x %>"', body))


@pytest.mark.parametrize(
    ("value", "taken"),
    [("yes", True), ("off", True), ("maybe", False), ("true", False), ("", False)],
)
def test_what_yaml_1_1_calls_a_boolean_is_one(value: str, taken: bool) -> None:
    assert takes(f'proxy: {{forward_headers: "{value}"}}\n') == taken


@pytest.mark.parametrize(
    ("value", "taken"), [("40_000_000", True), ("40,000", True), ("40", False), ("4m", False)]
)
def test_a_grouped_number_is_a_number(value: str, taken: bool) -> None:
    """Psych reads ``40_000_000`` as a number; an editor sees a text."""
    assert takes(f'proxy: {{buffering: {{memory: "{value}"}}}}\n') == taken


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("{}", True),
        ("servers: [192.0.2.1]", True),
        ("proxy: {ssl: true}", True),
        ("builder: {local: false}", True),
        ("registry: {username: acme}", True),
        ("accessories: {db: {port: 5432}}", True),
        ("servers: {web: {cmd: bin/web}}", True),
        ("env:", False),
        ("traefik: {}", False),
        ("proxy: {host: a.b, hosts: [c.d]}", False),
        ("accessories: {db: {host: 192.0.2.2, roles: [web]}}", False),
        ("proxy: {app_port: '3000'}", False),
    ],
)
def test_a_destination_states_what_it_likes(text: str, taken: bool) -> None:
    data = as_json(plain(view(text + "\n").data))
    assert validator(NEWEST, destination=True).is_valid(data) == taken


def test_a_base_that_wants_a_destination_may_lack_anything() -> None:
    text = "service: shop\nregistry: {username: acme}\nproxy: {ssl: true}\n"
    assert not accepts(view(text))
    assert accepts(view(text + "require_destination: true\n"))
    assert not accepts(view(text + "require_destination: false\n"))


@pytest.mark.parametrize(
    ("version", "name", "deprecation"),
    [
        (NEWEST_1, "traefik", "Kamal 2.0 refuses it. Instead: proxy."),
        (NEWEST_1, "run_directory", "Kamal 2 ignores it."),
        (NEWEST, "run_directory", "Does nothing."),
        (NEWEST, "proxy", None),
    ],
)
def test_what_goes_is_deprecated(version: Version, name: str, deprecation: str | None) -> None:
    key = schema(version)["properties"][name]
    assert key.get("deprecationMessage") == deprecation
    assert key.get("deprecated", False) == bool(deprecation)


def test_a_key_says_what_it_does_its_default_and_since_when() -> None:
    proxy = schema(NEWEST)["definitions"]["proxy"]["properties"]
    assert proxy["run"]["properties"]["http_port"]["description"] == (
        "The host's port for HTTP. Default: 80. Kamal 2.10+."
    )
    assert proxy["run"]["properties"]["http_port"]["default"] == 80
    assert "default" not in schema(NEWEST)["properties"]["hooks_path"]


def test_every_key_is_described() -> None:
    paths = {".".join(key.path) for key in table()}
    assert {path for path in (*WORDS, *WORDS_1) if path not in paths} == {"options", "options.restart"}
    for version in (NEWEST_1, NEWEST):
        assert [path for path, key in keys(schema(version)) if "description" not in key] == []


def keys(found: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The keys of a schema and of its definitions."""
    listed = []
    for name, key in found.get("properties", {}).items():
        listed += [(f"{path}.{name}", key), *keys(key, f"{path}.{name}")]
    for name, key in found.get("definitions", {}).items():
        listed += keys(key, f"<{name}>")
    return listed


def test_the_command_prints_it() -> None:
    assert json.loads(command("schema").out) == schema(NEWEST)
    assert json.loads(command("schema", "--for", "1.9").out) == schema(NEWEST_1)
    assert json.loads(command("schema", "--destination").out) == schema(NEWEST, destination=True)


@pytest.mark.parametrize("version", ["2.13", "3", "0.15", "new"])
def test_the_command_knows_no_other_versions(version: str) -> None:
    result = command("schema", "--for", version)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"--for: there is no schema for `{version}`; say a version from 0.16.1 to 2.12\n"


def checked(found: dict[str, Any], files: list[Path], folder: Path) -> dict[str, Any]:
    """What check-jsonschema says of files, which it reads as YAML 1.2."""
    file = folder / "schema.json"
    file.write_text(json.dumps(found), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "-o", "json", "--schemafile", file, *files],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_check_jsonschema_reads_it(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(KAMAL_2 + "proxy:\n  ssl: off\n  buffering:\n    memory: 2_000_000\n", encoding="utf-8")
    bad.write_text(KAMAL_2 + "traefik: {}\n", encoding="utf-8")
    answer = checked(schema(NEWEST), [good, bad], tmp_path)
    assert [Path(error["filename"]).name for error in answer["errors"]] == ["bad.yml"]
    assert "'traefik'" in answer["errors"][0]["message"]


@cache
def accepted() -> tuple[tuple[Path, View], ...]:
    """Every view of a real config that Kamal 2.12 takes, with its app's folder."""
    found = []
    for folder in [*MODERN, *LEGACY]:
        try:
            project = read(folder).project
        except InputError:
            continue
        apart = [view for main in project.configs for view in views(project, main)]
        found += [(folder, view) for view in apart if not faults(view, NEWEST)]
    return tuple(found)


@real
def test_real_configs_are_taken() -> None:
    """As Kamal merges them, with a text where ERB stands."""
    assert len(accepted()) > 80
    for folder, found in accepted():
        problems = validator(NEWEST).iter_errors(as_json(plain(found.data)))
        assert not [problem.message for problem in problems], f"{folder}: {found.title}"


@real
def test_check_jsonschema_takes_real_files(tmp_path: Path) -> None:
    """As they are, so those whose ERB is YAML to an editor."""
    alone = {folder / found.layers[0].document.path for folder, found in accepted() if len(found.layers) == 1}
    over = {folder / found.layers[-1].document.path for folder, found in accepted() if len(found.layers) > 1}
    assert len(alone) > 40
    assert len(over) > 5
    for files, destination in ((alone, False), (over, True)):
        answer = checked(schema(NEWEST, destination=destination), sorted(files), tmp_path)
        unread = {Path(error["filename"]) for error in answer["parse_errors"]}
        assert answer["errors"] == []
        assert len(unread) < len(files) / 2
        for text in [file.read_text(encoding="utf-8") for file in unread]:
            assert "<%" in text or has_something_twice(text)


def has_something_twice(text: str) -> bool:
    """A key, of which Kamal takes the last, or a document, of which it takes the first."""
    try:
        YAML(typ="safe", pure=True).load(text)
    except (DuplicateKeyError, ComposerError):
        return True
    return False
