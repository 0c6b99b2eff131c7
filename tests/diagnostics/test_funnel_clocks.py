"""Two clocks and one dictionary: scorecards and stage readings to count by eye, then worlds with and without gaps."""

from typing import Any

import pytest

from alignlib import charts
from alignlib.diagnostics.funnel import readings, scorecards
from alignlib.engagement import Settings, parse_settings
from alignlib.result import Exhibit, Part


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC, stages: {Lead: inquiry, Handed: mql, Accepted: sal}}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def card(*metrics: str) -> dict[str, list[dict[str, Any]]]:
    """'sales Win rate;90;0;o;r' -> one metric: days between reviews, days until revenue, outcome, tied to revenue.

    '?' is not recorded; 'a' counts activity, '-' is not tied to revenue.
    """
    flags = {"o": True, "a": False, "r": True, "-": False, "?": None}
    rows = []
    for metric in metrics:
        name, review, lag, kind, link = metric.split(";")
        team, name = name.split(" ", 1)
        days = {"review_days": review, "lag_days": lag}
        rows.append({"team": team, "metric": name, "is_outcome": flags[kind], "is_revenue_linked": flags[link]}
                    | {key: None if value == "?" else int(value) for key, value in days.items()})  # fmt: skip
    return {"scorecards": rows}


CARDS = ("sales Revenue won;30;0;o;r", "sales Win  rate;90;10;o;r", "sales Renewals;90;180;o;r", "sales Calls;7;91;a;-",
         "marketing Visits;7;240;a;-", "marketing win RATE;30;10;o;r", "marketing Brand known;90;400;o;-")  # fmt: skip


def shown(part: Part) -> Exhibit:
    (exhibit,) = part.exhibits
    return exhibit


def of(part: Part) -> dict[str, Any]:
    return {finding.key: finding for finding in part.findings}


def test_metrics_stand_on_one_axis_by_the_days_until_revenue(make_tables: Any) -> None:
    part = scorecards.part(make_tables(card(*CARDS)), settings())
    assert [(row["label"], row["value"], row["review"], row["kind"], row["linked"]) for row in shown(part).rows] == [
        ("Sales: Revenue won", 0, 30, "outcome", "yes"),
        ("Marketing: win RATE", 10, 30, "outcome", "yes"),
        ("Sales: Win  rate", 10, 90, "outcome", "yes"),
        ("Sales: Calls", 91, 7, "activity", "no"),
        ("Sales: Renewals", 180, 90, "outcome", "yes"),
        ("Marketing: Visits", 240, 7, "activity", "no"),
        ("Marketing: Brand known", 400, 90, "outcome", "no"),
    ]
    assert charts.chart(shown(part)) is not None and charts.chart(shown(part), charts.NARROW) is not None


def test_the_title_says_both_medians_their_gap_and_what_is_on_both_cards(make_tables: Any) -> None:
    part = scorecards.part(make_tables(card(*CARDS)), settings())
    assert shown(part).title == ("Marketing’s metrics show in revenue after 240 days (median), Sales’ after 50 days: "
                                 "190 days apart; one metric on both cards")  # fmt: skip
    assert shown(part).lead.startswith("Sales: 4 metrics, reviewed every 60 days (median); 3 of 4 counting results "
                                       "rather than activity, 3 of 4 tied to revenue, 2 of 4 looking beyond 90 days. "
                                       "Marketing: 3 metrics, reviewed every 30 days")  # fmt: skip
    assert "1 of 3 tied to revenue, 2 of 3 looking beyond" in shown(part).lead
    assert "how many long ones each card keeps" in shown(part).read


def test_metrics_tied_to_revenue_and_long_metrics_are_counted_without_an_interval(make_tables: Any) -> None:
    found = of(scorecards.part(make_tables(card(*CARDS)), settings()))
    linked, late = found["funnel.revenue_linked"], found["funnel.long_view"]
    assert (linked.measure.k, linked.measure.n, linked.measure.low, linked.measure.method) == (1, 3, None, "counted")
    assert (late.measure.k, late.measure.n) == (2, 4)  # 91 and 180 days; 90 itself would not count
    assert linked.theme == late.theme == "metrics"
    exact = of(scorecards.part(make_tables(card("sales A;1;90;o;r", "sales B;1;91;o;r")), settings()))
    assert exact["funnel.long_view"].measure.k == 1


