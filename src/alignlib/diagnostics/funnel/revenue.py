"""What do today's rates bring, what must each side promise for a revenue goal, and what would a change bring?

Planning arithmetic, not a forecast: it says what follows if leads go on as they did, and how unsure that already is.
Source of the method, from the goal through the deal to leads and promises: HubSpot's service-level agreement.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.cohorts import since_recorded, tracked_since
from alignlib.diagnostics.funnel.conversations import gone_by, read_early
from alignlib.diagnostics.funnel.rates import owner_codes
from alignlib.diagnostics.funnel.spells import NEVER, START, days_between, end_of, stages_in
from alignlib.diagnostics.funnel.steps import NAMES, Step, chosen, entered, passed, step
from alignlib.diagnostics.funnel.touch import decision
from alignlib.diagnostics.funnel.what_if import MONTH, amounts_of, draw, rates_of, row_of, steps_of, three_changes
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, NotJudged, Part, Row, columns
from alignlib.stats import mean_interval
from alignlib.words import count, figure, interval, money, number, share, value

HORIZON = 365  # days within which a step is taken, or never: the longest follow-up where that is shorter
FEWEST_DEALS = 10  # from leads; with fewer, all won deals say what a deal is worth
THINNEST = 0.1  # of the period: no passage stands for more than ten
_BLANK: Row = dict.fromkeys(("label", "stage", "a_month", "rate", "rate_low", "rate_high", "median_days", "n",
                             "amount", "amount_low", "amount_high", "note"))  # fmt: skip
_COMES = ("How many come: leads created before the period are in no file, so what comes long after a lead’s creation "
          "counts for the part of the period in which it could be seen.")  # fmt: skip
_GRADES = 4  # more than that are no grades but scores, and their rows hide the promises


def part(tables: Tables, settings: Settings, handed: pd.DataFrame, deals: pd.DataFrame) -> Part:
    """Which revenue do today's rates bring, and what does the agreed goal ask of each side?

    Leads handed over before wins were recorded leave rates and stay in counts. Nothing is said of a lead's worth
    without amounts, and nothing is promised without a goal.
    """
    base = model(tables, settings, handed, deals)
    if base is None:
        return Part(not_judged=[NotJudged(
            what="From leads to revenue", why="no way from handover to a win is recorded", theme="metrics",
            settle="the stage history of leads up to the win",
        )])  # fmt: skip
    found = Part(exhibits=[base])
    is_priced = row_of(base, "deal_value").get("amount_low") is not None and bool(row_of(base, "whole")["rate"])
    if settings.goal.revenue is None:
        found.not_judged.append(NotJudged(
            what="A revenue goal", why="none was agreed, so neither side’s promises can be worked out", theme="metrics",
            settle="goal.revenue in engagement.yml, agreed by both teams",
        ))  # fmt: skip
    elif not is_priced:
        found.not_judged.append(NotJudged(
            what="Promises for the revenue goal", why="fewer than two won deals have an amount", theme="metrics",
            settle="opportunities with outcome and amount",
        ))  # fmt: skip
    else:
        found.exhibits.append(promises(base, tables, settings, handed))
    if is_priced and (told := three_changes(base, settings.currency, settings.goal.months)):
        found.exhibits.append(told)
    return found


def model(tables: Tables, settings: Settings, handed: pd.DataFrame, deals: pd.DataFrame) -> Exhibit | None:
    """Which rates, lags and deal value lead from a lead handed over to revenue? None when no win is recorded.

    Rows: one a step (``stage`` is its key, ``mql_to_sal``), then ``whole`` (the steps multiplied), ``direct`` (measured
    at once), ``deal_value`` and ``revenue``. A stage that was skipped counts as passed when a later one was entered, so
    that the shares multiply. Rates are cumulative incidences within a year with exits competing, clustered by owner
    where at least two decide. The days are those by which half of the leads that go on have gone on. How many come a
    month: see ``_a_month``; ``created_at`` is missing where no file says when leads were created.
    """
    stages = stages_in(handed)
    if stages[-1] != "won":
        return None
    at, created = passed(entered(handed, stages), "backfilled"), handed["created_at"]
    direct, start = step(handed, settings, at, START, ["won"], "backfilled"), handed["mql_at"]
    is_kept = since_recorded(start, tracked_since(direct, start, settings))
    whose, rows = owner_codes(tables, handed), list[Row]()
    for here, after in pairwise(stages):
        one = chosen(step(handed, settings, at, here, [after], "backfilled"), is_kept)
        label = f"{NAMES[here]}, then {NAMES[after].lower()}"
        rows.append(_step_row(label, f"{here}_to_{after}", one, whose, _a_month(at[here], created, settings)))
    if any(row["rate"] is None for row in rows):
        return None
    once = _step_row("The same, measured at once", "direct", chosen(direct, is_kept), whose, rows[0]["a_month"])
    rows += [_multiplied(rows, once), once]
    won: Row = {"label": "Won", "stage": "won", "a_month": _a_month(at["won"], created, settings), "note": ""}
    rows += [{**_BLANK, **row} for row in [won, *_worth(deals, handed, settings)]]
    return exhibit(rows, settings.currency)


def _a_month(at: np.ndarray, created: pd.Series, settings: Settings) -> float:
    """How many spells pass this stage a month, leads created before the period allowed for?

    Those leads are in no file. A passage so long after the creation of its lead is therefore seen only in the rest of
    the period, and counts for that rest: 1 / months left, a tenth of the period at least. Without bias where leads come
    evenly, but for lags of nearly the whole period (Horvitz & Thompson 1952). Where creation is not known, no lead was
    left out for it.
    """
    when, months = pd.Series(np.where(at < NEVER, at, np.iinfo(np.int64).min).astype("M8[us]")), _months(settings)
    lag = days_between(created, when)[_is_during(when, settings)] / MONTH  # the least number is NaT
    return float((1 / (months - np.clip(np.nan_to_num(lag), 0, (1 - THINNEST) * months))).sum())


def exhibit(rows: list[Row], currency: str = "EUR") -> Exhibit:
    """How do these rows of rates, lags and deal value stand in a table? The one thing that ``what_if`` reads."""
    steps, deal = steps_of(rows), next((row for row in rows if row["stage"] == "deal_value"), None)
    leads, rate = steps[0]["a_month"] or 0.0, float(np.prod([row["rate"] for row in steps]))
    worth = f", worth {money(deal['amount'], currency)} each" if deal else "; what they are worth is not recorded"
    return Exhibit(
        key="funnel.model", shape="table", rows=rows, is_detail=True, play="P12",
        title=f"By today’s rates {figure(leads, 'count')} leads handed over a month end in "
        f"{figure(leads * rate, 'count')} won deals{worth}",
        columns=columns(
            label=("Step", "text"), stage=("Code", "text"), a_month=("A month", "count"), rate=("Go on", "share"),
            rate_low=("from", "share"), rate_high=("to", "share"), median_days=("Half within", "days"),
            n=("Leads seen", "count"), amount=("Amount", "money"), amount_low=("from", "money"),
            amount_high=("to", "money"), note=("Note", "text"),
        ),
        read=f"Each step: how many leads enter it a month, and which share goes on within "
        f"{count(HORIZON, 'day')} (fewer where the note says so: no lead was seen for longer, and that share can only "
        "rise), with its 95 % interval, leads still open counted for as long as they were seen. A skipped stage "
        "counts as passed, so the shares multiply. Fewer may be won a month than today’s rates make of today’s leads: "
        "late ones are not won yet. "
        + _COMES,
        says_not="What will happen: planning arithmetic, not a forecast. Deals that no lead started.",
        alt=f"Table of {len(steps)} steps from handover to won, with rates, days and the value of a deal.",
        source="Stage history of leads" + (", opportunities" if deal else ""),
    )  # fmt: skip


def promises(model: Exhibit, tables: Tables, settings: Settings, handed: pd.DataFrame) -> Exhibit:
    """What must Marketing hand over and Sales do, a month, for the agreed revenue goal, beside what happens now?

    ``goal.revenue`` is the part of revenue that shall come from leads handed over. From it through the deal value and
    each step's rate backwards, by simulation. It holds at a steady level: leads on their way at the start stand for
    those still on their way at the end. First touches and decisions are asked for the share of leads that was agreed
    (``thresholds``), or for all.
    """
    rows = steps_of(model.rows)
    goal = 100 * (settings.goal.revenue or 0) / settings.goal.months  # minor units a month
    deal = row_of(model, "deal_value")
    pairs = draw(model.rows)
    point, drawn = goal / deal["amount"], goal / amounts_of(*pairs.pop())
    asked: list[Row] = []
    names = [str(row["stage"]).split("_to_")[0] for row in rows]
    asked.append(_asked("Won deals", "won", point, drawn, row_of(model, "won").get("a_month")))
    for name, (row, z) in zip(names[::-1], pairs[::-1], strict=True):
        point, drawn = point / row["rate"], drawn / rates_of(row, z)
        label = "Leads handed over" if name == START else {"opportunity": "Opportunities"}.get(name, NAMES[name])
        asked.append(_asked(label, name, point, drawn, row["a_month"]))
    leads = asked[-1]
    grades, sold = _by_grade(leads, handed, settings), _by_sales(leads, tables, settings, handed)
    now = row_of(model, "revenue").get("note")
    leads["note"] = _room(leads, settings.goal.capacity)
    asked = [leads, *grades, *sold, *asked[-2::-1]]
    return Exhibit(
        key="funnel.promises", shape="table", rows=asked, play="P4",
        title="At today’s rates and with no other revenue, the goal takes "
        f"{interval(leads['low'], leads['high'], 'count')} leads a month; {figure(leads['now'], 'count')} come",
        lead=f"Goal: {money(100 * (settings.goal.revenue or 0), settings.currency)} in "
        f"{count(settings.goal.months, 'month')}, the part of revenue that shall come from leads handed over, at "
        f"{money(deal['amount'], settings.currency)} a deal. {f'Won from them now: {now}. ' if now else ''}"
        "Planning arithmetic, not a forecast.",
        columns=columns(
            label=("Promise", "text"), who=("Who", "text"), value=("Needed", "count"), low=("from", "count"),
            high=("to", "count"), now=("Now", "count"), note=("Note", "text"),
        ),
        read="From the goal backwards: deals at today’s value, then each step at today’s rate. In the title and beside "
        "what is needed its 95 % interval. A month, unless the line says a week. It holds at a steady level; growth "
        f"takes a cycle longer. {_COMES}",
        says_not="What will happen, nor that rates stay the same when more leads come. Revenue that no lead started "
        "comes on top of this goal.",
        alt=f"Table of {len(asked)} promises: needed a month and now.", source=model.source,
    )  # fmt: skip


def _room(leads: Row, more: int | None) -> str:
    """How many leads could Sales work in all, and does the goal take more? Nothing where no capacity was agreed."""
    if more is None:
        return ""
    room = leads["now"] + more
    verdict = "the goal takes more than that" if leads["low"] > room else "that is enough"
    if leads["low"] <= room < leads["high"]:
        verdict = "whether the goal takes more cannot be told"
    about = figure(round(room), "count")
    return f"Sales could work {number(more)} more a month, so it has room for about {about}: {verdict}"


def _asked(label: str, stage: str, point: float, drawn: np.ndarray, now: float | None) -> Row:
    low, high = (float(v) for v in np.quantile(drawn, (0.025, 0.975)))
    who = {START: "Marketing", "won": "Both"}.get(stage, "Sales")
    return {"label": label, "who": who, "value": point, "low": low, "high": high, "now": now, "note": ""}


def _scaled(row: Row, by: float, **changes: Any) -> Row:
    return {**row, **{name: row[name] * by for name in ("value", "low", "high")}, "note": "", **changes}


def _by_grade(leads: Row, handed: pd.DataFrame, settings: Settings) -> list[Row]:
    """Marketing's promise by grade, in the present mix; nothing without grades, or with too many to read."""
    grades = handed.loc[_is_during(handed["mql_at"], settings), "grade"]
    if not 0 < grades.nunique() <= _GRADES:
        return []
    mix = grades.value_counts(normalize=True, dropna=False).sort_index()  # leads without a grade come last
    return [_scaled(leads, part, label=f"of these, {'without a grade' if pd.isna(grade) else f'grade {grade}'}",
                    now=leads["now"] * part) for grade, part in mix.items()]  # fmt: skip


