"""Client files made at random that know what they hold: the exact texts, and what must become of each record.

Nothing here uses the readers under test. ``draw`` is a ``random.Random``: hypothesis gives one that it can shrink, and
the seeds of the fuzzing (tests/fuzz) come from a plain one.
"""

import datetime as dt
import io
import json
import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import survey_files
import xlsxwriter

from alignlib.instrument import read_instrument

USED, EXCLUDED, REJECTED = "used", "excluded", "rejected"
Cells = list[str]
BASE: dict[str, Any] = {
    "version": "1", "client": "Test Client", "period": {"start": "2024-01-01", "end": "2024-12-31"},
    "as_of": "2025-01-31", "currency": "EUR", "timezone": "UTC",
}  # fmt: skip
# Texts that were data once too often and code the next time, and letters that readers trip over.
HOSTILE = (
    "NA", "null", "None", "nan", "Null", "#N/A?", "TRUE", "00123", "12E5", "1e308", "+49 30 1", "-", "=1+1", "@SUM(A1)",
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "{{7*7}}", "${x}", "%s%n", "../../etc/passwd", "'; drop table x",
    '"', '""', "'", '5" pipe', 'a "quoted" b', ",", ";", "\t", "|", "a,b;c|d", "\n", "line\nline", "a\r\nb", "\r", "\\",
    "\\n", "\\\"", "Zoë", "Zoe\u0308", "Ångström", "ﬁ", "日本語", "עברית", "🙂", "👩‍👩‍👧", "\u202eabc", "a\u200bb",
    "\u00a0x\u00a0", " padded ", "\ufeffx", "\u2028", "\x85", "\x0b", "\x1a", "\x7f", "\x1c", "€ 5", "“curly”",
    "x" * 40, "Total of nothing", "sep=;", "2024-01-01", "01/02/2024", "12:30", "NO", "_x0041_", "&amp;", "]]>",
)  # fmt: skip


@dataclass
class Record:
    """One record as it was written, and what must become of it: its fate, why, and the values of our columns."""

    cells: Cells
    fate: str = USED
    codes: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Made:
    """A file, how its input is declared, its records in order, and the codes for which all of it must or may go."""

    entry: dict[str, Any]
    content: bytes
    header: Cells
    records: list[Record]
    refused: tuple[str, ...] = ()
    may_be_refused: tuple[str, ...] = ()
    as_text: tuple[int, ...] = (0, 1, 2, 3, 4)  # columns that hold text in the file itself

    @property
    def name(self) -> str:
        return str(self.entry["file"])

    def settings(self) -> dict[str, Any]:
        return BASE | {"survey": {"segments": survey_files.SEGMENTS}, "inputs": [self.entry]}


# --- what is said of a file by itself ---------------------------------------------------------------------------------


def split_records(text: str, mark: str) -> list[Cells] | None:
    """Which records does delimited text hold? A machine of four states, one letter at a time; None at a bad quote.

    An empty line is no record. A quotation mark opens a field only at its beginning.
    """
    records: list[Cells] = []
    record: Cells = []
    cell, state, is_empty = "", "start", True
    for at, letter in enumerate(text):
        if letter == "\n" and state != "quoted" and at and text[at - 1] == "\r":
            continue  # the second half of one line's end
        if state == "quoted":
            state = "closed" if letter == '"' else state
            cell += "" if letter == '"' else letter
        elif letter in "\r\n":
            if not is_empty:
                records.append([*record, cell])
            record, cell, state, is_empty = [], "", "start", True
            continue
        elif letter == mark:
            record, cell, state = [*record, cell], "", "start"
        elif state == "closed":
            if letter != '"':
                return None
            cell, state = cell + letter, "quoted"
        elif letter == '"' and state == "start":
            state = "quoted"
        else:
            cell, state = cell + letter, "bare"
        is_empty = False
    if state == "quoted":
        return None
    return records if is_empty else [*records, [*record, cell]]


