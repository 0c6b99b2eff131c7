"""How sure are we: intervals for shares, means, gaps and durations, each with its source. Numbers in, numbers out."""

from dataclasses import dataclass, replace
from math import exp, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

Floats = NDArray[np.float64]
Level = Literal["act", "watch", "good", "unclear"]
_EPS = 1e-12
_Z = float(ndtri(0.975))  # every interval of this module is a two-sided one at 95 %


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


def wilson(k: int, n: int) -> Interval:
    """Which share of ``n`` is ``k``, and how sure is that? Source: Wilson 1927 (score limits, no correction).

    >>> round(wilson(0, 10).high, 4)
    0.2775
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return NOTHING
    p, spread = k / n, _Z * sqrt(k / n * (1 - k / n) / n + _Z * _Z / (4 * n * n))
    centre, scale = p + _Z * _Z / (2 * n), 1 + _Z * _Z / n
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


def clustered_share(k: ArrayLike, n: ArrayLike) -> Interval:
    """Which share do clusters (sellers, say) reach together, when cases of one cluster resemble one another?

    ``k`` and ``n``: one entry a cluster; clusters without cases do not count. Ratio of sums, linearised variance
    between clusters, t with clusters - 1 degrees of freedom on the logit scale, so the limits stay within 0 and 1.
    One cluster gives a value and no interval; all or none gives Wilson's limits, for clusters then show no spread.
    Sources: Cochran 1977, sections 6.3 and 11.8; Korn & Graubard 1999, section 2.5 (logit limits).
    """
    hits, cases = _floats(k), _floats(n)
    hits, cases = hits[cases > 0], cases[cases > 0]
    clusters, total = len(cases), float(cases.sum())
    if clusters == 0:
        return NOTHING
    share = float(hits.sum()) / total
    if clusters == 1:
        return Interval(share, None, None)
    if share in (0.0, 1.0):
        return wilson(round(hits.sum()), round(total))
    residuals = hits - share * cases
    se = sqrt(clusters / (clusters - 1) * float(residuals @ residuals)) / total
    reach = _t(clusters - 1) * se / (share * (1 - share))
    odds = log(share / (1 - share))
    return Interval(share, 1 / (1 + exp(reach - odds)), 1 / (1 + exp(-reach - odds)))


def mean_interval(a: ArrayLike, least: float = 0.0) -> Interval:
    """What is the mean, and how sure is it? Student's t (1908). For ``least`` see ``welch``."""
    values = _floats(a)
    if len(values) == 0:
        return NOTHING
    mean, variance = float(values.mean()), _variance(values, least)
    if variance is None:
        return Interval(mean, None, None)
    reach = _t(len(values) - 1) * sqrt(variance / len(values))
    return Interval(mean, mean - reach, mean + reach)


def welch(a: ArrayLike, b: ArrayLike, least: tuple[float, float] = (0.0, 0.0)) -> Interval:
    """How much larger is the mean of ``a`` than that of ``b``, without assuming equal spread? Source: Welch 1947.

    ``least`` is the smallest variance that each group counts with: answers that are all equal are no proof of
    certainty, and limits that show it would tell what everybody answered. Without it, no spread is no interval.
    """
    x, y = _floats(a), _floats(b)
    if len(x) == 0 or len(y) == 0:
        return NOTHING
    gap = float(x.mean() - y.mean())
    vx, vy = _variance(x, least[0]), _variance(y, least[1])
    if vx is None or vy is None:
        return Interval(gap, None, None)
    ex, ey = vx / len(x), vy / len(y)
    freedom = (ex + ey) ** 2 / (ex**2 / (len(x) - 1) + ey**2 / (len(y) - 1))
    reach = _t(freedom) * sqrt(ex + ey)
    return Interval(gap, gap - reach, gap + reach)


