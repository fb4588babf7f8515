"""What labels, rules and arguments of Traefik say, and what Kamal 2 has for them."""

from __future__ import annotations

import pytest

from kamal_migrate.kamal.durations import at_least_one
from kamal_migrate.kamal.entry_points import resolvers
from kamal_migrate.kamal.health import command, health_path, patience
from kamal_migrate.kamal.loading import Opaque
from kamal_migrate.kamal.traefik import of_map, read
from kamal_migrate.kamal.traefik_args import Fate
from kamal_migrate.kamal.traefik_lines import lines
from kamal_migrate.kamal.traefik_rules import rule_of


@pytest.mark.parametrize(
    ("rule", "hosts", "paths"),
    [
        ("Host(`a.com`)", ("a.com",), ()),
        ("Host(`a.com`, `b.com`)", ("a.com", "b.com"), ()),
        ("Host(`a.com`) || Host(`b.com`)", ("a.com", "b.com"), ()),
        ("( Host(`a.com`)||Host(`b.com`) ) && PathPrefix(`/x/`)", ("a.com", "b.com"), ("/x",)),
        ("Host(`a.com`) && (PathPrefix(`/x`) || PathPrefix(`/y`))", ("a.com",), ("/x", "/y")),
        ('HOST("A.com")', ("a.com",), ()),
        ("Host(\\`a.com\\`)", ("a.com",), ()),
        ("Host(&#96;a.com&#96;)", ("a.com",), ()),
        ("Host(`a.com`) && PathPrefix(`/`)", ("a.com",), ()),
        ("PathPrefix(`/`)", (), ()),
        ("HostRegexp(`{sub:[a-z]+}.a.com`)", ("*.a.com",), ()),
        ("HostRegexp(`^.+\\.a\\.com$`)", ("*.a.com",), ()),
        ("HostRegexp(`{any:.*}`)", (), ()),
    ],
)
def test_a_rule_of_hosts_and_paths(rule: str, hosts: tuple[str, ...], paths: tuple[str, ...]) -> None:
    found = rule_of(rule)
    assert (found.hosts, found.paths, found.unsupported) == (hosts, paths, "")


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "Host()",
        "Host(`a.com`",
        "Host(a.com)",
        "Host('a.com')",
        "!Host(`a.com`)",
        "HostSNI(`a.com`)",
        "Host(`a.com`) && Path(`/x`)",
        "Host(`a.com`) && Host(`b.com`)",
        "Host(`a.com`) || PathPrefix(`/x`)",
        "Host(`a.com`) && PathPrefix(`/x`) || Host(`b.com`) && PathPrefix(`/y`)",
        "HostRegexp(`a|b`)",
        "Host(`a.com`) Host(`b.com`)",
    ],
)
def test_a_rule_that_kamal_proxy_has_no_words_for(rule: str) -> None:
    found = rule_of(rule)
    assert found.unsupported
    assert not found.hosts


def test_erb_in_a_host_is_kept_and_elsewhere_it_is_opaque() -> None:
    said = rule_of(Opaque("\"Host(`<%= ENV['A'] %>`) || Host(`www.<%= b %>`)\""))
    assert said.hosts == ("<%= ENV['A'] %>", "www.<%= b %>")
    for source in ("<%= rule %>", "Host(`a.com`)<% if x %> || Host(`b.com`)<% end %>", "<%= m %>(`a.com`)"):
        assert rule_of(Opaque(source)).opaque, source


def test_labels_are_read_in_any_case_as_parts() -> None:
    said = {
        "Traefik.HTTP.Routers.Shop.Rule": "Host(`a.com`)",
        "traefik.http.routers.shop.tls.certResolver": "le",
        "traefik.http.routers.shop.middlewares": "auth@docker, Zip@file",
        "traefik.http.services.shop.loadbalancer.server.port": 80,
        "traefik.http.middlewares.auth.basicauth.users": "x",
        "traefik.enable": True,
        "traefik.tcp.routers.x.rule": "HostSNI(`*`)",
        "team": "web",
    }
    found = read(of_map(said, ("labels",)))
    router = found.routers["shop"]
    assert router.rule == rule_of("Host(`a.com`)")
    assert (router.tls, router.resolver, router.words("middlewares")) == (True, "le", ("auth", "zip@file"))
    assert found.services["shop"].get("loadbalancer.server.port") == 80
    assert found.middlewares["auth"].kind == "basicauth"
    assert [label.path for label in found.plain] == [("labels", "traefik.enable")]
    assert [label.name for label in found.others] == ["traefik.tcp.routers.x.rule"]
    assert found.enabled
    assert not read(of_map({"traefik.enable": "false"}, ())).enabled


