"""Are deals in which content was used won more often than deals alike? An association, never influence."""

import numpy as np
import pandas as pd

from alignlib import words
from alignlib.association import FEWEST_CLUSTERS, slopes
from alignlib.diagnostics.content.parts import missing, rate
from alignlib.diagnostics.content.stock import BY_SELLER, zone_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, columns
from alignlib.stats import Interval

FEWEST = 20  # closed deals on either side; below that a difference says nothing
SIZES = 3
_WHAT = "Whether deals in which content was used are won more often"
_SETTLE = "the deal each share or view belongs to, in the log of uses, and closed deals with their closing date"
_MORE = "more closed deals whose uses of content are logged"
_ALIKE = "deals alike in stage reached and size"
_TIMES = {"used": "asset_usage.used_at", "opened": "opportunities.opened_at", "closed": "opportunities.closed_at"}
_DAY = "timezone(${0}, timezone('UTC', {0}_at))::date"
# A deal outside the span of the log may have seen content that nobody logged, and would pass for one without. A use
# after the deal was closed had no part in how it ended. Stage reached: the conversation the deal stood in.
_DEALS = f"""with uses as (select *, {_DAY.format("used")} as used_on from asset_usage),
span as (select min(used_on) as log_from, max(used_on) as log_until from uses where used_on <= $as_of),
ended as (
  select *, {_DAY.format("closed")} as closed_on, {_DAY.format("opened")} as opened_on from opportunities
  where outcome in ('won', 'lost') and closed_at is not null
)
select outcome = 'won' as won, amount, owner_id, coalesce(conversation, 'not recorded') as stage, log_from, log_until,
  coalesce(opened_on >= log_from, true) and closed_on between log_from and log_until as is_within,
  count(u.asset_id) > 0 as touched
from ended o cross join span left join uses u on u.opportunity_id = o.opportunity_id
  and {BY_SELLER}
  and used_on <= closed_on and ($by_day or used_at <= closed_at)
where closed_on <= $as_of
group by o.opportunity_id, outcome, amount, owner_id, conversation, log_from, log_until, opened_on, closed_on
order by o.opportunity_id"""


def part(tables: Tables, settings: Settings) -> Part:
    """How much more often are deals won in which content was used, among deals alike in stage reached and size?

    Deals opened (where that is known) and closed within the span of the log of uses; content was used when a use in the
    log names the deal and falls before it closed (up to that day, where either is recorded by day). Strata: the
    conversation reached and a third by amount (deals without an amount are one of their own). The difference is the
    slope of won on used with a constant for each stratum, which is that of Mantel and Haenszel, clustered by the
    seller who holds the deal. An association: a deal that lives longer sees more content, and sellers give more to
    deals they expect to win; no amount of money is attached to it.
    """
    if not tables.has("opportunities", "asset_usage"):
        return Part()  # that uses or deals are missing is said where they are judged
    if not tables.filled("asset_usage", "opportunity_id"):
        return missing(_WHAT, "no use in the log names a deal", _SETTLE)
    zones = {name: zone_of(tables, settings, column) for name, column in _TIMES.items()}
    by_day = bool({_TIMES["used"], _TIMES["closed"]} & tables.day_only)
    closed = tables.query(_DEALS, {"as_of": settings.as_of, "by_day": by_day, **zones})
    deals = closed[closed["is_within"].eq(True)]
    touched = deals["touched"].to_numpy(bool)
    n, others = int(touched.sum()), int((~touched).sum())
    if min(n, others) < FEWEST:
        why = f"{words.count(n, 'closed deal')} with content and {words.number(others)} without, opened and closed "
        why += "within the span of the log of uses, are too few to compare"
        return missing(_WHAT, why, _MORE)
    strata = _strata(deals)
    sides = pd.Series(touched).groupby(strata)
    is_alike = (sides.transform("max") & ~sides.transform("min")).to_numpy(bool)
    if not is_alike.any():
        return missing(_WHAT, "no deals with and without content are alike in stage reached and size", _MORE)
    return Part(exhibits=[_exhibit(deals, strata, is_alike, len(closed))])


