"""A fault: one thing that a Kamal version refuses in a config."""

from __future__ import annotations

from dataclasses import dataclass

from kamal_migrate.yamldoc import Path


@dataclass(frozen=True)
class Fault:
    """One thing that Kamal refuses: the key path, and what Kamal prints if nothing else is wrong.

    ``section`` is set for an unknown key only: what Kamal calls the mapping around it, empty for the root.
    ``file`` is the path in the project where another file than a config is at fault. Faults are listed in
    the order in which Kamal would meet them.
    """

    path: Path
    message: str
    section: str | None = None
    file: str = ""

    @property
    def is_unknown_key(self) -> bool:
        """Whether the version does not know the key, so that a newer one may."""
        return self.section is not None


def first_error(faults: list[Fault]) -> str | None:
    """What Kamal prints, for it stops at the first fault; the unknown keys of one mapping are one message."""
    if not faults:
        return None
    first = faults[0]
    together = [fault for fault in faults if fault.is_unknown_key and fault.path[:-1] == first.path[:-1]]
    if not first.is_unknown_key or len(together) == 1:
        return first.message
    names = ", ".join(str(fault.path[-1]) for fault in together)
    return placed(first.section or "", f"unknown keys: {names}")


def placed(context: str, message: str) -> str:
    """A message as Kamal prints it, after the place where it is, if that is not the root."""
    return f"{context}: {message}" if context else message
