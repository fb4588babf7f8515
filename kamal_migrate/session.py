"""One run over one app: read, plan, show, ask, write. What is printed or asked goes through `Terminal`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from kamal_migrate.api import Evidence, Options, Safety
from kamal_migrate.catalog import Loaded, catalog
from kamal_migrate.disk import Folder, check_unchanged, read, write
from kamal_migrate.engine import Plan, Planned, plan
from kamal_migrate.kamal.dating import dated
from kamal_migrate.kamal.evidence import Pin, pinned
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.report.terminal import (
    Line,
    closing,
    headline,
    nothing_to_do,
    preview,
    question,
    wrapped,
)
from kamal_migrate.settings import FILE, Settings, find_settings

DONE, WOULD_CHANGE, UNUSABLE, NEEDS_HANDS, REFUSED = 0, 1, 2, 3, 4
NO_TERMINAL = "nothing written; add --yes or --dry-run"
ANSWERS = {
    "": "amd64", "amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64", "both": "both",
}  # fmt: skip


class UsageError(Exception):
    """The command cannot do what it was asked for, and what to do instead."""


class Request(NamedTuple):
    """What the command line says."""

    folder: Path = Path()
    configs: tuple[str, ...] = ()
    codemods: Path | None = None
    to: Version | None = None
    source: Version | None = None
    arch: str | None = None
    cache: str | None = None
    preserve: bool = False
    keep_comments: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    safe_only: bool = False
    interactive: bool = False
    dry_run: bool = False
    exit_code: bool = False
    diff: bool = False
    json: bool = False
    yes: bool = False
    allow_dirty: bool = False

    @property
    def writes(self) -> bool:
        """Whether files may be written."""
        return not (self.dry_run or self.diff)


class Terminal(NamedTuple):
    """How to print lines, a text as it is, and, on a terminal, how to ask; no answer at all is None."""

    lines: Callable[[Iterable[Line]], None]
    verbatim: Callable[[str], None]
    ask: Callable[[str], str | None] | None


class _Outcome(NamedTuple):
    """What became of a plan: the plan in the end, whether it was written, whether the user said no."""

    plan: Plan
    written: bool = False
    declined: bool = False


def options_of(request: Request, settings: Settings, pin: Pin | None) -> Options:
    """What the command line, the settings and the locked version say together, in this order."""
    arch = None
    if request.arch:
        arch = Evidence(request.arch, "--arch")
    elif settings.arch:
        arch = Evidence(settings.arch, settings.file or FILE)
    locked = pin.version if pin else None
    return Options(
        to=request.to or settings.to or (locked if locked and locked.major == 2 else NEWEST),
        source=request.source,
        arch=arch,
        cache=request.cache or settings.cache or "registry",
        preserve=request.preserve,
        keep_comments=request.keep_comments,
        select=request.select or settings.select,
        ignore=request.ignore or settings.ignore,
        safe_only=request.safe_only,
    )


def run(request: Request, terminal: Terminal) -> int:
    """Do what was asked; the exit code. Raises what the parts raise; `cli` puts it into words."""
    _check(request)
    if request.json:
        terminal = terminal._replace(ask=None)
    folder = read(request.folder, request.configs)
    pin = pinned(folder.project)
    settings = find_settings(request.folder)
    codemods = catalog(request.codemods)
    options = options_of(request, settings, pin)
    _check_names(options, codemods)
    made = plan(folder.project, codemods, options)
    if request.diff:
        return _print_patch(folder, made, request, terminal)
    show = _Show(request, terminal)
    if made.findings:
        show.lines(
            headline(made, came_from(request, dated(made.project, made.project.configs[0])), settings.file)
        )
        if request.writes and not request.yes and terminal.ask:
            made = _settled(made, codemods, terminal)
        show.lines(preview(made))
    else:
        show.lines(nothing_to_do(made))
    outcome = _carry_out(folder, made, request, terminal, codemods)
    code = DONE if outcome.declined else exit_code(outcome.plan, request)
    if request.json:
        from kamal_migrate.report.json import as_json

        terminal.verbatim(as_json(outcome.plan, written=outcome.written, exit_code=code) + "\n")
    elif made.findings:
        asked = request.writes and not request.yes
        show.lines(closing(outcome.plan, written=outcome.written, counted=not asked, dry_run=request.dry_run))
    return code


class _Show(NamedTuple):
    """Prints for people, unless a program reads."""

    request: Request
    terminal: Terminal

    def lines(self, lines: Iterable[Line]) -> None:
        if not self.request.json:
            self.terminal.lines(lines)


def _check(request: Request) -> None:
    """Refuse options that contradict each other."""
    if request.exit_code and request.writes:
        raise UsageError("--exit-code goes with --dry-run or --diff")
    if request.interactive and (request.yes or request.json or not request.writes):
        raise UsageError("--interactive asks; it does not go with --yes, --dry-run, --diff or --format json")
    if request.diff and request.json:
        raise UsageError("--diff prints a patch and nothing else; it does not go with --format json")
    if request.diff and request.yes:
        raise UsageError("--diff writes nothing; it does not go with --yes")


def _check_names(options: Options, codemods: list[Loaded]) -> None:
    known = {codemod.id: codemod.declaration.findings for codemod in codemods}
    for name in (*options.select, *options.ignore):
        codemod, slash, thing = name.partition("/")
        if codemod not in known or (slash and (not thing or "/" in thing)):
            raise UsageError(f"there is no codemod `{name}`; see: kamal-migrate list")
        things = known[codemod]
        if thing and things and thing not in things:
            raise UsageError(f"there is no finding `{name}`; {codemod} has {', '.join(things)}")


def came_from(request: Request, pin: Pin | None) -> str:
    """The version that the app comes from, and who says so."""
    if request.source:
        return f"Kamal {request.source.short} (--from)"
    if pin:
        name = "MRSK" if pin.version < Version(0, 16) else "Kamal"
        return f"{name} {pin.bound}{pin.version.short} ({pin.source})"
    return "Kamal of unknown version"


def _print_patch(folder: Folder, made: Plan, request: Request, terminal: Terminal) -> int:
    from kamal_migrate.report.patch import patch

    names = {path: folder.name(path) for path in made.changed}
    outside = next((path for path, name in names.items() if name.startswith("../")), None)
    if outside:
        where = folder.target(outside)
        raise UsageError(f"{outside}: the file is {where}, outside of this folder, where no patch reaches it")
    terminal.verbatim(patch(made, names.__getitem__))
    return exit_code(made, request)


def _assumed(made: Plan) -> set[tuple[str, str]]:
    return {item.key for item in made.findings if item.applied and item.finding.safety is Safety.ASSUMED}


def _settled(made: Plan, codemods: list[Loaded], terminal: Terminal) -> Plan:
    """The plan with the question answered that the files leave open, where something rests on the answer."""
    assumed = _assumed(made)
    if made.options.arch or not assumed or not terminal.ask:
        return made

    def answered(arch: str) -> Plan:
        given = Evidence(arch, "your answer")
        return plan(made.project, codemods, replace(made.options, answer=given))

    settled = assumed - _assumed(answered("amd64"))
    reasons = dict.fromkeys(item.finding.evidence for item in made.findings if item.key in settled)
    if not settled:
        return made
    terminal.lines([Line(), *(line for reason in reasons for line in wrapped(reason, 0))])
    while True:
        answer = terminal.ask("What do your servers run? [amd64] arm64 both   (uname -m tells) ")
        if answer is None:
            return made
        if answer.strip().lower() in ANSWERS:
            return answered(ANSWERS[answer.strip().lower()])


def exit_code(made: Plan, request: Request) -> int:
    """The code that a run ends with when it does all that the plan says."""
    if request.exit_code and made.changed:
        return WOULD_CHANGE
    return NEEDS_HANDS if any(_needs_hands(item, made.options) for item in made.findings) else DONE


def _needs_hands(item: Planned, options: Options) -> bool:
    """Whether a finding is manual, or assumed and not turned down by the user."""
    declined = options.accepted is not None and item.key not in options.accepted
    return item.finding.safety is Safety.MANUAL or (item.finding.safety is Safety.ASSUMED and not declined)


def _carry_out(
    folder: Folder, made: Plan, request: Request, terminal: Terminal, codemods: list[Loaded]
) -> _Outcome:
    """Ask where asking is due, and write."""
    if not made.changed:
        return _Outcome(made)
    dirty = (
        [] if request.allow_dirty or not (request.writes or request.yes) else folder.uncommitted(made.changed)
    )
    if request.yes and dirty:
        raise UsageError(
            f"{dirty[0]}: not all of it is committed; nothing written. Commit it, or add --allow-dirty"
        )
    if not request.writes:
        return _Outcome(made)
    if not request.yes:
        if terminal.ask is None:
            raise UsageError(NO_TERMINAL)
        if dirty:
            terminal.lines([Line(), *wrapped(f"Uncommitted changes in {', '.join(dirty)}", 0, "assumed")])
        accepted = _accepted(made, terminal, codemods, each=request.interactive)
        if accepted is None:
            return _Outcome(made, declined=True)
        made = accepted
    check_unchanged(folder, folder.originals)
    write(folder, {path: made.after.files[path] for path in made.changed})
    return _Outcome(made, written=True)


def _accepted(made: Plan, terminal: Terminal, codemods: list[Loaded], *, each: bool) -> Plan | None:
    """The plan that the user says yes to: the whole, or what is left of it one by one, shown again."""
    if each:
        applied = [item for item in made.findings if item.applied]
        accepted = frozenset(item.key for item in applied if _agreed(terminal, _one(item)))
        if len(accepted) == len(applied):
            return made
        made = plan(made.project, codemods, replace(made.options, accepted=accepted))
        if not made.changed:
            return None
        terminal.lines(preview(made))
    return made if _agreed(terminal, f"{question(made)} [y/N] ") else None


def _one(item: Planned) -> str:
    return f"{item.finding.id} · {item.finding.safety.value}, {item.locations[0]}. Write it? [y/N] "


def _agreed(terminal: Terminal, words: str) -> bool:
    terminal.lines([Line()])
    answer = terminal.ask(words) if terminal.ask else None
    return (answer or "").strip().lower() in ("y", "yes")
