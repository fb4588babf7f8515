"""Rules about hosts: which image they get, what Kamal forgets on them, and who gets certificates."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from kamal_migrate.kamal.hosts import Host, is_forgotten, pulls
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.platforms import built_for
from kamal_migrate.kamal.served import served
from kamal_migrate.kamal.versions import Version
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule
from kamal_migrate.rules.wording import listed, verb
from kamal_migrate.yamldoc import Path

KAMAL_2, OWN_CERTIFICATES = Version(2), Version(2, 7)
BOTH_WAYS = "`builder: {arch: [amd64, arm64]}` builds an image for both"


class Group(NamedTuple):
    """Hosts of a view for which the same is true: where one of them is stated, their names, what they run.

    ``runs`` is empty where nobody said it.
    """

    view: View
    path: Path
    hosts: tuple[Host, ...]
    runs: str

    @property
    def names(self) -> str:
        """The names as people say them."""
        return listed(host.name for host in self.hosts)

    @property
    def accessories(self) -> list[str]:
        """The accessories that run there."""
        return list(dict.fromkeys(name for host in self.hosts for name in host.accessories))


def _groups(subject: Subject, view: View) -> Iterator[Group]:
    """The hosts of each role, and those of accessories alone, each by what they run."""
    found: dict[tuple[tuple[str, ...], str], list[Host]] = {}
    for host in subject.hosts(view):
        evidence = subject.architecture(view, host)
        runs = evidence.value if evidence and not evidence.assumed else ""
        found.setdefault((host.roles[:1], runs), []).append(host)
    for (_, runs), hosts in found.items():
        yield Group(view, _path(view, hosts[0]), tuple(hosts), runs)


def _path(view: View, host: Host) -> Path:
    if host.is_apart:
        return ("accessories", host.accessories[0])
    return ("servers", host.roles[0]) if isinstance(view.get("servers"), dict) else ("servers",)


@rule("host-architecture", Severity.ERROR)
def host_architecture(subject: Subject) -> Iterator[Remark]:
    """The image is not built for the architecture of a host that runs it.

    A tag in a registry names either one image, for one platform, or a manifest
    list: an index with an image for each platform that was built. Docker on a host
    takes the entry of its own architecture. Without one the pull ends with "no
    matching manifest for linux/amd64 in the manifest list entries"; an image
    without a list is pulled, and ends with "exec format error".

    Kamal builds one image for the whole app, for what `builder.arch` says (Kamal 1:
    `local`, `remote`, `multiarch`), whatever roles and destinations there are. No
    version, up to 2.12, has a setting for a role or a host, and none asks a host
    what it runs: it passes `--platform` to the build, and the tag to the hosts. So
    it cannot notice, and the deploy fails on the host. Accessories have images of
    their own, most of them with a manifest list; they need nothing of this.

    What hosts run is known from `--inventory FILE`, from `kamal-migrate.toml`, and
    from `platform` options; `uname -m` on the host tells it.

    What to do: build for both, `arch: [amd64, arm64]`; each takes a build, one of
    them on a `remote` of that architecture or under emulation. Or deploy the hosts
    of one kind as a service of their own.
    """
    for view in subject.views:
        built = built_for(view, subject.version)
        groups = [group for group in _groups(subject, view) if not group.hosts[0].is_apart and group.runs]
        # What a machine builds for itself fits the hosts of one architecture, whichever that is.
        fits = built or {group.runs for group in groups[:1]}
        for group in groups if built is not None else ():
            if group.runs not in fits:
                others = "" if built else f", others run {listed(fits)}"
                image = listed(sorted(fits)) if built else "one of them"
                message = f"{group.names} ({group.hosts[0].roles[0]}) {_runs(group)} {group.runs}{others}"
                message += f", and the image is built for {image}"
                yield Remark(message, view, group.path, ways=_for_both(subject.version))


def _for_both(version: Version) -> tuple[str, ...]:
    apart = "or deploy them as a service of their own, with a builder of their architecture"
    return (BOTH_WAYS if version >= KAMAL_2 else "`builder: {multiarch: true}` alone builds for both", apart)


@rule("accessory-pull", Severity.ERROR)
def accessory_pull(subject: Subject) -> Iterator[Remark]:
    """The app's image is pulled on a host that only runs accessories.

    Kamal 2.1.1 to 2.5.3 pull it there too, and tag it, though no role runs there
    (basecamp/kamal#1148). Where the image is not built for what the host runs, the
    deploy ends with "no matching manifest for linux/amd64 in the manifest list
    entries". It came with kamal#1035, which let `setup` reach such hosts, and went
    with kamal#1508. It is an error where the host's architecture is known and not
    built, a warning where it is not known; `explain host-architecture` tells the
    principle.

    What to do, one of these:
    * Kamal 2.6.1 or newer. 2.6.0 has the cure too, but loses root `proxy`
    (kamal#1555).
    * `-r` with all roles, as in `kamal setup -r web`. That leaves such hosts out:
    it installs no Docker there, prunes nothing there, and pulls nothing there. The
    accessories are booted all the same.
    * `builder: {arch: [amd64, arm64]}`, which builds for both.
    """
    for view in subject.views:
        built = built_for(view, subject.version) or frozenset()
        for group in _groups(subject, view) if len(built) < 2 else ():
            host = group.hosts[0]
            if host.is_apart and pulls(host, subject.version) and group.runs not in built:
                message, ways = _pulled(group, built, subject.version), _instead(subject, view, group)
                severity = None if built and group.runs else Severity.WARNING
                yield Remark(message, view, group.path, ways=ways, severity=severity)


def _pulled(group: Group, built: frozenset[str], version: Version) -> str:
    message = f"{_alone(group)}, and Kamal {version.short} pulls the app's image there too"
    if group.runs and built:
        return f"{message}: it is built for {listed(built)}, and the host is {group.runs}"
    return f"{message}: that fails where the host is not {listed(built) if built else 'what it is built for'}"


def _alone(group: Group) -> str:
    return f"{group.names} only {_runs(group)} {listed(group.accessories)}"


def _instead(subject: Subject, view: View, group: Group) -> tuple[str, ...]:
    found = ["Kamal 2.6.1 or newer; not 2.6.0, which loses root `proxy` (kamal#1555)"]
    names = sorted({role for host in subject.hosts(view) for role in host.roles})
    if names and not any("<%" in name for name in names):
        roles = ",".join(names)
        skipped = f"skips {group.names} (no Docker installed, nothing pruned), and boots the accessories"
        found.append(f"`kamal setup -r {roles}`, then `kamal deploy -r {roles}`: {skipped}")
    return (*found, BOTH_WAYS)


@rule("forgotten-accessory", Severity.WARNING)
def forgotten_accessory(subject: Subject) -> Iterator[Remark]:
    """A host that only runs accessories is left out of some commands.

    Kamal 1.9.0 to 2.1.0 take the accessories' hosts for those of roles. `server
    bootstrap`, and so `setup`, installs no Docker on others; `upgrade` and
    `accessory upgrade` pass them over; in 1.9 `env push` writes no file there,
    without which a new accessory does not boot. What runs already goes on running.
    1.8.3 and 2.1.1 do not have this, but see `accessory-pull` for 2.1.1 to 2.5.3.

    What to do: for Kamal 1, `kamal _1.8.3_ server bootstrap` and `kamal _1.8.3_ env
    push` after `gem install kamal -v 1.8.3`. For Kamal 2, 2.6.1 or newer. After an
    upgrade to 2.0 or 2.1, `kamal accessory reboot NAME` moves an accessory to Kamal
    2's network.
    """
    for view in subject.views:
        for group in _groups(subject, view):
            if not is_forgotten(group.hosts[0], subject.version):
                continue
            leaves = f"Kamal {subject.version.short} leaves {verb(group.hosts, 'it', 'them')} out of"
            skipped = f"{leaves} {_skipping(subject.version)}"
            ways = _around(subject.version, group.accessories)
            yield Remark(f"{_alone(group)}, and {skipped}", view, group.path, ways=ways)


def _runs(group: Group) -> str:
    return verb(group.hosts, "runs", "run")


def _skipping(version: Version) -> str:
    return "`server bootstrap` and `env push`" if version < KAMAL_2 else "`server bootstrap` and `upgrade`"


def _around(version: Version, accessories: list[str]) -> tuple[str, ...]:
    if version < KAMAL_2:
        older = "kamal _1.8.3_"
        return (f"gem install kamal -v 1.8.3 && {older} server bootstrap && {older} env push",)
    upgraded = (f"after `kamal upgrade`: kamal accessory reboot {name}" for name in accessories)
    return ("Kamal 2.6.1 or newer", *upgraded)


@rule("shared-tls-host", Severity.WARNING)
def shared_tls_host(subject: Subject) -> Iterator[Remark]:
    """Two servers want a certificate for the same name.

    Each server's proxy asks Let's Encrypt by itself. The answer to the challenge
    comes from one server only, where the name leads to: the others get no
    certificate, or sometimes one. Kamal 2 refuses two roles that share a name with
    `ssl` ("Different roles can't share the same host for SSL"), so that here it is
    only about accessories; Kamal 1 refuses nothing. Two on the same server are
    `proxied-role`'s.

    What to do: a name for each; or a load balancer with TLS in front and none here;
    from 2.7 on a certificate of your own, `ssl: {certificate_pem: NAME,
    private_key_pem: NAME}` with the names of two secrets.
    """
    for view in subject.views:
        secured = [one for one in served(view, subject.version) if one.automatic]
        for one, other in combinations(secured, 2):
            refused = subject.version >= KAMAL_2 and one.is_role and other.is_role
            names = one.shares(other)
            if refused or not names or set(one.servers) & set(other.servers):
                continue
            message = f"{one.name} and {other.name} both ask for a certificate for {listed(names)}"
            message += ", on different servers: only where the name leads to it is issued"
            yield Remark(message, view, other.path, ways=_otherwise(subject.version))


@rule("tls-several-servers", Severity.WARNING)
def tls_several_servers(subject: Subject) -> Iterator[Remark]:
    """Automatic TLS on several servers.

    The proxy of each server asks Let's Encrypt by itself, and the challenge reaches
    one of them: by chance the right one, at the first time or at a renewal. Kamal 2
    refuses that for roles ("SSL is only supported on a single server"), so that
    here it is only about accessories. Kamal 1 lets Traefik try, with a resolver
    that has `httpchallenge` or `tlschallenge`; a DNS challenge works on any number
    of servers.

    What to do: a load balancer with TLS in front, and none here; or, from 2.7 on, a
    certificate of your own.
    """
    for view in subject.views:
        for one in served(view, subject.version):
            refused = subject.version >= KAMAL_2 and one.is_role
            if one.automatic and len(one.servers) > 1 and not refused:
                message = f"each of the {len(one.servers)} servers of {one.name} asks Let's Encrypt by itself"
                message += ", and the challenge reaches one of them"
                yield Remark(message, view, one.path, ways=_otherwise(subject.version))


def _otherwise(version: Version) -> tuple[str, ...]:
    """The ways to TLS without a challenge on each server."""
    front = "a load balancer with TLS in front, and none here"
    own = "`ssl: {certificate_pem: NAME, private_key_pem: NAME}` with the names of two secrets"
    if version >= OWN_CERTIFICATES:
        return front, own
    return (front, "a DNS challenge for Traefik") if version < KAMAL_2 else (front,)
