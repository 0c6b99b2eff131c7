"""Intervals and curves against published values, hand-worked rows and simulated worlds."""

from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from scipy.stats import t as student

from alignlib import stats

WORLDS = 1_000


def at_least(nominal: float) -> int:
    """How often must an interval hold the truth in these worlds: the lower 99.9 % limit of the nominal rate."""
    return int(binom.ppf(0.001, WORLDS, nominal))


def holds(interval: stats.Interval, truth: float) -> bool:
    assert interval.low is not None and interval.high is not None
    return interval.low <= truth <= interval.high


# --- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (15, 25, 0.4074, 0.7660), (842, 8_000, 0.098714, 0.112165)],
)
def test_wilson_gives_the_published_limits(k: int, n: int, low: float, high: float) -> None:
    found = stats.wilson(k, n)
    assert found.value == k / n
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_a_share_of_nothing_is_no_value() -> None:
    assert stats.wilson(0, 0) == stats.NOTHING
    assert stats.newcombe(0, 0, 3, 5) == stats.NOTHING == stats.newcombe(3, 5, 0, 0)
    assert stats.clustered_share([0, 0], [0, 0]) == stats.NOTHING


def test_more_hits_than_cases_is_an_error() -> None:
    with pytest.raises(ValueError, match="no share"):
        stats.wilson(11, 10)


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "gap", "low", "high"),
    [
        (56, 70, 48, 80, 0.2000, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.6000, 0.1705, 0.8090),
        (10, 10, 0, 20, 1.0000, 0.6791, 1.0000),
    ],
)
def test_newcombe_gives_the_published_limits(
    k1: int, n1: int, k2: int, n2: int, gap: float, low: float, high: float
) -> None:
    found = stats.newcombe(k1, n1, k2, n2)
    assert (found.value, found.low, found.high) == pytest.approx((gap, low, high), abs=5e-5)


def test_a_clustered_share_by_hand() -> None:
    # Three sellers won 2 of 10, 5 of 10, 8 of 20: share 15/40 = .375; residuals -1.75, 1.25, .5; their squares 4.875.
    found = stats.clustered_share([2, 5, 8], [10, 10, 20])
    se = sqrt(3 / 2 * 4.875) / 40
    reach, odds = 4.302653 * se / (0.375 * 0.625), np.log(0.375 / 0.625)
    assert found.value == 0.375
    assert found.low == pytest.approx(1 / (1 + np.exp(reach - odds)), rel=1e-6)
    assert found.high == pytest.approx(1 / (1 + np.exp(-reach - odds)), rel=1e-6)


def test_one_cluster_has_a_share_and_no_interval() -> None:
    assert stats.clustered_share([3, 0], [10, 0]) == stats.Interval(0.3, None, None)
    assert stats.clustered_share([0, 0], [9, 0]) == stats.Interval(0.0, None, None)
    assert stats.clustered_share([1] * 8, [2] * 8) == stats.wilson(8, 16)  # all alike is no certainty


def test_all_or_none_counts_fewer_cases_than_there_are() -> None:
    # Sellers of 2, 4 and 14 cases, 4 cases alone: a case stands among (4 + 16 + 196 + 4) / 24 = 9.17 of its kind.
    effective = 24 / (1 + (220 / 24 - 1) * 0.05)
    found = stats.clustered_share([0, 0, 0], [2, 4, 14], (0, 4))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1.959964**2 / (effective + 1.959964**2), rel=1e-6)
    every = stats.clustered_share([2, 4, 14], [2, 4, 14], (4, 4))
    assert (every.low, every.high) == (pytest.approx(1 - (found.high or 0)), 1.0)
    assert stats.clustered_share([0] * 9, [1] * 9) == stats.wilson(0, 9)  # one case each: all count


