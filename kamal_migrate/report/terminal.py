"""The report for people: lines with a style each, at most 80 columns but for the lines of a file."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.api import Finding, Safety
from kamal_migrate.engine import Plan, Planned
from kamal_migrate.engine.validating import REFUSED
from kamal_migrate.kamal.app import apps
from kamal_migrate.kamal.envfiles import EnvFiles
from kamal_migrate.kamal.secrets import secret_names
from kamal_migrate.kamal.versions import Version
from kamal_migrate.masking import mask, shown_name
from kamal_migrate.report.lines import WIDTH, Line, listed, printable, wrapped
from kamal_migrate.report.reasons import of_file, of_hunks
from kamal_migrate.report.tables import deployment, held, left

__all__ = [
    "WIDTH",
    "Line",
    "change",
    "closing",
    "headline",
    "nothing_to_do",
    "preview",
    "printable",
    "summary",
    "wrapped",
]


def headline(plan: Plan, came_from: str, settings: str = "") -> Iterator[Line]:
    """What is migrated, from where and to where; and the settings that count."""
    parts = []
    for config in plan.project.configs:
        names = [*config.destinations]
        parts.append(config.base + (f" with {listed(names)}" if names else ""))
    text = f"{_app(plan)}: {'; '.join(parts)} · {came_from} → {plan.options.to.short}"
    yield from wrapped(text, 0, "head", hang=2)
    if settings:
        yield from wrapped(f"settings: {settings}", 0, "dim", hang=2)


def _app(plan: Plan) -> str:
    """What the app is called: its service, where there is one app and it says so plainly; else its folder."""
    one = len(plan.project.configs) == 1
    found = [service for view, _ in plan.views() if one and isinstance(service := view.get("service"), str)]
    return found[0] if len(set(found)) == 1 and found[0] else plan.project.name


def nothing_to_do(plan: Plan) -> Iterator[Line]:
    """One calm line, and what it does not cover."""
    options, files = plan.options, plan.project.files
    silenced = any("kamal-migrate: ignore[" in files[path] for c in plan.project.configs for path in c.paths)
    done = f"already explicit for Kamal {options.to.short}"
    if options.select or options.ignore:
        done = f"nothing to do for Kamal {options.to.short} in what is selected"
    elif silenced:
        done = f"nothing to do for Kamal {options.to.short} but what the files say to ignore"
    yield from wrapped(f"{_app(plan)}: {done}", 0, hang=2)
    yield from _notes(plan)


def preview(plan: Plan) -> Iterator[Line]:
    """What changes and why, what that means for the deployment, what is left."""
    told: set[tuple[str, ...]] = set()
    for path in plan.changed:
        yield Line()
        yield Line(_title(plan, path), "title")
        yield from _file(plan, path, told)
    yield from _comments(plan)
    yield from deployment(plan)
    yield from left(plan)
    yield from held(plan)
    yield from _notes(plan)
    yield from _environment(plan)


def _title(plan: Plan, path: str) -> str:
    """A file, and where it comes from if it was not there."""
    if path in plan.renamed:
        return printable(f"{plan.renamed[path]} → {path}")
    return printable(path if path in plan.project.files else f"{path} (new)")


def _environment(plan: Plan) -> Iterator[Line]:
    if not plan.environment:
        return
    yield Line()
    text = "From now on these must be in the environment, else Kamal passes them empty:"
    yield from wrapped(text, 0, "title")
    names = ", ".join(map(shown_name, plan.environment))
    hint = "" if plan.options.to < Version(2, 1) else f"(see: {_printing(plan)})"
    if len(names) + 8 + len(hint) <= WIDTH:
        yield from wrapped(f"{names}      {hint}".rstrip(), 2)
    else:
        yield from wrapped(names, 2)
        yield from wrapped(hint, 2)


def _printing(plan: Plan) -> str:
    """The command that prints the secrets of whatever looks up most; rather without a destination."""
    views = [view for view, _ in plan.views()]
    one = max(views, key=lambda view: (len(secret_names(view)), not view.destination))
    app = next(app for app in apps(plan.project) if one.config in app.configs)
    option = f" -d {one.destination}" if one.destination else ""
    return f"{EnvFiles(app).loader(one.destination)}kamal secrets print{option}"


def _notes(plan: Plan) -> Iterator[Line]:
    if plan.notes:
        yield Line()
    for note in plan.notes:
        yield from wrapped(f"note: {mask(note)}", 0, "dim", hang=2)


def change(plan: Plan, item: Planned) -> Iterator[Line]:
    """One change by itself: why, and the hunks that it has a part in, of each file under its name."""
    told: set[tuple[str, ...]] = set()
    for path in plan.changed:
        lines = list(_file(plan, path, told, item))
        if lines:
            yield Line(_title(plan, path), "title")
            yield from lines


def _file(plan: Plan, path: str, told: set[tuple[str, ...]], only: Planned | None = None) -> Iterator[Line]:
    """The hunks of a file, each under the findings that want it; a reason is given once."""
    whole = of_file(plan, path)
    for item in _those(whole, only):
        yield from _reason(item.finding, item.finding.safety, told)
    for hunk, items in of_hunks(plan, path):
        if not (only is None or _those([*whole, *items], only)):
            continue
        for item in _those(items, only):
            yield from _reason(item.in_file(path), item.finding.safety, told)
        yield Line(f"    {hunk.header}", "hunk")
        for sign, line in hunk.lines:
            style = {"-": "old", "+": "new"}.get(sign, "")
            yield Line(f"    {sign}{line.rstrip(chr(10)).removesuffix(chr(13))}", style)


def _those(items: list[Planned], only: Planned | None) -> list[Planned]:
    return [item for item in items if only is None or item is only]


def _reason(finding: Finding, safety: Safety, told: set[tuple[str, ...]]) -> Iterator[Line]:
    texts = (finding.message, finding.evidence, *finding.notes)
    above = " (as above)" if texts in told else ""
    yield Line(f"  {finding.id} · {safety.value}{above}", safety.value)
    for text in () if above else texts:
        yield from wrapped(mask(text), 4)
    told.add(texts)


def _comments(plan: Plan) -> Iterator[Line]:
    gone = [row for item in plan.findings if item.applied for row in item.lost]
    if gone:
        yield Line()
        yield Line("Comments that go with what they describe (--keep-comments keeps them)", "title")
    for path, comment in gone:
        yield from wrapped(f"{path}: {mask(comment)}", 2, hang=2)


def summary(plan: Plan) -> str:
    """One line that counts: files, changes by safety, what is left."""
    applied = [item.finding.safety for item in plan.findings if item.applied]
    words = {Safety.SAFE: "safe", Safety.REVIEW: "to review", Safety.ASSUMED: "assumed"}
    kinds = [f"{applied.count(safety)} {word}" for safety, word in words.items() if safety in applied]
    parts = ["Nothing to write"]
    if applied:
        parts = [_count(len(plan.changed), "file"), f"{_count(len(applied), 'change')} ({', '.join(kinds)})"]
    held = sum(bool(item.held) for item in plan.findings)
    left = sum(item.finding.safety is Safety.MANUAL for item in plan.findings)
    return ", ".join(
        [*parts, *([f"{held} not done"] if held else []), *([f"{left} left for you"] if left else [])]
    )


def closing(plan: Plan, explain: str, *, written: bool, counted: bool, dry_run: bool) -> Iterator[Line]:
    """What was done, and what can be done next; ``counted`` repeats the numbers, for no question did.

    ``explain`` is the command that explains a finding.
    """
    done = f"Written: {_count(len(plan.changed), 'file')}." if written else "Nothing written."
    if counted or not plan.changed:
        yield Line()
        ended = done if plan.changed else ""
        yield from wrapped(f"{summary(plan)}. {ended}".rstrip(), 0, "head")
    else:
        yield Line(done, "head")
    if dry_run:
        first, *others = _pages(plan)
        more = f" (or {', '.join(others)})" if others else ""
        how = "To write it, leave out --dry-run." if plan.changed else ""
        story = f"The whole story: {explain} {first}{more}"
        together = f"{how} {story}".lstrip()
        for text in (together,) if len(together) <= WIDTH else (how, story):
            yield from wrapped(text, 0, hang=2)


def _pages(plan: Plan) -> list[str]:
    """What tells the story of each finding; of those that change something first."""
    ids = [item.finding.id for item in sorted(plan.findings, key=lambda item: not item.applied)]
    return list(dict.fromkeys(id if id == REFUSED else id.split("/")[0] for id in ids))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