def lost_records(raw: Any, text: str, mark: str, skip: int = 0) -> str:
    """What does a read file (with ``rows``, ``records``, ``rejected_text``, ``blank``) hold otherwise than its text?

    "" when each record that the machine of four states finds is there once, letter by letter.
    """
    for _ in range(skip):
        text = re.split("\r\n|\n|\r", text, maxsplit=1)[-1] if re.search("[\r\n]", text) else ""
    records = split_records(text, mark)
    if not records:
        return "a bad quotation mark was not told" if records is None else "an empty file was not told"
    width, found = len(records[0]), dict(zip(raw.records, raw.rows, strict=True))
    if raw.read != len(records) - 1 or raw.headers != records[:1]:
        return f"{raw.read} records were read of {len(records) - 1}, under {raw.headers}"
    for nr, cells in enumerate(records[1:], 1):
        kept = cells if any(cells[width:]) else cells[:width]
        places = [list(found[nr]) == kept if nr in found else None,
                  json.loads(raw.rejected_text[nr]) == kept if nr in raw.rejected_text else None,
                  not "".join(cells).strip() if nr in raw.blank else None]  # fmt: skip
        if [place for place in places if place is not None] != [True]:
            return f"record {nr} {cells} stands otherwise: {found.get(nr)}, {raw.rejected_text.get(nr)}, {places}"
    return ""


def tidied(text: str) -> str:
    """What is kept of a cell, as documented: composed letters, no spaces or invisible signs at the ends."""
    kept = unicodedata.normalize("NFC", text)
    invisible = "\u200b\u200c\u200d\u2060\ufeff\u00a0"
    while kept and (kept[0].isspace() or kept[0] in invisible):
        kept = kept[1:]
    while kept and (kept[-1].isspace() or kept[-1] in invisible):
        kept = kept[:-1]
    return kept


# --- values and how people write them ---------------------------------------------------------------------------------

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# How a column of dates is written: (pattern, what has to be declared, hours east of UTC, whether it has a time).
DATES: tuple[tuple[str, dict[str, str], int, bool], ...] = (
    ("{y}-{m:02}-{d:02}", {}, 0, False),
    ("{y}/{m}/{d}", {}, 0, False),
    ("{d:02}.{m:02}.{y}", {"date_order": "dmy"}, 0, False),
    ("{d}/{m}/{y}", {"date_order": "dmy"}, 0, False),
    ("{m}/{d}/{y}", {"date_order": "mdy"}, 0, False),
    ("{m:02}/{d:02}/{yy:02}", {"date_order": "mdy"}, 0, False),
    ("{d} {month} {y}", {}, 0, False),
    ("{month}. {d}, {y}", {}, 0, False),
    ("{y}-{m:02}-{d:02}T{H:02}:{M:02}:{S:02}Z", {}, 0, True),
    ("{y}-{m:02}-{d:02} {H:02}:{M:02}", {}, 0, True),
    ("{y}-{m:02}-{d:02}T{H:02}:{M:02}:{S:02}.000+02:00", {}, 2, True),
    ("{y}-{m:02}-{d:02} {H:02}:{M:02}:{S:02}-0530", {}, -5, True),
    ("{d:02}.{m:02}.{y}, {H:02}:{M:02}", {"date_order": "dmy"}, 0, True),
    ("{m}/{d}/{y} {h}:{M:02} {half}", {"date_order": "mdy"}, 0, True),
)
GAPS = {"{y}-{m:02}-{d:02} {H:02}:{M:02}:{S:02}-0530": dt.timedelta(minutes=-30)}


def a_text(draw: Random, refused: str = "") -> str:
    """A text as nobody should write it, of at most a line, without the letters that a format cannot hold."""
    way = draw.randint(0, 9)
    if way == 0:
        text = ""
    elif way < 8:
        text = draw.choice(HOSTILE)
    else:
        ends = ((1, 0x2FF), (1, 0x2FF), (0x300, 0xD7FF))
        text = "".join(chr(draw.randint(*draw.choice(ends))) for _ in "1234")
    return "".join(letter for letter in text if letter not in refused)


def written(pattern: str, at: dt.datetime, day: int = 0) -> str:
    """How does this way of writing show the moment, or an impossible day of its month?"""
    return pattern.format(
        y=at.year, yy=at.year % 100, m=at.month, d=day or at.day, month=MONTHS[at.month - 1], H=at.hour, M=at.minute,
        S=at.second, h=(at.hour + 11) % 12 + 1, half="PM" if at.hour >= 12 else "AM",
    )  # fmt: skip