def _exhibit(deals: pd.DataFrame, strata: np.ndarray, is_alike: np.ndarray, n_closed: int) -> Exhibit:
    won, touched = deals["won"].to_numpy(bool), deals["touched"].to_numpy(bool)
    owners = pd.factorize(deals["owner_id"])[0]  # below 0: nobody known, the deal stands alone
    n, others, k, without = (int(each.sum()) for each in (touched, ~touched, won & touched, won & ~touched))
    plain = _more_won(won, touched, owners, np.zeros_like(strata))
    apart = _more_won(won[is_alike], touched[is_alike], owners[is_alike], strata[is_alike])
    says = f"Whether deals in which content was used are won more often cannot be told among {_ALIKE}"
    if (apart.low or 0) > 0 or (apart.high or 0) < 0:
        value = apart.value or 0.0
        more = f"{words.value(abs(value), 'pp')} {'more' if value > 0 else 'less'} often"
        says = f"Among {_ALIKE}, those in which content was used are won {more}"
    between = words.interval(apart.low, apart.high, "pp")
    since, until = (words.day(deals[name].iloc[0].date()) for name in ("log_from", "log_until"))
    outside = words.count(n_closed - len(deals), "other")
    outside = f"; left out: {outside}, for nobody logged all that was used there" if n_closed > len(deals) else ""
    return Exhibit(
        key="content.influence", shape="intervals", play="P12", is_detail=True,
        rows=[rate("With content", k, n), rate("Without", without, others)],
        title=f"{says} ({between if apart.low is None else f'difference {between} percentage points'})",
        lead=f"{words.number(int(is_alike.sum()))} of {words.count(len(deals), 'deal')} lie in "
        f"{words.count(len(np.unique(strata[is_alike])), 'group')} of stage and size that hold deals with and without "
        f"content; over all deals the difference is {words.value(plain.value, 'pp')} "
        f"({words.interval(plain.low, plain.high, 'pp')}).",
        columns=columns(label=("Closed deals", "text"), value=("Won", "share"), low=("from", "share"),
                        high=("to", "share"), k=("Deals won", "count"), n=("Deals", "count")),
        read="Share of closed deals won, with and without a logged use of content before they closed; bars: 95 %, "
        "Wilson. The comparison among deals alike holds the conversation reached and a third by amount equal: least "
        f"squares, {_how(owners)}. Deals opened and closed from {since} to {until}, while uses were logged{outside}.",
        says_not="That content wins deals: a deal that lives longer sees more of it, and sellers give more to deals "
        "they expect to win. It is an association, and no revenue is attached to it.",
        alt=f"Share won: with content {words.of(k, n)}, without {words.of(without, others)}.",
        source="Opportunities and the log of uses",
    )  # fmt: skip


def _how(owners: np.ndarray) -> str:
    sellers = len(np.unique(owners[owners >= 0]))
    if sellers < FEWEST_CLUSTERS:
        return f"as if deals were independent: fewer than {words.spelled(FEWEST_CLUSTERS)} sellers are known"
    return f"clustered by the {words.number(sellers)} sellers who hold the deals"


def _strata(deals: pd.DataFrame) -> np.ndarray:
    """In which group of one stage and one third of size is each deal?"""
    amount = deals["amount"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    cuts = np.nanquantile(amount, np.arange(1, SIZES) / SIZES) if np.isfinite(amount).any() else np.zeros(SIZES - 1)
    size = np.where(np.isnan(amount), SIZES, np.searchsorted(cuts, amount, side="left"))
    return pd.factorize(deals["stage"])[0] * (SIZES + 1) + size


def _more_won(won: np.ndarray, touched: np.ndarray, owners: np.ndarray, strata: np.ndarray) -> Interval:
    """By how much more often are deals won with content than without, within their group?"""
    found = slopes(won, np.column_stack([touched, np.unique(strata)[1:] == strata[:, None]]), owners)[0]
    if found.low is None or found.high is None:
        return found
    return Interval(found.value, max(found.low, -1.0), min(found.high, 1.0))
