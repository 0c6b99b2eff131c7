"""How sure is a rate when sellers differ, do rates of groups differ, and does a difference hold among like leads?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alignlib.association import mantel_haenszel
from alignlib.diagnostics.funnel.steps import Step
from alignlib.incidence import clustered_incidence, incidence
from alignlib.intake.tables import Tables
from alignlib.judging import measured
from alignlib.result import Column, Measure, Row, Unit, columns
from alignlib.stats import Interval, alike, clustered_gap, clustered_share, newcombe, wilson
from alignlib.words import listed, masked

FEWEST_OWNERS = 2  # t with owners - 1 degrees of freedom holds its level from two on; one seller cannot differ
MONTHLY_FROM = 100  # fewer leads than this are no cohort, and no group, to compare
MOST_NAMES, FEWEST_ROWS = 25, 5
NAMELESS = ["", "(blank)", "(rare values)", "not recorded", "unknown", "other", "none"]
CHANCE = 0.05  # groups are said to differ when all alike would differ so much less often than this


def rate(hits: np.ndarray, owners: Any = None) -> Measure:
    """Which share of cases is a hit, with an interval that allows for sellers who differ?

    ``hits`` holds one flag a case, ``owners`` who decided it: names, or codes as ``owner_codes`` gives them. With at
    least two owners the interval is clustered by owner (linearised ratio, t); a case that nobody held stands alone.
    Otherwise, and where the files do not say who decided, Wilson's, as if cases were independent.
    """
    k, n = int(hits.sum()), len(hits)
    sums = _by_owner(hits, owners)
    if sums is None:
        return measured(wilson(k, n), "share", "Wilson 95 %", k, n)
    return measured(clustered_share(*sums[0], alone=sums[1]), "share", "clustered by owner, 95 %", k, n)


def gap(hits: np.ndarray, others: np.ndarray, owners: Any = None, other_owners: Any = None) -> Measure:
    """How much larger is the share of hits among some cases than among others, allowing for sellers who differ?

    Clustered by owner when at least two decided on each side (a seller may have decided on both), else Newcombe's.
    ``owners`` are codes as ``owner_codes`` gives them. ``n`` counts the first side.
    """
    n = len(hits)
    one, other = _by_owner(hits, owners), _by_owner(others, other_owners)
    if one is None or other is None:
        found = newcombe(int(hits.sum()), n, int(others.sum()), len(others))
        return measured(found, "pp", "difference of shares, Newcombe 95 %", None, n)
    sums = np.zeros((4, max(len(one[0][0]), len(other[0][0]))))  # an owner of one side alone has no cases on the other
    for row, side in zip(sums, (*one[0], *other[0]), strict=True):
        row[: len(side)] = side
    k1, n1, k2, n2 = sums
    found = clustered_gap(k1, n1, k2, n2, one[1], other[1])
    return measured(found, "pp", "difference of shares, clustered by owner, 95 %", None, n)


def by_group(codes: np.ndarray, hits: np.ndarray, owners: np.ndarray | None, groups: int) -> list[Measure]:
    """Which share of each group's cases is a hit, with intervals as ``rate`` gives them? ``codes``: its group."""
    order, ends = np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes, minlength=groups))[:-1]
    held = [None] * groups if owners is None else np.split(owners[order], ends)
    return [rate(mine, who) for mine, who in zip(np.split(hits[order], ends), held, strict=True)]


def how(found: list[Measure]) -> str:
    """By which methods were these intervals made?"""
    return listed(sorted({each.method.removesuffix("95 %").rstrip(", ") for each in found})) or "none"


def _by_owner(hits: np.ndarray, owners: Any) -> tuple[tuple[np.ndarray, np.ndarray], tuple[int, int]] | None:
    """Hits and cases of each owner, and of nobody; None where too few owners decided."""
    if owners is None:
        return None
    codes = owners if getattr(owners, "dtype", np.dtype(object)).kind == "i" else pd.factorize(owners)[0]
    codes, hits = np.asarray(codes), np.asarray(hits)
    held = codes >= 0
    n = np.bincount(codes[held])
    if np.count_nonzero(n) < FEWEST_OWNERS:
        return None
    k = np.bincount(codes[held], hits[held])
    return (k, n), (int(hits[~held].sum()), int((~held).sum()))


def owners_known(tables: Tables, spells: pd.DataFrame) -> bool:
    """Do the files say who holds a lead? Owners of wins alone do not: whoever did not win would seem to have none."""
    return bool(spells["mql_owner"].notna().any()) or tables.filled("leads", "owner_id")


def owner_codes(tables: Tables, spells: pd.DataFrame, at_handover: bool = False) -> np.ndarray | None:
    """Who held each spell last, as whole numbers, -1 for nobody? None where the files do not say.

    ``at_handover``: who held it when it was handed over, where that is known; who held it last may follow from what
    became of it.
    """
    if not owners_known(tables, spells):
        return None
    held = spells["mql_owner"].fillna(spells["owner"]) if at_handover else spells["owner"]
    return np.asarray(pd.factorize(held)[0], dtype=np.int64)


