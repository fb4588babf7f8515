"""The preview, and the report for programs with its schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kamal_migrate.report import terminal
from tests.commanding import (
    ARM,
    CONFIG,
    FALSE,
    HEAD,
    KAMAL_2,
    ONLY,
    QUESTION,
    command,
    make_app,
    on_terminal,
)

SCHEMA = json.loads((Path(terminal.__file__).parent / "schema.json").read_text(encoding="utf-8"))
# What is left for hands, in a Kamal 1 config too.
AUDIT = "audit_broadcast_cmd: bin/notify\n"
GROUPED = {
    "config/deploy.a.yml": AUDIT,
    "config/deploy.b.yml": AUDIT,
    "config/deploy.with-a-very-long-name-of-a-destination.yml": AUDIT,
}


def report(*arguments: str | Path) -> dict[str, Any]:
    """The report of a run, checked against its schema."""
    result = command(*arguments, "--format", "json")
    found = json.loads(result.out)
    Draft202012Validator(SCHEMA).validate(found)
    assert found["exit_code"] == result.code
    assert result.out.isascii()
    assert isinstance(found, dict)
    return found


def test_the_schema_is_one_and_closed() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    def closed(schema: Any) -> bool:
        if isinstance(schema, dict):
            open_object = schema.get("type") == "object" and "additionalProperties" not in schema
            required = set(schema.get("required", ())) == set(schema.get("properties", ()))
            return not open_object and required and all(map(closed, schema.values()))
        return all(map(closed, schema)) if isinstance(schema, list) else True

    properties = SCHEMA["properties"]
    assert closed({"a": SCHEMA["$defs"], "b": [properties[name] for name in properties]})
    assert set(SCHEMA["required"]) == set(properties)


@pytest.mark.parametrize(
    ("text", "files", "arguments"),
    [
        (KAMAL_2, {}, ["--dry-run"]),
        (FALSE, {}, ["--dry-run"]),
        (FALSE, ARM, ["--dry-run", "--exit-code"]),
        (FALSE, ARM, ["--yes"]),
        (FALSE, ARM, ["--safe-only", "--yes"]),
        (FALSE, {}, ["--from", "1.8", "--to", "1.9", "--dry-run"]),
        (HEAD + AUDIT, GROUPED, ["--dry-run"]),
        (FALSE + "# kamal-migrate: ignore[proxy]\n", ARM, ["--dry-run"]),
        (FALSE.replace("builder:", "builder: # why\n  # not"), ARM, ["--dry-run", "--preserve"]),
        (HEAD + 'builder: {multiarch: <%= "\x1b[31m" %>}\nlabels: {é: "\u202e"}\n', {}, ["--dry-run"]),
    ],
)
def test_reports_for_programs(text: str, files: dict[str, str], arguments: list[str], tmp_path: Path) -> None:
    app = make_app(tmp_path, text, files)
    found = report("-C", app, *arguments)
    assert found["written"] == ("--yes" in arguments and bool(found["files"]))
    assert found["app"] == tmp_path.name
    for finding in found["findings"]:
        assert finding["applied"] == (finding["safety"] != "manual" and finding["held"] is None)


def test_an_unknown_field_or_version_is_not_valid(tmp_path: Path) -> None:
    found = report("-C", make_app(tmp_path), "--dry-run")
    validator = Draft202012Validator(SCHEMA)
    assert not validator.is_valid({**found, "more": 1})
    assert not validator.is_valid({**found, "schema_version": 2})


def preview(app: Path, *arguments: str) -> str:
    out = command("-C", app, "--dry-run", *arguments).out
    too_long = [line for line in out.split("\n") if len(line) > 80 and not re.match(r"    [-+ @]", line)]
    assert not too_long
    return out


def test_the_preview(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE + AUDIT, {"config/deploy.eu.yml": AUDIT, "Gemfile.lock": LOCK})
    text = preview(app)
    assert text.startswith("shop: config/deploy.yml with eu · Kamal 1.8.3 (Gemfile.lock) → 2.12\n\n")
    assert "\nconfig/deploy.yml\n  builder/multiarch · assumed\n" in text
    assert "    -  multiarch: false # never both\n    +  arch: amd64 # never both\n" in text
    assert "\n.kamal/secrets-common (new)\n  secrets/file · review\n" in text
    assert "    +KAMAL_REGISTRY_PASSWORD=$KAMAL_REGISTRY_PASSWORD\n" in text
    assert "\nWhat changes for the deployment\n  role web: " in text
    assert "\n  image: built for                          the machine that runs kamal →\n" in text
    assert "\nLeft for you\n  config/deploy.yml:11    hooks took the place of" in text
    assert "\n  config/deploy.eu.yml:1  " in text
    assert "Kamal passes them empty:\n  KAMAL_REGISTRY_PASSWORD " in text
    assert "\n2 files, 3 changes (1 to review, 2 assumed), 2 left for you. Nothing written.\n" in text
    assert text.endswith(
        "The whole story: kamal-migrate explain builder (or proxy, secrets,\n  obsolete-keys)\n"
        "Then, for the servers: kamal-migrate steps\n"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FALSE + AUDIT, ["builder", "proxy", "secrets", "obsolete-keys"]),
        (KAMAL_2 + AUDIT, ["obsolete-keys"]),
        (KAMAL_2 + "proxy: {hosts: shop.example}\nvolumes: 3\n", ["strict-types"]),
        (KAMAL_2.replace("registry", "x-registry"), ["kamal/refuses"]),
    ],
)
def test_the_hint_names_a_page_for_each_finding(tmp_path: Path, text: str, named: list[str]) -> None:
    said = " ".join(preview(make_app(tmp_path, text)).split())
    found = re.search(r"The whole story: kamal-migrate explain (\S+)(?: \(or ([^)]*)\))?", said)
    assert found
    assert list(filter(None, [found[1], *(found[2] or "").split(", ")])) == named
    assert all(command("explain", page).code == 0 for page in named)


STEPS = "\n\nThen, for the servers (all of it: kamal-migrate steps)\n"


def test_after_writing_come_the_steps_of_the_app(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE + AUDIT, {"config/deploy.eu.yml": AUDIT, "Gemfile.lock": LOCK})
    assert STEPS not in command("-C", app, "--dry-run").out
    _, heading, steps = command("-C", app, "--yes").out.partition(STEPS)
    assert heading
    lines = steps.splitlines()
    assert len(lines) < 8
    assert [line[:5] for line in lines] == [f"  {count}. " for count in range(1, len(lines) + 1)]
    assert "1.9" in lines[0]
    assert "kamal upgrade (each destination)" in steps
    again = command("-C", app, "--yes").out
    assert "for the servers" not in again


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (KAMAL_2.replace("arch: amd64", "arch: amd64\n  args: {A: 1}"), ()),
        (FALSE, ("--to", "1.9")),
        (KAMAL_2 + "boot: {limit: }\n", ()),
        (KAMAL_2 + "boot: {limit: }\n", ("--from", "2.1")),
        (FALSE, ("--format", "json")),
        (FALSE, ("--diff",)),
    ],
)
@pytest.mark.parametrize("mode", ["--dry-run", "--yes"])
def test_no_steps_where_no_app_leaves_kamal_1(
    mode: str, text: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    way = [] if "--diff" in arguments else [mode]
    result = command("-C", make_app(tmp_path, text), *way, *arguments)
    assert result.code in (0, 3), result.err
    assert "for the servers" not in result.out


def test_no_steps_for_one_who_says_no(tmp_path: Path) -> None:
    text = on_terminal("amd64\nn\n", "-C", make_app(tmp_path), "--color", "never").out
    assert text.endswith("Nothing written.\n")


def test_an_app_that_is_said_to_come_from_kamal_1_gets_its_steps(tmp_path: Path) -> None:
    text = KAMAL_2 + "boot: {limit: }\n"
    app = make_app(tmp_path, text)
    assert STEPS in command("-C", app, "--from", "1.9", "--yes").out


LOCK = "GEM\n  specs:\n    kamal (1.8.3)\n"


def test_a_reason_is_given_once(tmp_path: Path) -> None:
    files = {"config/deploy.eu.yml": FALSE, **ARM}
    text = preview(make_app(tmp_path, FALSE, files))
    assert text.count("Kamal 2 knows no `multiarch`") == 1
    assert "\nconfig/deploy.eu.yml\n  builder/multiarch · review (as above)\n" in text


def test_long_places_stand_alone(tmp_path: Path) -> None:
    text = preview(make_app(tmp_path, HEAD + AUDIT, GROUPED))
    assert "\n  config/deploy.with-a-very-long-name-of-a-destination.yml:1\n      " in text


def test_what_is_held_back_is_said(tmp_path: Path) -> None:
    text = preview(make_app(tmp_path, FALSE, ARM), "--safe-only", *ONLY)
    assert (
        "\nNot done\n  config/deploy.yml:10  builder/multiarch · review: held back by --safe-only\n" in text
    )
    assert "\nNothing to write, 1 not done.\n" in text


@pytest.mark.parametrize(
    ("text", "arguments", "line"),
    [
        (KAMAL_2, [], "already explicit for Kamal 2.12"),
        (KAMAL_2, ["--to", "2.0"], "already explicit for Kamal 2.0"),
        (HEAD, ["--select", "timeouts"], "nothing to do for Kamal 2.12 in what is selected"),
        (KAMAL_2, ["--ignore", "builder"], "nothing to do for Kamal 2.12 in what is selected"),
        (
            KAMAL_2 + "frobnicate: 1 # kamal-migrate: ignore[strict-types]\n",
            [],
            "nothing to do for Kamal 2.12 but what the files say to ignore",
        ),
    ],
)
def test_nothing_to_do_is_one_calm_and_true_line(
    text: str, arguments: list[str], line: str, tmp_path: Path
) -> None:
    assert preview(make_app(tmp_path / "shop", text), *arguments) == f"shop: {line}\n"


def test_comments_that_go_are_shown(tmp_path: Path) -> None:
    over = "env: {a: b}\nbuilder:\n  # qemu was slow\n  multiarch: false # token: hunter2hunter2\n"
    shown = preview(make_app(tmp_path, KAMAL_2, {"config/deploy.eu.yml": over}))
    assert "hunter2" not in shown
    gone = (
        "\nComments that go with what they describe (--keep-comments keeps them)\n  config/deploy.eu.yml: #"
    )
    assert gone in shown


def test_a_cache_that_is_left_out_is_said_where_it_would_come(tmp_path: Path) -> None:
    shown = preview(make_app(tmp_path, FALSE + "volumes: [a:/a]\nvolumes: [b:/b]\n"), "--arch", "amd64")
    above, _, _ = shown.partition("+  arch: amd64")
    assert "    no cache is added: `volumes` stands twice in this mapping\n" in above


def test_the_question_comes_after_its_reason_and_before_the_preview(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    text = on_terminal("x86\naarch64\ny\n", "-C", app, "--color", "never", *ONLY).out
    assert text.count(QUESTION) == 2
    assert (
        text.index("nothing says what the servers run") < text.index(QUESTION) < text.index("+  arch: arm64")
    )
    assert text.index("arm64: your answer") < text.index("Write? [y/N]")
    assert "\n1 file, 1 change (1 to review). Write? [y/N] Written: 1 file.\n\nThen, for" in text
    assert "arch: arm64" in (app / CONFIG).read_text()


def test_text_that_steers_a_terminal_is_shown_as_text() -> None:
    assert terminal.printable("a\x1b[31m\x9b\u202e\tb\r\n\ud800é 語\ufeff") == (
        "a\\x1b[31m\\x9b\\u202e\tb\\r\\n\\ud800é 語\\ufeff"
    )


def test_how_to_see_the_secrets_fits_the_files_that_kamal_1_loaded(tmp_path: Path) -> None:
    secret = HEAD + "env: {secret: [TOKEN]}\n"
    without = make_app(tmp_path / "without", secret)
    assert "(see: kamal secrets print)" in command("-C", without, "--dry-run").out
    plain = make_app(tmp_path / "plain", secret, {".env": "TOKEN=x\n"})
    assert "(see: dotenv kamal secrets print)" in command("-C", plain, "--dry-run").out
    more = {"config/deploy.live.yml": "env: {secret: [TOKEN, OTHER]}\n", ".env.live": "OTHER=x\n"}
    most = command("-C", make_app(tmp_path / "most", secret, more), "--dry-run").out
    assert "(see: dotenv -f .env.live kamal secrets print -d live)" in most
    servers = "servers:\n  - 192.0.2.1\n"
    files = {"config/deploy.live.yml": servers, ".env": "A=x\n", ".env.live": "TOKEN=x\n"}
    live = command("-C", make_app(tmp_path / "live", secret.replace(servers, ""), files), "--dry-run").out
    assert "(see: dotenv -f .env.live,.env kamal secrets print -d live)" in live
