"""Could the gap between two teams be chance: permutation tests, and what many of them together may claim."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignlib.stats import floats

_EXACT = 10  # people a side up to which every way of dealing the scores is counted: at most 184,756 ways
_DRAWS = 9_999  # with the observed one 10,000, so the smallest p is .0001
_EPS = 1e-6
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Chance:
    """How often would chance alone part the teams as far, and how was that found? ``p`` is None with an empty team."""

    p: float | None
    how: str


def two_groups(a: ArrayLike, b: ArrayLike, step: float, seed: int = 20260331, *, _draws: int = _DRAWS) -> Chance:
    """If it did not matter who is in which team, how often would the means differ at least as much, either way?

    ``a`` and ``b``: one score a person, every score a multiple of ``step`` (means of up to four answers: 1/12).
    Up to ten people a side every way of dealing the scores to the teams is counted, in whole numbers, ties included;
    beyond that 9,999 ways are drawn from ``seed`` and the observed one counts among them: (b + 1) / (B + 1).
    The smallest p there can be is .10 at three against three, .029 at four against four. It does not say how large
    the gap is, and teams that differ in spread alone can give a small p too.
    Raises ValueError for missing scores and for scores between the steps.
    Sources: Fisher 1935; Pitman 1937; Phipson & Smyth 2010 (the observed one counts).

    >>> two_groups([4, 5, 5], [1, 2, 2], step=1)
    Chance(p=0.1, how='exact, 20 ways')
    """
    x, y = _steps(a, step), _steps(b, step)
    if len(x) == 0 or len(y) == 0:
        return Chance(None, "a team without scores")
    if len(x) > len(y):
        x, y = y, x
    scores = np.concatenate([x, y]) - min(x.min(), y.min())
    n, people = len(x), len(scores)
    # Means differ by (people x sum - n x total) / (n x m), n and m fixed: compared as whole numbers, so ties are exact.
    observed = abs(people * int(scores[:n].sum()) - n * int(scores.sum()))
    if len(y) <= _EXACT:
        ways = _ways(scores, n)
        gaps = np.abs(people * np.arange(len(ways)) - n * int(scores.sum()))
        return Chance(int(ways[gaps >= observed].sum()) / comb(people, n), f"exact, {comb(people, n):,} ways")
    values, counts = np.unique(scores, return_counts=True)
    method = "count" if n < 8 * len(values) else "marginals"  # dealing one by one, or value by value: the quicker
    # The pattern of ties joins the seed: with one series for all, a lucky one would favour every block of every client.
    rng = np.random.default_rng([seed, n, *counts.tolist()])
    # Which scores fall to the smaller team matters, not to whom: how often each value is drawn is all of a permutation.
    dealt = rng.multivariate_hypergeometric(counts, n, size=_draws, method=method) @ values  # type: ignore[arg-type]
    as_far = int((np.abs(people * dealt - n * int(scores.sum())) >= observed).sum())
    return Chance((as_far + 1) / (_draws + 1), f"{_draws:,} seeded permutations")


def holm(ps: ArrayLike) -> list[float]:
    """Which p values remain when several questions were asked at once? Adjusted, in the order given, at most 1.

    Naming those at or below .05 keeps the chance of any false name in the whole set at 5 %, however they depend.
    It asks more of each the more are asked: leave out what was not asked. Raises ValueError for p outside 0 to 1.
    Source: Holm 1979.

    >>> [round(p, 2) for p in holm([0.01, 0.02, 0.03, 0.04, 0.05])]
    [0.05, 0.08, 0.09, 0.09, 0.09]
    """
    given = floats(ps)
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError("p values lie between 0 and 1")
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1)
    return [float(p) for p in adjusted]


def _steps(scores: ArrayLike, step: float) -> Whole:
    found = floats(scores) / step
    if not np.isfinite(found).all() or (np.abs(found - np.rint(found)) > _EPS).any():
        raise ValueError(f"every score must be recorded and a multiple of {step:g}")
    return np.rint(found).astype(np.int64)


def _ways(scores: Whole, n: int) -> Whole:
    """In how many ways do ``n`` of these scores add to 0, 1, 2, ...? One person after another joins, or does not."""
    most = int(np.sort(scores)[-n:].sum())
    ways = np.zeros((n + 1, most + 1), dtype=np.int64)
    ways[0, 0] = 1
    for score in scores:
        ways[1:, score:] += ways[:-1, : most + 1 - score].copy()  # those counted before this person joined
    last: Whole = ways[n]
    return last
