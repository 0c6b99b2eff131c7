"""Salesforce: API and Data Loader files, reports, Fivetran's copies, and what is known to go wrong with each."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.imports.vendors import read_exports, recognise
from alignlib.intake.tables import Tables

Bring = Callable[..., Any]
STAGES = {"Open": "mql", "Working": "sal", "Qualified": "sql", "Unqualified": "disqualified"}
HEADER = (
    "Id,IsDeleted,MasterRecordId,Status,LeadSource,OwnerId,CreatedDate,IsConverted,ConvertedDate,ConvertedContactId,"
    "ConvertedOpportunityId"
)
LEADS = f"""{HEADER}
00Q1,false,,Qualified,Web,0051,2024-01-02T08:00:00.000Z,true,2024-02-01,0031,0061
00Q2,false,,Qualified,Web,0051,2024-01-03T08:00:00.000Z,true,2024-02-10,0032,0062
00Q3,false,,Working,Event,00G1,2024-01-04T08:00:00.000Z,false,,,
00Q4,true,00Q3,Open,Event,0052,2024-01-05T08:00:00.000Z,false,,,
00Q5,true,,Open,Event,0052,2024-01-05T08:00:00.000Z,false,,,
"""
DEALS = """Id,IsDeleted,AccountId,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon,OwnerId
0061,false,0011,Signed,1000.50,2024-03-01,2024-02-01T10:00:00.000Z,true,true,0051
0062,false,0012,No budget,500,2024-04-01,2024-02-10T10:00:00.000Z,true,false,0051
0063,false,0011,Proposal,700,2025-12-31,2024-02-20T10:00:00.000Z,false,false,0052
0064,true,0011,Signed,9,2024-03-01,2024-02-20T10:00:00.000Z,true,true,0052
"""


def rows(tables: Tables, sql: str) -> list[list[Any]]:
    return [
        [None if each != each else each for each in row] for row in tables.query(sql).astype(object).values.tolist()
    ]


def reasons(tables: Tables, file: str, table: str) -> list[dict[str, int]]:
    return [count.reasons for count in tables.row_counts if (count.file, count.table) == (file, table)]


def test_leads_of_data_loader_are_read_with_the_day_they_were_converted(bring_in: Bring) -> None:
    tables = bring_in({"extract.csv": LEADS}, {"stages": STAGES}).open()
    assert rows(tables, "select lead_id, stage, is_converted, owner_id from leads order by 1") == [
        ["00Q1", "sql", True, "0051"], ["00Q2", "sql", True, "0051"], ["00Q3", "sal", False, "00G1"],
    ]  # fmt: skip
    made = "select lead_id, cast(entered_at as varchar) from stage_events where stage = 'opportunity'"
    assert rows(tables, made) == [
        ["00Q1", "2024-02-01 00:00:00"], ["00Q2", "2024-02-10 00:00:00"],
    ]  # fmt: skip
    assert reasons(tables, "extract.csv", "leads") == [{"excluded by rule on IsDeleted": 2}]


def test_headers_in_capitals_as_data_loader_writes_them_are_the_same_headers(bring_in: Bring) -> None:
    first, _, rest = LEADS.partition("\n")
    assert bring_in({"extract.csv": f"{first.upper()}\n{rest}"}, {"stages": STAGES}).tables == ["leads", "stage_events"]


def test_what_names_a_merged_lead_belongs_to_the_lead_that_is_left(bring_in: Bring) -> None:
    history = "LeadId,Field,OldValue,NewValue,CreatedDate\n00Q4,Status,Open,Working,2024-01-06T08:00:00.000Z\n"
    merged = LEADS.replace("00Q4,true", "00Q4,false")
    tables = bring_in({"leads.csv": merged, "history.csv": history}, {"stages": STAGES}).open()
    assert rows(tables, "select lead_id from leads order by 1") == [["00Q1"], ["00Q2"], ["00Q3"]]
    assert rows(tables, "select lead_id, stage from stage_events where stage = 'sal'") == [["00Q3", "sal"]]


def test_ids_of_fifteen_letters_that_differ_by_case_alone_are_two_leads(bring_in: Bring) -> None:
    report = (
        '"Lead ID","Lead Status","Create Date","Company / Account"\n'
        '"00Q300000012abc","Open","2024-01-02","Firm 1"\n"00Q300000012abC","Open","2024-01-03","Firm 2"\n'
    )
    tables = bring_in({"report.csv": report}, {"stages": STAGES}).open()
    assert rows(tables, "select lead_id from leads order by record") == [["00Q300000012abc"], ["00Q300000012abC"]]


def test_the_close_date_of_an_open_opportunity_is_a_plan_and_is_not_used(bring_in: Bring) -> None:
    tables = bring_in({"deals.csv": DEALS}).open()
    assert rows(tables, "select opportunity_id, outcome, amount, closed_at is null from opportunities order by 1") == [
        ["0061", "won", 100050, False], ["0062", "lost", 50000, False], ["0063", "open", 70000, True],
    ]  # fmt: skip
    assert any("planned close date" in note for note in tables.notes_on("opportunities"))


def test_the_flags_say_which_stage_is_won_or_lost_whatever_it_is_called(bring_in: Bring) -> None:
    without = "\n".join(line.rsplit(",", 3)[0] for line in DEALS.splitlines())
    assert rows(bring_in({"deals.csv": DEALS}).open(), "select count(*) from opportunities where outcome = 'won'") == [
        [1]
    ]
    assert bring_in({"deals.csv": without}).places == ["No budget", "Signed"]  # and not Proposal
    ends = {"stages": {"No budget": "lost", "Signed": "won"}}
    won = "select count(*) from opportunities where outcome = 'won'"
    assert rows(bring_in({"deals.csv": without}, ends).open(), won) == [[1]]
    named = without.replace("Signed", "7 - Closed Won").replace("No budget", "8 - Closed Lost")
    counted = "select outcome, count(*) from opportunities group by 1 order by 1"
    assert rows(bring_in({"deals.csv": named}).open(), counted) == [["lost", 1], ["open", 1], ["won", 1]]


def test_opportunities_find_the_lead_they_came_from_and_the_industry_of_their_account(bring_in: Bring) -> None:
    accounts = "Id,BillingCity,Industry,NumberOfEmployees\n0011,,Energy,5\n0012,,Apparel,5\n"
    found = bring_in({"leads.csv": LEADS, "deals.csv": DEALS, "accounts.csv": accounts}, {"stages": STAGES})
    tables = found.open()
    assert rows(tables, "select opportunity_id, lead_id, segment from opportunities order by 1") == [
        ["0061", "00Q1", "Energy"], ["0062", "00Q2", "Apparel"], ["0063", None, "Energy"],
    ]  # fmt: skip
    assert not any("accounts.csv" in line for line in found.found.aside)


def test_without_a_history_won_and_lost_deals_end_on_their_close_date_and_open_ones_do_not(bring_in: Bring) -> None:
    leads = LEADS.replace("false,,,\n00Q4", "true,2024-02-20,,0063\n00Q4")
    tables = bring_in({"leads.csv": leads, "deals.csv": DEALS}, {"stages": STAGES}).open()
    ends = "select lead_id, stage, cast(entered_at as varchar) from stage_events where file = 'deals.csv' order by 1"
    assert rows(tables, ends) == [["00Q1", "won", "2024-03-01 00:00:00"], ["00Q2", "lost", "2024-04-01 00:00:00"]]
    assert sum(count.rejected for count in tables.row_counts) == 0


def test_an_opportunity_of_two_leads_counts_for_the_first_and_the_reader_is_told(bring_in: Bring) -> None:
    both = LEADS.replace(",0032,0062", ",0032,0061")
    tables = bring_in({"leads.csv": both, "deals.csv": DEALS}, {"stages": STAGES}).open()
    assert rows(tables, "select lead_id from opportunities where opportunity_id = '0061'") == [["00Q1"]]
    assert any("stood on several rows" in note for note in tables.notes_on("opportunities"))


def test_a_list_with_a_stage_and_a_close_date_is_not_salesforces_for_that(bring_in: Bring) -> None:
    projects = "ID,Stage,Created At,Close Date,Value,Deal Value\n1,Won,2024-01-02,2024-03-01,5,5\n"
    assert "Salesforce" not in bring_in({"projects.csv": projects}).found.recognised[0]
    report = '"Opportunity ID","Stage","Close Date"\n"0061","Closed Won","2024-03-01"\n'
    assert "Salesforce opportunities" in bring_in({"report.csv": report}).found.recognised[0]


HISTORY = """Id,OpportunityId,StageName,Amount,CloseDate,CreatedDate,SystemModstamp,IsDeleted
0081,0061,Discovery,900,2024-03-31,2024-02-01T10:00:00.000Z,2024-02-05T10:00:00.000Z,false
0082,0061,Discovery,1000.50,2024-03-31,2024-02-05T10:00:00.000Z,2024-03-01T09:30:00.000Z,false
0083,0061,Signed,1000.50,2024-03-01,2024-03-01T09:30:00.000Z,2024-03-01T09:30:00.000Z,false
0084,0063,Proposal,700,2025-12-31,2024-02-20T10:00:00.000Z,2024-02-20T10:00:00.000Z,false
"""


def test_a_history_row_for_a_new_amount_is_no_new_stage(bring_in: Bring) -> None:
    tables = bring_in({"leads.csv": LEADS, "deals.csv": DEALS, "history.csv": HISTORY}, {"stages": STAGES}).open()
    assert reasons(tables, "history.csv", "stage_events") == [{"excluded by rule on lead_id": 1}]  # 0063 had no lead
    spells = read_spells(tables).set_index("lead_id").loc["00Q1"]
    assert str(spells["opportunity_at"]) == "2024-02-01 00:00:00"  # by day, from the lead; not the 5th
    assert str(spells["won_at"]) == "2024-03-01 09:30:00"  # by the history; the close date alone has no time
    assert rows(tables, "select count(*) from stage_events where stage = 'won'") == [[1]]


def test_a_history_alone_says_what_is_missing_and_invents_no_leads(bring_in: Bring) -> None:
    tasks = bring_in({"tasks.csv": TASKS}).found.aside
    told = "gives no further sales touches without ConvertedContactId and Id of Salesforce leads, which says what its"
    assert f"tasks.csv {told} lead_id is." in tasks
    found = bring_in({"history.csv": HISTORY})
    assert found.tables == [] and not found.asked
    assert [line for line in found.found.aside if "salesforce-lead" in line or "Salesforce leads" in line]


def test_of_a_field_history_only_changes_of_the_stage_are_read(bring_in: Bring) -> None:
    fields = (
        "OpportunityId,Field,OldValue,NewValue,CreatedDate\n0061,created,,,2024-02-01T10:00:00.000Z\n"
        "0061,Amount,900,1000.50,2024-02-05T10:00:00.000Z\n0061,StageName,Discovery,Signed,2024-03-01T09:30:00.000Z\n"
    )
    tables = bring_in({"leads.csv": LEADS, "deals.csv": DEALS, "fields.csv": fields}, {"stages": STAGES}).open()
    assert rows(tables, "select lead_id, stage from stage_events where file = 'fields.csv'") == [["00Q1", "won"]]
    assert reasons(tables, "fields.csv", "stage_events") == [{"not StageName or Stage in Field": 2}]


def test_of_the_history_of_leads_only_the_status_is_read_and_its_labels_are_asked(bring_in: Bring) -> None:
    history = (
        "LeadId,Field,OldValue,NewValue,CreatedDate\n00Q1,Status,Open,Working,2024-01-06T08:00:00.000Z\n"
        "00Q1,Owner,0051,0052,2024-01-06T08:00:01.000Z\n00Q1,leadConverted,,,2024-02-01T08:00:00.000Z\n"
    )
    assert bring_in({"history.csv": history}).places == ["Working"]
    tables = bring_in({"history.csv": history}, {"stages": {"Working": "sal"}}).open()
    assert rows(tables, "select lead_id, stage from stage_events") == [["00Q1", "sal"]]
    assert reasons(tables, "history.csv", "stage_events") == [{"not Status or Lead Status in Field": 2}]


REPORT = """"Opportunity Name","Opportunity ID","From Stage","To Stage","Stage Duration","Last Modified","Amount"
"Deal 1","0061","","Discovery","4","01/02/2024 10:00 AM","900"
"Deal 1","0061","Discovery","Signed","25","01/03/2024 9:30 AM","1000.50"
"Deal 2","0062","","Discovery","3","10/02/2024 10:00 AM","500"
"Deal 2","0062","Discovery","No budget","50","01/04/2024 12:15 PM","500"

