"""How many opportunities are won, what are they worth and how long do they take, open ones counted?"""

from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import rate, rate_columns, rate_row
from alignlib.diagnostics.funnel.spells import days_between
from alignlib.engagement import Settings
from alignlib.incidence import incidence, kaplan_meier
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Row, columns
from alignlib.words import count, interval, number, of, value

_SQL = """
select opportunity_id, lead_id, outcome, opened_at, closed_at, amount, owner_id as owner, region, product, segment,
  persona, conversation from opportunities order by opportunity_id, file, record
"""
MOST_BACKWARDS = 0.2  # of closed opportunities: where more close before they open, the dates mean something else
_CUTS = (("region", "Region:"), ("product", "Product:"), ("quarter", "Closed in"))


def read_deals(tables: Tables) -> pd.DataFrame:
    """What is each opportunity: how does it stand, since when, for how much, and who holds it?"""
    deals = tables.query(_SQL)
    return deals.assign(quarter=pd.to_datetime(deals["closed_at"]).dt.to_period("Q"))


def win_rate(deals: pd.DataFrame, settings: Settings) -> Finding:
    """Which share of closed opportunities is won, allowing for sellers who differ?"""
    closed = deals[deals["outcome"] != "open"]
    measure = rate((closed["outcome"] == "won").to_numpy(), closed["owner"])
    said = value(measure.value, "share")
    return finding(
        "funnel.win_rate", "win_rate", measure, settings,
        {
            "beyond": f"Only {said} of closed opportunities are won",
            "unclear": f"Whether enough opportunities are won cannot be told: {said} of those closed",
            "none": f"{said} of closed opportunities are won",
        },
        theme="metrics", play="P6", counted=f"{of(measure.k or 0, len(closed))} closed opportunities",
        settle="more closed opportunities, from more sellers",
    )  # fmt: skip


def win_rates(deals: pd.DataFrame, settings: Settings) -> Exhibit:
    """How does the win rate differ by region, product and quarter?

    Quarters after the period or not over by the as-of day say so; so does the first.
    """
    closed = deals.loc[deals["outcome"] != "open", ["outcome", "owner", *(column for column, _ in _CUTS)]]
    won, owners = (closed["outcome"] == "won").to_numpy(), closed["owner"].to_numpy(dtype=object)
    at, alone = rate(won, owners), rate_row("All closed", rate(won))
    rows = [alone]
    if at.method.startswith("clustered"):
        rows = [alone | {"label": "All closed, sellers differing", "low": at.low, "high": at.high,
                         "note": f"clustered by {count(closed['owner'].nunique(), 'owner')}"},
                alone | {"note": "the same, as if deals were independent"}]  # fmt: skip
    for column, name in _CUTS:
        group, keys = pd.factorize(closed[column], sort=True)
        for i, key in enumerate(keys if len(keys) > 1 else ()):
            found = rate(won[group == i], owners[group == i])
            note = _edge(key, keys[0], settings) if column == "quarter" else ""
            rows.append(rate_row(f"{name} {_quarter(key)}", found, note))
    return Exhibit(
        key="funnel.win_rate", shape="intervals", rows=rows, play="P6", source="Opportunities",
        title=f"{of(int(won.sum()), len(won))} closed opportunities were won: {value(float(won.mean()), 'share')}",
        columns=rate_columns("Opportunities", n="Closed"),
        read="Each line is a group: the tick its win rate, the bar its 95 % interval (clustered by owner where two "
        "or more decided, else Wilson). At the start of a record only quick deals can be closed: that quarter does not "
        "compare.",
        says_not="Many groups are looked at here: the widest difference among them is not proof of one.",
        alt=f"Intervals of the win rate for {len(rows)} groups.",
    )  # fmt: skip


def _edge(quarter: pd.Period, first: pd.Period, settings: Settings) -> str:
    """Why does a quarter not compare: is it the first recorded, not over yet, or after the period?"""
    notes = ["start of the record"] if quarter == first else []
    if quarter.start_time.date() <= settings.as_of < quarter.end_time.date():
        notes.append(f"to {settings.as_of.day} {settings.as_of:%B} only")
    elif quarter.start_time.date() > settings.period.end:
        notes.append("after the period")
    return ", ".join(notes)


