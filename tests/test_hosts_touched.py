"""Which hosts a command of Kamal reaches: the table of every release, with and without `-r` and `-h`."""

from __future__ import annotations

from itertools import product

import pytest

from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.reach import Chosen, NoMatch, Reach, reach, words
from kamal_migrate.kamal.touching import COMMANDS, NoCommand, touches
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.project import Project

CONFIG = """service: shop
image: acme/shop
servers:
  web: [192.0.2.1]
  jobs: {hosts: [192.0.2.2]}
registry: {username: acme, password: [REGISTRY_TOKEN]}
builder: {arch: amd64}
accessories:
  db: {image: "postgres:16", host: 203.0.113.9}
"""
WEB, JOBS, DB = "192.0.2.1", "192.0.2.2", "203.0.113.9"
APP, ALL = {WEB, JOBS}, {WEB, JOBS, DB}
NONE: set[str] = set()
NO_MATCH = f"No --hosts match for {DB}"


def view_of(text: str = CONFIG) -> View:
    project = Project("shop", {"config/deploy.yml": text})
    return views(project, project.configs[0])[0]


def reached(version: str, roles: str = "", hosts: str = "", text: str = CONFIG) -> Reach:
    known = parse(version)
    assert known
    return reach(view_of(text), known, Chosen(words(roles), words(hosts)))


class Era:
    """What the releases of a range have in common: the sets without flags, with `-r web`, with `-h` of db.

    ``app`` are the hosts of the app's commands, where they are not all of ``KAMAL.hosts``.
    """

    def __init__(self, versions: str, hosts: object, accessory: object, app: object = None) -> None:
        self.versions, self.hosts, self.accessory = versions.split(), hosts, accessory
        self.app = hosts if app is None else app


# The rows of history C.1.
ERAS = [
    Era("0.16.1 1.0 1.1 1.2", (APP, {WEB}, NONE), ({DB}, {DB}, NONE)),
    Era("1.3 1.4.0", (APP, {WEB}, NO_MATCH), ({DB}, {DB}, NO_MATCH)),
    Era("1.5.0 1.5.2 1.6 1.7 1.8.3", (APP, {WEB}, NONE), ({DB}, {DB}, {DB})),
    Era("1.9.0 1.9.3 2.0.0 2.1.0", (APP, {WEB}, NONE), (NONE, NONE, NONE)),
    Era("2.1.1 2.2 2.3.0 2.4 2.5.3", (ALL, {WEB}, {DB}), ({DB}, NONE, {DB})),
    Era("2.6.0 2.6.1 2.8 2.12.0", (ALL, {WEB}, {DB}), ({DB}, NONE, {DB}), (APP, {WEB}, NONE)),
]
FLAGS = [("", ""), ("web", ""), ("", DB)]
TABLE = [
    (version, flags, era.hosts[number], era.accessory[number], era.app[number])  # type: ignore[index]
    for era in ERAS
    for version in era.versions
    for number, flags in enumerate(FLAGS)
]


@pytest.mark.parametrize(("version", "flags", "hosts", "accessory", "app"), TABLE)
def test_the_table(
    version: str, flags: tuple[str, str], hosts: object, accessory: object, app: object
) -> None:
    if isinstance(hosts, str):
        with pytest.raises(NoMatch, match=f"^{hosts}$"):
            reached(version, *flags)
        return
    found = reached(version, *flags)
    assert (set(found.hosts), set(found.accessory_hosts), set(found.app_hosts)) == (hosts, accessory, app)


def on(version: str, command: str, what: str, roles: str = "", hosts: str = "") -> set[str]:
    """The hosts on which a command does something."""
    found = touches(reached(version, roles, hosts), command)
    return {touch.host for touch in found if touch.words == what}


PULL, DOCKER, ENV = "pull the app's image", "install Docker where it is missing", "write env files"
FOLDER = "make the folder .kamal"
LOGIN, NETWORK, TAG, PRUNE = (
    "log in to the registry",
    "make the Docker network",
    "tag the image as latest",
    "prune",
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.8.3", APP), ("1.9.3", APP), ("2.1.0", APP), ("2.1.1", ALL), ("2.5.3", ALL), ("2.6.0", APP)],
)
@pytest.mark.parametrize("command", ["setup", "deploy", "redeploy", "build pull", "build deliver"])
def test_who_pulls_the_image(command: str, version: str, expected: set[str]) -> None:
    assert on(version, command, PULL) == expected
    assert on(version, command, PULL, "web") == {WEB}