def test_sellers_of_whom_none_hits_do_not_prove_a_share_of_nearly_none() -> None:
    # Six sellers of 40 cases, 2 % hit, correlation .05: in one world of 14 nobody hits, and Wilson then excludes 2 %.
    rng, truth, n = np.random.default_rng(20260331), 0.02, np.full(6, 40)
    hits = rng.binomial(40, rng.beta(truth * 19, (1 - truth) * 19, (WORLDS, 6)))
    assert sum(holds(stats.clustered_share(k, n), truth) for k in hits) >= at_least(0.95)
    plain = [stats.clustered_share(k, n) if k.any() else stats.wilson(0, 240) for k in hits]
    assert sum(holds(found, truth) for found in plain) < at_least(0.95)


def test_sellers_who_differ_are_covered_by_clusters_and_not_by_wilson() -> None:
    # Intra-class correlation .05 among 14 sellers of 20 to 60 cases each.
    rng, truth, icc = np.random.default_rng(20260331), 0.3, 0.05
    strength = (1 - icc) / icc
    cases = rng.integers(20, 61, (WORLDS, 14))
    hits = rng.binomial(cases, rng.beta(truth * strength, (1 - truth) * strength, (WORLDS, 14)))
    pairs = list(zip(hits, cases, strict=True))
    assert sum(holds(stats.clustered_share(k, n), truth) for k, n in pairs) >= at_least(0.95)
    assert sum(holds(stats.wilson(int(k.sum()), int(n.sum())), truth) for k, n in pairs) < at_least(0.95)


def test_cases_of_no_cluster_stand_alone_in_a_clustered_share() -> None:
    # Three sellers as above and 10 leads nobody held, 1 of them won: share 16/50 = .32; residuals -1.2, 1.8, 1.6, their
    # squares 7.24; alone .68² + 9 x .32².
    found = stats.clustered_share([2, 5, 8], [10, 10, 20], (1, 10))
    se = sqrt(3 / 2 * 7.24 + 0.68**2 + 9 * 0.32**2) / 50
    assert found.value == 0.32 and found.low is not None
    logits = np.log(0.32 / 0.68) - np.log(found.low / (1 - found.low))
    assert logits * 0.32 * 0.68 == pytest.approx(4.302653 * se, rel=1e-6)
    assert stats.clustered_share([], [], (3, 10)) == stats.wilson(3, 10)


def test_a_gap_cancels_what_a_seller_does_alike_on_both_sides() -> None:
    # Each seller wins twice as often in the second half as in the first, however strong: only that differs.
    first, second, n = np.array([1, 2, 3, 4]), np.array([2, 3, 4, 5]), np.full(4, 10)
    gap = stats.clustered_gap(second, n, first, n)
    assert gap.value == pytest.approx(0.1)
    assert gap == stats.newcombe(14, 40, 10, 40)  # all moved alike: no spread between clusters
    assert stats.clustered_gap([2, 2], [10, 10], [4, 4], [40, 40]) == stats.newcombe(4, 20, 8, 80)
    spread = stats.clustered_gap(second, n, first[::-1], n)
    assert spread.low is not None and spread.high is not None and spread.low < 0.1 < spread.high


def test_cases_of_no_cluster_stand_alone_in_a_gap() -> None:
    # Four sellers on each side, and on the first side 10 cases of nobody, none won: 20/50 against 18/40.
    found = stats.clustered_gap([4, 6, 4, 6], [10] * 4, [3, 5, 5, 5], [10] * 4, alone1=(0, 10))
    moved = np.array([0 / 50 + 1.5 / 40, 2 / 50 - 0.5 / 40, 0 / 50 - 0.5 / 40, 2 / 50 - 0.5 / 40])
    se = sqrt(4 / 3 * float(moved @ moved) + 10 * 0.4**2 / 50**2)
    assert found.value == pytest.approx(20 / 50 - 18 / 40)
    assert found.high == pytest.approx(20 / 50 - 18 / 40 + 3.182446 * se, rel=1e-6)


