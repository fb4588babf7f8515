"""The command as a whole: its options, what it asks, how it prints, what it loads."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate import __version__, cli, console, session
from kamal_migrate.__main__ import main
from kamal_migrate.catalog import builtin
from kamal_migrate.engine.proofs import ProofError
from tests.commanding import (
    ARM,
    CONFIG,
    FALSE,
    HEAD,
    KAMAL_2,
    ONLY,
    QUESTION,
    UNKNOWN,
    Result,
    command,
    make_app,
    on_terminal,
    read_app,
)

ROOT = Path(__file__).resolve().parent.parent
WRITE = "Write? [y/N]"
TWO = HEAD + "builder:\n  multiarch: false\n"


def process(*arguments: str | Path, code: str = "", **environment: str) -> Result:
    """Run in a process of its own."""
    program: Sequence[str] = ["-c", code] if code else ["-m", "kamal_migrate"]
    run = subprocess.run(
        [sys.executable, *program, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )
    return Result(run.returncode, run.stdout, run.stderr)


# Options.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "no such option: --frobnicate"),
        (["frobnicate"], "no such command 'frobnicate'"),
        (["explain"], "missing argument 'ID'"),
        (["--arch"], "option '--arch' requires an argument"),
        (["--arch", "x86"], "--arch cannot be `x86`; it is one of amd64, arm64, both"),
        (["--arch", ""], "--arch cannot be ``; it is one of"),
        (["--cache", "s3"], "--cache cannot be `s3`; it is one of registry, plain, gha, none"),
        (["--format", "xml"], "--format cannot be `xml`; it is one of text, json"),
        (["--color", "pink"], "--color cannot be `pink`; it is one of auto, always, never"),
        (["--to", "1.8"], "cannot migrate to `1.8`; say 1.9, or a version from 2.0 on"),
        (["--from", "x"], "--from: `x` is no version"),
        (["--select", "bulider"], "there is no codemod `bulider`; see: kamal-migrate list"),
        (["--ignore", "builder/"], "there is no codemod `builder/`; see: kamal-migrate list"),
        (["--codemods", "nowhere"], "nowhere: no such folder of codemods"),
        (["--exit-code"], "--exit-code goes with --dry-run or --diff"),
        (["--exit-code", "--yes"], "--exit-code goes with --dry-run or --diff"),
        (["--interactive", "--yes"], "--interactive asks; it does not go with --yes"),
        (["--diff", "--format", "json"], "--diff prints a patch and nothing else"),
        (
            ["--diff", "--secrets-from-env-file"],
            "--diff shows all that comes; it does not go with --secrets-from-env-file\n",
        ),
        (["--diff", "--yes"], "--diff writes nothing; it does not go with --yes"),
        (["explain", "nothing"], "there is no codemod, finding or rule `nothing`; see: kamal-migrate list,"),
        (["hosts", "--arch", "amd64"], "no such option: --arch; see: kamal-migrate hosts --help"),
        (["-C", ".", "check"], "`check` does not see -C before it; its options go behind it: "),
        (["--dry-run", "steps"], "`steps` does not see --dry-run before it; "),
        (["--arch", "\x1b[31m\n"], "--arch cannot be `\\x1b[31m\\n`"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_app(tmp_path))
    result = command(*arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(message)
    assert (tmp_path / CONFIG).read_text() == FALSE


def test_help_fits_eighty_columns() -> None:
    for arguments in (["--help"], ["-h"], ["explain", "--help"], ["list", "--help"]):
        result = command(*arguments)
        assert result.code == 0
    text = process("--help", COLUMNS="80").out
    assert max(map(len, text.split("\n"))) <= 80
    assert text.startswith("Usage: kamal-migrate [OPTIONS]")
    assert "..." not in text.partition("Commands:")[2]  # No summary is cut off.
    assert all(f"\n    {code}  " in text for code in range(5))


def test_list_and_explain() -> None:
    listed = command("list").out
    titles = [codemod.declaration.title for codemod in builtin()]
    assert [line.split()[0] for line in listed.splitlines()] == [codemod.id for codemod in builtin()]
    columns = {line.index(title) for line, title in zip(listed.splitlines(), titles, strict=True)}
    assert columns == {max(len(codemod.id) for codemod in builtin()) + 2}
    assert max(map(len, listed.splitlines())) <= 80
    for name in ("builder", "builder/multiarch"):
        told = command("explain", name)
        assert told.code == 0
        assert "\nLeft to you\n" in told.out


def test_what_is_wrong_with_a_file_of_secrets_is_said(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE + "registry: {username: a, password: [P]}\n", {".kamal": "no folder"})
    done = command("-C", app, "--yes", "--allow-dirty")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err == ".kamal/secrets: cannot be written: Not a directory; nothing is changed\n"


def test_a_file_that_only_erb_writes(tmp_path: Path) -> None:
    done = command("check", "-C", make_app(tmp_path, "<%= YAML.dump(config) %>\n"))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("config/deploy.yml:1:1: only ERB says something here")


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--version", "list").out == f"kamal-migrate {__version__}\n"
    monkeypatch.setattr(sys, "argv", ["kamal-migrate", "--version"])
    main()
    assert capsys.readouterr().out == f"kamal-migrate {__version__}\n"
    monkeypatch.setattr(sys, "argv", ["kamal-migrate", "list"])
    monkeypatch.setattr(cli, "run", lambda: 3)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 3


def test_a_team_s_own_codemods(tmp_path: Path) -> None:
    own = make_app(tmp_path / "shop", KAMAL_2, {"../own/labels.py": OWN}).parent / "own"
    app = tmp_path / "shop"
    listed = command("list", "--codemods", own).out
    column = next(line.index("Say") for line in listed.splitlines() if line.startswith("builder "))
    assert f"{'labels':<{column}}Say the team\n" in listed
    assert "Ask them." in command("explain", "labels", "--codemods", own).out
    assert command("-C", app, "--dry-run").code == 0
    assert "Ask the team" in command("-C", app, "--dry-run", "--codemods", own).out


OWN = '''"""Say the team

