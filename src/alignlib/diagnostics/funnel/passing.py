"""How many spells go on from stage to stage within the horizon, how long do they stay, and what are they worth?"""

from itertools import pairwise
from math import ceil

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel import cohorts, groups, segments
from alignlib.diagnostics.funnel.rates import going_on, owner_codes
from alignlib.diagnostics.funnel.spells import NEVER, START, end_of
from alignlib.diagnostics.funnel.steps import DOES, NAMES, PATHS, TOO_EARLY, Step, Times, chosen, entered, passed, ways
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.incidence import Incidence
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row, columns
from alignlib.words import count, day, listed, number, of, value

_WHO = {"mql": "leads handed over", "sal": "accepted leads", "sql": "qualified leads", "opportunity": "opportunities"}
_NEVER = {"sal": "were never accepted", "sql": "were accepted and never qualified",
          "opportunity": "qualified and never became an opportunity", "won": "stopped before the end"}  # fmt: skip
_PLAYS = {
    "mql_to_sal": "P7", "sal_to_sql": "P6", "sql_to_opportunity": "P5", "opportunity_to_won": "P15",
    "mql_to_opportunity": "P20", "mql_to_won": "P9",
}  # fmt: skip
_QUANTILES = {"median": (0.5, "half"), "p75": (0.75, "three in four"), "p90": (0.9, "nine in ten")}
_AMOUNTS = """
select lead_id, sum(amount) filter (outcome = 'won')::double as won,
  sum(amount) filter (outcome in ('won', 'open'))::double as both
from opportunities where lead_id is not null and amount is not null group by lead_id order by lead_id
"""


def part(tables: Tables, settings: Settings, spells: pd.DataFrame, handed: pd.DataFrame, leaked: np.ndarray) -> Part:
    """How do leads pass from stage to stage, how fast, of which groups, and does that change?

    ``spells`` from ``read_spells``; ``leaked`` flags each of them; ``handed`` from ``handed_over``. Rates leave out
    leads handed over before wins were recorded (left truncation); counts keep them. Says nothing of who held a lead.
    """
    found, start, horizon = Part(), spells[f"{START}_at"], settings.funnel.horizon_days
    when = entered(spells)
    at = {path: passed(when, path) for path in PATHS}
    walks = {path: ways(spells, settings, path) for path in PATHS}
    owners, walked = owner_codes(tables, spells), walks[settings.funnel.path]
    whole = walked.get(f"{START}_to_won")
    since = cohorts.tracked_since(whole, start[whole.members], settings) if whole else None
    keep = cohorts.since_recorded(start, since)
    if since is not None:
        found.caveats.append(f"Wins are recorded only since {day(since)}: leads handed over before are kept in counts "
                             "and left out of rates within a number of days (left truncation).")  # fmt: skip
    agreed = {key: cohorts.agreed_since(spells[f"{one.stage}_at"], one.next, settings) for key, one in walked.items()}
    keeps = {key: keep & each for key, each in agreed.items()}
    kept = {path: {key: chosen(one, keeps.get(key, keep)) for key, one in walk.items()} for path, walk in walks.items()}
    mine, first_owners = kept[settings.funnel.path], owner_codes(tables, spells, at_handover=True)
    rates = {key: going_on(one, horizon, first_owners if one.stage == START else owners) for key, one in mine.items()}
    found.findings += [_finding(one, rates[key], leaked, at[settings.funnel.path], settings)
                       for key, one in mine.items() if key in THRESHOLDS and len(one.days)]  # fmt: skip
    if walked:
        between = {f"{here}_to_{after}": mine[f"{here}_to_{after}"] for here, after in pairwise(at["any"])}
        stays, amounts = {key: one.stay() for key, one in between.items()}, _amounts(tables, spells)
        rows = _rows(walked, rates, stays, leaked, amounts, at[settings.funnel.path])
        rows = [row | {f"n_{path}": int((at[path][row["stage"]] < NEVER).sum()) for path in PATHS} for row in rows]
        moves = sensitivity(rows, kept, rates, settings)
        leads = spells["lead_id"][next(iter(walked.values())).members].nunique()
        found.exhibits += [waterfall(rows, leads, moves, settings), time_in_stage(between, stays)]
        found.not_judged += [] if rows[0]["amount"] is not None else [NotJudged(
            what="What the leads of each stage are worth", theme="metrics", settle="the lead id of each opportunity",
            why="no opportunity names the lead it came from")]  # fmt: skip
    found.exhibits += segments.exhibits(settings, spells["segment"], at[settings.funnel.path], mine)
    if whole:
        _compare(found, whole, spells, keep, mine, owners, handed, settings)
    return found


