"""Is content made for one customer, is what can be adapted used more, and is what expired still being sent?"""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from alignlib.association import mantel_haenszel
from alignlib.diagnostics.content.parts import DECIDED, assets_now, at_least, at_most, joined, missing, rate, too_few
from alignlib.diagnostics.content.stock import Stock, zone_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Measure, Part, Row, columns
from alignlib.stats import clustered_share, newcombe
from alignlib.words import capital, count, day, interval, masked, of, share, value

ITEMS_SHOWN = 40
AGE_BANDS = (90, 365, 730)  # days: assets of one band and one type are compared with one another
_UNKNOWN = "Not recorded"
RUNGS = {"market": "The whole market", "segment": "A segment", "account": "An account", "person": "A person"}
_RECORDED = "for whom each asset is made (market, segment, account, person), or whether sellers can adapt it"
_LOG = "the log of uses with event (view, download, share, edit), a code for the person and the time"
_UNTIL = "timezone('UTC', timezone($zone, $as_of::timestamp + interval 1 day))"
_BY_SELLERS = f"team is distinct from 'marketing' and used_at < {_UNTIL}"
_IN_PERIOD = "event = 'share' and used_at >= timezone('UTC', timezone($zone, $start::timestamp))"
_TAILORED = f"""with edits as (
  select asset_id, user_id, used_at as edited_at from asset_usage where event = 'edit' and {_BY_SELLERS}
), sent as (
  select asset_id, user_id, used_at from asset_usage where user_id is not null and {_IN_PERIOD} and {_BY_SELLERS}
)
select sent.user_id, count(*)::double as n,
  (count(*) filter (sent.used_at <= edited_at + to_days($days::integer)))::double as k
from sent asof left join edits
  on sent.asset_id = edits.asset_id and sent.user_id = edits.user_id and sent.used_at >= edited_at
group by sent.user_id order by sent.user_id"""
# What may be sent: the assets that stand, and those that their owner decided to retire, until the day of the decision.
_FIT = "select asset_id, title, expires_on, is_approved, null::date as retired_on from assets_now{retired}"
_RETIRED = f"""
  union all
  select a.asset_id, title, coalesce(d.expires_on, a.expires_on), coalesce(d.is_approved, a.is_approved), decided_on
  from assets a join {DECIDED} d on d.asset_id = a.asset_id and decision = 'retire'"""
# A day ends at midnight, where the client is.
_AFTER = "coalesce(used_at >= timezone('UTC', timezone($zone, {}::timestamp + interval 1 day)), false)"
_SENT = f""", sent as (
  select asset_id, user_id, used_at, is_approved is false as is_unapproved, {_AFTER.format("expires_on")} as is_past,
    {_AFTER.format("retired_on")} as is_retired
  from asset_usage join fit using (asset_id) where {_IN_PERIOD} and {_BY_SELLERS}
)"""
_OUTDATED = "is_past or is_retired or is_unapproved"
_BY_SELLER = f"""{_SENT}
select user_id is null as is_nobody, count(*)::bigint as n, (count(*) filter ({_OUTDATED}))::bigint as k
from sent group by user_id order by user_id nulls last"""
_BY_ASSET = f"""{_SENT}, outdated as (
  select asset_id, count(*)::integer as n, max(used_at) as last_at, bool_or(is_past) as is_past,
    bool_or(is_retired) as is_retired, bool_or(is_unapproved) as is_unapproved
  from sent where {_OUTDATED} group by asset_id
)
select coalesce(nullif(trim(title), ''), asset_id) as title, n, is_past, is_retired, is_unapproved,
  expires_on::varchar as expires_on, retired_on::varchar as retired_on,
  timezone($zone, timezone('UTC', last_at))::date::varchar as last_on, count(*) over () as items
from outdated join fit using (asset_id) order by n desc, last_on desc, asset_id limit $most"""


def part(tables: Tables, settings: Settings, stock: Stock) -> Part:
    """Is content made for one customer, is it adapted, and is it still fit to be sent?

    Reads the ``stock`` of assets, and ``asset_usage`` for what was edited and shared. What is not recorded is listed.
    """
    return joined([ladder(settings, stock), tailored(tables, settings, stock), outdated(tables, settings, stock)])


