"""Curves of how long and in which way, against published values, hand-worked rows and simulated worlds."""

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import beta, binom
from scipy.stats import t as student

from alignlib import stats
from alignlib.incidence import (
    Incidence,
    clustered_incidence,
    clustered_incidence_gap,
    incidence,
    kaplan_meier,
)

WORLDS = 1_000


def at_least(nominal: float) -> int:
    """How often must an interval hold the truth in these worlds: the lower 99.9 % limit of the nominal rate."""
    return int(binom.ppf(0.001, WORLDS, nominal))


def at_most(nominal: float) -> int:
    return int(binom.ppf(0.999, WORLDS, nominal))


def holds(interval: stats.Interval, truth: float) -> bool:
    assert interval.low is not None and interval.high is not None
    return interval.low <= truth <= interval.high


def error_of(found: stats.Interval, clusters: int) -> float:
    """Which standard error (without clusters / (clusters - 1)) gave these limits on the log(-log) scale?"""
    assert found.value is not None and found.low is not None and found.high is not None
    low, high = (log(-log(1 - end)) for end in (found.low, found.high))
    reach = (high - low) / 2 / float(student.ppf(0.975, clusters - 1))
    return reach * abs((1 - found.value) * log(1 - found.value)) * sqrt((clusters - 1) / clusters)


# --- how long, and in which way ---------------------------------------------------------------------------------------

MAINTAINED = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
NOT_MAINTAINED = ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])


def test_kaplan_meier_equals_r_on_the_aml_trial() -> None:
    found = kaplan_meier(*MAINTAINED)
    assert list(found.days) == [0, 9, 13, 18, 23, 31, 34, 48]
    assert found.none[1:] == pytest.approx([0.90909, 0.81818, 0.71591, 0.61364, 0.49091, 0.36818, 0.18409], abs=5e-6)
    assert found.se[1][1:] == pytest.approx([0.08668, 0.11629, 0.13966, 0.15263, 0.16419, 0.16267, 0.15349], abs=5e-6)
    assert found.quantile(0.5) == 31
    other = kaplan_meier(*NOT_MAINTAINED)
    assert other.none[1:] == pytest.approx(
        [0.8333, 0.6667, 0.5833, 0.4861, 0.3889, 0.2917, 0.1944, 0.0972, 0.0], abs=5e-5
    )
    assert other.quantile(0.5) == 23


def test_kaplan_meier_gives_the_published_curve_of_the_6_mp_trial() -> None:
    # Freireich et al. 1963, the 42 children with leukaemia of Gehan 1965: 30 relapses in 541 weeks of remission.
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    assert sum(weeks) + sum(placebo) == 541 and sum(ended) + len(placebo) == 30
    found = kaplan_meier(weeks, ended)
    assert list(found.days) == [0, 6, 7, 10, 13, 16, 22, 23]
    assert found.none[1:] == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)
    assert found.se[1][1:] == pytest.approx([0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], abs=5e-5)
    assert found.quantile(0.5) == 23 and kaplan_meier(placebo, [1] * 21).quantile(0.5) == 8


def test_nothing_is_said_beyond_the_longest_follow_up() -> None:
    found = kaplan_meier([10, 20, 80], [True, False, False])
    assert found.quantile(0.5) is None
    assert found.at(80).value == pytest.approx(1 / 3)
    assert found.at(81) == stats.NOTHING
    assert kaplan_meier([1, 2], [True, True]).at(500).value == 1.0  # all ended: known for ever


def test_closed_deals_alone_understate_the_median() -> None:
    # Exponential durations with median 60, opened over a window of 90 days and cut off at its end.
    rng = np.random.default_rng(20260331)
    true, watched = rng.exponential(60 / np.log(2), 20_000), rng.uniform(0, 90, 20_000)
    days, closed = np.minimum(true, watched), true <= watched
    assert np.median(days[closed]) < 25
    assert holds(kaplan_meier(days, closed).at(60), 0.5)
    assert kaplan_meier(days, closed).quantile(0.5) == pytest.approx(60, abs=3)


