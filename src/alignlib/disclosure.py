"""What may be said about a group of people, and could anybody be worked out from what is said together?"""

import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, combinations_with_replacement
from math import ceil, comb, floor
from typing import Any, Literal

import numpy as np

from alignlib.errors import AlignError, Problem
from alignlib.words import listed, number, spelled

Group = Literal["sales", "marketing", "total", "sales.leader", "sales.staff", "marketing.leader", "marketing.staff"]
Mean = tuple[float, int]  # and of how many people
SPREAD_FROM = 10  # an interval or a spread on a smaller group says too much about single answers
EXACT_FROM = 100  # below this many people a mean is published with one decimal
LOG_FILE = "release_log.json"
_RESTORE = "restore it from a copy: it holds what was published before"
DAMAGED = Problem("E-CORRUPT", "it is damaged", LOG_FILE, fix=_RESTORE)
COMMENTS_FROM = 8  # comments of a smaller group are not shown: people know one another's way of writing
LOW, HIGH, TOLERANCE = 1.0, 5.0, 1e-8  # the ends of the scale; what counts as nothing
ANSWERS = ("survey.item.", "survey.block.")  # figures that rest on answers; who answered at all is alike in every wave
RECURS = 0.75  # from this share of equal scores on a person's answers are as before; fresh ones agree by half
MOST_SETS = 50_000  # three classes and more are looked at together while there are no more combinations than this


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


def roles_releasable(leaders: int, staff: int, unassigned: int, k: int) -> frozenset[Literal["leader", "staff"]]:
    """Of which roles may a statistic be published beside their team's? Both or none, and nobody few left over.

    >>> [sorted(roles_releasable(*n, 5)) for n in ((5, 7, 0), (5, 7, 1), (2, 10, 0))]
    [['leader', 'staff'], [], []]
    """
    return frozenset(("leader", "staff") if min(leaders, staff) >= k and not 0 < unassigned < k else ())


def tells_all(mean: float, n: int, step: float = 1.0, low: float = LOW, high: float = HIGH) -> bool:
    """Would this mean of ``n`` people, as published, leave somebody one possibility only: an end of the scale?

    ``step``: by how much the sum falls at least when one answer leaves its end; 1 for an item.

    >>> tells_all(5.0, 20), tells_all(5.0, 21), tells_all(4.9, 6), tells_all(5.0, 500), tells_all(5.0, 7, 1 / 3)
    (True, False, True, True, False)
    """
    least, most = _sums(mean, n)
    return most < low * n + step or least > high * n - step


def told_alike(whole: Mean, parts: Sequence[Mean], step: float = 1.0, grid: float = 1.0) -> bool:
    """Would a whole's mean beside those of its parts leave somebody in a part, or in the rest, an end alone?

    Sums are multiples of ``grid``. By itself no mean need tell; when the roundings fall so, together they do.

    >>> told_alike((37 / 15, 15), [(1.2, 5), (1.2, 5)])  # 2.5 of 15: 37 or 38; 6 and 6 are known; the others gave 25
    True
    """
    rest, (least, most) = whole[1] - sum(n for _, n in parts), _sums(*whole, grid)
    known = [(n, *_sums(mean, n, grid)) for mean, n in parts] + [(rest, LOW * rest, HIGH * rest)]
    spare, lack, near = most - sum(low for _, low, _ in known), sum(high for *_, high in known) - least, step - 1e-6
    return any(n and (low + spare < LOW * n + near or high - lack > HIGH * n - near) for n, low, high in known)


def _sums(mean: float, n: int, grid: float = 0.0) -> tuple[float, float]:
    """Between which sums do ``n`` scores lie that have this mean as published? Nobody hides behind a sum on a half."""
    shown, half = published_mean(mean, n), 0.05 if n < EXACT_FROM else 0.00005
    least, most = n * (shown - half) + 1e-6, n * (shown + half) - 1e-6
    return (ceil(least / grid) * grid, floor(most / grid) * grid) if grid else (least, most)


def count_text(n: int, k: int) -> str:
    """How is a number of people written, so that a small one is not given away?

    >>> count_text(3, 5), count_text(0, 5), count_text(12, 5)
    ('fewer than five', 'none', '12')
    """
    return "none" if n == 0 else number(n) if n >= k else f"fewer than {spelled(k)}"