Left to you
    Ask them.
"""
from kamal_migrate.api import Codemod, Finding, Safety

CODEMOD = Codemod("Say the team")


def decide(view, options):
    if not view.has("labels", "team"):
        yield Finding("labels/team", ("labels", "team"), "Nobody owns it", Safety.MANUAL, todo="Ask the team")
'''


def test_codemods_in_an_app_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "raise SystemExit('executed')\n"
    names = [
        "codemods/builder.py",
        "codemods/evil.py",
        "kamal_migrate/__init__.py",
        "typer.py",
        "sitecustomize.py",
    ]
    app = make_app(tmp_path, KAMAL_2, dict.fromkeys(names[:2], evil))
    monkeypatch.chdir(app)
    assert command("--dry-run").code == 0


# Asking.


@pytest.mark.parametrize("arguments", [["--yes"], ["--dry-run"], ["--diff"], ["--dry-run", "--yes"]])
def test_nothing_is_asked_where_nothing_should_be(arguments: list[str], tmp_path: Path) -> None:
    text = on_terminal("", "-C", make_app(tmp_path), *arguments).out
    assert QUESTION not in text
    assert WRITE not in text


@pytest.mark.parametrize(
    ("text", "files", "arguments"),
    [
        (FALSE, ARM, []),
        (FALSE, {}, ["--arch", "amd64"]),
        (FALSE, {"kamal-migrate.toml": 'arch = "both"\n'}, []),
        (HEAD, {}, []),
        (FALSE, {}, ["--safe-only"]),
        (FALSE, {}, ["--ignore", "builder"]),
        (KAMAL_2 + UNKNOWN, {}, []),
    ],
)
def test_the_architecture_is_asked_only_where_something_rests_on_it(
    text: str, files: dict[str, str], arguments: list[str], tmp_path: Path
) -> None:
    assert QUESTION not in on_terminal("n\n", "-C", make_app(tmp_path, text, files), *arguments).out


def test_an_assumption_that_the_question_does_not_settle_is_not_asked_about(tmp_path: Path) -> None:
    own = tmp_path / "own/labels.py"
    own.parent.mkdir()
    fix = 'Safety.ASSUMED, Fix(comes=(Come(("labels", "team"), "us"),)), changes=("roles.*.labels",))'
    text = OWN.replace("Finding, Safety", "Come, Finding, Fix, Safety")
    own.write_text(text.replace('Safety.MANUAL, todo="Ask the team")', fix))
    shown = on_terminal("y\n", "-C", make_app(tmp_path / "shop", KAMAL_2), "--codemods", own.parent)
    assert (shown.code, QUESTION in shown.out) == (3, False)
    assert "team: us" in (tmp_path / "shop" / CONFIG).read_text()


@pytest.mark.parametrize(("answer", "arch"), [("", "amd64"), ("x86_64", "amd64"), (" ARM64 ", "arm64")])
def test_answers(answer: str, arch: str, tmp_path: Path) -> None:
    assert on_terminal(f"{answer}\nyes\n", "-C", make_app(tmp_path), *ONLY).code == 0
    assert f"arch: {arch}\n" in (tmp_path / CONFIG).read_text().replace(" # never both", "")


def test_no_answer_leaves_it_assumed_and_unwritten(tmp_path: Path) -> None:
    shown = on_terminal("\x04\x04", "-C", make_app(tmp_path), "--color=never", *ONLY)
    assert shown.code == 0
    assert "(1 assumed)" in shown.out
    assert shown.out.endswith(f"{WRITE} \nNothing written.\n")
    assert (tmp_path / CONFIG).read_text() == FALSE


def test_without_a_terminal_the_preview_is_shown_and_nothing_written(tmp_path: Path) -> None:
    result = command("-C", make_app(tmp_path))
    assert (result.code, result.err) == (2, "nothing written; add --yes or --dry-run\n")
    assert "+  arch: amd64 # never both" in result.out


BOTH_CONFIGS = {"config/deploy_eu.yml": FALSE.replace("shop", "shop-eu"), **ARM}


@pytest.mark.parametrize(
    ("answers", "written", "code"),
    [
        ("y\ny\n", {CONFIG, "config/deploy_eu.yml"}, 0),
        ("n\nn\n", set(), 0),
        ("y\nn\ny\n", {CONFIG}, 0),
        ("y\nn\nn\n", set(), 0),
        ("n\ny\ny\n", {"config/deploy_eu.yml"}, 0),
        ("\x04\x04", set(), 0),
    ],
)
def test_interactive(answers: str, written: set[str], code: int, tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, BOTH_CONFIGS)
    before = read_app(app)
    result = on_terminal(answers, "-C", app, "-i", "--color=never", *ONLY)
    after = read_app(app)
    assert {path for path in before if before[path] != after[path]} == written
    assert result.code == code
    if written:
        said = f"Written: {len(written)} file{'s'[: len(written) != 1]}.\n\nThen, for the servers"
        assert said in result.out
    else:
        assert result.out.endswith("Nothing written.\n")
    assert (WRITE in result.out) == (answers.count("n") == 1 or answers.startswith("y\nn"))


def test_what_is_declined_one_by_one_is_not_assumed(tmp_path: Path) -> None:
    files = {"config/deploy_eu.yml": FALSE.replace("shop", "shop-eu")}
    result = on_terminal("\x04y\nn\ny\n", "-C", make_app(tmp_path, FALSE, files), "-i", *ONLY)
    assert result.code == 3
    assert "not accepted" in result.out


def test_each_change_is_shown_again_above_its_question(tmp_path: Path) -> None:
    said = on_terminal("n\nn\nn\n", "-C", make_app(tmp_path, FALSE, ARM), "-i", "--color=never").out
    first, _, secrets, _ = said.split("Write it? [y/N] ")
    preview, heading, builder = first.rpartition("\n\nconfig/deploy.yml\n")
    assert heading
    assert heading in preview
    assert builder.startswith("  builder/multiarch · review\n    Kamal 2 knows no `multiarch`;")
    assert "    -  multiarch: false # never both\n    +  arch: arm64 # never both\n" in builder
    assert builder.endswith("\nbuilder/multiarch · review, config/deploy.yml:10. ")
    assert "secrets" not in builder
    assert secrets.startswith("\n.kamal/secrets (new)\n  secrets/file · review\n")
    assert "    +KAMAL_REGISTRY_PASSWORD=$KAMAL_REGISTRY_PASSWORD\n" in secrets
    assert "multiarch" not in secrets


def test_a_long_question_stands_below_what_it_is_about(tmp_path: Path) -> None:
    long, longer = (f"config/{'x' * length}.yml" for length in (20, 21))
    files = {name: FALSE.replace("shop", name[-6:-4]) for name in (long, longer)}
    said = on_terminal("n\nn\nn\n", "-C", make_app(tmp_path, FALSE, files | ARM), "-i", *ONLY).out
    assert f"\nbuilder/multiarch · review, {long}:10. Write it? [y/N] " in said
    assert f"\nbuilder/multiarch · review, {longer}:10.\nWrite it? [y/N] " in said


# Printing.


def test_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(tmp_path, FALSE, ARM)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = command("-C", app, "--dry-run").out
    assert "\x1b" not in plain
    coloured = on_terminal("", "-C", app, "--dry-run").out
    assert "\x1b[31m    -  multiarch: false # never both\x1b[0m\n" in coloured
    assert "\x1b[32m    +  arch: arm64 # never both\x1b[0m\n" in coloured
    assert "\x1b" in command("-C", app, "--dry-run", "--color", "always").out
    assert "\x1b" not in on_terminal("", "-C", app, "--dry-run", "--color", "never").out
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert on_terminal("", "-C", app, "--dry-run").out == plain
            assert "\x1b" in command("-C", app, "--dry-run", "--color", "always").out


def test_known_faults_name_their_places_and_unknown_ones_ask_for_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(tmp_path)

    def run(error: Exception) -> Result:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(session, "plan", fail)
        return command("-C", app, "--yes")

    known = run(ProofError(["config/deploy.yml: root['builder']", "eu: it is gone"]))
    assert known.err == (
        "the result is not what was intended; nothing written:\n"
        "  config/deploy.yml: root['builder']\n  eu: it is gone\n"
    )
    unknown = run(KeyError("password: hunter2hunter2"))
    assert "Traceback" in unknown.err
    assert "hunter2" not in unknown.err
    assert unknown.err.endswith("this is a bug of kamal-migrate; please report it with the lines above\n")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    out, end = os.pipe()
    os.close(out)
    with os.fdopen(end, "w") as stream:
        run = subprocess.run(
            [sys.executable, "-m", "kamal_migrate", "-C", app, "--dry-run"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=stream,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (run.returncode, run.stderr) == (141, b"")


ON_LINUX = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")


def full(stream: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where a stream, ``stdout`` or ``stderr``, goes to a full disk."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Path("/dev/full").open("w") as device:
        return subprocess.run(
            [sys.executable, "-m", "kamal_migrate", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
            check=False,
            **streams | {stream: device},
        )


@ON_LINUX
@pytest.mark.parametrize(
    "arguments",
    [["--dry-run"], ["--help"], ["check", "--help"], ["batch", "plan", "--help"], ["--version"]],
    ids=" ".join,
)
def test_output_that_takes_no_more(tmp_path: Path, arguments: list[str]) -> None:
    if arguments == ["--dry-run"]:
        arguments = ["-C", str(make_app(tmp_path)), *arguments]
    run = full("stdout", *arguments)
    assert run.returncode == 2
    assert run.stderr == "standard output: cannot be written: No space left on device\n"


@ON_LINUX
def test_an_exit_code_that_tells_where_errors_cannot() -> None:
    run = full("stderr", "--no-such-option")
    assert (run.returncode, run.stdout) == (2, "")


def test_an_error_is_no_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.run(["--no-such-option"]) == 2
    assert capsys.readouterr().out == ""


def test_the_help_names_no_types_of_python() -> None:
    for words in ([], ["explain"], ["diagnose"], ["batch", "plan"]):
        assert "<" not in process(*words, "--help").out


def test_no_output_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.run(["-C", str(make_app(tmp_path)), "--yes"]) == 3
    assert "multiarch" not in (tmp_path / CONFIG).read_text()


def test_whatever_the_locale(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE.replace("never", "né"), ARM)
    for environment in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "LANG": "POSIX"}):
        result = process("-C", app, "--dry-run", "--color=always", *ONLY, **environment)
        assert result.code == 0
        assert "# né both" in result.out


# The process.


def test_on_a_real_terminal(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, ARM)
    ours, theirs = pty.openpty()
    program = [sys.executable, "-m", "kamal_migrate", "-C", str(app), *ONLY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as run:
        os.close(theirs)
        text = b""
        while WRITE.encode() not in text:
            text += os.read(ours, 4096)
        assert (app / CONFIG).read_text() == FALSE
        os.write(ours, b"y\n")
        assert run.wait(30) == 0
    os.close(ours)
    assert "arch: arm64" in (app / CONFIG).read_text()


LOADED = (
    "import sys\n"
    "from kamal_migrate.__main__ import main\n"
    "try:\n"
    "    main()\n"
    "except SystemExit:\n"
    "    pass\n"
    "names = ('typer', 'yaml', 'pydantic', 'deepdiff', 'rich')\n"
    "print(*[name for name in names if name in sys.modules], file=sys.stderr)\n"
)


@pytest.mark.parametrize(
    ("text", "arguments", "loaded"),
    [
        (KAMAL_2, ["--version"], []),
        (KAMAL_2, ["--dry-run"], ["typer", "yaml"]),
        (KAMAL_2, ["--yes", "-c", CONFIG, "--to", "2.1", "--select", "builder"], ["typer", "yaml"]),
        (
            FALSE,
            ["--dry-run", "--color", "always"],
            ["typer", "yaml", "deepdiff", "rich"],
        ),
        (KAMAL_2 + UNKNOWN, ["--dry-run"], ["typer", "yaml"]),
    ],
)
def test_only_what_is_used_is_loaded(
    text: str, arguments: list[str], loaded: list[str], tmp_path: Path
) -> None:
    app = make_app(tmp_path, text)
    place = [] if arguments == ["--version"] else ["-C", str(app)]
    found = process(*place, *arguments, code=LOADED)
    # deepdiff may load pydantic; nothing else does.
    names = found.err.split()
    assert [name for name in names if name != "pydantic" or "deepdiff" not in names] == loaded


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, tmp_path: Path) -> None:
    home = {
        "HOME": str(tmp_path),
        "SHELL": f"/bin/{shell}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    shown = process("--show-completion", shell, **home)
    assert (shown.code, shown.err) == (0, "")
    assert f"_KAMAL_MIGRATE_COMPLETE=complete_{shell}" in shown.out
    words = {
        "COMP_WORDS": "kamal-migrate --dr",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "kamal-migrate --dr",
    }
    more = {"_KAMAL_MIGRATE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert "--dry-run" in process(**words, **more, **home).out
    installed = process("--install-completion", shell, **home)
    assert installed.code == 0, installed
    assert any("kamal-migrate" in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_ctrl_c_while_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        @staticmethod
        def readline() -> bytes:
            raise KeyboardInterrupt

    class Stream:
        buffer = Interrupted()

    monkeypatch.setattr(sys, "stdin", Stream())
    printed: list[str] = []
    monkeypatch.setattr(console, "verbatim", printed.append)
    with pytest.raises(KeyboardInterrupt):
        console._ask("Write? ")
    assert printed == ["Write? ", "\nNothing written.\n"]


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = command("--dry-run")
    assert (result.code, result.err) == (2, "the current folder is gone; cd to one that is there\n")
