"""The handover by hand: office hours, first touches, decisions, who holds the lead, and the legs of the relay."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignlib.diagnostics.funnel import custody, leaks, touch
from alignlib.diagnostics.funnel.clock import due, explained, hours_between, said
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.engagement import Promises, Settings, WorkHours, parse_settings
from alignlib.result import Exhibit, Part

OFFICE = Promises(clock="business")
LOW, HIGH = (int(x) for x in binom.ppf([0.0005, 0.9995], 1000, 0.95))  # 99.9 % limits of 1,000 worlds at 95 %


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC, promises: {first_touch_hours: 24, decision_days: 5, attempts: 3}, "
        "thresholds: {decided_in_time: 0.6, ownerless_time: 0.1, first_touch_in_time: 0.7}}"
    )
    promises = base.promises.model_dump() | changes.pop("promises", {})
    return Settings.model_validate(base.model_dump() | {"promises": promises} | changes)


def events(*rows: str) -> list[dict[str, Any]]:
    """'L1 mql 01-05 12:00 S1' -> one stage event in 2025, held by S1; without a last word, by nobody."""
    found = []
    for row in rows:
        lead, stage, day, clock, owner = (*row.split(), *[""] * 5)[:5]
        at = f"2025-{day} {clock or '00:00'}"
        found.append({"lead_id": lead, "stage": stage, "entered_at": at, "owner_id": owner or None})
    return found


def touches(*rows: str) -> list[dict[str, Any]]:
    """'L1 01-05 12:00' -> one touch by Sales in 2025."""
    return [{"lead_id": row.split()[0], "touched_at": "2025-" + row.split(maxsplit=1)[1]} for row in rows]


def handed_of(tables: Any, agreed: Settings) -> pd.DataFrame:
    return touch.handed_over(tables, read_spells(tables), agreed)


def custody_of(tables: Any) -> Part:
    return custody.part(tables, settings(), handed_of(tables, settings()), read_spells(tables))


def exhibit(part: Part, key: str) -> Exhibit:
    return {each.key: each for each in part.exhibits}[key]


def at(*times: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(times)).as_unit("us"))


# --- the clock ---


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-06 16:00", 4, "2026-03-09 12:00"),  # Friday afternoon: one hour, then three on Monday
        ("2026-03-06 16:00", 1, "2026-03-06 17:00"),  # over when work ends, not when it begins again
        ("2026-03-07 11:00", 2, "2026-03-09 11:00"),  # a Saturday begins on Monday at nine
        ("2026-03-04 07:00", 2, "2026-03-04 11:00"),  # before hours
        ("2026-03-04 22:00", 2, "2026-03-05 11:00"),  # after hours
        ("2026-03-02 09:00", 100, "2026-03-18 13:00"),  # 12 working days and 4 hours
    ],
)
def test_promised_hours_run_only_in_office_hours(start: str, hours: float, end: str) -> None:
    assert due(at(start), hours, OFFICE, "UTC").tolist() == at(end).tolist()


def test_a_holiday_is_not_worked() -> None:
    easter = Promises(clock="business", work=WorkHours(holidays=[date(2026, 4, 3), date(2026, 4, 6)]))
    # Thursday before Good Friday, 15:00: two hours, then Tuesday after Easter Monday
    assert due(at("2026-04-02 15:00"), 4, easter, "UTC")[0] == pd.Timestamp("2026-04-07 11:00")
    assert hours_between(at("2026-04-02 15:00"), at("2026-04-07 11:00"), easter, "UTC")[0] == 4
    every_day = [date(2026, 1, 1) + timedelta(days=i) for i in range(60)]  # an office closed for two months
    closed = Promises(clock="business", work=WorkHours(holidays=every_day))
    assert due(at("2026-01-02 10:00"), 1, closed, "UTC")[0] == pd.Timestamp("2026-03-02 10:00")


def test_office_hours_are_those_on_the_wall_before_and_after_the_clocks_change() -> None:
    # Berlin: UTC+1 until 29 March 2026, UTC+2 from then on. Friday 16:00 is 15:00 UTC, Monday 12:00 is 10:00 UTC.
    assert due(at("2026-03-27 15:00"), 4, OFFICE, "Europe/Berlin")[0] == pd.Timestamp("2026-03-30 10:00")
    assert hours_between(at("2026-03-27 15:00"), at("2026-03-30 10:00"), OFFICE, "Europe/Berlin")[0] == 4
    round_the_clock = Promises(clock="business", work=WorkHours(days=["sat", "sun"], start=0, end=24))
    # from Saturday 00:00 to Monday 00:00 local time: 47 hours in March, 49 in October, as they really pass
    for first, last, hours in (
        ("2026-03-27 23:00", "2026-03-29 22:00", 47),
        ("2026-10-23 22:00", "2026-10-25 23:00", 49),
    ):
        assert hours_between(at(first), at(last), round_the_clock, "Europe/Berlin")[0] == hours
    night = Promises(clock="business", work=WorkHours(days=["sun"], start=2, end=3))
    # in March that hour does not exist, in October it comes twice
    assert hours_between(at("2026-03-28 12:00"), at("2026-03-29 12:00"), night, "Europe/Berlin")[0] == 0
    assert hours_between(at("2026-10-24 12:00"), at("2026-10-25 12:00"), night, "Europe/Berlin")[0] == 2
    early = Promises(clock="business", work=WorkHours(days=["sun"], start=1, end=2.5))  # closes the second time
    assert hours_between(at("2026-10-24 12:00"), at("2026-10-25 12:00"), early, "Europe/Berlin")[0] == 2.5


def test_the_calendar_clock_just_runs() -> None:
    calendar = Promises()
    assert due(at("2026-03-28 12:00"), 24, calendar, "Europe/Berlin")[0] == pd.Timestamp("2026-03-29 12:00")
    assert hours_between(at("2026-03-06 16:00"), at("2026-03-09 12:00"), calendar, "UTC")[0] == 68
    assert said(24, calendar) == "24 hours" and said(8, OFFICE) == "8 working hours"


def test_it_is_said_which_hours_count() -> None:
    assert explained(1, Promises()) == "1 hour, nights and weekends counted"
    assert explained(8, OFFICE) == "8 working hours (Mon to Fri, 9 to 17)"
    odd = WorkHours(days=["wed", "mon"], start=8.5, end=12.25, holidays=[date(2026, 1, 1)])
    said_so = "4 working hours (Mon and Wed, 8:30 to 12:15, no holidays)"
    assert explained(4, Promises(clock="business", work=odd)) == said_so


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_the_hours_up_to_the_due_time_are_the_hours_promised(zone: str) -> None:
    rng = np.random.default_rng(1)
    start = pd.Series(np.datetime64("2025-01-01T00:00:00", "us") + rng.integers(0, 365 * 86_400 * 10**6, 2000))
    works = [WorkHours(), WorkHours(days=["mon", "wed", "sun"], start=8.5, end=12.25), WorkHours(start=0, end=24),
             WorkHours(holidays=[date(2025, 12, day) for day in range(20, 32)])]  # fmt: skip
    for work in works:
        for hours in (0.5, 7.75, 8, 100):
            promises = Promises(clock="business", work=work)
            end = due(start, hours, promises, zone)
            assert hours_between(start, end, promises, zone) == pytest.approx(np.full(2000, hours), abs=1e-9)
            assert (end > start).all()
            before = hours_between(start, end - pd.Timedelta(seconds=1), promises, zone)
            assert (before < hours).all()  # and not earlier
    assert (hours_between(end, start, promises, zone) == -hours_between(start, end, promises, zone)).all()


def test_a_missing_time_stays_missing() -> None:
    start = at("2026-03-06 16:00", "2026-03-06 16:00").where([True, False])
    assert due(start, 4, OFFICE, "UTC").isna().tolist() == [False, True]
    assert np.isnan(hours_between(start, at("2026-03-09 12:00", "2026-03-09 12:00"), OFFICE, "UTC")).tolist() == [
        False,
        True,
    ]
    assert due(start[1:], 4, OFFICE, "UTC").isna().all()


# --- first touch and decision ---


def test_a_promise_in_working_hours_forgives_the_weekend(make_tables: Any) -> None:
    # 3 January 2025 is a Friday
    tables = make_tables({"stage_events": events("A mql 01-03 16:00", "B mql 01-03 16:00"),
                          "sales_touches": touches("A 01-06 11:00", "B 01-06 13:00")})  # fmt: skip
    office = settings(promises={"first_touch_hours": 4, "clock": "business"})
    assert handed_of(tables, office)["in_time"].tolist() == [True, False]
    assert handed_of(tables, settings(promises={"first_touch_hours": 4}))["in_time"].tolist() == [False, False]
    curve = exhibit(touch.part(tables, office, handed_of(tables, office)), "funnel.touch")
    told = {label: [(row["day"], row["share"]) for row in curve.rows if row["label"] == label]
            for label in ("Calendar days", "Working days")}  # fmt: skip
    assert told["Working days"][-2:] == [(0.25, 0), (0.5, 0.5)]  # A after 3 of 8 working hours, B after 5
    assert [day for day, share in told["Calendar days"] if not share][-1] > 0.5
    assert "within 4 working hours" in curve.title


def test_a_touch_belongs_to_the_spell_in_which_it_falls(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-01", "A recycled 01-10", "A mql 03-01", "A sal 03-04"),
                          "sales_touches": touches("A 03-02", "A 03-03", "A 03-05")})  # fmt: skip
    handed = handed_of(tables, settings())
    assert handed["n_touches"].tolist() == [0, 3] and handed["n_attempts"].tolist() == [0, 2]
    assert handed["first_touch_at"].isna().tolist() == [True, False] and handed["in_time"].tolist() == [False, True]


def test_a_day_only_clock_leaves_a_short_promise_unjudged_and_a_long_one_judged(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-03"), "sales_touches": touches("A 01-06")})
    tables = replace(tables, day_only=frozenset({"sales_touches.touched_at"}))
    for promises, is_told in (({}, False), ({"first_touch_hours": 48}, True),
                              ({"first_touch_hours": 15, "clock": "business"}, False),
                              ({"first_touch_hours": 16, "clock": "business"}, True)):  # fmt: skip
        agreed = settings(promises=promises)
        handed = handed_of(tables, agreed)
        part = touch.part(tables, agreed, handed)
        assert handed["in_time"].notna().all() == is_told
        assert ("funnel.first_touch" in {each.key for each in part.findings}) == is_told
        assert any("by the day only" in gap.why for gap in part.not_judged) == (not is_told)


def test_what_was_not_delivered_or_agreed_is_named(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-03", "A won 03-01")})
    agreed = settings(promises={"first_touch_hours": None, "decision_days": None})
    handed = handed_of(tables, agreed)
    assert handed[["first_touch_at", "due_at", "in_time", "n_touches", "n_attempts"]].isna().all(axis=None)
    part = touch.part(tables, agreed, handed)
    assert part.findings == [] and part.exhibits == []
    assert {gap.what for gap in part.not_judged} == {
        "Whether leads are followed up", "Whether leads are decided on in time",
        "When and why leads are accepted or turned down",
    }  # fmt: skip


def test_decisions_are_counted_among_leads_whose_time_is_over(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events(
        "A mql 01-01", "A sal 01-03",  # in time
        "B mql 01-01", "B disqualified 01-06",  # on the last day
        "C mql 01-01", "C sql 01-10",  # accepted by a later stage, too late
        "D mql 01-01",  # never
        "E mql 12-30", "E sal 12-31",  # its time is not over
        "F mql 01-10", "F sal 01-05",  # dated before the handover: when is not known
        "G sal 01-05", "G mql 01-10", "G opportunity 01-12",  # the decision after the handover counts
    )})  # fmt: skip
    agreed = settings()
    handed = handed_of(tables, agreed)
    days, is_decided = touch.decision(handed, agreed)
    assert days[:4].tolist() == [2, 5, 9, 365] and np.isnan(days[5]) and days[6] == 2
    assert is_decided.tolist() == [True, True, True, False, True, False, True]
    found = touch.decided(handed, agreed)
    assert found is not None and (found.measure.k, found.measure.n) == (3, 5)
    assert found.level == "unclear" and "3 of 5 decided within 5 days" in found.detail


def curve_of(make_tables: Any, rows: list[str], seen: list[str], agreed: Settings, by_day: bool = False) -> Exhibit:
    tables = make_tables({"stage_events": events(*rows), "sales_touches": touches(*seen)})
    return touch.touch_curve(handed_of(tables, agreed), agreed, by_day)


def test_half_touched_counts_open_leads_and_lets_exits_compete(make_tables: Any) -> None:
    rows, seen = [f"L{i} mql 01-01" for i in range(6)] + ["L5 recycled 01-02"], ["L0 01-02", "L1 01-03", "L2 01-05"]
    shown = curve_of(make_tables, rows, seen, settings())
    assert "half within 4.0 days" in shown.lead  # three of six, on day 4
    assert "half: not reached" in curve_of(make_tables, rows, seen[:2], settings()).lead
    gone = [*rows, *(f"X{i} {stage}" for i in range(2) for stage in ("mql 01-01", "lost 01-02"))]
    assert "half: not reached" in curve_of(make_tables, gone, seen, settings()).lead  # three of eight; three left


def test_a_short_median_is_said_in_hours_where_files_know_the_hour(make_tables: Any) -> None:
    rows = [f"L{i:03d} mql 0{1 + i % 9}-07 09:00" for i in range(200)]  # 7 January 2025 is a Tuesday
    seen = [f"L{i:03d} 0{1 + i % 9}-07 {10 + i % 5}:00" for i in range(200)]  # after 1 to 5 hours
    office = settings(promises={"clock": "business"})
    assert "half within 3.0 hours" in curve_of(make_tables, rows, seen, settings()).lead
    assert "half within 0.1 days" in curve_of(make_tables, rows, seen, settings(), True).lead
    tuesday = [row.replace(row[5:7], "01") if "mql" not in row else row[:9] + "01" + row[11:] for row in rows + seen]
    assert "half within 3.0 working hours" in curve_of(make_tables, tuesday[:200], tuesday[200:], office).lead


def test_the_curve_quotes_the_share_and_the_interval_that_are_judged(make_tables: Any) -> None:
    tables = make_tables(company(np.random.default_rng(7), 400, 0.0))
    handed = handed_of(tables, settings())
    part = touch.part(tables, settings(), handed)
    judged, shown = part.findings[0], exhibit(part, "funnel.touch")
    assert judged.measure.method.startswith("clustered") and judged.measure.value is not None
    share = f"{100 * judged.measure.value:.0f}\u00a0%"
    low, high = (100 * (end or 0) for end in (judged.measure.low, judged.measure.high))
    assert shown.title.startswith(f"{share} of leads are touched within 24 hours")
    assert f"{share} ({low:.0f} to {high:.0f}) within 24 hours, nights and weekends counted" in shown.lead
    assert "within 24 hours, nights and weekends counted" in judged.detail
    (held,) = [row for row in shown.rows if row.get("promised")]
    assert (held["promised"], held["day"], shown.limit) == ("24 hours", 1.0, judged.limit)
    assert [held[at] for at in ("share", "low", "high")] == [
        judged.measure.value, judged.measure.low, judged.measure.high]  # fmt: skip
    days = [row["day"] for row in shown.rows]
    drawn = [[round(row[at], 2) for at in ("share", "low", "high")] for row in shown.rows]
    assert {*days} <= {*(i / 4 for i in range(13)), *range(4, 31)} and (days[0], days[-1]) == (0, 30)
    assert not any(before == at == after for before, at, after in zip(drawn, drawn[1:], drawn[2:], strict=False))
    assert [each.key for each in part.findings] == ["funnel.first_touch", "funnel.decided"]  # nobody promised a median


def test_attempts_and_reasons_are_counted_by_hand_and_rare_remarks_are_not_printed(make_tables: Any) -> None:
    rows = events(
        "A mql 01-01", "A sal 01-05", "B mql 01-01", "B recycled 01-09", "C mql 01-01", "C disqualified 01-03",
        "D mql 01-01", "E mql 01-01", "E sal 01-02", "E disqualified 01-20", "F mql 01-01", "F recycled 01-04",
        "G mql 01-01", "G opportunity 01-02", "G lost 02-01")  # fmt: skip
    reasons = {"B": "Not now", "C": "Not now", "E": "Not now", "F": "Ask Kim again"}
    for row in rows:
        row["reason"] = reasons.get(row["lead_id"]) if row["stage"] in ("recycled", "disqualified") else None
    seen = touches(
        "A 01-02", "A 01-04", "A 01-06", "B 01-02", "B 01-03", "B 01-04", "D 01-02", "E 01-01", "E 01-10", "E 01-12"
    )
    tables = make_tables({"stage_events": rows, "sales_touches": seen})
    shown = touch.follow_up(handed_of(tables, settings()), settings(), True)
    lines = {row["label"]: row for row in shown.rows}
    counts = [row["n"] for label, row in lines.items() if label.endswith("before the decision")]
    assert counts == [3, 1, 1, 1, 0]  # C, F and G; E; A; B. D is open.
    few = lines["Turned down after fewer than the 3 attempts promised"]
    assert (few["n"], few["share"]) == (
        2,
        0.5,
    )  # C and F of B, C, E, F; E was tried once before acceptance, G lost after it
    assert lines["Turned down: Not now"]["n"] == 3 and lines["Turned down: 1 other reason"]["n"] == 1
    assert "Kim" not in shown.model_dump_json()
    written = touch._reasons(pd.Series(["Ask kim@example.com"] * 4, name="reason"))
    assert [row["label"] for row in written] == ["Turned down: Ask [e-mail address]"]
    tied = pd.Series(["b", "a"] * 3, name="reason")
    assert (
        [row["label"][-1] for row in touch._reasons(tied)]
        == ["a", "b"]
        == [row["label"][-1] for row in touch._reasons(tied[::-1])]
    )
    first, *_, last = lines
    assert not shown.is_detail and first.startswith("No attempt") and last.startswith("Turned down: ")
    assert lines["Half are decided on after"]["days"] == 3
    assert shown.title == (
        "2 of 4 leads turned down got fewer than the 3 attempts promised; "
        "half of the leads are decided on within 3 days"
    )
    unpromised = touch.follow_up(handed_of(tables, settings()), settings(promises={"attempts": None}), True)
    assert unpromised.title.startswith("2 of 4 leads turned down got no attempt; half")


def test_a_missing_reason_is_no_reason_recorded(make_tables: Any) -> None:
    rows = events(
        *[f"L{i} {stage}" for i in range(3) for stage in ("mql 01-01", "recycled 01-03")], "Z mql 01-01", "Z sal 01-02"
    )
    tables = make_tables({"stage_events": rows})
    shown = touch.follow_up(handed_of(tables, settings()), settings(), False)
    assert {row["label"]: row["n"] for row in shown.rows}["Turned down: no reason recorded"] == 3
    assert not any("attempt" in str(row["label"]).lower() for row in shown.rows)


# --- touches that are not recorded, or come too late to be follow-up ---


def late_log(n_before: int = 20) -> tuple[list[str], list[str]]:
    """Leads of January to September, one touched in October; ten of October, touched at once or the next day."""
    rows = [f"A{i:02d} mql {1 + i % 9:02d}-{1 + i:02d}" for i in range(n_before)]
    rows += [f"B{i} mql 10-{1 + i:02d}" for i in range(10)]
    return rows, ["B0 10-01", *(f"B{i} 10-{2 + i:02d}" for i in range(1, 10)), "A00 10-05"]


def test_leads_handed_over_before_touches_were_recorded_are_unknown_and_never_untouched(make_tables: Any) -> None:
    rows, seen = late_log()
    rows += [*(f"A{i:02d} recycled 11-01" for i in range(1, 5)), "B9 recycled 11-01"]
    tables = make_tables({"stage_events": events(*rows), "sales_touches": touches(*seen)})
    handed = handed_of(tables, settings()).set_index("lead_id")
    early, later = handed[handed.index.str.startswith("A")], handed[handed.index.str.startswith("B")]
    assert early[["in_time", "n_touches", "n_attempts"]].isna().all(axis=None)
    assert later[["in_time", "n_touches", "n_attempts"]].notna().all(axis=None) and later["in_time"].all()
    assert early["first_touch_at"].notna().sum() == 1 and early["due_at"].notna().all()
    part = touch.part(tables, settings(), handed.reset_index())
    assert part.caveats == [
        "The first activity on record is of 1 October 2025: whether leads handed over before were touched is not "
        "known, for 20 of them (left truncation)"
    ]
    assert part.findings[0].measure.n == 10 and exhibit(part, "funnel.touch").rows[-1]["share"] == pytest.approx(1)
    follow = touch.follow_up(handed.reset_index(), settings(), True)
    lines = {row["label"]: row for row in follow.rows}
    assert follow.title.startswith("1 of 1 leads turned down") and lines["One attempt before the decision"]["n"] == 1
    assert lines["No attempt before the decision"]["n"] == 0  # the four of the early ones are not known
    time = custody.held(tables, handed.reset_index(), settings())
    assert time["waiting"].isna().sum() == 20
    legs = custody.relay_legs(tables, settings(), read_spells(tables), handed.reset_index())
    assert {leg["label"]: leg["n"] for leg in legs} == {"Handover": 10, "Sales works": 10}


def test_few_early_leads_a_quiet_week_or_rare_touches_are_no_sign_of_a_late_log(make_tables: Any) -> None:
    few = late_log(n_before=6)
    rare = late_log()[0], ["B0 10-01", "B8 10-12"]  # two of ten: four of twenty expected
    holidays = [f"A{i:02d} mql 01-01" for i in range(30)], [f"A{i:02d} 01-06" for i in range(30)]
    holidays[0].extend(f"B{i} mql 02-01" for i in range(12))
    holidays[1].extend(f"B{i} 02-02" for i in range(12))
    for rows, seen in (few, rare, holidays):
        tables = make_tables({"stage_events": events(*rows), "sales_touches": touches(*seen)})
        handed = handed_of(tables, settings())
        assert handed["n_touches"].notna().all() and touch.part(tables, settings(), handed).caveats == []


def test_with_too_few_later_leads_for_a_pace_early_ones_are_unknown_and_not_untouched(make_tables: Any) -> None:
    for rows, later in ((late_log()[0], 1), (late_log()[0][:20], 0)):
        seen = ["B9 10-10"] if later else ["A00 10-10"]
        tables = make_tables({"stage_events": events(*rows), "sales_touches": touches(*seen)})
        handed = handed_of(tables, settings())
        assert handed["n_touches"].notna().sum() == later and handed["in_time"].notna().sum() == later
        said = touch.part(tables, settings(), handed).caveats
        assert said == [
            "The first activity on record is of 10 October 2025: whether leads handed over before were touched is not "
            f"known, for {len(handed) - later} of them (left truncation)"
        ]
        assert "untouched" not in set(leaks.buckets(handed, tables, settings()))
    six = make_tables({"stage_events": events(*late_log()[0][:6]), "sales_touches": touches("A00 10-10")})
    handed = handed_of(six, settings())  # so few may all have been passed by
    assert handed["n_touches"].notna().all() and not touch.part(six, settings(), handed).caveats


def test_a_touch_after_the_exit_or_the_win_is_no_follow_up(make_tables: Any) -> None:
    rows = [f"L{i:02d} {stage}" for i in range(20) for stage in ("mql 01-01", "disqualified 01-03")]
    rows += ["W mql 01-01", "W won 01-05", "T mql 01-01", "T sal 01-04"]
    seen = [*(f"L{i:02d} 01-09" for i in range(20)), "W 01-06", "T 01-02"]
    tables = make_tables({"stage_events": events(*rows), "sales_touches": touches(*seen)})
    handed = handed_of(tables, settings(promises={"attempts": None}))
    assert handed.set_index("lead_id")["first_touch_at"].notna().to_dict()["T"] and handed["n_touches"].sum() == 1
    days, outcome, _ = touch._until_touch(handed, settings())
    found = dict(zip(handed["lead_id"], zip(outcome, days, strict=True), strict=True))
    assert found["T"] == (1, 1) and found["W"] == (2, 4) and found["L00"] == (2, 2)
    shown = touch.follow_up(handed, settings(promises={"attempts": None}), True)
    lines = {row["label"]: row["n"] for row in shown.rows}
    assert shown.title.startswith("20 of 20 leads turned down got no attempt")
    assert lines["No attempt before the decision"] == 21  # and W, won without any
    assert "half: not reached" in touch.touch_curve(handed, settings()).lead
    same_day = make_tables({"stage_events": events("A mql 01-01", "A recycled 01-03"),
                            "sales_touches": touches("A 01-03 10:00")})  # fmt: skip
    by_day = replace(same_day, day_only=frozenset({"stage_events.entered_at"}))
    assert handed_of(same_day, settings())["n_touches"].tolist() == [0]
    assert handed_of(by_day, settings())[["n_touches", "n_attempts"]].to_numpy().tolist() == [[1, 1]]


def test_shares_are_clustered_by_who_held_the_lead_at_the_handover_and_not_by_who_got_it(make_tables: Any) -> None:
    rows = []
    for i in range(80):  # ten sellers; what is accepted goes to one of two others
        rows.append(f"L{i:02d} mql 01-01 00:00 S{i % 10}")
        rows += [f"L{i:02d} sal 01-02 00:00 Z{i % 2}"] if i % 10 < 5 else []
    rows += ["N mql 01-01", "N sal 01-02 00:00 Z1"]
    tables = make_tables(
        {"stage_events": events(*rows), "sales_touches": touches(*(r[:3] + " 01-01" for r in rows[:9]))}
    )
    handed = handed_of(tables, settings())
    deciders = handed.set_index("lead_id")["decider"]
    assert deciders["L00"] == "S0" and deciders["N"] == "Z1"
    found = touch.decided(handed, settings())
    assert found is not None and found.measure.method.startswith("clustered by owner")
    # five sellers accept all, five none: by the last owner it would look as if two sellers decided on nearly all
    low, high = found.measure.low or 0, found.measure.high or 1
    assert low < 0.2 and high > 0.8
    by_last = touch.decided(handed.assign(decider=handed["owner"]), settings())
    assert by_last is not None and by_last.measure.low != low
    assert touch.first_touch(handed, settings()).measure.method.startswith("clustered by owner")


# --- who holds the lead ---


def test_days_without_an_owner_are_counted_by_hand(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events(
        "A inquiry 01-01", "A mql 01-02 00:00 S1", "A inquiry 01-04", "A sal 01-06 00:00 S1",  # held for 4 days
        "B mql 01-01", "B sal 01-03 00:00 S2",  # by nobody for 2
        "C mql 01-01", "C mql 01-02 00:00 S1", "C recycled 01-05", "C mql 02-01", "C sal 02-02 00:00 S1",  # 1 and 1
        "D mql 01-01",  # open: the first 30 days, by nobody
        "E mql 01-01 00:00 S3",  # open and held: 30 days
    ), "sales_touches": touches("A 01-03", "E 01-11")})  # fmt: skip
    agreed = settings(as_of=date(2025, 1, 31) + timedelta(days=180))
    time = custody.held(tables, handed_of(tables, agreed), agreed)
    assert time.to_numpy().tolist() == [
        ["A", 4, 0, 1], ["B", 2, 2, 0], ["C", 4, 1, 3], ["C", 1, 1, 0], ["D", 30, 30, 0], ["E", 30, 0, 10],
    ]  # fmt: skip
    found = custody.ownerless(time, agreed)
    assert found.measure.value == pytest.approx(34 / 71) and found.measure.n == 5
    assert found.level == "unclear" and "34 of 71 lead-days" in found.detail
    # B and D; C had one for a part
    assert "2 of 5 leads had no owner throughout these days, 1 for a part" in found.detail


def test_an_owner_got_at_a_moment_not_recorded_is_missing_and_not_zero(make_tables: Any) -> None:
    leads = [{"lead_id": name, "created_at": "2025-01-01", "owner_id": owner} for name, owner in
             (("A", "S1"), ("B", None), ("C", "S1"))]  # fmt: skip
    tables = make_tables({"stage_events": events("A mql 01-01", "B mql 01-01", "C mql 01-01 00:00 S1"), "leads": leads})
    time = custody.held(tables, handed_of(tables, settings()), settings())
    assert time[["all", "alone"]].to_numpy().tolist() == [[0, 0], [30, 30], [30, 0]]


def test_owners_that_are_not_recorded_at_the_handover_leave_ownerless_time_unjudged(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-01", "A sal 01-02 00:00 S1", "B mql 01-01")})
    part = custody_of(tables)
    assert part.findings == [] and "held by nobody" in part.not_judged[0].what


def test_owners_and_leads_that_went_back_are_counted_by_hand(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events(
        "A inquiry 01-01 00:00 M", "A mql 01-02 00:00 S1", "A sal 01-03 00:00 S2", "A sql 01-04 00:00 S1",  # back to S1
        "B mql 01-01 00:00 S1", "B sal 01-02 00:00 S2", "B sql 01-03 00:00 S3",  # three owners
        "C mql 01-01 00:00 S1", "C recycled 01-02 00:00 M", "C mql 02-01 00:00 S1",  # the queue of nurture is no owner
    )})  # fmt: skip
    part = custody_of(tables)
    lead = exhibit(part, "funnel.relay").lead
    assert "median lead has 2 owners" in lead and "1 of 3 had three or more, 1 went back" in lead
    steady = make_tables({"stage_events": events(
        "A inquiry 01-01 00:00 M", "A mql 01-02 00:00 S1", "A sql 01-03 00:00 S1", "B mql 01-01 00:00 S2",
    )})  # fmt: skip
    lead = exhibit(custody_of(steady), "funnel.relay").lead
    assert "0 of 2 had three or more, 0 went back to an earlier owner" in lead


def test_the_legs_of_the_relay_by_hand(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events(
        "A inquiry 01-01", "A mql 01-05 00:00 S", "A opportunity 01-20 00:00 S", "A won 03-01 00:00 S",
        "B inquiry 01-01", "B mql 01-03 00:00 S", "B opportunity 01-10 00:00 S", "B lost 02-01 00:00 S",
        "C inquiry 01-01", "C mql 01-09 00:00 S", "C disqualified 01-20 00:00 S",
        "D inquiry 01-01", "D mql 01-09 00:00 S",  # untouched past promise
        "E inquiry 01-01", "E mql 01-09 00:00 S",  # touched, then no next step
        "F inquiry 01-01",  # no lead yet
        "G mql 12-31 20:00 S",  # fresh
        "H mql 01-09 00:00 S", "H opportunity 01-15 00:00 S",  # taken up, though no touch is recorded: no next step
    ), "sales_touches": touches("A 01-06", "B 01-05", "C 01-10", "E 01-12")})  # fmt: skip
    part = custody_of(tables)
    shown = exhibit(part, "funnel.relay")
    figures = [[row[name] for name in ("n", "handed_on", "leaked", "left", "running")] for row in shown.rows]
    assert figures == [[6, 5, None, 0, 1], [7, 4, 1, 0, 2], [4, 2, 1, 1, 0], [3, 1, 1, 1, 0]]
    assert [row["holder"] for row in shown.rows] == ["Marketing", "waiting for a first touch", "Sales", "Sales"]
    assert [row["median_days"] for row in shown.rows] == [8, 2, 10, 40]
    assert [row["note"] for row in shown.rows] == [
        "", "1 without a first touch", "1 without a next step", "1 without a next step",
    ]  # fmt: skip
    assert shown.title == "1 of 3 leaked leads never got a first touch"


def test_without_touches_the_handover_is_no_leg_of_its_own(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-05", "A opportunity 01-20", "A won 03-01", "B mql 01-05")})
    shown = exhibit(custody_of(tables), "funnel.relay")
    assert [row["label"] for row in shown.rows] == ["Sales works, from the handover", "Sales closes"]
    assert [row["leaked"] for row in shown.rows] == [None, None]  # not recorded, never zero


def test_gaps_in_nurture_by_hand(make_tables: Any) -> None:
    answered = ("A 01-20", "A 02-10", "B 02-25", "B 05-01", "C 06-20", "D 05-01", "D 12-20", "E 01-05")
    tables = make_tables({"stage_events": events(
        "A inquiry 01-01", "A mql 03-01",  # 19, 21 and 19 days: no gap
        "B inquiry 01-01", "B mql 03-01",  # 55 days
        "C mql 01-01", "C recycled 06-01", "C mql 08-01",  # 19, then 42 days
        "D inquiry 04-01",  # 30, 233 and 12 days
        "E mql 01-01", "E recycled 01-02",  # 3 days, then silence to the end
        "F inquiry 12-20",  # seen for 12 days only
    ), "campaign_touches": touches(*answered)})  # fmt: skip
    gaps = custody.nurture_gaps(tables, read_spells(tables), settings())
    found = {row.lead_id: row.longest for row in gaps.itertuples()}
    assert found == {"A": 21, "B": 55, "C": 42, "D": 233, "E": 361, "F": 12}
    shown = custody.nurture(gaps, settings())
    rows = {row["label"]: (row["k"], row["n"]) for row in shown.rows}
    assert rows == {
        "Inquiries handed over": (1, 2), "Inquiries not yet handed over": (1, 1), "Recycled leads": (1, 2),
    }  # fmt: skip
    assert shown.title == (
        "No response for 45 days from 100\u00a0% of inquiries not yet handed over (1 of 1); "
        "what Marketing sent is not recorded"
    )
    nothing = make_tables({"stage_events": events("A inquiry 01-01", "A mql 03-01", "A won 04-01")})
    part = custody_of(nothing)
    assert "funnel.nurture" not in {each.key for each in part.exhibits}


def worlds(rng: np.random.Generator, n: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Days until a decision (30 at most), and for how many of them nobody held each lead."""
    is_alone = rng.random(n) < share
    days = np.minimum(np.where(is_alone, rng.exponential(40, n), rng.exponential(9, n)), 30)
    return np.where(is_alone, days * np.where(rng.random(n) < 0.5, 1, rng.random(n)), 0), days


