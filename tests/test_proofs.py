"""The proofs stop a run, whatever is wrong: an edit, a comment, what a codemod says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate.api import Becomes, Codemod, Come, Finding, Fix, Options, Safety, Version, View
from kamal_migrate.catalog import Loaded, builtin
from kamal_migrate.engine import Plan, accepting, plan
from kamal_migrate.engine.proofs import ProofError, prove_files, prove_views
from kamal_migrate.kamal.loading import LayerKey, reread, views
from kamal_migrate.project import Project
from kamal_migrate.text import Edit
from kamal_migrate.yamldoc import Change, Data, Place
from kamal_migrate.yamldoc import data as typed
from tests.commanding import command, make_app

BASE, STAGING = "config/deploy.yml", "config/deploy.staging.yml"
HEAD = (
    "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nregistry: {username: acme, password: [TOKEN]}\n"
)
APP = HEAD + "builder:\n  multiarch: false # never both\n"
KAMAL_1 = Options(source=Version(1, 9, 3))
Fault = Callable[[Change], Change]


def spoil(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Have every verb give a change with a fault."""
    right = Place._change

    def wrong(place: Place, *given: object, **named: object) -> Change:
        return fault(right(place, *given, **named))  # type: ignore[arg-type]

    monkeypatch.setattr(Place, "_change", wrong)


def written(old: str, new: str) -> Fault:
    """A verb that writes something else than it means."""
    return lambda change: replace(
        change, edits=tuple(Edit(start, end, text.replace(old, new)) for start, end, text in change.edits)
    )


def differences(text: str, *codemods: Loaded) -> list[str]:
    """What the proofs say of an app's plan."""
    with pytest.raises(ProofError) as caught:
        planned(text, *codemods)
    return caught.value.differences


def project_of(files: dict[str, str]) -> Project:
    return Project("shop", files)


def codemod(fix: Fix, safety: Safety, *changes: str) -> Loaded:
    """A codemod that does this to every config."""

    def decide(view: View, options: Options) -> Iterator[Finding]:
        yield Finding("own/thing", ("builder",), "for a test", safety, fix, changes=changes)

    return Loaded("own", Codemod("Own"), "", decide, lambda app, options: iter(()))


def without_multiarch(arch: str, safety: Safety, *changes: str) -> Loaded:
    multiarch = ("builder", "multiarch")
    return codemod(Fix((multiarch,), (Come(("builder", "arch"), arch, multiarch),)), safety, *changes)


def planned(text: str, *codemods: Loaded) -> Plan:
    return plan(project_of({BASE: text}), codemods or builtin(), KAMAL_1)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("arm64", "config/deploy.yml: values changed: root['builder']['arch']"),
        ("[amd64", "the result cannot be read: config/deploy.yml:7:3: did not find expected"),
        ("amd64\n  arch: amd64", "the order of its keys differs"),
    ],
    ids=["another value", "no YAML", "a key twice"],
)
def test_an_edit_that_is_not_what_it_means(new: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, written("amd64", new))
    [difference] = differences(APP)
    assert expected in difference


def test_nothing_of_the_app_is_written_where_one_file_proves_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(tmp_path, APP, {STAGING: "builder:\n  multiarch: true\n"})
    before = {path: path.read_bytes() for path in app.rglob("*.yml")}
    spoil(monkeypatch, written("arm64", "arm"))
    result = command("-C", app, "--yes")
    assert result.code == 4
    assert result.err == (
        "the result is not what was intended; nothing written:\n"
        f"  {STAGING}: values changed: root['builder']['arch'][1]\n"
    )
    assert {path: path.read_bytes() for path in app.rglob("*.yml")} == before


def test_a_comment_that_goes_and_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "builder: {arch: amd64}\nlabels:\n  # whose the app is\n  app: web\n"
    gone = codemod(Fix((("labels",),)), Safety.REVIEW, "roles.*.labels")
    [item] = planned(text, gone).findings
    assert item.lost == ((BASE, "# whose the app is"),)
    spoil(monkeypatch, lambda change: replace(change, lost=()))
    assert differences(text, gone) == [f"{BASE}: the comment '# whose the app is' would be lost"]


def test_every_branch_of_a_template_is_proved() -> None:
    text = HEAD + "<% if eu? %>\nlabels: {a: 1}\n<% else %>\nlabels: {a: 2}\n<% end %>\n"
    before = project_of({BASE: text})
    docs = before.document(BASE).docs
    intended = {LayerKey(BASE, branch): doc.data for branch, doc in enumerate(docs)}
    assert len(intended) == 2
    prove_files(before, intended)
    for old in ("a: 1", "a: 2"):
        with pytest.raises(ProofError, match=r"values changed: root\['labels'\]\['a'\]"):
            prove_files(before.with_files({BASE: text.replace(old, "a: 3")}), intended)


