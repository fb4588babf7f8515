"""The state of a campaign: what is kept is there after a kill, and two runs keep out of each other's way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate.batch.original import Original
from kamal_migrate.batch.places import CampaignError, cache_folder, check_name, names, state_folder
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.sources import REPOSITORY, URL
from kamal_migrate.batch.state import State, looked_at, opened
from kamal_migrate.batch.work import Outcome, Work

SOURCES = [("/srv/one", REPOSITORY), ("https://git.example/acme/two.git", URL)]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def state() -> Iterator[State]:
    with opened("spring", new=True) as state:
        state.add(SOURCES)
        yield state


def test_sources_are_taken_up_once_and_in_order(state: State) -> None:
    state.update(replace(state.row("/srv/one"), stage=Stage.COMMITTED, made="1" * 40))
    state.add([("/srv/three", REPOSITORY), *SOURCES])
    assert [(row.source, row.stage) for row in state.rows()] == [
        ("/srv/one", Stage.COMMITTED),
        ("https://git.example/acme/two.git", Stage.WAITING),
        ("/srv/three", Stage.WAITING),
    ]


def test_what_is_asked_for_no_more_goes_unless_something_was_done_there(state: State) -> None:
    state.update(replace(state.row("/srv/one"), stage=Stage.PUSHED))
    state.add([("/srv/three", REPOSITORY)])
    state.keep_only(["/srv/three"])
    assert [row.source for row in state.rows()] == ["/srv/one", "/srv/three"]


def test_a_plan_is_kept_whole(state: State) -> None:
    work = Work(
        Outcome.HANDS,
        files={"config/deploy.yml": b"\xff\r\n", ".kamal/hooks/b": b""},
        renamed={".kamal/hooks/b": ".kamal/hooks/a"},
        report={"app": "shöp"},
        arch=True,
    )
    row = replace(state.row("/srv/one"), stage=Stage.PLANNED, outcome=work.outcome, base="2" * 40, arch=True)
    state.planned(row, work)
    with pytest.raises(CampaignError), opened("spring"):
        pass
    assert state.row("/srv/one") == row
    assert state.files("/srv/one") == (dict(work.files), dict(work.renamed))
    assert state.report("/srv/one") == {"app": "shöp"}
    assert state.report(SOURCES[1][0]) == {}
    state.planned(row, Work(Outcome.NOTHING))
    assert state.files("/srv/one") == ({}, {})


def test_the_oldest_originals_stay(state: State) -> None:
    first = Original("a", b"1", 0o644, b"2")
    state.keep_originals("/srv/one", [first, Original("b", None, None, b"3")])
    state.keep_originals("/srv/one", [Original("a", b"2", 0o600, b"4")])
    assert state.originals("/srv/one") == [first, Original("b", None, None, b"3")]
    state.forget_originals("/srv/one")
    assert state.originals("/srv/one") == []


def test_it_is_there_again_and_for_its_user_alone(state: State) -> None:
    state.set({"a": "b"})
    state.close()
    again = State(state_folder() / "spring.sqlite")
    assert again.settings == {"a": "b"}
    again.close()
    assert (state_folder() / "spring.sqlite").stat().st_mode & 0o077 == 0
    assert names() == ["spring"]


def test_an_unfinished_change_is_no_change(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state.rows()

    def broken(row: Row) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(state, "_update", broken)
    with pytest.raises(OSError, match="no space"):
        state.planned(before[0], Work(Outcome.MIGRATED, files={"a": b"1"}))
    monkeypatch.undo()
    assert state.rows() == before
    assert state.files("/srv/one") == ({}, {})


def test_two_runs_lock_each_other_out(state: State) -> None:
    with pytest.raises(CampaignError, match=f"`spring` is in use by process {os.getpid()}"), opened("spring"):
        pass
    with opened("autumn", new=True):
        pass


HOLDER = """
import sys
from kamal_migrate.batch.state import opened
with opened("held", new=True) as state:
    state.add([("/srv/one", "repository")])
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_leaves_no_lock_and_all_it_kept() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        with pytest.raises(CampaignError, match=f"process {run.pid}"), opened("held"):
            pass
        run.send_signal(signal.SIGKILL)
        run.wait()
    with opened("held") as state:
        assert [row.source for row in state.rows()] == ["/srv/one"]


def test_a_campaign_that_is_not_there_names_those_that_are(state: State) -> None:
    with pytest.raises(CampaignError, match="no campaign `winter`; known: spring"), opened("winter"):
        pass


@pytest.mark.parametrize("name", ["", "../up", "a/b", "-x", "a b", "x.lock", "a\n", "x" * 65])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(CampaignError, match="cannot name a campaign"):
        check_name(name)


def test_a_file_that_is_no_state() -> None:
    (state_folder() / "odd.sqlite").write_bytes(
        b"something else, and longer than a header of a hundred bytes" * 3
    )
    for use in (opened, looked_at):
        with (
            pytest.raises(CampaignError, match=r"odd\.sqlite: cannot be used: .*broken; move it away"),
            use("odd"),
        ):
            pass


def test_a_state_of_another_version() -> None:
    with sqlite3.connect(state_folder() / "new.sqlite") as data:
        data.execute("PRAGMA user_version=99")
    data.close()
    with pytest.raises(CampaignError, match="another version"), opened("new"):
        pass


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/srv/acme/shop", "acme/shop"),
        ("https://git.example/acme/shop.git", "acme/shop"),
        ("git@git.example:acme/shop.git", "acme/shop"),
        ("shop", "shop"),
        ("/", "/"),
    ],
)
def test_what_a_repository_is_called(source: str, name: str) -> None:
    assert Row(source, URL).name == name


# A folder that nobody may write to, and a disk that is full.


def test_what_to_do_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(state: State, only_read: bool) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(State, "_prepare", full)
    todo = r"new\.sqlite: cannot be used: database or disk is full; .*room.*XDG_STATE_HOME"
    with pytest.raises(CampaignError, match=todo), opened("new", new=True):
        pass
    assert names() == [], "what could not be begun is not there"


def test_what_to_do_where_no_folder_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    for variable, place in (
        ("XDG_STATE_HOME", state_folder),
        ("XDG_CACHE_HOME", lambda: cache_folder("new")),
    ):
        monkeypatch.setenv(variable, str(tmp_path / "file"))
        with pytest.raises(CampaignError, match=f"cannot be used: Not a directory; .*{variable}"):
            place()


def test_it_can_be_looked_at_where_nothing_can_be_written(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps two files beside it, even for who only reads."""
    file = state_folder() / "spring.sqlite"
    connect = sqlite3.connect

    def unwritable(where: str, **settings: Any) -> Any:
        if "immutable" not in where:
            raise sqlite3.OperationalError("disk I/O error")
        return connect(where, **settings)

    monkeypatch.setattr(sqlite3, "connect", unwritable)
    with pytest.raises(CampaignError, match=r"disk I/O error; .*room"), looked_at("spring"):
        pass
    state.close()
    file.with_name("spring.sqlite-wal").write_bytes(b"")  # As an attempt to read it leaves it.
    monkeypatch.setattr("kamal_migrate.batch.state.holder", lambda file: "")
    with looked_at("spring") as found:
        assert [row.source for row in found.rows()] == [source for source, _ in SOURCES]
