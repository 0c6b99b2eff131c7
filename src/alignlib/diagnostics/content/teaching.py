"""Do sellers use what they were shown or recommended, and does content answer their notes? Curves of how soon."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.content.parts import DECIDED, at_least, joined, missing, too_few
from alignlib.diagnostics.content.stock import BY_SELLER, Stock, zone_of
from alignlib.engagement import Settings
from alignlib.incidence import clustered_incidence, clustered_incidence_gap
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, Level, Part, Row, columns
from alignlib.stats import NOTHING, Interval, judge
from alignlib.words import agreed, count, day, interval, number, of, value

_TAUGHT, _UNTAUGHT = "Sellers shown it", "Not shown it"
_LOG_WANTED = "the library’s log of uses: asset, a code for the person, what they did and when"
_TOO_EARLY: Mapping[Level, str] = {"act": "a share read before the agreed days have passed can only rise"}
_CODES = "the same code for a person in every file"
_UNTIL = "timezone('UTC', timezone($zone, $end::timestamp + interval 1 day))"
# Everybody who was shown, recommended or used something, but those whose every logged event is Marketing's. Who never
# occurs in the log counts as using nothing, for to leave them out would choose by what they did; it is said how many.
_PEOPLE = f"""with logged as (
  select user_id, bool_or({BY_SELLER}) as sells, bool_and(coalesce(team = 'marketing', false)) as is_marketing
  from asset_usage group by user_id
)
select user_id, (row_number() over (order by user_id))::integer as person,
  user_id in (select user_id from logged where user_id is not null) as is_logged
from (select user_id from logged where sells {{named}}) where user_id is not null
  and user_id not in (select user_id from logged where is_marketing and user_id is not null)"""
# One row an asset and a seller with a day of teaching or of first use. The other pairs of a seller are only counted:
# those with assets first shown equally long before the end are alike. All days beyond $most are read as $most.
_FIRST_USE = f"""with taught_assets as (
  select asset_id, (row_number() over (order by asset_id))::integer as asset, min(trained_on) as first_on
  from training where trained_on <= $end group by asset_id
), shown as (
  select asset, person, min(trained_on) as shown_on
  from training join taught_assets using (asset_id) join people using (user_id) where trained_on <= $end
  group by asset, person
), used as (
  select asset, person, timezone($zone, timezone('UTC', min(used_at)))::date as used_on
  from asset_usage join taught_assets using (asset_id) join people using (user_id)
  where {BY_SELLER} and used_at < {_UNTIL} group by asset, person
), pairs as (select asset, person, shown_on, used_on from shown full join used using (asset, person)
), apart as (
  select person, first_on, least($end - first_on, $most) as whole, used_on,
    coalesce(shown_on = first_on or used_on < first_on, false) as is_out, coalesce(shown_on - 1, $end) as stop_on
  from pairs join taught_assets using (asset) where first_on >= $since
), closed as (
  select person, coalesce(used_on <= stop_on, false) as is_used, first_on,
    case when used_on <= stop_on then used_on else stop_on end - first_on as days
  from apart where not is_out
), watched as (
  select case when shown_on < $since then 'early' when used_on < shown_on then 'before' else 'taught' end as kind,
    person, coalesce(used_on, $end) - shown_on as days, used_on is not null as is_used, 1 as n
  from pairs where shown_on is not null
  union all select 'untaught', person, days, is_used, 1 from closed
  union all select 'untaught', person, whole, false, total - coalesce(taken, 0)
  from people cross join (
    select least($end - first_on, $most) as whole, count(*) as total from taught_assets
    where first_on >= $since group by whole
  ) left join (select person, whole, count(*) as taken from apart group by person, whole) using (person, whole)
)
select kind, person, is_logged, least(days, $most)::double as days, is_used and days <= $most as is_used,
  sum(n)::double as n
from watched join people using (person) group by all having sum(n) > 0 order by all"""
# A use counts from the moment of the first recommendation, or from its day where either is known by the day alone.
_UPTAKE = f"""with recommended as (
  select asset_id, person, user_id, min(recommended_at) as first_at,
    timezone($told_zone, timezone('UTC', min(recommended_at)))::date as told_on
  from recommendations join people using (user_id) group by asset_id, person, user_id
), begun as (
  select *, case when $is_by_day then timezone('UTC', timezone($zone, told_on::timestamp)) else first_at end as from_at
  from recommended where told_on <= $end
), followed as (
  select asset_id, person, timezone($zone, timezone('UTC', min(used_at) filter (used_at >= from_at)))::date as used_on,
    bool_or(used_at < from_at) as is_known
  from begun join asset_usage using (asset_id, user_id) where {BY_SELLER} and used_at < {_UNTIL}
  group by asset_id, person
), watched as (
  select case when told_on < $since then 'early' else 'told' end as kind, person, coalesce(is_known, false) as is_known,
    coalesce(used_on, $end) - told_on as days, used_on is not null as is_used
  from begun left join followed using (asset_id, person)
)
select kind, person, is_logged, is_known, least(days, $most)::double as days, is_used and days <= $most as is_used,
  count(*)::double as n
