"""Who makes which complaint: counted by hand, and so that count and mean together tell of nobody's answer."""

from collections.abc import Callable, Iterable
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alignlib.diagnostics import survey
from alignlib.diagnostics.survey import claims
from alignlib.diagnostics.survey.answers import people_of
from alignlib.diagnostics.survey.releases import release_log
from alignlib.diagnostics.survey.scores import Scores
from alignlib.disclosure import audit_release, published_count, published_mean, tells_all
from alignlib.engagement import Settings
from alignlib.grievances import read_docket
from alignlib.intake.tables import Tables
from alignlib.result import Row

Make = Callable[..., Tables]
Given = list[int | None]
TEN, TWELVE = [1, 2, 2, 3, 4, 5, 5, 3, 4, 2], [1, 1, 2, 2, 2, 3, 4, 4, 3, 5, 2, 4]
NEAR = [3, 3, 4, 4, 3, 4, 3, 4]  # of a team whose answers are not at issue


def settings(**survey: Any) -> Settings:
    return Settings.model_validate({
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2026-01-31", "currency": "EUR", "timezone": "UTC", "survey": survey,
    })  # fmt: skip


NAMED = {"mode": "named", "consent_on": "2026-01-01"}


def replies(leaders: int = 0, **items: tuple[Iterable[int | None], Iterable[int | None]]) -> list[dict[str, Any]]:
    """One row a person and item: {item: (answers of Sales, of Marketing)}; None is "cannot say".

    The first ``leaders`` of each team lead people, the others do not.
    """
    return [
        {"respondent_id": f"{team}{i}", "team": team, "item": item, "answer": a, "cannot_say": a is None,
         "role": None if not leaders else "leader" if i < leaders else "staff"}
        for item, both in items.items()
        for team, given in zip(("sales", "marketing"), both, strict=True)
        for i, a in enumerate(given)
    ]  # fmt: skip


def counts(make: Make, rows: list[dict[str, Any]], **changes: Any) -> dict[str, dict[str, tuple[Any, Any, Any]]]:
    """What is published, by grievance and team: at least, at most, and of how many."""
    shown = survey.diagnose(make({"responses": rows}), settings(**changes)).exhibit("survey.claims").rows
    return {str(row["label"]).split()[0]: {team: of(row, team) for team in ("sales", "marketing")} for row in shown}


def of(row: Row, team: str) -> tuple[Any, Any, Any]:
    return row[f"{team}_low"], row[f"{team}_high"], row[f"{team}_n"]


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_who_disagrees_or_rather_disagrees_makes_the_complaint(make_tables: Make) -> None:
    found = counts(make_tables, replies(follow_1=(TEN, TWELVE)))
    assert found == {"G2": {"sales": (4, 4, 10), "marketing": (6, 6, 12)}}


def test_where_agreeing_is_the_bad_answer_who_agrees_makes_it(make_tables: Make) -> None:
    found = counts(make_tables, replies(handoff_2=(TEN, TWELVE)))
    assert found == {"G10": {"sales": (4, 4, 10), "marketing": (4, 4, 12)}}
    row = claims_row(make_tables, replies(handoff_2=(NEAR, NEAR)))
    assert row["side"] == "agrees or rather agrees" and row["text"] == "Leads get stuck between the two teams."
    assert row["label"] == "G10 Leads get lost between us" and row["note"] == ""


def claims_row(make: Make, rows: list[dict[str, Any]], complaint: str = "") -> Row:
    """Of this complaint, or of the first."""
    shown = survey.diagnose(make({"responses": rows}), settings()).exhibit("survey.claims").rows
    return next(row for row in shown if str(row["label"]).startswith(complaint))


