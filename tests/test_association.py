"""What goes with what: against R's figures, by the definition, by hand, and in simulated worlds of sellers who differ.

R is 4.2.2 with metafor 3.8-1, pROC 1.18.0 and sandwich 3.0-2; the tests themselves need no R.
"""

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu, norm
from scipy.stats import t as student

from alignlib.association import concordance, mantel_haenszel, slopes
from alignlib.stats import NOTHING, Interval

WORLDS, SEED = 1_000, 20260331
LOWEST, HIGHEST = (int(binom.ppf(p, WORLDS, 0.95)) for p in (0.001, 0.999))
# Applicants to Berkeley in 1973 by department: men admitted, rejected; women admitted, rejected (Bickel, Hammel &
# O'Connell 1975, as R's UCBAdmissions).
BERKELEY = [[[512, 313], [89, 19]], [[353, 207], [17, 8]], [[120, 205], [202, 391]],
            [[138, 279], [131, 244]], [[53, 138], [94, 299]], [[22, 351], [24, 317]]]  # fmt: skip
# pROC's aSAH (Turck et al. 2010): patients by grade (wfns 1 to 5), with good and with poor outcome.
GOOD, POOR = [37, 20, 3, 8, 4], [2, 12, 1, 8, 18]
# R's CO2 (Potvin, Lechowicz & Tardif 1990): uptake of twelve plants at seven concentrations; plants 4-6, 10-12 chilled.
CONCENTRATIONS = [95, 175, 250, 350, 500, 675, 1000]
UPTAKE = [
    16, 30.4, 34.8, 37.2, 35.3, 39.2, 39.7, 13.6, 27.3, 37.1, 41.8, 40.6, 41.4, 44.3, 16.2, 32.4, 40.3, 42.1, 42.9,
    43.9, 45.5, 14.2, 24.1, 30.3, 34.6, 32.5, 35.4, 38.7, 9.3, 27.3, 35, 38.8, 38.6, 37.5, 42.4, 15.1, 21, 38.1, 34,
    38.9, 39.6, 41.4, 10.6, 19.2, 26.2, 30, 30.9, 32.4, 35.5, 12, 22, 30.6, 31.8, 32.4, 31.1, 31.5, 11.3, 19.4, 25.8,
    27.9, 28.5, 28.1, 27.8, 10.5, 14.9, 18.1, 18.9, 19.5, 22.2, 21.9, 7.7, 11.4, 12.3, 13, 12.5, 13.7, 14.4, 10.6, 18,
    17.9, 17.9, 17.9, 18.9, 19.9,
]  # fmt: skip


def close(found: Interval, value: float, low: float, high: float) -> bool:
    return (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=1e-8)


