"""Do some sources win more, and do later cohorts, at equal age?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel import rates
from alignlib.diagnostics.funnel.spells import days_between, end_of
from alignlib.diagnostics.funnel.steps import DAY, Step
from alignlib.engagement import Settings
from alignlib.incidence import Incidence, incidence
from alignlib.result import Exhibit, Finding, Level, Row
from alignlib.words import count, day, interval, listed, of, value

SURELY_SOME = 6.9  # so many expected that none at all has a chance below one in a thousand (Poisson)
_HIDDEN = dict.fromkeys(("value", "low", "high"))  # of a cohort that does not compare


@dataclass(frozen=True)
class Cohorts:
    """How did each cohort do within the horizon? ``table`` has one row a cohort.

    One a lead: ``place`` (its row of the table), ``hit`` (won in time), ``owners`` (codes, None where not known).
    """

    table: pd.DataFrame
    place: np.ndarray
    hit: np.ndarray
    owners: np.ndarray | None
    horizon: int

    @property
    def within(self) -> str:
        return f"within {count(self.horizon, 'day')}"

    @property
    def usable(self) -> np.ndarray:
        """Which rows of the table can be compared, oldest first?"""
        return np.asarray(np.flatnonzero(self.table["recorded"] & self.table["seen"]))

    def of(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Which leads of these cohorts were won in time, and who held them?"""
        some = np.isin(self.place, places)
        return self.hit[some], None if self.owners is None else self.owners[some]


def tracked_since(one: Step, start: pd.Series, settings: Settings) -> pd.Timestamp | None:
    """Since when are wins recorded, when recording began after the first leads (left truncation)?

    The agreed ``funnel.tracking_since`` wins. Else leads before the first recorded win are suspect when later leads'
    pace would have given so many wins by then that none at all is out of the question (fewer than one in a thousand).
    """
    if one.next in settings.funnel.tracking_since:
        return pd.Timestamp(settings.funnel.tracking_since[one.next])
    started, known = start.to_numpy(dtype="M8[us]"), np.isfinite(one.days)
    won = (one.outcome == 1) & known
    if not won.any():
        return None
    first = (started[won] + np.rint(one.days[won] * DAY).astype("m8[us]")).min()
    early = started < first
    if not early.any():
        return None
    pace = incidence(one.days[~early & known], one.outcome[~early & known])
    return pd.Timestamp(first) if expected(pace, days_between(started[early], first)) > SURELY_SOME else None


def expected(pace: Incidence, ages: np.ndarray) -> float:
    """How many leads of these ages would have gone on by now, had they gone on at this pace?"""
    places = np.searchsorted(pace.days, ages, "right") - 1
    return float(pace.share[1][places].sum()) if 1 in pace.share else 0.0


def agreed_since(start: pd.Series, stage: str, settings: Settings) -> np.ndarray:
    """Which spells began since this stage was recorded, by what was agreed (``funnel.tracking_since``)?"""
    if stage not in settings.funnel.tracking_since:
        return np.ones(len(start), bool)
    return (start.isna() | (start >= pd.Timestamp(settings.funnel.tracking_since[stage]))).to_numpy()


def since_recorded(start: pd.Series, since: pd.Timestamp | None) -> np.ndarray:
    """Which spells began while wins were recorded? The month in which recording began counts whole."""
    first = start.min() if since is None else since.to_period("M").to_timestamp()
    return (start.isna() | (start >= first)).to_numpy()


