"""Records that are one: merged by a system, or written in the two forms of one id."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.intake.merged import full_id, other_forms
from alignlib.intake.snapshot import check, open_run, prepare

LEADS = "{table: leads, file: leads.csv, columns: {lead_id: Id, created_at: Created}, %s}"
TOUCHES = "{table: sales_touches, file: touches.csv, columns: {lead_id: Who, touched_at: At}}"
SHORT, FULL = "00Q5g00000AbCdE", "00Q5g00000AbCdEEAV"


def listed(*inputs: str) -> str:
    return "".join(f"- {each}\n" for each in inputs)


def touched(made: Any) -> list[tuple[Any, ...]]:
    prepare(made.folder, made.folder / "run")
    tables = open_run(made.folder / "run")[1]
    return tables.connection.execute("select lead_id, count(*) from sales_touches group by 1 order by 1").fetchall()


def test_a_deleted_row_still_says_into_which_record_it_was_merged(engage: Callable[..., Any]) -> None:
    files = {
        "leads.csv": "Id,Created,Deleted,Master\nA,2024-03-01,false,\nB,2024-03-02,true,A\nC,2024-03-03,true,\n",
        "touches.csv": "Who,At\nA,2024-03-04\nB,2024-03-05\n",
    }
    made = engage(files, listed(LEADS % "merged_into: Master, exclude: {Deleted: ['true']}", TOUCHES))
    assert touched(made) == [("A", 2)]
    counts = {rows.table: rows for rows in check(made.folder)[0]}
    assert (counts["leads"].used, counts["leads"].excluded, counts["sales_touches"].used) == (1, 2, 2)


def test_merges_of_merges_end_at_the_last_and_a_circle_ends(engage: Callable[..., Any]) -> None:
    files = {
        "leads.csv": "Id,Created,Old\nA,2024-03-01,B;C\nB,2024-03-02,D\nE,2024-03-01,F\nF,2024-03-01,E\n",
        "touches.csv": "Who,At\nD,2024-03-04\nC,2024-03-05\nA,2024-03-05\n",
    }
    made = engage(files, listed(LEADS % "merged_ids: Old", TOUCHES))
    assert touched(made) == [("A", 3)]


@pytest.mark.parametrize(("leads", "touches"), [(FULL, SHORT), (SHORT, FULL)])
def test_ids_of_a_report_and_of_an_export_are_one(engage: Callable[..., Any], leads: str, touches: str) -> None:
    files = {"leads.csv": f"Id,Created\n{leads},2024-03-01\n", "touches.csv": f"Who,At\n{touches},2024-03-04\n"}
    made = engage(files, listed(LEADS % "decimal: '.'", TOUCHES))
    assert touched(made) == [(leads, 1)]
    assert any("15 or 18 letters" in note for notes in check(made.folder)[1].values() for note in notes)


def test_ids_that_differ_by_case_alone_stay_two_and_a_wrong_ending_joins_nothing() -> None:
    assert full_id(SHORT.lower()) != FULL
    assert other_forms([SHORT.lower()], [FULL]) == {}
    assert other_forms([SHORT], [SHORT + "AAA"]) == {}
    assert other_forms(["0061", "x" * 15], [FULL]) == {}


def test_a_look_up_finds_an_id_in_its_other_form(engage: Callable[..., Any]) -> None:
    files = {"touches.csv": f"Deal,At\n{SHORT},2024-03-04\n", "leads.csv": f"Id,Created,Deal\nA,2024-03-01,{FULL}\n"}
    touches = ("{table: sales_touches, file: touches.csv, columns: {touched_at: At},"
               " lookups: [{file: leads.csv, match: {Deal: Deal}, columns: {lead_id: Id}}]}")  # fmt: skip
    assert touched(engage(files, listed(LEADS % "decimal: '.'", touches))) == [("A", 1)]


def test_no_message_prints_whom_a_wrong_column_or_an_address_names(engage: Callable[..., Any]) -> None:
    two = "Id,Created\na@b.example,2024-03-01\na@b.example,2024-03-02\n"
    _, _, problems, _ = check(engage({"leads.csv": two}, listed(LEADS % "decimal: '.'")).folder)
    assert [p.code for p in problems] == ["E-DUPID"]
    assert "a@b.example" not in str(problems[0])
    named = "Id,Created\n1,Somebody Else\n"
    _, _, problems, _ = check(engage({"leads.csv": named}, listed(LEADS % "decimal: '.'")).folder)
    assert [p.code for p in problems] == ["E-DATE"]
    assert "Somebody" not in str(problems[0])


def test_a_list_of_ids_without_any_row_reads(engage: Callable[..., Any]) -> None:
    files = {"leads.csv": "Id,Created\nA,2024-03-01\n", "touches.csv": "Who,At,Kind\n1;2,2024-03-01,x\n"}
    touches = ("{table: sales_touches, file: touches.csv, columns: {lead_id: Who, touched_at: At},"
               " separators: {lead_id: ';'}, only: {Kind: [call]}}")  # fmt: skip
    assert touched(engage(files, listed(LEADS % "decimal: '.'", touches))) == []


def test_a_record_merged_into_itself_stays_and_a_circle_ends_at_one_member(engage: Callable[..., Any]) -> None:
    files = {
        "leads.csv": "Id,Created,Master\nA,2024-03-01,B\nB,2024-03-02,A\nC,2024-03-03,C\n",
        "touches.csv": "Who,At\nA,2024-03-04\nB,2024-03-05\nC,2024-03-05\n",
    }
    assert touched(engage(files, listed(LEADS % "merged_into: Master", TOUCHES))) == [("A", 2), ("C", 1)]


@pytest.mark.parametrize("header", ["Deal - Currency of Value", "_transactioncurrencyid_value", "Měna hodnoty"])
def test_currencies_under_the_headers_of_real_systems_are_never_added_up(
    engage: Callable[..., Any], header: str
) -> None:
    deals = f"Id,Value,{header},State\n1,10,EUR,won\n2,10,USD,won\n"
    inputs = "{table: opportunities, file: d.csv, columns: {opportunity_id: Id, amount: Value, outcome: State}}"
    assert [p.code for p in check(engage({"d.csv": deals}, listed(inputs)).folder)[2]] == ["E-NUM"]
    named = engage({"d.csv": deals.replace("EUR", "US Dollar").replace("USD", "US Dollar")}, listed(inputs))
    _, notes, problems, _ = check(named.folder)
    assert not problems
    assert any(
        "calls its currency 'US Dollar'; it is taken for EUR" in note for each in notes.values() for note in each
    )


def test_half_a_sign_in_json_is_text_without_it(engage: Callable[..., Any]) -> None:
    leads = 'Id,Created,More\nA,2024-03-01,"{""Source"": ""\\ud800x""}"\n'
    inputs = "{table: leads, file: leads.csv, json_columns: [More],"
    inputs += " columns: {lead_id: Id, created_at: Created, source: 'More: Source'}}"
    made = engage({"leads.csv": leads}, listed(inputs))
    prepare(made.folder, made.folder / "run")
    assert open_run(made.folder / "run")[1].connection.execute("select source from leads").fetchall() == [("?x",)]
