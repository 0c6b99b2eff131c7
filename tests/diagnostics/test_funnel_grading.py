"""Grading, the profile of won leads and the order of work: leads to count by hand, then planted and null worlds."""

import json
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from alignlib.diagnostics.funnel import grading, profile, work_order
from alignlib.diagnostics.funnel.rates import gap
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.diagnostics.funnel.touch import handed_over
from alignlib.engagement import Settings, parse_settings
from alignlib.intake.tables import Tables
from alignlib.result import NotJudged, Part, Row
from alignlib.stats import Interval, newcombe, wilson
from alignlib.words import interval, value

WORLDS, SEED = 1_000, 20260331
LOWEST, HIGHEST = (int(binom.ppf(p, WORLDS, 0.95)) for p in (0.001, 0.999))
START = pd.Timestamp("2025-01-01")


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC, promises: {first_touch_hours: 24}, funnel: {horizon_days: 90}}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def lead(name: str, score: float | None = None, **said: Any) -> dict[str, Any]:
    """One lead, handed over on day ``on`` of 2025; other stages after so many days: sql=20, lost=30."""
    return {"lead_id": name, "score": score, "on": 0, **said}


STAGES = ("sal", "sql", "opportunity", "won", "recycled", "disqualified", "lost")
ABOUT = ("source", "segment", "persona", "grade", "score", "owner_id")


def at(days: float, shift: int = 0) -> str:
    return str(START + pd.Timedelta(days=days + shift))[:19]


def rows_of(leads: list[dict[str, Any]], shift: int = 0) -> dict[str, list[dict[str, Any]]]:
    """The files as exported at the end of the year (shifted): nothing in them lies in the future."""
    events, files, touches, campaigns = [], [], [], []
    for one in leads:
        name, on = one["lead_id"], one["on"]
        files.append({"lead_id": name, "created_at": at(on, shift), **{key: one.get(key) for key in ABOUT}})
        days = {"inquiry": one.get("inquiry"), "mql": 0, **{stage: one.get(stage) for stage in STAGES}}
        events += [{"lead_id": name, "stage": stage, "entered_at": at(on + day, shift)}
                   for stage, day in days.items() if day is not None and on + day < 365]  # fmt: skip
        touches += [{"lead_id": name, "touched_at": at(on + day, shift)} for day in one.get("touched", [])]
        campaigns += [{"lead_id": name, "touched_at": at(on + day, shift)} for day in one.get("responded", [])]
    return {"stage_events": events, "leads": files, "sales_touches": touches, "campaign_touches": campaigns}


def graded(make_tables: Any, leads: list[dict[str, Any]], **changes: Any) -> Part:
    said = settings(**changes)
    tables = make_tables(rows_of(leads))
    return grading.part(said, handed_over(tables, read_spells(tables), said))


def rows(part: Part, key: str) -> dict[str, Row]:
    return {str(row["label"]): row for row in next(e for e in part.exhibits if e.key == key).rows}


def keys(part: Part) -> set[str]:
    return {found.key for found in (*part.findings, *part.exhibits)}


def whats(missing: list[NotJudged]) -> str:
    return " | ".join(gap.what for gap in missing)


FIVE = [lead("A", 80, sql=10), lead("B", 60, sql=20, won=50), lead("C", 70), lead("D", 50, lost=5), lead("E", 40)]


# --- does the score order leads ---------------------------------------------------------------------------------------


def test_five_of_six_pairs_are_in_order(make_tables: Any) -> None:
    found = graded(make_tables, FIVE).findings[0]  # only B (60) stands below C (70)
    assert found.measure.value == pytest.approx(5 / 6) and (found.measure.k, found.measure.n) == (2, 5)
    assert found.level == "unclear" and found.settle and "DeLong" in found.measure.method
    assert "2 of 5 leads qualify within 90 days; Somers’ D 0.67 (" in found.detail  # 5/6 less 1/6
    assert "the same for wins: 50" in found.detail  # B: above D and E, not A and C


def test_a_lead_that_qualifies_after_the_horizon_did_not_qualify_within_it(make_tables: Any) -> None:
    late = [*FIVE[1:], lead("A", 80, sql=91)]
    assert graded(make_tables, late).findings[0].measure.value == pytest.approx(2 / 4)
    early = [*FIVE[1:], lead("A", 80, sql=-1)]  # dated before the handover: it did qualify, only the day is wrong
    assert graded(make_tables, early).findings[0].measure.value == pytest.approx(5 / 6)