def test_incidence_and_its_variance_by_hand() -> None:
    # Ends in way 1 on days 1 and 4, in way 2 on day 2; two still open on days 3 and 5.
    # F1 = 1/5 + .6 x 1/2 = .5, F2 = .8/4 = .2. Variance of F1 on day 4 (Marubini & Valsecchi):
    # day 1: .3² x 1/20 + 4/125 - 2 x .3/25; day 2: .3² x 1/12; day 4: .6² x 1/8; sum .065.
    found = incidence([1, 2, 3, 4, 5], [1, 2, 0, 1, 0])
    assert list(found.days) == [0, 1, 2, 4]
    assert found.share[1] == pytest.approx([0, 0.2, 0.2, 0.5])
    assert found.share[2] == pytest.approx([0, 0, 0.2, 0.2])
    assert found.se[1][-1] == pytest.approx(sqrt(0.065))
    assert found.quantile(0.5, 1) == 4 and found.quantile(0.5, 2) is None


def test_without_open_cases_incidence_is_a_plain_share() -> None:
    rng = np.random.default_rng(7)
    days, outcome = rng.integers(0, 50, 400), rng.integers(1, 4, 400)
    found = incidence(days, outcome)
    k = int(((days <= 20) & (outcome == 2)).sum())
    place = list(found.days).index(20)
    assert found.share[2][place] == pytest.approx(k / 400)
    assert found.se[2][place] == pytest.approx(sqrt(k / 400 * (1 - k / 400) / 400))


def test_what_ended_and_what_did_not_add_to_one() -> None:
    rng = np.random.default_rng(8)
    days, outcome, entry = rng.exponential(30, 500), rng.integers(0, 4, 500), rng.uniform(0, 5, 500)
    for found in (incidence(days, outcome), incidence(days, outcome, entry)):
        assert sum(found.share.values()) + found.none == pytest.approx(np.ones(len(found.days)))


def test_competing_exits_are_not_treated_as_still_open() -> None:
    # Every second case is lost on day 10, before the others win on day 20: half win, not all of those watched.
    found = incidence([10, 20] * 50, [2, 1] * 50)
    assert found.at(20, 1).value == pytest.approx(0.5)
    assert kaplan_meier([10, 20] * 50, [False, True] * 50).at(20).value == pytest.approx(1.0)


def test_no_event_is_no_certainty() -> None:
    found = incidence([5] * 97 + [100] * 3, [0] * 100)
    assert found.at(90) == stats.wilson(0, 3)  # only three were watched that long
    assert incidence([30] * 100, [2] * 100).at(90, 1) == stats.wilson(0, 100)  # all known: none ended so


def test_cases_seen_late_count_only_from_then_on() -> None:
    # Two cases enter on day 10; the one that ends on day 5 was alone at risk with the other early one.
    found = incidence([5, 20, 20, 20], [1, 0, 1, 0], entry=[0, 0, 10, 10])
    assert found.share[1] == pytest.approx([0, 1 / 2, 1 / 2 + 1 / 2 * 1 / 3])
    assert list(found.at_risk([5, 15])) == [2, 3]
    assert incidence([5], [1], entry=[5]).at(5) == stats.NOTHING


def test_left_truncation_is_undone_by_entry() -> None:
    # One export holds only what was still open on day 20 of its life, another everything; the first hides early ends.
    rng = np.random.default_rng(20260331)
    late, whole = rng.exponential(40, 20_000), rng.exponential(40, 5_000)
    late = late[late > 20]
    days, entry = np.concatenate([late, whole]), np.concatenate([np.full(len(late), 20.0), np.zeros(len(whole))])
    ended = np.ones(len(days), dtype=bool)
    truth = 1 - float(np.exp(-30 / 40))
    assert holds(incidence(days, ended, entry).at(30), truth)
    assert not holds(incidence(days, ended).at(30), truth)


