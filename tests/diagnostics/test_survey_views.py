"""What the survey says beside its gaps: how firm they are, mirrors, guesses, the relay, goals, agreement, structure."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alignlib.diagnostics import survey
from alignlib.diagnostics.survey import within
from alignlib.diagnostics.survey.answers import careless, read_answers
from alignlib.diagnostics.survey.structure import checklist
from alignlib.disclosure import audit_release
from alignlib.engagement import Settings
from alignlib.instrument import Block, read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import Result, to_json

Make = Callable[..., Tables]
INSTRUMENT = read_instrument()


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2026-01-31", "currency": "EUR", "timezone": "UTC",
        "teams": {"sales": {"invited": 14}, "marketing": {"invited": 9}},
        "thresholds": {"survey_gap": 0.8, "mirror_gap": 0.5, "ownerless_rules": 0.3},
    }  # fmt: skip
    return Settings.model_validate(given | changes)


def replies(**items: tuple[list[Any], list[Any]]) -> list[dict[str, Any]]:
    """One row a person and item: {item: (answers of Sales, answers of Marketing)}; None is "cannot say"."""
    return [
        {"respondent_id": f"{team}{i}", "team": team, "item": item, "answer": a, "cannot_say": a is None}
        for item, both in items.items()
        for team, given in zip(("sales", "marketing"), both, strict=True)
        for i, a in enumerate(given)
    ]


def said(make: Make, rows: list[dict[str, Any]], **changes: Any) -> Result:
    return survey.diagnose(make({"responses": rows}), settings(**changes))


# --- how firm a gap is ------------------------------------------------------------------------------------------------


def test_a_gap_between_ten_and_ten_carries_the_exact_chance_and_holm_over_the_blocks(make_tables: Make) -> None:
    high, low = [5, 5, 4, 5, 4] * 2, [2, 1, 2, 2, 1] * 2
    rows = replies(credit_1=(high, low), focus_1=([3, 4, 2, 3, 4] * 2, [3, 4, 2, 4, 3] * 2))
    exhibit = said(make_tables, rows).exhibit("survey.firm")
    credit, focus = exhibit.rows
    # all ten of Sales above all ten of Marketing: 2 of the 184,756 ways to deal twenty people are as far apart
    assert credit["p"] == pytest.approx(2 / 184_756) and credit["p_holm"] == pytest.approx(4 / 184_756)
    assert focus["p"] == 1.0 and focus["p_holm"] == 1.0  # the means are alike
    assert (credit["sure"], focus["sure"]) == ("yes", "no")
    assert exhibit.title == "1 of 2 gaps are wider than chance would make them, with all blocks in mind"


def test_below_ten_people_a_side_p_and_delta_are_not_told_and_whether_it_is_chance_is(make_tables: Make) -> None:
    rows = replies(credit_1=([5, 5, 4, 5, 4], [2, 1, 2, 2, 1]), focus_1=([3, 4, 2, 3, 4], [3, 4, 2, 4, 3]))
    result = said(make_tables, rows)
    credit, focus = result.exhibit("survey.firm").rows  # 4 of 252 with both blocks in mind
    assert (credit["p"], credit["p_holm"], credit["sure"], focus["sure"]) == (None, None, "yes", "no")
    assert "delta" not in result.finding("survey.gap.credit").detail
    assert all(row["delta"] is None for row in result.exhibit("survey.blocks").rows)


def test_sizes_at_which_no_gap_can_be_told_from_chance_say_so(make_tables: Make) -> None:
    wide = {block.items[0].item: ([5, 5, 4, 5, 4], [2, 1, 2, 2, 1]) for block in INSTRUMENT.blocks}
    exhibit = said(make_tables, replies(**wide)).exhibit("survey.firm")
    assert exhibit.title == "So few people cannot show 13 gaps to be more than chance, however wide they are"
    assert {row["sure"] for row in exhibit.rows} == {"no"}  # 13 times 2 in 252 is .10


def test_the_silent_pull_a_gap_together_by_the_share_that_stayed_silent(make_tables: Make) -> None:
    rows = replies(credit_1=([5, 4, 5, 4, 5, 5, 5], [2, 2, 3, 2, 2, 3]))  # 7 of 14 and 6 of 9: 1/2 + 2/3 - 1 = 1/6
    (row,) = said(make_tables, rows).exhibit("survey.firm").rows
    assert row["gap"] == 2.4 and row["silent"] == 0.4


def test_nothing_is_said_of_the_silent_when_nobody_counted_them(make_tables: Make) -> None:
    rows = replies(credit_1=([5, 4, 5, 4, 5], [2, 2, 3, 2, 2]))
    (row,) = said(make_tables, rows, teams={}).exhibit("survey.firm").rows
    assert row["silent"] is None


FIRST_TEN = [item for item in INSTRUMENT.of("agree") if not item.reverse][:10]


def long_answers(straight: int = 0, same: int = 0) -> list[dict[str, Any]]:
    """Eleven statements, one of them turned round; the first people of Sales always answer 3, or copy the last."""
    rng, rows = np.random.default_rng(3), []
    items = [*FIRST_TEN, INSTRUMENT.items["handoff_2"]]
    drawn = rng.integers(1, 6, (20, len(items)))
    drawn[:straight] = 3
    drawn[:same] = drawn[11]
    for place, item in enumerate(items):
        sales, marketing = drawn[:12, place].tolist(), drawn[12:, place].tolist()
        rows += replies(**{item.item: (sales, marketing)})
    return rows


def test_straight_lining_repeats_partial_and_hasty_answers_are_flagged_and_nobody_is_dropped(make_tables: Make) -> None:
    rows = long_answers(straight=2)
    rows += [{"respondent_id": "late", "team": "sales", "item": "goal_1", "answer": 4, "cannot_say": False,
              "is_hasty": True}]  # fmt: skip
    flags = careless(read_answers(make_tables({"responses": rows})))
    assert flags.sum().to_dict() == {"is_partial": 1, "is_straight": 2, "is_repeat": 1, "is_hasty": 1}
    result = said(make_tables, rows)
    assert result.exhibit("survey.response").rows[0]["answered"] == 13
    lead = result.exhibit("survey.firm").lead
    assert "always the same answer: fewer than five" in lead and "Nobody was left out" in lead


def test_without_the_careless_only_the_verdict_is_shown_for_the_gap_would_give_them_away(make_tables: Make) -> None:
    exhibit = said(make_tables, long_answers(same=2)).exhibit("survey.firm")
    assert {row["careful"] for row in exhibit.rows} <= {"act", "watch", "good", "unclear", "cannot be shown"}
    assert "careful" in {column.name for column in exhibit.columns}


def test_answers_with_care_raise_no_flag(make_tables: Make) -> None:
    assert (
        said(make_tables, long_answers())
        .exhibit("survey.firm")
        .lead.startswith("No answer shows signs of carelessness.")
    )


# --- leaders and staff ------------------------------------------------------------------------------------------------


def with_roles(leaders: int) -> list[dict[str, Any]]:
    rows = replies(credit_1=([5] * leaders + [2, 3] * 4, [3, 4, 3, 4, 3]))
    return [row | {"role": "leader" if row["answer"] == 5 else "staff"} for row in rows]


def test_leaders_and_staff_are_compared_only_where_both_are_enough(make_tables: Make) -> None:
    few = said(make_tables, with_roles(4))
    assert "survey.roles" not in {exhibit.key for exhibit in few.exhibits}
    rows = with_roles(4) + replies(credit_1=([], []))
    more = [row | {"answer": 4.0} if row["answer"] == 5 and row["respondent_id"] == "sales0" else row for row in with_roles(6)]  # fmt: skip # noqa: E501
    (row,) = said(make_tables, more).exhibit("survey.roles").rows
    assert (row["team"], row["leader"], row["staff"]) == ("Sales", 4.8, 2.5)
    assert rows and audit_release(survey.release_log(make_tables({"responses": more}), settings()), 5) == []


# --- mirrors ----------------------------------------------------------------------------------------------------------


def mirrored(sales_guess: list[int], marketing_guess: list[int]) -> list[dict[str, Any]]:
    return replies(
        credit_1=([4, 4, 5, 4, 3, 4], [3, 3, 4, 3, 2, 3]), mirror_credit=(sales_guess, marketing_guess),
    )  # fmt: skip


def test_a_mirror_sets_what_is_expected_beside_what_is_answered(make_tables: Make) -> None:
    # Marketing answers 3.0, Sales expects 1.0 on average less one: (1+2+1+2+1+2)/6 = 1.5; Sales answers 4.0.
    result = said(make_tables, mirrored([1, 2, 1, 2, 1, 2], [4, 4, 4, 5, 3, 4]))
    (row,) = result.exhibit("survey.mirror").rows
    assert (row["marketing"], row["marketing_guess"], row["marketing_miss"]) == (3.0, 1.5, -1.5)
    assert (row["sales"], row["sales_guess"], row["sales_miss"]) == (4.0, 4.0, 0.0)
    assert row["gap"] == -1.5
    assert result.exhibit("survey.mirror").title == (
        "On \u201cCredit for won deals is shared fairly between the teams\u201d, Sales expects Marketing to answer "
        "1.5; Marketing answers 3.0"
    )
    found = result.finding("survey.mirror.sales")
    assert found.title == "Sales expects Marketing to answer 1.5 points lower than it does"
    assert (found.level, found.play, found.theme, found.measure.value) == ("watch", "P18", "roles", 1.5)
    other = result.finding("survey.mirror.marketing")
    assert other.level in ("good", "unclear") and other.measure.value == 0.0


def test_a_mirror_is_withheld_like_any_other_answer(make_tables: Make) -> None:
    rows = replies(credit_1=([4, 4, 5, 4, 3], [3, 3, 4, 3]), mirror_credit=([1, 2, 1, 2, 1], [4, 4, 5, 4]))
    result = said(make_tables, rows)
    (row,) = result.exhibit("survey.mirror").rows
    assert row["sales"] == 4.0 and row["marketing"] is None and row["sales_guess"] is None and row["gap"] is None
    assert not [finding for finding in result.findings if finding.key.startswith("survey.mirror")]


# --- guesses, the relay, segments, goals ------------------------------------------------------------------------------


def test_guesses_are_shown_as_shares(make_tables: Make) -> None:
    rows = replies(
        est_touched=([70, 80, 90, 60, 75], [30, 20, 40, 30, 30]), est_days=([2, 3, 2, 3, 5], [9, 9, 10, 8, 14])
    )
    exhibit = said(make_tables, rows).exhibit("survey.estimates")
    (row,) = exhibit.rows
    assert (row["sales"], row["marketing"]) == (0.75, 0.3) and row["note"] == ""
    assert "Sales 3, Marketing 10" in exhibit.lead
    assert "as each team guesses: Sales 75" in exhibit.title


def test_a_step_both_claim_and_a_step_both_leave_are_named(make_tables: Make) -> None:
    rows = replies(
        own_grade=([80, 90, 70, 80, 80], [20, 30, 20, 10, 20]),
        own_nurture=([10, 20, 10, 20, 10], [90, 80, 90, 80, 90]),
        own_close=([90, 95, 90, 95, 90], [90, 85, 90, 85, 90]),
    )  # fmt: skip
    title = said(make_tables, rows).exhibit("survey.relay").title
    assert title == (
        "Both teams see themselves as owner of: \u201cdecide that a lead is ready\u201d; "
        "each leaves to the other: \u201ckeep in touch until they are ready\u201d"
    )


def test_points_over_segments_give_the_part_that_would_have_to_move(make_tables: Make) -> None:
    rows = replies(points_Retail=([60, 60, 50, 70, 60], [20, 10, 20, 30, 20]),
                   points_Energy=([40, 40, 50, 30, 40], [80, 90, 80, 70, 80]))  # fmt: skip
    exhibit = said(make_tables, rows).exhibit("survey.segments")
    assert exhibit.title.startswith("The teams would place 40\u00a0% of next year's revenue in different segments")


def test_goals_stand_in_each_teams_order(make_tables: Make) -> None:
    rows = replies(goal_new=([1, 1, 2, 1, 1], [3, 3, 2, 3, 3]), goal_known=([2, 2, 1, 2, 2], [1, 1, 1, 1, 2]),
                   goal_keep=([3, 3, 3, 3, 2], [2, 2, 3, 2, 1]))  # fmt: skip
    exhibit = said(make_tables, rows).exhibit("survey.goals")
    assert exhibit.title == "Sales puts \u201cwin new customers\u201d first, Marketing \u201cbecome better known\u201d"
    assert [row["sales"] for row in exhibit.rows] == [1.2, 1.8, 2.8]
    assert "Kendall's tau \u22120.33" in exhibit.lead  # 1 2 3 against 3 1 2: one of three pairs in the same order


def test_the_five_conversations_stand_side_by_side_held_and_helped(make_tables: Make) -> None:
    rows = replies(c1_done=([4, 4, 4, 5, 3], [4, 4, 3, 5, 4]), c1_helped=([2, 1, 2, 2, 3], [4, 5, 4, 4, 4]))
    exhibit = said(make_tables, rows).exhibit("survey.conversations")
    assert [row["gap"] for row in exhibit.rows] == [0.0, -2.2]
    assert exhibit.title.startswith("C1 Tailored point of view: helped by Marketing: Sales 2.0, Marketing 4.2")


# --- agreement --------------------------------------------------------------------------------------------------------


def test_a_teams_spread_is_shown_from_ten_people_on_beside_what_chance_would_do(make_tables: Make) -> None:
    rows = replies(credit_1=([4, 4, 5, 4, 4, 4, 4, 5, 4, 4], [3, 3, 4, 3, 2]))
    (row,) = said(make_tables, rows).exhibit("survey.agreement").rows
    assert row["sales_rwg"] == 0.9 and row["sales_chance"] == pytest.approx(0.49, abs=0.04)  # .911, told as .90
    assert row["marketing_sd"] is None and row["marketing_rwg"] is None


def test_a_team_in_two_camps_is_named(make_tables: Make) -> None:
    rows = replies(credit_1=([1, 1, 1, 2, 1, 1, 5, 5, 5, 4, 5, 5], [3, 3, 4, 3, 2]))
    result = said(make_tables, rows)
    assert "split in two camps: Sales on credit and nurturing" in result.exhibit("survey.agreement").title
    (row,) = result.exhibit("survey.agreement").rows
    assert str(row["note"]).startswith("Sales stands in two camps, so its mean stands for nobody")


def test_reliability_takes_twenty_people_and_names_an_item_that_runs_the_wrong_way(make_tables: Make) -> None:
    rng = np.random.default_rng(5)
    person = rng.normal(3, 1, 40)
    given = {name: np.clip(np.round(person + rng.normal(0, 0.5, 40)), 1, 5).astype(int) for name in ("a", "b", "c")}
    given["c"] = 6 - given["c"]  # keyed the wrong way
    items = dict(zip(("goal_1", "goal_2", "goal_3"), given.values(), strict=True))
    rows = replies(**{item: (a[:24].tolist(), a[24:].tolist()) for item, a in items.items()})
    block = INSTRUMENT.blocks[0]
    assert isinstance(block, Block)
    answers = read_answers(make_tables({"responses": rows}))
    _, _, against = within.reliability(answers, block, settings())
    assert against == [INSTRUMENT.items["goal_3"].text]
    nineteen = {f"sales{i}" for i in range(10)} | {f"marketing{i}" for i in range(9)}
    few = read_answers(make_tables({"responses": [row for row in rows if row["respondent_id"] in nineteen]}))
    assert within.reliability(few, block, settings())[0].value is None
    (row,) = said(make_tables, rows).exhibit("survey.agreement").rows
    assert "runs against the other items" in str(row["note"])


# --- comments ---------------------------------------------------------------------------------------------------------


def comments(sales: int, marketing: int, approved: bool = True) -> list[dict[str, Any]]:
    return [
        {"respondent_id": f"{team}{i}", "team": team, "item": "comment_change",
         "comment": f"Synthetic remark {team} {i}" if approved else None}
        for team, n in (("sales", sales), ("marketing", marketing)) for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sales", "marketing", "teams"),
    [(8, 8, {"Sales", "Marketing"}), (8, 7, {"Both teams"}), (4, 4, {"Both teams"}), (4, 3, set())],
)
def test_S42_comments_are_shown_from_eight_people_on_and_by_team_only_when_both_have_eight(
    make_tables: Make, sales: int, marketing: int, teams: set[str]
) -> None:
    rows = replies(goal_1=([4, 3] * 3, [3, 4] * 3)) + comments(sales, marketing)
    result = said(make_tables, rows)
    shown = [e for e in result.exhibits if e.key == "survey.comments"]
    assert {row["team"] for e in shown for row in e.rows} == teams
    assert ("Synthetic remark" in to_json(result)) == bool(teams)
    order = [str(row["comment"]) for e in shown for row in e.rows if row["team"] in ("Sales", "Both teams")]
    assert order != sorted(order) or not order


def test_S42_comments_nobody_approved_are_counted_and_not_shown(make_tables: Make) -> None:
    result = said(make_tables, replies(goal_1=([4, 3] * 3, [3, 4] * 3)) + comments(9, 9, approved=False))
    assert "survey.comments" not in {exhibit.key for exhibit in result.exhibits}
    assert any(caveat.startswith("Comments left: 18, shown: 0.") for caveat in result.caveats)


# --- structure --------------------------------------------------------------------------------------------------------


def test_rules_without_owner_or_date_are_counted_and_what_helps_is_said(make_tables: Make) -> None:
    rules = [code for code, fact in checklist().items() if fact["topic"] == "rules"][:4]
    facts: list[dict[str, Any]] = [
        {"fact": rules[0], "answer": "yes", "owner": "Head of sales", "dated_on": "2024-01-31"},
        {"fact": rules[1], "answer": "yes", "owner": None, "dated_on": None},
        {"fact": rules[2], "answer": "yes", "owner": "Head of sales", "dated_on": None},
        {"fact": rules[3], "answer": "no", "owner": None, "dated_on": None},
        {"fact": "one_head_of_both_teams", "answer": "no", "owner": None, "dated_on": None},
    ]
    result = survey.diagnose(make_tables({"facts": facts}), settings())
    found = result.finding("survey.structure")
    assert (found.measure.k, found.measure.n, found.level, found.theme) == (2, 3, "watch", "structure")
    notes = {row["label"]: row["note"] for row in result.exhibit("survey.structure").rows}
    known = checklist()
    assert notes[known[rules[0]]["question"]] == "2.0 years old"
    assert notes[known[rules[1]]["question"]] == "no owner and no date"
    assert notes[known["one_head_of_both_teams"]["question"]] == "goes with better collaboration, and is not there"
    assert notes[known[rules[3]]["question"]] == ""


def test_no_rule_in_force_is_said_and_not_judged(make_tables: Make) -> None:
    result = survey.diagnose(make_tables({"facts": [{"fact": "handoff_rules_written", "answer": "no"}]}), settings())
    assert not result.findings and any("no written rule that is in force" in gap.why for gap in result.not_judged)


# --- named answers ----------------------------------------------------------------------------------------------------


def test_named_answers_of_a_small_firm_are_shown_as_differences_to_talk_about(make_tables: Make) -> None:
    rows = replies(follow_1=([5, 4, 4], [1, 2]), mirror_follow_up=([2, 2, 3], [4, 4]))
    result = said(make_tables, rows, survey={"mode": "named", "consent_on": "2025-01-10"})
    row = result.exhibit("survey.items").rows[0]
    assert (row["sales_range"], row["marketing_range"], row["gap"]) == ("4 to 5", "1 to 2", 2.8)
    assert {finding.level for finding in result.findings} == {"unclear"}
    assert result.exhibit("survey.blocks").title.startswith("The teams stand furthest apart on follow-up")
    assert "Named answers, with consent; nothing is inferred" in result.basis
    assert not {"survey.agreement", "survey.firm"} & {exhibit.key for exhibit in result.exhibits}
    assert "sales0" not in to_json(result)


# --- nothing beside a figure gives it away ----------------------------------------------------------------------------


def figures_of(result: Result, key: str) -> dict[str, Any]:
    return {str(row["label"]): row for row in result.exhibit(key).rows}


def test_a_statement_one_person_of_a_team_could_answer_is_in_no_block_and_no_mirror(make_tables: Make) -> None:
    rows = replies(language_1=([4, 4, 3, 5, 4], [4, 4, 3, 5, 4]), language_2=([3, 3, 4, 2, 3], [1] + [None] * 4),
                   mirror_common_language=([3, 4, 3, 3, 2], [3, 4, 3, 3, 2]))  # fmt: skip
    result = said(make_tables, rows)
    block = figures_of(result, "survey.blocks")["Common language"]
    assert (block["sales"], block["marketing"]) == (4.0, 4.0)  # the first statement alone: both teams answered it
    items = figures_of(result, "survey.items")
    assert items["It is written down what each stage of a lead means."]["marketing"] is None


def test_a_mirror_shows_and_pools_no_answer_that_is_withheld_elsewhere(make_tables: Make) -> None:
    rows = replies(goal_1=([2, 3, 2, 3, 2], [2, 3, 2, 3, 2]), metrics_1=([3, 2, 3, 2, 4], [5] * 5),
                   mirror_shared_goal=([3, 4, 3, 3, 2], [3, 4, 3, 3, 2]),
                   mirror_time_and_metrics=([3, 4, 3, 3, 2], [3, 4, 3, 3, 2]))  # fmt: skip
    result = said(make_tables, rows)
    assert figures_of(result, "survey.mirror")["Time horizon and metrics"]["marketing"] is None
    for team in ("sales", "marketing"):
        assert "over 1 statement" in result.finding(f"survey.mirror.{team}").detail


def test_ranks_and_points_are_shown_whole_or_not_at_all_for_they_share_a_sum(make_tables: Make) -> None:
    alike = {"goal_quarter": [1] * 6, "goal_new": [2, 3, 2, 3, 2, 3], "goal_keep": [3, 2, 3, 2, 3, 2]}
    mixed = {"goal_quarter": [1, 2, 3, 1, 2], "goal_new": [2, 3, 1, 2, 1], "goal_keep": [3, 1, 2, 3, 3]}
    exhibit = said(make_tables, replies(**{goal: (alike[goal], mixed[goal]) for goal in alike})).exhibit("survey.goals")
    assert all(row["sales"] is None and row["marketing"] is not None for row in exhibit.rows)
    assert exhibit.title == "Which goal comes first cannot be compared between the teams"
    points = replies(points_A=([0] * 5, [20, 30, 20, 30, 20]), points_B=([50, 40, 60, 50, 50], [80, 70, 80, 70, 80]),
                     points_C=([50, 60, 40, 50, 50], [0, 0, 0, 0, 0]))  # fmt: skip
    assert all(row["sales"] is None for row in said(make_tables, points).exhibit("survey.segments").rows)


def test_points_that_do_not_add_up_to_a_hundred_are_shared_out_anew(make_tables: Make) -> None:
    rows = replies(points_A=([60, 40, 50, 55, 20], [3, 2, 2, 3, 3]), points_B=([60, 40, 50, 45, 80], [1, 2, 2, 1, 1]))
    segments = figures_of(said(make_tables, rows), "survey.segments")
    assert segments["A"]["sales"] + segments["B"]["sales"] == pytest.approx(1.0)
    assert (segments["A"]["marketing"], segments["B"]["marketing"]) == (0.65, 0.35)  # .75 .5 .5 .75 .75


def test_teams_are_compared_on_what_both_could_answer(make_tables: Make) -> None:
    same = [4, 3, 4, 5, 4, 3, 4, 4, 3, 5]
    rows = replies(goal_1=(same, same), goal_2=(same, same), goal_3=([1, 1, 2, 1, 1, 1, 2, 1, 1, 1], [None] * 10))
    assert said(make_tables, rows).finding("survey.gap.shared_goal").measure.value == 0.0


def test_a_team_that_agrees_off_the_ends_of_the_scale_is_not_told_to_be_of_one_mind(make_tables: Make) -> None:
    one = said(make_tables, replies(credit_1=([3] * 10, [2, 3, 4, 3, 2])))
    near = said(make_tables, replies(credit_1=([3] * 9 + [4], [2, 3, 4, 3, 2])))
    keys = [f"sales_{key}" for key in ("sd", "rwg", "ad")]
    shown = [
        [figures_of(result, "survey.agreement")["Credit and nurturing"][key] for key in keys] for result in (one, near)
    ]
    assert shown[0] == shown[1]
    widths = [row["sales_high"] - row["sales_low"] for row in (r.exhibit("survey.blocks").rows[0] for r in (one, near))]
    assert widths[0] == pytest.approx(widths[1], abs=0.11)  # the same but for rounding outwards


def test_the_rows_of_a_file_are_not_told_when_the_total_is_withheld(make_tables: Make) -> None:
    rows = replies(credit_1=([4, 3] * 6, [2, 3, 2, 3]))
    result = said(make_tables, rows)
    assert [source.rows for source in result.sources if source.table == "responses"] == [None]
    assert not result.row_counts
    whole = said(make_tables, replies(credit_1=([4, 3] * 6, [2, 3, 2, 3, 2])))
    assert whole.row_counts and all(source.rows for source in whole.sources)


def test_a_team_that_could_not_say_is_not_told_to_have_said_so(make_tables: Make) -> None:
    rows = replies(credit_1=([4, 3, 4, 3, 4], [None] * 5), goal_1=([4, 3, 4, 3, 4], [2, 3, 2, 3, 2]))
    items = figures_of(said(make_tables, rows), "survey.items")
    assert items[INSTRUMENT.items["credit_1"].text]["marketing_n"] is None


def test_answers_that_no_form_offers_are_left_out_and_said(make_tables: Make) -> None:
    rows = replies(credit_1=([4, 3, 3.5, 9, 4, 4, 3], [2, 3, 0, -5, 2, 3, 2]))
    result = said(make_tables, rows)
    row = result.exhibit("survey.blocks").rows[0]
    assert (row["sales_n"], row["marketing_n"]) == (5, 5)
    assert any("off the scale or between two steps" in caveat for caveat in result.caveats)
