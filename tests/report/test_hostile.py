"""Does what a client's files hold stay text in all four formats: no markup, script, link, field or formula?"""

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hostile import ALL, DRAWN, FORMULAS, LONG, MARKUP, ODD, OFFICE, SCRIPTS, TYPST, poisoned_record, texts
from sample_record import sample_record

from alignlib.charts.tables import CODES
from alignlib.report import document, html, pdf, pptx, xlsx
from alignlib.report.brand import PLAIN, Brand
from alignlib.result import Record, read_record, to_json
from alignlib.words import legible

SAID = {"aria-label", "alt", "title", "data-label", "content"}  # attributes that hold words, and those of the head
CHUNK = 25  # payloads in one field, so that every field holds every payload in a few pages
CHUNKS = [" ".join(MARKUP[at : at + CHUNK]) for at in range(0, len(MARKUP), CHUNK)]
PLAIN_WORDS = [f"plain_words {n}" for n in range(1_000)]
SHIFTS = range(0, len(ALL), 97)  # each of them puts another payload in each field
DEFINED = {"_xlnm._FilterDatabase", "_xlnm.Print_Titles", "_xlnm.Print_Area"}
# what makes a PDF do something, or carry something, when it is opened or clicked
LIVE = {"/JavaScript", "/JS", "/Launch", "/URI", "/EmbeddedFile", "/EmbeddedFiles", "/AA", "/RichMedia", "/GoToR",
        "/GoToE", "/SubmitForm", "/ImportData", "/AcroForm", "/XFA", "/Filespec", "/Rendition", "/Movie"}  # fmt: skip


def branded(name: str) -> Brand:
    return PLAIN._replace(name=name[:80])


def squeezed(text: str) -> str:
    """Without what a format may put between letters: spaces, breaks, joiners, hyphens; any mark for what cannot be."""
    return re.sub(r"[\s\u2060\u00ad\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff-]+", "", text)


# --- the corpora -----------------------------------------------------------------------------------------------------


def test_the_corpora_are_as_large_as_promised_and_name_each_payload_once() -> None:
    assert len(MARKUP) >= 150 and sum(map(len, SCRIPTS.values())) == len(MARKUP)
    assert len(FORMULAS) >= 60 and len(set(FORMULAS)) == len(FORMULAS)
    assert len(set(ALL)) == len(ALL) and len(LONG) == 300 and len(TYPST) > 40 and len(OFFICE) > 30


def test_every_text_of_a_record_is_poisoned() -> None:
    assert set(texts(poisoned_record(MARKUP))) <= set(MARKUP)
    assert len(texts(poisoned_record(MARKUP))) > 600


# --- HTML ------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Which elements with which attributes does a page hold, which style, and which text?"""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pairs: set[tuple[str, str]] = set()
        self.values: list[tuple[str, str]] = []
        self.style: list[str] = []
        self.text: list[str] = []
        self.others: list[str] = []
        self.inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.pairs |= {(tag, ""), *((tag, name) for name, _ in attrs)}
        self.values += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        (self.style if self.inside == "style" else self.text).append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)


@pytest.fixture(scope="module")
def clean() -> Page:
    """What pages of plain words are made of: nothing else may stand in any other."""
    records = [sample_record(), *(poisoned_record(PLAIN_WORDS, keep=keep) for keep in (frozenset(), DRAWN))]
    pages = [Page(html.render(document.build(record), branded("A firm"))) for record in records]
    pages[0].pairs |= pages[1].pairs | pages[2].pairs
    return pages[0]


def assert_harmless(text: str, clean: Page) -> Page:
    page = Page(text)
    assert page.pairs <= clean.pairs, page.pairs - clean.pairs
    assert page.style == clean.style and page.others == clean.others
    assert not {name for _, name in page.pairs} & {"src", "style", "action"}
    assert all(value.startswith("#") for name, value in page.values if name.endswith("href"))
    drawn = [value for name, value in page.values if name not in SAID]
    assert not [value for value in drawn if re.search(r"url\((?!#)|script:|data:(?!image/png)", value)]
    return page