def published_count(k: int, n: int, mean: float) -> tuple[int, int] | None:
    """Between which counts is it said how many of ``n`` people disagree (1 or 2 of 5), beside their published mean?

    Beside the mean, a range tells nobody more about single answers, and nobody who adds the own answer how all others
    answered. Below ten people it says at most whether it is more than one, beyond what the mean says; from there on it
    is exact but at either end and where a mean leaves few ways to answer. Ranges go by ``n`` and ``mean`` alone, so
    that a range, or none (None: nothing may be told apart at this mean), tells no more than it says. By "0-1" the one
    who disagrees does learn that nobody else does.

    >>> published_count(1, 8, 3.5), published_count(3, 8, 3.5), published_count(7, 8, 1.9), published_count(3, 5, 2.6)
    ((0, 1), (2, 4), (5, 8), None)
    >>> published_count(4, 12, 3.1), published_count(1, 12, 4.1), published_count(11, 12, 1.9)
    ((4, 4), (0, 1), (10, 12))
    """
    if n < SPREAD_FROM:
        return next(((low, high) for low, high in _coarse(n, published_mean(mean, n)) if low <= k <= high), None)
    least, most = _sums(mean, n)
    ends = [(many + 3 * (n - many), 2 * many + 5 * (n - many)) for many in range(n + 1)]  # the sums of each count
    half = 2e-6  # a sum on a half may be published either way: it is possible, and nobody hides behind it
    possible = [at for at, (low, high) in enumerate(ends) if low <= most + half and high >= least - half]
    # two steps from an end the own answer may be both; a third leaves two ways to the others: 1 or 3, or else 2 or 5
    open_ones = [at for at, (low, high) in enumerate(ends) if low + 3 <= most and high - 3 >= least] or possible[::-1]
    few = (0, 1) if open_ones[0] <= 1 else (possible[0], open_ones[0])
    # whoever alone stands aside of n - 1 knows their sum, and with only 1 and 2 to give, their answers
    many = (n - 2, n) if open_ones[-1] >= n - 1 else (open_ones[-1], possible[-1])
    if few[1] >= many[0]:
        return min(few[0], many[0]), max(few[1], many[1])
    return few if k <= few[1] else many if k >= many[0] else (k, k)


Given = tuple[int, ...]  # how many gave each answer, 1 to 5


@cache
def _coarse(n: int, mean: float) -> tuple[tuple[int, int], ...]:
    """Which ranges of a count may be told apart beside this published mean of few people? Every way to it is tried."""
    alike = _ways_to(n).get(mean, [])
    for ranges in ((0, 1), (2, n - 2), (n - 1, n)), ((0, 1), (2, n)), ((0, n - 2), (n - 1, n)):
        parts = [[given for given in alike if low <= given[0] + given[1] <= high] for low, high in ranges]
        if all(_told(part) <= _told(alike) for part in parts if part):
            counts = [{given[0] + given[1] for given in part} for part in parts]
            # drawn in to what the mean leaves possible, which anybody can; "nobody" and "everybody" stay unsaid
            return tuple((low and min(min(own), n - 1), n if high == n else max(*own, 1))
                         for (low, high), own in zip(ranges, counts, strict=True) if own)  # fmt: skip
    return ()


@cache
def _ways_to(n: int) -> dict[float, list[Given]]:
    """How can ``n`` people have answered, by the mean that is published of it?"""
    found: dict[float, list[Given]] = {}
    for given in combinations_with_replacement(range(1, 6), n):
        found.setdefault(published_mean(sum(given) / n, n), []).append(tuple(given.count(a) for a in range(1, 6)))
    return found


def _told(ways: Sequence[Given]) -> set[tuple[Any, ...]]:
    """What do all these ways to answer tell whoever gave one of the answers: what all the others gave?"""
    found = set[tuple[Any, ...]]()
    for own in range(5):
        others = {(*way[:own], way[own] - 1, *way[own + 1 :]) for way in ways if way[own]}
        found |= {("the others gave these", own, *others)} if len(others) == 1 else set()
    return found


def published_mean(value: float, n: int) -> float:
    """With how many decimals is a mean on ``n`` people published? One below a hundred people, else four.

    >>> published_mean(3.8571, 7), published_mean(4.671990, 814)
    (3.9, 4.672)
    """
    return round(float(value), 1 if n < EXACT_FROM else 4) + 0.0  # numpy rounds 3.15 up, Python down


def published_limits(low: float | None, high: float | None, n: int, few: int = 1) -> tuple[float | None, float | None]:
    """With which limits is an interval published? Rounded outwards, so that it never claims more than was found.

    ``few`` counts the decimals below a hundred people; from there on limits have four.

    >>> published_limits(0.8571, 1.9432, 20), published_limits(0.8571, 1.9432, 20, 2), published_limits(None, None, 20)
    ((0.8, 2.0), (0.85, 1.95), (None, None))
    """
    if low is None or high is None:
        return None, None
    scale = 10 ** (few if n < EXACT_FROM else 4)
    return floor(round(low * scale, 6)) / scale, ceil(round(high * scale, 6)) / scale


