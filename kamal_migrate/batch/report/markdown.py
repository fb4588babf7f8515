"""A campaign in Markdown, and the body of one repository's pull request.

Whatever a repository says is text: it makes no markup, no link, no mention, whoever shows it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kamal_migrate.batch.report import MADE_BY
from kamal_migrate.batch.report.repository import (
    Automatic,
    Entry,
    Reason,
    Report,
    Reports,
    Task,
    automatic,
    changes,
    entries,
    pieces,
    reasons,
    run_in,
    runbooks,
    tasks,
    views,
)
from kamal_migrate.batch.report.text import repositories
from kamal_migrate.batch.row import SAID, Row
from kamal_migrate.masking import mask
from kamal_migrate.report.deployment import DeploymentChange
from kamal_migrate.report.lines import listed, printable

# Both begin with a set of characters, which is looked for fast, and then look back at what was found.
_SIGNS = re.compile(
    r"[\\`*_\[\]<>|~&$\-+=#.)]"
    r"(?:(?<=[\\`*_\[\]<>|~&$])|(?<=^[-+=#])(?=\s|[-=#]|$)|(?<=^\d[.)])|(?<=^\d\d[.)]))"
)
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
# Forges link what looks like a person, an issue, a commit, an address or a label; escaping does not help.
_LINKED = re.compile(
    r"[@#!%:.\-](?:(?<=@)(?=\w)|(?<=[#!%])(?=\d)|(?<=\w:)(?=//)|(?<=\b[Ww]{3}\.)|(?<=\b[Gg][Hh]-)(?=\d))"
)
_BREAK = "&#8203;"


def plain(text: str) -> str:
    """A text in one line, as it is."""
    return _escaped(text.strip())


def _escaped(text: str) -> str:
    escaped = _SIGNS.sub(lambda sign: _ENTITIES.get(sign[0], f"\\{sign[0]}"), printable(text))
    return _LINKED.sub(lambda sign: f"{sign[0]}{_BREAK}", escaped)


def code(text: str) -> str:
    """A text in one line, as code; what it holds of backticks does not end it."""
    shown = printable(text).replace("\t", "    ")
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    edge = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def words(text: str) -> str:
    """A message: its words as they are, what it quotes as code."""
    return "".join(code(piece.text) if piece.code else _escaped(piece.text) for piece in pieces(text.strip()))


def _block(lines: Iterable[str], indent: str, language: str = "") -> Iterator[str]:
    """Lines to be copied."""
    shown = [printable(line) for line in lines]
    ticks = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    yield ""
    yield f"{indent}{fence}{language}"
    yield from (f"{indent}{line}".rstrip() for line in shown)
    yield f"{indent}{fence}"


def parts(campaign: str, rows: Sequence[Row], reports: Reports) -> Iterator[str]:
    """The report of a campaign, line by line: the totals, the table, what is left for hands where."""
    counted = Counter(row.said for row in rows)
    yield f"<!-- {MADE_BY} -->\n# {plain(campaign)}\n\n{repositories(len(rows))}\n\n"
    yield from (f"- {counted[outcome]} {outcome}\n" for outcome in SAID if counted[outcome])
    yield "\n| repository | outcome | Kamal | for hands | assumed | |\n"
    yield "| --- | --- | --- | ---: | ---: | --- |\n"
    yield from (_row(entry) for entry in entries(rows, reports))
    for row, entry in zip(rows, entries(rows, reports), strict=True):
        if entry.reason:
            yield f"\n## {plain(entry.name)}\n\n{entry.outcome}: {plain(entry.reason)}\n"
        left = [line for task in tasks(reports(row)) for line in _task(task)]
        if left:
            yield "\n".join(["" if entry.reason else f"\n## {plain(entry.name)}\n", *left, ""])


def _row(entry: Entry) -> str:
    where = f"<{_address(entry.link)}>" if _address(entry.link) else plain(entry.became)
    cells = (plain(entry.name), entry.outcome, entry.kamal, entry.manual or "", entry.assumed or "", where)
    return f"| {' | '.join(map(str, cells))} |\n"


def _address(link: str) -> str:
    """A link to a page; empty for what is none."""
    return link if re.fullmatch(r"https?://[!#-;=?-Z_a-z~%&\[\]]+", link) and "|" not in link else ""


def pull_request(row: Row, report: Report) -> str:
    """The body of a repository's pull request: what, why, what it means, what is left, and the steps."""
    lines = [*_opening(row, report), *_files(report), *_deployment(report), *_left(report)]
    lines += [*_notes(report), *_environment(report), *_steps(report)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _opening(row: Row, report: Report) -> Iterator[str]:
    before, after = report.get("from"), report.get("to")
    came = f"from Kamal {before} to {after}" if before and before != after else f"to Kamal {after}"
    yield f"Moves what Kamal reads here {came}. No other file changes."
    merging = automatic(report, row.trunk)
    if merging:
        yield ""
        yield _warning(merging, row.trunk)


def _warning(merging: Automatic, trunk: str) -> str:
    """What a merge sets off."""
    steps = [f"step {n}{f' of {plain(service)}' if service else ''}" for service, n in merging.steps]
    verb = "deploys" if len(merging.paths) == 1 else "deploy"
    where = f" to {code(trunk)}" if trunk else ""
    why = f"{listed(list(map(code, merging.paths)))} {verb} on every push{where}."
    return f"**Do not merge before {listed(steps)}:** {why}" if steps else f"**Merging deploys:** {why}"


def _files(report: Report) -> Iterator[str]:
    if report["files"]:
        yield from ("", "## What changes, and why", "")
    told: set[Reason] = set()
    for file in report["files"]:
        was = f"{code(file['renamed_from'])} → " if file["renamed_from"] else ""
        yield f"- {was}{code(file['path'])}{' (new)' if file['created'] else ''}"
        for reason in (one for found in reasons(file, report["findings"]) for one in found):
            if not reason.above:
                yield f"  - {_reason(reason)}{' (as above)' if reason in told else ''}"
                yield from (f"    - {words(note)}" for note in reason.notes if reason not in told)
                told.add(reason)


def _reason(reason: Reason) -> str:
    evidence = f" ({words(reason.evidence)})" if reason.evidence else ""
    return f"{words(reason.message)}{evidence} · {code(reason.id)}, {reason.safety}"


def _deployment(report: Report) -> Iterator[str]:
    found, everywhere = changes(report), views(report)
    if found:
        yield from ("", "## What changes for the deployment", "")
    for change in found:
        yield f"- {_change(change, everywhere)}"


def _change(change: DeploymentChange, everywhere: frozenset[str]) -> str:
    where = f" ({', '.join(map(plain, change.views))})" if set(change.views) != everywhere else ""
    return f"{plain(change.what)}: {plain(change.before)} → {plain(change.after)}{where}"


def _left(report: Report) -> Iterator[str]:
    found = tasks(report)
    if found:
        yield from ("", "## Left for you", "")
    for task in found:
        yield from _task(task)


def _task(task: Task) -> Iterator[str]:
    """A task as an item of a checklist; several places that call for the same are items each."""
    for said in task.said:
        do = f"; {words(task.do)}" if task.do and len(task.said) == 1 else ""
        yield f"- [ ] {' '.join(map(code, said.places))} {words(said.message)}{do}"
    if len(task.said) > 1 and task.do:
        yield f"  - for each of these: {words(task.do)}"
    if task.paste:
        yield from (*_block(task.paste, "  "), "")
    yield from (f"  - {words(note)}" for note in task.notes)


def _notes(report: Report) -> Iterator[str]:
    if report["notes"]:
        yield from ("", "## Notes", "")
    yield from (f"- {words(note)}" for note in report["notes"])


def _environment(report: Report) -> Iterator[str]:
    if report["environment"]:
        names = ", ".join(map(code, report["environment"]))
        yield from ("", "## Needed in the environment from now on", "")
        yield f"Whoever deploys needs {names}; else Kamal passes them on empty."


def _steps(report: Report) -> Iterator[str]:
    found = runbooks(report)
    if found:
        yield from ("", "## The steps")
    for runbook in found:
        if len(found) > 1:
            yield from ("", f"### {plain(runbook['service'])} ({plain(runbook['config'])})")
        if run_in(runbook):
            yield from ("", f"In {code(run_in(runbook))}:")
        for number, step in enumerate(runbook["steps"], 1):
            yield from ("", *_step(number, step))


def _step(number: int, step: Report) -> Iterator[str]:
    indent = " " * (len(str(number)) + 2)
    where = f" ({plain(step['destination'])})" if step["destination"] else ""
    yield f"{number}. **{plain(step['title'])}**{where}: {words(step['why'])}"
    yield from (f"{indent}- {words(note)}" for note in step["notes"])
    yield from (f"{indent}- **Mind:** {words(warning)}" for warning in step["warnings"])
    if step["commands"]:
        yield from _block(map(mask, step["commands"]), indent, "sh")