def test_a_gap_needs_two_clusters_on_each_side() -> None:
    assert stats.clustered_gap([1, 0], [5, 0], [2, 3], [5, 5]) == stats.Interval(0.2 - 0.5, None, None)
    assert stats.clustered_gap([0], [0], [2], [5]) == stats.NOTHING
    few = stats.clustered_gap([1, 0, 1], [1, 1, 1], [0, 0, 1], [1, 1, 1])  # one case each is a cluster as well
    # gap 1/3; parts 1/9, -2/9, 1/9 less -1/9, -1/9, 2/9; t with 2 degrees of freedom reaches beyond -1 and 1
    assert (few.value, few.low, few.high) == (pytest.approx(1 / 3), -1.0, 1.0)
    own = stats.clustered_gap([4, 6], [10, 10], [5, 3], [10, 10])
    assert own.low is not None and stats.clustered_gap([4, 6, 0], [10, 10, 0], [5, 3, 0], [10, 10, 0]) == own


@pytest.mark.parametrize("same", [True, False])
def test_a_gap_between_sellers_who_differ_is_covered_by_clusters(same: bool) -> None:
    # Intra-class correlation .05; the same sellers decide on both sides, or others do.
    rng, icc, no = np.random.default_rng(20260331), 0.05, np.zeros(14, int)
    strength, clustered, plain = (1 - icc) / icc, 0, 0
    for _ in range(WORLDS):
        n1, n2 = rng.integers(20, 61, (2, 14))
        p1, p2 = rng.beta(0.3 * strength, 0.7 * strength, (2, 14))
        k1, k2 = rng.binomial(n1, p1), rng.binomial(n2, p1 if same else p2)
        sides = (k1, n1, k2, n2) if same else tuple(map(np.concatenate, ((k1, no), (n1, no), (no, k2), (no, n2))))
        clustered += holds(stats.clustered_gap(*sides), 0)
        plain += holds(stats.newcombe(int(k1.sum()), int(n1.sum()), int(k2.sum()), int(n2.sum())), 0)
    assert at_least(0.95) <= clustered
    assert (plain >= at_least(0.95)) == same


def test_groups_are_compared_all_at_once() -> None:
    # R: prop.test(c(83, 90, 129, 70), c(86, 93, 136, 82)), the smokers of Fleiss 1981: chi-squared 12.6004, p .005585.
    assert stats.alike([83, 90, 129, 70], [86, 93, 136, 82]) == pytest.approx(0.005585477, rel=1e-6)
    assert stats.alike([83, 90], [86, 93]) == pytest.approx(stats.alike([90, 0, 83], [93, 0, 86]))
    assert stats.alike([83, 90], [86, 93]) is not None
    assert stats.alike([1, 0], [1, 1]) == pytest.approx(0.157299, rel=1e-5)  # chi-squared 2 on one degree of freedom
    for hits, cases in (([3], [5]), ([0, 0], [5, 5]), ([5, 5], [5, 5]), ([], [])):
        assert stats.alike(hits, cases) is None


# --- means and gaps ---------------------------------------------------------------------------------------------------


def test_welch_by_hand() -> None:
    # Means 4 and 2; variances 1 and 4 over three each: se = sqrt(5/3), df = (5/3)^2 / ((1/9 + 16/9) / 2) = 50/17.
    found = stats.welch([3, 4, 5], [0, 2, 4])
    assert found.value == 2.0
    t = 3.21823  # t quantile .975 at 2.941 degrees of freedom
    assert found.high == pytest.approx(2 + t * sqrt(5 / 3), abs=2e-3)
    assert found.low == pytest.approx(2 - t * sqrt(5 / 3), abs=2e-3)


def test_equal_answers_are_no_proof_of_certainty() -> None:
    assert stats.welch([4, 4, 4], [2, 2, 2]) == stats.Interval(2.0, None, None)
    floored = stats.welch([4, 4, 4], [2, 2, 2], (1 / 3, 1 / 3))
    as_if = stats.welch([4, 4, 5], [2, 2, 3])  # one of three answers one step away: variance 1/3 as well
    assert floored.low == pytest.approx(as_if.low) and floored.high == pytest.approx(as_if.high)


