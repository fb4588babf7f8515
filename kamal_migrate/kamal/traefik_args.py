"""The fate of each line of root `traefik` in Kamal 2, judged by itself (history D.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from kamal_migrate.kamal import traefik_reasons as reasons
from kamal_migrate.kamal.durations import at_least_one, seconds
from kamal_migrate.kamal.loading import Opaque
from kamal_migrate.kamal.notation import flow
from kamal_migrate.kamal.traefik import is_default, is_for_traefik, is_off
from kamal_migrate.kamal.traefik_reasons import Reason
from kamal_migrate.masking import is_secret
from kamal_migrate.yamldoc import Path

TRAEFIK = ("traefik",)
NO_LIMIT = 0


class Fate(Enum):
    """What becomes of a line: Kamal 2 does that anyhow, has a key for it, or has nothing for it."""

    DEFAULT = "default"
    MAPPED = "mapped"
    NONE = "none"


class Line(NamedTuple):
    """A line of root `traefik`: where it stands, what it says, its fate and why.

    A mapped line names the key below `proxy` that takes its place, with the value there; one without an
    equivalent says in ``todo`` what to do. Those that belong together have the same ``why`` and ``todo``.
    """

    path: Path
    value: object
    fate: Fate
    why: str = ""
    key: Path = ()
    meaning: object = None
    todo: str = ""

    @property
    def text(self) -> str:
        """How it reads in the file, its value only where that is short, plain and no secret."""
        name, value = str(self.path[-1]), flow(self.value)
        plain = len(value) <= _SHORT and "`" not in value
        secret = is_secret(name) and not isinstance(self.value, list)  # A list is of names.
        return f"{name}: {value}" if plain and not secret else name

    @property
    def published(self) -> set[str]:
        """The ports of Traefik's container that it publishes."""
        items = self.value if isinstance(self.value, list) else [self.value]
        ports = {_text(item).rsplit(":", 1)[-1].partition("/")[0] for item in items}
        return ports if self.path[1:] in (("options", "publish"), ("options", "p")) else set()


_SHORT = 60


Judge = Callable[[Path, object], Line]


def each_line(traefik: object) -> Iterator[Line]:
    """Every line of root `traefik`, a map as Kamal 1 read it, judged by itself."""
    if not isinstance(traefik, dict):
        if traefik is not None:
            yield no_equivalent(TRAEFIK, traefik, reasons.NO_MAP)
        return
    for name, value in traefik.items():
        path = (*TRAEFIK, name)
        reader = _READERS.get(name)
        if reader is None:
            yield Line(path, value, Fate.DEFAULT, "Kamal 1 never read it")
        elif name in ("args", "options", "labels", "env") and isinstance(value, dict):
            for key, item in value.items():
                yield from reader((*path, key), item)
        elif name in ("args", "options", "labels", "env") and value is not None:
            yield no_equivalent(path, value, reasons.NO_MAP)
        elif value is not None:
            yield from reader(path, value)


def _host_port(path: Path, value: object) -> Iterator[Line]:
    match = re.fullmatch(r"(?:\[?([\da-fA-F.:]+?)\]?:)?(\d+)", str(value))
    if isinstance(value, Opaque) or match is None:
        todo = "write `proxy: {run: {http_port: N}}`, unless it is 80"
        yield no_equivalent(path, value, Reason("nobody knows which port this is", todo))
        return
    address, port = match[1], int(match[2])
    if address:
        yield Line(path, value, Fate.MAPPED, key=("run", "bind_ips"), meaning=[address])
    if port != 80:
        yield Line(path, value, Fate.MAPPED, key=("run", "http_port"), meaning=port)
    if not address and port == 80:
        yield Line(path, value, Fate.DEFAULT)


def _publish(path: Path, value: object) -> Iterator[Line]:
    if value is False:
        yield Line(path, value, Fate.MAPPED, key=("run", "publish"), meaning=False)
    elif isinstance(value, Opaque):
        todo = "write `proxy: {run: {publish: false}}` where it is false"
        yield no_equivalent(path, value, Reason("nobody knows whether this is true", todo))
    else:
        yield Line(path, value, Fate.DEFAULT)


def _image(path: Path, value: object) -> Iterator[Line]:
    yield Line(path, value, Fate.DEFAULT)


