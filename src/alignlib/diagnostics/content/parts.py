"""What the parts of the content diagnostic share: which assets stand at the as-of date, and how a share is judged."""

from dataclasses import dataclass, field
from typing import Any, Literal

from alignlib import words
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, Measure, NotJudged
from alignlib.stats import Interval

CONVERSATIONS = ("C1", "C2", "C3", "C4", "C5")
TAG_WANTED = "a column in the library export that names the conversation (C1 to C5) of each asset"

# One row an asset that existed at $as_of. dated_on: the later of creation and last review, NULL when neither is known.
ASSETS = """
with assets_now as (
  select asset_id, created_on, expires_on,
    greatest(created_on, case when reviewed_on <= $as_of then reviewed_on end) as dated_on,
    coalesce(list_distinct(conversations), []) as conversations, coalesce(list_distinct(personas), []) as personas,
    coalesce(list_distinct(segments), []) as segments, coalesce(list_distinct(topics), []) as topics
  from assets where created_on is null or created_on <= $as_of
)"""
# $stale: days after which an unreviewed asset is stale. An asset without any date is not known to be stale.
USABLE = """, usable as (
  select asset_id, unnest(conversations) as conversation, personas, segments from assets_now
  where (expires_on is null or expires_on >= $as_of) and (dated_on is null or $as_of - dated_on <= $stale)
)"""


@dataclass
class Part:
    """What does one part of the diagnostic add to the result?"""

    findings: list[Finding] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)


def missing(what: str, why: str, settle: str, theme: str = "content") -> Part:
    """Which part says that something could not be judged, why, and what would settle it?"""
    return Part(not_judged=[NotJudged(what=what, why=why, settle=settle, theme=theme)])


def records(tables: Tables, sql: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Which rows does this query give, as plain Python values with None for what is missing?"""
    frame = tables.query(sql, values)
    return [
        {str(name): None if value != value else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


def portion(k: int, n: int, many: str) -> str:
    """How is a part of a whole said: counted up to a hundred, in per cent above?

    >>> portion(49, 84, "assets"), portion(90, 180, "assets")
    ('49 of 84 assets', '50\\xa0% of assets')
    """
    return f"{words.of(k, n)} {many}" if n <= 100 else f"{words.share(k / n)} of {many}"


def share_finding(
    key: str,
    threshold: str,
    settings: Settings,
    says: str,
    *,
    n: int,
    play: str,
    k: int = 0,
    of_what: str = "",
    verb: str = "",
    settle: str = "",
    interval: Interval | None = None,
    value: float | None = None,
    counted: str = "",
    good: str = "",
    theme: str = "content",
    beyond: Literal["act", "watch"] = "act",
) -> Finding:
    """Which finding does a share with an upper limit make: ``says`` states it, and the level picks the title?

    With ``interval`` (Wilson, ``k`` of ``n``) the level is read off the interval, worded by ``of_what`` and ``verb``:
    "assets", "went unused". Without, ``value`` is judged as it is, and ``counted`` says over what.
    """
    limit = settings.thresholds.get(threshold)
    measure = (
        Measure(value=value, unit="share", n=n) if interval is None else measured(interval, "share", "Wilson", k, n)
    )
    agreed = "" if limit is None else words.share(limit)
    between = words.interval(measure.low, measure.high, "share")
    titles = {
        "beyond": says,
        "good": good or f"{says}, within the agreed {agreed}",
        "unclear": f"{between}{words.NBSP}% of {of_what} {verb}, on both sides of the agreed {agreed}",
        "none": f"{says}; no limit was agreed",
    }
    over = counted or f"{words.of(k, n)} {of_what}"
    return finding(key, threshold, measure, settings, titles, theme=theme, play=play, counted=over, settle=settle,
                   beyond=beyond)  # fmt: skip
