"""What the parts of a deployment are called for a person."""

from __future__ import annotations

from kamal_migrate.kamal.deployment.names import NAMES, UNSAID

_HOLDERS = {"roles": "role", "accessories": "accessory"}
_PLACES = {"registry": "registry", "build": "image", "proxy_container": "proxy container"}


def words(path: tuple[str, ...]) -> str:
    """A path of a deployment in words, such as ``role web: port requests go to``."""
    holder, rest = path[0] if path else "", path[1:]
    if holder in _HOLDERS:
        subject = " ".join([_HOLDERS[holder], *rest[:1]])
        rest = rest[1:]
    else:
        subject = _PLACES.get(holder, "" if holder == "root" else holder)
        if holder == "build":
            return ": ".join(filter(None, (subject, " ".join(rest))))
    return ": ".join(filter(None, (subject, _said(holder, rest))))


def part_words(path: tuple[str, ...]) -> str:
    """A part in words without whose it is, such as ``port requests go to``."""
    return words(path).rpartition(": ")[2]


def unsaid(path: tuple[str, ...]) -> str:
    """What it means, in words, that a config does not say a part of its deployment."""
    own = path[2:] if path and path[0] in _HOLDERS else path
    return UNSAID.get(".".join(own), "none")


def _said(holder: str, rest: tuple[str, ...]) -> str:
    """The longest known beginning of a path in words, and what remains of it by name."""
    for length in range(len(rest), 0, -1):
        for start in ((holder, *rest[:length]), rest[:length]):
            if ".".join(start) in NAMES:
                return " ".join([NAMES[".".join(start)], *rest[length:]])
    return " ".join(part.replace("_", " ") for part in rest)
