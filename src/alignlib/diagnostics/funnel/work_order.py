"""Does Sales pick leads by score, age or warmth?"""

import numpy as np
import pandas as pd

from alignlib.association import FEWEST_CLUSTERS, slopes
from alignlib.diagnostics.funnel.rates import gap, owner_codes
from alignlib.diagnostics.funnel.spells import days_between, same_lead
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, NotJudged, Part, Row, columns
from alignlib.stats import Interval
from alignlib.words import capital, count, interval, listed, number, of, value

WARM_DAYS = 14
_THEME = "handoff"
_WARMTH = f"""
with handed as (select distinct lead_id, entered_at as mql_at from stage_events where stage = 'mql')
select h.lead_id, h.mql_at, count(*) as warmth from handed h join campaign_touches t on t.lead_id = h.lead_id
  and t.touched_at <= h.mql_at and t.touched_at >= h.mql_at - interval {WARM_DAYS} day
group by h.lead_id, h.mql_at
"""
_DRIVERS = {  # column: its name, what more of it is, its unit, and what would settle it
    "score": ("Score", "higher scores", "points of score", "the score of most leads at handover"),
    "age": ("Days since the inquiry", "older inquiries", "days", "the time of the inquiry of most leads"),
    "warmth": (f"Responses in {WARM_DAYS} days before", "more recent responses", "responses",
               "campaign responses by lead and time"),
}  # fmt: skip


def part(tables: Tables, settings: Settings, handed: pd.DataFrame) -> Part:
    """Which leads does Sales touch in time: those with the better score, the older or the warmer ones?

    Reads spells whose promised time is over (``in_time`` is known), with score, days since the inquiry of the spell and
    responses to Marketing in the 14 days before the handover. What was not recorded is listed, and no zero.
    """
    ripe = handed["in_time"].notna()
    if not ripe.any():
        return Part(not_judged=[NotJudged(
            what="Whether Sales picks leads by score, age or warmth", theme=_THEME, why="no lead can be told to have "
            "been touched in time or not", settle="a promised time, and sales activities with the time of day",
        )])  # fmt: skip
    used = ["lead_id", "mql_at", "inquiry_at", "score", "in_time", "owner", "mql_owner"]
    leads = _leads(tables, handed.loc[ripe, used])
    shown = [name for name in _DRIVERS if leads[name].notna().mean() >= 0.5 and leads[name].nunique() > 1]
    found = Part(not_judged=[
        NotJudged(what=f"Whether Sales picks leads by this: {label[0].lower()}{label[1:]}", theme=_THEME, settle=settle,
                  why="not recorded for half of the leads, or the same for all")
        for name, (label, *_, settle) in _DRIVERS.items() if name not in shown
    ])  # fmt: skip
    if "score" in shown:
        found.findings.append(_finding(leads[leads["score"].notna()], settings))
    if shown:
        found.exhibits += _exhibit(leads, shown)
    return found


def _leads(tables: Tables, ripe: pd.DataFrame) -> pd.DataFrame:
    """One row a lead: whether it was touched in time, who held it, and what Sales could have picked it by."""
    owners = owner_codes(tables, ripe)
    age = days_between(ripe["inquiry_at"], ripe["mql_at"])
    leads = ripe[["lead_id", "mql_at", "score"]].assign(
        hit=ripe["in_time"].to_numpy(bool), age=np.where(age < 0, np.nan, age), warmth=np.nan,
        owner=-1 if owners is None else owners,
    )  # fmt: skip
    if tables.has("campaign_touches"):
        counted, warmth = tables.query(_WARMTH), np.zeros(len(leads))
        row, place = same_lead(leads["lead_id"], counted["lead_id"])
        same = leads["mql_at"].to_numpy()[row] == counted["mql_at"].to_numpy()[place]
        warmth[row[same]] = counted["warmth"].to_numpy()[place[same]]
        leads["warmth"] = warmth
    return leads