from watched join people using (person) group by all order by all"""
# A note is answered on the day recorded, else on the first day on which the asset it names was made or reviewed.
_DATED = "select asset_id, created_on, reviewed_on from assets"
_CORRECTED = f"""select asset_id, created_on, coalesce(d.reviewed_on, a.reviewed_on) as reviewed_on
  from assets a left join {DECIDED} d using (asset_id)"""
_NO_ASSETS = "select null::varchar as asset_id, null::date as created_on, null::date as reviewed_on"
_NOTES = """with dated as ({dated}), notes as (
  select timezone($noted_zone, timezone('UTC', noted_at))::date as noted_on, asset_id,
    timezone($answered_zone, timezone('UTC', answered_at))::date as told_on
  from field_notes
), answers as (
  select noted_on, asset_id, coalesce(told_on, least(case when created_on >= noted_on then created_on end,
    case when reviewed_on >= noted_on then reviewed_on end)) as answered_on
  from notes left join dated using (asset_id) where noted_on <= $as_of
)
select case when answered_on < noted_on then 'fault' when asset_id is not null and answered_on is null then 'undated'
    else 'case' end as kind,
  least(case when answered_on <= $as_of then answered_on else $as_of end - noted_on, $most)::double as days,
  coalesce(answered_on <= $as_of and answered_on - noted_on <= $most, false) as is_used, -1 as person,
  count(*)::double as n
