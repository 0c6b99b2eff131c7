"""Where content is missing while money stands there, by hand: nine assets, two segments, cells a reader can count."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alignlib.diagnostics.content import coverage
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Finding, Part

Make = Callable[..., Tables]
NBSP = "\u00a0"


def settings(limit: float | None = 0.2, as_of: str = "2025-12-31") -> Settings:
    said = {"version": 1, "client": "By hand", "period": {"start": f"{int(as_of[:4])}-01-01", "end": as_of}}
    more: dict[str, Any] = {"as_of": as_of, "currency": "EUR", "timezone": "UTC"}
    return Settings.model_validate(said | more | {"thresholds": {} if limit is None else {"empty_pipeline": limit}})


def exhibit(part: Part, key: str) -> Exhibit:
    return next(found for found in part.exhibits if found.key == key)


GRID = [
    {"asset_id": "steel_c1", "created_on": "2025-06-01", "conversations": ["C1"], "segments": ["Steel"]},
    {"asset_id": "any_c1", "created_on": "2025-06-01", "conversations": ["C1"], "segments": []},
    {"asset_id": "both_c2", "created_on": "2025-06-01", "conversations": ["C2", "C2"], "segments": ["Steel", "Wood"]},
    {"asset_id": "expired_c3", "created_on": "2025-06-01", "conversations": ["C3"], "expires_on": "2025-12-30"},
    {"asset_id": "expires_today_c4", "created_on": "2025-06-01", "conversations": ["C4"], "expires_on": "2025-12-31"},
    {"asset_id": "exactly_365_c3", "created_on": "2024-12-31", "conversations": ["C3"], "segments": ["Steel"]},
    {"asset_id": "stale_c5", "created_on": "2024-12-30", "conversations": ["C5"], "segments": ["Steel"]},
    {"asset_id": "undated_c5", "conversations": ["C5"], "segments": ["Steel"]},
    {"asset_id": "untagged", "created_on": "2025-06-01", "segments": ["Steel"]},
]
DEALS = [
    {"opportunity_id": "1", "outcome": "open", "segment": "Steel", "conversation": "C1", "amount": 30_000_00},
    {"opportunity_id": "2", "outcome": "open", "segment": "Wood", "conversation": "C5", "amount": 50_000_00},
    {"opportunity_id": "3", "outcome": "open", "segment": "Wood", "conversation": "C3", "amount": 10_000_00},
    {"opportunity_id": "4", "outcome": "open", "segment": "Steel", "conversation": "C4", "amount": 10_000_00},
    {"opportunity_id": "5", "outcome": "won", "segment": "Wood", "conversation": "C5", "amount": 900_000_00},
    {"opportunity_id": "6", "outcome": "open", "segment": "Wood", "amount": 7_000_00},
]
PLAN = [{"segment": "Steel", "planned_revenue": 100_000_00}, {"segment": "Wood", "planned_revenue": 300_000_00}]
TALKS = ("C1", "C2", "C3", "C4", "C5")


def without(column: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in deal.items() if key != column} for deal in DEALS]


def part_of(tables: Tables, agreed: Settings) -> Part:
    return coverage.part(tables, agreed, coverage.cells(tables, agreed))


def test_the_grid_counts_usable_assets_and_those_that_are_stale_or_expired(make_tables: Make) -> None:
    found = coverage.cells(make_tables({"assets": GRID, "opportunities": DEALS}), settings())
    cell = {(row["segment"], row["conversation"]): row for row in found}
    assert [cell["Steel", talk]["n"] for talk in TALKS] == [2, 1, 1, 1, 1]
    assert [cell["Wood", talk]["n"] for talk in TALKS] == [1, 1, 0, 1, 0]
    assert [cell["Steel", talk]["n_stale"] for talk in TALKS] == [0, 0, 1, 0, 1]  # the expired one serves everybody
    assert [cell["Wood", talk]["n_stale"] for talk in TALKS] == [0, 0, 1, 0, 0]
    assert [cell["Wood", talk]["gap"] for talk in TALKS] == ["", "", "none usable", "", "empty"]
    assert [cell["Wood", talk]["amount"] for talk in TALKS] == [0, 0, 10_000_00, 0, 50_000_00]


def test_pipeline_in_gaps_is_counted_and_what_usable_means_is_printed(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": DEALS[:5]}), settings())
    (finding,) = part.findings
    # 60k of 100k: Wood C5 and Wood C3; the won deal stands in no cell
    assert finding.measure.value == pytest.approx(0.6) and finding.measure.n == 4
    assert finding.level == "act" and finding.measure.low is None
    assert finding.detail == f"Counted: 60{NBSP}%; the money of 2 of 4 deals. Agreed: at most 20{NBSP}%."
    assert finding.title == "€60k of €100k open pipeline stands where no usable asset exists"
    grid = exhibit(part, "content.coverage")
    assert grid.lead == (
        "Most stands in Wood, C5: €50k in 1 deal (empty). "
        "The gaps together hold 2 deals; €10k of it stands where assets exist and none is usable. "
        "Covered by one usable asset alone: 1 of 2 cells with open pipeline."
    )
    assert "placed in no cell" not in grid.says_not
    assert "not expired, made or reviewed within 365 days, not marked as unapproved, tagged with" in grid.read
    notes = {(row["label"], row["column"]): row["note"] for row in grid.rows}
    assert notes["Wood", "C3"] == "none usable" and notes["Wood", "C5"] == "empty" and notes["Wood", "C1"] == ""


def judged(make_tables: Make, deals: list[dict[str, Any]], assets: list[dict[str, Any]] = GRID) -> Finding:
    (finding,) = part_of(make_tables({"assets": assets, "opportunities": deals}), settings()).findings
    return finding


def test_pipeline_that_cannot_be_placed_widens_the_figure_to_bounds(make_tables: Make) -> None:
    served, gap = DEALS[0], DEALS[2]  # 30k where an asset serves, 10k in a gap: 25 % of what could be placed
    nowhere = {"opportunity_id": "n", "outcome": "open", "segment": "Wood", "amount": 40_000_00}
    finding = judged(make_tables, [served, gap, nowhere])
    assert finding.measure.value == pytest.approx(0.25) and finding.measure.method.startswith("bounds: ")
    assert (finding.measure.low, finding.measure.high) == pytest.approx((10 / 80, 50 / 80))
    assert finding.level == "unclear" and finding.title.startswith(f"12 to 62{NBSP}% of open pipeline")
    assert finding.detail == (
        f"Bounds 12 to 62; the money of 1 of 2 deals; 50{NBSP}% of €80k could be placed. Agreed: at most 20{NBSP}%."
    )
    assert finding.rule.startswith("bounds against") and "amount" in finding.settle
    beyond = judged(make_tables, [DEALS[1], nowhere | {"amount": 50_000_00}])
    assert beyond.level == "act" and beyond.measure.low == pytest.approx(0.5)
    assert beyond.title == (
        f"€50k of €50k open pipeline that could be placed (50{NBSP}% of all) stands where no usable asset exists"
    )
    good = judged(make_tables, [served, nowhere | {"amount": 1_000_00}])
    assert good.level == "good" and good.measure.high == pytest.approx(1 / 31)


def test_a_deal_without_an_amount_is_taken_at_the_average_of_the_others(make_tables: Make) -> None:
    bare = [{"opportunity_id": f"n{i}", "outcome": "open", "segment": "Steel", "conversation": "C1", "amount": a}
            for i, a in enumerate((None, 0))]  # fmt: skip
    finding = judged(make_tables, [DEALS[0], DEALS[2], *bare])
    # 40k in two deals, 20k each; so two more make 80k
    assert (finding.measure.low, finding.measure.high) == pytest.approx((10 / 80, 50 / 80))
    assert "about €80k" in finding.detail


def test_a_deal_opened_after_the_as_of_date_or_in_no_known_conversation_or_of_less_than_nothing_is_not_placed(
    make_tables: Make,
) -> None:
    deals = [
        DEALS[0] | {"opened_at": "2025-12-31 22:59"}, DEALS[1] | {"opened_at": "2025-12-31 23:00"},
        DEALS[2] | {"conversation": "C9"}, DEALS[3] | {"amount": -7_000_00},
    ]  # fmt: skip
    tables = make_tables({"assets": GRID, "opportunities": deals})
    berlin = settings().model_copy(update={"timezone": "Europe/Berlin"})
    part = part_of(tables, berlin)
    # 23:00 UTC is in the new year in Berlin: 30k placed, the 10k of C9 not, the negative one nowhere
    assert (part.findings[0].measure.low, part.findings[0].measure.high) == pytest.approx((0, 10 / 40))
    says_not = exhibit(part, "content.coverage").says_not
    assert "1 open deal without a segment or a conversation (€10k); 1 open deal with a negative amount" in says_not
    only = part_of(make_tables({"assets": GRID, "opportunities": [deals[2]]}), settings())
    assert not only.findings and "no open opportunity" in only.not_judged[0].why


def test_where_most_assets_name_no_conversation_a_gap_calls_for_no_action(make_tables: Make) -> None:
    untagged = [{"asset_id": f"u{i}", "created_on": "2025-06-01"} for i in range(8)]
    at_half = judged(make_tables, DEALS[:5], GRID + untagged[:7])  # eight of sixteen: not more than half
    assert at_half.level == "act"
    finding = judged(make_tables, DEALS[:5], GRID + untagged)
    assert finding.level == "unclear" and finding.title.endswith("; most assets name no conversation")
    assert "one of them may serve" in finding.rule and "conversation" in finding.settle
    part = part_of(make_tables({"assets": GRID + untagged, "opportunities": DEALS}), settings())
    assert any("where one of them may serve" in caveat for caveat in part.caveats)
    assert exhibit(part, "content.coverage").limit is None  # nothing to be drawn as beyond it


def test_an_asset_marked_as_unapproved_serves_no_cell_and_one_of_which_it_is_not_known_does(make_tables: Make) -> None:
    assets = [GRID[0] | {"is_approved": said, "conversations": [talk]} for said, talk in
              ((False, "C1"), (None, "C2"), (True, "C3"))]  # fmt: skip
    assets = [asset | {"asset_id": str(i)} for i, asset in enumerate(assets)]
    found = coverage.cells(make_tables({"assets": assets, "plan": PLAN[:1]}), settings())
    assert [(row["n"], row["n_stale"], row["gap"]) for row in found[:3]] == [
        (0, 1, "none usable"), (1, 0, ""), (1, 0, ""),
    ]  # fmt: skip


def test_of_many_segments_the_grid_shows_the_first_forty_and_all_are_counted(make_tables: Make) -> None:
    deals = [{"opportunity_id": str(i), "outcome": "open", "segment": f"S{i:02d}", "conversation": "C2",
              "amount": 1_000_00 + i, "persona": f"P{i:02d}"} for i in range(50)]  # fmt: skip
    part = part_of(make_tables({"assets": GRID, "opportunities": deals}), settings())
    assert part.findings[0].measure.n == 50
    grid = exhibit(part, "content.coverage")
    labels = list(dict.fromkeys(row["label"] for row in grid.rows))
    assert labels == [f"S{i:02d}" for i in range(49, 9, -1)] and grid.read.endswith("Of 50 segments the first 40.")
    # 40 personas, 40 segments, five conversations, of which C1 and C4 alone are served in the shown segments
    assert exhibit(part, "content.personas").title == (
        "4,800 of 8,000 cells of conversation, persona and segment hold no usable asset; here are the first 40 of 4,800"
    )


def test_one_cell_to_fill_is_said_of_one(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": [DEALS[1]]}), settings())
    fill = exhibit(part, "content.fill")
    assert len(fill.rows) == 1 and fill.read.startswith("The one cell without a usable asset")


def test_without_a_gap_the_finding_is_good_and_nothing_is_to_be_filled(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": [DEALS[0], DEALS[3]]}), settings())
    assert part.findings[0].level == "good" and part.findings[0].title.startswith("All €40k of open pipeline")
    assert exhibit(part, "content.coverage").lead.startswith("Covered by one usable asset alone: 1 of 2")
    assert "content.fill" not in {found.key for found in part.exhibits}


def test_no_limit_is_unclear_and_says_so(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": DEALS}), settings(limit=None))
    assert part.findings[0].level == "unclear" and "no limit was agreed" in part.findings[0].title


def test_an_asset_that_was_corrected_counts_as_corrected_and_one_to_retire_no_longer(make_tables: Make) -> None:
    decided = [
        {"asset_id": "stale_c5", "decision": "fix", "reviewed_on": "2025-12-01", "segments": ["Wood"]},
        {"asset_id": "exactly_365_c3", "decision": "retire"},
    ]
    tables = make_tables({"assets": GRID, "opportunities": DEALS, "asset_decisions": decided})
    cell = {(row["segment"], row["conversation"]): row for row in coverage.cells(tables, settings())}
    assert cell["Wood", "C5"]["n"] == 1 and cell["Steel", "C3"]["gap"] == "none usable"


# --- what a cell is worth ---------------------------------------------------------------------------------------------


def test_the_cells_to_fill_first_are_ranked_by_money_then_plan_then_name(make_tables: Make) -> None:
    deals = [*DEALS, {"opportunity_id": "7", "outcome": "open", "segment": "Glass", "conversation": "C2", "amount": 1}]
    plan = [*PLAN, {"segment": "Glass", "planned_revenue": 400_000_00}]
    tables = make_tables({"assets": GRID[:1], "opportunities": deals, "plan": plan})
    found = [(row["segment"], row["conversation"]) for row in coverage.fill_first(coverage.cells(tables, settings()))]
    assert found == [
        ("Wood", "C5"), ("Wood", "C3"), ("Steel", "C4"), ("Glass", "C2"),  # by money: 50k, 10k, 10k, 1 cent
        ("Glass", "C1"), ("Glass", "C3"), ("Glass", "C4"), ("Glass", "C5"),  # nothing stands there: most planned first
        ("Wood", "C1"), ("Wood", "C2"),
    ]  # fmt: skip
    # Wood C3 and Steel C4 hold the same money; Wood has the larger plan


def test_the_fill_exhibit_says_what_stands_there_and_what_would_serve(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": DEALS, "plan": PLAN}), settings())
    fill = exhibit(part, "content.fill")
    assert fill.title == "C5, Wood is the cell to fill first: €50k stands there and no asset serves it"
    assert [(row["label"], row["value"], row["deals"], row["note"]) for row in fill.rows] == [
        ("C5, Wood", 50_000_00, 1, "empty"), ("C3, Wood", 10_000_00, 1, "none usable, 1 to review or retire"),
    ]  # fmt: skip
    assert fill.rows[0]["planned"] == 300_000_00
    bare = part_of(make_tables({"assets": GRID, "opportunities": DEALS}), settings())
    assert {row["planned"] for row in exhibit(bare, "content.fill").rows} == {None}  # no plan is no plan of nothing
    assert fill.rows[0]["kinds"] == "ROI models, case numbers, references"
    assert [c.unit for c in fill.columns if c.name == "value"] == ["money"]


def test_without_conversations_the_money_is_the_segments_and_never_added_up(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": without("conversation")}), settings())
    assert not part.findings and [gap.what for gap in part.not_judged] == [coverage._WHAT]
    grid = exhibit(part, "content.coverage")
    assert all(row["amount"] is None for row in grid.rows)
    assert {row["standing"] for row in grid.rows if row["label"] == "Wood"} == {67_000_00}
    assert "it is not the cell’s, and is not added up" in grid.says_not
    fill = exhibit(part, "content.fill")
    assert [(row["label"], row["value"]) for row in fill.rows] == [("C3, Wood", 67_000_00), ("C5, Wood", 67_000_00)]
    assert (
        fill.title
        == "C3, Wood is the cell to fill first: €67k is open in the segment and no asset made for it is usable"
    )
    assert {c.label for c in fill.columns} >= {"Open pipeline of the segment"}


def test_without_deals_the_plan_of_the_segment_ranks_and_is_named(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "plan": PLAN}), settings())
    fill = exhibit(part, "content.fill")
    assert "€300k is planned in the segment" in fill.title
    assert {row["value"] for row in fill.rows} == {300_000_00} and fill.source == "Content library"


def test_without_any_amount_the_deals_are_counted(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "opportunities": without("amount")}), settings())
    fill = exhibit(part, "content.fill")
    assert [(row["label"], row["value"]) for row in fill.rows] == [("C3, Wood", 1), ("C5, Wood", 1)]
    assert fill.title.startswith("C3, Wood is the cell to fill first: 1 open deal and")
    assert [c.unit for c in fill.columns if c.name == "value"] == ["count"]


def test_where_nothing_is_known_to_stand_no_cell_comes_first(make_tables: Make) -> None:
    tables = make_tables({"assets": GRID})
    assert coverage.fill_first(coverage.cells(tables, settings())) == []
    assert {found.key for found in part_of(tables, settings()).exhibits} == {"content.coverage"}


# --- finer cuts, and what cannot be told ------------------------------------------------------------------------------


def test_persona_gaps_come_first_those_with_most_pipeline_before_the_rest(make_tables: Make) -> None:
    assets = [
        {"asset_id": "a", "created_on": "2025-06-01", "conversations": ["C1"], "personas": ["Buyer"]},
        {"asset_id": "b", "created_on": "2025-06-01", "conversations": ["C2"]},
        {"asset_id": "c", "created_on": "2020-06-01", "conversations": ["C3"]},
    ]
    deal = {"opportunity_id": "1", "outcome": "open", "segment": "Wood", "conversation": "C1", "amount": 500}
    tables = make_tables({"assets": assets, "opportunities": [deal | {"persona": "Engineer"}]})
    found = exhibit(part_of(tables, settings()), "content.personas")
    assert found.is_detail and len(found.rows) == 10 and found.title.startswith("7 of 10 cells")
    assert "the first" not in found.title
    assert found.rows[0]["label"] == "C1 · Engineer · Wood" and found.rows[0]["amount"] == 500
    notes = {row["label"]: row["note"] for row in found.rows}
    assert notes["C3 · Buyer · Wood"] == "none usable" and notes["C4 · Buyer · Wood"] == "empty"


PAINS = [
    {"asset_id": "a", "created_on": "2025-06-01", "conversations": ["C1", "C2"], "pains": ["Scrap", "Scrap", "Delay"]},
    {"asset_id": "b", "created_on": "2019-06-01", "conversations": ["C3"], "pains": ["Scrap"]},
    {"asset_id": "c", "created_on": "2025-06-01", "conversations": ["C5"]},  # names no pain: not known to speak to any
]


def test_pains_are_cut_by_conversation_with_the_pipeline_of_deals_that_name_them(make_tables: Make) -> None:
    deals = [deal | {"pain": "Scrap"} for deal in DEALS[:3]] + [DEALS[3]]
    part = part_of(make_tables({"assets": PAINS, "opportunities": deals}), settings())
    found = exhibit(part, "content.pains")
    cell = {row["label"]: (row["n"], row["n_stale"], row["amount"], row["note"]) for row in found.rows}
    assert found.is_detail and len(cell) == 10
    assert cell["C1 · Scrap"] == (1, 0, 30_000_00, "") and cell["C3 · Scrap"] == (0, 1, 10_000_00, "none usable")
    assert cell["C5 · Scrap"] == (0, 0, 50_000_00, "empty") and cell["C2 · Delay"] == (1, 0, 0, "")
    assert found.rows[0]["label"] == "C5 · Scrap"


def test_pains_that_only_deals_name_are_not_judged_and_pains_nobody_names_are_silent(make_tables: Make) -> None:
    deals = [deal | {"pain": "Scrap"} for deal in DEALS]
    told = part_of(make_tables({"assets": GRID, "opportunities": deals}), settings())
    assert [gap.why for gap in told.not_judged] == ["no asset names a pain, while open deals do"]
    silent = part_of(make_tables({"assets": GRID, "opportunities": DEALS}), settings())
    assert not silent.not_judged and "content.pains" not in {found.key for found in silent.exhibits}


def test_without_a_conversation_on_any_asset_nothing_is_judged(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": [{"asset_id": "a"}], "opportunities": DEALS}), settings())
    assert not part.findings and not part.exhibits and "conversation" in part.not_judged[0].settle


def test_segments_known_only_to_the_library_are_named(make_tables: Make) -> None:
    part = part_of(make_tables({"assets": GRID, "plan": PLAN[1:]}), settings())
    assert any("neither in the plan" in caveat and "Steel" in caveat for caveat in part.caveats)


def test_an_address_that_slipped_into_a_segment_is_not_shown(make_tables: Make) -> None:
    rows = {"assets": GRID, "opportunities": [deal | {"segment": "Wood, ask jo@example.com"} for deal in DEALS]}
    part = part_of(make_tables(rows), settings())
    assert "jo@example.com" not in str(part) and "Wood, ask [e-mail address]" in str(part)


# --- the same rows in another order, at another time ------------------------------------------------------------------


def test_shuffled_rows_give_the_same_part(make_tables: Make) -> None:
    rows = {"assets": GRID + [a | {"asset_id": a["asset_id"] + "x"} for a in PAINS], "opportunities": DEALS,
            "plan": PLAN}  # fmt: skip
    back = {name: list(reversed(records)) for name, records in rows.items()}
    assert part_of(make_tables(rows), settings()) == part_of(make_tables(back), settings())


def test_dates_moved_by_a_year_give_the_same_cells(make_tables: Make) -> None:
    later = [{k: f"{int(v[:4]) + 1}{v[4:]}" if k.endswith("_on") else v for k, v in a.items()} for a in GRID]
    now, then = (
        coverage.cells(make_tables({"assets": assets, "opportunities": DEALS}), settings(as_of=day))
        for assets, day in ((GRID, "2025-12-31"), (later, "2026-12-31"))
    )
    assert now == then


def test_in_a_thousand_worlds_the_fullest_gap_comes_first_and_never_a_served_cell() -> None:
    rng, segments = np.random.default_rng(7), [f"S{i}" for i in range(6)]
    for _ in range(1_000):
        money, n = rng.lognormal(10, 1, 30).astype(int), rng.integers(0, 3, 30)
        money[rng.random(30) < 0.3] = 0
        empty = int(rng.integers(30))
        n[empty], money[empty] = 0, int(0.3 / 0.7 * (money.sum() - money[empty])) + 1  # 30 % of all pipeline
        grid = [{"segment": segments[i // 5], "conversation": TALKS[i % 5], "n": int(n[i]), "worth": int(money[i]),
                 "planned": 1, "gap": "" if n[i] else "empty"} for i in rng.permutation(30)]  # fmt: skip
        found = coverage.fill_first(grid)
        largest = max(row["worth"] for row in grid if not row["n"])
        assert found[0]["worth"] == largest and all(row["n"] == 0 for row in found) and len(found) <= 10
        assert (found[0]["segment"], found[0]["conversation"]) == (segments[empty // 5], TALKS[empty % 5]) or (
            largest > money[empty]
        )
