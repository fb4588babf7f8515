"""The build plan against the command lines that every release of Kamal and MRSK produced, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate.kamal.builds import ARCHIVE, HERE, BuildPlan, build_plan, words
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.project import Project
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc.style import Style, block_lines

DATA = Path(__file__).parent / "data"
REMOTE = {"arch": "amd64", "host": "ssh://root@b"}
GHA = {"type": "gha"}
REGISTRY = {"type": "registry", "options": "mode=max"}
BOTH = ["amd64", "arm64"]
ARGS = {
    "args": {"A": "1"},
    "secrets": [],
    "dockerfile": "Dockerfile",
    "context": ".",
    "target": "prod",
    "ssh": "default=/s",
}

# The builder section behind each heading of the two files; None for no section.
KAMAL_1: dict[str, dict[str, Any] | None] = {
    "none": None,
    "empty": {},
    "multiarch:true": {"multiarch": True},
    "multiarch:false": {"multiarch": False},
    "multiarch:false+cache gha": {"multiarch": False, "cache": GHA},
    "multiarch:false+cache registry": {"multiarch": False, "cache": REGISTRY},
    "multiarch:false+remote": {"multiarch": False, "remote": REMOTE},
    "multiarch:false+remote+cache": {"multiarch": False, "remote": REMOTE, "cache": GHA},
    "multiarch:false+local.arch": {"multiarch": False, "local": {"arch": "amd64"}},
    "local.arch only": {"local": {"arch": "amd64"}},
    "local.arch+host only": {"local": {"arch": "arm64", "host": "unix:///s.sock"}},
    "local.arch+cache": {"local": {"arch": "amd64"}, "cache": {"type": "registry"}},
    "remote": {"remote": REMOTE},
    "remote no arch": {"remote": {"host": "ssh://root@b"}},
    "remote no host": {"remote": {"arch": "amd64"}},
    "remote+cache": {"remote": REMOTE, "cache": {**REGISTRY, "image": "org/cache"}},
    "local+remote": {"local": {"arch": "arm64", "host": "unix:///s.sock"}, "remote": REMOTE},
    "local+remote same arch": {"local": {"arch": "amd64"}, "remote": REMOTE},
    "local(no host)+remote": {"local": {"arch": "arm64"}, "remote": REMOTE},
    "cache gha": {"cache": {"type": "gha", "options": "mode=max"}},
    "args/secrets/dockerfile/context/target/ssh": ARGS,
}
SSH = "ssh://root@b"
KAMAL_2: dict[str, dict[str, Any] | None] = {
    "none": None,
    "arch amd64": {"arch": "amd64"},
    "arch [amd64]": {"arch": ["amd64"]},
    "arch arm64": {"arch": "arm64"},
    "arch both": {"arch": BOTH},
    "arch amd64 + remote": {"arch": "amd64", "remote": SSH},
    "arch arm64 + remote": {"arch": "arm64", "remote": SSH},
    "arch both + remote": {"arch": BOTH, "remote": SSH},
    "arch amd64 + remote + local:false": {"arch": "amd64", "remote": SSH, "local": False},
    "arch both + remote + local:false": {"arch": BOTH, "remote": SSH, "local": False},
    "arch amd64 + local:false (no remote)": {"arch": "amd64", "local": False},
    "arch amd64 + local:true": {"arch": "amd64", "local": True},
    "arch amd64 driver docker": {"arch": "amd64", "driver": "docker"},
    "arch both driver docker": {"arch": BOTH, "driver": "docker"},
    "driver docker + cache": {"arch": "amd64", "driver": "docker", "cache": GHA},
    "driver docker + remote": {"arch": "amd64", "driver": "docker", "remote": "ssh://b"},
    "driver docker no arch": {"driver": "docker"},
    "driver cloud": {"arch": BOTH, "driver": "cloud org/builder"},
    "cache gha": {"arch": "amd64", "cache": {"type": "gha", "options": "mode=max"}},
    "cache registry": {"arch": "amd64", "cache": REGISTRY},
    "cache registry image": {"arch": "amd64", "cache": {**REGISTRY, "image": "org/cache"}},
    "cache bad type": {"arch": "amd64", "cache": {"type": "local"}},
    "pack 2 arches": {"arch": BOTH, "pack": {"builder": "b", "buildpacks": ["p"]}},
    "args/target/ssh/context/dockerfile": {"arch": "amd64", **ARGS},
    "old multiarch:false": {"multiarch": False},
    "old local": {"local": {"arch": "amd64"}},
    "old remote": {"remote": REMOTE},
    "arch + old remote": {"arch": "amd64", "remote": REMOTE},
    "arch + old local": {"arch": "amd64", "local": {"arch": "amd64"}},
    "arch x86_64": {"arch": "x86_64"},
    "arch arm/v7": {"arch": "arm/v7"},
}


def view_of(builder: dict[str, Any] | None) -> View:
    """The view of a config with that builder section."""
    text = "service: app\nimage: org/app\nservers: [192.0.2.1]\nregistry: {server: reg.io}\n"
    if builder is not None:
        text += "\n".join(block_lines(typed.of({"builder": builder}), Style())) + "\n"
    project = Project("app", {"config/deploy.yml": text})
    return views(project, project.configs[0])[0]


def rows(name: str) -> Iterator[tuple[str, str, list[Version], dict[str, str]]]:
    """Each row of a file: the local daemon, the heading, the first and last versions, and what Kamal said."""
    daemon, heading = "amd64", ""
    versions: list[Version] = []
    said: dict[str, str] = {}
    for line in [*(DATA / name).read_text(encoding="utf-8").splitlines(), "## "]:
        if line.startswith(("##", "  [", "# ")) and versions:
            yield daemon, heading, versions, said
            versions, said = [], {}
        if line.startswith("# 2.x, local docker arch "):
            daemon = line.split()[-1]
        elif line.startswith("## "):
            heading = line[3:].strip()
        elif line.startswith("  ["):
            ends = re.findall(r"v([\d.]+)", line)
            versions = [version for end in ends if (version := parse(end))]
        elif "=" in line and not line.startswith("      Argument") and not line.startswith("      Kamal::"):
            key, _, value = line.strip().partition("=")
            said[key] = value
        elif line.startswith("      ") and "Error:" in line:
            said["error"] = line.split("Error: ", 1)[1]


ROWS_1 = [row for row in rows("builder-1x.txt") if row[1] in KAMAL_1]
ROWS_2 = [row for row in rows("builder-2x.txt") if row[1] in KAMAL_2]


def push_of(plan: BuildPlan, version: Version) -> str:
    """The command line that the plan stands for, as far as the plan speaks of it."""
    parts = ["docker buildx build"]
    if not plan.pushes:
        parts = ["docker build"]
    elif version >= Version(2, 5):
        parts.append("--output=type=registry")
    else:
        parts.append("--push")
    if plan.arches:
        parts.append("--platform " + ",".join(f"linux/{arch}" for arch in plan.arches))
    line = " ".join(parts)
    return f"git archive --format=tar HEAD | {line}" if plan.context == ARCHIVE else line


def caches_of(plan: BuildPlan) -> list[str]:
    """What the cache flags hold, wherever a version puts the reference."""
    if plan.cache is None:
        return []
    pieces = {f"type={plan.cache.type}", *filter(None, plan.cache.options.split(","))}
    if plan.cache.image:
        pieces.add(f"ref=reg.io/{plan.cache.image}")
    return sorted(pieces)


@pytest.mark.parametrize(
    ("_daemon", "heading", "versions", "said"), ROWS_1, ids=lambda value: str(value)[:40]
)
def test_kamal_1_builds_as_it_did(
    _daemon: str, heading: str, versions: list[Version], said: dict[str, str]
) -> None:
    for version in versions:
        check(build_plan(view_of(KAMAL_1[heading]), version), version, said)


@pytest.mark.parametrize(("daemon", "heading", "versions", "said"), ROWS_2, ids=lambda value: str(value)[:40])
def test_kamal_2_builds_as_it_does(
    daemon: str, heading: str, versions: list[Version], said: dict[str, str]
) -> None:
    for version in versions:
        check(build_plan(view_of(KAMAL_2[heading]), version, daemon), version, said)


def check(plan: BuildPlan, version: Version, said: dict[str, str]) -> None:
    """Hold a plan against one row."""
    if "error" in said:
        assert plan.refusal
        assert plan.refusal in said["error"]
        return
    assert not plan.refusal
    assert plan.way == said["class"]
    if "push" not in said:
        return
    head, _, rest = said["push"].partition(" -t ")
    assert head.split(" --builder ")[0] == push_of(plan, version)
    to = re.search(r"--cache-to (\S+)", rest)
    assert caches_of(plan) == (sorted(to[1].split(",")) if to else [])
    remote = [machine for machine in plan.machines if machine != HERE]
    assert all(
        machine in said["create"]
        or machine.replace(":", "-").replace("/", "-").replace("@", "-") in said["create"]
        for machine in remote
    )
    assert ("docker push" in said["push"]) is not plan.pushes


def test_every_heading_is_held_against_its_section() -> None:
    skipped = {row[1] for name in ("builder-1x.txt", "builder-2x.txt") for row in rows(name)} - {
        *KAMAL_1,
        *KAMAL_2,
    }
    # What Kamal does with a local registry, provenance or a single buildpack is not part of the plan.
    assert skipped <= {
        "provenance/sbom",
        "pack",
        "local registry",
        "local registry + remote",
        "local registry + tcp remote",
        "^^^^^^^^",
    }
    assert len(ROWS_1) > 60
    assert len(ROWS_2) > 150


def test_the_words_name_machine_platform_and_cache() -> None:
    before = words(build_plan(view_of({"multiarch": False}), Version(1, 8, 3)))
    after = words(
        build_plan(
            view_of({"arch": "amd64", "cache": {"type": "registry", "image": "org/app:build-cache"}}),
            Version(2, 12),
        )
    )
    assert before["built for"] == "the machine that runs kamal"
    assert before["pushed by"] == "docker push, after docker build"
    assert after["built for"] == "linux/amd64"
    assert after["build cache"] == "org/app:build-cache"
    either = words(build_plan(view_of({"arch": "amd64", "remote": SSH}), Version(2, 12)))
    assert either["built on"] == "the machine that runs kamal or ssh://root@b"
    backwards = words(build_plan(view_of({"arch": ["arm64", "amd64"]}), Version(2, 12)))
    assert backwards["built for"] == "linux/amd64, linux/arm64"
