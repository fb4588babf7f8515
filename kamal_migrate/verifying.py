"""What a real Kamal says of a plan: `kamal config`, run on the planned files in a temporary folder.

Nothing else here runs anything of the user's, and this does only where it is asked for: it executes the Ruby
in the config. Kamal prints the whole config and, in one line with ``ERROR``, why it refuses one, both on
standard output (``bin/kamal`` of every version); the config is never shown.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kamal_migrate.engine import Plan
from kamal_migrate.envdoc import LITERAL, EnvDoc
from kamal_migrate.folder import Folder
from kamal_migrate.kamal.evidence import root_of
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.validation import faults, never_alone
from kamal_migrate.kamal.versions import Version
from kamal_migrate.masking import MASK, is_secret, mask
from kamal_migrate.overlay import CannotLayOut, laid_out
from kamal_migrate.project import DEFAULT_CONFIG, Config, may_hold_secrets
from kamal_migrate.report.terminal import Line, wrapped
from kamal_migrate.transaction import Stopped
from kamal_migrate.yamldoc import data as typed

SECONDS = 60
# Kamal asks git for a version where none is given.
_VERSION = ("--version", "verify")
_OPTION = "--verify-with-kamal"
_ADVICE = f"where the Ruby in the config fails, see to what it needs, or leave {_OPTION} out"
# A shorter secret is nothing to look for in a text.
_SHORTEST = 4
Show = Callable[[Iterable[Line]], None]
Verifier = Callable[[Plan], "list[Answer]"]


class CannotVerify(Exception):
    """There is no `kamal` command that could tell, or no place for it; and what to do."""


class KamalRefuses(Exception):
    """Kamal refuses what was thought to be right: ``lines`` name the views, and give its words, masked."""

    def __init__(self, version: str, rows: Iterable[str]) -> None:
        self.lines = (
            f"Kamal {version} refuses the result; nothing written:",
            *(f"  {row}" for row in rows),
            _ADVICE,
        )
        super().__init__(self.lines[0])


class Answer(NamedTuple):
    """What Kamal says of a view: the command that was run, and its error, masked, if it refuses."""

    view: str
    command: str
    accepted: bool
    error: str | None


class _Kamal(NamedTuple):
    """A `kamal` command and the version that it says it is."""

    path: str
    version: str


class _Question(NamedTuple):
    """A command to run for a view: in which folder of the app, and whether we know of faults."""

    view: str
    folder: str
    options: tuple[str, ...]
    known: bool

    def command(self, *more: str) -> str:
        """How a person would type it, in the app's folder."""
        typed_in = shlex.join(("kamal", "config", *self.options, *more))
        return f"cd {shlex.quote(self.folder)} && {typed_in}" if self.folder else typed_in


def verifier(folder: Folder, to: Version, show: Show) -> Verifier:
    """What asks the installed Kamal of a version about plans. Raises `CannotVerify` where that is not there.

    The function it gives raises `KamalRefuses`, `CannotVerify` and `Stopped`.
    """
    kamal = _installed(folder.root, to)
    return lambda made: _verified(kamal, folder, made, show)


def _installed(app: Path, to: Version) -> _Kamal:
    """The `kamal` command on the search path. Raises `CannotVerify`."""
    from kamal_migrate import programs

    path = programs.found("kamal")
    advice = f"{_OPTION} needs Kamal {to.major}.{to.minor}: gem install kamal -v {to}"
    if path is None:
        raise CannotVerify(f"there is no `kamal` command; {advice}")
    run = _run([path, "version"], app)
    found = re.search(r"^v?(\d+)\.(\d+)\.\d\S*$", run.out, re.MULTILINE)
    if run.code or not found:
        raise CannotVerify(f"{path} does not tell its version ({_error(run)}); {advice}")
    if (int(found[1]), int(found[2])) != to[:2]:
        raise CannotVerify(f"{path} is Kamal {found[0]}; {advice}")
    return _Kamal(path, found[0])


def _verified(kamal: _Kamal, folder: Folder, made: Plan, show: Show) -> list[Answer]:
    seen = [(config.base, view) for config in made.after.configs for view in _loaded(made, config)]
    questions = _questions(seen, made.options.to)
    hidden = _secrets(made, [view for _, view in seen])
    show(_announced(kamal, questions))
    answers = []
    try:
        with _stoppable(), laid_out(folder, made, {question.folder for question in questions}) as app:
            for question in questions:
                answers.append(_asked(kamal, question, app, hidden))
                show(_said(question, answers[-1]))
    except CannotLayOut as error:
        raise CannotVerify(f"{error}; leave out {_OPTION}") from None
    refused = [
        f"{answer.view}: {answer.error}"
        for question, answer in zip(questions, answers, strict=True)
        if not (answer.accepted or question.known)
    ]
    if refused:
        raise KamalRefuses(kamal.version, refused)
    return answers


def _loaded(made: Plan, config: Config) -> list[View]:
    """The views of a config as it will be, without a base that Kamal takes with a destination only."""
    found = views(made.after, config)
    alone = {id(view) for view in never_alone(found, made.options.to)}
    return [view for view in found if id(view) not in alone]