@pytest.mark.parametrize(
    ("version", "what", "expected"),
    [
        ("1.8.3", DOCKER, ALL), ("1.9.3", DOCKER, APP), ("2.1.0", DOCKER, APP), ("2.3.0", DOCKER, ALL),
        ("2.3.0", LOGIN, ALL), ("2.6.0", LOGIN, APP), ("2.1.0", NETWORK, APP), ("2.6.0", NETWORK, ALL),
        ("2.3.0", TAG, ALL), ("2.6.0", TAG, APP), ("2.1.0", PRUNE, APP), ("2.12.0", PRUNE, ALL),
        ("2.12.0", "boot db", {DB}), ("2.12.0", "boot web", {WEB}), ("2.12.0", "boot jobs", {JOBS}),
        ("2.12.0", "boot the proxy", {WEB}), ("1.9.3", "boot Traefik", {WEB}), ("1.9.3", NETWORK, NONE),
        ("1.8.3", ENV, ALL), ("1.9.3", ENV, APP), ("2.0.0", ENV, NONE),
        ("1.5.2", "check the app's health first", {WEB}), ("1.6.0", "check the app's health first", NONE),
        ("0.16.1", "make the folder .kamal", NONE), ("1.0.0", "make the folder .kamal", ALL),
    ],
)  # fmt: skip
def test_a_setup(version: str, what: str, expected: set[str]) -> None:
    assert on(version, "setup", what) == expected


@pytest.mark.parametrize(
    ("version", "docker", "boots"),
    [("1.8.3", {WEB, DB}, {DB}), ("2.3.0", {WEB}, {DB}), ("2.5.3", {WEB}, {DB}), ("2.6.0", {WEB}, NONE)],
)
def test_what_a_setup_of_a_role_leaves_out(version: str, docker: set[str], boots: set[str]) -> None:
    """Up to 2.5.3 the accessory is booted all the same, on a host where nobody made sure of Docker."""
    assert on(version, "setup", DOCKER, "web") == docker
    assert on(version, "setup", "boot db", "web") == boots
    assert on(version, "setup", "boot jobs", "web") == NONE


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.0.0", {JOBS, DB}), ("1.8.3", {JOBS, DB}), ("1.9.3", {JOBS}), ("2.0.0", {JOBS}), ("2.12.0", {JOBS})],
)
def test_where_a_bootstrap_makes_the_folder(version: str, expected: set[str]) -> None:
    """Up to 1.9 wherever it installs Docker, in 2.0 where the lock wants it."""
    assert on(version, "server bootstrap", FOLDER, "jobs") == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("1.0.0", ALL), ("1.5.1", ALL), ("1.5.2", {JOBS, DB}), ("1.9.3", {JOBS})]
)
def test_env_files_of_traefik(version: str, expected: set[str]) -> None:
    for command in ("setup", "env push"):
        assert on(version, command, ENV, "jobs") == expected


@pytest.mark.parametrize(
    ("version", "command", "expected"),
    [
        ("1.9.3", "traefik boot", {WEB}),
        ("1.9.3", "traefik reboot", {WEB}),
        ("2.0.0", "proxy boot", {WEB}),
        ("2.12.0", "proxy boot", {WEB}),
        ("2.12.0", "proxy reboot", {WEB}),
        ("2.1.0", "upgrade", APP),
        ("2.12.0", "upgrade", ALL),
    ],
)
def test_a_proxy_is_started_after_a_login(version: str, command: str, expected: set[str]) -> None:
    assert on(version, command, LOGIN) == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("2.0.0", NONE), ("2.1.1", {DB}), ("2.5.3", {DB}), ("2.12.0", {DB})]
)
def test_an_upgrade_makes_the_host_of_an_accessory_ready(version: str, expected: set[str]) -> None:
    what = ("log in to the registry for db", "make the Docker network for db", "reboot db")
    assert [on(version, "upgrade", words) for words in what] == [expected] * 3


