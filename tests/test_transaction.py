"""Files that come, grow and are renamed: all or none, with the modes they are to have."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kamal_migrate import memory, transaction
from kamal_migrate.disk import WriteError, read
from kamal_migrate.transaction import Change, NotRestored, Stopped
from kamal_migrate.transaction import carry_out as carry_out_changes
from tests.commanding import CONFIG, FALSE, HEAD, commit, make_app
from tests.planned import carry_out, planned, write_plan

ROOT = Path(__file__).resolve().parent.parent
OLD, NEW = ".mrsk/hooks/pre-deploy", ".kamal/hooks/pre-deploy"
HOOK = "#!/bin/sh\necho $MRSK_VERSION\n"
# Everything at once: a file that comes in a folder that comes, one that is private, one that grows, one that
# is edited, one that is renamed and reworded.
TEXTS = {
    CONFIG: HEAD,
    ".env": "A=1\nB=2\n",
    ".kamal/secrets": "A=$A\n",
    ".kamal/secrets.live": "A=hunter2\n",
    NEW: HOOK.replace("MRSK", "KAMAL"),
}
STEPS = len(TEXTS) + 1


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with something for every kind of change."""
    app = make_app(tmp_path / "shop", FALSE, {".env": "A=1\n", OLD: HOOK, "README": ""})
    (app / OLD).chmod(0o755)
    return app


