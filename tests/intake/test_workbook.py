"""Workbooks, ordinary and hostile: by hand. None of them may end our process."""

import datetime as dt
import io
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from alignlib.engagement import Reading
from alignlib.errors import AlignError
from alignlib.intake.read import Raw, read_table

Edit = Callable[[str, bytes], bytes]
Rows = list[list[Any]]
LEADS: Rows = [["id", "created", "source"], ["00123", dt.date(2024, 3, 15), "web"], ["2", dt.date(2024, 3, 16), "fair"]]


def workbook(rows: Rows, epoch: Any = None) -> bytes:
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = epoch
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def edited(content: bytes, edit: Edit, extra: dict[str, bytes] | None = None) -> bytes:
    """The same archive with each part passed through ``edit``, and more parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, edit(name, old.read(name)))
        for name, part in (extra or {}).items():
            new.writestr(name, part)
    return buffer.getvalue()


def in_sheet(old: bytes, new: bytes) -> Edit:
    return lambda name, part: part.replace(old, new) if name == "xl/worksheets/sheet1.xml" else part


def read(tmp_path: Path, content: bytes, **reading: Any) -> Raw:
    (tmp_path / "leads.xlsx").write_bytes(content)
    return read_table(tmp_path, Reading(file="leads.xlsx", **reading))


def refused(tmp_path: Path, content: bytes, **reading: Any) -> str:
    with pytest.raises(AlignError) as caught:
        read(tmp_path, content, **reading)
    return str(caught.value)


def test_cells_become_text_without_loss(tmp_path: Path) -> None:
    at = dt.datetime(2024, 3, 15, 9, 30)
    rows: Rows = [["id", "n", "x", "on", "at", "flag"], ["00123", 12, 0.1, dt.date(2024, 3, 15), at, True]]
    raw = read(tmp_path, workbook([*rows, ["12E5", None, 1e15, None, None, False]]))
    assert raw.rows[0] == ["00123", "12", "0.1", "2024-03-15", "2024-03-15 09:30:00", "true"]
    assert raw.rows[1] == ["12E5", "", "1000000000000000", "", "", "false"]


def test_numbers_follow_the_declared_decimal_sign(tmp_path: Path) -> None:
    assert read(tmp_path, workbook([["n"], [1.5], ["2,5"]]), decimal=",").rows == [["1,5"], ["2,5"]]


def test_B76_a_workbook_gives_the_same_table_as_its_csv(engage: Callable[..., Any]) -> None:
    inputs = "  - {file: FILE, table: leads, columns: {lead_id: id, created_at: created, source: source}}\n"
    csv = "id,created,source\n00123,2024-03-15,web\n2,2024-03-16,fair\n"
    sql = "select * exclude (file) from leads order by record"
    ours = engage({"l.csv": csv}, inputs.replace("FILE", "l.csv")).open()
    theirs = engage({"l.xlsx": workbook(LEADS)}, inputs.replace("FILE", "l.xlsx"), zone="Asia/Tokyo").open()
    assert ours.connection.execute(sql).fetchall() == theirs.connection.execute(sql).fetchall()
    assert ours.day_only == theirs.day_only == {"leads.created_at"}


def test_B40_the_1904_date_system_is_obeyed(tmp_path: Path) -> None:
    raw = read(tmp_path, workbook([["on"], [dt.date(2027, 3, 16)]], CALENDAR_MAC_1904))
    assert raw.rows[0][0].startswith("2027-03-16")


def test_B70_a_cell_in_the_last_corner_is_refused(tmp_path: Path) -> None:
    content = edited(workbook(LEADS), in_sheet(b'r="C3"', b'r="XFD1048576"'))
    message = refused(tmp_path, content)
    assert "column 16,384 and row 1,048,576" in message
    assert "E-XLSXSIZE" in message


def test_B70_B71_when_the_reader_dies_the_file_is_refused_and_we_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "E-XLSXSIZE" in refused(tmp_path, workbook(LEADS))


def test_B71_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO(workbook(LEADS))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/zeros.bin", "w") as part:
        for _ in range(130):
            part.write(bytes(1 << 20))
    message = refused(tmp_path, buffer.getvalue())
    assert "unpacks to" in message
    assert "E-XLSXSIZE" in message


@pytest.mark.parametrize("markup", [b'<!DOCTYPE a SYSTEM "file:///etc/passwd">', b'<!ENTITY a "b">'])
def test_B72_declared_entities_are_refused(tmp_path: Path, markup: bytes) -> None:
    content = edited(workbook(LEADS), in_sheet(b"<worksheet", markup + b"<worksheet"))
    message = refused(tmp_path, content)
    assert "declares entities" in message
    assert "E-TYPE" in message


def test_B72_a_password_or_an_old_workbook_is_refused_with_what_to_do(tmp_path: Path) -> None:
    message = refused(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert "save it as .xlsx without a password" in message


def test_B73_formulas_without_stored_values_are_refused_with_their_cells(tmp_path: Path) -> None:
    message = refused(tmp_path, workbook([["id", "n"], ["1", "=1+1"], ["2", "=2+2"]]))
    assert "2 cells hold a formula without a stored value, the first B2, B3" in message
    assert "E-FORMULA" in message


def test_B74_error_values_are_rejected_and_the_rest_used(engage: Callable[..., Any]) -> None:
    inputs = "  - {file: l.xlsx, table: leads, columns: {lead_id: id, created_at: created, source: source}}\n"
    content = workbook([*LEADS, ["3", dt.date(2024, 3, 17), "#N/A"]])
    tables = engage({"l.xlsx": content}, inputs).open()
    assert tables.row_counts[0].reasons == {"E-XLERR": 1}


def test_B75_hidden_rows_are_read_and_several_sheets_must_be_named(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(LEADS)))
    book.worksheets[0].title = "Leads"
    book.worksheets[0].row_dimensions[2].hidden = True
    assert "1 hidden row" in read(tmp_path, saved(book)).notes[0]
    book.create_sheet("Notes").append(["x"])
    message = refused(tmp_path, saved(book))
    assert "the workbook has 2 sheets. Allowed: Leads, Notes" in message
    assert "E-SHEET" in message
    assert len(read(tmp_path, saved(book), sheet="Leads").rows) == 2
    assert "there is no sheet 'Lead'" in refused(tmp_path, saved(book), sheet="Lead")


def test_empty_rows_and_columns_before_the_table_are_kept_in_count(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for cell, value in {"B3": "id", "C3": "n", "B4": "1", "C4": "x", "B6": "2"}.items():
        book.active[cell] = value  # type: ignore[index]
    raw = read(tmp_path, saved(book), skip_rows=2)
    assert (raw.headers, raw.rows) == ([["", "id", "n"]], [["", "1", "x"], ["", "2", ""]])
    assert (raw.read, raw.blank, raw.records) == (3, [2], [1, 3])


def test_B78_a_cut_or_damaged_workbook_is_refused(tmp_path: Path) -> None:
    content = workbook(LEADS)
    assert "E-CORRUPT" in refused(tmp_path, content[: len(content) // 2])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = archive.getinfo("xl/worksheets/sheet1.xml").header_offset
    damaged = content[: start + 80] + bytes(40) + content[start + 120 :]
    assert re.search("E-CORRUPT|E-XLSXSIZE", refused(tmp_path, damaged))
    assert "E-CORRUPT" in refused(tmp_path, edited(content, lambda name, part: b"" if "workbook.xml" in name else part))


@pytest.mark.parametrize("name", ["../../out.xml", "/etc/out.xml"])
def test_S19_paths_that_lead_out_of_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    assert "paths that lead out" in refused(tmp_path, edited(workbook(LEADS), lambda _, part: part, {name: b"x"}))