@pytest.mark.parametrize(("limit", "level", "start"), [
    (0.3, "good", "Marketing has 1 of 3 metrics tied to revenue, as agreed"),
    (0.5, "act", "Marketing has only 1 of 3 metrics tied to revenue"),
    (None, "unclear", "Marketing has 1 of 3 metrics tied to revenue"),
])  # fmt: skip
def test_a_count_is_judged_by_its_value(limit: float | None, level: str, start: str, make_tables: Any) -> None:
    agreed = {} if limit is None else {"revenue_linked": limit}
    found = of(scorecards.part(make_tables(card(*CARDS)), settings(thresholds=agreed)))["funnel.revenue_linked"]
    assert (found.level, found.title) == (level, start)
    assert bool(found.settle) == (level == "unclear")


def test_what_a_card_leaves_blank_counts_neither_way(make_tables: Any) -> None:
    blank = card("sales A;?;?;?;?", "sales B;30;120;o;r", "marketing C;30;10;?;?", "marketing D;30;20;a;?")
    part = scorecards.part(make_tables(blank), settings())
    late = of(part)["funnel.long_view"]
    assert (late.measure.k, late.measure.n) == (1, 1) and "1 further metric without an entry" in late.detail
    assert list(of(part)) == ["funnel.long_view"]
    assert [gap.why for gap in part.not_judged] == ["its scorecard does not say"]
    unknown = shown(part).rows[-1]
    assert (unknown["label"], unknown["value"], unknown["kind"]) == ("Sales: A", None, "not recorded")
    assert "not recorded" in unknown["note"]


def test_one_card_alone_is_shown_and_not_compared(make_tables: Any) -> None:
    part = scorecards.part(make_tables(card("sales A;30;0;o;r", "sales B;30;200;o;r")), settings())
    assert "cannot be compared" in shown(part).title and list(of(part)) == ["funnel.long_view"]
    assert [(gap.what, gap.why) for gap in part.not_judged] == [
        ("How many metrics tied to revenue Marketing has", "its scorecard was not delivered"),
    ]


def test_no_card_and_no_sheet_are_named_and_never_good(make_tables: Any) -> None:
    for module, theme in ((scorecards, "metrics"), (readings, "common_language")):
        part = module.part(make_tables({}), settings())
        assert not part.findings and not part.exhibits
        assert [gap.theme for gap in part.not_judged] == [theme] and part.not_judged[0].settle


def test_a_planted_pair_of_clocks_is_found_and_equal_cards_show_no_gap(make_tables: Any) -> None:
    agreed = settings(thresholds={"revenue_linked": 0.5, "long_view": 0.2})
    short = [f"sales S{i};30;{i};o;r" for i in range(6)]
    vain = [f"marketing M{i};7;{300 + i};a;-" for i in range(6)]
    planted = scorecards.part(make_tables(card(*short, *vain)), agreed)
    assert [finding.level for finding in planted.findings] == ["act", "act"]
    assert [finding.title for finding in planted.findings] == [
        "Marketing has only 0 of 6 metrics tied to revenue", "Sales has only 0 of 6 metrics looking beyond 90 days",
    ]  # fmt: skip
    same = [f"{team} M{i};30;{40 * i};o;r" for i in range(6) for team in ("sales", "marketing")]
    null = scorecards.part(make_tables(card(*same)), agreed)
    assert [finding.level for finding in null.findings] == ["good", "good"]
    assert shown(null).title.endswith("0 days apart; six metrics on both cards")


def test_the_order_of_metrics_changes_nothing(make_tables: Any) -> None:
    rows = [{**row, "record": i} for i, row in enumerate(card(*CARDS)["scorecards"])]
    for module, table, given in ((scorecards, "scorecards", rows), (readings, "stage_readings", sheet(*SHEET))):
        one, other = (module.part(make_tables({table: part}), settings()) for part in (given, given[::-1]))
        assert one == other


def sheet(*labels: str) -> list[dict[str, Any]]:
    """'Lead|inquiry|mql' -> Sales reads Lead as inquiry, Marketing as mql; '' is no stage at all, '?' no answer."""
    rows = []
    for line in labels:
        label, *stages = line.split("|")
        for team, stage in zip(("sales", "marketing"), stages, strict=True):
            if stage != "?":
                rows.append({"team": team, "label": label, "stage": stage or None, "record": len(rows)})
    return rows


# Read alike: Lead, Trash (no stage at all) and Won. Disputed: Handed, Working. Not read by both: Parked.
SHEET = ("Lead|inquiry|inquiry", "Handed|mql|sal", "Working|sql|", "Trash||", "Won|won|won", "Parked|recycled|?")


