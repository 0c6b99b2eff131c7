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

from alignlib.engagement import Input, Reading
from alignlib.errors import AlignError, Problem
from alignlib.files import inside
from alignlib.plain_yaml import strict_yaml

TEXT_FILES = (".csv", ".tsv", ".tab", ".txt")
WORKBOOKS = (".xlsx", ".xlsm")
READABLE = (*TEXT_FILES, *WORKBOOKS, ".parquet")
LISTS = (".yml", ".yaml")  # a checklist that a person fills in: the table facts alone
DELIMITERS = (",", ";", "\t", "|")
MAX_BYTES, MAX_COLUMNS, MAX_CELL = 2_000_000_000, 2_000, 16_000_000
# What a file is by its first bytes, whatever its name says: (how it starts, what it is, what to do).
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (rb"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or give it its real ending (.xlsx)"),
    (rb"PAR1", "a Parquet file", "give it its real ending (.parquet)"),
    (rb"\xd0\xcf\x11\xe0", "an old .xls workbook or a workbook with a password", "save it as .xlsx without a password"),
    (rb"\x1f\x8b", "a gzip archive", "unpack it"),
    (rb"%PDF", "a PDF document", "export the table itself as CSV or XLSX"),
    (
        rb"(?i)[\xef\xbb\xbf\s]*<(!doctype|html|head|body|\?xml|script|table)",
        "a web page or XML", "log in and export again; this is often a login page saved as a file",
    ),
)  # fmt: skip
_OWN = {".parquet": b"PAR1"} | dict.fromkeys(WORKBOOKS, b"PK\x03\x04")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Why bytes are no text, when the encoding was found and not declared.
_NO_TEXT = {"utf-8": "is no UTF-8, while other letters are", "cp1252": "is neither UTF-8 nor Windows-1252"}
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
_LETTER = re.compile("[\u0080-\ud7ff\ue000-\U0010ffff]")
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

    CSV and other delimited text, XLSX (one sheet), Parquet, and YAML for the facts checklist. Encoding and delimiter
    are found from the whole file or taken from ``reading``; how many rows of a survey's export are its header as well.
    Raises AlignError: E-OPEN, E-EMPTY, E-TYPE, E-ENC, E-QUOTE, E-WIDTH, E-CHANGED, for workbooks E-SHEET, E-FORMULA,
    E-CORRUPT, E-XLSXSIZE, and for a checklist E-MAP.
    """
    content = read_bytes(folder, reading.file)
    kind = Path(reading.file).suffix.lower()
    is_list = kind in LISTS and isinstance(reading, Input) and reading.table == "facts"
    _refuse_other_types(reading.file, ".csv" if is_list else kind, content)
    notes: list[str] = []
    lines: list[int] = []
    if kind in WORKBOOKS:
        from alignlib.intake.workbook import read_workbook

        cells, notes = read_workbook(content, reading)
    elif kind == ".parquet":
        cells = _parquet_rows(content, reading.file)
    elif is_list:
        cells, lines = _listed_facts(decode(content, reading)[0], reading.file)
    else:
        text, encoding = decode(content, reading)
        if encoding == "cp1252":
            notes.append(f"{reading.file} is not UTF-8; it was read as Windows-1252 (cp1252).")
        cells, lines = _delimited(text, reading)
        if reading.skip_rows:
            notes.append(f"The first {reading.skip_rows} lines of {reading.file} were skipped, as declared.")
    lines = lines or list(range(reading.skip_rows + 1, reading.skip_rows + len(cells) + 1))
    depth = _header_depth(cells, reading)
    raw = _shaped(cells, lines, reading.file, depth, hashlib.sha256(content).hexdigest(), kind in WORKBOOKS)
    raw.notes = [*notes, *raw.notes]
    return raw


def read_bytes(folder: Path, name: str) -> bytes:
    """Which bytes does this ordinary file hold? Refuses links, paths that lead out, and files that change meanwhile."""
    path = inside(folder, name)
    if not path.is_file():
        names = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())[:1000]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:10]
        what, allowed = "there is no such file in the data folder", ", ".join(near) or "the data folder is empty"
        fix = "correct the file's name in engagement.yml or copy the file into data"
        raise AlignError(Problem("E-OPEN", what, where=name, allowed=allowed, fix=fix))
    try:
        before = path.stat()
        if before.st_size > MAX_BYTES:
            raise AlignError(Problem("E-TYPE", "the file is larger than 2 GB", where=name, fix="split it by year"))
        content, after = path.read_bytes(), path.stat()
    except OSError as error:
        what = f"cannot be opened ({error.strerror})"
        raise AlignError(Problem("E-OPEN", what, where=name, fix="check its permissions")) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(content) != after.st_size:
        raise AlignError(Problem("E-CHANGED", "the file changed while it was read", where=name, fix="close it there"))
    return content


def _refuse_other_types(name: str, kind: str, content: bytes) -> None:
    if kind not in READABLE:
        only = " for this table, only for facts" if kind in LISTS else ""
        what, fix = f"files ending in {kind or 'nothing'} are not read{only}", "save it as .xlsx or .csv"
        raise AlignError(Problem("E-TYPE", what, where=name, allowed=", ".join(READABLE), fix=fix))
    if not content.strip(_BLANK):
        raise AlignError(Problem("E-EMPTY", "the file is empty", where=name, fix="export it again"))
    if kind in _OWN and content.startswith(_OWN[kind]):
        return
    found = next(((what, fix) for start, what, fix in _MAGIC if re.match(start, content)), None)
    if kind not in TEXT_FILES:
        found = found or (f"not a readable {kind} file", "export it again")
    elif not found and _is_json(content.lstrip(_BLANK)):
        found = ("JSON", "export it as CSV")
    if found:
        what = f"the name ends in {kind}, but this is {found[0]}"
        raise AlignError(Problem("E-TYPE", what, where=name, fix=found[1]))


def _is_json(start: bytes) -> bool:
    for candidate in (start.split(b"\n", 1)[0], start) if start[:1] in (b"{", b"[") else ():
        try:
            return isinstance(json.loads(candidate), dict | list)
        except (ValueError, RecursionError):
            continue
    return False


def decode(content: bytes, reading: Reading) -> tuple[str, str]:
    """Which text do these bytes spell, and in which encoding? Found from all of them; Latin-1 only when declared."""
    encoding = reading.encoding or _encoding_of(content)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    if encoding == "utf-16" and not content.startswith(_UTF_16):
        codec = "utf-16-le" if content[1::2].count(0) >= content[::2].count(0) else "utf-16-be"
    try:
        return content.decode(codec), encoding
    except UnicodeDecodeError as error:
        at = error.start
        why = f"is no {encoding}" if reading.encoding else _NO_TEXT.get(encoding, f"is no {encoding}")
        raise AlignError(Problem(
            "E-ENC", f"byte {at} (0x{content[at]:02X}) {why}",
            where=f"{reading.file}, line {len(_LINE.findall(content[:at].decode('latin-1'))) + 1}",
            allowed="utf-8, utf-16, cp1252, latin-1", fix="save it as UTF-8, or set its encoding in engagement.yml",
        )) from error  # fmt: skip


def _encoding_of(content: bytes) -> str:
    head = content[:100_000]
    if content.startswith(_UTF_16) or max(head[::2].count(0), head[1::2].count(0)) > 0.3 * len(head) / 2:
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        # UTF-8 letters beside bytes that are none: two encodings in one file, to be refused. Without: Windows-1252.
        return "utf-8" if _LETTER.search(content.decode("utf-8", "surrogateescape")) else "cp1252"
    return "utf-8"


def _delimited(text: str, reading: Reading) -> tuple[list[list[str]], list[int]]:
    """Which records does delimited text hold, and on which line does each start?"""
    declared, first = reading.delimiter, 1
    if said := _SEP_LINE.match(text):
        declared, text, first = declared or said[1], text[said.end() :], 2
    for _ in range(reading.skip_rows):
        end = _LINE.search(text)
        text, first = (text[end.end() :] if end else ""), first + 1
    marks = [declared] if declared else [mark for mark in DELIMITERS if _header_width(text, mark) > 1] or [","]
    tried: list[tuple[float, int, list[list[str]], list[int]]] = []
    refused: list[AlignError] = []
    for mark in marks:
        try:
            rows, lines = _records(text, mark, reading.file, first)
        except AlignError as error:
            refused.append(error)
            continue
        width = len(rows[0]) if rows else 0
        tried.append((sum(len(row) == width for row in rows) / max(len(rows), 1), width, rows, lines))
    if not tried:
        raise refused[0]
    # Several marks stand in the header: take the one under which most rows have as many fields as the header.
    return max(tried, key=lambda each: each[:2])[2:]


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
    line = first_line
    try:
        for row in reader:
            if row:  # an empty line is no record
                rows.append(row)
                lines.append(line)
            line = first_line + reader.line_num
    except csv.Error as error:
        mark, at = re.escape(delimiter), 0
        good = re.compile(rf'(?:"[^"]*+(?:""[^"]*+)*+"|(?!")[^{mark}\r\n]*+)(?:[{mark}\r\n]|\Z)')
        while at < len(text) and (well := good.match(text, at)):
            at = well.end()
        where = f"{name}, line {first_line + len(_LINE.findall(text[:at]))}"
        what = "a quotation mark is opened here and not closed properly"
        fix = 'close it, or write a quotation mark inside a quoted field twice ("")'
        raise AlignError(Problem("E-QUOTE", what, where=where, fix=fix)) from error
    return rows, lines


def _parquet_rows(content: bytes, name: str) -> list[list[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
        texts = [pc.fill_null(pc.cast(column, pa.string()), "").to_pylist() for column in table.columns]
    except pa.ArrowNotImplementedError as error:
        what = "a column holds lists or records"
        raise AlignError(Problem("E-TYPE", what, where=name, fix="write it as text")) from error
    except (pa.ArrowException, OSError) as error:
        raise AlignError(Problem("E-CORRUPT", "the file is damaged", where=name, fix="export it again")) from error
    return [list(table.column_names), *map(list, zip(*texts, strict=True))]


def _listed_facts(text: str, name: str) -> tuple[list[list[str]], list[int]]:
    """Which rows does a checklist hold, a list of {fact, answer, owner, dated_on} under ``facts:``, and on which lines?

    >>> _listed_facts("facts:\\n- {fact: joint_head, answer: No}\\n- {fact: rules, owner: CRO}", "facts.yml")
    ([['fact', 'answer', 'owner'], ['joint_head', 'No', ''], ['rules', '', 'CRO']], [1, 2, 3])
    """
    try:
        data, lines = strict_yaml(text)
    except AlignError as error:
        places = [problem.where.partition(", ")[2] for problem in error.problems]
        raise AlignError(
            Problem("E-OPEN", problem.what, where=", ".join(filter(None, (name, place))), fix=problem.fix)
            for problem, place in zip(error.problems, places, strict=True)
        ) from error
    rows = data.get("facts") if isinstance(data, dict) and len(data) == 1 else None
    fix = "write facts: and below it one entry each, as in: - {fact: joint_head, answer: No, owner: CEO}"
    if not isinstance(rows, list):
        what = "a checklist is a list under the one key facts"
        raise AlignError(Problem("E-MAP", what, where=name, allowed="fact, answer, owner, dated_on", fix=fix))
    at = [lines["facts", str(number)] + 1 for number in range(len(rows))]
    flat = [isinstance(row, dict) and not any(isinstance(v, dict | list) for v in row.values()) for row in rows]
    if not all(flat):
        what = "an entry of the checklist is no plain list of names and texts"
        bad = (line for line, is_flat in zip(at, flat, strict=True) if not is_flat)
        raise AlignError(Problem("E-MAP", what, where=f"{name}, line {line}", fix=fix) for line in bad)
    keys = list(dict.fromkeys(key for row in rows for key in row)) or ["fact"]
    return [keys, *([row.get(key) or "" for key in keys] for row in rows)], [1, *at]


def _header_depth(cells: list[list[str]], reading: Reading) -> int:
    """How many rows are the header? A survey's export shows it, unless the mapping says it."""
    is_survey = isinstance(reading, Input) and reading.table in ("responses", "respondents")
    if not is_survey or "header_rows" in reading.model_fields_set:
        return reading.header_rows
    from alignlib.intake.exports import recognise

    return recognise(cells[:3]).header_rows


