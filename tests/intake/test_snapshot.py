"""A run is frozen, fingerprinted and asked over a connection that can do nothing else."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from alignlib.comments import approve, fingerprint
from alignlib.errors import AlignError
from alignlib.intake import snapshot
from alignlib.intake.tables import TABLES

HEAD = "id,created,source\n"
Make = Callable[..., Any]


def test_every_table_exists_with_all_its_columns_and_absent_inputs_are_not_present(leads: Make) -> None:
    tables = leads(HEAD + "1,2024-01-01,a\n").open()
    assert tables.present == {"leads"}
    assert not tables.has("leads", "assets")
    for name, rule in TABLES.items():
        found = [row[0] for row in tables.connection.execute(f'describe "{name}"').fetchall()]
        assert found == [*(column.name for column in rule.columns), "file", "record"]
    assert tables.filled("leads", "source")
    assert not tables.filled("leads", "segment")


def test_a_run_whose_settings_or_tables_changed_is_refused(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n")
    settings = snapshot.prepare(engagement.folder, run := engagement.folder / "run")
    assert snapshot.open_run(run)[0] == settings
    with pytest.raises(AlignError, match="E-CHANGED"):
        snapshot.open_run(run, "0" * 64)
    path = run / "tables" / "leads.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(AlignError, match="the table leads is not what was prepared"):
        snapshot.open_run(run, settings.sha256())


def test_a_folder_without_a_run_is_refused(leads: Make) -> None:
    with pytest.raises(AlignError, match="E-OPEN"):
        snapshot.open_run(leads(HEAD).folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_rejected_rows_and_the_run_are_open_to_their_owner_alone(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-02-30,a\n2,2024-01-01,a\n")
    engagement.open()
    assert stat.S_IMODE((engagement.folder / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((engagement.folder / "run" / "rejected.parquet").stat().st_mode) == 0o600


REFUSED = pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{path}')",
        "select * from '{path}'",
        "select * from glob('/*')",
        "copy leads to '{path}.out'",
        "attach '{path}.db'",
        "install httpfs",
        "load httpfs",
        "select * from 'http://localhost/x.csv'",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "reset memory_limit",
        "select * from secret_frame",
        "export database '{path}.dir'",
        "pragma memory_limit='90GB'",
    ],
)


@REFUSED
def test_S25_the_connection_refuses_all_but_its_tables(leads: Make, sql: str) -> None:
    import pandas as pd

    engagement = leads(HEAD + "1,2024-01-01,a\n")
    tables = engagement.open()
    secret_frame = pd.DataFrame({"a": [1]})
    assert len(secret_frame) == 1
    with pytest.raises(duckdb.Error):
        tables.connection.execute(sql.format(path=engagement.folder / "data" / "leads.csv"))
    assert tables.query("select count(*) as n from leads").n[0] == 1


@REFUSED
def test_S25_a_large_table_read_from_its_file_opens_no_other(
    leads: Make, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setattr(snapshot, "LARGE", 0)
    engagement = leads(HEAD + "1,2024-01-01,a\n2,2024-01-02,b\n")
    tables = engagement.open()
    with pytest.raises(duckdb.Error):
        tables.connection.execute(sql.format(path=engagement.folder / "data" / "leads.csv"))
    kinds = tables.query("select table_type from information_schema.tables where table_name = 'leads'")
    assert kinds["table_type"].tolist() == ["VIEW"] and tables.has("leads")
    assert tables.query("select lead_id from leads order by record")["lead_id"].tolist() == ["1", "2"]


def test_check_tells_counts_notes_problems_and_places_and_writes_nothing(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n2,2024-02-30,b\n")
    before = sorted(engagement.folder.rglob("*"))
    counts, notes, problems, rejected = snapshot.check(engagement.folder)
    (told,) = rejected
    assert told.startswith("leads.csv, record 2, column 'created': '2024-02-30' (1): a value is no date, or an")
    assert (counts[0].read, counts[0].used, counts[0].rejected) == (2, 1, 1)
    assert (notes, problems) == ({"leads": [], "files": []}, [])
    assert sorted(engagement.folder.rglob("*")) == before


def test_check_names_the_files_that_no_input_names(leads: Make, engage: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n")
    for name in ("facts.yml", "README.md", "a.csv", ".hidden", "~$b.xlsx", "b.xlsx"):
        (engagement.folder / "data" / name).write_text("x")
    (engagement.folder / "data" / "old").mkdir()
    (engagement.folder / "data" / "old" / "c.csv").write_text("x")
    note = "3 files in data/ named by no input, and so not read: a.csv, b.xlsx, old/c.csv."
    assert snapshot.check(engagement.folder)[1]["files"] == [note]
    many = engage({f"{n:02}.csv": "x" for n in range(13)}, "  []\n")
    (told,) = snapshot.check(many.folder)[1]["files"]
    assert told.startswith("13 files") and told.endswith("08.csv, 09.csv and 3 others.")


def test_one_file_may_feed_two_tables_and_is_counted_for_each(engage: Make) -> None:
    inputs = """
  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: at}}
  - {file: l.csv, table: stage_events, shape: wide, columns: {lead_id: id}, stages: {mql: at}}
