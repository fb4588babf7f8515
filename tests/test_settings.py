"""`kamal-migrate.toml`: what it may say, where it is looked for, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamal_migrate.kamal.versions import Version
from kamal_migrate.settings import FILE, Settings, SettingsError, find_settings, parse_settings, target
from tests.commanding import ARM, CONFIG, FALSE, command, make_app

ALL = 'arch = "arm64"\nto = "2.1"\ncache = "none"\nselect = ["builder"]\nignore = ["legacy-keys"]\n'


def test_every_setting() -> None:
    expected = Settings("arm64", Version(2, 1, 2), "none", ("builder",), ("legacy-keys",))
    assert parse_settings(ALL) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'codemods = "mine"\n',
            "`codemods` is no setting; there are arch, to, cache, select, ignore and inventory",
        ),
        ('[arch]\nname = "arm64"\n', 'arch is a word in quotes, such as arch = "amd64"'),
        ('arch = "x86"\n', "arch cannot be `x86`; it is one of amd64, arm64, both"),
        ('cache = "s3"\n', "cache cannot be `s3`; it is one of registry, plain, gha, none"),
        ("to = 2.10\n", 'to is a word in quotes, such as to = "2.1"'),
        ('to = "1.8"\n', "cannot migrate to `1.8`; say 1.9, or a version from 2.0 on"),
        ('select = "builder"\n', 'select is a list of ids, such as select = ["builder"]'),
        ("ignore = [1]\n", 'ignore is a list of ids, such as ignore = ["builder"]'),
    ],
)
def test_what_is_no_setting(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings(text)
    assert str(error.value) == f"{FILE}: {message}"


@pytest.mark.parametrize(
    ("text", "place"), [('arch = "amd64"\nto = \n', "2:6"), ('arch = "', "1:9"), ("x" * 10, "1:11")]
)
def test_what_is_no_toml_has_a_place(text: str, place: str) -> None:
    with pytest.raises(SettingsError, match=f"^{FILE}:{place}: not TOML: "):
        parse_settings(text)


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    below = tmp_path / "apps" / "shop"
    below.mkdir(parents=True)
    (tmp_path / FILE).write_text('arch = "arm64"\n')
    assert find_settings(below) == Settings("arm64", file=f"../../{FILE}")
    (below / FILE).write_text('cache = "gha"\n')
    assert find_settings(below) == Settings(cache="gha", file=FILE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"arch = \xff\n", f"{FILE}: not UTF-8; save the file as UTF-8"),
        (b"#" * 70_000, f"{FILE}: more than 65,536 bytes are no settings"),
        (b"a = " + b"[" * 60_000, f"{FILE}: not TOML that anybody wrote: nested too deep"),
    ],
)
def test_a_file_that_nobody_meant(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SettingsError) as error:
        find_settings(tmp_path)
    assert str(error.value) == message


def test_a_folder_of_that_name_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert find_settings(tmp_path).file != FILE


def test_settings_are_named_as_evidence_and_the_command_line_wins(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {FILE: 'arch = "arm64"\n', **ARM})
    shown = command("-C", app, "--dry-run")
    assert f"settings: {FILE}\n" in shown.out
    assert f"arm64: {FILE}\n" in shown.out
    assert "amd64: --arch\n" in command("-C", app, "--dry-run", "--arch", "amd64").out


def test_wrong_settings_are_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {FILE: "arch: arm64\n"})
    result = command("-C", app, "--yes")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"{FILE}:1:5: not TOML: ")
    assert result.err.count("\n") == 1
    assert (app / CONFIG).read_text() == FALSE


def test_selecting_what_does_not_exist_is_an_error(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {FILE: 'select = ["bulider"]\n'})
    assert command("-C", app, "--dry-run") == (
        2,
        "",
        "there is no codemod `bulider`; see: kamal-migrate list\n",
    )


@pytest.mark.parametrize("text", ["1.9", "2", "2.0", "v2.1.1", "2.12"])
def test_targets(text: str) -> None:
    assert target(text) >= Version(1, 9)


@pytest.mark.parametrize("text", ["", "1.8", "3.0", "two", "2.x", "2.1.1.1", "-1"])
def test_no_targets(text: str) -> None:
    with pytest.raises(SettingsError):
        target(text)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text("")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match=f"^{FILE}: cannot be read: Permission denied$"):
        find_settings(tmp_path)


def test_what_is_out_of_reach_above_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert find_settings(tmp_path) == Settings()
