"""The content diagnostic, by hand: eight assets a reader can count, a planted gap, and a library with nothing wrong."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alignlib.diagnostics.content import diagnose
from alignlib.diagnostics.content.library import inventory
from alignlib.diagnostics.content.stock import read_stock
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Result

Make = Callable[..., Tables]
NO_LIMIT: dict[str, float] = {}
# A log must span the period for windows to span it: an edit at either end, of an asset of nobody, which is no use.
ENDS = [{"asset_id": "other", "event": "edit", "used_at": day} for day in ("2025-01-02 10:00", "2025-12-31 10:00")]


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
    assert "Left out: 1 asset younger than 90 days at 31 December 2025." in read


def test_a_use_counts_on_the_day_it_had_in_the_clients_time_zone(make_tables: Make) -> None:
    late = [
        {"asset_id": "a", "event": "view", "used_at": "2025-04-11 23:30"}
    ]  # 12 April in Berlin: day 91 of 11 January
    tables = make_tables({"assets": [{"asset_id": "a", "created_on": "2025-01-11"}], "asset_usage": late + ENDS})
    assert diagnose(tables, settings()).finding("content.unused").measure.k == 0
    assert diagnose(tables, settings(timezone="Europe/Berlin")).finding("content.unused").measure.k == 1


def test_a_log_recorded_in_days_is_not_moved_by_a_time_zone(make_tables: Make) -> None:
    used = [{"asset_id": "a", "event": "view", "used_at": "2025-01-11 00:00"}]
    tables = make_tables(
        {"assets": [{"asset_id": "a", "created_on": "2025-01-11"}], "asset_usage": used + ENDS},
        day_only=frozenset({"asset_usage.used_at"}),
    )
    assert diagnose(tables, settings(timezone="America/New_York")).finding("content.unused").measure.k == 0


def test_uses_before_an_asset_was_made_do_not_begin_its_window(make_tables: Make) -> None:
    """A copy of an older file bears its uses: only those from the day of its making on count."""
    assets = [{"asset_id": name, "created_on": "2025-03-01"} for name in ("early_only", "early_and_late", "late")]
    uses = [{"asset_id": asset, "event": "view", "used_at": f"2025-{day} 10:00"} for asset, days in
            {"early_only": ["02-01"], "early_and_late": ["02-01", "03-11", "04-01"], "late": ["03-05"]}.items()
            for day in days]  # fmt: skip
    found = read_stock(make_tables({"assets": assets, "asset_usage": uses}), settings()).assets
    assert found["asset_id"].tolist() == ["early_and_late", "early_only", "late"]
    assert found["first_use_days"].fillna(-1).tolist() == [10, -1, 4] and found["n_uses"].tolist() == [2, 0, 1]
    assert found["last_used_on"].dt.strftime("%m-%d").tolist() == ["04-01", "02-01", "03-05"]


def test_what_marketing_does_is_no_use_by_a_seller(make_tables: Make) -> None:
    uses = [{**use, "team": "marketing" if use["asset_id"] == "used_day_0" else "sales"} for use in USES]
    result = diagnose(make_tables({"assets": ASSETS, "asset_usage": uses}), settings())
    assert (result.finding("content.unused").measure.k, result.finding("content.unused").measure.n) == (5, 7)
    assert any("1 use by Marketing left out" in caveat for caveat in result.caveats)
    assert not any("does not say who is in Sales" in caveat for caveat in result.caveats)


def test_a_log_without_teams_says_that_anybody_counts(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings())
    assert any("does not say who is in Sales" in caveat for caveat in result.caveats)


def test_a_systems_own_counts_serve_where_there_is_no_log(make_tables: Make) -> None:
    """Seen for 90 days or more within 1 July to 31 December: all but the two youngest. One of them has uses."""
    totals = [{"asset_id": asset["asset_id"], "from_on": "2025-07-01", "until_on": "2025-12-31", "n_views": 0,
               "n_shares": 2 if asset["asset_id"] == "used_day_0" else None} for asset in ASSETS[:7]]  # fmt: skip
    result = diagnose(make_tables({"assets": ASSETS, "asset_totals": totals}), settings())
    found = result.finding("content.unused")
    assert (found.measure.k, found.measure.n) == (6, 7) and "in the span that was counted" in found.title
    assert any("not logged one by one" in caveat for caveat in result.caveats)


def span(asset: str, first: str, last: str, n: int, used: str | None = None) -> dict[str, Any]:
    return {"asset_id": asset, "from_on": first, "until_on": last, "n_views": n, "last_used_on": used}


@pytest.mark.parametrize(("created", "spans", "seen", "n", "days"), [
    ("2024-01-01", [("2025-01-01", "2025-12-31", 4)], "2025-01-01", 4, 364),
    # a span within another is in it already; one that ends after the as-of date is not over
    ("2024-01-01", [("2025-01-01", "2025-12-31", 9), ("2025-07-01", "2025-12-31", 6)], "2025-01-01", 9, 364),
    ("2024-01-01", [("2025-01-01", "2025-12-31", 9), ("2025-01-01", "2025-12-31", 9)], "2025-01-01", 9, 364),
    ("2024-01-01", [("2025-01-01", "2025-06-30", 0), ("2025-07-01", "2026-06-30", 6)], "2025-01-01", 0, 180),
    # days covered: 31 and 31, not from the first to the last; neighbours as one span; an overlap once
    ("2024-01-01", [("2025-01-01", "2025-01-31", 0), ("2025-12-01", "2025-12-31", 0)], "2025-01-01", 0, 61),
    ("2024-01-01", [("2025-01-01", "2025-01-31", 1), ("2025-02-01", "2025-02-28", 2)], "2025-01-01", 3, 58),
    ("2024-01-01", [("2025-01-01", "2025-02-28", 1), ("2025-02-01", "2025-03-31", 2)], "2025-01-01", 3, 89),
    # begun before the period: by the day of the last use, which without one is not known
    ("2019-01-01", [("2019-01-01", "2025-12-31", 5, "2021-03-01")], "2025-01-01", 0, 364),
    ("2019-01-01", [("2019-01-01", "2025-12-31", 5, "2025-01-01")], "2025-01-01", 5, 364),
    ("2019-01-01", [("2019-01-01", "2025-12-31", 5)], "2025-01-01", 0, None),
    ("2019-01-01", [("2019-01-01", "2025-12-31", 0)], "2025-01-01", 0, 364),
    ("2019-01-01", [("2019-01-01", "2025-12-31", 5), ("2025-07-01", "2025-12-31", 0)], "2025-07-01", 0, 183),
    # made within the period: every use is one in its window
    ("2025-03-01", [("2019-01-01", "2025-12-31", 5)], "2025-03-01", 5, 305),
    ("2025-03-01", [("2025-01-01", "2025-01-31", 5), ("2025-02-01", "2025-06-30", 0)], "2025-03-01", 0, 121),
])  # fmt: skip
def test_a_systems_own_counts_cover_the_days_they_tell_of(
    make_tables: Make, created: str, spans: list[Any], seen: str, n: int, days: int | None
) -> None:
    rows = {"assets": [{"asset_id": "a", "created_on": created}], "asset_totals": [span("a", *each) for each in spans]}
    for _ in range(2):
        found = read_stock(make_tables(rows), settings()).assets.iloc[0]
        assert str(found["starts_on"])[:10] == seen and found["n_uses"] == n
        assert found["days_seen"] == days if days is not None else found["days_seen"] != found["days_seen"]
        rows["asset_totals"].reverse()


def test_all_time_counts_last_used_years_ago_are_unused_in_the_period(make_tables: Make) -> None:
    assets = [{"asset_id": f"a{i}", "created_on": "2019-01-01"} for i in range(4)]
    last = ["2021-03-01", "2021-03-01", "2025-06-01", None]
    totals = [span(f"a{i}", "2019-01-01", "2025-12-31", 5, day) for i, day in enumerate(last)]
    measure = (
        diagnose(make_tables({"assets": assets, "asset_totals": totals}), settings()).finding("content.unused").measure
    )
    assert (measure.k, measure.n) == (2, 3)


def test_use_is_concentrated_on_the_assets_used_most(make_tables: Make) -> None:
    assets = [{"asset_id": f"a{i:02d}", "created_on": "2025-01-01"} for i in range(20)]
    uses = [{"asset_id": f"a{i:02d}", "event": "view", "used_at": "2025-02-01 10:00"}
            for i, n in enumerate([30, 20, 10, *[5] * 8]) for _ in range(n)] + ENDS  # fmt: skip
    shown = diagnose(make_tables({"assets": assets, "asset_usage": uses}), settings()).exhibit("content.concentration")
    assert [(row["k"], row["n"]) for row in shown.rows] == [(50, 2), (25, 4), (20, 4), (5, 10)]
    assert shown.title == "50\u00a0% of all uses fall on a tenth of the assets; 9 of 20 have none"
    # the same uses counted twice: what anybody did, Marketing too, and what sellers did in the windows of assets
    uses += [{"asset_id": "a00", "event": "view", "used_at": "2025-02-01 10:00", "team": "marketing"}] * 7
    result = diagnose(make_tables({"assets": assets, "asset_usage": uses}), settings())
    n = 107 + sum(use.get("event") != "edit" for use in ENDS)
    assert f": {n} views, downloads and shares by anybody" in result.exhibit("content.unused").source
    assert ": 100 views, downloads and shares by sellers" in result.exhibit("content.concentration").source


def test_without_a_log_of_uses_unused_is_not_judged(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS}), settings())
    assert "content.unused" not in keys(result)
    assert any("unused" in missing.what and missing.settle for missing in result.not_judged)


def test_a_log_that_starts_late_and_stops_early_is_said_and_bounds_every_window(make_tables: Make) -> None:
    """From 1 May to 1 September: "old" is seen for 123 days, "june" for 92; "july" for 62, too few to be judged."""
    assets = [{"asset_id": name, "created_on": day} for name, day in
              {"old": "2024-01-01", "undated": None, "june": "2025-06-01", "july": "2025-07-01"}.items()]  # fmt: skip
    used = [{"asset_id": "old", "used_at": "2025-05-01 10:00"}, {"asset_id": "june", "used_at": "2025-09-01 10:00"}]
    tables = make_tables({"assets": assets, "asset_usage": used})
    stock, result = read_stock(tables, settings()), diagnose(tables, settings())
    assert (stock.log_from, stock.log_until) == (date(2025, 5, 1), date(2025, 9, 1))
    assert dict(zip(stock.assets["asset_id"], stock.assets["days_seen"], strict=True)) == {
        "old": 123, "undated": 123, "june": 92, "july": 62}  # fmt: skip
    measure = result.finding("content.unused").measure
    assert (measure.k, measure.n) == (2, 3)  # "june" was used on day 92
    said, read = " ".join(result.caveats), result.exhibit("content.unused").read
    assert "begins on 1 May 2025" in said and "ends on 1 September 2025" in said
    assert (
        "or of 1 May 2025 if it is older" in read
        and "Left out: 1 asset younger than 90 days at 1 September 2025." in read
    )


@pytest.mark.parametrize(
    ("first", "last", "days"), [("2025-01-08", "2025-12-24", 364), ("2025-01-09", "2025-12-23", 348)]
)
def test_a_week_without_uses_at_either_end_is_no_gap(make_tables: Make, first: str, last: str, days: int) -> None:
    uses = [{"asset_id": "a", "event": "edit", "used_at": f"{day} 10:00"} for day in (first, last)]
    tables = make_tables({"assets": [{"asset_id": "a"}], "asset_usage": uses})
    assert read_stock(tables, settings()).assets["days_seen"].tolist() == [days]


def test_a_log_of_less_than_a_window_judges_nothing_and_says_why(make_tables: Make) -> None:
    tables = make_tables(
        {"assets": ASSETS, "asset_usage": [{"asset_id": "only_edited", "used_at": "2025-06-01 10:00"}]}
    )
    result = diagnose(tables, settings())
    assert "content.unused" not in keys(result) and "content.causes" not in {e.key for e in result.exhibits}
    assert "ends on 1 June 2025" in " ".join(result.caveats)


def test_a_log_without_a_day_up_to_the_as_of_date_is_no_log(make_tables: Make) -> None:
    """Else every asset would count as unused."""
    later = [{"asset_id": "used_day_0", "used_at": "2026-02-01 10:00"}, {"asset_id": "used_day_0"}]
    assert "content.unused" not in keys(diagnose(make_tables({"assets": ASSETS, "asset_usage": later}), settings()))


def test_uses_of_assets_outside_the_inventory_are_counted(make_tables: Make) -> None:
    result = diagnose(make_tables({"assets": ASSETS, "asset_usage": USES}), settings())
    said = "1 use in the log: of assets that are not in the inventory; 83.3\u00a0% of the uses are of assets it holds."
    assert said in result.caveats


@pytest.mark.parametrize(("known", "is_judged"), [(5, True), (4, False)])
def test_a_log_whose_ids_do_not_join_judges_no_use(make_tables: Make, known: int, is_judged: bool) -> None:
    """Five uses are of assets written otherwise ("A0"); an asset since retired is one the inventory holds."""
    assets = [{"asset_id": f"a{i}", "created_on": "2025-02-01"} for i in range(8)]
    uses = [
        {"asset_id": f"{'a' if i < known else 'A'}{i % 8}", "used_at": "2025-03-01 10:00"} for i in range(known + 5)
    ]
    retired = [{"asset_id": "a0", "decision": "retire"}]
    result = diagnose(
        make_tables({"assets": assets, "asset_usage": uses + ENDS, "asset_decisions": retired}), settings()
    )
    assert ("content.unused" in keys(result)) is is_judged
    assert ("content.causes" in {exhibit.key for exhibit in result.exhibits}) is is_judged
    why = [gap for gap in result.not_judged if "most uses in the log are of assets that" in gap.why]
    assert [gap.what for gap in why] == ([] if is_judged else ["How much content goes unused"])
    assert all("same ids" in gap.settle for gap in why)


def test_assets_that_a_decision_retired_are_said_to_be_left_out(make_tables: Make) -> None:
    retired = [
        {"asset_id": name, "decision": "retire", "decided_on": "2025-12-31"} for name in ("age_89", "only_edited")
    ]
    later = {"asset_id": "used_day_0", "decision": "retire", "decided_on": "2026-01-01"}
    rows = {"assets": ASSETS, "asset_usage": USES, "asset_decisions": [*retired, later]}
    result = diagnose(make_tables(rows), settings())
    assert (result.finding("content.unused").measure.k, result.finding("content.unused").measure.n) == (3, 6)
    assert "2 assets left out as retired by a decision." in result.caveats


def test_of_two_decisions_on_one_asset_the_latest_counts(make_tables: Make) -> None:
    assets = [{"asset_id": name, "created_on": "2025-01-05"} for name in ("by_day", "by_row", "undated")]
    decisions = [
        {"asset_id": "by_day", "decision": "fix", "decided_on": "2025-06-02", "conversations": ["C2"]},
        {"asset_id": "by_day", "decision": "retire", "decided_on": "2025-06-01"},
        {"asset_id": "by_row", "decision": "fix", "decided_on": "2025-06-01", "conversations": ["C3"]},
        {"asset_id": "by_row", "decision": "retire", "decided_on": "2025-06-01"},
        {"asset_id": "undated", "decision": "keep", "decided_on": "2025-06-01"},
        {"asset_id": "undated", "decision": "retire"},
    ]
    tables = make_tables({"assets": assets, "asset_usage": ENDS, "asset_decisions": decisions})
    assert read_stock(tables, settings()).assets["asset_id"].tolist() == ["by_day", "undated"]
    assert diagnose(tables, settings()).finding("content.unused").measure.n == 2


def test_the_basis_counts_no_opportunity_opened_after_the_as_of_date(make_tables: Make) -> None:
    told = [("open", "2025-12-31 23:59"), ("open", "2026-01-01 00:00"), ("open", None), ("won", "2025-05-01")]
    deals = [{"opportunity_id": day, "outcome": outcome, "opened_at": day} for outcome, day in told]
    deals[2]["opportunity_id"] = "undated"
    tables = make_tables({"assets": ASSETS, "opportunities": deals})
    assert "2 open opportunities" in diagnose(tables, settings()).basis


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
    assert found == {"assets": 3, "topics": 2, "untagged": 1, "no_conversation": 3, "undated": 2, "over_tagged": 0,
                     "repeated": 0}  # fmt: skip
    rows = {row["label"]: row["value"] for row in diagnose(tables, settings()).exhibit("content.inventory").rows}
    assert rows == {"mobile": 2, "design": 1, "no topic": 1, "no date": 2}


def test_tags_that_say_nothing_and_titles_that_stand_twice_are_counted(make_tables: Make) -> None:
    assets = [
        {"asset_id": "a", "title": "Guide", "conversations": ["C1", "C2", "C3"], "created_on": "2024-05-01"},
        {"asset_id": "b", "title": "Guide", "conversations": ["C1", "C2"], "created_on": "2025-05-01"},
        {"asset_id": "c", "title": "guide", "conversations": ["C1", "C1", "C1"]},  # one label, another title
        {"asset_id": "d", "title": None},
        {"asset_id": "e", "title": None},
    ]
    result = diagnose(make_tables({"assets": assets}), settings())
    assert [row["value"] for row in result.exhibit("content.tidy").rows] == [1, 1]


DEALS = [
    {"opportunity_id": "1", "outcome": "open", "segment": "Steel", "conversation": "C1", "amount": 30_000_00},
    {"opportunity_id": "2", "outcome": "open", "segment": "Wood", "conversation": "C5", "amount": 50_000_00},
    {"opportunity_id": "3", "outcome": "open", "segment": "Wood", "conversation": "C3", "amount": 10_000_00},
    {"opportunity_id": "4", "outcome": "open", "segment": "Steel", "conversation": "C4", "amount": 10_000_00},
    {"opportunity_id": "5", "outcome": "won", "segment": "Wood", "conversation": "C5", "amount": 900_000_00},
    {"opportunity_id": "6", "outcome": "open", "segment": "Wood", "amount": 7_000_00},
]


PLAN = [
    {"segment": "Steel", "planned_revenue": 50, "effort": 30},
    {"segment": "Wood", "planned_revenue": 30, "effort": 0},
    {"segment": "Glass", "planned_revenue": 20, "effort": 70},
]


def test_nothing_delivered_is_not_judged_and_never_good(make_tables: Make) -> None:
    result = diagnose(make_tables({}), settings())
    assert not result.findings and len(result.not_judged) >= 2 and "do not say" in result.headline


SOUND = [
    {"asset_id": f"{segment}{talk}{i}", "created_on": "2025-06-01", "conversations": [talk], "segments": [segment]}
    for segment in ("Steel", "Wood")
    for talk in ("C1", "C2", "C3", "C4", "C5")
    for i in range(6)
]


def sound_tables(make_tables: Make) -> Tables:
    uses = ENDS + [{"asset_id": asset["asset_id"], "used_at": "2025-06-20 10:00"} for asset in SOUND[:-6]]
    plan = [{"segment": "Steel", "planned_revenue": 50, "effort": 52}]
    plan.append({"segment": "Wood", "planned_revenue": 50, "effort": 48})
    return make_tables({"assets": SOUND, "asset_usage": uses, "plan": plan, "opportunities": DEALS[:5]})


def test_a_sound_library_raises_nothing_to_act_on(make_tables: Make) -> None:
    result = diagnose(sound_tables(make_tables), settings())
    assert {finding.key: finding.level for finding in result.findings} == {
        "content.unused": "good", "content.empty_pipeline": "good", "content.stale": "good",
        "content.untagged": "good", "content.focus": "good",
    }  # fmt: skip
    assert result.headline == "The content keeps what was agreed in all that could be judged"


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
    assert titles["act"] == "6 of 60 assets were not used within 90 days"
    assert titles["good"].startswith("6 of 60 assets") and titles["good"].endswith("within the agreed 50\u00a0%")
    assert (
        titles["unclear"]
        == "5 to 20\u00a0% of assets were not used within 90 days, on both sides of the agreed 10\u00a0%"
    )


def test_exhibits_declare_every_column_they_hold(make_tables: Make) -> None:
    result = diagnose(sound_tables(make_tables), settings())
    assert {e.key for e in result.exhibits} >= {"content.unused", "content.coverage", "content.age", "content.focus"}
    for exhibit in result.exhibits:
        names = {column.name for column in exhibit.columns}
        assert exhibit.columns[0].name in ("label", "title") and all(set(row) == names for row in exhibit.rows), (
            exhibit.key
        )


def test_shuffled_rows_give_the_same_result(make_tables: Make) -> None:
    rows = {"assets": ASSETS + SOUND, "asset_usage": USES, "opportunities": DEALS, "plan": PLAN}
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
    assert inventory(tables, agreed.as_of)["repeated"] == 40
    assert any("67 rows" in note and "repeated a label" in note for note in result.caveats)
    made = "select year(created_on) as year, count(*) as n from assets where type = 'news' group by year"
    news = {row["year"]: row["n"] for row in tables.rows(made)}
    assert [news[year] for year in range(2012, 2026)] == [
        62, 224, 417, 457, 329, 101, 25, 44, 75, 60, 94, 93, 95, 1
    ]  # fmt: skip
