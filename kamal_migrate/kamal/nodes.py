"""The `local` and `remote` maps of a Kamal 1 builder in the words of Kamal 2 (history B.1 and B.4)."""

from __future__ import annotations

from typing import Any, NamedTuple

from kamal_migrate.kamal.builds import BOTH, said
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.notation import written_by_erb
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path

LOCAL_ARCH_COUNTS, BOTH_NODES_BUILD, KAMAL_2 = Version(1, 4), Version(1, 8, 3), Version(2)
NO_LOCAL_ALONE, LOCAL_ALONE = Version(0, 14), Version(0, 16)
ARCH, LOCAL, REMOTE = ("builder", "arch"), ("builder", "local"), ("builder", "remote")
LOCAL_ARCH, LOCAL_HOST = (*LOCAL, "arch"), (*LOCAL, "host")
REMOTE_ARCH, REMOTE_HOST = (*REMOTE, "arch"), (*REMOTE, "host")
_ADDRESSES = ("ssh", "hosts", "server", "address", "url", "uri", "ip")


class NewKey(NamedTuple):
    """A key of Kamal 2: its value, None for that of its source, and the key it comes from."""

    path: Path
    value: object
    source: Path


class Explicit(NamedTuple):
    """What the maps mean: the keys that go and come, or why that cannot be said and what to do.

    ``same`` is true where both versions build the same; ``assumed`` where the meaning hangs on a version that
    is not known, and ``evidence`` says how another one read it.
    """

    key: Path
    message: str
    goes: tuple[Path, ...] = ()
    comes: tuple[NewKey, ...] = ()
    same: bool = False
    assumed: bool = False
    evidence: str = ""
    notes: tuple[str, ...] = ()
    todo: str = ""


def explicit(builder: dict[str, Any], source: Version | None, *, preserve: bool) -> Explicit:
    """A builder with a `local` or `remote` map in the words of Kamal 2.

    ``source`` is the version that deploys it now. With ``preserve`` a mistake of that version is kept.
    """
    local, remote = _table(builder, "local"), _table(builder, "remote")
    known = source if source and source < KAMAL_2 else None
    key = REMOTE if remote is not None else LOCAL
    wrong = _fault("local", local) or _fault("remote", remote)
    if wrong:
        return Explicit(key, wrong[0], todo=wrong[1])
    if "arch" in builder:
        why = f"an `arch` of Kamal 2 stands beside `{key[-1]}`"
        return Explicit(key, why, todo="keep one of the two, then run again")
    if remote is None:
        return _local(local or {}, known)
    if local is None:
        meant = _remote(remote, empty="local" in builder)
    else:
        meant = _two(local, remote, known, preserve=preserve)
    erb = written_by_erb(remote.get("host")) and any(key.path == REMOTE for key in meant.comes)
    return meant._replace(notes=(*meant.notes, NOT_EMPTY)) if erb else meant


def in_force(view: View, builder: dict[str, Any]) -> dict[str, Any]:
    """The builder without an `arch` of the base that a destination's maps override."""
    maps = [("builder", name) for name in ("local", "remote") if _table(builder, name) is not None]
    overridden = bool(maps) and "arch" in builder and all(view.later(path, ARCH) for path in maps)
    return {key: value for key, value in builder.items() if key != "arch" or not overridden}


def _table(builder: dict[str, Any], name: str) -> dict[str, Any] | None:
    table = builder.get(name)
    return table if isinstance(table, dict) else None


def _fault(name: str, table: dict[str, Any] | None) -> tuple[str, str] | None:
    """Why a map cannot be put into other words, and what to do."""
    if table is None:
        return None
    odd = [key for key in table if key not in ("arch", "host")]
    arch, host = table.get("arch"), table.get("host", "…")
    if odd:
        reads = "ERB writes a key of" if odd[0].startswith("<%") else f"no Kamal reads `{odd[0]}` in"
        form = f"write {_form(name, table, odd[0])}"
        todo = form if odd[0].startswith("<%") else f"if that names the machine that builds, {form}"
        return f"{reads} `{name}`", todo
    if arch is None:
        return f"`{name}` names no architecture", "write `arch:` with what that machine builds"
    if not isinstance(arch, (str, Opaque)):
        return f"`{name}.arch` is not one architecture", "write `arch:` with what that machine builds"
    if not isinstance(host, Opaque) and not host:
        return f"`{name}.host` is empty, so this builds here", "write the host, or take the line away"
    if not isinstance(host, (str, Opaque)):
        return f"`{name}.host` is not one address", "write `ssh://user@host`"
    return None


def _form(name: str, table: dict[str, Any], odd: str) -> str:
    """What a map with a key that Kamal never read was meant to say."""
    arch = f"`arch: {said(table['arch'])}`" if isinstance(table.get("arch"), (str, Opaque)) else "`arch: X`"
    if name == "local":
        return arch
    value = table[odd]
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    host = said(value) if isinstance(value, (str, Opaque)) and odd in _ADDRESSES else ""
    host = host if "://" in host else f"ssh://{host or 'user@host'}"
    return f"{arch}, `remote: {host}` and `local: false`"


