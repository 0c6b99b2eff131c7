"""Does the PDF say what the document says, to every reader, in any script, and nothing else?"""

import re
import struct
import unicodedata
import zlib
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, StreamObject
from sample_record import COVERAGE, FINDINGS, sample_record

from alignlib import words
from alignlib.charts.canvas import MARKETING, SALES
from alignlib.report import document, paper, pdf
from alignlib.report.brand import Brand
from alignlib.report.printable import SQUARE, Printing
from alignlib.resources import resource
from alignlib.result import Record

CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
HOSTILE = '*bold* _em_ #panic() $x^2$ <label> @ref `raw` = Title // note \\u{41} #read("/etc/passwd") ]] }} https://evil.example'


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LOGO = (  # 8 by 8 grey pixels
    b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress((b"\0" + b"\x80" * 8) * 8)) + _chunk(b"IEND", b"")
)  # fmt: skip


def made(record: Record, audience: str = "client", **brand: Any) -> PdfReader:
    return PdfReader(BytesIO(pdf.render(document.build(record, audience), Brand(**brand))))


def text_of(reader: PdfReader) -> str:
    return squeezed(" ".join(page.extract_text() for page in reader.pages))


def squeezed(text: str) -> str:
    """A text without what a line break, a page or a shaped run may change."""
    return re.sub(r"[\s\u200b\u00ad]+", "", unicodedata.normalize("NFKC", text))


def elements(reader: PdfReader) -> list[Any]:
    """Every element of the structure tree, in order of reading."""
    found: list[Any] = []
    stack: list[Any] = [_root(reader)["/StructTreeRoot"]]
    while stack:
        node = stack.pop().get_object()
        if isinstance(node, list):
            stack += reversed(node)
        elif isinstance(node, DictionaryObject):
            found += [node] if "/S" in node else []
            stack += [node["/K"]] if "/K" in node else []
    return found


def _root(reader: PdfReader) -> Any:
    return reader.trailer["/Root"]


def objects(reader: PdfReader) -> list[Any]:
    size: Any = reader.trailer["/Size"]
    return [reader.get_object(i) for i in range(1, int(size))]


@pytest.fixture(scope="module")
def record() -> Record:
    return sample_record()


@pytest.fixture(scope="module")
def content(record: Record) -> bytes:
    return pdf.render(document.build(record))


@pytest.fixture(scope="module")
def reader(content: bytes) -> PdfReader:
    return PdfReader(BytesIO(content))


@pytest.fixture(scope="module")
def text(reader: PdfReader) -> str:
    return text_of(reader)


def test_every_page_has_the_size_that_the_brand_chose(record: Record, reader: PdfReader) -> None:
    sizes = {"a4": (595, 842), "letter": (612, 792)}
    for size, pages in (("a4", reader.pages), ("letter", made(record, paper="letter").pages)):
        assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in pages} == {sizes[size]}


def test_its_properties_carry_the_kit_and_the_client_only(record: Record, reader: PdfReader, content: bytes) -> None:
    told = {name: str(value) for name, value in (reader.metadata or {}).items()}
    day = "D:20260430000000Z"
    assert told == {
        "/Title": f"Alignment audit: {record.client}", "/Author": f"alignlib {record.kit_version}",
        "/Creator": "alignlib".ljust(12), "/CreationDate": day, "/ModDate": day,
    }  # fmt: skip
    assert reader.xmp_metadata is not None
    assert reader.xmp_metadata.dc_title == {"x-default": f"Alignment audit: {record.client}"}
    assert (reader.xmp_metadata.xmp_creator_tool or "").strip() == "alignlib"
    assert reader.xmp_metadata.xmp_create_date == datetime(2026, 4, 30, tzinfo=UTC).replace(tzinfo=None)
    assert not re.search(rb"typst|alignlib-fonts|templates|report\.typ", content, re.IGNORECASE)


def test_it_is_tagged_for_pdf_ua_in_english(reader: PdfReader, content: bytes) -> None:
    root = _root(reader)
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en" and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid:part>1<" in content and b"pdfaid:part>2<" in content
    kinds = [element["/S"] for element in elements(reader)]
    assert {"/Title", "/H1", "/H2", "/Table", "/TH", "/Figure", "/TOC", "/Link"} <= set(kinds)