from answers group by all order by all"""


def part(tables: Tables, settings: Settings, stock: Stock) -> Part:
    """Do sellers use what they were shown or recommended, and does content answer their notes, within W days?

    W is ``content.uptake_days``. Cumulative incidence, clustered by seller where sellers decide. Somebody whose every
    logged event is Marketing's is no seller. What was shown or recommended before the log of uses began (if that is
    more than a week after the period did) is left out, and nothing is followed beyond the log's end (if that is more
    than a week before the as-of date): neither tells of no use. What fewer sellers did than ``survey.smallest_group``
    is withheld, and what rests on people who never occur in the log is not ``act``. What cannot be judged for want of
    data is listed.
    """
    log = _log(tables, settings, stock)
    return joined([first_use(tables, settings, log), uptake(tables, settings, log), notes(tables, settings)])


def first_use(tables: Tables, settings: Settings, log: dict[str, Any]) -> Part:
    """How soon do sellers first use an asset they were shown, and how soon one that they were not shown?

    A case is one seller and one asset that anybody was ever shown. Shown: from the day this seller was shown it; cases
    used before are left out. Not shown: from the day the asset was first shown to anybody, for every seller who had
    neither been shown nor used it by then, until the day before being shown it as well. So no day counts twice, and
    nobody is known from the start to use it later (no immortal time). ``log``: the log's zone and span.
    """
    what, days = "Whether sellers use what they were shown", settings.content.uptake_days
    if not log or not tables.filled("training", "user_id"):
        return _lacking(what, log, "shown", "training: the asset, a code for the person, the day")
    tables.keep("people", _PEOPLE.format(named=_named(tables)), {})
    found = tables.query(_FIRST_USE, log | {"most": 2 * days})
    taught, untaught, before, early = (found[found["kind"] == k] for k in ("taught", "untaught", "before", "early"))
    if taught.empty:
        return missing(what, "no seller was shown anything not used before", "a longer period")
    if withheld := _withheld(what, taught, "shown", settings):
        return withheld
    compares = untaught["person"].nunique() >= settings.survey.smallest_group
    sides = {_TAUGHT: taught} | ({_UNTAUGHT: untaught} if compares else {})
    at = min(_horizon(cases, settings) for cases in sides.values())
    says = f"Sellers use {value(_share(taught, at).value, 'share')} of what they were shown within {count(at, 'day')}"
    gained = list[Finding]()
    if compares:
        gap = clustered_incidence_gap(_columns(taught), _columns(untaught), at)
        gained.append(_gain(taught, untaught, gap, at, settings))
        says += f", {value(_share(untaught, at).value, 'share')} of what they were not"
        says += f" (difference {interval(gap.low, gap.high, 'pp')} percentage points)"
    judged = _finding("content.taught", "use_after_teaching", taught, settings, "of what sellers were shown is used",
                      "more sellers who are shown content", _matched(taught))  # fmt: skip
    exhibit = _curve(
        "content.first_use", sides, settings, judged, title=says,
        source="Record of training, log of uses", day_of="Days after it was shown",
        lead=f"{_cases(taught)} of a seller who was shown an asset" + (f", {_cases(untaught)} of one who was not, "
             "for the same assets." if compares else "; too few sellers went without to compare."),
        read="Each line climbs as sellers first use an asset: from the day they were shown it, or, not shown, from the "
        "day anybody was, until they are. "
        + (f"{_cases(before)} left out in which the seller had used the asset before. " if len(before) else ""),
        says_not="What teaching adds: somebody chose who is shown what, so the difference is an association. When each "
        "seller joined is not recorded, so some of those not shown may not have been there yet.",
    )  # fmt: skip
    return Part([judged, *gained], [exhibit], _cut(taught, early, "shown", log, settings))


def _gain(taught: pd.DataFrame, untaught: pd.DataFrame, gap: Interval, at: int, settings: Settings) -> Finding:
    """How much more often do sellers use what they were shown than what they were not?

    ``gap``: the difference of the two shares by day ``at``, seller by seller. An association: somebody chose who is
    shown what. It is judged only where it is so as well among those who occur in the log.
    """
    limit = settings.thresholds.get("teaching_gain")
    (seen, why, wanted), (others, *_) = _matched(taught), _matched(untaught)
    firm = clustered_incidence_gap(_columns(seen), _columns(others), at) if len(others) else NOTHING
    level, same = (judge(each.value, each.low, each.high, limit, "at_least") for each in (gap, firm))
    is_firm = level in ("unclear", same)
    n = int(taught["n"].sum() + untaught["n"].sum())
    measure = measured(gap, "pp", "difference of cumulative incidences, clustered by seller, 95 %", None, n)
    said, within = value(measure.value, "pp"), f"within {count(at, 'day')}"
    return finding(
        "content.teaching_gain", "teaching_gain", measure, settings,
        {
            "beyond": f"Sellers hardly use what they were shown more often: the difference {within} is {said}",
            "good": f"Sellers use what they were shown {said} more often {within}",
            "unclear": f"Whether sellers use what they were shown so much more often cannot be told: {said} {within}",
            "none": f"Sellers use what they were shown {said} more often {within}",
        },
        theme="content", play="P14",
        counted=f"{_cases(taught)} of a seller who was shown an asset, {_cases(untaught)} of one who was not",
        settle="more sellers who are shown content, and the day each was shown it" if is_firm else wanted,
        cannot=None if is_firm else {level: why},
    )  # fmt: skip


def uptake(tables: Tables, settings: Settings, log: dict[str, Any]) -> Part:
    """How soon after a recommendation does the seller use the asset?

    A case is one asset recommended to one seller, from its first recommendation to the next use by that seller, used
    before or not. ``log``: the log's zone and span.
    """
    what, days = "Whether sellers use what is recommended to them", settings.content.uptake_days
    if not log or not tables.filled("recommendations", "user_id"):
        return _lacking(what, log, "recommended", "recommendations: the asset, a code for the seller, when")
    is_by_day = bool({"recommendations.recommended_at", "asset_usage.used_at"} & tables.day_only)
    told = {"told_zone": zone_of(tables, settings, "recommendations.recommended_at"), "is_by_day": is_by_day}
    tables.keep("people", _PEOPLE.format(named=_named(tables)), {})
    found = tables.query(_UPTAKE, log | told | {"most": 2 * days})
    cases, early = (found[found["kind"] == kind] for kind in ("told", "early"))
    if cases.empty:
        return missing(what, "nothing was recommended to a seller while uses were logged", "a longer period")
    if withheld := _withheld(what, cases, "recommended", settings):
        return withheld
    judged = _finding("content.recommended", "recommendation_uptake", cases, settings,
                      "of what is recommended to sellers is used", "more recommendations, to more sellers",
                      _matched(cases))  # fmt: skip
    exhibit = _curve(
        "content.uptake", {"Recommended": cases}, settings, judged, title=judged.title,
        source="Recommendations, log of uses", day_of="Days after the recommendation",
        lead=f"{_cases(cases)} of an asset recommended to a seller; "
        f"{number(cases['n'][cases['is_known']].sum())} of an asset that the seller had used before.",
        read="The line climbs as sellers use what was recommended, counted from the first time it was. ",
        says_not="Whether they would have used it without the recommendation.",
    )  # fmt: skip
    return Part([judged], [exhibit], _cut(cases, early, "recommended", log, settings))


def notes(tables: Tables, settings: Settings) -> Part:
    """How soon does content answer a note from Sales? Notes not answered by the as-of date count while they were open.

    An answer dated before its note is a fault of the record and left out. So is one that names an asset and no day,
    where the asset is older than the note or undated; it is not ``act`` where such answers, all in time, would undo it.
    """
    what, theme = "Whether content answers what Sales notes", "common_language"
    if not (tables.filled("field_notes", "answered_at") or tables.filled("field_notes", "asset_id")):
        wanted = "notes: when each was written, when it was answered, and by which asset"
        return missing(what, "no notes from Sales and their answers were delivered", wanted, theme)
    dated = (_CORRECTED if tables.has("asset_decisions") else _DATED) if tables.has("assets") else _NO_ASSETS
    zones = {f"{name}_zone": zone_of(tables, settings, f"field_notes.{name}_at") for name in ("noted", "answered")}
    values = zones | {"as_of": settings.as_of, "most": 2 * settings.content.uptake_days}
    found = tables.query(_NOTES.format(dated=dated), values)
    cases, undated, faults = (found[found["kind"] == kind] for kind in ("case", "undated", "fault"))
    if cases.empty:
        return missing(what, "no note carries an answer that can be dated", "the day each note was answered", theme)
    judged = _finding("content.notes", "notes_answered", cases, settings, "of the notes from Sales are answered",
                      "more notes from Sales", (pd.concat([cases, undated.assign(days=0.0, is_used=True)]),
                      "notes answered on an unknown day may have been answered in time", "the day each was answered"),
                      "notes", play="P19", theme=theme)  # fmt: skip
    exhibit = _curve(
        "content.notes", {"Notes answered": cases}, settings, judged, title=judged.title, day_of="Days after the note",
        source="Notes from Sales, content library", lead=f"{count(int(cases['n'].sum()), 'note')} from Sales.",
        read="The line climbs as notes get an answer: on the day recorded, or on the first day on which the asset they "
        "name was made or reviewed. ", by="as if notes were independent",
        says_not="Whether the answer helped. Who wrote a note is not recorded: a seller who writes many counts often.",
    )  # fmt: skip
    early = "the answer is dated before the note"
    unknown = "answered on an unknown day, by an asset older than the note or undated"
    left = ((int(one["n"].sum()), why) for one, why in ((faults, early), (undated, unknown)))
    said = [f"{count(n, 'note')} from Sales left out: {why}." for n, why in left if n]
    return Part([judged], [exhibit], said)


def _log(tables: Tables, settings: Settings, stock: Stock) -> dict[str, Any]:
    """In which zone has the log of uses its days, and from when to when does it tell? Empty when it names nobody."""
    if stock.log_from is None or not tables.filled("asset_usage", "user_id"):
        return {}
    start, end = stock.followed(settings)
    zone = zone_of(tables, settings, "asset_usage.used_at")
    return {"zone": zone, "since": min(stock.log_from, start), "end": end}


def _lacking(what: str, log: dict[str, Any], done: str, wanted: str) -> Part:
    if not log:
        return missing(what, "no log of uses tells who used what", _LOG_WANTED)
    return missing(what, f"no file says who was {done} what", wanted)


def _named(tables: Tables) -> str:
    """Which further tables name sellers?"""
    return "".join(f" union select user_id from {name}" for name in ("training", "recommendations") if tables.has(name))


def _withheld(what: str, cases: pd.DataFrame, done: str, settings: Settings) -> Part | None:
    """Why is nothing said: too few sellers, or none of them in the log?"""
    if cases["person"].nunique() < settings.survey.smallest_group:
        return missing(what, too_few(settings), "more sellers in both files")
    if not cases["is_logged"].any():
        return missing(what, f"nobody to whom content was {done} occurs in the log of uses: codes do not match", _CODES)
    return None


def _matched(cases: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """The cases of people who occur in the log, why the others leave a doubt, and what would settle it."""
    return cases[cases["is_logged"]], "it rests on people who never occur in the log of uses", _CODES


def _cut(cases: pd.DataFrame, early: pd.DataFrame, done: str, log: dict[str, Any], settings: Settings) -> list[str]:
    """Who never occurs in the log, and what was left out because uses were not logged then?"""
    people = cases.groupby("person")["is_logged"].first()
    absent = f"The log of uses never names {of(int((~people).sum()), len(people))} people to whom content was {done}: "
    absent += "they count as not using it."
    before = f"{_cases(early)} of an asset {done} to a seller before uses were logged ({day(log['since'])}): left out."
    after = f"Whether content {done} to sellers was used is followed until {day(log['end'])}, when the log ends."
    told = (absent, not people.all()), (before, len(early)), (after, log["end"] < settings.as_of)
    return [said for said, holds in told if holds]


def _columns(cases: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Days, outcome, clusters and weights."""
    return tuple(cases[name].to_numpy() for name in ("days", "is_used", "person", "n"))


