"""What lies in the content library: how old it is, what was ever shown, what names no conversation or too many."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

from alignlib import words
from alignlib.diagnostics.content.parts import TAG_WANTED, at_least, estimated, joined, missing, portion, records
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Measure, Part, Row, columns

AGE_BANDS = (90, 180, 365, 730)
TOPICS_SHOWN = 12
TOO_MANY = 3  # an asset that serves so many of the five conversations serves none in particular
_BAR_COLUMNS = columns(label=("Assets", "text"), value=("Count", "count"), n=("Of", "count"), note=("Note", "text"))

_SHOWN = """select count(*) as n from assets_now
where asset_id in (select asset_id from training where trained_on <= $as_of)"""


def part(tables: Tables, settings: Settings, held: dict[str, int]) -> Part:
    """How old is the content, what of it names no conversation or too many, and what stands there twice?

    ``held``, here and below: what ``inventory`` said.
    """
    return joined([age(tables, settings, held), tags(tables, settings, held), Part(exhibits=_tidy(tables, held))])


def inventory(tables: Tables, as_of: date = date.max) -> dict[str, int]:
    """How many assets are there, under how many topics, and how many lack a topic, a conversation or a date?

    Counts assets created up to ``as_of`` or without a creation date. A topic repeated on one asset counts once.
    ``untagged`` lack a topic, ``no_conversation`` lack a conversation, ``undated`` lack creation and review date;
    ``over_tagged`` name three conversations or more; ``repeated`` carry a title that an earlier one carries, letter by
    letter.
    """
    sql = """select count(*)::integer as assets,
      (select count(distinct topic)::integer from (select unnest(topics) as topic from assets_now)) as topics,
      (count(*) filter (len(topics) = 0))::integer as untagged,
      (count(*) filter (len(conversations) = 0))::integer as no_conversation,
      (count(*) filter (dated_on is null))::integer as undated,
      (count(*) filter (len(conversations) >= $too_many))::integer as over_tagged,
      (count(title) - count(distinct title))::integer as repeated
      from assets_now"""
    return {name: int(value) for name, value in records(tables, sql, as_of=as_of, too_many=TOO_MANY)[0].items()}


def shown(tables: Tables, settings: Settings, held: dict[str, int]) -> Part:
    """Which share of the assets that stand was any seller ever shown? Counted, from the record of training."""
    n = held["assets"]
    if not n or not tables.has("training"):
        return Part()
    k = int(records(tables, _SHOWN, as_of=settings.as_of)[0]["n"])
    return Part([finding(
        "content.shown", "shown_content", Measure(value=k / n, unit="share", k=k, n=n), settings,
        at_least(words.share(k / n), "of assets were ever shown to a seller"), theme="content", play="P14",
        counted=f"{words.of(k, n)} assets in the record of training",
        settle="the record of training: the asset and the day it was shown",
    )])  # fmt: skip


def age(tables: Tables, settings: Settings, held: dict[str, int]) -> Part:
    """Which share of dated assets was neither made nor reviewed within ``content.stale_days`` of the as-of date?

    Undated assets are counted apart, neither fresh nor stale. Interval by Wilson. It does not say what is out of date.
    """
    days, dated = settings.content.stale_days, held["assets"] - held["undated"]
    if not dated:
        settle = "the day each asset was made and last reviewed"
        return missing("How much content is out of date", "no asset carries a date", settle)
    sql = "select $as_of - dated_on as days from assets_now where dated_on is not null"
    ages = [int(row["days"]) for row in records(tables, sql, as_of=settings.as_of)]
    k, verb = sum(old > days for old in ages), f"were neither made nor reviewed within {words.value(days, 'days')}"
    says = f"{portion(k, dated, 'dated assets')} {verb}"
    stale = estimated("content.stale", "stale_content", settings, k, dated, "dated assets", verb, play="P13",
                        settle="the day of the last review for every asset")  # fmt: skip
    rows = [
        _bar(_band(low, high), sum(low < old <= high for old in ages), held, "stale" if low >= days else "")
        for low, high in pairwise([-1, *sorted({*AGE_BANDS, days}), 10**9])
    ]
    rows.append(_bar("no date", held["undated"], held, "neither fresh nor stale"))
    title = f"{says}; {words.number(held['undated'])} without a date" if held["undated"] else says
    read = f"Assets by days since the later of creation and last review, at {words.day(settings.as_of)}. "
    read += f"Stale means more than {words.value(days, 'days')}."
    says_not = "An old asset may still be right, and a young one wrong."
    return Part([stale], [_bars("content.age", title, rows, " by age", read, says_not=says_not, is_detail=False)])


def tags(tables: Tables, settings: Settings, held: dict[str, int]) -> Part:
    """Which share of assets names none of the five conversations, and which topics does the library hold?

    Not judged when no asset names a conversation at all: then the tag does not exist rather than being left out.
    """
    assets, k = held["assets"], held["no_conversation"]
    if k == assets:
        part = missing("Which conversation each asset serves", "no asset names a conversation", TAG_WANTED)
    else:
        settle = "the conversation of each asset that names none"
        part = Part([estimated("content.untagged", "untagged_content", settings, k, assets, "assets",
                               "name no conversation", play="P12", settle=settle)])  # fmt: skip
    return replace(part, exhibits=[_inventory_exhibit(tables, settings, held)] if assets else [])


def _inventory_exhibit(tables: Tables, settings: Settings, held: dict[str, int]) -> Exhibit:
    kind, lacking = ("topics", "untagged") if held["topics"] else ("conversations", "no_conversation")
    one = kind.removesuffix("s")
    sql = f"""select label, count(*)::integer as n
      from (select unnest({kind}) as label from assets_now) group by label order by n desc, label"""
    found = records(tables, sql, as_of=settings.as_of)
    total, shown = held["assets"], found[:TOPICS_SHOWN]
    rows = [*(_bar(words.masked(row["label"]), row["n"], held) for row in shown),
            _bar(f"no {one}", held[lacking], held, "not tagged"),
            _bar("no date", held["undated"], held, "no day of making or review")]  # fmt: skip
    often = f"; the most frequent, {rows[0]['label']}, is on {words.number(found[0]['n'])}" if found else ""
    says = f"{words.of(held[lacking], total)} assets without a {one}" if held[lacking] else f"Every asset has a {one}"
    read = f"Assets by {one}, {len(shown)} of {len(found)} {kind} shown; an asset with several counts in each, "
    read += "one repeated on an asset counts once."
    return _bars("content.inventory", says + often, rows, f" by {one}", read, play="P12")


def _tidy(tables: Tables, held: dict[str, int]) -> list[Exhibit]:
    """What stands in the way of finding things: tags that say nothing, and titles that stand there twice?"""
    rows = [_bar("three conversations or more", held["over_tagged"], held, "serve none in particular")]
    if tables.filled("assets", "title"):
        rows.append(_bar("a title that another carries", held["repeated"], held, "letter by letter"))
    if not any(row["value"] for row in rows):
        return []
    said = [f"{words.number(row['value'])} with {row['label']}" for row in rows if row["value"]]
    title = f"Of {words.count(held['assets'], 'asset')}, {words.listed(said)}"
    read = "Assets that name three or more of the five conversations, and those whose title an earlier one carries too."
    return [_bars("content.tidy", title, rows, "", read, says_not="Two assets of one title may differ inside.")]


def _bars(
    key: str, title: str, rows: list[Row], by: str, read: str, *, says_not: str = "", play: str = "P13",
    is_detail: bool = True,
) -> Exhibit:  # fmt: skip
    spoken = ", ".join(f"{row['label']} {words.number(row['value'])}" for row in rows)
    return Exhibit(
        key=key, shape="bars", title=title, rows=rows, read=f"{read} Counted.", says_not=says_not, play=play,
        is_detail=is_detail, columns=_BAR_COLUMNS, source="Content library", alt=f"Bars of assets{by}: {spoken}.",
    )  # fmt: skip


def _bar(label: str, value: int, held: dict[str, int], note: str = "") -> Row:
    return {"label": label, "value": value, "n": held["assets"], "note": note}


def _band(low: int, high: int) -> str:
    if low < 0:
        return f"up to {high} days"
    return f"over {low} days" if high >= 10**9 else f"{low + 1} to {high} days"