def test_one_answer_has_a_mean_and_no_interval() -> None:
    assert stats.mean_interval([4]) == stats.Interval(4.0, None, None)
    assert stats.welch([4], [1, 2, 3]) == stats.Interval(2.0, None, None)
    assert stats.welch([1, 2], [4]) == stats.Interval(-2.5, None, None) == stats.welch([1, 2], [4, 4])
    assert stats.mean_interval([]) == stats.NOTHING == stats.welch([], [1, 2]) == stats.welch([1, 2], [])
    two = stats.mean_interval([1, 3])  # variance 2: the half width is t with one degree of freedom, 12.7062, times 1
    assert (two.low, two.high) == (pytest.approx(2 - 12.706205), pytest.approx(2 + 12.706205))
    assert stats.mean_interval([4, 4]) == stats.Interval(4.0, None, None)
    assert stats.mean_interval([4, 4], least=2.0).high == pytest.approx(4 + 12.706205)


@pytest.mark.parametrize(
    ("values", "mean", "sd"),
    [
        ([10_000_001, 10_000_003, 10_000_002], 10_000_002, 1.0),
        ([1.2] + [1.1, 1.3] * 500, 1.2, 0.1),
        ([1_000_000.2] + [1_000_000.1, 1_000_000.3] * 500, 1_000_000.2, 0.1),
        ([10_000_000.2] + [10_000_000.1, 10_000_000.3] * 500, 10_000_000.2, 0.1),
    ],
)
def test_the_certified_means_and_deviations_of_nist_are_met(values: list[float], mean: float, sd: float) -> None:
    # NIST StRD NumAcc1 to 4, certified; a sum of squares gives NaN for the last. The deviation from the half width.
    found = stats.mean_interval(values)
    assert found.value == pytest.approx(mean, rel=1e-12)
    assert found.low is not None and found.high is not None
    half = float(student.ppf(0.975, len(values) - 1)) * sd / sqrt(len(values))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-7)


def test_cliffs_delta_by_hand() -> None:
    # 3 x 2 pairs: 1<2, 1<3, 2=2, 2<3, 3>2, 3=3: one above, three below.
    assert stats.cliff([1, 2, 3], [2, 3]).value == pytest.approx(-2 / 6)


def test_cliffs_interval_equals_its_formula_on_the_full_matrix() -> None:
    a, b = np.array([1, 2, 2, 4, 5.0]), np.array([2, 3, 3, 4, 5, 5.0])
    signs = np.sign(a[:, None] - b[None, :])
    n, m, d = 5, 6, signs.mean()
    rows, columns = ((signs.mean(1) - d) ** 2).sum(), ((signs.mean(0) - d) ** 2).sum()
    s2 = (m**2 * rows + n**2 * columns - ((signs - d) ** 2).sum()) / (n * m * (n - 1) * (m - 1))
    t = 2.262157  # t quantile .975 at 9 degrees of freedom
    reach = t * sqrt(s2) * sqrt((1 - d**2) ** 2 + t**2 * s2)
    found = stats.cliff(a, b)
    assert found.value == pytest.approx(d)
    assert found.low == pytest.approx((d - d**3 - reach) / (1 - d**2 + t**2 * s2), abs=1e-6)
    assert found.high == pytest.approx((d - d**3 + reach) / (1 - d**2 + t**2 * s2), abs=1e-6)


def test_cliffs_interval_needs_two_on_a_side_and_stays_within_one() -> None:
    assert stats.cliff([], [1]) == stats.NOTHING == stats.cliff([1], [])
    assert stats.cliff([1], [2, 2]) == stats.Interval(-1.0, None, None) == stats.cliff([1, 1], [2])
    # Two against two, 1 and 4 against 2 and 3: rows -1 and 1, columns 0 and 0, so that the floor of 1/3 counts less
    # than the variance (4 x 2 + 0 - 4) / 4 = 1; t with two degrees of freedom is 4.302653.
    wide = stats.cliff([1, 4], [2, 3])
    reach = 4.302653 * sqrt(1 + 4.302653**2) / (1 + 4.302653**2)
    assert (wide.value, wide.low, wide.high) == (0.0, pytest.approx(-reach), pytest.approx(reach))
    # 2 and 2 against 1 and 3: rows 0 and 0, columns 1 and -1: the same, told from the other side
    assert stats.cliff([2, 2], [1, 3]) == wide
    # All tied: no spread at all, and the floor 1 / (n m - 1) is what is left.
    tied = stats.cliff([2, 2], [2, 2])
    floor = 1 / 3
    limit = 4.302653 * sqrt(floor) * sqrt(1 + 4.302653**2 * floor) / (1 + 4.302653**2 * floor)
    assert (tied.low, tied.high) == (pytest.approx(-limit), pytest.approx(limit))
    # 1, 1 and 2 against 1 and 1: delta 1/3, variance 1/9, less than the floor (1 - 1/9) / 5; t is 3.182446.
    low, t2 = stats.cliff([1, 1, 2], [1, 1]), 3.182446**2 * (8 / 45)
    reach = sqrt(t2) * sqrt((8 / 9) ** 2 + t2)
    assert low.high == pytest.approx((1 / 3 - 1 / 27 + reach) / (8 / 9 + t2))


