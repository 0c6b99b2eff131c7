"""Whose are the won deals: which part is Marketing's under each rule of credit, and how far do the rules differ?

Five rules share each deal out over the touches on record before it was won, and disagree. None is the right one, so
what is shown is their range. 40/20/40 and the half-life of one week are customs, as in Google Ads (its API reference,
AttributionModel), not findings. Nothing here says what would have happened without a touch.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alignlib.diagnostics.funnel.cohorts import SURELY_SOME
from alignlib.diagnostics.funnel.spells import NOT_YET, SPELLS, first_of
from alignlib.engagement import EXITS, THRESHOLDS, Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row, columns
from alignlib.stats import Floats, Interval, clustered_share, judge, wilson
from alignlib.words import NBSP, agreed, count, day, interval, number, of, value

PLAY = "P10"
HALF_LIFE = 7.0  # days
FEWEST_DEALS = 10  # with fewer, an interval says more of these few than of the truth

# The weight of a touch within its deal: by its place (from 0), how many there are, and days before the last of them.
RULES: dict[str, tuple[str, Callable[[Floats, Floats, Floats], Floats]]] = {
    "First touch": ("all to the first touch", lambda place, n, ago: 1.0 * (place == 0)),
    "Last touch": ("all to the last touch", lambda place, n, ago: 1.0 * (place == n - 1)),
    "Linear": ("the same to each touch", lambda place, n, ago: np.ones(len(place))),
    "Position-based": (
        f"40{NBSP}% each to the first and the last, the rest to those between",
        lambda place, n, ago: np.where((place == 0) | (place == n - 1), 0.4, 0.2 / np.maximum(n - 2, 1)),
    ),
    "Time decay": ("half as much for each week earlier", lambda place, n, ago: 0.5 ** (ago / HALF_LIFE)),
}
RANGE = "Range over the five rules"

_WANTED = "responses to Marketing and activities of Sales, with lead and time"
_WON = (
    "select opportunity_id, lead_id, closed_at, amount, owner_id, file, record from opportunities where outcome = 'won'"
)
_WON_SPELLS = f"""
select null::varchar opportunity_id, lead_id, won_at as closed_at, null::bigint amount, null::varchar owner_id,
  won_file as file, won_record as record from ({SPELLS}) where won_at is not null and last_stage not in {EXITS}
"""
# A closing known by the day only counts until that day is over: what happened on it may have come before.
_DEALS = """
select (row_number() over (order by opportunity_id, lead_id, closed_at, file, record) - 1)::int as deal, lead_id,
  amount, owner_id, closed_at, closed_at + to_days({grace}) as won_at from ({won})
"""
_WITH_INQUIRY = """
select deal, any_value(lead_id) as lead_id, any_value(amount) as amount, any_value(owner_id) as owner_id,
  any_value(won_at) as won_at, min(entered_at) filter (entered_at <= won_at) as inquiry_at
from {deals} left join (select lead_id, entered_at from stage_events where stage = 'inquiry') using (lead_id)
group by deal order by deal
"""
_TOUCHES = {
    "campaign_touches": "select lead_id, touched_at, 'marketing' as team, channel, file, record from campaign_touches",
    "sales_touches": "select lead_id, touched_at, 'sales' as team, 'Sales' as channel, file, record from sales_touches",
}
_PATHS = """
select deal, team = 'marketing' as is_marketing, channel, touched_at,
  greatest(date_diff('second', touched_at, closed_at), 0) / 86400.0 as days