def test_headings_never_skip_a_level(reader: PdfReader) -> None:
    levels = [int(e["/S"][2:]) for e in elements(reader) if re.fullmatch(r"/H\d", e["/S"])]
    assert levels[0] == 1 and len(levels) > 15
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_picture_has_a_text_and_every_table_a_head(reader: PdfReader) -> None:
    figures = [element for element in elements(reader) if element["/S"] == "/Figure"]
    tables = [element for element in elements(reader) if element["/S"] == "/Table"]
    assert len(figures) > 15 and all(str(figure.get("/Alt", "")).strip() for figure in figures)
    assert tables and all("/THead" in [part.get_object()["/S"] for part in table["/K"]] for table in tables)


def test_every_font_is_in_the_file(reader: PdfReader) -> None:
    fonts = [o for o in objects(reader) if _is(o, "/FontDescriptor")]
    assert {str(font["/FontName"]).split("+")[-1] for font in fonts} >= {"Inter-Regular", "SourceSerif4-SemiBold"}
    assert all({"/FontFile2", "/FontFile3"} & set(font) for font in fonts)


def _is(thing: Any, kind: str) -> bool:
    return isinstance(thing, DictionaryObject) and not isinstance(thing, StreamObject) and thing.get("/Type") == kind


def test_the_contents_name_the_page_of_each_section(record: Record, reader: PdfReader) -> None:
    contents = document.build(record).contents
    pages = [squeezed(page.extract_text()) for page in reader.pages]
    starts = {reader.get_destination_page_number(item) for item in reader.outline if not isinstance(item, list)}
    for number, name in contents.values():
        printed = re.search(rf"{number}{squeezed(name)}(\d+?)(?=\d+[A-Z]|Page|1·)", pages[0])
        assert printed and int(printed[1]) - 1 in starts, name


def test_every_page_is_numbered_and_all_but_the_first_name_the_client(record: Record, reader: PdfReader) -> None:
    n = len(reader.pages)
    for i, page in enumerate(reader.pages, start=1):
        told = squeezed(page.extract_text())
        assert f"{i}of{n}" in told
        assert (squeezed(f"Alignment audit · {record.client}") in told) == (i > 1)


def test_the_findings_the_docket_and_the_limits_are_all_there(record: Record, text: str) -> None:
    told = document.build(record)
    said = [s for item in (*told.top, *told.others) for s in (item.finding.title, item.finding.detail)]
    said += [s for gap in (*told.limits, *told.more_limits) for s in (gap.what, gap.why, gap.settle)]
    for figure in told.figures:
        said += [figure.exhibit.title] + ([figure.exhibit.read, figure.exhibit.source] if figure.is_open else [])
        for entry in figure.docket:
            said += [
                entry.complaint,
                entry.evidence,
                entry.ends,
                entry.verdict,
                entry.note,
                *(lane.text for lane in entry.lanes),
            ]
        for each in figure.conversations:
            said += [
                each.name,
                each.when,
                each.supplied,
                each.happened,
                each.reading,
                *(lane.text for lane in each.said),
            ]
    said += [told.audit.headline, told.audit.summary, record.thresholds_lock, *told.caveats, *sum(told.counts.rows, ())]
    said += [line for _, lines in told.notes for line in lines]
    assert [s for s in said if squeezed(s) not in text] == []
    assert squeezed("Synthetic sample: no real client, no real people") in text


def test_a_long_table_ends_with_how_many_rows_the_workbook_has_more() -> None:
    table = sample_record().results["content"].exhibits[0].model_copy(update={"shape": "table"})
    rows = [table.rows[0] | {"label": f"Row number {i}"} for i in range(40)]
    text = text_of(made(_with(sample_record(), table.model_copy(update={"rows": rows}))))
    assert "Rownumber11" in text and "Rownumber12" not in text and "28morerowsintheworkbook" in text


def test_an_exhibit_that_is_not_open_is_named_under_its_topic_and_not_shown(record: Record, reader: PdfReader) -> None:
    told = document.build(record)
    shown, closed = ([f for f in told.figures if f.is_open == is_open] for is_open in (True, False))
    assert len(shown) > 8 and len(closed) > 4 and not all(figure.exhibit.is_detail for figure in closed)
    front, head, named = text_of(reader).rpartition(squeezed("In the HTML report and the workbook"))
    assert head and [f.number for f in shown if squeezed(f"{f.number} · {f.topic}") not in front] == []
    for figure in closed:
        assert squeezed(f"{figure.number}{figure.exhibit.title}") in named
        assert squeezed(figure.topic) in named and squeezed(f"{figure.number} · {figure.topic}") not in front
    own = [f for f in closed if f.exhibit.read not in [each.exhibit.read for each in shown]]
    assert own and [f.number for f in own if squeezed(f.exhibit.read) in front + named] == []


