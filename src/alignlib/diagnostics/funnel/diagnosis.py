"""The funnel's answer, put together from spells, steps, handoff, cohorts and deals; what is missing is named."""

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel import cohorts, deals, handoff, passing
from alignlib.diagnostics.funnel.spells import START, read_spells, stages_in
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Finding, NotJudged, Part, Result
from alignlib.words import count, day, of

INPUTS = ("stage_events", "leads", "sales_touches", "opportunities")
QUESTION = "Where do leads stall, between whom, and how sure are we?"


def diagnose(tables: Tables, settings: Settings) -> Result:
    """Where do leads stall between Marketing and Sales, for how long, and how sure are we?

    Reads ``stage_events`` (one row a lead entering a stage), ``leads``, ``sales_touches`` and ``opportunities``; each
    may be absent, and what then cannot be judged is listed. Counts spells, not persons. Says nothing of named sellers.
    Raises nothing for odd data: what durations leave out is counted in the caveats.
    """
    parts = []
    if tables.has("stage_events"):
        spells = read_spells(tables)
        parts.append(Part(caveats=_caveats(spells)))
        if spells["mql_at"].notna().any():
            handed = handoff.handed_over(tables, spells)
            bucket = handoff.buckets(handed, tables, settings)
            leaked = handoff.leaked_spells(spells, handed, bucket)
            parts += [_handoff(tables, settings, handed, bucket), _stages(settings, spells, leaked)]
    if tables.has("opportunities"):
        parts.append(_deals(tables, settings))
    findings = [finding for part in parts for finding in part.findings]
    sources, row_counts = tables.records_of(*INPUTS)
    headline, summary = _said(findings)
    return Result(
        diagnostic="funnel", question=QUESTION, headline=headline, summary=summary, findings=findings,
        basis=[line for part in parts for line in part.basis],
        exhibits=[exhibit for part in parts for exhibit in part.exhibits],
        caveats=tables.notes_on(*INPUTS) + [caveat for part in parts for caveat in part.caveats],
        not_judged=_not_judged(tables, settings), sources=sources, row_counts=row_counts,
        settings={"path": settings.funnel.path, "horizon_days": settings.funnel.horizon_days,
                  "first_touch_hours": settings.promises.first_touch_hours,
                  "stalled_days": settings.promises.stalled_days},
    )  # fmt: skip


def _handoff(tables: Tables, settings: Settings, handed: pd.DataFrame, bucket: pd.Series) -> Part:
    """Is the promise kept, and where does each lead end?"""
    part = Part(
        basis=[f"{count(len(handed), 'lead')} handed over, {count(int((bucket == 'won').sum()), 'win')} so far"]
    )
    if tables.has("sales_touches") and settings.promises.first_touch_hours:
        if not handoff.clock_is_too_coarse(tables, settings):
            part.findings.append(handoff.first_touch(handed, settings))
        part.exhibits.append(handoff.touch_curve(handed, settings))
    judged = tables.has("sales_touches") and handoff.owners_known(tables, handed)
    if judged:
        part.findings.append(handoff.leaked(handed, bucket, settings))
    if judged or set(bucket) - {"won", "open"}:
        part.exhibits.append(handoff.leaks(bucket, judged))
    return part


def _stages(settings: Settings, spells: pd.DataFrame, leaked: pd.Series) -> Part:
    """How do leads pass from stage to stage, from which sources, and does that change?"""
    part, start = Part(), spells[f"{START}_at"]
    whole = passing.whole_way(spells, settings)
    since = cohorts.tracked_since(whole, start[whole.members], settings) if whole else None
    # the month in which recording began counts whole
    kept = spells if since is None else spells[start.isna() | (start >= since.to_period("M").to_timestamp())]
    if since is not None:
        part.caveats.append(f"Wins are recorded only since {day(since)}: leads handed over before are kept in counts "
                            "and left out of rates within a number of days (left truncation).")  # fmt: skip
    part.findings += passing.findings(kept, settings)
    if len(stages_in(spells)) > 1:
        part.exhibits += [passing.waterfall(spells, kept, settings, leaked), passing.time_in_stage(kept, settings)]
    if whole:
        sources = spells.loc[whole.members, "source"]
        part.exhibits += [cohorts.by_source(whole, sources, settings)] if sources.notna().any() else []
        found = cohorts.cohorts(whole, start[whole.members].reset_index(drop=True), settings)
        part.exhibits.append(cohorts.exhibit(found))
        part.findings += [change] if (change := cohorts.finding(found)) else []
    return part