@pytest.mark.parametrize("chunk", range(len(CHUNKS)))
def test_S01_S02_S03_S04_S07_no_payload_in_any_text_of_a_record_becomes_part_of_the_page(
    chunk: int, clean: Page
) -> None:
    record = poisoned_record([CHUNKS[chunk]], keep=DRAWN if chunk % 2 else frozenset())
    page = assert_harmless(html.render(document.build(record), branded(MARKUP[chunk])), clean)
    shown = squeezed("".join(page.text))
    assert shown.count(squeezed(legible(CHUNKS[chunk]))) > 300


@pytest.mark.parametrize("shift", SHIFTS)
def test_S23_every_text_that_a_page_shows_is_shown_as_it_was_written(shift: int, clean: Page) -> None:
    record = poisoned_record(ALL, shift)
    page = assert_harmless(html.render(document.build(record)), clean)
    shown = squeezed("".join(page.text))
    lost = [text for text in told(record) if squeezed(legible(text)) not in shown]
    assert not lost


def told(record: Record) -> list[str]:
    """What every edition for the client says of the whole and of each finding."""
    audit = record.results["audit"]
    return [record.client, audit.headline, audit.summary, *(t for f in audit.findings for t in (f.title, f.detail))]


# --- PDF -------------------------------------------------------------------------------------------------------------


@cache
def made_pdf(corpus: tuple[str, ...], shift: int) -> bytes:
    return pdf.render(document.build(poisoned_record(corpus, shift)), branded(corpus[shift]))


