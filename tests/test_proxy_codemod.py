"""The proxy codemod on whole configs: what comes at which level, and what is left for hands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from kamal_migrate.api import MOVED, Finding, Options, Safety, Version
from kamal_migrate.catalog import builtin
from kamal_migrate.kamal.loading import views
from kamal_migrate.project import Project

CODEMOD = next(codemod for codemod in builtin() if codemod.id == "proxy")
HEAD = "service: shop\nimage: acme/shop\n"
WEB = "servers:\n  web:\n    hosts: [192.0.2.1]\n"
RULE = "    labels:\n      traefik.http.routers.shop.rule: Host(`a.com`)\n"


def decided(config: str, docker: str = "EXPOSE 3000", **options: Any) -> list[Finding]:
    files = {"config/deploy.yml": HEAD + config, "Dockerfile": f"FROM ruby\n{docker}\n"}
    project = Project("shop", files)
    (view,) = views(project, project.configs[0])
    return list(CODEMOD.decide(view, Options(**options)))


def came(config: str, docker: str = "EXPOSE 3000", **options: Any) -> Mapping[str, object]:
    """The keys that come, by their names."""
    fixes = [finding.fix for finding in decided(config, docker, **options) if finding.fix]
    return {".".join(map(str, come.path)): come.value for fix in fixes for come in fix.comes}


def by_hand(config: str, **options: Any) -> list[str]:
    return [f.id for f in decided(config, **options) if f.safety is Safety.MANUAL]


@pytest.mark.parametrize(
    ("to", "key", "value"),
    [(Version(2, 0), "proxy.host", "a.com"), (Version(2, 1), "proxy.hosts", ["a.com"])],
)
def test_hosts_by_target(to: Version, key: str, value: object) -> None:
    assert came(WEB + RULE, to=to) == {key: value, "proxy.app_port": 3000}


def test_every_come_names_the_key_it_comes_from() -> None:
    (found,) = decided(WEB + RULE + "healthcheck: {path: /ok, max_attempts: 4}\n")
    assert found.fix
    rule = ("servers", "web", "labels", "traefik.http.routers.shop.rule")
    assert [(come.path, come.value, come.source) for come in found.fix.comes] == [
        (("proxy", "hosts"), ["a.com"], rule),
        (("proxy", "app_port"), 3000, None),
        (("proxy", "healthcheck", "path"), MOVED, ("healthcheck", "path")),
        (("deploy_timeout",), 10, ("healthcheck", "max_attempts")),
    ]
    assert found.fix.goes == (("healthcheck", "path"), ("healthcheck", "max_attempts"), rule)


@pytest.mark.parametrize(
    ("docker", "port", "safety"),
    [
        ("EXPOSE 3000", 3000, Safety.REVIEW),
        ("EXPOSE 80", None, Safety.REVIEW),
        ("EXPOSE 9000 4000", 4000, Safety.ASSUMED),
        ("EXPOSE 53/udp 4000/tcp", 4000, Safety.REVIEW),
        ("ARG PORT=5000\nEXPOSE $PORT", 5000, Safety.REVIEW),
        ("EXPOSE ${PORT:-6000}", 6000, Safety.REVIEW),
        ("EXPOSE 4000\nFROM nginx", 3000, Safety.ASSUMED),
        ("", 3000, Safety.ASSUMED),
    ],
)
def test_the_port_of_the_image(docker: str, port: int | None, safety: Safety) -> None:
    found = decided(WEB + RULE, docker)[0]
    assert came(WEB + RULE, docker).get("proxy.app_port") == port
    assert found.safety is safety


def test_the_port_label_counts_before_everything_else() -> None:
    label = "      traefik.http.services.shop.loadbalancer.server.port: '8080'\n"
    assert came(WEB + RULE + label)["proxy.app_port"] == 8080
    assert by_hand(WEB + RULE + label + "healthcheck: {port: 3000}\n") == ["proxy/health-port"]


def test_the_port_of_the_health_check_is_assumed() -> None:
    config = WEB + "healthcheck: {port: '4000'}\n"
    assert came(config, "")["proxy.app_port"] == 4000
    assert decided(config, "")[0].safety is Safety.ASSUMED


@pytest.mark.parametrize(
    ("source", "value"),
    [(Version(1, 2), {"proxy.app_port": 3000}), (Version(1, 3), {"servers.web.proxy": False})],
)
def test_before_1_3_web_had_traefik_whatever_it_said(source: Version, value: Mapping[str, object]) -> None:
    assert came(WEB + "    traefik: false\n", source=source) == value


def test_roles_that_differ_have_their_own_maps() -> None:
    other = "  admin:\n    hosts: [192.0.2.2]\n    traefik: true\n" + RULE.replace("a.com", "b.com")
    assert came(WEB + RULE + other) == {
        "proxy.app_port": 3000,
        "servers.web.proxy.hosts": ["a.com"],
        "servers.admin.proxy.hosts": ["b.com"],
    }


def test_run_only_where_it_cannot_conflict() -> None:
    traefik = "traefik: {options: {memory: 1g}}\n"
    two = WEB + "  admin:\n    hosts: [192.0.2.1]\n    traefik: true\n" + traefik
    run = "proxy.run.options.memory"
    assert came(WEB + traefik, to=Version(2, 10))[run] == "1g"
    assert run not in came(WEB + traefik, to=Version(2, 9))
    assert run not in came(two, to=Version(2, 11))
    assert came(two, to=Version(2, 12))[run] == "1g"
    notes = decided(two, to=Version(2, 11))[0].notes
    assert any("kamal proxy boot_config set --docker_options memory=1g" in note for note in notes)


def test_preserve_streams() -> None:
    assert came(WEB + RULE, preserve=True)["proxy.buffering.requests"] is False
    assert not any("buffers" in note for note in decided(WEB + RULE, preserve=True)[0].notes)


@pytest.mark.parametrize(
    ("labels", "finding"),
    [
        (["traefik.http.routers.shop.tls: true"], "proxy/tls"),
        (["traefik.http.routers.shop.middlewares: auth@file"], "proxy/middleware"),
        (["traefik.http.middlewares.a.ratelimit.average: 1"], "proxy/middleware"),
        (["traefik.http.services.s.loadbalancer.server.scheme: h2c"], "proxy/service"),
        (["traefik.http.routers.other.rule: Path(`/x`)"], "proxy/router"),
        (["traefik.udp.services.x.loadbalancer.server.port: 53"], "proxy/udp"),
        (["traefik.enable: false"], "proxy/disabled"),
    ],
)
def test_labels_without_an_equivalent_stay(labels: list[str], finding: str) -> None:
    config = WEB + RULE + "".join(f"      {label}\n" for label in labels)
    main, left = decided(config)
    assert left.id == finding
    assert main.fix
    assert left.key not in main.fix.goes


def test_a_config_of_kamal_2_is_left_alone() -> None:
    assert decided(WEB + "builder: {arch: amd64}\n") == []
    assert decided(WEB + "proxy: {hosts: [a.com]}\n") == []
    assert [found.id for found in decided(WEB)] == ["proxy/app-port"]


@pytest.mark.parametrize(
    ("check", "limit"),
    [
        ("{interval: 29s}", None),
        ("{interval: 30s}", 30),
        ("{interval: 1m, max_attempts: 10}", 55),
        ("{interval: 1m, max_attempts: 11}", None),
        ("{interval: 1m, max_attempts: <%= x %>}", None),
    ],
)
def test_health_that_is_asked_when_the_deploy_is_over(check: str, limit: int | None) -> None:
    found = [f for f in decided(WEB + f"healthcheck: {check}\n") if f.id == "proxy/health-interval"]
    assert [f"waits {limit} s for it" in finding.message for finding in found] == ([True] if limit else [])


def test_docker_asks_for_health_after_an_interval_only() -> None:
    jobs = "  jobs:\n    hosts: [192.0.2.2]\n    healthcheck: {cmd: bin/ok, interval: 40s}\n"
    (found,) = (f for f in decided(WEB + jobs) if f.id == "proxy/health-interval")
    assert found.message.endswith("a deploy fails")


REDIRECT = """\
      traefik.http.routers.plain.rule: %s
      traefik.http.routers.plain.entrypoints: web
      traefik.http.routers.plain.middlewares: https
      traefik.http.middlewares.https.redirectscheme.scheme: https
      traefik.http.routers.shop.tls.certresolver: le
