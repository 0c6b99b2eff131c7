"""Do some sources win more, and do later cohorts, at equal age?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import rate_columns, rate_row
from alignlib.diagnostics.funnel.spells import Step, end_of
from alignlib.engagement import Settings
from alignlib.judging import measured
from alignlib.result import Exhibit, Finding, Level, Row
from alignlib.stats import incidence, newcombe
from alignlib.words import count, day, interval, listed, number, of, value

MONTHLY_FROM = 100  # fewer leads a month than this: cohorts are quarters
_NAMELESS = {"", "(blank)", "unknown", "other", "none"}
SURELY_SOME = 6.9  # expected wins so many that none at all has a chance below one in a thousand (Poisson)


@dataclass(frozen=True)
class Cohorts:
    """How did each cohort do within the horizon? ``table`` has one row a cohort; ``since`` ends the truncated ones."""

    table: pd.DataFrame
    since: pd.Timestamp | None
    horizon: int

    @property
    def within(self) -> str:
        return f"within {count(self.horizon, 'day')}"

    @property
    def usable(self) -> pd.DataFrame:
        return self.table[self.table["recorded"] & self.table["seen"]]


def tracked_since(one: Step, start: pd.Series, settings: Settings) -> pd.Timestamp | None:
    """Since when are wins recorded, when recording began after the first leads (left truncation)?

    The agreed ``funnel.tracking_since`` wins. Else leads before the first recorded win are suspect when later leads'
    pace would have given so many wins by then that none at all is out of the question (fewer than one in a thousand).
    """
    if one.next in settings.funnel.tracking_since:
        return pd.Timestamp(settings.funnel.tracking_since[one.next])
    started = start.to_numpy()
    won = (one.outcome == 1) & np.isfinite(one.days)
    if not won.any():
        return None
    first = (start[won] + pd.to_timedelta(one.days[won], unit="D")).min()
    early = started < first.to_datetime64()
    pace = incidence(one.days[~early & np.isfinite(one.days)], one.outcome[~early & np.isfinite(one.days)])
    ages = (first - start[early]) / pd.Timedelta(days=1)
    places = np.searchsorted(pace.days, ages.to_numpy(float), "right") - 1
    expected = pace.share[1][places].sum() if 1 in pace.share else 0.0
    return first if expected > SURELY_SOME else None


def cohorts(one: Step, start: pd.Series, settings: Settings) -> Cohorts:
    """How many leads of each month (or quarter) went on within the horizon, all looked at for equally long?

    A cohort is judged only when its youngest lead has been seen for the whole horizon, and when recording had begun.
    """
    horizon, since = settings.funnel.horizon_days, tracked_since(one, start, settings)
    unit = "M" if start.dt.to_period("M").value_counts().median() >= MONTHLY_FROM else "Q"
    hit = (one.outcome == 1) & ~(one.days > horizon)
    frame = pd.DataFrame({"period": start.dt.to_period(unit), "hit": hit, "start": start})
    table = frame.groupby("period").agg(n=("hit", "size"), k=("hit", "sum"), last=("start", "max"))
    table["seen"] = table["last"] + pd.Timedelta(days=horizon) <= end_of(settings)
    table["recorded"] = since is None or table.index >= since.to_period(unit)
    return Cohorts(table, since, horizon)


def exhibit(found: Cohorts) -> Exhibit:
    """How is each cohort shown, the ones that cannot be compared included?"""
    rows: list[Row] = []
    for period, row in found.table.iterrows():
        note = "" if row["recorded"] else "not comparable: wins were not yet recorded"
        note = note or ("" if row["seen"] else f"too young: seen for less than {count(found.horizon, 'day')}")
        rows.append(rate_row(_name(period), int(row["k"]), int(row["n"]), note, hidden=bool(note)))
    left_out = [str(row["label"]) for row in rows if str(row["note"]).startswith("not comparable")]
    since = f" Wins are recorded since {day(found.since)}." if found.since is not None else ""
    return Exhibit(
        key="funnel.cohorts", shape="intervals", rows=rows, play="P3", source="Stage history of leads",
        title=_change(found)[0], columns=rate_columns("Handed over in", "Leads"),
        lead=f"Share won {found.within} of the handover, so that old and young cohorts compare."
        + since,
        read="Each line is a cohort: the tick its share, the bar its 95 % interval (Wilson). All leads of a "
        f"cohort have been seen for the whole {count(found.horizon, 'day')}.",
        says_not=f"Why a share moved. Nothing about {listed(left_out)}." if left_out else "Why a share moved.",
        alt=f"Intervals of the share won {found.within}, by cohort.",
    )  # fmt: skip


def finding(found: Cohorts) -> Finding | None:
    """Did the latest cohort do better or worse than those before it, at equal age? None with fewer than two cohorts."""
    if len(found.usable) < 2:
        return None
    title, level = _change(found)
    k, n, k_before, n_before = _last_and_before(found)
    gap = newcombe(k, n, k_before, n_before)
    measure = measured(gap, "share", "difference of shares, Newcombe 95 %", None, n)
    return Finding(
        key="funnel.cohorts", theme="handoff", title=title, measure=measure, play="P3", limit=0.0,
        direction="at_least", level=level,
        detail=f"{of(k, n)} against {of(k_before, n_before)} in {count(len(found.usable) - 1, 'cohort')} before; "
        f"change {interval(measure.low, measure.high, 'share')} points.",
        rule="95 % interval of the change at equal age, against no change",
        settle="" if level != "unclear" else f"further cohorts, each seen for {count(found.horizon, 'day')}",
    )  # fmt: skip


def _last_and_before(found: Cohorts) -> tuple[int, int, int, int]:
    """How many of how many in the latest usable cohort, and in all those before it?"""
    counts = found.usable[["k", "n"]]
    now, before = counts.iloc[-1], counts.iloc[:-1].sum()
    return int(now["k"]), int(now["n"]), int(before["k"]), int(before["n"])


def _change(found: Cohorts) -> tuple[str, Level]:
    if len(found.usable) < 2:
        return f"Too few cohorts have been seen for {count(found.horizon, 'day')} to compare", "unclear"
    k, n, k_before, n_before = _last_and_before(found)
    gap = newcombe(k, n, k_before, n_before)
    said = f"{value(k / n, 'share')} {found.within}, against {value(k_before / n_before, 'share')} before"
    name = _name(found.usable.index[-1])
    if gap.high is not None and gap.high < 0:
        return f"Leads of {name} were won less often: {said}", "watch"
    if gap.low is not None and gap.low > 0:
        return f"Leads of {name} were won more often: {said}", "good"
    return f"No change can be told for leads of {name}: {said}", "unclear"


def by_source(one: Step, sources: pd.Series, settings: Settings) -> Exhibit:
    """Which share of each source's leads has been won so far?"""
    won = one.outcome == 1
    frame = pd.DataFrame({"label": sources.fillna("(blank)").to_numpy(), "won": won})
    table = frame.groupby("label")["won"].agg(["sum", "count"]).sort_values("count", ascending=False)
    rows = [rate_row("All leads", int(won.sum()), len(won))]
    rows += [rate_row(str(label), int(row["sum"]), int(row["count"])) for label, row in table.iterrows()]
    named = [row for row in rows[1:] if row["n"] >= MONTHLY_FROM and row["label"].lower() not in _NAMELESS]
    large = sorted(named, key=lambda row: row["value"])
    title = f"{number(int(won.sum()))} of {number(len(won))} leads were won so far: {value(won.mean(), 'share')}"
    if len(large) > 1 and large[0]["high"] < large[-1]["low"]:
        title = (
            f"Sources differ: {value(large[0]['value'], 'share')} of {large[0]['label']} leads were won, "
            f"{value(large[-1]['value'], 'share')} of {large[-1]['label']}"
        )
    return Exhibit(
        key="funnel.by_source", shape="intervals", rows=rows, title=title, play="P3", source="Stage history of leads",
        lead=f"Won by {day(settings.as_of)}, as a share of all leads handed over.",
        columns=rate_columns("Source", "Leads"),
        read="Each line is a source: the tick its share won so far, the bar its 95 % interval (Wilson).",
        says_not="Young leads count as not won yet, so these shares can only rise. Sources differ in what they bring, "
        "not only in how good it is.",
        alt=f"Intervals of the share won, by {len(rows) - 1} sources.",
    )  # fmt: skip


def _name(period: Any) -> str:
    return f"{period.to_timestamp():%B %Y}" if period.freqstr.startswith("M") else f"Q{period.quarter} {period.year}"
