"""Which share of the assets was any seller ever shown: rows a reader can count."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.diagnostics import content
from alignlib.diagnostics.content.library import inventory, shown
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Finding, Part

Make = Callable[..., Tables]
ASSETS = [{"asset_id": name, "created_on": "2025-02-01"} for name in ("deck", "case", "brief", "guide")]


def settings(limit: float | None = 0.5, **changes: Any) -> Settings:
    return Settings.model_validate({
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2025-12-31", "currency": "EUR", "timezone": "UTC",
        "thresholds": {} if limit is None else {"shown_content": limit},
    } | changes)  # fmt: skip


def trained(*assets: str, on: str = "2025-03-01", who: str = "s1") -> list[dict[str, Any]]:
    return [{"asset_id": asset, "user_id": who, "trained_on": on} for asset in assets]


def told(tables: Tables, agreed: Settings | None = None) -> Part:
    agreed = agreed or settings()
    return shown(tables, agreed, inventory(tables, agreed.as_of))


def only(make: Make, training: list[dict[str, Any]], agreed: Settings | None = None, **more: Any) -> Finding:
    (found,) = told(make({"assets": ASSETS, "training": training} | more), agreed).findings
    assert found.key == "content.shown"
    return found


def test_an_asset_counts_once_however_often_and_to_whomever_it_was_shown(make_tables: Make) -> None:
    rows = trained("deck", "deck", "case") + trained("deck", who="s2") + trained("not_in_the_library")
    found = only(make_tables, rows)
    assert (found.measure.k, found.measure.n, found.measure.value) == (2, 4, 0.5)
    assert (found.measure.low, found.measure.high, found.measure.method) == (None, None, "counted")
    assert "2 of 4 assets in the record of training" in found.detail


def test_what_is_shown_after_the_as_of_day_does_not_count_yet(make_tables: Make) -> None:
    assert only(make_tables, trained("deck", on="2025-12-31") + trained("case", on="2026-01-01")).measure.k == 1


def test_an_asset_shown_without_a_name_of_the_seller_counts(make_tables: Make) -> None:
    assert only(make_tables, [{"asset_id": "deck", "trained_on": "2025-03-01"}]).measure.k == 1


@pytest.mark.parametrize(
    ("limit", "level", "title"),
    [
        (0.6, "act", "Only 50\u00a0% of assets were ever shown to a seller"),
        (0.5, "good", "50\u00a0% of assets were ever shown to a seller, as agreed"),
        (None, "unclear", "50\u00a0% of assets were ever shown to a seller"),
    ],
)
def test_the_level_goes_by_what_was_agreed(limit: float | None, level: str, title: str, make_tables: Make) -> None:
    found = only(make_tables, trained("deck", "case"), settings(limit))
    assert (found.level, found.title, found.play) == (level, title, "P14" if level == "act" else None)
    assert found.settle == ("an agreed limit (assets that sellers were shown)" if limit is None else "")


def test_what_is_to_be_retired_counts_on_neither_side(make_tables: Make) -> None:
    retired = [{"asset_id": "deck", "decision": "retire", "decided_on": "2025-06-01"}]
    found = only(make_tables, trained("deck", "case"), asset_decisions=retired)
    assert (found.measure.k, found.measure.n) == (1, 3)


def test_without_a_record_of_training_or_without_assets_nothing_is_said(make_tables: Make) -> None:
    assert told(make_tables({"assets": ASSETS})) == Part()
    assert told(make_tables({"assets": [], "training": trained("deck")})) == Part()


def test_the_diagnostic_holds_it_once(make_tables: Make) -> None:
    made = content.diagnose(make_tables({"assets": ASSETS, "training": trained("deck")}), settings())
    assert [f.measure.k for f in made.findings if f.key == "content.shown"] == [1]


def test_the_order_and_the_names_change_nothing(make_tables: Make) -> None:
    rows = trained("deck", "case", "deck") + trained("brief", who="s2")
    renamed = [row | {"user_id": row["user_id"] + "x"} for row in rows[::-1]]
    assert only(make_tables, rows) == only(make_tables, renamed)
