"""Reading whatever is there, and writing all or none."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kamal_migrate import disk, transaction
from kamal_migrate.disk import WriteError, read, write
from kamal_migrate.transaction import Change, NotCarriedOut, NotRestored, Stopped, carry_out
from tests.commanding import ARM, CONFIG, FALSE, HEAD, KAMAL_2, ONLY, command, make_app, on_terminal, read_app

ROOT = Path(__file__).resolve().parent.parent
THREE = {
    "config/deploy.a.yml": "builder: {multiarch: false}\n",
    "config/deploy.b.yml": "image: acme/b\n",
    **ARM,
}
THREE["config/deploy.b.yml"] += "builder: {multiarch: false}\n"
BY_ROOT = os.geteuid() == 0


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app in which three files change."""
    return make_app(tmp_path / "shop", FALSE, THREE)


def litter(app: Path) -> list[str]:
    return [path.name for path in app.rglob("*") if path.name.startswith(transaction.PREFIX)]


# Reading.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("service: ä\n".encode("utf-16"), "1:1: this is UTF-16; save it as UTF-8"),
        (b"# \xc3\xa4\nname: caf\xe9\n", "2:10: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"a" * 1_048_577, " 1,048,577 bytes are too many for a Kamal config (1,048,576 at most)"),
        (b"- a\n", "1:1: this is no Kamal config: its root is not a mapping"),
        (b"service: [\n", None),
        (b"a:\n\tb: 1\n", None),
        (b"a: <% if x\n", None),
        (b"a: &a [*a]\n", None),
        (b"a: \x00\n", None),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_lost(
    content: bytes, message: str | None, tmp_path: Path
) -> None:
    app = make_app(tmp_path, content)
    for arguments in (("--yes",), ("--dry-run",), ("--diff",), ("--format", "json", "--yes")):
        result = command("-C", app, *arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"{CONFIG}:")
        assert result.err.count("\n") == 1
        assert message is None or result.err == f"{CONFIG}:{message}\n"
    assert (app / CONFIG).read_bytes() == content


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nothing.yml")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "this is a folder; name the config in it with -c"),
        (fifo, "this is no regular file; name another config with -c"),
        (device, "this is no regular file; name another config with -c"),
        (loop, "cannot be read: Too many levels of symbolic links"),
        (dangling, "this link points to nothing"),
    ],
)
def test_what_is_no_file(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    make(tmp_path / CONFIG)
    assert command("-C", tmp_path, "--yes") == (2, "", f"{CONFIG}: {message}\n")


def test_a_file_of_fifty_megabytes(tmp_path: Path) -> None:
    file = make_app(tmp_path) / CONFIG
    with file.open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)
    assert "52,428,800 bytes are too many" in command("-C", tmp_path, "--yes").err


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    app = make_app(tmp_path, KAMAL_2, {"other.yml": b"\xff\xfe", "config/x.yaml": b"a: [\n"})
    fifo(app / "pipe.yml")
    loop(app / "loop.yml")
    (app / "big.yml").write_bytes(b"#" * 2_000_000)
    (app / "Dockerfile").mkdir()
    assert command("-C", app, "--dry-run").code == 0


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("nowhere", "no such folder"),
        (CONFIG, "this is no folder; name the app's folder with -C"),
        ("config", "no Kamal config here; name the app's folder with -C or the config with -c"),
    ],
)
def test_folders_without_an_app(folder: str, message: str, tmp_path: Path) -> None:
    make_app(tmp_path, "a: 1\n")
    assert command("-C", tmp_path / folder, "--yes") == (2, "", f"{tmp_path / folder}: {message}\n")


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    assert command("-C", make_app(tmp_path), "-c", "kamal.yml").err == "kamal.yml: no such file\n"


