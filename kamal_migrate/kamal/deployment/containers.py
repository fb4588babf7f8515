"""What the containers of roles and accessories have in common: labels, docker options, logging."""

from __future__ import annotations

from kamal_migrate.kamal.deployment.reading import (
    Table,
    mapping,
    merged,
    or_none,
    pairs,
    passed,
    present,
    text,
)
from kamal_migrate.kamal.versions import Version

_UNLESS_SAID = {"max-size": "10m"}
_RESTART = "unless-stopped"


def labels(said: Table, version: Version) -> Table:
    """The labels that are no words to Traefik."""
    return {
        name: passed(value, version)
        for name, value in said.items()
        if not name.lower().startswith("traefik.")
    }


def options(said: object) -> Table:
    """Docker options: text, True for one without a value, a list for one that comes several times.

    A restart policy that every container gets anyway is left out.
    """
    found = {name: _option(value) for name, value in pairs(said).items()}
    if found.get("restart") == _RESTART:
        del found["restart"]
    return found


def _option(value: object) -> object:
    if isinstance(value, dict):
        value = [f"{text(name)}={text(item)}" for name, item in value.items()]
    if isinstance(value, list):
        many = [_option(item) for item in value]
        return many[0] if len(many) == 1 else many
    return True if value is True else text(value)


def logging(config: Table, role: Table, version: Version) -> Table:
    """The log driver and its options; 10 MB a file where nothing is said.

    A role's own logging was read from 1.4.0 on. Up to 1.6.0 a ``logging`` without values left the limit out
    too (``logging_args`` in configuration.rb). That these versions let a role's options leak into the roles
    after it, in the order in which they are asked, is not held.
    """
    both = merged(mapping(config.get("logging")), mapping(role.get("logging")))
    driver, found = or_none(both.get("driver")), pairs(both.get("options"))
    said = bool(both) if version < Version(1, 7) else present(driver) or present(found)
    if not said:
        return {"driver": None, "options": dict(_UNLESS_SAID)}
    return {"driver": driver, "options": {name: passed(value, version) for name, value in found.items()}}
