"""Why does content lie unused? One cause for each asset, by the first rule that holds, and beside it how often each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alignlib import words
from alignlib.diagnostics.content.parts import assets_now, portion
from alignlib.diagnostics.content.stock import Stock, is_not, zone_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, Row, columns

MOST_FOUND = 3  # assets: words that fit more of them single out none
STOP_WORDS = ["and", "das", "der", "des", "die", "for", "from", "fur", "how", "les", "mit", "our", "pour", "the", "und",
              "une", "von", "what", "with", "your"]  # fmt: skip


class Rule(NamedTuple):
    """One rule: its key, its label, what it says, and for which facts it holds."""

    key: str
    label: str
    note: str
    holds: Callable[[pd.DataFrame], ArrayLike]


def _is_wrong_stage(f: pd.DataFrame) -> "pd.Series[bool]":
    return (f["named_until"] >= f["starts_on"]) & ~(f["past_until"] >= f["starts_on"])


def _is_unasked(f: pd.DataFrame) -> "pd.Series[bool]":
    no_deal = f["deals_told"] & ~(f["deal_until"] >= f["starts_on"])
    no_lead = f["leads_told"] & ~(f["lead_on"] >= f["starts_on"])
    return (no_deal | f["is_only_c1"]) & (no_lead | ~f["has_c1"])


# In the order in which they are asked: the first that holds is the cause. See _facts for the columns.
RULES = (
    Rule("conversation", "No conversation, or wrong stage",
         "names no conversation, or deals live in its segments have not come to any it names",
         lambda f: (f["n_conversations"] == 0) | _is_wrong_stage(f)),
    Rule("demand", "No demand", "no live deal in its segments; for the first conversation, no new lead", _is_unasked),
    Rule("stale", "Out of date", "past its expiry date, or stale", lambda f: f["is_expired"] | f["is_stale"]),
    Rule("found", "Not found", "nothing offered, or nothing opened, when a search asked for it; no search "
         "ever opened it",
         lambda f: (f["sought_on"] >= f["starts_on"]) & ~f["was_opened"]),
    Rule("never_taught", "Never taught", "nobody was shown it", lambda f: f["shown_on"].isna()),
    Rule("taught", "Taught, not used", "shown to somebody long enough ago, and not used since",
         lambda f: (f["shown_on"] <= f["uptake_by"]) & ~(f["last_used_on"] >= f["shown_on"])),
    Rule("tailor", "Cannot be tailored", "a seller cannot adapt it",
         lambda f: is_not(f["is_customisable"])),
)  # fmt: skip
UNKNOWN = "unknown"

# A deal was open at some moment of an asset's window when it ended in it or later: its last open day tells. One that
# closed on no known day was open, for all that is known, on the day it was opened.
_OPEN = """, open_days as (
  select segment, conversation, outcome, closed_on, case when outcome = 'open' then $as_of
      else greatest(opened_on, closed_on) end as until
  from (select *, timezone($opened, timezone('UTC', opened_at))::date as opened_on,
      timezone($closed, timezone('UTC', closed_at))::date as closed_on from opportunities)
  where opened_on is null or opened_on <= $as_of
)"""
# One row an asset and segment; an asset that names no segment is served from anywhere. C1 lies before any deal.
_SERVED = """, served as (
  select asset_id, list_min(conversations) as talk,
    list_min(list_filter(conversations, lambda c: c <> 'C1')) as talk_in_deals,
    unnest(if(len(segments) = 0, [null], segments)) as segment
  from assets_now
)"""
_JOINED = "join last_days l on l.is_anywhere = (s.segment is null) and l.segment is not distinct from s.segment"
_DEALS = f"""{_OPEN}{_SERVED}, last_days as (
  select grouping(segment) = 1 as is_anywhere, segment, conversation, max(until) as until
  from open_days group by grouping sets ((segment, conversation), (conversation))
)
select asset_id,
  max(until) filter (s.segment is not null or conversation is null or talk_in_deals is null
    or conversation >= talk_in_deals) as deal_until,
  max(until) filter (s.segment is not null and talk is not null and conversation is not null) as named_until,
  max(until) filter (s.segment is not null and conversation >= talk) as past_until
