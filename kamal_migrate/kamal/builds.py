"""What a build does under any Kamal: platforms, machines, driver, what pushes, cache and context.

The facts are the command lines that every release from 0.1.0 to 2.12.0 produced for the same configs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.versions import Version

HERE = ""
BOTH = ("amd64", "arm64")
WORKING_TREE, ARCHIVE, CLONE = (
    "the working tree",
    "an archive of the last commit",
    "a clone of the last commit",
)


class Cache(NamedTuple):
    """A build cache: its type, its options, and for a registry the reference without the server."""

    type: str
    options: str = ""
    image: str = ""


class BuildPlan(NamedTuple):
    """One build.

    ``way`` is Kamal's own word: native, native/cached, native/remote, multiarch, multiarch/remote in
    Kamal 1; local, remote, hybrid, cloud, pack in Kamal 2, or ``local or remote`` where the machine decides.
    ``arches`` is empty for the architecture of the machine that builds. ``machines`` are hosts, `HERE` for
    the one that runs Kamal. ``driver`` is empty for whatever builder is selected. ``refusal`` is Kamal's
    reason not to build.
    """

    way: str
    arches: tuple[str, ...] = ()
    machines: tuple[str, ...] = (HERE,)
    driver: str = "docker-container"
    pushes: bool = True
    cache: Cache | None = None
    context: str = CLONE
    refusal: str = ""


def build_plan(view: View, version: Version, local_arch: str | None = None) -> BuildPlan:
    """The build of a view's merged config under a version, on a machine of ``local_arch``."""
    found = view.get("builder")
    settings = found if isinstance(found, dict) else {}
    if version >= Version(2):
        plan = _kamal_2(settings, version, local_arch)
    else:
        plan = _kamal_1(settings, version, absent=found is None)
    caches = version >= Version(0, 14)
    return plan._replace(
        cache=_cache(view, settings) if caches else None, context=_context(settings, version)
    )


def said(value: object) -> str:
    """A value as text; ERB as its source."""
    return value.source if isinstance(value, Opaque) else "" if value is None else str(value)


def _cache(view: View, settings: dict[str, Any]) -> Cache | None:
    cache = settings.get("cache")
    if not isinstance(cache, dict):
        return None
    kind, options = said(cache.get("type")), said(cache.get("options"))
    default = f"{said(view.get('image'))}-build-cache"
    return Cache(kind, options, said(cache.get("image", default)) if kind == "registry" else "")


def _context(settings: dict[str, Any], version: Version) -> str:
    if settings.get("context") is not None and version >= Version(0, 9):
        path = said(settings["context"])
        return WORKING_TREE if path == "." else path
    if version < Version(1, 5):
        return WORKING_TREE
    return ARCHIVE if version < Version(1, 6) else CLONE


def _kamal_1(settings: dict[str, Any], version: Version, *, absent: bool) -> BuildPlan:
    """MRSK and Kamal 1; `multiarch: false` wins over `remote` and `local` in every version."""
    local, remote = (_table(settings.get(key)) for key in ("local", "remote"))
    native = settings.get("multiarch") is False
    refusal = _refusal_1(settings, local, remote, version, absent=absent)
    if refusal:
        return BuildPlan("", refusal=refusal)
    if local is not None and not native and version < Version(0, 2):
        return BuildPlan("remote", BOTH, (said(local.get("host")), said((remote or {}).get("host"))))
    if native and isinstance(settings.get("cache"), dict) and version >= Version(0, 14):
        return BuildPlan("native/cached", driver="")
    if native:
        return BuildPlan("native", driver="", pushes=False)
    if local is not None and remote is not None:
        machines = (said(local.get("host")), said(remote.get("host")))
        return BuildPlan("multiarch/remote", _both_nodes(local, remote, version), machines)
    if remote is not None:
        return BuildPlan("native/remote", (said(remote.get("arch")),), (said(remote.get("host")),))
    if local is not None and version >= Version(1, 4):
        return BuildPlan("multiarch", (said(local.get("arch")),))
    return BuildPlan("multiarch", BOTH)


