"""How did spells go on from one stage to a later one, under which path rule, after how long? One place says so.

Times are whole microseconds since 1970, one array a stage, NEVER where a stage was not entered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.spells import NEVER, START, end_of, stages_in
from alignlib.engagement import Settings
from alignlib.incidence import Incidence, kaplan_meier
from alignlib.result import Level

Times = dict[str, np.ndarray]
NAMES = {"inquiry": "Inquiry", "mql": "Handed over", "sal": "Accepted", "sql": "Qualified",
         "opportunity": "Opportunity", "won": "Won"}  # fmt: skip
DOES = {"sal": "are accepted", "sql": "qualify", "opportunity": "become opportunities", "won": "are won"}
PATHS = {
    "strict": "a stage counts only when every stage before it is recorded, in order",
    "any": "a stage counts when it is recorded, and any later stage counts as going on",
    "backfilled": "a stage counts when it or any later one is recorded",
}
TOO_EARLY: Mapping[Level, str] = {"act": "a share read before the agreed days have passed can only rise"}
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Step:
    """How did spells that reached one stage go on to the next? Days run from entering the stage; open ones to as-of.

    ``outcome`` is 0 still open, 1 went on, 2 left by an exit. ``members`` selects the spells that reached the stage. A
    next stage dated before this one stays counted as gone on, and its days are NaN, so that durations leave it out.
    """

    stage: str
    next: str
    members: np.ndarray
    days: np.ndarray
    outcome: np.ndarray

    def seen(self, horizon: int) -> int:
        """Within how many days is the share read: the horizon, or fewer where some wait and none was seen so long?"""
        longest = float(np.nanmax(self.days, initial=0.0))
        return int(longest) if longest < horizon and (self.outcome == 0).any() else horizon

    def hits(self, horizon: float) -> np.ndarray:
        """Which spells went on within the horizon? One dated before this stage did."""
        return np.asarray((self.outcome == 1) & ~(self.days > horizon))

    def stay(self) -> Incidence:
        """Which share has left the stage by each day, by going on or by an exit?"""
        known = np.isfinite(self.days)
        return kaplan_meier(self.days[known], self.outcome[known] > 0)


def times_of(column: pd.Series) -> np.ndarray:
    """When was this, as whole numbers?"""
    times = column.to_numpy(dtype="M8[us]").view(np.int64)
    return np.where(times == np.iinfo(np.int64).min, NEVER, times)  # the least number is NaT


def entered(spells: pd.DataFrame, stages: list[str] | None = None) -> Times:
    """When did each spell enter each of these stages (by default, each recorded one from MQL on)?"""
    return {stage: times_of(spells[f"{stage}_at"]) for stage in (stages_in(spells) if stages is None else stages)}


def passed(at: Times, path: str) -> Times:
    """When did each spell pass each stage under this path rule, given when it entered each?

    A rule is explained in ``PATHS``; a skipped stage that counts as passed is dated as the later one.
    """
    at = dict(at)
    if path == "strict":
        for before, stage in pairwise(at):
            at[stage] = np.where((at[before] < NEVER) & (at[stage] >= at[before]), at[stage], NEVER)
    if path == "backfilled":
        for after, stage in pairwise(reversed(list(at))):
            at[stage] = np.where(at[stage] < NEVER, at[stage], at[after])
    return at


def step(spells: pd.DataFrame, settings: Settings, at: Times, here: str, later: list[str], path: str) -> Step:
    """How did spells that passed ``here`` go on to the first of ``later`` (under ``any``: to whichever came first)?"""
    members = at[here] < NEVER
    some = np.flatnonzero(members)
    left, last = spells["exit"].notna().to_numpy()[some], times_of(spells["last_event_at"])[some]
    went = np.minimum.reduce([at[stage] for stage in (later if path == "any" else later[:1])])[some]
    outcome = np.where(went < NEVER, 1, np.where(left, 2, 0))
    end = end_of(settings).value // 1000
    took = np.where(outcome == 1, went, np.where(outcome == 2, last, end)) - at[here][some]
    return Step(here, later[0], members, np.where(took < 0, np.nan, took / DAY), outcome)


def ways(spells: pd.DataFrame, settings: Settings, path: str) -> dict[str, Step]:
    """How did spells go on at each step, under this path rule? Keys such as "mql_to_sal".

    Each recorded stage to the next, and from MQL to opportunity and to won.
    """
    at = passed(entered(spells), path)
    goals = [(START, goal) for goal in ("opportunity", "won") if START in at and goal in list(at)[2:]]
    pairs, stages = [*pairwise(at), *goals], list(at)
    return {f"{a}_to_{b}": step(spells, settings, at, a, stages[stages.index(b) :], path) for a, b in pairs}


def chosen(one: Step, keep: np.ndarray) -> Step:
    """What is left of a step when only some spells (one flag a spell) count?"""
    among = np.flatnonzero(keep[one.members])
    return Step(one.stage, one.next, one.members & keep, one.days[among], one.outcome[among])
