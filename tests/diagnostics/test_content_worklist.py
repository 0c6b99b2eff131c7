"""The work list, by hand: every disposition and its order, what an owner decided, and the way back into the tables."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignlib.charts import chart
from alignlib.diagnostics.content import diagnose
from alignlib.diagnostics.content.causes import causes
from alignlib.diagnostics.content.stock import read_stock
from alignlib.diagnostics.content.worklist import DISPOSITIONS, RULES, disposed, part
from alignlib.engagement import Settings
from alignlib.intake.snapshot import open_run, prepare
from alignlib.intake.tables import TABLES, Tables
from alignlib.result import Exhibit, Part

Make = Callable[..., Tables]
Rows = dict[str, list[dict[str, Any]]]
# Current, tagged, shown to sellers, for a segment in which a deal stands, and unused: nothing says why.
SOUND = {"created_on": "2025-02-01", "conversations": ["C3"], "segments": ["Steel"], "is_customisable": True}
STALE = {"created_on": "2024-02-01"}
DEAL = {"opportunity_id": "1", "outcome": "open", "segment": "Steel", "conversation": "C4", "opened_at": "2025-05-01"}
FREE = {"created_on": "2025-02-01", "is_customisable": False, "specificity": "market"}
CELLS: Rows = {"cells": [{"segment": "Wood", "conversation": "C3", "amount": 60_000_00, "gap": "empty"},
                         {"segment": "Glass", "conversation": "C1", "amount": None, "gap": "empty"}]}  # fmt: skip


def settings(**changes: Any) -> Settings:
    base: dict[str, Any] = {
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2025-12-31", "currency": "EUR", "timezone": "UTC",
    }  # fmt: skip
    return Settings.model_validate(base | changes)


def library(*changes: dict[str, Any], uses: dict[str, int] | None = None, **tables: Any) -> Rows:
    """An asset "a", "b", ... for each change of SOUND, used so often, each shown to a seller lately."""
    assets = [{"asset_id": name, **SOUND, **change} for name, change in zip("abcdefghij", changes, strict=False)]
    log = [{"asset_id": name, "used_at": "2025-03-01 10:00"} for name, n in (uses or {}).items() for _ in range(n)]
    log += [{"asset_id": "a", "event": "edit", "used_at": f"2025-{day} 10:00"} for day in ("01-01", "12-31")]
    shown = [{"asset_id": asset["asset_id"], "trained_on": "2025-12-20"} for asset in assets]
    return {"assets": assets, "asset_usage": log, "training": shown, "opportunities": [DEAL], **tables}


def said(make_tables: Make, rows: Rows, cells: Any = (), agreed: Settings | None = None) -> Part:
    agreed = agreed or settings()
    tables = make_tables({name: records for name, records in rows.items() if records})
    stock = read_stock(tables, agreed)
    return part(tables, agreed, stock, list(cells), causes(tables, agreed, stock))


def listed(make_tables: Make, rows: Rows, cells: Any = ()) -> Exhibit:
    return said(make_tables, rows, cells).exhibits[1]


def todo(make_tables: Make, rows: Rows) -> dict[str, tuple[str, str]]:
    """What is to be done with each asset, and why?"""
    found = {row["asset_id"]: (row["disposition"], row["reason"]) for row in listed(make_tables, rows).rows}
    return dict(sorted(found.items()))


def test_expired_and_unused_is_to_retire_and_expired_and_used_to_fix(make_tables: Make) -> None:
    ended = {"expires_on": "2025-12-30"}
    rows = library(ended, ended, {"expires_on": "2025-12-31"}, uses={"b": 1})
    assert todo(make_tables, rows) == {
        "a": ("retire", "past its expiry date and unused"), "b": ("fix", "past its expiry date, and used"),
        "c": ("keep", "no reason found"),
    }  # fmt: skip


def test_stale_and_unused_is_to_retire_only_where_no_deal_asks_for_it(make_tables: Make) -> None:
    rows = library(STALE | {"segments": ["Wood"]}, STALE | {"conversations": ["C5"]}, STALE,
                   STALE | {"conversations": []},
                   STALE | {"segments": ["Wood"]}, uses={"e": 1})  # fmt: skip
    retire = ("retire", "stale, unused, and no deal asks for it")
    fix = ("fix", "stale and unused, where deals may ask for it")
    # a: no demand; b: no deal has come to C5; c: one has come to C4; d: names no conversation, which is no wrong stage
    assert todo(make_tables, rows) == {"a": retire, "b": retire, "c": fix, "d": fix, "e": ("fix", "stale, and used")}


@pytest.mark.parametrize(
    ("older", "newer", "uses", "is_outdone"),
    [
        ({}, {}, {"a": 4, "b": 5}, False),  # both are used and current
        ({}, {}, {"a": 0, "b": 5}, True),
        (STALE, {}, {"a": 4, "b": 5}, True),
        (STALE, {}, {"a": 4, "b": 4}, False),
        (STALE, {}, {"a": 5, "b": 4}, False),
        (STALE, {"created_on": "2024-02-01"}, {"a": 4, "b": 5}, False),  # of the same day
        (STALE, {"created_on": None}, {"a": 4, "b": 5}, False),
        (STALE, {"title": "case study"}, {"a": 4, "b": 5}, False),  # not the very title
        (STALE, {"title": None}, {"a": 4, "b": 5}, False),
        (STALE, {"type": "deck"}, {"a": 4, "b": 5}, False),
        (STALE | {"type": "deck"}, {"type": "deck"}, {"a": 4, "b": 5}, True),
        (STALE, {"conversations": ["C3", "C4"]}, {"a": 4, "b": 5}, False),
        (STALE | {"conversations": ["C4", "C3"]}, {"conversations": ["C3", "C4"]}, {"a": 4, "b": 5}, True),
    ],
)
def test_an_older_double_is_to_retire_when_stale_or_unused_and_the_newer_is_used_more(
    make_tables: Make, older: dict[str, Any], newer: dict[str, Any], uses: dict[str, int], is_outdone: bool
) -> None:
    titled = {"title": "Case Study"}
    rows = library(titled | older, titled | {"created_on": "2025-03-01"} | newer, uses=uses)
    found = todo(make_tables, rows)
    outdone = ("retire", "a newer asset of the same title is used more")
    assert (found["a"] == outdone) is is_outdone and found["b"][0] != "retire"


def test_of_three_doubles_each_is_held_against_every_later_one(make_tables: Make) -> None:
    days = ("2024-02-01", "2024-02-10", "2024-02-20", "2024-02-20")
    rows = library(*({"title": "Case", "created_on": day} for day in days), uses={"a": 4, "b": 5, "c": 1, "d": 4})
    assert [disposition for disposition, _ in todo(make_tables, rows).values()] == ["retire", "fix", "fix", "fix"]


def test_assets_without_a_title_are_no_doubles(make_tables: Make) -> None:
    rows = library({"title": None}, {"title": None, "created_on": "2025-03-01"}, uses={"b": 2})
    assert {disposition for disposition, _ in todo(make_tables, rows).values()} == {"keep"}


def test_used_without_approval_is_to_fix_and_unknown_approval_is_not(make_tables: Make) -> None:
    bare = {"is_approved": False}
    rows = library(bare, bare, {"is_approved": None}, {"is_approved": True}, uses={"a": 1, "c": 1, "d": 1})
    assert todo(make_tables, rows) == {
        "a": ("fix", "used without approval"), "b": ("keep", "no reason found"),
        "c": ("keep", "used and current"), "d": ("keep", "used and current"),
    }  # fmt: skip


def test_an_asset_that_names_no_conversation_is_to_fix_where_the_tag_exists(make_tables: Make) -> None:
    rows = library({"conversations": []}, {}, uses={"a": 1})
    assert todo(make_tables, rows)["a"] == ("fix", "names no conversation")
    nowhere = library({"conversations": []}, {"conversations": None}, uses={"a": 1})
    assert {disposition for disposition, _ in todo(make_tables, nowhere).values()} == {"keep"}


def test_unused_assets_are_to_fix_when_not_found_and_to_teach_when_never_shown_or_shown_in_vain(
    make_tables: Make,
) -> None:
    rows = library({"title": "Coil"}, {}, {}, {"segments": ["Wood"]}, {"created_on": "2025-02-01"}, uses={"e": 1})
    rows["searches"] = [{"query": "coil", "searched_at": "2025-06-01", "n_results": 0}]
    rows["training"] = [{"asset_id": "c", "trained_on": "2025-06-01"}]
    assert todo(make_tables, rows) == {
        "a": ("fix", "sellers looked for it and did not find it: title and tags"),
        "b": ("teach", "nobody was shown it"),
        "c": ("teach", "shown to somebody, and not used since"),
        "d": ("keep", "current; no deal asks for it so far"),  # nobody was shown it, but whom would it serve?
        "e": ("keep", "used and current"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "n_uses", "is_stiff"),
    [
        ({}, 0, True),
        ({}, 3, True),  # 333 days: less than once in 90
        ({}, 4, False),
        ({"created_on": "2025-01-05"}, 3, True),  # 360 days
        ({"created_on": "2025-01-05"}, 4, False),
        ({"created_on": "2025-10-02"}, 0, True),  # seen for exactly 90 days
        ({"created_on": "2025-10-03"}, 0, False),
        ({"is_customisable": True}, 0, False),
        ({"is_customisable": None}, 0, False),
        ({"specificity": "account"}, 0, False),
        ({"specificity": None}, 0, False),
    ],
)
def test_little_used_general_and_fixed_is_to_tailor(
    make_tables: Make, change: dict[str, Any], n_uses: int, is_stiff: bool
) -> None:
    rows = library(FREE | change, {"specificity": "account"}, uses={"a": n_uses})
    disposition, reason = todo(make_tables, rows)["a"]
    assert (disposition == "tailor") is is_stiff and (disposition in ("tailor", "keep"))
    assert not is_stiff or reason == "little used or not at all, general, and cannot be adapted"


def test_where_nothing_tells_how_specific_assets_are_all_count_as_general(make_tables: Make) -> None:
    assert todo(make_tables, library({"is_customisable": False}))["a"][0] == "tailor"


def test_an_asset_too_young_to_judge_is_kept_unless_it_is_out_of_date_or_untagged(make_tables: Make) -> None:
    young = {"created_on": "2025-11-01"}
    rows = library(young, young, young | {"expires_on": "2025-12-01"}, young | {"conversations": []}, uses={})
    rows["asset_usage"].append({"asset_id": "b", "used_at": "2025-11-02 10:00"})
    assert todo(make_tables, rows) == {
        "a": ("keep", "too young to judge"), "b": ("keep", "used and current"),
        "c": ("fix", "out of date; its use cannot be told"), "d": ("fix", "names no conversation"),
    }  # fmt: skip


def test_an_asset_first_used_after_the_window_is_in_use(make_tables: Make) -> None:
    rows = library({}, {"expires_on": "2025-12-30"}, {})
    rows["asset_usage"] += [{"asset_id": name, "used_at": "2025-12-01 10:00"} for name in "abc"]
    rows["training"] = rows["training"][:2]  # c was used late, and never shown to anybody
    current = ("keep", "used and current")
    assert todo(make_tables, rows) == {"a": current, "b": ("fix", "past its expiry date, and used"), "c": current}


def test_without_a_record_of_uses_only_age_and_tags_count(make_tables: Make) -> None:
    rows = library({}, STALE, {"conversations": []}, {"title": "Case"}, {"title": "Case", "created_on": "2025-03-01"})
    rows["asset_usage"] = []
    assert todo(make_tables, rows) == {
        "a": ("not judged", "its use is not known"), "b": ("fix", "out of date; its use cannot be told"),
        "c": ("fix", "names no conversation"), "d": ("not judged", "its use is not known"),
        "e": ("fix", "another asset carries the same title"),
    }  # fmt: skip
    found = said(make_tables, rows)
    assert "Without a record of uses" in found.caveats[0]
    bars, listing = found.exhibits
    assert bars.title == "5 assets: 3 to fix and 2 not judged" and bars.rows[-1]["label"] == "Not judged"
    assert listing.title.startswith("Something is to be done with 3 of 5 assets, 2 not judged: ")
    assert [row["disposition"] for row in listing.rows][-2:] == ["not judged"] * 2
    assert {row["n_uses"] for row in listing.rows} == {None}  # unknown, and not nought


def test_every_rule_comes_before_the_next_and_each_disposition_keeps_its_place(make_tables: Make) -> None:
    """One asset for which most rules hold; each is put right in turn, and the next one decides."""
    wrong: dict[str, Any] = {
        "created_on": "2024-02-01", "expires_on": "2025-06-01", "segments": ["Wood"], "conversations": [],
        "is_approved": False, "is_customisable": False, "title": "Coil",
    }  # fmt: skip
    steps: list[tuple[dict[str, Any], str]] = [
        ({}, "retire"), ({"expires_on": None}, "retire"), ({"segments": ["Steel"]}, "fix"),
        ({"created_on": "2025-02-01"}, "fix"), ({"conversations": ["C3"]}, "fix"), ({"title": "Unasked"}, "teach"),
    ]  # fmt: skip
    searches = [{"query": "coil", "searched_at": "2025-06-01", "n_results": 0}]
    reasons = []
    for change, disposition in steps:
        wrong |= change
        rows = library(wrong, {"conversations": ["C3"]}, searches=searches) | {
            "training": [{"asset_id": "z", "trained_on": "2025-06-01"}]
        }
        found = todo(make_tables, rows)["a"]
        assert found[0] == disposition
        reasons.append(found[1])
    order = [rule.reason for rule in RULES]
    assert [order.index(reason) for reason in reasons] == sorted({order.index(reason) for reason in reasons})
    named = list(dict.fromkeys(rule.disposition for rule in RULES))
    assert named == ["retire", "fix", "teach", "tailor", "keep", "not judged"]
    assert ["create", *named] == list(DISPOSITIONS)


def test_a_decision_its_owner_sent_back_wins_and_stands_beside_with_its_date(make_tables: Make) -> None:
    rows = library({}, {"expires_on": "2025-12-30"}, {}, {}, {})
    rows["asset_decisions"] = [
        {"asset_id": "a", "decision": "tailor", "decided_on": "2025-12-01"}, {"asset_id": "b", "decision": "fix"},
        {"asset_id": "c", "decision": "keep", "decided_on": "2025-12-31"},
        {"asset_id": "d", "decision": "teach", "decided_on": "2026-01-01"}, {"asset_id": "e", "personas": ["Buyer"]},
    ]  # fmt: skip
    found = {row["asset_id"]: row for row in listed(make_tables, rows).rows}
    beside = {name: (row["disposition"], row["decision"], row["decided_on"]) for name, row in found.items()}
    assert beside == {
        "a": ("tailor", "tailor", "2025-12-01"), "b": ("fix", "fix", None), "c": ("keep", "keep", "2025-12-31"),
        "d": ("keep", None, None), "e": ("keep", None, None),
    }  # fmt: skip
    assert found["a"]["reason"] == "as its owner decided; by the rules: keep, no reason found"
    assert found["b"]["reason"] == "as its owner decided; by the rules: retire, past its expiry date and unused"
    assert found["c"]["reason"] == "as its owner decided" and found["e"]["personas"] == "Buyer"
    assert said(make_tables, rows).exhibits[0].title == "5 assets: 1 to fix, 1 to tailor and 3 to keep"


def test_the_most_urgent_come_first(make_tables: Make) -> None:
    ended = {"expires_on": "2025-12-30"}
    rows = library({}, ended | {"cost": 5}, ended | {"cost": 900}, ended, ended | {"cost": 1}, {"conversations": []},
                   uses={"a": 1, "e": 2, "f": 3})  # fmt: skip
    exhibit = listed(make_tables, rows, CELLS["cells"])
    lines = [(row["disposition"], row["asset_id"]) for row in exhibit.rows]
    assert lines == [("create", None), ("create", None), ("retire", "c"), ("retire", "b"), ("retire", "d"),
                     ("fix", "f"), ("fix", "e"), ("keep", "a")]  # fmt: skip
    first, second = exhibit.rows[:2]
    assert first["title"] == "New: C3, Wood" and first["segments"] == "Wood" and first["conversations"] == "C3"
    assert first["reason"] == "€60k of open pipeline and no asset" and second["reason"] == "no asset"
    assert exhibit.title == "Something is to be done with 5 of 6 assets: the list, most urgent first"


def test_where_a_stale_asset_can_be_fixed_none_is_to_be_created_and_it_says_what_stands_there(
    make_tables: Make,
) -> None:
    cells = [{"segment": "Steel", "conversation": "C3", "amount": 200_000_00, "gap": "none usable"},
             {"segment": "Glass", "conversation": "C1", "amount": 90_000_00, "gap": "empty"},
             {"segment": "Wood", "conversation": "C3", "amount": None, "gap": "none usable"},
             {"segment": "Wood", "conversation": "C5", "amount": 6_000_00, "gap": "none usable"}]  # fmt: skip
    everywhere = STALE | {"segments": []}  # serves every segment
    rows = library(STALE | {"segments": ["Wood"]}, everywhere, STALE, {}, STALE | {"conversations": ["C4"]},
                   STALE | {"segments": ["Wood"], "conversations": ["C5"]},
                   uses={"a": 1, "b": 1, "c": 2, "d": 9, "e": 1})  # fmt: skip
    found = said(make_tables, rows, cells)
    lines = [(row["asset_id"], row["disposition"], row["reason"]) for row in found.exhibits[1].rows]
    assert lines == [
        ("c", "fix", "stale, and used; €200k stands in Steel, C3"),  # the most used of two
        (None, "create", "€90k of open pipeline and no asset"),
        ("a", "fix", "stale, and used; none usable in Wood, C3"),
        (None, "create", "€6,000 of open pipeline and no asset that is usable or to fix"),
        ("f", "retire", "stale, unused, and no deal asks for it"),  # so the cell of Wood and C5 needs a new one
        ("b", "fix", "stale, and used; €200k stands in Steel, C3"),
        ("e", "fix", "stale, and used"),  # serves C4
        ("d", "keep", "used and current"),
    ]
    assert found.exhibits[0].title == "6 assets: 1 to retire, 4 to fix and 1 to keep; 2 to create"


@pytest.mark.parametrize(
    ("older", "newer", "is_outdone"),
    [
        (["Retail"], ["Bank"], False),
        (["Retail", "Wood"], ["Bank", "Retail"], True),
        ([], ["Bank"], True),
        (["Retail"], [], True),
        ([], [], True),
    ],
)
def test_a_double_for_other_segments_is_none(
    make_tables: Make, older: list[str], newer: list[str], is_outdone: bool
) -> None:
    case = {"title": "Case"}
    rows = library(STALE | case | {"segments": older}, case | {"segments": newer, "created_on": "2025-03-01"},
                   case | {"segments": ["Steel"], "created_on": "2025-02-10"}, uses={"a": 1, "b": 5})  # fmt: skip
    outdone = ("retire", "a newer asset of the same title is used more")
    assert (todo(make_tables, rows)["a"] == outdone) is is_outdone


def test_of_doubles_that_stay_all_but_the_first_are_to_fix(make_tables: Make) -> None:
    case = {"title": "Case"}
    rows = library({"title": "Case", "created_on": "2025-03-01"}, case, {"title": "case"}, {"title": None},
                   {"title": None}, uses={"a": 1, "b": 1, "c": 1, "d": 1, "e": 1})  # fmt: skip
    found = todo(make_tables, rows)
    assert {name for name, what in found.items() if what == ("fix", "another asset carries the same title")} == {"a"}
    alone = library({"title": "Case", "created_on": "2025-03-01"}, case | {"expires_on": "2025-12-01"}, uses={"a": 1})
    assert todo(make_tables, alone)["a"] == ("keep", "used and current")  # the other one is to be retired


def test_the_bars_count_each_asset_once_and_give_the_reasons(make_tables: Make) -> None:
    ended = {"expires_on": "2025-12-30"}
    rows = library({}, ended, ended, STALE | {"segments": ["Wood"]}, ended, uses={"e": 1})
    bars = said(make_tables, rows, CELLS["cells"]).exhibits[0]
    assert bars.key == "content.dispositions" and bars.shape == "bars"
    assert {row["label"]: (row["value"], row["note"]) for row in bars.rows} == {
        "Create": (2, "2 cells to fill first, without an asset to use or to fix"),
        "Retire": (3, "past its expiry date and unused 2; stale, unused, and no deal asks for it 1"),
        "Fix": (1, "past its expiry date, and used 1"), "Teach": (0, ""), "Tailor": (0, ""),
        "Keep": (1, "no reason found 1"),
    }  # fmt: skip
    assert bars.title == "5 assets: 3 to retire, 1 to fix and 1 to keep; 2 to create"
    assert [c.name for c in bars.columns] == list(bars.rows[0]) and chart(bars).marks


def test_a_list_too_long_is_cut_and_says_so(make_tables: Make) -> None:
    rows = library(uses={f"{i:04d}": 1 for i in range(10)})
    rows["assets"] = [{"asset_id": f"{i:04d}", **SOUND} for i in range(5_001)]
    whole = listed(make_tables, rows | {"assets": rows["assets"][:4_998]}, CELLS["cells"])
    assert len(whole.rows) == 5_000 and "cut" not in whole.title
    cut = listed(make_tables, rows, CELLS["cells"])
    assert len(cut.rows) == 5_000 and cut.title == (
        "Something is to be done with 0 of 5,001 assets: the list, most urgent first (cut: 5,000 of 5,003 lines)"
    )


def test_what_a_client_wrote_is_masked_and_an_id_that_cannot_come_back_is_said(make_tables: Make) -> None:
    rows = library({"title": "Deck for jane.doe@example.com", "segments": ["x@example.com", "Steel"]}, {})
    rows["assets"][1]["asset_id"] = "drive/jane.doe@example.com/deck"
    found = said(make_tables, rows, [{"segment": "y@example.com", "conversation": "C1", "amount": 1, "gap": "empty"}])
    assert "example.com" not in repr(found)
    assert [row["segments"] for row in found.exhibits[1].rows] == ["[e-mail address]", "Steel", None]
    assert found.caveats == [
        "1 asset with an e-mail address or a person's folder in the id: masked in the work list, so a decision about "
        "such an asset cannot be read back."
    ]


def test_the_folder_of_a_person_and_a_title_made_for_one_are_not_shown(make_tables: Make) -> None:
    rows = library(
        {"title": "Proposal for somebody", "specificity": "person"}, {"title": "Copy of \\user\\jd\\deck.pptx"}
    )
    rows["assets"][0]["asset_id"] = "https://example.com/personal/jd_example_com/Documents/deck.pptx"
    found = said(make_tables, rows)
    shown = {row["asset_id"]: row["title"] for row in found.exhibits[1].rows}
    assert shown == {"https://example.com/personal/[person]/Documents/deck.pptx": "(made for one person)",
                     "b": "Copy of \\user\\[person]\\deck.pptx"}  # fmt: skip
    assert found.caveats[0].startswith("1 asset with") and "jd" not in repr(found) and "Proposal" not in repr(found)


def test_of_two_decisions_on_one_asset_the_latest_counts(make_tables: Make) -> None:
    decided = [
        {"asset_id": "a", "decision": name, "decided_on": day}
        for name, day in (("tailor", "2025-12-02"), ("fix", "2025-12-01"), ("retire", "2026-01-01"))
    ]
    for order in (decided, decided[::-1]):
        row = listed(make_tables, library({}, asset_decisions=order)).rows[0]
        assert (row["disposition"], row["decided_on"]) == ("tailor", "2025-12-02")
    undated = [{"asset_id": "a", "decision": name} for name in ("tailor", "fix")]
    assert listed(make_tables, library({}, asset_decisions=undated)).rows[0]["disposition"] == "fix"


def test_what_unused_means_is_written_beside_the_list_and_the_bars(make_tables: Make) -> None:
    for exhibit in said(make_tables, library({})).exhibits:
        assert "Unused here: seen for 90 days or longer and never used by a seller in all the time" in exhibit.read


def test_where_most_uses_are_of_unknown_assets_none_is_taken_for_unused(make_tables: Make) -> None:
    rows = library({"expires_on": "2025-12-30"}, {}, {}, uses={"A": 2, "c": 1})
    found = said(make_tables, rows)
    assert todo(make_tables, rows) == {
        "a": ("fix", "out of date; its use cannot be told"),
        "b": ("not judged", "its use is not known"),
        "c": ("keep", "used and current"),
    }
    assert found.caveats == ["The work list takes no asset for unused: most uses in the log are of assets that the "
                             "inventory does not hold."]  # fmt: skip


def test_no_code_of_a_seller_stands_in_the_list(make_tables: Make) -> None:
    rows = library({}, {}, uses={"a": 2})
    for name in ("asset_usage", "training"):
        rows[name] = [row | {"user_id": "seller seven"} for row in rows[name]]
    assert "seller seven" not in repr(said(make_tables, rows))


def test_what_is_to_be_done_follows_the_cause_that_was_found(make_tables: Make) -> None:
    tables = make_tables(library(STALE, {}, {"segments": ["Wood"]}))
    stock = read_stock(tables, settings())
    found = causes(tables, settings(), stock)
    assert disposed(settings(), stock, found.assign(cause="never_taught"))["disposition"].eq("teach").sum() == 2


# --- the way back -----------------------------------------------------------------------------------------------------

CONTENT = library(
    {"expires_on": "2025-12-30", "title": "Old price list"}, {"conversations": [], "title": "Nameless"},
    {"segments": ["Wood"], "personas": ["Buyer", "Plant manager"]}, {"is_customisable": False}, uses={"b": 2},
)  # fmt: skip
MAPPED = {"asset_id": "Asset", "decision": "Decision", "decided_on": "Decided on", "conversations": "Conversations",
          "segments": "Segments", "personas": "Personas", "reviewed_on": "Reviewed on",
          "expires_on": "Expires on"}  # fmt: skip


def corrected(exhibit: Exhibit) -> list[dict[str, Any]]:
    """What a content owner makes of the list: one asset retired, one tagged, the rest sent back as it came."""
    heads = {column.name: column.label for column in exhibit.columns}
    lines = [{heads[name]: value for name, value in row.items()} for row in exhibit.rows]
    by_asset = {line["Asset"]: line for line in lines}
    by_asset["a"]["Decision"], by_asset["a"]["Decided on"] = "retire", "2025-12-30"
    by_asset["b"]["Conversations"], by_asset["b"]["Expires on"] = "C3; C5", "2026-06-30"
    by_asset["c"]["Personas"] = "Buyer"
    return lines


def as_rows(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What intake makes of the lines under the mapping above; a line without an asset is none of its rows."""
    kinds = {column.name: column.kind for column in TABLES["asset_decisions"].columns}

    def read(ours: str, text: str | None) -> Any:
        return text.split("; ") if text and kinds[ours] == "labels" else text or None

    return [{ours: read(ours, line[theirs]) for ours, theirs in MAPPED.items()} for line in lines if line["Asset"]]