def cliff(a: ArrayLike, b: ArrayLike) -> Interval:
    """How often does one of ``a`` stand above one of ``b``, less how often below (-1 to 1)? Cliff's delta.

    Unbiased variance with its floor, asymmetric limits on the t quantile with n + m - 2 degrees of freedom. At full
    separation the variance is 0 and the limit towards 0 is (s - t²)/(s + t²), s the smaller group.
    Fewer than two on a side gives no interval. Sources: Cliff 1996; Feng & Cliff 2004.

    >>> cliff([3, 4, 5, 5], [1, 2, 2, 4]).value
    0.8125
    """
    x, y = np.sort(_floats(a)), np.sort(_floats(b))
    n, m = len(x), len(y)
    if n == 0 or m == 0:
        return NOTHING
    below, above = np.searchsorted(y, x, "left"), m - np.searchsorted(y, x, "right")
    rows = (below - above) / m
    columns = (n - np.searchsorted(x, y, "right") - np.searchsorted(x, y, "left")) / n
    delta = float(rows.mean())
    if n < 2 or m < 2:
        return Interval(delta, None, None)
    t = _t(n + m - 2)
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


@dataclass(frozen=True)
class Incidence:
    """Which share has ended by which day, and in which way, when some are still open?

    ``days`` are 0 and the days on which something ended; ``share`` and its standard error ``se`` hold one array a way
    of ending. ``none`` is the share for which nothing had ended. Sorted days, one a case: ``entries`` and ``exits`` say
    when it was watched, ``ended`` when it ended.
    """

    days: Floats
    share: dict[int, Floats]
    se: dict[int, Floats]
    none: Floats
    entries: Floats
    exits: Floats
    ended: Floats

    @property
    def last(self) -> float:
        """What is the longest follow-up, in days? Nothing is known beyond it."""
        return float(self.exits[-1]) if len(self.exits) else 0.0

    def at_risk(self, day: ArrayLike) -> NDArray[np.int64]:
        """How many cases were watched on this day and had not ended before it?"""
        entered, left = np.searchsorted(self.entries, day, "left"), np.searchsorted(self.exits, day, "left")
        return np.asarray(entered - left, dtype=np.int64)

    def known(self, day: ArrayLike) -> NDArray[np.int64]:
        """Of how many cases is it known whether they had ended before this day?"""
        return self.at_risk(day) + np.searchsorted(self.ended, day, "left")

    def at(self, day: float, cause: int = 1) -> Interval:
        """Which share has ended in this way by this day? Nothing beyond the longest follow-up, unless all had ended."""
        if len(self.exits) == 0 or (day > self.last and self.none[-1] > _EPS):
            return NOTHING
        place = max(int(np.searchsorted(self.days, day, "right")) - 1, 0)
        if cause not in self.share or self.share[cause][place] <= _EPS:
            return wilson(0, int(self.known(day)))
        share, se = self.share[cause][place], self.se[cause][place]
        if share >= 1 - _EPS:
            return Interval(float(share), 1 - (wilson(0, int(self.known(self.days[place]))).high or 1.0), 1.0)
        reach = _Z * se / abs((1 - share) * np.log(1 - share))
        low, high = (1 - np.power(1 - share, np.exp(end)) for end in (-reach, reach))
        return Interval(float(share), float(low), float(high))

    def quantile(self, p: float, cause: int = 1) -> float | None:
        """On which day had a share ``p`` ended in this way? None: not reached while anybody was watched."""
        reached = self.share.get(cause, np.zeros(0)) >= p - _EPS
        return float(self.days[int(np.argmax(reached))]) if reached.any() else None