def test_young_leads_are_left_out_even_those_that_already_qualified_or_left(make_tables: Any) -> None:
    young = [lead("Y1", 1, on=300, sql=3), lead("Y2", 99, on=300, disqualified=2), lead("Y3", 50, on=300)]
    found = graded(make_tables, FIVE + young).findings[0]
    assert found.measure == graded(make_tables, FIVE).findings[0].measure
    assert "3 too young to tell left out" in found.detail
    sooner = graded(make_tables, FIVE + young, funnel={"horizon_days": 30}).findings[0]
    assert found.measure.value != sooner.measure.value


def test_a_score_that_only_hastens_the_exit_does_not_look_better_for_it(make_tables: Any) -> None:
    # Every third lead qualifies, whatever its score; of the others those with a low score are sent away at once.
    leads = [lead(f"L{i}", i % 10, on=i % 360, **({"sql": 5} if i % 3 == 0 else {"lost": 2 if i % 10 < 5 else 80}))
             for i in range(1_800)]  # fmt: skip
    found = graded(make_tables, leads).findings[0].measure
    assert (found.low or 1) < 0.5 < (found.high or 0)
    said, tables = settings(), make_tables(rows_of(leads))
    handed = handed_over(tables, read_spells(tables), said)
    ended = handed[(handed["mql_at"] <= at(275)) | handed["sql_at"].notna() | handed["exit"].notna()]
    high = pd.Series(ended["score"] >= 5)
    assert ended[high]["sql_at"].notna().mean() > ended[~high]["sql_at"].notna().mean() + 0.02  # what it would say


@pytest.mark.parametrize(("stage", "word"), [("sql", "qualified"), ("opportunity", "opportunity"), ("won", "was won")])
def test_where_qualifying_is_not_recorded_the_next_stage_stands_for_it(make_tables: Any, stage: str, word: str) -> None:
    part = graded(make_tables, [lead("A", 80, **{stage: 10}), lead("B", 30), lead("C", 20)])
    assert word in part.findings[0].title and part.findings[0].measure.k == 1


def test_who_skips_qualifying_and_becomes_an_opportunity_has_qualified(make_tables: Any) -> None:
    part = graded(make_tables, [lead("A", 80, opportunity=10), lead("B", 60, sql=5), lead("C", 20)])
    assert part.findings[0].measure.k == 2


def test_leads_of_the_time_before_qualifying_was_recorded_are_left_out(make_tables: Any) -> None:
    before = [lead(f"Old {i}", 90, on=i % 30) for i in range(40)]
    after = [{**one, "on": 150} for one in FIVE]
    funnel = {"horizon_days": 90, "tracking_since": {"sql": "2025-05-20"}}
    found = graded(make_tables, before + after, funnel=funnel).findings[0]
    assert found.measure == graded(make_tables, FIVE).findings[0].measure
    assert "40 handed over before this was recorded left out" in found.detail


