"""The hunks of a unified diff. Lines end at LF only, and a missing final newline is kept in mind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.engine import Plan
from kamal_migrate.masking import mask, masked, names_only, sayings
from kamal_migrate.project import may_hold_secrets

CONTEXT = 3


class Hunk(NamedTuple):
    """One hunk: the first line and the number of lines, old and new, and the lines with their sign."""

    old_start: int
    old_length: int
    new_start: int
    new_length: int
    lines: tuple[tuple[str, str], ...]

    @property
    def header(self) -> str:
        """The line that begins it."""
        old, new = _range(self.old_start, self.old_length), _range(self.new_start, self.new_length)
        return f"@@ -{old} +{new} @@"


def _range(start: int, length: int) -> str:
    return f"{start}" if length == 1 else f"{start if length else start - 1},{length}"


def lines_of(text: str) -> list[str]:
    """The lines with their line breaks; only LF ends a line."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def hunks(
    before: str, after: str, shown: tuple[str, str] | None = None, context: int = CONTEXT
) -> Iterator[Hunk]:
    """The hunks between two texts, with some lines around each; ``shown`` is what they look like instead."""
    from difflib import SequenceMatcher

    old, new = lines_of(before), lines_of(after)
    old_shown, new_shown = map(lines_of, shown or (before, after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(context):
        lines: list[tuple[str, str]] = []
        for kind, i, j, k, m in group:
            if kind == "equal":
                lines += [(" ", line) for line in old_shown[i:j]]
                continue
            lines += [("-", line) for line in old_shown[i:j]]
            lines += [("+", line) for line in new_shown[k:m]]
        first, last = group[0], group[-1]
        yield Hunk(first[1] + 1, last[2] - first[1], first[3] + 1, last[4] - first[3], tuple(lines))


def secretive(plan: Plan, path: str) -> bool:
    """Whether nothing that a file of the result said before may be shown."""
    return path in plan.private or may_hold_secrets(path) or may_hold_secrets(plan.renamed.get(path, path))


def addition(before: str, after: str) -> Hunk | None:
    """The lines that come at the end of a text, and nothing of the text itself; None where more is changed.

    A last line without a line break may get one; it is none of the lines that come.
    """
    old, new = lines_of(before), lines_of(after)
    kept = "".join(new[: len(old)])
    if kept.removesuffix("\n").removesuffix("\r") != before.removesuffix("\n").removesuffix("\r"):
        return None
    lines = tuple(("+", line) for line in new[len(old) :])
    return Hunk(len(old) + 1, 0, len(old) + 1, len(lines), lines)


def masked_hunks(plan: Plan, path: str) -> Iterator[Hunk]:
    """The hunks of a file of the result with the secrets masked; of a file of secrets only what comes."""
    before, after = plan.before(path), plan.after.files[path]
    if secretive(plan, path):
        yield from _additions(before, after, private=path in plan.private)
        return
    texts = before, after
    shown = masked(plan.project, plan.renamed.get(path, path)), masked(plan.after, path)
    if [text.count("\n") for text in shown] != [text.count("\n") for text in texts]:
        shown = tuple("\n".join(map(mask, text.split("\n"))) for text in texts)  # type: ignore[assignment]
    yield from hunks(*texts, shown)


def _additions(before: str, after: str, *, private: bool) -> Iterator[Hunk]:
    """The lines that come; where they are mixed with those that were there, only names are shown."""
    added = addition(before, after)
    shown = lines_of(names_only(after) if private or not added else sayings(after))
    found = [added] if added else hunks(before, after, context=0)
    for hunk in found:
        start = hunk.new_start - 1
        lines = tuple(("+", line) for line in shown[start : start + hunk.new_length])
        if lines:
            yield hunk._replace(lines=lines)
