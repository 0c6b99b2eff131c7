"""Do the four formats print the same figures: every string of the document, letter by letter?

Compared, blanks, hyphens and joiners aside, with what each format shows: the text of the page, of the PDF, of slides
and notes, and what the cells of the workbook show. Of which strings: the title and detail of every finding; complaint,
evidence and verdict of every entry of the docket; of every exhibit that is no detail (in the PDF: that is open) the
words of its picture, or of its table where it has none, and in the workbook each figure of every exhibit, a day as
that day. In the deck what is said of the first findings, the docket, and the words of each chart.
"""

import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import pytest
from sample_record import sample_record

from alignlib import __version__, words
from alignlib.audit import audit
from alignlib.charts.tables import CODES, number
from alignlib.engagement import Settings
from alignlib.report import document, html, pdf, pptx, xlsx
from alignlib.report.document import Document, Figure
from alignlib.report.pictures import draw
from alignlib.result import Record, Result

FIRST = 6  # rows of a long table that every format shows at once


class Shown(NamedTuple):
    """What does each format show? Each text squeezed; of the workbook the cells of every sheet."""

    html: str
    pdf: str
    pptx: str
    xlsx: dict[str, list[list[str]]]


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u2060\u00ad\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff-]+", "", text)


def shown(doc: Document) -> Shown:
    return Shown(
        on_page(html.render(doc)), in_pdf(pdf.render(doc)), in_deck(pptx.render(doc)), in_book(xlsx.render(doc))
    )


def on_page(page: str) -> str:
    from html import unescape

    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return squeezed(unescape(re.sub(r"<[^>]*>", "", body)))


def in_pdf(content: bytes) -> str:
    from pypdf import PdfReader

    return squeezed("".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages))


def in_deck(content: bytes) -> str:
    from pptx import Presentation

    def said(shapes: Any) -> Iterator[str]:
        for shape in shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text
            if getattr(shape, "has_table", False):
                yield from (cell.text for row in shape.table.rows for cell in row.cells)
            if getattr(shape, "has_chart", False):
                yield from (text for text in shape.chart._chartSpace.itertext() if text.strip())

    slides = Presentation(io.BytesIO(content)).slides
    return squeezed("\n".join("\n".join((*said(s.shapes), *said(s.notes_slide.shapes))) for s in slides))


def in_book(content: bytes) -> dict[str, list[list[str]]]:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content))
    return {
        sheet.title: [[as_shown(cell.value, cell.number_format) for cell in row] for row in sheet.iter_rows()]
        for sheet in book
    }


