"""Does one thing go with another: differences within strata, scores that put hits first, and slopes."""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignlib.stats import NOTHING, Z95, Floats, Interval, floats, t95, wilson

_EPS = 1e-12
FEWEST_CLUSTERS = 8  # below this the variance between clusters is itself too unsure (few degrees of freedom)


@dataclass(frozen=True)
class Stratified:
    """How far do two groups differ within strata: the difference of their shares, and the ratio of their odds?"""

    difference: Interval
    odds_ratio: Interval


def mantel_haenszel(tables: ArrayLike) -> Stratified:
    """How far does the outcome differ between exposed and not, when only cases of the same stratum are compared?

    ``tables``: strata x 2 x 2 counts; rows exposed yes, no; columns outcome yes, no. The difference (exposed less not,
    -1 to 1) carries Sato's variance, which holds for few large and for many small strata; the odds ratio that of
    Robins, Breslow & Greenland, on the log scale. A stratum with one group only tells nothing and counts nowhere.
    Without spread within any stratum (all, none, full separation) there is a value and no limits; an odds ratio that
    would be infinite is nothing. It does not say whether strata differ from one another, nor what was not measured.
    Sources: Mantel & Haenszel 1959; Sato 1989; Robins, Breslow & Greenland 1986.

    >>> found = mantel_haenszel([[[8, 2], [5, 5]], [[30, 70], [20, 80]]])
    >>> round(found.difference.value, 4), round(found.odds_ratio.value, 4)
    (0.1182, 1.8667)
    """
    counts = np.asarray(tables, dtype=np.float64).reshape(-1, 2, 2)
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("counts must be known and not negative")
    counts = counts[(counts.sum(axis=2) > 0).all(axis=1)]
    if len(counts) == 0:
        return Stratified(NOTHING, NOTHING)
    return Stratified(_difference(counts), _odds_ratio(counts))


