"""Permutation tests and Holm's adjustment: against full enumeration, scipy, R, and worlds in which nothing differs."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.stats import binom, hypergeom, permutation_test

from alignlib import permutation
from alignlib.permutation import holm, two_groups

SEED = 20260331


def enumerated(a: list[int], b: list[int]) -> float:
    """The share of all ways to deal the scores whose means are at least as far apart, in whole numbers."""
    scores, n, m = a + b, len(a), len(b)
    gaps = [abs(sum(s) * (n + m) - n * sum(scores)) for s in combinations(scores, n)]
    return sum(gap >= gaps[0] for gap in gaps) / len(gaps)


@pytest.mark.parametrize(("n", "smallest"), [(3, 0.10), (4, 0.029), (5, 0.008)])
def test_full_separation_gives_the_smallest_p_there_can_be(n: int, smallest: float) -> None:
    found = two_groups(range(n + 1, 2 * n + 1), range(1, n + 1), step=1)
    assert found == permutation.Chance(2 / comb(2 * n, n), f"exact, {comb(2 * n, n)} ways")
    assert found.p == pytest.approx(smallest, abs=5e-4)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (3, 3), (2, 7), (5, 8), (7, 4)])
def test_the_exact_p_equals_full_enumeration(n: int, m: int) -> None:
    rng = np.random.default_rng(SEED)
    for most in (2, 5, 49):  # many ties, some, few
        a, b = rng.integers(0, most, n).tolist(), rng.integers(0, most, m).tolist()
        found = two_groups([1 + x / 12 for x in a], [1 + x / 12 for x in b], step=1 / 12)
        assert found.p == pytest.approx(enumerated(a, b), rel=1e-14)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (6, 4), (4, 7)])
def test_the_exact_p_equals_scipys(n: int, m: int) -> None:
    rng = np.random.default_rng(SEED + n)
    a, b = rng.integers(4, 21, n) / 4, rng.integers(4, 21, m) / 4

    def apart(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.abs(x.mean(axis=axis) - y.mean(axis=axis))

    theirs = permutation_test((a, b), apart, n_resamples=10**6, alternative="greater", vectorized=True)
    assert two_groups(a, b, step=0.25).p == pytest.approx(theirs.pvalue, rel=1e-12)


def test_the_exact_p_equals_r() -> None:
    # coin 1.4-2, oneway_test(s ~ g, distribution = "exact")
    found = two_groups([4.25, 3.5, 4, 4.75, 3.25, 4], [3, 3.5, 2.75, 4, 3.25], step=0.25)
    assert found.p == pytest.approx(0.0800865800866, abs=1e-12)
    assert found.how == "exact, 462 ways"


def test_ten_against_ten_is_counted_and_eleven_is_drawn() -> None:
    a, b = list(range(1, 11)), list(range(5, 15))
    found = two_groups(a, b, step=1)
    assert found.how == "exact, 184,756 ways" and found.p == pytest.approx(enumerated(a, b), rel=1e-14)
    assert two_groups(a, [*b, 9], step=1).how == "9,999 seeded permutations"
    assert two_groups([*a, 9], b[:3], step=1).how == "9,999 seeded permutations"


@pytest.mark.parametrize(
    ("a", "b"), [([9, 7, 8], [1, 5, 8, 3, 9, 2, 7, 4, 4, 6, 5]), ([30, 48, 12, 40], [*range(0, 48, 4)])]
)
def test_drawn_permutations_are_close_to_all_of_them(a: list[int], b: list[int]) -> None:
    exact, drawn = enumerated(a, b), two_groups(a, b, step=1)
    assert drawn.how == "9,999 seeded permutations" and drawn.p is not None
    low, high = binom.ppf([0.0005, 0.9995], 9_999, exact)
    assert low + 1 <= drawn.p * 10_000 <= high + 1


@pytest.mark.parametrize(("n", "m", "yes", "also"), [(12, 20, 8, 7), (40, 60, 25, 24), (300, 500, 150, 215)])
def test_drawn_permutations_of_yes_and_no_follow_the_hypergeometric(n: int, m: int, yes: int, also: int) -> None:
    # Small teams are dealt one by one, large ones value by value: both must follow the same known distribution.
    ways = np.arange(yes + also + 1)
    gaps = np.abs(ways * (n + m) - n * (yes + also))
    exact = hypergeom.pmf(ways, n + m, yes + also, n)[gaps >= gaps[yes]].sum()
    found = two_groups([1] * yes + [0] * (n - yes), [1] * also + [0] * (m - also), step=1).p
    low, high = binom.ppf([0.0005, 0.9995], 9_999, exact)
    assert found is not None and 0.001 < exact < 0.5
    assert low + 1 <= found * 10_000 <= high + 1


def test_a_clear_gap_gets_the_smallest_drawn_p() -> None:
    assert two_groups([4.5, 5] * 20, [1.5, 2] * 15, step=0.25).p == 1 / 10_000  # never 0


def test_scores_that_are_all_equal_show_no_gap() -> None:
    assert two_groups([3] * 5, [3] * 4, step=1).p == 1
    assert two_groups([3.25] * 30, [3.25] * 20, step=0.25).p == 1


@pytest.mark.parametrize(("n", "m"), [(6, 8), (14, 9)])
def test_order_names_units_and_sides_do_not_matter(n: int, m: int) -> None:
    rng = np.random.default_rng(SEED)
    a, b = rng.integers(4, 21, n) / 4, rng.integers(4, 21, m) / 4
    found = two_groups(a, b, step=0.25)
    assert two_groups(b[::-1], a[::-1], step=0.25) == found  # the other way round
    assert two_groups(a * 4 - 300, b * 4 - 300, step=1) == found  # other units, all below 0
    assert two_groups(a, b, step=1 / 12) == found  # a finer step
    assert two_groups(a, b, step=0.25) == found  # again
    if n > 10:
        assert two_groups(a, b, step=0.25, seed=1) != found  # the seed is used


@pytest.mark.parametrize("score", [3.3, float("nan"), float("inf")])
def test_scores_between_the_steps_or_missing_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"multiple of 0\.25"):
        two_groups([3, score], [1, 2], step=0.25)


def test_an_empty_team_gives_no_p() -> None:
    assert two_groups([], [1, 2], step=1).p is None
    assert two_groups([1, 2], [], step=1).p is None


def test_holm_by_hand_and_as_r() -> None:
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    # R 4.2.2, p.adjust(p, "holm"); the order given is kept
    given = [0.3, 0.001, 0.04, 0.04, 0.012, 0.9, 0.0499]
    assert holm(given) == pytest.approx([0.6, 0.007, 0.2, 0.2, 0.072, 0.9, 0.2])
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04] and holm([]) == []


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])


def survey_ps(n: int, m: int, blocks: int, worlds: int = 2_000) -> list[list[float]]:
    """Which p values come from surveys in which the teams do not differ?

    Blocks of four answers from 1 to 5; a person's blocks correlate about .5. Beyond ten a side with 999 draws: the p
    value is valid for any number of them, and the test ten times as fast.
    """
    rng = np.random.default_rng(SEED)
    person, block = rng.normal(size=(worlds, n + m, 1)), rng.normal(size=(worlds, n + m, blocks))
    opinion = 3.4 + np.sqrt(0.4) * (person + block)
    answers = np.round(opinion[..., None] + rng.normal(0, 0.7, (worlds, n + m, blocks, 4)))
    scores = np.clip(answers, 1, 5).mean(axis=3)
    found = [[two_groups(w[:n, i], w[n:, i], 0.25, _draws=999).p for i in range(blocks)] for w in scores]
    return found  # type: ignore[return-value]


@pytest.mark.parametrize(("n", "m", "blocks"), [(5, 5, 5), (8, 8, 13), (12, 8, 13)])
def test_surveys_without_a_gap_name_one_in_twenty_at_most(n: int, m: int, blocks: int) -> None:
    ps = survey_ps(n, m, blocks)
    alarms = sum(min(holm(p)) <= 0.05 for p in ps)
    unadjusted = sum(min(p) <= 0.05 for p in ps)
    assert 0 < alarms <= binom.ppf(0.999, len(ps), 0.05) < unadjusted


def test_five_against_five_can_name_nothing_among_thirteen_blocks() -> None:
    # The smallest p is 2/252, thirteen times that is .10: no gap is wide enough, so silence says nothing there.
    assert min(holm([two_groups([5] * 5, [1] * 5, step=1).p or 0] * 13)) == pytest.approx(26 / 252)
    assert all(min(holm(p)) > 0.05 for p in survey_ps(5, 5, 13))
