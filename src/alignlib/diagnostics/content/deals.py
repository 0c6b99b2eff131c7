"""Which deals stand open at the as-of date, and how much of their pipeline has a segment, a conversation, an amount?"""

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
IN_SEGMENT = "segment is not null and amount > 0"
TALKED = f"conversation in ({', '.join(map(repr, CONVERSATIONS))})"
PLACED = f"{IN_SEGMENT} and {TALKED}"
_STANDS = f"""select coalesce(sum(amount) filter (is_placed), 0)::bigint as placed,
  (count(*) filter (is_placed))::integer as n_placed,
  coalesce(sum(amount) filter (not is_placed and amount > 0), 0)::bigint as unplaced,
  (count(*) filter (not is_placed and amount > 0))::integer as n_unplaced,
  (count(*) filter (coalesce(amount, 0) = 0))::integer as n_unpriced,
  coalesce(sum(amount) filter (amount < 0), 0)::bigint as negative,
  (count(*) filter (amount < 0))::integer as n_negative
from (select amount, coalesce({PLACED}, false) as is_placed from opportunities where {OPEN_NOW})"""


def stands_open(tables: Tables, settings: Settings) -> Row:
    """How much open pipeline could be placed in a cell, how much could not, and how much is there in ``all``?"""
    found: Row = records(tables, _STANDS, **open_now(tables, settings))[0]
    priced, n = found["placed"] + found["unplaced"], found["n_placed"] + found["n_unplaced"]
    whole = priced + (round(priced / n * found["n_unpriced"]) if n else 0)
    portion = words.share(floor(100 * found["placed"] / whole) / 100) if whole else ""  # never all of more
    return found | {"all": whole, "portion": portion}


def open_now(tables: Tables, settings: Settings) -> dict[str, Any]:
    """Which values does ``OPEN_NOW`` ask for?"""
    return {"opened": zone_of(tables, settings, "opportunities.opened_at"), "today": settings.as_of}


def pipeline(tables: Tables, settings: Settings, by: str, rule: str) -> list[Row]:
    """How much open pipeline stands in each group, most first? ``by`` and ``rule``: our own SQL, no client's text."""
    if not tables.has("opportunities"):
        return []
    asked = f"""select {by}, count(*)::integer as deals, sum(greatest(amount, 0))::bigint as amount
        from opportunities where {OPEN_NOW} and {rule} group by {by} order by amount desc, deals desc, {by}"""
    return records(tables, asked, **open_now(tables, settings))