"Opportunity history"
"Copyright (c) 2000-2024 salesforce.com, inc. All rights reserved."
"Confidential Information - Do Not Distribute"
"""


def test_a_history_report_loses_its_footer_and_nothing_else_and_its_day_order_is_asked(bring_in: Bring) -> None:
    files = {"leads.csv": LEADS, "deals.csv": DEALS, "report.csv": REPORT}
    assert bring_in(files, {"stages": STAGES}).places == ["report.csv: date_order"]
    tables = bring_in(files, {"stages": STAGES, "files": {"report.csv": {"date_order": "dmy"}}}).open()
    moves = "select stage, cast(entered_at as varchar) from stage_events where file = 'report.csv' order by 2"
    assert rows(tables, moves) == [
        ["opportunity", "2024-02-01 10:00:00"], ["opportunity", "2024-02-10 10:00:00"], ["won", "2024-03-01 09:30:00"],
        ["lost", "2024-04-01 12:15:00"],
    ]  # fmt: skip
    assert reasons(tables, "report.csv", "stage_events")[0]["E-WIDTH"] == 3


MEMBERS = """Id,CampaignId,LeadId,ContactId,Status,HasResponded,FirstRespondedDate,CreatedDate
1,701A,00Q1,0031,Attended,true,2024-01-10,2024-01-01T00:00:00.000Z
2,701A,00Q3,,Sent,false,,2024-01-01T00:00:00.000Z
3,701B,,0032,Attended,true,2024-03-10,2024-03-01T00:00:00.000Z
4,701B,,0039,Attended,true,2024-03-11,2024-03-01T00:00:00.000Z
"""


def test_a_campaign_member_counts_once_as_lead_or_as_the_contact_the_lead_became(bring_in: Bring) -> None:
    tables = bring_in({"leads.csv": LEADS, "members.csv": MEMBERS}, {"stages": STAGES}).open()
    assert rows(tables, "select lead_id, campaign from campaign_touches order by 1") == [
        ["00Q1", "701A"],
        ["00Q2", "701B"],
    ]
    assert "campaign_touches.touched_at" in tables.day_only


def test_members_named_by_one_column_for_leads_and_contacts_are_told_apart_by_their_ids(bring_in: Bring) -> None:
    members = (
        "CampaignId,LeadOrContactId,HasResponded,FirstRespondedDate\n"
        "701A,00Q1,true,2024-01-10\n701A,0031,true,2024-01-11\n701A,00Q3,false,\n"
    )
    tables = bring_in({"members.csv": members}).open()
    assert rows(tables, "select lead_id from campaign_touches") == [["00Q1"]]
    assert sum(tables.row_counts[0].reasons.values()) == 2


TASKS = """Id,WhoId,Status,IsClosed,ActivityDate,CompletedDateTime,TaskSubtype,OwnerId
1,00Q1,Completed,true,2024-01-03,2024-01-02T09:00:00.000Z,Call,0051
2,0031,Completed,true,2024-02-20,2024-02-20T09:00:00.000Z,Email,0051
3,0039,Completed,true,2024-02-20,2024-02-20T09:00:00.000Z,Email,0051
4,00Q3,Not Started,false,2024-06-01,,Task,0051
5,,Completed,true,2024-02-20,2024-02-20T09:00:00.000Z,Task,0051
"""


def test_tasks_of_leads_and_of_contacts_that_were_leads_are_touches_and_plans_are_not(bring_in: Bring) -> None:
    tables = bring_in({"leads.csv": LEADS, "tasks.csv": TASKS}, {"stages": STAGES}).open()
    touches = "select lead_id, kind, user_id, cast(touched_at as varchar) from sales_touches order by 1, 4"
    assert rows(tables, touches) == [
        ["00Q1", "Call", "0051", "2024-01-02 09:00:00"], ["00Q1", "Email", "0051", "2024-02-20 09:00:00"],
    ]  # fmt: skip
    assert all(count.rejected == 0 for count in tables.row_counts)


def test_in_the_history_mode_of_fivetran_only_the_standing_version_is_an_opportunity(bring_in: Bring) -> None:
    versions = """_fivetran_start,_fivetran_end,_fivetran_active,id,stage_name,is_won,is_closed,created_date,close_date