def world(orders: bool, sellers: int = 12, each: int = 40, seed: int = 1) -> list[dict[str, Any]]:
    """Leads of sellers who differ (5 %); from a score of 60 on half of them qualify and else a fifth, or all alike."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, sqrt(0.05 * 0.35 * 0.65), sellers)
    found = []
    for i in range(sellers * each):
        score = round(float(np.clip(rng.normal(57, 18), 0, 100)))
        p = (0.5 if score >= 60 else 0.2) if orders else 0.35
        hit = rng.random() < p + own[i % sellers]
        goes = {"sql": 20, **({"won": 60} if rng.random() < 0.5 else {"lost": 60})} if hit else {"disqualified": 30}
        grade = "ABCD"[int(score < 75) + int(score < 58) + int(score < 40)]
        found.append(lead(f"L{i}", score, on=int(rng.integers(0, 360)), owner_id=f"Seller {i % sellers:02}",
                          grade=grade, source=("Web", "Fair", "Call")[i % 3], **goes))  # fmt: skip
    return found


def test_a_score_that_orders_is_found_and_one_that_does_not_is_never_called_good(make_tables: Any) -> None:
    agreed = {"score_order": 0.55}
    good = graded(make_tables, world(True), thresholds=agreed)
    assert good.findings[0].level == "good"
    assert "no worse than was asked for" in good.findings[0].title and "; chance gives 50)" in good.findings[0].title
    assert "clustered by owner" in good.findings[0].measure.method
    act = graded(make_tables, world(True), thresholds={"score_order": 0.95}).findings[0]
    assert act.level == "act" and "in only" in act.title and act.play == "P6"
    flat = graded(make_tables, world(False), thresholds=agreed)
    assert flat.findings[0].level == "act" and "in only 47\xa0% of pairs (" in flat.findings[0].title
    barely = graded(make_tables, world(False), thresholds={"score_order": 0.5}).findings[0]
    assert barely.level == "unclear" and "cannot be told" in barely.title and barely.settle
    calibration = next(e for e in flat.exhibits if e.key == "funnel.calibration")
    assert "The score orders nothing that can be told" in calibration.title and calibration.is_detail
    turned = [{**one, "score": 100 - one["score"]} for one in world(True)]
    assert "runs the wrong way" in graded(make_tables, turned).findings[0].title


def test_a_low_bar_does_not_make_a_score_without_order_sound_good(make_tables: Any) -> None:
    found = graded(make_tables, world(False), thresholds={"score_order": 0.3}).findings[0]
    assert found.level == "good" and "agreed" not in found.title
    assert found.title.startswith(
        "The score is no worse than was asked for: the lead that qualified stands higher in 47"
    )


def test_how_well_a_score_sorts_is_said_no_better_than_its_interval() -> None:
    words = {(0.51, 0.58): "hardly", (0.55, 0.8): "sorts leads", (0.52, 0.75): "sorts leads",
             (0.5, 0.58): "nothing that", (0.3, 0.49): "wrong way", (None, None): "nothing that"}  # fmt: skip
    assert all(word in grading._sorts(Interval(0.5, *ends)) for ends, word in words.items())
    assert grading._pairs(Interval(0.55, 0.512, 0.58)) == "55\xa0% of pairs (51 to 58; chance gives 50)"


def test_owners_known_only_from_wins_are_no_sellers(make_tables: Any) -> None:
    leads = [{**one, "owner_id": one["owner_id"] if one["on"] + one.get("won", 365) < 365 else None}
             for one in world(True)]  # fmt: skip
    assert "DeLong" in graded(make_tables, leads).findings[0].measure.method


def test_groups_of_scores_are_of_equal_size_and_keep_ties_together(make_tables: Any) -> None:
    leads = [lead(f"L{i}", i // 2, sql=5 if i >= 60 else None) for i in range(100)]
    shown = rows(graded(make_tables, leads), "funnel.calibration")
    assert [(row["k"], row["n"]) for row in shown.values()] == [(0, 20), (0, 20), (0, 20), (20, 20), (20, 20)]
    assert next(iter(shown)) == "Score 0 to 9" and shown["Score 0 to 9"]["high"] == wilson(0, 20).high
    assert len(rows(graded(make_tables, world(True)), "funnel.calibration")) == 5
    assert len(rows(graded(make_tables, world(True, each=60)), "funnel.calibration")) == 10


# --- grades -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("A", "B", "C"), ("a+", "a", "a-"), ("1", "2", "3"), ("Hot", "Warm", "Cold")])
def test_without_scores_grades_in_a_known_order_stand_in(make_tables: Any, names: tuple[str, ...]) -> None:
    best, middle, last = names
    leads = [lead("P", grade=best, sql=5), lead("Q", grade=middle, sql=5), lead("R", grade=best), lead("S", grade=last),
             lead("T", grade=last), lead("U")]  # fmt: skip
    part = graded(make_tables, leads)
    # P: a tie with R (half), above S and T; Q: below R, above S and T; U has no grade.
    assert part.findings[0].measure.value == pytest.approx((2.5 + 2) / 6) and "grade" in part.findings[0].title
    assert "1 without a grade left out" in part.findings[0].detail
    shown = rows(part, "funnel.grades")
    assert list(shown) == [f"Grade {name}" for name in names]
    assert [(row["k"], row["n"]) for row in shown.values()] == [(1, 2), (1, 1), (0, 2)]
    assert not {"funnel.calibration", "funnel.cut"} & keys(part)


def test_grades_that_nobody_can_order_are_shown_and_not_judged(make_tables: Any) -> None:
    leads = [lead(f"L{i}", grade=("Silver", "Gold")[i % 2], sql=5 if i % 4 == 0 else None) for i in range(12)]
    part = graded(make_tables, leads)
    assert part.findings == [] and "puts better leads first" in whats(part.not_judged)
    assert set(rows(part, "funnel.grades")) == {"Grade Gold", "Grade Silver"}


def test_grades_are_said_to_differ_only_when_their_intervals_do_not_meet(make_tables: Any) -> None:
    leads = [lead(f"{grade}{i}", 1, grade=grade, sql=5 if i < k else None)
             for grade, k in (("A", 24), ("B", 6)) for i in range(30)]  # fmt: skip
    apart = next(e for e in graded(make_tables, leads).exhibits if e.key == "funnel.grades")
    assert apart.title.startswith("Grades differ: 80")
    same = [lead(f"{grade}{i}", 1, grade=grade, sql=5 if i < 3 else None) for grade in "AB" for i in range(9)]
    assert "cannot be told" in next(e for e in graded(make_tables, same).exhibits if e.key == "funnel.grades").title


# --- cuts -------------------------------------------------------------------------------------------------------------

STATED = {"stated": {"sales": 65, "marketing": 45}}


def test_stated_cuts_by_hand(make_tables: Any) -> None:
    leads = [lead(f"L{i}", 5 * i, sql=5 if i in (7, 11, 14, 15, 17, 19) else None) for i in range(20)]
    shown = rows(graded(make_tables, leads, grading=STATED), "funnel.cut")
    sales, marketing = shown["Sales"], shown["Marketing"]  # 65 to 95: seven leads, 70, 75, 85 and 95 qualify
    assert (sales["above"], sales["value"]) == pytest.approx((7 / 20, 4 / 7))
    assert (sales["below"], sales["missed"]) == pytest.approx((2 / 13, 2 / 6))
    assert (marketing["above"], marketing["value"]) == pytest.approx((11 / 20, 5 / 11))
    assert (sales["low"], sales["high"]) == pytest.approx((wilson(4, 7).low, wilson(4, 7).high))
    cut = next(e for e in graded(make_tables, leads, grading=STATED).exhibits if e.key == "funnel.cut")
    said = "Sales says 65; Marketing says 45; 20\xa0% of leads lie between; the data "
    assert cut.title == f"{said}do not decide (30 to 85)" and cut.is_detail  # both stated cuts lie in the range


def test_who_states_no_cut_is_named_and_no_cut_is_chosen_from_a_score_without_order(make_tables: Any) -> None:
    part = graded(make_tables, world(False), grading={"stated": {"marketing": 45}})
    assert list(rows(part, "funnel.cut")) == ["Marketing"]
    assert "From which score Sales calls" in whats(part.not_judged) and "Marketing calls" not in whats(part.not_judged)
    none = graded(make_tables, world(False))
    assert "funnel.cut" not in keys(none) and "Marketing calls" in whats(none.not_judged)


def test_a_planted_cut_is_found_within_a_range(make_tables: Any) -> None:
    part = graded(make_tables, world(True, each=80), grading=STATED)
    assert "the data would choose 60 (" in next(e for e in part.exhibits if e.key == "funnel.cut").title
    shown = rows(part, "funnel.cut")
    assert shown["The data"]["cut"] == 60 and shown["Sales"]["range"] == ""
    low, high = (float(end) for end in str(shown["The data"]["range"]).split(" to "))
    assert low <= 60 <= high and high - low < 15


def test_a_cut_above_every_score_leaves_nothing_above(make_tables: Any) -> None:
    row = rows(graded(make_tables, FIVE, grading={"stated": {"sales": 500, "marketing": 0}}), "funnel.cut")
    assert row["Sales"]["value"] is None and row["Sales"]["missed"] == 1
    assert row["Marketing"]["below"] is None and row["Marketing"]["above"] == 1


def test_the_best_cut_by_hand_at_its_ends_and_with_renamed_sellers() -> None:
    score, hit = np.array([1.0, 2, 3, 4, 5, 6]), np.array([0, 0, 1, 0, 1, 1], dtype=bool)
    assert grading.best_cut(score, hit, np.full(6, -1)).value == 3  # 3 of 3 hits and 1 of 3 misses; 5: 2 of 3 and none
    nobody = np.full(3, -1)
    for none in (np.ones(3, bool), np.zeros(3, bool)):
        assert grading.best_cut(np.arange(3.0), none, nobody).value is None
    assert grading.best_cut(np.ones(3), np.array([True, False, True]), nobody).value is None
    rng = np.random.default_rng(SEED)
    score, codes = rng.integers(0, 500, 600).astype(float), rng.integers(-1, 12, 600)
    hit = rng.random(600) < np.where(score > 300, 0.6, 0.2)
    found, order = grading.best_cut(score, hit, codes), rng.permutation(600)
    assert found == grading.best_cut(score[order], hit[order], codes[order])
    assert all(found == grading.best_cut(score, hit, np.append(rng.permutation(12), -1)[codes]) for _ in range(20))
    assert found.low is not None and found.high is not None and found.low <= (found.value or 0) <= found.high


def test_the_range_of_the_best_cut_holds_the_true_one() -> None:
    rng, codes, held = np.random.default_rng(SEED), np.repeat(np.arange(12), 40), 0
    for _ in range(WORLDS):
        score = 4 * np.round(rng.normal(57, 18, len(codes)) / 4)
        own = rng.normal(0, sqrt(0.05 * 0.35 * 0.65), 12)[codes]
        found = grading.best_cut(score, rng.random(len(codes)) < np.where(score >= 60, 0.5, 0.2) + own, codes)
        held += (found.low or 100) <= 60 <= (found.high or 0)
    assert held >= LOWEST  # a range at least as wide as 95 % would need


# --- the profile of won leads -----------------------------------------------------------------------------------------


def profiled() -> list[dict[str, Any]]:
    """20 won and 40 that left: 12 and 8 from referrals, the others from the web; five still open count nowhere."""
    won = [lead(f"W{i}", source="Referral" if i < 12 else "Web", segment="Retail", won=50) for i in range(20)]
    left = [lead(f"X{i}", source="Referral" if i < 8 else "Web", segment="Retail", lost=9) for i in range(40)]
    return won + left + [lead(f"O{i}", source="Referral", segment="Retail") for i in range(5)]


def test_shares_among_won_and_left_leads_by_hand(make_tables: Any) -> None:
    criteria = {"criteria": {"source": ["REFERRAL ", "Fair"]}}
    part = graded(make_tables, profiled(), grading=criteria)
    shown = rows(part, "funnel.profile")
    referral, expected = shown["Source: Referral"], newcombe(12, 20, 8, 40)
    assert (referral["won"], referral["left"]) == pytest.approx((0.6, 0.2))
    assert (referral["value"], referral["low"], referral["high"]) == (expected.value, expected.low, expected.high)
    assert (referral["written"], referral["note"]) == ("yes", "sets won leads apart")
    assert (referral["k"], referral["n"], referral["others"]) == (12, 20, 40)
    assert (shown["Source: Web"]["written"], shown["Source: Web"]["note"]) == ("no", "the other way")
    assert shown["Segment: Retail"]["note"] == "cannot tell" and shown["Source: Fair"]["note"] == "no lead carries it"
    title = next(e for e in part.exhibits if e.key == "funnel.profile").title
    assert title.startswith("1 of 2 written criteria can be told to set won leads apart; nothing that is not")
    assert "written description" not in whats(part.not_judged)


def test_what_sets_won_leads_apart_and_is_not_written_is_named(make_tables: Any) -> None:
    part = graded(make_tables, profiled(), grading={"criteria": {"segment": ["Retail"]}})
    title = next(e for e in part.exhibits if e.key == "funnel.profile").title
    assert title == ("0 of 1 written criteria can be told to set won leads apart; "
                     "Source: Referral does and is not written down")  # fmt: skip


def test_without_written_criteria_the_profile_is_shown_and_their_lack_is_named(make_tables: Any) -> None:
    part = graded(make_tables, profiled())
    assert "written description of a good lead" in whats(part.not_judged) and "funnel.profile" in keys(part)
    only_open = graded(make_tables, [lead("A", source="Web"), lead("B", source="Web")])
    assert "funnel.profile" not in keys(only_open)


def test_where_nothing_sets_won_leads_apart_something_is_seldom_named() -> None:
    rng, named = np.random.default_rng(SEED), 0
    for _ in range(WORLDS):
        counts = [(rng.multinomial(60, [1 / n] * n), rng.multinomial(200, [1 / n] * n)) for n in (6, 6, 5, 4)]
        pairs = [pair for won, left in counts for pair in zip(won.tolist(), left.tolist(), strict=True)]
        shown = [profile._row("", False, *((np.arange(n) < k, np.full(n, -1)) for k, n in ((k, 60), (m, 200))))
                 for k, m in pairs]  # fmt: skip
        named += profile._stands_out(shown) is not None
    assert named <= int(binom.ppf(0.999, WORLDS, 0.05))


@pytest.mark.parametrize("sellers", [4, 10])
def test_sellers_who_win_more_and_hold_other_leads_do_not_make_their_source_stand_out(sellers: int) -> None:
    # Who wins more is chance, and so is who holds which source: no source is any better.
    rng, apart, named, plain = np.random.default_rng(SEED), 0, 0, 0
    for _ in range(WORLDS):
        who = np.repeat(np.arange(sellers), 40)
        is_won = rng.random(len(who)) < rng.beta(2, 4, sellers)[who]
        carries = rng.random((4, len(who))) < rng.beta(2, 2, (4, sellers))[:, who]
        shown = [profile._row("", False, *((one[side], who[side]) for side in (is_won, ~is_won))) for one in carries]
        apart += shown[0]["note"] != "cannot tell"
        named += profile._stands_out(shown, sellers) is not None
        plain += profile._row("", False, *((carries[0][s], who[s] * 0 - 1) for s in (is_won, ~is_won)))["low"] > 0
    assert apart <= int(binom.ppf(0.999, WORLDS, 0.05)) and named <= int(binom.ppf(0.999, WORLDS, 0.05))
    assert plain > 0.05 * WORLDS  # as if leads were independent, one side alone cries wolf


def test_a_source_that_wins_more_with_every_seller_stands_out(make_tables: Any) -> None:
    leads = [{**one, "owner_id": f"S{i % 7}"} for i, one in enumerate(profiled() * 4)]
    leads = [{**one, "lead_id": f"{one['lead_id']}-{i}"} for i, one in enumerate(leads)]
    part = graded(make_tables, leads)
    shown = rows(part, "funnel.profile")["Source: Referral"]
    plain = newcombe(48, 80, 32, 160)
    assert shown["value"] == plain.value and (shown["low"], shown["high"]) != (plain.low, plain.high)
    told = next(e for e in part.exhibits if e.key == "funnel.profile")
    assert "Source: Referral does and is not written down" in told.title and "by owner at the handover" in told.read


def test_scores_and_grades_are_said_to_be_those_in_the_file(make_tables: Any) -> None:
    part = graded(make_tables, [{**one, "grade": "A" if i else "B"} for i, one in enumerate(FIVE)],
                  grading={"stated": {"marketing": 60}})  # fmt: skip
    told = {each.key: each for each in part.exhibits}
    for key in ("funnel.grades", "funnel.calibration", "funnel.cut"):
        assert "those in the file, not those at handover" in told[key].says_not
    assert "at handover" not in told["funnel.calibration"].columns[0].label


# --- the order of work ------------------------------------------------------------------------------------------------


def worked(make_tables: Any, leads: list[dict[str, Any]], tables: Tables | None = None, **changes: Any) -> Part:
    said = settings(**changes)
    tables = tables or make_tables(rows_of(leads))
    return work_order.part(tables, said, handed_over(tables, read_spells(tables), said))


def test_the_better_half_by_hand(make_tables: Any) -> None:
    leads = [
        lead(f"L{i}", score, touched=[0.5] if touched else [3])
        for i, (score, touched) in enumerate([(90, 1), (80, 1), (70, 0), (70, 1), (50, 0), (40, 0), (30, 1)])
    ]
    leads.append(lead("young", 99, on=364.5))  # fmt: skip
    found = worked(make_tables, leads, thresholds={"work_order": 0.2}).findings[0]
    expected = newcombe(3, 4, 1, 3)  # 70 is the median and a tie: both 70s stand in the better half
    assert (found.measure.value, found.measure.low) == (expected.value, expected.low) and found.measure.n == 7
    assert found.level == "unclear" and found.detail.startswith("Interval ")
    assert found.detail.endswith("; 3 of 4 and 1 of 3 touched in time. Agreed: at most 20 percentage points.")


def picked(by: str, seed: int = 2, share: float = 0.35) -> list[dict[str, Any]]:
    """480 leads of twelve sellers; ``by`` says after what half of them are touched in time."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, sqrt(0.05 / 4), 12)
    found = []
    for i in range(480):
        score, age, warmth = rng.normal(57, 18), rng.integers(1, 60), rng.poisson(2)
        tilt = {"score": (score - 57) / 18, "warmth": (warmth - 2) / sqrt(2), "nothing": 0.0}[by]
        touched = rng.random() < 0.5 + share * np.clip(tilt, -1, 1) + own[i % 12]
        found.append(lead(f"L{i}", round(float(score)), on=70 + int(rng.integers(0, 280)), inquiry=-int(age),
                          touched=[0.5 if touched else 4], responded=[-float(d) - 0.5 for d in range(warmth)],
                          owner_id=f"Seller {i % 12:02}"))  # fmt: skip
    return found


