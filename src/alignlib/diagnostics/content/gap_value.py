"""What would a year's deals bring more if every conversation had a usable asset, and how sure is that?"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri, ndtri, stdtrit

from alignlib import words
from alignlib.diagnostics.content.coverage import LIBRARY_AND_DEALS, MOST
from alignlib.diagnostics.content.deals import CONVERSATIONS
from alignlib.diagnostics.content.parts import assets_now, missing
from alignlib.diagnostics.content.slope import FEWEST_SELLERS, Slope, slope
from alignlib.diagnostics.content.stock import zone_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Column, Exhibit, Part, Row, columns
from alignlib.stats import Floats

FEWEST, FEWEST_SEGMENTS = 20, 4  # closed deals; segments that differ: below that there is nothing to compare
DRAWS, SEED, GROUPS = 4000, 20260331, 100
APART, SURE = 0.2, 0.01  # of a standard deviation, and beyond chance at 99 %: deals that differ so are not alike
_AT = {"low": 0.1, "high": 0.9, "low_95": 0.025, "high_95": 0.975}
_DEALS_WANTED = "deals won and lost, each with its segment, amount and day of opening"
_WHAT = "What a usable asset in every gap would be worth"
ALL = "All gaps"
_HELD = Column(
    name="alike", label="Held alike in amount, day of opening, source and grade", unit="money", is_extra=True
)

# From which day until which could an asset be used? Days since 1970. Of earlier reviews than the last one nothing is
# recorded, and what is not known to have been stale was not.
_ASSETS = """, approved as (
  select unnest(conversations) as talk, case when len(segments) = 0 then [null] else segments end as segments,
    coalesce(created_on - date '1970-01-01', -1e9)::double as from_day,
    least(coalesce(expires_on - date '1970-01-01', 1e9),
      coalesce(dated_on - date '1970-01-01' + $stale, 1e9))::double as until_day
  from assets_now where is_approved is distinct from false
)
select talk, unnest(segments) as segment, from_day, until_day from approved
where until_day >= from_day and list_contains($talks::varchar[], talk)"""
_DEALS = """with opened as (
  select *, timezone($zone, timezone('UTC', opened_at))::date as opened_on from opportunities
) select segment, o.owner_id, outcome, amount::double as amount, (opened_on - date '1970-01-01')::double as day,
  opened_on <= $end as in_period, {known}
