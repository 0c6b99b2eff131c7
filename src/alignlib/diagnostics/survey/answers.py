"""Who answered what: one score a person, and what may be said of each group."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignlib.disclosure import Group
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
_ROUNDS = """
select coalesce(wave, '') as round, bool_or(answer is not null or coalesce(cannot_say, false)) as is_answered
from responses group by round order by try_cast(round as double) desc nulls last, round desc
"""
_LAST = ", last as (select * from given where wave = $wave and (answer is not null or cannot_say))"
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
class People:
    """Who answered: under which code, in which groups, and in haste? One entry a person in each.

    Who names no team, or two, is in the total alone; who names no role, or two, in no role's group.
    """

    codes: NDArray[np.object_]
    groups: dict[Group, NDArray[np.bool_]]
    is_hasty: NDArray[np.bool_]

    def keep(self, rows: NDArray[Any]) -> "People":
        """Who are these of them?"""
        groups = {group: there[rows] for group, there in self.groups.items()}
        return People(self.codes[rows], groups, self.is_hasty[rows])


def people_of(listed: pd.DataFrame) -> People:
    """Who is in which group? One row a person: respondent_id, team and role (missing: not named), is_hasty."""
    team, role = (listed[name].to_numpy(dtype=object) for name in ("team", "role"))
    groups: dict[Group, NDArray[np.bool_]] = {"total": np.ones(len(listed), dtype=bool)}
    groups |= {name: team == name for name in TEAMS}
    groups |= {name: (team == name.split(".")[0]) & (role == name.split(".")[1]) for name in ROLES}
    return People(listed["respondent_id"].to_numpy(dtype=object), groups, listed["is_hasty"].to_numpy(dtype=bool))


@dataclass(frozen=True)
class Answers:
    """Who answered what in the last round? One row a person, one column an item.

    ``values`` are the answers (NaN: none, or "cannot say"), ``replied`` says where a person answered or chose "cannot
    say". An answer that no form offers is left out (``is_torn``). Points over segments are shares of what a person gave
    in all, in hundredths; a segment left empty beside others got none. ``wave`` names the round, one of ``rounds``.
    """

    people: People
    items: list[str]
    values: Floats
    replied: NDArray[np.bool_]
    is_torn: bool = False
    wave: str = ""
    rounds: int = 1

    def __len__(self) -> int:
        return len(self.values)

    def asked(self, items: Iterable[Item]) -> list[Item]:
        """Which of these items did anybody answer?"""
        return [item for item in items if item.item in self._given]

    @property
    def points(self) -> list[Item]:
        """Over which segments did anybody share out points?"""
        given = (read_instrument().find(code) for code in self.items if code.startswith(POINTS))
        return self.asked(item for item in given if item)

    @cached_property
    def _given(self) -> frozenset[str]:
        return frozenset(i for i, given in zip(self.items, self.values.T, strict=True) if not np.isnan(given).all())

    @cached_property
    def _place(self) -> dict[str, int]:
        return {item: at for at, item in enumerate(self.items)}

    def columns(self, items: Iterable[Item]) -> Floats:
        """What did people answer to these items, reverse items turned round? One row a person, one column an item."""
        place, nobody = self._place, np.full(len(self), np.nan)
        found = [(self.values[:, place[i.item]] if i.item in place else nobody, i) for i in items]
        turned = [i.low + i.high - values if i.reverse else values for values, i in found]
        return np.column_stack(turned) if turned else np.empty((len(self), 0))

    def keep(self, rows: NDArray[np.bool_]) -> "Answers":
        """What did these people answer?"""
        return replace(self, people=self.people.keep(rows), values=self.values[rows], replied=self.replied[rows])


def read_answers(tables: Tables) -> Answers:
    """Who answered which item how, in the last round?

    A person's team and role come from the answers, else from ``respondents``; a person under two teams counts as not
    named. Of several rounds (waves) only the last is read. People who only left a comment are not among them.
    """
    if not tables.has("responses"):
        nobody = people_of(pd.DataFrame(columns=["respondent_id", "team", "role", "is_hasty"]))
        return Answers(nobody, [], np.empty((0, 0)), np.empty((0, 0), dtype=bool))
    wave, rounds = _rounds(tables)
    given = given_sql(tables) + _LAST
    people = people_of(tables.query(given + _PEOPLE, {"wave": wave}))
    rows = tables.query(given + _REPLIES, {"wave": wave})
    codes, items = pd.factorize(rows["item"], sort=True)
    values, replied = (np.full((len(people.codes), len(items)), blank) for blank in (np.nan, False))
    person = rows["person"].to_numpy(dtype=np.int64)
    values[person, codes] = rows["answer"].to_numpy(dtype=float)
    replied[person, codes] = True
    codes_of = [str(item) for item in items]
    off = np.zeros(values.shape, dtype=bool)
    for at, code in enumerate(codes_of):
        off[:, at] = _off_scale(code, values[:, at])
    values[off] = np.nan
    points = np.array([code.startswith(POINTS) for code in codes_of], dtype=bool)
    shared = np.nansum(values[:, points], axis=1) > 0
    given = np.nan_to_num(values[np.ix_(shared, points)])
    values[np.ix_(shared, points)] = given / given.sum(axis=1, keepdims=True) * 100
    values[np.ix_(~shared, points)] = np.nan
    return Answers(people, codes_of, values, replied, bool(off.any()), wave, rounds)


def _off_scale(code: str, values: Floats) -> NDArray[np.bool_]:
    """Which answers does no form offer: beyond the ends of the item, or between two steps of the scale?"""
    item = read_instrument().find(code) or Item(code, code)
    between = values != np.round(values) if item.kind in ("agree", "conversation", "mirror", "rank") else False
    found: NDArray[np.bool_] = (values < item.low) | (values > item.high) | (between & ~np.isnan(values))
    return found


def given_sql(tables: Tables) -> str:
    """Under which SQL do all replies stand as ``given``, with each person's team and role?"""
    listed = tables.has("respondents")
    join = "left join respondents p on p.respondent_id = r.respondent_id" if listed else ""
    team, role = ((f"coalesce(r.{name}, p.{name})" if listed else f"r.{name}") for name in ("team", "role"))
    return _GIVEN.format(team=team, role=role, join=join)


def last_wave(tables: Tables) -> str:
    """Which round of the survey is reported? Empty when there is one without a name."""
    return _rounds(tables)[0]


def _rounds(tables: Tables) -> tuple[str, int]:
    """Which round is the last that anybody answered, and of how many?"""
    rounds = tables.rows(_ROUNDS) if tables.has("responses") else []
    return next((str(each["round"]) for each in rounds if each["is_answered"]), ""), len(rounds)


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
    again = np.ones(len(answers), dtype=bool)
    again[np.unique(np.nan_to_num(values), axis=0, return_index=True)[1]] = False  # the first of those who are alike
    return pd.DataFrame({
        "is_partial": replied.sum(axis=1) < len(asked) / 2, "is_straight": same & (n >= LONG_ENOUGH) & turns,
        "is_repeat": again & (n >= LONG_ENOUGH), "is_hasty": answers.people.is_hasty,
    })  # fmt: skip
