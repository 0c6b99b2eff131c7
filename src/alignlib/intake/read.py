"""From the bytes of a client's file to a table of text, safely: nothing guessed, nothing lost, nothing run."""

import csv
import difflib
import hashlib
import io
import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignlib.engagement import Reading
from alignlib.errors import AlignError, Problem
from alignlib.files import inside

TEXT_FILES = (".csv", ".tsv", ".tab", ".txt")
WORKBOOKS = (".xlsx", ".xlsm")
READABLE = (*TEXT_FILES, *WORKBOOKS, ".parquet")
DELIMITERS = (",", ";", "\t", "|")
MAX_BYTES = 2_000_000_000
MAX_COLUMNS = 2_000
MAX_CELL = 16_000_000
# What a file is by its first bytes, whatever its name says: (start, what it is, what to do).
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or give it its real ending (.xlsx)"),
    (b"PAR1", "a Parquet file", "give it its real ending (.parquet)"),
    (b"\xd0\xcf\x11\xe0", "an old .xls workbook or a workbook with a password", "save it as .xlsx without a password"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"%PDF", "a PDF document", "export the table itself as CSV or XLSX"),
)
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script", b"<table")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
_SPACES = re.compile(r"\s+")
_SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_LINE = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Reject:
    """Which record of a file (or which value of it) cannot be used, and why? ``column`` is the file's own name."""

    record: int
    column: str
    code: str
    reason: str


@dataclass
class Raw:
    """What does a file hold, all as text? ``rows[i]`` is record ``records[i]``; the first record below the header is 1.

    ``headers`` has one list for each header row. ``rejects`` and ``blank`` are records that are not in ``rows``.
    ``lines[i]`` is the line (a workbook's row) on which record i + 1 starts. ``is_workbook`` says that error values
    such as #N/A are Excel's own.
    """

    file: str
    headers: list[list[str]]
    rows: list[list[str]]
    records: list[int]
    read: int
    sha256: str
    rejects: list[Reject] = field(default_factory=list)
    rejected_text: dict[int, str] = field(default_factory=dict)
    blank: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    is_workbook: bool = False


def read_table(folder: Path, reading: Reading) -> Raw:
    """What does this file of the data folder hold, as text?

    CSV and other delimited text, XLSX (one sheet) and Parquet. Encoding and delimiter are found from the whole file or
    taken from ``reading``. Raises AlignError: E-OPEN, E-EMPTY, E-TYPE, E-ENC, E-QUOTE, E-WIDTH, E-CHANGED and, for
    workbooks, E-SHEET, E-FORMULA, E-CORRUPT, E-XLSXSIZE.
    """
    content = read_bytes(folder, reading.file)
    kind = Path(reading.file).suffix.lower()
    _refuse_other_types(reading.file, kind, content)
    notes: list[str] = []
    lines: list[int] = []
    if kind in WORKBOOKS:
        from alignlib.intake.workbook import read_workbook

        cells, more = read_workbook(content, reading)
        notes += more
    elif kind == ".parquet":
        cells = _parquet_rows(content, reading.file)
    else:
        text, encoding = decode(content, reading)
        if encoding == "cp1252":
            notes.append(f"{reading.file} is not UTF-8; it was read as Windows-1252 (cp1252).")
        cells, lines = _delimited(text, reading)
    digest = hashlib.sha256(content).hexdigest()
    lines = lines or list(range(reading.skip_rows + 1, reading.skip_rows + len(cells) + 1))
    raw = _shaped(cells, lines, reading, digest, has_padding=kind in WORKBOOKS)
    raw.is_workbook = kind in WORKBOOKS
    raw.notes[:0] = notes
    if kind in TEXT_FILES and reading.skip_rows:
        raw.notes.append(f"The first {reading.skip_rows} lines of {reading.file} were skipped, as declared.")
    return raw


def read_bytes(folder: Path, name: str) -> bytes:
    """Which bytes does this ordinary file hold? Refuses links, paths that lead out, and files that change meanwhile."""
    path = inside(folder, name)
    if not path.is_file():
        near = difflib.get_close_matches(name, _names_in(folder), n=3, cutoff=0.4)
        known = near or _names_in(folder)[:10]
        raise AlignError(
            Problem(
                "E-OPEN",
                "there is no such file in the data folder",
                where=name,
                allowed=", ".join(known) or "the data folder is empty",
                fix="correct the file's name in engagement.yml or copy the file into data",
            )
        )
    try:
        before = path.stat()
        if before.st_size > MAX_BYTES:
            raise AlignError(Problem("E-TYPE", "the file is larger than 2 GB", where=name, fix="split it by year"))
        content = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise AlignError(
            Problem("E-OPEN", f"cannot be opened ({error.strerror})", where=name, fix="check its permissions")
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(content) != after.st_size:
        raise AlignError(Problem("E-CHANGED", "the file changed while it was read", where=name, fix="close it there"))
    return content


def _names_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())[:1000]


