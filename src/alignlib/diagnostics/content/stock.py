"""What does each asset look like at the as-of date, and when was it used? One row an asset, for every part to read."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from alignlib.diagnostics.content.parts import assets_now
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables

LOG_GAP_DAYS = 7  # a log may miss a week at either end before windows begin or end with it
NOT_JOINED = ("most uses in the log are of assets that the inventory does not hold",
              "the same ids of assets in the inventory and in the log")  # fmt: skip
_IS_USE = "(event is null or event in ('view', 'download', 'share'))"
_BY_AS_OF = "used_at < timezone('UTC', timezone($zone, $as_of::timestamp + interval 1 day))"
BY_SELLER = f"{_IS_USE} and team is distinct from 'marketing'"  # a use, as every part counts it
_IN_LOG = f"{BY_SELLER} and {_BY_AS_OF}"

# From when to when was anything logged, and by whom?
_LOG = f"""select timezone($zone, timezone('UTC', min(used_at)))::date as log_from,
  timezone($zone, timezone('UTC', max(used_at)))::date as log_until,
  (count(*) filter ({_IS_USE}))::bigint as uses, (count(team) filter ({_IS_USE}))::bigint as with_team,
  (count(*) filter ({_IS_USE} and team = 'marketing'))::bigint as marketing
from asset_usage where {_BY_AS_OF}"""
# An asset's window begins on the later of its creation and $start, at midnight where the client is.
_FRAME = """, starts as (
  select *, greatest(coalesce(created_on, $start), $start) as starts_on from assets_now
){used}
select s.asset_id, title, type, specificity, is_customisable, is_approved, cost, created_on, reviewed_on, dated_on,
  expires_on, decision, decided_on, array_to_string(list_sort(conversations), '; ') as conversations,
  array_to_string(list_sort(segments), '; ') as segments, array_to_string(list_sort(personas), '; ') as personas,
  segments as places, len(conversations)::integer as n_conversations, len(segments)::integer as n_segments,
  coalesce(expires_on < $as_of, false) as is_expired, coalesce($as_of - dated_on > $stale, false) as is_stale,
  {seen}
from starts s left join used u on u.asset_id = s.asset_id order by s.asset_id"""
# Times are compared as they stand, in UTC, and only the first and last use of an asset are turned into days. Uses are
# read once, without a look at their asset; only of assets used before their own window began are they read again.
_EVENTS = (
    f""", windows as (select asset_id, timezone('UTC', timezone($zone, starts_on::timestamp)) as starts_at from starts),