def ladder(settings: Settings, stock: Stock) -> Part:
    """Which share of current assets is made for an account or a person, or can be adapted, and of which are uses?

    Current: not expired, not stale. Recorded: every one of the two columns that was delivered is filled in for the
    asset, so that what is left out does not depend on the answer. Counted: a library is no sample; where it is not
    recorded of some, bounds as if it held of none or of all of these. Uses are those by sellers since
    the start of the period.
    """
    assets, what = stock.assets, "Whether content is made for one customer"
    rung, adapts = assets["specificity"], assets["is_customisable"]
    delivered = [column.notna().to_numpy() for column in (rung, adapts) if column.notna().any()]
    current = ~(assets["is_expired"] | assets["is_stale"]).to_numpy(bool)
    known = current & np.logical_and.reduce(delivered) & bool(delivered)
    exhibits = [_ladder_exhibit(stock)] if rung.notna().any() else []
    if not known.any():
        why = "no current asset says for whom it is made or whether it can be adapted"
        return replace(missing(what, why, _RECORDED), exhibits=exhibits)
    close = rung.isin(["account", "person"]).to_numpy()
    n, k = int(known.sum()), int(((close | _true(adapts)) & known).sum())
    left = int(current.sum()) - n
    measure = Measure(value=k / n, unit="share", k=k, n=n)
    if left:  # an asset of which it is not recorded may be either
        ends = {"low": k / (n + left), "high": (k + left) / (n + left)}
        measure = measure.model_copy(update={**ends, "method": "bounds: assets of which it is not recorded"})
    said, claim = value(measure.value, "share"), "of current assets are for an account or a person, or can be adapted"
    specific = finding(
        "content.specific", "specific_content", measure, settings,
        at_least(said, claim), theme="content", play="P15",
        settle="for whom each asset is made, and whether sellers can adapt it",
        counted=f"{of(k, n)} current assets for which it is recorded, {of(int((close & known).sum()), n)} made for an "
        "account or a person" + (f"; {count(left, 'other')} for which it is not" if left else ""),
    )  # fmt: skip
    shown = f"{said} {claim}: {of(k, n)} for which it is recorded."
    return Part([specific], [each.model_copy(update={"lead": shown}) for each in exhibits])


def _ladder_exhibit(stock: Stock) -> Exhibit:
    """Assets beside uses, rung by rung: two bars each, where uses are known."""
    at = stock.assets["specificity"].map(RUNGS).fillna(_UNKNOWN)
    labels = [*RUNGS.values(), *([_UNKNOWN] if (at == _UNKNOWN).any() else [])]
    sums = {"assets": at.value_counts(), "uses": stock.assets["n_uses"].groupby(at).sum()}
    counts = {kind: found.reindex(labels, fill_value=0) for kind, found in sums.items() if found.sum()}
    rows: list[Row] = [
        {"label": f"{label}: {kind}", "value": float(n[label] / n.sum()), "k": int(n[label]), "n": int(n.sum())}
        for label in labels for kind, n in counts.items()
    ]  # fmt: skip
    told = {kind: share(n[[RUNGS["account"], RUNGS["person"]]].sum() / n.sum()) for kind, n in counts.items()}
    says = f"{told['assets']} of assets are made for an account or a person"
    return Exhibit(
        key="content.ladder", shape="bars", rows=rows, play="P15", source="Content library, uses by sellers",
        title=f"{says}, and {told['uses']} of uses are of these" if "uses" in told else says,
        columns=columns(label=("Made for", "text"), value=("Share", "share"), k=("Count", "count"), n=("Of", "count")),
        read="For whom assets are made, from the whole market to one person: share of assets, and share of the uses by "
        "sellers since the start of the period. Counted.",
        says_not="That closer is better everywhere: an asset for one account can only be used there.",
        alt="Bars of assets and uses by rung: " + "; ".join(f"{r['label']} {share(r['value'])}" for r in rows) + ".",
    )  # fmt: skip


