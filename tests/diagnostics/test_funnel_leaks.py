"""Leaks, their price and lead quality: leads a reader can count, then worlds whose truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignlib.diagnostics.funnel import leaks, quality, worth
from alignlib.diagnostics.funnel.deals import read_deals
from alignlib.diagnostics.funnel.rates import going_on, owner_codes
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.diagnostics.funnel.steps import ways
from alignlib.diagnostics.funnel.touch import handed_over
from alignlib.engagement import Settings, parse_settings
from alignlib.incidence import incidence
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part
from alignlib.stats import clustered_share, judge
from alignlib.words import interval, money

WORLDS = 1000


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2026-12-31, currency: EUR, "
        "timezone: UTC, promises: {first_touch_hours: 24}}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def lead(name: str, path: str, touched: str = "", owner: str | None = "S", **known: Any) -> dict[str, Any]:
    """lead("A", "mql 01-05, won 03-01", "01-05 10:00"): stages and touches of one lead in 2025."""
    return {"lead_id": name, "path": path, "touched": touched, "owner": owner, **known}


def tables_of(make_tables: Any, rows: list[dict[str, Any]], amounts: dict[str, int] | None = None) -> Tables:
    events, touches, records = [], [], []
    for row in rows:
        for step in row["path"].split(", "):
            stage, *at = step.split()
            events.append({"lead_id": row["lead_id"], "stage": stage, "entered_at": f"2025-{' '.join(at)}"})
        touches += [{"lead_id": row["lead_id"], "touched_at": f"2025-{at}"} for at in row["touched"].split(", ") if at]
        known = {name: row[name] for name in ("source", "grade", "score") if name in row}
        records.append({"lead_id": row["lead_id"], "created_at": "2025-01-01", "owner_id": row["owner"], **known})
    deals = [
        {"opportunity_id": f"O-{name}", "lead_id": name, "outcome": "won", "amount": amount, "closed_at": "2025-06-01"}
        for name, amount in (amounts or {}).items()
    ]
    return make_tables({"stage_events": events, "leads": records, "sales_touches": touches or [
        {"lead_id": "nobody", "touched_at": "2025-01-01"}], "opportunities": deals})  # fmt: skip


def found_in(tables: Tables, agreed: Settings) -> Part:
    handed = handed_over(tables, read_spells(tables), agreed)
    return leaks.part(tables, agreed, handed, read_deals(tables))


def exhibit(part: Part, key: str) -> Exhibit:
    return next(each for each in part.exhibits if each.key == key)


def within_binomial_limits(hits: int, worlds: int, rate: float) -> bool:
    return bool(binom.ppf(0.0005, worlds, rate) <= hits <= binom.ppf(0.9995, worlds, rate))


# Buckets


@pytest.mark.parametrize(
    ("bucket", "one"),
    [
        ("won", lead("A", "mql 01-01, won 02-01", owner=None)),
        ("lost", lead("A", "mql 01-01, lost 02-01")),
        ("recycled", lead("A", "mql 01-01, recycled 02-01", owner=None)),
        ("disqualified", lead("A", "mql 01-01, disqualified 02-01")),
        ("untouched", lead("A", "mql 01-09")),
        ("no_next_step", lead("A", "mql 01-01, sal 01-09")),  # accepted: somebody acted, the touch is not recorded
        ("no_next_step", lead("A", "mql 01-01, opportunity 01-09")),
        ("no_owner", lead("A", "mql 01-01, sql 12-20", owner=None)),
        ("open", lead("A", "mql 01-01, sal 12-20")),
        ("untouched", lead("A", "mql 01-01", owner=None)),  # nobody holds it and nobody touched it: counted once
        ("untouched", lead("A", "mql 02-01", "01-15 10:00")),  # a touch before the handover is none after it
        ("no_owner", lead("A", "mql 01-01", "01-01 10:00", owner=None)),
        ("no_next_step", lead("A", "mql 01-01", "01-01 10:00")),
        ("no_next_step", lead("A", "mql 01-01", "01-09 10:00, 12-01 10:00")),  # 31 days before the as-of day ended
        ("open", lead("A", "mql 01-01", "01-09 10:00, 12-15 10:00")),
        ("open", lead("A", "mql 01-01", "01-09 10:00, 12-02 00:00")),  # thirty days, not more
        ("open", lead("A", "mql 01-01, sal 12-20", "01-01 10:00")),
        ("open", lead("A", "mql 12-31 20:00")),  # the promised day is not over
    ],
)
def test_each_lead_falls_into_the_bucket_its_rule_names(make_tables: Any, bucket: str, one: dict[str, Any]) -> None:
    other = lead("B", "mql 01-01, lost 01-02", "01-01 09:00")  # somebody is held, so owners are known
    tables, agreed = tables_of(make_tables, [one, other]), settings(as_of="2025-12-31")
    handed = handed_over(tables, read_spells(tables), agreed)
    assert leaks.buckets(handed, tables, agreed).tolist() == [bucket, "lost"]


def test_a_day_without_touch_counts_on_the_clock_that_was_agreed(make_tables: Any) -> None:
    tables = tables_of(make_tables, [lead("A", "mql 12-31 12:00"), lead("B", "mql 12-30 12:00")])
    agreed = settings(as_of="2025-12-31")
    handed = handed_over(tables, read_spells(tables), agreed)
    assert leaks.buckets(handed, tables, agreed).tolist() == ["open", "untouched"]
    later = handed.assign(due_at=pd.Timestamp("2026-01-02"), in_time=pd.array([pd.NA, pd.NA], dtype="boolean"))
    assert leaks.buckets(later, tables, agreed).tolist() == ["open", "open"]


def test_before_touches_were_recorded_no_lead_is_called_untouched(make_tables: Any) -> None:
    tables = tables_of(make_tables, [lead("A", "mql 01-01"), lead("B", "mql 12-20"), lead("C", "mql 12-20")])
    agreed = settings(as_of="2025-12-31")
    handed = handed_over(tables, read_spells(tables), agreed)
    assert leaks.buckets(handed, tables, agreed).tolist() == ["untouched"] * 3
    handed["n_touches"] = [np.nan, np.nan, 0.0]
    assert leaks.buckets(handed, tables, agreed).tolist() == ["no_next_step", "open", "untouched"]


def test_leads_that_could_not_leak_yet_are_no_proof_that_few_are_left_behind(make_tables: Any) -> None:
    young = [lead(f"Y{i:02}", "mql 12-31 20:00") for i in range(100)]
    agreed = settings(as_of="2025-12-31", thresholds={"leaked_leads": 0.1})
    part = found_in(tables_of(make_tables, young), agreed)
    assert not part.findings and [each.what for each in part.not_judged] == ["Whether leads are left behind"]
    assert exhibit(part, "funnel.leaks").rows[0]["n"] == 100  # all are shown
    told = [
        lead("A", "mql 01-01"),
        lead("B", "mql 12-31 20:00, lost 12-31 21:00"),
        lead("C", "mql 12-20", "12-20 09:00"),
    ]
    found = found_in(tables_of(make_tables, young + told), agreed).findings[0]
    assert (found.measure.k, found.measure.n) == (1, 3) and found.level == "unclear"
    assert "1 of 3 leads handed over, each decided on or past its promised time." in found.detail


def test_without_a_promise_leads_could_leak_once_they_are_old_enough_to_have_stalled(make_tables: Any) -> None:
    rows = [lead(name, f"mql {at}") for name, at in (("A", "12-01"), ("B", "12-02"), ("C", "12-03"), ("D", "12-31"))]
    found = found_in(tables_of(make_tables, rows), settings(as_of="2025-12-31", promises={})).findings[0]
    assert (found.measure.k, found.measure.n) == (1, 2)  # thirty days, and more than thirty days, before the day ended


def random_leads(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
    """Leads of every kind, some with two spells, some without an owner, touched now and then."""
    found = []
    for i in range(n):
        day = int(rng.integers(0, 330))
        at = [str(np.datetime64("2025-01-01") + min(day + step, 364))[5:] for step in (0, 3, 9, 20, 34)]
        ways = ("", f", sal {at[1]}", f", sal {at[1]}, sql {at[2]}, won {at[3]}", f", disqualified {at[1]}",
                f", lost {at[3]}", f", recycled {at[1]}, mql {at[2]}, sal {at[3]}")  # fmt: skip
        touches = ", ".join(f"{at[j]} 10:00" for j in range(5) if rng.random() < 0.3)
        owner = None if rng.random() < 0.2 else f"S{rng.integers(9)}"
        found.append(lead(f"L{i:03}", f"mql {at[0]}{ways[rng.integers(6)]}", touches, owner))
    return found


def test_where_leads_end_sums_to_all_of_them_in_random_worlds(make_tables: Any) -> None:
    agreed = settings(as_of="2025-12-31")
    for seed in range(8):
        tables = tables_of(make_tables, random_leads(np.random.default_rng(seed), 100))
        spells = read_spells(tables)
        handed = handed_over(tables, spells, agreed)
        bucket = leaks.buckets(handed, tables, agreed)
        part = leaks.part(tables, agreed, handed, read_deals(tables))
        rows = exhibit(part, "funnel.leaks").rows
        assert sum(row["n"] for row in rows) == len(handed)
        assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-12)
        assert set(bucket) <= set(leaks.BUCKETS) and bucket.notna().all()
        assert part.findings[0].measure.k == bucket.isin(leaks.LEAKS).sum()
        assert leaks.leaked_spells(spells, bucket).sum() == bucket.isin(leaks.LEAKS).sum()


def test_leaks_are_not_judged_where_nobody_says_who_holds_a_lead_or_touched_it(make_tables: Any) -> None:
    tables = tables_of(make_tables, [lead("A", "mql 01-01", "01-01 10:00", owner=None)])
    part = found_in(tables, settings())
    assert not part.findings and [gap.what for gap in part.not_judged] == ["Leads without an owner"]
    part = found_in(make_tables({"stage_events": [{"lead_id": "A", "stage": "mql", "entered_at": "2025-01-01"}]}),
                    settings())  # fmt: skip
    assert not part.findings and not part.exhibits and len(part.not_judged) == 2


# The price, by hand


def fifty(source: str = "", won: int = 10) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """40 leads touched in time, 10 of them won for 1,000 each and 30 lost, and 10 never touched."""
    known = {"source": source} if source else {}
    rows = [
        lead(f"{source}T{i:02}", "mql 01-01, " + ("won 02-01" if i < won else "lost 03-01"), "01-01 10:00", **known)
        for i in range(40)
    ]
    rows += [lead(f"{source}U{i:02}", "mql 01-01", **known) for i in range(10)]
    return rows, {f"{source}T{i:02}": 100_000 for i in range(won)}


def test_ten_leads_left_untouched_are_worth_what_a_quarter_of_them_would_have_brought(make_tables: Any) -> None:
    part = found_in(tables_of(make_tables, *fifty()), settings())
    shown = exhibit(part, "funnel.leak_value")
    by_label = {row["label"]: row for row in shown.rows}
    assert by_label["Untouched past promise"]["value"] == by_label["All leaks"]["value"] == 250_000
    assert by_label["All leaks"]["n"] == 10 and by_label["All leaks"]["low"] < 250_000 < by_label["All leaks"]["high"]
    assert by_label["All leaks"]["low_95"] < by_label["All leaks"]["low"]
    assert "expected value under stated assumptions" in shown.title and "80\u00a0% interval" in shown.lead
    assert "as if leads were independent" in shown.read
    assert by_label["All leaks"]["wins"] == by_label["Untouched past promise"]["wins"] == 2.5
    assert "about 2 more deals; 10 of 40 seen won within 365 days)." in shown.lead  # nobody was touched late
    low, high = by_label["All leaks"]["low"], by_label["All leaks"]["high"]
    assert shown.title == (
        f"10 leads leaked in 12 months: {interval(low, high, 'money', 'EUR')} expected value under stated assumptions "
        "(80\u00a0% interval)"
    )
    assert "Capacity: none was agreed." in shown.lead
    heads = {column.label for column in shown.columns}
    assert {f"{level}\u00a0% {end}" for level in (80, 95) for end in ("from", "to")} < heads
    units = {column.name: column.unit for column in shown.columns}
    assert {units[name] for name in ("value", "low", "high", "low_95", "high_95")} == {"money"}


def test_the_headline_reaches_from_leads_touched_late_to_those_touched_in_time(make_tables: Any) -> None:
    rows, sold = fifty()
    late = [
        lead(f"V{i:02}", "mql 01-01, " + ("won 04-01" if i < 2 else "lost 04-01"), "02-01 10:00") for i in range(40)
    ]
    shown = exhibit(
        found_in(tables_of(make_tables, rows + late, sold), settings(goal={"capacity": 2})), "funnel.leak_value"
    )
    by_label = {row["label"]: row for row in shown.rows}
    whole, ends = by_label["All leaks"], by_label["All leaks, bounds"]
    assert ends["high"] == whole["value"] == 250_000 and ends["low"] == 10 * 100_000 * 2 / 40 and ends["wins"] is None
    said = "€500 to €2,500 expected value under stated assumptions (bounds, not an interval)"
    assert shown.title == f"10 leads leaked in 12 months: {said}"
    assert shown.lead.startswith(
        "€2,500 if they were won like leads touched in time (about 2 more deals; 10 of 40 seen won within 365 days), "
        "€500 if like those touched late (2 of 40 seen won). 80\u00a0% interval of the first: €"
    )
    assert shown.lead.endswith("Capacity: Sales could work 24 more leads in the period, not binding.")


def test_no_more_leaks_are_counted_than_sales_could_have_worked(make_tables: Any) -> None:
    tables = tables_of(make_tables, *fifty())
    agreed = settings(period={"start": "2025-01-01", "end": "2025-01-31"}, goal={"capacity": 4})
    shown = exhibit(found_in(tables, agreed), "funnel.leak_value")
    assert {row["label"]: row["value"] for row in shown.rows}["All leaks"] == 100_000  # 4 of 10
    assert "Sales could work 4 more leads in the period" in shown.lead
    part = found_in(tables, settings(goal={"capacity": 0}))
    assert [each.key for each in part.exhibits] == ["funnel.leaks"] and "no room" in part.not_judged[0].why


def test_leaks_compare_with_their_own_source_where_enough_leads_are_there(make_tables: Any) -> None:
    good, sold = fifty("Good", 20)
    poor, some = fifty("Poor", 4)
    rare = [lead("R1", "mql 01-01", source="Rare")]
    part = found_in(tables_of(make_tables, good + poor[:-6] + rare, sold | some), settings())
    whole = {row["label"]: row for row in exhibit(part, "funnel.leak_value").rows}["All leaks"]
    assert whole["value"] == pytest.approx(100_000 * (10 * 20 / 40 + 4 * 4 / 40 + 1 * 24 / 80))


def headline(part: Part) -> str:
    return exhibit(part, "funnel.leak_value").title


def labels(part: Part) -> set[str]:
    return {row["label"] for row in exhibit(part, "funnel.leak_value").rows}


def test_leads_handed_over_before_wins_were_recorded_compare_with_nothing(make_tables: Any) -> None:
    rows = [lead(f"E{i:03}", "mql 01-01, lost 03-01", "01-01 10:00") for i in range(100)]
    for name, at, won in (("S", "07-01", "07-11"), ("T", "07-15", "07-25")):
        rows += [lead(f"{name}{i}", f"mql {at}, {f'won {won}' if i < 10 else 'lost 08-30'}", f"{at} 10:00")
                 for i in range(20)]  # fmt: skip
    rows += [lead(f"U{i}", "mql 07-01") for i in range(10)]
    tables = tables_of(make_tables, rows, {f"{name}{i}": 100_000 for name in "ST" for i in range(10)})
    for agreed in (settings(), settings(funnel={"tracking_since": {"won": "2025-07-01"}})):
        shown = exhibit(found_in(tables, agreed), "funnel.leak_value")
        assert shown.rows[0]["value"] == 10 * 20 / 40 * 100_000 and "20 of 40 seen won" in shown.lead
    agreed = settings(funnel={"tracking_since": {"won": "2025-01-01"}})  # agreed: all of them count
    shown = exhibit(found_in(tables, agreed), "funnel.leak_value")
    assert shown.rows[0]["value"] == pytest.approx(10 * 20 / 140 * 100_000, abs=1)


def web(source: str, won: int, left: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """120 leads of one source touched in time, some won, and some never touched."""
    names = [f"{source}{i:03}" for i in range(120)]
    rows = [lead(name, f"mql 01-01, {'won 02-01' if i < won else 'lost 03-01'}", "01-01 10:00", source=source)
            for i, name in enumerate(names)]  # fmt: skip
    rows += [lead(f"{source}U{i}", "mql 01-01", source=source) for i in range(left)]
    return rows, dict.fromkeys(names[:won], 100_000)


def test_a_source_is_no_lower_bound_for_leads_that_are_compared_with_that_very_source(make_tables: Any) -> None:
    (good, sold), (poor, some) = web("Good", 60, 0), web("Poor", 12, 10)
    for rows, amounts in (web("Web", 60, 10), (good + poor, sold | some)):
        part = found_in(tables_of(make_tables, rows, amounts), settings())
        assert "All leaks, bounds" not in labels(part) and "(80\u00a0% interval)" in headline(part)
        assert "bounds" not in headline(part) and "if like those" not in exhibit(part, "funnel.leak_value").lead
    part = found_in(tables_of(make_tables, web("Good", 60, 10)[0] + poor, sold | some), settings())
    ends = {row["label"]: row for row in exhibit(part, "funnel.leak_value").rows}["All leaks, bounds"]
    assert (ends["low"], ends["high"]) == (20 * 12 / 120 * 100_000, (10 * 60 + 10 * 12) / 120 * 100_000)


def test_where_nothing_holds_the_lower_end_the_headline_names_only_the_upper(make_tables: Any) -> None:
    rows, sold = fifty()
    late = [lead(f"V{i:02}", "mql 01-01, lost 04-01", "02-01 10:00") for i in range(40)]  # none of them was won
    part = found_in(tables_of(make_tables, rows + late, sold), settings())
    whole = {row["label"]: row for row in exhibit(part, "funnel.leak_value").rows}["All leaks"]
    high = money(whole["high"], "EUR")
    assert headline(part).startswith(f"10 leads leaked in 12 months: up to {high} expected value")
    assert headline(part).endswith("(upper end of the 80\u00a0% interval)") and whole["high"] > whole["value"]


def test_where_leaked_leads_were_the_weaker_ones_the_headline_names_only_the_upper_end(make_tables: Any) -> None:
    rows, sold = fifty()
    late = [lead(f"V{i:02}", f"mql 01-01, {'won' if i < 2 else 'lost'} 04-01", "02-01 10:00") for i in range(40)]
    for gap, said in ((0, "€500 to €2,500 expected"), (30, "up to {high} expected")):
        scored_rows = [{**row, "score": 50 + i % 7 - gap * row["lead_id"].startswith("U")}
                       for i, row in enumerate(rows + late)]  # fmt: skip
        part = found_in(tables_of(make_tables, scored_rows, sold), settings())
        whole = {row["label"]: row for row in exhibit(part, "funnel.leak_value").rows}["All leaks"]
        said = said.format(high=money(whole["high"], "EUR"))
        assert headline(part).startswith(f"10 leads leaked in 12 months: {said} value under stated assumptions")


def test_leads_that_nobody_held_are_no_seller_of_their_own() -> None:
    owners = pd.Series([f"S{i % 8}" for i in range(80)] + [None] * 30)
    codes = worth.clusters(owners)
    assert len(set(codes[:80])) == 8 and len(set(codes[80:])) == 30 and not set(codes[:80]) & set(codes[80:])


def by_hand(**changes: Any) -> worth.Leads:
    """40 worked (20 won on day 10, 10 on day 200, 10 open), 40 missed (20 won on day 100), 10 leaked of 50 days."""
    n = 90
    group = np.repeat([0, 1, 2], [40, 40, 10])
    won = np.full(n, np.nan)
    won[:20], won[20:30], won[40:60] = 10, 200, 100
    seen = np.where(group == 2, 50.0, 400.0)
    base = worth.Leads(
        kinds=["untouched"], kind=np.where(group == 2, 0, -1), worked=group == 0, missed=group > 0, seen=seen, won=won,
        touched=np.where(group == 0, 0.5, np.where(group == 1, 60.0, np.nan)),
        stop=np.where(np.isfinite(won), won, seen),
        outcome=np.isfinite(won).astype(int), left=np.zeros(n), source=np.zeros(n, int), finer=np.zeros(n, int),
        cluster=np.arange(n), owners=0,
    )  # fmt: skip
    return replace(base, **changes)


def extra(leads: worth.Leads, horizon: float = 365) -> float:
    chance = worth._chances(leads, horizon)
    return float(worth.extra_wins(leads, chance, horizon, np.random.default_rng(1))[0, 0])


def test_what_leaks_still_bring_when_nobody_acts_is_taken_off() -> None:
    assert extra(by_hand()) == pytest.approx(10 * (30 / 40 - 20 / 40))
    assert extra(by_hand(seen=np.full(90, 400.0))) > 10 * 0.5  # they were passed by when the missed were won


def test_a_lead_left_on_its_fiftieth_day_is_worth_what_those_still_open_then_were() -> None:
    leads = by_hand(left=np.where(by_hand().leaked, 50.0, 0.0), seen=np.full(90, 400.0))
    assert extra(leads) == pytest.approx(10 * (10 / 20))
    assert extra(leads, 60) == pytest.approx(0)  # within 60 days nobody is won after the fiftieth


def test_leads_won_by_themselves_are_no_proof_that_the_others_were_lost_by_neglect() -> None:
    # All are alike, touched or not: 30 of the 40 worked are won, and 37 of the 50 that nobody ever touched.
    leads = by_hand()
    won = np.where(leads.worked | leads.leaked, leads.won, np.repeat([10, 200, np.nan], [65, 12, 13]))
    alike = replace(leads, won=won, stop=np.where(np.isfinite(won), won, 400.0), seen=np.full(90, 400.0),
                    outcome=np.isfinite(won).astype(int), touched=np.where(leads.worked, 0.5, np.nan))  # fmt: skip
    assert extra(alike) == pytest.approx(10 * (30 / 40 - 37 / 50) / (13 / 50))


def test_the_shown_wins_of_leads_still_watched_stand_for_those_seen_too_short() -> None:
    rng = np.random.default_rng(1)
    n = 20_000
    seen, when = rng.uniform(0, 365, n), rng.exponential(90, n)
    won = np.where((rng.random(n) < 0.3) & (when <= seen), when, np.nan)
    leads = replace(by_hand(), seen=seen, won=won)
    curve = incidence(np.fmin(won, seen), np.isfinite(won).astype(int))
    share = worth._hits(leads, np.ones(n, bool), 300).mean()
    assert share == pytest.approx(curve.at(300).value, abs=0.01)
    assert share == pytest.approx(0.3 * (1 - np.exp(-300 / 90)), abs=0.02) and np.isfinite(won).mean() < 0.24


def test_sums_drawn_again_over_sellers_spread_as_the_clustered_interval_says() -> None:
    rng = np.random.default_rng(2)
    cases = rng.integers(20, 60, 12).astype(float)
    hits = rng.binomial(cases.astype(int), rng.beta(8, 12, 12)).astype(float)
    drawn = worth.replicates(np.column_stack([hits, cases]), np.random.default_rng(3))
    low, high = np.quantile(drawn[1:, 0] / drawn[1:, 1], [0.025, 0.975])
    at = clustered_share(hits, cases)
    assert at.low is not None and at.high is not None
    assert low == pytest.approx(at.low, abs=0.02) and high == pytest.approx(at.high, abs=0.02)


# The price, in worlds whose truth is known


def market(
    rng: np.random.Generator, acts: bool = True, young: bool = False
) -> tuple[worth.Leads, np.ndarray, np.ndarray, float]:
    """600 leads of two sources and 12 sellers who differ (ICC .05); a touch in time decides, or nothing does.

    Returns leads, amounts of 60 deals, their sellers, and the true expected value of the leaked leads.
    """
    n, sellers, odds, lag = 600, 12, np.array([0.10, 0.25]), 60.0
    seen = rng.uniform(0, 370, n) + (0 if young else 370)
    seller, source = rng.integers(0, sellers, n), rng.integers(0, 2, n)
    each = np.stack([rng.beta(p * 19, (1 - p) * 19, sellers) for p in odds])
    worked = rng.random(n) < np.array([0.6, 0.4])[source]
    late = ~worked & (rng.random(n) < 0.3)
    power = np.where(worked, 1, np.where(late, 0.5, 0)) if acts else 1
    touched = np.where(worked, rng.uniform(0, 1, n), np.where(late, rng.uniform(2, 30, n), np.nan))
    wins, when = rng.random(n) < each[source, seller] * power, rng.exponential(lag, n)
    when = np.fmax(when, touched) if acts else when
    leaves, gone = ~wins & (rng.random(n) < 0.4) & ~(acts & ~worked & ~late), rng.exponential(40, n)
    won = np.where(wins & (when <= seen), when, np.nan)
    outcome = np.where(np.isfinite(won), 1, np.where(leaves & (gone <= seen), 2, 0))
    stop = np.select([outcome == 1, outcome == 2], [won, gone], seen)
    touched = np.where(touched <= stop, touched, np.nan)
    leaked = (outcome == 0) & np.isnan(touched) & (seen > 1)
    leads = worth.Leads(
        kinds=["untouched"], kind=np.where(leaked, 0, -1), worked=worked & (seen > 1), missed=~worked & (seen > 1),
        seen=seen, won=won, touched=touched, stop=stop, outcome=outcome, left=np.zeros(n), source=source,
        finer=np.zeros(n, int), cluster=seller, owners=sellers,
    )  # fmt: skip
    whose = rng.integers(0, sellers, 60)
    amounts = 2e6 * np.exp(0.2 * rng.standard_normal(sellers)[whose] + 0.5 * rng.standard_normal(60))
    wins_missed = odds[source[leaked]].sum() * (1 - np.exp(-365 / lag)) if acts else 0.0
    return leads, amounts, whose, float(wins_missed * 2e6 * np.exp((0.2**2 + 0.5**2) / 2))


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "DRAWS", 400)  # enough for limits at 80 %, a fifth of the time


def priced(seed: int, **kind: bool) -> np.ndarray:
    """In how many worlds is the truth below, and above, the 80 % interval, and does the interval lie above 0?"""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(WORLDS):
        leads, amounts, whose, truth = market(rng, **kind)
        found = worth.price(leads, amounts, whose, worth.longest(leads))
        low, high = found["all"]["low"], found["all"]["high"]
        rows.append((truth < low, truth > high, low > 0))
    return np.array(rows).sum(axis=0)


def test_the_true_value_lies_in_the_80_percent_interval_as_often_as_it_says(few_draws: None) -> None:
    below, above, _ = priced(4)
    assert within_binomial_limits(WORLDS - below - above, WORLDS, 0.8)


def test_where_most_leads_are_young_the_price_errs_low_and_never_claims_too_much(few_draws: None) -> None:
    below, _, _ = priced(5, young=True)
    assert below <= binom.ppf(0.9995, WORLDS, 0.1)  # one-sided: later touches count as still to come


def test_where_touches_change_nothing_no_value_is_claimed(few_draws: None) -> None:
    _, _, claimed = priced(6, acts=False)
    assert claimed <= binom.ppf(0.9995, WORLDS, 0.1)


def sample(seed: int = 9) -> tuple[list[dict[str, Any]], dict[str, int]]:
    rng, rows, sold = np.random.default_rng(seed), [], {}
    for i in range(300):
        day = str(np.datetime64("2025-01-01") + int(rng.integers(0, 300)))[5:]
        owner, is_won = f"S{rng.integers(10)}", rng.random() < 0.2
        later = str(np.datetime64(f"2025-{day}") + 40)[5:]
        touched = f"{day} 10:00" if rng.random() < 0.6 else ""
        ends = "" if not touched else f", won {later}" if is_won else f", lost {later}" if rng.random() < 0.7 else ""
        rows.append(lead(f"L{i:03}", f"mql {day}{ends}", touched, owner, source=f"Q{rng.integers(3)}"))
        if touched and is_won:
            sold[f"L{i:03}"] = int(rng.integers(500_000, 5_000_000))
    return rows, sold


def test_shuffled_rows_and_renamed_owners_give_the_same_money_to_the_cent(make_tables: Any) -> None:
    rows, sold = sample()
    rng, new = np.random.default_rng(1), {f"S{i}": f"P{(7 * i + 3) % 10}" for i in range(10)}
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    renamed = [{**row, "owner": new[row["owner"]]} for row in rows]
    one, *others = (
        exhibit(found_in(tables_of(make_tables, each, sold), settings()), "funnel.leak_value")
        for each in (rows, shuffled, renamed)
    )
    assert all(other == one for other in others) and "over 10 owners" in one.read


def test_dates_shifted_by_52_weeks_give_the_same_money(make_tables: Any) -> None:
    rows, sold = sample()
    tables, agreed = tables_of(make_tables, rows, sold), settings()
    handed, deals = handed_over(tables, read_spells(tables), agreed), read_deals(tables)
    one = leaks.part(tables, agreed, handed, deals)
    times = {name: handed[name] + pd.Timedelta(days=364) for name in handed.columns if name.endswith("_at")}
    later = settings(as_of="2027-12-30")
    assert leaks.part(tables, later, handed.assign(**times), deals).exhibits == one.exhibits


def test_without_deals_wins_or_a_promise_the_price_is_not_judged_and_never_zero(make_tables: Any) -> None:
    rows, sold = fifty()
    lost = [{**row, "path": row["path"].replace("won", "lost")} for row in rows]
    few = [row for row in rows if row["lead_id"] < "T15" or row["lead_id"] > "U"]
    for given, amounts, agreed, why in (
        (rows, {}, settings(), "amount"), (rows, dict(list(sold.items())[:4]), settings(), "amount"),
        (lost, sold, settings(), "no win is recorded"), (few, sold, settings(), "fewer than 20"),
        (rows, sold, settings(promises={}), "no promised time"),
    ):  # fmt: skip
        part = found_in(tables_of(make_tables, given, amounts), agreed)
        assert [each.key for each in part.exhibits] == ["funnel.leaks"]
        assert why in part.not_judged[0].why and part.not_judged[0].settle


# The caution


def scored(rng: np.random.Generator, gap: float, n: int = 200) -> tuple[pd.DataFrame, pd.Series]:
    is_touched = rng.random(n) < 0.6
    grade, source = rng.choice(list("ABC"), n), rng.choice(["Web", "Fair"], n)
    frame = pd.DataFrame({"in_time": pd.array(is_touched, dtype="boolean"), "grade": grade, "source": source,
                          "score": rng.normal(50, 15, n) + gap * is_touched})  # fmt: skip
    return frame, pd.Series(np.where(is_touched, None, "Untouched past promise"))


def test_the_caution_fires_when_the_better_leads_were_touched_and_hardly_ever_otherwise() -> None:
    rng = np.random.default_rng(7)
    said = quality.caution(*scored(rng, 12))
    assert len(said) == 1 and said[0].startswith("Leaked leads scored ") and "95\u00a0% interval" in said[0]
    assert said[0].endswith(" than those touched in time that did not leak: the price may be too high.")
    assert " points of the lead score (" in said[0] and "; scores in the file, not those at handover)" in said[0]
    fired = sum(bool(quality.caution(*scored(rng, 0))) for _ in range(WORLDS))
    assert fired <= binom.ppf(0.9995, WORLDS, 0.025 + 2 * 0.01)  # one side of 95 %, and two tests at 99 %


def test_the_caution_names_the_grade_that_was_touched_more_often() -> None:
    frame, leak = scored(np.random.default_rng(8), 0)
    frame["grade"] = np.where(frame["in_time"], "A", "C")
    said = quality.caution(frame, leak)[0]
    assert "were less often of grade A (0\u00a0% against 100\u00a0%) than those" in said and said.endswith(
        "may be off."
    )


# Quality


def ten(late: str = "sql", never: str = "") -> list[dict[str, Any]]:
    """6 leads touched in time (3 qualify), 2 touched late (1 does), 2 never touched."""
    rows = [lead(f"T{i}", "mql 01-01" + (", sql 02-01" if i < 3 else ""), "01-01 10:00") for i in range(6)]
    rows += [lead(f"L{i}", "mql 01-01" + (f", {late} 02-01" if i < 1 else ""), "01-09 10:00") for i in range(2)]
    return rows + [lead(f"N{i}", "mql 01-01" + (f", {never} 02-01" if never else "")) for i in range(2)]


def quality_of(make_tables: Any, rows: list[dict[str, Any]], **changes: Any) -> Part:
    tables, agreed = tables_of(make_tables, rows), settings(**changes)
    return quality.part(agreed, handed_over(tables, read_spells(tables), agreed))


def test_quality_is_judged_among_leads_touched_in_time_with_bounds_for_the_others(make_tables: Any) -> None:
    part = quality_of(make_tables, ten(), thresholds={"quality": 0.1})
    measure, rows = part.findings[0].measure, {row["label"]: row for row in part.exhibits[0].rows}
    assert (measure.value, measure.k, measure.n) == (pytest.approx(0.5), 3, 6) and part.findings[0].level == "good"
    assert (rows["All leads, bounds"]["low"], rows["All leads, bounds"]["high"]) == pytest.approx((0.3, 0.7))
    assert "bounds, not an interval" in rows["All leads, bounds"]["note"]
    assert "; for all 10 leads between 30 and 70\u00a0%." in part.findings[0].detail
    assert part.findings[0].title == "50\u00a0% of leads touched in time qualify within 90 days, as agreed"
    assert part.exhibits[0].limit == 0.1 and "at least 10\u00a0% for leads touched in time." in part.exhibits[0].lead
    assert rows["Touched late"]["k"] == 1 and rows["Touched late"]["n"] == 2
    assert rows["Never touched"]["value"] is None and rows["Never touched"]["n"] == 2


def test_good_is_said_only_where_leads_not_touched_in_time_could_not_undo_it(make_tables: Any) -> None:
    # 50 of 100 leads touched in time qualify, 100 more were never touched: of all, 25 to 75 %.
    rows = [
        lead(f"T{i:03}", "mql 01-01, " + ("sql" if i < 50 else "lost") + " 02-01", "01-01 10:00") for i in range(100)
    ]
    rows += [lead(f"N{i:03}", "mql 01-01") for i in range(100)]
    for limit, level, play in (
        (0.2, "good", None), (0.3, "unclear", "P4"), (0.5, "unclear", "P6"), (0.7, "act", "P6"),
    ):  # fmt: skip
        found = quality_of(make_tables, rows, thresholds={"quality": limit}).findings[0]
        assert (found.level, found.limit, found.play) == (level, limit, play)
        assert (found.settle == "first touches in time for more leads") is (limit == 0.3)
    part = quality_of(make_tables, rows, thresholds={"quality": 0.3})
    held = part.findings[0]
    assert part.exhibits[0].title == held.title  # the chart claims no more than the finding
    assert held.title == (
        "50\u00a0% of leads touched in time qualify; for all leads 25 to 75\u00a0%, so whether leads are good enough "
        "cannot be told"
    )
    assert held.rule.startswith("bounds against") and (held.measure.low, held.measure.high) == (0.25, 0.75)


def test_acceptance_has_the_interval_that_the_step_itself_has(make_tables: Any) -> None:
    rows = [lead(f"A{i:03}", "mql 01-01" + (", sal 01-05" if i % 8 > i % 5 else ", disqualified 02-01"),
                 "01-01 10:00", f"S{i % 8}") for i in range(80)]  # fmt: skip
    rows += [lead(f"B{i:02}", f"mql 01-01, {['sal', 'sql'][i % 2]} 01-05", owner=None) for i in range(30)]
    tables, agreed = tables_of(make_tables, rows), settings()
    spells = read_spells(tables)
    step = ways(spells, agreed, "any")["mql_to_sal"]
    told = going_on(step, agreed.funnel.horizon_days, owner_codes(tables, spells))
    shown = quality.part(agreed, handed_over(tables, spells, agreed)).exhibits[0].rows[-1]
    assert shown["label"] == "Accepted by Sales" and "clustered by owner" in told.method
    assert (shown["low"], shown["value"], shown["high"]) == pytest.approx((told.low, told.value, told.high))
    assert shown["note"] == "shown, never decisive: Sales decides it"


@pytest.mark.parametrize("never", ["", "sql", "disqualified"])
def test_leads_that_nobody_touched_neither_lower_nor_raise_the_figure(make_tables: Any, never: str) -> None:
    one, other = quality_of(make_tables, ten()), quality_of(make_tables, ten(never=never))
    assert one.findings[0].measure == other.findings[0].measure


def test_acceptance_is_shown_and_decides_nothing(make_tables: Any) -> None:
    rows = [{**row, "path": row["path"].replace("mql 01-01", "mql 01-01, sal 01-03")} for row in ten()]
    one, other = (quality_of(make_tables, each, thresholds={"quality": 0.4}) for each in (ten(), rows))
    assert one.findings[0] == other.findings[0]
    shown = {row["label"]: row for row in other.exhibits[0].rows}["Accepted by Sales"]
    assert (shown["k"], shown["n"]) == (10, 10) and shown["note"] == "shown, never decisive: Sales decides it"


def test_an_opportunity_stands_for_qualifying_only_where_qualifying_is_not_recorded(make_tables: Any) -> None:
    rows = [{**row, "path": row["path"].replace("sql", "opportunity")} for row in ten("opportunity")]
    assert quality_of(make_tables, rows).findings[0].measure.k == 3
    rows = [{**row, "path": row["path"].split(",")[0]} for row in ten()]
    assert "neither qualified" in quality_of(make_tables, rows).not_judged[0].why


def test_an_exit_competes_and_an_open_lead_is_not_yet_lost(make_tables: Any) -> None:
    rows = [lead(f"X{i}", "mql 01-01, disqualified 01-05", "01-01 10:00") for i in range(2)]
    rows += [lead(f"Q{i}", "mql 01-01, sql 02-01", "01-01 10:00") for i in range(2)]
    rows += [lead(f"Y{i}", "mql 12-20", "12-20 10:00") for i in range(4)]  # seen for twelve days
    part = quality_of(make_tables, rows, as_of="2025-12-31")
    assert part.findings[0].measure.value == pytest.approx(6 / 8 * 2 / 2)  # 8, then 2 are watched


def test_where_nobody_was_followed_for_the_horizon_fewer_days_are_said_and_nothing_is_convicted(
    make_tables: Any,
) -> None:
    # Seen for 31 days: 10 of 100 leads touched in time had qualified, 90 are still open.
    rows = [lead(f"T{i:02}", "mql 12-01" + (", sql 12-11" if i < 10 else ""), "12-01 10:00") for i in range(100)]
    rows += [lead("L1", "mql 12-20", "12-30 10:00")]  # touched late, and seen for twelve days
    part = quality_of(make_tables, rows, as_of="2025-12-31", thresholds={"quality": 0.5})
    found = part.findings[0]
    assert found.level == "unclear" and "can only rise" in found.rule and "90 days of follow-up" in found.settle
    assert found.title.endswith("cannot be told: 10\u00a0% qualify within 31 days")
    assert part.exhibits[0].title.endswith("qualify within 31 days") and "within 31 days" in part.exhibits[0].read
    assert {row["label"]: row["note"] for row in part.exhibits[0].rows}["Touched late"] == "within 12 days"
    over = [{**row, "path": row["path"] + ("" if "sql" in row["path"] else ", lost 12-12")} for row in rows[:100]]
    settled = quality_of(make_tables, over, as_of="2025-12-31", thresholds={"quality": 0.5}).findings[0]
    assert settled.level == "act" and settled.title.endswith("qualify within 90 days")  # nobody waits any more


def test_leads_of_the_time_before_qualifying_was_recorded_are_left_out_of_quality(make_tables: Any) -> None:
    early = [lead(f"E{i}", "mql 01-01, lost 02-01", "01-01 10:00") for i in range(6)]
    later = [{**row, "path": row["path"].replace("02-01", "08-01").replace("01-01", "07-01"),
              "touched": row["touched"].replace("01-0", "07-0")} for row in ten()]  # fmt: skip
    since = {"funnel": {"tracking_since": {"sql": "2025-07-01"}}}
    part = quality_of(make_tables, early + later, **since)
    assert part.findings[0].measure == quality_of(make_tables, later).findings[0].measure
    assert part.exhibits[0].lead.endswith(" 6 leads left out handed over before qualifying was recorded.")
    assert "for all 10 leads between" in part.findings[0].detail
    assert quality_of(make_tables, early + later).findings[0].measure.n == 12  # unless that was agreed


def test_leaks_quality_and_price_are_clustered_by_who_held_the_lead_at_the_handover(make_tables: Any) -> None:
    # Ten sellers: of five nothing leaks and everything qualifies; what does goes to one of two closers afterwards.
    events = []
    for i in range(80):
        events.append({"lead_id": f"L{i}", "stage": "mql", "entered_at": "2025-01-01", "owner_id": f"S{i % 10}"})
        later = [("sql", "2025-02-01"), ("lost", "2025-03-01")] if i % 10 < 5 else []
        events += [
            {"lead_id": f"L{i}", "stage": stage, "entered_at": at, "owner_id": f"Z{i % 2}"} for stage, at in later
        ]
    touches = [{"lead_id": f"L{i}", "touched_at": "2025-01-01 10:00"} for i in range(80)]
    tables, agreed = make_tables({"stage_events": events, "sales_touches": touches}), settings()
    handed = handed_over(tables, read_spells(tables), agreed)
    bucket = leaks.buckets(handed, tables, agreed)
    judged = (leaks.leaked(handed, bucket, agreed), quality.part(agreed, handed).findings[0])
    for found in judged:  # five sellers against five: hardly anything is known of the next seller
        assert found is not None and found.measure.method.endswith("clustered by owner, 95 %")
        assert (found.measure.low or 0) < 0.25 and (found.measure.high or 1) > 0.75
    assert worth.followed(handed, bucket.where(bucket == "no_next_step"), agreed).owners == 10
    swapped = handed.assign(owner="one")  # who holds a lead in the end decides nothing
    assert leaks.leaked(swapped, bucket, agreed) == judged[0]
    assert quality.part(agreed, swapped).findings[0] == judged[1]
    cluster = worth.followed(swapped, bucket.where(bucket == "no_next_step"), agreed).cluster
    assert len(set(cluster.tolist())) == 10


def test_quality_is_not_judged_without_touches_or_without_a_promise(make_tables: Any) -> None:
    part = quality_of(make_tables, ten(), promises={})
    assert not part.findings and "no promised time" in part.not_judged[0].why
    tables = make_tables({"stage_events": [{"lead_id": "A", "stage": "mql", "entered_at": "2025-01-01"}]})
    part = quality.part(settings(), handed_over(tables, read_spells(tables), settings()))
    assert not part.findings and part.not_judged[0].why == "whether leads were touched is not recorded"


def test_good_leads_are_hardly_ever_called_bad_when_sellers_differ() -> None:
    # 30 % of leads qualify where 25 % are agreed, as shares of 12 sellers who differ (ICC .05).
    rng, agreed, acts, n = np.random.default_rng(11), settings(), 0, 120
    start, sellers = pd.Timestamp("2025-01-01"), pd.Series([f"S{i % 12}" for i in range(n)])
    base = pd.DataFrame({"mql_at": start, "won_at": pd.NaT, "exit": None, "last_event_at": start, "decider": sellers})
    for _ in range(WORLDS):
        reaches = rng.random(n) < np.tile(rng.beta(0.3 * 19, 0.7 * 19, 12), n // 12)
        days = pd.to_timedelta(np.where(reaches, rng.uniform(1, 80, n), np.nan), unit="D")
        found, _ = quality.share_reaching(base.assign(sql_at=start + days), ["sql"], agreed)
        acts += judge(found.value, found.low, found.high, 0.25, "at_least") == "act"
    assert acts <= binom.ppf(0.9995, WORLDS, 0.05) and "clustered by owner" in found.method
