"""B70 to B79 and S16 to S19: workbooks that are wrong or hostile, each by its id. None of them may end our process.

Every refusal says which code, which file (sheet, record, column) and what to do; where rows are read, they balance.
"""

import datetime as dt
import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
import pytest
from test_workbook import LEADS, Rows, edited, in_sheet, saved, workbook

from alignlib.engagement import Reading
from alignlib.errors import AlignError, Problem
from alignlib.intake import workbook as reader
from alignlib.intake.read import Raw, read_table

INPUT = "  - {file: FILE, table: leads, columns: {lead_id: id, created_at: created, source: source}}\n"
Make = Callable[..., Any]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process used")
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits of a process")


def read(tmp_path: Path, content: bytes, name: str = "leads.xlsx", **reading: Any) -> Raw:
    (tmp_path / name).write_bytes(content)
    return read_table(tmp_path, Reading(file=name, **reading))


def refused(tmp_path: Path, content: bytes, name: str = "leads.xlsx", **reading: Any) -> Problem:
    """The one problem for which this file is refused; it names the file and says what to do."""
    with pytest.raises(AlignError) as caught:
        read(tmp_path, content, name, **reading)
    (problem,) = caught.value.problems
    assert problem.where.startswith(name) and problem.fix
    return problem


def refused_here(content: bytes, sheet: str = "") -> Problem:
    """The same without a child, for the checks that come before any reader."""
    with pytest.raises(AlignError) as caught:
        reader.read_sheet(content, "leads.xlsx", sheet, ".")
    (problem,) = caught.value.problems
    assert problem.where.startswith("leads.xlsx") and problem.fix
    return problem


class Part(NamedTuple):
    """One member of a ZIP file as it is written, with what it says of itself: every word may be a lie."""

    name: bytes
    packed: bytes
    size: int
    method: int = 8
    check: int = 0
    mode: int = 0