def test_picking_by_score_is_found(make_tables: Any) -> None:
    part = worked(make_tables, picked("score"), thresholds={"work_order": 0.2})
    assert part.findings[0].level == "act" and "clustered by owner" in part.findings[0].measure.method
    assert part.findings[0].title == "Sales reaches the better half by score sooner: 70\xa0% against 31\xa0% in time"
    assert "a poor score and a late first touch cannot be told apart" in part.exhibits[0].says_not
    shown = rows(part, "funnel.work_order")
    assert [row["note"] for row in shown.values()] == ["goes with a first touch in time", "cannot tell", "cannot tell"]
    score = shown["Score"]
    size = f"{value(score['value'], 'pp')} ({interval(score['low'], score['high'], 'pp')})"
    said = f"Higher scores go with a first touch in time: {size} for every {score['step']:.0f} points of score"
    assert part.exhibits[0].title == said and score["step"] >= 10


def test_picking_by_warmth_is_told_from_picking_by_score(make_tables: Any) -> None:
    part = worked(make_tables, picked("warmth"), thresholds={"work_order": 0.2})
    assert part.findings[0].level == "good" and part.findings[0].play is None
    score, _, warmth = rows(part, "funnel.work_order").values()
    assert warmth["note"] == "goes with a first touch in time" and warmth["low"] > 0.15 > abs(score["value"]) + 0.05
    assert "more recent responses go with a first touch in time" in part.exhibits[0].title.lower()


