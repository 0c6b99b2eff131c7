"""Do answers belong together: items of a block, people of a team, rankings, labels? Numbers in, numbers out.

``items`` is always an array of people x items, NaN where nothing was answered, reverse-keyed items already turned.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import atanh, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtri

from alignlib.stats import NOTHING, Z95, Floats, Interval, floats

_EPS = 1e-9
_GROUPS, _SEED = 20_000, 20260331  # random groups behind a chance line: its share of 5 % is known to 0.15 points


def alpha(items: ArrayLike) -> Interval:
    """How far do the items of a block move together? Cronbach's alpha, from the items as they are (raw).

    At most 1, below 0 when items oppose one another. Each pair of items counts the people who answered both; the limits
    are Feldt's at 95 %, with everybody who answered anything. High alpha is not one dimension, and more items raise it.
    Nothing without two items, two people a pair and some variance, or where blanks make the pairs contradict each other
    (above 1); items that move as one have no limits. Sources: Cronbach 1951; Feldt, Woodruff & Salih 1987.

    >>> found = alpha([[1, 2], [2, 2], [4, 5], [5, 4], [3, float("nan")]])
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.991, 0.915, 0.999)
    """
    n, covariances, _ = _pairs(items)
    k = len(covariances)
    if k < 2 or np.isnan(covariances).any() or covariances.sum() <= _EPS:
        return NOTHING
    value = float(k / (k - 1) * (1 - np.trace(covariances) / covariances.sum()))
    if value > 1 - _EPS:
        return Interval(1.0, None, None) if value < 1 + _EPS else NOTHING
    return Interval(value, *(1 - (1 - value) * float(fdtri(n - 1, (n - 1) * (k - 1), p)) for p in (0.975, 0.025)))


def omega(items: ArrayLike) -> float | None:
    """Which share of the variance of a block's score is one common factor? McDonald's omega (total), one factor.

    At most 1. Items count as if each had variance 1, pairs as in ``alpha``, with the loadings that leave the smallest
    squared residual correlations (minres). No interval, and it takes one factor for granted. Two items do not identify
    their loadings: taken as equal, they give standardised alpha. None without two items, or when a correlation is not
    defined (an item without variance). Sources: McDonald 1999; Harman & Jones 1966 (minres).

    >>> round(omega([[1, 2, 1], [2, 2, 3], [4, 5, 4], [5, 4, 5], [3, 3, 2]]), 3)
    0.935
    """
    _, _, correlations = _pairs(items)
    total, k = float(correlations.sum()), len(correlations)
    if k < 2 or np.isnan(total) or total <= _EPS:
        return None
    common = np.full(2, correlations[0, 1]) if k == 2 else _loadings(correlations) ** 2
    return 1 - float((1 - common).sum()) / total


def item_rest(items: ArrayLike) -> list[Interval]:
    """How far does each item move with the rest of its block? One correlation an item, in the order of the items.

    -1 to 1; below 0 hints at an item that was not turned. The rest is the mean of the other items a person answered;
    who answered only this item does not count for it. Limits at 95 % by Fisher's z, from four people on.
    Nothing for an item, or a rest, without variance. Sources: Fisher 1921; Nunnally & Bernstein 1994 (corrected).

    >>> [round(item.value, 2) for item in item_rest([[1, 2, 3], [2, 2, 5], [4, 5, 1], [5, 4, 2]])]
    [0.22, 0.04, -0.78]
    """
    answers = np.atleast_2d(np.asarray(items, dtype=np.float64))
    answered = ~np.isnan(answers)
    others = answered.sum(axis=1, keepdims=True) - answered
    rests = (np.nansum(answers, axis=1, keepdims=True) - np.where(answered, answers, 0)) / np.maximum(others, 1)
    return [_correlation(answers[used, i], rests[used, i]) for i, used in enumerate((answered & (others > 0)).T)]


@dataclass(frozen=True)
class Within:
    """How far does a team agree with itself, beside what random answering would show at its size?

    ``sd`` and ``ad`` in points of the scale, ``r_wg`` 0 to 1. Agreement is more than chance when ``r_wg`` lies above
    ``chance_r_wg`` (``ad`` below ``chance_ad``): at most one random team in twenty does. None below two people.
    """

    n: int
    sd: float | None
    r_wg: float | None
    ad: float | None
    chance_r_wg: float | None
    chance_ad: float | None
    is_split: bool


def within(scores: ArrayLike, low: float = 1.0, high: float = 5.0, options: int = 5, items: int = 1) -> Within:
    """Does a team agree with itself, is that more than chance, and does it stand in two camps?

    ``scores``: one a person, NaN does not count; the mean of ``items`` answers on ``options`` steps from low to high.
    Random answering is each option equally likely and items independent: variance step² (options² - 1) / 12 / items.
    r_wg is 1 - variance / that, and 0 when the team differs more than random answers (it is not the bounded r*_wg);
    AD is the mean distance from the mean. Both chance lines come from 20,000 random teams of this size, seeded.
    With several items random answers average out: the yardstick is stricter than the one behind the usual .70.

    Two camps (this kit's own rule): on either side of the scale's middle, half a step or more from it, stand at least
    a quarter of the people and more than in between; and the best cut in two explains more of the variance than in 95 %
    of random teams answering one item (counted 0 without such sides). At five to ten people only clean camps are named.
    Raises ValueError for scores off the scale. Sources: James, Demaree & Wolf 1984; Burke, Finkelstein & Dusig 1999;
    Engelman & Hartigan 1969 (best cut).

    >>> team = within([4, 4, 5, 4, 4])
    >>> team.r_wg, team.ad, team.chance_r_wg, team.chance_ad, team.is_split
    (0.9, 0.32, 0.75, 0.48, False)
    """
    step = (high - low) / (options - 1)
    places = (floats(scores) - low) / step
    places = places[~np.isnan(places)]
    n = len(places)
    if n and (places.min() < -_EPS or places.max() > options - 1 + _EPS):
        raise ValueError(f"scores must lie between {low:g} and {high:g}")
    if n < 2:
        return Within(n, None, None, None, None, None, False)
    values, people = np.unique(places, return_counts=True)
    team = people[None, :].astype(np.float64)
    r_wg, ad = (float(found[0]) for found in _agreement(team, values, options, items))
    chance_r_wg, chance_ad = _chance(n, options, items)
    cut = _best_cut(team, values, options)[0]
    is_split = bool(cut and cut > _chance_cut(n, options) + _EPS)  # chance is drawn only where there are two sides
    ad, chance_ad = round(ad * step, 12), round(chance_ad * step, 12)  # the last bit lifts no team over a line
    return Within(n, float(places.std(ddof=1)) * step, r_wg, ad, chance_r_wg, chance_ad, is_split)


def kendall_w(ranks: ArrayLike) -> float | None:
    """How far do people put the same things in the same order (0 not at all, 1 the same order)? Kendall's W.

    ``ranks``: people x things; each row is ranked anew (ties share their mean rank and are corrected for), so scores
    may be given as well. Who did not rank everything does not count. It does not say whether the order is right.
    None without two people and two things, or when everybody ties everything. Source: Kendall & Babington Smith 1939.

    >>> round(kendall_w([[1, 2, 3], [1, 2, 3], [1, 3, 2]]), 4)
    0.7778
    """
    given = np.atleast_2d(np.asarray(ranks, dtype=np.float64))
    given = given[~np.isnan(given).any(axis=1)]
    if min(given.shape) < 2:
        return None
    placed = (
        np.sign(given[:, :, None] - given[:, None, :]).sum(axis=2) / 2
    )  # ranks, less the mean rank; ties share theirs
    most = len(given) * float((placed**2).sum())  # the sum of squares if all agreed; tied ranks have less of it
    return float((placed.sum(axis=0) ** 2).sum()) / most if most > _EPS else None


def cohen_kappa(a: ArrayLike, b: ArrayLike) -> Interval:
    """How far do two readers sort the same things alike, beyond what their own habits would give by chance?

    ``a`` and ``b``: one label a thing, in the same order; what has no label needs a word of its own. Cohen's kappa: 1
    all alike, 0 as chance, below 0 less than chance. Limits by the large-sample variance, cut at -1 and 1: rough below
    about 20 things. All alike gives 1 without limits; one label throughout gives nothing, for chance then explains
    everything. It does not say who is right. Sources: Cohen 1960; Fleiss, Cohen & Everitt 1969 (variance).

    >>> found = cohen_kappa(list("aaaabbbbcc"), list("aaabbbbbca"))
    >>> round(found.value, 4), round(found.low, 4)
    (0.6774, 0.2908)
    """
    first, second = np.asarray(a, dtype=str).ravel(), np.asarray(b, dtype=str).ravel()
    if len(first) != len(second):
        raise ValueError("two readers must have sorted the same things")
    n, (labels, codes) = len(first), np.unique(np.concatenate([first, second]), return_inverse=True)
    k = len(labels)
    if k < 2:
        return NOTHING
    p = np.bincount(codes[:n] * k + codes[n:], minlength=k * k).reshape(k, k) / n
    rows, columns, alike = p.sum(axis=1), p.sum(axis=0), np.trace(p)
    chance = float(rows @ columns)
    value = float((alike - chance) / (1 - chance))
    share = (columns[:, None] + rows[None, :]) * (1 - alike)  # what the habits behind each cell tell, by the formula
    terms = np.where(np.eye(k, dtype=bool), (1 - chance - share) ** 2, share**2)
    variance = float((p * terms).sum() - (alike * chance - 2 * chance + alike) ** 2) / (n * (1 - chance) ** 4)
    if variance <= _EPS:
        return Interval(value, None, None)
    reach = Z95 * sqrt(variance)
    return Interval(value, max(value - reach, -1.0), min(value + reach, 1.0))


def _pairs(items: ArrayLike) -> tuple[int, Floats, Floats]:
    """People who answered anything; covariances and correlations by pairs of items, as R's cov(use = "pairwise")."""
    answers = np.atleast_2d(np.asarray(items, dtype=np.float64))
    answered = (~np.isnan(answers)).astype(np.float64)
    n = answered.T @ answered
    centred = np.where(answered > 0, answers - np.nansum(answers, axis=0) / np.maximum(np.diag(n), 1), 0.0)
    sums, own = centred.T @ answered, (centred**2).T @ answered
    # A pair has its own people, so its own means and variances: the sums over those who answered the other item too.
    products = centred.T @ centred - sums * sums.T / np.maximum(n, 1)
    squares = own - sums**2 / np.maximum(n, 1)
    spread = np.sqrt(np.where(squares > _EPS, squares, np.nan))
    covariances = np.where(n > 1, products / np.maximum(n - 1, 1), np.nan)
    return int(answered.any(axis=1).sum()), covariances, products / (spread * spread.T)


def _loadings(correlations: Floats) -> Floats:
    """Item after item the loading that fits its own row best, from the first principal axis on, until none moves."""
    roots, axes = np.linalg.eigh(correlations)
    loadings = np.asarray(axes[:, -1] * sqrt(roots[-1]), dtype=np.float64)
    rows, bound = correlations - np.diag(np.diag(correlations)), sqrt(0.995)  # no item counts as free of error
    for _ in range(1_000):
        before = loadings.copy()
        for i, row in enumerate(rows):
            best = row @ loadings / max(loadings @ loadings - loadings[i] ** 2, _EPS)
            loadings[i] = min(max(best, -bound), bound)
        if np.abs(loadings - before).max() < 1e-10:
            break
    return loadings


def _correlation(x: Floats, y: Floats) -> Interval:
    if len(x) < 2 or x.std() <= _EPS or y.std() <= _EPS:
        return NOTHING
    r = float(np.corrcoef(x, y)[0, 1])
    if len(x) < 4 or abs(r) > 1 - _EPS:
        return Interval(r, None, None)
    reach = Z95 / sqrt(len(x) - 3)
    return Interval(r, tanh(atanh(r) - reach), tanh(atanh(r) + reach))


def _agreement(groups: Floats, values: Floats, options: int, items: int) -> tuple[Floats, Floats]:
    """r_wg and AD of groups, real or random: people counted at each value, values from 0 in steps of the scale."""
    n = groups.sum(axis=1)
    away = values - (groups @ values / n)[:, None]
    variance, ad = (groups * away**2).sum(axis=1) / (n - 1), (groups * np.abs(away)).sum(axis=1) / n
    return np.maximum(1 - variance / ((options**2 - 1) / 12 / items), 0).round(12), ad.round(12)


def _best_cut(groups: Floats, values: Floats, options: int) -> Floats:
    """Which share of its variance does the best cut in two explain, where both sides of the scale are peopled?"""
    n, from_middle = groups.sum(axis=1, keepdims=True), values - (options - 1) / 2
    left, right = (groups[:, side >= 0.5 - _EPS].sum(axis=1) for side in (-from_middle, from_middle))
    fewer = np.minimum(left, right)
    peopled = (4 * fewer >= n[:, 0]) & (n[:, 0] - left - right < fewer)
    away = values - groups @ values[:, None] / n
    below, sums = groups.cumsum(axis=1)[:, :-1], (groups * away).cumsum(axis=1)[:, :-1]
    between = (n * sums**2 / np.maximum(below * (n - below), 1)).max(axis=1, initial=0)
    return np.where(peopled, between / np.maximum((groups * away**2).sum(axis=1), _EPS), 0.0)


def _random_groups(n: int, options: int, items: int) -> tuple[Floats, Floats]:
    odds = one = np.full(options, 1 / options)
    for _ in range(items - 1):
        odds = np.convolve(odds, one)
    groups = np.random.default_rng(_SEED).multinomial(n, odds / odds.sum(), _GROUPS)
    return groups.astype(np.float64), np.arange(len(odds)) / items


@lru_cache(maxsize=1_024)
def _chance(n: int, options: int, items: int) -> tuple[float, float]:
    r_wg, ad = _agreement(*_random_groups(n, options, items), options, items)
    lines = (np.quantile(r_wg, 0.95, method="inverted_cdf"), np.quantile(ad, 0.05, method="inverted_cdf"))
    return float(lines[0]), float(lines[1])


@lru_cache(maxsize=1_024)
def _chance_cut(n: int, options: int) -> float:
    return float(np.quantile(_best_cut(*_random_groups(n, options, 1), options), 0.95, method="inverted_cdf"))
