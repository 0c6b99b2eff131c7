"""Marketo: leads in extracts of 31 days, and activities whose attributes stand as JSON inside a CSV."""

import json
from collections.abc import Callable
from datetime import datetime as at
from pathlib import Path
from typing import Any

from alignlib.imports.vendors import read_exports, recognise

Bring = Callable[..., Any]
EVENTS = "select lead_id, stage, entered_at from stage_events order by entered_at, lead_id"
LEADS = "id,email,createdAt,updatedAt,leadStatus,leadScore,leadSource\n"
HEADER = "marketoGUID,leadId,activityDate,activityTypeId,campaignId,primaryAttributeValueId,"
HEADER += "primaryAttributeValue,attributes\n"


def activity(number: int, lead: int, day: str, kind: int, about: str, **attributes: Any) -> str:
    """One line of an activity extract; attributes as Marketo writes them: JSON, its quotes doubled."""
    said = json.dumps({name.replace("_", " "): value for name, value in attributes.items()}).replace('"', '""')
    return f'{number},{lead},{day}T10:00:00Z,{kind},7,{kind},{about},"{said}"\n'


def test_leads_ask_only_what_the_clients_status_means(bring_in: Bring) -> None:
    leads = LEADS + "1,a@example.com,2024-03-01T09:00:00Z,2024-03-09T09:00:00Z,Ready for Sales,55,Webinar\n"
    assert [question.partition(":")[0] for question in bring_in({"leads.csv": leads}).asked] == ["Ready for Sales"]
    made = bring_in({"leads.csv": leads}, {"stages": {"Ready for Sales": "mql"}})
    assert made.rows("select lead_id, created_at, source, stage, score from leads") == [
        ("1", at(2024, 3, 1, 9), "Webinar", "mql", 55.0)
    ]


def test_of_a_lead_that_stands_in_two_extracts_the_row_changed_last_counts(bring_in: Bring) -> None:
    march = (
        LEADS
        + "1,,2024-03-01T09:00:00Z,2024-03-09T09:00:00Z,,10,Webinar\n2,,2024-03-02T09:00:00Z,2024-03-02T09:00:00Z,,5,\n"
    )
    april = LEADS + "1,,2024-03-01T09:00:00Z,2024-04-09T09:00:00Z,,70,Webinar\n"
    made = bring_in({"march.csv": march, "april.csv": april})
    assert made.rows("select lead_id, score from leads order by lead_id") == [("1", 70.0), ("2", 5.0)]
    assert {c.file: (c.read, c.used, c.excluded) for c in made.open().row_counts} == {
        "march.csv": (2, 1, 1), "april.csv": (1, 1, 0),
    }  # fmt: skip


def test_changes_of_lead_status_are_read_out_of_the_json_of_their_attributes(bring_in: Bring) -> None:
    changes = (
        activity(1, 1, "2024-03-04", 13, "Lead Status", New_Value="MQL", Old_Value="New", Reason="a, b")
        + activity(2, 1, "2024-03-05", 13, "Phone", New_Value="SQL", Old_Value="")
        + activity(3, 1, "2024-03-06", 13, "Lead Status", New_Value="null", Old_Value="MQL")
        + activity(4, 1, "2024-03-07", 13, "Lead Status", New_Value="SAL", Old_Value="MQL")
    )
    made = bring_in({"activities.csv": HEADER + changes}, {"stages": {"MQL": "mql", "SAL": "sal"}})
    assert made.rows(EVENTS) == [("1", "mql", at(2024, 3, 4, 10)), ("1", "sal", at(2024, 3, 7, 10))]
    (counts,) = made.open().row_counts
    assert (counts.read, counts.used, counts.rejected, counts.excluded) == (4, 2, 0, 2)


def test_forms_and_clicks_are_responses_and_what_was_sent_or_opened_is_none(bring_in: Bring) -> None:
    rows = (
        activity(1, 1, "2024-03-01", 2, "Contact form", Webpage_ID=3)
        + activity(2, 1, "2024-03-02", 6, "Invitation") + activity(3, 1, "2024-03-02", 10, "Invitation")
        + activity(4, 1, "2024-03-03", 11, "Invitation", Link="https://example.com")
        + activity(5, 1, "2024-03-04", 104, "Webinar", New_Status="Attended", Success=True)
        + activity(6, 1, "2024-03-04", 104, "Webinar", New_Status="Invited", Success=False)
        + activity(7, 1, "2024-03-05", 39, "Follow-up")
    )  # fmt: skip
    made = bring_in({"activities.csv": HEADER + rows})
    assert made.rows("select campaign, channel from campaign_touches order by touched_at") == [
        ("Contact form", "form"), ("Invitation", "e-mail"), ("Webinar", "programme"),
    ]  # fmt: skip
    assert made.rows("select lead_id, kind from sales_touches") == [("1", "e-mail")]


