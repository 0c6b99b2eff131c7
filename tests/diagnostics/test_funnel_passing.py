"""The waterfall and time: steps a reader can count, sellers who differ, differences that mislead."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignlib.diagnostics.funnel import cohorts, deals, groups, passing
from alignlib.diagnostics.funnel.rates import coded, gap, going_on, owner_codes, rate, strata
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.diagnostics.funnel.steps import Step, ways
from alignlib.diagnostics.funnel.touch import handed_over
from alignlib.engagement import Settings, parse_settings
from alignlib.result import Exhibit, Part
from alignlib.stats import clustered_share, wilson

WORLDS = 1_000
OFTEN = int(binom.ppf(0.999, WORLDS, 0.05))  # a true rate of 5 % hardly ever gives more


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC, promises: {first_touch_hours: 24}}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def events(*rows: str, **more: Any) -> list[dict[str, Any]]:
    """'L1 mql 01-05 12:00' -> one stage event in 2025."""
    found = []
    for row in rows:
        lead, stage, day, *clock = row.split()
        found.append({"lead_id": lead, "stage": stage, "entered_at": f"2025-{day} {clock[0] if clock else '00:00'}"})
    return [row | more for row in found]


def part_of(tables: Any, leaked: Any = (), **changes: Any) -> Part:
    spells = read_spells(tables)
    flags, said = spells["lead_id"].isin(leaked).to_numpy(), settings(**changes)
    return passing.part(tables, said, spells, handed_over(tables, spells, said), flags)


def exhibit(part: Part, key: str) -> Exhibit:
    return next(each for each in part.exhibits if each.key == key)


def rows(part: Part, key: str) -> dict[str, dict[str, Any]]:
    return {str(row["label"]): row for row in exhibit(part, key).rows}


# --- steps ------------------------------------------------------------------------------------------------------------


def world(seed: int, n: int = 400, owners: int = 10) -> dict[str, list[dict[str, Any]]]:
    """Leads of a year that go on, come back, skip stages, or are dated the wrong way round; some have no owner."""
    rng = np.random.default_rng(seed)
    stages, exits = ["mql", "sal", "sql", "opportunity", "won"], ["recycled", "disqualified", "lost"]
    found: dict[str, list[dict[str, Any]]] = {"stage_events": [], "leads": [], "opportunities": [], "sales_touches": []}
    for i in range(n):
        lead, at = f"L{i:03}", float(rng.uniform(0, 320))
        owner = f"seller {rng.integers(owners)}" if rng.random() < 0.9 else None
        names = {"source": f"source {rng.integers(3)}", "segment": f"segment {rng.integers(2)}", "grade": "AB"[i % 2]}
        found["leads"].append({"lead_id": lead, "created_at": "2025-01-01", "owner_id": owner, **names})
        for _ in range(int(rng.integers(1, 3))):
            for stage in stages:
                if rng.random() < 0.2 and stage != "mql":
                    continue
                found["stage_events"].append(_event(lead, stage, at - (3 if rng.random() < 0.05 else 0)))
                if stage == "opportunity":
                    amount = int(rng.integers(1, 9)) * 100
                    number = f"D{len(found['opportunities'])}"
                    found["opportunities"].append({"opportunity_id": number, "lead_id": lead, "outcome": "open",
                                                   "amount": amount, "opened_at": "2025-06-01"})  # fmt: skip
                at += float(rng.exponential(12))
                if rng.random() < 0.3 or at > 364:
                    break
            if at < 360 and rng.random() < 0.5:
                found["stage_events"].append(_event(lead, str(rng.choice(exits)), at))
                at += 10
            if at > 360:
                break
        found["sales_touches"].append({"lead_id": lead, "touched_at": _time(min(at, 364.0))})
    return found


def _time(day: float) -> str:
    return str(np.datetime64("2025-01-01T00:00") + np.timedelta64(round(max(day, 0) * 1440), "m")).replace("T", " ")


def _event(lead: str, stage: str, day: float) -> dict[str, Any]:
    return {"lead_id": lead, "stage": stage, "entered_at": _time(day)}


def test_leads_that_become_opportunities_are_a_finding_of_their_own(make_tables: Any) -> None:
    # Of four leads of January one becomes an opportunity after 10 days, one is won without, one leaves, one stays.
    part = part_of(make_tables({"stage_events": events(
        "A mql 01-01", "A sal 01-05", "A opportunity 01-11", "B mql 01-01", "B won 01-31", "C mql 01-01",
        "C disqualified 01-02", "D mql 01-01")}), thresholds={"mql_to_opportunity": 0.95})  # fmt: skip
    found = {finding.key: finding for finding in part.findings}
    assert set(found) == {"funnel.mql_to_sal", "funnel.opportunity_to_won", "funnel.mql_to_opportunity",
                          "funnel.mql_to_won"}  # fmt: skip
    reached = found["funnel.mql_to_opportunity"]
    assert (reached.measure.value, reached.measure.k, reached.measure.n) == (pytest.approx(0.5), 2, 4)
    assert reached.level == "act" and "become opportunities within 90 days" in reached.title
    assert found["funnel.mql_to_won"].measure.value == pytest.approx(0.25)


def test_no_step_is_found_twice_when_stages_lie_side_by_side(make_tables: Any) -> None:
    part = part_of(make_tables({"stage_events": events("A mql 01-01", "A won 01-31", "B mql 01-01")}))
    assert [finding.key for finding in part.findings] == ["funnel.mql_to_won"]
    part = part_of(make_tables({"stage_events": events("A mql 01-01", "A opportunity 01-31", "B mql 01-01")}))
    assert [finding.key for finding in part.findings] == ["funnel.mql_to_opportunity"]


# --- who decides ------------------------------------------------------------------------------------------------------


def owned(owners: int, of_leads: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Each owner has ten leads of January; the first wins none of them within 90 days, the next one, and so on."""
    made: dict[str, list[dict[str, Any]]] = {"stage_events": [], "leads": []}
    for owner in range(owners):
        for i in range(10):
            lead, has = f"{owner}-{i}", f"seller {owner}"
            made["stage_events"] += events(f"{lead} mql 01-01")
            made["stage_events"] += events(f"{lead} won 01-20", owner_id=has) if i < owner else []
            made["leads"].append({"lead_id": lead, "created_at": "2025-01-01", "owner_id": has if of_leads else None})
    return made


