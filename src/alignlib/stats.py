"""How sure are we: intervals for shares, means and gaps, each with its source. Numbers in, numbers out."""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtri, stdtrit

Floats = NDArray[np.float64]
Level = Literal["act", "watch", "good", "unclear"]
CORRELATION = 0.05  # within clusters (sellers, say), where the data show none: see ``clustered_share``
_EPS = 1e-12
Z95 = float(ndtri(0.975))  # intervals are two-sided ones at 95 %, where nothing else is said


@dataclass(frozen=True)
class Interval:
    """Which value was found, and between which limits does the truth plausibly lie?

    ``value`` is None when nothing was observed; ``low`` and ``high`` are None when there is a value and no interval
    (one observation, no spread).
    """

    value: float | None
    low: float | None
    high: float | None


NOTHING = Interval(None, None, None)


def wilson(k: float, n: float) -> Interval:
    """Which share of ``n`` is ``k``, and how sure is that? Source: Wilson 1927 (score limits, no correction).

    >>> round(wilson(0, 10).high, 4)
    0.2775
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return NOTHING
    p, spread = k / n, Z95 * sqrt(k / n * (1 - k / n) / n + Z95 * Z95 / (4 * n * n))
    centre, scale = p + Z95 * Z95 / (2 * n), 1 + Z95 * Z95 / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Interval(p, 0.0 if k == 0 else low, 1.0 if k == n else high)


def newcombe(k1: int, n1: int, k2: int, n2: int) -> Interval:
    """How much larger is the first share than the second? Source: Newcombe 1998, method 10 (Wilson limits squared).

    >>> gap = newcombe(56, 70, 48, 80)
    >>> round(gap.low, 4), round(gap.high, 4)
    (0.0524, 0.3339)
    """
    a, b = wilson(k1, n1), wilson(k2, n2)
    if a.value is None or a.low is None or a.high is None or b.value is None or b.low is None or b.high is None:
        return NOTHING
    gap = a.value - b.value
    below = sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    above = sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Interval(gap, gap - below, gap + above)


def clustered_share(k: ArrayLike, n: ArrayLike, alone: tuple[int, int] = (0, 0)) -> Interval:
    """Which share do clusters (sellers, say) reach together, when cases of one cluster resemble one another?

    ``k`` and ``n``: one entry a cluster; clusters without cases do not count. ``alone``: hits and cases that belong to
    no cluster, each by itself (leads that nobody holds). Ratio of sums, linearised variance between clusters, t with
    clusters - 1 degrees of freedom on the logit scale, so the limits stay within 0 and 1. One cluster gives a value and
    no interval. All or none shows no spread, and is no proof that clusters do not differ: Wilson's limits on the
    effective number of cases n / (1 + .05 (m - 1)), m the mean size of the cluster of a case and .05 the intra-class
    correlation taken. Cases all alone, and clusters of one and the same share, give Wilson's limits.
    Sources: Cochran 1977, sections 6.3 and 11.8; Korn & Graubard 1999, section 2.5 (logit limits); Kish 1965, 5.4.

    >>> round(clustered_share([0] * 4, [10] * 4).high, 3), round(wilson(0, 40).high, 3)
    (0.122, 0.088)
    """
    hits, cases = floats(k), floats(n)
    hits, cases = hits[cases > 0], cases[cases > 0]
    clusters, total = len(cases), float(cases.sum()) + alone[1]
    if total == 0:
        return NOTHING
    share = float(hits.sum() + alone[0]) / total
    if clusters == 1:
        return Interval(share, None, None)
    if share in (0.0, 1.0):
        effective = total / (1 + ((float(cases @ cases) + alone[1]) / total - 1) * CORRELATION)
        return wilson(share * effective, effective)
    if clusters == 0:
        return wilson(*alone)
    residuals = hits - share * cases
    se = sqrt(clusters / (clusters - 1) * float(residuals @ residuals) + _singly(share, *alone)) / total
    if se <= _EPS:  # every cluster has the same share: that is no certainty
        return wilson(round(share * total), round(total))
    reach = t95(clusters - 1) * se / (share * (1 - share))
    odds = log(share / (1 - share))
    return Interval(share, 1 / (1 + exp(reach - odds)), 1 / (1 + exp(-reach - odds)))


def clustered_gap(
    k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike,
    alone1: tuple[int, int] = (0, 0), alone2: tuple[int, int] = (0, 0),
) -> Interval:  # fmt: skip
    """How much larger is the first share than the second, when the same clusters (sellers) decide cases of both?

    One entry a cluster in each, clusters in the same order, 0 where one has no cases; ``alone`` as in
    ``clustered_share``. Difference of two ratios of sums, linearised variance between clusters (so what a seller does
    alike in both cancels out), t with the fewer clusters of the two, less 1, degrees of freedom. Fewer than two
    clusters on a side give a value and no interval; where clusters show no spread, Newcombe's limits.
    Source: Cochran 1977, section 6.19 (difference of two ratios of one sample).

    >>> gap = clustered_gap([6, 3, 9], [10, 10, 20], [2, 2, 5], [10, 10, 10])
    >>> round(gap.value, 4), round(gap.low, 4), round(gap.high, 4)
    (0.15, -0.3631, 0.6631)
    """
    hits, cases = (np.stack([floats(a), floats(b)]) for a, b in ((k1, k2), (n1, n2)))
    clusters, single = (cases > 0).sum(axis=1), np.array([alone1, alone2], dtype=np.float64)
    k, n = hits.sum(axis=1) + single[:, 0], cases.sum(axis=1) + single[:, 1]
    if not n.all():
        return NOTHING
    gap = float(k[0] / n[0] - k[1] / n[1])
    if clusters.min() < 2:
        return Interval(gap, None, None)
    parts = (hits - (k / n)[:, None] * cases) / n[:, None]
    moved, among = parts[0] - parts[1], int((cases.sum(axis=0) > 0).sum())
    singly = sum(_singly(k[i] / n[i], *single[i]) / n[i] ** 2 for i in (0, 1))
    se = sqrt(among / (among - 1) * float(moved @ moved) + singly)
    if se <= _EPS:
        return newcombe(round(k[0]), round(n[0]), round(k[1]), round(n[1]))
    reach = t95(int(clusters.min()) - 1) * se
    return Interval(gap, max(gap - reach, -1.0), min(gap + reach, 1.0))


def alike(k: ArrayLike, n: ArrayLike) -> float | None:
    """How probable are shares that differ at least so much, were they all the same? The p of a chi-squared test.

    ``k`` of ``n``: one entry a group. It looks at all groups at once, so that the widest difference among many is no
    proof by itself. None with fewer than two groups, or when all or none are hits. Source: Pearson 1900.

    >>> round(alike([83, 90, 129, 70], [86, 93, 136, 82]), 6)
    0.005585
    """
    hits, cases = floats(k), floats(n)
    hits, cases = hits[cases > 0], cases[cases > 0]
    share = hits.sum() / max(cases.sum(), 1)
    if len(cases) < 2 or not 0 < share < 1:
        return None
    return float(chdtrc(len(cases) - 1, ((hits - share * cases) ** 2 / (share * (1 - share) * cases)).sum()))


def mean_interval(a: ArrayLike, least: float = 0.0) -> Interval:
    """What is the mean, and how sure is it? Student's t (1908). For ``least`` see ``welch``."""
    values = floats(a)
    if len(values) == 0:
        return NOTHING
    mean, variance = float(values.mean()), _variance(values, least)
    if variance is None:
        return Interval(mean, None, None)
    reach = t95(len(values) - 1) * sqrt(variance / len(values))
    return Interval(mean, mean - reach, mean + reach)


