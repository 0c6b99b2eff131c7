"""How much of the content goes unused, and on how few assets does its use rest?"""

from dataclasses import replace

import numpy as np

from alignlib import words
from alignlib.diagnostics.content.parts import estimated, missing, portion, rate, records
from alignlib.diagnostics.content.stock import NOT_JOINED, Stock
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, Row, columns

WINDOWS = (30, 90, 180)
_WHAT = "How much content goes unused"
_LOG = "the library’s log of uses (asset, a code for the person, what they did, when), or its count of uses by asset"
_COUNTS, _USES = "Content library and its own counts of uses", "views, downloads and shares"
_RETIRED = """select (select count(*) from assets where coalesce(created_on <= $as_of, true)) - count(*) as n
from assets_now"""
_COLUMNS = columns(label=("Window", "text"), value=("Unused", "share"), low=("Low", "share"), high=("High", "share"),
                   k=("Unused assets", "count"), n=("Assets judged", "count"), note=("Note", "text"))  # fmt: skip
_PARTS = ("Most used tenth", "Next fifth", "Next fifth after that", "Less used half")  # of all assets


def part(tables: Tables, settings: Settings, stock: Stock) -> Part:
    """Which share of assets did no seller view, download or share within W days, and on how few assets does use rest?

    W (``content.unused_days``) runs from the later of creation, the start of the period and the begin of the log, from
    the latter two for an asset without a creation date; one seen for fewer than W days, until the as-of date or the end
    of the log, is left out. Interval by Wilson. Known only from a system's counts, an asset is unused when the span
    they cover holds no use. Not judged without a log or such counts, or when most uses in the log are of assets unknown
    to the inventory. It does not say why an asset was not used.
    """
    days = settings.content.unused_days
    if not stock.log:
        return missing(_WHAT, "no record of uses was delivered", _LOG)
    caveats, in_span = _log_caveats(stock, settings), stock.log == "totals"
    if not stock.is_joined:
        return replace(missing(_WHAT, *NOT_JOINED), caveats=caveats)
    agreed = _row(stock, "Whole span" if in_span else words.value(days, "days"), days)
    k, n = agreed["k"], agreed["n"]
    if not n:
        why = f"no asset was seen for {words.value(days, 'days')} within the period"
        return replace(missing(_WHAT, why, "a longer period or log, or a shorter window"), caveats=caveats)
    within = "in the span that was counted" if in_span else f"within {words.value(days, 'days')}"
    young = words.count(len(stock.assets) - n, "asset")
    settle = f"the same count once the {young} now too young can be judged, or a longer period"
    finding = estimated("content.unused", "unused_content", settings, k, n, "assets", f"were not used {within}",
                        play="P13", settle=settle)  # fmt: skip
    says = f"{portion(k, n, 'assets')} were not used {within}"
    return Part([finding], [_exhibit(agreed, settings, says, young, stock), *_concentration(stock)],
                [*_CAUTIONS, *_retired(tables, settings), *caveats])  # fmt: skip


def _row(stock: Stock, label: str, days: int) -> Row:
    """How many of the assets seen for so many days did no seller use within them?"""
    judged = stock.judged(days)
    counted = rate(label, int((judged & stock.unused(days)).sum()), int(judged.sum()))
    return counted | {"note": "" if counted["n"] else "no asset was old enough"}


def _exhibit(agreed: Row, settings: Settings, says: str, young: str, stock: Stock) -> Exhibit:
    """Which share is unused in each window? Without a log there is one window, the span that was counted."""
    days, (begin, end) = settings.content.unused_days, stock.followed(settings)
    rows, window, source = [agreed | {"note": "as the content system counted"}], words.value(days, "days"), _COUNTS
    read = "Unused: the system counted no view, download or share in the span of its report, within the period. Left "
    read += f"out: {young} with less than {window} in that span, spans that end after the as-of date, and uses in a "
    read += "span that began before the period when the day of the last one is not told. Bar: 95 %."
    if stock.log == "events":
        source = f"Content library and its log: {words.number(stock.counts['uses'])} {_USES} by anybody"
        rows = [_row(stock, words.value(each, "days"), each) if each != days else agreed | {"note": "agreed window"}
                for each in sorted({*WINDOWS, days})]  # fmt: skip
        others = [row for row in rows if row["n"] and row["label"] != window]
        told = words.listed([f"{words.value(row['value'], 'share')} at {row['label']}" for row in others])
        says = f"{says}; {told}" if told else says
        read = f"Unused: no seller viewed, downloaded or shared the asset within {window} of its creation, or of "
        read += f"{words.day(begin)} if it is older or carries no creation date. Left out: {young} younger than "
        read += f"{window} at {words.day(end)}. Each window judges the assets old enough for it. Bars: 95 %."
    spoken = "; ".join(f"{row['label']} {words.value(row['value'], 'share')}" for row in rows)
    return Exhibit(
        key="content.unused", shape="intervals", rows=rows, play="P13", limit=settings.thresholds.get("unused_content"),
        title=says, columns=_COLUMNS, read=read, says_not="Why an asset was not used; uses the library cannot see.",
        alt=f"Unused share by window: {spoken}.", source=source,
    )  # fmt: skip