def archive(*parts: Part) -> bytes:
    """A ZIP file byte by byte, because no library writes a lie."""
    body, directory = b"", b""
    for part in parts:
        is_long = part.size >= 1 << 32
        size, extra = (0xFFFFFFFF, struct.pack("<HHQ", 1, 8, part.size)) if is_long else (part.size, b"")
        head = struct.pack("<HHHHHIII", 45, 0, part.method, 0, 33, part.check, len(part.packed), size)
        names = struct.pack("<HH", len(part.name), len(extra))
        directory += b"PK\1\2" + struct.pack("<H", 0x031E) + head + names
        directory += struct.pack("<HHHII", 0, 0, 0, part.mode << 16, len(body)) + part.name + extra
        body += b"PK\3\4" + head + names + part.name + extra + part.packed
    counts = struct.pack("<HHHHIIH", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + counts


def deflated(content: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(content) + squeeze.flush()


def blanks(megabytes: int) -> bytes:
    """So many megabytes of spaces, packed a thousand to one: one packed megabyte, written again and again."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = squeeze.compress(b" " * (1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return one * megabytes + squeeze.flush()


def plain(name: bytes, content: bytes, **lies: Any) -> Part:
    return Part(name, deflated(content), len(content), check=zlib.crc32(content))._replace(**lies)


def parts_of(content: bytes, **changed: bytes) -> list[Part]:
    """The members of a workbook, those in ``changed`` with other content."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        return [plain(name.encode(), changed.get(name, old.read(name))) for name in old.namelist()]


class Ended(NamedTuple):
    code: str
    megabytes: float
    cpu_seconds: float


CHILD = """
import sys
from alignlib.intake import workbook
status = open("/proc/self/status")
workbook.main()
sys.stdout.flush()
print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""  # what a process used since it began is no longer mixed with what its parent used


def in_child(content: bytes, folder: Path) -> Ended:
    """How the child ends that reads this workbook, and what it took."""
    (folder / "w.xlsx").write_bytes(content)
    call = [sys.executable, "-c", CHILD, "w.xlsx", "", "."]
    with (folder / "w.xlsx").open("rb") as given, (folder / "o").open("wb") as said, (folder / "e").open("wb") as used:
        child = subprocess.Popen(call, stdin=given, stdout=said, stderr=used)
        _, status, spent = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    head = (folder / "o").read_text(encoding="utf-8").partition("\n")[0]
    code = json.loads(head).get("problem", {}).get("code", "read") if head else f"ended {child.returncode}"
    kilobytes = int((folder / "e").read_text()) if child.returncode == 0 else 0
    return Ended(code, kilobytes / 1024, spent.ru_utime + spent.ru_stime)


# --- B70, B71: too large ----------------------------------------------------------------------------------------------


def test_b70_a_cell_in_the_last_corner_is_refused_and_the_process_lives(engage: Make, tmp_path: Path) -> None:
    content = edited(workbook(LEADS), in_sheet(b'r="C3"', b'r="XFD1048576"'))
    problem = refused(tmp_path, content)
    assert problem.code == "E-XLSXSIZE"
    assert "the sheet 'Sheet' reaches to column 16,384 and row 1,048,576" in problem.what
    assert problem.fix == "delete the columns and rows beyond the table, then save"
    assert engage({"l.xlsx": content}, INPUT.replace("FILE", "l.xlsx")).codes() == ["E-XLSXSIZE"]
    if sys.platform == "linux":
        ended = in_child(content, tmp_path)
        assert ended.code == "E-XLSXSIZE" and ended.megabytes < 300 and ended.cpu_seconds < 5


@pytest.mark.parametrize("place", [b"xfd1048576", b"AAAAAAAAAA1", b"B99999999999999999999"])
def test_b70_an_odd_address_of_a_cell_is_no_way_round_the_limit(place: bytes) -> None:
    content = edited(workbook(LEADS), in_sheet(b'r="C3"', b"r='" + place + b"'"))
    assert refused_here(content).code == "E-XLSXSIZE"
    prefixed = edited(workbook(LEADS), in_sheet(b'<c r="C3"', b'<x:c  s="1" r="' + place + b'"'))
    assert refused_here(prefixed).code == "E-XLSXSIZE"


def test_b70_2001_columns_are_refused_and_2000_read(tmp_path: Path) -> None:
    wide: Rows = [[f"c{at}" for at in range(2000)], list(range(2000))]
    assert read(tmp_path, workbook(wide)).rows == [[str(at) for at in range(2000)]]
    problem = refused_here(workbook([[*wide[0], "one more"]]))
    assert (problem.code, problem.allowed) == ("E-XLSXSIZE", "up to 2000 columns and 50,000,000 cells")


@cache
def bombs() -> dict[str, list[Part]]:
    sheet, small = b"xl/worksheets/sheet1.xml", workbook(LEADS)
    others = [part for part in parts_of(small) if part.name != sheet]
    start = zlib.crc32(b" " * 1000)  # what a check of the first thousand bytes alone would find right
    return {
        "1 GB said and true": [*others, Part(sheet, blanks(1024), 1 << 30)],
        "10 GB said and true": [*others, Part(sheet, blanks(10_240), 10 << 30)],
        "1 GB beside the sheet": [*parts_of(small), Part(b"xl/media/image1.png", blanks(1024), 1 << 30)],
        "1 GB that says it is 1 kB": [*others, Part(sheet, blanks(1024), 1000, check=start)],
        "10 GB that says it is 0": [*others, Part(sheet, blanks(10_240), 0)],
        "60 parts of 9 MB": [*parts_of(small), *(Part(b"xl/%d.bin" % i, blanks(9), 9 << 20) for i in range(60))],
    }


@linux_only
@pytest.mark.parametrize("name", list(bombs()))
def test_b71_s16_a_bomb_is_refused_within_300_megabytes_and_5_seconds(name: str, tmp_path: Path) -> None:
    ended = in_child(archive(*bombs()[name]), tmp_path)
    assert ended.code == "E-XLSXSIZE"
    assert 0 < ended.megabytes < 300 and ended.cpu_seconds < 5, ended


def test_b71_a_bomb_names_its_size_and_what_to_do(tmp_path: Path) -> None:
    problem = refused(tmp_path, archive(*bombs()["1 GB said and true"]))
    assert problem.code == "E-XLSXSIZE" and "unpacks to 1,073," in problem.what
    assert problem.fix == "save the one sheet as a new .xlsx or as CSV"


def test_b71_s16_sizes_that_lie_a_little_are_refused_too() -> None:
    small = workbook(LEADS)
    for wrong in (-1, 1):
        parts = [part._replace(size=part.size + wrong) for part in parts_of(small)[:1]] + parts_of(small)[1:]
        assert refused_here(archive(*parts)).code == "E-CORRUPT"


def test_b71_an_ordinary_part_may_be_packed_tightly_when_it_is_small() -> None:
    rows, _ = reader.read_sheet(archive(*parts_of(workbook(LEADS)), Part(b"xl/x.bin", blanks(9), 9 << 20, check=CRC_9)),
                                "leads.xlsx", "", ".")  # fmt: skip
    assert len(rows) == 3


CRC_9 = zlib.crc32(b" " * (9 << 20))


def test_b71_too_many_parts_are_refused() -> None:
    parts = (plain(b"xl/%d.bin" % at, b"") for at in range(5_001))
    assert refused_here(archive(*parts_of(workbook(LEADS)), *parts)).code == "E-XLSXSIZE"


KILLED = {
    "killed": "kill -9 $$",
    "aborted": "kill -ABRT $$",
    "silent": "exit 0",
    "half an answer": """echo '{"rows": 3, "notes": []}'; echo '["id"]'; kill -9 $$""",
    "too slow": "exec sleep 30",
    "no answer of ours": "echo hello",
}


@posix_only
@pytest.mark.parametrize("how", list(KILLED))
def test_b70_b71_a_file_that_ends_its_reader_ends_only_the_reader(
    how: str, tmp_path: Path, engage: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "reader"
    fake.write_text(f"#!/bin/sh\n{KILLED[how]}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    monkeypatch.setattr(reader, "SECONDS", 1.0)
    problem = refused(tmp_path, workbook(LEADS))
    assert (problem.code, problem.what) == (
        "E-XLSXSIZE", "the workbook cannot be read within the limits of memory and time",
    )  # fmt: skip
    files = {"l.xlsx": workbook(LEADS), "l.csv": "id,created,source\n1,2024-01-01,a\n"}
    engagement = engage(files, INPUT.replace("FILE", "l.xlsx") + INPUT.replace("FILE", "l.csv"))
    assert engagement.codes() == ["E-XLSXSIZE"]  # and the other file is checked as ever


def shared(n: int, text: bytes, cells: bytes) -> bytes:
    """A workbook with so many shared texts."""
    parts = parts_of(workbook(LEADS), **{"xl/worksheets/sheet1.xml": SHEET % cells})
    strings = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + text * n + b"</sst>"
    return archive(*(p for p in parts if p.name != b"xl/sharedStrings.xml"), plain(b"xl/sharedStrings.xml", strings))


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


@linux_only
def test_s17_a_million_shared_texts_and_styles_are_read_or_refused_and_nobody_dies(tmp_path: Path) -> None:
    texts = b"".join(b"<si><t>%d</t></si>" % at for at in range(1_000_000))
    cell = b'<row r="1"><c r="A1" t="s"><v>999999</v></c></row>'
    assert in_child(shared(1, texts, cell), tmp_path).code == "read"
    styles = b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs>'
    styles += b"".join(b'<xf numFmtId="%d"/>' % (at % 50) for at in range(1_000_000)) + b"</cellXfs></styleSheet>"
    parts = parts_of(workbook(LEADS), **{"xl/styles.xml": styles})
    assert in_child(archive(*parts), tmp_path).code in ("read", "E-XLSXSIZE")


@linux_only
def test_s17_one_long_text_that_many_cells_show_is_refused(tmp_path: Path) -> None:
    text = b"<si><t>" + os.urandom(500_000).hex().encode() + b"</t></si>"
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (at, at) for at in range(1, 301))
    assert in_child(shared(1, text, cells), tmp_path).code == "E-XLSXSIZE"


def test_s17_a_row_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_ROW", 3_000_000)
    cells = os.urandom(2_000_000).hex().encode()
    problem = refused_here(shared(1, b"", b'<row r="1"><c r="A1" t="inlineStr"><is><t>' + cells))
    assert problem.code == "E-XLSXSIZE" and "a row of the sheet 'Sheet' holds more than" in problem.what


# --- B72: entities, passwords, macros, other kinds of workbook --------------------------------------------------------

LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
DECLARED = {
    "doctype": b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    "entity": b'<!ENTITY a "b">',
    "billion laughs": LAUGHS,
    "xxe": b'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "http": b'<!DOCTYPE w SYSTEM "http://127.0.0.1:9/x.dtd">',
}


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("declared", list(DECLARED))
def test_b72_s18_declared_entities_are_refused_before_any_reader(declared: str, part: str) -> None:
    def edit(name: str, content: bytes) -> bytes:
        start = re.search(rb"<(?!\?)", content)
        assert start
        return content[: start.start()] + DECLARED[declared] + content[start.start() :] if name == part else content

    problem = refused_here(edited(workbook(LEADS), edit))
    assert (problem.code, problem.what) == ("E-TYPE", "the workbook's XML declares entities")


def test_b72_an_entity_across_two_blocks_is_seen() -> None:
    for shift in range(-10, 1):
        filler = b"<!--" + b"x" * ((1 << 20) - 7 + shift) + b"-->"
        parts = [*parts_of(workbook(LEADS)), plain(b"xl/late.XML", filler + b"<!DOCTYPE a>")]
        assert refused_here(archive(*parts)).what == "the workbook's XML declares entities"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp037", "utf-7"])
def test_b72_xml_in_another_encoding_hides_nothing(encoding: str) -> None:
    def edit(name: str, content: bytes) -> bytes:
        if name != "xl/workbook.xml":
            return content
        text = LAUGHS.decode() + re.sub(r"<\?.*?\?>", "", content.decode())
        start = f'<?xml version="1.0" encoding="{encoding}"?>'
        ascii_first = encoding in ("cp037", "utf-7")
        return start.encode() + text.encode(encoding) if ascii_first else (start + text).encode(encoding)

    problem = refused_here(edited(workbook(LEADS), edit))
    assert (problem.code, problem.what) == ("E-TYPE", "the workbook's XML is not UTF-8")


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def test_b72_a_password_says_so_in_each_of_its_shapes(tmp_path: Path) -> None:
    problem = refused(tmp_path, OLE + "EncryptedPackage".encode("utf-16-le") + bytes(50))
    assert problem.code == "E-TYPE" and "a workbook with a password" in problem.what
    assert problem.fix == "open it in Excel, remove the password and save it again"
    content = bytearray(workbook(LEADS))
    for at in (found.start() for found in re.finditer(b"PK\1\2", bytes(content))):
        content[at + 8] |= 1
    assert (problem := refused(tmp_path, bytes(content))).what == "the workbook is encrypted"
    assert (problem.code, problem.fix) == ("E-TYPE", "remove its password")


@pytest.mark.parametrize(
    ("name", "content", "what", "fix"),
    [
        ("l.xls", OLE, "files ending in .xls are not read", "save it as .xlsx"),
        ("l.xlsx", OLE, "an old .xls workbook", "save it as .xlsx without a password"),
        ("l.xlsb", b"PK\3\4", "files ending in .xlsb are not read", "save it as .xlsx"),
        ("l.ods", b"PK\3\4", "files ending in .ods are not read", "save it as .xlsx"),
    ],
)
def test_b72_an_old_or_other_workbook_is_refused_with_its_own_advice(
    name: str, content: bytes, what: str, fix: str, tmp_path: Path
) -> None:
    problem = refused(tmp_path, content, name)
    assert problem.code == "E-TYPE" and what in problem.what and problem.fix.startswith(fix)


def test_b72_a_binary_workbook_under_another_name_is_known() -> None:
    problem = refused_here(edited(workbook(LEADS), lambda _, part: part, {"xl/workbook.bin": b"x"}))
    assert (problem.code, problem.what) == ("E-TYPE", "this is a binary workbook (.xlsb)")
    assert problem.fix == "open it in Excel and save it as .xlsx"


def test_b72_a_workbook_with_macros_is_read_and_none_is_run(tmp_path: Path) -> None:
    macros = b'Sub Auto_Open()\nShell "touch ran"\nEnd Sub'
    kind = (b"openxmlformats-officedocument.spreadsheetml.sheet.main", b"ms-excel.sheet.macroEnabled.main")
    extra = {"xl/vbaProject.bin": macros, "xl/macrosheets/sheet9.xml": b"<x/>"}
    content = edited(workbook(LEADS), lambda name, part: part.replace(*kind) if "Types" in name else part, extra)
    raw = read(tmp_path, content, "leads.xlsm")
    assert raw.rows == read(tmp_path, workbook(LEADS)).rows and raw.read == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leads.xlsm", "leads.xlsx"]


def test_b72_strict_ooxml_and_another_prefix_are_read_as_the_same_table(tmp_path: Path) -> None:
    names = {b"http://schemas.openxmlformats.org/spreadsheetml/2006/main": b"http://purl.oclc.org/ooxml/spreadsheetml/main",
             b"http://schemas.openxmlformats.org/officeDocument/2006/relationships":
             b"http://purl.oclc.org/ooxml/officeDocument/relationships"}  # fmt: skip

    def strict(_: str, part: bytes) -> bytes:
        for transitional, name in names.items():
            part = part.replace(transitional, name)
        return part

    def prefixed(name: str, part: bytes) -> bytes:
        part = re.sub(rb"<(/?)(?=\w)", rb"<\1x:", part).replace(b" xmlns=", b" xmlns:x=")
        return part if name == "xl/worksheets/sheet1.xml" else b""

    ordinary = read(tmp_path, workbook(LEADS)).rows
    assert read(tmp_path, edited(workbook(LEADS), strict)).rows == ordinary
    swapped = edited(workbook(LEADS), lambda name, part: prefixed(name, part) or part)
    assert read(tmp_path, swapped).rows == ordinary


# --- B73, B74: formulas and errors ------------------------------------------------------------------------------------


def test_b73_formulas_without_stored_values_are_refused_with_their_cells(engage: Make, tmp_path: Path) -> None:
    content = workbook([["id", "created", "source"], ["1", "2024-01-01", "=1+1"], ["2", "2024-01-02", "=2+2"]])
    problem = refused(tmp_path, content)
    assert (problem.code, problem.where) == ("E-FORMULA", "leads.xlsx, sheet Sheet")
    assert problem.what == "2 cells hold a formula without a stored value, the first C2, C3"
    assert problem.fix == "open it in Excel and save it"
    assert engage({"l.xlsx": content}, INPUT.replace("FILE", "l.xlsx")).codes() == ["E-FORMULA"]


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="C3"><f>1+1</f></c>',
        b'<c r="C3"><f>1+1</f><v></v></c>',
        b'<c r="C3" s="1"><f t="shared" si="0"/><v/></c>',
        b"<x:c r='C3'>\n <x:f>1+1</x:f>\n <x:v />\n</x:c>",
    ],
)
def test_b73_however_a_formula_without_value_is_written_it_is_found(cell: bytes) -> None:
    assert "the first C3" in refused_here(edited(workbook(LEADS), with_cell(cell))).what


def with_cell(cell: bytes) -> Callable[[str, bytes], bytes]:
    """The last cell of the table replaced."""
    return lambda name, part: re.sub(rb'<c r="C3".*?</c>', cell, part) if "sheet1" in name else part


def test_b73_formulas_with_stored_values_are_read_as_their_values(tmp_path: Path) -> None:
    stored = [(b'<c r="C3" t="str"><f>A1</f><v>fair</v></c>', "fair"), (b'<c r="C3" t="str"><f>A1</f><v></v></c>', ""),
              (b'<c r="C3"><f t="shared" si="0"/><v>4.50</v></c>', "4.5")]  # fmt: skip
    for cell, value in stored:
        assert read(tmp_path, edited(workbook(LEADS), with_cell(cell))).rows[1][2] == value


@pytest.mark.parametrize("error", [b"#N/A", b"#REF!", b"#DIV/0!", b"#VALUE!", b"#NAME?", b"#NULL!", b"#NUM!"])
def test_b74_error_values_are_rejected_with_their_place_and_the_rest_used(error: bytes, engage: Make) -> None:
    cell = b'<c r="C3" t="e"><v>' + error + b"</v></c>"
    engagement = engage({"l.xlsx": edited(workbook(LEADS), with_cell(cell))}, INPUT.replace("FILE", "l.xlsx"))
    tables = engagement.open()
    (counts,) = tables.row_counts
    assert (counts.read, counts.used, counts.rejected, counts.excluded, counts.reasons) == (2, 1, 1, 0, {"E-XLERR": 1})
    assert tables.query("select source from leads order by record")["source"].tolist() == ["web"]
    from alignlib.intake.snapshot import check

    (told,) = check(engagement.folder)[3]
    assert told.startswith(f"l.xlsx, record 2, column 'source': {error.decode()!r}") and "E-XLERR" in told


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="C3" t="e"><f t="shared" si="0"/><v>#N/A</v></c>',
        b'<c t="e" s="1" r="C3"><f>VLOOKUP(1,A1:B2,2)</f><v>#N/A</v></c>',
        b"<x:c r='C3' t='e'>\n<x:v>#N/A</x:v>\n</x:c>",
    ],
)
def test_b74_however_an_error_is_written_it_is_no_blank(cell: bytes) -> None:
    table = edited(workbook(LEADS), with_cell(cell))
    _, errors = reader._check_sheet(
        [zipfile.ZipFile(io.BytesIO(table)).read("xl/worksheets/sheet1.xml")], "S", "l.xlsx"
    )
    assert errors == [(3, 3, "#N/A")]


def test_b74_an_error_of_another_program_is_told_and_the_file_is_not_called_damaged() -> None:
    problem = refused_here(edited(workbook(LEADS), with_cell(b'<c r="C3" t="e"><v>#SPILL!</v></c>')))
    assert (problem.code, problem.where) == ("E-XLERR", "leads.xlsx, sheet Sheet")
    assert problem.what == "1 cell with an error that cannot be read, the first #SPILL!"


def test_b74_an_error_that_does_not_say_where_it_stands_is_refused() -> None:
    problem = refused_here(edited(workbook(LEADS), with_cell(b'<c t="e"><v>#N/A</v></c>')))
    assert problem.code == "E-CORRUPT" and "do not say where they stand" in problem.what


def test_b74_an_error_in_the_only_cell_of_the_last_row_is_kept(tmp_path: Path) -> None:
    lone = edited(
        workbook(LEADS), in_sheet(b"</sheetData>", b'<row r="9"><c r="E9" t="e"><v>#N/A</v></c></row></sheetData>')
    )
    raw = read(tmp_path, edited(lone, in_sheet(b'<row r="1">', b'<row r="1"><c r="E1"><v>5</v></c>')))
    assert (raw.read, raw.rows[-1], raw.blank) == (8, ["", "", "", "", "#N/A"], [3, 4, 5, 6, 7])


# --- B75, B76: layout and types ---------------------------------------------------------------------------------------


def test_b75_hidden_rows_and_filters_are_read_and_counted(engage: Make) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(LEADS)))
    sheet = book.worksheets[0]
    sheet.row_dimensions[2].hidden = sheet.row_dimensions[3].hidden = True
    sheet.auto_filter.ref = "A1:C3"
    tables = engage({"l.xlsx": saved(book)}, INPUT.replace("FILE", "l.xlsx")).open()
    (counts,) = tables.row_counts
    assert (counts.read, counts.used, counts.rejected, counts.excluded) == (2, 2, 0, 0)
    assert "2 hidden rows of l.xlsx, sheet Sheet read like the others." in tables.notes["files"]


def test_b75_merged_cells_are_noted_and_no_row_is_lost(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook([*LEADS, ["3", None, "web"]])))
    book.worksheets[0].merge_cells("B3:B4")
    raw = read(tmp_path, saved(book))
    assert raw.notes == ["1 merged range of leads.xlsx, sheet Sheet: what is merged stands in the first cell alone."]
    assert (raw.read, [row[1] for row in raw.rows]) == (3, ["2024-03-15", "2024-03-16", ""])


def test_b75_several_sheets_must_be_named_hidden_ones_too(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(LEADS)))
    book.create_sheet("Lookup").sheet_state = "veryHidden"
    problem = refused(tmp_path, saved(book))
    assert (problem.code, problem.allowed) == ("E-SHEET", "Sheet, Lookup")
    assert problem.what == "the workbook has 2 sheets, 1 of them hidden"
    assert problem.fix == "name one: sheet: ... at this input"
    assert len(read(tmp_path, saved(book), sheet="Sheet").rows) == 2
    problem = refused(tmp_path, saved(book), sheet="sheet")
    assert (problem.code, problem.what) == ("E-SHEET", "there is no sheet 'sheet'")


def test_b76_dates_and_numbers_as_text_are_read_like_those_of_a_csv(engage: Make) -> None:
    rows = [["id", "created", "amount", "how"], ["007", "15.03.2024", "1.200,50", "open"],
            ["12E5", "16.03.2024", "3,5", "open"]]  # fmt: skip
    mapping = "{file: FILE, table: opportunities, decimal: ',', date_order: dmy, "
    mapping += "columns: {opportunity_id: id, opened_at: created, amount: amount, outcome: how}}"
    csv = "\n".join(";".join(row) for row in rows)
    sql = "select * exclude (file) from opportunities order by record"
    ours, theirs = (
        engage({name: content}, f"  - {mapping.replace('FILE', name)}\n").open().connection.execute(sql).fetchall()
        for name, content in {"d.csv": csv, "d.xlsx": workbook(rows)}.items()
    )
    assert ours == theirs and ours[0][0] == "007" and ours[1][0] == "12E5"


@pytest.mark.parametrize("epoch", [None, openpyxl.utils.datetime.CALENDAR_MAC_1904])
def test_b76_true_dates_are_read_in_both_date_systems(epoch: Any, tmp_path: Path) -> None:
    rows: Rows = [["on", "at"], [dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 23, 59, 59)]]
    assert read(tmp_path, workbook(rows, epoch)).rows == [["2024-02-29", "2024-02-29 23:59:59"]]


# --- B77 to B79: not what it says -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "what", "fix"),
    [
        ("l.csv", workbook(LEADS), "a ZIP archive or an Excel workbook", "give it its real ending (.xlsx)"),
        ("l.csv", b"<!DOCTYPE html><html><form>Log in</form>", "a web page or XML", "log in and export again"),
        ("l.xlsx", b"<html><table><tr><td>id</td></tr></table>", "a web page or XML", "log in and export again"),
        ("l.csv", b'[{"id": 1}]', "JSON", "export it as CSV"),
        ("l.csv", b"%PDF-1.7", "a PDF document", "export the table itself as CSV or XLSX"),
        ("l.xlsx", b"id,created\n1,2024-01-01\n", "not a readable .xlsx file", "export it again"),
        ("l.csv", b"\x1f\x8b\x08" + bytes(20), "a gzip archive", "unpack it"),
        ("l.csv", OLE, "an old .xls workbook", "save it as .xlsx"),
    ],
)
def test_b77_a_file_that_is_not_what_its_name_says_is_refused(
    name: str, content: bytes, what: str, fix: str, tmp_path: Path
) -> None:
    problem = refused(tmp_path, content, name)
    assert problem.code == "E-TYPE" and what in problem.what and fix in problem.fix


def test_b78_a_workbook_cut_anywhere_is_refused() -> None:
    content = workbook(LEADS)
    for length in range(4, len(content), len(content) // 40):
        assert refused_here(content[:length]).code == "E-CORRUPT"


def test_b78_a_flipped_bit_is_refused_or_changes_nothing() -> None:
    content = workbook(LEADS)
    table = reader.read_sheet(content, "leads.xlsx", "", ".")[0]
    for at in range(30, len(content) - 22, 97):
        damaged = content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]
        try:
            assert reader.read_sheet(damaged, "leads.xlsx", "", ".")[0] == table
        except AlignError as error:
            assert {problem.code for problem in error.problems} <= {"E-CORRUPT", "E-TYPE", "E-XLSXSIZE"}


def test_b78_a_part_that_is_missing_is_refused(tmp_path: Path) -> None:
    for missing in (b"xl/workbook.xml", b"xl/worksheets/sheet1.xml", b"xl/_rels/workbook.xml.rels"):
        parts = [part for part in parts_of(workbook(LEADS)) if part.name != missing]
        problem = refused_here(archive(*parts))
        assert (problem.code, problem.fix) == ("E-CORRUPT", "open it in Excel, remove the password and save it again")


@pytest.mark.parametrize("name", ["l.zip", "l.csv.gz", "l.tar", "l.7z", "l.csv.zst"])
def test_b79_an_archive_of_tables_is_refused_and_never_unpacked(name: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("leads.csv", "id\n1\n")
    problem = refused(tmp_path, buffer.getvalue(), name)
    assert (problem.code, problem.fix) == ("E-TYPE", "unpack it, and name the file that was in it")
    assert [path.name for path in tmp_path.iterdir()] == [name]


# --- S18, S19: what points elsewhere ----------------------------------------------------------------------------------

OUTSIDE = b"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" TargetMode="External" Target="%s"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s"/></Relationships>"""


def pointing_outside(target: bytes) -> bytes:
    """A workbook with links, images and another workbook behind this address."""
    extra = {
        "xl/externalLinks/externalLink1.xml": b'<externalLink><externalBook r:id="rId1"/></externalLink>',
        "xl/externalLinks/_rels/externalLink1.xml.rels": OUTSIDE % (target, b"externalLinkPath"),
        "xl/worksheets/_rels/sheet1.xml.rels": OUTSIDE % (target, b"hyperlink"),
        "xl/drawings/drawing1.xml": b"<wsDr/>",
        "xl/drawings/_rels/drawing1.xml.rels": OUTSIDE % (target, b"image"),
    }
    return edited(workbook(LEADS), lambda _, part: part, extra)


def test_s18_nothing_outside_is_opened_whatever_a_workbook_points_to(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xlsx"
    secret.write_bytes(workbook([["canary"]]))
    code = (
        "import codecs, sys, python_calamine\n"
        "codecs.lookup('cp437')\n"
        "from alignlib.intake import workbook\n"
        "seen = []\n"
        "sys.addaudithook(lambda name, given: seen.append(name) if name in "
        "('open', 'socket.connect', 'socket.getaddrinfo', 'subprocess.Popen', 'urllib.Request') else None)\n"
        "rows, notes = workbook.read_sheet(sys.stdin.buffer.read(), 'l.xlsx', '', '.')\n"
        "print(len(rows), seen)"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        for target in (f"file://{secret}", f"http://127.0.0.1:{port}/x", r"\\127.0.0.1\share\x"):
            done = subprocess.run([sys.executable, "-c", code], input=pointing_outside(target.encode()), check=True,
                                  capture_output=True, timeout=60)  # fmt: skip
            assert done.stdout.split() == [b"3", b"[]"]
        with pytest.raises(BlockingIOError):
            server.accept()


@posix_only
def test_s18_the_child_can_open_no_file_and_no_connection_at_all(tmp_path: Path) -> None:
    path = tmp_path / "l.xlsx"
    path.write_bytes(workbook(LEADS))
    code = (
        "import socket, sys, python_calamine\n"
        "from alignlib.intake import workbook\n"
        "ways = [open, lambda _: socket.socket(), python_calamine.CalamineWorkbook.from_path]\n"
        "def tried(way):\n"
        "    try:\n"
        "        return 'opened' if way(sys.argv[1]) else ''\n"
        "    except (OSError, python_calamine.CalamineError) as error:\n"
        "        return str(getattr(error, 'errno', '') or 'refused')\n"
        "print([tried(way) for way in ways])\n"
        "workbook._give_up_rights()\n"
        "print([tried(way) for way in ways])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, timeout=60, text=True)
    assert done.stdout.splitlines() == ["['opened', 'opened', 'opened']", "['24', '24', 'refused']"]  # 24: EMFILE


@posix_only
def test_s16_where_memory_is_bound_already_a_workbook_is_read_within_that() -> None:
    code = (
        "import codecs, os, resource\n"
        "import python_calamine\n"
        "from alignlib.intake import workbook\n"
        "codecs.lookup('cp437')\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3,) * 2)\n"
        "os.getuid() or os.setuid(65534)  # only root may raise a limit\n"
        "workbook._give_up_rights()\n"
        "print(resource.getrlimit(resource.RLIMIT_AS) == (2 * 1024**3,) * 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60, text=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    "name",
    [b"../../x", b"xl/../../../x", b"/etc/x", b"..\\..\\x", b"xl\\..\\..\\x", b"\\\\host\\x", b"C:/x", b"c:\\x", b"..",
     b"xl/x\0.png", b"XL/Workbook.xml", b"xl/workbook.xml"],
)  # fmt: skip
def test_s19_members_that_lead_out_or_stand_twice_are_refused(name: bytes) -> None:
    problem = refused_here(archive(*parts_of(workbook(LEADS)), plain(name, b"x")))
    assert (problem.code, problem.what) == (
        "E-CORRUPT", "the workbook's archive has doubled names or paths that lead out",
    )  # fmt: skip


def test_s19_links_and_strange_packing_are_refused() -> None:
    for odd in (plain(b"xl/link", b"/etc/passwd", mode=0o120777), Part(b"xl/x", b"", 0, method=14),
                Part(b"xl/x", b"", 0, method=12)):  # fmt: skip
        problem = refused_here(archive(*parts_of(workbook(LEADS)), odd))
        assert problem.code == "E-CORRUPT" and "holds links, or is packed as Excel never does" in problem.what


def test_s19_names_with_two_dots_that_lead_nowhere_are_fine() -> None:
    content = archive(*parts_of(workbook(LEADS)), plain(b"xl/media/a..b.png", b"x"), plain(b"xl/..x", b"x"))
    assert len(reader.read_sheet(content, "leads.xlsx", "", ".")[0]) == 3