def welch(a: ArrayLike, b: ArrayLike, least: tuple[float, float] = (0.0, 0.0)) -> Interval:
    """How much larger is the mean of ``a`` than that of ``b``, without assuming equal spread? Source: Welch 1947.

    ``least`` is the smallest variance that each group counts with: answers that are all equal are no proof of
    certainty, and limits that show it would tell what everybody answered. Without it, no spread is no interval.
    """
    x, y = floats(a), floats(b)
    if len(x) == 0 or len(y) == 0:
        return NOTHING
    gap = float(x.mean() - y.mean())
    vx, vy = _variance(x, least[0]), _variance(y, least[1])
    if vx is None or vy is None:
        return Interval(gap, None, None)
    ex, ey = vx / len(x), vy / len(y)
    freedom = (ex + ey) ** 2 / (ex**2 / (len(x) - 1) + ey**2 / (len(y) - 1))
    reach = t95(freedom) * sqrt(ex + ey)
    return Interval(gap, gap - reach, gap + reach)


def cliff(a: ArrayLike, b: ArrayLike) -> Interval:
    """How often does one of ``a`` stand above one of ``b``, less how often below (-1 to 1)? Cliff's delta.

    Unbiased variance with its floor, asymmetric limits on the t quantile with n + m - 2 degrees of freedom. At full
    separation the variance is 0 and the limit towards 0 is (s - t²)/(s + t²), s the smaller group.
    Fewer than two on a side gives no interval. Sources: Cliff 1996; Feng & Cliff 2004.

    >>> cliff([3, 4, 5, 5], [1, 2, 2, 4]).value
    0.8125
    """
    x, y = np.sort(floats(a)), np.sort(floats(b))
    n, m = len(x), len(y)
    if n == 0 or m == 0:
        return NOTHING
    below, above = np.searchsorted(y, x, "left"), m - np.searchsorted(y, x, "right")
    rows = (below - above) / m
    columns = (n - np.searchsorted(x, y, "right") - np.searchsorted(x, y, "left")) / n
    delta = float(rows.mean())
    if n < 2 or m < 2:
        return Interval(delta, None, None)
    t = t95(n + m - 2)
    if abs(delta) > 1 - _EPS:
        limit = (min(n, m) - t * t) / (min(n, m) + t * t)
        return Interval(delta, limit, 1.0) if delta > 0 else Interval(delta, -1.0, -limit)
    cells = float((below + above).sum()) - n * m * delta**2
    spread = m * m * float(((rows - delta) ** 2).sum()) + n * n * float(((columns - delta) ** 2).sum()) - cells
    variance = max(spread / (n * m * (n - 1) * (m - 1)), (1 - delta**2) / (n * m - 1))
    reach = t * sqrt(variance) * sqrt((1 - delta**2) ** 2 + t * t * variance)
    scale = 1 - delta**2 + t * t * variance
    low, high = (delta - delta**3 - reach) / scale, (delta - delta**3 + reach) / scale
    return Interval(delta, max(low, -1.0), min(high, 1.0))


