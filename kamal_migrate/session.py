"""One run over one app: read, plan, show, ask, write. What is printed or asked goes through `Terminal`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from shlex import quote
from typing import NamedTuple

from kamal_migrate.api import Options, Safety
from kamal_migrate.asking import Terminal, accepted, settled
from kamal_migrate.catalog import Loaded, catalog
from kamal_migrate.disk import Folder, check_renamed, check_unchanged, read, write
from kamal_migrate.engine import Plan, Planned, plan
from kamal_migrate.inventories import inventory_of
from kamal_migrate.kamal.dating import KAMAL_2, dated, speaks_kamal_2
from kamal_migrate.kamal.evidence import pinned
from kamal_migrate.report.terminal import Line, closing, headline, nothing_to_do, preview, wrapped
from kamal_migrate.request import Request, UsageError, came_from, check, check_names, options_of
from kamal_migrate.settings import find_settings
from kamal_migrate.verifying import Answer, Verifier, verifier

DONE, WOULD_CHANGE, UNUSABLE, NEEDS_HANDS, REFUSED = 0, 1, 2, 3, 4
NO_GIT = "there is no git to tell what is committed"
NO_TERMINAL = "nothing written; add --yes or --dry-run"


class _Outcome(NamedTuple):
    """What became of a plan: the plan in the end, whether it was written, whether the user said no."""

    plan: Plan
    written: bool = False
    declined: bool = False


def run(request: Request, terminal: Terminal) -> int:
    """Do what was asked; the exit code. Raises what the parts raise; `cli` puts it into words."""
    check(request)
    if request.json:
        terminal = terminal._replace(ask=None)
    folder = read(request.folder, request.configs)
    pin = pinned(folder.project)
    settings = find_settings(request.folder)
    codemods = catalog(request.codemods)
    options = options_of(request, settings, pin, inventory_of(request, settings))
    check_names(options, codemods)
    show = _Show(request, terminal)
    verify = verifier(folder, options.to, show.lines) if request.verify_with_kamal else None
    made = plan(folder.project, codemods, options)
    if request.diff:
        return _print_patch(folder, made, request, terminal)
    if made.findings:
        show.lines(
            headline(made, came_from(request, dated(made.project, made.project.configs[0])), settings.file)
        )
        if request.writes and not request.yes and terminal.ask:
            made = settled(made, codemods, terminal)
        show.lines([*preview(made), *_elsewhere(folder, made)])
    else:
        show.lines(nothing_to_do(made))
    verified = verify(made) if verify else None
    outcome = _carry_out(folder, made, request, terminal, codemods, verify)
    code = DONE if outcome.declined else exit_code(outcome.plan, request)
    _tell(outcome, request, terminal, verified, code)
    return code


def _tell(
    outcome: _Outcome, request: Request, terminal: Terminal, verified: Sequence[Answer] | None, code: int
) -> None:
    """What was done and what comes next; for a program the whole of it."""
    if request.json:
        from kamal_migrate.report.json import as_json

        answers = None if verified is None else [answer._asdict() for answer in verified]
        report = as_json(outcome.plan, written=outcome.written, exit_code=code, verified=answers)
        terminal.verbatim(report + "\n")
    elif outcome.plan.findings:
        counted = request.yes or not request.writes
        explain, written = _explain(request), outcome.written
        ended = closing(outcome.plan, explain, written=written, counted=counted, dry_run=request.dry_run)
        terminal.lines(ended)
        terminal.lines(_afterwards(outcome, request))


class _Show(NamedTuple):
    """Prints for people, unless a program reads."""

    request: Request
    terminal: Terminal

    def lines(self, lines: Iterable[Line]) -> None:
        if not self.request.json:
            self.terminal.lines(lines)


def _elsewhere(folder: Folder, made: Plan) -> Iterator[Line]:
    """The files that links of the app lead to, where others may use them as well."""
    for path in made.changed:
        name = folder.name(path)
        if name.startswith("../") and not path.startswith(("../", "/")):
            text = f"note: {path} is {name}, outside of this folder: that is what is written"
            yield from wrapped(text, 0, "assumed", hang=2)


def _explain(request: Request) -> str:
    """The command that explains a finding, with the folder that its codemod may come from."""
    given = f" --codemods {quote(str(request.codemods))}" if request.codemods else ""
    return f"kamal-migrate explain{given}"


def _afterwards(outcome: _Outcome, request: Request) -> Iterator[Line]:
    """What comes next on the servers of an app that leaves Kamal 1, or the command that tells."""
    made = outcome.plan
    if outcome.declined or not made.changed or not _leaves_kamal_1(made, request):
        return
    if not outcome.written:
        yield Line("Then, for the servers: kamal-migrate steps")
        return
    from kamal_migrate.kamal.steps import runbooks
    from kamal_migrate.report.steps import short, tasks

    found = runbooks(
        made.after, made.options.to, request.source, made.project, written=True, tasks=tasks(made)
    )
    yield Line()
    yield from short(found)


def _leaves_kamal_1(made: Plan, request: Request) -> bool:
    """Whether a config that Kamal 1 or MRSK deploys is for Kamal 2 from now on."""
    if made.options.to < KAMAL_2:
        return False
    for view, _ in made.views():
        pin = dated(made.project, view.config)
        if not speaks_kamal_2(view, request.source or (pin.version if pin else None)):
            return True
    return False


def _print_patch(folder: Folder, made: Plan, request: Request, terminal: Terminal) -> int:
    from kamal_migrate.git import prefix
    from kamal_migrate.report.patch import NotPatched, patch

    check_renamed(folder, made.renamed)
    names = {path: folder.name(path) for path in (*made.changed, *made.renamed.values())}
    outside = next((path for path, name in names.items() if name.startswith("../")), None)
    if outside:
        where = folder.target(outside)
        raise UsageError(f"{outside}: the file is {where}, outside of this folder, where no patch reaches it")
    try:
        terminal.verbatim(patch(made, names.__getitem__, prefix(folder.root)))
    except NotPatched as error:
        raise UsageError(str(error)) from error
    return exit_code(made, request)


def exit_code(made: Plan, request: Request) -> int:
    """The code that a run ends with when it does all that the plan says."""
    if request.exit_code and made.changed:
        return WOULD_CHANGE
    return NEEDS_HANDS if any(_needs_hands(item, made.options) for item in made.findings) else DONE


def _needs_hands(item: Planned, options: Options) -> bool:
    """Whether a finding is manual, or assumed and not turned down by the user."""
    declined = options.accepted is not None and item.key not in options.accepted
    return item.finding.safety is Safety.MANUAL or (item.finding.safety is Safety.ASSUMED and not declined)


def _uncommitted(folder: Folder, made: Plan, request: Request) -> str:
    """What to say before the question of files that git could not bring back; nothing where it could.

    Raises `UsageError` where nothing is asked.
    """
    from kamal_migrate.git import is_missed

    if request.allow_dirty or not (request.writes or request.yes):
        return ""
    if is_missed(folder.root):
        if request.yes:
            raise UsageError(f"{NO_GIT}; nothing written. Install it, or add --allow-dirty")
        return NO_GIT.capitalize()
    dirty = folder.uncommitted([*made.changed, *made.renamed.values()])
    if request.yes and dirty:
        raise UsageError(
            f"{dirty[0]}: not all of it is committed; nothing written. Commit it, or add --allow-dirty"
        )
    return f"Uncommitted changes in {', '.join(dirty)}" if dirty else ""


def _carry_out(
    folder: Folder,
    made: Plan,
    request: Request,
    terminal: Terminal,
    codemods: list[Loaded],
    verify: Verifier | None,
) -> _Outcome:
    """Ask where asking is due, and write."""
    if not made.changed:
        return _Outcome(made)
    uncommitted = _uncommitted(folder, made, request)
    if not request.writes:
        return _Outcome(made)
    if not request.yes:
        if terminal.ask is None:
            raise UsageError(NO_TERMINAL)
        if uncommitted:
            terminal.lines([Line(), *wrapped(uncommitted, 0, "assumed")])
        agreed = accepted(made, terminal, codemods, verify, each=request.interactive)
        if agreed is None:
            return _Outcome(made, declined=True)
        made = agreed
    check_unchanged(folder, folder.originals)
    texts = {path: made.after.files[path] for path in made.changed}
    write(folder, texts, renamed=made.renamed, private=made.private)
    return _Outcome(made, written=True)
