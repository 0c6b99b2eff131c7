"""Generated files, each reader: an error that says what to do, or every record used, rejected or excluded, and exact.

300 files a reader run with every test; 10,000 by hand (``pytest -m trust``), with what was seen in
tests/reference/intake.md. What a file holds is known from how it was made (generated.py), never from our readers.
"""

import datetime as dt
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from generated import (
    DATES,
    EXCLUDED,
    FILES,
    HOSTILE,
    REJECTED,
    USED,
    Made,
    a_number,
    a_text,
    delimited_file,
    lost_records,
    meant,
    tidied,
    written,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignlib.engagement import Input, Reading, Settings
from alignlib.errors import AlignError, Problem
from alignlib.intake import read, snapshot, workbook
from alignlib.intake.dates import read_moments
from alignlib.intake.labels import parted
from alignlib.intake.numbers import read_durations, read_numbers
from alignlib.intake.read import read_table
from alignlib.intake.rows import Part

FEW, MANY, MOST = 40, 300, 10_000  # in each run of the tests; in CI; by hand
NUMBERS = [FEW, pytest.param(MANY, marks=pytest.mark.many), pytest.param(MOST, marks=pytest.mark.trust)]


def each(many: int, judge: Callable[[Random], str]) -> Counter[str]:
    """How did so many generated cases end? ``judge`` names the end of one, or fails."""
    ends = Counter[str]()

    @settings(max_examples=many, derandomize=True, deadline=None, database=None, suppress_health_check=[*HealthCheck])
    @given(st.randoms(use_true_random=False))
    def run(draw: Random) -> None:
        ends[judge(draw)] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run()
    return ends


_elsewhere: list[str] = []
_watched: list[Path] = []


def _watch(event: str, values: tuple[Any, ...]) -> None:
    if _watched and event == "open" and isinstance(values[1], str) and set(values[1]) & set("wax+"):
        path = Path(str(values[0]))
        if not path.resolve().is_relative_to(_watched[-1]):
            _elsewhere.append(str(path))


sys.addaudithook(_watch)


@contextmanager
def nothing_else_written(folder: Path, allowed: str = "data") -> Iterator[None]:
    """Fails when a file is opened for writing outside the folder, or one appears in it that is not in ``allowed``."""
    _watched.append(folder.resolve())
    try:
        yield
    finally:
        _watched.pop()
    assert not _elsewhere
    assert {path.name for path in folder.iterdir()} <= {allowed, "engagement.yml"}


def told(problems: list[Problem], made: Made) -> str:
    """Is each problem told with a file and a cure? The codes."""
    for problem in problems:
        assert problem.where.startswith(made.name), problem
        assert problem.fix, problem
        assert problem.what, problem
    return " ".join(sorted({problem.code for problem in problems}))


def judge_file(made: Made, folder: Path) -> str:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / made.name).write_bytes(made.content)
    with nothing_else_written(folder):
        try:
            parts, counts, sources, _, problems = snapshot.take_in(folder, Settings.model_validate(made.settings()))
        except AlignError as error:
            problems = error.problems
    if problems:
        codes = told(problems, made)
        assert set(codes.split()) <= {*made.refused, *made.may_be_refused}, problems
        return codes
    assert not made.refused
    (part,), (count,), (source,) = parts, counts, sources
    fates = Counter(record.fate for record in made.records)
    assert count.read == source.rows == len(made.records) == count.used + count.rejected + count.excluded
    assert (count.used, count.rejected, count.excluded) == (fates[USED], fates[REJECTED], fates[EXCLUDED])
    (assert_answers if part.entry.table == "responses" else assert_used_values)(part, made)
    assert_told_apart(part, made)
    return "read"


