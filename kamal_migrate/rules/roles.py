"""Rules about roles: what the proxy sends them, and names of roles and tags that nothing answers to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import combinations

from kamal_migrate.kamal.deployment.reading import mapping, settings, texts
from kamal_migrate.kamal.deployment.roles import Role, roles
from kamal_migrate.kamal.hooks import hooks, workflows
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.scripts import ScriptLine, kamal_calls, script_lines
from kamal_migrate.kamal.served import Served, served
from kamal_migrate.kamal.traefik import is_for_traefik, is_off
from kamal_migrate.kamal.validation.node import root_of
from kamal_migrate.kamal.versions import Version
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule
from kamal_migrate.rules.wording import listed, verb
from kamal_migrate.yamldoc import Path

KAMAL_2 = Version(2)
TAGS, TAGS_MAY_BE_UNKNOWN, TAGGED_ACCESSORIES = Version(1, 6), Version(2, 9), Version(2, 6)
ROLES_MATCH, ACCESSORY_HOSTS_COUNT = Version(1, 3), Version(1, 5)


@rule("proxied-role", Severity.WARNING)
def proxied_role(subject: Subject) -> Iterator[Remark]:
    """Two roles ask for the same requests on the same server.

    Both are behind the proxy, with the same host names, or both without any, and
    below the same path. The primary role is behind it unless told otherwise, others
    where they say `proxy` (Kamal 1: `traefik: true`). kamal-proxy refuses the
    second, and the deploy ends with "host settings conflict with another service":
    an error. Traefik took both, and sent each request to either. An accessory with
    `proxy` counts like a role. Two roles with `ssl` that share a name are refused
    by Kamal 2 itself.

    What to do: a role that serves no requests, such as one of jobs, says nothing of
    `proxy`, or `proxy: false`. One that does gets `hosts` of its own, or from 2.7
    on a `path_prefix`.
    """
    for view in subject.views:
        for one, other in combinations(served(view, subject.version), 2):
            both = [name for name in one.servers if name in other.servers]
            refused = subject.version >= KAMAL_2 and one.tls and other.tls and one.is_role and other.is_role
            if both and one.meets(other) and not (refused and one.shares(other)):
                yield _asked_twice(subject.version, view, one, other, both)


def _asked_twice(version: Version, view: View, one: Served, other: Served, both: list[str]) -> Remark:
    wanted = listed(one.shares(other)) or "every request"
    message = f"{one.name} and {other.name} both ask for {wanted} on {listed(both)}"
    key: Path = (*other.path, "proxy" if version >= KAMAL_2 else "traefik")
    if version < KAMAL_2:
        ways = (f"`traefik: false` for {other.name}, if it serves no requests", "a `Host` rule of its own")
        return Remark(f"{message}: Traefik sends them to either", view, key, ways=ways)
    away = f"take `proxy` from {other.name}, if it serves no requests"
    return Remark(
        f"{message}: kamal-proxy refuses the second",
        view,
        key,
        ways=(away, f"`hosts` of its own for {other.name}"),
        severity=Severity.ERROR,
    )


@rule("dead-traefik-label", Severity.WARNING, fixed_by="proxy")
def dead_traefik_label(subject: Subject) -> Iterator[Remark]:
    """Labels for Traefik, which Kamal 2 does not run.

    Kamal 2 hands labels to Docker as before, and says nothing. But no Traefik reads
    them: what they asked for (hosts, TLS, ports, passwords, redirects) does not
    happen. Where an accessory is a Traefik, which may stand in front of
    kamal-proxy, nothing is said.

    What to do: the codemod `proxy` writes `proxy` in their place, and names each
    label that kamal-proxy has nothing for.
    """
    for view in subject.views if subject.version >= KAMAL_2 else ():
        if not any("traefik" in image for image in _images(view)):
            for path in _label_maps(view):
                dead = _dead(view.get(*path))
                if dead:
                    message = "Kamal 2 runs no Traefik: labels for it do nothing"
                    yield Remark(message, view, (*path, dead[0]), ways=("kamal-migrate --select proxy",))


def _dead(labels: object) -> list[str]:
    """The names of the labels that ask Traefik for something."""
    pairs = labels.items() if isinstance(labels, dict) else ()
    asked = [str(name) for name, value in pairs if is_for_traefik(name) and not is_off(value)]
    return asked if any(name.lower() != "traefik.enable" for name in asked) else []


def _images(view: View) -> list[str]:
    found = view.get("accessories")
    accessories = found.values() if isinstance(found, dict) else ()
    images = [own.get("image") for own in accessories if isinstance(own, dict)]
    return [image.source if isinstance(image, Opaque) else str(image) for image in images]


def _label_maps(view: View) -> Iterator[Path]:
    yield ("labels",)
    for section in ("servers", "accessories"):
        found = view.get(section)
        yield from ((section, str(name), "labels") for name in found) if isinstance(found, dict) else ()


@rule("unknown-role", Severity.WARNING)
def unknown_role(subject: Subject) -> Iterator[Remark]:
    """A role is named that no config has.

    With `-r` in CI, in a hook or in an alias. Kamal 1.3 and newer end with "No
    --roles match for" where none of the names is a role, and pass over one that is
    not beside one that is; older ones do nothing then, and say nothing. `*` stands
    for anything. For an accessory whose `roles` name none, up to 1.4 only
    `accessory boot` crashes; from 1.5 on Kamal refuses such a config, and a
    `primary_role` that is none.

    What to do: write the name of a role, or take it away.
    """
    known = [_role_names(view, subject.version) for view in subject.views]
    if known and None not in known:
        everywhere = {name for names in known for name in names or ()}
        yield from _in_scripts(subject, everywhere)
    for view, names in zip(subject.views, known, strict=True):
        if names is not None:
            yield from _in_aliases(subject.version, view, names)
            yield from _of_accessories(subject.version, view, names)


def _role_names(view: View, version: Version) -> set[str] | None:
    """The names of the roles; None where ERB may name more."""
    if root_of(view, version).get("servers").hides:
        return None
    return {role.name for role in roles(settings(view, version), version)}


# `-r` and its value up to the end of the word; what is in quotes may be another program's.
_CHOSEN = re.compile(r"(?<!\S)(?:-r[ =]?|--roles[ =])([\w*,.-]+)(?![^\s}])")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_APART = re.compile(r"[;&|]")


def _in_scripts(subject: Subject, known: set[str]) -> Iterator[Remark]:
    app = subject.app
    is_only_one = len(app.project.configs) == 1 and not app.root
    for path in (*hooks(app), *workflows(app)) if is_only_one else ():
        for line in script_lines(app.text(path)):
            for part in _APART.split(_QUOTED.sub(" ", line.text)):
                called = next(kamal_calls(ScriptLine(line.number, part)), None)
                if called and called.flags & {"-r", "--roles"} and not called.flags & {"-c", "--config-file"}:
                    message = _unmatched(part[part.find(called.program) :], known, subject.version)
                    if message:
                        yield Remark(message, file=path, line=line.number, ways=_there(known))


def _in_aliases(version: Version, view: View, known: set[str]) -> Iterator[Remark]:
    aliases = view.get("aliases")
    for name, command in aliases.items() if isinstance(aliases, dict) and version >= KAMAL_2 else ():
        message = _unmatched(_QUOTED.sub(" ", command), known, version) if isinstance(command, str) else ""
        if message:
            yield Remark(message, view, ("aliases", name), ways=_there(known))


def _there(known: set[str]) -> tuple[str, ...]:
    return (f"the {verb(known, 'role is', 'roles are')} {listed(sorted(known))}",) if known else ()


def _unmatched(command: str, known: set[str], version: Version) -> str:
    """What Kamal does with the roles that a command names; nothing where there are all of them."""
    match = _CHOSEN.search(command)
    named = [name for name in match[1].split(",") if name] if match else []
    unknown = [name for name in named if not any(fnmatchcase(role, name) for role in known)]
    if not unknown:
        return ""
    there = f"{listed(unknown)} {verb(unknown, 'is no role', 'are no roles')}"
    if len(unknown) < len(named):
        return f"`-r {','.join(named)}`: {there}, and Kamal passes over that"
    if version < ROLES_MATCH:
        return f"`-r {named[0]}`: {there}, and Kamal {version.short} does nothing then"
    return f'`-r {",".join(named)}`: {there}; Kamal ends with "No --roles match"'


def _of_accessories(version: Version, view: View, known: set[str]) -> Iterator[Remark]:
    accessories = mapping(settings(view, version).get("accessories"))
    for name, own in accessories.items() if version < ACCESSORY_HOSTS_COUNT else ():
        unknown = [
            role for role in texts(mapping(own).get("roles")) if role not in known and "<%" not in role
        ]
        if unknown:
            is_none = verb(unknown, "is no role", "are no roles")
            message = f"{listed(unknown)} {is_none}: `accessory boot {name}` crashes"
            yield Remark(message, view, ("accessories", name, "roles"), ways=_there(known))


@rule("unknown-tag", Severity.WARNING)
def unknown_tag(subject: Subject) -> Iterator[Remark]:
    """A tag that nothing defines, or that no host has.

    A host such as `10.0.0.4: mon` gets the variables of `env: {tags: {mon: …}}`.
    Where there is no such tag, Kamal 1.6 to 2.8 crash at the deploy ("undefined
    method `env' for nil"): an error. From 2.9 on it is passed over. From 2.6 on an
    accessory with `tag` or `tags` runs on the hosts that have one; Kamal looks at
    roles that are plain lists of hosts only, neither at those with `hosts:` nor at
    `servers` as one list.

    What to do: define the tag below `env.tags` (`mon: {}` will do), or take it from
    the host. For an accessory, make the role a plain list of hosts, or name its
    hosts.
    """
    for view in subject.views if subject.version >= TAGS else ():
        config = settings(view, subject.version)
        known = roles(config, subject.version)
        accessories = mapping(config.get("accessories")) if subject.version >= TAGGED_ACCESSORIES else {}
        wanted = {name: _tags(mapping(own)) for name, own in accessories.items()}
        if not root_of(view, subject.version).get("env", "tags").hides:
            defined = set(mapping(mapping(config.get("env")).get("tags")))
            if subject.version >= TAGS_MAY_BE_UNKNOWN:
                defined.update(tag for tags in wanted.values() for tag in tags)
            yield from _undefined(subject.version, view, known, defined)
        if not root_of(view, subject.version).get("servers").hides:
            yield from _without_hosts(view, known, wanted)


def _tags(own: dict[str, object]) -> list[str]:
    return [*texts(own.get("tag")), *texts(own.get("tags"))]


def _undefined(version: Version, view: View, known: list[Role], defined: set[str]) -> Iterator[Remark]:
    hosts: dict[str, list[tuple[str, str]]] = {}
    for role in known:
        for host, tags in role.tags.items():
            for tag in tags:
                hosts.setdefault(tag, []).append((role.name, host))
    crashes = version < TAGS_MAY_BE_UNKNOWN
    for tag, places in hosts.items():
        if tag in defined or "<%" in tag:
            continue
        names = dict.fromkeys(host for _, host in places)
        message = f"`env.tags` has no `{tag}`, the tag of {listed(names)}: Kamal {version.short} "
        message += "crashes at the deploy" if crashes else "passes over it"
        path = ("servers", places[0][0]) if isinstance(view.get("servers"), dict) else ("servers",)
        ways = (f"`env: {{tags: {{{tag}: {{}}}}}}`", "take the tag away")
        yield Remark(message, view, path, ways=ways, severity=Severity.ERROR if crashes else None)


def _without_hosts(view: View, known: list[Role], wanted: dict[str, list[str]]) -> Iterator[Remark]:
    flat = not isinstance(view.get("servers"), dict)
    lists = [role for role in known if not role.settings and not flat]
    found = {tag for role in lists for tags in role.tags.values() for tag in tags}
    for name, tags in wanted.items():
        missing = [tag for tag in tags if tag not in found and "<%" not in tag]
        if missing and len(missing) == len(tags):
            message = (
                f"{name} runs nowhere: no host of a role that is a plain list has the tag {listed(missing)}"
            )
            key = "tag" if view.has("accessories", name, "tag") else "tags"
            yield Remark(message, view, ("accessories", name, key), ways=(f"`hosts:` for {name}",))
