"""The page of a campaign in a real browser: filter, search, open, copy, print; by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate.batch.report import html
from kamal_migrate.batch.work import Outcome, Work
from tests.browser import Browser, chromium
from tests.reported import with_all_outcomes

pytestmark = pytest.mark.heavy

HOSTILE = "</script><img src=https://evil.example/x onerror=document.title='got'>"
NAMES = "[...document.querySelectorAll('tbody tr[data-id]')].filter(r => !r.hidden).map(r => r.dataset.id)"
FOCUS = "document.activeElement.closest('tr')?.dataset.id ?? document.activeElement.id"
OPEN = "document.querySelector('#opened').hidden ? '' : document.querySelector('#name').textContent"
PAPER = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    campaign = with_all_outcomes()
    campaign.add(HOSTILE, Work(Outcome.FAILED, HOSTILE), link=f"javascript:{HOSTILE}")
    made = tmp_path_factory.mktemp("page") / "report.html"
    made.write_text("".join(html.parts("upgrade", campaign.rows, campaign.report)), encoding="utf-8")
    return made


@pytest.fixture
def page(started: Browser, file: Path) -> Iterator[Browser]:
    """The page as it is first seen; whatever it does, it reaches for nothing and breaks no rule."""
    started.events.clear()
    started.size(1280, 900)
    started.prefer("light")
    started.open("about:blank#")
    started.open(file.as_uri())
    yield started
    assert started.evaluate("document.title").endswith("upgrade · Kamal")
    requests = [event["params"]["request"]["url"] for event in of_kind(started, "Network.requestWillBeSent")]
    assert {url.split(":")[0] for url in requests} <= {"file", "about"}
    assert not of_kind(started, "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")


def of_kind(browser: Browser, *methods: str) -> list[dict[str, Any]]:
    return [event for event in browser.events if event.get("method") in methods]


def click(browser: Browser, selector: str) -> None:
    browser.evaluate(f"document.querySelector({selector!r}).click()")


def test_totals_filter(page: Browser) -> None:
    everything = page.evaluate(NAMES)
    assert len(everything) == 10
    click(page, "#totals [data-outcome='needs hands']")
    assert page.evaluate(NAMES) == ["acme/abacus", "acme/tidepool"]
    assert page.evaluate("document.querySelector('#shown').textContent") == "2 of 10"
    assert (
        page.evaluate("document.querySelector('#totals [aria-pressed=true]').dataset.outcome")
        == "needs hands"
    )
    page.press("Escape")
    assert page.evaluate(NAMES) == everything


def test_search_by_keyboard(page: Browser) -> None:
    page.press("/")
    page.until(f"({FOCUS}) === 'search'")
    page.type("TAB indents")
    assert page.evaluate(NAMES) == ["acme/broken"]
    page.press("Escape")
    assert len(page.evaluate(NAMES)) == 10
    page.type("proxy/middleware tide")
    assert page.evaluate(NAMES) == ["acme/tidepool"], "findings are searched too"
    page.type(" nothing like it")
    assert not page.evaluate("document.querySelector('#none').hidden")
    click(page, "#all")
    assert len(page.evaluate(NAMES)) == 10


def test_a_repository_opens_and_closes_by_keyboard(page: Browser) -> None:
    page.press("j", "j", "j", "k", "ArrowDown", "ArrowUp", "j")
    assert page.evaluate(FOCUS) == "acme/harvest"
    page.press("Enter")
    page.until(f"({OPEN}) === 'acme/harvest'")
    assert page.evaluate("location.hash") == "#acme/harvest"
    assert page.evaluate(FOCUS) == "name"
    assert page.evaluate("document.querySelector('#list').hidden")
    page.press("j")
    page.until(f"({OPEN}) === 'acme/shop'")
    page.press("k", "k")
    page.until(f"({OPEN}) === 'acme/explicit'")
    page.press("Escape")
    page.until("document.querySelector('#opened').hidden")
    assert page.evaluate(FOCUS) == "acme/explicit"


def test_what_a_repository_shows(page: Browser) -> None:
    page.evaluate("location.hash = 'acme/abacus!left'")
    page.until(f"({OPEN}) === 'acme/abacus'")
    parts = page.evaluate("[...document.querySelectorAll('#opened section')].map(s => s.dataset.part)")
    assert parts == ["files", "deployment", "left", "steps", "hosts"]
    assert page.evaluate("document.activeElement.textContent") == "Left for you"
    assert page.evaluate(
        "document.querySelector('#opened [data-part=left]').getBoundingClientRect().top < 200"
    )
    sides = "(document.querySelector('.changed .old').getBoundingClientRect().right"
    assert page.evaluate(
        f"{sides} <= document.querySelector('.changed .new').getBoundingClientRect().left + 1)"
    )
    margin = "document.querySelector('.hunk > .reasons').getBoundingClientRect()"
    assert page.evaluate(
        f"{margin}.left > document.querySelector('.hunk .sides').getBoundingClientRect().right - 1"
    )


def test_a_failed_one_opens_to_its_reason(page: Browser) -> None:
    page.evaluate("location.hash = 'acme/broken'")
    page.until(f"({OPEN}) === 'acme/broken'")
    assert "a tab indents this line" in page.evaluate("document.querySelector('#opened').textContent")


def test_commands_are_copied(page: Browser) -> None:
    page.evaluate("location.hash = 'acme/shop!steps'")
    page.until(f"({OPEN}) === 'acme/shop'")
    page.evaluate(
        "navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }"
    )
    click(page, "[data-part=steps] li:nth-child(2) .copy")
    page.until("window.copied !== undefined")
    assert page.evaluate("copied") == "gh workflow disable deploy.yml"
    page.until("document.querySelector('#said').textContent === 'Copied'")


def test_light_and_dark(page: Browser, tmp_path: Path) -> None:
    papers = []
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        for width in (1280, 400):
            page.size(width, 900)
            for place in ("", "acme/abacus"):
                page.evaluate(f"location.hash = '{place}'")
                page.until(f"({OPEN}) === '{place}'")
                shot = tmp_path / f"{scheme}-{width}-{place.replace('/', '-')}.png"
                page.screenshot(shot)
                assert shot.read_bytes().startswith(b"\x89PNG") and shot.stat().st_size > 5000
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                    "nothing is cut off"
                )
        papers.append(page.evaluate(PAPER))
    assert papers[0] == "rgb(255, 255, 255)" != papers[1]
    click(page, "#theme")
    assert page.evaluate(PAPER) == papers[0], "the button turns dark into light"
    assert page.evaluate("document.querySelector('#theme').getAttribute('aria-pressed')") == "false"


def test_on_paper(page: Browser, tmp_path: Path) -> None:
    page.prefer("dark")
    click(page, "#totals [data-outcome='needs hands']")
    page.evaluate("window.printed = ''")
    look = "window.printed += [...document.querySelectorAll('#paper h2')].map(h => h.textContent)"
    page.evaluate(f"addEventListener('beforeprint', () => {{ {look} }})")
    page.printed(tmp_path / "list.pdf")
    assert page.evaluate("printed") == "acme/abacus,acme/tidepool"
    assert (tmp_path / "list.pdf").read_bytes().startswith(b"%PDF")
    assert page.evaluate("document.querySelector('#paper').childElementCount") == 0
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.evaluate(PAPER) == "rgb(255, 255, 255)"
    page.call("Emulation.setEmulatedMedia", media="")


def test_every_control_has_a_name(page: Browser) -> None:
    page.evaluate("location.hash = 'acme/abacus'")
    page.until(f"({OPEN}) === 'acme/abacus'")
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    wanted = {"button", "link", "searchbox", "heading", "columnheader", "rowheader", "figure", "region"}
    found = [node for node in tree if not node["ignored"] and node["role"]["value"] in wanted]
    assert {"button", "link", "heading", "columnheader", "rowheader"} <= {
        node["role"]["value"] for node in found
    }
    assert not [node for node in found if not node["name"]["value"].strip()]


def test_a_hostile_name_does_nothing(page: Browser) -> None:
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert HOSTILE in page.evaluate("document.querySelector('tbody tr:last-child .reason').textContent")
    assert page.evaluate("document.querySelectorAll('[href^=javascript]').length") == 0
    assert page.evaluate("document.title") == "upgrade · Kamal"