def holds(found: Interval, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def logit(share: float) -> float:
    return log(share / (1 - share))


# --- differences within strata ----------------------------------------------------------------------------------------


def test_berkeley_pooled_says_the_opposite_of_berkeley_by_department() -> None:
    pooled = mantel_haenszel(np.sum(BERKELEY, axis=0)[None])
    found = mantel_haenszel(BERKELEY)
    assert pooled.odds_ratio.value == pytest.approx(1.841080037)
    assert close(found.odds_ratio, 0.9046968283, 0.7719073618, 1.0603297644)  # mantelhaen.test(UCBAdmissions)
    assert close(found.difference, -0.0184251961909, -0.0474824353465, 0.0106320429648)  # metafor::rma.mh, RD
    assert (pooled.difference.low or 0) > 0 and holds(found.difference, 0)


def test_one_stratum_is_the_plain_difference_and_the_plain_odds_ratio() -> None:
    found = mantel_haenszel([[[30, 70], [20, 80]]])
    reach = norm.ppf(0.975) * sqrt(1 / 30 + 1 / 70 + 1 / 20 + 1 / 80)  # Woolf 1955
    ratio = 30 * 80 / (70 * 20)
    assert found.difference.value == pytest.approx(0.1)
    assert close(found.odds_ratio, ratio, ratio * exp(-reach), ratio * exp(reach))


def test_swapping_the_groups_turns_the_difference_and_inverts_the_ratio() -> None:
    found, turned = mantel_haenszel(BERKELEY), mantel_haenszel(np.array(BERKELEY)[::-1, ::-1])
    assert found.difference.value == pytest.approx(-(turned.difference.value or 0))
    assert found.difference.low == pytest.approx(-(turned.difference.high or 0))
    assert found.odds_ratio.low == pytest.approx(1 / (turned.odds_ratio.high or 1))


def test_a_stratum_with_one_group_only_counts_nowhere() -> None:
    assert mantel_haenszel([*BERKELEY, [[40, 1], [0, 0]], [[0, 0], [0, 0]]]) == mantel_haenszel(BERKELEY)
    nothing = mantel_haenszel([[[4, 1], [0, 0]]])
    assert nothing.difference == nothing.odds_ratio == NOTHING == mantel_haenszel(np.empty((0, 2, 2))).difference


def test_without_spread_there_is_a_value_and_no_limits() -> None:
    all_or_none = mantel_haenszel([[[5, 0], [0, 5]], [[3, 0], [0, 9]]])
    assert all_or_none.difference == Interval(1.0, None, None) and all_or_none.odds_ratio == NOTHING
    assert mantel_haenszel([[[0, 5], [5, 0]]]).odds_ratio == Interval(0.0, None, None)
    assert mantel_haenszel([[[0, 5], [0, 7]]]).difference == Interval(0.0, None, None)
    with pytest.raises(ValueError, match="not negative"):
        mantel_haenszel([[[-1, 2], [3, 4]]])


@pytest.mark.parametrize(("strata", "size"), [(6, 80), (60, 6)])  # few large, many small: Sato's variance holds in both
def test_the_difference_within_strata_covers_the_truth(strata: int, size: int) -> None:
    rng, truth = np.random.default_rng(SEED), 0.1
    base = np.linspace(0.15, 0.7, strata)
    exposed = rng.binomial(size - 2, np.linspace(0.8, 0.2, strata), (WORLDS, strata)) + 1  # confounded with the base
    a, c = rng.binomial(exposed, base + truth), rng.binomial(size - exposed, base)
    tables = np.stack([np.stack([a, exposed - a], -1), np.stack([c, size - exposed - c], -1)], axis=2)
    assert LOWEST <= sum(holds(mantel_haenszel(table).difference, truth) for table in tables) <= HIGHEST


# --- scores that put hits first ---------------------------------------------------------------------------------------


def graded() -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([1, 2, 3, 4, 5] * 2, GOOD + POOR), np.repeat([False, True], [sum(GOOD), sum(POOR)])


def test_the_concordance_and_its_variance_equal_procs() -> None:
    found = concordance(*graded())
    reach = norm.ppf(0.975) * sqrt(0.00146991470882) / (0.823678862 * (1 - 0.823678862))  # var(roc(...)), DeLong
    assert found.value == pytest.approx(0.823678862)
    assert logit(found.high or 0) - logit(found.value or 0) == pytest.approx(reach)
    assert logit(found.value or 0) - logit(found.low or 0) == pytest.approx(reach)


def test_the_concordance_is_the_rank_sum_with_ties_counted_half() -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        score, hit = rng.integers(0, 9, 60), rng.random(60) < 0.3
        u = mannwhitneyu(score[hit], score[~hit]).statistic
        assert concordance(score, hit).value == pytest.approx(u / hit.sum() / (~hit).sum())


def by_definition(score: np.ndarray, hit: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """Obuchowski 1997, equations 2 to 6, pair by pair and cluster by cluster."""
    pairs = (score[hit][:, None] > score[~hit]) + 0.5 * (score[hit][:, None] == score[~hit])
    area, m, n = pairs.mean(), hit.sum(), (~hit).sum()
    v10, v01 = pairs.mean(axis=1), pairs.mean(axis=0)
    hits = {i: (v10[codes[hit] == i] - area).sum() for i in set(codes)}
    misses = {i: (v01[codes[~hit] == i] - area).sum() for i in set(codes)}
    i10, i01, both = len(set(codes[hit])), len(set(codes[~hit])), len(set(codes))
    s10 = i10 / ((i10 - 1) * m) * sum(x**2 for x in hits.values())
    s01 = i01 / ((i01 - 1) * n) * sum(x**2 for x in misses.values())
    s11 = both / (both - 1) * sum(hits[i] * misses[i] for i in hits)
    return float(area), float(s10 / m + s01 / n + 2 * s11 / (m * n))


def test_clustered_limits_follow_the_definition_and_any_names_of_clusters() -> None:
    rng = np.random.default_rng(SEED)
    codes = np.repeat(np.arange(10), [3, 4, 5, 9, 2, 6, 7, 3, 5, 8])
    score, hit = rng.integers(0, 20, len(codes)) + codes // 3, rng.random(len(codes)) < 0.4
    area, variance = by_definition(score, hit, codes)
    found = concordance(score, hit, codes)
    reach = student.ppf(0.975, 9) * sqrt(variance) / (area * (1 - area))
    assert found.value == pytest.approx(area)
    assert logit(found.high or 0) - logit(area) == pytest.approx(reach)
    named = concordance(score, hit, np.array([f"seller {7 * code % 10}" for code in codes]))
    order = rng.permutation(len(codes))
    for same in (named, concordance(score[order], hit[order], codes[order])):
        assert (same.value, same.low, same.high) == pytest.approx((found.value, found.low, found.high))


def test_with_few_clusters_cases_count_one_by_one() -> None:
    score, hit = graded()
    assert concordance(score, hit, np.arange(len(score)) % 7) == concordance(score, hit)
    assert concordance(score, hit, np.arange(len(score)) % 8) != concordance(score, hit)


def test_cases_that_nobody_decided_stand_alone() -> None:
    score, hit = graded()
    codes = np.arange(len(score)) % 10
    codes[::3] = -1
    alone = np.where(codes < 0, 100 + np.arange(len(score)), codes)
    found, each = concordance(score, hit, codes), concordance(score, hit, alone)
    wider = student.ppf(0.975, 9) / student.ppf(0.975, len(set(alone)) - 1)  # ten clusters: nine degrees of freedom
    reach, expected = (logit(at.high or 0) - logit(at.value or 0) for at in (found, each))
    assert reach == pytest.approx(expected * wider)
    assert concordance(score, hit, np.full(len(score), -1)) == concordance(score, hit)


def test_a_weight_of_two_is_a_case_that_counts_twice() -> None:
    score, hit = graded()
    twice = np.where(score > 2, 2, 1)
    assert concordance(score, hit, weights=twice).value == pytest.approx(
        concordance(np.repeat(score, twice), np.repeat(hit, twice)).value
    )
    assert concordance(score, hit, weights=np.full(len(score), 3.0)).low == pytest.approx(concordance(score, hit).low)


def test_the_ends_of_concordance() -> None:
    nan = float("nan")
    assert concordance([], []) == concordance([1, 2], [True, True]) == concordance([nan, 2], [True, False]) == NOTHING
    least = 10 / (10 + norm.ppf(0.975) ** 2)  # all of the smaller class, Wilson
    found = concordance([*range(30)], [False] * 20 + [True] * 10)
    assert (found.value, found.low, found.high) == pytest.approx((1, least, 1))
    turned = concordance([*range(30)], [True] * 10 + [False] * 20)
    assert (turned.value, turned.low, turned.high) == pytest.approx((0, 0, 1 - least))
    assert concordance([1, 2, 3], [False, True, False]) == Interval(0.5, None, None)
    assert concordance([1, 2, 2, nan], [False, True, False, True]).value == 0.75


def truth_of(r: float, rate: float) -> float:
    """The concordance of a normal score with passing a line on a scale that correlates ``r`` with it."""
    x = np.linspace(-8, 8, 20_001)
    hits = norm.sf((norm.ppf(1 - rate) - r * x) / sqrt(1 - r * r)) * norm.pdf(x)
    misses = norm.pdf(x) - hits
    below = np.cumsum(misses) - misses / 2
    return float((hits * below).sum() / hits.sum() / misses.sum())


def covered(sellers: int, leads: int, of_score: float, of_outcome: float = 0.05, rate: float = 0.3) -> list[int]:
    """How often of 1,000 worlds do clustered and plain limits hold the truth, when sellers differ by these shares?"""
    rng, r = np.random.default_rng(SEED), 0.3
    codes, hits = np.repeat(np.arange(sellers), leads), [0, 0]
    truth, n = truth_of(r * sqrt(1 - of_score), rate), sellers * leads
    for _ in range(WORLDS):
        (u, v), (e, f) = rng.normal(size=(2, sellers)), rng.normal(size=(2, n))
        score = sqrt(of_score) * u[codes] + sqrt(1 - of_score) * e
        outcome = r * e + sqrt(of_outcome) * v[codes] + sqrt(1 - of_outcome - r * r) * f
        hit = outcome > norm.ppf(1 - rate)
        for i, found in enumerate((concordance(score, hit, codes), concordance(score, hit))):
            hits[i] += holds(found, truth)
    return hits


@pytest.mark.parametrize(("sellers", "leads"), [(30, 30), (12, 60), (8, 60)])
def test_clustered_limits_cover_when_sellers_differ_by_five_hundredths(sellers: int, leads: int) -> None:
    clustered, plain = covered(sellers, leads, of_score=0.05)
    assert LOWEST <= clustered <= HIGHEST  # plain: see below; at .05 on both sides it is hardly worse
    assert plain <= HIGHEST


def test_where_sellers_also_get_different_scores_plain_limits_are_too_narrow_and_clustered_ones_are_not() -> None:
    clustered, plain = covered(12, 100, of_score=0.3)
    assert LOWEST <= clustered <= HIGHEST and plain < LOWEST  # 935 and 838 of 1,000


# --- slopes -----------------------------------------------------------------------------------------------------------


def plants() -> tuple[np.ndarray, np.ndarray]:
    chilled = np.repeat(np.arange(12) % 6 >= 3, 7)
    return np.column_stack([CONCENTRATIONS * 12, chilled]), np.repeat(np.arange(12), 7)


def test_slopes_and_their_limits_equal_those_of_rs_sandwich() -> None:
    x, plant = plants()
    slope = [0.0177305871994, -6.8595238095238]
    for codes, errors, freedom in (
        (plant, [0.0021392116873, 4.1454884226593], 11),  # vcovCL(lm(uptake ~ conc + Treatment), ~ Plant, "HC1")
        (None, [0.00348848371357, 1.94484005443857], 81),  # vcovHC(..., "HC1")
    ):
        found = slopes(UPTAKE, x, codes)
        reach = student.ppf(0.975, freedom) * np.array(errors)
        assert [at.value for at in found] == pytest.approx(slope)
        assert [(at.high or 0) - (at.value or 0) for at in found] == pytest.approx(reach)
        assert [(at.value or 0) - (at.low or 0) for at in found] == pytest.approx(reach)
    assert slopes(UPTAKE, x, plant % 7) == slopes(UPTAKE, x)  # seven groups are too few


def test_the_certified_slope_of_nist_is_met() -> None:
    # NIST StRD, Norris: calibration of ozone monitors, y and x of 36 readings; certified slope 1.00211681802045.
    y = [0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8, 339.3, 448.9,
         10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2, 117.6, 228.9,
         668.4, 449.2, 0.2]  # fmt: skip
    x = [0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9, 338.0, 447.5,
         11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1, 118.3, 229.2,
         669.1, 448.9, 0.5]  # fmt: skip
    assert slopes(y, [[one] for one in x])[0].value == pytest.approx(1.00211681802045, rel=1e-12)


def test_one_yes_or_no_predictor_is_the_difference_of_two_shares() -> None:
    touched, better = np.repeat([1, 0, 1, 0], [30, 20, 10, 40]), np.repeat([1, 1, 0, 0], [30, 20, 10, 40])
    assert slopes(touched, better)[0].value == pytest.approx(30 / 50 - 10 / 50)


def test_the_ends_of_slopes() -> None:
    assert slopes([0, 1, 1], [[1, 2], [1, 3], [1, 5]]) == [NOTHING, NOTHING]  # the first does not vary
    assert slopes([0, 1, 1, 0], [[1, 2], [2, 4], [3, 6], [4, 8]]) == [NOTHING, NOTHING]  # they say the same
    assert slopes([1.0], [[1.0]]) == [NOTHING]
    for outcome in ([1, 1, 1, 1], [1, 2, 3, 4]):  # no residual is no proof of certainty
        found = slopes(outcome, [[1], [2], [3], [4]])[0]
        assert found.value is not None and found.low is None


@pytest.mark.parametrize(("sellers", "leads", "of_score"), [(30, 30, 0.05), (12, 60, 0.05), (30, 40, 0.3)])
def test_clustered_slopes_of_shares_cover_when_sellers_differ(sellers: int, leads: int, of_score: float) -> None:
    rng, codes, hits = np.random.default_rng(SEED), np.repeat(np.arange(sellers), leads), [0, 0]
    base, slope, icc = 0.5, 0.05, 0.05  # a seller's own part has a variance of 5 % of base (1 - base)
    for _ in range(WORLDS):
        (u, v), e = rng.normal(size=(2, sellers)), rng.normal(size=len(codes))
        score = sqrt(of_score) * u[codes] + sqrt(1 - of_score) * e
        own = sqrt(icc * base * (1 - base)) * np.clip(v, -2.5, 2.5)[codes]
        touched = rng.random(len(codes)) < np.clip(base + slope * score + own, 0, 1)
        for i, found in enumerate((slopes(touched, score, codes), slopes(touched, score))):
            hits[i] += holds(found[0], slope)
    assert LOWEST <= hits[0] <= HIGHEST
    if of_score > 0.1:  # plain limits are too narrow where sellers get different scores as well
        assert hits[1] < LOWEST
