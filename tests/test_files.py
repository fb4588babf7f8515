"""What codemods want of the files beside the configs: each finding whole, or left for hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kamal_migrate.api import (
    App,
    Codemod,
    Create,
    Extend,
    FileChange,
    Finding,
    Fix,
    Options,
    Rename,
    Reword,
    Safety,
)
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine import Plan, plan
from kamal_migrate.project import Project

FILES = {
    "config/deploy.yml": "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\n"
    "registry: {username: acme, password: [TOKEN]}\nbuilder: {arch: amd64}\n",
    "bin/ship": "#!/bin/sh\nkamal deploy\nkamal-extra\n",
    "bin/land": "#!/bin/sh\n",
}


def planned(*wants: tuple[FileChange, ...]) -> Plan:
    """The plan of a codemod with a finding for each of these changes."""

    def decide_app(app: App, options: Options) -> Iterator[Finding]:
        for number, changes in enumerate(wants):
            fix = Fix(files=changes)
            yield Finding(f"own/{number}", (), "for a test", Safety.REVIEW, fix, file="bin/ship")

    own = Loaded("own", Codemod("Own"), "", lambda view, options: iter(()), decide_app)
    return plan(Project("shop", FILES), [own], Options())


def test_files_come_grow_and_get_other_names_and_words() -> None:
    made = planned(
        (Create("NOTES", "a\n"), Extend("NOTES", ("b",)), Extend("MORE", ("c",), private=True)),
        (Rename("bin/ship", "bin/deploy"),),
        (Reword("bin/ship", (("kamal", "mrsk"),)), Extend("bin/ship", ("exit",))),
    )
    assert {path: made.after.files[path] for path in made.changed} == {
        "NOTES": "a\nb\n",
        "MORE": "c\n",
        "bin/deploy": "#!/bin/sh\nmrsk deploy\nkamal-extra\nexit\n",
    }
    assert (dict(made.renamed), set(made.private)) == ({"bin/deploy": "bin/ship"}, {"MORE"})
    assert "bin/ship" not in made.after.files


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Create("bin/land", ""), "bin/land is there already"),
        (Rename("bin/dock", "bin/moor"), "bin/dock is not there"),
        (Rename("bin/ship", "bin/land"), "bin/land is there already"),
        (Reword("bin/dock", (("a", "b"),)), "bin/dock is not there"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_finding_that_cannot_be_carried_out_whole_is_left_for_hands(
    change: FileChange, reason: str
) -> None:
    made = planned((Create("NOTES", "a\n"), Extend("MORE", ("b",), private=True), change))
    [item] = made.findings
    assert (made.changed, dict(made.renamed), made.private) == ((), {}, frozenset())
    assert made.after.files == FILES
    assert (item.finding.safety, item.applied) == (Safety.MANUAL, False)
    assert (item.finding.message, item.finding.todo) == (f"for a test; not done: {reason}", "do it by hand")


def test_what_one_finding_did_is_there_for_the_next() -> None:
    made = planned(
        (Rename("bin/ship", "bin/deploy"),),
        (Rename("bin/ship", "bin/send"),),
        (Create("bin/ship", "new\n"),),
        (Rename("bin/deploy", "bin/up"),),
    )
    assert [item.finding.message for item in made.findings] == [
        "for a test",
        "for a test; not done: bin/ship is not there",
        "for a test; not done: bin/ship is renamed in the same run",
        "for a test",
    ]
    assert (made.changed, dict(made.renamed)) == (("bin/up",), {"bin/up": "bin/ship"})
    assert made.after.files["bin/up"] == FILES["bin/ship"]
    assert not {"bin/ship", "bin/deploy"} & made.after.files.keys()
