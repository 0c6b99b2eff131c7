"""A large file gives what a small one gives: the same rows, rejects, notes and tables, whichever way it is read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alignlib.engagement import Input
from alignlib.errors import AlignError
from alignlib.intake import large, pieces, read, snapshot
from alignlib.intake.dates import read_moments
from alignlib.intake.plain_dates import read_plain, read_times
from alignlib.intake.read import Raw, read_table

EXAMPLES = 300
CELLS = st.sampled_from(["", "", "a", "b", "long " * 8, " ", "\t", "é", "ﬀ", "1,5", "a;b", '"', 'x"y', "two\nlines",
                         "car\rriage", "a\r\nb", "Total", "sum: ", "\0", "\u2028", "00123", "=1+1"])  # fmt: skip
FAULTS = {
    "wide": "x{m}x{m}x{m}x{m}x{m}x", "short": "x", "blank": "{m}{m}", "empty": "", "spaces": "  ",
    "stray": 'a"b{m}c{m}d',
    "open": '"never closed', "trailing": "a{m}b{m}c{m}",
    "two ends": "a\rb\n", "behind": '"a"b{m}c{m}d',
}  # fmt: skip
COLUMNS = {"lead_id": "id", "source": "source"}


def shrink(patch: pytest.MonkeyPatch, piece: int = 120) -> None:
    """Every text file is large, its pieces hold a few records, and five texts in ten are many."""
    patch.setattr(read, "LARGE", 0)
    patch.setattr(pieces, "PIECE", piece)
    patch.setattr(pieces, "HEAD", 40)
    patch.setattr(large, "ENOUGH", 6)
    patch.setattr(large, "FIRST_ROWS", 2)


@pytest.fixture
def as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of delimited text of three columns, mostly well made, with a few faults."""
    mark, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    lines = [mark.join(["id", "source", draw(st.sampled_from(["note", "id", "so|ur;ce", ""]))])]
    quotes_all = draw(st.booleans())
    for row in draw(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=30)):
        needy = [quotes_all or any(sign in cell for sign in ('"', mark, "\n", "\r")) for cell in row]
        cells = zip(row, needy, strict=True)
        lines.append(mark.join('"' + cell.replace('"', '""') + '"' if needs else cell for cell, needs in cells))
    for at, fault in draw(st.lists(st.tuples(st.integers(1, 31), st.sampled_from([*FAULTS])), max_size=2)):
        lines.insert(min(at, len(lines)), FAULTS[fault].format(m=mark))
    text = draw(st.sampled_from(["", "", "", f"sep={mark}\n"])) + end.join(lines) + draw(st.sampled_from(["", end]))
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])), "replace")


def outcome(folder: Path, reading: Input) -> Any:
    """Which table is read, its kept columns as lists, or which problems are there?"""
    try:
        raw = read_table(folder, reading)
    except AlignError as error:
        return error.problems
    kept = [*raw.columns] if raw.columns is not None else [*range(len(raw.headers[0]))]
    columns = {at: raw.column(at).tolist() for at in kept}
    return raw, columns


def same(small: Any, big: Any) -> bool:
    if isinstance(small, list) or isinstance(big, list):
        return bool(small == big)
    (raw, columns), (other, kept) = small, big
    plain: list[Raw] = [
        replace(r, rows=[], records=[*map(int, r.records)], lines=[], columns=None) for r in (raw, other)
    ]
    return plain[0] == plain[1] and all(columns[at] == kept[at] for at in kept)


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None)
@given(content=files(), piece=st.sampled_from([30, 120, 1000]), some=st.booleans(), pads=st.booleans())
def test_a_generated_file_is_read_alike_both_ways(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int, some: bool, pads: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "leads.csv").write_bytes(content)
    how: dict[str, Any] = {"columns": COLUMNS | {"created_at": "id"} if some else {}}
    reading = Input(file="leads.csv", table="leads", short_rows="pad" if pads else "reject", **how)
    small = outcome(folder, reading)
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, piece)
        assert same(small, outcome(folder, reading))


def test_the_large_way_reads_in_bulk_and_keeps_only_what_is_named(tmp_path: Path, as_large: None) -> None:
    rows = "".join(f"{n},2024-03-{n % 28 + 1:02d},web,{'x' * 20}\n" for n in range(500))
    (tmp_path / "leads.csv").write_text("id,created,source,note\n" + rows)
    columns = {"lead_id": "id", "created_at": "created", "source": "source"}
    raw = read_table(tmp_path, Input(file="leads.csv", table="leads", columns=columns))
    assert raw.columns is not None
    assert [*raw.columns] == [0, 1, 2]
    assert (raw.read, len(raw.records), raw.column(0).tolist()) == (500, 500, [str(n) for n in range(500)])
    assert raw.column(2).dtype == "category"
    assert raw.column(0).dtype == "str"
    with pytest.raises(KeyError):
        raw.column(3)  # it was not kept