def test_rates_are_clustered_once_sellers_can_differ(make_tables: Any) -> None:
    alone = owned(8)
    for row in [*alone["leads"], *alone["stage_events"]]:
        row |= {"owner_id": "one seller"} if row.get("owner_id") else {}
    few, many = (part_of(make_tables(rows)).findings[0].measure for rows in (alone, owned(8)))
    assert few.method == "cumulative incidence, 95 %"
    assert many.method == "cumulative incidence, clustered by owner, 95 %"
    share = clustered_share(range(8), [10] * 8)
    assert many.value == share.value == 28 / 80
    assert many.low is not None and many.high is not None and share.low is not None and share.high is not None
    assert many.high - many.low == pytest.approx(share.high - share.low, rel=0.05)  # only the scales differ
    assert many.high - many.low > 1.5 * ((wilson(28, 80).high or 0) - (wilson(28, 80).low or 0))


def test_owners_known_only_from_wins_cluster_nothing(make_tables: Any) -> None:
    tables = make_tables(owned(9, of_leads=False))
    assert owner_codes(tables, read_spells(tables)) is None
    assert part_of(tables).findings[0].measure.method == "cumulative incidence, 95 %"


def test_a_case_nobody_held_stands_alone() -> None:
    codes = np.repeat(np.arange(10), 20)
    hits = np.random.default_rng(1).random(200) < 0.4
    found = rate(np.append(hits, np.zeros(50, bool)), np.append(codes, np.full(50, -1)))
    named = pd.Series([None if code < 0 else f"seller {code}" for code in np.append(codes, np.full(50, -1))])
    assert found == rate(np.append(hits, np.zeros(50, bool)), named)
    expected = clustered_share(np.bincount(codes, hits), np.full(10, 20), (0, 50))
    assert (found.low, found.high) == (expected.low, expected.high)
    assert rate(hits, np.full(200, -1)).method == "Wilson 95 %" == rate(hits).method


# --- the waterfall ----------------------------------------------------------------------------------------------------


def test_a_deal_counts_once_at_every_stage_its_lead_got_to(make_tables: Any) -> None:
    # A comes back after recycling and is won for 500; B's deal of 300 is open; C's was lost; nobody's deal counts not.
    opportunities = [
        {"opportunity_id": "1", "lead_id": "A", "outcome": "won", "amount": 500},
        {"opportunity_id": "2", "lead_id": "B", "outcome": "open", "amount": 300},
        {"opportunity_id": "3", "lead_id": "C", "outcome": "lost", "amount": 900},
        {"opportunity_id": "4", "outcome": "won", "amount": 7_000},
    ]
    tables = make_tables({"opportunities": opportunities, "stage_events": events(
        "A mql 01-01", "A recycled 01-05", "A mql 02-01", "A opportunity 02-10", "A won 03-01", "B mql 01-01",
        "B opportunity 02-01", "C mql 01-01", "C opportunity 01-10", "C lost 02-01", "D mql 01-01")})  # fmt: skip
    part = part_of(tables)
    assert [row["amount"] for row in exhibit(part, "funnel.waterfall").rows] == [800, 800, 500]
    assert [gap.what for gap in part.not_judged] == [
        "Whether leads of some sources, segments or grades go on more often"
    ]


