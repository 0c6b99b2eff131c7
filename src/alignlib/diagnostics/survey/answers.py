"""Who answered what: one score a person, and what may be said of each group."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignlib.disclosure import (
    Group,
)
from alignlib.instrument import POINTS, Item, read_instrument
from alignlib.intake.tables import Tables
from alignlib.stats import Floats

TEAMS: tuple[Group, Group] = ("sales", "marketing")
GROUPS: tuple[Group, ...] = (*TEAMS, "total")
ROLES: tuple[Group, ...] = ("sales.leader", "sales.staff", "marketing.leader", "marketing.staff")
LONG_ENOUGH = 10  # answers from which "always the same" says something about care
_GIVEN = """
with given as (
    select r.respondent_id, {team} as team, {role} as role, r.is_hasty, coalesce(r.wave, '') as wave, r.item, r.answer,
           r.comment, coalesce(r.cannot_say, false) as cannot_say
    from responses r {join}
)
"""
_LAST = """, last as (
    select * from given where answer is not null or cannot_say
    qualify rank() over (order by try_cast(wave as double) desc nulls last, wave desc) = 1
)
"""
_PEOPLE = """
select respondent_id, case when min(team) = max(team) then min(team) end as team,
       case when min(role) = max(role) then min(role) end as role, coalesce(bool_or(is_hasty), false) as is_hasty
from last group by respondent_id order by respondent_id
"""
_REPLIES = """
select dense_rank() over (order by respondent_id) - 1 as person, item, answer
from last
"""


@dataclass(frozen=True)
class Answers:
    """Who answered what in the last round? One row a person, one column an item.

    ``people``: respondent_id, team and role (missing when not named, or named in two ways), is_hasty. ``values`` are
    the answers (NaN: none, or "cannot say"), ``replied`` says where a person answered or chose "cannot say". An answer
    that no form offers is left out (``is_torn``). Points over segments are shares of what a person gave in all, in
    hundredths; a segment left empty beside others got none.
    """

    people: pd.DataFrame
    items: list[str]
    values: Floats
    replied: NDArray[np.bool_]
    is_torn: bool = False

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
    people = tables.query(_sql(tables) + _PEOPLE).astype({"team": "category", "role": "category"})  # compared often
    rows = tables.query(_sql(tables) + _REPLIES)
    codes, items = pd.factorize(rows["item"], sort=True)
    values, replied = np.full((len(people), len(items)), np.nan), np.zeros((len(people), len(items)), dtype=bool)
    person = rows["person"].to_numpy(dtype=np.int64)
    values[person, codes] = rows["answer"].to_numpy(dtype=float)
    replied[person, codes] = True
    codes_of = [str(item) for item in items]
    off = np.column_stack([_off_scale(code, values[:, at]) for at, code in enumerate(codes_of)])
    values[off] = np.nan
    points = np.array([code.startswith(POINTS) for code in codes_of])
    shared = np.nansum(values[:, points], axis=1) > 0
    given = np.nan_to_num(values[np.ix_(shared, points)])
    values[np.ix_(shared, points)] = given / given.sum(axis=1, keepdims=True) * 100
    values[np.ix_(~shared, points)] = np.nan
    return Answers(people, codes_of, values, replied, bool(off.any()))


def _off_scale(code: str, values: Floats) -> NDArray[np.bool_]:
    """Which answers does no form offer: beyond the ends of the item, or between two steps of the scale?"""
    item = read_instrument().find(code) or Item(code, code)
    between = values != np.round(values) if item.kind in ("agree", "conversation", "mirror", "rank") else False
    found: NDArray[np.bool_] = (values < item.low) | (values > item.high) | (between & ~np.isnan(values))
    return found


def _sql(tables: Tables) -> str:
    return given_sql(tables) + _LAST


def given_sql(tables: Tables) -> str:
    """Under which SQL do all replies stand as ``given``, with each person's team and role?"""
    listed = tables.has("respondents")
    join = "left join respondents p on p.respondent_id = r.respondent_id" if listed else ""
    team, role = ((f"coalesce(r.{name}, p.{name})" if listed else f"r.{name}") for name in ("team", "role"))
    return _GIVEN.format(team=team, role=role, join=join)


def last_wave(tables: Tables) -> str:
    """Which round of the survey is reported? Empty when there is one without a name."""
    if not tables.has("responses"):
        return ""
    return str(tables.query(_sql(tables) + "select coalesce(any_value(wave), '') as wave from last")["wave"].iloc[0])


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
