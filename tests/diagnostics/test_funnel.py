"""The funnel by hand: leads a reader can count on their fingers, then planted and null worlds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alignlib.diagnostics import funnel
from alignlib.diagnostics.funnel import cohorts, deals, leaks, touch
from alignlib.diagnostics.funnel.rates import going_on, owners_known
from alignlib.diagnostics.funnel.spells import NEVER, read_spells
from alignlib.diagnostics.funnel.steps import Step, entered, passed, ways
from alignlib.engagement import Settings, parse_settings


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC, promises: {first_touch_hours: 24}}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def events(*rows: str) -> list[dict[str, Any]]:
    """'L1 mql 01-05 12:00' -> one stage event in 2025."""
    found = []
    for row in rows:
        lead, stage, day, *clock = row.split()
        found.append({"lead_id": lead, "stage": stage, "entered_at": f"2025-{day} {clock[0] if clock else '00:00'}"})
    return found


def whole_way(spells: pd.DataFrame) -> Step:
    return ways(spells, settings(), "any")["mql_to_won"]


def test_a_lead_that_comes_back_after_recycling_counts_as_a_second_spell(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-05", "A recycled 01-20", "A mql 03-01", "A won 04-01",
                                                 "B mql 01-06")})  # fmt: skip
    spells = read_spells(tables)
    assert list(spells["lead_id"]) == ["A", "A", "B"]
    assert spells["exit"].fillna("").tolist() == ["recycled", "", ""]
    assert spells["won_at"].notna().tolist() == [False, True, False]


def test_a_customer_handed_over_again_begins_a_second_spell_and_keeps_the_win(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-05", "A won 02-01", "A mql 09-01", "A lost 10-01",
                                                 "B won 02-01", "B mql 02-03")})  # fmt: skip
    spells = read_spells(tables)
    assert list(spells["lead_id"]) == ["A", "A", "B"]  # B: a win dated before the handover is a fault of its date
    assert spells["won_at"].notna().tolist() == [True, False, True]
    assert spells["exit"].fillna("").tolist() == ["", "lost", ""]


def test_tied_times_are_ordered_by_stage_whatever_the_order_of_rows(make_tables: Any) -> None:
    rows = events("A sal 01-05", "A mql 01-05", "A recycled 01-05", "A inquiry 01-05")
    one, other = (read_spells(make_tables({"stage_events": r})) for r in (rows, rows[::-1]))
    drop = ["won_record", "won_file"]
    pd.testing.assert_frame_equal(one.drop(columns=drop), other.drop(columns=drop))
    assert len(one) == 1 and one["exit"].tolist() == ["recycled"]


def test_a_lead_won_and_later_lost_is_lost(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-05", "A won 02-01", "A lost 03-01", "B mql 01-05",
                                                 "B won 03-01")})  # fmt: skip
    result = funnel.diagnose(tables, settings())
    assert {row["label"]: row["n"] for row in result.exhibit("funnel.leaks").rows} == {"Won": 1, "Lost": 1}
    assert any("won and later lost" in caveat for caveat in result.caveats)


@pytest.mark.parametrize(
    ("path", "counts"), [("any", [3, 2, 2, 2]), ("strict", [3, 2, 1, 1]), ("backfilled", [3, 3, 2, 2])]
)
def test_each_path_rule_counts_stages_as_it_says(make_tables: Any, path: str, counts: list[int]) -> None:
    # A passes everything; B skips acceptance; C is accepted only.
    tables = make_tables({"stage_events": events(
        "A mql 01-01", "A sal 01-02", "A sql 01-03", "A won 01-04", "B mql 01-01", "B sql 01-03", "B won 01-05",
        "C mql 01-01", "C sal 01-09")})  # fmt: skip
    spells = read_spells(tables)
    at = passed(entered(spells), path)
    assert [int((times < NEVER).sum()) for times in at.values()] == counts


def test_under_any_a_skipped_stage_counts_as_going_on_and_an_exit_competes(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events(
        "A mql 01-01", "A sal 01-02", "B mql 01-01", "B won 01-05", "C mql 01-01", "C disqualified 01-03",
        "D mql 12-31")})  # fmt: skip
    first = ways(read_spells(tables), settings(), "any")["mql_to_sal"]
    assert (first.stage, first.next) == ("mql", "sal")
    assert first.outcome.tolist() == [1, 1, 2, 0]
    assert first.days.tolist() == [1.0, 4.0, 2.0, 1.0]
    told = {each.key: each for each in funnel.diagnose(tables, settings()).findings}["funnel.mql_to_sal"]
    assert "2 of 4 seen to go on within 4 days (1 of them straight to a later stage)" in told.detail


def test_open_leads_are_censored_not_counted_as_lost(make_tables: Any) -> None:
    # Four leads a year old, two of them won after 10 days; four leads of yesterday: a plain division says 2 of 8.
    old = [row for i in range(4) for row in (f"O{i} mql 01-01", *([f"O{i} won 01-11"] if i < 2 else []))]
    tables = make_tables({"stage_events": events(*old, *(f"Y{i} mql 12-31" for i in range(4)))})
    whole = whole_way(read_spells(tables))
    measure = going_on(whole, 90)
    assert measure.value == pytest.approx(0.5) and (whole.outcome == 1).mean() == 0.25
    assert measure.k == 2 and measure.n == 8


def test_no_rate_is_given_beyond_the_longest_follow_up(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 12-01", "A won 12-05", "B mql 12-02")})
    whole = whole_way(read_spells(tables))
    assert going_on(whole, 365) == going_on(whole, 30).model_copy(update={"k": 1})


def test_first_touch_counts_leads_whose_promised_time_is_over(make_tables: Any) -> None:
    touches = [{"lead_id": lead, "touched_at": f"2025-{at}"} for lead, at in
               (("A", "01-01 10:00"), ("B", "01-03 10:00"), ("C", "12-31 13:00"))]  # fmt: skip
    tables = make_tables({
        "stage_events": events("A mql 01-01 09:00", "B mql 01-01 09:00", "C mql 12-31 12:00", "D mql 01-01 09:00"),
        "sales_touches": touches})  # fmt: skip
    handed = touch.handed_over(tables, read_spells(tables), settings())
    found = touch.first_touch(handed, settings(thresholds={"first_touch_in_time": 0.7}))
    assert (found.measure.k, found.measure.n) == (1, 3)  # C was touched in time, but its day is not over
    assert found.level == "unclear" and found.settle


def test_a_touch_before_the_handover_is_no_first_touch(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-10"),
                          "sales_touches": [{"lead_id": "A", "touched_at": "2025-01-09 10:00"}]})  # fmt: skip
    assert touch.handed_over(tables, read_spells(tables), settings())["first_touch_at"].isna().all()


def test_every_lead_falls_into_exactly_one_bucket(make_tables: Any) -> None:
    rows = events("won mql 01-01", "won won 01-09", "lost mql 01-01", "lost lost 01-05", "back mql 01-01",
                  "back recycled 01-05", "out mql 01-01", "out disqualified 01-05", "untouched mql 01-01",
                  "ownerless mql 01-01", "stalled mql 01-01", "fresh mql 12-30", "new mql 12-31 20:00")  # fmt: skip
    names = [row["lead_id"] for row in rows if row["stage"] == "mql"]
    leads = [{"lead_id": n, "created_at": "2025-01-01", "owner_id": None if n == "ownerless" else "S"} for n in names]
    touched = [("ownerless", "12-20"), ("stalled", "01-02"), ("fresh", "12-30")]
    touches = [{"lead_id": lead, "touched_at": f"2025-{day} 12:00"} for lead, day in touched]
    tables = make_tables({"stage_events": rows, "leads": leads, "sales_touches": touches})
    handed = touch.handed_over(tables, read_spells(tables), settings())
    bucket = dict(zip(handed["lead_id"], leaks.buckets(handed, tables, settings()), strict=True))
    assert bucket == {
        "won": "won", "lost": "lost", "back": "recycled", "out": "disqualified", "untouched": "untouched",
        "ownerless": "no_owner", "stalled": "no_next_step", "fresh": "open", "new": "open",
    }  # fmt: skip
    shown = funnel.diagnose(tables, settings()).exhibit("funnel.leaks").rows
    assert sum(row["n"] for row in shown) == len(names) and sum(row["share"] for row in shown) == pytest.approx(1)


def test_owners_known_only_from_wins_do_not_make_other_leads_ownerless(make_tables: Any) -> None:
    rows = events("A mql 01-01", "A won 02-01", "B mql 01-01")
    rows[1]["owner_id"] = "S1"
    tables = make_tables({"stage_events": rows})
    handed = touch.handed_over(tables, read_spells(tables), settings())
    assert not owners_known(tables, handed)
    assert leaks.buckets(handed, tables, settings()).tolist() == ["won", "open"]
    result = funnel.diagnose(tables, settings())
    assert "funnel.leaked" not in {finding.key for finding in result.findings}


def test_a_promise_in_hours_is_not_judged_by_clocks_that_know_only_days(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-01", "B mql 01-02"),
                          "sales_touches": [{"lead_id": "A", "touched_at": "2025-01-02"}]})  # fmt: skip
    tables = replace(tables, day_only=frozenset({"sales_touches.touched_at"}))
    result = funnel.diagnose(tables, settings())
    assert "funnel.first_touch" not in {finding.key for finding in result.findings}
    assert any("by the day only" in gap.why for gap in result.not_judged)


def test_what_was_not_delivered_is_named_and_never_good(make_tables: Any) -> None:
    result = funnel.diagnose(make_tables({}), settings())
    assert result.findings == [] and len(result.not_judged) >= 3
    assert all(gap.settle for gap in result.not_judged)


def test_a_win_dated_before_the_handover_is_counted_but_gives_no_duration(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 02-03", "A won 02-01", "B mql 02-01", "B won 02-11")})
    result = funnel.diagnose(tables, settings())
    assert result.exhibit("funnel.waterfall").rows[-1]["n"] == 2
    assert result.exhibit("funnel.stages").rows[0]["closed_only"] == 10
    assert any("dated before the handover (stage_events.csv record 2)" in caveat for caveat in result.caveats)


def test_shuffled_rows_give_the_same_figures(make_tables: Any) -> None:
    rng = np.random.default_rng(3)
    rows = [
        row for i in range(60) for row in events(f"L{i} mql 0{1 + i % 9}-01", f"L{i} won 0{1 + i % 9}-{10 + i % 9}")
    ]
    rows = [{**row, "record": i} for i, row in enumerate(rows)]
    one = funnel.diagnose(make_tables({"stage_events": rows}), settings())
    other = funnel.diagnose(make_tables({"stage_events": [rows[i] for i in rng.permutation(len(rows))]}), settings())
    assert one == other


def world(rng: np.random.Generator, n: int, share: float, tracked_from: int = 0) -> list[dict[str, Any]]:
    """Leads over a year, ``share`` of them won after about three weeks; wins before ``tracked_from`` go unrecorded."""
    rows = []
    for i, day in enumerate(np.sort(rng.integers(0, 330, n))):
        rows.append({"lead_id": f"L{i}", "stage": "mql", "entered_at": f"{np.datetime64('2025-01-01') + day}"})
        lag = int(rng.exponential(21)) + 1
        if rng.random() < share and tracked_from <= day + lag < 365:
            rows.append(
                {"lead_id": f"L{i}", "stage": "won", "entered_at": f"{np.datetime64('2025-01-01') + day + lag}"}
            )
    return rows


def test_wins_recorded_only_from_the_middle_of_the_year_are_noticed_and_never_otherwise(make_tables: Any) -> None:
    noticed = {}
    for start in (0, 150):
        for seed in range(10):
            tables = make_tables({"stage_events": world(np.random.default_rng(seed), 600, 0.2, start)})
            spells = read_spells(tables)
            whole = whole_way(spells)
            noticed[start, seed] = cohorts.tracked_since(whole, spells["mql_at"], settings())
    assert all(noticed[0, seed] is None for seed in range(10))
    assert all(noticed[150, seed] is not None for seed in range(10))


def test_win_rate_and_durations_keep_open_opportunities(make_tables: Any) -> None:
    rows = [
        {"opportunity_id": "1", "outcome": "won", "opened_at": "2025-01-01", "closed_at": "2025-01-11", "amount": 100},
        {"opportunity_id": "2", "outcome": "lost", "opened_at": "2025-01-01", "closed_at": "2025-01-06", "amount": 0},
        {"opportunity_id": "3", "outcome": "open", "opened_at": "2025-01-01", "amount": 700},
        {"opportunity_id": "4", "outcome": "open"},
    ]
    found = deals.read_deals(make_tables({"opportunities": rows}))
    days, ended, odd = deals.durations(found, settings())
    assert days.tolist() == [10, 5, 364] and ended.tolist() == [1, 2, 0] and odd == ["1 without a start"]
    rate = deals.win_rate(found, settings())
    assert (rate.measure.k, rate.measure.n, rate.level) == (1, 2, "unclear")