def test_value_is_not_judged_when_no_deal_names_its_lead(make_tables: Any) -> None:
    deal = {"opportunity_id": "1", "outcome": "won", "amount": 500}
    part = part_of(make_tables({"opportunities": [deal], "stage_events": events("A mql 01-01", "A won 01-31")}))
    assert exhibit(part, "funnel.waterfall").rows[0]["amount"] is None
    assert "no opportunity names the lead it came from" in [gap.why for gap in part.not_judged]


def test_the_plain_division_stands_beside_the_rate_that_counts_open_leads(make_tables: Any) -> None:
    old = [row for i in range(4) for row in (f"O{i} mql 01-01", *([f"O{i} won 01-11"] if i < 2 else []))]
    part = part_of(make_tables({"stage_events": events(*old, *(f"Y{i} mql 12-31" for i in range(4)))}), ["O2", "O3"])
    first, last = exhibit(part, "funnel.waterfall").rows
    assert (first["go_on"], first["naive"]) == (pytest.approx(0.5), 0.25)
    assert (first["leaked"], first["decided"], first["open"], last["n"]) == (2, 0, 4, 2)
    assert exhibit(part, "funnel.waterfall").title == "2 of the 2 leaked leads stopped before the end"


def test_rates_under_the_other_path_rules_are_told(make_tables: Any) -> None:
    # A passes everything; B skips acceptance; C is accepted only; D stays.
    shown = exhibit(part_of(make_tables({"stage_events": events(
        "A mql 01-01", "A sal 01-02", "A sql 01-03", "A won 01-04", "B mql 01-01", "B sql 01-03", "B won 01-05",
        "C mql 01-01", "C sal 01-09", "D mql 01-01")})), "funnel.waterfall")  # fmt: skip
    counts = {row["label"]: [row[f"n_{path}"] for path in ("strict", "any", "backfilled")] for row in shown.rows}
    assert (counts["Accepted"], counts["Qualified"], counts["Won"]) == ([2, 2, 3], [1, 2, 2], [1, 2, 2])
    # Of all handed over 2 of 4 are accepted under strict, 3 under any; of the accepted 1 of 2 qualify, then 2 of 3;
    # of all handed over 1 of 4 is won in order, 2 in any way.
    assert shown.read.endswith(
        "Under the others no rate moves by more than 25 percentage points and no stage by more than 1 lead."
    )
    same = part_of(make_tables({"stage_events": events("A mql 01-01", "A won 01-04", "B mql 01-01")}))
    assert exhibit(same, "funnel.waterfall").read.endswith(
        "Under the others no rate moves by more than 0 percentage points and no stage by more than 0 leads."
    )


def test_handovers_are_told_from_leads_and_what_is_open_from_what_leaked(make_tables: Any) -> None:
    # A comes back; B was touched by nobody (leaked); C is open.
    part = part_of(make_tables({"stage_events": events("A mql 01-01", "A recycled 01-05", "A mql 02-01", "A won 02-10",
                                                       "B mql 01-01", "C mql 12-30")}), ["B"])  # fmt: skip
    assert exhibit(part, "funnel.waterfall").lead == (
        "4 handovers of 3 leads created from 1 January 2025 to 31 December 2025, seen until 31 December 2025; "
        "1 won so far."
    )
    assert "1 of 4 seen to go on within 90 days, 2 not decided yet, 1 of them leaked." in part.findings[0].detail


def test_times_in_stage_keep_open_leads_and_say_what_was_not_reached(make_tables: Any) -> None:
    gone = [row for i in range(8) for row in (f"G{i} mql 01-01", f"G{i} won 01-{2 + i:02}")]
    part = part_of(make_tables({"stage_events": events(*gone, "S1 mql 01-01", "S2 mql 01-01")}))
    row = exhibit(part, "funnel.stages").rows[0]
    assert (row["median"], row["p75"], row["p90"], row["closed_only"]) == (5, 8, None, 4.5)
    assert row["note"] == "nine in ten: not reached" and row["open"] == 2
    assert exhibit(part, "funnel.stages").title == ("Handed over takes longest: half have left it after 5 days")


def test_no_stage_is_called_the_longest_while_half_of_another_have_not_left(make_tables: Any) -> None:
    def title(*rows: str) -> str:
        return exhibit(part_of(make_tables({"stage_events": events(*rows)})), "funnel.stages").title

    slow = ("A mql 01-01", "A sal 01-03", "A won 01-13", "B mql 01-01", "B sal 01-05", "B won 01-13")
    assert title(*slow) == "Accepted takes longest: half have left it after 8 days"
    stuck = [f"{lead} mql 01-01" for lead in "CDEFG"]
    assert title(*slow, *stuck) == "Fewer than half of the leads have left this stage: Handed over"


