"""From inquiry to won: where do leads stall, between whom, for how long, and how sure are we?"""

from collections.abc import Iterator

import pandas as pd

from alignlib.diagnostics.funnel import (
    conversations,
    credit,
    custody,
    deals,
    faults,
    grading,
    leaks,
    passing,
    quality,
    readings,
    revenue,
    scorecards,
    touch,
    work_order,
)  # fmt: skip
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Finding, NotJudged, Part, Result, as_read, fingerprint
from alignlib.words import count, number, of

QUESTION = "Where do leads stall, between whom, for how long, and how sure are we?"
INPUTS = ("stage_events", "leads", "sales_touches", "opportunities", "campaign_touches", "scorecards",
          "stage_readings")  # fmt: skip


def diagnose(tables: Tables, settings: Settings) -> Result:
    """Where do leads stall between Marketing and Sales, for how long, and what becomes of them?

    Reads ``stage_events`` (one row a lead entering a stage), ``leads``, ``sales_touches``, ``campaign_touches``,
    ``opportunities``, ``scorecards`` and ``stage_readings``; each may be absent, and what then cannot be judged is
    listed. Counts spells, not persons. Says nothing of named sellers. Raises nothing for odd data: every fault found is
    counted, with what was done about it.
    """
    parts = list(_parts(tables, settings))
    findings = [finding for part in parts for finding in part.findings]
    sources, row_counts = tables.records_of(*INPUTS)
    headline, summary = _said(findings)
    return Result(
        diagnostic="funnel", question=QUESTION, headline=headline, summary=summary, findings=findings,
        basis=[line for part in parts for line in part.basis],
        exhibits=[exhibit for part in parts for exhibit in part.exhibits],
        caveats=tables.notes_on(*INPUTS) + [caveat for part in parts for caveat in part.caveats],
        not_judged=[gap for part in parts for gap in part.not_judged], sources=sources, row_counts=row_counts,
        settings={"path": settings.funnel.path, "horizon_days": settings.funnel.horizon_days,
                  "first_touch_hours": settings.promises.first_touch_hours, "clock": settings.promises.clock,
                  "decision_days": settings.promises.decision_days, "stalled_days": settings.promises.stalled_days,
                  "credit_days": settings.funnel.credit_days, "time_zone": settings.timezone,
                  "work_hours": _work_hours(settings), "stage_labels": fingerprint(settings.stages),
                  "grading": fingerprint(settings.grading.model_dump(mode="json")),
                  **as_read(settings.inputs, INPUTS)},
    )  # fmt: skip


def _work_hours(settings: Settings) -> str | None:
    """Within which hours does the clock run? None where it never stops. Holidays are other days each year."""
    work = settings.promises.work
    hours = f"{' '.join(work.days)}, {number(work.start, 1)} to {number(work.end, 1)}"
    return hours if settings.promises.clock == "business" else None


def _parts(tables: Tables, settings: Settings) -> Iterator[Part]:
    """What does each part of the funnel say, in the order of a lead's way?"""
    found, spells = deals.read_deals(tables), read_spells(tables)
    if spells["mql_at"].notna().any():
        yield from _from_the_handover_on(tables, settings, spells, found)
    else:
        yield Part(not_judged=[_NO_STAGES])
    yield _deals(found, settings)
    yield credit.part(tables, settings)
    yield scorecards.part(tables, settings)
    yield readings.part(tables, settings)
    yield faults.part(tables, settings, spells)


def _from_the_handover_on(
    tables: Tables, settings: Settings, spells: pd.DataFrame, found: pd.DataFrame
) -> Iterator[Part]:
    """What became of the leads that were handed over?"""
    handed = touch.handed_over(tables, spells, settings)
    bucket = leaks.buckets(handed, tables, settings)
    wins = count(int((bucket == "won").sum()), "win")
    yield Part(basis=[f"{count(len(handed), 'lead')} handed over, {wins} so far"])
    yield touch.part(tables, settings, handed)
    yield leaks.part(tables, settings, handed, found)
    yield passing.part(tables, settings, spells, handed, leaks.leaked_spells(spells, bucket))
    yield custody.part(tables, settings, handed, spells)
    yield quality.part(settings, handed)
    yield grading.part(settings, handed)
    yield work_order.part(tables, settings, handed)
    yield conversations.part(tables, settings, spells)
    yield revenue.part(tables, settings, handed, found)


def _deals(found: pd.DataFrame, settings: Settings) -> Part:
    """What became of opportunities?"""
    if found.empty:
        return Part(not_judged=[_NO_DEALS])
    closed = int((found["outcome"] != "open").sum())
    basis = f"{count(len(found), 'opportunity', 'opportunities')}, {of(closed, len(found))} closed"
    if not closed:
        return Part(basis=[basis])
    return Part([deals.win_rate(found, settings)], [deals.win_rates(found, settings), deals.summary(found, settings)],
                basis=[basis])  # fmt: skip


_NO_STAGES = NotJudged(
    what="How leads pass from stage to stage", why="no file of leads entering stages was delivered",
    settle="the stage history of leads, or one date column a stage", theme="common_language",
)  # fmt: skip
_NO_DEALS = NotJudged(
    what="Win rate, deal values and length of the cycle", why="no opportunities were delivered",
    settle="opportunities with stage, amount, opening and closing date", theme="metrics",
)  # fmt: skip


def _said(findings: list[Finding]) -> tuple[str, str]:
    order = ("act", "watch", "good", "unclear")
    ranked = sorted(findings, key=lambda f: order.index(f.level))
    if not ranked:
        return "The funnel could not be judged", "No stages, touches or opportunities were delivered."
    return ranked[0].title, " ".join(f"{f.title}." for f in ranked[:3])
