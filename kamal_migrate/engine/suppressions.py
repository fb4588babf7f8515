"""Comments that silence a finding: ``# kamal-migrate: ignore[id] reason`` on its line or the line above."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from kamal_migrate.text import position

_COMMENT = re.compile(r"#\s*kamal-migrate:\s*ignore(?:\[([\w/, -]*)\])?")


class Place(Protocol):
    """Where a finding is."""

    @property
    def path(self) -> str: ...

    @property
    def line(self) -> int: ...


class Suppressions:
    """The ignore comments of an app, and which of them silenced something."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], tuple[str, ...]] = {}
        self._used: set[tuple[str, int]] = set()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._found)

    def read(self, texts: Mapping[str, str]) -> None:
        """Take note of the comments in some files."""
        for path, text in texts.items():
            if "kamal-migrate:" not in text:
                continue
            for match in _COMMENT.finditer(text):
                names = tuple(name.strip() for name in (match[1] or "").split(",") if name.strip())
                self._found[path, position(text, match.start()).line] = names

    def silences(self, finding: str, places: Sequence[Place]) -> bool:
        """Whether a comment silences the finding of that id at one of these places."""
        silenced = False
        for place in places:
            for line in (place.line, place.line - 1):
                names = self._found.get((place.path, line), ())
                if any(finding == name or finding.startswith(f"{name}/") for name in names):
                    self._used.add((place.path, line))
                    silenced = True
        return silenced

    def used_at(self, places: Sequence[Place]) -> bool:
        """Whether a comment at one of these places has silenced something."""
        lines = ((place.path, line) for place in places for line in (place.line, place.line - 1))
        return any(line in self._used for line in lines)

    def unused(self) -> Iterator[str]:
        """A note for each comment that silenced nothing."""
        for (path, line), names in self._found.items():
            if (path, line) not in self._used:
                hint = "it can go" if names else "it names no finding, such as ignore[builder]"
                yield f"{path}:{line}: ignore[{', '.join(names)}] silences nothing; {hint}"
