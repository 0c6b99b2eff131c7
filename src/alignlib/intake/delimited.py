"""Which text do bytes spell, and which records does delimited text hold? Nothing guessed where it cannot be told."""

import csv
import io
import re

from alignlib.engagement import Reading
from alignlib.errors import AlignError, Problem

DELIMITERS = (",", ";", "\t", "|")
MAX_CELL = 16_000_000
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Why bytes are no text, when the encoding was found and not declared.
_NO_TEXT = {"utf-8": "is no UTF-8, while other letters are", "cp1252": "is neither UTF-8 nor Windows-1252"}
LETTER = re.compile("[\u0080-\ud7ff\ue000-\U0010ffff]")
SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
LINE = re.compile(r"\r\n|\n|\r")


def decode(content: bytes, reading: Reading) -> tuple[str, str]:
    """Which text do these bytes spell, and in which encoding? Found from all of them; Latin-1 only when declared."""
    encoding = reading.encoding or _encoding_of(content)
    codec = codec_of(encoding, content)
    try:
        text = content.decode(codec, "strict" if reading.encoding_errors == "refuse" else "replace")
    except UnicodeDecodeError as error:
        at = error.start
        line = len(LINE.findall(content[:at].decode("latin-1"))) + 1
        raise AlignError(no_text(reading, encoding, at, content[at], line)) from error
    return text.removeprefix("\ufeff") if codec == "utf-8" else text, encoding


def codec_of(encoding: str, head: bytes) -> str:
    """By which codec is text in this encoding read that begins so? UTF-16 without a mark is told by its NULs."""
    if encoding != "utf-16" or head.startswith(UTF_16):
        return encoding
    return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"


def no_text(reading: Reading, encoding: str, at: int, byte: int, line: int) -> Problem:
    """Which problem says that a byte is no text in this encoding?"""
    why = f"is no {encoding}" if reading.encoding else _NO_TEXT.get(encoding, f"is no {encoding}")
    fix = "save it as UTF-8, set its encoding at this input, or lose such letters: encoding_errors: replace"
    where, allowed = f"{reading.file}, line {line}", "utf-8, utf-16, cp1252, latin-1"
    return Problem("E-ENC", f"byte {at} (0x{byte:02X}) {why}", where=where, allowed=allowed, fix=fix)


def _encoding_of(content: bytes) -> str:
    if is_utf_16(content):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        # UTF-8 letters beside bytes that are none: two encodings in one file, to be refused. Without: Windows-1252.
        return "utf-8" if LETTER.search(content.decode("utf-8", "surrogateescape")) else "cp1252"
    return "utf-8"


def is_utf_16(content: bytes) -> bool:
    """Do these bytes begin with its mark, or hold many NULs at every second place?"""
    head = content[:100_000]
    return content.startswith(UTF_16) or max(head[::2].count(0), head[1::2].count(0)) > 0.3 * len(head) / 2


def delimited(text: str, reading: Reading) -> tuple[list[list[str]], list[int]]:
    """Which records does delimited text hold, and on which line does each start?"""
    declared, first = reading.delimiter, 1
    if said := SEP_LINE.match(text):
        declared, text, first = declared or said[1], text[said.end() :], 2
    for _ in range(reading.skip_rows):
        end = LINE.search(text)
        text, first = (text[end.end() :] if end else ""), first + 1
    marks = [declared] if declared else [mark for mark in DELIMITERS if header_width(text, mark) > 1] or [","]
    tried: list[tuple[float, int, list[list[str]], list[int]]] = []
    refused: list[AlignError] = []
    for mark in marks:
        try:
            rows, lines = records_of(text, mark, reading.file, first)
        except AlignError as error:
            refused.append(error)
            continue
        width = len(rows[0]) if rows else 0
        tried.append((sum(len(row) == width for row in rows) / max(len(rows), 1), width, rows, lines))
    if not tried:
        raise refused[0]
    # Several marks stand in the header: take the one under which most rows have as many fields as the header.
    return max(tried, key=lambda each: each[:2])[2:]


def header_width(text: str, delimiter: str) -> int:
    """How many fields has the first record under this delimiter?"""
    try:
        return next((len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), 0)
    except csv.Error:
        return 0


def records_of(text: str, delimiter: str, name: str, first_line: int) -> tuple[list[list[str]], list[int]]:
    """Which records does a text hold, and on which line does each start? Raises AlignError (E-QUOTE)."""
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
        where = f"{name}, line {first_line + len(LINE.findall(text[:at]))}"
        what = "a quotation mark is opened here and not closed properly"
        fix = 'close it, or write a quotation mark inside a quoted field twice ("")'
        raise AlignError(Problem("E-QUOTE", what, where=where, fix=fix)) from error
    return rows, lines
