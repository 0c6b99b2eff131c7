"""Content and won deals, by hand: an association among deals alike, and nothing more."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alignlib.association import mantel_haenszel, slopes
from alignlib.diagnostics.content import influence
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Part

Make = Callable[..., Tables]
SETTINGS = Settings.model_validate(
    {"version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"}, "as_of": "2025-12-31",
     "currency": "EUR", "timezone": "UTC"}
)  # fmt: skip
# conversation reached, with content: (won, lost), without: (won, lost). Alone each group says nothing differs.
LOGGED = ("2025-01-02 10:00", "2025-12-30 10:00")  # the first and the last use in the log
ALIKE = {"C5": ((40, 10), (8, 2)), "C3": ((2, 8), (10, 40))}


def deals(groups: dict[str, Any], used_at: str = "2025-03-01 10:00", **use: Any) -> dict[str, list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    uses: list[dict[str, Any]] = []
    for stage, sides in groups.items():
        for touched, counts in zip((True, False), sides, strict=True):
            for outcome, n in zip(("won", "lost"), counts, strict=True):
                for _ in range(n):
                    deal = f"O{len(rows)}"
                    rows.append({"opportunity_id": deal, "outcome": outcome, "conversation": stage, "amount": 100_00,
                                 "closed_at": "2025-04-01 10:00"})  # fmt: skip
                    if touched:
                        uses.append({"asset_id": "a", "event": "share", "used_at": used_at, "opportunity_id": deal}
                                    | use)  # fmt: skip
    ends = [{"asset_id": "a", "event": "share", "used_at": at, "opportunity_id": "unknown"} for at in LOGGED]
    return {"assets": [{"asset_id": "a"}], "opportunities": rows, "asset_usage": [*uses, *ends]}


def found(make_tables: Make, rows: dict[str, list[dict[str, Any]]], day_only: str = "") -> Part:
    return influence.part(make_tables(rows, frozenset({day_only})), SETTINGS)


def counted(part: Part) -> dict[str, tuple[int, int]]:
    return {row["label"]: (row["k"], row["n"]) for row in part.exhibits[0].rows}


def test_a_difference_that_stage_explains_is_gone_among_deals_alike(make_tables: Make) -> None:
    exhibit = found(make_tables, deals(ALIKE)).exhibits[0]
    assert counted(found(make_tables, deals(ALIKE))) == {"With content": (42, 60), "Without": (18, 60)}
    assert exhibit.title.startswith("Whether deals in which content was used are won more often cannot be told among ")
    assert "120 of 120 deals lie in 2 groups" in exhibit.lead
    assert "over all deals the difference is 40 percentage points (" in exhibit.lead


def test_the_difference_among_deals_alike_is_that_of_mantel_and_haenszel(make_tables: Make) -> None:
    """By hand: weights 25 * 25 / 50 in both groups, differences .2 and .4, so .3."""
    groups = {"C5": ((20, 5), (15, 10)), "C4": ((15, 10), (5, 20))}
    exhibit = found(make_tables, deals(groups)).exhibits[0]
    assert exhibit.title.startswith("Among deals alike in stage reached and size, those in which content was used are "
                                    "won 30 percentage points more often (difference ")  # fmt: skip


@pytest.mark.parametrize(
    ("used_at", "use"),
    [("2025-04-01 10:01", {}), ("2025-03-01 10:00", {"event": "edit"}), ("2025-03-01 10:00", {"team": "marketing"})],
)
def test_a_use_after_the_close_an_edit_or_one_by_marketing_is_no_use(
    make_tables: Make, used_at: str, use: dict[str, str]
) -> None:
    part = found(make_tables, deals(ALIKE, used_at, **use))
    assert not part.exhibits and "0 closed deals with content" in part.not_judged[0].why


def test_few_deals_or_no_deal_in_the_log_are_not_judged(make_tables: Make) -> None:
    few = found(make_tables, deals({"C5": ((10, 5), (30, 5))}))
    assert "15 closed deals with content and 35 without" in few.not_judged[0].why
    silent = deals(ALIKE)
    silent["asset_usage"] = [{**row, "opportunity_id": None} for row in silent["asset_usage"]]
    assert found(make_tables, silent).not_judged[0].why == "no use in the log names a deal"


def test_no_money_is_attached_and_the_caution_stands(make_tables: Make) -> None:
    exhibit = found(make_tables, deals(ALIKE)).exhibits[0]
    assert "association" in exhibit.says_not and not any(column.unit == "money" for column in exhibit.columns)
    assert "influenc" not in (exhibit.title + exhibit.lead + exhibit.read).lower()


def held(rows: dict[str, list[dict[str, Any]]], owners: Callable[[int], str | None]) -> dict[str, list[dict[str, Any]]]:
    return rows | {"opportunities": [row | {"owner_id": owners(i)} for i, row in enumerate(rows["opportunities"])]}


@pytest.mark.parametrize("seed", range(20))
def test_the_slope_within_groups_is_the_difference_of_mantel_and_haenszel(seed: int) -> None:
    """The same weights, n1 n0 / n of each group; one with deals of one kind only weighs nothing in both."""
    rng = np.random.default_rng(seed)
    strata, touched, won = (rng.integers(0, most, 200) for most in (6, 2, 2))
    touched[strata == 5] = 1
    cells = np.bincount(strata * 4 + 2 * (1 - touched) + 1 - won, minlength=24).reshape(-1, 2, 2)
    slope = influence._more_won(won == 1, touched == 1, np.full(200, -1), strata).value
    assert slope == pytest.approx(mantel_haenszel(cells).difference.value, abs=1e-12)


def test_limits_are_clustered_by_the_seller_who_holds_the_deal(make_tables: Make) -> None:
    """Ten sellers, all deals of each alike in outcome and in content: ten cases, not a hundred."""
    groups = {"C5": ((30, 20), (20, 30))}
    rows = deals(groups)
    alone, by_seller = found(make_tables, rows), found(make_tables, held(rows, lambda i: f"s{i // 10}"))
    assert counted(alone) == counted(by_seller)
    x = np.repeat([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], 10)
    y = np.repeat([1, 1, 1, 0, 0, 1, 1, 0, 0, 0], 10)
    low, high = (getattr(slopes(y, x, np.repeat(np.arange(10), 10))[0], name) for name in ("low", "high"))
    assert (round(low, 2), round(high, 2)) == (-0.54, 0.94)  # one in ten of a hundred's weight
    assert "difference \u221254 to 94 percentage points" in by_seller.exhibits[0].title
    assert "difference 0 to 40 percentage points" in alone.exhibits[0].title
    assert "clustered by the 10 sellers" in by_seller.exhibits[0].read
    assert "as if deals were independent" in alone.exhibits[0].read and "s1" not in repr(by_seller)


def test_fewer_than_eight_sellers_are_said_to_be_too_few_to_cluster(make_tables: Make) -> None:
    for sellers, how in ((7, "as if deals were independent: fewer than eight sellers"), (8, "clustered by the 8")):
        rows = held(deals(ALIKE), lambda i, sellers=sellers: f"s{i % sellers}" if i % 3 else None)  # type: ignore[misc]
        assert how in found(make_tables, rows).exhibits[0].read


@pytest.mark.parametrize(
    ("change", "is_left_out"),
    [
        ({"opened_at": "2025-01-02 08:00"}, False),  # the day the log begins
        ({"opened_at": "2025-01-01 10:00"}, True),
        ({"opened_at": None}, False),
        ({"closed_at": "2025-01-01 10:00"}, True),
        ({"closed_at": "2025-12-30 23:00"}, False),  # the day it ends
        ({"closed_at": "2025-12-31 10:00"}, True),
    ],
)
def test_only_deals_opened_and_closed_while_uses_were_logged_are_compared(
    make_tables: Make, change: dict[str, Any], is_left_out: bool
) -> None:
    rows = deals(ALIKE)
    rows["opportunities"][0] |= change  # with content, and won
    touched = change.get("closed_at", "2025-04") >= "2025-03"
    part = found(make_tables, rows)
    sides = counted(part)
    assert sum(n for _, n in sides.values()) == 120 - is_left_out
    assert sides["With content"] == ((42, 60) if touched and not is_left_out else (41, 59))
    assert ("left out: 1 other, for nobody logged" in part.exhibits[0].read) is is_left_out


def test_a_use_on_the_day_of_closing_counts_where_the_hour_of_either_is_not_known(make_tables: Make) -> None:
    rows = deals(ALIKE, "2025-04-01 10:00")
    rows["opportunities"] = [row | {"closed_at": "2025-04-01"} for row in rows["opportunities"]]
    assert counted(found(make_tables, rows, "opportunities.closed_at"))["With content"] == (42, 60)
    assert "0 closed deals with content" in found(make_tables, rows).not_judged[0].why
    late = deals(ALIKE, "2025-04-01")
    assert counted(found(make_tables, late, "asset_usage.used_at"))["With content"] == (42, 60)


def test_a_deal_closed_after_the_as_of_date_is_not_compared(make_tables: Make) -> None:
    rows = deals(ALIKE)
    rows["asset_usage"].append(rows["asset_usage"][-1] | {"used_at": "2026-03-01 10:00"})
    rows["opportunities"][0] |= {"closed_at": "2026-01-01 10:00"}
    part = found(make_tables, rows)
    assert counted(part)["With content"] == (41, 59)
    assert part.exhibits[0].read.endswith("from 2 January 2025 to 30 December 2025, while uses were logged.")