def test_a_stage_nobody_reaches_under_the_strict_rule_has_no_rate(make_tables: Any) -> None:
    part = part_of(make_tables({"stage_events": events("A mql 01-01", "A sql 01-02", "B sal 01-03", "B won 01-09")}),
                   funnel={"path": "strict"})  # fmt: skip
    shown = {row["stage"]: row for row in exhibit(part, "funnel.waterfall").rows}
    assert (shown["sal"]["n"], shown["sal"]["go_on"], shown["sal"]["naive"]) == (0, None, None)
    assert {finding.key for finding in part.findings} == {"funnel.mql_to_sal", "funnel.mql_to_won"}


def test_leads_of_before_wins_were_recorded_stay_in_counts_and_leave_rates(make_tables: Any) -> None:
    early, late = [f"E{i} mql 01-01" for i in range(6)], [f"L{i} mql 03-01" for i in range(4)]
    part = part_of(make_tables({"stage_events": events(*early, *late, "L0 won 03-11", "E0 won 03-12")}),
                   funnel={"tracking_since": {"won": "2025-03-01"}})  # fmt: skip
    first = exhibit(part, "funnel.waterfall").rows[0]
    assert (first["n"], first["go_on"], first["naive"]) == (10, pytest.approx(0.25), 0.2)
    assert any("recorded only since 1 March 2025" in caveat for caveat in part.caveats)


# --- groups and cohorts -----------------------------------------------------------------------------------------------


def two_sources(young: int, won: int) -> list[dict[str, Any]]:
    """Source *old*: 120 leads of January, 60 won; *new*: 120 of January, ``won`` won, and ``young`` of December."""
    made = [row for i in range(120) for row in (f"old{i} mql 01-01", *([f"old{i} won 01-11"] if i < 60 else []))]
    made += [row for i in range(120) for row in (f"new{i} mql 01-01", *([f"new{i} won 01-11"] if i < won else []))]
    return events(*made, *(f"new{120 + i} mql 12-31" for i in range(young)))


