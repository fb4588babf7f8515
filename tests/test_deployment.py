"""The deployment: against commands that real Kamals wrote, and against facts of their history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate.engine.comparing import Difference, differences
from kamal_migrate.kamal.builds import build_plan
from kamal_migrate.kamal.builds import words as build_words
from kamal_migrate.kamal.deployment import deployment, unsaid, words
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.project import Project

RECORDED = json.loads((Path(__file__).parent / "data" / "deployment_plans.json").read_text(encoding="utf-8"))
HEAD = "service: shop\nimage: acme/shop\nregistry: {username: acme, password: [REGISTRY_PASSWORD]}\n"
WEB = "servers: [192.0.2.1]\n"
RESTARTS = Version(2, 12)  # It writes the restart policy beside the options.
USUAL_HEADERS = ["Cache-Control", "Last-Modified", "User-Agent"]


def view_of(text: str, files: dict[str, str] | None = None) -> View:
    """The view of one config."""
    project = Project("shop", {"config/deploy.yml": text, **(files or {})})
    return views(project, project.configs[0])[0]


def deployed(text: str, version: str, files: dict[str, str] | None = None) -> Any:
    """The deployment of what follows the head of a config."""
    release = parse(version)
    assert release is not None
    return deployment(view_of(HEAD + text, files), release)


def changed(
    before: str, after: str, source: str = "1.9.3", target: str = "2.12.0", **files: str
) -> list[Any]:
    """The differences of two configs, the first read by a Kamal 1, as (path, before, after)."""
    paths = {name.replace("_", "."): text for name, text in files.items()}
    found = differences(deployed(before, source, paths), deployed(after, target, paths))
    return [(".".join(one.path), one.before, one.after) for one in found]


# What real Kamals wrote, from the deployment.


def flags(found: dict[str, Any]) -> dict[str, list[Any]]:
    """Options as flags of a command line."""
    return {
        name: sorted(value if isinstance(value, list) else [value], key=str) for name, value in found.items()
    }


def named(found: dict[str, str | None]) -> list[str]:
    """Environment or labels as they stand behind a flag."""
    return sorted(name if value is None else f"{name}={value}" for name, value in found.items())


def bare(said: dict[str, str]) -> dict[str, str | None]:
    """Recorded values; those that Kamal passes as a bare name are None."""
    return {name: None if value in ("", "false") else value for name, value in said.items()}


def logged(found: dict[str, Any]) -> object:
    """The logging as flags; that of every container by a word."""
    options = named(found["options"])
    if found["driver"] is None and options == ["max-size=10m"]:
        return "usual"
    driver = {"log-driver": [found["driver"]]} if found["driver"] else {}
    return {**driver, **({"log-opt": options} if options else {})}


def flagged(proxy: dict[str, Any], version: Version) -> dict[str, Any]:
    """What kamal-proxy is told, in the shape of ``told``."""
    return {
        "port": str(proxy["port"]),
        "hosts": proxy["hosts"],
        "tls": proxy["tls"],
        "redirects": proxy["redirect_to_https"] or not proxy["tls"],
        "prefixes": proxy["path_prefixes"],
        "strips": proxy["strip_path_prefix"] in (None, True),
        "path": proxy["health_path"],
        "interval": f"{proxy['health_interval']}s",
        "timeout": proxy["health_timeout"] and f"{proxy['health_timeout']}s",
        "deploy": f"{proxy['deploy_seconds'] or 30}s",
        "drain": f"{proxy['drain_seconds'] or 30}s",
        "response": proxy["response_timeout"] and f"{proxy['response_timeout']}s",
        "buffers": [proxy["buffer_requests"], proxy["buffer_responses"]],
        "sizes": [
            proxy[name] and str(proxy[name]) for name in ("max_request_body", "max_response_body", "memory")
        ],
        "forwards": proxy["forward_headers"],
        "headers": [proxy["log_request_headers"] or USUAL_HEADERS, proxy["log_response_headers"] or []],
    }


def told(command: dict[str, list[Any]], version: Version) -> dict[str, Any]:
    """The flags of a real ``kamal-proxy deploy``, with the meaning that kamal-proxy gives them."""

    def one(name: str, otherwise: object = None) -> object:
        return command[name][0] if name in command else otherwise

    def switch(name: str) -> bool:
        # A value behind a space is none: Kamal 2.0 switched everything on that way.
        return one(name, True) in (True, "true") or version < Version(2, 1)

    return {
        "port": str(one("target")).rpartition(":")[2],
        "hosts": sorted(host for hosts in command.get("host", []) for host in hosts.split(",")),
        "tls": one("tls") not in (None, "false"),
        "redirects": switch("tls-redirect"),
        "prefixes": command.get("path-prefix", []),
        "strips": switch("strip-path-prefix"),
        "path": one("health-check-path", "/up"),
        "interval": one("health-check-interval", "1s"),
        "timeout": one("health-check-timeout"),
        "deploy": one("deploy-timeout"),
        "drain": one("drain-timeout"),
        "response": one("target-timeout"),
        "buffers": [switch("buffer-requests"), switch("buffer-responses")],
        "sizes": [one(name) for name in ("max-request-body", "max-response-body", "buffer-memory")],
        "forwards": switch("forward-headers") if "forward-headers" in command else None,
        "headers": [command["log-request-header"], command.get("log-response-header", [])],
    }


PLANS = [pytest.param(row, id=f"{row['config']}, {row['version']}") for row in RECORDED["plans"]]


@pytest.mark.parametrize("row", PLANS)
def test_the_deployment_is_what_a_real_kamal_would_do(row: dict[str, Any]) -> None:
    version = parse(row["version"])
    assert version is not None
    found: Any = deployment(view_of(RECORDED["configs"][row["config"]]), version)
    assert found["registry"]["image"] == row["image"]
    assert list(found["roles"]) == list(row["roles"])
    for name, role in row["roles"].items():
        same_role(found["roles"][name], role, version)
    assert list(found["accessories"]) == list(row["accessories"])
    for name, accessory in row["accessories"].items():
        same_accessory(found["accessories"][name], accessory, version)


def same_role(mine: dict[str, Any], real: dict[str, Any], version: Version) -> None:
    """A role of the deployment is that of a real plan."""
    assert (mine["hosts"], mine["cmd"], mine["proxied"]) == (real["hosts"], real.get("cmd"), real["proxied"])
    for host, env in real.get("env", {}).items():
        own = mine["env_by_host"].get(host, mine["env"])
        kept = {"false"} if version >= Version(2, 3) or Version(1) <= version < Version(1, 5) else set()
        clear = {
            name: value if value in kept else bare({name: value})[name]
            for name, value in env["clear"].items()
        }
        assert own["clear"] == clear
        assert own["secret"] == sorted({secret.split(":")[0] for secret in env["secret"]})
    assert {name: value or "false" for name, value in mine["labels"].items()} == real.get("labels", {})
    assert mine["volumes"] == real.get("volumes", [])
    if real["logging"] is not None:
        assert logged(mine["logging"]) == real["logging"]
    same_health(mine, real, version)
    if "deploy" in real:
        assert flagged(mine["proxy"], version) == told(real["deploy"], version)


def same_health(mine: dict[str, Any], real: dict[str, Any], version: Version) -> None:
    """The docker options and the health check of a role are those of a real plan."""
    options = dict(real.get("options", {}))
    real_check = {
        **real.get("health", {}),
        **{name: options.pop(name) for name in list(options) if "health-" in name},
    }
    own = {name: value for name, value in mine["options"].items() if name != "restart" or version < RESTARTS}
    assert flags(own) == options
    command, interval = (real_check.get(name, [None])[0] for name in ("health-cmd", "health-interval"))
    if mine["proxied"]:
        path = mine["proxy"]["health_path"]
        assert command is None or (
            command.startswith("curl -f http://localhost:") and f"{path} ||" in command
        )
    else:
        found = mine["health"] or {"command": None, "interval": None}
        assert found["command"] == command
        assert found["interval"] == {None: None, "1m": 60}.get(interval, interval and int(interval[:-1]))


def same_accessory(mine: dict[str, Any], real: dict[str, Any], version: Version) -> None:
    """An accessory of the deployment is that of a real plan."""
    run = dict(real["run"])
    assert (mine["hosts"], mine["image"], mine["cmd"]) == (real["hosts"], real["image"], real.get("cmd"))
    assert mine["env"]["secret"] == sorted(name.split(":")[0] for name in real.get("secret", []))
    secret = {name for name in real.get("secret", []) if version < Version(1)}
    env = [value for value in run.pop("env", []) if value.partition("=")[0] not in secret]
    if not Version(1) <= version < Version(1, 5):  # Those Kamals wrote a file.
        assert named(mine["env"]["clear"]) == env
    assert run.pop("name") == [mine["service"]]
    assert run.pop("publish", [None]) == [mine["port"]]
    usual = ["kamal"] if version >= Version(2) else [None]
    assert run.pop("network", [None]) == ([mine["network"]] if mine["network"] else usual)
    labels = [label for label in run.pop("label") if not label.startswith(("service=", "traefik."))]
    assert named(mine["labels"]) == labels
    files = [f"$PWD/{mine['service']}{file.split(':')[1]}:{file.split(':')[1]}" for file in mine["files"]]
    volumes = [volume.replace("$(pwd)", "$PWD") for volume in run.pop("volume", [])]
    assert sorted([*mine["volumes"], *mine["directories"], *files]) == sorted(volumes)
    assert run.pop("restart") == ["unless-stopped"]
    assert flags(mine["options"]) == run


# Facts, one a row: a config, a version, a path of the deployment, what is there.

TRAEFIK = "servers: {web: {hosts: [192.0.2.1], labels: {%s}}}\n"
RULE = "traefik.http.routers.shop.rule: "
PROXY = "servers: {web: {hosts: [192.0.2.1], proxy: {%s}}}\n"
JOBS = "servers: {web: [192.0.2.1], jobs: {hosts: [192.0.2.2], %s}}\n"
ARGS = WEB + "traefik: {args: {%s}}\n"
FACTS: list[tuple[str, str, str, object]] = [
    # Which roles have a proxy (A.3).
    ("servers: {web: {hosts: [192.0.2.1], traefik: false}}\n", "1.2.0", "roles.web.proxied", True),
    ("servers: {web: {hosts: [192.0.2.1], traefik: false}}\n", "1.3.1", "roles.web.proxied", False),
    ("primary_role: app\nservers: {app: [192.0.2.1]}\n", "1.2.0", "roles.app.proxied", False),
    ("primary_role: app\nservers: {app: [192.0.2.1]}\n", "1.3.1", "roles.app.proxied", True),
    ("primary_web_role: app\nservers: {app: [192.0.2.1]}\n", "1.2.0", "roles.app.primary", True),
    ("servers: {web: {hosts: [192.0.2.1], proxy: false}}\n", "2.0.0", "roles.web.proxied", False),
    (JOBS % "proxy: true", "2.0.0", "roles.jobs.proxied", True),
    (JOBS % "proxy: ~", "2.0.0", "roles.jobs.proxied", False),
    # Traefik's labels (D.4).
    (TRAEFIK % (RULE + "Host(`b.example.com`) || Host(`a.example.com`)"), "1.9.3", "roles.web.proxy.hosts",
     ["a.example.com", "b.example.com"]),
    (TRAEFIK % (RULE + "'Host(`b.example.com`, `a.example.com`)'"), "1.9.3", "roles.web.proxy.hosts",
     ["a.example.com", "b.example.com"]),
    (TRAEFIK % (RULE + "'HostRegexp(`{sub:[a-z]+}.example.com`)'"), "1.9.3", "roles.web.proxy.hosts",
     ["*.example.com"]),
    (TRAEFIK % (RULE + "'!Host(`a.example.com`)'"), "1.9.3", "roles.web.proxy.hosts", []),
    (TRAEFIK % (RULE + "'!Host(`a.example.com`)'"), "1.9.3", "roles.web.proxy.other",
     {"traefik.http.routers.shop.rule": "!Host(`a.example.com`)"}),
    (TRAEFIK % (RULE + "'Host(`a.example.com`) && Method(`GET`)'"), "1.9.3", "roles.web.proxy.other",
     {"traefik.http.routers.shop.rule": "Host(`a.example.com`) && Method(`GET`)"}),
    (TRAEFIK % (RULE + "'Host(`a.example.com`) && PathPrefix(`/api`)'"), "1.9.3",
     "roles.web.proxy.path_prefixes",
     ["/api"]),
    (TRAEFIK % (RULE + "'Host(`a.example.com`) && PathPrefix(`/api`)'"), "1.9.3",
     "roles.web.proxy.strip_path_prefix", False),
    (TRAEFIK % (RULE + "'PathPrefix(`/api`)', traefik.http.middlewares.s.stripprefix.prefixes: /api"),
     "1.9.3",
     "roles.web.proxy.strip_path_prefix", True),
    (TRAEFIK % (RULE + "'Host(`a.example`) || (Host(`b.example`) && PathPrefix(`/api`))'"), "1.9.3",
     "roles.web.proxy.other",
     {"traefik.http.routers.shop.rule": "Host(`a.example`) || (Host(`b.example`) && PathPrefix(`/api`))"}),
    (TRAEFIK % (RULE + "'HOST(`A.example.com`) && (PathPrefix(`/b`) || pathprefix(`/a`))'"), "1.9.3",
     "roles.web.proxy.other", {}),
    (TRAEFIK % (RULE + "'HOST(`A.example.com`) && (PathPrefix(`/b`) || pathprefix(`/a`))'"), "1.9.3",
     "roles.web.proxy.hosts", ["a.example.com"]),
    (TRAEFIK % (RULE + "Host(`<%= ENV['NAME'] %>`)"), "1.9.3", "roles.web.proxy.hosts",
     ["<%= ENV['NAME'] %>"]),
    (TRAEFIK % (RULE + "PathPrefix(`/`)"), "1.9.3", "roles.web.proxy.path_prefixes", []),
    (TRAEFIK % "traefik.http.routers.shop.tls.certresolver: le", "1.9.3", "roles.web.proxy.tls", True),
    (TRAEFIK % "traefik.http.routers.shop.tls: true", "1.9.3", "roles.web.proxy.tls", True),
    (TRAEFIK % "traefik.http.routers.shop.tls: false", "1.9.3", "roles.web.proxy.tls", False),
    (TRAEFIK % "traefik.http.routers.shop.entrypoints: websecure", "1.9.3", "roles.web.proxy.tls", False),
    (TRAEFIK % "traefik.http.routers.shop.entrypoints: websecure"
     + "traefik: {args: {entryPoints.websecure.http.tls: true}}\n", "1.9.3", "roles.web.proxy.tls", True),
    (TRAEFIK % "traefik.http.services.shop.loadbalancer.server.port: '4000'", "1.9.3",
     "roles.web.proxy.port", 4000),
    (TRAEFIK % "Traefik.HTTP.Services.shop.LoadBalancer.Server.Port: 4000", "1.9.3",
     "roles.web.proxy.port", 4000),
    (TRAEFIK % "traefik.http.middlewares.b.buffering.maxRequestBodyBytes: 1000", "1.9.3",
     "roles.web.proxy.max_request_body", 1000),
    (TRAEFIK % "traefik.http.middlewares.b.buffering.maxRequestBodyBytes: 1000", "1.9.3",
     "roles.web.proxy.buffer_requests", True),
    (TRAEFIK % "traefik.http.middlewares.a.basicauth.users: x", "1.9.3", "roles.web.proxy.other",
     {"traefik.http.middlewares.a.basicauth.users": "x"}),
    (TRAEFIK % "traefik.http.routers.shop.middlewares: auth@file", "1.9.3", "roles.web.proxy.other",
     {"traefik.http.routers.shop.middlewares": "auth@file"}),
    (TRAEFIK % "traefik.enable: true, traefik.http.services.s.loadbalancer.server.scheme: http", "1.9.3",
     "roles.web.proxy.other", {}),
    (TRAEFIK % "traefik.http.services.s.loadbalancer.server.scheme: h2c", "1.9.3", "roles.web.proxy.other",
     {"traefik.http.services.s.loadbalancer.server.scheme": "h2c"}),
    (TRAEFIK % "traefik.http.routers.shop.rule: x, tier: front", "1.9.3",
     "roles.web.labels", {"tier": "front"}),
    (TRAEFIK % "traefik.http.services.s.loadbalancer.healthcheck.path: /ping", "1.9.3",
     "roles.web.proxy.health_path", "/ping"),
    # Traefik's arguments (D.4).
    (TRAEFIK % "traefik.http.routers.s.rule: 'Host(<%= \"\\x60a.com\\x60\".then { |it| it } %>)'", "1.9.3",
     "roles.web.proxy.hosts", ['<%= "\\x60a.com\\x60".then { |it| it } %>']),
    (ARGS % "entryPoints.web.forwardedHeaders.insecure: true", "1.9.3",
     "roles.web.proxy.forward_headers", True),
    (WEB, "1.9.3", "roles.web.proxy.forward_headers", None),
    (ARGS % "entryPoints.web.transport.respondingTimeouts.readTimeout: 1m30s", "1.9.3",
     "roles.web.proxy.response_timeout", 90),
    (ARGS % "log.level: debug", "1.9.3", "proxy_container.debug", True),
    (WEB, "1.9.3", "proxy_container.debug", False),
    (ARGS % "metrics.prometheus: true", "1.9.3", "proxy_container.metrics_port", 8080),
    (ARGS % "metrics.prometheus.entryPoint: m, entryPoints.m.address: ':9090'", "1.9.3",
     "proxy_container.metrics_port", 9090),
    (ARGS % "certificatesResolvers.le.acme.email: a@example.com, entryPoints.web.address: ':80'", "1.9.3",
     "proxy_container.other", {}),
    (ARGS % "certificatesResolvers.le.acme.dnsChallenge.provider: x", "1.9.3", "proxy_container.other",
     {"certificatesresolvers.le.acme.dnschallenge.provider": "x"}),
    (ARGS % "api.dashboard: true, ping: true", "1.9.3", "proxy_container.other",
     {"api.dashboard": "true", "ping": "true"}),
    # The proxy's container.
    (WEB, "1.9.3", "proxy_container.http_port", 80),
    (WEB, "1.9.3", "proxy_container.https_port", None),
    (WEB, "2.12.0", "proxy_container.https_port", 443),
    (WEB + "traefik: {options: {publish: ['443:443', '9000:9000']}}\n", "1.9.3",
     "proxy_container.https_port", 443),
    (WEB + "traefik: {options: {publish: ['443:443', '9000:9000']}}\n", "1.9.3", "proxy_container.options",
     {"publish": "9000:9000"}),
    (WEB + "traefik: {options: {volume: ['/le/acme.json:/acme.json']}}\n", "1.9.3",
     "proxy_container.options", {}),
    (WEB + "traefik: {publish: false}\n", "1.9.3", "proxy_container.http_port", None),
    (WEB + "traefik: {publish: false}\n", "0.16.0", "proxy_container.http_port", 80),
    (WEB + "proxy: {run: {http_port: 8080}}\n", "2.10.1", "proxy_container.http_port", 8080),
    (WEB + "proxy: {run: {http_port: 8080}}\n", "2.9.0", "proxy_container.http_port", 80),
    ("servers: {web: {hosts: [192.0.2.1], traefik: false}}\n", "1.9.3", "proxy_container", None),
    # Health checks (D.4).
    (WEB, "1.9.3", "roles.web.proxy.health_path", "/up"),
    (WEB, "1.9.3", "roles.web.proxy.health_interval", 1),
    (WEB + "healthcheck: {interval: 1m}\n", "1.9.3", "roles.web.proxy.health_interval", 60),
    (WEB + "healthcheck: {interval: 500ms}\n", "1.9.3", "roles.web.proxy.health_interval", 0.5),
    (WEB + "healthcheck: {interval: 5s}\n", "0.12.1", "roles.web.proxy.health_interval", 1),
    (WEB + "healthcheck: {max_attempts: 10}\n", "1.9.3", "roles.web.proxy.deploy_seconds", 55),
    (WEB + "healthcheck: {max_attempts: 10}\n", "0.10.1", "roles.web.proxy.deploy_seconds", None),
    (WEB + "healthcheck: {cmd: bin/ok}\n", "1.9.3", "roles.web.proxy.health_command", "bin/ok"),
    (WEB + "healthcheck: {cmd: bin/ok}\n", "1.9.3", "roles.web.proxy.health_path", None),
    (TRAEFIK % "traefik.http.services.s.loadbalancer.server.port: 80" + "healthcheck: {port: 4000}\n",
     "1.9.3",
     "roles.web.proxy.health_port", 4000),
    (TRAEFIK % "traefik.http.services.s.loadbalancer.server.port: 80" + "healthcheck: {port: 80}\n", "1.9.3",
     "roles.web.proxy.health_port", 80),
    (WEB, "1.9.3", "roles.web.proxy.health_port", 3000),
    (WEB + "healthcheck: {cmd: bin/ok}\n", "1.9.3", "roles.web.proxy.health_port", None),
    (PROXY % "app_port: 8080", "2.5.3", "roles.web.proxy.health_port", 8080),
    (JOBS % "healthcheck: {cmd: bin/ok}", "0.11.0", "roles.jobs.health", None),
    (JOBS % "healthcheck: {cmd: bin/ok}", "1.6.0", "roles.jobs.health", {"command": "bin/ok", "interval": 1}),
    (JOBS % "healthcheck: {cmd: bin/ok}", "1.7.3", "roles.jobs.health", None),
    (JOBS % "healthcheck: {cmd: bin/ok, path: /x}", "1.9.3",
     "roles.jobs.health", {"command": "bin/ok", "interval": 1}),
    (JOBS % "healthcheck: {path: /x}", "1.9.3", "roles.jobs.health",
     {"command": "curl -f http://localhost:3000/x || exit 1", "interval": 1}),
    (JOBS % "options: {health-cmd: bin/ok}", "2.12.0",
     "roles.jobs.health", {"command": "bin/ok", "interval": None}),
    (JOBS % "options: {health-cmd: bin/ok}", "2.12.0", "roles.jobs.options", {}),
    # Stopping (F.4).
    (WEB + "stop_wait_time: 25\n", "1.9.3", "roles.web.stop_seconds", 25),
    (WEB + "stop_wait_time: 25\n", "0.9.1", "roles.web.stop_seconds", None),
    (WEB + "stop_wait_time: 25\n", "1.9.3", "roles.web.proxy.drain_seconds", 25),
    (JOBS % "cmd: x" + "drain_timeout: 25\n", "2.11.0", "roles.jobs.stop_seconds", 25),
    (JOBS % "cmd: x" + "drain_timeout: 25\n", "2.11.0", "roles.web.stop_seconds", None),
    (JOBS % "cmd: x" + "drain_timeout: 25\nstop_timeout: 9\n", "2.11.0", "roles.jobs.stop_seconds", 25),
    (JOBS % "cmd: x" + "drain_timeout: 25\nstop_timeout: 9\n", "2.12.0", "roles.jobs.stop_seconds", 9),
    (JOBS % "stop_timeout: 7" + "stop_timeout: 9\n", "2.12.0", "roles.jobs.stop_seconds", 7),
    # kamal-proxy (D.3, G).
    (PROXY % "", "2.12.0", "roles.web.proxy.port", 80),
    (PROXY % "ssl: {certificate_pem: CERT, private_key_pem: KEY}", "2.12.0", "roles.web.proxy.certificate",
     {"certificate_pem": "CERT", "private_key_pem": "KEY"}),
    (PROXY % "ssl: true, host: a.example.com", "2.5.3", "roles.web.proxy.redirect_to_https", True),
    (PROXY % "ssl: false, host: a.example.com", "2.5.3", "roles.web.proxy.redirect_to_https", False),
    (PROXY % "ssl: true, ssl_redirect: false", "2.6.1", "roles.web.proxy.redirect_to_https", False),
    (PROXY % "ssl: true, ssl_redirect: false", "2.5.3", "roles.web.proxy.redirect_to_https", True),
    (PROXY % "path_prefix: '/b,/a'", "2.8.2", "roles.web.proxy.path_prefixes", ["/a", "/b"]),
    (PROXY % "path_prefix: /a", "2.6.1", "roles.web.proxy.path_prefixes", []),
    (PROXY % "path_prefix: /a", "2.7.0", "roles.web.proxy.strip_path_prefix", True),
    (PROXY % "buffering: {requests: false}", "2.0.0", "roles.web.proxy.buffer_requests", True),
    (PROXY % "buffering: {requests: false}", "2.1.0", "roles.web.proxy.buffer_requests", False),
    (PROXY % "host: a.example.com" + "proxy: {app_port: 3000}\n", "2.12.0", "roles.web.proxy.port", 3000),
    # Environment (A.3, E.4).
    (WEB + "env: {clear: {A: false, B: '', C: 1.5}}\n", "1.4.0", "roles.web.env.clear",
     {"A": "false", "B": None, "C": "1.5"}),
    (WEB + "env: {A: false}\n", "1.9.3", "roles.web.env.clear", {"A": None}),
    (WEB + "env: {A: false}\n", "2.3.0", "roles.web.env.clear", {"A": "false"}),
    (WEB + "env: {secret: ['A:B', C]}\n", "2.12.0", "roles.web.env.secret", ["A", "C"]),
    (WEB + "env: {secret: ['A:B', C]}\n", "2.12.0", "roles.web.env.secret_from", {"A": "B"}),
    (WEB, "0.5.1", "roles.web.env.secret", ["RAILS_MASTER_KEY"]),
    (WEB + "skip_master_key: true\n", "0.5.1", "roles.web.env.secret", []),
    (WEB, "0.6.4", "roles.web.env.secret", []),
    (JOBS % "env: {A: 1}", "1.4.0", "roles.jobs.env.clear", {}),
    (JOBS % "env: {A: 1}", "1.5.2", "roles.jobs.env.clear", {"A": "1"}),
    ("env: {A: 1, tags: {big: {A: 2}}}\nservers: [192.0.2.1, {192.0.2.2: big}]\n", "1.6.0",
     "roles.web.env_by_host", {"192.0.2.2": {"clear": {"A": "2"}, "secret": [], "secret_from": {}}}),
    ("env: {clear: {A: 1}, tags: {big: {A: 1}}}\nservers: [192.0.2.1, {192.0.2.2: [big, nope]}]\n", "2.12.0",
     "roles.web.env_by_host", {}),
    # Docker options.
    (JOBS % "options: {restart: unless-stopped, init: true, add-host: [a, b], cpus: 1.5}", "1.9.3",
     "roles.jobs.options", {"init": True, "add-host": ["a", "b"], "cpus": "1.5"}),
    (JOBS % "options: {restart: always}", "2.12.0", "roles.jobs.options", {"restart": "always"}),
    (JOBS % "options: {init: true}", "0.8.4", "roles.jobs.options", {}),
    (JOBS % "cmd: [bin/jobs, '-v']", "1.9.3", "roles.jobs.cmd", '["bin/jobs", "-v"]'),
    (JOBS % "options: {network: kamal}", "1.9.3", "roles.jobs.options", {}),
    (JOBS % "options: {network: kamal}", "1.9.3", "roles.jobs.network", "kamal, by a docker option"),
    (JOBS % "options: {network: private}", "1.9.3", "roles.jobs.network", None),
    (JOBS % "options: {network: kamal}", "2.12.0", "roles.jobs.options", {"network": "kamal"}),
    (JOBS % "logging: {driver: local}", "1.3.1", "roles.jobs.logging",
     {"driver": None, "options": {"max-size": "10m"}}),
    (JOBS % "logging: {driver: local}", "1.4.0", "roles.jobs.logging", {"driver": "local", "options": {}}),
    # Accessories.
    (WEB + "accessories: {db: {image: db, host: h, options: {network: private}}}\n", "1.9.3",
     "accessories.db.network", "private"),
    (WEB + "accessories: {db: {image: db, host: h, network: private}}\n", "2.3.0", "accessories.db.network",
     "private"),
    (WEB + "accessories: {db: {image: db, host: h, network: kamal}}\n", "2.3.0",
     "accessories.db.network", None),
    (WEB + "accessories: {db: {image: db, host: h, options: {network: kamal}}}\n", "1.9.3",
     "accessories.db.network", "kamal, by a docker option"),
    (WEB + "accessories: {db: {image: db, host: h, directories: ['/abs:/d']}}\n", "1.2.0",
     "accessories.db.directories", ["$PWD/shop-db//abs:/d"]),
    (WEB + "accessories: {db: {image: db, host: h, service: own, directories: ['/abs:/d', 'a:/b']}}\n",
     "1.9.3",
     "accessories.db.directories", ["$PWD/own/a:/b", "/abs:/d"]),
    (WEB + "accessories: {db: {image: db, host: h, files: ['a:/b:ro']}}\n", "2.9.0", "accessories.db.files",
     ["a:/b"]),
    (WEB + "accessories: {db: {image: db, host: h, files: ['a:/b:ro']}}\n", "2.10.1", "accessories.db.files",
     ["a:/b:ro"]),
    (WEB + "accessories: {db: {image: db, host: h, volumes: ['data:/d']}}\n", "2.10.0",
     "accessories.db.volumes",
     ["$PWD/data:/d"]),
    (WEB + "accessories: {db: {image: db, host: h, volumes: ['data:/d']}}\n", "2.10.1",
     "accessories.db.volumes",
     ["data:/d"]),
    (WEB + "accessories: {db: {image: db, role: web}}\n", "2.6.1", "accessories.db.hosts", ["192.0.2.1"]),
    # Registry and root.
    (WEB, "1.9.3", "registry",
     {"server": None, "username": "acme", "password": "REGISTRY_PASSWORD", "image": "acme/shop"}),
    (WEB + "registry: {password: secret-text}\n", "1.9.3", "registry.password", "set"),
    (WEB + "registry: {password: <%= ENV['TOKEN'] %>}\n", "1.9.3", "registry.password", "TOKEN"),
    (WEB + "registry: {password: <%= ENV.fetch(\"TOKEN\") %>}\n", "1.9.3", "registry.password", "TOKEN"),
    (WEB + "run_directory: /srv\n", "1.9.3", "root.run_directory", "/srv"),
    (WEB + "run_directory: /srv\n", "2.0.0", "root.run_directory", None),
    (WEB + "ssh_user: app\n", "0.5.1", "root.ssh", {"user": "app"}),
    (WEB + "ssh_user: app\n", "0.6.0", "root.ssh", {}),
    (WEB + "ssh: {user: root, port: 22, proxy: jump}\n", "1.9.3", "root.ssh", {"proxy": "jump"}),
    (WEB + "aliases: {shell: app exec}\n", "1.6.0", "root.aliases", {}),
    (WEB + "aliases: {shell: app exec}\n", "2.0.0", "root.aliases", {"shell": "app exec"}),
    (WEB + "hooks_path: .kamal/hooks\n", "1.9.3", "root.hooks_path", None),
    (WEB, "1.9.3", "root.readiness_delay", 7),
    (WEB, "1.9.3", "root.retain_containers", 5),
    (WEB + "registry: {server: 'localhost:5000'}\nimage: ~\n", "2.8.2", "registry.image",
     "localhost:5000/shop"),
    (WEB + "registry: {server: r.example.com}\n", "2.8.2", "registry.image", "r.example.com/acme/shop"),
    (WEB + "logging: {driver: ~}\n", "1.6.0", "roles.web.logging", {"driver": None, "options": {}}),
    (WEB + "logging: {driver: ~}\n", "1.7.3", "roles.web.logging",
     {"driver": None, "options": {"max-size": "10m"}}),
    (WEB + "env: {A: false}\n", "2.2.2", "roles.web.env.clear", {"A": None}),
    (PROXY % "path_prefixes: [/, /a]", "2.12.0", "roles.web.proxy.path_prefixes", ["/a"]),
    (PROXY % "buffering: {memory: 1048576}", "2.12.0", "roles.web.proxy.memory", None),
    (TRAEFIK % "traefik.http.middlewares.b.buffering.memRequestBodyBytes: 1048576", "1.9.3",
     "roles.web.proxy.memory", None),
    (TRAEFIK % "traefik.http.middlewares.b.buffering.memRequestBodyBytes: 5", "1.9.3",
     "roles.web.proxy.memory", 5),
    (ARGS % "entryPoints.web.transport.respondingTimeouts.readTimeout: 5,"
     " entryPoints.web.transport.respondingTimeouts.writeTimeout: 9s", "1.9.3",
     "roles.web.proxy.response_timeout", 9),
    (ARGS % "entryPoints.web.transport.respondingTimeouts.readTimeout: 0", "1.9.3",
     "roles.web.proxy.response_timeout", 0),
    (ARGS % "entryPoints.web.transport.respondingTimeouts.readTimeout: 5,"
     " entryPoints.web.transport.respondingTimeouts.writeTimeout: 0s", "1.9.3",
     "roles.web.proxy.response_timeout", 0),
    (PROXY % "response_timeout: 0", "2.12.0", "roles.web.proxy.response_timeout", 0),
    (WEB + "proxy: {run: {log_max_size: 10m}}\n", "2.12.0", "proxy_container.log_max_size", None),
    (WEB + "proxy: {run: {log_max_size: 20m}}\n", "2.12.0", "proxy_container.log_max_size", "20m"),
    (JOBS % "cmd: x", "1.9.3", "proxy_container.http_port", 80),
    (JOBS % "labels: {tier: back, role: x}" + "labels: {tier: front, team: blue}\n", "1.9.3",
     "roles.jobs.labels", {"tier": "back", "team": "blue", "role": "x"}),
    ("servers: {web: [192.0.2.1], jobs: {hosts: [{192.0.2.2: mon}]}, mail: [{192.0.2.3: [mon]}]}\n"
     "accessories: {mon: {image: mon, tag: mon}}\n", "2.12.0", "accessories.mon.hosts", ["192.0.2.3"]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "version", "path", "expected"), FACTS)
def test_a_fact_of_the_history(config: str, version: str, path: str, expected: object) -> None:
    found = deployed(config, version)
    for step in path.split("."):
        found = found[step]
    assert found == expected
    assert type(found) is type(expected)


def test_the_port_is_that_of_the_label_then_that_of_the_dockerfile() -> None:
    files = {"Dockerfile": "FROM ruby\nEXPOSE 3000\n"}
    label = TRAEFIK % "traefik.http.services.shop.loadbalancer.server.port: 4000"
    assert deployed(label, "1.9.3", files)["roles"]["web"]["proxy"]["port"] == 4000
    assert deployed(WEB, "1.9.3", files)["roles"]["web"]["proxy"]["port"] == 3000
    assert deployed(WEB, "1.9.3")["roles"]["web"]["proxy"]["port"] is None
    two = {"Dockerfile": "FROM ruby\nEXPOSE 4000\nEXPOSE 3000\n"}
    assert deployed(WEB, "1.9.3", two)["roles"]["web"]["proxy"]["port"] == 3000  # Traefik takes the lowest.


def test_kamal_1_asks_no_accessory_for_its_health() -> None:
    labels = "traefik.http.services.s.loadbalancer.server.port: 7700"
    own = "traefik.http.services.s.loadbalancer.healthcheck"
    asked = f"{labels}, {own}.path: /ok, {own}.interval: 10s, {own}.timeout: 2s"
    found = [
        deployed(WEB + f"accessories: {{a: {{image: a, host: h, labels: {{{said}}}}}}}\n", "1.9.3")
        for said in (labels, asked)
    ]
    names = ("health_path", "health_port", "health_interval", "health_timeout")
    proxies = [one["accessories"]["a"]["proxy"] for one in found]
    assert [[proxy[name] for name in names] for proxy in proxies] == [
        [None, 7700, 1, None],
        ["/ok", 7700, 10, 2],
    ]


def test_the_build_is_that_of_the_build_plan() -> None:
    view = view_of(HEAD + WEB + "builder: {multiarch: false}\n")
    assert deployment(view, Version(1, 9, 3))["build"] == build_words(build_plan(view, Version(1, 9, 3)))


# Migrations.

SHOP_1 = """
servers:
  web:
    hosts: [192.0.2.1]
    labels:
      traefik.http.routers.shop.rule: Host(`shop.example.com`)
      traefik.http.routers.shop.entrypoints: websecure
      traefik.http.routers.shop.tls.certresolver: letsencrypt
  jobs:
    hosts: [192.0.2.2]
    cmd: bin/jobs
    healthcheck: {cmd: bin/jobs-ok, path: /x}