def assert_answers(part: Part, made: Made) -> None:
    """Does every person's row hold exactly what the person said to each item?"""
    columns = ["item", "answer", "cannot_say", "comment"]
    said = {nr: {row.item: row for row in group.itertuples()} for nr, group in part.data.groupby("record")[columns]}
    assert set(said) == {nr for nr, record in enumerate(made.records, 1) if record.fate == USED}
    for nr, rows in said.items():
        for item, words in made.records[nr - 1].values.items():
            row = rows[item]
            if item.startswith("comment"):
                assert (None if pd.isna(row.comment) else row.comment) == (tidied(words) or None)
            elif words in ("", "cannot_say"):
                assert (pd.isna(row.answer), bool(row.cannot_say)) == (True, words == "cannot_say"), (nr, item)
            else:
                assert row.answer == words, (nr, item)


def assert_used_values(part: Part, made: Made) -> None:
    """Does every used row hold exactly what was written?"""
    rows = part.data.set_index("record")
    assert sorted(rows.index) == [nr for nr, record in enumerate(made.records, 1) if record.fate == USED]
    for nr, record in enumerate(made.records, 1):
        for name, value in record.values.items() if record.fate == USED else ():
            found = rows.at[nr, name]
            assert (pd.isna(found) and value is None) or found == value, (nr, name, found, value)


def assert_told_apart(part: Part, made: Made) -> None:
    """Is each rejected or excluded record listed with its number, its reason, and if rejected its original text?"""
    codes: dict[int, set[str]] = {}
    for reject in part.rejects:
        codes.setdefault(reject.record, set()).add(reject.code)
    rules: dict[int, set[str]] = {}
    for reason, records in part.excluded.items():
        for nr in records:
            rules.setdefault(nr, set()).add(reason)
    originals = part.originals()
    for nr, record in enumerate(made.records, 1):
        if record.fate == REJECTED:
            assert codes[nr] <= set(record.codes), (nr, codes[nr], record)
            original = json.loads(originals[nr])
            if isinstance(original, list):
                assert original == record.cells or [*original, ""] == record.cells
            else:
                titles = [tidied(title).casefold() for title in made.header]
                assert len(original) == min(len(titles), 5)
                for at in (at for at in made.as_text if at < len(titles)):
                    assert original[titles[at]] == record.cells[at], (nr, titles[at])
        elif record.fate == EXCLUDED:
            assert rules[nr] == set(record.codes), (nr, rules[nr], record)
        else:
            assert nr not in rules


def in_process(content: bytes, reading: Any) -> tuple[list[list[str]], list[str]]:
    """The workbook's reader without the child: a process for each of thousands of files would take hours."""
    rows, notes = workbook.read_sheet(content, reading.file, reading.sheet or "", reading.decimal or ".")
    return rows[reading.skip_rows :], notes


@pytest.mark.parametrize("many", NUMBERS)
@pytest.mark.parametrize("kind", FILES)
def test_every_file_is_read_whole_and_exactly_or_refused_with_a_cure(
    kind: str, many: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workbook, "read_workbook", in_process)
    monkeypatch.setattr(read, "try_parquet", lambda *_: None)  # a process for each file, as for workbooks
    ends = each(many, lambda draw: judge_file(FILES[kind](draw), tmp_path))
    assert ends["read"] > many / 3, ends
    assert capfd.readouterr() == ("", "")


# --- files that were damaged on the way -------------------------------------------------------------------------------


def judge_damaged_text(draw: Random, folder: Path) -> str:
    """A text file with letters lost, doubled or strewn in: whatever it is now, a second parser must find the same."""
    made = delimited_file(draw)
    encoding = "utf-8"
    text = "\n".join(",".join(record.cells) for record in made.records) if draw.random() < 0.3 else ""
    text = text or made.content.decode("latin-1").replace("\ufeff", "")
    letters = list(text)
    for _ in range(draw.randint(0, 6)):
        at = draw.randint(0, len(letters))
        letters[at : at + draw.randint(0, 3)] = draw.choice((*'",;\r\n\0', '""', ',"', '"\n', "é", "\u2028", ""))
    text, mark, skip = "id" + "".join(letters), draw.choice(",;|"), draw.choice((0, 0, 2))
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "t.csv").write_bytes(text.encode(encoding))
    reading = Reading(file="t.csv", delimiter=mark, encoding="utf-8", skip_rows=skip)
    try:
        raw = read_table(folder / "data", reading)
    except AlignError as error:
        assert all(problem.where.startswith("t.csv") and problem.fix for problem in error.problems)
        return error.problems[0].code
    assert not (wrong := lost_records(raw, text, mark, skip)), wrong
    return "read"


