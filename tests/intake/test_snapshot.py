"""A run is frozen, fingerprinted and asked over a connection that can do nothing else."""

import os
import stat
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

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


@pytest.mark.parametrize(
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
def test_S25_the_connection_refuses_all_but_its_tables(leads: Make, sql: str) -> None:
    import pandas as pd

    engagement = leads(HEAD + "1,2024-01-01,a\n")
    tables = engagement.open()
    secret_frame = pd.DataFrame({"a": [1]})
    assert len(secret_frame) == 1
    with pytest.raises(duckdb.Error):
        tables.connection.execute(sql.format(path=engagement.folder / "data" / "leads.csv"))
    assert tables.query("select count(*) as n from leads").n[0] == 1


def test_check_tells_counts_notes_problems_and_places_and_writes_nothing(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n2,2024-02-30,b\n")
    before = sorted(engagement.folder.rglob("*"))
    counts, notes, problems, rejected = snapshot.check(engagement.folder)
    assert rejected == ["leads.csv, record 2, column 'created': a value is no date, or an impossible one [E-DATE]"]
    assert (counts[0].read, counts[0].used, counts[0].rejected) == (2, 1, 1)
    assert (notes, problems) == ({"leads": [], "files": []}, [])
    assert sorted(engagement.folder.rglob("*")) == before


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
