"""Can the page leave the house: nothing runs, nothing loads, nothing is lost, and a person finds their way?"""

import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from sample_record import CONVERSATIONS, DOCKET, nothing_judged, sample_record

from alignlib.report import document, html
from alignlib.report.brand import Brand
from alignlib.result import Record


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


def test_S06_the_page_forbids_everything_it_does_not_need_and_allows_its_own_stylesheet_alone(page: str) -> None:
    assert_harmless(page)
    style = page[page.index("<style>") + 7 : page.index("</style>")]
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'"
    assert policy in Page(page).all_of("content") and "unsafe" not in page
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
    """In which details element, by its class, does each id and each heading stand, and in what order do headings?"""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: dict[str, tuple[str, ...]] = {}
        self.headings: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("details", "summary"):
            self.open.append(f"{tag}.{given.get('class') or ''}")
        if given.get("id"):
            self.ids[str(given["id"])] = tuple(self.open)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((tag, tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("details", "summary"):
            self.open.pop()


def flagged(is_detail: bool) -> Record:
    """The sample record with every exhibit in detail, or none."""
    record = sample_record()
    made = {
        name: [e.model_copy(update={"is_detail": is_detail}) for e in r.exhibits] for name, r in record.results.items()
    }
    results = {name: r.model_copy(update={"exhibits": made[name]}) for name, r in record.results.items()}
    return record.model_copy(update={"results": results})


def words_of(text: str) -> Counter[str]:
    """Every word of the page but the lines that say which section it is."""
    headless = re.sub(r'<(p|h2) class="kicker".*?</\1>|<span class="no">.*?</span>', "", text, flags=re.S)
    return Counter(" ".join(Page(headless).text).split())


def test_what_does_not_prove_stands_folded_under_its_heading_and_links_land_outside() -> None:
    made = document.build(sample_record())
    folded = [figure.id for figure in made.figures if not figure.is_open]
    assert folded and len(folded) < len(made.figures)
    text = html.render(made)
    seen = Folds(text)
    in_summaries = [tag for tag, where in seen.headings if where == ("details.fold", "summary.")]
    quiet = {item.finding.level for item in made.others} - {"act", "watch"}
    assert quiet and in_summaries == ["h3"] * (len(folded) + len(quiet))
    linked = {link.removeprefix("#") for link in Page(text).all_of("href")}
    assert all(seen.ids[id_] == () for id_ in linked | {figure.id for figure in made.figures})
    shown = re.findall(r'<section id="([^"]+)"[^>]*class="(?:starts|follows)"', text)
    assert shown == [figure.id for figure in made.figures if figure.is_open]
    assert re.findall(r'<div id="([^"]+)" class="folded">', text) == folded


def test_folding_loses_no_word() -> None:
    whole, folded = (words_of(html.render(document.build(flagged(is_detail)))) for is_detail in (False, True))
    assert whole == folded and sum(whole.values()) > 1_000


def test_a_topic_keeps_one_list_of_what_is_folded_and_its_number_where_nothing_is_open() -> None:
    text = html.render(document.build(sample_record()))
    heads = re.findall(r'<h2 class="kicker" id="more-\d+">([^<]*)</h2>', text)
    assert heads and len(heads) == len(set(heads)) and all(head.startswith("More on ") for head in heads)
    alone = re.findall(r'<h2 class="kicker" id="more-\d+">([^<]*)</h2>', html.render(document.build(flagged(True))))
    assert len(alone) == len({f.topic for f in document.build(flagged(True)).figures})
    assert alone[0] == "2 · The docket: each grievance tested"


def test_other_findings_stand_by_level_and_what_is_to_do_stands_open() -> None:
    record = sample_record()
    levels = ["good", "act", "unclear", "watch", "act", "good", "good"]
    first = record.results["audit"].findings[0]
    more = [first.model_copy(update={"key": f"funnel.f{i}", "level": v}) for i, v in enumerate(levels)]
    audit = record.results["audit"].model_copy(update={"findings": [*record.results["audit"].findings[:5], *more]})
    made = document.build(record.model_copy(update={"results": {**record.results, "audit": audit}}))
    others = section(html.render(made), "others")
    told = [
        " ".join("".join(Page(part).text).split())
        for part in re.findall(r'<h3 class="of-level">.*?</h3>', others, re.S)
    ]
    assert told == [
        "Act Two findings call for action", "Watch One finding is to watch", "Unclear One finding stays unclear",
        "Good Three findings are as agreed",
    ]  # fmt: skip
    assert [bool(where) for tag, where in Folds(others).headings if tag == "h4"] == [False] * 3 + [True] * 4


def test_every_chart_has_words_and_a_table_behind_it(page: str) -> None:
    drawn = len(re.findall(r'<div class="wide"><svg', page))
    assert drawn == len(re.findall(r'<div class="narrow"><svg', page)) == 8 + 2  # every shape; twice intervals, paired
    assert page.count("<summary>Data table</summary>") == drawn + 1  # and one behind the five conversations
    assert not re.findall(r"<svg(?![^>]*(role=\"img\"|aria-hidden=\"true\"))[^>]*>", page)


def test_the_fold_of_a_shortened_table_holds_the_rows_that_are_not_shown_and_no_other() -> None:
    record = sample_record()
    first = record.results["survey"].exhibit("survey.items")
    rows = [{**first.rows[0], "label": f"Row {i}"} for i in range(13)]
    record.results["survey"].exhibits[:] = [first.model_copy(update={"rows": rows})]
    told = section(html.render(document.build(record)), "survey.items")
    shown, folded = told.split("<summary>The other 7 rows</summary>")
    assert re.findall(r">(Row \d+)<", shown) == [f"Row {i}" for i in range(6)]
    assert re.findall(r">(Row \d+)<", folded) == [f"Row {i}" for i in range(6, 13)]


def test_the_data_stand_folded_right_under_their_chart(page: str) -> None:
    under = re.findall(
        r'<div class="narrow"><svg.*?</svg>\s*</div>(?:\s*<p class="more-rows">[^<]*</p>)?\s*(<[^>]*>)', page, re.S
    )
    assert len(under) > 5 and set(under) == {"<details>"}


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
    record = flagged(True)
    first = record.results["funnel"].exhibits[0]
    named = first.columns[-1].model_copy(update={"name": "file", "label": "File", "unit": "text"})
    row = {**first.rows[0], "file": "campaign_responses.csv <b>"}
    changed = first.model_copy(update={"columns": [*first.columns, named], "rows": [row]})
    record.results["funnel"].exhibits[0] = changed
    page = html.render(document.build(record))
    assert "campaign_<wbr>responses.csv &lt;b&gt;</td>" in page
    assert "campaign_responses.csv <b>" in "".join(Page(page).text)


def test_a_firm_brings_its_colours_its_logo_and_its_name_and_nothing_stands_where_it_brings_none(page: str) -> None:
    brand = Brand(name="A & B <Partners>", sales="#005f5f", marketing="#7a2fd0", logo=b"\x89PNG not drawn here")
    text = html.render(document.build(sample_record()), brand)
    for ours, theirs in (("#14497f", "#005f5f"), ("#9c5a00", "#7a2fd0")):
        assert ours not in text.lower() and text.count(theirs) == page.lower().count(ours) > 20
    logo = b64encode(brand.logo).decode()
    assert f'<img class="logo" src="data:image/png;base64,{logo}" alt="A &amp; B &lt;Partners&gt;">' in text
    assert "Prepared by <bdi>A &amp; B &lt;Partners&gt;</bdi>" in text
    assert "Prepared by" not in page and "<img" not in page


def test_an_edition_says_for_whom_it_is_and_what_it_leaves_out(page: str) -> None:
    assert "Edition for" not in page and 'class="edition"' not in page
    for audience, reader in (("sales", "Sales"), ("marketing", "Marketing"), ("board", "the board")):
        made = document.build(flagged(False) if audience == "board" else sample_record(), audience)
        text = html.render(made)
        assert f"Edition for {reader} ·" in text
        assert (f'<p class="edition">{made.left_out}</p>' in text) == bool(made.left_out)
    assert made.left_out and "other finding" in made.left_out
    assert "All findings" not in text and "What matters most" in text  # the others are left out, not missing


def test_words_of_the_client_find_their_own_direction() -> None:
    text = html.render(document.build(sample_record(client="חברה (ב)")))
    assert text.count("<bdi>חברה (ב)</bdi>") == 2
    assert not re.findall(r'<td class="figure"[^>]*dir=', text) and '<th scope="row" dir="auto">' in text


def test_every_level_is_said_in_a_word(page: str) -> None:
    said = "".join(Page(page).text)
    assert all(word in said for word in ("Act", "Watch", "Good", "Unclear", "Would settle it", "No play"))
    assert "not “no problem”" in said


def test_a_client_with_a_very_long_name_and_no_synthetic_mark_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Gesellschaft" * 25
    text = html.render(document.build(sample_record(client=name, synthetic=False)))
    assert name in text and "Synthetic sample" not in text


def test_a_page_of_nothing_judged_is_still_a_page() -> None:
    text = html.render(document.build(sample_record(results=nothing_judged())))
    assert "Nothing could be judged" in text and "not judged" in text


def test_equal_records_make_equal_pages(page: str) -> None:
    assert html.render(document.build(sample_record())) == page


def test_no_line_breaks_between_a_minus_and_what_it_stands_before() -> None:
    assert html._written("from \u2212€223k to 4\u22125") == "from \u2212\u2060€223k to 4\u2212\u20605"
    assert html._written("\u2212 alone") == "\u2212 alone"