def _share(cases: pd.DataFrame, at: float) -> Interval:
    days, used, person, n = _columns(cases)
    return clustered_incidence(days, used, person, at, n)


def _horizon(cases: pd.DataFrame, settings: Settings) -> int:
    """Within how many days is a share read: those agreed, or the longest follow-up where that is shorter?"""
    return int(min(settings.content.uptake_days, cases["days"].max()))


def _cases(cases: pd.DataFrame) -> str:
    return count(int(cases["n"].sum()), "case")


def _finding(
    key: str, threshold: str, cases: pd.DataFrame, settings: Settings, claim: str, settle: str,
    doubt: tuple[pd.DataFrame, str, str], of_what: str = "cases", play: str = "P14", theme: str = "content",
) -> Finding:  # fmt: skip
    """Which finding does a share make that is ``act`` only if it is so as well in the cases of ``doubt``?"""
    days, at, is_named = settings.content.uptake_days, _horizon(cases, settings), (cases["person"] >= 0).any()
    k, n = int(cases["n"][cases["is_used"] & (cases["days"] <= at)].sum()), int(cases["n"].sum())
    method = f"cumulative incidence, {'clustered by seller, ' if is_named else ''}95 %"
    found = _share(cases, at)
    measure, within = measured(found, "share", method, k, n), f"within {count(at, 'day')}"
    said, by = value(measure.value, "share"), f", {count(cases['person'].nunique(), 'seller')}" if is_named else ""
    others, why, wanted = doubt
    limit = settings.thresholds.get(threshold)
    is_firm = not _acts(found, limit) or _acts(_share(others, at), limit)
    short = int(cases["n"][~cases["is_used"] & (cases["days"] < at)].sum())
    return finding(
        key, threshold, measure, settings,
        at_least(said, f"{claim} {within}"), theme=theme, play=play,
        settle=f"{settle}, or {count(days, 'day')} of follow-up" if is_firm or at < days else wanted,
        counted=f"{of(k, n)} {of_what} seen {within}{by}"
        + (f"; {count(short, 'other')} not followed for so long" if short else ""),
        cannot=_TOO_EARLY if at < days else None if is_firm else {"act": why},
    )  # fmt: skip


