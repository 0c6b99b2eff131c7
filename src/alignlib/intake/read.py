"""From the bytes of a client's file to a table of text, safely: nothing guessed, nothing lost, nothing run."""

import difflib
import hashlib
import json
import os
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from alignlib.engagement import Input, Reading
from alignlib.errors import AlignError, Problem
from alignlib.files import inside, open_inside
from alignlib.intake.delimited import decode, delimited, text_notes
from alignlib.intake.json_cells import spread_json
from alignlib.intake.trial import try_parquet
from alignlib.plain_yaml import strict_yaml
from alignlib.words import count

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

TEXT_FILES = (".csv", ".tsv", ".tab", ".txt")
WORKBOOKS = (".xlsx", ".xlsm")
READABLE = (*TEXT_FILES, *WORKBOOKS, ".parquet")
ARCHIVES = (".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")  # never unpacked: they may hide a bomb
LISTS = (".yml", ".yaml")  # a checklist that a person fills in: the table facts alone
MAX_BYTES, MAX_COLUMNS = 2_000_000_000, 2_000
LARGE = 64_000_000  # bytes of text from which on a file is read in pieces and kept by column
MAX_LIST = 4_000_000  # bytes of YAML: more than its own limit of letters
# What a file is by its first bytes, whatever its name says: (how it starts, what it is, what to do).
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (rb"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or give it its real ending (.xlsx)"),
    (rb"PAR1", "a Parquet file", "give it its real ending (.parquet)"),
    (rb"(?s)\xd0\xcf\x11\xe0.*E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e", "a workbook with a password",
     "open it in Excel, remove the password and save it again"),
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
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
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
    such as #N/A are Excel's own. Of a large file ``rows`` are the first ones alone, and ``columns`` holds those that
    its input names, whole: ask ``column`` and ``records``.
    """

    file: str
    headers: list[list[str]]
    rows: list[list[str]]
    records: "list[int] | NDArray[np.int64]"
    read: int
    sha256: str
    rejects: list[Reject] = field(default_factory=list)
    rejected_text: dict[int, str] = field(default_factory=dict)
    blank: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    is_workbook: bool = False
    columns: "dict[int, pa.Array] | None" = None

    @property
    def titles(self) -> list[str]:
        """What stands over each column, in the file's own letters?"""
        columns = zip(*self.headers, strict=True)
        return [" | ".join(dict.fromkeys(filter(None, map(str.strip, cells)))) for cells in columns]

    def column(self, at: int) -> "pd.Series[str]":
        """What stands in this column, row by row?"""
        import pandas as pd

        from alignlib.intake.columns import as_series

        if self.columns is not None:
            return as_series(self.columns[at])
        return pd.Series([row[at] for row in self.rows], dtype="str")

    def cells(self, at: int, records: list[int]) -> list[str]:
        """What stands in this column in these records (all of them among ``records``)?"""
        places = [bisect_left(self.records, record) for record in records]
        if self.columns is None:
            return [self.rows[place][at] for place in places]
        return self.column(at).iloc[places].tolist()

    def lower_header(self, is_header: Callable[[list[str]], bool]) -> str:
        """Which cure says that the header seems to stand lower: in one of the first rows that looks like it? Or ""."""
        rows = zip(self.records[:30], self.rows, strict=False)
        lines = (self.lines[at - 1] for at, row in rows if at <= len(self.lines) and is_header(row))
        return next((f"the header seems to stand lower: skip_rows: {line - 1}" for line in lines), "")


