"""Who holds a lead, for how long, and where is it dropped between Marketing and Sales?"""

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from alignlib.diagnostics.funnel.leaks import buckets
from alignlib.diagnostics.funnel.rates import owners_known, rate, rate_columns, rate_row
from alignlib.diagnostics.funnel.spells import NOT_YET, days_between, end_of, first_of, same_lead
from alignlib.engagement import EXITS, STAGES, Settings
from alignlib.incidence import kaplan_meier
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, NotJudged, Part, Row, columns
from alignlib.stats import Interval, clustered_share, wilson
from alignlib.words import count, number, of, share, value

FEWEST = 3  # leads that nobody held: fewer say nothing of how much such leads differ
_LATER = [f"{stage}_at" for stage in STAGES[STAGES.index("mql") :]]
_WITHOUT = {"untouched": "a first touch", "no_next_step": "a next step", "no_owner": "an owner"}
_HAPPENED = {  # to leads that leaked in a leg
    "Handover": "never got a first touch",
    "Sales works": "had no owner or no next step after the first touch",
    "Sales works, from the handover": "had no owner after the handover",
    "Sales closes": "had no owner or no next step while Sales was closing",
}
_ORDER = f"entered_at, list_position({[*STAGES, *EXITS]}, stage), file, record"
_ALONE = f"""
with held as (
  select lead_id, owner_id, entered_at, lead(entered_at) over (partition by lead_id order by {_ORDER}) as until
  from stage_events where stage <> 'inquiry'
)
select lead_id, entered_at, until, until is null and l.owner_id is not null as is_unknown
from held left join leads l using (lead_id) where held.owner_id is null
"""
_TURNS = f"""
with turns as (
  select *, owner_id is distinct from lag(owner_id) over (partition by lead_id order by {_ORDER}) as is_new
  from stage_events where owner_id is not null and stage in {STAGES[1:]}
)
select count(distinct owner_id) as n_owners, count(*) filter (is_new) as n_turns from turns group by lead_id
"""


def part(tables: Tables, settings: Settings, handed: pd.DataFrame, spells: pd.DataFrame) -> Part:
    """Who holds leads between inquiry and win, and where are they dropped?"""
    found, facts = Part(), list[str]()
    if handed["mql_owner"].notna().any():
        time = held(tables, handed, settings)
        found.findings += [ownerless(time, settings)] if time["all"].sum() > 0 else []
        facts = _facts(time, tables)
    else:
        found.not_judged.append(NotJudged(
            what="How long leads were held by nobody", why="no file says who held a lead when it was handed over",
            settle="stage history with the owner at each step", theme="handoff"))  # fmt: skip
    gaps = nurture_gaps(tables, spells, settings)
    legs = relay_legs(tables, settings, spells, handed)
    found.exhibits += [relay(legs, facts)] if len(legs) > 1 else []
    if tables.has("campaign_touches") and (gaps["days"] > settings.funnel.nurture_gap_days).any():
        found.exhibits.append(nurture(gaps, settings))
    return found


