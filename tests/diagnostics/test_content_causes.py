"""Why content lies unused, by hand: every rule, its limits, their order, and the same split by a plain loop."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from alignlib.charts import chart
from alignlib.diagnostics.content import diagnose
from alignlib.diagnostics.content.causes import RULES, STOP_WORDS, UNKNOWN, causes, part
from alignlib.diagnostics.content.stock import read_stock
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part

Make = Callable[..., Tables]
Rows = dict[str, list[dict[str, Any]]]
AS_OF = date(2025, 12, 31)
KEYS = [rule.key for rule in RULES]
# Current, tagged, for a segment in which a deal stands: no rule holds for it but those on teaching.
SOUND = {"created_on": "2025-02-01", "conversations": ["C3"], "segments": ["Steel"], "is_customisable": True}
DEAL = {"opportunity_id": "1", "outcome": "open", "segment": "Steel", "conversation": "C4", "opened_at": "2025-05-01"}
# A log there must be, from one end of the period to the other; "other" is no asset of the library, and an edit no use.
LOG = [{"asset_id": "other", "event": "edit", "used_at": day} for day in ("2025-01-02 10:00", "2025-12-31 10:00")]


def settings(**changes: Any) -> Settings:
    base: dict[str, Any] = {
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"}, "as_of": str(AS_OF),
        "currency": "EUR", "timezone": "UTC",
    }  # fmt: skip
    return Settings.model_validate(base | changes)


def library(*changes: dict[str, Any], **tables: Any) -> Rows:
    """An asset "a", "b", ... for each change of SOUND, a log of uses, one live deal, and whatever else is given."""
    assets = [{"asset_id": name, **SOUND, **change} for name, change in zip("abcdefgh", changes, strict=False)]
    return {"assets": assets, "asset_usage": LOG, "opportunities": [DEAL], **tables}


def held(make_tables: Make, rows: Rows, agreed: Settings | None = None, **more: Any) -> dict[str, set[str]]:
    """Which rules hold for each unused asset?"""
    agreed = agreed or settings()
    tables = make_tables({name: records for name, records in rows.items() if records}, **more)
    found = causes(tables, agreed, read_stock(tables, agreed))
    return {r["asset_id"]: {key for key in [*KEYS, UNKNOWN] if r[key]} for r in found.to_dict("records")}


def said(make_tables: Make, rows: Rows, agreed: Settings | None = None) -> Part:
    agreed, tables = agreed or settings(), make_tables(rows)
    stock = read_stock(tables, agreed)
    return part(tables, agreed, stock, causes(tables, agreed, stock))


def shown(make_tables: Make, rows: Rows) -> dict[str, tuple[Any, Any]]:
    """Count by first cause and in all, by label."""
    return {
        str(r["label"]).split(" (holds")[0]: (r["value"], r["held"]) for r in said(make_tables, rows).exhibits[0].rows
    }


def test_only_assets_old_enough_and_unused_get_a_cause(make_tables: Make) -> None:
    rows = library({}, {}, {}, {"created_on": "2025-10-02"}, {"created_on": "2025-10-03"})
    # b: used on day 90 (2 May), c: on day 91; d was seen for exactly 90 days, e for 89
    rows["asset_usage"] = [*LOG, {"asset_id": "b", "used_at": "2025-05-02"}, {"asset_id": "c", "used_at": "2025-05-03"}]
    assert held(make_tables, rows) == {"a": {"unknown"}, "c": {"unknown"}, "d": {"unknown"}}


def test_an_asset_that_names_no_conversation_has_that_cause(make_tables: Make) -> None:
    assert held(make_tables, library({"conversations": []}, {})) == {"a": {"conversation"}, "b": {"unknown"}}


@pytest.mark.parametrize(("stands", "is_wrong"), [("C1", True), ("C2", True), ("C3", False), ("C5", False)])
def test_an_asset_is_at_the_wrong_stage_until_a_deal_of_its_segment_comes_to_its_conversation(
    make_tables: Make, stands: str, is_wrong: bool
) -> None:
    rows = library({}, {"conversations": ["C4", "C2"]}, opportunities=[DEAL | {"conversation": stands}])
    found = held(make_tables, rows)
    assert ("conversation" in found["a"]) is is_wrong  # C3 itself, or a later one, which has passed it
    assert ("conversation" in found["b"]) is (stands == "C1")  # any one of its conversations is enough


def test_a_deal_makes_no_wrong_stage_unless_it_is_live_in_the_segment_and_names_its_conversation(
    make_tables: Make,
) -> None:
    early = DEAL | {"conversation": "C2"}
    assert held(make_tables, library({}, opportunities=[early]))["a"] == {"conversation"}
    unnamed = [DEAL | {"conversation": None}, {"outcome": "open", "segment": "Wood", "conversation": "C2"}]
    assert held(make_tables, library({}, opportunities=unnamed))["a"] == {"unknown"}
    # an asset for every segment stands at no wrong stage; that no deal came so far is then a lack of demand
    assert held(make_tables, library({"segments": []}, opportunities=[early]))["a"] == {"demand"}


@pytest.mark.parametrize(
    ("deal", "is_live"),
    [
        ({}, True),
        ({"segment": "Wood"}, False),
        ({"segment": None}, False),
        ({"opened_at": None}, True),  # open today, since an unknown day
        ({"opened_at": "2025-12-31 23:00"}, True),
        ({"opened_at": "2026-01-01 00:00"}, False),
        ({"outcome": "won", "closed_at": "2025-02-01 00:01"}, True),  # on the asset's first day
        ({"outcome": "lost", "opened_at": "2024-05-01", "closed_at": "2025-01-31 23:59"}, False),
        ({"outcome": "lost", "opened_at": "2025-05-01", "closed_at": None}, True),
        ({"outcome": "lost", "opened_at": "2024-05-01", "closed_at": None}, False),
        ({"outcome": "open", "opened_at": "2024-05-01", "closed_at": "2024-06-01"}, True),  # a plan, while it is open
    ],
)
def test_a_deal_is_demand_when_it_was_open_at_some_moment_of_the_assets_window(
    make_tables: Make, deal: dict[str, Any], is_live: bool
) -> None:
    far = {"opportunity_id": "2", "outcome": "open", "segment": "Glass", "conversation": "C5"}
    found = held(make_tables, library({}, opportunities=[DEAL | deal, far]))
    assert found == {"a": {"unknown"} if is_live else {"demand"}}


def test_one_of_several_segments_is_demand_enough(make_tables: Make) -> None:
    assert held(make_tables, library({"segments": ["Wood", "Steel"]}))["a"] == {"unknown"}


@pytest.mark.parametrize(("stands", "is_asked"), [("C2", False), ("C3", True), ("C5", True), (None, True)])
def test_an_asset_for_every_segment_is_asked_for_by_any_deal_in_or_past_its_conversation(
    make_tables: Make, stands: str | None, is_asked: bool
) -> None:
    rows = library({"segments": []}, opportunities=[DEAL | {"conversation": stands, "segment": "Wood"}])
    rows["opportunities"].append(DEAL | {"conversation": "C2"})  # the column was delivered
    assert held(make_tables, rows)["a"] == ({"unknown"} if is_asked else {"demand"})


@pytest.mark.parametrize(
    ("lead", "is_asked"),
    [
        ({"created_at": "2025-02-01 00:00"}, True),
        ({"created_at": "2025-01-31 23:59"}, False),
        ({"created_at": "2025-12-31 23:59"}, True),
        ({"created_at": "2026-01-01 00:00"}, False),
        ({"created_at": "2025-03-01", "segment": "Wood"}, False),
    ],
)
def test_the_demand_of_the_first_conversation_is_leads(make_tables: Make, lead: dict[str, Any], is_asked: bool) -> None:
    first = {"conversations": ["C1"]}
    leads = [{"lead_id": "1", "segment": "Steel"} | lead]
    rows = library(first, first | {"segments": []}, {"conversations": ["C1", "C5"]}, leads=leads)
    found = held(make_tables, rows)
    assert found["a"] == ({"unknown"} if is_asked else {"demand"})
    assert found["b"] == ({"unknown"} if is_asked or "segment" in lead else {"demand"})  # leads of any segment
    assert found["c"] == {"unknown"}  # a live deal of its segment asks for it too
    lost = [DEAL | {"segment": "Wood"}]
    assert held(make_tables, rows | {"opportunities": lost})["c"] == ({"unknown"} if is_asked else {"demand"})


def test_without_leads_or_their_segments_the_first_conversation_is_left_open(make_tables: Make) -> None:
    rows = library({"conversations": ["C1"]}, {"conversations": ["C1"], "segments": []})
    assert held(make_tables, rows) == {"a": {"unknown"}, "b": {"unknown"}}
    rows["leads"] = [{"lead_id": "1", "created_at": "2024-03-01"}]
    assert held(make_tables, rows) == {"a": {"unknown"}, "b": {"demand"}}
    assert "demand in the first conversation (no lead names its segment)" in said(make_tables, rows).caveats[0]


def test_stale_or_expired_is_out_of_date(make_tables: Make) -> None:
    old = {"created_on": "2024-12-30"}
    rows = library(old, {"created_on": "2024-12-31"}, old | {"reviewed_on": "2025-05-01"}, {"expires_on": "2025-12-30"},
                   {"expires_on": "2025-12-31"}, {"created_on": None})  # fmt: skip
    assert [name for name, keys in held(make_tables, rows).items() if "stale" in keys] == ["a", "d"]


def search(query: str, day: str = "2025-06-01", **more: Any) -> dict[str, Any]:
    return {"query": query, "searched_at": f"{day} 10:00", "n_results": 0, **more}


TITLED = {"title": "Größe & État: the ROI of Coil-Coating (2025)", "type": "Case", "topics": ["tube mill"],
          "personas": ["Plant manager"], "pains": ["scrap rate"]}  # fmt: skip
OPENED = search("nothing at all", n_results=3, opened_asset_id="other")


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("roi coil", True), ("ROI for the case", True), ("steel scrap manager mill", True), ("grosse etat", True),
        ("GRÖSSE ÉTAT", True), ("roi 2025", True), ("coilcoating", False), ("roi glass", False), ("ro", False),
        ("the and", False), ("", False), ("coa", False),
    ],
)  # fmt: skip
def test_a_search_asks_for_an_asset_when_all_its_words_stand_among_the_assets(
    make_tables: Make, query: str, fits: bool
) -> None:
    rows = library(TITLED, {"title": "Something else"}, searches=[search(query), OPENED])
    assert held(make_tables, rows)["a"] == ({"found"} if fits else {"unknown"})


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, True),
        ({"n_results": 4}, True),  # offered, and nothing opened
        ({"n_results": None}, True),
        ({"opened_asset_id": "other"}, False),
        ({"searched_at": "2025-02-01 00:00"}, True),
        ({"searched_at": "2025-01-31 23:59"}, False),
        ({"searched_at": "2025-12-31 23:59"}, True),
        ({"searched_at": "2026-01-01 00:00"}, False),
    ],
)
def test_a_search_counts_when_it_failed_within_the_assets_window(
    make_tables: Make, change: dict[str, Any], fails: bool
) -> None:
    rows = library(TITLED, searches=[search("roi") | change, OPENED])
    assert held(make_tables, rows)["a"] == ({"found"} if fails else {"unknown"})


def test_an_asset_that_some_search_opened_can_be_found(make_tables: Make) -> None:
    opened = search("mill", n_results=5, opened_asset_id="a")
    assert held(make_tables, library(TITLED, searches=[search("roi"), opened]))["a"] == {"unknown"}
    later = opened | {"searched_at": "2026-01-01 08:00"}
    assert held(make_tables, library(TITLED, searches=[search("roi"), OPENED, later]))["a"] == {"found"}


def test_where_no_file_says_what_was_opened_only_searches_with_no_offer_failed(make_tables: Make) -> None:
    assert held(make_tables, library(TITLED, searches=[search("roi")]))["a"] == {"found"}
    assert held(make_tables, library(TITLED, searches=[search("roi", n_results=2)]))["a"] == {"unknown"}


@pytest.mark.parametrize("query", ["roi", "coil roi"])
def test_words_that_fit_more_than_three_assets_single_out_none(make_tables: Make, query: str) -> None:
    for n, is_found in ((3, True), (4, False)):
        rows = library(searches=[search(query), OPENED])
        rows["assets"] = [{"asset_id": str(i), **SOUND, **TITLED} for i in range(n)]
        rows["assets"].append({"asset_id": "one word", **SOUND, "title": "Tube"})
        found = held(make_tables, rows)
        assert sum("found" in keys for keys in found.values()) == (n if is_found else 0)
        assert len(found) == n + 1 and found["one word"] == {"unknown"}


def test_what_sellers_searched_for_is_never_shown(make_tables: Make) -> None:
    rows = library(TITLED, searches=[search("coil secretword"), search("roi"), OPENED])
    tables = make_tables(rows)
    found = causes(tables, settings(), read_stock(tables, settings()))
    assert not found["unknown"].any()
    for text in (found.to_csv(), repr(part(tables, settings(), read_stock(tables, settings()), found))):
        assert "secretword" not in text and "roi" not in text.lower()


def test_an_asset_nobody_was_shown_was_never_taught(make_tables: Make) -> None:
    taught = [{"asset_id": "b", "trained_on": "2025-12-31"}, {"asset_id": "c", "trained_on": "2026-01-01"}]
    found = held(make_tables, library({}, {}, {}, training=taught))
    assert found == {"a": {"never_taught"}, "b": {"unknown"}, "c": {"never_taught"}}


def test_an_asset_was_taught_in_vain_when_nobody_used_it_since(make_tables: Make) -> None:
    # shown 30 days ago: long enough; 29: not. c and d were used on day 100 (12 May), after and before they were shown
    shown_on = {"a": "2025-12-01", "b": "2025-12-02", "c": "2025-05-12", "d": "2025-05-13"}
    rows = library({}, {}, {}, {}, training=[{"asset_id": a, "trained_on": day} for a, day in shown_on.items()])
    rows["training"].append({"asset_id": "c", "trained_on": "2025-06-01", "user_id": "again"})  # the first time counts
    rows["asset_usage"] = LOG + [{"asset_id": name, "used_at": "2025-05-12 10:00"} for name in "cd"]
    found = held(make_tables, rows)
    assert found == {"a": {"taught"}, "b": {"unknown"}, "c": {"unknown"}, "d": {"taught"}}
    longer = settings(content={"uptake_days": 31})
    assert held(make_tables, rows, longer)["a"] == {"unknown"}


def test_whether_an_asset_was_taught_in_vain_is_followed_no_further_than_the_log(make_tables: Make) -> None:
    """The log ends on 1 November: 30 days after a was shown, 29 after b was."""
    shown_on = {"a": "2025-10-02", "b": "2025-10-03"}
    rows = library({}, {}, training=[{"asset_id": a, "trained_on": day} for a, day in shown_on.items()])
    rows["asset_usage"] = [LOG[0], LOG[1] | {"used_at": "2025-11-01 10:00"}]
    assert held(make_tables, rows) == {"a": {"taught"}, "b": {"unknown"}}


def test_an_asset_that_cannot_be_adapted_has_that_cause_last(make_tables: Make) -> None:
    rows = library({"is_customisable": False}, {"is_customisable": None}, {})
    assert held(make_tables, rows) == {"a": {"tailor"}, "b": {"unknown"}, "c": {"unknown"}}


@pytest.mark.parametrize("at", range(7))
def test_of_several_rules_that_hold_the_first_is_the_cause_and_each_is_counted(make_tables: Make, at: int) -> None:
    """Everything is wrong with one asset; the rules before ``at`` are put right one by one."""
    right: list[dict[str, Any]] = [
        {"conversations": ["C3"]}, {"segments": ["Steel"]}, {"created_on": "2025-02-01"}, {"title": "Unasked"},
    ]  # fmt: skip
    asset: dict[str, Any] = {"conversations": [], "segments": ["Wood"], "created_on": "2024-02-01", "title": "Coil",
                             "is_customisable": False}  # fmt: skip
    for change in right[:at]:
        asset |= change
    other = {"segments": ["Glass"]}  # the tags exist
    rows = library(asset, other, searches=[search("coil"), OPENED])
    day = "2025-06-01" if at == 5 else "2025-12-20"  # shown long ago, or too lately to tell
    rows["training"] = [{"asset_id": "a" if at > 4 else "z", "trained_on": day}]
    tables = make_tables(rows)
    found = causes(tables, settings(), read_stock(tables, settings())).set_index("asset_id").loc["a"]
    assert found["cause"] == KEYS[at]
    wanted = [key in KEYS[at:] for key in KEYS]
    wanted[5] = at == 5  # taught and never taught exclude each other
    assert [bool(found[key]) for key in KEYS] == wanted


def test_a_rule_whose_table_was_not_delivered_is_not_looked_at_and_said(make_tables: Make) -> None:
    bare = {"assets": [{"asset_id": "a"}, {"asset_id": "b"}], "asset_usage": LOG}
    found = said(make_tables, bare)
    assert held(make_tables, bare) == {"a": {"unknown"}, "b": {"unknown"}}
    rows = found.exhibits[0].rows
    assert [r["value"] for r in rows] == [None] * 7 + [2]
    assert all(str(r["note"]).startswith("not looked at: ") and r["held"] is None for r in rows[:-1])
    assert found.exhibits[0].title == "For 2 of 2 unused assets these data show no cause"
    assert found.caveats[0].startswith("Causes of no use, not looked at: no conversation, or wrong stage (no asset")
    assert all(rule.label.lower() in found.caveats[0] for rule in RULES)


def test_each_delivered_table_is_looked_at_and_no_longer_missing(make_tables: Make) -> None:
    whole = library({}, {"is_customisable": False}, searches=[search("x"), OPENED],
                    training=[{"asset_id": "a", "trained_on": "2025-12-20"}],
                    leads=[{"lead_id": "1", "segment": "Steel", "created_at": "2025-06-01"}])  # fmt: skip
    assert said(make_tables, whole).caveats == []
    gone = {"opportunities": "wrong stage (no deal", "leads": "first conversation", "searches": "found (no searches",
            "training": "never taught (no record"}  # fmt: skip
    for name, text in gone.items():
        caveats = said(make_tables, {n: rows for n, rows in whole.items() if n != name}).caveats
        assert len(caveats) == 1 and text in caveats[0], name


def test_without_opportunities_only_the_first_conversation_can_lack_demand(make_tables: Make) -> None:
    rows = library({"conversations": ["C1"]}, {}, opportunities=[])
    rows["leads"] = [{"lead_id": "1", "segment": "Wood", "created_at": "2025-06-01"}]
    assert held(make_tables, rows) == {"a": {"demand"}, "b": {"unknown"}}
    assert held(make_tables, library({}, opportunities=[DEAL | {"segment": None}]))["a"] == {"unknown"}  # no segment


def test_deals_that_do_not_say_where_they_stand_are_counted(make_tables: Make) -> None:
    deals = [DEAL, DEAL | {"segment": None}, DEAL | {"conversation": None}, DEAL | {"conversation": None},
             DEAL | {"outcome": "lost"}, {"outcome": "lost", "closed_at": "2024-12-31"}]  # fmt: skip
    caveat = said(make_tables, library({}, opportunities=deals)).caveats[-1]
    assert caveat == (
        "Of 5 deals live in the period, 1 without a segment (demand in none), 2 without a conversation (they make no "
        "stage right or wrong) and 1 closed on no known day (taken as open on their first day alone)."
    )


def test_the_exhibit_states_the_largest_cause_and_how_much_hangs_on_the_order(make_tables: Make) -> None:
    rows = library({"is_customisable": False}, {"is_customisable": False, "created_on": "2024-02-01"}, {},
                   {"is_customisable": False})  # fmt: skip
    exhibit = said(make_tables, rows).exhibits[0]
    assert exhibit.key == "content.causes" and exhibit.shape == "bars" and exhibit.play == "P13"
    assert exhibit.title == "Cannot be tailored is the first cause for 2 of 4 unused assets; it holds for 3"
    assert {"Cannot be tailored (holds for 3)", "Out of date", "Unknown"} <= {r["label"] for r in exhibit.rows}
    alone = said(make_tables, library({"is_customisable": False}, {})).exhibits[0]
    assert alone.title == "Cannot be tailored is the first cause for 1 of 2 unused assets"
    found = shown(make_tables, rows)
    assert found["Out of date"] == (1, 1) and found["Cannot be tailored"] == (2, 3) and found["Unknown"] == (1, 1)
    assert [r["share"] for r in exhibit.rows if r["value"]] == [0.25, 0.5, 0.25]
    assert exhibit.lead == "For 1 of 4 unused assets more than one rule holds: there the order of the rules decides."
    assert "not proof" in exhibit.says_not
    assert sum(r["value"] or 0 for r in exhibit.rows) == 4


def test_what_was_used_after_its_window_is_said_and_so_is_the_time_the_rules_look_at(make_tables: Make) -> None:
    rows = library({"is_customisable": False}, {}, {})
    uses = [{"asset_id": name, "used_at": day} for name, day in (("a", "2025-05-03"), ("a", "2025-06-01"))]
    exhibit = said(make_tables, rows | {"asset_usage": LOG + uses}).exhibits[0]
    assert exhibit.lead.startswith("1 of them was used later. No asset meets more than one rule")
    uses += [
        {"asset_id": "b", "used_at": "2025-12-30"},
        {"asset_id": "c", "used_at": "2025-01-30"},
    ]  # c: before its time
    assert (
        said(make_tables, rows | {"asset_usage": LOG + uses}).exhibits[0].lead.startswith("2 of them were used later.")
    )
    assert "to the as-of date, and not only at the agreed days" in exhibit.read


def test_a_search_that_was_not_found_says_what_counts_as_such(make_tables: Make) -> None:
    notes = {
        r["label"]: r["note"] for r in said(make_tables, library({}, searches=[search("x"), OPENED])).exhibits[0].rows
    }
    assert str(notes["Not found"]).startswith("nothing offered, or nothing opened, when a search asked for it")


def test_without_a_record_of_uses_no_cause_is_given(make_tables: Make) -> None:
    for log in ([], [{"asset_id": "a", "from_on": "2025-12-01", "until_on": "2025-12-31", "n_views": 0}]):
        rows = library({}) | {"asset_usage": [], "asset_totals": log}
        rows = {name: records for name, records in rows.items() if records}
        found = said(make_tables, rows)  # nothing delivered, or counts of one month only
        assert held(make_tables, rows) == {} and not found.exhibits
        told = diagnose(make_tables(rows), settings())
        assert told.not_judged[0].what == "How much content goes unused"


def test_the_systems_own_counts_serve_where_no_log_was_delivered(make_tables: Make) -> None:
    span = {"from_on": "2025-01-01", "until_on": "2025-12-31"}
    totals = [{"asset_id": "a", "n_views": 0, **span}, {"asset_id": "b", "n_views": 1, **span}]
    rows = library({}, {}, asset_totals=totals)
    del rows["asset_usage"]
    assert held(make_tables, rows) == {"a": {"unknown"}}


def test_a_library_in_full_use_needs_no_causes(make_tables: Make) -> None:
    found = said(make_tables, library({}, asset_usage=[*LOG, {"asset_id": "a", "used_at": "2025-02-01 10:00"}]))
    assert found == Part()


def test_days_are_those_of_the_client(make_tables: Make) -> None:
    deal = DEAL | {"outcome": "lost", "opened_at": None, "closed_at": "2025-01-31 23:30"}  # 1 February in Berlin
    rows = library({}, opportunities=[deal])
    assert held(make_tables, rows)["a"] == {"demand"}
    assert held(make_tables, rows, settings(timezone="Europe/Berlin"))["a"] == {"unknown"}
    day_only = frozenset({"opportunities.closed_at"})
    assert held(make_tables, rows, settings(timezone="Europe/Berlin"), day_only=day_only)["a"] == {"demand"}


def test_the_chart_is_drawn_with_and_without_rules_looked_at(make_tables: Make) -> None:
    exhibits: list[Exhibit] = said(make_tables, library({"is_customisable": False}, {})).exhibits
    exhibits += said(make_tables, {"assets": [{"asset_id": "a"}], "asset_usage": LOG}).exhibits
    for exhibit in exhibits:
        names = [column.name for column in exhibit.columns]
        assert names[0] == "label" and all(list(row) == names for row in exhibit.rows)
        assert chart(exhibit).marks


# --- the same split by a plain loop over assets, deals and searches ---------------------------------------------------

WORDS = ["coil", "tube", "étude", "the", "roi", "plan", "mill", "slag", "zinc", "foil"]


def a_library(rng: np.random.Generator) -> Rows:
    def day(low: int = 0, high: int = 700) -> str:
        return str(date(2024, 3, 1) + timedelta(days=int(rng.integers(low, high))))

    def some(values: list[Any], most: int) -> list[Any]:
        return sorted(rng.choice(values, int(rng.integers(0, most + 1)), replace=False).tolist())

    def maybe(value: Any, share: float = 0.3) -> Any:
        return None if rng.random() < share else value

    talks, segments, n = ["C1", "C2", "C3", "C4", "C5"], ["Steel", "Wood", "Glass"], int(rng.integers(8, 60))
    ids = [f"a{i:02d}" for i in range(n)]
    assets = [{
        "asset_id": name, "created_on": maybe(day(), 0.1), "expires_on": maybe(day(), 0.8),
        "title": " ".join(some(WORDS, 3)), "conversations": some(talks, 2), "segments": some(segments, 2),
        "topics": some(WORDS, 1),
        "is_customisable": maybe(bool(rng.random() < 0.5)),
    } for name in ids]  # fmt: skip
    deals = [{
        "opportunity_id": str(i), "outcome": str(rng.choice(["open", "won", "lost"])),
        "segment": maybe(str(rng.choice(segments))), "conversation": maybe(str(rng.choice(talks))),
        "opened_at": maybe(day(), 0.2), "closed_at": maybe(day(), 0.2),
    } for i in range(int(rng.integers(1, 6)))]  # fmt: skip
    leads = [{"lead_id": str(i), "segment": maybe(str(rng.choice(segments))), "created_at": day()} for i in range(2)]
    searches = [{
        "query": " ".join(some(WORDS, 2)).upper(), "searched_at": day(), "n_results": maybe(int(rng.integers(0, 2))),
        "opened_asset_id": maybe(str(rng.choice(ids)), 0.8),
    } for _ in range(n // 2)]  # fmt: skip
    training = [{"asset_id": str(rng.choice(ids)), "user_id": str(i), "trained_on": day()} for i in range(n * 2 // 3)]
    uses = LOG + [{"asset_id": str(rng.choice(ids)), "used_at": day()} for _ in range(n // 2)]
    return {"assets": assets, "opportunities": deals, "leads": leads, "searches": searches, "training": training,
            "asset_usage": uses}  # fmt: skip


def words_of(text: str) -> set[str]:
    plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return set(re.findall(r"[^\W_]{3,}", plain))


def by_loop(rows: Rows) -> dict[str, set[str]]:
    """The rules as their words state them, one asset at a time."""
    stands = [a for a in rows["assets"] if (a["created_on"] or "") <= str(AS_OF)]
    of = {a["asset_id"]: words_of(" ".join([a["title"], *a["topics"], *a["segments"]])) for a in stands}
    opens = any(s["opened_asset_id"] for s in rows["searches"])
    offers = any(s["n_results"] is not None for s in rows["searches"])
    opened = {s["opened_asset_id"] for s in rows["searches"] if s["searched_at"] <= str(AS_OF)}
    asked = any(s["query"] for s in rows["searches"]) and (opens or offers)
    return {
        a["asset_id"]: keys
        for a in stands
        if (keys := _rules_of(a, rows, of, opened, opens, asked, stands)) is not None
    }


def _was_open(deal: dict[str, Any], start: str) -> bool:
    first, last = deal["opened_at"] or "", deal["closed_at"] or ""
    if first > str(AS_OF):
        return False
    return deal["outcome"] == "open" or max(first, last) >= start


def _rules_of(
    a: dict[str, Any],
    rows: Rows,
    of: dict[str, set[str]],
    opened: set[Any],
    opens: bool,
    asked: bool,
    stands: list[Any],
) -> set[str] | None:
    name, talks, segments = a["asset_id"], a["conversations"], a["segments"]
    start = max(a["created_on"] or "", "2025-01-01")
    first = date.fromisoformat(start)
    used = sorted(u["used_at"] for u in rows["asset_usage"] if u["asset_id"] == name and u["used_at"] <= str(AS_OF))
    if (AS_OF - first).days < 90 or any(start <= u <= str(first + timedelta(days=90)) for u in used):
        return None
    live = [d for d in rows["opportunities"] if _was_open(d, start)]
    here = [d for d in live if d["segment"] in segments] if segments else live
    keys = set()
    named = [d["conversation"] for d in here if d["conversation"]]
    if any(b["conversations"] for b in stands):
        wrong = segments and talks and named and not any(d >= min(talks) for d in named)
        keys |= {"conversation"} if not talks or wrong else set()
    later = [t for t in talks if t != "C1"]
    near = here if segments or not later else [d for d in live if (d["conversation"] or "C9") >= min(later)]
    leads = [
        e
        for e in rows["leads"]
        if start <= e["created_at"] <= str(AS_OF) and (not segments or e["segment"] in segments)
    ]
    told = not segments or any(d["segment"] for d in rows["opportunities"])
    led = not segments or any(e["segment"] for e in rows["leads"])
    lacks_deal, lacks_lead = told and not near, led and not leads
    if lacks_lead if talks == ["C1"] else lacks_deal and (lacks_lead or "C1" not in talks):
        keys.add("demand")
    if (a["expires_on"] or "9") < str(AS_OF) or (
        a["created_on"] and (AS_OF - date.fromisoformat(a["created_on"])).days > 365
    ):
        keys.add("stale")
    for s in rows["searches"]:
        wanted = words_of(s["query"]) - set(STOP_WORDS)
        failed = not s["opened_asset_id"] and (opens or s["n_results"] == 0) and start <= s["searched_at"] <= str(AS_OF)
        few = sum(wanted <= each for each in of.values()) <= 3
        if asked and failed and wanted and wanted <= of[name] and few and name not in opened:
            keys.add("found")
    shown_on = min((t["trained_on"] for t in rows["training"] if t["asset_id"] == name), default="9")
    if shown_on > str(AS_OF):
        keys.add("never_taught")
    elif shown_on <= "2025-12-01" and not (used and used[-1] >= shown_on):
        keys.add("taught")
    keys |= {"tailor"} if a["is_customisable"] is False else set()
    return keys or {"unknown"}


def test_the_split_is_that_of_a_plain_loop_over_assets_in_20_random_libraries(make_tables: Make) -> None:
    rng, seen = np.random.default_rng(5), dict.fromkeys([*KEYS, UNKNOWN], 0)
    for _ in range(20):
        rows = a_library(rng)
        found = held(make_tables, rows)
        assert found == by_loop(rows)
        for keys in found.values():
            for key in keys:
                seen[key] += 1
    assert min(seen.values()) >= 3, seen  # every rule was put to the test


def moved(rows: Rows, days: int) -> Rows:
    """The same rows so many days later."""

    def later(value: Any) -> Any:
        is_day = isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value)
        return str(date.fromisoformat(value[:10]) + timedelta(days=days)) + value[10:] if is_day else value

    return {name: [{k: later(v) for k, v in row.items()} for row in records] for name, records in rows.items()}


def test_shuffled_rows_renamed_users_and_later_dates_give_the_same_split(make_tables: Make) -> None:
    rng = np.random.default_rng(6)
    for _ in range(5):
        rows = a_library(rng)
        first = said(make_tables, rows)
        shuffled = {name: [records[i] for i in rng.permutation(len(records))] for name, records in rows.items()}
        for row in shuffled["training"]:
            row["user_id"] = f"code {row['user_id']}"
        assert said(make_tables, shuffled) == first
        period = {"start": "2025-12-31", "end": "2026-12-30"}
        assert said(make_tables, moved(rows, 364), settings(period=period, as_of="2026-12-30")) == first
