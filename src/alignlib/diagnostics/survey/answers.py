"""Who answered what: one score a person, and what may be said of each group."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pandas as pd

from alignlib.disclosure import SPREAD_FROM, Group, ReleaseLog, published_limits, published_mean, releasable, tells_all
from alignlib.engagement import Settings
from alignlib.instrument import Block, Item, read_instrument
from alignlib.intake.tables import Tables
from alignlib.stats import NOTHING, Floats, Interval, Level, cliff, judge, mean_interval, welch
from alignlib.words import spelled

TEAMS: tuple[Group, Group] = ("sales", "marketing")
GROUPS: tuple[Group, ...] = (*TEAMS, "total")
# A gap on these blocks breaks the handover itself and calls for action; on the others it calls for attention.
ACT_BLOCKS = {"common_language", "handoff", "follow_up"}
ALIKE = "protects those who answered"  # neutral: to say that all answered alike would tell what they answered
_ANSWERS = """
with given as (
    select r.respondent_id, {team} as named, coalesce(r.wave, '') as wave, r.item, r.answer,
           coalesce(r.cannot_say, false) as cannot_say
    from responses r {join}
)
select respondent_id, case when min(named) over person = max(named) over person then min(named) over person end as team,
       item, case when not cannot_say then answer end as answer
from given window person as (partition by respondent_id)
qualify rank() over (order by try_cast(wave as double) desc nulls last, wave desc) = 1
    and (answer is not null or cannot_say)
order by respondent_id, item
"""


def read_answers(tables: Tables) -> pd.DataFrame:
    """Who answered which item how: respondent_id, team (missing when not named), item, answer (missing: cannot say)?

    A person's team comes from the answers, else from ``respondents``; a person under two teams counts as not named.
    Of several rounds (waves) only the last is read.
    """
    if not tables.has("responses"):
        return pd.DataFrame(columns=["respondent_id", "team", "item", "answer"])
    listed = tables.has("respondents")
    team = "coalesce(r.team, p.team)" if listed else "r.team"
    join = "left join respondents p on p.respondent_id = r.respondent_id" if listed else ""
    return tables.query(_ANSWERS.format(team=team, join=join))


@dataclass(frozen=True)
class Scores:
    """What did each person answer, on one item or on a block's mean, and of which groups may it be said?

    ``people``: one row a person who answered, with ``respondent_id``, ``team`` and ``score`` (1-5). The total holds
    those without a named team as well.
    """

    people: pd.DataFrame
    smallest_group: int

    def rows(self, group: Group) -> pd.DataFrame:
        return self.people if group == "total" else self.people[self.people["team"] == group]

    def of(self, group: Group) -> Floats:
        return self.rows(group)["score"].to_numpy(dtype=float)

    def n(self, group: Group) -> int:
        return len(self.rows(group))

    @cached_property
    def shown(self) -> frozenset[Group]:
        """Of which groups may a statistic be published?"""
        sales, marketing, everybody = (self.n(group) for group in GROUPS)
        return releasable(sales, marketing, everybody - sales - marketing, self.smallest_group)

    @cached_property
    def alike(self) -> frozenset[Group]:
        """Whose mean is withheld, for a small team all answered alike? Also the total's: it would give the team's."""
        found = frozenset(group for group in self.shown if tells_all(self.of(group).mean(), self.n(group)))
        return found | {"total"} if found else found

    def count(self, group: Group) -> int | None:
        """How many are in this group, as published? None: withheld. That a team is empty may always be said."""
        n = self.n(group)
        return n if group in self.shown or (n == 0 and group != "total") else None

    def mean(self, group: Group) -> float | None:
        """What is this group's mean, as published? None: withheld, or nobody answered."""
        if group not in self.shown - self.alike:
            return None
        return published_mean(float(self.of(group).mean()), self.n(group))


def scores_on(answers: pd.DataFrame, items: Iterable[Item], settings: Settings) -> Scores:
    """What is each person's score on these items: the mean of those they answered, reverse items turned round?"""
    reverse = {item.item: item.reverse for item in items}
    rows = answers[answers["item"].isin(reverse) & answers["answer"].notna()]
    score = rows["answer"].where(~rows["item"].map(reverse).astype(bool), 6 - rows["answer"])
    people = rows.assign(score=score).groupby("respondent_id", as_index=False).agg({"team": "first", "score": "mean"})
    return Scores(people, settings.survey.smallest_group)


