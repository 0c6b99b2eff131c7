"""HubSpot: contacts with lifecycle dates in three shapes, deals by stage id, and Fivetran's copy."""

from collections.abc import Callable
from datetime import datetime as at
from pathlib import Path
from typing import Any

import pytest

from alignlib.imports.vendors import read_exports, recognise

Bring = Callable[..., Any]
EVENTS = "select lead_id, stage, entered_at from stage_events order by lead_id, entered_at, stage"

LABELS = """Record ID,Email,Create Date,Lifecycle Stage,Became a Lead Date,Became a Marketing Qualified Lead Date,\
Became a Sales Qualified Lead Date,Became an Opportunity Date,Became a Customer Date,Original Source,Contact owner
101,a@example.com,2024-03-01 09:00,Customer,2024-03-01 09:05,2024-03-04 10:00,2024-03-08 11:00,2024-03-20 12:00,\
2024-05-02 16:30,Organic Search,Owner One
102,b@example.com,2024-03-02 09:00,Marketing Qualified Lead,2024-03-02 09:05,2024-03-06 10:00,,,,Paid Search,Owner Two
"""
INTERNAL = """hs_object_id,createdate,lifecyclestage,hs_lifecyclestage_lead_date,\
hs_lifecyclestage_marketingqualifiedlead_date,hs_v2_date_entered_salesqualifiedlead,hubspot_owner_id,hs_merged_object_ids
101,2024-03-01T09:00:00.000Z,salesqualifiedlead,2024-03-01T09:05:00.000Z,2024-03-04T10:00:00.000Z,\
2024-03-08T11:00:00.000Z,7001,102;103
102,2024-03-02T09:00:00.000Z,lead,2024-03-02T09:05:00.000Z,,,7001,
104,2024-03-02T09:00:00.000Z,lead,2024-03-02T09:05:00.000Z,,,7002,
"""


def test_contacts_with_labels_give_leads_and_one_event_for_each_lifecycle_date(bring_in: Bring) -> None:
    made = bring_in({"contacts.csv": LABELS})
    assert made.asked == []
    assert made.rows("select lead_id, source, stage, owner_id from leads order by lead_id") == [
        ("101", "Organic Search", "won", None), ("102", "Paid Search", "mql", None),
    ]  # fmt: skip
    events = made.rows(EVENTS)
    assert [(lead, stage) for lead, stage, _ in events] == [
        ("101", "inquiry"), ("101", "mql"), ("101", "sql"), ("101", "opportunity"), ("101", "won"),
        ("102", "inquiry"), ("102", "mql"),
    ]  # fmt: skip
    assert events[1][2] == at(2024, 3, 4, 10)


def test_times_of_an_export_stand_in_the_zone_of_the_engagement(bring_in: Bring) -> None:
    events = bring_in({"contacts.csv": LABELS}, zone="Europe/Berlin").rows(EVENTS)
    assert events[0] == ("101", "inquiry", at(2024, 3, 1, 8, 5))


def test_the_reader_is_told_that_lifecycle_dates_are_high_water_marks(bring_in: Bring) -> None:
    assert "# high-water marks, one date a stage" in bring_in({"contacts.csv": LABELS}).settings


def test_names_of_owners_and_addresses_are_never_mapped(bring_in: Bring) -> None:
    made = bring_in({"contacts.csv": LABELS})
    mapped = [theirs for draft in made.found.drafts for theirs in draft.entry["columns"].values()]
    assert "Contact owner" not in mapped
    assert "Email" not in mapped


def test_contacts_with_internal_names_and_merged_ids(bring_in: Bring) -> None:
    made = bring_in({"contacts.csv": INTERNAL})
    assert made.asked == []
    assert made.rows("select lead_id, stage, owner_id from leads order by lead_id") == [
        ("101", "sql", "7001"), ("104", "inquiry", "7002"),
    ]  # fmt: skip
    assert [(lead, stage) for lead, stage, _ in made.rows(EVENTS)] == [
        ("101", "inquiry"), ("101", "inquiry"), ("101", "mql"), ("101", "sql"), ("104", "inquiry"),
    ]  # fmt: skip


