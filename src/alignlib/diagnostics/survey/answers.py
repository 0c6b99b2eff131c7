"""Who answered what: one score a person, and what may be said of each group."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignlib.disclosure import (
    SPREAD_FROM,
    Group,
    published_limits,
    published_mean,
    releasable,
    roles_releasable,
    tells_all,
    told_alike,
)
from alignlib.engagement import Settings
from alignlib.instrument import Item, read_instrument
from alignlib.intake.tables import Tables
from alignlib.stats import Floats, Interval, mean_interval

TEAMS: tuple[Group, Group] = ("sales", "marketing")
GROUPS: tuple[Group, ...] = (*TEAMS, "total")
ROLES: tuple[Group, ...] = ("sales.leader", "sales.staff", "marketing.leader", "marketing.staff")
LONG_ENOUGH = 10  # answers from which "always the same" says something about care
_GIVEN = """
with given as (
    select r.respondent_id, {team} as team, {role} as role, r.is_hasty, coalesce(r.wave, '') as wave, r.item, r.answer,
           coalesce(r.cannot_say, false) as cannot_say
    from responses r {join}
), last as (
    select * from given
    qualify rank() over (order by try_cast(wave as double) desc nulls last, wave desc) = 1
)
"""
_PEOPLE = """
select respondent_id, case when min(team) = max(team) then min(team) end as team,
       case when min(role) = max(role) then min(role) end as role, coalesce(bool_or(is_hasty), false) as is_hasty
