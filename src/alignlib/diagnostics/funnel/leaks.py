"""Where does each lead that was handed over end, how many end where nobody chose, and what were those worth?"""

from collections import Counter

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel import worth
from alignlib.diagnostics.funnel.rates import owners_known, rate
from alignlib.diagnostics.funnel.spells import end_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, NotJudged, Part, Row, columns
from alignlib.words import count, of, share, value

BUCKETS: dict[str, tuple[str, str]] = {
    "won": ("Won", "done"), "lost": ("Lost", "decided"), "recycled": ("Recycled", "decided"),
    "disqualified": ("Disqualified", "decided"), "open": ("Still open", "open"),
    "untouched": ("Untouched past promise", "leaked"), "no_owner": ("No owner", "leaked"),
    "no_next_step": ("No next step", "leaked"),
}  # fmt: skip
LEAKS = [name for name, (_, kind) in BUCKETS.items() if kind == "leaked"]


def part(tables: Tables, settings: Settings, handed: pd.DataFrame, deals: pd.DataFrame) -> Part:
    """How many leads end where nobody chose, and what is the expected value of those?

    ``handed`` from ``handed_over``; ``deals`` from ``read_deals``.
    Leaks are judged only when the files say who touched leads and who holds them.
    """
    bucket = buckets(handed, tables, settings)
    judged = tables.has("sales_touches") and owners_known(tables, handed)
    if not judged:
        shown = [leaks(bucket, False)] if set(bucket) - {"won", "open"} else []
        return Part(exhibits=shown, not_judged=_not_judged(tables, handed))
    found, labels = leaked(handed, bucket, settings), {name: BUCKETS[name][0] for name in LEAKS}
    leak = bucket.where(bucket.isin(LEAKS)).map(labels)
    priced = worth.part(settings, handed, leak, deals, years(handed, settings))
    shown = [leaks(bucket, True), *priced.exhibits]
    if priced.exhibits:
        shown += leaked_deals(handed["lead_id"][leak.notna()], deals, settings)
    gaps = priced.not_judged if found else [_TOO_EARLY, *priced.not_judged]
    return Part([found] if found else [], shown, priced.caveats, gaps)


def years(handed: pd.DataFrame, settings: Settings) -> float:
    """Over how many years were leads handed over: those of the period, or more where they reach beyond it?"""
    told = (settings.period.end - settings.period.start).days + 1
    seen = int((handed["mql_at"].max() - handed["mql_at"].min()).days) + 1
    return round(max(told, seen) / 365.25, 6)


def leaked_deals(leads: pd.Series, deals: pd.DataFrame, settings: Settings) -> list[Exhibit]:
    """Which deals belong to leads that leaked, by segment, and worth how much a year?

    Deals opened in the period, with a segment and an amount: whoever adds the value of leaks to another sum over the
    same deals must not count these twice. None when there are none.
    """
    days = (settings.period.end - settings.period.start).days + 1
    opened = pd.to_datetime(deals["opened_at"]).dt.normalize()
    is_here = opened.between(pd.Timestamp(settings.period.start), pd.Timestamp(settings.period.end))
    is_here &= deals["lead_id"].isin(leads) & deals["segment"].notna() & (deals["amount"] > 0)
    here = deals.loc[is_here, ["segment", "amount"]]
    rows: list[Row] = [
        {"label": str(segment), "n": len(amounts), "amount": round(float(amounts.sum()) / days * 365.25)}
        for segment, amounts in here.groupby("segment")["amount"]
    ]
    if not rows:
        return []
    said = value(sum(row["amount"] for row in rows), "money", settings.currency)
    return [Exhibit(
        key="funnel.leaked_deals", shape="table", rows=rows, is_detail=True, play="P9",
        title=f"{count(len(here), 'deal')} of leaked leads opened in the period, worth {said} a year",
        source="Stage history of leads, opportunities",
        columns=columns(label=("Segment", "text"), n=("Deals", "count"), amount=("Value a year", "money")),
        read="Deals of leads that leaked, by segment: they stand in the price of leaks, and count only once where that "
        "is added to what else these deals might bring.",
        says_not="That these deals are lost.", alt=f"Table of the deals of leaked leads in {len(rows)} segments.",
    )]  # fmt: skip