def test_no_page_but_the_last_is_much_less_than_half_full(record: Record) -> None:
    half = 842 / 2 + 42  # points from the foot of the page
    for audience in ("client", "board"):
        lows = [_lowest(page) for page in made(record, audience).pages]
        assert len(lows) >= 4 and max(lows[:-1]) < half, audience


def _lowest(page: Any) -> float:
    """How far above the foot of its page stands the last line of this one's text?"""
    found: list[float] = []

    def place(text: str, user: list[float], matrix: list[float], font: Any, size: float) -> None:
        if text.strip():
            found.append(matrix[5] * user[3] + user[5])

    page.extract_text(visitor_text=place)
    return min(y for y in found if y > 40)  # but for the footer


def test_columns_are_in_order_about_as_long_and_end_with_no_head() -> None:
    lines = [line for i in range(9) for line in ((None, f"Head {i}"), *[("", "words " * (i + 3))] * 3)]
    columns = paper._columns(lines, 3)
    assert [*chain(*columns)] == lines and all(column[-1][0] is not None for column in columns)
    assert max(map(len, columns)) < 2 * min(map(len, columns))
    assert paper._columns(lines[:2], 2)[0] and paper._columns([], 2) == []


def test_only_all_findings_are_called_all_findings(record: Record) -> None:
    few = record.results["audit"].model_copy(update={"findings": FINDINGS[:3]})
    whole = text_of(made(sample_record(results=record.results | {"audit": few}), "board"))
    part = text_of(made(record, "board"))
    assert [("1·Allfindings" in text, "1·Whatmattersmost" in text) for text in (whole, part)] == [
        (True, False), (False, True)
    ]  # fmt: skip


def _with(record: Record, exhibit: Any) -> Record:
    content = record.results["content"]
    changed = content.model_copy(update={"exhibits": [exhibit]})
    return record.model_copy(update={"results": record.results | {"content": changed}})


def test_an_edition_says_what_it_leaves_out(record: Record) -> None:
    text = text_of(made(record, "board"))
    assert squeezed(document.build(record, "board").left_out) in text and "Editionfortheboard" in text
    assert squeezed(COVERAGE.read) not in text


def test_a_brand_gives_name_logo_and_colours(record: Record) -> None:
    reader = made(record, name="Firm & Sons", logo=LOGO, sales="#00594C", marketing="#7A3E9D")
    assert "PreparedbyFirm&Sons" in text_of(reader) and len(reader.pages[0].images) == 1
    paints = _paints(reader)
    assert {_paint("#00594C"), _paint("#7A3E9D")} <= paints and not {_paint(SALES), _paint(MARKETING)} & paints


def _paint(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _paints(reader: PdfReader) -> set[tuple[int, ...]]:
    """Every colour that a page sets to fill with, also within the pictures on it."""
    streams = [o for o in objects(reader) if isinstance(o, StreamObject)]
    said = [s.get_data().decode("latin-1") for s in streams if s.get("/Type") != "/Metadata" and "/Length1" not in s]
    found = re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) (?:scn|sc|rg)\b", " ".join(said))
    return {tuple(round(float(part) * 255) for part in colour) for colour in found}


def test_S31_what_looks_like_markup_stays_text(record: Record) -> None:
    findings = [f.model_copy(update={"title": f"{i} {HOSTILE}", "detail": HOSTILE}) for i, f in enumerate(FINDINGS)]
    audit = record.results["audit"].model_copy(update={"findings": findings, "headline": HOSTILE, "summary": HOSTILE})
    reader = made(sample_record(client=HOSTILE, results=record.results | {"audit": audit}))
    text = text_of(reader)
    assert text.count(squeezed(HOSTILE)) > 20 and "root:" not in text
    assert reader.metadata and reader.metadata.title == f"Alignment audit: {HOSTILE}"
    links = [a.get_object() for page in reader.pages for a in page.get("/Annots", ())]
    assert links and all("/URI" not in str(link.get("/A", "")) for link in links)


