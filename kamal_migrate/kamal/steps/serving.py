"""The steps for one destination: look, build, upgrade its servers, deploy."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.kamal.destinations import Destination
from kamal_migrate.kamal.envfiles import EnvFiles
from kamal_migrate.kamal.steps.case import KAMAL_2, Case, Step
from kamal_migrate.kamal.versions import Version

# The oldest kamal-proxy that each Kamal works with; with an older one it ends and asks for a reboot.
PROXIES = (
    (Version(2, 0), "0.6.0"), (Version(2, 1), "0.7.0"), (Version(2, 2), "0.8.0"), (Version(2, 2, 1), "0.8.1"),
    (Version(2, 3), "0.8.2"), (Version(2, 4), "0.8.4"), (Version(2, 6), "0.9.0"), (Version(2, 11), "0.9.2"),
)  # fmt: skip


def config(case: Case, one: Destination) -> Step:
    why = "Loads and merges the files and ends at the first fault. It touches no server and no secret."
    notes = ("look at the hosts, the roles, and under proxy at app_port, hosts and ssl",)
    if case.target < KAMAL_2:
        notes = ("look at the hosts and the roles",)
    brief = "kamal config, then kamal build push" if case.target >= KAMAL_2 else ""
    return Step(
        "config", "Look at what Kamal reads", why, (case.line("config", one),), one.name, notes, (), brief
    )


def environment(case: Case, one: Destination) -> Iterator[Step]:
    if not one.environment:
        return
    dotenv = EnvFiles(case.original).loader(one.name)
    commands = (dotenv + case.line("secrets print", one),) if case.target >= Version(2, 1) else ()
    why = "Kamal 2 does not read .env, and passes an unset name on as an empty value, without an error."
    notes = [f"in the environment of whoever deploys: {', '.join(one.environment)}"]
    if dotenv:
        notes.append(f"export them, or begin each command below with `{dotenv.rstrip()}`")
    warnings = ("it prints the values: not in CI, and not on a shared screen",) if commands else ()
    title = "Have the secrets in the environment"
    yield Step("environment", title, why, commands, one.name, tuple(notes), warnings)


def build(case: Case, one: Destination) -> Step:
    why = "Builds and pushes as Kamal 2 does; no server runs it yet."
    return Step("build", "Build once", why, (case.line("build push", one),), one.name)


def certificates(one: Destination) -> Iterator[Step]:
    if one.tls:
        why = "kamal-proxy gets certificates anew from Let's Encrypt; it takes none over from Traefik."
        commands = tuple(f"dig +short {host}" for host in one.tls)
        notes = ("each name has to point to the server, and its ports 80 and 443 have to be open",)
        warnings = ("until it has them, HTTPS fails for these names",)
        yield Step("certificates", "Be ready for new certificates", why, commands, one.name, notes, warnings)


def upgrade(case: Case, one: Destination) -> Step:
    """Replace Traefik on the servers, and say what goes down with it."""
    rolling = len(one.hosts) > 1
    command = case.line("upgrade --rolling" if rolling else "upgrade", one)
    why = "Removes Traefik, starts kamal-proxy, starts the app and every accessory anew in its network."
    warnings = [_outage(one, rolling=rolling)]
    if one.accessories:
        warnings.append(f"these restart, and the app is without them meanwhile: {_named(one)}")
    for title, hosts in case.shared(one).items():
        warnings.append(f"{title} is on {', '.join(hosts)} too: it is down until it is upgraded as well")
    brief = f"kamal upgrade{' --rolling' if rolling else ''}"
    brief += f"; {', '.join(one.accessories)} restart" if one.accessories else ""
    title = "Upgrade the servers"
    return Step("upgrade", title, why, (command,), one.name, (), tuple(warnings), brief)


def _outage(one: Destination, *, rolling: bool) -> str:
    if rolling:
        return "each host is down for a while, one after the other: drain it in pre-proxy-reboot"
    if one.known:
        return "one host: requests fail until the app is healthy again; --rolling does not help"
    return "requests fail until the app is healthy again; with several hosts add --rolling"


def _named(one: Destination) -> str:
    return ", ".join(f"{name} ({image})" if image else name for name, image in one.services.items())


def outdated(case: Case) -> str:
    """The kamal-proxy that the target needs at least, where the version before did with an older one."""

    def needed(version: Version) -> str:
        return next((proxy for since, proxy in reversed(PROXIES) if version >= since), "")

    wanted = needed(case.target)
    return wanted if case.source and needed(case.source) != wanted and case.source < case.target else ""


def reboot(case: Case, one: Destination, wanted: str) -> Step:
    rolling = " --rolling" if len(one.hosts) > 1 else ""
    why = "Options of the proxy's container count from its next start on."
    if wanted:
        why = f"Kamal {case.target.short} ends without kamal-proxy {wanted} or newer; rebooting gets it."
    warnings = ("requests fail on a host while its proxy starts",)
    command = case.line(f"proxy reboot{rolling}", one)
    title = "Reboot the proxy"
    return Step(
        "proxy-reboot", title, why, (command,), one.name, (), warnings, f"kamal proxy reboot{rolling}"
    )


def deploy(case: Case, one: Destination) -> Step:
    why = f"The first deploy by Kamal {case.target.short}, while you are looking."
    command = case.line("deploy", one)
    return Step("deploy", "Deploy", why, (command,), one.name, brief="kamal deploy")


def env(case: Case, one: Destination) -> Step:
    """Write the files of secrets that Kamal 1 has on the servers."""
    why = "Kamal 1 reads secrets from files on the servers, and a deploy does not write them."
    return Step("env", "Push the environment", why, (case.line("env push", one),), one.name)