def _deals(tables: Tables, settings: Settings) -> Part:
    """What became of opportunities?"""
    found = deals.read_deals(tables)
    closed = int((found["outcome"] != "open").sum())
    basis = f"{count(len(found), 'opportunity', 'opportunities')}, {of(closed, len(found))} closed"
    if not closed:
        return Part(basis=[basis])
    return Part([deals.win_rate(found, settings)], [deals.win_rates(found), deals.summary(found, settings)],
                basis=[basis])  # fmt: skip


def _caveats(spells: pd.DataFrame) -> list[str]:
    caveats = []
    backward = spells[spells["won_at"] < spells["mql_at"]]
    if len(backward):
        where = ", ".join(f"{row.won_file} record {row.won_record}" for row in backward.head(5).itertuples())
        caveats.append(f"{count(len(backward), 'win')} dated before the handover ({where}): kept in counts, left out "
                       "of durations.")  # fmt: skip
    if (n := int(spells["was_won"].sum())) > 0:
        caveats.append(f"{count(n, 'lead')} won and later lost: counted as lost.")
    loops = int((spells["spell"] > 0).sum())
    if loops:
        caveats.append(f"{count(loops, 'lead')} came back after an exit and count again as a spell of their own.")
    return caveats


def _said(findings: list[Finding]) -> tuple[str, str]:
    order = ("act", "watch", "good", "unclear")
    ranked = sorted(findings, key=lambda f: order.index(f.level))
    if not ranked:
        return "The funnel could not be judged", "No stages, touches or opportunities were delivered."
    return ranked[0].title, " ".join(f"{f.title}." for f in ranked[:3])


def _not_judged(tables: Tables, settings: Settings) -> list[NotJudged]:
    """What was not delivered, and what can therefore not be said?"""
    promise, touches = settings.promises.first_touch_hours, tables.has("sales_touches")
    stages = tables.has("stage_events") and bool(
        np.asarray(tables.query("select count(*) from stage_events where stage = 'mql'"))[0, 0]
    )
    cases = (
        (stages, "How leads pass from stage to stage", "no file of leads entering stages was delivered",
         "the stage history of leads, or one date column a stage", "common_language"),
        (touches and stages, "Whether leads are followed up", "no file of calls, e-mails and meetings was delivered",
         "sales activities with lead id and time", "handoff"),
        (bool(promise) or not touches, "Whether follow-up keeps its promise", "no promised time was agreed",
         "promises.first_touch_hours in engagement.yml, agreed by both teams", "handoff"),
        (not (stages and touches and promise and handoff.clock_is_too_coarse(tables, settings)),
         "Whether first touches keep a promise in hours", "times are recorded by the day only",
         "exports with the time of day", "handoff"),
        (tables.filled("leads", "owner_id") or tables.filled("stage_events", "owner_id") or not stages,
         "Leads without an owner", "no file says who holds a lead", "the owner of each lead",
         "handoff"),
        (tables.has("opportunities"), "Win rate, deal values and length of the cycle",
         "no opportunities were delivered",
         "opportunities with stage, amount, opening and closing date", "metrics"),
    )  # fmt: skip
    return [
        NotJudged(what=what, why=why, settle=settle, theme=theme)
        for judged, what, why, settle, theme in cases
        if not judged
    ]
