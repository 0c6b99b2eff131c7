"""The work list as a workbook: read back as any spreadsheet reads it."""

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from alignlib.report.worklist import DECISIONS, workbook
from alignlib.result import Column, Exhibit, Record, Result

HOSTILE = '=HYPERLINK("http://example.com")'
COLUMNS = [Column(name="title", label="Title"), Column(name="asset_id", label="Asset"),
           Column(name="decision", label="Decision", is_extra=True),
           Column(name="n_uses", label="Uses", unit="count", is_extra=True),
           Column(name="last_used_on", label="Last used", unit="date", is_extra=True),
           Column(name="expires_on", label="Expires on", unit="date", is_extra=True)]  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"title": HOSTILE, "asset_id": "007", "decision": None, "n_uses": 12, "last_used_on": "2025-11-30",
     "expires_on": "2026-03-31"},
    {"title": "+1", "asset_id": "1e5", "decision": "keep", "n_uses": None, "last_used_on": None, "expires_on": None},
]  # fmt: skip


def record(*exhibits: Exhibit) -> Record:
    content = Result(diagnostic="content", question="q", headline="h", summary="s", exhibits=list(exhibits))
    return Record(kit_version="1", client="c", period_start="2025-01-01", period_end="2025-12-31", as_of="2025-12-31",
                  currency="EUR", settings_sha256="", thresholds_lock="", results={"content": content})  # fmt: skip


def listed() -> Exhibit:
    return Exhibit(key="content.worklist", title="Work list", shape="table", columns=COLUMNS, rows=ROWS, read="r",
                   alt="a", source="s")  # fmt: skip


def test_S09_days_are_dates_counts_numbers_and_all_else_the_text_it_was_and_no_formula() -> None:
    made = workbook(record(listed()))
    assert made is not None
    sheet = openpyxl.load_workbook(io.BytesIO(made)).active
    assert sheet is not None
    heads, first, second = ([(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows())
    assert heads == [(column.label, "s") for column in COLUMNS]
    assert first == [(HOSTILE, "s"), ("007", "s"), (None, "n"), (12, "n"), (datetime(2025, 11, 30), "d"),
                     (datetime(2026, 3, 31), "d")]  # fmt: skip
    assert second[:3] == [("+1", "s"), ("1e5", "s"), ("keep", "s")] and {value for value, _ in second[3:]} == {None}
    assert [str(each.sqref) for each in sheet.data_validations.dataValidation] == ["C2:C3"]


def test_the_same_list_is_the_same_bytes_and_no_list_is_no_file() -> None:
    assert workbook(record(listed())) == workbook(record(listed())) and workbook(record()) is None


def test_a_second_sheet_says_how_to_correct_the_first_and_names_all_that_is_read() -> None:
    from alignlib.diagnostics.content.worklist import DISPOSITIONS, UNKNOWN
    from alignlib.intake.tables import TABLES

    book = openpyxl.load_workbook(io.BytesIO(workbook(record(listed())) or b""))
    assert book.sheetnames == ["Work list", "How to"]
    said = " ".join(str(cell.value) for row in book["How to"].iter_rows() for cell in row)
    decided = next(column for column in TABLES["asset_decisions"].columns if column.name == "decision").allowed
    assert list(decided) == DECISIONS == [name for name in DECISIONS if name in DISPOSITIONS and name in said]
    assert set(DECISIONS) == set(DISPOSITIONS) - {"create", UNKNOWN}
    for head in ("Decided on", "Conversations", "Segments", "Personas", "Reviewed on", "Expires on", "none", ";"):
        assert head in said


@pytest.mark.parametrize("decision", ["retire", "keep"])
def test_a_corrected_workbook_is_read_back_by_its_headers(tmp_path: Path, decision: str) -> None:
    from alignlib.intake.snapshot import open_run, prepare

    made = workbook(record(listed()))
    assert made is not None
    book = openpyxl.load_workbook(io.BytesIO(made))
    assert book.active is not None
    book.active["C2"] = decision
    (tmp_path / "data").mkdir()
    book.save(tmp_path / "data" / "list.xlsx")
    (tmp_path / "data" / "assets.csv").write_text("Asset ID,Title\n007,Deck\n1e5,Case\n", encoding="utf-8")
    (tmp_path / "engagement.yml").write_text(
        "version: 1\nclient: By hand\nperiod: {start: 2025-01-01, end: 2025-12-31}\nas_of: 2025-12-31\ncurrency: EUR\n"
        "timezone: UTC\ninputs:\n  - {table: assets, file: assets.csv}\n"
        "  - {table: asset_decisions, file: list.xlsx}\n", encoding="utf-8"
    )  # fmt: skip
    prepare(tmp_path, tmp_path / "run")
    _, tables = open_run(tmp_path / "run")
    found = tables.query(
        "select asset_id, decision, expires_on::varchar as expires_on from asset_decisions order by asset_id"
    )
    assert found.astype(object).to_numpy().tolist()[0] == ["007", decision, "2026-03-31"]
    assert found.to_numpy()[1, :2].tolist() == ["1e5", "keep"] and found["expires_on"].isna().tolist() == [False, True]
