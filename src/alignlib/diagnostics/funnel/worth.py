"""What would leaked leads have been worth, had they been worked like comparable ones, and how sure is that?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.cohorts import since_recorded, tracked_since
from alignlib.diagnostics.funnel.quality import caution, score_gap
from alignlib.diagnostics.funnel.spells import START, days_between, end_of
from alignlib.diagnostics.funnel.steps import entered, passed, step
from alignlib.engagement import Settings
from alignlib.incidence import Incidence, incidence
from alignlib.result import SEED, Column, Exhibit, NotJudged, Part, Row, columns
from alignlib.stats import Floats
from alignlib.words import count, interval, number, of, share, value

ENOUGH = 20  # leads touched in time that make a group to compare with
SURE = 100  # leads of a source that may be called the worst: the worst of small groups is worst by chance
LONGEST = 365  # days after the handover
THINNEST = 0.1  # no win stands for more than ten leads
FEWEST_DEALS, DRAWS, GROUPS = 5, 2000, 100
_FEWEST_OWNERS = 8  # a bootstrap of fewer draws too few different worlds
_LABELS = {"all": "All leaks", "bounds": "All leaks, bounds"}
_EXTRA = [Column(name="is_upper", label="The upper end alone is known", is_extra=True),
          Column(name="years", label="Years in which they were handed over", unit="count", is_extra=True)]  # fmt: skip
_BOUNDS = "bounds, not an interval: as if won like leads touched late or of the weakest source; like those in time"
Chances = tuple[Floats, Floats, Floats]
_AT = {"low": 0.1, "high": 0.9, "low_95": 0.025, "high_95": 0.975}


@dataclass(frozen=True)
class Leads:
    """Which leads were worked, missed or leaked, and for how many days after the handover was what seen of them?

    One entry a lead. ``kind``: the place in ``kinds`` of how it leaked, -1 when it did not. ``worked`` were touched in
    time, ``missed`` were not. ``seen``: days until the as-of date; ``won``, ``touched``: NaN when not; ``stop`` and
    ``outcome`` (0 open, 1 won, 2 left) end its spell; ``left``: last touch or stage. ``source``, ``finer`` (grade, or
    segment) and ``cluster`` (who held it at the handover) are codes. ``owners``: how many there are, 0 when too few to
    cluster by.
    """

    kinds: list[str]
    kind: np.ndarray
    worked: np.ndarray
    missed: np.ndarray
    seen: Floats
    won: Floats
    touched: Floats
    stop: Floats
    outcome: np.ndarray
    left: Floats
    source: np.ndarray
    finer: np.ndarray
    cluster: np.ndarray
    owners: int

    @property
    def leaked(self) -> np.ndarray:
        return self.kind >= 0


def part(settings: Settings, handed: pd.DataFrame, leak: pd.Series, deals: pd.DataFrame, years: float) -> Part:
    """What is the expected value of leaked leads, by kind of leak and in all, under which assumptions?

    ``leak``: for each row of ``handed`` how it leaked, missing when it did not; ``years``: the time they were handed
    over in. Money in minor units, of all that time, 80 % intervals. Not judged without comparable leads touched in
    time, wins among them, or won deals with an amount: never 0.
    """
    leads, amounts = followed(handed, leak, settings), won_amounts(handed, deals)
    if not leads.kinds:
        return Part()
    horizon, leaked, room = longest(leads), int(leads.leaked.sum()), _room(settings)
    if gap := _why_not(settings, leads, amounts, horizon, room):
        return Part(not_judged=[gap])
    counted = 1.0 if room is None else min(1.0, room / leaked)
    priced = price(leads, amounts["amount"].to_numpy(float), clusters(amounts["owner"]), horizon, counted)
    cautions, lead = caution(handed, leak), _lead(leads, priced, horizon, room, settings.currency)
    assumed = _assumed(leads, amounts, horizon)
    extra: Row = {"is_upper": (score_gap(handed, leak).low or 0) > 0, "years": years}
    return Part(exhibits=[_exhibit(priced, lead, assumed, cautions, settings.currency, extra)], caveats=cautions)


def followed(handed: pd.DataFrame, leak: pd.Series, settings: Settings) -> Leads:
    """Which of the leads handed over were worked, missed or leaked, and when was what seen of them?

    Leads won before their handover, or handed over before wins were recorded, compare with nothing.
    """
    names = ("mql_at", "won_at", "last_event_at", "last_touch_at", "first_touch_at")
    (start, won, last, last_touch, first_touch), end = (handed[name].to_numpy() for name in names), end_of(settings)
    left, n_owners, in_time = handed["exit"].notna(), handed["decider"].nunique(), handed["in_time"].astype("boolean")
    is_won = ~np.isnat(won)
    stop = days_between(start, np.where(is_won, won, np.where(left, last, end.to_datetime64())))
    known = (stop >= 0) & _recorded(handed, settings)
    finer = handed["grade" if handed["grade"].notna().any() else "segment"]
    kind, kinds = pd.factorize(leak, sort=True)
    return Leads(
        kinds=list(kinds), kind=kind, worked=known & in_time.fillna(False).to_numpy(bool),
        missed=known & ~in_time.fillna(True).to_numpy(bool), seen=days_between(start, end), stop=stop,
        won=days_between(start, won), touched=days_between(start, first_touch),
        outcome=np.where(is_won, 1, np.where(left, 2, 0)),
        left=np.maximum(days_between(start, np.fmax(last, last_touch)), 0),
        source=pd.factorize(handed["source"].fillna(""), sort=True)[0], cluster=clusters(handed["decider"]),
        finer=pd.factorize(finer.fillna(""), sort=True)[0], owners=n_owners if n_owners >= _FEWEST_OWNERS else 0,
    )  # fmt: skip


def _recorded(handed: pd.DataFrame, settings: Settings) -> np.ndarray:
    """Which leads were handed over while wins were recorded?"""
    if not handed["won_at"].notna().any():
        return np.ones(len(handed), bool)
    at = passed(entered(handed), settings.funnel.path)
    won = step(handed, settings, at, START, ["won"], settings.funnel.path)
    return since_recorded(handed["mql_at"], tracked_since(won, handed["mql_at"], settings))


def longest(leads: Leads) -> float:
    """Up to which day, at most a year, can enough leads touched in time be followed? 0: there are too few of them."""
    seen = np.sort(leads.seen[leads.worked])[::-1]
    need = max(ENOUGH, int(np.ceil(THINNEST * len(seen))))
    return float(min(np.floor(seen[need - 1]), LONGEST)) if len(seen) >= need else 0.0


def won_amounts(handed: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """What was each won lead worth? Deals linked to leads handed over, else all won deals; those without amount aside.

    Columns ``amount`` (minor units), ``owner`` (of the deal: who sold it sets the price), ``linked``.
    """
    is_won = (deals["outcome"] == "won") & (deals["amount"] > 0)
    won = deals.loc[is_won, ["lead_id", "opportunity_id", "amount", "owner"]].sort_values(["amount", "opportunity_id"])
    linked = won[won["lead_id"].isin(handed["lead_id"])]
    if len(linked) < FEWEST_DEALS:
        return won[["amount", "owner"]].assign(linked=False)
    by_lead = linked.groupby("lead_id").agg(amount=("amount", "sum"), owner=("owner", "first"))
    return by_lead.assign(linked=True).sort_values("amount")


def clusters(owners: pd.Series) -> np.ndarray:
    """In which cluster is each row: its owner's where enough owners decide, else one of random groups?

    Random groups stand for independent cases, and so for rows that nobody held.
    """
    codes, names = pd.factorize(owners)
    held, groups = codes >= 0, np.random.default_rng(SEED)
    if len(names) < _FEWEST_OWNERS:
        return groups.permutation(len(owners)) % GROUPS
    codes[~held] = len(names) + groups.permutation(int((~held).sum())) % GROUPS
    return np.asarray(codes)


def price(leads: Leads, amounts: Floats, sellers: np.ndarray, horizon: float, counted: float = 1.0) -> dict[str, Row]:
    """What is each kind of leak worth, and between which limits?

    Expected ``wins`` times the mean of ``amounts`` (of ``sellers``, codes), times the part ``counted``. Limits: the
    quantiles of both drawn again over sellers. Rows in whole minor units: each kind, ``all``, and ``bounds``: the sum
    if leaked leads were like those touched late or of the worst source, whichever is less, and as found.
    """
    rng = np.random.default_rng(SEED)
    chance = _chances(leads, horizon)
    wins = counted * extra_wins(leads, chance, horizon, rng)
    total, sums = wins.sum(axis=1), replicates(_sums(sellers, [amounts, np.ones(len(amounts))]), rng)
    deal = sums[:, 0] / sums[:, 1]
    money = np.column_stack([wins, total]) * deal[:, None]
    limits, sizes = np.quantile(money[1:], list(_AT.values()), axis=0), np.bincount(leads.kind[leads.leaked])
    found: dict[str, Row] = {
        name: {"n": int(n), "wins": round(float(won), 1), "value": each[0], **dict(zip(_AT, each[1:], strict=True))}
        for name, n, won, each in zip([*leads.kinds, "all"], [*sizes, sizes.sum()], [*wins[0], total[0]],
                                      np.vstack([money[:1], limits]).round().T.tolist(), strict=True)
    }  # fmt: skip
    if (weak := _worst(leads, horizon)) is not None:
        as_found, worst = money[0, -1], counted * (chance[0] * weak[0] - chance[1] - chance[2]).sum() * deal[0]
        low, high = sorted(round(float(end)) for end in (min(worst, as_found), as_found))
        found["bounds"] = found["all"] | dict.fromkeys(("wins", "value", *_AT)) | {"low": low, "high": high}
    return found


def extra_wins(leads: Leads, chance: Chances, horizon: float, rng: np.random.Generator) -> Floats:
    """How many more wins are expected of each kind of leak, had it been worked? First as found, then one row a draw.

    A leaked lead is won as often as comparable leads touched in time: of the same source and grade (segment where no
    grade is known) where ``ENOUGH`` of them are there, else of the same source, else all. What it brings when nobody
    acts is taken off.
    """
    groups, place = _cells(leads)
    members = [*groups, _late(leads)]
    won = [_hits(leads, who, horizon) for who in members]
    sums = _sums(leads.cluster, won + [who.astype(float) for who in members])
    hits, sizes = np.split(replicates(sums, rng), 2, axis=1)
    rates = np.divide(hits, sizes, out=np.zeros_like(hits), where=sizes > 0)
    late = rates[:, -1] / rates[0, -1] if rates[0, -1] > 0 else np.ones(len(rates))
    kind = leads.kind[leads.kind >= 0]
    weight = np.zeros((len(members) - 1, len(leads.kinds)))
    np.add.at(weight, (place, kind), chance[0])
    anyway, still = (np.bincount(kind, each, len(leads.kinds)) for each in chance[1:])
    return np.asarray(rates[:, :-1] @ weight - anyway - late[:, None] * still)


def replicates(sums: Floats, rng: np.random.Generator) -> Floats:
    """How would sums over clusters come out had other clusters been met? First as found, then one row a draw.

    ``sums``: a row a cluster. A Bayesian bootstrap of clusters: weights are gamma with mean 1, their variance such that
    limits are those of a t with clusters - 1 degrees of freedom, so that few clusters are as unsure as they are.
    Order and names of clusters do not matter. Sources: Rubin 1981; Field & Welsh 2007 (resampling whole clusters).
    """
    rows = sums[np.lexsort(sums.T)]
    spread = len(rows) / rng.chisquare(len(rows) - 1, (DRAWS, 1))
    weights = rng.standard_gamma(np.broadcast_to(1 / spread, (DRAWS, len(rows)))) * spread
    return np.vstack([rows.sum(axis=0), weights @ rows])


def _sums(code: np.ndarray, parts: list[Floats]) -> Floats:
    """Sums over each cluster that has cases."""
    found, code = np.unique(code, return_inverse=True)
    return np.column_stack([np.bincount(code, part, len(found)) for part in parts])


def _late(leads: Leads) -> np.ndarray:
    """Leads not touched in time: what they bring, leaked ones bring when nobody acts. All, where they are too few."""
    return leads.missed if leads.missed.sum() >= ENOUGH else leads.worked | leads.missed


def _curves(leads: Leads) -> tuple[Incidence, Incidence, Incidence]:
    """Won by each day: when touched in time, when not, and while nobody has touched the lead (a touch censors)."""
    known, until = leads.worked | leads.missed, np.fmin(leads.touched, leads.stop)
    alone = np.where(leads.touched <= leads.stop, 0, leads.outcome)
    worked, late = (incidence(leads.stop[who], leads.outcome[who]) for who in (leads.worked, _late(leads)))
    return worked, late, incidence(until[known], alone[known])


def _chances(leads: Leads, horizon: float) -> Chances:
    """Per leaked lead: the first times the win rate of its group, less the other two, is what was lost with it.

    From the day it was left, a lead worked is won like those touched in time that were open on that day. It is seen
    open today, so it is none of those won with nobody acting (the second). The third: what it brings yet all the same.
    """
    worked, late, alone = _curves(leads)
    left, now = (np.minimum(days[leads.kind >= 0], horizon) for days in (leads.left, leads.seen))
    onward = _between(worked, left, horizon) / (_between(worked, np.zeros(1), horizon)[0] or 1.0)
    anyway = np.minimum(_between(alone, left, now), 0.99)
    return onward / (1 - anyway), anyway / (1 - anyway), _between(late, now, horizon)


def _between(curve: Incidence, start: Floats, stop: Floats | float) -> Floats:
    """Which share of those open on one day is won by another?"""
    first, last = (np.maximum(np.searchsorted(curve.days, days, "right") - 1, 0) for days in (start, stop))
    won, is_open = curve.share.get(1, np.zeros(len(curve.days))), curve.none[first]
    return np.divide(won[last] - won[first], is_open, out=np.zeros(len(start)), where=is_open > 1e-9)


def _cells(leads: Leads) -> tuple[list[np.ndarray], np.ndarray]:
    """With which leads touched in time is each leaked lead compared? Groups, and the place of each leaked lead's."""
    n = leads.source.max() + 1  # no level shares a code with another
    levels = [np.zeros(len(leads.kind), int), 1 + leads.source, 1 + n + leads.source + n * leads.finer]
    chosen = levels[0]
    for level in levels[1:]:
        sizes = np.bincount(level[leads.worked], minlength=level.max() + 1)
        chosen = np.where(sizes[level] >= ENOUGH, level, chosen)
    names, place = np.unique(chosen[leads.kind >= 0], return_inverse=True)
    return [leads.worked & np.any([level == name for level in levels], axis=0) for name in names], place