def test_the_older_name_of_the_id_and_merged_ids_with_times_are_known(bring_in: Bring) -> None:
    made = bring_in({
        "c.csv": "Contact ID,Create Date,Lifecycle Stage,hs_calculated_merged_vids\n"
        "1,2024-03-01,Lead,2:1617298367000;3:1617298368000\n2,2024-03-01,Lead,\n3,2024-03-01,Lead,\n"
        "1617298367000,2024-03-01,Lead,\n",
    })  # fmt: skip
    assert made.rows("select lead_id from leads order by lead_id") == [("1",), ("1617298367000",)]


NEWER = '''Record ID,Email,Create Date,Lifecycle Stage,"Date entered ""Lead (Lifecycle Stage Pipeline)""",\
"Date entered ""Marketing Qualified Lead (Lifecycle Stage Pipeline)""",\
"Date exited ""Marketing Qualified Lead (Lifecycle Stage Pipeline)""",\
"Date entered ""Sales Accepted (Lifecycle Stage Pipeline)""",hs_v2_date_entered_48120035_1893024511
1,a@example.com,2024-03-01 09:00,Sales Accepted,2024-03-01 09:05,2024-03-04 10:00,2024-03-05 08:00,2024-03-05 08:00,
2,b@example.com,2024-03-01 09:00,Sales Accepted,2024-03-01 09:05,2024-03-04 10:00,2024-03-06 08:00,2024-03-06 08:00,\
2024-04-01 08:00
'''


def test_a_stage_of_the_clients_own_is_asked_by_its_name_and_read_from_its_header(bring_in: Bring) -> None:
    asked = bring_in({"contacts.csv": NEWER}).asked
    assert [question.partition(":")[0] for question in asked] == ["Sales Accepted", "48120035"]
    made = bring_in({"contacts.csv": NEWER}, {"stages": {"Sales Accepted": "sal", "48120035": "recycled"}})
    assert [row[:2] for row in made.rows(EVENTS)] == [
        ("1", "inquiry"), ("1", "mql"), ("1", "sal"),
        ("2", "inquiry"), ("2", "mql"), ("2", "sal"), ("2", "recycled"),
    ]  # fmt: skip
    assert "Date exited" not in made.settings


HISTORY = """contact_id,timestamp,_fivetran_synced,source,name,value,source_id
1,2024-03-01 09:05:00,2024-06-01 00:00:00,FORM,lifecyclestage,lead,
1,2024-03-04 10:00:00,2024-06-01 00:00:00,WORKFLOW,lifecyclestage,marketingqualifiedlead,
1,2024-03-09 10:00:00,2024-06-01 00:00:00,CRM_UI,hs_lead_status,IN_PROGRESS,
1,2024-04-01 10:00:00,2024-06-01 00:00:00,CRM_UI,hs_lead_status,UNQUALIFIED,
1,2024-06-02 10:00:00,2024-06-03 00:00:00,CRM_UI,lifecyclestage,lead,
1,2024-03-01 09:05:00,2024-06-01 00:00:00,FORM,city,Anywhere,
"""


def test_the_property_history_takes_the_place_of_lifecycle_dates_and_shows_who_fell_back(bring_in: Bring) -> None:
    contacts = "id,property_createdate,property_lifecyclestage,property_hs_lifecyclestage_lead_date,_fivetran_deleted\n"
    files = {"contact.csv": contacts + "1,2024-03-01 09:00:00,lead,2024-06-02 10:00:00,FALSE\n", "history.csv": HISTORY}
    assert [question.partition(":")[0] for question in bring_in(files).asked] == ["IN_PROGRESS"]
    made = bring_in(files, {"stages": {"IN_PROGRESS": "sal"}})
    assert [row[1] for row in made.rows(EVENTS)] == ["inquiry", "mql", "sal", "disqualified", "inquiry"]
    assert "contact.csv gives no stage events: history.csv says the same better." in made.found.aside
    assert [each.entry.get("shape") for each in made.found.drafts if each.entry["table"] == "stage_events"] == [
        "rows"
    ] * 2
    counts = [c for c in made.open().row_counts if c.file == "history.csv"]
    assert [(c.read, c.used, c.excluded) for c in counts] == [(6, 3, 3), (6, 2, 4)]


