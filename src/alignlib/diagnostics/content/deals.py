"""Which deals stand open at the as-of date, and how much of their pipeline has a segment, a conversation, an amount?"""

from collections import defaultdict
from collections.abc import Callable
from math import floor
from typing import Any

from alignlib import words
from alignlib.diagnostics.content.parts import records
from alignlib.diagnostics.content.stock import zone_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Row

CONVERSATIONS = ["C1", "C2", "C3", "C4", "C5"]

# A deal opened after the as-of date was not there yet; one opened on no known day is taken as there.
OPEN_NOW = """outcome = 'open'
  and coalesce(opened_at < timezone('UTC', timezone($opened, $today::timestamp + interval 1 day)), true)"""
_DEALS = f"""select segment, conversation, persona, pain, sign(coalesce(amount, 0))::integer as sign,
  count(*)::integer as deals, coalesce(sum(amount), 0)::bigint as amount
from opportunities where {OPEN_NOW} group by all order by all"""


def open_deals(tables: Tables, settings: Settings) -> list[Row]:
    """Which deals stand open? One row for all alike: segment, conversation, persona, pain, ``sign`` of the amount.

    With the number of ``deals`` and the sum of their ``amount``. Empty when no opportunities were delivered.
    """
    return records(tables, _DEALS, **open_now(tables, settings)) if tables.has("opportunities") else []


def in_segment(deal: Row) -> bool:
    """Does it name a segment and a positive amount?"""
    return deal["segment"] is not None and deal["sign"] > 0


def placed(deal: Row) -> bool:
    """Does it name a segment, a positive amount and one of the five conversations?"""
    return in_segment(deal) and deal["conversation"] in CONVERSATIONS


def stands_open(deals: list[Row]) -> Row:
    """How much open pipeline could be placed in a cell, how much could not, and how much is there in ``all``?"""
    kinds = defaultdict[str, list[Row]](list)
    for deal in deals:
        kinds[{1: "placed" if placed(deal) else "unplaced", 0: "unpriced", -1: "negative"}[deal["sign"]]].append(deal)
    found: Row = {kind: sum(deal["amount"] for deal in kinds[kind]) for kind in ("placed", "unplaced", "negative")}
    found |= {f"n_{kind}": sum(deal["deals"] for deal in kinds[kind]) for kind in (*found, "unpriced")}
    priced, n = found["placed"] + found["unplaced"], found["n_placed"] + found["n_unplaced"]
    whole = priced + (round(priced / n * found["n_unpriced"]) if n else 0)
    portion = words.share(floor(100 * found["placed"] / whole) / 100) if whole else ""  # never all of more
    return found | {"all": whole, "portion": portion}


def open_now(tables: Tables, settings: Settings) -> dict[str, Any]:
    """Which values does ``OPEN_NOW`` ask for?"""
    return {"opened": zone_of(tables, settings, "opportunities.opened_at"), "today": settings.as_of}


def pipeline(deals: list[Row], by: list[str], counts: Callable[[Row], bool] = lambda _: True) -> list[Row]:
    """How much open pipeline stands in each group, most first? Of deals that name all of ``by`` and that count."""
    found = dict[tuple[str, ...], Row]()
    for deal in deals:
        labels = tuple(deal[name] for name in by)
        if None not in labels and counts(deal):
            here = found.setdefault(labels, dict(zip(by, labels, strict=True)) | {"deals": 0, "amount": 0})
            here["deals"] += deal["deals"]
            here["amount"] += max(deal["amount"], 0)
    return [found[each] for each in sorted(found, key=lambda at: (-found[at]["amount"], -found[at]["deals"], at))]
