"""What Traefik's labels and arguments say, in kamal-proxy's terms, read without regard to letter case.

Sources: Traefik 2's reference of dynamic labels and static options; what has no word in kamal-proxy is kept
by its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.deployment.reading import Table, items, pairs, text, unique

_CALL = re.compile(r"(!?\s*)\b(\w+)\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_QUOTED = re.compile(r"`([^`]*)`|\"([^\"]*)\"|'([^']*)'")
_WILDCARD = re.compile(r"(?:\^)?(?:\{[\w-]+:[^{}]*\}|\[[^\]]*\]\+|\.\+|\(\[[^\]]*\]\+\))\\?\.([\w\\.-]+?)\$?")
_ENTRY = re.compile(r"entrypoints\.([\w-]+)\.(.+)")
_SILENT = re.compile(
    r"traefik\.(enable|docker\.network|http\.routers\.[^.]+\.(service|entrypoints|priority|tls(\.(?!options).+)?)"
    r"|http\.services\.[^.]+\.loadbalancer\.(server\.port|passhostheader|healthcheck\.(path|interval|timeout))"
    r"|http\.middlewares\.[^.]+\.retry\.(attempts|initialinterval))"
)
_MEANT = re.compile(
    r"traefik\.http\.middlewares\.[^.]+\."
    r"(redirectscheme\.(scheme|permanent|port)|stripprefix\.(prefixes|forceslash)"
    r"|buffering\.(max(request|response)bodybytes|mem(request|response)bodybytes))"
)


class Traffic(NamedTuple):
    """What the labels of one container say."""

    port: str | None
    hosts: list[str]
    prefixes: list[str]
    tls: bool
    redirects: bool
    strips: bool
    buffering: Table
    check: Table
    other: Table


def traffic(labels: Table, args: Table) -> Traffic:
    """The routing that labels ask for, with Traefik's arguments for what holds for all of it."""
    said = {name.lower(): value for name, value in labels.items() if name.lower().startswith("traefik.")}
    hosts, prefixes = _rules(_serving(said))
    return Traffic(
        _last(said, r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port"),
        hosts,
        prefixes,
        _tls(said, args),
        any(".redirectscheme.scheme" in name for name in said) or _redirects(args),
        set(prefixes) <= _stripped(said),
        {name.rsplit(".", 1)[1]: value for name, value in said.items() if ".buffering." in name},
        _check(said),
        _other(said),
    )


_ROUTER = r"traefik\.http\.routers\.[^.]+\."


def _serving(said: Table) -> list[str]:
    """The rules of the routers but for those that only redirect to HTTPS, where there are others."""
    rules = {
        name.split(".")[3]: text(value)
        for name, value in said.items()
        if re.fullmatch(_ROUTER + "rule", name)
    }
    rest = [rule for router, rule in rules.items() if not _only_redirects(router, said)]
    return rest or list(rules.values())


def _only_redirects(router: str, said: Table) -> bool:
    own = f"traefik.http.routers.{router}."
    names = [part.strip().partition("@")[0] for part in text(said.get(own + "middlewares") or "").split(",")]
    sends = (f"traefik.http.middlewares.{name.lower()}.redirectscheme.scheme" for name in names)
    return all(name in said for name in sends) and not any(name.startswith(own + "tls") for name in said)


def _last(said: Table, pattern: str) -> str | None:
    found = [text(value) for name, value in said.items() if re.fullmatch(pattern, name)]
    return found[-1].strip("'\"") if found else None


def _stripped(said: Table) -> set[str]:
    """The path prefixes that middlewares take away."""
    values = [text(value) for name, value in said.items() if ".stripprefix.prefixes" in name]
    return {prefix.strip() for value in values for prefix in value.split(",")}


def _check(said: Table) -> Table:
    pattern = r"traefik\.http\.services\.[^.]+\.loadbalancer\.healthcheck\."
    return {re.sub(pattern, "", name): value for name, value in said.items() if re.match(pattern, name)}


def _rules(rules: list[str]) -> tuple[list[str], list[str]]:
    hosts: list[str] = []
    prefixes: list[str] = []
    for rule in rules:
        for matcher, values in _matchers(rule):
            if matcher == "host":
                hosts += [value if "<%" in value else value.lower() for value in values]
            elif matcher == "hostregexp":
                hosts += [wildcard for value in values if (wildcard := _wildcard(value))]
            elif matcher == "pathprefix":
                prefixes += [value for value in values if value != "/"]
    return sorted(set(hosts)), sorted(set(prefixes))


def _matchers(rule: str) -> Iterator[tuple[str, list[str]]]:
    """The name of each matcher, in small letters, with its arguments; that of a negated one is empty."""
    for match in _CALL.finditer(rule):
        negated, matcher, arguments = match.groups()
        erb = arguments.strip().startswith("<%")
        values = [arguments.strip()] if erb else ["".join(groups) for groups in _QUOTED.findall(arguments)]
        yield "" if negated.strip() else matcher.lower(), values


def _wildcard(pattern: str) -> str | None:
    """``*.example.com`` for a pattern that takes any one name before a domain."""
    match = _WILDCARD.fullmatch(pattern)
    domain = match[1].replace("\\.", ".") if match else ""
    return f"*.{domain}" if re.fullmatch(r"[\w.-]+", domain) else None


_HOSTS, _PATHS = r"(?:H|\(H(?:\|\|H)*\))", r"(?:P|\(P(?:\|\|P)*\))"
_SHAPE = re.compile(rf"H(\|\|H)*|P(\|\|P)*|{_HOSTS}&&{_PATHS}|{_PATHS}&&{_HOSTS}|\((H(\|\|H)*|P(\|\|P)*)\)")


def _understood(rule: str) -> bool:
    """Whether a rule asks for hosts and path prefixes alone, and for each path on every host."""
    signs = iter([_sign(matcher, values) for matcher, values in _matchers(rule)])
    return bool(_SHAPE.fullmatch("".join(_CALL.sub(lambda _: next(signs), rule).split())))


def _sign(matcher: str, values: list[str]) -> str:
    if matcher == "hostregexp":
        return "H" if all(_wildcard(value) for value in values) else "?"
    return {"host": "H", "pathprefix": "P"}.get(matcher, "?")


def _tls(said: Table, args: Table) -> bool:
    """Whether a router speaks TLS: by its own labels, or since its entry point always does."""
    names = [name for name in said if re.match(_ROUTER + "tls", name)]
    if any(_on(said[name]) for name in names):
        return True
    points = unique(
        point.strip()
        for name, value in said.items()
        if re.fullmatch(_ROUTER + "entrypoints", name)
        for point in text(value).lower().split(",")
    )
    secured = (match for name, value in args.items() if (match := _ENTRY.fullmatch(name)) and _on(value))
    return any(match[1] in points and match[2].startswith("http.tls") for match in secured)


def _on(value: object) -> bool:
    return text(value).lower() != "false"


def _redirects(args: Table) -> bool:
    return any("http.redirections.entrypoint.to" in name for name in args)


def _other(said: Table) -> Table:
    """The labels that kamal-proxy has no word for."""
    defined = {
        match[1] for name in said if (match := re.match(r"traefik\.http\.middlewares\.([^.]+)\.", name))
    }
    found = {}
    for name, value in said.items():
        if re.fullmatch(_ROUTER + "rule", name):
            known = _understood(text(value))
        elif re.fullmatch(_ROUTER + "middlewares", name):
            used = [part.strip().lower().partition("@") for part in text(value).split(",")]
            known = all(part[0] in defined and part[2] in ("", "docker") for part in used)
        elif name.endswith(".loadbalancer.server.scheme"):
            known = text(value) == "http"
        else:
            known = bool(_SILENT.fullmatch(name) or _MEANT.fullmatch(name))
        if not known:
            found[name] = text(value)
    return found


def arguments(said: object) -> Table:
    """Traefik's arguments by their names in small letters, without dashes."""
    return {name.lower().lstrip("-"): value for name, value in pairs(said).items()}


_ARGS = re.compile(
    r"providers\.docker|log\.level|accesslog|api|ping"
    r"|entrypoints\.(web|websecure|http|https)\.(address|http\.(tls(?!\.options)|redirections)(\..*)?"
    r"|forwardedheaders\.(insecure|trustedips)|transport\.respondingtimeouts\.(read|write|idle)timeout)"
    r"|serverstransport\.forwardingtimeouts\.responseheadertimeout"
    r"|metrics\.prometheus(\.(entrypoint|addentrypointslabels|addserviceslabels|addrouterslabels|buckets))?"
    r"|certificatesresolvers\.[\w-]+\.acme\.(email|storage|keytype"
    r"|(http|tls)challenge(\.entrypoint)?)"
)
_SWITCHES = ("api", "ping")


def other_arguments(args: Table) -> Table:
    """The arguments that kamal-proxy has no word for."""
    found = {}
    for name, value in args.items():
        said = [text(item) for item in items(value)]
        json = name == "accesslog.format" and said == ["json"]
        on = name in _SWITCHES and said != ["false"]
        if on or not (json or _ARGS.fullmatch(name)):
            found[name] = said[0] if len(said) == 1 else said
    return found
