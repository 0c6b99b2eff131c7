"""Read = used + rejected + excluded: by hand, each reason once."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignlib.engagement import Input, parse_settings
from alignlib.errors import AlignError
from alignlib.intake import snapshot
from alignlib.intake.mappings import map_input
from alignlib.intake.read import Raw
from alignlib.intake.rows import XLSX_ERROR, Part, join_parts, type_columns

HEAD = "id,created,source\n"
Make = Callable[..., Any]


def column(tables: Any, table: str, name: str) -> list[Any]:
    return [row[0] for row in tables.connection.execute(f'select "{name}" from "{table}" order by record').fetchall()]


@pytest.mark.parametrize("footer", ["Total,,2", ",,Total", "Grand total:,,", "Summe,,"])
def test_B14_a_total_is_no_lead(leads: Make, footer: str) -> None:
    tables = leads(HEAD + f"1,2024-01-01,a\n2,2024-01-02,b\n{footer}\n").open()
    assert column(tables, "leads", "lead_id") == ["1", "2"]
    assert tables.row_counts[0].reasons == {"E-TOTAL": 1}


def test_a_source_that_is_called_total_is_no_total(leads: Make) -> None:
    assert column(leads(HEAD + "1,2024-01-01,Total\n").open(), "leads", "source") == ["Total"]


def test_a_row_without_its_id_or_date_is_rejected(leads: Make) -> None:
    tables = leads(HEAD + "1,2024-01-01,a\n,2024-01-02,b\n3,,c\n").open()
    assert tables.row_counts[0].reasons == {"E-VALUE": 2}


def test_B31_the_same_row_twice_counts_once(leads: Make) -> None:
    count = leads(HEAD + "1,2024-01-01,a\n1,2024-01-01,a\n2,2024-01-02,b\n").open().row_counts[0]
    assert (count.read, count.used, count.reasons) == (3, 2, {"identical duplicate": 1})


def test_B31_the_same_row_in_two_files_counts_once(engage: Make) -> None:
    one = "  - {{file: {}, table: leads, columns: {{lead_id: id, created_at: created}}}}\n"
    files = {"a.csv": "id,created\n1,2024-01-01\n", "b.csv": "id,created\n1,2024-01-01\n2,2024-01-02\n"}
    tables = engage(files, one.format("a.csv") + one.format("b.csv")).open()
    assert [count.used for count in tables.row_counts] == [1, 1]
    assert tables.query("select lead_id, file from leads order by 1").values.tolist() == [
        ["1", "a.csv"],
        ["2", "b.csv"],
    ]


def test_the_same_row_twice_beside_a_file_without_rows_counts_once(engage: Make) -> None:
    one = "  - {{file: {}, table: leads, columns: {{lead_id: id, created_at: created}}}}\n"
    files = {"a.csv": "id,created\n1,2024-01-01\n1,2024-01-01\n", "b.csv": "id,created\n"}
    tables = engage(files, one.format("a.csv") + one.format("b.csv")).open()
    assert [count.used for count in tables.row_counts] == [1, 0]


def test_B32_one_id_on_rows_that_differ_is_refused(leads: Make) -> None:
    message = leads(HEAD + "1,2024-01-01,a\n1,2024-01-01,b\n").message()
    assert "1 row repeated a key with different values, the first lead_id '1'" in message
    assert "E-DUPID" in message


def test_B39_B60_dates_after_the_as_of_date_are_rejected_and_expiry_dates_are_not(engage: Make) -> None:
    inputs = "  - {file: a.csv, table: assets, columns: {asset_id: id, created_on: made, expires_on: ends}}\n"
    text = "id,made,ends\n1,2025-01-31,2030-12-31\n2,2025-02-01,\n"
    tables = engage({"a.csv": text}, inputs).open()
    assert column(tables, "assets", "asset_id") == ["1"]
    assert tables.row_counts[0].reasons == {"E-FUTURE": 1}


def test_B60_a_day_is_compared_with_the_as_of_day_in_every_zone(leads: Make) -> None:
    body = "1,2024-12-31,a\n2,2025-02-01,b\n"
    for zone in ("America/New_York", "Asia/Tokyo"):
        assert leads(HEAD + body, zone=zone).open().row_counts[0].reasons == {"E-FUTURE": 1}


def test_an_open_opportunitys_planned_close_is_not_a_close(engage: Make) -> None:
    inputs = "  - {file: d.csv, table: opportunities, columns: {opportunity_id: id, outcome: s, closed_at: c}}\n"
    tables = engage({"d.csv": "id,s,c\n1,open,2025-06-30\n2,won,2025-06-30\n3,won,2024-06-30\n"}, inputs).open()
    closed = tables.query("select opportunity_id, closed_at::date::text as c from opportunities order by 1")
    assert closed.astype(object).where(closed.notna(), None).values.tolist() == [["1", None], ["3", "2024-06-30"]]
    assert "1 open opportunity carried a planned close date; it is not used." in tables.notes_on("opportunities")


@pytest.mark.parametrize("parent", ["leads", "assets"])
def test_B62_rows_that_name_an_unknown_id_are_rejected_and_noted(engage: Make, parent: str) -> None:
    if parent == "leads":
        inputs = """
  - {file: p.csv, table: leads, columns: {lead_id: id, created_at: at}}
  - {file: c.csv, table: sales_touches, columns: {lead_id: id, touched_at: at}}