def objects(value: Any) -> Iterator[Any]:
    """Every object of a PDF that stands inside this one."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        if not hasattr(each, "idnum"):  # what is only referred to has a number of its own
            yield from objects(each)


def live_in(content: bytes) -> set[str]:
    """Which keys or kinds of action does this PDF hold, anywhere?"""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    numbers = {n for found in reader.xref.values() for n in found} | set(reader.xref_objStm)
    found: set[str] = set()
    for number in numbers:
        for each in objects(reader.get_object(number)):
            if isinstance(each, dict):
                kinds = {str(each.get(key)) for key in ("/S", "/Type", "/Subtype")}
                found |= LIVE & (kinds | {str(key) for key in each})
    opened = reader.root_object.get("/OpenAction")
    return found | ({"/OpenAction"} if isinstance(opened, dict) else set())


@pytest.mark.parametrize(
    ("corpus", "shift"), [(MARKUP, 0), (MARKUP, 120), (TYPST, 0), (TYPST, 25), (ODD, 0), (ODD, 20)]
)
def test_S31_no_text_of_a_record_makes_a_pdf_do_anything(corpus: tuple[str, ...], shift: int) -> None:
    assert live_in(made_pdf(corpus, shift)) == set()


def test_the_search_for_what_is_live_in_a_pdf_finds_it() -> None:
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DictionaryObject, NameObject, TextStringObject

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(made_pdf(TYPST, 0))))
    action = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("pwned(1)")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(action)
    writer.add_attachment("x.txt", b"x")
    writer.write(out := io.BytesIO())
    assert {"/JavaScript", "/JS", "/EmbeddedFile", "/OpenAction"} <= live_in(out.getvalue())


def printable(text: str) -> bool:
    """Do the fonts that come with the kit hold all of it: is it Latin, on one line?"""
    return bool(re.fullmatch(r"[ -~\u00a0-\u00ac\u00ae-\u00ff‘’“”–]+", text))


@pytest.mark.parametrize(("corpus", "shift"), [(MARKUP, 0), (TYPST, 0), (TYPST, 25), (OFFICE, 0)])
def test_S23_a_pdf_prints_markup_of_every_kind_as_it_was_written(corpus: tuple[str, ...], shift: int) -> None:
    from pypdf import PdfReader

    shown = squeezed("".join(page.extract_text() for page in PdfReader(io.BytesIO(made_pdf(corpus, shift))).pages))
    wanted = [text for text in told(poisoned_record(corpus, shift)) if printable(text)]
    assert len(wanted) > 12
    assert [text for text in wanted if squeezed(text) not in shown] == []


# --- PPTX ------------------------------------------------------------------------------------------------------------


@cache
def made_pptx(corpus: tuple[str, ...], shift: int) -> bytes:
    return pptx.render(document.build(poisoned_record(corpus, shift, keep=DRAWN)), branded(corpus[shift]))


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def assert_no_way_out(members: dict[str, bytes]) -> None:
    """No macro, no link out, no action; every part is well-formed."""
    forbidden = r"vba|activex|\.bin$|externalLink|oleObject|connections|printerSettings"
    assert not [name for name in members if re.search(forbidden, name, re.I)]
    for name, content in members.items():
        if name.endswith((".xml", ".rels")):
            root = ElementTree.fromstring(content)
            for each in root.iter():
                assert each.get("TargetMode") != "External", name
                tag = each.tag.rpartition("}")[2]
                assert tag not in ("hlinkClick", "hlinkHover", "hlinkMouseOver", "oleObj", "control"), name
                is_ours = name.startswith(("ppt/slides/", "ppt/notesSlides/"))  # not the date of the bare template
                assert tag != "fld" or each.get("type") == "slidenum" or not is_ours, name
                assert not (each.get("action") or "").startswith("ppaction"), name


@pytest.mark.parametrize(
    ("corpus", "shift"), [(MARKUP, 0), (MARKUP, 120), (OFFICE, 0), (ODD, 0), (ODD, 20), (FORMULAS, 0)]
)
def test_S01_S09_no_text_of_a_record_makes_a_deck_do_anything(corpus: tuple[str, ...], shift: int) -> None:
    members = parts(made_pptx(corpus, shift))
    assert_no_way_out(members)
    books = [content for name, content in members.items() if name.endswith(".xlsx")]
    for book in books:
        assert_no_way_out(parts(book))
        assert formulas(book) == []
    assert books


def on_slides(content: bytes) -> str:
    from pptx import Presentation

    return "\n".join(
        paragraph.text
        for slide in Presentation(io.BytesIO(content)).slides
        for frame in frames(slide.shapes)
        for paragraph in frame.paragraphs
    )


def frames(shapes: Any) -> Iterator[Any]:
    for shape in shapes:
        if shape.has_text_frame:
            yield shape.text_frame
        if getattr(shape, "has_table", False):
            yield from (cell.text_frame for row in shape.table.rows for cell in row.cells)


@pytest.mark.parametrize(("corpus", "shift"), [(MARKUP, 0), (OFFICE, 0), (FORMULAS, 0), (TYPST, 0)])
def test_a_deck_says_what_was_written(corpus: tuple[str, ...], shift: int) -> None:
    record = poisoned_record(corpus, shift, keep=DRAWN)
    shown = squeezed(on_slides(made_pptx(corpus, shift)))
    audit = record.results["audit"]
    wanted = [record.client, audit.headline, *(f.title for f in audit.findings[:5])]
    assert [text for text in wanted if squeezed(legible(text)) not in shown] == []


# --- XLSX ------------------------------------------------------------------------------------------------------------


@cache
def made_xlsx(corpus: tuple[str, ...], shift: int) -> bytes:
    return xlsx.render(document.build(poisoned_record(corpus, shift)), branded(corpus[shift]))


def formulas(content: bytes) -> list[str]:
    """Every element of a workbook's sheets that computes, looks up or links out."""
    found = []
    for name, part in parts(content).items():
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            for each in ElementTree.fromstring(part).iter():
                tag = each.tag.rpartition("}")[2]
                found += [f"{name} {tag}"] if tag in ("f", "oleObject", "control") else []
                links_out = tag == "hyperlink" and any(key.endswith("}id") for key in each.keys())  # noqa: SIM118
                found += [f"{name} {each.attrib}"] if links_out else []
    return found