def _by_sales(leads: Row, tables: Tables, settings: Settings, handed: pd.DataFrame) -> list[Row]:
    """Sales' promises for these leads: first touches a week in the promised time, decisions a month.

    Now: the share of leads of the period that got it, of those of which it is known, of the leads that come.
    """
    said, a_week, limit = settings.promises, 7 / MONTH, settings.promises.decision_days
    during = _is_during(handed["mql_at"], settings)
    begun = handed.loc[during, ["mql_at", "in_time", "first_touch_at", "n_touches"]]
    clock = "working hours" if said.clock == "business" else "hours"
    touched = f" within {number(said.first_touch_hours)} {clock}" if said.first_touch_hours else ""
    in_time = begun["in_time"] if touched else begun["first_touch_at"].notna().where(begun["n_touches"].notna())
    (days, is_decided), end = (each[during] for each in decision(handed, settings)), end_of(settings)
    is_over = np.isfinite(days) & (begun["mql_at"] + pd.Timedelta(days=limit or 0) <= end)
    decided = pd.Series(is_decided & ~(days > (limit or np.inf)), begun.index).where(is_over)
    within = f" within {value(limit, 'days')}" if limit else ""
    first, first_note = _agreed(settings, "first_touch_in_time", bool(touched))
    then, then_note = _agreed(settings, "decided_in_time", bool(limit))
    (hit, unknown), (done, undecided) = _of_known(in_time), _of_known(decided)
    unknown = unknown if tables.has("sales_touches") else "; touches not recorded"
    return [
        _scaled(leads, first * a_week, who="Sales", label=f"First touches{touched}, a week",
                now=None if hit is None else leads["now"] * hit * a_week, note=first_note + unknown),
        _scaled(leads, then, who="Sales", label=f"Decisions{within}, a month",
                now=None if done is None else leads["now"] * done, note=then_note + undecided),
    ]  # fmt: skip


