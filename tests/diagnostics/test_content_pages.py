"""Page analytics beside the library: which pages are which asset, by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.diagnostics.content import pages
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Part

Make = Callable[..., Tables]
ASSETS = [
    {"asset_id": "a1", "title": "Price guide", "url": "https://www.example.com/en/price-guide/"},
    {"asset_id": "a2", "title": "Safety", "url": "/en/safety"},
    {"asset_id": "a3", "title": "Overview of Line A", "url": "/en/line-a/overview"},
    {"asset_id": "a4", "title": "Overview of Line B", "url": "/en/line-b/overview"},
    {"asset_id": "/en/terms", "title": "Terms"},  # the id is the address
    {"asset_id": "a6", "title": "Deck"},  # no address
]
VIEWS = [
    {"page": "/en/price-guide?utm_source=mail", "n_views": 60, "n_visitors": 30, "view_seconds": 40.0},
    {"page": "/de/price-guide", "n_views": 20, "n_visitors": 15, "view_seconds": 80.0},
    {"page": "/EN/Safety/index.html", "n_views": 10, "n_visitors": 9},
    {"page": "/en/line-a/overview", "n_views": 5, "n_visitors": 4},
    {"page": "/en/terms", "n_views": 3, "n_visitors": 3},
    {"page": "/nowhere", "n_views": 2, "n_visitors": 2},
]


def settings(how: str = "path") -> Settings:
    said = {"version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"}}
    more: dict[str, Any] = {"as_of": "2025-12-31", "currency": "EUR", "timezone": "UTC", "content": {"page_match": how}}
    return Settings.model_validate(said | more)


def found(make_tables: Make, how: str = "path", views: list[dict[str, Any]] = VIEWS) -> Part:
    return pages.part(make_tables({"assets": ASSETS, "page_views": views}), settings(how))


def by_label(part: Part) -> dict[str, dict[str, Any]]:
    return {row["label"]: row for row in part.exhibits[0].rows}


def test_by_the_whole_path_each_language_is_a_page_of_its_own(make_tables: Make) -> None:
    rows = by_label(found(make_tables))
    assert {label: row["value"] for label, row in rows.items()} == {
        "Price guide": 60, "Safety": 10, "Overview of Line A": 5, "Terms": 3
    }  # fmt: skip
    assert rows["Price guide"]["visitors"] == 30 and rows["Price guide"]["seconds"] == 40


def test_by_slug_languages_count_together_and_what_two_assets_share_is_no_ones(make_tables: Make) -> None:
    rows = by_label(found(make_tables, "slug"))
    assert {label: row["value"] for label, row in rows.items()} == {"Price guide": 80, "Safety": 10, "Terms": 3}
    assert rows["Price guide"]["seconds"] == 50  # 60 views of 40 seconds and 20 of 80


def test_visitors_are_never_added_up(make_tables: Make) -> None:
    rows = by_label(found(make_tables, "slug"))
    assert rows["Price guide"]["visitors"] is None and rows["Safety"]["visitors"] == 9
    twice = [*VIEWS[2:3], {**VIEWS[2], "from_on": "2025-02-01"}]
    row = by_label(found(make_tables, views=twice))["Safety"]
    assert (row["value"], row["visitors"], row["n"]) == (20, None, 1)


def test_the_effect_of_how_pages_are_matched_is_shown(make_tables: Make) -> None:
    lead = found(make_tables).exhibits[0].lead
    assert "78\u00a0% of views are of 4 assets;" in lead and "93\u00a0% of 3." in lead


def test_addresses_of_no_asset_are_not_judged_and_no_analytics_is_silent(make_tables: Make) -> None:
    assert [gap.what for gap in found(make_tables, views=VIEWS[-1:]).not_judged] == [pages._WHAT]
    assert found(make_tables, views=[]) == Part()


def spans(*each: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [{"page": "/en/safety", "from_on": since, "until_on": until, "n_views": n} for since, until, n in each]


@pytest.mark.parametrize(
    ("views", "seen"),
    [
        (spans(("2025-01-01", "2025-01-31", 5), ("2025-02-01", "2025-02-28", 7)), 12),
        (spans(("2025-01-01", "2025-12-31", 20), ("2025-02-01", "2025-02-28", 7), ("2025-03-01", "2025-03-31", 9)), 20),
        (spans(("2025-01-01", "2025-01-31", 5), ("2025-01-01", "2025-02-28", 7)), 7),  # of the same begin
        (spans(("2025-01-01", "2025-02-28", 7), ("2025-02-01", "2025-02-28", 5)), 7),  # of the same end
        (spans(("2025-01-01", "2025-02-28", 7), ("2025-01-01", "2025-02-28", 7)), 7),  # delivered twice
        (spans(("2025-01-01", "2025-02-28", 7), ("2025-02-01", "2025-03-31", 5)), 12),  # overlap only
        (spans(("2025-01-01", "2025-12-31", 20), ("2026-01-01", "2026-01-31", 7)), 20),
        (spans(("2025-01-01", "2025-12-31", 20), ("2025-12-01", "2026-01-01", 7)), 20),  # ends after the as-of date
        ([*spans(("2025-01-01", "2025-12-31", 20)), {"page": "/en/safety", "n_views": 3}], 23),  # of no known span
    ],
)
def test_views_of_a_span_within_another_or_after_the_as_of_date_are_not_added(
    make_tables: Make, views: list[dict[str, Any]], seen: int
) -> None:
    for order in (views, views[::-1]):
        assert by_label(found(make_tables, views=order))["Safety"]["value"] == seen
    elsewhere = [{**views[0], "page": "/en/terms", "from_on": "2025-01-15", "until_on": "2025-01-20"}]
    assert by_label(found(make_tables, views=[*views, *elsewhere]))["Terms"]["value"] == views[0]["n_views"]


def test_no_view_up_to_the_as_of_date_is_not_judged(make_tables: Make) -> None:
    for views in (spans(("2026-01-01", "2026-01-31", 7)), spans(("2025-01-01", "2025-12-31", 0))):
        part = found(make_tables, views=views)
        assert part.not_judged[0].why == "no view was counted up to 31 December 2025" and not part.exhibits


def test_a_title_made_for_one_person_is_not_shown(make_tables: Make) -> None:
    assets = [{**asset, "specificity": "person"} for asset in ASSETS]
    part = pages.part(make_tables({"assets": assets, "page_views": VIEWS}), settings())
    assert {row["label"] for row in part.exhibits[0].rows} == {"(made for one person)"}


@pytest.mark.parametrize("address", ["", "/", "https://example.com", "?x=1", "/index.html"])
def test_the_front_page_is_no_asset_by_its_slug(address: str) -> None:
    assert pages.place_of(address, "slug") == "" and pages.place_of(address, "path") == "/"
