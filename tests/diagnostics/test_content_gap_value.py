"""The value of gaps in content: deals a reader can count, then worlds whose truth is known."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import inv, sqrtm

from alignlib.diagnostics.content import gap_value
from alignlib.diagnostics.content.coverage import cells
from alignlib.diagnostics.content.slope import slope
from alignlib.engagement import Settings, parse_settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit

TALKS = ["C1", "C2", "C3", "C4", "C5"]
YEAR = 365.25 / 365  # the period below is a year of 365 days


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2026-01-31, currency: EUR, "
        "timezone: UTC, content: {stale_days: 500}}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def asset(name: str, segments: list[str], talks: list[str] | None = None, **known: Any) -> dict[str, Any]:
    made = {"created_on": date(2025, 1, 1), "segments": segments, "conversations": talks or TALKS}
    return {"asset_id": name, **made, **known}


def deals(segment: str, won: int, n: int = 10, amount: int | None = 100_000, **known: Any) -> list[dict[str, Any]]:
    return [
        {"opportunity_id": f"{segment}{i:02}", "segment": segment, "outcome": "won" if i < won else "lost",
         "amount": amount, "opened_at": "2025-02-01", "conversation": TALKS[i % 5], **known}
        for i in range(n)
    ]  # fmt: skip


def two_and_two(won: int = 6, others: int = 2, **known: Any) -> list[dict[str, Any]]:
    """Ten closed deals in each of four segments, in two of which all five conversations are supplied."""
    return [
        row for name, k in (("A", won), ("B", won), ("C", others), ("D", others)) for row in deals(name, k, **known)
    ]


STOCK = [asset("1", ["A", "B"])]


def part_of(make_tables: Any, rows: list[dict[str, Any]], stock: list[dict[str, Any]] = STOCK, **more: Any) -> Any:
    plan = [{"segment": name, "planned_revenue": 1} for name in sorted({row["segment"] for row in rows})]
    tables = make_tables({"opportunities": rows, "assets": stock, "plan": plan, **more})
    return gap_value.part(tables, settings(), cells(tables, settings()))


def shown(make_tables: Any, rows: list[dict[str, Any]], stock: list[dict[str, Any]] = STOCK, **more: Any) -> Exhibit:
    found: Exhibit = part_of(make_tables, rows, stock, **more).exhibits[0]
    return found


def by_label(exhibit: Exhibit) -> dict[str, Any]:
    return {row["label"]: row for row in exhibit.rows}


# By hand


def test_a_gap_is_worth_what_its_deals_would_bring_if_they_were_won_like_those_well_supplied(make_tables: Any) -> None:
    found = shown(make_tables, two_and_two())
    rows = by_label(found)
    assert list(rows) == ["C", "D", "All gaps"]
    assert rows["C"]["value"] == rows["D"]["value"] == round(10 * YEAR * 100_000 * 0.4)  # 60 % won against 20 %
    assert rows["All gaps"]["value"] == round(20 * YEAR * 100_000 * 0.4)
    assert rows["C"]["missing"] == 5 and rows["All gaps"]["missing"] == 10 and rows["C"]["n"] == 10
    assert rows["C"]["amount"] == round(10 * YEAR * 100_000) and rows["C"]["alike"] is None
    assert rows["C"]["low"] < rows["C"]["value"] < rows["C"]["high"] and rows["C"]["low_95"] < rows["C"]["low"]
    assert found.lead.startswith(
        "Deals with all five conversations supplied when they were opened were won 40 percentage"
    )
    assert "10 cells without a usable asset meet €20k of deals opened a year" in found.lead
    assert "under stated assumptions" in found.title and "clustered by segment, " in found.read
    assert found.shape == "intervals" and not found.is_detail


def test_where_less_is_won_with_content_at_hand_no_value_of_gaps_can_be_shown(make_tables: Any) -> None:
    found = shown(make_tables, two_and_two(won=2, others=8))
    assert found.title.startswith("A usable asset in every gap would bring −€")
    assert found.title.endswith("; no value of filling it can be shown")
    assert by_label(found)["All gaps"]["high"] < 0
    assert {row["note"] for row in found.rows} == {"no value of filling it can be shown"}


def test_with_two_of_five_conversations_missing_two_fifths_of_the_difference_count(make_tables: Any) -> None:
    stock = [*STOCK, asset("2", ["C"], TALKS[:3]), asset("3", ["D"], TALKS[:3], created_on=date(2026, 1, 15))]
    rows = by_label(shown(make_tables, two_and_two(), stock))
    assert rows["C"]["missing"] == 2 and rows["D"]["missing"] == 2  # in D since after its deals were opened
    assert rows["C"]["value"] / rows["C"]["amount"] == pytest.approx(rows["D"]["value"] / rows["D"]["amount"], abs=1e-4)
    # least squares over the shares 1, 1, .6, 0 with 60, 60, 20 and 20 % won
    x, y = np.array([1, 1, 0.6, 0]), np.array([0.6, 0.6, 0.2, 0.2])
    assert rows["C"]["value"] / rows["C"]["amount"] == pytest.approx(np.polyfit(x, y, 1)[0] * 2 / 5, abs=1e-4)


def test_no_chance_of_winning_passes_one(make_tables: Any) -> None:
    rows = [*two_and_two(10, 0), *deals("E", 19, 20)]
    stock = [*STOCK, asset("2", ["E"], created_on=date(2025, 1, 1), expires_on=date(2025, 12, 1))]
    found = by_label(shown(make_tables, rows, stock))
    assert found["E"]["value"] == pytest.approx(0.05 * 20 * YEAR * 100_000, abs=1)  # from 95 % to all of them
    assert found["E"]["high_95"] <= 0.05 * 20 * YEAR * 100_000 + 1


def test_where_a_closed_deal_stood_counts_for_nothing(make_tables: Any) -> None:
    rows = two_and_two()
    moved = [{**row, "conversation": "C5" if row["outcome"] == "won" else None} for row in rows]
    one, other = (shown(make_tables, each) for each in (rows, moved))
    assert one.rows == other.rows and one.lead == other.lead


def test_open_deals_count_in_the_year_and_not_in_the_comparison(make_tables: Any) -> None:
    still = [{**row, "opportunity_id": f"open{row['opportunity_id']}", "outcome": "open"} for row in deals("C", 0, 5)]
    later = [{**row, "opportunity_id": f"2026{row['opportunity_id']}", "opened_at": "2026-01-10"} for row in still]
    unpriced = [{**row, "opportunity_id": f"none{row['opportunity_id']}", "amount": None} for row in still]
    rows = by_label(shown(make_tables, two_and_two() + still + later + unpriced))
    assert rows["C"]["n"] == 15 and rows["C"]["value"] == round(15 * YEAR * 100_000 * 0.4)


@pytest.mark.parametrize(
    ("known", "day", "talks"),
    [
        ({}, "2025-01-01", 5), ({}, "2024-12-31", 0), ({"created_on": None}, "2020-01-01", 5),
        ({"expires_on": date(2025, 3, 1)}, "2025-03-01", 5), ({"expires_on": date(2025, 3, 1)}, "2025-03-02", 0),
        ({"created_on": date(2024, 1, 1)}, "2024-12-31", 5), ({"created_on": date(2024, 1, 1)}, "2025-01-01", 0),
        ({"created_on": date(2023, 1, 1), "reviewed_on": date(2025, 12, 1)}, "2025-06-01", 5),  # not known to be stale
        ({"is_approved": False}, "2025-06-01", 0), ({"segments": []}, "2025-06-01", 5),
        ({"segments": ["B"]}, "2025-06-01", 0), ({"conversations": ["C1", "C4", "other"]}, "2025-06-01", 2),
    ],
)  # fmt: skip
def test_an_asset_is_at_hand_from_its_creation_until_it_expires_or_goes_stale(
    make_tables: Any, known: dict[str, Any], day: str, talks: int
) -> None:
    tables = make_tables({
        "assets": [asset("1", ["A"]) | known, asset("2", ["A"]) | known],  # a second one adds nothing
        "opportunities": [{"opportunity_id": "1", "segment": "A", "outcome": "won", "opened_at": day}],
    })  # fmt: skip
    agreed = settings(period={"start": "2020-01-01", "end": "2025-12-31"}, content={"stale_days": 365})
    assert gap_value.read_deals(tables, agreed)["supplied"].tolist() == [talks / 5]


def test_what_is_at_hand_on_the_last_day_is_what_the_grid_of_gaps_shows(make_tables: Any) -> None:
    rng, stock = np.random.default_rng(3), []
    for i in range(60):
        created = date(2024, 1, 1) + pd.Timedelta(days=int(rng.integers(0, 760)))
        reviewed = date(2025, 6, 1) if rng.random() < 0.2 else None
        stock.append(asset(f"{i}", list(rng.choice(list("ABCD"), rng.integers(0, 2), replace=False)),
                           [f"C{rng.integers(1, 6)}"], created_on=created, reviewed_on=reviewed,
                           expires_on=date(2025, 12, 1) if rng.random() < 0.2 else None,
                           is_approved=bool(rng.random() < 0.8)))  # fmt: skip
    rows = [row for name in "ABCD" for row in deals(name, 1, 1, opened_at="2026-01-31")]
    tables: Tables = make_tables({"assets": stock, "opportunities": rows, "plan": [
        {"segment": name, "planned_revenue": 1} for name in "ABCD"]})  # fmt: skip
    found = gap_value.read_deals(tables, settings()).set_index("segment")["supplied"]
    grid = pd.DataFrame(cells(tables, settings())).groupby("segment")["n"].agg(lambda n: (n > 0).mean())
    assert found.to_dict() == pytest.approx(grid.to_dict()) and 0 < grid.mean() < 1


def test_shuffled_rows_and_renamed_segments_and_sellers_give_the_same_money(make_tables: Any) -> None:
    rng = np.random.default_rng(5)
    rows = [{**row, "owner_id": f"S{rng.integers(9)}", "amount": int(rng.integers(50_000, 500_000))}
            for row in two_and_two(7, 3)]  # fmt: skip
    other = [
        {**rows[i], "owner_id": f"P{(7 * int(rows[i]['owner_id'][1]) + 3) % 9}"} for i in rng.permutation(len(rows))
    ]
    one, two = (shown(make_tables, each) for each in (rows, other))
    assert "and by the 9 sellers" in one.read and one.lead == two.lead
    assert [row["value"] for row in one.rows] == [row["value"] for row in two.rows]
    for name in ("low", "high"):
        for left, right in zip(one.rows, two.rows, strict=True):
            assert left[name] == pytest.approx(right[name], rel=1e-9)


def test_without_deals_that_compare_or_amounts_the_value_is_not_judged_and_never_zero(make_tables: Any) -> None:
    rows = two_and_two()
    everywhere = [asset("1", [], TALKS[:3])]
    for given, stock, why in (
        ([{**row, "outcome": "lost"} for row in rows], STOCK, "0 of 40 closed deals"),
        (rows[:8] + rows[-8:], STOCK, "closed deals with a segment"),
        (rows[:30], STOCK, "fewer than four segments"),
        ([{**row, "amount": None} for row in rows], STOCK, "no deal opened in the period carries an amount"),
        ([{**row, "opened_at": None} for row in rows], STOCK, "0 of 0 closed deals"),
        (rows, everywhere, "coverage was the same"),
        (rows, [asset("1", ["A"])], "one segment alone"),
    ):  # fmt: skip
        part = part_of(make_tables, given, stock)
        assert not part.exhibits and why in part.not_judged[0].why and part.not_judged[0].settle
    assert part_of(make_tables, rows, [asset("1", [], created_on=date(2025, 12, 1))]).not_judged == []  # no gap today
    bare = make_tables({"assets": [asset("1", ["A"], ["C1"])]})
    alone = gap_value.part(bare, settings(), cells(bare, settings()))
    assert alone.not_judged[0].why == "no opportunities were delivered"


def test_deals_that_differ_in_size_date_or_grade_are_named_and_held_alike(make_tables: Any) -> None:
    rows = two_and_two()
    leads = [{"lead_id": row["opportunity_id"], "grade": "A" if row["segment"] in "AB" else "C"} for row in rows]
    linked = [{**row, "lead_id": row["opportunity_id"]} for row in rows]
    part = part_of(make_tables, linked, leads=leads)
    assert part.caveats[0].startswith(
        "Deals for which more was at hand came more often of grade A (100\u00a0% against 0\u00a0%) than the others: "
        "the value of gaps may be off. Held alike in amount, day of opening, source and grade, it would be €"
    )
    assert part.caveats[0] in part.exhibits[0].says_not and by_label(part.exhibits[0])["All gaps"]["alike"] is not None
    rng = np.random.default_rng(2)
    sizes = [{**row, "amount": int(100_000 * rng.uniform(1, 2) * (1 + (row["segment"] in "AB")))} for row in rows]
    dates = [{**row, "opened_at": f"2025-0{rng.integers(1, 4) + 3 * (row['segment'] in 'AB')}-01"} for row in rows]
    assert "were larger than the others" in part_of(make_tables, sizes).caveats[0]
    assert "were opened later than the others" in part_of(make_tables, dates).caveats[0]
    assert part_of(make_tables, rows).caveats == []


# The slope


def by_the_book(x: np.ndarray, y: np.ndarray, code: np.ndarray) -> tuple[float, float]:
    """CR2 and its degrees of freedom as Bell and McCaffrey write them, with whole matrices."""
    given = np.column_stack([np.ones(len(x)), x])
    whole = inv(given.T @ given)
    left = np.eye(len(x)) - given @ whole @ given.T
    scores, columns = [], []
    for cluster in np.unique(code):
        here = np.flatnonzero(code == cluster)
        weight = inv(sqrtm(left[np.ix_(here, here)]).real) @ given[here] @ whole[:, 1]
        scores.append(weight @ (left @ y)[here])
        columns.append(left[:, here] @ weight)
    sizes = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
    return float(np.square(scores).sum()), float(sizes.sum() ** 2 / np.square(sizes).sum())


def test_the_slope_is_as_unsure_as_the_book_says_for_a_few_groups_and_for_two_ways() -> None:
    rng = np.random.default_rng(1)
    for few in (False, True):
        group, seller = rng.integers(0, 6, 90), rng.integers(0, 4 if few else 11, 90)
        x = np.round(rng.random(6), 1)[group] * 0.8 + 0.2 * rng.random(90)
        y = (rng.random(90) < 0.2 + 0.4 * x).astype(float)
        found = slope(y, x, group, seller)
        assert found is not None and found.value == pytest.approx(np.polyfit(x, y, 1)[0])
        of_group, of_seller, of_both = (by_the_book(x, y, code) for code in (group, seller, 100 * group + seller))
        if few:
            assert (found.error**2, found.freedom) == pytest.approx(of_group)
        else:
            wider = max(of_group, of_seller)
            assert found.error**2 == pytest.approx(max(wider[0], of_group[0] + of_seller[0] - of_both[0]))
            assert found.freedom == pytest.approx(wider[1])


def test_a_slope_that_one_group_sets_or_that_nothing_varies_along_is_none() -> None:
    y, group, nobody = np.tile([0.0, 1], 12), np.repeat(np.arange(4), 6), np.full(24, -1)
    assert slope(y, np.repeat([1.0, 0, 0, 0], 6), group, nobody) is None
    assert slope(y, np.full(24, 0.6), group, nobody) is None
    assert slope(y, np.repeat([1.0, 1, 0, 0], 6), group, nobody) is not None  # groups alike are no certainty