def _of_known(hit: pd.Series) -> tuple[float | None, str]:
    """Which share of cases is a hit, those left out of which it is not known (missing), and how many are these?"""
    known, n = hit.dropna(), int(hit.isna().sum())
    return float(known.astype(bool).mean()) if len(known) else None, f"; not known of {count(n, 'lead')}" if n else ""


def _agreed(settings: Settings, threshold: str, is_timed: bool) -> tuple[float, str]:
    """For which share of leads was this promised, and how is that said? All of them where none was agreed."""
    limit = settings.thresholds.get(threshold) if is_timed else None
    if limit is None:
        return 1.0, f"for all leads: no {'share' if is_timed else 'promised time'} was agreed"
    return limit, f"for {share(limit)} of leads, as agreed"


def _step_row(label: str, key: str, one: Step, owners: np.ndarray | None, a_month: float | None) -> Row:
    (at, half), early = gone_by(one, owners, HORIZON), read_early(one, HORIZON)
    return {
        **_BLANK, "label": label, "stage": key, "a_month": a_month, "rate": at.value, "rate_low": at.low,
        "rate_high": at.high, "median_days": half, "n": at.n,
        "note": at.method.removesuffix(", 95 %") + (early and f"; {early}"),
    }  # fmt: skip


def _multiplied(steps: list[Row], once: Row) -> Row:
    """What all steps make together, beside what is measured at once."""
    rate = float(np.prod([row["rate"] for row in steps]))
    drawn = np.prod([rates_of(row, z) for row, z in draw([*steps, once])], axis=0)
    low, high = (float(v) for v in np.quantile(drawn, (0.025, 0.975)))
    agrees = once["rate_low"] <= rate <= once["rate_high"] if once["rate_low"] is not None else False
    return {**_BLANK, "label": "Steps multiplied", "stage": "whole", "a_month": steps[0]["a_month"], "rate": rate,
            "rate_low": low, "rate_high": high,
            "note": f"{'agrees' if agrees else 'does not agree'} with what is measured at once"}  # fmt: skip