@dataclass(frozen=True)
class Release:
    """Which figure is published (``key``: what it measures), for which group, and which score does each person give?"""

    key: str
    group: str
    members: Mapping[str, float]


@dataclass
class ReleaseLog:
    """Which figures on one wave are published? ``seal``: the mark of the secret, once people are keyed tokens.

    ``promised`` is the largest smallest group under which people's answers to this wave were published.
    """

    releases: list[Release] = field(default_factory=list)
    seal: str = ""
    promised: int = 0

    def add(self, key: str, group: str, members: Mapping[str, float]) -> None:
        self.releases.append(Release(key, group, dict(members)))

    def merged(self, other: "ReleaseLog") -> "ReleaseLog":
        """What is published in all? The same figure of the same people with the same scores stands once."""
        self._same_secret(other)
        every = {(r.key, r.group, frozenset(r.members.items())): r for r in (*self.releases, *other.releases)}
        return ReleaseLog(list(every.values()), self.seal, max(self.promised, other.promised))

    def people(self) -> set[str]:
        """On whom does any figure rest?"""
        return {person for release in self.releases for person in release.members}

    def of(self, people: Collection[str]) -> "ReleaseLog":
        """Which of these figures rest on anybody of these people?"""
        own = [release for release in self.releases if not release.members.keys().isdisjoint(people)]
        return ReleaseLog(own, self.seal, self.promised)

    def repeats(self, other: "ReleaseLog") -> bool:
        """Are the answers of more than half of some group here those that another wave holds of the same people?

        A person's answers are when at least three in four scores are equal, of those items that the wave with fewer of
        them holds (of blocks, where it holds no items). By group: with one team as before, the other's fresh answers
        hide nothing.
        """
        self._same_secret(other)
        mine, theirs = ([log._scores(prefix) for prefix in ANSWERS] for log in (self, other))

        def is_as_before(person: str) -> bool:
            for own, known in zip(mine, theirs, strict=True):
                if least := min(len(own.get(person, ())), len(known.get(person, ()))):
                    return len(own[person] & known[person]) >= RECURS * least
            return False

        groups: dict[str, set[str]] = {}
        for release in self.releases:
            groups.setdefault(release.group, set()).update(release.members)
        before = {person for person in set().union(*groups.values()) if is_as_before(person)}
        return any(len(people & before) > len(people) / 2 for people in groups.values())

    def _scores(self, prefix: str) -> dict[str, set[float]]:
        """Which scores (under a secret: tokens that hold person, key and score) does each person give?"""
        found: dict[str, set[float]] = {}
        for release in self.releases:
            for person, score in release.members.items() if release.key.startswith(prefix) else ():
                found.setdefault(person, set()).add(score)
        return found

    def _same_secret(self, other: "ReleaseLog") -> None:
        if self.seal != other.seal:  # under two secrets the same person would pass for two
            raise AlignError(Problem("E-CHANGED", "it is under another key", LOG_FILE, fix="put survey.key back"))

    def sealed(self, secret: bytes) -> "ReleaseLog":
        """How does this log look with a keyed token (HMAC-SHA256) for each person, and for each score of a person?"""
        if self.seal:
            return self

        @cache
        def token(said: str) -> int:  # 52 bits: exact as a float
            return int.from_bytes(hmac.digest(secret, said.encode(), "sha256")[:8], "big") >> 12

        codes = {code: f"{token(code):013x}" for release in self.releases for code in release.members}
        log = ReleaseLog(seal=f"{token(''):013x}", promised=self.promised)
        for r in self.releases:
            scores = r.members.items()
            log.add(r.key, r.group, {codes[who]: token(f"{who}\0{r.key}\0{score:.9f}") for who, score in scores})
        return log

    def as_data(self, secret: bytes) -> dict[str, Any]:
        """Which plain values of JSON hold the log? Tokens only: without the secret no answer can be read off."""
        log = self.sealed(secret)
        figures = [  # people in the order of their tokens, which says nothing
            {"key": r.key, "group": r.group, "members": dict(sorted(r.members.items()))} for r in log.releases
        ]
        return {"seal": log.seal, "smallest_group": log.promised, "figures": figures}

    @classmethod
    def from_data(cls, data: Any) -> "ReleaseLog":
        """Which log was written? Raises AlignError (E-CORRUPT): a log that cannot be read must not pass for empty."""
        try:
            rows = [Release(str(f["key"]), str(f["group"]), dict(f["members"])) for f in data["figures"]]
            return cls(rows, str(data["seal"]), int(data.get("smallest_group", 0)))
        except (ValueError, KeyError, TypeError) as error:
            raise AlignError(DAMAGED) from error