def test_a_history_without_lifecycle_stages_takes_the_place_of_nothing(bring_in: Bring) -> None:
    contacts = "id,property_createdate,property_lifecyclestage,property_hs_lifecyclestage_lead_date\n"
    history = "contact_id,timestamp,name,value\n1,2024-03-01 09:05:00,city,Anywhere\n"
    made = bring_in(
        {"contact.csv": contacts + "1,2024-03-01 09:00:00,lead,2024-03-01 10:00:00\n", "history.csv": history}
    )
    assert made.rows(EVENTS) == [("1", "inquiry", at(2024, 3, 1, 10))]
    assert "history.csv gives nothing" in " ".join(made.found.aside)


def test_lifecycle_dates_alone_still_count_and_a_copy_of_fivetran_keeps_utc(bring_in: Bring) -> None:
    contacts = "id,property_createdate,property_lifecyclestage,property_hs_lifecyclestage_lead_date,_fivetran_deleted\n"
    rows = "1,2024-03-01 09:00:00,lead,2024-03-01 10:00:00,FALSE\n2,2024-03-01 09:00:00,lead,2024-03-01 10:00:00,TRUE\n"
    made = bring_in({"contact.csv": contacts + rows}, zone="Europe/Berlin")
    assert made.rows(EVENTS) == [("1", "inquiry", at(2024, 3, 1, 10))]


DEALS = '''Record ID,Deal Name,Pipeline,Deal Stage,Amount,Create Date,Close Date,Deal owner,Is Closed Won,\
Associated Contact IDs,"Date entered ""Closed won (Sales Pipeline)""",hs_v2_date_entered_closedlost,\
hs_v2_date_entered_9911
11,Deal A,Sales Pipeline,Closed won,1200.50,2024-03-10 09:00,2024-04-01 12:00,Owner One,true,1;2,2024-04-01 12:00,,
12,Deal B,Sales Pipeline,Contract sent,900,2024-03-11 09:00,2024-12-31 00:00,Owner One,false,2,,,
13,Deal C,Sales Pipeline,Closed lost,700,2024-03-12 09:00,2024-05-01 12:00,Owner Two,false,3,,2024-05-01 12:00,
14,Deal D,Partner Pipeline,Signed,100,2024-03-13 09:00,2024-06-01 12:00,Owner Two,true,3,,,2024-06-01 12:00
15,Deal E,Sales Pipeline,Closed won,50,2024-03-14 09:00,2024-06-02 12:00,Owner Two,true,,2024-06-02 12:00,,
'''
SIGNED = {"stages": {"9911": "won"}}
STAGES = """stage_id,label,pipeline_id,closed_won,is_closed
contractsent,Contract sent,default,FALSE,FALSE
closedwon,Closed won,default,TRUE,TRUE
closedlost,Closed lost,default,FALSE,TRUE
9911,Signed,77,TRUE,TRUE
"""


def test_deals_are_won_lost_or_open_as_flags_and_words_say_and_count_for_their_first_contact(bring_in: Bring) -> None:
    made = bring_in({"deals.csv": DEALS}, SIGNED)
    assert made.asked == []
    assert made.rows("select opportunity_id, lead_id, outcome, amount, owner_id from opportunities order by 1") == [
        ("11", "1", "won", 120050, None), ("12", "2", "open", 90000, None), ("13", "3", "lost", 70000, None),
        ("14", "3", "won", 10000, None), ("15", None, "won", 5000, None),
    ]  # fmt: skip
    assert "1 row of deals.csv held several ids in Associated Contact IDs" in " ".join(
        made.open().notes["opportunities"]
    )