@pytest.mark.parametrize("days", [[-1.0, 2.0], [np.nan, 2.0]])
def test_impossible_durations_are_refused(days: list[float]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        incidence(days, [1, 1])


def test_incidence_limits_cover_the_truth() -> None:
    # 60 cases, two competing ways at equal rates, watched for 30 to 90 days; the truth on day 40 in closed form.
    rng = np.random.default_rng(20260331)
    true = rng.exponential(50, (WORLDS, 60))
    ways, watched = rng.integers(1, 3, (WORLDS, 60)), rng.uniform(30, 90, (WORLDS, 60))
    truth = 0.5 * (1 - np.exp(-40 / 50))
    covered = sum(
        holds(incidence(np.minimum(t, w), np.where(t <= w, o, 0)).at(40, 1), truth)
        for t, w, o in zip(true, watched, ways, strict=True)
    )
    assert covered >= at_least(0.95)


# --- rows that stand for many, and two groups -------------------------------------------------------------------------


def log_rank(days: list[float], ended: list[int], group: list[bool]) -> float:
    """Chi-squared with one degree of freedom (Mantel 1966), from the counts that the curves keep."""
    one = np.array(group)
    whole, first = kaplan_meier(days, ended), kaplan_meier(np.array(days)[one], np.array(ended)[one])
    after = np.nextafter(whole.days, np.inf)
    n, n1, d = whole.at_risk(whole.days), first.at_risk(whole.days), whole.ended.before(after)
    d = d - whole.ended.before(whole.days)
    variance = (d * n1 * (n - n1) * (n - d) / np.maximum(n**2 * (n - 1.0), 1)).sum()
    return float((first.ended.before(np.inf) - (d * n1 / n).sum()) ** 2 / variance)


def test_the_counts_that_curves_keep_give_the_log_rank_test_of_r_on_the_aml_trial() -> None:
    days, ended = MAINTAINED[0] + NOT_MAINTAINED[0], MAINTAINED[1] + NOT_MAINTAINED[1]
    for group in ([True] * 11 + [False] * 12, [False] * 11 + [True] * 12):
        assert log_rank(days, ended, group) == pytest.approx(3.396388699, rel=1e-9)


def same(one: Incidence, other: Incidence) -> bool:
    kept = [
        np.allclose(one.days, other.days),
        np.allclose(one.none, other.none),
        one.share.keys() == other.share.keys(),
    ]
    kept += [np.allclose(one.share[c], other.share[c]) and np.allclose(one.se[c], other.se[c]) for c in one.share]
    ask = [0, 3, 7.5, 20, 40]
    return all(kept) and list(one.at_risk(ask)) == list(other.at_risk(ask)) and one.at(20) == other.at(20)


def test_a_row_that_stands_for_many_counts_as_if_it_were_repeated() -> None:
    rng = np.random.default_rng(11)
    days, outcome, n = rng.integers(0, 40, 90), rng.integers(0, 3, 90), rng.integers(0, 6, 90)
    entry, clusters = rng.integers(0, 10, 90), rng.integers(0, 9, 90)
    again = [np.repeat(column, n) for column in (days, outcome, entry, clusters)]
    assert same(incidence(days, outcome, weights=n), incidence(again[0], again[1]))
    assert same(incidence(days, outcome, entry, n), incidence(again[0], again[1], again[2]))
    weighted = clustered_incidence(days, outcome, clusters, 25, n)
    repeated = clustered_incidence(again[0], again[1], again[3], 25)
    assert (weighted.low, weighted.high) == pytest.approx((repeated.low, repeated.high), rel=1e-12)
    assert weighted != clustered_incidence(days, outcome, clusters, 25)


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(12)
    days, outcome, clusters = rng.exponential(20, 200), rng.integers(0, 3, 200), rng.integers(0, 12, 200)
    mixed = rng.permutation(200)
    assert same(incidence(days, outcome), incidence(days[mixed], outcome[mixed]))
    renamed = rng.permutation(1_000)[clusters]
    one = clustered_incidence(days, outcome, clusters, 15)
    other = clustered_incidence(days[mixed], outcome[mixed], renamed[mixed], 15)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-9)


