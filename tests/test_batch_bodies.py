"""`batch apply` leaves a text for each pull request: a Markdown file for each branch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kamal_migrate.batch.bodies import file_name, write_bodies
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.sources import REPOSITORY
from kamal_migrate.batch.state import opened
from kamal_migrate.batch.work import Outcome, work
from kamal_migrate.disk import read
from kamal_migrate.findings import Options
from tests.support import FIXTURES


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_a_text_for_each_branch(tmp_path: Path) -> None:
    project = read(FIXTURES / "apps" / "shop" / "before").project
    made = work(project, Options())
    sources = ["/srv/acme/shop", "/srv/acme/quiet"]
    with opened("spring", new=True) as state:
        state.add([(source, REPOSITORY) for source in sources])
        row = replace(state.row(sources[0]), stage=Stage.COMMITTED, outcome=Outcome.MIGRATED, branch="b")
        state.planned(row, made)
        place = write_bodies(state, state.rows(), "spring")
        assert place is not None
        assert [file.name for file in place.iterdir()] == [file_name(row)]
        assert "builder/multiarch" in (place / file_name(row)).read_text()
        assert write_bodies(state, state.rows(), "spring", tmp_path / "own") == tmp_path / "own"
        assert write_bodies(state, [state.row(sources[1])], "spring") is None


@pytest.mark.parametrize(
    "source", ["/srv/../..", "/srv/a\nb\x1b[31m", "https://u:secret@git.example/x/y.git", "/"]
)
def test_names_of_files_hold_nothing_odd(source: str) -> None:
    name = file_name(Row(source, REPOSITORY))
    assert name.isascii()
    assert name.isprintable()
    assert "/" not in name
    assert not name.startswith(".")
    assert "secret" not in name
