"""What is said of an upgrade though no key says it."""

from __future__ import annotations

import pytest

from kamal_migrate.api import Options
from kamal_migrate.catalog import builtin
from kamal_migrate.engine import plan
from kamal_migrate.engine.proofs import ProofError
from kamal_migrate.kamal.versions import parse
from kamal_migrate.project import Project
from kamal_migrate.report.deployment import changes, compared, said

HEAD = "service: shop\nimage: acme/shop\nregistry: {username: acme, password: [REGISTRY_PASSWORD]}\n"
HALFWAY = HEAD + "servers: [192.0.2.1]\nbuilder: {multiarch: false}\nproxy: {app_port: 3000}\n"
OF_KAMAL_1 = HEAD + "servers: [192.0.2.1]\nbuilder: {multiarch: false, context: .}\n"
IGNORED = "Kamal 1.6 ignores `proxy`: what the config says there takes effect with Kamal 2"


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        (HALFWAY, "1.6.0", "2.12.0", [IGNORED]),
        (HALFWAY, "1.6.0", "1.9.3", []),
        (HALFWAY, "1.7.0", "2.12.0", []),  # Kamal 1.7 refuses it.
        (HALFWAY, None, "2.12.0", []),
        (OF_KAMAL_1, "1.6.0", "2.12.0", []),  # It gets such keys only now.
    ],
)
def test_keys_that_were_ignored(text: str, source: str | None, target: str, expected: list[str]) -> None:
    to = parse(target)
    assert to is not None
    options = Options(to=to, source=parse(source) if source else None)
    made = plan(Project("shop", {"config/deploy.yml": text}), builtin(), options)
    assert made.changed
    assert [note for note in made.notes if "ignores" in note] == expected


PUSH = "# Run `kamal env push -d eu` after changes!\n"
TOLD = (
    "config/deploy.yml:{}: this comment tells of `kamal {}`, which Kamal 2.12 does not have ({})".format,
    "Kamal 2 writes the env files at every boot",
)


@pytest.mark.parametrize(
    ("more", "target", "expected"),
    [
        (PUSH + "env: {clear: {A: b}}\n", "2.12.0", [TOLD[0](6, "env push", TOLD[1])]),
        (PUSH + "env: {clear: {A: b}}\n", "1.9.3", []),
        (
            "labels: {a: b} # kamal traefik reboot, at night\n",
            "2.12.0",
            [TOLD[0](6, "traefik reboot", "instead: `kamal proxy reboot`")],
        ),
        ("traefik:\n  # kamal traefik reboot after changes\n  args: {accesslog: true}\n", "2.12.0", []),
        ("# kamal deploy, kamal app logs -f, or ask kamal itself\nlabels: {a: b}\n", "2.12.0", []),
    ],
)
def test_comments_that_tell_of_commands_that_are_gone(more: str, target: str, expected: list[str]) -> None:
    to = parse(target)
    assert to is not None
    files = {"config/deploy.yml": OF_KAMAL_1 + more, "config/deploy.eu.yml": "servers: [192.0.2.2]\n"}
    made = plan(Project("shop", files), builtin(), Options(to=to))
    assert [note for note in made.notes if "comment" in note] == expected


# What the preview says of the deployment.

WEB = "servers: {web: {hosts: [192.0.2.1]%s}}\nbuilder: {multiarch: false}\n"


def rows(files: dict[str, str]) -> list[tuple[tuple[str, ...], str, str, str]]:
    """What changes for the deployment of an app that leaves Kamal 1.9."""
    made = plan(Project("shop", files), builtin(), Options(source=parse("1.9.3")))
    return [row[:4] for row in changes(made)]


def told(text: str, *what: str) -> list[tuple[str, str, str]]:
    """The rows of one config that speak of some things."""
    found = rows({"config/deploy.yml": HEAD + text, "Dockerfile": "FROM ruby\n"})
    return [row[1:] for row in found if row[1].endswith(what)]


def test_a_network_that_kamal_2_sets_by_itself() -> None:
    db = "accessories: {db: {image: postgres, host: 192.0.2.2, options: {network: kamal}}}\n"
    assert told(WEB % ", options: {network: kamal}" + db, "network") == [
        ("role web: network", "kamal, by a docker option", "kamal, as all containers"),
        ("accessory db: network", "kamal, by a docker option", "kamal, as all containers"),
    ]
    assert told(WEB % "", "network") == []