def as_nobody(action: Callable[[], None]) -> None:
    """Do something as somebody whom permissions bind, in another process where that is not this user."""
    if not BY_ROOT:
        action()
        return
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            action()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def open_app() -> Iterator[Path]:
    """An app in a folder that everybody can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield make_app(Path(folder), FALSE, THREE)


def expect(app: Path, message: str) -> None:
    before = read_app(app)
    result = command("-C", app, "--yes")
    assert (result.code, result.err) == (2, message), result
    assert read_app(app) == before


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_without_permission(open_app: Path) -> None:
    app, config = open_app, open_app / CONFIG
    folder = config.parent
    # Loads what nobody may be unable to load.
    for arguments in (("--dry-run",), ("--diff",), ("--yes", "-c", "nowhere.yml")):
        command("-C", app, *arguments)

    def run(message: str) -> None:
        as_nobody(lambda: expect(app, message))

    for path in folder.iterdir():
        path.chmod(0o444)
    run(f"{CONFIG}: no permission to write it; nothing is changed\n")
    for path in folder.iterdir():
        path.chmod(0o666)
    folder.chmod(0o555)
    run(f"{CONFIG}: no permission to write into its folder; nothing is changed\n")
    config.chmod(0)
    as_nobody(lambda: _says(app, f"{CONFIG}: no permission to read it\n"))
    folder.chmod(0)
    as_nobody(lambda: _says(app, f"{CONFIG}: no permission to read it\n"))
    app.chmod(0)
    as_nobody(lambda: _says(app, f"{app}: cannot be read: Permission denied\n"))
    app.chmod(0o755)
    folder.chmod(0o755)


def _says(app: Path, message: str) -> None:
    assert command("-C", app, "--yes") == (2, "", message)


# Discovery.


def configs(app: Path, *asked: str) -> list[tuple[str, list[str]]]:
    return [(config.base, list(config.destinations)) for config in read(app, asked).project.configs]


def test_several_main_configs_and_those_elsewhere(tmp_path: Path) -> None:
    files = {
        "config/deploy_eu.yml": FALSE,
        "ops/kamal.yaml": FALSE,
        "ops/kamal.live.yml": "a: 1\n",
        "b.yml": "a: 1\n",
    }
    app = make_app(tmp_path, FALSE, files)
    assert configs(app) == [(CONFIG, []), ("config/deploy_eu.yml", []), ("ops/kamal.yaml", ["live"])]


def test_the_configs_asked_for_and_no_others(tmp_path: Path) -> None:
    files = {
        "a.yml": FALSE,
        "b.erb": FALSE,
        "a.x.yml": "a: 1\n",
        "../out/c.yml": FALSE,
        "../out/c.y.yml": "a: 1\n",
    }
    app = make_app(tmp_path / "shop", FALSE, files)
    assert configs(app, "a.yml", "./a.yml") == [("a.yml", ["x"])]
    assert configs(app, str(app / "a.yml"), "b.erb") == [("a.yml", ["x"]), ("b.erb", [])]
    assert configs(app, "../out/c.yml") == [("../out/c.yml", ["y"])]
    assert configs(app, str(tmp_path / "out/c.yml")) == [(f"{tmp_path}/out/c.yml", ["y"])]
    assert "outside of this folder" not in command("-C", app, "-c", "../out/c.yml", "--dry-run", *ONLY).out
    assert command("-C", app, "-c", "b.erb", "--yes", "--arch", "amd64", *ONLY).code == 0
    assert "multiarch" not in (app / "b.erb").read_text()
    assert (app / CONFIG).read_text() == FALSE


def test_a_linked_folder_of_configs(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE, THREE)
    (app / "config").rename(tmp_path / "real")
    (app / "config").symlink_to(tmp_path / "real")
    assert configs(app) == [(CONFIG, ["a", "b"])]
    done = command("-C", app, "--yes", *ONLY)
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "config/deploy.a.yml is ../real/deploy.a.yml, outside of this folder: that is what is" in said
    assert (app / "config").is_symlink()
    assert "arch: arm64" in (tmp_path / "real/deploy.a.yml").read_text()


def test_deep_and_vendored_files_are_not_searched(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {"vendor/x/deploy.yml": FALSE, "a/b/c/d/e/f/deploy.yml": FALSE})
    assert configs(app) == [(CONFIG, [])]


# Writing.


def test_mode_owner_links_and_times(app: Path) -> None:
    config = app / CONFIG
    config.chmod(0o640)
    if BY_ROOT:
        os.chown(config, 12345, 23456)
    linked = app / "config/deploy.a.yml"
    linked.rename(app / "a-real.yml")
    linked.symlink_to("../a-real.yml")
    untouched = app / "Dockerfile"
    os.utime(untouched, (1, 1))
    before = config.stat()
    assert command("-C", app, "--yes", *ONLY).code == 0
    after = config.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert linked.is_symlink()
    assert "arch" in (app / "a-real.yml").read_text()
    assert untouched.stat().st_mtime == 1
    assert not litter(app)
    times = {path: path.stat().st_mtime_ns for path in app.rglob("*")}
    assert command("-C", app, "--yes", *ONLY).code == 0
    assert times == {path: path.stat().st_mtime_ns for path in app.rglob("*")}


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_failure_puts_back_what_was_there(failing: int, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, times = read_app(app), {path: path.stat().st_mtime_ns for path in app.rglob("*.yml")}
    real, calls = os.replace, [0]

    def replace(source: str | Path, target: str | Path) -> None:
        calls[0] += 1
        if calls[0] == failing:
            raise OSError(28, "No space left on device", str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    result = command("-C", app, "--yes")
    assert result.code == 2
    assert result.err.endswith(": cannot be written: No space left on device; nothing is changed\n")
    assert result.err.startswith("config/deploy")
    assert read_app(app) == before
    assert times == {path: path.stat().st_mtime_ns for path in app.rglob("*.yml")}
    assert not litter(app)


def test_without_hard_links_copies_are_put_back(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    test_a_failure_puts_back_what_was_there(3, app, monkeypatch)


def test_what_cannot_be_put_back_is_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / name for name in "ab"]
    for path in files:
        path.write_text("old")
    real, calls = os.replace, [0]

    def replace(source: str | Path, target: str | Path) -> None:
        calls[0] += 1
        if calls[0] > 1:
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(NotRestored) as error:
        carry_out([Change(path, b"new", path) for path in files])
    kept = next(path for path in tmp_path.iterdir() if path.name in str(error.value) and path.suffix)
    assert kept.read_text() == "old"
    assert str(tmp_path / "a") in str(error.value)


@pytest.mark.skipif(not BY_ROOT, reason="only root gives files away")
def test_an_owner_that_cannot_be_kept(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int, owner: int, group: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    os.chown(app / CONFIG, 12345, 23456)
    monkeypatch.setattr(os, "fchown", refused)
    before = read_app(app)
    result = command("-C", app, "--yes", *ONLY)
    assert (result.code, read_app(app), litter(app)) == (2, before, [])
    assert result.err == f"{CONFIG}: no permission to keep its owner and group; nothing is changed\n"


def test_a_full_disk_while_writing(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = read_app(app)
    assert command("-C", app, "--yes").code == 2
    assert read_app(app) == before


def test_a_folder_that_cannot_be_synced_is_no_failure(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def no_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", no_folders)
    assert command("-C", app, "--yes", *ONLY).code == 0


def test_every_file_is_synced_before_it_is_renamed(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*arguments: object, name: str = name, real: Callable[..., None] = real) -> None:
            events.append(name)
            real(*arguments)

        monkeypatch.setattr(os, name, noted)
    folder = read(app)
    write(folder, dict.fromkeys(folder.originals, "a: 1\n"))
    assert events[:6] == ["fsync"] * 3 + ["replace"] * 3
    assert "fsync" in events[6:]


@pytest.mark.parametrize("how", ["changed", "gone", "a folder", "the other destination"])
def test_a_file_that_changed_meanwhile_is_refused(
    how: str, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = app / CONFIG
    name = CONFIG

    def meanwhile(_: str) -> str:
        nonlocal name
        if how == "changed":
            config.write_text(FALSE + "# meanwhile\n")
        elif how == "the other destination":
            name = "config/deploy.b.yml"
            (app / name).write_text("# meanwhile\n")
        else:
            config.unlink()
        if how == "a folder":
            config.mkdir()
        return "y\n"

    monkeypatch.setattr("kamal_migrate.console._ask", meanwhile)
    result = on_terminal("", "-C", app)
    assert result.code == 2
    assert result.err == f"{name}: changed on disk since it was read; nothing written, run again\n"
    assert "multiarch" in (app / "config/deploy.a.yml").read_text()
    assert not litter(app)


def test_two_texts_for_one_file_are_refused(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE)
    (app / "config/deploy_eu.yml").symlink_to("deploy.yml")
    assert list(read(app).originals) == [CONFIG]
    folder = read(app, (CONFIG, "config/deploy_eu.yml"))
    write(folder, dict.fromkeys(folder.originals, HEAD))
    folder = read(app, (CONFIG, "config/deploy_eu.yml"))
    with pytest.raises(WriteError, match=r"deploy_eu\.yml: the same file as config/deploy"):
        write(folder, {path: f"a: {path}\n" for path in folder.originals})
    assert (app / CONFIG).read_text() == HEAD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_writing_puts_everything_back(
    number: signal.Signals, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real, handlers = read_app(app), os.replace, signal.getsignal(number)

    def replace(source: str | Path, target: str | Path) -> None:
        real(source, target)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(os, "replace", replace)
    result = command("-C", app, "--yes")
    assert (result.code, result.err) == (128 + number, f"stopped by {number.name}; nothing is changed\n")
    assert read_app(app) == before
    assert not litter(app)
    assert signal.getsignal(number) is handlers


def test_in_a_thread_signals_are_left_to_others(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(carry_out, [Change(file, b"new", file)]).result()
    assert file.read_text() == "new"


@pytest.mark.heavy
@pytest.mark.parametrize("after", [1, 2, 3, 4, 5, 6])
def test_killed_in_the_middle_every_file_is_whole(after: int, app: Path, tmp_path: Path) -> None:
    before = read_app(app)
    code = (
        "import os, signal, sys\n"
        "from kamal_migrate import cli\n"
        "calls = [0]\n"
        "def dying(name):\n"
        "    real = getattr(os, name)\n"
        "    def call(*arguments):\n"
        "        calls[0] += 1\n"
        f"        if calls[0] == {after}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return real(*arguments)\n"
        "    setattr(os, name, call)\n"
        "dying('replace'); dying('fsync')\n"
        "cli.run(sys.argv[1:])\n"
    )
    command_line = [sys.executable, "-c", code, "-C", str(app), "--yes", *ONLY]
    run = subprocess.run(command_line, cwd=ROOT, capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert litter(app)
    now = {path: data for path, data in read_app(app).items() if path in before}
    for path in litter(app):
        os.utime(app / "config" / path, (1, 1))
    done = make_app(tmp_path / "other", FALSE, THREE)
    assert command("-C", done, "--yes", *ONLY).code == 0
    assert all(now[path] in (before[path], data) for path, data in read_app(done).items())
    write(read(app), {CONFIG: FALSE})
    assert not litter(app)


def test_only_old_litter_of_its_own_is_taken_away(app: Path) -> None:
    names = [".kamal-migrate-0123456789ab.tmp", ".kamal-migrate-notes.yml", ".kamal-migrate-ffffffffffff.tmp"]
    for name in names:
        (app / "config" / name).write_text("mine")
        os.utime(app / "config" / name, (1, 1))
    os.utime(app / "config" / names[2], (time.time(), time.time()))
    (app / "config/.kamal-migrate-aaaaaaaaaaaa.tmp").mkdir()
    assert command("-C", app, "--yes", *ONLY).code == 0
    assert sorted(litter(app)) == [".kamal-migrate-aaaaaaaaaaaa.tmp", names[2], names[1]]


def test_errors_name_what_they_are_about(tmp_path: Path) -> None:
    assert str(NotCarriedOut(tmp_path, "because")) == f"{tmp_path}: because"
    assert Stopped(15).number == 15
    assert disk.MAX_BYTES == 1024 * 1024


@pytest.mark.parametrize(
    "name", ["a b", 'q"', "new\nline", "tab\t", "né", "-dash", "\x1b[31mred", "\u202erev", "caf\udce9"]
)
def test_names_are_printed_so_that_they_steer_nothing(name: str, tmp_path: Path) -> None:
    app = make_app(tmp_path, KAMAL_2, {f"{name}.yml": FALSE + "traefik: {}\n", f"{name}.x.yml": "a: [\n"})
    for arguments in (("--dry-run",), ("--dry-run", "--color", "always"), ("--format", "json", "--dry-run")):
        result = command("-C", app, f"-c{name}.yml", *arguments)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert not any(sign in result.err for sign in "\x1b\t\u202e\udce9")
    (app / f"{name}.x.yml").unlink()
    for arguments in (("--dry-run",), ("--format", "json", "--dry-run")):
        shown = command("-C", app, f"-c{name}.yml", *arguments).out
        assert shown
        assert not any(sign in shown for sign in "\x1b\u202e\udce9")


def test_a_default_config_that_is_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(tmp_path)

    def refuse(path: str | Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "lstat", refuse)
    assert command("-C", app, "--yes").err == f"{CONFIG}: no permission to read it\n"


def test_a_restore_that_fails_says_so(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "carry_out", _raising(NotRestored({app / CONFIG: app / "backup"})))
    assert command("-C", app, "--yes")[::2] == (
        2,
        f"could not be put back: {app / CONFIG} (as it was: {app}/backup)\n",
    )


def _raising(error: Exception) -> Callable[[object], None]:
    def fail(_: object) -> None:
        raise error

    return fail
