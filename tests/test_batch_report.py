"""The report of a campaign in all its forms, and the bodies of pull requests."""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import os
import re
import weakref
from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from kamal_migrate.api import Options
from kamal_migrate.asking import Terminal
from kamal_migrate.batch.report import html, markdown
from kamal_migrate.batch.report import json as as_json
from kamal_migrate.batch.report.repository import Automatic, automatic, entries, pieces, reasons, tasks
from kamal_migrate.batch.report.sides import Block, sides
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.state import opened
from kamal_migrate.batch.work import Outcome, Work
from kamal_migrate.commands.batch_report import command, write
from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.report.lines import printable
from kamal_migrate.request import UsageError
from tests.reported import Campaign, of_apps, with_all_outcomes, work_of

BODIES = Path(__file__).parent / "data" / "pull_requests"
FORMS = {"html": html.parts, "json": as_json.parts, "markdown": markdown.parts}
CONFIG = (
    "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nregistry: {username: acme, password: [TOKEN]}\n"
)
PUSHING = "on: push\njobs:\n  go:\n    runs-on: ubuntu-latest\n    steps:\n      - run: kamal deploy\n"


def written(campaign: Campaign, form: str) -> str:
    return "".join(FORMS[form]("upgrade", campaign.rows, campaign.report))


def bodies(campaign: Campaign) -> Iterator[str]:
    for row in campaign.rows:
        if campaign.report(row):
            yield markdown.pull_request(row, campaign.report(row))


# --- pull requests


@pytest.mark.parametrize("app", ["harvest", "shop", "tidepool"])
def test_the_body_of_a_pull_request(app: str, request: pytest.FixtureRequest) -> None:
    (body,) = bodies(of_apps([app]))
    file = BODIES / f"{app}.md"
    if request.config.getoption("update"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body, encoding="utf-8")
    assert body == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("app", ["abacus", "compass", "ledger", "quarry", "tidepool", "vellum"])
def test_what_is_left_for_hands_is_a_checklist(app: str) -> None:
    (body,) = bodies(of_apps([app]))
    findings = work_of(app).report["findings"]
    wanted = {
        f"`{place['path']}:{place['line']}`"
        for finding in findings
        if finding["safety"] in ("manual", "assumed")
        for place in finding["locations"]
    }
    boxes = [line for line in body.splitlines() if line.startswith("- [ ] ")]
    assert all(any(place in box for box in boxes) for place in wanted)
    assert bool(boxes) == bool(wanted)


@pytest.mark.parametrize(
    ("trunk", "expected"),
    [
        ("main", "`.github/workflows/deploy.yml` deploys on every push to `main`."),
        ("", "`.github/workflows/deploy.yml` deploys on every push."),
        ("develop", None),
    ],
)  # fmt: skip
def test_a_merge_that_deploys(trunk: str, expected: str | None) -> None:
    report = work_of("shop").report
    body = markdown.pull_request(Row("shop", "url", trunk=trunk), report)
    warning = f"**Do not merge before step 3:** {expected}"
    assert (warning in body.splitlines()) if expected else "Do not merge" not in body
    steps = report["steps"]["runbooks"][0]["steps"]
    assert steps[1]["id"] == "pause", "merging is safe from the step after this on"


@pytest.mark.parametrize(
    ("runbooks", "expected"),
    [
        ([("shop", ["deploy-1.9", "pause", "version", "deploy"])], (("", 3),)),
        ([("shop", ["version", "config", "deploy"])], (("", 3),)),
        ([("shop", ["version", "config"])], ()),
        ([("api", ["pause", "x"]), ("site", ["x", "pause", "x"])], (("api", 2), ("site", 3))),
        ([("api", ["pause", "version"]), ("site", ["version"])], (("api", 2),)),
        ([], ()),
    ],
)  # fmt: skip
def test_the_step_to_wait_for(
    runbooks: list[tuple[str, list[str]]], expected: tuple[tuple[str, int], ...]
) -> None:
    report = {
        "deploys_on_push": [{"path": "ci.yml", "branches": ["**"]}],
        "steps": {
            "runbooks": [{"service": name, "steps": [{"id": one} for one in ids]} for name, ids in runbooks]
        },
    }
    assert automatic(report, "main") == Automatic(("ci.yml",), expected)