def _env(path: Path, value: object) -> Iterator[Line]:
    yield no_equivalent(path, value, reasons.ENVIRONMENT)


def _label(path: Path, value: object) -> Iterator[Line]:
    name = str(path[-1])
    if name.lower() in ("traefik.enable", "traefik.docker.network"):
        yield Line(path, value, Fate.DEFAULT)
    elif is_for_traefik(name):
        dashboard = "api@" in flow(value) or "dashboard" in name
        yield no_equivalent(path, value, reasons.DASHBOARD if dashboard else reasons.NOTHING_LIKE_IT)
    elif isinstance(value, Opaque):
        yield no_equivalent(
            path, value, Reason("ERB says this label", "write it below `proxy.run.options.label`")
        )
    else:
        yield Line(
            path, value, Fate.MAPPED, key=("run", "options", "label"), meaning=[f"{name}={_said(value)}"]
        )


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: object) -> str:
    return value.source if isinstance(value, Opaque) else str(value)


_WEB_PORT = re.compile(r"(?:[^:]*:)?(80|443):(80|443)(?:/tcp)?")
_CERTIFICATES = re.compile(r"acme|letsencrypt|let-s-encrypt|docker\.sock", re.IGNORECASE)


def _option(path: Path, value: object) -> Iterator[Line]:
    name, items = str(path[-1]), value if isinstance(value, list) else [value]
    if name in ("publish", "volume", "v", "p"):
        odd = [item for item in items if not _needless(name, item)]
        if not odd:
            yield Line(path, value, Fate.DEFAULT)
        else:
            shown = odd if isinstance(value, list) else value
            yield no_equivalent(
                path, shown, reasons.OTHER_PORTS if name in ("publish", "p") else reasons.FILES
            )
    elif name in ("network", "net"):
        yield Line(path, value, Fate.DEFAULT, "Kamal 2 runs all containers in a network `kamal`")
    elif name == "restart":
        yield Line(path, value, Fate.DEFAULT)
    elif any(isinstance(item, Opaque) for item in items):
        yield no_equivalent(path, value, Reason("ERB says this option", "write it below `proxy.run.options`"))
    else:
        yield Line(path, value, Fate.MAPPED, key=("run", "options", name), meaning=value)


def _needless(name: str, item: object) -> bool:
    if isinstance(item, Opaque):
        return False
    if name in ("publish", "p"):
        match = _WEB_PORT.fullmatch(str(item))
        return bool(match and match[1] == match[2])
    return bool(_CERTIFICATES.search(str(item)))


def _arg(path: Path, value: object) -> Iterator[Line]:
    name = str(path[-1]).lower()
    for pattern, judge in _ARGS:
        match = re.fullmatch(pattern, name)
        if match:
            yield judge(path, value)
            return
    yield no_equivalent(path, value, reasons.NOTHING_LIKE_IT)


def no_equivalent(path: Path, value: object, reason: Reason) -> Line:
    """A line that Kamal 2 has nothing for."""
    return Line(path, value, Fate.NONE, reason.why, todo=reason.todo)


def _unless_off(reason: Reason) -> Judge:
    return lambda path, value: (
        Line(path, value, Fate.DEFAULT) if is_off(value) else no_equivalent(path, value, reason)
    )


def _default(why: str = "") -> Judge:
    return lambda path, value: Line(path, value, Fate.DEFAULT, why)


def _usual(path: Path, value: object, usual: bool, reason: Reason) -> Line:
    return Line(path, value, Fate.DEFAULT) if usual else no_equivalent(path, value, reason)


def _address(path: Path, value: object) -> Line:
    port = None if isinstance(value, Opaque) else str(value).rsplit(":", 1)[-1].removesuffix("/tcp")
    known = port in ("80", "443")
    return _usual(path, value, known, reasons.OTHER_PORTS)


def _tls_options(path: Path, value: object) -> Line:
    return _usual(path, value, is_default(value), reasons.TLS_OPTIONS)


def _forwarded(path: Path, value: object) -> Line:
    if is_off(value):
        return Line(path, value, Fate.DEFAULT)
    return Line(path, value, Fate.MAPPED, key=("forward_headers",), meaning=True)


