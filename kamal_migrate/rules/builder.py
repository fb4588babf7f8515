"""Rules about the image: how it is built, for which platforms, and with which cache."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.builds import BOTH, ECR_OPTIONS, HERE, BuildPlan, cache_for, is_ecr
from kamal_migrate.kamal.hooks import workflows
from kamal_migrate.kamal.hosts import pulls
from kamal_migrate.kamal.jobs import jobs
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.platforms import known_build, platforms
from kamal_migrate.kamal.scripts import called
from kamal_migrate.kamal.versions import Version
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule

KAMAL_2 = Version(2)
FOR_KAMAL_1 = "kamal-migrate --select builder --to 1.9"
LOCAL_ARCH_COUNTS, CACHES = Version(1, 4), Version(0, 14)
SETUP_BUILDX = "docker/setup-buildx-action"
BUILDER, MULTIARCH, ARCH = ("builder",), ("builder", "multiarch"), ("builder", "arch")
REMOTE, DRIVER, CACHE = ("builder", "remote"), ("builder", "driver"), ("builder", "cache")


def _builds(subject: Subject) -> Iterator[tuple[View, BuildPlan]]:
    """The views with the builds that one can know."""
    for view in subject.views:
        plan = known_build(view, subject.version)
        if plan:
            yield view, plan


@rule("multiarch-false", Severity.WARNING, fixed_by="builder")
def multiarch_false(subject: Subject) -> Iterator[Remark]:
    """A bare `builder.multiarch: false` may not get the image into the registry.

    Kamal 1 runs plain `docker build` then, and `docker push`. Since Docker 23 the
    first is another name for `docker buildx build`, on the builder that is
    selected. One with the driver docker-container keeps the image in its cache, and
    the push ends with "An image does not exist locally with the tag"
    (basecamp/kamal#771). Such a builder gets selected by any app that Kamal 1
    builds for two platforms, by GitHub's docker/setup-buildx-action (that is why it
    is an error beside it), by `docker buildx create --use`, and by BUILDX_BUILDER.
    Kamal 2 refuses the key.

    What to do: say the architecture, which the codemod `builder` does: `arch:
    amd64` for Kamal 2, `remote: {arch: amd64}` for 1.9. Until then `docker buildx
    use default` before a deploy.
    """
    action = _selecting(subject.app) if subject.version < KAMAL_2 else ""
    for view, plan in _builds(subject):
        if plan.way != "native":
            continue
        ways = (FOR_KAMAL_1, "docker buildx use default")
        if action:
            message = f"docker/setup-buildx-action in {action} selects a builder from which the push fails"
            yield Remark(f"{message} (kamal#771)", view, MULTIARCH, ways=ways[:1], severity=Severity.ERROR)
        else:
            message = "the push fails where a docker-container builder is selected (kamal#771)"
            yield Remark(message, view, MULTIARCH, ways=ways)


def _selecting(app: App) -> str:
    """The file in which CI runs Kamal after it selects a docker-container builder; empty where none does."""
    for path in workflows(app):
        for job in jobs(path, app.text(path)):
            if any(map(_selects, job.uses(SETUP_BUILDX))) and any(any(called(run)) for run in job.scripts):
                return path
    return ""


def _selects(told: dict[str, object]) -> bool:
    """Whether docker/setup-buildx-action makes a docker-container builder and selects it."""
    return told.get("driver") != "docker" and str(told.get("use")).lower() != "false"


@rule("arch-not-said", Severity.NOTE)
def arch_not_said(subject: Subject) -> Iterator[Remark]:
    """Nothing says for which architecture the image is built.

    Kamal 1 builds for amd64 and arm64 then, one of them under emulation, which
    takes many times as long; up to 1.3.1 even where `local.arch` stands alone, for
    it was not read. With `multiarch: false` and a cache it builds for whatever
    machine runs it: a laptop with an ARM chip and CI with an Intel one make
    different images of the same commit. Kamal 2 wants `builder.arch`, and refuses a
    config without it.

    What to do: say it. The codemod `builder` does, for Kamal 2 with `arch`. For
    Kamal 1.4 and newer `builder: {local: {arch: amd64}}` builds for one.
    """
    version = subject.version.short
    for view, plan in _builds(subject) if subject.version < KAMAL_2 else ():
        both = plan.way == "multiarch" and plan.arches == BOTH and not view.has(*ARCH)
        if plan.way == "native/cached":
            message = "`multiarch: false` builds for whatever machine runs kamal: not everybody's is the same"
            ways = (FOR_KAMAL_1,)
            yield Remark(message, view, MULTIARCH, ways=ways, severity=Severity.WARNING)
        elif both and view.has("builder", "local", "arch"):
            message = f"Kamal {version} does not read `local.arch`, and builds for amd64 and arm64"
            ways = ("Kamal 1.4 or newer",)
            yield Remark(message, view, ("builder", "local"), ways=ways, severity=Severity.WARNING)
        elif both and not view.has(*MULTIARCH):
            message = f"Kamal {version} builds for amd64 and arm64, for nothing says otherwise"
            run = _run(subject, view)
            arch = min(run) if len(run) == 1 else "amd64"
            yield Remark(message, view, BUILDER, ways=_for_one(arch, subject.version))


def _for_one(arch: str, version: Version) -> tuple[str, ...]:
    """What builds for one architecture."""
    if version >= KAMAL_2:
        return (f"`builder: {{arch: {arch}}}`",)
    return (f"`builder: {{local: {{arch: {arch}}}}}`",) if version >= LOCAL_ARCH_COUNTS else ()


@rule("docker-driver", Severity.WARNING)
def docker_driver(subject: Subject) -> Iterator[Remark]:
    """`driver: docker` with something that this driver cannot do by itself.

    It builds with the Docker engine itself. That can hold an image for several
    platforms, and export a cache, only where its images are in the containerd image
    store: new installations of Docker 29 have them there, all others where it was
    switched on. Kamal does not look. It never builds on `remote` with this driver:
    it makes the builder, and then builds with the one that is selected (Kamal 2.0
    to 2.12).

    What to do: take `driver: docker` away, so that Kamal makes a builder with the
    driver docker-container; or set `"features": {"containerd-snapshotter": true}`
    in Docker's daemon.json on every machine that builds.
    """
    for view, plan in _builds(subject):
        if subject.version < KAMAL_2 or plan.driver != "docker":
            continue
        away, wanted = "take `driver: docker` away", _beyond(plan)
        if wanted:
            message = f"{wanted} with `driver: docker`: only with Docker's containerd image store"
            store = 'or `"features": {"containerd-snapshotter": true}` in the daemon.json of Docker'
            yield Remark(message, view, DRIVER, ways=(away, store))
        if view.has(*REMOTE):
            message = "with `driver: docker` nothing is built on `remote`"
            yield Remark(message, view, DRIVER, ways=(away, "take `remote` away"))


def _beyond(plan: BuildPlan) -> str:
    """What a build asks for that the driver docker cannot do by itself."""
    asked = (("several platforms", len(plan.arches) > 1), ("a cache", plan.cache))
    return " and ".join(name for name, wanted in asked if wanted)


@rule("needless-platform", Severity.NOTE)
def needless_platform(subject: Subject) -> Iterator[Remark]:
    """The image is built for a platform that no known host runs.

    Each platform is a whole build, and one that the machine does not run itself is
    emulated, which takes many times as long. It is said only where the
    architectures of all hosts that pull the image are known, from `--inventory`,
    `kamal-migrate.toml` or `platform` options.

    What to do: build for the one that the hosts run.
    """
    for view, plan in _builds(subject):
        built, run = platforms(plan), _run(subject, view)
        key = next((key for key in (ARCH, MULTIARCH, REMOTE) if view.has(*key)), None)
        if built and len(built) > 1 and len(run) == 1 and key:
            needless = " and ".join(sorted(built - run))
            message = f"builds for {needless} too, and every host that pulls the image runs {min(run)}"
            yield Remark(message, view, key, ways=_for_one(min(run), subject.version))


def _run(subject: Subject, view: View) -> set[str]:
    """What the hosts run that pull the image; nothing where that of one of them is not known."""
    known = [subject.architecture(view, host) for host in subject.hosts(view) if pulls(host, subject.version)]
    return set() if None in known else {evidence.value for evidence in known if evidence}


@rule("remote-builds-here", Severity.NOTE)
def remote_builds_here(subject: Subject) -> Iterator[Remark]:
    """A `remote` builder that is not used on every machine.

    Kamal 2 builds on `remote` only what the machine that runs it is not. With
    `arch: amd64` a laptop with an ARM chip builds there, and CI with an Intel one
    builds by itself. Kamal 1 always used `remote`.

    What to do: `local: false` builds on `remote` always. `local: true` says that it
    is meant as it is.
    """
    for view, plan in _builds(subject):
        if plan.way == "local or remote" and len(plan.arches) == 1 and not view.has("builder", "local"):
            message = f"where the machine that runs kamal is {plan.arches[0]}, nothing is built on `remote`"
            yield Remark(message, view, REMOTE, ways=("`local: false` builds there always",))


@rule("emulation", Severity.NOTE)
def emulation(subject: Subject) -> Iterator[Remark]:
    """The image is built under emulation on this machine.

    It is for another architecture than that of the machine that runs Kamal, and
    there is no `remote`. QEMU takes many times as long, and some compilers crash
    under it.

    What to do: name a `remote` builder of that architecture, deploy from a machine
    of it (CI), or cross-compile in the Dockerfile with `FROM
    --platform=$BUILDPLATFORM`.
    """
    for view, plan in _builds(subject):
        built = platforms(plan)
        here = plan.machines == (HERE,) and plan.driver in ("docker", "docker-container")
        here = here and plan.way != "pack" and not view.is_open(REMOTE)
        if subject.machine and here and built and len(built) == 1 and subject.machine not in built:
            arch = min(built)
            message = f"builds for {arch} under emulation on this machine, which is {subject.machine}: slow"
            host = (
                "ssh://user@host"
                if subject.version >= KAMAL_2
                else f"{{arch: {arch}, host: ssh://user@host}}"
            )
            ways = (f"`remote: {host}` with a host that runs {arch}",)
            yield Remark(message, view, ARCH if view.has(*ARCH) else BUILDER, ways=ways)


@rule("no-cache", Severity.NOTE, off=True)
def no_cache(subject: Subject) -> Iterator[Remark]:
    """Builds have no cache that outlives their builder.

    On a machine that is new for each run, as in CI, everything is built anew each
    time. Kamal knows `builder.cache` from 0.14 on.

    What to do: a cache in the registry, or on GitHub `cache: {type: gha}`.
    """
    for view, plan in _builds(subject):
        cannot = plan.driver == "docker" or plan.way in ("native", "pack")
        if plan.cache or cannot or subject.version < CACHES or view.is_open(CACHE) or view.has(*CACHE):
            continue
        cache, _ = cache_for(view, "registry")
        settings = ", ".join(f"{name}: {_quoted(value)}" for name, value in (cache or {}).items())
        message = "nothing is cached for a machine that is new, as in CI"
        yield Remark(message, view, BUILDER, ways=(f"`builder: {{cache: {{{settings}}}}}`",))


def _quoted(value: str) -> str:
    """A value for a mapping on one line."""
    return f'"{value}"' if re.search(r"[,:] ?|<%", value) else value


@rule("ecr-cache", Severity.NOTE)
def ecr_cache(subject: Subject) -> Iterator[Remark]:
    """A cache in Amazon ECR without the options that it needs.

    ECR takes a cache only in the form of an image. BuildKit can write that from
    0.12 on, where it is told to, and does so by itself from 0.21 on; with an older
    one the build ends when the cache is exported.

    What to do: `options: mode=max,image-manifest=true,oci-mediatypes=true`.
    """
    for view, plan in _builds(subject):
        cache = plan.cache
        if not (cache and cache.type == "registry" and is_ecr(view.get("registry", "server"))):
            continue
        if "image-manifest=" not in cache.options and "<%" not in cache.options:
            message = "BuildKit before 0.21 writes a cache that Amazon ECR refuses"
            yield Remark(message, view, CACHE, ways=(f'`options: "{ECR_OPTIONS}"`',))
