"""Environment variables: what a container gets of the config's levels.

The rules of merging are those of ``configuration/role.rb`` up to 1.4.0 and of ``configuration/env.rb`` from
1.5.0 on; the master key of MRSK is in ``commands/app.rb`` up to 0.5.1.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

from kamal_migrate.kamal.deployment.reading import Table, items, mapping, pairs, passed, text, unique
from kamal_migrate.kamal.versions import Version

_SPLIT = Version(1, 5)


class Variables(NamedTuple):
    """The clear values, and the secrets as the config names them."""

    clear: Table
    secret: list[str]

    def over(self, base: Variables) -> Variables:
        """These variables over those of a base."""
        return Variables({**base.clear, **self.clear}, unique([*base.secret, *self.secret]))


def variables(*levels: object, version: Version) -> Variables:
    """The variables of an ``env``, or of a root's and a role's together, as a version merges them."""
    if version >= _SPLIT:
        return reduce(lambda base, level: level.over(base), [_split(level) for level in levels])
    if len(levels) == 1:
        return _old(mapping(levels[0]))
    root, role = levels
    if not isinstance(root, dict):
        return Variables({}, [])  # Without a root env, a role's was not read.
    own = mapping(role)
    if not root.get("secret"):
        return _old({**root, **own})
    clear = {**pairs(root.get("clear")), **_old(own).clear}
    return Variables(clear, unique([*_names(root.get("secret")), *_names(own.get("secret"))]))


def _split(level: object) -> Variables:
    env = mapping(level)
    flat = not any(key in env for key in ("clear", "secret", "tags"))
    return Variables(env if flat else pairs(env.get("clear")), _names(env.get("secret")))


def _names(secret: object) -> list[str]:
    """The names of a list of secrets; Kamal up to 1.6.0 took a mapping by its keys."""
    return [text(item) for entry in items(secret) for item in (entry if isinstance(entry, dict) else [entry])]


def _old(env: Table) -> Variables:
    """Up to 1.4.0: with ``clear`` or secrets all that stands beside them is lost."""
    if env.get("secret"):
        return Variables(pairs(env.get("clear")), _names(env["secret"]))
    flat = {name: value for name, value in env.items() if name != "secret"}
    return Variables(pairs(env["clear"]) if "clear" in env else flat, [])


def told(found: Variables, version: Version) -> Table:
    """The variables in the form of the deployment."""
    named = [name.split(":", 1) for name in found.secret]
    return {
        "clear": {name: _value(value, version) for name, value in found.clear.items()},
        "secret": sorted({name[0] for name in named}),
        "secret_from": {name[0]: name[1] for name in named if len(name) == 2 and name[0] != name[1]},
    }


def _value(value: object, version: Version) -> str | None:
    # Kamal 1.0 to 1.4 wrote clear values into a file, where a `false` is text.
    if value is False and Version(1) <= version < _SPLIT:
        return "false"
    return passed(value, version)


def with_master_key(found: Variables, config: Table, version: Version) -> Variables:
    """MRSK up to 0.5.1 gave every container the Rails master key, unless ``skip_master_key`` (0.3.0+)."""
    if version >= Version(0, 6) or config.get("skip_master_key"):
        return found
    return Variables(found.clear, unique([*found.secret, "RAILS_MASTER_KEY"]))


def by_host(base: Variables, tags: dict[str, list[str]], config: Table, version: Version) -> dict[str, Table]:
    """The variables of the hosts whose tags change them (1.6.0+); undefined tags change nothing."""
    defined = mapping(mapping(config.get("env")).get("tags"))
    found = {}
    for host, names in tags.items() if version >= Version(1, 6) else ():
        levels = [_split(defined[text(name)]) for name in names if text(name) in defined]
        own = told(reduce(lambda below, level: level.over(below), levels, base), version)
        if own != told(base, version):
            found[host] = own
    return found