def total_variation(a: ArrayLike, b: ArrayLike) -> float:
    """Which part of one distribution would have to move to make it the other (0 the same, 1 nothing shared)?

    ``a`` and ``b`` are amounts or counts over the same categories; each is divided by its own sum.

    >>> total_variation([50, 50, 0], [25, 50, 25])
    0.25
    """
    x, y = floats(a), floats(b)
    if x.shape != y.shape or (x < 0).any() or (y < 0).any() or x.sum() <= 0 or y.sum() <= 0:
        raise ValueError("two sets of amounts over the same categories, none negative, each with a sum above 0")
    return float(np.abs(x / x.sum() - y / y.sum()).sum() / 2)


@dataclass(frozen=True)
class Composition:
    """Which share of a whole lies in each category, how sure is that, found in how many cases (0: all is known)?"""

    shares: Floats
    covariance: Floats
    cases: int


def composition(parts: ArrayLike, weights: ArrayLike, squares: ArrayLike, cases: int) -> Composition:
    """Which share of all weight lies in each category, when a case may belong to several of them in parts?

    One row a group of cases that divide alike: ``parts`` (groups x categories, rows sum to 1), the sum of the weights
    of its cases and of their squares (0 where all is known). Linearised variance of a ratio (Cochran 1977, 6.3), with
    3.84 average cases more, spread evenly: a category not seen is no certainty (Agresti & Coull 1998).
    """
    v, w, w2 = np.asarray(parts, dtype=np.float64), floats(weights), floats(squares)
    shares = w @ v / w.sum()
    off, even = v - shares, np.eye(len(shares)) - shares
    added = Z95**2 * (w.sum() / cases) ** 2 / len(shares) if cases else 0.0
    spread = (off.T * w2) @ off * cases / max(cases - 1, 1) + added * even.T @ even
    return Composition(shares, spread / w.sum() ** 2, cases)


