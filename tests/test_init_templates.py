"""What `kamal init` wrote, in every version: filled in, it migrates where a Dockerfile tells the port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kamal_migrate.checking import REFUSED, Wanted, check
from kamal_migrate.disk import read
from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.loading import views
from kamal_migrate.kamal.secrets import secret_names
from kamal_migrate.kamal.versions import NEWEST, Version, parse
from tests.commanding import command, make_app

DATA = Path(__file__).parent / "data" / "init_templates.json"
WANTED = Wanted(NEWEST, rules=(REFUSED,))
RENAMED = Version(0, 16)
# Up to here MRSK handed over the Rails master key, whatever the config said.
UNASKED = Version(0, 6)
SAMPLE = '#!/bin/sh\n\necho "nothing yet"\n'


class Template(NamedTuple):
    """A template as one version wrote it: its config, the names in its `.env`, its sample hooks."""

    version: Version
    config: str
    env: tuple[str, ...]
    sample_hooks: tuple[str, ...]

    def files(self, dockerfile: str) -> dict[str, str | bytes]:
        """The files beside the config."""
        gem = "kamal" if self.version >= RENAMED else "mrsk"
        lock = f"GEM\n  remote: https://rubygems.org/\n  specs:\n    {gem} ({self.version})\n"
        values = "".join(f"{name}=change-this\n" for name in self.env)
        samples = dict.fromkeys(self.sample_hooks, SAMPLE)
        return {
            "Gemfile.lock": lock,
            "Dockerfile": dockerfile,
            **({".env": values} if values else {}),
            **samples,
        }


def templates() -> Iterator[Template]:
    for row in json.loads(DATA.read_text(encoding="utf-8")):
        for said in dict.fromkeys((row["first"], row["last"])):
            version = parse(said)
            assert version
            yield Template(version, row["config"], tuple(row["env"]), tuple(row["sample_hooks"]))


TEMPLATES = list(templates())


@pytest.mark.parametrize(("ports", "code"), [("EXPOSE 3000\n", 0), ("", 3)], ids=["exposed", "no port"])
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template.version))
def test_a_template_migrates(template: Template, ports: str, code: int, tmp_path: Path) -> None:
    app = make_app(tmp_path, template.config, template.files(f"FROM ruby:3.2\n{ports}"))
    result = command("-C", app, "--yes", "--allow-dirty")
    assert (result.code, result.err) == (code, "")
    assert check(read(app).project, WANTED).problems == ()
    assert "\nLeft for you" not in result.out


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template.version))
def test_every_secret_of_a_template_gets_a_line(template: Template, tmp_path: Path) -> None:
    app = make_app(tmp_path, template.config, template.files("EXPOSE 3000\n"))
    command("-C", app, "--yes", "--allow-dirty")
    (view,) = views(project := read(app).project, project.configs[0])
    names = EnvDoc(project.files.get(".kamal/secrets", "")).names()
    assert list(secret_names(view)) == list(names)
    assert ("RAILS_MASTER_KEY" in names) == (template.version < UNASKED)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template.version))
def test_a_template_as_it_is_would_be_refused(template: Template, tmp_path: Path) -> None:
    app = make_app(tmp_path, template.config, template.files("FROM ruby:3.2\n"))
    assert check(read(app).project, WANTED).problems


def test_every_version_before_2_has_its_template() -> None:
    versions = [template.version for template in TEMPLATES]
    assert versions == sorted(versions)
    assert (versions[0], versions[-1]) == (Version(0, 0, 2), Version(1, 9, 3))


def test_a_template_leaves_its_second_migration_nothing(tmp_path: Path) -> None:
    for template in TEMPLATES:
        app = make_app(tmp_path / str(template.version), template.config, template.files("EXPOSE 3000\n"))
        command("-C", app, "--yes", "--allow-dirty")
        lock = app / "Gemfile.lock"
        lock.write_text(f"GEM\n  specs:\n    kamal ({NEWEST})\n", encoding="utf-8")
        result = command("-C", app, "--dry-run", "--exit-code")
        assert result.code == 0, result.out