from last where answer is not null or cannot_say group by respondent_id order by respondent_id
"""
_REPLIES = """
select dense_rank() over (order by respondent_id) - 1 as person, item, answer
from last where answer is not null or cannot_say
"""


@dataclass(frozen=True)
class Answers:
    """Who answered what in the last round? One row a person, one column an item.

    ``people``: respondent_id, team and role (missing when not named, or named in two ways), is_hasty. ``values`` are
    the answers (NaN: none, or "cannot say"), ``replied`` says where a person answered or chose "cannot say".
    """

    people: pd.DataFrame
    items: list[str]
    values: Floats
    replied: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.people)

    def asked(self, items: Iterable[Item]) -> list[Item]:
        """Which of these items did anybody answer?"""
        return [item for item in items if item.item in self._given]

    @cached_property
    def _given(self) -> frozenset[str]:
        return frozenset(i for i, given in zip(self.items, self.values.T, strict=True) if not np.isnan(given).all())

    def columns(self, items: Iterable[Item]) -> Floats:
        """What did people answer to these items, reverse items turned round? One row a person, one column an item."""
        place, nobody = {item: at for at, item in enumerate(self.items)}, np.full(len(self), np.nan)
        found = [(self.values[:, place[i.item]] if i.item in place else nobody, i) for i in items]
        turned = [i.low + i.high - values if i.reverse else values for values, i in found]
        return np.column_stack(turned) if turned else np.empty((len(self), 0))

    def keep(self, rows: NDArray[np.bool_]) -> "Answers":
        """What did these people answer?"""
        return Answers(self.people[rows].reset_index(drop=True), self.items, self.values[rows], self.replied[rows])


def read_answers(tables: Tables) -> Answers:
    """Who answered which item how, in the last round?

    A person's team and role come from the answers, else from ``respondents``; a person under two teams counts as not
    named. Of several rounds (waves) only the last is read. People who only left a comment are not among them.
    """
    if not tables.has("responses"):
        nobody = pd.DataFrame(columns=["respondent_id", "team", "role", "is_hasty"])
        return Answers(nobody, [], np.empty((0, 0)), np.empty((0, 0), dtype=bool))
    people = tables.query(_sql(tables) + _PEOPLE)
    rows = tables.query(_sql(tables) + _REPLIES)
    codes, items = pd.factorize(rows["item"], sort=True)
    values, replied = np.full((len(people), len(items)), np.nan), np.zeros((len(people), len(items)), dtype=bool)
    person = rows["person"].to_numpy(dtype=np.int64)
    values[person, codes] = rows["answer"].to_numpy(dtype=float)
    replied[person, codes] = True
    return Answers(people, [str(item) for item in items], values, replied)


def _sql(tables: Tables) -> str:
    listed = tables.has("respondents")
    join = "left join respondents p on p.respondent_id = r.respondent_id" if listed else ""
    team, role = ((f"coalesce(r.{name}, p.{name})" if listed else f"r.{name}") for name in ("team", "role"))
    return _GIVEN.format(team=team, role=role, join=join)


def last_wave(tables: Tables) -> str:
    """Which round of the survey is reported? Empty when there is one without a name."""
    if not tables.has("responses"):
        return ""
    return str(tables.query(_sql(tables) + "select any_value(wave) as wave from last")["wave"].iloc[0])


@dataclass(frozen=True)
class Scores:
    """What did each person answer, on one item or on a block, and of which groups may it be said?

    ``people`` are those who answered, ``given`` their answers, one column an item, between ``low`` and ``high``. A
    group's mean is the mean of its item means, so that a block's mean says nothing that its items' means do not. The
    total holds those without a named team as well. ``least`` is the smallest group of which a figure is shown,
    ``hidden`` are groups withheld for what stands beside them.
    """

    people: pd.DataFrame
    given: Floats
    least: int
    low: float = 1.0
    high: float = 5.0
    hidden: frozenset[Group] = frozenset()

    @property
    def items(self) -> int:
        return int(self.given.shape[1])

    @property
    def step(self) -> float:
        """How far from an end of the scale does the mean of all items lie at least that is not at it?"""
        return 1 / self.items

    @cached_property
    def values(self) -> Floats:
        """What is each person's own mean over the items they answered? For spread, tests and effect sizes."""
        there = ~np.isnan(self.given)
        found: Floats = np.where(there, self.given, 0.0).sum(axis=1) / there.sum(axis=1)
        return found

    @cached_property
    def _teams(self) -> dict[Group, NDArray[np.bool_]]:
        team, role = (self.people[name].to_numpy(dtype=object) for name in ("team", "role"))
        found: dict[Group, NDArray[np.bool_]] = {"total": np.ones(len(team), dtype=bool)}
        for name in TEAMS:
            found[name] = team == name
            found |= {group: found[name] & (role == group.split(".")[1]) for group in ROLES if group.startswith(name)}
        return found

    def rows(self, group: Group) -> NDArray[np.bool_]:
        return self._teams[group]

    def of(self, group: Group) -> Floats:
        return self.values[self.rows(group)]

    def n(self, group: Group) -> int:
        return int(self.rows(group).sum())

    def counts(self, group: Group) -> NDArray[np.int64]:
        """How many of a group answered each item?"""
        found: NDArray[np.int64] = (~np.isnan(self.given[self.rows(group)])).sum(axis=0)
        return found

    def weighed(self, group: Group) -> Floats:
        """How much does each person of a group add, so that the mean of it is the mean of the item means?"""
        given, counts = self.given[self.rows(group)], self.counts(group)
        weights = np.where(counts > 0, len(given) / np.maximum(counts, 1) / max((counts > 0).sum(), 1), 0.0)
        found: Floats = (np.where(np.isnan(given), 0.0, given) * weights).sum(axis=1)
        return found

    def raw_mean(self, group: Group) -> float:
        return float(self.weighed(group).mean())

    def members(self, group: Group) -> dict[str, float]:
        """Who is in this group, and what does each add to its mean? For the release log alone."""
        codes = self.people["respondent_id"].to_numpy(dtype=object)[self.rows(group)].tolist()
        return dict(zip(codes, self.weighed(group).tolist(), strict=True))

    @cached_property
    def shown(self) -> frozenset[Group]:
        """Of which groups may a statistic be published? Of roles only where enough of each answered every item."""
        sales, marketing, everybody = (self.n(group) for group in GROUPS)
        found = set(releasable(sales, marketing, everybody - sales - marketing, self.least))
        for team in found & set(TEAMS):
            pair = [role for role in ROLES if role.startswith(team)]
            counts = [[self.n(group), *self.counts(group).tolist()] for group in (*pair, team)]
            cells = [(a, b, n - a - b) for a, b, n in zip(*counts, strict=True)]
            if all(len(roles_releasable(*cell, self.least)) for cell in cells):
                found |= set(pair)
        return frozenset(found)

    @cached_property
    def alike(self) -> frozenset[Group]:
        """Whose mean is withheld, for it would tell that all answered alike? With it whatever would give that mean."""
        if self.least == 1:  # named answers hide nothing
            return frozenset()
        means = {group: (self.raw_mean(group), self.n(group)) for group in self.shown if self.n(group)}
        found = {g for g, mean in means.items() if tells_all(*mean, self._largest_step(g), self.low, self.high)}
        for team in TEAMS:
            pair = [role for role in ROLES if role.startswith(team) and role in means]
            parts, grid = [means[role] for role in pair], self._grid(team)
            if pair and ({team, *pair} & found or told_alike(means[team], parts, self._largest_step(team), grid)):
                found |= set(pair)
        teams = [means[team] for team in TEAMS if team in means]
        on_scale = "total" in means and self.items == 1 and (self.low, self.high) == (1.0, 5.0)
        if found or (on_scale and told_alike(means["total"], teams)):
            found.add("total")
        return frozenset(found)

    def _largest_step(self, group: Group) -> float:
        """By how much does a group's sum fall at least when one answer, of the item fewest answered, leaves an end?"""
        counts = self.counts(group)
        return self.n(group) / float(counts[counts > 0].min()) / int((counts > 0).sum())

    def _grid(self, group: Group) -> float:
        """Of what are a group's sums multiples, whole answers given?"""
        counts = [int(count) for count in self.counts(group) if count]
        return self.n(group) / (len(counts) * lcm(*counts)) if counts else 1.0

    def count(self, group: Group) -> int | None:
        """How many are in this group, as published? None: withheld. That a team is empty may always be said."""
        n = self.n(group)
        return n if group in self.shown or (n == 0 and group != "total") else None

    def mean(self, group: Group) -> float | None:
        """What is this group's mean, as published? None: withheld, or nobody answered."""
        if group not in self.shown - self.alike - self.hidden or not self.n(group):
            return None
        return published_mean(self.raw_mean(group), self.n(group))

    def interval(self, group: Group) -> Interval:
        """Which mean of this group is published, with limits from ten answers on, which stay on the scale?"""
        value, n = self.mean(group), self.n(group)
        if value is None or n < SPREAD_FROM or self.least == 1:
            return Interval(value, None, None)
        low, high = published_limits(*around(mean_interval(self.of(group), self.step), self.raw_mean(group)), n)
        low, high = self.low if low is None else low, self.high if high is None else high
        return Interval(value, max(low, self.low), min(high, self.high))


