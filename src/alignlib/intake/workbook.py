"""One sheet of an Excel workbook as text, read in a process of its own: a hostile file may end it, not us."""

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from alignlib.engagement import Reading
from alignlib.errors import AlignError, Problem

MAX_INFLATED = 512 * 1024 * 1024
MAX_RATIO = 400
MAX_MEMBERS = 5_000
MAX_COLUMNS = 2_000
MAX_CELLS = 50_000_000
MAX_MEMORY = 3 * 1024**3
SECONDS = 120
_CHUNK = 1 << 20
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,4})(\d{1,8})[\"']")
_BARE_FORMULA = re.compile(
    rb'<c\s(?![^>]*\bt="str")[^>]*?\br="([A-Z]+\d+)"[^>]*>\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_ERROR_CELL = re.compile(
    rb'<c\s(?=[^>]*\bt="e")[^>]*?\br="([A-Z]+)(\d+)"[^>]*>(?:\s*<f[^>]*>[^<]*</f>)?\s*<v>(#[^<]*)</v>'
)
_HIDDEN_ROW = re.compile(rb"<row\s[^>]*\bhidden=\"(?:1|true)\"")
_RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read_workbook(content: bytes, reading: Reading) -> tuple[list[list[str]], list[str]]:
    """Which rows of text does the one sheet (or the named one) hold, and what is to be noted?

    Numbers are written shortest, with the declared decimal sign; dates as 2024-03-15 or 2024-03-15 09:30:00.
    The work is done by a child with bounded memory and time. Raises AlignError: E-SHEET, E-FORMULA, E-CORRUPT, E-TYPE,
    E-XLSXSIZE (also when the child dies or takes too long).
    """
    call = [sys.executable, "-m", "alignlib.intake.workbook", reading.sheet or "", reading.file]
    try:
        done = subprocess.run(call, input=content, capture_output=True, timeout=SECONDS, check=False)
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        what = "the workbook cannot be read within the limits of memory and time"
        fix = "delete empty columns and rows beyond the table, or save the sheet as CSV"
        raise AlignError(Problem("E-XLSXSIZE", what, where=reading.file, fix=fix)) from error
    if "problem" in answer:
        raise AlignError(Problem(**answer["problem"]))
    mark = reading.decimal or "."
    rows = [[_text(cell, mark) for cell in row] for row in answer["rows"]]
    return rows[reading.skip_rows :], answer["notes"]


def _text(cell: Any, mark: str) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e17:
        return str(int(cell))
    if isinstance(cell, float):
        return repr(cell).replace(".", mark)
    return str(cell)