def _shaped(cells: list[list[str]], lines: list[int], name: str, depth: int, sha256: str, is_workbook: bool) -> Raw:
    """Which rows are the header, and which records have as many fields as it? A workbook's rows are padded."""
    n = len(cells) - depth
    if n < 0:
        what = f"the file has fewer than {depth} header rows"
        raise AlignError(Problem("E-EMPTY", what, where=name, fix="export it again"))
    width = max(len(row) for row in cells[:depth])
    if width > MAX_COLUMNS:
        what = f"the header has {width} columns"
        raise AlignError(Problem("E-WIDTH", what, where=name, allowed=f"up to {MAX_COLUMNS}"))
    headers = [row + [""] * (width - len(row)) for row in cells[:depth]]
    raw = Raw(name, headers, [], [], n, sha256, lines=lines[depth:], is_workbook=is_workbook)
    for record, row in enumerate(cells[depth:], start=1):
        if len(row) > width and not any(row[width:]):
            row = row[:width]  # a trailing delimiter: the extra field is always empty
        joined = "".join(row)
        if not joined or joined.isspace():
            raw.blank.append(record)
        elif (nul := "\0" in joined) or (len(row) != width and not is_workbook):
            why = "NUL bytes" if nul else f"{len(row)} fields, the header has {width}"
            code, line = "E-NUL" if nul else "E-WIDTH", raw.lines[record - 1]
            raw.rejects.append(Reject(record, "", code, f"{why} (line {line})"))
            raw.rejected_text[record] = json.dumps(row, ensure_ascii=False)
        else:
            raw.rows.append(row + [""] * (width - len(row)))
            raw.records.append(record)
    wrong = [reject.reason for reject in raw.rejects if reject.code == "E-WIDTH"]
    if len(wrong) > max(1, n / 2):
        what = f"{len(wrong)} of {n} records do not have the header's {width} fields, the first of them with {wrong[0]}"
        fix = "set delimiter or skip_rows in engagement.yml, delete what stands below the table, or export it again"
        if headers[0][0].startswith("# ") or headers[0][0] == "#":  # comments, as analytics tools write them
            below = (at for at, row in enumerate(cells) if not row[0].startswith("#"))
            fix = f"the header seems to stand lower: skip_rows: {lines[next(below, 0)] - 1}"
        raise AlignError(Problem("E-WIDTH", what, where=name, fix=fix))
    if not n:
        raw.notes.append(f"{name} has a header and no rows.")
    return raw


def plain_name(name: str) -> str:
    """How are two column names compared: without case, invisible signs and doubled spaces?

    >>> plain_name("\\ufeff Lead\\u00a0 ID ")
    'lead id'
    """
    return _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", name))).strip().casefold()