def meant(way: tuple[str, dict[str, str], int, bool], at: dt.datetime) -> dt.datetime:
    """Which moment (UTC, no zone) does a moment written in this way mean? What the way does not say is lost."""
    pattern, _, east, is_time = way
    kept = at.replace(second=at.second if "{S" in pattern else 0) if is_time else dt.datetime(at.year, at.month, at.day)
    return kept - dt.timedelta(hours=east) - GAPS.get(pattern, dt.timedelta())


def a_moment(draw: Random, year: int = 2024) -> dt.datetime:
    day = dt.datetime(year, 1, 3) + dt.timedelta(days=draw.randint(0, 355 if year != 2025 else 20))
    return day + dt.timedelta(seconds=draw.choice((0, 43_200, draw.randint(0, 86_399))))


def a_number(draw: Random, decimal: str, places: int = 2) -> tuple[str, Decimal]:
    """A number below a thousand million as people write it with this decimal sign, and what it means."""
    value = Decimal(draw.choice((0, 7, draw.randint(-99_999, 999_999_999)))) / 10**places
    whole, _, rest = f"{abs(value):.{places}f}".partition(".")
    thousands = draw.choice(("", "", "\u00a0", " ", "'", "," if decimal == "." else "."))
    grouped = f"{int(whole):,}".replace(",", thousands)
    text = grouped + (decimal + rest if places else "")
    if value < 0:
        text = draw.choice((f"-{text}", f"({text})", f"{text}-", f"\u2212{text}"))
    elif draw.random() < 0.1:
        text = f"+{text}"
    return text, value


# --- leads: the rows that all table formats are made of ---------------------------------------------------------------

OURS = {"lead_id": "id", "created_at": "created", "source": "source", "score": "score", "is_converted": "converted"}
FLAGS = {"yes": True, "No": False, "TRUE": True, "false": False, "1": True, "0": False, "": None}
FATES = ("good",) * 14 + ("blank", "no id", "bad day", "future", "outside", "no number", "no flag", "total", "twice")


@dataclass
class Way:
    """How one file writes its dates and numbers, and which letters its format cannot hold."""

    date: tuple[str, dict[str, str], int, bool]
    decimal: str
    refused: str = "\0"

    def declared(self) -> dict[str, Any]:
        return self.date[1] | {"decimal": self.decimal}


def a_way(draw: Random, refused: str = "\0") -> Way:
    return Way(draw.choice(DATES), draw.choice((".", ",")), refused)


def a_lead(draw: Random, way: Way, nr: int, kind: str, width: int) -> Record:
    """One record of leads of this kind; ``width`` counts our five columns and those that nobody maps."""
    year = {"future": 2026, "outside": draw.choice((2023, 2025))}.get(kind, 2024)
    at, pattern = a_moment(draw, year), way.date[0]
    number, score = a_number(draw, way.decimal)
    source, flag = a_text(draw, way.refused), draw.choice(list(FLAGS))
    more = [a_text(draw, way.refused) for _ in range(width - 5)]
    cells = [f"{draw.choice(('L', '00', 'é-', '12E', ''))}{nr}", written(pattern, at), source, number, flag, *more]
    values = {"lead_id": cells[0], "created_at": meant(way.date, at), "source": tidied(source) or None,
              "score": float(score), "is_converted": FLAGS[flag]}  # fmt: skip
    if kind == "blank":
        return Record([draw.choice(("", " ", "")) for _ in cells], EXCLUDED, ("empty row",))
    if kind == "total":
        return Record(["Total", *["" for _ in cells[1:]]], REJECTED, ("E-TOTAL",))
    if kind == "outside":
        return Record(cells, EXCLUDED, ("created outside the period",), values)
    if kind == "no id":
        cells[0] = ""
        return Record(cells, REJECTED, ("E-VALUE",), values)
    wrong = {"bad day": (1, written(pattern, at.replace(day=1, month=2), 30), "E-DATE"),
             "future": (1, cells[1], "E-FUTURE"),
             "no number": (3, draw.choice(("about 5", "1.2.3,4", "--", "inf", "nan", "1e999")), "E-NUM"),
             "no flag": (4, draw.choice(("maybe", "2", "y e s")), "E-VALUE")}  # fmt: skip
    if kind in wrong:
        place, cells[place], code = wrong[kind]
        if kind != "future":
            values[list(OURS)[place]] = None
        return Record(cells, REJECTED, (code,), values)
    return Record(cells, values=values)