def read_table(folder: Path, reading: Reading, extract: Path | None = None) -> Raw:
    """What does this file of the data folder hold, as text?

    CSV and other delimited text, XLSX (one sheet), Parquet, and YAML for the facts checklist. Encoding and delimiter
    are found from the whole file or taken from ``reading``; how many rows of a survey's export are its header as well.
    ``extract`` is the Parquet file that holds a reading's ``source``.
    Raises AlignError: E-OPEN, E-EMPTY, E-TYPE, E-ENC, E-QUOTE, E-WIDTH, E-CHANGED, for workbooks E-SHEET, E-FORMULA,
    E-CORRUPT, E-XLSXSIZE, and for a checklist E-MAP.
    """
    folder, name = (folder, reading.file) if extract is None else (extract.parent, extract.name)
    place, kind = inside(folder, name), Path(name).suffix.lower()
    if kind in TEXT_FILES and place.is_file() and place.stat().st_size > LARGE:
        from alignlib.intake.large import read_large

        raw = read_large(folder, reading)
        spread_json(raw, reading.json_columns)
        return raw
    content = read_bytes(folder, name)
    is_list = kind in LISTS and isinstance(reading, Input) and reading.table == "facts"
    refuse_other_types(reading.file, ".csv" if is_list else kind, content)
    notes: list[str] = []
    lines: list[int] = []
    if kind in WORKBOOKS:
        from alignlib.intake.workbook import read_workbook

        cells, notes = read_workbook(content, reading)
    elif kind == ".parquet":
        if extract is None:
            try_parquet(content, reading.file)
        cells = _parquet_rows(content, reading)
    elif is_list:
        cells, lines = _listed_facts(decode(content, reading)[0], reading.file)
    else:
        text, encoding = decode(content, reading)
        cells, lines = delimited(text, reading)
        notes = text_notes(reading, encoding, text.count("\ufffd"))
    lines = lines or list(range(reading.skip_rows + 1, reading.skip_rows + len(cells) + 1))
    depth = header_depth(cells, reading)
    raw = headed(cells, lines, reading.file, depth)
    raw.sha256, raw.is_workbook = hashlib.sha256(content).hexdigest(), kind in WORKBOOKS
    raw.notes = notes
    judge(raw, cells, lines, sort_rows(raw, cells[depth:], raw.lines, 1, reading.short_rows == "pad"))
    spread_json(raw, reading.json_columns)
    return raw


def read_bytes(folder: Path, name: str) -> bytes:
    """Which bytes does this ordinary file hold? Refuses links, paths that lead out, and files that change meanwhile."""
    if not inside(folder, name).exists():
        names = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())[:1000]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:10]
        what, allowed = "there is no such file in the data folder", ", ".join(near) or "the data folder is empty"
        fix = "correct the file's name in engagement.yml or copy the file into data"
        raise AlignError(Problem("E-OPEN", what, where=name, allowed=allowed, fix=fix))
    with opened(folder, name, MAX_LIST if Path(name).suffix.lower() in LISTS else MAX_BYTES) as handle:
        return handle.read()


