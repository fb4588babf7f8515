"""A finding and what becomes of it: where it is, its edits, and what it says in each file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from kamal_migrate.api import Becomes, Finding, Path, View
from kamal_migrate.kamal.loading import Layer
from kamal_migrate.text import Edit, position


class Location(NamedTuple):
    """A line of a file that a finding is about."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Planned:
    """A finding and what becomes of it: its edits of configs, the comments that go, the other files that it
    changes, or why it is held back. ``announced`` is what it says that each view deploys afterwards.
    """

    finding: Finding
    locations: tuple[Location, ...]
    views: tuple[str, ...]
    edits: dict[str, tuple[Edit, ...]] = field(default_factory=dict)
    lost: tuple[tuple[str, str], ...] = ()
    held: str = ""
    said: dict[str, Finding] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    announced: tuple[tuple[View, Becomes], ...] = ()

    def in_file(self, path: str) -> Finding:
        """What the finding says where a file states its key; in the others, what stands for the whole."""
        return self.said.get(path, self.finding)

    @property
    def applied(self) -> bool:
        """Whether its edits are part of the plan."""
        return bool(self.edits or self.files) and not self.held

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other findings of an app."""
        return self.finding.id, str(self.locations[0])


def locations(findings: list[tuple[View, Finding]]) -> tuple[Location, ...]:
    """Where the files that Kamal obeys state the key of a finding, or the nearest thing above it."""
    found = []
    for view, finding in findings:
        layer, path = located(view, finding.key)
        found.append(
            Location(layer.document.path, *position(layer.document.text, layer.doc.at(*path).offset))
        )
    return tuple(dict.fromkeys(found))


def located(view: View, key: Path) -> tuple[Layer, Path]:
    """The file that states a key, or else the deepest mapping above it, last."""
    for length in range(len(key), 0, -1):
        for layer in reversed(view.stating(key[:length])):
            if layer.doc.at(*key[:length]).exists:
                return layer, key[:length]
    return view.layers[0], ()
