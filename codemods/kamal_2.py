"""Move a Kamal 2 config to a newer Kamal 2

What changed in Kamal
    `proxy: false` and `proxy: true` at the root never had a meaning: 2.0.0 to
    2.6.0 read `false` as an empty map, so that the proxy stayed on
    (basecamp/kamal#1217); everything else, and 2.6.1 and newer, refuse them
    (`proxy: should be a hash`). Only `proxy: false` in a role turns it off.
    2.1.0 brought `hosts`, a list. `host` beside it is refused, also where they
    only meet when a destination is merged with its base, or a role with the
    root (`Specify one of 'host' or 'hosts', not both`, #1832).
    From 2.10.0 on `ssh.key_data` holds names of secrets; a key itself still
    works, with a warning, and will not in Kamal 3. `proxy.run` took the place
    of `kamal proxy boot_config`.
    2.6.0 may ignore the whole root `proxy` (#1555). 2.10.0 mounts a named
    volume of an accessory as a folder beside it. In 2.10 and 2.11 one root
    `proxy.run` conflicts with itself where two roles behind the proxy share a
    server. With `error_pages_path` an accessory's proxy breaks the first setup
    of a server (#1934).

What this does
    A root `proxy` that is true, false or empty goes. Where `host` meets
    `hosts`, every `host` of that config becomes `hosts`, a list; the file that
    Kamal obeys last wins, as it does for any key.
    Names the rest. What a newer Kamal 2 takes as it is stays as it is.

Safety
    `safe`: what was as good as nothing. `review`: `host` to `hosts`, for no
    Kamal took the two together. All else is `manual`.

Left to you
    Both `host` and `hosts` in one map of one file. Keys in `ssh.key_data`. The
    releases named above: take the next one. `kamal proxy boot_config` in hooks
    and CI is named by the codemod hooks.
"""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.api import (
    Codemod,
    Come,
    Finding,
    Fix,
    Opaque,
    Options,
    Path,
    Safety,
    Version,
    View,
    hosts_of,
    mixed_hosts,
    proxied_together,
    proxy_maps,
)

CODEMOD = Codemod(
    "Move a Kamal 2 config to a newer Kamal 2",
    findings=("proxy", "hosts", "key-data", "volume", "run", "error-pages", "release"),
    since=Version(2),
)

HOSTS, FALSE_REFUSED, RUN = Version(2, 1), Version(2, 6, 1), Version(2, 10)
LOSES_PROXY, LOSES_VOLUMES, RUN_COMPARED = Version(2, 6), Version(2, 10), Version(2, 12)
PROXY: Path = ("proxy",)
KEY_DATA: Path = ("ssh", "key_data")


def decide(view: View, options: Options) -> Iterator[Finding]:
    """The root proxy, hosts, keys, then what single releases do wrong."""
    yield from _root(view, options)
    if options.to >= HOSTS:
        yield from _hosts(view)
    if options.to >= RUN:
        yield from _key_data(view)
    yield from _releases(view, options)


def _manual(name: str, key: Path, message: str, todo: str) -> Finding:
    return Finding(f"kamal-2/{name}", key, message, Safety.MANUAL, todo=todo)


def _root(view: View, options: Options) -> Iterator[Finding]:
    """A root `proxy` that is no map."""
    value = view.get(*PROXY)
    if not view.has(*PROXY) or isinstance(value, (dict, list, str, Opaque)):
        return
    if value is False and options.to < FALSE_REFUSED:
        return
    kamal, notes = f"Kamal {options.to.short} wants a map as `proxy`", tuple[str, ...]()
    if value is False:
        message = f"{kamal}; `false` never turned it off"
        notes = ("to turn it off: `proxy: false` in the role, as `servers: {web: {proxy: false}}`",)
    else:
        message = f"{kamal}; without one it is on for the primary role"
    if len(view.stating(PROXY)) > 1:
        todo = "state the map only in the destinations that want it, and take this out"
        yield _manual("proxy", PROXY, f"{kamal}, and nothing else unsays what the base says", todo)
    else:
        yield Finding("kamal-2/proxy", PROXY, message, Safety.SAFE, Fix((PROXY,)), notes=notes)