DEFAULT, MAPPED, NONE = Fate.DEFAULT, Fate.MAPPED, Fate.NONE


@pytest.mark.parametrize(
    ("name", "value", "fate", "key", "meaning"),
    [
        ("entryPoints.web.address", ":80", DEFAULT, (), None),
        ("entryPoints.mail.address", ":25", NONE, (), None),
        ("entryPoints.web.http.redirections.entryPoint.to", "websecure", DEFAULT, (), None),
        ("entryPoints.web.forwardedHeaders.insecure", True, MAPPED, ("forward_headers",), True),
        ("entryPoints.web.forwardedHeaders.insecure", False, DEFAULT, (), None),
        ("entryPoints.web.forwardedHeaders.trustedIPs", "10.0.0.0/8", MAPPED, ("forward_headers",), True),
        (
            "entryPoints.web.transport.respondingTimeouts.readTimeout",
            "1m30s",
            MAPPED,
            ("response_timeout",),
            90,
        ),
        ("entryPoints.web.transport.respondingTimeouts.readTimeout", 0, MAPPED, ("response_timeout",), 0),
        ("entryPoints.web.transport.respondingTimeouts.readTimeout", "soon", NONE, (), None),
        ("entryPoints.websecure.http.tls.options", "mtls@file", NONE, (), None),
        ("entryPoints.websecure.http.tls.options", "default", DEFAULT, (), None),
        ("certificatesResolvers.le.acme.httpchallenge", True, DEFAULT, (), None),
        ("certificatesResolvers.le.acme.dnsChallenge.provider", "x", NONE, (), None),
        (
            "certificatesResolvers.le.acme.caServer",
            "https://acme-v02.api.letsencrypt.org/directory",
            DEFAULT,
            (),
            None,
        ),
        ("certificatesResolvers.le.acme.caServer", "https://acme-staging.example.com", NONE, (), None),
        ("accesslog", True, DEFAULT, (), None),
        ("accesslog.format", "json", DEFAULT, (), None),
        ("accesslog.filePath", "/var/log/x", NONE, (), None),
        ("log.level", "DEBUG", MAPPED, ("run", "debug"), True),
        ("log.level", "ERROR", DEFAULT, (), None),
        ("metrics.prometheus", True, MAPPED, ("run", "metrics_port"), 8080),
        ("metrics.prometheus.addServicesLabels", False, DEFAULT, (), None),
        ("api.dashboard", True, NONE, (), None),
        ("api.dashboard", False, DEFAULT, (), None),
        ("providers.docker", True, DEFAULT, (), None),
        ("providers.file.directory", "/etc/x", NONE, (), None),
        ("experimental.plugins.x.version", "1", NONE, (), None),
    ],
)
def test_an_argument(name: str, value: object, fate: Fate, key: tuple[str, ...], meaning: object) -> None:
    (line,) = lines({"args": {name: value}})
    assert (line.fate, line.key, line.meaning) == (fate, key, meaning)
    assert line.path == ("traefik", "args", name)


