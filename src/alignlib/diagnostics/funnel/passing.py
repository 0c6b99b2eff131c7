"""How many spells go on from stage to stage within the horizon, and how long do they stay?"""

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.spells import START, Step, reached, stages_in, step, steps
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, Measure, Row, columns
from alignlib.stats import incidence, kaplan_meier
from alignlib.words import count, day, number, of, share, value

NAMES = {"inquiry": "Inquiry", "mql": "Handed over", "sal": "Accepted", "sql": "Qualified",
         "opportunity": "Opportunity", "won": "Won"}  # fmt: skip
_WHO = {"mql": "leads handed over", "sal": "accepted leads", "sql": "qualified leads", "opportunity": "opportunities"}
_DOES = {"sal": "are accepted", "sql": "qualify", "opportunity": "become opportunities", "won": "are won"}
_NEVER = {"sal": "were never accepted", "sql": "were accepted and never qualified",
          "opportunity": "qualified and never became an opportunity", "won": "stopped before the end"}  # fmt: skip
_PLAYS = {"sal": "P4", "sql": "P3", "opportunity": "P3", "won": "P12"}
_RULES = {
    "any": "a stage counts when it is recorded, and any later stage counts as going on",
    "strict": "a stage counts only when every stage before it is recorded, in order",
    "backfilled": "a stage counts when it or any later one is recorded",
}


def going_on(one: Step, horizon: float) -> Measure:
    """Which share of spells in a stage goes on within ``horizon`` days, open ones counted while they were seen?

    Cumulative incidence with exits competing; never beyond the longest follow-up. ``k`` counts those seen to go on.
    """
    known = np.isfinite(one.days)
    curve = incidence(one.days[known], one.outcome[known])
    seen = int(((one.outcome == 1) & ~(one.days > horizon)).sum())
    return measured(curve.at(min(horizon, curve.last)), "share", "cumulative incidence, 95 %", seen, len(one.days))


def findings(spells: pd.DataFrame, settings: Settings) -> list[Finding]:
    """What do the steps from stage to stage say, and the whole way from MQL to won?"""
    taken = [s for s in steps(spells, settings, settings.funnel.path) if f"{s.stage}_to_{s.next}" in THRESHOLDS]
    if len(stages_in(spells)) > 2 and (whole := whole_way(spells, settings)):
        taken.append(whole)
    return [_finding(one, settings) for one in taken if len(one.days)]


def whole_way(spells: pd.DataFrame, settings: Settings, path: str | None = None) -> Step | None:
    """How did spells go from MQL to won, stages between left aside? None when no win is recorded."""
    stages = stages_in(spells)
    if START not in stages or "won" not in stages:
        return None
    rule = path or settings.funnel.path
    return step(spells, reached(spells, stages, rule), START, ["won"], settings, rule)


def _finding(one: Step, settings: Settings) -> Finding:
    horizon = settings.funnel.horizon_days
    measure = going_on(one, horizon)
    said, within = value(measure.value, "share"), f"within {count(horizon, 'day')}"
    claim = f"{_WHO[one.stage]} {_DOES[one.next]}"
    still_open = int((one.outcome == 0).sum())
    return finding(
        f"funnel.{one.stage}_to_{one.next}", f"{one.stage}_to_{one.next}", measure, settings,
        {
            "beyond": f"Only {said} of {claim} {within}",
            "good": f"{said} of {claim} {within}, as agreed",
            "unclear": f"Whether enough {claim} cannot be told: {said} {within}",
            "none": f"{said} of {claim} {within}",
        },
        theme="common_language" if one.next in ("sql", "opportunity") else "handoff",
        play=_PLAYS[one.next],
        counted=f"{of(measure.k or 0, len(one.days))} seen to go on {within}, {number(still_open)} still open",
        settle=f"more {_WHO[one.stage]}, or {count(horizon, 'day')} more of follow-up",
    )  # fmt: skip