def test_the_list_sent_back_unchanged_changes_nothing(make_tables: Make) -> None:
    heads = {column.name: column.label for column in listed(make_tables, CONTENT).columns}
    lines = [{heads[k]: v for k, v in row.items()} for row in listed(make_tables, CONTENT, CELLS["cells"]).rows]
    again = CONTENT | {"asset_decisions": as_rows(lines)}
    assert said(make_tables, again).exhibits == said(make_tables, CONTENT).exhibits


def test_the_corrected_list_counts_the_next_time(make_tables: Make) -> None:
    before, lines = listed(make_tables, CONTENT), corrected(listed(make_tables, CONTENT, CELLS["cells"]))
    assert before.title == "Something is to be done with 3 of 4 assets: the list, most urgent first"
    again = CONTENT | {"asset_decisions": as_rows(lines)}
    assert listed(make_tables, again).title == "Something is to be done with 1 of 3 assets: the list, most urgent first"
    found = {row["asset_id"]: row for row in listed(make_tables, again).rows}
    assert set(found) == {"b", "c", "d"}  # what was retired stands no more
    assert found["b"]["conversations"] == "C3; C5" and found["b"]["expires_on"] == "2026-06-30"
    assert found["c"]["personas"] == "Buyer"  # of two, one was wrong
    first, second = (diagnose(make_tables(rows), settings()) for rows in (CONTENT, again))
    measures = [result.finding("content.untagged").measure for result in (first, second)]
    assert [(m.k, m.n) for m in measures] == [(1, 4), (0, 3)]