@contextmanager
def opened(folder: Path, name: str, most: int = MAX_BYTES) -> Iterator[BinaryIO]:
    """Which file is read here? Raises AlignError: E-TYPE (it has more bytes), E-OPEN, E-CHANGED (while it was read)."""
    with open_inside(folder, name) as handle:
        before = os.fstat(handle.fileno())
        if before.st_size > most:
            what, fix = f"the file is larger than {most // 1_000_000:,} MB", "split it, by year for instance"
            raise AlignError(Problem("E-TYPE", what, where=name, fix=fix))
        try:
            yield handle
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise AlignError(Problem("E-OPEN", what, where=name, fix="check its permissions")) from error
        after = os.fstat(handle.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise AlignError(Problem("E-CHANGED", "the file changed while it was read", where=name, fix="close it there"))


def refuse_other_types(name: str, kind: str, content: bytes) -> None:
    """Are these the bytes of a file of this kind? Raises AlignError (E-TYPE, E-EMPTY)."""
    if kind not in READABLE:
        only = " for this table, only for facts" if kind in LISTS else ""
        what, fix = f"files ending in {kind or 'nothing'} are not read{only}", "save it as .xlsx or .csv"
        if kind in ARCHIVES:
            fix = "unpack it, and name the file that was in it"
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


def _parquet_rows(content: bytes, reading: Reading) -> list[list[str]]:
    """All cells as text, the names first; numbers with the declared decimal sign, as a workbook's."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def shown(column: Any) -> list[str]:
        texts = pc.fill_null(pc.cast(column, pa.string()), "")
        has_point = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
        return list((pc.replace_substring(texts, ".", reading.decimal or ".") if has_point else texts).to_pylist())

    name = reading.file
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
        return [list(table.column_names), *map(list, zip(*map(shown, table.columns), strict=True))]
    except pa.ArrowNotImplementedError as error:
        what = "a column holds lists or records"
        raise AlignError(Problem("E-TYPE", what, where=name, fix="write it as text")) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise AlignError(Problem("E-CORRUPT", "the file is damaged", where=name, fix="export it again")) from error


def _listed_facts(text: str, name: str) -> tuple[list[list[str]], list[int]]:
    """Which rows does a checklist hold, a list of {fact, answer, owner, dated_on} under ``facts:``, and on which lines?

    >>> _listed_facts("facts:\\n- {fact: joint_head, answer: No}\\n- {fact: rules, owner: CRO}", "facts.yml")
    ([['fact', 'answer', 'owner'], ['joint_head', 'No', ''], ['rules', '', 'CRO']], [1, 2, 3])
    """
    data, lines = strict_yaml(text, name, "E-OPEN")
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


def header_depth(cells: list[list[str]], reading: Reading) -> int:
    """How many rows are the header? A survey's export shows it, unless the mapping says it."""
    is_survey = isinstance(reading, Input) and reading.table in ("responses", "respondents")
    if not is_survey or "header_rows" in reading.model_fields_set:
        return reading.header_rows
    from alignlib.intake.exports import recognise

    return recognise(cells[:3]).header_rows


def headed(cells: list[list[str]], lines: list[int], name: str, depth: int) -> Raw:
    """Which table has these header rows, and no rows yet?"""
    n = len(cells) - depth
    if n < 0:
        what = f"the file has fewer than {depth} header rows"
        raise AlignError(Problem("E-EMPTY", what, where=name, fix="export it again"))
    width = max(len(row) for row in cells[:depth])
    if width > MAX_COLUMNS:
        what = f"the header has {width} columns"
        raise AlignError(Problem("E-WIDTH", what, where=name, allowed=f"up to {MAX_COLUMNS}"))
    headers = [row + [""] * (width - len(row)) for row in cells[:depth]]
    return Raw(name, headers, [], [], n, "", lines=lines[depth:])


def sort_rows(raw: Raw, cells: list[list[str]], lines: list[int], first: int, pads: bool) -> int:
    """How many records, from ``first`` on, were filled up to the header's fields?

    Puts those into the table that have as many fields as its header, and tells which others there are.
    """
    width, padded = len(raw.headers[0]), 0
    rows: list[list[str]] = []
    records: list[int] = []
    for record, (row, line) in enumerate(zip(cells, lines, strict=True), start=first):
        if len(row) > width and not any(row[width:]):
            row = row[:width]  # a trailing delimiter: the extra field is always empty
        joined = "".join(row)
        if not joined or joined.isspace():
            raw.blank.append(record)
        elif (nul := "\0" in joined) or ((len(row) > width or (len(row) < width and not pads)) and not raw.is_workbook):
            why = "NUL bytes" if nul else f"{len(row)} fields, the header has {width}"
            raw.rejects.append(Reject(record, "", "E-NUL" if nul else "E-WIDTH", f"{why} (line {line})"))
            raw.rejected_text[record] = json.dumps(row, ensure_ascii=False)
        else:
            padded += len(row) < width and pads
            rows.append(row + [""] * (width - len(row)))
            records.append(record)
    raw.rows, raw.records = rows, records
    return padded


def judge(raw: Raw, cells: list[list[str]], lines: list[int], padded: int) -> None:
    """Do most records fit the header? ``cells`` are the first rows, the header's too. Raises AlignError (E-WIDTH)."""
    name, width, headers = raw.file, len(raw.headers[0]), raw.headers
    wrong = [reject.reason for reject in raw.rejects if reject.code == "E-WIDTH"]
    if len(wrong) > max(1, raw.read / 2):
        what = f"{len(wrong)} of {raw.read} records do not have the header's {width} fields, the first of them with "
        fix = "set delimiter or skip_rows in engagement.yml, delete what stands below the table, or export it again"
        if headers[0][0].startswith("# ") or headers[0][0] == "#":  # comments, as analytics tools write them
            below = (at for at, row in enumerate(cells) if not row[0].startswith("#"))
            fix = f"the header seems to stand lower: skip_rows: {lines[next(below, 0)] - 1}"
        raise AlignError(Problem("E-WIDTH", what + wrong[0], where=name, fix=fix))
    if padded:
        raw.notes.append(f"{count(padded, 'row')} of {name} filled up to the header's {width} fields, as declared.")
    if not raw.read:
        raw.notes.append(f"{name} has a header and no rows.")


def plain_name(name: str) -> str:
    """How are two column names compared: without case, invisible signs and doubled spaces?

    >>> plain_name("\\ufeff Lead\\u00a0 ID ")
    'lead id'
    """
    return _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", name))).strip().casefold()
