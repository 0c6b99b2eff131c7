"""Where the two teams part: by hand, on a real export, planted, and where nothing is planted."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignlib.diagnostics import survey
from alignlib.diagnostics.survey.answers import people_of
from alignlib.diagnostics.survey.gaps import published_gap, size
from alignlib.diagnostics.survey.scores import Scores
from alignlib.disclosure import audit_release
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import to_json
from alignlib.stats import judge

Make = Callable[..., Tables]
WORLDS = 1_000
BLOCKS = {block.block: block for block in read_instrument().blocks}


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2026-01-31", "currency": "EUR", "timezone": "UTC",
        "teams": {"sales": {"invited": 14}, "marketing": {"invited": 9}}, "thresholds": {"survey_gap": 0.8},
    }  # fmt: skip
    return Settings.model_validate(given | changes)


def answers(
    item: str, sales: list[int | None], marketing: list[int | None], nobody: list[int] | None = None
) -> list[Any]:
    """One row a person; None is "cannot say". The same place in a list is the same person in every item."""
    groups = {"sales": sales, "marketing": marketing, None: nobody or []}
    return [
        {"respondent_id": f"{team}{i}", "team": team, "item": item, "answer": a, "cannot_say": a is None}
        for team, given in groups.items()
        for i, a in enumerate(given)
    ]


Means = dict[tuple[str, str], tuple[float | None, int | None]]


def item_means(tables: Tables, agreed: Settings) -> Means:
    """What does each group answer on average to each item, and how many of it, as the record tells it?"""
    rows = survey.diagnose(tables, agreed).exhibit("survey.items").rows
    groups = ("sales", "marketing", "total")
    return {(row["item"], group): (row[group], row[f"{group}_n"]) for row in rows for group in groups}  # type: ignore[misc]


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_block_is_the_mean_of_each_persons_items_with_reverse_items_turned(make_tables: Make) -> None:
    # handoff_2 is reverse: 5, 5, 4, 4, 3 count as 1, 1, 2, 2, 3. Sales scores 3, 3, 3, 3, 3 with handoff_1 5 5 4 4 3.
    # In Marketing two people answer one item alone. A team's mean is the mean of its item means.
    tables = make_tables(
        {
            "responses": answers("handoff_1", [5, 5, 4, 4, 3], [1, 1, 2, None, 2, 3])
            + answers("handoff_2", [5, 5, 4, 4, 3], [5, 5, None, 4, 4, 5])
        }
    )
    row = survey.diagnose(tables, settings()).exhibit("survey.blocks").rows[0]
    # Marketing: (1+1+2+2+3)/5 = 1.8 on the first, (1+1+2+2+1)/5 = 1.4 on the second: mean of both 1.6.
    assert (row["label"], row["sales"], row["marketing"], row["gap"]) == ("Handoff rules", 3.0, 1.6, 1.4)
    assert (row["sales_n"], row["marketing_n"]) == (5, 6)
    assert row["sales_low"] is None, "a team's own interval is shown from ten people on"


def test_a_gap_beyond_the_limit_is_told_with_its_team_its_size_and_its_play(make_tables: Make) -> None:
    sales, marketing = [5, 5, 4, 5, 4, 5, 4, 5, 5, 4], [2, 3, 2, 2, 3, 2, 2, 3]
    tables = make_tables({"responses": answers("follow_1", sales, marketing)})
    found = survey.diagnose(tables, settings()).finding("survey.gap.follow_up")
    assert found.title == "Sales rates follow-up 2.2 points higher than Marketing"
    assert (found.level, found.play, found.theme) == ("act", "P4", "handoff")
    assert found.measure.n == 18 and found.measure.method == "difference of two means, Welch 1947"
    # Means 4.6 and 2.375: gap 2.225. Marketing's eight count with a variance of .5, not .2679: standard error
    # sqrt(.2667/10 + .5/8), 12.4 degrees of freedom, t 2.17. Its eight are too few for Cliff's delta.
    assert found.measure.value == 2.2
    assert (found.measure.low, found.measure.high) == (1.57, 2.88)
    assert "delta" not in found.detail


def test_the_same_gap_the_other_way_has_the_same_size_and_names_marketing(make_tables: Make) -> None:
    high, low = [5, 5, 4, 5, 4, 5, 4, 5, 5, 4], [2, 3, 2, 2, 3, 2, 2, 3, 2, 3]
    result = survey.diagnose(make_tables({"responses": answers("follow_1", low, high)}), settings())
    other = survey.diagnose(make_tables({"responses": answers("follow_1", high, low)}), settings())
    found, mirrored = result.finding("survey.gap.follow_up"), other.finding("survey.gap.follow_up")
    assert found.measure == mirrored.measure and found.level == mirrored.level == "act"
    assert found.title.startswith("Marketing rates follow-up")
    assert result.exhibit("survey.blocks").rows[0]["gap"] == -other.exhibit("survey.blocks").rows[0]["gap"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("sales", "marketing", "level", "title"),
    [
        ([5] * 6 + [4] * 6, [4] * 4 + [5] * 6, "good", "The teams agree on follow-up within the agreed 0.8"),
        ([5, 1, 4, 2, 5, 3], [2, 4, 1, 3, 5], "unclear", "The teams may differ on follow-up: 0.3 points"),
        ([5, 4, 4, 4, 4, 4] * 2, [3, 3, 3, 3, 4] * 2, "unclear",
         "Sales rates follow-up 1.0 points higher than Marketing, p"),
    ],
)  # fmt: skip
def test_each_level_has_its_own_title(
    make_tables: Make, sales: list[int], marketing: list[int], level: str, title: str
) -> None:
    tables = make_tables({"responses": answers("follow_1", sales, marketing)})
    found = survey.diagnose(tables, settings()).finding("survey.gap.follow_up")
    assert found.level == level
    assert found.title.startswith(title)
    assert bool(found.settle) == (level == "unclear")
    assert (found.play is None) == (level == "good")


def test_a_gap_that_does_not_touch_the_handover_is_to_watch(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("regard_1", [1, 2, 1, 2, 1, 2], [4, 5, 4, 5, 4])})
    result = survey.diagnose(tables, settings())
    assert result.finding("survey.gap.regard").level == "watch"
    assert result.headline == "The teams part on \u201cregard, recognition and morale\u201d"


def test_without_an_agreed_limit_nothing_is_judged(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("follow_1", [5] * 9 + [4], [1] * 9 + [2])})
    found = survey.diagnose(tables, settings(thresholds={})).finding("survey.gap.follow_up")
    assert found.level == "unclear" and found.limit is None and "No limit was agreed" in found.detail


@pytest.mark.parametrize(("sales", "marketing", "gap"), [([5] * 21, [1] * 21, 4.0), ([4] * 6, [2] * 6, 2.0)])
def test_teams_of_one_mind_are_judged_without_false_certainty(
    make_tables: Make, sales: list[int], marketing: list[int], gap: float
) -> None:
    tables = make_tables({"responses": answers("follow_1", sales, marketing)})
    found = survey.diagnose(tables, settings()).finding("survey.gap.follow_up")
    assert found.level == "act"
    assert found.measure.low is not None and found.measure.low < gap < (found.measure.high or 0)


# --- what is withheld -------------------------------------------------------------------------------------------------


def test_S34_a_small_team_is_withheld_with_everything_that_would_give_it_away(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("credit_1", [4] * 6 + [2] * 6, [1, 1, 2, 1])})
    result = survey.diagnose(tables, settings())
    assert result.findings == []
    (missing,) = [n for n in result.not_judged if n.theme == "credit"]
    assert missing.why == "Marketing: fewer than five answered, so the figures are withheld"
    row = result.exhibit("survey.blocks").rows[0]
    assert row["sales"] == 3.0 and row["note"] == "Marketing withheld: fewer than five answered"
    assert [row[c] for c in ("marketing", "marketing_n", "gap", "delta")] == [None] * 4
    item = result.exhibit("survey.items").rows[0]
    assert [item[c] for c in ("marketing", "marketing_n", "total", "total_n", "gap")] == [None] * 5
    team, everybody = result.exhibit("survey.response").rows[1:]
    assert (team["answered"], team["share"], team["note"]) == (None, None, "fewer than five: withheld")
    assert (everybody["answered"], everybody["share"]) == (None, None)
    assert result.exhibit("survey.response").title == "Who answered: Sales 12 of 14 and Marketing withheld"
    assert audit_release(survey.release_log(tables, settings()), 5) == []


def test_S38_people_without_a_team_cannot_be_had_by_subtraction(make_tables: Make) -> None:
    few = make_tables({"responses": answers("goal_1", [4] * 6, [3] * 6, [1, 5])})
    enough = make_tables({"responses": answers("goal_1", [4] * 6, [3] * 6, [1, 5, 1, 5, 3])})
    assert [mean for mean, _ in item_means(few, settings()).values()] == [4.0, 3.0, None]
    assert [mean for mean, _ in item_means(enough, settings()).values()] == [4.0, 3.0, 3.4]  # 57 points by 17 people


@pytest.mark.parametrize("end", [1, 5])
def test_S41_a_small_team_that_answered_alike_at_an_end_of_the_scale_is_withheld(make_tables: Make, end: int) -> None:
    # A mean of exactly 1 or 5 says what each of the nine answered. handoff_2 is asked the bad way round.
    sales, alike = [4, 3, 5, 4, 2, 4, 3, 5, 4, 4], [end] * 9
    rows = answers("handoff_1", sales, alike) + answers("handoff_2", sales, [6 - end] * 9)
    tables = make_tables({"responses": rows})
    result = survey.diagnose(tables, settings())
    assert result.findings == []
    (missing,) = [n for n in result.not_judged if "handoff rules" in n.what]
    assert missing.why == "Marketing: protects those who answered, so the figures are withheld"
    assert missing.settle.startswith("answers from more people of each team")
    row = result.exhibit("survey.blocks").rows[0]
    assert row["sales"] == 3.0 and row["note"] == "Marketing withheld: protects those who answered"
    assert [row[c] for c in ("marketing", "marketing_n", "gap", "gap_low", "delta")] == [None] * 5
    for item in result.exhibit("survey.items").rows:  # nor by way of its items, nor by subtraction from the total
        assert item["sales"] == 3.8 and [item[c] for c in ("marketing", "gap", "total")] == [None] * 3
        assert str(item["note"]).endswith("withheld: Marketing and everybody")
    means = item_means(tables, settings())
    assert [group for (_, group), (mean, _) in means.items() if mean is not None] == ["sales", "sales"]
    logged = survey.release_log(tables, settings()).releases
    assert {release.group for release in logged if release.key != "survey.answered"} == {"sales"}


@pytest.mark.parametrize("alike", [[5] * 21, [4] * 9, [5] * 8 + [4]])
def test_a_team_that_is_large_or_not_at_the_end_of_the_scale_is_shown(make_tables: Make, alike: list[int]) -> None:
    tables = make_tables({"responses": answers("follow_1", [3, 2, 3, 2, 3, 4], alike)})
    row = survey.diagnose(tables, settings()).exhibit("survey.blocks").rows[0]
    assert row["marketing"] == round(sum(alike) / len(alike), 1) and row["gap"] is not None and row["note"] == ""


@pytest.mark.parametrize("smallest", [3, 5, 8])
def test_S38_what_is_published_passes_the_auditor_whoever_answered(make_tables: Make, smallest: int) -> None:
    rng, agreed = np.random.default_rng(smallest), settings(survey={"smallest_group": smallest})
    for _ in range(8):
        sizes = rng.integers(0, 12, 3)
        rows = [
            row
            for item in ("goal_1", "goal_2", "credit_1", "own_item")
            for row in answers(item, *([int(a) for a in rng.integers(1, 6, n)] for n in sizes))  # type: ignore[arg-type]
            if rng.random() < 0.8
        ]
        if rows:
            tables = make_tables({"responses": rows})
            assert audit_release(survey.release_log(tables, agreed), smallest) == []
            assert all(n and n >= smallest for mean, n in item_means(tables, agreed).values() if mean is not None)


def test_no_answer_of_a_single_person_is_in_the_record(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("credit_1", [4] * 6 + [2] * 6, [1, 1, 2, 1])})
    record = to_json(survey.diagnose(tables, settings()))
    assert "sales0" not in record and "marketing0" not in record
    assert '"answered": 4' not in record and '"n": 4' not in record


# --- who answered, and what cannot be said ----------------------------------------------------------------------------


def test_low_response_is_said_and_what_the_silent_could_change_stands_beside_the_gap(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("follow_1", [5, 5, 5, 4, 5, 4], [2, 2, 3, 2, 2, 3, 2, 2])})
    result = survey.diagnose(tables, settings())
    assert any(c.startswith("Sales: only 6 of 14") for c in result.caveats)
    # Gap 4.667 - 2.25 = 2.4 as published; six of fourteen and eight of nine answered: 2.4 x (6/14 + 8/9 - 1) = 0.8.
    assert [(row["gap"], row["silent"]) for row in result.exhibit("survey.firm").rows] == [(2.4, 0.8)]
    assert any("more than 20 percentage points apart" in c for c in result.caveats)
    assert result.basis[:2] == ["Sales: 6 of 14", "Marketing: 8 of 9"]
    assert result.basis[2] == "Anonymous answers; groups below five are withheld"


def test_invited_people_are_counted_from_the_list_when_the_settings_do_not_say(make_tables: Make) -> None:
    listed = [{"respondent_id": f"{team}{i}", "team": team} for team in ("sales", "marketing") for i in range(8)]
    rows = [row | {"team": None} for row in answers("goal_1", [4] * 6, [3] * 6)]
    result = survey.diagnose(make_tables({"responses": rows, "respondents": listed}), settings(teams={}))
    assert [row["invited"] for row in result.exhibit("survey.response").rows] == [8, 8, 16]
    assert result.finding("survey.gap.shared_goal").measure.value == 1.0  # the team comes from the list too


def test_cannot_say_is_an_answer_to_the_survey_and_not_to_the_item(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("goal_1", [4, 4, 4, 4, 4, None], [3, 3, 3, 3, 3])})
    result = survey.diagnose(tables, settings())
    assert result.exhibit("survey.response").rows[0]["answered"] == 6
    assert result.exhibit("survey.items").rows[0]["sales_n"] == 5


def test_only_the_last_round_is_read(make_tables: Make) -> None:
    first = [row | {"wave": "2"} for row in answers("goal_1", [1] * 6, [1] * 6)]
    last = [row | {"wave": "10"} for row in answers("goal_1", [4] * 6, [3] * 6)]
    result = survey.diagnose(make_tables({"responses": first + last}), settings())
    assert result.exhibit("survey.items").rows[0]["sales"] == 4.0
    assert "Of several rounds, only the last is read." in result.caveats


def test_named_answers_are_shown_and_nothing_is_inferred(make_tables: Make) -> None:
    tables = make_tables({"responses": answers("follow_1", [5, 5, 4, 5, 4] * 2, [2, 3, 2, 2, 3] * 2)})
    result = survey.diagnose(tables, settings(survey={"mode": "named", "consent_on": "2025-01-10"}))
    (found,) = result.findings
    assert found.level == "unclear" and found.measure.low is None and found.measure.value == 2.2
    assert any("under names" in caveat for caveat in result.caveats)
    row = result.exhibit("survey.blocks").rows[0]
    assert [row[c] for c in ("sales_low", "gap_low", "delta_low")] == [None, None, None]


def test_without_answers_the_survey_as_a_whole_is_not_judged(make_tables: Make) -> None:
    result = survey.diagnose(make_tables({}), settings())
    assert result.findings == [] and result.exhibits == []
    assert [(n.what, n.why) for n in result.not_judged] == [
        ("What the two teams say of each other", "no survey answers were delivered"),
        ("How the teams are led, paid and ruled", "no facts checklist was delivered"),
    ]


def test_one_team_alone_is_shown_and_not_compared(make_tables: Make) -> None:
    result = survey.diagnose(make_tables({"responses": answers("goal_1", [4] * 8, [])}), settings())
    assert result.findings == []
    assert result.exhibit("survey.blocks").rows[0]["note"] == "Marketing: no answers"
    assert result.exhibit("survey.response").rows[1]["answered"] == 0


# --- metamorphic ------------------------------------------------------------------------------------------------------


def test_shuffled_rows_and_new_codes_give_the_same_record(make_tables: Make) -> None:
    rng = np.random.default_rng(1)
    rows = [r for b in BLOCKS.values() for i in b.items for r in answers(i.item, *(rng.integers(1, 6, n).tolist() for n in (12, 8)))]  # fmt: skip # noqa: E501
    codes = {code: f"X{i}" for i, code in enumerate(rng.permutation(sorted({row["respondent_id"] for row in rows})))}
    renamed = [{**row, "respondent_id": codes[row["respondent_id"]]} for row in rows]
    order = rng.permutation(len(rows))
    one = survey.diagnose(make_tables({"responses": rows}), settings())
    other = survey.diagnose(make_tables({"responses": [renamed[i] for i in order]}), settings())
    assert to_json(one) == to_json(other)


# --- planted, and nothing planted -------------------------------------------------------------------------------------


def raised(sales: list[float], marketing: list[float], sizes: tuple[int, int] = (14, 9)) -> int:
    """In how many of a thousand worlds is the gap on one item judged to lie beyond .8 points?

    ``sales`` and ``marketing``: the share of each answer 1 to 5.
    """
    rng = np.random.default_rng(20260331)
    a, b = (rng.choice([1.0, 2, 3, 4, 5], (WORLDS, n), p=p) for n, p in zip(sizes, (sales, marketing), strict=True))
    team = ["sales"] * sizes[0] + ["marketing"] * sizes[1]
    people = people_of(
        pd.DataFrame({"respondent_id": range(sum(sizes)), "team": team, "role": None, "is_hasty": False})
    )
    worlds = [Scores(people, np.concatenate(both)[:, None], 5) for both in zip(a, b, strict=True)]
    found = [size(published_gap(world, "sales", "marketing")) for world in worlds]
    return sum(judge(gap.value, gap.low, gap.high, 0.8, "at_most") == "act" for gap in found)


def test_teams_that_differ_by_exactly_the_limit_are_seldom_raised() -> None:
    # Means 3.8 and 3.0: the hardest world in which nothing lies beyond the limit. Nominal: 2.5 % on the one side.
    count = raised([0.05, 0.10, 0.15, 0.40, 0.30], [0.20, 0.20, 0.20, 0.20, 0.20])
    assert count <= binom.ppf(0.999, WORLDS, 0.025)


def test_teams_that_do_not_differ_are_not_raised() -> None:
    assert raised([0.1, 0.2, 0.4, 0.2, 0.1], [0.1, 0.2, 0.4, 0.2, 0.1]) <= binom.ppf(0.999, WORLDS, 0.001)


def test_a_planted_gap_of_two_points_is_found() -> None:
    # Means 4.3 and 2.3, spread .80 and .84: Welch's power against .8 is 85 % (noncentral t) at 12 and 8 answers.
    # .8 is what is asked of it here, for answers come in whole points.
    count = raised([0, 0.03, 0.12, 0.37, 0.48], [0.15, 0.5, 0.25, 0.1, 0], (12, 8))
    assert count >= binom.ppf(0.001, WORLDS, 0.8)


# --- a real export ----------------------------------------------------------------------------------------------------

FAVOUR = {"Very favorably": 5, "Somewhat favorably": 4, "Neither favorably nor unfavorably (neutral)": 3,
          "Somewhat unfavorably": 2, "Very unfavorably": 1, "Unfamiliar (N/A)": None}  # fmt: skip


@pytest.fixture
def star_wars(data_folder: Path, make_tables: Make) -> Tables:
    """The public export of FiveThirtyEight and SurveyMonkey, gender standing in for team: 'Male' is Sales here."""
    with (data_folder / "surveymonkey" / "StarWars.csv").open(encoding="latin-1", newline="") as handle:
        _, options, *people = csv.reader(handle)
    gender = len(options) - 5
    places = {"han": "Han Solo", "luke": "Luke Skywalker", "vader": "Darth Vader"}
    return make_tables(
        {
            "responses": [
                {
                    "respondent_id": row[0],
                    "team": {"Male": "sales", "Female": "marketing"}.get(row[gender]),
                    "item": item,
                    "answer": FAVOUR[row[options.index(name)]],
                    "cannot_say": FAVOUR[row[options.index(name)]] is None,
                }
                for row in people
                for item, name in places.items()
                if row[options.index(name)]
            ]
        }
    )


@pytest.mark.data
def test_the_published_star_wars_means_are_met(star_wars: Tables) -> None:
    means = item_means(star_wars, settings())
    total = {item: mean for (item, group), mean in means.items() if group == "total"}
    assert total == {"han": (4.6720, 814), "luke": (4.5806, 825), "vader": (3.4792, 816)}


@pytest.mark.data
def test_items_of_another_survey_are_listed_and_not_judged(star_wars: Tables) -> None:
    result = survey.diagnose(star_wars, settings())
    assert result.findings == []
    assert {row["item"]: row["total"] for row in result.exhibit("survey.items").rows} == {
        "han": 4.6720, "luke": 4.5806, "vader": 3.4792,
    }  # fmt: skip
    assert "Not items of this survey, so listed and not judged: han, luke and vader." in result.caveats
    left = {gap["theme"] for gap in json.loads(to_json(result))["not_judged"]}
    assert left == {block.theme for block in BLOCKS.values()} | {"structure"}
