"""Which text do bytes spell, and which records does delimited text hold? Nothing guessed where it cannot be told."""

import codecs
import csv
import io
import re
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from alignlib.engagement import Reading
from alignlib.errors import AlignError, Problem
from alignlib.words import count

Table = TypeVar("Table")
DELIMITERS = (",", ";", "\t", "|")
MAX_CELL = 16_000_000
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Why bytes are no text, when the encoding was found and not declared.
_NO_TEXT = {"utf-8": "is no UTF-8, while other letters are", "cp1252": "is neither UTF-8 nor Windows-1252"}
_BLOCK = 1 << 20  # bytes that are looked at together
_LETTER = re.compile("[\u0080-\ud7ff\ue000-\U0010ffff]")
SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
LINE = re.compile(r"\r\n|\n|\r")


def decode(content: bytes, reading: Reading) -> tuple[str, str]:
    """Which text do these bytes spell, and in which encoding? Found from all of them; Latin-1 only when declared."""
    handle = io.BytesIO(content)
    encoding = reading.encoding or encoding_of(handle)
    codec = codec_of(encoding, content)
    try:
        text = content.decode(codec, errors_of(reading))
    except UnicodeDecodeError as error:
        raise no_text(handle, reading, encoding, error.start) from error
    return text.removeprefix("\ufeff") if codec == "utf-8" else text, encoding


def encoding_of(handle: BinaryIO) -> str:
    """In which encoding is this file? UTF-16 has its mark or many NULs; one UTF-8 letter makes it UTF-8, whole.

    So UTF-8 letters beside bytes that are none, two encodings in one file, are refused; without: Windows-1252.
    """
    handle.seek(0)
    head = handle.read(100_000)
    if head.startswith(UTF_16) or max(head[::2].count(0), head[1::2].count(0)) > 0.3 * len(head) / 2:
        return "utf-16"
    handle.seek(0)
    decoder, encoding, block = codecs.getincrementaldecoder("utf-8")("surrogateescape"), "utf-8", b"\0"
    while block:
        block = handle.read(_BLOCK)
        text = decoder.decode(block, not block)
        if not text.isascii():
            if _LETTER.search(text):
                return "utf-8"
            encoding = "cp1252"
    return encoding


def codec_of(encoding: str, head: bytes) -> str:
    """By which codec is text in this encoding read that begins so? UTF-16 without a mark is told by its NULs."""
    if encoding != "utf-16" or head.startswith(UTF_16):
        return encoding
    return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"


def errors_of(reading: Reading) -> str:
    """What becomes of bytes that are no text, in the words of Python's codecs?"""
    return "strict" if reading.encoding_errors == "refuse" else "replace"


def no_text(handle: BinaryIO, reading: Reading, encoding: str, at: int) -> AlignError:
    """Which error says that the byte at this place of the file is no text in this encoding, and on which line?"""
    handle.seek(0)
    ends, lines = io.IncrementalNewlineDecoder(None, translate=True), 1
    for start in range(0, at, _BLOCK):
        lines += ends.decode(handle.read(min(_BLOCK, at - start)).decode("latin-1")).count("\n")
    lines += ends.decode("", final=True).count("\n")
    why = f"is no {encoding}" if reading.encoding else _NO_TEXT.get(encoding, f"is no {encoding}")
    what = f"byte {at} (0x{handle.read(1).hex().upper()}) {why}"
    fix = "save it as UTF-8, set its encoding at this input, or lose such letters: encoding_errors: replace"
    where, allowed = f"{reading.file}, line {lines}", "utf-8, utf-16, cp1252, latin-1"
    return AlignError(Problem("E-ENC", what, where=where, allowed=allowed, fix=fix))


def text_notes(reading: Reading, encoding: str, lost: int) -> list[str]:
    """What is to be noted of how a text file was read? ``lost``: signs that could not be."""
    notes = []
    if encoding == "cp1252":
        notes.append(f"{reading.file} is not UTF-8; it was read as Windows-1252 (cp1252).")
    if reading.encoding_errors == "replace" and lost:
        notes.append(f"{count(lost, 'sign')} of {reading.file} could not be read; each is now \ufffd, as declared.")
    if reading.skip_rows:
        notes.append(f"The first {reading.skip_rows} lines of {reading.file} were skipped, as declared.")
    return notes


def delimited(text: str, reading: Reading) -> tuple[list[list[str]], list[int]]:
    """Which records does delimited text hold, and on which line does each start?"""
    declared, first = reading.delimiter, 1
    if said := SEP_LINE.match(text):
        declared, text, first = declared or said[1], text[said.end() :], 2
    for _ in range(reading.skip_rows):
        end = LINE.search(text)
        text, first = (text[end.end() :] if end else ""), first + 1

    def read(mark: str) -> tuple[float, int, tuple[list[list[str]], list[int]]]:
        rows, lines = records_of(text, mark, reading.file, first)
        width = len(rows[0]) if rows else 0
        return sum(len(row) == width for row in rows) / max(len(rows), 1), width, (rows, lines)

    return under_best_mark(text, declared, read)


def under_best_mark(text: str, declared: str | None, read: Callable[[str], tuple[float, int, Table]]) -> Table:
    """What does ``read`` find under the delimiter that this text declares, or else under the one that fits best?

    Asked are those that stand in the header. ``read`` says which share of the records has as many fields as the header,
    how many those are, and what it found; where it fails under every delimiter, its first error is raised.
    """
    marks = [declared] if declared else [mark for mark in DELIMITERS if header_width(text, mark) > 1] or [","]
    found: list[tuple[float, int, Table]] = []
    refused: list[AlignError] = []
    for mark in marks:
        try:
            found.append(read(mark))
        except AlignError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return max(found, key=lambda each: each[:2])[2]


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
