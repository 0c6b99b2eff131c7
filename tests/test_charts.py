"""Are charts drawn as the grammar says, legible at both widths, and can no label break out of them?"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from alignlib import charts
from alignlib.charts.canvas import ACT, HATCH, MARKETING, SALES, ZONE, axis, fitted, span
from alignlib.charts.tables import table
from alignlib.result import Column, Exhibit, Finding, Measure, Row, columns

sys.path.insert(0, str(Path(__file__).parent / "report"))
from sample_record import (
    CONVERSATIONS,
    COVERAGE,
    DOCKET,
    DUMBBELL,
    FINDINGS,
    GUESSES,
    ITEMS,
    LEAKS,
    UNUSED,
    WATERFALL,
    every_exhibit,
    sample_record,
)

RELAY = Exhibit(
    key="funnel.relay", title="190 of 240 leaked leads never got a first touch", shape="relay",
    read="r", alt="Relay of four legs.", source="s",
    columns=[Column(name=name, label=name) for name in ("label", "holder", "n", "median_days", "p75_days", "handed_on",
                                                        "leaked", "left", "running", "note")],
    rows=[
        {"label": "Marketing nurtures", "holder": "Marketing", "n": 2700, "median_days": 20, "p75_days": None,
         "handed_on": 1200, "leaked": None, "left": 0, "running": 1500, "note": ""},
        {"label": "Handover", "holder": "waiting for a first touch", "n": 1200, "median_days": 3.0, "p75_days": 7.0,
         "handed_on": 1000, "leaked": 190, "left": 10, "running": 0, "note": "190 without a first touch"},
        {"label": "Sales works", "holder": "Sales", "n": 1000, "median_days": 17, "p75_days": 34,
         "handed_on": 240, "leaked": 50, "left": 600, "running": 110,
         "note": "30 without a next step, 20 without an owner"},
        {"label": "Sales closes", "holder": "Sales", "n": 240, "median_days": None, "p75_days": None,
         "handed_on": 85, "leaked": 0, "left": 135, "running": 20, "note": ""},
    ],
)  # fmt: skip
DRAWN = {exhibit.key: exhibit for exhibit in every_exhibit(sample_record()) if charts.drawable(exhibit)}
DRAWN |= {RELAY.key: RELAY}
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</text></svg><svg onload=alert(1)>",
    "datum.x + signal('a')",
    '{"expr": "1 + 1"}',
    "url(javascript:alert(1))",
    "]]><![CDATA[",
    "&lt;b&gt; &amp; \"'",
]


@pytest.fixture(scope="module")
def pictures() -> dict[tuple[str, int], ElementTree.Element]:
    """Every exhibit of the sample record at both widths, drawn once."""
    asked = [(exhibit, width) for exhibit in DRAWN.values() for width in (charts.WIDE, charts.NARROW)]
    made = [charts.svg(charts.chart(e, w, "EUR"), e.alt) for e, w in asked]
    return {(e.key, w): ElementTree.fromstring(text) for (e, w), text in zip(asked, made, strict=True)}


def one(exhibit: Exhibit, width: int = charts.WIDE) -> ElementTree.Element:
    return ElementTree.fromstring(charts.svg(charts.chart(exhibit, width, "EUR"), exhibit.alt))


def words_in(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter("text")]


def place(node: ElementTree.Element) -> tuple[float, float]:
    found = re.findall(r"translate\(([-\d.]+),([-\d.]+)\)", node.get("transform", ""))
    return (float(found[0][0]), float(found[0][1])) if found else (0.0, 0.0)


def marks_of(svg: ElementTree.Element, color: str) -> Iterator[ElementTree.Element]:
    return (node for node in svg.iter() if color in (node.get("fill"), node.get("stroke")))


def test_every_shape_but_a_table_can_be_drawn() -> None:
    shapes = {exhibit.shape for exhibit in DRAWN.values()}
    assert shapes == {"dumbbell", "grid", "waterfall", "stack", "intervals", "paired", "curve", "bars", "relay"}
    assert not charts.drawable(ITEMS) and not charts.drawable(UNUSED.model_copy(update={"rows": []}))


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
@pytest.mark.parametrize("key", DRAWN)
def test_a_chart_is_legible_and_keeps_within_its_frame(key: str, width: int, pictures: Any) -> None:
    svg = pictures[key, width]
    left, top, right, bottom = map(float, svg.get("viewBox").split())
    assert (left, top, right) == (0, 0, width)
    for text in svg.iter("text"):
        size, (x, y) = float(text.get("font-size").removesuffix("px")), place(text)
        assert size >= 12, text.text
        # narrower than the estimate that charts are laid out with, so that the estimate's own reserve is not a fault
        reach = span(text.text or "", int(size)) * 0.9
        start = {"start": x, "middle": x - reach / 2, "end": x - reach}[text.get("text-anchor")]
        assert start >= -2 and start + reach <= right + 2, f"{text.text!r} leaves the chart sideways"
        assert 0 <= y <= bottom, f"{text.text!r} leaves the chart"


@pytest.mark.parametrize("key", DRAWN)
def test_a_chart_says_in_words_what_it_shows_and_holds_shapes_alone(key: str, pictures: Any) -> None:
    for width in (charts.WIDE, charts.NARROW):
        svg = pictures[key, width]
        assert svg.get("role") == "img" and svg.get("aria-label") == DRAWN[key].alt
        assert {node.tag for node in svg.iter()} <= {"svg", "g", "path", "line", "rect", "circle", "text", "tspan"}
        names = {name for node in svg.iter() for name in node.attrib}
        assert not names & {"id", "class", "style", "href", "onload"} and not any(n.startswith("on") for n in names)


def test_means_stand_where_their_values_say_sales_above_marketing() -> None:
    svg = one(DUMBBELL.model_copy(update={"rows": DUMBBELL.rows[:1]}))
    sales = next(place(n) for n in marks_of(svg, SALES) if n.tag == "path")
    marketing = next(place(n) for n in marks_of(svg, MARKETING) if n.tag == "path")
    # axis 1 to 5 from pixel 196 to 608: 103 pixels a point; means 4.0 and 2.2
    assert sales[0] == pytest.approx(196 + 3.0 * 103) and marketing[0] == pytest.approx(196 + 1.2 * 103)
    assert marketing[1] - sales[1] == 16
    assert {"Sales", "Marketing", "1.8"} <= set(words_in(svg))


MIRROR = Exhibit(
    key="survey.mirror", title="t", shape="dumbbell", read="r", alt="a", source="s",
    columns=[Column(name=name, label=name, unit="points") for name in ("sales", "sales_guess", "marketing",
                                                                       "marketing_guess", "gap")],
    rows=[{"label": "Credit", "sales": 2.8, "sales_guess": 4.5, "marketing": 3.0, "marketing_guess": 1.5, "gap": 1.7},
          {"label": "Follow-up", "sales": 3.8, "sales_guess": None, "marketing": 2.3, "marketing_guess": 1.2,
           "gap": -1.1}],
)  # fmt: skip


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_hollow_marks_are_explained_on_the_chart_and_a_missing_one_is_said_to_be_withheld(width: int) -> None:
    svg, plain = one(MIRROR, width), words_in(one(DUMBBELL, width))
    said = words_in(svg)
    assert said.count("Hollow: what the other team expects it to answer") == 1 and not any("Hollow" in t for t in plain)
    assert said.count("expected: withheld") == 1 and not any("expected" in text for text in plain)
    (word,) = (n for n in marks_of(svg, SALES) if n.text == "expected: withheld")
    circles = [n for n in marks_of(svg, SALES) if n.tag == "path"]
    assert len(circles) == 3 and abs(place(word)[1] - place(circles[-1])[1]) < 6  # beside the answer it belongs to
    (name,) = (n for n in marks_of(svg, SALES) if n.text == "Sales")
    filled = next(place(n)[0] for n in circles if n.get("fill") == SALES)
    assert 0 < filled - place(name)[0] < 20 and name.get("text-anchor") == "end"  # not beside the hollow one


@pytest.mark.parametrize(("width", "left", "right"), [(charts.WIDE, 48, 570), (charts.NARROW, 48, 326)])
def test_what_was_agreed_stands_at_the_promised_time_alone_with_the_interval_that_is_judged(
    width: int, left: float, right: float
) -> None:
    rows: list[Row] = [{"label": "First touch", "day": day, "share": share, "low": share - 0.01, "high": share + 0.01}
                       for day, share in ((0, 0.01), (10, 0.7), (30, 0.9))]  # fmt: skip
    judged: Row = {"label": "First touch", "day": 1, "share": 0.44, "low": 0.38, "high": 0.51, "promised": "24 hours"}
    exhibit = DRAWN["funnel.touch"].model_copy(update={"rows": [rows[0], judged, *rows[1:]], "limit": 0.7})
    svg, at = one(exhibit, width), left + (right - left) / 30
    said = words_in(svg)
    assert {"within 24 hours", "44\u00a0% (38 to 51), agreed 70\u00a0%"} <= set(said)
    (agreed,) = [n for n in svg.iter("line") if n.get("stroke-dasharray")]
    start, length = place(agreed)[0], float(agreed.get("x2", 0))
    assert left <= start < at < start + length and length <= 60  # not across all days
    (bar,) = [n for n in svg.iter("line") if n.get("stroke-width") == "8"]
    (tick,) = [n for n in svg.iter("line") if n.get("stroke-width") == "3"]
    percent = abs(float(bar.get("y2", 0))) / 13  # the interval is as tall as 13 per cent
    assert place(bar)[0] == pytest.approx(at, abs=0.01)
    assert place(bar)[1] - place(tick)[1] == pytest.approx(6 * percent, abs=0.1)
    assert place(tick)[1] - place(agreed)[1] == pytest.approx(26 * percent, abs=0.1)
    unjudged = words_in(one(exhibit.model_copy(update={"rows": rows}), width))
    assert not any("agreed" in text for text in unjudged)


@pytest.mark.parametrize("width", [156, 212, 240])
@pytest.mark.parametrize("limit", [0.02, 0.5, 0.95])
def test_both_ends_of_a_strips_axis_are_said_wherever_the_agreed_limit_lies(width: int, limit: float) -> None:
    svg = drawn_strip(charts.interval_strip(FINDINGS[0].model_copy(update={"limit": limit}), width))
    row = sorted((n for n in svg.iter("text") if place(n)[1] < 40), key=lambda n: place(n)[0])
    assert [n.text for n in row] == ["0\u00a0%", f"agreed {100 * limit:.0f}\u00a0%", "100\u00a0%"]
    low, note, high = (span(n.text or "", 12) for n in row)
    middle = place(row[1])[0]
    assert 1 + low < middle - note / 2 and middle + note / 2 < width - 1 - high


def test_a_withheld_team_is_hatched_and_named_never_drawn_as_a_value() -> None:
    rows = [row for row in DUMBBELL.rows if row["label"] == "Credit"]
    svg = one(DUMBBELL.model_copy(update={"rows": rows}))
    assert "Marketing withheld: fewer than five answers" in words_in(svg) and "withheld" in words_in(svg)
    assert not [n for n in marks_of(svg, MARKETING) if n.tag in ("path", "line")]


def test_a_counted_value_is_called_counted_and_a_missing_one_says_why() -> None:
    said = words_in(one(UNUSED))
    assert "counted" in said and "not recorded: usage is kept for 200 days" in said
    assert "agreed 40\u00a0%" in said and "62 of 84" in said


def test_an_upper_end_alone_is_said_and_drawn_from_the_estimate_on_and_is_no_count() -> None:
    row: Row = {"label": "No owner", "value": 2_000_000, "low": None, "high": 8_000_000, "n": 28}
    described = columns(
        label=("Part", "text"), value=("Expected", "money"), low=("from", "money"), high=("to", "money")
    )
    exhibit = Exhibit(
        key="a.k", title="t", alt="a", shape="intervals", columns=described, rows=[row], read="", source=""
    )
    svg = one(exhibit)
    said = words_in(svg)
    assert "(up to €80k)" in said and "counted" not in said
    (bar,) = [n for n in svg.iter("line") if n.get("stroke-width") == "7"]
    assert float(bar.get("x2", 0)) - float(bar.get("x1", 0)) == pytest.approx(0.75 * 412, abs=1)  # 20k to 80k of 80k


def test_on_a_phone_a_count_without_room_beside_its_name_stands_below_it_in_every_row() -> None:
    rows: list[Row] = [{"label": name, "value": 0.45, "low": 0.41, "high": 0.5, "k": 1_023, "n": 1_240}
                       for name in ("Untouched past promise", "No owner")]  # fmt: skip
    described = columns(label=("Leads", "text"), value=("Share", "share"), low=("from", "share"), high=("to", "share"))
    exhibit = Exhibit(
        key="a.k", title="t", alt="a", shape="intervals", columns=described, rows=rows, read="", source=""
    )
    assert words_in(one(exhibit, charts.NARROW)).count("1,023 of 1,240") == 2
    short = exhibit.model_copy(update={"rows": rows[1:]})
    heights = [float(str(one(each, charts.NARROW).get("height"))) for each in (exhibit, short)]
    assert heights[0] - heights[1] > 44 + 18 + 16 - 1  # a row, and a line more in it


def test_what_leaked_is_in_the_accent_and_counted_by_hand() -> None:
    said = words_in(one(LEAKS))
    assert "Leaked: 139 of 480, 29\u00a0%" in said and "All 480" in said
    assert {"Leaked: 114", "Leaked: 25"} <= set(words_in(one(WATERFALL)))
    assert list(marks_of(one(WATERFALL), ACT))


@pytest.mark.parametrize(("width", "left", "right"), [(charts.WIDE, 140, 408), (charts.NARROW, 10, 288)])
def test_a_leg_begins_where_the_last_one_ended_as_long_as_its_median_and_as_thick_as_it_is_run(
    width: int, left: float, right: float
) -> None:
    svg = one(RELAY, width)
    a_day = (right - left) / 40  # the axis runs from 20 days before the handover to 20 after it; 44 pixels for closing
    lines = {color: [n for n in marks_of(svg, color) if n.tag == "line"] for color in (SALES, MARKETING)}
    bars = {color: max(found, key=lambda n: float(n.get("stroke-width", 0))) for color, found in lines.items()}
    for color, start, length, leads in ((MARKETING, -20, 20, 2700), (SALES, 3, 17, 1000)):
        assert place(bars[color])[0] == pytest.approx(left + (start + 20) * a_day, abs=0.1)
        assert abs(float(bars[color].get("x2", 0))) == pytest.approx(length * a_day, abs=0.1)
        assert float(bars[color].get("stroke-width", 0)) == pytest.approx(30 * leads / 2700, abs=0.01)
    marks = [(place(n)[0], color) for color in (SALES, MARKETING) for n in marks_of(svg, color) if n.tag == "path"]
    takeovers = sorted((round((x - left) / a_day) - 20, color) for x, color in marks)
    assert takeovers == [(-20, MARKETING), (3, SALES), (20, SALES)]


@pytest.mark.parametrize(("width", "left", "right"), [(charts.WIDE, 184, 452), (charts.NARROW, 54, 332)])
def test_a_leg_of_unknown_length_is_an_open_stub_and_takes_no_day_of_the_axis(
    width: int, left: float, right: float
) -> None:
    unknown, known = {"median_days": None, "p75_days": None}, {"median_days": 37, "p75_days": 50}
    rows = [{**RELAY.rows[0], **unknown}, *RELAY.rows[1:3], {**RELAY.rows[3], **known}]
    svg = one(RELAY.model_copy(update={"rows": rows}), width)
    (mark,) = [n for n in marks_of(svg, MARKETING) if n.tag == "path"]
    assert place(mark)[0] == pytest.approx(left - 44)  # before the handover, which is where the axis begins
    assert not [n for n in marks_of(svg, MARKETING) if n.tag == "line" and not float(n.get("x2", 0))]  # no ends
    assert {"0", "20", "40", "60"} <= set(words_in(svg)) and not any("\u2212" in text for text in words_in(svg))
    first = min(place(n)[0] for n in marks_of(svg, SALES) if n.tag == "path")
    assert first == pytest.approx(left + 3 * (right - left) / 60)


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_what_leaks_between_legs_is_counted_in_the_accent_and_only_where_it_is_known(width: int) -> None:
    svg = one(RELAY, width)
    told = [n.text for n in marks_of(svg, ACT) if n.tag == "text"]
    assert told == ["190 leaked", "50 leaked"]  # not recorded with Marketing, none while closing
    assert len([n for n in marks_of(svg, ACT) if n.get("stroke-width") == "12"]) == 2  # no team's shape
    said = " ".join(words_in(svg))
    assert "half not reached" in said and "240 handed on, 600 left, 110 running" in said
    assert "leaked: 30 without a next step, 20 without an owner" in said
    assert not list(marks_of(one(RELAY.model_copy(update={"rows": RELAY.rows[:1]}), width), ACT))


def test_a_leg_in_nobodys_hands_wears_no_teams_colour() -> None:
    svg = one(RELAY.model_copy(update={"rows": RELAY.rows[1:2]}))
    assert not list(marks_of(svg, SALES)) and not list(marks_of(svg, MARKETING)) and list(marks_of(svg, HATCH))


def test_the_accent_marks_empty_cells_only_beyond_what_was_agreed() -> None:
    assert not list(marks_of(one(COVERAGE), ACT))  # nothing agreed: nothing to act on
    assert list(marks_of(one(COVERAGE.model_copy(update={"limit": 0.2})), ACT))
    assert not list(marks_of(one(COVERAGE.model_copy(update={"limit": 0.99})), ACT))


def test_an_empty_cell_shows_the_money_and_a_row_its_sum() -> None:
    said = words_in(one(COVERAGE))
    assert {"€160k", "€1.2m", "€310k"} <= set(said)  # Health care: 40 + 160 + 110
    assert "€10k" not in said  # money where there is an asset is not counted as standing in an empty cell


@pytest.mark.parametrize(("width", "said"), [(charts.WIDE, "3 unusable"), (charts.NARROW, "0 of 3")])
def test_a_gap_that_holds_stale_assets_is_dashed_and_counted_in_words_an_empty_one_is_not(
    width: int, said: str
) -> None:
    cell = {"label": "Energy", "column": "C1", "n": 0, "amount": 5_000_000, "note": ""}
    empty, stale = (COVERAGE.model_copy(update={"rows": [cell | {"n_stale": n}]}) for n in (0, 3))
    drawn = [one(exhibit, width) for exhibit in (empty, stale)]
    assert [len([n for n in svg.iter() if n.get("stroke-dasharray")]) for svg in drawn] == [0, 4]
    assert "empty" in words_in(drawn[0]) and said in words_in(drawn[1])
    assert all("€50k" in words_in(svg) for svg in drawn)
    assert table(stale, "EUR").rows == (("Energy", "0, 3 unusable (€50k)"),)
    assert table(empty, "EUR").rows == (("Energy", "0 (€50k)"),)
    served = COVERAGE.model_copy(update={"rows": [cell | {"n": 2, "n_stale": 3}]})
    assert table(served, "EUR").rows == (("Energy", "2 (€50k)"),)  # the table tells the money of every cell


def test_a_bar_is_as_long_as_the_money_that_stands_in_its_cell_whether_it_is_served_or_not() -> None:
    rows = [{"label": "Energy", "column": f"C{i + 1}", "n": n, "n_stale": 0, "amount": amount * 100, "note": ""}
            for i, (n, amount) in enumerate([(4, 1_000_000), (0, 500_000), (0, 250_000), (2, 0), (0, 0)])]  # fmt: skip
    svg = one(COVERAGE.model_copy(update={"rows": rows, "limit": 0.1}))
    bars = {place(n)[0]: abs(float(n.get("x2", 0))) for n in svg.iter("line") if n.get("stroke-width") == "5"}
    # five columns of 96.8 pixels from pixel 140; a full bar is 76.8 long; nothing is drawn for nothing
    assert sorted(bars) == pytest.approx([149, 245.8, 342.6])
    assert [bars[x] for x in sorted(bars)] == pytest.approx([76.8, 38.4, 19.2])
    assert {float(n.get("stroke-width", 0)) for n in marks_of(svg, ACT) if n.tag == "line"} == {2.0, 5.0}


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_money_of_a_whole_segment_stands_once_beside_its_row_and_in_no_cell(width: int) -> None:
    rows = [{**row, "amount": None, "standing": 4_200_000, "note": ""} for row in COVERAGE.rows if row["n"] is not None]
    named = [*COVERAGE.columns, Column(name="standing", label="Open pipeline of the segment", unit="money")]
    exhibit = COVERAGE.model_copy(update={"rows": rows, "columns": named})
    svg, told = one(exhibit, width), table(exhibit, "EUR")
    assert told.head[-1] == "Open pipeline of the segment" and {row[-1] for row in told.rows} == {"€42k"}
    assert words_in(svg).count("€42k") == 6 and "open pipeline" in " ".join(words_in(svg))
    assert not [n for n in svg.iter("line") if n.get("stroke-width") == "5"]


@pytest.mark.parametrize(("direction", "from_", "to"), [("at_least", 3, 147.2), ("at_most", 147.2, 209)])
def test_the_tint_of_a_strip_lies_on_the_bad_side(direction: str, from_: float, to: float) -> None:
    finding = FINDINGS[0].model_copy(update={"direction": direction})
    strip = charts.interval_strip(finding)
    svg = ElementTree.fromstring(charts.svg(strip, "strip"))
    tint = next(marks_of(svg, ZONE))
    x = place(tint)[0]
    ends = sorted([x, x + float(tint.get("x2", 0))])
    assert ends == pytest.approx([from_, to], abs=0.2)
    assert "agreed 70\u00a0%" in words_in(svg)


def test_a_finding_without_a_figure_has_no_strip() -> None:
    withheld = Finding(
        key="survey.gap.credit", theme="credit", title="t", detail="d", level="unclear", rule="r",
        measure=Measure(value=None, unit="points"),
    )  # fmt: skip
    assert charts.interval_strip(withheld) is None


def drawn_strip(strip: Any) -> ElementTree.Element:
    return ElementTree.fromstring(charts.svg(strip, "strip"))


def test_a_range_over_rules_is_an_arrow_with_two_heads_and_no_estimate() -> None:
    (credit,) = [finding for finding in FINDINGS if finding.key == "funnel.credit_claim"]
    svg = drawn_strip(charts.interval_strip(credit))
    assert {"range over rules", "claim 40\u00a0%"} <= set(words_in(svg))  # one team's, which nobody agreed on
    strokes = [n for n in svg.iter("line") if n.get("stroke-width") == "1.4"]
    assert len(strokes) == 1 + 4 and not [n for n in svg.iter("line") if n.get("stroke-width") in ("3", "6")]
    # axis 0 to 1 from pixel 3 to 209
    assert place(strokes[0])[0] == pytest.approx(3 + 0.18 * 206, abs=0.1)
    bounds = credit.model_copy(update={"measure": credit.measure.model_copy(update={"method": "bounds", "value": 0.3})})
    svg = drawn_strip(charts.interval_strip(bounds))  # no interval, but an estimate, and its limit is agreed
    assert {"bounds", "agreed 40\u00a0%"} <= set(words_in(svg))
    assert [n.get("stroke-width") for n in svg.iter("line")].count("1.4") == 5
    assert not [n for n in svg.iter("line") if n.get("stroke-width") == "6"]


@pytest.mark.parametrize(("width", "left", "right"), [(charts.WIDE, 196, 608), (charts.NARROW, 8, 334)])
def test_what_the_data_say_stands_between_what_the_teams_guessed(width: int, left: float, right: float) -> None:
    svg = one(GUESSES.model_copy(update={"rows": GUESSES.rows[:1]}), width)
    sales, marketing = (next(place(n) for n in marks_of(svg, c) if n.tag == "path") for c in (SALES, MARKETING))
    tick = next(place(n) for n in svg.iter("line") if n.get("stroke-width") == "3")
    assert [x for x, _ in (sales, tick, marketing)] == pytest.approx(
        [left + share * (right - left) for share in (0.82, 0.45, 0.35)], abs=0.1
    )
    assert sales[1] + 36 == marketing[1] and tick[1] + 9 == sales[1] + 18
    said = words_in(svg)
    assert {"82", "35", "measured", "Sales", "Marketing", "The data say"} <= set(said)
    assert any(text.startswith("45\u00a0%") for text in said)


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_a_guess_is_set_against_a_range_a_count_or_nothing_and_says_which(width: int) -> None:
    svg = one(GUESSES, width)
    said = words_in(svg)
    assert "counted" in said and "Marketing: withheld" in said and "not recorded" in said and "not judged" in said
    assert "18 to 64\u00a0%" in said and any(text.endswith("over five rules") for text in said)
    assert len([n for n in svg.iter("line") if n.get("stroke-width") == "1.4"]) == 5


def test_what_was_said_of_a_conversation_shows_both_teams_or_a_hatch_and_nothing_when_nothing_was() -> None:
    both, one_team, none = (charts.said_strip(CONVERSATIONS.rows[i]) for i in (0, 2, 4))
    svg, half = drawn_strip(both), drawn_strip(one_team)
    x = next(place(n)[0] for n in marks_of(svg, SALES) if n.tag == "path")
    assert x == pytest.approx(8 + (2.4 - 1) / 4 * 140) and not list(marks_of(svg, HATCH))
    assert list(marks_of(half, SALES)) and not list(marks_of(half, MARKETING)) and list(marks_of(half, HATCH))
    assert none is None


def test_what_happened_in_a_conversation_is_set_against_its_floor_or_not_drawn() -> None:
    assert charts.happened_strip(CONVERSATIONS.rows[0]) is None
    svg = drawn_strip(charts.happened_strip(CONVERSATIONS.rows[3]))
    assert "agreed 70\u00a0%" in words_in(svg) and place(next(marks_of(svg, ZONE)))[0] == pytest.approx(3)


def test_a_docket_and_a_strip_are_no_single_chart() -> None:
    assert not charts.drawable(DOCKET) and not charts.drawable(CONVERSATIONS)
    assert charts.left_out(DOCKET) == 0


def test_a_long_label_is_cut_visibly_and_the_table_has_all_of_it() -> None:
    long = "Public sector, regional and municipal administrations"
    said = words_in(one(COVERAGE, charts.NARROW))
    assert not any(long in text for text in said)
    assert any(text.startswith("Public sector") and text.endswith("…") for text in said)
    assert long in [row[0] for row in table(COVERAGE, "EUR").rows]
    assert fitted("W" * 500, 100).endswith("…") and span(fitted("W" * 500, 100)) <= 100


def test_a_long_list_shows_its_first_rows_and_says_how_many_are_left_out() -> None:
    rows = [{"label": f"Topic {i}", "value": i, "n": 60, "note": ""} for i in range(60)]
    long = Exhibit(
        key="content.inventory", title="t", shape="bars", rows=rows, read="r", alt="a", source="s",
        columns=[Column(name="label", label="Topic"), Column(name="value", label="Assets", unit="count")],
    )  # fmt: skip
    said = words_in(one(long))
    assert charts.left_out(long) == 36 and "Topic 23" in said and "Topic 24" not in said
    assert len(table(long).rows) == 60


@pytest.mark.parametrize(
    "key", ["survey.blocks", "content.coverage", "funnel.waterfall", "funnel.leaks", "funnel.touch", "funnel.relay"]
)
def test_a_hostile_label_stays_a_label(key: str) -> None:
    exhibit = DRAWN[key]
    rows = [{**row, "label": HOSTILE[i % len(HOSTILE)], "note": HOSTILE[0]} for i, row in enumerate(exhibit.rows)]
    chart = charts.chart(exhibit.model_copy(update={"rows": rows, "alt": HOSTILE[1]}), 720, "EUR")
    text = charts.svg(chart, HOSTILE[1])
    svg = ElementTree.fromstring(text)
    assert not {node.tag for node in svg.iter()} & {"script", "img", "foreignObject"}
    assert "<script" not in text and "<img" not in text and any("script" in said for said in words_in(svg))


def test_a_brands_colours_take_the_place_of_the_teams_and_of_nothing_else() -> None:
    text = charts.svg(charts.chart(DUMBBELL, 720), "a", {SALES: "#123456", MARKETING: "#654321"})
    plain = charts.svg(charts.chart(DUMBBELL, 720), "a")
    assert SALES not in text and MARKETING not in text
    assert text.replace("#123456", SALES).replace("#654321", MARKETING) == plain


def test_an_axis_starts_at_zero_and_covers_every_value() -> None:
    for low, high, unit in [
        (0, 0.93, "share"),
        (0.2, 0.4, "share"),
        (0, 7, "count"),
        (-0.3, 2.2, "points"),
        (0, 0, "count"),
    ]:
        marks = axis(low, high, unit)
        assert marks[0] <= min(low, 0) and marks[-1] >= high and 0 in marks and len(marks) <= 7
        assert unit != "share" or marks[-1] <= 1


def _paired(unit: Any, **ends: float) -> Exhibit:
    names = {"label": "text", "sales": "share", "sales_low": "share", "sales_high": "share", "marketing": "share"}
    return Exhibit(
        key="survey.estimates", title="t", shape="paired", read="r", alt="a", source="s",
        columns=[*(Column(name=name, label=name, unit=of) for name, of in names.items()),
                 Column(name="gap", label="Effort less plan", unit=unit)],
        rows=[{"label": "Accepted", "sales": 0.8, "marketing": 0.3, "gap": 0.5, **ends}],
    )  # fmt: skip


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_a_difference_of_shares_names_its_unit_above_its_figures(width: int) -> None:
    drawn = charts.svg(charts.chart(_paired("pp"), width), "a")
    said = words_in(ElementTree.fromstring(drawn))
    assert "percentage points" in " ".join(said) and "50" in said


def test_the_axis_covers_the_intervals_of_both_teams() -> None:
    drawn = charts.chart(_paired("pp", sales_low=0.72, sales_high=0.89))
    assert (drawn.low, drawn.high) == (0.0, 1.0)
