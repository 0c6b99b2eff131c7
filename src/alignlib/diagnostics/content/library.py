"""What lies in the content library: how much goes unused, how old it is, and how much names no conversation."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

from alignlib import words
from alignlib.diagnostics.content.parts import TAG_WANTED, estimated, missing, portion, records
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, Row, columns
from alignlib.stats import wilson

WINDOWS = (30, 90, 180)
AGE_BANDS = (90, 180, 365, 730)
TOPICS_SHOWN = 12
LOG_GAP_DAYS = 7  # a log may miss a week at either end before a reader must know
_USE_LOG = "the library's log of uses: asset, a code for the person, what they did and when"
_BAR_COLUMNS = columns(label=("Assets", "text"), value=("Count", "count"), n=("Of", "count"), note=("Note", "text"))

_USES = """, uses as (
  select asset_id, timezone($zone, timezone('UTC', used_at))::date as used_on
  from asset_usage where event is null or event in ('view', 'download', 'share')
)"""
_UNUSED = f"""{_USES}, starts as (
  select asset_id, greatest(coalesce(created_on, $start), $start) as starts_on from assets_now
), first_use as (
  select asset_id, min(used_on - starts_on) as after_days
  from starts join uses using (asset_id) where used_on >= starts_on group by asset_id
)
select days, count(asset_id)::integer as n,
  (count(asset_id) filter (after_days is null or after_days > days))::integer as k
from (select unnest($windows::integer[]) as days)
left join (from starts left join first_use using (asset_id)) on $as_of - starts_on >= days
group by days order by days"""
_LOG = f"""{_USES}
select min(used_on)::varchar as first, max(used_on)::varchar as last, count(*)::integer as uses,
  (count(*) filter (asset_id not in (select asset_id from assets_now)))::integer as unknown