def summary(deals: pd.DataFrame, settings: Settings) -> Exhibit:
    """How many opportunities are won, lost and open, worth what, and after how many days?

    Rows: one an outcome, with count, amount and the median of days from opening to closing; then all of them with open
    ones censored at the as-of date (Kaplan-Meier), and the share won within the horizon with lost ones competing.
    """
    rows, told = list[Row](), deals[["outcome", "opened_at", "closed_at", "amount"]]
    for outcome, label in (("won", "Won"), ("lost", "Lost"), ("open", "Open")):
        group = told[deals["outcome"] == outcome]
        days, _, odd = durations(group, settings)
        amount = int(group["amount"].fillna(0).sum())
        rows.append({
            "label": label, "n": len(group), "amount": amount or None,
            "median_days": float(np.median(days)) if len(days) and outcome != "open" else None,
            "note": "; ".join((["no amount recorded"] if len(group) and not amount else []) + odd),
        })  # fmt: skip
    spans, ended, odd = durations(deals, settings)
    stay = kaplan_meier(spans, ended > 0)
    curve = incidence(spans, ended)
    horizon = min(float(settings.funnel.horizon_days), curve.last)
    won_by = curve.at(horizon)
    rows.append({
        "label": "All, open ones still counting", "n": len(spans), "amount": None, "median_days": stay.quantile(0.5),
        "note": "; ".join(([f"{value(won_by.value, 'share')} of {'' if odd else 'all '}"
                            f"{count(len(spans), 'opportunity', 'opportunities')}, with or without a lead, won within "
                            f"{count(int(horizon), 'day')} ({interval(won_by.low, won_by.high, 'share')})"]
                           if 2 * len(spans) > len(deals) else []) + odd),
    })  # fmt: skip
    typical = rows[0]["median_days"]
    return Exhibit(
        key="funnel.deals", shape="table", is_detail=True, rows=rows, source="Opportunities", play="P6",
        title=f"{number(rows[0]['n'])} opportunities won for "
        f"{value(rows[0]['amount'] or 0, 'money', settings.currency)}"
        + (f", half of them within {value(typical, 'days')}" if typical is not None else ""),
        columns=columns(
            label=("Opportunities", "text"), n=("How many", "count"), amount=("Amount", "money"),
            median_days=("Median days", "days"), note=("Note", "text"),
        ),
        read="Days run from opening to closing. In the last row open opportunities count for as long as they have been "
        "open: medians over closed ones alone come out too short. Opportunities without a known length, as the notes "
        "count them, are left out of days.",
        says_not="What open opportunities will bring.", alt="Table of opportunities by outcome.",
    )  # fmt: skip


def durations(deals: pd.DataFrame, settings: Settings) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """How long was each opportunity open (days), and how did it end (0 open, 1 won, 2 lost)?

    Also how many have no known length, and why: those are left out. Open ones count until the as-of day. No length is
    told at all where more than one, and more than a fifth, of the closed ones were closed before they were opened.
    """
    outcome = deals["outcome"].to_numpy(dtype=object)
    ended = np.where(outcome == "won", 1, np.where(outcome == "lost", 2, 0))
    opened, closed = (deals[name].to_numpy(dtype="M8[us]") for name in ("opened_at", "closed_at"))
    closed = np.where(ended == 0, np.datetime64(settings.as_of, "us"), closed)
    days = days_between(opened.astype("M8[D]"), closed.astype("M8[D]"))
    started, is_open = ~np.isnat(opened), ended == 0
    dated, backwards = np.isfinite(days) & ~is_open, (days < 0) & ~is_open
    odd = {
        "without a start": ~started, "closed without a date": started & np.isnat(closed),
        "closed before opened": backwards, "opened after the as-of day": (days < 0) & is_open,
    }  # fmt: skip
    known = np.isfinite(days) & (days >= 0)
    said = [f"{number(int(which.sum()))} {why}" for why, which in odd.items() if which.any()]
    if backwards.sum() > max(1, MOST_BACKWARDS * dated.sum()):
        known[:] = False
        said.append("so many that no length is told")
    return days[known], ended[known], said


def _quarter(label: Any) -> str:
    return f"Q{label.quarter} {label.year}" if isinstance(label, pd.Period) else str(label)
