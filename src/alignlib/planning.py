"""What could a survey of this size tell: which gap, about which groups, under which promise to the people asked?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, sqrt
from typing import Literal

from alignlib.disclosure import COMMENTS_FROM, SPREAD_FROM, Group, releasable
from alignlib.errors import AlignError, Problem
from alignlib.words import TEAM_NAMES, listed, number, share, spelled

SD, FEWER = 0.8, 0.7  # spread in points (source: playbook/assumptions.md); share that answers in the second column
POWER, LEVEL, WIDEST = 0.80, 0.05, 4
GROUPS: dict[Group, str] = {"sales": "Sales", "marketing": "Marketing", "total": "the total"}
Mode = Literal["anonymous", "total", "named"]


@dataclass(frozen=True)
class Plan:
    """What can be told when so many answer? Sizes are numbers of answers, gaps and widths points between 1 and 5.

    ``half_width``: how far the 95 % interval of a block's gap reaches either way. ``gap``: a true one of this size is
    told from none in four surveys of five. ``shown``: what an anonymous survey may show.
    """

    sales: int
    marketing: int
    smallest_group: int
    sd: float
    half_width: float | None
    gap: float | None
    shown: frozenset[Group]

    @property
    def people(self) -> int:
        """How many answer in all?"""
        return self.sales + self.marketing

    @property
    def withheld(self) -> list[str]:
        """Of which groups may an anonymous survey show nothing?"""
        return [name for group, name in GROUPS.items() if group not in self.shown]

    @property
    def shows_gap(self) -> bool:
        """May an anonymous survey show both teams side by side?"""
        return {"sales", "marketing"} <= self.shown

    @property
    def mode(self) -> Mode:
        """Which mode fits: anonymous, anonymous with the total alone, or named?"""
        return "anonymous" if self.shows_gap else "total" if "total" in self.shown else "named"

    def teams_from(self, least: int) -> list[str]:
        """Which teams are shown and have at least so many answers?"""
        return [name for team, name in TEAM_NAMES.items() if team in self.shown and getattr(self, team) >= least]


def plan(sales: int, marketing: int, smallest_group: int = 5, sd: float = SD, answering: float = 1.0) -> Plan:
    """What could a survey of these people tell, if a share ``answering`` of each team answers (rounded down)?

    Assumes both teams spread alike. Rates of finding in the literature and in rank tests on single rounded answers are
    another matter: they ask about one item, this about the mean of a block. Raises AlignError (E-USE).
    Sources: Welch 1947 (interval); Cohen 1988 (noncentral t).

    >>> found = plan(20, 20, sd=1)
    >>> round(found.half_width, 2), round(found.gap, 2), sorted(found.shown)
    (0.64, 0.91, ['marketing', 'sales', 'total'])
    """
    asked = [
        (min(sales, marketing) >= 1, "each team needs somebody to ask"),
        (smallest_group >= 3, "the smallest group is at least 3"),
        (0 < sd <= 2, "the spread lies above 0 and at most at 2 points: the scale runs from 1 to 5"),
    ]
    if wrong := [Problem("E-USE", fault, fix="correct the number") for holds, fault in asked if not holds]:
        raise AlignError(wrong)
    s, m = (floor(n * answering + 1e-9) for n in (sales, marketing))
    half_width, gap = _reach(s, m, sd)
    return Plan(s, m, smallest_group, sd, half_width, gap, releasable(s, m, 0, smallest_group))


def _reach(n: int, m: int, sd: float) -> tuple[float | None, float | None]:
    """Half width of Welch's 95 % interval, and the gap found with 80 % power at 5 % two-sided (the near tail alone)."""
    from scipy.special import nctdtrinc, stdtrit

    if min(n, m) < 2:
        return None, None
    freedom = (1 / n + 1 / m) ** 2 / (1 / (n * n * (n - 1)) + 1 / (m * m * (m - 1)))
    error, t = sd * sqrt(1 / n + 1 / m), float(stdtrit(freedom, 1 - LEVEL / 2))
    return t * error, float(nctdtrinc(freedom, 1 - POWER, t)) * error