def _table(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _refusal_1(
    settings: dict[str, Any], local: object, remote: object, version: Version, *, absent: bool
) -> str:
    if version < Version(0, 2) and not absent and settings.get("multiarch") is not False and local is None:
        return "Builder configuration incorrect"
    if Version(0, 14) <= version < Version(0, 16) and local is not None and remote is None:
        return "You must specify both local and remote builder config for remote multiarch builds"
    if version >= Version(1, 7):
        for key in ("local", "remote"):
            if not isinstance(settings.get(key, {}), (dict, Opaque)):
                return f"builder/{key}: should be a hash"
    return ""


def _both_nodes(local: dict[str, Any], remote: dict[str, Any], version: Version) -> tuple[str, ...]:
    """What two nodes built: both platforms, then (1.4.0 to 1.8.2) only the local one, then each its own."""
    if version < Version(1, 4):
        return BOTH
    nodes = (said(local.get("arch")), said(remote.get("arch")))
    return nodes[:1] if version < Version(1, 8, 3) else nodes


def _kamal_2(settings: dict[str, Any], version: Version, local_arch: str | None) -> BuildPlan:
    """Kamal 2: `arch` is what is built; a `remote` builds what the local machine is not, or all."""
    arch, remote, driver = settings.get("arch"), settings.get("remote"), settings.get("driver")
    driver = "docker-container" if driver is None else said(driver)
    arches = (
        tuple(said(item) for item in arch)
        if isinstance(arch, list)
        else (said(arch),)
        if arch is not None
        else ()
    )
    here = settings.get("local") is not False
    refusal = _refusal_2(settings, arches, version)
    if refusal:
        return BuildPlan("", refusal=refusal)
    if remote is None:
        way = "cloud" if driver.startswith("cloud") and version >= Version(2, 5) else "local"
        return BuildPlan(
            "pack" if "pack" in settings else way, arches, driver=driver, pushes="pack" not in settings
        )
    if not here:
        return BuildPlan("remote", arches, (said(remote),), driver)
    if local_arch is None:
        return BuildPlan("local or remote", arches, (HERE, said(remote)), driver)
    if local_arch not in arches:
        return BuildPlan("remote", arches, (said(remote),), driver)
    if set(arches) == {local_arch}:
        return BuildPlan("local", arches, driver=driver)
    return BuildPlan("hybrid", arches, (HERE, said(remote)), driver)


def _refusal_2(settings: dict[str, Any], arches: tuple[str, ...], version: Version) -> str:
    cache = settings.get("cache")
    unknown = [
        key for key in ("multiarch", *(("pack",) if version < Version(2, 7) else ())) if key in settings
    ]
    if unknown:
        return f"unknown key: {unknown[0]}"
    if "local" in settings and not isinstance(settings["local"], (bool, Opaque)):
        return "builder/local: should be a boolean"
    if "remote" in settings and not isinstance(settings["remote"], (str, Opaque)):
        return "builder/remote: should be a string"
    if not arches:
        return "Builder arch not set"
    if settings.get("local") is False and settings.get("remote") is None:
        return "Cannot disable local builds, no remote is set"
    if (
        isinstance(cache, dict)
        and isinstance(cache.get("type"), str)
        and cache["type"] not in ("gha", "registry")
    ):
        return f"Invalid cache type: {cache['type']}"
    return "buildpacks only support building for one arch" if "pack" in settings and len(arches) > 1 else ""


def words(plan: BuildPlan) -> dict[str, str]:
    """A build in the words of the preview, a line each."""
    machine = "the machine that runs kamal"
    platforms = _platforms(plan.arches)
    where = [host or machine for host in plan.machines]
    drivers = {"": "whatever builder is selected", "docker": "the docker driver"}
    cache = plan.cache
    return {
        "built for": (plan.refusal and f"nothing: {plan.refusal}") or platforms or machine,
        "built on": (" or " if plan.way == "local or remote" else " and ").join(dict.fromkeys(where)),
        "built with": drivers.get(plan.driver, f"a {plan.driver} builder"),
        "pushed by": "buildx, straight to the registry" if plan.pushes else "docker push, after docker build",
        "build cache": (cache.image or cache.type) if cache else "none",
        "built from": plan.context,
    }


def built_for(arch: object) -> tuple[tuple[str, ...], str] | None:
    """The part of the deployment that `builder.arch` decides, and what it is then; None where ERB says it."""
    arches = [arch] if isinstance(arch, str) else arch
    if not isinstance(arches, list) or not {*arches} <= {*BOTH}:
        return None
    return ("build", "built for"), _platforms(arches)


def _platforms(arches: Iterable[str]) -> str:
    return ", ".join(f"linux/{arch}" for arch in sorted(arches))


_ECR = re.compile(r"\.dkr\.ecr\.[\w-]+\.amazonaws\.com(\.cn)?$")
ECR_OPTIONS = "mode=max,image-manifest=true,oci-mediatypes=true"


def is_ecr(server: object) -> bool:
    """Whether a registry is Amazon's, by its address."""
    return isinstance(server, str) and bool(_ECR.search(server))


def cache_for(view: View, kind: str) -> tuple[dict[str, str] | None, str]:
    """The cache that a view without one shall get, and what to know of it.

    ``registry`` is a tag in the app's own repository; ``plain`` leaves Kamal's default, a repository of its
    own; ``gha`` is GitHub's; ``none`` is none. Amazon ECR takes a cache only with the options given here.
    """
    path = ("builder", "cache")
    if kind == "none" or view.has(*path):
        return None, ""
    if view.is_open(path):
        return None, "no cache is added: ERB writes lines here that may hold one"
    if kind == "gha":
        return {"type": "gha", "options": "mode=max"}, ""
    image, server = view.get("image"), view.get("registry", "server")
    cache, note = {"type": "registry"}, ""
    if kind == "plain" or not isinstance(image, str) or ":" in image:
        note = f"the cache makes a repository of its own in the registry: {said(image)}-build-cache"
    else:
        cache["image"] = f"{image}:build-cache"
    if is_ecr(server):
        cache["options"] = ECR_OPTIONS
    return cache, note