def _hits(leads: Leads, who: np.ndarray, horizon: float) -> Floats:
    """Each win within the horizon, counted for all of its group that could not be seen for so long (Horvitz-Thompson).

    Divided by the size of the group their sum is the share won within the horizon, exits competing.
    """
    hits, seen = np.flatnonzero(who & (leads.won <= horizon)), np.sort(leads.seen[who])
    still_seen = 1 - np.searchsorted(seen, leads.won[hits]) / max(len(seen), 1)
    found = np.zeros(len(who))
    found[hits] = 1 / np.maximum(still_seen, THINNEST)
    return found


def _worst(leads: Leads, horizon: float) -> tuple[float, str] | None:
    """Which share of leads touched late, or of the worst source touched in time, was won: the lesser, and whose?

    None when leaked leads are compared with that very group already, so that nothing bounds them from below.
    """
    sources = [leads.worked & (leads.source == code) for code in np.unique(leads.source)]
    groups = [(who, SURE, "of the weakest source") for who in sources]
    groups += [(leads.missed & np.isfinite(leads.touched), ENOUGH, "touched late")]
    rates = [(float(_hits(leads, who, horizon).sum() / who.sum()), i)
             for i, (who, least, _) in enumerate(groups) if who.sum() >= least]  # fmt: skip
    if not rates:
        return None
    lesser, (who, _, name) = min(rates)[0], groups[min(rates)[1]]
    is_same = np.array_equal(who, np.any(_cells(leads)[0], axis=0))
    return None if is_same else (lesser, f"{name} ({_seen_won(leads, who, horizon)})")