def _refuse_other_types(name: str, kind: str, content: bytes) -> None:
    if kind not in READABLE:
        raise AlignError(
            Problem(
                "E-TYPE",
                f"files ending in {kind or 'nothing'} are not read",
                where=name,
                allowed=", ".join(READABLE),
                fix="save it as .xlsx or .csv",
            )
        )
    if not content.strip(b" \t\r\n\xef\xbb\xbf"):
        raise AlignError(Problem("E-EMPTY", "the file is empty", where=name, fix="export it again"))
    own = {".parquet": b"PAR1"} | dict.fromkeys(WORKBOOKS, b"PK\x03\x04")
    if kind in own and content.startswith(own[kind]):
        return
    found = next(((what, fix) for start, what, fix in _MAGIC if content.startswith(start)), None)
    if found is None and content.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_MARKUP):
        found = ("a web page or XML", "log in and export again; this is often a login page saved as a file")
    if found is None and kind in TEXT_FILES and _is_json(content):
        found = ("JSON", "export it as CSV")
    if found is None and kind not in TEXT_FILES:
        found = (f"not a readable {kind} file", "export it again")
    if found:
        raise AlignError(
            Problem("E-TYPE", f"the name ends in {kind}, but this is {found[0]}", where=name, fix=found[1])
        )


def _is_json(content: bytes) -> bool:
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] not in (b"{", b"["):
        return False
    for candidate in (start.split(b"\n", 1)[0], start):
        try:
            return isinstance(json.loads(candidate), dict | list)
        except (ValueError, RecursionError):
            continue
    return False


def decode(content: bytes, reading: Reading) -> tuple[str, str]:
    """Which text do these bytes spell, and in which encoding? Found from all of them; Latin-1 only when declared."""
    declared = reading.encoding
    encoding = declared or _encoding_of(content, reading.file)
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    if encoding == "utf-16" and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16-le" if content[1::2].count(0) >= content[::2].count(0) else "utf-16-be"
    try:
        return content.decode(encoding), "utf-8" if encoding == "utf-8-sig" else encoding
    except UnicodeDecodeError as error:
        raise AlignError(_bad_encoding(content, error.start, reading.file, f"is no {declared or encoding}")) from error


