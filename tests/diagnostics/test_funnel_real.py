"""The funnel against figures others can check: Olist's marketing funnel and Maven's CRM opportunities."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib.diagnostics import funnel
from alignlib.diagnostics.funnel import faults
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.engagement import Settings
from alignlib.intake.snapshot import open_run, open_tables, prepare
from alignlib.intake.tables import Tables
from alignlib.result import Result

pytestmark = pytest.mark.data


@pytest.fixture
def diagnosed(real_engagement: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Result]:
    def make(name: str) -> Result:
        prepare(real_engagement(name), tmp_path / "run")
        settings, tables = open_run(tmp_path / "run")
        return funnel.diagnose(tables, settings)

    return make


def rows(result: Result, key: str) -> dict[str, dict[str, Any]]:
    return {str(row["label"]): row for row in result.exhibit(key).rows}


def test_olist_wins_by_origin_as_published(diagnosed: Callable[[str], Result]) -> None:
    by = rows(diagnosed("olist"), "funnel.by_source")
    whole = by["All leads"]
    assert (whole["k"], whole["n"], whole["value"]) == (842, 8000, 0.10525)
    assert (round(whole["low"] * 100, 4), round(whole["high"] * 100, 4)) == (9.8714, 11.2165)
    counts = {label: (row["k"], row["n"]) for label, row in by.items() if label != "All leads"}
    assert counts == {
        "organic_search": (271, 2296), "paid_search": (195, 1586), "social": (75, 1350), "unknown": (179, 1099),
        "direct_traffic": (56, 499), "email": (15, 493), "referral": (24, 284), "other": (4, 150), "display": (6, 118),
        "other_publicities": (3, 65), "(blank)": (14, 60),
    }  # fmt: skip
    assert round(by["social"]["value"] * 100, 4) == 5.5556


def test_olist_deal_won_before_first_contact_is_counted_named_and_gives_no_duration(
    diagnosed: Callable[[str], Result],
) -> None:
    result = diagnosed("olist")
    caveat = next(c for c in result.caveats if "dated before the handover" in c)
    assert caveat.startswith("1 win ") and "olist_closed_deals_dataset.csv record" in caveat
    assert result.exhibit("funnel.waterfall").rows[-1]["n"] == 842


def test_olist_cohorts_before_wins_were_recorded_are_not_compared(diagnosed: Callable[[str], Result]) -> None:
    result = diagnosed("olist")
    cohorts = rows(result, "funnel.cohorts")
    early = ["June 2017", "July 2017", "August 2017", "September 2017", "October 2017", "November 2017"]
    assert all(cohorts[month]["value"] is None and "not comparable" in cohorts[month]["note"] for month in early)
    assert all(cohorts[month]["value"] is not None for month in list(cohorts)[6:])
    assert [cohorts[m]["n"] for m in ("June 2017", "December 2017", "April 2018", "May 2018")] == [4, 200, 1352, 1303]
    assert any("recorded only since 5 December 2017" in caveat for caveat in result.caveats)


def test_olist_fall_at_equal_age_is_told_as_one(diagnosed: Callable[[str], Result]) -> None:
    result = diagnosed("olist")
    cohorts = rows(result, "funnel.cohorts")
    assert round(cohorts["April 2018"]["value"] * 100, 1) == 12.6
    assert round(cohorts["May 2018"]["value"] * 100, 1) == 8.4
    change = result.finding("funnel.cohorts")
    assert change.level == "watch" and "won less often" in change.title
    assert change.measure.high is not None and change.measure.high < 0


def test_maven_win_rate_value_and_cycle(diagnosed: Callable[[str], Result]) -> None:
    result = diagnosed("maven")
    rates = rows(result, "funnel.win_rate")
    closed, clustered = rates["All closed"], rates["All closed, sellers differing"]
    assert (closed["k"], closed["n"]) == (4238, 6711)
    figures = [round(closed[key] * 100, 4) for key in ("value", "low", "high")]
    assert figures == [63.1501, 61.9887, 64.2964]
    assert clustered["value"] == closed["value"] and clustered["note"] == "clustered by 30 owners"
    assert clustered["low"] != closed["low"] and clustered["low"] < closed["value"] < clustered["high"]
    assert result.finding("funnel.win_rate").measure.method.startswith("clustered")
    deals = rows(result, "funnel.deals")
    assert deals["Won"]["amount"] == 1_000_553_400 and deals["Won"]["median_days"] == 57
    assert (deals["Lost"]["n"], deals["Lost"]["median_days"], deals["Open"]["n"]) == (2473, 14, 2089)


def test_maven_open_deals_are_censored_and_those_without_a_start_are_counted(
    diagnosed: Callable[[str], Result],
) -> None:
    whole = rows(diagnosed("maven"), "funnel.deals")["All, open ones still counting"]
    assert whole["n"] == 8300 and "500 without a start" in whole["note"]
    assert whole["median_days"] > 45  # the median of closed deals alone


def test_maven_by_region_product_and_quarter(diagnosed: Callable[[str], Result]) -> None:
    rates = rows(diagnosed("maven"), "funnel.win_rate")
    expected = {
        "Region: Central": (1629, 2604), "Region: East": (1171, 1858), "Region: West": (1438, 2249),
        "Product: GTK 500": (15, 25), "Product: GTXPro": (729, 1147), "Product: MG Special": (793, 1223),
        "Closed in Q1 2017": (531, 647), "Closed in Q4 2017": (1196, 1985),
    }  # fmt: skip
    assert {label: (rates[label]["k"], rates[label]["n"]) for label in expected} == expected


def test_maven_product_that_is_spelled_two_ways_is_reported(diagnosed: Callable[[str], Result]) -> None:
    assert any("GTXPro" in caveat and "GTX Pro" in caveat for caveat in diagnosed("maven").caveats)


# --- Salesforce's demonstration records -------------------------------------------------------------------------------


@pytest.fixture
def salesforce(real_engagement: Callable[[str], Path], tmp_path: Path) -> tuple[Settings, Tables]:
    """The records of a Salesforce organisation, as they were exported."""
    prepare(real_engagement("salesforce"), tmp_path / "run")
    return open_run(tmp_path / "run")


def told(found: tuple[Settings, Tables]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Which faults occur, by name, and what must a reader know of them?"""
    agreed, tables = found
    part = faults.part(tables, agreed, read_spells(tables))
    return {str(row["fault"]): row for row in part.exhibits[0].rows if row["kind"]}, part.caveats


