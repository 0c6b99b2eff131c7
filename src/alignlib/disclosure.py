"""What may be said about a group of people, and could anybody be worked out from what is said together?"""

import json
from dataclasses import dataclass, field
from itertools import permutations
from math import ceil, floor
from typing import Literal

from alignlib.words import number, spelled

Group = Literal["sales", "marketing", "total"]
SPREAD_FROM = 10  # an interval or a spread on a smaller group says too much about single answers
EXACT_FROM = 100  # below this many people a mean is published with one decimal


def releasable(sales: int, marketing: int, unassigned: int, k: int) -> frozenset[Group]:
    """Of which groups may a statistic be published, given how many people answered and the smallest group ``k``?

    ``unassigned`` are people whose team is not named: they count in the total alone, so they can be worked out too.
    A team needs ``k`` people. The total is withheld when subtracting what is published from it would leave 1 to k-1
    people, and whenever exactly one team is withheld (complementary suppression).

    >>> sorted(releasable(12, 4, 0, 5)), sorted(releasable(12, 8, 0, 5)), sorted(releasable(12, 8, 2, 5))
    (['sales'], ['marketing', 'sales', 'total'], ['marketing', 'sales'])
    """
    teams: dict[Group, int] = {"sales": sales, "marketing": marketing}
    shown = frozenset(team for team, n in teams.items() if n >= k)
    small = [team for team, n in teams.items() if 0 < n < k]
    total = sales + marketing + unassigned
    rest = total - sum(teams[team] for team in shown)
    if total < k or 0 < rest < k or (len(small) == 1 and shown):
        return shown
    return shown | {"total"}


def tells_all(mean: float, n: int) -> bool:
    """Would this mean (1-5) of ``n`` people tell what each of them answered? At an end of the scale all are alike.

    >>> tells_all(5.0, 9), tells_all(5.0, 10), tells_all(4.0, 9)
    (True, False, False)
    """
    return n < SPREAD_FROM and mean in (1.0, 5.0)


def count_text(n: int, k: int) -> str:
    """How is a number of people written, so that a small one is not given away?

    >>> count_text(3, 5), count_text(0, 5), count_text(12, 5)
    ('fewer than five', 'none', '12')
    """
    return "none" if n == 0 else number(n) if n >= k else f"fewer than {spelled(k)}"


def published_mean(value: float, n: int) -> float:
    """With how many decimals is a mean on ``n`` people published? One below a hundred people, else four.

    >>> published_mean(3.8571, 7), published_mean(4.671990, 814)
    (3.9, 4.672)
    """
    return round(value, 1 if n < EXACT_FROM else 4) + 0.0


def published_limits(low: float | None, high: float | None, n: int, few: int = 1) -> tuple[float | None, float | None]:
    """With which limits is an interval published? Rounded outwards, so that it never claims more than was found.

    ``few`` counts the decimals below a hundred people; from there on limits have four.

    >>> published_limits(0.8571, 1.9432, 20), published_limits(0.8571, 1.9432, 20, 2), published_limits(None, None, 20)
    ((0.8, 2.0), (0.85, 1.95), (None, None))
    """
    if low is None or high is None:
        return None, None
    scale = 10 ** (few if n < EXACT_FROM else 4)
    return floor(round(low * scale, 6)) / scale + 0.0, ceil(round(high * scale, 6)) / scale + 0.0


@dataclass(frozen=True)
class Release:
    """Which figure is published (``key``: what it measures), for which group, and who is in it (kept private)?"""

    key: str
    group: str
    members: frozenset[str]


@dataclass
class ReleaseLog:
    """Which figures about people does an audit publish? The members stay in memory: they are never written."""

    releases: list[Release] = field(default_factory=list)

    def add(self, key: str, group: str, members: frozenset[str]) -> None:
        self.releases.append(Release(key, group, members))

    def to_json(self) -> str:
        """How is the log written for the engagement's private folder: key, group and n of each figure, no people?"""
        rows = [{"key": release.key, "group": release.group, "n": len(release.members)} for release in self.releases]
        return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def audit_release(log: ReleaseLog, k: int) -> list[str]:
    """Could a group of fewer than ``k`` be worked out from what is published? One sentence a way; empty is good.

    Two checks, as a disclosure auditor makes them first: a published group is itself too small; or one group contains
    another of the same figure, and the people between them are too few. Not checked: sums over three or more groups,
    figures that answer nearly the same question, and what a reader knows from elsewhere.
    """
    small = f"fewer than {spelled(k)} people"
    return [f"{r.key}: {r.group} is {small}" for r in log.releases if 0 < len(r.members) < k] + [
        f"{outer.key}: {outer.group} less {inner.group} leaves {small}"
        for outer, inner in permutations(log.releases, 2)
        if outer.key == inner.key and inner.members < outer.members and len(outer.members - inner.members) < k
    ]
