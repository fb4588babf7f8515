"""Which views count, which findings give way to others, and where edits of several stages stand."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.api import Codemod, Finding, Fix, Options, Path, Safety, Version, View
from kamal_migrate.catalog import Loaded, builtin
from kamal_migrate.engine import plan
from kamal_migrate.engine.state import State
from kamal_migrate.project import Project
from kamal_migrate.text import Edit

BASE, STAGING = "config/deploy.yml", "config/deploy.staging.yml"
HEAD = "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\n"
PASSWORD = "registry: {username: acme, password: [TOKEN]}\n"
KAMAL_1 = Options(source=Version(1, 9, 3), select=("builder",))


def base_afterwards(base: str) -> str:
    """What the builder makes of a base, beside a destination that says how it builds and has a password."""
    over = "builder: {multiarch: false}\n" + PASSWORD
    return plan(Project("shop", {BASE: base, STAGING: over}), builtin(), KAMAL_1).after.files[BASE]


def test_a_base_that_kamal_refuses_alone_wants_nothing() -> None:
    assert "arch:" not in base_afterwards(HEAD)
    assert "arch:" in base_afterwards(HEAD + PASSWORD)


def codemod(name: str, key: Path, fix: Fix | None = None) -> Loaded:
    """A codemod that finds this key in every view that has it."""

    def decide(view: View, options: Options) -> Iterator[Finding]:
        if view.has(*key):
            safety = Safety.REVIEW if fix else Safety.MANUAL
            yield Finding(f"{name}/thing", key, "for a test", safety, fix, changes=("roles.*.labels",))

    return Loaded(name, Codemod(name), "", decide, lambda app, options: iter(()))


def test_what_goes_with_another_finding_is_not_left_for_hands() -> None:
    both = [codemod("all", ("labels",), Fix((("labels",),))), codemod("one", ("labels", "a"))]
    text = HEAD + PASSWORD + "builder: {arch: amd64}\nlabels: {a: 1, b: 2}\n"
    for options in (Options(), Options(safe_only=True)):
        made = plan(Project("shop", {BASE: text}), both, options)
        assert [item.finding.id for item in made.findings] == ["all/thing"]
        assert bool(made.changed) is not options.safe_only


def test_where_edits_of_a_later_stage_stand_at_first() -> None:
    text = HEAD + PASSWORD
    project = Project("shop", {BASE: text})
    state = State(project, project.configs[0], Options())
    shop, end = text.index("shop"), len(text)
    state.take({BASE: [Edit(shop, shop + 4, "market"), Edit(end, end, "a: 1\n")]}, {}, state.expected)
    new = state.changed[BASE]
    for word in ("acme", "192", "TOKEN"):
        [edit] = state.origins(BASE, [Edit(new.index(word), new.index(word) + 3, "x")])
        assert (edit.start, edit.end) == (text.index(word), text.index(word) + 3)
    [edit] = state.origins(BASE, [Edit(new.index("ket"), new.index("ket") + 2, "x")])
    assert (edit.start, edit.end) == (shop, shop), "in a new text: where that stands"
    [edit] = state.origins(BASE, [Edit(new.index("a: 1"), len(new), "x")])
    assert (edit.start, edit.end) == (end, end)
