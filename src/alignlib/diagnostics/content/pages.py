"""Which assets do people visit on the website, as page analytics count them?"""

from collections import defaultdict
from urllib.parse import unquote, urlsplit

from alignlib import words
from alignlib.diagnostics.content.parts import missing, records
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, Row, columns

SHOWN = 40
_WHAT = "Which content people visit on the website"
_INDEX = {"index", "_index", "default", "home"}  # names of files that stand for their folder
# A span that lies within another of the same page holds views that the other counts as well.
_PAGES = """select page, n_views, n_visitors, view_seconds from page_views
where coalesce(until_on, from_on, $until) <= $until
qualify from_on is null or until_on is null or until_on > coalesce(max(until_on) over (
  partition by page order by from_on, until_on desc, record, file rows between unbounded preceding and 1 preceding
), '-infinity') order by page, from_on, record, file"""
_ASSETS = """select asset_id, if(specificity = 'person', '(made for one person)', title) as title,
  coalesce(url, asset_id) as address from assets_now order by asset_id"""


def part(tables: Tables, settings: Settings) -> Part:
    """How often was each asset visited on the website, and how much of that hangs on how pages are matched?

    A page is an asset by its whole path, or (``content.page_match: slug``) by its last part alone, so that languages of
    one page count together. An address that fits several assets is matched to none. Views are added up; visitors are
    people counted once within a page, and are never added up: with several pages or spans, none are shown. Spans that
    end after the as-of date, or lie within another of the same page, are left out. Silent without page analytics. It
    does not say who visits: customers, sellers and machines alike.
    """
    if not tables.has("page_views"):
        return Part()
    pages, assets = records(tables, _PAGES, until=settings.as_of), records(tables, _ASSETS, as_of=settings.as_of)
    total = sum(row["n_views"] for row in pages)
    if not total:
        return missing(_WHAT, f"no view was counted up to {words.day(settings.as_of)}", "views counted up to that day")
    ways = {how: _matched(pages, assets, how) for how in ("path", "slug")}
    mine = ways[settings.content.page_match]
    if not mine:
        return missing(_WHAT, "no page carries the address of an asset", "the address of each asset, in column url")
    rows = sorted((_row(asset, found) for asset, found in mine.values()), key=lambda r: (-r["value"], r["label"]))
    seen = sum(row["value"] for row in rows)
    told = {how: sum(page["n_views"] for _, found in way.values() for page in found) for how, way in ways.items()}
    part_of = {how: words.share(views / total) for how, views in told.items()}
    effect = f"Matched by whole path, {part_of['path']} of views are of {words.count(len(ways['path']), 'asset')}; by "
    effect += f"the last part of the path alone, {part_of['slug']} of {words.number(len(ways['slug']))}."
    return Part(exhibits=[Exhibit(
        key="content.pages", shape="table", rows=rows[:SHOWN], source="Page analytics", play="P13", is_detail=True,
        title=f"{words.share(seen / total)} of {words.number(total)} page views are of "
        f"{words.count(len(rows), 'asset')} of the library; {words.share(rows[0]['value'] / total)} of one alone",
        lead=effect,
        columns=columns(label=("Asset", "text"), value=("Views", "count"), n=("Pages", "count"),
                        visitors=("Visitors", "count"), seconds=("Seconds a view", "count")),
        read=f"Views of the pages that are an asset, by {_HOW[settings.content.page_match]}; "
        f"{min(len(rows), SHOWN)} of {words.count(len(rows), 'asset')} shown. Seconds: average over views. Visitors "
        "are shown where one page and one span was counted: one person may stand in several. "
        "Spans within another of the same page, or ending after the as-of date, are left out. Counted.",
        says_not="Who visited: customers, sellers and machines alike.",
        alt=f"Table of {min(len(rows), SHOWN)} assets by views of their pages.",
    )])  # fmt: skip


_HOW = {"path": "their whole path", "slug": "the last part of their path, in whatever language"}


def place_of(address: str, how: str) -> str:
    """By what is an address told: its whole path, or the last part of it, without host, query and file ending?

    >>> place_of("https://www.example.com/en/Price-Guide/?utm=1", "path"), place_of("/de/price-guide.html", "slug")
    ('/en/price-guide', 'price-guide')
    """
    parts = [part for part in unquote(urlsplit(address.strip()).path).casefold().split("/") if part]
    if parts:
        parts[-1] = parts[-1].rsplit(".", 1)[0] or parts[-1]
    if parts and parts[-1] in _INDEX:
        parts.pop()
    return "/" + "/".join(parts) if how == "path" else parts[-1] if parts else ""


def _matched(pages: list[Row], assets: list[Row], how: str) -> dict[str, tuple[Row, list[Row]]]:
    """Which pages are which asset? {asset_id: the asset, its pages}; a place that several assets share is no one's."""
    at = defaultdict[str, list[Row]](list)
    for asset in assets:
        if asset["address"] and "/" in asset["address"]:
            at[place_of(asset["address"], how)].append(asset)
    found: dict[str, tuple[Row, list[Row]]] = {}
    for page in pages:
        owners = at.get(place_of(page["page"], how), [])
        if len(owners) == 1:
            found.setdefault(owners[0]["asset_id"], (owners[0], []))[1].append(page)
    return found


def _row(asset: Row, pages: list[Row]) -> Row:
    views = sum(page["n_views"] for page in pages)
    timed = [(page["view_seconds"], page["n_views"]) for page in pages if page["view_seconds"] is not None]
    weight = sum(n for _, n in timed)
    return {
        "label": words.masked(asset["title"] or asset["address"]), "value": views,
        "n": len({page["page"] for page in pages}), "visitors": pages[0]["n_visitors"] if len(pages) == 1 else None,
        "seconds": round(sum(seconds * n for seconds, n in timed) / weight) if weight else None,
    }  # fmt: skip