def _remote(remote: dict[str, Any], *, empty: bool) -> Explicit:
    """`remote` alone, or beside an empty `local`: Kamal 1 always built there; without a host, here."""
    arch = NewKey(ARCH, None, REMOTE_ARCH)
    if "host" not in remote:
        message = "Kamal 2 wants `remote` to be a host; without one this builds here"
        return Explicit(REMOTE, message, (REMOTE_ARCH,), (arch,), same=True)
    message = "Kamal 2 wants `remote` to be a host; without `local: false` it would build here where it can"
    comes = (arch, NewKey(REMOTE, None, REMOTE_HOST), NewKey(LOCAL, False, LOCAL if empty else REMOTE_HOST))
    return Explicit(REMOTE, message, (REMOTE_ARCH, REMOTE_HOST), comes, same=True)


def _local(local: dict[str, Any], known: Version | None) -> Explicit:
    """`local` alone: from 1.4.0 on its architecture, before that both; its host was never used."""
    gone: tuple[Path, ...] = (LOCAL_HOST,) if "host" in local else ()
    notes = ("`local.host` goes: no Kamal used it without `remote`",) if gone else ()
    refused = known is not None and NO_LOCAL_ALONE <= known < LOCAL_ALONE
    old = known is not None and known < LOCAL_ARCH_COUNTS and not refused
    evidence = ""
    if known is None:
        evidence = (
            "Kamal before 1.4.0 ignored `local.arch` and built amd64 and arm64; the version is not known"
        )
    elif refused:
        evidence = f"Kamal {known.short} refused `local` without `remote`"
    elif old:
        evidence = f"Kamal {known.short} ignored `local.arch` and built amd64 and arm64"
        notes = (*notes, f"if {said(local['arch'])} alone was meant, make it `arch: {said(local['arch'])}`")
    return Explicit(
        LOCAL,
        "Kamal 2 wants `arch`; its `local` only says whether to build here",
        (LOCAL_ARCH, *gone),
        (NewKey(ARCH, list(BOTH) if old else None, LOCAL_ARCH),),
        same=not refused,
        assumed=known is None,
        evidence=evidence,
        notes=notes,
    )


def _two(local: dict[str, Any], remote: dict[str, Any], known: Version | None, *, preserve: bool) -> Explicit:
    """Both maps: each its own architecture; some versions built only the local one, by mistake."""
    wrong = _unclear(local, remote)
    if wrong:
        return Explicit(REMOTE, wrong[0], todo=wrong[1])
    half = known is not None and LOCAL_ARCH_COUNTS <= known < BOTH_NODES_BUILD
    gone: tuple[Path, ...] = (LOCAL_HOST,) if "host" in local else ()
    notes = ("`local.host` goes: Kamal 2 builds with the Docker context that is current",) if gone else ()
    if half and preserve:
        message, only = f"this Kamal {HALF}; --preserve keeps that", NewKey(ARCH, None, LOCAL_ARCH)
        return Explicit(REMOTE, message, (REMOTE, LOCAL_ARCH, *gone), (only,), notes=notes)
    arches = list(dict.fromkeys((local["arch"], remote["arch"])))
    arch = NewKey(ARCH, arches if len(arches) > 1 else arches[0], REMOTE_ARCH)
    comes = (arch, NewKey(REMOTE, None, REMOTE_HOST)) if "host" in remote else (arch,)
    where = "on `remote` what the local machine is not" if "host" in remote else "both here"
    message = f"Kamal 2 wants the architectures in `arch`; it builds {where}"
    evidence = f"Kamal 1.4.0 to 1.8.2 {HALF}" if half or known is None else ""
    evidence += "; the version is not known" if known is None else ""
    goes = (LOCAL, *(key.source for key in comes))
    return Explicit(REMOTE, message, goes, comes, assumed=known is None, evidence=evidence, notes=notes)


NOT_EMPTY = "the ERB has to write a host, else Kamal 2 says: builder/remote: should be a string"
HALF = "built only the local architecture, by mistake (kamal#783)"


def _unclear(local: dict[str, Any], remote: dict[str, Any]) -> tuple[str, str] | None:
    """Why two maps cannot be put into other words, and what to do."""
    host = local.get("host", "")
    # A socket is this machine's, whatever ERB says of its path.
    where = host.source.strip("\"'") if isinstance(host, Opaque) else str(host or "")
    if where and not where.startswith("unix://"):
        why = "`local.host` may be another machine, and has no successor"
        return why, "write `arch: [A, B]` and `remote: ssh://user@host` by hand"
    if isinstance(local["arch"], Opaque) or isinstance(remote["arch"], Opaque):
        return "ERB says the architectures", "write `arch:` with both, and `remote:`"
    return None


def otherwise_in_1_9(builder: dict[str, Any], source: Version | None, *, preserve: bool) -> Explicit | None:
    """What Kamal 1.9 makes of the maps, where an older version that is known built something else."""
    local, remote = _table(builder, "local"), _table(builder, "remote")
    if source is None or local is None or _fault("local", local):
        return None
    arch = said(local["arch"])
    if remote is None and source < LOCAL_ARCH_COUNTS and not NO_LOCAL_ALONE <= source < LOCAL_ALONE:
        key, other = LOCAL, "take `local` away if both are needed"
        message = f"Kamal {source.short} builds amd64 and arm64, whatever `local.arch`; 1.9 only {arch}"
    elif remote is not None and LOCAL_ARCH_COUNTS <= source < BOTH_NODES_BUILD:
        key, other = REMOTE, f"take `remote` away if {arch} is enough"
        message = f"Kamal {source.short} builds only {arch} of these, by mistake (kamal#783); 1.9 both"
    else:
        return None
    return Explicit(key, message, (key,)) if preserve else Explicit(key, message, todo=other)
