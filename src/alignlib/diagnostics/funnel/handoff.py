"""When is a lead first touched after the handover, and where does each lead end?"""

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import rate
from alignlib.diagnostics.funnel.spells import days_between, end_of, spells_sql
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Row, columns
from alignlib.stats import incidence
from alignlib.words import count, number, of, share, value

BUCKETS: dict[str, tuple[str, str]] = {
    "won": ("Won", "done"), "lost": ("Lost", "decided"), "recycled": ("Recycled", "decided"),
    "disqualified": ("Disqualified", "decided"), "open": ("Still open", "open"),
    "untouched": ("Untouched past promise", "leaked"), "no_owner": ("No owner", "leaked"),
    "no_next_step": ("No next step", "leaked"),
}  # fmt: skip
LEAKS = [name for name, (_, kind) in BUCKETS.items() if kind == "leaked"]
_CURVE_DAYS = (0.25, 0.5, 1, 2, 3, 5, 7, 10, 14, 21, 30)
_TOUCHES = """
select s.lead_id, s.spell, min(t.touched_at) as first_touch_at, max(t.touched_at) as last_touch_at
from s join sales_touches t on t.lead_id = s.lead_id
  and t.touched_at >= s.mql_at and (s.next_spell_at is null or t.touched_at < s.next_spell_at)
group by s.lead_id, s.spell
"""


def handed_over(tables: Tables, spells: pd.DataFrame) -> pd.DataFrame:
    """Which spells were handed over (entered MQL), and when was each first and last touched by Sales after that?

    A touch belongs to the spell in which it falls. Without ``sales_touches`` both times are missing, which is
    *unknown*, never "not touched": ask ``tables.has`` first.
    """
    handed = spells[spells["mql_at"].notna()].reset_index(drop=True)
    if not tables.has("sales_touches"):
        missing = pd.Series(pd.NaT, index=handed.index, dtype="datetime64[us]")
        return handed.assign(first_touch_at=missing, last_touch_at=missing)
    touches = tables.query(f"with s as ({spells_sql(tables)}) {_TOUCHES}")
    return handed.merge(touches, how="left", on=["lead_id", "spell"])


def clock_is_too_coarse(tables: Tables, settings: Settings) -> bool:
    """Is a promise counted in hours judged by files that know only the day?"""
    day_only = {"stage_events.entered_at", "sales_touches.touched_at"} & tables.day_only
    return bool(day_only) and (settings.promises.first_touch_hours or 0) < 48


def owners_known(tables: Tables, handed: pd.DataFrame) -> bool:
    """Do the files say who holds a lead? Owners of wins alone do not: they are known only because of the win."""
    return tables.filled("leads", "owner_id") or bool(handed["mql_owner"].notna().any())


def first_touch(handed: pd.DataFrame, settings: Settings) -> Finding:
    """Which share of leads is first touched within the promised time?

    Leads whose time is not yet over at the as-of date are left aside, touched or not: counting only the quick ones
    among them would flatter.
    """
    hours = settings.promises.first_touch_hours or 0
    due = handed["mql_at"] + pd.Timedelta(hours=hours)
    ripe = (due <= end_of(settings)).to_numpy()
    in_time = (handed["first_touch_at"] <= due).to_numpy()[ripe]
    measure = rate(in_time, handed["owner"][ripe])
    said = value(measure.value, "share")
    return finding(
        "funnel.first_touch", "first_touch_in_time", measure, settings,
        {
            "beyond": f"Only {said} of leads get a first touch in time",
            "good": f"{said} of leads get a first touch in time, as agreed",
            "unclear": f"Whether leads are touched in time as agreed cannot be told: {said} are",
            "none": f"{said} of leads get a first touch within {number(hours)} hours",
        },
        theme="handoff", play="P4", counted=f"{of(int(in_time.sum()), len(in_time))} within {number(hours)} hours",
        settle="more leads whose promised time is over, from more sellers",
    )  # fmt: skip


def touch_curve(handed: pd.DataFrame, settings: Settings) -> Exhibit:
    """Which share of leads has been touched by which day after the handover?"""
    end = end_of(settings)
    left = handed["last_event_at"].where(handed["exit"].notna() | handed["won_at"].notna(), end)
    touched = handed["first_touch_at"].notna()
    stop = handed["first_touch_at"].where(touched, left)
    days = days_between(handed["mql_at"], stop)
    outcome = np.where(touched, 1, np.where(left < end, 2, 0))
    curve = incidence(np.maximum(days, 0), outcome)
    points = {day: curve.at(day) for day in (0.0, *_CURVE_DAYS) if day <= curve.last}
    hours = settings.promises.first_touch_hours or 24
    by_then, by_week = curve.at(min(hours / 24, curve.last)), curve.at(min(7, curve.last))
    return Exhibit(
        key="funnel.touch", shape="curve", play="P4", limit=settings.thresholds.get("first_touch_in_time"),
        title=f"{value(by_then.value, 'share')} of leads are touched within {number(hours)} hours, "
        f"{value(by_week.value, 'share')} within a week",
        columns=columns(
            label=("Series", "text"), day=("Days after handover", "days"), share=("Touched so far", "share"),
            low=("from", "share"), high=("to", "share"),
        ),
        rows=[
            {"label": "First touch", "day": day, "share": at.value, "low": at.low, "high": at.high}
            for day, at in points.items()
        ],
        read="The line climbs as leads get their first call or e-mail after the handover; where it flattens, the rest "
        "are left. The band is the 95 % interval. Leads that leave the funnel untouched never count as touched.",
        says_not="Whether a touch reached anybody.", source="Stage history of leads, sales activities",
        alt="Curve of the share of leads touched, by days after handover.",
    )  # fmt: skip


