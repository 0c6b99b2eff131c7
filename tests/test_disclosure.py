"""What is withheld, and whether what is published together gives anybody away."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement, product
from math import lcm
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from alignlib.diagnostics.survey import releases
from alignlib.diagnostics.survey.answers import TEAMS as BOTH_TEAMS
from alignlib.diagnostics.survey.answers import Answers, people_of
from alignlib.diagnostics.survey.gaps import published_gap
from alignlib.diagnostics.survey.scores import Scores, comparable
from alignlib.disclosure import (
    COMMENTS_FROM,
    SPREAD_FROM,
    Release,
    ReleaseLog,
    audit_release,
    count_text,
    published_count,
    published_limits,
    published_mean,
    releasable,
    roles_releasable,
    tells_all,
    told_alike,
)
from alignlib.engagement import Settings, parse_settings
from alignlib.errors import AlignError
from alignlib.instrument import read_instrument
from alignlib.intake.snapshot import prepare
from alignlib.pipeline import load
from alignlib.release import safe_to_release
from alignlib.words import spelled

FEW = "fewer than five people"
SECRET = bytes(range(32))


@pytest.mark.parametrize(
    ("sales", "marketing", "unassigned", "shown"),
    [
        (12, 8, 0, {"sales", "marketing", "total"}),
        (12, 4, 0, {"sales"}),  # the total would give Marketing's four away
        (4, 12, 0, {"marketing"}),
        (12, 8, 2, {"sales", "marketing"}),  # the total would give the two without a team away
        (12, 8, 5, {"sales", "marketing", "total"}),
        (12, 4, 20, {"sales"}),  # one team withheld: the total as well
        (3, 4, 0, {"total"}),  # nothing to subtract from the seven
        (2, 2, 0, set()),
        (0, 0, 814, {"total"}),
        (12, 0, 0, {"sales", "total"}),
        (12, 0, 3, {"sales"}),
        (0, 0, 0, set()),
        (5, 5, 0, {"sales", "marketing", "total"}),
        (12, 5, 0, {"sales", "marketing", "total"}),  # five are enough
    ],
)
def test_what_may_be_published_of_two_teams_and_their_total(
    sales: int, marketing: int, unassigned: int, shown: set[str]
) -> None:
    assert releasable(sales, marketing, unassigned, 5) == shown


@pytest.mark.parametrize(
    ("leaders", "staff", "unassigned", "shown"),
    [(5, 5, 0, True), (5, 9, 5, True), (4, 9, 0, False), (9, 4, 0, False), (6, 6, 1, False), (0, 12, 0, False)],
)
def test_both_roles_of_a_team_are_shown_or_neither(leaders: int, staff: int, unassigned: int, shown: bool) -> None:
    assert roles_releasable(leaders, staff, unassigned, 5) == ({"leader", "staff"} if shown else set())


# --- the release log and its auditor ----------------------------------------------------------------------------------


def people(start: int, n: int, score: float = 3.0) -> dict[str, float]:
    return {f"P{i}": score for i in range(start, start + n)}


def log_of(sales: int, marketing: int, unassigned: int, groups: frozenset[str]) -> ReleaseLog:
    members = {"sales": people(0, sales), "marketing": people(100, marketing)}
    members["total"] = members["sales"] | members["marketing"] | people(200, unassigned)
    log = ReleaseLog()
    for group in sorted(groups):
        log.add("item", group, members[group])
    return log


def log_with(*figures: tuple[str, str, dict[str, float]]) -> ReleaseLog:
    log = ReleaseLog()
    for figure in figures:
        log.add(*figure)
    return log


@pytest.mark.parametrize("k", [3, 5])
def test_S34_S38_no_small_group_can_be_worked_out_whatever_the_sizes(k: int) -> None:
    for sales, marketing, unassigned in product(range(14), repeat=3):
        groups = releasable(sales, marketing, unassigned, k)
        assert audit_release(log_of(sales, marketing, unassigned, frozenset(groups)), k) == []
        if {"sales", "marketing", "total"} <= groups:  # both teams subtracted leave those without a team
            assert unassigned == 0 or unassigned >= k


@pytest.mark.parametrize("k", [3, 5])
def test_S38_no_small_role_can_be_worked_out_whatever_the_sizes(k: int) -> None:
    for leaders, staff, unassigned in product(range(14), repeat=3):
        team = leaders + staff + unassigned
        if team >= k and (roles := roles_releasable(leaders, staff, unassigned, k)):
            log = log_with(("block", "sales", people(0, team)), ("block", "marketing", people(100, 7)))
            log.add("block", "total", people(0, team) | people(100, 7))
            assert roles == {"leader", "staff"}
            log.add("block", "sales.leader", people(0, leaders))
            log.add("block", "sales.staff", people(leaders, staff))
            assert audit_release(log, k) == []


def test_S38_the_auditor_finds_what_subtraction_gives_away() -> None:
    everybody = log_of(12, 4, 0, frozenset({"sales", "total"}))
    assert audit_release(everybody, 5) == [f"item: total less sales leaves {FEW}"]
    assert audit_release(log_of(12, 4, 0, frozenset({"marketing"})), 5) == [f"item: marketing is {FEW}"]


def test_the_auditor_names_one_person_alone_and_two_groups_with_one_in_common() -> None:
    assert audit_release(log_with(("q", "a", people(0, 1))), 5) == [f"q: a is {FEW}"]
    both = [f"q: a is {FEW}", f"q: b is {FEW}", f"q: a and b differ by {FEW}"]
    assert audit_release(log_with(("q", "a", people(0, 2)), ("q", "b", people(1, 2))), 5) == both
    assert audit_release(log_with(("q", "a", people(0, 1)), ("q", "b", people(0, 1, 4.0))), 5) == both


def test_all_8_with_sales_7_is_refused() -> None:
    # The mean of all 8 is 3.500 (sum 28), that of 7 from Sales 3.857 (sum 27): the eighth person's answer is exactly 1.
    log = log_of(7, 1, 0, frozenset({"sales", "total"}))
    assert audit_release(log, 5) == [f"item: total less sales leaves {FEW}"]


def test_S38_the_auditor_finds_who_is_left_of_three_groups() -> None:
    # No two of them differ by few: 20 in all, 9 and 8 in the teams, and the three without a team are what is left.
    log = log_of(9, 8, 3, frozenset({"sales", "marketing", "total"}))
    assert audit_release(log, 5) == [f"item: marketing, sales and total together tell of {FEW}"]


def test_the_auditor_finds_small_classes_that_only_their_sum_gives_away() -> None:
    # a and b know the total of two pairs, each pair in a further group of its own: no pair alone, but all four.
    rest = people(20, 9)
    log = log_with(
        ("q", "total", people(0, 4) | rest | people(40, 9)), ("q", "a", rest), ("q", "b", people(40, 9)),
        ("q", "c", people(0, 2) | people(60, 9)), ("q", "d", people(2, 2) | people(80, 9)),
    )  # fmt: skip
    assert audit_release(log, 5) == [f"q: total, a and b together tell of {FEW}"]


def test_honest_margins_pass() -> None:
    everybody = {f"P{i}": float(1 + i % 5) for i in range(24)}
    log = ReleaseLog()
    for i, team in enumerate(("sales", "marketing")):
        log.add("q", team, {p: s for p, s in everybody.items() if int(p[1:]) // 12 == i})
    for i in range(2):
        log.add("q", f"region {i}", {p: s for p, s in everybody.items() if int(p[1:]) % 2 == i})
    log.add("q", "total", everybody)
    assert audit_release(log, 5) == [] and audit_release(ReleaseLog(), 5) == []
    log.add("q", "nobody", {})
    assert audit_release(log, 5) == []


def wave(people_in: int = 12, corrected: dict[str, float] | None = None, item_less: str = "") -> ReleaseLog:
    """One wave as published: two items and their block, for everybody, from answers that do not change."""
    log = ReleaseLog()
    for item in ("goal_1", "goal_2", "block"):
        answers = {f"P{i:02}": float(1 + (i * 7 + len(item)) % 5) for i in range(people_in)}
        if item == "goal_1":
            answers |= corrected or {}
            answers.pop(item_less, None)
        log.add(item, "total", answers)
    return log


def written(log: ReleaseLog) -> Any:
    """The log as a file gives it back."""
    return json.loads(json.dumps(log.as_data(SECRET)))


def again(first: ReleaseLog, second: ReleaseLog) -> list[str]:
    """What does the auditor say of a second release of the same wave, the first read back from its file?"""
    before = ReleaseLog.from_data(written(first))
    return audit_release(before.merged(second.sealed(SECRET)), 5)


def test_S39_a_wave_of_12_published_again_with_11_is_refused() -> None:
    assert again(wave(12), wave(11)) == [
        f"{i}: two versions of total differ by {FEW}" for i in ("goal_1", "goal_2", "block")
    ]


def test_S39_one_corrected_answer_is_refused() -> None:
    assert again(wave(), wave(corrected={"P03": 5.0})) == [f"goal_1: two versions of total differ by {FEW}"]


def test_one_answer_less_to_one_item_is_refused_for_that_item() -> None:
    assert again(wave(), wave(item_less="P07")) == [f"goal_1: two versions of total differ by {FEW}"]


def test_S39_four_corrected_answers_are_refused_and_six_pass() -> None:
    assert again(wave(), wave(corrected={f"P0{i}": 1.5 for i in range(4)}))
    assert again(wave(), wave(corrected={f"P0{i}": 1.5 for i in range(6)})) == []


def test_an_identical_run_passes_and_adds_nothing() -> None:
    assert again(wave(), wave()) == []
    before = wave().sealed(SECRET)
    assert len(before.merged(wave().sealed(SECRET)).releases) == len(wave().releases)


def test_late_answers_pass_only_when_there_are_enough_of_them() -> None:
    assert again(wave(12), wave(17)) == []
    assert len(again(wave(12), wave(16))) == 3


def test_two_runs_under_two_secrets_are_never_compared() -> None:
    with pytest.raises(AlignError, match=r"under another key.*E-CHANGED"):
        ReleaseLog.from_data(written(wave())).merged(wave().sealed(bytes(32)))
    with pytest.raises(AlignError):
        wave().sealed(SECRET).merged(wave())


@pytest.mark.parametrize("data", [None, [], {}, {"seal": "x"}, {"seal": "x", "figures": [{"key": "a"}]}])
def test_a_damaged_log_does_not_pass_for_an_empty_one(data: Any) -> None:
    with pytest.raises(AlignError, match="E-CORRUPT"):
        ReleaseLog.from_data(data)


def test_S35_the_log_tells_no_person_and_no_answer_without_the_secret() -> None:
    text = json.dumps(wave().as_data(SECRET))
    assert "P0" not in text and '"total"' in text
    assert all([*figure["members"]] == sorted(figure["members"]) for figure in json.loads(text)["figures"])
    tokens = [token for figure in json.loads(text)["figures"] for token in figure["members"].values()]
    assert len(set(tokens)) == len(tokens)  # equal answers, of two people or to two items, look different
    assert all(0 <= token < 2**52 for token in tokens)  # exact as a float, which the auditor takes them for
    figures = json.loads(text)["figures"]
    assert list(figures[0]["members"]) == sorted(figures[0]["members"])  # an order that says nothing
    # one who knows every code and the scale, and tries them under secrets of their own, finds none again
    guesses = {
        token
        for secret in (b"", bytes(32), b"survey.key", SECRET[::-1])
        for score in range(1, 6)
        for release in log_with(("goal_1", "total", people(0, 12, score))).sealed(secret).releases
        for token in (*release.members, *release.members.values())
    }
    assert not guesses & {*tokens, *(person for figure in figures for person in figure["members"])}


def filters(n: int, chance: float) -> ReleaseLog:
    rng = np.random.default_rng(3)
    log = ReleaseLog()
    for i in range(n):
        log.add("q", f"filter {i}", {f"P{p}": float(1 + p % 5) for p in np.flatnonzero(rng.random(60) < chance)})
    return log


def test_400_random_filters_over_60_people_are_refused_within_a_second() -> None:
    log, started = filters(400, 0.5), time.process_time()
    found = audit_release(log, 5)
    assert time.process_time() - started < 1
    assert found == [f"q: filter 0, filter 1, filter 2, filter 3 and 396 more together tell of {FEW}"]
    assert audit_release(filters(20, 0.5), 5) == []  # twenty sums of sixty unknowns


def test_60_people_and_400_honest_figures_pass_within_a_second() -> None:
    log = ReleaseLog()
    for item in range(100):
        answers = {f"P{p}": float(1 + (p + item) % 5) for p in range(60)}
        log.add(f"q{item}", "total", answers)
        for group, (low, high) in {"sales": (0, 30), "marketing": (30, 60), "sales.leader": (0, 9)}.items():
            log.add(f"q{item}", group, {f"P{p}": answers[f"P{p}"] for p in range(low, high)})
    started = time.process_time()
    assert audit_release(log, 5) == [] and time.process_time() - started < 1


# --- single figures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 1 / 2, 1 / 3])
def test_a_mean_tells_all_exactly_when_no_other_sum_is_published_alike(step: float) -> None:
    for n in [*range(1, 30), 99, 100]:
        sums = n + step * np.arange(round(4 * n / step) + 1)
        alike: dict[float, set[int]] = {}
        for at, mean in enumerate((sums / n).tolist()):
            ways = {published_mean(mean + noise, n) for noise in (-1e-9, 1e-9)}
            if len(ways) == 1:  # a mean on a half may be published either way: nobody hides behind it
                alike.setdefault(ways.pop(), set()).add(at)
        for at, mean in enumerate((sums / n).tolist()):
            expected = alike.get(published_mean(mean, n)) in ({0}, {len(sums) - 1})
            on_a_half = not any(at in hidden for hidden in alike.values())
            assert tells_all(mean, n, step) == expected or on_a_half, (n, mean)


def test_nothing_exempts_ten_people_who_answered_alike() -> None:
    assert [n for n in range(1, 40) if tells_all(5.0, n)] == list(range(1, 21))
    assert [n for n in range(1, 40) if tells_all(1.0, n)] == list(range(1, 21))
    assert tells_all(5.0, 500) and not tells_all(4.99, 500)  # four decimals from a hundred people on
    assert (
        tells_all(5.0, 7) and tells_all(4.9, 6) and not tells_all(4.9, 7)
    )  # where one answered a single item of a block
    assert tells_all(0.0, 8, low=0.0, high=100.0) and tells_all(100.0, 15, step=5, low=0.0, high=100.0)


def test_a_total_beside_its_teams_can_tell_that_those_without_a_team_answered_alike() -> None:
    # 2.5 of 15 people is 37 or 38; the teams' 1.2 of 5 is 6 each; the five others can only have given 25.
    assert told_alike((37 / 15, 15), [(1.2, 5), (1.2, 5)])
    assert not told_alike((35 / 15, 15), [(1.2, 5), (1.2, 5)])
    # the same from the other end of the scale: 52 or 53 of 15, 24 each in the teams, and the others can only have
    # given 5; a sum of 55 leaves them more than one way
    assert told_alike((53 / 15, 15), [(4.8, 5), (4.8, 5)])
    assert not told_alike((55 / 15, 15), [(4.8, 5), (4.8, 5)])
    # 36 alone leaves the others 24: any one of them may have given 4, unless an answer falls by two at least
    assert not told_alike((36 / 15, 15), [(1.2, 5), (1.2, 5)])
    assert told_alike((36 / 15, 15), [(1.2, 5), (1.2, 5)], step=2)
    assert not told_alike((37 / 15, 15), [(1.4, 5), (1.4, 5)])  # 7 each: the others gave 23 or 24
    assert told_alike((37 / 15, 15), [(1.2, 5), (1.2, 5)], step=0.5, grid=0.5)  # half points: still 25 at least


@pytest.mark.parametrize(
    ("n", "mean", "many", "told"),
    [
        # Sum 21: five (30 - 10 at least) to nine (50 - 27 at most) can disagree, and six to eight leave three steps.
        (10, 2.1, 8, (8, 9)),
        (10, 2.1, 5, (5, 6)),
        (10, 2.1, 7, (7, 7)),
        # Sums 27 to 28, and 27 is a half: eleven (60 - 33) may, ten would leave no third step.
        (12, 2.3, 9, (9, 11)),
        # Sums 42 to 46, both halves: 37 (120 - 74) may, 39 leave three steps, and by 38 the ranges meet.
        (40, 1.1, 38, (37, 40)),
    ],
)
def test_a_count_is_told_by_what_its_mean_leaves_possible(
    n: int, mean: float, many: int, told: tuple[int, int]
) -> None:
    assert published_count(many, n, mean) == told


def test_the_guide_promises_the_sizes_of_the_code(root: Path) -> None:
    guide = (root / "playbook" / "guide-small-firms.md").read_text(encoding="utf-8")
    assert f"they are shown from {spelled(COMMENTS_FROM)} people on" in guide
    assert f"they need {spelled(SPREAD_FROM)} people" in guide


def test_a_small_count_is_written_without_its_number() -> None:
    assert [count_text(n, 5) for n in (0, 1, 4, 5)] == ["none", "fewer than five", "fewer than five", "5"]
    assert count_text(2, 3) == "fewer than three"


def test_published_limits_never_claim_more_than_was_found() -> None:
    for low, high in [(0.81, 0.89), (-0.31, -0.04), (0.8, 1.2), (-0.05, 0.05)]:
        shown = published_limits(low, high, 20)
        assert shown[0] is not None and shown[1] is not None
        assert low - 0.1 < shown[0] <= low + 1e-9 and high - 1e-9 <= shown[1] < high + 0.1
    assert published_limits(0.8, 1.2, 20) == (0.8, 1.2)
    assert published_limits(0.812345, 1.212345, 100) == (0.8123, 1.2124)
    assert published_mean(2 / 3, 99) == 0.7 and published_mean(2 / 3, 100) == 0.6667


# --- two attackers, who know who answered what and see every published mean ------------------------------------------
#
# People who are alike in team, role and in which items they answered form a class. Unknown to the attackers: the sum of
# each class's answers to each item. Known: the classes, their sizes, and every published mean.

Matrix = np.ndarray[Any, Any]
ITEMS, ALL = 3, (0, 1, 2)
TEAMS = {"sales", "marketing"}
ROLES = {f"{team}.{role}" for team in TEAMS for role in ("leader", "staff")}
Means = dict[str, tuple[float, int]]  # of which group, which mean and of how many people


@dataclass(frozen=True)
class World:
    """One made-up engagement: people by team and role, their answers (NaN: cannot say), and the smallest group."""

    team: Matrix
    role: Matrix
    answers: Matrix
    k: int


@dataclass(frozen=True)
class Figure:
    """A published mean: of whom, of which items (one, or those of the block), as printed."""

    rows: Matrix
    items: tuple[int, ...]
    printed: float


def make_world(seed: int) -> World:
    rng = np.random.default_rng([20261121, seed])
    sizes = [*rng.integers(0, 13, 2), rng.integers(0, 13) if rng.random() < 0.3 else rng.integers(0, 3)]
    team = np.repeat(["sales", "marketing", ""], sizes)
    role = rng.choice(["leader", "staff", ""], len(team), p=[0.45, 0.5, 0.05])
    liking = rng.dirichlet(np.full(5, 0.4), 2)[rng.integers(0, 2, len(team))]
    answers = np.array([rng.choice([1.0, 2, 3, 4, 5], ITEMS, p=chance) for chance in liking]).reshape(-1, ITEMS)
    answers[rng.random(answers.shape) < rng.choice([0, 0.03, 0.1])] = np.nan
    there = ~np.isnan(answers).all(axis=1)
    return World(team[there], role[there], answers[there], int(rng.choice([3, 5])))


def naively(world: World) -> Iterator[Figure]:
    """Everything of every group: each item, and the block as the mean of its item means."""
    groups = {team: world.team == team for team in ("sales", "marketing")} | {"": np.ones(len(world.team), dtype=bool)}
    groups |= {f"{team}{role}": groups[team] & (world.role == role) for team in TEAMS for role in ("leader", "staff")}
    for items in [*((item,) for item in range(ITEMS)), ALL]:
        for rows in groups.values():
            means = [answers[~np.isnan(answers)].mean() for answers in world.answers[rows][:, items].T
                     if not np.isnan(answers).all()]  # fmt: skip
            if means:
                n = int((~np.isnan(world.answers[rows][:, items])).any(axis=1).sum())
                yield Figure(rows, items, published_mean(float(np.mean(means)), n))


@dataclass(frozen=True)
class Puzzle:
    """What do the attackers face? One unknown a class and item; ``low <= figures @ unknown <= high``, whole numbers.

    ``targets`` name what must not come out: linear combinations of the unknowns, with the reason.
    """

    truth: Matrix
    n: Matrix
    figures: Matrix
    low: Matrix
    high: Matrix
    targets: dict[str, Matrix]


def puzzle(world: World, published: list[Figure]) -> Puzzle:
    given = ~np.isnan(world.answers)
    marks = [
        f"{t}|{r}|{''.join('01'[g] for g in row)}" for t, r, row in zip(world.team, world.role, given * 1, strict=True)
    ]
    names, of = np.unique(marks, return_inverse=True)
    unknowns = [(c, j) for c, name in enumerate(names) for j in range(ITEMS) if name[-ITEMS + j] == "1"]
    size = np.bincount(of, minlength=len(names))
    truth = np.array([world.answers[of == c, j].sum() for c, j in unknowns])

    def sums(rows: Matrix, items: tuple[int, ...], weights: Sequence[int] = (1, 1, 1)) -> Matrix:
        """Which unknowns add up to the answers of these people to these items, each item with its weight?"""
        there = np.bincount(of[rows], minlength=len(names)) > 0
        return np.array([weights[j] * (there[c] and j in items) for c, j in unknowns])

    figures, low, high = [], [], []
    for figure in published:
        counts = [int(given[figure.rows, j].sum()) if j in figure.items else 0 for j in range(ITEMS)]
        whole = lcm(*(count for count in counts if count))  # the mean of item means, as one sum of whole numbers
        unit = whole * sum(count > 0 for count in counts)
        possible = np.arange(unit, 5 * unit + 1)
        noise = 1e-9 if len(figure.items) > 1 else 0.0  # thirds do not add up to the last digit: a half goes either way
        near = possible[np.abs(possible / unit - figure.printed) < 0.0501]
        fits = [
            total for total in near if figure.printed in {published_mean(total / unit + d, 9) for d in (-noise, noise)}
        ]
        figures.append(sums(figure.rows, figure.items, [whole // count if count else 0 for count in counts]))
        low.append(fits[0])
        high.append(fits[-1])
        assert figures[-1] @ truth in fits

    targets = {}
    teams = {t: world.team == t for t in (*TEAMS, "")} | {"everybody": np.ones(len(of), dtype=bool)}
    partial = ~given.all(axis=1)
    small = {f"class {names[c]}": of == c for c in range(len(names))}
    small |= {f"team {t!r}": rows for t, rows in teams.items()}
    small |= {f"team {t!r}, who could not say": rows & partial for t, rows in teams.items()}
    for name, rows in small.items():
        for items in [*((j,) for j in range(ITEMS)), ALL]:
            n = int((given[:, items].any(axis=1) & rows).sum())
            if 0 < n < world.k:
                targets[f"{name}, {items}, {n} people"] = sums(rows, items)
    for name, rows in teams.items():  # a large group's sum is nobody's answer, unless it is everybody's
        for j in range(ITEMS):
            values = world.answers[rows & given[:, j], j]
            if len(values) >= world.k and (values == values[0]).all() and values[0] in (1, 5):
                targets[f"team {name!r}, {j}: all {values[0]:g}"] = sums(rows, (j,))
    empty = np.empty((0, len(unknowns)))
    return Puzzle(truth, np.array([size[c] for c, _ in unknowns]), np.array(figures) if figures else empty,
                  np.array(low), np.array(high), targets)  # fmt: skip


def linear_attacker(found: Puzzle) -> set[str]:
    """Which targets are a linear combination of the published figures, were these not rounded at all?

    An answer that all of a large group gave is no sum the linear attacker can tell from another.
    """
    if not len(found.figures):
        return set()
    _, strength, axes = np.linalg.svd(found.figures.astype(float), full_matrices=False)
    axes = axes[strength > 1e-9 * strength[0]]
    left = {name: target - axes.T @ (axes @ target) for name, target in found.targets.items() if ": all" not in name}
    return {name for name, rest in left.items() if np.abs(rest).max() < 1e-9}


@cache
def small_moves(n: int) -> Matrix:
    """Every way to change one or two of ``n`` whole numbers by 1 to 3."""
    one = [d * np.eye(n)[i] for i in range(n) for d in (-2, -1, 1, 2)]
    two = [a * np.eye(n)[i] + b * np.eye(n)[j] for i, j in combinations(range(n), 2)
           for a, b in product((-3, -2, -1, 1, 2, 3), repeat=2)]  # fmt: skip
    return np.array(one + two).reshape(-1, n)


def integer_attacker(found: Puzzle) -> set[str]:
    """Which targets have one value only over all whole answers that would have been published just so?

    Every neighbour of the truth is tried at once; what none of them changes is settled by exhaustive search (branch
    and bound) for a larger and for a smaller value.
    """
    if not found.targets:
        return set()
    moves = small_moves(len(found.truth))
    points = found.truth + moves
    fits = ((points >= found.n) & (points <= 5 * found.n)).all(axis=1)
    change = moves[fits] @ found.figures.T + found.figures @ found.truth
    moves = moves[fits][((change >= found.low) & (change <= found.high)).all(axis=1)]
    fixed = {name: target for name, target in found.targets.items() if not (moves @ target).any()}
    limits = LinearConstraint(found.figures, found.low, found.high) if len(found.figures) else ()
    told = set()
    for name, target in fixed.items():
        ends = [milp(sign * target, constraints=limits, integrality=np.ones(len(target)),
                     bounds=Bounds(found.n, 5 * found.n)) for sign in (1, -1)]  # fmt: skip
        assert all(end.success for end in ends)
        if round(ends[0].fun) == round(-ends[1].fun):
            told.add(name)
    return told


def recovered(publish: Callable[[World], Iterator[Figure]], worlds: range) -> tuple[list[str], list[str]]:
    linear, integer = [], []
    for seed in worlds:
        world = make_world(seed)
        if len(world.team):
            found = puzzle(world, list(publish(world)))
            linear += [f"world {seed}: {name}" for name in sorted(linear_attacker(found))]
            integer += [f"world {seed}: {name}" for name in sorted(integer_attacker(found))]
    return linear, integer


@cache
def agreed(k: int) -> Settings:
    return parse_settings(SETTINGS.replace("MODE", "mode: anonymous").replace("group: 5", f"group: {k}"))


def diagnosed(world: World) -> Iterator[Figure]:
    """What the survey diagnostic itself publishes of these answers, as its list of figures says: a block of three."""
    block = next(b for b in read_instrument().blocks if len(b.items) == ITEMS and not any(i.reverse for i in b.items))
    known = {name: [each or None for each in given.tolist()]
             for name, given in (("team", world.team), ("role", world.role))}  # fmt: skip
    people = pd.DataFrame({"respondent_id": [str(i) for i in range(len(world.team))], **known, "is_hasty": False})
    codes = [item.item for item in block.items]
    asked = Answers(people_of(people), codes, world.answers, np.ones(world.answers.shape, dtype=bool))
    place = {f"item.{code}": (j,) for j, code in enumerate(codes)}
    together = comparable(asked, block.items, agreed(world.k))
    place[f"block.{block.block}"] = tuple(codes.index(item.item) for item in together)
    for key, scores, groups in releases.figures(asked, agreed(world.k)):
        who = scores.people.codes
        for group in groups if key in place else ():
            if (mean := scores.mean(group)) is not None:
                there = np.isin(np.arange(len(world.team)), who[scores.rows(group)].astype(int))
                yield Figure(there, place[key], mean)


def test_S40_a_linear_and_an_integer_attacker_recover_nothing_from_250_random_engagements() -> None:
    assert recovered(diagnosed, range(250)) == ([], [])


@pytest.mark.trust
def test_S40_the_attackers_recover_nothing_from_1000_random_engagements() -> None:
    assert recovered(diagnosed, range(1000)) == ([], [])


def test_the_attackers_work_against_one_who_publishes_everything() -> None:
    linear, integer = recovered(naively, range(25))
    assert len(linear) > 100 and len(integer) > 100


RULES: dict[str, Callable[..., Any]] = {
    "releasable": lambda sales, marketing, unassigned, k: {"sales", "marketing", "total"},
    "roles_releasable": lambda leaders, staff, unassigned, k: {"leader", "staff"},
    "tells_all": lambda *figures: False,
}


@pytest.mark.parametrize(("rule", "first"), [("releasable", 0), ("roles_releasable", 0), ("tells_all", 40)])
def test_without_any_one_of_the_rules_the_attackers_win(rule: str, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"alignlib.diagnostics.survey.scores.{rule}", RULES[rule])
    linear, integer = recovered(diagnosed, range(first, first + 6))
    assert linear + integer


def test_the_integer_attacker_finds_those_without_a_team_where_the_roundings_fall_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = np.repeat([[2.0], [1], [1], [1], [1], [2], [1], [1], [1], [1], [5], [5], [5], [5], [5]], ITEMS, axis=1)
    world = World(np.repeat(["sales", "marketing", ""], 5), np.repeat("", 15), answers, 5)
    assert integer_attacker(puzzle(world, list(diagnosed(world)))) == set()
    monkeypatch.setattr("alignlib.diagnostics.survey.scores.told_alike", lambda *figures: False)
    assert integer_attacker(puzzle(world, list(diagnosed(world)))) == {f"team '', {j}: all 5" for j in range(ITEMS)}


# --- limits of a gap ---------------------------------------------------------------------------------------------


def two_teams(sales: Sequence[int], marketing: Sequence[int]) -> Scores:
    """What did two teams answer to one item?"""
    n = len(sales) + len(marketing)
    team = np.repeat(["sales", "marketing"], [len(sales), len(marketing)]).astype(object)
    codes = [f"P{i}" for i in range(n)]
    people = people_of(pd.DataFrame({"respondent_id": codes, "team": team, "role": None, "is_hasty": False}))
    return Scores(people, np.array([*sales, *marketing], dtype=float).reshape(-1, 1), 5)


def shown_of(scores: Scores) -> tuple[float | None, ...]:
    gap = published_gap(scores, *BOTH_TEAMS)
    return (*(scores.mean(team) for team in BOTH_TEAMS), gap.value, gap.low, gap.high)


FIVE = list(combinations_with_replacement(range(1, 6), 5))  # all that five people can answer to one item
Kind = tuple[int, int]  # what limits rest on: the sum, and the sum of squares
ENDS = {(5, 5), (25, 125)}  # tells_all: no mean, and so no gap


def kinds() -> dict[Kind, list[tuple[int, ...]]]:
    found: dict[Kind, list[tuple[int, ...]]] = {}
    for team in FIVE:
        found.setdefault((sum(team), sum(a * a for a in team)), []).append(team)
    return found


def gaps_shown(sums: range) -> dict[tuple[Kind, Kind], tuple[float | None, ...]]:
    of = {kind: teams[0] for kind, teams in kinds().items() if kind[0] in sums and kind not in ENDS}
    return {pair: shown_of(two_teams(of[pair[0]], of[pair[1]])) for pair in product(of, repeat=2)}


def of_one_mind(shown: dict[tuple[Kind, Kind], tuple[float | None, ...]]) -> list[tuple[Kind, Kind]]:
    """Which pairs of teams show that one of the two was of one mind: no other pair of teams looks the same?"""
    unanimous = {(5 * a, 5 * a * a) for a in range(1, 6)}  # no other five answers have such sums
    alike: dict[tuple[float | None, ...], list[tuple[Kind, Kind]]] = {}
    for pair, as_shown in shown.items():
        alike.setdefault(as_shown, []).append(pair)
    return [pair for pairs in alike.values() for pair in pairs
            if any(all(other[side] in unanimous for other in pairs) for side in (0, 1))]  # fmt: skip


def test_the_limits_of_a_gap_of_five_against_five_never_tell_that_a_team_was_of_one_mind() -> None:
    shown, of = gaps_shown(range(5, 26)), kinds()
    assert sum(len(of[one]) * len(of[other]) for one, other in shown) == (len(FIVE) - 2) ** 2 == 124**2
    kind_of = {team: kind for kind, teams in of.items() for team in teams}
    rng = np.random.default_rng(7)
    for sales, marketing in rng.integers(0, len(FIVE), (300, 2)).tolist():
        pair, found = (
            (kind_of[FIVE[sales]], kind_of[FIVE[marketing]]),
            shown_of(two_teams(FIVE[sales], FIVE[marketing])),
        )
        assert found == shown[pair] if pair in shown else None in found
    assert of_one_mind(shown) == []


@pytest.mark.parametrize("floor", [1e-9, 0.2])
def test_with_less_variance_to_count_with_the_limits_would_tell(floor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignlib.diagnostics.survey.scores.SMALL_FLOOR", floor)
    assert of_one_mind(gaps_shown(range(15, 16)))


# --- what was published before is remembered with the engagement -----------------------------------------------------

SETTINGS = """
version: 1
client: Test Client
period: {start: 2024-01-01, end: 2024-12-31}
as_of: 2025-01-31
currency: EUR
timezone: UTC
survey: {MODE, smallest_group: 5}
inputs:
  - file: survey.csv
    table: responses
    shape: survey
    columns: {respondent_id: Code, team: Team, wave: Wave}
    items: {goal_1: One, goal_2: Two}