def test_leads_merged_later_keep_what_was_said_of_them_before(bring_in: Bring) -> None:
    leads = LEADS + "1,,2024-03-01T09:00:00Z,2024-04-09T09:00:00Z,,,\n"
    march = HEADER + activity(1, 8, "2024-03-03", 2, "Contact form")
    april = HEADER + activity(2, 1, "2024-04-09", 32, "Lead", Merge_IDs=[8, 9], Merge_Source="leaddb")
    made = bring_in({"leads.csv": leads, "march.csv": march, "april.csv": april})
    assert made.rows("select lead_id, campaign from campaign_touches") == [("1", "Contact form")]
    assert "says which record was merged into which" in str(made.open().row_counts)


def test_twelve_files_of_a_year_stand_beside_each_other(bring_in: Bring) -> None:
    files = {f"{m:02}.csv": HEADER + activity(m, 1, f"2024-{m:02}-05", 2, f"Form {m}") for m in range(1, 13)}
    made = bring_in(files)
    assert made.rows("select count(*), min(touched_at), max(touched_at) from campaign_touches") == [
        (12, at(2024, 1, 5, 10), at(2024, 12, 5, 10))
    ]


def test_a_file_that_repeats_rows_of_another_is_asked_about_before_they_count_twice(bring_in: Bring) -> None:
    march = HEADER + activity(1, 1, "2024-03-04", 2, "Form 1") + activity(2, 1, "2024-03-31", 2, "Form 2")
    april = HEADER + activity(2, 1, "2024-03-31", 2, "Form 2") + activity(3, 1, "2024-04-04", 2, "Form 3")
    files = {"march.csv": march, "april.csv": april}
    (asked,) = bring_in(files).asked
    assert asked.startswith("april.csv: kind: By marketoGUID, it shares 1 row with march.csv, which would count twice.")
    n = "select count(*) from campaign_touches"
    assert bring_in(files, {"files": {"april.csv": {"kind": "none"}}}).rows(n) == [(2,)]
    assert bring_in(files, {"files": {"april.csv": {"kind": "marketo-activity"}}}).rows(n) == [(4,)]


WHAT = {
    "marketo_lead_data": "marketo-lead", "marketo_campaign_data": "marketo-campaign",
    "marketo_program_data": "marketo-program", "marketo_lead_describe_data": "marketo-field",
    "marketo_email_template_history_data": "marketo-email",
}  # fmt: skip


def test_every_file_of_fivetrans_copy_is_recognised_as_what_it_is(data_folder: Path) -> None:
    files = sorted((data_folder / "fivetran_seeds" / "dbt_marketo").glob("*.csv"))
    assert len(files) == 14
    for path in files:
        titles = path.read_text(encoding="utf-8-sig").splitlines()[0].split(",")
        found = [each.export.key for each in recognise(read_exports(), titles)]
        assert found == [WHAT.get(path.stem, "marketo-activity")], path.stem


def test_fivetrans_copy_goes_in_whole(bring_in: Bring, data_folder: Path) -> None:
    files = {path.name: path for path in sorted((data_folder / "fivetran_seeds" / "dbt_marketo").glob("*.csv"))}
    answers = {
        "files": {"marketo_activity_click_email_data.csv": {"kind": "none"}},  # it names leads of another account
        "engagement": {"period": "2019-01-01 to 2020-12-31", "as_of": "2020-12-31"},
    }
    made = bring_in(files, answers)
    assert {c.file: (c.read, c.used, c.excluded) for c in made.open().row_counts} == {
        "marketo_lead_data.csv": (100, 100, 0), "marketo_activity_merge_leads_data.csv": (100, 0, 100),
    }  # fmt: skip
    assert sum("none of its" in line for line in made.found.aside) == 7
