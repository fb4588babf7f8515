"""What a report says of a repository, in the parts that the page and Markdown are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kamal_migrate.batch.detail import misfits
from kamal_migrate.batch.row import Row
from kamal_migrate.kamal.pushes import Push
from kamal_migrate.masking import mask, mask_message
from kamal_migrate.report.deployment import DeploymentChange
from kamal_migrate.report.tables import same_for_several

Report = Mapping[str, Any]
# The report of a repository, empty where there is none. Asked for again each time, so that few are in memory.
Reports = Callable[[Row], Report]


class Entry(NamedTuple):
    """A repository in a line: ``id`` tells it from the others of the campaign and goes into a URL.

    ``manual`` are the findings and hosts left for hands, ``assumed`` those that rest on what nobody said.
    """

    id: str
    name: str
    source: str
    outcome: str
    reason: str
    before: str
    after: str
    manual: int
    assumed: int
    became: str
    link: str
    findings: str

    @property
    def kamal(self) -> str:
        """From which Kamal to which; empty where none was found."""
        known = f"{self.before or '?'} → {self.after}"
        return (self.after if self.before == self.after else known) if self.after else ""


def entries(rows: Iterable[Row], reports: Reports) -> Iterator[Entry]:
    """The repositories, each in a line."""
    counted: dict[str, int] = {}
    for row in rows:
        report = reports(row)
        name = mask(row.name)
        slug = re.sub(r"[^a-z0-9._/-]+", "-", name.lower()).strip("-/") or "repository"
        counted[slug] = counted.get(slug, 0) + 1
        findings = report.get("findings", ())
        yield Entry(
            slug if counted[slug] == 1 else f"{slug}~{counted[slug]}",
            name,
            mask(row.source),
            row.said,
            mask_message(row.reason),
            report.get("from") or "",
            report.get("to") or "",
            len(_with_safety(findings, "manual")) + len(_misfits(report)),
            len(_with_safety(findings, "assumed")),
            row.became,
            mask(row.link),
            " ".join(dict.fromkeys(finding["id"] for finding in findings)),
        )


def _with_safety(findings: Iterable[Report], safety: str) -> list[Report]:
    return [finding for finding in findings if finding["safety"] == safety]


class Reason(NamedTuple):
    """Why something changes, and the finding that says so; ``above`` tells that it was said in this file."""

    id: str
    safety: str
    message: str
    evidence: str
    notes: tuple[str, ...]
    above: bool = False


def reasons(file: Report, findings: Sequence[Report]) -> list[list[Reason]]:
    """The reasons of a file's hunks, each once for a hunk; those of the whole file are at the first.

    A file without a hunk, for it only has another name, has one list.
    """
    told: set[Reason] = set()
    found = []
    for number, hunk in enumerate(file["hunks"] or [{"reasons": ()}]):
        said = [*(file["reasons"] if number == 0 else ()), *hunk["reasons"]]
        distinct = dict.fromkeys(_reason(findings[one["finding"]], one) for one in said)
        found.append([reason._replace(above=reason in told) for reason in distinct])
        told.update(distinct)
    return found


def _reason(finding: Report, said: Report) -> Reason:
    return Reason(
        finding["id"], finding["safety"], said["message"], said["evidence"] or "", tuple(said["notes"])
    )


class Said(NamedTuple):
    """What is wrong or assumed, and the places, as ``path:line``."""

    message: str
    places: tuple[str, ...]


class Task(NamedTuple):
    """Something left for hands: what is said where, and what to do about all of it.

    ``paste`` are lines to be written as they are. What is ``assumed`` is done, and wants a look.
    """

    said: tuple[Said, ...]
    do: str
    notes: tuple[str, ...] = ()
    paste: tuple[str, ...] = ()
    assumed: bool = False

    @property
    def commands(self) -> list[str]:
        """The commands among what it says to do."""
        return [piece.text for piece in pieces(self.do) if piece.code and _COMMAND.match(piece.text)]


_COMMAND = re.compile(r"(?:bundle|docker|dotenv|gem|gh|kamal|kamal-migrate|ssh)\s+\S")
WAYS_OUT = "`kamal-migrate check` has every way out"
LOOK = "see that it is so, and write it yourself if it is not"
LOOK_ARCH = (
    'ask a server with `uname -m`; if it is another one, say `arch = "{other}"` in the repository\'s'
    " `kamal-migrate.toml`, and plan again"
)


def tasks(report: Report) -> list[Task]:
    """What is left for hands; what calls for the same is one task."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, dict[str, None]]] = {}
    for finding in _with_safety(report.get("findings", ()), "manual"):
        same = found.setdefault((finding["todo"] or "", tuple(finding["notes"])), {})
        same.setdefault(finding["message"], {}).update(dict.fromkeys(_places(finding)))
    return [
        *(_task(todo, notes, messages) for (todo, notes), messages in found.items()),
        *([Task(tuple(_misfits(report)), WAYS_OUT)] if _misfits(report) else ()),
        *map(_assumption, _with_safety(report.get("findings", ()), "assumed")),
    ]