"""
    tables = engage({"l.csv": "id,at\n1,2024-01-01\n2,2024-01-02\n"}, inputs).open()
    assert [(count.table, count.used) for count in tables.row_counts] == [("leads", 2), ("stage_events", 2)]
    assert {(source.file, source.table, source.rows) for source in tables.sources} == {
        ("l.csv", "leads", 2),
        ("l.csv", "stage_events", 2),
    }


def test_tables_by_hand_have_the_columns_they_name_and_no_others() -> None:
    tables = snapshot.open_tables({"plan": snapshot.arrow_rows("plan", [{"segment": "retail", "effort": 5}])})
    assert tables.query("select segment, effort, planned_revenue is null as n from plan").values.tolist() == [
        ["retail", 5, True]
    ]
    with pytest.raises(KeyError, match="efort"):
        snapshot.arrow_rows("plan", [{"segment": "retail", "efort": 5}])


SURVEY = """
  - file: s.csv
    table: responses
    shape: survey
    columns: {respondent_id: Mail, team: Department}
    items: {goal_1: "Same goal?", comment_well: "What goes well?", comment_change: "What should change?"}
  - {file: leads.csv, table: leads, columns: {lead_id: id, created_at: created, owner_id: owner}}
"""
MODES = ["survey: {mode: anonymous}", "survey: {mode: named, consent_on: 2023-12-01}"]
LEADS = "id,created,owner\n1,2024-01-01,Kim Lang\n"
# an answer outside the scale, a team nobody knows, a broken row: none of that may let a text by
WROTE = """Mail,Department,Same goal?,What goes well?,What should change?
zoe@example.org,Sales,5,Canary one,Canary two
kim@example.org,Marketing,9,Canary three,
ann@example.org,HR,2,Canary four,Canary one
bob@example.org,Sales,4,,Ask Kim for canary five
too,few,Canary six
"""


def stored(folder: Path) -> bytes:
    import pyarrow.parquet as pq

    files = [path for path in folder.rglob("*") if path.is_file()]
    read = [str(pq.read_table(path).to_pydict()).encode() for path in files if path.suffix == ".parquet"]
    return b"".join([*(path.read_bytes() for path in files), *read]).lower()  # a Parquet file is compressed


@pytest.mark.parametrize("mode", MODES)
def test_S42_no_comment_is_written_anywhere_before_it_is_approved(engage: Make, mode: str) -> None:
    engagement = engage({"s.csv": WROTE, "leads.csv": LEADS}, SURVEY, mode)
    tables = engagement.open()
    assert b"canary" not in stored(engagement.folder / "run")
    assert b"kim lang" in stored(engagement.folder / "run")  # the search does find what is there
    left = tables.query("select item, count(*) as n from responses where item like 'comment%' group by 1 order by 1")
    assert left.values.tolist() == [["comment_change", 2], ["comment_well", 2]]  # so many were left, blank ones apart
    approve(engagement.folder, ["Canary two", "Canary three!"], by="x", at="now")
    kept = engagement.open().query("select distinct comment from responses where comment is not null")
    assert kept["comment"].tolist() == ["Canary two"]
    assert stored(engagement.folder / "run").count(b"canary") == stored(engagement.folder / "run").count(b"canary two")


def test_a_damaged_approval_stops_the_run(engage: Make) -> None:
    engagement = engage({"s.csv": WROTE, "leads.csv": LEADS}, SURVEY)
    (engagement.folder / "comments_approved.json").write_text("{}")
    assert "E-CORRUPT" in engagement.message()


def test_comments_are_listed_with_their_flags_in_an_order_that_says_nothing(engage: Make) -> None:
    engagement = engage({"s.csv": WROTE, "leads.csv": LEADS}, SURVEY)
    found = snapshot.comments_of(engagement.folder)
    assert {(c.text, c.team, c.flags) for c in found} == {
        ("Canary one", "sales", ()),
        ("Canary two", "sales", ()),
        ("Canary three", "marketing", ()),
        ("Ask Kim for canary five", "sales", ("a name?",)),  # Kim Lang owns leads
    }
    assert [fingerprint(c.text) for c in found] == sorted(fingerprint(c.text) for c in found)
    backwards = "\n".join([WROTE.splitlines()[0], *reversed(WROTE.splitlines()[1:])]) + "\n"
    again = engage({"s.csv": backwards, "leads.csv": LEADS}, SURVEY)
    assert snapshot.comments_of(again.folder) == found
    assert not (engagement.folder / "private").exists() and not (engagement.folder / "run").exists()


def codes(engagement: Any) -> list[str]:
    found = engagement.open().query("select distinct respondent_id as who from responses order by who")
    return [str(who) for who in found["who"]]


def test_one_person_has_one_code_in_every_run_of_an_engagement_and_another_elsewhere(engage: Make) -> None:
    files = {"s.csv": WROTE, "leads.csv": LEADS}
    engagement, elsewhere = engage(files, SURVEY), engage(files, SURVEY)
    first = codes(engagement)
    assert len(first) == 3 and codes(engagement) == first and not set(codes(elsewhere)) & set(first)
    key = engagement.folder / "private" / "survey.key"
    assert len(key.read_bytes()) == 32
    assert os.name == "nt" or (stat.S_IMODE(key.stat().st_mode), stat.S_IMODE(key.parent.stat().st_mode)) == (
        0o600,
        0o700,
    )
    key.write_bytes(b"short")
    with pytest.raises(AlignError, match=r"survey\.key: the engagement's secret is damaged.*E-CORRUPT"):
        engagement.open()


def test_S35_nobody_finds_a_person_by_trying_every_address_without_the_secret(engage: Make) -> None:
    import hashlib
    import hmac

    people = [f"person{i}@example.org" for i in range(60)]
    text = "Mail,Department,Same goal?,What goes well?,What should change?\n"
    engagement = engage({"s.csv": text + "".join(f"{who},Sales,{1 + i % 5},,\n" for i, who in enumerate(people)),
                         "leads.csv": LEADS}, SURVEY)  # fmt: skip
    hidden = engagement.open().query("select respondent_id as who, answer from responses where item = 'goal_1'")
    tried = {f"r-{hashlib.sha256(who.encode()).hexdigest()[:12]}" for who in people}
    tried |= {
        f"r-{hmac.digest(k, who.encode(), 'sha256').hex()[:12]}" for who in people for k in (b"", bytes(32), b"key")
    }
    assert len(hidden) == 60 and not tried & set(hidden["who"])
    by_order = sum(answer == 1 + i % 5 for i, answer in enumerate(hidden["answer"].tolist()))
    assert by_order < 30  # chance gives twelve: the order of the rows is that of the codes


def test_a_survey_without_people_to_hide_makes_no_secret(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n")
    engagement.open()
    assert not (engagement.folder / "private").exists()