def some_leads(draw: Random, way: Way, width: int, kinds: tuple[str, ...] = FATES) -> list[Record]:
    records: list[Record] = []
    for nr in range(draw.randint(0, 12)):
        kind = draw.choice(kinds)
        good = [record for record in records if record.fate == USED]
        if kind == "twice" and good:
            first = draw.choice(good)
            records.append(Record(list(first.cells), EXCLUDED, ("identical duplicate",), first.values))
        else:
            records.append(a_lead(draw, way, nr, kind, width))
    return records


def a_header(draw: Random, width: int, refused: str = "") -> Cells:
    """Our five columns, spelled loosely, and columns that nobody asked for: odd, empty, doubled."""
    loose = [draw.choice((name, name.title(), f" {name} ", f"\u200b{name}", name.upper())) for name in OURS.values()]
    odd = ("", "extra", "extra", "Notes, and more", 'the "rest"', "a;b", "x|y", "two\nlines", "=1+1", "<b>", "Größe")
    rest = [draw.choice(odd) for _ in range(width - 5)]
    return ["".join(letter for letter in cell if letter not in refused) for cell in [*loose, *rest]]


# --- delimited text ---------------------------------------------------------------------------------------------------

ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")


def written_field(draw: Random, cell: str, mark: str, style: str) -> str:
    """How is one cell written: bare where that is safe, quoted where it must be or where the style likes to?"""
    must = any(letter in cell for letter in (mark, "\r", "\n")) or cell.startswith('"')
    likes = style == "all" or (style == "some" and draw.random() < 0.4)
    if must or likes or ('"' in cell and style != "loose"):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def as_text(draw: Random, rows: list[Cells], mark: str, newline: str) -> str:
    """How are these rows written, with needless quotes, empty lines and line ends of one kind or of all?"""
    style = draw.choice(("needed", "all", "some", "loose"))
    lines = []
    for nr, row in enumerate(rows):
        end = newline or draw.choice(("\n", "\r\n", "\r"))
        is_last = nr == len(rows) - 1 and draw.random() < 0.5
        text = mark.join(written_field(draw, cell, mark, style) for cell in row)
        text = text or '""'  # one empty cell is a record only in quotes
        empty = (newline or "\n") * (draw.random() < 0.08)
        lines.append(text + ("" if is_last else end + empty))
    return "".join(lines)


def encoded(draw: Random, text: str) -> tuple[bytes, dict[str, str]]:
    """The bytes of a text, and its encoding where that must be declared (or sometimes is)."""
    name = draw.choice(ENCODINGS)
    if name == "cp1252" and text.encode("cp1252", "ignore").decode("cp1252") != text:
        name = "utf-8"
    content = text.encode(name)
    zeros = max(content[0::2].count(0), content[1::2].count(0)) / max(len(content) / 2, 1)
    is_certain = {
        "utf-16-le": zeros > 0.35, "utf-16-be": zeros > 0.35, "utf-8": zeros < 0.25, "utf-8-sig": zeros < 0.25,
        "cp1252": zeros < 0.25 and not re.search(rb"[\x80-\xff]{2}", content),  # else it may read as UTF-8
    }.get(name, True)  # fmt: skip
    plain = name.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    return content, {} if is_certain and draw.random() < 0.7 else {"encoding": plain}


