"""How far Marketing's effort lies from where Sales stands, by hand: shares a reader can work out on paper."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.diagnostics.content import focus
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part

Make = Callable[..., Tables]
NBSP = "\u00a0"
AGREED = {"focus_mismatch": 0.15, "persona_mismatch": 0.2}


def settings(agreed: dict[str, float] = AGREED, zone: str = "UTC", year: int = 2025) -> Settings:
    said = {"version": 1, "client": "By hand", "period": {"start": f"{year}-01-01", "end": f"{year}-12-31"}}
    more: dict[str, Any] = {"as_of": f"{year}-12-31", "currency": "EUR", "timezone": zone, "thresholds": agreed}
    return Settings.model_validate(said | more)


def exhibit(part: Part, key: str) -> Exhibit:
    return next(found for found in part.exhibits if found.key == key)


def sides(part: Part) -> dict[str, dict[str, Any]]:
    return {str(row["label"]): row for row in exhibit(part, "content.focus_sides").rows}


PLAN = [
    {"segment": "Steel", "planned_revenue": 50, "effort": 30},
    {"segment": "Wood", "planned_revenue": 30, "effort": 0},
    {"segment": "Glass", "planned_revenue": 20, "effort": 70},
]


def assets(n: int, segments: list[str], **more: Any) -> list[dict[str, Any]]:
    name = f"{'+'.join(segments)}{more.get('personas', '')}"
    return [{"asset_id": f"{name}{i}", "created_on": "2025-02-01", "segments": segments, **more} for i in range(n)]


def deals(n: int, segment: str | None, amount: int | None = 100, **more: Any) -> list[dict[str, Any]]:
    made = {"outcome": "open", "segment": segment, "amount": amount, **more}
    return [{"opportunity_id": f"{segment}{more}{i}", **made} for i in range(n)]


# --- spend against plan: counted --------------------------------------------------------------------------------------


def test_effort_away_from_the_plan_is_the_share_that_would_have_to_move(make_tables: Make) -> None:
    part = focus.part(make_tables({"plan": PLAN}), settings())
    (finding,) = part.findings
    # plan .5 .3 .2, effort .3 .0 .7: half of .2 + .3 + .5
    assert finding.measure.value == pytest.approx(0.5) and finding.measure.low is None
    assert finding.level == "watch" and finding.measure.method == "counted"
    assert finding.title == f"50{NBSP}% of Marketing’s spend would have to move to match Sales’ plan"
    rows = exhibit(part, "content.focus").rows
    assert [(row["label"], row["note"]) for row in rows] == [
        ("Wood", "Sales is here, Marketing is not"), ("Steel", ""), ("Glass", "Marketing is here, Sales hardly"),
    ]  # fmt: skip


def test_the_lead_names_the_cells_on_each_side(make_tables: Make) -> None:
    lead = exhibit(focus.part(make_tables({"plan": PLAN}), settings()), "content.focus").lead
    assert lead == (
        f"Sales is here, Marketing is not: Wood (30{NBSP}% of Sales, 0{NBSP}% of Marketing). "
        f"Marketing is here, Sales hardly: Glass (20{NBSP}% of Sales, 70{NBSP}% of Marketing)."
    )


def test_effort_that_follows_the_plan_is_good_and_without_a_limit_it_is_unclear(make_tables: Make) -> None:
    plan = [{"segment": name, "planned_revenue": 50, "effort": e} for name, e in (("Steel", 52), ("Wood", 48))]
    good = focus.part(make_tables({"plan": plan}), settings()).findings[0]
    assert good.level == "good" and good.title == (
        f"2{NBSP}% of Marketing’s spend would have to move to match Sales’ plan, within the agreed 15{NBSP}%"
    )
    bare = focus.part(make_tables({"plan": plan}), settings({})).findings[0]
    assert bare.level == "unclear" and "no limit was agreed" in bare.title


def test_a_segment_without_one_of_the_figures_is_left_out_and_named(make_tables: Make) -> None:
    plan = [*PLAN, {"segment": "Paper", "planned_revenue": 500}]
    part = focus.part(make_tables({"plan": plan}), settings())
    assert part.findings[0].measure.value == pytest.approx(0.5)
    assert any("Paper" in caveat for caveat in part.caveats)


def test_a_match_is_not_claimed_where_what_is_left_out_could_turn_it(make_tables: Make) -> None:
    alike = [{"segment": name, "planned_revenue": 50, "effort": 50} for name in ("Steel", "Wood")]
    for paper, level in (({"planned_revenue": 17}, "good"), ({"planned_revenue": 18}, "unclear"),
                         ({"effort": 18}, "unclear"), ({"planned_revenue": 900, "effort": -1}, "unclear")):  # fmt: skip
        part = focus.part(make_tables({"plan": [*alike, {"segment": "Paper", **paper}]}), settings())
        (finding,) = part.findings
        # 17 of 117 is within the agreed 15 %, 18 of 118 is not
        assert finding.measure.value == 0 and finding.level == level
        assert "of the plan left out" in finding.detail and any("Paper" in caveat for caveat in part.caveats)
    assert finding.title.endswith(f"up to 90{NBSP}% more may have to, in what is left out or taken as one")
    assert any(f"Paper, where one of the two figures is missing or negative: 90{NBSP}%" in c for c in part.caveats)
    away = [*PLAN, {"segment": "Paper", "planned_revenue": 900}]
    assert focus.part(make_tables({"plan": away}), settings()).findings[0].level == "watch"


def test_segments_beyond_forty_are_taken_as_one(make_tables: Make) -> None:
    plan = [{"segment": f"S{i:04d}", "planned_revenue": 1000 + i, "effort": 1000 + i} for i in range(2000)]
    part = focus.part(make_tables({"plan": plan}), settings())
    shown = exhibit(part, "content.focus")
    assert len(shown.rows) == 41 and {"S1999", "S1960", "1960 others"} <= {row["label"] for row in shown.rows}
    assert "S1959" not in shown.alt and "Beyond the 40 widest" in shown.read
    assert part.findings[0].measure.value == 0 and part.findings[0].level == "unclear"  # the others may differ inside
    few = focus.part(make_tables({"plan": plan[:40]}), settings())
    assert few.findings[0].level == "good" and "others" not in str(exhibit(few, "content.focus").rows)


def test_without_anything_on_either_side_focus_is_not_judged(make_tables: Make) -> None:
    part = focus.part(make_tables({"assets": [{"asset_id": "a"}]}), settings())
    assert not part.findings and not part.exhibits
    assert [(gap.theme, gap.settle) for gap in part.not_judged] == [
        ("focus", "planned revenue and Marketing’s spend by segment")
    ]


# --- assets, touches and deals: samples -------------------------------------------------------------------------------


def test_an_asset_that_names_k_segments_counts_one_kth_in_each_and_one_that_names_none_nowhere(
    make_tables: Make,
) -> None:
    owned = [*assets(20, ["Steel"]), *assets(20, ["Wood", "Steel"]), *assets(9, [])]
    part = focus.part(make_tables({"assets": owned, "plan": [{**r, "effort": None} for r in PLAN]}), settings())
    rows = {row["label"]: (row["marketing"], row["sales"]) for row in exhibit(part, "content.focus").rows}
    # 20 + 20 x 1/2 of 40 in Steel, 20 x 1/2 of 40 in Wood
    assert rows["Steel"] == pytest.approx((0.75, 0.5)) and rows["Wood"] == pytest.approx((0.25, 0.3))
    assert rows["Glass"] == pytest.approx((0.0, 0.2))
    finding = part.findings[0]
    assert finding.measure.value == pytest.approx(0.25) and finding.measure.method == "multiplier bootstrap"
    assert "40 assets, over three segments" in finding.detail


def test_the_first_pair_known_is_judged_and_every_pair_is_shown(make_tables: Make) -> None:
    leads = [{"lead_id": str(i), "segment": "Steel" if i < 30 else "Glass", "created_at": "2025-01-05"}
             for i in range(60)]  # fmt: skip
    touched = [{"lead_id": str(i), "touched_at": "2025-03-01 10:00"} for i in range(60)]
    tables = {"plan": PLAN, "assets": assets(40, ["Steel"]) + assets(40, ["Glass"]), "leads": leads,
              "campaign_touches": touched, "opportunities": deals(30, "Steel", 300) + deals(30, "Wood")}  # fmt: skip
    part = focus.part(make_tables(tables), settings())
    found = sides(part)
    assert set(found) == {
        f"{m} against {s}" for m in ("Spend", "Assets", "Touches")
        for s in ("plan", "open pipeline", "open deals")
    }  # fmt: skip
    assert part.findings[0].measure.method == "counted" and exhibit(part, "content.focus_sides").is_detail
    # by hand: spend .3 0 .7 against pipeline (9000, 3000) .75 .25 0, and against deals .5 .5 0
    assert found["Spend against open pipeline"]["value"] == pytest.approx(0.7)
    assert found["Spend against open deals"]["value"] == pytest.approx(0.7)
    assert found["Assets against open pipeline"]["value"] == pytest.approx(0.5)
    assert found["Touches against plan"]["value"] == pytest.approx(0.3)
    assert found["Spend against plan"]["low"] is None
    sampled = [row for label, row in found.items() if label != "Spend against plan"]
    assert all(row["low"] <= row["value"] <= row["high"] for row in sampled)


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("effort", "of the content that names a segment would have to move to match Sales’ plan"),
        ("planned_revenue", "of Marketing’s spend would have to move to match open pipeline"),
    ],
)
def test_where_a_figure_of_the_plan_is_missing_the_next_pair_is_judged(
    make_tables: Make, left_out: str, said: str
) -> None:
    plan = [{key: value for key, value in row.items() if key != left_out} for row in PLAN]
    tables = make_tables({"plan": plan, "assets": assets(60, ["Glass"]), "opportunities": deals(60, "Steel")})
    finding = focus.part(tables, settings()).findings[0]
    assert said in finding.title and finding.level == "watch" and finding.measure.low is not None


def test_too_few_deals_are_no_interval_and_no_verdict(make_tables: Make) -> None:
    tables = make_tables({"assets": assets(40, ["Glass"]), "opportunities": deals(15, "Steel") + deals(14, "Wood")})
    part = focus.part(tables, settings())
    assert not part.findings
    assert part.not_judged[0].why == "no plan was delivered; only 29 open deals, 30 are needed"
    thin = focus.part(make_tables({"plan": PLAN[:1]}), settings())
    assert thin.not_judged[0].why == "the plan does not give planned revenue and effort for at least two segments"
    assert {row["value"] for row in sides(part).values()} == {None}
    more = make_tables({"assets": assets(40, ["Glass"]), "opportunities": deals(16, "Steel") + deals(14, "Wood")})
    assert focus.part(more, settings()).findings[0].level == "watch"


def test_deals_of_very_unequal_size_count_as_fewer(make_tables: Make) -> None:
    """(sum w)^2 / sum w^2, Kish 1965: 60 deals of 100 and one of 1,400 weigh as 7,400^2 / 2,560,000 = 21."""
    sold = deals(30, "Steel") + deals(30, "Wood") + [deals(1, "Wood", 1400)[0] | {"opportunity_id": "big"}]
    found = sides(focus.part(make_tables({"plan": PLAN, "opportunities": sold}), settings()))
    pipeline, counted = found["Spend against open pipeline"], found["Spend against open deals"]
    assert pipeline["value"] is None and pipeline["low"] is None
    assert "only 61 open deals of such unequal size that they weigh as 21, 30 are needed" in pipeline["note"]
    assert counted["low"] is not None and counted["note"] == "61 open deals"


def test_pairs_with_an_interval_are_counted_and_the_widest_is_said_with_it(make_tables: Make) -> None:
    owned = assets(30, ["Glass"]) + assets(30, ["Steel"])
    tables = {"plan": PLAN, "assets": owned, "opportunities": deals(60, "Steel")}
    shown = exhibit(focus.part(make_tables(tables), settings()), "content.focus_sides")
    # six pairs; spend against plan is counted, the other five have intervals. Widest: spend .3 against deals 1
    apart = {label: row for label, row in ((str(r["label"]), r) for r in shown.rows) if row["low"] is not None}
    assert len(shown.rows) == 6 and len(apart) == 5
    assert all(row["low"] > 0 for row in apart.values())
    assert shown.title.startswith("Measured pairs that lie apart: 5 of 5; widest: spend against open ")
    assert f"70{NBSP}% (" in shown.title and shown.title.endswith(")")


def test_deals_opened_after_the_as_of_date_are_not_open_yet(make_tables: Make) -> None:
    sold = deals(30, "Steel", opened_at="2025-12-31 23:59") + deals(30, "Wood", opened_at="2026-01-01 00:00")
    found = sides(focus.part(make_tables({"plan": PLAN, "opportunities": sold}), settings()))
    assert found["Spend against open deals"]["note"] == "30 open deals"


def test_a_distance_that_chance_may_have_made_is_not_claimed(make_tables: Make) -> None:
    tables = {"assets": assets(19, ["Steel"]) + assets(21, ["Wood"]),
              "opportunities": deals(21, "Steel") + deals(19, "Wood")}  # fmt: skip
    finding = focus.part(make_tables(tables), settings()).findings[0]
    assert finding.measure.value == pytest.approx(0.05) and finding.measure.low == 0
    assert finding.level == "unclear" and "on both sides of the agreed" in finding.title
    wide = focus.part(make_tables(tables), settings({"focus_mismatch": 0.6})).findings[0]
    assert wide.level == "good" and wide.title.startswith("At most ")
    shown = focus.part(make_tables(tables), settings()).exhibits
    assert shown[0].lead.startswith(f"95{NBSP}% interval: 0 to ") and shown[0].title.startswith("At most ")
    assert shown[1].title.startswith("Measured pairs that lie apart: 0 of 2") and "widest" not in shown[1].title


def test_touches_of_one_lead_hang_together_and_count_in_the_period_alone(make_tables: Make) -> None:
    leads = [{"lead_id": str(i), "segment": "Steel" if i % 2 else "Wood", "created_at": "2025-01-05"}
             for i in range(40)]  # fmt: skip
    once = [{"lead_id": str(i), "touched_at": "2025-03-01 10:00"} for i in range(40)]
    often = [touch | {"touched_at": f"2025-03-{day:02d} 10:00"} for touch in once for day in range(1, 11)]
    late = [{"lead_id": str(i), "touched_at": day} for i in range(40) for day in ("2024-12-31 23:59", "2026-01-01")]
    tables = {"plan": PLAN, "leads": leads, "campaign_touches": once}
    label = "Touches against plan"
    first = sides(focus.part(make_tables(tables), settings()))[label]
    assert first["note"] == "40 leads" and first["value"] == pytest.approx(0.2)
    same = sides(focus.part(make_tables(tables | {"campaign_touches": often + late}), settings()))[label]
    assert (same["low"], same["high"]) == pytest.approx((first["low"], first["high"]))  # ten touches are no ten leads
    berlin = make_tables(tables | {"campaign_touches": late})
    assert label in sides(focus.part(berlin, settings(zone="Europe/Berlin")))  # 23:59 UTC is in the new year there


# --- personas ---------------------------------------------------------------------------------------------------------


def test_personas_of_content_are_set_against_those_of_open_deals(make_tables: Make) -> None:
    owned = assets(30, ["Steel"], personas=["Buyer"]) + assets(30, ["Steel"], personas=["Engineer", "Buyer"])
    sold = deals(40, None, None, persona="Engineer") + deals(20, None, None, persona="Finance lead")
    leads = [{"lead_id": str(i), "persona": "Engineer" if i < 30 else "Buyer", "created_at": "2025-01-05"}
             for i in range(60)]  # fmt: skip
    part = focus.part(make_tables({"assets": owned, "opportunities": sold, "leads": leads}), settings())
    (finding,) = part.findings
    # Buyer 45 of 60, Engineer 15 of 60 against Engineer 2/3, Finance lead 1/3
    assert finding.key == "content.persona_focus" and finding.measure.value == pytest.approx(0.75)
    assert finding.level == "watch"
    assert finding.title == (
        f"75{NBSP}% of the content that names a persona would have to be for other roles to match the open deals"
    )
    rows = {row["label"]: row["note"] for row in exhibit(part, "content.persona_focus").rows}
    assert rows == {"Engineer": "Sales is here, Marketing hardly", "Finance lead": "Sales is here, Marketing is not",
                    "Buyer": "Marketing is here, Sales is not"}  # fmt: skip
    assert sides(part)["Leads against open deals, by persona"]["value"] == pytest.approx(0.5)


def test_personas_that_one_side_does_not_record_are_not_judged(make_tables: Make) -> None:
    owned = assets(30, ["Steel"], personas=["Buyer"])
    bare = focus.part(make_tables({"assets": owned, "opportunities": deals(40, "Steel")}), settings())
    assert [gap.why for gap in bare.not_judged][-1] == "no open opportunity names a persona"
    few = focus.part(make_tables({"assets": owned, "opportunities": deals(4, "Steel", persona="Cook")}), settings())
    assert "only 4 open deals" in few.not_judged[-1].why and "persona" in few.not_judged[-1].settle


# --- the same rows in another order, at another time, in other words --------------------------------------------------


def rows() -> dict[str, list[dict[str, Any]]]:
    owned = assets(25, ["Steel", "Wood"], personas=["Buyer"]) + assets(25, ["Wood"], personas=["Cook", "Buyer"])
    sold = deals(25, "Steel", 700, persona="Buyer") + deals(25, "Glass", 300, persona="Cook")
    leads = [{"lead_id": str(i), "segment": ("Steel", "Wood", "Glass")[i % 3], "persona": "Buyer",
              "created_at": "2025-01-01 12:00", "owner_id": f"u{i % 4}"} for i in range(60)]  # fmt: skip
    touched = [{"lead_id": str(i % 60), "touched_at": "2025-12-31 12:00"} for i in range(90)]
    return {"plan": PLAN, "assets": owned, "opportunities": sold, "leads": leads, "campaign_touches": touched}


def test_shuffled_rows_give_the_same_part(make_tables: Make) -> None:
    back = {name: list(reversed(records)) for name, records in rows().items()}
    assert focus.part(make_tables(rows()), settings()) == focus.part(make_tables(back), settings())


def test_dates_moved_by_a_year_and_other_user_ids_give_the_same_part(make_tables: Make) -> None:
    moved = {
        name: [
            {k: f"2026{v[4:]}" if k.endswith(("_at", "_on")) else "x" + v if k == "owner_id" else v
             for k, v in row.items()} for row in records
        ] for name, records in rows().items()
    }  # fmt: skip
    assert focus.part(make_tables(rows()), settings()) == focus.part(make_tables(moved), settings(year=2026))


def test_an_address_that_slipped_into_a_label_is_not_shown(make_tables: Make) -> None:
    part = focus.part(make_tables({"plan": [*PLAN, {"segment": "ask jo@example.com", "planned_revenue": 9}]}),
                      settings())  # fmt: skip
    other = focus.part(make_tables({"plan": [*PLAN, {"segment": "jo@example.com", "planned_revenue": 9, "effort": 0}]}),
                       settings())  # fmt: skip
    assert "jo@" not in str(part) + str(other) and "[e-mail address]" in str(part) + str(other)
