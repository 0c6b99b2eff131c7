"""Their columns and labels become ours: by hand."""

from collections.abc import Callable
from typing import Any

import pytest

HEAD = "id,created,source\n"
Make = Callable[..., Any]


def column(tables: Any, table: str, name: str) -> list[Any]:
    return [row[0] for row in tables.connection.execute(f'select "{name}" from "{table}" order by record').fetchall()]


def test_B21_a_name_over_two_differing_columns_is_refused_only_when_it_is_asked_for(leads: Make) -> None:
    assert "E-DUPCOL" in leads("id,created,source,source\n1,2024-01-01,a,b\n").message()
    assert column(leads("id,created,source,x,x\n1,2024-01-01,a,b,c\n").open(), "leads", "source") == ["a"]
    same = leads("id,created,source,source\n1,2024-01-01,a,a\n").open()
    assert any("2 times with the same content" in note for note in same.notes["files"])


def test_B22_names_are_matched_without_case_spaces_and_invisible_signs(leads: Make) -> None:
    tables = leads("\ufeff ID\u00a0,Created ,SOURCE\u200b\n1,2024-01-01,web\n").open()
    assert column(tables, "leads", "source") == ["web"]
    assert "E-DUPCOL" in leads("id,ID,created,source\n1,2,2024-01-01,a\n").codes()


def test_B23_a_column_without_a_name_is_called_by_its_place(engage: Make) -> None:
    inputs = "  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: created, source: column_3}}\n"
    assert column(engage({"l.csv": "id,created,\n1,2024-01-01,web\n"}, inputs).open(), "leads", "source") == ["web"]


def test_B24_a_required_column_without_a_mapping_is_refused(engage: Make) -> None:
    message = engage({"l.csv": "id\n1\n"}, "  - {file: l.csv, table: leads, columns: {lead_id: id}}\n").message()
    assert "leads needs created_at (when it was created), and nothing is mapped to it" in message
    assert "E-NOCOL" in message


def test_B25_columns_that_are_not_mapped_are_never_stored(leads: Make) -> None:
    engagement = leads("id,created,source,email\n1,2024-01-01,a,zoe@example.org\n2,30 Feb,b,kim@example.org\n")
    engagement.open()
    stored = b"".join(path.read_bytes() for path in (engagement.folder / "run").rglob("*") if path.is_file())
    assert b"example.org" not in stored


def test_B27_B28_B29_text_and_ids_stay_as_they_are(leads: Make) -> None:
    ids = ["00123", "12E5", "+4930", "123456789012345678", "1.0", "TRUE"]
    sources = ["NA", "None", "null", "NaN", "", "nan"]
    rows = "".join(f"{i},2024-01-0{n + 1},{s}\n" for n, (i, s) in enumerate(zip(ids, sources, strict=True)))
    tables = leads(HEAD + rows).open()
    assert column(tables, "leads", "lead_id") == ids
    assert column(tables, "leads", "source") == ["NA", "None", "null", "NaN", None, "nan"]


def test_B30_ids_that_differ_only_by_case_are_two_leads(leads: Make) -> None:
    tables = leads(HEAD + "00Q5e00000AbCdE,2024-01-01,a\n00Q5e00000abcde,2024-01-02,b\n").open()
    assert tables.query("select count(distinct lead_id) as n from leads").n[0] == 2


def test_B33_B83_spaces_at_the_ends_and_accents_in_two_forms_are_one_value(leads: Make) -> None:
    tables = leads(HEAD + "1,2024-01-01,Cafe\u0301\n2,2024-01-02,\u00a0Café \n3,2024-01-03,Café\n").open()
    assert column(tables, "leads", "source") == ["Café"] * 3
    assert any("column source, had spaces" in note for note in tables.notes["files"])


def test_B81_text_that_looks_like_code_is_kept_exactly(leads: Make) -> None:
    nasty = [
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "{{7*7}}",
        "${x}",
        "%s",
        "../../etc",
        "'; drop table leads",
    ]
    rows = "".join(f"{n},2024-01-01,{text}\n" for n, text in enumerate(nasty))
    assert column(leads(HEAD + rows).open(), "leads", "source") == nasty