def delimited_file(draw: Random) -> Made:
    """A text file of leads, with all that real ones have: ragged rows, NULs, footers, preambles, odd quotes."""
    mark, newline = draw.choice(",;\t|"), draw.choice(("\n", "\r\n", "\r", ""))
    way, width = a_way(draw), draw.randint(5, 8)
    header, records = a_header(draw, width), some_leads(draw, way, width)
    twins = [record.cells for record in records if record.codes == ("identical duplicate",)]
    for record in records:
        if record.fate == USED and record.cells not in twins and draw.random() < 0.12:
            _spoil(draw, record, width)
    if draw.random() < 0.15:  # what reports end with
        records.append(Record(["Generated by A. Person", "2024"], REJECTED, ("E-WIDTH",)))
    if draw.random() < 0.1:  # a mark too many at the end of each row
        for record in records:
            record.cells = [*record.cells, ""] if len(record.cells) == width else record.cells
    skip, is_told = draw.choice((0, 0, 0, 1, 3)), draw.choice(("", "", "delimiter", "sep="))
    said = f"sep={mark}\r\n" if is_told == "sep=" else "Report, exported\n" * skip
    text = said + as_text(draw, [header, *(record.cells for record in records)], mark, newline)
    content, encoding = encoded(draw, text)
    entry: dict[str, Any] = {"file": "leads.csv", "table": "leads", "columns": OURS} | way.declared() | encoding
    entry |= {"skip_rows": str(skip)} if skip and is_told != "sep=" else {}
    entry |= {"delimiter": mark} if is_told == "delimiter" else {}
    ragged = sum("E-WIDTH" in record.codes for record in records)
    must = ("E-WIDTH",) if ragged > max(1, len(records) / 2) else ()
    # a header that holds another mark as well may leave open which of the two parts it
    is_open = not is_told and any(other in cell for cell in header for other in ",;\t|")
    return Made(entry, content, header, records, must, ("E-MAP", "E-WIDTH", "E-QUOTE") if is_open else ())


def _spoil(draw: Random, record: Record, width: int) -> None:
    """Makes a record one that cannot be used: a field too many or too few, or a NUL."""
    kind = draw.choice(("long", "short", "nul"))
    if kind == "long":
        record.cells = [*record.cells, draw.choice(("x", "surplus, surely"))]
    elif kind == "short":
        record.cells = record.cells[: draw.randint(1, width - 1)]
    else:
        place = draw.randint(0, width - 1)
        record.cells[place] = record.cells[place] + "\0" + "y"
    record.fate, record.codes = REJECTED, ("E-NUL",) if kind == "nul" else ("E-WIDTH",)


# --- workbooks --------------------------------------------------------------------------------------------------------


def workbook_file(draw: Random) -> Made:
    """A workbook of leads: typed cells and texts, several sheets, hidden and empty rows, errors, both date systems."""
    way, width = a_way(draw, refused="\0\r"), draw.randint(5, 7)  # the writer leaves CR to be lost, as XML has it
    typed = {place for place in (1, 3, 4) if draw.random() < 0.6}
    way.date = ("{y}-{m:02}-{d:02} {H:02}:{M:02}:{S:02}", {}, 0, True) if 1 in typed else way.date
    header, skip = a_header(draw, width, "\0\r"), draw.choice((0, 0, 2))
    records = _with_errors(draw, [r for r in some_leads(draw, way, width) if r.codes != ("empty row",)], width)
    out, sheet = io.BytesIO(), draw.choice(("Leads", "Größe & <b>", "x"))
    book = xlsxwriter.Workbook(out, {
        "in_memory": True, "date_1904": draw.random() < 0.3, "constant_memory": draw.random() < 0.3,
        "default_date_format": draw.choice(("yyyy-mm-dd hh:mm:ss", "dd/mm/yyyy", "[$-407]d. mmmm yyyy")),
    })  # fmt: skip
    names = [*["Notes"] * (draw.random() < 0.3), sheet]
    pages = [book.add_worksheet(name) for name in names]
    for row in range(skip):
        pages[-1].write_string(row, 0, "Report")
    for row, record in enumerate([Record(header), *records], start=skip):
        if draw.random() < 0.1:
            pages[-1].set_row(row, None, None, {"hidden": True})
        for at in range(width):
            _write_cell(pages[-1], (row, at), record, at in typed, way)
    book.close()
    entry: dict[str, Any] = {"file": "leads.xlsx", "table": "leads", "columns": OURS} | way.declared()
    entry |= {"sheet": sheet} if len(pages) > 1 or draw.random() < 0.3 else {}
    entry |= {"skip_rows": str(skip)} if skip else {}
    return Made(entry, out.getvalue(), header, records)


def _with_errors(draw: Random, records: list[Record], width: int) -> list[Record]:
    """The same records with Excel's own errors in some cells, and empty rows between them."""
    twins, kept = [record.cells for record in records if record.codes == ("identical duplicate",)], list[Record]()
    for record in records:
        if draw.random() < 0.08:
            kept.append(Record([""] * width, EXCLUDED, ("empty row",)))
        if record.fate == USED and record.cells not in twins and draw.random() < 0.1:
            record.cells[draw.randint(0, 4)] = draw.choice(("#N/A", "#REF!", "#DIV/0!", "#NAME?"))
            record.fate, record.codes = REJECTED, ("E-XLERR",)
        kept.append(record)
    return kept


