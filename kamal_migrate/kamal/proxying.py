"""All that Kamal 1 says of Traefik, ports and health checks in the words of Kamal 2 (history D.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kamal_migrate.kamal.agreeing import (
    AT_ROLES,
    WITHOUT,
    Wanted,
    is_there,
    labels_that_go,
    sharing,
    unsaid,
    without_needless_switches,
)
from kamal_migrate.kamal.beside import read_beside, without_those_beside
from kamal_migrate.kamal.certificates import Setting
from kamal_migrate.kamal.checked import app_port, health, option_labels, unproxied
from kamal_migrate.kamal.entry_points import resolvers
from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.health import patience
from kamal_migrate.kamal.leveling import differing, leveled, paired
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.other_routes import without_other_routes, without_shared_hosts
from kamal_migrate.kamal.proxied import Role, roles
from kamal_migrate.kamal.routed import routed
from kamal_migrate.kamal.routing import (
    Left,
    NewKey,
    Routing,
    Wish,
    routing,
)
from kamal_migrate.kamal.running import running
from kamal_migrate.kamal.traefik import is_for_traefik, of_map
from kamal_migrate.kamal.traefik_args import Fate, Line
from kamal_migrate.kamal.traefik_lines import lines
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path


@dataclass
class Fronting:
    """What a view says of Traefik in the words of Kamal 2.

    ``goes`` and ``comes`` are the keys of the change; ``left`` is what has no equivalent; ``notes`` what else
    to know; ``port`` where the app's port comes from; ``proxied`` are the roles that kamal-proxy serves;
    ``redirects`` tells whether Traefik redirected HTTP to HTTPS; ``deploys`` are the parts of the deployment
    that the change decides, with what each is then.
    """

    goes: list[Path] = field(default_factory=list)
    comes: list[NewKey] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    port: Evidence | None = None
    proxied: list[Role] = field(default_factory=list)
    redirects: bool = False
    deploys: list[tuple[tuple[str, ...], object]] = field(default_factory=list)


def fronting(view: View, target: Version, source: Version | None) -> Fronting:
    """All that Traefik did for the roles of a view, for a Kamal 2, beside the views that share its files."""
    shared = sharing(view)
    rows = [_routed(each, target, source) for each in (view, *shared)]
    _one_key_for_paths([routing for row in rows for routing in row.routed.values()])
    apart = paired({key for row in rows for key in _differing(row, rows) if _is_shared(row, key)})
    for row in rows:
        _put_together(row, apart if shared else set(), target, source)
    wanted = [Wanted(row.view, row.found.goes, row.found.comes, row.roles, row.found.left) for row in rows]
    found, (own, *others) = rows[0].found, wanted
    for role in found.proxied:
        found.deploys += routed(view, role, rows[0].wishes[role.name], target)
    gone = labels_that_go(own, others)
    found.goes += gone
    if not found.proxied:  # Without a Traefik these labels, which are for the other view, serve nobody.
        found.left = [left for left in found.left if left.name != "role" or not set(left.keys) <= set(gone)]
    found.comes = without_needless_switches([*found.comes, *unsaid(own, others)])
    return found


class Row(NamedTuple):
    """A view, what is found for it, its roles, what their labels mean, and the labels of a Traefik beside."""

    view: View
    found: Fronting
    roles: list[Role]
    routed: dict[str, Routing]
    beside: set[Path]

    @property
    def wishes(self) -> dict[str, dict[Path, Wish]]:
        """The keys below `proxy` that each role wants."""
        return {name: row.wishes for name, row in self.routed.items()}


def _one_key_for_paths(routings: list[Routing]) -> None:
    """Where one says several path prefixes, all say theirs by that key: it wins over the other one."""
    one, several = ("path_prefix",), ("path_prefixes",)
    if any(several in routing.wishes for routing in routings):
        for routing in routings:
            wish = routing.wishes.pop(one, None)
            if wish:
                routing.wishes[several] = Wish([wish.value], wish.source)


def _differing(row: Row, rows: list[Row]) -> set[Path]:
    """The keys on which roles of a view do not agree, or that another, served view had to take back."""
    keys = [{key for wishes in each.wishes.values() for key in wishes} for each in rows if each.found.proxied]
    everywhere = set.intersection(*keys) if keys else set()
    at_roles = AT_ROLES if not any(each.view.has("proxy") for each in rows) else frozenset()
    own = {key for wishes in row.wishes.values() for key in wishes if key in at_roles or key not in WITHOUT}
    return differing(row.found.proxied, row.wishes) | (own - everywhere)


def _is_shared(row: Row, key: Path) -> bool:
    """Whether a role wants a key for what the base of a view says, which other views read as well."""
    sources = [wishes[key].source for wishes in row.wishes.values() if key in wishes]
    base = row.view.layers[0]
    return any(base.key in (layer.key for layer in row.view.stating(path)[-1:]) for path in sources if path)


def _routed(view: View, target: Version, source: Version | None) -> Row:
    """What the labels and health checks of a view's roles mean."""
    found, everyone = Fronting(), roles(view, source)
    found.proxied = [role for role in everyone if role.proxied]
    known = resolvers(view.get("traefik"))
    found.redirects = known.redirects
    beside = {path for role in everyone for path in read_beside(view, role)}
    routed = {
        role.name: routing(
            [label for label in role.labels if label.path not in beside],
            Setting(known, target, role.size, _order(view), role.name),
        )
        for role in found.proxied
    }
    for role in found.proxied:
        without_other_routes(view, role, routed[role.name])
    without_shared_hosts(routed, found.proxied)
    found.port = _checked(view, found.proxied, routed)
    return Row(view, found, everyone, routed, beside)


