"""What is asked on a terminal before anything is written, and the plan that the answers make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from kamal_migrate.api import Evidence, Safety
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine import Plan, Planned, plan
from kamal_migrate.report.lines import WIDTH
from kamal_migrate.report.terminal import Line, change, preview, summary, wrapped
from kamal_migrate.verifying import Verifier

ANSWERS = {
    "": "amd64", "amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64", "both": "both",
}  # fmt: skip


class Terminal(NamedTuple):
    """How to print lines, a text as it is, and, on a terminal, how to ask; no answer at all is None."""

    lines: Callable[[Iterable[Line]], None]
    verbatim: Callable[[str], None]
    ask: Callable[[str], str | None] | None


def _assumed(made: Plan) -> set[tuple[str, str]]:
    return {item.key for item in made.findings if item.applied and item.finding.safety is Safety.ASSUMED}


def settled(made: Plan, codemods: list[Loaded], terminal: Terminal) -> Plan:
    """The plan with the question answered that the files leave open, where something rests on the answer."""
    assumed = _assumed(made)
    if made.options.arch or not assumed or not terminal.ask:
        return made

    def answered(arch: str) -> Plan:
        given = Evidence(arch, "your answer")
        return plan(made.project, codemods, replace(made.options, answer=given))

    resting = assumed - _assumed(answered("amd64"))
    reasons = dict.fromkeys(item.finding.evidence for item in made.findings if item.key in resting)
    if not resting:
        return made
    terminal.lines([Line(), *(line for reason in reasons for line in wrapped(reason, 0))])
    while True:
        answer = terminal.ask("What do your servers run? [amd64] arm64 both   (uname -m tells) ")
        if answer is None:
            return made
        if answer.strip().lower() in ANSWERS:
            return answered(ANSWERS[answer.strip().lower()])


def accepted(
    made: Plan, terminal: Terminal, codemods: list[Loaded], verify: Verifier | None, *, each: bool
) -> Plan | None:
    """The plan that the user says yes to: the whole, or what is left of it one by one, shown again."""
    if each:
        applied = [item for item in made.findings if item.applied]
        wanted = frozenset(item.key for item in applied if _one_agreed(terminal, made, item))
        if len(wanted) == len(applied):
            return made
        made = plan(made.project, codemods, replace(made.options, accepted=wanted))
        if not made.changed:
            return None
        terminal.lines(preview(made))
        if verify:
            verify(made)
    return made if _agreed(terminal, f"{summary(made)}.", "Write? [y/N]") else None


def _one_agreed(terminal: Terminal, made: Plan, item: Planned) -> bool:
    about = f"{item.finding.id} · {item.finding.safety.value}, {item.locations[0]}."
    return _agreed(terminal, about, "Write it? [y/N]", change(made, item))


def _agreed(terminal: Terminal, about: str, question: str, above: Iterable[Line] = ()) -> bool:
    """Whether the answer is yes; what a question is about stands before it, or above where it is long."""
    fits = len(f"{about} {question} ") <= WIDTH
    terminal.lines([Line(), *above, *(() if fits else wrapped(about, 0))])
    answer = terminal.ask(f"{about} {question} " if fits else f"{question} ") if terminal.ask else None
    return (answer or "").strip().lower() in ("y", "yes")