def test_where_nothing_is_picked_nothing_is_found(make_tables: Any) -> None:
    parts = [worked(make_tables, picked("nothing", seed), thresholds={"work_order": 0.2}) for seed in range(8)]
    assert {part.findings[0].level for part in parts} <= {"good", "unclear"}
    titles = [part.exhibits[0].title for part in parts]
    assert "No order of work by score, age and warmth can be told" in titles
    notes = [row["note"] for part in parts for row in part.exhibits[0].rows]
    assert sum(note != "cannot tell" for note in notes) <= binom.ppf(0.999, len(notes), 0.05)
    turned = [{**one, "score": -one["score"]} for one in picked("score")]
    late = worked(make_tables, turned, thresholds={"work_order": 0.2})
    assert late.findings[0].level == "good" and "not preferred" in late.findings[0].title  # and not "alike"
    assert rows(late, "funnel.work_order")["Score"]["note"] == "goes with a late first touch"


def test_slopes_are_those_of_least_squares_per_standard_deviation(make_tables: Any) -> None:
    leads = picked("score")
    drivers = np.array([[one["score"], -one["inquiry"], len(one["responded"])] for one in leads], dtype=float)
    x = np.column_stack([np.ones(480), (drivers - drivers.mean(axis=0)) / drivers.std(axis=0)])
    expected = np.linalg.lstsq(x, np.array([one["touched"][0] < 1 for one in leads], dtype=float), rcond=None)[0]
    shown = rows(worked(make_tables, leads), "funnel.work_order").values()
    assert [row["value"] for row in shown] == pytest.approx(list(expected[1:]))
    assert [row["step"] for row in shown] == pytest.approx(list(drivers.std(axis=0)))


