"""The codemod `secrets`: which file gets which line, and what is left to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from kamal_migrate.api import Create, Extend, Finding, Options, Safety
from kamal_migrate.catalog import catalog
from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.app import App, apps
from kamal_migrate.kamal.secretfiles import kept_out
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Project

HEAD = "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\n"
COMMON, PLAIN, STAGING, LIVE = (f".kamal/secrets{end}" for end in ("-common", "", ".staging", ".live"))
VALUES = Options(secrets_from_env_file=True)


def app_of(
    config: str, files: Mapping[str, str] | None = None, ignored: tuple[str, ...] = (), **destinations: str
) -> App:
    """An app with a config, destinations by name, and other files."""
    texts = {"config/deploy.yml": HEAD + config, **(files or {})}
    texts |= {f"config/deploy.{name}.yml": text for name, text in destinations.items()}
    (app,) = apps(Project("shop", texts, ignored=frozenset(ignored)))
    return app


def findings(app: App, options: Options | None = None) -> list[Finding]:
    """What the codemod says of an app."""
    (secrets,) = (codemod for codemod in catalog() if codemod.id == "secrets")
    return list(secrets.decide_app(app, options or Options()))


def written(found: list[Finding]) -> dict[str, list[str]]:
    """The lines that files get, their comments at the top left out."""
    changes = [change for finding in found if finding.fix for change in finding.fix.files]
    lines: dict[str, list[str]] = {}
    for change in changes:
        assert isinstance(change, (Create, Extend))
        text = change.text.splitlines() if isinstance(change, Create) else list(change.lines)
        while text and text[0].startswith("# ") and "comes from Ruby in" not in text[0]:
            del text[0]
        lines[change.path] = text
    return lines


def applied(app: App, found: list[Finding]) -> App:
    """The app with the files written."""
    files = dict(app.project.files)
    for finding in found:
        for change in finding.fix.files if finding.fix else ():
            if isinstance(change, Create):
                files[change.path] = change.text
            elif isinstance(change, Extend):
                files[change.path] = EnvDoc(files.get(change.path, "")).extend(change.lines)
    (after,) = apps(replace(app.project, files=files))
    return after


def manual(found: list[Finding]) -> list[str]:
    return [finding.id for finding in found if finding.safety is Safety.MANUAL]


ENV = "env: {secret: [A, B]}\n"


def test_without_destinations_one_file_names_everything() -> None:
    found = findings(app_of(ENV + "registry: {username: acme, password: [PW]}\n"))
    assert written(found) == {PLAIN: ["A=$A", "B=$B", "PW=$PW"]}
    (finding,) = found
    assert (finding.id, finding.safety) == ("secrets/file", Safety.REVIEW)
    assert finding.environment == ("A", "B", "PW")
    assert finding.file == "config/deploy.yml"


def test_what_is_written_is_read_back_and_quiet() -> None:
    app = app_of(ENV, {".env.erb": "A=<%= `op read a` %>\nB=<%= secret_of(:b) %>\n"})
    first = findings(app)
    assert written(first) == {PLAIN: ["A=$(op read a)", "# B comes from Ruby in .env.erb, line 2"]}
    after = applied(app, first)
    assert EnvDoc(after.text(PLAIN)).names() == ("A",)
    second = findings(after)
    assert written(second) == {}
    assert manual(first) == manual(second) == ["secrets/ruby"]


def test_no_secrets_no_finding() -> None:
    assert not findings(app_of("env: {A: b}\n", {".env": "A=1\n"}))


def test_what_is_there_is_left_alone() -> None:
    app = app_of(ENV, {PLAIN: "A=$(op read a)\n# B=later"})
    (finding,) = findings(app)
    assert finding.fix
    assert finding.fix.files == (Extend(PLAIN, ("B=$B",)),)
    assert finding.file == PLAIN
    assert not findings(app_of(ENV, {PLAIN: "A=1\nB=2\n"}))
    assert not findings(app_of(ENV, {COMMON: "A=1\n", PLAIN: "B=2\n"}))


@pytest.mark.parametrize(
    ("staging", "live", "files"),
    [
        ("{}\n", "{}\n", {COMMON: ["A=$A", "B=$B"]}),
        ("env: {secret: [A]}\n", "{}\n", {COMMON: ["A=$A"], PLAIN: ["B=$B"], LIVE: ["B=$B"]}),
        (
            "env: {secret: [C]}\n",
            "env: {secret: [D]}\n",
            {PLAIN: ["A=$A", "B=$B"], STAGING: ["C=$C"], LIVE: ["D=$D"]},
        ),
    ],
)
def test_what_all_need_is_said_once(staging: str, live: str, files: dict[str, list[str]]) -> None:
    assert written(findings(app_of(ENV, staging=staging, live=live))) == files


def test_a_config_that_needs_a_destination_reads_no_plain_file() -> None:
    app = app_of(ENV + "require_destination: true\n", staging="env: {secret: [A]}\n", live="{}\n")
    assert written(findings(app)) == {COMMON: ["A=$A"], LIVE: ["B=$B"]}


def test_a_destination_with_an_env_file_of_its_own_gets_its_own_lines() -> None:
    config = ENV + "require_destination: true\n"
    files = {
        ".env.erb": "A=<%= `op read all` %>\nB=<%= `op read b` %>\n",
        ".env.staging.erb": "A=<%= `op read staging` %>\n",
    }
    app = app_of(config, files, staging="{}\n", live="{}\n")
    assert written(findings(app)) == {
        COMMON: ["B=$(op read b)"],
        LIVE: ["A=$(op read all)"],
        STAGING: ["A=$(op read staging)"],
    }
    plain = {".env": "A=1\nB=2\n", ".env.staging": "A=3\nB=2\n"}
    app = app_of(config, plain, staging="{}\n", live="{}\n")
    assert written(findings(app)) == {COMMON: ["B=$B"], LIVE: ["A=$A"], STAGING: ["A=$A"]}


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("", "RAILS_MASTER_KEY=$(cat config/master.key)"),
        ("RAILS_MASTER_KEY=abc\n", "RAILS_MASTER_KEY=$(cat config/master.key)"),
        ("RAILS_MASTER_KEY=<%= `op read k` %>\n", "RAILS_MASTER_KEY=$(op read k)"),
        ('RAILS_MASTER_KEY=<%= File.read("config/b.key") %>\n', "RAILS_MASTER_KEY=$(cat config/b.key)"),
    ],
)
def test_the_master_key(template: str, line: str) -> None:
    config = "env: {secret: [RAILS_MASTER_KEY]}\n"
    (finding,) = findings(app_of(config, {"config/master.key": "", ".env.erb": template}))
    assert written([finding]) == {PLAIN: [line]}
    assert finding.environment == ()
    (finding,) = findings(app_of(config))
    assert finding.environment == ("RAILS_MASTER_KEY",)


def test_names_that_must_be_set() -> None:
    template = 'A=<%= ENV["UPPER"] %>\nB=<%= `op read x` %>\nC=<%= ENV["B"] %>\nD=pg://<%= ENV["P"] %>@h\n'
    (finding,) = findings(app_of("env: {secret: [C, A, B, D]}\n", {".env.erb": template}))
    assert written([finding]) == {PLAIN: ["B=$(op read x)", "C=$B", "A=$UPPER", "D=$D"]}
    assert finding.environment == ("UPPER", "D")
    assert finding.evidence == ".env.erb"


def test_vaults_and_conditions_are_noted() -> None:
    template = "<% if true %>\nA=<%= `op read a` %>\n<% end %>\nB=<%= `bin/rails credentials:fetch b` %>\n"
    (finding,) = findings(app_of(ENV, {".env.erb": template}))
    assert finding.notes == (
        "`A` asks 1Password, which goes on working; `kamal secrets fetch --adapter 1password --account"
        " ACCOUNT --from VAULT/ITEM` could take its place",
        "`B` asks Rails credentials, which goes on working",
        ".env.erb has `A` inside a condition; the lines here have none",
    )


def test_values_stay_where_they_are() -> None:
    files = {".env": "A=hunter2\nB='hunter2'\n", ".env.erb": "A=hunter2\n", PLAIN: "Z=hunter2\n"}
    found = findings(app_of(ENV, files))
    assert "hunter2" not in str([(finding, written([finding])) for finding in found])
    assert written(found) == {PLAIN: ["A=$A", "B=$B"]}


def test_values_go_where_git_ignores_the_file() -> None:
    files = {".env": "A=hunter2\nB=it's # x\n", ".dockerignore": ".env*\n"}
    found = findings(app_of(ENV, files, ignored=(PLAIN,)), VALUES)
    assert written(found) == {PLAIN: ["A='hunter2'", 'B="it\\\'s"'], ".dockerignore": ["/.kamal/secrets"]}
    (change,) = found[0].fix.files if found[0].fix else ()
    assert isinstance(change, Create)
    assert change.private
    assert found[0].environment == ()
    assert "hunter2" not in repr(found)


def test_values_go_nowhere_else() -> None:
    found = findings(app_of(ENV, {".env": "A=hunter2\n"}), VALUES)
    assert written(found) == {}
    assert [(finding.id, finding.todo) for finding in found] == [
        ("secrets/not-ignored", "add .kamal/secrets to .gitignore, then run again")
    ]


@pytest.mark.parametrize(
    ("files", "notes"),
    [
        ({}, ("no value is copied: no .env has one",)),
        ({".env.erb": 'A=<%= ENV["X"] %>\n'}, ("no value is copied: .env.erb says where they are",)),
        ({".env": 'A="1\n2"\n'}, ()),
    ],
)
def test_that_no_value_is_copied_is_said(files: dict[str, str], notes: tuple[str, ...]) -> None:
    app = app_of("env: {secret: [A]}\n", files)
    assert findings(app, VALUES)[0].notes == notes
    assert findings(app)[0].notes == ()


def test_a_destination_has_its_own_values() -> None:
    files = {".env": "A=1\nB=2\n", ".env.staging": "A=3\n"}
    ignored = (COMMON, STAGING, LIVE)
    config = ENV + "require_destination: true\n"
    app = app_of(config, files, ignored, staging="{}\n", live="{}\n")
    assert written(findings(app, VALUES)) == {COMMON: ["B='2'"], LIVE: ["A='1'"], STAGING: ["A='3'"]}


@pytest.mark.parametrize("value", ['"l1\nl2"', r'"l1\nl2"', '"a # \\\\"'])
def test_values_that_no_line_can_hold(value: str) -> None:
    found = findings(app_of("env: {secret: [A]}\n", {".env": f"A={value}\n"}, (PLAIN,)), VALUES)
    assert written(found) == {PLAIN: ["A=$A"]}
    assert manual(found) == ["secrets/several-lines"]
    assert (found[-1].file, found[-1].line) == (".env", 1)


def test_commands_of_an_env_file_count_as_values() -> None:
    files = {".env": "A=$(op read a)\nB=x$A\n"}
    assert written(findings(app_of(ENV, files))) == {PLAIN: ["A=$A", "B=$B"]}
    assert written(findings(app_of(ENV, files, (PLAIN,)), VALUES)) == {PLAIN: ["A=$(op read a)", "B=$B"]}


def test_ignored_files_without_values_are_noted() -> None:
    (finding,) = findings(app_of(ENV, ignored=(PLAIN,)))
    assert finding.notes == ("git ignores .kamal/secrets; it holds no values, and can be committed",)


KAMAL_2 = ENV + "builder: {arch: amd64}\n"


def test_the_files_of_a_kamal_2_app_are_not_touched() -> None:
    half = {PLAIN: "A=1\n"}
    assert not findings(app_of(KAMAL_2))
    assert not findings(app_of(KAMAL_2, half))
    assert not findings(app_of(KAMAL_2, half, (COMMON,)))
    assert not findings(app_of(KAMAL_2, {COMMON: "A=1\n", STAGING: "Z=1\n"}, staging="{}\n"))


@pytest.mark.parametrize(
    ("config", "to", "todo"),
    [
        ("env: {secret: [A-B]}\n", Version(2, 12), "write `A-B:A_B` there"),
        ("env: {secret: [A-B]}\n", Version(2, 5), "call it `A_B`"),
        ("registry: {username: u, password: [A-B]}\n", Version(2, 12), "call it `A_B`"),
        ("env: {secret: ['A:B']}\n", Version(2, 5), "name the secret itself"),
    ],
)
def test_names_that_no_file_can_have(config: str, to: Version, todo: str) -> None:
    (finding,) = findings(app_of(config), Options(to=to))
    assert (finding.id, finding.safety) == ("secrets/name", Safety.MANUAL)
    assert finding.todo.startswith(todo)
    assert finding.key[0] in ("env", "registry")


def test_names_that_erb_makes() -> None:
    found = findings(
        app_of("env:\n  secret:\n    - A\n    - <%= name %>\n    - <%= other %>\nsecrets_path: s\n")
    )
    assert [(finding.id, finding.key) for finding in found] == [
        ("secrets/erb-names", ("env", "secret")),
        ("secrets/elsewhere", ("s",)),
    ]
    found = findings(app_of(ENV + "secrets_path: <%= path %>\n"))
    assert [(finding.id, finding.key) for finding in found] == [("secrets/erb-names", ("secrets_path",))]
    assert not findings(app_of("env: {secret: [<%= name %>]}\nbuilder: {arch: amd64}\n"))


def test_erb_that_reads_what_env_provided() -> None:
    config = 'env: {A: "<%= ENV["A"] %>", B: "<%= ENV.fetch("B") %>", C: "<%= ENV["C"] %>"}\n'
    (finding,) = findings(app_of(config, {".env": "A=1\nB=2\n"}))
    assert (finding.id, finding.file, finding.line) == ("secrets/erb-env", "config/deploy.yml", 4)
    assert "`A`, `B`" in finding.message
    assert '`<% require "dotenv"; Dotenv.load(".env") %>`' in finding.todo
    loading = '# <% require "dotenv"; Dotenv.load %>\n'
    assert not findings(app_of(loading + config, {".env": "A=1\n"}))
    assert not findings(app_of(config + "builder: {arch: amd64}\n", {".env": "A=1\n"}))
    assert findings(app_of(config + "builder: {arch: amd64}\n", {".env.erb": "A=1\n"}))


def test_erb_is_told_again_once_the_secrets_take_their_names_from_the_environment() -> None:
    config = 'env: {A: "<%= ENV["A"] %>", secret: [B]}\n'
    kamal_2 = config + "builder: {arch: amd64}\n"
    files = {".env": "A=1\nB=2\n"}
    (told, _) = findings(app_of(config, files))
    assert findings(app_of(kamal_2, {**files, PLAIN: "B=$B\n"})) == [told]
    assert not findings(app_of(kamal_2, {**files, PLAIN: "B=$(op read b)\n"}))


def test_the_own_file_of_a_destination_wins_over_the_template_for_all() -> None:
    files = {".env.erb": "A=<%= `a` %>\nB=<%= `b` %>\n", ".env.staging": "A=1\n"}
    found = findings(app_of(ENV + "require_destination: true\n", files, staging="{}\n"))
    assert written(found) == {COMMON: ["A=$A", "B=$(b)"]}


def test_ruby_that_one_destination_needs_is_told_though_another_does_not() -> None:
    files = {".env.erb": "A=<%= secret_of(:a) %>\n", ".env.staging.erb": "A=1\n"}
    text = "env: {secret: [A]}\nrequire_destination: true\n"
    found = findings(app_of(text, files, staging="{}\n", production="{}\n"))
    (ruby,) = (finding for finding in found if finding.id == "secrets/ruby")
    assert (ruby.file, ruby.line) == (".env.erb", 1)
    assert ".kamal/secrets.production as" in ruby.todo


def test_lines_that_erb_writes_elsewhere_are_no_names() -> None:
    config = "env:\n  secret:\n    - A\n  clear:\n    B: c\n    <%= more %>\n"
    assert [finding.id for finding in findings(app_of(config))] == ["secrets/file"]


def test_a_template_that_cannot_be_read() -> None:
    found = findings(app_of(ENV, {".env.erb": "A=<%= `x`\n"}))
    assert manual(found) == ["secrets/template"]
    assert written(found) == {PLAIN: ["A=$A", "B=$B"]}


def test_apps_in_folders() -> None:
    files = {"shop/config/deploy.yml": HEAD + ENV, "shop/.env.erb": "A=<%= `a` %>\n"}
    (app,) = apps(Project("mono", files))
    (finding,) = findings(app)
    assert written([finding]) == {PLAIN: ["A=$(a)", "B=$B"]}
    assert finding.file == "config/deploy.yml"


@pytest.mark.parametrize(
    ("text", "path", "out"),
    [
        (".env*", ".env", True),
        ("/.env", ".env", True),
        (".kamal", ".kamal/secrets", True),
        ("/.kamal/secrets*", ".kamal/secrets.live", True),
        ("**/.env", ".env", True),
        ("**/secrets", ".kamal/secrets", True),
        ("*", ".kamal/secrets", True),
        (".env*\n!.env", ".env", False),
        ("# .env", ".env", False),
        ("secrets", ".kamal/secrets", False),
        ("", ".env", False),
    ],
)
def test_what_an_ignore_file_keeps_out(text: str, path: str, out: bool) -> None:
    assert kept_out(text, path) == out


@pytest.mark.parametrize(
    ("ruby", "to", "lines"),
    [
        ("`op read op://v/i --session #{token}`", Version(2), "fetch --adapter 1password --account ACCOUNT"),
        (
            'JSON.parse(`aws secretsmanager get-secret-value`)["A"]',
            Version(2, 4),
            "aws_secrets_manager FIELD)",
        ),
        ('JSON.parse(`aws secretsmanager get-secret-value`)["A"]', Version(2, 3), "as NAME=$(command),"),
        (
            "Rails.application.credentials.dig(:db, :url)",
            Version(2),
            '`A=$(bin/rails runner "puts Rails.application.credentials.dig(:db, :url)")`',
        ),
        (
            "Rails.application.credentials.aws[:key]",
            Version(2),
            "puts Rails.application.credentials.aws[:key]",
        ),
        ('Rails.application.credentials.dig("db")', Version(2), "as NAME=$(command),"),
        ("`cat a`.lines.first", Version(2), "as NAME=$(command),"),
    ],
)
def test_ruby_for_hands_comes_with_lines_to_paste(ruby: str, to: Version, lines: str) -> None:
    app = app_of("env: {secret: [A]}\n", {".env.erb": f"A=<%= {ruby} %>\n"})
    (found,) = (one for one in findings(app, Options(to=to)) if one.id == "secrets/ruby")
    assert lines in found.todo


def test_a_file_that_secrets_path_puts_elsewhere_is_for_hands() -> None:
    (found,) = findings(app_of(ENV + "secrets_path: conf/vault\n"))
    assert (found.id, found.fix, found.key) == ("secrets/elsewhere", None, ("conf/vault",))
    (made,) = findings(app_of(ENV + "secrets_path: .kamal/secrets-shop\n"))
    assert written([made]).keys() == {".kamal/secrets-shop"}
    (old,) = findings(app_of(ENV + "secrets_path: conf/vault\n"), Options(to=Version(2, 8)))
    assert written([old]).keys() == {".kamal/secrets"}