"""
    else:
        inputs = """
  - {file: p.csv, table: assets, columns: {asset_id: id, created_on: at}}
  - {file: c.csv, table: asset_usage, columns: {asset_id: id, used_at: at}}
"""
    child = "id,at\n1,2024-01-02 10:00\n2,2024-01-02 11:00\n9,2024-01-03 12:00\n"
    tables = engage({"p.csv": "id,at\n1,2024-01-01\n2,2024-01-01\n", "c.csv": child}, inputs).open()
    (count,) = (count for count in tables.row_counts if count.file == "c.csv")
    assert (count.used, count.reasons) == (2, {"E-ORPHAN": 1})


def test_B62_mostly_unknown_ids_are_refused(engage: Make) -> None:
    inputs = """
  - {file: p.csv, table: leads, columns: {lead_id: id, created_at: at}}
  - {file: c.csv, table: sales_touches, columns: {lead_id: id, touched_at: at}}
"""
    files = {"p.csv": "id,at\n1,2024-01-01\n", "c.csv": "id,at\n7,2024-01-02\n8,2024-01-02\n1,2024-01-02\n"}
    assert engage(files, inputs).codes() == ["E-ORPHAN"]


def test_an_orphans_id_is_named_with_the_right_article(engage: Make) -> None:
    inputs = "  - {file: p.csv, table: assets}\n  - {file: c.csv, table: asset_usage}\n"
    child = "asset_id,event,used_at\n" + "1,view,2024-01-02\n" * 2 + "9,view,2024-01-02\n"
    noted = engage({"p.csv": "asset_id\n1\n", "c.csv": child}, inputs).open().notes["asset_usage"]
    assert "1 row of c.csv named an asset_id that is not in assets and had to be rejected." in noted
    assert "rows name an asset_id that is" in engage({"p.csv": "asset_id\n7\n", "c.csv": child}, inputs).message()


def test_rows_whose_parents_were_all_rejected_are_not_blamed(engage: Make) -> None:
    inputs = """
  - {file: p.csv, table: assets, columns: {asset_id: id, specificity: level}}
  - {file: c.csv, table: asset_usage}
  - {file: t.csv, table: training}