def _timeout(path: Path, value: object) -> Line:
    """A timeout; 0 is no limit, for Traefik and for kamal-proxy (0.6.0 to 0.9.2, by its source)."""
    duration = None if isinstance(value, Opaque) else seconds(value)
    if duration is None:
        todo = "write `proxy.response_timeout` in seconds, 0 for no limit; it is 30 otherwise"
        return no_equivalent(path, value, Reason("nobody knows how many seconds this is", todo))
    meaning = at_least_one(value) if duration else NO_LIMIT
    return Line(path, value, Fate.MAPPED, key=("response_timeout",), meaning=meaning)


def _server(path: Path, value: object) -> Line:
    usual = str(value).rstrip("/") == "https://acme-v02.api.letsencrypt.org/directory"
    todo = "mind its limits while you try things out, or give certificates of your own: `proxy.ssl`"
    return _usual(path, value, usual, Reason("kamal-proxy asks Let's Encrypt's production server", todo))


def _format(path: Path, value: object) -> Line:
    usual = str(value).lower() in ("json", "common")
    return _usual(path, value, usual, reasons.LOG_FORMAT)


def _level(path: Path, value: object) -> Line:
    if str(value).lower() == "debug":
        return Line(path, value, Fate.MAPPED, key=("run", "debug"), meaning=True)
    return Line(path, value, Fate.DEFAULT)


def _metrics(path: Path, value: object) -> Line:
    if is_off(value):
        return Line(path, value, Fate.DEFAULT)
    return Line(path, value, Fate.MAPPED, key=("run", "metrics_port"), meaning=8080)


# The first pattern that fits the whole name of an argument, in lower case, tells its fate.
_ARGS: tuple[tuple[str, Judge], ...] = (
    (r"entrypoints\.[^.]+\.address", _address),
    (r"entrypoints\.[^.]+\.asdefault", _default()),
    (r"entrypoints\.[^.]+\.http\.redirections\..*", _default()),
    (r"entrypoints\.[^.]+\.http\.tls\.options", _tls_options),
    (r"entrypoints\.[^.]+\.http\.tls(\..*)?", _default()),
    (r"entrypoints\.[^.]+\.forwardedheaders\.(insecure|trustedips)", _forwarded),
    (r"entrypoints\.[^.]+\.transport\.respondingtimeouts\.idletimeout", _default()),
    (r"entrypoints\.[^.]+\.transport\.respondingtimeouts\..*", _timeout),
    (r"serverstransport\.forwardingtimeouts\.responseheadertimeout", _timeout),
    (r"serverstransport\.forwardingtimeouts\..*", _unless_off(reasons.OTHER_TIMEOUTS)),
    (r"entrypoints\.[^.]+\.http3(\..*)?", _unless_off(reasons.HTTP_3)),
    (r"certificatesresolvers\.[^.]+\.acme\.(email|storage)", _default()),
    (r"certificatesresolvers\.[^.]+\.acme\.(http|tls)challenge(\..*)?", _default()),
    (r"certificatesresolvers\.[^.]+\.acme\.dnschallenge(\..*)?", _unless_off(reasons.DNS_CHALLENGE)),
    (r"certificatesresolvers\.[^.]+\.acme\.caserver", _server),
    (r"certificatesresolvers\..*", _unless_off(reasons.CERTIFICATES)),
    (r"accesslog", _default(reasons.ACCESS_LOG)),
    (r"accesslog\.format", _format),
    (r"accesslog\..*", _unless_off(reasons.LOG_FORMAT)),
    (r"log\.level", _level),
    (r"log(\..*)?", _default()),
    (r"metrics\.prometheus(\..*)?", _metrics),
    (r"providers\.docker(\..*)?", _default()),
    (r"providers\.file\..*", _unless_off(reasons.FILES)),
    (r"providers\..*", _unless_off(reasons.PROVIDERS)),
    (r"api(\..*)?", _unless_off(reasons.DASHBOARD)),
    (r"ping(\..*)?", _unless_off(reasons.PING)),
    (r"global\..*", _default()),
)
_READERS: dict[str, Callable[[Path, object], Iterator[Line]]] = {
    "args": _arg,
    "options": _option,
    "labels": _label,
    "env": _env,
    "host_port": _host_port,
    "publish": _publish,
    "image": _image,
}