def _acts(found: Interval, limit: float | None) -> bool:
    """Do all values in the interval lie short of the limit?"""
    return found.low is not None and judge(found.value, found.low, found.high, limit, "at_least") == "act"


def _curve(
    key: str, sides: dict[str, pd.DataFrame], settings: Settings, judged: Finding, *, title: str, lead: str, read: str,
    says_not: str, source: str, day_of: str, by: str = "by seller",
) -> Exhibit:  # fmt: skip
    """How is it shown which share was used (or answered) by which day, up to twice the days agreed?"""
    rows: list[Row] = []
    judged_at = _horizon(next(iter(sides.values())), settings)
    for label, cases in sides.items():
        days, used, person, n = _columns(cases)
        last, grid = days.max(), np.linspace(0, 2 * settings.content.uptake_days, 21).round()
        for on in np.unique(np.append(grid[grid < last], last)):
            at = clustered_incidence(days, used, person, on, n)
            rows.append({"label": label, "day": int(on), "share": at.value, "low": at.low, "high": at.high})
    next(row for row in rows if row["day"] == judged_at)["promised"] = count(judged_at, "day")  # the first series leads
    limit = "" if judged.limit is None else f" {agreed(judged.limit, judged.direction, 'share')}"
    return Exhibit(
        key=key, shape="curve", rows=rows, title=title, lead=lead + limit, play=judged.play, limit=judged.limit,
        columns=columns(label=("Series", "text"), day=(day_of, "days"), share=("So far", "share"),
                        low=("from", "share"), high=("to", "share"), promised=("Agreed time", "text")),
        read=f"{read}Cases still open count for as long as they were followed; the band is the 95 % interval, {by}.",
        says_not=says_not, source=source, alt=f"Curve by days: {title}.", is_detail=key != "content.first_use",
    )  # fmt: skip