@pytest.mark.parametrize(("n", "share"), [(150, 0.1), (600, 0.05), (1500, 0.2)])
def test_the_interval_of_ownerless_time_covers_in_a_thousand_worlds(n: int, share: float) -> None:
    rng = np.random.default_rng(5)
    part, whole = worlds(rng, 2_000_000, share)
    truth = part.sum() / whole.sum()
    found = [custody.share_of_time(*worlds(rng, n, share)) for _ in range(1000)]
    hits = sum(each.low is None or each.high is None or each.low <= truth <= each.high for each in found)
    assert hits >= LOW and (n < 600 or hits <= HIGH)  # wider than nominal where few leads carry the spread


def test_nobody_ever_without_an_owner_stays_below_the_limit_and_few_such_leads_give_no_interval() -> None:
    rng = np.random.default_rng(6)
    _, whole = worlds(rng, 400, 0)
    none = custody.share_of_time(np.zeros(400), whole)
    assert none.value == 0 and none.low == 0 and none.high is not None and 0.009 < none.high < 0.03  # 3 in 200 or so
    part = np.zeros(400)
    part[:2] = whole[:2]
    assert custody.share_of_time(part, whole).low is None


def company(rng: np.random.Generator, n: int, alone: float) -> dict[str, list[dict[str, Any]]]:
    """Leads handed over through 2025, ``alone`` of them without an owner until somebody accepts them, if ever."""
    stages, seen = [], []
    for i, day in enumerate(np.sort(rng.integers(0, 300, n))):
        start = np.datetime64("2025-01-01T09:00") + np.timedelta64(int(day) * 1440, "m")
        owner = None if rng.random() < alone else f"S{i % 12}"
        later = [start + np.timedelta64(int(rng.exponential(minutes)) + 5, "m") for minutes in (900, 9000, 40_000)]
        stages.append({"lead_id": f"L{i}", "stage": "inquiry", "entered_at": str(start - np.timedelta64(5, "D"))})
        stages.append({"lead_id": f"L{i}", "stage": "mql", "entered_at": str(start), "owner_id": owner})
        kind = rng.random()
        if kind < 0.8 and owner:
            seen.append({"lead_id": f"L{i}", "touched_at": str(later[0])})
            stage = "sal" if kind < 0.5 else "recycled"
            stages.append({"lead_id": f"L{i}", "stage": stage, "entered_at": str(later[0] + (later[1] - start)),
                           "owner_id": owner, "reason": "Not now" if stage == "recycled" else None})  # fmt: skip
    return {"stage_events": stages, "sales_touches": seen,
            "campaign_touches": [{"lead_id": "L1", "touched_at": "2025-01-02"}]}  # fmt: skip


