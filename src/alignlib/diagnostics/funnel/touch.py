"""When is a lead first touched after the handover, how often is it tried, and when is it decided on?"""

from collections import Counter

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.clock import day_hours, due, explained, hours_between, said
from alignlib.diagnostics.funnel.cohorts import SURELY_SOME, expected
from alignlib.diagnostics.funnel.rates import rate
from alignlib.diagnostics.funnel.spells import NOT_YET, days_between, end_of, first_of, same_lead
from alignlib.diagnostics.funnel.steps import DAY
from alignlib.engagement import STAGES, Promises, Settings
from alignlib.incidence import Incidence, incidence, kaplan_meier, spot, turns
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row, Unit, columns
from alignlib.words import capital, count, day, interval, masked, number, of, value

_CURVE_DAYS = (*np.arange(0, 3, 0.25).tolist(), *range(3, 31))  # the first days decide
_LATER = STAGES[STAGES.index("mql") + 1 :]
_ACCEPTED = [f"{stage}_at" for stage in _LATER if stage != "won"]
FEWEST = 10  # leads: fewer have a curve too unsure to read the pace of others off it
HUSH = 7  # days that may pass without any touch at all: holidays silence all sellers at once
MOST_REASONS, TOLD_FROM = 7, 3  # a reason given less often may be a remark about a person, and is not printed