def waterfall(spells: pd.DataFrame, kept: pd.DataFrame, settings: Settings, leaked: pd.Series) -> Exhibit:
    """How many spells got how far, and what became of those that did not go on?

    ``leaked`` flags each spell; rates come from ``kept``, the spells begun when later stages were already recorded.
    """
    taken, rated = (steps(some, settings, settings.funnel.path) for some in (spells, kept))
    rows = [_row(one, rates, settings, leaked) for one, rates in zip(taken, rated, strict=True)]
    last = taken[-1].next
    final = reached(spells, stages_in(spells), settings.funnel.path)[last].notna().sum()
    rows.append({**dict.fromkeys(rows[0]), "label": NAMES[last], "stage": last, "n": int(final), "note": ""})
    worst, after = max(zip(rows[:-1], (one.next for one in taken), strict=True), key=lambda pair: pair[0]["leaked"])
    lost = sum(row["leaked"] for row in rows[:-1])
    title = (
        f"{number(worst['leaked'])} of the {number(lost)} leaked leads {_NEVER[after]}"
        if lost
        else f"{number(int(final))} of {number(rows[0]['n'])} leads handed over are {NAMES[last].lower()} so far"
    )
    horizon = count(settings.funnel.horizon_days, "day")
    return Exhibit(
        key="funnel.waterfall", title=title, shape="waterfall", rows=rows, play="P4",
        lead=f"{count(rows[0]['n'], 'lead')} handed over from {day(settings.period.start)} "
        f"to {day(settings.period.end)}; {number(int(final))} {NAMES[last].lower()} so far.",
        columns=columns(
            label=("Stage", "text"), stage=("Code", "text"), n=("Leads", "count"), go_on=("Go on", "share"),
            go_on_low=("from", "share"), go_on_high=("to", "share"), median_days=("Median days", "days"),
            leaked=("Leaked", "count"), decided=("Decided", "count"), open=("Still open", "count"),
            note=("Note", "text"),
        ),
        read=f"Each bar counts spells that got this far. Go on: the share that moves on within {horizon}, with its "
        f"95 % interval, corrected for leads still open. Path rule: {settings.funnel.path}; "
        f"{_RULES[settings.funnel.path]}. " + sensitivity(spells, settings),
        says_not="Why a lead did not go on. A lead that is recycled and qualifies again counts as two spells.",
        alt=f"Waterfall from {rows[0]['label']} to {rows[-1]['label']}, with what left between.",
        source="Stage history of leads",
    )  # fmt: skip


def _row(one: Step, rated: Step, settings: Settings, leaked: pd.Series) -> Row:
    measure = going_on(rated, settings.funnel.horizon_days)
    stopped = leaked[one.members].to_numpy() & (one.outcome == 0)
    days = one.days[(one.outcome == 1) & np.isfinite(one.days)]
    plain = (one.outcome == 1).mean() if len(one.outcome) else 0.0
    return {
        "label": NAMES[one.stage], "stage": one.stage, "n": len(one.days), "go_on": measure.value,
        "go_on_low": measure.low, "go_on_high": measure.high,
        "median_days": float(np.median(days)) if len(days) else None, "leaked": int(stopped.sum()),
        "decided": int((one.outcome == 2).sum()), "open": int(((one.outcome == 0) & ~stopped).sum()),
        "note": f"plain division {share(float(plain))}",
    }  # fmt: skip


def sensitivity(spells: pd.DataFrame, settings: Settings) -> str:
    """How does the number of spells per stage move with the path rule?"""
    stages = stages_in(spells)
    counts = {path: reached(spells, stages, path).notna().sum() for path in _RULES}
    moved = [
        f"{NAMES[stage]} {number(int(counts['strict'][stage]))} strict, {number(int(counts['any'][stage]))} any, "
        f"{number(int(counts['backfilled'][stage]))} backfilled"
        for stage in stages
        if len({int(counts[path][stage]) for path in _RULES}) > 1
    ]
    return f"Under other rules: {'; '.join(moved)}." if moved else "No stage changes with the path rule."


def time_in_stage(spells: pd.DataFrame, settings: Settings) -> Exhibit:
    """How long do leads stay in a stage, open ones counted, whichever way they leave?"""
    rows: list[Row] = []
    for one in steps(spells, settings, settings.funnel.path):
        known = np.isfinite(one.days)
        stay = kaplan_meier(one.days[known], one.outcome[known] > 0)
        went = one.days[known & (one.outcome == 1)]
        rows.append({
            "label": NAMES[one.stage], "n": int(known.sum()), "open": int((one.outcome == 0).sum()),
            "median": stay.quantile(0.5), "p75": stay.quantile(0.75),
            "closed_only": float(np.median(went)) if len(went) else None,
            "note": "" if stay.quantile(0.75) is not None else "not reached within the follow-up",
        })  # fmt: skip
    slow = max(rows, key=lambda row: row["median"] or 0)
    return Exhibit(
        key="funnel.stages", shape="table", rows=rows,
        title=f"Leads stay longest at: {slow['label']}, half of them {value(slow['median'], 'days')} or more"
        if slow["median"] is not None
        else "Fewer than half of the leads have left any stage",
        columns=columns(
            label=("Stage", "text"), n=("Spells", "count"), open=("Still there", "count"),
            median=("Half have left after", "days"), p75=("Three in four after", "days"),
            closed_only=("Median of those that went on", "days"), note=("Note", "text"),
        ),
        read="Days until a lead leaves the stage, by going on or by an exit. Leads still there count for as long as "
        "they were seen (Kaplan-Meier). The last column looks only at those that went on, as most reports do.",
        says_not="Whether time was spent working or waiting.", alt="Table of days in each stage.",
        source="Stage history of leads",
    )  # fmt: skip
