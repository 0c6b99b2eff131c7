"""What the parts of the content diagnostic share: which assets stand at the as-of date, and how a share is judged."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from alignlib import words
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Finding, Measure, NotJudged, Part, Row
from alignlib.stats import Interval, wilson

TAG_WANTED = "a column in the library export that names the conversation (C1 to C5) of each asset"

# One row an asset that stood at $as_of, worked out once because every part asks for it. dated_on: the later of creation
# and last review, NULL when neither is known. What the owner of the content corrected counts in place of the inventory,
# and what is to be retired no longer stands; of several decisions on one asset the latest.
_CORRECTED = ("personas", "segments", "conversations", "reviewed_on", "expires_on", "is_customisable", "is_approved")
_ASSETS = """with corrected as (
  select a.asset_id, title, type, owner_team, specificity, url, pains, topics, cost, created_on, {columns}
  from assets a{decisions}
) select * replace (coalesce(list_distinct(conversations), []) as conversations,
      coalesce(list_distinct(personas), []) as personas, coalesce(list_distinct(segments), []) as segments,
      coalesce(list_distinct(pains), []) as pains, coalesce(list_distinct(topics), []) as topics),
    greatest(created_on, case when reviewed_on <= $as_of then reviewed_on end) as dated_on
  from corrected where created_on is null or created_on <= $as_of"""
DECIDED = """(
    select * from asset_decisions where coalesce(decided_on <= $as_of, true) qualify 1 = row_number() over (
      partition by asset_id order by decided_on desc nulls last, record desc, file desc)
  )"""
_DECISIONS = f""" left join {DECIDED} d on d.asset_id = a.asset_id where decision is distinct from 'retire'"""


def assets_now(tables: Tables, as_of: date) -> str:
    """Which SQL makes the common table ``assets_now``: one row an asset that stood at ``$as_of``, as corrected?"""
    decided = tables.has("asset_decisions")
    made = [f"coalesce(d.{name}, a.{name}) as {name}" if decided else name for name in _CORRECTED]
    made += ["decision, decided_on"] if decided else ["null::varchar as decision, null::date as decided_on"]
    sql = _ASSETS.format(columns=", ".join(made), decisions=_DECISIONS if decided else "")
    kept = tables.keep(f"assets_at_{as_of:%Y%m%d}", sql, {"as_of": as_of})
    return f"with assets_now as (from {kept} where $as_of is not null)"  # so that the day may always be bound


def missing(what: str, why: str, settle: str, theme: str = "content") -> Part:
    """Which part says that something could not be judged, why, and what would settle it?"""
    return Part(not_judged=[NotJudged(what=what, why=why, settle=settle, theme=theme)])


def too_few(settings: Settings) -> str:
    """Why is a figure withheld in which fewer people stand than the smallest group has?"""
    least = words.spelled(settings.survey.smallest_group)
    return f"fewer than {least} known sellers: it would tell what single people did"


def records(tables: Tables, sql: str, **values: Any) -> list[dict[str, Any]]:
    """Which rows does this query give, as plain Python values with None for what is missing?

    With ``as_of`` the query may ask ``assets_now``, and may go on with further common tables (", uses as ...").
    """
    return tables.rows((assets_now(tables, values["as_of"]) if "as_of" in values else "") + sql, values)


def portion(k: int, n: int, many: str) -> str:
    """How is a part of a whole said: counted up to a hundred, in per cent above?

    >>> portion(49, 84, "assets"), portion(90, 180, "assets")
    ('49 of 84 assets', '50\\xa0% of assets')
    """
    return f"{words.of(k, n)} {many}" if n <= 100 else f"{words.share(k / n)} of {many}"


def at_most(says: str, what: str, measure: Measure, limit: float | None) -> dict[str, str]:
    """Under which titles does a share with an upper limit stand: ``says`` states it, ``what`` says of what it is?"""
    agreed = "" if limit is None else words.share(limit)
    return {
        "beyond": says, "good": f"{says}, within the agreed {agreed}", "none": f"{says}; no limit was agreed",
        "unclear": f"{words.interval(measure.low, measure.high, 'share')}{words.NBSP}% of {what}, on both sides of the "
        f"agreed {agreed}",
    }  # fmt: skip


def at_least(said: str, claim: str) -> dict[str, str]:
    """Under which titles does a share with a lower limit stand: so much (``said``) "of assets were shown"?"""
    return {
        "beyond": f"Only {said} {claim}", "good": f"{said} {claim}, as agreed", "none": f"{said} {claim}",
        "unclear": f"Whether enough {claim} cannot be told: {said}",
    }  # fmt: skip


def estimated(
    key: str, threshold: str, settings: Settings, k: int, n: int, many: str, verb: str, *, play: str, settle: str
) -> Finding:  # fmt: skip
    """Which finding does a share of assets make, judged on its Wilson interval: ``k`` of ``n`` ``many`` ``verb``?"""
    measure = measured(wilson(k, n), "share", "Wilson", k, n)
    titles = at_most(f"{portion(k, n, many)} {verb}", f"{many} {verb}", measure, settings.thresholds.get(threshold))
    return finding(key, threshold, measure, settings, titles, theme="content", play=play, settle=settle,
                   counted=f"{words.of(k, n)} {many}")  # fmt: skip


def rate(label: str, k: int, n: int, at: Interval | None = None) -> Row:
    """Which row shows that it holds of ``k`` of ``n``: between Wilson's limits, or between those found otherwise?"""
    at = at or wilson(k, n)
    return {"label": label, "value": at.value, "low": at.low, "high": at.high, "k": k, "n": n}


def joined(parts: Iterable[Part]) -> Part:
    """Which part says all that these say, in their order?"""
    made = Part()
    for each in parts:
        for name, said in vars(made).items():
            said += getattr(each, name)
    return made
