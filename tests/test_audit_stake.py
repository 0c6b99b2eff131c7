"""Money at stake: sums a reader can do, on one scale, with nothing counted twice."""

from typing import Any

import numpy as np
import pytest

from alignlib.audit.stake import drawn, priced, stake, worth_of
from alignlib.engagement import Settings, parse_settings
from alignlib.result import Exhibit, NotJudged, Result, columns

Z80, Z95 = 1.2815515655446004, 1.959963984540054


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2024-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def around(value: float, spread: float) -> dict[str, float]:
    """Limits of a normal distribution, in minor units."""
    at = {"low_95": -Z95, "low": -Z80, "high": Z80, "high_95": Z95}
    return {"value": value, **{name: value + z * spread for name, z in at.items()}}


def table(key: str, rows: list[dict[str, Any]], says_not: str = "") -> Exhibit:
    return Exhibit(key=key, title="T", shape="intervals", rows=rows, columns=columns(label=("L", "text")), read="R",
                   says_not=says_not, alt="A", source="S")  # fmt: skip


def result(kind: Any, exhibits: list[Exhibit], *not_judged: NotJudged) -> Result:
    return Result(diagnostic=kind, question="?", headline="H", summary="S", exhibits=exhibits, not_judged=[*not_judged])


def leaks(
    spread: float = 10_000_00, years: float = 2.0, bounds: float | None = None, is_upper: bool = False, **held: int
) -> Result:
    """Leaked leads worth 200,000 in two years, 60 % of it in untouched ones; ``held``: deals of theirs by segment."""
    more = {"years": years, "is_upper": is_upper, "wins": 1.0}
    rows = [
        {"label": "No owner", **around(80_000_00, 0.4 * spread), "n": 8, **more},
        {"label": "Untouched past promise", **around(120_000_00, 0.6 * spread), "n": 12, **more},
        {"label": "All leaks", **around(200_000_00, spread), "n": 20, **more},
    ]
    if bounds is not None:
        rows.append({"label": "All leaks, bounds", **dict.fromkeys(("value", "low_95", "high_95")), "low": bounds,
                     "high": 200_000_00, "n": 20, **more})  # fmt: skip
    shown = [table("funnel.leak_value", rows, "What sellers would have left undone.")]
    if held:
        shown.append(table("funnel.leaked_deals", [{"label": s, "n": 1, "amount": m} for s, m in held.items()]))
    return result("funnel", shown)


def gaps(spread: float = 10_000_00, value: float = 50_000_00, alike: float | None = None) -> Result:
    """Gaps worth 50,000 a year: in A two conversations miss on 200,000 of deals, in B one on 600,000."""
    rows = [
        {"label": "A", **around(0.4 * value, 0.4 * spread), "n": 4, "missing": 2, "amount": 200_000_00, "alike": None},
        {"label": "B", **around(0.6 * value, 0.6 * spread), "n": 6, "missing": 1, "amount": 600_000_00, "alike": None},
        {"label": "All gaps", **around(value, spread), "n": 10, "missing": 3, "amount": 800_000_00, "alike": alike},
    ]
    return result("content", [table("content.gap_value", rows, "That content wins these deals.")])


def turned(result: Result) -> Result:
    """The same with all money turned to what it would cost."""
    (priced, *others), ends = result.exhibits, {"low": "high", "high": "low", "low_95": "high_95", "high_95": "low_95"}
    rows = [row | {"value": -row["value"], **{one: -row[other] for one, other in ends.items()}} for row in priced.rows]
    return result.model_copy(update={"exhibits": [priced.model_copy(update={"rows": rows}), *others]})


def shown(agreed: Settings | None = None, **results: Result) -> Exhibit:
    found = stake(results, agreed or settings())
    assert found is not None
    return found


def by_label(exhibit: Exhibit) -> dict[str, Any]:
    return {row["label"]: row for row in exhibit.rows}


def test_leaks_of_two_years_and_gaps_of_one_are_summed_on_the_scale_of_a_year() -> None:
    found = shown(funnel=leaks(), content=gaps())
    rows = by_label(found)
    assert list(rows) == ["Untouched past promise", "No owner", "Gaps in content", "All together"]
    assert [row["value"] for row in found.rows] == [60_000_00, 40_000_00, 50_000_00, 150_000_00]
    assert [row["n"] for row in found.rows] == [6, 4, 10, None]
    assert rows["All together"]["note"] == "no deal stands in both sums"
    assert found.shape == "intervals" and "Expected counterfactual value under stated assumptions" in found.read
    assert found.says_not == (
        "That this was lost, or will be gained. What sellers would have left undone. That content wins these deals."
    )