def _worth(deals: pd.DataFrame, handed: pd.DataFrame, settings: Settings) -> list[Row]:
    """What a won deal is worth, and what leads brought in the period; nothing where no amount is recorded."""
    is_priced = (deals["outcome"] == "won") & deals["amount"].notna()
    won = deals.loc[is_priced, ["lead_id", "amount", "closed_at"]]
    if won.empty:
        return []
    from_leads = won[won["lead_id"].isin(handed["lead_id"])]
    each, note = from_leads.groupby("lead_id")["amount"].sum(), "what a won lead brought"
    if len(each) < FEWEST_DEALS:
        each, note = won["amount"], f"all won deals: only {count(len(each), 'lead')} won have an amount"
    at = mean_interval(each.astype(float))
    if at.value is None or at.value <= 0:
        return []
    reach = None if at.high is None else np.exp((at.high - at.value) / at.value)  # amounts are never below 0
    reach = 1.0 if reach is None and len(each) >= FEWEST_DEALS else reach  # so many alike: one price
    low, high = (None, None) if reach is None else (at.value / reach, at.value * reach)
    then = won[_is_during(won["closed_at"], settings)]
    brought = from_leads[_is_during(from_leads["closed_at"], settings)]
    total, whole, months = float(brought["amount"].sum()), float(then["amount"].sum()), _months(settings)
    part = " from leads created in them" if handed["created_at"].notna().any() else ""
    part += f"; {share(total / whole)} of what was won came with a lead" if whole > 0 else ""
    return [
        {"label": "Value of a won deal", "stage": "deal_value", "n": len(each), "amount": at.value, "amount_low": low,
         "amount_high": high, "note": f"mean of {note}"},
        {"label": "Revenue won from leads", "stage": "revenue", "n": len(brought), "amount": total,
         "note": f"{money(total / months, settings.currency)} a month in {count(round(months), 'month')}{part}"},
    ]  # fmt: skip


def _is_during(at: pd.Series, settings: Settings) -> np.ndarray:
    start, last, days = settings.period.start, min(settings.period.end, settings.as_of), at.to_numpy(dtype="M8[D]")
    return np.asarray((days >= np.datetime64(start)) & (days <= np.datetime64(last)))


def _months(settings: Settings) -> float:
    days = (min(settings.period.end, settings.as_of) - settings.period.start).days + 1
    return round(days / MONTH, 2)