"""


@pytest.mark.parametrize("rule", ["HostRegexp(`{any:.+}`)", "Host(`a.com`) && PathPrefix(`/x`)"])
def test_a_router_that_only_redirects_is_not_missed(rule: str) -> None:
    (found,) = decided(WEB + RULE + REDIRECT % rule)
    assert found.fix
    assert came(WEB + RULE + REDIRECT % rule) == {
        "proxy.hosts": ["a.com"],
        "proxy.ssl": True,
        "proxy.app_port": 3000,
    }
    assert len([path for path in found.fix.goes if "labels" in path]) == 6


def test_a_redirecting_router_does_not_choose_the_paths() -> None:
    web = RULE.replace("Host(`a.com`)", "Host(`a.com`) && PathPrefix(`/app`)")
    config = WEB + web + REDIRECT.replace("tls.certresolver: le", "service: shop") % "Host(`a.com`)"
    assert came(config)["proxy.path_prefix"] == "/app"
    assert by_hand(config) == ["proxy/redirect"]


def test_why_there_is_no_automatic_tls_is_the_same_once_the_rule_is_gone() -> None:
    tls = "      traefik.http.routers.shop.tls.certresolver: le\n"
    web = WEB.replace("192.0.2.1", "192.0.2.1, 192.0.2.2")
    _, before = decided(web + RULE + tls)
    (after,) = decided(f"{web}    labels:\n{tls}proxy: {{app_port: 3000, hosts: [a.com]}}\n")
    assert (before.id, before.todo) == ("proxy/tls", after.todo)
    assert "one server, and there are 2" in before.todo


def test_labels_among_docker_options_are_left_for_hands_and_no_port_is_guessed() -> None:
    labels = "    options: {label: [traefik.http.services.shop.loadbalancer.server.port=8080]}\n"
    (found,) = decided(WEB + labels)
    assert (found.id, found.safety) == ("proxy/app-port", Safety.MANUAL)
    assert found.key[-2:] == ("options", "label")
    assert by_hand(WEB + labels.replace("traefik.", "other.")) == []
    assert "proxy.app_port" not in came(WEB + labels + "traefik: {args: {accesslog: true}}\n")


TCP = """\
      traefik.tcp.routers.field.rule: HostSNI(`*`)
      traefik.tcp.routers.field.entrypoints: field
      traefik.tcp.services.field.loadbalancer.server.port: 7070
