"""Say what is built and where, and cache builds in the registry

What changed in Kamal
    Kamal 1 built for two architectures unless `builder.multiarch: false`. Then
    it ran plain `docker build` and `docker push`: for the architecture of
    whatever machine ran it, on whatever builder was selected there. Docker 23
    made `docker build` a name for `docker buildx build`. A selected builder
    with the driver docker-container keeps its result in the build cache, and
    the push that follows fails with "An image does not exist locally with the
    tag" (basecamp/kamal#771). Such a builder gets selected by Kamal itself (it
    runs `docker buildx create --use` for its multi-architecture builds), by
    GitHub's docker/setup-buildx-action, by hand, or by BUILDX_BUILDER.
    Beside `multiarch: false`, every Kamal 1 ignored `remote` and `local`. A
    `remote` alone built there, always. `local.arch` alone counts from 1.4.0 on;
    before, both architectures were built. `local` and `remote` together built
    both, but from 1.4.0 to 1.8.2 only the local one (basecamp/kamal#783).
    Before 1.5.0 the working tree was built, later a copy of the last commit.
    Kamal 2 refuses `multiarch` (`builder: unknown key: multiarch`), the maps
    `remote` and `local`, and any config without `builder.arch` (`builder:
    Builder arch not set`). It builds with buildx, pushes straight to the
    registry, and uses `remote` only for what the local machine is not, unless
    `local: false`.

What this does
    `multiarch: false` becomes `arch: X`, and a registry cache where there is
    none: the builder of Kamal 2 has no other cache that outlives its machine.
    The cache is a tag in the app's own repository (`image:
    <image>:build-cache`), so that nothing new is created, billed or made
    public; for Amazon ECR with the options that ECR needs. Where `image` is
    ERB, Kamal's own default stands: a repository `<image>-build-cache`. A cache
    that any view has is left alone.
    X is what --arch, kamal-migrate.toml, an inventory of all the hosts, a
    role's platform option, the Dockerfile's `FROM --platform`, the CI runner or
    a commented-out builder says. Without any of these it is amd64, and the
    change is `assumed`.
    `multiarch: true`, and no `arch` at all, become `arch: [amd64, arm64]`: what
    Kamal 1 did. An `arch` that stands beside `multiarch` stays.
    `remote: {arch, host}` becomes `arch`, `remote: host` and `local: false`;
    without a host, `arch` alone. `local: {arch}` becomes `arch`; `local.host`
    has no successor: Kamal 2 uses the Docker context that is current. Both maps
    become `arch: [A, B]` and `remote: host`. `multiarch: false` beside them
    goes, for they say what was meant.
    With --to 1.9, `multiarch: false` becomes `remote: {arch: X}` and the cache:
    without a host that builds here, with a builder of its own that pushes.
    Beside a map it just goes. All else needs nothing there.
    With --preserve, what Kamal 1 really did: `multiarch: false` becomes `arch:
    X` and `driver: docker`, so that the selected builder goes on building,
    without a cache; a `remote` or `local` beside it goes. Where there is a
    cache, or two architectures, that driver cannot build, and is left out.
    Both maps keep only the local architecture where the version built only
    that, for 1.9 too; a config from before 1.5.0 gets `context: .`.
    For 1.9 `multiarch: false` stays then, and with a cache it does push.
    Without one, Kamal has no key for `--load`, so do one of these on the
    machine that builds: `docker buildx use default`; a builder made with
    `--driver-opt default-load=true`; or BUILDX_BUILDER naming a builder whose
    driver is docker.

Safety
    `safe`, for the same platforms are built on the same machine, the same way,
    and that is proved with the builds of both versions: `multiarch: true`, a
    missing `arch`, `remote` alone, and `local` where the version is known.
    `review`: `multiarch: false`, for the platform is pinned, buildx pushes, and
    the cache is new; both maps, for Kamal 2 chooses the machine by its
    architecture; an `arch` beside `multiarch`, which Kamal 1 did not read.
    `assumed`: nothing tells the architecture, or the version on which the
    meaning hangs. An image for the wrong one is pulled, and does not start.

Left to you
    Values that are ERB, keys in the maps that Kamal never read, a `local.host`
    on another machine, a destination whose `multiarch: false` overrides the
    `remote` of its base, for 1.9 maps that it reads otherwise. Then look at it
    and build once: `kamal config -d X`, `kamal build push -d X`, from 2.5 also
    `kamal build dev`. Old builders stay; `docker buildx ls` lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kamal_migrate.api import (
    BOTH,
    MOVED,
    Becomes,
    Codemod,
    Come,
    Explicit,
    Finding,
    Fix,
    Opaque,
    Options,
    Safety,
    Version,
    View,
    architecture,
    built_for,
    cache_for,
    explicit,
    in_force,
    otherwise_in_1_9,
)

CODEMOD = Codemod(
    "Say what is built and where, and cache builds in the registry",
    findings=("multiarch", "arch", "remote", "local", "empty", "context"),
    changes=("build",),
)

KAMAL_2, NEWEST_1, CLONES = Version(2), Version(1, 9, 3), Version(1, 5)
MULTIARCH, ARCH, LOCAL = ("builder", "multiarch"), ("builder", "arch"), ("builder", "local")
REMOTE, CACHE = ("builder", "remote"), ("builder", "cache")
CONTEXT, DRIVER = ("builder", "context"), ("builder", "driver")
NATIVE = "`false` builds for whatever machine runs kamal"
PUSH_FAILS = "and its push fails where a docker-container builder is selected (kamal#771)"
RECREATED = "Kamal 1.7 to 1.9 make this builder anew at each push; `local: {arch: X}` keeps its local cache"


def decide(view: View, options: Options) -> Iterator[Finding]:
    """What is built and where, then maps with nothing in them, then the context."""
    builder = view.get("builder")
    if builder is not None and not isinstance(builder, dict):
        return
    settings = in_force(view, builder or {})
    found = list(_built(view, settings, options))
    filled = {come.path for finding in found if finding.fix for come in finding.fix.comes}
    for path in (LOCAL, REMOTE):
        if path not in filled and settings.get(path[-1], "") is None:
            message = f"Kamal {options.to.short} refuses an empty `{path[-1]}`"
            found.append(Finding("builder/empty", path, message, Safety.SAFE, Fix((path,))))
    yield from map(_announcing, [*found, *_context(view, settings, options)])


def _announcing(finding: Finding) -> Finding:
    """The finding, with the platforms that are built then."""
    parts = [built_for(come.value) for come in (finding.fix or Fix()).comes if come.path == ARCH]
    return replace(finding, becomes=tuple(Becomes(*part) for part in parts if part))


def _built(view: View, builder: dict[str, Any], options: Options) -> Iterator[Finding]:
    if "multiarch" in builder:
        yield from _multiarch(view, builder, options)
    elif _maps(builder) and options.to >= KAMAL_2:
        yield _worded(explicit(builder, options.source, preserve=options.preserve))
    elif options.to >= KAMAL_2 and "arch" not in builder:
        yield _missing_arch(view, builder, options)
    if options.to < KAMAL_2 and not (builder.get("multiarch") is False and options.preserve):
        changed = otherwise_in_1_9(builder, options.source, preserve=options.preserve)
        yield from [_worded(changed)] if changed else []


def _maps(builder: dict[str, Any]) -> list[str]:
    """Which of `local` and `remote` are maps, as in Kamal 1."""
    return [name for name in ("local", "remote") if isinstance(builder.get(name), dict)]


def _manual(why: str, todo: str) -> Finding:
    return Finding("builder/multiarch", MULTIARCH, f"`multiarch` stays: {why}", Safety.MANUAL, todo=todo)


def _multiarch(view: View, builder: dict[str, Any], options: Options) -> Iterator[Finding]:
    value, to_2 = builder["multiarch"], options.to >= KAMAL_2
    if not isinstance(value, (bool, type(None))):
        yield _manual("its value is not plainly true or false", "write true or false, then run again")
    elif not to_2 and value is not False:
        return
    elif options.preserve and not to_2 and value is False:
        if not view.has(*CACHE):
            todo = "run `docker buildx use default` where it is built; see: explain builder"
            yield _manual("--preserve keeps what Kamal 1 did", todo)
    elif value is False and view.later(MULTIARCH, LOCAL, REMOTE) and _maps(builder):
        yield _overriding(view, builder, options)
    elif _maps(builder):
        yield from _beside(view, builder, options)
    elif "arch" in builder and not to_2:
        yield _manual("Kamal 1 knows no `arch`", "keep one of the two, then run again")
    elif "arch" in builder:
        message = "Kamal 2 knows no `multiarch`; the `arch` beside it says what is built"
        yield Finding("builder/multiarch", MULTIARCH, message, Safety.REVIEW, Fix(goes=(MULTIARCH,)))
    else:
        yield _native(view, options) if value is False else _both(options)


def _overriding(view: View, builder: dict[str, Any], options: Options) -> Finding:
    """A destination's `multiarch: false` over the maps of its base: that is what it says."""
    base = view.layers[0].document.path
    if options.to < KAMAL_2:
        todo = "if its push fails, run `docker buildx use default` where it is built (kamal#771)"
        return _manual(f"it overrides the builder of {base}", todo)
    if "host" in (builder.get("remote") or {}):
        todo = "state `remote` in the destinations that want it only, then run again"
        return _manual(f"it overrides `remote` of {base}, and Kamal 2 has no word for that", todo)
    return _without_maps(view, builder, options)


