"""What changed since the last audit: intervals of changes, what chance alone would claim, and what is not compared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from alignlib.audit.comparison import BETTER, DIFFERS, MOVED, NOT, RULES, SAME, WORSE, Compared, change, compared, moved
from alignlib.engagement import Done, Settings, parse_settings
from alignlib.pipeline import PREVIOUS, Run
from alignlib.result import Exhibit, Finding, Measure, Record, Result, Source, columns, to_json
from alignlib.stats import Interval, clustered_share, newcombe, wilson

SETTINGS: Settings = parse_settings(
    "{version: 1, client: X, period: {start: 2026-01-01, end: 2026-03-31}, as_of: 2026-04-30, "
    "currency: EUR, timezone: UTC}"
)
SHARE: dict[str, Any] = {"value": 0.44, "unit": "share", "n": 100, "low": 0.38, "high": 0.51, "method": "Wilson"}


def finding(key: str = "funnel.first_touch", direction: str = "at_least", said: str = "", **measure: Any) -> Finding:
    return Finding.model_validate(
        {"key": key, "theme": "handoff", "title": f"It is so {said}", "detail": "", "level": "act", "limit": 0.7,
         "rule": "95 % interval against the limit agreed for: leads first touched in time; beyond it: act",
         "direction": direction, "play": "P4", "measure": Measure(**SHARE | measure)}
    )  # fmt: skip


def results(*findings: Finding, sha: str = "1", name: Any = "funnel", **settings: Any) -> dict[str, Result]:
    sources = [Source(file="a.csv", table="responses" if name == "survey" else "leads", rows=9, sha256=sha)]
    return {name: Result(diagnostic=name, question="", headline="", summary="", findings=list(findings),
                         settings=settings, sources=sources)}  # fmt: skip


def earlier(found: dict[str, Result], **said: Any) -> Record:
    given: dict[str, Any] = {
        "kit_version": "0", "client": "X", "period_start": "2025-01-01", "period_end": "2025-12-31",
        "as_of": "2026-01-31", "currency": "EUR", "settings_sha256": "", "thresholds_lock": "", "results": found,
        "rules_sha256": SETTINGS.sha256(RULES),
    }  # fmt: skip
    return Record(**given | said)


def judged(now: dict[str, Result], before: dict[str, Result], **said: Any) -> Compared:
    (one,) = compared(now, earlier(before, **said), SETTINGS)
    return one


def measured(found: Interval) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high}


# --- the interval of a change -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [(56, 70, 48, 80), (0, 10, 10, 10), (0, 20, 0, 30), (9, 10, 3, 10), (10, 10, 0, 20)])
def test_the_change_of_two_shares_is_newcombes_interval(shares: tuple[int, int, int, int]) -> None:
    k1, n1, k2, n2 = shares
    now, before = (Measure(**SHARE | measured(wilson(k, n))) for k, n in ((k1, n1), (k2, n2)))
    found, known = moved(now, before), newcombe(k1, n1, k2, n2)
    assert (found.value, found.low, found.high) == pytest.approx((known.value, known.low, known.high), abs=1e-12)


def test_a_change_by_hand_adds_the_squares_of_the_halves_that_face_each_other() -> None:
    now = Measure(value=0.60, unit="share", low=0.56, high=0.68)
    before = Measure(value=0.50, unit="share", low=0.44, high=0.53)
    found = moved(now, before)  # 3-4-5 below, 6-8-10 above
    assert (found.value, found.low, found.high) == pytest.approx((0.10, 0.05, 0.20))


def test_without_a_value_there_is_no_change_and_without_limits_none_that_can_be_told() -> None:
    bare = Measure(value=0.5, unit="share", method="Wilson")
    assert moved(bare, Measure(**SHARE | {"value": None})) == Interval(None, None, None)
    assert moved(bare, Measure(**SHARE)).low is None
    assert judged(results(finding(low=None, high=None)), results(finding(value=0.1), sha="2")).verdict == SAME


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "value", "verdict"),
    [("at_least", 0.7, BETTER), ("at_least", 0.2, WORSE), ("at_most", 0.7, WORSE), ("at_most", 0.2, BETTER),
     ("at_least", 0.46, SAME), ("equals", 0.7, MOVED)],
)  # fmt: skip
def test_a_figure_moved_when_the_interval_of_its_change_leaves_out_none(
    direction: str, value: float, verdict: str
) -> None:
    now = finding(direction=direction, value=value, low=value - 0.06, high=value + 0.06)
    assert judged(results(now), results(finding(direction=direction), sha="2")).verdict == verdict


def counted(key: str, value: float, k: int | None = None, n: int | None = None) -> Finding:
    return finding(key, k=k, n=n, value=value, low=None, high=None, method="counted")


def test_a_counted_figure_only_differs_or_not_and_is_no_news_in_the_title() -> None:
    given = [(counted("funnel.a", k / 5, k, 5), counted("funnel.a", 0.4, 2, 5)) for k in (3, 2, 1)]
    found = [judged(results(now), results(before, sha="2")) for now, before in given]
    assert [each.verdict for each in found] == [DIFFERS, SAME, DIFFERS] and found[0].note == "counted"
    made = change(results(given[0][0]), earlier(results(given[0][1], sha="2")), SETTINGS)
    assert (made.rows[0]["before"], made.rows[0]["now"], made.rows[0]["smallest"]) == ("2 of 5", "3 of 5", "")
    assert "by chance" not in made.lead
    assert made.title == "No figure with an interval can be compared with the audit as of 31 January 2026"
    both = change(results(given[0][0], finding()), earlier(results(given[0][1], finding(), sha="2")), SETTINGS)
    assert both.title == "One figure shows no change that can be told since 31 January 2026"


def test_counted_figures_that_are_shown_alike_do_not_differ() -> None:
    now, before = counted("funnel.a", 0.5216), counted("funnel.a", 0.5220)
    assert judged(results(now), results(before, sha="2")).verdict == SAME
    assert judged(results(counted("funnel.a", 0.53)), results(before, sha="2")).verdict == DIFFERS
    assert judged(results(counted("funnel.a", 0.4, 4, 10)), results(counted("funnel.a", 0.4, 2, 5), sha="2")
                  ).verdict == SAME  # fmt: skip


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        (results(finding()), results(finding(), sha="1"), "the same files"),
        (results(finding("survey.gap.a"), name="survey"), results(finding("survey.gap.a"), name="survey"),
         "the same answers"),
        (results(finding()), results(finding(unit="pp"), sha="2"), "another unit"),
        (results(finding()), results(finding(method="other"), sha="2"), "worked out otherwise (other; now Wilson)"),
        (results(finding(method="range over rules")), results(finding(), sha="2"), "bounds, not an estimate"),
        (results(finding(value=None)), results(finding(), sha="2"), "not judged now"),
        (results(finding()), results(finding(value=None), sha="2"), "not judged then"),
        (results(finding("funnel.cohorts")), results(finding("funnel.cohorts"), sha="2"), "two times itself"),
        (results(finding(), first_touch_hours=24.0), results(finding(), sha="2", first_touch_hours=48.0),
         "first touch hours was 48, now 24"),
        (results(finding(), first_touch_hours=None), results(finding(), sha="2", first_touch_hours=8.5),
         "first touch hours was 8.5, now not set"),
        (results(finding(), path="any"), results(finding(), sha="2", path="strict"), "path was strict, now any"),
        (results(finding(), stage_labels="a"), results(finding(), sha="2", stage_labels="b"),
         "other stage labels were agreed"),
        (results(finding(), time_zone="UTC"), results(finding(), sha="2", time_zone="Asia/Tokyo"),
         "time zone was Asia/Tokyo, now UTC"),
        (results(finding(), rows={"plan": "a", "leads": "a"}), results(finding(), sha="2", rows={"leads": "b"}),
         "other rows or labels count in leads"),
        (results(finding(), a_new_rule=1), results(finding(), sha="2", a_new_rule=2), "a new rule was 2, now 1"),
        (results(finding(said="within 90 days")), results(finding(said="within 60 days"), sha="2"),
         "read within 60 days then, 90 now"),
    ],
)  # fmt: skip
def test_what_was_defined_or_worked_out_otherwise_is_not_compared(
    now: dict[str, Result], before: dict[str, Result], why: str
) -> None:
    found = judged(now, before)
    assert found.verdict == NOT == "not comparable" and why in found.note and found.change.value is None


def test_money_in_another_currency_is_not_compared() -> None:
    now, before = (results(finding(unit="money"), sha=sha) for sha in "12")
    assert "another unit" in judged(now, before, currency="USD").note
    assert judged(now, before).verdict == SAME


def test_a_setting_that_does_not_define_a_figure_and_dates_and_limits_do_no_harm() -> None:
    now = results(finding(), credit_days=180, as_of="2026-04-30", smallest_group=5, survey_gap=0.8, one=1,
                  grading="a", rows={"scorecards": "a"}, columns={"leads": "a"})  # fmt: skip
    before = results(finding(), sha="2", credit_days=90, as_of="2026-01-31", smallest_group=7, survey_gap=0.5,
                     grading="b", rows={"scorecards": "b"}, columns={"leads": "b"})  # fmt: skip
    assert judged(now, before).verdict == SAME
    other = finding().model_copy(update={"limit": 0.5})
    assert judged(now, results(other, sha="2")).note == "the agreed limit was 50\u00a0%, now 70\u00a0%"


def test_findings_that_only_one_of_the_audits_has_get_no_row() -> None:
    now, before = results(finding("funnel.a"), finding("funnel.b")), results(finding("funnel.b"), finding("funnel.c"))
    assert [each.now.key for each in compared(now, earlier(before), SETTINGS)] == ["funnel.b"]
    made = change(now, earlier({}), SETTINGS)
    assert made.rows == [] and made.title.startswith("No figure with an interval can be compared")


# --- what is written --------------------------------------------------------------------------------------------------


def test_the_lead_says_how_many_would_move_by_chance_and_what_is_not_alike() -> None:
    one, two = (results(*(finding(f"funnel.f{i}") for i in range(20)), sha=sha) for sha in "12")
    made = change(one, earlier(two), SETTINGS)
    assert "20 figures, of which 0 moved. Had nothing changed, up to 1.0 (5\u00a0%) would" in made.lead
    assert "overlap" not in made.lead and "settings" not in made.lead
    assert made.title == "20 figures show no change that can be told since 31 January 2026"
    other = change(one, earlier(two, period_end="2026-01-15", rules_sha256="0"), SETTINGS)
    assert "too wide, not too narrow" in other.lead and "differ between the two audits" in other.lead
    assert "by chance" not in other.lead
    assert "does not record all the settings" in change(one, earlier(two, rules_sha256=""), SETTINGS).lead
    newer = results(finding(), stage_labels="a")
    assert "does not record all the settings" in change(newer, earlier(two), SETTINGS).lead


def test_the_lead_names_the_tables_of_which_other_columns_were_read() -> None:
    now = results(finding(), columns={"leads": "a", "plan": "a"})
    old = results(finding(), sha="2", columns={"leads": "b", "plan": "a"})
    assert "Other columns were read in leads:" in change(now, earlier(old), SETTINGS).lead


def test_rows_say_both_figures_the_change_and_the_smallest_that_could_be_seen() -> None:
    now = results(finding("funnel.a"), finding(value=0.6, low=0.56, high=0.68), finding("funnel.z", value=0.1, high=0.2,
                                                                                       low=0.05))  # fmt: skip
    before = results(finding("funnel.a"), finding(value=0.5, low=0.44, high=0.53), finding("funnel.z"), sha="2")
    made = change(now, earlier(before), SETTINGS)
    assert [row["verdict"] for row in made.rows] == [WORSE, BETTER, SAME]
    row = made.rows[1]
    assert (row["label"], row["before"], row["now"]) == ("Leads first touched in time", "50\u00a0%", "60\u00a0%")
    assert row["change"] == "10 percentage points (5 to 20)" and row["smallest"] == "8 percentage points"
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.1, 0.05, 0.2))
    told = "One figure moved for the better, one moved for the worse and one shows no change that can be told"
    assert made.title == f"{told} since 31 January 2026"
    assert all(set(row) == {column.name for column in made.columns} for row in made.rows)


def test_a_play_run_between_the_two_audits_stands_beside_what_leads_to_it_and_nowhere_else() -> None:
    one, two = (results(finding(), finding("funnel.leaked"), sha=sha) for sha in "12")
    days = ("2026-01-31", "2026-02-05", "2026-05-01")  # too early, in between, too late
    done = [Done.model_validate({"play": play, "on": day}) for play in ("P4", "P99") for day in days]
    made = change(one, earlier(two), SETTINGS.model_copy(update={"done": done}))
    notes = {row["finding"]: row["note"] for row in made.rows}
    assert notes == {"funnel.first_touch": "P4 Handoff pact run on 5 February 2026", "funnel.leaked": ""}
    assert made.lead.endswith("In between: P4 Handoff pact run on 5 February 2026 and P99 run on 5 February 2026.")
    assert "need not have moved by it" in made.says_not


def docket(*rows: tuple[str, str, str]) -> Exhibit:
    names = ("label", "complaint", "verdict")
    return Exhibit(
        key="audit.docket", title="", shape="docket", source="", read="", alt="",
        columns=columns(**{name: (name, "text") for name in names}),
        rows=[dict(zip(names, row, strict=True)) for row in rows],
    )  # fmt: skip


def test_a_grievance_with_another_verdict_gets_a_row_and_one_with_other_words_does_not() -> None:
    now = docket(("G1", "Slow", "Not borne out"), ("G2", "Late", "Borne out"), ("G3", "New words", "Borne out"))
    old = docket(("G1", "Slow", "Borne out"), ("G2", "Late", "Borne out"), ("G3", "Old words", "Cannot tell"))
    audit = Result(diagnostic="audit", question="", headline="", summary="", exhibits=[old])
    rows = change({}, earlier({"audit": audit}), SETTINGS, now).rows
    assert [(row["label"], row["before"], row["now"]) for row in rows] == [
        ("G1: Slow", "Borne out", "Not borne out")
    ]  # fmt: skip
    assert change({}, earlier({}), SETTINGS, now).rows == []


UNUSED, FIRST = "content.unused", "funnel.first_touch"


def at(level: str, key: str = FIRST, limit: float = 0.7, **measure: Any) -> Finding:
    return finding(key, **measure).model_copy(update={"level": level, "limit": limit})


FAR: dict[str, Any] = {"value": 0.8, "low": 0.74, "high": 0.86}


@pytest.mark.parametrize(
    ("id", "then", "today", "was", "is_now", "why"),
    [
        ("G2", "Borne out", "Not borne out", [at("act")], [at("good", limit=0.3)],
         "Leads first touched in time: no change can be told: the agreed limit was 70\u00a0%, now 30\u00a0%"),
        ("G2", "Borne out", "Not borne out", [at("act")], [at("good", **FAR)],
         "Leads first touched in time: moved (better)"),
        ("G2", "Borne out", "Not borne out", [at("act")], [at("good", limit=0.3, **FAR)],
         "Leads first touched in time: moved (better): the agreed limit was 70\u00a0%, now 30\u00a0%"),
        ("G2", "Borne out", "Cannot tell", [at("act")], [at("unclear")],
         "Leads first touched in time: no change can be told"),
        ("G2", "Cannot tell", "Borne out", [], [at("act")], ""),  # made now alone, as its verdicts say
        ("G2", "Not raised", "Borne out", [at("act")], [at("act")], ""),
        ("G3", "Both have a point", "Not borne out", [at("act", UNUSED), at("act")],
         [at("good", UNUSED, **FAR), at("act")], "Leads first touched in time: moved (better)"),
    ],
)  # fmt: skip
def test_a_verdict_that_differs_names_those_of_its_figures_that_turned(
    id: str, then: str, today: str, was: list[Finding], is_now: list[Finding], why: str
) -> None:
    audit = Result(diagnostic="audit", question="", headline="", summary="", exhibits=[docket((id, "Said", then))])
    before = earlier({"audit": audit, **results(*was, sha="2")})
    rows = change(results(*is_now), before, SETTINGS, docket((id, "Said", today))).rows
    (row,) = (row for row in rows if row["verdict"] == "another verdict")
    assert row["note"] == why


def test_where_files_are_the_same_a_verdict_that_differs_says_so() -> None:
    audit = Result(diagnostic="audit", question="", headline="", summary="", exhibits=[docket(("G2", "", "Borne out"))])
    before = earlier({"audit": audit, **results(at("act"))})
    rows = change(results(at("good")), before, SETTINGS, docket(("G2", "", "Not borne out"))).rows
    assert rows[-1]["note"] == "Leads first touched in time: not comparable: the same files"


# --- many worlds ------------------------------------------------------------------------------------------------------


def wave(rng: np.random.Generator, p: float, sellers: int) -> Finding:
    """About 20 leads of each seller; sellers differ with an intra-class correlation of .05."""
    shares, n = rng.beta(p * 19, (1 - p) * 19, sellers), 1 + rng.poisson(20, sellers)
    return finding(**measured(clustered_share(rng.binomial(n, shares), n)))


def claims(p: float, then: float, sellers: int, worlds: int = 1_000) -> list[str]:
    rng = np.random.default_rng(20261122)
    pairs = ((results(wave(rng, p, sellers)), results(wave(rng, then, sellers), sha="2")) for _ in range(worlds))
    return [judged(now, before).verdict for now, before in pairs]


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_of_two_waves_without_a_change_one_in_twenty_is_said_to_have_moved(p: float) -> None:
    moving = sum(verdict != SAME for verdict in claims(p, p, sellers=20))
    assert binom.ppf(0.001, 1_000, 0.05) <= moving <= binom.ppf(0.999, 1_000, 0.05)


def test_with_few_sellers_no_more_than_that_are_said_to_have_moved() -> None:
    assert sum(verdict != SAME for verdict in claims(0.3, 0.3, sellers=4)) <= binom.ppf(0.999, 1_000, 0.05)


def test_a_planted_change_is_found_on_its_side() -> None:
    found = claims(0.65, 0.40, sellers=20, worlds=200)
    assert found.count(BETTER) >= binom.ppf(0.001, 200, 0.95) and WORSE not in found


# --- the same figures in any order, and through the run's folder ------------------------------------------------------


def test_the_order_of_findings_and_results_changes_no_row() -> None:
    given = [finding(f"funnel.f{i}", value=0.4 + i / 50, low=0.3, high=0.7) for i in range(5)]
    before = earlier(results(*(finding(f"funnel.f{i}") for i in range(5)), sha="2"))
    one, other = (change(results(*each), before, SETTINGS) for each in (given, given[::-1]))
    assert sorted(one.rows, key=lambda row: str(row["finding"])) == sorted(other.rows, key=lambda r: str(r["finding"]))
    assert (one.title, one.lead) == (other.title, other.lead)


def test_a_run_holds_the_earlier_audit_or_none(tmp_path: Path) -> None:
    tables: Any = None
    assert Run(tmp_path, SETTINGS, tables).previous is None
    record = earlier(results(finding()))
    (tmp_path / PREVIOUS).write_text(to_json(record), encoding="utf-8")
    assert Run(tmp_path, SETTINGS, tables).previous == record
