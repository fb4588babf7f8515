"""What MRSK and Kamal up to 1.6.0 know and want: they look at no types, and ignore unknown keys."""

from __future__ import annotations

from kamal_migrate.kamal.schema.complete import holds
from kamal_migrate.kamal.schema.describing import described
from kamal_migrate.kamal.schema.kinds import Schema
from kamal_migrate.kamal.validation.sections import CREDENTIALS
from kamal_migrate.kamal.validation.shapes import ROOT, Pattern, shapes
from kamal_migrate.kamal.versions import Version

_FILLED: Schema = {"not": {"enum": [None, False, "", [], {}]}}
_BY_NAME = (("servers",), ("accessories",))


def early(version: Version) -> tuple[Schema, Schema]:
    """The keys of a whole config, and what must stand in it."""
    return {"type": "object", **_keys(version, ROOT)}, _needs(version)


def _keys(version: Version, section: Pattern) -> Schema:
    """The keys that do something in a section, and in the sections inside."""
    names = (*shapes(version, section),)
    below = {name: _value(version, (*section, name)) for name in names}
    return {"properties": below} if below else {}


def _value(version: Version, path: Pattern) -> Schema:
    inside = (
        {"additionalProperties": _keys(version, (*path, "*"))} if path in _BY_NAME else _keys(version, path)
    )
    return {**inside, **described(path, version)}


def _needs(version: Version) -> Schema:
    names = ("service", "image", "registry", "servers")
    registry = {"required": [*CREDENTIALS], "properties": dict.fromkeys(CREDENTIALS, _FILLED)}
    properties = {**dict.fromkeys(names, _FILLED), "registry": {**_FILLED, **registry}}
    return {"required": [*names], "properties": properties, "allOf": [_primary(version)]}


def _primary(version: Version) -> Schema:
    """There is a role `web`, unless another is the primary one (1.2.0+)."""
    web = {"properties": {"servers": {"required": ["web"]}}}
    if version < (1, 2):
        return web
    key = "primary_role" if version >= (1, 3) else "primary_web_role"
    return {"if": holds(key, {"not": {"enum": [None, False]}}), "else": web}
