"""Name the keys that the target Kamal does not know and nothing here can rewrite

What changed in Kamal
    From 1.7.0 on Kamal compares every section of the config with what it knows
    and stops at the first unknown key. Kamal 2 dropped Traefik, the old health
    checks and more; a newer key is as unknown to an older Kamal.

What this does
    Reports each such key by name and line, with what took its place. Nothing is
    changed. A key that another codemod takes away or reports is not named
    again.

Safety
    Always `manual`.

Left to you
    Each of them. `kamal config` of the target version tells whether all is
    well; it stops at the first fault, so run it until it is silent, once for
    every destination.
"""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.api import Codemod, Finding, Options, Refused, Safety, View, refused

CODEMOD = Codemod("Name the keys that the target Kamal does not know", fallback=True)


def decide(view: View, options: Options) -> Iterator[Finding]:
    """A finding for each key that the target refuses or ignores."""
    for key in refused(view.data, options.to):
        yield _finding(key, _fate(key, f"Kamal {options.to.short}"))


def _fate(key: Refused, kamal: str) -> str:
    """What became of a key in the target."""
    name = f"`{'.'.join(map(str, key.path))}`"
    if key.newer:
        return f"{name} is newer than {kamal}"
    fate = f"{name} has another form in {kamal}" if key.retyped else f"{kamal} has no {name}"
    return f"{fate}; instead: {key.replaced_by}" if key.replaced_by else fate


def _finding(key: Refused, message: str) -> Finding:
    todo = "rewrite it by hand" if key.replaced_by or key.retyped else "take it out"
    todo = "take it out, or migrate to a Kamal that knows it (--to)" if key.newer else todo
    return Finding(f"legacy-keys/{key.path[-1]}", key.path, message, Safety.MANUAL, todo=todo)