from {deals} join ({touches}) using (lead_id) where touched_at <= won_at
order by deal, touched_at, team, file, record
"""
_BEGINS = "select (select min(touched_at) from campaign_touches), (select min(touched_at) from sales_touches)"


def part(tables: Tables, settings: Settings) -> Part:
    """Which part of what was won is Marketing's, under each rule, and which won deals did Marketing start?

    Reads won ``opportunities`` (or, where none names its lead, won spells), ``campaign_touches``, ``sales_touches`` and
    the inquiries of ``stage_events``. With one team's touches alone every rule gives that team everything: not judged.
    Deals without a touch on record are counted and never shared out.
    """
    won, touches = read_won(tables), read_paths(tables)
    if not won["lead_id"].notna().any():
        return Part(not_judged=[_gap("no won deal is linked to a lead", "won opportunities, each with its lead")])
    by_marketing, by_sales = (tables.has(name) for name in _TOUCHES)
    made = Part()
    if by_marketing and by_sales:
        won, touches, made.caveats = _recorded(won, touches, tables)
        _share_out(made, won, touches, tables, settings)
    else:
        one = "touches of one team alone were delivered, and every rule would give that team everything"
        made.not_judged.append(_gap(one if by_marketing or by_sales else "no touches were delivered", _WANTED))
    can_tell = by_sales and (by_marketing or won["inquiry_at"].notna().any())
    if found := _started(won, touches, settings) if can_tell else None:
        made.findings.append(found)
    else:
        made.not_judged.append(_gap("who came first is not recorded", _WANTED, "Which won deals Marketing started"))
    return made


def read_won(tables: Tables) -> pd.DataFrame:
    """Which deals were won, of which lead, when, for how much, and when had it inquired? One row a deal.

    ``inquiry_at`` is missing when none came before the win.
    """
    return tables.query(_WITH_INQUIRY.format(deals=_deals(tables)))


def read_paths(tables: Tables) -> pd.DataFrame:
    """Which touches came before each won deal? One row a touch, in the order in which they count.

    A touch counts for every deal of its lead that it comes before. Touches of one moment count Marketing's first, then
    by file and record: one answer, whatever the order of rows. ``days`` run from the touch to the win.
    """
    return tables.query(_PATHS.format(deals=_deals(tables), touches=" union all ".join(_TOUCHES.values())))


def marketing_shares(deal: ArrayLike, is_marketing: ArrayLike, days: ArrayLike) -> Floats:
    """Which part of each deal is Marketing's under each of the ``RULES``? Deals x rules, from 0 to 1.

    One entry a touch, those of a deal together and in order of time; ``days`` before the win.

    >>> marketing_shares([0, 0, 0], [True, False, False], [14, 7, 0]).round(3).tolist()
    [[1.0, 0.0, 0.333, 0.4, 0.143]]
    """
    _, start, n = np.unique(np.asarray(deal), return_index=True, return_counts=True)
    at, before = np.repeat(np.arange(len(n)), n), np.asarray(days, dtype=np.float64)
    place, ago = np.arange(len(at)) - start[at], before - before[start + n - 1][at]
    of_marketing, shares = np.asarray(is_marketing, dtype=np.float64), []
    for _, rule in RULES.values():
        weight = rule(place.astype(np.float64), n[at].astype(np.float64), ago)
        shares.append(np.bincount(at, weight * of_marketing) / np.bincount(at, weight))
    return np.column_stack(shares)


def of_total(shares: Floats, sizes: Floats, owners: pd.Series) -> list[Interval]:
    """Which share of all deals together, by size, is this, and how sure is it? One interval a column of ``shares``.

    Clustered by who sold the deal (``owners``, one a deal): a seller's deals resemble one another. A deal without an
    owner stands alone, and so does each where a single seller sold all. Fewer than ten deals, or deals that are all
    alike, give no interval; none or all gives Wilson's limits.

    >>> of_total(np.array([[1.0], [0.0]]), np.array([300.0, 100.0]), pd.Series([None, None]))
    [Interval(value=0.75, low=None, high=None)]
    """
    n, values = len(sizes), [float(found) for found in sizes @ shares / sizes.sum()]
    if n < FEWEST_DEALS:
        return [Interval(found, None, None) for found in values]
    code, sellers = pd.factorize(owners)
    seller = np.where(code < 0, len(sellers) + np.arange(n), code) if len(sellers) > 1 else np.arange(n)
    _, seller = np.unique(seller, return_inverse=True)
    of_all, edges = np.bincount(seller, sizes), {0.0: wilson(0, n), 1.0: wilson(n, n)}
    return [edges.get(round(found, 9)) or (Interval(found, None, None) if np.ptp(column) < 1e-9 else
            clustered_share(np.bincount(seller, column * sizes), of_all))
            for found, column in zip(values, shares.T, strict=True)]  # fmt: skip


def _share_out(made: Part, won: pd.DataFrame, touches: pd.DataFrame, tables: Tables, settings: Settings) -> None:
    """The range over rules, of deals with a touch within the agreed days."""
    near = touches[touches["days"] <= settings.funnel.credit_days]
    deals = near["deal"].unique()
    n = len(deals)
    within = f"in the {count(settings.funnel.credit_days, 'day')} before the win"
    if not n:
        why = f"no won deal has a touch on record {within}"
        made.not_judged.append(_gap(why, "touches of the leads that were won"))
        return
    of_deals = won.iloc[np.searchsorted(won["deal"], deals)]  # both in the order of their numbers
    amounts = of_deals["amount"].astype("float64").fillna(0).clip(lower=0).to_numpy()
    paid = int((amounts > 0).sum())
    by_amount = 2 * paid >= n
    lead, alone = f"{of(n, len(won))} won deals have a touch on record {within}", int(won["lead_id"].isna().sum())
    if by_amount:
        sums = amounts.sum(), won["amount"].astype("float64").clip(lower=0).sum()
        lead += f": {' of '.join(value(float(each), 'money', settings.currency) for each in sums)} won"
    if n < len(won):
        lead += f"; the rest has no touch on record and is shared out to nobody ({count(len(won) - n, 'deal')}, "
        lead += f"{number(alone)} of them without a lead on record)"
    shares = marketing_shares(near["deal"], near["is_marketing"], near["days"])
    sizes: Floats = np.asarray(amounts if by_amount else np.ones(n), dtype=np.float64)
    kept, what = sizes > 0, f"won {'revenue' if by_amount else 'deals'} with touches"
    found = of_total(shares[kept], sizes[kept], of_deals["owner_id"][kept])
    made.findings.append(_claimed(found, what, int(kept.sum()), settings))
    made.exhibits.append(_exhibit(shares, sizes, found, what, by_amount, f"{lead}.", within))
    made.basis.append(f"{of(n, len(won))} won deals with a touch on record")
    if by_amount and paid < n:
        made.caveats.append(f"{of(n - paid, n)} won deals with touches carry no amount and weigh nothing in credit.")
    if {f"{name}.touched_at" for name in _TOUCHES} & tables.day_only:
        made.caveats.append("Touches known by the day only count as made when that day began, which moves credit.")


def _exhibit(
    shares: Floats, sizes: Floats, found: list[Interval], what: str, by_amount: bool, lead: str, within: str
) -> Exhibit:
    n, whole = int((sizes > 0).sum()), float(sizes.sum())
    least, most = (end(at.value or 0.0 for at in found) for end in (min, max))
    span = f"{interval(least, most, 'share')}{NBSP}%"
    rows = [_row(label, at, note, what, n, whole * (at.value or 0) if by_amount else None)
            for (label, (note, _)), at in zip(RULES.items(), found, strict=True)]  # fmt: skip
    rows.append(_row(RANGE, Interval(None, least, most), f"{span}, by the rule alone", what, n, None))
    for label, note, hit in (
        ("Deals Marketing touched first", f"sourced: the first touch on record {within}", shares[:, 0] > 0),
        ("Deals with a Marketing touch", "at least one touch: association only", shares[:, 2] > 0),
    ):
        k, amount = int(hit.sum()), float(sizes[hit].sum()) if by_amount else None
        note = f"{of(k, len(hit))}; {note}"
        rows.append(_row(label, wilson(k, len(hit)), note, "won deals with touches", len(hit), amount, k))
    return Exhibit(
        key="funnel.credit", shape="intervals", rows=rows, lead=lead, play=PLAY,
        title=f"Of the {what} on record, {span} is Marketing’s across five rules of credit",
        columns=columns(
            label=("Rule", "text"), value=("Marketing’s share", "share"), low=("from", "share"), high=("to", "share"),
            of=("Share of", "text"), amount=("Amount", "money"), n=("Deals", "count"),
            note=("What it does", "text"),
        ),
        read="Each of the first lines is a rule: the tick is Marketing’s part, the bar its 95 % interval, clustered by "
        "who sold the deal. All rules share out the same touches; of those at one moment Marketing’s comes first. The "
        "range over rules is no interval: more deals do not narrow it. No rule is the right one; which counts is for "
        "the room to choose. The last two lines count deals. Touched first goes by the first touch on record "
        f"{within}. The finding on deals Marketing started asks of all won deals whether an inquiry or a response came "
        "before any touch of Sales, however long ago; deals without a lead count there as not started by Marketing.",
        says_not="What a touch brought about. At least one Marketing touch is association only: long deals have more "
        "touches. What nobody logged earns nothing, so a team that logs less gets less.",
        alt=f"Intervals of Marketing’s share of {what} under five rules of credit, and their range, {span}.",
        source="Won deals, responses to Marketing, activities of Sales",
    )  # fmt: skip


def _claimed(found: list[Interval], what: str, n: int, settings: Settings) -> Finding:
    """Does Marketing's part reach what it claims, whatever the rule? ``found``: its part under each rule.

    Good or ``act`` only where the 95 % interval of every rule lies on one side of the claim. A claim within the range
    is unclear, and no data settle it: which rule counts is for the room.
    """
    claim, (direction, unit, meaning) = settings.thresholds.get("credit_claim"), THRESHOLDS["credit_claim"]
    least, most = (end(at.value or 0.0 for at in found) for end in (min, max))
    lows, highs = [at.low for at in found if at.low is not None], [at.high for at in found if at.high is not None]
    low, high = (min(lows), max(highs)) if len(lows) == len(found) else (None, None)
    level = "unclear" if low is None else judge(least, low, high, claim, direction)
    said = f"Marketing’s share of {what} is {interval(least, most, unit)}{NBSP}% across five rules of credit"
    claimed = "" if claim is None else f"; the claim is {value(claim, unit)}"
    titles = {"act": f"{said}, under every rule less than claimed", "good": f"{said}, under every rule as claimed"}
    settle = "more won deals with touches"
    if claim is None or least <= claim <= most:
        settle = (
            "the share that Marketing claims, agreed by both"
            if claim is None
            else "a rule that both teams choose; no data can"
        )
    sure = "rules without an interval"
    if low is not None:
        sure = f"with the 95 % interval of each rule {interval(low, high, unit)}"
    return Finding(
        key="funnel.credit_claim", theme="credit", level=level, limit=claim, direction=direction,
        play=None if claim is None else PLAY,
        title=titles.get(level, f"{said}{claimed}"), settle=settle if level == "unclear" else "",
        detail=f"Range {interval(least, most, unit)}, by the rule alone; {sure}; {count(n, 'won deal')}. "
        f"{agreed(claim, direction, unit) if claim is None else f'Claimed: {value(claim, unit)}.'}",
        measure=Measure(value=None, unit=unit, n=n, low=least, high=most, method=f"range over rules of credit; {sure}"),
        rule=f"95 % intervals of all rules against the limit agreed for: {meaning}; across it: no rule settles it",
    )  # fmt: skip


def _row(label: str, at: Interval, note: str, share_of: str, n: int, amount: float | None, k: int | None = None) -> Row:
    return {"label": label, "value": at.value, "low": at.low, "high": at.high, "of": share_of, "k": k, "n": n,
            "amount": None if amount is None else round(amount), "note": note}  # fmt: skip


def _started(won: pd.DataFrame, touches: pd.DataFrame, settings: Settings) -> Finding | None:
    """Which share of won deals did Marketing start: an inquiry or a response came before any touch of Sales?

    However long ago. A deal without a lead counts as not started by Marketing, for other deals name theirs; a deal with
    a lead of which nothing is recorded counts nowhere. None where nothing is recorded of any.
    """
    deal, alone = won["deal"].to_numpy(), won["lead_id"].isna().to_numpy()
    place, is_marketing = touches["deal"].to_numpy(dtype=int), touches["is_marketing"].to_numpy(dtype=bool)
    first, at = np.full((2, int(deal.max(initial=-1)) + 1), NOT_YET), touches["touched_at"].to_numpy(dtype="M8[us]")
    np.fmin.at(first, (is_marketing.astype(int), place), at)
    sales, marketing = first[0][deal], first_of(first[1][deal], won["inquiry_at"].to_numpy(dtype="M8[us]"))
    known = ~np.isnat(marketing) | ~np.isnat(sales) | alone
    k, n = int((~np.isnat(marketing) & ~(sales < marketing)).sum()), int(known.sum())
    if not (known & ~alone).any():
        return None
    measure = measured(wilson(k, n), "share", "Wilson 95 %", k, n)
    said = value(measure.value, "share")
    many, credited = int(alone.sum()), count(settings.funnel.credit_days, "day")
    counted = f"{of(k, n)} won deals in which an inquiry or a response came before any touch of Sales, however long "
    counted += f"ago (credit looks only at touches in the {credited} before the win)"
    counted += f"; {number(many)} without a lead on record count as not started by Marketing"
    counted += f"; {number(len(won) - n)} of which nothing is recorded left out" if len(won) > n else ""
    is_open = many > 0 and (k + many) / n >= settings.thresholds.get("marketing_started", np.inf)
    return finding(
        "funnel.marketing_started", "marketing_started", measure, settings,
        {
            "beyond": f"Only {said} of won deals were started by Marketing",
            "unclear": f"Whether Marketing starts as many won deals as agreed cannot be told: {said} so far",
            "none": f"{said} of won deals were started by Marketing",
        },
        theme="credit", play=PLAY, counted=counted,
        settle="the lead of each won deal" if is_open else "more won deals, each with its lead and the touches of both",
        cannot={"act": "a deal without a lead proves nothing against Marketing"} if is_open else None,
    )  # fmt: skip


def _recorded(won: pd.DataFrame, touches: pd.DataFrame, tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Deals won since both teams' touches are recorded: all, unless so many were won before that no touch is no chance.

    The share of later deals that the team recorded later has touched says how many of the early ones it should have.
    """
    begins = tables.query(_BEGINS).iloc[0].tolist()
    since, linked = max(begins), won["lead_id"].notna()
    early = won["won_at"] < since
    touched = won["deal"].isin(touches.loc[touches["is_marketing"] == (begins[0] > begins[1]), "deal"])
    if not touched[linked & ~early].mean() * (linked & early).sum() > SURELY_SOME:  # no later deal: nothing to go by
        return won, touches, []
    said = f"{count(int(early.sum()), 'deal')} won before {day(since)} are left out of credit: the touches of one team "
    won = won[~early]
    return won, touches[touches["deal"].isin(won["deal"])], [said + "are recorded only since then (left truncation)."]


def _deals(tables: Tables) -> str:
    """Which table holds opportunities where any won one names its lead, else won spells?"""
    if tables.rows(f"select count(lead_id) > 0 as named from ({_WON})")[0]["named"]:
        grace = int("opportunities.closed_at" in tables.day_only)
        return tables.keep("won_deals", _DEALS.format(grace=grace, won=_WON), {})
    return tables.keep("won_deals", _DEALS.format(grace=0, won=_WON_SPELLS), {})


def _gap(why: str, settle: str, what: str = "Who gets credit for won deals") -> NotJudged:
    return NotJudged(what=what, why=why, settle=settle, theme="credit")