"""
Rows = dict[str, list[str]]  # code: team, answer to the first item, answer to the second


def staff() -> Rows:
    return {f"P{i:02}": [("sales", "marketing")[i % 2], str(1 + i % 5), str(1 + (i + 2) % 5)] for i in range(14)}


def published(folder: Path, rows: Rows, wave: str = "", mode: str = "mode: anonymous") -> None:
    """What the pipeline does between the notebooks and the report, for one survey as delivered today."""
    lines = [f"{code},{team},{wave},{one},{two}" for code, (team, one, two) in rows.items()]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "survey.csv").write_text("\n".join(["Code,Team,Wave,One,Two", *lines]) + "\n")
    (folder / "engagement.yml").write_text(
        SETTINGS.replace("MODE, smallest_group: 5", mode if "smallest" in mode else f"{mode}, smallest_group: 5")
    )
    with TemporaryDirectory() as out:  # another folder each time: what was published is known all the same
        settings = prepare(folder, Path(out) / "run")
        safe_to_release(folder, load(str(Path(out) / "run")).tables, settings)


def test_S39_the_same_survey_may_be_published_again_and_a_wave_with_one_less_or_one_corrected_may_not(
    tmp_path: Path,
) -> None:
    published(tmp_path, staff())
    log = tmp_path / "private" / "release_log.json"
    first = log.read_bytes()
    published(tmp_path, staff())
    published(tmp_path, dict(reversed(staff().items())))  # the same people in another order
    assert log.read_bytes() == first
    less, corrected, silent = staff(), staff(), staff()
    del less["P03"]
    corrected["P03"][1] = "1"
    silent["P03"][2] = ""
    for rows in (less, corrected, silent):
        with pytest.raises(AlignError, match="E-SMALL") as caught:
            published(tmp_path, rows)
        text = str(caught.value)
        assert len(caught.value.problems) == 1 and "survey." not in text and "goal" not in text
        assert re.match(
            r"the survey: \d+ figures differ from what was published before by fewer than five people", text
        )
        assert "two versions of marketing differ by fewer than five people" in text
        assert "keep the earlier report; a second one of this survey would tell by its difference" in text
        assert "ask again as a new wave with fresh answers from everybody" in text
        assert log.read_bytes() == first


def fresh(seed: int, n: int = 14) -> Rows:
    """The same people, whose answers have nothing in common with those of another seed but a liking for the middle."""
    one, two = np.random.default_rng(seed).choice(range(1, 6), (2, n), p=[0.05, 0.15, 0.4, 0.3, 0.1]).tolist()
    return {f"P{i:02}": [("sales", "marketing")[i % 2], str(one[i]), str(two[i])] for i in range(n)}


def test_fresh_answers_of_the_same_people_are_a_new_wave(tmp_path: Path) -> None:
    for seed in range(50):
        published(tmp_path / str(seed), fresh(seed), wave="1")
        published(tmp_path / str(seed), fresh(1000 + seed), wave="2")
        log = json.loads((tmp_path / str(seed) / "private" / "release_log.json").read_text())
        assert set(log["waves"]) == {"1", "2"}


@pytest.mark.parametrize(("first", "said"), [("1", "as wave 1"), ("", "without a name of its own")])
def test_the_same_answers_under_another_wave_are_refused(tmp_path: Path, first: str, said: str) -> None:
    published(tmp_path, staff(), wave=first)
    log = tmp_path / "private" / "release_log.json"
    before, less, corrected = log.read_bytes(), staff(), staff()
    del less["P03"]
    corrected["P03"][1] = "1"
    of_sales_alone = {code: row if row[0] == "sales" else fresh(5)[code] for code, row in corrected.items()}
    for rows in (staff(), less, corrected, of_sales_alone):
        with pytest.raises(
            AlignError, match=rf"wave 2: most of these.* before {said}\..*fresh answers.*E-SMALL"
        ) as caught:
            published(tmp_path, rows, wave="2")
        assert len(caught.value.problems) == 1 and log.read_bytes() == before


def many(seed: int, shift: float) -> dict[str, dict[str, float]]:
    """What do 30 people answer to 24 items, each near a liking of their own? About half the answers stay from one seed
    to another."""
    liking = np.random.default_rng(1).normal(3.2, 1.0, (30, 24))
    given = np.clip(np.round(liking + np.random.default_rng(seed).normal(0, shift, liking.shape)), 1, 5)
    return {f"survey.item.q{j}": {f"P{i}": float(given[i, j]) for i in range(30)} for j in range(24)}


def test_people_of_firm_opinions_may_answer_a_new_wave_much_as_before() -> None:
    def log(seed: int) -> ReleaseLog:
        return log_with(*((key, "total", given) for key, given in many(seed, 0.5).items())).sealed(SECRET)

    same = [old == new for old, new in zip(*(list(many(s, 0.5).values()) for s in (2, 3)), strict=True)]
    assert not any(same)  # no item is answered alike by all
    assert log(2).repeats(log(2)) and not any(log(2).repeats(log(seed)) for seed in range(3, 53))


def test_exactly_half_of_a_group_may_answer_as_before() -> None:
    before, after = ReleaseLog(), ReleaseLog()
    for at in range(4):
        before.add(f"survey.item.q{at}", "total", people(0, 12, score=at))
        after.add(f"survey.item.q{at}", "total", people(0, 6, score=at) | people(6, 6, score=at + 10))
    assert not after.repeats(before)
    for at, release in enumerate(after.releases):
        after.releases[at] = Release(release.key, release.group, {**release.members, "P6": float(at)})
    assert after.repeats(before)


def test_a_wave_keeps_the_largest_smallest_group_it_was_promised(tmp_path: Path) -> None:
    def wave(rows: Rows, k: int) -> None:
        published(tmp_path, rows, mode=f"mode: anonymous, smallest_group: {k}")

    wave(staff(), 6)
    late = staff() | {f"Q{i}": ["sales", "2", "3"] for i in range(5)}
    with pytest.raises(AlignError, match="by fewer than six people"):
        wave(late, 3)
    wave(late | {"Q5": ["sales", "4", "4"]}, 3)
    (log,) = json.loads((tmp_path / "private" / "release_log.json").read_text())["waves"].values()
    assert log["smallest_group"] == 6


def test_a_refused_first_release_says_what_to_do_and_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alignlib.disclosure.audit_release", lambda log, k: ["goal_1: sales is fewer than five people"])
    with pytest.raises(AlignError, match=r"1 figure would tell.*\(sales is fewer.*leave out the survey.*E-SMALL"):
        published(tmp_path, staff())
    assert not (tmp_path / "private" / "release_log.json").exists()


def test_the_record_is_private_and_holds_no_code_and_no_answer(tmp_path: Path) -> None:
    published(tmp_path, staff())
    private = tmp_path / "private"
    assert os.name == "nt" or private.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in private.iterdir()} == {"lock", "release_log.json", "survey.key"}
    assert os.name == "nt" or all(path.stat().st_mode & 0o777 == 0o600 for path in private.iterdir())
    text = (private / "release_log.json").read_text()
    assert not re.search(r"P\d\d|r-[0-9a-f]", text)


def test_named_answers_are_neither_audited_nor_recorded(tmp_path: Path) -> None:
    published(tmp_path, {"P01": ["sales", "1", "2"]}, mode="mode: named, consent_on: 2024-12-01")
    assert not (tmp_path / "private").exists()


def test_answers_given_under_the_promise_of_anonymity_are_never_named(tmp_path: Path) -> None:
    named = "mode: named, consent_on: 2024-12-01"
    published(tmp_path, staff(), wave="1")
    few = dict(list(staff().items())[:3])
    corrected = staff()
    corrected["P03"][1] = "1"
    for rows, wave in ((staff(), "1"), (fresh(3), "1"), (staff(), "2"), (corrected, ""), (few, "2")):
        with pytest.raises(
            AlignError, match=r"given under the promise of anonymity.*back to anonymous.*E-SMALL"
        ) as caught:
            published(tmp_path, rows, wave=wave, mode=named)
        assert len(caught.value.problems) == 1
    log = tmp_path / "private" / "release_log.json"
    before = log.read_bytes()
    published(tmp_path, fresh(3), wave="2", mode=named)  # a new wave, and everybody asked has agreed
    assert log.read_bytes() == before


def test_a_lost_key_or_a_damaged_record_stops_the_release(tmp_path: Path) -> None:
    published(tmp_path, staff())
    key, log = tmp_path / "private" / "survey.key", tmp_path / "private" / "release_log.json"
    secret, text = key.read_bytes(), log.read_text()
    key.unlink()
    with pytest.raises(AlignError, match=r"under another key.*put survey\.key back.*E-CHANGED"):
        published(tmp_path, staff())
    key.write_bytes(secret[:-1])
    with pytest.raises(AlignError, match="E-CORRUPT"):
        published(tmp_path, staff())
    key.write_bytes(secret)
    for damaged in ("", "{}", text[: len(text) // 2], text.replace("members", "people")):
        log.write_text(damaged)
        with pytest.raises(AlignError, match="E-CORRUPT"):
            published(tmp_path, staff())
    log.write_text(text)
    published(tmp_path, staff())