@pytest.mark.parametrize(
    ("sales", "shown"),
    [
        ([3, 3, 4, 5, 5, 3, 4, 4, 4, 3], (0, 1, 10)), ([2, 3, 4, 5, 5, 3, 4, 4, 4, 3], (0, 1, 10)),
        ([2, 2, 4, 5, 5, 3, 4, 4, 4, 3], (2, 2, 10)), ([1, 1, 2, 2, 2, 2, 3, 4, 3, 5], (6, 6, 10)),
        ([1, 1, 2, 2, 2, 1, 4, 4, 2, 1], (8, 10, 10)), ([1, 1, 2, 2, 2, 2, 2, 2, 1, 5], (8, 10, 10)),
    ],
)  # fmt: skip
def test_hardly_anybody_and_nearly_everybody_are_ranges(
    sales: Given, shown: tuple[int, int, int], make_tables: Make
) -> None:
    assert counts(make_tables, replies(follow_1=(sales, NEAR)))["G2"]["sales"] == shown
    turned = [None if a is None else 6 - a for a in sales]  # the same, where agreeing is the bad answer
    assert counts(make_tables, replies(handoff_2=(turned, NEAR)))["G10"]["sales"] == shown


@pytest.mark.parametrize(
    ("sales", "shown"),
    [
        ([3, 3, 3, 3, 3, 4, 4, 4], (0, 1, 8)), ([2, 3, 3, 3, 3, 4, 4, 5], (0, 1, 8)),
        ([2, 2, 3, 3, 3, 4, 5, 5], (2, 4, 8)), ([1, 1, 2, 3, 5, 5, 5, 5], (2, 4, 8)),
    ],
)  # fmt: skip
def test_below_ten_answers_it_is_said_at_most_whether_more_than_one_makes_it(
    sales: Given, shown: tuple[int, int, int], make_tables: Make
) -> None:
    assert counts(make_tables, replies(follow_1=(sales, NEAR)))["G2"]["sales"] == shown


def test_a_count_that_with_the_mean_would_tell_single_answers_stands_in_a_range(make_tables: Make) -> None:
    # the sum of 26 leaves two of ten one way to have disagreed: 1, 1 and 3s; that of 28, for whoever gave the 5
    assert counts(make_tables, replies(follow_1=([1, 1, *[3] * 8], NEAR)))["G2"]["sales"] == (2, 4, 10)
    assert counts(make_tables, replies(follow_1=([1, 1, *[3] * 7, 5], NEAR)))["G2"]["sales"] == (1, 3, 10)
    for sales in ([2, 2, 3, 3, 3], [1, 2, 2, 3, 5]):  # beside the mean of 2.6 nothing may be told of five
        row = claims_row(make_tables, replies(follow_1=(sales, NEAR)))
        assert of(row, "sales") == (None, None, None) and row["sales_why"] == "withheld"


def test_cannot_say_is_no_answer_and_counts_on_neither_side(make_tables: Make) -> None:
    found = counts(make_tables, replies(follow_1=([None, *TEN, None], NEAR)))
    assert found["G2"]["sales"] == (4, 4, 10)


def test_a_small_team_is_withheld_and_said_to_be(make_tables: Make) -> None:
    rows = replies(follow_1=([1, 2, 2, None, 5], [1, 2, 2, 3, 4]))  # four of Sales answered
    assert counts(make_tables, rows)["G2"] == {"sales": (None, None, None), "marketing": (2, 5, 5)}
    row = claims_row(make_tables, rows)
    assert (row["note"], row["sales_why"], row["marketing_why"]) == ("Sales: withheld", "withheld", "")


def test_a_team_of_which_nobody_answered_anything_is_said_to_be_absent_and_no_other(make_tables: Make) -> None:
    row = claims_row(make_tables, replies(follow_1=([], NEAR)))
    assert of(row, "sales") == (None, None, None)
    assert (row["note"], row["sales_why"], row["marketing_why"]) == ("Sales: nobody answered", "nobody answered", "")
    elsewhere = replies(follow_1=([None] * 6, NEAR), roles_2=(NEAR, NEAR))  # how many of those there answered is hidden
    assert claims_row(make_tables, elsewhere, "G2")["sales_why"] == "withheld"


def test_why_a_count_is_missing_stands_in_files_and_on_no_page(make_tables: Make) -> None:
    made = survey.diagnose(make_tables({"responses": replies(follow_1=([], NEAR))}), settings())
    extra = [column.name for column in made.exhibit("survey.claims").columns if column.is_extra]
    assert extra == ["sales_why", "marketing_why"]


