"""The workbook: read back with another reader, and as a spreadsheet shows it."""

import csv
import html
import io
import re
import shutil
import subprocess
import zipfile
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pytest
from sample_record import nothing_judged, sample_record

from alignlib import words
from alignlib.charts.tables import CODES
from alignlib.report import cells, document, xlsx
from alignlib.report.brand import PLAIN
from alignlib.result import Column, Exhibit, Record, Result

UNITS = ("share", "pp", "points", "days", "count", "money", "delta", "p")
FORMULAS = ('=1+1', '=HYPERLINK("http://example.com","x")', "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1",
            "=cmd|' /C calc'!A0", "http://example.com", "mailto:a@example.com", "1e5", "007", "2026-03-31",
            '{=1}', "=IMPORTXML(1)", "external:x.xlsx", "internal:'Contents'!A1", "'=1", "＝1+1")  # fmt: skip


@pytest.fixture(scope="module")
def made() -> document.Document:
    return document.build(sample_record())


@pytest.fixture(scope="module")
def data(made: document.Document) -> bytes:
    return xlsx.render(made)


@pytest.fixture(scope="module")
def book(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def with_text(said: str) -> Record:
    """The sample record with this text first in every text that a file or a client can put there."""
    rows: list[dict[str, Any]] = [
        {"label": said, "n": 3, "when": said},
        {"label": "b", "n": None, "when": "2026-03-31"},
    ]
    exhibit = Exhibit(
        key="funnel.hostile", title=said, lead=said, shape="table", rows=rows, read=said, says_not=said, alt=said,
        columns=[Column(name="label", label=said), Column(name="n", label="N", unit="count"),
                 Column(name="when", label="When", unit="date")], source=said,
    )  # fmt: skip
    twin = exhibit.model_copy(update={"key": "funnel.hos_tile"})
    funnel = Result(diagnostic="funnel", question=said, headline=said, summary=said, exhibits=[exhibit, twin])
    results = nothing_judged() | {"funnel": funnel}
    return sample_record().model_copy(
        update={"client": said, "results": results, "thresholds_lock": said, "kit_version": said}
    )


def with_table(name: str, columns: list[Column], rows: list[dict[str, Any]]) -> Record:
    """The sample record with this table as its only exhibit."""
    said: dict[str, Any] = {"title": "t", "shape": "table", "read": "r", "alt": "a", "source": "s"}
    exhibit = Exhibit(key=f"funnel.{name}", columns=columns, rows=rows, **said)
    funnel = Result(diagnostic="funnel", question="q", headline="h", summary="s", exhibits=[exhibit])
    return sample_record(results=nothing_judged() | {"funnel": funnel})


def parts(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def table_of(sheet: Any) -> tuple[int, list[str]]:
    """In which row (from 1) does the table's head stand, and what does it say?"""
    head = int(sheet.freeze_panes.removeprefix("A")) - 1
    return head, [cell.value for cell in sheet[head] if cell.value]


def shown(value: float, number_format: str) -> str:
    """What a spreadsheet shows, worked out from the format alone: fifteen digits, halves away from zero."""
    if under := re.match(r'\[<([\d.]+)\]"([^"]*)";', number_format):
        return under[2] if value < float(under[1]) else "not so small"
    pieces = re.findall(r'"[^"]*"|\\.|[^"\\]', number_format)
    at = pieces.index(";")
    pieces = pieces[at + 1 :] if value < 0 else pieces[:at]
    body = "".join(piece for piece in pieces if piece[0] not in '"\\')
    digits, thousands = len(body.partition(".")[2].strip("%,")), body.removeprefix("#,##0").count(",")
    exact = abs(Decimal(f"{value:.15g}")) * (100 if "%" in body else 1) / 1000**thousands
    number = f"{exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"
    said = {"#": number, "%": "%"}
    return "".join(piece.strip('"') if piece[0] == '"' else piece[-1] if piece[0] == "\\" else said.get(piece, "")
                   for i, piece in enumerate(pieces) if piece != "#" or "#" not in pieces[:i])  # fmt: skip


def amounts() -> list[float]:
    """Figures of every size, the halves on which two ways of rounding part, and those next to a change of form."""
    rng = Random(20260331)
    halves = [k / 1000 for k in range(0, 1200, 5)] + [k / 8 for k in range(60)] + [k + 0.5 for k in range(40)]
    edges = [0, 0.0001, 0.0004999, 0.0005, 0.00095, 0.0094, 0.0095, 0.0099, 9.95, 9.994, 994_999, 995_000,
             99_949_999, 99_950_000, 125_000_000, 135_000_000, 1e11]  # fmt: skip
    drawn = [rng.uniform(0, 10 ** rng.randint(-4, 10)) for _ in range(300)]
    return [sign * each for each in halves + edges + drawn for sign in (1, -1)]


@pytest.mark.parametrize("unit", UNITS)
def test_a_figure_shows_in_its_cell_as_it_is_printed_everywhere_else(unit: str) -> None:
    for amount in (each for each in amounts() if unit in ("money", "count") or abs(each) < 1e7):
        for currency in ("EUR", "CHF", "BRL", 'A"B'):
            number, number_format = cells.figure(amount, unit, currency)
            said = words.figure(amount, unit, currency)
            assert shown(number, number_format) == said, (amount, unit, number, number_format)
            whole = {"money": amount / 100, "pp": amount * 100}.get(unit, amount)
            assert number == pytest.approx(whole, rel=1e-8, abs=1e-9)


def test_every_table_has_its_sheet_with_all_rows_typed_and_shown_as_printed(made: document.Document, book: Any) -> None:
    currency = made.record.currency
    exhibits = book.worksheets[-len(made.figures) - 2 : -2]
    for figure, sheet in zip(made.figures, exhibits, strict=True):
        head, labels = table_of(sheet)
        columns = [c for c in figure.exhibit.columns if not c.is_extra and c.name not in CODES]
        columns = [c for c in columns if c.name != "note" or any(row.get("note") for row in figure.exhibit.rows)]
        assert sheet["A1"].value == figure.exhibit.title and len(labels) == len(columns)
        assert sheet.max_row == head + len(figure.exhibit.rows)
        for at, row in enumerate(figure.exhibit.rows, start=head + 1):
            for place, column in enumerate(columns, start=1):
                cell, value = sheet.cell(at, place), row.get(column.name)
                if value is None or value == "":
                    assert cell.value is None
                elif isinstance(value, str) and column.unit != "date":
                    assert (cell.value, cell.data_type) == (value, "s")
                elif column.unit not in ("text", "date"):
                    assert cell.data_type == "n"
                    assert shown(cell.value, cell.number_format) == words.figure(float(value), column.unit, currency)


def test_findings_carry_figures_with_their_intervals_and_lead_to_their_proof(
    made: document.Document, book: Any
) -> None:
    head, labels = table_of(book["Findings"])
    items = [*made.top, *made.others]
    rows = [dict(zip(labels, row, strict=False)) for row in book["Findings"].iter_rows(min_row=head + 1)]
    assert len(rows) == len(items) > 3
    for row, item in zip(rows, items, strict=True):
        f, m = item.finding, item.finding.measure
        assert (row["Finding"].value, row["Level"].value.lower(), row["n"].value) == (f.title, f.level, m.n)
        for label, value in (("Value", m.value), ("From", m.low), ("To", m.high), ("Limit", f.limit)):
            cell = row[label]
            printed = "" if cell.value is None else shown(cell.value, cell.number_format)
            assert printed == words.figure(value, m.unit, made.record.currency)
        name = row["Sheet"].value
        assert (name in book.sheetnames) if item.section else name is None


def test_findings_are_printed_without_what_nobody_could_read_beside_them(book: Any) -> None:
    _, labels = table_of(book["Findings"])
    printed = labels[: openpyxl.utils.column_index_from_string(book["Findings"].print_area.split("$")[-2])]
    assert {"Level", "Finding", "Value", "Limit", "Play", "Sheet"} <= set(printed)
    assert labels[len(printed) :] == ["Would settle it", "Method", "Rule"]
    assert not any(sheet.print_area for sheet in book.worksheets if sheet.title != "Findings")


@pytest.mark.parametrize(("letters", "lines"), [(50, 1), (90, 1), (100, 2), (200, 3)])  # of 90 figures' width
def test_a_row_is_as_tall_as_its_text_is_in_the_widest_font_that_may_stand_in(letters: int, lines: int) -> None:
    rows = [{"label": ("words of a text " * 20)[:letters].strip().ljust(letters, "s")}]
    made = document.build(with_table("tall", [Column(name="label", label="L")], rows))
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx.render(made)))["2 Tall"]
    sheet_height = sheet.row_dimensions[sheet.max_row].height or 15
    assert round((sheet_height - 3) / 13.4) == lines