def test_B89_a_column_that_is_not_there_is_refused_with_the_nearest_name(leads: Make) -> None:
    message = leads("id,created_date,source\n1,2024-01-01,a\n").message()
    assert "there is no column 'created'; nearest: created_date" in message
    assert "E-MAP" in message


def test_B89_a_name_that_is_none_of_ours_is_refused_with_the_nearest(engage: Make) -> None:
    inputs = "  - {file: l.csv, table: leads, columns: {lead_id: id, createdat: c, created_at: c}}\n"
    assert (
        "leads has no column 'createdat'; did you mean 'created_at'?" in engage({"l.csv": "id,c\n"}, inputs).message()
    )


def test_B89_one_of_our_columns_has_one_origin(leads: Make) -> None:
    assert "source is filled from two places" in leads(HEAD + "1,2024-01-01,a\n", "constants: {source: web}").message()


def test_an_unknown_time_zone_of_an_input_is_refused(leads: Make) -> None:
    assert leads(HEAD + "1,2024-01-01,a\n", "timezone: Mars/Base").codes() == ["E-CONFIG"]


def test_every_fault_of_every_file_is_told_at_once(engage: Make) -> None:
    inputs = (
        "  - {file: l.csv, table: leads, columns: {lead_id: nr, created_at: made}}\n"
        "  - {file: gone.csv, table: plan, columns: {segment: s}}\n"
        "  - {file: a.csv, table: assets, columns: {asset_id: id, created_on: on}}\n"
    )
    engagement = engage({"l.csv": "id,created\n1,2024-01-01\n", "a.csv": "id,on\n1,02/03/2024\n"}, inputs)
    assert sorted(engagement.codes()) == ["E-DATEFMT", "E-MAP", "E-MAP", "E-OPEN"]


def test_values_constants_and_exclusions_follow_the_mapping(leads: Make) -> None:
    extra = "values: {source: {g: google}}, constants: {segment: retail}, exclude: {id: [test-1], note: [spam]}"
    rows = "1,2024-01-01,g,\n2,2024-01-02,x,spam\ntest-1,2024-01-03,g,\n"
    tables = leads("id,created,source,note\n" + rows, extra).open()
    assert column(tables, "leads", "source") == ["google"]
    assert column(tables, "leads", "segment") == ["retail"]
    assert tables.row_counts[0].reasons == {"excluded by rule on id": 1, "excluded by rule on note": 1}


def test_a_lookup_adds_columns_and_loses_no_row(engage: Make) -> None:
    inputs = """
  - file: deals.csv
    table: opportunities
    columns: {opportunity_id: id, outcome: stage}
    lookups:
      - {file: accounts.csv, match: {account: name}, columns: {segment: sector}}
"""
    files = {
        "deals.csv": "id,stage,account\n1,won,Acme\n2,lost,Acme Ltd\n3,open,\n4,won,Zeta\n",
        "accounts.csv": "name,sector\n Acme,retail\nZeta,\nOther,bank\n",
    }
    tables = engage(files, inputs).open()
    assert column(tables, "opportunities", "segment") == ["retail", None, None, None]
    notes = tables.notes_on("opportunities")
    assert notes == [
        "1 row of deals.csv had the account 'Acme Ltd', which is not in accounts.csv; the nearest there is 'Acme'.",
        "1 row of deals.csv had no account, so accounts.csv adds nothing to them.",
    ]
    (lookup,) = (count for count in tables.row_counts if count.file == "accounts.csv")
    assert (lookup.read, lookup.used, lookup.reasons) == (3, 2, {"no row refers to it": 1})


def test_a_lookup_in_which_a_key_stands_twice_is_refused(engage: Make) -> None:
    inputs = """
  - file: deals.csv
    table: opportunities
    columns: {opportunity_id: id, outcome: stage}
    lookups: [{file: a.csv, match: {account: name}, columns: {segment: sector}}]
"""
    files = {"deals.csv": "id,stage,account\n1,won,A\n", "a.csv": "name,sector\nA,x\nA,y\n"}
    assert "E-DUPID" in engage(files, inputs).codes()