def _compare(
    found: Part, whole: Step, spells: pd.DataFrame, keep: np.ndarray, kept: dict[str, Step],
    owners: np.ndarray | None, handed: pd.DataFrame, settings: Settings,
) -> None:  # fmt: skip
    """What cohorts, sources and other groups add; and whether their differences hold among like leads."""
    start, horizon = spells[f"{START}_at"], settings.funnel.horizon_days
    members, cuts, source = whole.members, groups.cuts_of(spells), spells["source"]
    seen = keep & (start + pd.Timedelta(days=horizon) <= end_of(settings)).to_numpy()
    who, pair = None if owners is None else owners[members], list[str]()
    if source[members].notna().any():
        shown, pair = cohorts.by_source(whole, source[members], seen[members], settings, who)
        found.exhibits.append(shown)
    by_time = cohorts.cohorts(whole, start[members], settings, who)
    title, change = cohorts.change(by_time)
    found.exhibits.append(cohorts.exhibit(by_time, title))
    found.findings += [change] if change else []
    if cuts:
        goals = [kept[key] for key in (f"{START}_to_opportunity", f"{START}_to_won") if key in kept]
        found.exhibits.append(groups.exhibit(next(iter(kept.values())), goals, cuts, seen, owners, settings))
    else:
        found.not_judged.append(NotJudged(
            what="Whether leads of some sources, segments or grades go on more often", theme="common_language",
            why="no two sources, segments or grades are recorded", settle="source, segment and grade of each lead",
        ))  # fmt: skip
    place, usable, hit, compared = np.flatnonzero(members), by_time.usable, by_time.hit, list[groups.Difference]()
    if len(usable) > 1:
        latest, some = by_time.place == usable[-1], np.isin(by_time.place, usable)
        said = "Leads of the latest cohort that was seen for so long, less those of the cohorts before"
        compared.append(groups.Difference("Latest cohort", said, place[some], hit[some], latest[some]))
    if pair:
        named = source[members].to_numpy()
        some, said = seen[members] & np.isin(named, pair), f"{pair[1]} less {pair[0]}"
        compared.append(groups.Difference("Two sources", said, place[some], hit[some], named[some] == pair[1]))
    if handed["in_time"].notna().any():
        is_handed, (due, in_time) = start.notna(), np.zeros((2, len(spells)), bool)
        due[is_handed] = handed["first_touch_at"].notna() & handed["in_time"].notna()  # never touched: hardly won
        in_time[is_handed] = handed["in_time"].fillna(False).to_numpy(bool)
        some, said = (seen & due)[members], "Leads touched in time less those touched late"
        compared.append(groups.Difference("In time less late", said, place[some], hit[some], in_time[members][some]))
    score = spells["score"].to_numpy(dtype=np.float64)
    if held := groups.compare(compared, cuts, score, owners):
        found.exhibits.append(groups.strata_exhibit(held, f"within {count(horizon, 'day')}"))
        found.caveats += groups.caveats(held)


def _finding(one: Step, measure: Measure, leaked: np.ndarray, at: Times, settings: Settings) -> Finding:
    horizon, waiting, seen = settings.funnel.horizon_days, one.outcome == 0, one.seen(settings.funnel.horizon_days)
    said, within = value(measure.value, "share"), f"within {count(seen, 'day')}"
    claim = f"{_WHO[one.stage]} {DOES[one.next]}"
    lost = int((waiting & leaked[one.members]).sum())
    skipped = int((one.hits(seen) & (at[one.next][one.members] == NEVER)).sum())
    return finding(
        f"funnel.{one.stage}_to_{one.next}", f"{one.stage}_to_{one.next}", measure, settings,
        {
            "beyond": f"Only {said} of {claim} {within}",
            "unclear": f"Whether enough {claim} cannot be told: {said} {within}",
            "none": f"{said} of {claim} {within}",
        },
        theme="common_language" if one.next in ("sql", "opportunity") else "handoff",
        play=_PLAYS[f"{one.stage}_to_{one.next}"],
        counted=f"{of(measure.k or 0, len(one.days))} seen to go on {within}"
        + (f" ({number(skipped)} of them straight to a later stage)" if skipped else "")
        + f", {number(int(waiting.sum()))} not decided yet" + (f", {number(lost)} of them leaked" if lost else ""),
        settle=f"more {_WHO[one.stage]}, or {count(horizon, 'day')} more of follow-up",
        cannot=TOO_EARLY if seen < horizon else None,
    )  # fmt: skip


