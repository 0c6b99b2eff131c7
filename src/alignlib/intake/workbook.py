"""One sheet of an Excel workbook as text, read in a process of its own: a hostile file may end it, not us."""

import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from functools import reduce
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from alignlib.engagement import Reading
from alignlib.errors import AlignError, Problem
from alignlib.words import count

MAX_INFLATED, MAX_RATIO, MAX_MEMBERS = 512 * 1024**2, 400, 5_000
MAX_COLUMNS, MAX_CELLS = 2_000, 50_000_000
MAX_MEMORY, SECONDS = 3 * 1024**3, 120
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,4})(\d{1,8})[\"']")
_BARE_FORMULA = re.compile(
    rb'<c\s(?![^>]*\bt="str")[^>]*?\br="([A-Z]+\d+)"[^>]*>\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_ERROR_CELL = re.compile(
    rb'<c\s(?=[^>]*\bt="e")[^>]*?\br="([A-Z]+)(\d+)"[^>]*>(?:\s*<f[^>]*>[^<]*</f>)?\s*<v>(#[^<]*)</v>'
)
OWN_SHEETS = ("Answers", "Work list")  # of the workbooks that the kit itself writes, which have more sheets
_HIDDEN_ROW = re.compile(rb"<row\s[^>]*\bhidden=\"(?:1|true)\"")


def read_workbook(content: bytes, reading: Reading) -> tuple[list[list[str]], list[str]]:
    """Which rows of text does the one sheet (or the named one) hold, and what is to be noted?

    Numbers are written shortest, with the declared decimal sign; dates as 2024-03-15 or 2024-03-15 09:30:00.
    The work is done by a child with bounded memory and time. Raises AlignError: E-SHEET, E-FORMULA, E-CORRUPT, E-TYPE,
    E-XLSXSIZE (also when the child dies or takes too long).
    """
    given = [reading.file, reading.sheet or "", reading.decimal or "."]
    call = [sys.executable, "-m", "alignlib.intake.workbook", *given]
    try:
        done = subprocess.run(call, input=content, capture_output=True, timeout=SECONDS, check=False)
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        what = "the workbook cannot be read within the limits of memory and time"
        fix = "delete empty columns and rows beyond the table, or save the sheet as CSV"
        raise _refuse("E-XLSXSIZE", what, reading.file, fix) from error
    if "problem" in answer:
        raise AlignError(Problem(**answer["problem"]))
    return answer["rows"][reading.skip_rows :], answer["notes"]


def main() -> None:
    """What does the workbook on standard input hold? The child of ``read_workbook``; answers in JSON."""
    try:
        import resource
    except ImportError:  # Windows has no such limit; the checks of sizes still stand
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        rows, notes = read_sheet(sys.stdin.buffer.read(), *sys.argv[1:])
        answer: dict[str, Any] = {"rows": rows, "notes": notes}
    except AlignError as error:
        answer = {"problem": vars(error.problems[0])}
    json.dump(answer, sys.stdout)


def read_sheet(content: bytes, name: str, sheet: str, mark: str) -> tuple[list[list[str]], list[str]]:
    """Which cells does the sheet hold, once the archive has passed its checks? Runs in the child."""
    from python_calamine import CalamineError, CalamineWorkbook

    damage = (zipfile.BadZipFile, zlib.error, CalamineError, ElementTree.ParseError, LookupError, EOFError, OSError)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_archive(archive, name)
            chosen, part = _choose(archive, sheet, name)
            notes, errors = _check_sheet(archive.read(part), chosen, name)
        table = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(chosen)
        rows = [[_text(cell, mark) for cell in row] for row in table.to_python(skip_empty_area=False)]
        for row, column, value in errors:  # calamine reads them as blank
            rows[row - 1][column - 1] = value
    except damage as error:
        what = "the workbook is damaged or has a password"
        raise _refuse("E-CORRUPT", what, name, "open it in Excel, remove the password and save it again") from error
    return rows, notes