2024-02-01 10:00:00,2024-03-01 09:29:59,false,0061,Discovery,false,false,2024-02-01 10:00:00,2024-03-31 00:00:00
2024-03-01 09:30:00,9999-12-31 23:59:59,true,0061,Signed,true,true,2024-02-01 10:00:00,2024-03-01 00:00:00
"""
    tables = bring_in(
        {"leads.csv": LEADS, "versions.csv": versions}, {"stages": STAGES}, zone="America/New_York"
    ).open()
    assert rows(tables, "select opportunity_id, outcome from opportunities") == [["0061", "won"]]
    moves = "select stage, cast(entered_at as varchar) from stage_events where file = 'versions.csv' order by 2"
    assert rows(tables, moves) == [["opportunity", "2024-02-01 10:00:00"], ["won", "2024-03-01 09:30:00"]]


SEEDS = {
    "account": "account", "account_history": "account", "contact": "contact", "contact_history": "contact",
    "event": "event", "lead": "lead", "opportunity": "opportunity", "opportunity_history": "opportunity-versions",
    "opportunity_line_item": "opportunity-line-item", "order": "order", "product_2": "product", "task": "task",
    "user": "user", "user_role": "user-role",
}  # fmt: skip
DEVORG = {
    "Account": "salesforce-account", "Contact": "salesforce-contact", "Lead": "salesforce-lead",
    "Opportunity": "salesforce-opportunity", "OpportunityHistory": "salesforce-opportunity-history",
    "OpportunityHistoryGroup": "count-of-stages",
}  # fmt: skip


def _kinds(paths: list[Path]) -> dict[str, list[str]]:
    exports, found = read_exports(), {}
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            found[path.stem] = [each.export.key for each in recognise(exports, next(csv.reader(lines)))]
    return found


def test_every_file_of_the_real_sets_is_what_it_is(data_folder: Path) -> None:
    seeds = _kinds(sorted((data_folder / "fivetran_seeds" / "dbt_salesforce").glob("*.csv")))
    assert seeds == {f"sf_{name}_data": [f"salesforce-{kind}"] for name, kind in SEEDS.items()}
    devorg = _kinds(sorted((data_folder / "salesforce_devorg_csv").glob("*.csv")))
    assert devorg == {name: [kind] for name, kind in DEVORG.items()}


def test_the_developer_organisation_comes_in_with_what_only_a_person_knows(data_folder: Path, bring_in: Bring) -> None:
    files = {path.name: path for path in (data_folder / "salesforce_devorg_csv").glob("*.csv")}
    labels = {"Open - Not Contacted": "mql", "Working - Contacted": "sal", "Closed - Converted": "opportunity",
              "Closed - Not Converted": "disqualified"}  # fmt: skip
    asked = bring_in(files).places
    assert asked == sorted(
        [
            *labels,
            "Lead.csv: created_at",
            *(f"{name}.csv: date_order" for name in ("Lead", "Opportunity", "OpportunityHistory")),
        ]
    )
    said = {f"{name}.csv": {"date_order": "mdy"} for name in ("Lead", "Opportunity", "OpportunityHistory")}
    said["Lead.csv"]["created_at"] = "2026-02-23"
    span = {"period": "2026-02-23 to 2026-02-24", "as_of": "2026-03-31"}
    tables = bring_in(files, {"stages": labels, "files": said, "engagement": span}).open()
    outcomes = "select outcome, count(*), sum(amount) / 100 from opportunities group by 1 order by 1"
    assert [row[:2] for row in rows(tables, outcomes)] == [["lost", 8], ["open", 16], ["won", 12]]
    assert rows(tables, "select count(*) from opportunities where lead_id is not null") == [[5]]
    assert rows(tables, "select count(*), count(*) filter (is_converted) from leads") == [[22, 5]]
    assert reasons(tables, "OpportunityHistory.csv", "stage_events") == [{"excluded by rule on lead_id": 37}]


def test_the_tables_of_fivetran_come_in_and_what_gives_nothing_is_told(data_folder: Path, bring_in: Bring) -> None:
    files = {path.name: path for path in (data_folder / "fivetran_seeds" / "dbt_salesforce").glob("*.csv")}
    span = {"period": "2010-01-01 to 2026-12-31", "as_of": "2026-12-31"}
    assert bring_in(files, {"engagement": span}).places == ["Converted"]
    found = bring_in(files, {"stages": {"Converted": "opportunity"}, "engagement": span})
    told = [line.partition(" ")[0] for line in found.found.aside]
    assert sorted({*told, "sf_lead_data.csv", "sf_task_data.csv"}) == sorted(files)  # its opportunities are all deleted
    counts = {(count.file, count.table): count for count in found.open().row_counts}
    assert counts["sf_lead_data.csv", "leads"].used == 1
    assert counts["sf_task_data.csv", "sales_touches"].read == 10