@pytest.mark.parametrize("all_alike", [[1] * 6, [5] * 6])
def test_a_team_whose_mean_is_withheld_has_no_count_either(all_alike: Given, make_tables: Make) -> None:
    assert counts(make_tables, replies(follow_1=(all_alike, NEAR)))["G2"]["sales"] == (None, None, None)


def test_named_answers_are_counted_exactly(make_tables: Make) -> None:
    found = counts(make_tables, replies(follow_1=([1, 5], [5, 4, 5])), **NAMED)
    assert found["G2"] == {"sales": (1, 1, 2), "marketing": (0, 0, 3)}
    assert counts(make_tables, replies(handoff_2=([5], [1, 1])), **NAMED)["G10"]["sales"] == (1, 1, 1)


def test_only_complaints_that_were_asked_stand_there_in_the_order_of_the_docket(make_tables: Make) -> None:
    rows = replies(roles_2=(NEAR, NEAR), follow_1=(NEAR, NEAR), quality_1=(NEAR, NEAR), goal_1=(NEAR, NEAR))
    assert list(counts(make_tables, rows)) == ["G1", "G2", "G12"]
    made = survey.diagnose(make_tables({"responses": replies(goal_1=(NEAR, NEAR))}), settings())
    assert "survey.claims" not in {exhibit.key for exhibit in made.exhibits}


def test_the_order_of_rows_does_not_matter(make_tables: Make) -> None:
    rows = replies(follow_1=([1, 2, 2, 3, 4, 5], NEAR), handoff_2=(NEAR, [5, 4, 4, 1, 2]))
    assert counts(make_tables, rows) == counts(make_tables, rows[::-1])


# --- the release log --------------------------------------------------------------------------------------------------


def test_the_release_log_holds_each_count_that_is_published_and_no_other(make_tables: Make) -> None:
    rows = replies(follow_1=([1, 2, 2, 3, 4], [1, 2, 3]), handoff_2=([1, 2, 2, 5, 4], NEAR))
    log = release_log(make_tables({"responses": rows}), settings())
    held = {(r.key, r.group): r.members for r in log.releases if r.key.startswith("survey.claim.")}
    assert set(held) == {
        ("survey.claim.G2", "sales"), ("survey.claim.G10", "sales"), ("survey.claim.G10", "marketing")}  # fmt: skip
    assert held["survey.claim.G2", "sales"] == {f"sales{i}": float(i < 3) for i in range(5)}
    assert list(held["survey.claim.G10", "sales"].values()) == [0, 0, 0, 1, 1]
    assert audit_release(log, 5) == []


def test_a_count_published_again_with_one_corrected_answer_is_refused(make_tables: Make) -> None:
    first, second = (replies(follow_1=([given, 2, 2, 3, 4, 5], NEAR)) for given in (1, 5))
    one, other = (release_log(make_tables({"responses": rows}), settings()) for rows in (first, second))
    assert any(way.startswith("survey.claim.G2: two versions of sales") for way in audit_release(one.merged(other), 5))


# --- an attacker who knows the rules and sees mean and count ----------------------------------------------------------
#
# What people answered is known up to who they are: a multiset of answers. Of all that would have been published just
# so, what holds in every one is told; and what the mean alone does not tell already, the count has told.

Team = tuple[int, ...]


def told(possible: list[Team]) -> set[str]:
    """What do all these ways to answer have in common?"""
    bad = [[a for a in team if a <= 2] for team in possible]
    good = [[a for a in team if a > 2] for team in possible]
    found = {"nobody"} if not any(bad) else {"everybody"} if not any(good) else set()
    for name, side in (("bad", bad), ("good", good)):
        found |= {f"{name}: all {a}" for a in range(1, 6) if all(set(own) <= {a} for own in side)}
    return found | ({"every answer"} if len(possible) == 1 else set())