# --- Markdown: text is text


def _inline(source: str) -> list[Token]:
    """The only paragraph that a text makes."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    return tokens[1].children or []


def _said(children: list[Token]) -> list[str]:
    """The words, without what keeps them from being links."""
    return "".join(token.content for token in children).replace("\u200b", "").split()


SIGNS = st.text("ab1 9.)(`*_~[]<>|\\&;:/@#!$%^=-+'\"\n\t\x1b\u202e", min_size=1, max_size=30)


@given(SIGNS | st.text(min_size=1, max_size=30))
def test_a_text_in_markdown_is_that_text(text: str) -> None:
    shown = " ".join(printable(text.strip()).replace("\u200b", "").split())
    made = markdown.plain(text)
    if shown:
        children = _inline(f"x {made}")
        assert {token.type for token in children} <= {"text", "text_special"}
        assert _said(children) == ["x", *shown.split()]
        assert _said(_inline(made)) == shown.split()


@given(SIGNS.filter(str.strip))
def test_code_in_markdown_is_that_code(text: str) -> None:
    (child,) = [token for token in _inline(f"x {markdown.code(text)}") if token.type != "text"]
    assert child.type == "code_inline"
    assert child.content == printable(text).replace("\t", "    ")


@given(SIGNS)
def test_a_message_keeps_its_words(text: str) -> None:
    children = _inline(f"x {markdown.words(text)}")
    assert {token.type for token in children} <= {"text", "text_special", "code_inline"}
    assert "".join(piece.text for piece in pieces(text)).replace("`", "") == text.replace("`", "")


@pytest.mark.parametrize(
    "text",
    [
        "@acme/team",
        "fixes #12",
        "acme/shop#7",
        "GH-12",
        "https://evil.example",
        "www.evil.example",
        "!12",
        "%3",
    ],
)
def test_nothing_is_linked_or_mentioned(text: str) -> None:
    assert "&#8203;" in markdown.plain(text)
    assert "&#8203;" not in markdown.code(text)


def test_a_table_keeps_its_columns() -> None:
    campaign = with_all_outcomes()
    campaign.add("https://x.example/a|b`c|d`/e\\|f", Work(Outcome.FAILED, "one | two\n| three |"))
    tokens = MarkdownIt("commonmark").enable("table").parse(written(campaign, "markdown"))
    kinds = [token.type for token in tokens]
    assert kinds.count("tr_open") == 1 + len(campaign.rows)
    assert kinds.count("td_open") == 6 * len(campaign.rows)
    assert kinds.count("html_block") == 1, "what says whose report it is"


def test_the_totals_and_reasons_in_markdown() -> None:
    lines = written(with_all_outcomes(), "markdown").splitlines()
    assert {"9 repositories", "- 2 to migrate", "- 2 needs hands", "- 1 failed", "- 1 waiting"} <= {*lines}
    assert "failed: config/deploy.yml:12:3: a tab indents this line" in lines
    assert "- [ ] `config/deploy.yml:43` `multiarch` stays: its value is not plainly true or false; write true or false, then run again" in lines  # noqa: E501 # fmt: skip


# --- JSON


def test_json_says_all_of_each_repository() -> None:
    campaign = with_all_outcomes()
    campaign.rows[2] = replace(campaign.rows[2], stage=Stage.COMMITTED)
    found = json.loads(written(campaign, "json"))
    assert list(found) == ["schema_version", "made_by", "campaign", "totals", "repositories"]
    assert found["totals"] == {
        "to migrate": 1,
        "migrated": 1,
        "nothing to do": 1,
        "needs hands": 2,
        "no Kamal": 1,
        "refused": 1,
        "failed": 1,
        "waiting": 1,
    }
    for row, one in zip(campaign.rows, found["repositories"], strict=True):
        assert (one["name"], one["outcome"], one["source"]) == (row.name, row.said, row.source)
        assert one["report"] == (json.loads(json.dumps(campaign.report(row))) or None)


def test_json_of_nothing() -> None:
    assert json.loads(written(Campaign(), "json"))["repositories"] == []


# --- the page


class Page(HTMLParser):
    """The elements, the words, and what each inlined part is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.parts: dict[str, str] = {}
        self._inside = ""
        self.feed(text)
        self.close()
        for name, part in list(self.parts.items()):
            if name.startswith("for "):
                self.feed(part)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._inside = ""
        if tag in ("style", "script"):
            self._inside = f"for {found['data-for']}" if "data-for" in found else tag
            assert self._inside not in self.parts

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.parts[self._inside] = self.parts.get(self._inside, "") + data
        else:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


