"""The thirteen grievances of the docket: who says what, which statement of the survey asks it, what would settle it."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import yaml
from pydantic import TypeAdapter

from alignlib.resources import read_resource

Team = Literal["sales", "marketing"]
Claimant = Literal["sales", "marketing", "both", "each"]
TEAMS: tuple[Team, Team] = ("sales", "marketing")


@dataclass(frozen=True)
class Trial:
    """Which finding tests a grievance, against which agreed limit, and on which side of it does the complaint hold?

    ``claimant``: whose complaint alone it tests, where both teams complain and mean opposite things.
    """

    finding: str
    threshold: str
    holds_where: Literal["above", "below"]
    estimand: str
    claimant: Team | None = None


@dataclass(frozen=True)
class Grievance:
    """What does one team complain of, and what would tell whether it is so?

    ``item``: the statement whose bad side makes the complaint; ``mirror``: the other team's guess at that answer.
    ``holds``: whether any or all tests must hold. ``pair``: the counter-complaint. ``kind``: ``perception`` can be
    tested by nothing outside the survey, ``credit`` is a range over rules. ``brings``: its play brings the record that
    would settle it. ``reads``: the table.column that its tests cannot do without ("a | b": one of them will do).
    """

    id: str
    says: Claimant
    complaint: str
    item: str
    holds: Literal["any", "all"]
    tests: tuple[Trial, ...]
    needs: str
    play: str
    mirror: str = ""
    pair: str = ""
    kind: Literal["estimate", "perception", "credit"] = "estimate"
    brings: bool = False
    reads: tuple[str, ...] = ()

    @property
    def claimants(self) -> tuple[Team, ...]:
        """Which teams make this complaint?"""
        return tuple(team for team in TEAMS if self.says in (team, "both", "each"))


@cache
def read_docket() -> tuple[Grievance, ...]:
    """Which grievances does the docket of this kit hold, in order? Source: ``templates/docket.yml``.

    >>> [g.id for g in read_docket() if g.pair]
    ['G1', 'G2', 'G3', 'G4']
    """
    rows = yaml.safe_load(read_resource("templates", "docket.yml"))
    return TypeAdapter(tuple[Grievance, ...]).validate_python(rows)