def sourced(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    names = sorted({str(row["lead_id"]) for row in found})
    return {"stage_events": found, "leads": [
        {"lead_id": name, "created_at": "2025-01-01", "source": name[:3], "segment": "ab"[len(name) % 2]}
        for name in names]}  # fmt: skip


def test_a_young_source_is_compared_at_equal_age(make_tables: Any) -> None:
    part = part_of(make_tables(sourced(two_sources(young=240, won=60))))
    by = rows(part, "funnel.by_source")
    assert (by["new"]["value"], by["new"]["equal_value"], by["new"]["seen"]) == (60 / 360, 0.5, 120)
    assert by["old"]["value"] == by["old"]["equal_value"] == 0.5
    assert exhibit(part, "funnel.by_source").title.startswith("120 of 480 leads were won so far")  # no claim
    differ = exhibit(part_of(make_tables(sourced(two_sources(young=240, won=20)))), "funnel.by_source").title
    assert differ == "Sources differ: 6\u00a0% of new leads were won so far, 50\u00a0% of old"  # as it is drawn
    blank = [row | {"lead_id": f"x{row['lead_id']}"} for row in two_sources(young=0, won=20)]
    made = sourced([*two_sources(young=240, won=20), *blank])
    for lead in made["leads"]:
        lead["source"] = None if lead["source"].startswith("x") else lead["source"]
    unnamed = exhibit(part_of(make_tables(made)), "funnel.by_source")
    assert unnamed.title == differ
    assert "differ most at that age: 17\u00a0% of new, 50\u00a0% of old." in unnamed.read


def test_a_source_has_one_interval_wherever_it_is_shown(make_tables: Any) -> None:
    part = part_of(make_tables(world(11, n=600)))
    by, among = rows(part, "funnel.by_source"), rows(part, "funnel.groups")
    assert len(by) == 4 and "clustered by owner" in exhibit(part, "funnel.by_source").read
    for name in ("source 0", "source 1", "source 2"):
        mine, theirs = by[name], among[f"Source: {name}"]
        assert mine["seen"] == theirs["n"]
        shown = [mine["equal_value"], mine["equal_low"], mine["equal_high"]]
        assert shown == [theirs["won_value"], theirs["won_low"], theirs["won_high"]]
        assert mine["low"] != wilson(mine["k"], mine["n"]).low


def test_groups_are_rated_among_leads_seen_for_the_whole_horizon(make_tables: Any) -> None:
    part = part_of(make_tables(sourced(two_sources(young=240, won=20))))
    by = rows(part, "funnel.groups")
    assert (by["Source: new"]["k"], by["Source: new"]["n"], by["Source: new"]["leads"]) == (20, 120, 360)
    assert by["Source: old"]["median_days"] == 10 and by["Source: new"]["median_days"] is None
    assert exhibit(part, "funnel.groups").title == "Leads are won within 90 days more or less often by source"
    assert "By grade nothing can be said" in exhibit(part, "funnel.groups").says_not


def test_small_groups_are_put_together(make_tables: Any) -> None:
    found = events(*(f"L{i} mql 01-01" for i in range(60)), "L0 won 01-05")
    leads = [{"lead_id": f"L{i}", "created_at": "2025-01-01", "source": f"source {i % 12}"} for i in range(60)]
    part = part_of(make_tables({"stage_events": found, "leads": leads}))
    labels = list(rows(part, "funnel.groups"))
    assert len(labels) == groups.MOST + 1 and labels[-1] == "Source: 5 others"
    assert sum(row["leads"] for row in exhibit(part, "funnel.groups").rows) == 60
    assert len(exhibit(part, "funnel.by_source").rows) == 13  # each source by itself, and all


def cohort_world(rng: np.random.Generator) -> tuple[Step, pd.Series, np.ndarray]:
    """Nine months of leads, no change but of sellers: 12, then 12 others, with intra-class correlation .05."""
    n, strength = 1_500, 0.95 / 0.05
    started = np.sort(rng.integers(0, 270, n))
    chance = rng.beta(0.3 * strength, 0.7 * strength, 24)
    owners = rng.integers(0, 12, n) + 12 * (started >= 243)
    won = rng.random(n) < chance[owners]
    days = np.where(won, 20.0, 365.0 - started)
    start = pd.Series(np.datetime64("2025-01-01T00:00:00", "us") + started.astype("m8[D]"))
    return Step("mql", "won", np.ones(n, bool), days, np.where(won, 1, 0)), start, owners


def test_a_company_in_which_nothing_changes_is_not_told_of_a_change() -> None:
    rng, agreed = np.random.default_rng(20260331), settings()
    clustered = plain = 0
    for _ in range(WORLDS):
        one, start, owners = cohort_world(rng)
        found = cohorts.cohorts(one, start, agreed, owners)
        finding = cohorts.change(found)[1]
        assert finding is not None and finding.measure.method == "difference of shares, clustered by owner, 95 %"
        clustered += finding.level != "unclear"
        hit, before = found.of(found.usable[-1:])[0], found.of(found.usable[:-1])[0]
        alone = gap(hit, before)
        plain += bool((alone.low or 0) > 0 or (alone.high or 0) < 0)
    assert clustered <= OFTEN
    assert plain > 2 * OFTEN  # a plain interval cries wolf when sellers change


def test_a_fall_that_every_seller_shares_is_seen() -> None:
    rng = np.random.default_rng(3)
    one, start, owners = cohort_world(rng)
    late = (start >= pd.Timestamp("2025-07-01")).to_numpy() & (rng.random(len(start)) < 0.5)
    fallen = Step(one.stage, one.next, one.members, one.days, np.where(late, 0, one.outcome))
    title, finding = cohorts.change(cohorts.cohorts(fallen, start, settings(), owners))
    assert finding is not None and finding.level == "watch" and "won less often" in title
    shown = cohorts.exhibit(cohorts.cohorts(fallen, start, settings(), owners), title)
    assert [row["label"] for row in shown.rows] == ["January 2025", *(f"{m} 2025" for m in (
        "February", "March", "April", "May", "June", "July", "August", "September"))]  # fmt: skip
    assert "clustered by owner" in shown.read


# --- differences that mislead -----------------------------------------------------------------------------------------

# R datasets::UCBAdmissions (Bickel, Hammel & O'Connell 1975): men admitted, rejected; women admitted, rejected.
BERKELEY = [[512, 313, 89, 19], [353, 207, 17, 8], [120, 205, 202, 391], [138, 279, 131, 244], [53, 138, 94, 299],
            [22, 351, 24, 317]]  # fmt: skip


def admissions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = [(d, i) for d, counts in enumerate(BERKELEY) for i, n in enumerate(counts) for _ in range(n)]
    department, cell = np.array(cells).T
    return cell % 2 == 0, cell < 2, department


def test_berkeleys_difference_turns_within_departments() -> None:
    found = strata(*admissions())
    assert found is not None and found.flagged and found.strata == 6
    assert found.pooled.value == pytest.approx(1_198 / 2_691 - 557 / 1_835)  # 44.5 % against 30.4 %
    assert found.within.value is not None and found.within.value < 0


def test_strata_by_hand() -> None:
    # Stratum 0: 8 of 10 against 2 of 5; stratum 1: 1 of 5 against 1 of 10. Weights 10 x 5 / 15 each: (.4 + .1) / 2.
    hit = np.array([1] * 8 + [0] * 2 + [1] * 2 + [0] * 3 + [1] + [0] * 4 + [1] + [0] * 9, bool)
    exposed = np.array([1] * 10 + [0] * 5 + [1] * 5 + [0] * 10, bool)
    found = strata(hit, exposed, np.repeat([0, 1], 15))
    assert found is not None and found.within.value == pytest.approx(0.25)
    assert found.pooled.value == pytest.approx(9 / 15 - 3 / 15)
    assert strata(hit[:10], exposed[:10], np.zeros(10, int)) is None  # nobody to compare with


def test_differences_that_the_mix_does_not_bend_are_not_flagged() -> None:
    rng = np.random.default_rng(20260331)
    flagged = 0
    for _ in range(WORLDS):
        stratum, exposed = rng.integers(0, 4, 600), rng.random(600) < 0.4
        found = strata(rng.random(600) < np.array([0.05, 0.1, 0.5, 0.8])[stratum], exposed, stratum)
        assert found is not None
        flagged += found.flagged
    assert flagged <= OFTEN


def test_a_planted_reversal_is_flagged_and_told(make_tables: Any) -> None:
    # Segment a is won half the time, b one time in ten; source *good* brings mostly a and does worse in each.
    plan = {("good", "a"): (200, 80), ("good", "b"): (50, 2), ("weak", "a"): (50, 28), ("weak", "b"): (200, 24)}
    found, leads = [], []
    for (source, segment), (n, won) in plan.items():
        for i in range(n):
            lead = f"{source}{segment}{i}"
            found += [f"{lead} mql 01-01"] + ([f"{lead} won 01-15"] if i < won else [])
            leads.append({"lead_id": lead, "created_at": "2025-01-01", "source": source, "segment": segment})
    part = part_of(make_tables({"stage_events": events(*found), "leads": leads}))
    by = rows(part, "funnel.strata")
    assert by["Two sources: all"]["value"] == pytest.approx(82 / 250 - 52 / 250)
    assert by["Two sources: by segment"]["value"] < 0
    assert (by["Two sources: by segment"]["note"], by["Two sources: by segment"]["n"]) == ("turns", 500)
    title = exhibit(part, "funnel.strata").title
    assert title == "1 of 1 differences can be told over all leads; of these hold among like leads: none"
    assert "Two sources: good less weak." in exhibit(part, "funnel.strata").read
    assert any("good less weak: 12" in caveat and "same segment" in caveat for caveat in part.caveats)


def test_a_score_that_decides_who_is_touched_undoes_a_difference() -> None:
    # Leads of high score are touched in time and won; within each quarter of the score touches change nothing.
    rng, n = np.random.default_rng(5), 4_000
    score = rng.uniform(0, 100, n)
    in_time, hit = rng.random(n) < score / 100, rng.random(n) < score / 100
    grades = {"grade": (np.array(["A", "B"]), rng.integers(0, 2, n))}
    told = groups.Difference("In time less late", "Touched in time less late", np.arange(n), hit, in_time)
    (held,) = groups.compare([told], grades, score, None)
    assert set(held.within) == {"grade", "score"} and held.is_told and held.within["score"].strata == 4
    assert held.fails("score") == "changes" and held.fails("grade") == ""
    shown = groups.strata_exhibit([held], "within 90 days")
    assert shown.title == "1 of 1 differences can be told over all leads; of these hold among like leads: none"
    assert [row["n"] for row in shown.rows] == [n, n, n]
    few = np.where(np.arange(n) % 5 < 3, np.nan, score)  # a score that most do not have is no cut
    assert set(groups.compare([told], grades, few, None)[0].within) == {"grade"}


def test_the_title_vouches_only_for_differences_that_can_be_told() -> None:
    rng, n = np.random.default_rng(6), 2_000
    exposed, none = rng.random(n) < 0.5, np.full(n, np.nan)
    grades = {"grade": (np.array(["A", "B"]), rng.integers(0, 2, n))}
    plain = groups.Difference("One", "One less other", np.arange(n), rng.random(n) < 0.3 + 0.2 * exposed, exposed)
    chance = groups.Difference("Two", "Two less other", np.arange(n), rng.random(n) < 0.3, exposed)
    both, alone = groups.compare([plain, chance], grades, none, None), groups.compare([chance], grades, none, None)
    shown = groups.strata_exhibit(both, "within 90 days")
    assert shown.title == "1 of 2 differences can be told over all leads; of these hold among like leads: “One”"
    assert {row["label"]: row["note"] for row in shown.rows}["Two: all"] == "cannot be told"
    assert groups.strata_exhibit(alone, "within 90 days").title.startswith("0 of 1 differences can be told over all")


def test_the_change_of_cohorts_has_one_interval_in_its_finding_and_among_differences(make_tables: Any) -> None:
    part = part_of(make_tables(world(12, n=900)))
    change = next(f for f in part.findings if f.key == "funnel.cohorts").measure
    row = rows(part, "funnel.strata")["Latest cohort: all"]
    assert "clustered" in change.method and (row["value"], row["low"], row["high"]) == (
        change.value, change.low, change.high)  # fmt: skip


def test_touched_in_time_is_compared_within_like_leads_where_touches_are_at_hand(make_tables: Any) -> None:
    tables = make_tables(world(6))
    spells = read_spells(tables)
    handed = handed_over(tables, spells, settings())
    compared = rows(part_of(tables), "funnel.strata")["In time less late: by grade"]
    old = handed["mql_at"] + pd.Timedelta(days=90) <= pd.Timestamp("2026-01-01")
    late_or_in_time = handed["in_time"].notna() & handed["first_touch_at"].notna() & old  # never touched: left out
    assert compared["n"] == late_or_in_time.sum() < (handed["in_time"].notna() & old).sum()


# --- the same figures whatever the names ------------------------------------------------------------------------------


def told(part: Part) -> Any:
    return json.loads(json.dumps(asdict(part), default=lambda record: record.model_dump(mode="json")))


def test_row_order_and_names_of_owners_do_not_matter(make_tables: Any) -> None:
    made, rng = world(7), np.random.default_rng(1)
    one = part_of(make_tables(made))
    names = rng.permutation(10)
    for lead in made["leads"]:
        if lead["owner_id"]:
            lead["owner_id"] = f"X{names[int(str(lead['owner_id'])[-1])]}"
    made = {name: [found[i] for i in rng.permutation(len(found))] for name, found in made.items()}
    assert any("clustered" in finding.measure.method for finding in one.findings)
    assert _rounded(told(part_of(make_tables(made)))) == _rounded(told(one))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_dates_shifted_by_364_days_give_the_same_figures(make_tables: Any) -> None:
    made = world(8)
    one = part_of(make_tables(made))
    for name, column in (("stage_events", "entered_at"), ("sales_touches", "touched_at")):
        for row in made[name]:
            row[column] = str(pd.Timestamp(row[column]) + pd.Timedelta(days=364))
    moved = {"period": {"start": "2025-12-31", "end": "2026-12-30"}, "as_of": "2026-12-30"}
    other = part_of(make_tables(made), **moved)
    for key in ("funnel.waterfall", "funnel.stages", "funnel.by_source", "funnel.groups"):
        assert _rounded(exhibit(other, key).rows) == _rounded(exhibit(one, key).rows)
    assert [f.measure for f in other.findings][:-1] == [f.measure for f in one.findings][:-1]  # cohorts are of months


def test_no_seller_and_no_lead_is_named(make_tables: Any) -> None:
    said = json.dumps(told(part_of(make_tables(world(9)))))
    assert "seller" not in said.replace("sellers", "") and "L00" not in said


# --- deals ------------------------------------------------------------------------------------------------------------


def test_every_group_of_deals_allows_for_sellers_once_they_can_differ(make_tables: Any) -> None:
    made = [
        {"opportunity_id": f"{owner}-{i}", "outcome": "won" if i < owner else "lost", "owner_id": f"S{owner}",
         "opened_at": "2025-01-01", "closed_at": "2025-02-01", "region": "east" if owner < 8 else "west"}
        for owner in range(10) for i in range(10)
    ]  # fmt: skip
    shown = deals.win_rates(deals.read_deals(make_tables({"opportunities": made})), settings())
    by, east = {str(row["label"]): row for row in shown.rows}, clustered_share(range(8), [10] * 8)
    assert (by["Region: east"]["k"], by["Region: east"]["n"]) == (28, 80)
    assert (by["Region: east"]["low"], by["Region: east"]["high"]) == (east.low, east.high)
    assert by["Region: west"]["low"] == clustered_share([8, 9], [10, 10]).low
    assert next(iter(by)) == "All closed, sellers differing"
    assert by["All closed, sellers differing"]["note"] == "clustered by 10 owners"
    assert by["All closed"]["low"] == wilson(45, 100).low


def test_quarters_at_the_edges_of_the_record_say_so(make_tables: Any) -> None:
    days = ("2024-12-30", "2025-02-01", "2025-08-01", "2025-11-01", "2026-01-10")
    made = [{"opportunity_id": day, "outcome": "won", "opened_at": "2024-12-01", "closed_at": day} for day in days]
    found = deals.read_deals(make_tables({"opportunities": made}))
    agreed = settings(period={"start": "2025-01-01", "end": "2025-08-31"}, as_of="2026-02-15")
    notes = {row["label"]: row["note"] for row in deals.win_rates(found, agreed).rows}
    assert notes == {
        "All closed": "", "Closed in Q4 2024": "start of the record", "Closed in Q1 2025": "", "Closed in Q3 2025": "",
        "Closed in Q4 2025": "after the period", "Closed in Q1 2026": "to 15 February only",
    }  # fmt: skip
    agreed = settings(period={"start": "2025-01-01", "end": "2025-12-31"}, as_of="2026-03-31")
    assert deals.win_rates(found, agreed).rows[-1]["note"] == "after the period"


def test_deals_of_unknown_length_leave_medians_and_are_counted_by_why(make_tables: Any) -> None:
    # One won after 10 days, one after 20, one closed before it was opened, one without a date; one open, planned ahead.
    made = [
        {"opportunity_id": "1", "outcome": "won", "opened_at": "2025-01-01", "closed_at": "2025-01-11", "amount": 100},
        {"opportunity_id": "2", "outcome": "won", "opened_at": "2025-01-01", "closed_at": "2025-01-21"},
        {"opportunity_id": "3", "outcome": "won", "opened_at": "2025-03-01", "closed_at": "2023-01-01"},
        {"opportunity_id": "4", "outcome": "lost", "opened_at": "2025-01-01"},
        {"opportunity_id": "5", "outcome": "open", "opened_at": "2025-12-01", "closed_at": "2026-06-01"},
    ]
    found = deals.read_deals(make_tables({"opportunities": made}))
    days, ended, odd = deals.durations(found, settings())
    assert (days.tolist(), ended.tolist()) == ([10, 20, 30], [1, 1, 0])
    assert odd == ["1 closed without a date", "1 closed before opened"]
    shown = deals.summary(found, settings())
    by = {row["label"]: row for row in shown.rows}
    assert shown.is_detail and shown.title == "3 opportunities won for \u20ac1, half of them within 15 days"
    assert (by["Won"]["median_days"], by["Won"]["note"]) == (15, "1 closed before opened")
    assert (by["Lost"]["median_days"], by["Lost"]["note"]) == (None, "no amount recorded; 1 closed without a date")
    whole = by["All, open ones still counting"]["note"]
    assert whole.startswith("67\u00a0% of 3 opportunities, with or without a lead, won within 30 days")
    few = deals.summary(found[found["opportunity_id"].isin(["1", "3", "4"])], settings()).rows[-1]["note"]
    assert few == "1 closed without a date; 1 closed before opened"  # most are left out: no share of the rest


def test_a_rate_beyond_the_longest_follow_up_is_none(make_tables: Any) -> None:
    one = ways(read_spells(make_tables({"stage_events": events("A mql 12-01", "A won 12-05", "B mql 12-02")})),
               settings(), "any")["mql_to_won"]  # fmt: skip
    assert going_on(one, 365).value == going_on(one, 30).value


def test_segments_side_by_side_hold_the_same_leads_as_the_waterfall(make_tables: Any) -> None:
    # Four leads of East: one accepted after a day, one after three, one sent away, one open; one lead of West. F of
    # North was never handed over, and no file says of which segment G is: neither stands beside them.
    stages = events("A mql 01-01", "A sal 01-02", "B mql 01-01", "B sal 01-04", "C mql 01-01", "C disqualified 01-05",
                    "D mql 12-31", "E mql 01-01", "E sal 01-02", "F inquiry 01-01", "G mql 01-01",
                    "G sal 01-02")  # fmt: skip
    leads = [{"lead_id": lead, "created_at": "2025-01-01", "segment": {"E": "West", "F": "North"}.get(lead, "East")}
             for lead in "ABCDEF"]  # fmt: skip
    part = part_of(make_tables({"stage_events": stages, "leads": leads}))
    shown = {exhibit.key: exhibit for exhibit in part.exhibits}["funnel.segments"]
    east, west = shown.rows
    assert (east["label"], east["mql"], east["sal"], west["mql"], west["sal"]) == ("East", 4, 2, 1, 1)
    # D is watched for one day: A goes on among four, B among the two that are left of three quarters.
    assert (east["go_on"], east["median"], west["go_on"]) == (pytest.approx(1 / 4 + 3 / 4 / 2), 3.0, 1.0)
    assert shown.title == "East brings 2 of 3 leads accepted, and 4 of 5 handed over"


def test_free_text_in_a_column_of_groups_is_not_told_value_by_value() -> None:
    named = pd.Series(["Web"] * 30 + ["Fair"] * 6 + [f"Referral by Person {i}" for i in range(40)] + [None] * 5)
    names, codes = coded(named)
    assert names.tolist() == ["(rare values)", "Web", "Fair", "(blank)"]
    assert np.bincount(codes).tolist() == [40, 30, 6, 5]
    few = pd.Series(["Web", "by kim@example.com"])
    assert sorted(coded(few)[0]) == ["Web", "by [e-mail address]"]