def snapshot(app: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder with its mode, and what is in it."""
    return {
        path.relative_to(app).as_posix(): (
            path.lstat().st_mode,
            b""
            if path.is_dir()
            else os.fsencode(path.readlink())
            if path.is_symlink()
            else path.read_bytes(),
        )
        for path in app.rglob("*")
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def all_of_it(app: Path) -> None:
    carry_out(app, TEXTS, {NEW: OLD}, [".kamal/secrets.live"])


@pytest.mark.parametrize(("umask", "plain"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_everything_at_once(umask: int, plain: int, app: Path) -> None:
    (app / ".env").chmod(0o640)
    before = os.umask(umask)
    try:
        all_of_it(app)
    finally:
        os.umask(before)
    files = {path: path.read_text() for path in app.rglob("*") if path.is_file()}
    assert files == {app / path: text for path, text in {**TEXTS, "README": ""}.items()}
    assert mode(app / ".kamal/secrets") == plain
    assert mode(app / ".kamal/secrets.live") == 0o600
    assert mode(app / ".env") == 0o640
    assert mode(app / NEW) == 0o755
    assert not (app / ".mrsk").exists()


def test_a_private_file_that_grows_is_for_its_owner_alone(app: Path) -> None:
    (app / ".env").chmod(0o664)
    carry_out(app, {".env": "A=1\nB=hunter2\n"}, private=[".env"])
    assert mode(app / ".env") == 0o600


def test_what_is_renamed_keeps_its_owner(app: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(app / OLD, 12345, 23456)
    (app / OLD).chmod(0o4711)
    carry_out(app, {}, {NEW: OLD})
    about = (app / NEW).stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (12345, 23456, 0o4711)


def test_a_folder_goes_only_when_nothing_is_left_in_it(app: Path) -> None:
    (app / ".mrsk/hooks/notes").write_text("")
    carry_out(app, {}, {NEW: OLD})
    assert [path.name for path in (app / ".mrsk/hooks").iterdir()] == ["notes"]


def test_an_empty_file_comes(app: Path) -> None:
    carry_out(app, {".kamal/secrets": ""})
    assert (app / ".kamal/secrets").read_bytes() == b""


@pytest.mark.parametrize("failing", range(1, STEPS + 1))
def test_a_failure_puts_everything_back(failing: int, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / "empty").mkdir()
    before = snapshot(app)
    real, calls = os.replace, [0]

    def replace(source: str | Path, target: str | Path) -> None:
        calls[0] += 1
        if calls[0] == failing:
            raise OSError(28, "No space left on device", str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(WriteError, match=r"^\S+: cannot be written: No space left on device; nothing is"):
        all_of_it(app)
    assert calls[0] >= failing
    assert snapshot(app) == before


def test_without_hard_links_copies_are_put_back(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    test_a_failure_puts_everything_back(STEPS, app, monkeypatch)


@pytest.mark.parametrize("path", [".kamal/secrets", "a/b/c/secrets"])
def test_a_folder_that_cannot_be_made(path: str, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = snapshot(app), Path.mkdir

    def mkdir(folder: Path) -> None:
        if folder.name in (".kamal", "c"):
            raise PermissionError(13, "Permission denied")
        real(folder)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(WriteError, match=f"^{path}: no permission to write into its folder; nothing is"):
        carry_out(app, {CONFIG: HEAD, path: "A=$A\n"})
    assert snapshot(app) == before


def test_a_file_where_a_folder_is_to_be(app: Path) -> None:
    (app / ".kamal").write_text("")
    before = snapshot(app)
    with pytest.raises(WriteError, match="Not a directory; nothing is changed"):
        carry_out(app, {CONFIG: HEAD, ".kamal/secrets": "A=$A\n"})
    assert snapshot(app) == before


@pytest.mark.parametrize("stopping", range(1, STEPS))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_everything_back(
    number: signal.Signals, stopping: int, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real, calls = snapshot(app), os.replace, [0]

    def replace(source: str | Path, target: str | Path) -> None:
        real(source, target)
        calls[0] += 1
        if calls[0] == stopping:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(Stopped):
        all_of_it(app)
    assert snapshot(app) == before


@pytest.mark.heavy
@pytest.mark.parametrize("after", range(1, 2 * STEPS))
def test_killed_in_the_middle_every_file_is_whole_and_none_is_lost(after: int, app: Path) -> None:
    before = {path: path.read_text() for path in app.rglob("*") if path.is_file()}
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.test_transaction import all_of_it\n"
        "calls = [0]\n"
        "def dying(name):\n"
        "    real = getattr(os, name)\n"
        "    def call(*arguments):\n"
        "        calls[0] += 1\n"
        f"        if calls[0] == {after}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return real(*arguments)\n"
        "    setattr(os, name, call)\n"
        "dying('replace'); dying('fsync')\n"
        "all_of_it(Path(sys.argv[1]))\n"
    )
    run = subprocess.run([sys.executable, "-c", code, app], cwd=ROOT, capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    found = {path: path.read_text() for path in app.rglob("*") if path.is_file()}
    own = {path: text for path, text in found.items() if not path.name.startswith(transaction.PREFIX)}
    wanted = {app / path: text for path, text in TEXTS.items()}
    assert all(text in (before.get(path), wanted.get(path)) for path, text in own.items())
    assert app / OLD in own or own[app / NEW] == TEXTS[NEW]
    assert own.keys() >= before.keys() - {app / OLD}
    private = [path for path, text in found.items() if "hunter2" in text]
    assert all(mode(path) == 0o600 for path in private)


# What is there by now, and links.


def raced(app: Path, race: Callable[[], object], message: str) -> None:
    """Something happens between reading and writing."""
    folder = read(app)
    race()
    before = snapshot(app)
    with pytest.raises(WriteError, match=message):
        write_plan(folder, planned(folder, TEXTS, {NEW: OLD}, [".kamal/secrets.live"]))
    assert snapshot(app) == before


THERE = "is there, but was not read; nothing written. Look at it, then run again$"
CHANGED = "changed on disk since it was read; nothing written, run again$"


@pytest.mark.parametrize("path", [".kamal/secrets", NEW])
def test_a_file_that_came_meanwhile_is_refused(path: str, app: Path) -> None:
    raced(app, lambda: make_app(app, FALSE, {path: "mine\n"}), f"^{path}: {THERE}")


def test_a_file_that_comes_at_the_last_moment_is_refused(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def replace(source: str | Path, target: str | Path) -> None:
        real(source, target)
        (app / NEW).write_text("mine\n")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(WriteError, match=f"^{NEW}: cannot be written: something is there by now; nothing is"):
        all_of_it(app)
    assert (app / NEW).read_text() == "mine\n"
    assert (app / OLD).read_text() == HOOK


@pytest.mark.parametrize("path", [".env", OLD])
def test_a_guest_that_changed_meanwhile_is_refused(path: str, app: Path) -> None:
    raced(app, lambda: (app / path).write_text("mine\n"), f"^{path}: {CHANGED}")
    raced(app, (app / path).unlink, f"^{path}: {CHANGED}") if path == OLD else None


def test_what_is_there_but_cannot_be_read_is_refused(app: Path) -> None:
    (app / ".kamal").mkdir()
    os.mkfifo(app / ".kamal/secrets")
    with pytest.raises(WriteError, match=rf"^\.kamal/secrets: {THERE}"):
        all_of_it(app)
    (app / ".kamal/secrets").unlink()
    for target in ("nothing", "secrets"):
        (app / ".kamal/secrets").symlink_to(target)
        with pytest.raises(WriteError, match=rf"^\.kamal/secrets: {THERE}"):
            all_of_it(app)
        (app / ".kamal/secrets").unlink()


def test_a_link_is_written_through(app: Path) -> None:
    make_app(app, FALSE, {"shared/secrets": "A=$A\n", ".kamal/x": ""})
    (app / ".kamal/secrets").symlink_to("../shared/secrets")
    carry_out(app, {".kamal/secrets": "A=$A\nB=$B\n"})
    assert (app / ".kamal/secrets").is_symlink()
    assert (app / "shared/secrets").read_text() == "A=$A\nB=$B\n"


def test_files_come_into_a_linked_folder(app: Path, tmp_path: Path) -> None:
    (tmp_path / "kamal").mkdir()
    (app / ".kamal").symlink_to(tmp_path / "kamal")
    all_of_it(app)
    assert (app / ".kamal").is_symlink()
    assert (tmp_path / "kamal/hooks/pre-deploy").read_text() == TEXTS[NEW]


def test_a_renamed_link_is_refused(app: Path) -> None:
    (app / "bin").mkdir()
    (app / OLD).rename(app / "bin/deploying")
    (app / OLD).symlink_to("../../bin/deploying")
    before = snapshot(app)
    message = f"^{OLD}: is a symbolic link; move it to {NEW} yourself, then run again$"
    with pytest.raises(WriteError, match=message):
        all_of_it(app)
    assert snapshot(app) == before


def test_what_cannot_be_put_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("text")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if source == old:
            monkeypatch.setattr(Path, "unlink", fail)
            fail()
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(NotRestored, match=rf"^could not be put back: {new} \(it was not there\)$"):
        carry_out_changes([Change(new, b"text", old)])
    assert (old.read_text(), new.read_text()) == ("text", "text")


# What git and the memory know.


def test_guests_that_are_not_committed(app: Path) -> None:
    commit(app)
    paths = [*TEXTS, OLD]
    assert read(app).uncommitted(paths) == []
    (app / OLD).write_text("mine\n")
    (app / ".env").write_text("mine\n")
    assert read(app).uncommitted(paths) == [".env", OLD]


def test_of_private_files_nothing_is_remembered(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    all_of_it(app)
    assert memory.wrote(app / ".kamal/secrets", b"A=$A\n")
    state = (tmp_path / "state/kamal-migrate/written.json").read_text()
    assert "secrets.live" not in state
