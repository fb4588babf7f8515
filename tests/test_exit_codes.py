"""The exit codes, each mode against each outcome."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from kamal_migrate import session
from kamal_migrate.engine.proofs import ProofError
from tests.commanding import (
    ARM,
    CONFIG,
    FALSE,
    HEAD,
    KAMAL_2,
    ONLY,
    UNKNOWN,
    Result,
    command,
    make_app,
    on_terminal,
    read_app,
)


class Outcome(NamedTuple):
    """An app, and what becomes of it: whether it changes, and the code of a run that does everything."""

    text: str | bytes
    changes: bool
    code: int
    files: dict[str, str | bytes] = {}  # noqa: RUF012
    more: tuple[str, ...] = ()
    fault: Exception | None = None


BROADCAST = "audit_broadcast_cmd: bin/notify\n"
OUTCOMES = {
    "nothing to do": Outcome(KAMAL_2, False, 0),
    "safe": Outcome(HEAD, True, 0, {}, ONLY),
    "review": Outcome(FALSE, True, 0, dict(ARM), ONLY),
    "assumed": Outcome(FALSE, True, 3, {}, ONLY),
    "manual only": Outcome(KAMAL_2 + UNKNOWN, False, 3),
    "a change and something manual": Outcome(
        HEAD + BROADCAST, True, 3, {}, (*ONLY, "--select", "obsolete-keys")
    ),
    "suppressed": Outcome(
        FALSE.replace("never both", "kamal-migrate: ignore[builder] never both"), False, 0, {}, ONLY
    ),
    "unreadable": Outcome("service: ä\n".encode("utf-16"), False, 2),
    "wrong usage": Outcome(HEAD, False, 2, {}, ("--to", "7")),
    "proof failure": Outcome(HEAD, False, 4, {}, (), ProofError(["config/deploy.yml: root['builder']"])),
    "bug": Outcome(HEAD, False, 4, {}, (), RuntimeError("what?")),
}


class Mode(NamedTuple):
    """A way to run, whether it writes, and the code where something would change, if it is its own."""

    run: Callable[..., Result]
    writes: bool
    arguments: tuple[str, ...] = ()
    own: int | None = None


def typing(answers: str) -> Callable[..., Result]:
    return lambda *arguments: on_terminal(answers, *arguments)


MODES = {
    "yes": Mode(typing("y\n"), True),
    "no": Mode(typing("n\n"), False, (), 0),
    "return": Mode(typing("\n\n"), False, (), 0),
    "Ctrl-D": Mode(typing("\x04\x04"), False, (), 0),
    "--yes on a terminal": Mode(typing(""), True, ("--yes",)),
    "--dry-run on a terminal": Mode(typing(""), False, ("--dry-run",)),
    "--yes": Mode(command, True, ("--yes",)),
    "--dry-run": Mode(command, False, ("--dry-run",)),
    "--dry-run --yes": Mode(command, False, ("--dry-run", "--yes")),
    "--dry-run --exit-code": Mode(command, False, ("--dry-run", "--exit-code"), 1),
    "--diff": Mode(command, False, ("--diff",)),
    "--diff --exit-code": Mode(command, False, ("--diff", "--exit-code"), 1),
    "json --yes": Mode(command, True, ("--format", "json", "--yes")),
    "json --dry-run": Mode(command, False, ("--format", "json", "--dry-run")),
    "json --dry-run --exit-code": Mode(command, False, ("--format=json", "--dry-run", "--exit-code"), 1),
    "json": Mode(command, False, ("--format", "json"), 2),
    "json on a terminal": Mode(typing("y\n"), False, ("--format", "json"), 2),
    "no terminal": Mode(command, False, (), 2),
}


@pytest.mark.parametrize(("mode", "outcome"), list(product(MODES, OUTCOMES)))
def test_exit_code(mode: str, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    way, case = MODES[mode], OUTCOMES[outcome]
    app = make_app(tmp_path, case.text, case.files)
    before = read_app(app)
    if case.fault:
        monkeypatch.setattr(session, "plan", raising(case.fault))
    run, expected = way.run, case.code
    if outcome == "assumed" and mode in ("yes", "no"):
        run = typing(f"amd64\n{mode[0]}\n")
        expected = 0  # For somebody said what the servers run.
    if case.changes and way.own is not None:
        expected = way.own
    result = run("-C", app, *way.arguments, *case.more)
    assert result.code == expected, result
    assert (read_app(app) != before) == (case.changes and way.writes)
    if expected in (2, 4):
        assert result.err.strip()
    else:
        assert not result.err


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "outcome", ["safe", "review", "assumed", "manual only", "a change and something manual"]
)
def test_dry_run_ends_with_the_code_of_the_real_run(outcome: str, tmp_path: Path) -> None:
    case = OUTCOMES[outcome]
    app = make_app(tmp_path, case.text, case.files)
    assert command("-C", app, "--dry-run", *case.more).code == command("-C", app, "--yes", *case.more).code


def test_what_is_held_back_counts_only_where_it_is_assumed(tmp_path: Path) -> None:
    assert command("-C", make_app(tmp_path / "a"), "--safe-only", "--yes", *ONLY).code == 3
    assert command("-C", make_app(tmp_path / "b", FALSE, ARM), "--safe-only", "--yes", *ONLY).code == 0


def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    assert command("-C", app, "--yes").code == 3
    again = command("-C", app, "--yes")
    assert (again.code, again.out) == (0, "shop: already explicit for Kamal 2.12\n")


def test_ctrl_c_at_the_question_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(tmp_path, HEAD)
    monkeypatch.setattr("kamal_migrate.console._ask", raising_interrupt)
    assert on_terminal("", "-C", app).code == 130
    assert (app / CONFIG).read_text() == HEAD


def raising_interrupt(_: str) -> str:
    raise KeyboardInterrupt
