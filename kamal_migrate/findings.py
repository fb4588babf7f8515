"""What a codemod answers: findings, each with a fix or without, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.versions import NEWEST, NEWEST_1, Version
from kamal_migrate.yamldoc import Path

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
class Create:
    """A file that comes: its path in the app and its text.

    ``private`` files hold secret values: only their owner may read them, and what they say is never shown.
    """

    path: str
    text: str = field(repr=False)
    private: bool = False


@dataclass(frozen=True)
class Extend:
    """Lines, without line breaks, that come to the end of a file; it is made where there is none.

    ``private`` as for `Create`.
    """

    path: str
    lines: tuple[str, ...] = field(repr=False)
    private: bool = False


@dataclass(frozen=True)
class Rename:
    """A file that gets another path; its text and mode stay."""

    path: str
    new: str


@dataclass(frozen=True)
class Reword:
    """Whole words of a file that are replaced by others, wherever they stand."""

    path: str
    words: tuple[tuple[str, str], ...]


FileChange = Create | Extend | Rename | Reword


@dataclass(frozen=True)
class Fix:
    """What a finding wants: in one view keys that go and keys that come; in an app changes of files."""

    goes: tuple[Path, ...] = ()
    comes: tuple[Come, ...] = ()
    files: tuple[FileChange, ...] = ()


class Becomes(NamedTuple):
    """A part of the deployment, by its path in `kamal.deployment`, and the value that it has after a fix."""

    path: tuple[str, ...]
    value: object


@dataclass(frozen=True)
class Finding:
    """One thing that a reader accepts or refuses on its own.

    ``id`` is ``codemod/thing``, ``key`` the key path it is about, ``message`` one line of why, ``evidence``
    where its values come from, ``todo`` what to do by hand without a fix, with lines to paste below its
    first line, ``notes`` what else to know, ``also`` other keys that it speaks for. A finding about a file
    has that in ``file`` (relative to the app) and ``line``. ``changes`` are the parts of the deployment that
    its fix may change, as patterns over the paths of `kamal.deployment` such as ``roles.*.proxy.port``;
    without them those of its codemod. Those among them that ``stays`` names do not change where the fix is
    done, but for what ``becomes`` announces by value: a plan in which such a part has another is refused.
    ``went`` says that what it is about goes with another finding, so that nothing shows it afterwards;
    ``lasts`` that it holds whatever becomes of the value there, as of a key that stands twice.
    ``environment`` are the names that must be in the environment of whoever runs Kamal from now on.
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
    file: str = ""
    line: int = 1
    changes: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    becomes: tuple[Becomes, ...] = ()
    environment: tuple[str, ...] = ()
    went: bool = False
    lasts: bool = False


@dataclass(frozen=True)
class Codemod:
    """What a codemod says of itself: a title of one line, and for which targets it has something to do.

    ``findings`` are the names of its findings after the slash, where they are known beforehand; ``changes``
    the parts of the deployment that its fixes may change, see `Finding`. A ``fallback`` gives way to what any
    other codemod says of the same key.
    """

    title: str
    findings: tuple[str, ...] = ()
    since: Version = FIRST
    until: Version = LAST
    changes: tuple[str, ...] = ()
    fallback: bool = False


@dataclass(frozen=True)
class Options:
    """What the user asked for. ``arch`` is the architecture they gave, with its source.

    ``answer`` is what they said of the servers when asked; it counts only where no file tells.
    ``inventory`` is what is known of single hosts.
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
    secrets_from_env_file: bool = False
    inventory: Inventory = field(default_factory=Inventory)


def source_of(options: Options) -> Version:
    """The Kamal 1 that deploys the app now, as far as it is known; the newest one otherwise."""
    known = options.source
    return known if known and known < Version(2) else NEWEST_1