def waterfall(rows: list[Row], leads: int, moves: str, settings: Settings) -> Exhibit:
    """How many spells got how far, how fast, worth what, and what became of those that did not go on?

    One row a stage; ``leads``: how many were handed over; ``moves``: how far figures move with the path rule.
    """
    steps = list(zip(rows, [row["stage"] for row in rows[1:]], strict=False))
    worst, after = max(steps, key=lambda pair: pair[0]["leaked"])
    lost, last, path = sum(row["leaked"] for row, _ in steps), rows[-1], settings.funnel.path
    so_far = f"{str(last['label']).lower()} so far"
    valued = last["amount"] is not None
    return Exhibit(
        key="funnel.waterfall", shape="waterfall", rows=rows, play="P4",
        title=f"{number(worst['leaked'])} of the {number(lost)} leaked leads {_NEVER[after]}"
        if lost
        else f"{of(last['n'], rows[0]['n'])} leads handed over are {so_far}",
        lead=f"{count(rows[0]['n'], 'handover')} of {count(leads, 'lead')} created from {day(settings.period.start)} "
        f"to {day(settings.period.end)}, seen until {day(settings.as_of)}; {number(last['n'])} {so_far}.",
        columns=columns(
            label=("Stage", "text"), stage=("Code", "text"), n=("Leads", "count"), go_on=("Go on", "share"),
            go_on_low=("from", "share"), go_on_high=("to", "share"), naive=("Plain division", "share"),
            median_days=("Half have left after", "days"),
            amount=("Deals won or open", "money"),
            leaked=("Leaked", "count"), decided=("Decided", "count"), open=("Still open", "count"),
            **{f"n_{rule}": (f"Leads, {rule} path", "count") for rule in PATHS if rule != path}, note=("Note", "text"),
        ),
        read=f"Each bar counts leads that got this far. Go on: the share that moves on within "
        f"{count(settings.funnel.horizon_days, 'day')}, with its 95 % interval, corrected for leads still open; plain "
        f"division counts those as lost.{' Deals: of the leads that entered the stage.' if valued else ''} "
        f"Rule: {path} ({PATHS[path]}). {moves}",
        says_not="Why a lead did not go on. A lead that is recycled and qualifies again counts twice."
        + ("" if valued else " What leads are worth: no opportunity names its lead."),
        alt=f"Waterfall from {rows[0]['label']} to {last['label']}, with what left between.",
        source="Stage history of leads" + (", opportunities" if valued else ""),
    )  # fmt: skip


def _rows(
    walked: dict[str, Step], rates: dict[str, Measure], stays: dict[str, Incidence], leaked: np.ndarray,
    amounts: pd.DataFrame | None, at: dict[str, np.ndarray],
) -> list[Row]:  # fmt: skip
    """One row a stage: counts of all spells, rates and stays of those begun when later stages were recorded."""
    rows: list[Row] = []
    for key, stay in stays.items():
        one, rate = walked[key], rates[key]
        stopped = leaked[one.members] & (one.outcome == 0)
        rows.append({
            "label": NAMES[one.stage], "stage": one.stage, "n": len(one.days), "go_on": rate.value,
            "go_on_low": rate.low, "go_on_high": rate.high,
            "naive": float((one.outcome == 1).mean()) if len(one.days) else None, "median_days": stay.quantile(0.5),
            "amount": _worth(amounts, one.members, "both"), "leaked": int(stopped.sum()),
            "decided": int((one.outcome == 2).sum()), "open": int(((one.outcome == 0) & ~stopped).sum()), "note": "",
        })  # fmt: skip
    stage, times = list(at.items())[-1]
    final = times < NEVER
    return [*rows, {**dict.fromkeys(rows[0]), "label": NAMES[stage], "stage": stage, "n": int(final.sum()),
                    "amount": _worth(amounts, final, "won"),
                    "note": "" if amounts is None else "deals won alone"}]  # fmt: skip


