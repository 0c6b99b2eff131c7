"""How far do the teams stand apart on one block, how sure is that, and how much hangs on who stayed silent?"""

from dataclasses import dataclass
from math import lcm
from typing import Literal

import numpy as np

from alignlib import permutation
from alignlib.diagnostics.survey.answers import TEAMS, Answers, Scores, around, careless, scores_on
from alignlib.disclosure import Group, published_limits, published_mean
from alignlib.engagement import Settings
from alignlib.instrument import Block
from alignlib.stats import NOTHING, Interval, Level, cliff, judge, welch
from alignlib.words import spelled

# A gap on these blocks breaks the handover itself and calls for action; on the others it calls for attention.
ACT_BLOCKS = {"common_language", "handoff", "follow_up"}
ALIKE = "protects those who answered"  # neutral: to say that all answered alike would tell what they answered


@dataclass(frozen=True)
class BlockGap:
    """How far do the teams stand apart on one block, as published? ``gap`` and ``delta`` are Sales less Marketing.

    ``mean`` has a value for each team that may be shown, and limits from ten people on. ``gap`` and ``delta`` are
    empty unless both teams may be shown; named answers carry no limits. ``scores`` never leave the diagnostic.
    """

    block: Block
    n: dict[Group, int]
    mean: dict[Group, Interval]
    gap: Interval
    delta: Interval
    scores: Scores

    @property
    def is_shown(self) -> bool:
        return self.gap.value is not None

    @property
    def size(self) -> Interval:
        """How large is the gap, counted from the team with the lower mean?"""
        return size(self.gap)

    def withheld(self, k: int) -> dict[str, list[Group]]:
        """Why is a team's mean not published, and which teams does that touch?"""
        hidden = [team for team in TEAMS if self.mean[team].value is None]
        few = [team for team in hidden if self.n[team] < k]
        return {f"fewer than {spelled(k)} answered": few, ALIKE: [t for t in hidden if t not in few]}

    @property
    def beyond(self) -> Literal["act", "watch"]:
        return "act" if self.block.block in ACT_BLOCKS else "watch"

    def level(self, limit: float | None) -> Level:
        """How does the gap stand to the agreed limit? No interval is unclear: a mean of answers is never a count."""
        g = self.size
        return "unclear" if g.low is None else judge(g.value, g.low, g.high, limit, "at_most", self.beyond)


def size(gap: Interval) -> Interval:
    """How large is a gap, whichever way it goes? Its limits stay those of the signed gap, seen from its own side."""
    if gap.value is None or gap.value >= 0:
        return gap
    return Interval(-gap.value, None if gap.high is None else -gap.high, None if gap.low is None else -gap.low)


def block_gap(answers: Answers, block: Block, settings: Settings) -> BlockGap:
    """How far apart are the teams on one block? Welch's interval and Cliff's delta, rounded as disclosure asks.

    A team whose scores are all equal counts as if one stood one step away, so that agreement is no false certainty.
    """
    scores = scores_on(answers, block.items, settings)
    mean = {team: scores.interval(team) for team in TEAMS}
    gap = delta = NOTHING
    if all(found.value is not None for found in mean.values()):
        sales, marketing = (scores.of(team).round(9) for team in TEAMS)
        gap, delta = published_gap(scores, *TEAMS), cliff(sales, marketing)
    if settings.survey.mode == "named":
        gap, delta = Interval(gap.value, None, None), Interval(delta.value, None, None)
    return BlockGap(block, {team: scores.n(team) for team in TEAMS}, mean, gap, delta, scores)


def published_gap(scores: Scores, one: Group, other: Group, others: Scores | None = None) -> Interval:
    """How far is the mean of one group above that of another, as published? What is judged is what is published.

    ``others`` holds the other group's scores where they are on other items. Welch's limits rest on people's own means
    and stand around the difference of the groups' means. They keep two decimals: with one, rounding outwards would cost
    as much as every tenth answer.
    """
    others = others or scores
    apart, people = scores.raw_mean(one) - others.raw_mean(other), scores.n(one) + others.n(other)
    found = welch(scores.of(one).round(9), others.of(other).round(9), scores.step)
    return Interval(published_mean(apart, people), *published_limits(*around(found, apart), people, 2))


@dataclass(frozen=True)
class Firmness:
    """How firm is one block's gap?

    ``p`` is the chance of a gap as wide by shuffling people between the teams, ``p_holm`` with all blocks in mind,
    ``how`` it was found. ``if_silent`` is the gap had all who stayed silent answered as the other team did;
    ``careful_level`` and ``careful`` are level and gap without those who may have answered without care, the gap only
    where leaving them out gives no small group away. None: not known, or nobody was left out.
    """

    p: float | None
    p_holm: float | None
    how: str
    if_silent: float | None
    careful: float | None
    careful_level: Level | None


def firmness(
    answers: Answers, gaps: list[BlockGap], asked: dict[Group, int | None], settings: Settings
) -> list[Firmness]:
    """How firm is each gap: against chance (permutation, Holm), against silence, and against careless answers?

    ``asked`` is how many of each team were invited. Named answers are not tested: nothing is inferred from them.
    """
    flagged = careless(answers).any(axis=1).to_numpy(dtype=bool)
    limit, kept = settings.thresholds.get("survey_gap"), answers.keep(~flagged)
    tested = [gap.is_shown and settings.survey.mode == "anonymous" for gap in gaps]
    chances = [_chance(gap) if is_tested else None for gap, is_tested in zip(gaps, tested, strict=True)]
    holm = iter(permutation.holm([c.p for c in chances if c is not None and c.p is not None]))
    found = []
    for gap, chance in zip(gaps, chances, strict=True):
        careful, level = None, None
        if flagged.any() and gap.is_shown:
            again = block_gap(kept, gap.block, settings)
            level = again.level(limit) if again.is_shown else None
            careful = again.gap.value if is_safe_without(gap, again, settings.survey.least) else None
        p = None if chance is None else chance.p
        found.append(Firmness(
            p=p, p_holm=None if p is None else next(holm), how="" if chance is None else chance.how,
            if_silent=_if_silent(gap, asked), careful=careful, careful_level=level,
        ))  # fmt: skip
    return found


def _chance(gap: BlockGap) -> permutation.Chance:
    # means of up to n answers lie on a grid of 1/lcm(1..n); beyond eight items the grid would be finer than any score
    grid = 1 / lcm(*range(1, min(gap.scores.items, 8) + 1))
    sales, marketing = (gap.scores.of(team) for team in TEAMS)
    return permutation.two_groups(sales, marketing, grid)


def _if_silent(gap: BlockGap, asked: dict[Group, int | None]) -> float | None:
    """Each team's mean moves towards the other's by the share that stayed silent."""
    rates = [gap.n[team] / n for team in TEAMS if (n := asked.get(team)) and gap.n[team] <= n]
    if gap.gap.value is None or len(rates) < len(TEAMS):
        return None
    return published_mean(gap.gap.value * (sum(rates) - 1), 1)


def is_safe_without(gap: BlockGap, again: BlockGap, least: int) -> bool:
    """Is no small group told by the difference between the two? Those left out are none, or enough, in each team."""
    left = [gap.n[team] - again.n[team] for team in TEAMS]
    return again.is_shown and all(n == 0 or n >= least for n in left) and any(left)


def in_order(gaps: list[BlockGap]) -> list[int]:
    """In which order are gaps read? The widest first, those withheld last."""
    return [int(i) for i in np.argsort([-(g.size.value or 0) if g.is_shown else 9.0 for g in gaps], kind="stable")]