def around(found: Interval, centre: float) -> tuple[float | None, float | None]:
    """Which limits has this interval once it stands around another centre?

    >>> around(Interval(3.0, 2.5, 3.5), 3.25)
    (2.75, 3.75)
    """
    if found.value is None or found.low is None or found.high is None:
        return None, None
    return found.low + centre - found.value, found.high + centre - found.value


def scores_on(answers: Answers, items: Iterable[Item], settings: Settings) -> Scores:
    """What did people answer on these items, reverse items turned round, of those asked?"""
    items = answers.asked(items)
    given = answers.columns(items)
    rows: NDArray[np.intp] = np.flatnonzero(~np.isnan(given).all(axis=1)) if items else np.array([], dtype=np.intp)
    low, high = (items[0].low, items[0].high) if items else (1.0, 5.0)
    return Scores(answers.people.iloc[rows], given[rows], settings.survey.least, low, high)


def item_scores(answers: Answers, settings: Settings, items: Iterable[Item]) -> dict[str, Scores]:
    """How did people answer each of these items, as asked?

    Of a block, a team's items are shown all or none: with one of them withheld, the block's mean beside the others
    would give it away. With the team's items goes the total's.
    """
    found = {
        i.item: scores_on(answers, [Item(i.item, i.text, i.kind, low=i.low, high=i.high)], settings)
        for i in answers.asked(items)
    }
    for block in read_instrument().blocks:
        own = [i.item for i in answers.asked(block.items) if i.item in found]
        shown = {team: [found[item].mean(team) is not None for item in own] for team in TEAMS}
        torn: frozenset[Group] = frozenset(team for team in TEAMS if any(shown[team]) and not all(shown[team]))
        for item in own if torn else ():
            found[item] = replace(found[item], hidden=torn | {"total"})
    return found


def opinions(answers: Answers) -> list[Item]:
    """Which items are statements to agree with? Those of the instrument in its order, then others by name."""
    instrument = read_instrument()
    known = [*instrument.of("agree"), *instrument.of("conversation")]
    foreign = [item for item in answers.items if instrument.find(item) is None]
    return [*known, *(Item(item, item) for item in foreign)]


def careless(answers: Answers) -> pd.DataFrame:
    """Who may have answered without care? One row a person, one flag a column; nobody is left out for it.

    is_partial: replied to fewer than half of the statements. is_straight: at least ten statements, all answered alike,
    one of them turned round among them. is_repeat: at least ten, answered exactly as somebody else before.
    is_hasty: less than two seconds an item. Sources: Johnson 2005 (long strings); Huang et al. 2012 (two seconds).
    """
    asked = answers.asked(opinions(answers))
    place = [answers.items.index(item.item) for item in asked]
    values, replied = answers.values[:, place], answers.replied[:, place]
    n, turned = (~np.isnan(values)).sum(axis=1), np.array([item.reverse for item in asked], dtype=bool)
    least, most = (np.where(np.isnan(values), end, values) for end in (np.inf, -np.inf))
    same = least.min(axis=1, initial=np.inf) == most.max(axis=1, initial=-np.inf)
    turns = ~np.isnan(values[:, turned]).all(axis=1) if turned.any() else np.zeros(len(answers), dtype=bool)
    again = pd.DataFrame(values).duplicated().to_numpy() & (n >= LONG_ENOUGH)
    return pd.DataFrame({
        "is_partial": replied.sum(axis=1) < len(asked) / 2, "is_straight": same & (n >= LONG_ENOUGH) & turns,
        "is_repeat": again, "is_hasty": answers.people["is_hasty"].to_numpy(dtype=bool),
    })  # fmt: skip


def item_means(tables: Tables, settings: Settings) -> pd.DataFrame:
    """What does each group answer on average, item by item, as asked?

    One row an item and group (sales, marketing, total) of any survey. Columns: item, team, n (people who answered),
    mean (1-5; one decimal below a hundred people); missing when withheld or unanswered. "Cannot say" is no answer.
    """
    answers = read_answers(tables)
    scores = item_scores(answers, settings, opinions(answers))
    rows = [(item, group, of.count(group), of.mean(group)) for item, of in scores.items() for group in GROUPS]
    return pd.DataFrame(rows, columns=["item", "team", "n", "mean"]).astype({"n": "Int64", "mean": "Float64"})