def test_the_sum_is_as_unsure_as_independent_parts_are_together() -> None:
    rows = by_label(shown(funnel=leaks(spread=30_000_00), content=gaps(spread=20_000_00)))
    spread = np.hypot(30_000_00 / 2, 20_000_00)
    assert rows["All together"]["low"] == pytest.approx(150_000_00 - Z80 * spread, rel=0.01)
    assert rows["All together"]["high"] == pytest.approx(150_000_00 + Z80 * spread, rel=0.01)
    assert rows["Gaps in content"]["low"] == pytest.approx(50_000_00 - Z80 * 20_000_00, abs=1)


def test_draws_go_through_all_limits_and_on_beyond_them() -> None:
    part: dict[str, Any] = {"low_95": -5.0, "low": 1.0, "value": 2.0, "high": 8.0, "high_95": 30.0}
    found = drawn(part, np.random.default_rng(1))
    assert np.quantile(found, [0.025, 0.1, 0.5, 0.9, 0.975]) == pytest.approx([-5, 1, 2, 8, 30], abs=0.05)
    assert found.max() > 40 and found.min() < -10
    assert np.unique(drawn(part | {"low": None}, np.random.default_rng(1))).tolist() == [2.0]
    assert np.unique(drawn(None, np.random.default_rng(1))).tolist() == [0.0]


def test_what_a_gap_would_add_to_deals_of_leaked_leads_is_counted_once() -> None:
    found = shown(funnel=leaks(A=100_000_00, C=900_000_00), content=gaps())
    rows = by_label(found)
    # two conversations on 200,000 and one on 600,000: the 100,000 of leaked leads are 2 of 10 parts of what gaps bring
    assert rows["Counted twice"] == {
        "label": "Counted twice", "value": -10_000_00, "low": None, "high": None, "n": None,
        "note": "20\u00a0% of what gaps are worth lies in deals of leaked leads: counted with the leaks",
    }  # fmt: skip
    assert rows["All together"]["value"] == 140_000_00 and rows["All together"]["note"] == ""
    spread = np.hypot(10_000_00 / 2, 0.8 * 10_000_00)
    assert rows["All together"]["high"] == pytest.approx(140_000_00 + Z80 * spread, rel=0.01)
    more = by_label(shown(funnel=leaks(A=900_000_00, B=900_000_00), content=gaps()))
    assert more["Counted twice"]["value"] == -50_000_00  # never more than the gaps themselves
    assert "Counted twice" not in by_label(shown(content=gaps()))


def test_the_headline_is_the_sum_where_both_parts_can_be_told() -> None:
    found = shown(funnel=leaks(), content=gaps(spread=5_000_00))
    assert found.title == (
        "Leaked leads and gaps in content: €141k to €159k a year expected value under stated assumptions"
    )
    assert found.lead.startswith("Leaked leads and gaps in content: €150k a year, 80\u00a0% interval €141k to €159k.")


def test_a_part_that_lies_on_both_sides_of_none_is_shown_and_said_to_be_unclear() -> None:
    found = shown(funnel=leaks(), content=gaps(spread=100_000_00))
    assert by_label(found)["Gaps in content"]["note"] == "unclear: on both sides of none"
    assert found.title.endswith(
        "a year expected value under stated assumptions; whether gaps in content add to it cannot be told"
    )
    assert found.title.startswith("Leaked leads: €94k to €106k a year")
    found = shown(funnel=leaks(spread=400_000_00), content=gaps(spread=5_000_00))
    assert found.title.startswith("Gaps in content: €44k to €56k a year")
    assert found.title.endswith("whether leaked leads add to it cannot be told")
    found = shown(funnel=leaks(spread=400_000_00), content=gaps(spread=100_000_00))
    untold = "No part of leaked leads and gaps in content can be told from none by itself: −€"
    assert found.title.startswith(untold) and found.title.endswith("a year expected value under stated assumptions")


