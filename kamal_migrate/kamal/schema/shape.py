"""What may stand in a config: keys, types, and what excludes each other. Nothing here is required.

A destination's file states only what differs from its base, so this is all that can be said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kamal_migrate.kamal.schema.describing import described
from kamal_migrate.kamal.schema.kinds import (
    BOOLEAN,
    KINDS,
    MAP_OF_STRINGS,
    SERVERS,
    STRINGS,
    Schema,
    one_of,
    text,
    typed,
)
from kamal_migrate.kamal.schema.words import WORDS
from kamal_migrate.kamal.validation.hosts import BLIND_TO_PROXY
from kamal_migrate.kamal.validation.proxies import PUBLISHING
from kamal_migrate.kamal.validation.sections import (
    CACHE_TYPES,
    COMMANDS,
    CREDENTIALS,
    RESERVED_LABELS,
    selectors,
)
from kamal_migrate.kamal.validation.shapes import ACCESSORY, ROLE, ROOT, Pattern, Shape, shapes
from kamal_migrate.kamal.validation.types import EXTENSIONS_SINCE
from kamal_migrate.kamal.versions import Version

Section = Callable[[Version, Pattern], Schema]


def shape(version: Version) -> Schema:
    """The keys of a whole config, for Kamal 1.7.0 or newer."""
    keys = keyed(version, ROOT)["properties"]
    extensions: Schema = {"patternProperties": {"^x-": {}}} if version >= EXTENSIONS_SINCE else {}
    closed = {"properties": keys, **extensions, "additionalProperties": False}
    return {"type": "object", **closed, "definitions": definitions(version)}


def definitions(version: Version) -> dict[str, Schema]:
    """The sections that stand at several places."""
    found = {"env": _env(version), "role": _role(version), "registry": keyed(version, ("registry",))}
    found["logging"] = keyed(version, ("logging",))
    if version.major == 1:
        return {**found, "healthcheck": keyed(version, (*ROLE, "healthcheck"))}
    return {**found, "proxy": _proxy(version)}


def keyed(version: Version, section: Pattern, **rules: Any) -> Schema:
    """A mapping that has these keys and no others."""
    known = shapes(version, section)
    properties = {name: _property(version, (*section, name), known[name]) for name in known}
    return typed("object", properties=properties, additionalProperties=False, **rules)


def _property(version: Version, path: Pattern, found: Shape) -> Schema:
    section = _SECTIONS.get(path)
    if section:
        value = section(version, path)
    else:
        value = keyed(version, path) if found.kind == "keys" else KINDS[found.kind]
    return {**value, **described(path, version)}


def _defined(name: str) -> Section:
    return lambda version, path: {"$ref": f"#/definitions/{name}"}


def _servers(version: Version, path: Pattern) -> Schema:
    roles = {"$ref": "#/definitions/role"}
    return typed("array", "object", items=SERVERS["items"], additionalProperties=roles)


def _role(version: Version) -> Schema:
    """A list of hosts, which is not looked at before 2.5.0, or a mapping."""
    role = keyed(version, ROLE)
    role["type"] = ["array", *role["type"]]
    return {**role, "items": SERVERS["items"]} if version >= (2, 5) else role


def _accessories(version: Version, path: Pattern) -> Schema:
    accessory = keyed(version, ACCESSORY, **_one_of_these(*selectors(version)))
    return typed("object", additionalProperties=accessory)


def _one_of_these(*names: str) -> Schema:
    """That no two of these keys stand together."""
    others = {name: {other: False for other in names if other != name} for name in names}
    return {"dependencies": {name: {"properties": others[name]} for name in names}}


def _env(version: Version, *more: str) -> Schema:
    """Plain variables, or all of them in ``clear`` and ``secret``."""
    parts = ("clear", "secret", *more)
    split = {"anyOf": [{"required": [part]} for part in ("clear", "secret", "tags")]}
    rules: Schema = {"if": split, "then": {"propertyNames": {"enum": [*parts]}}, "else": MAP_OF_STRINGS}
    inside = {"clear": MAP_OF_STRINGS, "secret": STRINGS}
    properties = {part: {**inside[part], **described(("env", part), version)} for part in inside}
    return typed("object", properties=properties, **rules)


def _root_env(version: Version, path: Pattern) -> Schema:
    """In the root there may be variables by the tags of hosts, too."""
    env = _env(version, "tags")
    tag = {"allOf": [typed("object"), {"$ref": "#/definitions/env"}]}
    tags = {**typed("object", additionalProperties=tag), **described(("env", "tags"), version)}
    return {**env, "properties": {**env["properties"], "tags": tags}}


def _labels(version: Version, path: Pattern) -> Schema:
    reserved = {"propertyNames": {"not": {"enum": [*RESERVED_LABELS]}}} if version >= (2, 7) else {}
    return {**MAP_OF_STRINGS, **reserved}


def _options(version: Version, path: Pattern) -> Schema:
    """Options of ``docker run``; what they may say of restarts has changed twice."""
    if version < (2, 6):
        return typed("object")
    policy = text(r"^(no|always|unless-stopped|on-failure(:\d+)?)$")
    restart = policy if version >= (2, 12) else {"enum": [None, False]}
    return typed("object", properties={"restart": {**restart, "description": WORDS["options.restart"]}})


def _credential(version: Version, path: Pattern) -> Schema:
    """A text, or a list of the name of one secret."""
    return typed("string", "array", items={"type": "string"}, minItems=1, maxItems=1)


def _root_proxy(version: Version, path: Pattern) -> Schema:
    """Settings; false means none before 2.6.1, and 2.6.0 takes anything (issue #1555)."""
    if version == BLIND_TO_PROXY:
        return typed("object", "boolean")
    settings = {"$ref": "#/definitions/proxy"}
    return settings if version > BLIND_TO_PROXY else {"anyOf": [{"const": False}, settings]}


def _role_proxy(version: Version, path: Pattern) -> Schema:
    return {"anyOf": [BOOLEAN, {"$ref": "#/definitions/proxy"}]}


def _proxy(version: Version) -> Schema:
    proxy = keyed(version, ("proxy",))
    if version >= (2, 1):
        proxy.update(_one_of_these("host", "hosts"))
    if version >= (2, 7):
        pems = keyed(version, ("proxy", "ssl"))["properties"]
        proxy["properties"]["ssl"] = {**proxy["properties"]["ssl"], "properties": pems}
    if version >= (2, 10):
        proxy["properties"]["run"].update(_RUN)
    return proxy


# Nothing is published where `publish` is false.
_RUN: Schema = {
    "if": {"properties": {"publish": {"const": False}}, "required": ["publish"]},
    "then": {"properties": dict.fromkeys(PUBLISHING, False)},
}


def _aliases(version: Version, path: Pattern) -> Schema:
    names = {"pattern": "^[a-z0-9_-]+$", "not": {"enum": sorted(COMMANDS)}}
    return {**MAP_OF_STRINGS, "propertyNames": names}


def _builder(version: Version, path: Pattern) -> Schema:
    builder = keyed(version, path)
    if version >= (2, 7):
        builder.update({"if": {"required": ["pack"]}, "then": {"properties": {"arch": {"maxItems": 1}}}})
    return builder


_SECTIONS: Mapping[Pattern, Section] = {
    ("service",): lambda version, path: text("^[a-zA-Z0-9_-]+$"),
    ("retain_containers",): lambda version, path: {**KINDS["integer"], "minimum": 1},
    ("servers",): _servers,
    ("accessories",): _accessories,
    ("aliases",): _aliases,
    ("builder",): _builder,
    ("builder", "cache", "type"): lambda version, path: one_of(*CACHE_TYPES),
    ("env",): _root_env,
    ("proxy",): _root_proxy,
    ("registry",): _defined("registry"),
    ("logging",): _defined("logging"),
    **{(name,): keyed for name in ("boot", "healthcheck", "output", "ssh", "sshkit", "traefik")},
    **{("registry", name): _credential for name in CREDENTIALS},
    (*ROLE, "proxy"): _role_proxy,
    (*ROLE, "logging"): _defined("logging"),
    (*ROLE, "healthcheck"): _defined("healthcheck"),
    (*ACCESSORY, "proxy"): _defined("proxy"),
    (*ACCESSORY, "registry"): _defined("registry"),
    **{(*place, "env"): _defined("env") for place in (ROLE, ACCESSORY)},
    **{(*place, "labels"): _labels for place in (ROLE, ACCESSORY)},
    **{(*place, "options"): _options for place in (ROLE, ACCESSORY)},
}
