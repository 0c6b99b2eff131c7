"""What the money at stake needs to know of leaks beside their price: their deals, and the years they are of."""

from typing import Any

import pandas as pd
import pytest

from alignlib.diagnostics.funnel import leaks
from alignlib.diagnostics.funnel.deals import read_deals
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.diagnostics.funnel.touch import handed_over
from alignlib.engagement import parse_settings
from alignlib.result import Exhibit

AGREED = parse_settings(
    "{version: 1, client: X, period: {start: 2024-01-01, end: 2025-12-31}, as_of: 2026-12-31, currency: EUR, "
    "timezone: UTC, promises: {first_touch_hours: 24}}"
)
YEARS = 731 / 365.25


def exhibits(make_tables: Any, deals: list[dict[str, Any]]) -> dict[str, Exhibit]:
    """40 leads touched in time, 10 of them won, and 10 never touched: U0 to U9."""
    events, touches, leads = [], [], []
    for i in range(50):
        name = f"T{i}" if i < 40 else f"U{i - 40}"
        leads.append({"lead_id": name, "created_at": "2025-01-01", "owner_id": "S"})
        events.append({"lead_id": name, "stage": "mql", "entered_at": "2025-01-01"})
        if i < 40:
            touches.append({"lead_id": name, "touched_at": "2025-01-01 10:00"})
            events.append({"lead_id": name, "stage": "won" if i < 10 else "lost", "entered_at": "2025-02-01"})
    won = [{"opportunity_id": f"W{i}", "lead_id": f"T{i}", "outcome": "won", "amount": 100_000, "segment": "A",
            "opened_at": "2025-01-10", "closed_at": "2025-02-01"} for i in range(10)]  # fmt: skip
    tables = make_tables({"stage_events": events, "sales_touches": touches, "leads": leads,
                          "opportunities": won + deals})  # fmt: skip
    handed = handed_over(tables, read_spells(tables), AGREED)
    return {each.key: each for each in leaks.part(tables, AGREED, handed, read_deals(tables)).exhibits}


def deal(
    lead: str, segment: str | None = "A", opened: str = "2025-03-01", amount: int | None = 50_000
) -> dict[str, Any]:
    return {"opportunity_id": f"{lead}{segment}{opened}{amount}", "lead_id": lead, "outcome": "open",
            "segment": segment, "opened_at": opened, "amount": amount}  # fmt: skip


def test_deals_of_leaked_leads_are_told_by_segment_and_year(make_tables: Any) -> None:
    given = [deal("U0"), deal("U1", "A", "2025-12-31 23:00"), deal("U2", "B"), deal("T20"), deal("U3", None),
             deal("U4", amount=None), deal("U5", opened="2026-01-01"), deal("U6", opened="2023-12-31"),
             {**deal("U7"), "lead_id": None}]  # fmt: skip
    found = exhibits(make_tables, given)["funnel.leaked_deals"]
    assert found.rows == [
        {"label": "A", "n": 2, "amount": round(100_000 / YEARS)},
        {"label": "B", "n": 1, "amount": round(50_000 / YEARS)},
    ]
    assert found.is_detail and found.title == "3 deals of leaked leads opened in the period, worth €749 a year"
    assert "funnel.leaked_deals" not in exhibits(make_tables, [deal("T20")])


def test_the_price_of_leaks_says_over_how_many_years_they_were_handed_over(make_tables: Any) -> None:
    found = exhibits(make_tables, [])["funnel.leak_value"]
    assert {row["years"] for row in found.rows} == {round(YEARS, 6)} and not any(row["is_upper"] for row in found.rows)
    assert {column.name for column in found.columns if column.is_extra} == {"years", "is_upper"}
    long = pd.DataFrame({"mql_at": pd.to_datetime(["2021-01-01", "2025-12-31"])})  # beyond the period
    assert leaks.years(long, AGREED) == pytest.approx(1826 / 365.25, abs=1e-6)