def test_salesforce_deals_are_won_by_how_they_stand_and_never_by_what_they_once_reached(
    salesforce: tuple[Settings, Tables],
) -> None:
    result = funnel.diagnose(salesforce[1], salesforce[0])
    measure = result.finding("funnel.win_rate").measure
    assert (measure.k, measure.n, measure.value) == (12, 20, 0.6)
    deals = rows(result, "funnel.deals")
    assert {label: deals[label]["n"] for label in ("Won", "Lost", "Open")} == {"Won": 12, "Lost": 8, "Open": 16}
    assert [deals[label]["amount"] for label in ("Won", "Lost")] == [281_500_000, 83_000_000]
    said = [f.title + f.detail for f in result.findings] + [e.title + e.lead for e in result.exhibits]
    assert not [text for text in said if "19 of 20" in text or "95\u00a0%" in text]
    spells = read_spells(salesforce[1])
    assert (spells["won_at"].notna().sum(), spells["was_won"].sum(), spells["won_file"].notna().sum()) == (12, 7, 19)


def test_salesforce_wins_that_were_undone_are_named_by_file_and_record(salesforce: tuple[Settings, Tables]) -> None:
    seen, caveats = told(salesforce)
    assert (seen["Won and later lost"]["k"], seen["Won and later lost"]["n"]) == (7, 19)
    assert "7 leads won and later lost (OpportunityHistory.csv record 7, 11, 18, 21, 33, 34, 44): counted as lost." in (
        caveats
    )
    sql = "select lead_id from stage_events where record in (7, 11, 18, 21, 33, 34, 44) and stage = 'won'"
    lost = salesforce[1].query(f"select outcome from opportunities where lead_id in ({sql})")["outcome"]
    assert lost.tolist() == ["lost"] * 7


def test_salesforce_rows_loaded_together_are_told(salesforce: tuple[Settings, Tables]) -> None:
    seen, caveats = told(salesforce)
    batch = seen["10 stage events or more at one moment"]
    assert (batch["k"], batch["n"]) == (31, 48)
    assert batch["where"] == "1 batch, the largest of 31 rows on 23 February 2026"
    assert any(caveat.startswith("31 of 48 stage events share their moment") for caveat in caveats)


def test_salesforce_leads_converted_by_stage_and_by_flag_disagree(salesforce: tuple[Settings, Tables]) -> None:
    seen, caveats = told(salesforce)
    conflict = seen["Converted by the stage, not by the flag"]
    assert (conflict["k"], conflict["n"], conflict["where"]) == (3, 8, "Lead.csv record 13, 14, 18")
    assert (
        "Converted leads: 8 by their stage, 5 by the flag (Lead.csv record 13, 14, 18); no rate uses either." in caveats
    )


def test_salesforce_deals_closed_before_they_were_made_are_told(salesforce: tuple[Settings, Tables]) -> None:
    seen, caveats = told(salesforce)
    early = seen["Closed before it was opened"]
    assert (early["k"], early["n"]) == (19, 20)  # all but the one that still carries its planned day in March
    assert any(caveat.startswith("19 of 20 closed opportunities were closed before") for caveat in caveats)


def test_salesforce_faults_do_not_depend_on_the_order_of_rows(salesforce: tuple[Settings, Tables]) -> None:
    agreed, tables = salesforce
    names = ("stage_events", "leads", "opportunities")
    mixed = {name: tables.connection.sql(f"from {name} order by hash(record)").to_arrow_table() for name in names}
    other = open_tables(mixed, tables.row_counts, day_only=tables.day_only)
    assert told((agreed, other)) == told(salesforce)
