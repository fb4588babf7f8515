"""All that a codemod may import: what it is asked with, and what it answers.

A codemod is a module with a docstring (its documentation), a declaration ``CODEMOD`` and a function
``decide(view, options) -> Iterator[Finding]``. It sees what Kamal sees, never a file, a span or an edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from kamal_migrate.kamal.builds import cache_for
from kamal_migrate.kamal.evidence import BOTH, Evidence, architecture, place
from kamal_migrate.kamal.keys import Refused, refused
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.nodes import Explicit, explicit, in_force, otherwise_in_1_9
from kamal_migrate.kamal.versions import NEWEST, NEWEST_1, Version
from kamal_migrate.yamldoc import Data, Path

__all__ = [
    "BOTH",
    "MOVED",
    "Codemod",
    "Come",
    "Data",
    "Evidence",
    "Explicit",
    "Finding",
    "Fix",
    "Opaque",
    "Options",
    "Path",
    "Refused",
    "Safety",
    "Version",
    "View",
    "architecture",
    "cache_for",
    "explicit",
    "in_force",
    "otherwise_in_1_9",
    "place",
    "refused",
]


FIRST, LAST = Version(0), Version(99)


class Safety(Enum):
    """How far a change can be trusted, the strongest first.

    ``safe``: Kamal does the same as before; ``review``: something changes, as announced; ``assumed``: it
    rests on something nobody said; ``manual``: nothing is changed, someone has to.
    """

    SAFE = "safe"
    REVIEW = "review"
    ASSUMED = "assumed"
    MANUAL = "manual"

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Safety).index(self)


class Moved(Enum):
    """The value of a key that keeps the value of the key it comes from, ERB and quotes included."""

    MOVED = "moved"


MOVED = Moved.MOVED


@dataclass(frozen=True)
class Come:
    """A key that comes: its path, its value or `MOVED`, the key it comes from, whether it may be left out."""

    path: Path
    value: object
    source: Path | None = None
    optional: bool = False


@dataclass(frozen=True)
class Fix:
    """What a finding wants in one view: keys that go, and keys that come."""

    goes: tuple[Path, ...] = ()
    comes: tuple[Come, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that a reader accepts or refuses on its own.

    ``id`` is ``codemod/thing``, ``key`` the key path it is about, ``message`` one line of why, ``evidence``
    where its values come from, ``todo`` what to do by hand without a fix, ``notes`` what else to know,
    ``also`` other keys that it speaks for.
    """

    id: str
    key: Path
    message: str
    safety: Safety
    fix: Fix | None = None
    evidence: str = ""
    todo: str = ""
    notes: tuple[str, ...] = ()
    also: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Codemod:
    """What a codemod says of itself: a title of one line, and for which targets it has something to do.

    ``findings`` are the names of its findings after the slash, where they are known beforehand.
    """

    title: str
    findings: tuple[str, ...] = ()
    since: Version = FIRST
    until: Version = LAST


@dataclass(frozen=True)
class Options:
    """What the user asked for. ``arch`` is the architecture they gave, with its source.

    ``answer`` is what they said of the servers when asked; it counts only where no file tells.
    """

    to: Version = NEWEST
    source: Version | None = None
    arch: Evidence | None = None
    answer: Evidence | None = None
    cache: str = "registry"
    preserve: bool = False
    keep_comments: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    accepted: frozenset[tuple[str, str]] | None = field(default=None)
    safe_only: bool = False


def source_of(options: Options) -> Version:
    """The Kamal 1 that deploys the app now, as far as it is known; the newest one otherwise."""
    known = options.source
    return known if known and known < Version(2) else NEWEST_1
