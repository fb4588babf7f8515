"""Put kamal-proxy in Traefik's place: hosts, TLS, port, health checks

What changed in Kamal
    Kamal 1 ran Traefik, which found the containers by their labels and sent
    requests to the port that a label named, else to the lowest that the image
    exposes. Docker checked health with curl inside each container.
    Kamal 2 runs kamal-proxy, told by `proxy` what to serve. It refuses root
    `traefik` and `healthcheck` (`unknown keys: traefik, healthcheck`), and both
    in roles. Labels for Traefik still are passed to Docker, and do nothing. Its
    `app_port` is 80 unless said otherwise. kamal-proxy checks health itself,
    over the network: it wants a status from 200 to 299, where curl took
    everything below 400, a redirect to HTTPS among it.

What this does
    All that Traefik was told becomes `proxy` in one change: `Host` rules become
    `hosts`, a certificate resolver becomes `ssl: true`, `PathPrefix` becomes
    `path_prefix` with `strip_path_prefix: false` (from 2.7), wildcards among
    hosts stay (from 2.2), `buffering` middlewares become `buffering`, trusted
    forwarded headers `forward_headers`, timeouts `response_timeout`. Ports,
    Docker options, the debug log and metrics become `proxy.run` (from 2.10);
    before that, a note names the command for the servers.
    Keys go where they are needed: to root `proxy` where all served roles agree,
    else to the roles. `servers.*.traefik` becomes `servers.*.proxy`.
    `app_port` is what the port label says, else what the final stage of the
    Dockerfile exposes, else the port of the health check, else 3000.
    `healthcheck.path` and `interval` move; `max_attempts: N` becomes
    `deploy_timeout`, the 1 + 2 + … + N seconds that Kamal 1 waited. A role
    without a proxy gets `options` with `health-cmd` and `health-interval`.
    `cord`, `log_lines` and `exposed_port` go. So does what kamal-proxy does
    anyhow: ports 80 and 443, redirection to HTTPS, retries, certificates.
    An accessory with one host and a port in its labels gets a `proxy` (2.6).
    With --preserve, requests and responses are not buffered, as with Traefik.

Safety
    `review`: another program serves the requests. `assumed` where no label and
    no Dockerfile names the port, or a Dockerfile several, and for accessories,
    whose health is then asked at `/`.

Left to you
    What kamal-proxy has nothing for is named on its line: other rules and
    middlewares, basic auth, client certificates, DNS challenges, own
    certificates, TLS on several servers, TCP, dashboards, file providers,
    commands as health checks. Labels of that kind stay, so that the next run
    names them again: take each out when it is done. Those for TCP, or of a role
    that no proxy serves, are not named where a Traefik among the accessories
    reads them. In root `traefik` they go, and are quoted. Labels in
    `options.label` of a role are named, for `labels` is their place. So is a
    health check that comes only when `deploy_timeout` is over.
    To keep Traefik in front of kamal-proxy, begin with the lines below. What
    `traefik.args` said goes into `cmd`, each with `--` before it; what the
    labels of the role said, into `label`; take `proxy.ssl` out. Before 2.10
    `kamal proxy boot_config set` stands for `run`, with `--publish false` and
    `--docker_options label=…`.

        proxy:
          run:
            publish: false
            options:
              label:
                - traefik.enable=true
                - traefik.http.routers.app.rule=PathPrefix(`/`)
                - traefik.http.services.app.loadbalancer.server.port=80
        accessories:
          traefik:
            image: traefik:v2.11
            roles: [web]
            cmd: >-
              --providers.docker --providers.docker.exposedByDefault=false
              --entryPoints.web.address=:80
            options:
              publish: ["80:80"]
            volumes: ["/var/run/docker.sock:/var/run/docker.sock"]

    Make sure that the health path answers 200 without a redirect, whatever the
    Host header, and that the app listens on 0.0.0.0. `ssl: true` drops the
    X-Forwarded headers of others: behind a load balancer or a CDN write
    `forward_headers: true`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kamal_migrate.api import (
    IN_FRONT,
    MOVED,
    AccessoryRoute,
    Becomes,
    Codemod,
    Come,
    Finding,
    Fix,
    Fronting,
    Left,
    NewKey,
    Options,
    Path,
    Safety,
    Version,
    View,
    accessory_routes,
    first_of_traefik,
    fronting,
    proxy_maps,
    speaks_kamal_2,
)

CODEMOD = Codemod(
    "Put kamal-proxy in Traefik's place: hosts, TLS, port, health",
    since=Version(2),
    changes=(
        "roles.*.proxy.*",
        "roles.*.proxied",
        "roles.*.asset_path",
        "roles.*.health.*",
        "proxy_container.*",
        "root.deploy_seconds",
        "accessories.*.proxy.*",
    ),
)
# Which requests reach a role, and where: what labels said, but for what is left for hands.
STAYS = (
    "roles.*.proxied",
    "roles.*.proxy.hosts",
    "roles.*.proxy.tls",
    "roles.*.proxy.certificate",
    "roles.*.proxy.path_prefixes",
    "roles.*.proxy.strip_path_prefix",
    "roles.*.proxy.port",
)
SSL_REDIRECT = Version(2, 6)
MESSAGES = {
    "traefik": "Kamal 2 has kamal-proxy in place of Traefik",
    "healthcheck": "Kamal 2 refuses `healthcheck`; kamal-proxy checks health, as `proxy` says",
    "labels": "Kamal 2 has kamal-proxy in place of Traefik: `proxy` says what labels said",
}
PORT_80 = "Kamal 2 sends requests to port 80 of the app unless `proxy.app_port` names another"
CHECKS = "health is asked over the network, with another Host header, and wants a 2xx: listen on 0.0.0.0"
BUFFERS = "Kamal 2 buffers requests and responses unless `proxy.buffering` says otherwise; --preserve says it"
CERTIFICATES = "`ssl: true` gets new certificates"
REDIRECTS = "redirects HTTP to HTTPS"
HEADERS = "drops X-Forwarded headers (behind a load balancer or CDN: `forward_headers: true`)"
BEGIN_IN_FRONT = "`kamal-migrate explain proxy` has the lines to begin with"
OTHER_HOSTS = "requests for other hosts get a 404; Kamal 1 had a router that took them all"


def decide(view: View, options: Options) -> Iterator[Finding]:
    """All that goes and comes as one finding, accessories, then each thing without an equivalent."""
    hinted = ""
    for finding in _decided(view, options):
        hinted = hinted or (finding.todo if IN_FRONT in finding.todo else "")
        yield replace(finding, notes=(BEGIN_IN_FRONT,)) if hinted and finding.todo == hinted else finding


def _decided(view: View, options: Options) -> Iterator[Finding]:
    found, key = fronting(view, options.to, options.source), first_of_traefik(view)
    if key is not None and found.goes:
        yield _main(view, key, found, options)
    elif found.port and not speaks_kamal_2(view):
        yield from _app_port(view, found)
    for route in accessory_routes(view, options.to):
        yield _accessory(route)
    if key is not None:
        yield from _by_hand(found)


def _main(view: View, key: Path, found: Fronting, options: Options) -> Finding:
    """Everything of Traefik that goes, and everything that comes in its place."""
    message = next((text for name, text in MESSAGES.items() if name in key), MESSAGES["traefik"])
    buffering = ("proxy", "buffering")
    comes = [_come(new) for new in found.comes]
    if options.preserve and found.proxied:
        comes += [Come((*buffering, name), False) for name in ("requests", "responses")]
    port = found.port
    safety = Safety.ASSUMED if port and port.assumed else Safety.REVIEW
    evidence = f"port {port.value}: {port.source}" if port else ""
    fix = Fix(tuple(dict.fromkeys(found.goes)), tuple(comes))
    notes = tuple(dict.fromkeys([*found.notes, *_notes(found, options)]))
    made = Finding("proxy/traefik", key, message, safety, fix, evidence, notes=notes, also=_refused(found))
    return _announcing(made, found, view)


def _announcing(finding: Finding, found: Fronting, view: View) -> Finding:
    """The finding, with what requests reach then; keys of Kamal 2 that were there may say otherwise."""
    stays = () if proxy_maps(view) else STAYS
    return replace(finding, stays=stays, becomes=tuple(Becomes(*part) for part in found.deploys))


def _refused(found: Fronting) -> tuple[Path, ...]:
    """The other keys that Kamal 2 would refuse, and that go: the health checks of the root and of roles."""
    return tuple(dict.fromkeys(path[:-1] for path in found.goes if path[-2:-1] == ("healthcheck",)))


def _notes(found: Fronting, options: Options) -> Iterator[str]:
    """What Kamal 2 does otherwise though no key says it."""
    names = {new.path[-1] for new in found.comes if found.proxied}
    if names & {"host", "hosts"}:
        yield OTHER_HOSTS
    if "ssl" in names:
        switch = " (unless `ssl_redirect: false`)" if options.to >= SSL_REDIRECT else ""
        changes = [CERTIFICATES, *([] if found.redirects else [REDIRECTS + switch])]
        changes += [] if "forward_headers" in names else [HEADERS]
        yield " and ".join(filter(None, (", ".join(changes[:-1]), changes[-1])))
    if found.proxied:
        yield CHECKS
    if found.proxied and not options.preserve:
        yield BUFFERS


def _come(new: NewKey) -> Come:
    return Come(new.path, MOVED if new.value is None else new.value, new.source)


def _app_port(view: View, found: Fronting) -> Iterator[Finding]:
    """The port of an app that says nothing of Traefik."""
    comes = tuple(_come(new) for new in found.comes if new.path[-1] == "app_port")
    port = found.port
    if port and comes:
        safety = Safety.ASSUMED if port.assumed else Safety.REVIEW
        evidence = f"port {port.value}: {port.source}"
        key, fix = ("proxy", "app_port"), Fix((), comes)
        yield _announcing(Finding("proxy/app-port", key, PORT_80, safety, fix, evidence), found, view)


def _accessory(route: AccessoryRoute) -> Finding:
    if not route.comes:
        return Finding("proxy/accessory", route.key, route.message, Safety.MANUAL, todo=route.todo)
    fix = Fix(route.goes, tuple(_come(new) for new in route.comes))
    message = f"Kamal 2 serves accessories by `accessories.{route.key[1]}.proxy`"
    note = "kamal-proxy asks `/` for health and wants a 2xx: nothing said what to ask"
    return Finding("proxy/accessory", route.key, message, Safety.ASSUMED, fix, notes=(note,))


def _by_hand(found: Fronting) -> Iterator[Finding]:
    """A finding for each thing without an equivalent; what is named twice is one."""
    things = {(thing.name, thing.keys[0]): thing for thing in reversed(found.left)}
    for thing in sorted(things.values(), key=found.left.index):
        name, also = f"proxy/{thing.name}", thing.keys[1:]
        key, goes = thing.keys[0], _goes(thing, found)
        yield Finding(name, key, thing.message, Safety.MANUAL, todo=thing.todo, also=also, went=goes)


def _goes(thing: Left, found: Fronting) -> bool:
    """Whether it goes with the change: labels of roles stay where they may, for they harm nobody."""
    key = thing.keys[0]
    return "labels" not in key or key[0] == "traefik" or key in found.goes
