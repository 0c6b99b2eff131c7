"""The content diagnostic, by hand: eight assets a reader can count, a planted gap, and a library with nothing wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib.diagnostics.content import diagnose, inventory
from alignlib.diagnostics.content.coverage import cells
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Result

Make = Callable[..., Tables]
NO_LIMIT: dict[str, float] = {}


def settings(thresholds: dict[str, float] | None = None, **changes: Any) -> Settings:
    agreed = {"unused_content": 0.4, "stale_content": 0.3, "untagged_content": 0.3, "empty_pipeline": 0.2}
    base: dict[str, Any] = {
        "version": 1,
        "client": "By hand",
        "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2025-12-31",
        "currency": "EUR",
        "timezone": "UTC",
        "thresholds": agreed | {"focus_mismatch": 0.15} if thresholds is None else thresholds,
    }
    return Settings.model_validate(base | changes)


# id, created: what happens to it is in USES. as_of 31 December 2025, window 90 days.
ASSETS = [
    {"asset_id": "used_day_0", "created_on": "2025-02-01"},
    {"asset_id": "used_day_90", "created_on": "2025-03-01"},  # 30 May is day 90, the last that counts
    {"asset_id": "used_day_91", "created_on": "2025-03-01"},
    {"asset_id": "only_edited", "created_on": "2025-02-01"},
    {"asset_id": "old_used_before_period", "created_on": "2023-06-01"},
    {"asset_id": "undated_used_in_period", "created_on": None},
    {"asset_id": "age_exactly_90", "created_on": "2025-10-02"},
    {"asset_id": "age_89", "created_on": "2025-10-03"},
]
USES = [
    {"asset_id": "used_day_0", "event": "view", "used_at": "2025-02-01 08:00"},
    {"asset_id": "used_day_90", "event": "share", "used_at": "2025-05-30 23:59"},
    {"asset_id": "used_day_91", "event": "download", "used_at": "2025-05-31 00:01"},
    {"asset_id": "only_edited", "event": "edit", "used_at": "2025-02-02 08:00"},
    {"asset_id": "old_used_before_period", "event": "view", "used_at": "2023-06-10 12:00"},
    {"asset_id": "undated_used_in_period", "event": "view", "used_at": "2025-03-01 12:00"},
    {"asset_id": "nobody_knows_it", "event": "view", "used_at": "2025-12-30 12:00"},
]


def keys(result: Result) -> set[str]:
    return {finding.key for finding in result.findings}


def test_unused_counts_the_assets_nobody_used_in_their_own_window(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings())
    measure = result.finding("content.unused").measure
    # unused: day 91, only edited, used before the period, exactly 90 days old and never used; the 89 day old one is out
    assert (measure.k, measure.n) == (4, 7)
    assert measure.low == pytest.approx(0.2505, abs=1e-4) and measure.high == pytest.approx(0.8418, abs=1e-4)  # Wilson


def test_each_window_judges_the_assets_old_enough_for_it(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings())
    rows = {row["label"]: (row["k"], row["n"]) for row in result.exhibit("content.unused").rows}
    assert rows == {"30 days": (7, 8), "90 days": (4, 7), "180 days": (2, 6)}


def test_an_interval_across_the_limit_is_unclear_and_says_what_would_settle_it(make_tables: Make) -> None:
    finding = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings()).finding("content.unused")
    assert finding.level == "unclear"
    assert "on both sides of the agreed 40" in finding.title and finding.settle


def test_the_definition_of_unused_is_printed_with_its_window(make_tables: Make) -> None:
    read = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings()).exhibit("content.unused").read
    for words in ("viewed, downloaded or shared", "within 90 days", "carries no creation date", "1 January 2025"):
        assert words in read
    assert "1 asset younger than 90 days at 31 December 2025 is left out" in read


def test_a_use_counts_on_the_day_it_had_in_the_clients_time_zone(make_tables: Make) -> None:
    late = [
        {"asset_id": "a", "event": "view", "used_at": "2025-04-11 23:30"}
    ]  # 12 April in Berlin: day 91 of 11 January
    tables = make_tables({"assets": [{"asset_id": "a", "created_on": "2025-01-11"}], "asset_usage": late})
    assert diagnose(tables, settings()).finding("content.unused").measure.k == 0
    assert diagnose(tables, settings(timezone="Europe/Berlin")).finding("content.unused").measure.k == 1


def test_a_log_recorded_in_days_is_not_moved_by_a_time_zone(make_tables: Make) -> None:
    used = [{"asset_id": "a", "event": "view", "used_at": "2025-01-11 00:00"}]
    tables = make_tables(
        {"assets": [{"asset_id": "a", "created_on": "2025-01-11"}], "asset_usage": used},
        day_only=frozenset({"asset_usage.used_at"}),
    )
    assert diagnose(tables, settings(timezone="America/New_York")).finding("content.unused").measure.k == 0


def test_without_a_log_of_uses_unused_is_not_judged(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS}), settings())
    assert "content.unused" not in keys(result)
    assert any("unused" in missing.what and missing.settle for missing in result.not_judged)


def test_a_log_that_starts_late_and_stops_early_is_said(make_tables: Make) -> None:
    assets = [{"asset_id": "a", "created_on": "2025-01-01"}]
    used = [{"asset_id": "a", "used_at": "2025-06-01 10:00"}]
    said = " ".join(diagnose(make_tables({"assets": assets, "asset_usage": used}), settings()).caveats)
    assert "begins on 1 June 2025" in said and "ends on 1 June 2025" in said


def test_uses_of_assets_outside_the_inventory_are_counted(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings())
    assert any(caveat.startswith("1 use in the log") for caveat in result.caveats)


def test_an_asset_made_after_the_as_of_date_does_not_exist_yet(make_tables: Make) -> None:
    tables = make_tables({"assets": [*ASSETS, {"asset_id": "future", "created_on": "2026-01-01"}]})
    assert diagnose(tables, settings()).basis[0].startswith("8 assets")


STALE = [
    {"asset_id": "fresh", "created_on": "2025-06-01"},
    {"asset_id": "old_but_reviewed", "created_on": "2020-01-01", "reviewed_on": "2025-06-01"},
    {"asset_id": "exactly_365", "created_on": "2024-12-31"},
    {"asset_id": "stale_366", "created_on": "2024-12-30"},
    {"asset_id": "stale_review_later", "created_on": "2020-01-01", "reviewed_on": "2026-02-01"},
    {"asset_id": "only_reviewed", "reviewed_on": "2025-06-01"},
    {"asset_id": "undated"},
    {"asset_id": "undated_too"},
]


def test_stale_goes_by_the_later_of_creation_and_review_and_leaves_undated_out(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": STALE}), settings())
    measure = result.finding("content.stale").measure
    assert (measure.k, measure.n) == (2, 6)
    rows = {row["label"]: row["value"] for row in result.exhibit("content.age").rows}
    assert rows == {"up to 90 days": 0, "91 to 180 days": 0, "181 to 365 days": 4, "366 to 730 days": 1,
                    "over 730 days": 1, "no date": 2}  # fmt: skip


def test_without_any_date_age_is_not_judged(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": [{"asset_id": "a"}]}), settings())
    assert "content.stale" not in keys(result)
    assert any("out of date" in missing.what for missing in result.not_judged)


def test_untagged_is_judged_only_where_the_tag_exists(make_tables: Make) -> None:
    tagged = [{"asset_id": str(i), "conversations": ["C1"] if i < 6 else []} for i in range(8)]
    measure = diagnose(make_tables({"assets": tagged}), settings()).finding("content.untagged").measure
    assert (measure.k, measure.n) == (2, 8)
    bare = diagnose(make_tables({"assets": [{"asset_id": "a", "topics": ["x"]}]}), settings())
    assert "content.untagged" not in keys(bare)
    assert any("conversation" in missing.settle for missing in bare.not_judged)


def test_the_inventory_counts_a_repeated_topic_once(make_tables: Make) -> None:
    assets = [
        {"asset_id": "a", "topics": ["mobile", "mobile", "design"], "created_on": "2025-01-01"},
        {"asset_id": "b", "topics": ["mobile"]},
        {"asset_id": "c", "topics": []},
    ]
    tables = make_tables({"assets": assets})
    found = inventory(tables)
    assert found == {"assets": 3, "topics": 2, "untagged": 1, "no_conversation": 3, "undated": 2}
    rows = {row["label"]: row["value"] for row in diagnose(tables, settings()).exhibit("content.inventory").rows}
    assert rows == {"mobile": 2, "design": 1, "no topic": 1, "no date": 2}


GRID = [
    {"asset_id": "steel_c1", "created_on": "2025-06-01", "conversations": ["C1"], "segments": ["Steel"]},
    {"asset_id": "any_c1", "created_on": "2025-06-01", "conversations": ["C1"], "segments": []},
    {"asset_id": "both_c2", "created_on": "2025-06-01", "conversations": ["C2", "C2"], "segments": ["Steel", "Wood"]},
    {"asset_id": "expired_c3", "created_on": "2025-06-01", "conversations": ["C3"], "expires_on": "2025-12-30"},
    {"asset_id": "expires_today_c4", "created_on": "2025-06-01", "conversations": ["C4"], "expires_on": "2025-12-31"},
    {"asset_id": "exactly_365_c3", "created_on": "2024-12-31", "conversations": ["C3"], "segments": ["Steel"]},
    {"asset_id": "stale_c5", "created_on": "2024-06-01", "conversations": ["C5"], "segments": ["Wood"]},
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


def test_the_grid_counts_usable_assets_by_segment_and_conversation(make_tables: Make) -> None:
    found = cells(make_tables({"assets": GRID, "opportunities": DEALS}), settings())
    counted = {(row["segment"], row["conversation"]): row["n"] for row in found}
    assert [counted["Steel", c] for c in ("C1", "C2", "C3", "C4", "C5")] == [2, 1, 1, 1, 1]
    assert [counted["Wood", c] for c in ("C1", "C2", "C3", "C4", "C5")] == [1, 1, 0, 1, 0]


def test_pipeline_in_empty_cells_is_found_and_counted(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": GRID, "opportunities": DEALS}), settings())
    finding = result.finding("content.empty_pipeline")
    # 60k of 100k: Wood C5 and Wood C3; the won deal and the one without a conversation stand in no cell
    assert finding.measure.value == pytest.approx(0.6) and finding.measure.n == 4
    assert finding.level == "act" and finding.measure.low is None
    assert finding.detail == "Counted: 60\u00a0%; 2 of 4 open deals. Agreed: at most 20\u00a0%."
    assert finding.title == "€60k of €100k open pipeline stands where no usable asset exists"
    grid = result.exhibit("content.coverage")
    assert "Wood, C5" in grid.lead and "1 open deal (€7,000) without a segment" in grid.says_not


def test_pipeline_without_conversations_is_not_judged_and_the_grid_still_stands(make_tables: Make) -> None:
    deals = [{key: value for key, value in deal.items() if key != "conversation"} for deal in DEALS]
    result = diagnose(make_tables({"assets": GRID, "opportunities": deals}), settings())
    assert "content.empty_pipeline" not in keys(result)
    rows = result.exhibit("content.coverage").rows
    assert all(row["amount"] is None for row in rows)
    assert {row["note"] for row in rows if row["label"] == "Wood"} == {
        "€67k open in the segment, no conversation named"
    }


def test_segments_known_only_to_the_library_are_named(make_tables: Make) -> None:
    plan = [{"segment": "Wood", "planned_revenue": 1, "effort": 1}]
    result = diagnose(make_tables({"assets": GRID, "plan": plan}), settings())
    assert any("neither in the plan" in caveat and "Steel" in caveat for caveat in result.caveats)


def test_persona_gaps_come_first_those_with_most_pipeline_before_the_rest(make_tables: Make) -> None:
    assets = [
        {"asset_id": "a", "created_on": "2025-06-01", "conversations": ["C1"], "personas": ["Buyer"]},
        {"asset_id": "b", "created_on": "2025-06-01", "conversations": ["C2"]},
    ]
    deal = {"opportunity_id": "1", "outcome": "open", "segment": "Wood", "conversation": "C1", "amount": 500}
    tables = make_tables({"assets": assets, "opportunities": [deal | {"persona": "Engineer"}]})
    exhibit = diagnose(tables, settings()).exhibit("content.personas")
    assert len(exhibit.rows) == 10 and exhibit.title.startswith("7 of 10 cells")
    assert exhibit.rows[0]["label"] == "C1 · Engineer · Wood" and exhibit.rows[0]["amount"] == 500


PLAN = [
    {"segment": "Steel", "planned_revenue": 50, "effort": 30},
    {"segment": "Wood", "planned_revenue": 30, "effort": 0},
    {"segment": "Glass", "planned_revenue": 20, "effort": 70},
]


def test_effort_away_from_the_plan_is_the_share_that_would_have_to_move(make_tables: Make) -> None:
    result = diagnose(make_tables({"plan": PLAN}), settings())
    finding = result.finding("content.focus")
    assert finding.measure.value == pytest.approx(0.5) and finding.level == "watch" and finding.measure.low is None
    rows = result.exhibit("content.focus").rows
    assert [row["label"] for row in rows] == ["Wood", "Steel", "Glass"]
    assert "Sales plans here, Marketing is not" in str(rows[0]["note"]) and "Marketing is here" in str(rows[2]["note"])


def test_a_segment_without_one_of_the_figures_is_left_out_and_named(make_tables: Make) -> None:
    plan = [*PLAN, {"segment": "Paper", "planned_revenue": 500}]
    result = diagnose(make_tables({"plan": plan}), settings())
    assert result.finding("content.focus").measure.value == pytest.approx(0.5)
    assert any("Paper" in caveat for caveat in result.caveats)


def test_without_a_plan_focus_is_not_judged(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS}), settings())
    assert "content.focus" not in keys(result) and any(missing.theme == "focus" for missing in result.not_judged)


def test_nothing_delivered_is_not_judged_and_never_good(make_tables: Make) -> None:
    result = diagnose(make_tables({}), settings())
    assert not result.findings and len(result.not_judged) == 2 and "do not say" in result.headline


SOUND = [
    {"asset_id": f"{segment}{talk}{i}", "created_on": "2025-06-01", "conversations": [talk], "segments": [segment]}
    for segment in ("Steel", "Wood")
    for talk in ("C1", "C2", "C3", "C4", "C5")
    for i in range(6)
]


def sound_tables(make_tables: Make) -> Tables:
    uses = [{"asset_id": asset["asset_id"], "used_at": "2025-06-20 10:00"} for asset in SOUND[:-6]]
    plan = [{"segment": "Steel", "planned_revenue": 50, "effort": 52}]
    plan.append({"segment": "Wood", "planned_revenue": 50, "effort": 48})
    return make_tables({"assets": SOUND, "asset_usage": uses, "plan": plan, "opportunities": DEALS[:5]})


def test_a_sound_library_raises_nothing_to_act_on(make_tables: Make) -> None:
    result = diagnose(sound_tables(make_tables), settings())
    assert {finding.key: finding.level for finding in result.findings} == {
        "content.unused": "good", "content.empty_pipeline": "good", "content.stale": "good",
        "content.untagged": "good", "content.focus": "good",
    }  # fmt: skip
    assert not result.not_judged and result.headline == "The content keeps what was agreed on all five points judged"


def test_without_agreed_limits_every_finding_is_unclear_and_says_so(make_tables: Make) -> None:
    result = diagnose(sound_tables(make_tables), settings(NO_LIMIT))
    assert {finding.level for finding in result.findings} == {"unclear"}
    assert all("no limit was agreed" in finding.title for finding in result.findings)


def test_every_level_has_a_title_of_its_own_that_carries_the_number(make_tables: Make) -> None:
    tables = sound_tables(make_tables)
    titles = {}
    for limit, level in ((0.01, "act"), (0.1, "unclear"), (0.5, "good")):
        finding = diagnose(tables, settings({"unused_content": limit})).finding("content.unused")
        assert finding.level == level
        titles[level] = finding.title
    assert titles["act"] == "6 of 60 assets went unused for 90 days"
    assert titles["good"].startswith("6 of 60 assets") and titles["good"].endswith("within the agreed 50\u00a0%")
    assert (
        titles["unclear"] == "5 to 20\u00a0% of assets went unused for 90 days, on both sides of the agreed 10\u00a0%"
    )


def test_exhibits_declare_every_column_they_hold(make_tables: Make) -> None:
    result = diagnose(sound_tables(make_tables), settings())
    assert {e.key for e in result.exhibits} >= {"content.unused", "content.coverage", "content.age", "content.focus"}
    for exhibit in result.exhibits:
        names = {column.name for column in exhibit.columns}
        assert exhibit.columns[0].name == "label" and all(set(row) == names for row in exhibit.rows), exhibit.key


def test_shuffled_rows_give_the_same_result(make_tables: Make) -> None:
    rows = {"assets": ASSETS + GRID, "asset_usage": USES, "opportunities": DEALS, "plan": PLAN}
    back = {name: list(reversed(records)) for name, records in rows.items()}
    first, second = (diagnose(make_tables(r), settings()).model_dump(exclude={"sources"}) for r in (rows, back))
    assert first == second


@pytest.mark.data
def test_the_real_content_inventory_of_digital_gov_is_counted_right(data_folder: Path, tmp_path: Path) -> None:
    """Source: digital.gov content front matter (GSA, public domain); counts of assets, topics and gaps taken there."""
    from alignlib.intake.snapshot import open_run, prepare

    yml = Path(__file__).parents[1] / "reference" / "engagements" / "digitalgov.yml"
    folder = tmp_path / "engagement"
    (folder / "data").mkdir(parents=True)
    (folder / "engagement.yml").write_text(yml.read_text(encoding="utf-8"), encoding="utf-8")
    source = data_folder / "digitalgov_content_inventory" / "digitalgov_content_inventory.csv"
    (folder / "data" / source.name).write_bytes(source.read_bytes())
    prepare(folder, tmp_path / "run")
    agreed, tables = open_run(tmp_path / "run")
    found = inventory(tables, agreed.as_of)
    assert (found["assets"], found["topics"], found["untagged"], found["undated"]) == (2908, 60, 241, 99)
    result = diagnose(tables, agreed)
    rows = {row["label"]: row["value"] for row in result.exhibit("content.inventory").rows}
    assert rows["content-strategy"] == 709 and rows["mobile"] == 598 and rows["no topic"] == 241
    assert "content.untagged" not in keys(result) and "content.unused" not in keys(result)