def _seen_won(leads: Leads, who: np.ndarray, horizon: float) -> str:
    return f"{of(int((leads.won[who] <= horizon).sum()), int(who.sum()))} seen won"


def _room(settings: Settings) -> float | None:
    """How many more leads could Sales have worked in the period? None when no capacity was agreed."""
    months = ((settings.period.end - settings.period.start).days + 1) / (365.25 / 12)
    return None if settings.goal.capacity is None else float(round(settings.goal.capacity * months))


def _why_not(
    settings: Settings, leads: Leads, amounts: pd.DataFrame, horizon: float, room: float | None
) -> NotJudged | None:
    cases = (
        (settings.promises.first_touch_hours is None, "no promised time was agreed, so no lead was touched in time",
         "promises.first_touch_hours in engagement.yml, agreed by both teams"),
        (not horizon, f"fewer than {number(ENOUGH)} leads are known to be touched in time: too few to compare with",
         "more leads touched in time, and sales activities with the time of day"),
        (not (leads.won[leads.worked] <= horizon).any(), "no win is recorded for leads touched in time",
         "wins in the stage history of leads"),
        (len(amounts) < FEWEST_DEALS, f"fewer than {number(FEWEST_DEALS)} won deals carry an amount",
         "opportunities with lead id and amount"),
        (room == 0, "by the settings Sales has no room for further leads", "goal.capacity in engagement.yml"),
    )  # fmt: skip
    return next((NotJudged(what="What leaked leads were worth", why=why, settle=settle, theme="handoff")
                 for applies, why, settle in cases if applies), None)  # fmt: skip


