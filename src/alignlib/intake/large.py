"""How is a large text file read in pieces and kept by column, to exactly the records that a small one would give?

A piece that is plainly written (its quotation marks pair up, each record has the header's fields, no NUL) is parsed in
bulk, and its records are counted a second time from its line ends. Any other piece is read cell by cell by the same
code as a small file. So no fault is told in another way, and none is passed over.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast, overload

import numpy as np

from alignlib.engagement import Input, Reading
from alignlib.errors import AlignError, Problem
from alignlib.files import open_inside
from alignlib.intake import pieces
from alignlib.intake.columns import distinct, is_total, may_be_total, tidy_column
from alignlib.intake.delimited import DELIMITERS, codec_of, header_width, is_utf_16
from alignlib.intake.pieces import Seen, Stream, begin, exactly, no_text_at, pieces_of, second_guess
from alignlib.intake.read import Raw, headed, header_depth, judge, plain_name, refuse_other_types, sort_rows
from alignlib.words import count

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_HEADERS = 3
FIRST_ROWS, ENOUGH = 100, 1_000  # rows that are kept whole; rows after which texts are known to be many
FEW = 4  # a column is kept as categories while no more than one in so many of its texts is new
_QUOTE, _RETURN, _NEWLINE = b'"\r\n'


@dataclass
class Cells(Sequence[list[str]]):
    """The rows of a large file, kept by column, and only those columns that are asked for; the first rows are whole."""

    first: list[list[str]]
    columns: "dict[int, pa.Array]"
    length: int
    width: int

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, at: int) -> list[str]: ...
    @overload
    def __getitem__(self, at: slice) -> list[list[str]]: ...
    def __getitem__(self, at: int | slice) -> list[str] | list[list[str]]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(self.length))]
        at = at + self.length if at < 0 else at
        if not 0 <= at < self.length:
            raise IndexError(at)
        return self.first[at] if at < len(self.first) else [self.columns[n][at].as_py() for n in range(self.width)]

    def column(self, at: int) -> "pd.Series[str]":
        """What stands in this column, row by row: categories where they are few, else text?"""
        return _series(self.columns[at])


@dataclass
class Growing:
    """A table while its file is read: ``columns`` are the pieces of those kept; ``many`` are those with many texts.

    ``head``: its first rows, the header's among them, and their lines. ``alike`` counts the records, the header's among
    them, with as many fields as the first.
    """

    raw: Raw
    mark: str
    anchor: int | None
    columns: "dict[int, list[pa.Array]]"
    records: "list[NDArray[np.int64]]" = field(default_factory=list)
    many: set[int] = field(default_factory=set)
    head: tuple[list[list[str]], list[int]] = ([], [])
    padded: int = 0
    alike: int = 0


def read_large(folder: Path, reading: Reading) -> Raw:
    """What does this large text file hold? As ``read_table`` says it, and with the same errors."""
    name = reading.file
    with open_inside(folder, name) as handle:
        before = os.fstat(handle.fileno())
        head = handle.read(pieces.HEAD)
        refuse_other_types(name, Path(name).suffix.lower(), head)
        encoding: str = reading.encoding or ("utf-16" if is_utf_16(head) else "utf-8")
        is_certain = bool(reading.encoding) or encoding == "utf-16"
        try:
            raw = _read(handle, reading, codec_of(encoding, head), is_certain)
        except UnicodeDecodeError as error:
            if is_certain or ((encoding := second_guess(handle)) == "utf-8" and reading.encoding_errors == "refuse"):
                raise no_text_at(handle, reading, encoding, head) from error
            try:
                raw = _read(handle, reading, encoding, True)
            except UnicodeDecodeError as second:
                raise no_text_at(handle, reading, encoding, head) from second
        after = os.fstat(handle.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise AlignError(Problem("E-CHANGED", "the file changed while it was read", where=name, fix="close it there"))
    if encoding == "cp1252":
        raw.notes.insert(0, f"{name} is not UTF-8; it was read as Windows-1252 (cp1252).")
    return raw


def _read(handle: BinaryIO, reading: Reading, codec: str, is_certain: bool) -> Raw:
    """What does the file hold under the delimiter that most of its records fit?"""
    errors = "strict" if reading.encoding_errors == "refuse" or not is_certain else "replace"
    stream, declared = begin(pieces_of(handle, codec, errors, Seen()), reading)
    head = stream.text[: pieces.HEAD].decode("utf-8", "ignore")
    marks = [declared] if declared else [mark for mark in DELIMITERS if header_width(head, mark) > 1] or [","]
    tried: list[tuple[float, int, Growing, Seen]] = []
    refused: list[AlignError] = []
    for mark in marks:
        seen = Seen()
        stream, _ = begin(pieces_of(handle, codec, errors, seen), reading)
        try:
            growing = _grow(stream, mark, reading)
        except AlignError as error:
            refused.append(error)
            continue
        n = growing.raw.read + len(growing.raw.headers)
        tried.append((growing.alike / n, len(growing.head[0][0]), growing, seen))
    if not tried:
        raise refused[0]
    return _grown(*max(tried, key=lambda each: each[:2])[2:], reading)


def _grow(stream: Stream, mark: str, reading: Reading) -> Growing:
    """Which records does the table have?"""
    from alignlib.intake.headers import anchor_of, columns_asked, names_of

    cells, lines = exactly(stream, mark, reading.file, pieces.HEAD)
    while len(cells) < MOST_HEADERS and stream.has(1):
        more, at = exactly(stream, mark, reading.file, pieces.HEAD)
        cells, lines = cells + more, lines + at
    depth = header_depth(cells, reading)
    raw = headed(cells, lines, reading.file, depth, "", False)
    raw.read, kept = 0, columns_asked(reading, raw.headers)
    anchor = anchor_of(reading) if isinstance(reading, Input) and len(kept) < len(raw.headers[0]) else None
    place = names_of(raw.headers).get(plain_name(anchor or ""), [None])[0]
    growing = Growing(raw, mark, place, {at: [] for at in kept}, alike=sum(len(c) == len(cells[0]) for c in cells))
    growing.raw.totals = set() if len(kept) < len(raw.headers[0]) else None
    _add_rows(growing, cells[depth:], lines[depth:], reading)
    while stream.has(1):
        stream.has(pieces.PIECE)
        if found := _at_once(stream, growing):
            growing.alike += found * (len(raw.headers[0]) == len(cells[0]))
        else:
            more, at = exactly(stream, mark, reading.file, pieces.PIECE)
            growing.alike += sum(len(row) == len(cells[0]) for row in more)
            _add_rows(growing, more, at, reading)
    growing.head = cells, lines
    return growing


def _add_rows(growing: Growing, cells: list[list[str]], lines: list[int], reading: Reading) -> None:
    """Adds records that were read cell by cell."""
    import pyarrow as pa

    raw = growing.raw
    some = replace(raw, rows=[], records=[], rejects=raw.rejects)
    growing.padded += sort_rows(some, cells, lines, raw.read + 1, reading.short_rows == "pad")
    raw.read += len(cells)
    if not any(map(len, growing.records)):
        raw.rows = some.rows[:FIRST_ROWS]
    if raw.totals is not None:
        totals = (record for record, row in zip(some.records, some.rows, strict=True) if any(map(is_total, row)))
        raw.totals.update(totals)
    growing.records.append(np.array(some.records, np.int64))
    for at in growing.columns:
        _add_column(growing, at, pa.array([row[at] for row in some.rows], pa.large_string()).dictionary_encode())


def _add_column(growing: Growing, at: int, texts: "pa.Array") -> None:
    """Adds the next texts of a column: as categories as long as they are few."""
    import pyarrow as pa

    if isinstance(texts, pa.DictionaryArray) and len(texts.dictionary) * FEW > len(texts):
        growing.many |= {at} if len(texts) > ENOUGH else set()
        texts = texts.dictionary_decode() if at in growing.many else texts
    growing.columns[at].append(texts)


def _at_once(stream: Stream, growing: Growing) -> int:
    """How many records could be read in bulk? 0 when the next piece is not plainly written, or parsed otherwise."""
    import pyarrow as pa

    raw = growing.raw
    end, lines, n = _plain_records(stream, growing.mark)
    if not n:
        return 0
    piece = pa.py_buffer(memoryview(stream.text)[:end])
    table = _parse(piece, growing, [*growing.columns])
    if table is None or table.num_rows != n:
        return 0
    doubtful = _doubtful(table, growing)
    is_row = np.ones(n, bool)
    if doubtful.any():
        whole = _parse(piece, growing, [*range(len(raw.headers[0]))]) or table
        for place in np.flatnonzero(doubtful):
            row = [column[int(place)].as_py() for column in whole.columns]
            is_row[place] = bool("".join(row).strip())
            if is_row[place] and raw.totals is not None and any(map(is_total, row)):
                raw.totals.add(raw.read + 1 + int(place))
        raw.blank += (raw.read + 1 + np.flatnonzero(~is_row)).tolist()
    if not is_row.all():
        table = table.filter(pa.array(is_row))
    growing.records.append(raw.read + 1 + np.flatnonzero(is_row))
    for at, column in zip(growing.columns, table.columns, strict=True):
        _add_column(growing, at, column.combine_chunks())
    raw.read += n
    stream.drop(end, lines)
    return n


def _plain_records(stream: Stream, mark: str) -> tuple[int, int, int]:
    """Up to which byte are the next records plainly written, and how many line ends and records are that? Else 0."""
    text, no = stream.text, (0, 0, 0)
    signs = np.frombuffer(text, np.uint8)
    newlines = outer = np.flatnonzero(signs == _NEWLINE)
    quotes = np.flatnonzero(signs == _QUOTE) if b'"' in text else newlines[:0]
    if len(quotes):
        outer = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    end = len(text) if stream.is_whole else int(outer[-1]) + 1 if len(outer) else 0
    quotes, newlines = quotes[: np.searchsorted(quotes, end)], newlines[: np.searchsorted(newlines, end)]
    is_plain = len(mark) == 1 and mark.isascii() and end and text.find(b"\0", 0, end) < 0
    if not is_plain or not _pair_up(signs[:end], quotes, ord(mark)):
        return no
    if b"\r" in text:
        returns = np.flatnonzero(signs[:end] == _RETURN)
        if len(returns) and (returns[-1] + 1 == end or (signs[returns + 1] != _NEWLINE).any()):
            return no  # a carriage return alone ends a line too
    starts = np.append(0, outer + 1)
    lengths = np.append(outer, end) - starts
    is_empty = (lengths == 0) | ((lengths == 1) & (signs[np.minimum(starts, end - 1)] == _RETURN))
    return end, len(newlines), int((~is_empty).sum())


def _pair_up(signs: "NDArray[np.uint8]", quotes: "NDArray[np.int64]", mark: int) -> bool:
    """Does each quotation mark open a field, close one, or stand twice for one within?"""
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    edges = np.array([mark, _RETURN, _NEWLINE], np.uint8)
    before = (opening == 0) | np.isin(signs[opening - 1], edges)
    behind = closing + 1 == len(signs)
    behind |= np.isin(signs[np.minimum(closing + 1, len(signs) - 1)], edges)
    is_double = opening[1:] == closing[:-1] + 1
    before[1:] |= is_double
    behind[:-1] |= is_double
    return bool(before.all() and behind.all())


def _parse(piece: "pa.Buffer", growing: Growing, columns: list[int]) -> "pa.Table | None":
    """Which table do plainly written records make? None when one has more or fewer fields than the header."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(at) for at in range(len(growing.raw.headers[0]))]
    few = pa.dictionary(pa.int32(), pa.large_string())
    types = {names[at]: pa.large_string() if at in growing.many else few for at in columns}
    try:
        return csv.read_csv(
            pa.BufferReader(piece),
            csv.ReadOptions(use_threads=False, block_size=piece.size + 1, column_names=names),
            csv.ParseOptions(delimiter=growing.mark, newlines_in_values=True),
            csv.ConvertOptions(check_utf8=False, column_types=types, include_columns=[names[at] for at in columns],
                               strings_can_be_null=False),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return None


def _doubtful(table: "pa.Table", growing: Growing) -> "NDArray[np.bool_]":
    """Which records may be blank as a whole, or a total, as their kept columns look?"""
    columns = [_series(column) for column in table.columns]
    found = np.ones(table.num_rows, bool)
    for column in sorted(columns, key=lambda column: not hasattr(column, "cat")):
        if not found.any():
            break
        places = np.flatnonzero(found)
        codes, texts, _ = distinct(column.iloc[places])
        found[places] = np.array([not text or text.isspace() for text in texts], bool)[codes]
    if growing.anchor is not None:
        found |= may_be_total(tidy_column(columns[[*growing.columns].index(growing.anchor)])[0])
    return found


def _series(texts: "pa.ChunkedArray | pa.Array") -> "pd.Series[str]":
    """Which column holds these texts: as categories where they are few?"""
    import pandas as pd
    import pyarrow as pa

    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if not isinstance(texts, pa.DictionaryArray):
        return pd.Series(pd.array(texts, dtype="str"))
    categories = pd.Index(texts.dictionary.to_pandas(), dtype="str")
    return pd.Series(pd.Categorical.from_codes(texts.indices.to_numpy(), categories=categories))


def _grown(growing: Growing, seen: Seen, reading: Reading) -> Raw:
    """Which table is it, once all is read? Raises AlignError (E-WIDTH) when most records do not fit the header."""
    judge(growing.raw, *growing.head, growing.padded)
    raw, name = growing.raw, reading.file
    raw.records, first = cast("Sequence[int]", np.concatenate(growing.records)), cast("list[list[str]]", raw.rows)
    raw.sha256 = seen.digest.hexdigest()
    columns = {at: _joined(growing.columns.pop(at)) for at in [*growing.columns]}
    raw.rows = Cells(first, columns, len(raw.records), len(raw.headers[0]))
    notes = []
    if reading.encoding_errors == "replace" and seen.lost:
        notes.append(f"{count(seen.lost, 'sign')} of {name} could not be read; each is now \ufffd, as declared.")
    if reading.skip_rows:
        notes.append(f"The first {reading.skip_rows} lines of {name} were skipped, as declared.")
    raw.notes = [*notes, *raw.notes]
    return raw


def _joined(pieces: "list[pa.Array]") -> "pa.Array":
    """Which one array holds a column's pieces: as categories where all are, and few altogether?"""
    import pyarrow as pa

    if all(isinstance(piece, pa.DictionaryArray) for piece in pieces):
        whole = pa.chunked_array(pieces).unify_dictionaries()
        if len(whole.chunk(0).dictionary) * FEW <= len(whole):
            codes = (
                [chunk.indices.cast(pa.int16()) for chunk in whole.chunks]
                if len(whole.chunk(0).dictionary) < 2**15
                else []
            )
            made = [pa.DictionaryArray.from_arrays(each, whole.chunk(0).dictionary) for each in codes]
            return pa.chunked_array(made or whole.chunks).combine_chunks()
    texts = [piece.dictionary_decode() if isinstance(piece, pa.DictionaryArray) else piece for piece in pieces]
    return pa.chunked_array(texts).combine_chunks()
