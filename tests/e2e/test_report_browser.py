"""Does the report hold in a browser: nothing loads, nothing scrolls sideways, the first printed page says it all?"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from sample_record import FINDINGS, sample_record

from alignlib.report import document, html

pytestmark = pytest.mark.browser
A4_INSIDE = (680, 1009)  # pixels inside the margins of an A4 page at 96 to the inch: 180 by 267 mm
LONG = "An-unbroken-name-of-a-client-" * 10


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    assert found, "Chromium is not installed"
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"], timeout=60_000)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample report, and one of a client with a very long name."""
    folder = tmp_path_factory.mktemp("report")
    made = {}
    for name, record in {"sample": sample_record(), "long": sample_record(client=LONG)}.items():
        made[name] = folder / f"{name}.html"
        made[name].write_text(html.render(document.build(record)), encoding="utf-8")
    return made


def opened(browser: Any, file: Path, width: int, height: int = 900) -> tuple[Any, list[str], list[str]]:
    page = browser.new_page(viewport={"width": width, "height": height})
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri(), timeout=60_000)
    return page, requests, complaints


def test_the_page_loads_nothing_and_the_console_stays_silent(browser: Any, files: dict[str, Path]) -> None:
    page, requests, complaints = opened(browser, files["sample"], 1280)
    assert requests == [files["sample"].as_uri()] and complaints == []
    page.close()


@pytest.mark.parametrize("name", ["sample", "long"])
@pytest.mark.parametrize("width", [1280, 960, 900, 700, 390, 320])
def test_nothing_scrolls_sideways(browser: Any, files: dict[str, Path], name: str, width: int) -> None:
    page, _, _ = opened(browser, files[name], width)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize(("width", "shown"), [(1280, "wide"), (390, "narrow")])
def test_one_of_the_two_layouts_of_a_chart_is_shown_with_text_of_twelve_pixels(
    browser: Any, files: dict[str, Path], width: int, shown: str
) -> None:
    page, _, _ = opened(browser, files["sample"], width)
    other = {"wide": "narrow", "narrow": "wide"}[shown]
    assert page.locator(f".{shown} svg").first.is_visible() and not page.locator(f".{other} svg").first.is_visible()
    heights = page.evaluate(
        "([shown]) => [...document.querySelectorAll(`.${shown} svg text, .strip svg text, .docket svg text, "
        ".conversations svg text`)].map(text => "
        "parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width "
        "/ text.ownerSVGElement.viewBox.baseVal.width)",
        [shown],
    )
    assert heights and min(heights) >= 11.9
    page.close()


def test_the_first_printed_page_holds_the_verdict_the_five_findings_and_what_cannot_be_said(
    browser: Any, files: dict[str, Path]
) -> None:
    page, _, _ = opened(browser, files["sample"], *A4_INSIDE)
    page.emulate_media(media="print")
    ends = page.evaluate(
        "[...document.querySelectorAll('h1, .finding, #limits')]"
        ".map(each => [each.innerText, each.getBoundingClientRect().bottom])"
    )
    first = " ".join(text for text, bottom in ends if bottom <= A4_INSIDE[1])
    for finding in FINDINGS[:5]:
        assert finding.title.replace("\u00a0", " ") in first.replace("\u00a0", " ")
    assert "What caused any of it" in first
    assert not page.locator("nav").is_visible() and not page.locator("details").first.is_visible()
    made = page.pdf(prefer_css_page_size=True)
    assert made.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", made)) >= 4
    page.close()


def test_the_whole_docket_prints_on_one_page(browser: Any, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["sample"], *A4_INSIDE)
    page.emulate_media(media="print")
    assert page.locator("#audit-docket").bounding_box()["height"] <= A4_INSIDE[1]
    assert page.locator("#audit-docket .docket thead").is_visible()
    page.close()


@pytest.mark.parametrize(("width", "is_table"), [(1280, True), (960, True), (700, False), (390, False)])
def test_a_row_of_the_docket_becomes_a_card_before_it_is_squeezed(
    browser: Any, files: dict[str, Path], width: int, is_table: bool
) -> None:
    page, _, _ = opened(browser, files["sample"], width)
    cells = page.evaluate(
        "[...document.querySelectorAll('.docket tbody tr')[1].children].map(each => each.getBoundingClientRect().top)"
    )
    assert (max(cells) - min(cells) < 2) == is_table and page.locator(".docket thead").is_visible() == is_table
    assert page.get_by_role("rowheader").count() >= 13
    page.close()


@pytest.mark.parametrize(("width", "columns"), [(1280, 5), (960, 2), (390, 1)])
def test_the_five_conversations_stand_side_by_side_where_there_is_room(
    browser: Any, files: dict[str, Path], width: int, columns: int
) -> None:
    page, _, _ = opened(browser, files["sample"], width)
    lefts = page.evaluate(
        "[...document.querySelectorAll('.conversations article')].map(each => each.getBoundingClientRect().left)"
    )
    assert len(lefts) == 5 and len(set(lefts)) == columns
    rows = page.evaluate(
        "[...document.querySelectorAll('.conversations article')].map(each => "
        "each.querySelectorAll('dl > div')[3].getBoundingClientRect().top)"
    )
    assert (max(rows) - min(rows) < 1) == (columns == 5)  # what is compared stands on one line
    page.close()


def test_a_keyboard_reaches_the_report_first(browser: Any, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["sample"], 1280)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.close()
