"""Agreement of items, teams and rankings: against R and published values, by hand, and in simulated worlds.

R is 4.2.2 with psych 2.2.9, multilevel 2.7 and vegan 2.6-4.
"""

from itertools import product
from math import atanh
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, f, friedmanchisquare, norm

from alignlib import agreement, stats

WORLDS = 1_000
SEED = 20260331
REVERSED = ["A1", "C4", "C5", "E1", "E2", "O2", "O5"]


def at_least(nominal: float, worlds: int = WORLDS) -> int:
    """Below which count do fewer than one in a thousand runs fall, if the rate is the nominal one?"""
    return int(binom.ppf(0.001, worlds, nominal))


def at_most(nominal: float, worlds: int = WORLDS) -> int:
    return int(binom.ppf(0.999, worlds, nominal))


def holds(found: stats.Interval, truth: float) -> bool:
    assert found.low is not None and found.high is not None
    return found.low <= truth <= found.high


@pytest.fixture(scope="module")
def bfi(data_folder: Path) -> pd.DataFrame:
    answers = pd.read_csv(data_folder / "likert_psych_bfi" / "bfi.csv")
    answers[REVERSED] = 7 - answers[REVERSED]
    return answers


@pytest.fixture(scope="module")
def attitude(data_folder: Path) -> pd.DataFrame:
    return pd.read_csv(data_folder / "likert_base_attitude" / "attitude.csv")


def scale(answers: pd.DataFrame, name: str) -> pd.DataFrame:
    return answers[[f"{name}{i}" for i in range(1, 6)]]


# --- items of a block -------------------------------------------------------------------------------------------------


def test_alpha_by_hand() -> None:
    # Variances 1 and 1, covariance 1/2, all together 3: alpha is 2 (1 - 2/3) = 2/3.
    # Feldt with 2 and 2 degrees of freedom: F(.975) is 39, F(.025) is 1/39.
    found = agreement.alpha([[1, 1], [2, 3], [3, 2]])
    assert (found.value, found.low, found.high) == pytest.approx((2 / 3, 1 - 39 / 3, 1 - 1 / 117))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "pairwise", "listwise", "people"),
    [
        ("A", 0.7030184, 0.7037559, 2709),
        ("C", 0.7267350, 0.7292772, 2707),
        ("E", 0.7617328, 0.7609326, 2713),
        ("N", 0.8139629, 0.8133031, 2694),
        ("O", 0.6001725, 0.6025464, 2726),
    ],
)
def test_alpha_equals_r_on_2800_people(
    bfi: pd.DataFrame, name: str, pairwise: float, listwise: float, people: int
) -> None:
    complete = scale(bfi, name).dropna()
    assert agreement.alpha(scale(bfi, name)).value == pytest.approx(pairwise, abs=5.1e-8)
    assert agreement.alpha(complete).value == pytest.approx(listwise, abs=5.1e-8) and len(complete) == people


@pytest.mark.data
def test_an_item_not_turned_is_seen(attitude: pd.DataFrame) -> None:
    assert agreement.alpha(attitude).value == pytest.approx(0.8431428, abs=5.1e-8)
    turned = attitude.assign(complaints=100 - attitude["complaints"])
    assert agreement.alpha(turned).value == pytest.approx(0.43, abs=0.005)  # psychTools' overview.pdf
    assert [item.value is not None and item.value < 0 for item in agreement.item_rest(turned)].index(True) == 1