def _misfits(report: Report) -> list[Said]:
    """The hosts that pull an image which has nothing for them; each once, whatever is deployed there."""
    why = "and the image has nothing for that: a deploy ends there"
    said = (
        Said(f"`{host['host']}` runs {host['architecture']}, {why}", (host["evidence"],))
        for host in misfits(report)
    )
    return list(dict.fromkeys(said))


def _task(todo: str, notes: tuple[str, ...], messages: Mapping[str, Iterable[str]]) -> Task:
    do, *paste = todo.split("\n")
    said = tuple(Said(message, tuple(places)) for message, places in messages.items())
    return Task(said, do, notes, tuple(paste))


def _assumption(finding: Report) -> Task:
    evidence = finding["evidence"] or ""
    arch = re.match(r"(amd64|arm64)\b", evidence)
    other = "arm64" if arch and arch[1] == "amd64" else "amd64"
    do = LOOK_ARCH.replace("{other}", other) if arch else LOOK
    said = Said(f"{finding['message']}: {evidence}" if evidence else finding["message"], _places(finding))
    return Task((said,), do, assumed=True)


def _places(finding: Report) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{place['path']}:{place['line']}" for place in finding["locations"]))


def changes(report: Report) -> list[DeploymentChange]:
    """What changes for the deployment; what several roles or accessories have in common once."""
    return same_for_several(
        DeploymentChange(
            tuple(one["views"]), one["what"], one["before"], one["after"], tuple(one.get("findings", ()))
        )
        for one in report.get("deployment", ())
    )


def views(report: Report) -> frozenset[str]:
    """All that is deployed and compared, as far as something changes for it."""
    return frozenset(view for one in report.get("deployment", ()) for view in one["views"])


class Automatic(NamedTuple):
    """That a merge deploys: the files of CI that do it, and before which steps not to merge.

    Each step with the service whose runbook has it, empty where it is the same step in all.
    """

    paths: tuple[str, ...]
    steps: tuple[tuple[str, int], ...]


def automatic(report: Report, branch: str) -> Automatic | None:
    """What deploys when the branch is merged into; None where somebody has to begin it.

    A merge is safe once deploys are paused; where nothing is paused, it is the deploy of the steps.
    """
    found = [Push(one["path"], tuple(one["branches"])) for one in report.get("deploys_on_push", ())]
    paths = tuple(push.path for push in found if push.is_for(branch))
    if not paths:
        return None
    steps = [(runbook["service"], _step_to_merge_before(runbook)) for runbook in runbooks(report)]
    numbers = {number for _, number in steps}
    steps = [("", min(numbers))] if len(numbers) == 1 else steps
    return Automatic(paths, tuple((service, number) for service, number in steps if number))


def _step_to_merge_before(runbook: Report) -> int:
    """The number of the step, counted from 1; 0 where none is left."""
    ids = [step["id"] for step in runbook["steps"]]
    if "pause" in ids[:-1]:
        return ids.index("pause") + 2
    return ids.index("deploy") + 1 if "deploy" in ids else 0


def runbooks(report: Report) -> list[Report]:
    """The runbooks that have steps."""
    found = report.get("steps", {}).get("runbooks", ())
    return [runbook for runbook in found if runbook["steps"]]


def run_in(runbook: Report) -> str:
    """The folder of the repository in which its commands are run; empty for the repository's own."""
    return str(runbook["config"]).rpartition("/config/")[0]


class Piece(NamedTuple):
    """A part of a message: words, or what it quotes in backticks."""

    text: str
    code: bool


def pieces(text: str) -> Iterator[Piece]:
    """A message in its parts; a backtick without another is a letter."""
    for number, part in enumerate(re.split(r"`([^`\n]+)`", text)):
        if part:
            yield Piece(part, number % 2 == 1)
