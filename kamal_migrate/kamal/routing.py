"""The `traefik.*` labels of a role in the words of `proxy`, and which have none there (history D.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from kamal_migrate.kamal.beside import PROTOCOLS, beside
from kamal_migrate.kamal.certificates import (
    Setting,
    entry_point_arguments,
    no_certificate,
    secured,
    tls_labels,
    tls_options,
)
from kamal_migrate.kamal.durations import at_least_one
from kamal_migrate.kamal.health import health_path
from kamal_migrate.kamal.loading import Opaque
from kamal_migrate.kamal.notation import flow, written_by_erb
from kamal_migrate.kamal.redirecting import only_redirected, only_redirects
from kamal_migrate.kamal.traefik import Label, Labels, Middleware, Part, Router, read
from kamal_migrate.kamal.traefik_reasons import IN_FRONT, OWN_WAY, TLS_OPTIONS
from kamal_migrate.kamal.traefik_rules import Rule
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path

HOSTS_LIST, WILDCARDS, PATHS, SEVERAL_PATHS = Version(2, 1), Version(2, 2), Version(2, 7), Version(2, 8)
NO_CERTIFICATE = "kamal-proxy cannot get these certificates by itself"
DISABLED = "Traefik did not look at these containers, kamal-proxy does"
OTHER_ROUTES = "a role has one set of hosts and path prefixes in Kamal 2, and this router has others"


class Wish(NamedTuple):
    """A key below `proxy`: its value, None for that of its source, and the key path it comes from."""

    value: object
    source: Path | None = None


class NewKey(NamedTuple):
    """A key of Kamal 2: its value, None for that of its source, and the key it comes from or None."""

    path: Path
    value: object
    source: Path | None


class Left(NamedTuple):
    """What has no equivalent: a name for it, its key paths, why, and what to do."""

    name: str
    keys: tuple[Path, ...]
    message: str
    todo: str = ""


@dataclass
class Routing:
    """What the labels of a role, or root `traefik`, mean: keys below `proxy`, what has none, what to know."""

    wishes: dict[Path, Wish] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def hosts(self) -> list[object]:
        """The hosts of the role."""
        wish = self.wishes.get(("hosts",)) or self.wishes.get(("host",))
        return wish.value if wish and isinstance(wish.value, list) else [wish.value] if wish else []


def routing(labels: Iterable[Label], setting: Setting) -> Routing:
    """What the `traefik.*` labels of a proxied role mean."""
    model, found = read(labels), Routing()
    routers = list(_supported(model, setting.target, found))
    rules = {router.name: router.rule or Rule() for router in routers}
    hosts = list(dict.fromkeys(host for rule in rules.values() for host in rule.hosts))
    paths = next(iter(rules.values())).paths if rules else ()
    if hosts:
        naming = [router.settings["rule"].path for router in routers if rules[router.name].hosts]
        key, value = _host_key(setting.target), _host_value(hosts, setting.target)
        found.wishes[key] = Wish(value, _latest(naming, setting))
    if paths:
        _paths(routers, paths, setting, found)
    _tls(routers, hosts, paths, setting, found)
    for middleware in _middlewares(routers, model.middlewares, found):
        _middleware(middleware, found, paths)
    for service in model.services.values():
        _service(service, found)
    _ports([service.port for service in model.services.values() if service.port], found)
    _others(model.others, setting, found)
    if not model.enabled:
        keys = tuple(label.path for label in model.plain if label.name.lower() == "traefik.enable")
        found.left.append(
            Left("disabled", keys, DISABLED, "write `proxy: false` in their role, if nobody shall reach them")
        )
    return found


def _host_key(target: Version) -> Path:
    return ("hosts",) if target >= HOSTS_LIST else ("host",)


def _host_value(hosts: list[str], target: Version) -> object:
    if target < HOSTS_LIST:
        return ",".join(hosts)
    return [Data("erb", host) if "<%" in host else host for host in hosts]


def _latest(paths: list[Path], setting: Setting) -> Path:
    """The path that the last file states; the first of those."""
    return max(paths, key=lambda path: (setting.order(path), -paths.index(path)))


def _supported(model: Labels, target: Version, found: Routing) -> Iterator[Router]:
    """The routers that kamal-proxy has words for, all with the same path prefixes.

    One that only redirects serves nothing, and counts only where there is no other.
    """
    everyone = list(model.routers.values())
    serving = [each for each in everyone if not only_redirects(each, model.middlewares)]
    kept: list[Router] = []
    found.notes += only_redirected([each for each in everyone if each not in serving], serving)
    for router in serving or everyone:
        why = _fault(router, target)
        if why:
            todo = f"write `proxy` by hand, or {IN_FRONT}"
            found.left.append(Left("router", _keys(router), why, todo))
        else:
            kept.append(router)
    prefixes = [(router.rule or Rule()).paths for router in kept]
    chosen = () if () in prefixes else next(iter(prefixes), ())
    for router in kept:
        if (router.rule or Rule()).paths == chosen:
            yield router
        else:
            found.left.append(Left("router", _keys(router), OTHER_ROUTES, IN_FRONT))


def _fault(router: Router, target: Version) -> str:
    """Why a router cannot be put into the words of Kamal 2; empty where it can."""
    rule, service = router.rule or Rule(), router.get("service")
    if rule.opaque:
        return "ERB writes the rule of this router"
    if rule.unsupported:
        return f"kamal-proxy knows hosts and path prefixes; not {rule.unsupported}"
    if isinstance(service, str) and "@" in service and not service.endswith("@docker"):
        return f"kamal-proxy has no service `{service}`"
    if rule.wildcards and target < WILDCARDS:
        return f"wildcard hosts need Kamal {WILDCARDS.short}"
    if len(rule.paths) > 1 and target < SEVERAL_PATHS:
        return f"several path prefixes need Kamal {SEVERAL_PATHS.short}"
    if rule.paths and target < PATHS:
        return f"path prefixes need Kamal {PATHS.short}"
    odd = [name for name in router.settings if not _KNOWN.fullmatch(name)]
    return f"kamal-proxy has nothing like `{odd[0]}` of a router" if odd else ""


_KNOWN = re.compile(r"rule|rulesyntax|entrypoints|middlewares|service|priority|tls(\..*)?")


def _keys(part: Part) -> tuple[Path, ...]:
    """The key paths of a part, that of its rule first."""
    labels = sorted(part.settings.items(), key=lambda item: item[0] != "rule")
    return tuple(label.path for _, label in labels)


def _paths(routers: list[Router], paths: tuple[str, ...], setting: Setting, found: Routing) -> None:
    source = _latest([router.settings["rule"].path for router in routers], setting)
    if len(paths) > 1:
        found.wishes["path_prefixes",] = Wish(list(paths), source)
    else:
        found.wishes["path_prefix",] = Wish(paths[0], source)
    found.wishes["strip_path_prefix",] = Wish(False, source)


def _tls(
    routers: list[Router], hosts: list[str], paths: tuple[str, ...], setting: Setting, found: Routing
) -> None:
    """Automatic TLS, where kamal-proxy can have it; else the labels stay."""
    options = tls_options(routers)
    if options:
        found.left.append(Left("tls-options", options, *TLS_OPTIONS))
    safe = secured(routers, setting.resolvers)
    if not safe:
        return
    stating = [label.path for label in tls_labels(safe)]
    why, todo = no_certificate(safe, hosts, paths, setting)
    if why:
        keys = tuple(stating) or tuple(entry_point_arguments(safe, setting.resolvers))
        todo = f"take the TLS labels out, and {todo}" if stating else todo
        found.left.append(Left("tls", keys, NO_CERTIFICATE, f"{why}; {todo}"))
        return
    rules = [router.settings["rule"].path for router in routers if "rule" in router.settings]
    found.wishes["ssl",] = Wish(True, _latest([*stating, *rules], setting))
    covered = {host for router in safe for host in (router.rule or Rule()).hosts}
    bare = [host for host in hosts if host not in covered]
    if bare:
        found.notes.append(f"{' and '.join(bare)} had no TLS and gets it")


def _middlewares(
    routers: list[Router], defined: dict[str, Middleware], found: Routing
) -> Iterator[Middleware]:
    """The middlewares that labels define; those that something else defines have no equivalent."""
    yield from defined.values()
    for router in routers:
        odd = [n for n in router.words("middlewares") if n not in defined and not n.endswith("-retry")]
        if odd:
            names = ", ".join(f"`{name}`" for name in odd)
            key = router.settings["middlewares"].path
            found.left.append(Left("middleware", (key,), f"kamal-proxy knows no middleware {names}", OWN_WAY))


_BUFFERING = {
    "maxrequestbodybytes": "max_request_body",
    "memrequestbodybytes": "memory",
    "maxresponsebodybytes": "max_response_body",
}


def _middleware(middleware: Middleware, found: Routing, paths: tuple[str, ...]) -> None:
    kind = middleware.kind
    if kind == "buffering":
        for setting, label in middleware.settings.items():
            _buffer(setting.removeprefix("buffering."), label, found)
    elif kind == "stripprefix" and paths and set(paths) <= middleware.stripped:
        found.wishes.pop(("strip_path_prefix",), None)
    elif kind == "stripprefix":
        why = "kamal-proxy strips the path prefixes that it answers, and no other"
        found.left.append(Left("middleware", _keys(middleware), why, OWN_WAY))
    elif kind == "redirectscheme" and ("ssl",) not in found.wishes:
        why = "kamal-proxy redirects to HTTPS only where it has TLS itself"
        found.left.append(Left("redirect", _keys(middleware), why, OWN_WAY))
    elif kind not in ("retry", "redirectscheme"):
        found.left.append(Left("middleware", _keys(middleware), f"kamal-proxy has no `{kind}`", OWN_WAY))


def _buffer(setting: str, label: Label, found: Routing) -> None:
    number = str(label.value)
    if setting in _BUFFERING and re.fullmatch(r"\d+", number):
        found.wishes["buffering", _BUFFERING[setting]] = Wish(int(number), label.path)
    else:
        why = f"kamal-proxy has nothing like `{setting}: {flow(label.value)}`"
        found.left.append(Left("middleware", (label.path,), why, OWN_WAY))


def _service(service: Part, found: Routing) -> None:
    odd: dict[str, list[Path]] = {}
    for setting, label in service.settings.items():
        known = setting.removeprefix("loadbalancer.")
        if known == "server.scheme" and str(label.value).lower() == "http":
            continue
        if known in ("healthcheck.path", "healthcheck.interval", "healthcheck.timeout"):
            name = known.split(".")[1]
            value = health_path(label.value) if name == "path" else at_least_one(label.value)
            if value is not None and not isinstance(label.value, Opaque):
                found.wishes["healthcheck", name] = Wish(value, label.path)
                continue
        if known not in ("server.port", "passhostheader"):
            odd.setdefault(_service_reason(known, label), []).append(label.path)
    found.left += [Left("service", tuple(keys), why, IN_FRONT) for why, keys in odd.items()]


def _service_reason(setting: str, label: Label) -> str:
    """Why a setting of a service has no equivalent; the same for all that belong together."""
    if setting.split(".")[0] == "sticky":
        return "kamal-proxy has no sticky sessions"
    return f"kamal-proxy has nothing like `{setting}: {flow(label.value)}`"


def _ports(ports: list[Label], found: Routing) -> None:
    numbers = {str(label.value) for label in ports}
    keys = tuple(label.path for label in ports)
    if len(numbers) > 1:
        why = f"the labels name several ports: {', '.join(sorted(numbers))}"
        found.left.append(Left("app-port", keys, why, "write `proxy.app_port` with the one that serves"))
    elif ports and re.fullmatch(r"\d+", str(ports[0].value)):
        found.wishes["app_port",] = Wish(int(str(ports[0].value)), ports[0].path)
    elif ports and (written := written_by_erb(ports[0].value)):
        found.wishes["app_port",] = Wish(written, ports[0].path)
        found.notes.append(f"Kamal 2 wants a plain whole number from `{written.value}`")
    elif ports:
        why = f"`{flow(ports[0].value)}` names the port of the app"
        found.left.append(Left("app-port", keys, why, "write `proxy.app_port` with a number"))


def _others(labels: list[Label], setting: Setting, found: Routing) -> None:
    for protocol in PROTOCOLS:
        keys = tuple(label.path for label in labels if label.name.lower().startswith(f"traefik.{protocol}."))
        if keys:
            why = f"kamal-proxy serves HTTP only, no {protocol.upper()}"
            found.left.append(Left(protocol, keys, why, beside(protocol, labels, setting)))
    rest = [label for label in labels if not label.name.lower().startswith(("traefik.tcp.", "traefik.udp."))]
    for label in rest:
        why = f"kamal-proxy has nothing like `{label.name}`"
        found.left.append(Left("label", (label.path,), why, IN_FRONT))
