"""Who answered what: one score a person, and what may be said of each group."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from alignlib.disclosure import (
    SPREAD_FROM,
    Group,
    ReleaseLog,
    published_limits,
    published_mean,
    releasable,
)
from alignlib.engagement import Settings
from alignlib.instrument import Block, read_instrument
from alignlib.intake.tables import Tables
from alignlib.stats import NOTHING, Floats, Interval, cliff, mean_interval, welch

TEAMS: tuple[Group, Group] = ("sales", "marketing")
GROUPS: tuple[Group, Group, Group] = ("sales", "marketing", "total")
_ANSWERS = """
with given as (
    select r.respondent_id, {team} as team, coalesce(r.wave, '') as wave, r.item, r.answer,
           coalesce(r.cannot_say, false) as cannot_say
    from responses r {join}
), people as (
    select respondent_id, case when count(distinct team) = 1 then max(team) end as team from given group by 1
), last_wave as (
    select wave from given order by try_cast(wave as double) desc nulls last, wave desc limit 1
)
select respondent_id, people.team, item, case when not cannot_say then answer end as answer
from given join people using (respondent_id) join last_wave using (wave)
where answer is not null or cannot_say
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
    return tables.query(
        _ANSWERS.format(
            team="coalesce(r.team, p.team)" if listed else "r.team",
            join="left join respondents p on p.respondent_id = r.respondent_id" if listed else "",
        )
    )


@dataclass(frozen=True)
class Scores:
    """What did each person answer, on one item or on a block's mean, and of which groups may it be said?

    ``people``: one row a person who answered, with ``respondent_id``, ``team`` and ``score`` (1-5).
    """

    people: pd.DataFrame
    smallest_group: int

    def of(self, group: Group) -> Floats:
        """Which scores does this group give? The total holds those without a named team as well."""
        return self._rows(group)["score"].to_numpy(dtype=float)

    def n(self, group: Group) -> int:
        return len(self._rows(group))

    def members(self, group: Group) -> frozenset[str]:
        return frozenset(self._rows(group)["respondent_id"])

    @cached_property
    def shown(self) -> frozenset[Group]:
        """Of which groups may a statistic be published?"""
        sales, marketing, everybody = (self.n(group) for group in GROUPS)
        return releasable(sales, marketing, everybody - sales - marketing, self.smallest_group)

    def mean(self, group: Group) -> float | None:
        """What is this group's mean, as published? None: withheld, or nobody answered."""
        if group not in self.shown or self.n(group) == 0:
            return None
        return published_mean(float(self.of(group).mean()), self.n(group))

    def _rows(self, group: Group) -> pd.DataFrame:
        return self.people if group == "total" else self.people[self.people["team"] == group]


def item_scores(answers: pd.DataFrame, item: str, settings: Settings) -> Scores:
    """How did each person answer one item, as asked (reverse items are *not* turned round)?"""
    rows = answers[(answers["item"] == item) & answers["answer"].notna()]
    return Scores(rows.rename(columns={"answer": "score"}), settings.survey.smallest_group)


def block_scores(answers: pd.DataFrame, block: Block, settings: Settings) -> Scores:
    """What is each person's score on a block: the mean of the items they answered, reverse items turned round?"""
    rows = answers[answers["item"].isin([item.item for item in block.items]) & answers["answer"].notna()]
    turned = rows["item"].isin([item.item for item in block.items if item.reverse])
    score = rows["answer"].where(~turned, 6 - rows["answer"])
    people = rows.assign(score=score).groupby("respondent_id", as_index=False).agg({"team": "first", "score": "mean"})
    return Scores(people, settings.survey.smallest_group)


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

    @property
    def ahead(self) -> tuple[Group, Group]:
        """Which team's mean is higher, and which lower?"""
        return ("sales", "marketing") if (self.gap.value or 0) >= 0 else ("marketing", "sales")


def block_gap(answers: pd.DataFrame, block: Block, settings: Settings) -> BlockGap:
    """How far apart are the teams on one block? Welch's interval and Cliff's delta, rounded as disclosure asks.

    A team whose scores are all equal counts as if one stood one step away, so that agreement is no false certainty.
    """
    scores = block_scores(answers, block, settings)
    named, step = settings.survey.mode == "named", 1 / len(block.items)
    n = {team: scores.n(team) for team in TEAMS}
    mean = {}
    for team in TEAMS:
        spread = n[team] >= SPREAD_FROM and team in scores.shown and not named
        low, high = _limits(mean_interval(scores.of(team), step), n[team]) if spread else (None, None)
        mean[team] = Interval(scores.mean(team), low, high)
    if not set(TEAMS) <= scores.shown or 0 in n.values():
        return BlockGap(block, n, mean, NOTHING, NOTHING)
    sales, marketing = (scores.of(team).round(9) for team in TEAMS)
    gap, delta = published_gap(sales, marketing, step), cliff(sales, marketing)
    if named:
        gap, delta = Interval(gap.value, None, None), Interval(delta.value, None, None)
    return BlockGap(block, n, mean, gap, delta)


def published_gap(sales: Floats, marketing: Floats, step: float) -> Interval:
    """How far is the mean of Sales above that of Marketing, as published? What is judged is what is published.

    The limits keep two decimals: with one, rounding outwards would cost as much as every tenth answer.
    """
    found, people = welch(sales, marketing, step), len(sales) + len(marketing)
    value = None if found.value is None else published_mean(found.value, people)
    return Interval(value, *published_limits(found.low, found.high, people, 2))


def _limits(interval: Interval, n: int) -> tuple[float | None, float | None]:
    """Limits of a mean on the scale: an answer below 1 or above 5 does not exist."""
    low, high = published_limits(interval.low, interval.high, n)
    return None if low is None else max(low, 1.0), None if high is None else min(high, 5.0)


def items_in(answers: pd.DataFrame) -> list[str]:
    """Which items were answered: the instrument's in its order, then the others by name?"""
    given, ours = set(answers["item"]), list(read_instrument().items)
    return [item for item in ours if item in given] + sorted(given - set(ours))


def item_means(tables: Tables, settings: Settings) -> pd.DataFrame:
    """What does each group answer on average, item by item, as asked?

    One row an item and group (sales, marketing, total). Columns: item, team, n (people who answered; missing when
    withheld), mean (1-5; missing when withheld or nobody answered). Works for items of any survey. "Cannot say" is no
    answer. A mean on fewer than a hundred people has one decimal.
    """
    answers = read_answers(tables)
    rows = []
    for item in items_in(answers):
        scores = item_scores(answers, item, settings)
        for group in GROUPS:
            n = scores.n(group)
            known = group in scores.shown or (n == 0 and group != "total")
            rows.append({"item": item, "team": group, "n": n if known else None, "mean": scores.mean(group)})
    return pd.DataFrame(rows, columns=["item", "team", "n", "mean"]).astype({"n": "Int64", "mean": "Float64"})


def release_log(tables: Tables, settings: Settings) -> ReleaseLog:
    """Which figures about people does this diagnostic publish, and on whom does each rest? For the private folder."""
    answers, log = read_answers(tables), ReleaseLog()
    given = {f"survey.item.{item}": item_scores(answers, item, settings) for item in items_in(answers)}
    for block in read_instrument().blocks:
        given[f"survey.block.{block.block}"] = block_scores(answers, block, settings)
    for key, scores in given.items():
        groups = TEAMS if key.startswith("survey.block.") else GROUPS
        for group in groups:
            if group in scores.shown and scores.n(group):
                log.add(key, group, scores.members(group))
    return log