"""
    files = {
        "p.csv": "id,level\n1,Odd\n2,Odd\n",
        "c.csv": "asset_id,event,used_at\n1,view,2024-01-02\n2,view,2024-01-02\n",
        "t.csv": "asset_id,trained_on\n1,2024-01-02\n2,2024-01-02\n",
    }
    engagement = engage(files, inputs)
    assert engagement.codes() == ["E-VALUE"]
    assert "p.csv: all its rows for assets were rejected" in engagement.message()


def test_rows_are_blamed_where_another_file_of_their_parents_is_read(engage: Make) -> None:
    lead = "  - {file: %s, table: leads, columns: {lead_id: id, created_at: at}}\n"
    inputs = lead % "p.csv" + lead % "q.csv"
    inputs += "  - {file: c.csv, table: sales_touches, columns: {lead_id: id, touched_at: at}}\n"
    files = {"p.csv": "id,at\n1,2024-01-01\n", "q.csv": "id,at\n7,\n"}
    files["c.csv"] = "id,at\n" + "".join(f"{lead},2024-01-02\n" for lead in (1, 8, 9))
    assert engage(files, inputs).codes() == ["E-ORPHAN"]


def test_a_wrong_date_that_is_not_needed_is_left_out_and_its_asset_stays(engage: Make) -> None:
    inputs = "  - {file: a.csv, table: assets}\n  - {file: u.csv, table: asset_usage}\n"
    inputs += "  - {file: t.csv, table: asset_totals}\n"
    files = {
        "a.csv": "asset_id,created_on,reviewed_on\n1,2024-01-01,2026-01-01\n2,2024-13-01,2024-06-01\n"
        "3,2024-01-01,soon\n4,2026-01-01,\n",
        "u.csv": "asset_id,event,used_at\n1,view,2024-03-01\n3,view,2024-03-01\n",
        "t.csv": "asset_id,from_on,until_on,last_used_on\n1,2024-01-01,2024-12-31,2026-01-01\n"
        "2,2024-01-01,2026-12-31,\n3,2024-01-01,2024-12-31,2024-05-05\n",
    }
    tables = engage(files, inputs).open()
    sql = "select asset_id, created_on::date::text, reviewed_on::date::text from assets order by 1"
    assert tables.connection.execute(sql).fetchall() == [
        ("1", "2024-01-01", None), ("2", None, "2024-06-01"), ("3", "2024-01-01", None),
    ]  # fmt: skip
    by_table = {count.table: (count.used, count.reasons) for count in tables.row_counts}
    assert by_table == {
        "assets": (3, {"E-FUTURE": 1}), "asset_usage": (2, {}), "asset_totals": (2, {"E-FUTURE": 1}),
    }  # fmt: skip
    noted = "\n".join(tables.notes["assets"])
    assert "2 values of a.csv had to be left out (E-DATE); the rest of each row is used." in noted
    assert "1 value of a.csv had to be left out (E-FUTURE)" in noted
    assert column(tables, "asset_totals", "last_used_on")[0] is None


def test_a_date_typed_as_text_into_a_work_list_is_left_out_alone(engage: Make) -> None:
    inputs = "  - {file: a.csv, table: assets}\n  - {file: d.csv, table: asset_decisions}\n"
    files = {
        "a.csv": "asset_id\n1\n2\n3\n",
        "d.csv": "asset_id,decision,decided_on\n1,keep,2025-01-10\n2,fix,13/01/2025\n3,fix,\n",
    }
    tables = engage(files, inputs).open()
    sql = "select asset_id, decision, decided_on::date::text from asset_decisions order by 1"
    assert tables.connection.execute(sql).fetchall() == [
        ("1", "keep", "2025-01-10"), ("2", "fix", None), ("3", "fix", None),
    ]  # fmt: skip
    assert "1 value of d.csv had to be left out (E-DATE)" in "\n".join(tables.notes["asset_decisions"])
    files["d.csv"] = files["d.csv"].replace("2025-01-10", "01/13/2025")
    assert engage(files, inputs).codes() == ["E-DATEMIX"]


def test_B61_leads_without_events_stay_and_leads_outside_the_period_go_with_their_events(engage: Make) -> None:
    inputs = """
  - {file: p.csv, table: leads, columns: {lead_id: id, created_at: at}}
  - {file: c.csv, table: sales_touches, columns: {lead_id: id, touched_at: at}}
"""
    files = {
        "p.csv": "id,at\n1,2023-12-31\n2,2024-01-01\n3,2024-12-31\n4,2025-01-01\n",
        "c.csv": "id,at\n1,2024-01-02\n2,2024-01-03\n",
    }
    tables = engage(files, inputs, zone="America/New_York").open()
    assert column(tables, "leads", "lead_id") == ["2", "3"]
    assert [count.reasons for count in tables.row_counts] == [
        {"created outside the period": 2},
        {"its lead was created outside the period": 1},
    ]


def test_times_of_the_last_day_of_the_period_belong_to_it_in_the_clients_zone(leads: Make) -> None:
    body = "1,2024-01-01 00:30,a\n2,2024-12-31 23:30,b\n3,2025-01-01 00:10,c\n"
    tables = leads(HEAD + body, zone="Europe/Berlin").open()
    assert column(tables, "leads", "lead_id") == ["1", "2"]
    assert str(column(tables, "leads", "created_at")[0]) == "2023-12-31 23:30:00"


def test_a_day_among_times_belongs_to_the_period_by_its_calendar_day(leads: Make) -> None:
    body = "1,2024-01-01,a\n2,2024-01-01 10:00,b\n3,2023-12-31,c\n4,2024-12-31,d\n"
    assert column(leads(HEAD + body, zone="America/New_York").open(), "leads", "lead_id") == ["1", "2", "4"]


def test_labels_are_split_once_each_and_unknown_ones_are_taken_out_alone(engage: Make) -> None:
    inputs = """
  - file: a.csv
    table: assets
    columns: {asset_id: id, conversations: c, topics: t, is_customisable: f, cost: cost}
    separators: {conversations: ";", topics: "|"}
    values: {conversations: {First: C1}}