@pytest.mark.parametrize("weights", [[1.5, 1], [-1, 1]])
def test_weights_that_are_no_counts_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="whole and not negative"):
        incidence([1, 2], [1, 1], weights=weights)


def test_quantiles_are_not_reached_when_too_few_have_ended() -> None:
    # Ten cases: one ends on each of days 1 to 8, two are open on day 9: half by day 5, 75 % by day 8, never 90 %.
    found = kaplan_meier([*range(1, 9), 9, 9], [True] * 8 + [False] * 2)
    assert [found.quantile(p) for p in (0.5, 0.75, 0.9)] == [5, 8, None]


# --- a published example with two ways of ending ----------------------------------------------------------------------

# R 4.2.2, survival 3.5-3, data set mgus (Kyle 1993, 241 people): days until a plasma cell cancer (1), death without one
# (2) or the last visit (0), and their age in steps of five years. Reference: survfit(Surv(t, factor(e)) ~ 1, id = id,
# influence = TRUE): pstate, std.err (infinitesimal jackknife), and sqrt(colSums(rowsum(influence, age)^2)).
_TIMES = (
    "748 1310 277 1815 2587 563 1135 2016 2422 6155 1767 61 60 8918 8309 6126 3585 5392 5925 6778 3561 3991 5550 "
    "5216 5757 2339 6931 6760 5796 4791 5945 700 5127 954 1711 11865 1857 9510 31 8552 2006 2618 13152 3924 4198 "
    "283 2223 4249 5308 8327 499 5779 11719 2618 10359 362 12931 1795 4139 4961 547 4133 13019 1674 2953 1369 "
    "8421 7519 4370 7817 1642 9618 6132 4534 6727 7428 2106 1673 2865 6 3790 4206 2314 10164 6143 533 3817 2815 "
    "8806 9019 14111 8600 11506 2445 1826 3805 370 6642 3318 3012 365 4957 652 3346 6804 9978 5024 2833 4228 "
    "3186 3386 8978 1766 5692 6008 5047 2236 8529 4230 2844 6256 11892 3560 4912 2216 152 12618 3226 3958 531 "
    "11861 845 2099 2912 10504 7 11498 7928 11354 809 153 1851 3010 2121 7085 5084 7246 5930 6147 9607 791 6626 "
    "3962 1249 11030 1077 566 174 4626 2070 1625 6607 12689 11685 1005 3913 6970 2861 3227 9723 9953 39 2451 518 "
    "4758 8943 8948 4453 6349 12140 1392 3167 6025 4656 1783 10109 2678 2185 12349 12313 2556 8973 809 4311 7545 "
    "32 9085 5222 2797 3014 8002 5354 2989 12319 6089 8697 6479 1781 5917 779 1431 4763 2910 6209 5824 2400 1400 "
    "8856 9408 2557 61 9304 1492 11395 8264 5181 11864 3448 10770 2434 6763 11801 1218 12349 9760 2908 2521 "
    "14325 2961 4550 3766 "
)
_ENDS = (
    "21222222222222211211112222222111212021222122122222220112211222021221221221221222121222122222221122221121"
    "12221212212222222021122222222122021222222222222221222211220121112122222112222222212100122112211222202222"
    "221222221221222022022220102110121"
)
_AGES = (
    "jillikijlfjjkhkfeiifighjhjigijfiggfghfjijhgihhkgkihjdfffegihjickdhffhgedieffhfijfjeejiejcfffffgfjegjadie"
    "egggeleefffhdhikhdehhdehilghlfelaibfmhggeeihdhjjiffgkgghiibcegfeedghkhjedideikgigbfgbcfdfeifffeiggfedhfh"
    "dgjgjjgiefefjekeeibjghhggdehgbbhf"
)
MGUS = np.array([int(day) for day in _TIMES.split()]), np.array([int(end) for end in _ENDS])
AGES = np.array([ord(age) for age in _AGES])


