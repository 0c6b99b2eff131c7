"""One score a person, and what may be said of each group: means, counts and limits as published."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm

import numpy as np
from numpy.typing import NDArray

from alignlib.diagnostics.survey.answers import GROUPS, ROLES, TEAMS, Answers, People
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
from alignlib.stats import Floats, Interval, mean_interval

# The least variance of one item's answers on five steps that an interval counts with: below ten people, and from there.
# A team that answered as one, or nearly so, then has the same limits as one in which a few stand a step apart.
SMALL_FLOOR, FLOOR = 0.5, 0.2


@dataclass(frozen=True)
class Scores:
    """What did each person answer, on one item or on a block, and of which groups may it be said?

    ``people`` are those who answered, ``given`` their answers, one column an item, between ``low`` and ``high``. A
    group's mean is the mean of its item means, so that a block's mean says nothing that its items' means do not. The
    total holds those without a named team as well. ``least`` is the smallest group of which a figure is shown,
    ``hidden`` are groups withheld for what stands beside them, ``absent`` teams of whom nobody answered anything.
    """

    people: People
    given: Floats
    least: int
    low: float = 1.0
    high: float = 5.0
    hidden: frozenset[Group] = frozenset()
    absent: frozenset[Group] = frozenset()

    @property
    def items(self) -> int:
        return int(self.given.shape[1])

    @cached_property
    def own(self) -> Floats:
        """What is each person's own mean over the items they answered?"""
        return _row_means(self.given)

    @cached_property
    def values(self) -> Floats:
        """How does each person score, for spread, tests and effect sizes? The same as ``own`` where all items were
        answered; else each answer is taken from its item's mean, so that who skipped a popular item does not score low.
        The means are those of the groups that are shown: nobody who is withheld moves a figure.
        """
        if not np.isnan(self.given).any():
            return self.own
        shown: Iterable[Group] = self._published or ("total",)
        told = self.given[np.any([self.rows(group) for group in shown], axis=0)]
        there = ~np.isnan(told)
        means = np.where(there, told, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        found: Floats = _row_means(self.given - means) + means[there.any(axis=0)].mean()
        return found

    def least_variance(self, group: Group) -> float:
        """With which variance of scores does a group count at least, so that no limit tells that all answered alike?"""
        floor = SMALL_FLOOR if self.n(group) < SPREAD_FROM else FLOOR
        return float(floor / self.items * ((self.high - self.low) / 4) ** 2)

    def rows(self, group: Group) -> NDArray[np.bool_]:
        return self.people.groups[group]

    def of(self, group: Group) -> Floats:
        return self.values[self.rows(group)]

    def n(self, group: Group) -> int:
        return self._sizes[group]

    @cached_property
    def _sizes(self) -> dict[Group, int]:
        return {group: int(np.count_nonzero(rows)) for group, rows in self.people.groups.items()}

    @cached_property
    def _counts(self) -> dict[Group, list[int]]:
        """How many of each group answered each item?"""
        groups = self.people.groups
        found = np.array([*groups.values()], dtype=np.int64) @ ~np.isnan(self.given)
        return dict(zip(groups, found.tolist(), strict=True))

    def raw_mean(self, group: Group) -> float:
        return self._means[group]

    @cached_property
    def _means(self) -> dict[Group, float]:
        """What is the mean of the item means, of each group that may be shown at all?"""
        given, found = np.where(np.isnan(self.given), 0.0, self.given), dict[Group, float]()
        for group in self.shown:
            sums, counts = given[self.rows(group)].sum(axis=0).tolist(), self._counts[group]
            if self.n(group):
                found[group] = float(np.mean([total / n for total, n in zip(sums, counts, strict=True) if n]))
        return found

    def members(self, group: Group) -> dict[str, float]:
        """Who is in this group, and with which score? For the release log alone."""
        codes = self.people.codes[self.rows(group)].tolist()
        return dict(zip(codes, self.own[self.rows(group)].tolist(), strict=True))

    @cached_property
    def shown(self) -> frozenset[Group]:
        """Of which groups may a statistic be published? Of roles only where enough of each answered every item."""
        sales, marketing, everybody = (self.n(group) for group in GROUPS)
        found = set(releasable(sales, marketing, everybody - sales - marketing, self.least))
        if self.least > 1 and any(self.n(team) == 0 and team not in self.absent for team in TEAMS):
            found.discard("total")  # beside the other team it would tell that nobody of this one answered
        for team in found & set(TEAMS):
            pair = [role for role in ROLES if role.startswith(team)]
            counts = [[self.n(group), *self._counts[group]] for group in (*pair, team)]
            cells = [(a, b, n - a - b) for a, b, n in zip(*counts, strict=True)]
            if all(len(roles_releasable(*cell, self.least)) for cell in cells):
                found |= set(pair)
        return frozenset(found)

    @cached_property
    def alike(self) -> frozenset[Group]:
        """Whose mean is withheld, for it would tell that all answered alike? With it whatever would give that mean."""
        if self.least == 1:  # named answers hide nothing
            return frozenset()
        means = {group: (mean, self.n(group)) for group, mean in self._means.items()}
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
        counts = [count for count in self._counts[group] if count]
        return self.n(group) / min(counts) / len(counts)

    def _grid(self, group: Group) -> float:
        """Of what are a group's sums multiples, whole answers given?"""
        counts = [count for count in self._counts[group] if count]
        return self.n(group) / (len(counts) * lcm(*counts)) if counts else 1.0

    def count(self, group: Group) -> int | None:
        """How many are in this group, as published? None: withheld, like the mean. An absent team may be called so."""
        return 0 if group in self.absent else None if self.mean(group) is None else self.n(group)

    def mean(self, group: Group) -> float | None:
        """What is this group's mean, as published? None: withheld, or nobody answered."""
        return self._published.get(group)

    @cached_property
    def _published(self) -> dict[Group, float]:
        shown = self._means.keys() - self.alike - self.hidden
        return {group: published_mean(self._means[group], self.n(group)) for group in shown}

    def interval(self, group: Group) -> Interval:
        """Which mean of this group is published, with limits from ten answers on, which stay on the scale?"""
        value, n = self.mean(group), self.n(group)
        if value is None or n < SPREAD_FROM or self.least == 1:
            return Interval(value, None, None)
        found = mean_interval(self.of(group), self.least_variance(group))
        low, high = published_limits(*around(found, self.raw_mean(group)), n)
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


def _row_means(given: Floats) -> Floats:
    there = ~np.isnan(given)
    found: Floats = np.where(there, given, 0.0).sum(axis=1) / there.sum(axis=1)
    return found


def scores_on(answers: Answers, items: Iterable[Item], settings: Settings) -> Scores:
    """What did people answer on these items, reverse items turned round, of those asked?"""
    items = answers.asked(items)
    given = answers.columns(items)
    rows: NDArray[np.intp] = np.flatnonzero(~np.isnan(given).all(axis=1)) if items else np.array([], dtype=np.intp)
    low, high = (items[0].low, items[0].high) if items else (1.0, 5.0)
    return Scores(answers.people.keep(rows), given[rows], settings.survey.least, low, high, absent=_absent(answers))


def turnout(answers: Answers, settings: Settings) -> Scores:
    """Who answered at all? A score that is the same for everybody and tells nothing."""
    nothing = np.zeros((len(answers), 1))
    return Scores(answers.people, nothing, settings.survey.least, -1.0, 1.0, absent=_absent(answers))


def _absent(answers: Answers) -> frozenset[Group]:
    return frozenset(team for team in TEAMS if not answers.people.groups[team].any())


def comparable(answers: Answers, items: Iterable[Item], settings: Settings) -> list[Item]:
    """On which of these items can the teams be compared: answered by enough people of each team that is shown at all?

    An item that one team could not answer would set its answers against other questions of the other team.
    """
    asked, teams, least = answers.asked(items), [answers.people.groups[team] for team in TEAMS], settings.survey.least
    given = ~np.isnan(answers.columns(asked))
    counts = [given[rows].sum(axis=0).tolist() for rows in teams if np.count_nonzero(rows) >= least]
    return [item for at, item in enumerate(asked) if all(n[at] >= least for n in counts)]


def as_asked(item: Item) -> Item:
    """How does an item count in its own words: not turned round?"""
    return replace(item, reverse=False)


def item_scores(answers: Answers, settings: Settings, items: Iterable[Item]) -> dict[str, Scores]:
    """How did people answer each of these items, as asked?

    Of a block, of the ranks and of the points, a team's items are shown all or none: with one of them withheld, the
    block's mean (or the sum, which everybody's ranks and points have in common) beside the others would give it away.
    With the team's items goes the total's.
    """
    found = {item.item: scores_on(answers, [as_asked(item)], settings) for item in answers.asked(items)}
    instrument = read_instrument()
    blocks = [block.items for block in instrument.blocks if any(item.item in found for item in block.items)]
    sets = [*(comparable(answers, block, settings) for block in blocks), instrument.of("rank"), answers.points]
    for each in sets:
        own = [i.item for i in each if i.item in found]
        shown = {team: [found[item].mean(team) is not None for item in own] for team in TEAMS}
        torn: frozenset[Group] = frozenset(team for team in TEAMS if any(shown[team]) and not all(shown[team]))
        for code in own if torn else ():
            found[code] = replace(found[code], hidden=torn | {"total"})
    return found