def distance(a: Composition, b: Composition, seed: int = 20260331) -> Interval:
    """Which part of one composition would have to move to make it the other, when one or both are samples?

    The total variation found, which chance alone moves up. The lower limit takes off the 97.5 % point of half the
    summed absolute sampling errors, 2,000 multiplier draws (van der Vaart & Wellner 1996, 2.9): by the triangle
    inequality they move it no further. The upper adds 1.96 standard errors of the share in the categories where ``a``
    is larger. Both hold down to a distance of 0, where an ordinary bootstrap fails (Fang & Santos 2019). No limits:
    nothing is a sample, or one case.
    """
    gap, covariance = a.shares - b.shares, a.covariance + b.covariance
    apart, sides = float(np.abs(gap).sum() / 2), np.sign(gap)
    if 1 in (a.cases, b.cases) or not covariance.any():
        return Interval(apart, None, None)
    sizes, axes = np.linalg.eigh(covariance)
    draws = np.random.default_rng(seed).standard_normal((2_000, len(gap))) * np.sqrt(sizes.clip(0))
    down = float(np.quantile(np.abs(draws @ axes.T).sum(axis=1) / 2, 0.975))
    up = Z95 * sqrt(max(float(sides @ covariance @ sides), 0.0)) / 2
    return Interval(apart, max(apart - down, 0.0), min(apart + up, 1.0))


def judge(
    value: float | None, low: float | None, high: float | None, limit: float | None,
    direction: Literal["at_least", "at_most", "equals"], beyond: Literal["act", "watch"] = "act",
) -> Level:  # fmt: skip
    """On which side of the agreed limit does a measure lie: wholly beyond, wholly short of it, or across?

    A counted measure (no interval) is judged by its value. No limit or no value is ``unclear``, never ``good``.

    >>> judge(0.45, 0.41, 0.50, 0.70, "at_least"), judge(0.68, 0.6, 0.75, 0.70, "at_least")
    ('act', 'unclear')
    """
    if value is None or limit is None:
        return "unclear"
    lowest, highest = (value if low is None else low), (value if high is None else high)
    above, below = lowest > limit, highest < limit
    if {"at_most": above, "at_least": below, "equals": above or below}[direction]:
        return beyond
    kept = {"at_most": highest <= limit, "at_least": lowest >= limit, "equals": lowest == highest == limit}
    return "good" if kept[direction] else "unclear"


def floats(values: ArrayLike) -> Floats:
    """Which numbers are these, one after another?"""
    return np.asarray(values, dtype=np.float64).ravel()


def _singly(share: float, hits: float, cases: float) -> float:
    """The squared distances from the share of cases that stand alone."""
    return float(hits * (1 - share) ** 2 + (cases - hits) * share**2)


def t95(freedom: float) -> float:
    """How many standard errors does a limit lie off, with so many degrees of freedom? ``Z95`` with endless many."""
    return float(stdtrit(freedom, 0.975))


def _variance(values: Floats, least: float) -> float | None:
    """Two passes, never a sum of squares: NIST's NumAcc4 gives NaN otherwise."""
    if len(values) < 2:
        return None
    variance = max(float(values.var(ddof=1)), least)
    return variance if variance > _EPS else None