def test_days_are_days_and_show_as_they_are_written() -> None:
    days = ("2026-03-31", "1 April 2026", "in spring", None, "1850-01-01")
    rows: list[dict[str, Any]] = [{"label": "a", "at": each} for each in days]
    record = with_table("days", [Column(name="label", label="L"), Column(name="at", label="At", unit="date")], rows)
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx.render(document.build(record))))["2 Days"]
    head, _ = table_of(sheet)
    cells_of_days = [sheet.cell(at, 2) for at in range(head + 1, sheet.max_row + 1)]
    found = [(cell.value, cell.number_format) for cell in cells_of_days]
    assert found[:2] == [(datetime(2026, 3, 31), "yyyy-mm-dd"), (datetime(2026, 4, 1), "[$-809]d mmmm yyyy")]
    assert [value for value, _ in found[2:]] == ["in spring", None, "1850-01-01"]


@pytest.mark.parametrize("said", FORMULAS)
def test_S09_nothing_becomes_a_formula_or_leads_outside(said: str) -> None:
    data = xlsx.render(document.build(with_text(said)), PLAIN._replace(name=said))
    files = parts(data)
    sheets = [text for name, text in files.items() if name.startswith("xl/worksheets/")]
    assert not any(re.search(r"<f[ >/]", text) for text in sheets)
    assert not any("TargetMode" in text or "oleObject" in text for text in files.values())
    assert not any(
        name for name in files if re.search(r"externalLink|vba|connection|worksheets/_rels|queryTable", name)
    )
    book, read = openpyxl.load_workbook(io.BytesIO(data)), said.replace("\r", "\n")
    assert {sheet.sheet_state for sheet in book.worksheets} == {"visible"}
    links = [link for text in sheets for link in re.findall(r"<hyperlink [^>]*>", text)]
    places = {html.unescape(re.findall(r'location="([^"]*)"', link)[0]) for link in links}
    assert places == {f"'{name}'!A1" for name in book.sheetnames} and not any("r:id" in link for link in links)
    found = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.value == read]
    assert len(found) > 5 and {cell.data_type for cell in found} == {"s"}
    if said[0] in "=+-@":  # stays text when its cell is edited
        assert {(cell.number_format, cell.quotePrefix) for cell in found} == {("@", True)}