def test_columns_within_json_are_spread_in_a_large_file_too(tmp_path: Path, as_large: None) -> None:
    rows = "".join(f'{n},"{{""New"": ""M{n}""}}"\n' for n in range(50))
    (tmp_path / "leads.csv").write_text("id,attributes\n" + rows)
    raw = read_table(tmp_path, Input(file="leads.csv", table="leads", json_columns=["attributes"]))
    assert raw.column(2).tolist() == [f"M{n}" for n in range(50)]


def test_a_piece_that_the_parser_counts_otherwise_is_read_cell_by_cell(
    tmp_path: Path, as_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leads.csv").write_text("id,source\n" + "".join(f"{n},web\n" for n in range(200)))
    parse = large._parse
    monkeypatch.setattr(large, "_parse", lambda *ask: table.slice(1) if (table := parse(*ask)) is not None else None)
    raw = read_table(tmp_path, Input(file="leads.csv", table="leads"))
    assert raw.column(0).tolist() == [str(n) for n in range(200)]


@pytest.mark.parametrize(
    "content",
    [
        "id\n" + "ä\n" * 300 + "\udcff\n",
        "\ufeffid\r\n" + "a\r\n" * 300 + "ä\udcff\r\n",
        "id\n" + "\udce4\n" * 300 + "\udc81\n",  # no letter of Windows-1252
    ],
)
def test_a_byte_that_is_no_text_is_told_alike_both_ways(tmp_path: Path, content: str) -> None:
    (tmp_path / "leads.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    reading = Input(file="leads.csv", table="leads")
    small = outcome(tmp_path, reading)
    assert small[0].code == "E-ENC"
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        assert outcome(tmp_path, reading) == small


EVENTS = "stages: {Inquiry: inquiry, Qualified: mql, Won: won}\n"
INPUTS = """  - {file: leads.csv, table: leads, columns: {lead_id: id, created_at: created, source: source,
     score: score}, exclude: {kind: [test]}, keep_latest: changed}
  - {file: events.csv, table: stage_events, columns: {lead_id: lead, stage: stage, entered_at: at, owner_id: owner},
     only: {stage: [Inquiry, Qualified, Won, Odd]}}
  - {file: deals.csv, table: opportunities, columns: {opportunity_id: deal, lead_id: lead, opened_at: created,
     outcome: outcome, amount: amount, closed_at: closed}, values: {outcome: {Open: open, Won: won}},
     lookups: [{file: owners.csv, match: {owner: name}, columns: {owner_id: code}}]}
"""


def delivery() -> dict[str, str | bytes]:
    """Three tables and a look-up of some hundred rows with something wrong in every tenth."""
    leads, events, deals = ["id,created,source,score,kind,changed"], ["lead,stage,at,owner,note"], []
    deals = ["deal;lead;created;outcome;amount;closed;owner"]
    for n in range(300):
        created = datetime(2023, 12, 20) + timedelta(hours=31 * n)
        odd = n % 10 == 3
        leads.append(f'{"" if n == 33 else f"L{n}"}, {created:%Y-%m-%d %H:%M:%S},"We{chr(10) if odd else ""}b",'
                     f"{'many' if n % 70 == 3 else n},{'test' if n % 40 == 5 else 'real'},2024-01-01")  # fmt: skip
        events += [f"L{n},{label},{created + timedelta(days=d):%Y-%m-%dT%H:%M},o{n % 3},{'x,y' if odd and d else ''}"
                   for d, label in enumerate(["Inquiry", " Qualified", "Odd" if odd else "Won"])]  # fmt: skip
        deals.append(f"D{n};L{n};{created:%Y-%m-%d};{'Won' if n % 2 else 'Open'};{n}.50;2024-0{n % 9 + 1}-31;o{n % 4}")
    leads += [leads[5], "L9,2024-05-01 10:00:00,other,1,real,2024-05-02", "Grand Total,,,,,", ",,,,,", "", "  "]
    events += ["L99999,Inquiry,2024-03-31T02:30,o1,", "L1,Won,2030-01-01T00:00,o1,", ",,,,Total"]
    owners = "name,code\n" + "".join(f"o{n},U{n}\n" for n in range(3))
    named = {"leads.csv": leads, "events.csv": events, "deals.csv": deals}
    return {"owners.csv": owners, **{name: "\n".join(lines) for name, lines in named.items()}}


def test_an_engagement_gives_the_same_run_both_ways(engage: Callable[..., Any]) -> None:
    runs = []
    for is_large in (False, True):
        made = engage(delivery(), INPUTS, EVENTS, zone="Europe/Berlin")
        with pytest.MonkeyPatch.context() as patch:
            if is_large:
                shrink(patch, 2_000)
            told = snapshot.check(made.folder)
            tables = made.open()
            held = {name: tables.query(f'select * from "{name}"').to_dict("list") for name in sorted(tables.present)}
            rejected = pd.read_parquet(made.folder / "run" / "rejected.parquet").to_dict("list")
            runs.append((told, str(held), str(rejected), tables.notes, tables.day_only))
    counts = {count.file: count for count in runs[0][0][0]}
    assert all(counts[file].used and counts[file].rejected for file in ("leads.csv", "events.csv"))
    for small, big in zip(runs[0], runs[1], strict=True):
        assert small == big


# --- dates, all at once or one by one ---------------------------------------------------------------------------------

DAYS = st.dates(datetime(1988, 1, 1).date(), datetime(2102, 12, 31).date()).map(str)
CLOCKS = st.sampled_from(["00:00", "00:00:00", "00:00:00.5", "02:30", "02:30:15", "23:59:59.999", "01:15:00.1234567",
                          "9:05",
                          "24:00", "12:60", "12", "12:00:60", "12:00:00."])  # fmt: skip
ZONES = st.sampled_from(["", "", "", "Z", "z", "+02", "+02:00", "-0530", "+25:00", " UTC", "+2"])
PLAIN = st.builds("{}{}{}{}".format, DAYS, st.sampled_from([" ", "T"]), CLOCKS, ZONES)
CHANGES = st.sampled_from(["2024-03-31 02:30", "2024-10-27 02:30:00", "2024-03-31 01:59:59", "2024-04-07 01:45",
                           "2005-10-30 00:00:30", "2005-04-03 00:01:00", "2024-10-06 02:15"])  # fmt: skip
OTHER = st.sampled_from(["", "", "2024-02-30", "soon", "2024-03-15Z", "2024-03-15 09+02", "15.03.2024", "2024/03/15",
                         "٢٠٢٤-03-15", "2024-03-15\n", "0001-01-01", "2024-03-15 9:00 AM"])  # fmt: skip


@settings(max_examples=600, derandomize=True, deadline=None)
@given(
    columns=st.one_of(st.lists(DAYS, max_size=8), st.lists(PLAIN | CHANGES, max_size=8),
                      st.lists(DAYS | PLAIN | CHANGES | OTHER, max_size=8)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"]),
    declared=st.booleans(), as_days=st.booleans(),
)  # fmt: skip
@example(columns=["2024-10-27 02:30:00", "2024-03-15 9:00 AM", "2024-03-31 02:30"], zone="UTC", declared=False,
         as_days=False)  # fmt: skip
def test_plain_times_mean_the_same_read_at_once_or_one_by_one(
    columns: list[str], zone: str, declared: bool, as_days: bool
) -> None:
    columns = [*dict.fromkeys(columns)]
    column = pd.Series(columns, dtype="str")
    ask = ("leads.csv, column created", None, zone, declared, as_days)
    try:
        alone = read_moments(columns, [1] * len(columns), *ask)
    except AlignError as error:
        with pytest.raises(AlignError) as caught:
            read_times(column, *ask)
        assert caught.value.problems == error.problems
        return
    frame, found = read_times(column, *ask)
    values = [None if pd.isna(value) else value.to_pydatetime() for value in frame["value"]]
    assert (values, frame["wrong"].tolist(), frame["as_day"].tolist()) == (alone.values, alone.wrong, alone.days)
    assert found.day_only == alone.day_only
    assert (found.table_notes, found.file_notes) == (alone.table_notes, alone.file_notes)


def test_plain_times_are_read_at_once() -> None:
    plain = read_plain(
        pd.Series(["2024-03-15", "2024-03-15 09:30", "2024-03-15T09:30:00.25", "15.03.2024", ""], dtype="str"),
        "UTC",
        False,
    )
    assert plain.is_plain.tolist() == [True, True, True, False, False]
    assert plain.rest.tolist() == [True, True, False, True, True]  # one witness of each way, and what is not plain