def going_on(one: Step, horizon: float, owners: np.ndarray | None = None) -> Measure:
    """Which share of spells in a stage goes on within ``horizon`` days, open ones counted while they were seen?

    Cumulative incidence with exits competing; never beyond the longest follow-up. ``k`` counts those seen to go on. A
    next stage dated before this one counts as entered at once: leaving it out would call it never entered.
    ``owners``: a code for each of all spells (``owner_codes``); with at least two owners the interval is clustered.
    """
    days, outcome = np.where(np.isfinite(one.days), one.days, 0.0), one.outcome
    seen, n = int(one.hits(horizon).sum()), len(one.days)
    at = min(horizon, days.max(initial=0.0))
    who = np.zeros(0, int) if owners is None else owners[one.members]
    if np.count_nonzero(np.bincount(who[who >= 0])) < FEWEST_OWNERS:
        return measured(incidence(days, outcome).at(at), "share", "cumulative incidence, 95 %", seen, n)
    found = clustered_incidence(days, outcome, who, at)
    return measured(found, "share", "cumulative incidence, clustered by owner, 95 %", seen, n)


def coded(column: pd.Series, blank: str = "(blank)") -> tuple[np.ndarray, np.ndarray]:
    """Which names does a column hold, in order of how many rows have them, and which of them has each row?

    So many names that the column must be free text may name people: those with few rows stand together.
    """
    rows, values = pd.factorize(column.fillna(blank))
    found, codes = np.unique(np.array([masked(str(each)) for each in values], dtype=str), return_inverse=True)
    codes = codes[rows]
    if len(found) > MOST_NAMES:
        rare = np.bincount(codes, minlength=len(found)) < FEWEST_ROWS
        found, kept = np.unique(np.where(rare, "(rare values)", found), return_inverse=True)
        codes = kept[codes]
    order = np.argsort(-np.bincount(codes, minlength=len(found)), kind="stable")
    return found[order], np.argsort(order)[codes]


def extremes(
    names: np.ndarray, codes: np.ndarray, hit: np.ndarray, owners: np.ndarray | None = None, cuts: int = 1
) -> tuple[int, int] | None:
    """Which two groups lie furthest apart, lowest first, when neither chance nor their sellers would explain it?

    One a case: the code of its group, whether it is a hit, who decided. Groups without a name or with few cases are
    left aside; ``cuts``: at how many such sets one looks (Bonferroni). Chance: all groups at once must differ
    (chi-squared); sellers: the clustered interval of the two furthest apart must exclude no difference.
    """
    k, n = np.bincount(codes, hit, len(names)).astype(int), np.bincount(codes, minlength=len(names))
    ripe = np.flatnonzero((n >= MONTHLY_FROM) & ~np.isin(np.char.lower(names), NAMELESS))
    p = alike(k[ripe], n[ripe])
    if p is None or p >= CHANCE / cuts:
        return None
    order = ripe[np.argsort(k[ripe] / n[ripe], kind="stable")]
    low, high = codes == order[0], codes == order[-1]
    if owners is not None and min(len(np.unique(owners[side])) for side in (low, high)) < FEWEST_OWNERS:
        return None  # a group and its only seller cannot be told apart
    apart = gap(hit[high], hit[low], *((None, None) if owners is None else (owners[high], owners[low])))
    return (int(order[0]), int(order[-1])) if apart.low is not None and apart.low > 0 else None


@dataclass(frozen=True)
class Compared:
    """Does a difference of shares hold within strata? ``flagged``: the pooled one may mislead (Simpson's paradox).

    ``n`` cases were compared over all, ``alike`` of them lie in the ``strata`` that hold both groups.
    """

    pooled: Interval
    within: Interval
    strata: int
    flagged: bool
    n: int
    alike: int


def strata(hit: np.ndarray, exposed: np.ndarray, stratum: np.ndarray) -> Compared | None:
    """How far do two groups differ in an outcome, all cases together, and only among cases of the same stratum?

    One a case: whether it is a hit, whether it belongs to the first group, the code of its stratum. Pooled: Newcombe's
    interval; within: Mantel-Haenszel's difference. Flagged when the pooled difference lies outside the interval within
    strata, or when the signs differ and one of the two intervals excludes no difference: signs of two differences about
    nothing differ by chance. None when no stratum holds both groups. It can only tell of what was recorded.
    Sources: Simpson 1951; Mantel & Haenszel 1959; Sato 1989.
    """
    cells = np.bincount(stratum * 4 + np.where(exposed, 0, 2) + np.where(hit, 0, 1), minlength=4 * (stratum.max() + 1))
    tables = cells.reshape(-1, 2, 2)
    (a, b), (c, d) = tables.sum(axis=0).tolist()
    pooled, within = newcombe(a, a + b, c, c + d), mantel_haenszel(tables).difference
    if pooled.value is None or within.value is None:
        return None
    leaves = within.low is not None and not within.low <= pooled.value <= (within.high or 0.0)
    turns = pooled.value * within.value < 0 and (excludes_zero(pooled) or excludes_zero(within))
    both = (tables.sum(axis=2) > 0).all(axis=1)
    return Compared(pooled, within, int(both.sum()), leaves or turns, len(hit), int(tables[both].sum()))


def excludes_zero(found: Interval | Measure) -> bool:
    """Can a difference be told from none?"""
    return found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)


def rate_row(label: str, at: Measure, note: str = "") -> Row:
    """Which row of an interval chart shows this share?"""
    return {"label": label, "value": at.value, "low": at.low, "high": at.high, "k": at.k, "n": at.n, "note": note}


def rate_columns(
    label: str, share: str = "Share won", k: str = "Won", n: str = "Leads", **more: tuple[str, Unit]
) -> list[Column]:
    """Which columns do such rows have? ``n`` names what the share is of; ``more`` stand before the note."""
    return columns(
        label=(label, "text"), value=(share, "share"), low=("from", "share"), high=("to", "share"), k=(k, "count"),
        n=(n, "count"), **more, note=("Note", "text"),
    )  # fmt: skip