def test_bounds_of_selection_are_carried_into_headline_and_sum() -> None:
    found = shown(funnel=leaks(bounds=100_000_00), content=gaps(spread=5_000_00))
    assert "€141k to €159k, from €93k if leaked leads were won like those touched late or of the weakest" in found.lead
    assert found.title.startswith("Leaked leads and gaps in content: €93k to €159k a year")
    found = shown(funnel=leaks(bounds=195_000_00), content=gaps(spread=5_000_00))  # bounds that say one amount
    assert found.title.startswith("Leaked leads and gaps in content: €141k to €159k a year")
    assert shown(funnel=leaks(bounds=-50_000_00)).title.startswith("Leaked leads: up to €106k a year")


def test_where_leaked_leads_were_the_weaker_ones_title_lead_and_lines_all_have_an_upper_end_only() -> None:
    found = shown(funnel=leaks(bounds=100_000_00, is_upper=True), content=gaps(spread=5_000_00))
    rows = by_label(found)
    assert found.title.startswith("Leaked leads and gaps in content: up to €159k a year")
    assert "content: €150k a year, up to €159k (end of the 80\u00a0% interval). Most depends" in found.lead
    assert "Leaked leads were the weaker ones, so lines that hold them have an upper end only." in found.read
    assert [row["low"] is None for row in found.rows] == [True, True, False, True]
    assert rows["No owner"]["note"] == "upper end only: €43k" and rows["Gaps in content"]["note"] == ""
    assert rows["All together"]["note"] == "no deal stands in both sums; upper end only: €159k"
    unsure = shown(funnel=leaks(spread=400_000_00, is_upper=True))
    assert unsure.title.startswith("No part of leaked leads can be told from none by itself: up to €356k a year")
    assert by_label(unsure)["No owner"]["note"] == "unclear: on both sides of none; upper end only: €143k"
    assert "at its upper 80\u00a0% limit, it would be €356k" in unsure.lead and "interval €" not in unsure.lead


def test_a_part_that_lies_below_none_is_shown_as_nothing_to_gain_and_never_subtracted() -> None:
    below, kept = gaps(spread=10_000_00, value=-50_000_00), shown(funnel=leaks(A=100_000_00))
    found = shown(funnel=leaks(A=100_000_00), content=below)
    rows = by_label(found)
    assert list(rows) == ["Untouched past promise", "No owner", "Gaps in content", "All together"]
    assert rows["Gaps in content"] == {
        "label": "Gaps in content", "value": 0, "low": None, "high": None, "n": 10,
        "note": "below none (−€63k to −€37k): counted as nothing to gain",
    }  # fmt: skip
    assert rows["All together"] == by_label(kept)["All together"] and rows["All together"]["value"] == 100_000_00
    assert found.title == (
        "Leaked leads: €94k to €106k a year expected value under stated assumptions; no gain can be shown in gaps in "
        "content"
    )
    alone = shown(content=below)
    assert alone.title == "No gain can be shown in gaps in content; what leaked leads were worth could not be judged"
    assert alone.lead == "The 80\u00a0% interval of gaps in content lies at or below none: nothing is counted."
    assert [row["value"] for row in alone.rows] == [0, 0] and alone.rows[-1]["high"] is None
    rows = by_label(shown(funnel=turned(leaks()), content=gaps()))
    assert rows["All leaks"]["note"] == "below none (−€106k to −€94k): counted as nothing to gain"
    assert list(rows) == ["All leaks", "Gaps in content", "All together"]
    assert rows["All together"]["value"] == 50_000_00 and rows["All together"]["note"] == ""


def test_a_part_less_than_none_but_unclear_counts_as_found_with_nothing_counted_twice() -> None:
    found = shown(funnel=leaks(A=100_000_00), content=gaps(spread=100_000_00, value=-50_000_00))
    assert "Counted twice" not in by_label(found) and found.rows[-1]["value"] == 50_000_00
    assert found.rows[-1]["note"] == "gaps in content cannot be told from none"


def test_what_can_be_told_comes_first_and_the_sum_with_the_doubtful_part_as_what_it_is() -> None:
    found = shown(funnel=leaks(), content=gaps(spread=100_000_00))
    assert found.lead.startswith(
        "Leaked leads: €100k a year, 80\u00a0% interval €94k to €106k. Most depends on whether leaked leads would do "
        "as well as those touched in time: if they brought half as much, it would be €50k. With gaps in content, which "
        "cannot be told from none: €150k a year, 80\u00a0% interval €"
    )
    assert by_label(found)["All together"]["note"].startswith("gaps in content cannot be told from none")
    apart = shown(funnel=leaks(A=100_000_00, spread=400_000_00), content=gaps(spread=5_000_00))
    assert apart.lead.startswith("Gaps in content: €50k a year")  # told by itself, nothing is counted with the leaks