def test_the_search_for_formulas_and_links_finds_them() -> None:
    from xlsxwriter import Workbook

    book = Workbook(out := io.BytesIO(), {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write("A1", "=1+1")
    sheet.write("A2", "https://evil.example")
    book.close()
    assert len(formulas(out.getvalue())) == 2
    with pytest.raises(AssertionError):
        assert_no_way_out(parts(out.getvalue()))


@pytest.mark.parametrize("shift", range(0, len(FORMULAS), 3))  # a third of all pairs of field and payload, evenly
def test_S09_no_text_of_a_record_becomes_a_formula(shift: int) -> None:
    content = made_xlsx(FORMULAS, shift)
    assert formulas(content) == []
    assert b"<f>" not in content


@pytest.mark.parametrize(("corpus", "shift"), [(FORMULAS, 0), (MARKUP, 0), (OFFICE, 0), (ODD, 0), (ODD, 20)])
def test_S09_a_workbook_links_nowhere_and_says_what_was_written(corpus: tuple[str, ...], shift: int) -> None:
    from openpyxl import load_workbook

    content = made_xlsx(corpus, shift)
    assert_no_way_out(parts(content))
    book = load_workbook(io.BytesIO(content))
    assert not book.defined_names
    names = re.findall(rb'<definedName name="([^"]+)"', parts(content)["xl/workbook.xml"])
    assert {name.decode() for name in names} <= DEFINED
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert all(sheet.sheet_state == "visible" for sheet in book)
    shown = {as_read(text) for text in strings(content)}
    record = poisoned_record(corpus, shift)
    wanted = {as_read(legible(text)) for e in rows_of(record) for row in e for text in row} | {
        as_read(legible(f.title)) for f in record.results["audit"].findings
    }
    assert len(wanted) >= min(len(corpus), 40) - 10
    assert {text for text in wanted if text and text not in shown} == set()


def strings(content: bytes) -> Iterator[str]:
    """The texts of a workbook's cells, each escape undone once (openpyxl 3.1 undoes some twice and others never)."""
    for item in ElementTree.fromstring(parts(content)["xl/sharedStrings.xml"]):
        text = "".join(each.text or "" for each in item.iter() if each.tag.endswith("}t"))
        yield re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def as_read(text: str) -> str:
    """Line ends alike, no space at the ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def rows_of(record: Record) -> Iterator[list[list[str]]]:
    """The words in the rows of every exhibit, without what stands there for machines."""
    for result in record.results.values():
        for exhibit in result.exhibits:
            shown = [c for c in exhibit.columns if c.unit == "text" and not c.is_extra and c.name not in CODES]
            named = [column.name for column in shown]
            yield [[str(row[name]) for name in named if isinstance(row.get(name), str)] for row in exhibit.rows]


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_S09_another_program_reads_the_same_words_and_no_formula(tmp_path: Path) -> None:
    file, profile = tmp_path / "report.xlsx", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    file.write_bytes(made_xlsx(FORMULAS, 0))
    # every sheet in UTF-8, as it is shown, and a formula as itself rather than as what it comes to
    kind = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1"
    command = ["soffice", profile, "--headless", "--convert-to", kind, "--outdir", str(tmp_path / "out"), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    shown = set()
    for sheet in (tmp_path / "out").glob("*.csv"):
        with sheet.open(encoding="utf-8", newline="") as lines:
            shown |= {as_read(cell) for row in csv.reader(lines) for cell in row}
    wanted = {as_read(legible(text)) for e in rows_of(poisoned_record(FORMULAS, 0)) for row in e for text in row}
    assert len(wanted) > 60
    assert wanted - shown == set()


# --- odd texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [LONG, "חברת הדוגמה בע״מ", "شركة المثال المحدودة", "👩‍👩‍👧‍👦 🇩🇪", "a\x00b\x1b[31m", "e\u0301" * 40],
    ids=["long", "Hebrew", "Arabic", "emoji", "control", "combining"],
)
def test_a_client_of_any_name_gets_all_four_files(text: str) -> None:
    from openpyxl import load_workbook
    from pptx import Presentation
    from pypdf import PdfReader

    doc = document.build(sample_record(client=text))
    assert squeezed(legible(text)) in squeezed("".join(Page(html.render(doc)).text))
    assert len(PdfReader(io.BytesIO(pdf.render(doc))).pages) > 2
    assert squeezed(legible(text))[:60] in squeezed(on_slides(made := pptx.render(doc)))  # a long one is cut visibly
    assert len(Presentation(io.BytesIO(made)).slides) > 5
    book = load_workbook(io.BytesIO(xlsx.render(doc)))
    first = {cell.value for row in book.worksheets[0].iter_rows() for cell in row}
    assert any(squeezed(legible(text)) in squeezed(str(value)) for value in first)


def test_half_a_character_becomes_a_visible_mark(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(json.loads(to_json(sample_record())) | {"client": "a\ud800b"}), encoding="ascii")
    doc = document.build(read_record(file))
    assert "a\ufffdb" in html.render(doc).encode().decode()
    assert "a\ufffdb" in on_slides(pptx.render(doc))
    assert "a\ufffdb" in parts(xlsx.render(doc))["xl/sharedStrings.xml"].decode()
    assert pdf.render(doc).startswith(b"%PDF")
