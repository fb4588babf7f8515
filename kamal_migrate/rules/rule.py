"""What a rule is: it looks at an app as one Kamal would deploy it, and remarks on what would go wrong.

A rule is a function with a docstring (its documentation, as `explain` prints it) and the decorator `rule`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from inspect import getdoc
from textwrap import fill

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.hosts import Host, hosts
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path

WIDTH = 80
EMPTY = Inventory()


class Severity(Enum):
    """How bad a thing is. ``error``: Kamal refuses it, or the deploy fails; ``note``: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Subject:
    """What a rule looks at: an app, the views of it that Kamal loads, and the Kamal that deploys it.

    ``source`` is the Kamal that deploys it now, None where nobody knows; ``machine`` the architecture of the
    machine that runs Kamal, ``amd64`` or ``arm64``, None where it does not count.
    """

    app: App = field(repr=False)
    views: tuple[View, ...] = field(repr=False)
    version: Version
    source: Version | None = None
    inventory: Inventory = EMPTY
    machine: str | None = None

    def hosts(self, view: View) -> tuple[Host, ...]:
        """The hosts of a view."""
        return hosts(view, self.version)

    def architecture(self, view: View, host: Host) -> Evidence | None:
        """What a host of a view runs: by the inventory, else by the docker options of its roles."""
        return self.inventory.of_view(view).architecture(host)


@dataclass(frozen=True)
class Remark:
    """One thing that a rule has to say: a line of what and why, and each way out of it.

    It is about a key of a view, or about the ``line`` of a ``file`` (relative to the app). ``severity`` is
    set where it is not the rule's own.
    """

    message: str
    view: View | None = field(default=None, repr=False)
    key: Path = ()
    file: str = ""
    line: int = 1
    ways: tuple[str, ...] = ()
    severity: Severity | None = None


Look = Callable[[Subject], Iterator[Remark]]


@dataclass(frozen=True)
class Rule:
    """A rule: its id, how bad it is, and what it looks for.

    ``fixed_by`` names the codemod that rewrites it, empty where someone has to. ``off`` rules look only
    where they are asked for by name.
    """

    id: str
    severity: Severity
    look: Look = field(repr=False)
    fixed_by: str = ""
    off: bool = False

    @property
    def documentation(self) -> str:
        """What `explain` prints; its first line is the title. What is indented stays as it is."""
        paragraphs = (getdoc(self.look) or "").split("\n\n")
        return "\n\n".join(text if text.startswith(" ") else fill(text, WIDTH) for text in paragraphs)

    @property
    def title(self) -> str:
        """The first line of the documentation."""
        return self.documentation.partition("\n")[0].removesuffix(".")


def rule(id: str, severity: Severity, *, fixed_by: str = "", off: bool = False) -> Callable[[Look], Rule]:
    """Makes a rule of a function."""
    return lambda look: Rule(id, severity, look, fixed_by, off)