def incidence(days: ArrayLike, outcome: ArrayLike, entry: ArrayLike | None = None) -> Incidence:
    """Which share ends in each way by each day, when ways compete and some cases are still open?

    ``days``: how long each case was watched. ``outcome``: 0 still open (censored), 1, 2, ... the way it ended.
    ``entry``: the day from which a case was watched (left truncation); a case that leaves no later than it enters is
    never watched and counts nowhere. An open case counts as watched on its last day. 1 - Kaplan-Meier of one way is
    *not* this share: it pretends that the other ways do not exist.
    Limits: delta-method variance on the log(-log(1 - share)) scale; where the share is 0 or 1, Wilson's limits on the
    cases known then (still watched, or ended).
    Raises ValueError for negative or missing days. Sources: Aalen & Johansen 1978; Marubini & Valsecchi 1995, 10.3.
    """
    exits, ends = _floats(days), np.asarray(outcome, dtype=int)
    entries = np.full(len(exits), -np.inf) if entry is None else _floats(entry)
    if not np.isfinite(exits).all() or (exits < 0).any():
        raise ValueError("days must be recorded and not negative")
    entries = np.where(entries <= 0, -np.inf, entries)
    watched = entries < exits
    exits, ends, entries = exits[watched], ends[watched], entries[watched]
    causes = sorted({int(cause) for cause in ends if cause > 0})
    grid = np.unique(np.concatenate([[0.0], exits[ends > 0]]))
    watch = np.sort(entries), np.sort(exits), np.sort(exits[ends > 0])
    found = Incidence(grid, {}, {}, np.ones(len(grid)), *watch)
    n = np.maximum(found.at_risk(grid), 1).astype(np.float64)
    ended = {c: _floats(np.bincount(np.searchsorted(grid, exits[ends == c]), minlength=len(grid))) for c in causes}
    total = _floats(np.sum(list(ended.values()), axis=0) + np.zeros(len(grid)))
    none = _floats(np.cumprod(1 - total / n))
    before = np.concatenate([[1.0], none[:-1]])
    share = {c: np.cumsum(before * d / n) for c, d in ended.items()}
    se = {c: _incidence_se(share[c], before, ended[c], total, n) for c in causes}
    return replace(found, share=share, se=se, none=none)


def kaplan_meier(days: ArrayLike, ended: ArrayLike, entry: ArrayLike | None = None) -> Incidence:
    """Which share has ended by each day, whichever way, open cases counted for as long as they were watched?

    One way of ending: ``none`` is the Kaplan-Meier curve, its complement the incidence, limits on the log(-log) scale.
    Sources: Kaplan & Meier 1958; Greenwood 1926 (variance).

    >>> kaplan_meier([5, 8, 8, 12], [True, True, False, False]).quantile(0.5)
    8.0
    """
    return incidence(days, np.asarray(ended).astype(bool).astype(int), entry)


def total_variation(a: ArrayLike, b: ArrayLike) -> float:
    """Which part of one distribution would have to move to make it the other (0 the same, 1 nothing shared)?

    ``a`` and ``b`` are amounts or counts over the same categories; each is divided by its own sum.

    >>> total_variation([50, 50, 0], [25, 50, 25])
    0.25
    """
    x, y = _floats(a), _floats(b)
    if x.shape != y.shape or (x < 0).any() or (y < 0).any() or x.sum() <= 0 or y.sum() <= 0:
        raise ValueError("two sets of amounts over the same categories, none negative, each with a sum above 0")
    return float(np.abs(x / x.sum() - y / y.sum()).sum() / 2)


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


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64).ravel()


def _t(freedom: float) -> float:
    return float(stdtrit(freedom, 0.975))


def _variance(values: Floats, least: float) -> float | None:
    """Two passes, never a sum of squares: NIST's NumAcc4 gives NaN otherwise."""
    if len(values) < 2:
        return None
    variance = max(float(values.var(ddof=1)), least)
    return variance if variance > _EPS else None


def _incidence_se(share: Floats, before: Floats, ended: Floats, total: Floats, n: Floats) -> Floats:
    """Delta method, as sums that run once: [F(t) - F(j)]² is multiplied out. A day that ends all adds nothing later."""
    last = total >= n
    weight = np.where(last, 0.0, total / (n * np.where(last, 1.0, n - total)))
    own = before**2 * ended * (n - ended) / n**3
    mixed = before * ended / n**2
    w, wf, wff = (np.cumsum(weight * share**power) for power in (0, 1, 2))
    later = share**2 * w - 2 * share * wf + wff
    variance = later + np.cumsum(own) - 2 * (share * np.cumsum(mixed) - np.cumsum(mixed * share))
    return _floats(np.sqrt(np.maximum(variance, 0)))