def test_of_two_parts_that_cannot_be_told_by_themselves_the_sum_is_claimed_as_what_it_is() -> None:
    found = shown(funnel=leaks(spread=160_000_00), content=gaps(spread=40_000_00))
    lost = shown(funnel=turned(leaks(spread=160_000_00)), content=turned(gaps(spread=40_000_00)))
    for title, ends in ((found.title, "€"), (lost.title, "−€")):
        assert title.startswith(f"No part of leaked leads and gaps in content can be told from none by itself: {ends}")


def test_what_could_not_be_priced_is_named_and_never_zero() -> None:
    why = NotJudged(what="What a usable asset in every gap would be worth", why="too few", settle="s", theme="content")
    found = shown(funnel=leaks(), content=result("content", [], why))
    assert found.title.endswith("; what filling the gaps in content would be worth could not be judged")
    assert "Not judged: what filling the gaps in content would be worth: too few." in found.read
    assert list(by_label(found)) == ["Untouched past promise", "No owner", "All together"]
    found = shown(content=gaps(spread=5_000_00))
    assert found.title.endswith("; what leaked leads were worth could not be judged")
    assert "Not judged: what leaked leads were worth: its files were not examined." in found.read
    none = result("content", [table("content.coverage", [])])
    assert "judged" not in shown(funnel=leaks(), content=none).title  # there is no gap to price
    found = shown(funnel=leaks(), content=result("content", []))
    assert "would be worth: these data do not show where they are." in found.read and "not be judged" in found.title
    assert stake({}, settings()) is None and stake({"content": result("content", [], why)}, settings()) is None


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ({"funnel": leaks(), "content": gaps()},
         "whether leaked leads would do as well as those touched in time: if they brought half as much, it would "
         "be €100k."),
        ({"funnel": leaks(bounds=40_000_00)},
         "whether leaked leads would do as well as those touched in time: if like those touched late or of the weakest "
         "source, it would be €20k."),
        ({"funnel": leaks(spread=100_000_00)},
         "how often comparable leads are won, and for how much: at its lower 80\u00a0% limit, it would be €36k."),
        ({"funnel": leaks(bounds=160_000_00), "content": gaps(spread=30_000_00)},
         "what a usable asset adds to the chance of winning: at its lower 80\u00a0% limit, it would be €112k."),
        ({"funnel": leaks(), "content": gaps(alike=-30_000_00)},
         "whether deals for which more was at hand are like the others: held alike, it would be €70k."),
    ],
)  # fmt: skip
def test_the_assumption_that_moves_the_sum_most_is_named_with_the_sum_under_it(
    results: dict[str, Result], said: str
) -> None:
    assert f"Most depends on {said}" in shown(**results).lead


def test_capacity_is_said_on_the_scale_of_a_year() -> None:
    for capacity, said in (
        (None, "Capacity: none was agreed."),
        (4, "Capacity: Sales could work 48 more leads a year; 40 leak, and no more are counted than could be worked."),
        (2, "Capacity: Sales could work 24 more leads a year; 40 leak, and no more are counted than could be worked."),
    ):
        agreed = settings(goal={"capacity": capacity})
        assert shown(agreed, funnel=leaks(years=0.5)).lead.endswith(said)
        assert "Capacity" not in shown(agreed, content=gaps()).lead


def test_findings_are_worth_what_their_part_is_a_year_and_only_where_that_can_be_told_from_nothing() -> None:
    assert worth_of({"funnel": leaks(), "content": gaps()}) == {
        "funnel.leaked": 100_000_00, "funnel.first_touch": 60_000_00, "funnel.ownerless": 40_000_00,
        "content.empty_pipeline": 50_000_00,
    }  # fmt: skip
    assert worth_of({"content": gaps(spread=100_000_00)}) == worth_of({"content": gaps(value=-1.0)}) == {}
    assert worth_of({}) == {}


def test_the_same_results_give_the_same_money() -> None:
    results = {"funnel": leaks(A=100_000_00), "content": gaps()}
    assert shown(**results) == shown(**results) and priced(results).twice == pytest.approx(0.2)
