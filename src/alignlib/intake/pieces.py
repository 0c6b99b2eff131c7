"""How is a large text file taken piece by piece as UTF-8, hashed on the way, each piece ending with a record?"""

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from alignlib.engagement import Reading
from alignlib.errors import AlignError
from alignlib.intake.delimited import SEP_LINE, records_of

PIECE, HEAD = 1 << 24, 1 << 18  # bytes that are read at once, and at first
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LOST = "\ufffd".encode()


@dataclass
class Seen:
    """What was taken from a file: the digest of its bytes, and how many of its signs could not be read."""

    digest: Any = field(default_factory=hashlib.sha256)
    lost: int = 0


@dataclass
class Stream:
    """What is still to be read of a file, as UTF-8: ``text``, at hand, begins with a record on ``line``."""

    pieces: Iterator[bytes]
    text: bytes = b""
    is_whole: bool = False
    line: int = 1

    def has(self, size: int) -> bool:
        """Are so many bytes at hand, once more was read?"""
        while len(self.text) < size and not self.is_whole:
            piece = next(self.pieces, None)
            self.is_whole = piece is None
            self.text += piece or b""
        return len(self.text) >= size

    def drop(self, size: int, lines: int) -> None:
        """Leaves behind what was read."""
        self.text, self.line = self.text[size:], self.line + lines


def pieces_of(handle: BinaryIO, codec: str, errors: str, seen: Seen) -> Iterator[bytes]:
    """Which UTF-8 do the bytes of this file spell, piece by piece? Raises UnicodeDecodeError."""
    handle.seek(0)
    decoder, is_first, held = codecs.getincrementaldecoder(codec)(errors), True, False
    while data := handle.read(PIECE):
        seen.digest.update(data)
        if codec != "utf-8" or held or not data.isascii():
            data = decoder.decode(data).encode("utf-8")
            held = bool(decoder.getstate()[0])
            seen.lost += data.count(_LOST)
        yield data.removeprefix(codecs.BOM_UTF8) if is_first and codec == "utf-8" else data
        is_first = False
    data = decoder.decode(b"", True).encode("utf-8")
    seen.lost += data.count(_LOST)
    yield data


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def begin(pieces: Iterator[bytes], reading: Reading) -> tuple[Stream, str | None]:
    """Where does the table begin, behind a line sep= and those that are skipped, and which delimiter was said?"""
    stream, declared = Stream(pieces), reading.delimiter
    stream.has(HEAD)
    if said := SEP_LINE.match(stream.text[:HEAD].decode("utf-8", "ignore")):
        declared = declared or said[1]
        stream.drop(len(said[0].encode()), 1)
    for _ in range(reading.skip_rows):
        while not ((end := _LINE_END.search(stream.text)) and (end.end() < len(stream.text) or stream.is_whole)):
            if not stream.has(len(stream.text) + 1):
                break
        stream.drop(end.end() if end else len(stream.text), 1)
    return stream, declared


def exactly(stream: Stream, mark: str, name: str, size: int) -> tuple[list[list[str]], list[int]]:
    """Which records do the next bytes hold, so many or more, read cell by cell, and on which line does each start?

    What ends within a quoted field is taken further, until the field ends or is found to be too long for one.
    """
    while True:
        if not stream.has(1):
            return [], []
        stream.has(size)
        end = len(stream.text) if stream.is_whole and size >= len(stream.text) else _end_of_line(stream.text, size)
        try:
            if end:
                found = records_of(stream.text[:end].decode("utf-8"), mark, name, stream.line)
                stream.drop(end, _line_ends(stream.text[:end]))
                return found
        except AlignError as error:
            is_open = str(error.__cause__) == "unexpected end of data"
            if not is_open or (end == len(stream.text) and stream.is_whole):
                raise
        size = 2 * size


def _end_of_line(text: bytes, size: int) -> int:
    """Behind which line end may these bytes be parted, as late as possible? 0 when there is none."""
    found = text.rfind(b"\n", 0, size)
    return 1 + (found if found >= 0 else text.rfind(b"\r", 0, min(size, len(text)) - 1))