def _assumed(leads: Leads, amounts: pd.DataFrame, horizon: float) -> str:
    thing = "won lead" if amounts["linked"].all() else "won deal (too few are linked to leads)"
    drawn = f"over {count(leads.owners, 'owner')} at the handover" if leads.owners else "as if leads were independent"
    return (
        "Assumed: whatever the kind of leak (Sales may have touched leads without an owner), a lead is won as often as "
        "comparable ones: those touched in time of the same source and grade (coarser where there are fewer than "
        f"{number(ENOUGH)}), within {count(int(horizon), 'day')} of the handover, from the day it was left, less what "
        f"these leads will bring even if nobody acts. A win is worth the mean of {number(len(amounts))} amounts, one a "
        f"{thing}. Intervals: drawn again {number(DRAWS)} times {drawn}."
    )


def _lead(leads: Leads, priced: dict[str, Row], horizon: float, room: float | None, currency: str) -> str:
    whole, ends, weak = priced["all"], priced.get("bounds"), _worst(leads, horizon)
    less = value(ends["low"], "money", currency) if ends and ends["low"] < ends["high"] else "no less"
    more, leaked = f"Sales could work {count(int(room or 0), 'more lead')} in the period", count(whole["n"], "leak")
    binds = "not binding" if room is None or room >= whole["n"] else f"of the {leaked} only so many are counted"
    return (
        f"{value(whole['value'], 'money', currency)} if they were won like leads touched in time (about "
        f"{count(round(whole['wins']), 'more deal')}; {_seen_won(leads, leads.worked, horizon)} within "
        f"{count(int(horizon), 'day')}){f', {less} if like those {weak[1]}' if weak else ''}. {share(0.8)} interval "
        f"of the first: {interval(whole['low'], whole['high'], 'money', currency)}. Capacity: "
        f"{'none was agreed' if room is None else f'{more}, {binds}'}."
    )