def test_full_separation_still_has_an_interval() -> None:
    apart, turned = stats.cliff([4, 5, 5, 5, 4], [1, 2, 1, 2, 1]), stats.cliff([1, 2, 1, 2, 1], [4, 5, 5, 5, 4])
    t2 = 2.306004**2  # eight degrees of freedom
    assert apart.value == 1.0 and apart.high == 1.0
    assert apart.low == pytest.approx((5 - t2) / (5 + t2), abs=1e-6)
    assert (turned.value, turned.low) == (-1.0, -1.0) and turned.high == pytest.approx(-(apart.low or 0))
    t2 = 2.446912**2  # six degrees of freedom; the smaller group counts
    for one, other in (([4, 5, 5, 5, 4], [1, 2, 1]), ([4, 5, 5], [1, 2, 1, 1, 2])):
        assert stats.cliff(one, other).low == pytest.approx((3 - t2) / (3 + t2), abs=1e-6)


@pytest.mark.parametrize("sizes", [(5, 5), (9, 14)])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([0.2, 0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2, 0.2]),
        ([0.1, 0.1, 0.2, 0.3, 0.3], [0.3, 0.3, 0.2, 0.1, 0.1]),
        ([0.02, 0.08, 0.2, 0.3, 0.4], [0.02, 0.08, 0.2, 0.3, 0.4]),
    ],
)
def test_cliffs_interval_covers_the_truth_in_small_teams(
    sizes: tuple[int, int], left: list[float], right: list[float]
) -> None:
    # Five-point answers. Known to fall a little short of 95 % at five against five: .92 is what we promise there.
    rng = np.random.default_rng(20260331)
    truth = sum(p * q * np.sign(i - j) for i, p in enumerate(left) for j, q in enumerate(right))
    a = rng.choice(5, (WORLDS, sizes[0]), p=left)
    b = rng.choice(5, (WORLDS, sizes[1]), p=right)
    covered = sum(holds(stats.cliff(x, y), truth) for x, y in zip(a, b, strict=True))
    assert covered >= at_least(0.95 if sizes == (9, 14) else 0.92)


@pytest.mark.data
def test_cliffs_delta_equals_r_on_2800_people(data_folder: Path) -> None:
    answers = pd.read_csv(data_folder / "likert_psych_bfi" / "bfi.csv")
    reverse = {"A1", "C4", "C5", "E1", "E2", "O2", "O5"}
    men = answers["gender"] == 1
    for scale, delta in {"A": -0.2583373, "C": -0.120548, "E": -0.1232785, "N": -0.146248, "O": 0.07254146}.items():
        items = [f"{scale}{i}" for i in range(1, 6)]
        turned = pd.DataFrame({item: 7 - answers[item] if item in reverse else answers[item] for item in items})
        scores = turned.mean(axis=1).round(9)
        found = stats.cliff(scores[men].dropna(), scores[~men].dropna())
        assert found.value == pytest.approx(delta, abs=5e-7)
        assert holds(found, delta)
        if scale == "A":  # delta is 2 U / (n m) - 1, and R's U for men is 641,033.5
            pairs = len(scores[men].dropna()) * len(scores[~men].dropna())
            assert (found.value + 1) / 2 * pairs == pytest.approx(641_033.5, abs=1e-4)