def tailored(tables: Tables, settings: Settings, stock: Stock) -> Part:
    """Are assets that can be adapted used more often, and which share of what sellers send did they tailor first?

    Used: by a seller within ``content.unused_days``, among assets seen for so long. Difference: Newcombe's interval;
    where it would mislead, that among assets of the same type and age (Mantel-Haenszel). Tailored first: the same
    person edited the asset at most ``content.uptake_days`` before sharing it; clustered by seller, and withheld where
    fewer than the smallest group sent anything.
    """
    found, rows, said, days = Part(), list[Row](), list[str](), settings.content.unused_days
    adapts, used = _true(stock.assets["is_customisable"]), ~stock.unused(days)
    known = stock.judged(days) & stock.assets["is_customisable"].notna().to_numpy() & bool(stock.log)
    for label, side in (("Can be adapted", known & adapts), ("Cannot be adapted", known & ~adapts)):
        rows += [rate(label, int((used & side).sum()), int(side.sum()))] if side.any() else []
    if len(rows) == 2:
        said.append(_difference(settings, stock, used, adapts, known))
    else:
        rows, what = [], "Whether assets that can be adapted are used more"
        why, settle = "assets of both kinds with known use are not recorded", "for each asset whether it can be adapted"
        found.not_judged += missing(what, why, f"{settle}, and the log of uses").not_judged
    within = _span(tables, settings) | {"days": settings.content.uptake_days}
    shares = tables.query(_TAILORED, within) if _edits(tables, stock) else pd.DataFrame()
    if len(shares) >= settings.survey.smallest_group:
        k, n = shares["k"].to_numpy(), shares["n"].to_numpy()
        rows.append(rate("Sent, tailored first", int(k.sum()), int(n.sum()), clustered_share(k, n)))
        said.append(f"{value(k.sum() / n.sum(), 'share')} of what sellers sent they had tailored first")
    else:
        what = "Which share of what sellers send they tailor first"
        why = too_few(settings) if len(shares) else "the log tells no edits and shares by person"
        found.not_judged += missing(what, why, _LOG).not_judged
    found.exhibits += [_tailored_exhibit(rows, "; ".join(said), settings)] if rows else []
    return found


def _tailored_exhibit(rows: list[Row], says: str, settings: Settings) -> Exhibit:
    return Exhibit(
        key="content.tailored", shape="intervals", is_detail=True, rows=rows, play="P15", title=says,
        columns=columns(label=("Assets", "text"), value=("Share", "share"), low=("from", "share"), high=("to", "share"),
                        k=("Used, or tailored", "count"), n=("Assets, or shares", "count")),
        read="Assets: the share that a seller used within "
        f"{count(settings.content.unused_days, 'day')} (Wilson). Sent: the share of what sellers shared since "
        f"{day(settings.period.start)} that the same person had edited in the "
        f"{count(settings.content.uptake_days, 'day')} before (by seller). Bars: 95 % intervals.",
        says_not="That adapting makes assets used: what can be adapted may be better, or better known, in other ways. "
        "Edits outside the library are not seen.",
        alt="Intervals: " + "; ".join(f"{r['label']} {share(r['value'])}" for r in rows) + ".",
        source="Content library, log of uses",
    )  # fmt: skip


def _difference(settings: Settings, stock: Stock, used: np.ndarray, adapts: np.ndarray, known: np.ndarray) -> str:
    """By how much are adaptable assets used more often, and does that hold among assets of one type and age?"""
    assets = stock.assets[known]
    age = (pd.Timestamp(settings.as_of) - pd.to_datetime(assets["created_on"])).dt.days
    band = np.where(age.isna(), -1, np.digitize(age.fillna(0), AGE_BANDS))
    strata = pd.factorize(pd.MultiIndex.from_arrays([assets["type"].fillna("").to_numpy(), band]))[0]
    cell = strata * 4 + np.where(adapts[known], 0, 2) + np.where(used[known], 0, 1)
    tables = np.bincount(cell, minlength=4 * (strata.max() + 1)).reshape(-1, 2, 2)
    (a, b), (c, d) = tables.sum(axis=0).tolist()
    pooled, within = newcombe(a, a + b, c, c + d), mantel_haenszel(tables).difference
    misleads = within.low is not None and within.high is not None and pooled.value is not None \
        and not within.low <= pooled.value <= within.high  # fmt: skip
    shown, among = (within, " among assets of the same type and age") if misleads else (pooled, "")
    limits = f"difference {interval(shown.low, shown.high, 'pp')}"
    limits += f"; all taken together {value(pooled.value, 'pp')}" if misleads else ""
    if shown.value is None or shown.low is None or shown.high is None or shown.low <= 0 <= shown.high:
        return f"Whether assets that can be adapted are used more often{among} cannot be told ({limits})"
    more = f"{value(abs(shown.value), 'pp')} {'less' if shown.value < 0 else 'more'} often"
    return f"Assets that can be adapted are used {more} than others{among} ({limits})"


def _edits(tables: Tables, stock: Stock) -> bool:
    """Does the log tell who edited what?"""
    sql = "select count(*) as n from asset_usage where event = 'edit' and user_id is not null"
    return stock.log == "events" and bool(tables.query(sql)["n"][0])


