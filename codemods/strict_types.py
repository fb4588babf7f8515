"""Write types and keys in the form that every Kamal takes

What changed in Kamal
    Up to 1.6.0 Kamal ignored unknown keys, and what it did with a value of
    another type was up to Ruby: an empty `env:` was none, `hosts: 192.0.2.1` a
    list of one, a list of `NAME=value` under `builder.args` went to Docker as
    it stood. From 1.7.0 on every section is compared with an example, and the
    first unknown key or wrong type is an error (`env: should be a hash`).
    Keys that begin with `x-` are free at the root from 1.8.1 on. Roles and
    accessories may not have labels named service, role or destination from
    2.7.0 on (`invalid label`).
    An unquoted `false` in `env`, labels and `builder.args` was passed as a bare
    name, whose value is that of the shell there, mostly none; from 2.3.0 on as
    `false`. Kamal 1.0 to 1.4 wrote env into a file, where it was `false` too.

What this does
    Empty values go, for they were as good as none; an empty list that overrides
    another becomes `[]`. An empty variable or label becomes "", which Docker is
    given in the same way. One text where a list is due becomes a list of one,
    `host: [a, b]` becomes `hosts`, a list where a map is due a map, "10" and
    10s become numbers, a date and a numeric registry user get quotes, a `cmd`
    that is a list becomes one line.
    Plain names beside `clear`, `secret` or `tags` go: Kamal 1 never passed
    them.
    A key that no Kamal knows was ignored up to 1.6: at the root it gets the
    prefix `x-`, deeper it goes. Where it looks like a slip or stands in the
    wrong place, that is said.
    Labels named service, role and destination go where they say what Kamal
    says itself.
    `false` gets quotes where the target would pass another thing than before;
    with --preserve it becomes "" where it was passed as a bare name.

Safety
    `safe` where Kamal up to 1.6 did just that with the other form, or did
    nothing. `review`: forms that it could not use, such as an accessory with
    `host: [a, b]`; plain names beside `clear`; `false` that was not passed.

Left to you
    Other types, unknown keys where 1.7 or newer deploys the app, an empty value
    that overrides a map, reserved labels that say something else, a `service`
    that Kamal refuses (its containers are named after it), and keys that stand
    twice: Kamal obeys the last one, in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from kamal_migrate.api import (
    MOVED,
    Codemod,
    Come,
    Finding,
    Fix,
    Misfit,
    Options,
    Path,
    Safety,
    Stray,
    Version,
    View,
    doubled,
    false_is_passed,
    falses,
    hosts_by_variable,
    misfits,
    retyped,
    speaks_kamal_2,
    strays,
)

CODEMOD = Codemod(
    "Write types and keys in the form that every Kamal takes",
    findings=("empty", "type", "unknown", "mixed-env", "extension", "false", "label", "service", "twice"),
    since=Version(1, 7),
)

KAMAL_2, RESERVED_SINCE, NEWEST_1 = Version(2), Version(2, 7), Version(1, 9, 3)
LOGIN = ("username", "password")
# What other codemods decide as a whole, some of it for Kamal 2 only; they also take what is empty there.
OTHERS: tuple[Path, ...] = (("ssh_user",), ("builder", "multiarch"))
FOR_KAMAL_2: tuple[Path, ...] = (
    ("proxy",), ("stop_wait_time",), ("builder",), ("builder", "local"), ("builder", "remote"),
)  # fmt: skip
NEEDED: tuple[Path, ...] = (("service",), ("image",), ("registry",), *(("registry", n) for n in LOGIN))
PARTS: dict[str, tuple[str, ...]] = {
    "env": ("roles.*.env", "roles.*.env_by_host"),
    "volumes": ("roles.*.volumes",),
    "labels": ("roles.*.labels",),
    "logging": ("roles.*.logging",),
    "asset_path": ("roles.*.asset_path",),
    "accessories": ("accessories",),
    "builder": ("root.builder",),
    "registry": ("registry",),
    "proxy": ("roles.*.proxy", "roles.*.stop_seconds"),
}
SERVICE = re.compile(r"(?im)^[a-z0-9_-]+$")
SAFE, REVIEW, MANUAL = Safety.SAFE, Safety.REVIEW, Safety.MANUAL


def decide(view: View, options: Options) -> Iterator[Finding]:
    """Wrong types, unknown keys, then what is passed on otherwise and what is reserved."""
    for misfit in misfits(view.data, options.to):
        if misfit.path not in OTHERS and not (misfit.path in FOR_KAMAL_2 and options.to >= KAMAL_2):
            yield _misfit(view, misfit, options)
    for stray in strays(view.data, options.to):
        yield _mixed(view, stray) if stray.mixed else _stray(view, stray, options)
    if options.source and options.source < Version(1, 7):
        for path, hosts in hosts_by_variable(view):
            message = f"Kamal {options.to.short} wants a list as `{_name(path)}`; a variable is text"
            fix = Fix(comes=(Come(path, [hosts], path),))
            yield Finding("strict-types/type", path, message, REVIEW, fix, changes=_changes(path))
    yield from _falses(view, options)
    if options.to >= RESERVED_SINCE:
        yield from _labels(view)
    yield from _service(view)
    for path in dict.fromkeys(doubled(view)):
        message = f"`{path[-1]}` stands twice here; Kamal obeys the last one, in silence"
        yield replace(_hands("twice", path, message, "keep one of the two"), lasts=True)


def _name(path: Path) -> str:
    return ".".join(map(str, path))


def _hands(name: str, path: Path, message: str, todo: str) -> Finding:
    return Finding(f"strict-types/{name}", path, message, MANUAL, todo=todo)


def _misfit(view: View, misfit: Misfit, options: Options) -> Finding:
    kamal, path = f"Kamal {options.to.short}", misfit.path
    wants = " or ".join(WORDS[want] for want in misfit.wants)
    found = retyped(misfit, options.source or NEWEST_1)
    if found is None and misfit.data.kind == "null":
        return _empty(view, misfit, kamal)
    message = f"{kamal} wants {wants} as `{_name(path)}`"
    hosts: Path = (*path[:-1], "hosts")
    if misfit.data.kind == "list" and path[-1] == "host" and not view.has(*hosts):
        fix = Fix((path,), (Come(hosts, MOVED, path),))
        return _retyped(path, f"{message}; `hosts` takes a list", fix, same=False)
    if found is None:
        return _hands("type", path, message, f"write {wants}")
    return _retyped(path, message, Fix(comes=(Come(path, found.value, path),)), same=found.same)


WORDS = {
    "text": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "map": "a map",
    "list": "a list",
    "login": "text, or a list with the name of a secret,",
}


def _retyped(path: Path, message: str, fix: Fix, *, same: bool) -> Finding:
    notes = () if same else ("as it stood, Kamal could not use it",)
    safety = SAFE if same else REVIEW
    return Finding("strict-types/type", path, message, safety, fix, notes=notes, changes=_changes(path))


def _changes(path: Path) -> tuple[str, ...]:
    """The parts of the deployment that a key decides; their forms may differ where their sense does not."""
    if path[0] in ("servers", "accessories") and len(path) > 2:
        kind = "roles" if path[0] == "servers" else "accessories"
        return (f"{kind}.*.{'hosts' if path[2] == 'host' else path[2]}", f"{kind}.*.env_by_host")
    return PARTS.get(str(path[0]), (f"root.{path[0]}", *PARTS["proxy"]))


def _empty(view: View, misfit: Misfit, kamal: str) -> Finding:
    """A null: as good as nothing, unless it takes away what another file says."""
    path, message = misfit.path, f"{kamal} refuses an empty `{_name(misfit.path)}`"
    if path == ("ssh", "user"):
        message = f"{message}; up to 1.6 it meant the user who runs Kamal"
        return _hands("empty", path, message, "write the user's name")
    if path in NEEDED:
        return _hands("empty", path, message, "name it, or let each destination do so")
    if path == ("servers",) or (path[0] == "servers" and len(path) == 2):
        return _hands("empty", path, f"{message}, as every Kamal did", "name its hosts, or take it out")
    if not isinstance(path[-1], str):
        return _hands("empty", path, f"{kamal} refuses an empty item in a list", "take it out")
    fix = Fix((path,))
    if len(view.stating(path)) > 1:
        if "list" not in misfit.wants or "map" in misfit.wants:
            todo = "state it only in the destinations that want it, and take the empty one out"
            return _hands("empty", path, f"{message}, and nothing else unsays what the base says", todo)
        fix = Fix(comes=(Come(path, [], path),))
    return Finding("strict-types/empty", path, message, SAFE, fix, changes=_changes(path))


def _mixed(view: View, stray: Stray) -> Finding:
    """A plain name beside `clear`, `secret` or `tags`."""
    holder = stray.path[:-1]
    message = (
        f"Kamal never passed `{stray.path[-1]}`: plain names count only in an env without clear or secret"
    )
    split = [layer for name in ("clear", "secret", "tags") for layer in view.stating((*holder, name))]
    if any(layer not in split for layer in view.stating(stray.path)):
        todo = f"put the plain names of that file under `{_name(holder)}.clear`; they are passed here then"
        return _hands("mixed-env", stray.path, message, todo)
    notes = (f"to pass it, put it under `{_name(holder)}.clear`",)
    fix = Fix((stray.path,))
    changes = _changes(stray.path)
    return Finding("strict-types/mixed-env", stray.path, message, REVIEW, fix, notes=notes, changes=changes)


def _stray(view: View, stray: Stray, options: Options) -> Finding:
    path, kamal = stray.path, f"Kamal {options.to.short}"
    message = f"no Kamal knows `{_name(path)}`; up to 1.6 it was ignored, {kamal} refuses it"
    new = f"x-{str(path[-1]).lstrip('._-')}"
    places = [stray.near] if stray.near else [_name(place) for place in stray.elsewhere]
    meant = f"is {' or '.join(f'`{place}`' for place in places)} meant?" if places else ""
    if not _was_ignored(view, options):
        return _hands(
            "unknown", path, message, f"{meant} else take it out: it does nothing".removeprefix(" else ")
        )
    notes = (f"{meant} nothing of it was in force",) if meant else ()
    if len(path) == 1 and not (view.has(new) or view.is_open((new,))):
        fix, message = Fix((path,), (Come((new,), MOVED, path),)), f"{message}; as `{new}` it may stay"
        return Finding("strict-types/extension", path, message, SAFE, fix, notes=notes)
    return Finding("strict-types/unknown", path, message, SAFE, Fix((path,)), notes=notes)


def _was_ignored(view: View, options: Options) -> bool:
    """Whether the Kamal that deploys a config is one that ignored what it did not know."""
    if options.source is None:
        return not speaks_kamal_2(view)
    return options.source < Version(1, 7)


def _falses(view: View, options: Options) -> Iterator[Finding]:
    """An unquoted `false` that the target passes otherwise than the version before it."""
    if options.source is None and speaks_kamal_2(view):
        return
    source = options.source or NEWEST_1
    for path in falses(view.data):
        before, after = false_is_passed(source, path), false_is_passed(options.to, path)
        if before == after:
            continue
        kept = before or options.preserve
        value = "" if options.preserve and not before else "false"
        fix, changes = Fix(comes=(Come(path, value, path),)), _changes(path)
        made = Finding("strict-types/false", path, "", SAFE, fix, changes=changes)
        if kept:
            yield replace(made, message=f"Kamal {options.to.short} passes an unquoted `false` otherwise")
            continue
        message = f"Kamal {source.short} passed `{path[-1]}` without a value; now it is `false`"
        note = "--preserve keeps it without a value"
        yield replace(made, message=message, safety=REVIEW, notes=(note,))


def _labels(view: View) -> Iterator[Finding]:
    """Labels that are Kamal's own."""
    for section in ("servers", "accessories"):
        holders = view.get(section)
        for name in holders if isinstance(holders, dict) else ():
            labels = view.get(section, name, "labels")
            for label in ("service", "role", "destination"):
                if isinstance(labels, dict) and label in labels:
                    yield _label(view, (section, name, "labels", label), labels[label])


def _label(view: View, path: Path, value: object) -> Finding:
    message = f"Kamal 2.7 and newer reserve the label `{path[-1]}`"
    if isinstance(value, str) and value == _own_label(view, path):
        message, fix = f"{message}; it says what Kamal says itself", Fix((path,))
        return Finding("strict-types/label", path, message, SAFE, fix, changes=_changes(path))
    return _hands("label", path, message, "give it another name")


def _own_label(view: View, path: Path) -> object:
    section, name, _, label = path
    if section == "accessories":
        own = view.get(section, name, "service") or f"{view.get('service')}-{name}"
        return own if label == "service" else None
    return {"service": view.get("service"), "role": name, "destination": view.destination}[str(label)]


def _service(view: View) -> Iterator[Finding]:
    service = view.get("service")
    if isinstance(service, str) and not SERVICE.search(service):
        message = "Kamal takes letters, digits, hyphens and underscores as `service`"
        todo = "choose another name; containers and volumes of the old one stay on the servers"
        yield _hands("service", ("service",), message, todo)