def _put_together(row: Row, apart: set[Path], target: Version, source: Version | None) -> None:
    """All that goes and comes; the keys ``apart`` come to the roles, as they do for other views."""
    view, found = row.view, row.found
    said, known = list(lines(view.get("traefik"))), resolvers(view.get("traefik"))
    labels = [label for role in found.proxied for label in role.labels]
    shared = running(without_those_beside(said, labels, known), found.proxied, target)
    found.comes += leveled(found.proxied, row.wishes, apart)
    found.comes += [NewKey(("proxy", *key), wish.value, wish.source) for key, wish in shared.wishes.items()]
    _switches(view, row.roles, found)
    _unproxied(row, source)
    _take(view, [*row.routed.values(), shared], row.beside, found)
    found.notes += dict.fromkeys(filter(None, map(_needless, said)))
    found.comes = [new for new in found.comes if not is_there(view, new.path)]


def _needless(line: Line) -> str:
    """What is to be known of a line that goes for nothing; mostly nothing."""
    return f"`{'.'.join(map(str, line.path))}`: {line.why}" if line.fate is Fate.DEFAULT and line.why else ""


def _order(view: View) -> Callable[[Path], int]:
    """Which of the view's files states a key last, by number."""
    keys = [layer.key for layer in view.layers]

    def order(path: Path) -> int:
        stating = view.stating(path)
        return keys.index(stating[-1].key) if stating else -1

    return order


def _checked(view: View, proxied: list[Role], routed: dict[str, Routing]) -> Evidence | None:
    """Put health checks and ports into the routings; the least certain evidence of a port."""
    found: list[Evidence] = []
    for role in proxied:
        health(view, role, routed[role.name])
        option_labels(view, role, routed[role.name])
        evidence = app_port(view, role, routed[role.name])
        found += [evidence] if evidence else []
    return next((evidence for evidence in found if evidence.assumed), found[0] if found else None)


def _switches(view: View, everyone: list[Role], found: Fronting) -> None:
    """`servers.*.traefik` becomes `servers.*.proxy`, where the role differs from what Kamal 2 does anyhow."""
    own = {new.path[1] for new in found.comes if new.path[:1] == ("servers",)}
    for role in everyone:
        if not role.path:
            continue
        flag = (*role.path, "traefik")
        stated, value = view.has(*flag), view.get(*flag)
        found.goes += [flag] if stated else []
        if isinstance(value, Opaque):
            why = f"ERB says whether this role is served: `traefik: {value.source}`"
            found.left.append(Left("role", (flag,), why, f"write `servers.{role.name}.proxy` by hand"))
        elif role.proxied is not role.primary and role.name not in own:
            found.comes.append(NewKey((*role.path, "proxy"), role.proxied, flag if stated else None))
        elif value is False and role.proxied:
            found.notes.append(f"before 1.3 Kamal did not read the `traefik: false` of {role.name}")


def _unproxied(row: Row, source: Version | None) -> None:
    view, found = row.view, row.found
    for role in row.roles:
        found.goes += _inside(view, (*role.path, "healthcheck")) if role.path else []
        if role.proxied:
            continue
        own = unproxied(view, role, source)
        found.comes += own.comes
        found.left += own.left
        found.notes += own.notes
        labels = [label for label in role.own_labels if label.path not in row.beside]
        rules = [label for label in labels if label.name.lower().endswith(".rule")]
        if rules:
            why = f"Traefik served {role.name} by its labels alone"
            todo = f"write `servers.{role.name}.proxy` with its hosts and port, then take the labels out"
            keys = tuple(label.path for label in (*rules, *(x for x in labels if x not in rules)))
            found.left.append(Left("role", keys, why, todo))


def _take(view: View, rows: Iterable[Routing], stay: set[Path], found: Fronting) -> None:
    """What goes, what has no equivalent and stays beside what shall ``stay``, and the time for a deploy."""
    for row in rows:
        found.left += [left for left in row.left if left not in found.left]
        found.notes += row.notes
    stay = stay | {key for left in found.left for key in left.keys}
    found.goes += [("traefik",)] if view.has("traefik") else []
    found.goes += _inside(view, ("healthcheck",))
    source = ("healthcheck", "max_attempts")
    attempts = view.get(*source)
    if isinstance(attempts, Opaque):
        why = f"Kamal 2 waits for seconds, not attempts: `max_attempts: {attempts.source}`"
        found.left.append(Left("deploy-timeout", (source,), why, "write `deploy_timeout` in seconds"))
    elif isinstance(attempts, (int, str)) and str(attempts).isdigit():
        found.comes.append(NewKey(("deploy_timeout",), patience(int(attempts)), source))
    for path in _label_maps(view):
        value = view.get(*path)
        if isinstance(value, Opaque) and found.proxied:
            todo = "if it gives labels to Traefik, write `proxy` by hand"
            found.left.append(Left("label", (path,), "ERB writes the labels", todo))
        names = (label for label in of_map(value, path) if is_for_traefik(label.name))
        found.goes += [label.path for label in names if label.path not in stay]


def _inside(view: View, path: Path) -> list[Path]:
    """A map that goes, as the keys in it, for some of them may move; itself where it holds none."""
    value = view.get(*path)
    inside = [(*path, name) for name in value] if isinstance(value, dict) else []
    return inside or ([path] if view.has(*path) else [])


def _label_maps(view: View) -> list[Path]:
    servers = view.get("servers")
    names = servers if isinstance(servers, dict) else {}
    return [("labels",), *(("servers", name, "labels") for name in names if isinstance(names[name], dict))]