def test_the_close_date_of_an_open_deal_is_a_plan(bring_in: Bring) -> None:
    made = bring_in({"deals.csv": DEALS}, SIGNED)
    assert made.rows("select opportunity_id from opportunities where closed_at is null") == [("12",)]
    assert [row for row in made.rows(EVENTS) if row[0] == "2"] == [("2", "opportunity", at(2024, 3, 11, 9))]


def test_columns_of_stage_ids_mean_what_the_list_of_pipeline_stages_says(bring_in: Bring) -> None:
    made = bring_in({"deals.csv": DEALS, "stages.csv": STAGES})
    wide = [each.entry["stages"] for each in made.found.drafts if each.entry.get("shape") == "wide"]
    assert wide == [
        {"opportunity": "Create Date", "won": 'Date entered "Closed won (Sales Pipeline)"',
         "lost": "hs_v2_date_entered_closedlost"},
        {"won": "hs_v2_date_entered_9911"},
    ]  # fmt: skip
    assert {row for row in made.rows(EVENTS) if row[1] != "opportunity"} == {
        ("1", "won", at(2024, 4, 1, 12)), ("3", "lost", at(2024, 5, 1, 12)), ("3", "won", at(2024, 6, 1, 12)),
    }  # fmt: skip
    assert made.asked == [] and bring_in({"deals.csv": DEALS}).places == ["9911"]


def test_a_deal_that_is_not_won_is_not_open_for_want_of_a_flag(bring_in: Bring) -> None:
    deals = "Record ID,Deal Stage,Create Date,Close Date,Is Closed Won\n1,Closed lost,2024-03-01,2024-04-01,false\n"
    assert bring_in({"deals.csv": deals}).rows("select outcome from opportunities") == [("lost",)]
    flags = "Record ID,Deal Stage,Create Date,Is Closed Won,Is Deal Closed?\n1,Parked,2024-03-01,false,true\n"
    assert bring_in({"deals.csv": flags}).rows("select outcome from opportunities") == [("lost",)]


IDS = """Record ID,Deal Stage,Create Date,Close Date,Is Closed Won,Closed Lost Reason,hs_v2_date_entered_1003
1,1002,2024-03-01,2024-04-01,true,,
2,1003,2024-03-02,2024-04-02,false,Price,2024-04-02
3,1001,2024-03-03,2024-04-03,false,,
4,1004,2024-03-04,2024-04-04,false,Price,
5,1004,2024-03-05,2024-04-05,false,,
"""
ENDS = "select opportunity_id, outcome from opportunities order by 1"


def test_a_stage_of_which_every_deal_gives_a_reason_for_its_loss_is_lost_and_any_other_is_asked(
    bring_in: Bring,
) -> None:
    assert bring_in({"deals.csv": IDS}).places == ["1001", "1004"]
    made = bring_in({"deals.csv": IDS}, {"stages": {"1001": "opportunity", "1004": "lost"}})
    assert made.rows(ENDS) == [("1", "won"), ("2", "lost"), ("3", "open"), ("4", "lost"), ("5", "lost")]
    none = bring_in({"deals.csv": IDS}, {"stages": {"1001": "none", "1004": "lost"}})
    assert none.rows("select count(*) from opportunities") == [(4,)]


def test_a_list_of_pipeline_stages_may_say_by_their_probability_which_are_won(bring_in: Bring) -> None:
    stages = "stage_id,label,pipeline_id,is_closed,probability\n1001,Appointment,1,false,0.2\n1002,Signed,1,true,1.0\n"
    stages += "1003,Dead,1,true,0.0\n1004,Asleep,1,true,0.0\n"
    made = bring_in({"deals.csv": IDS.replace("Price", ""), "stages.csv": stages})
    assert made.rows(ENDS) == [("1", "won"), ("2", "lost"), ("3", "open"), ("4", "lost"), ("5", "lost")]


def test_a_label_of_which_some_deals_are_won_and_some_lost_says_nothing(bring_in: Bring) -> None:
    flags = "Record ID,Deal Stage,Create Date,Is Closed Won,Is Deal Closed?\n1,Over,2024-03-01,true,true\n"
    assert bring_in({"deals.csv": flags + "2,Over,2024-03-01,false,true\n"}).places == ["Over"]