@pytest.mark.parametrize(
    ("day", "cause", "share", "single", "clustered"),
    [
        (3_650, 1, 0.12863070539, 0.021565768078, 0.02251812772),
        (3_650, 2, 0.31535269710, 0.029931136280, 0.05889157461),
        (7_300, 1, 0.22406639004, 0.026859141014, 0.03954430801),
        (7_300, 2, 0.52282157680, 0.032174264580, 0.07982144151),
    ],
)
def test_incidence_and_its_clustered_error_equal_r(
    day: int, cause: int, share: float, single: float, clustered: float
) -> None:
    assert incidence(*MGUS).at(day, cause).value == pytest.approx(share, rel=1e-9)
    found = clustered_incidence(*MGUS, AGES, day, cause=cause)
    assert found.value == pytest.approx(share, rel=1e-9)
    assert error_of(found, len(set(AGES))) == pytest.approx(clustered, rel=1e-8)
    everyone = clustered_incidence(*MGUS, np.arange(241), day, cause=cause)
    assert error_of(everyone, 241) == pytest.approx(single, rel=1e-8)


def test_one_way_of_ending_has_rs_robust_error() -> None:
    # R: summary(survfit(Surv(t, e) ~ 1, cluster = g), times = c(4, 8))$std.err
    days, clusters = [1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 3, 5, 8, 2], [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3 + [5] * 4
    ended = np.array([1, 2, 0, 1, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 2, 1]) > 0
    for day, error in ((4, 0.181247006680), (8, 0.203278891728)):
        assert error_of(clustered_incidence(days, ended, clusters, day), 5) == pytest.approx(error, rel=1e-9)


# --- sellers who differ -----------------------------------------------------------------------------------------------


def test_without_open_cases_the_clustered_error_is_that_of_a_clustered_share() -> None:
    k, n = np.array([2, 5, 8]), np.array([10, 10, 20])
    outcome = np.concatenate([[1] * hits + [2] * (cases - hits) for hits, cases in zip(k, n, strict=True)])
    found = clustered_incidence([5] * 40, outcome, np.repeat([0, 1, 2], n), at=5)
    share = stats.clustered_share(k, n)
    assert found.value == pytest.approx(share.value)
    assert share.low is not None
    logits = log(0.375 / 0.625) - log(share.low / (1 - share.low))
    assert error_of(found, 3) * sqrt(3 / 2) == pytest.approx(logits * 0.375 * 0.625 / student.ppf(0.975, 2))


def test_the_variance_is_near_that_of_leaving_out_each_cluster() -> None:
    rng = np.random.default_rng(13)
    clusters = np.repeat(np.arange(30), 25)
    days, outcome = rng.exponential(30, 750) * (1 + clusters / 30), rng.integers(0, 3, 750)
    left_out = [incidence(days[clusters != c], outcome[clusters != c]).at(30).value for c in range(30)]
    jackknife = sqrt(29 / 30 * np.var(np.array(left_out, dtype=float)) * 30)
    found = error_of(clustered_incidence(days, outcome, clusters, 30), 30) * sqrt(30 / 29)
    assert found == pytest.approx(jackknife, rel=0.02)


def test_a_clustered_incidence_falls_back_where_clusters_show_nothing() -> None:
    days, outcome = [1, 2, 3, 4], [1, 1, 0, 2]
    assert clustered_incidence(days, outcome, [0, 0, 0, 0], 3) == stats.Interval(0.5, None, None)
    assert clustered_incidence(days, outcome, [0, 1, 2, 3], 3, cause=3) == stats.wilson(0, 4)
    assert clustered_incidence([1, 1], [1, 1], [0, 1], 1) == incidence([1, 1], [1, 1]).at(1)
    assert clustered_incidence([9] * 4, [0] * 4, [0] * 4, 3) == stats.Interval(0.0, None, None)
    assert clustered_incidence(days, outcome, [-1] * 4, 3) == incidence(days, outcome).at(3)  # nobody's, all of them
    assert clustered_incidence([1, 2, 1, 2], [1, 2, 1, 2], [0, 0, 1, 1], 2) == incidence([1, 2, 1, 2], [1, 2, 1, 2]).at(
        2
    )
    assert clustered_incidence(days, [0] * 4, [0, 1, 2, 3], 9) == stats.NOTHING


def test_all_or_none_of_the_cases_known_has_the_limits_of_a_clustered_share() -> None:
    days, outcome, clusters = [5, 5, 5, 1, 9, 9, 9, 2], [0, 0, 2, 2, 0, 0, 0, 0], [0, 0, 0, 1, 1, 2, -1, 2]
    none = clustered_incidence(days, outcome, clusters, 5)  # the last one was open on day 2: not known
    assert none == stats.clustered_share([0, 0, 0], [3, 2, 1], (0, 1))
    every = clustered_incidence([1, 2, 2, 3, 3, 1], [1, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1], 9)
    assert every == stats.clustered_share([3, 2], [3, 2])


def test_cases_of_no_cluster_stand_alone_and_do_not_widen_the_interval_as_one_cluster_would() -> None:
    rng = np.random.default_rng(14)
    clusters = np.concatenate([np.repeat(np.arange(20), 30), np.full(200, -1)])
    outcome = np.concatenate([rng.integers(1, 3, 600), np.full(200, 2)])  # nobody holds them, none goes on
    alone, joined = (clustered_incidence(np.ones(800), outcome, c, 1) for c in (clusters, np.maximum(clusters, -1) + 1))
    k = np.bincount(clusters[:600], outcome[:600] == 1)
    share = stats.clustered_share(k, np.full(20, 30), (0, 200))
    assert alone.value == share.value == joined.value
    assert alone.low is not None and alone.high is not None and joined.low is not None and joined.high is not None
    assert share.low is not None and share.high is not None
    assert alone.high - alone.low == pytest.approx(share.high - share.low, rel=0.02)  # only the scales differ
    assert joined.high - joined.low > 1.5 * (alone.high - alone.low)


def sellers(rng: np.random.Generator, alone: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """14 sellers of 20 to 60 leads, intra-class correlation .05 of going on; exits compete, 30 to 200 days are seen."""
    n, strength = rng.integers(20, 61, 14), 0.95 / 0.05
    clusters = np.concatenate([np.repeat(np.arange(14), n), np.full(alone, -1)])
    chance = np.append(rng.beta(0.4 * strength, 0.6 * strength, 14), 0.0)  # the last one is nobody's
    way = np.where(rng.random(len(clusters)) < chance[clusters], 1, 2)
    true, watched = rng.exponential(45, len(clusters)), rng.uniform(30, 200, len(clusters))
    return np.minimum(true, watched), np.where(true <= watched, way, 0), clusters


@pytest.mark.parametrize("alone", [0, 60])
def test_sellers_who_differ_are_covered_by_clusters_and_not_by_the_plain_interval(alone: int) -> None:
    rng = np.random.default_rng(20260331)
    went = 0.4 * (1 - exp(-90 / 45))
    clustered = plain = 0
    for _ in range(WORLDS):
        days, outcome, clusters = sellers(rng, alone)
        truth = went * (clusters >= 0).mean()
        clustered += holds(clustered_incidence(days, outcome, clusters, 90), truth)
        plain += holds(incidence(days, outcome).at(90), truth)
    assert at_least(0.95) <= clustered <= at_most(0.95)
    assert plain < at_least(0.95)


# --- two shares that the same sellers decide --------------------------------------------------------------------------

ONE = (
    [1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 3, 5, 8, 2],
    [1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1],
    [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3 + [5] * 4,
)
OTHER = (
    [2, 3, 5, 7, 9, 1, 4, 6, 6, 8, 10, 10, 3, 7, 9, 5, 2, 8],
    [1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1],
    [1] * 3 + [2] * 4 + [3] * 3 + [4] * 3 + [5] * 2 + [6] * 3,
)


@pytest.mark.parametrize(
    ("day", "gap", "error"), [(4, 0.3367647058824, 0.2039348669402), (8, 0.168382352941, 0.224961045597)]
)
def test_the_gap_of_two_incidences_has_the_error_that_rs_influences_give(day: int, gap: float, error: float) -> None:
    # R: one, two <- survfit(Surv(t, e) ~ 1, cluster = g, influence = TRUE), summary(two, times = 4)$std.err .06733022;
    # sqrt(sum((c(one$influence.surv[, at], 0) - two$influence.surv[, at])^2)), six clusters, the first with five
    found = clustered_incidence_gap(ONE, OTHER, day)
    assert found.value == pytest.approx(gap, rel=1e-9)
    assert found.low is not None and found.value is not None
    reach = float(student.ppf(0.975, 4)) * error * sqrt(6 / 5)
    assert found.low == pytest.approx(gap - reach, rel=1e-9) and found.high == pytest.approx(gap + reach, rel=1e-9)
    alone = error_of(clustered_incidence(*OTHER, 4), 6)
    assert alone == pytest.approx(0.0673302199689, rel=1e-9)


def test_without_open_cases_the_gap_is_that_of_clustered_shares() -> None:
    rng = np.random.default_rng(15)
    n1, n2 = rng.integers(1, 30, 12), rng.integers(1, 30, 12)
    n1[3] = n2[7] = 0  # one seller each has cases of one side only
    k1, k2 = rng.binomial(n1, 0.6), rng.binomial(n2, 0.3)
    sides = [
        (
            np.full(4 * 12, 5),
            np.tile([1, 1, 2, 2], 12),
            np.repeat(np.arange(12), 4),
            np.ravel([k // 2, k - k // 2, n - k, 0 * n], "F"),
        )
        for k, n in ((k1, n1), (k2, n2))
    ]
    found, share = clustered_incidence_gap(*sides, at=5), stats.clustered_gap(k1, n1, k2, n2)
    assert (found.value, found.low, found.high) == pytest.approx((share.value, share.low, share.high), rel=1e-12)
    turned = clustered_incidence_gap(*sides[::-1], at=5)
    assert (turned.low, turned.high) == pytest.approx((-(found.high or 0), -(found.low or 0)), rel=1e-12)


def test_a_share_of_none_is_no_certainty_in_a_gap() -> None:
    some = ([1, 1, 1, 1, 2, 2], [1, 2, 1, 2, 1, 1], [1, 1, 2, 2, 3, 3])
    few, many = (([2] * n, [0] * n, [*range(1, 4)] * (n // 3)) for n in (6, 600))
    narrow, wide = clustered_incidence_gap(some, many, 2), clustered_incidence_gap(some, few, 2)
    assert narrow.value == wide.value == pytest.approx(2 / 3)
    assert wide.low is not None and narrow.low is not None and wide.high is not None and narrow.high is not None
    assert wide.low < narrow.low - 0.05 and wide.high == pytest.approx(narrow.high)  # only upwards: more may be used
    both = clustered_incidence_gap(few, ([2] * 6, [1] * 6, few[2]), 2)
    limit = stats.clustered_share([0] * 3, [2] * 3).high or 0  # of each, squared and added
    assert (both.value, both.low, both.high) == pytest.approx((-1, -1, -1 + limit * sqrt(2)))


def test_a_gap_needs_two_sellers_on_each_side_and_follow_up_on_both() -> None:
    one, two = ([1, 2], [1, 0], [0, 0]), ([1, 2, 2], [1, 0, 0], [0, 1, 1])
    assert clustered_incidence_gap(one, two, 2) == stats.Interval(pytest.approx(1 / 6), None, None)
    assert clustered_incidence_gap(two, two, 5) == stats.NOTHING
    assert clustered_incidence_gap(two, two, 2).value == 0


def test_the_gap_of_sellers_who_differ_is_covered_also_when_cases_are_still_open() -> None:
    # 16 sellers use what they are shown in a Beta of mean .45 and the rest in one of mean .25, both with a correlation
    # of .05 within a seller; who is strong in one is strong in the other. Ten cases a seller, watched 10 to 120 days.
    rng, truth = np.random.default_rng(20260401), (0.45 - 0.25) * (1 - exp(-30 / 20))
    covered = one_sided = 0
    for _ in range(WORLDS):
        rank = rng.random(16)
        sides = []
        for mean in (0.45, 0.25):
            n = rng.integers(10, 41, 16)
            seller = np.repeat(np.arange(16), n)
            chance = beta.ppf(rank, mean * 19, (1 - mean) * 19)[seller]
            true = np.where(rng.random(len(seller)) < chance, rng.exponential(20, len(seller)), np.inf)
            watched = rng.uniform(10, 120, len(seller))
            sides.append((np.minimum(true, watched), (true <= watched).astype(int), seller))
        covered += holds(clustered_incidence_gap(*sides, at=30), truth)
        alone = [clustered_incidence(*side, at=30) for side in sides]
        apart = sum(((s.high or 0) - (s.low or 0)) ** 2 for s in alone) ** 0.5 / 2
        one_sided += abs((alone[0].value or 0) - (alone[1].value or 0) - truth) <= apart
    assert at_least(0.95) <= covered <= at_most(0.95)
    assert one_sided > covered  # taking the sides for independent is too wide: what a seller does alike cancels out


# --- what a plain division hides --------------------------------------------------------------------------------------


def test_a_true_thirty_per_cent_is_recovered_where_a_plain_division_shows_twenty_three() -> None:
    # Leads of twelve months, 30 % ever convert, after 90 days on average (exponential); the export ends with the year.
    rng = np.random.default_rng(20260331)
    ever, lag = rng.random((WORLDS, 800)) < 0.3, rng.exponential(90, (WORLDS, 800))
    watched = rng.uniform(0, 365, (WORLDS, 800))
    went = ever & (lag <= watched)
    days = np.where(went, lag, watched)
    naive = went.mean(axis=1)
    assert naive.mean() == pytest.approx(0.3 * (1 - 90 / 365 * (1 - exp(-365 / 90))), abs=0.001)  # 22.7 %
    curves = [kaplan_meier(d, w) for d, w in zip(days, went, strict=True)]
    covered = sum(holds(c.at(min(365, c.last)), 0.3 * (1 - exp(-min(365, c.last) / 90))) for c in curves)
    by_division = sum(holds(stats.wilson(int(w.sum()), 800), 0.3 * (1 - exp(-365 / 90))) for w in went)
    assert covered >= at_least(0.95)
    assert by_division < at_least(0.95) / 10


def test_the_median_of_closed_deals_alone_is_21_days_where_it_is_60() -> None:
    # Exponential durations with median 60 days, opened over a window of 90 days and cut off at its end.
    rng = np.random.default_rng(20260331)
    true, watched = rng.exponential(60 / np.log(2), (WORLDS, 250)), rng.uniform(0, 90, (WORLDS, 250))
    days, closed = np.minimum(true, watched), true <= watched
    alone = [float(np.median(d[c])) for d, c in zip(days, closed, strict=True)]
    censored = [kaplan_meier(d, c) for d, c in zip(days, closed, strict=True)]
    assert np.mean(alone) == pytest.approx(21, abs=0.5)
    assert sum(holds(curve.at(60), 0.5) for curve in censored) >= at_least(0.95)
    medians = [median for curve in censored if (median := curve.quantile(0.5)) is not None]
    assert np.median(medians) == pytest.approx(58.5, abs=2)