"""


def test_a_traefik_beside_kamal_proxy_for_tcp() -> None:
    args = "traefik: {options: {publish: ['7070:7070']}, args: {entryPoints.field.address: ':7070'}}\n"
    _, found = decided(WEB + RULE + TCP + args)
    assert found.id == "proxy/tcp"
    lines = yaml.safe_load(found.todo.partition("\n")[2])
    traefik = lines["accessories"]["traefik"]
    assert traefik["options"] == {"publish": ["7070:7070"]}
    assert traefik["roles"] == ["web"]
    assert traefik["cmd"] == "--providers.docker --entryPoints.field.address=:7070"
    assert "\n" not in decided(WEB + RULE + TCP)[1].todo


BESIDE = """\
accessories:
  traefik:
    image: %s
    %s
    cmd: --providers.docker --entryPoints.%s.address=:7070
"""


@pytest.mark.parametrize(
    ("image", "place", "entry_point", "ids"),
    [
        ("traefik:v2.11", "roles: [web]", "field", []),
        ("traefik:v2.11", "host: 192.0.2.1", "field", []),
        ("traefik:v2.11", "hosts: [192.0.2.1, 192.0.2.9]", "FIELD", []),
        ("traefik:v2.11", "roles: [jobs]", "field", ["proxy/tcp"]),
        ("traefik:v2.11", "host: 192.0.2.9", "field", ["proxy/tcp"]),
        ("traefik:v2.11", "roles: [web]", "other", ["proxy/tcp"]),
        ("haproxy:3", "roles: [web]", "field", ["proxy/tcp"]),
    ],
)
def test_labels_that_a_traefik_beside_reads_are_seen_to(
    image: str, place: str, entry_point: str, ids: list[str]
) -> None:
    found = decided(WEB + RULE + TCP + BESIDE % (image, place, entry_point))
    assert [finding.id for finding in found if finding.safety is Safety.MANUAL] == ids
    gone = [path[-1] for finding in found if finding.fix for path in finding.fix.goes]
    assert gone == ["traefik.http.routers.shop.rule"]


def test_other_ports_are_named_beside_those_for_tcp() -> None:
    args = (
        "traefik: {options: {publish: ['7070:7070', '25:25']}, args: {entryPoints.field.address: ':7070'}}\n"
    )
    assert by_hand(WEB + RULE + TCP + args) == ["proxy/tcp", "proxy/traefik-only"]


def test_the_way_to_keep_traefik_is_told_once() -> None:
    labels = "      traefik.http.routers.shop.middlewares: a@file\n"
    config = WEB + RULE + labels + "traefik: {args: {providers.http.endpoint: x, tracing: true}}\n"
    findings = decided(config)
    offering = [f for f in findings if "Traefik in front" in f.todo]
    assert len({f.todo for f in offering}) > 1
    assert len({f.todo for f in findings if any("explain proxy" in note for note in f.notes)}) == 1


def test_messages_speak_yaml() -> None:
    sticky = "      traefik.http.services.s.loadbalancer.passive: true\n"
    options = "traefik: {options: {publish: ['8081:8080', 53]}, env: {clear: {DEBUG: true, ZONE: ~}}}\n"
    texts = " ".join(f.message for f in decided(WEB + RULE + sticky + options))
    for shown in ("`passive: true`", "`publish: [8081:8080, 53]`", "`clear: {DEBUG: true, ZONE: null}`"):
        assert shown in texts


def test_the_dashboard_and_its_port_are_one_thing() -> None:
    dashboard = "traefik: {options: {publish: '8081:8080'}, args: {api.insecure: true}}\n"
    assert len([f for f in decided(WEB + dashboard) if f.safety is Safety.MANUAL]) == 1
    other = "traefik: {options: {publish: '25:25'}, args: {api.insecure: true}}\n"
    assert by_hand(WEB + other) == ["proxy/traefik-only"] * 2


def test_no_limit_outweighs_any_timeout() -> None:
    name = "entryPoints.web.transport.respondingTimeouts"
    args = f"traefik: {{args: {{{name}.readTimeout: 60s, {name}.writeTimeout: 0}}}}\n"
    assert came(WEB + args)["proxy.response_timeout"] == 0


API = (
    "  api:\n    hosts: [192.0.2.2]\n    traefik: true\n    labels:\n"
    "      traefik.http.routers.api.rule: Host(`B.com`) && PathPrefix(`/v1`)\n"
)


def announced(config: str) -> dict[str, object]:
    (found,) = decided(config)
    return {".".join(part.path): part.value for part in found.becomes}


def test_what_requests_reach_is_announced_for_each_role() -> None:
    assert announced(WEB + RULE + API) == {
        "roles.web.proxy.hosts": ["a.com"],
        "roles.web.proxy.port": 3000,
        "roles.api.proxy.hosts": ["b.com"],
        "roles.api.proxy.port": 3000,
        "roles.api.proxy.path_prefixes": ["/v1"],
        "roles.api.proxy.strip_path_prefix": False,
    }


def test_what_is_not_announced_stays() -> None:
    kept = {pattern.rsplit(".", 1)[1] for found in decided(WEB + RULE) for pattern in found.stays}
    assert kept >= {"hosts", "tls", "port", "path_prefixes", "strip_path_prefix", "proxied"}


def test_nothing_is_announced_that_keys_of_kamal_2_say_already() -> None:
    config = WEB + RULE + "proxy: {hosts: [a.com]}\n"
    assert announced(config) == {"roles.web.proxy.port": 3000}
    (found,) = decided(config)
    assert not found.stays


def test_no_hosts_come_beside_a_host_that_roles_inherit() -> None:
    files = {
        "config/deploy.yml": f"{HEAD}{WEB}labels:\n  traefik.http.routers.a.rule: Host(`a.com`)\n",
        "config/deploy.staging.yml": "proxy: {host: a.com}\nservers: {web: {hosts: [192.0.2.2]}}\n",
    }
    project = Project("shop", files)
    for view in views(project, project.configs[0]):
        came = {
            come.path for found in CODEMOD.decide(view, Options()) if found.fix for come in found.fix.comes
        }
        assert (("proxy", "hosts") in came) is (view.title == "config/deploy.yml")
        assert ("servers", "web", "proxy", "hosts") not in came