def test_a_label_of_an_export_means_what_the_list_of_pipeline_stages_says_of_that_name(bring_in: Bring) -> None:
    deals = "Record ID,Deal Stage,Create Date\n1,Signed,2024-03-01\n2,Contract sent,2024-03-01\n3,9911,2024-03-01\n"
    made = bring_in({"deals.csv": deals, "stages.csv": STAGES})
    assert made.rows("select outcome from opportunities order by opportunity_id") == [("won",), ("open",), ("won",)]


def test_amounts_in_the_currency_of_the_company_go_before_those_of_each_deal(bring_in: Bring) -> None:
    header = "Record ID,Deal Stage,Create Date,Amount,Currency,Amount in company currency\n"
    deals = header + "1,Contract sent,2024-03-01,100,USD,92.50\n2,Contract sent,2024-03-01,100,EUR,100\n"
    made = bring_in({"deals.csv": deals})
    assert made.rows("select amount from opportunities order by opportunity_id") == [(9250,), (10000,)]
    mixed = bring_in({"deals.csv": deals.replace("Amount in company currency", "Note")})
    assert "are not all in EUR" in str([*mixed.asked, *mixed.found.problems])


DEAL = "deal_id,is_deleted,deal_pipeline_stage_id,owner_id,property_amount,property_closedate,property_createdate\n"
DEAL_STAGE = """_fivetran_start,deal_id,_fivetran_active,_fivetran_end,date_entered,value
2024-03-10 09:00:00,11,FALSE,2024-04-01 11:59:59,2024-03-10 09:00:00,contractsent
2024-04-01 12:00:00,11,FALSE,2024-04-05 11:59:59,2024-04-01 12:00:00,closedlost
2024-04-05 12:00:00,11,TRUE,2050-01-01 00:00:00,2024-04-05 12:00:00,9911
2024-04-05 12:00:00,12,TRUE,2050-01-01 00:00:00,2024-04-05 12:00:00,9911
"""
OF_DEALS = "contact_id,deal_id,type_id,category\n2,11,3,HUBSPOT_DEFINED\n1,11,3,HUBSPOT_DEFINED\n"


def test_the_history_of_deal_stages_reaches_leads_through_the_contacts_of_deals(bring_in: Bring) -> None:
    deal = (
        DEAL
        + "11,false,9911,7001,500,2024-04-05 12:00:00,2024-03-10 09:00:00\n12,true,9911,7001,1,,2024-03-10 09:00:00\n"
    )
    made = bring_in(
        {"deal.csv": deal, "deal_stage.csv": DEAL_STAGE, "deal_contact.csv": OF_DEALS, "stages.csv": STAGES}
    )
    assert made.rows(EVENTS) == [
        ("2", "opportunity", at(2024, 3, 10, 9)), ("2", "lost", at(2024, 4, 1, 12)), ("2", "won", at(2024, 4, 5, 12)),
    ]  # fmt: skip
    assert made.rows("select opportunity_id, lead_id, outcome, owner_id from opportunities") == [
        ("11", "2", "won", "7001")
    ]
    events = [c for c in made.open().row_counts if c.file == "deal_stage.csv"]
    assert [(c.read, c.used, c.reasons) for c in events] == [(4, 3, {"excluded by rule on lead_id": 1})]
    assert "2050" not in str(made.rows("select * from stage_events"))
    assert [each.entry["file"] for each in made.found.drafts] == ["deal.csv", "deal_stage.csv"]


def test_without_the_contacts_of_deals_their_stages_are_left_aside_with_a_reason(bring_in: Bring) -> None:
    made = bring_in({"deal_stage.csv": DEAL_STAGE, "stages.csv": STAGES})
    assert not made.found.drafts
    assert "deal_stage.csv gives no stage events without" in " ".join(made.found.aside)


