"""In which order findings matter: level, stake, evidence before opinion, certainty, minutes; and in no other."""

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from alignlib.audit.ranking import ranked
from alignlib.resources import Play, plays
from alignlib.result import Finding, Level, Measure

MAJOR = 100  # minor units


def finding(
    key: str, level: Level = "act", value: float | None = 0.5, half: float | None = 0.1, limit: float | None = 0.7,
    play: str | None = "P4", unit: Any = "share",
) -> Finding:  # fmt: skip
    measure = Measure(value=value, unit=unit, n=10)
    if half is not None and value is not None:
        measure = Measure(value=value, unit=unit, n=10, low=value - half, high=value + half, method="Wilson")
    return Finding(key=key, theme="handoff", title="", detail="", level=level, rule="", limit=limit, play=play,
                   measure=measure)  # fmt: skip


def of_minutes(**minutes: int) -> dict[str, Play]:
    return {id: Play(id, "", "", n, "", "", 30, ()) for id, n in minutes.items()}


def keys(
    given: list[Finding], worth: dict[str, float] | None = None, known: dict[str, Play] | None = None
) -> list[str]:  # fmt: skip
    found = [[f.key for f in ranked(order, worth or {}, known or {})] for order in permutations(given)]
    assert all(one == found[0] for one in found), "the order given must not matter"
    return found[0]


def test_levels_come_first_whatever_the_stake() -> None:
    given = [finding("funnel.d", "unclear"), finding("funnel.c", "good"), finding("funnel.b", "watch"),
             finding("funnel.a", "act", half=0.4)]  # fmt: skip
    money = {"funnel.d": 1e12, "funnel.c": 1e11, "funnel.b": 1e10}
    assert keys(given, money) == ["funnel.a", "funnel.b", "funnel.c", "funnel.d"]


def test_what_is_worth_more_comes_first_and_what_has_no_price_last() -> None:
    given = [finding("funnel.unpriced", half=0.01), finding("funnel.small"), finding("funnel.large", half=0.4)]
    worth = {"funnel.small": 10_000.0 * MAJOR, "funnel.large": 900_000.0 * MAJOR}
    assert keys(given, worth) == ["funnel.large", "funnel.small", "funnel.unpriced"]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (100_000, 110_000, True), (100_000, 170_000, True), (100_000, 180_000, False), (100_000, 316_228, False),
        (0, 0, True), (0.004, 0, True),  # less than a minor unit is nothing
    ],
)  # fmt: skip
def test_stakes_are_compared_in_bands_of_half_an_order_of_magnitude(one: float, other: float, alike: bool) -> None:
    sure, unsure = finding("funnel.sure", half=0.05), finding("funnel.unsure", half=0.4)
    worth = {"funnel.sure": one * MAJOR, "funnel.unsure": other * MAJOR}
    assert (keys([sure, unsure], worth) == ["funnel.sure", "funnel.unsure"]) == alike


def test_evidence_from_files_comes_before_opinion() -> None:
    given = [finding("survey.gap.a", value=4, limit=1, half=0.1, unit="points"), finding("funnel.b", half=0.19)]
    assert keys(given) == ["funnel.b", "survey.gap.a"]


def test_the_stake_comes_before_evidence() -> None:
    given = [finding("survey.gap.a"), finding("funnel.b")]
    assert keys(given, {"survey.gap.a": 1e9}) == ["survey.gap.a", "funnel.b"]


def test_the_more_certain_comes_first_and_what_is_counted_is_certain() -> None:
    # 0.2 beyond the limit: within 1.5 half intervals, from 1.5, from 3
    given = [finding("funnel.a", half=0.15), finding("funnel.b", half=0.1), finding("funnel.c", half=0.05)]
    assert keys(given) == ["funnel.c", "funnel.b", "funnel.a"]
    near = finding("funnel.d", half=None, value=0.69)
    assert keys([*given[:2], near]) == ["funnel.d", "funnel.b", "funnel.a"]


def test_certainty_counts_in_three_steps_so_that_a_little_more_decides_nothing() -> None:
    given = [finding("funnel.a", half=0.06, play="P1"), finding("funnel.b", half=0.02, play="P2")]  # both beyond three
    assert keys(given, None, of_minutes(P1=30, P2=90)) == ["funnel.a", "funnel.b"]


def test_the_shorter_play_comes_first_among_equals() -> None:
    given = [finding("funnel.a", play="P1"), finding("funnel.b", play="P2"), finding("funnel.c", play="P3")]
    assert keys(given, None, of_minutes(P1=90, P2=60, P3=75)) == ["funnel.b", "funnel.c", "funnel.a"]


def test_minutes_come_before_the_distance_from_the_limit() -> None:
    given = [finding("funnel.near", value=0.65, half=0.01, play="P1"), finding("funnel.far", half=0.01, play="P2")]
    assert keys(given, None, of_minutes(P1=60, P2=90)) == ["funnel.near", "funnel.far"]


def test_certainty_comes_before_minutes() -> None:
    given = [finding("funnel.a", half=0.05, play="P1"), finding("funnel.b", half=0.19, play="P2")]
    assert keys(given, None, of_minutes(P1=240, P2=30)) == ["funnel.a", "funnel.b"]


def test_ties_go_by_distance_from_the_limit_and_then_by_key() -> None:
    given = [finding("funnel.b", half=None, value=0.5), finding("funnel.a", half=None, value=0.5),
             finding("funnel.c", half=None, value=0.2)]  # fmt: skip
    assert keys(given) == ["funnel.c", "funnel.a", "funnel.b"]
    # one point of four is as far as a quarter of a share
    points = finding("content.b", value=2.0, limit=1.0, half=None, unit="points")
    units = [finding("content.a", half=None, value=0.2, limit=0.4), points]
    assert keys(units) == ["content.b", "content.a"]


def test_what_has_no_value_or_no_limit_is_the_least_certain() -> None:
    given = [finding("funnel.a", "unclear", value=None), finding("funnel.b", "unclear", limit=None),
             finding("funnel.c", "unclear", value=0.4, half=0.1)]  # fmt: skip
    assert keys(given)[0] == "funnel.c"


def test_shuffled_findings_of_every_kind_give_one_order() -> None:
    levels: list[Level] = ["act", "watch", "good", "unclear"]
    given = [
        finding(f"{name}.x{i}", level, value=value, half=half, play=play)
        for i, (name, level, value, half, play) in enumerate(
            product(("survey", "funnel", "content"), levels, (0.1, 0.6), (None, 0.02, 0.3), ("P4", "P16", None)))
    ]  # fmt: skip
    worth = {f.key: float(10 ** (i % 9)) for i, f in enumerate(given)}
    usual, rng = ranked(given, worth, plays()), np.random.default_rng(7)
    assert len({f.key for f in usual}) == len(given)
    for _ in range(50):
        assert ranked([given[i] for i in rng.permutation(len(given))], worth, plays()) == usual