def parts(tables: Any, agreed: Settings) -> list[Part]:
    handed = handed_of(tables, agreed)
    return [touch.part(tables, agreed, handed), custody.part(tables, agreed, handed, read_spells(tables))]


def test_planted_ownerless_time_is_found_and_a_sound_company_raises_nothing(make_tables: Any) -> None:
    for alone, level in ((0.25, "act"), (0.01, "good")):
        tables = make_tables(company(np.random.default_rng(8), 900, alone))
        found = {each.key: each for each in parts(tables, settings())[1].findings}
        assert found["funnel.ownerless"].level == level
        assert found["funnel.ownerless"].title.startswith("Leads had no owner for ")


def test_events_after_the_as_of_date_count_no_negative_days(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-01", "A sal 01-02 00:00 S", "B mql 12-20 00:00 S",
                                                 "C mql 01-01 00:00 S", "C recycled 01-09"),
                          "sales_touches": touches("B 12-21")})  # fmt: skip
    agreed = settings(as_of=date(2025, 6, 30))
    assert touch.decision(handed_of(tables, agreed), agreed)[0].tolist() == [1, 0, 8]
    assert (custody.held(tables, handed_of(tables, agreed), agreed)[["all", "alone", "waiting"]] >= 0).all(axis=None)
    assert parts(tables, agreed)


