"""How much money a year is at stake in leaks and in gaps of content, on one scale, and how sure is that?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from scipy.special import ndtri

from alignlib.audit.exhibits import exhibit_of, rows_of
from alignlib.engagement import Settings
from alignlib.result import Exhibit, Result, Row, columns
from alignlib.stats import Floats
from alignlib.words import capital, count, interval, listed, money, number, share

DRAWS, SEED = 20_000, 20260331
ALL_LEAKS, BOUNDS, ALL_GAPS = "All leaks", "All leaks, bounds", "All gaps"
GAPS, TWICE, TOGETHER = "Gaps in content", "Counted twice", "All together"
FINDINGS = {  # which finding each price belongs to
    ALL_LEAKS: "funnel.leaked", "Untouched past promise": "funnel.first_touch", "No owner": "funnel.ownerless",
    ALL_GAPS: "content.empty_pipeline",
}  # fmt: skip
_PRICES = {"funnel": ("funnel.leak_value", "What leaked leads were worth", "what leaked leads were worth"),
           "content": ("content.gap_value", "What a usable asset in every gap would be worth",
                       "what filling the gaps in content would be worth")}  # fmt: skip
_LOOKED_AT = {"funnel": "funnel.leaked", "content": "content.coverage"}  # there: leaks, and gaps, could be told at all
_LIMITS = ("low_95", "low", "value", "high", "high_95")
_AT = ndtri([0.025, 0.1, 0.5, 0.9, 0.975])  # where these stand, in normal scores
_LEAKED, _GAPS = "leaked leads", "gaps in content"
_WEAKER = "like those touched late or of the weakest source"
_NO_LOWER = "Leaked leads were the weaker ones, so lines that hold them have an upper end only. "
_UNCLEAR, _BELOW = "unclear: on both sides of none", "below none"


@dataclass(frozen=True)
class Priced:
    """What are the two parts worth a year, as found and drawn, in minor units? A part not in the sum is None.

    ``twice``: the share of what gaps are worth that belongs to deals of leaked leads. ``weaker``: leaked leads in the
    sum as if won like those touched late or of the weakest source, as a share of ``leaks``; 1 where nothing bounds them
    from below. ``is_upper``: leaked leads were the weaker ones, so no lower end is known. ``nothing``: the parts whose
    80 % interval lies wholly at or below none. Nobody fills a gap that costs: they are left out, never subtracted.
    """

    leaks: Row | None
    gaps: Row | None
    twice: float
    weaker: float
    is_upper: bool
    nothing: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Which parts are in the sum?"""
        return [name for name, part in ((_LEAKED, self.leaks), (_GAPS, self.gaps)) if part is not None]

    def told(self) -> "Priced":
        """Which of it can be told from none by itself, at 80 %?"""
        leaks, gaps = (part if part is not None and part["low"] > 0 else None for part in (self.leaks, self.gaps))
        kept = self if leaks is self.leaks and gaps is self.gaps else replace(self, leaks=leaks, gaps=gaps)
        return kept if leaks else replace(kept, twice=0.0, weaker=1.0, is_upper=False)

    def total(self, leaks: float | Floats, gaps: float | Floats) -> Floats:
        """What do both come to, what stands in both counted once?"""
        return np.asarray(leaks + (1 - self.twice) * np.asarray(gaps))

    def limits(self, leaked: float = 1.0) -> tuple[float, float, float]:
        """What is the sum, and between which limits does it lie at 80 %? ``leaked``: the part of leaks that is true."""
        leaks, gaps = self._drawn
        low, high = np.quantile(self.total(leaked * leaks, gaps), [0.1, 0.9])
        return float(self.total(leaked * _value(self.leaks), _value(self.gaps))), float(low), float(high)

    @cached_property
    def _drawn(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(SEED)
        return drawn(self.leaks, rng), drawn(self.gaps, rng)


def stake(results: Mapping[str, Result], settings: Settings) -> Exhibit | None:
    """What is the expected value at stake, a year, in leaked leads and in gaps of content, each and together?

    An expected counterfactual value under stated assumptions: what a year would bring more, on average, if leaked leads
    were worked like comparable ones, and if the deals of other leads met a usable asset in every conversation. Reads
    ``funnel.leak_value`` (brought to a year), ``funnel.leaked_deals`` and ``content.gap_value``. Parts are drawn
    through their own 80 and 95 % limits as if independent, and summed; what a gap would add to deals of leaked leads is
    counted once, with the leaks. A part wholly at or below none counts as none; where leaked leads were the weaker ones
    there is an upper end only. Money in minor units, 80 % intervals. None when neither part could be priced. It is no
    loss that was booked, and no gain that is promised.
    """
    found = priced(results)
    if not found.names and not found.nothing:
        return None
    rows, currency = _rows(results, found, settings.currency), settings.currency
    says_not = [each.says_not for key, *_ in _PRICES.values() if (each := exhibit_of(results, key))]
    return Exhibit(
        key="audit.stake", shape="intervals", rows=rows, source="Leaks of the funnel, gaps of the content",
        title=_title(results, found, currency),
        lead=" ".join([*_sums(found, currency), *_capacity(found, settings)]),
        columns=columns(
            label=("At stake", "text"), value=(f"Expected value a year ({share(0.8)} from/to)", "money"),
            low=(f"{share(0.8)} from", "money"), high=(f"{share(0.8)} to", "money"),
            n=("Leads or deals a year", "count"), note=("Note", "text"),
        ),
        read=f"Each line is a part: the tick its expected value a year, the bar its {share(0.8)} interval. "
        f"{_NO_LOWER * found.is_upper}Expected counterfactual value under stated assumptions: what a year would bring "
        "more, on average, if leaked leads were worked like comparable ones and all other deals met a usable asset in "
        f"every conversation. Drawn together {number(DRAWS)} times, as if the parts were independent; the assumptions "
        "of each stand with its own exhibit. Deals that leaked leads would bring meet the same gaps: what filling "
        f"these would add is not added.{_why_missing(results)}",
        says_not=" ".join(["That this was lost, or will be gained.", *dict.fromkeys(says_not)]),
        alt=f"Intervals of the expected value a year of {listed([str(row['label']) for row in rows])}.",
    )  # fmt: skip


def worth_of(results: Mapping[str, Result]) -> dict[str, float]:
    """What is each finding expected to be worth a year, in minor units, by its key?

    Only what can be told from nothing: its 80 % interval lies above it. For the order of findings alone: values of
    leaks overlap (*all leaks* holds the others).
    """
    found: dict[str, float] = {}
    for kind in _PRICES:
        for row in _annual(results, kind).values():
            if row["label"] in FINDINGS and (row["low"] or 0) > 0:
                found[FINDINGS[row["label"]]] = float(row["value"])
    return found


def priced(results: Mapping[str, Result]) -> Priced:
    """What are leaks and gaps worth a year, what of it stands in both, and how far are leaks bounded from below?"""
    of_leaks, of_gaps = _annual(results, "funnel"), _annual(results, "content")
    parts = {_LEAKED: of_leaks.get(ALL_LEAKS), _GAPS: of_gaps.get(ALL_GAPS)}
    nothing = tuple(name for name, part in parts.items() if part is not None and part["high"] <= 0)
    leaks, gaps = (None if name in nothing else part for name, part in parts.items())
    bounds, weaker = of_leaks.get(BOUNDS), 1.0
    if leaks and bounds and leaks["value"] > 0 and bounds["low"] < 0.9 * bounds["high"]:
        weaker = bounds["low"] / leaks["value"]
    return Priced(
        leaks=leaks, gaps=gaps, twice=_twice(results, of_gaps) if leaks and _value(gaps) > 0 else 0.0, weaker=weaker,
        is_upper=bool(leaks and leaks.get("is_upper")), nothing=nothing,
    )  # fmt: skip


@cache
def _scores(n: int) -> Floats:
    return np.asarray(ndtri((np.arange(n) + 0.5) / n))


def drawn(part: Row | None, rng: np.random.Generator) -> Floats:
    """How might a part come out? Draws through its limits at 80 and 95 %, straight between them in normal scores.

    Beyond the 95 % limits the last line goes on. A part without limits comes out as found.

    >>> part = {"low_95": 0.0, "low": 2.0, "value": 5.0, "high": 8.0, "high_95": 10.0}
    >>> [round(float(end), 2) for end in np.quantile(drawn(part, np.random.default_rng(1)), [0.1, 0.5, 0.9])]
    [2.0, 5.0, 8.0]
    """
    if part is None or any(part[name] is None for name in _LIMITS):
        return np.full(DRAWS, _value(part))
    ends = np.sort(np.array([part[name] for name in _LIMITS], dtype=np.float64))
    scores = rng.permutation(_scores(DRAWS))
    slopes = np.diff(ends) / np.diff(_AT)
    below, above = np.minimum(scores - _AT[0], 0) * slopes[0], np.maximum(scores - _AT[-1], 0) * slopes[-1]
    return np.asarray(np.interp(scores, _AT, ends) + below + above)


def _annual(results: Mapping[str, Result], kind: str) -> dict[str, Row]:
    """The rows of a price by label, money and counts a year."""
    found: dict[str, Row] = {}
    for row in rows_of(results, _PRICES[kind][0]):
        years = float(row.get("years") or 1)
        scaled = {name: None if row.get(name) is None else float(row[name] or 0) / years for name in (*_LIMITS, "n")}
        found[str(row["label"])] = row | scaled
    return found


def _twice(results: Mapping[str, Result], gaps: dict[str, Row]) -> float:
    """Which share of what gaps are worth belongs to deals of leaked leads? Deals weigh by amount and what they lack."""
    held = {str(row["label"]): float(row["amount"] or 0) for row in rows_of(results, "funnel.leaked_deals")}
    each = [row for label, row in gaps.items() if label != ALL_GAPS]
    whole = sum(row["missing"] * row["amount"] for row in each)
    both = sum(row["missing"] * min(held.get(str(row["label"]), 0.0), row["amount"]) for row in each)
    return both / whole if whole else 0.0


def _rows(results: Mapping[str, Result], found: Priced, currency: str) -> list[Row]:
    leaks, gaps = _annual(results, "funnel"), _annual(results, "content").get(ALL_GAPS)
    kinds = [row for label, row in leaks.items() if label not in (ALL_LEAKS, BOUNDS)]
    if _LEAKED in found.nothing:
        rows = [_none(leaks[ALL_LEAKS], ALL_LEAKS, currency)]
    else:
        rows = [_row(row, str(row["label"]), currency) for row in
                sorted(kinds, key=lambda row: (-row["value"], row["label"]))]  # fmt: skip
    if gaps is not None:
        rows.append((_none if _GAPS in found.nothing else _row)(gaps, GAPS, currency))
    if twice := round(found.twice * _value(found.gaps)):
        note = f"{share(found.twice)} of what gaps are worth lies in deals of leaked leads: counted with the leaks"
        rows.append({"label": TWICE, "value": -twice, "low": None, "high": None, "n": None, "note": note})
    return [*rows, _together(found, bool(twice), currency)]


def _row(row: Row, label: str, currency: str) -> Row:
    low, high, is_upper = round(row["low"]), round(row["high"]), bool(row.get("is_upper"))
    notes = [_UNCLEAR] * (low <= 0 < high) + [_BELOW] * (high <= 0) + [_only(high, currency)] * is_upper
    return {"label": label, "value": round(row["value"]), "low": None if is_upper else low, "high": high,
            "n": round(row["n"]), "note": "; ".join(notes)}  # fmt: skip


def _none(row: Row, label: str, currency: str) -> Row:
    """A part with nothing to gain: none in the sum, with what was found beside it."""
    note = f"{_BELOW} ({interval(row['low'], row['high'], 'money', currency)}): counted as nothing to gain"
    return {"label": label, "value": 0, "low": None, "high": None, "n": round(row["n"]), "note": note}


def _together(found: Priced, has_twice: bool, currency: str) -> Row:
    value, low, high = (round(each) for each in found.limits())
    notes = [f"{_doubt(found)} cannot be told from none"] if _doubt(found) else []
    notes += ["no deal stands in both sums"] if found.leaks and _value(found.gaps) > 0 and not has_twice else []
    notes += [_only(high, currency)] if found.is_upper else []
    ends = (None if found.is_upper else low, high) if found.names else (None, None)
    return {"label": TOGETHER, "value": value, "low": ends[0], "high": ends[1], "n": None, "note": "; ".join(notes)}


def _only(high: float, currency: str) -> str:
    return f"upper end only: {money(high, currency)}"


def _value(part: Row | None) -> float:
    return float(part["value"]) if part else 0.0


def _doubt(found: Priced) -> str:
    """Which parts of the sum cannot be told from none by themselves?"""
    return listed([name for name in found.names if name not in found.told().names])


def _title(results: Mapping[str, Result], found: Priced, currency: str) -> str:
    """What may the headline claim: the parts that can be told from none by themselves, or all where none can?"""
    nothing = [f"no gain can be shown in {listed([*found.nothing])}"] if found.nothing else []
    missing = [f"{_PRICES[kind][2]} could not be judged" for kind in _PRICES if _why(results, kind)]
    if not found.names:
        return capital("; ".join([*nothing, *missing]))
    told, doubt = found.told(), _doubt(found)
    claimed = told if told.names else found
    (_, _, high), (_, low, _) = claimed.limits(), claimed.limits(told.weaker)
    is_upper = claimed.is_upper or (told.names and low <= 0)
    ends = f"up to {money(high, currency)}" if is_upper else interval(low, high, "money", currency)
    names = listed(claimed.names)
    head = capital(names) if told.names else f"No part of {names} can be told from none by itself"
    said = f"{head}: {ends} a year expected value under stated assumptions"
    also = [f"whether {doubt} add to it cannot be told"] if doubt and told.names else []
    return "; ".join([said, *also, *nothing, *missing])


def _sums(found: Priced, currency: str) -> list[str]:
    """What is claimed, what moves it most, and what is it with the parts that cannot be told?"""
    if not found.names:
        return [f"The {share(0.8)} interval of {listed([*found.nothing])} lies at or below none: nothing is counted."]
    told, doubt = found.told(), _doubt(found)
    claimed = told if told.names else found
    said = f"{capital(listed(claimed.names))}: {_amount(claimed, currency)}{_at_worst(claimed, currency)}."
    more = (
        [f"With {doubt}, which cannot be told from none: {_amount(found, currency)}."] if doubt and told.names else []
    )
    return [said, _moved(claimed, currency), *more]


def _amount(found: Priced, currency: str) -> str:
    """What is the sum, and its ends: no lower one where leaked leads were the weaker ones?"""
    value, low, high = found.limits()
    if found.is_upper:
        return f"{money(value, currency)} a year, up to {money(high, currency)} (end of the {share(0.8)} interval)"
    return f"{money(value, currency)} a year, {share(0.8)} interval {interval(low, high, 'money', currency)}"


def _at_worst(found: Priced, currency: str) -> str:
    if found.weaker == 1 or found.is_upper:
        return ""
    return f", from {money(found.limits(found.weaker)[1], currency)} if leaked leads were won {_WEAKER}"


def _why(results: Mapping[str, Result], kind: str) -> str:
    """Why could a part not be priced? Empty: it was, or there was nothing to price."""
    if kind not in results:
        return "its files were not examined"
    result, (price, what, _) = results[kind], _PRICES[kind]
    told = next((gap.why for gap in result.not_judged if gap.what == what), "")
    is_seen = {_LOOKED_AT[kind], price} & {*(each.key for each in result.findings), *(e.key for e in result.exhibits)}
    return told or ("" if is_seen else "these data do not show where they are")


def _why_missing(results: Mapping[str, Result]) -> str:
    return "".join(f" Not judged: {_PRICES[kind][2]}: {why}." for kind in _PRICES if (why := _why(results, kind)))


def _moved(found: Priced, currency: str) -> str:
    """Which assumption moves the sum most, and what would the sum be under it?"""
    leaks, gaps, moves = _value(found.leaks), _value(found.gaps), list[tuple[float, float, str]]()
    less, more = (f"at its {which} {share(0.8)} limit" for which in ("lower", "upper"))
    if found.leaks is not None:
        part, how = (found.weaker, f"if {_WEAKER}") if found.weaker < 1 else (0.5, "if they brought half as much")
        moves.append((part * leaks, gaps, f"whether leaked leads would do as well as those touched in time: {how}"))
        end, said = ("high", more) if found.is_upper else ("low", less)  # of the weaker ones no lower end is known
        moves.append((found.leaks[end], gaps, f"how often comparable leads are won, and for how much: {said}"))
    if found.gaps is not None:
        moves.append((leaks, found.gaps["low"], f"what a usable asset adds to the chance of winning: {less}"))
        if (alike := found.gaps["alike"]) is not None:
            moves.append((leaks, alike, "whether deals for which more was at hand are like the others: held alike"))
    base, sums = float(found.total(leaks, gaps)), [(float(found.total(*each[:2])), each[2]) for each in moves]
    total, said = max(sums, key=lambda each: abs(each[0] - base))
    return f"Most depends on {said}, it would be {money(total, currency)}."


def _capacity(found: Priced, settings: Settings) -> list[str]:
    """Could Sales work all leaked leads? By the settings; the price of leaks counts no more than that."""
    if found.leaks is None:
        return []
    if settings.goal.capacity is None:
        return ["Capacity: none was agreed."]
    room, leaked = count(round(12 * settings.goal.capacity), "more lead"), number(round(found.leaks["n"]))
    return [f"Capacity: Sales could work {room} a year; {leaked} leak, and no more are counted than could be worked."]