def _title(whole: Row, bounds: Row | None, extra: Row, currency: str) -> str:
    """What may the headline claim? "Up to": the upper end of the interval, where leaked leads were the weaker ones."""
    leaks = f"{count(whole['n'], 'lead')} leaked in {count(max(round(12 * extra['years']), 1), 'month')}"
    worth, end = "expected value under stated assumptions", f"{share(0.8)} interval"
    is_range = bounds and bounds["low"] < 0.9 * bounds["high"]  # bounds that say one amount are none
    ends, how = (bounds, "bounds, not an interval") if bounds and is_range else (whole, end)
    if whole["low"] <= 0:
        said = interval(whole["low"], whole["high"], "money", currency)
        return f"Whether {leaks} held any value cannot be told: {said} {worth} ({end})"
    if extra["is_upper"] or ends["low"] <= 0:
        return f"{leaks}: up to {value(whole['high'], 'money', currency)} {worth} (upper end of the {end})"
    return f"{leaks}: {interval(ends['low'], ends['high'], 'money', currency)} {worth} ({how})"


def _exhibit(
    priced: dict[str, Row], lead: str, assumed: str, cautions: list[str], currency: str, extra: Row
) -> Exhibit:
    rows: list[Row] = [{"label": _LABELS.get(kind, kind), **row, "note": _BOUNDS if kind == "bounds" else "", **extra}
                       for kind, row in priced.items()]  # fmt: skip
    return Exhibit(
        key="funnel.leak_value", shape="intervals", rows=rows, play="P9", lead=lead,
        title=_title(priced["all"], priced.get("bounds"), extra, currency),
        columns=[*columns(
            label=("Leak", "text"), value=(f"Expected value ({share(0.8)} from/to)", "money"),
            low=(f"{share(0.8)} from", "money"), high=(f"{share(0.8)} to", "money"),
            low_95=(f"{share(0.95)} from", "money"), high_95=(f"{share(0.95)} to", "money"),
            wins=("Extra wins", "count"), n=("Leads", "count"), note=("Note", "text"),
        ), *_EXTRA],
        read=f"Each line is a kind of leak: the tick its expected value, the bar its {share(0.8)} interval. {assumed}",
        says_not=" ".join(["What sellers would have left undone to work these leads.", *cautions]),
        alt=f"Intervals of the expected value of leaks, in {number(len(rows))} lines.",
        source="Stage history of leads, sales activities, opportunities",
    )  # fmt: skip
