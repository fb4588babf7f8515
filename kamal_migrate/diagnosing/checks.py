"""For each cause what an app's own files say of it: small functions of the evidence and the app."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from kamal_migrate.diagnosing.refusals import refused
from kamal_migrate.diagnosing.scanning import Evidence, Found
from kamal_migrate.diagnosing.subject import Check, Remark, Subject, at
from kamal_migrate.engine import Location
from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.builds import build_plan
from kamal_migrate.kamal.commands import command_fate
from kamal_migrate.kamal.evidence import exposed
from kamal_migrate.kamal.hooks import callers, hooks
from kamal_migrate.kamal.hosts import Host, hosts, pulls
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.scripts import called
from kamal_migrate.kamal.secrets import files_for, secret_names
from kamal_migrate.kamal.versions import NEWEST_1, Version
from kamal_migrate.masking import mask
from kamal_migrate.yamldoc import Path

KAMAL_2 = Version(2)
_SECRET = re.compile(r"Secret '([^']+)' not found|key not found: \"([^\"]+)\"")
_FILE = re.compile(r"\.kamal/secrets[\w.-]*")
_DEFAULT_PORT = 80


def remarks(found: Found, known: Iterable[Subject]) -> list[Remark]:
    """What the apps say of a cause, each thing once."""
    check = CHECKS.get(found.cause.kind)
    said = (check(found.lines, subject) for subject in known) if check else ()
    return list(dict.fromkeys(remark for rows in said for remark in rows))


def _image_not_pushed(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    old = min(subject.version, NEWEST_1)
    for view in subject.app.views:
        plan = build_plan(view, old)
        if not plan.pushes:
            yield Remark(
                "`multiarch: false` without a cache: this is built by whatever builder is selected, and"
                " pushed by `docker push`",
                at(view, ("builder", "multiarch")),
            )


def _architectures(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        plan = build_plan(view, subject.version)
        if plan.arches:
            platforms = ", ".join(f"linux/{arch}" for arch in plan.arches)
            yield Remark(f"built for {platforms}", at(view, ("builder", "arch")))
        elif not plan.refusal and not plan.pushes:
            yield Remark(
                "`multiarch: false`: built for the machine that runs Kamal",
                at(view, ("builder", "multiarch")),
            )


def _no_matching_manifest(evidence: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    yield from _architectures(evidence, subject)
    named = {row.host for row in evidence if row.host}
    for view in subject.views:
        for host in hosts(view, subject.version):
            if host.is_apart and (host.name in named or (not named and pulls(host, subject.version))):
                yield Remark(_apart(host, subject), at(view, ("accessories", host.accessories[0])))


def _apart(host: Host, subject: Subject) -> str:
    """What a host of accessories has to do with the app's image."""
    runs = f"{host.name} runs only {', '.join(host.accessories)}"
    if not subject.pin:
        return f"{runs}, no role; Kamal 2.1.1 to 2.5.3 pull the app's image there too"
    if pulls(host, subject.version):
        return f"{runs}, no role; {subject.kamal} pulls the app's image there too"
    return f"{runs}, no role; {subject.kamal} pulls only images of accessories there"