@pytest.mark.data
def test_the_mean_gap_equals_r_on_2800_people(data_folder: Path) -> None:
    answers = pd.read_csv(data_folder / "likert_psych_bfi" / "bfi.csv")
    men = answers["gender"] == 1
    scores = pd.concat([7 - answers["A1"], answers[["A2", "A3", "A4", "A5"]]], axis=1).mean(axis=1)
    found = stats.welch(scores[men].dropna(), scores[~men].dropna())
    assert found.value == pytest.approx(4.385546 - 4.782323, abs=2e-6)
    assert found.low is not None and found.high is not None
    # R's Welch t is -10.89195: the half width is |gap / t| times a t quantile that is 1.96 at this size.
    assert (found.high - found.low) / 2 == pytest.approx(0.396777 / 10.89195 * 1.961, rel=1e-3)


# --- distance and verdict ---------------------------------------------------------------------------------------------


def test_total_variation_is_the_part_that_would_have_to_move() -> None:
    assert stats.total_variation([1, 1], [10, 10]) == 0
    assert stats.total_variation([1, 0], [0, 3]) == 1
    assert stats.total_variation([50, 30, 20], [20, 30, 50]) == pytest.approx(0.3)
    for one, other in (([0, 0], [1, 2]), ([1, 2], [0, 0]), ([2, -1], [1, 2]), ([1, 2], [2, -1]), ([1], [1, 2])):
        with pytest.raises(ValueError, match="sum above 0"):
            stats.total_variation(one, other)


SKEWED = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
MOVED = SKEWED + np.array([-0.2, 0, 0.05, 0.05, 0.05, 0.05])  # 20 % of it lies elsewhere
ALONE = np.array([0.95, 0.01, 0.01, 0.01, 0.01, 0.01])


def sampled(rng: np.random.Generator, shares: np.ndarray, n: int, spread: float) -> stats.Composition:
    """A sample of ``n`` cases; 0: all is known. ``spread``: that of the logarithm of what each case weighs."""
    if n == 0:
        return stats.composition(np.eye(6), shares, np.zeros(6), 0)
    where, weight = rng.choice(6, n, p=shares), rng.lognormal(0, spread, n)
    sums = (np.bincount(where, weight**power, 6) for power in (1, 2))
    return stats.composition(np.eye(6), *sums, n)


def test_a_composition_by_hand() -> None:
    """Three deals of 1, 3 and 4 in A, A and B, and one of 2 in both by halves: A 5 of 10, B 5 of 10."""
    found = stats.composition([[1, 0], [0, 1], [0.5, 0.5]], [4, 4, 2], [10, 16, 4], 4)
    assert found.shares.tolist() == [0.5, 0.5]
    # 4/3 x (1 + 9 + 16) x .25 / 100, and 3.84 cases of 2.5, half in A and half in B
    expected = 4 / 3 * 26 * 0.25 / 100 + 1.959964**2 * 2.5**2 * 0.25 / 100
    assert found.covariance[0, 0] == pytest.approx(expected) and found.covariance[0, 1] == pytest.approx(-expected)
    assert not stats.composition(np.eye(2), [1, 3], [0, 0], 0).covariance.any()
    # two cases, one each: 2/1 x 2 x .25 / 4, and 3.84 cases more
    two = stats.composition(np.eye(2), [1, 1], [1, 1], 2).covariance[0, 0]
    assert two == pytest.approx(0.25 + 1.959964**2 * 0.25 / 4)


def test_the_covariance_of_a_composition_is_that_of_leaving_out_one_case_after_another() -> None:
    """The jackknife (Tukey 1958) knows nothing of the formula; what is added for the unseen is taken off by hand."""
    rng, n = np.random.default_rng(2), 400
    parts, weight = rng.dirichlet([0.2, 0.3, 0.5], n), rng.lognormal(0, 0.7, n)
    found = stats.composition(parts, weight, weight**2, n)
    total = weight @ parts
    left = (total - weight[:, None] * parts) / (weight.sum() - weight)[:, None]
    jackknife = (n - 1) / n * (left - left.mean(axis=0)).T @ (left - left.mean(axis=0))
    even = np.eye(3) - found.shares
    added = 1.959964**2 / n**2 / 3 * even.T @ even
    assert found.covariance - added == pytest.approx(jackknife, rel=0.02)