def _hosts(view: View) -> Iterator[Finding]:
    """Every `host` of a config in which one meets `hosts`."""
    mixed = mixed_hosts(view)
    for path in proxy_maps(view):
        if path in mixed and view.has(*path, "host"):
            yield _to_hosts(view, path)


def _to_hosts(view: View, path: Path) -> Finding:
    old, new = (*path, "host"), (*path, "hosts")
    message = "Kamal 2.1 and newer refuse `host` where it meets `hosts`, also after merging"
    named, notes = hosts_of(view, path), tuple[str, ...]()
    if view.has(*new) and view.later(new, old):
        fix, notes = Fix((old,)), ("the `hosts` of the later file counts",)
    elif view.has(*new) and not view.later(old, new):
        return _manual("hosts", old, message, "keep one of the two")
    elif named is None:
        return _manual("hosts", old, message, "write `hosts:` with a list")
    else:
        fix = Fix((old,), (Come(new, named, old),))
    changes = ("roles.*.proxy.hosts", "accessories.*.proxy.hosts")
    return Finding("kamal-2/hosts", old, message, Safety.REVIEW, fix, notes=notes, changes=changes)


def _key_data(view: View) -> Iterator[Finding]:
    """A private key where the name of a secret is due."""
    items = view.get(*KEY_DATA)
    if not isinstance(items, list) or not any(_is_key(item) for item in items):
        return
    message = "from Kamal 2.10 on `ssh.key_data` holds names of secrets; a key itself is deprecated"
    todo = "put the key into .kamal/secrets, as SSH_KEY=$(cat path/to/key), and write SSH_KEY here"
    yield _manual("key-data", KEY_DATA, message, todo)


def _is_key(item: object) -> bool:
    return isinstance(item, Opaque) or (isinstance(item, str) and ("PRIVATE KEY" in item or "\n" in item))


def _releases(view: View, options: Options) -> Iterator[Finding]:
    """What a release does wrong with keys that it takes."""
    maps = proxy_maps(view)
    if options.to == LOSES_PROXY and PROXY in maps:
        message = "Kamal 2.6.0 may ignore the whole root `proxy` (kamal#1555)"
        yield _manual("release", PROXY, message, "take 2.6.1 or newer")
    if options.to == LOSES_VOLUMES:
        yield from _volumes(view)
    if RUN <= options.to < RUN_COMPARED and view.has(*PROXY, "run"):
        for host, roles in list(proxied_together(view))[:1]:
            message = f"Kamal {options.to.short} refuses `proxy.run` where {' and '.join(roles)} share {host}"
            yield _manual("run", (*PROXY, "run"), message, "take 2.12, which compares what they say")
    with_proxy = [path for path in maps if path[0] == "accessories"]
    if view.has("error_pages_path") and with_proxy:
        message = "with `error_pages_path` an accessory's proxy breaks the first setup (kamal#1934)"
        todo = "on a new server set it up without `error_pages_path` first"
        yield _manual("error-pages", with_proxy[0], message, todo)


def _volumes(view: View) -> Iterator[Finding]:
    accessories = view.get("accessories")
    for name in accessories if isinstance(accessories, dict) else ():
        volumes = view.get("accessories", name, "volumes")
        named = [volume for volume in volumes if _is_named(volume)] if isinstance(volumes, list) else []
        if named:
            message = f"Kamal 2.10.0 mounts a folder in place of the volume `{named[0].partition(':')[0]}`"
            yield _manual("volume", ("accessories", name, "volumes"), message, "take 2.10.1 or newer")


def _is_named(volume: object) -> bool:
    return isinstance(volume, str) and ":" in volume and volume[0] not in "/.~$"