@pytest.mark.parametrize(("version", "network"), [("1.9.3", NONE), ("2.0.0", {DB}), ("2.5.3", {DB})])
def test_the_host_of_an_accessory_is_made_ready_for_it(version: str, network: set[str]) -> None:
    """By `prepare` of Kamal 2, and by a login before; whatever `-r` leaves out."""
    for command in ("setup", "accessory boot db", "accessory reboot db"):
        assert on(version, command, "log in to the registry for db", "web") == {DB}
        assert on(version, command, "make the Docker network for db", "web") == network


@pytest.mark.parametrize(("version", "pulls_first"), [("1.9.3", False), ("2.4.0", False), ("2.5.0", True)])
def test_a_setup_boots_accessories_within_its_deploy_from_2_5_on(version: str, pulls_first: bool) -> None:
    words = list(dict.fromkeys(touch.words for touch in touches(reached(version), "setup")))
    assert (words.index(PULL) < words.index("boot db")) == pulls_first
    assert words.index("boot db") < words.index("boot web")


@pytest.mark.parametrize(
    ("version", "hosts", "expected"),
    [
        ("1.3.1", WEB, {DB}),
        ("1.4.0", WEB, NONE),
        ("2.5.3", WEB, NONE),
        ("2.5.3", DB, {DB}),
        ("2.12", DB, {DB}),
    ],
)
def test_hosts_count_for_an_accessory(version: str, hosts: str, expected: set[str]) -> None:
    assert on(version, "accessory boot db", "boot db", hosts=hosts) == expected


@pytest.mark.parametrize(
    ("version", "command", "hosts"),
    [
        ("2.3.0", "server exec uptime", ALL),
        ("2.1.0", "server exec uptime", APP),
        ("1.8.3", "server exec uptime", ALL),
        ("2.3.0", "audit", ALL),
        ("2.1.0", "audit", APP),
        ("2.12.0", "registry login", ALL),
        ("2.8.0", "registry setup", ALL),
        ("2.12.0", "app exec bin/rails runner 1", APP),
        ("2.12.0", "build push", NONE),
        ("1.5.2", "build push", APP),
        ("2.3.0", "rollback 3f2a", ALL),
        ("2.6.0", "proxy reboot", ALL),
        ("2.0.0", "upgrade", APP),
        ("2.3.0", "upgrade", ALL),
        ("2.12.0", "details", ALL),
        ("1.9.3", "traefik reboot", APP),
        ("2.12.0", "prune all", ALL),
        ("2.12.0", "app boot", ALL),
    ],
)
def test_all_that_a_command_reaches(version: str, command: str, hosts: set[str]) -> None:
    assert {touch.host for touch in touches(reached(version), command)} == hosts


@pytest.mark.parametrize(("version", "expected"), [("2.3.0", APP), ("2.10.1", APP), ("2.11.0", ALL)])
def test_an_upgrade_of_hosts_without_accessories(version: str, expected: set[str]) -> None:
    found = touches(reached(version, hosts="192.0.2.*"), "upgrade")
    assert {touch.host for touch in found} == expected


@pytest.mark.parametrize(
    ("version", "roles", "hosts", "expected"),
    [
        ("2.0.0", "", "", NONE), ("2.0.0", "", DB, {DB}), ("2.1.0", "", "*", {DB}),
        ("2.0.0", "web", "", NONE),
        ("2.1.1", "web", DB, {DB}), ("2.5.3", "web", DB, {DB}), ("2.6.0", "web", DB, NONE),
    ],
)  # fmt: skip
def test_an_upgrade_of_the_host_of_an_accessory(
    version: str, roles: str, hosts: str, expected: set[str]
) -> None:
    assert on(version, "upgrade", "reboot db", roles, hosts) == expected


PROXIED = CONFIG.replace('image: "postgres:16"', 'proxy: {host: db.example.com}, image: "postgres:16"')