def _difference(counts: Floats) -> Interval:
    a, c = counts[:, 0, 0], counts[:, 1, 0]
    n1, n0 = counts[:, 0].sum(axis=1), counts[:, 1].sum(axis=1)
    n = n1 + n0
    weight = float((n1 * n0 / n).sum())
    value = float(((a * n0 - c * n1) / n).sum()) / weight
    p = float(((n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / n**2).sum())
    q = float(((a * (n0 - c) + c * (n1 - a)) / (2 * n)).sum())
    variance = (value * p + q) / weight**2
    if variance <= _EPS:
        return Interval(value, None, None)
    reach = Z95 * sqrt(variance)
    return Interval(value, max(value - reach, -1.0), min(value + reach, 1.0))


def _odds_ratio(counts: Floats) -> Interval:
    a, b, c, d = counts[:, 0, 0], counts[:, 0, 1], counts[:, 1, 0], counts[:, 1, 1]
    n = counts.sum(axis=(1, 2))
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    alike, unlike = float(r.sum()), float(s.sum())
    if unlike == 0:
        return NOTHING
    if alike == 0:
        return Interval(0.0, None, None)
    double = float(p @ r) / alike**2 + float(p @ s + q @ r) / (alike * unlike) + float(q @ s) / unlike**2
    reach = Z95 * sqrt(double / 2)  # of the logarithm
    return Interval(alike / unlike, alike / unlike * exp(-reach), alike / unlike * exp(reach))


def concordance(
    score: ArrayLike, hit: ArrayLike, clusters: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Interval:
    """How often has a hit the higher score than a miss, ties counted half (0.5: the score orders nothing)?

    One entry a case: its score (NaN does not count), whether it is a hit, the cluster that decided it (the seller; a
    whole number below 0: nobody, the case stands alone), its weight (1 without). The area under the ROC curve; Somers'
    D is twice this less 1. Limits on the logit scale: DeLong's variance, or with at least eight clusters the sums of
    the placement values of each and t with clusters - 1 degrees of freedom, because cases of one seller resemble one
    another. At full separation nothing spreads: Wilson's limits of all of the smaller class. Hits in one cluster only,
    one hit, or equal scores give a value without limits; one class gives nothing. It does not say how likely a hit is.
    Sources: DeLong, DeLong & Clarke-Pearson 1988; Obuchowski 1997 (clusters).

    >>> found = concordance([1, 2, 3, 3, 4, 5], [False, False, True, False, True, True])
    >>> round(found.value, 4), round(found.low, 4)
    (0.9444, 0.4746)
    """
    scores, hits = floats(score), np.asarray(hit).astype(bool).ravel()
    weight = np.ones(len(scores)) if weights is None else floats(weights)
    used = ~np.isnan(scores) & (weight > 0)
    scores, hits, weight = scores[used], hits[used], weight[used]
    fewer = int(min(hits.sum(), (~hits).sum()))
    if fewer == 0:
        return NOTHING
    place = np.empty(len(scores))
    place[hits] = _below(scores[hits], scores[~hits], weight[~hits])
    place[~hits] = 1 - _below(scores[~hits], scores[hits], weight[hits])
    value = float(np.average(place[hits], weights=weight[hits]))
    if not _EPS < value < 1 - _EPS:
        least = wilson(fewer, fewer).low or 0.0
        return Interval(1.0, least, 1.0) if value > 0.5 else Interval(0.0, 0.0, 1 - least)
    codes, freedom = _codes(None if clusters is None else np.asarray(clusters).ravel()[used], len(scores))
    variance = _placement_variance((place - value) * weight, weight, hits, codes)
    if variance is None or variance <= _EPS:
        return Interval(value, None, None)
    quantile = t95(freedom) if freedom else Z95
    reach, odds = quantile * sqrt(variance) / (value * (1 - value)), log(value / (1 - value))
    return Interval(value, 1 / (1 + exp(reach - odds)), 1 / (1 + exp(-reach - odds)))


def slopes(outcome: ArrayLike, predictors: ArrayLike, clusters: ArrayLike | None = None) -> list[Interval]:
    """By how much does the outcome change with one unit of each predictor, the others held equal?

    ``predictors``: cases x predictors, without a constant (it is added); nothing may be missing. Least squares; a yes
    or no as outcome (1, 0) gives a linear probability: points of share. Limits from the sandwich: with at least eight
    clusters the sums of each cluster (CR1) and t with clusters - 1 degrees of freedom, otherwise case by case (HC1) and
    t with cases - coefficients. Predictors that do not vary or repeat one another give nothing at all; too few
    cases, or cases without a residual, no limits. With a dozen clusters that differ in the predictor as well, limits
    hold the truth 92 times in 100. It does not say what is the cause.
    Sources: Liang & Zeger 1986; Cameron & Miller 2015 (CR1, degrees of freedom); White 1980.

    >>> [round(end, 3) for end in vars(slopes([0, 0, 1, 0, 1, 1], [[1], [2], [3], [4], [5], [6]])[0]).values()]
    [0.2, 0.083, 0.317]
    """
    y = floats(outcome)
    given = np.asarray(predictors, dtype=np.float64).reshape(len(y), -1)
    x = np.column_stack([np.ones(len(y)), given])
    cases, terms = x.shape
    if cases < terms or np.linalg.matrix_rank(x) < terms:
        return [NOTHING] * (terms - 1)
    inverse = np.linalg.inv(x.T @ x)
    found = inverse @ (x.T @ y)
    scores = x * (y - x @ found)[:, None]
    codes, freedom = _codes(clusters, cases)
    groups = int(codes.max()) + 1
    if cases == terms:
        return [Interval(float(value), None, None) for value in found[1:]]
    sums = np.column_stack([np.bincount(codes, column, groups) for column in scores.T])
    correction = groups / (groups - 1) * (cases - 1) / (cases - terms)
    errors = np.sqrt(np.diag(inverse @ (sums.T @ sums) @ inverse) * correction)
    quantile = t95(freedom or cases - terms)
    return [
        Interval(float(v), float(v - quantile * e), float(v + quantile * e))
        if e > _EPS
        else Interval(float(v), None, None)
        for v, e in zip(found[1:], errors[1:], strict=True)
    ]


def _codes(clusters: ArrayLike | None, cases: int) -> tuple[NDArray[np.int64], int]:
    """Which cluster is each case in, from 0 on, with how many degrees of freedom? 0: too few clusters, all alone."""
    given = np.full(cases, -1) if clusters is None else np.asarray(clusters).ravel()
    held = given >= 0 if given.dtype.kind == "i" else np.ones(cases, dtype=bool)
    names, known = np.unique(given[held], return_inverse=True)
    if len(names) < FEWEST_CLUSTERS:
        return np.arange(cases), 0
    codes = np.empty(cases, dtype=np.int64)
    codes[held], codes[~held] = known, len(names) + np.arange(int((~held).sum()))
    return codes, len(names) - 1


def _below(of: Floats, among: Floats, weight: Floats) -> Floats:
    """Which share of the weight of ``among`` lies below each of ``of``, ties counted half?"""
    order = np.argsort(among, kind="stable")
    ranked, sums = among[order], np.concatenate([[0.0], np.cumsum(weight[order])])
    at = sums[np.searchsorted(ranked, of, "left")] + sums[np.searchsorted(ranked, of, "right")]
    return np.asarray(at / (2 * sums[-1]), dtype=np.float64)


def _placement_variance(
    residuals: Floats, weight: Floats, hits: NDArray[np.bool_], codes: NDArray[np.int64]
) -> float | None:
    """Obuchowski's variance; with every case its own cluster it is DeLong's. None where a class has one cluster."""
    clusters = int(codes.max()) + 1
    sums, held = [], []
    for chosen in (hits, ~hits):
        sums.append(np.bincount(codes[chosen], residuals[chosen], clusters) / weight[chosen].sum())
        held.append(int((np.bincount(codes[chosen], minlength=clusters) > 0).sum()))
    if min(held) < 2:
        return None
    own = sum(m / (m - 1) * float(s @ s) for s, m in zip(sums, held, strict=True))
    variance = own + 2 * clusters / (clusters - 1) * float(sums[0] @ sums[1])
    return max(variance, 0.0)