def test_the_property_history_of_deals_counts_changes_of_the_stage_alone(bring_in: Bring) -> None:
    history = "deal_id,timestamp,name,value\n11,2024-03-10 09:00:00,dealstage,contractsent\n" + (
        "11,2024-03-11 09:00:00,amount,500\n11,2024-04-05 12:00:00,dealstage,closedwon\n"
    )
    made = bring_in({"history.csv": history, "deal_contact.csv": OF_DEALS})
    assert [row[:2] for row in made.rows(EVENTS)] == [("2", "opportunity"), ("2", "won")]


def test_merges_that_stand_in_files_of_their_own_are_followed(bring_in: Bring) -> None:
    contacts = (
        "Record ID,Email,Create Date,Lifecycle Stage\n1,,2024-03-01,Lead\n2,,2024-03-01,Lead\n3,,2024-03-01,Lead\n"
    )
    audit = "canonical_vid,contact_id,vid_to_merge,timestamp\n1,1,2,2024-03-05 10:00:00\n1,1,3,2024-03-05 10:00:00\n"
    deals = (
        "Record ID,Deal Stage,Create Date,Associated Contact IDs\n11,Closed won,2024-03-02,2\n12,Lost,2024-03-02,1\n"
    )
    merged = "deal_id,merged_deal_id,_fivetran_synced\n11,12,2024-06-01 00:00:00\n"
    made = bring_in({"c.csv": contacts, "audit.csv": audit, "deals.csv": deals, "merged.csv": merged})
    assert made.rows("select lead_id from leads") == [("1",)]
    assert made.rows("select opportunity_id, lead_id from opportunities") == [("11", "1")]
    counts = {(c.file, c.table): (c.read, c.used, c.reasons) for c in made.open().row_counts}
    assert counts["audit.csv", "leads"] == (2, 0, {"says which record was merged into which": 2})
    assert counts["c.csv", "leads"] == (3, 1, {"merged into another record": 2})


def test_what_sellers_did_counts_and_what_came_in_or_did_not_happen_does_not(bring_in: Bring) -> None:
    made = bring_in({
        "email.csv": "engagement_id,property_hs_timestamp,property_hubspot_owner_id,type,property_hs_email_direction\n"
        "51,2024-03-05 10:00:00,7001,EMAIL,EMAIL\n52,2024-03-05 11:00:00,7001,EMAIL,INCOMING_EMAIL\n"
        "53,2024-03-05 12:00:00,7001,EMAIL,EMAIL\n",
        "meeting.csv": "engagement_id,start_time,end_time,meeting_outcome\n"
        "61,2024-03-07 10:00:00,2024-03-07 11:00:00,COMPLETED\n62,2024-03-08 10:00:00,2024-03-08 11:00:00,CANCELED\n",
        "contacts.csv": "contact_id,engagement_id,category\n1,51,-\n1,52,-\n1,61,-\n1,62,-\n",
        "note.csv": "engagement_id,property_hs_timestamp,property_hs_note_body,type\n71,2024-03-05 10:00:00,-,NOTE\n",
    })  # fmt: skip
    touches = made.rows("select lead_id, user_id, touched_at, kind from sales_touches order by touched_at")
    assert touches == [("1", "7001", at(2024, 3, 5, 10), "EMAIL"), ("1", None, at(2024, 3, 7, 10), "meeting")]
    assert "note.csv is not read: a note is no attempt" in " ".join(made.found.aside)


def test_a_form_that_was_sent_in_is_a_response_and_called_by_its_name(bring_in: Bring) -> None:
    made = bring_in({
        "submissions.csv": "timestamp,form_id,contact_id,conversion_id,title\n2024-03-01 09:00:00,f-1,1,c-1,Page\n",
        "forms.csv": "guid,form_type,name,created_at\nf-1,HUBSPOT,Webinar 1,2024-01-01 00:00:00\n",
    })  # fmt: skip
    assert made.rows("select lead_id, campaign, channel from campaign_touches") == [("1", "Webinar 1", "form")]