def told_to_colleagues(possible: list[Team]) -> set[tuple[int, str]]:
    """What have all these ways to answer in common for whoever knows the own answer, and takes it away?

    All answers of the others; or one answer that all of them gave who are on a side, where anybody is.
    """
    found: set[tuple[int, str]] = set()
    for own in range(1, 6):
        others = {team[: team.index(own)] + team[team.index(own) + 1 :] for team in possible if own in team}
        sides = {"bad": {a for team in others for a in team if a <= 2}, "good": {a for t in others for a in t if a > 2}}
        found |= {(own, f"{name}: all {min(side)}") for name, side in sides.items() if len(side) == 1}
        found |= {(own, f"the others: {min(others)}")} if len(others) == 1 else set()
    return found


def more_than_the_mean_tells(n: int, count: Callable[[int, int, float], tuple[int, int] | None]) -> list[set[Any]]:
    """Of all teams of ``n`` whose mean is published: what does a count tell anybody that the mean does not?"""
    by_mean: dict[float, list[Team]] = {}
    by_both: dict[tuple[float, Any], list[Team]] = {}
    for team in combinations_with_replacement(range(1, 6), n):
        if not tells_all(sum(team) / n, n):
            mean = published_mean(sum(team) / n, n)
            by_mean.setdefault(mean, []).append(team)
            by_both.setdefault((mean, count(sum(a <= 2 for a in team), n, mean)), []).append(team)
    found = [learnt(alike) - learnt(by_mean[mean]) for (mean, _), alike in by_both.items()]
    return [more for more in found if more]


def learnt(possible: list[Team]) -> set[Any]:
    return told(possible) | told_to_colleagues(possible)


@pytest.mark.parametrize("n", range(3, 15))
def test_count_and_mean_together_tell_nobody_more_of_single_answers_than_the_mean_alone(n: int) -> None:
    assert more_than_the_mean_tells(n, published_count) == []


def test_the_attacker_works_against_one_who_publishes_every_count() -> None:
    for n in (5, 8):
        found = set().union(*more_than_the_mean_tells(n, lambda k, n, mean: (k, k)))
        assert {"nobody", "everybody", "bad: all 1", "good: all 5"} <= found


@pytest.mark.parametrize("n", [5, 8, 10, 12])
def test_exact_counts_between_the_ends_tell_a_colleague_the_answers_of_all_others(n: int) -> None:
    def between(k: int, n: int, mean: float) -> tuple[int, int]:
        return (0, 1) if k <= 1 else (n - 1, n) if k >= n - 1 else (k, k)

    found = set().union(*more_than_the_mean_tells(n, between))
    assert {(2, f"the others: {(3,) * (n - 1)}"), (3, f"the others: {(2,) * (n - 1)}")} <= found


def test_to_withhold_just_the_counts_that_tell_would_tell_them() -> None:
    def silent(k: int, n: int, mean: float) -> tuple[int, int] | None:
        """Nothing where the sum is the least or the most that the count allows; else a range at either end."""
        is_end = round(mean * n) in (k + 3 * (n - k), 2 * k + 5 * (n - k))
        return None if is_end else (0, 1) if k <= 1 else (n - 1, n) if k >= n - 1 else (k, k)

    assert {"bad: all 1", "good: all 3", "every answer"} <= set().union(*more_than_the_mean_tells(5, silent))


@pytest.mark.parametrize("n", range(3, 15))
def test_ranges_hold_the_count_and_are_set_by_the_mean_alone(n: int) -> None:
    by_mean: dict[float, dict[int, Any]] = {}
    for team in combinations_with_replacement(range(1, 6), n):
        mean, k = published_mean(sum(team) / n, n), sum(a <= 2 for a in team)
        if not tells_all(sum(team) / n, n):
            shown = published_count(k, n, mean)
            assert shown == published_count(k, n, 6 - published_mean(6 - sum(team) / n, n))  # the other way round
            assert shown not in ((0, 0), (n, n))
            by_mean.setdefault(mean, {})[k] = shown
    for shown_of in by_mean.values():
        ranges = set(shown_of.values())
        assert ranges == {None} or all(low <= k <= high for k, (low, high) in shown_of.items())
        said = [k for shown in ranges - {None} for k in range(shown[0], shown[1] + 1)]
        assert len(said) == len(set(said))  # no count stands in two of them


