"""What lies in the content library: how old it is, what names no conversation or too many, what stands there twice."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

from alignlib import words
from alignlib.diagnostics.content.parts import TAG_WANTED, estimated, joined, missing, portion, records
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Column, Exhibit, Part, Row, columns

AGE_BANDS = (90, 180, 365, 730)
TOPICS_SHOWN, KINDS_SHOWN = 12, 3
TOO_MANY = 3  # an asset that serves so many of the five conversations serves none in particular
_BAR_COLUMNS = columns(label=("Assets", "text"), value=("Count", "count"), n=("Of", "count"), note=("Note", "text"))
_MADE = """select year(created_on)::integer as year, coalesce(type, 'not recorded') as type, count(*)::integer as n
  from assets_now where created_on is not null group by all order by year, n desc, type"""


def part(tables: Tables, settings: Settings) -> Part:
    """How old is the content, what of it names no conversation or too many, and what stands there twice?"""
    stock = inventory(tables, settings.as_of)
    others = Part(exhibits=[*_tidy(tables, stock), *_made(tables, settings)])
    return joined([age(tables, settings, stock), tags(tables, settings, stock), others])


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


def made_by_year(tables: Tables, as_of: date) -> list[Row]:
    """How many assets of each type were made in each year? Rows of year, type and n; undated ones are left out."""
    return records(tables, _MADE, as_of=as_of)


def age(tables: Tables, settings: Settings, stock: dict[str, int]) -> Part:
    """Which share of dated assets was neither made nor reviewed within ``content.stale_days`` of the as-of date?

    Undated assets are counted apart, neither fresh nor stale. Interval by Wilson. It does not say what is out of date.
    ``stock``: what ``inventory`` said.
    """
    days, dated = settings.content.stale_days, stock["assets"] - stock["undated"]
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
    title = f"{says}; {_carry(stock['undated'])} no date" if stock["undated"] else says
    read = f"Assets by days since the later of creation and last review, at {words.day(settings.as_of)}. "
    read += f"Stale means more than {words.value(days, 'days')}."
    says_not = "An old asset may still be right, and a young one wrong."
    return Part([finding], [_bars("content.age", title, rows, " by age", read, says_not=says_not, is_detail=False)])


def tags(tables: Tables, settings: Settings, stock: dict[str, int]) -> Part:
    """Which share of assets names none of the five conversations, and which topics does the library hold?

    Not judged when no asset names a conversation at all: then the tag does not exist rather than being left out.
    """
    assets, k = stock["assets"], stock["no_conversation"]
    if k == assets:
        part = missing("Which conversation each asset serves", "no asset names a conversation", TAG_WANTED)
    else:
        settle = "the conversation of each asset that names none"
        part = Part([estimated("content.untagged", "untagged_content", settings, k, assets, "assets",
                               "name no conversation", play="P12", settle=settle)])  # fmt: skip
    return replace(part, exhibits=[_inventory_exhibit(tables, settings, stock)] if assets else [])


def _inventory_exhibit(tables: Tables, settings: Settings, stock: dict[str, int]) -> Exhibit:
    kind, lacking = ("topics", "untagged") if stock["topics"] else ("conversations", "no_conversation")
    one = kind.removesuffix("s")
    sql = f"""select label, count(*)::integer as n
      from (select unnest({kind}) as label from assets_now) group by label order by n desc, label"""
    found = records(tables, sql, as_of=settings.as_of)
    total, shown = stock["assets"], found[:TOPICS_SHOWN]
    rows = [*(_bar(words.masked(row["label"]), row["n"], stock) for row in shown),
            _bar(f"no {one}", stock[lacking], stock, "not tagged"),
            _bar("no date", stock["undated"], stock, "no day of making or review")]  # fmt: skip
    often = f"; the most frequent, {rows[0]['label']}, is on {words.number(found[0]['n'])}" if found else ""
    says = f"{_carry(stock[lacking], total)} no {one}"
    if not stock[lacking]:
        says = f"All {words.number(total)} assets carry a {one}" if total > 1 else f"The one asset carries a {one}"
    read = f"Assets by {one}, {len(shown)} of {len(found)} {kind} shown; an asset with several counts in each, "
    read += "one repeated on an asset counts once."
    return _bars("content.inventory", says + often, rows, f" by {one}", read, play="P12")


def _tidy(tables: Tables, stock: dict[str, int]) -> list[Exhibit]:
    """What stands in the way of finding things: tags that say nothing, and titles that stand there twice?"""
    rows = [_bar("three conversations or more", stock["over_tagged"], stock, "serve none in particular")]
    if tables.filled("assets", "title"):
        rows.append(_bar("a title that another carries", stock["repeated"], stock, "letter by letter"))
    if not any(row["value"] for row in rows):
        return []
    said = [f"{_carry(row['value'])} {row['label']}" for row in rows if row["value"]]
    title = f"Of {words.count(stock['assets'], 'asset')}, {words.listed(said)}"
    read = "Assets that name three or more of the five conversations, and those whose title an earlier one carries too."
    return [_bars("content.tidy", title, rows, "", read, says_not="Two assets of one title may differ inside.")]


def _made(tables: Tables, settings: Settings) -> list[Exhibit]:
    found, rows = made_by_year(tables, settings.as_of), list[Row]()
    for year in sorted({row["year"] for row in found}):
        here = [row for row in found if row["year"] == year]
        kinds = ", ".join(f"{words.masked(row['type'])} {words.number(row['n'])}" for row in here[:KINDS_SHOWN])
        rows.append({"label": str(year), "value": sum(row["n"] for row in here), "note": kinds})
    if len(rows) < 2:
        return []
    most = max(row["value"] for row in rows)
    years, of_all = ([row["label"] for row in rows if row["value"] == most], words.of(most, sum(r["n"] for r in found)))
    says = f"More assets date from {years[0]} than from any other year: {of_all}"
    says = says if len(years) == 1 else f"Most assets date from {words.listed(years)}: {of_all} each"
    read = "Assets by the year they were first published; those without a date are left out."
    described = columns(label=("Year", "text"), value=("Assets made", "count"), note=("Most of which type", "text"))
    says_not = "What was made and taken away again."
    return [_bars("content.made", says, rows, " by year", read, says_not=says_not, described=described)]


def _bars(
    key: str, title: str, rows: list[Row], by: str, read: str, *, says_not: str = "", play: str = "P13",
    is_detail: bool = True, described: list[Column] = _BAR_COLUMNS,
) -> Exhibit:  # fmt: skip
    spoken = ", ".join(f"{row['label']} {words.number(row['value'])}" for row in rows)
    return Exhibit(
        key=key, shape="bars", title=title, rows=rows, read=f"{read} Counted.", says_not=says_not, play=play,
        is_detail=is_detail, columns=described, source="Content library", alt=f"Bars of assets{by}: {spoken}.",
    )  # fmt: skip


def _carry(n: int, of: int = 0) -> str:
    """'1 carries', '3 of 5 assets carry'."""
    among = f" of {words.count(of, 'asset')}" if of else ""
    return f"{words.number(n)}{among} {'carries' if n == 1 else 'carry'}"


def _bar(label: str, value: int, stock: dict[str, int], note: str = "") -> Row:
    return {"label": label, "value": value, "n": stock["assets"], "note": note}


def _band(low: int, high: int) -> str:
    if low < 0:
        return f"up to {high} days"
    return f"over {low} days" if high >= 10**9 else f"{low + 1} to {high} days"