def test_the_order_of_keys_is_proved() -> None:
    intended = {LayerKey(BASE, 0): project_of({BASE: HEAD + "a: 1\nb: 2\n"}).document(BASE).docs[0].data}
    with pytest.raises(ProofError, match="the order of its keys differs"):
        prove_files(project_of({BASE: HEAD + "b: 2\na: 1\n"}), intended)


def test_every_view_is_proved() -> None:
    before = project_of({BASE: HEAD + "labels: {a: 1}\n", STAGING: "labels: {b: 2}\n"})
    expected: list[tuple[View, Data]] = [(view, view.data) for view in views(before, before.configs[0])]
    after = before.with_files({STAGING: "labels: {b: 3}\n"})
    prove_views(expected, [reread(view, before) for view, _ in expected])
    with pytest.raises(ProofError) as caught:
        prove_views(expected, [reread(view, after) for view, _ in expected])
    assert caught.value.differences == ["staging: values changed: root['labels']['b']"]
    with pytest.raises(ProofError, match="staging: it is gone"):
        prove_views(expected, [view for view, _ in expected if not view.destination])


def test_a_placement_that_gives_a_view_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    right = accepting._expected

    def wrong(*given: Any) -> list[Data]:
        return [typed.put(data, ("labels", "a"), typed.of(1)) for data in right(*given)]

    monkeypatch.setattr(accepting, "_expected", wrong)
    assert BASE not in planned(APP).changed, (
        "a placement is carried out on the data before anything is edited"
    )
    monkeypatch.setattr(accepting, "_simulate", lambda *_: None)
    assert differences(APP) == ["config/deploy.yml: dictionary item removed: root['labels']"]


def test_a_change_of_the_build_that_is_said_to_be_safe() -> None:
    text = HEAD + "builder:\n  multiarch: true\n"
    assert differences(text, without_multiarch("amd64", Safety.SAFE, "build")) == [
        "config/deploy.yml: built for linux/amd64, linux/arm64, then linux/amd64"
    ]
    assert planned(text, without_multiarch("amd64", Safety.REVIEW, "build")).changed == (BASE,)


def test_a_config_that_the_target_refuses_only_now() -> None:
    wrong = codemod(Fix((), (Come(("builder", "archs"), "amd64"),)), Safety.REVIEW, "build")
    assert differences(HEAD + "builder: {arch: amd64}\n", wrong) == [
        "Kamal 2.12 would refuse config/deploy.yml: builder: unknown key: archs"
    ]


WEB_PORT = ("roles", "web", "proxy", "port")
PORTED = HEAD + "builder: {arch: amd64}\n"


def ported(stays: tuple[str, ...], *becomes: Becomes) -> Loaded:
    """A codemod that has requests go to port 3000, and this to say of it."""
    fix = Fix((), (Come(("proxy", "app_port"), 3000),))

    def decide(view: View, options: Options) -> Iterator[Finding]:
        key, changes = ("builder",), ("roles.*.proxy",)
        yield Finding("own/port", key, "", Safety.REVIEW, fix, changes=changes, stays=stays, becomes=becomes)

    return Loaded("own", Codemod("Own"), "", decide, lambda app, options: iter(()))


def test_a_part_that_was_to_stay() -> None:
    port = "roles.*.proxy.port"
    assert differences(PORTED, ported((port,))) == ["config/deploy.yml: roles.web.proxy.port would change"]
    assert planned(PORTED, ported((port,), Becomes(WEB_PORT, 3000))).changed == (BASE,)


def test_an_announced_value_that_does_not_come() -> None:
    assert differences(PORTED, ported((), Becomes(WEB_PORT, 8080))) == [
        "config/deploy.yml: roles.web.proxy.port would be 3000; own/port announces 8080"
    ]
    gone = Becomes(("roles", "jobs", "proxy", "port"), 3000)
    assert differences(PORTED, ported((), gone)) == [
        "config/deploy.yml: roles.jobs.proxy.port would be None; own/port announces 3000"
    ]


def test_the_builder_announces_what_is_built() -> None:
    (item,) = (item for item in planned(APP).findings if item.finding.id == "builder/multiarch")
    assert [part for _, part in item.announced] == [Becomes(("build", "built for"), "linux/amd64")]


def test_a_change_of_the_deployment_that_nothing_announces() -> None:
    fix = Fix((), (Come(("ssh", "port"), 2222),))
    text = HEAD + "builder: {arch: amd64}\n"
    assert differences(text, codemod(fix, Safety.REVIEW)) == ["config/deploy.yml: root.ssh.port would change"]
    assert planned(text, codemod(fix, Safety.REVIEW, "root.ssh.port")).changed == (BASE,)