def test_a_persons_name_without_partner_is_not_printed(engage: Make) -> None:
    inputs = """
  - file: deals.csv
    table: opportunities
    columns: {opportunity_id: id, outcome: stage, owner_id: seller}
    lookups: [{file: t.csv, match: {seller: seller}, columns: {region: office}}]
"""
    files = {"deals.csv": "id,stage,seller\n1,won,Kim Doe\n", "t.csv": "seller,office\nA,x\n"}
    notes = engage(files, inputs).open().notes_on("opportunities")
    assert notes == ["1 row of deals.csv had 1 seller value that t.csv does not hold."]


WIDE = """
  - file: funnel.csv
    table: stage_events
    shape: wide
    columns: {lead_id: id, owner_id: owner}
    stages: {mql: became mql, won: became customer}
"""


def test_a_wide_file_gives_one_event_a_stage_and_is_counted_by_its_rows(engage: Make) -> None:
    text = "id,owner,became mql,became customer\n1,x,2024-01-05,13/02/2024\n2,y,2024-01-06,\n3,z,,\n4,x,2024-02-30,\n"
    tables = engage({"funnel.csv": text}, WIDE).open()
    count = tables.row_counts[0]
    assert (count.read, count.used, count.reasons) == (4, 2, {"E-DATE": 1, "no stage recorded": 1})
    events = tables.query("select lead_id, stage, entered_at::date::text as d, record from stage_events order by all")
    assert events.values.tolist() == [
        ["1", "mql", "2024-01-05", 1],
        ["1", "won", "2024-02-13", 1],
        ["2", "mql", "2024-01-06", 2],
    ]


def test_B34_an_unknown_stage_is_rejected_and_named_with_its_count(engage: Make) -> None:
    inputs = "  - {file: e.csv, table: stage_events, columns: {lead_id: id, stage: s, entered_at: at}}\n"
    text = (
        "id,s,at\n1,Marketing Qualified,2024-01-05\n2, closed won,2024-01-06\n3,Nurture,2024-01-07\n4,mql,2024-01-08\n"
    )
    stages = "stages: {Marketing Qualified: mql, Closed Won: won}"
    tables = engage({"e.csv": text}, inputs, stages).open()
    assert column(tables, "stage_events", "stage") == ["mql", "won", "mql"]
    assert tables.row_counts[0].reasons == {"E-STAGE": 1}
    assert any("'Nurture' (1)" in note for note in tables.notes_on("stage_events"))


def test_B34_the_stage_of_a_lead_goes_through_the_clients_labels_and_may_be_empty(engage: Make) -> None:
    said = ["Marketing Qualified", " closed won", "Nurture", "mql", "", "Closed Won"]
    text = "a,b,s\n" + "".join(f"L{i},2024-01-05,{label}\n" for i, label in enumerate(said))
    inputs = "  - {file: e.csv, table: leads, columns: {lead_id: a, created_at: b, stage: s}}\n"
    tables = engage({"e.csv": text}, inputs, "stages: {Marketing Qualified: mql, Closed Won: won}").open()
    assert column(tables, "leads", "stage") == ["mql", "won", "mql", None, "won"]
    assert tables.row_counts[0].reasons == {"E-STAGE": 1}
    assert any("'Nurture' (1)" in note for note in tables.notes_on("leads"))


def test_what_a_team_reads_into_a_label_is_in_our_words_and_never_passes_through_what_was_agreed(engage: Make) -> None:
    text = "a,b,s\nsales,SQL,sql\nmarketing,SQL,sal\nsales,Raw,\n"
    inputs = "  - {file: e.csv, table: stage_readings, columns: {team: a, label: b, stage: s}}\n"
    tables = engage({"e.csv": text}, inputs, "stages: {SQL: sal}").open()
    assert column(tables, "stage_readings", "stage") == ["sql", "sal", None]


def test_the_flag_of_conversion_is_read_in_the_ways_systems_write_it(engage: Make) -> None:
    inputs = "  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: at, is_converted: c}}\n"
    rows = enumerate(("TRUE", "false", "1", "No", "", "maybe"))
    tables = engage({"l.csv": "id,at,c\n" + "".join(f"{i},2024-01-05,{flag}\n" for i, flag in rows)}, inputs).open()
    assert column(tables, "leads", "is_converted") == [True, False, True, False, None]
    assert tables.row_counts[0].reasons == {"E-VALUE": 1}