def handed_over(tables: Tables, spells: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Which spells were handed over (entered MQL), when was each touched by Sales and decided on, and was that in time?

    A touch belongs to the spell in which it falls, and counts until the lead is won or leaves. Adds ``first_touch_at``,
    ``last_touch_at``, ``n_touches``, ``decided_at`` (accepted or any later stage, or turned down: the first of them
    after the handover), ``n_attempts`` (touches until then), ``due_at`` (when the promised time is over, on the agreed
    clock), ``in_time`` (missing while the promised time runs, and where the files' clock is too coarse to tell) and
    ``decider`` (who held the lead at the handover, else who held it last: what becomes of a lead decides on the last).
    Without ``sales_touches`` what comes of touches is missing, which is *unknown*, never "not touched": ask
    ``tables.has`` first. So are ``n_touches``, ``n_attempts`` and ``in_time`` of leads handed over before touches were
    recorded (``recorded_since``); a first touch they may still have, but not whether it was the first.
    """
    handed = spells[spells["mql_at"].notna()].reset_index(drop=True)
    begun, later = handed["mql_at"].to_numpy(), [handed[f"{stage}_at"].to_numpy() for stage in _LATER]
    first = first_of(*(np.where(at >= begun, at, NOT_YET) for at in later))
    exited = np.where(handed["exit"].notna(), handed["last_event_at"].to_numpy(), NOT_YET)
    handed["decided_at"] = np.where(np.isnat(first), exited, first)
    handed["decider"] = handed["mql_owner"].fillna(handed["owner"])
    promises, due_at = settings.promises, pd.Series(NOT_YET, index=handed.index)
    handed = handed.assign(**_touches(tables, handed))
    if tables.has("sales_touches") and promises.first_touch_hours:
        due_at = due(handed["mql_at"], promises.first_touch_hours, promises, settings.timezone)
    in_time = (handed["first_touch_at"] <= due_at).astype("boolean")
    since = recorded_since(tables, handed, settings)
    is_recorded = handed["mql_at"] >= (handed["mql_at"].min() if since is None else since)
    is_recorded &= tables.has("sales_touches")
    for name in ("n_touches", "n_attempts"):
        handed[name] = handed[name].where(is_recorded)
    is_told = (due_at <= end_of(settings)) & (not clock_is_too_coarse(tables, settings)) & is_recorded
    return handed.assign(due_at=due_at, in_time=in_time.where(is_told))


def deciders(handed: pd.DataFrame) -> np.ndarray:
    """Who decided on each lead, as whole numbers, -1 for nobody? Owners known of wins alone tell nothing: none then."""
    codes = np.asarray(pd.factorize(handed["decider"])[0], dtype=np.int64)
    return codes if (codes[handed["won_at"].isna()] >= 0).any() else np.full(len(codes), -1)


def _touches(tables: Tables, handed: pd.DataFrame) -> dict[str, np.ndarray]:
    """When was each spell first and last touched after its handover and before it ended, how often, and until when?"""
    n, never = len(handed), np.full(len(handed), NOT_YET)
    first, last = {"first_touch_at": never}, {"last_touch_at": never.copy()}
    touches = tables.query("select lead_id, touched_at as at from sales_touches")
    row, place = same_lead(handed["lead_id"], touches["lead_id"])
    # an event known by the day only may have come at the end of it
    slack = np.timedelta64(DAY - 1 if "stage_events.entered_at" in tables.day_only else 0, "us")
    at, begun, begun_again = touches["at"].to_numpy()[place], handed["mql_at"], handed["next_spell_at"]
    inside = (at >= begun.to_numpy()[row]) & ~(at >= begun_again.to_numpy()[row]) & ~(at > _left(handed)[row] + slack)
    row, at = row[inside], at[inside]
    np.fmin.at(first["first_touch_at"], row, at)
    np.fmax.at(last["last_touch_at"], row, at)
    tried = np.bincount(row, ~(at > handed["decided_at"].to_numpy()[row] + slack), minlength=n)
    return first | last | {"n_touches": np.bincount(row, minlength=n).astype(float), "n_attempts": tried}


def _left(handed: pd.DataFrame) -> np.ndarray:
    """When did each spell end: won, or left by an exit? Missing: neither, or won before the handover."""
    won = np.where(handed["won_at"] >= handed["mql_at"], handed["won_at"].to_numpy(), NOT_YET)
    return np.where(np.isnat(won) & handed["exit"].notna(), handed["last_event_at"].to_numpy(), won)


def recorded_since(tables: Tables, handed: pd.DataFrame, settings: Settings) -> pd.Timestamp | None:
    """Since when are touches recorded, when recording began after the first leads (left truncation)?

    Leads handed over before the first touch of all are suspect when, at the pace at which later leads are touched, so
    many of them would have been touched by then that none at all is out of the question (fewer than one in a thousand,
    Poisson). Leads of the last week before it are no sign (see ``HUSH``). Fewer than ten later leads have no pace: then
    early ones are suspect when they are so many that it would be out of the question at the quickest one.
    """
    if not tables.has("sales_touches"):
        return None
    first = tables.query("select min(touched_at) as at from sales_touches")["at"][0]
    early, begun = (handed["mql_at"] < first).to_numpy(), handed["mql_at"].to_numpy()
    ages = days_between(begun[early], first)
    if (~early).sum() < FEWEST:
        return first if (ages > HUSH).sum() > SURELY_SOME else None
    outcome, stop = _seen(handed, end_of(settings))
    pace = incidence(np.maximum(days_between(begun, stop), 0)[~early], outcome[~early])
    return first if expected(pace, ages[ages > HUSH]) > SURELY_SOME else None


def clock_is_too_coarse(tables: Tables, settings: Settings) -> bool:
    """Is a promise of less than two days judged by files that know only the day?"""
    return _by_day(tables) and (settings.promises.first_touch_hours or 0) < 2 * day_hours(settings.promises)


def _by_day(tables: Tables) -> bool:
    return bool({"stage_events.entered_at", "sales_touches.touched_at"} & tables.day_only)


def part(tables: Tables, settings: Settings, handed: pd.DataFrame) -> Part:
    """Are leads followed up and decided on as promised? Findings, the curve of first touches, and what is missing."""
    promises, touches, coarse = settings.promises, tables.has("sales_touches"), clock_is_too_coarse(tables, settings)
    is_recorded = bool(handed["exit"].notna().any()) and bool(handed[_ACCEPTED].notna().to_numpy().any())
    found = Part(not_judged=_not_judged(settings, touches, coarse, is_recorded))
    told = handed[handed["n_touches"].notna()]
    if touches and len(told):
        found.exhibits.append(touch_curve(told, settings, _by_day(tables)))
    if touches and len(told) < len(handed):
        found.caveats.append(_truncated(tables, settings, len(handed) - len(told)))
    made = [first_touch(handed, settings) if handed["in_time"].notna().any() else None,
            decided(handed, settings) if promises.decision_days and is_recorded else None]  # fmt: skip
    found.findings = [each for each in made if each]
    found.exhibits += [follow_up(handed, settings, touches)] if is_recorded else []
    return found


def _truncated(tables: Tables, settings: Settings, n: int) -> str:
    """Which caveat do leads need that were handed over before touches were recorded, or may have been?"""
    first = tables.query("select min(touched_at) as at from sales_touches")["at"][0]
    since = day(pd.Timestamp(first).tz_localize("UTC").tz_convert(settings.timezone))
    return (
        f"The first activity on record is of {since}: whether leads handed over before were touched is not known, for "
        f"{number(n)} of them (left truncation)"
    )


def _not_judged(settings: Settings, touches: bool, coarse: bool, is_recorded: bool) -> list[NotJudged]:
    promises = settings.promises
    cases = (
        (touches, "Whether leads are followed up", "no file of calls, e-mails and meetings was delivered",
         "sales activities with lead id and time"),
        (bool(promises.first_touch_hours) or not touches, "Whether follow-up keeps its promise",
         "no promised time was agreed", "promises.first_touch_hours in engagement.yml, agreed by both teams"),
        (not (touches and promises.first_touch_hours and coarse), "Whether first touches keep a promise in hours",
         "times are recorded by the day only", "exports with the time of day"),
        (bool(promises.decision_days), "Whether leads are decided on in time", "no time for a decision was agreed",
         "promises.decision_days in engagement.yml, agreed by both teams"),
        (is_recorded, "When and why leads are accepted or turned down", "acceptances or exits are not recorded",
         "the stage history of leads with acceptance, recycling and disqualification"),
    )  # fmt: skip
    return [NotJudged(what=what, why=why, settle=settle, theme="handoff") for ok, what, why, settle in cases if not ok]


def _in_time(handed: pd.DataFrame) -> Measure:
    """Which share of leads whose promised time is over was touched within it?"""
    ripe = handed["in_time"].notna().to_numpy()
    return rate(handed["in_time"][ripe].to_numpy(bool), handed["decider"][ripe])


def first_touch(handed: pd.DataFrame, settings: Settings) -> Finding:
    """Which share of leads is first touched within the promised time?

    Leads whose time is not yet over at the as-of date are left aside, touched or not: counting only the quick ones
    among them would flatter.
    """
    hours, measure = settings.promises.first_touch_hours or 0, _in_time(handed)
    told = value(measure.value, "share")
    return finding(
        "funnel.first_touch", "first_touch_in_time", measure, settings,
        {
            "beyond": f"Only {told} of leads get a first touch in time",
            "unclear": f"Whether leads are touched in time as agreed cannot be told: {told} are",
            "none": f"{told} of leads get a first touch within {said(hours, settings.promises)}",
        },
        theme="handoff", play="P4", settle="more leads whose promised time is over, from more sellers",
        counted=f"{of(measure.k or 0, measure.n or 0)} within {explained(hours, settings.promises)}",
    )  # fmt: skip


def half_touched(curve: Incidence, promises: Promises, by_day: bool) -> str:
    """Within which time was half of the leads touched, in words? In hours below two days, where files know the hour.

    Open leads count for as long as they were seen, and leads that left untouched never count as touched.
    """
    median, clock = curve.quantile(0.5), "" if promises.clock == "calendar" else "working "
    if median is None:
        return "half: not reached"
    unit, long = ("days", median) if by_day or median >= 2 else ("hours", median * day_hours(promises))
    return f"half within {number(long, int(long < 10))} {clock}{unit}"


def _until_touch(handed: pd.DataFrame, settings: Settings) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """After how many days of the agreed clock was each lead touched (1), gone untouched (2) or last seen open (0)?

    The third is the moment itself, for other clocks.
    """
    outcome, stop = _seen(handed, end_of(settings))
    hours = hours_between(handed["mql_at"], stop, settings.promises, settings.timezone)
    return np.maximum(hours / day_hours(settings.promises), 0), outcome, stop


def _seen(handed: pd.DataFrame, end: pd.Timestamp) -> tuple[np.ndarray, pd.Series]:
    """Was each lead touched (1), gone untouched (2) or last seen open (0), and when?"""
    left, last, today = _left(handed), handed["last_event_at"].to_numpy(), end.to_datetime64()
    left = np.where(np.isnat(left), np.where(handed["won_at"].notna(), last, today), left)
    first = handed["first_touch_at"].to_numpy()
    stop = pd.Series(np.where(np.isnat(first), left, first), index=handed.index)
    return np.where(np.isnat(first), np.where(left < today, 2, 0), 1), stop


def touch_curve(handed: pd.DataFrame, settings: Settings, by_day: bool = False) -> Exhibit:
    """Which share of leads has been touched by which day after the handover? On the agreed clock, too, if it differs.

    The promised time is quoted as ``first_touch`` judges it, where it is judged. ``by_day``: files know only the day.
    """
    promises = settings.promises
    on_clock, outcome, stop = _until_touch(handed, settings)
    days = np.maximum(days_between(handed["mql_at"], stop), 0)
    curve, agreed = incidence(days, outcome), incidence(on_clock, outcome)
    series = {"First touch": curve}
    if promises.clock == "business":
        series = {"Calendar days": curve, "Working days": agreed}
    hours = promises.first_touch_hours or day_hours(promises)
    judged, by_week = bool(handed["in_time"].notna().any()), curve.at(min(7, curve.last))
    by_then = _in_time(handed) if judged else agreed.at(min(hours / day_hours(promises), agreed.last))
    told = value(by_then.value, "share")
    rows = [spot(label, at, line.at(at)) for label, line in series.items() for at in _CURVE_DAYS if at <= line.last]
    at_promise = spot([*series][-1], hours / day_hours(promises), by_then) | {"promised": said(hours, promises)}
    promised: dict[str, tuple[str, Unit]] = {"promised": ("Promised time", "text")} if judged else {}
    return Exhibit(
        key="funnel.touch", shape="curve", play="P4", rows=turns(rows, [at_promise] if judged else []),
        limit=settings.thresholds.get("first_touch_in_time") if judged else None,
        title=f"{told} of leads are touched within {said(hours, promises)}, {value(by_week.value, 'share')} "
        "within a week",
        lead=f"Touched: {told} ({interval(by_then.low, by_then.high, 'share')}) within {explained(hours, promises)}; "
        f"{half_touched(agreed, promises, by_day)}.",
        columns=columns(
            label=("Series", "text"), day=("Days after handover", "days"), share=("Touched so far", "share"),
            low=("from", "share"), high=("to", "share"), **promised,
        ),
        read="The line climbs as leads get their first call or e-mail after the handover; where it flattens, the rest "
        "are left. The band is the 95 % interval as if leads were independent"
        + ("; the bar at the promised time" if judged else "; the text") + " allows for sellers who differ, "
        "where at least two decide. Leads that leave the funnel untouched never count as touched."
        + (f" A working day has {number(day_hours(promises))} hours." if len(series) > 1 else ""),
        says_not="Whether a touch reached anybody.", source="Stage history of leads, sales activities",
        alt="Curve of the share of leads touched, by days after handover.",
    )  # fmt: skip


def decided(handed: pd.DataFrame, settings: Settings) -> Finding | None:
    """Which share of leads is accepted or turned down within the promised (calendar) days?

    Leads whose time is not yet over, and leads recorded as decided before the handover, are left aside.
    """
    limit = settings.promises.decision_days or 0
    days, is_decided = decision(handed, settings)
    ripe = (handed["mql_at"] + pd.Timedelta(days=limit) <= end_of(settings)).to_numpy() & np.isfinite(days)
    if not ripe.any():
        return None
    measure = rate((is_decided & (days <= limit))[ripe], handed["decider"][ripe])
    told, within = value(measure.value, "share"), f"within {value(limit, 'days')}"
    return finding(
        "funnel.decided", "decided_in_time", measure, settings,
        {
            "beyond": f"Only {told} of leads are accepted or turned down {within}",
            "unclear": f"Whether leads are decided on in time cannot be told: {told} are {within}",
            "none": f"{told} of leads are accepted or turned down {within}",
        },
        theme="handoff", play="P7", counted=f"{of(measure.k or 0, int(ripe.sum()))} decided {within}",
        settle="more leads whose time for a decision is over, from more sellers",
    )  # fmt: skip


def decision(handed: pd.DataFrame, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """How many days passed until each lead was decided on (or until the as-of date), and was it?

    Days are NaN where the only decision on record lies before the handover: when it really fell is not known.
    """
    is_decided, begun = handed["decided_at"].notna().to_numpy(), handed["mql_at"].to_numpy()
    before = np.any([handed[f"{stage}_at"].to_numpy() < begun for stage in _LATER], axis=0)
    days = np.maximum(days_between(begun, handed["decided_at"].fillna(end_of(settings))), 0)
    return np.where(before & ~is_decided, np.nan, days), is_decided


def follow_up(handed: pd.DataFrame, settings: Settings, touches: bool) -> Exhibit:
    """How often is a lead tried before the first decision, when does that fall, and why are leads turned down?

    Turned down: recycled, disqualified, or left by any exit that is the first decision on the lead.
    """
    days, is_decided = decision(handed, settings)
    known = np.isfinite(days)
    stay = kaplan_meier(days[known], is_decided[known])
    exit_is_first = handed["exit"].notna() & (handed["decided_at"] == handed["last_event_at"])
    down = handed.loc[handed["exit"].isin(("recycled", "disqualified")) | exit_is_first, ["n_touches", "reason"]]
    half, note = stay.quantile(0.5), f"of {count(int(known.sum()), 'lead')}, open ones counted"
    title = f"half of the leads are decided on within {value(half, 'days')}"
    title = title if half is not None else "fewer than half of the leads have been decided on"
    rows = _attempts(handed["n_attempts"].to_numpy()[is_decided & handed["n_touches"].notna()]) if touches else []
    if touches and (tried := down["n_touches"].dropna()).size:
        least = settings.promises.attempts
        few = int((tried < (least or 1)).sum())
        got = f"fewer than the {count(least, 'attempt')} promised" if least else "no attempt"
        title = f"{of(few, len(tried))} leads turned down got {got}; {title}"
        rows.append(_line(f"Turned down after {got}", few, few / len(tried), note=f"of {count(len(tried), 'lead')}"))
    rows += [_line(f"{word} are decided on after", days=at, note=note if at is not None else "not reached")
             for word, at in (("Half", half), ("Three in four", stay.quantile(0.75)))]  # fmt: skip
    rows += _reasons(down["reason"])
    return Exhibit(
        key="funnel.follow_up", shape="table", rows=rows, play="P4", title=capital(title),
        columns=columns(
            label=("Follow-up", "text"), n=("Leads", "count"), share=("Share", "share"), days=("Days", "days"),
            note=("Note", "text"),
        ),
        read="A decision is the first acceptance, later stage or exit after the handover. Attempts are touches by "
        "Sales up to that moment, for leads turned down up to the exit. Leads still open count for as long as they "
        "were seen (Kaplan-Meier).",
        says_not="Whether an attempt reached anybody, and whether a reason is the true one. Reasons given fewer than "
        f"{number(TOLD_FROM)} times stand with the rest.",
        alt=f"Table of attempts, days to a decision and reasons, {count(len(rows), 'row')}.",
        source="Stage history of leads" + (", sales activities" if touches else ""),
    )  # fmt: skip


def _attempts(decided: np.ndarray) -> list[Row]:
    counts = np.bincount(np.minimum(decided, 4).astype(int), minlength=5).tolist()
    names = ("No attempt", "One attempt", "Two attempts", "Three attempts", "Four attempts or more")
    return [_line(f"{name} before the decision", n, n / max(len(decided), 1),
                  note=f"of {count(len(decided), 'lead')} decided on")
            for name, n in zip(names, counts, strict=True)]  # fmt: skip


def _reasons(given: pd.Series) -> list[Row]:
    """The most frequent first; equal counts by name, so that the order of rows never shows."""
    counts = Counter(map(masked, given.dropna()))
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    told = [each for each in ranked if each[1] >= TOLD_FROM][:MOST_REASONS]
    rest = counts.total() - sum(n for _, n in told)
    lines = told + ([(count(len(ranked) - len(told), "other reason"), rest)] if rest else [])
    lines += [("no reason recorded", len(given) - counts.total())]
    return [_line(f"Turned down: {name}", n, n / len(given), note="") for name, n in lines if n]


def _line(label: str, n: int | None = None, part: float | None = None, *, days: float | None = None, note: str) -> Row:
    return {"label": label, "n": n, "share": part, "days": days, "note": note}