def item_scores(answers: pd.DataFrame, settings: Settings) -> dict[str, Scores]:
    """How did each person answer each item, as asked? The instrument's items in its order, then others by name."""
    given, ours = set(answers["item"]), list(read_instrument().items)
    items = [item for item in ours if item in given] + sorted(given - set(ours))
    return {item: scores_on(answers, [Item(item, text=item)], settings) for item in items}


@dataclass(frozen=True)
class BlockGap:
    """How far do the teams stand apart on one block, as published? ``gap`` and ``delta`` are Sales less Marketing.

    ``mean`` has a value for each team that may be shown, and limits from ten people on. ``gap`` and ``delta`` are
    empty unless both teams may be shown; named answers carry no limits.
    """

    block: Block
    n: dict[Group, int]
    mean: dict[Group, Interval]
    gap: Interval
    delta: Interval

    @property
    def is_shown(self) -> bool:
        return self.gap.value is not None

    @property
    def size(self) -> Interval:
        """How large is the gap, counted from the team with the lower mean?"""
        g = self.gap
        if g.value is None or g.value >= 0:
            return g
        return Interval(-g.value, None if g.high is None else -g.high, None if g.low is None else -g.low)

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


def block_gap(answers: pd.DataFrame, block: Block, settings: Settings) -> BlockGap:
    """How far apart are the teams on one block? Welch's interval and Cliff's delta, rounded as disclosure asks.

    A team whose scores are all equal counts as if one stood one step away, so that agreement is no false certainty.
    """
    scores, step = scores_on(answers, block.items, settings), 1 / len(block.items)
    mean = {team: _team_mean(scores, team, step) for team in TEAMS}
    gap = delta = NOTHING
    if all(found.value is not None for found in mean.values()):
        sales, marketing = (scores.of(team).round(9) for team in TEAMS)
        gap, delta = published_gap(sales, marketing, step), cliff(sales, marketing)
    if settings.survey.mode == "named":
        mean = {team: Interval(found.value, None, None) for team, found in mean.items()}
        gap, delta = Interval(gap.value, None, None), Interval(delta.value, None, None)
    return BlockGap(block, {team: scores.n(team) for team in TEAMS}, mean, gap, delta)


def _team_mean(scores: Scores, team: Group, step: float) -> Interval:
    """Limits stay on the scale: an answer below 1 or above 5 does not exist."""
    value, n = scores.mean(team), scores.n(team)
    if value is None or n < SPREAD_FROM:
        return Interval(value, None, None)
    found = mean_interval(scores.of(team), step)
    low, high = published_limits(found.low, found.high, n)
    return Interval(value, max(low or 1.0, 1.0), min(high or 5.0, 5.0))


def published_gap(sales: Floats, marketing: Floats, step: float) -> Interval:
    """How far is the mean of Sales above that of Marketing, as published? What is judged is what is published.

    The limits keep two decimals: with one, rounding outwards would cost as much as every tenth answer.
    """
    found, people = welch(sales, marketing, step), len(sales) + len(marketing)
    value = None if found.value is None else published_mean(found.value, people)
    return Interval(value, *published_limits(found.low, found.high, people, 2))


def item_means(tables: Tables, settings: Settings) -> pd.DataFrame:
    """What does each group answer on average, item by item, as asked?

    One row an item and group (sales, marketing, total) of any survey. Columns: item, team, n (people who answered),
    mean (1-5; one decimal below a hundred people); missing when withheld or unanswered. "Cannot say" is no answer.
    """
    scores = item_scores(read_answers(tables), settings)
    rows = [(item, group, of.count(group), of.mean(group)) for item, of in scores.items() for group in GROUPS]
    return pd.DataFrame(rows, columns=["item", "team", "n", "mean"]).astype({"n": "Int64", "mean": "Float64"})


def release_log(tables: Tables, settings: Settings) -> ReleaseLog:
    """Which figures about people does this diagnostic publish, and on whom does each rest? For the private folder."""
    answers, log = read_answers(tables), ReleaseLog()
    items = ((f"survey.item.{item}", scores, GROUPS) for item, scores in item_scores(answers, settings).items())
    posed = ((b.block, scores_on(answers, b.items, settings)) for b in read_instrument().blocks)
    for key, scores, groups in (*items, *((f"survey.block.{block}", scores, TEAMS) for block, scores in posed)):
        for group in groups:
            if scores.mean(group) is not None:
                log.add(key, group, frozenset(scores.rows(group)["respondent_id"]))
    return log