def test_the_limits_of_a_distance_between_two_categories_by_hand() -> None:
    """With two categories the sampling error of the distance is that of one share, on one side or on either."""
    known = stats.composition(np.eye(2), [30, 70], [0, 0], 0)
    found = stats.distance(stats.composition(np.eye(2), [60, 40], [60, 40], 100), known)
    se = np.sqrt(0.24 / 99 + 1.959964**2 / 100**2 * (0.4**2 + 0.6**2) / 2)
    assert found.value == pytest.approx(0.3) and found.high == pytest.approx(0.3 + 1.959964 * se)
    assert found.low == pytest.approx(0.3 - 2.2414 * se, abs=0.006)  # 2,000 draws of a half normal error
    assert stats.distance(known, known) == stats.Interval(0.0, None, None)
    single = stats.composition(np.eye(2), [1, 0], [1, 0], 1)
    for one, other in ((single, known), (known, single)):
        assert stats.distance(one, other) == stats.Interval(pytest.approx(0.7), None, None)
    far = stats.composition(np.eye(2), [2, 0], [2, 0], 2), stats.composition(np.eye(2), [0, 2], [0, 2], 2)
    near = stats.composition(np.eye(2), [3, 3], [3, 3], 6), stats.composition(np.eye(2), [3, 3], [3, 3], 6)
    assert stats.distance(*far).high == 1.0 and stats.distance(*near).low == 0.0


@pytest.mark.parametrize("n", [40, 100, 400])
@pytest.mark.parametrize(("other", "spread"), [(0, 0.0), (60, 1.0)])
@pytest.mark.parametrize(("a", "b"), [(SKEWED, SKEWED), (MOVED, SKEWED), (ALONE, ALONE)])
def test_a_distance_is_covered_down_to_none_at_all(
    a: np.ndarray, b: np.ndarray, other: int, spread: float, n: int
) -> None:
    rng, truth = np.random.default_rng([11, n, other]), stats.total_variation(a, b)
    found = [stats.distance(sampled(rng, a, n, spread), sampled(rng, b, other, 0)) for _ in range(WORLDS)]
    assert sum(holds(interval, truth) for interval in found) >= at_least(0.95)


@pytest.mark.parametrize(
    ("low", "high", "direction", "level"),
    [
        (0.41, 0.50, "at_least", "act"),
        (0.41, 0.70, "at_least", "unclear"),  # touching the limit from the bad side is not wholly beyond
        (0.70, 0.80, "at_least", "good"),
        (0.60, 0.75, "at_least", "unclear"),
        (0.71, 0.80, "at_most", "act"),
        (0.70, 0.80, "at_most", "unclear"),
        (0.50, 0.70, "at_most", "good"),
        (0.71, 0.80, "equals", "act"),
        (0.60, 0.80, "equals", "unclear"),
        (0.50, 0.60, "equals", "act"),
        (0.70, 0.70, "equals", "good"),
        (0.70, 0.71, "equals", "unclear"),
    ],
)
def test_the_interval_decides_the_level(low: float, high: float, direction: str, level: str) -> None:
    assert stats.judge((low + high) / 2, low, high, 0.7, direction) == level  # type: ignore[arg-type]


def test_a_counted_value_is_judged_by_itself_and_nothing_is_never_good() -> None:
    assert stats.judge(0.24, None, None, 0.2, "at_most") == "act"
    assert stats.judge(0.24, None, None, 0.2, "at_most", beyond="watch") == "watch"
    assert stats.judge(0.2, None, None, 0.2, "at_most") == "good"
    assert stats.judge(None, None, None, 0.2, "at_most") == "unclear"
    assert stats.judge(0.1, 0.05, 0.15, None, "at_most") == "unclear"