TAGS = """
    html head meta title style body a header h1 h2 h3 h4 span button noscript p code main div b form label
    input kbd table thead tbody tr th td bdi script nav ul ol li section article aside pre figure
    figcaption br
"""
ATTRIBUTES = """
    lang charset name content http-equiv class id href rel type hidden tabindex role for autocomplete
    spellcheck placeholder scope data-outcome data-id data-words data-label data-for data-n data-part
    aria-label aria-pressed aria-labelledby aria-keyshortcuts aria-describedby aria-hidden
"""


def check_page(text: str) -> Page:
    """Nothing in the page is more than the template's own markup, and nothing comes from elsewhere."""
    page = Page(text)
    assert {tag for tag, _ in page.elements} <= {*TAGS.split()}
    assert {name for _, attributes in page.elements for name in attributes} <= {*ATTRIBUTES.split()}
    links = [attributes["href"] or "" for _, attributes in page.elements if "href" in attributes]
    assert all(link.startswith(("#", "https://git.example.com/")) for link in links)
    assert "url(" not in page.parts["style"] and "@import" not in page.parts["style"]
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert len([one for one in scripts if one.get("type") != "text/html"]) == 1
    return page


def test_the_page_is_closed_to_all_but_its_own_script_and_style() -> None:
    page = check_page(written(with_all_outcomes(), "html"))
    (policy,) = [
        a["content"] or "" for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
    ]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    for name, part in (("style-src", "style"), ("script-src", "script")):
        digest = base64.b64encode(hashlib.sha256(page.parts[part].encode()).digest()).decode()
        assert directives.pop(name) == f"'sha256-{digest}'"
    assert directives == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


def test_the_page_has_all_that_was_found() -> None:
    campaign = with_all_outcomes()
    page = check_page(written(campaign, "html"))
    rows = [attributes for tag, attributes in page.elements if tag == "tr" and "data-id" in attributes]
    assert [row["data-id"] for row in rows] == [row.name for row in campaign.rows]
    assert len([tag for tag, _ in page.elements if tag == "h1"]) == 1
    words = "".join(page.words).replace("`", "")
    for row in campaign.rows:
        report = campaign.report(row)
        for finding in report.get("findings", ()):
            assert finding["message"].replace("`", "") in words
        for change in report.get("deployment", ()):
            assert change["after"] in words
        for step in (
            step for runbook in report.get("steps", {}).get("runbooks", ()) for step in runbook["steps"]
        ):
            assert step["title"] in words and all(line in words for line in step["commands"])
        assert row.reason.replace("`", "") in words


def test_a_host_that_the_image_does_not_fit_is_red() -> None:
    known = Inventory(
        (("192.0.2.1", Evidence("arm64", "hosts.yml:1")), ("192.0.2.2", Evidence("amd64", "hosts.yml:2")))
    )
    servers = CONFIG.replace("[192.0.2.1]", "[192.0.2.1, 192.0.2.2]") + "builder: {arch: amd64}\n"
    campaign = Campaign()
    campaign.add_files("a/b", {"config/deploy.yml": servers}, Options(inventory=known))
    page = Page(written(campaign, "html"))
    found = [attributes.get("class") or "" for tag, attributes in page.elements if tag == "li"]
    assert [one for one in found if one.startswith("host")] == ["host misfit", "host"]
    (entry,) = entries(campaign.rows, campaign.report)
    assert entry.manual == 1
    assert "- [ ] `hosts.yml:1` `192.0.2.1` runs arm64, and the image has nothing for that" in next(
        bodies(campaign)
    )


