"""Does the report hold in a browser: nothing loads, nothing scrolls sideways, the first printed page says it all?"""

import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from sample_record import FINDINGS, sample_record

from alignlib.report import document, html
from alignlib.report.brand import Brand

pytestmark = pytest.mark.browser
A4_INSIDE = (680, 1009)  # pixels inside the margins of an A4 page at 96 to the inch: 180 by 267 mm
LONG = "An-unbroken-name-of-a-client-" * 10
HARD = "חברת בדיקה (ב) \u202e\x07 شركة 👩‍👩‍👧 " + "Gesellschaft" * 22  # 300 characters
OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true })"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample report, its editions, one in a firm's colours, and two of clients with names that are hard to set."""
    folder = tmp_path_factory.mktemp("report")
    firm = Brand(name="A firm with a name of its own " * 3, sales="#005f5f", marketing="#7a2fd0", logo=_logo())
    told = {name: html.render(document.build(sample_record(), name)) for name in document.AUDIENCES}
    told["sample"] = told.pop("client")
    told["firm"] = html.render(document.build(sample_record()), firm)
    told |= {name: html.render(document.build(sample_record(client=c))) for name, c in (("long", LONG), ("hard", HARD))}
    made = {name: folder / f"{name}.html" for name in told}
    for name, file in made.items():
        file.write_text(told[name], encoding="utf-8")
    return made


def _logo() -> bytes:
    """A grey picture of 40 by 20 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + b"\x80" * 40) * 20
    head = struct.pack(">IIBBBBB", 40, 20, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def opened(browser: Any, file: Path, width: int, height: int = 900) -> tuple[Any, list[str], list[str]]:
    page = browser.new_page(viewport={"width": width, "height": height})
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri(), timeout=60_000)
    return page, requests, complaints


def test_S06_the_page_loads_nothing_and_the_console_stays_silent(browser: Any, files: dict[str, Path]) -> None:
    page, requests, complaints = opened(browser, files["sample"], 1280)
    assert requests == [files["sample"].as_uri()] and complaints == []
    page.close()


@pytest.mark.parametrize("name", ["sample", "long", "hard", "firm"])
def test_nothing_scrolls_sideways(browser: Any, files: dict[str, Path], name: str) -> None:
    page, _, _ = opened(browser, files[name], 1280)
    page.evaluate(OPEN_ALL)
    for width in (1280, 960, 900, 700, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
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
    assert not page.locator("nav").is_visible() and not page.locator("details:not(.fold)").first.is_visible()
    assert page.locator(".fold > summary").first.is_visible()  # what stands folded prints as its heading
    assert not page.locator(".fold .exhibit, .fold .full").first.is_visible()
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


@pytest.fixture(scope="module")
def axe() -> str:
    import axe_playwright_python

    return next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "width", "is_open"),
    [
        ("sample", 1280, True), ("sample", 390, True), ("sales", 1280, True),
        ("marketing", 390, False), ("board", 390, True), ("firm", 1280, False),
    ],
)  # fmt: skip
def test_axe_finds_nothing_to_mend(
    browser: Any, files: dict[str, Path], axe: str, name: str, is_open: bool, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.goto(files[name].as_uri(), timeout=60_000)
    if is_open:
        page.evaluate(OPEN_ALL)
    page.evaluate(axe)
    found = page.evaluate("axe.run(document)")
    assert len(found["passes"]) > 30
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    context.close()


_WORDS_OF_CHARTS = """() => {
  const light = text => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3)
      .map(n => n / 255).map(n => n <= .04045 ? n / 12.92 : ((n + .055) / 1.055) ** 2.4);
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
  };
  const found = [];
  for (const text of document.querySelectorAll('svg text')) {
    const box = text.getBoundingClientRect();
    if (!box.width) continue;
    const under = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)
      .filter(each => each.ownerSVGElement === text.ownerSVGElement && each.tagName !== 'text')
      .map(each => {
        const { fill, stroke, strokeWidth } = getComputedStyle(each);  // a bar is a line; a thin one is no ground
        return each.tagName !== 'line' && fill !== 'none' ? fill : parseFloat(strokeWidth) >= 6 ? stroke : '';
      }).find(colour => colour.startsWith('rgb('));
    const [a, b] = [light(getComputedStyle(text).fill), light(under || 'rgb(255, 255, 255)')];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    found.push([ratio, text.textContent, under || 'white']);
  }
  return found;
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_every_word_of_a_chart_stands_out_from_what_lies_under_it(
    browser: Any, files: dict[str, Path], width: int
) -> None:
    """Which axe cannot tell in SVG: WCAG 2.1 asks for 4.5 to 1."""
    page, _, _ = opened(browser, files["sample"], width)
    page.evaluate(OPEN_ALL)
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    found = page.evaluate(_WORDS_OF_CHARTS)
    assert len(found) > 200 and len({under for _, _, under in found}) > 3
    assert [each for each in found if each[0] < 4.5] == []
    page.close()


def test_S06_what_is_put_into_a_page_neither_runs_nor_loads_nor_styles(
    browser: Any, files: dict[str, Path], tmp_path: Path
) -> None:
    """The policy is the second wall: even what escaping might let through is stopped."""
    put = (
        "<script>window.pwned = 1</script><img src='http://alignlib.invalid/a.png' onerror='window.pwned = 2'>"
        "<style>body { display: none }</style><p id='p' style='display: none'>x</p>"
        "<iframe src='http://alignlib.invalid/'></iframe><base href='http://alignlib.invalid/'>"
    )
    file = tmp_path / "put.html"
    file.write_text(files["sample"].read_text(encoding="utf-8").replace("<body>", f"<body>{put}"), encoding="utf-8")
    page = browser.new_page()
    requests, refused, complaints = [], [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: refused.append((request.url, request.failure)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri(), timeout=60_000)
    assert page.evaluate("window.pwned") is None
    stopped = [url for url, why in refused if why == "csp"]
    assert {url for url in requests if url.startswith("http")} <= set(stopped) and requests[0] == file.as_uri()
    assert page.locator("#p").is_visible() and page.evaluate("document.baseURI") == file.as_uri()
    assert sum("Content Security Policy" in said for said in complaints) >= 5
    page.close()


def test_a_link_to_a_folded_exhibit_shows_its_heading_and_the_keyboard_opens_it(
    browser: Any, files: dict[str, Path]
) -> None:
    page, _, _ = opened(browser, files["sample"], 1280)
    folded = page.locator(".folded").last
    page.goto(f"{files['sample'].as_uri()}#{folded.get_attribute('id')}")
    summary = folded.locator("> details > summary")
    box = summary.bounding_box()
    assert 0 <= box["y"] < 900 and not folded.locator(".note").first.is_visible()
    page.keyboard.press("Tab")  # starts from where the link landed
    assert page.evaluate("document.activeElement.matches(':target > details > summary')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert folded.locator(".note").first.is_visible()
    page.close()


def test_a_name_in_another_direction_leaves_the_line_around_it_in_order(browser: Any, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["hard"], 1280)
    name, line = page.locator(".front > .kicker bdi"), page.locator(".front > .kicker")
    assert page.evaluate("each => getComputedStyle(each).direction", name.element_handle()) == "rtl"
    assert page.evaluate("each => getComputedStyle(each).direction", line.element_handle()) == "ltr"
    assert "\x07" not in line.inner_text() and "\ufffd" in line.inner_text()
    page.close()