"""
    text = 'id,c,t,f,cost\n1,First; C2;C1,a|b|a,Yes,"1.234,50"\n2,C9;C3,,no,"10,5"\n3,,c,maybe,\n'
    tables = engage({"a.csv": text}, inputs).open()
    rows = tables.connection.execute("select conversations, topics, is_customisable, cost from assets order by record")
    assert rows.fetchall() == [(["C1", "C2"], ["a", "b"], True, 123_450), (["C3"], None, False, 1_050)]
    assert tables.row_counts[0].reasons == {"E-VALUE": 1}
    assert "1 row of a.csv, column t repeated a label; each label counts once." in tables.notes_on("assets")


def test_labels_without_a_separator_are_one_label_with_its_spaces(engage: Make) -> None:
    inputs = "  - {file: a.csv, table: assets, columns: {asset_id: id, topics: t}}\n"
    assert column(engage({"a.csv": "id,t\n1,Case study\n"}, inputs).open(), "assets", "topics") == [["Case study"]]


SETTINGS = parse_settings("""
version: 1
client: Any
period: {start: 2024-01-01, end: 2024-12-31}
as_of: 2024-12-31
currency: EUR
timezone: UTC
""")
CELLS = st.sampled_from(["", "a", "b", "1", "Total", "2024-02-30", "2024-03-01", "2023-03-01", "2030-01-01", " x "])


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12))
def test_whatever_the_rows_hold_every_record_has_one_fate(rows: list[tuple[str, str, str]]) -> None:
    dated = [[a, b if b[:1] in ("", "2") else "2024-05-05", c] for a, b, c in rows]
    raw = Raw("l.csv", [["id", "at", "s"]], dated, list(range(1, len(rows) + 1)), len(rows), "")
    entry = Input(file="l.csv", table="leads", columns={"lead_id": "id", "created_at": "at", "source": "s"})
    part, _ = map_input(raw, entry, SETTINGS, [])
    if not type_columns(part, SETTINGS):
        join_parts([part], SETTINGS)
        assert part.count().read == len(rows)
        assert part.count().used == len(part.data)


# --- the fate of a record, one step at a time -------------------------------------------------------------------------


def part_of(*rows: list[str]) -> Part:
    raw = Raw("l.csv", [["id", "at", "s"]], [*rows], list(range(1, len(rows) + 1)), len(rows), "")
    entry = Input(file="l.csv", table="leads", columns={"lead_id": "id", "created_at": "at", "source": "s"})
    return map_input(raw, entry, SETTINGS, [])[0]


def sure(part: Part, *records: int) -> "pd.Series[bool]":
    return part.data["record"].isin(records)


def test_a_record_of_several_rows_has_the_best_fate_of_them_and_the_first_reason() -> None:
    part = part_of(*[[str(at), "2024-01-01", "a"] for at in range(1, 8)])
    part.data = pd.concat([part.data, part.data], ignore_index=True)  # every record gave two rows
    second = part.data.index >= 7
    part.reject(sure(part, 1, 2, 3) & second, "lead_id", "E-VALUE", "empty")  # 1 stays used by its other row
    part.exclude(sure(part, 2), "too old")  # rejected weighs more than excluded
    part.reject(sure(part, 3), "source", "E-STAGE", "unknown")  # of two faults the first is told
    part.exclude(sure(part, 4), "too new")
    part.exclude(sure(part, 5), "too old")
    part.exclude(sure(part, 6), "too new")  # once more by the same rule
    found = part.count()
    assert (found.file, found.table, found.read, found.used, found.rejected, found.excluded) == (
        "l.csv", "leads", 7, 2, 2, 3,
    )  # fmt: skip
    assert list(found.reasons.items()) == [("E-VALUE", 2), ("too new", 2), ("too old", 1)]
    assert {*part.data["record"]} == {1, 7}
    part.exclude(sure(part), "no row at all")
    assert "no row at all" not in part.excluded


def test_a_row_that_is_lost_on_the_way_stops_everything() -> None:
    part = part_of(["1", "2024-01-01", "a"], ["2", "2024-01-02", "b"], ["3", "2024-01-02", "b"])
    part.reject(sure(part, 1), "lead_id", "E-VALUE", "empty")
    assert part.count().balances
    part.data = part.data.loc[part.data["record"] != 2]
    with pytest.raises(AlignError, match=r"l\.csv: 3 rows read, but 1 used, 1 rejected, 0 excluded.*\[E-ROWS\]"):
        part.count()


def test_a_rejected_record_is_told_as_the_file_has_it() -> None:
    part = part_of(["1", "2024-01-01", "a"], ["", "2024-01-02", "ä"])
    assert not type_columns(part, SETTINGS)
    assert part.originals() == {2: '{"id": "", "at": "2024-01-02", "s": "ä"}'}
    assert part.originals([]) == {}
    (reject,) = part.rejects
    assert (reject.record, reject.column, reject.code, reject.reason) == (2, "id", "E-VALUE", "lead_id is empty")


def test_a_value_beyond_its_ends_names_the_end(engage: Make) -> None:
    inputs = "  - {file: r.csv, table: responses, columns: {respondent_id: who, item: item, answer: answer}}\n"
    text = "who,item,answer\n" + "".join(f"p,goal_{at},{answer}\n" for at, answer in enumerate((1, 5, 0, 6), start=1))
    engagement = engage({"r.csv": text + "p,unheard_of,5\nq,unheard_of,6\nr,unheard_of,1\n"}, inputs)
    below, above = sorted(snapshot.check(engagement.folder)[3])
    assert "below 1" in below and "record 3," in below
    assert "above 5" in above and "record 4 and 1 more" in above


def test_a_number_keeps_its_fraction_and_its_bounds(engage: Make) -> None:
    inputs = "  - {file: p.csv, table: page_views, columns: {page: id, n_views: views, exit_share: x}}\n"
    shares = ("0", "0.25", "1", "", "1.5", "-0.1")
    views = "id,views,x\n" + "".join(f"/page-{at},3,{x}\n" for at, x in enumerate(shares))
    engagement = engage({"p.csv": views}, inputs)
    assert column(engagement.open(), "page_views", "exit_share") == [0.0, 0.25, 1.0, None]
    said = "\n".join(snapshot.check(engagement.folder)[3])
    assert "(above 1) [E-NUM]" in said and "(below 0) [E-NUM]" in said


def test_stages_in_columns_of_their_own_are_each_read_by_themselves(engage: Make) -> None:
    inputs = "  - {file: f.csv, table: stage_events, shape: wide, columns: {lead_id: id}, stages: {mql: m, won: w}}\n"
    for late, by_day in (("13/02/2024", {"stage_events.entered_at"}), ("13/02/2024 10:30", set())):
        tables = engage({"f.csv": f"id,m,w\n1,2024-01-05,{late}\n2,2024-01-06,\n"}, inputs).open()
        assert [str(at)[:10] for at in column(tables, "stage_events", "entered_at")] == [
            "2024-01-05", "2024-02-13", "2024-01-06",
        ]  # fmt: skip
        assert tables.day_only == by_day  # a column with one time of day is one of moments


def test_half_of_the_rows_may_be_orphans_and_one_alone(engage: Make) -> None:
    inputs = """
  - {file: p.csv, table: leads, columns: {lead_id: id, created_at: at}}
  - {file: c.csv, table: sales_touches, columns: {lead_id: id, touched_at: at}}
"""
    for child, used, lost in (("1,2024-01-02\n9,2024-01-02\n", 1, 1), ("9,2024-01-02\n", 0, 1)):
        tables = engage({"p.csv": "id,at\n1,2024-01-01\n", "c.csv": "id,at\n" + child}, inputs).open()
        found = tables.row_counts[1]
        assert (found.used, found.rejected, found.reasons) == (used, lost, {"E-ORPHAN": lost})


def test_an_error_of_a_workbook_is_told_as_one_and_a_name_like_it_is_not(leads: Make) -> None:
    assert XLSX_ERROR.match("#N/A") and XLSX_ERROR.match("#DIV/0!") and not XLSX_ERROR.match("#N/A!")
    # in a text file nobody knows: it may be somebody's label
    assert column(leads(HEAD + "1,2024-01-01,#N/A\n").open(), "leads", "source") == ["#N/A"]