from served s {_JOINED} group by asset_id"""
_LEADS = f"""{_SERVED}, last_days as (
  select grouping(segment) = 1 as is_anywhere, segment, max(created_on) as until
  from (select segment, timezone($zone, timezone('UTC', created_at))::date as created_on from leads)
  where created_on <= $as_of group by grouping sets ((segment), ())
)
select asset_id, max(until) as lead_on from served s {_JOINED} group by asset_id"""
_SHOWN = """select asset_id, min(trained_on) as shown_on from training where trained_on <= $as_of group by asset_id"""
_LABELS = "list_concat(topics, segments, personas, pains)"
_FOLDED = "strip_accents(replace(replace(lower(text), 'ß', 'ss'), 'ς', 'σ'))"
# Texts of assets and of searches are cut into words at once: a pattern costs more to read than a library to search.
# Each set of words asked for in vain is looked up by its rarest word; then all of them must fit.
_SOUGHT = f""", asked as (
  select query, opened_asset_id, n_results, timezone($zone, timezone('UTC', searched_at))::date as searched_on
  from searches
), texts as materialized (
  select asset_id, sought_on, list_sort(list_distinct(list_filter(
    regexp_extract_all({_FOLDED}, '[\\p{{L}}\\p{{N}}]+'),
    lambda w: length(w) >= 3 and not list_contains($stop, w)))) as words
  from (
    select asset_id, null as sought_on, concat_ws(' ', title, type, array_to_string({_LABELS}, ' ')) as text
    from assets_now
    union all
    select null, max(searched_on), query from asked
    where searched_on <= $as_of and opened_asset_id is null and ($opens or n_results = 0) group by query
  )
), held as (select asset_id, words, unnest(words) as word from texts where asset_id is not null),
frequency as (select word, count(*) as n from held group by word),
wanted as (select words, max(sought_on) as sought_on from texts where asset_id is null group by words),
rarest as (
  select words, sought_on, arg_min(word, (n, word)) as word
  from (select words, sought_on, unnest(words) as word from wanted) join frequency using (word)
  group by words, sought_on having count(*) = len(words) and (len(words) > 1 or min(n) <= $most)
), hits as (
  select r.sought_on, min(asset_id, $most + 1) as fitting from rarest r join held using (word)
  where list_has_all(held.words, r.words) group by r.words, r.sought_on having count(*) <= $most
), sought as (select asset_id, max(sought_on) as sought_on
  from (select sought_on, unnest(fitting) as asset_id from hits) group by asset_id
), opened as (select distinct opened_asset_id as asset_id, true as was_opened from asked where searched_on <= $as_of)
select asset_id, sought_on, coalesce(was_opened, false) as was_opened
from sought full join opened using (asset_id) where asset_id is not null"""


def causes(tables: Tables, settings: Settings, stock: Stock) -> pd.DataFrame:
    """Which cause has each unused asset: the first rule of ``RULES`` that holds, else ``unknown``?

    One row an asset that was old enough to judge and that no seller used within ``content.unused_days``: asset_id,
    cause, and a column for each rule that says whether it holds at all. A rule that could not be looked at (see
    ``part``) holds for none. Empty without any record of uses. A cause is a rule that holds, not a proof.
    """
    days = settings.content.unused_days
    facts = _facts(tables, settings, stock)
    facts = facts[stock.judged(days) & stock.unused(days) & (stock.log != "")]
    skipped = _not_looked_at(tables, stock)
    holds = {r.key: np.zeros(len(facts), bool) if r.key in skipped else np.asarray(r.holds(facts), bool) for r in RULES}
    holds[UNKNOWN] = ~np.any(list(holds.values()), axis=0)
    cause = np.array(list(holds))[np.argmax(list(holds.values()), axis=0)]
    return pd.DataFrame({"asset_id": facts["asset_id"].to_numpy(), "cause": cause, **holds})


def part(tables: Tables, settings: Settings, stock: Stock, found: pd.DataFrame) -> Part:
    """Why are unused assets unused: one cause each, and how much hangs on the order of the rules?

    ``found``: what ``causes`` said. Counted; no limit is agreed for it.
    """
    if found.empty:
        return Part()  # that use is not known is said where it is judged
    skipped = _not_looked_at(tables, stock)
    return Part(
        exhibits=[_exhibit(found, skipped, tables, settings, stock)], caveats=_caveats(skipped, tables, settings)
    )


def _facts(tables: Tables, settings: Settings, stock: Stock) -> pd.DataFrame:
    """What do the rules look at? The stock, one row an asset, with the last day of what could have asked for each.

    deal_until, lead_on: a deal was open, a lead was created, that the asset could serve. named_until: a deal that names
    its conversation was open in its segments; past_until: one in or past any of the asset's. sought_on, was_opened: a
    search asked for it in vain, some search opened it. shown_on: it was first shown to anybody.
    """
    as_of, assets, asked = settings.as_of, assets_now(tables, settings.as_of), list[tuple[str, dict[str, Any]]]()
    if tables.has("opportunities"):
        asked.append((assets + _DEALS, {"as_of": as_of, **_zones(tables, settings)}))
    if tables.has("leads"):
        asked.append((assets + _LEADS, {"as_of": as_of, "zone": zone_of(tables, settings, "leads.created_at")}))
    if _told_by_searches(tables):
        asked.append((assets + _SOUGHT, {
            "as_of": as_of, "zone": zone_of(tables, settings, "searches.searched_at"), "stop": STOP_WORDS,
            "most": MOST_FOUND, "opens": tables.filled("searches", "opened_asset_id"),
        }))  # fmt: skip
    if tables.has("training"):
        asked.append((_SHOWN, {"as_of": as_of}))
    facts = stock.assets.set_index("asset_id", drop=False)
    facts = facts.join([tables.query(sql, values).set_index("asset_id") for sql, values in asked])
    days = ["deal_until", "named_until", "past_until", "lead_on", "sought_on", "shown_on"]
    facts = facts.reindex(columns=[*facts.columns, *(d for d in [*days, "was_opened"] if d not in facts)])
    anywhere = facts["n_segments"] == 0
    return facts.assign(
        **{name: pd.to_datetime(facts[name]) for name in [*days, "starts_on", "last_used_on"]},
        was_opened=facts["was_opened"].eq(True),
        is_only_c1=facts["conversations"] == "C1", has_c1=facts["conversations"].str.startswith("C1"),
        uptake_by=pd.Timestamp(stock.followed(settings)[1]) - pd.Timedelta(days=settings.content.uptake_days),
        deals_told=tables.has("opportunities") & (anywhere | tables.filled("opportunities", "segment")),
        leads_told=tables.has("leads") & (anywhere | tables.filled("leads", "segment")),
    )  # fmt: skip


def _zones(tables: Tables, settings: Settings) -> dict[str, str]:
    return {name: zone_of(tables, settings, f"opportunities.{name}_at") for name in ("opened", "closed")}


def _told_by_searches(tables: Tables) -> bool:
    outcome = tables.filled("searches", "n_results") or tables.filled("searches", "opened_asset_id")
    return outcome and tables.filled("searches", "query")


def _not_looked_at(tables: Tables, stock: Stock) -> dict[str, str]:
    """Which rules could not be looked at, and what they lack?"""
    assets = stock.assets
    lacks = {
        "conversation": ("no asset names a conversation", not (assets["n_conversations"] > 0).any()),
        "demand": ("no opportunities or leads", not tables.has("opportunities") and not tables.has("leads")),
        "stale": ("no asset carries a date", assets["dated_on"].isna().all() and assets["expires_on"].isna().all()),
        "found": ("no searches with their words and what came of them", not _told_by_searches(tables)),
        "never_taught": ("no record of who was shown what", not tables.has("training")),
        "taught": ("no record of who was shown what", not tables.has("training")),
        "tailor": ("nothing says which assets can be adapted", assets["is_customisable"].isna().all()),
    }
    return {key: why for key, (why, is_lacking) in lacks.items() if is_lacking}


def _caveats(skipped: dict[str, str], tables: Tables, settings: Settings) -> list[str]:
    """Which rules, or parts of them, were not looked at, and which deals could not be placed?"""
    left = [f"{rule.label.lower()} ({skipped[rule.key]})" for rule in RULES if rule.key in skipped]
    named = all(tables.filled("opportunities", name) for name in ("segment", "conversation"))
    if "conversation" not in skipped and not named:
        left.append("wrong stage (no deal names its segment and conversation)")
    if "demand" not in skipped and not tables.filled("opportunities", "segment"):
        left.append("demand for assets that name a segment (no deal does)" if tables.has("opportunities") else
                    "demand after the first conversation (no opportunities)")  # fmt: skip
    if "demand" not in skipped and not tables.filled("leads", "segment"):
        left.append("demand in the first conversation (no lead names its segment)")
    said = [f"Causes of no use, not looked at: {'; '.join(left)}."] if left else []
    return [*said, *(_unplaced(tables, settings) if tables.has("opportunities") else [])]


def _unplaced(tables: Tables, settings: Settings) -> list[str]:
    """Which live deals could make no asset a wrong stage, or show no demand, because they do not say where they are?"""
    values = {"as_of": settings.as_of, "start": settings.period.start, **_zones(tables, settings)}
    found = tables.query(
        f"""with nothing as (select 1){_OPEN}
        select count(*) as live, count(*) filter (segment is null) as segment,
          count(*) filter (conversation is null) as conversation,
          count(*) filter (outcome <> 'open' and closed_on is null) as day
        from open_days where until >= $start""", values,
    ).iloc[0]  # fmt: skip
    lacks = {"segment": "without a segment (demand in none)",
             "conversation": "without a conversation (they make no stage right or wrong)",
             "day": "closed on no known day (taken as open on their first day alone)"}  # fmt: skip
    told = [f"{words.number(found[name])} {what}" for name, what in lacks.items() if found[name]]
    deals = words.count(int(found["live"]), "deal")
    return [f"Of {deals} live in the period, {words.listed(told)}."] if told else []


def _exhibit(found: pd.DataFrame, skipped: dict[str, str], tables: Tables, settings: Settings, stock: Stock) -> Exhibit:
    n, rows = len(found), list[Row]()
    for rule in RULES:
        k, held, why = int((found["cause"] == rule.key).sum()), int(found[rule.key].sum()), skipped.get(rule.key)
        label = f"{rule.label} (holds for {words.number(held)})" if held > k else rule.label
        rows.append({"label": label, "value": k, "held": held, "share": k / n, "note": rule.note} if why is None else
                    {"label": rule.label, **dict.fromkeys(("value", "held", "share")), "note": f"not looked at: {why}"}
                    )  # fmt: skip
    k = int(found[UNKNOWN].sum())
    rows.append({"label": "Unknown", "value": k, "held": k, "share": k / n, "note": "none of these rules holds"})
    most = max(range(len(rows)), key=lambda i: rows[i]["value"] or 0)
    k, held = rows[most]["value"], rows[most]["held"]
    says = f"For {portion(k, n, 'unused assets')} these data show no cause"
    if most < len(RULES):
        says = f"{RULES[most].label} is the first cause for {words.of(k, n)} unused assets"
        says += f"; it holds for {words.number(held)}" if held > k else ""
    several = int((found[[rule.key for rule in RULES]].sum(axis=1) > 1).sum())
    counted = (f"{row['label']}: {words.number(row['value'])}" for row in rows if row["value"] is not None)
    asked = ("opportunities", "leads", "searches", "training")
    return Exhibit(
        key="content.causes", shape="bars", rows=rows, play="P13",
        title=says, lead=_lead(found, several, stock),
        columns=columns(label=("Cause", "text"), value=("Unused assets by first cause", "count"),
                        held=("Holds for in all", "count"), share=("Share of unused", "share"), note=("Rule", "text")),
        read=f"Assets that no seller used within {words.value(settings.content.unused_days, 'days')}, each counted "
        "once, under the first rule from the top that holds. Beside it, for how many the rule holds at all. The rules "
        "look at the time from the begin of an asset’s window (the latest of its creation, the start of the period and "
        "the begin of the log) to the as-of date, and not only at the agreed days. Counted.",
        says_not="A cause is the first rule that holds, not proof of why nobody used the asset.",
        alt=f"Bars of unused assets by first cause: {', '.join(counted)}.",
        source=words.capital(words.listed(["content library", "its uses", *filter(tables.has, asked)])),
    )  # fmt: skip


def _lead(found: pd.DataFrame, several: int, stock: Stock) -> str:
    """How many were used once their window was over, and how much hangs on the order of the rules?"""
    later = int((stock.assets["asset_id"].isin(found["asset_id"]) & (stock.assets["n_uses"] > 0)).sum())
    used = f"{words.number(later)} of them {'was' if later == 1 else 'were'} used later. " if later else ""
    if not several:
        return f"{used}No asset meets more than one rule: their order decides nothing."
    more = f"For {portion(several, len(found), 'unused assets')} more than one rule holds"
    return f"{used}{more}: there the order of the rules decides."