def rows(plans: list[Plan]) -> list[list[str]]:
    """Which table sets these plans side by side? One row a question, one column a plan."""
    lines: dict[str, Callable[[Plan], str]] = {
        "Answers of Sales and Marketing": lambda p: f"{number(p.sales)} and {number(p.marketing)}",
        "A block's gap is known to": lambda p: _points(p, p.half_width, "\u00b1\u00a0"),
        "Gap told from none in four surveys of five": lambda p: _points(p, p.gap),
        "Shown when anonymous": lambda p: listed([GROUPS[g] for g in GROUPS if g in p.shown]) or "nothing",
        "Withheld when anonymous": lambda p: listed(p.withheld) or "nothing",
        "Interval of a team's own score": lambda p: listed(p.teams_from(SPREAD_FROM)) or "no team",
        "Comments": lambda p: listed(p.teams_from(COMMENTS_FROM)) or "no team",
    }
    return [[name, *(said(p) for p in plans)] for name, said in lines.items()]


def sentences(whole: Plan, fewer: Plan) -> list[str]:
    """What does the plan say to somebody who runs a sales team? ``fewer``: the same, when only a share answers."""
    return [_found(whole), _hidden(whole, "If everybody answers"),
            _hidden(fewer, f"If only {share(FEWER)} answer"), _fitting(whole, fewer),
            f"Assumed: one team's scores on a block spread by {whole.sd:g} points (standard deviation; --sd changes "
            "it, playbook/assumptions.md has the source). All this is about means of blocks: rates of finding quoted "
            "for rank tests on single, rounded answers are lower, and another matter."]  # fmt: skip


def commented(people: Mapping[str, int]) -> str:
    """What is said of how many people of each team left a comment, beside how many it takes to show any?

    >>> commented({"sales": 9, "marketing": 3})[:49]
    'Comments were left by 9 of Sales, 3 of Marketing.'
    """
    left = [f"{number(people.get(team, 0))} of {name}" for team, name in TEAM_NAMES.items()]
    if others := sum(n for team, n in people.items() if team not in TEAM_NAMES):
        left.append(f"{number(others)} of no known team")
    least = spelled(COMMENTS_FROM)
    return (f"Comments were left by {', '.join(left)}. An anonymous survey shows them by team once {least} people of "
            f"each team left one, and without the team once {least} people did in all.")  # fmt: skip


def _found(p: Plan) -> str:
    if p.gap is None or p.half_width is None:
        return "With fewer than two people in a team no gap can be measured, only talked about."
    if not p.shows_gap:
        return f"With {p.sales} and {p.marketing} people an anonymous survey can show no gap between the teams at all."
    if p.gap > WIDEST:
        return f"With so few people not even the widest gap of the scale ({WIDEST} points) could be relied on to show."
    gap, known = number(p.gap, 1), number(p.half_width, 1)
    return (f"If all {number(p.people)} answer, a block's gap would be known to about {known} points either way on the "
            f"scale from 1 to 5, and a true gap of {gap} points would show in four surveys of five to be no chance (to "
            "lie wholly beyond an agreed limit it must be wider by that limit). A smaller one can be there and still "
            "not show: that no gap is found never proves that there is none.")  # fmt: skip


def _hidden(p: Plan, when: str) -> str:
    if not p.withheld:
        return f"{when}, an anonymous survey can show both teams and their total without giving anybody away."
    small = [name for team, name in TEAM_NAMES.items() if getattr(p, team) < p.smallest_group]
    said = f"{when}, fewer than {spelled(p.smallest_group)} people answer in {listed(small)}"
    by = " (the total less the team that is shown would give the other away)" if len(p.shown) == 1 == len(small) else ""
    return f"{said}: an anonymous survey withholds {listed(p.withheld)}{by}, and no gap can be shown."


def _fitting(whole: Plan, fewer: Plan) -> str:
    named = ("named answers, if everybody asked agrees beforehand (survey.mode: named): no anonymity is promised, and "
             "answers are shown to talk about, without intervals or tests")  # fmt: skip
    least = f"as long as at least {spelled(whole.smallest_group)} people of each team answer"
    fits = {
        "anonymous": f"anonymous, {least}; be sure of that before asking. Otherwise {named}.",
        "total": f"anonymous shows only both teams together, which says nothing of the gap. To see it take {named}.",
        "named": f"{named}.",
    }
    return f"Mode that fits: {'anonymous.' if fewer.mode == 'anonymous' else fits[whole.mode]}"


def _points(p: Plan, points: float | None, before: str = "") -> str:
    return "not shown" if points is None or not p.shows_gap else f"{before}{number(points, 1)} points"