def test_ids_are_distinct() -> None:
    rows = [Row(source, "url") for source in ("a/b", "c/a/b", "a/B", "a/b~2", "日本/語", "<>")]
    found = [one.id for one in entries(rows, lambda _: {})]
    assert found == ["a/b", "a/b~2", "a/b~3", "a/b-2", "repository", "repository~2"]


# --- two sides


def test_two_sides_say_what_the_hunk_says() -> None:
    for app in ("abacus", "shop", "vellum"):
        for file in work_of(app).report["files"]:
            for hunk in file["hunks"]:
                blocks = list(sides(hunk))
                old = [line for block in blocks for line in block.old]
                new = [line for block in blocks for line in block.new]
                assert [line.text for line in old] == [line[1:] for line in hunk["lines"] if line[0] != "+"]
                assert [line.text for line in new] == [line[1:] for line in hunk["lines"] if line[0] != "-"]
                for side, sign in ((old, "-"), (new, "+")):
                    start = int(re.search(rf"\{sign}(\d+)", hunk["header"])[1])  # type: ignore[index]
                    first = start + hunk["header"].startswith(f"@@ {sign}{start},0")
                    assert [line.number for line in side] == [*range(first, first + len(side))]


def test_lines_that_only_come() -> None:
    (block,) = sides({"header": "@@ -4,0 +5,2 @@", "lines": ["+a", "+b"]})
    assert block == Block((), ((5, "a"), (6, "b")), True)  # type: ignore[arg-type]


def test_every_change_has_its_reason() -> None:
    for app in ("abacus", "harvest", "quarry", "shop", "vellum"):
        report = work_of(app).report
        for file in report["files"]:
            assert all(found for found in reasons(file, report["findings"])), (app, file["path"])


def test_a_reason_is_told_once_for_a_hunk() -> None:
    findings = [{"id": "a/b", "safety": "safe"}] * 2
    said: list[dict[str, Any]] = [
        {"finding": number, "message": "m", "evidence": None, "notes": []} for number in (0, 1)
    ]
    file = {"hunks": [{"reasons": said}, {"reasons": said}], "reasons": []}
    assert [[reason.above for reason in found] for found in reasons(file, findings)] == [[False], [True]]


def test_tasks_that_are_the_same_are_one() -> None:
    found = tasks(work_of("abacus").report)
    (several,) = [task for task in found if len(task.said) > 1]
    assert [said.places for said in several.said] == [("config/deploy.yml:17",), ("config/deploy.yml:18",)]
    assert [task.commands for task in found if task.commands] == [["kamal proxy logs"]]


# --- hostile repositories

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "a\nb\r\n# c",
    "\x1b]0;t\x07\x1b[31m",
    "\u202egnp.exe\u2066",
    "`|`|``|[x](javascript:alert(1))",
    "@acme/everyone #1 ![x](https://evil.example/x.png)",
    '" onmouseover="alert(1)" x="',
    "{{ 7*7 }}{% raw %}",
    "\udcff",
]


def hostile() -> Campaign:
    campaign = Campaign()
    for number, text in enumerate(HOSTILE):
        quoted = json.dumps(text.encode("utf-8", "replace").decode())
        plain = printable(text).replace("\\", "/")
        files = {
            "config/deploy.yml": CONFIG.replace("shop\n", f"{quoted}\n", 1)
            + f"# {plain}\nbuilder:\n  multiarch: false # {plain}\nlabels: {{{quoted}: {quoted}}}\n"
            + f"accessories: {{{quoted}: {{image: {quoted}, host: {quoted}}}}}\n",
            ".github/workflows/ci.yml": f"name: {quoted}\n{PUSHING}",
        }
        row = campaign.add_files(f"https://git.example.com/{number}{text}/{text}{number}", files)
        campaign.add(f"{number}{text}", Work(Outcome.FAILED, text), branch=text, link=f"javascript:{text}")
        report: Mapping[str, Any] = campaign.report(row)
        assert report, row.reason
    return campaign