@pytest.mark.parametrize(
    ("traefik", "fates"),
    [
        ({"host_port": 80}, [(DEFAULT, ())]),
        ({"host_port": 8080}, [(MAPPED, ("run", "http_port"))]),
        ({"host_port": "10.0.0.3:81"}, [(MAPPED, ("run", "bind_ips")), (MAPPED, ("run", "http_port"))]),
        ({"publish": False}, [(MAPPED, ("run", "publish"))]),
        ({"image": "traefik:v3"}, [(DEFAULT, ())]),
        ({"options": {"publish": ["443:443", "0.0.0.0:80:80"]}}, [(DEFAULT, ())]),
        ({"options": {"publish": ["443:443", "8080:8080"]}}, [(NONE, ())]),
        ({"options": {"volume": "/letsencrypt/acme.json:/acme.json"}}, [(DEFAULT, ())]),
        ({"options": {"volume": "/etc/conf:/conf"}}, [(NONE, ())]),
        ({"options": {"network": "private"}}, [(DEFAULT, ())]),
        ({"options": {"memory": "1g"}}, [(MAPPED, ("run", "options", "memory"))]),
        ({"labels": {"team": "web"}}, [(MAPPED, ("run", "options", "label"))]),
        ({"labels": {"traefik.http.routers.x.service": "api@internal"}}, [(NONE, ())]),
        ({"env": {"secret": ["X"]}}, [(NONE, ())]),
        ({"args": ["--api"]}, [(NONE, ())]),
        ({"memory": "1g"}, [(DEFAULT, ())]),
        ({}, []),
        (None, []),
    ],
)
def test_root_traefik(traefik: object, fates: list[tuple[Fate, tuple[str, ...]]]) -> None:
    assert [(line.fate, line.key) for line in lines(traefik)] == fates


def test_a_line_shows_its_value_where_that_is_no_secret() -> None:
    traefik = {"args": {"pilot.token": "abc", "api": True}, "env": {"secret": ["CF_TOKEN"]}}
    assert [line.text for line in lines(traefik)] == ["pilot.token", "api: true", "secret: [CF_TOKEN]"]


def test_metrics_are_at_the_port_of_their_entry_point() -> None:
    args = {"metrics.prometheus.entryPoint": "metrics", "entryPoints.metrics.address": ":8082"}
    said = list(lines({"args": args}))
    assert [(line.fate, line.meaning) for line in said] == [(MAPPED, 8082), (DEFAULT, None)]


@pytest.mark.parametrize(
    ("volume", "left"),
    [
        (["/opt/traefik:/data"], None),
        ("/opt/traefik:/data/:rw", None),
        (["/opt/cert.json:/data/cert.json"], None),
        (["/opt/traefik:/data", "/etc/conf:/conf"], ["/etc/conf:/conf"]),
        (["/opt/traefik:/dat"], ["/opt/traefik:/dat"]),
        ("/data", "/data"),
    ],
)
def test_a_volume_of_certificates(volume: object, left: object) -> None:
    args = {"certificatesResolvers.le.acme.storage": "/data/cert.json"}
    line = next(lines({"options": {"volume": volume}, "args": args}))
    assert (line.fate, line.value) == ((DEFAULT, volume) if left is None else (NONE, left))


def test_what_tls_hangs_on() -> None:
    args = {
        "certificatesResolvers.DNS.acme.dnsChallenge.provider": "x",
        "entryPoints.websecure.http.tls.certResolver": "le",
        "entryPoints.web.http.redirections.entryPoint.to": "websecure",
        "entryPoints.field.address": "0.0.0.0:7070/udp",
        "entryPoints.odd.address": "somewhere",
    }
    stated = {"websecure": ("traefik", "args", "entryPoints.websecure.http.tls.certResolver")}
    assert resolvers({"args": args}) == (
        frozenset({"dns"}),
        True,
        {"websecure": "le"},
        stated,
        {"field": "7070"},
    )
    assert resolvers(None) == (frozenset(), False, {}, {}, {})


@pytest.mark.parametrize(
    ("duration", "whole"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("500ms", 1),
        (5, 5),
        ("7", 7),
        ("1.6s", 2),
        ("1h", 3600),
        ("soon", None),
        ("5 s", None),
    ],
)
def test_durations_as_whole_seconds(duration: object, whole: int | None) -> None:
    assert at_least_one(duration) == whole


def test_health_checks() -> None:
    assert (patience(7), patience(10)) == (28, 55)
    paths = ["up", "/x?y=1", "/a/../up", "./a//b/", "/../a/..", "", "/up/."]
    assert [*map(health_path, paths)] == ["/up", "/x?y=1", "/up", "/a//b/", "/", "/", "/up/"]
    assert command({"port": 9000}) == "curl -f http://localhost:9000/up || exit 1"
    assert command({"path": "/x"}) == "curl -f http://localhost:3000/x || exit 1"
    assert command({"cmd": "bin/ok", "path": "/x"}) == "bin/ok"
