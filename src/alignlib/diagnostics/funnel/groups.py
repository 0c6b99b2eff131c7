"""Do leads of some sources, segments and grades go on more often, and does a difference hold within like leads?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import Compared, coded, excludes_zero, extremes, gap, rate, rate_columns, strata
from alignlib.diagnostics.funnel.spells import START
from alignlib.diagnostics.funnel.steps import DOES, Step, chosen
from alignlib.engagement import Settings
from alignlib.result import Exhibit, Measure, Row, Unit, columns
from alignlib.words import capital, count, interval, listed, of, value

CUTS = {"source": "Source", "segment": "Segment", "grade": "Grade"}
MOST = 7  # of one cut: smaller groups are put together
BLANK = "not recorded"
Cut = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Difference:
    """What is compared: a short name, what it says, and one a lead: its spell, whether a hit, of the first group?"""

    name: str
    said: str
    place: np.ndarray
    hit: np.ndarray
    exposed: np.ndarray


@dataclass(frozen=True)
class Held:
    """How is a difference over all leads (clustered by owner where two or more decide), and within each cut?"""

    told: Difference
    pooled: Measure
    within: dict[str, Compared]

    @property
    def is_told(self) -> bool:
        """Can the difference over all leads be told from none?"""
        return excludes_zero(self.pooled)

    def fails(self, cut: str) -> str:
        """How does the difference not hold within a cut? Nothing for one that cannot be told in the first place."""
        one = self.within[cut]
        if one.flagged:
            return "turns" if (one.pooled.value or 0) * (one.within.value or 0) < 0 else "changes"
        return "cannot be told" if self.is_told and not excludes_zero(one.within) else ""


def cuts_of(spells: pd.DataFrame) -> dict[str, Cut]:
    """By what can leads handed over be told apart here? Each cut with at least two named groups, the smallest together.

    A cut: the names of its groups and the group of each spell (0 where it was not handed over).
    """
    found, handed = {}, spells[f"{START}_at"].notna().to_numpy()
    for cut in CUTS:
        names, group = coded(spells.loc[handed, cut], BLANK)
        if len(names) > MOST + 1:
            names, group = np.append(names[:MOST], f"{len(names) - MOST} others"), np.minimum(group, MOST)
        if (names != BLANK).sum() > 1:
            codes = np.zeros(len(spells), dtype=np.int64)
            codes[handed] = group
            found[cut] = (names, codes)
    return found


def exhibit(
    stay: Step, goals: list[Step], cuts: dict[str, Cut], seen: np.ndarray, owners: np.ndarray | None, settings: Settings
) -> Exhibit:
    """How often do leads of each group go on to each goal within the horizon, and how long do they wait?

    ``stay``: the step that leaves MQL, which gives the median; ``goals``: the way to opportunity, to won, or both.
    ``seen`` (for the whole horizon) and ``owners`` (codes): one a spell; rates are of leads seen for so long.
    """
    horizon, goal, rows, differ = settings.funnel.horizon_days, goals[0], list[Row](), list[str]()
    for cut, (names, codes) in cuts.items():
        order = np.argsort(names) if cut == "grade" else np.arange(len(names))
        rows += [_row(f"{CUTS[cut]}: {names[i]}", codes == i, stay, goals, seen, owners, horizon) for i in order]
        aged = seen[goal.members]
        who = None if owners is None else owners[goal.members][aged]
        apart = extremes(names, codes[goal.members][aged], goal.hits(horizon)[aged], who, len(cuts))
        differ += [CUTS[cut].lower()] if apart else []
    within, others = f"within {count(horizon, 'day')}", [CUTS[cut].lower() for cut in CUTS if cut not in cuts]
    more: dict[str, tuple[str, Unit]] = {
        f"{one.next}_{end}": (name, "share") for one in goals[1:] for end, name in
        (("value", f"{capital(DOES[one.next])} {within}"), ("low", "from"), ("high", "to"))}  # fmt: skip
    return Exhibit(
        key="funnel.groups", shape="intervals", rows=rows, is_detail=True, play="P3", source="Stage history of leads",
        title=f"Leads {DOES[goal.next]} {within} more or less often by {listed(differ)}"
        if differ
        else f"Whether some leads {DOES[goal.next]} {within} more often than others cannot be told",
        columns=rate_columns(
            "Leads by", f"{capital(DOES[goal.next])} {within}", "How many", "Leads seen so long",
            **more, leads=("All leads", "count"), median_days=("Half have left the handover after", "days"),
        ),
        read=f"Each line is a group of leads handed over: the tick how many {DOES[goal.next]} {within}, of "
        "those seen for so long; the bar its 95 % interval (clustered by owner where two or more decided, else "
        "Wilson). The median counts open leads for as long as they were seen. Groups of one kind are said to differ "
        "when chance would give so much less often than once in 20.",
        says_not="Why groups differ. Many are looked at: the widest difference among them is no proof of one."
        + (f" By {listed(others)} nothing can be said: not recorded." if others else ""),
        alt=f"Intervals of the share of leads that {DOES[goal.next]}, for {count(len(rows), 'group')}.",
    )  # fmt: skip


def _row(
    label: str, mine: np.ndarray, stay: Step, goals: list[Step], seen: np.ndarray, owners: np.ndarray | None,
    horizon: float,
) -> Row:  # fmt: skip
    here = chosen(stay, mine)
    row: Row = {"label": label, "leads": len(here.days), "median_days": here.stay().quantile(0.5)}
    for prefix, one in zip(("", *(f"{goal.next}_" for goal in goals[1:])), goals, strict=True):
        some = chosen(one, mine & seen)
        at = rate(some.hits(horizon), None if owners is None else owners[some.members])
        row |= {f"{prefix}{end}": getattr(at, end) for end in ("value", "low", "high")}
        row |= {} if prefix else {"k": at.k, "n": at.n}
    return row | {"note": "" if row["n"] else "seen for less than the horizon"}


def compare(
    differences: list[Difference], cuts: dict[str, Cut], score: np.ndarray, owners: np.ndarray | None
) -> list[Held]:
    """How does each headline difference look over all leads, and within each cut, quarters of the score among them?

    ``score`` and ``owners`` (codes): one a spell. Score, which may decide who is touched, is cut into quarters among
    the leads compared, where most of them have one.
    """
    found = []
    for each in differences:
        place, exposed = each.place, each.exposed
        groups = {cut: codes[place] for cut, (_, codes) in cuts.items()}
        known = np.isfinite(score[place])
        if 2 * known.sum() > len(place):
            ends = np.quantile(score[place][known], (0.25, 0.5, 0.75))
            groups["score"] = np.where(known, np.searchsorted(ends, score[place], "right"), 4)
        within = {cut: one for cut, codes in groups.items() if (one := strata(each.hit, exposed, codes)) is not None}
        who = (None, None) if owners is None else (owners[place][exposed], owners[place][~exposed])
        if within:
            found.append(Held(each, gap(each.hit[exposed], each.hit[~exposed], *who), within))
    return found


def strata_exhibit(found: list[Held], within: str) -> Exhibit:
    """How is each difference shown, pooled and within strata?"""
    rows: list[Row] = []
    for held in found:
        name, whole = held.told.name, next(iter(held.within.values()))
        rows.append({"label": f"{name}: all", "value": held.pooled.value, "low": held.pooled.low,
                     "high": held.pooled.high, "n": whole.n, "strata": None,
                     "note": "" if held.is_told else "cannot be told"})  # fmt: skip
        rows += [{"label": f"{name}: by {cut}", "value": each.within.value, "low": each.within.low,
                  "high": each.within.high, "n": each.alike, "strata": each.strata, "note": held.fails(cut)}
                 for cut, each in held.within.items()]  # fmt: skip
    return Exhibit(
        key="funnel.strata", shape="intervals", rows=rows, is_detail=True, play="P3", source="Stage history of leads",
        title=_title(found), columns=columns(
            label=("Difference of the share won", "text"), value=("Difference", "pp"), low=("from", "pp"),
            high=("to", "pp"), n=("Leads", "count"), strata=("Groups compared", "count"), note=("Note", "text"),
        ),
        read=f"Differences, in percentage points, of the share of leads won {within}, leads seen for so long. "
        f"{' '.join(f'{held.told.name}: {held.told.said}.' for held in found)} All: over all of "
        "these leads. By: only leads of the same kind are compared (Mantel-Haenszel), by score those of the same "
        "quarter. Bars are 95 % intervals: over all leads clustered by owner where two or more decided on each side, "
        "by kind as if leads were independent, so too narrow where sellers differ.",
        says_not="Whether something that was not recorded lies behind a difference. Of all sources the two that lie "
        "furthest apart were picked.",
        alt=f"Intervals of {count(len(found), 'difference')}, over all leads and within groups of leads.",
    )  # fmt: skip


def _title(found: list[Held]) -> str:
    """How many of the differences can be told over all leads, and which of these hold within each cut?"""
    told = [held for held in found if held.is_told]
    hold = listed([f"“{held.told.name}”" for held in told if not any(map(held.fails, held.within))])
    can = f"{of(len(told), len(found))} differences can be told over all leads"
    return f"{can}; of these hold among like leads: {hold or 'none'}"


def caveats(found: list[Held]) -> list[str]:
    """What must a reader know of differences that do not hold within strata?"""
    return [
        f"{held.told.said}: {value(each.pooled.value, 'pp')} over all leads, "
        f"{value(each.within.value, 'pp')} ({interval(each.within.low, each.within.high, 'pp')}) among leads of "
        f"the same {cut}: the mix of leads differs, so read the second."
        for held in found
        for cut, each in held.within.items()
        if each.flagged
    ]