def test_no_name_of_a_sheet_comes_from_outside_and_no_two_are_alike() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(document.build(with_text("a:b[c]*?/\\'" * 9)))))
    names = book.sheetnames
    assert {"2.1 Hostile", "2.2 Hos tile"} <= set(names)
    assert len({name.casefold() for name in names}) == len(names) and max(map(len, names)) <= 31


HOSTILE = ("x" * 300, "a\x00b\x1b\ufffe\ud800", 'P&G & sons &[Picture] &L&"', "24 Hours", "&G" * 99, "שלום עולם",
           "👩\u200d👩 ok" * 40, "_x000D_", "a\nb\tc", "\u202egnp.exe")  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE)
def test_no_text_breaks_the_workbook_and_every_printed_page_names_the_client(said: str, recwarn: Any) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(document.build(with_text(said)))))
    assert [str(w.message) for w in recwarn if "penpyxl" not in str(w.filename)] == []
    sheet = book["2.1 Hostile"]
    assert sheet["A1"].value == words.legible(said)
    header = re.search(r"<oddHeader[^>]*>(.*?)</oddHeader>", parts(xlsx.render(document.build(with_text(said))))[
        "xl/worksheets/sheet1.xml"], re.S)  # fmt: skip
    assert header is not None and len(header[1].replace("&amp;", "&")) <= 255


def test_a_text_longer_than_a_cell_is_cut_where_one_sees_it() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(document.build(with_text("👩" * 17_000)))))
    title = book["2.1 Hostile"]["A1"].value
    assert title.endswith("👩…") and len(title.encode("utf-16-le")) <= 2 * 32_767