def _without_maps(view: View, builder: dict[str, Any], options: Options) -> Finding:
    """`multiarch: false`, and the maps go that Kamal 1 ignored beside it."""
    made, goes = _native(view, options), tuple(("builder", name) for name in _maps(builder))
    fix = made.fix or Fix()
    return replace(made, fix=replace(fix, goes=(*fix.goes, *goes)))


def _beside(view: View, builder: dict[str, Any], options: Options) -> Iterator[Finding]:
    """`multiarch` with a `remote` or `local` map: Kamal 1 looked at `false` first, else at the map."""
    native, found = builder["multiarch"] is False, _maps(builder)
    names = " and ".join(f"`{name}`" for name in found)
    if native and options.preserve:
        message = f"Kamal 1 ignored {names} beside `multiarch: false`; --preserve drops what it ignored"
        yield replace(_without_maps(view, builder, options), message=message)
        return
    meant = _worded(explicit(builder, NEWEST_1 if native else options.source, preserve=options.preserve))
    if options.to < KAMAL_2:
        meant = replace(meant, fix=Fix(), safety=Safety.REVIEW, notes=())
    if meant.fix is None:
        yield meant
        yield _manual(f"{names} beside it needs hands first", "run again after it")
        return
    notes, safety = meant.notes, meant.safety
    message = f"Kamal 2 knows no `multiarch`; {meant.message}".replace("; Kamal 2 wants", " and wants")
    if native:
        said = "they say" if len(found) > 1 else "it says"
        message = f"Kamal 1 ignored {names} beside `multiarch: false`; this is what {said}"
        notes, safety = (*notes, "--preserve keeps what Kamal 1 did"), Safety.REVIEW
    fix = replace(meant.fix, goes=(MULTIARCH, *meant.fix.goes))
    meant = replace(meant, id="builder/multiarch", message=message, safety=safety, fix=fix, notes=notes)
    yield replace(meant, also=(MULTIARCH, LOCAL, REMOTE))


