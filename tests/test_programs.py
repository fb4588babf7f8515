"""Other programs: which one is taken, and what it can reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kamal_migrate import programs


def make(folder: Path, said: str) -> Path:
    """A program named `tool` that prints something."""
    folder.mkdir()
    file = folder / "tool"
    file.write_text(f"#!/bin/sh\necho {said}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("here", ["", ".", "bin", "./bin"])
def test_a_program_of_the_current_folder_is_never_taken(
    here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(tmp_path / "bin", "mine").parents[1 if here.endswith("bin") else 0]
    monkeypatch.chdir(app)
    monkeypatch.setenv("PATH", here)
    assert programs.found("tool") is None
    installed = make(tmp_path / "usr", "theirs")
    monkeypatch.setenv("PATH", os.pathsep.join((here, str(installed.parent))))
    assert programs.found("tool") == str(installed)


def test_a_program_has_no_terminal_and_nothing_to_read(tmp_path: Path) -> None:
    script = 'cat; (: < /dev/tty) 2> /dev/null || echo none; pwd; echo "$NAME"; echo so >&2'
    with programs.started(["/bin/sh", "-c", script], tmp_path, {"NAME": "a"}) as process:
        out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["none", str(tmp_path), "a"]
    assert err == b"so\n"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        programs.started([str(tmp_path / "tool")], tmp_path, {})