def _concentration(stock: Stock) -> list[Exhibit]:
    """On how few assets does the use rest? Assets by how often sellers used them, the most used first."""
    uses = np.sort(stock.assets["n_uses"].to_numpy())[::-1]
    total, n = int(uses.sum()), len(uses)
    if not total or n < 10:
        return []
    parts = np.split(uses, [round(n * end) for end in (0.1, 0.3, 0.5)])
    rows: list[Row] = [{"label": label, "value": float(part.sum() / total), "k": int(part.sum()), "n": len(part)}
                       for label, part in zip(_PARTS, parts, strict=True)]  # fmt: skip
    idle, spoken = int((uses == 0).sum()), [f"{row['label']} {words.share(row['value'])}" for row in rows]
    tail = f"; {words.number(idle)} of {words.number(n)} have none" if idle else ""
    return [Exhibit(
        key="content.concentration", shape="bars", rows=rows, is_detail=True, play="P13",
        title=f"{words.share(rows[0]['value'])} of all uses fall on a tenth of the assets{tail}",
        columns=columns(label=("Assets", "text"), value=("Share of uses", "share"), k=("Uses", "count"),
                        n=("Assets in it", "count")),
        read="Assets in the order of how often sellers used them in their window; each bar is the share of all uses "
        "that falls on that part. Counted.",
        says_not="That the most used are the best: they may be the only ones people find.",
        alt=f"Bars of uses by assets: {'; '.join(spoken)}.",
        source=_COUNTS if stock.log == "totals" else f"Content library and its log: {words.number(total)} {_USES} by "
        "sellers in the windows of its assets",
    )]  # fmt: skip


_CAUTIONS = (
    "Unused does not prove irrelevant: an asset may be hard to find, never shown to anybody, "
    "or used outside the library.",
    "No outside figure on unused content is printed beside this one: the one often quoted has no published method.",
)


def _retired(tables: Tables, settings: Settings) -> list[str]:
    n = int(records(tables, _RETIRED, as_of=settings.as_of)[0]["n"])
    return [f"{words.count(n, 'asset')} left out as retired by a decision."] if n else []


def _log_caveats(stock: Stock, settings: Settings) -> list[str]:
    """What must a reader know of the log? One that starts late or stops early does not see all uses."""
    if stock.log == "totals":
        return ["Uses were counted by the content system, not logged one by one: when they fell, and whether it was "
                "sellers, cannot be told."]  # fmt: skip
    said, counts, unknown = [], stock.counts, stock.counts["unknown"]
    if unknown:
        known = words.share(1 - unknown / (counts["uses"] - counts["marketing"]), 1)
        said.append(f"{words.count(unknown, 'use')} in the log: of assets that are not in the inventory; {known} of "
                    "the uses are of assets it holds.")  # fmt: skip
    if counts["marketing"]:
        said.append(f"{words.count(counts['marketing'], 'use')} by Marketing left out: they are no use by a seller.")
    if not counts["uses"]:
        return [*said, "The log holds no view, download or share up to the as-of date."]
    if not counts["with_team"]:
        said.append("The log does not say who is in Sales: whatever anybody did counts as a use by a seller.")
    begin, end = stock.followed(settings)
    if begin > settings.period.start:
        said.append(f"The log of uses begins on {words.day(begin)}, after the period does: earlier uses are not seen, "
                    "and no asset is looked at before.")  # fmt: skip
    if end < settings.as_of:
        said.append(f"The log of uses ends on {words.day(end)}, before the as-of date: later uses are not seen, and no "
                    "asset is looked at after.")  # fmt: skip
    return said