def _unhealthy_target(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        said, port = view.get("proxy", "app_port"), exposed(view)
        listens = _DEFAULT_PORT if said is None else said
        if port and not isinstance(listens, Opaque) and str(listens) != port.value:
            where = (
                f"port {listens}" if said is not None else f"port {_DEFAULT_PORT}, for nobody says `app_port`"
            )
            yield Remark(
                f"the proxy asks {where}; the image exposes {port.value} ({port.source})",
                at(view, ("proxy", "app_port")),
            )
        path = view.get("proxy", "healthcheck", "path")
        if isinstance(path, str):
            yield Remark(f"it asks for {path}", at(view, ("proxy", "healthcheck", "path")))


def _secret_not_found(evidence: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    names = {
        name for row in evidence for match in _SECRET.finditer(row.text) for name in match.groups() if name
    }
    looked = {path for row in evidence for path in _FILE.findall(row.text)}
    fitting = [view for view in subject.views if (files_for(view) or ("", ""))[1] in looked]
    for view in fitting or subject.views:
        for name, places in secret_names(view).items():
            if name in names:
                yield Remark(f"{name} is named here", at(view, places[0]))
                yield from _defined(name, view, subject)


def _empty_password(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        for key in ("username", "password"):
            value = view.get("registry", key)
            place = at(view, ("registry", key))
            if isinstance(value, list) and value and isinstance(value[0], str):
                yield Remark(f"the {key} is the secret {value[0]}", place)
                yield from _defined(value[0], view, subject)
            elif isinstance(value, Opaque):
                yield Remark(f"the {key} is what ERB gives, which may be nothing", place)
            elif value in (None, ""):
                yield Remark(f"the config has no {key} for the registry", place)


def _defined(name: str, view: View, subject: Subject) -> Iterator[Remark]:
    """Which file that Kamal 2 reads defines a name; what stands there is not said."""
    for path in files_for(view, max(subject.version, KAMAL_2)) or ():
        line = EnvDoc(subject.app.text(path)).setting(name)
        if line:
            taken = "from the environment or a command" if line.says in ("reference", "command") else "here"
            yield Remark(f"{name} is defined, and taken {taken}", _line(subject, path, line.line))
            return
    files = " nor ".join(files_for(view, max(subject.version, KAMAL_2)) or ())
    there = [path for path in files_for(view, KAMAL_2) or () if subject.app.has(path)]
    also = "" if there else "; there are no such files here"
    yield Remark(f"neither {files} defines {name}{also}" if files else f"no file is known to define {name}")


def _line(subject: Subject, path: str, line: int) -> Location:
    return Location(subject.app.inside(path), line, 1)


def _ports_in_use(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        for path in _published(view):
            yield Remark("this publishes a port of the host itself", at(view, path))
        if view.has("proxy", "run"):
            yield Remark("what kamal-proxy publishes is said here", at(view, ("proxy", "run")))


def _published(view: View) -> Iterator[Path]:
    """The keys that put port 80 or 443 of a host before a container."""
    for name, own in _maps(view, "accessories"):
        if re.match(r"(?:[\d.]+:)?(?:80|443)(?::|$)", str(own.get("port", ""))):
            yield ("accessories", name, "port")
    for kind in ("servers", "accessories"):
        for name, own in _maps(view, kind):
            options = own.get("options")
            said = str(options.get("publish", "")) if isinstance(options, dict) else ""
            if re.search(r"(?<![\d])(?:80|443):", said):
                yield (kind, name, "options", "publish")
    if view.has("traefik"):
        yield ("traefik",)


def _maps(view: View, key: str) -> Iterator[tuple[str, dict[str, object]]]:
    found = view.get(key)
    for name, own in found.items() if isinstance(found, dict) else ():
        if isinstance(own, dict):
            yield str(name), own


def _envify_gone(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    target = max(subject.version, KAMAL_2)
    for path in callers(subject.app):
        for call in called(subject.app.text(path)):
            gone = command_fate(call.words, call.flags, target)
            if gone and not gone.deprecated:
                yield Remark(f"{gone.name}: {gone.instead}", _line(subject, path, call.line))


def _traefik_hook(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for path in hooks(subject.app):
        if path.rsplit("/", 1)[-1] in ("pre-traefik-reboot", "post-traefik-reboot"):
            yield Remark(f"becomes {path.replace('traefik-reboot', 'proxy-reboot')}", _line(subject, path, 1))


def _service_label(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        service = view.get("service")
        if isinstance(service, str):
            yield Remark(f"the label has to be service={service}", at(view, ("service",)))


def _registry_login(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        server = view.get("registry", "server")
        where = "Docker Hub, for no server is named" if server is None else mask(str(server))
        if not isinstance(server, Opaque):
            yield Remark(f"the registry is {where}", at(view, ("registry", "server")))


def _cache_export(evidence: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        cache = build_plan(view, subject.version).cache
        if cache is None:
            continue
        if view.get("builder", "driver") == "docker":
            yield Remark("the docker driver exports no cache", at(view, ("builder", "driver")))
        if cache.type == "registry":
            yield Remark(f"the cache goes to {mask(cache.image)}", at(view, ("builder", "cache")))
            yield from _registry_login(evidence, Subject(subject.app, subject.pin))


def _no_builder(_: Sequence[Evidence], subject: Subject) -> Iterator[Remark]:
    for view in subject.views:
        machines = [host for host in build_plan(view, subject.version).machines if host]
        if machines:
            yield Remark(f"this is built on {mask(', '.join(machines))}", at(view, ("builder", "remote")))


CHECKS: dict[str, Check] = {
    "arch-not-set": refused,
    "cache-export": _cache_export,
    "empty-registry-password": _empty_password,
    "envify-gone": _envify_gone,
    "exec-format-error": _architectures,
    "image-not-pushed": _image_not_pushed,
    "no-builder": _no_builder,
    "no-matching-manifest": _no_matching_manifest,
    "ports-in-use": _ports_in_use,
    "refused-config": refused,
    "registry-login": _registry_login,
    "secret-not-found": _secret_not_found,
    "service-label": _service_label,
    "traefik-hook": _traefik_hook,
    "unhealthy-target": _unhealthy_target,
}