def test_warmth_counts_the_fourteen_days_before_each_handover(make_tables: Any) -> None:
    tables = make_tables(rows_of([lead("A", 1, responded=[-20, -14, -3, 0, 1], on=30), lead("B", 2, responded=[-15])]))
    counted = tables.query(work_order._WARMTH)
    assert counted[["lead_id", "warmth"]].to_numpy().tolist() == [["A", 3]]


def test_what_was_not_recorded_is_named_and_is_no_zero(make_tables: Any) -> None:
    leads = [{**one, "responded": [], "inquiry": None} for one in picked("score")]
    part = worked(make_tables, leads)
    assert list(rows(part, "funnel.work_order")) == ["Score"]
    assert "responses in 14 days before" in whats(part.not_judged) and "days since" in whats(part.not_judged)
    unscored = worked(make_tables, [{**one, "score": None} for one in picked("score")])
    assert unscored.findings == [] and "by this: score" in whats(unscored.not_judged)
    half = [{**one, "inquiry": one["inquiry"] if i % 4 else None} for i, one in enumerate(picked("score"))]
    exhibit = worked(make_tables, half).exhibits[0]
    assert exhibit.rows[0]["n"] == 360 and "120 left out: days since the inquiry not recorded" in exhibit.lead


def test_an_inquiry_dated_after_the_handover_is_no_age(make_tables: Any) -> None:
    leads = [{**one, "inquiry": 5 if i < 48 else one["inquiry"]} for i, one in enumerate(picked("score"))]
    exhibit = worked(make_tables, leads).exhibits[0]
    assert exhibit.rows[0]["n"] == 432 and "48 left out" in exhibit.lead