from opened o{leads} where segment is not null and opened_on between $start and $as_of
order by opportunity_id, o.file, o.record"""
_LEADS = (" left join (select lead_id, any_value(source) as source, any_value(grade) as grade from leads "
          "group by lead_id) l on l.lead_id = o.lead_id")  # fmt: skip


@dataclass(frozen=True)
class Year:
    """What do a year's deals bring in each segment with a gap, and how many conversations miss a usable asset there?

    One entry a segment: its name, deals and ``amount`` (minor units) a year, ``missing`` of the five conversations,
    the share of its closed deals that is ``won``; ``drawn``: the amounts drawn again, one row a draw.
    """

    segments: list[str]
    deals: Floats
    amount: Floats
    missing: Floats
    won: Floats
    drawn: Floats

    def gain(self, steep: Floats) -> Floats:
        """By which share of its amount would each segment bring more, at each slope? No chance leaves 0 to 1."""
        chance = self.won + np.outer(steep, self.missing / len(CONVERSATIONS))
        return np.asarray(np.clip(chance, 0, 1) - self.won)


def part(tables: Tables, settings: Settings, grid: list[Row]) -> Part:
    """What is the expected value, a year, of a usable asset in every conversation that has none in its segment?

    The value of deals opened a year in a segment, times the share of the five conversations that hold no usable asset
    there, times the difference in win rate between deals that had all five and none when they were opened (``slope``;
    clustered by segment and seller). Whichever conversation a closed deal stood in counts nowhere: it is where it
    ended. Money in minor units; 80 % intervals from the slope and the amounts, drawn again. Not judged without deals
    won and lost in four segments that differ in coverage, or without amounts: never 0. It does not say that content is
    the cause: well-supplied segments may be the better ones, and what shows of that is said. ``grid``: what
    ``coverage.cells`` said.
    """
    gaps = [row for row in grid if row["gap"]]
    if not gaps or not any(row["n"] + row["n_stale"] for row in grid):
        return Part()  # that conversations are named nowhere is said where gaps are judged
    if not tables.has("opportunities"):
        return missing(_WHAT, "no opportunities were delivered", _DEALS_WANTED)
    deals = read_deals(tables, settings)
    closed = deals[deals["outcome"].isin(("won", "lost"))]
    if lacking := _lacking(deals, closed):
        return missing(_WHAT, *lacking)
    found = slope(closed["won"].to_numpy(), closed["supplied"].to_numpy(),
                  pd.factorize(closed["segment"])[0], pd.factorize(closed["owner_id"])[0])  # fmt: skip
    year = a_year(deals, gaps, settings)
    if found is None or not year.segments:
        why = "one segment alone differs in coverage, or none of those with a gap has a deal: nothing shows what "
        return missing(_WHAT, why + "coverage brings", "closed deals of more segments that differ in coverage")
    rows, (signs, alike) = priced(year, found), _unlike(closed)
    value = None if alike is None else round(float(year.gain(np.array([alike]))[0] @ year.amount))
    return Part(exhibits=[_exhibit(rows, found, closed, (signs, value), settings)],
                caveats=_caution(signs, value, settings.currency))  # fmt: skip


def read_deals(tables: Tables, settings: Settings) -> pd.DataFrame:
    """What is each deal opened since the start of the period, and how much of what it needs was at hand then?

    ``supplied``: the share (0-1) of the five conversations with a usable asset for its segment on the day it was
    opened; ``won``: 1 or 0; ``source`` and ``grade`` of its lead, missing where nobody knows them.
    """
    known = "source, grade" if tables.has("leads") else "null::varchar as source, null::varchar as grade"
    sql = _DEALS.format(known=known, leads=_LEADS if tables.has("leads") else "")
    zone = zone_of(tables, settings, "opportunities.opened_at")
    deals = tables.query(sql, {"zone": zone, "start": settings.period.start, "end": settings.period.end,
                               "as_of": settings.as_of})  # fmt: skip
    assets = tables.query(
        assets_now(tables, settings.as_of) + _ASSETS,
        {"as_of": settings.as_of, "talks": CONVERSATIONS, "stale": settings.content.stale_days},
    )
    at_hand = supplied(assets, deals["segment"].to_numpy(), deals["day"].to_numpy(float))
    return deals.assign(won=(deals["outcome"] == "won").astype(float), supplied=at_hand)


def supplied(assets: pd.DataFrame, segments: np.ndarray, days: Floats) -> Floats:
    """For which share of the five conversations did a segment have a usable asset on a day? One entry a deal."""
    found, (code, names), talk = np.zeros(len(days)), pd.factorize(assets["segment"]), assets["talk"].to_numpy()
    from_day, until_day = assets["from_day"].to_numpy(), assets["until_day"].to_numpy()
    place = names.get_indexer(pd.Index(segments))  # below 0: no asset names it; below 0 in ``code``: it serves all
    for segment in np.unique(place):
        here, serves = place == segment, (code < 0) | (code == segment)
        for each in CONVERSATIONS:
            at_hand = serves & (talk == each)
            begun = np.searchsorted(np.sort(from_day[at_hand]), days[here], "right")
            ended = np.searchsorted(np.sort(until_day[at_hand]), days[here], "left")
            found[here] += begun > ended
    return found / len(CONVERSATIONS)


def a_year(deals: pd.DataFrame, gaps: list[Row], settings: Settings) -> Year:
    """What do the deals of a year bring where something is missing? Deals opened in the period, with an amount."""
    lacking = Counter(row["segment"] for row in gaps)
    days = (settings.period.end - settings.period.start).days + 1
    used = deals[deals["in_period"] & (deals["amount"] > 0) & deals["segment"].isin(lacking)]
    names, place = np.unique(used["segment"].astype(str), return_inverse=True)
    sums, closed = _by_seller(used, place, len(names)), deals[deals["outcome"] != "open"]
    rates = closed.groupby("segment")["won"].agg(["mean", "size"]).itertuples()
    known, overall = {segment: mean for segment, mean, n in rates if n >= FEWEST}, closed["won"].mean()
    won = [known.get(segment, overall) for segment in names]
    n, scale = np.bincount(place, minlength=len(names)).astype(float), 365.25 / days
    mean = np.divide(sums[:, :, 0], sums[:, :, 1], out=np.zeros(sums.shape[:2]), where=sums[:, :, 1] > 0)
    return Year(
        segments=names.tolist(), deals=n * scale, drawn=mean[1:] * n * scale, amount=mean[0] * n * scale,
        missing=np.array([float(lacking[name]) for name in names]), won=np.array(won, dtype=float),
    )  # fmt: skip


def _by_seller(used: pd.DataFrame, place: np.ndarray, segments: int) -> Floats:
    """Sums of amounts and of deals in each segment: as found, then drawn again over sellers (a row a draw).

    Weights are gamma with mean 1 and such a variance that few sellers are as unsure as they are; where fewer than eight
    are known, groups of deals at random stand for them. Sources: Rubin 1981; Field & Welsh 2007.
    """
    rng, (code, names) = np.random.default_rng(SEED), pd.factorize(used["owner_id"])
    if len(names) < FEWEST_SELLERS:
        code = rng.permutation(len(used)) % GROUPS
    code = np.unique(np.where(code < 0, code.max(initial=0) + 1, code), return_inverse=True)[1]
    found = np.zeros((int(code.max(initial=-1)) + 1, segments, 2))
    np.add.at(found, (code, place), np.column_stack([used["amount"].to_numpy(float), np.ones(len(used))]))
    found = found[np.lexsort(found.sum(axis=1).T)]  # so that names of sellers and segments do not matter
    as_found = found.sum(axis=0)[None]
    if len(found) < 2:
        return np.repeat(as_found, DRAWS + 1, axis=0)
    spread = len(found) / rng.chisquare(len(found) - 1, (DRAWS, 1))
    weights = rng.standard_gamma(np.broadcast_to(1 / spread, (DRAWS, len(found)))) * spread
    return np.concatenate([as_found, np.tensordot(weights, found, 1)])


def priced(year: Year, found: Slope) -> list[Row]:
    """What is each segment's gap worth a year, and between which limits? Rows in whole minor units, then all of them.

    The slope is drawn from its own t, once for all segments; amounts as they were drawn again over sellers.
    """
    rng = np.random.default_rng(SEED + 1)
    steep = found.value + found.error * rng.standard_t(found.freedom, len(year.drawn))
    drawn, value = year.gain(steep) * year.drawn, year.gain(np.array([found.value]))[0] * year.amount
    drawn, value = np.column_stack([drawn, drawn.sum(axis=1)]), np.append(value, value.sum())
    limits = np.quantile(drawn, list(_AT.values()), axis=0).T
    of_all = [ALL, year.deals.sum(), year.amount.sum(), year.missing.sum()]
    about = [*zip(map(words.masked, year.segments), year.deals, year.amount, year.missing, strict=True), of_all]
    rows: list[Row] = [
        {"label": label, "value": round(worth), **dict(zip(_AT, map(round, ends), strict=True)), "n": round(n, 1),
         "missing": int(lacks), "amount": round(amount), "alike": None, "note": _told(*ends[:2])}
        for (label, n, amount, lacks), worth, ends in zip(about, value.tolist(), limits.tolist(), strict=True)
    ]  # fmt: skip
    return [*sorted(rows[:-1], key=lambda row: (-row["amount"] * row["missing"], row["label"])), rows[-1]]


def _told(low: float, high: float) -> str:
    return "" if low > 0 else "no value of filling it can be shown" if high <= 0 else "unclear: on both sides of none"


def _lacking(deals: pd.DataFrame, closed: pd.DataFrame) -> tuple[str, str] | None:
    """Why can deals not be compared, and what would settle it?"""
    won = int(closed["won"].sum())
    if len(closed) < FEWEST or not 0 < won < len(closed):
        why = f"{words.of(won, len(closed))} closed deals with a segment and a day of opening in the period were won: "
        return why + "too few to compare", _DEALS_WANTED
    if closed["segment"].nunique() < FEWEST_SEGMENTS:
        why = f"closed deals lie in fewer than {words.spelled(FEWEST_SEGMENTS)} segments: too few to compare"
        return why, "closed deals of more segments"
    if not ((deals["amount"] > 0) & deals["in_period"]).any():
        return "no deal opened in the period carries an amount", "the amount of each opportunity"
    if np.ptp(closed["supplied"].to_numpy()) < 1e-9:
        return "coverage was the same for all closed deals when they were opened", "a year in which gaps are filled"
    return None


def _unlike(closed: pd.DataFrame) -> tuple[list[str], float | None]:
    """In what do deals differ that had more at hand, and what is the slope among deals alike in all of it?

    A sign is a standardised difference above .2 (Austin 2009) that is beyond chance (99 %). The slope holds amount,
    day of opening, source and grade equal, and is None where there is no sign.
    """
    x = closed["supplied"].to_numpy()
    more, signs, held = x > x.mean(), list[str](), [np.ones(len(x)), x]
    size = np.log(closed["amount"].where(closed["amount"] > 0).to_numpy(float))
    for values, words_for in ((size, ("larger", "smaller")),
                              (closed["day"].to_numpy(float), ("opened later", "opened earlier"))):  # fmt: skip
        known = np.isfinite(values)
        signs += _shifted(words_for, values[more & known], values[~more & known])
        held.append(np.where(known, values, values[known].mean() if known.any() else 0.0))
    for column in ("source", "grade"):
        code, names = pd.factorize(closed[column], sort=True)
        signs += _mixed(column, names, *(np.bincount(code[who & (code >= 0)], minlength=len(names))
                                         for who in (more, ~more)))  # fmt: skip
        held += [code == i for i in range(len(names))]
    if not signs:
        return [], None
    design = np.column_stack(held).astype(float)
    scale = np.maximum(np.abs(design).max(axis=0), 1e-12)
    return signs, float(np.linalg.lstsq(design / scale, closed["won"].to_numpy(), rcond=None)[0][1] / scale[1])


def _shifted(how: tuple[str, str], one: Floats, other: Floats) -> list[str]:
    """Are these higher, or lower, in those with more at hand?"""
    if min(len(one), len(other)) < 2:
        return []
    gap, spread = one.mean() - other.mean(), (one.var(ddof=1), other.var(ddof=1))
    error = np.sqrt(spread[0] / len(one) + spread[1] / len(other))
    is_apart = abs(gap) > max(APART * np.sqrt(sum(spread) / 2), -ndtri(SURE / 2) * error)
    return [f"were {how[int(gap < 0)]}"] if is_apart else []


def _mixed(column: str, names: pd.Index, a: np.ndarray, b: np.ndarray) -> list[str]:
    """Of which source (or grade) were deals with more at hand more or less often, if the mix differs beyond chance?"""
    if len(names) < 2 or not a.sum() or not b.sum():
        return []
    p, q, both = a / a.sum(), b / b.sum(), (a + b) / (a + b).sum()
    apart = float(((p - q) ** 2 / np.where(both > 0, both, 1)).sum())
    if apart <= APART**2 or apart * a.sum() * b.sum() / (a + b).sum() <= chdtri(len(names) - 1, SURE):
        return []
    most = int(np.argmax(np.abs(p - q)))
    more = "more" if p[most] > q[most] else "less"
    return [f"came {more} often of {column} {words.masked(str(names[most]))} "
            f"({words.share(p[most])} against {words.share(q[most])})"]  # fmt: skip


def _caution(signs: list[str], alike: int | None, currency: str) -> list[str]:
    if not signs or alike is None:
        return []
    return [
        f"Deals for which more was at hand {words.listed(signs)} than the others: the value of gaps may be off. Held "
        f"alike in amount, day of opening, source and grade, it would be {words.money(alike, currency)} a year."
    ]


def _exhibit(
    rows: list[Row], found: Slope, closed: pd.DataFrame, caution: tuple[list[str], int | None], settings: Settings
) -> Exhibit:
    (*each, whole), (signs, alike), currency = rows, caution, settings.currency
    reach, segments = found.error * float(stdtrit(found.freedom, 0.9)), closed["segment"].nunique()
    ends = words.interval(found.value - reach, found.value + reach, "pp")
    worth = f"{words.interval(whole['low'], whole['high'], 'money', currency)} a year ({words.share(0.8)} interval)"
    says = f"A usable asset in every gap would bring {worth}, under stated assumptions"
    return Exhibit(
        key="content.gap_value", shape="intervals", rows=[*each[:MOST], whole | {"alike": alike}], play="P12",
        title=f"{says}; {whole['note']}" if whole["note"] else says, source=LIBRARY_AND_DEALS,
        lead=f"Deals with all five conversations supplied when they were opened were won "
        f"{words.value(found.value, 'pp')} more often than deals with none ({words.share(0.8)} interval {ends}), over "
        f"{words.count(len(closed), 'closed deal')} in {words.count(segments, 'segment')}. "
        f"{words.count(int(whole['missing']), 'cell')} without a usable asset meet "
        f"{words.money(whole['amount'], currency)} of deals opened a year.",
        columns=[*columns(
            label=("Segment", "text"), value=(f"Expected value a year ({words.share(0.8)} from/to)", "money"),
            low=(f"{words.share(0.8)} from", "money"), high=(f"{words.share(0.8)} to", "money"),
            low_95=(f"{words.share(0.95)} from", "money"), high_95=(f"{words.share(0.95)} to", "money"),
            n=("Deals a year", "count"), missing=("Conversations without a usable asset", "count"),
            amount=("Their value a year", "money"), note=("Note", "text"),
        ), _HELD],
        read=f"Each line is a segment: the tick its expected value a year, the bar its {words.share(0.8)} interval. "
        "Assumed: each of the five conversations adds as much to the win rate as any other, in each segment and at "
        "each size of deal, up to a chance of one; assets made now serve as those that were there. An asset serves "
        "from its creation until it expires or goes stale; of earlier reviews than the last nothing is recorded. The "
        f"slope is clustered by segment{_sellers(closed)}, {words.number(found.freedom, 1)} degrees of freedom: few "
        f"segments are few cases. Drawn again {words.number(DRAWS)} times. Deals without an amount count for nothing.",
        says_not=" ".join(["That content wins these deals: where more content is at hand, more may be won anyway. What "
                           "the assets cost.", *_caution(signs, alike, currency)]),
        alt=f"Intervals of the expected value of gaps, in {words.count(len(rows), 'line')}.",
    )  # fmt: skip


def _sellers(closed: pd.DataFrame) -> str:
    n = closed["owner_id"].nunique()
    return f" and by the {words.number(n)} sellers" if n >= FEWEST_SELLERS else ""