def _amounts(tables: Tables, spells: pd.DataFrame) -> pd.DataFrame | None:
    """What did the deals of each spell's lead bring (``lead`` is its code, -1 without)? None when no deal names one."""
    deals = tables.query(_AMOUNTS)
    place = pd.Index(deals["lead_id"]).get_indexer(pd.Index(spells["lead_id"]))
    if (place < 0).all():
        return None
    taken = {name: np.where(place < 0, 0.0, deals[name].fillna(0).to_numpy()[place]) for name in ("won", "both")}
    return pd.DataFrame({"lead": place, **taken})


def _worth(amounts: pd.DataFrame | None, members: np.ndarray, which: str) -> int | None:
    """What are the deals of these spells' leads worth, each lead counted once however often it came back?"""
    if amounts is None:
        return None
    leads, first = np.unique(amounts["lead"].to_numpy()[members], return_index=True)
    return int(amounts[which].to_numpy()[members][first][leads >= 0].sum())


def sensitivity(
    rows: list[Row], kept: dict[str, dict[str, Step]], rates: dict[str, Measure], settings: Settings
) -> str:
    """How far do the number of leads per stage and the share that goes on move at most with the path rule?

    ``kept``: steps under each rule, of the spells that rates are taken from; ``rates``: those under the agreed rule.
    """
    horizon, mine = settings.funnel.horizon_days, settings.funnel.path
    moved = max(abs(row[f"n_{path}"] - row[f"n_{mine}"]) for row in rows for path in PATHS)
    other = [(going_on(one, horizon).value, rates[key].value) for path in PATHS if path != mine
             for key, one in kept[path].items()]  # fmt: skip
    most = max((abs(here - there) for here, there in other if here is not None and there is not None), default=0.0)
    points = count(ceil(round(most * 100, 6)), "percentage point")
    return f"Under the others no rate moves by more than {points} and no stage by more than {count(moved, 'lead')}."


def time_in_stage(walked: dict[str, Step], stays: dict[str, Incidence]) -> Exhibit:
    """How long do leads stay in a stage, open ones counted, whichever way they leave?"""
    rows: list[Row] = []
    for key, one in walked.items():
        known = np.isfinite(one.days)
        went = one.days[known & (one.outcome == 1)]
        quantiles = {name: stays[key].quantile(p) for name, (p, _) in _QUANTILES.items()}
        missed = [said for name, (_, said) in _QUANTILES.items() if quantiles[name] is None]
        rows.append({
            "label": NAMES[one.stage], "n": int(known.sum()), "open": int((one.outcome == 0).sum()), **quantiles,
            "closed_only": float(np.median(went)) if len(went) else None,
            "note": f"{listed(missed)}: not reached" if missed else "",
        })  # fmt: skip
    return Exhibit(
        key="funnel.stages", shape="table", rows=rows,
        title=_slowest({walked[key].stage: row["median"] for key, row in zip(walked, rows, strict=True) if row["n"]}),
        columns=columns(
            label=("Stage", "text"), n=("Leads", "count"), open=("Still there", "count"),
            median=("Half have left after", "days"), p75=("Three in four after", "days"),
            p90=("Nine in ten after", "days"), closed_only=("Median of those that went on", "days"),
            note=("Note", "text"),
        ),
        read="Days until a lead leaves the stage, by going on or by an exit. Leads still there count for as long as "
        "they were seen (Kaplan-Meier); not reached: so many had not left while anybody was watched. The last column "
        "of days looks only at those that went on, as most reports do.",
        says_not="Whether time was spent working or waiting.", alt="Table of days in each stage.",
        source="Stage history of leads",
    )  # fmt: skip


def _slowest(medians: dict[str, float | None]) -> str:
    """In which stage do leads stay longest? Where half have not left one, nobody knows for how long."""
    open_still = [NAMES[stage] for stage, median in medians.items() if median is None]
    if open_still or not medians:
        return f"Fewer than half of the leads have left this stage: {listed(open_still) or 'any'}"
    slow = max(medians, key=lambda stage: medians[stage] or 0.0)
    return f"{NAMES[slow]} takes longest: half have left it after {value(medians[slow], 'days')}"