def test_hostile_repositories_are_harmless_in_the_page() -> None:
    text = written(hostile(), "html")
    check_page(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_hostile_repositories_are_harmless_in_markdown() -> None:
    campaign = hostile()
    for text in (written(campaign, "markdown"), *bodies(campaign)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        inner = [child for token in tokens for child in token.children or ()]
        assert not {"html_inline", "image"} & {token.type for token in inner}
        assert not [token for token in inner if token.type == "link_open" and "evil" in str(token.attrs)]
        blocks = [token.content for token in tokens if token.type == "html_block"]
        assert all(block.startswith("<!-- kamal-migrate batch report -->") for block in blocks)


def test_hostile_repositories_are_harmless_in_json() -> None:
    text = written(hostile(), "json")
    assert text.isascii() and "\x1b" not in text
    assert len(json.loads(text)["repositories"]) == 2 * len(HOSTILE)


# --- secrets

SECRETS = {
    name: f"{name}{base64.b16encode(name.encode()).decode()}"
    for name in (
        "env",
        "example",
        "erb",
        "kamal",
        "literal",
        "url",
        "comment",
        "traefik",
        "login",
        "reason",
        "arg",
    )
}


def planted() -> Campaign:
    """Repositories with secrets wherever one may stand."""
    config = (
        CONFIG.replace("[TOKEN]", SECRETS["literal"])
        + f"# password: {SECRETS['comment']}\n"
        + "env:\n  clear:\n"
        + f"    DATABASE_URL: postgres://shop:{SECRETS['url']}@db.internal/shop\n"
        + f"    API_TOKEN: {SECRETS['literal']}\n"
        + "  secret: [SMTP_PASSWORD, TOKEN]\n"
        + f"builder:\n  multiarch: false\n  args:\n    NPM_TOKEN: {SECRETS['arg']}\n"
        + "traefik:\n  labels:\n    traefik.http.middlewares.auth.basicauth.users: "
        + f"admin:$apr1${SECRETS['traefik']}\n"
        + f"healthcheck:\n  cmd: 'curl -H \"Authorization: Bearer {SECRETS['traefik']}\" localhost'\n"
    )
    env = f"SMTP_PASSWORD={SECRETS['env']}\nTOKEN='{SECRETS['env']}'\nODD {SECRETS['env']}\n"
    files = {
        "config/deploy.yml": config,
        "config/deploy.staging.yml": f"registry:\n  password: {SECRETS['literal']}\n",
        ".env": env,
        ".env.staging": env,
        ".env.example": f"TOKEN={SECRETS['example']}\n",
        ".env.erb": f"TOKEN=<%= `op read x` %>\nSMTP_PASSWORD={SECRETS['erb']}\n",
        ".kamal/secrets": f"SMTP_PASSWORD={SECRETS['kamal']}\n",
        ".github/workflows/ci.yml": f"{PUSHING}    env:\n      API_TOKEN: {SECRETS['literal']}\n",
    }
    made = Campaign()
    login = f"https://deploy:{SECRETS['login']}@git.example.com/"
    for number, gone in enumerate(
        [(), (".env.erb",), (".kamal/secrets",), (".env.erb", ".kamal/secrets"), (*files,)[2:]]
    ):
        some = {path: text for path, text in files.items() if path not in gone}
        made.add_files(f"{login}{number}.git", some)
        made.add_files(f"{login}acme/private{number}.git", some, Options(secrets_from_env_file=True))
    reason = f"fatal: https://deploy:{SECRETS['reason']}@git.example.com/x.git: password={SECRETS['reason']}"
    made.add(f"{login}x.git", Work(Outcome.FAILED, reason), link=f"{login}pull?token={SECRETS['login']}")
    return made


def test_no_form_shows_a_secret() -> None:
    campaign = planted()
    assert [row.outcome for row in campaign.rows].count(Outcome.FAILED) == 1
    texts = [*(written(campaign, form) for form in FORMS), *bodies(campaign)]
    for text in texts:
        assert not [name for name, secret in SECRETS.items() if secret in text]
    assert all("[masked]" in text for text in texts[:1])


# --- a campaign of any size


@pytest.mark.heavy
@pytest.mark.parametrize("form", FORMS)
def test_few_reports_are_in_memory_at_a_time(form: str) -> None:
    class Kept(UserDict[str, Any]):
        """A report that can be counted."""

        __hash__ = object.__hash__

    alive: weakref.WeakSet[Kept] = weakref.WeakSet()
    most = 0

    def report(_: Row) -> Mapping[str, Any]:
        nonlocal most
        made = Kept(work_of("abacus").report)
        alive.add(made)
        gc.collect()
        most = max(most, len(alive))
        return made

    rows = [Row(f"a/{number}", "url", Stage.PLANNED, Outcome.MIGRATED) for number in range(12)]
    assert sum(len(part) for part in FORMS[form]("x", rows, report)) > 12 * 1000
    assert 0 < most <= 3


# --- the command


class Shown:
    """What a terminal was given."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, color: str) -> Terminal:
        return Terminal(
            lambda lines: self.verbatim("".join(f"{line.text}\n" for line in lines)), self.verbatim, None
        )

    def verbatim(self, text: str) -> None:
        self.text += text


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to be in, and a campaign that is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with opened("apps", new=True) as state:
        campaign = with_all_outcomes()
        state.add([(row.source, row.kind) for row in campaign.rows])
        for row in campaign.rows:
            state.planned(row, Work(row.outcome or Outcome.FAILED, row.reason, report=campaign.report(row)))
    yield tmp_path


def report(**settings: Any) -> str:
    shown = Shown()
    command(shown)(**{"name": "apps", "form": "text", "output": "", "color": "auto", **settings})
    return shown.text


@pytest.mark.usefixtures("kept")
def test_the_command_prints_what_the_forms_are() -> None:
    campaign = with_all_outcomes()
    for form in ("json", "markdown"):
        assert report(form=form) == "".join(FORMS[form]("apps", campaign.rows, campaign.report))
    text = report()
    assert "acme/broken: failed: config/deploy.yml:12:3" in text
    assert text.endswith("9 repositories: 4 to migrate (2 need hands), 1 nothing to do, 1 no Kamal, 1\n  refused, 1 failed, 1 waiting\n")  # noqa: E501 # fmt: skip


def test_a_page_goes_to_a_file_that_is_said(kept: Path) -> None:
    assert report(form="html") == "kamal-migrate-apps.html\n"
    check_page((kept / "kamal-migrate-apps.html").read_text(encoding="utf-8"))
    assert sorted(path.name for path in kept.iterdir()) == ["kamal-migrate-apps.html", "state"]


@pytest.mark.parametrize("form", ["text", *FORMS])
def test_only_a_report_is_written_over(kept: Path, form: str) -> None:
    for _ in range(2):
        assert report(form=form, output="x.out") == "x.out\n"
    assert (kept / "x.out").stat().st_mode & 0o777 == 0o644 & ~(os.umask(0o022) or os.umask(0o022))
    (kept / "deploy.yml").write_text("service: shop # kamal-migrate: ignore[builder]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no report of kamal-migrate"):
        report(form=form, output="deploy.yml")
    assert (kept / "deploy.yml").read_text(encoding="utf-8").startswith("service: shop")


@pytest.mark.parametrize("output", ["gone/x.html", "state"])
def test_what_cannot_be_written_is_said(kept: Path, output: str) -> None:
    with pytest.raises(UsageError, match=rf"{output}: .*--output"):
        report(form="html", output=output)
    assert [path.name for path in kept.iterdir()] == ["state"]


def test_a_report_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    def parts() -> Iterator[str]:
        yield "half"
        raise RuntimeError

    file = tmp_path / "x.html"
    write(file, iter(["kamal-migrate batch report"]))
    with pytest.raises(RuntimeError):
        write(file, parts())
    assert file.read_text(encoding="utf-8") == "kamal-migrate batch report"
    assert [*tmp_path.iterdir()] == [file]
