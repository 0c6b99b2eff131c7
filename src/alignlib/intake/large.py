"""How is a large text file read in pieces and kept by column, to exactly the records that a small one would give?

A piece that is plainly written (its quotation marks pair up, each record has the header's fields, no NUL) is parsed in
bulk, and its records are counted a second time from its line ends. Any other piece is read cell by cell by the same
code as a small file. So no fault is told in another way, and none is passed over.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from alignlib.engagement import Reading
from alignlib.intake import pieces
from alignlib.intake.columns import as_series, distinct
from alignlib.intake.delimited import codec_of, encoding_of, errors_of, no_text, text_notes, under_best_mark
from alignlib.intake.pieces import Seen, Stream, begin, exactly, pieces_of
from alignlib.intake.read import Raw, headed, header_depth, judge, opened, refuse_other_types, sort_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_HEADERS = 3
FIRST_ROWS, ENOUGH = 100, 1_000  # rows that are kept whole; rows after which texts are known to be many
FEW = 4  # a column is kept as categories while no more than one in so many of its texts is new
_QUOTE, _RETURN, _NEWLINE = b'"\r\n'


@dataclass
class Growing:
    """A table while its file is read: ``columns`` are the pieces of those kept; ``many`` are those with many texts.

    ``head``: its first rows, the header's among them, and their lines. ``alike`` counts the records, the header's among
    them, with as many fields as the first.
    """

    raw: Raw
    mark: str
    head: tuple[list[list[str]], list[int]]
    columns: "dict[int, list[pa.Array]]"
    records: "list[NDArray[np.int64]]" = field(default_factory=list)
    many: set[int] = field(default_factory=set)
    padded: int = 0
    alike: int = 0


def read_large(folder: Path, reading: Reading) -> Raw:
    """What does this large text file hold? As ``read_table`` says it, and with the same errors."""
    name = reading.file
    with opened(folder, name) as handle:
        head = handle.read(pieces.HEAD)
        refuse_other_types(name, Path(name).suffix.lower(), head)
        encoding = reading.encoding or encoding_of(handle)
        try:
            growing, seen = _read(handle, reading, codec_of(encoding, head))
        except UnicodeDecodeError as error:
            at = handle.tell() - len(error.object) + error.start
            raise no_text(handle, reading, encoding, at) from error
    raw = growing.raw
    raw.notes = text_notes(reading, encoding, seen.lost)
    judge(raw, *growing.head, growing.padded)
    raw.records, raw.sha256 = np.concatenate(growing.records), seen.digest.hexdigest()
    raw.columns = {at: _joined(growing.columns.pop(at)) for at in [*growing.columns]}
    return raw


def _read(handle: BinaryIO, reading: Reading, codec: str) -> tuple[Growing, Seen]:
    """What does the file hold under the delimiter that most of its records fit?"""
    errors = errors_of(reading)
    stream, declared = begin(pieces_of(handle, codec, errors, Seen()), reading)
    head = stream.text[: pieces.HEAD].decode("utf-8", "ignore")

    def read(mark: str) -> tuple[float, int, tuple[Growing, Seen]]:
        seen = Seen()
        growing = _grow(begin(pieces_of(handle, codec, errors, seen), reading)[0], mark, reading)
        n = growing.raw.read + len(growing.raw.headers)
        return growing.alike / n, len(growing.head[0][0]), (growing, seen)

    return under_best_mark(head, declared, read)


def _grow(stream: Stream, mark: str, reading: Reading) -> Growing:
    """Which records does the table have?"""
    from alignlib.intake.headers import columns_asked

    cells, lines = exactly(stream, mark, reading.file, pieces.HEAD)
    while len(cells) < MOST_HEADERS and stream.has(1):
        more, at = exactly(stream, mark, reading.file, pieces.HEAD)
        cells, lines = cells + more, lines + at
    depth = header_depth(cells, reading)
    raw = headed(cells, lines, reading.file, depth)
    raw.read = 0
    alike = sum(len(row) == len(cells[0]) for row in cells)
    growing = Growing(raw, mark, (cells, lines), {at: [] for at in columns_asked(reading, raw.headers)}, alike=alike)
    _add_rows(growing, cells[depth:], lines[depth:], reading)
    while stream.has(1):
        stream.has(pieces.PIECE)
        if found := _at_once(stream, growing):
            growing.alike += found * (len(raw.headers[0]) == len(cells[0]))
        else:
            more, at = exactly(stream, mark, reading.file, pieces.PIECE)
            growing.alike += sum(len(row) == len(cells[0]) for row in more)
            _add_rows(growing, more, at, reading)
    return growing


def _add_rows(growing: Growing, cells: list[list[str]], lines: list[int], reading: Reading) -> None:
    """Adds records that were read cell by cell."""
    import pyarrow as pa

    raw = growing.raw
    some = replace(raw, rows=[], records=[])
    growing.padded += sort_rows(some, cells, lines, raw.read + 1, reading.short_rows == "pad")
    raw.read += len(cells)
    if not any(map(len, growing.records)):
        raw.rows = some.rows[:FIRST_ROWS]
    growing.records.append(np.array(some.records, np.int64))
    for at in growing.columns:
        _add_column(growing, at, pa.array([row[at] for row in some.rows], pa.large_string()).dictionary_encode())


def _add_column(growing: Growing, at: int, texts: "pa.Array") -> None:
    """Adds the next texts of a column, and notes when they are found to be many."""
    import pyarrow as pa

    if isinstance(texts, pa.DictionaryArray) and len(texts) > ENOUGH and len(texts.dictionary) * FEW > len(texts):
        growing.many.add(at)
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
    is_row = np.ones(n, bool)
    if len(doubtful := _blank_as_kept(table)):
        whole = _parse(piece, growing, [*range(len(raw.headers[0]))]) or table
        is_row[doubtful] = [
            bool("".join(column[int(at)].as_py() for column in whole.columns).strip()) for at in doubtful
        ]
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


def _blank_as_kept(table: "pa.Table") -> "NDArray[np.int64]":
    """Which records may be blank as a whole, as their kept columns look?"""
    places = np.arange(table.num_rows)
    for column in sorted(map(as_series, table.columns), key=lambda column: not hasattr(column, "cat")):
        codes, texts, _ = distinct(column.iloc[places])
        places = places[np.array([not text or text.isspace() for text in texts], bool)[codes]]
    return places


def _joined(pieces: "list[pa.Array]") -> "pa.Array":
    """Which one array holds a column's pieces: as categories where all are, and few altogether?"""
    import pyarrow as pa

    if all(isinstance(piece, pa.DictionaryArray) for piece in pieces):
        whole = pa.chunked_array(pieces).unify_dictionaries().combine_chunks()
        return whole if len(whole.dictionary) * FEW <= len(whole) else whole.dictionary_decode()
    texts = [piece.dictionary_decode() if isinstance(piece, pa.DictionaryArray) else piece for piece in pieces]
    return pa.chunked_array(texts).combine_chunks()