def as_shown(value: object, form: str) -> str:
    """What does a spreadsheet show of a cell? The few number formats that are used here, read independently."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words.day(value) if isinstance(value, date) else "" if value is None else str(value)
    literal = r'"[^"]*"|\\.'
    parts = re.sub(rf"({literal})|;", lambda found: found[1] or "\n", form).split("\n")
    chosen = parts[1] if value < 0 and len(parts) > 1 else parts[0]
    if condition := re.match(r"\[<([\d.]+)\]", parts[0]):
        chosen = parts[0][condition.end() :] if value < float(condition[1]) else parts[1]
    bare = re.sub(literal, "", chosen)
    if not (digits := re.search(r"#,##0(\.0+)?(,*)", bare)):
        return unquoted(chosen) if bare in ("", "General") and form != "General" else f"{value:g}"
    scaled = Decimal(f"{abs(value):.15g}") * (100 if "%" in bare else 1) / 1000 ** len(digits[2])
    places = Decimal(1).scaleb(-len(digits[1] or ".") + 1)
    text = f"{scaled.quantize(places, ROUND_HALF_UP):,}"
    before, _, after = chosen.partition(digits[0])
    return unquoted(before) + text + unquoted(after)


def unquoted(text: str) -> str:
    return re.sub(r'"([^"]*)"|\\(.)', lambda found: found[1] or found[2] or "", text)


@pytest.fixture(scope="module", params=["by hand", "planted"])
def both(request: pytest.FixtureRequest) -> tuple[Document, Shown]:
    """The record made by hand, and that of the sample company, each in all four formats."""
    record = sample_record() if request.param == "by hand" else of_planted(*request.getfixturevalue("planted"))
    doc = document.build(record)
    return doc, shown(doc)


def of_planted(settings: Settings, results: dict[str, Result]) -> Record:
    start, end = settings.period.start.isoformat(), settings.period.end.isoformat()
    return Record(
        kit_version=__version__, client=settings.client, synthetic=True, period_start=start, period_end=end,
        as_of=settings.as_of.isoformat(), currency=settings.currency, settings_sha256=settings.sha256(),
        thresholds_lock="", results=results | {"audit": audit(results, settings)},
    )  # fmt: skip


def lacking(strings: list[str], text: str) -> list[str]:
    return [each for each in strings if squeezed(each) not in text]


def drawn(doc: Document) -> dict[str, list[str]]:
    """The words in each picture, by its name."""
    from html import unescape

    pictures = draw(doc)
    return {
        name: [unescape(t) for t in re.findall(r"<text[^>]*>([^<]+)</text>", svg)] for name, svg in pictures.items()
    }


def test_every_finding_stands_in_every_format_with_the_same_title_and_detail(both: tuple[Document, Shown]) -> None:
    doc, seen = both
    findings = [item.finding for item in (*doc.top, *doc.others)]
    strings = [text for finding in findings for text in (finding.title, finding.detail)]
    assert len(strings) >= 18
    assert lacking(strings, seen.html) == []
    assert lacking(strings, seen.pdf) == []
    cells = {squeezed(cell) for sheet in seen.xlsx.values() for row in sheet for cell in row}
    assert [text for text in strings if squeezed(text) not in cells] == []
    in_the_deck = [finding for finding in findings if squeezed(finding.title) in seen.pptx]
    assert len(in_the_deck) >= min(len(findings), 8)
    assert lacking([item.finding.title for item in doc.top], seen.pptx) == []
    assert lacking([item.finding.detail for item in doc.top], seen.pptx) == []


def test_every_complaint_has_the_same_evidence_and_verdict_in_every_format(both: tuple[Document, Shown]) -> None:
    doc, seen = both
    entries = next(figure.docket for figure in doc.figures if figure.docket)
    strings = [text for e in entries for text in (e.complaint, e.evidence, e.ends, e.verdict) if text]
    strings += [lane.text for entry in entries for lane in entry.lanes if lane.text]
    assert len(strings) >= 40
    assert lacking(strings, seen.html) == []
    assert lacking(strings, seen.pdf) == []
    told = [text for entry in entries for text in (entry.complaint, entry.verdict, entry.evidence) if text]
    assert lacking(told, seen.pptx) == []
    cells = {squeezed(cell) for sheet in seen.xlsx.values() for row in sheet for cell in row}
    assert [text for text in told if squeezed(text) not in cells] == []


def test_S39_every_exhibit_prints_the_same_strings_on_the_page_and_in_the_pdf(both: tuple[Document, Shown]) -> None:
    doc, seen = both
    pictures, n = drawn(doc), 0
    for figure in (f for f in doc.figures if not f.exhibit.is_detail):
        strings, key = [figure.exhibit.title, figure.exhibit.read], figure.exhibit.key
        if figure.exhibit.shape == "table":
            strings += [cell for row in figure.table.rows[:FIRST] for cell in row if cell]
        wide, narrow = (pictures.get(f"{key} {size}", []) for size in ("wide", "narrow"))
        assert lacking([*strings, *wide, *narrow], seen.html) == [], key
        assert lacking([*strings, *wide] if figure.is_open else strings[:1], seen.pdf) == [], key
        n += len(strings) + len(wide)
    assert n > 200


def test_every_table_of_the_page_is_whole(both: tuple[Document, Shown]) -> None:
    doc, seen = both
    tables = [f.table for f in doc.figures if not f.docket and not f.conversations]
    strings = [cell for table in tables for row in (table.head, *table.rows) for cell in row if cell]
    assert len(strings) > 300
    assert lacking(strings, seen.html) == []


def printed(figure: Figure, currency: str) -> Iterator[list[str]]:
    """The figures and words of each row of an exhibit, each on its own, as every format prints them."""
    columns = [c for c in figure.exhibit.columns if not c.is_extra and c.name not in CODES]
    for row in figure.exhibit.rows:
        said = []
        for column in columns:
            value = number(row, column.name)
            if value is not None and column.unit not in ("text", "date"):
                said.append(words.figure(value, column.unit, currency))
            elif isinstance(text := row.get(column.name), str):
                is_day = column.unit == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", text)
                said.append(words.day(date.fromisoformat(text)) if is_day else text)
        yield [text for text in said if text]


def test_S39_the_workbook_shows_every_figure_of_every_exhibit_as_it_is_printed(both: tuple[Document, Shown]) -> None:
    doc, seen = both
    sheets, n = [[{squeezed(cell) for cell in row} for row in sheet] for sheet in seen.xlsx.values()], 0
    for figure in doc.figures:
        rows = list(printed(figure, doc.record.currency))
        title = squeezed(figure.exhibit.title)
        own = [sheet for sheet in sheets if sheet and any(title in row for row in sheet[:3])]
        sheet = max(own, key=len)
        for strings in rows:
            wanted = {squeezed(text) for text in strings}
            assert any(wanted <= row for row in sheet), (figure.exhibit.key, strings)
            n += len(strings)
    assert n > 500


def test_one_other_digit_in_one_row_is_that_digit_in_every_format() -> None:
    record = sample_record()
    exhibit = record.results["content"].exhibit("content.unused")
    rows = [{**row, "value": 0.97} if row["value"] == 0.42 else row for row in exhibit.rows]
    exhibits = [e.model_copy(update={"rows": rows}) if e is exhibit else e for e in record.results["content"].exhibits]
    content = record.results["content"].model_copy(update={"exhibits": exhibits})
    before, after = (
        shown(document.build(record)),
        shown(document.build(record.model_copy(update={"results": record.results | {"content": content}}))),
    )
    for name in ("html", "pdf", "pptx"):
        assert ["97%" in getattr(each, name) for each in (before, after)] == [False, True], name
    assert count(before.xlsx, "97\u00a0%") == 0 and count(after.xlsx, "97\u00a0%") == 1
    assert count(before.xlsx, "42\u00a0%") == count(after.xlsx, "42\u00a0%") + 1


def count(book: dict[str, list[list[str]]], text: str) -> int:
    return sum(row.count(text) for sheet in book.values() for row in sheet)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(1915000.0, '"€"#,##0.0,,"m";"\u2212€"#,##0.0,,"m"', "€1.9m"),
     (-0.31, '#,##0.0;"\u2212"#,##0.0', "\u22120.3"), (0.0002, '[<0.001]"under 0.001";#,##0.000', "under 0.001"),
     (0.02, '[<0.001]"under 0.001";#,##0.000', "0.020"), (0.455, '#,##0"\u00a0"%;"\u2212"#,##0"\u00a0"%', "46\u00a0%")],
)  # fmt: skip
def test_a_number_format_is_read_as_a_spreadsheet_reads_it(value: float, form: str, text: str) -> None:
    assert as_shown(value, form) == text
