"""Timeouts, obsolete keys, docker options, types, Kamal 2's own changes: what the golden cases rest on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kamal_migrate.api import Finding, Options, Safety
from kamal_migrate.catalog import builtin
from kamal_migrate.kamal.dating import speaks_kamal_2
from kamal_migrate.kamal.durations import whole_seconds
from kamal_migrate.kamal.host_names import hosts_of, mixed_hosts, proxied_together
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.retyping import retyped
from kamal_migrate.kamal.strictness import (
    Misfit,
    doubled,
    false_is_passed,
    falses,
    misfits,
    strays,
)
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import Project
from kamal_migrate.yamldoc import data as typed

HEAD = "service: shop\nimage: acme/shop\n"
FLAT = "servers: [192.0.2.1]\n"
OLD = Version(1, 6)


def seen(text: str, **destinations: str) -> list[View]:
    """The views of a config and its destinations."""
    files = {f"config/deploy.{name}.yml": other for name, other in destinations.items()}
    project = Project("shop", {"config/deploy.yml": HEAD + text, **files})
    return views(project, project.configs[0])


def said(codemod: str, view: View, options: Options | None = None) -> list[Finding]:
    """What a codemod says of a view."""
    (loaded,) = (one for one in builtin() if one.id == codemod)
    return list(loaded.decide(view, options or Options(source=OLD)))


def found(text: str, version: Version = NEWEST) -> Iterator[str]:
    """The paths of wrong types and unknown keys, in words."""
    data = seen(text)[0].data
    yield from (".".join(map(str, misfit.path)) for misfit in misfits(data, version))
    yield from (f"? {'.'.join(map(str, stray.path))}" for stray in strays(data, version))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (30, 30),
        ("30", 30),
        ("30s", 30),
        ("1m30s", 90),
        ("1h", 3600),
        ("1500ms", None),
        ("2000ms", 2),
        (2.0, 2),
        (2.5, None),
        ("0.5m", 30),
        (True, None),
        (None, None),
        (-1, None),
        ("s", None),
        ("30 s", None),
        ("soon", None),
        ("", None),
    ],
    ids=repr,
)
def test_durations(text: object, seconds: int | None) -> None:
    assert whole_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FLAT, []),
        ("servers: {web: {hosts: 192.0.2.1}}\n", ["servers.web.hosts"]),
        ("servers: {web: [{192.0.2.1: blue}]}\n", []),
        ("servers: {web: [[192.0.2.1]]}\n", ["servers.web.0"]),
        (FLAT + "env:\n", ["env"]),
        (FLAT + "env: {A: }\n", ["env.A"]),
        (FLAT + "env: {A: [1]}\n", ["env.A"]),
        (FLAT + "env:\n  A: 1\n  B: false\n  C: :sym\n  D: 1.5\n", []),
        (FLAT + "env: {clear: [A=1]}\n", ["env.clear"]),
        (FLAT + "env: {secret: {A: B}}\n", ["env.secret"]),
        (FLAT + "env: {clear: {A: 1}, B: 2}\n", ["? env.B"]),
        (FLAT + "env: {tags: {blue: {A: }}}\n", ["env.tags.blue.A"]),
        ("servers: {web: {hosts: [192.0.2.1], env: {tags: {a: {A: 1}}}}}\n", ["? servers.web.env.tags"]),
        (FLAT + "env: <%= x %>\nvolumes: <%= y %>\n", []),
        (FLAT + "volumes: a:/b\n", ["volumes"]),
        (FLAT + "labels: {a: }\n", ["labels.a"]),
        (FLAT + "builder: {args: {A: }}\n", []),
        (FLAT + "builder: {args: [A=1]}\n", ["builder.args"]),
        (FLAT + "logging: {options: {max-size: }}\n", []),
        (FLAT + "registry: {username: 1, password: [A]}\n", ["registry.username"]),
        (FLAT + "boot: {limit: 2, wait: '2'}\n", ["boot.wait"]),
        (FLAT + "ssh: {port: 22, keys_only: 'no'}\n", ["ssh.keys_only"]),
        (FLAT + "accessories: {db: {image: x, host: [a], port: 5432}}\n", ["accessories.db.host"]),
        (FLAT + "accessories: {db: {image: x, host: a, files: [{local: a, remote: b}]}}\n", []),
        (FLAT + "accessories: {db: {image: x, host: a, foo: 1}}\n", ["? accessories.db.foo"]),
        (FLAT + "foo: 1\nx-foo: 1\n", ["? foo"]),
        (FLAT + "builder: {x-foo: 1}\n", ["? builder.x-foo"]),
        (FLAT + "proxy: {app_port: '3000', ssl: {certificate_pem: A}}\n", ["proxy.app_port"]),
        (FLAT + "proxy: {hosts: a}\n", ["proxy.hosts"]),
        (FLAT + "servers: {web: {hosts: 192.0.2.1}}\nservers: [192.0.2.1]\n", []),
    ],
)  # fmt: skip
def test_what_kamal_refuses(text: str, expected: list[str]) -> None:
    assert list(found(text)) == expected


def test_keys_of_other_versions_are_not_named_here() -> None:
    text = FLAT + "traefik:\nstop_wait_time: soon\nhealthcheck: {cmd: [a]}\n"
    assert list(found(text)) == []
    assert list(found(text, Version(1, 9, 3))) == ["traefik", "stop_wait_time", "healthcheck.cmd"]


@pytest.mark.parametrize(
    ("path", "wants", "value", "expected", "same"),
    [
        (("volumes",), "list", "a:/b", ["a:/b"], True),
        (("ssh", "keys"), "list", "id", ["id"], False),
        (("builder", "args"), "map", ["A=1", "B"], {"A": "1", "B": ""}, True),
        (("builder", "args"), "map", [{"A": "x y"}], {"A": "x y"}, False),
        (("builder", "args"), "map", ["A=$B"], None, False),
        (("builder", "args"), "map", ["A=1", "A=2"], None, False),
        (("labels",), "map", ["a=1"], None, False),
        (("env", "clear"), "map", ["A=1"], {"A": "1"}, False),
        (("accessories", "db", "env", "clear"), "map", ["A=1"], {"A": "1"}, True),
        (("boot", "wait"), "integer", "10s", 10, False),
        (("boot", "wait"), "integer", "later", None, False),
        (("allow_empty_roles",), "boolean", "yes", True, True),
        (("allow_empty_roles",), "boolean", "no", None, False),
        (("require_destination",), "boolean", "true", None, False),
        (("registry", "username"), "login", 12, "12", True),
        (("env", "A"), "text", None, "", True),
        (("servers", "jobs", "cmd"), "text", ["bin/jobs", "-v"], "bin/jobs -v", True),
        (("image",), "text", ["a"], None, False),
    ],
)
def test_retyped(path: tuple[str, ...], wants: str, value: object, expected: object, same: bool) -> None:
    made = retyped(Misfit(path, (wants,), typed.of(value)), OLD)
    if expected is None:
        assert made is None
    else:
        assert made is not None
        assert (typed.of(made.value), made.same) == (typed.of(expected), same)


@pytest.mark.parametrize(
    ("version", "of_env", "of_args"),
    [
        ((0, 16, 1), False, False),
        ((1, 0, 0), True, False),
        ((1, 4, 0), True, False),
        ((1, 5, 0), False, False),
        ((1, 9, 3), False, False),
        ((2, 2, 2), False, False),
        ((2, 3, 0), True, True),
    ],
)
def test_an_unquoted_false(version: tuple[int, int, int], of_env: bool, of_args: bool) -> None:
    assert false_is_passed(Version(*version), ("env", "clear", "A")) is of_env
    assert false_is_passed(Version(*version), ("builder", "args", "A")) is of_args


def test_where_a_false_is_passed_on() -> None:
    text = (
        "servers: {web: {hosts: [a], env: {A: false}, labels: {b: no}, options: {init: false}}}\n"
        "env: {clear: {C: false}, tags: {t: {D: off}}}\nlabels: {traefik.enable: false}\n"
        "builder: {args: {E: false, F: 'false'}}\nrequire_destination: false\n"
    )
    paths = {".".join(map(str, path)) for path in falses(seen(text)[0].data)}
    assert paths == {
        "servers.web.env.A",
        "servers.web.labels.b",
        "env.clear.C",
        "env.tags.t.D",
        "builder.args.E",
    }


def test_keys_that_stand_twice() -> None:
    view = seen(FLAT + "env: {A: 1, B: 2, A: 3}\nvolumes: []\nvolumes: [a]\n")[0]
    assert set(doubled(view)) == {("env", "A"), ("volumes",)}


def test_a_config_for_kamal_2() -> None:
    old, new = seen(FLAT)[0], seen(FLAT + "builder: {arch: amd64}\n")[0]
    assert not speaks_kamal_2(old)
    assert speaks_kamal_2(new)
    assert not speaks_kamal_2(new, Version(1, 9))
    assert speaks_kamal_2(old, Version(2, 1))


def test_where_host_meets_hosts() -> None:
    alone = seen(FLAT + "proxy: {host: a}\n")[0]
    assert mixed_hosts(alone) == set()
    merged = seen(FLAT + "proxy: {host: a}\n", staging="proxy: {hosts: [b]}\n")
    assert all(mixed_hosts(view) == {("proxy",)} for view in merged)
    roles = "servers: {web: {hosts: [a], proxy: {hosts: [b]}}}\nproxy: {host: a}\n"
    assert mixed_hosts(seen(roles)[0]) == {("proxy",), ("servers", "web", "proxy")}
    accessory = "accessories: {docs: {image: x, host: a, proxy: {hosts: [b]}}}\nproxy: {host: a}\n"
    assert mixed_hosts(seen(FLAT + accessory)[0]) == set()


def test_the_hosts_that_host_names() -> None:
    assert hosts_of(seen(FLAT + "proxy: {host: 'a,b'}\n")[0], ("proxy",)) == [typed.of("a"), typed.of("b")]
    assert hosts_of(seen(FLAT + "proxy: {host: [a]}\n")[0], ("proxy",)) is None
    assert hosts_of(seen(FLAT)[0], ("proxy",)) is None


def test_roles_behind_the_proxy_that_share_a_server() -> None:
    text = "servers: {web: [a, {b: tag}], admin: {hosts: [b], proxy: {host: x}}, jobs: {hosts: [a]}}\n"
    assert list(proxied_together(seen(text)[0])) == [("b", ["web", "admin"])]
    off = "servers: {web: {hosts: [a], proxy: false}, admin: {hosts: [a], proxy: true}}\n"
    assert list(proxied_together(seen(off)[0])) == []


@pytest.mark.parametrize("value", ["5", '"5"', "5s", "<%= 5 %>", "0"])
@pytest.mark.parametrize("target", [Version(2), Version(2, 11), Version(2, 12)])
def test_every_time_gets_the_keys_of_the_target(value: str, target: Version) -> None:
    (finding,) = said("timeouts", seen(FLAT + f"stop_wait_time: {value}\n")[0], Options(to=target))
    assert finding.safety is Safety.REVIEW
    assert finding.fix
    names = [come.path[0] for come in finding.fix.comes]
    assert names == ["drain_timeout", "stop_timeout"][: 1 + (target >= Version(2, 12))]


@pytest.mark.parametrize(
    ("target", "value", "safety"),
    [
        ((1, 9, 3), "always", None),
        ((2, 5, 3), "always", None),
        ((2, 6, 1), "always", "review"),
        ((2, 11, 0), "unless-stopped", "safe"),
        ((2, 11, 0), "on-failure", "manual"),
        ((2, 12, 0), "on-failure:3", None),
        ((2, 12, 0), "on-failure:x", "manual"),
        ((2, 12, 0), "no", "review"),
        ((2, 12, 0), "'no'", None),
        ((2, 8, 0), "no", "manual"),
        ((2, 12, 0), "1", "manual"),
    ],
)
@pytest.mark.parametrize(
    "holder", ["servers: {web: {hosts: [a], OPTIONS}}", "accessories: {db: {host: a, OPTIONS}}"]
)
def test_restart_policies(holder: str, target: tuple[int, int, int], value: str, safety: str | None) -> None:
    text = holder.replace("OPTIONS", f"options: {{restart: {value}}}") + "\n"
    view = seen(text if holder.startswith("servers") else FLAT + text)[0]
    findings = said("docker-options", view, Options(to=Version(*target), source=OLD))
    assert [finding.safety.value for finding in findings] == ([safety] if safety else [])


@pytest.mark.parametrize(
    "codemod", ["docker-options", "kamal-2", "obsolete-keys", "strict-types", "timeouts"]
)
def test_every_finding_is_declared(codemod: str) -> None:
    (loaded,) = (one for one in builtin() if one.id == codemod)
    text = (
        FLAT + "stop_wait_time: 5\nssh_user: app\nskip_master_key: false\naudit_broadcast_cmd: x\n"
        "primary_web_role: web\nrun_directory: /x\nproxy: true\nenv:\nfoo: 1\nservice: a.b\n"
        "ssh: {key_data: [PRIVATE KEY]}\n"
        "accessories: {db: {host: a, options: {restart: no, network: x}, labels: {role: x}, bar: 1}}\n"
    )
    findings = said(codemod, seen(text)[0], Options(source=Version(0, 5, 1)))
    assert findings
    assert {finding.id.partition("/")[2] for finding in findings} <= set(loaded.declaration.findings)
    assert all(finding.id.startswith(f"{codemod}/") for finding in findings)
    assert all(finding.todo for finding in findings if finding.fix is None)
    assert all(
        finding.changes or loaded.declaration.changes
        for finding in findings
        if finding.safety is Safety.REVIEW
    )


@pytest.mark.parametrize(
    ("said_command", "command"), [("bin/slack", "bin/slack"), ("<%= ENV['TELL'] %>", "<%= ENV['TELL'] %>")]
)
def test_the_hook_for_broadcasts_can_be_pasted(said_command: str, command: str) -> None:
    view = seen(f"{FLAT}audit_broadcast_cmd: {said_command}\n")[0]
    (finding,) = said("obsolete-keys", view, Options(source=OLD))
    assert finding.todo.split("\n")[1:] == [
        "#!/bin/sh",
        f'{command} "[$KAMAL_PERFORMER] deployed $KAMAL_SERVICE_VERSION"',
    ]
