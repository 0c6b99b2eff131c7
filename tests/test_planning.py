"""What a survey could tell, against R's power.t.test, the kit's own interval, and by hand."""

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nct, t

from alignlib.disclosure import COMMENTS_FROM, SPREAD_FROM
from alignlib.errors import AlignError
from alignlib.planning import FEWER, SD, Plan, plan, rows, sentences
from alignlib.stats import welch


@pytest.mark.parametrize(("n", "wide"), [(5, 1.46), (8, 1.07), (12, 0.85), (20, 0.64), (40, 0.45), (60, 0.36)])
def test_the_half_width_is_that_of_the_simulated_table(n: int, wide: float) -> None:
    """Source: the project's domain page, section 1.3: simulated, spread 1."""
    assert plan(n, n, sd=1).half_width == pytest.approx(wide, abs=0.005)


def test_the_half_width_is_that_of_the_interval_the_report_will_show() -> None:
    sales, marketing = np.arange(12.0), np.arange(5.0)  # brought to the assumed spread, whatever their means
    found = welch(*(SD * (x - x.mean()) / x.std(ddof=1) for x in (sales, marketing)))
    assert found.high == pytest.approx(plan(12, 5).half_width, rel=1e-12)


def test_the_gap_is_the_one_that_r_finds_with_the_power_asked_for() -> None:
    """power.t.test(n = 20, delta = 1, sd = 1): power = 0.8689528; (power = .90, delta = 1, sd = 1): n = 22.02110."""

    def power(n: int, gap: float) -> float:
        return float(nct.sf(t.ppf(0.975, 2 * n - 2), 2 * n - 2, gap / sqrt(2 / n)))

    assert power(20, 1.0) == pytest.approx(0.8689528, abs=1e-7)
    assert power(22, 1.0) < 0.90 < power(23, 1.0)  # R: n = 22.02110
    for n in (5, 12, 20, 22, 60):
        assert power(n, plan(n, n, sd=1).gap or 0) == pytest.approx(0.80, abs=1e-7)


def test_gaps_and_widths_follow_the_spread_and_shrink_with_the_people() -> None:
    one, half = plan(12, 5, sd=1), plan(12, 5, sd=0.5)
    assert (half.gap, half.half_width) == (pytest.approx(one.gap / 2), pytest.approx(one.half_width / 2))  # type: ignore[operator]
    widths = [plan(n, n).gap or 0 for n in range(2, 80)]
    assert widths == sorted(widths, reverse=True)
    assert plan(12, 5).gap == plan(5, 12).gap


def test_a_team_of_four_takes_the_total_with_it() -> None:
    found = plan(12, 4)
    assert found.shown == {"sales"} and found.withheld == ["Marketing", "the total"] and found.mode == "named"
    said = " ".join(sentences(found, found))
    assert "fewer than five people answer in Marketing" in said and "would give the other away" in said
    assert "Mode that fits: named answers" in said


def test_two_small_teams_show_their_total_alone() -> None:
    assert plan(4, 4).mode == "total" and plan(4, 4).withheld == ["Sales", "Marketing"]
    assert "says nothing of the gap" in " ".join(sentences(plan(4, 4), plan(4, 4)))


def test_the_second_column_says_what_is_lost_when_fewer_answer() -> None:
    whole, fewer = plan(12, 5), plan(12, 5, answering=FEWER)
    assert (fewer.sales, fewer.marketing) == (8, 3) and whole.mode == "anonymous" and fewer.mode == "named"
    said = " ".join(sentences(whole, fewer))
    assert "as long as at least five people of each team answer" in said
    assert [row[1:] for row in rows([whole, fewer]) if row[0] == "Gap told from none in four surveys of five"] == [
        ["1.4 points", "not shown"]
    ]


def test_two_large_teams_are_told_to_go_ahead() -> None:
    said = sentences(plan(60, 60), plan(60, 60, answering=FEWER))
    assert "Mode that fits: anonymous." in said and not any("named answers" in sentence for sentence in said)


def test_intervals_and_comments_follow_the_rules_of_disclosure() -> None:
    found = plan(12, 8)
    assert found.teams_from(SPREAD_FROM) == ["Sales"] and found.teams_from(COMMENTS_FROM) == ["Sales", "Marketing"]


@pytest.mark.parametrize(("s", "m"), [(1, 1), (1, 30), (2, 2), (2, 5), (3, 200), (10_000, 10_000)])
def test_any_size_gives_whole_sentences(s: int, m: int) -> None:
    whole, fewer = plan(s, m), plan(s, m, answering=FEWER)
    said = [*sentences(whole, fewer), *(cell for row in rows([whole, fewer]) for cell in row)]
    assert all(said) and not any(bad in text for text in said for bad in ("None", "nan", "inf", "  of no"))


def test_a_gap_wider_than_the_scale_is_not_promised() -> None:
    few = plan(3, 3, smallest_group=3, sd=1.5)
    assert (few.gap or 0) > 4
    assert "not even the widest gap" in sentences(few, few)[0]
    assert "can show no gap" in sentences(plan(2, 2), plan(2, 2))[0]


@pytest.mark.parametrize(
    "wrong",
    [{"sales": 0}, {"sd": 0.0}, {"sd": float("nan")}, {"sd": 2.5}, {"smallest_group": 2}],
)
def test_impossible_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AlignError, match="E-USE"):
        plan(**{"sales": 12, "marketing": 5, **wrong})  # type: ignore[arg-type]


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        plan(5, 5).sales = 6  # type: ignore[misc]
    assert isinstance(plan(5, 5), Plan)


@pytest.mark.data
def test_the_assumed_spread_is_that_of_real_blocks_of_three_items(data_folder: object) -> None:
    """psych::bfi: five scales of five items from 1 to 6, carried to the width of 1 to 5."""
    from itertools import combinations
    from pathlib import Path

    people = pd.read_csv(Path(str(data_folder)) / "likert_psych_bfi" / "bfi.csv")
    for item in ("A1", "C4", "C5", "E1", "E2", "O2", "O5"):
        people[item] = 7 - people[item]
    spreads = []
    for scale in "ACENO":
        triples = combinations([f"{scale}{i}" for i in range(1, 6)], 3)
        spreads.append(float(np.mean([people[list(items)].mean(axis=1).std() for items in triples])) * 4 / 5)
    assert (min(spreads), float(np.median(spreads)), max(spreads)) == pytest.approx((0.73, 0.83, 1.01), abs=0.006)
    assert min(spreads) < SD < max(spreads)
