"""Lists that no vendor's export is: by hand, from a warehouse, and the public sets of Olist and Maven."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib.engagement import read_engagement
from alignlib.imports.judgeable import judgeable
from alignlib.intake.snapshot import take_in

Bring = Callable[..., Any]


def test_a_list_of_leads_with_a_column_for_each_stage_gives_leads_and_their_stages(bring_in: Bring) -> None:
    leads = (
        "Lead ID,Created on,Lead source,Industry,Score,MQL date,SQL date,Won date\n"
        "1,2024-01-02,Web,Energy,40,2024-01-05,2024-01-20,2024-03-01\n2,2024-01-03,Event,Apparel,10,,,\n"
    )
    found = bring_in({"our leads.csv": leads})
    tables = found.open()
    assert tables.query("select lead_id, source, segment, score from leads order by 1").values.tolist() == [
        ["1", "Web", "Energy", 40.0], ["2", "Event", "Apparel", 10.0],
    ]  # fmt: skip
    assert tables.query("select stage from stage_events order by entered_at")["stage"].tolist() == ["mql", "sql", "won"]


def test_the_stage_of_a_lead_is_asked_and_never_guessed(bring_in: Bring) -> None:
    leads = "lead_id,created_at,status\n1,2024-01-02,Hot one\n2,2024-01-03,mql\n"
    assert bring_in({"leads.csv": leads}).places == ["Hot one"]


def test_a_lead_whose_label_is_no_stage_stays_without_one_and_only_its_moves_into_it_go(bring_in: Bring) -> None:
    leads = "lead_id,created_at,status\n1,2024-01-02,Spam check\n2,2024-01-03,mql\n"
    history = "lead_id,new_stage,changed_at\n1,Spam check,2024-01-05\n2,mql,2024-01-06\n"
    found = bring_in({"leads.csv": leads, "history.csv": history}, {"stages": {"Spam check": "none"}})
    assert found.rows("select lead_id, stage from leads order by 1") == [("1", None), ("2", "mql")]
    assert found.rows("select lead_id from stage_events") == [("2",)]
    assert [(c.file, c.used, c.rejected, c.excluded) for c in found.open().row_counts] == [
        ("leads.csv", 2, 0, 0), ("history.csv", 1, 0, 1),
    ]  # fmt: skip


def test_a_history_of_stages_is_no_list_of_leads(bring_in: Bring) -> None:
    found = bring_in({"history.csv": "lead_id,new_stage,changed_at\n1,mql,2024-01-05\n1,sal,2024-01-06\n"})
    assert found.tables == ["stage_events"] and found.rows("select count(*) from stage_events") == [(2,)]


@pytest.mark.parametrize(
    "text, table",
    [
        ("lead_id,touched_at,kind,user_id\n1,2024-01-05,call,u1\n", "sales_touches"),
        ("lead_id,campaign,channel,responded_at\n1,Webinar,web,2024-01-05\n", "campaign_touches"),
        ("Segment,Planned revenue,Marketing spend\nEnergy,1000,10\n", "plan"),
        ("Team,KPI,Review days,Lag days\nsales,Revenue,30,0\n", "scorecards"),
        ("team,label,stage\nsales,Hot,mql\n", "stage_readings"),
        ("lead_id,stage,entered_at,owner_id,reason\n1,mql,2024-01-05,u1,\n", "stage_events"),
        ("opportunity_id,lead_id,outcome,opened_at,closed_at,amount\n1,1,won,2024-01-05,2024-02-01,10\n",
         "opportunities"),
        ("lead_id,created_at,source,stage\n1,2024-01-05,Web,mql\n", "leads"),
    ],
)  # fmt: skip
def test_each_table_of_the_kit_is_known_by_its_own_names_and_by_common_ones(
    bring_in: Bring, text: str, table: str
) -> None:
    found = bring_in({"list.csv": text})
    assert (found.tables, found.asked) == ([table], [])
    assert found.rows(f"select count(*) from {table}") == [(1,)]


def test_a_list_of_deals_is_won_or_lost_by_its_words_and_else_it_is_asked(bring_in: Bring) -> None:
    deals = (
        "Deal ID,Deal stage,Close date,Value,Sales rep\n1,Closed Won,2024-02-01,10,Seller 1\n"
        "2,Lost to rival,2024-02-02,20,Seller 1\n3,In talks,2024-12-31,30,Seller 2\n"
    )
    (asked,) = bring_in({"deals.csv": deals}).asked
    assert asked.startswith("In talks: Is a deal labelled 'In talks' still open (opportunity), won or lost (1 row of ")
    found = bring_in({"deals.csv": deals}, {"stages": {"In talks": "opportunity"}})
    assert found.rows("select opportunity_id, outcome from opportunities order by 1") == [
        ("1", "won"), ("2", "lost"), ("3", "open"),
    ]  # fmt: skip
    assert "Sales rep" not in found.settings  # a name is no code


@pytest.mark.parametrize(
    "name, text, complaint, is_judged",
    [
        ("deals", "Deal ID,Deal stage,Close date\n1,Open,2024-02-01\n", "How many closed opportunities are won", False),
        ("deals", "Deal ID,Deal stage,Close date\n1,Lost,2024-02-01\n", "How many closed opportunities are won", True),
        ("survey", "respondent_id,team,goal_1,roles_2\n1,sales,4,4\n", "They do not know what we do", False),
        ("survey", "respondent_id,team,regard_1,mirror_regard\n1,sales,4,4\n", "They do not know what we do", True),
        ("survey", "respondent_id,team,goal_1\n1,sales,4\n", "They do not value us", False),
        ("survey", "respondent_id,team,regard_1\n1,sales,4\n", "They do not value us", True),
    ],
)
def test_only_what_the_rows_hold_can_be_judged(
    bring_in: Bring, name: str, text: str, complaint: str, is_judged: bool
) -> None:
    found = bring_in({f"{name}.csv": text})
    assert not found.asked and not found.found.problems
    settings = read_engagement(found.folder)
    now, missing = judgeable(take_in(found.folder, settings)[0], settings)
    assert any(line.startswith(complaint) for line in now) is is_judged
    assert any(line.startswith(complaint) for line in missing) is not is_judged


def test_flags_of_a_list_of_deals_go_before_its_words(bring_in: Bring) -> None:
    deals = "Deal ID,Deal stage,Close date,Is won,Is closed\n1,Done,2024-02-01,yes,yes\n2,Out,2024-02-02,no,yes\n"
    assert bring_in({"deals.csv": deals}).rows("select outcome from opportunities order by opportunity_id") == [
        ("won",), ("lost",),
    ]  # fmt: skip


def test_olist_comes_in_with_nothing_asked_but_its_span_and_gives_its_published_figures(
    data_folder: Path, bring_in: Bring
) -> None:
    folder = data_folder / "olist_marketing_funnel"
    names = ("olist_marketing_qualified_leads_dataset.csv", "olist_closed_deals_dataset.csv")
    files = {name: folder / name for name in names}
    assert bring_in(files, {"engagement": {}}).places == ["as_of", "period"]
    span = {"period": "2017-06-14 to 2018-05-31", "as_of": "2018-11-15"}
    tables = bring_in(files, {"engagement": span}).open()
    counted = "select stage, count(*) n, count(distinct lead_id) leads from stage_events group by 1 order by 1"
    assert tables.query(counted).values.tolist() == [["mql", 8000, 8000], ["won", 842, 842]]
    by_origin = "select source, count(*) from leads where source in ('social', 'email') group by 1 order by 1"
    assert tables.query(by_origin).values.tolist() == [["email", 493], ["social", 1350]]
    assert [(count.read, count.used) for count in tables.row_counts] == [(8000, 8000), (8000, 8000), (842, 842)]


@pytest.mark.parametrize("name", ["sales_pipeline.csv", "variants/sales_pipeline_excel_resaved.csv"])
def test_maven_comes_in_with_regions_and_sectors_from_its_other_files(
    data_folder: Path, bring_in: Bring, name: str
) -> None:
    folder = data_folder / "maven_crm"
    files = {"sales_pipeline.csv": folder / name} | {
        each: folder / each for each in ("sales_teams.csv", "accounts.csv")
    }
    span = {"period": "2016-10-01 to 2017-12-31", "as_of": "2017-12-31"}
    assert bring_in(files, {"engagement": span}).places == ["Engaging"]
    tables = bring_in(files, {"engagement": span, "stages": {"Engaging": "opportunity"}}).open()
    outcomes = "select outcome, count(*) n, sum(amount) // 100 worth from opportunities group by 1 order by 1"
    assert [row[:2] for row in tables.query(outcomes).values.tolist()] == [
        ["lost", 2473],
        ["open", 2089],
        ["won", 4238],
    ]
    assert tables.query("select sum(amount) / 100 v from opportunities where outcome = 'won'")["v"].tolist() == [
        10005534
    ]
    regions = "select region, count(*) from opportunities where outcome <> 'open' group by 1 order by 1"
    assert tables.query(regions).values.tolist() == [["Central", 2604], ["East", 1858], ["West", 2249]]
    assert tables.query("select count(*) n from opportunities where segment is null")["n"].tolist() == [1425]


@pytest.mark.parametrize("label", ["Won't buy", "Wondering", "Lost contact - nurture"])
def test_a_label_that_only_begins_like_won_or_lost_is_asked(bring_in: Bring, label: str) -> None:
    deals = f'Deal ID,Deal stage,Close date,Value\n1,Closed Won,2024-02-01,10\n2,"{label}",2024-02-02,20\n'
    assert bring_in({"deals.csv": deals}).places == [label]


def test_a_plain_list_that_knows_more_of_the_headers_goes_before_a_vendors_shape(bring_in: Bring) -> None:
    deals = "Deal ID,Deal Status,Created Date,Close Date,Amount,Industry\n1,won,2024-01-01,2024-02-01,10,Retail\n"
    assert bring_in({"deals.csv": deals}).rows("select amount, segment from opportunities") == [(1000, "Retail")]