def test_the_list_saved_as_csv_is_read_back_by_intake(make_tables: Make, tmp_path: Path) -> None:
    folder = tmp_path / "engagement"
    (folder / "data").mkdir(parents=True)
    lines = corrected(listed(make_tables, CONTENT, CELLS["cells"]))
    with (folder / "data" / "worklist.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    with (folder / "data" / "assets.csv").open("w", newline="", encoding="utf-8") as file:
        plain = csv.writer(file)
        plain.writerow(["Id", "Conversations"])
        plain.writerows([asset["asset_id"], "; ".join(asset["conversations"])] for asset in CONTENT["assets"])
    columns = ", ".join(f"{ours}: {theirs}" for ours, theirs in MAPPED.items())
    (folder / "engagement.yml").write_text(
        "version: 1\nclient: By hand\nperiod: {start: 2025-01-01, end: 2025-12-31}\nas_of: 2025-12-31\ncurrency: EUR\n"
        "timezone: UTC\ninputs:\n"
        f"  - {{file: worklist.csv, table: asset_decisions, columns: {{{columns}}}, "
        "separators: {conversations: ;, segments: ;, personas: ;}}\n"
        "  - {file: assets.csv, table: assets, columns: {asset_id: Id, conversations: Conversations}, "
        "separators: {conversations: ;}}\n",
        encoding="utf-8",
    )
    prepare(folder, tmp_path / "run")
    agreed, tables = open_run(tmp_path / "run")
    assert [
        (count.table, count.read, count.used) for count in tables.row_counts if count.table == "asset_decisions"
    ] == [
        ("asset_decisions", 6, 4)  # the two to create name no asset
    ]
    sent = tables.query("select * exclude (file, record) from asset_decisions order by asset_id").set_index("asset_id")
    assert sent.loc["a", "decision"] == "retire" and str(sent.loc["a", "decided_on"])[:10] == "2025-12-30"
    assert (
        list(sent.loc["b", "conversations"]) == ["C3", "C5"] and str(sent.loc["b", "expires_on"])[:10] == "2026-06-30"
    )
    stock = read_stock(tables, agreed).assets.set_index("asset_id")
    assert list(stock.index) == ["b", "c", "d"] and stock["n_conversations"].tolist() == [2, 1, 1]


def test_shuffled_rows_and_renamed_users_give_the_same_list(make_tables: Make) -> None:
    rng = np.random.default_rng(3)
    rows = library(*({"title": "Twin", "cost": 5, "created_on": f"2025-02-{i:02d}"} for i in range(1, 11)),
                   uses={"c": 2, "g": 2, "h": 5}, asset_decisions=[{"asset_id": "d", "decision": "teach"}])  # fmt: skip
    first = said(make_tables, rows, CELLS["cells"])
    for _ in range(5):
        shuffled = {name: [records[i] for i in rng.permutation(len(records))] for name, records in rows.items()}
        shuffled["training"] = [row | {"user_id": str(rng.integers(99))} for row in shuffled["training"]]
        assert said(make_tables, shuffled, CELLS["cells"]) == first


def test_the_workbook_sent_back_as_it_came_is_read_whole_and_changes_nothing(make_tables: Make, tmp_path: Path) -> None:
    from alignlib.report.worklist import workbook
    from alignlib.result import Record, Result

    dated = [asset | {"reviewed_on": "2025-06-01", "expires_on": "2026-01-31"} for asset in CONTENT["assets"]]
    exhibit = listed(make_tables, CONTENT | {"assets": dated}, CELLS["cells"])
    content = Result(diagnostic="content", question="q", headline="h", summary="s", exhibits=[exhibit])
    made = workbook(
        Record(kit_version="1", client="c", period_start="2025-01-01", period_end="2025-12-31", as_of="2025-12-31",
               currency="EUR", settings_sha256="", thresholds_lock="", results={"content": content})
    )  # fmt: skip
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "list.xlsx").write_bytes(made or b"")
    (tmp_path / "data" / "assets.csv").write_text("Asset ID\na\nb\nc\nd\n", encoding="utf-8")
    (tmp_path / "engagement.yml").write_text(
        "version: 1\nclient: By hand\nperiod: {start: 2025-01-01, end: 2025-12-31}\nas_of: 2025-12-31\ncurrency: EUR\n"
        "timezone: UTC\ninputs:\n  - {table: assets, file: assets.csv}\n"
        "  - {table: asset_decisions, file: list.xlsx}\n", encoding="utf-8"
    )  # fmt: skip
    prepare(tmp_path, tmp_path / "run")
    sent = open_run(tmp_path / "run")[1].query("select * from asset_decisions order by asset_id").set_index("asset_id")
    assert list(sent.index) == ["a", "b", "c", "d"] and sent["decision"].isna().all()
    assert {str(day)[:10] for day in sent["reviewed_on"]} == {"2025-06-01"}
    assert {str(day)[:10] for day in sent["expires_on"]} == {"2026-01-31"}
    assert list(sent.loc["c", "personas"]) == ["Buyer", "Plant manager"] and sent["decided_on"].isna().all()


def test_the_same_library_a_year_later_is_sorted_alike(make_tables: Make) -> None:
    rows = library({"expires_on": "2025-12-30"}, {}, {"created_on": "2025-11-01"}, STALE, uses={"b": 1})
    later = library({"expires_on": "2026-12-29", "created_on": "2026-01-31"}, {"created_on": "2026-01-31"},
                    {"created_on": "2026-10-31"}, {"created_on": "2025-01-30"})  # fmt: skip
    later["asset_usage"] = [{"asset_id": "b", "used_at": "2026-02-28 10:00"}]
    later["asset_usage"] += [{"asset_id": "a", "event": "edit", "used_at": day} for day in ("2025-12-31", "2026-12-30")]
    later["training"] = [row | {"trained_on": "2026-12-19"} for row in rows["training"]]
    later["opportunities"] = [DEAL | {"opened_at": "2026-04-30"}]
    next_year = settings(period={"start": "2025-12-31", "end": "2026-12-30"}, as_of="2026-12-30")
    assert said(make_tables, rows).exhibits[0] == said(make_tables, later, agreed=next_year).exhibits[0]