def buckets(handed: pd.DataFrame, tables: Tables, settings: Settings) -> pd.Series:
    """In exactly one of which buckets does each handed-over spell end?

    Decided spells first (won, lost, recycled, disqualified). Of the open ones: *untouched* when the promised time
    (``due_at``) is over without any touch and nobody decided on it (a later stage proves that somebody acted: there the
    touch is not recorded), else *no owner* when nobody holds it, else *no next step* when neither touch nor stage event
    happened for ``promises.stalled_days``, else *open*. A rule whose data was not delivered puts nothing anywhere, nor
    does *untouched* for leads handed over before touches were recorded (``n_touches`` missing).
    """
    end = end_of(settings).to_datetime64()
    left, bucket = handed["exit"].notna().to_numpy(), np.full(len(handed), "open", dtype=object)
    if tables.has("sales_touches"):
        last = np.fmax(handed["last_event_at"].to_numpy(), handed["last_touch_at"].to_numpy())
        bucket[last + np.timedelta64(settings.promises.stalled_days, "D") < end] = "no_next_step"
    if owners_known(tables, handed):
        bucket[handed["owner"].isna().to_numpy()] = "no_owner"
    if tables.has("sales_touches"):
        nothing = handed["n_touches"].notna() & handed["first_touch_at"].isna() & handed["decided_at"].isna()
        bucket[nothing.to_numpy() & (handed["due_at"].to_numpy() <= end)] = "untouched"
    bucket[left] = handed["exit"].to_numpy()[left]
    bucket[handed["won_at"].notna().to_numpy()] = "won"
    return pd.Series(bucket, index=handed.index)


def leaked_spells(spells: pd.DataFrame, bucket: pd.Series) -> np.ndarray:
    """Which of all spells leaked, as one flag a spell? ``bucket``: of those that were handed over, in their order."""
    flags = np.zeros(len(spells), bool)
    flags[spells["mql_at"].notna()] = bucket.isin(LEAKS)
    return flags


def leaked(handed: pd.DataFrame, bucket: pd.Series, settings: Settings) -> Finding | None:
    """Which share of handed-over leads ends where nobody chose: untouched, without owner or without next step?

    Of those decided on, or past their promised time (``promises.stalled_days`` where none was promised): younger open
    ones would only flatter. None when there is none. Clustered by who held them at the handover: whoever holds a lead
    last may follow from its having leaked.
    """
    decided = [name for name, (_, kind) in BUCKETS.items() if kind in ("done", "decided")]
    stalled = handed["mql_at"] + pd.Timedelta(days=settings.promises.stalled_days)
    ripe = bucket.isin(decided) | (handed["due_at"].fillna(stalled) <= end_of(settings))
    if not ripe.any():
        return None
    measure = rate(bucket[ripe].isin(LEAKS).to_numpy(), handed["decider"][ripe])
    said = value(measure.value, "share")
    return finding(
        "funnel.leaked", "leaked_leads", measure, settings,
        {
            "good": f"Few leads are left behind: {said} have no touch, no owner or no next step",
            "unclear": f"Whether too many leads are left behind cannot be told: {said} are",
            "none": f"{said} of leads end with no touch, no owner or no next step",
        },
        theme="handoff", play="P9", counted=f"{of(measure.k or 0, measure.n or 0)} leads handed over, "
        "each decided on or past its promised time",
        settle="more leads handed over, or the touches of all sellers",
    )  # fmt: skip


def leaks(bucket: pd.Series, judged: bool) -> Exhibit:
    """Where does each handed-over lead end, in shares that add up to 100 %? ``judged``: leaks could be told at all."""
    counts = Counter(bucket.tolist())
    rows: list[Row] = [
        {"label": label, "kind": kind, "n": counts[name], "share": counts[name] / len(bucket)}
        for name, (label, kind) in BUCKETS.items()
        if counts[name]
    ]
    lost = int(bucket.isin(LEAKS).sum())
    return Exhibit(
        key="funnel.leaks", shape="stack", play="P9", rows=rows, source="Stage history of leads, sales activities",
        title=f"{share(lost / len(bucket))} of leads handed over end where nobody chose: no touch, owner or next step"
        if judged
        else f"{of(counts['won'], len(bucket))} leads are won; whether open ones leaked is not recorded",
        lead=f"{count(len(bucket), 'lead')} handed over" + (f"; {of(lost, len(bucket))} leaked." if judged else "."),
        columns=columns(
            label=("Where it ended", "text"), kind=("Kind", "text"), n=("Leads", "count"), share=("Share", "share"),
        ),
        read="All leads handed over, each in one place. Decided: somebody said no or not yet. Leaked: no touch though "
        "the promised time is over, no owner, or no next step.",
        says_not="What leaked leads would have been worth.",
        alt=f"Stacked bar of {len(rows)} places where leads ended.",
    )  # fmt: skip


_TOO_EARLY = NotJudged(
    what="Whether leads are left behind", why="the promised time still runs for every lead, and none was decided on",
    settle="the same files at a later date", theme="handoff",
)  # fmt: skip


def _not_judged(tables: Tables, handed: pd.DataFrame) -> list[NotJudged]:
    cases = (
        (tables.has("sales_touches"), "Leads without a touch or a next step",
         "no file of calls, e-mails and meetings was delivered", "sales activities with lead id and time"),
        (owners_known(tables, handed), "Leads without an owner", "no file says who holds a lead",
         "the owner of each lead"),
    )  # fmt: skip
    return [
        NotJudged(what=what, why=why, settle=settle, theme="handoff")
        for judged, what, why, settle in cases
        if not judged
    ]