def _encoding_of(content: bytes, name: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = content[:100_000]
    if max(head[::2].count(0), head[1::2].count(0)) > 0.3 * len(head) / 2:
        return "utf-16"
    try:
        content.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        first = error.start
    # Valid UTF-8 letters beside bytes that are none: two encodings in one file. Without them: Windows-1252.
    if re.search("[\u0080-\ud7ff\ue000-\U0010ffff]", content.decode("utf-8", errors="surrogateescape")):
        raise AlignError(_bad_encoding(content, first, name, "is no UTF-8, while other letters are"))
    try:
        content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise AlignError(_bad_encoding(content, error.start, name, "is neither UTF-8 nor Windows-1252")) from error
    return "cp1252"


def _bad_encoding(content: bytes, at: int, name: str, what: str) -> Problem:
    line = len(re.findall(rb"\r\n|\n|\r", content[:at])) + 1
    return Problem(
        "E-ENC",
        f"byte {at} (0x{content[at]:02X}) {what}",
        where=f"{name}, line {line}",
        allowed="utf-8, utf-16, cp1252, latin-1",
        fix="save the file as UTF-8, or set its encoding in engagement.yml",
    )


def _delimited(text: str, reading: Reading) -> tuple[list[list[str]], list[int]]:
    """Which records does delimited text hold, and on which line does each start?"""
    declared, first = reading.delimiter, 1
    if said := _SEP_LINE.match(text):
        declared, text, first = declared or said[1], text[said.end() :], 2
    for _ in range(reading.skip_rows):
        end = _LINE.search(text)
        text, first = (text[end.end() :] if end else ""), first + 1
    if declared:
        return _records(text, declared, reading.file, first)
    widths = {mark: _header_width(text, mark) for mark in DELIMITERS}
    likely = [mark for mark in DELIMITERS if widths[mark] > 1] or [","]
    if len(likely) == 1:
        return _records(text, likely[0], reading.file, first)
    # Several marks stand in the header: take the one under which most rows have as many fields as the header.
    tried: list[tuple[float, int, tuple[list[list[str]], list[int]]]] = []
    refused: list[AlignError] = []
    for mark in likely:
        try:
            rows, lines = _records(text, mark, reading.file, first)
        except AlignError as error:
            refused.append(error)
            continue
        tried.append((sum(len(row) == widths[mark] for row in rows) / max(len(rows), 1), widths[mark], (rows, lines)))
    if not tried:
        raise refused[0]
    return max(tried, key=lambda each: each[:2])[2]


def _header_width(text: str, delimiter: str) -> int:
    try:
        return next((len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), 0)
    except csv.Error:
        return 0


def _records(text: str, delimiter: str, name: str, first_line: int) -> tuple[list[list[str]], list[int]]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 0
    try:
        for row in reader:
            if row:  # an empty line is no record
                rows.append(row)
                lines.append(line + first_line)
            line = reader.line_num
    except csv.Error as error:
        raise AlignError(
            Problem(
                "E-QUOTE",
                "a quotation mark is opened here and not closed properly",
                where=f"{name}, line {_opening_line(text, line, delimiter) + first_line}",
                fix='close it, or write a quotation mark inside a quoted field twice ("")',
            )
        ) from error
    return rows, lines


def _opening_line(text: str, line: int, delimiter: str) -> int:
    """On which line (from 0) does the last quoted field open, in the record that starts at this line?"""
    starts = [0, *(end.end() for end in _LINE.finditer(text))]
    position, opened, quoted, fresh = starts[line], line, False, True
    while position < len(text):
        mark = text[position]
        if quoted and mark == '"':
            if text[position + 1 : position + 2] == '"':
                position += 1
            elif text[position + 1 : position + 2] not in (delimiter, "\r", "\n", ""):
                return opened
            else:
                quoted = False
        elif not quoted and fresh and mark == '"':
            quoted, opened = True, line
        fresh = not quoted and mark in (delimiter, "\n", "\r")
        position += 1
        if line + 1 < len(starts) and position >= starts[line + 1]:
            line += 1
    return opened


def _parquet_rows(content: bytes, name: str) -> list[list[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
        texts = [pc.fill_null(pc.cast(column, pa.string()), "").to_pylist() for column in table.columns]
    except pa.ArrowNotImplementedError as error:
        raise AlignError(
            Problem("E-TYPE", "a column holds lists or records", where=name, fix="write it as text")
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise AlignError(Problem("E-CORRUPT", "the file is damaged", where=name, fix="export it again")) from error
    rows: Any = zip(*texts, strict=True)
    return [list(table.column_names), *map(list, rows)]


def _shaped(cells: list[list[str]], lines: list[int], reading: Reading, sha256: str, has_padding: bool) -> Raw:
    """Which rows are the header, and which records have as many fields as it?"""
    name, depth = reading.file, reading.header_rows
    if len(cells) < depth:
        raise AlignError(
            Problem("E-EMPTY", f"the file has fewer than {depth} header rows", where=name, fix="export it again")
        )
    headers, body = cells[:depth], cells[depth:]
    width = max(len(row) for row in headers)
    headers = [row + [""] * (width - len(row)) for row in headers]
    if width > MAX_COLUMNS:
        raise AlignError(
            Problem("E-WIDTH", f"the header has {width} columns", where=name, allowed=f"up to {MAX_COLUMNS}")
        )
    raw = Raw(name, headers, [], [], len(body), sha256, lines=lines[depth:])
    wrong = 0
    for record, row in enumerate(body, start=1):
        if len(row) != width and len(row) > width and not any(row[width:]):
            row = row[:width]  # a trailing delimiter: the extra field is always empty
        joined = "".join(row)
        if not joined or joined.isspace():
            raw.blank.append(record)
        elif "\0" in joined:
            _refuse_record(raw, row, Reject(record, "", "E-NUL", f"NUL bytes (line {raw.lines[record - 1]})"))
        elif len(row) != width and not has_padding:
            wrong += 1
            reason = f"{len(row)} fields, the header has {width} (line {raw.lines[record - 1]})"
            _refuse_record(raw, row, Reject(record, "", "E-WIDTH", reason))
        else:
            raw.rows.append(row + [""] * (width - len(row)))
            raw.records.append(record)
    if wrong > len(body) / 2 and wrong > 1:
        raise AlignError(
            Problem(
                "E-WIDTH",
                f"{wrong} of {len(body)} records do not have the header's {width} fields, the first of them with "
                f"{next(reject.reason for reject in raw.rejects if reject.code == 'E-WIDTH')}",
                where=name,
                fix="set delimiter or skip_rows in engagement.yml, or export the file again",
            )
        )
    if not body:
        raw.notes.append(f"{name} has a header and no rows.")
    return raw


def _refuse_record(raw: Raw, row: list[str], reject: Reject) -> None:
    raw.rejects.append(reject)
    raw.rejected_text[reject.record] = json.dumps(row, ensure_ascii=False)


def plain_name(name: str) -> str:
    """How are two column names compared: without case, invisible signs and doubled spaces?

    >>> plain_name("\\ufeff Lead\\u00a0 ID ")
    'lead id'
    """
    return _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", name))).strip().casefold()