def _worded(meant: Explicit) -> Finding:
    """What the maps mean, as a finding."""
    name, also = f"builder/{meant.key[-1]}", (LOCAL, REMOTE)
    if meant.todo:
        return Finding(name, meant.key, meant.message, Safety.MANUAL, todo=meant.todo, also=also)
    safety = Safety.ASSUMED if meant.assumed else Safety.SAFE if meant.same else Safety.REVIEW
    comes = [Come(key.path, MOVED if key.value is None else key.value, key.source) for key in meant.comes]
    fix, evidence = Fix(meant.goes, tuple(comes)), meant.evidence
    return Finding(name, meant.key, meant.message, safety, fix, evidence, notes=meant.notes, also=also)


def _native(view: View, options: Options) -> Finding:
    """`multiarch: false`: pin the architecture that the servers run."""
    known, to_2 = options.inventory.of_app(view, options.to), options.to >= KAMAL_2
    arch = architecture(view, options.arch, options.answer, known)
    notes: tuple[str, ...] = () if to_2 or arch.value == "both" else (RECREATED,)
    came: tuple[Come, ...] = (_pinned(arch.value, options),)
    if options.preserve:
        came += _docker_driver(view, arch.value)
    else:
        cache, note = cache_for(view, options.cache)
        came += (Come(CACHE, cache, optional=True),) if cache else ()
        notes += (note,) if note else ()
    unknown = "Kamal 2 knows no `multiarch`; on Kamal 1 " if to_2 else ""
    message = unknown + (NATIVE if view.has(*CACHE) else f"{NATIVE}, {PUSH_FAILS}")
    safety = Safety.ASSUMED if arch.assumed else Safety.REVIEW
    goes = () if came[0].path == MULTIARCH else (MULTIARCH,)
    evidence = f"{arch.value}: {arch.source}"
    return Finding("builder/multiarch", MULTIARCH, message, safety, Fix(goes, came), evidence, notes=notes)


