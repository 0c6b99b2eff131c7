"""What is withheld, and whether what is published together gives anybody away."""

from itertools import product

import pytest

from alignlib.disclosure import (
    ReleaseLog,
    audit_release,
    count_text,
    published_limits,
    published_mean,
    releasable,
)


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
    ],
)
def test_what_may_be_published_of_two_teams_and_their_total(
    sales: int, marketing: int, unassigned: int, shown: set[str]
) -> None:
    assert releasable(sales, marketing, unassigned, 5) == shown


def people(start: int, n: int) -> frozenset[str]:
    return frozenset(f"P{i}" for i in range(start, start + n))


def log_of(sales: int, marketing: int, unassigned: int, groups: frozenset[str]) -> ReleaseLog:
    members = {"sales": people(0, sales), "marketing": people(100, marketing)}
    members["total"] = members["sales"] | members["marketing"] | people(200, unassigned)
    log = ReleaseLog()
    for group in sorted(groups):
        log.add("item", group, members[group])
    return log


@pytest.mark.parametrize("k", [3, 5])
def test_no_small_group_can_be_worked_out_whatever_the_sizes(k: int) -> None:
    for sales, marketing, unassigned in product(range(13), repeat=3):
        groups = releasable(sales, marketing, unassigned, k)
        assert audit_release(log_of(sales, marketing, unassigned, frozenset(groups)), k) == []
        if {"sales", "marketing", "total"} <= groups:  # both teams subtracted leave those without a team
            assert unassigned == 0 or unassigned >= k


def test_the_auditor_finds_what_subtraction_gives_away() -> None:
    everybody = log_of(12, 4, 0, frozenset({"sales", "total"}))
    assert audit_release(everybody, 5) == ["item: total less sales leaves fewer than five people"]
    assert audit_release(log_of(12, 4, 0, frozenset({"marketing"})), 5) == ["item: marketing is fewer than five people"]


def test_the_auditor_finds_the_eighth_person() -> None:
    # The mean of all 8 is 3.500 (sum 28), that of 7 from Sales 3.857 (sum 27): the eighth person's answer is exactly 1.
    log = log_of(7, 1, 0, frozenset({"sales", "total"}))
    assert len(audit_release(log, 5)) == 1


def test_the_auditor_compares_two_rounds_of_one_figure() -> None:
    log = ReleaseLog()
    log.add("goal_1", "total, first round", people(0, 12))
    log.add("goal_1", "total, second round", people(0, 11))
    log.add("goal_2", "total", people(0, 10))  # another question: nothing to subtract
    assert audit_release(log, 5) == [
        "goal_1: total, first round less total, second round leaves fewer than five people"
    ]


def test_the_log_names_figures_and_never_people() -> None:
    text = log_of(12, 8, 0, frozenset({"total"})).to_json()
    assert '"n": 20' in text and "P0" not in text and "P100" not in text


def test_a_small_count_is_written_without_its_number() -> None:
    assert [count_text(n, 5) for n in (0, 1, 4, 5)] == ["none", "fewer than five", "fewer than five", "5"]
    assert count_text(2, 3) == "fewer than three"


def test_published_limits_never_claim_more_than_was_found() -> None:
    for low, high in [(0.81, 0.89), (-0.31, -0.04), (0.8, 1.2), (-0.05, 0.05)]:
        shown = published_limits(low, high, 20)
        assert shown[0] is not None and shown[1] is not None
        assert low - 0.1 < shown[0] <= low + 1e-9 and high - 1e-9 <= shown[1] < high + 0.1
    assert published_limits(0.8, 1.2, 20) == (0.8, 1.2)
    assert published_mean(2 / 3, 99) == 0.7 and published_mean(2 / 3, 100) == 0.6667