NAMES = {
    "long word": "n" * 300,
    "long": "Long name " * 30,
    "right to left": "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "control": "a\x00b\x1b[31m\x7f\ufeff\ufffe\ue000",
    "emoji": "\U0001f469\u200d\U0001f4bb \U0001f1ea\U0001f1fa \u270c\ufe0f",
    "marks": "x\u0331\u20dd q\u0323\u0307 Z\u0351\u0357" + "\u0301" * 40,
    "scripts": "\u0e19\u0e49\u0e33 \u0928\u092e\u0938\u094d\u0924\u0947 \ud55c\uad6d",
    "breaks": "line\nbreak\ttab\u2028\u2029\u00ad\u2060",
    "empty": "",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_name_breaks_the_file(record: Record, name: str) -> None:
    finding = FINDINGS[0].model_copy(update={"title": f"T {name}", "detail": name, "settle": name})
    rows = [row | {"label": f"{row['label']} {name}"} for row in COVERAGE.rows]
    exhibit = COVERAGE.model_copy(update={"title": f"E {name}", "alt": f"A {name}", "rows": rows})
    changed = {n: r.model_copy(update={"findings": [finding]}) for n, r in record.results.items()}
    reader = made(_with(sample_record(client=name, results=changed), exhibit))
    assert len(reader.pages) >= 6 and b"pdfuaid" in reader.xmp_metadata.stream.get_data()  # type: ignore[union-attr]
    if name.isascii() and name.isprintable():
        assert squeezed(name) in text_of(reader)


def test_a_long_word_stays_within_the_page(record: Record) -> None:
    reader = made(sample_record(client="n" * 300))
    rights: list[float] = []

    def place(text: str, user: list[float], matrix: list[float], font: Any, size: float) -> None:
        if text.strip():
            rights.append(matrix[4] * user[0] + user[4])

    for page in reader.pages:
        page.extract_text(visitor_text=place)
    assert rights and max(rights) < 595 - 42
    assert "n" * 300 in text_of(reader)


def test_greek_and_cyrillic_print_in_the_shipped_fonts() -> None:
    name = "Ωμέγα Щёлково Київ Łódź İstanbul Ñuñoa"
    text = text_of(made(sample_record(client=name)))
    assert squeezed(name) in text and SQUARE not in text


def test_what_no_font_has_is_a_square_and_the_report_says_so() -> None:
    text = text_of(made(sample_record(client="東京 Trading")))
    assert squeezed("□□ Trading") in text and squeezed("each printed as a square: 2.") in text


@pytest.mark.skipif(not CJK.exists(), reason="Noto Sans CJK is not installed")
def test_chinese_and_japanese_print_with_an_optional_font() -> None:
    rows = [row | {"label": f"東京{row['label']}"} for row in COVERAGE.rows]
    record = _with(sample_record(client="株式会社東京"), COVERAGE.model_copy(update={"rows": rows, "title": "上海"}))
    reader = made(record, fonts=(str(CJK),))
    text = text_of(reader)
    assert squeezed("株式会社東京") in text and "上海" in text and SQUARE not in text
    assert "東京" in text


def test_equal_records_make_equal_bytes(record: Record, content: bytes) -> None:
    again = Record.model_validate(record.model_dump())
    assert pdf.render(document.build(again)) == content


def test_S31_the_template_takes_words_from_data_alone() -> None:
    """No text of a client can become code: the template evaluates, reads and includes nothing."""
    source = "\n".join(path.read_text() for path in resource("templates", "report").glob("*.typ"))
    called = set(re.findall(r"\b(eval|read|include|csv|yaml|toml|xml|cbor|plugin|link)\(", source))
    assert called <= {"link"} and re.findall(r"json\((.*?)\)\)", source) == ["bytes(sys.inputs.document"]
    assert all(
        "label(" in use or "location" in use or "<open>" in use for use in re.findall(r"link\((.{0,40})", source)
    )


def test_a_line_may_end_within_a_long_word_and_after_its_underscores() -> None:
    printing = Printing((str(resource("templates", "report", "fonts", "Inter-Regular.ttf")),))
    assert printing.text("campaign_touches") == "campaign_\u200btouches" and printing.text("a_b") == "a_b"
    assert printing.text("n" * 30) == "\u200b".join(["n" * 10] * 3) and printing.text("n" * 23) == "n" * 23


def test_figures_stay_with_their_units() -> None:
    printing = Printing((str(resource("templates", "report", "fonts", "Inter-Regular.ttf")),))
    assert printing.text("45 % of 3 million") == f"45{words.NBSP}% of 3{words.NBSP}million"
    assert printing.text("e\u0301t\u00e9 \u202e\ufeffx") == f"\u00e9t\u00e9 {SQUARE}x" and not printing.missing
    assert printing.text("q\u0301\u0331", False).startswith("q") and printing.text("\ue000") == SQUARE