SURVEY = """
  - file: s.csv
    table: responses
    shape: survey
    columns: {team: Department}
    items: {goal_1: "Same goal?", goal_2: "Their goal?"}
    labels: {Strongly agree: 5, I do not know: cannot_say}
"""
TEAMS = "teams: {sales: {labels: [Vertrieb]}, marketing: {labels: [Mktg]}}"


def answers(tables: Any) -> list[tuple[Any, ...]]:
    sql = "select team, item, answer, cannot_say from responses order by team, item, answer"
    rows: list[tuple[Any, ...]] = tables.connection.execute(sql).fetchall()
    return rows


def test_B48_B49_B52_a_survey_keeps_what_can_be_used_of_each_person(engage: Make) -> None:
    text = "Department,Same goal?,Their goal?\nVertrieb,strongly agree,I do not know\nmktg,4,\nMktg,6,5\nSales,,\n"
    engagement = engage({"s.csv": text}, SURVEY, TEAMS)
    tables = engagement.open()
    assert answers(tables) == [
        ("marketing", "goal_1", 4, False),
        ("marketing", "goal_2", 5, False),
        ("marketing", "goal_2", None, False),
        ("sales", "goal_1", 5, False),
        ("sales", "goal_2", None, True),
    ]
    count = tables.row_counts[0]
    assert (count.read, count.used, count.rejected, count.reasons) == (4, 3, 0, {"no item answered": 1})
    assert tables.notes_on("responses") == [
        "1 value of s.csv had to be left out (E-SCALE); the rest of each row is used.",
    ]


def test_B49_an_unknown_label_is_outside_the_scale_and_an_unknown_team_is_named(engage: Make) -> None:
    text = "Department,Same goal?,Their goal?\nSales,agree a bit,3\nHR,2,2\n"
    tables = engage({"s.csv": text}, SURVEY, TEAMS).open()
    assert answers(tables) == [("sales", "goal_2", 3, False)]
    assert tables.row_counts[0].reasons == {"E-TEAM": 1}
    assert any("'HR'" in note for note in tables.notes_on("responses"))


def test_an_anonymous_survey_keeps_no_id_no_order_and_no_text_of_a_person(engage: Make) -> None:
    survey = SURVEY.replace("{team", "{respondent_id: Mail, team")
    text = "Mail,Department,Same goal?,Their goal?\nzoe@example.org,Sales,5,9\nkim@example.org,Mktg,4,\n"
    engagement = engage({"s.csv": text}, survey, TEAMS)
    tables = engagement.open()
    stored = b"".join(path.read_bytes() for path in (engagement.folder / "run").rglob("*") if path.is_file())
    assert b"example.org" not in stored
    assert tables.query(
        "select count(distinct respondent_id) as n, count(record) as r from responses"
    ).values.tolist() == [[2, 0]]
    named = engage({"s.csv": text}, survey, TEAMS + "\nsurvey: {mode: named, consent_on: 2024-06-01}").open()
    assert set(column(named, "responses", "respondent_id")) == {"zoe@example.org", "kim@example.org"}


@pytest.mark.parametrize(
    ("name", "source"),
    [("Which films? | Two", "b"), ("Two", "b"), ("Gender", "m"), ("gender | response", "m")],
)
def test_two_header_rows_are_called_by_both_by_the_second_or_by_the_first(engage: Make, name: str, source: str) -> None:
    text = "id,created,Which films?,,Gender\n,,One,Two,Response\n1,2024-01-01,a,b,m\n"
    columns = f"{{lead_id: id, created_at: created, source: '{name}'}}"
    inputs = f"  - {{file: l.csv, table: leads, header_rows: 2, columns: {columns}}}\n"
    assert column(engage({"l.csv": text}, inputs).open(), "leads", "source") == [source]


def test_an_option_that_stands_under_two_questions_needs_both_rows(engage: Make) -> None:
    text = "id,created,Seen?,,Liked?,\n,,One,Two,One,Two\n1,2024-01-01,a,b,c,d\n"
    columns = "{{lead_id: id, created_at: created, source: '{}'}}"
    base = f"  - {{{{file: l.csv, table: leads, header_rows: 2, columns: {columns}}}}}\n"
    assert engage({"l.csv": text}, base.format("One")).codes() == ["E-DUPCOL"]
    assert column(engage({"l.csv": text}, base.format("Liked? | One")).open(), "leads", "source") == ["c"]