def _pinned(arch: str, options: Options) -> Come:
    """The key that says the architecture: `arch`, or for 1.9 the `remote` that has no host."""
    if options.to >= KAMAL_2:
        return Come(ARCH, list(BOTH) if arch == "both" else arch, MULTIARCH)
    return Come(MULTIARCH, True, MULTIARCH) if arch == "both" else Come(REMOTE, {"arch": arch}, MULTIARCH)


def _docker_driver(view: View, arch: str) -> tuple[Come, ...]:
    """Kamal 1 used the docker driver unless there was a cache. It exports none, nor builds two platforms."""
    other = view.has(*CACHE) or view.has(*DRIVER) or arch == "both"
    return () if other else (Come(DRIVER, "docker", MULTIARCH),)


def _both(options: Options) -> Finding:
    """`multiarch: true`: the two architectures that it meant, or the one that was asked for."""
    value, safety, evidence = _asked(options)
    fix = Fix((MULTIARCH,), (Come(ARCH, value, MULTIARCH),))
    message = "Kamal 2 knows no `multiarch`; it wants the architectures by name"
    return Finding("builder/multiarch", MULTIARCH, message, safety, fix, evidence)


def _asked(options: Options) -> tuple[object, Safety, str]:
    if options.arch and options.arch.value != "both":
        return options.arch.value, Safety.REVIEW, f"{options.arch.value}: {options.arch.source}"
    return list(BOTH), Safety.SAFE, "amd64 and arm64: what Kamal 1 built"


def _missing_arch(view: View, builder: dict[str, Any], options: Options) -> Finding:
    does = [f"says `{name}`" for name in ("local", "remote") if isinstance(builder.get(name), Opaque)]
    does += ["writes lines or keys here that may hold it"] if view.is_open(ARCH) else []
    if does:
        message = f"Kamal 2 wants `builder.arch`; ERB {does[0]}"
        todo = "add `arch: amd64` to the builder if it is missing"
        return Finding("builder/arch", ARCH, message, Safety.MANUAL, todo=todo)
    value, safety, evidence = _asked(options)
    notes = () if options.arch else ("only amd64 servers? --arch amd64 halves the build",)
    message = "Kamal 2 refuses a config without `builder.arch`"
    fix = Fix(comes=(Come(ARCH, value),))
    return Finding("builder/arch", ARCH, message, safety, fix, evidence, notes=notes)


def _context(view: View, builder: dict[str, Any], options: Options) -> Iterator[Finding]:
    """A config from before 1.5.0 without `context` built the working tree."""
    known = options.source is not None and options.source < CLONES
    if not (options.preserve and known) or "context" in builder or view.is_open(CONTEXT):
        return
    message = "Kamal before 1.5 built the working tree; later ones build a copy of the last commit"
    yield Finding("builder/context", CONTEXT, message, Safety.REVIEW, Fix(comes=(Come(CONTEXT, "."),)))