WHAT = {
    "contact_data": "hubspot-contact", "contact_property_history_data": "hubspot-contact-history",
    "contact_merge_audit_data": "hubspot-contact-merge", "merged_deal_data": "hubspot-deal-merge",
    "deal_data": "hubspot-deal", "deal_contact_data": "hubspot-deal-contact", "deal_stage_data": "hubspot-deal-stage",
    "deal_property_history_data": "hubspot-deal-history", "deal_pipeline_data": "hubspot-pipeline",
    "deal_pipeline_stage_data": "hubspot-pipeline-stage", "contact_form_submission_data": "hubspot-form-submission",
    "contact_list_data": "hubspot-list", "contact_list_member_data": "hubspot-list-member", "form_data": "hubspot-form",
    "company_property_history_data": "hubspot-company-history", "deal_company_data": "hubspot-company-link",
    "engagement_call_data": "hubspot-activity", "engagement_communication_data": "hubspot-activity",
    "engagement_email_data": "hubspot-activity", "engagement_meeting_data": "hubspot-meeting",
    "engagement_contact_data": "hubspot-engagement-contact", "engagement_company_data": "hubspot-company-link",
    "engagement_data": "hubspot-activity-list", "engagement_deal_data": "hubspot-activity-list",
    "engagement_note_data": "hubspot-activity-other", "engagement_task_data": "hubspot-activity-other",
    "owner_data": "hubspot-owner", "owner_team_data": "hubspot-team-member", "team_user_data": "hubspot-team-member",
    "team_data": "hubspot-team", "role_data": "hubspot-user", "users_data": "hubspot-user",
    "property_data": "hubspot-property", "property_option_data": "hubspot-property",
    "ticket_pipeline_data": "hubspot-pipeline", "ticket_pipeline_stage_data": "hubspot-ticket-pipeline",
}  # fmt: skip


def test_every_file_of_fivetrans_copy_is_recognised_as_what_it_is(data_folder: Path) -> None:
    files = sorted((data_folder / "fivetran_seeds" / "dbt_hubspot").glob("*.csv"))
    assert len(files) == 63
    exports = read_exports()
    for path in files:
        titles = path.read_text(encoding="utf-8-sig").splitlines()[0].replace('"', "").split(",")
        begins = {"company_data": "hubspot-company", "email_": "hubspot-email-event", "ticket_": "hubspot-ticket"}
        wanted = WHAT.get(path.stem) or next(key for start, key in begins.items() if path.stem.startswith(start))
        assert [each.export.key for each in recognise(exports, titles)] == [wanted], path.stem


HASHED = (  # stages of deals that stand in no list of stages
    "f66ca9bc5a02c2f1513ce83f0a0e117d", "09a969da1d61b38bd3746f0f49c1475a", "6e81db225a3757a3fc20cc9b1b3d9e1b",
)  # fmt: skip


def test_fivetrans_copy_goes_in_whole(bring_in: Bring, data_folder: Path) -> None:
    files = {path.name: path for path in sorted((data_folder / "fivetran_seeds" / "dbt_hubspot").glob("*.csv"))}
    answers = {
        "files": {"contact_form_submission_data.csv": {"kind": "none"}},  # it names contacts of another account
        "stages": dict.fromkeys(HASHED, "opportunity"),
        "engagement": {"period": "2020-01-01 to 2021-12-31", "as_of": "2021-12-31"},
    }
    tables = bring_in(files, answers).open()
    counts = {(c.file, c.table): (c.read, c.used, c.rejected, c.excluded) for c in tables.row_counts}
    assert counts["contact_data.csv", "leads"] == (22, 19, 0, 3)  # three stand among the merged ids of a fourth
    assert counts["contact_merge_audit_data.csv", "leads"] == (4, 0, 0, 4)
    assert counts["deal_data.csv", "opportunities"] == (44, 0, 44, 0)  # none of them has a stage
    assert counts["deal_stage_data.csv", "stage_events"] == (14, 0, 0, 14)  # none of them has a contact


@pytest.mark.parametrize(
    "header", ["Record ID,Company name,Company owner,Create Date,Lifecycle Stage", "Id,Email,CreatedDate"]
)
def test_what_only_looks_like_contacts_is_not_taken_for_them(header: str) -> None:
    assert "hubspot-contact" not in [each.export.key for each in recognise(read_exports(), header.split(","))]
