"""Placement: 16 x 16 builder fragments as base and destination, and what must never be seen by a view."""

from __future__ import annotations

from itertools import product

import pytest

from kamal_migrate.api import Options, Safety, Version
from kamal_migrate.catalog import builtin
from kamal_migrate.engine import Plan, plan
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.versions import NEWEST, NEWEST_1
from kamal_migrate.project import Project

pytestmark = pytest.mark.heavy

HEAD = "service: shop\nimage: acme/shop\nservers:\n  - 192.0.2.1\nregistry:\n  password:\n    - TOKEN\n"
FRAGMENTS = {
    "nothing": "",
    "false": "builder:\n  multiarch: false\n",
    "true": "builder:\n  multiarch: true\n",
    "null": "builder:\n  multiarch:\n",
    "quoted": 'builder:\n  multiarch: "false"\n',
    "erb": "builder:\n  multiarch: <%= ENV['MULTI'] %>\n",
    "args": "builder:\n  args:\n    RUBY_VERSION: 3.3.4\n",
    "false with args": "builder:\n  multiarch: false # no emulation\n  args:\n    RUBY_VERSION: 3.3.4\n",
    "cache": "builder:\n  cache:\n    type: gha\n",
    "false with cache": "builder: {multiarch: false, cache: {type: gha, options: mode=max}}\n",
    "remote": "builder:\n  remote:\n    arch: amd64\n    host: ssh://root@192.0.2.9\n",
    "local": "builder:\n  local:\n    arch: arm64\n",
    "false with remote": "builder:\n  multiarch: false\n  remote:\n    arch: amd64\n",
    "arch": "builder:\n  arch: arm64\n",
    "false with arch": "builder:\n  arch: arm64\n  multiarch: false\n",
    "null builder": "builder:\n",
}
PAIRS = list(product(FRAGMENTS, FRAGMENTS))


def planned(base: str, over: str, *, alone: bool = True, to: Version = NEWEST, **more: object) -> Plan:
    """The plan of a base and a destination that hold these builder blocks."""
    head = HEAD if alone else "require_destination: true\n" + HEAD
    files = {
        "config/deploy.yml": head + base,
        "config/deploy.staging.yml": "labels:\n  tier: staging\n" + over,
    }
    return plan(Project("shop", files), builtin(), Options(to=to, **more))  # type: ignore[arg-type]


def loaded(project: Project) -> list[View]:
    """Every view of the only config of a project."""
    return views(project, project.configs[0])


@pytest.mark.parametrize("to", [NEWEST, NEWEST_1], ids=str)
@pytest.mark.parametrize("alone", [True, False], ids=["base is a view", "base is none"])
def test_every_pair_of_fragments_is_migrated_or_left_with_a_reason(alone: bool, to: Version) -> None:
    for base, over in PAIRS:
        made = planned(FRAGMENTS[base], FRAGMENTS[over], alone=alone, to=to)
        again = plan(made.after, builtin(), made.options)
        assert not again.changed, (base, over)
        manual = [item.finding for item in made.findings if item.finding.safety is Safety.MANUAL]
        by_hand = {key for finding in manual for key in (finding.key, *finding.also)}
        for view in loaded(made.after):
            builder = view.get("builder")
            settings = builder if isinstance(builder, dict) else {}
            legacy = "multiarch" in settings and not (to < Version(2) and settings["multiarch"] is not False)
            assert not legacy or ("builder", "multiarch") in by_hand, (base, over, view.title)
            if to >= Version(2) and "arch" not in settings:
                assert any(key[0] == "builder" for key in by_hand), (base, over, view.title)


@pytest.mark.parametrize("alone", [True, False], ids=["base is a view", "base is none"])
def test_no_pair_changes_what_a_view_said_beside_the_builder(alone: bool) -> None:
    for base, over in PAIRS:
        made = planned(FRAGMENTS[base], FRAGMENTS[over], alone=alone)
        for before, after in zip(loaded(made.project), loaded(made.after), strict=True):
            for key in ("service", "image", "labels", "registry", "servers"):
                assert before.get(key) == after.get(key), (base, over)
            if before.has("builder", "cache"):
                assert before.get("builder", "cache") == after.get("builder", "cache"), (base, over)
            if before.has("builder", "args"):
                assert before.get("builder", "args") == after.get("builder", "args"), (base, over)


def test_a_cache_goes_nowhere_where_a_view_that_has_one_would_see_it() -> None:
    made = planned(FRAGMENTS["false"], FRAGMENTS["cache"])
    assert "build-cache" not in "".join(made.after.files.values())
    assert any("no cache is added" in note for item in made.findings for note in item.finding.notes)


def test_a_cache_is_pushed_down_when_only_one_destination_has_none() -> None:
    made = planned(FRAGMENTS["cache"].replace("gha", "gha") + "  multiarch: true\n", FRAGMENTS["false"])
    assert made.after.files["config/deploy.staging.yml"].count("arch: amd64") == 1
    assert made.after.files["config/deploy.yml"].count("arch: [amd64, arm64]") == 1
    assert "build-cache" not in made.after.files["config/deploy.staging.yml"]


def test_what_every_view_wants_goes_into_the_base_once() -> None:
    made = planned("", "", select=("builder",))
    assert made.changed == ("config/deploy.yml",)
    assert made.after.files["config/deploy.yml"].endswith("builder:\n  arch:\n    - amd64\n    - arm64\n")


def test_a_destination_with_its_own_image_gets_its_own_cache() -> None:
    made = planned(FRAGMENTS["false"], "image: acme/shop-staging\n", alone=False)
    for view in loaded(made.after):
        assert view.get("builder", "cache") == {
            "type": "registry",
            "image": f"{view.get('image')}:build-cache",
        }


def test_a_statement_that_no_view_obeys_is_rewritten_too() -> None:
    made = planned(FRAGMENTS["true"], FRAGMENTS["false"], alone=False)
    assert "multiarch" not in "".join(made.after.files.values())
    assert "arch: [amd64, arm64]" in made.after.files["config/deploy.yml"]
    assert "arch: amd64" in made.after.files["config/deploy.staging.yml"]


def test_a_destination_that_is_asked_for_as_well_is_planned_once() -> None:
    files = {"config/deploy.yml": HEAD + FRAGMENTS["false"], "config/deploy.eu.yml": HEAD + FRAGMENTS["true"]}
    made = plan(Project("shop", files, ("config/deploy.yml", "config/deploy.eu.yml")), builtin(), Options())
    assert [(config.base, list(config.destinations)) for config in made.project.configs] == [
        ("config/deploy.yml", ["eu"])
    ]
    assert "multiarch" not in "".join(made.after.files.values())