@pytest.mark.parametrize("many", NUMBERS)
def test_a_damaged_text_is_refused_or_holds_what_a_second_parser_finds(many: int, tmp_path: Path) -> None:
    ends = each(many, lambda draw: judge_damaged_text(draw, tmp_path))
    assert ends["read"] > many / 10 and (ends["E-QUOTE"] or many == FEW), ends


# --- columns: dates, numbers, spans of time, labels -------------------------------------------------------------------


# Local times that a change of clocks leaves out or brings twice, in the three zones below.
CHANGES = [dt.datetime(*day, *time) for day in ((2024, 3, 31), (2024, 10, 27), (2024, 3, 10), (2024, 11, 3),
           (2024, 10, 6), (2024, 4, 7)) for time in ((1, 30), (1, 45), (2, 15), (2, 30), (3, 0))]  # fmt: skip


def judge_dates(draw: Random) -> str:
    """A column written in one way: read exactly, or its order or zone is asked for. No value is quietly another day."""
    way, name = draw.choice(DATES), draw.choice(("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
    pattern, declared, _, is_time = way
    start = dt.datetime(draw.choice((1999, 2024)), draw.randint(1, 12), 1)
    moments = [start + dt.timedelta(minutes=draw.choice((0, 1440, 15, draw.randint(0, 500_000)))) for _ in "1234"]
    moments += [draw.choice(CHANGES)] * (draw.random() < 0.5)
    texts = list(dict.fromkeys([written(pattern, at) for at in moments] + [""] * (draw.random() < 0.3)))
    order = declared.get("date_order") if draw.random() < 0.5 else None
    try:
        found = read_moments(texts, [1] * len(texts), "f.csv, column on", order, name, False, False)
    except AlignError as error:
        assert (error.problems[0].code, order) == ("E-DATEFMT", None)
        assert declared and error.problems[0].fix
        return "asked"
    assert not any(found.wrong)
    by_text = dict(zip(texts, found.values, strict=True))
    is_bare = "Z" not in pattern and "+02" not in pattern and "-05" not in pattern
    by_day = not is_time or (is_bare and all(at.hour == at.minute == 0 for at in moments))
    assert found.day_only == by_day
    for at in moments:
        value = meant(way, at)
        if is_time and is_bare and not by_day:
            value = value.replace(tzinfo=ZoneInfo(name)).astimezone(dt.UTC).replace(tzinfo=None)
        assert by_text[written(pattern, at)] == value, (texts, value)
    return "read"


def judge_numbers(draw: Random) -> str:
    """A column of one decimal sign: read exactly, or the sign is asked for; never a thousand times more."""
    decimal, kind = draw.choice((".", ",")), draw.choice(("number", "number", "money", "integer"))
    places = 0 if kind == "integer" else draw.randint(0, 3)
    pairs = [a_number(draw, decimal, draw.choice((0, places))) for _ in range(draw.randint(1, 5))]
    before, behind, per = draw.choice((("", "", 1), ("€ ", "", 1), ("", " EUR", 1), ("", " %", 100), ("", "%", 100)))
    if per == 100 and kind != "number":
        behind, per = "", 1
    numbers = {f"{before}{text}{behind}": value / per for text, value in pairs}
    said = decimal if draw.random() < 0.4 else None
    try:
        found, wrong = read_numbers(list(numbers), "f.csv, column n", said, "EUR", kind)
    except AlignError as error:
        assert (error.problems[0].code, said) == ("E-NUM", None)
        assert error.problems[0].fix
        return "asked"
    assert not any(wrong), (numbers, wrong)
    for value, ours in zip(numbers.values(), found, strict=True):
        assert ours == ((value * 100).quantize(Decimal(1)) if kind == "money" else value), (numbers, found)
    return "read"


def judge_spans(draw: Random) -> str:
    """A column of spans of time in several ways of writing."""
    spans = {}
    for _ in range(draw.randint(1, 5)):
        days, hours, minutes, seconds = (draw.randint(low, high) for low, high in ((0, 3), (0, 23), (0, 59), (1, 59)))
        whole = days * 86_400 + hours * 3600 + minutes * 60 + seconds
        spans |= draw.choice((
            {f"{hours:02}:{minutes:02}:{seconds:02}": hours * 3600 + minutes * 60 + seconds},
            {f"{minutes}:{seconds:02}": minutes * 60 + seconds}, {f"{whole}": whole}, {f"{whole} s": whole},
            {f"{minutes}m {seconds}s": minutes * 60 + seconds},
            {f"{hours} hours {seconds} secs": hours * 3600 + seconds},
            {f"{days} days, {hours}:{minutes:02}:{seconds:02}": whole}, {f"{seconds}.25 s": seconds + 0.25},
        ))  # fmt: skip
    found, wrong = read_durations(list(spans), "f.csv, column s", None)
    assert not any(wrong), (spans, wrong)
    assert found == list(spans.values()), spans
    return "read"


def judge_labels(draw: Random) -> str:
    """A cell of labels: those of a closed set whatever parts them, any others by the declared sign alone."""
    if draw.random() < 0.5:
        closed = dict.fromkeys(("c1", "c2", "c3", "c4", "c5"))
        labels = draw.sample(["C1", "c2", "C3", "C4", "C5"], draw.randint(1, 5))
        marks = (", ", ";", " / ", "|", " & ", " and ", "\n")
        text = labels[0] + "".join(draw.choice(marks) + label for label in labels[1:])
        assert parted(text, draw.choice((None, ";")), closed, True) == labels, text
    else:
        mark = draw.choice((";", "|", ",", "/"))
        labels = [draw.choice(HOSTILE).replace(mark, "").strip() for _ in range(draw.randint(1, 5))]
        assert parted(mark.join(labels), mark, {}, False) == [label for label in labels if label]
    return "read"


@pytest.mark.parametrize("many", NUMBERS)
@pytest.mark.parametrize("judge", [judge_dates, judge_numbers, judge_spans, judge_labels])
def test_every_column_is_read_exactly_or_what_cannot_be_known_is_asked(judge: Any, many: int) -> None:
    ends = each(many, judge)
    assert ends["read"] > many / 3, ends


def judge_any_texts(draw: Random) -> str:
    """Whatever a column holds: an error with a place and a cure, or for each text a value, or why it has none."""
    texts = list(dict.fromkeys(a_text(draw) + draw.choice(("", "1", "-1", "/2", ":30", "%")) for _ in "123"))
    ask = texts, "f.csv, column x"
    readers: list[Callable[[], tuple[Any, list[str]]]] = [
        lambda: read_numbers(*ask, None, "EUR", draw.choice(("number", "integer", "money"))),
        lambda: read_durations(*ask, draw.choice((None, ".", ","))),
        lambda: ((m := read_moments(texts, [1] * len(texts), ask[1], None, "UTC", False, False)).values, m.wrong),
    ]
    try:
        values, wrong = draw.choice(readers)()
    except AlignError as error:
        assert all(problem.where.startswith("f.csv") and problem.fix for problem in error.problems)
        return "asked"
    fates = [(value is None, bool(why)) for value, why in zip(values, wrong, strict=True)]
    assert len(fates) == len(texts)
    blank = [not tidied(text) for text in texts]
    assert all(fate in ((False, False), (True, True)) or empty for fate, empty in zip(fates, blank, strict=True)), texts
    return "read"


@pytest.mark.parametrize("many", NUMBERS)
def test_no_text_of_a_column_vanishes_without_a_reason(many: int) -> None:
    assert each(many, judge_any_texts)["read"] > many / 10


# --- the whole way ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
def test_what_is_prepared_holds_the_same_rows_and_lists_each_rejected_record(kind: str, tmp_path: Path) -> None:
    """Through the child process of workbooks, Parquet and the locked connection, and back."""
    done = 0
    for seed in range(40):
        made, folder = FILES[kind](Random(seed)), tmp_path / str(seed)
        (folder / "data").mkdir(parents=True)
        (folder / "data" / made.name).write_bytes(made.content)
        (folder / "engagement.yml").write_text(json.dumps(made.settings()), encoding="utf-8")
        try:
            snapshot.prepare(folder, folder / "run")
        except AlignError:
            assert not (folder / "run").exists()
            continue
        tables = snapshot.open_run(folder / "run")[1]
        (count,) = tables.row_counts
        fates = Counter(record.fate for record in made.records)
        assert (count.read, count.used) == (len(made.records), fates[USED])
        if made.entry["table"] != "responses":  # which are anonymous: no record numbers, no originals
            sql = f"select record from {count.table} order by record"
            used = [nr for nr, record in enumerate(made.records, 1) if record.fate == USED]
            assert [nr for (nr,) in tables.connection.execute(sql).fetchall()] == used
            rejected = pd.read_parquet(folder / "run" / snapshot.REJECTED_FILE)
            wanted = {nr for nr, record in enumerate(made.records, 1) if record.fate == REJECTED}
            assert set(rejected["record"]) == wanted
            assert rejected["code"].ne("").all() and rejected["original"].ne("").all()
        tables.connection.close()
        done += 1
        if done == 12:
            return
    raise AssertionError(f"only {done} files were prepared")


# --- what was found so, by hand ---------------------------------------------------------------------------------------


def test_signs_that_programs_escape_in_two_halves_are_put_together_and_a_half_is_refused(tmp_path: Path) -> None:
    (tmp_path / "facts.yml").write_text('facts:\n- {fact: "\\ud83d\\ude42"}\n')
    assert read_table(tmp_path, Input(file="facts.yml", table="facts")).rows == [["🙂"]]
    (tmp_path / "facts.yml").write_text('facts:\n- {fact: "\\ud83d"}\n')
    with pytest.raises(AlignError, match=r"facts.yml, line 2: an escape names half a sign\. What to do: .*E-OPEN"):
        read_table(tmp_path, Input(file="facts.yml", table="facts"))


def test_numbers_of_a_parquet_file_carry_the_declared_sign(tmp_path: Path) -> None:
    table = pa.table({"a": [1.125], "b": pa.array([Decimal("1.125")], pa.decimal128(9, 3)), "c": ["1.125"]})
    pq.write_table(table, tmp_path / "n.parquet")
    assert read_table(tmp_path, Reading(file="n.parquet", decimal=",")).rows[0] == ["1,125", "1,125", "1.125"]


def test_parquet_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    no_text = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"a": no_text}), tmp_path / "t.parquet")
    with pytest.raises(AlignError, match=r"t.parquet: the file is damaged.*E-CORRUPT"):
        read_table(tmp_path, Reading(file="t.parquet"))


@pytest.mark.parametrize(("at", "odd"), [(6, b"\xff\x00"), (8, b"\x20\x00"), (10, b"\x63\x00")])
def test_an_archive_of_an_unknown_version_kind_or_packing_is_told_as_damaged(at: int, odd: bytes) -> None:
    made = FILES["workbook"](Random(3)).content
    place = made.index(b"PK\x01\x02") + at  # what the table of contents says of the first part
    with pytest.raises(AlignError, match=r"w.xlsx: .*E-CORRUPT"):
        workbook.read_sheet(made[:place] + odd + made[place + 2 :], "w.xlsx", "", ".")
