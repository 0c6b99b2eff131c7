"""How far do the teams stand apart on one block, how sure is that, and how much hangs on who stayed silent?"""

from dataclasses import dataclass
from typing import Literal

from alignlib import permutation
from alignlib.diagnostics.survey.answers import TEAMS, Answers
from alignlib.diagnostics.survey.scores import Scores, around, comparable, scores_on
from alignlib.disclosure import SPREAD_FROM, Group, published_limits, published_mean
from alignlib.engagement import Settings
from alignlib.instrument import Block
from alignlib.stats import NOTHING, Interval, Level, cliff, judge, welch
from alignlib.words import spelled

# A gap on these blocks breaks the handover itself and calls for action; on the others it calls for attention.
ACT_BLOCKS = {"common_language", "handoff", "follow_up"}
GRID = 120
ALIKE = "protects those who answered"  # neutral: to say that all answered alike would tell what they answered


@dataclass(frozen=True)
class BlockGap:
    """How far do the teams stand apart on one block, as published? ``gap`` and ``delta`` are Sales less Marketing.

    ``mean`` has a value for each team that may be shown, and limits from ten people on. ``gap`` is empty unless both
    teams may be shown, ``delta`` unless both have ten people, for fewer it tells too much of single answers. On items
    that enough people of both teams answered. Named answers carry no limits. ``scores`` never leave the diagnostic.
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
    def is_large(self) -> bool:
        """Do both teams have enough people for figures that speak of single answers: delta, and the value of p?"""
        return all(self.n[team] >= SPREAD_FROM for team in TEAMS)

    @property
    def size(self) -> Interval:
        """How large is the gap, counted from the team with the lower mean?"""
        return size(self.gap)

    @property
    def withheld(self) -> dict[Group, str]:
        """Which teams' means are not published, and why?"""
        few = f"fewer than {spelled(self.scores.least)} answered"
        hidden = [team for team in TEAMS if self.mean[team].value is None]
        return {team: few if self.n[team] < self.scores.least else ALIKE for team in hidden}

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

    Each team counts with a least spread, so that agreement is no false certainty and no limit tells of it.
    """
    scores = scores_on(answers, comparable(answers, block.items, settings), settings)
    mean = {team: scores.interval(team) for team in TEAMS}
    gap = delta = NOTHING
    if all(found.value is not None for found in mean.values()):
        gap = published_gap(scores, *TEAMS)
        if all(scores.n(team) >= SPREAD_FROM for team in TEAMS) and settings.survey.mode == "anonymous":
            delta = cliff(*(scores.of(team).round(9) for team in TEAMS))
    if settings.survey.mode == "named":
        gap = Interval(gap.value, None, None)
    return BlockGap(block, {team: scores.n(team) for team in TEAMS}, mean, gap, delta, scores)


def published_gap(scores: Scores, one: Group, other: Group, others: Scores | None = None) -> Interval:
    """How far is the mean of one group above that of another, as published? What is judged is what is published.

    ``others`` holds the other group's scores where they are on other items. Welch's limits rest on people's own means
    and stand around the difference of the groups' means. They keep two decimals: with one, rounding outwards would cost
    as much as every tenth answer.
    """
    others = others or scores
    apart, people = scores.raw_mean(one) - others.raw_mean(other), scores.n(one) + others.n(other)
    least = scores.least_variance(one), others.least_variance(other)
    found = welch(scores.of(one).round(9), others.of(other).round(9), least)
    return Interval(published_mean(apart, people), *published_limits(*around(found, apart), people, 2))


def chance(gap: BlockGap) -> float:
    """How often would people shuffled between the teams stand as far apart? The p of a gap that is shown.

    Scores are multiples of 1/120 where all items were answered (blocks have few items), else rounded to them.
    """
    sales, marketing = ((gap.scores.of(team) * GRID).round() / GRID for team in TEAMS)
    return permutation.two_groups(sales, marketing, 1 / GRID).p or 1.0  # no team is empty, so there is one


def if_silent(gap: BlockGap, invited: dict[Group, int | None]) -> float | None:
    """How wide is the gap if all who stayed silent answered as the other team did? None: nobody counted them.

    Each team's mean moves towards the other's by the share that stayed silent.
    """
    rates = [gap.n[team] / n for team in TEAMS if (n := invited.get(team)) and gap.n[team] <= n]
    if gap.gap.value is None or len(rates) < len(TEAMS):
        return None
    return published_mean(gap.gap.value * (sum(rates) - 1), 1)


def in_order(gaps: list[BlockGap]) -> list[BlockGap]:
    """In which order are gaps read? The widest first, those withheld last."""
    return sorted(gaps, key=lambda gap: -(gap.size.value or 0) if gap.is_shown else 9.0)
