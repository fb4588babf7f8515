"""Every combination of multiarch, local, remote, cache, source and target, with and without --preserve."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from kamal_migrate.api import Evidence, Options, Safety, Version
from kamal_migrate.catalog import builtin
from kamal_migrate.engine import Plan, plan
from kamal_migrate.kamal.builds import HERE, WORKING_TREE, BuildPlan, build_plan
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.project import Project
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc.style import Style, block_lines

pytestmark = pytest.mark.heavy

HOST = "ssh://root@192.0.2.9"
BOTH = ("amd64", "arm64")
MULTIARCH = (None, True, False)
LOCAL = (None, {"arch": "arm64"}, {"arch": "arm64", "host": "unix:///var/run/docker.sock"})
REMOTE = (None, {"arch": "amd64"}, {"arch": "amd64", "host": HOST})
CACHE = (None, {"type": "gha"}, {"type": "registry", "options": "mode=max"})
SOURCES = (
    None,
    *(Version(*v) for v in ((0, 8, 4), (1, 3, 1), (1, 4, 0), (1, 6, 0), (1, 8, 2), (1, 8, 3), (1, 9, 3))),
)
TARGETS = tuple(Version(*v) for v in ((1, 9, 3), (2, 0, 0), (2, 1, 2), (2, 6, 1), (2, 12, 0)))
SHAPES = list(product(MULTIARCH, LOCAL, REMOTE, CACHE))


def shape(multiarch: object, local: object, remote: object, cache: object) -> dict[str, Any]:
    """A builder section with the keys that are not None."""
    rows = {"multiarch": multiarch, "local": local, "remote": remote, "cache": cache}
    return {key: value for key, value in rows.items() if value is not None}


def migrated(builder: dict[str, Any], source: Version | None, to: Version, *, preserve: bool) -> Plan:
    """The plan of an app with that builder; its servers run amd64."""
    text = "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nregistry: {password: [TOKEN]}\n"
    if builder:
        text += "\n".join(block_lines(typed.of({"builder": builder}), Style())) + "\n"
    options = Options(to=to, source=source, arch=Evidence("amd64", "--arch"), preserve=preserve)
    return plan(Project("shop", {"config/deploy.yml": text}), builtin(), options)


def only(project: Project) -> View:
    """The only view of a project."""
    return views(project, project.configs[0])[0]


def builds(made: Plan, source: Version | None) -> tuple[BuildPlan, BuildPlan]:
    """The build before and after, on a machine whose architecture is not that of the servers."""
    before = build_plan(only(made.project), source or Version(1, 9, 3), "arm64")
    return before, build_plan(only(made.after), made.options.to, "arm64")


def arches_meant(builder: dict[str, Any], source: Version | None) -> tuple[str, ...]:
    """What the config says shall be built, read as history B.4 reads it."""
    local, remote = builder.get("local"), builder.get("remote")
    if local and remote:
        return ("arm64", "amd64")
    if remote:
        return ("amd64",)
    if local:
        ignored = source and source < Version(1, 4) and builder.get("multiarch") is not False
        return BOTH if ignored else ("arm64",)
    # `multiarch: false` pins what the servers run; for both architectures, --arch asks for one.
    return ("amd64",)


@pytest.mark.parametrize("to", [to for to in TARGETS if to.major == 2], ids=str)
@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_kamal_2_builds_what_the_config_meant(source: Version | None, to: Version) -> None:
    for parts in SHAPES:
        builder = shape(*parts)
        made = migrated(builder, source, to, preserve=False)
        _, after = builds(made, source)
        assert not after.refusal, builder
        assert after.arches == arches_meant(builder, source), builder
        host = builder.get("remote", {}).get("host")
        local = only(made.after).get("builder", "local")
        assert only(made.after).get("builder", "remote") == host, builder
        assert local is (False if host and "local" not in builder else None), builder
        if "cache" in builder:
            assert only(made.after).get("builder", "cache") == builder["cache"], builder
        else:
            added = builder.get("multiarch") is False and not builder.keys() & {"local", "remote"}
            assert (after.cache is not None) is added, builder


@pytest.mark.parametrize("to", [to for to in TARGETS if to.major == 2], ids=str)
@pytest.mark.parametrize("source", [source for source in SOURCES if source], ids=str)
def test_preserve_keeps_what_kamal_1_did(source: Version, to: Version) -> None:
    for parts in SHAPES:
        builder = shape(*parts)
        made = migrated(builder, source, to, preserve=True)
        before, after = builds(made, source)
        assert not after.refusal, builder
        if not before.arches:
            assert after.arches == ("amd64",), builder
            assert after.machines == (HERE,), builder
            assert (after.driver == "docker") is ("cache" not in builder), builder
        elif "local" in builder and "remote" in builder:
            nodes = ("arm64", "amd64")
            assert after.arches == (nodes[:1] if before.arches == ("arm64",) else nodes), builder
        elif before.arches == BOTH and not builder.keys() & {"local"}:
            assert after.arches == ("amd64",), "--arch says so"
        else:
            assert (after.arches, after.machines) == (before.arches, before.machines), builder
        if source < Version(1, 5):
            assert after.context == WORKING_TREE, builder


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_for_1_9_only_false_changes(source: Version | None) -> None:
    for parts in SHAPES:
        builder = shape(*parts)
        made = migrated(builder, source, Version(1, 9, 3), preserve=False)
        _, after = builds(made, source)
        settings = only(made.after).get("builder") or {}
        assert isinstance(settings, dict)
        if builder.get("multiarch") is not False:
            assert not made.changed, builder
        elif builder.keys() & {"local", "remote"}:
            assert settings == {key: value for key, value in builder.items() if key != "multiarch"}
        else:
            assert after.way == "native/remote"
            assert after.arches == ("amd64",)
            assert after.cache is not None


@pytest.mark.parametrize("source", [source for source in SOURCES if source], ids=str)
def test_preserve_for_1_9_changes_no_builder(source: Version) -> None:
    for parts in SHAPES:
        builder = shape(*parts)
        made = migrated(builder, source, Version(1, 9, 3), preserve=True)
        settings = only(made.after).get("builder") or {}
        assert isinstance(settings, dict)
        stays = dict(builder)
        if builder.get("multiarch") is not False and "local" in builder:
            # 1.9 would build something else than the version before it.
            if "remote" in builder and Version(1, 4) <= source < Version(1, 8, 3):
                del stays["remote"]
            elif "remote" not in builder and source < Version(1, 4):
                del stays["local"]
        assert {key: value for key, value in settings.items() if key != "context"} == stays
        if builder.get("multiarch") is not False and "remote" not in builder:
            before, after = builds(made, source)
            assert before.arches == after.arches, builder


def test_safe_is_the_same_build_on_both_sides() -> None:
    for source, parts in product(SOURCES, SHAPES):
        made = migrated(shape(*parts), source, Version(2, 12), preserve=False)
        applied = [item.finding.safety for item in made.findings if item.applied]
        if applied and set(applied) == {Safety.SAFE}:
            before, after = builds(made, source)
            assert (before.arches, before.machines) == (after.arches, after.machines), shape(*parts)


def test_what_hangs_on_an_unknown_version_is_assumed_and_says_the_other_reading() -> None:
    alone = migrated({"local": {"arch": "arm64"}}, None, Version(2, 12), preserve=False).findings[0].finding
    assert alone.safety is Safety.ASSUMED
    assert "before 1.4.0" in alone.evidence
    two = migrated(shape(None, LOCAL[1], REMOTE[2], None), None, Version(2, 12), preserve=False)
    assert two.findings[0].finding.safety is Safety.ASSUMED
    assert "1.4.0 to 1.8.2" in two.findings[0].finding.evidence


@pytest.mark.parametrize("source", [Version(0, 8, 4), Version(1, 4)], ids=str)
def test_a_config_from_before_1_5_built_the_working_tree(source: Version) -> None:
    builder = {"remote": {"arch": "amd64"}}
    made = migrated(builder, source, Version(2, 12), preserve=False)
    assert any("built the working tree" in note for note in made.notes)
    assert only(made.after).get("builder", "context") is None
    same = migrated(builder, source, Version(2, 12), preserve=True)
    assert any(item.applied and item.finding.id == "builder/context" for item in same.findings)
    assert only(same.after).get("builder", "context") == "."
    kept = migrated({**builder, "context": "."}, source, Version(2, 12), preserve=False)
    assert not any("built the working tree" in note for note in kept.notes)
    assert not any(item.finding.id == "builder/context" for item in kept.findings)
