"""Where a config states what Kamal refused: the message of the log, looked for among what is refused here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kamal_migrate.diagnosing.causes.refusal import raised
from kamal_migrate.diagnosing.scanning import Evidence
from kamal_migrate.diagnosing.subject import Remark, Subject, at
from kamal_migrate.kamal.validation import STRICT_SINCE, faults
from kamal_migrate.kamal.versions import NEWEST

_MESSAGES = (
    re.compile(r"(?:ConfigurationError|ArgumentError)\): (?:Exception while executing .*?: )?(.+)"),
    re.compile(raised("(.+)")),
)
_KEYS = re.compile(r"(.*?)unknown keys?: (.+)")


def refused(evidence: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    """The place of each thing that the log says is refused; else that this config is not refused so."""
    for message in dict.fromkeys(message for row in evidence for message in _messages(row.text)):
        places = list(_places(message, subject))
        if places:
            yield from places
        else:
            yield Remark(f"nothing here is refused with `{message}`: it may be of another app or version")


def _messages(text: str) -> list[str]:
    """What Kamal said, an unknown key at a time."""
    match = next((match for form in _MESSAGES if (match := form.search(text))), None)
    message = match[1].strip() if match else ""
    keys = _KEYS.fullmatch(message)
    if keys:
        return [f"{keys[1]}unknown key: {key.strip()}" for key in keys[2].split(",")]
    return [message] if message else []


def _places(message: str, subject: Subject) -> Iterator[Remark]:
    """By the pinned version, else by the newest; an app that says it is of Kamal 1 may be run by Kamal 2."""
    for version in dict.fromkeys((subject.version, NEWEST)):
        found = [
            Remark(f"`{fault.message}`, says Kamal {version.short}", at(view, fault.path))
            for view in subject.views
            for fault in (faults(view, version) if version >= STRICT_SINCE else ())
            if fault.message == message
        ]
        if found:
            yield from found
            return
