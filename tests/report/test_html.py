"""Can the page leave the house: nothing runs, nothing loads, nothing is lost, and a person finds their way?"""

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from sample_record import CONVERSATIONS, DOCKET, every_exhibit, sample_record

from alignlib.report import document, html
from alignlib.result import Record

PAYLOADS = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>", "</svg><script>alert(1)</script>", "<iframe src=javascript:alert(1)>",
    '"><script>alert(1)</script>', "'><script>alert(1)</script>", '" onmouseover="alert(1)', "' onfocus='alert(1)",
    "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "<body onload=alert(1)>",
    "<style>*{display:none}</style>",
    "</style><script>alert(1)</script>", "</title><script>alert(1)</script>", "<!--<script>",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>", "{{ 7 * 7 }}", "{% raw %}", "{{ config }}", "${alert(1)}", "#{alert(1)}",
    "<math><mi xlink:href=javascript:alert(1)>", "<object data=javascript:alert(1)>", "<embed src=x>",
    "<link rel=stylesheet href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<base href=//evil.example/>", "<form action=//evil.example><input>", "<video onerror=alert(1)><source>",
    "<details ontoggle=alert(1) open>", "<template><script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202e<script>", "\ufeff<script>", "<scr\u0000ipt>", "＜script＞alert(1)＜/script＞", "=cmd|' /C calc'!A0",
    "x" * 400, "no-break-" * 60,
]  # fmt: skip
# what is not text: identifiers, kinds and figures that the models or the charts check themselves
_FIXED = {
    "diagnostic", "key", "level", "shape", "unit", "direction", "name", "kind", "column", "schema_version", "currency",
    "period_start", "period_end", "as_of", "kit_version", "play", "sha256", "stage", "settings_sha256",
    "invited", "answered",
}  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes, ids, links and text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all_of(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


def poisoned(value: Any, shift: int, counter: list[int], name: str = "") -> Any:
    """The same record with a payload in every text field, another one in each."""
    if isinstance(value, dict):
        return {key: poisoned(inner, shift, counter, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, shift, counter, name) for inner in value]
    if isinstance(value, str) and name not in _FIXED:
        counter[0] += 1
        return PAYLOADS[(counter[0] + shift) % len(PAYLOADS)]
    return value


def poisoned_record(shift: int) -> Record:
    return Record.model_validate(poisoned(sample_record().model_dump(mode="json"), shift, [0]))


def assert_harmless(text: str) -> Page:
    page = Page(text)
    assert not set(page.tags) & {
        "script", "iframe", "object", "embed", "link", "base", "form", "input", "video", "template", "math", "img",
    }  # fmt: skip
    assert page.tags.count("meta") == 4 and page.tags.count("style") == 1 and page.tags.count("body") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("src", "srcdoc", "action")]
    assert all(link.startswith("#") for link in page.all_of("href")), page.all_of("href")
    assert not page.all_of("style")
    return page