def cohorts(one: Step, start: pd.Series, settings: Settings, owners: np.ndarray | None = None) -> Cohorts:
    """How many leads of each month (or quarter) went on within the horizon, all looked at for equally long?

    ``start`` and ``owners`` (codes, see ``owner_codes``): one a spell of the step. A cohort is judged only when its
    youngest lead has been seen for the whole horizon, and when recording had begun.
    """
    horizon, since = settings.funnel.horizon_days, tracked_since(one, start, settings)
    at, hit = start.to_numpy(dtype="M8[us]"), one.hits(horizon)
    months = at.astype("M8[M]").astype(np.int64)  # since 1970, as pandas numbers its periods
    unit = "M" if np.median(np.unique(months, return_counts=True)[1]) >= rates.MONTHLY_FROM else "Q"
    ordinals, place = np.unique(months if unit == "M" else months // 3, return_inverse=True)
    last = np.zeros(len(ordinals), dtype=np.int64)
    np.maximum.at(last, place, at.astype(np.int64))
    table = pd.DataFrame(
        {"n": np.bincount(place), "k": np.bincount(place, hit).astype(int), "last": last.astype("M8[us]")},
        index=pd.PeriodIndex([pd.Period(ordinal=each, freq=unit) for each in ordinals]),
    )
    table["seen"] = table["last"] + pd.Timedelta(days=horizon) <= end_of(settings)
    table["recorded"] = since is None or table.index >= since.to_period(unit)
    return Cohorts(table, place, hit, owners, horizon)


def exhibit(found: Cohorts, title: str) -> Exhibit:
    """How is each cohort shown, the ones that cannot be compared included?"""
    rows: list[Row] = []
    told = rates.by_group(found.place, found.hit, found.owners, len(found.table))
    young = f"too young: seen for less than {count(found.horizon, 'day')}"
    for i, (period, row) in enumerate(found.table.iterrows()):
        note = "not comparable: wins were not yet recorded" if not row["recorded"] else "" if row["seen"] else young
        rows.append(rates.rate_row(_name(period), told[i], note) | (_HIDDEN if note else {}))
    left_out = [str(row["label"]) for row in rows if str(row["note"]).startswith("not comparable")]
    return Exhibit(
        key="funnel.cohorts", shape="intervals", rows=rows, play="P22", source="Stage history of leads", title=title,
        columns=rates.rate_columns("Handed over in"),
        lead=f"Share won {found.within} of the handover, so that old and young cohorts compare.",
        read="Each line is a cohort: the tick its share, the bar its 95 % interval "
        f"({rates.how([told[i] for i in found.usable])}). All leads of a cohort that is compared "
        f"have been seen for the whole {count(found.horizon, 'day')}.",
        says_not=f"Why a share moved. Nothing about {listed(left_out)}." if left_out else "Why a share moved.",
        alt=f"Intervals of the share won {found.within}, by cohort.",
    )  # fmt: skip


def change(found: Cohorts) -> tuple[str, Finding | None]:
    """Did the latest cohort do better or worse than those before it, at equal age? No finding with fewer than two."""
    usable = found.usable
    if len(usable) < 2:
        return f"Too few cohorts have been seen for {count(found.horizon, 'day')} to compare", None
    (hit, owners), (before, owners_before) = found.of(usable[-1:]), found.of(usable[:-1])
    measure = rates.gap(hit, before, owners, owners_before)
    said = f"{value(hit.mean(), 'share')} {found.within}, against {value(before.mean(), 'share')} before"
    name = _name(found.table.index[usable[-1]])
    level: Level = "unclear"
    title = f"No change can be told for leads of {name}: {said}"
    if measure.high is not None and measure.high < 0:
        title, level = f"Leads of {name} were won less often: {said}", "watch"
    elif measure.low is not None and measure.low > 0:
        title, level = f"Leads of {name} were won more often: {said}", "good"
    return title, Finding(
        key="funnel.cohorts", theme="handoff", title=title, measure=measure, play="P22", limit=0.0,
        direction="at_least", level=level,
        detail=f"{of(int(hit.sum()), len(hit))} against {of(int(before.sum()), len(before))} in "
        f"{count(len(usable) - 1, 'cohort')} before; change {interval(measure.low, measure.high, 'pp')} percentage "
        "points.",
        rule="95 % interval of the change at equal age, against no change",
        settle="" if level != "unclear" else f"further cohorts, each seen for {count(found.horizon, 'day')}",
    )  # fmt: skip


def by_source(
    one: Step, source: pd.Series, seen: np.ndarray, settings: Settings, owners: np.ndarray | None = None
) -> tuple[Exhibit, list[str]]:
    """Which share of each source's leads has been won so far, and within the horizon by those seen for so long?

    ``source``, ``seen`` (handed over while wins were recorded, and watched for the whole horizon) and ``owners``
    (codes): one a spell of the step. Also the names of the two that lie furthest apart at equal age, lowest first, if
    they differ.
    """
    names, codes = rates.coded(source)
    won, aged = one.outcome == 1, one.hits(settings.funnel.horizon_days)[seen]
    horizon, watched = f"within {count(settings.funnel.horizon_days, 'day')}", None if owners is None else owners[seen]
    so_far = [rates.rate(won, owners), *rates.by_group(codes, won, owners, len(names))]
    equal = [rates.rate(aged, watched), *rates.by_group(codes[seen], aged, watched, len(names))]
    rows = [
        rates.rate_row(label, now)
        | {"equal_value": then.value, "equal_low": then.low, "equal_high": then.high, "seen": then.n}
        for label, now, then in zip(["All leads", *map(str, names)], so_far, equal, strict=True)
    ]
    pair = rates.extremes(names, codes[seen], aged, watched)
    title, beside = f"{of(so_far[0].k or 0, len(won))} leads were won so far: {value(so_far[0].value, 'share')}", ""
    if pair is not None:
        lower, upper = (rows[i + 1] for i in pair)
        beside = f" Named sources differ most at that age: {_two(lower, upper, 'equal_value')}."
        if lower["value"] < upper["value"]:  # the title speaks of what is drawn
            title = f"Sources differ: {_two(lower, upper, 'value', ' leads were won so far')}"
    return Exhibit(
        key="funnel.by_source", shape="intervals", rows=rows, title=title, play="P3", source="Stage history of leads",
        lead=f"Won by {day(settings.as_of)}, as a share of all leads handed over.",
        columns=rates.rate_columns(
            "Source", equal_value=(f"Won {horizon}", "share"), equal_low=("from", "share"),
            equal_high=("to", "share"), seen=("Leads seen so long", "count"),
        ),
        read="Each line is a source: the tick its share won so far, the bar its 95 % interval "
        f"({rates.how(so_far)}). Beside it in the table: the share won {horizon}, of leads seen for so long, so that "
        f"old and young sources compare.{beside}",
        says_not="Young leads count as not won yet, so shares so far can only rise. Sources differ in what they bring, "
        "not only in how good it is.",
        alt=f"Intervals of the share won, by {len(rows) - 1} sources.",
    ), [str(names[i]) for i in pair or ()]  # fmt: skip


def _two(lower: Row, upper: Row, which: str, claim: str = "") -> str:
    """How far apart do two sources lie?"""
    low, high = (f"{value(row[which], 'share')} of {row['label']}" for row in (lower, upper))
    return f"{low}{claim}, {high}"


def _name(period: Any) -> str:
    return f"{period.to_timestamp():%B %Y}" if period.freqstr.startswith("M") else f"Q{period.quarter} {period.year}"