def test_labels_read_alike_are_counted_and_disputed_ones_come_first(make_tables: Any) -> None:
    part = readings.part(make_tables({"stage_readings": sheet(*SHEET)}), settings())
    found = of(part)["funnel.readings"]
    assert (found.measure.k, found.measure.n) == (3, 5) and found.theme == "common_language"
    assert (found.measure.low, found.measure.method) == (None, "counted") and found.detail.startswith(
        "Counted: 3 of 5 "
    )
    assert [tuple(row.values()) for row in shown(part).rows] == [
        ("Handed", "Handed over", "Accepted", "Handed over (MQL)", "no"),
        ("Working", "Qualified", "no stage", "not in the settings", "no"),
        ("Won", "Won", "Won", "not in the settings", "yes"),
        ("Lead", "Inquiry", "Inquiry", "Inquiry", "yes"),
        ("Trash", "no stage", "no stage", "not in the settings", "yes"),
        ("Accepted", "not answered", "not answered", "Accepted (SAL)", "not judged"),
        ("Parked", "Recycled", "not answered", "not in the settings", "not judged"),
    ]
    assert shown(part).title == "Both teams read 3 of 5 stage labels alike"


def test_sheet_and_settings_that_do_not_meet_are_caveats(make_tables: Any) -> None:
    rows = sheet("LEAD |mql|mql", *SHEET[1:])
    rows.append({"team": "sales", "label": "won", "stage": "lost", "record": 99})
    part = readings.part(make_tables({"stage_readings": rows}), settings())
    assert part.caveats == [
        "1 stage label read alike by both teams and taken otherwise by this audit: LEAD .",
        "1 stage label read by one team alone, which counts nowhere: Parked.",
        "1 stage label written twice by one team, of which the first counts: Won.",
    ]
    assert shown(part).rows[2]["label"] == "LEAD " and shown(part).rows[2]["settings"] == "Inquiry"


def test_one_team_alone_is_not_judged(make_tables: Any) -> None:
    part = readings.part(make_tables({"stage_readings": sheet("Lead|inquiry|?", "Won|won|?")}), settings())
    assert not part.findings and not part.exhibits
    assert part.not_judged[0].settle == "a sheet on which each team wrote alone what each stage label means"


def test_kappa_of_the_sheet_is_that_of_a_published_table(make_tables: Any) -> None:
    """Cohen 1960's measure on the table of the Wikipedia article on Cohen’s kappa: 20, 5, 10 and 15 of 50, 0.40."""
    cells = (("mql", "mql", 20), ("mql", "sal", 5), ("sal", "mql", 10), ("sal", "sal", 15))
    lines = [f"{one}{other}{i}|{one}|{other}" for one, other, n in cells for i in range(n)]
    part = readings.part(make_tables({"stage_readings": sheet(*lines)}), settings())
    assert shown(part).lead.startswith("Cohen’s kappa 0.40 (0.")
    assert "kappa" not in part.findings[0].detail and "35 of 50 labels read alike" in part.findings[0].detail


def test_full_agreement_is_good(make_tables: Any) -> None:
    agreed = settings(thresholds={"readings_alike": 0.7})
    stages = ("inquiry", "mql", "sal", "sql", "opportunity", "won", "lost", "recycled", "disqualified", "")
    alike = readings.part(make_tables({"stage_readings": sheet(*(f"L{s}|{s}|{s}" for s in stages))}), agreed)
    assert alike.findings[0].level == "good"
    assert shown(alike).title == "Both teams read 10 of 10 stage labels alike"
    assert shown(alike).lead.startswith("Cohen’s kappa 1.00 (")


@pytest.mark.parametrize("alike", [9, 3, 1, 0])
def test_labels_are_counted_and_judged_by_their_value(alike: int, make_tables: Any) -> None:
    rows = sheet(*(f"L{i}|mql|{'mql' if i < alike else 'sal'}" for i in range(9)))
    found = readings.part(make_tables({"stage_readings": rows}), settings(thresholds={"readings_alike": 0.7}))
    assert found.findings[0].level == ("good" if alike == 9 else "act")
    said = {9: "Both teams read 9 of 9 stage labels alike, as agreed"}
    assert found.findings[0].title == said.get(alike, f"Only {alike} of 9 stage labels are read alike")


def test_names_of_metrics_and_labels_are_data_and_never_code(make_tables: Any) -> None:
    odd = "x'); drop table scorecards; --"
    part = scorecards.part(make_tables(card(f"sales {odd.replace(';', ',')};1;1;o;r")), settings())
    assert odd.replace(";", ",") in str(shown(part).rows[0]["label"])
    part = readings.part(make_tables({"stage_readings": sheet(f"{odd}|mql|mql")}), settings())
    assert odd in {row["label"] for row in shown(part).rows}