def test_what_no_codemod_translates_stops_the_run() -> None:
    """The target takes the labels, and reads nothing in them: nobody would be told of the other port."""
    labels = ", labels: {traefik.http.services.shop.loadbalancer.server.port: 8080}"
    app = Project("shop", {"config/deploy.yml": HEAD + WEB % labels})
    others = [codemod for codemod in builtin() if codemod.id != "proxy"]
    with pytest.raises(ProofError, match=r"roles\.web\.proxy\.port would change"):
        plan(app, others, Options(source=parse("1.9.3")))
    assert plan(app, builtin(), Options(source=parse("1.9.3"))).changed


def test_a_health_check_at_another_port_than_requests() -> None:
    labels = ", labels: {traefik.http.services.shop.loadbalancer.server.port: 8080}"
    asked = "port of the health check"
    assert told(WEB % labels, asked) == [(f"role web: {asked}", "3000", "8080")]
    assert told(WEB % labels + "healthcheck: {port: 8080}\n", asked) == []


def test_an_app_whose_port_nobody_names() -> None:
    found = told(WEB % "", "port requests go to")
    assert found == [("role web: port requests go to", "the one that the image exposes", "3000")]


def test_destinations_of_one_name_are_told_apart() -> None:
    base = HEAD + "builder: {multiarch: false}\n"
    over = "servers: [192.0.2.1]\n"
    files = {f"{app}/config/deploy.yml": base for app in ("api", "site")}
    files |= {f"{app}/config/deploy.production.yml": over for app in ("api", "site")}
    found = [views for views, what, *_ in rows(files) if what == "image: built for"]
    assert found == [("production of api/config/deploy.yml", "production of site/config/deploy.yml")]
    del files["site/config/deploy.production.yml"]
    files["site/config/deploy.staging.yml"] = over
    found = [views for views, what, *_ in rows(files) if what == "image: built for"]
    assert found == [("production", "staging")]


def test_what_the_target_refuses_is_left_out_where_it_takes_another() -> None:
    refused = "config/deploy.staging.yml"
    files = {
        "config/deploy.yml": HEAD + WEB % "",
        "config/deploy.production.yml": "env: {clear: {A: b}}\n",
        refused: "ssh: {user: [a]}\n",
    }
    made = plan(Project("shop", files), builtin(), Options(source=parse("1.9.3")))
    assert compared(made) == ("config/deploy.yml", "production")
    assert all("staging" not in row.views for row in changes(made))


def test_where_the_target_refuses_all_only_what_findings_announce_is_told() -> None:
    text = HEAD + WEB % "" + "ssh: {user: [a]}\n"
    made = plan(Project("shop", {"config/deploy.yml": text}), builtin(), Options(source=parse("1.9.3")))
    assert "image: built for" in [row.what for row in changes(made)]
    assert all(row.findings for row in changes(made))


def test_a_destination_with_nothing_in_it() -> None:
    files = {
        "config/deploy.yml": HEAD + "servers: [192.0.2.1]\n",
        "config/deploy.staging.yml": "{}\n",
        "config/deploy.production.yml": "builder: {multiarch: true}\n",
    }
    made = plan(Project("shop", files), builtin(), Options(source=parse("1.9.3")))
    assert made.after.files["config/deploy.staging.yml"] == "{}\n"
    assert "arch:" in made.after.files["config/deploy.yml"]


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        (None, "root.aliases", "none"),
        ([], "roles.web.proxy.hosts", "all"),
        ([], "roles.web.hosts", "none"),
        (False, "roles.web.proxied", "no"),
        (["a", "b"], "roles.web.hosts", "a, b"),
        ({"a": "1", "b": None}, "roles.web.labels", "a 1"),
        ({"api.insecure": "true"}, "proxy_container.other", "api.insecure true"),
        (
            {"port": 80, "hosts": [], "tls": True},
            "roles.web.proxy",
            "port requests go to 80, automatic TLS yes",
        ),
        ({"hosts": ["h"], "labels": {"a": "1"}}, "roles.jobs", "hosts h, label a 1"),
        ({"API_KEY": "0xB00"}, "roles.web.env.clear", "API_KEY [masked]"),
    ],
)
def test_values_have_words(value: object, path: str, expected: str) -> None:
    assert said(value, tuple(path.split("."))) == expected


def test_another_notation_is_no_change() -> None:
    text = HEAD + WEB % "" + "ssh: {keys: ~/.ssh/id}\n"
    made = plan(Project("shop", {"config/deploy.yml": text}), builtin(), Options(source=parse("1.9.3")))
    paths = [row.difference.path for one in made.deployment for row in one.changes]
    assert ("root", "ssh", "keys") in paths
    assert "ssh keys" not in [row.what for row in changes(made)]