from uses where used_on <= $as_of"""


def inventory(tables: Tables, as_of: date = date.max) -> dict[str, int]:
    """How many assets are there, under how many topics, and how many lack a topic, a conversation or a date?

    Counts assets created up to ``as_of`` or without a creation date. A topic repeated on one asset counts once.
    ``untagged`` lack a topic, ``no_conversation`` lack a conversation, ``undated`` lack creation and review date.
    """
    sql = """select count(*)::integer as assets,
      (select count(distinct topic)::integer from (select unnest(topics) as topic from assets_now)) as topics,
      (count(*) filter (len(topics) = 0))::integer as untagged,
      (count(*) filter (len(conversations) = 0))::integer as no_conversation,
      (count(*) filter (dated_on is null))::integer as undated
      from assets_now"""
    return {name: int(value) for name, value in records(tables, sql, as_of=as_of)[0].items()}


def unused(tables: Tables, settings: Settings) -> Part:
    """Which share of assets did nobody view, download or share within W days?

    W (``content.unused_days``) runs from the later of creation and the start of the period; an asset without a creation
    date is counted from the start of the period; one younger than W at the as-of date is left out. Interval by Wilson.
    Not judged without ``asset_usage``. It does not say why an asset went unused.
    """
    if not tables.has("asset_usage"):
        return missing("How much content goes unused", "no record of uses was delivered", _USE_LOG)
    days = settings.content.unused_days
    # times recorded as days only are days already: no zone may move them
    zone = "UTC" if "asset_usage.used_at" in tables.day_only else settings.timezone
    windows = sorted({*WINDOWS, days})
    counts = records(tables, _UNUSED, as_of=settings.as_of, zone=zone, start=settings.period.start, windows=windows)
    judged = next(row for row in counts if row["days"] == days)
    k, n = judged["k"], judged["n"]
    if not n:
        why = f"no asset is {words.value(days, 'days')} old within the period"
        return missing("How much content goes unused", why, "a longer period, or a shorter window")
    log, verb = records(tables, _LOG, as_of=settings.as_of, zone=zone), f"went unused for {words.value(days, 'days')}"
    young = inventory(tables, settings.as_of)["assets"] - n
    settle = f"the same count once the {words.count(young, 'asset')} now too young can be judged, or a longer period"
    finding = estimated("content.unused", "unused_content", settings, k, n, "assets", verb, play="P13", settle=settle)
    says = f"{portion(k, n, 'assets')} {verb}"
    return Part([finding], [_unused_exhibit(counts, settings, says, young, log[0])], _log_caveats(log[0], settings))


def age(tables: Tables, settings: Settings) -> Part:
    """Which share of dated assets was neither made nor reviewed within ``content.stale_days`` of the as-of date?

    Undated assets are counted apart, neither fresh nor stale. Interval by Wilson. It does not say what is out of date.
    """
    days, stock = settings.content.stale_days, inventory(tables, settings.as_of)
    dated = stock["assets"] - stock["undated"]
    if not dated:
        settle = "the day each asset was made and last reviewed"
        return missing("How much content is out of date", "no asset carries a date", settle)
    sql = "select $as_of - dated_on as days from assets_now where dated_on is not null"
    ages = [int(row["days"]) for row in records(tables, sql, as_of=settings.as_of)]
    k, verb = sum(old > days for old in ages), f"were neither made nor reviewed within {words.value(days, 'days')}"
    says = f"{portion(k, dated, 'dated assets')} {verb}"
    finding = estimated("content.stale", "stale_content", settings, k, dated, "dated assets", verb, play="P13",
                        settle="the day of the last review for every asset")  # fmt: skip
    rows = [
        _bar(_band(low, high), sum(low < old <= high for old in ages), stock, "stale" if low >= days else "")
        for low, high in pairwise([-1, *sorted({*AGE_BANDS, days}), 10**9])
    ]
    rows.append(_bar("no date", stock["undated"], stock, "neither fresh nor stale"))
    exhibit = Exhibit(
        key="content.age", shape="bars", columns=_BAR_COLUMNS, rows=rows, source="Content library", play="P13",
        title=f"{says}; {words.number(stock['undated'])} carry no date" if stock["undated"] else says,
        read=f"Assets by days since the later of creation and last review, at {words.day(settings.as_of)}. "
        f"Stale means more than {words.value(days, 'days')}. Counted.",
        says_not="An old asset may still be right, and a young one wrong.",
        alt=f"Bars of assets by age: {_spoken(rows)}.",
    )  # fmt: skip
    return Part([finding], [exhibit])


def tags(tables: Tables, settings: Settings) -> Part:
    """Which share of assets names none of the five conversations, and which topics does the library hold?

    Not judged when no asset names a conversation at all: then the tag does not exist rather than being left out.
    """
    stock = inventory(tables, settings.as_of)
    assets, k = stock["assets"], stock["no_conversation"]
    if k == assets:
        part = missing("Which conversation each asset serves", "no asset names a conversation", TAG_WANTED)
    else:
        settle = "the conversation of each asset that names none"
        part = Part([estimated("content.untagged", "untagged_content", settings, k, assets, "assets",
                               "name no conversation", play="P12", settle=settle)])  # fmt: skip
    return replace(part, exhibits=[_inventory_exhibit(tables, settings, stock)])


def _unused_exhibit(counts: list[Row], settings: Settings, says: str, young: int, log: Row) -> Exhibit:
    judged, rows = settings.content.unused_days, list[Row]()
    for row in counts:
        found = wilson(row["k"], row["n"]) if row["n"] else None
        value, low, high = (found.value, found.low, found.high) if found else (None, None, None)
        note = "agreed window" if row["days"] == judged else "" if found else "no asset was old enough"
        rows.append({"label": words.value(row["days"], "days"), "value": value, "low": low, "high": high, "k": row["k"],
                     "n": row["n"], "note": note})  # fmt: skip
    others = [f"{words.value(r['value'], 'share')} at {r['label']}" for r in rows if r["note"] == "" and r["n"]]
    window = words.value(judged, "days")
    spoken = (f"{r['label']} {words.value(r['value'], 'share')}" for r in rows)
    return Exhibit(
        key="content.unused", shape="intervals", rows=rows, play="P13", limit=settings.thresholds.get("unused_content"),
        title=f"{says}; {words.listed(others)}" if others else says,
        columns=columns(label=("Window", "text"), value=("Unused", "share"), low=("Low", "share"),
                        high=("High", "share"), k=("Unused assets", "count"), n=("Assets judged", "count"),
                        note=("Note", "text")),
        read=f"Unused: nobody viewed, downloaded or shared the asset within {window} of its creation, or of "
        f"{words.day(settings.period.start)} if it is older or carries no creation date. "
        f"{words.count(young, 'asset')} younger than {window} at {words.day(settings.as_of)} "
        f"{'is' if young == 1 else 'are'} left out. Each window judges the assets old enough for it. Bars: 95 %.",
        says_not="Why an asset went unused; uses the library cannot see.",
        alt=f"Unused share by window: {'; '.join(spoken)}.",
        source=f"Content library and its log of uses, {words.count(log['uses'], 'use')}",
    )  # fmt: skip


def _log_caveats(log: Row, settings: Settings) -> list[str]:
    """What must a reader know of the log? One that starts late or stops early makes assets look unused."""
    said = [
        "Unused does not prove irrelevant: an asset may be hard to find, never shown to anybody, "
        "or used outside the library.",
        "No outside figure on unused content is printed beside this one: the one often quoted has no published method.",
    ]
    if log["unknown"]:
        said.append(f"{words.count(log['unknown'], 'use')} in the log: of assets that are not in the inventory.")
    if not log["uses"]:
        return [*said, "The log holds no view, download or share up to the as-of date."]
    first, last = date.fromisoformat(log["first"]), date.fromisoformat(log["last"])
    if (first - settings.period.start).days > LOG_GAP_DAYS:
        said.append(f"The log of uses begins on {words.day(first)}, after the period does: earlier uses are not seen.")
    if (settings.as_of - last).days > LOG_GAP_DAYS:
        said.append(f"The log of uses ends on {words.day(last)}, before the as-of date: later uses are not seen.")
    return said


def _inventory_exhibit(tables: Tables, settings: Settings, stock: dict[str, int]) -> Exhibit:
    kind, lacking = ("topics", "untagged") if stock["topics"] else ("conversations", "no_conversation")
    one = kind.removesuffix("s")
    sql = f"""select label, count(*)::integer as n
      from (select unnest({kind}) as label from assets_now) group by label order by n desc, label"""
    found = records(tables, sql, as_of=settings.as_of)
    total, shown = stock["assets"], found[:TOPICS_SHOWN]
    rows = [*(_bar(row["label"], row["n"], stock) for row in shown),
            _bar(f"no {one}", stock[lacking], stock, "not tagged"),
            _bar("no date", stock["undated"], stock, "no day of making or review")]  # fmt: skip
    often = f"; the most frequent, {found[0]['label']}, is on {words.number(found[0]['n'])}" if found else ""
    says = f"{words.number(stock[lacking])} of {words.count(total, 'asset')} carry no {one}"
    return Exhibit(
        key="content.inventory", shape="bars", columns=_BAR_COLUMNS, rows=rows, source="Content library", play="P12",
        title=(says if stock[lacking] else f"All {words.count(total, 'asset')} carry a {one}") + often,
        read=f"Assets by {one}, {len(shown)} of {len(found)} {kind} shown; an asset with several counts in each, "
        "one repeated on an asset counts once. Counted.",
        alt=f"Bars of assets by {one}: {_spoken(rows)}.",
    )  # fmt: skip


def _bar(label: str, value: int, stock: dict[str, int], note: str = "") -> Row:
    return {"label": label, "value": value, "n": stock["assets"], "note": note}


def _band(low: int, high: int) -> str:
    if low < 0:
        return f"up to {high} days"
    return f"over {low} days" if high >= 10**9 else f"{low + 1} to {high} days"


def _spoken(rows: list[Row]) -> str:
    return ", ".join(f"{row['label']} {words.number(row['value'])}" for row in rows)