def outdated(tables: Tables, settings: Settings, stock: Stock) -> Part:
    """Which share of what sellers send had expired or was retired, or is not approved, and which items are these?

    Shares by sellers since the start of the period, of assets in the inventory. What the owner corrected counts in
    place of the inventory; approval is known only as it stands now. An asset without a day of expiry does not expire;
    one that its owner decided to retire still counts, and may not be sent after that day. Clustered by seller; what
    nobody known sent stands alone. Withheld where fewer than the smallest group sent anything.
    """
    what, settle = "Whether what sellers send is still fit to be sent", "the day after which each asset must not go out"
    fit = assets_now(tables, as_of := settings.as_of)
    fit += _FIT.format(retired=_RETIRED if tables.has("asset_decisions") else "")
    fit = f"with fit as (from {tables.keep(f'fit_at_{as_of:%Y%m%d}', fit, {'as_of': as_of})})"
    dated = "select count(expires_on) + count(is_approved) + count(retired_on) as n from fit"
    if not tables.rows(fit + dated)[0]["n"]:
        return missing(what, "neither expiry nor approval of assets is recorded", settle)
    values = _span(tables, settings)
    sent = tables.query(fit + _BY_SELLER, values) if stock.log == "events" else pd.DataFrame()
    if sent.empty:
        return missing(what, "the log of uses tells of no shares", _LOG)
    nobody = sent["is_nobody"].to_numpy(bool)
    if (~nobody).sum() < settings.survey.smallest_group:
        return missing(what, too_few(settings), _LOG)
    k, n = sent["k"].to_numpy(), sent["n"].to_numpy()
    found = clustered_share(k[~nobody], n[~nobody], (int(k[nobody].sum()), int(n[nobody].sum())))
    measure = measured(found, "share", "clustered by seller, 95 %", int(k.sum()), int(n.sum()))
    over = f"{of(int(k.sum()), int(n.sum()))} times something was sent, by {count(int((~nobody).sum()), 'seller')}"
    claim = "what sellers sent had expired, was retired or is not approved"
    says = f"{value(found.value, 'share')} of {claim}"
    late = finding(
        "content.outdated", "outdated_sent", measure, settings,
        at_most(says, claim, measure, settings.thresholds.get("outdated_sent")), theme="content", play="P13",
        settle=f"more sellers, and {settle}", counted=over,
    )  # fmt: skip
    return Part([late], [_items(tables, settings, fit, values, says)] if k.sum() else [])


def _items(tables: Tables, settings: Settings, fit: str, values: dict[str, Any], says: str) -> Exhibit:
    """Which items were sent although they had expired, were retired or are not approved, most frequent first?"""
    found, rows = tables.rows(fit + _BY_ASSET, values | {"most": ITEMS_SHOWN}), list[Row]()
    for item in found:
        ends = {"expired": item["is_past"] and item["expires_on"], "retired": item["is_retired"] and item["retired_on"]}
        why = "; ".join([f"{done} on {day(date.fromisoformat(on))}" for done, on in ends.items() if on]
                        + ["not approved"] * bool(item["is_unapproved"]))  # fmt: skip
        rows.append({"label": masked(item["title"]), "why": capital(why), "n": item["n"],
                     "last": day(date.fromisoformat(item["last_on"]))})  # fmt: skip
    items = int(found[0]["items"])
    return Exhibit(
        key="content.outdated", shape="table", rows=rows, play="P13", source="Content library, log of uses",
        title=f"{says}: {count(items, 'item')}", limit=settings.thresholds.get("outdated_sent"),
        columns=columns(label=("Item", "text"), why=("Why not", "text"), n=("Sent since", "count"),
                        last=("Last sent", "date")),
        lead=f"The {len(rows)} sent most often are shown." if items > len(rows) else "",
        read=f"How often sellers shared each item since {day(settings.period.start)} after it had expired or its "
        "owner had decided to retire it, or at all if it is not approved. What the owner of the content corrected "
        "counts as corrected. Counted.",
        says_not="Whether an item was approved on the day it was sent: approval is known only as it stands now. What "
        "was sent outside the library.",
        alt=f"Table of {count(len(rows), 'item')} with how often and when each was last sent.",
    )  # fmt: skip


def _span(tables: Tables, settings: Settings) -> dict[str, Any]:
    zone = zone_of(tables, settings, "asset_usage.used_at")
    return {"zone": zone, "start": settings.period.start, "as_of": settings.as_of}


def _true(flags: "pd.Series[bool]") -> np.ndarray:
    """Which flags are set? One that is not recorded is not."""
    return flags.fillna(False).to_numpy(dtype=bool)
