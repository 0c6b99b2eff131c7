"""How specific content is, whether it is adapted, and what is sent although it expired: rows a reader can count."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from alignlib.diagnostics.content.stock import read_stock
from alignlib.diagnostics.content.tailoring import part
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Finding, Part
from alignlib.stats import clustered_share, newcombe

Make = Callable[..., Tables]


def settings(limits: dict[str, float] | None = None, **changes: Any) -> Settings:
    base: dict[str, Any] = {
        "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "as_of": "2025-12-31", "currency": "EUR", "timezone": "UTC",
        "thresholds": {"specific_content": 0.5, "outdated_sent": 0.1} if limits is None else limits,
        "survey": {"smallest_group": 3},
    }  # fmt: skip
    return Settings.model_validate(base | changes)


def told(tables: Tables, agreed: Settings | None = None) -> Part:
    agreed = agreed or settings()
    return part(tables, agreed, read_stock(tables, agreed))


def finding(found: Part, key: str) -> Finding:
    return {one.key: one for one in found.findings}[key]


def exhibit(found: Part, key: str) -> Exhibit:
    return {one.key: one for one in found.exhibits}[key]


def asset(name: str, rung: str | None = None, adapts: bool | None = None, **more: Any) -> dict[str, Any]:
    made = {"created_on": "2025-02-01", "expires_on": None, "is_approved": None, "title": None, "type": None}
    return {"asset_id": name, "specificity": rung, "is_customisable": adapts} | made | more


def use(asset_id: str, user: str | None, at: str, event: str = "share", team: str = "sales") -> dict[str, Any]:
    return {"asset_id": asset_id, "user_id": user, "team": team, "event": event, "used_at": at}


# --- the ladder -------------------------------------------------------------------------------------------------------

STOCK = [
    asset("market", "market", False),
    asset("adaptable", "market", True),
    asset("segment", "segment", False),
    asset("account", "account", False),
    asset("person", "person", True),
    asset("no_flag", "account", None),  # not recorded whether it can be adapted: left out
    asset("no_rung", None, True),
    asset("expired", "person", True, expires_on="2025-12-30"),
    asset("stale", "person", True, created_on="2024-01-01"),
]


def test_specific_content_counts_current_assets_for_which_all_is_recorded(make_tables: Make) -> None:
    judged = finding(told(make_tables({"assets": STOCK})), "content.specific")
    assert (judged.measure.k, judged.measure.n) == (3, 5)  # adaptable, account and person of five
    assert "3 of 5 current assets" in judged.detail and "2 of 5 made for" in judged.detail
    assert "2 others for which it is not" in judged.detail and judged.level == "unclear"


def test_assets_of_which_it_is_not_recorded_may_be_either_and_make_bounds(make_tables: Make) -> None:
    measure = finding(told(make_tables({"assets": STOCK})), "content.specific").measure
    assert (measure.value, measure.low, measure.high) == (3 / 5, 3 / 7, 5 / 7)  # none of the two others, or both
    assert measure.method.startswith("bounds")


@pytest.mark.parametrize(("limit", "level"), [(0.42, "good"), (0.44, "unclear"), (0.71, "unclear"), (0.72, "act")])
def test_where_it_is_not_recorded_of_some_the_bounds_decide(limit: float, level: str, make_tables: Make) -> None:
    agreed = settings({"specific_content": limit})
    judged = finding(told(make_tables({"assets": STOCK}), agreed), "content.specific")
    assert judged.level == level and judged.detail.startswith("Bounds 43 to 71; 3 of 5 current assets")
    assert "bounds against the limit" in judged.rule
    assert (judged.settle != "") == (level == "unclear")


@pytest.mark.parametrize(("limit", "level"), [(0.6, "good"), (0.61, "act")])
def test_where_all_is_recorded_a_library_is_counted_and_no_sample(limit: float, level: str, make_tables: Make) -> None:
    known = [row for row in STOCK if row["asset_id"] not in ("no_flag", "no_rung")]
    judged = finding(told(make_tables({"assets": known}), settings({"specific_content": limit})), "content.specific")
    assert (judged.measure.k, judged.measure.n, judged.measure.value) == (3, 5, 0.6)
    assert (judged.measure.low, judged.measure.high, judged.measure.method) == (None, None, "counted")
    assert judged.level == level and judged.detail.startswith("Counted: 3 of 5 ")


def test_where_only_one_of_the_two_columns_was_delivered_it_decides_alone(make_tables: Make) -> None:
    rungs = [row | {"is_customisable": None} for row in STOCK]
    flags = [row | {"specificity": None} for row in STOCK]
    by_rung, by_flag = (
        finding(told(make_tables({"assets": rows})), "content.specific").measure for rows in (rungs, flags)
    )
    assert (by_rung.k, by_rung.n) == (3, 6) and (by_flag.k, by_flag.n) == (3, 6)
    neither = told(make_tables({"assets": [row | {"specificity": None} for row in rungs]}))
    assert not neither.findings and "for whom each asset is made" in neither.not_judged[0].settle


def test_the_ladder_shows_assets_beside_uses_by_rung(make_tables: Make) -> None:
    uses = [use("market", "s1", f"2025-03-0{i} 10:00", "view") for i in range(1, 7)]
    uses += [use("person", "s1", "2025-03-01 10:00", "view"), use("no_rung", "s1", "2025-03-01 10:00", "download")]
    uses += [
        use("person", "m", "2025-03-01 10:00", "view", "marketing"),
        use("person", "s1", "2025-03-01 10:00", "edit"),
    ]
    shown = exhibit(told(make_tables({"assets": STOCK, "asset_usage": uses})), "content.ladder")
    rows = {row["label"]: (row["k"], row["n"]) for row in shown.rows}
    assert rows["The whole market: assets"] == (2, 9) and rows["The whole market: uses"] == (6, 8)
    assert rows["A person: assets"] == (3, 9) and rows["A person: uses"] == (1, 8)
    assert rows["Not recorded: assets"] == (1, 9) and rows["Not recorded: uses"] == (1, 8)
    assert shown.title == "56\u00a0% of assets are made for an account or a person, and 12\u00a0% of uses are of these"
    judged = finding(told(make_tables({"assets": STOCK, "asset_usage": uses})), "content.specific").measure
    said = f"{100 * judged.value:.0f}\u00a0% of current assets are for an account or a person, or can be adapted"
    assert shown.lead == f"{said}: {judged.k} of {judged.n} for which it is recorded."


def test_without_a_log_of_uses_the_ladder_shows_assets_alone(make_tables: Make) -> None:
    shown = exhibit(told(make_tables({"assets": STOCK})), "content.ladder")
    assert all(row["label"].endswith(": assets") for row in shown.rows)
    assert "uses are of these" not in shown.title


# What Marketing does is no use: these only show that the log tells of the whole year.
LOGGED = [use("page", "m1", f"2025-{on} 12:00", "view", "marketing") for on in ("01-01", "12-31")]


# --- tailoring --------------------------------------------------------------------------------------------------------


def kinds(used: tuple[int, int, int, int], kind: tuple[str, str] = ("deck", "deck")) -> dict[str, list[dict[str, Any]]]:
    """Assets that can be adapted (k of n used) and others (k of n used), of two types."""
    k1, n1, k2, n2 = used
    rows = [asset(f"{kind[0]}_yes{i}", adapts=True, type=kind[0]) for i in range(n1)]
    rows += [asset(f"{kind[1]}_no{i}", adapts=False, type=kind[1]) for i in range(n2)]
    names = [f"{kind[0]}_yes{i}" for i in range(k1)] + [f"{kind[1]}_no{i}" for i in range(k2)]
    uses = [use(name, "s1", "2025-03-01 10:00", "view") for name in names]
    return {"assets": rows, "asset_usage": [*LOGGED, *uses]}


def test_assets_that_can_be_adapted_are_compared_with_the_others(make_tables: Make) -> None:
    rows = kinds((15, 20, 8, 20))
    rows["assets"] += [asset("young", adapts=True, created_on="2025-12-01"), asset("unknown")]
    shown = exhibit(told(make_tables(rows)), "content.tailored")
    gap = newcombe(15, 20, 8, 20)
    assert [(row["k"], row["n"]) for row in shown.rows] == [(15, 20), (8, 20)]
    assert gap.low is not None and gap.high is not None
    assert shown.title == (
        "Assets that can be adapted are used 35 percentage points more often than others "
        f"(difference {gap.low * 100:.0f} to {gap.high * 100:.0f})"
    )


def test_a_difference_between_types_alone_is_not_said_to_be_one_of_adapting(make_tables: Make) -> None:
    # decks are used (90 %) and mostly adaptable, pages are not used (10 %) and mostly not: alike within each type
    one, two = kinds((81, 90, 9, 10)), kinds((1, 10, 9, 90), ("page", "page"))
    rows = {name: one[name] + two[name] for name in one}
    shown = exhibit(told(make_tables(rows)), "content.tailored")
    asked = (
        "Whether assets that can be adapted are used more often among assets of the same type and age cannot be told"
    )
    assert shown.title.startswith(asked) and "all taken together 64 percentage points" in shown.title
    assert [row["k"] for row in shown.rows] == [82, 18]


def test_a_share_is_tailored_when_the_same_person_had_edited_the_asset(make_tables: Make) -> None:
    log = [
        use("a", "s1", "2025-03-01 09:00", "edit"), use("a", "s1", "2025-03-01 09:30"),  # tailored
        use("a", "s1", "2025-02-28 09:00"),  # sent before he edited it
        use("a", "s2", "2025-03-02 09:00"),  # edited by somebody else
        use("b", "s1", "2025-03-02 09:00"),  # another asset
        use("b", "s2", "2024-12-30 09:00", "edit"), use("b", "s2", "2025-01-29 09:00"),  # tailored 30 days before
        use("b", "s2", "2025-01-29 09:01"),  # a minute more than 30 days after the edit
        use("b", "s2", "2024-12-31 09:00"),  # before the period
        use("b", "s3", "2025-03-01 09:00", "edit"), use("b", "s3", "2025-06-01 09:00", "edit"),
        use("b", "s3", "2025-05-31 09:00"),  # long after the one, before the other
        use("b", "s3", "2025-06-03 09:00"), use("b", "s3", "2025-06-04 09:00"),  # tailored: the last edit counts
        use("b", "m1", "2025-03-02 09:00", team="marketing"), use("b", None, "2025-03-02 09:00"),
    ]  # fmt: skip
    shown = exhibit(told(make_tables({"assets": [asset("a"), asset("b")], "asset_usage": log})), "content.tailored")
    expected = clustered_share([1, 1, 2], [3, 3, 3])
    row = shown.rows[0]
    assert (row["label"], row["k"], row["n"]) == ("Sent, tailored first", 4, 9)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert shown.title == "44\u00a0% of what sellers sent they had tailored first"
    assert "had edited in the 30 days before" in shown.read


def test_without_edits_or_flags_tailoring_is_not_judged(make_tables: Make) -> None:
    found = told(make_tables({"assets": [asset("a")], "asset_usage": [use("a", "s1", "2025-03-01 09:00")]}))
    said = [left.what for left in found.not_judged]
    assert "Which share of what sellers send they tailor first" in said
    assert "Whether assets that can be adapted are used more" in said
    assert not [one for one in found.exhibits if one.key == "content.tailored"]


# --- what is sent although it should not be ---------------------------------------------------------------------------

INVENTORY = [
    asset("old", title="Price list, ask jane@example.com", expires_on="2025-06-30"),
    asset("off_brand", title="Old logo deck", is_approved=False),
    asset("both", title="  ", expires_on="2025-03-31", is_approved=False),
    asset("fine", title="Case", expires_on="2026-06-30", is_approved=True),
    asset("undated", title="Brief"),
]
SENT = [
    use("old", "s1", "2025-06-30 23:00"),  # its last day: may still be sent
    use("old", "s1", "2025-07-01 00:00"),
    use("old", "s2", "2025-09-01 10:00"),
    use("old", "s2", "2025-09-02 10:00", "view"),
    use("old", "m1", "2025-09-02 10:00", team="marketing"),
    use("off_brand", "s1", "2025-02-02 10:00"),
    use("both", None, "2025-03-01 10:00"),
    use("fine", "s1", "2025-09-01 10:00"),
    use("fine", "s3", "2025-09-01 10:00"),
    use("fine", "s3", "2024-09-01 10:00"),  # before the period
    use("undated", "s2", "2025-09-01 10:00"),
    use("not_in_the_library", "s2", "2025-09-01 10:00"),
]


def test_what_is_sent_after_its_expiry_or_without_approval_is_counted_by_seller(make_tables: Make) -> None:
    judged = finding(told(make_tables({"assets": INVENTORY, "asset_usage": SENT})), "content.outdated")
    expected = clustered_share([2, 1, 0], [4, 2, 1], (1, 1))
    assert (judged.measure.k, judged.measure.n) == (4, 8)
    assert (judged.measure.low, judged.measure.high) == pytest.approx((expected.low, expected.high))
    assert "4 of 8 times something was sent, by 3 sellers" in judged.detail and judged.play == "P13"


def test_what_fewer_sellers_sent_than_the_smallest_group_is_withheld(make_tables: Make) -> None:
    edits = [use("fine", f"s{i}", "2025-09-01 09:00", "edit") for i in (1, 2, 3)]
    five = settings(survey={"smallest_group": 5})
    whats = {"Whether what sellers send is still fit to be sent", "Which share of what sellers send they tailor first"}
    log = [*SENT, *edits, use("fine", "s4", "2025-09-01 10:00", "view")]  # four people, three of whom sent something
    found = told(make_tables({"assets": INVENTORY, "asset_usage": log}), five)
    why = "fewer than five known sellers: it would tell what single people did"
    assert whats <= {left.what for left in found.not_judged if left.why == why}
    assert "content.outdated" not in {one.key for one in (*found.findings, *found.exhibits)}
    assert all("tailored" not in str(row["label"]) for one in found.exhibits for row in one.rows)
    log += [use("fine", f"s{i}", "2025-09-02 10:00") for i in (4, 5)]
    found = told(make_tables({"assets": INVENTORY, "asset_usage": log}), five)
    assert finding(found, "content.outdated").measure.n == 10 and exhibit(found, "content.outdated").rows
    assert exhibit(found, "content.tailored").rows[-1]["n"] == 10  # one of them not in the library, none of nobody's


def test_items_still_sent_are_listed_most_frequent_first_without_addresses(make_tables: Make) -> None:
    shown = exhibit(told(make_tables({"assets": INVENTORY, "asset_usage": SENT})), "content.outdated")
    assert shown.title == "50\u00a0% of what sellers sent had expired, was retired or is not approved: 3 items"
    assert [(row["label"], row["why"], row["n"], row["last"]) for row in shown.rows] == [
        ("Price list, ask [e-mail address]", "Expired on 30 June 2025", 2, "1 September 2025"),
        ("both", "Not approved", 1, "1 March 2025"),
        ("Old logo deck", "Not approved", 1, "2 February 2025"),
    ]
    assert shown.shape == "table" and "only as it stands now" in shown.says_not


def test_a_date_or_approval_that_the_owner_corrected_counts(make_tables: Make) -> None:
    fixed = [{"asset_id": "old", "expires_on": "2026-12-31"}, {"asset_id": "off_brand", "is_approved": True},
             {"asset_id": "undated", "expires_on": "2025-08-31"}]  # fmt: skip
    found = told(make_tables({"assets": INVENTORY, "asset_usage": SENT, "asset_decisions": fixed}))
    assert [row["label"] for row in exhibit(found, "content.outdated").rows] == ["Brief", "both"]
    later = [fixed[0] | {"decided_on": "2026-02-01"}]  # decided after the as-of date
    found = told(make_tables({"assets": INVENTORY, "asset_usage": SENT, "asset_decisions": later}))
    assert finding(found, "content.outdated").measure.k == 4


def test_what_is_sent_after_it_was_retired_counts_and_retiring_it_clears_nothing(make_tables: Make) -> None:
    retired = [{"asset_id": "old", "decision": "retire", "decided_on": "2025-12-01"},
               {"asset_id": "off_brand", "decision": "retire", "decided_on": None},
               {"asset_id": "fine", "decision": "retire", "decided_on": "2025-08-31"}]  # fmt: skip
    found = told(make_tables({"assets": INVENTORY, "asset_usage": SENT, "asset_decisions": retired}))
    measure = finding(found, "content.outdated").measure
    assert (measure.k, measure.n) == (6, 8)  # the four that had expired or are not approved, and two of "fine"
    assert {row["label"]: row["why"] for row in exhibit(found, "content.outdated").rows} == {
        "Price list, ask [e-mail address]": "Expired on 30 June 2025", "Old logo deck": "Not approved",
        "Case": "Retired on 31 August 2025", "both": "Not approved",
    }  # fmt: skip
    same_day = [retired[2] | {"decided_on": "2025-09-01"}]
    found = told(make_tables({"assets": INVENTORY, "asset_usage": SENT, "asset_decisions": same_day}))
    assert finding(found, "content.outdated").measure.k == 4
    bare = [row | {"expires_on": None, "is_approved": None} for row in INVENTORY]
    found = told(make_tables({"assets": bare, "asset_usage": SENT, "asset_decisions": retired}))
    assert finding(found, "content.outdated").measure.k == 2  # decisions alone tell it


def test_an_asset_expires_at_midnight_where_the_client_is(make_tables: Make) -> None:
    tables = make_tables({"assets": INVENTORY, "asset_usage": SENT})
    assert finding(told(tables, settings(timezone="Europe/Berlin")), "content.outdated").measure.k == 5
    assert finding(told(tables, settings(timezone="America/New_York")), "content.outdated").measure.k == 3


def test_forty_items_at_most_are_listed_and_the_rest_is_said(make_tables: Make) -> None:
    many = [asset(f"a{i:02}", is_approved=False) for i in range(50)]
    sent = [use(f"a{i:02}", f"s{i % 7}", "2025-05-01 10:00") for i in range(50)]
    shown = exhibit(told(make_tables({"assets": many, "asset_usage": sent})), "content.outdated")
    assert len(shown.rows) == 40 and shown.lead.startswith("The 40 sent most often") and "50 items" in shown.title


def test_when_all_that_is_sent_is_fit_nothing_is_listed(make_tables: Make) -> None:
    sent = [use("fine", f"s{i % 9}", "2025-09-01 10:00") for i in range(90)]
    found = told(make_tables({"assets": INVENTORY, "asset_usage": sent}))
    assert finding(found, "content.outdated").level == "good"
    assert finding(found, "content.outdated").title.startswith("0\u00a0% of what sellers sent had expired")
    assert "Only" not in finding(found, "content.outdated").title
    assert not [one for one in found.exhibits if one.key == "content.outdated"]


@pytest.mark.parametrize(
    "rows",
    [
        {"assets": [asset("a")], "asset_usage": SENT},
        {"assets": INVENTORY},
        {"assets": INVENTORY, "asset_usage": [row | {"event": "view"} for row in SENT]},
    ],
)
def test_without_dates_approval_or_shares_what_is_sent_is_not_judged(make_tables: Make, rows: Any) -> None:
    found = told(make_tables(rows))
    assert "content.outdated" not in {one.key for one in found.findings}
    assert "Whether what sellers send is still fit to be sent" in {left.what for left in found.not_judged}


# --- the whole part ---------------------------------------------------------------------------------------------------


def company(seed: int) -> dict[str, list[dict[str, Any]]]:
    """20 sellers, 120 assets of every kind, 1,500 events."""
    rng = np.random.default_rng(seed)
    rungs, flags = ["market", "segment", "account", "person", None], [True, False, None]
    assets = [
        asset(f"a{i}", rungs[rng.integers(5)], flags[rng.integers(3)], title=f"Asset {i}", type=f"t{rng.integers(3)}",
              created_on=f"{2024 + rng.integers(2)}-0{rng.integers(1, 10)}-15", is_approved=flags[rng.integers(3)],
              expires_on=f"2025-{rng.integers(1, 13):02}-01" if rng.random() < 0.4 else None)
        for i in range(120)
    ]  # fmt: skip
    uses = [
        use(f"a{rng.integers(120)}", f"seller-{rng.integers(20)}", f"{date(2025, 1, 1) + timedelta(int(day))} 12:00",
            str(rng.choice(["view", "share", "edit"])))
        for day in rng.integers(0, 365, 1_500)
    ]  # fmt: skip
    return {"assets": assets, "asset_usage": uses}


def test_order_names_and_dates_change_nothing_and_no_seller_is_named(make_tables: Make) -> None:
    rows, rng = company(3), np.random.default_rng(7)
    codes = {f"seller-{i}": f"{rng.integers(10**9)}" for i in range(20)}

    def later(key: str, value: Any) -> Any:
        is_date = isinstance(value, str) and key in ("used_at", "created_on", "expires_on")
        return (date.fromisoformat(value[:10]) + timedelta(364)).isoformat() + value[10:] if is_date else value

    mixed = {t: [r[i] for i in rng.permutation(len(r))] for t, r in rows.items()}
    renamed = rows | {"asset_usage": [row | {"user_id": codes[row["user_id"]]} for row in rows["asset_usage"]]}
    shifted = {t: [{k: later(k, v) for k, v in row.items()} for row in r] for t, r in rows.items()}
    next_year = settings(period={"start": "2025-12-31", "end": "2026-12-30"}, as_of="2026-12-30")
    usual = told(make_tables(rows), settings(as_of="2025-12-31"))
    assert "seller-" not in repr(usual) and len(usual.exhibits) == 3 and len(usual.findings) == 2
    for other in (told(make_tables(mixed)), told(make_tables(renamed)), told(make_tables(shifted), next_year)):
        assert [one.title for one in other.exhibits] == [one.title for one in usual.exhibits]
        for one, two in zip(usual.findings, other.findings, strict=True):
            assert (one.title, one.detail, one.level) == (two.title, two.detail, two.level)
        mine, theirs = ([[row.get(name, 0.0) for name in ("value", "n", "k")] for e in found.exhibits for row in e.rows]
                        for found in (usual, other))  # fmt: skip
        assert mine == [pytest.approx(row) for row in theirs]
