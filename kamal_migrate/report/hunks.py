"""The hunks of a unified diff. Lines end at LF only, and a missing final newline is kept in mind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.project import Project
from kamal_migrate.report.masking import mask, masked

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


def hunks(before: str, after: str, shown: tuple[str, str] | None = None) -> Iterator[Hunk]:
    """The hunks between two texts, with three lines around each; ``shown`` is what they look like instead."""
    from difflib import SequenceMatcher

    old, new = lines_of(before), lines_of(after)
    old_shown, new_shown = map(lines_of, shown or (before, after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        lines: list[tuple[str, str]] = []
        for kind, i, j, k, m in group:
            if kind == "equal":
                lines += [(" ", line) for line in old_shown[i:j]]
                continue
            lines += [("-", line) for line in old_shown[i:j]]
            lines += [("+", line) for line in new_shown[k:m]]
        first, last = group[0], group[-1]
        yield Hunk(first[1] + 1, last[2] - first[1], first[3] + 1, last[4] - first[3], tuple(lines))


def masked_hunks(before: Project, after: Project, path: str) -> Iterator[Hunk]:
    """The hunks of a file with the secrets masked."""
    texts = before.files[path], after.files[path]
    shown = masked(before, path), masked(after, path)
    if [text.count("\n") for text in shown] != [text.count("\n") for text in texts]:
        shown = tuple("\n".join(map(mask, text.split("\n"))) for text in texts)  # type: ignore[assignment]
    yield from hunks(*texts, shown)
