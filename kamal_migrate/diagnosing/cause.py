"""A cause: by what a log tells it, why it happens, in which versions, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Sign(NamedTuple):
    """What a line says: words as Kamal, Docker or kamal-proxy print them, which are looked for first.

    ``pattern`` is a regular expression that is asked where the words stand; without one they are enough.
    """

    words: str
    pattern: str = ""


class Hint(NamedTuple):
    """What else a line tells: a regular expression over the evidence, and the text that then is said."""

    pattern: str
    text: str


class Way(NamedTuple):
    """Something to do, and the command that does it, if one does."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class Cause:
    """One known cause of a failed run.

    ``id`` is a name, or ``name/thing`` for one of several of a kind. ``signs`` are what tells it,
    ``shown_with`` lines that say more where one of those is there, ``settled_by`` what a later line says
    where Kamal helped itself. ``versions`` are those in which it happens, ``codemod`` is what rewrites the
    config so that it does not.
    """

    id: str
    title: str
    signs: tuple[Sign, ...]
    why: str
    versions: str
    ways: tuple[Way, ...]
    codemod: str = ""
    shown_with: tuple[Sign, ...] = ()
    settled_by: tuple[Sign, ...] = ()
    hints: tuple[Hint, ...] = ()

    @property
    def kind(self) -> str:
        """The name before the slash."""
        return self.id.split("/")[0]

    @property
    def command(self) -> str:
        """How the codemod is called; empty where none helps."""
        return f"kamal-migrate --select {self.codemod}" if self.codemod else ""