builder: {local: {arch: amd64}}
healthcheck: {path: /healthz, port: 3000, interval: 5s, max_attempts: 10}
stop_wait_time: 25
traefik:
  options: {publish: ["443:443"], volume: ["/letsencrypt/acme.json:/letsencrypt/acme.json"]}
  args:
    entryPoints.web.address: ":80"
    entryPoints.websecure.address: ":443"
    entryPoints.web.http.redirections.entryPoint.to: websecure
    entryPoints.web.http.redirections.entryPoint.scheme: https
    certificatesResolvers.letsencrypt.acme.email: team@example.com
    certificatesResolvers.letsencrypt.acme.storage: /letsencrypt/acme.json
    certificatesResolvers.letsencrypt.acme.httpchallenge: true
    certificatesResolvers.letsencrypt.acme.httpchallenge.entrypoint: web
"""
SHOP_2 = """
servers:
  web: [192.0.2.1]
  jobs:
    hosts: [192.0.2.2]
    cmd: bin/jobs
    options: {health-cmd: bin/jobs-ok, health-interval: 1s}
builder: {arch: amd64}
proxy:
  app_port: 3000
  ssl: true
  hosts: [shop.example.com]
  healthcheck: {path: /healthz, interval: 5}
  buffering: {requests: false, responses: false}