@pytest.mark.parametrize("n", [*range(15, 30), 99, 100, 250])
def test_from_ten_answers_on_a_range_holds_the_count_and_is_narrow(n: int) -> None:
    rng = np.random.default_rng(n)
    for team in rng.choice(5, (200, n), p=rng.dirichlet(np.ones(5))) + 1:
        k, mean = int((team <= 2).sum()), float(team.mean())
        if tells_all(mean, n):
            continue
        shown = published_count(k, n, published_mean(mean, n))
        assert shown is not None and shown[0] <= k <= shown[1] <= shown[0] + 4
        assert shown not in ((0, 0), (n, n))


def one_team(given: Team) -> Scores:
    codes = [f"P{i}" for i in range(len(given))]
    people = people_of(pd.DataFrame({"respondent_id": codes, "team": "sales", "role": None, "is_hasty": False}))
    return Scores(people, np.array(given, dtype=float).reshape(-1, 1), 5)


@pytest.mark.parametrize("n", [5, 7])
@pytest.mark.parametrize(("item", "is_bad"), [("follow_1", lambda a: a <= 2), ("handoff_2", lambda a: a >= 4)])
def test_the_exhibit_itself_tells_no_more_beside_the_mean_of_its_statement(
    n: int, item: str, is_bad: Callable[[int], bool]
) -> None:
    by_mean: dict[Any, list[Team]] = {}
    by_both: dict[Any, list[Team]] = {}
    for team in combinations_with_replacement(range(1, 6), n):
        scores = one_team(team)
        shown = claims.claims({item: scores}, 5)
        assert shown is not None
        mean, found = scores.mean("sales"), of(shown.rows[0], "sales")
        assert mean is not None or found == (None, None, None)
        turned = team if item == "follow_1" else tuple(6 - a for a in team)
        if found[2] is not None:
            assert found[0] <= sum(map(is_bad, team)) <= found[1] and found[2] == n
        by_mean.setdefault(mean, []).append(turned)
        by_both.setdefault((mean, found), []).append(turned)
    assert len(by_both) > len(by_mean)
    assert [key for key, alike in by_both.items() if learnt(alike) - learnt(by_mean[key[0]])] == []


# --- beside the means of leaders and staff ----------------------------------------------------------------------------

MIXED = [1, 2, 4, 2, 4, 5, 3, 1, 4, 2]  # five leaders, five others


def test_where_a_block_is_one_statement_and_roles_are_shown_its_count_is_withheld(make_tables: Make) -> None:
    rows = replies(5, credit_1=(MIXED, MIXED[::-1]))
    assert counts(make_tables, rows)["G9"]["sales"] == (None, None, None)
    log = release_log(make_tables({"responses": rows}), settings())
    assert not [r for r in log.releases if r.key.startswith("survey.claim.")]
    assert {r.group for r in log.releases if r.key == "survey.block.credit"} >= {"sales.leader", "sales.staff"}
    few = counts(make_tables, replies(4, credit_1=(MIXED, MIXED[::-1])))  # four leaders: roles are not shown
    assert few["G9"]["sales"] == (5, 5, 10)
    two = counts(make_tables, replies(5, credit_1=(MIXED, MIXED[::-1]), credit_2=(MIXED[::-1], MIXED)))
    assert two["G9"]["sales"] == (5, 5, 10)


def test_beside_the_means_of_both_roles_a_count_would_tell_how_a_role_answered() -> None:
    # leaders' sum is 6 (five answers: 1, 1, 1, 1, 2), the others' 11: with seven of ten on the bad side these are two
    fives = [team for team in combinations_with_replacement(range(1, 6), 5) if sum(team) == 11]
    assert [team for team in fives if sum(a <= 2 for a in team) == 2] == [(1, 1, 3, 3, 3)] and len(fives) > 5


def test_every_complaint_of_the_docket_can_be_counted(make_tables: Make) -> None:
    rows = replies(**{g.item: (MIXED, MIXED[::-1]) for g in read_docket()})
    assert len(counts(make_tables, rows)) == 13