def _write_cell(page: Any, place: tuple[int, int], record: Record, is_typed: bool, way: Way) -> None:
    """Writes one cell, and keeps in the record how a reader must show what has a type."""
    at, cell = place[1], record.cells[place[1]]
    value = record.values.get(list(OURS)[at]) if at < len(OURS) else None
    if cell in ("#N/A", "#REF!", "#DIV/0!", "#NAME?"):
        page.write_formula(*place, "=A1", None, cell)
    elif is_typed and isinstance(value, dt.datetime):
        page.write_datetime(*place, value)
        record.cells[at] = str(value).removesuffix(" 00:00:00")
    elif is_typed and isinstance(value, bool):
        page.write_boolean(*place, value)
        record.cells[at] = str(value).lower()
    elif is_typed and isinstance(value, float):
        page.write_number(*place, value)
        record.cells[at] = str(int(value)) if value == int(value) else repr(value).replace(".", way.decimal)
    elif cell.isdecimal() and cell.isascii() and str(int(cell)) == cell:
        page.write_number(*place, int(cell))
    else:
        page.write_string(*place, cell)


# --- Parquet ----------------------------------------------------------------------------------------------------------


def parquet_file(draw: Random) -> Made:
    """A Parquet file of leads with columns of many types; now and then one that no text can show."""
    way = Way(("{y}-{m:02}-{d:02}T{H:02}:{M:02}:{S:02}Z", {}, 0, True), draw.choice((".", ",")), "")
    kinds = tuple(kind for kind in FATES if kind not in ("bad day", "no number", "no flag", "total", "blank"))
    records = some_leads(draw, way, 5, kinds)
    nested = draw.random() < 0.05
    moments = [record.values["created_at"] for record in records]
    zone = draw.choice((None, "UTC", "+05:30", "America/New_York"))
    times = pa.array([None if m is None else m.replace(tzinfo=dt.UTC) for m in moments], pa.timestamp("us", "UTC"))
    times = times.cast(pa.timestamp(draw.choice(("s", "ms", "us", "ns")), zone or "UTC"))
    columns: dict[str, Any] = {
        "id": pa.array([record.cells[0] or None for record in records], draw.choice((pa.string(), pa.large_string()))),
        "created": times if zone else times.cast(pa.timestamp("us")),
        "source": pa.array([record.cells[2] for record in records], pa.string()),
        "score": pa.array([record.values["score"] for record in records], pa.float64()),
        "converted": pa.array([record.values["is_converted"] for record in records], pa.bool_()),
        "extra": pa.array([nr for nr, _ in enumerate(records)], draw.choice((pa.int8(), pa.float32(), pa.date32()))),
    }  # fmt: skip
    if draw.random() < 0.3:
        columns["source"] = columns["source"].dictionary_encode()
    if draw.random() < 0.3:
        columns["score"] = pa.array([Decimal(str(record.values["score"])) for record in records], pa.decimal128(20, 3))
    if nested:
        columns["extra"] = pa.array([{"a": [1]} for _ in records], pa.struct({"a": pa.list_(pa.int8())}))
    out = io.BytesIO()
    size = draw.choice((1, 3, 100))
    pq.write_table(pa.table(columns), out, row_group_size=size, compression=draw.choice(("snappy", "zstd", "none")))
    for record in records:
        if "\0" in record.cells[2]:
            record.fate, record.codes = REJECTED, ("E-NUL",)
    entry = {"file": "leads.parquet", "table": "leads", "columns": OURS} | way.declared()
    return Made(entry, out.getvalue(), list(columns), records, ("E-TYPE",) if nested else (), as_text=(0, 2))


# --- the checklist of facts -------------------------------------------------------------------------------------------

FACTS = ("fact", "answer", "owner", "dated_on")