firsts as materialized (
  select asset_id, min(used_at) filter (in_period) as first_at, max(used_at) as last_at,
    count(*) filter (in_period) as n_uses, count(*) as n_ever
  from (select asset_id, used_at, used_at >= timezone('UTC', timezone($zone, $start::timestamp)) as in_period
    from asset_usage where {_IN_LOG}) group by asset_id
), early as (select asset_id, starts_at from firsts join windows using (asset_id) where first_at < starts_at),
again as (
  select asset_id, min(used_at) as first_at, count(*) as n_uses
  from asset_usage join early using (asset_id) where used_at >= starts_at and {_IN_LOG} group by asset_id
), used as (
  select f.asset_id, f.last_at, case when e.asset_id is null then f.first_at else a.first_at end as first_at,
    case when e.asset_id is null then f.n_uses else a.n_uses end as n_uses
  from firsts f left join early e using (asset_id) left join again a using (asset_id)
)""",
    """starts_on, ($end - starts_on)::double as days_seen, coalesce(n_uses, 0) as n_uses,
  (timezone($zone, timezone('UTC', first_at))::date - starts_on)::double as first_use_days,
  timezone($zone, timezone('UTC', last_at))::date as last_used_on,
  (select coalesce(sum(n_ever), 0) from firsts where asset_id not in (select asset_id from assets))::bigint
    as unknown""",
)
# A system's own counts tell whether an asset was used in the span they cover, and not when. Uses in a span that began
# before the period, of an asset that stood then, count by the day of the last one, and without it tell nothing.
_TOTALS = (
    """, told as (
  select t.asset_id, starts_on, from_on, until_on, last_used_on, greatest(from_on, created_on) < $start as is_early,
    coalesce(n_views, 0) + coalesce(n_downloads, 0) + coalesce(n_shares, 0) as n
  from asset_totals t join starts using (asset_id) where until_on between starts_on and $end
), kept as (
  select *, max(until_on) over (partition by asset_id order by from_on, until_on desc, n desc, last_used_on
    rows between unbounded preceding and 1 preceding) as told_until
  from told where not (is_early and n > 0 and last_used_on is null) qualify until_on > coalesce(told_until, '-infinity')
), used as (
  select asset_id, min(from_on) as from_on, max(last_used_on) filter (last_used_on <= $end) as last_used_on,
    sum(n) filter (not is_early or last_used_on >= starts_on) as n_uses,
    sum(until_on - greatest(from_on, told_until + 1, starts_on) + 1) - 1 as days_told
  from kept group by asset_id
)""",
    """greatest(starts_on, from_on) as starts_on, days_told::double as days_seen,
  coalesce(n_uses, 0)::bigint as n_uses, case when n_uses > 0 then 0.0 end::double as first_use_days, last_used_on""",
)
_NOTHING = (
    ", used as (select null::varchar as asset_id)",
    """starts_on, ($end - starts_on)::double as days_seen, 0::bigint as n_uses, null::double as first_use_days,
  null::date as last_used_on""",
)


@dataclass(frozen=True)
class Stock:
    """Which assets stood at the as-of date, and by what is their use known?

    ``assets`` holds one row an asset, by asset_id: asset_id, title, type, specificity, is_customisable and is_approved
    (missing where not recorded), cost, created_on, reviewed_on, dated_on (the later of creation and review),
    expires_on, decision and decided_on (what its owner sent back), conversations, segments and personas (in words:
    "C1; C2"), places (segments as a list), n_conversations, n_segments, is_expired, is_stale (never where undated),
    starts_on and days_seen (its window of observation), n_uses by sellers in it, first_use_days (missing: none) and
    last_used_on. ``log``: "events" (a log of uses), "totals" (the system's own counts: used in the span, not when) or
    "" (nothing was delivered).
    ``log_from``, ``log_until``: the first and last day on which the log holds anything, edits too. ``counts``: uses in
    the log by anybody, those with a team, by Marketing, and those by others of assets the inventory never held.
    """

    assets: pd.DataFrame
    log: Literal["events", "totals", ""]
    log_from: date | None = None
    log_until: date | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_joined(self) -> bool:
        """Are at least half of the uses in the log of assets in the inventory? Else their ids do not match."""
        by_sellers = self.counts.get("uses", 0) - self.counts.get("marketing", 0)
        return 2 * self.counts.get("unknown", 0) <= by_sellers

    def followed(self, settings: Settings) -> tuple[date, date]:
        """From when to when are uses seen: within the period up to the as-of date, a week's gap at either end aside?"""
        start, end = settings.period.start, settings.as_of
        if self.log_from is None or self.log_until is None:
            return start, end
        return (self.log_from if (self.log_from - start).days > LOG_GAP_DAYS else start,
                self.log_until if (end - self.log_until).days > LOG_GAP_DAYS else end)  # fmt: skip

    def judged(self, days: int) -> np.ndarray:
        """Which assets were seen for so many days, so that no use within them means something? None if ids differ."""
        return (self.assets["days_seen"].to_numpy() >= days) & self.is_joined

    def unused(self, days: int) -> np.ndarray:
        """Which of all assets did no seller use within so many days? Only those ``judged`` tell anything."""
        return ~(self.assets["first_use_days"].to_numpy() <= days)


def read_stock(tables: Tables, settings: Settings) -> Stock:
    """Which assets stood at the as-of date, how current are they, and when did a seller first use each?

    A use is a view, download or share by somebody who is not known to be in Marketing, within the asset's window: from
    the later of its creation, the start of the period and the log's begin, until the as-of date or the log's end.
    Without a log of uses the system's counts serve: of spans that end by the as-of date and lie in no other of the same
    asset; days that none of them covers are not seen.
    """
    zone = zone_of(tables, settings, "asset_usage.used_at")
    stock = Stock(pd.DataFrame(), "totals" if tables.has("asset_totals") else "")
    logged = tables.rows(_LOG, {"as_of": settings.as_of, "zone": zone}) if tables.has("asset_usage") else []
    if logged and (first := logged[0].pop("log_from")):  # else nothing was logged by then
        stock = Stock(pd.DataFrame(), "events", first, logged[0].pop("log_until"), logged[0])
    used, seen = {"events": _EVENTS, "totals": _TOTALS, "": _NOTHING}[stock.log]
    start, end = stock.followed(settings)
    values = {"as_of": settings.as_of, "start": start, "end": end, "stale": settings.content.stale_days}
    values |= {"zone": zone} if stock.log == "events" else {}
    frame = tables.query(assets_now(tables, settings.as_of) + _FRAME.format(used=used, seen=seen), values)
    if stock.log == "events":
        unknown = frame.pop("unknown")
        stock.counts["unknown"] = int(unknown.max()) if len(unknown) else 0
    return replace(stock, assets=frame)


def is_not(flags: "pd.Series[bool]") -> np.ndarray:
    """Of which assets is it recorded that it does not hold? Where nothing is recorded, nothing is known."""
    return flags.astype("boolean").eq(False).fillna(False).to_numpy(bool)


def zone_of(tables: Tables, settings: Settings, column: str) -> str:
    """In which zone does a time of this column have its day? Times recorded as days are days already."""
    return "UTC" if column in tables.day_only else settings.timezone
