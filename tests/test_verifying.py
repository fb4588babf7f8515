"""`--verify-with-kamal`: what is run, where, what is said of it, and what is left behind."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest

import kamal_migrate
from kamal_migrate import overlay, verifying
from kamal_migrate.api import Options
from kamal_migrate.catalog import catalog
from kamal_migrate.engine import Plan, plan
from kamal_migrate.folder import Folder, read
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.overlay import laid_out
from tests.commanding import (
    CONFIG,
    FALSE,
    HEAD,
    KAMAL_2,
    Result,
    command,
    commit,
    git,
    make_app,
    on_terminal,
    read_app,
)
from tests.support import Case, cases

FLAG = "--verify-with-kamal"
STAGING = "config/deploy.staging.yml"
OTHER = "servers: [192.0.2.7]\n"
SCHEMA = json.loads(
    (Path(kamal_migrate.__file__).parent / "report" / "schema.json").read_text(encoding="utf-8")
)
# What `kamal config` does with a config that holds the word `CHERRIES`, and what it does with any other.
SCRIPT = """\
#!/bin/sh
case "$1" in
version) {version} ;;
config)
  printf '%s\\n' "$*" "$(pwd -P)" "$PWD" "$MARK" "$(wc -c)" >> {log}
  if grep -Rqs {word} config; then
    {refuse}
  else
    cat config/*.yml
  fi ;;
*) exit 9 ;;
esac
"""
FOO = "servers/web: unknown key: foo"
REFUSE = f"printf '  \\033[31mERROR (Kamal::ConfigurationError): {FOO}\\033[0m\\n'; exit 1"


class Call(NamedTuple):
    """One run of `kamal config`: its arguments, its folder twice, a variable, and how much it could read."""

    arguments: str
    folder: str
    pwd: str
    mark: str
    read: int


class Fake:
    """A `kamal` command that writes down how it is called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "bin", folder / "log"
        self.folder.mkdir(parents=True)
        self.make()

    @property
    def path(self) -> Path:
        return self.folder / "kamal"

    def make(self, version: str = "echo 2.12.0", word: str = "CHERRIES", refuse: str = REFUSE) -> None:
        """Make the command, by pieces of shell."""
        words = {"version": version, "word": shlex.quote(word), "refuse": refuse}
        self.path.write_text(SCRIPT.format(log=shlex.quote(str(self.log)), **words), encoding="utf-8")
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[Call]:
        """The runs of `kamal config` so far."""
        rows = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        found = [rows[at : at + 5] for at in range(0, len(rows), 5)]
        return [Call(words, folder, pwd, mark, int(read)) for words, folder, pwd, mark, read in found]

    @property
    def arguments(self) -> list[str]:
        """The arguments of each run."""
        return [call.arguments for call in self.calls]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary folders, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def fake(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A `kamal` command that is the first on the search path."""
    found = Fake(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{found.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MARK", "the user's own")
    return found


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with one destination, and something to do."""
    return make_app(tmp_path / "app", FALSE, {STAGING: OTHER})


# What is run, and where.


def test_nothing_is_run_without_the_flag(app: Path, fake: Fake) -> None:
    for arguments in (["--dry-run"], ["--diff"], ["--yes"], ["--format", "json", "--dry-run"]):
        command("-C", app, *arguments)
    assert not fake.log.exists()


def test_kamal_is_run_for_each_destination_on_the_result(app: Path, fake: Fake, temporary: Path) -> None:
    fake.make(word="multiarch")  # What the original says, and the result does not.
    result = command("-C", app, "--dry-run", FLAG)
    assert (result.code, result.err) == (3, "")
    assert fake.arguments == ["config --version verify", "config -d staging --version verify"]
    for call in fake.calls:
        assert call.folder == call.pwd
        assert Path(call.folder).is_relative_to(temporary)
        assert (call.mark, call.read) == ("the user's own", 0)
    assert (app / CONFIG).read_text() == FALSE


def test_it_says_first_what_it_will_run(app: Path, fake: Fake) -> None:
    out = " ".join(command("-C", app, "--dry-run", FLAG).out.split())
    warned = out.index("This runs the Ruby in your config")
    shown = out.index("kamal config -d staging --version verify")
    accepted = out.index("kamal config: accepted kamal config -d staging: accepted")
    assert out.index("arch: amd64") < warned < shown < accepted < out.index("Nothing written.")
    assert f"Kamal 2.12.0 ({fake.path})" in out


def test_what_kamal_prints_of_a_config_is_not_shown(app: Path, fake: Fake) -> None:
    text = KAMAL_2 + "env:\n  clear:\n    PLAIN: not-to-be-seen\n"
    result = command("-C", make_app(app, text), FLAG, "--yes")
    assert "accepted" in result.out
    assert "not-to-be-seen" not in result.out + result.err


def test_configs_of_other_names_are_given(tmp_path: Path, fake: Fake) -> None:
    whole = KAMAL_2.replace("shop", "api")
    files = {"config/api.yml": whole, "config/api.eu.yml": OTHER, "jobs/config/deploy.yml": KAMAL_2}
    app = make_app(tmp_path / "app", KAMAL_2, {**files, "config/deploy.live.yml": whole})
    result = command("-C", app, "--dry-run", FLAG, "--arch", "amd64")
    assert fake.arguments == [
        "config --version verify",
        "config -c config/deploy.live.yml --version verify",
        "config -d live --version verify",
        "config -c config/api.yml --version verify",
        "config -c config/api.yml -d eu --version verify",
        "config --version verify",
    ]
    assert fake.calls[-1].folder == f"{fake.calls[0].folder}/jobs"
    assert "\ncd jobs && kamal config: accepted\n" in result.out


def test_branches_of_erb_are_for_ruby_to_choose(tmp_path: Path, fake: Fake) -> None:
    branch = "builder:\n  arch: %s\n"
    text = f"{HEAD}<% if ENV['CI'] %>\n{branch % 'amd64'}<% else %>\n{branch % 'arm64'}<% end %>\n"
    command("-C", make_app(tmp_path / "app", text), "--dry-run", FLAG)
    assert fake.arguments == ["config --version verify"]


def test_an_app_with_nothing_to_do_is_verified_too(tmp_path: Path, fake: Fake) -> None:
    app = make_app(tmp_path / "app", KAMAL_2 + "proxy:\n  app_port: 3000\n", {".env": ""})
    assert "kamal config: accepted" in command("-C", app, "--dry-run", FLAG, "--select", "builder").out
    assert len(fake.calls) == 1


# Modes.


def test_json_holds_the_answers(app: Path, fake: Fake) -> None:
    report = json.loads(command("-C", app, "--dry-run", "--format", "json", FLAG).out)
    jsonschema.validate(report, SCHEMA)
    assert report["verified"] == [
        {"view": CONFIG, "command": "kamal config --version verify", "accepted": True, "error": None},
        {
            "view": "staging",
            "command": "kamal config -d staging --version verify",
            "accepted": True,
            "error": None,
        },
    ]
    plain = json.loads(command("-C", app, "--dry-run", "--format", "json").out)
    jsonschema.validate(plain, SCHEMA)
    assert plain["verified"] is None


def test_a_patch_is_a_patch_and_nothing_else(app: Path, fake: Fake) -> None:
    result = command("-C", app, "--diff", FLAG)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"--diff prints a patch and nothing else; it does not go with {FLAG}\n"
    assert not fake.log.exists()


def test_kamal_is_asked_before_the_user_is(app: Path, fake: Fake) -> None:
    result = on_terminal("y\n", "-C", app, FLAG, "--arch", "amd64", "--select", "builder")
    assert result.code == 0
    assert result.out.index("staging: accepted") < result.out.index("Write? [y/N]")
    assert "arch: amd64" in (app / CONFIG).read_text()


def test_what_is_left_of_a_plan_is_verified_again(tmp_path: Path, fake: Fake) -> None:
    text = KAMAL_2.replace("arch: amd64", "multiarch: false") + "stop_wait_time: 5\n"
    app = make_app(tmp_path / "app", text)
    select = ("--select", "builder", "--select", "timeouts")
    result = on_terminal("n\ny\ny\n", "-C", app, "-i", FLAG, "--arch", "amd64", *select)
    assert len(fake.calls) == 2
    assert result.out.count("kamal config: ") == 2
    last = result.out.rindex("kamal config: ")
    assert result.out.rindex("Write it?") < last < result.out.rindex("Write? [y/N]")


# Refusals.


@pytest.mark.parametrize("mode", [("--yes",), ("--dry-run",), ("--yes", "--format", "json")])
def test_a_refusal_nobody_knew_of_writes_nothing(mode: tuple[str, ...], tmp_path: Path, fake: Fake) -> None:
    app = make_app(tmp_path / "app", FALSE, {STAGING: OTHER + "# CHERRIES\n"})
    before = read_app(app)
    result = command("-C", app, FLAG, *mode)
    assert result.code == 4
    assert result.err.splitlines() == [
        "Kamal 2.12.0 refuses the result; nothing written:",
        f"  {CONFIG}: servers/web: unknown key: foo",
        "  staging: servers/web: unknown key: foo",
        f"where the Ruby in the config fails, see to what it needs, or leave {FLAG} out",
    ]
    assert read_app(app) == before
    if "json" in mode:
        assert result.out == ""
    else:
        assert "kamal config -d staging: refused: servers/web: unknown key: foo" in result.out


def test_a_refusal_at_a_terminal_ends_before_the_question(tmp_path: Path, fake: Fake) -> None:
    app = make_app(tmp_path / "app", HEAD + "# CHERRIES\n")
    result = on_terminal("y\n", "-C", app, FLAG, "--arch", "amd64")
    assert result.code == 4
    assert "Write?" not in result.out
    assert (app / CONFIG).read_text() == HEAD + "# CHERRIES\n"


def test_a_fault_that_is_known_is_no_refusal(tmp_path: Path, fake: Fake) -> None:
    app = make_app(tmp_path / "app", FALSE + "audit_broadcast_cmd: CHERRIES\n")
    result = command("-C", app, FLAG, "--yes")
    assert (result.code, result.err) == (3, "")
    assert "kamal config: still refused: servers/web: unknown key: foo" in result.out
    assert "arch: amd64" in (app / CONFIG).read_text()
    report = json.loads(command("-C", app, FLAG, "--yes", "--allow-dirty", "--format", "json").out)
    jsonschema.validate(report, SCHEMA)
    assert [(row["accepted"], row["error"]) for row in report["verified"]] == [
        (False, "servers/web: unknown key: foo")
    ]


@pytest.mark.parametrize(
    ("refuse", "error"),
    [
        ("echo 'ERROR (KeyError): key not found: \"X\"'; exit 1", 'key not found: "X" (KeyError)'),
        (
            "echo 'ERROR (Kamal::ConfigurationError): registry/password: is required'; exit 1",
            "registry/password: is required",
        ),
        ("echo 'ERROR (RuntimeError): no tub7Fil here'; exit 1", "no [masked] here (RuntimeError)"),
        ("echo 'ERROR (RuntimeError): no Gly9pho here'; exit 1", "no [masked] here (RuntimeError)"),
        ("echo 'ERROR (RuntimeError): API_KEY=Wug4bar'; exit 1", "API_KEY=[masked] (RuntimeError)"),
        (
            "echo 'x.rb: warning: old' >&2; echo '(erb):2: unexpected end (SyntaxError)' >&2; exit 1",
            "(erb):2: unexpected end (SyntaxError)",
        ),
        ("echo tub7Fil; echo 'no DB_TOKEN=Wug4bar' >&2; exit 1", "no DB_TOKEN=[masked]"),
        ("cat config/deploy.yml; exit 3", "it ended with 3 and without a word"),
        ("kill -9 $$", "it ended with -9 and without a word"),
    ],
)
def test_only_the_line_of_the_error_is_shown_and_masked(
    refuse: str, error: str, tmp_path: Path, fake: Fake
) -> None:
    fake.make(refuse=refuse)
    text = KAMAL_2 + "env:\n  clear:\n    DB_PASSWORD: tub7Fil # CHERRIES\n"
    result = command("-C", make_app(tmp_path / "app", text, {".env": "A=1\nB='Gly9pho'\n"}), "--yes", FLAG)
    assert result.code == 4
    assert result.err.splitlines()[1] == f"  {CONFIG}: {error}"
    for secret in ("tub7Fil", "Gly9pho", "Wug4bar"):
        assert secret not in result.out + result.err


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo, run = tmp_path / "fifo", verifying._run
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fake.make(refuse=f"exec 3> {shlex.quote(str(fifo))}; echo started >&3; sleep 600 & wait")

    def shorter(words: list[str], folder: Path) -> object:
        monkeypatch.setattr(verifying, "SECONDS", 2 if "config" in words else 60)
        return run(words, folder)

    monkeypatch.setattr(verifying, "_run", shorter)
    result = command("-C", make_app(tmp_path / "app", HEAD + "# CHERRIES\n"), "--yes", FLAG)
    assert result.code == 4
    assert "it took longer than 2 seconds" in result.err
    assert os.read(reader, 100) == b"started\n"
    assert select.select([reader], [], [], 60)[0], "it goes on"
    assert os.read(reader, 100) == b""
    os.close(reader)


# No fitting command.


@pytest.mark.parametrize(
    ("version", "to", "message"),
    [
        ("echo 2.11.0", "2.12", "is Kamal 2.11.0; --verify-with-kamal needs Kamal 2.12: "),
        ("echo 2.1.2", "2.12", "is Kamal 2.1.2; "),
        ("echo 1.9.3", "2.12", "is Kamal 1.9.3; "),
        ("echo 12.12.0", "2.12", "is Kamal 12.12.0; "),
        ("echo hello", "2.12", "does not tell its version"),
        ("exit 1", "2.12", "does not tell its version (it ended with 1 and without a word); "),
        ("echo 2.12.0", "2.4", "is Kamal 2.12.0; --verify-with-kamal needs Kamal 2.4: "),
    ],
)
def test_another_version_is_not_asked(version: str, to: str, message: str, app: Path, fake: Fake) -> None:
    fake.make(version)
    before = read_app(app)
    result = command("-C", app, "--yes", FLAG, "--to", to)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"{fake.path} {message}")
    assert f"gem install kamal -v {parse(to)}\n" in result.err
    assert not fake.log.exists()
    assert read_app(app) == before


@pytest.mark.parametrize(("version", "to"), [("2.12.7", "2.12"), ("2.0.0.rc4", "2.0"), ("1.9.2", "1.9")])
def test_any_release_of_the_minor_version_will_do(version: str, to: str, app: Path, fake: Fake) -> None:
    fake.make(f"echo 'a word before'; echo {version}")
    out = command("-C", app, "--dry-run", FLAG, "--to", to).out
    assert f"Kamal {version} (" in " ".join(out.split())
    assert fake.calls


def test_no_command_at_all(app: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fake.folder)
    for path in ("", ".", str(app)):
        monkeypatch.setenv("PATH", path)
        result = command("-C", app, "--yes", FLAG)
        assert result == Result(
            2,
            "",
            f"there is no `kamal` command; {FLAG} needs Kamal 2.12: gem install kamal -v 2.12.0\n",
        )


def test_a_command_that_cannot_be_run(app: Path, fake: Fake) -> None:
    fake.path.write_text("#!/nowhere/at/all\n", encoding="utf-8")
    result = command("-C", app, "--yes", FLAG)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"{fake.path}: cannot be run: No such file or directory\n"


# The temporary folder.


def test_a_signal_leaves_no_folder_behind(
    app: Path, fake: Fake, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, run = read_app(app), verifying._run
    old = signal.getsignal(signal.SIGTERM)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        seen: list[int] = []
        monkeypatch.setattr(verifying, "_run", partial(_stopped, run, temporary, number, seen))
        result = command("-C", app, "--yes", FLAG)
        assert (result.code, seen) == (code, [1])
        assert not list(temporary.iterdir())
    assert read_app(app) == before
    assert signal.getsignal(signal.SIGTERM) == old


def _stopped(
    run: Callable[..., object], temporary: Path, number: int, seen: list[int], words: list[str], app: Path
) -> object:
    """Run a command, but count the temporary folders and send a signal where a config is to be loaded."""
    if "config" in words:
        seen.append(len(list(temporary.iterdir())))
        os.kill(os.getpid(), number)
    return run(words, app)


def test_no_place_for_the_folder(app: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    result = command("-C", app, "--yes", FLAG)
    assert result.code == 2
    assert result.err == f"there is no temporary folder: No such file or directory; leave out {FLAG}\n"
    assert (app / CONFIG).read_text() == FALSE


def planned(folder: Path) -> tuple[Folder, Plan]:
    """The folder and the plan of an app, as `laid_out` takes them."""
    found = read(folder)
    return found, plan(found.project, catalog(None), Options(to=Version(2, 12)))


def test_the_folder_holds_the_result_and_links(tmp_path: Path, temporary: Path) -> None:
    files: dict[str, str | bytes] = {
        ".kamal/hooks/pre-traefik-reboot": "#!/bin/sh\ntrue\n",
        ".kamal/hooks/pre-build": "#!/bin/sh\n",
        ".env": "A=1\n",
        "app/models/user.rb": "# a model\n",
    }
    app = make_app(tmp_path / "app", FALSE, files)
    (app / ".kamal/hooks/pre-traefik-reboot").chmod(0o755)
    (app / "config" / "nowhere").symlink_to("nothing")
    folder, made = planned(app)
    with laid_out(folder, made, {""}) as copy:
        assert "arch: amd64" in (copy / CONFIG).read_text()
        assert not (copy / CONFIG).is_symlink()
        assert (copy / "app").is_symlink()
        assert (copy / "app/models/user.rb").read_text() == "# a model\n"
        assert (copy / ".env").read_text() == "A=1\n"
        assert (copy / "config" / "nowhere").is_symlink()
        hooks = copy / ".kamal/hooks"
        assert sorted(file.name for file in hooks.iterdir()) == ["pre-build", "pre-proxy-reboot"]
        assert os.access(hooks / "pre-proxy-reboot", os.X_OK)
        assert (hooks / "pre-build").is_symlink()
        root = next(temporary.iterdir())
        assert root.stat().st_mode & 0o777 == 0o700
        (copy / "config" / "made").write_text("by Ruby")
        shutil.rmtree(copy / ".kamal")
    assert (app / ".kamal/hooks/pre-build").exists()
    assert not (app / "config" / "made").exists()


def test_a_base_that_needs_a_destination_is_not_asked_for(tmp_path: Path, fake: Fake) -> None:
    hosts = "servers:\n  - 192.0.2.1\n"
    web = "servers:\n  web:\n    options:\n      cpus: 2\n"
    over = "servers:\n  web:\n    hosts: [192.0.2.7]\n"
    app = make_app(tmp_path / "app", FALSE.replace(hosts, web), {STAGING: over})
    command("-C", app, "--dry-run", FLAG)
    assert fake.arguments == ["config -d staging --version verify"]


def test_all_of_the_repository_is_there(tmp_path: Path, temporary: Path) -> None:
    top = tmp_path / "top"
    make_app(top / "apps" / "shop")
    (top / "VERSION").write_text("7\n")
    (top / "apps" / "other").mkdir()
    commit(top)
    folder, made = planned(top / "apps" / "shop")
    with laid_out(folder, made, {""}) as copy:
        assert (copy / ".." / ".." / "VERSION").read_text() == "7\n"
        assert (copy.parent / "other").is_symlink()
        assert git(copy, "rev-parse", "HEAD") == git(top, "rev-parse", "HEAD")
        assert not copy.is_symlink()


def test_folders_that_are_links(tmp_path: Path, temporary: Path) -> None:
    app = make_app(tmp_path / "app", FALSE)
    (app / "config").rename(tmp_path / "elsewhere")
    (app / "config").symlink_to("../elsewhere")
    folder, made = planned(app)
    with laid_out(folder, made, {""}) as copy:
        assert "arch: amd64" in (copy / CONFIG).read_text()
    assert (tmp_path / "elsewhere" / "deploy.yml").read_text() == FALSE


def test_a_folder_that_cannot_be_read(tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(tmp_path / "app")

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "deploy.yml")

    monkeypatch.setattr(overlay, "_write", fail)
    result = command("-C", app, "--yes", FLAG)
    assert (result.code, result.err) == (2, f"deploy.yml: Permission denied; leave out {FLAG}\n")


# The real one.


class Real(NamedTuple):
    """A real `kamal` command, and the version that it is."""

    path: Path
    version: str


@pytest.fixture(scope="session")
def real() -> Real:
    """The command that `KAMAL_COMMAND` names, else the one on the search path."""
    name = os.environ.get("KAMAL_COMMAND", "kamal")
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no `{name}` command; KAMAL_COMMAND may name one")
    said = subprocess.run([path, "version"], capture_output=True, text=True).stdout
    match = re.search(r"^(\d+\.\d+)\.\d", said, re.MULTILINE)
    if match is None or (match[1].startswith(("0.", "1.")) and match[1] != "1.9"):
        pytest.skip(f"{path} is no Kamal that can be migrated to")
    return Real(Path(path).absolute(), match[1])


@pytest.fixture
def found(real: Real, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    """The real command, first on the search path."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "kamal").symlink_to(real.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'real'}{os.pathsep}{os.environ['PATH']}")
    return real


WHOLE = [case for case in cases() if not case.codemod]
_RUN = re.compile(r"<%[^%\n]*`(\w+)")
_ASKED = re.compile(r"""ENV(?:\.fetch\(|\[)["'](\w+)["'][\])]""")


@pytest.mark.kamal
@pytest.mark.parametrize("case", WHOLE, ids=[case.id for case in WHOLE])
def test_a_real_kamal_accepts_whole_apps(
    case: Case, found: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "app"
    shutil.copytree(case.before, app)
    for text in [file.read_text(encoding="utf-8", errors="replace") for file in app.rglob("*.yml")]:
        for name in _ASKED.findall(text):
            monkeypatch.setenv(name, "given")
        for name in set(_RUN.findall(text)) - {"git"}:
            program = tmp_path / "real" / name
            program.write_text("#!/bin/sh\necho given\n", encoding="utf-8")
            program.chmod(0o755)
    result = command("-C", app, "--dry-run", "--format", "json", FLAG, "--to", found.version)
    assert result.code in (0, 3), result.err
    report = json.loads(result.out)
    assert report["verified"]
    manual = any(finding["safety"] == "manual" for finding in report["findings"])
    assert manual or all(row["accepted"] for row in report["verified"])


@pytest.mark.kamal
def test_a_real_kamal_refuses(found: Real, tmp_path: Path) -> None:
    app = make_app(tmp_path / "app", KAMAL_2 + "zap: <%= raise 'no cherries left' %>\n")
    result = command("-C", app, "--yes", FLAG, "--to", found.version)
    assert result.code in (3, 4)
    assert "no cherries left (RuntimeError)" in result.out + result.err


@pytest.mark.kamal
def test_a_real_kamal_runs_the_ruby_where_the_result_is(found: Real, tmp_path: Path) -> None:
    ruby = "raise File.read('config/deploy.yml')[/arch: \\w+/] + File.read('CHERRIES')"
    text = f"{FALSE}labels:\n  a: <%= {ruby} %>\n"
    app = make_app(tmp_path / "app", text, {"CHERRIES": " apples"})
    result = command("-C", app, "--yes", FLAG, "--to", found.version)
    assert result.code == 4
    assert f"  {CONFIG}: arch: amd64 apples (RuntimeError)" in result.err.splitlines()