def main() -> None:
    """What does the workbook on standard input hold? The child of ``read_workbook``; answers in JSON."""
    _limit_memory()
    sheet, name = sys.argv[1], sys.argv[2]
    try:
        rows, notes = read_sheet(sys.stdin.buffer.read(), sheet, name)
        answer: dict[str, Any] = {"rows": rows, "notes": notes}
    except AlignError as error:
        first = error.problems[0]
        answer = {"problem": {"code": first.code, "what": first.what, "where": first.where,
                              "allowed": first.allowed, "fix": first.fix}}  # fmt: skip
    json.dump(answer, sys.stdout, allow_nan=False)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit; the checks of sizes still stand
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read_sheet(content: bytes, sheet: str, name: str) -> tuple[list[list[Any]], list[str]]:
    """Which cells does the sheet hold, once the archive has passed its checks? Runs in the child."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_archive(archive, name)
            members = _sheets(archive, name)
            chosen = _choose(sheet, list(members), name)
            notes, errors = _check_sheet(archive, members[chosen], chosen, name)
        table = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(chosen)
        rows = [[_plain(cell) for cell in row] for row in table.to_python(skip_empty_area=False)]
        for row, column, value in errors:  # calamine reads them as blank
            rows[row - 1][column - 1] = value
    except (
        zipfile.BadZipFile,
        CalamineError,
        ElementTree.ParseError,
        KeyError,
        IndexError,
        EOFError,
        OSError,
    ) as error:
        what = "the workbook is damaged or has a password"
        fix = "open it in Excel, remove the password and save it again"
        raise AlignError(Problem("E-CORRUPT", what, where=name, fix=fix)) from error
    return rows, notes


def _plain(cell: Any) -> Any:
    if isinstance(cell, str | bool):
        return cell
    if isinstance(cell, int | float):
        return float(cell)
    return cell.isoformat(" ") if hasattr(cell, "hour") and hasattr(cell, "year") else str(cell)


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
    inflated = 0
    for info in infos:
        if info.filename.endswith((".xml", ".rels")):
            with archive.open(info) as member:
                inflated += _check_markup(member, inflated, name)


def _check_markup(member: Any, before: int, name: str) -> int:
    size, tail = 0, b""
    while chunk := member.read(_CHUNK):
        if not size and chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _refuse("E-TYPE", "the workbook's XML is not UTF-8", name)
        if b"<!DOCTYPE" in (joined := tail + chunk) or b"<!ENTITY" in joined:
            raise _refuse("E-TYPE", "the workbook's XML declares entities", name)
        size, tail = size + len(chunk), chunk[-16:]
        if before + size > MAX_INFLATED:
            raise _refuse("E-XLSXSIZE", f"the workbook unpacks to more than {MAX_INFLATED:,} bytes", name)
    return size


def _refuse(code: str, what: str, name: str, fix: str = "save the one sheet as a new .xlsx or as CSV") -> AlignError:
    return AlignError(Problem(code, what, where=name, fix=fix))


def _sheets(archive: zipfile.ZipFile, name: str) -> dict[str, str]:
    """Which sheets does the workbook have, and in which part is each? Charts are no sheets."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {link.get("Id"): link.get("Target", "") for link in links if link.get("Type", "").endswith("/worksheet")}
    sheets = {}
    for node in book.iter():
        key = next((value for at, value in node.attrib.items() if at == _RELATIONS or at.endswith("}id")), None)
        if node.tag.endswith("}sheet") and key in targets:
            target = targets[key]
            sheets[node.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    if not sheets:
        raise _refuse("E-CORRUPT", "the workbook has no sheet", name)
    return sheets


def _choose(sheet: str, known: list[str], name: str) -> str:
    if sheet in known:
        return sheet
    if not sheet and len(known) == 1:
        return known[0]
    what = f"there is no sheet {sheet!r}" if sheet else f"the workbook has {len(known)} sheets"
    problem = Problem("E-SHEET", what, where=name, allowed=", ".join(known), fix="name one: sheet: ... at this input")
    raise AlignError(problem)


def _check_sheet(
    archive: zipfile.ZipFile, member: str, sheet: str, name: str
) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Can the table be read, and are all formulas stored with their values? Gives a note and (row, column, error)."""
    widest = lowest = hidden = 0
    bare: list[str] = []
    errors: list[tuple[int, int, str]] = []
    seen_columns: dict[bytes, int] = {}
    tail = b""
    with archive.open(member) as part:
        while chunk := part.read(_CHUNK):
            text = tail + chunk
            cut = text.rfind(b"</c>") + 4 if b"</c>" in text else 0
            whole, tail = (text[:cut], text[cut:]) if cut else (b"", text)
            for letters, row in _CELL.findall(whole):
                if letters not in seen_columns:
                    seen_columns[letters] = _column_number(letters)
                    widest = max(widest, seen_columns[letters])
                lowest = max(lowest, int(row))
            hidden += len(_HIDDEN_ROW.findall(whole))
            bare += [cell.decode() for cell in _BARE_FORMULA.findall(whole)]
            errors += [(int(r), _column_number(c), v.decode()) for c, r, v in _ERROR_CELL.findall(whole)]
    for letters, row in _CELL.findall(tail):
        widest, lowest = max(widest, _column_number(letters)), max(lowest, int(row))
    if widest > MAX_COLUMNS or widest * lowest > MAX_CELLS:
        what = f"the sheet {sheet!r} reaches to column {widest:,} and row {lowest:,}"
        fix = "delete the columns and rows beyond the table, then save"
        raise AlignError(Problem("E-XLSXSIZE", what, where=name, allowed=f"up to {MAX_COLUMNS} columns", fix=fix))
    if bare:
        what = f"{len(bare)} cells hold a formula without a stored value, the first {', '.join(bare[:5])}"
        raise AlignError(Problem("E-FORMULA", what, where=f"{name}, sheet {sheet}", fix="open it in Excel and save it"))
    rows = f"{hidden} hidden {'row' if hidden == 1 else 'rows'} of {name}, sheet {sheet}"
    return ([f"{rows} read like the others."] if hidden else []), errors


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


if __name__ == "__main__":
    main()
