"""One sheet of an Excel workbook as text, read in a process of its own: a hostile file may end it, not us."""

import codecs
import copy
import io
import json
import re
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import reduce
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from alignlib.errors import AlignError, Problem
from alignlib.intake.trial import bound
from alignlib.words import count

if TYPE_CHECKING:
    from alignlib.engagement import Reading

MAX_INFLATED, MAX_MEMBERS = 512 * 1024**2, 5_000
MAX_RATIO, ANY_RATIO = 200, 10 * 1024**2  # how tightly a part may be packed, unless it is small anyway
MAX_COLUMNS, MAX_CELLS, MAX_ROW, MAX_TEXT = 2_000, 50_000_000, 64 * 1024**2, 256 * 1024**2
MAX_MEMORY, SECONDS = 3 * 1024**3, 120
_BLOCK = 1 << 20
_LEADS_OUT = re.compile(r"(?:.*[/\\])?\.\.(?:[/\\]|$)|[/\\]|\w:|.*\0", re.DOTALL)
_NOT_UTF_8 = re.compile(rb"\xff\xfe|\xfe\xff|[^>]{0,200}\sencoding\s*=\s*[\"'](?!(?i:utf-?8)[\"'])")
# A sheet's elements: some programs write <x:row> for <row>, and ' for ".
_ROW_END = re.compile(rb"</(?:\w+:)?row>")
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Za-z]{1,20})(\d{1,20})[\"']")
_BARE_FORMULA = re.compile(
    rb"<(?:\w+:)?c(?=[\s>])(?![^>]*\st=[\"']str[\"'])([^>]*)>\s*<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_ERROR_CELL = re.compile(rb"<(?:\w+:)?c(\s[^>]*(?<=\s)t=[\"']e[\"'][^>]*)(?<!/)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]+)")
_PLACE = re.compile(rb"\br=[\"']([A-Za-z]{1,20})(\d{1,20})[\"']")
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*\bhidden=[\"'](?:1|true)[\"']")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s")
KNOWN_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA")
OWN_SHEETS = ("Answers", "Work list")  # of the workbooks that the kit itself writes, which have more sheets


def read_workbook(content: bytes, reading: "Reading") -> tuple[list[list[str]], list[str]]:
    """Which rows of text does the one sheet (or the named one) hold, and what is to be noted?

    Numbers are written shortest, with the declared decimal sign; dates as 2024-03-15 or 2024-03-15 09:30:00.
    The work is done by a child with bounded memory and time, which can open nothing. Raises AlignError: E-SHEET,
    E-FORMULA, E-CORRUPT, E-TYPE, E-XLSXSIZE (also when the child dies or takes too long).
    """
    given = [reading.file, reading.sheet or "", reading.decimal or "."]
    call = [sys.executable, "-m", "alignlib.intake.workbook", *given]
    try:
        done = subprocess.run(call, input=content, capture_output=True, timeout=SECONDS, check=False)
        head, *rows = map(json.loads, done.stdout.splitlines())
        is_whole = "problem" in head or head["rows"] == len(rows)
    except (subprocess.TimeoutExpired, ValueError):
        is_whole = False
    if not is_whole:
        what = "the workbook cannot be read within the limits of memory and time"
        fix = "delete empty columns and rows beyond the table, or save the sheet as CSV"
        raise _refuse("E-XLSXSIZE", what, reading.file, fix)
    if "problem" in head:
        raise AlignError(Problem(**head["problem"]))
    return rows[reading.skip_rows :], head["notes"]


def main() -> None:
    """What does the workbook on standard input hold? The child of ``read_workbook``; answers in lines of JSON."""
    _give_up_rights()
    try:
        rows, notes = read_sheet(sys.stdin.buffer.read(), *sys.argv[1:])
        lines: list[Any] = [{"rows": len(rows), "notes": notes}, *rows]
    except AlignError as error:
        lines = [{"problem": vars(error.problems[0])}]
    for line in lines:
        sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _give_up_rights() -> None:
    """Bounds this process's memory, and lets it open no file and no connection from now on."""
    import python_calamine  # noqa: F401  now, while it can still be opened

    codecs.lookup("cp437")  # in which zipfile reads names
    bound(MAX_MEMORY, opens_files=False)


def read_sheet(content: bytes, name: str, sheet: str, mark: str) -> tuple[list[list[str]], list[str]]:
    """Which cells does the sheet hold, once the archive has passed its checks? Runs in the child."""
    from python_calamine import CalamineError, CalamineWorkbook

    damage = (zipfile.BadZipFile, zlib.error, CalamineError, ElementTree.ParseError, LookupError, EOFError, OSError,
              ValueError, NotImplementedError)  # fmt: skip
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_archive(archive, name)
            chosen, part = _choose(archive, sheet, name)
            notes, errors = _check_sheet(_unpacked(archive, archive.getinfo(part)), chosen, name)
        table = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(chosen)
        rows, held = [], 0
        for row in table.to_python(skip_empty_area=False):
            rows.append([_text(cell, mark) for cell in row])
            held += sum(map(len, rows[-1]))
            if held > MAX_TEXT:  # one long text that many cells refer to
                raise _refuse("E-XLSXSIZE", f"the sheet {chosen!r} holds more than {MAX_TEXT:,} letters", name)
        for line, column, value in errors:  # calamine reads them as blank
            rows[line - 1][column - 1] = value
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
    names = [info.orig_filename for info in infos]
    declared = sum(info.file_size for info in infos)
    tight = any(info.file_size > max(ANY_RATIO, MAX_RATIO * info.compress_size) for info in infos)
    if any(info.flag_bits & 1 for info in infos):
        raise _refuse("E-TYPE", "the workbook is encrypted", name, "remove its password")
    if len(names) > MAX_MEMBERS or declared > MAX_INFLATED or tight:
        raise _too_large(declared, len(names), name)
    if len({each.casefold() for each in names}) < len(names) or any(map(_LEADS_OUT.match, names)):
        raise _refuse("E-CORRUPT", "the workbook's archive has doubled names or paths that lead out", name)
    if any(stat.S_ISLNK(i.external_attr >> 16) or i.compress_type not in (0, zipfile.ZIP_DEFLATED) for i in infos):
        raise _refuse("E-CORRUPT", "the workbook's archive holds links, or is packed as Excel never does", name)
    if "xl/workbook.bin" in names:
        raise _refuse("E-TYPE", "this is a binary workbook (.xlsb)", name, "open it in Excel and save it as .xlsx")
    held = 0
    for info in infos:
        held += _check_part(archive, info, held, name)


def _check_part(archive: zipfile.ZipFile, info: zipfile.ZipInfo, held: int, name: str) -> int:
    """How much does this part really unpack to? Stops at the first byte too many, and at the first entity."""
    size, tail = 0, b""
    for block in _unpacked(archive, info):
        size += len(block)
        if held + size > MAX_INFLATED or size > max(ANY_RATIO, MAX_RATIO * info.compress_size):
            raise _too_large(held + size, len(archive.namelist()), name)
        if info.filename.lower().endswith((".xml", ".rels")):
            _check_markup(tail + block, name, is_start=not tail)
        tail = block[-16:]
    if size != info.file_size:
        raise _refuse("E-CORRUPT", "a part of the workbook is not as large as it says", name)
    return size


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A part's content, block by block: all that is packed, whatever size is declared."""
    whole = copy.copy(info)
    whole.file_size = MAX_INFLATED + _BLOCK
    with archive.open(whole) as stream:
        while block := stream.read(_BLOCK):
            yield block


def _check_markup(markup: bytes, name: str, is_start: bool) -> None:
    if (is_start and _NOT_UTF_8.match(markup)) or b"\0" in markup:
        raise _refuse("E-TYPE", "the workbook's XML is not UTF-8", name)
    if b"<!DOCTYPE" in markup or b"<!ENTITY" in markup:
        raise _refuse("E-TYPE", "the workbook's XML declares entities", name)


def _too_large(size: int, n_parts: int, name: str) -> AlignError:
    return _refuse("E-XLSXSIZE", f"the workbook unpacks to {size:,} bytes or more in {n_parts:,} parts", name)


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
    hidden = 0
    for node in book.iter():
        key = next((value for at, value in node.attrib.items() if at.endswith("}id")), None)
        if node.tag.endswith("}sheet") and key in targets:
            hidden += node.get("state", "visible") != "visible"
            known[node.get("name", "")] = str(PurePosixPath("/xl", targets[key])).lstrip("/")
    if not known:
        raise _refuse("E-CORRUPT", "the workbook has no sheet", name)
    chosen = sheet or next((name for name in known if len(known) == 1 or name in OWN_SHEETS), "")
    if chosen in known:
        return chosen, known[chosen]
    what = f"there is no sheet {sheet!r}" if sheet else f"the workbook has {len(known)} sheets"
    what += f", {hidden} of them hidden" if hidden and not sheet else ""
    raise _refuse("E-SHEET", what, name, "name one: sheet: ... at this input", ", ".join(known))


def _check_sheet(blocks: Iterable[bytes], sheet: str, name: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Can the table be read, and are all formulas stored with their values? Gives notes and (row, column, error)."""
    columns, lowest, hidden, merged = {b"A"}, 0, 0, 0
    bare: list[bytes] = []
    wrong: list[tuple[bytes, bytes]] = []
    for markup in _whole_rows(blocks, sheet, name):
        for cell in _CELL.finditer(markup):
            columns.add(cell[1])
            lowest = max(lowest, int(cell[2]))
        bare += _BARE_FORMULA.findall(markup)
        wrong += _ERROR_CELL.findall(markup)
        hidden += len(_HIDDEN_ROW.findall(markup))
        merged += len(_MERGED.findall(markup))
    widest = max(map(_column_number, columns))
    if widest > MAX_COLUMNS or widest * lowest > MAX_CELLS:
        what = f"the sheet {sheet!r} reaches to column {widest:,} and row {lowest:,}"
        fix = "delete the columns and rows beyond the table, then save"
        raise _refuse("E-XLSXSIZE", what, name, fix, f"up to {MAX_COLUMNS} columns and {MAX_CELLS:,} cells")
    where = f"{name}, sheet {sheet}"
    if bare:
        places = [b"".join(found.groups()).decode() for found in map(_PLACE.search, bare[:5]) if found]
        what = f"{len(bare)} cells hold a formula without a stored value, the first {', '.join(places) or 'unplaced'}"
        raise _refuse("E-FORMULA", what, where, "open it in Excel and save it")
    placed = [(_PLACE.search(attributes), _VALUE.search(inner)) for attributes, inner in wrong]
    if not all(place for place, _ in placed):  # calamine reads them as blank, and nothing says where they are
        raise _refuse("E-CORRUPT", "cells hold errors and do not say where they stand", where, "save it in Excel")
    errors = [
        (int(place[2]), _column_number(place[1]), value[1].decode()) for place, value in placed if place and value
    ]
    if strange := [value for _, _, value in errors if value not in KNOWN_ERRORS]:
        what = f"{count(len(strange), 'cell')} with an error that cannot be read, the first {strange[0]}"
        raise _refuse("E-XLERR", what, where, "mend or empty these cells in Excel", ", ".join(KNOWN_ERRORS))
    notes = [
        f"{count(hidden, 'hidden row')} of {where} read like the others." if hidden else "",
        f"{count(merged, 'merged range')} of {where}: what is merged stands in the first cell alone." if merged else "",
    ]
    return [note for note in notes if note], errors


def _whole_rows(blocks: Iterable[bytes], sheet: str, name: str) -> Iterator[bytes]:
    """The sheet in pieces that end where a row ends: no cell is cut in two."""
    rest = b""
    for block in blocks:
        rest += block
        end = max((row.end() for row in _ROW_END.finditer(rest)), default=0)
        yield rest[:end]
        rest = rest[end:]
        if len(rest) > MAX_ROW:
            raise _refuse("E-XLSXSIZE", f"a row of the sheet {sheet!r} holds more than {MAX_ROW:,} bytes", name)
    yield rest


def _column_number(letters: bytes) -> int:
    return reduce(lambda number, letter: number * 26 + letter - 64, letters.upper(), 0)


if __name__ == "__main__":
    main()
