"""What a log must not give away: passwords of logins, tokens, and the values in an app's own secret files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.masking import MASK, mask
from kamal_migrate.project import Project, may_hold_secrets

# A shorter value would hide words that mean something.
SHORTEST = 6
_QUOTED = r""""(?:[^"\\]|\\.)*"|'[^']*'|\S+"""
_RULES = (
    re.compile(rf"(\blogin\b.*?\s(?:-p[= ]?|--password[= ]))({_QUOTED})"),
    re.compile(rf"(\becho\s+(?:-n\s+)?)({_QUOTED})(?=\s*\|\s*docker login)"),
    re.compile(r'("(?:auth|identitytoken|registrytoken|password)"\s*:\s*)("[^"]*")'),
    re.compile(r"()(\beyJ[\w-]{10,}(?:\.[\w-]+)*)"),
)
# What buildx says before the reason why it got no token: no value follows.
_NO_TOKEN = re.compile(r"(?:\bfetch (?:oauth|anonymous) |\bhttps?://\S+/)(token: )")
_REDACTED = re.compile(r"\[?REDACTED\]?|\*{3,}|\$\{?\w+\}?|-\S*")


def hidden(line: str, secrets: Iterable[str] = ()) -> str:
    """A line of a log with secrets masked."""
    for secret in secrets:
        line = line.replace(secret, MASK)
    for rule in _RULES:
        line = rule.sub(lambda match: match[1] + _masked(match[2]), line)
    shown, at = "", 0
    for match in _NO_TOKEN.finditer(line):
        shown += mask(line[at : match.start(1)]) + match[1]
        at = match.end()
    return shown + mask(line[at:])


def _masked(value: str) -> str:
    return value if _REDACTED.fullmatch(value.strip("\"'")) else MASK


def secret_values(project: Project) -> Iterator[str]:
    """The values that stand in an app's files of secrets; short ones are left out."""
    for path, text in project.files.items():
        document = EnvDoc(text) if may_hold_secrets(path) else None
        for line in document.lines if document else ():
            value = (document.literal(line) or "") if document and line.name else ""
            yield from (part for part in value.split("\n") if len(part) >= SHORTEST)