@pytest.mark.data
def test_alpha_and_its_limits_equal_pingouins(data_folder: Path) -> None:
    folder = data_folder / "likert_pingouin"
    long = pd.read_csv(folder / "cronbach_alpha.csv").pivot(index="Subj", columns="Items", values="Scores")
    wide = pd.read_csv(folder / "cronbach_wide_missing.csv", encoding="utf-8-sig")
    found = agreement.alpha(long)
    assert found.value == pytest.approx(0.5917188485995826, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((0.195, 0.840), abs=5e-4)
    found = agreement.alpha(wide)
    assert found.value == pytest.approx(0.732660835214447, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((0.435, 0.909), abs=5e-4)
    assert agreement.alpha(pd.concat([wide, wide.iloc[:3] * np.nan])) == found  # who answered nothing is nobody
    # Listwise nine people are left. Pingouin counts the twelve it began with: .581 to .933. We count nine.
    found = agreement.alpha(wide.dropna())
    assert found.value == pytest.approx(0.8016949152542373, rel=1e-12)
    ours, theirs = ([1 - (1 - 0.8016949) * f.ppf(p, n - 1, (n - 1) * 10) for p in (0.975, 0.025)] for n in (9, 12))
    assert (found.low, found.high) == pytest.approx(ours, abs=1e-6)
    assert theirs == pytest.approx([0.581, 0.933], abs=5e-4)


def test_alpha_of_nothing_is_nothing() -> None:
    nan = float("nan")
    assert agreement.alpha([[4, 4, 4]] * 5) == stats.NOTHING  # everybody the same on everything
    assert agreement.alpha([[1], [2], [3]]) == stats.NOTHING  # one item
    assert agreement.alpha([[1, 2, 3]]) == stats.NOTHING  # one person
    assert agreement.alpha([]) == stats.NOTHING
    assert agreement.alpha([[1, nan], [2, nan], [nan, 3], [nan, 5]]) == stats.NOTHING  # nobody answered both
    assert agreement.alpha([[1, 1], [2, 2], [3, 3]]) == stats.Interval(1.0, None, None)
    # Blanks can let the pairs contradict one another: variance 1/2 each, but 4 in common where both were answered.
    contradicting = [[1, 1], [5, 5], *[[3, nan]] * 20, *[[nan, 3]] * 20]
    assert agreement.alpha(contradicting) == stats.NOTHING


def test_alphas_limits_cover_the_truth() -> None:
    # Four items with correlation .4 among 12 people: alpha is 1.6 / 2.2. Feldt's limits are exact here.
    rng = np.random.default_rng(SEED)
    items = np.sqrt(0.4) * rng.normal(size=(WORLDS, 12, 1)) + np.sqrt(0.6) * rng.normal(size=(WORLDS, 12, 4))
    covered = sum(holds(agreement.alpha(world), 1.6 / 2.2) for world in items)
    assert at_least(0.95) <= covered <= at_most(0.95)


def with_correlations(correlations: np.ndarray, people: int) -> np.ndarray:
    """Answers whose correlations are exactly these."""
    raw = np.random.default_rng(SEED).normal(size=(people, len(correlations)))
    flat, _ = np.linalg.qr(raw - raw.mean(axis=0))
    return flat @ np.linalg.cholesky(correlations).T


@pytest.mark.parametrize("loadings", [(0.9, 0.7, 0.5), (0.3, 0.5, 0.6, 0.8), (0.4, 0.4, 0.4, 0.4, 0.9, 0.2)])
def test_omega_finds_the_loadings_put_in(loadings: tuple[float, ...]) -> None:
    lam = np.array(loadings)
    correlations = np.outer(lam, lam)
    np.fill_diagonal(correlations, 1)
    answers = with_correlations(correlations, 40) * np.arange(1, len(lam) + 1) + 3  # units of the items do not matter
    assert agreement.omega(answers) == pytest.approx(lam.sum() ** 2 / correlations.sum(), abs=1e-6)


@pytest.mark.data
def test_omega_equals_r_on_2800_people(bfi: pd.DataFrame) -> None:
    # psych::omega(x, nfactors = 1)$omega.tot, with missing answers and without.
    published = {
        "A": (0.7229431, 0.7237244),
        "C": (0.7311897, 0.7337793),
        "E": (0.7640499, 0.7634779),
        "N": (0.8189664, 0.8184507),
        "O": (0.6167838, 0.6178284),
    }
    for name, (pairwise, listwise) in published.items():
        assert agreement.omega(scale(bfi, name)) == pytest.approx(pairwise, abs=2e-7)
        assert agreement.omega(scale(bfi, name).dropna()) == pytest.approx(listwise, abs=2e-7)


@pytest.mark.data
def test_omega_equals_r_on_30_departments(attitude: pd.DataFrame) -> None:
    assert agreement.omega(attitude) == pytest.approx(0.8509925, abs=2e-7)


def test_omega_of_two_items_is_standardised_alpha() -> None:
    answers = np.array([[1, 2.0], [2, 2], [4, 9], [5, 6], [3, 3]])
    standard = (answers - answers.mean(axis=0)) / answers.std(axis=0)
    assert agreement.omega(answers) == pytest.approx(agreement.alpha(standard).value)
    opposed = agreement.omega(
        standard * [1, -1]
    )  # below 0, as alpha is, though two loadings of opposite sign would fit
    assert opposed is not None and opposed < 0 and opposed == pytest.approx(agreement.alpha(standard * [1, -1]).value)


def test_an_item_free_of_error_does_not_break_omega() -> None:
    # Correlations .9, .9 and .65 ask for a first loading of 1.12. It is held at the square root of .995, and the two
    # others, equal to one another, are the best beside it. (R's psych lets it pass 1 and finds .931.)
    correlations = np.array([[1, 0.9, 0.9], [0.9, 1, 0.65], [0.9, 0.65, 1]])
    others = np.linspace(0.7, 1, 300_001)
    best = others[np.argmin(2 * (0.9 - np.sqrt(0.995) * others) ** 2 + (0.65 - others**2) ** 2)]
    expected = 1 - (0.005 + 2 * (1 - best**2)) / correlations.sum()
    assert agreement.omega(with_correlations(correlations, 20)) == pytest.approx(expected, abs=1e-6)


def test_omega_of_nothing_is_none() -> None:
    assert agreement.omega([[1, 3, 4], [2, 3, 5], [4, 3, 4]]) is None  # an item without variance
    assert agreement.omega([[1], [2]]) is None
    assert agreement.omega(with_correlations(np.eye(3), 20)) == pytest.approx(0, abs=1e-6)  # nothing in common
    assert agreement.omega([]) is None
    assert agreement.omega([[1, 2], [2, 1], [3, 0]]) is None  # two items that undo one another


def test_item_rest_by_hand() -> None:
    # Item 1 against the mean of the two others: 1, 2, 3, 4 against 2, 1, 4, 3: correlation .6.
    found = agreement.item_rest([[1, 1, 3], [2, 1, 1], [3, 5, 3], [4, 2, 4]])
    assert found[0].value == pytest.approx(0.6)
    reach = norm.ppf(0.975) / np.sqrt(4 - 3)
    assert found[0].low is not None and found[0].high is not None
    assert (atanh(found[0].low), atanh(found[0].high)) == pytest.approx((atanh(0.6) - reach, atanh(0.6) + reach))


@pytest.mark.data
def test_item_rest_equals_r(bfi: pd.DataFrame, attitude: pd.DataFrame) -> None:
    # psych::alpha(x)$item.stats$r.drop
    found = [item.value for item in agreement.item_rest(attitude)]
    assert found == pytest.approx(
        [0.67126206, 0.74210971, 0.56071111, 0.71444550, 0.78627559, 0.26503434, 0.46081055], abs=1e-8
    )
    found = [item.value for item in agreement.item_rest(scale(bfi, "A").dropna())]
    assert found == pytest.approx([0.31140130, 0.56301548, 0.58877308, 0.39479368, 0.48724087], abs=1e-8)


def test_item_rest_uses_what_each_person_answered() -> None:
    nan = float("nan")
    rows = [[1, 1, 3], [2, 1, 1], [3, 5, 3], [4, 2, 4]]
    only_this_item = [*rows, [5, nan, nan], [nan, nan, nan]]
    assert agreement.item_rest(only_this_item)[0] == agreement.item_rest(rows)[0]
    partly = agreement.item_rest([*rows, [5, nan, 2]])[0].value  # its rest is the one other answer
    assert partly == pytest.approx(np.corrcoef([1, 2, 3, 4, 5], [2, 1, 4, 3, 2])[0, 1])


def test_item_rest_without_variance_is_nothing() -> None:
    found = agreement.item_rest([[3, 1, 2], [3, 2, 1], [3, 4, 5], [3, 5, 5]])
    assert found[0] == stats.NOTHING and found[1].value is not None
    assert agreement.item_rest([[1], [2], [3]]) == [stats.NOTHING]
    assert agreement.item_rest([[1, 2], [2, 3], [3, 4]])[0] == stats.Interval(pytest.approx(1.0), None, None)


# --- people of a team -------------------------------------------------------------------------------------------------


def test_agreement_within_a_team_equals_r() -> None:
    # multilevel::rwg(x, 1, ranvar = 2), multilevel::ad.m(x, 1), sd(x)
    team = agreement.within([4, 5, 3, 4, 2, 4, 5, 4])
    assert (team.n, team.sd, team.r_wg, team.ad) == pytest.approx((8, 0.991031208965, 0.5089285714, 0.6875))
    team = agreement.within([2, 2.5, 3, 2.25, 4, 3.5, 2.75])
    assert (team.r_wg, team.ad) == pytest.approx((0.7514880952, 0.5510204082))


def test_agreement_by_hand_on_other_scales() -> None:
    # 0 to 100 in 11 steps of 10: random variance 100 x 120 / 12 = 1,000; 40, 50, 60 has variance 100.
    team = agreement.within([40, 50, 60, float("nan")], low=0, high=100, options=11)
    assert (team.n, team.sd, team.r_wg, team.ad) == pytest.approx((3, 10, 0.9, 20 / 3))
    # A mean of four items varies a quarter as much under random answering: variance 1/8 of 2/4.
    assert agreement.within([3, 3.5, 3.5, 3, 2.5, 3], items=4).r_wg == pytest.approx(1 - 0.141666667 / 0.5)


def test_a_team_more_apart_than_chance_has_no_agreement() -> None:
    assert agreement.within([1, 5, 1, 5]).r_wg == 0  # variance 5.33 against 2


def test_one_person_is_no_team() -> None:
    assert agreement.within([4, float("nan")]) == agreement.Within(1, None, None, None, None, None, False)
    assert agreement.within([]).n == 0


@pytest.mark.parametrize("score", [0.9, 5.1, 40])
def test_a_score_off_the_scale_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="between 1 and 5"):
        agreement.within([3, score])


@pytest.mark.parametrize(
    ("n", "r_wg", "ad"), [(5, 0.75, 0.48), (8, 0.57, 0.72), (12, 0.42, 0.83), (20, 0.32, 0.93), (40, 0.23, 1.02)]
)
def test_chance_lines_are_those_of_the_house(n: int, r_wg: float, ad: float) -> None:
    team = agreement.within([1] * n)
    assert (team.chance_r_wg, team.chance_ad) == (pytest.approx(r_wg, abs=0.02), pytest.approx(ad, abs=0.02))


@pytest.mark.parametrize("n", [3, 5, 7])
def test_chance_lines_are_exact_to_the_error_of_20_000_teams(n: int) -> None:
    # Every team of n random answers, once each. The line is passed by at most, and reached by at least, one in twenty.
    teams = np.array(list(product(range(1, 6), repeat=n)), dtype=float)
    r_wg = np.maximum(1 - teams.var(axis=1, ddof=1) / 2, 0)
    ad = np.abs(teams - teams.mean(axis=1, keepdims=True)).mean(axis=1)
    team = agreement.within([1] * n)
    error = 3.1 * np.sqrt(0.05 * 0.95 / 20_000)
    assert team.chance_r_wg is not None and team.chance_ad is not None
    assert (r_wg > team.chance_r_wg + 1e-9).mean() < 0.05 + error
    assert (r_wg > team.chance_r_wg - 1e-9).mean() > 0.05 - error
    assert (ad < team.chance_ad - 1e-9).mean() < 0.05 + error
    assert (ad < team.chance_ad + 1e-9).mean() > 0.05 - error


def test_random_teams_pass_the_lines_of_a_block_once_in_twenty() -> None:
    # Twelve people, each the mean of four random answers; scores are fine enough to meet the 5 % closely.
    scores = np.random.default_rng(SEED).integers(1, 6, (2 * WORLDS, 12, 4)).mean(axis=2)
    teams = [agreement.within(world, items=4) for world in scores]
    by_r_wg = sum((t.r_wg or 0) > (t.chance_r_wg or 0) for t in teams)
    by_ad = sum((t.ad or 0) < (t.chance_ad or 0) for t in teams)
    assert at_least(0.05, 2 * WORLDS) <= by_r_wg <= at_most(0.05, 2 * WORLDS)
    assert at_least(0.05, 2 * WORLDS) <= by_ad <= at_most(0.05, 2 * WORLDS)


def test_a_team_on_the_line_is_not_beyond_it() -> None:
    team = agreement.within([1, 2, 2, 2, 3])  # variance 1/2 and mean distance .4; .75 is five people's line
    assert team.r_wg == team.chance_r_wg == 0.75
    assert agreement.within([2.1, 3.1, 3.1, 3.1, 4.1]).r_wg == 0.75


@pytest.mark.parametrize(
    ("scores", "is_split"),
    [
        ([2] * 6 + [4] * 6, True),
        ([1, 1, 1.25, 1.5, 4.5, 5, 4.75, 5], True),
        ([1.5, 1.75, 2, 1.5, *[4.25, 4.5, 4, 4.5] * 2], True),  # a third against two thirds
        ([2, 2, 4, 4, 4], True),
        ([2.5] * 10 + [2.75] * 11 + [4.5] * 19, False),  # most of the lower hump stands in between
        ([1, *[5] * 9], False),  # one person is no camp
        ([3] * 6 + [5] * 6, False),  # two humps, but nobody on the other side of the middle
        ([1, 2, 3, 4, 5] * 3, False),
        ([2, 2, 3, 3, 3, 3, 4, 4], False),
        ([2, 4, 4], False),  # three people are too few to tell
        ([3] * 8, False),
    ],
)
def test_two_camps_by_example(scores: list[float], is_split: bool) -> None:
    assert agreement.within(scores).is_split is is_split
    assert agreement.within([6 - score for score in scores]).is_split is is_split  # either way round


def named(worlds: np.ndarray) -> int:
    return sum(agreement.within(world).is_split for world in worlds)


@pytest.mark.parametrize("n", [5, 8, 12, 20, 40])
def test_teams_that_are_not_split_are_seldom_called_so(n: int) -> None:
    rng = np.random.default_rng(SEED)
    random = rng.integers(1, 6, (WORLDS, n)).astype(float)  # as flat as can be: at most one in twenty
    block = rng.integers(4, 21, (WORLDS, n)) / 4
    wide = np.clip(np.round(rng.normal(3, 1, (WORLDS, n))), 1, 5)  # one hump: at most one in fifty
    ceiling = np.clip(np.round(rng.normal(4.3, 1.2, (WORLDS, n))), 1, 5)
    assert named(random) <= at_most(0.05) and named(block) <= at_most(0.05)
    assert named(wide) <= at_most(0.02) and named(ceiling) <= at_most(0.02)


@pytest.mark.parametrize(("n", "found"), [(12, 0.70), (20, 0.90), (40, 0.99)])
def test_planted_camps_are_found(n: int, found: float) -> None:
    # Half stand around 1.75, half around 4.25, each with a standard deviation of .4, in quarters of a point.
    camps = np.where(np.arange(n) < n // 2, 1.75, 4.25) + np.random.default_rng(SEED).normal(0, 0.4, (WORLDS, n))
    assert named(np.clip(np.round(camps * 4) / 4, 1, 5)) >= at_least(found)


def test_the_same_answers_give_the_same_figures() -> None:
    scores = np.random.default_rng(SEED).integers(4, 21, 17) / 4
    shuffled = np.random.default_rng(1).permutation(scores)
    first = agreement.within(scores)
    agreement._chance.cache_clear()
    agreement._chance_cut.cache_clear()
    assert agreement.within(shuffled).r_wg == first.r_wg and agreement.within(scores) == first
    moved = agreement.within(scores * 10 - 10, low=0, high=40)
    assert (moved.sd, moved.ad) == pytest.approx((first.sd * 10, first.ad * 10))  # type: ignore[operator]
    assert (moved.r_wg, moved.is_split) == (pytest.approx(first.r_wg), first.is_split)


# --- rankings ---------------------------------------------------------------------------------------------------------


def test_kendalls_w_gives_the_published_value() -> None:
    # Three executives rank six applicants: rank sums 8, 14, 11, 11, 11, 8, W = .16 (Siegel 1956, chapter 9).
    ranks = [[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]]
    assert agreement.kendall_w(ranks) == pytest.approx(12 * 25.5 / (9 * 210))
    assert agreement.kendall_w(ranks) == pytest.approx(0.1619047619, abs=1e-10)  # vegan::kendall.global


def test_kendalls_w_with_ties_equals_r() -> None:
    scores = [[4, 4, 2, 1, 1], [5, 3, 3, 3, 1], [4, 5, 2, 2, 1], [3, 3, 3, 2, 2]]
    assert agreement.kendall_w(scores) == pytest.approx(0.8235294118, abs=1e-10)  # vegan::kendall.global
    assert agreement.kendall_w(scores) == pytest.approx(friedmanchisquare(*np.array(scores).T).statistic / (4 * 4))


def test_kendalls_w_at_its_ends() -> None:
    assert agreement.kendall_w([[1, 2, 3, 4]] * 3) == pytest.approx(1)
    assert agreement.kendall_w([[1, 2, 3], [3, 2, 1]]) == 0
    assert agreement.kendall_w([[1, 2, 3], [2, 4, 9], [1, float("nan"), 2]]) == pytest.approx(1)
    for nothing in ([[1, 2, 3]], [[1], [1]], [[2, 2], [3, 3]], []):
        assert agreement.kendall_w(nothing) is None


# --- labels -----------------------------------------------------------------------------------------------------------


def readings(table: list[list[int]]) -> tuple[list[int], list[int]]:
    """Which two lists of labels give this table of counts?"""
    cells = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [i for i, _ in cells], [j for _, j in cells]


@pytest.mark.parametrize(
    ("table", "kappa", "variance"),
    [
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.49152542372881, 0.00260118519206),  # Cohen 1960: .492
        ([[58, 12, 1, 6], [2, 30, 8, 0], [0, 4, 20, 3], [9, 1, 0, 11]], 0.59689840140209, 0.00244893898488),
    ],
)
def test_cohens_kappa_gives_the_published_value_and_rs_variance(
    table: list[list[int]], kappa: float, variance: float
) -> None:
    found = agreement.cohen_kappa(*readings(table))
    reach = norm.ppf(0.975) * variance**0.5  # psych::cohen.kappa
    assert (found.value, found.low, found.high) == pytest.approx((kappa, kappa - reach, kappa + reach))
    assert agreement.cohen_kappa(*readings(table)[::-1]).low == pytest.approx(found.low)


def test_kappa_of_labels_that_only_one_reader_uses_equals_r() -> None:
    found = agreement.cohen_kappa(range(1, 10), [1, 3, 1, 6, 1, 5, 5, 6, 7])  # the example of psych::cohen.kappa
    assert found.value == pytest.approx(0) and found.high == pytest.approx(norm.ppf(0.975) * 0.00887345679012**0.5)


def test_kappa_at_its_ends() -> None:
    assert agreement.cohen_kappa(["mql", "sql", "won"], ["mql", "sql", "won"]) == stats.Interval(1.0, None, None)
    assert agreement.cohen_kappa(["mql"] * 4, ["mql"] * 4) == stats.NOTHING == agreement.cohen_kappa([], [])
    turned = agreement.cohen_kappa([0, 1, 0, 1], [1, 0, 1, 0])
    assert turned.value == -1 and (turned.low or -1) >= -1
    few = agreement.cohen_kappa([0, 0, 1, 1, 2], [0, 0, 1, 2, 2])
    assert few.high == 1.0 and few.low is not None and few.low < 0.5
    with pytest.raises(ValueError, match="the same things"):
        agreement.cohen_kappa([1, 2], [1])


def test_kappas_interval_covers_readers_who_agree_half_way() -> None:
    rng, worlds = np.random.default_rng(SEED), 1_000
    share = np.array([0.4, 0.3, 0.2, 0.1])
    first, second = rng.choice(4, (2, worlds, 120), p=share)
    second = np.where(rng.random((worlds, 120)) < 0.5, first, second)  # half copied: kappa is .5
    covered = sum(holds(agreement.cohen_kappa(a, b), 0.5) for a, b in zip(first, second, strict=True))
    assert at_least(0.95) <= covered <= at_most(0.95)


# --- gaps between teams -----------------------------------------------------------------------------------------------


def answer_shares(mean: float, sd: float) -> np.ndarray:
    """Which share gives each answer from 1 to 5, when a normal opinion is rounded and cut at the ends?"""
    return np.diff(norm.cdf([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf], mean, sd))


@pytest.mark.parametrize(
    ("n", "m", "left", "right"),
    [
        (5, 5, (3.4, 1.0), (3.0, 1.0)),
        (8, 8, (3.6, 1.0), (2.8, 1.0)),
        (12, 5, (3.0, 1.0), (3.5, 1.3)),
        (9, 5, (3.8, 0.8), (3.0, 1.2)),
        (14, 9, (3.6, 1.0), (3.0, 1.0)),
        (14, 9, (4.6, 0.8), (4.3, 0.9)),  # near the ceiling
        (8, 8, (4.7, 0.8), (4.7, 0.8)),
    ],
)
def test_cliffs_interval_covers_rounded_opinions(
    n: int, m: int, left: tuple[float, float], right: tuple[float, float]
) -> None:
    p, q = answer_shares(*left), answer_shares(*right)
    truth = float(p @ np.sign(np.subtract.outer(np.arange(5), np.arange(5))) @ q)
    rng, worlds = np.random.default_rng(SEED), 5_000
    a, b = rng.choice(5, (worlds, n), p=p), rng.choice(5, (worlds, m), p=q)
    covered = sum(holds(stats.cliff(x, y), truth) for x, y in zip(a, b, strict=True))
    assert covered >= at_least(0.92, worlds)