@pytest.mark.parametrize("shift", range(len(PAYLOADS)))
def test_no_text_of_a_record_can_run_and_none_is_lost(shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_pictures", lambda document: {})
    record = poisoned_record(shift)
    page = assert_harmless(html.render(document.build(record)))
    shown = "".join(page.text)
    for text in (record.client, record.results["audit"].headline, record.results["audit"].findings[0].title):
        assert text.replace("\u0000", "\ufffd") in shown


def test_no_text_of_a_record_can_run_from_inside_a_chart() -> None:
    assert_harmless(html.render(document.build(poisoned_record(0))))


def test_the_page_forbids_everything_it_does_not_need(page: str) -> None:
    assert_harmless(page)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert policy in Page(page).all_of("content")
    assert not re.search(r"https?:|//[a-z]|file:|url\(|@import", page)
    assert len(page.encode()) < 3_000_000


def test_headings_descend_one_at_a_time_and_every_link_finds_its_place(page: str) -> None:
    seen = Page(page)
    levels = [int(tag[1]) for tag in seen.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = Counter(seen.all_of("id"))
    assert max(ids.values()) == 1
    assert {link.removeprefix("#") for link in seen.all_of("href")} <= set(ids)
    assert set(seen.all_of("aria-labelledby")) <= set(ids)


class Folds(HTMLParser):
    """In which details element, by its class, does each heading and each id stand?"""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: dict[str, tuple[str, ...]] = {}
        self.headings: list[tuple[str, ...]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("details", "summary"):
            self.open.append(f"{tag}.{given.get('class') or ''}")
        if given.get("id"):
            self.ids[str(given["id"])] = tuple(self.open)
        if tag == "h2":
            self.headings.append(tuple(self.open))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("details", "summary"):
            self.open.pop()


def flagged(is_detail: bool) -> Record:
    """The sample record with every exhibit folded, or none."""
    record = sample_record()
    made = {
        name: [e.model_copy(update={"is_detail": is_detail}) for e in r.exhibits] for name, r in record.results.items()
    }
    results = {name: r.model_copy(update={"exhibits": made[name]}) for name, r in record.results.items()}
    return record.model_copy(update={"results": results})


def test_an_exhibit_for_those_who_ask_is_folded_under_its_heading_and_links_land_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html, "_pictures", lambda document: {})
    plain, folded = (html.render(document.build(flagged(is_detail))) for is_detail in (False, True))
    n = len(every_exhibit(sample_record()))
    seen, headings = Folds(folded), [where for where in Folds(folded).headings if where]
    assert headings == [("details.fold", "summary.")] * n and not any(Folds(plain).headings)
    linked = {link.removeprefix("#") for link in Page(folded).all_of("href")}
    assert linked <= set(seen.ids) and all(seen.ids[link] == () for link in linked)
    without = str.maketrans("", "", " \n")
    words = Counter("".join(Page(plain).text).translate(without))
    kept = Counter("".join(Page(folded).text).replace(", in detail", "").translate(without))
    assert kept == words  # nothing but the order and the note that it is a detail differs
    assert "<script" not in folded


def test_what_is_folded_is_printed_whole(page: str) -> None:
    printed = page[page.index("@media print") :]
    assert "details:not(.fold) { display: none; }" in printed
    assert ".fold::details-content { content-visibility: visible;" in printed


def test_every_chart_has_words_and_a_table_behind_it(page: str) -> None:
    drawn = len(re.findall(r'<div class="wide"><svg', page))
    assert drawn == len(re.findall(r'<div class="narrow"><svg', page)) == 8 + 2  # every shape; twice intervals, paired
    assert page.count("<summary>Data table</summary>") == drawn + 1  # and one behind the five conversations
    assert not re.findall(r"<svg(?![^>]*(role=\"img\"|aria-hidden=\"true\"))[^>]*>", page)


def section(page: str, key: str) -> str:
    start = page.index(f'<section id="{key.replace(".", "-")}"')
    return page[start : page.index("</section>", start)]


def test_the_docket_stays_a_table_for_those_who_listen_and_says_every_verdict_in_words(page: str) -> None:
    docket = section(page, DOCKET.key)
    seen = Page(docket)
    n, roles = len(DOCKET.rows), Counter(seen.all_of("role"))
    assert (roles["table"], roles["row"], roles["rowheader"], roles["cell"]) == (1, n + 1, n, 4 * n)
    assert roles["columnheader"] == 5 and roles["rowgroup"] == 2
    assert seen.all_of("data-label").count("Evidence") == n
    said = " ".join("".join(seen.text).split())
    for verdict, count in Counter(str(row["verdict"]) for row in DOCKET.rows).items():
        assert said.count(verdict) == count and f"{count} {verdict.lower()}" in said
    assert "“They take our credit”" in said and "How to read." in said and "Sales: 10 of 12" in said


def test_a_row_of_the_docket_draws_the_finding_that_decides_it_and_nothing_where_there_is_none(page: str) -> None:
    rows = section(page, DOCKET.key).split('<tr role="row">')[2:]
    drawn = ['role="img"' in row for row in rows]
    assert drawn == [bool(row["finding"]) for row in DOCKET.rows]
    assert "range over rules 18 to 64" in rows[8] and "claim 40" in rows[8]
    assert 'href="#funnel-touch"' in rows[1] and 'class="chip act"' in rows[1] and 'class="chip act"' not in rows[3]


def test_the_five_conversations_are_headed_and_say_what_is_missing(page: str) -> None:
    strip = section(page, CONVERSATIONS.key)
    assert strip.count("<article>") == 5 and strip.count("<dt>Happened</dt>") == 5
    said = " ".join("".join(Page(strip).text).split())
    for words in ("Withheld or not asked", "not recorded", "Sales 3.0 and Marketing withheld of 5", "1 of 6 segments"):
        assert words in said
    assert strip.count('role="img"') == 4 + 4  # said of all but one, happened of all but one


def test_a_long_name_of_a_file_breaks_after_an_underscore_and_is_not_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html, "_pictures", lambda document: {})
    record = flagged(True)
    first = record.results["funnel"].exhibits[0]
    named = first.columns[-1].model_copy(update={"name": "file", "label": "File", "unit": "text"})
    row = {**first.rows[0], "file": "campaign_responses.csv <b>"}
    changed = first.model_copy(update={"columns": [*first.columns, named], "rows": [row]})
    record.results["funnel"].exhibits[0] = changed
    page = html.render(document.build(record))
    assert "campaign_<wbr>responses.csv &lt;b&gt;</td>" in page
    assert "campaign_responses.csv <b>" in "".join(Page(page).text)


def test_every_level_is_said_in_a_word(page: str) -> None:
    said = "".join(Page(page).text)
    assert all(word in said for word in ("Act", "Watch", "Good", "Unclear", "Would settle it", "No play"))
    assert "not “no problem”" in said


def test_a_client_with_a_very_long_name_and_no_synthetic_mark_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_pictures", lambda document: {})
    name = "Gesellschaft" * 25
    text = html.render(document.build(sample_record(client=name, synthetic=False)))
    assert name in text and "Synthetic sample" not in text


def test_a_page_without_results_is_still_a_page() -> None:
    text = html.render(document.build(sample_record(results={})))
    assert "Nothing could be judged" in text and "not judged" in text


def test_equal_records_make_equal_pages(page: str) -> None:
    assert html.render(document.build(sample_record())) == page


def test_no_line_breaks_between_a_minus_and_what_it_stands_before() -> None:
    assert html._written("from \u2212€223k to 4\u22125") == "from \u2212\u2060€223k to 4\u2212\u20605"
    assert html._written("\u2212 alone") == "\u2212 alone" and html._written(3) == 3