def test_without_touches_without_a_promise_or_by_the_day_nothing_is_judged(make_tables: Any) -> None:
    leads = picked("score")
    untouched = worked(make_tables, [{**one, "touched": []} for one in leads])
    unpromised = worked(make_tables, leads, promises={})
    by_day = worked(
        make_tables, [], replace(make_tables(rows_of(leads)), day_only=frozenset({"sales_touches.touched_at"}))
    )
    for part in (untouched, unpromised, by_day):
        assert not part.findings and not part.exhibits and len(part.not_judged) == 1 and part.not_judged[0].settle


def test_the_difference_of_the_halves_covers_when_sellers_differ() -> None:
    rng, codes, held, truth = np.random.default_rng(SEED), np.repeat(np.arange(14), 50), 0, 0.15
    for _ in range(WORLDS):
        better = rng.random(len(codes)) < norm.cdf(rng.normal(0, 0.3, 14))[codes]
        own = rng.normal(0, sqrt(0.05 / 4), 14)[codes]
        hit = rng.random(len(codes)) < 0.45 + truth * better + own
        found = gap(hit[better], hit[~better], codes[better], codes[~better])
        held += (found.low or 0) <= truth <= (found.high or 0)
    assert LOWEST <= held <= HIGHEST


# --- the same figures however the rows come ---------------------------------------------------------------------------


def said_by(make_tables: Any, leads: list[dict[str, Any]], shift: int = 0) -> str:
    said = settings() if not shift else settings(as_of=(START + pd.Timedelta(days=364 + shift)).date())
    tables = make_tables(rows_of(leads, shift))
    handed = handed_over(tables, read_spells(tables), said)
    parts = [grading.part(said, handed), work_order.part(tables, said, handed)]
    found = [one.model_dump() for part in parts for one in (*part.findings, *part.exhibits, *part.not_judged)]
    return json.dumps(json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 12)))


def test_shuffled_rows_renamed_owners_and_shifted_dates_give_the_same_figures(make_tables: Any) -> None:
    leads = [{**one, **{key: other[key] for key in ("inquiry", "touched", "responded")}}
             for one, other in zip(world(True), picked("score"), strict=True)]  # fmt: skip
    first, order = said_by(make_tables, leads), np.random.default_rng(SEED).permutation(len(leads))
    assert said_by(make_tables, [leads[i] for i in order]) == first
    assert said_by(make_tables, [{**one, "owner_id": f"{one['owner_id'][::-1]} x"} for one in leads]) == first
    assert said_by(make_tables, leads, shift=364) == first
    assert "Seller" not in first and '"L1' not in first  # no names of sellers or leads
