"""Which share has ended by which day, and in which way, when some are still open? Curves with their limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignlib.stats import NOTHING, Z95, Floats, Interval, clustered_share, floats, t95, wilson

_EPS = 1e-12


@dataclass(frozen=True)
class Tally:
    """How many cases came before a day? ``days`` are sorted and different, ``sums`` how many before each, then all."""

    days: Floats
    sums: Floats

    def before(self, day: ArrayLike) -> NDArray[np.int64]:
        """How many came before this day, one answer a day asked for?"""
        return np.asarray(self.sums[np.searchsorted(self.days, day, "left")], dtype=np.int64)


@dataclass(frozen=True)
class Incidence:
    """Which share has ended by which day, and in which way, when some are still open?

    ``days`` are 0 and the days on which something ended; ``share`` and ``ends`` (how many ended on each day) hold one
    array a way of ending. ``none`` is the share for which nothing had ended. ``entries`` and ``exits`` count since when
    and until when cases were watched, ``ended`` when they ended.
    """

    days: Floats
    share: dict[int, Floats]
    ends: dict[int, Floats]
    none: Floats
    entries: Tally
    exits: Tally
    ended: Tally

    @property
    def last(self) -> float:
        """What is the longest follow-up, in days? Nothing is known beyond it."""
        return float(self.exits.days[-1]) if len(self.exits.days) else 0.0

    def at_risk(self, day: ArrayLike) -> NDArray[np.int64]:
        """How many cases were watched on this day and had not ended before it?"""
        return self.entries.before(day) - self.exits.before(day)

    def known(self, day: ArrayLike) -> NDArray[np.int64]:
        """Of how many cases is it known whether they had ended before this day?"""
        return self.at_risk(day) + self.ended.before(day)

    @cached_property
    def se(self) -> dict[int, Floats]:
        """How unsure is each share? Its standard error, one array a way of ending; worked out when first asked for."""
        n, before = np.maximum(self.at_risk(self.days), 1).astype(np.float64), np.concatenate([[1.0], self.none[:-1]])
        total = sum(self.ends.values(), np.zeros(len(n)))
        return {way: _incidence_se(self.share[way], before, ended, total, n) for way, ended in self.ends.items()}

    def value(self, day: float, cause: int = 1) -> float | None:
        """Which share has ended in this way by this day? None beyond the longest follow-up, unless all had ended."""
        if len(self.exits.days) == 0 or (day > self.last and self.none[-1] > _EPS):
            return None
        share = float(self.share[cause][self.place(day)]) if cause in self.share else 0.0
        return share if share > _EPS else 0.0

    def at(self, day: float, cause: int = 1) -> Interval:
        """Which share has ended in this way by this day, and how sure is that? Nothing where ``value`` is None."""
        share, place = self.value(day, cause), self.place(day)
        if share is None:
            return NOTHING
        if share == 0:
            return wilson(0, int(self.known(day)))
        if share >= 1 - _EPS:
            return Interval(share, 1 - (wilson(0, int(self.known(self.days[place]))).high or 1.0), 1.0)
        return _limits(share, Z95 * float(self.se[cause][place]))

    def quantile(self, p: float, cause: int = 1) -> float | None:
        """On which day had a share ``p`` ended in this way? None: not reached while anybody was watched."""
        reached = self.share.get(cause, np.zeros(0)) >= p - _EPS
        return float(self.days[int(np.argmax(reached))]) if reached.any() else None

    def place(self, day: float) -> int:
        """At which place of ``days`` is the curve read on this day?"""
        return max(int(np.searchsorted(self.days, day, "right")) - 1, 0)


def incidence(
    days: ArrayLike, outcome: ArrayLike, entry: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Incidence:
    """Which share ends in each way by each day, when ways compete and some cases are still open?

    ``days``: how long each case was watched. ``outcome``: 0 still open (censored), 1, 2, ... the way it ended.
    ``entry``: the day from which a case was watched (left truncation); a case that leaves no later than it enters is
    never watched and counts nowhere. ``weights``: for how many cases a row stands, as if it were repeated. An open case
    counts as watched on its last day. 1 - Kaplan-Meier of one way is *not* this share: it pretends that the other ways
    do not exist.
    Limits: delta-method variance on the log(-log(1 - share)) scale; where the share is 0 or 1, Wilson's limits on the
    cases known then (still watched, or ended).
    Raises ValueError for negative or missing days, or weights that are no counts.
    Sources: Aalen & Johansen 1978; Marubini & Valsecchi 1995, 10.3.
    """
    exits, ends, entries, counts = _watched(days, outcome, entry, weights)
    come = _all_from_the_start(counts)
    if entry is not None:
        first, place = np.unique(entries, return_inverse=True)
        come = Tally(first, _sums(np.bincount(place, counts, len(first))))
    return _curve(exits, ends, counts, come)


def _curve(exits: Floats, ends: NDArray[np.int64], counts: Floats, come: Tally) -> Incidence:
    """The curves of cases as ``_watched`` gives them."""
    order = np.argsort(exits)  # the cases of a day then stand together, and are added up from where it begins
    exits, ends, counts = exits[order], ends[order], counts[order]
    begin = np.flatnonzero(np.diff(exits, prepend=-np.inf))
    days, ways = exits[begin], [way for way in range(1, int(ends.max(initial=0)) + 1) if (ends == way).any()]
    by_way = {way: np.add.reduceat(np.where(ends == way, counts, 0.0), begin) for way in ways}
    total = sum(by_way.values(), np.zeros(len(days)))
    is_end = total > 0
    starts = np.zeros(1 if not is_end.any() or days[is_end][0] > 0 else 0)  # the grid begins with day 0
    grid = np.concatenate([starts, days[is_end]])
    left, closed = Tally(days, _sums(np.add.reduceat(counts, begin))), Tally(days[is_end], _sums(total[is_end]))
    n = np.maximum(come.before(grid) - left.before(grid), 1).astype(np.float64)
    ended = {way: floats(np.concatenate([starts, d[is_end]])) for way, d in by_way.items()}
    none = floats(np.cumprod(1 - np.concatenate([starts, total[is_end]]) / n))
    before = np.concatenate([[1.0], none[:-1]])
    share = {way: floats(np.cumsum(before * d / n)) for way, d in ended.items()}
    return Incidence(grid, share, ended, none, come, left, closed)


def kaplan_meier(days: ArrayLike, ended: ArrayLike) -> Incidence:
    """Which share has ended by each day, whichever way, open cases counted for as long as they were watched?

    One way of ending: ``none`` is the Kaplan-Meier curve, its complement the incidence, limits on the log(-log) scale.
    Sources: Kaplan & Meier 1958; Greenwood 1926 (variance).

    >>> kaplan_meier([5, 8, 8, 12], [True, True, False, False]).quantile(0.5)
    8.0
    """
    return incidence(days, np.asarray(ended).astype(bool).astype(int))


def clustered_incidence(
    days: ArrayLike, outcome: ArrayLike, clusters: ArrayLike, at: float, weights: ArrayLike | None = None,
    cause: int = 1,
) -> Interval:  # fmt: skip
    """Which share has ended in one way by one day, when cases of one cluster (seller, say) resemble one another?

    The same share as ``incidence``; ``clusters`` holds a whole number a row, below 0 for cases of no cluster, each of
    which then stands alone (leads that nobody holds). Variance: infinitesimal jackknife, the influence
    of each cluster on the share, squared and summed, times clusters / (clusters - 1); t with clusters - 1 degrees of
    freedom on the log(-log(1 - share)) scale. Without open cases it is the linearised variance of ``clustered_share``.
    One cluster gives a value and no interval. A share of 0 or 1 has the limits that ``clustered_share`` gives for the
    cases known by then. No cluster, or clusters that do not differ at all, give the limits of ``incidence``.
    Sources: Efron & Tibshirani 1993, chapter 21; Wolter 2007, chapter 4; Therneau & Grambsch 2000, 7.2.

    >>> found = clustered_incidence([1, 2, 2, 3, 4, 4], [1, 2, 0, 1, 1, 2], [1, 1, 1, 2, 2, 3], at=3)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.3889, 0.0767, 0.9521)
    """
    return clustered(days, outcome, clusters, weights).at(at, cause)


def clustered_incidence_gap(
    one: Sequence[ArrayLike], other: Sequence[ArrayLike], at: float, cause: int = 1
) -> Interval:
    """How much larger is one share ended by one day than another, when the same clusters (sellers) decide both?

    ``one`` and ``other`` hold days, outcome and clusters as in ``clustered_incidence``, and weights if rows stand for
    several cases. Shares as in ``incidence``, -1 to 1. Variance: how far each cluster moves the difference, added up
    over both (so what a seller does alike in both cancels out), squared and summed, times clusters / (clusters - 1); t
    with the fewer clusters of the two, less 1, degrees of freedom. Without open cases it is ``stats.clustered_gap``.
    A share of 0 or 1 moves with no cluster and is no certainty: its limits as in ``clustered_incidence`` are squared
    and added, and so are those of both shares where clusters do not differ at all. Fewer than two clusters on a side
    give a value and no interval; a side that nobody watched so long gives nothing.
    Sources: Efron & Tibshirani 1993, chapter 21; Zou & Donner 2008 (limits of each share squared and added).

    >>> sellers = [1, 1, 2, 2, 3, 3, 4, 4]
    >>> taught = [1, 2, 2, 3, 4, 1, 3, 2], [1, 1, 0, 1, 0, 1, 1, 1], sellers
    >>> gap = clustered_incidence_gap(taught, ([2, 4] * 4, [1, 0, 0, 0, 0, 1, 0, 0], sellers), at=3)
    >>> round(gap.value, 4), round(gap.low, 4), round(gap.high, 4)
    (0.7083, 0.2063, 1.0)
    """
    curves = [clustered(days, outcome, codes, weights[0] if weights else None)
              for days, outcome, codes, *weights in (one, other)]  # fmt: skip
    sides = a, b = [each.plain(at, cause) for each in curves]
    if a.value is None or b.value is None:
        return NOTHING
    mine, theirs = (each.pulled(at, cause) for each in curves)
    gap, fewer = a.value - b.value, min(len(mine.names), len(theirs.names))
    if fewer < 2:
        return Interval(gap, None, None)
    names = np.union1d(mine.names, theirs.names)
    sums = np.zeros(len(names))
    sums[np.searchsorted(names, mine.names)] += mine.sums
    sums[np.searchsorted(names, theirs.names)] -= theirs.sums
    se = sqrt(mine.error(sums, len(names)) ** 2 + theirs.alone)
    still = [not _EPS < side.value < 1 - _EPS or se <= _EPS for side in sides if side.value is not None]
    below = [(a.value - (a.low or 0.0)) * still[0], ((b.high or 1.0) - b.value) * still[1]]
    above = [((a.high or 1.0) - a.value) * still[0], (b.value - (b.low or 0.0)) * still[1]]
    reach = t95(fewer - 1) * se
    return Interval(gap, max(gap - hypot(reach, *below), -1.0), min(gap + hypot(reach, *above), 1.0))


@dataclass(frozen=True)
class _Moves:
    """How far does each cluster move a share (``names``, ``sums``), and how far, squared, do cases of no cluster?"""

    names: NDArray[np.int64]
    sums: Floats
    alone: float

    def error(self, sums: Floats, clusters: int) -> float:
        return sqrt(clusters / (clusters - 1) * float(sums @ sums) + self.alone)


@dataclass(frozen=True)
class Clustered:
    """Which share had ended by a day, when cases of one cluster resemble one another? As ``clustered`` gives it.

    ``codes`` say in which cluster each case is (``exits``, ``ends``: when and how it ended; ``counts``: for how many it
    stands), below 0 in none.
    """

    curve: Incidence
    exits: Floats
    ends: NDArray[np.int64]
    counts: Floats
    codes: NDArray[np.int64]

    @cached_property
    def _held(self) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """Which cases are in a cluster, which clusters are there, and in which of them is each of these cases?"""
        joined = self.codes >= 0
        names, place = np.unique(self.codes[joined], return_inverse=True)
        return joined, names, place

    def at(self, day: float, cause: int = 1) -> Interval:
        """Which share has ended in this way by this day? See ``clustered_incidence``."""
        share, moved = self.curve.value(day, cause), self.pulled(day, cause)
        if share is None or len(moved.names) == 0:
            return self.plain(day, cause)
        if len(moved.names) < 2:
            return Interval(share, None, None)
        se = moved.error(moved.sums, len(moved.names)) if _EPS < share < 1 - _EPS else 0.0
        if se <= _EPS:
            return self.plain(day, cause)
        return _limits(share, t95(len(moved.names) - 1) * se)

    def pulled(self, day: float, cause: int) -> _Moves:
        """How far do clusters move the share at a day: not at all where it is 0 or 1."""
        share, (joined, names, place), moved = self.curve.value(day, cause), self._held, np.zeros(len(self.codes))
        if share is not None and _EPS < share < 1 - _EPS:
            moved = _influence(self.curve, self.exits, self.ends, day, cause)
        sums = np.bincount(place, (moved * self.counts)[joined], len(names))
        return _Moves(names, floats(sums), float((moved**2 * self.counts)[~joined].sum()))

    def plain(self, day: float, cause: int) -> Interval:
        """The share as if cases were independent; at 0 or 1, where clusters show no spread, as a clustered share."""
        plain = self.curve.at(day, cause)
        if plain.value is None or _EPS < plain.value < 1 - _EPS:
            return plain
        by = self.curve.days[self.curve.place(day)] if plain.value > 0.5 else day
        known, (joined, names, place) = np.where((self.exits >= by) | (self.ends > 0), self.counts, 0.0), self._held
        n, alone, share = np.bincount(place, known[joined], len(names)), int(known[~joined].sum()), round(plain.value)
        return clustered_share(share * n, n, (share * alone, alone))


def clustered(days: ArrayLike, outcome: ArrayLike, clusters: ArrayLike, weights: ArrayLike | None = None) -> Clustered:
    """Which curves do these cases make, to be asked for many days? Arguments as in ``clustered_incidence``."""
    exits, ends, _, counts = _watched(days, outcome, None, weights)
    codes = np.asarray(clusters, dtype=np.int64).ravel()
    codes = codes if weights is None else codes[floats(weights) > 0]
    return Clustered(_curve(exits, ends, counts, _all_from_the_start(counts)), exits, ends, counts, codes)


def _influence(found: Incidence, exits: Floats, ends: NDArray[np.int64], at: float, cause: int) -> Floats:
    """How far does each case move the share at a day: the derivative of the estimate by the weight of the case?

    A case moves it by its own end, and by having been at risk on every day before that.
    """
    until = found.place(at) + 1
    grid, share = found.days[:until], found.share[cause][:until]
    n = floats(np.maximum(found.at_risk(grid), 1))
    d = floats(sum(found.ends.values(), np.zeros(len(found.days))))[:until]
    before = np.concatenate([[1.0], found.none[: until - 1]])
    is_last = d >= n  # nobody is left: what comes later adds nothing
    later = np.where(is_last, 0.0, (share[-1] - share) / np.where(is_last, 1.0, n - d))
    risk = np.cumsum(later * d / n - np.diff(share, prepend=0.0) / n)
    place = np.searchsorted(grid, exits, "right") - 1
    by_then = exits <= at
    moved = risk[place] - np.where(by_then & (ends > 0), later[place], 0.0)
    return floats(moved + np.where(by_then & (ends == cause), before[place] / n[place], 0.0))


def _watched(
    days: ArrayLike, outcome: ArrayLike, entry: ArrayLike | None, weights: ArrayLike | None
) -> tuple[Floats, NDArray[np.int64], Floats, Floats]:
    """The cases that were ever watched: last days, ways of ending, first days, how many each row stands for."""
    exits, ends = floats(days), np.asarray(outcome, dtype=np.int64).ravel()
    counts = np.ones(len(exits)) if weights is None else floats(weights)
    if not np.isfinite(exits).all() or (exits < 0).any():
        raise ValueError("days must be recorded and not negative")
    if (counts < 0).any() or (counts != np.floor(counts)).any():
        raise ValueError("weights must be whole and not negative")
    entries = np.full(len(exits), -np.inf) if entry is None else floats(entry)
    entries = np.where(entries <= 0, -np.inf, entries)
    watched = (entries < exits) & (counts > 0)
    return exits[watched], ends[watched], entries[watched], counts[watched]


def _all_from_the_start(counts: Floats) -> Tally:
    return Tally(np.array([-np.inf]), floats([0.0, counts.sum()]))


def _sums(counts: ArrayLike) -> Floats:
    return np.concatenate([[0.0], np.cumsum(counts)])


def _limits(share: float, reach: float) -> Interval:
    """Limits on the log(-log(1 - share)) scale, so that they stay within 0 and 1."""
    reach /= abs((1 - share) * np.log(1 - share))
    low, high = (1 - np.power(1 - share, np.exp(end)) for end in (-reach, reach))
    return Interval(share, float(low), float(high))


def _incidence_se(share: Floats, before: Floats, ended: Floats, total: Floats, n: Floats) -> Floats:
    """Delta method, as sums that run once: [F(t) - F(j)]² is multiplied out. A day that ends all adds nothing later."""
    last = total >= n
    weight = np.where(last, 0.0, total / (n * np.where(last, 1.0, n - total)))
    own = before**2 * ended * (n - ended) / n**3
    mixed = before * ended / n**2
    w, wf, wff = (np.cumsum(weight * share**power) for power in (0, 1, 2))
    later = share**2 * w - 2 * share * wf + wff
    variance = later + np.cumsum(own) - 2 * (share * np.cumsum(mixed) - np.cumsum(mixed * share))
    return floats(np.sqrt(np.maximum(variance, 0)))


def spot(label: str, day: float, at: Any) -> dict[str, Any]:
    """Which row of an exhibit holds this point of a curve?"""
    return {"label": label, "day": day, "share": at.value, "low": at.low, "high": at.high}


def turns(rows: list[dict[str, Any]], judged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Which rows draw the same curve: all but those between two that say the same in whole per cent? And the judged."""
    said = [(row["label"], *(round(row[at] or 0.0, 2) for at in ("share", "low", "high"))) for row in rows]
    kept = [row for i, row in enumerate(rows) if said[i] not in said[i - 1 : i] or said[i] not in said[i + 1 : i + 2]]
    spots = {(row["label"], row["day"]): row for row in (*kept, *judged)}
    return [spots[at] for at in sorted(spots)]