@pytest.mark.parametrize(("version", "expected"), [("2.4.0", {WEB}), ("2.5.3", {WEB}), ("2.6.0", {WEB, DB})])
def test_an_accessory_behind_the_proxy(version: str, expected: set[str]) -> None:
    found = reached(version, text=PROXIED)
    assert set(found.proxy_hosts) == expected
    assert {touch.host for touch in touches(found, "deploy") if touch.words == LOGIN} == {*APP, DB}


@pytest.mark.parametrize(
    ("version", "roles", "expected"),
    [
        ("2.12", "web,jobs", APP), ("2.12", "w*", {WEB}), ("2.12", "we?", {WEB}), ("1.5.0", "we?", None),
        ("1.2.0", "w*", {WEB}), ("1.1.0", "w*", NONE), ("1.1.0", "web", {WEB}), ("2.12", "*", APP),
        ("2.12", "nope,web", {WEB}), ("2.12", "nope", None), ("2.12", ",web,", {WEB}), ("2.12", "w.b", None),
        ("1.5.0", "w.b", None),
    ],
)  # fmt: skip
def test_patterns(version: str, roles: str, expected: set[str] | None) -> None:
    if expected is None:
        with pytest.raises(NoMatch, match=r"^No --roles match for "):
            reached(version, roles)
    else:
        assert set(reached(version, roles).app_hosts) == expected


def test_roles_and_hosts_together() -> None:
    assert reached("2.12", "web", "192.0.2.*").hosts == (WEB,)
    assert reached("2.12", "web", JOBS).hosts == ()


@pytest.mark.parametrize(
    ("roles", "hosts", "expected"),
    [("", "", WEB), ("jobs", "", JOBS), ("", f"{JOBS},{WEB}", JOBS), ("", DB, DB)],
)
def test_who_holds_the_lock(roles: str, hosts: str, expected: str) -> None:
    assert reached("2.12", roles, hosts).primary_hosts == (expected,)


def test_a_role_is_booted_only_where_it_is_chosen() -> None:
    both = CONFIG.replace("[192.0.2.2]", "[192.0.2.1]")
    found = touches(reached("2.12", "jobs", text=both), "app boot")
    assert [touch.words for touch in found if touch.words.startswith("boot")] == ["boot jobs"]


@pytest.mark.parametrize(
    ("version", "command", "message"),
    [
        ("2.12", "traefik reboot", "Kamal 2.12 has no command `traefik reboot`"),
        ("1.9.3", "proxy boot", "Kamal 1.9.3 has no command `proxy boot`"),
        ("1.9.3", "upgrade", "Kamal 1.9.3 has no command `upgrade`"),
        ("1.5.2", "server exec", "Kamal 1.5.2 has no command `server exec`"),
        ("2.8.1", "registry login", "Kamal 2.8.1 has no command `registry login`"),
        ("2.12", "accessory boot nope", r"No accessory by the name of 'nope' \(options: db\)"),
        ("2.12", "deploy now", "`now` does not belong to `deploy`; say roles with -r and hosts with -h"),
        ("2.12", "destroy", "there is no command `destroy` here; there are setup, deploy, "),
        ("1.9.3", "destroy", "(?!.*(?:proxy|upgrade))(?=.*, traefik boot, )there is no command `destroy`"),
        ("2.12", "kamal", "there is no command `kamal` here; there are setup, deploy, "),
    ],
)
def test_commands_that_are_none(version: str, command: str, message: str) -> None:
    with pytest.raises(NoCommand, match=f"^{message}"):
        touches(reached(version), command)


VERSIONS = [Version(0, 16, 1), Version(1, 4), Version(1, 9, 3), Version(2), Version(2, 3), Version(2, 12)]


@pytest.mark.parametrize(("version", "command"), list(product(VERSIONS, COMMANDS)))
def test_what_is_done_for_a_part_is_a_part_of_all(version: Version, command: str) -> None:
    """Only the lock moves, for the primary host is another one then."""
    try:
        every = set(touches(reach(view_of(), version), command))
    except NoCommand:
        return
    some = touches(reach(view_of(), version, Chosen(("jobs",))), command)
    assert {touch for touch in some if touch.words not in ("hold the deploy lock", *HEALTH)} <= every
    assert every or command == "build push"


HEALTH = ("check the app's health first",)