def facts_file(draw: Random) -> Made:
    """A checklist in YAML: plain, quoted and flowing, with what other readers of YAML take for something else."""
    records, lines = list[Record](), ["facts:"]
    for nr in range(draw.randint(1, 8)):
        kind = draw.choice(("good",) * 5 + ("no fact", "blank", "bad day", "nul"))
        day = a_moment(draw).date()
        cells = [f"fact_{nr}", a_text(draw, "\0"), a_text(draw, "\0"), draw.choice(("", day.isoformat()))]
        said: list[Any] = [tidied(cell) or None for cell in cells[:3]]
        said.append(dt.datetime.fromisoformat(cells[3]) if cells[3] else None)
        record = Record(cells, values=dict(zip(FACTS, said, strict=True)))
        if kind == "no fact" and (tidied(cells[1]) or tidied(cells[2]) or cells[3]):
            record.cells[0], record.fate, record.codes = "", REJECTED, ("E-VALUE", "E-TOTAL")
        elif kind == "blank":
            record = Record(["", "", "", ""], EXCLUDED, ("empty row",))
        elif kind == "bad day":
            record.cells[3], record.fate, record.codes = "2024-02-30", REJECTED, ("E-DATE",)
        elif kind == "nul":
            record.cells[1], record.fate, record.codes = "a\0b", REJECTED, ("E-NUL",)
        records.append(record)
        pairs = [f"{name}: {_as_yaml(draw, cell)}" for name, cell in zip(FACTS, record.cells, strict=True)]
        is_flow = draw.random() < 0.5
        lines += [f"- {{{', '.join(pairs)}}}"] if is_flow else [f"- {pairs[0]}", *(f"  {pair}" for pair in pairs[1:])]
    content = "\n".join(lines).encode(draw.choice(("utf-8", "utf-8-sig")))
    return Made({"file": "facts.yml", "table": "facts"}, content, list(FACTS), records)


def _as_yaml(draw: Random, cell: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", cell) and cell not in ("null", "Null") and draw.random() < 0.7:
        return cell
    return json.dumps(cell) if cell or draw.random() < 0.5 else draw.choice(("null", "~", "''"))


# --- exports of survey tools ------------------------------------------------------------------------------------------

HEADER_ROWS = {"qualtrics": 3, "surveymonkey": 2}


def survey_file(draw: Random) -> Made:
    """What a survey tool writes of our survey, shuffled, with hostile comments, in any encoding and separator.

    Often only the first columns of it. The values of a record are {item: what the person said}.
    """
    draw = Random(draw.randint(0, 1 << 32))  # a wide file takes more choices than can be shrunk
    tool, language = draw.choice(list(survey_files.MADE)), draw.choice(("en", "de"))
    instrument, table = read_instrument(language), survey_files.export(tool, language)
    said, depth = survey_files.people(instrument), HEADER_ROWS.get(tool, 1)
    asked = {"role", instrument.role["text"]}
    first = 1 + next(at for at, names in enumerate(zip(*table[:depth], strict=True)) if asked & {*names})
    items = [name for name in said[0] if name not in ("team", "role")]
    if draw.random() < 0.9:  # a form of which only some is asked
        items = items[: draw.randint(3, 12)]
        table = [row[: first + len(items)] for row in table]
    before = [Record(row, EXCLUDED, ("excluded by rule on Status",)) for row in table[depth : -len(said)]]
    records = [Record(row, values={item: who[item] for item in items})
               for row, who in zip(table[-len(said) :], said, strict=True)]  # fmt: skip
    for record in records:
        for at, item in enumerate(items, start=first):
            if item.startswith("comment"):
                record.values[item] = record.cells[at] = a_text(draw, "\0")
    records = [*before, *records[: draw.randint(1, len(records))]]
    if draw.random() < 0.2:
        records.append(Record(["" for _ in table[0]], EXCLUDED, ("empty row",)))
    draw.shuffle(records)
    mark, is_told = draw.choice(",;\t"), draw.random() < 0.5
    rows = [*table[:depth], *(record.cells for record in records)]
    content, encoding = encoded(draw, as_text(draw, rows, mark, draw.choice(("\n", "\r\n"))))
    entry = {"file": "s.csv", "table": "responses", "shape": "survey"} | encoding
    entry |= {"delimiter": mark} if is_told else {}
    return Made(entry, content, table[0], records, may_be_refused=() if is_told else ("E-MAP", "E-WIDTH", "E-QUOTE"))


FILES = {
    "text": delimited_file, "workbook": workbook_file, "parquet": parquet_file, "facts": facts_file,
    "survey": survey_file,
}  # fmt: skip