def held(tables: Tables, handed: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """For how many days between handover and decision was each lead held, and by nobody?

    At most the first ``promises.stalled_days``: else one lead forgotten for a year would weigh as much as a hundred
    that were decided on within days, and the figure would grow with the as-of date. One row a spell: ``lead_id``; days
    ``all`` of them; ``alone``: no owner was recorded at the last step; ``waiting``: an owner, and no touch yet
    (missing for leads handed over before touches were recorded). A lead that has an owner today and had none at its
    last step got one at a moment that is not recorded: the days since that step are *missing* and count nowhere.
    """
    steps = tables.query(_ALONE)
    begin, decided, first = (handed[name].to_numpy() for name in ("mql_at", "decided_at", "first_touch_at"))
    stop = np.where(np.isnat(decided), end_of(settings).to_datetime64(), decided)
    stop = np.minimum(stop, begin + np.timedelta64(settings.promises.stalled_days, "D"))
    row, place = same_lead(handed["lead_id"], steps["lead_id"])
    since, until, unknown = (steps[name].to_numpy()[place] for name in ("entered_at", "until", "is_unknown"))
    sums = {}
    for name, over in (("stop", stop), ("touched", np.where(first < stop, first, stop))):
        end = np.where(until < over[row], until, over[row])
        days = np.maximum(days_between(np.maximum(since, begin[row]), end), 0)
        for kind, which in (("alone", ~unknown), ("unknown", unknown)):
            sums[kind, name] = np.bincount(row, days * which, minlength=len(handed))
        sums["all", name] = np.maximum(days_between(begin, over), 0) - sums["unknown", name]
    told = handed["n_touches"].notna() | (not tables.has("sales_touches"))
    waiting = np.where(told, sums["all", "touched"] - sums["alone", "touched"], np.nan)
    return pd.DataFrame({
        "lead_id": handed["lead_id"], "all": sums["all", "stop"], "alone": sums["alone", "stop"], "waiting": waiting,
    })  # fmt: skip


def ownerless(time: pd.DataFrame, settings: Settings) -> Finding:
    """Which share of the time between handover and decision was a lead held by nobody?"""
    lead = pd.factorize(time["lead_id"])[0]
    alone, days = np.bincount(lead, time["alone"]), np.bincount(lead, time["all"])
    throughout = (alone > 0) & (alone > days - 1e-6)  # days are sums of microseconds
    some = int(((alone > 0) & ~throughout).sum())
    at = share_of_time(alone, days)
    measure = measured(at, "share", "ratio of lead-days, linearised over leads, 95 %", None, len(days))
    said = f"no owner for {value(at.value, 'share')} of the time before a decision"
    return finding(
        "funnel.ownerless", "ownerless_time", measure, settings,
        {"none": f"Leads had {said}",
         "unclear": f"Whether leads lack an owner for too long cannot be told: they had {said}"},
        theme="handoff", play="P8", settle="more leads, or the owner of each lead at every step",
        counted=f"{number(alone.sum())} of {number(days.sum())} lead-days from handover to decision, the first "
        f"{count(settings.promises.stalled_days, 'day')} of each lead at most; "
        f"{of(int(throughout.sum()), len(days))} leads had no owner throughout these days, {number(some)} for a part",
    )  # fmt: skip


def share_of_time(part: np.ndarray, whole: np.ndarray) -> Interval:
    """Which share of the time of all cases together is ``part``, when cases are independent and differ in length?

    Ratio of sums with linearised variance over cases (``stats.clustered_share``), and t with one degree of freedom less
    than there are cases with any part: few long ones carry all of the spread. Fewer than three: no interval. None at
    all, or all: Wilson's limits on the effective number of cases (Kish 1965).

    >>> share_of_time(np.array([0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0])).high < 0.57
    True
    """
    some = int((part > 0).sum())
    at = clustered_share(part, whole)
    if at.value in (0.0, 1.0):
        n = int(whole.sum() ** 2 / (whole**2).sum())
        return wilson(round(at.value or 0) * n, n)
    if some < FEWEST or at.low is None or at.high is None:
        return Interval(at.value, None, None)
    wider = stdtrit(some - 1, 0.975) / stdtrit((whole > 0).sum() - 1, 0.975)
    middle, reach = logit([at.low, at.high]).mean(), np.ptp(logit([at.low, at.high])) / 2 * wider
    return Interval(at.value, float(expit(middle - reach)), float(expit(middle + reach)))


def _facts(time: pd.DataFrame, tables: Tables) -> list[str]:
    """Who held leads, how many owners does one have after the handover, and how often does one get it back?"""
    total, leads = time["all"].sum() or 1.0, tables.query(_TURNS)
    many, back = int((leads["n_owners"] > 2).sum()), int((leads["n_turns"] > leads["n_owners"]).sum())
    alone = f"Before a decision leads had no owner for {share(time['alone'].sum() / total)} of the time"
    told = time[time["waiting"].notna()]
    waiting = f"and an owner but no touch yet for {share(told['waiting'].sum() / (told['all'].sum() or 1.0))}"
    return [f"{alone} {waiting}." if tables.has("sales_touches") else f"{alone}.",
            f"The median lead has {count(int(leads['n_owners'].median()), 'owner')} after the handover; "
            f"{of(many, len(leads))} had three or more, {number(back)} went back to an earlier owner."]  # fmt: skip


def nurture_gaps(tables: Tables, spells: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """For how long at most did nothing come from each lead in Marketing's hands?

    One row a stretch: a lead from its inquiry to the handover, from its inquiry on (not handed over yet), or from being
    recycled until it came back. ``longest``: days between two responses, the two ends of the stretch included.
    """
    names = ("inquiry_at", "last_event_at", "next_spell_at")
    end, (begun, last, back) = end_of(settings).to_datetime64(), (spells[name].to_numpy() for name in names)
    later, exits = first_of(*(spells[name].to_numpy() for name in _LATER)), spells["exit"].to_numpy(dtype=object)
    waits = np.isnat(later) & spells["exit"].isna().to_numpy() & ~np.isnat(begun)
    cut = {
        "Inquiries handed over": (begun < later, begun, later),
        "Inquiries not yet handed over": (waits, begun, np.full(len(spells), end)),
        "Recycled leads": (exits == "recycled", last, np.where(np.isnat(back), end, back)),
    }
    start, stop = (np.concatenate([each[i][each[0]] for each in cut.values()]) for i in (1, 2))
    found = pd.DataFrame({
        "kind": np.repeat(np.array([*cut], dtype=object), [each[0].sum() for each in cut.values()]), "start": start,
        "lead_id": pd.concat([spells["lead_id"][each[0]] for each in cut.values()], ignore_index=True), "stop": stop,
    })  # fmt: skip
    responses = tables.query("select lead_id, touched_at as at from campaign_touches")
    row, place = same_lead(found["lead_id"], responses["lead_id"])
    at = responses["at"].to_numpy()[place]
    inside = (at > start[row]) & (at < stop[row])
    rows, times = np.tile(np.arange(len(found)), 2), np.concatenate([start, stop])
    rows, times = np.append(rows, row[inside]), np.append(times, at[inside])
    order = np.lexsort((times, rows))
    silent, firsts = np.diff(times[order], prepend=times[:1]), np.flatnonzero(np.diff(rows[order], prepend=-1))
    silent[firsts] = 0  # between the last of one stretch and the first of the next lies nothing
    longest = np.maximum.reduceat(silent, firsts) if len(found) else silent
    return found.assign(longest=longest / np.timedelta64(1, "D"), days=days_between(start, stop))


def nurture(gaps: pd.DataFrame, settings: Settings) -> Exhibit:
    """From which share of leads in Marketing's hands came no response for longer than agreed, and for how long at most?

    A response is what a lead did. What Marketing sent is not recorded, so that silence is no sign of nothing sent.
    """
    limit, rows = count(settings.funnel.nurture_gap_days, "day"), list[Row]()
    kinds, longest = gaps["kind"].to_numpy(dtype=object), gaps["longest"].to_numpy()
    watched = (gaps["days"] > settings.funnel.nurture_gap_days).to_numpy()
    for kind in dict.fromkeys(kinds[watched].tolist()):
        some = longest[watched & (kinds == kind)]
        half, most = value(float(np.median(some)), "days"), value(float(some.max()), "days")
        note = f"longest silence: {half} or more for half, {most} at most"
        rows.append(rate_row(kind, rate(some > settings.funnel.nurture_gap_days), note))
    worst = max(rows, key=lambda row: row["value"])
    return Exhibit(
        key="funnel.nurture", shape="intervals", rows=rows, play="P8", is_detail=True,
        title=f"No response for {limit} from {value(worst['value'], 'share')} of {worst['label'].lower()} "
        f"({of(worst['k'], worst['n'])}); what Marketing sent is not recorded",
        columns=rate_columns("Leads", "Without a response", "Without a response, leads", "Watched long enough"),
        read=f"Leads in Marketing’s hands for more than {limit}: the share from which no response came for so long at "
        "a stretch, with its 95 % interval (Wilson).",
        says_not="What Marketing sent, and how often: only what leads did is recorded.",
        alt=f"Intervals of the share of leads without a response, {count(len(rows), 'group')}.",
        source="Campaign touches",
    )  # fmt: skip


def relay_legs(tables: Tables, settings: Settings, spells: pd.DataFrame, handed: pd.DataFrame) -> list[Row]:
    """How do leads run each leg of the relay: who holds them, for how long, how many go on, and how many leaked there?

    Leaks are those of open leads (as in ``leaks.buckets``), each in the leg in which it stands: they add up to those.
    An inquiry that is not yet a lead does not leak, however long it waits. A leg that is not recorded is left out.
    Leads handed over before touches were recorded run neither the leg up to the first touch nor the one from it.
    """
    touches, bucket = tables.has("sales_touches"), buckets(handed, tables, settings)
    opened = "opportunity_at" if handed["opportunity_at"].notna().any() else "sql_at"
    names = ("mql_at", opened, "won_at", "last_event_at", "first_touch_at")
    begun, qualifies, won, last, first = (handed[name].to_numpy() for name in names)
    told, is_over = handed["n_touches"].notna().to_numpy(), handed["exit"].notna().to_numpy() | ~np.isnat(won)
    qualified, first, gone = first_of(qualifies, won), np.where(told, first, NOT_YET), np.where(is_over, last, NOT_YET)
    is_qualified = ~np.isnat(qualified) & (bucket != "untouched").to_numpy()
    stands = np.where(is_qualified, 3, np.where(~np.isnat(first) | (not touches), 2, 1))
    known, end = touches or owners_known(tables, handed), end_of(settings).to_datetime64()
    leaks = [bucket.where(stands == leg).to_numpy(dtype=object) if known else None for leg in range(4)]
    inquired, later = spells["inquiry_at"].to_numpy(), first_of(*(spells[name].to_numpy() for name in _LATER))
    out = np.where(spells["exit"].notna(), spells["last_event_at"].to_numpy(), NOT_YET)
    works = ("Sales works", first) if touches else ("Sales works, from the handover", begun)
    waits = np.where(told, begun, NOT_YET) if touches else first
    return [leg for leg in (
        _leg("Marketing nurtures", "Marketing", inquired, later, out, None, end),
        _leg("Handover", "waiting for a first touch", waits, first, gone, leaks[1], end),
        _leg(works[0], "Sales", works[1], qualified, gone, leaks[2], end),
        _leg("Sales closes", "Sales", qualifies, won, gone, leaks[3], end),
    ) if leg["n"]]  # fmt: skip


def _leg(
    label: str, holder: str, start: np.ndarray, on: np.ndarray, out: np.ndarray, leak: np.ndarray | None,
    end: np.datetime64,
) -> Row:  # fmt: skip
    ran, goes_on, goes = ~np.isnat(start), ~np.isnat(on), ~np.isnat(out)
    went, left = goes_on & ran, ~goes_on & goes & ran
    days = days_between(start, np.where(goes_on, on, np.where(goes, out, end)))
    told = ran & (days >= 0)
    stay = kaplan_meier(days[told], (went | left)[told])
    is_open = ran & ~went & ~left
    counts = {} if leak is None else {kind: int((leak[is_open] == kind).sum()) for kind in _WITHOUT}
    leaked = sum(counts.values())
    return {
        "label": label, "holder": holder, "n": int(ran.sum()), "median_days": stay.quantile(0.5),
        "p75_days": stay.quantile(0.75), "handed_on": int(went.sum()),
        "leaked": None if leak is None else leaked, "left": int(left.sum()),
        "running": int(is_open.sum()) - leaked,
        "note": ", ".join(f"{number(n)} without {_WITHOUT[kind]}" for kind, n in counts.items() if n),
    }  # fmt: skip


def relay(legs: list[Row], facts: list[str]) -> Exhibit:
    """How long is each leg of the relay from inquiry to win, who runs it, and where do leads leak?"""
    leaked = sum(leg["leaked"] or 0 for leg in legs)
    worst = max(legs, key=lambda leg: leg["leaked"] or 0)
    slow = max(legs, key=lambda leg: leg["median_days"] or 0)
    title = f"The longest leg is: {slow['label']}, half of the leads run it within {value(slow['median_days'], 'days')}"
    title = title if slow["median_days"] is not None else "No leg of the relay has been run by half of its leads yet"
    if leaked:
        title = f"{of(worst['leaked'], leaked)} leaked leads {_HAPPENED[worst['label']]}"
    return Exhibit(
        key="funnel.relay", shape="relay", rows=legs, title=title, lead=" ".join(facts), play="P8",
        columns=columns(
            label=("Leg", "text"), holder=("Held by, or waiting", "text"), n=("Leads that ran it", "count"),
            median_days=("Half have left it after", "days"), p75_days=("Three in four after", "days"),
            handed_on=("Handed on", "count"), leaked=("Leaked", "count"), left=("Left otherwise", "count"),
            running=("Still running", "count"), note=("What leaked", "text"),
        ),
        read="Each stretch is a leg: as long as its median time, open leads counted (Kaplan-Meier), and as thick as "
        "the number of leads that ran it. Leaked: still open, and untouched past the promise, without an owner or "
        "without a next step. Hatched: waiting, or a leg that half of its leads have not left yet; such a leg has no "
        "known length, and what follows is drawn as if it took no time.",
        says_not="How long one and the same lead takes from end to end: medians of legs do not add up.",
        alt=f"Relay of {len(legs)} legs, with the leads that leaked in each.", source="Stage history of leads",
    )  # fmt: skip
