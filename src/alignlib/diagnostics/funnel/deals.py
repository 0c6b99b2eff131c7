"""How many opportunities are won, what are they worth and how long do they take, open ones counted?"""

from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import FEWEST_OWNERS, rate, rate_columns, rate_row
from alignlib.diagnostics.funnel.spells import days_between
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Row, columns
from alignlib.stats import clustered_share, incidence, kaplan_meier
from alignlib.words import count, interval, number, of, value

_SQL = """
select outcome, opened_at, closed_at, amount, owner_id as owner, region, product, segment,
  date_diff('day', opened_at, closed_at) as days from opportunities order by opportunity_id, file, record
"""
_CUTS = (("region", "Region:"), ("product", "Product:"), ("quarter", "Closed in"))


def read_deals(tables: Tables) -> pd.DataFrame:
    """What is each opportunity: how does it stand, since when, for how much, and who holds it?"""
    deals = tables.query(_SQL)
    closed = pd.to_datetime(deals["closed_at"])
    deals["quarter"] = closed.dt.to_period("Q")
    return deals


def win_rate(deals: pd.DataFrame, settings: Settings) -> Finding:
    """Which share of closed opportunities is won, allowing for sellers who differ?"""
    closed = deals[deals["outcome"] != "open"]
    measure = rate((closed["outcome"] == "won").to_numpy(), closed["owner"])
    said = value(measure.value, "share")
    return finding(
        "funnel.win_rate", "win_rate", measure, settings,
        {
            "beyond": f"Only {said} of closed opportunities are won",
            "good": f"{said} of closed opportunities are won, as agreed",
            "unclear": f"Whether enough opportunities are won cannot be told: {said} of those closed",
            "none": f"{said} of closed opportunities are won",
        },
        theme="metrics", play="P12", counted=f"{of(measure.k or 0, len(closed))} closed opportunities",
        settle="more closed opportunities, from more sellers",
    )  # fmt: skip


def win_rates(deals: pd.DataFrame) -> Exhibit:
    """How does the win rate differ by region, product and quarter?"""
    closed = deals[deals["outcome"] != "open"]
    won = closed["outcome"] == "won"
    rows = [rate_row("All closed", int(won.sum()), len(won))]
    owners = closed.groupby("owner")["outcome"].agg(won=lambda o: (o == "won").sum(), n="size")
    if len(owners) >= FEWEST_OWNERS:
        at = clustered_share(owners["won"], owners["n"])
        rows.append({**rows[0], "label": "All closed, sellers differing", "value": at.value, "low": at.low,
                     "high": at.high, "note": f"clustered by {count(len(owners), 'owner')}"})  # fmt: skip
    for column, name in _CUTS:
        groups = won.groupby(closed[column])
        if groups.ngroups > 1:
            rows += [rate_row(f"{name} {_quarter(key)}", int(g.sum()), len(g)) for key, g in groups]
    return Exhibit(
        key="funnel.win_rate", shape="intervals", rows=rows, play="P12", source="Opportunities",
        title=f"{of(int(won.sum()), len(won))} closed opportunities were won: {value(won.mean(), 'share')}",
        columns=rate_columns("Opportunities", "Closed"),
        read="Each line is a group: the tick its win rate, the bar its 95 % interval (Wilson). The second line allows "
        "for sellers who differ from one another.",
        says_not="Many groups are looked at here: the widest difference among them is not proof of one.",
        alt=f"Intervals of the win rate for {len(rows)} groups.",
    )  # fmt: skip


def summary(deals: pd.DataFrame, settings: Settings) -> Exhibit:
    """How many opportunities are won, lost and open, worth what, and after how many days?

    Rows: one an outcome, with count, amount and the median of days from opening to closing; then all of them with open
    ones censored at the as-of date (Kaplan-Meier), and the share won within the horizon with lost ones competing.
    """
    rows: list[Row] = []
    for outcome, label in (("won", "Won"), ("lost", "Lost"), ("open", "Open")):
        group = deals[deals["outcome"] == outcome]
        days, amount = group["days"].dropna(), int(group["amount"].fillna(0).sum())
        rows.append({
            "label": label, "n": len(group), "amount": amount or None,
            "median_days": float(days.median()) if len(days) else None,
            "note": "" if amount or not len(group) else "no amount recorded",
        })  # fmt: skip
    spans, ended, unknown = durations(deals, settings)
    stay = kaplan_meier(spans, ended > 0)
    curve = incidence(spans, ended)
    horizon = min(float(settings.funnel.horizon_days), curve.last)
    won_by = curve.at(horizon)
    rows.append({
        "label": "All, open ones still counting", "n": len(spans), "amount": None, "median_days": stay.quantile(0.5),
        "note": f"{value(won_by.value, 'share')} won within {count(int(horizon), 'day')} "
        f"({interval(won_by.low, won_by.high, 'share')})" + (f"; {unknown} without a start" if unknown else ""),
    })  # fmt: skip
    typical = rows[0]["median_days"]
    return Exhibit(
        key="funnel.deals", shape="table", rows=rows, source="Opportunities", play="P12",
        title=f"{number(rows[0]['n'])} opportunities won for "
        f"{value(rows[0]['amount'] or 0, 'money', settings.currency)}"
        + (f", half of them within {value(typical, 'days')}" if typical is not None else ""),
        columns=columns(
            label=("Opportunities", "text"), n=("How many", "count"), amount=("Amount", "money"),
            median_days=("Median days", "days"), note=("Note", "text"),
        ),
        read="Days run from opening to closing. In the last row open opportunities count for as long as they have been "
        "open: medians over closed ones alone come out too short.",
        says_not="What open opportunities will bring.", alt="Table of opportunities by outcome.",
    )  # fmt: skip


def durations(deals: pd.DataFrame, settings: Settings) -> tuple[np.ndarray, np.ndarray, int]:
    """How long was each opportunity open (days), how did it end (0 open, 1 won, 2 lost), and how many have no start?"""
    last_day = pd.Timestamp(settings.as_of)
    until = pd.to_datetime(deals["closed_at"]).fillna(last_day)
    days = days_between(pd.to_datetime(deals["opened_at"]).dt.normalize(), until.dt.normalize())
    ended = deals["outcome"].map({"open": 0, "won": 1, "lost": 2}).to_numpy(int)
    known = np.isfinite(days) & (days >= 0)
    return days[known], ended[known], int((~known).sum())


def _quarter(label: Any) -> str:
    return f"Q{label.quarter} {label.year}" if isinstance(label, pd.Period) else str(label)