def audit_release(log: ReleaseLog, k: int) -> list[str]:
    """Could anything about fewer than ``k`` people be worked out from what is published? One sentence a way.

    A column is one person with one score, so that a corrected answer is another column. Each key by itself: (1) a group
    is too small; (2) two groups differ by too few people, one left out or one answer corrected; (3) a linear attacker:
    columns in the same groups form a class, and some combination of published sums rests on one or two classes of
    together fewer than ``k`` people (or on more classes, while there are few such sets). Not seen: what different keys,
    taken as different questions, tell of each other (the diagnostic shows what shares a sum whole or not at all); what
    whole numbers give away (``tells_all``, ``told_alike``); what a reader knows from elsewhere.
    """
    by_key = {key: [r for r in log.releases if r.key == key] for key in dict.fromkeys(r.key for r in log.releases)}
    return list(dict.fromkeys(f"{key}: {way}" for key, rows in by_key.items() for way in _ways(rows, k)))


def _ways(rows: list[Release], k: int) -> Iterator[str]:
    small, names = f"fewer than {spelled(k)} people", [row.group for row in rows]
    index: dict[str, int] = {}
    who = [np.array([index.setdefault(person, len(index)) for person in row.members], dtype=int) for row in rows]
    # one complex number a column: the person and the score
    pairs = [people + 1j * np.array([*row.members.values()], float) for people, row in zip(who, rows, strict=True)]
    columns, at = np.unique(np.concatenate(pairs), return_inverse=True)
    is_in, person_in = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(index)))
    for i, own in enumerate(np.split(at, np.cumsum([len(people) for people in who])[:-1])):
        is_in[i, own] = person_in[i, who[i]] = 1
    _, first, class_of = np.unique(np.packbits(is_in > 0, axis=0), axis=1, return_index=True, return_inverse=True)
    classes, told = is_in[:, first], set[frozenset[int]]()

    n, same, common = person_in.sum(axis=1), is_in @ is_in.T, person_in @ person_in.T
    for i in np.flatnonzero((n > 0) & (n < k)).tolist():
        told.add(frozenset(np.flatnonzero(classes[i]).tolist()))
        yield f"{names[i]} is {small}"
    touched = n[:, None] + n - common - same  # people in one of two groups only, or in both with another score
    for i, j in np.argwhere(np.triu((common > 0) & (touched > 0) & (touched < k))).tolist():
        told.add(frozenset(np.flatnonzero(classes[i] != classes[j]).tolist()))
        less, more = sorted((i, j), key=lambda row: float(n[row]))
        both = f"two versions of {names[i]}" if names[i] == names[j] else f"{names[less]} and {names[more]}"
        nested = same[less, more] == n[less] and names[i] != names[j]
        yield f"{names[more]} less {names[less]} leaves {small}" if nested else f"{both} differ by {small}"
    belongs = np.zeros((len(index), len(first)))
    belongs[columns.real.astype(int), class_of.ravel()] = 1
    for weights in (weights for group, weights in _recovered(classes, belongs.T @ belongs, k) if group not in told):
        used = [name for name, weight in zip(names, weights, strict=True) if abs(weight) > TOLERANCE]
        used[4:] = [f"{number(len(used) - 4)} more"] if len(used) > 4 else []
        yield f"{listed(used)} together tell of {small}"


def _recovered(classes: Any, shared: Any, k: int) -> Iterator[tuple[frozenset[int], list[float]]]:
    """On which few classes (of fewer than ``k`` people) does a combination of rows rest, and with which weights?

    ``shared``: how many people two classes share. The row space holds a vector on some classes exactly when what
    projection leaves of those classes is linearly dependent.
    """
    inverse = np.linalg.pinv(classes, rcond=1e-10)
    residual = np.eye(len(shared)) - inverse @ classes
    left = np.flatnonzero(np.diag(shared) < k)
    for many in range(1, min(k - 1, len(left)) + 1):
        if many > 2 and comb(len(left), many) > MOST_SETS:
            return
        sets = np.array([*combinations(left, many)], dtype=int).reshape(-1, many)
        grid = sets[:, :, None], sets[:, None, :]
        people = 1.5 * np.trace(shared[grid], axis1=1, axis2=2) - shared[grid].sum(axis=(1, 2)) / 2
        values, vectors = np.linalg.eigh(residual[grid][people < k])
        hits = values[:, 0] < TOLERANCE
        sets = sets[people < k][hits]
        for group, vector in zip(sets, vectors[hits, :, 0], strict=True):
            yield frozenset(group.tolist()), (vector @ inverse[group]).tolist()
        left = np.setdiff1d(left, sets)  # what is told by itself is told in any larger set as well