def _asked(kamal: _Kamal, question: _Question, app: Path, hidden: Sequence[str]) -> Answer:
    run = _run([kamal.path, "config", *question.options, *_VERSION], app / question.folder)
    error = _without(_error(run), hidden) if run.code else None
    return Answer(question.view, question.command(*_VERSION), error is None, error)


def _questions(seen: Iterable[tuple[str, View]], to: Version) -> list[_Question]:
    """The commands that load the views, each once: which branches of ERB are taken is up to Ruby."""
    found: dict[tuple[str, tuple[str, ...]], _Question] = {}
    for base, view in seen:
        folder = root_of(base)
        file = posixpath.relpath(view.layers[0].document.path, folder or ".")
        config = () if file == DEFAULT_CONFIG else ("-c", file)
        key = folder, (*config, *(("-d", view.destination) if view.destination else ()))
        known = bool(faults(view, to)) or (key in found and found[key].known)
        found[key] = _Question(view.title, *key, known)
    return list(found.values())


def _announced(kamal: _Kamal, questions: Iterable[_Question]) -> Iterator[Line]:
    yield Line()
    # Where `ssh.key_data` or `registry.server` names a secret, loading a config looks it up (2.0.0+).
    more = ", and .kamal/secrets if it needs one" if kamal.version >= "2" else ""
    text = f"Kamal {kamal.version} ({kamal.path}) loads the result in a temporary folder."
    yield from wrapped(f"{text} This runs the Ruby in your config{more}:", 0)
    yield from (Line(f"  {question.command(*_VERSION)}") for question in questions)


def _said(question: _Question, answer: Answer) -> Iterator[Line]:
    refused = "still refused" if question.known else "refused"
    text = "accepted" if answer.accepted else f"{refused}: {answer.error}"
    yield from wrapped(f"{question.command()}: {text}", 0, "safe" if answer.accepted else "manual", hang=2)


class _Run(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def _run(command: list[str], folder: Path) -> _Run:
    """Run a command in the user's environment, for `SECONDS` at most, with all that it starts."""
    import signal
    import subprocess

    from kamal_migrate import programs

    # Git may be asked by the config's Ruby, but must not write into the app's own repository.
    environment = {**os.environ, "PWD": str(folder.absolute()), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        with programs.started(command, folder, environment) as child:
            try:
                out, err = child.communicate(timeout=SECONDS)
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
    except subprocess.TimeoutExpired:
        return _Run(-1, "", f"it took longer than {SECONDS} seconds")
    except OSError as error:
        raise CannotVerify(f"{command[0]}: cannot be run: {error.strerror}") from None
    return _Run(child.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REFUSAL = re.compile(r"^\s*ERROR \(([\w:]+)\): (.*)$", re.MULTILINE)
# Kamal names a key, such as `registry/password`, and says of what kind its value should be.
_FAULT = re.compile(r"((?:[\w./-]+: )?)(.*)")
_RAISED = re.compile(r"\([\w:]*(?:Error|Exception|NotFound)\)")


def _error(run: _Run) -> str:
    """Kamal's own error, else the line in which Ruby or the system says what went wrong; masked."""
    refusal = _REFUSAL.search(_COLOUR.sub("", run.out))
    if refusal and refusal[1] == "Kamal::ConfigurationError":
        return _FAULT.sub(lambda said: said[1] + mask(said[2]), refusal[2].strip(), count=1)
    if refusal:
        return mask(f"{refusal[2].strip()} ({refusal[1]})")
    rows = [row.strip() for row in _COLOUR.sub("", run.err).splitlines() if row.strip()]
    raised = [row for row in rows if _RAISED.search(row)]
    serious = [row for row in rows if "warning:" not in row]
    return mask(next(iter([*raised, *serious]), f"it ended with {run.code} and without a word"))


def _secrets(made: Plan, seen: Iterable[View]) -> list[str]:
    """The secret values of an app's files, the longest first: Ruby's errors quote what they choke on."""
    found: set[str] = set()
    for path, text in [*made.project.files.items(), *made.after.files.items()]:
        for line in EnvDoc(text).lines if may_hold_secrets(path) else ():
            said = text[line.value.start : line.value.end] if line.says == LITERAL else ""
            found.update(row.strip("\"'") for row in said.splitlines())
    for view in seen:
        for key, value in typed.walk(view.data):
            names = [step for step in key if isinstance(step, str)]
            if names and is_secret(names[-1]) and isinstance(value.value, str):
                found.update(value.value.splitlines())
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)


def _without(text: str, secrets: Iterable[str]) -> str:
    """A text with these values masked."""
    for value in secrets:
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, text)
    return text


@contextmanager
def _stoppable() -> Iterator[None]:
    """End in order where a signal would end the process at once: the temporary folder may hold secrets."""
    import signal
    import threading
    from types import FrameType

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped(number)

    watched = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        watched = []
    for number in watched:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in watched:
            signal.signal(number, signal.SIG_DFL)