def test_what_leaks_in_the_legs_adds_up_to_the_leaks(make_tables: Any) -> None:
    tables = make_tables(company(np.random.default_rng(9), 300, 0.1))
    handed = handed_of(tables, settings())
    shown = exhibit(custody_of(tables), "funnel.relay")
    leaked = int(leaks.buckets(handed, tables, settings()).isin(leaks.LEAKS).sum())
    assert leaked > 20 and sum(row["leaked"] or 0 for row in shown.rows) == leaked
    for row in shown.rows:
        assert row["n"] == row["handed_on"] + (row["leaked"] or 0) + row["left"] + row["running"]


@pytest.mark.parametrize("clock", ["calendar", "business"])
def test_shuffled_rows_renamed_owners_and_a_year_of_weeks_give_the_same_figures(make_tables: Any, clock: str) -> None:
    rng, rows = np.random.default_rng(4), company(np.random.default_rng(3), 150, 0.1)
    for records in rows.values():
        for i, record in enumerate(records):
            record["record"] = i
    agreed = settings(promises={"clock": clock})
    plain = parts(make_tables(rows), agreed)
    shuffled = {name: [records[i] for i in rng.permutation(len(records))] for name, records in rows.items()}
    assert parts(make_tables(shuffled), agreed) == plain
    renamed = {name: [{**r, "owner_id": r["owner_id"] and f"Z{99 - int(r['owner_id'][1:])}"} if r.get("owner_id") else r
                      for r in records] for name, records in rows.items()}  # fmt: skip
    assert parts(make_tables(renamed), agreed) == plain
    times = ("entered_at", "touched_at")
    moved = {name: [{k: str(np.datetime64(v) + np.timedelta64(364, "D")) if k in times else v for k, v in r.items()}
                    for r in records] for name, records in rows.items()}  # fmt: skip
    assert parts(make_tables(moved), agreed.model_copy(update={"as_of": agreed.as_of + timedelta(days=364)})) == plain