def buckets(handed: pd.DataFrame, tables: Tables, settings: Settings) -> pd.Series:
    """In exactly one of which buckets does each handed-over spell end?

    Decided spells first (won, lost, recycled, disqualified). Of the open ones: *untouched* when the promised time is
    over without any touch, else *no owner* when nobody holds it, else *no next step* when neither touch nor stage event
    happened for ``promises.stalled_days``, else *open*. A rule whose data was not delivered puts nothing anywhere.
    """
    end = end_of(settings)
    bucket = pd.Series("open", index=handed.index)
    if tables.has("sales_touches"):
        last = handed[["last_event_at", "last_touch_at"]].max(axis=1)
        stalled = last + pd.Timedelta(days=settings.promises.stalled_days) < end
        bucket[stalled] = "no_next_step"
    if owners_known(tables, handed):
        bucket[handed["owner"].isna()] = "no_owner"
    if tables.has("sales_touches") and settings.promises.first_touch_hours:
        due = handed["mql_at"] + pd.Timedelta(hours=settings.promises.first_touch_hours)
        bucket[handed["first_touch_at"].isna() & (due <= end)] = "untouched"
    bucket = bucket.mask(handed["exit"].notna(), handed["exit"])
    return bucket.mask(handed["won_at"].notna(), "won")


def leaked_spells(spells: pd.DataFrame, handed: pd.DataFrame, bucket: pd.Series) -> pd.Series:
    """Which of all spells leaked, as one flag a spell?"""
    leaks = handed.assign(leaked=bucket.isin(LEAKS))[["lead_id", "spell", "leaked"]]
    return spells[["lead_id", "spell"]].merge(leaks, how="left")["leaked"].fillna(False).astype(bool)


def leaked(handed: pd.DataFrame, bucket: pd.Series, settings: Settings) -> Finding:
    """Which share of handed-over leads ends where nobody chose: untouched, without owner or without next step?"""
    measure = rate(bucket.isin(LEAKS).to_numpy(), handed["owner"])
    said = value(measure.value, "share")
    return finding(
        "funnel.leaked", "leaked_leads", measure, settings,
        {
            "beyond": f"{said} of leads end with no touch, no owner or no next step",
            "good": f"Few leads are left behind: {said} have no touch, no owner or no next step",
            "unclear": f"Whether too many leads are left behind cannot be told: {said} are",
            "none": f"{said} of leads end with no touch, no owner or no next step",
        },
        theme="handoff", play="P9", counted=f"{of(measure.k or 0, len(bucket))} leads handed over",
        settle="more leads handed over, or the touches of all sellers",
    )  # fmt: skip


def leaks(bucket: pd.Series, judged: bool) -> Exhibit:
    """Where does each handed-over lead end, in shares that add up to 100 %? ``judged``: leaks could be told at all."""
    counts = bucket.value_counts()
    rows: list[Row] = [
        {"label": label, "kind": kind, "n": int(counts.get(name, 0)), "share": float(counts.get(name, 0) / len(bucket))}
        for name, (label, kind) in BUCKETS.items()
        if counts.get(name, 0)
    ]
    lost = int(bucket.isin(LEAKS).sum())
    return Exhibit(
        key="funnel.leaks", shape="stack", play="P9", rows=rows, source="Stage history of leads, sales activities",
        title=f"Every lead ends in exactly one place, {share(lost / len(bucket))} of them in none that anyone chose"
        if judged
        else f"{of(int(counts.get('won', 0)), len(bucket))} leads are won; whether open ones leaked is not recorded",
        lead=f"{count(len(bucket), 'lead')} handed over" + (f"; {of(lost, len(bucket))} leaked." if judged else "."),
        columns=columns(
            label=("Where it ended", "text"), kind=("Kind", "text"), n=("Leads", "count"), share=("Share", "share"),
        ),
        read="One bar, all leads handed over. Decided: somebody said no or not yet. Leaked: no touch though the "
        "promised time is over, no owner, or no next step.",
        says_not="What leaked leads would have been worth.",
        alt=f"Stacked bar of {len(rows)} places where leads ended.",
    )  # fmt: skip