def _finding(leads: pd.DataFrame, settings: Settings) -> Finding:
    """By how much more often is the better half by score touched in time? Equal scores stay in one half."""
    score, middle = leads["score"], leads["score"].median()
    is_better = min((score > middle, score >= middle), key=lambda side: abs(side.mean() - 0.5))
    halves = [leads[is_better], leads[~is_better]]
    hits, owners = ([half[name].to_numpy() for half in halves] for name in ("hit", "owner"))
    measure = gap(*hits, *owners).model_copy(update={"n": len(leads)})
    claim = " against ".join(value(float(half.mean()), "share") for half in hits) + " in time"
    return finding(
        "funnel.work_order", "work_order", measure, settings,
        {
            "beyond": f"Sales reaches the better half by score sooner: {claim}",
            "good": f"The better half by score is not preferred beyond what was agreed: {claim}",
            "unclear": f"Whether Sales prefers the better half by score beyond what was agreed cannot be told: {claim}",
            "none": f"First touches of the better and of the weaker half by score: {claim}",
        },
        theme=_THEME, play="P4", settle="more leads with a score whose promised time is over, from more sellers",
        counted=" and ".join(of(int(half.sum()), len(half)) for half in hits) + " touched in time",
    )  # fmt: skip


def _exhibit(leads: pd.DataFrame, shown: list[str]) -> list[Exhibit]:
    """By how much more often is a lead touched in time for one standard deviation more of each, the others equal?"""
    known = leads.dropna(subset=shown)
    scale = known[shown].std(ddof=0)
    found = slopes(known["hit"], (known[shown] - known[shown].mean()) / scale, known["owner"])
    if any(at.value is None for at in found):  # two of them say the same, or one is the same for all
        return []
    rows: list[Row] = [
        {"label": _DRIVERS[name][0], "value": at.value, "low": at.low, "high": at.high, "step": float(scale[name]),
         "n": len(known), "note": _note(at)} for name, at in zip(shown, found, strict=True)
    ]  # fmt: skip
    clear = [_clear(name, row) for name, row in zip(shown, rows, strict=True) if row["note"] != "cannot tell"]
    lacks = " or ".join(_DRIVERS[name][0] for name in shown if leads[name].isna().any()).lower()
    left, has_sellers = len(leads) - len(known), known.loc[known["owner"] >= 0, "owner"].nunique() >= FEWEST_CLUSTERS
    return [Exhibit(
        key="funnel.work_order", shape="intervals", rows=rows, play="P4", source="Leads, sales and campaign activities",
        title=capital("; ".join(clear)) or f"No order of work by {listed(shown)} can be told",
        lead=f"{count(len(known), 'lead')} whose promised time is over"
        + (f"; {number(left)} left out: {lacks} not recorded." if left else "."),
        columns=columns(
            label=("One standard deviation more of", "text"), low=("from", "pp"), high=("to", "pp"),
            value=("Touched in time more often by", "pp"),
            step=("One standard deviation", "count"), n=("Leads", "count"), note=("What it says", "text"),
        ),
        read="Right of zero: leads with more of this get a first touch in time more often, in percentage points, the "
        f"rest held equal. The bar is the 95 % interval{', allowing for sellers who differ' if has_sellers else ''}.",
        says_not="Whether anyone chose, or the queue did. A straight line is laid through shares. Where leads that "
        "Marketing scored low get fewer tries in time, a poor score and a late first touch cannot be told apart from "
        "what became of them.",
        alt=f"Intervals of {count(len(rows), 'slope')} of the share touched in time.",
    )]  # fmt: skip


def _clear(name: str, row: Row) -> str:
    """With what does more of this go, by how much for how much more of it, and how sure is that?"""
    _, more, unit, _ = _DRIVERS[name]
    size = f"{value(row['value'], 'pp')} ({interval(row['low'], row['high'], 'pp')})"
    step = number(row["step"], 0 if row["step"] >= 10 else 1)
    return f"{more} {str(row['note']).replace('goes', 'go')}: {size} for every {step} {unit}"


def _note(at: Interval) -> str:
    sides = {(True, True): "goes with a first touch in time", (False, False): "goes with a late first touch"}
    return sides.get(((at.low or 0.0) > 0, (at.high or 0.0) >= 0), "cannot tell")