def test_heads_stay_in_sight_are_filtered_and_repeat_in_print(book: Any) -> None:
    for sheet in book.worksheets:
        head, labels = table_of(sheet)
        last = sheet.cell(sheet.max_row, len(labels)).coordinate
        assert sheet.auto_filter.ref == f"A{head}:{last}" and all(labels)
        assert sheet.print_title_rows == f"${head - 1}:${head}"
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        assert not any(d.hidden for d in (*sheet.row_dimensions.values(), *sheet.column_dimensions.values()))


def test_each_column_names_its_unit_and_each_end_its_estimate(book: Any) -> None:
    sheet = next(sheet for sheet in book.worksheets if sheet["A1"].value.startswith("The teams part most"))
    head, labels = table_of(sheet)
    units = [sheet.cell(head - 1, at).value for at in range(1, len(labels) + 1)]
    assert labels[:4] == ["Block", "Sales", "Sales, low", "Sales, high"]
    assert units[:5] == ["", "points", "points", "points", "count"]
    assert len(set(labels)) == len(labels)


def test_what_is_withheld_has_no_figure_and_its_word_beside_it(book: Any) -> None:
    sheet = next(sheet for sheet in book.worksheets if sheet["A1"].value.startswith("The teams part most"))
    row = next(row for row in sheet.iter_rows() if row[0].value == "The other team's job")
    assert {cell.value for cell in row[1:-1]} == {None} and str(row[-1].value).startswith("withheld")


def test_the_first_sheet_leads_to_all_others_and_says_whose_and_which_edition_this_is() -> None:
    made = document.build(sample_record(), "board")
    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(made)))
    sheet = book.worksheets[0]
    head, _ = table_of(sheet)
    listed = [sheet.cell(at, 1).value for at in range(head + 1, sheet.max_row + 1)]
    assert [sheet.title, *listed] == book.sheetnames
    above = " ".join(str(sheet.cell(at, 1).value) for at in range(1, head))
    for said in (made.record.client, made.period, made.as_of, made.left_out, "Synthetic sample"):
        assert said and said in above


def test_units_levels_and_verdicts_are_explained_and_rows_counted_as_numbers(
    made: document.Document, book: Any
) -> None:
    told = {row[1].value for row in book["Units"].iter_rows()}
    assert {"Percentage points", "Money", "Act", "Watch", "Good", "Unclear", "Cannot tell", "Not raised"} <= told
    assert {
        "Interval",
        "Empty cell",
        "Rounding",
        *(words.capital(name) for name in xlsx.UNITS.values() if name),
    } <= told
    head, labels = table_of(book["Row counts"])
    row = dict(zip(labels, (cell.value for cell in book["Row counts"][head + 1]), strict=False))
    assert row["Read"] == row["Used"] + row["Rejected"] + row["Excluded"] > 0


def test_properties_carry_kit_and_client_only_and_equal_records_make_equal_bytes(
    made: document.Document, data: bytes, book: Any
) -> None:
    p, record = book.properties, made.record
    assert (p.title, p.creator) == (f"Alignment audit: {record.client}", f"alignlib {record.kit_version}")
    assert str(p.created.date()) == str(p.modified.date()) == record.as_of
    assert {p.subject, p.keywords, p.description, p.category} == {None} and p.lastModifiedBy in (None, p.creator)
    assert xlsx.render(document.build(sample_record())) == data


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_a_spreadsheet_opens_it_and_shows_the_printed_figures(tmp_path: Path) -> None:
    chosen = [*sorted(set(amounts()))[::9], 0.125, 0.285, 2.25, -0.001, 0.0003]
    columns = [Column.model_validate({"name": unit, "label": unit, "unit": unit}) for unit in UNITS]
    rows: list[dict[str, Any]] = [dict.fromkeys(UNITS, amount) for amount in chosen if abs(amount) < 1e7]
    record = with_table("shown", columns, rows)
    (tmp_path / "report.xlsx").write_bytes(xlsx.render(document.build(record)))
    all_sheets_as_shown = "csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,false,true,true,false,false,-1"
    subprocess.run(
        ["soffice", f"-env:UserInstallation={(tmp_path / 'office').as_uri()}", "--headless", "--convert-to",
         all_sheets_as_shown, "--outdir", str(tmp_path), str(tmp_path / "report.xlsx")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with (tmp_path / "report-2 Shown.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))[-len(rows) :]
    assert found == [[words.figure(row[unit], unit, record.currency) for unit in UNITS] for row in rows]
