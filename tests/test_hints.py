"""What people type by mistake, and what is said of it; and what no key says."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamal_migrate.api import Options
from kamal_migrate.catalog import builtin
from kamal_migrate.disk import read
from kamal_migrate.engine import Plan, plan
from kamal_migrate.project import InputError, Project
from tests.commanding import command

LEGACY = "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nregistry: {password: [TOKEN]}\n"


def app(root: Path, files: dict[str, str]) -> Path:
    """An app with these files."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def planned(text: str) -> Plan:
    """The plan of an app with only this config."""
    return plan(Project("shop", {"config/deploy.yml": text}), builtin(), Options())


def test_run_in_the_config_folder(tmp_path: Path) -> None:
    app(tmp_path, {"config/deploy.yml": LEGACY})
    with pytest.raises(InputError, match=rf"folder of an app's config; run it in {tmp_path}"):
        read(tmp_path / "config")


def test_a_destination_given_as_a_config(tmp_path: Path) -> None:
    app(tmp_path, {"config/deploy.yml": LEGACY, "config/deploy.eu.yml": "labels: {a: b}\n"})
    with pytest.raises(InputError, match=r"the destination eu of config/deploy\.yml; every destination"):
        read(tmp_path, ("config/deploy.eu.yml",))


def test_a_destination_option_is_explained(tmp_path: Path) -> None:
    app(tmp_path, {"config/deploy.yml": LEGACY})
    result = command("-C", tmp_path, "-d", "eu", "--dry-run")
    assert result.code == 2
    assert "every destination is always included" in result.err


@pytest.mark.parametrize("name", ["check", "hosts", "steps", "diagnose"])
def test_so_it_is_for_every_command(tmp_path: Path, name: str) -> None:
    app(tmp_path, {"config/deploy.yml": LEGACY})
    result = command(name, "-C", tmp_path, "-d", "eu")
    assert (result.code, result.out) == (2, "")
    assert result.err == "there is no -d: every destination is always included\n"


def test_a_finding_that_does_not_exist(tmp_path: Path) -> None:
    app(tmp_path, {"config/deploy.yml": LEGACY})
    result = command("-C", tmp_path, "--dry-run", "--select", "builder/mutliarch")
    assert result.code == 2
    assert "there is no finding `builder/mutliarch`; builder has multiarch" in result.err


def test_an_ignore_comment_without_a_name_is_reported() -> None:
    made = planned(LEGACY + "builder:\n  multiarch: true # kamal-migrate: ignore\n")
    assert made.changed
    assert any("it names no finding" in note for note in made.notes)


def test_an_empty_config_is_none() -> None:
    with pytest.raises(InputError, match="the file says nothing"):
        planned("# nothing yet\n")


def test_of_secrets_the_names_are_read_and_the_values_never_shown(tmp_path: Path) -> None:
    app(tmp_path, {"config/deploy.yml": LEGACY, ".kamal/secrets": "TOKEN=do-not-show\n"})
    made = plan(read(tmp_path).project, builtin(), Options())
    assert not any(item.finding.id.startswith("secrets/") for item in made.findings)
    assert any(item.finding.id == "secrets/file" for item in planned(LEGACY).findings)
    for arguments in (("--dry-run",), ("--dry-run", "--format", "json"), ("--diff",)):
        result = command("-C", tmp_path, *arguments)
        assert result.out
        assert "do-not-show" not in result.out + result.err


@pytest.mark.parametrize(("port", "said"), [("3000", [True]), ("80", [])])
def test_the_port_that_the_image_exposes_is_named(port: str, said: list[bool], tmp_path: Path) -> None:
    """Port 80 is where Kamal 2 sends requests anyhow."""
    app(tmp_path, {"config/deploy.yml": LEGACY, "Dockerfile": f"FROM ruby\nEXPOSE {port}\n"})
    made = plan(read(tmp_path).project, builtin(), Options())
    found = [item.finding for item in made.findings if item.finding.id == "proxy/app-port"]
    assert [finding.evidence == f"port {port}: Dockerfile:2" for finding in found] == said
    assert (f"app_port: {port}\n" in made.after.files["config/deploy.yml"]) == bool(said)


def test_each_app_of_a_folder_has_its_own_version(tmp_path: Path) -> None:
    locks = {
        f"{name}/Gemfile.lock": f"GEM\n  specs:\n    kamal ({v})\n"
        for name, v in (("a", "1.3.1"), ("b", "1.9.3"))
    }
    configs = {f"{name}/config/deploy.yml": f"{LEGACY}builder: {{local: {{arch: arm64}}}}\n" for name in "ab"}
    made = plan(read(app(tmp_path, locks | configs)).project, builtin(), Options())
    assert "arch: [amd64, arm64]" in made.after.files["a/config/deploy.yml"]
    assert "arch: arm64" in made.after.files["b/config/deploy.yml"]