deploy_timeout: 55
drain_timeout: 25
"""
EXPOSED = {"Dockerfile": "FROM ruby\nEXPOSE 3000\n"}


def test_a_careful_migration_deploys_the_same() -> None:
    assert changed(SHOP_1, SHOP_2 + "stop_timeout: 25\n", **EXPOSED) == []


def test_what_a_migration_cannot_say_is_a_difference() -> None:
    found = changed(SHOP_1, SHOP_2, **EXPOSED)
    assert found == [("roles.web.stop_seconds", 25, None)]


def test_what_a_migration_forgets_is_a_difference() -> None:
    after = SHOP_2.replace("  app_port: 3000\n", "").replace(", health-interval: 1s", "")
    assert changed(SHOP_1, after + "stop_timeout: 25\n", **EXPOSED) == [
        ("roles.jobs.health.interval", 1, None),
        ("roles.web.proxy.port", 3000, 80),
        ("roles.web.proxy.health_port", 3000, 80),
    ]


def test_roles_that_are_gone_and_lists_are_one_difference_each() -> None:
    before = deployed(JOBS % "cmd: bin/jobs", "2.12.0")
    after = deployed("servers: [192.0.2.1, 192.0.2.3]\n", "2.12.0")
    found = differences(before, after)
    assert [one.path for one in found] == [("roles", "jobs"), ("roles", "web", "hosts")]
    assert found[0].before == before["roles"]["jobs"]
    assert found[0].after is None
    assert found[1] == Difference(("roles", "web", "hosts"), ["192.0.2.1"], ["192.0.2.1", "192.0.2.3"])


@pytest.mark.parametrize(
    ("before", "after"),
    [("'1'", "'2'"), ("x", "''"), ("[a]", "[b]"), ("true", "'true'")],
)
def test_every_changed_leaf_is_a_difference_with_its_values(before: str, after: str) -> None:
    one, other = (
        deployed(JOBS % f"options: {{\"o.p['q']\": {value}}}", "2.12.0") for value in (before, after)
    )
    path = ("roles", "jobs", "options", "o.p['q']")
    values = [found["roles"]["jobs"]["options"][path[-1]] for found in (one, other)]
    assert differences(one, other) == ([Difference(path, *values)] if values[0] != values[1] else [])
    assert values[0] != values[1]


def test_equal_deployments_have_no_differences() -> None:
    assert differences(deployed(SHOP_1, "1.9.3"), deployed(SHOP_1, "1.8.3")) == []


WORDS = [
    ("roles.web.proxy.port", "role web: port requests go to"),
    ("roles.web", "role web"),
    ("roles.web.env.clear.RAILS_ENV", "role web: environment variable RAILS_ENV"),
    ("roles.web.options.cpus", "role web: docker option cpus"),
    ("accessories.db.port", "accessory db: published port"),
    ("registry.password", "registry: password"),
    ("build.built for", "image: built for"),
    ("proxy_container.https_port", "proxy container: HTTPS port on the host"),
    ("proxy_container.other.api", "proxy container: Traefik setting api"),
    ("root.retain_containers", "containers that are kept"),
    ("root.ssh.user", "ssh user"),
    ("root.something_else", "something else"),
    ("", ""),
]


@pytest.mark.parametrize(("path", "expected"), WORDS)
def test_paths_have_words(path: str, expected: str) -> None:
    assert words(tuple(filter(None, path.split(".")))) == expected


UNSAID = [
    ("roles.web.proxy.port", "the one that the image exposes"),
    ("accessories.search.proxy.port", "the one that the image exposes"),
    ("accessories.db.network", "kamal, as all containers"),
    ("roles.web.proxy.hosts", "all"),
    ("roles.web.stop_seconds", "10, as Docker does"),
    ("root.run_directory", ".kamal"),
    ("root.deploy_seconds", "Kamal's default"),
    ("roles.web.proxy.deploy_seconds", "Kamal's default"),
    ("roles.web.proxy.health_path", "none"),
    ("proxy_container.https_port", "none"),
    ("proxy_container.options.network", "none"),
    ("roles.web.options.network", "none"),
    ("roles.web", "none"),
    ("", "none"),
]


@pytest.mark.parametrize(("path", "expected"), UNSAID)
def test_what_a_config_does_not_say_has_words(path: str, expected: str) -> None:
    assert unsaid(tuple(filter(None, path.split(".")))) == expected


# No config stops it.

ODD = [
    "", "~", "3", "-1.5", "yes", "x", "'a:b'", "[]", "{}", "[~]", "[[x]]", "[{a: ~}]", "{a: {b: [1]}}",
    "<%= x %>", "2024-01-01",
]  # fmt: skip
KEYS = [
    "accessories", "accessories.db", "accessories.db.cmd", "accessories.db.directories",
    "accessories.db.env", "accessories.db.env.clear", "accessories.db.env.secret", "accessories.db.files",
    "accessories.db.host", "accessories.db.hosts", "accessories.db.image", "accessories.db.labels",
    "accessories.db.options", "accessories.db.port", "accessories.db.proxy", "accessories.db.registry",
    "accessories.db.roles", "accessories.db.tags", "accessories.db.volumes", "aliases", "boot", "builder",
    "builder.args", "builder.arch", "builder.cache", "builder.local", "builder.remote", "builder.secrets",
    "drain_timeout", "env", "env.clear", "env.secret", "env.tags", "env.tags.big", "healthcheck",
    "healthcheck.interval", "healthcheck.max_attempts", "healthcheck.path", "healthcheck.port", "image",
    "labels", "logging", "logging.options", "primary_role", "proxy", "proxy.buffering", "proxy.healthcheck",
    "proxy.host", "proxy.hosts", "proxy.logging", "proxy.path_prefix", "proxy.run", "proxy.run.options",
    "proxy.ssl", "registry", "registry.password", "retain_containers", "servers", "servers.web",
    "servers.web.env", "servers.web.healthcheck", "servers.web.hosts", "servers.web.labels",
    "servers.web.logging", "servers.web.options", "servers.web.proxy", "servers.web.traefik", "service",
    "ssh", "sshkit", "stop_wait_time", "traefik", "traefik.args", "traefik.env", "traefik.labels",
    "traefik.options", "traefik.options.publish", "traefik.host_port", "volumes",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_no_value_of_a_key_stops_it(key: str) -> None:
    steps = key.split(".")
    indented = "".join(f"{'  ' * depth}{step}:\n" for depth, step in enumerate(steps))[:-1]
    for odd in ODD:
        text = f"{indented} {odd}\n"
        if steps[0] != "servers":
            text += "servers: [192.0.2.1, {192.0.2.2: big}]\n"
        for version in (Version(0, 5, 1), Version(1, 4), Version(1, 9, 3), Version(2), Version(2, 12)):
            found = deployment(view_of(text), version)
            assert json.loads(json.dumps(found)) == found
            assert differences(found, found) == []