def _text(cell: Any, mark: str) -> str:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        number = float(cell)
        return str(int(number)) if number.is_integer() and abs(number) < 1e17 else repr(number).replace(".", mark)
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _check_archive(archive: zipfile.ZipFile, name: str) -> None:
    """Refuses what is not an ordinary workbook: too large, packed too tightly, odd paths, doubled names, DOCTYPE."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    declared = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos) or 1
    if any(info.flag_bits & 1 for info in infos):
        raise _refuse("E-TYPE", "the workbook is encrypted", name, "remove its password")
    if len(names) > MAX_MEMBERS or declared > MAX_INFLATED or (declared > 1e8 and declared / packed > MAX_RATIO):
        raise _refuse("E-XLSXSIZE", f"the workbook unpacks to {declared:,} bytes in {len(names)} parts", name)
    if len(set(names)) < len(names) or any(".." in PurePosixPath(n).parts or n.startswith("/") for n in names):
        raise _refuse("E-CORRUPT", "the workbook's archive has doubled names or paths that lead out", name)
    if "xl/workbook.bin" in names:
        raise _refuse("E-TYPE", "this is a binary workbook (.xlsb)", name, "save it as .xlsx")
    for info in infos:
        if info.filename.endswith((".xml", ".rels")):
            markup = archive.read(info)  # never more than it declares: zipfile stops there, and its check sum fails
            if markup.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise _refuse("E-TYPE", "the workbook's XML is not UTF-8", name)
            if b"<!DOCTYPE" in markup or b"<!ENTITY" in markup:
                raise _refuse("E-TYPE", "the workbook's XML declares entities", name)


def _refuse(
    code: str, what: str, name: str, fix: str = "save the one sheet as a new .xlsx or as CSV", allowed: str = ""
) -> AlignError:
    return AlignError(Problem(code, what, where=name, allowed=allowed, fix=fix))


def _choose(archive: zipfile.ZipFile, sheet: str, name: str) -> tuple[str, str]:
    """Which sheet is meant, and in which part of the archive is it? Charts are no sheets."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {link.get("Id"): link.get("Target", "") for link in links if link.get("Type", "").endswith("/worksheet")}
    known: dict[str, str] = {}
    for node in book.iter():
        key = next((value for at, value in node.attrib.items() if at.endswith("}id")), None)
        if node.tag.endswith("}sheet") and key in targets:
            known[node.get("name", "")] = str(PurePosixPath("/xl", targets[key])).lstrip("/")
    if not known:
        raise _refuse("E-CORRUPT", "the workbook has no sheet", name)
    chosen = sheet or next((name for name in known if len(known) == 1 or name in OWN_SHEETS), "")
    if chosen in known:
        return chosen, known[chosen]
    what = f"there is no sheet {sheet!r}" if sheet else f"the workbook has {len(known)} sheets"
    raise _refuse("E-SHEET", what, name, "name one: sheet: ... at this input", ", ".join(known))


def _check_sheet(markup: bytes, sheet: str, name: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Can the table be read, and are all formulas stored with their values? Gives a note and (row, column, error)."""
    columns, lowest = {b"A"}, 0
    for cell in _CELL.finditer(markup):
        columns.add(cell[1])
        lowest = max(lowest, int(cell[2]))
    widest = max(map(_column_number, columns))
    if widest > MAX_COLUMNS or widest * lowest > MAX_CELLS:
        what = f"the sheet {sheet!r} reaches to column {widest:,} and row {lowest:,}"
        fix = "delete the columns and rows beyond the table, then save"
        raise _refuse("E-XLSXSIZE", what, name, fix, f"up to {MAX_COLUMNS} columns")
    if bare := [cell.decode() for cell in _BARE_FORMULA.findall(markup)]:
        what = f"{len(bare)} cells hold a formula without a stored value, the first {', '.join(bare[:5])}"
        raise _refuse("E-FORMULA", what, f"{name}, sheet {sheet}", "open it in Excel and save it")
    errors = [(int(row), _column_number(column), value.decode()) for column, row, value in _ERROR_CELL.findall(markup)]
    hidden = len(_HIDDEN_ROW.findall(markup))
    note = f"{count(hidden, 'hidden row')} of {name}, sheet {sheet} read like the others."
    return [note] if hidden else [], errors


def _column_number(letters: bytes) -> int:
    return reduce(lambda number, letter: number * 26 + letter - 64, letters, 0)


if __name__ == "__main__":
    main()
