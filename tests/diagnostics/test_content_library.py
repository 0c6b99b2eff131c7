"""The library by hand, where there is little in it: one asset, none, and labels that hold an address."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.diagnostics.content import library
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Part

Make = Callable[..., Tables]
SETTINGS = Settings.model_validate(
    {"version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"}, "as_of": "2025-12-31",
     "currency": "EUR", "timezone": "UTC"}
)  # fmt: skip


def found(make_tables: Make, *assets: dict[str, Any]) -> Part:
    named = [{"asset_id": name, **asset} for name, asset in zip("abcdef", assets, strict=False)]
    tables = make_tables({"assets": named})
    return library.part(tables, SETTINGS, library.inventory(tables, SETTINGS.as_of))


def title(part: Part, key: str) -> str:
    return {exhibit.key: exhibit.title for exhibit in part.exhibits}[key]


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        ([["x"]], "Every asset has a topic; the most frequent, x, is on 1"),
        ([["x"], ["x"]], "Every asset has a topic; the most frequent, x, is on 2"),
        ([["x"], []], "1 of 2 assets without a topic; the most frequent, x, is on 1"),
        ([["x"], [], []], "2 of 3 assets without a topic; the most frequent, x, is on 1"),
        ([[]], "1 of 1 assets without a conversation"),
        ([["ask jd@example.com"]], "Every asset has a topic; the most frequent, ask [e-mail address], is on 1"),
    ],
)
def test_one_asset_and_several_are_each_said_in_plain_words(
    make_tables: Make, topics: list[list[str]], said: str
) -> None:
    part = found(make_tables, *({"topics": each} for each in topics))
    assert title(part, "content.inventory") == said and "jd@" not in repr(part)


def test_a_library_in_which_nothing_stands_yet_has_no_inventory_to_show(make_tables: Make) -> None:
    part = found(make_tables, {"created_on": "2026-01-01", "topics": ["x"], "conversations": ["C1"]})
    assert not part.exhibits and not part.findings
    assert [gap.what for gap in part.not_judged] == ["How much content is out of date", "Which conversation each asset "
                                                     "serves"]  # fmt: skip


def test_what_lacks_a_date_and_what_stands_twice_is_counted_in_the_titles(make_tables: Make) -> None:
    wide = {"conversations": ["C1", "C2", "C3"], "title": "Guide", "created_on": "2025-06-01"}
    part = found(make_tables, wide, wide, {"title": "Guide"})
    assert title(part, "content.age").endswith("; 1 without a date")
    assert title(part, "content.tidy").startswith("Of 3 assets, 2 with three conversations or more and 2 with a title")
    once = found(make_tables, wide, {"title": "Guide"})
    assert title(once, "content.tidy").startswith("Of 2 assets, 1 with three conversations or more and 1 with a title")
